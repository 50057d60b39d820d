/*
 * json: reading JSON values and writing JSON text, on yyjson.
 *
 * Reading   json_parse() keeps numbers exactly as sent. A lone surrogate becomes U+FFFD (counted in json_surrogates()); a raw
 *           NUL, invalid UTF-8, more than JSON_DEPTH_MAX levels, trailing text are errors with line and column. \u0000 is legal.
 * Values    `struct json` is a handle by value; v == NULL is absent, and every accessor takes an absent or wrong-typed value.
 *           Values and strings live as long as the arena that parsed them.
 * Writing   `struct jw` appends to a buf and places commas itself.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

#define JSON_DEPTH_MAX 512

enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_NUM, JSON_STR, JSON_ARR, JSON_OBJ };

struct json {
    void *v;
};

#define JSON_NONE ((struct json){ NULL })

/* ST_INVALID with line, column and offset in err; ST_TOO_LARGE when the tree would take more than memory_max bytes
 * (0 = 32 times the text plus 1 MiB). `text` is not changed and may go away afterwards. */
MUST_CHECK enum status json_parse(
    struct arena *a, struct str text, size_t memory_max, struct json *out, struct err *err);
uint64_t json_surrogates(void); /* lone surrogates replaced since start, for /metrics */

enum json_type json_type(struct json v);
const char *json_type_name(enum json_type t); /* "undefined null boolean number string array object" */
bool json_is_obj(struct json v);
bool json_is_arr(struct json v);
bool json_is_str(struct json v);
bool json_is_num(struct json v);
bool json_is_null(struct json v); /* explicit null */
bool json_is_set(struct json v);  /* neither absent nor null */

struct str json_str(struct json v);         /* STR_NONE unless a string */
bool json_bool(struct json v);              /* false unless true */
bool json_i64(struct json v, int64_t *out); /* a number without fraction that fits (1.0 and 1e3 count) */
bool json_f64(struct json v, double *out);  /* any number; infinite when out of range */
struct str json_num_text(struct json v);    /* the number as sent */

size_t json_size(struct json v);                       /* members or items */
struct json json_get(struct json obj, struct str key); /* the last member of that name, as in JavaScript */
struct json json_key(struct json obj, const char *key);
struct json json_at(struct json arr, size_t i);

struct json_iter {
    struct json container;
    size_t i;
    void *cur;
};
struct json_iter json_iter(struct json v);
/* Next item or member; `key` may be NULL and is STR_NONE in arrays. False at the end or for scalars. */
bool json_next(struct json_iter *it, struct str *key, struct json *value);

/* Minified text of a value, in the arena: raw UTF-8, numbers as sent. Absent gives STR_NONE. */
struct str json_text(struct arena *a, struct json v);
/* The same with the members of every object sorted by key bytes: equal values have equal text. */
struct str json_canonical(struct arena *a, struct json v);
/* Equal as JSON values: key order does not matter, 1 equals 1.0. */
bool json_equal(struct json a, struct json b);

/* Writing. */
struct jw {
    struct buf *out;
    uint64_t comma[JSON_DEPTH_MAX / 64 + 1];
    unsigned depth;
    bool after_key;
};
struct jw jw_of(struct buf *out);
void jw_obj(struct jw *w);
void jw_obj_end(struct jw *w);
void jw_arr(struct jw *w);
void jw_arr_end(struct jw *w);
void jw_key(struct jw *w, const char *key);
void jw_key_str(struct jw *w, struct str key);
void jw_str(struct jw *w, struct str s); /* absent writes null */
void jw_cstr(struct jw *w, const char *s);
void jw_i64(struct jw *w, int64_t v);
void jw_f64(struct jw *w,
    double v); /* shortest text that reads back; integers without a point; not finite writes null */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, struct str json_text); /* valid JSON text; absent writes null */
void jw_value(struct jw *w, struct json v);
/* key and value in one call; the _opt forms write nothing when absent */
void jw_kv_str(struct jw *w, const char *key, struct str s);
void jw_kv_str_opt(struct jw *w, const char *key, struct str s);
void jw_kv_cstr(struct jw *w, const char *key, const char *s);
void jw_kv_i64(struct jw *w, const char *key, int64_t v);
void jw_kv_f64(struct jw *w, const char *key, double v);
void jw_kv_bool(struct jw *w, const char *key, bool v);
void jw_kv_null(struct jw *w, const char *key);
void jw_kv_raw(struct jw *w, const char *key, struct str json_text);
void jw_kv_raw_opt(struct jw *w, const char *key, struct str json_text);
/* Just the quoted, escaped string. */
void json_quote(struct buf *out, struct str s);

#endif
