/*
 * The dialect's face: its routes, its regular fields, and every body that says no.
 *
 * LangWatch's routes come from three generations of code, and each says no in its own way (langwatch.md 2.3, 2.4). A route that
 * refuses leaves the finished body in call->state, where error() finds it; what api refuses before a route runs is answered by the
 * family of the path.
 */
#include "dialect/langwatch/rest_priv.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "dialect/otlp/otlp.h"

/* ---- tables --------------------------------------------------------------------------------------------------------- */

#define NONE NULL
static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__),
#include "dialect/langwatch/routes.def"
#undef ROUTE
};
#undef NONE

#define IN  FIELD_IN
#define OUT FIELD_OUT
const struct field langwatch__fields[] = {
#define FIELD(kinds, path, column, conversion, nulls, direction) \
    { KIND_##kinds, path, column, CONV_##conversion, NULLS_##nulls, direction },
#include "dialect/langwatch/fields.def"
#undef FIELD
};
#undef IN
#undef OUT
const size_t langwatch__n_fields = sizeof langwatch__fields / sizeof *langwatch__fields;

static bool is_absent(const struct field *f, struct json v)
{
    return !json_is_set(v) || (f->nulls == NULLS_EMPTY && json_is_str(v) && json_str(v).n == 0);
}

/* The issue in a field that field_in() refused: its text is in the validator's words already. */
static void field_issue(
    struct issues *is, const struct at *at, const struct field *f, struct json v, const struct err *err)
{
    if (f->conversion == CONV_TEXTS)
        langwatch__is_texts(is, at, v, false);
    else if (f->conversion == CONV_ID)
        langwatch__is_id(is, at, v);
    else if (f->conversion == CONV_BOOL)
        langwatch__is_boolean(is, at, v, false);
    else if (!json_is_str(v))
        langwatch__is_text(is, at, v, false);
    else
        langwatch__issue(is, at, "custom", arena_dup(is->arena, str_of(err->text)));
}

void langwatch__decode(struct issues *is, const struct at *at, unsigned kinds, struct json v, struct event *e)
{
    for (size_t i = 0; i < langwatch__n_fields; i++) {
        const struct field *f = &langwatch__fields[i];
        struct err err = { 0 };
        struct value value;
        if (!(f->kinds & kinds) || !(f->direction & FIELD_IN))
            continue;
        struct json member = json_key(v, f->path);
        if (is_absent(f, member))
            continue;
        if (field_in(e->arena, f->conversion, member, &value, &err) == ST_OK)
            event_set(e, f->column, value);
        else
            field_issue(is, AT_KEY(at, str_of(f->path)), f, member, &err);
    }
}

/* ---- state and bodies ----------------------------------------------------------------------------------------------- */

struct langwatch_state *langwatch__state(struct call *c)
{
    if (!c->state)
        c->state = arena_alloc(c->arena, sizeof(struct langwatch_state));
    return c->state;
}

struct str langwatch__taken(struct arena *a, struct buf *out)
{
    struct str s = arena_dup(a, buf_str(out));
    buf_fini(out);
    return s.p ? s : STR("");
}

static struct str body_of(struct arena *a, const char *key, const char *key2, struct str text)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_str(&w, key, text);
    if (key2)
        jw_kv_str(&w, key2, text);
    jw_obj_end(&w);
    return langwatch__taken(a, &out);
}

static enum status fail(struct call *c, struct err *err, enum status st, struct str text, struct str body)
{
    struct langwatch_state *s = langwatch__state(c);
    s->status = status_http(st);
    s->body = body;
    return err_set(err, st, "%.*s", STR_ARG(text));
}

enum status langwatch__fail_error(struct call *c, struct err *err, enum status st, struct str text)
{
    return fail(c, err, st, text, body_of(c->arena, "error", NULL, text));
}

enum status langwatch__fail_message(struct call *c, struct err *err, enum status st, struct str text)
{
    return fail(c, err, st, text, body_of(c->arena, "message", NULL, text));
}

enum status langwatch__fail_both(struct call *c, struct err *err, enum status st, struct str text)
{
    return fail(c, err, st, text, body_of(c->arena, "error", "message", text));
}

enum status langwatch__fail_issues(struct call *c, struct err *err, const struct issues *is, struct str place)
{
    struct str text = langwatch__issues_text(is);
    if (place.n > 0)
        text = arena_printf(c->arena, "%.*s at \"%.*s\"", STR_ARG(text), STR_ARG(place));
    return langwatch__fail_error(c, err, ST_INVALID, text);
}

static void write_reason(struct jw *w, const struct issue *issue)
{
    jw_obj(w);
    jw_kv_cstr(w, "code", "schema_failure");
    jw_key(w, "meta");
    jw_obj(w);
    jw_kv_str(w, "field", issue->path);
    jw_kv_cstr(w, "type", issue->code);
    jw_kv_str(w, "message", issue->message);
    jw_kv_str_opt(w, "expected", issue->expected);
    jw_kv_str_opt(w, "received", issue->received);
    jw_obj_end(w);
    jw_obj_end(w);
}

enum status langwatch__fail_newer(struct call *c, struct err *err, const struct issues *is)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_cstr(&w, "error", "validation_error");
    jw_kv_cstr(&w, "message", "The request body didn't match the expected shape.");
    jw_kv_cstr(&w, "target", "json");
    jw_key(&w, "fields");
    jw_arr(&w);
    for (size_t i = 0; i < is->n; i++)
        jw_str(&w, is->items[i].path);
    jw_arr_end(&w);
    jw_key(&w, "reasons");
    jw_arr(&w);
    for (size_t i = 0; i < is->n; i++)
        write_reason(&w, &is->items[i]);
    jw_arr_end(&w);
    jw_kv_cstr(&w, "fault", "customer");
    jw_obj_end(&w);
    return fail(c, err, ST_UNPROCESSABLE, langwatch__issues_text(is), langwatch__taken(c->arena, &out));
}

enum status langwatch__fail_malformed(struct call *c, struct err *err)
{
    struct err fault = *err;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_cstr(&w, "error", "malformed_request");
    jw_kv_cstr(&w, "message", "The request body could not be parsed.");
    jw_key(&w, "reasons");
    jw_arr(&w);
    jw_obj(&w);
    jw_kv_cstr(&w, "code", "invalid_json");
    jw_key(&w, "meta");
    jw_obj(&w);
    jw_kv_cstr(&w, "message", fault.text);
    jw_kv_i64(&w, "line", (int64_t)fault.line);
    jw_kv_i64(&w, "column", (int64_t)fault.column);
    jw_obj_end(&w);
    jw_obj_end(&w);
    jw_arr_end(&w);
    jw_kv_cstr(&w, "fault", "customer");
    jw_obj_end(&w);
    return fail(c, err, ST_INVALID, str_of(fault.text), langwatch__taken(c->arena, &out));
}

/* ---- what api refuses ----------------------------------------------------------------------------------------------- */

enum path_family { PATHS_COLLECTOR, PATHS_TRACE, PATHS_OTLP, PATHS_OTHER };

static enum path_family family_of(struct str path)
{
    static const struct {
        struct str prefix;
        enum path_family family;
    } families[] = {
        { STR_INIT("/api/collector"), PATHS_COLLECTOR },
        { STR_INIT("/api/trace/"), PATHS_TRACE },
        { STR_INIT("/api/thread/"), PATHS_TRACE },
        { STR_INIT("/api/annotations"), PATHS_TRACE },
        { STR_INIT("/api/evaluations"), PATHS_TRACE },
        { STR_INIT("/api/otel/"), PATHS_OTLP },
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (str_starts(path, families[i].prefix))
            return families[i].family;
    return PATHS_OTHER;
}

static bool is_basic(struct arena *a, struct str v)
{
    struct str pair, name;
    if (v.n < 6 || !str_eq_nocase(str_sub(v, 0, 6), STR("Basic ")) ||
        !base64_decode(a, str_trim(str_sub(v, 6, SIZE_MAX)), &pair))
        return false;
    return str_cut(&pair, ':', &name) && name.n > 0 && pair.n > 0;
}

static bool is_bearer(struct str v)
{
    return v.n > 7 && str_eq_nocase(str_sub(v, 0, 7), STR("Bearer ")) &&
           str_trim(str_sub(v, 7, SIZE_MAX)).n > 0;
}

/* Is a well-formed credential there, in any carrier (collisions.md 3.3)? */
static bool has_credential(const struct call *c)
{
    static const char *const carriers[] = { "x-auth-token", "x-api-key", "lunary-project-key" };
    struct str authorization = call_header(c, "authorization");
    if (is_basic(c->arena, authorization) || is_bearer(authorization))
        return true;
    for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++)
        if (str_trim(call_header(c, carriers[i])).n > 0)
            return true;
    return false;
}

#define ASK_FOR_TOKEN "Authentication token is required. Use X-Auth-Token header"
#define ASK_FOR_KEY                                                                                                 \
    "Authentication required. Use Authorization: Basic base64(projectId:token), Authorization: Bearer <token>, or " \
    "X-Auth-Token header."

static void unauthorized(const struct call *c, struct jw *w)
{
    enum path_family family = family_of(c->path);
    bool given = has_credential(c);
    jw_obj(w);
    if (family == PATHS_TRACE && !given)
        jw_kv_cstr(w, "message",
            ASK_FOR_TOKEN ", Authorization: Bearer token, or Authorization: Basic base64(projectId:token).");
    else if (family == PATHS_OTLP && !given)
        jw_kv_cstr(w, "message", ASK_FOR_TOKEN " or Authorization: Bearer token.");
    else if (family == PATHS_TRACE || family == PATHS_OTLP)
        jw_kv_cstr(w, "message", "Invalid auth token.");
    else {
        jw_kv_cstr(w, "error", "Unauthorized");
        jw_kv_cstr(w, "message", given || family == PATHS_COLLECTOR ? "Invalid credentials" : ASK_FOR_KEY);
    }
    jw_obj_end(w);
}

static const char *permission_of(const struct call *c)
{
    if (str_ends(c->path, STR("/share")) || str_ends(c->path, STR("/unshare")))
        return "traces:share";
    if (!c->route || c->route->verb == VERB_INGEST)
        return "traces:create";
    return c->route->verb == VERB_PUT ? "traces:update" : "traces:view";
}

static void forbidden(const struct call *c, struct jw *w)
{
    const char *permission = permission_of(c);
    jw_obj(w);
    jw_kv_cstr(w, "error", "api_key_permission_denied");
    jw_kv_str(
        w, "message", arena_printf(c->arena, "API Key does not grant required permission: %s", permission));
    jw_kv_cstr(w, "permission", permission);
    jw_kv_cstr(w, "fault", "customer");
    jw_key(w, "tips");
    jw_arr(w);
    jw_str(w, STR("Use a key that grants this permission, or a project key."));
    jw_arr_end(w);
    jw_obj_end(w);
}

static void both(struct jw *w, struct str error, struct str message)
{
    jw_obj(w);
    jw_kv_str(w, "error", error);
    jw_kv_str(w, "message", message);
    jw_obj_end(w);
}

static void refuse_by_code(const struct call *c, const struct err *err, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    struct str text = str_of(err->text);
    r->status = status_http(err->code);
    switch (err->code) {
    case ST_UNAUTHORIZED:
    case ST_PAYMENT:
        r->status = 401;
        unauthorized(c, &w);
        return;
    case ST_FORBIDDEN: forbidden(c, &w); return;
    case ST_METHOD:
    case ST_NOT_FOUND:
        r->status = 404;
        both(&w, STR("Not Found"), STR("Not Found"));
        return;
    case ST_TOO_LARGE: both(&w, STR("ERR_PAYLOAD_TOO_LARGE"), STR("Payload Too Large")); return;
    case ST_BUSY:
    case ST_IO: both(&w, STR("Service Unavailable"), text); return;
    case ST_CORRUPT:
    case ST_INTERNAL:
        if (family_of(c->path) == PATHS_TRACE)
            both(&w, text, STR("Internal Server Error"));
        else
            both(&w, STR("Internal server error"), STR("An unknown error occurred"));
        return;
    default: both(&w, text, text); return;
    }
}

/* Paths that say 413 as a text (langwatch.md 2.4). */
static bool is_plain(struct str path)
{
    return family_of(path) == PATHS_COLLECTOR || str_ends(path, STR("/batch/log_results")) ||
           str_ends(path, STR("/dspy/log_steps"));
}

static void error(const struct call *c, const struct err *err, struct reply *r)
{
    const struct langwatch_state *s = family_of(c->path) == PATHS_OTLP ? NULL : c->state;
    if (family_of(c->path) == PATHS_OTLP && langwatch__otlp_error(c, err, r))
        return;
    if (s && s->status == status_http(err->code)) {
        r->status = s->status;
        buf_add_str(&r->body, s->body);
    } else if (err->code == ST_TOO_LARGE && is_plain(c->path)) {
        r->status = 413;
        r->content_type = "text/plain; charset=utf-8";
        buf_add_cstr(&r->body, "Payload Too Large");
    } else
        refuse_by_code(c, err, r);
}

/* ---- who am I ------------------------------------------------------------------------------------------------------- */

enum status langwatch_validate_ask(struct call *c, struct err *err)
{
    struct str token = str_trim(call_header(c, "x-auth-token"));
    if (token.n == 0)
        return langwatch__fail_message(c, err, ST_UNAUTHORIZED, STR("X-Auth-Token header is required."));
    c->caller = c->find_caller(c->find_ctx, token, c->arena);
    if (!c->caller)
        return langwatch__fail_message(c, err, ST_UNAUTHORIZED, STR("Invalid auth token."));
    return ST_OK;
}

void langwatch_validate_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "projectSlug", c->caller->project_slug);
    jw_obj_end(&w);
}

void langwatch_project_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "id", c->caller->project_id);
    jw_kv_str(&w, "name", c->caller->project_name);
    jw_kv_str(&w, "slug", c->caller->project_slug);
    jw_kv_bool(&w, "isPersonal", false);
    jw_obj_end(&w);
}

const struct dialect langwatch_dialect = {
    .name = "langwatch",
    .cors = CORS_NONE,
    .routes = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .error = error,
};
