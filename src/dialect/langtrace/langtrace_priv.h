/*
 * langtrace_priv: what the files of this folder share. Numbers in comments are sections of langtrace.md.
 *
 * langtrace.c   routes, errors, small helpers        accounts.c     projects and keys (4, 5)
 * ingest.c      taking spans (3)                     tests.c        manual evaluators (4, 8)
 * read_spans.c  Langtrace's own span list (3)        evaluations.c  evaluations and feedback (8)
 * traces.c      POST /traces (7)                     datasets.c     datasets and runs (8)
 * span.c        a span as Langtrace shows it (7, 11)
 * prompts.c, prompts_edit.c, prompts_priv.h          prompt sets and prompts (6, 8)
 */
#ifndef DIALECT_LANGTRACE_PRIV_H
#define DIALECT_LANGTRACE_PRIV_H

#include "dialect/otlp/otlp.h"
#include "dialect/records.h"

/* ---- langtrace.c ---- */

#define LANGTRACE_UNAUTHORIZED "Unauthorized. Invalid API key"

/* The body as an object. */
MUST_CHECK enum status langtrace__body(struct call *c, struct json *out, struct err *err);
/* A member that is text when it is there; null counts as absent. */
MUST_CHECK enum status langtrace__text(struct json body, const char *name, struct str *out, struct err *err);
/* A project named in the body must be the key's own. */
MUST_CHECK enum status langtrace__check_home(const struct call *c, struct json body, struct err *err);
/* A span id in any spelling (1), as it may stand in a query too; absent when there is none. */
struct str langtrace__span_id(struct arena *a, struct str s);
struct str langtrace__trace_id(struct arena *a, struct str s);
/* Parsed JSON text of a column; JSON_NONE when there is none. */
struct json langtrace__parsed(struct arena *a, struct str text);
/* The text of a finished buf, moved into the arena; never absent. */
struct str langtrace__taken(struct arena *a, struct buf *out);
/* "createdAt" and the like: ISO-8601 with milliseconds. */
void langtrace__kv_time(struct jw *w, const char *key, int64_t ns);
/* A string member; absent is "", because the published schemas know no null (1). */
void langtrace__kv_text(struct jw *w, const char *key, struct str s);

/* ---- read_spans.c ---- */

/* Read a JSON array of spans and map each. What cannot be kept is counted in `tally`, with its place, and rejected in the batch, which gets a
 * result for each span. ST_TOO_LARGE: the batch would pass its bound. */
MUST_CHECK enum status langtrace__read_spans(
    struct batch *b, struct json list, struct otlp_mapper *mapper, struct otlp_tally *tally, struct err *err);

/* ---- span.c ---- */

/* One span as an object whose every value is a string. t: its trace, for what foreign spans do not say themselves. */
void langtrace__write_span(struct jw *w, struct arena *a, const struct row *o, const struct row *t);
/* "llm", "vectordb", "framework"; absent: a span of the session itself. */
struct str langtrace__service_type(struct arena *a, const struct row *o);
/* "2024-08-08T21:25:30.275984Z", "" for TIME_NONE; and the milliseconds between two times, "0" unless both are known. */
void langtrace__kv_time_us(struct jw *w, const char *key, int64_t ns);
void langtrace__kv_duration(struct jw *w, const char *key, struct arena *a, int64_t start_ns, int64_t end_ns);

/* ---- tests.c ---- */

#define LANGTRACE_TEST_KIND "evaluator"
struct str langtrace__test_name(struct arena *a, const struct row *test);
void langtrace__write_test(struct jw *w, const struct call *c, const struct row *test);
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
ASK(traces_ask);
ASK(promptset_ask);
ASK(new_set_ask);
ASK(set_ask);
ASK(new_prompt_ask);
ASK(prompt_ask);
ASK(evaluation_ask);
ASK(feedback_ask);
ASK(new_evaluation_ask);
ASK(evaluation_put_ask);
ASK(data_ask);
ASK(download_ask);
WRITE(nothing_write);
WRITE(new_project_write);
WRITE(new_test_write);
WRITE(trace_write);
WRITE(new_set_write);
WRITE(set_write);
WRITE(set_remove);
WRITE(new_prompt_write);
WRITE(prompt_write);
WRITE(new_evaluation_write);
WRITE(evaluation_put_write);
WRITE(new_dataset_write);
WRITE(data_write);
WRITE(run_write);
REPLY(new_project_reply);
REPLY(new_key_reply);
REPLY(project_reply);
REPLY(health_reply);
REPLY(tests_reply);
REPLY(new_test_reply);
REPLY(trace_reply);
REPLY(traces_reply);
REPLY(promptset_reply);
REPLY(set_reply);
REPLY(prompt_reply);
REPLY(evaluation_reply);
REPLY(feedback_reply);
REPLY(evaluation_edit_reply);
REPLY(new_dataset_reply);
REPLY(data_reply);
REPLY(download_reply);
REPLY(run_reply);
#undef ASK
#undef WRITE
#undef REPLY

#endif
