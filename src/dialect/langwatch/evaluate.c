/*
 * Running one evaluator (section 9): POST .../evaluate, as guardrail or not, and over a row of a dataset. What it found is the answer, and a
 * score of the trace that the request names.
 */
#include "dialect/langwatch/evaluate_priv.h"

#include <string.h>

#define NONE NULL
#define EVALUATOR(                                                                              \
    id, name, category, guardrail, required, optional, variables, results, run, settings, text) \
    { id, name, category, guardrail, required, optional, variables, results, RUN_##run, settings, text },
#define RUN_exact_match  langwatch__exact_match
#define RUN_basic        langwatch__basic
#define RUN_blocklist    langwatch__blocklist
#define RUN_valid_format langwatch__valid_format
#define RUN_NONE         NULL
const struct evaluator langwatch__evaluators[] = {
#include "dialect/langwatch/evaluators.def"
};
#undef EVALUATOR
#undef NONE
const size_t langwatch__n_evaluators = sizeof(langwatch__evaluators) / sizeof(langwatch__evaluators[0]);

const struct evaluator *langwatch__evaluator(struct str id)
{
    for (size_t i = 0; i < langwatch__n_evaluators; i++)
        if (str_is(id, langwatch__evaluators[i].id))
            return &langwatch__evaluators[i];
    return NULL;
}

/* ---- running -------------------------------------------------------------------------------------------------------- */

static struct json parsed(struct arena *a, struct str text)
{
    struct json v;
    return json_parse(a, text, 0, &v, NULL) == ST_OK ? v : JSON_NONE;
}

static void write_settings(struct jw *w, struct json settings, struct json over)
{
    struct str key;
    struct json v;
    for (struct json_iter it = json_iter(settings); json_next(&it, &key, &v);)
        if (json_is_set(v) && !json_is_set(json_get(over, key))) {
            jw_key_str(w, key);
            jw_value(w, v);
        }
}

/* The defaults, under what was saved, under what the request says. */
static struct json settings_of(
    struct arena *a, const struct evaluator *e, struct json saved, struct json settings)
{
    struct json all = parsed(a, str_of(e->settings)), v;
    struct str key;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    for (struct json_iter it = json_iter(all); json_next(&it, &key, &v);)
        if (!json_is_set(json_get(saved, key)) && !json_is_set(json_get(settings, key))) {
            jw_key_str(&w, key);
            jw_value(&w, json_key(v, "default"));
        }
    write_settings(&w, saved, settings);
    write_settings(&w, settings, JSON_NONE);
    jw_obj_end(&w);
    return parsed(a, langwatch__taken(a, &out));
}

void langwatch__run_evaluator(struct arena *a, const struct evaluator *e, struct json data, struct json saved,
    struct json settings, struct verdict *out)
{
    if (e->run) {
        e->run(a, data, settings_of(a, e, saved, settings), out);
        return;
    }
    *out = (struct verdict){ .status = VERDICT_ERROR,
        .details = arena_printf(a,
            "%s (%s) is not available on this server: it needs a model or a service, and this server calls none",
            e->id, e->name) };
}

void langwatch__write_verdict(struct jw *w, const struct verdict *v, bool as_guardrail)
{
    static const char *const words[] = { "processed", "skipped", "error" };
    bool passed = v->status != VERDICT_PROCESSED || !v->has_passed || v->passed;
    jw_obj(w);
    jw_kv_cstr(w, "status", words[v->status]);
    if (v->status == VERDICT_ERROR)
        jw_kv_cstr(w, "error_type", "EVALUATOR_ERROR");
    if (v->has_score)
        jw_kv_i64(w, "score", v->score);
    if (as_guardrail || v->has_passed)
        jw_kv_bool(w, "passed", passed);
    jw_kv_str_opt(w, "details", v->details);
    jw_obj_end(w);
}

enum status langwatch__need_fields(
    struct call *c, const struct evaluator *e, struct json data, struct err *err)
{
    struct str rest = str_of(e->required), field;
    while (rest.n > 0 && str_cut(&rest, ' ', &field)) {
        if (json_is_set(json_get(data, field)))
            continue;
        struct langwatch_state *s = langwatch__state(c);
        struct str text =
            arena_printf(c->arena, "data.%.*s is required by the evaluator %s", STR_ARG(field), e->name);
        struct buf out;
        buf_init(&out, 0);
        struct jw w = jw_of(&out);
        jw_obj(&w);
        jw_kv_str(&w, "error", text);
        jw_kv_cstr(&w, "kind", "evaluator_missing_field");
        jw_key(&w, "meta");
        jw_obj(&w);
        jw_kv_str(&w, "field", field);
        jw_kv_cstr(&w, "evaluatorName", e->name);
        jw_obj_end(&w);
        jw_obj_end(&w);
        s->status = 400;
        s->body = langwatch__taken(c->arena, &out);
        return err_set(err, ST_INVALID, "%.*s", STR_ARG(text));
    }
    return ST_OK;
}

/* ---- POST .../evaluate ---------------------------------------------------------------------------------------------- */

/* A request on its way; `more` of the state. */
struct evaluating {
    const struct evaluator *evaluator;
    struct json body, data;
    const struct row *saved; /* NULL: not by a saved evaluator */
    bool as_guardrail;
    struct verdict verdict;
};

static struct evaluating *evaluating(struct call *c)
{
    struct langwatch_state *s = langwatch__state(c);
    if (!s->more)
        s->more = arena_alloc(c->arena, sizeof(struct evaluating));
    return s->more;
}

static bool is_saved(const struct call *c)
{
    return strstr(c->route->pattern, "/evaluators/") != NULL;
}

/* "langevals/exact_match", of one segment or two. */
static struct str slug_of(struct call *c)
{
    return c->n_params < 2
               ? c->params[0]
               : arena_printf(c->arena, "%.*s/%.*s", STR_ARG(c->params[0]), STR_ARG(c->params[1]));
}

static void check_body(struct issues *is, struct json body)
{
    static const char *const texts[] = { "trace_id", "span_id", "evaluation_id", "evaluator_id", "name",
        NULL };
    static const char *const known[] = { "data", "settings", "trace_id", "span_id", "evaluation_id",
        "evaluator_id", "name", "as_guardrail", NULL };
    if (!langwatch__is_object(is, NULL, body, false))
        return;
    langwatch__issue_keys(is, NULL, known, body);
    langwatch__is_object(is, AT(NULL, "data"), json_key(body, "data"), false);
    langwatch__is_object(is, AT(NULL, "settings"), json_key(body, "settings"), true);
    langwatch__is_boolean(is, AT(NULL, "as_guardrail"), json_key(body, "as_guardrail"), true);
    for (size_t i = 0; texts[i]; i++)
        langwatch__is_text(is, AT_KEY(NULL, str_of(texts[i])), json_key(body, texts[i]), true);
}

/* Ids of a trace, a span and an evaluation, where they are sent, must be some. */
static void check_ids(struct issues *is, struct json body)
{
    static const char *const ids[] = { "trace_id", "span_id", "evaluation_id", NULL };
    for (size_t i = 0; ids[i]; i++)
        if (json_str(json_key(body, ids[i])).n > 0)
            langwatch__is_id(is, AT_KEY(NULL, str_of(ids[i])), json_key(body, ids[i]));
}

static void check_call(struct issues *is, struct json body)
{
    check_body(is, body);
    if (is->n == 0)
        check_ids(is, body);
}

enum status langwatch__evaluation_body(
    struct call *c, void (*check)(struct issues *, struct json), struct json *body, struct err *err)
{
    struct issues is = { .arena = c->arena };
    enum status st = call_json(c, body, err);
    if (st == ST_TOO_LARGE)
        return st;
    if (st != ST_OK)
        return langwatch__fail_message(
            c, err, ST_INVALID, arena_printf(c->arena, "Bad request: %s", err->text));
    check(&is, *body);
    return is.n > 0 ? langwatch__fail_issues(c, err, &is, STR_NONE) : ST_OK;
}

static enum status read_body(struct call *c, struct evaluating *x, struct err *err)
{
    enum status st = langwatch__evaluation_body(c, check_call, &x->body, err);
    if (st != ST_OK)
        return st;
    x->data = json_key(x->body, "data");
    x->as_guardrail = json_bool(json_key(x->body, "as_guardrail")) ||
                      str_starts(str_of(c->route->pattern), STR("/api/guardrails/"));
    return ST_OK;
}

enum status langwatch__no_evaluator(struct call *c, struct err *err, struct str what)
{
    return langwatch__fail_error(
        c, err, ST_NOT_FOUND, arena_printf(c->arena, "Evaluator not found: %.*s", STR_ARG(what)));
}

/* The evaluator of a saved one: LangWatch's config names it, else the type (Lunary). */
static struct str saved_type(struct call *c, const struct row *row)
{
    struct json config = json_key(records_body(c->arena, row), "config");
    struct str type = json_str(json_key(config, "evaluatorType"));
    return type.n > 0 ? type : row_text(row, RECORD_status);
}

enum status langwatch_evaluate_ask(struct call *c, struct err *err)
{
    struct evaluating *x = evaluating(c);
    if (!is_saved(c)) {
        x->evaluator = langwatch__evaluator(slug_of(c));
        return x->evaluator ? read_body(c, x, err) : langwatch__no_evaluator(c, err, slug_of(c));
    }
    if (c->round == 0) {
        (void)records_get(c, LANGWATCH_EVALUATOR_KIND, c->params[0]);
        records_find_by(c, LANGWATCH_EVALUATOR_KIND, RECORD_name, c->params[0])->query.limit = 1;
        c->again = true;
        return ST_OK;
    }
    x->saved = ask_row(c, 0) ? ask_row(c, 0) : ask_row(c, 1);
    if (!x->saved)
        return langwatch__fail_error(c, err, ST_NOT_FOUND,
            arena_printf(c->arena, "Evaluator not found with slug or id: %.*s", STR_ARG(c->params[0])));
    struct str type = saved_type(c, x->saved);
    x->evaluator = langwatch__evaluator(type);
    return x->evaluator ? read_body(c, x, err) : langwatch__no_evaluator(c, err, type);
}

/* ---- the score ------------------------------------------------------------------------------------------------------ */

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

/* Python drops the zeros an id begins with (section 11); a few of them, so a short id is another kind of id. */
static struct str padded(struct arena *a, struct str id, size_t width)
{
    static const char zeros[] = "00000000";
    if (id.n >= width || id.n + sizeof(zeros) - 1 < width || !is_hex(id))
        return id;
    return arena_printf(a, "%.*s%.*s", (int)(width - id.n), zeros, STR_ARG(id));
}

static struct str score_value(struct arena *a, const struct verdict *v)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    if (v->has_score || v->has_passed)
        jw_kv_cstr(&w, "type", v->has_score ? "NUMERIC" : "BOOLEAN");
    if (v->has_score)
        jw_kv_i64(&w, "number", v->score);
    if (v->has_passed)
        jw_kv_bool(&w, "boolean", v->passed);
    jw_obj_end(&w);
    return langwatch__taken(a, &out);
}

static struct str leftovers(struct arena *a, const struct evaluating *x)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_cstr(&w, "type", x->evaluator->id);
    jw_kv_raw(&w, "inputs", json_text(a, x->data));
    if (x->verdict.status == VERDICT_ERROR) {
        jw_key(&w, "error");
        jw_obj(&w);
        jw_kv_str(&w, "message", x->verdict.details);
        jw_kv_raw(&w, "stacktrace", STR("[]"));
        jw_obj_end(&w);
    }
    jw_obj_end(&w);
    return langwatch__taken(a, &out);
}

static struct str member(const struct evaluating *x, const char *name)
{
    struct str s = json_str(json_key(x->body, name));
    return s.n > 0 ? s : json_str(json_key(x->data, name)); /* Python 1.4 repeats its ids in data */
}

static void put_score(struct call *c, struct batch *b, const struct evaluating *x)
{
    static const char *const words[] = { "processed", "skipped", "error" };
    const struct verdict *v = &x->verdict;
    struct str trace = padded(c->arena, member(x, "trace_id"), 32), span = member(x, "span_id");
    struct str id = json_str(json_key(x->body, "evaluation_id")), name = json_str(json_key(x->body, "name"));
    struct str evaluator = json_str(json_key(x->body, "evaluator_id"));
    struct json saved_name = json_key(records_body(c->arena, x->saved), "name");
    if (x->saved && json_is_str(saved_name))
        name = json_str(saved_name);
    if (id.n == 0)
        id = arena_printf(c->arena, "evaluation_%.*s", STR_ARG(records_new_id(c, "evaluation", 0)));
    struct event *e = event_new(b, PROFILE_LANGWATCH_EVALUATION, c->caller->project, STR_NONE, id, TIME_NONE);
    event_set_text(e, SCORE_name, name.n > 0 ? name : str_of(x->evaluator->id));
    event_set_int(e, SCORE_source, SOURCE_EVAL);
    if (v->status == VERDICT_PROCESSED)
        event_set_json(e, SCORE_value, score_value(c->arena, v));
    event_set_text(e, SCORE_comment, v->details);
    event_set_text(e, SCORE_trace_id, trace);
    if (span.n > 0 && str_is_id(span))
        event_set_text(e, SCORE_observation_id, padded(c->arena, span, 16));
    event_set_text(e, SCORE_evaluator_id,
        x->saved          ? x->saved->id
        : evaluator.n > 0 ? evaluator
                          : langwatch__evaluator_id(c->arena, name.n > 0 ? name : str_of(x->evaluator->id)));
    event_set_text(e, SCORE_status, str_of(words[v->status]));
    event_set_int(e, SCORE_is_guardrail, x->as_guardrail);
    event_set_json(e, SCORE_leftovers, leftovers(c->arena, x));
    event_set_int(e, SCORE_started_ns, c->now_ns);
    event_set_int(e, SCORE_finished_ns, c->now_ns);
    event_set_int(e, SCORE_time_ns, c->now_ns);
}

enum status langwatch_evaluate_write(struct call *c, struct batch *b, struct err *err)
{
    struct evaluating *x = evaluating(c);
    enum status st = langwatch__need_fields(c, x->evaluator, x->data, err);
    if (st != ST_OK)
        return st;
    struct json config = json_key(records_body(c->arena, x->saved), "config");
    langwatch__run_evaluator(c->arena, x->evaluator, x->data, json_key(config, "settings"),
        json_key(x->body, "settings"), &x->verdict);
    struct str trace = member(x, "trace_id");
    if (trace.n > 0 && str_is_id(trace))
        put_score(c, b, x);
    return ST_OK;
}

void langwatch_evaluate_reply(struct call *c, struct reply *r)
{
    const struct evaluating *x = evaluating(c);
    struct jw w = jw_of(&r->body);
    langwatch__write_verdict(&w, &x->verdict, x->as_guardrail);
}
