/* Substrings without regard to case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "query/query.h"

static bool contains(const char *s, const char *needle)
{
    return query_contains(str_of(s), str_of(needle));
}

static void test_ascii(void **state)
{
    (void)state;
    assert_true(contains("Hello World", "lo wO"));
    assert_true(contains("x", ""));
    assert_false(contains("", "x"));
    assert_false(contains("Hello", "Hello!"));
    assert_true(contains("a.b", "."));
    assert_false(contains("ab", "."));
}

static void test_other_scripts(void **state)
{
    (void)state;
    assert_true(contains("Zwei Äpfel", "äpfel"));
    assert_true(contains("ПРИВЕТ мир", "привет МИР"));
    assert_true(contains("今日の天気", "天気"));
    assert_false(contains("今日の天気", "雨"));
    assert_true(contains("Ελλάδα", "ΕΛΛ"));
}

static void test_the_pattern_of_a_thread_is_the_needle_at_hand(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(contains("äöü", "ÄÖ"));
        assert_false(contains("äöü", "ß"));
        assert_false(contains("a\xff", "\xc3\xa4")); /* text that is no UTF-8 matches nothing */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_other_scripts),
        cmocka_unit_test(test_the_pattern_of_a_thread_is_the_needle_at_hand),
    };
    return cmocka_run_group_tests_name("query_contains", tests, NULL, NULL);
}
