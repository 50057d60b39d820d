/*
 * Usage and money: what counts inside what, which row of the table a name means, and exact sums.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/derive.h"
#include "model/merge.h"
#include "support/model_kit.h"

/* A stored row that one event of this profile made. */
struct made {
    struct kit k;
    struct event *e;
    struct row row;
};

static struct event *begin(struct made *m, enum profile p)
{
    kit_init(&m->k, 1);
    m->e = kit_event(&m->k, p, 1000);
    event_set_int(m->e, OBSERVATION_type, OBS_GENERATION);
    return m->e;
}

static struct row *finish(struct made *m)
{
    struct kit_row row = { 0 };
    kit_seal(&m->k, m->e);
    kit_apply(&m->k, OBSERVATION, &row, m->e, 2000);
    m->row = (struct row){ .entity = OBSERVATION, .id = STR("id"), .fold = row.fold };
    memcpy(m->row.cols, row.cols, sizeof row.cols);
    return &m->row;
}

/* ---- usage ---------------------------------------------------------------------------------------------------------- */

static struct usage_final usage_of(enum profile p, const char *json, const char *want)
{
    struct made m;
    struct usage_final u;
    struct json have, expected;
    begin(&m, p);
    event_set_json(m.e, OBSERVATION_usage, str_of(json));
    derive_usage(m.k.a, finish(&m), &u);
    assert_int_equal(json_parse(m.k.a, u.json, 0, &have, NULL), ST_OK);
    assert_int_equal(json_parse(m.k.a, str_of(want), 0, &expected, NULL), ST_OK);
    if (!json_equal(have, expected))
        print_error("want %s, have %.*s\n", want, STR_ARG(u.json));
    assert_true(json_equal(have, expected));
    u.json = STR_NONE;
    kit_fini(&m.k);
    return u;
}

static void test_usage_keys_are_disjoint(void **state)
{
    (void)state;
    usage_of(PROFILE_LANGFUSE_CREATE, "{\"input\":10,\"output\":5,\"input_cached_tokens\":4}",
        "{\"input\":10,\"output\":5,\"input_cached_tokens\":4,\"total\":19}");
    usage_of(PROFILE_AGENTTRACE_CREATE, "{\"input\":7,\"total\":9}", "{\"input\":7,\"total\":9}");
    usage_of(PROFILE_LLMONITOR_END, "{\"input\":10,\"output\":5,\"input_cached_tokens\":4}",
        "{\"input\":6,\"output\":5,\"input_cached_tokens\":4,\"total\":15}");
    usage_of(PROFILE_LLMONITOR_END, "{\"input\":3,\"input_cached_tokens\":4}",
        "{\"input\":0,\"input_cached_tokens\":4,\"total\":4}");
    usage_of(PROFILE_LANGWATCH_SPAN,
        "{\"input\":10,\"output\":5,\"output_reasoning_tokens\":2,\"input_cached_tokens\":4}",
        "{\"input\":10,\"output\":3,\"output_reasoning_tokens\":2,\"input_cached_tokens\":4,\"total\":19}");
    usage_of(PROFILE_OTLP_SPAN,
        "{\"input\":100,\"output\":50,\"input_cached_tokens\":40,\"input_cache_creation\":10,\"output_reasoning_tokens\":20,"
        "\"output_audio_tokens\":5,\"total\":150}",
        "{\"input\":100,\"output\":50,\"input_cached_tokens\":40,\"input_cache_creation\":10,\"output_reasoning_tokens\":20,"
        "\"output_audio_tokens\":5,\"total\":150}"); /* disjoint when it was decoded */
    usage_of(PROFILE_LANGTRACE_SPAN, "{\"input\":60,\"input_cached_tokens\":40,\"output\":5}",
        "{\"input\":60,\"input_cached_tokens\":40,\"output\":5,\"total\":105}");
    usage_of(PROFILE_LANGFUSE_CREATE, "{\"input\":4,\"output\":-7,\"x\":\"y\",\"f\":1.9}",
        "{\"input\":4,\"f\":1,\"total\":5}");
}

static void test_usage_sums(void **state)
{
    (void)state;
    struct usage_final u = usage_of(PROFILE_LANGFUSE_CREATE,
        "{\"input\":1,\"input_audio_tokens\":2,\"input_cached_tokens\":4,\"input_cache_creation\":8,\"output\":16,"
        "\"output_reasoning_tokens\":32,\"other\":64,\"estimated\":true}",
        "{\"input\":1,\"input_audio_tokens\":2,\"input_cached_tokens\":4,\"input_cache_creation\":8,\"output\":16,"
        "\"output_reasoning_tokens\":32,\"other\":64,\"total\":127}");
    assert_int_equal(u.input, 3);
    assert_int_equal(u.input_all, 15);
    assert_int_equal(u.output, 48);
    assert_int_equal(u.output_all, 48);
    assert_int_equal(u.cached, 4);
    assert_int_equal(u.cache_creation, 8);
    assert_int_equal(u.reasoning, 32);
    assert_int_equal(u.total, 127);
    assert_true(u.estimated);
}

static void test_absurd_counts_do_not_overflow(void **state)
{
    (void)state;
    struct usage_final u =
        usage_of(PROFILE_LANGFUSE_CREATE, "{\"input\":9223372036854775807,\"output\":9223372036854775807}",
            "{\"input\":9223372036854775807,\"output\":9223372036854775807,\"total\":9223372036854775807}");
    assert_int_equal(u.total, INT64_MAX);
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static void test_names_find_their_row(void **state)
{
    (void)state;
    static const char *const names[][2] = { { "gpt-4o", "gpt-4o" }, { "gpt-4o-2024-08-06", "gpt-4o" },
        { "openai/gpt-4o-mini", "gpt-4o-mini" }, { "GPT-4O-MINI-2024-07-18", "gpt-4o-mini" },
        { "gpt-4o-2024-05-13", "gpt-4o-2024-05-13" }, { "gpt-35-turbo", "gpt-3.5-turbo" },
        { "gpt-3.5-turbo-0125", "gpt-3.5-turbo" }, { "claude-3.5-sonnet", "claude-3-5-sonnet" },
        { "claude-3-5-sonnet-20241022", "claude-3-5-sonnet" },
        { "eu.anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-3-5-sonnet" },
        { "anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku" },
        { "us.amazon.nova-lite-v1:0", "nova-lite" },
        { "models/gemini-2.0-flash-lite", "gemini-2.0-flash-lite" },
        { "deepseek-ai/deepseek-r1-fp8", "deepseek-r1" },
        { "ft:gpt-4o-mini-2024-07-18:acme", "ft:gpt-4o-mini" }, { " gpt-4 ", "gpt-4" },
        { "gpt-5.1-2025-11-13", "gpt-5.1" }, { "gpt-4ox", NULL }, { "gpt", NULL }, { "", NULL },
        { "my-own-model", NULL }, { "/", NULL } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct price *p = price_find(price_default(), str_of(names[i][0]));
        if (!p != !names[i][1] || (p && strcmp(p->model, names[i][1]) != 0))
            print_error("%s finds %s\n", names[i][0], p ? p->model : "nothing");
        assert_true(p ? names[i][1] && strcmp(p->model, names[i][1]) == 0 : !names[i][1]);
    }
}

static void test_legacy_names(void **state)
{
    (void)state;
    assert_string_equal(price_find_legacy(STR("my-gpt4-turbo"))->model, "gpt-4-turbo");
    assert_string_equal(price_find_legacy(STR("gpt-35-turbo-16k"))->model, "gpt-3.5-turbo-16k");
    assert_string_equal(price_find_legacy(STR("CLAUDE3-opus"))->model, "claude-3-opus");
    assert_null(price_find_legacy(STR("llama")));
    assert_null(price_find_legacy(STR("")));
}

static void test_long_names(void **state)
{
    (void)state;
    static char name[1000];
    memset(name, 'x', sizeof name - 1);
    memcpy(name, "gpt-35", 6);
    assert_null(price_find(price_default(), str_of(name)));
    assert_null(price_find_legacy(str_of(name + 6)));
}

/* ---- money ---------------------------------------------------------------------------------------------------------- */

static int64_t cost_of(struct made *m, bool *computed)
{
    struct usage_final u;
    struct row *r = finish(m);
    derive_usage(m->k.a, r, &u);
    int64_t cost = derive_cost(m->k.a, r, &u, price_default(), computed);
    kit_fini(&m->k);
    return cost;
}

static int64_t sent(enum profile p, const char *json)
{
    struct made m;
    bool computed;
    begin(&m, p);
    event_set_json(m.e, OBSERVATION_cost, str_of(json));
    int64_t cost = cost_of(&m, &computed);
    assert_false(computed && cost >= 0);
    return cost;
}

static void test_sent_costs_are_exact(void **state)
{
    (void)state;
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":0.1}"), 100000000);
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":1e-9}"), 1);
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":0.0000000004}"), 0);
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":0.0000000005}"), 1);
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":0.00000000149999}"), 1);
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":123456789.987654321}"), INT64_C(123456789987654321));
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":1.5e3}"), INT64_C(1500000000000));
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":1e300}"), INT64_MAX);
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":1e-300}"), 0);
    assert_int_equal(sent(PROFILE_OTLP_SPAN, "{\"total\":0}"), 0);
    assert_int_equal(
        sent(PROFILE_AGENTTRACE_CREATE, "{\"input\":0.1,\"output\":0.2,\"cache\":0.3}"), 600000000);
    assert_int_equal(sent(PROFILE_LANGFUSE_CREATE, "{\"input\":0.1,\"output\":0.2}"), 300000000);
    assert_int_equal(
        sent(PROFILE_LANGFUSE_CREATE, "{\"input\":1,\"cache\":2}"), -1); /* langfuse.md 6.7, last row */
}

static int64_t priced(enum profile p, const char *model, const char *usage, int64_t took_ns)
{
    struct made m;
    bool computed;
    begin(&m, p);
    event_set_text(m.e, OBSERVATION_model, str_of(model));
    event_set_json(m.e, OBSERVATION_usage, str_of(usage));
    event_set_int(m.e, OBSERVATION_start_ns, 0);
    event_set_int(m.e, OBSERVATION_end_ns, took_ns);
    int64_t cost = cost_of(&m, &computed);
    assert_int_equal(computed, cost >= 0);
    return cost;
}

static void test_table_costs(void **state)
{
    (void)state;
    const int64_t s = NS_PER_S;
    /* 1000 in at 2.5, 500 out at 10 USD a million */
    assert_int_equal(
        priced(PROFILE_LANGFUSE_CREATE, "gpt-4o", "{\"input\":1000,\"output\":500}", s), 7500000);
    /* of 1000 in, 400 cached at 1.25 */
    assert_int_equal(
        priced(PROFILE_OTLP_SPAN, "gpt-4o", "{\"input\":600,\"output\":500,\"input_cached_tokens\":400}", s),
        7000000);
    assert_int_equal(priced(PROFILE_LLMONITOR_END, "gpt-4o",
                         "{\"input\":1000,\"output\":500,\"input_cached_tokens\":400}", s),
        7000000);
    /* LLMonitor: a run of less than 10 ms was answered from a cache */
    assert_int_equal(
        priced(PROFILE_LLMONITOR_END, "gpt-4o", "{\"input\":1000,\"output\":500}", 9 * NS_PER_MS), -1);
    assert_int_equal(priced(PROFILE_LLMONITOR_END, "gpt-4o", "{\"input\":1000}", 10 * NS_PER_MS), 2500000);
    /* only its own servers knew this one */
    assert_int_equal(
        priced(PROFILE_LLMONITOR_END, "text-davinci-003", "{\"input\":1000,\"output\":1000}", s), 40000000);
    assert_int_equal(
        priced(PROFILE_OTLP_SPAN, "text-davinci-003", "{\"input\":1000,\"output\":1000}", s), -1);
    assert_int_equal(priced(PROFILE_OTLP_SPAN, "no such model", "{\"input\":1000}", s), -1);
    /* less than a nano-USD a token, rounded once */
    assert_int_equal(priced(PROFILE_OTLP_SPAN, "gemini-1.5-flash-8b", "{\"input\":3}", s), 113);
    assert_int_equal(
        priced(PROFILE_OTLP_SPAN, "claude-sonnet-4-5", "{\"input\":100,\"input_cache_creation\":1000}", s),
        3750000 + 300000);
    assert_int_equal(priced(PROFILE_LANGFUSE_CREATE, "o1-pro", "{\"input\":9223372036854775807}", s) > 0, 1);
}

static void test_langwatch_takes_a_zero_for_unknown(void **state)
{
    (void)state;
    struct made m;
    bool computed;
    begin(&m, PROFILE_LANGWATCH_SPAN);
    event_set_json(m.e, OBSERVATION_cost, STR("{\"total\":0}"));
    event_set_text(m.e, OBSERVATION_model, STR("gpt-4o"));
    event_set_json(m.e, OBSERVATION_usage, STR("{\"input\":1000}"));
    assert_int_equal(cost_of(&m, &computed), 2500000);
    assert_true(computed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_keys_are_disjoint),
        cmocka_unit_test(test_usage_sums),
        cmocka_unit_test(test_absurd_counts_do_not_overflow),
        cmocka_unit_test(test_names_find_their_row),
        cmocka_unit_test(test_legacy_names),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_sent_costs_are_exact),
        cmocka_unit_test(test_table_costs),
        cmocka_unit_test(test_langwatch_takes_a_zero_for_unknown),
    };
    return cmocka_run_group_tests_name("model_price", tests, NULL, NULL);
}
