/*
 * Attribute values (otlp.md 2.2). A scalar stays what it is; an array or an object becomes minified JSON text, so that a structured
 * message and the same message sent as JSON text are one to everything behind. AnyValue nests at most 64 deep, and nothing here goes deeper.
 */
#include "dialect/otlp/otlp_priv.h"

#include <math.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/hash.h"

/* ---- in memory ------------------------------------------------------------------------------------------------------ */

struct any otlp__any_text(struct str s)
{
    return (struct any){ .kind = ANY_TEXT, .s = s };
}

struct any otlp__any_double(double d)
{
    if (isnan(d))
        return otlp__any_text(STR("NaN"));
    if (isinf(d))
        return otlp__any_text(d > 0 ? STR("Infinity") : STR("-Infinity"));
    return (struct any){ .kind = ANY_DOUBLE, .d = d };
}

void otlp__put_any(struct jw *w, const struct any *v)
{
    switch (v->kind) {
    case ANY_TEXT: jw_str(w, v->s); return;
    case ANY_BOOL: jw_bool(w, v->b); return;
    case ANY_INT: jw_i64(w, v->i); return;
    case ANY_DOUBLE: jw_f64(w, v->d); return;
    case ANY_JSON: jw_raw(w, v->s); return;
    default: jw_null(w); return;
    }
}

/* ---- plain JSON ----------------------------------------------------------------------------------------------------- */

static struct any number(struct json v)
{
    int64_t i;
    double d;
    struct str text = json_num_text(v);
    bool whole = str_find_char(text, '.') == SIZE_MAX && str_find_char(text, 'e') == SIZE_MAX &&
                 str_find_char(text, 'E') == SIZE_MAX;
    if (whole && json_i64(v, &i))
        return (struct any){ .kind = ANY_INT, .i = i };
    return json_f64(v, &d) ? otlp__any_double(d) : (struct any){ 0 };
}

struct any otlp_any_of_plain(struct arena *a, struct json v)
{
    switch (json_type(v)) {
    case JSON_STR: return otlp__any_text(json_str(v));
    case JSON_NUM: return number(v);
    case JSON_BOOL: return (struct any){ .kind = ANY_BOOL, .b = json_bool(v) };
    case JSON_ARR:
    case JSON_OBJ: return (struct any){ .kind = ANY_JSON, .s = json_text(a, v) };
    default: return (struct any){ 0 };
    }
}

/* Recursion ends one level past the limit. */
static bool is_within(struct json v, unsigned levels)
{
    struct json_iter it = json_iter(v);
    struct json item;
    if (!json_is_arr(v) && !json_is_obj(v))
        return true;
    if (levels == 0)
        return false;
    while (json_next(&it, NULL, &item))
        if (!is_within(item, levels - 1))
            return false;
    return true;
}

/* ---- AnyValue as JSON ----------------------------------------------------------------------------------------------- */

enum av { AV_STRING, AV_BOOL, AV_INT, AV_DOUBLE, AV_ARRAY, AV_KVLIST, AV_BYTES, AV_NONE };

static enum av av_find(struct str key)
{
    static const struct str names[][2] = {
        [AV_STRING] = { STR_INIT("stringValue"), STR_INIT("string_value") },
        [AV_BOOL] = { STR_INIT("boolValue"), STR_INIT("bool_value") },
        [AV_INT] = { STR_INIT("intValue"), STR_INIT("int_value") },
        [AV_DOUBLE] = { STR_INIT("doubleValue"), STR_INIT("double_value") },
        [AV_ARRAY] = { STR_INIT("arrayValue"), STR_INIT("array_value") },
        [AV_KVLIST] = { STR_INIT("kvlistValue"), STR_INIT("kvlist_value") },
        [AV_BYTES] = { STR_INIT("bytesValue"), STR_INIT("bytes_value") },
    };
    for (int i = 0; i < AV_NONE; i++)
        if (str_eq(key, names[i][0]) || str_eq(key, names[i][1]))
            return (enum av)i;
    return AV_NONE;
}

/* Of several members the last one that is set counts; a camelCase name is no better than the other here. */
static enum av av_member(struct json v, struct json *member)
{
    enum av found = AV_NONE;
    struct json_iter it = json_iter(v);
    struct json item;
    struct str key;
    while (json_next(&it, &key, &item)) {
        enum av av = json_is_set(item) ? av_find(key) : AV_NONE;
        if (av == AV_NONE)
            continue;
        found = av;
        *member = item;
    }
    return found;
}

/* In a map of plain values: is this one an AnyValue all the same? {} is an object. */
static bool is_any_value(struct json v)
{
    struct json_iter it = json_iter(v);
    struct json item;
    struct str key;
    return json_is_obj(v) && json_size(v) == 1 && json_next(&it, &key, &item) && av_find(key) != AV_NONE;
}

static struct any text_as_bool(struct arena *a, struct json m)
{
    struct str s = json_str(m);
    if (str_eq_nocase(s, STR("true")) || str_eq_nocase(s, STR("false")))
        return (struct any){ .kind = ANY_BOOL, .b = s.n == 4 };
    return otlp_any_of_plain(a, m);
}

static struct any as_int(struct arena *a, struct json m)
{
    int64_t i;
    uint64_t u;
    if (otlp__i64_of_json(m, &i))
        return (struct any){ .kind = ANY_INT, .i = i };
    if (json_is_obj(m) && otlp__u64_of_json(m, &u))
        return otlp__any_text(arena_printf(a, "%llu", (unsigned long long)u));
    return otlp_any_of_plain(a, m);
}

static struct any as_double(struct arena *a, struct json m)
{
    struct decimal d;
    struct str s = json_is_num(m) ? json_num_text(m) : str_trim(json_str(m));
    return decimal_parse(s, &d) ? otlp__any_double(decimal_f64(&d)) : otlp_any_of_plain(a, m);
}

/* Kept as standard base64, also where the URL alphabet was sent; what is neither stays the text it is. */
static struct any as_bytes(struct arena *a, struct json m)
{
    struct str raw;
    if (json_is_str(m) && base64_decode(a, json_str(m), &raw))
        return otlp__any_text(base64_encode(a, raw));
    return otlp_any_of_plain(a, m);
}

static struct any scalar(struct arena *a, enum av av, struct json m)
{
    switch (av) {
    case AV_BOOL: return text_as_bool(a, m);
    case AV_INT: return as_int(a, m);
    case AV_DOUBLE: return as_double(a, m);
    case AV_BYTES: return as_bytes(a, m);
    case AV_STRING: return otlp_any_of_plain(a, m);
    default: return (struct any){ 0 };
    }
}

static enum status put_value(struct arena *a, struct jw *w, struct json v, unsigned depth, struct err *err);

static struct json values_of(struct json list)
{
    struct json values = json_key(list, "values");
    return json_is_set(values) || json_is_obj(list) ? values : list;
}

static enum status put_array(struct arena *a, struct jw *w, struct json list, unsigned depth, struct err *err)
{
    struct json_iter it = json_iter(values_of(list));
    struct json item;
    enum status st = ST_OK;
    jw_arr(w);
    while (st == ST_OK && json_next(&it, NULL, &item))
        st = put_value(a, w, item, depth + 1, err);
    if (st == ST_OK)
        jw_arr_end(w);
    return st;
}

/* Of a map: an AnyValue, or any other JSON as it stands. */
static enum status put_member(struct arena *a, struct jw *w, struct json v, unsigned depth, struct err *err)
{
    if (!json_is_obj(v) || is_any_value(v))
        return put_value(a, w, v, depth, err);
    if (depth > OTLP_DEPTH_MAX || !is_within(v, OTLP_DEPTH_MAX - depth))
        return otlp__too_deep(err);
    jw_value(w, v);
    return ST_OK;
}

static enum status put_kvlist(
    struct arena *a, struct jw *w, struct json list, unsigned depth, struct err *err)
{
    struct json_iter it = json_iter(values_of(list));
    struct json item;
    struct str name;
    enum status st = ST_OK;
    bool map = json_is_obj(it.container);
    jw_obj(w);
    while (st == ST_OK && json_next(&it, &name, &item)) {
        struct str key = map ? name : json_str(json_key(item, "key"));
        jw_key_str(w, key.p ? key : STR(""));
        st = map ? put_member(a, w, item, depth + 1, err)
                 : put_value(a, w, json_key(item, "value"), depth + 1, err);
    }
    if (st == ST_OK)
        jw_obj_end(w); /* not behind a key without a value */
    return st;
}

/* Recursion is bounded by OTLP_DEPTH_MAX. */
static enum status put_value(struct arena *a, struct jw *w, struct json v, unsigned depth, struct err *err)
{
    struct json m = JSON_NONE;
    if (depth > OTLP_DEPTH_MAX)
        return otlp__too_deep(err);
    enum av av = av_member(v, &m);
    if (av == AV_ARRAY)
        return put_array(a, w, m, depth, err);
    if (av == AV_KVLIST)
        return put_kvlist(a, w, m, depth, err);
    struct any any = json_is_obj(v) ? scalar(a, av, m) : otlp_any_of_plain(a, v);
    otlp__put_any(w, &any);
    return ST_OK;
}

enum status otlp__any_of_json(
    struct arena *a, struct buf *text, struct json v, struct any *out, struct err *err)
{
    struct json m = JSON_NONE;
    enum av av = av_member(v, &m);
    if (!json_is_obj(v)) { /* no AnyValue at all: {"key": "a", "value": 1} */
        if (!is_within(v, OTLP_DEPTH_MAX))
            return otlp__too_deep(err);
        *out = otlp_any_of_plain(a, v);
        return ST_OK;
    }
    if (av != AV_ARRAY && av != AV_KVLIST) {
        *out = scalar(a, av, m);
        return ST_OK;
    }
    buf_clear(text);
    struct jw w = jw_of(text);
    enum status st = put_value(a, &w, v, 1, err);
    *out = (struct any){ .kind = ANY_JSON, .s = st == ST_OK ? arena_dup(a, buf_str(text)) : STR_NONE };
    return st;
}

/* ---- attributes as JSON --------------------------------------------------------------------------------------------- */

static enum status of_map_member(
    struct arena *a, struct buf *text, struct json v, struct any *out, struct err *err)
{
    if (is_any_value(v))
        return otlp__any_of_json(a, text, v, out, err);
    if (!is_within(v, OTLP_DEPTH_MAX))
        return otlp__too_deep(err);
    *out = otlp_any_of_plain(a, v);
    return ST_OK;
}

static enum status of_key_value(
    struct arena *a, struct buf *text, struct json kv, struct otlp_attribute *out, struct err *err)
{
    struct json key = json_key(kv, "key");
    if (!json_is_obj(kv))
        return err_set(
            err, ST_UNPROCESSABLE, "must be an object {key, value}, got %s", json_type_name(json_type(kv)));
    if (json_is_set(key) && !json_is_str(key))
        return err_at(
            err, ST_UNPROCESSABLE, "key", "must be a string, got %s", json_type_name(json_type(key)));
    out->key = json_is_str(key) ? json_str(key) : STR("");
    enum status st = otlp__any_of_json(a, text, json_key(kv, "value"), &out->value, err);
    if (st != ST_OK)
        err_under(err, "value");
    return st;
}

static enum status fill(
    struct arena *a, struct buf *text, struct json v, struct otlp_attributes *out, struct err *err)
{
    struct json_iter it = json_iter(v);
    struct json item;
    struct str key;
    bool map = json_is_obj(v);
    while (json_next(&it, &key, &item)) {
        struct otlp_attribute *to = &out->items[out->n];
        char place[32];
        to->key = key;
        enum status st =
            map ? of_map_member(a, text, item, &to->value, err) : of_key_value(a, text, item, to, err);
        if (st != ST_OK) {
            snprintf(place, sizeof place, "[%zu]", out->n);
            err_under(err, place);
            return st;
        }
        out->n++;
    }
    return ST_OK;
}

enum status otlp__attributes_of_json(
    struct arena *a, struct json v, struct otlp_attributes *out, struct err *err)
{
    struct buf text;
    *out = (struct otlp_attributes){ 0 };
    if (!json_is_set(v))
        return ST_OK;
    if (!json_is_arr(v) && !json_is_obj(v))
        return err_set(err, ST_UNPROCESSABLE, "must be a list of {key, value} or an object, got %s",
            json_type_name(json_type(v)));
    out->items = arena_array(a, json_size(v), sizeof *out->items);
    buf_init(&text, 0);
    enum status st = fill(a, &text, v, out, err);
    buf_fini(&text);
    return st;
}

enum status otlp_attributes_of_json(
    struct arena *a, struct json v, struct otlp_attributes *out, struct err *err)
{
    if (otlp__attributes_of_json(a, v, out, err) == ST_OK)
        return ST_OK;
    if (err)
        err->code = ST_INVALID;
    return ST_INVALID;
}
