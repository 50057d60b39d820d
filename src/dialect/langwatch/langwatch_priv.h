/*
 * langwatch_priv: what the files of this dialect share. The routes are in routes.def, the tour in README.md.
 */
#ifndef DIALECT_LANGWATCH_LANGWATCH_PRIV_H
#define DIALECT_LANGWATCH_LANGWATCH_PRIV_H

#include "dialect/dialect.h"
#include "dialect/fields.h"

/* Limits of one request (langwatch.md 3.1 step 12, 5.1, 6). */
#define LANGWATCH_SPANS_MAX       1000
#define LANGWATCH_EVALUATIONS_MAX 1000
#define LANGWATCH_PAGE_MAX        1000
#define LANGWATCH_SELECT_MAX      200
#define LANGWATCH_METADATA_BYTES  32768
#define LANGWATCH_METADATA_TEXT   4096
#define LANGWATCH_RECEIPTS_MAX    10

/* ---- places and issues (issues.c) ----------------------------------------------------------------------------------- */

/* A place in the body, from the inside out. Made on the stack, spelled only when something is wrong there. */
struct at {
    const struct at *up;
    struct str key; /* absent: an index */
    size_t index;
};
#define AT(up, literal)  (&(struct at){ up, STR(literal), 0 })
#define AT_KEY(up, name) (&(struct at){ up, name, 0 })
#define AT_INDEX(up, i)  (&(struct at){ up, STR_NONE, i })

struct issue {
    struct str path, message;
    const char *code; /* zod's: "invalid_type" */
    struct str expected, received;
};

#define ISSUES_MAX 20
/* What is wrong with a body; more than ISSUES_MAX are not kept. */
struct issues {
    struct arena *arena;
    struct issue items[ISSUES_MAX];
    size_t n;
};

void langwatch__issue(struct issues *is, const struct at *at, const char *code, struct str message);
/* "Required" when v is absent, else "Expected string, received number". */
void langwatch__issue_type(struct issues *is, const struct at *at, const char *expected, struct json v);
/* "Invalid enum value. Expected 'a' | 'b', received 'q'"; a wrong type when v is no string. words end with NULL. */
void langwatch__issue_enum(struct issues *is, const struct at *at, const char *const *words, struct json v);
void langwatch__issue_word(
    struct issues *is, const struct at *at, const char *const *words, struct str received);
/* "Unrecognized key(s) in object: 'foo'" for every key of v that `known` (ends with NULL) does not have. */
void langwatch__issue_keys(struct issues *is, const struct at *at, const char *const *known, struct json v);
/* The index of v in words, or -1. */
int langwatch__word(const char *const *words, struct str v);

/* Checks. True when v is there and right; absent and null are fine where `optional`, and false. */
bool langwatch__is_text(struct issues *is, const struct at *at, struct json v, bool optional);
bool langwatch__is_number(struct issues *is, const struct at *at, struct json v, bool optional);
bool langwatch__is_boolean(struct issues *is, const struct at *at, struct json v, bool optional);
bool langwatch__is_object(struct issues *is, const struct at *at, struct json v, bool optional);
bool langwatch__is_array(struct issues *is, const struct at *at, struct json v, bool optional);
/* An array of strings. */
bool langwatch__is_texts(struct issues *is, const struct at *at, struct json v, bool optional);
/* A string that can be an id (design.md 2); not optional. */
bool langwatch__is_id(struct issues *is, const struct at *at, struct json v);

/* Zod's one line: "Validation error: Required at "type"; ...". */
struct str langwatch__issues_text(const struct issues *is);

/* ---- answers (langwatch.c) ------------------------------------------------------------------------------------------ */

/* Keys of a body that the dialect's tables name: FIELD(kinds, ...) of fields.def. */
enum {
    KIND_SPAN = 1,       /* span members that are null when absent */
    KIND_MODEL = 2,      /* span members that are left out when absent */
    KIND_METADATA = 4,   /* reserved trace metadata with a column of its own */
    KIND_EVALUATION = 8, /* evaluation members */
};
extern const struct field langwatch__fields[];
extern const size_t langwatch__n_fields;
/* State every field of `kinds` that v has; null is absent. A wrong type is an issue, and all of them are found. */
void langwatch__decode(
    struct issues *is, const struct at *at, unsigned kinds, struct json v, struct event *e);

/* A ready answer to a request that is refused, and what a route keeps between its functions. */
struct langwatch_state {
    int status; /* of the answer; 0: none */
    struct str body;
    /* collector */
    size_t n_spans, n_evaluations;
    /* share */
    struct str token;
    /* reads */
    struct search *search;
    size_t trace_ask; /* place of the question that answers with the trace */
    size_t *errors_ask,
        *contexts_ask; /* per trace of the page: 1 + place of the question for its failing / last rag span */
    /* section 9 */
    struct str made; /* id of what was made or changed */
    void *more;      /* the route's own */
};
struct langwatch_state *langwatch__state(struct call *c);

/* Refuse with a body of one member, {"error": text} or {"message": text}, or of both. */
MUST_CHECK enum status langwatch__fail_error(
    struct call *c, struct err *err, enum status st, struct str text);
MUST_CHECK enum status langwatch__fail_message(
    struct call *c, struct err *err, enum status st, struct str text);
MUST_CHECK enum status langwatch__fail_both(struct call *c, struct err *err, enum status st, struct str text);
/* Refuse for the issues: 400 {"error": "Validation error: ..."}, or the 422 of the newer routes (langwatch.md 2.4). `place` is added
 * behind the text: spans[3]. */
MUST_CHECK enum status langwatch__fail_issues(
    struct call *c, struct err *err, const struct issues *is, struct str place);
MUST_CHECK enum status langwatch__fail_newer(struct call *c, struct err *err, const struct issues *is);
/* 400 of the newer routes: not JSON; err says where. */
MUST_CHECK enum status langwatch__fail_malformed(struct call *c, struct err *err);

/* An error on an OTLP path. False: it is answered as on the other paths. */
bool langwatch__otlp_error(const struct call *c, const struct err *err, struct reply *r);

/* ---- decoding ------------------------------------------------------------------------------------------------------- */

/* A typed value {type, value}: V as JSON with T as its hint. *empty: nothing that may replace a value that is stored. False: issues. */
bool langwatch__typed_value(
    struct issues *is, const struct at *at, struct json v, struct value *out, bool *empty);
/* `outputs` of old clients: none, one, or a list. */
bool langwatch__outputs(
    struct issues *is, const struct at *at, struct json outputs, struct value *out, bool *empty);
/* `contexts` of a span as documents, or absent. */
struct str langwatch__documents(struct issues *is, const struct at *at, struct json contexts);
/* {message, stacktrace?} */
bool langwatch__is_error(struct issues *is, const struct at *at, struct json v);
/* Epoch milliseconds to ns: a number of 13 digits, a fraction is cut. *seconds: it is a number, but not such a one. */
int64_t langwatch__ms(struct json v, bool *seconds);
/* Is v true for JavaScript? */
bool langwatch__truthy(struct json v);
size_t langwatch__characters(struct str s); /* code points */
/* Finish JSON text that was written to `out`: a copy in the arena; `out` is empty again. */
struct str langwatch__taken(struct arena *a, struct buf *out);

/* Evaluator id of an evaluation without one: customeval_<slug of the name>. */
struct str langwatch__evaluator_id(struct arena *a, struct str name);

/* The span types in LangWatch's words, ended by NULL, and the way there and back. */
extern const char *const langwatch__span_types[];
enum observation_type langwatch__type_of(struct str word);
struct str langwatch__type_word(const struct row *observation);

/* A collector request on its way. */
struct collector {
    struct call *c;
    struct batch *b;
    struct err *err;
    struct arena *arena;
    int32_t project;
    struct json body, spans, evaluations;
    struct str trace_id;
    struct issues is;
    int64_t newest_ns; /* of any span */
    struct buf text;   /* JSON that is being put together */
};
/* Begin an object in x->text, and end it: a copy of its text, or absent when it has no member. */
struct jw langwatch__begin(struct collector *x);
struct str langwatch__end(struct collector *x, struct jw *w);
MUST_CHECK enum status langwatch__decode_span(struct collector *x, size_t i, struct json v);

/* ---- questions ------------------------------------------------------------------------------------------------------ */

enum { FORMAT_JSON, FORMAT_DIGEST };

/* A search body, read. */
struct search {
    bool newer;      /* /api/traces/search */
    bool spans;      /* includeSpans */
    bool by_updated; /* dateField updated */
    bool llm_mode;
    int format;
    enum { GROUP_NONE, GROUP_USER, GROUP_THREAD } group;
    int64_t through_ns; /* by_updated: the bound that is covered */
    struct str *select;
    size_t n_select;
};
/* The filters of langwatch.md 5.2 as children of f (ON_ALL). */
void langwatch__filters(
    struct issues *is, const struct at *at, struct json filters, struct arena *a, struct filter *f);

#define WITH_FULL \
    (WITH_PAYLOAD | WITH_OBSERVATIONS | WITH_OBSERVATION_PAYLOAD | WITH_SCORES | WITH_RECORDS | WITH_TEXTS)

/* ---- encoding ------------------------------------------------------------------------------------------------------- */

/* How a trace is written, by route. */
struct trace_view {
    struct arena *arena;
    struct str project_id;
    struct str platform_url; /* "<base>/<slug>/traces/", absent: not shown */
    int64_t now_ns;
    bool error_as_text; /* POST /api/trace/search, and the Go SDK everywhere */
    bool spans;         /* full spans and events; else "spans":[] */
    bool tree;          /* ascii_tree */
    bool times_as_text; /* llmMode */
};
struct trace_view langwatch__view(const struct call *c);
struct json langwatch__parsed(struct arena *a, struct str text); /* JSON_NONE when absent or damaged */
struct str langwatch__url_part(struct arena *a, struct str s);   /* percent-encoded */

/* `failing`: the trace's first failing span, with its leftovers; NULL: look in t->observations. `rag`: its last rag span. */
void langwatch__write_trace(struct jw *w, const struct trace_view *v, const struct row *t,
    const struct row *failing, const struct row *rag);
/* Members that several shapes share. Each writes its key too. */
void langwatch__write_metadata(struct jw *w, const struct trace_view *v, const struct row *t);
void langwatch__write_metrics(struct jw *w, const struct row *t);
void langwatch__write_times(struct jw *w, const struct trace_view *v, const struct row *t);
void langwatch__write_trace_error(
    struct jw *w, const struct trace_view *v, const struct row *t, const struct row *failing);
void langwatch__write_texts(struct jw *w, struct arena *a, const struct row *t);
struct str langwatch__trace_text(struct arena *a, const struct row *t, bool input); /* absent: none */
void langwatch__write_evaluations(struct jw *w, const struct trace_view *v, const struct row *t);
void langwatch__write_events(struct jw *w, const struct trace_view *v, const struct row *t);
const struct row *langwatch__first_failing(struct arena *a, const struct row *t);
const struct row *langwatch__last_rag(const struct row *t);
int64_t langwatch__started_ns(const struct row *t);

/* A score as LangWatch shows it. */
struct evaluation_view {
    struct str id, evaluator_id, name, type, status, details, label;
    bool has_passed, passed, is_guardrail;
    struct str score; /* the number as it was sent, or absent */
    struct json leftovers;
    int64_t started_ns, finished_ns;
};
/* False for rows that are no evaluation here: annotations, votes of tracked events, deleted scores. */
bool langwatch__evaluation_of(struct arena *a, const struct row *score, struct evaluation_view *out);

/* {has_error, message, stacktrace}; the stack trace is what the leftovers hold of one. */
/* The message of an OpenTelemetry span's newest exception; in LangWatch it is an error even when the span's status is not (otlp.md 2.10),
 * and it says more than the status. Absent: there is none, or the row's leftovers were not asked for. */
struct str langwatch__exception_message(struct arena *a, const struct row *o);
void langwatch__write_error(
    struct jw *w, const char *key, struct arena *a, struct str message, struct str leftovers);
void langwatch__write_span(struct jw *w, struct arena *a, const struct row *o);
void langwatch__write_contexts(struct jw *w, struct arena *a, const struct row *o);
/* Rows by (start, id), as pointers. */
const struct row **langwatch__sorted_spans(struct arena *a, const struct row *t);

/* A tracked event. */
struct event_view {
    struct str id, type;
    struct json metrics, details;
    int64_t time_ns;
};
bool langwatch__event_of(
    struct arena *a, const struct row *record, struct event_view *out); /* false: another kind of record */

/* Text for people and models (digest.c). */
struct str langwatch__ascii_tree(struct arena *a, const struct row *t);
void langwatch__write_digest(struct jw *w, const struct trace_view *v, const struct row *t); /* of a search */
void langwatch__write_span_digest(
    struct jw *w, const struct trace_view *v, const struct row *t); /* of one trace */
/* "about 2 hours ago", or "31/12 23:59" past a day. */
struct str langwatch__ago(struct arena *a, int64_t ns, int64_t now_ns);

/* Projections (encode_select.c): select of langwatch.md 5.5. Unknown paths are issues. */
void langwatch__check_select(struct issues *is, const struct at *at, struct json select, struct search *out);
void langwatch__write_selected(
    struct jw *w, const struct trace_view *v, const struct search *s, const struct row *t);
void langwatch__write_schema(struct jw *w, const struct search *s);

/* ---- the routes' functions ------------------------------------------------------------------------------------------ */

#define ASK(name)   enum status name(struct call *c, struct err *err);
#define WRITE(name) enum status name(struct call *c, struct batch *b, struct err *err);
#define REPLY(name) void name(struct call *c, struct reply *r);
WRITE(langwatch_collector_write)
REPLY(langwatch_collector_reply)
ASK(langwatch_search_ask)
REPLY(langwatch_search_reply)
ASK(langwatch_trace_ask)
REPLY(langwatch_trace_reply)
REPLY(langwatch_transcript_reply)
ASK(langwatch_thread_ask)
REPLY(langwatch_thread_reply)
ASK(langwatch_share_ask)
WRITE(langwatch_share_write)
REPLY(langwatch_share_reply)
WRITE(langwatch_unshare_write)
REPLY(langwatch_unshare_reply)
WRITE(langwatch_metadata_write)
REPLY(langwatch_metadata_reply)
WRITE(langwatch_event_write)
REPLY(langwatch_event_reply)
ASK(langwatch_validate_ask)
REPLY(langwatch_validate_reply)
REPLY(langwatch_project_reply)
REPLY(langwatch_otlp_reply)
#undef ASK
#undef WRITE
#undef REPLY

#endif
