/*
 * OTLP exports as they come from exporters: 100 spans a request, whole traces of 10 spans, protobuf or JSON. Lean spans carry 11 attributes,
 * no text to speak of; chat spans carry messages of 2 to 6 KB. One description of a span is written in both forms.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/protobuf.h"
#include "bench.h"

#define START_NS INT64_C(1790000000000000000)
#define TRACE    10 /* spans */
#define BATCH    100

struct attribute {
    const char *key;
    const char *text; /* NULL: number */
    int64_t number;
};

struct span {
    uint64_t trace, span, parent; /* parent 0: a root */
    const char *name;
    int kind;
    int64_t start_ns, end_ns;
    struct attribute attributes[16];
    size_t n;
};

/* ---- the two forms -------------------------------------------------------------------------------------------------- */

static void big_endian(char *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (char)(v >> (56 - 8 * i));
}

static void fixed64(struct buf *out, uint32_t number, uint64_t v)
{
    buf_add_varint(out, number << 3 | 1);
    for (int i = 0; i < 8; i++)
        buf_add_char(out, (char)(v >> (8 * i)));
}

/* A message inside another: written to a buffer of its own first, because its length comes before it. */
static void nest(struct buf *out, uint32_t number, struct buf *inner)
{
    protobuf_add_bytes(out, number, buf_str(inner));
    buf_clear(inner);
}

static void protobuf_attribute(
    struct buf *out, uint32_t number, const struct attribute *a, struct buf *kv, struct buf *any)
{
    protobuf_add_bytes(kv, 1, str_of(a->key));
    if (a->text)
        protobuf_add_bytes(any, 1, str_of(a->text));
    else
        protobuf_add_varint(any, 3, (uint64_t)a->number);
    nest(kv, 2, any);
    nest(out, number, kv);
}

static void protobuf_span(struct buf *out, const struct span *s, struct buf tmp[3])
{
    struct buf *body = &tmp[0];
    char id[16];
    big_endian(id, UINT64_C(0x5b8efff798038103));
    big_endian(id + 8, s->trace);
    protobuf_add_bytes(body, 1, (struct str){ id, 16 });
    big_endian(id, s->span);
    protobuf_add_bytes(body, 2, (struct str){ id, 8 });
    big_endian(id, s->parent);
    if (s->parent)
        protobuf_add_bytes(body, 4, (struct str){ id, 8 });
    protobuf_add_bytes(body, 5, str_of(s->name));
    protobuf_add_varint(body, 6, (uint64_t)s->kind);
    fixed64(body, 7, (uint64_t)s->start_ns);
    fixed64(body, 8, (uint64_t)s->end_ns);
    for (size_t i = 0; i < s->n; i++)
        protobuf_attribute(body, 9, &s->attributes[i], &tmp[1], &tmp[2]);
    nest(out, 2, body);
}

static void json_attribute(struct buf *out, const struct attribute *a)
{
    buf_printf(out, "{\"key\":\"%s\",\"value\":{", a->key);
    if (a->text) {
        buf_add_cstr(out, "\"stringValue\":\"");
        for (const char *c = a->text; *c; c++) {
            if (*c == '"' || *c == '\\')
                buf_add_char(out, '\\');
            buf_add_char(out, *c);
        }
        buf_add_cstr(out, "\"}}");
    } else
        buf_printf(out, "\"intValue\":%lld}}", (long long)a->number);
}

static void json_span(struct buf *out, const struct span *s)
{
    buf_printf(out, "{\"traceId\":\"5b8efff798038103%016llx\",\"spanId\":\"%016llx\",",
        (unsigned long long)s->trace, (unsigned long long)s->span);
    if (s->parent)
        buf_printf(out, "\"parentSpanId\":\"%016llx\",", (unsigned long long)s->parent);
    buf_printf(out,
        "\"name\":\"%s\",\"kind\":%d,\"startTimeUnixNano\":\"%lld\",\"endTimeUnixNano\":\"%lld\",\"attributes\":[",
        s->name, s->kind, (long long)s->start_ns, (long long)s->end_ns);
    for (size_t i = 0; i < s->n; i++) {
        buf_add_cstr(out, i ? "," : "");
        json_attribute(out, &s->attributes[i]);
    }
    buf_add_cstr(out, "],\"status\":{}}");
}

/* ---- the spans ------------------------------------------------------------------------------------------------------ */

static void text_of(struct span *s, const char *key, const char *text)
{
    s->attributes[s->n++] = (struct attribute){ .key = key, .text = text };
}

static void number_of(struct span *s, const char *key, int64_t number)
{
    s->attributes[s->n++] = (struct attribute){ .key = key, .number = number };
}

static struct span bare_span(uint64_t i)
{
    uint64_t trace = i / TRACE + 1, place = i % TRACE;
    int64_t start = START_NS + (int64_t)trace * 1000000 + (int64_t)place * 10000;
    return (struct span){ .trace = trace * UINT64_C(0x9E3779B97F4A7C15),
        .span = (i + 1) * UINT64_C(0xD1B54A32D192ED03),
        .parent = place ? (i - place + 1) * UINT64_C(0xD1B54A32D192ED03) : 0,
        .kind = 3,
        .start_ns = start,
        .end_ns = start + 700000000 };
}

static struct span lean_span(uint64_t i)
{
    static const char *const users[] = { "user-17", "user-204", "user-3391", "user-88", "user-920" };
    static const char *const paths[] = { "/v1/chat", "/v1/search", "/v1/embed", "/healthz" };
    struct span s = bare_span(i);
    s.name = i % TRACE ? "POST /v1/chat" : "handle request";
    text_of(&s, "http.request.method", "POST");
    text_of(&s, "url.path", paths[i % 4]);
    number_of(&s, "http.response.status_code", 200);
    text_of(&s, "server.address", "gateway.internal.example");
    number_of(&s, "server.port", 8443);
    text_of(&s, "network.protocol.version", "1.1");
    text_of(&s, "user_agent.original", "python-httpx/0.27.0");
    text_of(&s, "user.id", users[i / TRACE % 5]);
    number_of(&s, "http.request.body.size", (int64_t)(i * 7919 % 9000));
    number_of(&s, "http.response.body.size", (int64_t)(i * 104729 % 60000));
    text_of(&s, "peer.service", "inference");
    return s;
}

/* Texts of messages, made before; each span takes two. */
#define TEXTS 256
static char *inputs[TEXTS], *outputs[TEXTS];

static void make_texts(void)
{
    if (inputs[0])
        return;
    for (size_t i = 0; i < TEXTS; i++) {
        char *prose = prose_of(1400 + i * 13);
        size_t n = strlen(prose) + 200;
        inputs[i] = malloc(n);
        snprintf(
            inputs[i], n, "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"%s\"}]}]", prose);
        free(prose);
        prose = prose_of(700 + i * 5);
        n = strlen(prose) + 200;
        outputs[i] = malloc(n);
        snprintf(outputs[i], n,
            "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"%s\"}],\"finish_reason\":\"stop\"}]",
            prose);
        free(prose);
    }
}

static struct span chat_span(uint64_t i)
{
    static const char *const users[] = { "user-17", "user-204", "user-3391", "user-88", "user-920" };
    struct span s = bare_span(i);
    make_texts();
    s.name = "chat gpt-4o";
    text_of(&s, "gen_ai.operation.name", "chat");
    text_of(&s, "gen_ai.provider.name", "openai");
    text_of(&s, "gen_ai.request.model", "gpt-4o");
    text_of(&s, "gen_ai.response.model", "gpt-4o-2024-08-06");
    number_of(&s, "gen_ai.request.max_tokens", 1024);
    text_of(&s, "gen_ai.input.messages", inputs[i * 31 % TEXTS]);
    text_of(&s, "gen_ai.output.messages", outputs[i * 17 % TEXTS]);
    number_of(&s, "gen_ai.usage.input_tokens", (int64_t)(i * 7919 % 900 + 1));
    number_of(&s, "gen_ai.usage.output_tokens", (int64_t)(i * 104729 % 300 + 1));
    text_of(&s, "gen_ai.conversation.id", users[i / TRACE % 5]);
    text_of(&s, "user.id", users[i / TRACE % 5]);
    return s;
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

typedef struct span make_span(uint64_t i);

static uint64_t next_span; /* no span is sent twice */

static void protobuf_body(struct buf *out, make_span *make, struct buf tmp[6])
{
    struct buf *spans = &tmp[3], *resource = &tmp[4], *scope = &tmp[5];
    struct attribute service = { .key = "service.name", .text = "shop" };
    protobuf_attribute(resource, 1, &service, &tmp[1], &tmp[2]);
    nest(spans, 1, resource);
    protobuf_add_bytes(scope, 1, STR("bench"));
    struct buf group;
    buf_init(&group, 0);
    nest(&group, 1, scope);
    for (int k = 0; k < BATCH; k++) {
        struct span s = make(next_span++);
        protobuf_span(&group, &s, tmp);
    }
    nest(spans, 2, &group);
    nest(out, 1, spans);
    buf_fini(&group);
}

static void json_body(struct buf *out, make_span *make)
{
    buf_add_cstr(out,
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]},"
        "\"scopeSpans\":[{\"scope\":{\"name\":\"bench\"},\"spans\":[");
    for (int k = 0; k < BATCH; k++) {
        struct span s = make(next_span++);
        buf_add_cstr(out, k ? "," : "");
        json_span(out, &s);
    }
    buf_add_cstr(out, "]}]}]}");
}

static struct bytes request_of(const struct buf *body, const char *type)
{
    struct buf out;
    struct bytes b;
    buf_init(&out, 0);
    buf_printf(&out,
        "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-lw-bench\r\nContent-Type: %s\r\n"
        "Content-Length: %zu\r\n\r\n",
        type, body->n);
    buf_add(&out, body->p, body->n);
    b.p = buf_take(&out, &b.n);
    return b;
}

static struct requests requests_of(size_t n, make_span *make, int json)
{
    struct requests rs = { .items = calloc(n, sizeof(struct bytes)), .n = n, .events = n * BATCH };
    struct buf tmp[6], body;
    for (int i = 0; i < 6; i++)
        buf_init(&tmp[i], 0);
    buf_init(&body, 0);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&body);
        if (json)
            json_body(&body, make);
        else
            protobuf_body(&body, make, tmp);
        rs.items[i] = request_of(&body, json ? "application/json" : "application/x-protobuf");
        rs.payload_bytes += body.n;
    }
    buf_fini(&body);
    for (int i = 0; i < 6; i++)
        buf_fini(&tmp[i]);
    return rs;
}

struct requests requests_otlp_lean(size_t n)
{
    return requests_of(n, lean_span, 0);
}

struct requests requests_otlp_lean_json(size_t n)
{
    return requests_of(n, lean_span, 1);
}

struct requests requests_otlp_chat(size_t n)
{
    return requests_of(n, chat_span, 0);
}

struct requests requests_otlp_chat_json(size_t n)
{
    return requests_of(n, chat_span, 1);
}
