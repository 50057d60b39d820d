/* Runs test/dialect/langtrace/, and what a case file cannot say: bytes, and a trace that is one long chain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/dialect_case.h"

static void cases(void **state)
{
    size_t run = 0, failed = dialect_cases_run(&langtrace_dialect, &run);
    (void)state;
    print_message("%zu cases\n", run);
    assert_int_equal(failed, 0);
    assert_true(run > 0);
}

static const struct route *route_of(enum method method, const char *pattern)
{
    for (size_t i = 0; i < langtrace_dialect.n_routes; i++)
        if (langtrace_dialect.routes[i].method == method &&
            str_is(str_of(pattern), langtrace_dialect.routes[i].pattern))
            return &langtrace_dialect.routes[i];
    fail_msg("no route %s", pattern);
    return NULL;
}

static struct call call_of(struct arena *a, const struct route *r, struct str body)
{
    static struct caller caller = { .project = 1, .project_id = STR_INIT("p"), .form = FORM_LANGTRACE };
    return (struct call){ .arena = a,
        .dialect = &langtrace_dialect,
        .route = r,
        .method = r->method,
        .path = str_of(r->pattern),
        .caller = &caller,
        .now_ns = INT64_C(1800000000) * NS_PER_S,
        .body = body };
}

/* An export in protobuf begins with a line break, as JSON sees it, and its length may be the code of '['. */
static void protobuf_that_looks_like_a_list(void **state)
{
    struct arena *a = arena_new();
    struct batch b;
    struct err err = { 0 };
    char body[2 + '['];
    (void)state;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = 0;
    body[0] = '\n';
    body[1] = '['; /* resource_spans of 91 bytes: a field 15 of that many zeros, which nobody knows */
    body[2] = 0x7A;
    body[3] = '[' - 2;
    struct call c = call_of(a, route_of(METHOD_POST, "/api/trace"), (struct str){ body, sizeof body });
    batch_init(&b, a);
    assert_int_equal(c.route->write(&c, &b, &err), ST_OK);
    assert_int_equal(b.n_events, 0);
    arena_free(a);
}

/* Only the first of the spans that cannot be kept is told, so the others cost little more than their three bytes. */
static void many_bad_spans(void **state)
{
    enum { N = 10000, BYTES_OF_ONE = 200 };
    struct arena *a = arena_new();
    struct batch b;
    struct err err = { 0 };
    struct buf body;
    (void)state;
    buf_init(&body, 0);
    for (int i = 0; i < N; i++)
        buf_add_cstr(&body, i ? ",{}" : "[{\"traceId\":\"t\",\"spanId\":\"s\"}");
    buf_add_cstr(&body, "]");
    struct call c = call_of(a, route_of(METHOD_POST, "/api/trace"), buf_str(&body));
    batch_init(&b, arena_new());
    assert_int_equal(c.route->write(&c, &b, &err), ST_OK);
    assert_int_equal(b.n_events, 1);
    assert_int_equal(b.results[0].outcome, OUTCOME_STORED);
    assert_string_equal(
        b.results[1].err->text, "[1].traceId must be an id of 16 bytes that is not zero, in hex");
    assert_int_equal(b.results[N - 1].outcome, OUTCOME_REJECTED);
    assert_ptr_equal(b.results[N - 1].err, b.results[1].err);
    assert_true(arena_bytes(b.arena) < (size_t)N * BYTES_OF_ONE);
    buf_fini(&body);
    batch_fini(&b);
    arena_free(a);
}

/* Every span names the next one as its parent: the name of the trace is found in time, and the answer stays in proportion. */
static void long_chain(void **state)
{
    enum { N = 20000 };
    struct arena *a = arena_new();
    struct call c = call_of(
        a, route_of(METHOD_POST, "/api/traces"), STR("{\"projectId\":\"p\",\"page\":1,\"pageSize\":1}"));
    struct row trace = { .entity = TRACE, .id = STR("t"), .n_observations = N };
    struct reply r = { .status = 200 };
    struct err err = { 0 };
    (void)state;
    trace.observations = arena_array(a, N, sizeof *trace.observations);
    for (int i = 0; i < N; i++) {
        struct row *o = &trace.observations[i];
        *o = (struct row){ .entity = OBSERVATION, .scope = STR("t"), .id = arena_printf(a, "s%d", i) };
        o->cols[OBSERVATION_start_ns] = value_int(i);
        o->cols[OBSERVATION_name] = value_text(arena_printf(a, "n%d", i));
        if (i + 1 < N)
            o->cols[OBSERVATION_parent_id] = value_text(arena_printf(a, "s%d", i + 1));
    }
    assert_int_equal(c.route->ask(&c, &err), ST_OK);
    c.asks[0].rows = &trace;
    c.asks[0].n = 1;
    c.asks[0].total = 1;
    buf_init(&r.body, 0);
    c.route->reply(&c, &r);
    assert_true(r.body.n < (size_t)N * 1000);
    struct json v;
    assert_int_equal(json_parse(a, buf_str(&r.body), 0, &v, NULL), ST_OK);
    struct json shown = json_at(json_key(json_key(v, "traces"), "result"), 0);
    assert_true(str_is(json_str(json_key(shown, "name")), "n19999"));
    assert_int_equal(json_size(json_key(shown, "spans")), N);
    buf_fini(&r.body);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(protobuf_that_looks_like_a_list),
        cmocka_unit_test(many_bad_spans),
        cmocka_unit_test(long_chain),
    };
    return cmocka_run_group_tests_name("dialect/langtrace", tests, NULL, NULL);
}
