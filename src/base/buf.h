/*
 * buf: bytes that grow, owned, with a hard maximum. After the maximum was hit every append is ignored and `over` is set;
 * look at it once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max; /* 0 = no maximum */
    bool over;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);              /* keeps the memory */
char *buf_reserve(struct buf *b, size_t n); /* room for n more bytes at p + n; NULL when over the maximum */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_cstr(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str buf_str(const struct buf *b); /* view, valid until the next append */
/* The bytes move out (caller frees with mem_free), the buf is empty again. */
char *buf_take(struct buf *b, size_t *n);
/* LEB128, unsigned; zig-zag for signed. The readers advance *s and return false on a torn or over-long number. */
void buf_add_varint(struct buf *b, uint64_t v);
void buf_add_zigzag(struct buf *b, int64_t v);
bool varint_read(struct str *s, uint64_t *v);
bool zigzag_read(struct str *s, int64_t *v);
bool bytes_read(struct str *s, size_t n, struct str *out);

#endif
