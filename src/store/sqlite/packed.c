/*
 * The columns of a row that are no SQL columns, as one blob: only those that are set, one byte of head each.
 *
 *   item     head (column << 3 | code) body
 *   SAME     nothing: the trace's own value is the effective one, which is an SQL column
 *   INT      zig-zag; times as the difference to the row's base time
 *   WORD     number of the dictionary
 *   TEXT     length, bytes          BINARY  length, an id in binary form          JSON  length, text
 *   REF      nothing: the column's own piece of the record that the last ODD named
 *   ODD      flags, then what they announce: hint, piece, segment and ordinal; then as JSON or REF
 */
#include "store/sqlite/sqlite_priv.h"

#include <assert.h>

static_assert(COLUMNS_MAX <= 32, "a column number has five bits");

enum code { SAME, INT, WORD, TEXT, BINARY, JSON, REF, ODD };
enum { ODD_JSON = 1, ODD_HINT = 2, ODD_PIECE = 4, ODD_RECORD = 8 };

struct packing {
    struct conn *c;
    const struct row *r;
    int64_t base_ns;
    int64_t record; /* that the last ODD named */
    struct buf *out;
};

static void add_head(struct buf *out, unsigned column, enum code code)
{
    buf_add_char(out, (char)(column << 3 | code));
}

static void add_bytes(struct buf *out, struct str s)
{
    buf_add_varint(out, s.n);
    buf_add_str(out, s);
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a->kind == b->kind && (a->kind == V_INT ? a->i == b->i : a->kind == V_TEXT && str_eq(a->s, b->s));
}

static void add_id(struct buf *out, unsigned column, struct str id)
{
    struct packed_id packed;
    ids__pack(id, &packed);
    add_head(out, column, packed.is_text ? TEXT : BINARY);
    add_bytes(out, (struct str){ packed.p, packed.n });
}

static enum status add_text(struct packing *p, unsigned column, struct str text, struct err *err)
{
    int64_t number;
    enum status st = words__number(p->c, p->r->project, text, true, &number, err);
    if (st != ST_OK)
        return st;
    add_head(p->out, column, number ? WORD : TEXT);
    if (number)
        buf_add_varint(p->out, (uint64_t)number);
    else
        add_bytes(p->out, text);
    return ST_OK;
}

static void add_json(struct buf *out, unsigned column, const struct value *v)
{
    add_head(out, column, v->hint ? ODD : JSON);
    if (v->hint) {
        buf_add_char(out, ODD_JSON | ODD_HINT);
        buf_add_char(out, (char)v->hint);
    }
    add_bytes(out, v->s);
}

static void add_ref(struct packing *p, unsigned column, const struct value *v)
{
    unsigned flags = (v->hint ? ODD_HINT : 0U) | (v->piece != column ? ODD_PIECE : 0U) |
                     (v->i != p->record ? ODD_RECORD : 0U);
    add_head(p->out, column, flags ? ODD : REF);
    if (!flags)
        return;
    buf_add_char(p->out, (char)flags);
    if (flags & ODD_HINT)
        buf_add_char(p->out, (char)v->hint);
    if (flags & ODD_PIECE)
        buf_add_char(p->out, (char)v->piece);
    if (flags & ODD_RECORD) {
        buf_add_varint(p->out, (uint64_t)(v->i >> 32));
        buf_add_varint(p->out, (uint64_t)(v->i & 0xFFFFFFFF));
        p->record = v->i;
    }
}

static enum status add_value(
    struct packing *p, const struct column *column, const struct value *v, struct err *err)
{
    switch (v->kind) {
    case V_INT:
        add_head(p->out, column->number, INT);
        buf_add_zigzag(
            p->out, column->type == TYPE_TIME ? (int64_t)((uint64_t)v->i - (uint64_t)p->base_ns) : v->i);
        return ST_OK;
    case V_TEXT:
        if (column->type != TYPE_ID)
            return add_text(p, column->number, v->s, err);
        add_id(p->out, column->number, v->s);
        return ST_OK;
    case V_JSON: add_json(p->out, column->number, v); return ST_OK;
    default: add_ref(p, column->number, v); return ST_OK;
    }
}

enum status packed__encode(struct conn *c, const struct row *r, struct buf *out, struct err *err)
{
    size_t n;
    const struct column *columns = model_columns(r->entity, &n);
    struct packing p = { .c = c, .r = r, .base_ns = tables__base_ns(r), .out = out };
    uint32_t kept_ones = tables__kept(r->entity);
    enum status st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        const struct value *v = &r->cols[columns[i].number];
        bool kept = kept_ones >> columns[i].number & 1;
        if (v->kind == V_NULL || (kept && r->entity != TRACE))
            continue;
        struct value shown = kept ? tables__value(r, columns[i].number) : (struct value){ 0 };
        if (kept && same_value(v, &shown))
            add_head(out, columns[i].number, SAME);
        else
            st = add_value(&p, &columns[i], v, err);
    }
    return st;
}

/* ---- back ----------------------------------------------------------------------------------------------------------- */

struct unpacking {
    struct conn *c;
    struct arena *a;
    struct str rest;
    enum entity entity;
    int64_t base_ns, record;
};

static bool read_bytes(struct unpacking *u, struct str *out)
{
    uint64_t n;
    return varint_read(&u->rest, &n) && n <= u->rest.n && bytes_read(&u->rest, (size_t)n, out);
}

static bool read_byte(struct unpacking *u, uint8_t *out)
{
    struct str s;
    if (!bytes_read(&u->rest, 1, &s))
        return false;
    *out = (uint8_t)s.p[0];
    return true;
}

static bool read_int(struct unpacking *u, unsigned column, struct value *v)
{
    int64_t i;
    if (!zigzag_read(&u->rest, &i))
        return false;
    if (tables__column(u->entity, column)->type == TYPE_TIME)
        i = (int64_t)((uint64_t)i + (uint64_t)u->base_ns);
    *v = value_int(i);
    return true;
}

static bool read_odd(struct unpacking *u, unsigned column, struct value *v)
{
    uint8_t flags, hint = 0, piece = (uint8_t)column;
    uint64_t segment, ordinal;
    struct str s;
    if (!read_byte(u, &flags) || ((flags & ODD_HINT) && !read_byte(u, &hint)) ||
        ((flags & ODD_PIECE) && !read_byte(u, &piece)))
        return false;
    if (flags & ODD_JSON) {
        if (!read_bytes(u, &s))
            return false;
        *v = (struct value){ .kind = V_JSON, .hint = hint, .s = arena_dup(u->a, s) };
        return true;
    }
    if (flags & ODD_RECORD) {
        if (!varint_read(&u->rest, &segment) || !varint_read(&u->rest, &ordinal))
            return false;
        u->record = (int64_t)(segment << 32 | ordinal);
    }
    *v = (struct value){ .kind = V_REF, .hint = hint, .piece = piece, .i = u->record };
    return true;
}

static bool read_item(struct unpacking *u, unsigned column, unsigned code, const struct value *kept,
    struct value *v, enum status *st, struct err *err)
{
    struct str s;
    uint64_t number;
    switch (code) {
    case SAME: *v = kept[column]; return true;
    case INT: return read_int(u, column, v);
    case WORD:
        if (!varint_read(&u->rest, &number))
            return false;
        *st = words__text(u->c, u->a, (int64_t)number, &s, err);
        *v = value_text(s);
        return true;
    case TEXT:
        *v = (struct value){ .kind = V_TEXT };
        return read_bytes(u, &s) && (v->s = arena_dup(u->a, s)).p;
    case BINARY:
        *v = (struct value){ .kind = V_TEXT };
        return read_bytes(u, &s) && (v->s = ids__unpack_to(u->a, s.p, s.n)).p;
    case JSON:
        *v = (struct value){ .kind = V_JSON };
        return read_bytes(u, &s) && (v->s = arena_dup(u->a, s)).p;
    case REF: *v = (struct value){ .kind = V_REF, .piece = (uint8_t)column, .i = u->record }; return true;
    default: return read_odd(u, column, v);
    }
}

enum status packed__decode(struct conn *c, struct arena *a, struct str bytes, struct row *r, int64_t base_ns,
    const struct value *kept, struct err *err)
{
    size_t n;
    struct unpacking u = { .c = c, .a = a, .rest = bytes, .entity = r->entity, .base_ns = base_ns };
    model_columns(r->entity, &n);
    while (u.rest.n > 0) {
        uint8_t head = 0;
        enum status st = ST_OK;
        struct value v = { 0 };
        if (!read_byte(&u, &head) || (size_t)(head >> 3) >= n ||
            !read_item(&u, head >> 3, head & 7, kept, &v, &st, err))
            return err_set(err, ST_CORRUPT, "a %s row has a damaged blob of columns", entity_name(r->entity));
        if (st != ST_OK)
            return st;
        r->cols[head >> 3] = v;
    }
    return ST_OK;
}
