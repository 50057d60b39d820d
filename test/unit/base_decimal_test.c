/* decimal: exact values, one rounding, one canonical spelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"

static struct decimal parse(const char *text)
{
    struct decimal d;
    assert_true(decimal_parse(str_of(text), &d));
    return d;
}

static void test_canonical_text(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "0", "0" }, { "-0", "0" }, { "0.000e17", "0" }, { "1", "1" }, { "1.0", "1" }, { "-1.50", "-1.5" },
        { "1e3", "1000" }, { "100e-2", "1" }, { "0.00012300", "0.000123" }, { "1e-6", "0.000001" },
        { "1e-7", "1e-7" }, { "123e-9", "1.23e-7" }, { "1e20", "100000000000000000000" }, { "1e21", "1e+21" },
        { "123456789012345678901", "123456789012345678901" },
        { "1234567890123456789012", "1.234567890123456789012e+21" }, { "10.01", "10.01" }, { "00.5", "0.5" },
        { "1E+2", "100" },
        { "1e999999999999999999999", "1e+9999999999999" }, /* where the counting of powers stops */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128];
        struct decimal d = parse(rows[i][0]);
        *decimal_format(&d, text) = 0;
        assert_string_equal(text, rows[i][1]);
        struct decimal again = parse(text);
        assert_true(decimal_equal(&d, &again));
    }
}

static void test_equal(void **state)
{
    (void)state;
    struct decimal a = parse("12.50"), b = parse("1250e-2"), c = parse("125"), zero = parse("-0.0"),
                   zero2 = parse("0e5");
    struct decimal e = parse("1.25"), f = parse("12.6"), g = parse("-12.5");
    assert_true(decimal_equal(&a, &b));
    assert_true(decimal_equal(&zero, &zero2));
    assert_false(decimal_equal(&a, &c));
    assert_false(decimal_equal(&a, &e));
    assert_false(decimal_equal(&a, &f));
    assert_false(decimal_equal(&a, &g));
}

static void test_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } rows[] = {
        { "1.0", true, 1 },
        { "1e3", true, 1000 },
        { "-0", true, 0 },
        { "10e-1", true, 1 },
        { "0.5e1", true, 5 },
        { "0.5", false, 0 },
        { "9223372036854775807.000", true, INT64_MAX },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775808", true, INT64_MIN },
        { "-9223372036854775809", false, 0 },
        { "9.3e18", false, 0 },
        { "92233720368547758070e-1", true, INT64_MAX },
        { "1e19", false, 0 },
        { "1e999999999999", false, 0 },
        { "0e999999999999", true, 0 },
        { "1e-999999999999", false, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct decimal d = parse(rows[i].text);
        int64_t v = 0;
        assert_int_equal(decimal_i64(&d, &v), rows[i].fits);
        assert_true(v == rows[i].value);
    }
}

/* strtod is right (and slow on long texts); so must we be, on random doubles in several spellings. */
static void test_random_doubles(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        double v;
        char text[400];
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(&v, &x, sizeof v);
        if (!isfinite(v))
            continue;
        switch (i % 5) {
        case 0: snprintf(text, sizeof text, "%.17g", v); break;
        case 1: snprintf(text, sizeof text, "%.20f", fmod(v, 1e15)); break;
        case 2: snprintf(text, sizeof text, "%.25e", v); break;
        case 3: snprintf(text, sizeof text, "%.3g", v); break;
        default: snprintf(text, sizeof text, "%.9e", v); break;
        }
        struct decimal d = parse(text);
        assert_true(decimal_f64(&d) == strtod(text, NULL));
    }
}

static void test_extremes(void **state)
{
    (void)state;
    struct decimal d = parse("1e309");
    assert_true(isinf(decimal_f64(&d)) && decimal_f64(&d) > 0);
    d = parse("-1e309");
    assert_true(isinf(decimal_f64(&d)) && decimal_f64(&d) < 0);
    d = parse("1.7976931348623158e308");
    assert_true(decimal_f64(&d) == 1.7976931348623157e308);
    d = parse("4.9406564584124654e-324");
    assert_true(decimal_f64(&d) == 4.9406564584124654e-324);
    d = parse("2.4703282292062327e-324");
    assert_true(decimal_f64(&d) == 0);
}

/* Half way between 1 and the next double, plus a digit 3,000 places later, must round up; without it, to even. */
static void test_long_texts(void **state)
{
    (void)state;
    static char text[200000];
    const char *half = "1.00000000000000011102230246251565404236316680908203125";
    struct decimal d = parse(half);
    assert_true(decimal_f64(&d) == 1.0);
    memset(text, '0', 3100);
    memcpy(text, half, strlen(half));
    text[3000] = '1';
    text[3100] = 0;
    d = parse(text);
    assert_true(decimal_f64(&d) == 1.0000000000000002);
    memset(text, '9', sizeof text - 1);
    d = parse(text);
    assert_true(isinf(decimal_f64(&d)));
    text[0] = '.';
    d = parse(text);
    assert_true(decimal_f64(&d) == 1.0);
    memset(text, '0', sizeof text);
    text[1] = '.';
    strcpy(text + 100001, "25e100000"); /* 25 stands in the decimal places 100,000 and 100,001 */
    d = parse(text);
    assert_int_equal(d.count, 2);
    assert_true(decimal_f64(&d) == 2.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_random_doubles),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
