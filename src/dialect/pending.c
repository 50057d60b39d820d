/*
 * Dialects whose issue has not come yet. Their paths are known, so that the right product answers on shared ones and says in its own
 * shape that the route is not there. Each moves into its folder when it is built.
 */
#include "dialect/dialect.h"

#define ROUTE(method_, pattern_, verb_, entity_, access_, mib, ask_, write_, reply_) \
    { .method = METHOD_##method_,                                                    \
        .pattern = pattern_,                                                         \
        .verb = VERB_##verb_,                                                        \
        .entity = entity_,                                                           \
        .access = ACCESS_##access_,                                                  \
        .limit_bytes = (mib)*INT64_C(1048576),                                       \
        .ask = ROUTE_##ask_,                                                         \
        .write = ROUTE_##write_,                                                     \
        .reply = ROUTE_##reply_ },

static const struct route langfuse_routes[] = {
#include "dialect/langfuse/routes.def"
};
static const struct route agenttrace_routes[] = {
#include "dialect/agenttrace/routes.def"
};
static const struct route langtrace_routes[] = {
#include "dialect/langtrace/routes.def"
};
static const struct route otlp_routes[] = {
#include "dialect/otlp/routes.def"
};
#undef ROUTE

static const char *code_of(int status)
{
    switch (status) {
    case 401: return "unauthorized";
    case 404: return "not_found";
    case 405: return "method_not_allowed";
    case 413: return "payload_too_large";
    case 429: return "rate_limited";
    case 503: return "unavailable";
    default: return "invalid_request";
    }
}

/* Shape X of collisions.md 3.5. */
static void error_x(const struct call *c, const struct err *err, struct reply *r)
{
    (void)c;
    r->status = status_http(err->code);
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_cstr(&w, "message", err->text);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_kv_cstr(&w, "code", code_of(r->status));
    jw_kv_cstr(&w, "message", err->text);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

/* Shape Y. */
static void error_y(const struct call *c, const struct err *err, struct reply *r)
{
    (void)c;
    r->status = status_http(err->code);
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_cstr(&w, "message", err->text);
    jw_kv_cstr(&w, "error", err->text);
    jw_obj_end(&w);
}

/* OTLP: shape X with the number of google.rpc.Status. */
static void error_otlp(const struct call *c, const struct err *err, struct reply *r)
{
    (void)c;
    int status = status_http(err->code);
    r->status = status;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_i64(&w, "code",
        status == 401                    ? 16
        : status == 404                  ? 12
        : status == 413 || status == 429 ? 8
        : status == 503                  ? 14
                                         : 3);
    jw_kv_cstr(&w, "message", err->text);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_kv_cstr(&w, "code", code_of(status));
    jw_kv_cstr(&w, "message", err->text);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const struct dialect langfuse_dialect = { "langfuse", CORS_REFLECT, langfuse_routes, COUNT(langfuse_routes),
    error_x };
const struct dialect agenttrace_dialect = { "agenttrace", CORS_STAR, agenttrace_routes,
    COUNT(agenttrace_routes), error_x };
const struct dialect langtrace_dialect = { "langtrace", CORS_NONE, langtrace_routes, COUNT(langtrace_routes),
    error_y };
const struct dialect otlp_dialect = { "otlp", CORS_REFLECT, otlp_routes, COUNT(otlp_routes), error_otlp };
