/*
 * clock: nanoseconds and their text. Days are counted in 400-year eras that begin on 1 March, so the leap day is the last day of a
 * year and every month start is one formula (Howard Hinnant, "chrono-compatible low-level date algorithms"). No time zone data, no
 * locale, no libc calendar.
 */
#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_now_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t time_ms(int64_t ns)
{
    return floor_div(ns, NS_PER_MS);
}

/* ---- Calendar ---- */

struct date {
    int64_t year;
    int64_t month; /* from 1 */
    int64_t day;   /* from 1 */
};

static int64_t days_of_date(struct date d)
{
    int64_t year = d.year - (d.month <= 2);
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((d.month + 9) % 12) + 2) / 5 + d.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468; /* 1970-01-01 is day 0 */
}

static struct date date_of_days(int64_t days)
{
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t doe = days - era * 146097;
    int64_t year_of_era = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t day_of_year = doe - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* from March */
    struct date d = { .day = day_of_year - (153 * month + 2) / 5 + 1,
        .month = month < 10 ? month + 3 : month - 9 };
    d.year = year_of_era + era * 400 + (d.month <= 2);
    return d;
}

static bool date_exists(struct date d)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;
    if (d.year < 1 || d.month < 1 || d.month > 12 || d.day < 1)
        return false;
    return d.day <= lengths[d.month - 1] + (leap && d.month == 2);
}

/* ---- Reading ---- */

/* Exactly `digits` of them. */
static bool read_number(struct str *s, size_t digits, int64_t *out)
{
    int64_t v = 0;
    if (s->n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = str_sub(*s, digits, SIZE_MAX);
    *out = v;
    return true;
}

static bool read_char(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_sub(*s, 1, SIZE_MAX);
    return true;
}

static bool read_date(struct str *s, struct date *d)
{
    return read_number(s, 4, &d->year) && read_char(s, '-') && read_number(s, 2, &d->month) &&
           read_char(s, '-') && read_number(s, 2, &d->day) && date_exists(*d);
}

static bool read_time(struct str *s, int64_t *seconds)
{
    int64_t hour, minute, second;
    if (!read_number(s, 2, &hour) || !read_char(s, ':') || !read_number(s, 2, &minute) ||
        !read_char(s, ':') || !read_number(s, 2, &second))
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

/* ".123": at least one digit when there is a point; digits after the ninth are cut. */
static bool read_fraction(struct str *s, int64_t *ns)
{
    int64_t unit = NS_PER_S / 10, digit;
    *ns = 0;
    if (!read_char(s, '.'))
        return true;
    if (!read_number(s, 1, &digit))
        return false;
    do {
        *ns += digit * unit;
        unit /= 10;
    } while (read_number(s, 1, &digit));
    return true;
}

static bool read_offset(struct str *s, int64_t *seconds)
{
    int64_t hour, minute;
    *seconds = 0;
    if (s->n == 0 || read_char(s, 'Z') || read_char(s, 'z'))
        return true;
    bool west = s->p[0] == '-';
    if (!read_char(s, '+') && !read_char(s, '-'))
        return false;
    if (!read_number(s, 2, &hour))
        return false;
    (void)read_char(s, ':');
    if (!read_number(s, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *seconds = (hour * 3600 + minute * 60) * (west ? -1 : 1);
    return true;
}

static bool to_ns(int64_t seconds, int64_t fraction, int64_t *ns)
{
    int64_t whole, sum;
    /* Negative seconds may leave the range although the sum is in it. */
    if (seconds < 0 && fraction > 0) {
        seconds++;
        fraction -= NS_PER_S;
    }
    if (__builtin_mul_overflow(seconds, NS_PER_S, &whole) || __builtin_add_overflow(whole, fraction, &sum))
        return false;
    if (sum == TIME_NONE)
        return false;
    *ns = sum;
    return true;
}

bool time_parse_iso(struct str s, int64_t *ns)
{
    struct date date;
    int64_t seconds = 0, fraction = 0, offset = 0;
    if (!read_date(&s, &date))
        return false;
    if (s.n > 0) {
        if (!read_char(&s, 'T') && !read_char(&s, 't') && !read_char(&s, ' '))
            return false;
        if (!read_time(&s, &seconds) || !read_fraction(&s, &fraction) || !read_offset(&s, &offset) || s.n > 0)
            return false;
    }
    return to_ns(days_of_date(date) * 86400 + seconds - offset, fraction, ns);
}

/* ---- Writing ---- */

static char *put_number(char *to, int64_t v, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return to + digits;
}

static struct str format_iso(int64_t ns, int64_t unit, int digits, char *out)
{
    int64_t seconds = floor_div(ns, NS_PER_S);
    int64_t days = floor_div(seconds, 86400);
    int64_t in_day = seconds - days * 86400;
    /* The remainder is taken without the product seconds * NS_PER_S, which can leave the range. */
    int64_t fraction = ns % NS_PER_S;
    struct date d = date_of_days(days);
    char *p = put_number(out, d.year, 4);
    *p++ = '-';
    p = put_number(p, d.month, 2);
    *p++ = '-';
    p = put_number(p, d.day, 2);
    *p++ = 'T';
    p = put_number(p, in_day / 3600, 2);
    *p++ = ':';
    p = put_number(p, in_day / 60 % 60, 2);
    *p++ = ':';
    p = put_number(p, in_day % 60, 2);
    *p++ = '.';
    p = put_number(p, (fraction < 0 ? fraction + NS_PER_S : fraction) / unit, digits);
    *p++ = 'Z';
    *p = 0;
    return (struct str){ out, (size_t)(p - out) };
}

struct str time_format_iso_ms(int64_t ns, char out[32])
{
    return format_iso(ns, NS_PER_MS, 3, out);
}

struct str time_format_iso_us(int64_t ns, char out[40])
{
    return format_iso(ns, NS_PER_US, 6, out);
}
