/*
 * The two error bodies that several products share (collisions.md 3.5): X under /api/public, /v1 and everything outside /api, Y for the
 * rest of /api. Every client of the six finds its `message` in either.
 */
#include "dialect/dialect.h"

static const char *code_of(int status)
{
    switch (status) {
    case 401: return "unauthorized";
    case 404: return "not_found";
    case 405: return "method_not_allowed";
    case 413: return "payload_too_large";
    case 429: return "rate_limited";
    case 503: return "unavailable";
    default: return status >= 500 ? "internal_error" : "invalid_request";
    }
}

void error_shape_x(const struct err *err, int rpc_code, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    r->status = status_http(err->code);
    jw_obj(&w);
    if (rpc_code > 0)
        jw_kv_i64(&w, "code", rpc_code);
    jw_kv_cstr(&w, "message", err->text);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_kv_cstr(&w, "code", code_of(r->status));
    jw_kv_cstr(&w, "message", err->text);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

void error_shape_y(const struct err *err, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    r->status = status_http(err->code);
    jw_obj(&w);
    jw_kv_cstr(&w, "message", err->text);
    jw_kv_cstr(&w, "error", err->text);
    jw_obj_end(&w);
}
