/* The handler that http calls: intake, then the body decides what was left open, then one of three paths. */
#include "api/api_priv.h"

#include "base/mem.h"

static struct turn *turn_of(struct http_request *r)
{
    return r->user;
}

/* ---- after the body ------------------------------------------------------------------------------------------------- */

/* Rules T and V look at the body when nothing before it decided. */
static bool decide_by_body(struct turn *x)
{
    struct json body = JSON_NONE;
    bool empty = x->r->body.n == 0;
    if (!empty && call_json(&x->call, &body, NULL) != ST_OK)
        body = JSON_NONE;
    x->decision = decide_body(&x->evidence, body, empty);
    const struct router_match *m = &x->matches[x->decision.dialect];
    x->call.dialect = dialects[x->decision.dialect];
    x->call.route = m->route;
    return m->route != NULL;
}

static bool has_handlers(const struct route *route)
{
    return route->ask || route->write || route->reply;
}

static void not_served(struct turn *x)
{
    struct err err;
    err_set(&err, ST_NOT_FOUND, "Not Found");
    api__fail(x, &err);
}

static void run(struct turn *x)
{
    const struct route *route = x->call.route;
    if (route->write && route->ask)
        api__edit_path(x);
    else if (route->write)
        api__write_path(x);
    else
        api__read_path(x);
}

static void run_on_worker(void *ctx, struct http_request *r)
{
    (void)ctx;
    run(turn_of(r));
}

/* What asks the store or edits runs on a worker, so that no scan stalls the connections of an I/O thread. */
static bool needs_worker(const struct route *route)
{
    return route->ask != NULL || (route->verb != VERB_INGEST && route->write != NULL);
}

static void handle(void *ctx, struct http_request *r, bool heavy)
{
    struct turn *x = turn_of(r);
    (void)ctx;
    x->call.body = r->body;
    if (x->decision.needs_body && !decide_by_body(x)) {
        not_served(x);
        return;
    }
    r->note = str_of(x->call.dialect->name);
    if (!has_handlers(x->call.route)) {
        not_served(x);
        return;
    }
    if (heavy || !needs_worker(x->call.route)) {
        run(x);
        return;
    }
    if (!http_work(r, run_on_worker, NULL)) {
        struct err err;
        err_set(&err, ST_BUSY, "The server is busy: too many requests wait for a worker. Please retry.");
        api__fail(x, &err);
    }
}

static void on_error(void *ctx, struct http_request *r, const struct err *err, struct http_reply *out)
{
    struct turn *x = turn_of(r);
    if (!x) {
        x = arena_alloc(r->arena, sizeof(*x));
        *x = (struct turn){ .api = ctx, .r = r, .cors = CORS_REFLECT };
        x->call.arena = r->arena;
        x->call.path = r->target;
        r->user = x;
    }
    api__error(x, err, out);
}

/* Everything of a turn lives in the request's arena. */
static void finish(void *ctx, struct http_request *r)
{
    (void)ctx;
    r->user = NULL;
}

/* ---- lifecycle ------------------------------------------------------------------------------------------------------ */

struct api *api_new(const struct api_parts *parts)
{
    struct api *api = mem_alloc(sizeof(*api));
    api->parts = *parts;
    api->router = router_new();
    api->started_mono = clock_mono_ns();
    api->handler = (struct http_handler){
        .ctx = api, .begin = api__begin, .handle = handle, .error = on_error, .finish = finish
    };
    api->otlp_handler = api->handler;
    api->otlp_handler.begin = api__begin_otlp;
    lock_init(&api->edits, LOCK_API);
    for (unsigned d = 0; d < D_COUNT; d++)
        for (size_t i = 0; i < dialects[d]->n_routes; i++)
            router_add(api->router, d, dialects[d]->routes[i].method, dialects[d]->routes[i].pattern,
                &dialects[d]->routes[i]);
    return api;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    router_free(api->router);
    lock_fini(&api->edits);
    mem_free(api);
}

const struct http_handler *api_handler(struct api *api)
{
    return &api->handler;
}

const struct http_handler *api_otlp_handler(struct api *api)
{
    return &api->otlp_handler;
}

void api_ready(struct api *api)
{
    api->ready = true;
}
