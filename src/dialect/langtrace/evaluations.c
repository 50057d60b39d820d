/*
 * Evaluations: what users and judges say of a span (langtrace.md 8, 11). Each is a score:
 *
 *   by a user    name "user_feedback", number userScore, source API
 *   by a judge   name of the test, number ltUserScore, source ANNOTATION, evaluator = testId
 *   both         comment = reason, metadata {user_id}, leftovers {spanId as given, dataId, ltUserId, type, spanNs, ...}
 *
 * The SDKs name the span they have at hand, the root; the score belongs to the span that called the model (the target rule). So an
 * evaluation's id follows from the span that was named, and it is found by that, by the span it was put on, and by any span whose target
 * that is. It may come before the spans.
 */
#include "dialect/langtrace/langtrace_priv.h"
#include "dialect/records.h"

#include <inttypes.h>

#include "base/hash.h"

#define FEEDBACK   "user_feedback"
#define SCORES_MAX 1000

/* ---- ids ------------------------------------------------------------------------------------------------------------ */

static struct str evaluation_id(struct arena *a, struct str span_id, struct str test_id)
{
    uint8_t digest[32];
    hash_sha256(
        arena_printf(a, "langtrace evaluation %.*s %.*s", STR_ARG(span_id), STR_ARG(test_id)), digest);
    return arena_printf(a, "c%.*s", STR_ARG(hex_encode(a, digest, 12)));
}

/* ---- questions ------------------------------------------------------------------------------------------------------- */

/* Scores put on this span. */
static void ask_scores_on(struct call *c, struct str span_id)
{
    struct ask *ask = call_find(c, SCORE);
    ask->query.limit = SCORES_MAX;
    ask->query.with = WITH_PAYLOAD;
    struct filter *f = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
    f->column = SCORE_observation_id;
    filter_value(c->arena, f, span_id);
}

/* Places of the answers of the routes here. */
enum { ASK_NAMED, ASK_PUT_ON, ASK_BESIDE, ASK_TRACE, ASK_ON_TARGET };

static void ask_evaluations(struct call *c, struct str span_id, struct str test_id)
{
    (void)call_get(c, SCORE, STR_NONE, evaluation_id(c->arena, span_id, test_id), WITH_PAYLOAD);
    ask_scores_on(c, span_id);
}

static void ask_trace(struct call *c, struct str trace_id)
{
    (void)call_get(c, TRACE, STR_NONE, trace_id, WITH_OBSERVATIONS | WITH_OBSERVATION_PAYLOAD | WITH_SCORES);
}

/* ---- which span ------------------------------------------------------------------------------------------------------ */

static bool is_earlier(const struct row *a, const struct row *b)
{
    int64_t s = row_time(a, OBSERVATION_start_ns), t = row_time(b, OBSERVATION_start_ns);
    if (s != t)
        return t == TIME_NONE || (s != TIME_NONE && s < t);
    return str_cmp(a->id, b->id) < 0;
}

/* The earliest span that called a model, else the earliest of any service, else none. */
static const struct row *target_of(struct arena *a, const struct row *trace)
{
    const struct row *best = NULL;
    bool best_is_llm = false;
    for (size_t i = 0; trace && i < trace->n_observations; i++) {
        const struct row *o = &trace->observations[i];
        struct str type = langtrace__service_type(a, o);
        bool llm = str_is(type, "llm");
        if (type.n == 0 || (best_is_llm && !llm))
            continue;
        if (!best || (llm && !best_is_llm) || is_earlier(o, best)) {
            best = o;
            best_is_llm = llm;
        }
    }
    return best;
}

static const struct row *span_with_id(const struct row *trace, struct str id)
{
    if (!trace || !trace->observations)
        return NULL;
    for (size_t i = 0; i < trace->n_observations; i++)
        if (str_eq(trace->observations[i].id, id))
            return &trace->observations[i];
    return NULL;
}

/* ---- showing --------------------------------------------------------------------------------------------------------- */

struct view {
    const struct row *row;
    struct json leftovers, number;
    struct str test_id, type, user_id;
    bool by_judge;
};

static bool view_of(struct arena *a, const struct row *s, struct view *out)
{
    struct json value = langtrace__parsed(a, row_text(s, SCORE_value));
    struct json metadata = langtrace__parsed(a, row_text(s, SCORE_metadata));
    *out = (struct view){ .row = s,
        .leftovers = langtrace__parsed(a, row_text(s, SCORE_leftovers)),
        .number = json_key(value, "number"),
        .user_id = json_str(json_key(metadata, "user_id")) };
    out->type = json_str(json_key(out->leftovers, "evaluationType"));
    bool ours = out->type.p != NULL;
    out->by_judge = ours && row_int(s, SCORE_source, SOURCE_API) == SOURCE_ANNOTATION;
    out->test_id = out->by_judge ? row_text(s, SCORE_evaluator_id) : STR_NONE;
    if (!ours)
        out->type = STR("llm");
    return json_is_num(out->number) && (ours || str_is(row_text(s, SCORE_name), FEEDBACK));
}

static void write_number(struct jw *w, const char *key, struct json v)
{
    jw_key(w, key);
    if (json_is_num(v))
        jw_raw(w, json_num_text(v));
    else
        jw_null(w);
}

static void write_kept(struct jw *w, const char *key, struct json leftovers)
{
    jw_kv_str(w, key, json_str(json_key(leftovers, key)));
}

static void write_evaluation(struct jw *w, const struct call *c, const struct view *v, const struct row *test)
{
    const struct row *s = v->row;
    int64_t made = row_time(s, SCORE_time_ns), span_ns;
    jw_obj(w);
    jw_kv_str(w, "id", s->id);
    jw_kv_str(w, "spanId", row_text(s, SCORE_observation_id));
    jw_kv_str(w, "traceId", row_text(s, SCORE_trace_id));
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_kv_str(w, "userId", v->user_id);
    write_number(w, "userScore", v->by_judge ? json_key(v->leftovers, "userScore") : v->number);
    write_kept(w, "ltUserId", v->leftovers);
    write_number(w, "ltUserScore", v->by_judge ? v->number : json_key(v->leftovers, "ltUserScore"));
    jw_kv_str(w, "testId", v->test_id);
    write_kept(w, "dataId", v->leftovers);
    langtrace__kv_text(w, "reason", row_text(s, SCORE_comment));
    jw_kv_str(w, "type", v->type);
    if (json_i64(json_key(v->leftovers, "spanNs"), &span_ns))
        langtrace__kv_time(w, "spanDate", span_ns);
    else
        jw_kv_null(w, "spanDate");
    langtrace__kv_time(w, "createdAt", made == TIME_NONE ? s->created_ns : made);
    langtrace__kv_time(w, "updatedAt", s->updated_ns);
    if (test) {
        jw_key(w, "Test");
        langtrace__write_test(w, c, test);
    }
    jw_obj_end(w);
}

/* ---- finding -------------------------------------------------------------------------------------------------------- */

/* In three rounds: by the span that was named, then its trace, then by the span which stands for that trace. False: there is no more to
 * ask. */
static bool ask_next(struct call *c, struct str span_id, struct str test_id)
{
    if (c->round == 0) {
        ask_evaluations(c, span_id, test_id);
        (void)call_get(c, OBSERVATION, STR_NONE, span_id, 0);
    } else if (c->round == 1 && ask_row(c, ASK_BESIDE))
        ask_trace(c, ask_row(c, ASK_BESIDE)->scope);
    else if (c->round == 2 && c->n_asks > ASK_TRACE && target_of(c->arena, ask_row(c, ASK_TRACE)))
        ask_scores_on(c, target_of(c->arena, ask_row(c, ASK_TRACE))->id);
    else
        return false;
    return c->again = true;
}

/* The i-th that was found, each once; NULL behind the last. */
static const struct row *found_score(const struct call *c, size_t i)
{
    const struct row *named = ask_row(c, ASK_NAMED);
    if (named && i-- == 0)
        return named;
    for (size_t place = ASK_PUT_ON; place <= ASK_ON_TARGET && place < c->n_asks; place++) {
        const struct ask *ask = &c->asks[place];
        for (size_t k = 0; place != ASK_BESIDE && place != ASK_TRACE && k < ask->n; k++) {
            bool twice = (named && str_eq(named->id, ask->rows[k].id)) ||
                         (place == ASK_ON_TARGET && records_with_id(&c->asks[ASK_PUT_ON], ask->rows[k].id));
            if (!twice && i-- == 0)
                return &ask->rows[k];
        }
    }
    return NULL;
}

/* ---- GET /api/evaluation --------------------------------------------------------------------------------------------- */

static bool wants_test(const struct call *c)
{
    return str_is(call_query(c, "includeTest"), "true");
}

enum status langtrace__evaluation_ask(struct call *c, struct err *err)
{
    struct str id = langtrace__span_id(c->arena, call_query(c, "spanId"));
    if (!id.p)
        return err_set(err, ST_INVALID, "spanId is required");
    if (!ask_next(c, id, call_query(c, "testId")) && wants_test(c))
        (void)records_find(c, LANGTRACE_TEST_KIND); /* the last answer */
    return ST_OK;
}

static bool is_wanted(const struct call *c, const struct view *v)
{
    struct str test = call_query(c, "testId"), type = call_query(c, "type");
    return (test.n == 0 || str_eq(test, v->test_id)) && (type.n == 0 || str_eq(type, v->type));
}

void langtrace__evaluation_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    const struct row *s, *test;
    struct view v;
    jw_obj(&w);
    jw_key(&w, "evaluations");
    jw_arr(&w);
    for (size_t i = 0; (s = found_score(c, i)); i++) {
        if (!view_of(c->arena, s, &v) || !is_wanted(c, &v))
            continue;
        test = wants_test(c) && v.test_id.n > 0 ? records_with_id(&c->asks[c->n_asks - 1], v.test_id) : NULL;
        write_evaluation(&w, c, &v, test);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
}

/* ---- GET /api/feedback ----------------------------------------------------------------------------------------------- */

/* The span, or what was said of it before it came, leads to the trace. */
enum status langtrace__feedback_ask(struct call *c, struct err *err)
{
    struct str id = langtrace__span_id(c->arena, call_query(c, "spanId")), trace;
    if (!id.p)
        return err_set(err, ST_INVALID, "spanId is required");
    if (c->round == 0) {
        (void)call_get(c, SCORE, STR_NONE, evaluation_id(c->arena, id, STR_NONE), WITH_PAYLOAD);
        (void)call_get(c, OBSERVATION, STR_NONE, id, 0);
        c->again = true;
    } else if (c->round == 1) {
        const struct row *score = ask_row(c, 0), *span = ask_row(c, 1);
        trace = span ? span->scope : score ? row_text(score, SCORE_trace_id) : STR_NONE;
        if (!trace.p)
            return ST_OK;
        struct ask *ask = call_find(c, SCORE);
        ask->query.limit = SCORES_MAX;
        ask->query.with = WITH_PAYLOAD;
        struct filter *f = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
        f->column = SCORE_trace_id;
        filter_value(c->arena, f, trace);
    }
    return ST_OK;
}

void langtrace__feedback_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    struct view v;
    jw_obj(&w);
    jw_key(&w, "evaluations");
    jw_arr(&w);
    for (size_t i = 0; c->n_asks > 2 && i < c->asks[2].n; i++)
        if (view_of(c->arena, &c->asks[2].rows[i], &v) &&
            (!v.by_judge || json_is_num(json_key(v.leftovers, "userScore"))))
            write_evaluation(&w, c, &v, NULL);
    jw_arr_end(&w);
    jw_obj_end(&w);
}

/* ---- bodies ---------------------------------------------------------------------------------------------------------- */

struct evaluation_body {
    struct str span_id, trace_id; /* canonical */
    struct str user_id, reason, judge_id, test_id, data_id, type;
    struct json user_score, judge_score;
};

static enum status read_score(struct json body, const char *name, struct json *out, struct err *err)
{
    int64_t n;
    *out = json_key(body, name);
    if (json_is_set(*out) && !json_is_num(*out))
        return err_set(err, ST_INVALID, "%s must be a number", name);
    if (json_is_set(*out) && !json_i64(*out, &n))
        return err_set(err, ST_INVALID, "%s must be a whole number", name);
    return ST_OK;
}

static enum status read_texts(struct call *c, struct json body, struct evaluation_body *out, struct err *err)
{
    struct str span, trace;
    const struct {
        const char *name;
        struct str *to;
    } texts[] = { { "spanId", &span }, { "traceId", &trace }, { "userId", &out->user_id },
        { "reason", &out->reason }, { "ltUserId", &out->judge_id }, { "testId", &out->test_id },
        { "dataId", &out->data_id }, { "type", &out->type } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        enum status st = langtrace__text(body, texts[i].name, texts[i].to, err);
        if (st != ST_OK)
            return st;
    }
    out->span_id = langtrace__span_id(c->arena, span);
    out->trace_id = langtrace__trace_id(c->arena, trace);
    return ST_OK;
}

static enum status read_new(struct call *c, struct evaluation_body *out, struct err *err)
{
    struct json body;
    *out = (struct evaluation_body){ .span_id = STR_NONE };
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = read_texts(c, body, out, err);
    if (st == ST_OK && (!out->span_id.p || !out->trace_id.p))
        st = err_set(err, ST_INVALID, "spanId and traceId are required in the request body");
    if (st == ST_OK && (!str_is_id(out->span_id) || !str_is_id(out->trace_id)))
        st = err_set(err, ST_INVALID, "spanId and traceId must be ids without control characters");
    if (st == ST_OK)
        st = read_score(body, "userScore", &out->user_score, err);
    if (st == ST_OK)
        st = read_score(body, "ltUserScore", &out->judge_score, err);
    if (st == ST_OK && !json_is_set(out->test_id.n > 0 ? out->judge_score : out->user_score))
        st = err_set(err, ST_INVALID, "%s is required in the request body",
            out->test_id.n > 0 ? "ltUserScore" : "userScore");
    return st;
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static struct str value_of(struct arena *a, struct json number)
{
    return arena_printf(a, "{\"type\":\"NUMERIC\",\"number\":%.*s}", STR_ARG(json_num_text(number)));
}

static struct str author(struct arena *a, struct str user_id)
{
    struct record_member m = { "user_id", records_quoted(a, user_id) };
    return user_id.p ? records_body_with(a, JSON_NONE, &m, 1) : STR_NONE;
}

static struct str leftovers_of(
    struct arena *a, const struct evaluation_body *e, bool by_judge, const struct row *span)
{
    struct json beside = by_judge ? e->user_score : e->judge_score;
    int64_t start = span ? row_time(span, OBSERVATION_start_ns) : TIME_NONE;
    const struct record_member members[] = {
        { "evaluationType", records_quoted(a, e->type.n > 0 ? e->type : STR("llm")) },
        { "spanId", records_quoted(a, e->span_id) },
        { "dataId", records_quoted(a, e->data_id) },
        { "ltUserId", records_quoted(a, e->judge_id) },
        { by_judge ? "userScore" : "ltUserScore", json_is_num(beside) ? json_num_text(beside) : STR_NONE },
        { "spanNs", start == TIME_NONE ? STR_NONE : arena_printf(a, "%" PRId64, start) },
    };
    return records_body_with(a, JSON_NONE, members, sizeof members / sizeof *members);
}

/* The span it is put on: the target, else the one that was named. */
static struct str put_on(struct arena *a, const struct row *trace, struct str named, const struct row **span)
{
    *span = target_of(a, trace);
    if (*span)
        return (*span)->id;
    *span = span_with_id(trace, named);
    return named;
}

/* ---- POST /api/evaluation -------------------------------------------------------------------------------------------- */

static enum status exists(struct err *err)
{
    return err_set(err, ST_INVALID, "Evaluation already exists for this span");
}

/* Has one of these the same judge's test, or is it the user's as this one is? */
static bool has_same(struct arena *a, const struct ask *ask, struct str test_id)
{
    struct view v;
    for (size_t i = 0; i < ask->n; i++)
        if (view_of(a, &ask->rows[i], &v) && str_eq(v.test_id, test_id))
            return true;
    return false;
}

enum status langtrace__new_evaluation_ask(struct call *c, struct err *err)
{
    struct evaluation_body e;
    const struct row *span;
    enum status st = read_new(c, &e, err);
    if (st != ST_OK)
        return st;
    if (c->round == 0) {
        ask_evaluations(c, e.span_id, e.test_id);
        (void)records_get(c, LANGTRACE_TEST_KIND, e.test_id.n > 0 ? e.test_id : STR("none"));
        ask_trace(c, e.trace_id);
        c->again = true;
        return ST_OK;
    }
    if (c->round == 1) {
        if (ask_row(c, ASK_NAMED) || has_same(c->arena, &c->asks[ASK_PUT_ON], e.test_id))
            return exists(err);
        if (e.test_id.n > 0 && !ask_row(c, ASK_BESIDE))
            return err_set(err, ST_NOT_FOUND, "No test found with this testId");
        ask_scores_on(c, put_on(c->arena, ask_row(c, ASK_TRACE), e.span_id, &span));
        c->again = true;
        return ST_OK;
    }
    return has_same(c->arena, &c->asks[ASK_ON_TARGET], e.test_id) ? exists(err) : ST_OK;
}

enum status langtrace__new_evaluation_write(struct call *c, struct batch *b, struct err *err)
{
    struct evaluation_body body;
    const struct row *span, *test = ask_row(c, ASK_BESIDE);
    enum status st = read_new(c, &body, err);
    if (st != ST_OK)
        return st;
    bool by_judge = body.test_id.n > 0;
    struct str id = evaluation_id(c->arena, body.span_id, body.test_id);
    struct str on = put_on(c->arena, ask_row(c, ASK_TRACE), body.span_id, &span);
    struct event *e = event_new(b, PROFILE_EDIT_SCORE, c->caller->project, STR_NONE, id, TIME_NONE);
    event_set_text(e, SCORE_name, by_judge ? langtrace__test_name(c->arena, test) : STR(FEEDBACK));
    event_set_int(e, SCORE_source, by_judge ? SOURCE_ANNOTATION : SOURCE_API);
    event_set_json(e, SCORE_value, value_of(c->arena, by_judge ? body.judge_score : body.user_score));
    event_set_text(e, SCORE_comment, body.reason.n > 0 ? body.reason : STR_NONE);
    event_set_text(e, SCORE_trace_id, body.trace_id);
    event_set_text(e, SCORE_observation_id, on);
    if (by_judge)
        event_set_text(e, SCORE_evaluator_id, body.test_id);
    event_set_int(e, SCORE_time_ns, c->now_ns);
    event_set_json(e, SCORE_metadata, author(c->arena, body.user_id));
    event_set_json(e, SCORE_leftovers, leftovers_of(c->arena, &body, by_judge, span));
    (void)call_get(c, SCORE, STR_NONE, id, WITH_PAYLOAD);
    return ST_OK;
}

/* The last answer is the evaluation as it is now. */
void langtrace__evaluation_edit_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    struct view v;
    jw_obj(&w);
    jw_key(&w, "data");
    (void)view_of(c->arena, ask_row(c, c->n_asks - 1), &v);
    write_evaluation(&w, c, &v, NULL);
    jw_obj_end(&w);
}

/* ---- PUT /api/evaluation --------------------------------------------------------------------------------------------- */

static enum status read_change(struct call *c, struct evaluation_body *out, struct err *err)
{
    struct json body;
    int64_t n;
    *out = (struct evaluation_body){ .span_id = STR_NONE };
    enum status st = langtrace__body(c, &body, err);
    if (st != ST_OK)
        return st;
    out->user_score = json_key(body, "userScore");
    if (!json_is_set(json_key(body, "spanId")) || !json_is_set(json_key(body, "userId")) ||
        !json_is_set(out->user_score))
        return err_set(err, ST_INVALID, "spanId, userId and userScore are required in the request body");
    if (!json_is_num(out->user_score))
        return err_set(err, ST_INVALID, "userScore must be a number");
    if (!json_i64(out->user_score, &n) || (n != 1 && n != -1))
        return err_set(err, ST_INVALID, "userScore must be 1 or -1");
    if (json_str(json_key(body, "userId")).n == 0)
        return err_set(err, ST_INVALID, "userId must be a non-empty string");
    st = read_texts(c, body, out, err);
    return st == ST_OK && !out->span_id.p
               ? err_set(err, ST_INVALID, "spanId, userId and userScore are required in the request body")
               : st;
}

/* The user's evaluation that was named, or the one on that span or on what stands for it. */
static const struct row *found_evaluation(const struct call *c)
{
    const struct row *s;
    struct view v;
    for (size_t i = 0; (s = found_score(c, i)); i++)
        if (view_of(c->arena, s, &v) && !v.by_judge)
            return s;
    return NULL;
}

enum status langtrace__evaluation_put_ask(struct call *c, struct err *err)
{
    struct evaluation_body e;
    enum status st = read_change(c, &e, err);
    if (st != ST_OK)
        return st;
    if (ask_next(c, e.span_id, STR_NONE))
        return ST_OK;
    return found_evaluation(c) ? ST_OK : err_set(err, ST_NOT_FOUND, "Evaluation not found");
}

enum status langtrace__evaluation_put_write(struct call *c, struct batch *b, struct err *err)
{
    struct evaluation_body body;
    const struct row *old = found_evaluation(c), *span;
    enum status st = read_change(c, &body, err);
    if (st != ST_OK)
        return st;
    struct event *e = event_new(b, PROFILE_EDIT_SCORE, c->caller->project, STR_NONE, old->id, TIME_NONE);
    struct str before = row_text(old, SCORE_observation_id);
    event_set_json(e, SCORE_value, value_of(c->arena, body.user_score));
    event_set_text(e, SCORE_comment, body.reason);
    event_set_text(e, SCORE_observation_id,
        put_on(c->arena, c->n_asks > ASK_TRACE ? ask_row(c, ASK_TRACE) : NULL,
            before.p ? before : body.span_id, &span));
    event_set_json(e, SCORE_metadata, author(c->arena, body.user_id));
    (void)call_get(c, SCORE, STR_NONE, old->id, WITH_PAYLOAD);
    return ST_OK;
}
