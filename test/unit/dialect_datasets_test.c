/* dialect/datasets: slugs, columns as text, and that a dataset is shown and removed with its own rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/datasets.h"

static struct row record(const char *id, const char *body)
{
    struct row r = { .entity = RECORD, .project = 1, .id = str_of(id), .created_ns = 5, .updated_ns = 6 };
    r.cols[RECORD_body] = value_json(str_of(body));
    return r;
}

static void slugs(void **state)
{
    static const char *const pairs[][2] = { { "Fragen fx01", "fragen-fx01" }, { "  A__b -- C! ", "a-b-c" },
        { "Größe", "größe" }, { "!!", "dataset" }, { "", "dataset" }, { "ready-made-1", "ready-made-1" } };
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_string_equal(arena_cstr(a, datasets_slug(a, str_of(pairs[i][0]))), pairs[i][1]);
    arena_free(a);
}

static void columns_as_text(void **state)
{
    struct arena *a = arena_new();
    struct row r =
        record("i", "{\"entry\":{\"input\":\"q\",\"n\":1.50,\"o\":{\"a\": 1},\"z\":null},\"span_id\":\"s\"}");
    struct dataset_item item = datasets_view_item(a, &r);
    (void)state;
    assert_string_equal(arena_cstr(a, datasets_text(a, &item, "input")), "q");
    assert_string_equal(arena_cstr(a, datasets_text(a, &item, "n")), "1.50");
    assert_string_equal(arena_cstr(a, datasets_text(a, &item, "o")), "{\"a\":1}");
    assert_null(datasets_text(a, &item, "z").p);
    assert_null(datasets_text(a, &item, "none").p);
    assert_true(str_is(json_str(json_key(item.body, "span_id")), "s"));
    arena_free(a);
}

static void a_name_or_the_slug(void **state)
{
    struct arena *a = arena_new();
    struct row r = record("d", "{\"name\":\"My Data\"}");
    (void)state;
    r.cols[RECORD_name] = value_text(STR("my-data"));
    assert_string_equal(arena_cstr(a, datasets_view(a, &r).name), "My Data");
    assert_null(datasets_view(a, &r).description.p);
    r.cols[RECORD_body] = value_json(STR_NONE);
    assert_string_equal(arena_cstr(a, datasets_view(a, &r).name), "my-data");
    arena_free(a);
}

static void writing_and_removing(void **state)
{
    struct arena *a = arena_new();
    struct caller caller = { .project = 1, .project_id = STR("p") };
    struct call c = { .arena = a, .caller = &caller, .now_ns = 1000 };
    struct batch b;
    struct row rows[] = { record("1", "{}"), record("2", "{}") };
    struct ask items = { .rows = rows, .n = 2 };
    struct record_member entry = { "entry", STR("{\"input\":\"x\"}") };
    (void)state;
    batch_init(&b, arena_new());
    datasets_put_item(&c, &b, NULL, STR("i"), STR("d"), 3, &entry, 1);
    assert_int_equal(event_get(&b.events[0], RECORD_seq)->i, 1003);
    assert_true(str_is(event_get(&b.events[0], RECORD_parent_id)->s, "d"));
    struct row old = record("i", "{\"entry\":{\"input\":\"a\"},\"span_id\":\"s\"}");
    datasets_put_item(&c, &b, &old, STR("i"), STR("d"), 0, &entry, 1);
    assert_true(
        str_is(event_get(&b.events[1], RECORD_body)->s, "{\"span_id\":\"s\",\"entry\":{\"input\":\"x\"}}"));
    assert_null(event_get(&b.events[1], RECORD_seq));
    rows[0].cols[RECORD_parent_id] = value_text(STR("d"));
    rows[1].cols[RECORD_parent_id] = value_text(STR("other"));
    datasets_remove(&c, &b, STR("d"), &items);
    assert_int_equal(b.n_removals, 2);
    assert_true(str_is(b.removals[1].id, "1"));
    batch_fini(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slugs),
        cmocka_unit_test(columns_as_text),
        cmocka_unit_test(a_name_or_the_slug),
        cmocka_unit_test(writing_and_removing),
    };
    return cmocka_run_group_tests_name("dialect/datasets", tests, NULL, NULL);
}
