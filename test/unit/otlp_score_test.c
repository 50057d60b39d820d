/* otlp: scores and tracked events that ride on a span (otlp.md 2.12; langwatch.md 3.7, 7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/otlp_mapped.h"

#define LINK "\"links\":[{\"traceId\":\"11111111111111111111111111111111\",\"spanId\":\"2222222222222222\"}]"
#define EVENT(name, attributes) \
    "\"events\":[{\"name\":\"" name "\",\"timeUnixNano\":\"1200\",\"attributes\":{" attributes "}}]"
#define ON_SPAN "\"trace_id\":\"" CASE_TRACE "\",\"observation_id\":\"" CASE_SPAN "\",\"session_id\":null"

struct score_case {
    struct otlp_case c; /* expect: of the second event, after the observation */
    const char *profile;
};

static void check(const struct score_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct otlp_mapped m;
        otlp_mapped_init(&m);
        otlp_mapped_span(&m, &cases[i].c);
        struct json e = json_at(m.events, 1);
        if (!str_is(json_str(json_key(e, "profile")), cases[i].profile) ||
            !otlp_mapped_shows(&m, 1, cases[i].c.name, cases[i].c.expect))
            fail_msg("%s: %.*s", cases[i].c.name, STR_ARG(json_text(m.a, m.events)));
        otlp_mapped_fini(&m);
    }
}

static void openinference(void **state)
{
    static const struct score_case cases[] = {
        { { "a number and its label",
              "{\"evaluations.0.evaluation.name\":\"relevance\",\"evaluations.0.evaluation.score\":0.95,\"evaluations.0.evaluation.label\":\"relevant\"}",
              .expect =
                  "{\"name\":\"relevance\",\"source\":\"EVAL\",\"value\":{\"type\":\"NUMERIC\",\"number\":0.95,\"text\":\"relevant\"},\"comment\":null,\"time_ns\":1000," ON_SPAN
                  "}" },
            "OTLP_SCORE" },
        { { "a person's word",
              "{\"annotations.0.annotation.name\":\"tone\",\"annotations.0.annotation.label\":\"kind\",\"annotations.0.annotation.annotator_kind\":\"HUMAN\","
              "\"annotations.0.annotation.explanation\":\"so polite\",\"annotations.0.annotation.metadata\":\"{\\\"by\\\":\\\"Ada\\\"}\"}",
              .expect =
                  "{\"name\":\"tone\",\"source\":\"ANNOTATION\",\"value\":{\"type\":\"CATEGORICAL\",\"text\":\"kind\"},\"comment\":\"so polite\",\"metadata\":{\"by\":\"Ada\"}," ON_SPAN
                  "}" },
            "OTLP_SCORE" },
        { { "a verdict", "{\"evaluations.0.evaluation.name\":\"ok\",\"evaluations.0.evaluation.score\":true}",
              .expect = "{\"value\":{\"type\":\"BOOLEAN\",\"boolean\":true}}" },
            "OTLP_SCORE" },
        { { "of the trace",
              "{\"trace.evaluations.0.evaluation.name\":\"t\",\"trace.evaluations.0.evaluation.score\":1}",
              .expect = "{\"trace_id\":\"" CASE_TRACE "\",\"observation_id\":null,\"session_id\":null}" },
            "OTLP_SCORE" },
        { { "of the session, whatever the link",
              "{\"session.id\":\"s\",\"session.annotations.0.annotation.name\":\"t\",\"session.annotations.0.annotation.score\":1}",
              LINK, .expect = "{\"trace_id\":null,\"observation_id\":null,\"session_id\":\"s\"}" },
            "OTLP_SCORE" },
        { { "of the span that the carrier links to",
              "{\"annotations.0.annotation.name\":\"t\",\"annotations.0.annotation.score\":1}", LINK,
              .expect =
                  "{\"trace_id\":\"11111111111111111111111111111111\",\"observation_id\":\"2222222222222222\"}" },
            "OTLP_SCORE" },
        { { "of the trace that the carrier links to",
              "{\"trace.annotations.0.annotation.name\":\"t\",\"trace.annotations.0.annotation.score\":1}",
              LINK, .expect = "{\"trace_id\":\"11111111111111111111111111111111\",\"observation_id\":null}" },
            "OTLP_SCORE" },
        { { "an event", NULL,
              EVENT("gen_ai.evaluation.result",
                  "\"gen_ai.evaluation.name\":\"r\",\"gen_ai.evaluation.score.value\":0.2,\"gen_ai.evaluation.explanation\":\"why\""),
              .expect =
                  "{\"name\":\"r\",\"source\":\"EVAL\",\"value\":{\"type\":\"NUMERIC\",\"number\":0.2},\"comment\":\"why\"," ON_SPAN
                  "}" },
            "OTLP_SCORE" },
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
}

static size_t events_of(const char *attributes, const char *members)
{
    struct otlp_mapped m;
    otlp_mapped_init(&m);
    otlp_mapped_span(&m, &(struct otlp_case){ "count", attributes, members });
    size_t n = m.batch.n_events;
    otlp_mapped_fini(&m);
    return n;
}

static void what_is_no_score(void **state)
{
    (void)state;
    assert_int_equal(events_of("{\"evaluations.0.evaluation.name\":\"n\"}", NULL), 1);
    assert_int_equal(events_of("{\"evaluations.0.evaluation.score\":1}", NULL), 1);
    assert_int_equal(
        events_of("{\"evaluations.0.evaluation.name\":\"a\",\"evaluations.0.evaluation.score\":1,"
                  "\"evaluations.1.evaluation.name\":\"b\",\"evaluations.1.evaluation.score\":1}",
            NULL),
        3);
    assert_int_equal(
        events_of(NULL, EVENT("langwatch.evaluation.custom", "\"json_encoded_event\":\"{\\\"score\\\":1}\"")),
        1);
    assert_int_equal(
        events_of(NULL, EVENT("langwatch.evaluation.custom", "\"json_encoded_event\":\"no json\"")), 1);
    assert_int_equal(events_of(NULL, EVENT("langwatch.event", "\"event.metrics.vote\":1")), 1);
}

/* Of one target and name: by the identifier, else by the span that says it. */
static void identity(void **state)
{
    static const char *const spans[] = {
        "{\"annotations.0.annotation.name\":\"n\",\"annotations.0.annotation.score\":1}",
        "{\"annotations.0.annotation.name\":\"n\",\"annotations.0.annotation.score\":2}",
        "{\"annotations.0.annotation.name\":\"n\",\"annotations.0.annotation.score\":1,\"annotations.0.annotation.identifier\":\"i\"}",
        "{\"annotations.0.annotation.name\":\"o\",\"annotations.0.annotation.score\":1}",
        "{\"trace.annotations.0.annotation.name\":\"n\",\"trace.annotations.0.annotation.score\":1}",
    };
    struct otlp_mapped m[5];
    struct str ids[5];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        otlp_mapped_init(&m[i]);
        otlp_mapped_span(&m[i], &(struct otlp_case){ "id", spans[i] });
        ids[i] = m[i].batch.events[1].id;
    }
    assert_true(str_eq(ids[0], ids[1]));
    for (size_t i = 1; i < 5; i++)
        for (size_t k = 1; k < i; k++)
            assert_false(str_eq(ids[i], ids[k]));
    for (size_t i = 0; i < 5; i++)
        otlp_mapped_fini(&m[i]);
}

static void langwatch_evaluations(void **state)
{
    static const struct score_case cases[] = {
        { { "in full", NULL,
              EVENT("langwatch.evaluation.custom",
                  "\"json_encoded_event\":\"{\\\"evaluation_id\\\":\\\"e1\\\",\\\"name\\\":\\\"faith\\\",\\\"score\\\":0.5,\\\"passed\\\":true,\\\"label\\\":\\\"l\\\","
                  "\\\"details\\\":\\\"d\\\",\\\"is_guardrail\\\":true,\\\"evaluator_id\\\":\\\"ev\\\",\\\"type\\\":\\\"t\\\",\\\"inputs\\\":{\\\"q\\\":1},"
                  "\\\"span_id\\\":\\\"abc\\\",\\\"trace_id\\\":\\\"af7651916cd43dd8448eb211c80319c\\\",\\\"timestamps\\\":{\\\"started_at\\\":1755860400000,\\\"finished_at\\\":1755860401000}}\""),
              .expect =
                  "{\"name\":\"faith\",\"source\":\"EVAL\",\"value\":{\"type\":\"NUMERIC\",\"number\":0.5,\"boolean\":true,\"text\":\"l\"},\"comment\":\"d\","
                  "\"is_guardrail\":true,\"evaluator_id\":\"ev\",\"status\":\"processed\",\"leftovers\":{\"type\":\"t\",\"inputs\":{\"q\":1}},"
                  "\"observation_id\":\"0000000000000abc\",\"trace_id\":\"" CASE_TRACE "\","
                  "\"started_ns\":1755860400000000000,\"finished_ns\":1755860401000000000,\"time_ns\":1755860401000000000}" },
            "LANGWATCH_EVALUATION" },
        { { "an error has no value", NULL,
              EVENT("langwatch.evaluation.custom",
                  "\"json_encoded_event\":\"{\\\"name\\\":\\\"n\\\",\\\"score\\\":1,\\\"error\\\":{\\\"message\\\":\\\"m\\\"}}\""),
              .expect =
                  "{\"status\":\"error\",\"value\":null,\"leftovers\":{\"error\":{\"message\":\"m\",\"stacktrace\":[]}},"
                  "\"observation_id\":\"" CASE_SPAN "\",\"time_ns\":1200}" },
            "LANGWATCH_EVALUATION" },
    };
    struct otlp_mapped m;
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
    otlp_mapped_init(&m);
    otlp_mapped_span(&m, &cases[0].c);
    assert_true(str_is(m.batch.events[1].id, "e1"));
    assert_int_equal(m.batch.events[1].t_ns, INT64_C(1755860401000000000));
    otlp_mapped_fini(&m);
    otlp_mapped_init(&m);
    otlp_mapped_span(&m, &cases[1].c);
    assert_true(str_starts(m.batch.events[1].id, STR("eval_md5_")));
    otlp_mapped_fini(&m);
}

static void tracked_events(void **state)
{
    struct otlp_mapped m;
    (void)state;
    otlp_mapped_init(&m);
    otlp_mapped_span(&m,
        &(struct otlp_case){ "vote", NULL,
            EVENT("langwatch.event",
                "\"event.type\":\"thumbs_up_down\",\"event.id\":\"x\",\"event.metrics.vote\":-1,\"event.details.feedback\":\"meh\",\"event.details.n\":3") });
    assert_int_equal(m.batch.n_events, 3);
    assert_true(str_is(json_str(json_key(json_at(m.events, 1), "scope")), "tracked_event"));
    assert_true(str_is(json_str(json_key(json_at(m.events, 1), "profile")), "OTLP_EVENT"));
    assert_true(otlp_mapped_shows(&m, 1, "the record",
        "{\"name\":\"thumbs_up_down\",\"trace_id\":\"" CASE_TRACE "\",\"time_ns\":1200,"
        "\"body\":{\"event_id\":\"x\",\"metrics\":{\"vote\":-1},\"event_details\":{\"feedback\":\"meh\",\"n\":\"3\"}}}"));
    assert_true(otlp_mapped_shows(&m, 2, "its score",
        "{\"name\":\"thumbs_up_down\",\"source\":\"ANNOTATION\",\"value\":{\"type\":\"NUMERIC\",\"number\":-1},\"comment\":\"meh\",\"trace_id\":\"" CASE_TRACE
        "\"}"));
    assert_true(str_starts(m.batch.events[2].id, STR("thumbs_up_down_")));
    otlp_mapped_fini(&m);
    assert_int_equal(events_of(NULL, EVENT("langwatch.event",
                                         "\"event.type\":\"thumbs_up_down\",\"event.metrics.vote\":7")),
        2);
    assert_int_equal(events_of(NULL, EVENT("langwatch.event", "\"event.type\":\"selected_text\"")), 2);
}

/* The id that /api/track_event gives the same event: 16 bytes of sha256("<trace>:<event>"). */
static void the_same_event_by_either_way(void **state)
{
    struct otlp_mapped m;
    (void)state;
    otlp_mapped_init(&m);
    otlp_mapped_span(&m, &(struct otlp_case){ "x", NULL,
                             EVENT("langwatch.event", "\"event.type\":\"t\",\"event.id\":\"x\"") });
    assert_true(str_is(m.batch.events[1].id, "5c6d8573df4e48ab76bcc5a28f70fdfe"));
    otlp_mapped_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openinference),
        cmocka_unit_test(what_is_no_score),
        cmocka_unit_test(identity),
        cmocka_unit_test(langwatch_evaluations),
        cmocka_unit_test(tracked_events),
        cmocka_unit_test(the_same_event_by_either_way),
    };
    return cmocka_run_group_tests_name("otlp_score", tests, NULL, NULL);
}
