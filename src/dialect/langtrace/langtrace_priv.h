/*
 * langtrace_priv: what the files of this folder share. Numbers in comments are sections of langtrace.md.
 *
 * langtrace.c   routes, errors, small helpers        accounts.c   projects and keys (4, 5)
 * tests.c       manual evaluators (4, 8)
 */
#ifndef DIALECT_LANGTRACE_PRIV_H
#define DIALECT_LANGTRACE_PRIV_H

#include "dialect/dialect.h"

/* ---- langtrace.c ---- */

#define LANGTRACE_UNAUTHORIZED "Unauthorized. Invalid API key"

/* The body as an object. */
MUST_CHECK enum status langtrace__body(struct call *c, struct json *out, struct err *err);
/* A member that is text when it is there; null counts as absent. */
MUST_CHECK enum status langtrace__text(struct json body, const char *name, struct str *out, struct err *err);
/* Parsed JSON text of a column; JSON_NONE when there is none. */
struct json langtrace__parsed(struct arena *a, struct str text);
/* The text of a finished buf, moved into the arena; never absent. */
struct str langtrace__taken(struct arena *a, struct buf *out);
/* A fresh id for the place-th thing of this kind that this request makes. */
struct str langtrace__new_id(const struct call *c, const char *kind, size_t place);
/* "createdAt" and the like: ISO-8601 with milliseconds. */
void langtrace__kv_time(struct jw *w, const char *key, int64_t ns);
/* A string member; absent is "", because the published schemas know no null (1). */
void langtrace__kv_text(struct jw *w, const char *key, struct str s);

/* ---- tests.c ---- */

/* The tests every project begins with, as events for that project. */
void langtrace__default_tests(struct call *c, struct batch *b, int32_t project);

#define ASK(name)   enum status langtrace__##name(struct call *c, struct err *err)
#define WRITE(name) enum status langtrace__##name(struct call *c, struct batch *b, struct err *err)
#define REPLY(name) void langtrace__##name(struct call *c, struct reply *r)
ASK(no_ask);
ASK(new_project_ask);
ASK(new_key_ask);
ASK(project_ask);
ASK(tests_ask);
WRITE(nothing_write);
WRITE(new_project_write);
WRITE(new_test_write);
REPLY(new_project_reply);
REPLY(new_key_reply);
REPLY(project_reply);
REPLY(health_reply);
REPLY(tests_reply);
REPLY(new_test_reply);
#undef ASK
#undef WRITE
#undef REPLY

#endif
