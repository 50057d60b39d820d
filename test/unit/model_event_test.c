/*
 * Events: what setting means, nulls a profile implies, digests that tell repeats, ties inside a batch; and the tables they go by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/model_priv.h"
#include "support/model_kit.h"

static void test_tables_are_whole(void **state)
{
    (void)state;
    size_t n;
    const struct column *c = model_columns(OBSERVATION, &n);
    assert_int_equal(n, 27);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(c[i].number, i);
    assert_int_equal(model_column_find(TRACE, STR("tags")), TRACE_tags);
    assert_int_equal(model_column_find(TRACE, STR("nothing")), -1);
    for (enum entity e = 0; e < ENTITY_COUNT; e++) {
        model_columns(e, &n);
        assert_in_range(n, 1, COLUMNS_MAX);
        assert_true(strlen(entity_name(e)) > 3);
    }
    assert_int_equal(observation_type_find(STR("GENERATION")), OBS_GENERATION);
    assert_int_equal(observation_type_find(STR("generation")), -1);
    assert_string_equal(observation_type_name(OBS_AGENT), "AGENT");
    assert_int_equal(level_find(STR("ERROR")), LEVEL_ERROR);
    assert_string_equal(level_name(LEVEL_WARNING), "WARNING");
    assert_string_equal(score_source_name(SOURCE_EVAL), "EVAL");
}

static void test_profiles_carry_their_rules(void **state)
{
    (void)state;
    const struct profile_info *p = model_profile(PROFILE_AGENTTRACE_CREATE);
    assert_int_equal(p->rules[OBSERVATION_name].rank, RANK_BASE); /* by the row of "*" */
    assert_int_equal(p->rules[OBSERVATION_trace_id].rank, RANK_SAID);
    assert_int_equal(p->rules[OBSERVATION_trace_id].direction, FIRST);
    assert_int_equal(p->rules[OBSERVATION_metadata].mode, MODE_SHALLOW);
    assert_true(p->server);
    assert_int_equal(model_profile(PROFILE_LLMONITOR_FEEDBACK)->minor, 2);
    assert_true(model_profile(PROFILE_LANGFUSE_SCORE)->nulls >> SCORE_queue_id & 1);
    assert_null(model_profile(99));
    assert_null(model_profile(1000));
    assert_int_equal(profile_family(PROFILE_LANGTRACE_SPAN), FAMILY_OTLP);
    assert_int_equal(profile_family(PROFILE_EXCHANGE), FAMILY_LLMONITOR);
}

/* Every profile belongs to the family that its name says. */
static void test_families_go_by_number(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        enum family family;
    } families[] = { { "LANGFUSE_", FAMILY_LANGFUSE }, { "AGENTTRACE_", FAMILY_AGENTTRACE },
        { "LLMONITOR_", FAMILY_LLMONITOR }, { "LANGWATCH_", FAMILY_LANGWATCH }, { "OTLP_", FAMILY_OTLP },
        { "LANGTRACE_", FAMILY_OTLP }, { "EDIT_", FAMILY_EDIT }, { "EXCHANGE", FAMILY_LLMONITOR } };
    for (unsigned i = 0; i < PROFILES_MAX; i++) {
        const struct profile_info *p = model_profile(i);
        bool found = !p;
        for (size_t k = 0; p && k < sizeof families / sizeof *families; k++)
            if (strncmp(p->name, families[k].prefix, strlen(families[k].prefix)) == 0) {
                assert_int_equal(profile_family((enum profile)i), families[k].family);
                found = true;
            }
        assert_true(found);
    }
}

static void test_setting(void **state)
{
    (void)state;
    struct kit k;
    kit_init(&k, 1);
    struct event *e = kit_event(&k, PROFILE_LANGFUSE_CREATE, 5);
    assert_null(event_get(e, OBSERVATION_name));
    event_set_text(e, OBSERVATION_name, STR_NONE); /* says nothing */
    event_set_int(e, OBSERVATION_end_ns, TIME_NONE);
    assert_int_equal(e->n_cells, 0);
    event_set_text(e, OBSERVATION_name, STR(""));
    event_set_text(e, OBSERVATION_name, STR("later call"));
    assert_int_equal(e->n_cells, 1);
    assert_true(str_is(event_get(e, OBSERVATION_name)->s, "later call"));
    event_set_null(e, OBSERVATION_name);
    assert_int_equal(event_get(e, OBSERVATION_name)->kind, V_NULL);
    event_set_as(e, OBSERVATION_name, value_text(STR("hint")), RANK_HINT, FIRST, MODE_REPLACE);
    assert_int_equal(e->n_cells, 2); /* beside the null, not over it */
    assert_int_equal(event_get(e, OBSERVATION_name)->kind, V_NULL);
    event_set_as(e, OBSERVATION_model, value_text(STR("hint")), RANK_HINT, FIRST, MODE_REPLACE);
    assert_true(str_is(event_get(e, OBSERVATION_model)->s, "hint"));
    kit_fini(&k);
}

static uint8_t grade_of(struct kit *k, enum profile p, int type)
{
    struct event *e = kit_event(k, p, 5);
    event_set_int(e, OBSERVATION_type, type);
    return e->cells[0].grade;
}

static void test_grades(void **state)
{
    (void)state;
    struct kit k;
    kit_init(&k, 1);
    assert_int_equal(grade_of(&k, PROFILE_LANGFUSE_CREATE, OBS_SPAN), 0);
    assert_int_equal(grade_of(&k, PROFILE_LANGFUSE_CREATE, OBS_GENERATION), 1);
    assert_int_equal(grade_of(&k, PROFILE_LANGFUSE_CREATE, OBS_AGENT), 2);
    assert_int_equal(grade_of(&k, PROFILE_LANGWATCH_SPAN, OBS_SPAN), 2);
    assert_int_equal(grade_of(&k, PROFILE_LLMONITOR_START, OBS_AGENT), 0);
    kit_fini(&k);
}

static void test_sealing_fills_nulls_in_order(void **state)
{
    (void)state;
    struct kit k;
    kit_init(&k, 1);
    struct event *e = kit_event(&k, PROFILE_LLMONITOR_START, 5);
    event_set_text(e, OBSERVATION_user_id, STR("u"));
    event_set_int(e, OBSERVATION_type, OBS_TOOL);
    kit_seal(&k, e);
    const uint32_t nulls = model_profile(PROFILE_LLMONITOR_START)->nulls;
    uint32_t found = 0;
    for (size_t i = 0; i < e->n_cells; i++) {
        assert_true(i == 0 || e->cells[i].column > e->cells[i - 1].column);
        if (e->cells[i].value.kind == V_NULL)
            found |= UINT32_C(1) << e->cells[i].column;
    }
    assert_int_equal(found, nulls & ~(UINT32_C(1) << OBSERVATION_user_id));
    kit_fini(&k);
}

/* ---- digests and ties ----------------------------------------------------------------------------------------------- */

static struct event *add(struct batch *b, int32_t project, const char *id, int64_t t, const char *name)
{
    struct event *e = event_new(b, PROFILE_LANGFUSE_TRACE, project, STR_NONE, str_of(id), t);
    event_set_text(e, TRACE_name, str_of(name));
    return e;
}

static void test_digest_is_of_content(void **state)
{
    (void)state;
    struct batch b;
    batch_init(&b, arena_new());
    add(&b, 1, "a", 5, "x");
    add(&b, 1, "a", 5, "x");
    add(&b, 1, "a", 6, "x");
    add(&b, 1, "b", 5, "x");
    add(&b, 1, "a", 5, "y");
    event_set_as(add(&b, 1, "a", 5, "x"), TRACE_name, value_text(STR("x")), RANK_BASE, LATEST, MODE_REPLACE);
    batch_seal(&b);
    assert_int_equal(b.events[0].digest, b.events[1].digest);
    for (size_t i = 2; i < b.n_events; i++)
        for (size_t j = 1; j < i; j++)
            assert_int_not_equal(b.events[i].digest, b.events[j].digest);
    batch_fini(&b);
}

static void test_long_text_counts_in_digest(void **state)
{
    (void)state;
    struct batch b;
    static char x[3000], y[3000];
    memset(x, 'a', sizeof x - 1);
    memset(y, 'a', sizeof y - 1);
    y[2500] = 'b';
    batch_init(&b, arena_new());
    add(&b, 1, "a", 5, x);
    add(&b, 1, "a", 5, y);
    add(&b, 1, "a", 5, x);
    batch_seal(&b);
    assert_int_not_equal(b.events[0].digest, b.events[1].digest);
    assert_int_equal(b.events[0].digest, b.events[2].digest);
    assert_true(b.bytes > 9000);
    batch_fini(&b);
}

static void test_ties_count_different_events(void **state)
{
    (void)state;
    struct batch b;
    batch_init(&b, arena_new());
    add(&b, 1, "a", 5, "x");
    add(&b, 1, "a", 5, "y");
    add(&b, 1, "a", 5, "x"); /* a repeat: the tie of what it repeats */
    add(&b, 1, "a", 5, "z");
    add(&b, 1, "a", 6, "x"); /* another time */
    add(&b, 1, "b", 5, "x"); /* another id */
    add(&b, 2, "a", 5, "y"); /* another project */
    batch_seal(&b);
    static const uint8_t ties[] = { 0, 1, 0, 2, 0, 0, 0 };
    for (size_t i = 0; i < b.n_events; i++)
        assert_int_equal(b.events[i].tie, ties[i]);
    batch_fini(&b);
}

static void test_ties_stop_at_the_most(void **state)
{
    (void)state;
    struct batch b;
    batch_init(&b, arena_new());
    for (int i = 0; i < 400; i++)
        add(&b, 1, "a", 5, arena_cstr(b.arena, arena_printf(b.arena, "n%d", i)));
    batch_seal(&b);
    assert_int_equal(b.events[200].tie, 200);
    assert_int_equal(b.events[399].tie, UINT8_MAX);
    batch_fini(&b);
}

static void test_results_and_removals(void **state)
{
    (void)state;
    struct batch b;
    struct err err = { .code = ST_INVALID };
    batch_init(&b, arena_new());
    batch_results(&b, 3);
    assert_int_equal(b.results[1].outcome, OUTCOME_STORED);
    batch_reject(&b, 1, &err);
    assert_int_equal(b.results[1].outcome, OUTCOME_REJECTED);
    assert_int_equal(b.results[1].err->code, ST_INVALID);
    for (int i = 0; i < 20; i++)
        batch_remove(&b, 1, TRACE, STR_NONE, STR("t"));
    assert_int_equal(b.n_removals, 20);
    assert_int_equal(b.removals[19].entity, TRACE);
    batch_fini(&b);
}

/* A, B, A by request: the second A is no repeat of the first, and a repeat of the same request still is one. */
static void test_an_edit_is_no_repeat_of_an_older_one(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    static const char *const said[] = { "a", "b", "a" };
    kit_init(&k, 1);
    for (int i = 0; i < 6; i++) {
        struct batch b;
        batch_init(&b, arena_new());
        struct event *e = event_new(&b, PROFILE_EDIT_RECORD, 1, STR("prompt"), STR("p"), TIME_NONE);
        event_set_text(e, RECORD_name, str_of(said[i / 2]));
        batch_edited(&b, 1000 + i / 2);
        batch_seal(&b);
        assert_int_equal(kit_apply(&k, RECORD, &row, &b.events[0], 2000 + i), i % 2 == 0);
        assert_true(str_is(row.cols[RECORD_name].s, said[i / 2]));
        row.cols[RECORD_name].s = arena_dup(k.a, row.cols[RECORD_name].s);
        row.fold = arena_dup(k.a, row.fold);
        batch_fini(&b);
    }
    kit_fini(&k);
}

/* Only edits: what clients send is known by its content, whenever it comes. */
static void test_events_are_known_by_content(void **state)
{
    (void)state;
    struct batch b;
    batch_init(&b, arena_new());
    event_set_text(
        event_new(&b, PROFILE_LANGWATCH_TRACE, 1, STR_NONE, STR("t"), TIME_NONE), TRACE_name, STR("n"));
    event_set_text(event_new(&b, PROFILE_EDIT_TRACE, 1, STR_NONE, STR("t"), TIME_NONE), TRACE_name, STR("n"));
    batch_edited(&b, 77);
    assert_int_equal(b.events[0].edit_ns, 0);
    assert_int_equal(b.events[1].edit_ns, 77);
    batch_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_whole),
        cmocka_unit_test(test_profiles_carry_their_rules),
        cmocka_unit_test(test_families_go_by_number),
        cmocka_unit_test(test_an_edit_is_no_repeat_of_an_older_one),
        cmocka_unit_test(test_events_are_known_by_content),
        cmocka_unit_test(test_setting),
        cmocka_unit_test(test_grades),
        cmocka_unit_test(test_sealing_fills_nulls_in_order),
        cmocka_unit_test(test_digest_is_of_content),
        cmocka_unit_test(test_long_text_counts_in_digest),
        cmocka_unit_test(test_ties_count_different_events),
        cmocka_unit_test(test_ties_stop_at_the_most),
        cmocka_unit_test(test_results_and_removals),
    };
    return cmocka_run_group_tests_name("model_event", tests, NULL, NULL);
}
