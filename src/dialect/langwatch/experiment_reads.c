/*
 * Reading experiments (section 9): the list, the runs of one, and what came of a run's rows. Camel case, and the same under
 * /api/experiments and /api/evaluations/v3.
 */
#include "dialect/langwatch/experiment_priv.h"

#define PAGE_MAX 200

static enum status not_found(
    struct call *c, struct err *err, const char *code, const char *what, struct str name)
{
    return langwatch__fail_code(
        c, err, ST_NOT_FOUND, code, arena_printf(c->arena, "%s not found: %.*s", what, STR_ARG(name)));
}

/* ---- pages ---------------------------------------------------------------------------------------------------------- */

struct page {
    int64_t page, size;
};

static enum status read_page(struct call *c, struct page *p, struct err *err)
{
    if (!langwatch__query_number(c, "page", 1, 1, INT64_C(1) << 40, &p->page))
        return langwatch__fail_error(c, err, ST_INVALID, STR("page must be a whole number from 1"));
    if (!langwatch__query_number(c, "pageSize", 50, 1, PAGE_MAX, &p->size))
        return langwatch__fail_error(c, err, ST_INVALID,
            arena_printf(c->arena, "pageSize must be a whole number from 1 to %d", PAGE_MAX));
    return ST_OK;
}

static void ask_page(struct ask *ask, const struct page *p)
{
    ask->query.descending = true;
    ask->query.limit = (size_t)p->size;
    ask->query.offset = (size_t)((p->page - 1) * p->size);
    ask->query.with |= WITH_TOTAL;
}

static void write_pagination(struct jw *w, const struct page *p, const struct ask *ask)
{
    jw_key(w, "pagination");
    jw_obj(w);
    jw_kv_i64(w, "page", p->page);
    jw_kv_i64(w, "pageSize", p->size);
    jw_kv_i64(w, "totalHits", ask->total);
    jw_kv_bool(w, "hasMore", ask->total > (p->page - 1) * p->size + (int64_t)ask->n);
    jw_obj_end(w);
}

static struct page *page_of(struct call *c)
{
    struct langwatch_state *s = langwatch__state(c);
    if (!s->more)
        s->more = arena_alloc(c->arena, sizeof(struct page));
    return s->more;
}

/* ---- GET /api/experiments ------------------------------------------------------------------------------------------- */

enum status langwatch_experiments_ask(struct call *c, struct err *err)
{
    if (c->round == 0) {
        enum status st = read_page(c, page_of(c), err);
        if (st != ST_OK)
            return st;
        ask_page(records_find(c, EXPERIMENT_KIND), page_of(c));
        c->again = true;
        return ST_OK;
    }
    for (size_t i = 0, n = c->asks[0].n; i < n && c->round == 1; i++) {
        struct ask *runs = records_find_parts(c, RUN_KIND, c->asks[0].rows[i].id);
        runs->query.descending = true;
        runs->query.limit = 1;
        runs->query.with |= WITH_TOTAL;
    }
    return ST_OK;
}

static void write_experiment(struct jw *w, struct call *c, const struct row *row, const struct ask *runs)
{
    struct json body = records_body(c->arena, row);
    jw_obj(w);
    jw_kv_str(w, "id", row->id);
    jw_kv_str(w, "slug", row_text(row, RECORD_name));
    langwatch__kv_null(w, "name", json_key(body, "name"));
    jw_kv_str(w, "type", row_text(row, RECORD_status));
    langwatch__kv_null(w, "workflowId", json_key(body, "workflow_id"));
    langwatch__kv_time(w, "createdAt", records_time(row));
    langwatch__kv_time(w, "updatedAt", row->updated_ns);
    jw_kv_i64(w, "runsCount", runs->total);
    langwatch__kv_time(w, "lastRunAt", runs->n > 0 ? records_time(&runs->rows[0]) : TIME_NONE);
    jw_obj_end(w);
}

void langwatch_experiments_reply(struct call *c, struct reply *r)
{
    const struct ask *experiments = &c->asks[0];
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "experiments");
    jw_arr(&w);
    for (size_t i = 0; i < experiments->n; i++)
        write_experiment(&w, c, &experiments->rows[i], &c->asks[1 + i]);
    jw_arr_end(&w);
    write_pagination(&w, page_of(c), experiments);
    jw_obj_end(&w);
}

/* ---- what a run comes to -------------------------------------------------------------------------------------------- */

static void write_run_times(struct jw *w, const struct row *run, struct json body)
{
    struct json created = json_key(body, "created_at");
    jw_key(w, "timestamps");
    jw_obj(w);
    if (json_is_set(created))
        langwatch__kv_null(w, "createdAt", created);
    else
        jw_kv_i64(w, "createdAt", time_ms(records_time(run)));
    jw_kv_i64(w, "updatedAt", time_ms(run->updated_ns));
    langwatch__kv_null(w, "finishedAt", json_key(body, "finished_at"));
    langwatch__kv_null(w, "stoppedAt", json_key(body, "stopped_at"));
    jw_obj_end(w);
}

/* A sum over rows that have the number. */
struct mean {
    double sum;
    int64_t n;
};

static void add(struct mean *m, struct json v)
{
    double x;
    if (json_f64(v, &x)) {
        m->sum += x;
        m->n++;
    }
}

static void write_mean(struct jw *w, const char *total, const char *average, const struct mean *m)
{
    if (m->n == 0)
        return;
    if (total)
        jw_kv_f64(w, total, m->sum);
    jw_kv_f64(w, average, m->sum / (double)m->n);
}

/* What an evaluator found in a run. */
struct tally {
    struct str evaluator, name;
    struct mean score;
    int64_t passed, judged;
};

#define EVALUATORS_MAX 200 /* told apart in a summary */

static struct tally *tally_of(struct tally *all, size_t *n, struct str evaluator)
{
    for (size_t i = 0; i < *n; i++)
        if (str_eq(all[i].evaluator, evaluator))
            return &all[i];
    if (*n == EVALUATORS_MAX)
        return NULL;
    all[*n] = (struct tally){ .evaluator = evaluator };
    return &all[(*n)++];
}

static struct tally *tallies(
    struct call *c, const struct ask *evaluations, size_t *n, struct mean *cost, struct mean *duration)
{
    struct tally *all = arena_array(c->arena, EVALUATORS_MAX, sizeof(*all));
    *n = 0;
    for (size_t i = 0; i < evaluations->n; i++) {
        struct json body = records_body(c->arena, &evaluations->rows[i]);
        struct tally *t = tally_of(all, n, row_text(&evaluations->rows[i], RECORD_name));
        struct json passed = json_key(body, "passed");
        add(cost, json_key(body, "cost"));
        add(duration, json_key(body, "duration"));
        if (!t)
            continue;
        if (json_is_str(json_key(body, "name")))
            t->name = json_str(json_key(body, "name"));
        if (!str_is(row_text(&evaluations->rows[i], RECORD_status), "processed"))
            continue;
        add(&t->score, json_key(body, "score"));
        t->judged += json_type(passed) == JSON_BOOL;
        t->passed += json_bool(passed);
    }
    return all;
}

/* ---- GET /api/experiments/runs?experimentSlug= ---------------------------------------------------------------------- */

static void ask_experiment(struct call *c, struct str slug)
{
    records_find_by(c, EXPERIMENT_KIND, RECORD_name, slug)->query.limit = 1;
}

enum status langwatch_runs_ask(struct call *c, struct err *err)
{
    struct str slug = call_query(c, "experimentSlug");
    if (c->round == 0) {
        enum status st = read_page(c, page_of(c), err);
        if (st == ST_OK && slug.n == 0)
            st = langwatch__fail_error(c, err, ST_INVALID, STR("experimentSlug is required"));
        if (st != ST_OK)
            return st;
        ask_experiment(c, slug);
        c->again = true;
        return ST_OK;
    }
    if (c->round == 1) {
        if (!ask_row(c, 0))
            return not_found(c, err, "experiment_not_found", "Experiment", slug);
        ask_page(records_find_parts(c, RUN_KIND, ask_row(c, 0)->id), page_of(c));
        c->again = true;
        return ST_OK;
    }
    for (size_t i = 0, n = c->asks[1].n; i < n && c->round == 2; i++) {
        struct str run = c->asks[1].rows[i].id;
        (void)records_find_parts(c, ITEM_KIND, run);
        (void)records_find_parts(c, EVALUATION_KIND, run);
    }
    return ST_OK;
}

static void write_summary(
    struct jw *w, struct call *c, const struct ask *items, const struct ask *evaluations)
{
    struct mean cost = { 0 }, duration = { 0 }, evaluation_cost = { 0 }, evaluation_duration = { 0 };
    size_t n;
    for (size_t i = 0; i < items->n; i++) {
        struct json body = records_body(c->arena, &items->rows[i]);
        add(&cost, json_key(body, "cost"));
        add(&duration, json_key(body, "duration"));
    }
    struct tally *all = tallies(c, evaluations, &n, &evaluation_cost, &evaluation_duration);
    jw_key(w, "summary");
    jw_obj(w);
    write_mean(w, "datasetCost", "datasetAverageCost", &cost);
    write_mean(w, NULL, "datasetAverageDuration", &duration);
    write_mean(w, "evaluationsCost", "evaluationsAverageCost", &evaluation_cost);
    write_mean(w, NULL, "evaluationsAverageDuration", &evaluation_duration);
    jw_key(w, "evaluations");
    jw_obj(w);
    for (size_t i = 0; i < n; i++) {
        jw_key_str(w, all[i].evaluator);
        jw_obj(w);
        jw_kv_str(w, "name", all[i].name.n > 0 ? all[i].name : all[i].evaluator);
        if (all[i].score.n > 0)
            write_mean(w, NULL, "averageScore", &all[i].score);
        else
            jw_kv_null(w, "averageScore");
        if (all[i].judged > 0)
            jw_kv_f64(w, "averagePassed", (double)all[i].passed / (double)all[i].judged);
        jw_obj_end(w);
    }
    jw_obj_end(w);
    jw_obj_end(w);
}

void langwatch_runs_reply(struct call *c, struct reply *r)
{
    const struct row *experiment = ask_row(c, 0);
    const struct ask *runs = &c->asks[1];
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "experimentId", experiment->id);
    jw_kv_str(&w, "experimentSlug", row_text(experiment, RECORD_name));
    jw_key(&w, "runs");
    jw_arr(&w);
    for (size_t i = 0; i < runs->n; i++) {
        const struct row *run = &runs->rows[i];
        struct json body = records_body(c->arena, run);
        jw_obj(&w);
        jw_kv_str(&w, "experimentId", experiment->id);
        jw_kv_str(&w, "runId", row_text(run, RECORD_name));
        jw_kv_null(&w, "workflowVersion");
        write_run_times(&w, run, body);
        langwatch__kv_null(&w, "progress", json_key(body, "progress"));
        langwatch__kv_null(&w, "total", json_key(body, "total"));
        write_summary(&w, c, &c->asks[2 + 2 * i], &c->asks[3 + 2 * i]);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    write_pagination(&w, page_of(c), runs);
    jw_obj_end(&w);
}

/* ---- one run -------------------------------------------------------------------------------------------------------- */

/* A run id is only unique within its experiment: of several the one of ?experimentSlug=, else the newest. */
static const struct row *run_of(const struct call *c)
{
    const struct row *experiment = ask_row(c, 1);
    bool named = call_query(c, "experimentSlug").n > 0;
    for (size_t i = 0; i < c->asks[0].n; i++)
        if (!named || (experiment && str_eq(row_text(&c->asks[0].rows[i], RECORD_parent_id), experiment->id)))
            return &c->asks[0].rows[i];
    return NULL;
}

/* runs of that id, the experiment; then items and evaluations */
enum status langwatch_run_ask(struct call *c, struct err *err)
{
    if (c->round == 0) {
        records_find_by(c, RUN_KIND, RECORD_name, c->params[0])->query.descending = true;
        ask_experiment(c, call_query(c, "experimentSlug"));
        c->again = true;
        return ST_OK;
    }
    const struct row *run = run_of(c);
    if (!run)
        return not_found(c, err, "run_not_found", "Run", c->params[0]);
    if (c->round == 1) {
        (void)records_find_parts(c, ITEM_KIND, run->id);
        (void)records_find_parts(c, EVALUATION_KIND, run->id);
    }
    return ST_OK;
}

static int64_t whole(struct json v, int64_t none)
{
    double x;
    return json_f64(v, &x) && x > -1e15 && x < 1e15 ? (int64_t)x : none;
}

static void write_evaluators(struct jw *w, const struct tally *all, size_t n)
{
    int64_t passed = 0, judged = 0;
    jw_key(w, "evaluators");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct tally *t = &all[i];
        jw_obj(w);
        jw_kv_str(w, "evaluatorId", t->evaluator);
        jw_kv_str(w, "name", t->name.n > 0 ? t->name : t->evaluator);
        jw_kv_i64(w, "passed", t->passed);
        jw_kv_i64(w, "failed", t->judged - t->passed);
        jw_kv_f64(w, "passRate", t->judged ? 100.0 * (double)t->passed / (double)t->judged : 0.0);
        write_mean(w, NULL, "avgScore", &t->score);
        jw_obj_end(w);
        passed += t->passed;
        judged += t->judged;
    }
    jw_arr_end(w);
    jw_kv_i64(w, "totalPassed", passed);
    jw_kv_i64(w, "totalFailed", judged - passed);
    jw_kv_f64(w, "passRate", judged ? 100.0 * (double)passed / (double)judged : 0.0);
}

/* Of a run that is over. */
static void write_run_summary(
    struct jw *w, struct call *c, const struct row *run, struct json body, int64_t started, int64_t finished)
{
    const struct ask *items = &c->asks[2], *evaluations = &c->asks[3];
    struct mean cost = { 0 }, evaluation_cost = { 0 }, duration = { 0 };
    int64_t failed = 0;
    size_t n;
    for (size_t i = 0; i < items->n; i++) {
        struct json item = records_body(c->arena, &items->rows[i]);
        failed += json_is_set(json_key(item, "error"));
        add(&cost, json_key(item, "cost"));
    }
    const struct tally *all = tallies(c, evaluations, &n, &evaluation_cost, &duration);
    jw_key(w, "summary");
    jw_obj(w);
    jw_kv_str(w, "runId", row_text(run, RECORD_name));
    jw_kv_i64(w, "totalCells", (int64_t)items->n);
    jw_kv_i64(w, "completedCells", (int64_t)items->n - failed);
    jw_kv_i64(w, "failedCells", failed);
    jw_kv_i64(w, "duration", finished - started);
    jw_key(w, "timestamps");
    jw_obj(w);
    jw_kv_i64(w, "startedAt", started);
    langwatch__kv_opt(w, "finishedAt", json_key(body, "finished_at"));
    langwatch__kv_opt(w, "stoppedAt", json_key(body, "stopped_at"));
    jw_obj_end(w);
    jw_kv_raw(w, "targets", STR("[]"));
    write_evaluators(w, all, n);
    if (cost.n + evaluation_cost.n > 0)
        jw_kv_f64(w, "totalCost", cost.sum + evaluation_cost.sum);
    jw_obj_end(w);
}

void langwatch_run_reply(struct call *c, struct reply *r)
{
    const struct row *run = run_of(c);
    struct json body = records_body(c->arena, run), stopped = json_key(body, "stopped_at");
    struct str status = row_text(run, RECORD_status);
    int64_t items = (int64_t)c->asks[2].n;
    int64_t started = whole(json_key(body, "created_at"), time_ms(records_time(run)));
    int64_t finished = whole(json_is_set(stopped) ? stopped : json_key(body, "finished_at"), INT64_MIN);
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "runId", row_text(run, RECORD_name));
    jw_kv_str(&w, "status", status.n > 0 ? status : STR("running"));
    jw_kv_i64(&w, "progress",
        whole(json_key(body, "progress"), 0) > items ? whole(json_key(body, "progress"), 0) : items);
    jw_kv_i64(
        &w, "total", whole(json_key(body, "total"), 0) > items ? whole(json_key(body, "total"), 0) : items);
    jw_kv_i64(&w, "startedAt", started);
    if (finished != INT64_MIN) {
        jw_kv_i64(&w, "finishedAt", finished);
        write_run_summary(&w, c, run, body, started, finished);
    }
    jw_obj_end(&w);
}

/* ---- GET .../runs/{runId}/results ----------------------------------------------------------------------------------- */

static void write_item(struct jw *w, struct json body)
{
    jw_obj(w);
    langwatch__kv_null(w, "index", json_key(body, "index"));
    langwatch__kv_null(w, "targetId", json_key(body, "target_id"));
    langwatch__kv_null(w, "entry", json_key(body, "entry"));
    langwatch__kv_opt(w, "predicted", json_key(body, "predicted"));
    langwatch__kv_null(w, "cost", json_key(body, "cost"));
    langwatch__kv_null(w, "duration", json_key(body, "duration"));
    langwatch__kv_null(w, "error", json_key(body, "error"));
    langwatch__kv_null(w, "traceId", json_key(body, "trace_id"));
    jw_obj_end(w);
}

static void write_evaluation(struct jw *w, struct json body)
{
    static const char *const same[] = { "status", "index", "score", "label", "passed", "details", "cost",
        "duration", "inputs" };
    jw_obj(w);
    langwatch__kv_null(w, "evaluator", json_key(body, "evaluator"));
    langwatch__kv_null(w, "name", json_key(body, "name"));
    langwatch__kv_null(w, "targetId", json_key(body, "target_id"));
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        langwatch__kv_null(w, same[i], json_key(body, same[i]));
    jw_obj_end(w);
}

static void write_target(struct jw *w, struct json target)
{
    static const char *const renamed[][2] = { { "prompt_id", "promptId" },
        { "prompt_version", "promptVersion" }, { "agent_id", "agentId" }, { "evaluator_id", "evaluatorId" },
        { "model", "model" }, { "metadata", "metadata" } };
    struct json type = json_key(target, "type");
    jw_obj(w);
    langwatch__kv_null(w, "id", json_key(target, "id"));
    langwatch__kv_null(w, "name", json_key(target, "name"));
    jw_kv_str(w, "type", json_is_str(type) ? json_str(type) : STR("custom"));
    for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
        langwatch__kv_opt(w, renamed[i][1], json_key(target, renamed[i][0]));
    jw_obj_end(w);
}

static void write_targets(struct jw *w, struct json targets)
{
    struct json target;
    jw_key(w, "targets");
    if (!json_is_arr(targets)) {
        jw_null(w);
        return;
    }
    jw_arr(w);
    for (struct json_iter it = json_iter(targets); json_next(&it, NULL, &target);)
        write_target(w, target);
    jw_arr_end(w);
}

void langwatch_run_results_reply(struct call *c, struct reply *r)
{
    const struct row *run = run_of(c);
    const struct ask *items = &c->asks[2], *evaluations = &c->asks[3];
    struct json body = records_body(c->arena, run);
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "experimentId", row_text(run, RECORD_parent_id));
    jw_kv_str(&w, "runId", row_text(run, RECORD_name));
    jw_kv_str(&w, "projectId", c->caller->project_id);
    langwatch__kv_null(&w, "workflowVersionId", json_key(body, "workflow_version_id"));
    langwatch__kv_null(&w, "progress", json_key(body, "progress"));
    langwatch__kv_null(&w, "total", json_key(body, "total"));
    write_targets(&w, json_key(body, "targets"));
    jw_key(&w, "dataset");
    jw_arr(&w);
    for (size_t i = 0; i < items->n; i++)
        write_item(&w, records_body(c->arena, &items->rows[i]));
    jw_arr_end(&w);
    jw_key(&w, "evaluations");
    jw_arr(&w);
    for (size_t i = 0; i < evaluations->n; i++)
        write_evaluation(&w, records_body(c->arena, &evaluations->rows[i]));
    jw_arr_end(&w);
    write_run_times(&w, run, body);
    jw_obj_end(&w);
}

/* ---- POST /api/experiments/{slug}/run ------------------------------------------------------------------------------- */

/* What a saved experiment would run, a prompt or an agent against a model, is not here: runs come from the SDKs. */
enum status langwatch_run_start_ask(struct call *c, struct err *err)
{
    if (c->round == 0) {
        ask_experiment(c, c->params[0]);
        c->again = true;
        return ST_OK;
    }
    if (!ask_row(c, 0))
        return not_found(c, err, "experiment_not_found", "Experiment", c->params[0]);
    return langwatch__fail_error(c, err, ST_INVALID,
        arena_printf(c->arena,
            "Experiment %.*s cannot be run by this server, which calls no model: run it with the SDK, which reports its results here",
            STR_ARG(c->params[0])));
}
