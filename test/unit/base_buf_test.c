/* buf: growing, the hard maximum, moving out; varints that come back, torn or too long ones that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static void test_append(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    assert_non_null(buf_str(&b).p);
    assert_int_equal(buf_str(&b).n, 0);
    buf_add_cstr(&b, "abc");
    buf_add_char(&b, 'd');
    buf_add_str(&b, STR("ef"));
    buf_add_str(&b, STR_NONE);
    buf_printf(&b, "-%d-", 42);
    assert_true(str_is(buf_str(&b), "abcdef-42-"));
    buf_clear(&b);
    buf_printf(&b, "%300d", 7);
    assert_int_equal(b.n, 300);
    for (int i = 0; i < 100000; i++)
        buf_add_char(&b, (char)i);
    assert_int_equal(b.n, 100300);
    assert_int_equal((unsigned char)b.p[300 + 99999], 99999 % 256);
    buf_fini(&b);
    buf_fini(&b);
}

static void test_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_add_cstr(&b, "12345678");
    assert_non_null(buf_reserve(&b, 2));
    buf_add_cstr(&b, "9A");
    assert_false(b.over);
    buf_add_cstr(&b, "");
    assert_false(b.over);
    buf_add_char(&b, 'B');
    assert_true(b.over);
    buf_clear(&b);
    buf_add_cstr(&b, "12345678901");
    assert_true(b.over);
    buf_add_char(&b, 'x'); /* it would fit, but what came before it is missing */
    assert_int_equal(b.n, 0);
    assert_null(buf_reserve(&b, 0));
    assert_true(b.cap <= 10);
    buf_clear(&b);
    buf_printf(&b, "%s", "0123456789"); /* exactly full: no room is needed for a zero byte */
    assert_false(b.over);
    assert_true(str_is(buf_str(&b), "0123456789"));
    buf_fini(&b);
}

static void test_take(void **state)
{
    (void)state;
    struct buf b;
    size_t n = 9;
    buf_init(&b, 100);
    char *p = buf_take(&b, &n);
    assert_non_null(p);
    assert_int_equal(n, 0);
    mem_free(p);
    buf_add_cstr(&b, "moved");
    p = buf_take(&b, &n);
    assert_int_equal(n, 5);
    assert_memory_equal(p, "moved", 5);
    mem_free(p);
    assert_int_equal(b.n, 0);
    assert_int_equal(b.max, 100);
    buf_add_cstr(&b, "again");
    buf_fini(&b);
}

static const uint64_t edges[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, (uint64_t)INT64_MAX,
    (uint64_t)INT64_MAX + 1, UINT64_MAX };

static void test_varints(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        buf_add_varint(&b, edges[i]);
        buf_add_zigzag(&b, (int64_t)edges[i]);
        buf_add_zigzag(&b, -(int64_t)(edges[i] >> 1));
    }
    struct str s = buf_str(&b);
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        uint64_t u;
        int64_t v;
        assert_true(varint_read(&s, &u) && u == edges[i]);
        assert_true(zigzag_read(&s, &v) && v == (int64_t)edges[i]);
        assert_true(zigzag_read(&s, &v) && v == -(int64_t)(edges[i] >> 1));
    }
    assert_int_equal(s.n, 0);
    buf_clear(&b);
    buf_add_zigzag(&b, -1);
    buf_add_zigzag(&b, 63);
    assert_int_equal(b.n, 2);
    buf_fini(&b);
}

static void test_torn_varints(void **state)
{
    (void)state;
    uint64_t v;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        struct buf b;
        buf_init(&b, 0);
        buf_add_varint(&b, edges[i]);
        for (size_t n = 0; n < b.n; n++) {
            struct str s = { b.p, n };
            assert_false(varint_read(&s, &v));
            assert_int_equal(s.n, n);
        }
        buf_fini(&b);
    }
    struct str too_big = STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02");
    assert_false(varint_read(&too_big, &v));
    struct str too_long = STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00");
    assert_false(varint_read(&too_long, &v));
    struct str most = STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
    assert_true(varint_read(&most, &v) && v == UINT64_MAX);
    struct str none = STR_NONE;
    assert_false(varint_read(&none, &v));
}

static void test_bytes(void **state)
{
    (void)state;
    struct str s = STR("abcde"), part;
    assert_true(bytes_read(&s, 2, &part) && str_is(part, "ab"));
    assert_false(bytes_read(&s, 4, &part));
    assert_true(bytes_read(&s, 0, &part) && part.n == 0);
    assert_true(bytes_read(&s, 3, &part) && str_is(part, "cde"));
    assert_false(bytes_read(&s, 1, &part));
    assert_false(bytes_read(&s, SIZE_MAX, &part));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_varints),
        cmocka_unit_test(test_torn_varints),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
