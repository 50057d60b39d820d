/*
 * decimal: what the text of a decimal number says, exactly, before any rounding. Shared by str and json inside base.
 *
 * Memory    a struct decimal views the text it was parsed from.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "base/str.h"

/* The value is (-1 if neg) * digits * 10^exp. The view runs from the first to the last digit that is not zero and may have a
 * point inside, which is to be skipped; zero has no digits and no sign. */
struct decimal {
    bool neg;
    struct str digits;
    size_t count; /* digits in the view, the point apart */
    int64_t exp;
};

/* [+-] digits [. digits] [e [+-] digits], with a digit on at least one side of the point. */
bool decimal_parse(struct str s, struct decimal *d);
bool decimal_i64(const struct decimal *d, int64_t *out); /* false when it has a fraction or does not fit */
double decimal_f64(const struct decimal *d);             /* correctly rounded; infinite when out of range */
bool decimal_equal(const struct decimal *a, const struct decimal *b);
/* One text for one value, in JavaScript's style: 1500, 0.25, 1e+21, 1e-7. Writes at most count + DECIMAL_ROOM bytes at `out`,
 * no zero byte, and returns where it ended. */
#define DECIMAL_ROOM 40
char *decimal_format(const struct decimal *d, char *out);

#endif
