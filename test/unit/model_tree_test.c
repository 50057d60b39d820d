/*
 * The tree of a trace and the exchanges of a thread: what any order of the same rows must give (merge.md 12.2, properties 21 and 22).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/derive.h"
#include "support/model_kit.h"

static struct row observation(const char *id, const char *parent, int64_t start)
{
    struct row r = { .entity = OBSERVATION, .id = str_of(id), .scope = STR("t") };
    r.cols[OBSERVATION_parent_id] = value_text(str_of(parent));
    if (start != TIME_NONE)
        r.cols[OBSERVATION_start_ns] = value_int(start);
    return r;
}

/* Order and depths as "a0 b1 c2". */
static const char *tree_of(struct arena *a, const struct row *rows, size_t n, bool outside_in)
{
    uint32_t *order = arena_array(a, n + 1, sizeof *order);
    uint16_t *depth = arena_array(a, n + 1, sizeof *depth);
    struct buf b;
    buf_init(&b, 0);
    derive_tree(a, rows, n, outside_in, order, depth);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%.*s%d", i ? " " : "", STR_ARG(rows[order[i]].id), depth[i]);
    const char *out = arena_cstr(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void test_orders(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct row rows[] = { observation("c", "b", 3), observation("a", NULL, 1), observation("d", "a", 4),
        observation("b", "a", 2), observation("e", "d", 5), observation("o", "never", 0),
        observation("z", NULL, TIME_NONE) };
    assert_string_equal(tree_of(a, rows, 7, false), "o0 a0 b1 c2 d1 e2 z0");
    assert_string_equal(tree_of(a, rows, 7, true), "o0 a0 z0 b1 d1 c2 e2");
    assert_string_equal(tree_of(a, rows, 0, true), "");
    arena_free(a);
}

/* All siblings of a level, then each sibling's subtree as a whole. */
static void test_outside_in_keeps_subtrees_together(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct row rows[] = { observation("r", NULL, 0), observation("a", "r", 1), observation("b", "r", 2),
        observation("a1", "a", 3), observation("a2", "a1", 4), observation("b1", "b", 3) };
    assert_string_equal(tree_of(a, rows, 6, true), "r0 a1 b1 a12 a23 b12");
    arena_free(a);
}

static void test_aliases_are_parents_too(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct row rows[] = { observation("run", "m2", 5), observation("m1", NULL, 1) };
    struct str aliases[] = { STR("m1"), STR("m2") };
    rows[1].aliases = aliases;
    rows[1].n_aliases = 2;
    assert_string_equal(tree_of(a, rows, 2, false), "m10 run1");
    arena_free(a);
}

static void shuffle_rows(struct kit *k, struct row *rows, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = kit_below(k, (unsigned)i);
        struct row swap = rows[i - 1];
        rows[i - 1] = rows[j];
        rows[j] = swap;
    }
}

static void test_21_cycles_have_one_root_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct kit k;
        struct row rows[12];
        kit_init(&k, seed);
        size_t n = 1 + kit_below(&k, 12);
        for (size_t i = 0; i < n; i++) {
            const char *parent = arena_cstr(k.a, arena_printf(k.a, "n%u", kit_below(&k, (unsigned)n)));
            const char *id = arena_cstr(k.a, arena_printf(k.a, "n%zu", i));
            rows[i] = observation(id, kit_below(&k, 8) ? parent : NULL, kit_below(&k, 3));
        }
        const char *first = tree_of(k.a, rows, n, false);
        shuffle_rows(&k, rows, n);
        const char *other = tree_of(k.a, rows, n, false);
        if (strcmp(first, other) != 0)
            print_error("seed %llu\n", (unsigned long long)seed);
        assert_string_equal(first, other);
        kit_fini(&k);
    }
}

static void test_one_cycle_of_any_length(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (size_t n = 2; n < 40; n++) {
        struct row rows[40];
        size_t roots = 0;
        uint32_t order[40];
        uint16_t depth[40];
        for (size_t i = 0; i < n; i++)
            rows[i] = observation(arena_cstr(a, arena_printf(a, "n%02zu", i)),
                arena_cstr(a, arena_printf(a, "n%02zu", (i + 1) % n)), i == n / 2 ? 1 : 2);
        derive_tree(a, rows, n, false, order, depth);
        for (size_t i = 0; i < n; i++)
            roots += depth[i] == 0;
        assert_int_equal(roots, 1);
        assert_int_equal(order[0], n / 2); /* the smallest start */
    }
    arena_free(a);
}

static void test_a_long_chain_needs_no_stack(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const size_t n = 200000;
    struct row *rows = arena_array(a, n, sizeof *rows);
    uint32_t *order = arena_array(a, n, sizeof *order);
    uint16_t *depth = arena_array(a, n, sizeof *depth);
    for (size_t i = 0; i < n; i++)
        rows[i] = observation(arena_cstr(a, arena_printf(a, "%zu", i)),
            i ? arena_cstr(a, arena_printf(a, "%zu", i - 1)) : NULL, (int64_t)i);
    derive_tree(a, rows, n, true, order, depth);
    assert_int_equal(order[n - 1], n - 1);
    assert_int_equal(depth[n - 1], UINT16_MAX);
    arena_free(a);
}

/* ---- exchanges ------------------------------------------------------------------------------------------------------ */

static struct row message(const char *id, const char *role, int64_t t, bool retry)
{
    struct row r = { .entity = MESSAGE, .id = str_of(id), .scope = STR("thread") };
    r.cols[MESSAGE_role] = value_text(str_of(role));
    r.cols[MESSAGE_time_ns] = value_int(t);
    r.cols[MESSAGE_body] = value_json(STR("{}"));
    if (retry)
        r.cols[MESSAGE_retry] = value_int(1);
    return r;
}

/* "id(messages)in/out~sibling ..." */
static const char *exchanges_of(struct arena *a, const struct row *rows, size_t n)
{
    struct exchange *x;
    size_t count;
    struct buf b;
    buf_init(&b, 0);
    derive_exchanges(a, rows, n, &x, &count);
    for (size_t i = 0; i < count; i++) {
        struct json in = JSON_NONE, out = JSON_NONE;
        if (x[i].input.p)
            assert_int_equal(json_parse(a, x[i].input, 0, &in, NULL), ST_OK);
        if (x[i].output.p)
            assert_int_equal(json_parse(a, x[i].output, 0, &out, NULL), ST_OK);
        buf_printf(&b, "%s%.*s(", i ? " " : "", STR_ARG(x[i].id));
        for (size_t m = 0; m < x[i].n_messages; m++)
            buf_printf(&b, "%s%.*s", m ? "," : "", STR_ARG(x[i].messages[m]->id));
        buf_printf(&b, ")%zu/%zu", json_size(in), json_size(out));
        if (x[i].sibling.p)
            buf_printf(&b, "~%.*s", STR_ARG(x[i].sibling));
        if (x[i].custom_event)
            buf_add_char(&b, '!');
    }
    const char *out = arena_cstr(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void test_exchanges(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct row talk[] = { message("1", "user", 1, false), message("2", "user", 2, false),
        message("3", "assistant", 3, false), message("4", "tool", 4, false), message("5", "user", 5, false),
        message("6", "assistant", 6, false) };
    assert_string_equal(exchanges_of(a, talk, 6), "1(1,2,3,4)2/2 5(5,6)1/1");
    const struct row greeting[] = { message("1", "assistant", 1, false), message("2", "user", 2, false) };
    assert_string_equal(exchanges_of(a, greeting, 2), "1(1)0/1 2(2)1/0");
    const struct row retried[] = { message("1", "user", 1, false), message("2", "assistant", 2, false),
        message("3", "assistant", 3, true), message("4", "user", 4, true) };
    assert_string_equal(exchanges_of(a, retried, 4), "1(1,2)1/1 3(3)1/1~1 4(4)1/0~3");
    const struct row custom[] = { message("1", "user", 1, false), message("2", "custom-event", 2, false),
        message("3", "assistant", 3, false) };
    assert_string_equal(exchanges_of(a, custom, 3), "1(1)1/0 2(2)0/0! 3(3)0/1");
    assert_string_equal(exchanges_of(a, custom, 0), "");
    arena_free(a);
}

static void test_22_messages_in_any_order(void **state)
{
    (void)state;
    static const char *const roles[] = { "user", "assistant", "system", "tool", "custom-event" };
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct kit k;
        struct row rows[10];
        kit_init(&k, seed);
        size_t n = kit_below(&k, 11);
        for (size_t i = 0; i < n; i++) {
            rows[i] = message(arena_cstr(k.a, arena_printf(k.a, "m%zu", i)), roles[kit_below(&k, 5)],
                kit_below(&k, 5), !kit_below(&k, 4));
            rows[i].cols[MESSAGE_tie] = value_int(kit_below(&k, 2));
        }
        const char *first = exchanges_of(k.a, rows, n);
        shuffle_rows(&k, rows, n);
        assert_string_equal(first, exchanges_of(k.a, rows, n));
        kit_fini(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_outside_in_keeps_subtrees_together),
        cmocka_unit_test(test_aliases_are_parents_too),
        cmocka_unit_test(test_21_cycles_have_one_root_in_any_order),
        cmocka_unit_test(test_one_cycle_of_any_length),
        cmocka_unit_test(test_a_long_chain_needs_no_stack),
        cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_22_messages_in_any_order),
    };
    return cmocka_run_group_tests_name("model_tree", tests, NULL, NULL);
}
