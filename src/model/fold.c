/*
 * fold: the store form of a state. Values that a row shows lie in its columns; the fold blob says who wrote them, and keeps what is
 * not shown. Numbers are LEB128 unless they say otherwise.
 *
 *   byte 0   version (low three bits) | which TIME column the first time is told from (four bits) | FULL (top bit)
 *   writer   profile (7 bits; top bit: flags follow), [flags], digest (4, little endian), t - base (zig-zag),
 *            [recv - t (zig-zag)], [tie], [record (zig-zag, less that of the first writer)]
 *
 *   plain    one writer, every statement as its profile says: writer, mask of the PAYLOAD columns it wrote, [record], [their type hints]
 *   full     count, then per writer: writer, mask of columns it holds, [mask of those that are null], [mask of hints it holds];
 *            exceptions from the profile's rank, direction, grade, mode; hidden hints; type hints; columns of several patches; seen
 *
 * Every read is checked: a damaged blob is ST_CORRUPT, never a crash.
 */
#include "model/merge.h"

#include <assert.h>
#include <string.h>

#include "model/fold_priv.h"

static uint64_t distance(int64_t t, int64_t base)
{
    int64_t d = less(t, base);
    return d < 0 ? (uint64_t)~d : (uint64_t)d;
}

static unsigned nearest_base(enum entity e, const struct value *cols, int64_t t)
{
    size_t n;
    const struct column *columns = model_columns(e, &n);
    unsigned best = 0, k = 0;
    uint64_t least = distance(t, 0);
    for (size_t c = 0; c < n; c++) {
        if (columns[c].type != TYPE_TIME)
            continue;
        k++;
        if (cols[c].kind == V_INT && distance(t, cols[c].i) < least) {
            least = distance(t, cols[c].i);
            best = k;
        }
    }
    return best;
}

/* ---- encoding: shown values ----------------------------------------------------------------------------------------- */

bool state_writes(const struct state *s, const struct cell *c)
{
    size_t n;
    const struct column *columns = model_columns(s->entity, &n);
    return columns[c->column].place == PLACE_PAYLOAD && c->value.kind == V_JSON &&
           c->value.piece != PIECE_INLINE;
}

static struct value stored_value(const struct state *s, const struct cell *c)
{
    if (!state_writes(s, c))
        return c->value;
    return (struct value){ .kind = V_REF,
        .hint = c->value.hint,
        .piece = c->column,
        .hash = c->value.hash,
        .i = s->writers[c->writer].record };
}

/* Several patches of a ROW column are shown folded; of a PAYLOAD column the newest one stands for all until they are loaded. */
static struct value shown_patches(
    struct arena *a, const struct state *s, const struct column *col, const struct cell *cells, size_t n)
{
    struct value v;
    if (col->place == PLACE_ROW && (n > 1 || col->kind == KIND_TAGS) &&
        state_show(a, s, col->number, NULL, &v, NULL) == ST_OK)
        return v;
    return stored_value(s, &cells[n - 1]);
}

static void show_columns(struct arena *a, const struct state *s, const struct column *columns,
    size_t columns_n, struct value cols[COLUMNS_MAX])
{
    memset(cols, 0, COLUMNS_MAX * sizeof *cols);
    for (size_t i = 0, n; i < s->n_cells; i += n) {
        const struct cell *c = &s->cells[i];
        for (n = 1; i + n < s->n_cells && s->cells[i + n].column == c->column; n++)
            continue;
        assert(c->column < columns_n);
        const struct column *col = &columns[c->column];
        if (kind_has_patches(col->kind))
            cols[c->column] = shown_patches(a, s, col, c, n);
        else /* main, else the hint */
            cols[c->column] = stored_value(s, n > 1 && c->value.kind == V_NULL ? &c[1] : c);
    }
}

/* ---- encoding: the blob --------------------------------------------------------------------------------------------- */

/* What a cell becomes in the full form. */
enum cell_form { FORM_SHOWN, FORM_HINT, FORM_HIDDEN_HINT, FORM_PATCH };

struct encoder {
    struct buf b;
    const struct state *s;
    const struct column *columns;
    size_t columns_n;
    const struct value *cols;
    unsigned base;         /* number of the TIME column that times are told from */
    enum cell_form *forms; /* per cell; full form only */
};

static bool by_rule(const struct state *s, const struct cell *c)
{
    const struct profile_info *p = model_profile(s->writers[c->writer].profile);
    const struct rule *r = &p->rules[c->column];
    return c->rank == r->rank && c->direction == r->direction && c->mode == r->mode &&
           c->grade == model_grade(p, c->column, &c->value);
}

/* One writer, each column stated once, by the rule, null exactly where the profile implies it. */
static bool is_plain(const struct state *s, const struct value *cols)
{
    if (s->n_writers != 1 || s->n_seen)
        return false;
    uint32_t nulls = model_profile(s->writers[0].profile)->nulls, stated = 0;
    for (size_t i = 0; i < s->n_cells; i++) {
        const struct cell *c = &s->cells[i];
        bool null = c->value.kind == V_NULL;
        if (stated >> c->column & 1 || !by_rule(s, c) || c->value.piece == PIECE_INLINE)
            return false;
        if (null ? !(nulls >> c->column & 1) : cols[c->column].kind == V_NULL)
            return false;
        stated |= UINT32_C(1) << c->column;
    }
    return (nulls & ~stated) == 0;
}

static void put_byte(struct buf *b, unsigned v)
{
    buf_add_char(b, (char)(unsigned char)v);
}

static void put_digest(struct buf *b, uint32_t digest)
{
    uint8_t bytes[4] = { (uint8_t)digest, (uint8_t)(digest >> 8), (uint8_t)(digest >> 16),
        (uint8_t)(digest >> 24) };
    buf_add(b, bytes, sizeof bytes);
}

static void put_writer(
    struct buf *b, const struct writer *w, unsigned flags, int64_t base_t, int64_t base_record)
{
    flags |= (w->recv_ns ? W_RECV : 0U) | (w->tie ? W_TIE : 0U);
    put_byte(b, w->profile | (flags ? MORE : 0U));
    if (flags)
        put_byte(b, flags);
    put_digest(b, w->digest);
    buf_add_zigzag(b, less(w->t_ns, base_t));
    if (flags & W_RECV)
        buf_add_zigzag(b, less(w->recv_ns, w->t_ns));
    if (flags & W_TIE)
        put_byte(b, w->tie);
    if (flags & W_RECORD)
        buf_add_zigzag(b, less(w->record, base_record));
}

static void encode_plain(struct encoder *e)
{
    uint64_t mask = 0, hints = 0;
    unsigned place = 0, held = 0;
    for (size_t c = 0; c < e->columns_n; c++) {
        if (e->columns[c].place != PLACE_PAYLOAD)
            continue;
        if (e->cols[c].kind != V_NULL) {
            mask |= UINT64_C(1) << place;
            hints |= (uint64_t)(e->cols[c].hint & 15) << 4 * held++;
        }
        place++;
    }
    const struct writer *w = &e->s->writers[0];
    put_byte(&e->b, FOLD_VERSION | e->base << 3);
    put_writer(&e->b, w, hints ? W_TYPE_HINTS : 0U, time_base(e->s->entity, e->cols, e->base), 0);
    buf_add_varint(&e->b, mask);
    if (mask)
        buf_add_varint(&e->b, (uint64_t)w->record);
    if (hints)
        buf_add_varint(&e->b, hints);
}

static enum cell_form form_of(const struct encoder *e, const struct cell *c, size_t i, size_t n)
{
    if (kind_has_patches(e->columns[c->column].kind))
        return n > 1 || c->value.piece == PIECE_INLINE ? FORM_PATCH : FORM_SHOWN;
    if (!cell_slot(e->columns, c))
        return FORM_SHOWN;
    return i > 0 && c[-1].value.kind != V_NULL ? FORM_HIDDEN_HINT : FORM_HINT;
}

static void find_forms(struct encoder *e, struct arena *a)
{
    const struct state *s = e->s;
    e->forms = arena_array(a, s->n_cells + 1, sizeof *e->forms);
    for (size_t from = 0, n; from < s->n_cells; from += n) {
        for (n = 1; from + n < s->n_cells && s->cells[from + n].column == s->cells[from].column; n++)
            continue;
        for (size_t i = 0; i < n; i++)
            e->forms[from + i] = form_of(e, &s->cells[from + i], i, n);
    }
}

static struct masks masks_of(const struct encoder *e, size_t writer)
{
    struct masks m = { 0 };
    for (size_t i = 0; i < e->s->n_cells; i++) {
        const struct cell *c = &e->s->cells[i];
        uint32_t bit = UINT32_C(1) << c->column;
        if (c->writer != writer || e->forms[i] == FORM_PATCH)
            continue;
        if (e->forms[i] != FORM_SHOWN) {
            m.hints |= bit;
        } else {
            m.held |= bit;
            m.nulls |= c->value.kind == V_NULL ? bit : 0;
        }
    }
    return m;
}

static void encode_writers(struct encoder *e)
{
    struct buf *b = &e->b;
    int64_t base_t = time_base(e->s->entity, e->cols, e->base), base_record = 0;
    buf_add_varint(b, e->s->n_writers);
    for (size_t i = 0; i < e->s->n_writers; i++) {
        const struct writer *w = &e->s->writers[i];
        struct masks m = masks_of(e, i);
        put_writer(b, w, (w->record ? W_RECORD : 0U) | (m.nulls ? W_NULLS : 0U) | (m.hints ? W_HINTS : 0U),
            base_t, base_record);
        buf_add_varint(b, m.held);
        if (m.nulls)
            buf_add_varint(b, m.nulls);
        if (m.hints)
            buf_add_varint(b, m.hints);
        if (i == 0)
            base_t = w->t_ns;
        if (!base_record)
            base_record = w->record;
    }
}

static bool departs(const struct encoder *e, size_t i)
{
    const struct cell *c = &e->s->cells[i];
    if (e->forms[i] == FORM_PATCH)
        return false;
    const struct profile_info *p = model_profile(e->s->writers[c->writer].profile);
    struct cell ruled = ruled_cell(p, c->column, c->writer, e->forms[i] != FORM_SHOWN, c->value);
    return pack_claim(&ruled) != pack_claim(c);
}

static unsigned place_byte(const struct encoder *e, size_t i)
{
    return e->s->cells[i].column |
           (e->forms[i] == FORM_HINT || e->forms[i] == FORM_HIDDEN_HINT ? IN_HINT_SLOT : 0U);
}

static void encode_exceptions(struct encoder *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->s->n_cells; i++)
        n += departs(e, i);
    buf_add_varint(&e->b, n);
    for (size_t i = 0; n && i < e->s->n_cells; i++)
        if (departs(e, i)) {
            put_byte(&e->b, place_byte(e, i));
            put_byte(&e->b, pack_claim(&e->s->cells[i]));
        }
}

/* Kind, then what the kind needs. A V_REF needs only the hash: its record is its writer's, its piece the column. */
static void put_value(struct buf *b, const struct value *v)
{
    put_byte(b, v->kind);
    if (v->kind == V_INT) {
        buf_add_zigzag(b, v->i);
    } else if (v->kind == V_TEXT || v->kind == V_JSON) {
        buf_add_varint(b, v->s.n);
        buf_add_str(b, v->s);
    } else if (v->kind == V_REF) {
        put_digest(b, v->hash);
    }
}

static void encode_hidden(struct encoder *e)
{
    for (size_t i = 0; i < e->s->n_cells; i++)
        if (e->forms[i] == FORM_HIDDEN_HINT) {
            struct value v = stored_value(e->s, &e->s->cells[i]);
            put_value(&e->b, &v);
        }
}

static void encode_type_hints(struct encoder *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->s->n_cells; i++)
        n += e->s->cells[i].value.hint && takes_type_hint(&e->columns[e->s->cells[i].column]);
    buf_add_varint(&e->b, n);
    for (size_t i = 0; n && i < e->s->n_cells; i++)
        if (e->s->cells[i].value.hint && takes_type_hint(&e->columns[e->s->cells[i].column])) {
            put_byte(&e->b, place_byte(e, i));
            put_byte(&e->b, e->s->cells[i].value.hint);
        }
}

static bool begins_patches(const struct encoder *e, size_t i)
{
    return e->forms[i] == FORM_PATCH && (i == 0 || e->s->cells[i - 1].column != e->s->cells[i].column);
}

static void encode_patches(struct encoder *e)
{
    size_t columns = 0, n;
    for (size_t i = 0; i < e->s->n_cells; i++)
        columns += begins_patches(e, i);
    buf_add_varint(&e->b, columns);
    for (size_t i = 0; i < e->s->n_cells; i++) {
        const struct cell *c = &e->s->cells[i];
        if (e->forms[i] != FORM_PATCH)
            continue;
        if (begins_patches(e, i)) {
            model__cells(e->s, c->column, &n);
            put_byte(&e->b, c->column);
            buf_add_varint(&e->b, n);
        }
        struct value v = stored_value(e->s, c);
        buf_add_varint(&e->b, c->writer);
        put_byte(&e->b, pack_claim(c));
        put_value(&e->b, &v);
    }
}

static void encode_full(struct encoder *e)
{
    put_byte(&e->b, FOLD_VERSION | e->base << 3 | FOLD_FULL);
    encode_writers(e);
    encode_exceptions(e);
    encode_hidden(e);
    encode_type_hints(e);
    encode_patches(e);
    buf_add_varint(&e->b, e->s->n_seen);
    for (size_t i = 0; i < e->s->n_seen; i++)
        put_digest(&e->b, e->s->seen[i]);
}

void state_encode(struct arena *a, const struct state *s, struct value cols[COLUMNS_MAX], struct str *fold)
{
    struct encoder e = { .s = s, .cols = cols };
    e.columns = model_columns(s->entity, &e.columns_n);
    show_columns(a, s, e.columns, e.columns_n, cols);
    *fold = STR_NONE;
    if (s->n_cells == 0 && s->n_seen == 0)
        return;
    buf_init(&e.b, 0);
    e.base = s->n_writers ? nearest_base(s->entity, cols, s->writers[0].t_ns) : 0;
    if (is_plain(s, cols)) {
        encode_plain(&e);
    } else {
        find_forms(&e, a);
        encode_full(&e);
    }
    *fold = arena_dup(a, buf_str(&e.b));
    buf_fini(&e.b);
}
