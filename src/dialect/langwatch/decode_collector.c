/*
 * POST /api/collector: one trace, its spans and evaluations, refused whole or taken whole.
 *
 *   body -> 6, 7 metadata -> 8, 9 evaluations at a glance -> 10 schema -> 11, 12 spans at a glance -> 13 ids -> 14 each span
 *
 * The numbers are those of langwatch.md 3.1; the first failure decides the answer. Events are made on the way, because a batch that
 * write() refuses is never stored. The trace's event is made first and finished last: its time is the newest of any span, and its
 * receipt a digest of everything decoded, which is how an identical request is known again.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

#include "base/hash.h"

static enum status fail_error(struct collector *x, const char *text)
{
    return langwatch__fail_error(x->c, x->err, ST_INVALID, str_of(text));
}

static enum status fail_message(struct collector *x, enum status st, struct str text)
{
    return langwatch__fail_message(x->c, x->err, st, text);
}

struct jw langwatch__begin(struct collector *x)
{
    buf_clear(&x->text);
    struct jw w = jw_of(&x->text);
    jw_obj(&w);
    return w;
}

struct str langwatch__end(struct collector *x, struct jw *w)
{
    jw_obj_end(w);
    return x->text.n > 2 ? arena_dup(x->arena, buf_str(&x->text)) : STR_NONE;
}

/* ---- the envelope --------------------------------------------------------------------------------------------------- */

static bool contains_nocase(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (str_eq_nocase(str_sub(s, i, needle.n), needle))
            return true;
    return false;
}

static enum status read_body(struct collector *x)
{
    struct str type = call_header(x->c, "content-type");
    enum status st = ST_INVALID;
    if (contains_nocase(type, STR("application/json")))
        st = call_json(x->c, &x->body, x->err);
    if (st == ST_TOO_LARGE)
        return st;
    if (st != ST_OK || !json_is_obj(x->body))
        return fail_message(x, ST_INVALID, STR("Invalid body, expecting json"));
    x->spans = json_key(x->body, "spans");
    x->evaluations = json_key(x->body, "evaluations");
    return ST_OK;
}

/* The trace id, if there is one: whether it must be is checked at its place in the order. */
static struct str trace_id_of(const struct collector *x)
{
    struct str id = json_str(json_key(x->body, "trace_id"));
    return id.n > 0 ? id : json_str(json_key(json_at(x->spans, 0), "trace_id"));
}

/* ---- metadata (3.3) ------------------------------------------------------------------------------------------------- */

/* Reserved keys that are one string and live in the metadata column. */
static const char *const reserved_texts[] = { "customer_id", "topic_id", "subtopic_id", "sdk_name",
    "sdk_version", "sdk_language", "telemetry_sdk_name", "telemetry_sdk_version", "telemetry_sdk_language",
    NULL };
/* Reserved keys with a column of their own. */
static const char *const reserved_columns[] = { "user_id", "thread_id", "labels", "prompt_ids",
    "prompt_version_ids", NULL };

static void add_label(struct collector *x, struct jw *w, struct str key, struct json value)
{
    struct str text = json_is_str(value) ? json_str(value) : json_text(x->arena, value);
    jw_str(w, arena_printf(x->arena, "%.*s: %.*s", STR_ARG(key), STR_ARG(text)));
}

/* A string is one label, an object is "key: value" each. */
static struct str labels_of(struct collector *x, const struct at *at, struct json v)
{
    struct str key;
    struct json member;
    if (!json_is_set(v))
        return STR_NONE;
    if (json_is_arr(v) || !(json_is_obj(v) || json_is_str(v)))
        return langwatch__is_texts(&x->is, at, v, false) && json_size(v) > 0 ? json_text(x->arena, v)
                                                                             : STR_NONE;
    if (json_is_str(v) && json_str(v).n == 0)
        return STR_NONE;
    buf_clear(&x->text);
    struct jw w = jw_of(&x->text);
    jw_arr(&w);
    if (json_is_str(v))
        jw_value(&w, v);
    for (struct json_iter it = json_iter(v); json_is_obj(v) && json_next(&it, &key, &member);)
        add_label(x, &w, key, member);
    jw_arr_end(&w);
    return x->text.n > 2 ? arena_dup(x->arena, buf_str(&x->text)) : STR_NONE;
}

/* A user or thread id. What can be no id is kept beside, and given back. */
static void decode_identity(struct collector *x, const struct at *at, const char *name, unsigned column,
    struct json v, struct jw *kept)
{
    if (!langwatch__is_text(&x->is, at, v, true))
        return;
    if (str_is_id(json_str(v)))
        event_set_text(&x->b->events[0], column, json_str(v));
    else
        jw_kv_str(kept, name, json_str(v));
}

static void decode_identities(struct collector *x, const struct at *at, struct json m)
{
    struct jw w = langwatch__begin(x);
    decode_identity(x, AT(at, "user_id"), "user_id", TRACE_user_id, json_key(m, "user_id"), &w);
    decode_identity(x, AT(at, "thread_id"), "thread_id", TRACE_session_id, json_key(m, "thread_id"), &w);
    struct str kept = langwatch__end(x, &w);
    event_set_as(&x->b->events[0], TRACE_leftovers, value_json(kept), RANK_SAID, LATEST, MODE_SHALLOW);
}

/* Everything without a column of its own is one map; null says nothing. */
static void decode_custom(struct collector *x, const struct at *at, struct json m)
{
    struct str key;
    struct json value;
    struct jw w = langwatch__begin(x);
    for (struct json_iter it = json_iter(m); json_next(&it, &key, &value);) {
        if (json_is_null(value) || langwatch__word(reserved_columns, key) >= 0)
            continue;
        if (langwatch__word(reserved_texts, key) >= 0 &&
            !langwatch__is_text(&x->is, AT_KEY(at, key), value, true))
            continue;
        jw_key_str(&w, key);
        jw_value(&w, value);
    }
    event_set_json(&x->b->events[0], TRACE_metadata, langwatch__end(x, &w));
}

static void decode_labels(struct collector *x, const struct at *at, struct json v)
{
    event_set_json(&x->b->events[0], TRACE_tags, labels_of(x, at, v));
}

/* Old clients put four of the reserved keys at the top. */
static void decode_legacy(struct collector *x)
{
    struct json customer = json_key(x->body, "customer_id");
    decode_identities(x, NULL, x->body);
    decode_labels(x, AT(NULL, "labels"), json_key(x->body, "labels"));
    if (!langwatch__is_text(&x->is, AT(NULL, "customer_id"), customer, true))
        return;
    struct jw w = langwatch__begin(x);
    jw_kv_str(&w, "customer_id", json_str(customer));
    event_set_json(&x->b->events[0], TRACE_metadata, langwatch__end(x, &w));
}

static void decode_metadata(struct collector *x)
{
    const struct at *at = AT(NULL, "metadata");
    struct json m = json_key(x->body, "metadata");
    if (!langwatch__truthy(m)) {
        decode_legacy(x);
        return;
    }
    if (!langwatch__is_object(&x->is, at, m, false))
        return;
    decode_identities(x, at, m);
    decode_labels(x, AT(at, "labels"), json_key(m, "labels"));
    langwatch__decode(&x->is, at, KIND_METADATA, m, &x->b->events[0]);
    decode_custom(x, at, m);
}

static void decode_trace(struct collector *x)
{
    struct json expected = json_key(x->body, "expected_output");
    event_set_int(&x->b->events[0], TRACE_exists, 1);
    langwatch__is_text(&x->is, AT(NULL, "trace_id"), json_key(x->body, "trace_id"), true);
    if (langwatch__is_text(&x->is, AT(NULL, "expected_output"), expected, true))
        event_set_json(&x->b->events[0], TRACE_expected_output, json_text(x->arena, expected));
    decode_metadata(x);
}

/* ---- evaluations (3.7) ---------------------------------------------------------------------------------------------- */

static const char *const statuses[] = { "processed", "skipped", "error", NULL };

static bool has_result(struct json v)
{
    struct str status = json_str(json_key(v, "status"));
    return str_is(status, "error") || str_is(status, "skipped") || json_is_set(json_key(v, "passed")) ||
           json_is_set(json_key(v, "score")) || json_is_set(json_key(v, "label"));
}

static enum status glance_at_evaluations(struct collector *x)
{
    struct json v;
    for (struct json_iter it = json_iter(x->evaluations); json_next(&it, NULL, &v);) {
        if (!json_is_obj(v))
            continue;
        if (!has_result(v))
            return fail_error(x, "Either `passed`, `score` or `label` field must be defined for evaluations");
        struct json times = json_key(v, "timestamps");
        bool seconds = false;
        langwatch__ms(json_key(times, "started_at"), &seconds);
        langwatch__ms(json_key(times, "finished_at"), &seconds);
        if (seconds)
            return fail_error(x,
                "Evaluation timestamps should be in milliseconds not in seconds, please multiply it by 1000");
    }
    return ST_OK;
}

/* The same evaluation of the same trace has the same id, whenever it is sent. */
static struct str evaluation_id(struct collector *x, struct json v)
{
    struct str id = json_str(json_key(v, "evaluation_id"));
    uint8_t md5[16];
    if (id.n > 0)
        return id;
    struct jw w = langwatch__begin(x);
    jw_kv_raw(&w, "evaluation", json_canonical(x->arena, v));
    jw_kv_str(&w, "traceId", x->trace_id);
    jw_obj_end(&w);
    hash_md5(buf_str(&x->text), md5);
    return arena_printf(x->arena, "eval_md5_%.*s", STR_ARG(hex_encode(x->arena, md5, sizeof md5)));
}

static void check_evaluation(struct collector *x, const struct at *at, struct json v)
{
    struct json id = json_key(v, "evaluation_id"), status = json_key(v, "status"),
                times = json_key(v, "timestamps");
    if (json_is_set(id) && !(json_is_str(id) && json_str(id).n == 0))
        langwatch__is_id(&x->is, AT(at, "evaluation_id"), id);
    if (!json_is_set(json_key(v, "name")))
        langwatch__is_text(&x->is, AT(at, "name"), json_key(v, "name"), false);
    if (json_is_set(status) && langwatch__word(statuses, json_str(status)) < 0)
        langwatch__issue_enum(&x->is, AT(at, "status"), statuses, status);
    langwatch__is_text(&x->is, AT(at, "type"), json_key(v, "type"), true);
    langwatch__is_text(&x->is, AT(at, "evaluation_thread_id"), json_key(v, "evaluation_thread_id"), true);
    langwatch__is_boolean(&x->is, AT(at, "passed"), json_key(v, "passed"), true);
    langwatch__is_number(&x->is, AT(at, "score"), json_key(v, "score"), true);
    langwatch__is_text(&x->is, AT(at, "label"), json_key(v, "label"), true);
    langwatch__is_object(&x->is, AT(at, "inputs"), json_key(v, "inputs"), true);
    langwatch__is_object(&x->is, AT(at, "cost"), json_key(v, "cost"), true);
    langwatch__is_error(&x->is, AT(at, "error"), json_key(v, "error"));
    if (!langwatch__is_object(&x->is, AT(at, "timestamps"), times, true))
        return;
    langwatch__is_number(&x->is, AT(AT(at, "timestamps"), "started_at"), json_key(times, "started_at"), true);
    langwatch__is_number(
        &x->is, AT(AT(at, "timestamps"), "finished_at"), json_key(times, "finished_at"), true);
}

/* Number, boolean and text move together; the type is that of the first there is. */
static struct str score_value(struct collector *x, struct json v)
{
    struct json score = json_key(v, "score"), passed = json_key(v, "passed"), label = json_key(v, "label");
    struct jw w = langwatch__begin(x);
    if (json_is_set(score) || json_is_set(passed) || json_is_set(label))
        jw_kv_cstr(&w, "type",
            json_is_set(score)    ? "NUMERIC"
            : json_is_set(passed) ? "BOOLEAN"
                                  : "CATEGORICAL");
    jw_kv_raw_opt(&w, "number", json_is_set(score) ? json_num_text(score) : STR_NONE);
    if (json_is_set(passed))
        jw_kv_bool(&w, "boolean", json_bool(passed));
    jw_kv_str_opt(&w, "text", json_str(label));
    return langwatch__end(x, &w);
}

static void write_error(struct jw *w, const char *key, struct json error)
{
    struct json stacktrace = json_key(error, "stacktrace");
    jw_key(w, key);
    jw_obj(w);
    jw_kv_str(w, "message", json_str(json_key(error, "message")));
    jw_key(w, "stacktrace");
    if (json_is_arr(stacktrace))
        jw_value(w, stacktrace);
    else
        jw_raw(w, STR("[]"));
    jw_obj_end(w);
}

static struct str evaluation_leftovers(struct collector *x, struct json v)
{
    static const char *const kept[] = { "type", "evaluation_thread_id", "inputs", "cost" };
    struct jw w = langwatch__begin(x);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct json member = json_key(v, kept[i]);
        if (json_is_set(member))
            jw_kv_raw(&w, kept[i], json_text(x->arena, member));
    }
    if (json_is_obj(json_key(v, "error")))
        write_error(&w, "error", json_key(v, "error"));
    return langwatch__end(x, &w);
}

static void set_evaluation_times(struct event *e, int64_t started_ns, int64_t finished_ns)
{
    event_set_int(e, SCORE_started_ns, started_ns);
    event_set_int(e, SCORE_finished_ns, finished_ns);
    event_set_int(e, SCORE_time_ns, finished_ns != TIME_NONE ? finished_ns : started_ns);
    e->t_ns = finished_ns != TIME_NONE ? finished_ns : started_ns;
}

static void decode_evaluation(struct collector *x, size_t i, struct json v)
{
    const struct at *at = AT_INDEX(AT(NULL, "evaluations"), i);
    struct json times = json_key(v, "timestamps");
    struct str status = json_str(json_key(v, "status")), evaluator = json_str(json_key(v, "evaluator_id"));
    bool seconds = false;
    if (!langwatch__is_object(&x->is, at, v, false))
        return;
    check_evaluation(x, at, v);
    if (x->is.n > 0)
        return;
    if (!status.p)
        status = json_is_set(json_key(v, "error")) ? STR("error") : STR("processed");
    struct event *e =
        event_new(x->b, PROFILE_LANGWATCH_EVALUATION, x->project, STR_NONE, evaluation_id(x, v), TIME_NONE);
    e->wire_index = (uint32_t)(langwatch__state(x->c)->n_spans + i);
    langwatch__decode(&x->is, at, KIND_EVALUATION, v, e);
    event_set_int(e, SCORE_source, SOURCE_EVAL);
    if (str_is(status, "processed"))
        event_set_json(e, SCORE_value, score_value(x, v));
    event_set_text(e, SCORE_trace_id, x->trace_id);
    if (evaluator.n == 0)
        event_set_text(
            e, SCORE_evaluator_id, langwatch__evaluator_id(x->arena, json_str(json_key(v, "name"))));
    event_set_text(e, SCORE_status, status);
    event_set_json(e, SCORE_leftovers, evaluation_leftovers(x, v));
    set_evaluation_times(e, langwatch__ms(json_key(times, "started_at"), &seconds),
        langwatch__ms(json_key(times, "finished_at"), &seconds));
}

static void decode_evaluations(struct collector *x)
{
    struct json v;
    size_t i = 0;
    if (json_type(x->evaluations) == JSON_ABSENT ||
        !langwatch__is_array(&x->is, AT(NULL, "evaluations"), x->evaluations, false))
        return;
    for (struct json_iter it = json_iter(x->evaluations); json_next(&it, NULL, &v); i++)
        decode_evaluation(x, i, v);
}

/* ---- spans: what must hold for all of them (11 to 13) --------------------------------------------------------------- */

static enum status check_counts(struct collector *x)
{
    struct langwatch_state *s = langwatch__state(x->c);
    if (langwatch__truthy(x->spans) && !json_is_arr(x->spans))
        return fail_message(x, ST_INVALID, STR("Invalid 'spans' field, expecting array"));
    if (s->n_spans > LANGWATCH_SPANS_MAX)
        return fail_message(x, ST_RATE,
            arena_printf(x->arena, "Too many spans, maximum of %d per trace", LANGWATCH_SPANS_MAX));
    if (s->n_evaluations > LANGWATCH_EVALUATIONS_MAX)
        return fail_message(x, ST_RATE,
            arena_printf(
                x->arena, "Too many evaluations, maximum of %d per trace", LANGWATCH_EVALUATIONS_MAX));
    return ST_OK;
}

static enum status check_trace_ids(struct collector *x)
{
    struct json v;
    if (x->trace_id.n == 0)
        return fail_message(x, ST_INVALID, STR("Trace ID not defined"));
    for (struct json_iter it = json_iter(x->spans); json_next(&it, NULL, &v);) {
        struct str id = json_str(json_key(v, "trace_id"));
        if (id.n > 0 && !str_eq(id, x->trace_id))
            return fail_message(x, ST_INVALID, STR("All spans must have the same trace id"));
    }
    if (!str_is_id(x->trace_id))
        return fail_error(x,
            "Validation error: Invalid id, expected 1 to 800 bytes of UTF-8 without control characters at \"trace_id\"");
    return ST_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static uint64_t hash_cell(uint64_t h, const struct cell *c)
{
    uint8_t head[4] = { c->column, c->rank, c->value.kind, c->value.hint };
    h = hash64_more(h, (struct str){ (const char *)head, sizeof head });
    if (c->value.kind == V_INT)
        return hash64_more(h, (struct str){ (const char *)&c->value.i, sizeof c->value.i });
    return hash64_more(h, c->value.s);
}

/* 32 hex digits that say what was decoded: an identical request has the same. */
static struct str receipt_of(struct collector *x)
{
    uint8_t md5[16];
    uint64_t h = hash64(x->trace_id);
    for (size_t i = 0; i < x->b->n_events; i++) {
        const struct event *e = &x->b->events[i];
        h = hash64_more(hash64_more(h, e->id), (struct str){ (const char *)&e->t_ns, sizeof e->t_ns });
        for (size_t k = 0; k < e->n_cells; k++)
            h = hash_cell(h, &e->cells[k]);
    }
    hash_md5((struct str){ (const char *)&h, sizeof h }, md5);
    return arena_printf(x->arena, "[\"%.*s\"]", STR_ARG(hex_encode(x->arena, md5, sizeof md5)));
}

static enum status decode_spans(struct collector *x)
{
    struct json v;
    size_t i = 0;
    for (struct json_iter it = json_iter(x->spans); json_next(&it, NULL, &v); i++) {
        enum status st = langwatch__decode_span(x, i, v);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* The trace's event takes the wire index behind all others, so that a request without spans has a result too. */
static void begin_trace(struct collector *x)
{
    struct langwatch_state *s = langwatch__state(x->c);
    s->n_spans = json_is_arr(x->spans) ? json_size(x->spans) : 0;
    s->n_evaluations = json_is_arr(x->evaluations) ? json_size(x->evaluations) : 0;
    x->trace_id = trace_id_of(x);
    if (!x->trace_id.p)
        x->trace_id = STR("");
    struct event *e = event_new(x->b, PROFILE_LANGWATCH_TRACE, x->project, STR_NONE, x->trace_id, TIME_NONE);
    e->wire_index = (uint32_t)(s->n_spans + s->n_evaluations);
}

static void finish_trace(struct collector *x)
{
    struct langwatch_state *s = langwatch__state(x->c);
    struct event *e = &x->b->events[0];
    e->t_ns = x->newest_ns;
    if (s->n_spans == 0) /* a trace that no span has dated began when it was heard of */
        event_set_receipt(e, TRACE_start_ns, RANK_HINT, FIRST);
    event_set_json(e, TRACE_receipts, receipt_of(x));
    batch_results(x->b, s->n_spans + s->n_evaluations + 1);
}

static enum status decode(struct collector *x)
{
    enum status st = read_body(x);
    if (st == ST_OK)
        st = glance_at_evaluations(x);
    if (st != ST_OK)
        return st;
    begin_trace(x);
    decode_trace(x);
    decode_evaluations(x);
    if (x->is.n > 0)
        return langwatch__fail_issues(x->c, x->err, &x->is, STR_NONE);
    st = check_counts(x);
    if (st == ST_OK)
        st = check_trace_ids(x);
    if (st == ST_OK)
        st = decode_spans(x);
    if (st == ST_OK)
        finish_trace(x);
    return st;
}

enum status langwatch_collector_write(struct call *c, struct batch *b, struct err *err)
{
    struct collector x = {
        .c = c, .b = b, .err = err, .arena = c->arena, .project = c->caller->project, .newest_ns = TIME_NONE
    };
    x.is.arena = c->arena;
    buf_init(&x.text, 0);
    enum status st = decode(&x);
    buf_fini(&x.text);
    return st;
}

/* ---- the answer (3.8) ----------------------------------------------------------------------------------------------- */

struct rejected {
    size_t spans, evaluations;
    bool changed;
    struct buf texts;
};

static void count_results(const struct batch *b, size_t n_spans, struct rejected *out)
{
    for (size_t i = 0; i < b->n_results; i++) {
        const struct event_result *r = &b->results[i];
        out->changed = out->changed || r->outcome != OUTCOME_UNCHANGED;
        if (r->outcome != OUTCOME_REJECTED)
            continue;
        if (i < n_spans)
            out->spans++;
        else
            out->evaluations++;
        if (out->texts.n < 1000)
            buf_printf(&out->texts, "%s%s", out->texts.n ? "; " : "", r->err->text);
    }
}

void langwatch_collector_reply(struct call *c, struct reply *r)
{
    struct langwatch_state *s = langwatch__state(c);
    struct rejected rejected = { 0 };
    buf_init(&rejected.texts, 0);
    count_results(c->batch, s->n_spans, &rejected);
    bool none = s->n_spans > 0 && rejected.spans == s->n_spans;
    struct str failed =
        none ? arena_printf(c->arena, "Failed to ingest all %zu spans, please retry", s->n_spans) : STR_NONE;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "message",
        none               ? failed
        : rejected.changed ? STR("Trace received successfully.")
                           : STR("No changes"));
    jw_key(&w, "partialSuccess");
    jw_obj(&w);
    jw_kv_i64(&w, "rejectedSpans", (int64_t)rejected.spans);
    if (!none)
        jw_kv_i64(&w, "rejectedEvaluations", (int64_t)rejected.evaluations);
    jw_kv_str(&w, "errorMessage", rejected.texts.n ? buf_str(&rejected.texts) : STR(""));
    jw_obj_end(&w);
    jw_obj_end(&w);
    if (none)
        r->status = 500;
    buf_fini(&rejected.texts);
}
