/* query: places and times are told apart to the last nanosecond, on a page and behind a cursor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "query/query.h"

#define PLACE INT64_C(1795638000000000000)

static struct row record(const char *id, int64_t seq)
{
    struct row r = {
        .entity = RECORD, .project = 1, .scope = STR("dataset_item"), .id = str_of(id), .created_ns = 1
    };
    r.cols[RECORD_seq] = value_int(seq);
    return r;
}

static void neighbours(void **state)
{
    struct arena *a = arena_new();
    struct query q = { .entity = RECORD, .project = 1, .order = BY_SEQ, .limit = 10 };
    struct row first = record("z", PLACE), second = record("a", PLACE + 1);
    struct cursor behind;
    (void)state;
    assert_true(query_compare(&q, &first, &second) < 0);
    query_cursor_of(a, &q, &first, &q.after);
    assert_true(query_after(&q, &second));
    assert_false(query_after(&q, &first));
    struct str text = cursor_encode(a, &q, &q.after);
    assert_int_equal(cursor_decode(a, &q, text, &behind, NULL), ST_OK);
    assert_int_equal(behind.ns, PLACE);
    q.descending = true;
    assert_true(query_compare(&q, &first, &second) > 0);
    assert_false(query_after(&q, &second));
    arena_free(a);
}

static void equal_places_by_id(void **state)
{
    struct query q = { .entity = RECORD, .project = 1, .order = BY_SEQ, .limit = 10 };
    struct row x = record("a", PLACE), y = record("b", PLACE);
    (void)state;
    assert_true(query_compare(&q, &x, &y) < 0);
    assert_int_equal(query_compare(&q, &x, &x), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(neighbours), cmocka_unit_test(equal_places_by_id) };
    return cmocka_run_group_tests_name("query/order", tests, NULL, NULL);
}
