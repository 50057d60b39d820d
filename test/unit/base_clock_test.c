/* clock: texts to times and back; dates that exist and dates that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"

static int64_t parse(const char *text)
{
    int64_t ns;
    assert_true(time_parse_iso(str_of(text), &ns));
    return ns;
}

static void test_forms(void **state)
{
    (void)state;
    const int64_t t = 1767323045 * NS_PER_S;
    assert_true(parse("2026-01-02T03:04:05Z") == t);
    assert_true(parse("2026-01-02t03:04:05z") == t);
    assert_true(parse("2026-01-02 03:04:05") == t);
    assert_true(parse("2026-01-02T03:04:05.678Z") == t + 678 * NS_PER_MS);
    assert_true(parse("2026-01-02T03:04:05.1") == t + 100 * NS_PER_MS);
    assert_true(parse("2026-01-02T03:04:05.123456789+00:00") == t + 123456789);
    assert_true(parse("2026-01-02T03:04:05.1234567899999Z") == t + 123456789);
    assert_true(parse("2026-01-02T05:04:05+02:00") == t);
    assert_true(parse("2026-01-01T21:34:05-0530") == t);
    assert_true(parse("2026-01-02T17:04:05+14:00") == t);
    assert_true(parse("2026-01-03T03:03:05+23:59") == t);
    assert_true(parse("2026-01-02") == t - (3 * 3600 + 4 * 60 + 5) * NS_PER_S);
    assert_true(parse("1970-01-01T00:00:00Z") == 0);
    assert_true(parse("1969-12-31T23:59:59.999999999Z") == -1);
    assert_true(parse("2024-02-29") - parse("2024-02-28") == 86400 * NS_PER_S);
    assert_true(parse("2000-03-01") - parse("2000-02-28") == 2 * 86400 * NS_PER_S);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01",
        "2026-1-2",
        "2026-02-29",
        "2026-02-30",
        "1900-02-29",
        "2026-04-31",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "0000-01-01",
        "26-01-02T03:04:05Z",
        "2026-01-02T",
        "2026-01-02T03",
        "2026-01-02T03:04",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:60Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05+2:00",
        "2026-01-02T03:04:05+02",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+02:60",
        "2026-01-02T03:04:05ZZ",
        "2026-01-02T03:04:05 Z",
        " 2026-01-02",
        "2026-01-02 ",
        "2026-01-02Z",
        "2026-01-02X03:04:05",
        "1677-09-21T00:12:43Z",
        "2262-04-11T23:47:17Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "-2026-01-02",
    };
    int64_t ns = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(time_parse_iso(str_of(bad[i]), &ns));
    assert_false(time_parse_iso(STR_NONE, &ns));
    assert_false(time_parse_iso(STR("2026-01-02\0"), &ns));
    assert_true(ns == 7);
}

static void test_edges_of_the_range(void **state)
{
    (void)state;
    char text[32];
    assert_true(parse("2262-04-11T23:47:16.854775807Z") == INT64_MAX);
    assert_true(parse("1677-09-21T00:12:43.145224193Z") == INT64_MIN + 1);
    int64_t ns;
    assert_false(time_parse_iso(STR("1677-09-21T00:12:43.145224192Z"), &ns)); /* TIME_NONE is no time */
    assert_false(time_parse_iso(STR("2262-04-11T23:47:16.854775808Z"), &ns));
    assert_true(str_is(time_format_iso_ms(INT64_MAX, text), "2262-04-11T23:47:16.854Z"));
    assert_true(str_is(time_format_iso_ms(INT64_MIN + 1, text), "1677-09-21T00:12:43.145Z"));
}

static void test_format(void **state)
{
    (void)state;
    char ms[32], us[40];
    assert_true(str_is(time_format_iso_ms(0, ms), "1970-01-01T00:00:00.000Z"));
    assert_true(str_is(time_format_iso_ms(-1, ms), "1969-12-31T23:59:59.999Z"));
    assert_true(str_is(time_format_iso_us(INT64_C(1767323045678901234), us), "2026-01-02T03:04:05.678901Z"));
    assert_string_equal(us, "2026-01-02T03:04:05.678901Z");
    assert_true(time_ms(-1) == -1);
    assert_true(time_ms(-NS_PER_MS) == -1);
    assert_true(time_ms(NS_PER_MS - 1) == 0);
    assert_true(time_ms(INT64_MIN) == INT64_C(-9223372036855));
}

static void test_round_trip(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        char us[40], ms[32];
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        int64_t t = (int64_t)x / 1000 * 1000;
        assert_true(parse(time_format_iso_us(t, us).p) == t);
        t = t / NS_PER_MS * NS_PER_MS;
        assert_true(parse(time_format_iso_ms(t, ms).p) == t);
    }
    /* Every day of four centuries and more: each is one after the day before. */
    int64_t day = parse("1700-01-01");
    for (int i = 0; i < 200000; i++, day += 86400 * NS_PER_S) {
        char ms[32];
        assert_true(parse(time_format_iso_ms(day, ms).p) == day);
    }
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t a = clock_mono_ns();
    assert_true(clock_mono_ns() >= a);
    assert_true(clock_now_ns() > parse("2024-01-01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_edges_of_the_range),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
