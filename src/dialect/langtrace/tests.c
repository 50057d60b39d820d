/*
 * Tests: what people judge answers by, a name and a scale (langtrace.md 4, 8). They are evaluators, which Lunary shows too:
 *
 *   record "evaluator"  name = slug of the name, status = type ("manual"), body = {name, description, mode, min, max, step,
 *                       evaluationCriteria}
 */
#include "dialect/langtrace/langtrace_priv.h"

#define NAME_BYTES_MAX 1000

struct test {
    struct str name, description, type;
    struct json criteria;
    double min, max, step;
};

#define TEST_DEFAULTS .type = STR_INIT("manual"), .min = -1, .max = 1, .step = 2

static const struct test defaults[] = {
    { TEST_DEFAULTS, .name = STR_INIT("factual accuracy"),
        .description = STR_INIT(
            "Evaluate the model's ability to provide factually correct answers to questions about general "
            "knowledge, including history, science, geography, and current events.") },
    { TEST_DEFAULTS, .name = STR_INIT("quality"),
        .description = STR_INIT(
            "Better for tasks like summarization: how coherent, relevant and well written the answer is.") },
};

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static struct str lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
    return (struct str){ p, s.n };
}

static struct str slug_of(struct arena *a, struct str name)
{
    char *p = (char *)(uintptr_t)arena_dup(a, name).p;
    for (size_t i = 0; i < name.n; i++)
        if (p[i] == ' ')
            p[i] = '-';
    return (struct str){ p, name.n };
}

static struct str body_of(struct arena *a, const struct test *t)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_str(&w, "name", t->name);
    langtrace__kv_text(&w, "description", t->description);
    jw_kv_cstr(&w, "mode", "normal");
    jw_kv_f64(&w, "min", t->min);
    jw_kv_f64(&w, "max", t->max);
    jw_kv_f64(&w, "step", t->step);
    if (json_is_set(t->criteria)) {
        jw_key(&w, "evaluationCriteria");
        jw_value(&w, t->criteria);
    }
    jw_obj_end(&w);
    return langtrace__taken(a, &out);
}

static struct str put_test(
    struct call *c, struct batch *b, int32_t project, const struct test *t, size_t place)
{
    struct str id = records_new_id(c, LANGTRACE_TEST_KIND, place);
    struct event *e = event_new(b, PROFILE_EDIT_RECORD, project, STR(LANGTRACE_TEST_KIND), id, TIME_NONE);
    event_set_text(e, RECORD_name, slug_of(c->arena, t->name));
    event_set_text(e, RECORD_status, t->type);
    event_set_int(e, RECORD_seq, c->now_ns + (int64_t)place);
    event_set_int(e, RECORD_time_ns, c->now_ns);
    event_set_json(e, RECORD_body, body_of(c->arena, t));
    return id;
}

void langtrace__default_tests(struct call *c, struct batch *b, int32_t project)
{
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        put_test(c, b, project, &defaults[i], i);
}

/* ---- showing -------------------------------------------------------------------------------------------------------- */

static void write_number(struct jw *w, struct json body, const char *name, double none)
{
    double n;
    jw_kv_f64(w, name, json_f64(json_key(body, name), &n) ? n : none);
}

/* Evaluators that people do not run by hand are no tests. */
static bool is_test(struct json body)
{
    return json_is_num(json_key(body, "min")) && json_is_num(json_key(body, "max"));
}

struct str langtrace__test_name(struct arena *a, const struct row *test)
{
    return json_str(json_key(records_body(a, test), "name"));
}

void langtrace__write_test(struct jw *w, const struct call *c, const struct row *r)
{
    struct json body = records_body(c->arena, r);
    jw_obj(w);
    jw_kv_str(w, "id", r->id);
    langtrace__kv_text(w, "name", json_str(json_key(body, "name")));
    langtrace__kv_text(w, "description", json_str(json_key(body, "description")));
    jw_kv_str(w, "projectId", c->caller->project_id);
    langtrace__kv_text(w, "type", row_text(r, RECORD_status));
    jw_key(w, "evaluationCriteria");
    if (json_is_set(json_key(body, "evaluationCriteria")))
        jw_value(w, json_key(body, "evaluationCriteria"));
    else
        jw_null(w);
    write_number(w, body, "min", -1);
    write_number(w, body, "max", 1);
    write_number(w, body, "step", 2);
    langtrace__kv_time(w, "createdAt", records_time(r));
    langtrace__kv_time(w, "updatedAt", r->updated_ns);
    jw_obj_end(w);
}

/* ---- GET and POST /api/test ----------------------------------------------------------------------------------------- */

enum status langtrace__tests_ask(struct call *c, struct err *err)
{
    (void)err;
    (void)records_find(c, LANGTRACE_TEST_KIND);
    return ST_OK;
}

void langtrace__tests_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "tests");
    jw_arr(&w);
    for (size_t i = 0; i < c->asks[0].n; i++) {
        const struct row *row = &c->asks[0].rows[i];
        if (is_test(records_body(c->arena, row)))
            langtrace__write_test(&w, c, row);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
}

static enum status read_number(struct json body, const char *name, double *out, struct err *err)
{
    struct json v = json_key(body, name);
    if (json_is_set(v) && !json_f64(v, out))
        return err_at(err, ST_INVALID, name, "must be a number, got %s", json_type_name(json_type(v)));
    return ST_OK;
}

static enum status read_test(struct call *c, struct test *t, struct err *err)
{
    struct json body;
    struct str type;
    *t = (struct test){ TEST_DEFAULTS };
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = langtrace__text(body, "name", &t->name, err);
    if (st == ST_OK && (t->name.n == 0 || t->name.n > NAME_BYTES_MAX))
        st = err_at(err, ST_INVALID, "name", "must be a text of 1 to %d bytes", NAME_BYTES_MAX);
    if (st == ST_OK)
        st = langtrace__text(body, "description", &t->description, err);
    if (st == ST_OK)
        st = langtrace__text(body, "type", &type, err);
    if (st == ST_OK && type.n > 0)
        t->type = type;
    if (st == ST_OK)
        st = read_number(body, "min", &t->min, err);
    if (st == ST_OK)
        st = read_number(body, "max", &t->max, err);
    if (st == ST_OK)
        st = read_number(body, "step", &t->step, err);
    t->criteria = json_key(body, "evaluationCriteria");
    t->name = lower(c->arena, t->name);
    return st;
}

enum status langtrace__new_test_write(struct call *c, struct batch *b, struct err *err)
{
    struct test t;
    enum status st = read_test(c, &t, err);
    if (st == ST_OK)
        (void)records_get(c, LANGTRACE_TEST_KIND, put_test(c, b, c->caller->project, &t, 0));
    return st;
}

void langtrace__new_test_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "data");
    langtrace__write_test(&w, c, ask_row(c, 0));
    jw_obj_end(&w);
}
