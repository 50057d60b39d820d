/* Replies: a dialect's own, an error in the right shape, CORS, and the answer to OPTIONS (collisions.md 3.5, 4). */
#include "api/api_priv.h"

static void add_header(struct http_reply *out, struct str name, struct str value)
{
    if (out->n_headers < sizeof(out->headers) / sizeof(out->headers[0]))
        out->headers[out->n_headers++] = (struct http_header){ name, value };
}

/* ---- CORS ----------------------------------------------------------------------------------------------------------- */

#define EXPOSED "X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"

void api__cors(const struct turn *x, struct http_reply *out)
{
    struct str origin = http_header_get(x->r, "origin");
    if (x->cors == CORS_NONE)
        return;
    if (x->cors == CORS_STAR) {
        add_header(out, STR("Access-Control-Allow-Origin"), STR("*"));
    } else {
        add_header(out, STR("Access-Control-Allow-Origin"), origin.n ? origin : STR("*"));
        add_header(out, STR("Vary"), STR("Origin"));
    }
    if (x->cors == CORS_CRED)
        add_header(out, STR("Access-Control-Allow-Credentials"), STR("true"));
    add_header(out, STR("Access-Control-Expose-Headers"), STR(EXPOSED));
}

/* ---- errors --------------------------------------------------------------------------------------------------------- */

static bool is_shape_y(struct str path)
{
    return (str_starts(path, STR("/api/")) || str_is(path, "/api")) && !str_starts(path, STR("/api/public"));
}

static void move_body(struct turn *x, struct reply *reply, struct http_reply *out)
{
    struct buf *body = arena_alloc(x->r->arena, sizeof(*body));
    *body = reply->body;
    reply->body = (struct buf){ 0 };
    out->move = body;
}

static void fill(struct turn *x, struct reply *reply, struct http_reply *out)
{
    out->status = reply->status;
    out->content_type = reply->status == 204  ? NULL
                        : reply->content_type ? reply->content_type
                                              : "application/json";
    for (size_t i = 0; i < reply->n_headers; i++)
        add_header(out, reply->headers[i].name, reply->headers[i].value);
    api__cors(x, out);
    if (reply->status == 401)
        add_header(out, STR("WWW-Authenticate"), STR("Bearer realm=\"tracewell\""));
    if (reply->status == 503 || reply->status == 429)
        add_header(out, STR("Retry-After"), STR("1"));
    move_body(x, reply, out);
}

void api__error(struct turn *x, const struct err *err, struct http_reply *out)
{
    struct reply reply = { 0 };
    buf_init(&reply.body, 0);
    if (x->call.dialect)
        x->call.dialect->error(&x->call, err, &reply);
    else if (is_shape_y(x->call.path))
        error_shape_y(err, &reply);
    else
        error_shape_x(err, 0, &reply);
    *out = (struct http_reply){ 0 };
    fill(x, &reply, out);
}

void api__fail(struct turn *x, const struct err *err)
{
    struct http_reply out;
    api__error(x, err, &out);
    http_send(x->r, &out);
}

void api__reply(struct turn *x, struct reply *reply)
{
    struct http_reply out = { 0 };
    fill(x, reply, &out);
    http_send(x->r, &out);
}

/* ---- OPTIONS -------------------------------------------------------------------------------------------------------- */

#define METHODS "GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD"
#define HEADERS                                                                                                                         \
    "Accept, Authorization, Content-Type, User-Agent, X-API-Key, X-Auth-Token, X-CSRF-Token, X-Langfuse-Public-Key, X-Requested-With, " \
    "X-Request-ID"

static bool is_header_list(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_' || c == ',' || c == ' ';
        if (!ok)
            return false;
    }
    return s.n > 0 && s.n <= 4096;
}

/* The class of the row that the announced method would meet. */
static enum cors cors_announced(struct turn *x, struct str method)
{
    static const char *const names[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
    struct router_match matches[ROUTER_GROUPS];
    struct path path;
    for (unsigned m = 0; m < 5; m++) {
        if (!str_is(method, names[m]))
            continue;
        if (path_normalise(x->r->arena, x->r->target, m == METHOD_POST, &path, NULL) != ST_OK)
            break;
        router_find(x->api->router, m, path.path, matches);
        enum cors found = CORS_REFLECT;
        unsigned n = 0;
        for (unsigned d = 0; d < D_COUNT; d++)
            if (matches[d].route) {
                found = n++ && found != dialects[d]->cors ? CORS_REFLECT : dialects[d]->cors;
            }
        return found;
    }
    return CORS_REFLECT;
}

void api__options(struct turn *x, struct http_reply *out)
{
    struct str method = str_trim(http_header_get(x->r, "access-control-request-method"));
    struct str wanted = http_header_get(x->r, "access-control-request-headers");
    *out = (struct http_reply){ .status = 204 };
    x->cors = method.n ? cors_announced(x, method) : CORS_NONE;
    if (x->cors == CORS_NONE) {
        add_header(out, STR("Allow"), STR(METHODS));
        return;
    }
    api__cors(x, out);
    add_header(out, STR("Access-Control-Allow-Methods"), STR(METHODS));
    add_header(out, STR("Access-Control-Allow-Headers"), is_header_list(wanted) ? wanted : STR(HEADERS));
    add_header(out, STR("Access-Control-Max-Age"), STR("86400"));
    add_header(out, STR("Vary"), STR("Access-Control-Request-Method, Access-Control-Request-Headers"));
}
