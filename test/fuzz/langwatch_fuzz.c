/*
 * The bytes are a body for every route of LangWatch's that takes one. What the collector decodes is also made into rows and shown again,
 * as a trace and as a digest: every reply must be JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct route *route_of(enum method method, const char *pattern)
{
    for (size_t i = 0; i < langwatch_dialect.n_routes; i++)
        if (langwatch_dialect.routes[i].method == method &&
            strcmp(pattern, langwatch_dialect.routes[i].pattern) == 0)
            return &langwatch_dialect.routes[i];
    abort();
}

static struct call call_of(struct arena *a, enum method method, const char *pattern, struct str body)
{
    static struct caller caller = {
        .project = 1, .project_id = STR_INIT("p"), .project_slug = STR_INIT("demo")
    };
    static struct pair type = { STR_INIT("content-type"), STR_INIT("application/json") };
    struct call c = { .arena = a,
        .dialect = &langwatch_dialect,
        .method = method,
        .path = str_of(pattern),
        .caller = &caller,
        .headers = &type,
        .n_headers = 1,
        .body = body,
        .now_ns = INT64_C(1800000000000000000) };
    c.route = route_of(method, pattern);
    c.params[0] = STR("t");
    c.n_params = 1;
    return c;
}

static void must_be_json(struct arena *a, const struct reply *r)
{
    struct json v;
    struct err err;
    if (json_parse(a, buf_str(&r->body), 0, &v, &err) != ST_OK)
        abort();
}

/* The reply, or the refusal, of a call that has run so far with this status. */
static void finish(struct call *c, enum status st, const struct err *err)
{
    struct reply r = { .status = 200 };
    buf_init(&r.body, 0);
    if (st != ST_OK)
        langwatch_dialect.error(c, err, &r);
    else
        c->route->reply(c, &r);
    if (!r.content_type)
        must_be_json(c->arena, &r);
    buf_fini(&r.body);
}

static void write_and_reply(
    struct arena *a, enum method method, const char *pattern, struct str body, struct batch *b)
{
    struct call c = call_of(a, method, pattern, body);
    struct err err = { 0 };
    batch_init(b, a);
    enum status st = c.route->write(&c, b, &err);
    if (st == ST_OK)
        batch_seal(b);
    else
        b->n_events = 0;
    c.batch = b;
    finish(&c, st, &err);
}

static void ask_and_reply(struct arena *a, const char *pattern, struct str body)
{
    struct call c = call_of(a, METHOD_POST, pattern, body);
    struct err err = { 0 };
    enum status st = c.route->ask(&c, &err);
    if (st == ST_OK && c.again) {
        c.round = 1;
        st = c.route->ask(&c, &err);
    }
    finish(&c, st, &err);
}

static struct row row_of(const struct event *e)
{
    struct row r = { .entity = e->entity, .project = 1, .scope = e->scope, .id = e->id };
    for (size_t i = 0; i < e->n_cells; i++)
        r.cols[e->cells[i].column] = e->cells[i].value;
    return r;
}

/* All rows of one entity that the batch states. */
static struct row *rows_of(struct arena *a, const struct batch *b, enum entity e, size_t *n)
{
    struct row *rows = arena_array(a, b->n_events + 1, sizeof *rows);
    *n = 0;
    for (size_t i = 0; i < b->n_events; i++)
        if (b->events[i].entity == e)
            rows[(*n)++] = row_of(&b->events[i]);
    return rows;
}

static void show(struct arena *a, const struct batch *b, const char *format)
{
    struct call c = call_of(a, METHOD_GET, "/api/traces/{id}", STR_NONE);
    struct pair query = { STR("format"), str_of(format) };
    struct err err = { 0 };
    size_t n;
    struct row *trace = rows_of(a, b, TRACE, &n);
    if (n == 0)
        return;
    trace->observations = rows_of(a, b, OBSERVATION, &trace->n_observations);
    trace->scores = rows_of(a, b, SCORE, &trace->n_scores);
    trace->records = rows_of(a, b, RECORD, &trace->n_records);
    trace->derived = arena_alloc(a, sizeof *trace->derived);
    derive_trace(a, trace->observations, trace->n_observations, price_default(), trace->derived);
    c.query = &query;
    c.n_query = 1;
    enum status st = c.route->ask(&c, &err);
    c.asks[0].rows = trace;
    c.asks[0].n = 1;
    finish(&c, st, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str body = { (const char *)data, size };
    struct batch b;
    write_and_reply(a, METHOD_POST, "/api/collector", body, &b);
    show(a, &b, "json");
    show(a, &b, "digest");
    write_and_reply(a, METHOD_POST, "/api/track_event", body, &b);
    show(a, &b, "json");
    write_and_reply(a, METHOD_PATCH, "/api/traces/{id}/metadata", body, &b);
    ask_and_reply(a, "/api/trace/search", body);
    ask_and_reply(a, "/api/traces/search", body);
    arena_free(a);
    return 0;
}
