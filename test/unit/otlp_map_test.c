/*
 * What becomes of a span: the contract's vectors (otlp.md 3), and a case for every row of 2.3 to 2.10 that no vector has
 * (otlp_map_cases.json: the same form, but ids and times may be left out, and attributes are plain objects).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "support/otlp_map_kit.h"

static struct json load(struct arena *a, const char *path)
{
    struct buf b;
    struct json v;
    struct err err;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    buf_init(&b, 0);
    for (size_t n; (n = fread(buf_reserve(&b, 65536), 1, 65536, f)) > 0;)
        b.n += n;
    fclose(f);
    if (json_parse(a, buf_str(&b), 0, &v, &err) != ST_OK)
        fail_msg("%s:%zu:%zu: %s", path, err.line, err.column, err.text);
    buf_fini(&b);
    return v;
}

static bool check(struct json c, struct json span)
{
    struct map_kit k;
    map_kit_init(&k, span, json_key(c, "resource"), json_key(c, "scope"));
    const char *name = arena_cstr(k.arena, json_str(json_key(c, "name")));
    assert_int_equal(k.st, ST_OK);
    assert_int_equal(k.tally.rejected, 0);
    bool ok = map_kit_holds(&k, name, json_key(c, "expect"), map_kit_show(&k));
    map_kit_fini(&k);
    return ok;
}

static void test_vectors(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json c, list = load(a, TW_SOURCE_DIR "/test/vectors/otlp-vectors.json");
    size_t n = 0, failed = 0;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &c); n++)
        failed += !check(c, json_key(c, "span"));
    assert_int_equal(n, 38);
    assert_int_equal(failed, 0);
    arena_free(a);
}

/* Ids and times of the vectors, where the case has none. */
static struct json whole_span(struct arena *a, struct json span)
{
    static const char *const defaults[][2] = { { "traceId", "\"5b8efff798038103d269b633813fc60c\"" },
        { "spanId", "\"eee19b7ec3c1b174\"" }, { "name", "\"op\"" },
        { "startTimeUnixNano", "\"1755860400000000000\"" },
        { "endTimeUnixNano", "\"1755860402500000000\"" } };
    struct buf b;
    struct json value, whole;
    struct str key;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (json_type(json_key(span, defaults[i][0])) == JSON_ABSENT)
            jw_kv_raw(&w, defaults[i][0], str_of(defaults[i][1]));
    for (struct json_iter it = json_iter(span); json_next(&it, &key, &value);) {
        jw_key_str(&w, key);
        jw_value(&w, value);
    }
    jw_obj_end(&w);
    assert_int_equal(json_parse(a, buf_str(&b), 0, &whole, NULL), ST_OK);
    buf_fini(&b);
    return whole;
}

static void test_cases(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json c, list = load(a, TW_SOURCE_DIR "/test/unit/otlp_map_cases.json");
    size_t n = 0, failed = 0;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &c); n++)
        failed += !check(c, whole_span(a, json_key(c, "span")));
    assert_true(n > 100);
    assert_int_equal(failed, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_cases),
    };
    return cmocka_run_group_tests_name("otlp_map", tests, NULL, NULL);
}
