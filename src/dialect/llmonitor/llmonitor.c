/*
 * The dialect's face: its routes and its one error body, {"message": ...} (sections 1 and 9).
 *
 * SDKs compare some of these texts and act on these codes: PyPI lunary asks again for ever on anything but 2xx, so an ingest route says no
 * only to what can never be right.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#define NONE NULL
static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__),
#include "dialect/llmonitor/routes.def"
#undef ROUTE
};
#undef NONE

static bool is_ingest(const struct call *c)
{
    return c->route && c->route->verb == VERB_INGEST;
}

/* The key as it was sent, whatever is wrong with it. */
static struct str sent_key(const struct call *c)
{
    struct str scheme, value = call_header(c, "authorization");
    if (value.p && str_cut(&value, ' ', &scheme) && str_trim(value).n > 0)
        return str_trim(value);
    return call_header(c, "x-api-key");
}

/* A refused key: which text depends on what the key looks like (section 1). */
static void refused_key(const struct call *c, int *status, struct str *text)
{
    if (c->route && c->route->access == ACCESS_BODY)
        return;
    if (c->credential == CREDENTIAL_NONE && is_ingest(c)) {
        *status = status_http(ST_PAYMENT);
        *text = STR("Incorrect project id format");
    } else if (c->credential == CREDENTIAL_UNKNOWN) {
        *text = llmonitor__is_uuid(sent_key(c)) ? STR("Invalid API key") : STR("Invalid access token");
    }
}

static void error(const struct call *c, const struct err *err, struct reply *r)
{
    struct str text = str_of(err->text);
    int status = status_http(err->code);
    if (err->code == ST_UNAUTHORIZED)
        refused_key(c, &status, &text);
    if (err->path[0])
        text = arena_printf(c->arena, "%s %.*s", err->path, STR_ARG(text));
    /* The template route of 2023 says it with another word. */
    bool old = err->code == ST_NOT_FOUND && c->route && c->route->access == ACCESS_BODY;
    r->status = status;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    if (err->code == ST_UNPROCESSABLE)
        jw_kv_cstr(&w, "error", "Error");
    jw_kv_str(&w, old ? "error" : "message", text);
    jw_obj_end(&w);
}

const struct dialect llmonitor_dialect = {
    .name = "llmonitor",
    .cors = CORS_CRED,
    .routes = routes,
    .n_routes = sizeof(routes) / sizeof(routes[0]),
    .error = error,
};
