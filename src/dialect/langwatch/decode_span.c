/*
 * One span of a collector body (langwatch.md 3.4 to 3.6) as one event. Fix-ups are not made to the JSON: each place reads its old
 * spelling where the new one is missing.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

struct span_times {
    int64_t start_ns, end_ns, first_token_ns;
    bool seconds; /* some number is not of 13 digits */
    bool ignore;  /* ignore_timestamps_on_write: they fill only what is not known yet */
};

/* Metrics that are counts, and the usage keys they are (design.md 2). */
static const struct {
    const char *metric, *usage;
} counts[] = {
    { "prompt_tokens", "input" },
    { "completion_tokens", "output" },
    { "reasoning_tokens", "output_reasoning_tokens" },
    { "cache_read_input_tokens", "input_cached_tokens" },
    { "cache_creation_input_tokens", "input_cache_creation" },
};
#define N_COUNTS (sizeof counts / sizeof *counts)
static const char *const metric_names[] = { "prompt_tokens", "completion_tokens", "reasoning_tokens",
    "cache_read_input_tokens", "cache_creation_input_tokens", "tokens_estimated", "cost", NULL };

static struct json span_id_of(struct json v)
{
    struct json id = json_key(v, "id");
    return json_type(id) != JSON_ABSENT ? id : json_key(v, "span_id");
}

/* ---- checks --------------------------------------------------------------------------------------------------------- */

static void check_type(struct issues *is, struct json v)
{
    struct json type = json_key(v, "type");
    if (langwatch__word(langwatch__span_types, json_str(type)) < 0)
        langwatch__issue_enum(is, AT(NULL, "type"), langwatch__span_types, type);
}

static void check_times(struct issues *is, struct json v, struct span_times *out)
{
    const struct at *at = AT(NULL, "timestamps");
    struct json times = json_key(v, "timestamps"), end = json_key(times, "finished_at");
    if (!langwatch__is_object(is, at, times, false))
        return;
    langwatch__is_number(is, AT(at, "started_at"), json_key(times, "started_at"), false);
    if (json_type(end) != JSON_ABSENT)
        langwatch__is_number(is, AT(at, "finished_at"), end, false);
    langwatch__is_number(is, AT(at, "first_token_at"), json_key(times, "first_token_at"), true);
    langwatch__is_boolean(
        is, AT(at, "ignore_timestamps_on_write"), json_key(times, "ignore_timestamps_on_write"), true);
    out->ignore = json_bool(json_key(times, "ignore_timestamps_on_write"));
    out->start_ns = langwatch__ms(json_key(times, "started_at"), &out->seconds);
    out->end_ns = langwatch__ms(end, &out->seconds);
    out->first_token_ns = langwatch__ms(json_key(times, "first_token_at"), &out->seconds);
}

static void check_metrics(struct issues *is, struct json metrics)
{
    const struct at *at = AT(NULL, "metrics");
    if (!langwatch__is_object(is, at, metrics, true))
        return;
    for (size_t i = 0; i < N_COUNTS; i++)
        langwatch__is_number(
            is, AT_KEY(at, str_of(counts[i].metric)), json_key(metrics, counts[i].metric), true);
    langwatch__is_number(is, AT(at, "cost"), json_key(metrics, "cost"), true);
    langwatch__is_boolean(is, AT(at, "tokens_estimated"), json_key(metrics, "tokens_estimated"), true);
}

/* ---- columns -------------------------------------------------------------------------------------------------------- */

static int64_t newest(const struct span_times *t)
{
    int64_t n = t->start_ns > t->end_ns ? t->start_ns : t->end_ns;
    return n > t->first_token_ns ? n : t->first_token_ns; /* TIME_NONE is smaller than any time */
}

static void set_time(struct event *e, unsigned column, int64_t ns, bool ignore)
{
    if (ignore)
        event_set_as(e, column, value_int(ns), RANK_HINT, FIRST, MODE_REPLACE);
    else
        event_set_int(e, column, ns);
}

static void set_times(struct event *e, const struct span_times *t)
{
    set_time(e, OBSERVATION_start_ns, t->start_ns, t->ignore);
    set_time(e, OBSERVATION_end_ns, t->end_ns, t->ignore);
    set_time(e, OBSERVATION_first_token_ns, t->first_token_ns, t->ignore);
}

static void set_type(struct event *e, struct json v)
{
    struct str word = json_str(json_key(v, "type"));
    event_set_int(e, OBSERVATION_type, langwatch__type_of(word));
    event_set_text(e, OBSERVATION_source_type, word);
}

static void set_io(struct event *e, unsigned column, struct value v, bool empty)
{
    if (empty)
        event_set_as(e, column, v, RANK_HINT, LATEST, MODE_REPLACE);
    else
        event_set(e, column, v);
}

static void decode_io(struct collector *x, struct event *e, struct json v)
{
    struct json input = json_key(v, "input"), output = json_key(v, "output");
    struct value value;
    bool empty;
    if (json_is_set(input) && langwatch__typed_value(&x->is, AT(NULL, "input"), input, &value, &empty))
        set_io(e, OBSERVATION_input, value, empty);
    if (json_is_set(output) && langwatch__typed_value(&x->is, AT(NULL, "output"), output, &value, &empty))
        set_io(e, OBSERVATION_output, value, empty);
    if (json_type(output) == JSON_ABSENT &&
        langwatch__outputs(&x->is, AT(NULL, "outputs"), json_key(v, "outputs"), &value, &empty))
        set_io(e, OBSERVATION_output, value, empty);
}

/* Whether they were estimated stands beside the counts, where the trace's sums look for it (model/usage.c). */
static void set_usage(struct collector *x, struct event *e, struct json metrics)
{
    struct json estimated = json_key(metrics, "tokens_estimated");
    struct jw w = langwatch__begin(x);
    for (size_t i = 0; i < N_COUNTS; i++)
        jw_kv_raw_opt(&w, counts[i].usage, json_num_text(json_key(metrics, counts[i].metric)));
    if (json_is_set(estimated))
        jw_kv_bool(&w, "estimated", json_bool(estimated));
    event_set_json(e, OBSERVATION_usage, langwatch__end(x, &w));
}

/* A cost of 0 prices nothing (4.5): the table may. */
static void set_cost(struct collector *x, struct event *e, struct json cost)
{
    double usd;
    if (!json_f64(cost, &usd) || usd <= 0)
        return;
    struct jw w = langwatch__begin(x);
    jw_kv_raw(&w, "total", json_num_text(cost));
    event_set_json(e, OBSERVATION_cost, langwatch__end(x, &w));
}

static bool is_metric(struct str key)
{
    return langwatch__word(metric_names, key) >= 0;
}

/* Parameters, without nulls, and with the metrics that are none. */
static void set_params(struct collector *x, struct event *e, struct json params, struct json metrics)
{
    struct str key;
    struct json value;
    struct jw w = langwatch__begin(x);
    for (struct json_iter it = json_iter(metrics); json_next(&it, &key, &value);) {
        if (is_metric(key) || json_is_null(value) || json_is_set(json_get(params, key)))
            continue;
        jw_key_str(&w, key);
        jw_value(&w, value);
    }
    for (struct json_iter it = json_iter(params); json_next(&it, &key, &value);) {
        if (json_is_null(value))
            continue;
        jw_key_str(&w, key);
        jw_value(&w, value);
    }
    event_set_json(e, OBSERVATION_params, langwatch__end(x, &w));
}

static void set_stacktrace(struct collector *x, struct event *e, struct json stacktrace)
{
    if (json_size(stacktrace) == 0)
        return;
    struct jw w = langwatch__begin(x);
    jw_kv_raw(&w, "stacktrace", json_text(x->arena, stacktrace));
    event_set_json(e, OBSERVATION_leftovers, langwatch__end(x, &w));
}

static void set_error(struct collector *x, struct event *e, struct json error)
{
    if (!langwatch__is_error(&x->is, AT(NULL, "error"), error))
        return;
    event_set_int(e, OBSERVATION_level, LEVEL_ERROR);
    event_set_text(e, OBSERVATION_status_message, json_str(json_key(error, "message")));
    set_stacktrace(x, e, json_key(error, "stacktrace"));
}

static void decode_columns(struct collector *x, struct event *e, struct json v)
{
    struct json metrics = json_key(v, "metrics"), params = json_key(v, "params");
    set_type(e, v);
    langwatch__decode(&x->is, NULL, KIND_SPAN | KIND_MODEL, v, e);
    set_error(x, e, json_key(v, "error"));
    decode_io(x, e, v);
    check_metrics(&x->is, metrics);
    langwatch__is_object(&x->is, AT(NULL, "params"), params, true);
    if (x->is.n > 0)
        return;
    set_usage(x, e, metrics);
    set_cost(x, e, json_key(metrics, "cost"));
    set_params(x, e, params, metrics);
    if (str_is(json_str(json_key(v, "type")), "rag"))
        event_set_json(e, OBSERVATION_documents,
            langwatch__documents(&x->is, AT(NULL, "contexts"), json_key(v, "contexts")));
}

enum status langwatch__decode_span(struct collector *x, size_t i, struct json v)
{
    struct span_times times = { TIME_NONE, TIME_NONE, TIME_NONE, false, false };
    struct str place = arena_printf(x->arena, "spans[%zu]", i);
    x->is.n = 0;
    if (!langwatch__is_object(&x->is, NULL, v, false))
        return langwatch__fail_issues(x->c, x->err, &x->is, place);
    langwatch__is_id(&x->is, AT(NULL, "span_id"), span_id_of(v));
    langwatch__is_text(&x->is, AT(NULL, "trace_id"), json_key(v, "trace_id"), true);
    check_type(&x->is, v);
    check_times(&x->is, v, &times);
    struct str id = json_str(span_id_of(v));
    struct event *e =
        event_new(x->b, PROFILE_LANGWATCH_SPAN, x->project, x->trace_id, id.p ? id : STR(""), newest(&times));
    e->wire_index = (uint32_t)i;
    decode_columns(x, e, v);
    if (x->is.n > 0)
        return langwatch__fail_issues(x->c, x->err, &x->is, place);
    if (times.seconds)
        return langwatch__fail_error(x->c, x->err, ST_INVALID,
            STR("Timestamps should be in milliseconds not in seconds, please multiply it by 1000"));
    set_times(e, &times);
    if (newest(&times) > x->newest_ns)
        x->newest_ns = newest(&times);
    return ST_OK;
}
