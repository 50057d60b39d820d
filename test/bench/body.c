/* Requests as bytes on the wire. Texts are made of a word list with a seeded generator, so that they compress as prose does. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define PROJECT  "11111111-1111-4111-8111-111111111111"
#define START_MS INT64_C(1790000000000)

static const char *const words[] = {
    "the",
    "model",
    "answers",
    "when",
    "a",
    "question",
    "about",
    "weather",
    "in",
    "Zürich",
    "arrives",
    "and",
    "context",
    "was",
    "found",
    "by",
    "retrieval",
    "of",
    "documents",
    "that",
    "mention",
    "rain",
    "lake",
    "temperature",
    "tomorrow",
    "however",
    "please",
    "note",
    "system",
    "user",
    "assistant",
    "tool",
    "call",
    "returned",
    "no",
    "result",
    "because",
    "service",
    "timed",
    "out",
    "after",
    "three",
    "seconds",
    "日本語",
    "天気",
    "summary",
    "report",
    "quarter",
    "revenue",
    "customer",
    "contract",
    "renewal",
    "risk",
    "engineer",
    "deploy",
    "release",
    "version",
    "cluster",
};

static uint64_t seed = 88172645463325252u;

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

struct text {
    char *p;
    size_t n, cap;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    for (;;) {
        va_list copy;
        va_copy(copy, ap);
        int n = vsnprintf(t->p + t->n, t->cap - t->n, fmt, copy);
        va_end(copy);
        if (t->n + (size_t)n < t->cap) {
            t->n += (size_t)n;
            break;
        }
        t->cap = (t->cap + (size_t)n) * 2 + 256;
        t->p = realloc(t->p, t->cap);
    }
    va_end(ap);
}

static void add_prose(struct text *t, size_t least)
{
    size_t end = t->n + least;
    while (t->n < end)
        add(t, "%s ", words[next() % (sizeof(words) / sizeof(words[0]))]);
}

char *prose_of(size_t least)
{
    struct text t = { 0 };
    add_prose(&t, least);
    return t.p;
}

static struct bytes request(const char *method, const char *path, const char *header, const struct text *body)
{
    struct text r = { 0 };
    add(&r,
        "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
        method, path, header, body ? body->n : 0);
    if (body)
        add(&r, "%s", body->p);
    return (struct bytes){ r.p, r.n };
}

static void put(struct requests *rs, size_t i, struct bytes b, const struct text *body)
{
    rs->items[i] = b;
    rs->payload_bytes += body ? body->n : 0;
}

static struct requests new_requests(size_t n)
{
    return (struct requests){ .items = calloc(n, sizeof(struct bytes)), .n = n };
}

static void run_id(char out[64], size_t i)
{
    snprintf(out, 64, "%08x-0000-4000-8000-%012llx", (unsigned)i,
        (unsigned long long)(next() & 0xffffffffffffull));
}

static void add_start(struct text *t, const char *id, size_t i)
{
    add(t,
        "{\"type\":\"llm\",\"app\":\"" PROJECT
        "\",\"event\":\"start\",\"runId\":\"%s\",\"name\":\"gpt-4o-mini\",\"timestamp\":%lld,"
        "\"userId\":\"user-%llu\",\"tags\":[\"bench\"],\"extra\":{\"temperature\":0.2},\"input\":[{\"role\":\"user\",\"content\":\"",
        id, (long long)(START_MS + (int64_t)i), (unsigned long long)(next() % 1000));
    add_prose(t, 200);
    add(t, "\"}]}");
}

static void add_end(struct text *t, const char *id, size_t i)
{
    add(t,
        "{\"type\":\"llm\",\"app\":\"" PROJECT
        "\",\"event\":\"end\",\"runId\":\"%s\",\"timestamp\":%lld,\"tokensUsage\":{\"prompt\":%llu,"
        "\"completion\":%llu},\"output\":{\"role\":\"assistant\",\"content\":\"",
        id, (long long)(START_MS + (int64_t)i + 900), (unsigned long long)(next() % 900),
        (unsigned long long)(next() % 300));
    add_prose(t, 200);
    add(t, "\"}}");
}

struct requests requests_single(size_t n)
{
    struct requests rs = new_requests(n);
    char id[64] = "";
    for (size_t i = 0; i < n; i++) {
        struct text t = { 0 };
        add(&t, "{\"events\":[");
        if (i % 2 == 0)
            run_id(id, i);
        if (i % 2 == 0)
            add_start(&t, id, i);
        else
            add_end(&t, id, i - 1);
        add(&t, "]}");
        put(&rs, i, request("POST", "/api/report", "", &t), &t);
        free(t.p);
    }
    rs.events = n;
    return rs;
}

struct requests requests_batch(size_t n)
{
    struct requests rs = new_requests(n);
    char id[64];
    for (size_t i = 0; i < n; i++) {
        struct text t = { 0 };
        add(&t, "{\"events\":[");
        for (size_t k = 0; k < 50; k++) {
            run_id(id, 0x10000000 + i * 50 + k);
            add(&t, k ? "," : "");
            add_start(&t, id, i * 50 + k);
            add(&t, ",");
            add_end(&t, id, i * 50 + k);
        }
        add(&t, "]}");
        put(&rs, i, request("POST", "/v1/runs/ingest", "Authorization: Bearer " PROJECT "\r\n", &t), &t);
        free(t.p);
    }
    rs.events = n * 100;
    return rs;
}

static void add_span(struct text *t, size_t trace, int k)
{
    long long start = (long long)(START_MS + (int64_t)trace + k * 10);
    add(t, "%s{\"type\":\"%s\",\"span_id\":\"span-%zu-%d\",", k ? "," : "",
        k == 0   ? "agent"
        : k == 1 ? "rag"
                 : "llm",
        trace, k);
    if (k)
        add(t, "\"parent_id\":\"span-%zu-0\",", trace);
    add(t,
        "\"name\":\"step %d\",\"model\":\"gpt-4o\",\"vendor\":\"openai\",\"input\":{\"type\":\"chat_messages\",\"value\":[{\"role\":\"user\",\"content\":\"",
        k);
    add_prose(t, 700);
    add(t, "\"}]},\"output\":{\"type\":\"text\",\"value\":\"");
    add_prose(t, 700);
    add(t,
        "\"},\"metrics\":{\"prompt_tokens\":%llu,\"completion_tokens\":%llu},\"params\":{\"temperature\":0.1},\"timestamps\":{\"started_at\":%lld,"
        "\"finished_at\":%lld}}",
        (unsigned long long)(next() % 900 + 1), (unsigned long long)(next() % 300 + 1), start, start + 700);
}

struct requests requests_collector(size_t n)
{
    struct requests rs = new_requests(n);
    for (size_t i = 0; i < n; i++) {
        struct text t = { 0 };
        add(&t,
            "{\"trace_id\":\"trace-%zu\",\"metadata\":{\"user_id\":\"user-%llu\",\"thread_id\":\"thread-%llu\",\"labels\":[\"bench\"],\"tier\":\"gold\"},\"spans\":[",
            i, (unsigned long long)(next() % 1000), (unsigned long long)(next() % 5000));
        for (int k = 0; k < 5; k++)
            add_span(&t, i, k);
        add(&t, "]}");
        put(&rs, i, request("POST", "/api/collector", "X-Auth-Token: sk-lw-bench\r\n", &t), &t);
        free(t.p);
    }
    rs.events = n * 5;
    return rs;
}

/* `path` and `body` in two halves, with a number below 1000 between them when there is a second half. */
struct halves {
    const char *before, *after;
};

static void add_halves(struct text *t, struct halves h)
{
    add(t, "%s", h.before);
    if (h.after)
        add(t, "%llu%s", (unsigned long long)(next() % 1000), h.after);
}

static struct requests reads(size_t n, const char *method, struct halves path, struct halves body)
{
    struct requests rs = new_requests(n);
    for (size_t i = 0; i < n; i++) {
        struct text t = { 0 }, where = { 0 };
        add_halves(&where, path);
        if (body.before)
            add_halves(&t, body);
        struct text *sent = body.before ? &t : NULL;
        put(&rs, i,
            request(method, where.p, "Authorization: Bearer 22222222-2222-4222-8222-222222222222\r\n", sent),
            sent);
        free(t.p);
        free(where.p);
    }
    rs.events = n;
    return rs;
}

struct requests requests_search(size_t n)
{
    return reads(n, "POST", (struct halves){ "/api/traces/search", NULL },
        (struct halves){ "{\"pageSize\":50}", NULL });
}

struct requests requests_search_user(size_t n)
{
    return reads(n, "POST", (struct halves){ "/api/traces/search", NULL },
        (struct halves){ "{\"pageSize\":50,\"filters\":{\"metadata.user_id\":[\"user-", "\"]}}" });
}

struct requests requests_trace(size_t n)
{
    return reads(n, "GET", (struct halves){ "/api/traces/trace-", "" }, (struct halves){ NULL, NULL });
}

struct requests requests_runs(size_t n)
{
    return reads(n, "GET", (struct halves){ "/v1/runs?limit=50", NULL }, (struct halves){ NULL, NULL });
}

void requests_free(struct requests *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->items[i].p);
    free(r->items);
    *r = (struct requests){ 0 };
}
