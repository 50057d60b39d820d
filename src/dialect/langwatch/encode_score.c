/*
 * Scores as evaluations, and records as tracked events (langwatch.md 5.3, 10). A LangWatch evaluation may hold a number, a verdict and a
 * label at once; a score of another dialect becomes the one that its type says.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- evaluations ---------------------------------------------------------------------------------------------------- */

static void take_value(struct evaluation_view *e, struct json value, bool ours)
{
    struct json number = json_key(value, "number"), boolean = json_key(value, "boolean");
    double n;
    bool verdict = str_is(json_str(json_key(value, "type")), "BOOLEAN");
    e->score = json_num_text(number);
    e->label = json_str(json_key(value, "text"));
    e->has_passed = json_type(boolean) == JSON_BOOL;
    e->passed = json_bool(boolean);
    if (!ours && verdict && !e->has_passed && json_f64(number, &n)) {
        e->has_passed = true;
        e->passed = n != 0;
    }
    if (!ours && verdict && !e->score.p && e->has_passed)
        e->score = e->passed ? STR("1") : STR("0");
}

/* Votes are shown as the events they are, annotations by their own API. */
static bool is_elsewhere(const struct row *s)
{
    struct str name = row_text(s, SCORE_name);
    return row_int(s, SCORE_source, SOURCE_API) == SOURCE_ANNOTATION &&
           (str_is(name, "annotation") ||
               (str_is(name, "thumbs_up_down") && str_starts(s->id, STR("thumbs_up_down_"))));
}

bool langwatch__evaluation_of(struct arena *a, const struct row *s, struct evaluation_view *out)
{
    struct json value = langwatch__parsed(a, row_text(s, SCORE_value));
    struct str status = row_text(s, SCORE_status);
    if (is_elsewhere(s) || (!status.p && !json_is_set(value)))
        return false;
    *out = (struct evaluation_view){
        .id = s->id,
        .evaluator_id = row_text(s, SCORE_evaluator_id),
        .name = row_text(s, SCORE_name),
        .status = status.p ? status : STR("processed"),
        .details = row_text(s, SCORE_comment),
        .is_guardrail = row_int(s, SCORE_is_guardrail, 0) != 0,
        .leftovers = langwatch__parsed(a, row_text(s, SCORE_leftovers)),
        .started_ns = row_time(s, SCORE_started_ns),
        .finished_ns = row_time(s, SCORE_finished_ns),
    };
    take_value(out, value, status.p != NULL);
    out->type = json_str(json_key(out->leftovers, "type"));
    if (!out->type.p)
        out->type = STR("custom");
    if (out->evaluator_id.n == 0)
        out->evaluator_id = langwatch__evaluator_id(a, out->name);
    if (out->finished_ns == TIME_NONE && str_is(out->status, "processed"))
        out->finished_ns =
            status.p || row_time(s, SCORE_time_ns) == TIME_NONE ? s->created_ns : row_time(s, SCORE_time_ns);
    return true;
}

static void write_ms(struct jw *w, const char *key, int64_t ns)
{
    if (ns == TIME_NONE)
        jw_kv_null(w, key);
    else
        jw_kv_i64(w, key, time_ms(ns));
}

static void write_evaluation_error(struct jw *w, struct arena *a, struct json error)
{
    if (!json_is_obj(error)) {
        jw_kv_null(w, "error");
        return;
    }
    struct str message = json_str(json_key(error, "message"));
    langwatch__write_error(w, "error", a, message.p ? message : STR("Unknown error"), json_text(a, error));
}

static void write_evaluation(
    struct jw *w, struct arena *a, const struct row *s, const struct evaluation_view *e)
{
    jw_obj(w);
    jw_kv_str(w, "evaluation_id", e->id);
    jw_kv_str(w, "evaluator_id", e->evaluator_id);
    jw_kv_str(w, "name", e->name);
    jw_kv_str(w, "type", e->type);
    jw_kv_bool(w, "is_guardrail", e->is_guardrail);
    jw_kv_str(w, "status", e->status);
    if (e->has_passed)
        jw_kv_bool(w, "passed", e->passed);
    else
        jw_kv_null(w, "passed");
    jw_kv_raw(w, "score", e->score);
    jw_kv_str(w, "label", e->label);
    jw_kv_str(w, "details", e->details);
    jw_kv_str_opt(w, "span_id", row_text(s, SCORE_observation_id));
    jw_kv_str_opt(w, "evaluation_thread_id", json_str(json_key(e->leftovers, "evaluation_thread_id")));
    jw_kv_raw_opt(w, "inputs", json_text(a, json_key(e->leftovers, "inputs")));
    jw_kv_raw_opt(w, "cost", json_text(a, json_key(e->leftovers, "cost")));
    write_evaluation_error(w, a, json_key(e->leftovers, "error"));
    jw_key(w, "timestamps");
    jw_obj(w);
    jw_kv_i64(w, "inserted_at", time_ms(s->created_ns));
    write_ms(w, "started_at", e->started_ns);
    write_ms(w, "finished_at", e->finished_ns);
    jw_kv_i64(w, "updated_at", time_ms(s->updated_ns));
    jw_obj_end(w);
    jw_obj_end(w);
}

static int by_created(const void *x, const void *y)
{
    const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;
    if (a->created_ns != b->created_ns)
        return a->created_ns < b->created_ns ? -1 : 1;
    return str_cmp(a->id, b->id);
}

/* In the order in which they came. */
static const struct row **sorted(struct arena *a, const struct row *rows, size_t n)
{
    const struct row **order = arena_array(a, n + 1, sizeof(void *));
    for (size_t i = 0; i < n; i++)
        order[i] = &rows[i];
    qsort(order, n, sizeof(void *), by_created);
    return order;
}

void langwatch__write_evaluations(struct jw *w, const struct trace_view *v, const struct row *t)
{
    struct evaluation_view e;
    const struct row **scores = sorted(v->arena, t->scores, t->n_scores);
    jw_key(w, "evaluations");
    jw_arr(w);
    for (size_t i = 0; i < t->n_scores; i++)
        if (langwatch__evaluation_of(v->arena, scores[i], &e))
            write_evaluation(w, v->arena, scores[i], &e);
    jw_arr_end(w);
}

/* ---- tracked events ------------------------------------------------------------------------------------------------- */

bool langwatch__event_of(struct arena *a, const struct row *record, struct event_view *out)
{
    if (!str_is(record->scope, "tracked_event"))
        return false;
    struct json body = langwatch__parsed(a, row_text(record, RECORD_body));
    struct str id = json_str(json_key(body, "event_id"));
    int64_t time = row_time(record, RECORD_time_ns);
    *out = (struct event_view){
        .id = id.p ? id : record->id,
        .type = row_text(record, RECORD_name),
        .metrics = json_key(body, "metrics"),
        .details = json_key(body, "event_details"),
        .time_ns = time != TIME_NONE ? time : record->created_ns,
    };
    return true;
}

static void write_object(struct jw *w, const char *key, struct json v)
{
    jw_key(w, key);
    if (json_is_obj(v))
        jw_value(w, v);
    else
        jw_raw(w, STR("{}"));
}

static void write_event(struct jw *w, const struct trace_view *v, const struct row *t,
    const struct row *record, const struct event_view *e)
{
    jw_obj(w);
    jw_kv_str(w, "event_id", e->id);
    jw_kv_str(w, "event_type", e->type);
    jw_kv_str(w, "project_id", v->project_id);
    jw_kv_str(w, "trace_id", t->id);
    write_object(w, "metrics", e->metrics);
    write_object(w, "event_details", e->details);
    jw_key(w, "timestamps");
    jw_obj(w);
    jw_kv_i64(w, "started_at", time_ms(e->time_ns));
    jw_kv_i64(w, "inserted_at", time_ms(record->created_ns));
    jw_kv_i64(w, "updated_at", time_ms(record->updated_ns));
    jw_obj_end(w);
    jw_obj_end(w);
}

void langwatch__write_events(struct jw *w, const struct trace_view *v, const struct row *t)
{
    struct event_view e;
    const struct row **records = sorted(v->arena, t->records, t->n_records);
    bool open = false;
    for (size_t i = 0; i < t->n_records; i++) {
        if (!langwatch__event_of(v->arena, records[i], &e))
            continue;
        if (!open) {
            jw_key(w, "events");
            jw_arr(w);
            open = true;
        }
        write_event(w, v, t, records[i], &e);
    }
    if (open)
        jw_arr_end(w);
}
