/*
 * What the events have in common: reading a member with its type, and the parts that several canonical events share.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

enum status llmonitor__want_text(struct json v, const char *name, struct str *out, struct err *err)
{
    *out = json_str(v);
    if (json_is_set(v) && !json_is_str(v))
        return err_at(err, ST_INVALID, name, "must be a string, got %s", json_type_name(json_type(v)));
    return ST_OK;
}

/* A number is a user id as well: Python programs send what their database has. */
enum status llmonitor__want_user(struct llmonitor_decode *d, struct str *out, struct err *err)
{
    struct json v = d->m.userId;
    *out = json_is_num(v) ? json_num_text(v) : json_str(v);
    if (json_is_set(v) && !out->p)
        return err_at(err, ST_INVALID, "userId", "must be a string, got %s", json_type_name(json_type(v)));
    if (!str_is_id(*out)) /* then it is kept as it came, in the leftovers */
        *out = STR_NONE;
    return ST_OK;
}

static bool all_texts(struct json list)
{
    struct json item;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);)
        if (!json_is_str(item))
            return false;
    return true;
}

/* A bare string is a list of one; numbers and booleans are tags by their text. */
enum status llmonitor__want_tags(
    struct llmonitor_decode *d, struct json v, const char *name, struct str *out, struct err *err)
{
    struct json item;
    *out = STR_NONE;
    if (json_is_set(v) && !json_is_str(v) && !json_is_arr(v))
        return err_at(
            err, ST_INVALID, name, "must be an array of strings, got %s", json_type_name(json_type(v)));
    if (!json_is_set(v) || (json_is_arr(v) && json_size(v) == 0))
        return ST_OK;
    if (json_is_arr(v) && all_texts(v)) {
        *out = json_text(d->arena, v);
        return ST_OK;
    }
    buf_clear(d->scratch);
    struct jw w = jw_of(d->scratch);
    jw_arr(&w);
    if (json_is_str(v))
        jw_value(&w, v);
    for (struct json_iter it = json_iter(v); json_is_arr(v) && json_next(&it, NULL, &item);) {
        if (json_is_obj(item) || json_is_arr(item))
            return err_at(
                err, ST_INVALID, name, "must hold strings, got %s", json_type_name(json_type(item)));
        if (json_is_set(item))
            jw_str(&w, json_is_str(item) ? json_str(item) : json_text(d->arena, item));
    }
    jw_arr_end(&w);
    if (d->scratch->n > 2)
        *out = arena_dup(d->arena, buf_str(d->scratch));
    return ST_OK;
}

enum status llmonitor__want_metadata(
    struct llmonitor_decode *d, struct json extra, struct str *out, struct err *err)
{
    struct json metadata = d->m.metadata, v;
    struct str key;
    *out = STR_NONE;
    if (json_is_set(metadata) && !json_is_obj(metadata))
        return err_at(
            err, ST_INVALID, "metadata", "must be an object, got %s", json_type_name(json_type(metadata)));
    bool add = json_is_set(extra) && json_type(json_key(metadata, "extra")) == JSON_ABSENT;
    if (!add) {
        if (json_size(metadata) > 0)
            *out = json_text(d->arena, metadata);
        return ST_OK;
    }
    struct jw w = llmonitor__open(d);
    for (struct json_iter it = json_iter(metadata); json_next(&it, &key, &v);) {
        jw_key_str(&w, key);
        jw_value(&w, v);
    }
    jw_key(&w, "extra");
    jw_value(&w, extra);
    *out = llmonitor__close(d, &w);
    return ST_OK;
}

struct event *llmonitor__new_event(
    struct llmonitor_decode *d, enum profile p, struct str scope, struct str id)
{
    struct event *e = event_new(d->batch, p, d->project, scope, id, d->t_ns);
    if (e->entity == OBSERVATION)
        e->identity = IDENTITY_TREE;
    e->wire_index = d->wire_index;
    return e;
}

void llmonitor__set_time(
    struct llmonitor_decode *d, struct event *e, unsigned column, enum direction direction)
{
    if (d->t_ns == TIME_NONE)
        event_set_receipt(e, column, RANK_SAID, direction);
    else
        event_set_as(e, column, value_int(d->t_ns), RANK_SAID, direction, MODE_REPLACE);
}

enum status llmonitor__put_user(struct llmonitor_decode *d, struct err *err)
{
    struct str user;
    struct json props = d->m.userProps;
    enum status st = llmonitor__want_user(d, &user, err);
    if (st != ST_OK || !user.p)
        return st;
    if (json_is_set(props) && !json_is_obj(props))
        return err_at(
            err, ST_INVALID, "userProps", "must be an object, got %s", json_type_name(json_type(props)));
    struct event *e = llmonitor__new_event(d, PROFILE_LLMONITOR_USER, STR_NONE, user);
    llmonitor__set_time(d, e, USER_last_seen_ns, LATEST);
    llmonitor__set_time(d, e, USER_first_seen_ns, LATEST);
    if (json_is_set(props))
        event_set_json(e, USER_props, json_text(d->arena, props));
    return ST_OK;
}

struct str llmonitor__leftovers(
    struct llmonitor_decode *d, const char *kind, struct str sent_id, struct str id)
{
    struct json user = d->m.userId;
    struct jw w = llmonitor__open(d);
    if (kind)
        jw_kv_cstr(&w, "kind", kind);
    if (sent_id.n > 0 && !str_eq(sent_id, id))
        jw_kv_str(&w, "external_id", sent_id);
    jw_kv_str_opt(&w, "runtime", json_str(d->m.runtime));
    if (json_is_str(user) && json_str(user).n > 0 && !str_is_id(json_str(user)))
        jw_kv_str(&w, "user_id", json_str(user));
    return llmonitor__close(d, &w);
}

struct jw llmonitor__open(struct llmonitor_decode *d)
{
    buf_clear(d->scratch);
    struct jw w = jw_of(d->scratch);
    jw_obj(&w);
    return w;
}

struct str llmonitor__close(struct llmonitor_decode *d, struct jw *w)
{
    jw_obj_end(w);
    return d->scratch->n > 2 ? arena_dup(d->arena, buf_str(d->scratch)) : STR_NONE;
}
