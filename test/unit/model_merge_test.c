/*
 * The algebra of merge.md as properties over random events; the numbers in the names are those of merge.md 12.2. A failing case prints
 * its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/model_priv.h"
#include "support/model_kit.h"

#define RECV   (INT64_C(1800000000) * NS_PER_S)
#define EVENTS 5

static const enum profile observation_profiles[] = { PROFILE_LANGFUSE_CREATE, PROFILE_LANGFUSE_UPDATE,
    PROFILE_AGENTTRACE_CREATE, PROFILE_AGENTTRACE_UPDATE, PROFILE_LLMONITOR_START, PROFILE_LLMONITOR_END,
    PROFILE_OTLP_SPAN, PROFILE_LANGWATCH_SPAN };
static const enum profile trace_profiles[] = { PROFILE_LANGFUSE_TRACE, PROFILE_AGENTTRACE_TRACE_CREATE,
    PROFILE_AGENTTRACE_TRACE_UPDATE, PROFILE_LANGWATCH_TRACE, PROFILE_EDIT_TRACE };
static const enum profile score_profiles[] = { PROFILE_LANGFUSE_SCORE, PROFILE_LANGWATCH_EVALUATION,
    PROFILE_AGENTTRACE_SCORE };

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Some events about one row, already stamped: server-ordered ones carry the receipt they had at first. */
struct story {
    struct kit k;
    enum entity entity;
    struct event *events[EVENTS];
    struct state *lifted[EVENTS];
};

static void story_init(struct story *s, uint64_t seed)
{
    static const struct {
        const enum profile *profiles;
        size_t n;
        enum entity entity;
    } kinds[] = { { observation_profiles, COUNT(observation_profiles), OBSERVATION },
        { trace_profiles, COUNT(trace_profiles), TRACE }, { score_profiles, COUNT(score_profiles), SCORE } };
    kit_init(&s->k, seed);
    size_t kind = kit_below(&s->k, 3);
    s->entity = kinds[kind].entity;
    for (size_t i = 0; i < EVENTS; i++) {
        s->events[i] = kit_random_event(&s->k, kinds[kind].profiles, kinds[kind].n);
        s->lifted[i] = state_lift(s->k.a, NULL, s->events[i], RECV + (int64_t)i);
    }
}

static struct state *join(struct story *s, const struct state *x, const struct state *y)
{
    struct payload_loader load = kit_loader(&s->k);
    struct state *out;
    struct err err = { 0 };
    bool changed;
    assert_int_equal(state_join(s->k.a, x, y, &load, &out, &changed, &err), ST_OK);
    return out;
}

static void assert_same(
    struct story *s, uint64_t seed, const struct state *x, const struct state *y, bool keys)
{
    struct str a = kit_show(&s->k, x, keys), b = kit_show(&s->k, y, keys), line_a, line_b;
    if (str_eq(a, b))
        return;
    while (str_cut(&a, '\n', &line_a) && str_cut(&b, '\n', &line_b))
        if (!str_eq(line_a, line_b))
            print_error(
                "seed %llu\n  %.*s\n  %.*s\n", (unsigned long long)seed, STR_ARG(line_a), STR_ARG(line_b));
    fail();
}

static struct state *join_all(struct story *s, const size_t *order)
{
    struct state *all = s->lifted[order[0]];
    for (size_t i = 1; i < EVENTS; i++)
        all = join(s, all, s->lifted[order[i]]);
    return all;
}

static void shuffle(struct kit *k, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = kit_below(k, (unsigned)i), swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}

/* Join random neighbours until one is left. */
static struct state *join_tree(struct story *s)
{
    struct state *left[EVENTS];
    size_t n = EVENTS;
    memcpy(left, s->lifted, sizeof left);
    while (n > 1) {
        size_t i = kit_below(&s->k, (unsigned)n), j = kit_below(&s->k, (unsigned)n);
        if (i == j)
            continue;
        left[i] = join(s, left[i], left[j]);
        left[j] = left[--n];
    }
    return left[0];
}

#define ROUNDS 3000

static void test_1_2_join_commutes_and_associates(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct story s;
        size_t order[EVENTS] = { 0, 1, 2, 3, 4 };
        story_init(&s, seed);
        struct state *first = join_all(&s, order);
        shuffle(&s.k, order, EVENTS);
        assert_same(&s, seed, first, join_all(&s, order), true);
        assert_same(&s, seed, first, join_tree(&s), true);
        kit_fini(&s.k);
    }
}

static void test_3_join_is_idempotent(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct story s;
        size_t order[EVENTS] = { 0, 1, 2, 3, 4 };
        struct payload_loader load;
        struct state *again;
        bool changed;
        story_init(&s, seed);
        load = kit_loader(&s.k);
        struct state *all = join_all(&s, order);
        for (size_t i = 0; i < EVENTS; i++) {
            assert_int_equal(state_join(s.k.a, all, s.lifted[i], &load, &again, &changed, NULL), ST_OK);
            assert_same(&s, seed, all, again, true);
        }
        assert_int_equal(state_join(s.k.a, all, all, &load, &again, &changed, NULL), ST_OK);
        assert_false(changed);
        assert_same(&s, seed, all, again, true);
        kit_fini(&s.k);
    }
}

static struct value one_register(
    struct kit *k, enum direction direction, const int64_t *times, const int64_t *values, size_t n)
{
    struct state *all = NULL;
    struct value v;
    bool changed;
    for (size_t i = 0; i < n; i++) {
        struct event *e = kit_event(k, PROFILE_LANGFUSE_CREATE, times[i]);
        event_set_as(e, OBSERVATION_end_ns, value_int(values[i]), RANK_SAID, direction, MODE_REPLACE);
        kit_seal(k, e);
        e->digest = 7; /* so that times alone decide */
        assert_int_equal(
            state_join(k->a, all, state_lift(k->a, all, e, RECV), NULL, &all, &changed, NULL), ST_OK);
    }
    assert_int_equal(state_show(k->a, all, OBSERVATION_end_ns, NULL, &v, NULL), ST_OK);
    return v;
}

static void test_4_first_is_latest_with_inverted_keys(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct kit k;
        int64_t times[6], inverted[6], values[6];
        kit_init(&k, seed);
        for (size_t i = 0; i < 6; i++) {
            times[i] = (int64_t)kit_below(&k, 1000);
            inverted[i] = 1000 - times[i];
            values[i] = times[i] * 10; /* one value a time, so that ties do not matter */
        }
        struct value first = one_register(&k, FIRST, times, values, 6);
        struct value latest = one_register(&k, LATEST, inverted, values, 6);
        assert_int_equal(first.i, latest.i);
        kit_fini(&k);
    }
}

/* 5, and with it 8: a row kept only in encoded form, its payload stored, shows what the joined states show. */
static void test_5_encoded_rows_merge_alike(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct story s;
        size_t order[EVENTS];
        struct kit_row row = { 0 };
        story_init(&s, seed);
        shuffle(&s.k, order, EVENTS);
        for (size_t i = 0; i < EVENTS; i++)
            kit_apply(&s.k, s.entity, &row, s.events[order[i]], RECV + (int64_t)order[i]);
        struct state *full = join_all(&s, order);
        assert_same(&s, seed, full, kit_state(&s.k, s.entity, &row), false);
        kit_fini(&s.k);
    }
}

static void test_5_decode_of_encode_is_the_state(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct story s;
        size_t order[EVENTS];
        struct kit_row row = { .there = true };
        story_init(&s, seed);
        shuffle(&s.k, order, EVENTS);
        struct state *all = join_all(&s, order);
        kit_store_payload(&s.k, all);
        state_encode(s.k.a, all, row.cols, &row.fold);
        assert_same(&s, seed, all, kit_state(&s.k, s.entity, &row), true);
        kit_fini(&s.k);
    }
}

/* 6: what one writer made by its profile needs no more than the short form. */
static void test_6_one_writer_is_short(void **state)
{
    (void)state;
    struct kit k;
    kit_init(&k, 1);
    struct event *e = kit_event(&k, PROFILE_OTLP_SPAN, INT64_C(1700000000123456789));
    event_set_text(e, OBSERVATION_name, STR("chat gpt-4o"));
    event_set_int(e, OBSERVATION_type, OBS_GENERATION);
    event_set_int(e, OBSERVATION_start_ns, INT64_C(1700000000000000000));
    event_set_int(e, OBSERVATION_end_ns, INT64_C(1700000000123456789));
    event_set_json(e, OBSERVATION_input, STR("[1]"));
    event_set_json(e, OBSERVATION_output, STR("\"o\""));
    event_set_json(e, OBSERVATION_metadata, STR("{\"a\":1}"));
    event_set_json(e, OBSERVATION_usage, STR("{\"input\":1}"));
    kit_seal(&k, e);
    struct kit_row row = { 0 };
    k.n_records = 1;
    assert_true(kit_apply(&k, OBSERVATION, &row, e, RECV));
    assert_in_range(row.fold.n, 8, 14);
    kit_fini(&k);
}

static void test_6_nulls_of_a_start_are_implied(void **state)
{
    (void)state;
    struct kit k;
    struct claim c;
    kit_init(&k, 1);
    struct event *e = kit_event(&k, PROFILE_LLMONITOR_START, INT64_C(1700000000000000000));
    event_set_int(e, OBSERVATION_type, OBS_CHAIN);
    event_set_int(e, OBSERVATION_start_ns, INT64_C(1700000000000000000));
    kit_seal(&k, e);
    struct kit_row row = { 0 };
    assert_true(kit_apply(&k, OBSERVATION, &row, e, RECV));
    assert_in_range(row.fold.n, 6, 14);
    struct row r = { .entity = OBSERVATION, .fold = row.fold };
    memcpy(r.cols, row.cols, sizeof r.cols);
    assert_true(row_states_null(&r, OBSERVATION_user_id));
    assert_false(row_states_null(&r, OBSERVATION_output));
    assert_true(row_claim(&r, OBSERVATION_type, &c));
    assert_int_equal(c.rank, RANK_SAID);
    assert_int_equal(c.t_ns, INT64_C(1700000000000000000));
    assert_int_equal(row_families(&r), FAMILY_LLMONITOR);
    kit_fini(&k);
}

/* row_claim() walks the blob without making a state: it must say what the state says. */
static void test_claims_agree_with_states(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct story s;
        size_t order[EVENTS] = { 0, 1, 2, 3, 4 }, columns_n, n;
        struct row r = { 0 };
        story_init(&s, seed);
        struct state *all = kit_below(&s.k, 3) ? join_all(&s, order) : s.lifted[0];
        kit_store_payload(&s.k, all);
        r.entity = s.entity;
        state_encode(s.k.a, all, r.cols, &r.fold);
        const struct column *columns = model_columns(s.entity, &columns_n);
        for (unsigned c = 0; c < columns_n; c++) {
            const struct cell *cells = model__cells(all, c, &n);
            struct claim claim;
            bool stated = n && !cell_slot(columns, cells) && !(kind_has_patches(columns[c].kind) && n > 1);
            assert_int_equal(row_claim(&r, c, &claim), stated);
            if (!stated)
                continue;
            assert_int_equal(claim.rank, cells->rank);
            assert_int_equal(claim.null, cells->value.kind == V_NULL);
            assert_int_equal(claim.t_ns, all->writers[cells->writer].t_ns);
            assert_int_equal(claim.profile, all->writers[cells->writer].profile);
        }
        unsigned families = 0;
        for (size_t i = 0; i < all->n_writers; i++)
            families |= profile_family(all->writers[i].profile);
        assert_int_equal(row_families(&r), families);
        kit_fini(&s.k);
    }
}

/* Loading by row: V_REF first, then text, as state_show() has it. */
static void test_rows_load(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct story s;
        size_t order[EVENTS] = { 0, 1, 2, 3, 4 }, columns_n;
        struct row r = { 0 };
        struct value cols[COLUMNS_MAX];
        story_init(&s, seed);
        struct payload_loader load = kit_loader(&s.k);
        struct state *all = kit_below(&s.k, 3) ? join_all(&s, order) : s.lifted[0];
        kit_store_payload(&s.k, all);
        r.entity = s.entity;
        state_encode(s.k.a, all, cols, &r.fold);
        const struct column *columns = model_columns(s.entity, &columns_n);
        for (size_t c = 0; c < columns_n; c++) /* as a driver that keeps no references would read it */
            r.cols[c] = columns[c].place == PLACE_ROW ? cols[c] : (struct value){ 0 };
        assert_int_equal(row_refs(s.k.a, &r, NULL), ST_OK);
        for (size_t c = 0; c < columns_n; c++) {
            assert_int_equal(r.cols[c].kind, cols[c].kind);
            assert_int_equal(r.cols[c].hint, cols[c].hint);
            assert_true(
                r.cols[c].kind != V_REF || (r.cols[c].i == cols[c].i && r.cols[c].piece == cols[c].piece));
        }
        assert_int_equal(row_load(s.k.a, &r, UINT32_MAX, &load, NULL), ST_OK);
        for (unsigned c = 0; c < columns_n; c++) {
            struct value v;
            assert_int_equal(state_show(s.k.a, all, c, &load, &v, NULL), ST_OK);
            assert_int_equal(v.kind, r.cols[c].kind);
            assert_true(str_eq(v.s, r.cols[c].s));
        }
        kit_fini(&s.k);
    }
}

/* ---- 16, and the stamping of 2.3 ------------------------------------------------------------------------------------ */

static struct event *named(struct kit *k, enum profile p, int64_t t, const char *name)
{
    struct event *e = kit_event(k, p, t);
    event_set_text(e, TRACE_name, str_of(name));
    kit_seal(k, e);
    return e;
}

static const char *name_of(struct kit *k, const struct kit_row *row)
{
    return arena_cstr(k->a, row->cols[TRACE_name].s);
}

static void test_16_an_edit_shows_behind_a_fast_clock(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    kit_init(&k, 1);
    kit_apply(&k, TRACE, &row, named(&k, PROFILE_LANGFUSE_TRACE, RECV + 3600 * NS_PER_S, "ahead"), RECV);
    kit_apply(&k, TRACE, &row, named(&k, PROFILE_EDIT_TRACE, TIME_NONE, "edited"), RECV + 1);
    assert_string_equal(name_of(&k, &row), "edited");
    kit_apply(&k, TRACE, &row, named(&k, PROFILE_EDIT_TRACE, TIME_NONE, "again"), RECV + 2);
    assert_string_equal(name_of(&k, &row), "again");
    kit_fini(&k);
}

/* Create before update in one millisecond, whatever their digests. */
static void test_minor_orders_one_time(void **state)
{
    (void)state;
    for (int i = 0; i < 32; i++) {
        struct kit k;
        struct kit_row row = { 0 };
        kit_init(&k, 1);
        const char *create = arena_cstr(k.a, arena_printf(k.a, "create %d", i)),
                   *update = arena_cstr(k.a, arena_printf(k.a, "update %d", i));
        struct event *events[2] = { kit_event(&k, PROFILE_LANGFUSE_CREATE, 5),
            kit_event(&k, PROFILE_LANGFUSE_UPDATE, 5) };
        for (int n = 0; n < 2; n++) {
            event_set_text(events[n], OBSERVATION_name, str_of(n ? update : create));
            kit_seal(&k, events[n]);
        }
        kit_apply(&k, OBSERVATION, &row, events[i & 1], RECV);
        kit_apply(&k, OBSERVATION, &row, events[!(i & 1)], RECV);
        assert_string_equal(arena_cstr(k.a, row.cols[OBSERVATION_name].s), update);
        kit_fini(&k);
    }
}

static void test_an_absurd_time_counts_as_none(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    kit_init(&k, 1);
    struct event *absurd = named(&k, PROFILE_LANGFUSE_TRACE, RECV + 25 * 3600 * NS_PER_S, "absurd");
    kit_apply(&k, TRACE, &row, absurd, RECV);
    kit_apply(&k, TRACE, &row, named(&k, PROFILE_LANGFUSE_TRACE, RECV + 2, "later"), RECV + 3);
    assert_string_equal(name_of(&k, &row), "later");
    assert_false(kit_apply(&k, TRACE, &row, absurd, RECV + 4)); /* remembered */
    assert_string_equal(name_of(&k, &row), "later");
    kit_fini(&k);
}

static void test_a_beaten_tie_is_remembered(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    kit_init(&k, 1);
    struct event *x = named(&k, PROFILE_LANGWATCH_TRACE, 5, "x"),
                 *y = named(&k, PROFILE_LANGWATCH_TRACE, 5, "y");
    assert_true(kit_apply(&k, TRACE, &row, x, RECV));
    assert_true(kit_apply(&k, TRACE, &row, y, RECV + 1));
    assert_string_equal(name_of(&k, &row), "y");
    assert_false(kit_apply(&k, TRACE, &row, x, RECV + 2));
    assert_false(kit_apply(&k, TRACE, &row, y, RECV + 3));
    assert_int_equal(kit_state(&k, TRACE, &row)->n_seen, 1);
    /* One that lost by time loses again and need not be remembered. */
    assert_false(kit_apply(&k, TRACE, &row, named(&k, PROFILE_LANGWATCH_TRACE, 4, "old"), RECV + 4));
    assert_int_equal(kit_state(&k, TRACE, &row)->n_seen, 1);
    kit_fini(&k);
}

static void test_seen_is_bounded(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    kit_init(&k, 1);
    for (int i = 0; i < 40; i++)
        kit_apply(&k, TRACE, &row,
            named(&k, PROFILE_EDIT_TRACE, TIME_NONE, arena_cstr(k.a, arena_printf(k.a, "n%d", i))), RECV + i);
    assert_string_equal(name_of(&k, &row), "n39");
    assert_int_equal(kit_state(&k, TRACE, &row)->n_seen, MERGE_SEEN_MAX);
    kit_fini(&k);
}

static void test_time_of_receipt(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    kit_init(&k, 1);
    struct event *e = kit_event(&k, PROFILE_AGENTTRACE_TRACE_CREATE, TIME_NONE);
    event_set_receipt(e, TRACE_start_ns, RANK_BASE, FIRST);
    kit_seal(&k, e);
    assert_true(kit_apply(&k, TRACE, &row, e, RECV));
    assert_int_equal(row.cols[TRACE_start_ns].i, RECV);
    assert_false(kit_apply(&k, TRACE, &row, e, RECV + 5)); /* a repeat is no second receipt */
    assert_int_equal(row.cols[TRACE_start_ns].i, RECV);
    kit_fini(&k);
}

/* ---- patches -------------------------------------------------------------------------------------------------------- */

static struct event *patch_event(struct kit *k, int64_t t, enum patch_mode mode, struct str json)
{
    struct event *e = kit_event(k, PROFILE_LANGFUSE_TRACE, t);
    event_set_as(e, TRACE_metadata, value_json(json), RANK_SAID, LATEST, mode);
    kit_seal(k, e);
    return e;
}

static struct str shown_metadata(struct kit *k, const struct kit_row *row)
{
    struct payload_loader load = kit_loader(k);
    struct value v;
    assert_int_equal(state_show(k->a, kit_state(k, TRACE, row), TRACE_metadata, &load, &v, NULL), ST_OK);
    return v.s;
}

static bool same_json(struct kit *k, struct str x, struct str y)
{
    struct json a, b;
    assert_int_equal(json_parse(k->a, x, 0, &a, NULL), ST_OK);
    assert_int_equal(json_parse(k->a, y, 0, &b, NULL), ST_OK);
    return json_equal(a, b);
}

/* 8: dropping covered patches never changes what is shown, inline or stored, in any order of arrival. */
static void test_8_covering_shows_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct kit k;
        struct patch patches[8];
        struct event *events[8];
        size_t order[8];
        struct kit_row row = { 0 };
        struct str literal;
        kit_init(&k, seed);
        for (size_t i = 0; i < 8; i++) {
            patches[i] = (struct patch){ (enum patch_mode)kit_below(&k, 3), kit_random_object(&k, 2) };
            events[i] = patch_event(&k, (int64_t)i, patches[i].mode, patches[i].json);
        }
        assert_int_equal(patch_fold(k.a, patches, 8, &literal, NULL), ST_OK);
        shuffle(&k, order, 8);
        for (size_t i = 0; i < 8; i++)
            kit_apply(&k, TRACE, &row, events[order[i]], RECV);
        if (!same_json(&k, shown_metadata(&k, &row), literal))
            print_error("seed %llu\n", (unsigned long long)seed);
        assert_true(same_json(&k, shown_metadata(&k, &row), literal));
        kit_fini(&k);
    }
}

/* More patches than are kept: in order of time nothing is lost, and the row stays small. */
static void test_too_many_patches_fold(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    struct patch patches[100];
    struct str literal;
    kit_init(&k, 3);
    for (size_t i = 0; i < 100; i++) {
        patches[i] = (struct patch){ i % 3 ? MODE_DEEP : MODE_SHALLOW,
            arena_printf(k.a, "{\"k%zu\":{\"x\":%zu},\"s\":%zu}", i % 90, i, i) };
        assert_true(
            kit_apply(&k, TRACE, &row, patch_event(&k, (int64_t)i, patches[i].mode, patches[i].json), RECV));
    }
    assert_int_equal(patch_fold(k.a, patches, 100, &literal, NULL), ST_OK);
    assert_true(same_json(&k, shown_metadata(&k, &row), literal));
    assert_true(kit_state(&k, TRACE, &row)->n_cells <= MERGE_PATCHES_MAX);
    kit_fini(&k);
}

/* 9: a patch older than a folded base fills only keys the base lacks; under a base that began anew it shows nothing. */
static void test_9_patches_under_a_base(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct kit k;
        struct kit_row row = { 0 };
        kit_init(&k, 4);
        for (size_t i = 0; i < MERGE_PATCHES_MAX + 1; i++)
            kit_apply(&k, TRACE, &row,
                patch_event(&k, 10 + (int64_t)i, i == 0 && closed ? MODE_REPLACE : MODE_DEEP,
                    arena_printf(k.a, "{\"k%zu\":{\"x\":1}}", i)),
                RECV);
        assert_int_equal(kit_state(&k, TRACE, &row)->n_cells, MERGE_PATCHES_MAX);
        bool changed = kit_apply(
            &k, TRACE, &row, patch_event(&k, 1, MODE_DEEP, STR("{\"new\":1,\"k0\":{\"y\":1}}")), RECV);
        struct str shown = shown_metadata(&k, &row);
        assert_int_equal(changed, !closed);
        assert_int_equal(str_find(shown, STR("\"new\"")) != SIZE_MAX, !closed);
        assert_true(str_find(shown, STR("\"y\"")) == SIZE_MAX);
        kit_fini(&k);
    }
}

static void test_tags_beyond_the_most_keep_all(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    kit_init(&k, 5);
    for (int i = 0; i < 90; i++) {
        struct event *e = kit_event(&k, PROFILE_LANGFUSE_TRACE, i);
        event_set_json(e, TRACE_tags, arena_printf(k.a, "[\"t%d\",\"always\"]", i));
        kit_seal(&k, e);
        kit_apply(&k, TRACE, &row, e, RECV);
    }
    struct json tags;
    assert_int_equal(json_parse(k.a, row.cols[TRACE_tags].s, 0, &tags, NULL), ST_OK);
    assert_int_equal(json_size(tags), 91);
    assert_true(kit_state(&k, TRACE, &row)->n_cells <= MERGE_PATCHES_MAX);
    kit_fini(&k);
}

/* The newest receipts, in whatever order they come. */
static void test_receipts_keep_the_newest(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    size_t order[40];
    kit_init(&k, 7);
    shuffle(&k, order, 40);
    for (size_t i = 0; i < 40; i++) {
        struct event *e = kit_event(&k, PROFILE_LANGWATCH_TRACE, (int64_t)order[i]);
        event_set_json(e, TRACE_receipts, arena_printf(k.a, "[\"%02zu\"]", order[i]));
        kit_seal(&k, e);
        kit_apply(&k, TRACE, &row, e, RECV + (int64_t)i);
    }
    assert_string_equal(arena_cstr(k.a, row.cols[TRACE_receipts].s),
        "[\"30\",\"31\",\"32\",\"33\",\"34\",\"35\",\"36\",\"37\",\"38\",\"39\"]");
    kit_fini(&k);
}

/* A retry of the same map at a later time does not grow the row, though the older text is a reference by then. */
static void test_equal_patches_are_one(void **state)
{
    (void)state;
    struct kit k;
    struct kit_row row = { 0 };
    kit_init(&k, 6);
    for (int i = 0; i < 50; i++)
        kit_apply(&k, TRACE, &row, patch_event(&k, i, MODE_SHALLOW, STR("{\"sdk\":\"x\",\"v\":1}")), RECV);
    assert_true(kit_state(&k, TRACE, &row)->n_cells <= 2);
    kit_fini(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_1_2_join_commutes_and_associates),
        cmocka_unit_test(test_3_join_is_idempotent),
        cmocka_unit_test(test_4_first_is_latest_with_inverted_keys),
        cmocka_unit_test(test_5_encoded_rows_merge_alike),
        cmocka_unit_test(test_5_decode_of_encode_is_the_state),
        cmocka_unit_test(test_6_one_writer_is_short),
        cmocka_unit_test(test_6_nulls_of_a_start_are_implied),
        cmocka_unit_test(test_claims_agree_with_states),
        cmocka_unit_test(test_rows_load),
        cmocka_unit_test(test_16_an_edit_shows_behind_a_fast_clock),
        cmocka_unit_test(test_minor_orders_one_time),
        cmocka_unit_test(test_an_absurd_time_counts_as_none),
        cmocka_unit_test(test_a_beaten_tie_is_remembered),
        cmocka_unit_test(test_seen_is_bounded),
        cmocka_unit_test(test_time_of_receipt),
        cmocka_unit_test(test_8_covering_shows_the_same),
        cmocka_unit_test(test_too_many_patches_fold),
        cmocka_unit_test(test_9_patches_under_a_base),
        cmocka_unit_test(test_tags_beyond_the_most_keep_all),
        cmocka_unit_test(test_receipts_keep_the_newest),
        cmocka_unit_test(test_equal_patches_are_one),
    };
    return cmocka_run_group_tests_name("model_merge", tests, NULL, NULL);
}
