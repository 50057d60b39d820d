/*
 * text: the words in a value, as LangWatch shows them (langwatch.md 4.1), and which observation's words are a trace's input and output
 * (4.2, 4.3).
 *
 *   derive_text        string | messages | list | object with a telling key | else the JSON itself, as a fallback
 *   derive_trace_text  input: the first with real text, outside in; output: roots, then explicit, then inferred ones, the latest end first
 */
#include "model/derive.h"

#include <stdlib.h>
#include <string.h>

#include "model/model_priv.h"

#define DEPTH_MOST 32

struct texts {
    struct arena *a;
    bool input_mode;
};

static struct str text_of(struct texts *t, struct json v, int depth);

static bool is_text(struct str s)
{
    return s.n > 0;
}

/* Texts one below the other. */
struct lines {
    struct buf b;
    bool any;
};

static void add_line(struct lines *l, struct str s)
{
    if (!is_text(s))
        return;
    if (l->any)
        buf_add_char(&l->b, '\n');
    buf_add_str(&l->b, s);
    l->any = true;
}

static struct str take_lines(struct texts *t, struct lines *l)
{
    struct str out = l->any ? arena_dup(t->a, buf_str(&l->b)) : STR_NONE;
    buf_fini(&l->b);
    return out;
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */

static struct str part_text(struct texts *t, struct json part, int depth);

static bool has_numeric_keys(struct json v)
{
    struct json_iter it = json_iter(v);
    struct json value;
    struct str key;
    while (json_next(&it, &key, &value))
        for (size_t i = 0; i < key.n; i++)
            if (key.p[i] < '0' || key.p[i] > '9')
                return false;
    return json_is_obj(v) && json_size(v) > 0;
}

static struct str parts_text(struct texts *t, struct json parts, int depth)
{
    struct lines l = { 0 };
    struct json_iter it = json_iter(parts);
    struct json part;
    buf_init(&l.b, 0);
    while (json_next(&it, NULL, &part))
        add_line(&l, part_text(t, part, depth + 1));
    return take_lines(t, &l);
}

/* The content of a message or tool result: a string is never parsed here. */
static struct str content_text(struct texts *t, struct json content, int depth)
{
    if (json_is_str(content))
        return json_str(content);
    return json_is_arr(content) || has_numeric_keys(content) ? parts_text(t, content, depth) : STR_NONE;
}

static struct str part_text(struct texts *t, struct json part, int depth)
{
    static const char *const keys[] = { "text", "content", "thinking" };
    if (depth > DEPTH_MOST)
        return STR_NONE;
    if (json_is_str(part))
        return json_str(part);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (is_text(json_str(json_key(part, keys[i]))))
            return json_str(json_key(part, keys[i]));
    struct str type = json_str(json_key(part, "type"));
    if (str_is(type, "tool_use"))
        return json_text(t->a, json_key(part, "input"));
    if (str_is(type, "tool_result"))
        return content_text(t, json_key(part, "content"), depth);
    if (json_is_obj(json_key(part, "toolUse")))
        return json_text(t->a, json_key(json_key(part, "toolUse"), "input"));
    return content_text(t, json_key(json_key(part, "toolResult"), "content"), depth);
}

static struct str message_text(struct texts *t, struct json m, int depth)
{
    static const char *const keys[] = { "text", "value" };
    struct str s = content_text(t, json_key(m, "content"), depth);
    if (!is_text(s) && json_is_arr(json_key(m, "parts")))
        s = parts_text(t, json_key(m, "parts"), depth);
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !is_text(s); i++)
        s = json_str(json_key(m, keys[i]));
    return s;
}

/* One item of an array: a message, or whatever else has words in it. */
static struct str item_text(struct texts *t, struct json item, int depth)
{
    struct str s = json_is_obj(item) ? message_text(t, item, depth) : STR_NONE;
    return is_text(s) ? s : text_of(t, item, depth + 1);
}

static struct str array_text(struct texts *t, struct json v, int depth)
{
    struct json_iter it = json_iter(v);
    struct json item;
    struct str last = STR_NONE;
    while (t->input_mode && json_next(&it, NULL, &item)) {
        struct str s =
            str_is(json_str(json_key(item, "role")), "user") ? message_text(t, item, depth) : STR_NONE;
        last = is_text(s) ? s : last;
    }
    if (is_text(last))
        return last;
    struct lines l = { 0 };
    buf_init(&l.b, 0);
    for (it = json_iter(v); json_next(&it, NULL, &item);)
        add_line(&l, item_text(t, item, depth));
    return take_lines(t, &l);
}

/* ---- objects -------------------------------------------------------------------------------------------------------- */

static struct str scalar_text(struct texts *t, struct json v)
{
    if (json_is_str(v))
        return json_str(v);
    return json_is_num(v) || json_type(v) == JSON_BOOL ? json_text(t->a, v) : STR_NONE;
}

static struct str member_text(struct texts *t, struct json v, int depth)
{
    struct str s = text_of(t, v, depth + 1);
    return is_text(s) ? s : scalar_text(t, v);
}

static const char *const telling_keys[] = { "text", "input", "question", "user_query", "query", "message",
    "input_value", "output", "answer", "content", "prompt", "inputs", "outputs" };
#define TELLING_KEYS (sizeof telling_keys / sizeof *telling_keys)

/* The member of an object that has no other. One under a telling key was looked at already: looking again would double the work with
 * every level. */
static struct str only_member_text(struct texts *t, struct json o, int depth)
{
    struct json_iter it = json_iter(o);
    struct json only;
    struct str key;
    if (json_size(o) != 1 || !json_next(&it, &key, &only))
        return STR_NONE;
    for (size_t i = 0; i < TELLING_KEYS; i++)
        if (str_is(key, telling_keys[i]))
            return STR_NONE;
    return member_text(t, only, depth);
}

static struct str object_text(struct texts *t, struct json o, int depth)
{
    struct str s = message_text(t, o, depth);
    for (size_t i = 0; i < TELLING_KEYS && !is_text(s); i++)
        s = member_text(t, json_key(o, telling_keys[i]), depth);
    return is_text(s) ? s : only_member_text(t, o, depth);
}

/* A string that holds an object or array is looked into. */
static struct str string_text(struct texts *t, struct str s, int depth)
{
    struct json inside;
    struct str trimmed = str_trim(s), found = STR_NONE;
    if (trimmed.n && (*trimmed.p == '{' || *trimmed.p == '[') &&
        json_parse(t->a, trimmed, 0, &inside, NULL) == ST_OK)
        found = text_of(t, inside, depth + 1);
    return is_text(found) ? found : s;
}

static struct str text_of(struct texts *t, struct json v, int depth)
{
    if (depth > DEPTH_MOST)
        return STR_NONE;
    switch (json_type(v)) {
    case JSON_STR: return string_text(t, json_str(v), depth);
    case JSON_ARR: return array_text(t, v, depth);
    case JSON_OBJ: return object_text(t, v, depth);
    default: return STR_NONE;
    }
}

static bool has_leaf(struct json v, int depth)
{
    struct json_iter it = json_iter(v);
    struct json item;
    if (json_is_str(v))
        return is_text(json_str(v));
    if (json_is_num(v) || json_type(v) == JSON_BOOL)
        return true;
    while (depth < DEPTH_MOST && json_next(&it, NULL, &item))
        if (has_leaf(item, depth + 1))
            return true;
    return false;
}

enum text_class derive_text(
    struct arena *a, struct json value, enum type_hint hint, bool input_mode, struct str *out)
{
    struct texts t = { .a = a, .input_mode = input_mode };
    bool as_is = (hint == HINT_TEXT || hint == HINT_RAW) && json_is_str(value);
    *out = as_is ? json_str(value) : text_of(&t, value, 0);
    if (is_text(*out))
        return TEXT_REAL;
    *out = STR_NONE;
    if (!has_leaf(value, 0))
        return TEXT_NONE;
    *out = json_text(a, value);
    return TEXT_FALLBACK;
}

/* ---- traces --------------------------------------------------------------------------------------------------------- */

struct finder {
    struct arena *a;       /* of the answer */
    struct arena *scratch; /* of one value */
    const struct payload_loader *load;
    const struct row *rows;
    bool input;
    struct err *err;
};

static bool takes_part(const struct row *r)
{
    int64_t type = row_int(r, OBSERVATION_type, OBS_SPAN);
    return type != OBS_EVALUATOR && type != OBS_GUARDRAIL && type != OBS_TOOL &&
           !str_is(row_text(r, OBSERVATION_name), "langwatch.track_event");
}

/* A PAYLOAD value with its type hint, which only the fold knows. */
static enum status load_json(
    struct finder *f, const struct row *r, unsigned column, struct json *out, enum type_hint *hint)
{
    struct row copy = *r;
    struct str text;
    enum status st = r->cols[column].kind == V_REF ? row_refs(f->scratch, &copy, f->err) : ST_OK;
    *out = JSON_NONE;
    *hint = (enum type_hint)copy.cols[column].hint;
    if (st != ST_OK || copy.cols[column].kind == V_NULL)
        return st;
    st = model__text(f->scratch, &copy.cols[column], f->load, &text, f->err);
    return st == ST_OK ? json_parse(f->scratch, text, 0, out, f->err) : st;
}

/* What a candidate offers: the class, its text, and whether an output states it plainly (text, or a JSON object). */
struct offer {
    enum text_class class;
    bool explicit;
    struct str text;
};

static enum status look_at(struct finder *f, const struct row *r, struct offer *o)
{
    struct json value;
    enum type_hint hint;
    struct str text;
    *o = (struct offer){ .class = TEXT_NONE };
    arena_reset(f->scratch);
    enum status st = load_json(f, r, f->input ? OBSERVATION_input : OBSERVATION_output, &value, &hint);
    if (st != ST_OK || !value.v)
        return st;
    o->class = derive_text(f->scratch, value, hint, f->input, &text);
    o->explicit = hint != HINT_CHAT_MESSAGES && hint != HINT_LIST && !json_is_arr(value);
    o->text = arena_dup(f->a, text);
    return ST_OK;
}

/* Roots come first in this order, by start, so the first real text is the right one. */
static enum status find_input(struct finder *f, const uint32_t *order, size_t n, struct str *text)
{
    struct str fallback = STR_NONE;
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &f->rows[order[i]];
        struct offer o = { .class = TEXT_NONE };
        enum status st = takes_part(r) ? look_at(f, r, &o) : ST_OK;
        if (st != ST_OK)
            return st;
        if (o.class == TEXT_REAL) {
            *text = o.text;
            return ST_OK;
        }
        if (o.class == TEXT_FALLBACK && !fallback.p)
            fallback = o.text;
    }
    *text = fallback;
    return ST_OK;
}

struct candidate {
    uint32_t row;
    bool root;
    int64_t end;
    uint32_t place;
};

/* Roots first, each group by end, the latest first. */
static int later_end(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->root != b->root)
        return a->root ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

static enum status find_output(
    struct finder *f, const uint32_t *order, const uint16_t *depth, size_t n, struct str *text)
{
    struct candidate *c = arena_array(f->a, n + 1, sizeof *c);
    struct str inferred = STR_NONE, fallback = STR_NONE;
    int64_t fallback_end = TIME_NONE;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (takes_part(&f->rows[order[i]]))
            c[count++] = (struct candidate){ order[i], depth[i] == 0,
                row_time(&f->rows[order[i]], OBSERVATION_end_ns), (uint32_t)i };
    if (count)
        qsort(c, count, sizeof *c, later_end);
    for (size_t i = 0; i < count; i++) {
        struct offer o;
        enum status st = look_at(f, &f->rows[c[i].row], &o);
        if (st != ST_OK)
            return st;
        if (o.class == TEXT_REAL && (c[i].root || o.explicit)) {
            *text = o.text;
            return ST_OK;
        }
        if (o.class == TEXT_REAL && !inferred.p)
            inferred = o.text;
        if (o.class == TEXT_FALLBACK && (!fallback.p || c[i].end > fallback_end)) {
            fallback = o.text;
            fallback_end = c[i].end;
        }
    }
    *text = inferred.p ? inferred : fallback;
    return ST_OK;
}

/* Without any text the request that the root served stands in (langwatch.md 4.2, 4.3 d). */
static enum status find_http(struct finder *f, const struct row *root, struct str *text)
{
    struct json params;
    enum type_hint hint;
    arena_reset(f->scratch);
    enum status st = load_json(f, root, OBSERVATION_params, &params, &hint);
    struct json http = json_key(params, "http");
    if (st != ST_OK || !http.v)
        return st;
    struct str method = json_str(json_key(http, "method")), target = json_str(json_key(http, "target"));
    struct json status = json_key(http, "status_code");
    if (f->input && method.p && target.p)
        *text = arena_printf(f->a, "%.*s %.*s", STR_ARG(method), STR_ARG(target));
    else if (!f->input && json_is_num(status))
        *text = arena_dup(f->a, json_num_text(status));
    return ST_OK;
}

enum status derive_trace_text(struct arena *a, const struct row *rows, size_t n, bool input,
    const struct payload_loader *load, struct str *text, struct err *err)
{
    struct finder f = {
        .a = a, .scratch = arena_new(), .load = load, .rows = rows, .input = input, .err = err
    };
    uint32_t *order = arena_array(a, n + 1, sizeof *order);
    uint16_t *depth = arena_array(a, n + 1, sizeof *depth);
    *text = STR_NONE;
    derive_tree(a, rows, n, true, order, depth);
    enum status st = input ? find_input(&f, order, n, text) : find_output(&f, order, depth, n, text);
    if (st == ST_OK && !text->p && n)
        st = find_http(&f, &rows[order[0]], text);
    arena_free(f.scratch);
    return st;
}
