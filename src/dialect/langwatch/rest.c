/*
 * What the routes of section 9 have in common: reading their bodies, and the small pieces of their answers.
 */
#include "dialect/langwatch/rest_priv.h"

enum status langwatch__newer_body(struct call *c, struct json *body, struct err *err)
{
    struct issues is = { .arena = c->arena };
    enum status st = call_json(c, body, err);
    if (st == ST_TOO_LARGE)
        return st;
    if (st != ST_OK)
        return langwatch__fail_malformed(c, err);
    return langwatch__is_object(&is, NULL, *body, false) ? ST_OK : langwatch__fail_newer(c, err, &is);
}

enum status langwatch__checked_body(
    struct call *c, void (*check)(struct issues *, struct json), struct json *body, struct err *err)
{
    struct issues is = { .arena = c->arena };
    enum status st = langwatch__newer_body(c, body, err);
    if (st != ST_OK)
        return st;
    check(&is, *body);
    return is.n > 0 ? langwatch__fail_newer(c, err, &is) : ST_OK;
}

enum status langwatch__fail_code(
    struct call *c, struct err *err, enum status st, const char *code, struct str text)
{
    struct langwatch_state *s = langwatch__state(c);
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_cstr(&w, "error", code);
    jw_kv_str(&w, "message", text);
    jw_obj_end(&w);
    s->status = status_http(st);
    s->body = langwatch__taken(c->arena, &out);
    return err_set(err, st, "%.*s", STR_ARG(text));
}

void langwatch__kv_time(struct jw *w, const char *key, int64_t ns)
{
    char iso[32];
    jw_kv_str(w, key, ns == TIME_NONE ? STR_NONE : time_format_iso_ms(ns, iso));
}

void langwatch__kv_opt(struct jw *w, const char *key, struct json v)
{
    if (!json_is_set(v))
        return;
    jw_key(w, key);
    jw_value(w, v);
}

void langwatch__kv_null(struct jw *w, const char *key, struct json v)
{
    jw_key(w, key);
    if (json_is_set(v))
        jw_value(w, v);
    else
        jw_null(w);
}

bool langwatch__query_number(
    const struct call *c, const char *name, int64_t none, int64_t low, int64_t high, int64_t *out)
{
    struct str text = call_query(c, name);
    *out = none;
    return text.n == 0 || (str_to_i64(text, out) && *out >= low && *out <= high);
}

bool langwatch__is_filled(struct issues *is, const struct at *at, struct json v, bool optional)
{
    if (!langwatch__is_text(is, at, v, optional))
        return false;
    if (json_str(v).n > 0)
        return true;
    langwatch__issue(is, at, "too_small", STR("String must contain at least 1 character(s)"));
    return false;
}
