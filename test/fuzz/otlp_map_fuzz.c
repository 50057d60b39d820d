/*
 * otlp_map: the bytes choose attributes (keys of the tables, values of every kind, JSON in texts), events, scope and names of one span.
 *
 * Whatever it says: every JSON column is JSON, counts are whole and not negative, what is given back is what was sent, and mapping the span
 * again makes the same events. The same attributes are also mapped as a log record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/otlp/map_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- bytes to choices ----------------------------------------------------------------------------------------------- */

struct bytes {
    const uint8_t *p;
    size_t n;
    struct arena *a;
};

static unsigned byte(struct bytes *b)
{
    if (!b->n)
        return 0;
    b->n--;
    return *b->p++;
}

static unsigned two(struct bytes *b)
{
    unsigned high = byte(b);
    return high << 8 | byte(b);
}

#define PICK(b, list) (list)[byte(b) % (sizeof(list) / sizeof *(list))]

/* Text of the input's own, as UTF-8: readers let nothing else through. */
static struct str raw(struct bytes *b)
{
    size_t n = byte(b);
    n = n < b->n ? n : b->n;
    struct str s = arena_dup(b->a, (struct str){ (const char *)b->p, n });
    b->p += n;
    b->n -= n;
    return str_is_utf8(s) ? s : STR("\xef\xbf\xbd");
}

static const char *const families[] = {
#define FAMILY(id, prefix) prefix,
#include "dialect/otlp/families.def"
#undef FAMILY
};
static const char *const rests[] = { "0.role", "0.content", "1.content", "10.content", "2", "0", "x",
    "0.x.y.z", "0.message.role", "0.message.tool_calls.0.tool_call.function.name", "0.document.id",
    "0.document.content", "0.document.metadata", "0.annotation.name", "0.annotation.score",
    "0.evaluation.name", "0.evaluation.label", "input_tokens", "prompt_tokens", "output_tokens",
    "total_tokens", "reasoning_tokens", "cache_read_input_tokens", "details.cache_write_tokens", "details.x",
    "temperature", "max_tokens", "user_id", "tags", "langfuse_tags", "..", "", "0.tool.json_schema",
    "99999999999.x", "007.x", "id", "name" };
/* Minified, so that they are also values of arrays and objects as they stand. */
static const char *const jsons[] = { "{}", "[]", "[[]]", "{\"type\":\"text\",\"value\":\"x\"}",
    "{\"type\":\"list\",\"value\":[{\"type\":\"text\",\"value\":1},2]}",
    "{\"type\":\"json\",\"value\":{\"a\":null}}",
    "{\"type\":\"chat_messages\",\"value\":[{\"role\":\"user\"}]}",
    "[{\"role\":\"system\",\"content\":\"s\"}]", "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\"}]}]",
    "[{\"event.name\":\"gen_ai.choice\"},{\"event.name\":\"x\",\"role\":\"user\"},7]",
    "{\"messages\":[1],\"config\":{\"temperature\":1},\"model\":\"m\"}",
    "{\"message\":{\"role\":\"model\"},\"usage\":{\"inputTokens\":5,\"outputTokens\":\"7\",\"thoughtsTokens\":9}}",
    "{\"usage_metadata\":{\"prompt_token_count\":9,\"cached_content_token_count\":4}}",
    "{\"prompt_tokens\":20,\"completion_tokens\":10,\"total_tokens\":30,\"prompt_tokens_details\":{\"cached_tokens\":80}}",
    "{\"input_tokens\":1,\"output_tokens\":9223372036854775807,\"total_tokens\":1e300,\"x\":-1}",
    "{\"promptTokens\":1,\"completionTokens\":2,\"cost\":0.5,\"first_token_ms\":1e300,\"tokensEstimated\":true}",
    "{\"anthropic\":{\"usage\":{\"cache_read_input_tokens\":1,\"cache_creation\":{\"ephemeral_5m_input_tokens\":9}}}}",
    "{\"first_token_at\":1755860400800.5}", "{\"input\":0.1,\"output\":1e400,\"total\":-1}",
    "[\"{\\\"type\\\":\\\"function\\\",\\\"name\\\":\\\"f\\\"}\"]", "[\"[{\\\"name\\\":\\\"f\\\"}]\"]",
    "[{\"document_id\":\"d\",\"content\":\"c\"},\"x\"]",
    "{\"user_id\":\"u\",\"labels\":[\"a\",1],\"thread_id\":7}",
    "{\"name\":\"p\",\"version\":2,\"labels\":[\"l\"]}",
    "{\"name\":\"e\",\"score\":0.5,\"passed\":false,\"label\":\"l\",\"trace_id\":\"1\"}",
    "[[[[[[[[{\"a\":[{\"b\":\"\\u0000\\ud83d\\ude00\"}]}]]]]]]]]" };
static const char *const texts[] = { "", " ", "null", "true", "\"quoted\"", "12", "-1", "1e999", "{", "[1",
    " [ 1 , 2 ] ", "{\"a\":1,\"a\":2}", "{\"lone\":\"\\ud800\"}", "span", "generation", "llm", "rag", "LLM",
    "RERANKER", "chat", "invoke_agent", "embed", "execute_tool", "model", "\"CHAT_MODEL\"", "workflow_x",
    "vectordb", "framework", "ai.generateText.doGenerate fn", "ai.toolCall", "ai.embed.doEmbed", "warning",
    "2025-08-22T11:00:01Z", "\"2025-08-22T11:00:01.5+02:00\"", "a, b,,c", "[\"t\"]", "handle:3",
    "handle:latest", "Bad Env!", "langfuse-x", "pending_span", "search", "user", "system",
    "9223372036854775808", "\t\n\"\\" };
static const char *const scopes[] = { "", "ai", "langfuse-sdk", "langfuse-sdk-x", "livekit-agents",
    "pydantic-ai", "@flue/opentelemetry", "gcp.vertex.agent", "github.copilot", "codex_exec", "langwatch" };
static const char *const span_names[] = { "", "op", "tts_node", "agent_turn", "claude_code.llm_request",
    "handle_responses", "session_task.turn", "my tool", "Agent" };
static const char *const event_names[] = { "gen_ai.user.message", "gen_ai.system.message",
    "gen_ai.tool.message", "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion",
    "gen_ai.client.inference.operation.details", "exception", "first_token", "gen_ai.evaluation.result",
    "langwatch.evaluation.custom", "langwatch.event", "db.query.result", "codex.sse_event", "other" };
static const char *const event_keys[] = { "role", "content", "gen_ai.system", "gen_ai.prompt",
    "gen_ai.prompt.0.role", "gen_ai.completion", "gen_ai.completion.1.content", "exception.message",
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "json_encoded_event",
    "event.type", "event.id", "event.metrics.x", "event.details.y", "gen_ai.evaluation.name",
    "gen_ai.evaluation.score.value", "db.query.result.document", "message", "index", "event.name" };

static struct str key_of(struct bytes *b)
{
    unsigned kind = byte(b);
    if (kind < 160)
        return otlp__attribute_key((enum attribute_slot)(two(b) % ATTR_COUNT));
    if (kind < 224) {
        const char *family = PICK(b, families), *rest = PICK(b, rests);
        return arena_printf(b->a, "%s%s", family, rest);
    }
    return kind < 240 ? str_of(PICK(b, event_keys)) : raw(b);
}

static struct any value_of(struct bytes *b)
{
    static const double doubles[] = { 0, 0.5, -1, 812.4, 1e18, 1e300, 4e-324, 17 };
    static const int64_t ints[] = { 0, 1, -1, 17, INT64_MAX, INT64_MIN, 1755860400800, 100 };
    switch (byte(b) % 8) {
    case 0: return (struct any){ ANY_NULL, { .i = 0 } };
    case 1: return (struct any){ ANY_TEXT, { .s = raw(b) } };
    case 2: return (struct any){ ANY_TEXT, { .s = str_of(PICK(b, jsons)) } };
    case 3: return (struct any){ ANY_TEXT, { .s = str_of(PICK(b, texts)) } };
    case 4: return (struct any){ ANY_BOOL, { .b = byte(b) & 1 } };
    case 5: return (struct any){ ANY_INT, { .i = PICK(b, ints) } };
    case 6: return (struct any){ ANY_DOUBLE, { .d = PICK(b, doubles) } };
    default: return (struct any){ ANY_JSON, { .s = str_of(PICK(b, jsons)) } };
    }
}

static struct otlp_attributes attributes_of(struct bytes *b, size_t most)
{
    struct otlp_attributes list = { .n = byte(b) % most };
    list.items = arena_array(b->a, list.n + 1, sizeof *list.items);
    for (size_t i = 0; i < list.n; i++)
        list.items[i] = (struct otlp_attribute){ key_of(b), value_of(b) };
    list.dropped = byte(b) & 1;
    return list;
}

static int64_t time_of(struct bytes *b)
{
    static const int64_t times[] = { TIME_NONE, 0, 1, INT64_MAX, INT64_C(1755860400000000000),
        INT64_C(1755860402500000000), -5 };
    return PICK(b, times);
}

static void fill_span(struct bytes *b, struct otlp_span *s)
{
    static const char *const versions[] = { "3.3.0", "3.5.0", "5.0.4", "", "x" };
    s->resource = arena_alloc(b->a, sizeof *s->resource);
    s->scope = arena_alloc(b->a, sizeof *s->scope);
    s->scope->name = str_of(PICK(b, scopes));
    s->scope->version = str_of(PICK(b, versions));
    s->name = str_of(PICK(b, span_names));
    s->trace_id = STR("5b8efff798038103d269b633813fc60c");
    s->span_id = STR("eee19b7ec3c1b174");
    s->parent_id = byte(b) & 1 ? STR("eee19b7ec3c1b173") : STR_NONE;
    s->status = (enum otlp_status)(byte(b) % 3);
    s->start_ns = time_of(b);
    s->end_ns = time_of(b);
    s->attributes = attributes_of(b, 64);
    s->n_events = byte(b) % 8;
    s->events = arena_array(b->a, s->n_events + 1, sizeof *s->events);
    for (size_t i = 0; i < s->n_events; i++)
        s->events[i] = (struct otlp_event){ str_of(PICK(b, event_names)), time_of(b), attributes_of(b, 8) };
    s->n_links = byte(b) % 3;
    s->links = arena_array(b->a, s->n_links + 1, sizeof *s->links);
    for (size_t i = 0; i < s->n_links; i++)
        s->links[i] = (struct otlp_link){ .trace_id = s->trace_id, .span_id = STR("eee19b7ec3c1b175") };
    s->scope->attributes = attributes_of(b, 4);
    s->resource->attributes = attributes_of(b, 8);
}

/* ---- what must hold ------------------------------------------------------------------------------------------------- */

static struct json parsed(struct arena *a, struct str text)
{
    struct json v;
    must(json_parse(a, text, 0, &v, NULL) == ST_OK, "a column is not JSON");
    return v;
}

static void check_usage(struct json usage)
{
    struct json value;
    struct str key;
    int64_t n;
    must(json_is_obj(usage) && json_size(usage) > 0, "usage is no object");
    for (struct json_iter it = json_iter(usage); json_next(&it, &key, &value);)
        must(str_is(key, "estimated") ? json_type(value) == JSON_BOOL : json_i64(value, &n) && n >= 0,
            "a count is none");
}

static void check_cost(struct json cost)
{
    struct json value;
    double usd;
    for (struct json_iter it = json_iter(cost); json_next(&it, NULL, &value);)
        must(json_f64(value, &usd) && usd >= 0, "a cost is none");
}

static void check_event(struct arena *a, const struct event *e)
{
    for (size_t i = 0; i < e->n_cells; i++) {
        const struct cell *c = &e->cells[i];
        struct json v = c->value.kind == V_JSON ? parsed(a, c->value.s) : JSON_NONE;
        must(c->value.kind != V_TEXT || str_is_utf8(c->value.s), "a text is not UTF-8");
        if (e->entity == OBSERVATION && c->column == OBSERVATION_usage && v.v)
            check_usage(v);
        if (e->entity == OBSERVATION && c->column == OBSERVATION_cost && v.v)
            check_cost(v);
    }
}

static void write_any(struct jw *w, const struct any *v)
{
    switch (v->kind) {
    case ANY_NULL: jw_null(w); break;
    case ANY_TEXT: jw_str(w, v->s); break;
    case ANY_BOOL: jw_bool(w, v->b); break;
    case ANY_INT: jw_i64(w, v->i); break;
    case ANY_DOUBLE: jw_f64(w, v->d); break;
    case ANY_JSON: jw_raw(w, v->s); break;
    }
}

/* As sent; of a repeated key the last one. */
static void write_sent(struct jw *w, const struct otlp_attributes *list)
{
    jw_obj(w);
    for (size_t i = 0; i < list->n; i++) {
        bool last = true;
        for (size_t k = i + 1; k < list->n; k++)
            last &= !str_eq(list->items[k].key, list->items[i].key);
        if (!last)
            continue;
        jw_key_str(w, list->items[i].key);
        write_any(w, &list->items[i].value);
    }
    jw_obj_end(w);
}

static void write_sent_events(struct jw *w, struct arena *a, const struct otlp_span *s)
{
    jw_arr(w);
    for (size_t i = 0; i < s->n_events; i++) {
        jw_obj(w);
        jw_kv_str(w, "name", s->events[i].name);
        if (s->events[i].time_ns != TIME_NONE)
            jw_kv_str(w, "time", arena_printf(a, "%lld", (long long)s->events[i].time_ns));
        jw_key(w, "attributes");
        write_sent(w, &s->events[i].attributes);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void check_given_back(struct arena *a, const struct event *e, const struct otlp_span *s)
{
    struct row r = { .entity = OBSERVATION, .scope = e->scope, .id = e->id };
    struct buf back, sent;
    for (size_t i = 0; i < e->n_cells; i++)
        r.cols[e->cells[i].column] = e->cells[i].value;
    buf_init(&back, 0);
    buf_init(&sent, 0);
    struct jw w = jw_of(&back), v = jw_of(&sent);
    jw_arr(&w);
    otlp_attributes_back(&w, a, &r);
    otlp_events_back(&w, a, &r);
    jw_arr_end(&w);
    jw_arr(&v);
    write_sent(&v, &s->attributes);
    write_sent_events(&v, a, s);
    jw_arr_end(&v);
    if (!json_equal(parsed(a, buf_str(&back)), parsed(a, buf_str(&sent)))) {
        fprintf(stderr, "sent %.*s\nback %.*s\n", STR_ARG(buf_str(&sent)), STR_ARG(buf_str(&back)));
        must(false, "what is given back is not what was sent");
    }
    buf_fini(&back);
    buf_fini(&sent);
}

static void map_once(const struct otlp_span *s, struct batch *b)
{
    struct err err;
    batch_init(b, arena_new());
    struct otlp_mapper *m = otlp_mapper_new(b, 1, 1, STR("hint"));
    must(otlp_map_span(m, s, &err) == ST_OK, "a span was refused");
    otlp_mapper_free(m);
    batch_seal(b);
}

static void map_as_log(const struct otlp_span *s)
{
    struct batch b;
    struct otlp_log l = { .resource = s->resource,
        .scope = s->scope,
        .trace_id = s->trace_id,
        .span_id = s->span_id,
        .time_ns = s->start_ns,
        .event_name = s->n_events ? s->events[0].name : STR_NONE,
        .attributes = s->attributes };
    if (s->attributes.n)
        l.body = s->attributes.items[0].value;
    batch_init(&b, arena_new());
    struct otlp_mapper *m = otlp_mapper_new(&b, 1, 1, STR_NONE);
    (void)otlp_map_log(m, &l);
    otlp_mapper_free(m);
    batch_seal(&b);
    for (size_t i = 0; i < b.n_events; i++)
        check_event(b.arena, &b.events[i]);
    batch_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, size, arena_new() };
    struct otlp_span s = { .kind = 1 };
    struct batch first, again;
    fill_span(&in, &s);
    map_once(&s, &first);
    map_once(&s, &again);
    must(first.n_events == again.n_events, "mapped twice, it is not the same number of events");
    for (size_t i = 0; i < first.n_events; i++) {
        check_event(first.arena, &first.events[i]);
        must(first.events[i].digest == again.events[i].digest, "mapped twice, it is not the same");
        if (first.events[i].entity == OBSERVATION)
            check_given_back(first.arena, &first.events[i], &s);
    }
    map_as_log(&s);
    batch_fini(&first);
    batch_fini(&again);
    arena_free(in.a);
    return 0;
}
