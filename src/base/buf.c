/*
 * buf: growing bytes. It doubles, up to its maximum; after the maximum was hit it stays as it is and only remembers that, so a
 * writer of a hundred fields asks once. Below, the numbers of our own stored formats: LEB128 and zig-zag.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define CAP_LEAST ((size_t)64)

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){ .max = max };
}

void buf_fini(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->over = false;
}

static void grow(struct buf *b, size_t want)
{
    size_t cap = b->cap > SIZE_MAX / 4 ? want : b->cap * 2;
    cap = cap < CAP_LEAST ? CAP_LEAST : cap;
    if (b->max && cap > b->max)
        cap = b->max;
    cap = cap < want ? want : cap;
    b->p = mem_resize(b->p, cap);
    b->cap = cap;
}

char *buf_reserve(struct buf *b, size_t n)
{
    assert(n <= SIZE_MAX / 2 - b->n);
    size_t want = b->n + n;
    if (b->over || (b->max && want > b->max)) {
        b->over = true;
        return NULL;
    }
    if (want > b->cap || !b->p)
        grow(b, want);
    return b->p + b->n;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, p, n);
    b->n += n;
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
    if (b->n < b->cap && !b->over)
        b->p[b->n++] = c;
    else
        buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    if ((size_t)n < sizeof small) {
        buf_add(b, small, (size_t)n);
        return;
    }
    char *large = mem_resize(NULL, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(large, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf_add(b, large, (size_t)n);
    mem_free(large);
}

struct str buf_str(const struct buf *b)
{
    return b->p ? (struct str){ b->p, b->n } : STR("");
}

char *buf_take(struct buf *b, size_t *n)
{
    char *p = b->p ? b->p : mem_alloc(1);
    *n = b->n;
    *b = (struct buf){ .max = b->max };
    return p;
}

void buf_add_varint(struct buf *b, uint64_t v)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (unsigned char)(v | 0x80);
    bytes[n++] = (unsigned char)v;
    buf_add(b, bytes, n);
}

void buf_add_zigzag(struct buf *b, int64_t v)
{
    buf_add_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

bool varint_read(struct str *s, uint64_t *v)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s->n && i < 10; i++) {
        uint64_t byte = (unsigned char)s->p[i];
        if (i == 9 && byte > 1) /* the tenth byte has room for one bit, and nothing follows it */
            return false;
        value |= (byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *v = value;
            *s = (struct str){ s->p + i + 1, s->n - i - 1 };
            return true;
        }
    }
    return false;
}

bool zigzag_read(struct str *s, int64_t *v)
{
    uint64_t u;
    if (!varint_read(s, &u))
        return false;
    *v = (int64_t)((u >> 1) ^ (0 - (u & 1)));
    return true;
}

bool bytes_read(struct str *s, size_t n, struct str *out)
{
    if (n > s->n)
        return false;
    *out = str_sub(*s, 0, n);
    *s = str_sub(*s, n, SIZE_MAX);
    return true;
}
