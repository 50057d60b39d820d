/*
 * json: reading, on yyjson. One copy of the text is made in the arena and parsed in place, so no string is ever copied again.
 *
 *   text -> copy -> yyjson, in place -> values in the arena
 *              `--> scan() -> the same once more, when that failed
 *
 * The number of values is bounded beforehand, so the memory limit is checked before the tree is built, and yyjson's pool is one
 * piece that never moves. yyjson does not recurse: nesting is checked on the finished tree, where it costs little. Only where
 * something is wrong, or seems so, scan() reads the text byte by byte. It knows strings and brackets, finds the bracket that is
 * nested too deep, replaces lone surrogate escapes (both spellings take six bytes, so positions stay true), and bounds the number
 * of values more closely. It may misread malformed text, but not before the first error, and yyjson finds that.
 */
#include "base/json.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena_priv.h"
#include "base/decimal.h"
#include "base/json_priv.h"
#include "base/mem.h"

/* yyjson reads up to YYJSON_PADDING_SIZE zero bytes behind the text; scan() may look a word ahead. */
#define PADDING    ((size_t)16)
/* Values that yyjson takes before the first one of the text (its document head) and keeps free at the end. */
#define POOL_EXTRA ((size_t)16)

static _Atomic uint64_t surrogates_replaced;

uint64_t json_surrogates(void)
{
    return atomic_load_explicit(&surrogates_replaced, memory_order_relaxed);
}

/* ---- How many values ---- */

#define ONES UINT64_C(0x0101010101010101)
#define TOPS UINT64_C(0x8080808080808080)

/* The top bit of every byte that is zero; of others only in vain, next to one that is. */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - ONES) & ~word & TOPS;
}

/* Every value but the root stands behind one of [ { , and : and each of these is followed by at most one value. Those inside of
 * strings are counted too: a guess that is never too low and takes a few per cent of the time that parsing does. */
static size_t count_tokens(struct str text)
{
    size_t n = 0, i = 0;
    for (uint64_t word; text.n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, text.p + i, sizeof word);
        word |= ONES * 0x20; /* makes [ a { and leaves the others as they are */
        uint64_t hits = zero_bytes(word ^ (ONES * '{')) | zero_bytes(word ^ (ONES * ',')) |
                        zero_bytes(word ^ (ONES * ':'));
        n += ((hits >> 7) * ONES) >> 56;
    }
    for (; i < text.n; i++)
        n += (text.p[i] | 0x20) == '{' || text.p[i] == ',' || text.p[i] == ':';
    return n;
}

/* At most, if the text is JSON that is not nested too deep: then only JSON_DEPTH_MAX values can take a single byte. */
static size_t guess_values(struct str text)
{
    size_t by_tokens = count_tokens(text) + 1, by_length = text.n / 2 + 1 + JSON_DEPTH_MAX;
    return (by_tokens < by_length ? by_tokens : by_length) + POOL_EXTRA;
}

/* ---- The careful pass ---- */

enum { OTHER, OPEN, CLOSE, SEPARATOR, QUOTE };
static const unsigned char kinds[256] = {
    ['['] = OPEN,
    ['{'] = OPEN,
    [']'] = CLOSE,
    ['}'] = CLOSE,
    [','] = SEPARATOR,
    [':'] = SEPARATOR,
    ['"'] = QUOTE,
};

struct scan {
    unsigned char *p;
    unsigned char *end;
    unsigned char *too_deep; /* the first bracket past the limit */
    size_t depth;
    size_t tokens;
    size_t lone_surrogates;
};

static unsigned char *skip_plain(unsigned char *p, unsigned char *end)
{
    uint64_t word;
    while ((size_t)(end - p) >= sizeof word) {
        memcpy(&word, p, sizeof word);
        if (zero_bytes(word ^ (ONES * '"')) | zero_bytes(word ^ (ONES * '\\')))
            break;
        p += sizeof word;
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* The value of the \uXXXX at p, or -1. The padding ends every text that is cut short. */
static int unicode_escape(const unsigned char *p)
{
    int v = 0;
    if (p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int c = p[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* At a backslash. Returns what follows the escape. */
static unsigned char *scan_escape(struct scan *s, unsigned char *p)
{
    int c = unicode_escape(p);
    if (c < 0)
        return p + 2;
    if (c < 0xD800 || c > 0xDFFF)
        return p + 6;
    if (c < 0xDC00) {
        int low = unicode_escape(p + 6);
        if (low >= 0xDC00 && low <= 0xDFFF)
            return p + 12;
    }
    memcpy(p, "\\uFFFD", 6);
    s->lone_surrogates++;
    return p + 6;
}

static unsigned char *scan_string(struct scan *s, unsigned char *p)
{
    while ((p = skip_plain(p, s->end)) < s->end) {
        if (*p == '"')
            return p + 1;
        p = scan_escape(s, p);
        if (p > s->end)
            return s->end;
    }
    return p;
}

static void scan(struct scan *s)
{
    unsigned char *p = s->p;
    while (p < s->end) {
        unsigned char kind = kinds[*p++];
        if (kind == QUOTE)
            p = scan_string(s, p);
        else if (kind == OPEN) {
            s->tokens++;
            if (++s->depth > JSON_DEPTH_MAX) {
                s->too_deep = p - 1;
                return;
            }
        } else if (kind == CLOSE)
            s->depth -= s->depth > 0;
        else
            s->tokens += kind == SEPARATOR;
    }
}

/* ---- The parser ---- */

/* yyjson's allocator: one pool of values, known beforehand to be large enough for all of its growing if the text is right. */
struct pool {
    struct arena *arena;
    void *p;
    size_t n;
};

static void *pool_malloc(void *ctx, size_t size)
{
    struct pool *pool = ctx;
    pool->n = size > pool->n ? size : pool->n;
    pool->p = arena__take(pool->arena, pool->n);
    return pool->p;
}

static void *pool_realloc(void *ctx, void *p, size_t old_size, size_t size)
{
    struct pool *pool = ctx;
    (void)old_size;
    return p == pool->p && size <= pool->n ? p : NULL;
}

static void pool_free(void *ctx, void *p)
{
    (void)ctx;
    (void)p; /* the arena frees it */
}

static void set_position(struct err *err, struct str text, size_t at)
{
    size_t line = 1, line_start = 0;
    if (!err)
        return;
    at = at < text.n ? at : text.n;
    for (size_t i = 0; i < at; i++)
        if (text.p[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    err->offset = at;
    err->line = line;
    err->column = at - line_start + 1;
}

static enum status fail_at(struct err *err, struct str text, size_t at, const char *what)
{
    struct err where;
    set_position(&where, text, at);
    enum status st = err_set(err, ST_INVALID, "%s at line %zu, column %zu", what, where.line, where.column);
    set_position(err, text, at);
    return st;
}

static enum status fail_syntax(struct err *err, struct str text, const yyjson_read_err *fault)
{
    char what[160];
    if (fault->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return err_set(err, ST_TOO_LARGE, "the JSON is too large to be read");
    if (text.n == 0 || fault->code == YYJSON_READ_ERROR_EMPTY_CONTENT)
        return fail_at(err, text, 0, "not JSON: the text is empty");
    if (fault->pos < text.n && text.p[fault->pos] == 0)
        return fail_at(err, text, fault->pos, "not JSON: a NUL byte (inside of a string, write \\u0000)");
    size_t n = strlen(fault->msg);
    snprintf(what, sizeof what, "not JSON: %.*s", (int)(n < 120 ? n : 120), fault->msg);
    return fail_at(err, text, fault->pos, what);
}

static bool build(
    struct arena *a, char *copy, size_t n, size_t values, struct json *out, yyjson_read_err *fault)
{
    /* yyjson grows its pool by halves, starting from a guess. */
    struct pool pool = { .arena = a, .n = (values + values / 2) * sizeof(yyjson_val) };
    yyjson_alc alc = { pool_malloc, pool_realloc, pool_free, &pool };
    yyjson_read_flag flags = YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW;
    size_t used = 0;
    yyjson_doc *doc = yyjson_read_opts(copy, n, flags, &alc, fault);
    if (doc) {
        out->v = yyjson_doc_get_root(doc);
        used = (size_t)((char *)unsafe_yyjson_get_next(json__val(*out)) - (char *)pool.p);
    }
    if (pool.p)
        arena__give_back(a, pool.p, pool.n, used);
    return doc != NULL;
}

static bool depth_is_fine(yyjson_val *v)
{
    const yyjson_val *ends[JSON_DEPTH_MAX + 1]; /* where each open container ends */
    size_t depth = 0;
    for (const yyjson_val *end = unsafe_yyjson_get_next(v); v < end; v++) {
        while (depth > 0 && v >= ends[depth - 1])
            depth--;
        if (!unsafe_yyjson_is_ctn(v))
            continue;
        ends[depth++] = unsafe_yyjson_get_next(v);
        if (depth > JSON_DEPTH_MAX)
            return false;
    }
    return true;
}

static void fill(char *copy, struct str text)
{
    if (text.n)
        memcpy(copy, text.p, text.n);
    memset(copy + text.n, 0, PADDING);
}

static enum status fail_large(struct err *err, size_t need, size_t memory_max)
{
    return err_set(err, ST_TOO_LARGE, "the JSON would take %zu bytes of memory, more than the limit of %zu",
        need, memory_max);
}

/* The text is malformed, too deep or too large, or holds lone surrogates: find out, and do what can be done. */
static enum status parse_carefully(
    struct arena *a, char *copy, struct str text, size_t memory_max, struct json *out, struct err *err)
{
    struct scan s = { .p = (unsigned char *)copy, .end = (unsigned char *)copy + text.n };
    yyjson_read_err fault;
    *out = JSON_NONE;
    fill(copy, text);
    scan(&s);
    if (s.too_deep)
        return fail_at(err, text, (size_t)(s.too_deep - s.p), "nested deeper than 512 levels");
    size_t values = s.tokens + 1 + POOL_EXTRA;
    if (values > (memory_max - text.n) / sizeof(yyjson_val))
        return fail_large(err, values * sizeof(yyjson_val) + text.n, memory_max);
    if (!build(a, copy, text.n, values, out, &fault))
        return fail_syntax(err, text, &fault);
    atomic_fetch_add_explicit(&surrogates_replaced, s.lone_surrogates, memory_order_relaxed);
    return ST_OK;
}

enum status json_parse(struct arena *a, struct str text, size_t memory_max, struct json *out, struct err *err)
{
    yyjson_read_err fault;
    *out = JSON_NONE;
    if (memory_max == 0)
        memory_max = text.n < (SIZE_MAX >> 6) ? text.n * 32 + ((size_t)1 << 20) : SIZE_MAX;
    if (text.n > memory_max)
        return fail_large(err, text.n, memory_max);
    char *copy = arena__take(a, text.n + PADDING);
    fill(copy, text);
    size_t values = guess_values(text);
    if (values <= (memory_max - text.n) / sizeof(yyjson_val) && build(a, copy, text.n, values, out, &fault) &&
        depth_is_fine(out->v))
        return ST_OK;
    return parse_carefully(a, copy, text, memory_max, out, err);
}

/* ---- Types ---- */

enum json_type json_type(struct json v)
{
    if (!v.v)
        return JSON_ABSENT;
    switch (unsafe_yyjson_get_type(v.v)) {
    case YYJSON_TYPE_BOOL: return JSON_BOOL;
    case YYJSON_TYPE_RAW: return JSON_NUM;
    case YYJSON_TYPE_STR: return JSON_STR;
    case YYJSON_TYPE_ARR: return JSON_ARR;
    case YYJSON_TYPE_OBJ: return JSON_OBJ;
    default: return JSON_NULL;
    }
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = { "undefined", "null", "boolean", "number", "string", "array",
        "object" };
    assert((size_t)t < sizeof names / sizeof *names);
    return names[t];
}

bool json_is_obj(struct json v)
{
    return json_type(v) == JSON_OBJ;
}

bool json_is_arr(struct json v)
{
    return json_type(v) == JSON_ARR;
}

bool json_is_str(struct json v)
{
    return json_type(v) == JSON_STR;
}

bool json_is_num(struct json v)
{
    return json_type(v) == JSON_NUM;
}

bool json_is_null(struct json v)
{
    return json_type(v) == JSON_NULL;
}

bool json_is_set(struct json v)
{
    return json_type(v) > JSON_NULL;
}

/* ---- Scalars ---- */

struct str json_str(struct json v)
{
    return json_is_str(v) ? json__bytes(v.v) : STR_NONE;
}

bool json_bool(struct json v)
{
    return yyjson_is_true(v.v);
}

struct str json_num_text(struct json v)
{
    return json_is_num(v) ? json__bytes(v.v) : STR_NONE;
}

bool json_i64(struct json v, int64_t *out)
{
    struct decimal d;
    return json_is_num(v) && decimal_parse(json__bytes(v.v), &d) && decimal_i64(&d, out);
}

bool json_f64(struct json v, double *out)
{
    struct decimal d;
    if (!json_is_num(v) || !decimal_parse(json__bytes(v.v), &d))
        return false;
    *out = decimal_f64(&d);
    return true;
}

/* ---- Containers ---- */

size_t json_size(struct json v)
{
    return yyjson_is_ctn(v.v) ? unsafe_yyjson_get_len(v.v) : 0;
}

struct json json_get(struct json obj, struct str key)
{
    struct json found = JSON_NONE;
    if (!json_is_obj(obj))
        return found;
    yyjson_val *at = unsafe_yyjson_get_first(obj.v);
    for (size_t n = json_size(obj); n > 0; n--) {
        if (str_eq(json__bytes(at), key))
            found.v = at + 1;
        at = unsafe_yyjson_get_next(at + 1);
    }
    return found;
}

struct json json_key(struct json obj, const char *key)
{
    return json_get(obj, str_of(key));
}

struct json json_at(struct json arr, size_t i)
{
    return (struct json){ yyjson_arr_get(arr.v, i) };
}

struct json_iter json_iter(struct json v)
{
    return (struct json_iter){ .container = v };
}

bool json_next(struct json_iter *it, struct str *key, struct json *value)
{
    if (it->i >= json_size(it->container))
        return false;
    /* `cur` is the item, or the value of the member, that was given last. */
    yyjson_val *at = it->cur ? unsafe_yyjson_get_next(it->cur) : unsafe_yyjson_get_first(it->container.v);
    bool member = json_is_obj(it->container);
    if (key)
        *key = member ? json__bytes(at) : STR_NONE;
    it->cur = member ? at + 1 : at;
    it->i++;
    value->v = it->cur;
    return true;
}

/* ---- Comparing ---- */

static int by_key_then_place(const void *a, const void *b)
{
    yyjson_val *x = *(yyjson_val *const *)a, *y = *(yyjson_val *const *)b;
    int c = str_cmp(json__bytes(x), json__bytes(y));
    return c ? c : (x > y) - (x < y);
}

yyjson_val **json__sorted_keys(yyjson_val *obj, size_t *n)
{
    size_t size = unsafe_yyjson_get_len(obj), kept = 0;
    yyjson_val **keys = mem_array(size, sizeof(yyjson_val *));
    yyjson_val *at = unsafe_yyjson_get_first(obj);
    for (size_t i = 0; i < size; i++) {
        keys[i] = at;
        at = unsafe_yyjson_get_next(at + 1);
    }
    qsort(keys, size, sizeof(yyjson_val *), by_key_then_place);
    for (size_t i = 0; i < size; i++)
        if (i + 1 == size || !str_eq(json__bytes(keys[i]), json__bytes(keys[i + 1])))
            keys[kept++] = keys[i];
    *n = kept;
    return keys;
}

static bool objects_equal(yyjson_val *a, yyjson_val *b)
{
    size_t n, m;
    yyjson_val **x = json__sorted_keys(a, &n);
    yyjson_val **y = json__sorted_keys(b, &m);
    bool equal = n == m;
    for (size_t i = 0; equal && i < n; i++)
        equal = str_eq(json__bytes(x[i]), json__bytes(y[i])) &&
                json_equal((struct json){ x[i] + 1 }, (struct json){ y[i] + 1 });
    mem_free(x);
    mem_free(y);
    return equal;
}

static bool arrays_equal(yyjson_val *a, yyjson_val *b)
{
    size_t n = unsafe_yyjson_get_len(a);
    if (n != unsafe_yyjson_get_len(b))
        return false;
    a = unsafe_yyjson_get_first(a);
    b = unsafe_yyjson_get_first(b);
    for (; n > 0; n--) {
        if (!json_equal((struct json){ a }, (struct json){ b }))
            return false;
        a = unsafe_yyjson_get_next(a);
        b = unsafe_yyjson_get_next(b);
    }
    return true;
}

static bool numbers_equal(struct str a, struct str b)
{
    struct decimal x, y;
    return str_eq(a, b) || (decimal_parse(a, &x) && decimal_parse(b, &y) && decimal_equal(&x, &y));
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
bool json_equal(struct json a, struct json b)
{
    enum json_type t = json_type(a);
    if (t != json_type(b))
        return false;
    switch (t) {
    case JSON_BOOL: return json_bool(a) == json_bool(b);
    case JSON_NUM: return numbers_equal(json__bytes(a.v), json__bytes(b.v));
    case JSON_STR: return str_eq(json__bytes(a.v), json__bytes(b.v));
    case JSON_ARR: return arrays_equal(a.v, b.v);
    case JSON_OBJ: return objects_equal(a.v, b.v);
    default: return true;
    }
}
