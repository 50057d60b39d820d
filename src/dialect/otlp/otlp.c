/*
 * The dialect's face: OTLP's own paths, over HTTP and as gRPC methods.
 *
 * A gRPC call comes as a POST to the path of its method, with the bare message as its body (docs/architecture.md). Its status goes into
 * headers of the reply, which the transport sends as trailers.
 */
#include "dialect/otlp/otlp_priv.h"

#include "base/hash.h"

static void otlp_reply(struct call *c, struct reply *r);

#define NONE NULL
static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__),
#include "dialect/otlp/routes.def"
#undef ROUTE
};
#undef NONE

/* ---- gRPC ----------------------------------------------------------------------------------------------------------- */

static bool is_grpc(const struct call *c)
{
    return str_starts(c->path, STR("/opentelemetry.proto.collector."));
}

/* In clear: their encodings are the transport's. It also knows best what to say of a method that is not there. */
static void add_grpc_status(const struct call *c, const struct err *err, struct reply *r)
{
    if (err->code == ST_NOT_FOUND)
        return;
    reply_header(r, STR("grpc-status"), arena_printf(c->arena, "%d", otlp__rpc_code(err->code)));
    reply_header(r, STR("grpc-message"), arena_dup(c->arena, str_of(err->text)));
    reply_header(r, STR("grpc-status-details-bin"), base64_encode(c->arena, buf_str(&r->body)));
}

/* ---- replies -------------------------------------------------------------------------------------------------------- */

static void otlp_reply(struct call *c, struct reply *r)
{
    const struct otlp_outcome *o = otlp_outcome(c);
    if (is_grpc(c))
        reply_header(r, STR("grpc-status"), STR("0"));
    if (o->protobuf || is_grpc(c)) {
        otlp_answer_protobuf(o, r);
        return;
    }
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    otlp_answer_json(o, &w);
    jw_obj_end(&w);
}

static void error(const struct call *c, const struct err *err, struct reply *r)
{
    if (is_grpc(c)) {
        struct err named = *err;
        if (err->code == ST_MEDIA) /* a compression that is not known is unimplemented there (otlp.md 1.7) */
            named.code = ST_METHOD;
        otlp_error_protobuf(&named, r);
        add_grpc_status(c, &named, r);
        r->status = status_http(err->code);
    } else if (otlp_wants_protobuf(c))
        otlp_error_protobuf(err, r);
    else
        error_shape_x(err, otlp__rpc_code(err->code), r);
}

const struct dialect otlp_dialect = {
    .name = "otlp",
    .cors = CORS_REFLECT,
    .routes = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .error = error,
};
