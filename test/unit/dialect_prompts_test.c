/* dialect/prompts: which version a number, a label and "live" mean, and what an edit leaves as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/prompts.h"

#define NOW INT64_C(1800000000000000000)

struct kit {
    struct arena *arena;
    struct caller caller;
    struct call call;
    struct batch batch;
};

static int set_up(void **state)
{
    struct arena *a = arena_new();
    struct kit *k = arena_alloc(a, sizeof(*k));
    k->arena = a;
    k->caller = (struct caller){ .project = 1, .project_id = STR("p") };
    k->call = (struct call){ .arena = a, .caller = &k->caller, .now_ns = NOW };
    batch_init(&k->batch, arena_new());
    *state = k;
    return 0;
}

static int tear_down(void **state)
{
    struct kit *k = *state;
    struct arena *a = k->arena;
    batch_fini(&k->batch);
    arena_free(a);
    return 0;
}

static struct row record(const char *kind, const char *id, const char *status, const char *body)
{
    struct row r = {
        .entity = RECORD, .project = 1, .scope = str_of(kind), .id = str_of(id), .created_ns = 5
    };
    r.cols[RECORD_name] = value_text(STR("greet"));
    r.cols[RECORD_status] = value_text(str_of(status));
    r.cols[RECORD_body] = value_json(str_of(body));
    return r;
}

static struct row version(const char *id, const char *prompt, int64_t number, const char *status)
{
    struct row r = record(PROMPTS_VERSION_KIND, id, status, "{\"content\":\"c\"}");
    r.cols[RECORD_parent_id] = value_text(str_of(prompt));
    r.cols[RECORD_seq] = value_int(number);
    r.cols[RECORD_time_ns] = value_int(number * 10);
    return r;
}

static const char *id_of(struct arena *a, const struct row *r)
{
    return r ? arena_cstr(a, r->id) : "none";
}

static void versions_are_found(void **state)
{
    struct kit *k = *state;
    struct row rows[] = {
        version("11", "1", 1, "published"),
        version("12", "1", 2, "published"),
        version("21", "2", 7, "published"),
        version("13", "1", 3, "draft"),
    };
    struct ask versions = { .rows = rows, .n = 4 };
    struct row row = record(PROMPTS_KIND, "1", "text", NULL);
    struct prompt p = prompts_view(k->arena, &row);
    assert_false(p.is_chat);
    assert_int_equal(prompts_last_number(&p, &versions), 3);
    assert_string_equal(id_of(k->arena, prompts_with_number(&p, &versions, 1)), "11");
    assert_string_equal(id_of(k->arena, prompts_with_number(&p, &versions, 3)), "13");
    assert_null(prompts_with_number(&p, &versions, 7));
    assert_null(prompts_with_number(&p, &versions, 0));
    assert_string_equal(id_of(k->arena, prompts_with_label(&p, &versions, STR("latest"))), "12");
    assert_null(prompts_with_label(&p, &versions, STR("production")));
    /* nobody said: the newest published one */
    assert_string_equal(id_of(k->arena, prompts_live(&p, &versions)), "12");
    versions.n = 0;
    assert_null(prompts_live(&p, &versions));
    assert_int_equal(prompts_last_number(&p, &versions), 0);
    /* only drafts: still a latest, nothing live */
    versions = (struct ask){ .rows = rows + 3, .n = 1 };
    assert_string_equal(id_of(k->arena, prompts_with_label(&p, &versions, STR("latest"))), "13");
    assert_null(prompts_live(&p, &versions));
}

static void versions_are_grouped(void **state)
{
    struct row rows[] = { version("a", "9", 1, "published"), version("b", "10", 2, "published"),
        version("c", "1", 1, "published"), version("d", "10", 1, "published") };
    struct ask versions = { .rows = rows, .n = 4 };
    struct row ten = record(PROMPTS_KIND, "10", "text", NULL), none = record(PROMPTS_KIND, "2", "text", NULL);
    (void)state;
    prompts_group(&versions);
    struct ask part = prompts_group_of(&versions, &ten);
    assert_int_equal(part.n, 2);
    assert_true(str_is(part.rows[0].id, "d"));
    assert_true(str_is(part.rows[1].id, "b"));
    assert_int_equal(prompts_group_of(&versions, &none).n, 0);
    versions.n = 0;
    assert_int_equal(prompts_group_of(&versions, &ten).n, 0);
}

static void equal_numbers_newest_wins(void **state)
{
    struct kit *k = *state;
    struct row rows[] = { version("2", "1", 1, "draft"), version("3", "1", 1, "draft") };
    struct ask versions = { .rows = rows, .n = 2 };
    struct row row = record(PROMPTS_KIND, "1", "text", NULL);
    struct prompt p = prompts_view(k->arena, &row);
    rows[0].cols[RECORD_time_ns] = value_int(99);
    assert_string_equal(id_of(k->arena, prompts_with_number(&p, &versions, 1)), "2");
    rows[1].cols[RECORD_time_ns] = value_int(100);
    assert_string_equal(id_of(k->arena, prompts_with_number(&p, &versions, 1)), "3");
}

static void labels_decide(void **state)
{
    struct kit *k = *state;
    struct row rows[] = { version("11", "1", 1, "published"), version("12", "1", 2, "published") };
    struct ask versions = { .rows = rows, .n = 2 };
    struct row row = record(PROMPTS_KIND, "1", "openai", "{\"labels\":{\"production\":\"11\",\"a\":\"99\"}}");
    struct prompt p = prompts_view(k->arena, &row);
    assert_true(p.is_chat);
    assert_string_equal(id_of(k->arena, prompts_live(&p, &versions)), "11");
    assert_null(prompts_with_label(&p, &versions, STR("a"))); /* a version that is gone */
    row = record(PROMPTS_KIND, "1", "openai", "{\"labels\":{\"production\":null,\"a\":\"12\"}}");
    p = prompts_view(k->arena, &row);
    assert_null(prompts_live(&p, &versions));
    assert_string_equal(id_of(k->arena, prompts_with_label(&p, &versions, STR("a"))), "12");
    struct str moved = prompts_labels_with(k->arena, &p, STR("a"), STR("11"));
    assert_string_equal(arena_cstr(k->arena, moved), "{\"production\":null,\"a\":\"11\"}");
    moved = prompts_labels_with(k->arena, &p, STR("a"), STR_NONE);
    assert_string_equal(arena_cstr(k->arena, moved), "{\"production\":null,\"a\":null}");
    moved = prompts_labels_with(k->arena, NULL, STR("x"), STR("1"));
    assert_string_equal(arena_cstr(k->arena, moved), "{\"x\":\"1\"}");
}

static const struct value *cell(struct kit *k, size_t event, unsigned column)
{
    return event_get(&k->batch.events[event], column);
}

static void assert_text(struct kit *k, size_t event, unsigned column, const char *text)
{
    const struct value *v = cell(k, event, column);
    assert_non_null(v);
    assert_string_equal(arena_cstr(k->arena, v->s), text);
}

static void ids_are_given_once(void **state)
{
    struct kit *k = *state;
    struct row counter = record("counter", "prompt", NULL, NULL);
    struct str ids[2];
    (void)prompts_ask_counter(&k->call);
    prompts_take_ids(&k->call, &k->batch, 0, ids, 2);
    assert_string_equal(arena_cstr(k->arena, ids[0]), "1");
    assert_string_equal(arena_cstr(k->arena, ids[1]), "2");
    assert_int_equal(cell(k, 0, RECORD_seq)->i, 2);
    counter.cols[RECORD_seq] = value_int(41);
    k->call.asks[0].rows = &counter;
    k->call.asks[0].n = 1;
    prompts_take_ids(&k->call, &k->batch, 0, ids, 1);
    assert_string_equal(arena_cstr(k->arena, ids[0]), "42");
    assert_int_equal(cell(k, 1, RECORD_seq)->i, 42);
}

static void edits_leave_the_rest(void **state)
{
    struct kit *k = *state;
    struct record_member members[] = { { "tags", STR("[\"x\"]") }, { "scope", RECORDS_GONE },
        { "kept", STR_NONE } };
    struct row old =
        record(PROMPTS_KIND, "3", "text", "{\"scope\":\"s\",\"kept\":1,\"langwatch\":{\"own\":true}}");
    prompts_put(
        &k->call, &k->batch, &old, old.id, &(struct prompt_edit){ .members = members, .n_members = 3 });
    assert_text(k, 0, RECORD_body, "{\"kept\":1,\"langwatch\":{\"own\":true},\"tags\":[\"x\"]}");
    assert_null(cell(k, 0, RECORD_name));
    assert_null(cell(k, 0, RECORD_status));
    assert_null(cell(k, 0, RECORD_seq));
    prompts_put(
        &k->call, &k->batch, NULL, STR("7"), &(struct prompt_edit){ .name = STR("n"), .mode = PROMPT_CHAT });
    assert_text(k, 1, RECORD_name, "n");
    assert_text(k, 1, RECORD_status, "openai");
    assert_int_equal(cell(k, 1, RECORD_seq)->i, 7);
    assert_int_equal(cell(k, 1, RECORD_time_ns)->i, NOW);
}

static void publishing_has_one_time(void **state)
{
    struct kit *k = *state;
    struct record_member content = { "content", STR("\"new\"") };
    struct prompt_version_edit edit = { .members = &content, .n_members = 1 };
    struct row old = record(PROMPTS_VERSION_KIND, "3", "draft", "{\"content\":\"c\",\"notes\":\"n\"}");
    edit.is_draft = true;
    prompts_put_version(&k->call, &k->batch, &old, old.id, &edit);
    assert_text(k, 0, RECORD_body, "{\"notes\":\"n\",\"content\":\"new\"}");
    assert_text(k, 0, RECORD_status, "draft");
    edit.is_draft = false;
    prompts_put_version(&k->call, &k->batch, &old, old.id, &edit);
    assert_text(
        k, 1, RECORD_body, "{\"notes\":\"n\",\"content\":\"new\",\"published_ns\":1800000000000000000}");
    assert_text(k, 1, RECORD_status, "published");
    old = record(PROMPTS_VERSION_KIND, "3", "published", "{\"published_ns\":4}");
    prompts_put_version(&k->call, &k->batch, &old, old.id, &edit);
    assert_text(k, 2, RECORD_body, "{\"published_ns\":4,\"content\":\"new\"}");
    edit.prompt_id = STR("1");
    edit.name = STR("n");
    edit.number = 5;
    prompts_put_version(&k->call, &k->batch, NULL, STR("9"), &edit);
    assert_text(k, 3, RECORD_parent_id, "1");
    assert_text(k, 3, RECORD_name, "n");
    assert_int_equal(cell(k, 3, RECORD_seq)->i, 5);
}

static void removal_takes_its_versions_only(void **state)
{
    struct kit *k = *state;
    struct row rows[] = { version("11", "1", 1, "published"), version("21", "2", 1, "published") };
    struct ask versions = { .rows = rows, .n = 2 };
    prompts_remove(&k->call, &k->batch, STR("1"), &versions);
    assert_int_equal(k->batch.n_removals, 2);
    assert_true(str_is(k->batch.removals[0].id, "1"));
    assert_true(str_is(k->batch.removals[1].id, "11"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(versions_are_found, set_up, tear_down),
        cmocka_unit_test(versions_are_grouped),
        cmocka_unit_test_setup_teardown(equal_numbers_newest_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_decide, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_are_given_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(edits_leave_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(publishing_has_one_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removal_takes_its_versions_only, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("dialect/prompts", tests, NULL, NULL);
}
