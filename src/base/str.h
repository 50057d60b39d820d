/*
 * str: a view of bytes. Never owns, passed by value; p == NULL means absent (n is then 0). Not zero-terminated.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal)               \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }
#define STR_NONE   ((struct str){ NULL, 0 })
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)((s).n > 100000 ? 100000 : (s).n), (s).p ? (s).p : ""

struct str str_of(const char *c_string); /* NULL gives STR_NONE */
bool str_eq(struct str a, struct str b); /* bytes; absent equals only absent or empty */
bool str_is(struct str a, const char *c_string);
bool str_eq_nocase(struct str a, struct str b); /* ASCII case only */
int str_cmp(struct str a, struct str b);        /* memcmp order, shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Byte offset of the first hit, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
size_t str_find_char(struct str s, char c);
struct str str_sub(struct str s, size_t from, size_t n); /* clipped to s */
struct str str_trim(struct str s);                       /* ASCII white space */
/* Cut the part before `sep` off `*rest` into `*part`; false when *rest was absent. The last part leaves *rest absent. */
bool str_cut(struct str *rest, char sep, struct str *part);
/* Whole text must be a decimal number in range. */
bool str_to_i64(struct str s, int64_t *out);
bool str_to_f64(struct str s, double *out);
bool str_is_utf8(struct str s);
/* Length of the longest prefix of at most `max` bytes that ends at a character border. */
size_t str_utf8_clip(struct str s, size_t max);
/* An id as design.md 2 allows it: 1 to 800 bytes of UTF-8 without control characters. */
bool str_is_id(struct str s);

#endif
