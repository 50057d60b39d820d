/*
 * status: the table status.def as functions, and the filling of struct err.
 *
 * An error is plain data with fixed room, so that reporting one can never fail. What does not fit is cut at a character border:
 * the text may hold a client's words and must stay valid UTF-8.
 */
#include "base/status.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct status_row {
    const char *name;
    int http;
    bool retryable;
    const char *text;
};

static const struct status_row rows[ST_COUNT] = {
#define STATUS(name, http, retry, text) { #name, http, retry, text },
#include "base/status.def"
#undef STATUS
};

static const struct status_row *row_of(enum status st)
{
    assert((unsigned)st < ST_COUNT);
    return &rows[st];
}

const char *status_name(enum status st)
{
    return row_of(st)->name;
}

const char *status_text(enum status st)
{
    return row_of(st)->text;
}

int status_http(enum status st)
{
    return row_of(st)->http;
}

bool status_retryable(enum status st)
{
    return row_of(st)->retryable;
}

/* snprintf has cut at a byte; take back the part of a character that it may have left. */
static void end_at_border(char *text, size_t room, int wanted)
{
    if (wanted < 0)
        text[0] = 0;
    else if ((size_t)wanted >= room) {
        size_t n = room - 1;
        size_t lead = n;
        while (lead > 0 && n - lead < 3 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80)
            lead--;
        if (lead > 0 && (unsigned char)text[lead - 1] >= 0xC0) {
            unsigned char c = (unsigned char)text[lead - 1];
            size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
            if (lead - 1 + length > n)
                text[lead - 1] = 0;
        }
    }
}

static void fill(struct err *err, enum status st, const char *path, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
static void fill(struct err *err, enum status st, const char *path, const char *fmt, va_list ap)
{
    struct err e = { .code = st };
    end_at_border(e.text, sizeof e.text, vsnprintf(e.text, sizeof e.text, fmt, ap));
    end_at_border(e.path, sizeof e.path, snprintf(e.path, sizeof e.path, "%s", path));
    *err = e; /* last: the arguments may point into the old content */
}

enum status err_set(struct err *err, enum status st, const char *fmt, ...)
{
    va_list ap;
    if (!err)
        return st;
    va_start(ap, fmt);
    fill(err, st, "", fmt, ap);
    va_end(ap);
    return st;
}

enum status err_at(struct err *err, enum status st, const char *path, const char *fmt, ...)
{
    va_list ap;
    if (!err)
        return st;
    va_start(ap, fmt);
    fill(err, st, path ? path : "", fmt, ap);
    va_end(ap);
    return st;
}

void err_under(struct err *err, const char *prefix)
{
    char path[sizeof err->path];
    if (!err || !prefix || !prefix[0])
        return;
    const char *dot = err->path[0] == 0 || err->path[0] == '[' ? "" : ".";
    end_at_border(path, sizeof path, snprintf(path, sizeof path, "%s%s%s", prefix, dot, err->path));
    memcpy(err->path, path, sizeof path);
}
