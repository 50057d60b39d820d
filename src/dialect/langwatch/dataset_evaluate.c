/*
 * POST /api/dataset/evaluate (section 9): one evaluator over a row, as an old SDK asks for it; what it found is kept in a run of the
 * experiment that the request names.
 */
#include "dialect/langwatch/evaluate_priv.h"
#include "dialect/langwatch/experiment_priv.h"

/* `more` of the state. */
struct row_evaluation {
    const struct evaluator *evaluator;
    struct json body, data;
    struct str experiment, run; /* slug, run id */
    struct verdict verdict;
};

static void check_body(struct issues *is, struct json body)
{
    static const char *const known[] = { "evaluation", "datasetSlug", "experimentSlug", "batchId", "data",
        "settings", NULL };
    if (!langwatch__is_object(is, NULL, body, false))
        return;
    langwatch__issue_keys(is, NULL, known, body);
    langwatch__is_filled(is, AT(NULL, "evaluation"), json_key(body, "evaluation"), false);
    langwatch__is_filled(is, AT(NULL, "datasetSlug"), json_key(body, "datasetSlug"), false);
    langwatch__is_filled(is, AT(NULL, "experimentSlug"), json_key(body, "experimentSlug"), true);
    langwatch__is_filled(is, AT(NULL, "batchId"), json_key(body, "batchId"), true);
    langwatch__is_object(is, AT(NULL, "data"), json_key(body, "data"), true);
    langwatch__is_object(is, AT(NULL, "settings"), json_key(body, "settings"), true);
}

static struct str first_of(struct json body, const char *a, const char *b)
{
    struct str s = json_str(json_key(body, a));
    return s.n > 0 ? s : json_str(json_key(body, b));
}

static enum status read_body(struct call *c, struct row_evaluation *x, struct err *err)
{
    enum status st = langwatch__evaluation_body(c, check_body, &x->body, err);
    if (st != ST_OK)
        return st;
    struct str evaluation = json_str(json_key(x->body, "evaluation"));
    x->evaluator = langwatch__evaluator(evaluation);
    x->data = json_key(x->body, "data");
    x->experiment = first_of(x->body, "experimentSlug", "batchId");
    x->run = first_of(x->body, "batchId", "experimentSlug");
    if (!x->experiment.p)
        x->experiment = x->run = records_new_id(c, "batch", 0);
    return x->evaluator ? ST_OK : langwatch__no_evaluator(c, err, evaluation);
}

/* dataset, experiment, run; how many rows the evaluator has in it */
enum status langwatch_dataset_evaluate_ask(struct call *c, struct err *err)
{
    struct row_evaluation *x = langwatch__state(c)->more = arena_alloc(c->arena, sizeof(*x));
    enum status st = read_body(c, x, err);
    if (st != ST_OK)
        return st;
    struct str experiment = langwatch__experiment_id(c->arena, x->experiment);
    struct str run = langwatch__run_id(c->arena, experiment, x->run);
    (void)datasets_ask_slug(c, json_str(json_key(x->body, "datasetSlug")));
    (void)records_get(c, EXPERIMENT_KIND, experiment);
    (void)records_get(c, RUN_KIND, run);
    struct ask *rows = records_find_parts(c, EVALUATION_KIND, run);
    struct filter *evaluator = query_add(c->arena, &rows->query, ON_COLUMN, IS_IN);
    evaluator->column = RECORD_name;
    filter_value(c->arena, evaluator, str_of(x->evaluator->id));
    rows->query.limit = 0;
    rows->query.with = WITH_TOTAL;
    return ST_OK;
}

static struct json entry_of(struct call *c, const struct row_evaluation *x, int64_t index)
{
    static const char *const words[] = { "processed", "skipped", "error" };
    const struct verdict *v = &x->verdict;
    struct json out;
    struct buf text;
    buf_init(&text, 0);
    struct jw w = jw_of(&text);
    jw_obj(&w);
    jw_kv_cstr(&w, "evaluator", x->evaluator->id);
    jw_kv_cstr(&w, "name", x->evaluator->name);
    jw_kv_i64(&w, "index", index);
    jw_kv_cstr(&w, "status", words[v->status]);
    if (v->has_score)
        jw_kv_i64(&w, "score", v->score);
    if (v->has_passed)
        jw_kv_bool(&w, "passed", v->passed);
    jw_kv_str_opt(&w, "details", v->details);
    langwatch__kv_opt(&w, "inputs", x->data);
    jw_obj_end(&w);
    return json_parse(c->arena, langwatch__taken(c->arena, &text), 0, &out, NULL) == ST_OK ? out : JSON_NONE;
}

enum status langwatch_dataset_evaluate_write(struct call *c, struct batch *b, struct err *err)
{
    struct row_evaluation *x = langwatch__state(c)->more;
    if (c->asks[0].n == 0)
        return langwatch__fail_error(c, err, ST_NOT_FOUND, STR("Dataset not found"));
    enum status st = langwatch__need_fields(c, x->evaluator, x->data, err);
    if (st != ST_OK)
        return st;
    langwatch__run_evaluator(
        c->arena, x->evaluator, x->data, JSON_NONE, json_key(x->body, "settings"), &x->verdict);
    langwatch__log_evaluation(c, b, x->experiment, x->run, ask_row(c, 1), ask_row(c, 2),
        entry_of(c, x, c->asks[3].total > 0 ? c->asks[3].total : 0));
    return ST_OK;
}

void langwatch_dataset_evaluate_reply(struct call *c, struct reply *r)
{
    const struct row_evaluation *x = langwatch__state(c)->more;
    struct jw w = jw_of(&r->body);
    langwatch__write_verdict(&w, &x->verdict, false);
}
