/*
 * Records as this dialect edits them: bodies that are patched, typed members, and a row that must be there.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

static bool is_named(const char *const *names, struct str key)
{
    for (; *names; names++)
        if (str_is(key, *names))
            return true;
    return false;
}

struct str llmonitor__patched_body(
    struct call *c, const struct row *old, struct json patch, const char *const *names)
{
    struct json body = old ? records_body(c->arena, old) : JSON_NONE, v;
    struct str key;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    for (struct json_iter it = json_iter(body); json_next(&it, &key, &v);)
        if (!is_named(names, key) || json_type(json_get(patch, key)) == JSON_ABSENT) {
            jw_key_str(&w, key);
            jw_value(&w, v);
        }
    for (; *names; names++)
        if (json_type(json_key(patch, *names)) != JSON_ABSENT) {
            jw_key(&w, *names);
            jw_value(&w, json_key(patch, *names));
        }
    jw_obj_end(&w);
    struct str text = arena_dup(c->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

enum status llmonitor__text_member(
    struct json body, const char *name, bool needed, struct str *out, struct err *err)
{
    struct json v = json_key(body, name);
    *out = json_str(v);
    if (needed ? !json_is_str(v) : json_is_set(v) && !json_is_str(v))
        return err_at(err, ST_UNPROCESSABLE, name, "must be a string, got %s", json_type_name(json_type(v)));
    return ST_OK;
}

enum status llmonitor__bool_member(struct json body, const char *name, bool none, bool *out, struct err *err)
{
    struct json v = json_key(body, name);
    *out = json_is_set(v) ? json_bool(v) : none;
    if (json_is_set(v) && json_type(v) != JSON_BOOL)
        return err_at(err, ST_UNPROCESSABLE, name, "must be a boolean, got %s", json_type_name(json_type(v)));
    return ST_OK;
}

enum status llmonitor__body_first(struct call *c, struct err *err)
{
    struct json body;
    return c->round == 0 && (c->method == METHOD_POST || c->method == METHOD_PATCH)
               ? llmonitor__body(c, &body, err)
               : ST_OK;
}

enum status llmonitor__need_record(struct call *c, const char *kind, const char *sentence, struct err *err)
{
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "%s", sentence);
    enum status st = llmonitor__body_first(c, err);
    if (st != ST_OK)
        return st;
    (void)records_get(c, kind, c->params[0]);
    c->again = true;
    return ST_OK;
}

/* A route that writes and then reads back what it made is an edit, and an edit has an ask. */
enum status llmonitor__no_ask(struct call *c, struct err *err)
{
    (void)c;
    (void)err;
    return ST_OK;
}
