/*
 * dump: what a dialect decoded as JSON text, and JSON as the rows it encodes. For test cases; docs in test/dialect/README.md.
 *
 * A column is named by its field; what differs from the plain case follows the name:
 *   "input:chat_messages"     the value carries that type hint
 *   "start_ns@HINT+FIRST"     stated at that rank, direction or map mode (plain: SAID, LATEST, REPLACE)
 * Types and levels are words, times nanoseconds, JSON columns JSON, null an explicit null.
 */
#ifndef TEST_SUPPORT_DUMP_H
#define TEST_SUPPORT_DUMP_H

#include "model/model.h"
#include "query/query.h"

/* The events of a batch as a JSON array, in the order they were made. */
struct str dump_events(struct arena *a, const struct batch *b);
struct str dump_removals(struct arena *a, const struct batch *b);
/* A question as JSON: entity, filters, order, limit, cursor, with. */
struct str dump_query(struct arena *a, const struct query *q);
/* {"entity","scope","id","identity","created_ns","updated_ns","cols":{...},"derived":{...},"observations":[...],"scores","records","parent",
 * "text_input","text_output","user_effective","alias","sibling"}; what is missing is unset. Aborts on an unknown name. */
struct row dump_row(struct arena *a, struct json v);
/* An array of them. */
struct row *dump_rows(struct arena *a, struct json v, size_t *n);

#endif
