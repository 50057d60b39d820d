/*
 * The bytes are an export in protobuf, of each signal in turn: what is read and mapped can be sealed, what is refused is counted, and every
 * answer is a message that reads back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/protobuf.h"
#include "dialect/otlp/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static const struct route *route_of(const char *pattern)
{
    for (size_t i = 0; i < otlp_dialect.n_routes; i++)
        if (strcmp(pattern, otlp_dialect.routes[i].pattern) == 0)
            return &otlp_dialect.routes[i];
    abort();
}

/* Only these fields of this wire type, and nothing behind them. */
static void must_be_message(struct str body)
{
    struct protobuf p = protobuf_of(body);
    struct protobuf_field f;
    bool more = true;
    while (more) {
        must(protobuf_next(&p, &f, &more, NULL) == ST_OK);
        must(!more || f.number <= 3);
    }
}

static void answer(struct call *c, enum status st, const struct err *err)
{
    struct reply r = { .status = 200 };
    buf_init(&r.body, 0);
    if (st != ST_OK)
        otlp_dialect.error(c, err, &r);
    else
        c->route->reply(c, &r);
    must((st == ST_OK) == (r.status == 200));
    if (r.content_type && strcmp(r.content_type, "application/x-protobuf") == 0)
        must_be_message(buf_str(&r.body));
    buf_fini(&r.body);
}

static void export(struct str body, const char *pattern)
{
    static struct caller caller = { .project = 1, .project_id = STR_INIT("p") };
    static struct pair type = { STR_INIT("content-type"), STR_INIT("application/x-protobuf") };
    struct batch b;
    struct err err = { 0 };
    struct call c = { .arena = arena_new(),
        .dialect = &otlp_dialect,
        .route = route_of(pattern),
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
        for (size_t i = 0; i < b.n_events; i++)
            must(b.n_results == 0 || b.events[i].wire_index < b.n_results ||
                 b.events[i].wire_index == UINT32_MAX);
        batch_seal(&b);
    }
    answer(&c, st, &err);
    batch_fini(&b);
    arena_free(c.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, size };
    export(body, "/v1/traces");
    export(body, "/v1/logs");
    export(body, "/v1/metrics");
    return 0;
}
