/*
 * One loop each way over a dialect's fields.def. Conversions are pure pairs: decode(encode(x)) == x for every legal x.
 */
#include "dialect/fields.h"

#include <stdio.h>
#include <string.h>

static enum status wrong_type(struct err *err, const char *expected, struct json v)
{
    return err_set(err, ST_INVALID, "Expected %s, received %s", expected, json_type_name(json_type(v)));
}

static enum status text_in(struct json v, bool id, struct value *out, struct err *err)
{
    if (!json_is_str(v))
        return wrong_type(err, "string", v);
    struct str s = json_str(v);
    if (id && !str_is_id(s))
        return err_set(err, ST_INVALID,
            "Expected an id of 1 to 800 bytes of UTF-8 without control characters, received %zu bytes", s.n);
    *out = value_text(s);
    return ST_OK;
}

static enum status int_in(struct json v, struct value *out, struct err *err)
{
    int64_t i;
    if (!json_is_num(v))
        return wrong_type(err, "number", v);
    if (!json_i64(v, &i))
        return err_set(err, ST_INVALID, "Expected a whole number of at most 64 bits, received %.*s",
            STR_ARG(str_sub(json_num_text(v), 0, 40)));
    *out = value_int(i);
    return ST_OK;
}

static enum status ms_in(struct json v, struct value *out, struct err *err)
{
    double ms;
    if (!json_f64(v, &ms))
        return wrong_type(err, "number", v);
    if (!(ms > -9.2e12 && ms < 9.2e12))
        return err_set(err, ST_INVALID, "Expected epoch milliseconds, received %.*s",
            STR_ARG(str_sub(json_num_text(v), 0, 40)));
    *out = value_int((int64_t)ms * NS_PER_MS);
    return ST_OK;
}

static enum status iso_in(struct json v, struct value *out, struct err *err)
{
    int64_t ns;
    if (!json_is_str(v))
        return wrong_type(err, "string", v);
    if (!time_parse_iso(json_str(v), &ns))
        return err_set(err, ST_INVALID, "Expected a date such as 2026-01-02T03:04:05.678Z, received \"%.*s\"",
            STR_ARG(str_sub(json_str(v), 0, 60)));
    *out = value_int(ns);
    return ST_OK;
}

static enum status texts_in(struct arena *a, struct json v, struct value *out, struct err *err)
{
    if (!json_is_arr(v))
        return wrong_type(err, "array", v);
    struct json item;
    size_t at = 0;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item); at++) {
        if (json_is_str(item))
            continue;
        wrong_type(err, "string", item);
        char path[32];
        snprintf(path, sizeof(path), "[%zu]", at);
        err_under(err, path);
        return ST_INVALID;
    }
    *out = value_json(json_text(a, v));
    return ST_OK;
}

static enum status level_in(struct json v, struct value *out, struct err *err)
{
    int level = json_is_str(v) ? level_find(json_str(v)) : -1;
    if (level < 0)
        return err_set(err, ST_INVALID, "Expected 'DEBUG' | 'DEFAULT' | 'WARNING' | 'ERROR', received %.*s",
            STR_ARG(json_is_str(v) ? json_str(v) : str_of(json_type_name(json_type(v)))));
    *out = value_int(level);
    return ST_OK;
}

enum status field_in(struct arena *a, enum conversion c, struct json v, struct value *out, struct err *err)
{
    switch (c) {
    case CONV_TEXT: return text_in(v, false, out, err);
    case CONV_ID: return text_in(v, true, out, err);
    case CONV_BOOL:
        if (json_type(v) != JSON_BOOL)
            return wrong_type(err, "boolean", v);
        *out = value_int(json_bool(v));
        return ST_OK;
    case CONV_INT: return int_in(v, out, err);
    case CONV_MS: return ms_in(v, out, err);
    case CONV_ISO: return iso_in(v, out, err);
    case CONV_OBJECT:
        if (!json_is_obj(v))
            return wrong_type(err, "object", v);
        *out = value_json(json_text(a, v));
        return ST_OK;
    case CONV_JSON: *out = value_json(json_text(a, v)); return ST_OK;
    case CONV_TEXTS: return texts_in(a, v, out, err);
    case CONV_LEVEL: return level_in(v, out, err);
    }
    return err_set(err, ST_INTERNAL, "unknown conversion %d", (int)c);
}

static bool is_falsy(struct json v)
{
    double d;
    return (json_type(v) == JSON_BOOL && !json_bool(v)) || (json_f64(v, &d) && d == 0.0);
}

static bool counts_as_absent(struct json v, enum nulls nulls)
{
    if (json_is_null(v))
        return nulls != NULLS_ERASE;
    if (nulls == NULLS_EMPTY || nulls == NULLS_FALSY)
        if (json_is_str(v) && json_str(v).n == 0)
            return true;
    return nulls == NULLS_FALSY && is_falsy(v);
}

static struct json walk(struct json v, const char *path)
{
    struct str rest = str_of(path), part;
    while (str_cut(&rest, '.', &part))
        v = json_get(v, part);
    return v;
}

enum status fields_decode(
    const struct field *fields, size_t n, unsigned kinds, struct json v, struct event *e, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &fields[i];
        if (!(f->kinds & kinds) || !(f->direction & FIELD_IN))
            continue;
        struct json member = walk(v, f->path);
        if (json_type(member) == JSON_ABSENT || counts_as_absent(member, f->nulls))
            continue;
        if (json_is_null(member)) {
            event_set_null(e, f->column);
            continue;
        }
        struct value value = { 0 };
        enum status st = field_in(e->arena, f->conversion, member, &value, err);
        if (st != ST_OK) {
            err_under(err, f->path);
            return st;
        }
        event_set(e, f->column, value);
    }
    return ST_OK;
}

void field_out(enum conversion c, const struct value *v, struct jw *w)
{
    char iso[32];
    if (v->kind == V_NULL || v->kind == V_REF) {
        jw_null(w);
        return;
    }
    switch (c) {
    case CONV_TEXT:
    case CONV_ID: jw_str(w, v->s); break;
    case CONV_BOOL: jw_bool(w, v->i != 0); break;
    case CONV_INT: jw_i64(w, v->i); break;
    case CONV_MS: jw_i64(w, time_ms(v->i)); break;
    case CONV_ISO: jw_str(w, time_format_iso_ms(v->i, iso)); break;
    case CONV_LEVEL: jw_cstr(w, level_name((enum level)v->i)); break;
    case CONV_JSON:
    case CONV_OBJECT:
    case CONV_TEXTS: jw_raw(w, v->s); break;
    }
}

/* Members with a common prefix stand in groups in the table, so one open object is enough. */
void fields_encode(
    const struct field *fields, size_t n, unsigned kinds, const struct row *r, bool null_too, struct jw *w)
{
    struct str open = STR_NONE;
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &fields[i];
        const struct value *v = &r->cols[f->column];
        if (!(f->kinds & kinds) || !(f->direction & FIELD_OUT) || (v->kind == V_NULL && !null_too))
            continue;
        struct str name = str_of(f->path);
        size_t dot = str_find_char(name, '.');
        struct str group = dot == SIZE_MAX ? STR_NONE : str_sub(name, 0, dot);
        if (open.p && !str_eq(open, group))
            jw_obj_end(w);
        if (group.p && !str_eq(open, group)) {
            jw_key_str(w, group);
            jw_obj(w);
        }
        open = group;
        jw_key_str(w, group.p ? str_sub(name, dot + 1, SIZE_MAX) : name);
        field_out(f->conversion, v, w);
    }
    if (open.p)
        jw_obj_end(w);
}
