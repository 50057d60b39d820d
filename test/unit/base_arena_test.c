/* arena: zeroed, aligned, apart from each other, and whole blocks given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/arena_priv.h"

static void test_pieces(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 2047, 2049, 4096, 70000, 600000, 2000000 };
    for (int round = 0; round < 3; round++) {
        unsigned char *pieces[sizeof sizes / sizeof *sizes];
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            pieces[i] = arena_alloc(a, sizes[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(pieces[i][k], 0);
            memset(pieces[i], (int)i + 1, sizes[i]);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(pieces[i][k], i + 1);
        assert_true(arena_bytes(a) > 2670000);
        arena_reset(a);
        assert_true(arena_bytes(a) < 2100000);
    }
    arena_free(a);
    arena_free(NULL);
}

static void test_small_requests_stay_small(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_int_equal(arena_bytes(a), 0);
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_array(a, 3, 8));
    assert_true(arena_bytes(a) >= 24000 && arena_bytes(a) < 80000);
    arena_free(a);
}

static void test_grow(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    size_t cap = 0, other_cap = 0;
    uint64_t *items = NULL, *other = NULL;
    for (size_t i = 0; i < 50000; i++) {
        items = arena_grow(a, items, &cap, i + 1, sizeof *items);
        assert_true(cap >= i + 1);
        assert_int_equal(items[i], 0);
        items[i] = i;
        if (i % 7 == 0) { /* sometimes the newest piece is another one */
            other = arena_grow(a, other, &other_cap, i / 7 + 1, sizeof *other);
            other[i / 7] = ~i;
        }
    }
    for (size_t i = 0; i < 50000; i++) {
        assert_int_equal(items[i], i);
        assert_true(other[i / 7] == ~(i / 7 * 7));
    }
    assert_ptr_equal(arena_grow(a, items, &cap, 10, sizeof *items), items);
    arena_free(a);
}

static void test_texts(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_null(arena_dup(a, STR_NONE).p);
    assert_non_null(arena_dup(a, STR("")).p);
    struct str s = arena_dup(a, STR("a\0b"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    assert_string_equal(arena_cstr(a, str_sub(STR("hello"), 1, 3)), "ell");
    assert_string_equal(arena_cstr(a, STR_NONE), "");
    assert_string_equal(arena_printf(a, "%s-%d", "x", 5).p, "x-5");
    for (int width = 250; width < 260; width++) {
        s = arena_printf(a, "%*d", width, 7);
        assert_int_equal(s.n, width);
        assert_int_equal(s.p[width - 1], '7');
        assert_int_equal(s.p[width], 0);
    }
    arena_free(a);
}

static void test_give_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int i = 0; i < 10000; i++) {
        char *p = arena__take(a, 1000);
        memset(p, 1, 1000);
        arena__give_back(a, p, 1000, 10);
    }
#ifndef TW_ARENA_MALLOC
    assert_true(arena_bytes(a) < 500000);
#endif
    char *p = arena__take(a, 100), *q = arena_alloc(a, 8);
    arena__give_back(a, p, 100, 0); /* not the newest: stays */
    assert_ptr_not_equal(arena_alloc(a, 8), p);
    assert_non_null(q);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_small_requests_stay_small),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_give_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
