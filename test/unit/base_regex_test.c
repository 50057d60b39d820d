/* base/regex: what is found, and that bad patterns and endless searches are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/regex.h"

static void counts(void **state)
{
    static const struct {
        const char *pattern;
        unsigned flags;
        const char *text;
        int64_t n;
    } cases[] = {
        { "a.c", 0, "abc a.c adc", 3 },
        { "a.c", REGEX_LITERAL, "abc a.c adc", 1 },
        { "ÄB", REGEX_LITERAL | REGEX_CASELESS, "äb ÄB", 2 },
        { "^x", 0, "x\nx", 1 },
        { "^x", REGEX_MULTILINE, "x\nx", 2 },
        { "", REGEX_LITERAL, "aé", 3 },
        { "z", 0, "", 0 },
        { "\\d{3}", 0, "call 555 or 666", 2 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { 0 };
        int64_t n = -1;
        assert_int_equal(
            regex_count(str_of(cases[i].pattern), cases[i].flags, str_of(cases[i].text), &n, &err), ST_OK);
        assert_int_equal(n, cases[i].n);
    }
}

static void faults(void **state)
{
    char long_text[64], long_pattern[REGEX_PATTERN_MAX + 1];
    struct err err = { 0 };
    int64_t n;
    (void)state;
    assert_int_equal(regex_count(STR("a("), 0, STR("x"), &n, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "not a regular expression"));
    memset(long_text, 'a', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = 'b';
    assert_int_equal(
        regex_count(STR("(a+)+$"), 0, (struct str){ long_text, sizeof(long_text) }, &n, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "given up"));
    assert_int_equal(regex_count(STR("a"), 0, STR("\xff"), &n, &err), ST_INVALID);
    memset(long_pattern, 'a', sizeof(long_pattern));
    assert_int_equal(
        regex_count((struct str){ long_pattern, sizeof(long_pattern) }, 0, STR("x"), &n, &err), ST_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(counts), cmocka_unit_test(faults) };
    return cmocka_run_group_tests_name("base/regex", tests, NULL, NULL);
}
