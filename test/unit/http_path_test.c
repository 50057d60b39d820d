/* The normal form of a request target: N1 to N6 of collisions.md 3.1, and the form-encoded query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/path.h"

struct path_case {
    const char *target;
    const char *path; /* NULL: ST_INVALID */
};

static void check(const struct path_case *cases, size_t n, bool post)
{
    for (size_t i = 0; i < n; i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct path out;
        enum status st = path_normalise(a, str_of(cases[i].target), post, &out, &err);
        if (!cases[i].path) {
            assert_int_equal(st, ST_INVALID);
            assert_int_equal(err.code, ST_INVALID);
        } else {
            assert_int_equal(st, ST_OK);
            assert_string_equal(arena_cstr(a, out.path), cases[i].path);
        }
        arena_free(a);
    }
}

#define CHECK(post, ...)                                         \
    do {                                                         \
        static const struct path_case cases[] = { __VA_ARGS__ }; \
        check(cases, sizeof cases / sizeof *cases, post);        \
    } while (0)

static void n1_undoes_needless_escapes(void **state)
{
    (void)state;
    CHECK(false, { "/v1/%64atasets", "/v1/datasets" }, { "/%7Euser/%2D%2e%5F", "/~user/-._" },
        { "/a%2fb", "/a%2Fb" }, { "/a%2Fb/c", "/a%2Fb/c" }, { "/caf%c3%a9", "/caf%C3%A9" },
        { "/%2541", "/%2541" }, /* decoded once: the percent sign is not unreserved */
        { "/a+b", "/a+b" }, { "/a%2Bb%20c%25", "/a%2Bb%20c%25" }, { "/a%01", "/a%01" },
        { "/%30%39%41%5A%61%7A", "/09AZaz" });
}

static void n1_refuses_broken_escapes_and_zero_bytes(void **state)
{
    (void)state;
    CHECK(false, { "/a%", NULL }, { "/a%2", NULL }, { "/%zz", NULL }, { "/%2g", NULL }, { "/%-1", NULL },
        { "/a%00b", NULL }, { "/%u0041", NULL }, { "/ok?a=%zz", "/ok" }, { "/ok?a=%00", "/ok" });
}

static void n1_tells_where(void **state)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct path out;
    (void)state;
    assert_int_equal(path_normalise(a, STR("/abc%zz"), false, &out, &err), ST_INVALID);
    assert_int_equal(err.offset, 4);
    assert_non_null(strstr(err.text, "%zz"));
    assert_int_equal(path_normalise(a, STR("/%00"), false, &out, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "%00"));
    assert_int_equal(path_normalise(a, STR("/%"), false, &out, NULL), ST_INVALID);
    arena_free(a);
}

static void n1_keeps_dot_segments(void **state)
{
    (void)state;
    CHECK(
        false, { "/a/../b", "/a/../b" }, { "/a/./b", "/a/./b" }, { "/%2e%2E/x", "/../x" }, { "/..", "/.." });
}

static void n2_and_n3_slashes(void **state)
{
    (void)state;
    CHECK(false, { "/", "/" }, { "//", "/" }, { "///", "/" }, { "//v1/traces/", "/v1/traces" },
        { "/a//b///c", "/a/b/c" }, { "/a/", "/a" }, { "/a//", "/a" }, { "/a/%2F/", "/a/%2F" },
        { "/a%2F%2Fb", "/a%2F%2Fb" }, { "", "/" }, { "?a=b", "/" }, { "*", "*" });
}

static void n4_drops_a_doubled_api(void **state)
{
    (void)state;
    CHECK(false, { "/api/v1", "/v1" }, { "/api/v1/projects", "/v1/projects" },
        { "/api/api/v1/projects", "/v1/projects" }, { "/api/api", "/api" },
        { "/api/api/api/api/trace", "/api/trace" }, { "/api/api-key", "/api/api-key" },
        { "/api/v1development/x", "/api/v1development/x" }, { "/api/v1x", "/api/v1x" }, { "/api", "/api" },
        { "/x/api/v1", "/x/api/v1" }, { "/api//api/public/ingestion", "/api/public/ingestion" },
        { "/api/%76%31/x", "/v1/x" }, { "/api/API/x", "/api/API/x" }, { "/api/v1/api/v1", "/v1/api/v1" },
        { "/api/api%2Fx", "/api/api%2Fx" });
}

static void n5_finds_the_signal(void **state)
{
    (void)state;
    CHECK(true, { "/v1/traces", "/v1/traces" }, { "/v1/traces/", "/v1/traces" },
        { "/v1/traces/v1/traces", "/v1/traces" }, { "/v1/traces/v1/logs", "/v1/logs" },
        { "/v1/logs/v1/metrics/v1/traces", "/v1/traces" }, { "/api/v1/traces", "/v1/traces" },
        { "/api/v1/traces/v1/traces", "/v1/traces" }, { "/v1/metrics", "/v1/metrics" },
        { "/api/api/v1/logs", "/v1/logs" });
}

static void n5_knows_the_bases(void **state)
{
    (void)state;
    CHECK(true, { "/api/otel/v1/traces", "/api/otel/v1/traces" },
        { "/api/otel/v1/traces/v1/logs", "/api/otel/v1/logs" },
        { "/api/collector/v1/traces", "/api/otel/v1/traces" },
        { "/api/collector/api/v1/traces", "/api/otel/v1/traces" },
        { "/api/collector/otel/v1/logs", "/api/otel/v1/logs" },
        { "/api/collector/api/otel/v1/metrics", "/api/otel/v1/metrics" },
        { "/api/public/otel/v1/traces", "/api/public/otel/v1/traces" },
        { "/api/public/otel/v1/traces/v1/traces", "/api/public/otel/v1/traces" },
        { "/api/public/otel/v1/metrics", "/api/public/otel/v1/metrics" },
        { "/api/public/otel", "/api/public/otel/v1/traces" },
        { "/api/public/otel/", "/api/public/otel/v1/traces" },
        { "/api/public/v1/logs", "/api/public/v1/logs" },
        { "/api/public/v1/traces/v1/traces", "/api/public/v1/traces" },
        { "/api/trace/v1/traces", "/api/trace" }, { "/api/trace/v1/logs", "/v1/logs" },
        { "/api/trace/v1/metrics/v1/traces", "/api/trace" }, { "/api/trace", "/api/trace" });
}

static void n5_leaves_the_rest(void **state)
{
    (void)state;
    CHECK(true, { "/foo/v1/traces", "/foo/v1/traces" },
        { "/foo/v1/traces/v1/traces", "/foo/v1/traces/v1/traces" }, { "/v1/v1/traces", "/v1/v1/traces" },
        { "/api/collector", "/api/collector" }, { "/api/otel", "/api/otel" },
        { "/api/collector/x/v1/traces", "/api/collector/x/v1/traces" }, { "/v1/tracesx", "/v1/tracesx" },
        { "/v1/traces/x", "/v1/traces/x" }, { "/xv1/traces", "/xv1/traces" },
        { "/v1%2Ftraces", "/v1%2Ftraces" });
    CHECK(false, { "/api/otel/v1/traces/v1/logs", "/api/otel/v1/traces/v1/logs" },
        { "/v1/traces/v1/traces", "/v1/traces/v1/traces" }, { "/api/public/otel", "/api/public/otel" },
        { "/api/trace/v1/traces", "/api/trace/v1/traces" });
}

static void absolute_targets_lose_their_origin(void **state)
{
    (void)state;
    CHECK(false, { "http://localhost:8585/v1/traces", "/v1/traces" }, { "HTTPS://host", "/" },
        { "http://host?x=1", "/" }, { "/http://host/x", "/http:/host/x" }, { "ftp://host/x", "ftp:/host/x" });
}

static void the_query_is_kept_raw(void **state)
{
    struct arena *a = arena_new();
    struct path out;
    (void)state;
    assert_int_equal(path_normalise(a, STR("/a?b=%2f?c//d&+"), false, &out, NULL), ST_OK);
    assert_string_equal(arena_cstr(a, out.query), "b=%2f?c//d&+");
    assert_int_equal(path_normalise(a, STR("/a"), false, &out, NULL), ST_OK);
    assert_int_equal(out.query.n, 0);
    arena_free(a);
}

static void n6_parameters_are_decoded_once(void **state)
{
    struct arena *a = arena_new();
    struct str out;
    (void)state;
    assert_true(path_decode(a, STR("folder%2Fgreet+1"), false, &out));
    assert_string_equal(arena_cstr(a, out), "folder/greet+1");
    assert_true(path_decode(a, STR("a+b%2Bc"), true, &out));
    assert_string_equal(arena_cstr(a, out), "a b+c");
    assert_true(path_decode(a, STR("%2541"), false, &out));
    assert_string_equal(arena_cstr(a, out), "%41");
    assert_true(path_decode(a, STR(""), false, &out));
    assert_int_equal(out.n, 0);
    assert_true(path_decode(a, STR("a%00b"), false, &out));
    assert_int_equal(out.n, 3);
    assert_false(path_decode(a, STR("a%2"), false, &out));
    assert_false(path_decode(a, STR("%"), false, &out));
    assert_false(path_decode(a, STR("%g1"), false, &out));
    arena_free(a);
}

static void check_pair(struct arena *a, struct path_pair pair, const char *name, const char *value)
{
    assert_string_equal(arena_cstr(a, pair.name), name);
    assert_string_equal(arena_cstr(a, pair.value), value);
}

static void queries_are_form_encoded(void **state)
{
    struct arena *a = arena_new();
    struct path_pair *pairs;
    size_t n;
    (void)state;
    query_pairs(a, STR("a=1&b=x+y%26z&&c&=v&d=p=q&a=2&e=100%&f=%zz%41&%67=1"), &pairs, &n);
    assert_int_equal(n, 9);
    check_pair(a, pairs[0], "a", "1");
    check_pair(a, pairs[1], "b", "x y&z");
    check_pair(a, pairs[2], "c", "");
    check_pair(a, pairs[3], "", "v");
    check_pair(a, pairs[4], "d", "p=q");
    check_pair(a, pairs[5], "a", "2");
    check_pair(a, pairs[6], "e", "100%");
    check_pair(a, pairs[7], "f", "%zzA");
    check_pair(a, pairs[8], "g", "1");
    query_pairs(a, STR(""), &pairs, &n);
    assert_int_equal(n, 0);
    query_pairs(a, STR_NONE, &pairs, &n);
    assert_int_equal(n, 0);
    query_pairs(a, STR("&"), &pairs, &n);
    assert_int_equal(n, 0);
    arena_free(a);
}

/* The normal form of a normal form is itself. */
static void it_is_idempotent(void **state)
{
    static const char pieces[][12] = { "/", "//", "/api", "/v1", "/traces", "/logs", "/otel", "/public",
        "/collector", "/trace", "%2F", "%41", "%25", ".", "x", "/api/api" };
    (void)state;
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        struct arena *a = arena_new();
        char target[160] = "/";
        for (int k = 0; k < 10; k++) {
            seed = seed * 1664525u + 1013904223u;
            strcat(target, pieces[seed >> 28]);
        }
        bool post = seed & 1u << 20;
        struct path once, twice;
        assert_int_equal(path_normalise(a, str_of(target), post, &once, NULL), ST_OK);
        assert_int_equal(path_normalise(a, once.path, post, &twice, NULL), ST_OK);
        assert_string_equal(arena_cstr(a, once.path), arena_cstr(a, twice.path));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(n1_undoes_needless_escapes),
        cmocka_unit_test(n1_refuses_broken_escapes_and_zero_bytes),
        cmocka_unit_test(n1_tells_where),
        cmocka_unit_test(n1_keeps_dot_segments),
        cmocka_unit_test(n2_and_n3_slashes),
        cmocka_unit_test(n4_drops_a_doubled_api),
        cmocka_unit_test(n5_finds_the_signal),
        cmocka_unit_test(n5_knows_the_bases),
        cmocka_unit_test(n5_leaves_the_rest),
        cmocka_unit_test(absolute_targets_lose_their_origin),
        cmocka_unit_test(the_query_is_kept_raw),
        cmocka_unit_test(n6_parameters_are_decoded_once),
        cmocka_unit_test(queries_are_form_encoded),
        cmocka_unit_test(it_is_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
