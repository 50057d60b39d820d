/*
 * What a trace shows: of its observations, in any order of them (merge.md 12.2, property 17), and where its own row has a say too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/derive.h"
#include "support/model_kit.h"

/* A trace under construction. */
struct trace {
    struct kit k;
    struct row rows[16];
    size_t n;
    struct derived derived;
    struct row row; /* the trace's own */
};

static void setup(struct trace *t, uint64_t seed)
{
    memset(t, 0, sizeof *t);
    kit_init(&t->k, seed);
    t->row = (struct row){ .entity = TRACE, .id = STR("t") };
}

/* One observation from one event; NULL texts say nothing. */
static struct event *span(
    struct trace *t, enum profile p, const char *id, const char *parent, int64_t start, int64_t end)
{
    struct event *e = kit_event(&t->k, p, end);
    e->id = str_of(id);
    event_set_text(e, OBSERVATION_name, str_of(id));
    event_set_text(e, OBSERVATION_parent_id, str_of(parent));
    event_set_int(e, OBSERVATION_start_ns, start);
    event_set_int(e, OBSERVATION_end_ns, end);
    return e;
}

static void add(struct trace *t, struct event *e)
{
    struct kit_row row = { 0 };
    kit_seal(&t->k, e);
    kit_apply(&t->k, OBSERVATION, &row, e, 1000);
    struct row *r = &t->rows[t->n++];
    *r = (struct row){ .entity = OBSERVATION, .id = e->id, .scope = STR("t"), .fold = row.fold };
    memcpy(r->cols, row.cols, sizeof r->cols);
}

static void given(struct trace *t, struct event *e)
{
    struct kit_row row = { .there = t->row.fold.n > 0, .fold = t->row.fold };
    memcpy(row.cols, t->row.cols, sizeof row.cols);
    kit_seal(&t->k, e);
    kit_apply(&t->k, TRACE, &row, e, 1000);
    t->row.fold = row.fold;
    memcpy(t->row.cols, row.cols, sizeof row.cols);
}

static struct row *derive(struct trace *t)
{
    derive_trace(t->k.a, t->rows, t->n, price_default(), &t->derived);
    t->row.derived = &t->derived;
    return &t->row;
}

#define SHOWS(have, want) assert_string_equal(arena_cstr(t.k.a, have), want)

static void test_root_gives_and_hints_fill(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    struct event *e = span(&t, PROFILE_OTLP_SPAN, "child", "root", 1, 5);
    event_set_json(e, OBSERVATION_said,
        STR("{\"user_hint\":\"child user\",\"session_hint\":\"child session\",\"release\":\"r1\"}"));
    event_set_json(e, OBSERVATION_input, STR("\"ci\""));
    add(&t, e);
    e = span(&t, PROFILE_OTLP_SPAN, "root", NULL, 0, 9);
    event_set_json(e, OBSERVATION_said, STR("{\"user_hint\":\"root user\"}"));
    event_set_text(e, OBSERVATION_environment, STR("prod"));
    event_set_text(e, OBSERVATION_version, STR("v1"));
    event_set_json(e, OBSERVATION_input, STR("\"ri\""));
    add(&t, e);
    struct row *r = derive(&t);
    SHOWS(trace_name(r), "root");
    SHOWS(trace_user_id(r), "root user");
    SHOWS(trace_session_id(r), "child session");
    SHOWS(trace_release(r), "r1");
    SHOWS(trace_version(r), "v1");
    SHOWS(trace_environment(r), "prod");
    assert_int_equal(trace_start_ns(r), 0);
    assert_int_equal(trace_end_ns(r), 9);
    assert_int_equal(trace_input(r, false).piece, OBSERVATION_input);
    assert_int_equal(trace_output(r, true).kind, V_NULL);
    kit_fini(&t.k);
}

/* A resource or a request speaks for all its spans alike, so it only fills, on a root too; the earliest span has it. */
static void test_what_many_spans_share_only_fills(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct trace t;
        setup(&t, 1);
        for (int i = 0; i < 2; i++) {
            bool root = i == order;
            struct event *e = root ? span(&t, PROFILE_OTLP_SPAN, "root", NULL, 0, 9)
                                   : span(&t, PROFILE_OTLP_SPAN, "child", "root", 1, 5);
            event_set_json(e, OBSERVATION_said,
                root ? STR("{\"name_hint\":\"hinted\",\"user_shared\":\"u\",\"session_shared\":\"root's\"}")
                     : STR("{\"session_hint\":\"child's\",\"user_shared\":\"later\"}"));
            add(&t, e);
        }
        struct row *r = derive(&t);
        SHOWS(trace_name(r), "hinted");
        SHOWS(trace_user_id(r), "u");
        SHOWS(trace_session_id(r), "root's");
        assert_int_equal(t.derived.ranks[DERIVED_USER], RANK_HINT);
        assert_int_equal(t.derived.ranks[DERIVED_SESSION], RANK_HINT);
        assert_int_equal(t.derived.ranks[DERIVED_NAME], RANK_BASE);
        kit_fini(&t.k);
    }
}

/* A log record tells no parent: until its span comes, it only hints and guesses. */
static void test_a_row_known_by_logs_is_no_root(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    struct event *e = kit_event(&t.k, PROFILE_OTLP_LOG, 5);
    e->id = STR("logged");
    event_set_as(e, OBSERVATION_start_ns, value_int(1), RANK_HINT, FIRST, MODE_REPLACE);
    event_set_json(e, OBSERVATION_input, STR("\"li\""));
    event_set_json(e, OBSERVATION_said, STR("{\"session_hint\":\"s\"}"));
    add(&t, e);
    struct row *r = derive(&t);
    assert_int_equal(trace_input(r, false).kind, V_NULL);
    assert_int_equal(trace_input(r, true).kind, V_REF);
    assert_int_equal(t.derived.ranks[DERIVED_SESSION], RANK_HINT);
    e = span(&t, PROFILE_OTLP_SPAN, "root", NULL, 3, 9);
    event_set_json(e, OBSERVATION_input, STR("\"ri\""));
    add(&t, e);
    r = derive(&t);
    SHOWS(trace_name(r), "root");
    assert_int_equal(trace_input(r, false).piece, OBSERVATION_input);
    assert_int_equal(t.derived.key_ns[DERIVED_INPUT], 3);
    kit_fini(&t.k);
}

static void test_without_a_root_there_are_guesses(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    struct event *e = span(&t, PROFILE_OTLP_SPAN, "tool", "gone", 1, 5);
    event_set_int(e, OBSERVATION_type, OBS_TOOL);
    event_set_json(e, OBSERVATION_input, STR("\"no\""));
    add(&t, e);
    e = span(&t, PROFILE_OTLP_SPAN, "late", "gone", 2, 6);
    event_set_json(e, OBSERVATION_input, STR("\"in\""));
    event_set_json(e, OBSERVATION_output, STR("\"out\""));
    add(&t, e);
    struct row *r = derive(&t);
    SHOWS(trace_name(r), "tool");
    assert_int_equal(trace_input(r, false).kind, V_NULL);
    assert_int_equal(trace_input(r, true).kind, V_REF);
    assert_int_equal(trace_output(r, true).kind, V_REF);
    kit_fini(&t.k);
}

static void test_langfuse_spans_name_nothing(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    struct event *e = span(&t, PROFILE_LANGFUSE_CREATE, "s", NULL, 1, 5);
    event_set_json(e, OBSERVATION_input, STR("\"in\""));
    add(&t, e);
    struct row *r = derive(&t);
    assert_null(trace_name(r).p);
    assert_int_equal(trace_input(r, false).kind, V_NULL);
    assert_int_equal(trace_input(r, true).kind, V_REF);
    assert_int_equal(t.derived.observations, 1);
    SHOWS(trace_environment(r), "default");
    kit_fini(&t.k);
}

static void test_runs(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    struct event *e = span(&t, PROFILE_LLMONITOR_START, "t", NULL, 0, 9);
    event_set_json(e, OBSERVATION_tags, STR("[\"b\",\"a\"]"));
    event_set_json(e, OBSERVATION_said, STR("{\"session_id\":\"thread\",\"session_user_id\":\"member\"}"));
    add(&t, e);
    e = span(&t, PROFILE_LLMONITOR_START, "kid", "t", 1, 2);
    event_set_text(e, OBSERVATION_user_id, STR("kid user"));
    event_set_json(e, OBSERVATION_tags, STR("[\"kid\"]"));
    add(&t, e);
    struct row *r = derive(&t);
    SHOWS(trace_name(r), "t");
    SHOWS(trace_session_id(r), "thread");
    SHOWS(trace_user_id(r), "member");
    SHOWS(trace_tags(t.k.a, r), "[\"b\",\"a\"]");
    kit_fini(&t.k);
}

static void test_sums_and_times(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    struct event *e = span(&t, PROFILE_LANGWATCH_SPAN, "a", NULL, 10, 90);
    event_set_json(e, OBSERVATION_usage,
        STR("{\"input\":3,\"output\":4,\"output_reasoning_tokens\":1,\"estimated\":true}"));
    event_set_json(e, OBSERVATION_cost, STR("{\"total\":0.5}"));
    event_set_int(e, OBSERVATION_first_token_ns, 30);
    add(&t, e);
    e = span(&t, PROFILE_LANGWATCH_SPAN, "b", "a", 20, TIME_NONE);
    event_set_json(e, OBSERVATION_usage, STR("{\"input\":1,\"input_cached_tokens\":5}"));
    event_set_json(e, OBSERVATION_cost, STR("{\"total\":0.25}"));
    event_set_int(e, OBSERVATION_level, LEVEL_ERROR);
    event_set_int(e, OBSERVATION_first_token_ns, 10); /* before the start: not looked at */
    add(&t, e);
    e = span(&t, PROFILE_LANGWATCH_SPAN, "g", "a", 100, TIME_NONE);
    event_set_int(e, OBSERVATION_type, OBS_GUARDRAIL);
    event_set_int(e, OBSERVATION_level, LEVEL_ERROR);
    event_set_json(e, OBSERVATION_said, STR("{\"blocked\":true}"));
    add(&t, e);
    e = span(&t, PROFILE_OTLP_SPAN, "rollup", "a", 30, 40);
    event_set_json(e, OBSERVATION_usage, STR("{\"input\":1000}"));
    event_set_json(e, OBSERVATION_said, STR("{\"skip_usage\":true}"));
    add(&t, e);
    struct row *r = derive(&t);
    const struct derived *d = &t.derived;
    SHOWS(d->usage,
        "{\"input\":4,\"output\":3,\"output_reasoning_tokens\":1,\"total\":13,\"input_cached_tokens\":5}");
    assert_int_equal(d->tokens_input, 4);
    assert_int_equal(d->tokens_output, 4);
    assert_int_equal(d->tokens_total, 13);
    assert_int_equal(d->tokens_cached, 5);
    assert_int_equal(d->tokens_reasoning, 1);
    assert_int_equal(d->cost_nano_usd, 750000000);
    assert_int_equal(d->estimated, 1);
    assert_int_equal(d->blocked, 1);
    assert_int_equal(d->errors, 2);
    SHOWS(d->first_error, "b");
    assert_int_equal(d->first_token_ns, 20);
    assert_int_equal(d->start_ns, 10);
    assert_int_equal(d->end_ns, 100);
    assert_int_equal(d->last_end_ns, 90);
    assert_true(trace_has_error(r));
    kit_fini(&t.k);
}

/* ---- the trace's own row -------------------------------------------------------------------------------------------- */

static struct event *own(struct trace *t, enum profile p, int64_t time)
{
    struct event *e = kit_event(&t->k, p, time);
    e->id = STR("t");
    return e;
}

static void root_with_session(struct trace *t)
{
    struct event *e = span(t, PROFILE_OTLP_SPAN, "root", NULL, 50, 90);
    event_set_json(e, OBSERVATION_said,
        STR("{\"user_id\":\"said\",\"session_hint\":\"hint\",\"public\":true,\"tags\":[\"s\"],\"metadata\":{\"a\":{\"x\":1}}}"));
    event_set_json(e, OBSERVATION_output, STR("1"));
    add(t, e);
}

static void test_rank_then_time(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    root_with_session(&t);
    struct event *e = own(&t, PROFILE_LANGFUSE_TRACE, 40);
    event_set_text(e, TRACE_name, STR("given"));
    event_set_text(e, TRACE_user_id, STR("older"));
    event_set_json(e, TRACE_output, STR("2"));
    given(&t, e);
    struct row *r = derive(&t);
    SHOWS(trace_name(r), "given");   /* 3 over a root's 2 */
    SHOWS(trace_user_id(r), "said"); /* 3 and 3: the later */
    assert_int_equal(trace_output(r, false).piece, TRACE_output);
    e = own(&t, PROFILE_LANGFUSE_TRACE, 60);
    event_set_text(e, TRACE_user_id, STR("newer"));
    given(&t, e);
    SHOWS(trace_user_id(derive(&t)), "newer");
    kit_fini(&t.k);
}

static void test_a_create_is_below_a_root(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    root_with_session(&t);
    struct event *e = own(&t, PROFILE_AGENTTRACE_TRACE_CREATE, 99);
    event_set_text(e, TRACE_name, STR("create"));
    event_set_text(e, TRACE_session_id, STR("create session"));
    given(&t, e);
    struct row *r = derive(&t);
    SHOWS(trace_name(r), "root");
    SHOWS(trace_session_id(r), "hint"); /* a root's hint has its rank */
    kit_fini(&t.k);
}

static void test_a_null_hides_derived_values(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    struct event *e = span(&t, PROFILE_OTLP_SPAN, "root", NULL, 50, 90);
    add(&t, e);
    e = span(&t, PROFILE_OTLP_SPAN, "kid", "root", 60, 70);
    event_set_json(e, OBSERVATION_said, STR("{\"session_hint\":\"K\"}"));
    add(&t, e);
    e = own(&t, PROFILE_LANGFUSE_TRACE, 40);
    event_set_null(e, TRACE_name);
    event_set_null(e, TRACE_session_id);
    given(&t, e);
    struct row *r = derive(&t);
    assert_null(trace_name(r).p);
    SHOWS(trace_session_id(r), "K"); /* but no hint */
    kit_fini(&t.k);
}

static void test_times_given(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    root_with_session(&t);
    struct event *e = own(&t, PROFILE_AGENTTRACE_TRACE_UPDATE, 99);
    event_set_int(e, TRACE_start_ns, 7); /* a hint */
    given(&t, e);
    assert_int_equal(trace_start_ns(derive(&t)), 50);
    t.n = 0;
    assert_int_equal(trace_start_ns(derive(&t)), 7);
    e = own(&t, PROFILE_LANGFUSE_TRACE, 99);
    event_set_int(e, TRACE_start_ns, 5);
    given(&t, e);
    assert_int_equal(trace_start_ns(derive(&t)), 5);
    assert_int_equal(trace_end_ns(derive(&t)), TIME_NONE);
    kit_fini(&t.k);
}

static void test_tags_metadata_public(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    root_with_session(&t);
    struct row *r = derive(&t);
    SHOWS(trace_tags(t.k.a, r), "[\"s\"]");
    SHOWS(trace_metadata(t.k.a, r), "{\"a\":{\"x\":1}}");
    assert_true(trace_public(r));
    struct event *e = own(&t, PROFILE_LANGFUSE_TRACE, 10);
    event_set_json(e, TRACE_tags, STR("[\"l\",\"s\"]"));
    given(&t, e);
    r->cols[TRACE_metadata] = value_json(STR("{\"a\":{\"y\":2}}"));
    SHOWS(trace_tags(t.k.a, r), "[\"l\",\"s\"]");
    SHOWS(trace_metadata(t.k.a, r), "{\"a\":{\"x\":1,\"y\":2}}");
    e = own(&t, PROFILE_EDIT_TRACE, TIME_NONE);
    event_set_json(e, TRACE_tags, STR("[\"e\"]"));
    event_set_int(e, TRACE_public, 0);
    given(&t, e);
    assert_false(trace_public(r));
    kit_fini(&t.k);
}

static void test_an_edit_replaces_what_spans_said(void **state)
{
    (void)state;
    struct trace t;
    setup(&t, 1);
    root_with_session(&t);
    struct event *e = own(&t, PROFILE_EDIT_TRACE, TIME_NONE); /* stamped 1000 */
    event_set_json(e, TRACE_tags, STR("[]"));
    given(&t, e);
    SHOWS(trace_tags(t.k.a, derive(&t)), "[]");
    kit_fini(&t.k);
}

/* ---- property 17 ---------------------------------------------------------------------------------------------------- */

static const char *random_said(struct kit *k)
{
    static const char *const words[] = { "x", "y", "z" };
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    static const char *const keys[] = { "name", "user_id", "session_id", "release", "version", "environment",
        "user_hint", "session_hint" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!kit_below(k, 3))
            jw_kv_cstr(&w, keys[i], words[kit_below(k, 3)]);
    if (!kit_below(k, 3))
        jw_kv_raw(&w, "tags", kit_below(k, 2) ? STR("[\"a\",\"b\"]") : STR("[\"c\",\"a\"]"));
    if (!kit_below(k, 3))
        jw_kv_raw(&w, "metadata", kit_random_object(k, 1));
    if (!kit_below(k, 4))
        jw_kv_bool(&w, "public", true);
    if (!kit_below(k, 5))
        jw_kv_bool(&w, "as_root", true);
    if (!kit_below(k, 5))
        jw_kv_raw(&w, "output", STR("\"said\""));
    jw_obj_end(&w);
    const char *out = arena_cstr(k->a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void random_span(struct trace *t, size_t i, size_t n)
{
    static const enum profile profiles[] = { PROFILE_OTLP_SPAN, PROFILE_OTLP_SPAN, PROFILE_LANGWATCH_SPAN,
        PROFILE_LLMONITOR_START, PROFILE_LANGFUSE_CREATE, PROFILE_AGENTTRACE_UPDATE };
    struct kit *k = &t->k;
    const char *id = arena_cstr(k->a, arena_printf(k->a, "s%zu", i));
    const char *parent =
        kit_below(k, 3) ? arena_cstr(k->a, arena_printf(k->a, "s%u", kit_below(k, (unsigned)n))) : NULL;
    int64_t start = kit_below(k, 6) ? (int64_t)kit_below(k, 5) : TIME_NONE;
    struct event *e = span(t, profiles[kit_below(k, 6)], id, parent, start,
        kit_below(k, 4) ? (int64_t)kit_below(k, 9) : TIME_NONE);
    event_set_int(e, OBSERVATION_type, kit_below(k, OBS_TYPE_COUNT));
    event_set_int(e, OBSERVATION_level, kit_below(k, 3) ? LEVEL_DEFAULT : LEVEL_ERROR);
    if (kit_below(k, 2))
        event_set_json(e, OBSERVATION_said, str_of(random_said(k)));
    if (kit_below(k, 2))
        event_set_json(e, OBSERVATION_input, STR("1"));
    if (kit_below(k, 2))
        event_set_json(e, OBSERVATION_output, STR("2"));
    if (kit_below(k, 2))
        event_set_json(e, OBSERVATION_usage,
            arena_printf(k->a, "{\"input\":%u,\"k%u\":1}", kit_below(k, 9), kit_below(k, 3)));
    if (kit_below(k, 2))
        event_set_text(e, OBSERVATION_environment, kit_below(k, 2) ? STR("prod") : STR("dev"));
    add(t, e);
}

static struct str dump(struct trace *t)
{
    const struct derived *d = &t->derived;
    struct buf b;
    struct json usage = JSON_NONE, metadata = JSON_NONE;
    buf_init(&b, 0);
    if (d->usage.p)
        assert_int_equal(json_parse(t->k.a, d->usage, 0, &usage, NULL), ST_OK);
    if (d->metadata.kind == V_JSON)
        assert_int_equal(json_parse(t->k.a, d->metadata.s, 0, &metadata, NULL), ST_OK);
    struct str usage_text = json_canonical(t->k.a, usage), metadata_text = json_canonical(t->k.a, metadata);
    buf_printf(&b, "%lld %lld %lld %lld [%.*s %.*s %.*s %.*s %.*s %.*s] %.*s %.*s %.*s",
        (long long)d->observations, (long long)d->errors, (long long)d->start_ns, (long long)d->end_ns,
        STR_ARG(d->name), STR_ARG(d->user_id), STR_ARG(d->session_id), STR_ARG(d->release),
        STR_ARG(d->version), STR_ARG(d->environment), STR_ARG(d->tags), STR_ARG(usage_text),
        STR_ARG(metadata_text));
    buf_printf(&b, " in %lld out %lld guess %lld %lld said %.*s first %.*s", (long long)d->input.i,
        (long long)d->output.i, (long long)d->input_guess.i, (long long)d->output_guess.i,
        STR_ARG(d->output.s), STR_ARG(d->first_error));
    for (size_t i = 0; i < DERIVED_KEYS; i++)
        buf_printf(&b, " %d@%lld", d->ranks[i], (long long)d->key_ns[i]);
    struct str out = arena_dup(t->k.a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void test_17_any_order_of_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct trace t;
        setup(&t, seed);
        size_t n = 1 + kit_below(&t.k, 9);
        for (size_t i = 0; i < n; i++)
            random_span(&t, i, n);
        derive(&t);
        struct str first = dump(&t);
        for (size_t i = n; i > 1; i--) {
            size_t j = kit_below(&t.k, (unsigned)i);
            struct row swap = t.rows[i - 1];
            t.rows[i - 1] = t.rows[j];
            t.rows[j] = swap;
        }
        derive(&t);
        struct str other = dump(&t);
        if (!str_eq(first, other))
            print_error(
                "seed %llu\n  %.*s\n  %.*s\n", (unsigned long long)seed, STR_ARG(first), STR_ARG(other));
        assert_true(str_eq(first, other));
        kit_fini(&t.k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_gives_and_hints_fill),
        cmocka_unit_test(test_what_many_spans_share_only_fills),
        cmocka_unit_test(test_a_row_known_by_logs_is_no_root),
        cmocka_unit_test(test_without_a_root_there_are_guesses),
        cmocka_unit_test(test_langfuse_spans_name_nothing),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_sums_and_times),
        cmocka_unit_test(test_rank_then_time),
        cmocka_unit_test(test_a_create_is_below_a_root),
        cmocka_unit_test(test_a_null_hides_derived_values),
        cmocka_unit_test(test_times_given),
        cmocka_unit_test(test_tags_metadata_public),
        cmocka_unit_test(test_an_edit_replaces_what_spans_said),
        cmocka_unit_test(test_17_any_order_of_rows),
    };
    return cmocka_run_group_tests_name("model_derive", tests, NULL, NULL);
}
