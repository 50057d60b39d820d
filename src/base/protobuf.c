/*
 * protobuf: a field is a tag, (number << 3 | wire type) as a varint, and what the wire type says:
 *
 *   0 varint   1 eight bytes   2 length, bytes   3 group: fields up to its end, tag type 4   5 four bytes     little-endian
 *
 * Groups are of an older age and hold nothing that anybody here asks for. They nest, so they are skipped with a stack of their own.
 */
#include "base/protobuf.h"

#include <string.h>

enum { GROUP_START = 3, GROUP_END = 4 };
#define GROUPS_MAX 64 /* inside of each other */
#define NUMBER_MAX UINT32_C(0x1FFFFFFF)

struct protobuf protobuf_of(struct str body)
{
    return (struct protobuf){ .start = body.p, .rest = body };
}

struct protobuf protobuf_inside(const struct protobuf *p, struct str data)
{
    return (struct protobuf){ .start = p->start, .rest = data };
}

/* `at`: where what is wrong begins. */
static enum status fail(const struct protobuf *p, struct str at, struct err *err, const char *what)
{
    size_t offset = at.p ? (size_t)(at.p - p->start) : 0;
    err_set(err, ST_INVALID, "not protobuf: %s at byte %zu", what, offset);
    if (err)
        err->offset = offset;
    return ST_INVALID;
}

static bool read_varint(struct str *s, uint64_t *v)
{
    if (s->n > 0 && !(s->p[0] & 0x80)) { /* nearly all of them */
        *v = (unsigned char)s->p[0];
        *s = (struct str){ s->p + 1, s->n - 1 };
        return true;
    }
    return varint_read(s, v);
}

static bool read_fixed(struct str *s, size_t bytes, uint64_t *v)
{
    uint64_t value = 0;
    if (s->n < bytes)
        return false;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(unsigned char)s->p[i] << (8 * i);
    *v = value;
    *s = (struct str){ s->p + bytes, s->n - bytes };
    return true;
}

static enum status read_tag(struct protobuf *p, uint32_t *number, unsigned *wire, struct err *err)
{
    struct str at = p->rest;
    uint64_t tag;
    if (!read_varint(&p->rest, &tag))
        return fail(p, at, err, "a truncated or over-long tag");
    if (tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
        return fail(p, at, err, "an impossible field number");
    if ((tag & 7) > WIRE_FIXED32)
        return fail(p, at, err, "an impossible wire type");
    *number = (uint32_t)(tag >> 3);
    *wire = tag & 7;
    return ST_OK;
}

static enum status read_content(struct protobuf *p, unsigned wire, struct protobuf_field *f, struct err *err)
{
    struct str at = p->rest;
    uint64_t length;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(&p->rest, &f->value) ? ST_OK : fail(p, at, err, "a truncated or over-long number");
    case WIRE_FIXED64:
        return read_fixed(&p->rest, 8, &f->value) ? ST_OK : fail(p, at, err, "a truncated number");
    case WIRE_FIXED32:
        return read_fixed(&p->rest, 4, &f->value) ? ST_OK : fail(p, at, err, "a truncated number");
    default: /* WIRE_BYTES: groups do not come here */
        if (!read_varint(&p->rest, &length))
            return fail(p, at, err, "a truncated or over-long length");
        if (length > p->rest.n)
            return fail(p, at, err, "a length past the end");
        f->data = (struct str){ p->rest.p, (size_t)length };
        p->rest = (struct str){ p->rest.p + length, p->rest.n - (size_t)length };
        return ST_OK;
    }
}

/* Behind the start of group `number`, to behind its end. */
static enum status skip_group(struct protobuf *p, uint32_t number, struct err *err)
{
    uint32_t open[GROUPS_MAX] = { number };
    size_t depth = 1;
    while (depth > 0) {
        struct str at = p->rest;
        struct protobuf_field ignored;
        unsigned wire;
        enum status st = read_tag(p, &number, &wire, err);
        if (st != ST_OK)
            return st;
        if (wire == GROUP_END) {
            if (number != open[--depth])
                return fail(p, at, err, "the end of a group that is not open");
        } else if (wire == GROUP_START) {
            if (depth == GROUPS_MAX)
                return fail(p, at, err, "groups nested deeper than 64");
            open[depth++] = number;
        } else if ((st = read_content(p, wire, &ignored, err)) != ST_OK)
            return st;
    }
    return ST_OK;
}

enum status protobuf_next(struct protobuf *p, struct protobuf_field *f, bool *more, struct err *err)
{
    while (p->rest.n > 0) {
        struct str at = p->rest;
        unsigned wire;
        uint32_t number;
        enum status st = read_tag(p, &number, &wire, err);
        if (st != ST_OK)
            return st;
        if (wire == GROUP_END)
            return fail(p, at, err, "the end of a group that is not open");
        if (wire == GROUP_START) {
            if ((st = skip_group(p, number, err)) != ST_OK)
                return st;
            continue;
        }
        *f = (struct protobuf_field){ .number = number, .wire = (enum protobuf_wire)wire };
        *more = true;
        return read_content(p, wire, f, err);
    }
    *more = false;
    return ST_OK;
}

void protobuf_add_varint(struct buf *out, uint32_t number, uint64_t v)
{
    buf_add_varint(out, (uint64_t)number << 3 | WIRE_VARINT);
    buf_add_varint(out, v);
}

void protobuf_add_bytes(struct buf *out, uint32_t number, struct str v)
{
    buf_add_varint(out, (uint64_t)number << 3 | WIRE_BYTES);
    buf_add_varint(out, v.n);
    buf_add_str(out, v);
}
