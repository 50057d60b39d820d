/*
 * A trace as LangWatch shows it (langwatch.md 4, 5.3): what the row holds and what its spans make of it, whoever sent them.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <stdlib.h>
#include <string.h>

struct json langwatch__parsed(struct arena *a, struct str text)
{
    struct json v = JSON_NONE;
    if (!text.p || json_parse(a, text, 0, &v, NULL) != ST_OK)
        return JSON_NONE;
    return v;
}

struct str langwatch__url_part(struct arena *a, struct str s)
{
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && strchr("-._~", c));
        if (plain)
            buf_add_char(&out, (char)c);
        else
            buf_printf(&out, "%%%02X", c);
    }
    return langwatch__taken(a, &out);
}

struct trace_view langwatch__view(const struct call *c)
{
    bool newer = str_starts(c->path, STR("/api/traces/"));
    bool go = str_eq_nocase(str_trim(call_header(c, "x-langwatch-sdk-language")), STR("go"));
    struct trace_view v = {
        .arena = c->arena,
        .project_id = c->caller->project_id,
        .now_ns = c->now_ns,
        .error_as_text = go || str_is(c->path, "/api/trace/search"),
    };
    if (newer)
        v.platform_url = arena_printf(
            c->arena, "%.*s/%.*s/traces/", STR_ARG(c->base_url), STR_ARG(c->caller->project_slug));
    return v;
}

int64_t langwatch__started_ns(const struct row *t)
{
    int64_t start = trace_start_ns(t);
    return start != TIME_NONE ? start : t->created_ns;
}

/* ---- spans that stand for the trace --------------------------------------------------------------------------------- */

static int by_start(const void *x, const void *y)
{
    const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;
    int64_t s = row_time(a, OBSERVATION_start_ns), t = row_time(b, OBSERVATION_start_ns);
    if (s != t) /* without a start: last */
        return s == TIME_NONE || (t != TIME_NONE && s > t) ? 1 : -1;
    return str_cmp(a->id, b->id);
}

const struct row **langwatch__sorted_spans(struct arena *a, const struct row *t)
{
    const struct row **spans = arena_array(a, t->n_observations + 1, sizeof(void *));
    bool sorted = true;
    for (size_t i = 0; i < t->n_observations; i++) {
        spans[i] = &t->observations[i];
        sorted = sorted && (i == 0 || by_start(&spans[i - 1], &spans[i]) <= 0);
    }
    if (!sorted)
        qsort(spans, t->n_observations, sizeof(void *), by_start);
    return spans;
}

const struct row *langwatch__first_failing(struct arena *a, const struct row *t)
{
    const struct row *found = NULL;
    for (size_t i = 0; i < t->n_observations; i++) {
        const struct row *o = &t->observations[i];
        if (found && by_start(&o, &found) >= 0)
            continue;
        if (row_int(o, OBSERVATION_level, LEVEL_DEFAULT) == LEVEL_ERROR ||
            langwatch__exception_message(a, o).p)
            found = o;
    }
    return found;
}

const struct row *langwatch__last_rag(const struct row *t)
{
    const struct row *found = NULL;
    for (size_t i = 0; i < t->n_observations; i++) {
        const struct row *o = &t->observations[i];
        if (o->cols[OBSERVATION_documents].kind == V_NULL || !str_is(langwatch__type_word(o), "rag"))
            continue;
        if (!found || by_start(&o, &found) > 0)
            found = o;
    }
    return found;
}

/* ---- times and metrics ---------------------------------------------------------------------------------------------- */

static void write_time(struct jw *w, const struct trace_view *v, const char *key, int64_t ns)
{
    if (v->times_as_text)
        jw_kv_str(w, key, langwatch__ago(v->arena, ns, v->now_ns));
    else
        jw_kv_i64(w, key, time_ms(ns));
}

void langwatch__write_times(struct jw *w, const struct trace_view *v, const struct row *t)
{
    jw_key(w, "timestamps");
    jw_obj(w);
    write_time(w, v, "started_at", langwatch__started_ns(t));
    write_time(w, v, "inserted_at", t->created_ns);
    write_time(w, v, "updated_at", t->updated_ns);
    jw_obj_end(w);
}

/* From the first start to the last end, in whole milliseconds; -1 when nothing has ended. */
static int64_t total_ms(const struct row *t)
{
    const struct derived *d = t->derived;
    int64_t start = d ? d->start_ns : TIME_NONE, end = d ? d->last_end_ns : TIME_NONE;
    if (start == TIME_NONE)
        start = trace_start_ns(t);
    if (end == TIME_NONE)
        end = row_time(t, TRACE_end_ns);
    if (start == TIME_NONE || end == TIME_NONE)
        return -1;
    return end > start ? (end - start) / NS_PER_MS : 0;
}

static void write_count(struct jw *w, const char *key, int64_t n)
{
    if (n > 0)
        jw_kv_i64(w, key, n);
    else
        jw_kv_null(w, key);
}

static void write_count_opt(struct jw *w, const char *key, int64_t n)
{
    if (n > 0)
        jw_kv_i64(w, key, n);
}

void langwatch__write_metrics(struct jw *w, const struct row *t)
{
    static const struct derived none = { .first_token_ns = TIME_NONE };
    const struct derived *d = t->derived ? t->derived : &none;
    int64_t total = total_ms(t), micro_usd = (d->cost_nano_usd + 500) / 1000;
    jw_key(w, "metrics");
    jw_obj(w);
    if (d->first_token_ns != TIME_NONE)
        jw_kv_i64(w, "first_token_ms", d->first_token_ns / NS_PER_MS);
    else
        jw_kv_null(w, "first_token_ms");
    if (total >= 0)
        jw_kv_i64(w, "total_time_ms", total);
    else
        jw_kv_null(w, "total_time_ms");
    write_count(w, "prompt_tokens", d->tokens_input);
    write_count(w, "completion_tokens", d->tokens_output);
    write_count_opt(w, "reasoning_tokens", d->tokens_reasoning);
    write_count_opt(w, "cache_read_input_tokens", d->tokens_cached);
    write_count_opt(w, "cache_creation_input_tokens", d->tokens_cache_creation);
    if (micro_usd > 0)
        jw_kv_f64(w, "total_cost", (double)micro_usd / 1e6);
    else
        jw_kv_null(w, "total_cost");
    jw_kv_bool(w, "tokens_estimated", d->estimated > 0);
    jw_obj_end(w);
}

/* ---- metadata ------------------------------------------------------------------------------------------------------- */

/* Reserved keys that win over a custom one of their name. */
static const char *const columned[] = { "user_id", "thread_id", "labels", "prompt_ids", "prompt_version_ids",
    NULL };

static void write_custom(struct jw *w, struct json metadata)
{
    struct str key;
    struct json value;
    for (struct json_iter it = json_iter(metadata); json_next(&it, &key, &value);) {
        if (json_is_null(value) || langwatch__word(columned, key) >= 0)
            continue;
        jw_key_str(w, key);
        jw_value(w, value);
    }
}

/* Ids that could be none, beside which nothing better came. */
static void write_identity(struct jw *w, const char *key, struct str id, struct json leftovers)
{
    if (!id.p)
        id = json_str(json_key(leftovers, key));
    jw_kv_str_opt(w, key, id);
}

static void write_models(struct jw *w, struct arena *a, const struct row *t)
{
    const struct row **spans = langwatch__sorted_spans(a, t);
    struct str *models = arena_array(a, t->n_observations + 1, sizeof *models);
    size_t n = 0;
    for (size_t i = t->n_observations; i-- > 0;) {
        struct str model = row_text(spans[i], OBSERVATION_model);
        bool known = model.n == 0;
        for (size_t k = 0; k < n && !known; k++)
            known = str_eq(models[k], model);
        if (!known && n < 100)
            models[n++] = model;
    }
    if (n == 0)
        return;
    jw_kv_str(w, "model", models[0]);
    jw_key(w, "models");
    jw_arr(w);
    for (size_t i = 0; i < n; i++)
        jw_str(w, models[i]);
    jw_arr_end(w);
}

/* What other dialects know of a trace and LangWatch has no field for. */
static void write_foreign(struct jw *w, const struct row *t, struct json metadata)
{
    struct str environment = trace_environment(t);
    if (!json_is_set(json_key(metadata, "release")))
        jw_kv_str_opt(w, "release", trace_release(t));
    if (!json_is_set(json_key(metadata, "version")))
        jw_kv_str_opt(w, "version", trace_version(t));
    if (!json_is_set(json_key(metadata, "environment")) && !str_is(environment, "default"))
        jw_kv_str(w, "environment", environment);
}

void langwatch__write_metadata(struct jw *w, const struct trace_view *v, const struct row *t)
{
    struct json metadata = langwatch__parsed(v->arena, trace_metadata(v->arena, t));
    struct json leftovers = langwatch__parsed(v->arena, row_text(t, TRACE_leftovers));
    struct str tags = trace_tags(v->arena, t);
    jw_key(w, "metadata");
    jw_obj(w);
    write_custom(w, metadata);
    write_foreign(w, t, metadata);
    write_identity(w, "user_id", trace_user_id(t), leftovers);
    write_identity(w, "thread_id", trace_session_id(t), leftovers);
    if (tags.n > 2)
        jw_kv_raw(w, "labels", tags);
    fields_encode(langwatch__fields, langwatch__n_fields, KIND_METADATA, t, false, w);
    if (!json_is_set(json_key(metadata, "model")) && !json_is_set(json_key(metadata, "models")))
        write_models(w, v->arena, t);
    jw_obj_end(w);
}

/* ---- texts ---------------------------------------------------------------------------------------------------------- */

/* What was said of the trace itself: in a trace event, or by a span (otlp.md 2.15, rank 3). V_NULL: nothing. */
static struct value said_of_trace(const struct row *t, bool input)
{
    const struct derived *d = t->derived;
    unsigned column = input ? TRACE_input : TRACE_output;
    if (d && d->ranks[input ? DERIVED_INPUT : DERIVED_OUTPUT] >= RANK_SAID)
        return input ? trace_input(t, false) : trace_output(t, false);
    return t->cols[column];
}

/* Input or output that was said of the trace itself, else what its spans show. */
struct str langwatch__trace_text(struct arena *a, const struct row *t, bool input)
{
    struct value said = said_of_trace(t, input);
    struct str text;
    if (said.kind == V_JSON &&
        derive_text(a, langwatch__parsed(a, said.s), (enum type_hint)said.hint, input, &text) != TEXT_NONE)
        return text;
    return input ? t->text_input : t->text_output;
}

/* The newest number that was given for the trace's satisfaction. */
static struct str satisfaction(struct arena *a, const struct row *t)
{
    const struct row *newest = NULL;
    struct str found = STR_NONE;
    for (size_t i = 0; i < t->n_scores; i++) {
        const struct row *s = &t->scores[i];
        if (!str_is(row_text(s, SCORE_name), "satisfaction_score") ||
            (newest && s->updated_ns < newest->updated_ns))
            continue;
        struct str number = json_num_text(json_key(langwatch__parsed(a, row_text(s, SCORE_value)), "number"));
        if (!number.p)
            continue;
        newest = s;
        found = number;
    }
    return found;
}

void langwatch__write_texts(struct jw *w, struct arena *a, const struct row *t)
{
    struct str input = langwatch__trace_text(a, t, true), output = langwatch__trace_text(a, t, false);
    if (input.p) {
        jw_key(w, "input");
        jw_obj(w);
        jw_kv_str(w, "value", input);
        jw_kv_raw_opt(w, "satisfaction_score", satisfaction(a, t));
        jw_obj_end(w);
    }
    if (output.p) {
        jw_key(w, "output");
        jw_obj(w);
        jw_kv_str(w, "value", output);
        jw_obj_end(w);
    }
}

static void write_expected(struct jw *w, struct arena *a, const struct row *t)
{
    struct str text = row_text(t, TRACE_expected_output);
    struct json v = langwatch__parsed(a, text);
    if (!json_is_set(v))
        return;
    jw_key(w, "expected_output");
    jw_obj(w);
    jw_kv_str(w, "value", json_is_str(v) ? json_str(v) : text);
    jw_obj_end(w);
}

/* ---- error ---------------------------------------------------------------------------------------------------------- */

void langwatch__write_trace_error(
    struct jw *w, const struct trace_view *v, const struct row *t, const struct row *failing)
{
    if (!failing)
        failing = langwatch__first_failing(v->arena, t);
    struct str message = failing ? langwatch__exception_message(v->arena, failing) : STR_NONE;
    if (message.n == 0)
        message = failing ? row_text(failing, OBSERVATION_status_message) : row_text(t, TRACE_status_message);
    if (message.n == 0)
        message = STR("Unknown error");
    if (!failing && !trace_has_error(t))
        jw_kv_null(w, "error");
    else if (v->error_as_text)
        jw_kv_str(w, "error", message);
    else
        langwatch__write_error(
            w, "error", v->arena, message, failing ? row_text(failing, OBSERVATION_leftovers) : STR_NONE);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

/* Digests of the newest requests about the trace. */
static void write_receipts(struct jw *w, struct arena *a, const struct row *t)
{
    struct json receipts = langwatch__parsed(a, row_text(t, TRACE_receipts));
    size_t n = json_size(receipts);
    jw_key(w, "indexing_md5s");
    jw_arr(w);
    for (size_t i = n > LANGWATCH_RECEIPTS_MAX ? n - LANGWATCH_RECEIPTS_MAX : 0; i < n; i++)
        jw_value(w, json_at(receipts, i));
    jw_arr_end(w);
}

static void write_spans(struct jw *w, const struct trace_view *v, const struct row *t)
{
    const struct row **spans = langwatch__sorted_spans(v->arena, t);
    jw_key(w, "spans");
    jw_arr(w);
    for (size_t i = 0; v->spans && i < t->n_observations; i++)
        langwatch__write_span(w, v->arena, spans[i]);
    jw_arr_end(w);
}

void langwatch__write_trace(struct jw *w, const struct trace_view *v, const struct row *t,
    const struct row *failing, const struct row *rag)
{
    jw_obj(w);
    jw_kv_str(w, "trace_id", t->id);
    jw_kv_str(w, "project_id", v->project_id);
    langwatch__write_times(w, v, t);
    langwatch__write_texts(w, v->arena, t);
    write_expected(w, v->arena, t);
    langwatch__write_metadata(w, v, t);
    langwatch__write_metrics(w, t);
    langwatch__write_trace_error(w, v, t, failing);
    write_receipts(w, v->arena, t);
    langwatch__write_evaluations(w, v, t);
    if (rag)
        langwatch__write_contexts(w, v->arena, rag);
    if (v->spans)
        langwatch__write_events(w, v, t);
    write_spans(w, v, t);
    if (v->tree)
        jw_kv_str(w, "ascii_tree", langwatch__ascii_tree(v->arena, t));
    if (v->platform_url.p)
        jw_kv_str(w, "platformUrl",
            arena_printf(v->arena, "%.*s%.*s", STR_ARG(v->platform_url),
                STR_ARG(langwatch__url_part(v->arena, t->id))));
    jw_obj_end(w);
}
