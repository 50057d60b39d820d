/*
 * rest_priv: what the routes of section 9 share: prompts, datasets, evaluators, experiments, annotations. Their bodies say no in the way
 * of LangWatch's newer routes (langwatch.md 2.4).
 */
#ifndef DIALECT_LANGWATCH_REST_PRIV_H
#define DIALECT_LANGWATCH_REST_PRIV_H

#include "dialect/langwatch/langwatch_priv.h"
#include "dialect/datasets.h"
#include "dialect/prompts.h"

/* ---- rest.c ---------------------------------------------------------------------------------------------------------- */

/* The body, which must be a JSON object: 400 malformed_request, 422 validation_error. */
MUST_CHECK enum status langwatch__newer_body(struct call *c, struct json *body, struct err *err);
/* The same, checked: 422 for what `check` finds. */
MUST_CHECK enum status langwatch__checked_body(
    struct call *c, void (*check)(struct issues *, struct json), struct json *body, struct err *err);
/* {"error": code, "message": text} */
MUST_CHECK enum status langwatch__fail_code(
    struct call *c, struct err *err, enum status st, const char *code, struct str text);
/* A member as RFC 3339 text with milliseconds; TIME_NONE: null. */
void langwatch__kv_time(struct jw *w, const char *key, int64_t ns);
/* A member that is left out when it is absent or null. */
void langwatch__kv_opt(struct jw *w, const char *key, struct json v);
/* The same that is null then. */
void langwatch__kv_null(struct jw *w, const char *key, struct json v);
/* A query parameter as a whole number: `none` when it is not there; false when it is no number in low..high. */
bool langwatch__query_number(
    const struct call *c, const char *name, int64_t none, int64_t low, int64_t high, int64_t *out);

/* Numbers and words optional in a body: absent and null are fine. Each is false and an issue otherwise. */
bool langwatch__is_filled(
    struct issues *is, const struct at *at, struct json v, bool optional); /* a string that is not empty */

/* ---- prompts: decode_prompt.c, encode_prompt.c, prompts.c, prompt_tags.c ----------------------------------------------- */

#define LANGWATCH_PROMPT_MODEL "openai/gpt-4o-mini" /* shown where nobody named one */

enum { LANGWATCH_PROMPT_MEMBERS = 11 };
/* A version to be written, put together from a request and the version it follows (row NULL: none). */
struct prompt_draft {
    struct record_member members[LANGWATCH_PROMPT_MEMBERS];
    size_t n_members;
    bool is_chat;
};
void langwatch__check_prompt(struct issues *is, struct json body, bool is_new);
void langwatch__check_config(struct issues *is, struct json body);
/* From the camel-cased body of POST and PUT, or from the snake-cased configData of sync. */
MUST_CHECK enum status langwatch__draft_prompt(struct call *c, struct json body,
    const struct prompt_version *old, struct prompt_draft *out, struct err *err);
MUST_CHECK enum status langwatch__draft_config(struct call *c, struct json config, struct json parameters,
    const struct prompt_version *old, struct prompt_draft *out, struct err *err);

/* The system message of a content, and the rest of its messages as JSON text of an array. */
struct str langwatch__system_of(struct arena *a, struct json content);
void langwatch__write_messages(struct jw *w, struct arena *a, struct json content, bool with_system);
void langwatch__write_prompt(
    struct jw *w, struct call *c, const struct prompt *p, const struct row *version, bool history);
/* configData of a version as sync has it. */
struct str langwatch__config_of(struct call *c, const struct prompt_version *v);

/* ---- prompts.c: what the routes of one prompt share ---- */

enum { PROMPT_VERSIONS = 2 }; /* place of the question for the versions of the prompt that was found */
/* {id}, or {namespace}/{id} of a handle that has one. */
struct str langwatch__prompt_handle(struct call *c);
struct str langwatch__last_param(const struct call *c);
/* Round 0: by id and by name. Round 1: its versions, at PROMPT_VERSIONS. `must`: 404 when there is none. */
MUST_CHECK enum status langwatch__prompt_find(struct call *c, struct str handle, bool must, struct err *err);
const struct row *langwatch__prompt_found(const struct call *c);
/* Of a prompt that was found, with the counter asked at PROMPT_VERSIONS + 1: a new id for a version, and its number. */
MUST_CHECK enum status langwatch__prompt_next(struct call *c, struct batch *b, const struct prompt *p,
    struct str *id, int64_t *number, struct err *err);
/* Put a version after the others of the prompt (old NULL: of a new one), and what the body says of the prompt itself; then ask for the
 * prompt and the version. */
void langwatch__prompt_put(struct call *c, struct batch *b, const struct prompt *old, struct str id,
    struct str version_id, int64_t number, struct json body, struct json base,
    const struct prompt_draft *draft);

/* What a {tag} or a tag in a body may not be; absent: it is fine. */
struct str langwatch__tag_fault(struct arena *a, struct str name);

/* ---- datasets.c: what its routes share ---------------------------------------------------------------------------------- */

/* Round 0: by id and by slug. Round 1: 404 when there is none. */
MUST_CHECK enum status langwatch__dataset_find(struct call *c, struct err *err);
const struct row *langwatch__dataset_found(const struct call *c);
enum { AFTER_DATASET = 2 }; /* place of the first question behind those */

struct dataset_page {
    int64_t page, limit;
};
MUST_CHECK enum status langwatch__read_page(struct call *c, struct dataset_page *p, struct err *err);
void langwatch__ask_page(struct ask *ask, const struct dataset_page *p);
void langwatch__write_pagination(struct jw *w, const struct dataset_page *p, int64_t total);
void langwatch__write_record(struct jw *w, struct call *c, const struct row *row);
void langwatch__write_records(struct jw *w, struct call *c, const struct ask *items); /* member "data" */

/* ---- evaluators.c, evaluate.c ----------------------------------------------------------------------------------------- */

#define LANGWATCH_EVALUATOR_KIND "evaluator" /* Lunary's evaluators are of it too */

/* ---- the routes' functions ------------------------------------------------------------------------------------------ */

/* clang-format off */
#define ASK(name)   MUST_CHECK enum status langwatch_##name##_ask(struct call *c, struct err *err);
#define WRITE(name) MUST_CHECK enum status langwatch_##name##_write(struct call *c, struct batch *b, struct err *err);
#define REPLY(name) void langwatch_##name##_reply(struct call *c, struct reply *r);
ASK(prompts) REPLY(prompts) ASK(prompt_new) WRITE(prompt_new) REPLY(prompt_saved) ASK(prompt) REPLY(prompt)
ASK(prompt_put) WRITE(prompt_put) ASK(prompt_of) WRITE(prompt_delete) REPLY(prompt_delete) REPLY(prompt_versions)
ASK(prompt_restore) WRITE(prompt_restore) ASK(prompt_sync) WRITE(prompt_sync) REPLY(prompt_sync)
ASK(prompt_tag) WRITE(prompt_tag) REPLY(prompt_tag)
ASK(tags) REPLY(tags) ASK(tag_new) WRITE(tag_new) REPLY(tag_saved) ASK(tag_put) WRITE(tag_put) ASK(tag_of) WRITE(tag_delete)
REPLY(tag_delete)
ASK(datasets) REPLY(datasets) ASK(dataset_new) WRITE(dataset_new) REPLY(dataset_saved) ASK(dataset_put) WRITE(dataset_put)
ASK(dataset) REPLY(dataset) ASK(dataset_gone) WRITE(dataset_delete) REPLY(dataset_delete) ASK(records) REPLY(records) ASK(records_new)
WRITE(records_new) REPLY(records_new) REPLY(entries) ASK(records_gone) WRITE(records_delete) REPLY(records_delete)
ASK(record) WRITE(record) REPLY(record)
REPLY(catalogue) ASK(evaluate) WRITE(evaluate) REPLY(evaluate) ASK(evaluators) REPLY(evaluators) ASK(evaluator) REPLY(evaluator)
ASK(experiment_init) WRITE(experiment_init) REPLY(experiment_init) ASK(log_results) WRITE(log_results) REPLY(logged) WRITE(dspy)
ASK(experiments) REPLY(experiments) ASK(runs) REPLY(runs) ASK(run) REPLY(run) REPLY(run_results) ASK(run_start)
ASK(dataset_evaluate) WRITE(dataset_evaluate) REPLY(dataset_evaluate)
ASK(annotations) REPLY(annotations) ASK(annotation_new) WRITE(annotation_new) REPLY(annotation) ASK(annotation)
WRITE(annotation_put) WRITE(annotation_delete) REPLY(annotation_delete)
ASK(evaluator_new) WRITE(evaluator_new) ASK(evaluator_put) WRITE(evaluator_put) WRITE(evaluator_delete)
#undef ASK
#undef WRITE
#undef REPLY
/* clang-format on */

#endif
