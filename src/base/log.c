/*
 * log: a line is built whole and leaves in one write(2), so lines of several threads never mix and no lock is needed. A message has
 * fixed room; a longer one is cut at a character border and ends in "...".
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#define MESSAGE_MAX 4096

static const char *const names[] = { "debug", "info", "warn", "error" };

static _Atomic int least_level = LOG_INFO;
static _Atomic bool as_json;

void log_setup(enum log_level least, bool json)
{
    atomic_store(&least_level, (int)least);
    atomic_store(&as_json, json);
}

bool log_wants(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

/* What a client sent may stand in a message: it must not be able to start a line of its own or drive a terminal. */
static void add_escaped(struct buf *line, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\n')
            buf_add_cstr(line, "\\n");
        else if (c == '\r')
            buf_add_cstr(line, "\\r");
        else if (c == '\t')
            buf_add_cstr(line, "\\t");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(line, "\\x%02x", c);
        else if (c == 0xC2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xA0) /* U+0080 to U+009F */
            buf_printf(line, "\\x%02x", (unsigned char)s.p[++i]);
        else
            buf_add_char(line, (char)c);
    }
}

static void add_text(struct buf *line, enum log_level level, const char *tag, struct str message)
{
    char now[32];
    buf_add_str(line, time_format_iso_ms(clock_now_ns(), now));
    buf_printf(line, " %s %s: ", names[level], tag);
    add_escaped(line, message);
}

static void add_json(struct buf *line, enum log_level level, const char *tag, struct str message)
{
    char now[32];
    struct jw w = jw_of(line);
    jw_obj(&w);
    jw_kv_str(&w, "time", time_format_iso_ms(clock_now_ns(), now));
    jw_kv_cstr(&w, "level", names[level]);
    jw_kv_cstr(&w, "tag", tag);
    jw_kv_str(&w, "message", message);
    jw_obj_end(&w);
}

static void write_line(struct str line)
{
    while (line.n > 0) {
        ssize_t done = write(STDERR_FILENO, line.p, line.n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* nobody to tell */
        line = str_sub(line, (size_t)done, SIZE_MAX);
    }
}

void log_line(enum log_level level, const char *tag, const char *fmt, ...)
{
    int saved = errno;
    char message[MESSAGE_MAX + 8];
    struct buf line;
    va_list ap;
    if (!log_wants(level))
        return;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    struct str text = { message, n < 0 ? 0 : (size_t)n };
    if (text.n > MESSAGE_MAX) {
        text.n = str_utf8_clip(text, MESSAGE_MAX);
        memcpy(message + text.n, "...", 3);
        text.n += 3;
    }
    buf_init(&line, 0);
    if (atomic_load_explicit(&as_json, memory_order_relaxed))
        add_json(&line, level, tag, text);
    else
        add_text(&line, level, tag, text);
    buf_add_char(&line, '\n');
    write_line(buf_str(&line));
    buf_fini(&line);
    errno = saved;
}
