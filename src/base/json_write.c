/*
 * json_write: JSON text out of parsed values and out of C values.
 *
 * Parsed values stand in one run of memory, parents before children. So the exact size of a value's text is a flat loop over that
 * run, and json_text() then writes into a piece of just that size. Strings are copied in runs up to the next byte that must be
 * escaped, found a word at a time. Escapes are those of JavaScript's JSON.stringify.
 *
 * Canonical text: members sorted by key bytes, of equal keys only the last, numbers in decimal_format()'s one spelling. Two values
 * have the same canonical text exactly when json_equal() holds.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena_priv.h"
#include "base/decimal.h"
#include "base/json.h"
#include "base/json_priv.h"
#include "base/mem.h"

/* ---- Strings ---- */

#define ONES UINT64_C(0x0101010101010101)
#define TOPS UINT64_C(0x8080808080808080)

static bool word_is_clean(uint64_t w)
{
    uint64_t quote = w ^ (ONES * '"'), back = w ^ (ONES * '\\');
    uint64_t hit = ((w - ONES * 0x20) & ~w) | ((quote - ONES) & ~quote) | ((back - ONES) & ~back);
    return (hit & TOPS) == 0;
}

static bool byte_is_clean(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* For 1 to 7 bytes, gathered into one word, some of them twice. */
static bool few_are_clean(const char *p, size_t n)
{
    uint32_t word[2] = { 0x20202020, 0x20202020 };
    if (n >= 4) {
        memcpy(&word[0], p, 4);
        memcpy(&word[1], p + n - 4, 4);
    } else {
        const char bytes[4] = { p[0], p[n / 2], p[n - 1], ' ' };
        memcpy(&word[0], bytes, 4);
    }
    return word_is_clean((uint64_t)word[0] << 32 | word[1]);
}

/* Length of the part at the front that needs no escapes. */
static size_t clean_run(struct str s)
{
    size_t i = 0;
    uint64_t word;
    for (; s.n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, s.p + i, sizeof word);
        if (!word_is_clean(word))
            break;
    }
    if (i == s.n || (s.n - i < sizeof word && few_are_clean(s.p + i, s.n - i)))
        return s.n;
    while (i < s.n && byte_is_clean((unsigned char)s.p[i]))
        i++;
    return i;
}

/* The letter of a two-character escape, or 0 where only \u00XX does. */
static char short_escape(char c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

static size_t quoted_size(struct str s)
{
    size_t size = s.n + 2;
    for (;;) {
        size_t run = clean_run(s);
        if (run == s.n)
            return size;
        size += short_escape(s.p[run]) ? 1 : 5;
        s = str_sub(s, run + 1, SIZE_MAX);
    }
}

static char *put_escape(char *to, char c)
{
    static const char hex[] = "0123456789abcdef";
    char letter = short_escape(c);
    *to++ = '\\';
    if (letter) {
        *to++ = letter;
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = hex[(unsigned char)c >> 4];
    to[4] = hex[c & 15];
    return to + 5;
}

static char *put_quoted(char *to, struct str s)
{
    *to++ = '"';
    for (;;) {
        size_t run = clean_run(s);
        if (run) {
            memcpy(to, s.p, run);
            to += run;
        }
        if (run == s.n)
            break;
        to = put_escape(to, s.p[run]);
        s = str_sub(s, run + 1, SIZE_MAX);
    }
    *to++ = '"';
    return to;
}

/* Bytes that are not UTF-8 would make the whole document unreadable: U+FFFD stands for each of them. */
static void quote_repaired(struct buf *out, struct str s)
{
    struct buf fixed;
    buf_init(&fixed, 0);
    while (s.n) {
        size_t length = 1;
        while (length < 4 && length < s.n && !str_is_utf8(str_sub(s, 0, length)))
            length++;
        if (str_is_utf8(str_sub(s, 0, length)))
            buf_add(&fixed, s.p, length);
        else {
            length = 1;
            buf_add_cstr(&fixed, "\xEF\xBF\xBD");
        }
        s = str_sub(s, length, SIZE_MAX);
    }
    json_quote(out, buf_str(&fixed));
    buf_fini(&fixed);
}

void json_quote(struct buf *out, struct str s)
{
    if (!str_is_utf8(s)) {
        quote_repaired(out, s);
        return;
    }
    size_t size = quoted_size(s);
    char *to = buf_reserve(out, size);
    if (!to)
        return;
    put_quoted(to, s);
    out->n += size;
}

/* ---- Parsed values ---- */

static size_t scalar_size(yyjson_val *v)
{
    switch (unsafe_yyjson_get_type(v)) {
    case YYJSON_TYPE_RAW: return unsafe_yyjson_get_len(v);
    case YYJSON_TYPE_STR: return quoted_size(json__bytes(v));
    case YYJSON_TYPE_BOOL: return unsafe_yyjson_is_true(v) ? 4 : 5;
    default: return 4;
    }
}

static size_t text_size(yyjson_val *v)
{
    size_t size = 0;
    for (yyjson_val *end = unsafe_yyjson_get_next(v); v < end; v++) {
        if (!unsafe_yyjson_is_ctn(v)) {
            size += scalar_size(v);
            continue;
        }
        size_t n = unsafe_yyjson_get_len(v);
        size += 2 + (n ? n - 1 : 0);
        if (unsafe_yyjson_get_type(v) == YYJSON_TYPE_OBJ)
            size += n;
    }
    return size;
}

static char *put_literal(char *to, struct str s)
{
    memcpy(to, s.p, s.n);
    return to + s.n;
}

static char *put_value(char *to, yyjson_val *v);

static char *put_container(char *to, yyjson_val *v)
{
    bool object = unsafe_yyjson_get_type(v) == YYJSON_TYPE_OBJ;
    yyjson_val *at = unsafe_yyjson_get_first(v);
    *to++ = object ? '{' : '[';
    for (size_t n = unsafe_yyjson_get_len(v); n > 0; n--) {
        if (object) {
            to = put_quoted(to, json__bytes(at++));
            *to++ = ':';
        }
        to = put_value(to, at);
        at = unsafe_yyjson_get_next(at);
        if (n > 1)
            *to++ = ',';
    }
    *to++ = object ? '}' : ']';
    return to;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static char *put_value(char *to, yyjson_val *v)
{
    switch (unsafe_yyjson_get_type(v)) {
    case YYJSON_TYPE_RAW: return put_literal(to, json__bytes(v));
    case YYJSON_TYPE_STR: return put_quoted(to, json__bytes(v));
    case YYJSON_TYPE_BOOL: return put_literal(to, unsafe_yyjson_is_true(v) ? STR("true") : STR("false"));
    case YYJSON_TYPE_ARR:
    case YYJSON_TYPE_OBJ: return put_container(to, v);
    default: return put_literal(to, STR("null"));
    }
}

struct str json_text(struct arena *a, struct json v)
{
    if (!v.v)
        return STR_NONE;
    size_t size = text_size(v.v);
    char *p = arena__take(a, size + 1);
    char *end = put_value(p, v.v);
    assert(end == p + size);
    *end = 0;
    return (struct str){ p, size };
}

static void canonical(struct buf *out, yyjson_val *v);

static void canonical_number(struct buf *out, struct str text)
{
    struct decimal d;
    bool parsed = decimal_parse(text, &d);
    assert(parsed);
    char *to = buf_reserve(out, d.count + DECIMAL_ROOM);
    if (to)
        out->n += (size_t)(decimal_format(&d, to) - to);
}

static void canonical_object(struct buf *out, yyjson_val *v)
{
    size_t n;
    yyjson_val **keys = json__sorted_keys(v, &n);
    buf_add_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(out, ',');
        canonical(out, keys[i]);
        buf_add_char(out, ':');
        canonical(out, keys[i] + 1);
    }
    buf_add_char(out, '}');
    mem_free(keys);
}

static void canonical_array(struct buf *out, yyjson_val *v)
{
    yyjson_val *at = unsafe_yyjson_get_first(v);
    buf_add_char(out, '[');
    for (size_t n = unsafe_yyjson_get_len(v); n > 0; n--) {
        canonical(out, at);
        at = unsafe_yyjson_get_next(at);
        if (n > 1)
            buf_add_char(out, ',');
    }
    buf_add_char(out, ']');
}

static void canonical(struct buf *out, yyjson_val *v)
{
    if (unsafe_yyjson_get_type(v) == YYJSON_TYPE_OBJ)
        canonical_object(out, v);
    else if (unsafe_yyjson_get_type(v) == YYJSON_TYPE_ARR)
        canonical_array(out, v);
    else if (unsafe_yyjson_get_type(v) == YYJSON_TYPE_RAW)
        canonical_number(out, json__bytes(v));
    else {
        size_t size = scalar_size(v);
        char *to = buf_reserve(out, size);
        if (to)
            out->n += (size_t)(put_value(to, v) - to);
    }
}

struct str json_canonical(struct arena *a, struct json v)
{
    struct buf out;
    if (!v.v)
        return STR_NONE;
    buf_init(&out, 0);
    canonical(&out, v.v);
    struct str text = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

/* ---- The writer ---- */

struct jw jw_of(struct buf *out)
{
    return (struct jw){ .out = out };
}

/* Called before every item; one bit a level says that a comma is due. */
static void separate(struct jw *w)
{
    uint64_t bit = UINT64_C(1) << (w->depth % 64);
    uint64_t *word = &w->comma[w->depth / 64];
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (*word & bit)
        buf_add_char(w->out, ',');
    *word |= bit;
}

static void enter(struct jw *w, char bracket)
{
    separate(w);
    buf_add_char(w->out, bracket);
    w->depth++;
    assert(w->depth < sizeof w->comma * 8);
    w->comma[w->depth / 64] &= ~(UINT64_C(1) << (w->depth % 64));
}

static void leave(struct jw *w, char bracket)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    buf_add_char(w->out, bracket);
}

void jw_obj(struct jw *w)
{
    enter(w, '{');
}

void jw_obj_end(struct jw *w)
{
    leave(w, '}');
}

void jw_arr(struct jw *w)
{
    enter(w, '[');
}

void jw_arr_end(struct jw *w)
{
    leave(w, ']');
}

void jw_key_str(struct jw *w, struct str key)
{
    assert(!w->after_key);
    separate(w);
    json_quote(w->out, key);
    buf_add_char(w->out, ':');
    w->after_key = true;
}

void jw_key(struct jw *w, const char *key)
{
    jw_key_str(w, str_of(key));
}

void jw_raw(struct jw *w, struct str json_text)
{
    separate(w);
    buf_add_str(w->out, json_text.p ? json_text : STR("null"));
}

void jw_null(struct jw *w)
{
    jw_raw(w, STR_NONE);
}

void jw_bool(struct jw *w, bool v)
{
    jw_raw(w, v ? STR("true") : STR("false"));
}

void jw_str(struct jw *w, struct str s)
{
    if (!s.p) {
        jw_null(w);
        return;
    }
    separate(w);
    json_quote(w->out, s);
}

void jw_cstr(struct jw *w, const char *s)
{
    jw_str(w, str_of(s));
}

void jw_i64(struct jw *w, int64_t v)
{
    char digits[24];
    char *end = digits + sizeof digits, *p = end;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0)
        *--p = '-';
    jw_raw(w, (struct str){ p, (size_t)(end - p) });
}

void jw_f64(struct jw *w, double v)
{
    char text[40];
    int n = 0;
    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    if (v == trunc(v) && fabs(v) < 9007199254740992.0) { /* 2^53: every whole number below is exact */
        jw_i64(w, (int64_t)v);
        return;
    }
    if (v == trunc(v) && fabs(v) < 1e21)
        n = snprintf(text, sizeof text, "%.0f", v);
    else
        for (int digits = 15; digits <= 17; digits++) {
            n = snprintf(text, sizeof text, "%.*g", digits, v);
            if (strtod(text, NULL) == v) /* equal bits: the text is exact */
                break;
        }
    jw_raw(w, (struct str){ text, (size_t)n });
}

void jw_value(struct jw *w, struct json v)
{
    if (!v.v) {
        jw_null(w);
        return;
    }
    separate(w);
    size_t size = text_size(v.v);
    char *to = buf_reserve(w->out, size);
    if (!to)
        return;
    put_value(to, v.v);
    w->out->n += size;
}

void jw_kv_str(struct jw *w, const char *key, struct str s)
{
    jw_key(w, key);
    jw_str(w, s);
}

void jw_kv_str_opt(struct jw *w, const char *key, struct str s)
{
    if (s.p)
        jw_kv_str(w, key, s);
}

void jw_kv_cstr(struct jw *w, const char *key, const char *s)
{
    jw_kv_str(w, key, str_of(s));
}

void jw_kv_i64(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_i64(w, v);
}

void jw_kv_f64(struct jw *w, const char *key, double v)
{
    jw_key(w, key);
    jw_f64(w, v);
}

void jw_kv_bool(struct jw *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_kv_null(struct jw *w, const char *key)
{
    jw_key(w, key);
    jw_null(w);
}

void jw_kv_raw(struct jw *w, const char *key, struct str json_text)
{
    jw_key(w, key);
    jw_raw(w, json_text);
}

void jw_kv_raw_opt(struct jw *w, const char *key, struct str json_text)
{
    if (json_text.p)
        jw_kv_raw(w, key, json_text);
}
