/*
 * Messages in pieces and attribute values of the protobuf form.
 *
 * A singular message may come in several pieces, which join: of a list the items follow each other, of a oneof only the last run of one
 * member counts. `struct pieces` walks over them, so nothing is put together first.
 */
#include "dialect/otlp/otlp_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* ---- singular messages ---------------------------------------------------------------------------------------------- */

struct pieces otlp__pieces_of(struct protobuf in, uint32_t number)
{
    return (struct pieces){ .in = in, .number = number, .piece = { .start = in.start } };
}

/* A message that is known to be in one piece. */
struct pieces otlp__one_piece(struct protobuf piece)
{
    return (struct pieces){ .in = { .start = piece.start }, .piece = piece };
}

enum status otlp__pieces_next(struct pieces *p, struct protobuf_field *f, bool *more, struct err *err)
{
    for (;;) {
        enum status st = protobuf_next(&p->piece, f, more, err);
        if (st != ST_OK || *more)
            return st;
        do {
            if ((st = protobuf_next(&p->in, f, more, err)) != ST_OK || !*more)
                return st;
        } while (TAG_OF(*f) != TAG(p->number, WIRE_BYTES));
        p->piece = protobuf_inside(&p->in, f->data);
    }
}

/* How often field `number`, a message, stands in it. */
enum status otlp__count_fields(struct pieces p, uint32_t number, size_t *n, struct err *err)
{
    struct protobuf_field f;
    bool more;
    enum status st;
    *n = 0;
    while ((st = otlp__pieces_next(&p, &f, &more, err)) == ST_OK && more)
        *n += TAG_OF(f) == TAG(number, WIRE_BYTES);
    return st;
}

struct str otlp__field_text(struct reading *r, const struct protobuf_field *f)
{
    return f->data.n ? otlp_repaired(r->arena, f->data) : STR_NONE;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static enum status put_value(
    struct reading *r, struct jw *w, struct pieces value, unsigned depth, struct err *err);

/* The member of an AnyValue that counts: the last one, with what of the same stands right before it. *from: where that run begins. */
static enum status last_member(
    struct pieces value, struct protobuf_field *last, struct pieces *from, struct err *err)
{
    struct protobuf_field f;
    bool more;
    enum status st;
    *last = (struct protobuf_field){ 0 };
    for (struct pieces before = value; (st = otlp__pieces_next(&value, &f, &more, err)) == ST_OK && more;
         before = value) {
        static const uint64_t members[] = { 0, TAG(1, WIRE_BYTES), TAG(2, WIRE_VARINT), TAG(3, WIRE_VARINT),
            TAG(4, WIRE_FIXED64), TAG(5, WIRE_BYTES), TAG(6, WIRE_BYTES), TAG(7, WIRE_BYTES) };
        if (f.number >= sizeof members / sizeof *members || members[f.number] != TAG_OF(f))
            continue;
        if (f.number != last->number)
            *from = before;
        *last = f;
    }
    return st;
}

static double double_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static struct any scalar(struct reading *r, const struct protobuf_field *f)
{
    switch (TAG_OF(*f)) {
    case TAG(1, WIRE_BYTES): return otlp__any_text(f->data.n ? otlp_repaired(r->arena, f->data) : STR(""));
    case TAG(2, WIRE_VARINT): return (struct any){ .kind = ANY_BOOL, .b = f->value != 0 };
    case TAG(3, WIRE_VARINT): return (struct any){ .kind = ANY_INT, .i = (int64_t)f->value };
    case TAG(4, WIRE_FIXED64): return otlp__any_double(double_of(f->value));
    case TAG(7, WIRE_BYTES): return otlp__any_text(base64_encode(r->arena, f->data));
    default: return (struct any){ 0 }; /* none: null */
    }
}

static bool is_list(const struct protobuf_field *f)
{
    return f->wire == WIRE_BYTES && (f->number == 5 || f->number == 6);
}

/* A KeyValue's key; *value its AnyValue. */
static enum status read_key(
    struct reading *r, struct protobuf kv, struct str *key, struct pieces *value, struct err *err)
{
    struct protobuf_field f;
    bool more;
    enum status st;
    size_t n = 0;
    struct protobuf whole = kv, piece = { .start = kv.start };
    *key = STR("");
    while ((st = protobuf_next(&kv, &f, &more, err)) == ST_OK && more) {
        if (TAG_OF(f) == TAG(1, WIRE_BYTES))
            *key = f.data.n ? otlp_repaired(r->arena, f.data) : STR("");
        else if (TAG_OF(f) == TAG(2, WIRE_BYTES)) {
            piece = protobuf_inside(&kv, f.data);
            n++;
        }
    }
    *value = n > 1 ? otlp__pieces_of(whole, 2) : otlp__one_piece(piece);
    return st;
}

static enum status put_key_value(
    struct reading *r, struct jw *w, struct protobuf kv, unsigned depth, struct err *err)
{
    struct pieces value;
    struct str key;
    enum status st = read_key(r, kv, &key, &value, err);
    if (st != ST_OK)
        return st;
    jw_key_str(w, key);
    return put_value(r, w, value, depth, err);
}

/* What field 1 of ArrayValue or KeyValueList `list` holds. */
static enum status put_items(
    struct reading *r, struct jw *w, struct protobuf list, bool keyed, unsigned depth, struct err *err)
{
    struct protobuf_field f;
    bool more;
    enum status st;
    while ((st = protobuf_next(&list, &f, &more, err)) == ST_OK && more) {
        if (TAG_OF(f) != TAG(1, WIRE_BYTES))
            continue;
        struct protobuf item = protobuf_inside(&list, f.data);
        st = keyed ? put_key_value(r, w, item, depth, err)
                   : put_value(r, w, otlp__one_piece(item), depth, err);
        if (st != ST_OK)
            return st;
    }
    return st;
}

/* The list that begins at `from`, in as many pieces as it has. */
static enum status put_list(
    struct reading *r, struct jw *w, struct pieces from, uint32_t number, unsigned depth, struct err *err)
{
    struct protobuf_field f;
    bool more, keyed = number == 6;
    enum status st;
    if (keyed)
        jw_obj(w);
    else
        jw_arr(w);
    while ((st = otlp__pieces_next(&from, &f, &more, err)) == ST_OK && more) {
        if (TAG_OF(f) != TAG(number, WIRE_BYTES))
            continue;
        st = put_items(r, w, protobuf_inside(&from.piece, f.data), keyed, depth + 1, err);
        if (st != ST_OK)
            return st;
    }
    if (keyed)
        jw_obj_end(w);
    else
        jw_arr_end(w);
    return st;
}

/* Recursion is bounded by OTLP_DEPTH_MAX. */
static enum status put_value(
    struct reading *r, struct jw *w, struct pieces value, unsigned depth, struct err *err)
{
    struct protobuf_field last;
    struct pieces from;
    if (depth > OTLP_DEPTH_MAX)
        return otlp__too_deep(err);
    enum status st = last_member(value, &last, &from, err);
    if (st != ST_OK)
        return st;
    if (is_list(&last))
        return put_list(r, w, from, last.number, depth, err);
    struct any any = scalar(r, &last);
    otlp__put_any(w, &any);
    return ST_OK;
}

enum status otlp__read_value(struct reading *r, struct pieces value, struct any *out, struct err *err)
{
    struct protobuf_field last;
    struct pieces from;
    enum status st = last_member(value, &last, &from, err);
    if (st != ST_OK)
        return st;
    if (!is_list(&last)) {
        *out = scalar(r, &last);
        return ST_OK;
    }
    buf_clear(&r->text);
    struct jw w = jw_of(&r->text);
    st = put_list(r, &w, from, last.number, 1, err);
    *out = (struct any){ .kind = ANY_JSON,
        .s = st == ST_OK ? arena_dup(r->arena, buf_str(&r->text)) : STR_NONE };
    return st;
}

enum status otlp__read_attribute(
    struct reading *r, struct protobuf kv, struct otlp_attributes *to, struct err *err)
{
    struct pieces value;
    struct otlp_attribute *a = &to->items[to->n];
    char place[48];
    enum status st = read_key(r, kv, &a->key, &value, err);
    if (st == ST_OK)
        st = otlp__read_value(r, value, &a->value, err);
    if (st == ST_UNPROCESSABLE) {
        snprintf(place, sizeof place, "attributes[%zu].value", to->n);
        err_under(err, place);
    }
    to->n++;
    return st;
}

enum status otlp__attributes_room(struct reading *r, size_t n, struct otlp_attributes *to, struct err *err)
{
    enum status st = otlp__room(r, n, sizeof *to->items, err);
    if (st == ST_OK && n)
        to->items = arena_array(r->arena, n, sizeof *to->items);
    return st;
}

enum status otlp__attributes_room_of(
    struct reading *r, struct pieces m, uint32_t number, struct otlp_attributes *to, struct err *err)
{
    size_t n;
    enum status st = otlp__count_fields(m, number, &n, err);
    return st == ST_OK ? otlp__attributes_room(r, n, to, err) : st;
}
