/* otlp: log records that carry GenAI content (otlp.md 1.8), every row of its table, and those that carry none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/derive.h"
#include "support/otlp_mapped.h"

#define SPRING "org.springframework.ai.chat.observation.ChatModel"

struct log_case {
    struct otlp_case c;
    const char *profile, *scope; /* of the first event */
};

static void check(const struct log_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct otlp_mapped m;
        otlp_mapped_init(&m);
        otlp_mapped_log(&m, &cases[i].c);
        struct json e = json_at(m.events, 0);
        if (m.mapped != 1 || !str_is(json_str(json_key(e, "profile")), cases[i].profile) ||
            !str_is(json_str(json_key(e, "scope")), cases[i].scope ? cases[i].scope : "") ||
            !otlp_mapped_shows(&m, 0, cases[i].c.name, cases[i].c.expect))
            fail_msg("%s: %zu mapped, %.*s", cases[i].c.name, m.mapped, STR_ARG(json_text(m.a, m.events)));
        otlp_mapped_fini(&m);
    }
}

#define MESSAGE(role) "\"eventName\":\"gen_ai." role ".message\""
#define ABOUT_SPAN \
    "\"parent_id\":\"" CASE_TRACE "/" CASE_SPAN "\",\"trace_id\":\"" CASE_TRACE "\",\"time_ns\":1500"

static void single_messages(void **state)
{
    static const struct log_case cases[] = {
        { { "a role by the record's name", NULL,
              MESSAGE(
                  "user") ",\"body\":{\"kvlistValue\":{\"values\":[{\"key\":\"content\",\"value\":{\"stringValue\":\"hi\"}}]}}",
              .expect = "{\"name\":\"gen_ai.user.message\",\"status\":\"input\"," ABOUT_SPAN
                        ",\"body\":{\"content\":\"hi\",\"role\":\"user\"}}" },
            "OTLP_LOG_MESSAGE", "log_message" },
        { { "a role of its own, JSON text", NULL,
              MESSAGE(
                  "system") ",\"body\":{\"stringValue\":\"{\\\"role\\\":\\\"developer\\\",\\\"content\\\":\\\"c\\\"}\"}",
              .expect = "{\"status\":\"input\",\"body\":{\"role\":\"developer\",\"content\":\"c\"}}" },
            "OTLP_LOG_MESSAGE", "log_message" },
        { { "plain text", NULL, MESSAGE("assistant") ",\"body\":{\"stringValue\":\"said\"}",
              .expect = "{\"status\":\"input\",\"body\":{\"content\":\"said\",\"role\":\"assistant\"}}" },
            "OTLP_LOG_MESSAGE", "log_message" },
        { { "in attributes, named by one",
              "{\"event.name\":\"gen_ai.tool.message\",\"gen_ai.system\":\"openai\",\"id\":\"c1\",\"content\":\"{\\\"t\\\":1}\"}",
              NULL,
              .expect =
                  "{\"name\":\"gen_ai.tool.message\",\"body\":{\"id\":\"c1\",\"content\":{\"t\":1},\"role\":\"tool\"}}" },
            "OTLP_LOG_MESSAGE", "log_message" },
        { { "as LangWatch's TypeScript logger names it", NULL,
              "\"eventName\":\"gen.ai.assistant_message\",\"body\":{\"stringValue\":\"said\"}",
              .expect = "{\"status\":\"input\",\"body\":{\"content\":\"said\",\"role\":\"assistant\"}}" },
            "OTLP_LOG_MESSAGE", "log_message" },
        { { "a choice as it names it", NULL,
              "\"eventName\":\"gen.ai.choice\",\"body\":{\"stringValue\":\"said\"}",
              .expect = "{\"status\":\"output\",\"body\":{\"content\":\"said\"}}" },
            "OTLP_LOG_MESSAGE", "log_message" },
        { { "a choice", NULL,
              "\"eventName\":\"gen_ai.choice\",\"body\":{\"kvlistValue\":{\"values\":[{\"key\":\"index\",\"value\":{\"intValue\":\"0\"}},"
              "{\"key\":\"message\",\"value\":{\"stringValue\":\"{\\\"content\\\":\\\"yo\\\"}\"}}]}}",
              .expect = "{\"name\":\"gen_ai.choice\",\"status\":\"output\"," ABOUT_SPAN
                        ",\"body\":{\"index\":0,\"message\":{\"content\":\"yo\"}}}" },
            "OTLP_LOG_MESSAGE", "log_message" },
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
}

static struct str id_of(const char *members)
{
    static char kept[64];
    struct otlp_mapped m;
    otlp_mapped_init(&m);
    otlp_mapped_log(&m, &(struct otlp_case){ "id", NULL, members });
    struct str id = json_str(json_key(json_at(m.events, 0), "id"));
    assert_true(id.n == 32);
    for (size_t i = 0; i <= id.n; i++)
        kept[i] = i < id.n ? id.p[i] : 0;
    otlp_mapped_fini(&m);
    return str_of(kept);
}

static void a_repeat_is_the_same_message(void **state)
{
    char first[64];
    (void)state;
    struct str id = id_of(MESSAGE("user") ",\"body\":{\"stringValue\":\"a\"}");
    for (size_t i = 0; i <= id.n; i++)
        first[i] = id.p[i];
    assert_true(str_is(id_of(MESSAGE("user") ",\"body\":{\"stringValue\":\"a\"}"), first));
    assert_false(str_is(id_of(MESSAGE("user") ",\"body\":{\"stringValue\":\"b\"}"), first));
    assert_false(str_is(id_of(MESSAGE("assistant") ",\"body\":{\"stringValue\":\"a\"}"), first));
    assert_false(
        str_is(id_of(MESSAGE("user") ",\"body\":{\"stringValue\":\"a\"},\"timeUnixNano\":\"1501\""), first));
    assert_false(str_is(
        id_of(MESSAGE("user") ",\"body\":{\"stringValue\":\"a\"},\"spanId\":\"b7ad6b7169203332\""), first));
}

static void the_call_as_a_whole(void **state)
{
    static const struct log_case cases[] = {
        { { "as span attributes",
              "{\"gen_ai.operation.name\":\"chat\",\"gen_ai.request.model\":\"m\",\"gen_ai.input.messages\":\"[{\\\"role\\\":\\\"user\\\"}]\","
              "\"gen_ai.output.messages\":\"[{\\\"role\\\":\\\"assistant\\\"}]\",\"gen_ai.system_instructions\":\"be brief\",\"gen_ai.usage.input_tokens\":5,"
              "\"gen_ai.tool.definitions\":\"[{\\\"name\\\":\\\"f\\\"}]\",\"gen_ai.conversation.id\":\"c\"}",
              "\"eventName\":\"gen_ai.client.inference.operation.details\"",
              .expect =
                  "{\"type\":\"GENERATION\",\"model\":\"m\",\"input\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\"}],"
                  "\"output\":[{\"role\":\"assistant\"}],\"tools\":[{\"name\":\"f\"}],\"said\":{\"session_hint\":\"c\"},\"start_ns\":1500,"
                  "\"name\":null,\"level\":null,\"parent_id\":null,\"leftovers\":null,\"metadata\":null}" },
            "OTLP_LOG", CASE_TRACE },
        { { "codex counts what was cached as input",
              "{\"model\":\"gpt-5\",\"input_token_count\":\"100\",\"output_token_count\":7,\"cached_token_count\":60,\"conversation.id\":\"c\"}",
              "\"eventName\":\"codex.sse_event\"",
              .expect =
                  "{\"type\":\"GENERATION\",\"model\":\"gpt-5\",\"usage\":{\"input\":40,\"output\":7,\"input_cached_tokens\":60}}" },
            "OTLP_LOG", CASE_TRACE },
    };
    struct otlp_mapped m;
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
    otlp_mapped_init(&m);
    otlp_mapped_log(&m, &cases[1].c);
    assert_true(str_is(json_str(json_key(json_at(m.events, 1), "profile")), "OTLP_LOG_TRACE"));
    assert_true(str_is(json_str(json_key(json_at(m.events, 1), "id")), CASE_TRACE));
    assert_true(otlp_mapped_shows(&m, 1, "codex' session", "{\"session_id\":\"c\"}"));
    otlp_mapped_fini(&m);
}

/* All that a log says of a span is a hint: what the span says shows, whichever came first. */
static void logs_are_below_the_span(void **state)
{
    struct otlp_mapped m;
    (void)state;
    otlp_mapped_init(&m);
    otlp_mapped_log(&m,
        &(struct otlp_case){ "details", "{\"gen_ai.request.model\":\"m\",\"gen_ai.input.messages\":\"[1]\"}",
            "\"eventName\":\"gen_ai.client.inference.operation.details\"" });
    const struct event *e = &m.batch.events[0];
    for (size_t i = 0; i < e->n_cells; i++)
        assert_int_equal(e->cells[i].rank, RANK_HINT);
    otlp_mapped_fini(&m);
}

static void a_judgement(void **state)
{
    static const struct log_case cases[] = {
        { { "of the span",
              "{\"gen_ai.evaluation.name\":\"relevance\",\"gen_ai.evaluation.score.value\":0.5,\"gen_ai.evaluation.score.label\":\"ok\",\"gen_ai.evaluation.explanation\":\"why\"}",
              "\"eventName\":\"gen_ai.evaluation.result\"",
              .expect =
                  "{\"name\":\"relevance\",\"source\":\"EVAL\",\"value\":{\"type\":\"NUMERIC\",\"number\":0.5,\"text\":\"ok\"},\"comment\":\"why\","
                  "\"trace_id\":\"" CASE_TRACE "\",\"observation_id\":\"" CASE_SPAN "\",\"time_ns\":1500}" },
            "OTLP_SCORE", NULL },
        { { "without a span, of the trace",
              "{\"gen_ai.evaluation.name\":\"r\",\"gen_ai.evaluation.score.label\":\"bad\"}",
              "\"eventName\":\"gen_ai.evaluation.result\",\"spanId\":\"\"",
              .expect = "{\"value\":{\"type\":\"CATEGORICAL\",\"text\":\"bad\"},\"trace_id\":\"" CASE_TRACE
                        "\",\"observation_id\":null}" },
            "OTLP_SCORE", NULL },
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
}

static void what_is_said_of_the_trace(void **state)
{
    static const struct log_case cases[] = {
        { { "spring's prompt", NULL,
              "\"body\":{\"stringValue\":\"Chat Model Prompt Content:\\n[\\\"tell a\\njoke\\\"]\"}",
              .scope = "{\"name\":\"" SPRING "PromptContentObservationHandler\"}",
              .expect = "{\"input\":\"[\\\"tell a\\njoke\\\"]\",\"output\":null}" },
            "OTLP_LOG_TRACE", NULL },
        { { "spring's completion", NULL, "\"body\":{\"stringValue\":\"Chat Model Completion:\\r\\nhaha\"}",
              .scope = "{\"name\":\"" SPRING "CompletionObservationHandler\"}",
              .expect = "{\"input\":null,\"output\":\"haha\"}" },
            "OTLP_LOG_TRACE", NULL },
        { { "claude code's prompt",
              "{\"event.name\":\"user_prompt\",\"prompt\":\"do it\",\"session.id\":\"s\"}", NULL,
              .scope = "{\"name\":\"com.anthropic.claude_code.events\"}",
              .expect = "{\"input\":\"do it\",\"session_id\":\"s\"}" },
            "OTLP_LOG_TRACE", NULL },
        { { "claude code's answer", "{\"event.name\":\"assistant_response\",\"response\":\"done\"}", NULL,
              .scope = "{\"name\":\"com.anthropic.claude_code.events\"}",
              .expect = "{\"output\":\"done\",\"session_id\":null}" },
            "OTLP_LOG_TRACE", NULL },
        { { "claude code's response body", "{\"body\":\"{\\\"content\\\":[1]}\"}",
              "\"eventName\":\"claude_code.api_response_body\"",
              .scope = "{\"name\":\"com.anthropic.claude_code.events\"}",
              .expect = "{\"output\":{\"content\":[1]}}" },
            "OTLP_LOG_TRACE", NULL },
        { { "codex' prompt", "{\"prompt\":\"fix\",\"conversation.id\":\"c\"}",
              "\"eventName\":\"codex.user_prompt\"", .expect = "{\"input\":\"fix\",\"session_id\":\"c\"}" },
            "OTLP_LOG_TRACE", NULL },
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
}

static void what_is_not_kept(void **state)
{
    static const struct otlp_case cases[] = {
        { "another record", "{\"prompt\":\"p\"}",
            "\"eventName\":\"http.request\",\"body\":{\"stringValue\":\"x\"}" },
        { "no name", NULL, "\"body\":{\"stringValue\":\"x\"}" },
        { "no trace", NULL, MESSAGE("user") ",\"body\":{\"stringValue\":\"x\"},\"traceId\":\"\"" },
        { "a message without a span", NULL,
            MESSAGE("user") ",\"body\":{\"stringValue\":\"x\"},\"spanId\":\"\"" },
        { "a message without content", NULL, "\"eventName\":\"gen_ai.choice\"" },
        { "a call without a span", "{\"gen_ai.request.model\":\"m\"}",
            "\"eventName\":\"gen_ai.client.inference.operation.details\",\"spanId\":\"\"" },
        { "a judgement without a verdict", "{\"gen_ai.evaluation.name\":\"n\"}",
            "\"eventName\":\"gen_ai.evaluation.result\"" },
        { "spring, something else", NULL, "\"body\":{\"stringValue\":\"Chat Model Prompt Content: x\"}",
            .scope = "{\"name\":\"" SPRING "PromptContentObservationHandler\"}" },
        { "claude code, something else", "{\"event.name\":\"tool_result\",\"session.id\":\"s\"}", NULL,
            .scope = "{\"name\":\"com.anthropic.claude_code.events\"}" },
        { "codex, no counts", "{\"model\":\"m\"}", "\"eventName\":\"codex.sse_event\"" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct otlp_mapped m;
        otlp_mapped_init(&m);
        otlp_mapped_log(&m, &cases[i]);
        if (m.unmapped != 1 || m.batch.n_events)
            fail_msg("%s: %.*s", cases[i].name, STR_ARG(json_text(m.a, m.events)));
        otlp_mapped_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_messages),
        cmocka_unit_test(a_repeat_is_the_same_message),
        cmocka_unit_test(the_call_as_a_whole),
        cmocka_unit_test(logs_are_below_the_span),
        cmocka_unit_test(a_judgement),
        cmocka_unit_test(what_is_said_of_the_trace),
        cmocka_unit_test(what_is_not_kept),
    };
    return cmocka_run_group_tests_name("otlp_log", tests, NULL, NULL);
}
