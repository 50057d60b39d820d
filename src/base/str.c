/*
 * str: views of bytes. An absent view has p == NULL, which the memory functions of libc may not be given, so every one of them is
 * reached only with n > 0.
 */
#include "base/str.h"

#include <math.h>
#include <string.h>

#include "base/decimal.h"

#define ID_BYTES_MAX 800

struct str str_of(const char *c_string)
{
    return c_string ? (struct str){ c_string, strlen(c_string) } : STR_NONE;
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_is(struct str a, const char *c_string)
{
    return str_eq(a, str_of(c_string));
}

static unsigned char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : (unsigned char)c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0)
        return 0;
    const char *hit = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

size_t str_find_char(struct str s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
    if (!s.p)
        return s;
    from = from < s.n ? from : s.n;
    return (struct str){ s.p + from, n < s.n - from ? n : s.n - from };
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(struct str *rest, char sep, struct str *part)
{
    if (!rest->p)
        return false;
    size_t at = str_find_char(*rest, sep);
    *part = str_sub(*rest, 0, at);
    *rest = at == SIZE_MAX ? STR_NONE : str_sub(*rest, at + 1, SIZE_MAX);
    return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
    struct decimal d;
    /* "1e3" and "2.0" are numbers, but not how anyone writes a whole number outside of JSON. */
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < '0' || s.p[i] > '9') && !(i == 0 && (s.p[i] == '-' || s.p[i] == '+')))
            return false;
    return decimal_parse(s, &d) && decimal_i64(&d, out);
}

bool str_to_f64(struct str s, double *out)
{
    struct decimal d;
    if (!decimal_parse(s, &d))
        return false;
    double v = decimal_f64(&d);
    if (!isfinite(v))
        return false;
    *out = v;
    return true;
}

/* Length of the one character at s (2 to 4 bytes), 0 when it is malformed. Table 3-7 of the Unicode standard. */
static size_t utf8_char(const unsigned char *s, size_t n)
{
    unsigned char c = s[0];
    size_t length = c >= 0xC2 && c <= 0xDF ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
    unsigned char least = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char most = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (length == 0 || length > n || s[1] < least || s[1] > most)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

bool str_is_utf8(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        uint64_t word;
        if (s.n - i >= sizeof word) {
            memcpy(&word, p + i, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) {
                i += sizeof word;
                continue;
            }
        }
        size_t length = p[i] < 0x80 ? 1 : utf8_char(p + i, s.n - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

size_t str_utf8_clip(struct str s, size_t max)
{
    if (s.n <= max)
        return s.n;
    /* A character has at most three bytes after its first; more of them in a row are no character, and any border will do. */
    for (size_t back = 0; back <= 3 && back <= max; back++)
        if (((unsigned char)s.p[max - back] & 0xC0) != 0x80)
            return max - back;
    return max;
}

bool str_is_id(struct str s)
{
    if (s.n == 0 || s.n > ID_BYTES_MAX || !str_is_utf8(s))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        /* U+0000 to U+001F, U+007F, and U+0080 to U+009F, which are C2 80 to C2 9F. */
        if (c < 0x20 || c == 0x7F || (c == 0xC2 && (unsigned char)s.p[i + 1] < 0xA0))
            return false;
    }
    return true;
}
