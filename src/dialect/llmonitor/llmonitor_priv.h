/*
 * llmonitor_priv: what the files of this dialect share. The contract is llmonitor.md; "section n" in comments means that page.
 */
#ifndef DIALECT_LLMONITOR_LLMONITOR_PRIV_H
#define DIALECT_LLMONITOR_LLMONITOR_PRIV_H

#include "dialect/dialect.h"
#include "dialect/fields.h"
#include "dialect/records.h"

/* ---- ids.c: ids as Lunary makes them (section 3.4) ------------------------------------------------------------------ */

bool llmonitor__is_uuid(struct str s); /* 8-4-4-4-12 hex digits, any version and variant */
/* A UUID out of any text: Lunary's way to make one from a seed. */
struct str llmonitor__uuid_of(struct arena *a, struct str seed);
/* Run id as sent -> id of the row. Absent or empty: absent. */
struct str llmonitor__run_id(struct arena *a, struct str sent);
/* The same for a parent, which PyPI llmonitor may spell as the text of an OpenTelemetry SpanContext. */
struct str llmonitor__parent_id(struct arena *a, struct str sent);
/* Id of an event that names none: equal events, equal ids. */
struct str llmonitor__event_id(struct arena *a, struct json event);
/* Id of a new row that a request makes: of its kind, project, time and place in the request. */
struct str llmonitor__new_id(const struct call *c, const char *kind, size_t place);

/* ---- keys.c: spelling of object keys -------------------------------------------------------------------------------- */

/* Does `key`, camel-cased, read `name`? */
bool llmonitor__key_is(struct str key, const char *name);
/* A member by its camel-cased name, whatever its spelling. */
struct json llmonitor__member(struct json obj, const char *name);
/* Write a value with every key at every depth camel-cased / snake-cased. */
void llmonitor__write_camel(struct jw *w, struct json v);
void llmonitor__write_snake(struct jw *w, struct json v);
void llmonitor__write_camel_key(struct jw *w, struct str key);
void llmonitor__write_snake_key(struct jw *w, struct str key);
/* Parse stored JSON; absent or damaged text is absent. */
struct json llmonitor__parse(struct arena *a, struct str text);
/* "agent" of {role}: user system assistant tool; absent for roles nobody knows. */
struct str llmonitor__role(struct str sent);
/* Content of a message in either format: `content` if present, else `text`. */
struct json llmonitor__content(struct json message);
/* An object with a role and something said (upstream's isOpenAIMessage); `text` counts as content. */
bool llmonitor__is_message(struct json v);

/* ---- decode_event.c: one event -------------------------------------------------------------------------------------- */

/* The members of an event that the contract names, whatever their spelling. */
/* clang-format off */
#define LLMONITOR_MEMBERS(X) \
    X(type) X(event) X(runId) X(parentRunId) X(timestamp) X(name) X(tags) X(extra) X(params) X(metadata) \
    X(error) X(feedback) X(message) X(tokensUsage) X(userId) X(userProps) X(templateId) X(templateVersionId) X(threadTags) \
    X(threadMetadata) X(runtime) X(app) X(appId) X(projectId)
struct llmonitor_members {
#define X(name) struct json name;
    LLMONITOR_MEMBERS(X)
#undef X
};
/* clang-format on */

/* Kinds of fields.def. */
enum { FOR_START = 1, FOR_END = 2, FOR_THREAD = 4, FOR_RUN = 8 };

/* One event on its way into the batch. */
struct llmonitor_decode {
    struct arena *arena;
    struct batch *batch;
    struct buf *scratch; /* for JSON text that is put together */
    int32_t project;
    uint32_t wire_index;
    uint32_t tie; /* place among the messages of one time */
    int64_t t_ns; /* as sent; TIME_NONE: receipt */
    struct json event;
    struct llmonitor_members m;
    enum profile score; /* of feedback; PROFILE_NONE: that of an event */
    bool is_start;      /* set by the decoder: a repeat of it is an error (section 4) */
    bool is_message;    /* set by the decoder: it took a tie */
};
/* Decode d->event; d->m must hold what llmonitor__scan() found in it. On an error events may have been made: take them back. */
MUST_CHECK enum status llmonitor__decode(struct llmonitor_decode *d, struct err *err);
void llmonitor__scan(struct json event, struct llmonitor_members *m);
/* Time of an event, or TIME_NONE when it has none that can be read. */
int64_t llmonitor__time_of(struct json timestamp);

/* Parts the kinds share (decode_parts.c). */
MUST_CHECK enum status llmonitor__want_text(
    struct json v, const char *name, struct str *out, struct err *err);
MUST_CHECK enum status llmonitor__want_user(struct llmonitor_decode *d, struct str *out, struct err *err);
MUST_CHECK enum status llmonitor__want_tags(
    struct llmonitor_decode *d, struct json v, const char *name, struct str *out, struct err *err);
/* metadata, plus `extra` under that key when it is not absent. */
MUST_CHECK enum status llmonitor__want_metadata(
    struct llmonitor_decode *d, struct json extra, struct str *out, struct err *err);
struct event *llmonitor__new_event(
    struct llmonitor_decode *d, enum profile p, struct str scope, struct str id);
void llmonitor__set_time(
    struct llmonitor_decode *d, struct event *e, unsigned column, enum direction direction);
MUST_CHECK enum status llmonitor__put_user(struct llmonitor_decode *d, struct err *err);
struct str llmonitor__leftovers(
    struct llmonitor_decode *d, const char *kind, struct str sent_id, struct str id);
struct jw llmonitor__open(struct llmonitor_decode *d); /* scratch, with an object open */
struct str llmonitor__close(
    struct llmonitor_decode *d, struct jw *w); /* the object's text; absent when it is empty */

/* decode_chat.c: threads, messages, feedback */
MUST_CHECK enum status llmonitor__thread(struct llmonitor_decode *d, bool is_end, struct err *err);
MUST_CHECK enum status llmonitor__chat(struct llmonitor_decode *d, struct err *err);
MUST_CHECK enum status llmonitor__custom_event(struct llmonitor_decode *d, struct err *err);
/* A thread named only as the parent of something. */
void llmonitor__name_thread(struct llmonitor_decode *d, struct str sent, struct str id);
/* One score per listed key, one for all others; `more` wins over `feedback` key by key. */
void llmonitor__feedback(
    struct llmonitor_decode *d, struct str run_id, struct json feedback, struct json more);

extern const struct field llmonitor__fields[];
extern const size_t llmonitor__field_count;

/* ---- decode_filters.c: the filter grammar (section 9) ---------------------------------------------------------------- */

#define LLMONITOR_LOOKUP_MAX 10000 /* users looked through for a property, versions of the templates named */

/* What the query string asks for; read once, applied when its look-ups are answered. */
struct llmonitor_filters {
    struct str type;                /* as given; absent: none */
    bool given;                     /* any filter at all */
    size_t users_ask, versions_ask; /* look-ups, SIZE_MAX: none */
};
/* Read the query string; true when look-ups were asked that must be answered before llmonitor__apply_filters(). */
bool llmonitor__read_filters(struct call *c, struct llmonitor_filters *f);
/* Add the filters to q; without any: those of `default_type`. */
void llmonitor__apply_filters(
    struct call *c, const struct llmonitor_filters *f, struct str default_type, struct query *q);
/* Add the filters that make up a run type of Lunary ("llm", "trace", ...). */
void llmonitor__filter_type(struct arena *a, struct query *q, struct str type);
bool llmonitor__is_thread_type(struct str type);
/* An any-of-these filter on a column. */
struct filter *llmonitor__filter_in(struct arena *a, struct query *q, unsigned column, struct str value);
/* Percent-decode ('+' is a space). Broken escapes stay. */
struct str llmonitor__unescape(struct arena *a, struct str s);

/* ---- ask_extras.c, encode_run.c: rows -> Run JSON (section 9) ---------------------------------------------------------- */

/* Rows that were asked for beside a page, found by a key: their id, their scope, or a column of text. */
struct llmonitor_list {
    size_t ask; /* index into call->asks; SIZE_MAX: not asked */
    enum { KEY_ID, KEY_SCOPE, KEY_COLUMN } key;
    unsigned column;
    const struct row **rows;
    size_t n; /* in order of the key, messages by time behind it; made when first needed */
};
/* The rows with that key; *n of them. */
const struct row *const *llmonitor__with_key(
    struct call *c, struct llmonitor_list *l, struct str key, size_t *n);

/* What a page of runs needs beside its rows. */
struct llmonitor_extras {
    struct llmonitor_list users;    /* of the runs and threads */
    struct llmonitor_list versions; /* of the templates their prompts name */
    struct llmonitor_list parents;  /* scores of parent runs */
    struct llmonitor_list messages; /* of the threads */
    struct llmonitor_list siblings; /* exchanges that others retry */
    struct llmonitor_list scores;   /* of the traces of roots */
};
extern const struct llmonitor_extras llmonitor__no_extras;
/* Ask for them; true when there was anything to ask. Rows are observations or sessions. */
bool llmonitor__ask_extras(struct call *c, const struct row *rows, size_t n, struct llmonitor_extras *x);

/* RUN_CUT: a list of type=llm: the last message only, contents clipped. RUN_BRIEF: without what a thread in a file has no use for. */
enum { RUN_CUT = 1, RUN_BRIEF = 2 };
void llmonitor__write_run(
    struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x, unsigned flags);
/* The members of a run without its braces, so that more can follow. */
void llmonitor__write_run_members(
    struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x, unsigned flags);
/* The shorter form of /related. */
void llmonitor__write_related(struct jw *w, struct call *c, const struct row *r);
struct str llmonitor__shown_id(const struct row *r);
bool llmonitor__is_root(const struct row *r);       /* of its trace */
struct str llmonitor__user_of(const struct row *r); /* effective; absent: none */
struct str llmonitor__version_of(
    struct call *c, const struct row *r); /* id of the template version its prompt names */
bool llmonitor__is_earlier(const struct row *a, const struct row *b); /* of two messages of a thread */
struct str llmonitor__type_word(const struct row *r);
struct str llmonitor__type_word_of(struct str canonical);                    /* of "GENERATION" */
void llmonitor__write_time(struct jw *w, const char *key, int64_t ns);       /* TIME_NONE: null */
void llmonitor__write_cost(struct jw *w, const char *key, int64_t nano_usd); /* negative: null */
void llmonitor__write_json(
    struct jw *w, struct call *c, const char *key, struct str stored); /* camel-cased; absent: null */
void llmonitor__write_user(struct jw *w, struct call *c, const struct row *user, struct str id);
/* ---- encode_scores.c ---- */

/* Member "scores": all that is no feedback. */
void llmonitor__write_scores(struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x);
/* The feedback object of a run, put together from scores; null when there is none. Two lists, because some scores stand alone. */
void llmonitor__write_feedback(struct jw *w, struct call *c, const struct row *scores, size_t n,
    const struct row *const *more, size_t n_more);

/* ---- read_runs.c: the run a path names ---------------------------------------------------------------------------------- */

#define LLMONITOR_WITH_RUN (WITH_PAYLOAD | WITH_SCORES | WITH_PARENT | WITH_MESSAGES)
#define LLMONITOR_PAGE_MAX 5000   /* rows of one answer */
#define LLMONITOR_TREE_MAX 100000 /* rows of the traces of one answer */

/* Ask for the run or thread of call->params[0]; takes so many questions, from call->n_asks on. */
enum { LLMONITOR_TARGET_ASKS = 4 };
void llmonitor__ask_target(struct call *c, unsigned with);
/* The row, once answered; `first` is the index of the first of its questions. NULL: no such run. */
const struct row *llmonitor__target(const struct call *c, size_t first);
/* `limit` and `page` of the query string into q; both are also returned, as given. */
void llmonitor__read_page(
    const struct call *c, int64_t default_limit, struct query *q, int64_t *limit, int64_t *page);
/* sortField and sortDirection (section 9). */
void llmonitor__read_order(const struct call *c, struct query *q);
/* Who may read a run by its link: record of project 0, id = run id, name = id of its project, seq = its number. */
#define LLMONITOR_PUBLIC_RUN "public_run"
/* The object of a body; ST_UNPROCESSABLE when it is none. */
MUST_CHECK enum status llmonitor__body(struct call *c, struct json *out, struct err *err);
void llmonitor__empty_reply(struct call *c, struct reply *r);

/* ---- records.c: what people edit: templates, datasets, checklists, evaluators (dialect/records.h) ------------------------ */

/* A new body: that of `old`, with the members named in `names` (ended by NULL) taken from `patch` where it has them. */
struct str llmonitor__patched_body(
    struct call *c, const struct row *old, struct json patch, const char *const *names);
/* Typed members of a request's body; ST_UNPROCESSABLE with the member's name. Absent is fine unless `needed`. */
MUST_CHECK enum status llmonitor__text_member(
    struct json body, const char *name, bool needed, struct str *out, struct err *err);
MUST_CHECK enum status llmonitor__bool_member(
    struct json body, const char *name, bool none, bool *out, struct err *err);
/* ask of an edit: a body that is none is told before a record that is not there. */
MUST_CHECK enum status llmonitor__body_first(struct call *c, struct err *err);
/* ask of routes that get one record (params[0]) and refuse when it is not there. */
MUST_CHECK enum status llmonitor__need_record(
    struct call *c, const char *kind, const char *sentence, struct err *err);

/* ---- encode_datasets.c ------------------------------------------------------------------------------------------------- */

void llmonitor__write_variation(struct jw *w, struct call *c, const struct row *r);
void llmonitor__write_prompt(
    struct jw *w, struct call *c, const struct row *r, const struct ask *variations); /* NULL: without them */
void llmonitor__write_dataset_members(struct jw *w, struct call *c, const struct row *r);
void llmonitor__write_dataset(struct jw *w, struct call *c, const struct row *r, const struct ask *prompts,
    const struct ask *variations);
/* One item per prompt and variation, filled in. */
void llmonitor__write_items(
    struct jw *w, struct call *c, const char *key, const struct ask *prompts, const struct ask *variations);

/* ---- the functions of routes.def ----------------------------------------------------------------------------------------- */

/* clang-format off */
#define ASK(name) MUST_CHECK enum status llmonitor__##name##_ask(struct call *c, struct err *err);
#define WRITE(name) MUST_CHECK enum status llmonitor__##name##_write(struct call *c, struct batch *b, struct err *err);
#define REMOVE(name) MUST_CHECK enum status llmonitor__##name##_remove(struct call *c, struct batch *b, struct err *err);
#define REPLY(name) void llmonitor__##name##_reply(struct call *c, struct reply *r);
ASK(run) ASK(public) ASK(related) ASK(neighbors) ASK(feedback) ASK(runs) ASK(count) ASK(usage)
ASK(user_usage) ASK(pick_models) ASK(pick_tags) ASK(pick_metadata) ASK(pick_props) ASK(pick_events)
ASK(pick_users) ASK(pick_templates) ASK(users) ASK(user) ASK(edit) ASK(delete) ASK(latest) ASK(old_template)
ASK(latest_all) ASK(templates) ASK(template) ASK(version) ASK(new_template) ASK(new_version) ASK(datasets)
ASK(dataset) ASK(new_prompt) ASK(prompt) ASK(prompt_edit) ASK(attach) ASK(new_variation) ASK(variation)
ASK(checklists) ASK(checklist) ASK(evaluators) ASK(evaluator) ASK(old_runs) ASK(export) ASK(no)
WRITE(report) WRITE(ingest) WRITE(feedback) WRITE(score) WRITE(tags) WRITE(visibility) WRITE(new_template)
WRITE(new_version) WRITE(version) WRITE(template) WRITE(new_dataset) WRITE(dataset) WRITE(new_prompt)
WRITE(prompt) WRITE(attach) WRITE(new_variation) WRITE(variation) WRITE(new_checklist) WRITE(checklist)
WRITE(new_evaluator) WRITE(evaluator)
REMOVE(run) REMOVE(user) REMOVE(template) REMOVE(dataset) REMOVE(prompt) REMOVE(variation) REMOVE(checklist)
REMOVE(evaluator)
REPLY(ingest) REPLY(run) REPLY(public) REPLY(related) REPLY(neighbors) REPLY(feedback) REPLY(runs) REPLY(count)
REPLY(usage) REPLY(pick) REPLY(pick_events) REPLY(pick_rows) REPLY(users) REPLY(user) REPLY(gone)
REPLY(latest) REPLY(latest_all) REPLY(templates) REPLY(template) REPLY(version) REPLY(datasets)
REPLY(dataset) REPLY(new_dataset) REPLY(prompt) REPLY(attach) REPLY(variation) REPLY(checklists)
REPLY(checklist) REPLY(evaluators) REPLY(evaluator) REPLY(app) REPLY(root) REPLY(health) REPLY(version_text)
REPLY(old_runs) REPLY(export)
#undef ASK
#undef WRITE
#undef REMOVE
#undef REPLY
/* clang-format on */

#endif
