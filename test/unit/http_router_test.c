/* Patterns to routes: by segment, a literal before a parameter, groups apart, methods of a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "http/router.h"

enum { GET, POST, PATCH, DELETE };

static struct router *router;
static struct router_match found[ROUTER_GROUPS];

static int set_up(void **state)
{
    (void)state;
    router = router_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    router_free(router);
    return 0;
}

static void add(unsigned group, unsigned method, const char *pattern)
{
    router_add(router, group, method, pattern, pattern);
}

/* The pattern that group 0 answers with, or "none". */
static const char *find(unsigned method, const char *path)
{
    router_find(router, method, str_of(path), found);
    return found[0].route ? found[0].route : "none";
}

static void check_param(size_t i, const char *value)
{
    assert_true(i < found[0].n_params);
    assert_true(str_is(found[0].params[i], value));
}

static void literals_match_whole_segments(void **state)
{
    (void)state;
    add(0, GET, "/");
    add(0, GET, "/api/trace");
    add(0, GET, "/api/traces");
    add(0, GET, "/api/trace/search");
    assert_string_equal(find(GET, "/"), "/");
    assert_string_equal(find(GET, "/api/trace"), "/api/trace");
    assert_string_equal(find(GET, "/api/traces"), "/api/traces");
    assert_string_equal(find(GET, "/api/trace/search"), "/api/trace/search");
    assert_string_equal(find(GET, "/api"), "none");
    assert_string_equal(find(GET, "/api/trac"), "none");
    assert_string_equal(find(GET, "/api/trace/search/x"), "none");
    assert_string_equal(find(GET, "/API/trace"), "none");
    assert_string_equal(find(GET, "*"), "none");
    assert_string_equal(find(GET, ""), "none");
}

static void parameters_keep_their_raw_segment(void **state)
{
    (void)state;
    add(0, GET, "/datasets/{name}/runs/{run}");
    assert_string_equal(find(GET, "/datasets/a%2Fb/runs/x+y"), "/datasets/{name}/runs/{run}");
    assert_int_equal(found[0].n_params, 2);
    check_param(0, "a%2Fb");
    check_param(1, "x+y");
    assert_string_equal(find(GET, "/datasets//runs/x"), "none");
    assert_string_equal(find(GET, "/datasets/a/runs"), "none");
    assert_int_equal(found[0].n_params, 0);
}

static void a_literal_beats_a_parameter(void **state)
{
    (void)state;
    add(0, GET, "/traces/{id}");
    add(0, GET, "/traces/search");
    assert_string_equal(find(GET, "/traces/search"), "/traces/search");
    assert_int_equal(found[0].n_params, 0);
    assert_string_equal(find(GET, "/traces/searchx"), "/traces/{id}");
    check_param(0, "searchx");
}

static void a_dead_end_goes_back(void **state)
{
    (void)state;
    add(0, GET, "/datasets/prompts/items");
    add(0, GET, "/datasets/{id}/runs/{run}");
    add(0, GET, "/{a}/{b}/{c}/last");
    assert_string_equal(find(GET, "/datasets/prompts/items"), "/datasets/prompts/items");
    assert_string_equal(find(GET, "/datasets/prompts/runs/1"), "/datasets/{id}/runs/{run}");
    assert_int_equal(found[0].n_params, 2);
    check_param(0, "prompts");
    check_param(1, "1");
    assert_string_equal(find(GET, "/datasets/prompts/items/last"), "/{a}/{b}/{c}/last");
    assert_int_equal(found[0].n_params, 3);
    check_param(0, "datasets");
    check_param(2, "items");
}

static void the_method_counts_before_the_literal(void **state)
{
    (void)state;
    add(0, POST, "/api/trace/search");
    add(0, GET, "/api/trace/{id}");
    add(0, DELETE, "/api/trace/{id}");
    assert_string_equal(find(POST, "/api/trace/search"), "/api/trace/search");
    assert_string_equal(find(GET, "/api/trace/search"), "/api/trace/{id}");
    check_param(0, "search");
    assert_int_equal(found[0].methods, 1u << POST | 1u << GET | 1u << DELETE);
    assert_string_equal(find(PATCH, "/api/trace/search"), "none");
    assert_int_equal(found[0].methods, 1u << POST | 1u << GET | 1u << DELETE);
    assert_string_equal(find(POST, "/api/trace/t1"), "none");
    assert_int_equal(found[0].methods, 1u << GET | 1u << DELETE);
    assert_string_equal(find(31, "/api/trace/t1"), "none");
}

static void groups_do_not_see_each_other(void **state)
{
    static const int in_1, in_2;
    (void)state;
    router_add(router, 1, GET, "/datasets/{id}/runs", &in_1);
    router_add(router, 2, GET, "/datasets/name/runs", &in_2);
    router_find(router, GET, STR("/datasets/name/runs"), found);
    assert_null(found[0].route);
    assert_int_equal(found[0].methods, 0);
    assert_ptr_equal(found[1].route, &in_1);
    assert_true(str_is(found[1].params[0], "name"));
    assert_ptr_equal(found[2].route, &in_2);
    assert_int_equal(found[2].n_params, 0);
    router_find(router, GET, STR("/datasets/other/runs"), found);
    assert_ptr_equal(found[1].route, &in_1);
    assert_null(found[2].route);
}

static void many_siblings_are_all_found(void **state)
{
    static char patterns[200][16];
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(patterns[i], sizeof patterns[i], "/p%u", i * 7919u % 200u);
        add(0, i % 4, patterns[i]);
    }
    for (unsigned i = 0; i < 200; i++) {
        assert_ptr_equal(find(i % 4, patterns[i]), patterns[i]);
        assert_int_equal(found[0].methods, 1u << (i % 4));
    }
    assert_string_equal(find(GET, "/p200"), "none");
}

/* However long and whatever the path is, the patterns bound the search. */
static void hostile_paths_cost_little(void **state)
{
    struct arena *a = arena_new();
    size_t n = 1 << 20;
    char *path = arena_alloc(a, n + 1);
    (void)state;
    add(0, GET, "/a/a/a/a/a/a/x");
    add(0, GET, "/{1}/{2}/{3}/{4}/{5}/{6}/y");
    add(0, GET, "/a/{2}/a/{4}/a/{6}/z");
    for (size_t i = 0; i < n; i += 2) {
        path[i] = '/';
        path[i + 1] = 'a';
    }
    assert_string_equal(find(GET, path), "none");
    assert_string_equal(find(GET, "/a/a/a/a/a/a/y"), "/{1}/{2}/{3}/{4}/{5}/{6}/y");
    assert_int_equal(found[0].n_params, 6);
    assert_string_equal(find(GET, "/a/a/a/a/a/a/z"), "/a/{2}/a/{4}/a/{6}/z");
    assert_int_equal(found[0].n_params, 3);
    arena_free(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(literals_match_whole_segments),
        TEST(parameters_keep_their_raw_segment),
        TEST(a_literal_beats_a_parameter),
        TEST(a_dead_end_goes_back),
        TEST(the_method_counts_before_the_literal),
        TEST(groups_do_not_see_each_other),
        TEST(many_siblings_are_all_found),
        TEST(hostile_paths_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
