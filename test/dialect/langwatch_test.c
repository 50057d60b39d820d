/* Runs test/dialect/langwatch/, and what is too large for a case file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/dialect_case.h"

static void cases(void **state)
{
    size_t run = 0, failed = dialect_cases_run(&langwatch_dialect, &run);
    (void)state;
    print_message("%zu cases\n", run);
    assert_int_equal(failed, 0);
    assert_true(run > 0);
}

static const struct route *route_of(enum method method, const char *pattern)
{
    for (size_t i = 0; i < langwatch_dialect.n_routes; i++)
        if (langwatch_dialect.routes[i].method == method &&
            str_is(str_of(pattern), langwatch_dialect.routes[i].pattern))
            return &langwatch_dialect.routes[i];
    fail_msg("no route %s", pattern);
    return NULL;
}

static struct call call_of(struct arena *a, const struct route *r, struct str body)
{
    static struct caller caller = {
        .project = 1, .project_id = STR_INIT("p"), .project_slug = STR_INIT("demo")
    };
    static struct pair type = { STR_INIT("content-type"), STR_INIT("application/json") };
    return (struct call){ .arena = a,
        .dialect = &langwatch_dialect,
        .route = r,
        .method = r->method,
        .path = str_of(r->pattern),
        .caller = &caller,
        .headers = &type,
        .n_headers = 1,
        .body = body };
}

/* A body with n items in the list of that name. */
static struct str list_of(struct buf *out, const char *name, size_t n, const char *item)
{
    buf_init(out, 0);
    buf_printf(out, "{\"trace_id\":\"t\",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        buf_add_cstr(out, i ? "," : "");
        for (const char *c = item; *c; c++)
            if (*c == '#')
                buf_printf(out, "%zu", i);
            else
                buf_add_char(out, *c);
    }
    buf_add_cstr(out, "]}");
    return buf_str(out);
}

#define SPAN \
    "{\"span_id\":\"s#\",\"type\":\"span\",\"timestamps\":{\"started_at\":1700000000000,\"finished_at\":1700000000001}}"
#define EVALUATION "{\"name\":\"e#\",\"score\":#}"

/* *n_events: what was decoded; *answer: the body of a refusal. */
static enum status collect(struct arena *a, struct str body, size_t *n_events, struct str *answer)
{
    struct call c = call_of(a, route_of(METHOD_POST, "/api/collector"), body);
    struct batch b;
    struct err err = { 0 };
    struct reply r = { 0 };
    buf_init(&r.body, 0);
    batch_init(&b, a);
    enum status st = c.route->write(&c, &b, &err);
    *n_events = b.n_events;
    if (st != ST_OK)
        langwatch_dialect.error(&c, &err, &r);
    *answer = arena_dup(a, buf_str(&r.body));
    buf_fini(&r.body);
    return st;
}

static void check_limit(const char *name, const char *item, const char *refusal)
{
    struct arena *a = arena_new();
    struct buf body;
    struct str answer;
    size_t n_events;
    assert_int_equal(collect(a, list_of(&body, name, 1000, item), &n_events, &answer), ST_OK);
    assert_int_equal(n_events, 1001);
    buf_fini(&body);
    assert_int_equal(collect(a, list_of(&body, name, 1001, item), &n_events, &answer), ST_RATE);
    assert_true(str_is(answer, refusal));
    buf_fini(&body);
    arena_free(a);
}

static void limits(void **state)
{
    (void)state;
    check_limit("spans", SPAN, "{\"message\":\"Too many spans, maximum of 1000 per trace\"}");
    check_limit(
        "evaluations", EVALUATION, "{\"message\":\"Too many evaluations, maximum of 1000 per trace\"}");
}

/* Issues are bounded, however many faults a body has. */
static void many_faults(void **state)
{
    struct arena *a = arena_new();
    struct buf body;
    struct str answer;
    size_t n_events;
    (void)state;
    assert_int_equal(
        collect(a, list_of(&body, "evaluations", 1000, "{\"name\":#,\"score\":\"#\"}"), &n_events, &answer),
        ST_INVALID);
    assert_true(answer.n < 4000);
    buf_fini(&body);
    arena_free(a);
}

/* A trace that is one long chain: its drawing stays in proportion to it. */
static void long_chain(void **state)
{
    enum { N = 20000 };
    struct arena *a = arena_new();
    struct call c = call_of(a, route_of(METHOD_GET, "/api/traces/{id}"), STR_NONE);
    struct row trace = { .entity = TRACE, .id = STR("t"), .n_observations = N };
    struct reply r = { .status = 200 };
    (void)state;
    trace.observations = arena_array(a, N, sizeof *trace.observations);
    for (int i = 0; i < N; i++) {
        struct row *o = &trace.observations[i];
        *o = (struct row){ .entity = OBSERVATION, .scope = STR("t"), .id = arena_printf(a, "s%d", i) };
        o->cols[OBSERVATION_start_ns] = value_int(i);
        if (i > 0)
            o->cols[OBSERVATION_parent_id] = value_text(arena_printf(a, "s%d", i - 1));
    }
    c.params[0] = STR("t");
    c.n_params = 1;
    assert_int_equal(c.route->ask(&c, NULL), ST_OK);
    c.asks[0].rows = &trace;
    c.asks[0].n = 1;
    buf_init(&r.body, 0);
    c.route->reply(&c, &r);
    assert_int_equal(r.status, 200);
    assert_true(r.body.n < (size_t)N * 1000);
    buf_fini(&r.body);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(limits),
        cmocka_unit_test(many_faults),
        cmocka_unit_test(long_chain),
    };
    return cmocka_run_group_tests_name("dialect/langwatch", tests, NULL, NULL);
}
