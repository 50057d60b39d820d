/*
 * fold: random bytes as the fold blob of a random row. Decoding must refuse or make a state; a state that was made must encode to a blob
 * that decodes to the same again, and join with itself to itself.
 *
 *   byte 0   entity      byte 1, 2   seed of the row's columns      rest   the blob
 */
#include <assert.h>
#include <string.h>

#include "model/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A value of the column's kind, or none. */
static struct value value_of(const struct column *c, unsigned seed)
{
    unsigned pick = (seed >> (c->number % 13)) & 3;
    if (pick == 0 || c->place == PLACE_PAYLOAD)
        return (struct value){ 0 };
    switch (c->type) {
    case TYPE_TEXT:
    case TYPE_ID: return value_text(pick == 1 ? STR("") : STR("text"));
    case TYPE_JSON: return value_json(c->kind == KIND_TAGS ? STR("[\"a\",\"b\"]") : STR("{\"a\":{\"b\":1}}"));
    default: return value_int((int64_t)seed * 1000003);
    }
}

static bool same_value(const struct value *x, const struct value *y)
{
    return x->kind == y->kind && x->hint == y->hint && x->piece == y->piece &&
           (x->kind != V_INT || x->i == y->i) && (x->kind != V_REF || x->i == y->i) && str_eq(x->s, y->s);
}

static void assert_same(const struct state *x, const struct state *y)
{
    assert(x->n_cells == y->n_cells && x->n_seen == y->n_seen);
    assert(memcmp(x->seen, y->seen, x->n_seen * sizeof *x->seen) == 0);
    for (size_t i = 0; i < x->n_cells; i++) {
        const struct cell *a = &x->cells[i], *b = &y->cells[i];
        const struct writer *v = &x->writers[a->writer], *w = &y->writers[b->writer];
        assert(a->column == b->column && a->rank == b->rank && a->direction == b->direction &&
               a->grade == b->grade && a->mode == b->mode);
        assert(v->digest == w->digest && v->t_ns == w->t_ns && v->recv_ns == w->recv_ns && v->tie == w->tie &&
               v->profile == w->profile);
        assert(same_value(&a->value, &b->value));
    }
}

/* A payload for every reference, so that showing and folding never want for one. */
static enum status load(
    void *ctx, struct arena *a, int64_t record, unsigned piece, struct str *json, struct err *err)
{
    (void)ctx;
    (void)a;
    (void)err;
    *json = record % 2 ? STR("{\"a\":1}") : STR("{\"b\":[1,2]}");
    (void)piece;
    return ST_OK;
}

static void show_all(struct arena *a, const struct state *s)
{
    struct payload_loader loader = { load, NULL };
    struct value v;
    size_t n;
    model_columns(s->entity, &n);
    for (unsigned c = 0; c < n; c++)
        if (state_show(a, s, c, &loader, &v, NULL) != ST_OK)
            return; /* inline JSON in the blob may be broken: an error, not a crash */
}

static void check_row(struct arena *a, enum entity e, const struct value *cols, struct str fold)
{
    struct row r = { .entity = e, .fold = fold };
    struct claim claim;
    size_t n;
    memcpy(r.cols, cols, sizeof r.cols);
    model_columns(e, &n);
    for (unsigned c = 0; c < n; c++)
        (void)row_claim(&r, c, &claim);
    (void)row_families(&r);
    if (row_refs(a, &r, NULL) != ST_OK)
        return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct value cols[COLUMNS_MAX] = { 0 }, again[COLUMNS_MAX];
    struct payload_loader loader = { load, NULL };
    struct state *s, *t, *joined;
    struct str fold;
    size_t n;
    bool changed;
    if (size < 3)
        return 0;
    struct arena *a = arena_new();
    enum entity e = (enum entity)(data[0] % ENTITY_COUNT);
    const struct column *columns = model_columns(e, &n);
    for (size_t c = 0; c < n; c++)
        cols[c] = value_of(&columns[c], data[1] | (unsigned)data[2] << 8);
    fold = (struct str){ (const char *)data + 3, size - 3 };
    check_row(a, e, cols, fold);
    if (state_decode(a, e, cols, fold, &s, NULL) == ST_OK) {
        show_all(a, s);
        state_encode(a, s, again, &fold);
        enum status st = state_decode(a, e, again, fold, &t, NULL);
        assert(st == ST_OK);
        state_encode(a, t, again, &fold);
        st = state_decode(a, e, again, fold, &s, NULL);
        assert(st == ST_OK);
        assert_same(s, t);
        if (state_join(a, s, t, &loader, &joined, &changed, NULL) == ST_OK)
            show_all(a, joined);
    }
    arena_free(a);
    return 0;
}
