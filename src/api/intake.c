/*
 * Before the body: the path in its one normal form, the candidates, the key, the dialect, and whether the key opens the route. What is
 * refused here is refused without reading a byte of the body (collisions.md 3.2).
 */
#include "api/api_priv.h"

#include "base/log.h"

static const char *const method_names[METHOD_COUNT] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

static int method_find(struct str name)
{
    for (int m = 0; m < METHOD_COUNT; m++)
        if (str_is(name, method_names[m]))
            return m;
    return str_is(name, "HEAD") ? METHOD_GET : -1;
}

static bool refuse(struct turn *x, struct http_reply *early, enum status st, const char *text)
{
    struct err err;
    err_set(&err, st, "%s", text);
    api__error(x, &err, early);
    return false;
}

/* ---- the call as the dialect will see it ---------------------------------------------------------------------------- */

static const struct caller *find_caller(void *ctx, struct str token, struct arena *a)
{
    struct api *api = ctx;
    struct account_key key;
    if (!account_find(api->parts.account, token, a, &key))
        return NULL;
    struct caller *c = arena_alloc(a, sizeof(*c));
    *c = caller_of(&key);
    return c;
}

static struct str base_url(struct turn *x)
{
    struct str host = http_header_get(x->r, "host");
    bool plain = host.n > 0 && host.n <= 255;
    for (size_t i = 0; i < host.n && plain; i++) {
        char ch = host.p[i];
        plain = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                ch == '.' || ch == '-' || ch == ':' || ch == '[' || ch == ']';
    }
    return arena_printf(x->r->arena, "http://%.*s", STR_ARG(plain ? host : STR("localhost")));
}

static void fill_call(struct turn *x, int method)
{
    struct call *c = &x->call;
    struct path_pair *pairs;
    c->arena = x->r->arena;
    c->method = (enum method)method;
    c->path = x->path.path;
    c->query_raw = x->path.query;
    query_pairs(c->arena, x->path.query, &pairs, &c->n_query);
    c->query = arena_array(c->arena, c->n_query + 1, sizeof(*c->query));
    for (size_t i = 0; i < c->n_query; i++)
        c->query[i] = (struct pair){ pairs[i].name, pairs[i].value };
    struct pair *headers = arena_array(c->arena, x->r->n_headers + 1, sizeof(*headers));
    for (size_t i = 0; i < x->r->n_headers; i++)
        headers[i] = (struct pair){ x->r->headers[i].name, x->r->headers[i].value };
    c->headers = headers;
    c->n_headers = x->r->n_headers;
    c->now_ns = x->r->received_ns;
    c->base_url = base_url(x);
    c->server.version = str_of(x->api->parts.version);
    c->server.uptime_s = (clock_mono_ns() - x->api->started_mono) / NS_PER_S;
    c->server.ready = x->api->ready && !http_draining(x->api->parts.http);
    c->find_caller = find_caller;
    c->find_ctx = x->api;
}

static bool fill_params(struct turn *x, const struct router_match *m)
{
    x->call.n_params = m->n_params;
    for (size_t i = 0; i < m->n_params; i++)
        if (!path_decode(x->call.arena, m->params[i], false, &x->call.params[i]))
            return false;
    return true;
}

/* ---- whose request it is -------------------------------------------------------------------------------------------- */

static unsigned candidates_of(const struct turn *x)
{
    unsigned c = 0;
    for (unsigned d = 0; d < D_COUNT; d++)
        if (x->matches[d].route)
            c |= 1u << d;
    return c;
}

/* The class all candidates share, else reflect (collisions.md 4). */
static enum cors cors_of(unsigned candidates)
{
    enum cors found = CORS_REFLECT;
    bool first = true;
    for (unsigned d = 0; d < D_COUNT; d++) {
        if (!(candidates & (1u << d)))
            continue;
        if (!first && found != dialects[d]->cors)
            return CORS_REFLECT;
        found = dialects[d]->cors;
        first = false;
    }
    return found;
}

static struct str media_type(struct turn *x)
{
    struct str v = http_header_get(x->r, "content-type"), part;
    if (!v.p || !str_cut(&v, ';', &part))
        return STR("");
    part = str_trim(part);
    struct str lower = arena_dup(x->r->arena, part);
    for (size_t i = 0; i < lower.n; i++)
        if (lower.p[i] >= 'A' && lower.p[i] <= 'Z')
            ((char *)(uintptr_t)lower.p)[i] = (char)(lower.p[i] + 32);
    return lower;
}

static bool has_header(const struct turn *x, const char *name)
{
    return http_header_get(x->r, name).n > 0;
}

static void gather_evidence(struct turn *x, unsigned candidates)
{
    x->evidence = (struct evidence){
        .candidates = candidates,
        .path = x->path.path,
        .method = x->call.method,
        .carrier = x->credential.carrier,
        .known = x->credential.known,
        .form = x->credential.form,
        .langfuse_sdk = has_header(x, "x-langfuse-sdk-name") || has_header(x, "x_langfuse_sdk_name"),
        .lunary_project_key = has_header(x, "lunary-project-key"),
        .media_type = media_type(x),
    };
}

/* No route: a wrong method on a known path, or no such path. Routes of one dialect answer in its own way. */
static bool unknown_route(struct turn *x, struct http_reply *early)
{
    unsigned methods = 0, owners = 0;
    for (unsigned d = 0; d < D_COUNT; d++)
        if (x->matches[d].methods) {
            methods |= x->matches[d].methods;
            owners |= 1u << d;
        }
    if (!methods)
        return refuse(x, early, ST_NOT_FOUND, "Not Found");
    bool hidden = (owners & ~((1u << D_LANGWATCH) | (1u << D_LANGTRACE))) == 0;
    for (unsigned d = 0; d < D_COUNT && (owners & (owners - 1)) == 0; d++)
        if (owners & (1u << d))
            x->call.dialect = dialects[d];
    x->cors = cors_of(owners);
    if (hidden)
        return refuse(x, early, ST_NOT_FOUND, "Not Found");
    refuse(x, early, ST_METHOD, "Method Not Allowed");
    struct buf allow;
    buf_init(&allow, 0);
    for (unsigned m = 0; m < METHOD_COUNT; m++)
        if (methods & (1u << m))
            buf_printf(&allow, "%s%s", allow.n ? ", " : "", method_names[m]);
    early->headers[early->n_headers++] =
        (struct http_header){ STR("Allow"), arena_dup(x->r->arena, buf_str(&allow)) };
    buf_fini(&allow);
    return false;
}

/* ---- what the key opens --------------------------------------------------------------------------------------------- */

static const char *missing_key_text(const struct turn *x)
{
    return x->evidence.candidates & (1u << D_LANGFUSE) && x->evidence.carrier == CARRIER_NONE
               ? "No authorization header"
           : x->evidence.carrier == CARRIER_NONE ? "Missing API key"
                                                 : "Invalid API key";
}

/* A team's key, or a project's own key of the form that has teams: only this product's routes make projects and keys. */
static bool opens_team(const struct turn *x)
{
    const struct account_key *k = &x->credential.key;
    return x->credential.known && k->form == ACCOUNT_LANGTRACE && !k->public_half && !k->ingest_only;
}

/* Exports of traces, logs and metrics, on any product's path. */
static bool takes_otlp(const struct turn *x, const struct route *route)
{
    struct str pattern = str_of(route->pattern);
    return route->method == METHOD_POST &&
           (x->decision.dialect == D_OTLP || str_is(pattern, "/api/trace") ||
               str_ends(pattern, STR("/v1/traces")) || str_ends(pattern, STR("/v1/logs")) ||
               str_ends(pattern, STR("/v1/metrics")));
}

/* A public half opens only what its own product's contract opens with it: routes that say so, and OTLP only Lunary's. */
static bool opens(const struct turn *x, const struct route *route)
{
    if (!x->credential.key.public_half)
        return true;
    bool otlp = takes_otlp(x, route);
    bool own = (x->credential.form == FORM_LUNARY && (otlp || x->decision.dialect == D_LLMONITOR)) ||
               (x->credential.form == FORM_LANGFUSE && !otlp && x->decision.dialect == D_LANGFUSE) ||
               (x->credential.form == FORM_AGENTTRACE && !otlp && x->decision.dialect == D_AGENTTRACE);
    return own && route->access == ACCESS_PUBLIC;
}

static bool authorise(struct turn *x, struct http_reply *early)
{
    const struct route *route = x->call.route;
    x->call.credential = x->credential.known                     ? CREDENTIAL_GOOD
                         : x->credential.carrier == CARRIER_NONE ? CREDENTIAL_NONE
                                                                 : CREDENTIAL_UNKNOWN;
    if (x->credential.known) {
        x->caller = caller_of(&x->credential.key);
        x->call.caller = &x->caller;
    }
    if (route->access == ACCESS_OPEN || route->access == ACCESS_BODY)
        return true;
    if (x->credential.failed)
        return refuse(x, early, ST_IO, "The accounts cannot be read right now. Please retry.");
    if (route->access == ACCESS_TEAM)
        return opens_team(x) || refuse(x, early, ST_UNAUTHORIZED, "This route requires a Langtrace key");
    if (x->credential.known && x->credential.key.project == 0)
        return refuse(x, early, ST_UNAUTHORIZED, "This key belongs to an organization, not to a project");
    if (!x->credential.known)
        return refuse(x, early, ST_UNAUTHORIZED, missing_key_text(x));
    if (!opens(x, route))
        return refuse(x, early, ST_UNAUTHORIZED, "This route requires a private API key");
    if (x->caller.ingest_only && route->verb != VERB_INGEST)
        return refuse(x, early, ST_FORBIDDEN, "This key may only send traces");
    return true;
}

/* ---- in order ------------------------------------------------------------------------------------------------------- */

static bool choose(struct turn *x, struct http_reply *early)
{
    unsigned candidates = candidates_of(x);
    if (!candidates)
        return unknown_route(x, early);
    x->cors = cors_of(candidates);
    bool langtrace_only = candidates == 1u << D_LANGTRACE;
    credential_find(x->api->parts.account, x->r, x->path.query, langtrace_only, &x->credential);
    gather_evidence(x, candidates);
    x->decision = decide(&x->evidence);
    const struct router_match *m = &x->matches[x->decision.dialect];
    bool shared = x->decision.by_default && x->decision.dialect != D_OTLP; /* whose shape is its own there */
    x->call.dialect = shared ? NULL : dialects[x->decision.dialect];
    x->call.route = m->route;
    x->r->note = str_of(dialects[x->decision.dialect]->name);
    if (!fill_params(x, m))
        return refuse(x, early, ST_INVALID, "The path has a broken escape");
    x->r->body_limit = x->call.route->limit_bytes;
    if (!authorise(x, early))
        return false;
    x->call.dialect = dialects[x->decision.dialect];
    return true;
}

/* On a port for OTLP alone each path that takes a signal is OTLP's own, whoever owns it elsewhere, and there are no others
 * (collisions.md 3.2 step 1). */
static struct str otlp_path(struct str path)
{
    static const struct str bases[] = { STR_INIT("/api/public/otel"), STR_INIT("/api/public"),
        STR_INIT("/api/otel") };
    static const struct str signals[] = { STR_INIT("/v1/traces"), STR_INIT("/v1/logs"),
        STR_INIT("/v1/metrics") };
    if (str_starts(path, STR("/opentelemetry.proto.collector.")))
        return path;
    if (str_is(path, "/api/trace"))
        return signals[0];
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
        if (str_starts(path, bases[i])) {
            path = str_sub(path, bases[i].n, SIZE_MAX);
            break;
        }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (str_eq(path, signals[i]))
            return signals[i];
    return STR("");
}

static void find_routes(struct turn *x, enum method method)
{
    struct str path = x->otlp_only ? otlp_path(x->path.path) : x->path.path;
    router_find(x->api->router, method, path, x->matches);
    for (unsigned d = 0; d < D_COUNT && x->otlp_only; d++)
        if (d != D_OTLP)
            x->matches[d] = (struct router_match){ 0 };
}

static bool begin(struct api *api, struct http_request *r, bool otlp_only, struct http_reply *early)
{
    struct turn *x = arena_alloc(r->arena, sizeof(*x));
    *x = (struct turn){
        .api = api, .r = r, .otlp_only = otlp_only, .head = str_is(r->method, "HEAD"), .cors = CORS_REFLECT
    };
    x->call.arena = r->arena;
    x->call.dialect = otlp_only ? &otlp_dialect : NULL;
    x->call.path = r->target;
    r->user = x;
    r->note = STR("none");
    int method = method_find(r->method);
    if (method < 0)
        return refuse(x, early, ST_METHOD, "Method Not Allowed");
    struct err err;
    if (path_normalise(r->arena, r->target, method == METHOD_POST, &x->path, &err) != ST_OK) {
        api__error(x, &err, early);
        return false;
    }
    fill_call(x, method);
    if (method == METHOD_OPTIONS) {
        api__options(x, early);
        return false;
    }
    if (method == METHOD_GET && !otlp_only && api__operations(x->api, r, x->path.path, early))
        return false;
    find_routes(x, (enum method)method);
    return choose(x, early);
}

bool api__begin(void *ctx, struct http_request *r, struct http_reply *early)
{
    return begin(ctx, r, false, early);
}

bool api__begin_otlp(void *ctx, struct http_request *r, struct http_reply *early)
{
    return begin(ctx, r, true, early);
}
