/*
 * The derived values of a trace as bytes: a format byte, then every member in the order of struct derived. Integers as zig-zag varints,
 * texts with length + 1 (0 = absent), values as kind, hint, piece, number, text. A new member gets a new format byte; the reader knows all.
 */
#include "store/derived.h"

#include "base/buf.h"

#define DERIVED_FORMAT 1

/* clang-format off */
#define DERIVED_INTS(X) \
    X(observations) X(errors) X(estimated) X(blocked) X(cost_nano_usd) X(tokens_input) X(tokens_output) X(tokens_total) \
    X(tokens_cached) X(tokens_cache_creation) X(tokens_reasoning) X(start_ns) X(end_ns) X(last_end_ns) X(first_token_ns)
#define DERIVED_TEXTS(X) \
    X(usage) X(first_error) X(name) X(user_id) X(session_id) X(release) X(version) X(environment) X(tags)
#define DERIVED_VALUES(X) X(input) X(output) X(input_guess) X(output_guess) X(metadata)
/* clang-format on */

static void add_text(struct buf *out, struct str s)
{
    buf_add_varint(out, s.p ? s.n + 1 : 0);
    buf_add_str(out, s);
}

static void add_value(struct buf *out, const struct value *v)
{
    buf_add_char(out, (char)v->kind);
    if (v->kind == V_NULL)
        return;
    buf_add_char(out, (char)v->hint);
    buf_add_char(out, (char)v->piece);
    buf_add_zigzag(out, v->i);
    add_text(out, v->s);
}

void derived_encode(const struct derived *d, struct buf *out)
{
    buf_add_char(out, DERIVED_FORMAT);
#define X(field) buf_add_zigzag(out, d->field);
    DERIVED_INTS(X)
#undef X
#define X(field) add_text(out, d->field);
    DERIVED_TEXTS(X)
#undef X
#define X(field) add_value(out, &d->field);
    DERIVED_VALUES(X)
#undef X
    buf_add_char(out, d->is_public);
    buf_add(out, d->ranks, sizeof(d->ranks));
    for (size_t i = 0; i < DERIVED_KEYS; i++)
        buf_add_zigzag(out, d->key_ns[i]);
}

static bool read_text(struct arena *a, struct str *s, struct str *out)
{
    uint64_t n;
    struct str view;
    *out = STR_NONE;
    if (!varint_read(s, &n))
        return false;
    if (n == 0)
        return true;
    if (!bytes_read(s, n - 1, &view))
        return false;
    *out = arena_dup(a, view);
    return true;
}

static bool read_value(struct arena *a, struct str *s, struct value *v)
{
    struct str head;
    *v = (struct value){ 0 };
    if (!bytes_read(s, 1, &head))
        return false;
    if (head.p[0] == V_NULL)
        return true;
    v->kind = (uint8_t)head.p[0];
    if (!bytes_read(s, 2, &head))
        return false;
    v->hint = (uint8_t)head.p[0];
    v->piece = (uint8_t)head.p[1];
    return v->kind <= V_REF && zigzag_read(s, &v->i) && read_text(a, s, &v->s);
}

static bool read_all(struct arena *a, struct str *s, struct derived *d)
{
    struct str bytes;
    bool ok = true;
#define X(field) ok = ok && zigzag_read(s, &d->field);
    DERIVED_INTS(X)
#undef X
#define X(field) ok = ok && read_text(a, s, &d->field);
    DERIVED_TEXTS(X)
#undef X
#define X(field) ok = ok && read_value(a, s, &d->field);
    DERIVED_VALUES(X)
#undef X
    if (!ok || !bytes_read(s, 1 + sizeof(d->ranks), &bytes))
        return false;
    d->is_public = bytes.p[0] != 0;
    for (size_t i = 0; i < sizeof(d->ranks); i++)
        d->ranks[i] = (uint8_t)bytes.p[1 + i];
    for (size_t i = 0; i < DERIVED_KEYS; i++)
        ok = ok && zigzag_read(s, &d->key_ns[i]);
    return ok && s->n == 0;
}

enum status derived_decode(struct arena *a, struct str bytes, struct derived *d, struct err *err)
{
    struct str head;
    *d = (struct derived){ 0 };
    if (!bytes_read(&bytes, 1, &head))
        return err_set(err, ST_CORRUPT, "a trace row has no derived values");
    if (head.p[0] != DERIVED_FORMAT)
        return err_set(err, ST_CORRUPT, "a trace row has derived values of format %d; this program knows %d",
            head.p[0], DERIVED_FORMAT);
    if (!read_all(a, &bytes, d))
        return err_set(err, ST_CORRUPT, "a trace row has damaged derived values");
    return ST_OK;
}
