/* Runs test/dialect/llmonitor/, and what is too large or too plain for a case file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/dialect_case.h"

static void cases(void **state)
{
    size_t run = 0, failed = dialect_cases_run(&llmonitor_dialect, &run);
    (void)state;
    print_message("%zu cases\n", run);
    assert_int_equal(failed, 0);
    assert_true(run > 0);
}

static const struct route *route_of(enum method method, const char *pattern)
{
    for (size_t i = 0; i < llmonitor_dialect.n_routes; i++)
        if (llmonitor_dialect.routes[i].method == method &&
            str_is(str_of(pattern), llmonitor_dialect.routes[i].pattern))
            return &llmonitor_dialect.routes[i];
    fail_msg("no route %s", pattern);
    return NULL;
}

static const struct caller *no_caller(void *ctx, struct str token, struct arena *a)
{
    (void)ctx;
    (void)token;
    (void)a;
    return NULL;
}

static struct call call_of(struct arena *a, const struct route *r, struct str body)
{
    static struct caller caller = { .project = 1, .project_id = STR_INIT("p"), .form = FORM_LUNARY };
    return (struct call){ .arena = a,
        .dialect = &llmonitor_dialect,
        .route = r,
        .method = r->method,
        .path = str_of(r->pattern),
        .caller = &caller,
        .credential = CREDENTIAL_GOOD,
        .find_caller = no_caller,
        .now_ns = INT64_C(1800000000) * NS_PER_S,
        .body = body };
}

/* What a batch of `n` copies of `event`, "#" numbered, comes to. */
static size_t ingest(
    struct arena *a, const char *before, size_t n, const char *event, const char *after, size_t *n_results)
{
    struct buf out;
    struct batch b;
    struct err err = { 0 };
    buf_init(&out, 0);
    buf_add_cstr(&out, before);
    for (size_t i = 0; i < n; i++) {
        buf_add_cstr(&out, i ? "," : "");
        for (const char *c = event; *c; c++)
            if (*c == '#')
                buf_printf(&out, "%zu", i);
            else
                buf_add_char(&out, *c);
    }
    buf_add_cstr(&out, after);
    struct call c = call_of(a, route_of(METHOD_POST, "/v1/runs/ingest"), buf_str(&out));
    batch_init(&b, a);
    assert_int_equal(c.route->write(&c, &b, &err), ST_OK);
    *n_results = b.n_results;
    batch_seal(&b);
    buf_fini(&out);
    return b.n_events;
}

/* A batch as large as a body allows, all at one time, is decoded in time that grows with its size alone. */
static void large_batches(void **state)
{
    struct arena *a = arena_new();
    size_t results;
    (void)state;
    size_t events = ingest(a, "{\"events\":[", 50000,
        "{\"type\":\"thread\",\"event\":\"chat\",\"runId\":\"m#\",\"parentRunId\":\"T\",\"timestamp\":1,\"message\":{\"role\":\"user\",\"content\":\"x\"}}",
        "]}", &results);
    assert_int_equal(results, 50000);
    assert_int_equal(events, 100000);
    events = ingest(a, "{\"events\":[", 50000, "{\"type\":\"llm\",\"event\":\"end\"}", "]}", &results);
    assert_int_equal(results, 50000);
    assert_int_equal(events, 0);
    arena_free(a);
}

/* Nested lists stand for their elements, however deep JSON goes. */
static void deep_lists(void **state)
{
    struct arena *a = arena_new();
    struct buf open, close;
    size_t results;
    (void)state;
    buf_init(&open, 0);
    buf_init(&close, 0);
    for (int i = 0; i < JSON_DEPTH_MAX - 3; i++) {
        buf_add_char(&open, '[');
        buf_add_char(&close, ']');
    }
    buf_add_char(&open, '\0');
    buf_add_char(&close, '\0');
    assert_int_equal(
        ingest(a, open.p, 3, "{\"type\":\"llm\",\"event\":\"start\",\"runId\":\"r#\"}", close.p, &results),
        3);
    assert_int_equal(results, 3);
    buf_fini(&open);
    buf_fini(&close);
    arena_free(a);
}

static struct row span(struct arena *a, int i, const char *parent)
{
    struct row r = {
        .entity = OBSERVATION, .scope = STR("s0"), .id = arena_printf(a, "s%d", i), .identity = IDENTITY_TREE
    };
    r.cols[OBSERVATION_type] = value_int(OBS_CHAIN);
    r.cols[OBSERVATION_start_ns] = value_int(i);
    if (parent)
        r.cols[OBSERVATION_parent_id] = value_text(arena_dup(a, str_of(parent)));
    return r;
}

/* A trace that is one long chain: /related and the export of it stay in proportion to it. */
static void long_chain(void **state)
{
    enum { N = 20000 };
    struct arena *a = arena_new();
    struct row *rows = arena_array(a, N, sizeof *rows);
    char parent[16];
    (void)state;
    for (int i = 0; i < N; i++) {
        (void)snprintf(parent, sizeof parent, "s%d", i - 1);
        rows[i] = span(a, i, i ? parent : NULL);
    }
    struct call c = call_of(a, route_of(METHOD_GET, "/v1/runs/{id}/related"), STR_NONE);
    c.params[c.n_params++] = STR("s1");
    assert_int_equal(c.route->ask(&c, NULL), ST_OK);
    c.asks[1].rows = &rows[1];
    c.asks[1].n = 1;
    c.round = 1;
    assert_int_equal(c.route->ask(&c, NULL), ST_OK);
    struct ask *tree = &c.asks[c.n_asks - 1];
    tree->rows = rows;
    tree->n = N;
    struct reply r = { .status = 200 };
    struct json answer;
    buf_init(&r.body, 0);
    c.route->reply(&c, &r);
    assert_int_equal(json_parse(a, buf_str(&r.body), 0, &answer, NULL), ST_OK);
    assert_int_equal(json_size(answer), N - 1);
    buf_fini(&r.body);
    arena_free(a);
}

/* The same as a file: what nests too deep stands beside its ancestor, and nothing is lost. */
static void long_chain_exported(void **state)
{
    enum { N = 3000 };
    struct arena *a = arena_new();
    struct row *rows = arena_array(a, N, sizeof *rows);
    char parent[16];
    struct reply r = { .status = 200 };
    struct err err;
    struct json answer;
    (void)state;
    for (int i = 0; i < N; i++) {
        (void)snprintf(parent, sizeof parent, "s%d", i - 1);
        rows[i] = span(a, i, i ? parent : NULL);
    }
    struct call c = call_of(a, route_of(METHOD_GET, "/v1/runs/export"), STR_NONE);
    struct pair query[] = { { STR("type"), STR("trace") }, { STR("exportFormat"), STR("jsonl") } };
    c.query = query;
    c.n_query = 2;
    c.query_raw = STR("type=trace&exportFormat=jsonl");
    assert_int_equal(c.route->ask(&c, &err), ST_OK);
    c.asks[0].rows = rows;
    c.asks[0].n = 1;
    c.round = 1;
    assert_int_equal(c.route->ask(&c, &err), ST_OK);
    struct ask *tree = &c.asks[c.n_asks - 1];
    tree->rows = rows;
    tree->n = N;
    buf_init(&r.body, 0);
    c.route->reply(&c, &r);
    assert_int_equal(json_parse(a, buf_str(&r.body), 0, &answer, &err), ST_OK);
    size_t runs = 0;
    struct str rest = buf_str(&r.body), mark = STR("\"projectId\"");
    for (size_t at; (at = str_find(rest, mark)) != SIZE_MAX; rest = str_sub(rest, at + mark.n, SIZE_MAX))
        runs++;
    assert_int_equal(runs, N);
    buf_fini(&r.body);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(large_batches),
        cmocka_unit_test(deep_lists),
        cmocka_unit_test(long_chain),
        cmocka_unit_test(long_chain_exported),
    };
    return cmocka_run_group_tests_name("dialect/llmonitor", tests, NULL, NULL);
}
