/*
 * The bytes are an export in JSON, of each signal in turn: what is read and mapped can be sealed, what is refused is counted, and every
 * answer is JSON, or protobuf where the bytes were that.
 */
#include <stdlib.h>
#include <string.h>

#include "dialect/otlp/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static const struct route *route_of(const struct dialect *d, const char *pattern)
{
    for (size_t i = 0; i < d->n_routes; i++)
        if (strcmp(pattern, d->routes[i].pattern) == 0)
            return &d->routes[i];
    abort();
}

static void answer(struct call *c, enum status st, const struct err *err)
{
    struct reply r = { .status = 200 };
    struct json v;
    buf_init(&r.body, 0);
    if (st != ST_OK)
        c->dialect->error(c, err, &r);
    else
        c->route->reply(c, &r);
    must((st == ST_OK) == (r.status == 200));
    if (!r.content_type)
        must(json_parse(c->arena, buf_str(&r.body), 0, &v, NULL) == ST_OK);
    buf_fini(&r.body);
}

static void export(struct str body, const struct dialect *d, const char *pattern)
{
    static struct caller caller = { .project = 1, .project_id = STR_INIT("p") };
    static struct pair type = { STR_INIT("content-type"), STR_INIT("application/json") };
    struct batch b;
    struct err err = { 0 };
    struct call c = { .arena = arena_new(),
        .dialect = d,
        .route = route_of(d, pattern),
        .method = METHOD_POST,
        .path = str_of(pattern),
        .caller = &caller,
        .headers = &type,
        .n_headers = 1,
        .body = body,
        .now_ns = INT64_C(1800000000000000000) };
    batch_init(&b, arena_new());
    enum status st = c.route->write(&c, &b, &err);
    c.batch = &b;
    if (st == ST_OK) {
        const struct otlp_outcome *o = otlp_outcome(&c);
        must(o->tally.rejected <= o->tally.seen);
        batch_seal(&b);
    }
    answer(&c, st, &err);
    batch_fini(&b);
    arena_free(c.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, size };
    export(body, &otlp_dialect, "/v1/traces");
    export(body, &otlp_dialect, "/v1/logs");
    export(body, &otlp_dialect, "/v1/metrics");
    export(body, &langwatch_dialect, "/api/otel/v1/traces");
    export(body, &langfuse_dialect, "/api/public/otel/v1/traces");
    return 0;
}
