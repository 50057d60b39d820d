/*
 * records: what people make and edit beside traces, whichever product they use: prompts, datasets, evaluators, experiments.
 *
 * Row       scope = kind, name, parent_id, seq (version number or place), status, time_ns (made at), body (JSON object)
 * Edits     come one at a time, so a body is read, changed and written whole.
 * Kinds     that more than one product uses have a header of their own: prompts.h, datasets.h.
 */
#ifndef DIALECT_RECORDS_H
#define DIALECT_RECORDS_H

#include "dialect/dialect.h"

#define RECORDS_MAX 10000 /* rows of one question */

/* ---- questions: of the caller's project, with bodies ---- */

/* Records of a kind by seq, the smallest first; more filters may follow. */
struct ask *records_find(struct call *c, const char *kind);
/* The same, those that belong to a record. */
struct ask *records_find_parts(struct call *c, const char *kind, struct str parent_id);
/* The same, those whose column has this text. */
struct ask *records_find_by(struct call *c, const char *kind, unsigned column, struct str value);
/* The same without bodies and however many there are: what goes when `value`, which they belong to, does. */
struct ask *records_find_all_of(struct call *c, const char *kind, unsigned column, struct str value);
struct ask *records_get(struct call *c, const char *kind, struct str id);

/* ---- answers ---- */

/* The body, parsed; JSON_NONE when there is none. */
struct json records_body(struct arena *a, const struct row *r);
/* When it was made: as stated, else receipt. */
int64_t records_time(const struct row *r);
/* The row of that id, or NULL. */
const struct row *records_with_id(const struct ask *ask, struct str id);

/* ---- writing ---- */

struct event *records_put(struct call *c, struct batch *b, const char *kind, struct str id);
void records_remove(struct call *c, struct batch *b, const char *kind, struct str id);
void records_remove_all(struct call *c, struct batch *b, const char *kind, const struct ask *ask);
/* An id that no other record has: of kind, project, time and place in the request. 24 hex digits. */
struct str records_new_id(const struct call *c, const char *kind, size_t place);
/* The id of the one record that these words name, "run", experiment, run id: the same words, the same id. 24 hex digits. */
struct str records_id_of(struct arena *a, const struct str *words, size_t n);

/* A member of a body to be written: JSON text; absent: as it was; empty (RECORDS_GONE): taken out. */
struct record_member {
    const char *name;
    struct str json;
};
#define RECORDS_GONE STR("")
/* The object `old` (JSON_NONE: empty) with those members. */
struct str records_body_with(struct arena *a, struct json old, const struct record_member *members, size_t n);
/* JSON text of a string; absent stays absent. */
struct str records_quoted(struct arena *a, struct str s);

#endif
