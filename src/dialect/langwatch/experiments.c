/*
 * Experiments as the SDKs report them (section 9): found or made by slug, then rows and evaluations of a run, in as many posts as it takes.
 * Ids come from what names a thing, so a post that is sent twice changes nothing, and one that says more of a row is joined to it.
 */
#include "dialect/langwatch/experiment_priv.h"

#include <stdlib.h>

#define ROWS_MAX 10000 /* of one post, of either kind: what one question can bring back */

struct str langwatch__experiment_id(struct arena *a, struct str slug)
{
    return records_id_of(a, (struct str[]){ STR(EXPERIMENT_KIND), slug }, 2);
}

struct str langwatch__run_id(struct arena *a, struct str experiment_id, struct str run_id)
{
    return records_id_of(a, (struct str[]){ STR(RUN_KIND), experiment_id, run_id }, 3);
}

/* ---- which experiment ----------------------------------------------------------------------------------------------- */

/* The slug or id that a body names; false and a 400 when it has neither. */
struct named {
    struct str slug, id; /* slug: absent when only the id is given */
};

static struct str text_member(struct json body, const char *name)
{
    struct str s = json_str(json_key(body, name));
    return s.n > 0 ? s : STR_NONE;
}

static bool read_named(struct arena *a, struct json body, struct named *out)
{
    *out = (struct named){ .slug = text_member(body, "experiment_slug"),
        .id = text_member(body, "experiment_id") };
    if (!out->id.p && out->slug.p)
        out->id = langwatch__experiment_id(a, out->slug);
    return out->id.p != NULL && str_is_id(out->id);
}

#define NEEDS_A_NAME STR("Either experiment_id or experiment_slug is required")

static enum status unknown(struct call *c, struct err *err, struct str id)
{
    return langwatch__fail_error(
        c, err, ST_NOT_FOUND, arena_printf(c->arena, "Experiment not found: %.*s", STR_ARG(id)));
}

/* The body of the legacy routes. */
static enum status legacy_body(struct call *c, struct json *body, struct err *err)
{
    enum status st = call_json(c, body, err);
    if (st == ST_TOO_LARGE)
        return st;
    return st == ST_OK ? ST_OK
                       : langwatch__fail_message(c, err, ST_INVALID, STR("Invalid body, expecting json"));
}

static void put_experiment(struct call *c, struct batch *b, const struct row *old, const struct named *named,
    struct str type, struct json name, struct json workflow)
{
    const struct record_member members[] = { { "name",
                                                 json_is_set(name) ? json_text(c->arena, name) : STR_NONE },
        { "workflow_id", json_is_set(workflow) ? json_text(c->arena, workflow) : STR_NONE } };
    struct event *e = records_put(c, b, EXPERIMENT_KIND, named->id);
    event_set_text(e, RECORD_name, named->slug);
    event_set_text(e, RECORD_status, type);
    if (!old) {
        event_set_json(e, RECORD_body, records_body_with(c->arena, JSON_NONE, members, 2));
        event_set_int(e, RECORD_seq, c->now_ns);
        event_set_int(e, RECORD_time_ns, c->now_ns);
    }
}

/* ---- POST /api/experiment/init -------------------------------------------------------------------------------------- */

static const char *const types[] = { "DSPY", "BATCH_EVALUATION", "BATCH_EVALUATION_V2", NULL };

static enum status read_init(struct call *c, struct json *body, struct named *named, struct err *err)
{
    static const char *const texts[] = { "experiment_slug", "experiment_id", "experiment_name", "workflowId",
        "workflow_id", NULL };
    struct issues is = { .arena = c->arena };
    enum status st = legacy_body(c, body, err);
    if (st != ST_OK)
        return st;
    if (langwatch__is_object(&is, NULL, *body, false)) {
        for (size_t i = 0; texts[i]; i++)
            langwatch__is_text(&is, AT_KEY(NULL, str_of(texts[i])), json_key(*body, texts[i]), true);
        if (langwatch__word(types, json_str(json_key(*body, "experiment_type"))) < 0)
            langwatch__issue_enum(
                &is, AT(NULL, "experiment_type"), types, json_key(*body, "experiment_type"));
    }
    if (is.n > 0)
        return langwatch__fail_issues(c, err, &is, STR_NONE);
    return read_named(c->arena, *body, named) ? ST_OK
                                              : langwatch__fail_error(c, err, ST_INVALID, NEEDS_A_NAME);
}

enum status langwatch_experiment_init_ask(struct call *c, struct err *err)
{
    struct json body;
    struct named named = { 0 };
    enum status st = read_init(c, &body, &named, err);
    if (st == ST_OK)
        (void)records_get(c, EXPERIMENT_KIND, named.id);
    return st;
}

enum status langwatch_experiment_init_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct named named = { 0 };
    const struct row *old = ask_row(c, 0);
    enum status st = read_init(c, &body, &named, err);
    if (st != ST_OK)
        return st;
    if (!named.slug.p && !old)
        return unknown(c, err, named.id);
    langwatch__state(c)->made = old ? row_text(old, RECORD_name) : named.slug;
    struct json workflow = json_key(body, "workflowId");
    if (!old)
        put_experiment(c, b, old, &named, json_str(json_key(body, "experiment_type")),
            json_key(body, "experiment_name"),
            json_is_set(workflow) ? workflow : json_key(body, "workflow_id"));
    return ST_OK;
}

void langwatch_experiment_init_reply(struct call *c, struct reply *r)
{
    struct str slug = langwatch__state(c)->made;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "path",
        arena_printf(c->arena, "/%.*s/experiments/%.*s", STR_ARG(c->caller->project_slug), STR_ARG(slug)));
    jw_kv_str(&w, "slug", slug);
    jw_obj_end(&w);
}

/* ---- POST /api/evaluations/batch/log_results: the body --------------------------------------------------------------- */

static const char *const statuses[] = { "processed", "skipped", "error", NULL };

static void check_row(struct issues *is, const struct at *at, struct json row)
{
    static const char *const numbers[] = { "cost", "duration", NULL };
    static const char *const texts[] = { "target_id", "error", "trace_id", NULL };
    if (!langwatch__is_object(is, at, row, false))
        return;
    langwatch__is_number(is, AT(at, "index"), json_key(row, "index"), false);
    langwatch__is_object(is, AT(at, "entry"), json_key(row, "entry"), false);
    langwatch__is_object(is, AT(at, "predicted"), json_key(row, "predicted"), true);
    for (size_t i = 0; numbers[i]; i++)
        langwatch__is_number(is, AT_KEY(at, str_of(numbers[i])), json_key(row, numbers[i]), true);
    for (size_t i = 0; texts[i]; i++)
        langwatch__is_text(is, AT_KEY(at, str_of(texts[i])), json_key(row, texts[i]), true);
}

static void check_evaluation(struct issues *is, const struct at *at, struct json v)
{
    static const char *const numbers[] = { "score", "cost", "duration", NULL };
    static const char *const texts[] = { "name", "target_id", "trace_id", "label", "details", NULL };
    if (!langwatch__is_object(is, at, v, false))
        return;
    langwatch__is_filled(is, AT(at, "evaluator"), json_key(v, "evaluator"), false);
    langwatch__is_number(is, AT(at, "index"), json_key(v, "index"), false);
    if (langwatch__word(statuses, json_str(json_key(v, "status"))) < 0)
        langwatch__issue_enum(is, AT(at, "status"), statuses, json_key(v, "status"));
    langwatch__is_boolean(is, AT(at, "passed"), json_key(v, "passed"), true);
    langwatch__is_object(is, AT(at, "inputs"), json_key(v, "inputs"), true);
    for (size_t i = 0; numbers[i]; i++)
        langwatch__is_number(is, AT_KEY(at, str_of(numbers[i])), json_key(v, numbers[i]), true);
    for (size_t i = 0; texts[i]; i++)
        langwatch__is_text(is, AT_KEY(at, str_of(texts[i])), json_key(v, texts[i]), true);
}

static void check_rows(struct issues *is, struct json rows, const char *name,
    void (*check)(struct issues *, const struct at *, struct json))
{
    const struct at *at = AT_KEY(NULL, str_of(name));
    struct json row;
    size_t i = 0, n = json_size(rows);
    if (!langwatch__is_array(is, at, rows, true))
        return;
    if (n > ROWS_MAX)
        langwatch__issue(is, at, "too_big",
            arena_printf(
                is->arena, "at most %d a request, received %zu: send the rest in another", ROWS_MAX, n));
    for (struct json_iter it = json_iter(rows); n <= ROWS_MAX && json_next(&it, NULL, &row); i++)
        check(is, AT_INDEX(at, i), row);
}

static const char *const time_members[] = { "created_at", "finished_at", "stopped_at", NULL };

static void check_times(struct issues *is, struct json times, bool *seconds)
{
    const struct at *at = AT(NULL, "timestamps");
    if (!langwatch__is_object(is, at, times, true))
        return;
    for (size_t i = 0; time_members[i]; i++)
        if (langwatch__is_number(
                is, AT_KEY(at, str_of(time_members[i])), json_key(times, time_members[i]), true))
            (void)langwatch__ms(json_key(times, time_members[i]), seconds);
}

static void check_results(struct issues *is, struct json body, bool *seconds)
{
    if (!langwatch__is_object(is, NULL, body, false))
        return;
    langwatch__is_filled(is, AT(NULL, "run_id"), json_key(body, "run_id"), false);
    langwatch__is_text(is, AT(NULL, "name"), json_key(body, "name"), true);
    langwatch__is_text(is, AT(NULL, "experiment_slug"), json_key(body, "experiment_slug"), true);
    langwatch__is_text(is, AT(NULL, "experiment_id"), json_key(body, "experiment_id"), true);
    langwatch__is_number(is, AT(NULL, "progress"), json_key(body, "progress"), true);
    langwatch__is_number(is, AT(NULL, "total"), json_key(body, "total"), true);
    langwatch__is_array(is, AT(NULL, "targets"), json_key(body, "targets"), true);
    check_rows(is, json_key(body, "dataset"), "dataset", check_row);
    check_rows(is, json_key(body, "evaluations"), "evaluations", check_evaluation);
    check_times(is, json_key(body, "timestamps"), seconds);
}

static enum status read_results(struct call *c, struct json *body, struct named *named, struct err *err)
{
    struct issues is = { .arena = c->arena };
    bool seconds = false;
    enum status st = legacy_body(c, body, err);
    if (st != ST_OK)
        return st;
    if (json_is_obj(*body) && !read_named(c->arena, *body, named))
        return langwatch__fail_error(c, err, ST_INVALID, NEEDS_A_NAME);
    check_results(&is, *body, &seconds);
    if (is.n > 0)
        return langwatch__fail_issues(c, err, &is, STR_NONE);
    return seconds
               ? langwatch__fail_error(c, err, ST_INVALID,
                     STR("Timestamps should be in milliseconds not in seconds, please multiply it by 1000"))
               : ST_OK;
}

/* ---- ... its rows --------------------------------------------------------------------------------------------------- */

static struct str number_text(struct json v)
{
    return json_is_num(v) ? json_num_text(v) : STR("");
}

static struct str item_id(struct arena *a, struct str run, struct json row)
{
    return records_id_of(a,
        (struct str[]){
            STR(ITEM_KIND), run, number_text(json_key(row, "index")), json_str(json_key(row, "target_id")) },
        4);
}

static struct str evaluation_id(struct arena *a, struct str run, struct json v)
{
    return records_id_of(a,
        (struct str[]){ STR(EVALUATION_KIND), run, json_str(json_key(v, "evaluator")),
            number_text(json_key(v, "index")), json_str(json_key(v, "target_id")) },
        5);
}

/* The rows that are there already, to be joined; without any sent, none. */
static void ask_rows(struct call *c, const char *kind, struct str run, struct json rows,
    struct str (*id)(struct arena *, struct str, struct json))
{
    struct ask *ask = records_find(c, kind);
    struct json row;
    if (json_size(rows) == 0) {
        query_add(c->arena, &ask->query, ON_NOTHING, IS_IN);
        return;
    }
    struct filter *ids = query_add(c->arena, &ask->query, ON_ID, IS_IN);
    for (struct json_iter it = json_iter(rows); json_next(&it, NULL, &row);)
        filter_value(c->arena, ids, id(c->arena, run, row));
}

/* experiment, run, items, evaluations */
enum status langwatch_log_results_ask(struct call *c, struct err *err)
{
    struct json body;
    struct named named = { 0 };
    enum status st = read_results(c, &body, &named, err);
    if (st != ST_OK)
        return st;
    struct str run = langwatch__run_id(c->arena, named.id, json_str(json_key(body, "run_id")));
    (void)records_get(c, EXPERIMENT_KIND, named.id);
    (void)records_get(c, RUN_KIND, run);
    ask_rows(c, ITEM_KIND, run, json_key(body, "dataset"), item_id);
    ask_rows(c, EVALUATION_KIND, run, json_key(body, "evaluations"), evaluation_id);
    return ST_OK;
}

/* What was said before, under what is said now; null says nothing. */
static struct str joined(struct arena *a, const struct row *old, struct json now)
{
    struct str key;
    struct json v, before = records_body(a, old);
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    for (struct json_iter it = json_iter(before); json_next(&it, &key, &v);)
        if (!json_is_set(json_get(now, key))) {
            jw_key_str(&w, key);
            jw_value(&w, v);
        }
    for (struct json_iter it = json_iter(now); json_next(&it, &key, &v);)
        if (json_is_set(v)) {
            jw_key_str(&w, key);
            jw_value(&w, v);
        }
    jw_obj_end(&w);
    return langwatch__taken(a, &out);
}

static int64_t index_of(struct json row)
{
    double index = 0;
    return json_f64(json_key(row, "index"), &index) && index > -1e15 && index < 1e15 ? (int64_t)index : 0;
}

static int by_id(const void *x, const void *y)
{
    return str_cmp(((const struct row *)x)->id, ((const struct row *)y)->id);
}

/* Of an answer that is in order of ids. */
static const struct row *with_id(const struct ask *ask, struct str id)
{
    struct row key = { .id = id };
    return ask->n > 0 ? bsearch(&key, ask->rows, ask->n, sizeof(*ask->rows), by_id) : NULL;
}

static struct event *put_row(struct call *c, struct batch *b, const char *kind, struct str id, struct str run,
    const struct ask *old, struct json row)
{
    struct event *e = records_put(c, b, kind, id);
    event_set_text(e, RECORD_parent_id, run);
    event_set_int(e, RECORD_seq, index_of(row));
    event_set_json(e, RECORD_body, joined(c->arena, with_id(old, id), row));
    return e;
}

static void put_rows(struct call *c, struct batch *b, struct str run, struct json body)
{
    struct json rows = json_key(body, "dataset"), evaluations = json_key(body, "evaluations"), v;
    for (size_t i = 2; i < 4; i++)
        if (c->asks[i].n > 1)
            qsort(c->asks[i].rows, c->asks[i].n, sizeof(struct row), by_id);
    for (struct json_iter it = json_iter(rows); json_next(&it, NULL, &v);)
        (void)put_row(c, b, ITEM_KIND, item_id(c->arena, run, v), run, &c->asks[2], v);
    for (struct json_iter it = json_iter(evaluations); json_next(&it, NULL, &v);) {
        struct event *e =
            put_row(c, b, EVALUATION_KIND, evaluation_id(c->arena, run, v), run, &c->asks[3], v);
        event_set_text(e, RECORD_name, json_str(json_key(v, "evaluator")));
        event_set_text(e, RECORD_status, json_str(json_key(v, "status")));
    }
}

/* ---- ... and its run ------------------------------------------------------------------------------------------------ */

static struct str run_body(struct call *c, const struct row *old, struct json body)
{
    static const char *const names[] = { "name", "progress", "total", "targets", "workflow_version_id",
        "workflow_id" };
    struct json times = json_key(body, "timestamps");
    struct record_member members[9];
    size_t n = 0;
    for (size_t i = 0; i < 6; i++)
        if (json_is_set(json_key(body, names[i])))
            members[n++] = (struct record_member){ names[i], json_text(c->arena, json_key(body, names[i])) };
    for (size_t i = 0; time_members[i]; i++)
        if (json_is_set(json_key(times, time_members[i])))
            members[n++] = (struct record_member){ time_members[i],
                json_text(c->arena, json_key(times, time_members[i])) };
    return records_body_with(c->arena, records_body(c->arena, old), members, n);
}

static void put_run(struct call *c, struct batch *b, const struct row *old, struct str experiment,
    struct str run, struct json body)
{
    struct json times = json_key(body, "timestamps");
    struct event *e = records_put(c, b, RUN_KIND, run);
    bool seconds, stopped = json_is_set(json_key(times, "stopped_at")),
                  finished = json_is_set(json_key(times, "finished_at"));
    int64_t created = langwatch__ms(json_key(times, "created_at"), &seconds);
    event_set_text(e, RECORD_name, json_str(json_key(body, "run_id")));
    event_set_text(e, RECORD_parent_id, experiment);
    if (stopped || finished || !old)
        event_set_text(e, RECORD_status,
            stopped    ? STR("stopped")
            : finished ? STR("completed")
                       : STR("running"));
    event_set_json(e, RECORD_body, run_body(c, old, body));
    if (!old) {
        event_set_int(e, RECORD_seq, created != TIME_NONE ? created : c->now_ns);
        event_set_int(e, RECORD_time_ns, created != TIME_NONE ? created : c->now_ns);
    }
}

enum status langwatch_log_results_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct named named = { 0 };
    const struct row *experiment = ask_row(c, 0);
    enum status st = read_results(c, &body, &named, err);
    if (st != ST_OK)
        return st;
    if (!experiment && !named.slug.p)
        return unknown(c, err, named.id);
    struct str run = langwatch__run_id(c->arena, named.id, json_str(json_key(body, "run_id")));
    if (!experiment)
        put_experiment(c, b, NULL, &named, STR("BATCH_EVALUATION_V2"), json_key(body, "name"),
            json_key(body, "workflow_id"));
    put_run(c, b, ask_row(c, 1), named.id, run, body);
    put_rows(c, b, run, body);
    return ST_OK;
}

void langwatch__log_evaluation(struct call *c, struct batch *b, struct str slug, struct str run_id,
    const struct row *experiment, const struct row *run, struct json evaluation)
{
    static const struct ask none;
    struct named named = { .slug = slug, .id = langwatch__experiment_id(c->arena, slug) };
    struct str id = langwatch__run_id(c->arena, named.id, run_id);
    if (!experiment)
        put_experiment(c, b, NULL, &named, STR("BATCH_EVALUATION"), JSON_NONE, JSON_NONE);
    if (!run) {
        struct event *e = records_put(c, b, RUN_KIND, id);
        event_set_text(e, RECORD_name, run_id);
        event_set_text(e, RECORD_parent_id, named.id);
        event_set_text(e, RECORD_status, STR("running"));
        event_set_int(e, RECORD_seq, c->now_ns);
        event_set_int(e, RECORD_time_ns, c->now_ns);
    }
    struct event *e =
        put_row(c, b, EVALUATION_KIND, evaluation_id(c->arena, id, evaluation), id, &none, evaluation);
    event_set_text(e, RECORD_name, json_str(json_key(evaluation, "evaluator")));
    event_set_text(e, RECORD_status, json_str(json_key(evaluation, "status")));
}

void langwatch_logged_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    (void)c;
    jw_obj(&w);
    jw_kv_cstr(&w, "message", "ok");
    jw_obj_end(&w);
}

/* ---- POST /api/dspy/log_steps --------------------------------------------------------------------------------------- */

static void check_step(struct issues *is, const struct at *at, struct json step)
{
    if (!langwatch__is_object(is, at, step, false))
        return;
    struct json index = json_key(step, "index");
    langwatch__is_filled(is, AT(at, "run_id"), json_key(step, "run_id"), false);
    if (!json_is_num(index)) /* the SDK sends a text, its users sometimes a number */
        langwatch__is_text(is, AT(at, "index"), index, false);
    langwatch__is_number(is, AT(at, "score"), json_key(step, "score"), false);
    langwatch__is_text(is, AT(at, "label"), json_key(step, "label"), false);
    langwatch__is_object(is, AT(at, "optimizer"), json_key(step, "optimizer"), false);
    langwatch__is_array(is, AT(at, "predictors"), json_key(step, "predictors"), false);
    langwatch__is_array(is, AT(at, "examples"), json_key(step, "examples"), true);
    langwatch__is_array(is, AT(at, "llm_calls"), json_key(step, "llm_calls"), true);
}

static enum status check_steps(struct call *c, struct json steps, struct err *err)
{
    struct issues is = { .arena = c->arena };
    struct json step;
    struct named named = { 0 };
    bool seconds = false;
    size_t i = 0;
    if (!langwatch__is_array(&is, NULL, steps, false))
        return langwatch__fail_issues(c, err, &is, STR_NONE);
    for (struct json_iter it = json_iter(steps); json_next(&it, NULL, &step); i++) {
        check_step(&is, AT_INDEX(NULL, i), step);
        if (json_is_obj(step) && !read_named(c->arena, step, &named))
            return langwatch__fail_error(c, err, ST_INVALID, NEEDS_A_NAME);
        (void)langwatch__ms(json_key(json_key(step, "timestamps"), "created_at"), &seconds);
    }
    if (is.n > 0)
        return langwatch__fail_issues(c, err, &is, STR_NONE);
    return seconds
               ? langwatch__fail_error(c, err, ST_INVALID,
                     STR("Timestamps should be in milliseconds not in seconds, please multiply it by 1000"))
               : ST_OK;
}

static void put_step(struct call *c, struct batch *b, struct json step)
{
    struct named named = { 0 };
    struct json index = json_key(step, "index");
    struct str name = json_is_num(index) ? json_num_text(index) : json_str(index);
    if (!read_named(c->arena, step, &named))
        return;
    struct str run_id = json_str(json_key(step, "run_id"));
    struct str run = langwatch__run_id(c->arena, named.id, run_id);
    if (named.slug.p) {
        struct event *e = records_put(c, b, EXPERIMENT_KIND, named.id);
        event_set_text(e, RECORD_name, named.slug);
        event_set_text(e, RECORD_status, STR("DSPY"));
    }
    struct event *e = records_put(c, b, RUN_KIND, run);
    event_set_text(e, RECORD_name, run_id);
    event_set_text(e, RECORD_parent_id, named.id);
    e = records_put(c, b, STEP_KIND, records_id_of(c->arena, (struct str[]){ STR(STEP_KIND), run, name }, 3));
    event_set_text(e, RECORD_name, name);
    event_set_text(e, RECORD_parent_id, run);
    event_set_json(e, RECORD_body, json_text(c->arena, step));
}

enum status langwatch_dspy_write(struct call *c, struct batch *b, struct err *err)
{
    struct json steps, step;
    enum status st = legacy_body(c, &steps, err);
    if (st == ST_OK)
        st = check_steps(c, steps, err);
    for (struct json_iter it = json_iter(steps); st == ST_OK && json_next(&it, NULL, &step);)
        put_step(c, b, step);
    return st;
}
