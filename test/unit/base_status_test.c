/* status: the table, and errors that never overflow, never cut a character and never lose their path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/status.h"
#include "base/str.h"

static void test_table(void **state)
{
    (void)state;
    assert_int_equal(ST_OK, 0);
    assert_string_equal(status_name(ST_TOO_LARGE), "TOO_LARGE");
    assert_int_equal(status_http(ST_TOO_LARGE), 413);
    assert_true(status_retryable(ST_BUSY));
    assert_false(status_retryable(ST_INVALID));
    for (int st = 0; st < ST_COUNT; st++) {
        assert_true(status_http((enum status)st) >= 200 && status_http((enum status)st) < 600);
        assert_true(status_text((enum status)st)[0]);
    }
}

static void test_set_and_at(void **state)
{
    (void)state;
    struct err err = { .path = "old", .offset = 3, .line = 1, .column = 4 };
    assert_int_equal(err_set(&err, ST_INVALID, "%s must be %d", "x", 7), ST_INVALID);
    assert_string_equal(err.text, "x must be 7");
    assert_string_equal(err.path, "");
    assert_int_equal(err.offset + err.line + err.column, 0);
    assert_int_equal(err_at(&err, ST_CONFLICT, "spans[3].name", "taken"), ST_CONFLICT);
    assert_int_equal(err.code, ST_CONFLICT);
    assert_string_equal(err.path, "spans[3].name");
    assert_int_equal(err_set(NULL, ST_IO, "nobody listens"), ST_IO);
    assert_int_equal(err_at(NULL, ST_IO, "a", "nobody listens"), ST_IO);
}

/* An error that is reported again with more context may quote itself. */
static void test_own_text_as_argument(void **state)
{
    (void)state;
    struct err err;
    (void)err_at(&err, ST_INVALID, "a.b", "inner");
    (void)err_at(&err, ST_INVALID, err.path, "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
    assert_string_equal(err.path, "a.b");
}

static void test_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    struct err err;
    char text[600];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xF0\x9F\x98\x80", 5);
        (void)err_set(&err, ST_INVALID, "%s", text);
        assert_true(strlen(err.text) > sizeof err.text - 5 && strlen(err.text) < sizeof err.text);
        assert_true(str_is_utf8(str_of(err.text)));
    }
}

static void test_under(void **state)
{
    (void)state;
    struct err err;
    (void)err_at(&err, ST_INVALID, "name", "x");
    err_under(&err, "spans[3]");
    assert_string_equal(err.path, "spans[3].name");
    (void)err_at(&err, ST_INVALID, "[2].id", "x");
    err_under(&err, "batch");
    assert_string_equal(err.path, "batch[2].id");
    (void)err_set(&err, ST_INVALID, "x");
    err_under(&err, "body");
    assert_string_equal(err.path, "body");
    err_under(&err, "");
    err_under(NULL, "body");
    assert_string_equal(err.path, "body");
    for (int i = 0; i < 100; i++)
        err_under(&err, "\xC3\xA9t\xC3\xA9");
    assert_true(strlen(err.path) < sizeof err.path);
    assert_true(str_is_utf8(str_of(err.path)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_set_and_at),
        cmocka_unit_test(test_own_text_as_argument),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
        cmocka_unit_test(test_under),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
