/* str: views, absent ones above all; numbers; UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/str.h"

static void test_equality(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a"), STR("a")));
    assert_false(str_eq(STR("a"), STR("b")));
    assert_false(str_eq(STR("a"), STR("ab")));
    assert_true(str_eq(STR_NONE, STR_NONE));
    assert_true(str_eq(STR_NONE, STR("")));
    assert_false(str_eq(STR_NONE, STR("a")));
    assert_true(str_is(STR("abc"), "abc"));
    assert_true(str_is(STR_NONE, NULL));
    assert_null(str_of(NULL).p);
    assert_non_null(str_of("").p);
    assert_true(str_eq_nocase(STR("Content-TYPE[@]"), STR("content-type[@]")));
    assert_false(str_eq_nocase(STR("@"), STR("`")));
    assert_false(str_eq_nocase(STR("["), STR("{")));
}

static void test_order(void **state)
{
    (void)state;
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("a"), STR("aa")) < 0);
    assert_true(str_cmp(STR("b"), STR("aa")) > 0);
    assert_true(str_cmp(STR("\xFF"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_true(str_cmp(STR_NONE, STR("a")) < 0);
}

static void test_parts(void **state)
{
    (void)state;
    struct str s = STR("/api/public");
    assert_true(str_starts(s, STR("/api")));
    assert_true(str_starts(s, STR_NONE));
    assert_false(str_starts(STR_NONE, s));
    assert_true(str_ends(s, STR("lic")));
    assert_true(str_ends(STR_NONE, STR_NONE));
    assert_false(str_ends(STR("c"), STR("lic")));
    assert_int_equal(str_find(s, STR("pub")), 5);
    assert_int_equal(str_find(s, STR("x")), SIZE_MAX);
    assert_int_equal(str_find(s, STR("")), 0);
    assert_int_equal(str_find(STR_NONE, STR("a")), SIZE_MAX);
    assert_int_equal(str_find_char(s, 'p'), 2);
    assert_int_equal(str_find_char(STR_NONE, 'p'), SIZE_MAX);
    assert_true(str_is(str_sub(s, 5, 3), "pub"));
    assert_true(str_is(str_sub(s, 5, SIZE_MAX), "public"));
    assert_int_equal(str_sub(s, 100, 1).n, 0);
    assert_non_null(str_sub(s, 100, 1).p);
    assert_null(str_sub(STR_NONE, 1, 1).p);
    assert_true(str_is(str_trim(STR(" \t a b\r\n ")), "a b"));
    assert_int_equal(str_trim(STR("  ")).n, 0);
    assert_null(str_trim(STR_NONE).p);
}

static void test_cut(void **state)
{
    (void)state;
    struct str rest = STR("a,,b,"), part;
    const char *want[] = { "a", "", "b", "" };
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_cut(&rest, ',', &part));
        assert_non_null(part.p);
        assert_true(str_is(part, want[i]));
    }
    assert_null(rest.p);
    assert_false(str_cut(&rest, ',', &part));
    rest = STR("");
    assert_true(str_cut(&rest, ',', &part));
    assert_int_equal(part.n, 0);
    assert_false(str_cut(&rest, ',', &part));
}

static void test_whole_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "-", "+", " 1", "1 ", "1.0", "1e3", "0x10", "9223372036854775808",
        "--1", "1-", "1_0", "-9223372036854775809", "99999999999999999999999999" };
    int64_t v = 5;
    assert_true(str_to_i64(STR("-0"), &v) && v == 0);
    assert_true(str_to_i64(STR("+17"), &v) && v == 17);
    assert_true(str_to_i64(STR("000000000000000000000000000017"), &v) && v == 17);
    assert_true(str_to_i64(STR("9223372036854775807"), &v) && v == INT64_MAX);
    assert_true(str_to_i64(STR("-9223372036854775808"), &v) && v == INT64_MIN);
    assert_true(str_to_i64(STR("-9000000000000000000"), &v) && v == INT64_C(-9000000000000000000));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_to_i64(str_of(bad[i]), &v));
    assert_false(str_to_i64(STR_NONE, &v));
}

static void test_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "-", ".", "e5", "1e", "1e+", "inf", "nan", "0x1p3", "1 ", "1,5",
        "1e400", "1..2" };
    double v = 5;
    assert_true(str_to_f64(STR("0.1"), &v) && v == 0.1);
    assert_true(str_to_f64(STR("-2.5E-3"), &v) && v == -0.0025);
    assert_true(str_to_f64(STR(".5"), &v) && v == 0.5);
    assert_true(str_to_f64(STR("5."), &v) && v == 5);
    assert_true(str_to_f64(STR("1e-400"), &v) && v == 0);
    assert_true(str_to_f64(STR("1.7976931348623157e308"), &v) && v == 1.7976931348623157e308);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_to_f64(str_of(bad[i]), &v));
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = { "", "abcdefghijk", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
        "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "abcdefg\xC3\xA9h" };
    static const char *const bad[] = { "\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "abcdefgh\xC3",
        "\xC3(" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(str_is_utf8(str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_is_utf8(str_of(bad[i])));
    assert_true(str_is_utf8(STR_NONE));
    assert_true(str_is_utf8(STR("a\0b")));
}

static void test_clip(void **state)
{
    (void)state;
    struct str s = STR("a\xF0\x9F\x98\x80z");
    size_t want[] = { 0, 1, 1, 1, 1, 5, 6, 6 };
    for (size_t max = 0; max < 8; max++)
        assert_int_equal(str_utf8_clip(s, max), want[max]);
    assert_int_equal(str_utf8_clip(STR("\x80\x80\x80\x80\x80\x80"), 5), 5);
    assert_int_equal(str_utf8_clip(STR_NONE, 5), 0);
}

static void test_ids(void **state)
{
    (void)state;
    static char long_id[801];
    memset(long_id, 'x', sizeof long_id);
    assert_true(str_is_id((struct str){ long_id, 800 }));
    assert_false(str_is_id((struct str){ long_id, 801 }));
    assert_false(str_is_id(STR("")));
    assert_false(str_is_id(STR_NONE));
    assert_true(str_is_id(STR("trace 1/\xC3\xA9 \xC2\xA0")));
    assert_false(str_is_id(STR("a\nb")));
    assert_false(str_is_id(STR("a\0b")));
    assert_false(str_is_id(STR("a\x7F")));
    assert_false(str_is_id(STR("a\xC2\x85")));
    assert_false(str_is_id(STR("a\xC2")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
