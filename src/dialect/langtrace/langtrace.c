/*
 * The dialect's face: its routes, its one error body (langtrace.md 2), and what all its files need.
 *
 * The error says the same under `message` and `error`: the published schema has the first, upstream sends the second, the SDKs read either.
 */
#include "dialect/langtrace/langtrace_priv.h"

#define NONE NULL
static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__),
#include "dialect/langtrace/routes.def"
#undef ROUTE
};
#undef NONE

/* Old exporters look for "invalid api key" in any 401. An encoding we do not know is a bad request here (otlp.md 1.2). */
static void error(const struct call *c, const struct err *err, struct reply *r)
{
    struct err shown = *err;
    (void)c;
    if (err->code == ST_UNAUTHORIZED)
        err_set(&shown, ST_UNAUTHORIZED, "%s", LANGTRACE_UNAUTHORIZED);
    else if (err->code == ST_MEDIA)
        shown.code = ST_INVALID;
    if (shown.path[0] && !str_starts(str_of(shown.text), str_of(shown.path)))
        err_set(&shown, shown.code, "%s %s", err->path, err->text);
    error_shape_y(&shown, r);
}

/* ---- for all files -------------------------------------------------------------------------------------------------- */

enum status langtrace__body(struct call *c, struct json *out, struct err *err)
{
    enum status st = call_json(c, out, err);
    if (st == ST_OK && !json_is_obj(*out))
        st = err_set(
            err, ST_INVALID, "The body must be a JSON object, got %s", json_type_name(json_type(*out)));
    return st;
}

enum status langtrace__text(struct json body, const char *name, struct str *out, struct err *err)
{
    struct json v = json_key(body, name);
    *out = json_str(v);
    if (json_is_set(v) && !json_is_str(v))
        return err_at(err, ST_INVALID, name, "must be a string, got %s", json_type_name(json_type(v)));
    return ST_OK;
}

enum status langtrace__check_home(const struct call *c, struct json body, struct err *err)
{
    struct str project;
    enum status st = langtrace__text(body, "projectId", &project, err);
    if (st == ST_OK && project.n > 0 && !str_eq(project, c->caller->project_id))
        st = err_set(err, ST_UNAUTHORIZED, "%s", LANGTRACE_UNAUTHORIZED);
    return st;
}

/* A '+' of base64 that was not escaped in a query has become a space. */
static struct str id_of(struct arena *a, struct str s, size_t bytes)
{
    struct str out = STR_NONE, copy = arena_dup(a, s);
    for (size_t i = 0; i < copy.n; i++)
        if (copy.p[i] == ' ')
            ((char *)(uintptr_t)copy.p)[i] = '+';
    if (copy.n > 0)
        (void)otlp_id_of_text(a, copy, bytes, &out);
    return out.n > 0 ? out : STR_NONE;
}

struct str langtrace__span_id(struct arena *a, struct str s)
{
    return id_of(a, s, 8);
}

struct str langtrace__trace_id(struct arena *a, struct str s)
{
    return id_of(a, s, 16);
}

struct json langtrace__parsed(struct arena *a, struct str text)
{
    struct json v = JSON_NONE;
    if (!text.p || json_parse(a, text, 0, &v, NULL) != ST_OK)
        return JSON_NONE;
    return v;
}

struct str langtrace__taken(struct arena *a, struct buf *out)
{
    struct str s = arena_dup(a, buf_str(out));
    buf_fini(out);
    return s.p ? s : STR("");
}

void langtrace__kv_time(struct jw *w, const char *key, int64_t ns)
{
    char iso[32];
    jw_kv_str(w, key, time_format_iso_ms(ns, iso));
}

void langtrace__kv_text(struct jw *w, const char *key, struct str s)
{
    jw_kv_str(w, key, s.p ? s : STR(""));
}

/* A route that writes and then reads back what it made is an edit, and an edit has an ask. */
enum status langtrace__no_ask(struct call *c, struct err *err)
{
    (void)c;
    (void)err;
    return ST_OK;
}

enum status langtrace__nothing_write(struct call *c, struct batch *b, struct err *err)
{
    (void)c;
    (void)b;
    (void)err;
    return ST_OK;
}

/* ---- GET /api/health ------------------------------------------------------------------------------------------------ */

/* One body for Langtrace's users and for AgentTrace clients whose base URL ends in /api (rule H of collisions.md 3.4). */
void langtrace__health_reply(struct call *c, struct reply *r)
{
    char iso[32];
    struct jw w = jw_of(&r->body);
    r->status = c->server.ready ? 200 : 503;
    jw_obj(&w);
    jw_kv_cstr(&w, "status", c->server.ready ? "ok" : "unavailable");
    jw_kv_str(&w, "version", c->server.version);
    jw_kv_i64(&w, "uptime", c->server.uptime_s);
    jw_kv_str(&w, "timestamp", time_format_iso_ms(c->now_ns, iso));
    jw_key(&w, "checks");
    jw_obj(&w);
    jw_kv_cstr(&w, "store", c->server.ready ? "ok" : "starting or stopping");
    jw_obj_end(&w);
    jw_obj_end(&w);
}

const struct dialect langtrace_dialect = {
    .name = "langtrace",
    .cors = CORS_NONE,
    .routes = routes,
    .n_routes = sizeof(routes) / sizeof(routes[0]),
    .error = error,
};
