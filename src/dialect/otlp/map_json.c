/* JSON of attribute values (otlp.md 2.2), and indexed families rebuilt. */
#include "dialect/otlp/map_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* ---- objects that are put together ---------------------------------------------------------------------------------- */

struct jw otlp__begin(struct mapping *x)
{
    buf_clear(&x->text);
    struct jw w = jw_of(&x->text);
    jw_obj(&w);
    return w;
}

struct str otlp__end(struct mapping *x, struct jw *w)
{
    jw_obj_end(w);
    return x->text.n > 2 ? arena_dup(x->arena, buf_str(&x->text)) : STR_NONE;
}

/* ---- one value ------------------------------------------------------------------------------------------------------ */

static bool looks_structured(struct str s)
{
    s = str_trim(s);
    return s.n >= 2 && (s.p[0] == '{' || s.p[0] == '[');
}

static struct str text_of(const struct mapping *x, struct buf *b)
{
    struct str s = arena_dup(x->arena, buf_str(b));
    buf_fini(b);
    return s;
}

struct str otlp__json(const struct mapping *x, const struct any *v)
{
    struct buf b;
    if (v->kind == ANY_JSON)
        return v->s;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    otlp__write_any(x, &w, v, false);
    return text_of(x, &b);
}

/* Minified; the text itself when it is that already, so that nothing is copied. */
static struct str minified(const struct mapping *x, struct str text, struct json v)
{
    struct str m = json_text(x->scratch, v);
    return str_eq(m, text) ? text : arena_dup(x->arena, m);
}

struct str otlp__payload(const struct mapping *x, const struct any *v)
{
    struct json parsed;
    if (v->kind == ANY_TEXT && looks_structured(v->s) &&
        json_parse(x->scratch, v->s, 0, &parsed, NULL) == ST_OK)
        return minified(x, v->s, parsed);
    return otlp__json(x, v);
}

struct str otlp__json_text(const struct mapping *x, const struct any *v)
{
    struct json parsed;
    if (v->kind == ANY_TEXT && json_parse(x->scratch, v->s, 0, &parsed, NULL) == ST_OK)
        return minified(x, v->s, parsed);
    return otlp__json(x, v);
}

struct json otlp__parse(const struct mapping *x, const struct any *v)
{
    struct json parsed;
    if (!v || (v->kind != ANY_JSON && !(v->kind == ANY_TEXT && looks_structured(v->s))) ||
        json_parse(x->scratch, v->s, 0, &parsed, NULL) != ST_OK)
        return JSON_NONE;
    return parsed;
}

struct str otlp__mlflow_text(const struct mapping *x, const struct any *v)
{
    struct json parsed;
    if (v && v->kind == ANY_TEXT && json_parse(x->scratch, v->s, 0, &parsed, NULL) == ST_OK &&
        json_is_str(parsed))
        return arena_dup(x->arena, json_str(parsed));
    return otlp__text(x, v);
}

struct json otlp__unwrapped(struct json v)
{
    struct json value = json_key(v, "value");
    return json_is_str(json_key(v, "type")) && json_type(value) != JSON_ABSENT ? value : v;
}

void otlp__write_any(const struct mapping *x, struct jw *w, const struct any *v, bool coerce)
{
    switch (v->kind) {
    case ANY_NULL: jw_null(w); break;
    case ANY_TEXT:
        if (coerce && looks_structured(v->s))
            jw_raw(w, otlp__payload(x, v));
        else
            jw_str(w, v->s);
        break;
    case ANY_BOOL: jw_bool(w, v->b); break;
    case ANY_INT: jw_i64(w, v->i); break;
    case ANY_DOUBLE: jw_f64(w, v->d); break;
    case ANY_JSON: jw_raw(w, v->s); break;
    }
}

/* ---- names of members ------------------------------------------------------------------------------------------------ */

struct names otlp__names(const struct mapping *x, size_t most)
{
    struct names s = { .places = most * 2 + 1 };
    s.names = arena_array(x->scratch, s.places, sizeof *s.names);
    return s;
}

bool otlp__add_name(struct names *s, struct str name)
{
    name = name.p ? name : STR("");
    for (size_t at = hash64(name) % s->places;; at = (at + 1) % s->places) {
        if (!s->names[at].p) {
            s->names[at] = name;
            return true;
        }
        if (str_eq(s->names[at], name))
            return false;
    }
}

/* ---- indexed families ----------------------------------------------------------------------------------------------- */

#define FAMILY_DEPTH 32 /* levels; deeper parts keep their dots */
#define FAMILY_SLOTS \
    10001 /* items of one array (otlp.md 1.5); later ones are not rebuilt and stay under their key */

/* A leaf while its family is put together: the path from here on, and the value. */
struct leaf {
    struct str path;
    const struct any *value;
    size_t order; /* as sent */
};

static struct str head_of(struct str path)
{
    size_t dot = str_find_char(path, '.');
    return dot == SIZE_MAX ? path : str_sub(path, 0, dot);
}

static bool is_index(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0 && s.n <= 9;
}

/* Numbers by value, names as bytes; the same head stays in the order sent. */
static int by_head(const void *p, const void *q)
{
    const struct leaf *a = p, *b = q;
    struct str x = head_of(a->path), y = head_of(b->path);
    int64_t i, j;
    int order;
    if (is_index(x) && is_index(y) && str_to_i64(x, &i) && str_to_i64(y, &j))
        order = i < j ? -1 : i > j;
    else
        order = str_cmp(x, y);
    return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

static bool same_head(struct str a, struct str b)
{
    int64_t i, j;
    return str_eq(a, b) || (is_index(a) && is_index(b) && str_to_i64(a, &i) && str_to_i64(b, &j) && i == j);
}

static bool all_indices(const struct leaf *leaves, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_index(head_of(leaves[i].path)))
            return false;
    return n > 0;
}

struct builder {
    const struct mapping *x;
    struct jw *w;
    bool coerce;
};

static void write_leaves(const struct builder *b, struct leaf *leaves, size_t n, unsigned depth);

/* The leaves below one head: its own value, if a later leaf does not make it a container, else what lies below it. */
static void write_below(const struct builder *b, struct leaf *leaves, size_t n, unsigned depth)
{
    size_t below = 0;
    const struct any *whole = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t dot = depth < FAMILY_DEPTH ? str_find_char(leaves[i].path, '.') : SIZE_MAX;
        if (dot == SIZE_MAX) {
            whole = leaves[i].value;
            continue;
        }
        struct leaf rest = leaves[i];
        rest.path = str_sub(rest.path, dot + 1, SIZE_MAX);
        leaves[below++] = rest;
    }
    if (below)
        write_leaves(b, leaves, below, depth + 1);
    else
        otlp__write_any(b->x, b->w, whole, b->coerce);
}

static void write_leaves(const struct builder *b, struct leaf *leaves, size_t n, unsigned depth)
{
    bool list = all_indices(leaves, n);
    size_t items = 0;
    qsort(leaves, n, sizeof *leaves, by_head);
    if (list)
        jw_arr(b->w);
    else
        jw_obj(b->w);
    for (size_t i = 0, j; i < n; i = j) {
        struct str head = head_of(leaves[i].path);
        for (j = i + 1; j < n && same_head(head, head_of(leaves[j].path)); j++)
            ;
        if (list && ++items > FAMILY_SLOTS)
            break;
        if (!list)
            jw_key_str(b->w, head);
        write_below(b, leaves + i, j - i, depth);
    }
    if (list)
        jw_arr_end(b->w);
    else
        jw_obj_end(b->w);
}

static struct str rebuild(const struct mapping *x, struct leaf *leaves, size_t n, bool coerce)
{
    struct buf out;
    if (!n)
        return STR_NONE;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    write_leaves(&(struct builder){ x, &w, coerce }, leaves, n, 0);
    return text_of(x, &out);
}

struct str otlp__family_json(const struct mapping *x, enum attribute_family family, bool coerce)
{
    size_t n = 0;
    for (const struct member *m = x->members[family]; m; m = m->next)
        n++;
    struct leaf *leaves = arena_array(x->scratch, n + 1, sizeof *leaves);
    n = 0;
    for (const struct member *m = x->members[family]; m; m = m->next, n++)
        leaves[n] = (struct leaf){ m->rest, m->value, n };
    return rebuild(x, leaves, n, coerce);
}

struct str otlp__event_family_json(
    const struct mapping *x, const struct otlp_event *e, const char *prefix, bool coerce)
{
    struct str start = str_of(prefix);
    struct leaf *leaves = arena_array(x->scratch, e->attributes.n + 1, sizeof *leaves);
    size_t n = 0;
    for (size_t i = 0; i < e->attributes.n; i++) {
        const struct otlp_attribute *at = &e->attributes.items[i];
        if (str_starts(at->key, start) && at->key.n > start.n)
            leaves[n++] = (struct leaf){ str_sub(at->key, start.n, SIZE_MAX), &at->value, i };
    }
    return rebuild(x, leaves, n, coerce);
}
