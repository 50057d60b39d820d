/*
 * llmonitor: any bytes as the body of both ingest endpoints, and as a query string of the list.
 *
 * Whatever comes: a refusal with a sentence, or a result for every event; the events that were made are sealed and belong to results
 * that are not refused; the answer is JSON; the same bytes give the same events.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static const struct caller *find_caller(void *ctx, struct str token, struct arena *a)
{
    (void)a;
    return str_starts(token, STR("unknown")) ? NULL : ctx;
}

static const struct route *route_of(enum method method, const char *pattern)
{
    for (size_t i = 0; i < llmonitor_dialect.n_routes; i++)
        if (llmonitor_dialect.routes[i].method == method &&
            str_is(str_of(pattern), llmonitor_dialect.routes[i].pattern))
            return &llmonitor_dialect.routes[i];
    abort();
}

static struct call call_of(struct arena *a, const struct route *r, struct str body)
{
    static struct caller caller = { .project = 1, .project_id = STR_INIT("p"), .form = FORM_LUNARY };
    return (struct call){ .arena = a,
        .dialect = &llmonitor_dialect,
        .route = r,
        .method = r->method,
        .path = str_of(r->pattern),
        .caller = &caller,
        .find_caller = find_caller,
        .find_ctx = &caller,
        .now_ns = INT64_C(1800000000) * NS_PER_S,
        .body = body };
}

static void check_answer(struct arena *a, struct call *c, enum status st, const struct err *err)
{
    struct reply r = { .status = 200 };
    struct json answer;
    buf_init(&r.body, 0);
    if (st == ST_OK)
        c->route->reply(c, &r);
    else
        llmonitor_dialect.error(c, err, &r);
    must(json_parse(a, buf_str(&r.body), 0, &answer, NULL) == ST_OK, "the answer is no JSON");
    if (st == ST_OK)
        must(json_size(json_key(answer, "results")) == c->batch->n_results, "not a result for every event");
    else
        must(r.status >= 400 && json_str(json_key(answer, "message")).n > 0, "a refusal without a sentence");
    buf_fini(&r.body);
}

/* Returns a digest of all events. */
static uint64_t ingest(const char *path, struct str body)
{
    struct arena *a = arena_new();
    struct call c = call_of(a, route_of(METHOD_POST, path), body);
    struct batch b;
    struct err err = { 0 };
    uint64_t digest = 0;
    batch_init(&b, a);
    enum status st = c.route->write(&c, &b, &err);
    c.batch = &b;
    if (st == ST_OK) {
        for (size_t i = 0; i < b.n_events; i++) {
            must(b.events[i].wire_index < b.n_results, "an event of no result");
            must(b.results[b.events[i].wire_index].outcome != OUTCOME_REJECTED,
                "an event of a refused item stays");
        }
        batch_seal(&b);
        for (size_t i = 0; i < b.n_events; i++)
            digest = digest * 31 + b.events[i].digest;
    }
    check_answer(a, &c, st, &err);
    arena_free(a);
    return digest;
}

static void list(struct str query)
{
    struct arena *a = arena_new();
    struct call c = call_of(a, route_of(METHOD_GET, "/v1/runs/count"), STR_NONE);
    struct err err = { 0 };
    c.query_raw = query;
    do {
        c.again = false;
        must(c.route->ask(&c, &err) == ST_OK, "a query is never refused");
        c.round++;
    } while (c.again);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, size };
    must(ingest("/api/report", body) == ingest("/api/report", body), "the same bytes give other events");
    (void)ingest("/v1/runs/ingest", body);
    list(body);
    return 0;
}
