/* otlp: what a span says of its trace (otlp.md 2.13, 2.15), its prompt (2.11), tools and documents (2.12) and metadata (2.14). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/otlp_mapped.h"

#define N(cases)     (sizeof(cases) / sizeof *(cases))
#define CHILD        "\"parentSpanId\":\"00f067aa0ba902b7\""
#define GENERATION   "\"langfuse.observation.type\":\"generation\","
#define LANGFUSE_PY5 "{\"name\":\"langfuse-sdk\",\"version\":\"5.0.4\"}"
#define PYTHON       "{\"telemetry.sdk.language\":\"python\"}"

/* ---- 2.11 -------------------------------------------------------------------------------------------------------------- */

static void prompt_link(void **state)
{
    static const struct otlp_case cases[] = {
        { "langfuse's of a generation",
            "{" GENERATION
            "\"langfuse.observation.prompt.name\":\"greet\",\"langfuse.observation.prompt.version\":3}",
            .expect = "{\"prompt\":{\"name\":\"greet\",\"version\":3}}" },
        { "langfuse's of a span is none",
            "{\"langfuse.observation.type\":\"span\",\"langfuse.observation.prompt.name\":\"greet\"}",
            .expect = "{\"prompt\":null}" },
        { "the observation's beats the other",
            "{" GENERATION
            "\"langfuse.prompt.name\":\"b\",\"langfuse.observation.prompt.name\":\"a\",\"langfuse.prompt.version\":9}",
            .expect = "{\"prompt\":{\"name\":\"a\"}}" },
        { "digits are a number",
            "{" GENERATION "\"langfuse.prompt.name\":\"p\",\"langfuse.prompt.version\":\"12\"}",
            .expect = "{\"prompt\":{\"name\":\"p\",\"version\":12}}" },
        { "a word is a version too",
            "{" GENERATION "\"langfuse.prompt.name\":\"p\",\"langfuse.prompt.version\":\"v1\"}",
            .expect = "{\"prompt\":{\"name\":\"p\",\"version\":\"v1\"}}" },
        { "vercel's langfusePrompt",
            "{" GENERATION
            "\"ai.telemetry.metadata.langfusePrompt\":\"{\\\"name\\\":\\\"wx\\\",\\\"version\\\":2,\\\"labels\\\":[]}\"}",
            .expect = "{\"prompt\":{\"name\":\"wx\",\"version\":2}}" },
        { "langwatch's handle and number, on any type", "{\"langwatch.prompt.id\":\"support/greet:5\"}",
            .expect = "{\"prompt\":{\"name\":\"support/greet\",\"version\":5}}" },
        { "a suffix that is no version is a label", "{\"langwatch.prompt.id\":\"greet:latest\"}",
            .expect = "{\"prompt\":{\"name\":\"greet\",\"label\":\"latest\"}}" },
        { "no version 0", "{\"langwatch.prompt.id\":\"greet:0\"}",
            .expect = "{\"prompt\":{\"name\":\"greet\",\"label\":\"0\"}}" },
        { "a bare id, the handle as name, variables one by one",
            "{\"langwatch.prompt.id\":\"prompt_1\",\"langwatch.prompt.handle\":\"greet\",\"langwatch.prompt.version.number\":4,"
            "\"langwatch.prompt.version.id\":\"pv_9\",\"langwatch.prompt.variables.who\":\"Ada\",\"langwatch.prompt.variables.n\":2}",
            .expect =
                "{\"prompt\":{\"name\":\"greet\",\"version\":4,\"id\":\"prompt_1\",\"version_id\":\"pv_9\",\"variables\":{\"who\":\"Ada\",\"n\":2}}}" },
        { "a bare id alone is the name too; variables as one JSON",
            "{\"langwatch.prompt.id\":\"prompt_1\",\"langwatch.prompt.variables\":\"{\\\"type\\\":\\\"json\\\",\\\"value\\\":{\\\"a\\\":1}}\"}",
            .expect = "{\"prompt\":{\"name\":\"prompt_1\",\"id\":\"prompt_1\",\"variables\":{\"a\":1}}}" },
        { "traceloop", "{\"traceloop.prompt.key\":\"k\",\"traceloop.prompt.version\":\"7\"}",
            .expect = "{\"prompt\":{\"name\":\"k\",\"version\":7}}" },
        { "langtrace", "{\"prompt_id\":\"pr-1\",\"prompt_version\":2}",
            .expect = "{\"prompt\":{\"name\":\"pr-1\",\"version\":2}}" },
        { "semconv", "{\"gen_ai.prompt.name\":\"n\"}", .expect = "{\"prompt\":{\"name\":\"n\"}}" },
        { "openinference's template is no link",
            "{\"llm.prompt_template.template\":\"hi {x}\",\"prompt.id\":\"p\"}",
            .expect =
                "{\"prompt\":null,\"metadata\":{\"attributes\":{\"llm.prompt_template.template\":\"hi {x}\",\"prompt.id\":\"p\"}}}" },
    };
    (void)state;
    assert_int_equal(otlp_check_spans(cases, N(cases)), 0);
}

/* ---- 2.12 -------------------------------------------------------------------------------------------------------------- */

#define TOOL_F      "{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}}"
#define TOOL_F_TEXT "{\\\"type\\\":\\\"function\\\",\\\"name\\\":\\\"f\\\",\\\"parameters\\\":{}}"
#define TOOL_G_TEXT "{\\\"type\\\":\\\"function\\\",\\\"function\\\":{\\\"name\\\":\\\"g\\\"}}"
#define TOOL_G      "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}"

static void tool_definitions(void **state)
{
    static const struct otlp_case cases[] = {
        { "vercel: an array of texts", "{\"ai.prompt.tools\":[\"" TOOL_F_TEXT "\",\"" TOOL_G_TEXT "\"]}",
            .expect = "{\"tools\":[" TOOL_F "," TOOL_G "]}" },
        { "semconv: one text", "{\"gen_ai.tool.definitions\":\"[" TOOL_F_TEXT "]\"}",
            .expect = "{\"tools\":[" TOOL_F "]}" },
        { "openllmetry: indexed",
            "{\"llm.request.functions.0.name\":\"f\",\"llm.request.functions.0.parameters\":\"{\\\"type\\\":\\\"object\\\"}\","
            "\"llm.request.functions.1.name\":\"g\"}",
            .expect =
                "{\"tools\":[{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}},{\"name\":\"g\"}]}" },
        { "older semconv: indexed", "{\"gen_ai.tool.definitions.0.name\":\"f\"}",
            .expect = "{\"tools\":[{\"name\":\"f\"}]}" },
        { "langtrace encodes twice",
            "{\"gen_ai.request.tools\":\"[\\\"[{\\\\\\\"name\\\\\\\":\\\\\\\"f\\\\\\\"}]\\\"]\"}",
            .expect = "{\"tools\":[{\"name\":\"f\"}]}" },
        { "openinference: a schema", "{\"llm.tools.0.tool.json_schema\":\"" TOOL_F_TEXT "\"}",
            .expect = "{\"tools\":[" TOOL_F "]}" },
        { "livekit", "{\"lk.function_tools\":[\"f\",\"g\"]}", .expect = "{\"tools\":[\"f\",\"g\"]}" },
        { "pydantic: inside the request's parameters",
            "{\"model_request_parameters\":\"{\\\"function_tools\\\":[" TOOL_F_TEXT "]}\"}",
            .expect = "{\"tools\":[" TOOL_F "]}" },
        { "adk: groups of declarations",
            "{\"gcp.vertex.agent.llm_request\":\"{\\\"config\\\":{\\\"tools\\\":[{\\\"function_declarations\\\":[" TOOL_F_TEXT
            "]}]}}\"}",
            .scope = "{\"name\":\"gcp.vertex.agent\"}", .expect = "{\"tools\":[" TOOL_F "]}" },
        { "one name once, in the order met",
            "{\"gen_ai.tool.definitions\":\"[" TOOL_G_TEXT "," TOOL_F_TEXT "," TOOL_G_TEXT
            "]\",\"gen_ai.request.tools\":\"[" TOOL_F_TEXT "]\"}",
            .expect = "{\"tools\":[" TOOL_G "," TOOL_F "]}" },
        { "metadata that is all tools leaves the metadata",
            "{\"metadata\":\"{\\\"tools\\\":[" TOOL_F_TEXT "],\\\"a\\\":1}\"}",
            .expect = "{\"tools\":[" TOOL_F "],\"metadata\":{\"a\":1}}" },
        { "metadata that is not stays", "{\"metadata\":\"{\\\"tools\\\":[\\\"hammer\\\"]}\"}",
            .expect = "{\"tools\":null,\"metadata\":{\"tools\":[\"hammer\"]}}" },
        { "none", "{\"a\":1}", .expect = "{\"tools\":null,\"documents\":null}" },
    };
    (void)state;
    assert_int_equal(otlp_check_spans(cases, N(cases)), 0);
}

static void documents(void **state)
{
    static const struct otlp_case cases[] = {
        { "openinference: only the metadata is JSON",
            "{\"retrieval.documents.0.document.id\":\"d1\",\"retrieval.documents.0.document.content\":\"[1]\","
            "\"retrieval.documents.0.document.score\":0.5,\"retrieval.documents.0.document.metadata\":\"{\\\"k\\\":1}\"}",
            .expect =
                "{\"documents\":[{\"id\":\"d1\",\"content\":\"[1]\",\"score\":0.5,\"metadata\":{\"k\":1}}]}" },
        { "it is before the others",
            "{\"gen_ai.retrieval.documents\":\"[{\\\"id\\\":\\\"b\\\"}]\",\"retrieval.documents.0.document.id\":\"a\"}",
            .expect = "{\"documents\":[{\"id\":\"a\"}]}" },
        { "semconv", "{\"gen_ai.retrieval.documents\":\"[{\\\"id\\\":\\\"b\\\"}]\"}",
            .expect = "{\"documents\":[{\"id\":\"b\"}]}" },
        { "langwatch",
            "{\"langwatch.rag.contexts\":\"[{\\\"document_id\\\":\\\"d\\\",\\\"content\\\":\\\"c\\\"}]\"}",
            .expect = "{\"documents\":[{\"document_id\":\"d\",\"content\":\"c\"}]}" },
        { "langwatch, flat", "{\"langwatch.rag_contexts\":\"[{\\\"content\\\":\\\"c\\\"}]\"}",
            .expect = "{\"documents\":[{\"content\":\"c\"}]}" },
        { "langwatch, typed",
            "{\"langwatch.contexts\":\"{\\\"type\\\":\\\"list\\\",\\\"value\\\":[{\\\"content\\\":\\\"c\\\"}]}\"}",
            .expect = "{\"documents\":[{\"content\":\"c\"}]}" },
        { "a reranker's output",
            "{\"reranker.output_documents.0.document.content\":\"c\",\"reranker.input_documents.0.document.content\":\"i\"}",
            .expect = "{\"documents\":[{\"content\":\"c\"}]}" },
        { "hits of a vector store", NULL,
            "\"events\":[{\"name\":\"db.query.result\",\"attributes\":{\"db.query.result.id\":\"h1\",\"db.query.result.document\":\"d\"}},"
            "{\"name\":\"other\"},{\"name\":\"db.search.result\",\"attributes\":{\"db.search.result.id\":\"h2\"}}]",
            .expect = "{\"documents\":[{\"id\":\"h1\",\"content\":\"d\"},{\"id\":\"h2\"}]}" },
    };
    (void)state;
    assert_int_equal(otlp_check_spans(cases, N(cases)), 0);
}

/* ---- 2.13 -------------------------------------------------------------------------------------------------------------- */

/* Every key of a list, in its order: said under the member that has its rank; the one before it beats it. */
struct ranked {
    const char *key, *member;
};
static const struct ranked users[] = { { "langfuse.user.id", "user_id" }, { "user.id", "user_id" },
    { "langwatch.user.id", "user_id" }, { "langwatch.user_id", "user_hint" }, { "user_id", "user_id" },
    { "langfuse.observation.metadata.langfuse_user_id", "user_id" },
    { "langfuse.trace.metadata.langfuse_user_id", "user_id" }, { "ai.telemetry.metadata.userId", "user_id" },
    { "ai.telemetry.metadata.user_id", "user_hint" },
    { "traceloop.association.properties.user_id", "user_id" }, { "mlflow.trace.user", "user_hint" },
    { "metadata", "user_hint" }, { "enduser.id", "user_hint" }, { "enduser.pseudo.id", "user_hint" },
    { "gen_ai.user", "user_hint" }, { "gen_ai.request.user", "user_hint" }, { "llm.user", "user_hint" } };
static const struct ranked sessions[] = { { "langfuse.session.id", "session_id" },
    { "session.id", "session_id" }, { "langwatch.thread.id", "session_id" },
    { "langwatch.thread_id", "session_hint" }, { "thread_id", "session_id" },
    { "langwatch.langgraph.thread_id", "session_hint" }, { "gen_ai.conversation.id", "session_hint" },
    { "langfuse.observation.metadata.langfuse_session_id", "session_id" },
    { "langfuse.trace.metadata.langfuse_session_id", "session_id" },
    { "ai.telemetry.metadata.sessionId", "session_id" }, { "ai.telemetry.metadata.threadId", "session_hint" },
    { "ai.telemetry.metadata.thread_id", "session_hint" },
    { "traceloop.association.properties.session_id", "session_id" },
    { "traceloop.association.properties.thread_id", "session_id" },
    { "mlflow.trace.session", "session_hint" }, { "gcp.vertex.agent.session_id", "session_hint" },
    { "mastra.metadata.threadId", "session_hint" }, { "metadata", "session_hint" } };

static void check_ranked(const struct ranked *list, size_t n, const char *in_metadata)
{
    for (size_t i = 0; i < n; i++) {
        struct otlp_mapped m;
        struct buf b;
        otlp_mapped_init(&m);
        buf_init(&b, 0);
        buf_add_char(&b, '{');
        for (size_t k = n; k-- > i;) /* the weakest first: the order sent decides nothing */
            if (str_is(str_of(list[k].key), "metadata"))
                buf_printf(
                    &b, "\"metadata\":\"{\\\"%s\\\":\\\"v%zu\\\"}\"%s", in_metadata, k, k > i ? "," : "");
            else
                buf_printf(&b, "\"%s\":\"v%zu\"%s", list[k].key, k, k > i ? "," : "");
        buf_add_char(&b, '}');
        buf_add_char(&b, 0);
        const struct otlp_case c = { list[i].key, b.p, CHILD };
        otlp_mapped_span(&m, &c);
        struct json said = json_key(otlp_mapped_cols(&m, 0), "said");
        struct str got = json_str(json_key(said, list[i].member));
        struct str want = arena_printf(m.a, "v%zu", i);
        if (!str_eq(got, want))
            fail_msg("%s: %.*s is %.*s in %.*s", list[i].key, STR_ARG(str_of(list[i].member)), STR_ARG(got),
                STR_ARG(json_text(m.a, said)));
        buf_fini(&b);
        otlp_mapped_fini(&m);
    }
}

static void users_and_sessions_in_order(void **state)
{
    (void)state;
    check_ranked(users, N(users), "userId");
    check_ranked(sessions, N(sessions), "threadId");
}

static void what_many_spans_share(void **state)
{
    static const struct otlp_case cases[] = {
        { "of the resource, on a root too", "{\"a\":1}",
            .resource = "{\"langwatch.user.id\":\"u\",\"langwatch.thread_id\":\"t\"}",
            .expect = "{\"said\":{\"user_shared\":\"u\",\"session_shared\":\"t\"}}" },
        { "below the span's own", "{\"gen_ai.user\":\"own\"}", CHILD, "{\"langwatch.user_id\":\"u\"}",
            .expect = "{\"said\":{\"user_hint\":\"own\"}}" },
        { "labels and metadata of the resource", "{\"langfuse.trace.metadata.b\":\"span\"}",
            .resource =
                "{\"langwatch.labels\":[\"x\"],\"metadata.a\":1,\"metadata.b\":2,\"langwatch.customer_id\":\"c\"}",
            .expect =
                "{\"said\":{\"tags\":[\"x\"],\"metadata\":{\"a\":1,\"b\":\"span\",\"customer_id\":\"c\"}}}" },
        { "a number is an id, spelled out", "{\"user.id\":42,\"session.id\":true}",
            .expect = "{\"said\":{\"user_id\":\"42\",\"session_id\":\"true\"}}" },
        { "what is no id is nobody", "{\"user.id\":\"a\\u0000b\"}", .expect = "{\"said\":null}" },
    };
    struct otlp_mapped m;
    (void)state;
    assert_int_equal(otlp_check_spans(cases, N(cases)), 0);
    otlp_mapped_init(&m);
    m.session_hint = STR("from-header");
    otlp_mapped_span(&m, &(struct otlp_case){ "header", "{\"a\":1}" });
    assert_true(otlp_mapped_shows(&m, 0, "header", "{\"said\":{\"session_shared\":\"from-header\"}}"));
    otlp_mapped_fini(&m);
}

static void tags_and_public(void **state)
{
    static const struct otlp_case cases[] = {
        { "an array", "{\"langfuse.trace.tags\":[\"a\",2]}",
            .expect = "{\"said\":{\"tags\":[\"a\",\"2\"]}}" },
        { "text of an array", "{\"langwatch.labels\":\"[\\\"a\\\",\\\"b\\\"]\"}",
            .expect = "{\"said\":{\"tags\":[\"a\",\"b\"]}}" },
        { "commas", "{\"tag.tags\":\" a , b,\"}", .expect = "{\"said\":{\"tags\":[\"a\",\"b\"]}}" },
        { "one", "{\"langfuse.tags\":\"solo\"}", .expect = "{\"said\":{\"tags\":[\"solo\"]}}" },
        { "the first list wins", "{\"tag.tags\":\"no\",\"langfuse.trace.tags\":[\"yes\"]}",
            .expect = "{\"said\":{\"tags\":[\"yes\"]}}" },
        { "labels of the metadata", "{\"metadata\":\"{\\\"labels\\\":[\\\"l\\\"]}\"}",
            .expect = "{\"said\":{\"tags\":[\"l\"]},\"metadata\":null}" },
        { "of a child without a trace key: none", "{\"logfire.tags\":[\"x\"]}", CHILD,
            .expect = "{\"said\":null}" },
        { "of a child with one", "{\"logfire.tags\":[\"x\"],\"user.id\":\"u\"}", CHILD,
            .expect = "{\"said\":{\"tags\":[\"x\"],\"user_id\":\"u\"}}" },
        { "public", "{\"langfuse.trace.public\":true}", .expect = "{\"said\":{\"public\":true}}" },
        { "public as text", "{\"langfuse.public\":\"true\"}", .expect = "{\"said\":{\"public\":true}}" },
        { "no other text", "{\"langfuse.public\":\"yes\"}", .expect = "{\"said\":null}" },
        { "false is unset", "{\"langfuse.trace.public\":false}", .expect = "{\"said\":null}" },
    };
    (void)state;
    assert_int_equal(otlp_check_spans(cases, N(cases)), 0);
}

static void environment_release_version(void **state)
{
    static const struct otlp_case cases[] = {
        { "none sent, none stated", "{}", .expect = "{\"environment\":null,\"version\":null,\"said\":null}" },
        { "lower case, of the resource", "{}", .resource = "{\"deployment.environment\":\"Prod\"}",
            .expect = "{\"environment\":\"prod\"}" },
        { "a key of the resource beats a later key of the span", "{\"deployment.environment\":\"late\"}",
            .resource = "{\"deployment.environment.name\":\"early\"}",
            .expect = "{\"environment\":\"early\"}" },
        { "the span beats the resource", "{\"langfuse.environment\":\"own\"}",
            .resource = "{\"langfuse.environment\":\"shared\"}", .expect = "{\"environment\":\"own\"}" },
        { "langfuse's own names are no one's", "{\"langfuse.environment\":\"Langfuse-langfuse_x\"}",
            .expect = "{\"environment\":\"x\"}" },
        { "nothing left", "{\"langfuse.environment\":\"langfuse\"}",
            .expect = "{\"environment\":\"default\"}" },
        { "40 characters", "{\"langfuse.environment\":\"0123456789012345678901234567890123456789x!\"}",
            .expect = "{\"environment\":\"0123456789012345678901234567890123456789\"}" },
        { "others are default", "{\"langfuse.environment\":\"a b\"}",
            .expect = "{\"environment\":\"default\"}" },
        { "release and version", "{\"langfuse.release\":\"r\",\"langfuse.version\":\"v\"}",
            .resource = "{\"langfuse.release\":\"no\",\"service.version\":\"no\"}",
            .expect = "{\"version\":\"v\",\"said\":{\"release\":\"r\"}}" },
        { "of the resource", "{}", .resource = "{\"langfuse.release\":\"r\",\"service.version\":\"9\"}",
            .expect = "{\"version\":\"9\",\"said\":{\"release\":\"r\"}}" },
        { "of a child: its row's alone", "{}", CHILD,
            "{\"langfuse.release\":\"r\",\"service.version\":\"9\"}",
            .expect = "{\"version\":\"9\",\"said\":null}" },
        { "of a child with a trace key", "{\"session.id\":\"s\"}", CHILD,
            "{\"langfuse.release\":\"r\",\"service.version\":\"9\"}",
            .expect = "{\"said\":{\"release\":\"r\",\"version\":\"9\",\"session_id\":\"s\"}}" },
    };
    (void)state;
    assert_int_equal(otlp_check_spans(cases, N(cases)), 0);
}

/* ---- 2.15 -------------------------------------------------------------------------------------------------------------- */

static void roots_and_explicit_values(void **state)
{
    static const struct otlp_case cases[] = {
        { "name, input and output of the trace, each on its own",
            "{\"langfuse.trace.name\":\"n\",\"langfuse.trace.output\":\"{\\\"ok\\\":true}\",\"langfuse.observation.input\":\"i\"}",
            CHILD,
            .expect =
                "{\"input\":\"i\",\"output\":null,\"said\":{\"name\":\"n\",\"output\":{\"ok\":true}}}" },
        { "agenttrace's name, of a root", "{\"agenttrace.trace.name\":\"a\"}",
            .expect = "{\"said\":{\"name_hint\":\"a\"}}" },
        { "not of a child", "{\"agenttrace.trace.name\":\"a\"}", CHILD, .expect = "{\"said\":null}" },
        { "a child as root", "{\"langfuse.internal.as_root\":true,\"langfuse.release\":\"r\"}", CHILD,
            .expect = "{\"said\":{\"as_root\":true,\"release\":\"r\"}}" },
        { "a guardrail that blocks",
            "{\"langwatch.span.type\":\"guardrail\",\"langwatch.output\":\"{\\\"type\\\":\\\"guardrail_result\\\",\\\"value\\\":{\\\"passed\\\":false}}\"}",
            CHILD, .expect = "{\"said\":{\"blocked\":true}}" },
        { "one that does not",
            "{\"langwatch.span.type\":\"guardrail\",\"langwatch.output\":\"{\\\"type\\\":\\\"guardrail_result\\\",\\\"value\\\":{\\\"passed\\\":true}}\"}",
            CHILD, .expect = "{\"said\":null}" },
        { "another type does not block", "{\"langwatch.output\":\"{\\\"passed\\\":false}\"}", CHILD,
            .expect = "{\"said\":null}" },
        { "a roll-up", "{\"langwatch.reserved.skip_token_accumulation\":true}", CHILD,
            .expect = "{\"said\":{\"skip_usage\":true}}" },
        { "experiments are kept as sent", "{\"langfuse.experiment.id\":\"e\"}", CHILD,
            .expect =
                "{\"said\":null,\"leftovers\":{\"attributes\":{\"langfuse.experiment.id\":\"e\"}},\"metadata\":null}" },
    };
    (void)state;
    assert_int_equal(otlp_check_spans(cases, N(cases)), 0);
}

/* ---- 2.14 -------------------------------------------------------------------------------------------------------------- */

static void metadata_of_every_sender(void **state)
{
    static const struct otlp_case cases[] = {
        { "the object, then its keys",
            "{\"langfuse.observation.metadata\":\"{\\\"a\\\":1,\\\"b\\\":1}\",\"langfuse.observation.metadata.b\":\"2\","
            "\"langfuse.observation.metadata.c.d\":\"{\\\"e\\\":[]}\"}",
            .expect = "{\"metadata\":{\"a\":1,\"b\":\"2\",\"c.d\":{\"e\":[]}}}" },
        { "the bare one is only a stand-in",
            "{\"langfuse.observation.metadata\":{\"a\":1},\"langfuse.metadata\":{\"b\":1}}",
            .expect = "{\"metadata\":{\"a\":1}}" },
        { "it stands in", "{\"langfuse.metadata\":{\"b\":1},\"langfuse.metadata.c\":\"x\"}", CHILD,
            .expect = "{\"metadata\":{\"b\":1,\"c\":\"x\"},\"said\":null}" },
        { "vercel, without who and what",
            "{\"ai.telemetry.metadata.plan\":\"pro\",\"ai.telemetry.metadata.userId\":\"u\",\"ai.telemetry.metadata.tags\":[\"t\"]}",
            .expect = "{\"metadata\":{\"plan\":\"pro\"}}" },
        { "metadata as JSON, without who",
            "{\"metadata\":\"{\\\"a\\\":{\\\"b\\\":1},\\\"user_id\\\":\\\"u\\\",\\\"threadId\\\":\\\"t\\\",\\\"labels\\\":[]}\"}",
            .expect = "{\"metadata\":{\"a\":{\"b\":1}}}" },
        { "langwatch, later over earlier",
            "{\"metadata\":{\"k\":1},\"langwatch.metadata\":{\"k\":2},\"langwatch.trace.k\":3,\"langwatch.metadata.user_id\":\"u\"}",
            .expect = "{\"metadata\":{\"k\":3}}" },
        { "traceloop",
            "{\"traceloop.association.properties.plan\":\"pro\",\"traceloop.association.properties.user_id\":\"u\"}",
            .expect = "{\"metadata\":{\"plan\":\"pro\"}}" },
        { "python 5 writes JSON text",
            "{\"langfuse.observation.metadata.a\":\"\\\"x\\\"\",\"langfuse.observation.metadata.b\":\"1\",\"langfuse.observation.metadata.c\":\"not json\"}",
            .resource = PYTHON, .scope = LANGFUSE_PY5,
            .expect = "{\"metadata\":{\"a\":\"x\",\"b\":1,\"c\":\"not json\",\"resourceAttributes\":" PYTHON
                      ",\"scope\":" LANGFUSE_PY5 "}}" },
        { "others write text",
            "{\"langfuse.observation.metadata.a\":\"\\\"x\\\"\",\"langfuse.observation.metadata.b\":\"1\"}",
            .scope = "{\"name\":\"langfuse-sdk\",\"version\":\"4.18.0\"}",
            .expect =
                "{\"metadata\":{\"a\":\"\\\"x\\\"\",\"b\":\"1\",\"scope\":{\"name\":\"langfuse-sdk\",\"version\":\"4.18.0\"}}}" },
        { "no object: wrapped", "{\"langfuse.observation.metadata\":\"just text\"}",
            .expect = "{\"metadata\":{\"metadata\":\"just text\"}}" },
        { "no object elsewhere: gone from the metadata", "{\"metadata\":\"just text\"}",
            .expect = "{\"metadata\":null,\"leftovers\":{\"attributes\":{\"metadata\":\"just text\"}}}" },
        { "nothing at all",
            "{\"metadata\":\"null\",\"langwatch.metadata\":\"{}\",\"langwatch.timestamps\":\"{}\"}",
            .expect = "{\"metadata\":null}" },
        { "what no rule knows, the resource, the scope", "{\"http.method\":\"GET\",\"n\":9007199254740993}",
            .resource = "{\"service.name\":\"api\"}",
            .scope = "{\"name\":\"s\",\"version\":\"1\",\"attributes\":{\"k\":\"v\"}}",
            .expect =
                "{\"metadata\":{\"attributes\":{\"http.method\":\"GET\",\"n\":9007199254740993},\"resourceAttributes\":{\"service.name\":\"api\"},"
                "\"scope\":{\"name\":\"s\",\"version\":\"1\",\"attributes\":{\"k\":\"v\"}}}}" },
        { "langfuse's scope: attributes and key apart", "{\"http.method\":\"GET\"}",
            .scope =
                "{\"name\":\"langfuse-sdk\",\"version\":\"4\",\"attributes\":{\"public_key\":\"pk\",\"k\":\"v\"}}",
            .expect =
                "{\"metadata\":{\"scope\":{\"name\":\"langfuse-sdk\",\"version\":\"4\",\"attributes\":{\"k\":\"v\"}}},"
                "\"leftovers\":{\"apart\":true,\"attributes\":{\"http.method\":\"GET\"},\"scope\":{\"public_key\":\"pk\"}}}" },
        { "the user's key of a reserved name",
            "{\"http.method\":\"GET\",\"metadata\":{\"attributes\":1,\"scope\":2,\"resourceAttributes\":3}}",
            .resource = "{\"service.name\":\"api\"}", .scope = "{\"name\":\"s\"}",
            .expect =
                "{\"metadata\":{\"attributes\":1,\"scope\":2,\"resourceAttributes\":3},"
                "\"leftovers\":{\"apart\":true,\"attributes\":{\"http.method\":\"GET\",\"metadata\":{\"attributes\":1,\"scope\":2,\"resourceAttributes\":3}}}}" },
        { "the trace's",
            "{\"langfuse.trace.metadata\":{\"a\":1},\"langfuse.trace.metadata.b\":\"2\",\"langfuse.observation.metadata.o\":\"x\",\"customer_id\":\"c\"}",
            .expect =
                "{\"metadata\":{\"o\":\"x\"},\"said\":{\"metadata\":{\"a\":1,\"b\":\"2\",\"customer_id\":\"c\"}}}" },
        { "the trace's, wrapped", "{\"langfuse.trace.metadata\":\"text\"}", CHILD,
            .expect = "{\"said\":{\"metadata\":{\"metadata\":\"text\"}}}" },
    };
    (void)state;
    assert_int_equal(otlp_check_spans(cases, N(cases)), 0);
}

/* A member stands once: readers differ in which of two they take. */
static void a_key_stands_once(void **state)
{
    struct otlp_mapped m;
    (void)state;
    otlp_mapped_init(&m);
    otlp_mapped_span(&m, &(struct otlp_case){ "k", "{\"metadata\":{\"k\":1},\"langwatch.metadata\":{\"k\":2},"
                                                   "\"langwatch.trace.k\":3}" });
    assert_true(str_is(event_get(&m.batch.events[0], OBSERVATION_metadata)->s, "{\"k\":3}"));
    assert_true(str_is(event_get(&m.batch.events[0], OBSERVATION_said)->s, "{\"metadata\":{\"k\":3}}"));
    otlp_mapped_fini(&m);
}

static void dropped_metadata_is_told(void **state)
{
    struct otlp_mapped m;
    (void)state;
    otlp_mapped_init(&m);
    otlp_mapped_span(&m, &(struct otlp_case){ "two", "{\"metadata\":\"x\",\"langwatch.trace\":\"[1]\"}" });
    assert_true(str_is(m.warning,
        "2 values are not shown as metadata; the first is that of attribute metadata, which must be a JSON object"));
    otlp_mapped_fini(&m);
    otlp_mapped_init(&m);
    otlp_mapped_span(&m, &(struct otlp_case){ "none", "{\"metadata\":\"null\",\"langwatch.trace\":\"{}\"}" });
    assert_null(m.warning.p);
    otlp_mapped_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompt_link),
        cmocka_unit_test(tool_definitions),
        cmocka_unit_test(documents),
        cmocka_unit_test(users_and_sessions_in_order),
        cmocka_unit_test(what_many_spans_share),
        cmocka_unit_test(tags_and_public),
        cmocka_unit_test(environment_release_version),
        cmocka_unit_test(roots_and_explicit_values),
        cmocka_unit_test(metadata_of_every_sender),
        cmocka_unit_test(a_key_stands_once),
        cmocka_unit_test(dropped_metadata_is_told),
    };
    return cmocka_run_group_tests_name("otlp_trace", tests, NULL, NULL);
}
