/*
 * decimal: reads a number's text once and keeps it as sign, digits and power of ten. Whole numbers, comparison and the canonical
 * text need no rounding; a double is rounded once, by strtod, from at most 801 digits, so a text of a million digits costs no more
 * than its scan. strtod gets no decimal point, so no locale can change what it reads.
 */
#include "base/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of a double or of a border between two doubles has at most 768 digits. A digit 1 after the first 800 stands for all
 * that follow and cannot move the rounding to the wrong side. */
#define DIGITS_MAX 800
/* Far outside of what a double or int64_t can hold, far inside of what the arithmetic below can. */
#define EXP_MAX    INT64_C(1000000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits and point, up to the exponent. Returns where it stopped, 0 when there is no digit. */
static size_t parse_mantissa(struct str s, size_t i, struct decimal *d)
{
    size_t first = SIZE_MAX, last = 0, point = SIZE_MAX, digits = 0;
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && point == SIZE_MAX) {
            point = i;
            continue;
        }
        if (!is_digit(s.p[i]))
            break;
        digits++;
        if (s.p[i] != '0') {
            first = first == SIZE_MAX ? i : first;
            last = i;
        }
    }
    if (digits == 0)
        return 0;
    point = point == SIZE_MAX ? i : point;
    if (first == SIZE_MAX) {
        d->digits = str_sub(s, i, 0);
        return i;
    }
    d->digits = str_sub(s, first, last + 1 - first);
    d->count = d->digits.n - (first < point && point < last);
    d->exp = last < point ? (int64_t)(point - last) - 1 : -(int64_t)(last - point);
    return i;
}

static bool parse_exponent(struct str s, size_t i, int64_t *out)
{
    bool neg = i < s.n && s.p[i] == '-';
    int64_t e = 0;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        i++;
    if (i == s.n)
        return false;
    for (; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
        e = e < EXP_MAX ? e * 10 + (s.p[i] - '0') : e;
    }
    *out = neg ? -e : e;
    return true;
}

bool decimal_parse(struct str s, struct decimal *d)
{
    bool sign = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    int64_t exp = 0;
    *d = (struct decimal){ 0 };
    size_t i = parse_mantissa(s, sign, d);
    if (i == 0)
        return false;
    if (i < s.n && ((s.p[i] | 0x20) != 'e' || !parse_exponent(s, i + 1, &exp)))
        return false;
    if (d->count > 0) {
        d->neg = s.p[0] == '-';
        d->exp += exp;
    }
    return true;
}

/* The first digits as a whole number; the caller knows that they fit. */
static uint64_t digits_value(const struct decimal *d)
{
    uint64_t v = 0;
    for (size_t i = 0; i < d->digits.n; i++)
        if (d->digits.p[i] != '.')
            v = v * 10 + (uint64_t)(d->digits.p[i] - '0');
    return v;
}

bool decimal_i64(const struct decimal *d, int64_t *out)
{
    /* No trailing zeros in the digits: a negative power means a fraction. 10^19 - 1 fits in 64 bits without a sign. */
    if (d->exp < 0 || d->exp > 19 || d->count > 19 || (int64_t)d->count + d->exp > 19)
        return false;
    uint64_t v = digits_value(d);
    for (int64_t e = 0; e < d->exp; e++)
        v *= 10;
    if (v > (uint64_t)INT64_MAX + d->neg)
        return false;
    *out = d->neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* Copies at most `max` digits without the point. */
static size_t copy_digits(const struct decimal *d, char *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < d->digits.n && n < max; i++)
        if (d->digits.p[i] != '.')
            out[n++] = d->digits.p[i];
    return n;
}

static double round_slowly(const struct decimal *d)
{
    char text[DIGITS_MAX + 40];
    int64_t magnitude = (int64_t)d->count + d->exp;
    if (magnitude > 400)
        return (double)INFINITY;
    if (magnitude < -400)
        return 0;
    size_t n = copy_digits(d, text, DIGITS_MAX);
    if (n < d->count)
        text[n++] = '1';
    snprintf(text + n, sizeof text - n, "e%lld", (long long)(magnitude - (int64_t)n));
    return strtod(text, NULL);
}

double decimal_f64(const struct decimal *d)
{
    static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
        1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    double v = 0;
    /* Both operands are exact, so the one operation rounds correctly (Clinger 1990). */
    if (d->count <= 15 && d->exp >= 0 && d->exp <= 22)
        v = (double)digits_value(d) * powers[d->exp];
    else if (d->count <= 15 && d->exp < 0 && d->exp >= -22)
        v = (double)digits_value(d) / powers[-d->exp];
    else
        v = round_slowly(d);
    return d->neg ? -v : v;
}

bool decimal_equal(const struct decimal *a, const struct decimal *b)
{
    if (a->neg != b->neg || a->exp != b->exp || a->count != b->count)
        return false;
    for (size_t i = 0, j = 0; i < a->digits.n && j < b->digits.n; i++, j++) {
        i += a->digits.p[i] == '.';
        j += b->digits.p[j] == '.';
        if (a->digits.p[i] != b->digits.p[j])
            return false;
    }
    return true;
}

static char *put_zeros(char *out, int64_t n)
{
    for (; n > 0; n--)
        *out++ = '0';
    return out;
}

/* `n` digits stand at out; put a point after the first `at` of them. */
static char *put_point(char *out, size_t n, size_t at)
{
    if (at >= n)
        return out + n;
    memmove(out + at + 1, out + at, n - at);
    out[at] = '.';
    return out + n + 1;
}

char *decimal_format(const struct decimal *d, char *out)
{
    int64_t magnitude = (int64_t)d->count + d->exp; /* how many digits stand before the point */
    if (d->count == 0) {
        *out = '0';
        return out + 1;
    }
    if (d->neg)
        *out++ = '-';
    if (magnitude > -6 && magnitude <= 0) {
        memcpy(out, "0.", 2);
        out = put_zeros(out + 2, -magnitude);
        return out + copy_digits(d, out, d->count);
    }
    copy_digits(d, out, d->count);
    if (magnitude > 0 && magnitude <= 21)
        return put_zeros(put_point(out, d->count, (size_t)magnitude), d->exp);
    out = put_point(out, d->count, 1);
    return out + snprintf(out, 24, "e%+lld", (long long)(magnitude - 1));
}
