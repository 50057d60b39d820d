/*
 * unfold: reads fold blobs (their format: fold.c). Every read is checked: a damaged blob is ST_CORRUPT, never a crash.
 *
 * The row accessors at the end answer questions about a stored row without making a state of it.
 */
#include "model/merge.h"

#include <string.h>

#include "model/fold_priv.h"

struct reader {
    struct arena *a;
    enum entity entity;
    const struct column *columns;
    size_t columns_n;
    const struct value *cols;
    struct str rest;
    struct state *out;
    struct masks *masks; /* per writer */
    uint64_t departs;    /* cells that had an exception, by place */
    uint8_t place
        [2 *
            COLUMNS_MAX]; /* 1 + index of the cell of a column: main, then hints; before patches are put in */
};

static bool read_byte(struct str *s, uint8_t *out)
{
    struct str one;
    if (!bytes_read(s, 1, &one))
        return false;
    *out = (uint8_t)one.p[0];
    return true;
}

static bool read_digest(struct str *s, uint32_t *out)
{
    struct str four;
    if (!bytes_read(s, 4, &four))
        return false;
    const unsigned char *p = (const unsigned char *)four.p;
    *out = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return true;
}

static bool read_writer(
    struct str *s, enum entity e, struct writer *w, uint8_t *flags, int64_t base_t, int64_t base_record)
{
    int64_t d;
    uint8_t profile;
    *w = (struct writer){ 0 };
    *flags = 0;
    if (!read_byte(s, &profile) || (profile & MORE && !read_byte(s, flags)))
        return false;
    w->profile = profile & (MORE - 1);
    const struct profile_info *p = model_profile(w->profile);
    if (!p || p->entity != e || !read_digest(s, &w->digest) || !zigzag_read(s, &d))
        return false;
    w->minor = p->minor;
    w->t_ns = plus(base_t, d);
    if (*flags & W_RECV) {
        if (!zigzag_read(s, &d))
            return false;
        w->recv_ns = plus(w->t_ns, d);
    }
    if (*flags & W_TIE && !read_byte(s, &w->tie))
        return false;
    if (*flags & W_RECORD) {
        if (!zigzag_read(s, &d))
            return false;
        w->record = plus(base_record, d);
    }
    return true;
}

static struct value ref_of(const struct writer *w, unsigned column, uint8_t hint, uint32_t hash)
{
    return (
        struct value){ .kind = V_REF, .hint = hint, .piece = (uint8_t)column, .hash = hash, .i = w->record };
}

static struct value row_patch(const struct column *col, struct value v)
{
    if (kind_has_patches(col->kind) && v.kind == V_JSON)
        v.hash = model__hash(v.s);
    return v;
}

static bool decode_plain(struct reader *r, int64_t base_t)
{
    struct state *s = r->out;
    struct writer *w = s->writers;
    uint8_t flags;
    uint64_t mask, record = 0, hints = 0;
    if (!read_writer(&r->rest, r->entity, w, &flags, base_t, 0) || !varint_read(&r->rest, &mask) ||
        (mask && !varint_read(&r->rest, &record)) ||
        (flags & W_TYPE_HINTS && !varint_read(&r->rest, &hints)) || r->rest.n)
        return false;
    s->n_writers = 1;
    w->record = (int64_t)record;
    const struct profile_info *p = model_profile(w->profile);
    for (unsigned c = 0, place = 0; c < r->columns_n; c++) {
        struct value v = { .kind = V_NULL };
        if (r->columns[c].place == PLACE_PAYLOAD) {
            if (mask >> place++ & 1) {
                v = ref_of(w, c, hints & 15, 0);
                hints >>= 4;
            }
        } else if (r->cols[c].kind != V_NULL) {
            v = row_patch(&r->columns[c], r->cols[c]);
            if (!value_fits(&r->columns[c], &v))
                return false;
        }
        if (v.kind != V_NULL || p->nulls >> c & 1)
            s->cells[s->n_cells++] = ruled_cell(p, c, 0, false, v);
    }
    return true;
}

static bool read_masks(struct reader *r, uint8_t flags, struct masks *m)
{
    uint64_t held, nulls = 0, hints = 0;
    if (!varint_read(&r->rest, &held) || (flags & W_NULLS && !varint_read(&r->rest, &nulls)) ||
        (flags & W_HINTS && !varint_read(&r->rest, &hints)))
        return false;
    if ((held | hints) >> r->columns_n || nulls & ~held)
        return false;
    *m = (struct masks){ (uint32_t)held, (uint32_t)nulls, (uint32_t)hints };
    return true;
}

static bool decode_writers(struct reader *r, int64_t base_t)
{
    uint64_t n;
    int64_t base_record = 0;
    /* A writer takes 7 bytes or more, so a lying count cannot ask for much memory. */
    if (!varint_read(&r->rest, &n) || n > r->rest.n / 7 || n > UINT16_MAX)
        return false;
    r->out->writers = arena_array(r->a, n + 1, sizeof *r->out->writers);
    r->masks = arena_array(r->a, n + 1, sizeof *r->masks);
    for (size_t i = 0; i < n; i++) {
        struct writer *w = &r->out->writers[i];
        uint8_t flags;
        if (!read_writer(&r->rest, r->entity, w, &flags, base_t, base_record) ||
            !read_masks(r, flags, &r->masks[i]))
            return false;
        if (i == 0)
            base_t = w->t_ns;
        if (!base_record)
            base_record = w->record;
    }
    r->out->n_writers = n;
    return true;
}

/* Who holds a column in a slot: SIZE_MAX nobody; false when two claim it. */
static bool holder_of(const struct reader *r, unsigned column, bool hint, size_t *writer)
{
    *writer = SIZE_MAX;
    for (size_t i = 0; i < r->out->n_writers; i++) {
        if (!((hint ? r->masks[i].hints : r->masks[i].held) >> column & 1))
            continue;
        if (*writer != SIZE_MAX)
            return false;
        *writer = i;
    }
    return true;
}

/* The value a held cell takes from the row; a hidden hint's comes later. */
static bool held_value(const struct reader *r, unsigned column, size_t writer, bool null, struct value *v)
{
    const struct column *col = &r->columns[column];
    *v = (struct value){ .kind = V_NULL };
    if (null)
        return true;
    if (col->place == PLACE_PAYLOAD) {
        *v = ref_of(&r->out->writers[writer], column, 0, 0);
        return true;
    }
    *v = row_patch(col, r->cols[column]);
    return value_fits(col, v);
}

static void hold(struct reader *r, unsigned column, size_t writer, bool hint, struct value v)
{
    struct state *s = r->out;
    s->cells[s->n_cells++] =
        ruled_cell(model_profile(s->writers[writer].profile), column, (unsigned)writer, hint, v);
    r->place[column + (hint ? COLUMNS_MAX : 0)] = (uint8_t)s->n_cells;
}

static bool decode_column(struct reader *r, unsigned column)
{
    size_t main, hint;
    bool null = true;
    struct value v;
    if (!holder_of(r, column, false, &main) || !holder_of(r, column, true, &hint))
        return false;
    if (main != SIZE_MAX) {
        null = r->masks[main].nulls >> column & 1;
        if (!held_value(r, column, main, null, &v))
            return false;
        hold(r, column, main, false, v);
    }
    if (hint != SIZE_MAX) {
        v = (struct value){ .kind = V_NULL };
        if (r->columns[column].kind != KIND_REG || (null && !held_value(r, column, hint, false, &v)))
            return false;
        hold(r, column, hint, true, v);
    }
    return true;
}

static struct cell *cell_at(struct reader *r, uint8_t place)
{
    unsigned column = place & (IN_HINT_SLOT - 1);
    if (column >= COLUMNS_MAX)
        return NULL;
    unsigned at = r->place[column + (place & IN_HINT_SLOT ? COLUMNS_MAX : 0)];
    return at ? &r->out->cells[at - 1] : NULL;
}

static bool decode_exceptions(struct reader *r)
{
    uint64_t n;
    if (!varint_read(&r->rest, &n))
        return false;
    for (; n; n--) {
        uint8_t place, claim;
        if (!read_byte(&r->rest, &place) || !read_byte(&r->rest, &claim))
            return false;
        struct cell *c = cell_at(r, place);
        if (!c)
            return false;
        unpack_claim(claim, c);
        r->departs |= UINT64_C(1) << (c->column + (place & IN_HINT_SLOT ? COLUMNS_MAX : 0));
    }
    /* Slots must now be what the ranks say. */
    for (size_t i = 0; i < r->out->n_cells; i++) {
        const struct cell *c = &r->out->cells[i];
        if (r->place[c->column + (cell_slot(r->columns, c) ? COLUMNS_MAX : 0)] != i + 1)
            return false;
    }
    return true;
}

static bool read_value(struct reader *r, const struct column *col, const struct writer *w, struct value *v)
{
    uint8_t kind;
    uint64_t n;
    *v = (struct value){ .kind = V_NULL };
    if (!read_byte(&r->rest, &kind))
        return false;
    v->kind = kind;
    switch (kind) {
    case V_NULL: return true;
    case V_INT: return zigzag_read(&r->rest, &v->i) && value_fits(col, v);
    case V_TEXT:
    case V_JSON:
        if (!varint_read(&r->rest, &n) || n > r->rest.n || !bytes_read(&r->rest, (size_t)n, &v->s))
            return false;
        if (col->place == PLACE_PAYLOAD)
            v->piece = PIECE_INLINE;
        return value_fits(col, v);
    case V_REF:
        *v = ref_of(w, col->number, 0, 0);
        return col->place == PLACE_PAYLOAD && read_digest(&r->rest, &v->hash);
    default: return false;
    }
}

static bool decode_hidden(struct reader *r)
{
    for (size_t i = 1; i < r->out->n_cells; i++) {
        struct cell *c = &r->out->cells[i];
        const struct column *col = &r->columns[c->column];
        if (c[-1].column != c->column || c[-1].value.kind == V_NULL)
            continue;
        if (!read_value(r, col, &r->out->writers[c->writer], &c->value) || c->value.kind == V_NULL ||
            (col->place == PLACE_PAYLOAD && c->value.kind != V_REF))
            return false;
        if (!(r->departs >> (c->column + COLUMNS_MAX) & 1))
            c->grade = model_grade(model_profile(r->out->writers[c->writer].profile), c->column, &c->value);
    }
    return true;
}

static bool decode_type_hints(struct reader *r)
{
    uint64_t n;
    if (!varint_read(&r->rest, &n))
        return false;
    for (; n; n--) {
        uint8_t place, hint;
        if (!read_byte(&r->rest, &place) || !read_byte(&r->rest, &hint))
            return false;
        struct cell *c = cell_at(r, place);
        if (!c || !takes_type_hint(&r->columns[c->column]))
            return false;
        c->value.hint = hint;
    }
    return true;
}

static bool read_patch(struct reader *r, unsigned column, struct cell *c)
{
    uint64_t writer;
    uint8_t claim;
    const struct column *col = &r->columns[column];
    if (!varint_read(&r->rest, &writer) || writer >= r->out->n_writers || !read_byte(&r->rest, &claim))
        return false;
    *c = (struct cell){ .column = (uint8_t)column, .writer = (uint16_t)writer };
    unpack_claim(claim, c);
    if (!read_value(r, col, &r->out->writers[writer], &c->value))
        return false;
    if (c->value.kind == V_JSON)
        c->value.hash = model__hash(c->value.s);
    return true;
}

/* Put the patches of a column at its place among the cells. */
static bool decode_patch_column(struct reader *r)
{
    struct state *s = r->out;
    uint8_t column;
    uint64_t n;
    size_t at = 0;
    if (!read_byte(&r->rest, &column) || column >= r->columns_n ||
        !kind_has_patches(r->columns[column].kind) || !varint_read(&r->rest, &n) || n == 0 ||
        n > r->rest.n / 3)
        return false;
    while (at < s->n_cells && s->cells[at].column < column)
        at++;
    if (at < s->n_cells && s->cells[at].column == column)
        return false;
    struct cell *cells = arena_array(r->a, s->n_cells + n, sizeof *cells);
    memcpy(cells, s->cells, at * sizeof *cells);
    for (size_t i = 0; i < n; i++) {
        struct cell *c = &cells[at + i];
        if (!read_patch(r, column, c))
            return false;
        if (i && model__key_cmp(&s->writers[c[-1].writer], &c[-1], &s->writers[c->writer], c) >= 0)
            return false;
    }
    memcpy(cells + at + n, s->cells + at, (s->n_cells - at) * sizeof *cells);
    s->cells = cells;
    s->n_cells += n;
    return true;
}

static bool decode_patches(struct reader *r)
{
    uint64_t n;
    if (!varint_read(&r->rest, &n) || n > r->columns_n)
        return false;
    for (; n; n--)
        if (!decode_patch_column(r))
            return false;
    return true;
}

static bool decode_seen(struct reader *r)
{
    uint64_t n;
    if (!varint_read(&r->rest, &n) || n > MERGE_SEEN_MAX)
        return false;
    for (; n; n--)
        if (!read_digest(&r->rest, &r->out->seen[r->out->n_seen++]))
            return false;
    return r->rest.n == 0;
}

/* Type hints go before patches, because these move the cells. */
static bool decode_full(struct reader *r, int64_t base_t)
{
    if (!decode_writers(r, base_t))
        return false;
    for (unsigned c = 0; c < r->columns_n; c++)
        if (!decode_column(r, c))
            return false;
    return decode_exceptions(r) && decode_hidden(r) && decode_type_hints(r) && decode_patches(r) &&
           decode_seen(r);
}

enum status state_decode(struct arena *a, enum entity e, const struct value cols[COLUMNS_MAX],
    struct str fold, struct state **out, struct err *err)
{
    struct reader r = { .a = a, .entity = e, .cols = cols, .rest = fold };
    uint8_t head;
    r.columns = model_columns(e, &r.columns_n);
    *out = r.out = arena_alloc(a, sizeof *r.out);
    r.out->entity = e;
    if (!fold.n)
        return ST_OK;
    r.out->cells = arena_array(a, r.columns_n * 2, sizeof *r.out->cells);
    r.out->writers = arena_array(a, 1, sizeof *r.out->writers);
    if (!read_byte(&r.rest, &head) || (head & 7) != FOLD_VERSION)
        return err_set(err, ST_CORRUPT, "the merge state of a row is of an unknown version");
    int64_t base_t = time_base(e, cols, head >> 3 & 15);
    if (!(head & FOLD_FULL ? decode_full(&r, base_t) : decode_plain(&r, base_t)))
        return err_set(err, ST_CORRUPT, "the merge state of a row of kind %s is damaged", entity_name(e));
    return ST_OK;
}

/* ---- stored rows ---------------------------------------------------------------------------------------------------- */

/* The first writer of a blob, and what of the blob follows it. False when there is none or the blob is damaged. */
static bool first_writer(
    const struct row *r, struct str *rest, uint8_t *head, uint8_t *flags, struct writer *w)
{
    uint64_t n = 1;
    *rest = r->fold;
    if (!rest->n || !read_byte(rest, head) || (*head & 7) != FOLD_VERSION)
        return false;
    if (*head & FOLD_FULL && (!varint_read(rest, &n) || n == 0))
        return false;
    return read_writer(rest, r->entity, w, flags, time_base(r->entity, r->cols, *head >> 3 & 15), 0);
}

struct payload_mask {
    uint64_t columns; /* bit i: the i-th PAYLOAD column */
    uint64_t record, hints;
};

static bool read_payload_mask(struct str *rest, uint8_t flags, struct payload_mask *m)
{
    *m = (struct payload_mask){ 0 };
    return varint_read(rest, &m->columns) && (!m->columns || varint_read(rest, &m->record)) &&
           (!(flags & W_TYPE_HINTS) || varint_read(rest, &m->hints));
}

static bool plain_states(const struct row *r, unsigned column, struct str rest, uint8_t flags)
{
    size_t n;
    const struct column *columns = model_columns(r->entity, &n);
    struct payload_mask m;
    unsigned place = 0;
    if (columns[column].place == PLACE_ROW)
        return r->cols[column].kind != V_NULL;
    for (unsigned c = 0; c < column; c++)
        place += columns[c].place == PLACE_PAYLOAD;
    return read_payload_mask(&rest, flags, &m) && m.columns >> place & 1;
}

static void claim_by(const struct writer *w, unsigned column, bool null, struct claim *out)
{
    const struct rule *r = &model_profile(w->profile)->rules[column];
    *out = (struct claim){ .stated = true,
        .null = null,
        .rank = r->rank,
        .direction = r->direction,
        .mode = r->mode,
        .profile = w->profile,
        .minor = w->minor,
        .t_ns = w->t_ns };
}

static bool read_exception(struct str rest, unsigned column, struct claim *out)
{
    uint64_t n;
    if (!varint_read(&rest, &n))
        return false;
    for (; n; n--) {
        uint8_t place, packed;
        struct cell c;
        if (!read_byte(&rest, &place) || !read_byte(&rest, &packed))
            return false;
        if (place != column)
            continue;
        unpack_claim(packed, &c);
        out->rank = c.rank;
        out->direction = c.direction;
        out->mode = c.mode;
    }
    return true;
}

/* Walk the writers of a full blob for the one that holds the column; the first one is read already. */
static bool full_claim(
    const struct row *r, unsigned column, struct str rest, uint8_t flags, struct writer w, struct claim *out)
{
    struct str counted = r->fold;
    uint8_t head;
    uint64_t n, held, nulls, hints;
    int64_t base_t = w.t_ns, base_record = w.record;
    if (!read_byte(&counted, &head) || !varint_read(&counted, &n))
        return false;
    for (uint64_t i = 0; i < n; i++) {
        nulls = 0;
        if (i && !read_writer(&rest, r->entity, &w, &flags, base_t, base_record))
            return false;
        if (!base_record)
            base_record = w.record;
        if (!varint_read(&rest, &held) || (flags & W_NULLS && !varint_read(&rest, &nulls)) ||
            (flags & W_HINTS && !varint_read(&rest, &hints)))
            return false;
        if (held >> column & 1)
            claim_by(&w, column, nulls >> column & 1, out);
    }
    return read_exception(rest, column, out);
}

bool row_claim(const struct row *r, unsigned column, struct claim *out)
{
    struct str rest;
    uint8_t head, flags;
    struct writer w;
    *out = (struct claim){ .t_ns = TIME_NONE };
    if (!first_writer(r, &rest, &head, &flags, &w))
        return false;
    if (head & FOLD_FULL)
        return full_claim(r, column, rest, flags, w, out) && out->stated;
    bool states = plain_states(r, column, rest, flags);
    const struct profile_info *p = model_profile(w.profile);
    if (p->rules[column].rank != RANK_HINT && (states || p->nulls >> column & 1))
        claim_by(&w, column, !states, out);
    return out->stated;
}

bool row_states_null(const struct row *r, unsigned column)
{
    struct claim c;
    return row_claim(r, column, &c) && c.null;
}

unsigned row_families(const struct row *r)
{
    struct str rest;
    uint8_t head, flags;
    struct writer w;
    uint64_t n = 1, skip;
    if (!first_writer(r, &rest, &head, &flags, &w))
        return 0;
    unsigned families = profile_family(w.profile);
    if (!(head & FOLD_FULL))
        return families;
    struct str counted = (struct str){ r->fold.p + 1, r->fold.n - 1 };
    if (!varint_read(&counted, &n))
        return families;
    for (uint64_t i = 1; i < n; i++) {
        if (!varint_read(&rest, &skip) || (flags & W_NULLS && !varint_read(&rest, &skip)) ||
            (flags & W_HINTS && !varint_read(&rest, &skip)) ||
            !read_writer(&rest, r->entity, &w, &flags, 0, 0))
            break;
        families |= profile_family(w.profile);
    }
    return families;
}

static bool plain_refs(struct row *r, struct str rest, uint8_t flags, struct writer w)
{
    size_t n;
    const struct column *columns = model_columns(r->entity, &n);
    struct payload_mask m;
    unsigned place = 0;
    if (!read_payload_mask(&rest, flags, &m))
        return false;
    w.record = (int64_t)m.record;
    for (unsigned c = 0; c < n; c++) {
        if (columns[c].place != PLACE_PAYLOAD)
            continue;
        r->cols[c] = (struct value){ .kind = V_NULL };
        if (m.columns >> place++ & 1) {
            r->cols[c] = ref_of(&w, c, m.hints & 15, 0);
            m.hints >>= 4;
        }
    }
    return true;
}

enum status row_refs(struct arena *a, struct row *r, struct err *err)
{
    struct str rest;
    uint8_t head, flags;
    struct writer w;
    struct state *s;
    if (!r->fold.n ||
        (first_writer(r, &rest, &head, &flags, &w) && !(head & FOLD_FULL) && plain_refs(r, rest, flags, w)))
        return ST_OK;
    enum status st = state_decode(a, r->entity, r->cols, r->fold, &s, err);
    if (st != ST_OK)
        return st;
    size_t n;
    const struct column *columns = model_columns(r->entity, &n);
    for (unsigned c = 0; c < n; c++) {
        size_t n_cells;
        if (columns[c].place != PLACE_PAYLOAD)
            continue;
        const struct cell *cells = model__cells(s, c, &n_cells);
        r->cols[c] = model__shown(&columns[c], cells, n_cells);
    }
    return ST_OK;
}

enum status row_load(
    struct arena *a, struct row *r, uint32_t columns, const struct payload_loader *load, struct err *err)
{
    size_t n;
    const struct column *all = model_columns(r->entity, &n);
    struct state *s;
    enum status st = state_decode(a, r->entity, r->cols, r->fold, &s, err);
    for (unsigned c = 0; st == ST_OK && c < n; c++)
        if (columns >> c & 1 && all[c].place == PLACE_PAYLOAD)
            st = state_show(a, s, c, load, &r->cols[c], err);
    return st;
}
