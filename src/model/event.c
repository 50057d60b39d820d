/*
 * event: what a decoder says, one upsert at a time, and the sealing of a batch.
 *
 * Sealing makes an event comparable with every other one about its row: nulls that its profile implies are filled in, cells stand in
 * the order the join wants, the digest tells repeats, and the tie tells apart different events that one request sends with one time.
 */
#include "model/model.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "model/model_priv.h"

#define CELLS_FIRST 20
#define HINT_SHIFT  32

/* ---- making --------------------------------------------------------------------------------------------------------- */

static enum identity identity_of(enum profile p, struct str scope)
{
    if (scope.p)
        return IDENTITY_SCOPED;
    return profile_family(p) == FAMILY_LLMONITOR ? IDENTITY_TREE : IDENTITY_BARE;
}

struct event *event_new(
    struct batch *b, enum profile p, int32_t project, struct str scope, struct str id, int64_t t_ns)
{
    const struct profile_info *info = model_profile(p);
    assert(info && id.p);
    b->events = arena_grow(b->arena, b->events, &b->cap_events, b->n_events + 1, sizeof *b->events);
    struct event *e = &b->events[b->n_events++];
    *e = (struct event){
        .entity = info->entity,
        .profile = p,
        .identity = identity_of(p, scope),
        .project = project,
        .scope = scope,
        .id = id,
        .t_ns = t_ns,
        .wire_index = UINT32_MAX,
        .arena = b->arena,
    };
    return e;
}

static struct cell *find_cell(const struct event *e, unsigned column, bool hint)
{
    if (!(e->stated >> (column + (hint ? HINT_SHIFT : 0)) & 1))
        return NULL;
    for (size_t i = 0; i < e->n_cells; i++)
        if (e->cells[i].column == column && (e->cells[i].rank == RANK_HINT) == hint)
            return &e->cells[i];
    return NULL;
}

static bool is_legal(const struct profile_info *p, const struct cell *c)
{
    size_t n;
    const struct column *columns = model_columns(p->entity, &n);
    return c->column < n && (c->value.kind == V_NULL || value_fits(&columns[c->column], &c->value));
}

static void state_cell(struct event *e, const struct profile_info *p, struct cell c)
{
    assert(is_legal(p, &c));
    bool hint = c.rank == RANK_HINT;
    if (hint && c.value.kind == V_NULL)
        return;
    c.grade = model_grade(p, c.column, &c.value);
    if (c.value.kind == V_NULL)
        c.mode = MODE_REPLACE; /* a null map starts anew, whatever the mode of the profile's patches */
    struct cell *at = find_cell(e, c.column, hint);
    if (!at) {
        if (e->n_cells == e->cap_cells)
            e->cells = arena_grow(
                e->arena, e->cells, &e->cap_cells, e->n_cells ? e->n_cells + 1 : CELLS_FIRST, sizeof *at);
        at = &e->cells[e->n_cells++];
        e->stated |= UINT64_C(1) << (c.column + (hint ? HINT_SHIFT : 0));
    }
    *at = c;
}

static void state_by_rule(struct event *e, unsigned column, struct value v)
{
    assert(column < COLUMNS_MAX);
    const struct profile_info *p = model_profile(e->profile);
    const struct rule *r = &p->rules[column];
    state_cell(e, p,
        (struct cell){ .column = (uint8_t)column,
            .rank = r->rank,
            .direction = r->direction,
            .mode = r->mode,
            .value = v });
}

void event_set(struct event *e, unsigned column, struct value v)
{
    if (v.kind != V_NULL)
        state_by_rule(e, column, v);
}

void event_set_text(struct event *e, unsigned column, struct str s)
{
    event_set(e, column, value_text(s));
}

void event_set_int(struct event *e, unsigned column, int64_t v)
{
    if (v != TIME_NONE)
        event_set(e, column, value_int(v));
}

void event_set_json(struct event *e, unsigned column, struct str json_text)
{
    event_set(e, column, value_json(json_text));
}

void event_set_null(struct event *e, unsigned column)
{
    state_by_rule(e, column, (struct value){ .kind = V_NULL });
}

void event_set_as(struct event *e, unsigned column, struct value v, enum rank rank, enum direction direction,
    enum patch_mode mode)
{
    if (v.kind == V_NULL || (v.kind == V_INT && v.i == TIME_NONE))
        return;
    state_cell(e, model_profile(e->profile),
        (struct cell){ .column = (uint8_t)column,
            .rank = (uint8_t)rank,
            .direction = (uint8_t)direction,
            .mode = (uint8_t)mode,
            .value = v });
}

void event_set_receipt(struct event *e, unsigned column, enum rank rank, enum direction direction)
{
    struct value v = { .kind = V_INT, .piece = PIECE_RECEIPT };
    event_set_as(e, column, v, rank, direction, MODE_REPLACE);
}

const struct value *event_get(const struct event *e, unsigned column)
{
    const struct cell *c = find_cell(e, column, false);
    if (!c)
        c = find_cell(e, column, true);
    return c ? &c->value : NULL;
}

/* ---- batches -------------------------------------------------------------------------------------------------------- */

void batch_init(struct batch *b, struct arena *a)
{
    *b = (struct batch){ .arena = a };
}

void batch_fini(struct batch *b)
{
    arena_free(b->arena);
    *b = (struct batch){ 0 };
}

void batch_results(struct batch *b, size_t n)
{
    b->results = arena_array(b->arena, n, sizeof *b->results);
    b->n_results = n;
}

void batch_reject(struct batch *b, size_t wire_index, const struct err *err)
{
    assert(wire_index < b->n_results);
    b->results[wire_index].outcome = OUTCOME_REJECTED;
    struct err *why = arena_alloc(b->arena, sizeof *why);
    *why = *err;
    b->results[wire_index].err = why;
}

enum status batch_room(const struct batch *b, size_t more, struct err *err)
{
    if (!b->bytes_most || b->bytes + arena_bytes(b->arena) + more <= b->bytes_most)
        return ST_OK;
    return err_set(err, ST_TOO_LARGE,
        "what the request holds takes more than %zu MiB when it is decoded; send it in smaller parts",
        b->bytes_most >> 20);
}

void batch_remove(struct batch *b, int32_t project, enum entity entity, struct str scope, struct str id)
{
    b->removals = arena_grow(b->arena, b->removals, &b->cap_removals, b->n_removals + 1, sizeof *b->removals);
    b->removals[b->n_removals++] = (struct removal){
        .project = project, .entity = entity, .scope = scope, .id = id, .wire_index = UINT32_MAX
    };
}

/* ---- sealing: nulls, order, digest ---------------------------------------------------------------------------------- */

static void fill_nulls(struct event *e, const struct profile_info *p)
{
    uint32_t missing = p->nulls & ~(uint32_t)e->stated;
    for (unsigned c = 0; missing; c++, missing >>= 1)
        if (missing & 1)
            event_set_null(e, c);
}

static unsigned place_of(const struct cell *c)
{
    return c->column * 2U + (c->rank == RANK_HINT);
}

/* By column, main before hint: insertion sort, because decoders state most columns in order already. */
static void sort_cells(struct event *e)
{
    for (size_t i = 1; i < e->n_cells; i++) {
        struct cell c = e->cells[i];
        size_t j = i;
        for (; j > 0 && place_of(&e->cells[j - 1]) > place_of(&c); j--)
            e->cells[j] = e->cells[j - 1];
        e->cells[j] = c;
    }
}

/* Maps and tags with a hint and a main patch keep both in one slot: the join wants the lower rank first, and none that is covered. */
static void order_patches(struct event *e, const struct column *columns)
{
    for (size_t i = 1; i < e->n_cells; i++) {
        struct cell *main = &e->cells[i - 1], *hint = &e->cells[i];
        if (main->column != hint->column || !kind_has_patches(columns[main->column].kind))
            continue;
        if (main->mode == MODE_REPLACE &&
            (columns[main->column].kind == KIND_MAP || hint->mode == MODE_REPLACE)) {
            memmove(hint, hint + 1, (e->n_cells - i - 1) * sizeof *hint);
            e->n_cells--;
            continue;
        }
        struct cell swap = *main;
        *main = *hint;
        *hint = swap;
    }
}

/* Bytes on their way into one hash: small pieces gather, so that a cell does not cost a call. */
struct hasher {
    uint64_t h;
    size_t n;
    char bytes[512];
};

static void hash_flush(struct hasher *h)
{
    h->h = hash64_more(h->h, (struct str){ h->bytes, h->n });
    h->n = 0;
}

static void hash_put(struct hasher *h, const void *p, size_t n)
{
    assert(n <= sizeof h->bytes);
    if (h->n + n > sizeof h->bytes)
        hash_flush(h);
    memcpy(h->bytes + h->n, p, n);
    h->n += n;
}

static void hash_text(struct hasher *h, struct str s)
{
    uint64_t n = s.n, whole;
    hash_put(h, &n, sizeof n);
    if (s.n <= 64) {
        if (s.n)
            hash_put(h, s.p, s.n);
        return;
    }
    whole = hash64(s);
    hash_put(h, &whole, sizeof whole);
}

static void hash_cell(struct hasher *h, const struct cell *c)
{
    const struct value *v = &c->value;
    uint8_t head[8] = { c->column, c->rank, c->direction, c->mode, v->kind, v->hint, v->piece };
    hash_put(h, head, sizeof head);
    if (v->kind == V_INT)
        hash_put(h, &v->i, sizeof v->i);
    else if (v->kind != V_NULL)
        hash_text(h, v->s);
}

static uint32_t digest_of(const struct event *e)
{
    struct hasher h = { 0 };
    uint8_t profile = (uint8_t)e->profile;
    hash_put(&h, &profile, 1);
    if (e->t_ns != TIME_NONE) /* a timeless event is known by its content alone */
        hash_put(&h, &e->t_ns, sizeof e->t_ns);
    if (e->edit_ns)
        hash_put(&h, &e->edit_ns, sizeof e->edit_ns);
    hash_text(&h, e->scope);
    hash_text(&h, e->id);
    for (size_t i = 0; i < e->n_cells; i++)
        hash_cell(&h, &e->cells[i]);
    hash_flush(&h);
    return (uint32_t)(h.h ^ h.h >> 32);
}

void batch_edited(struct batch *b, int64_t received_ns)
{
    for (size_t i = 0; i < b->n_events; i++)
        if (profile_family(b->events[i].profile) == FAMILY_EDIT)
            b->events[i].edit_ns = received_ns;
}

static size_t hash_patches(struct event *e, const struct column *columns)
{
    size_t bytes = 0;
    for (size_t i = 0; i < e->n_cells; i++) {
        struct value *v = &e->cells[i].value;
        bytes += v->s.n;
        if (kind_has_patches(columns[e->cells[i].column].kind) && v->kind == V_JSON)
            v->hash = model__hash(v->s);
    }
    return bytes;
}

/* A record holds one text a column: under a value of its own event a payload hint could show only after a later null. */
static void drop_payload_hints(struct event *e, const struct column *columns)
{
    for (size_t i = 1; i < e->n_cells; i++) {
        const struct cell *main = &e->cells[i - 1];
        if (main->column != e->cells[i].column || columns[main->column].place != PLACE_PAYLOAD ||
            main->value.kind == V_NULL)
            continue;
        memmove(&e->cells[i], &e->cells[i + 1], (e->n_cells - i - 1) * sizeof *e->cells);
        e->n_cells--;
    }
}

static size_t seal_event(struct event *e)
{
    size_t n;
    const struct column *columns = model_columns(e->entity, &n);
    fill_nulls(e, model_profile(e->profile));
    sort_cells(e);
    drop_payload_hints(e, columns);
    order_patches(e, columns);
    assert(e->n_cells == 0 || e->cells[e->n_cells - 1].column < n);
    size_t bytes = hash_patches(e, columns);
    e->digest = digest_of(e);
    return bytes;
}

/* ---- sealing: ties -------------------------------------------------------------------------------------------------- */

struct twins {
    uint32_t *first; /* hash table of 1 + index of the first event of a group */
    size_t mask;
    uint32_t *next; /* per event: 1 + index of the next different event of its group */
};

static bool same_moment(const struct event *x, const struct event *y)
{
    return x->t_ns == y->t_ns && x->project == y->project && x->entity == y->entity && str_eq(x->id, y->id) &&
           str_eq(x->scope, y->scope) && model_profile(x->profile)->minor == model_profile(y->profile)->minor;
}

static uint32_t *group_of(const struct batch *b, struct twins *t, const struct event *e)
{
    size_t at = (size_t)(hash64_more((uint64_t)e->t_ns, e->id)) & t->mask;
    while (t->first[at] && !same_moment(&b->events[t->first[at] - 1], e))
        at = (at + 1) & t->mask;
    return &t->first[at];
}

/* A repeat inside the batch takes the tie of the event it repeats, so that a repeat elsewhere changes nothing either. */
static void tie_event(struct batch *b, struct twins *t, size_t i)
{
    struct event *e = &b->events[i];
    uint32_t *link = group_of(b, t, e);
    unsigned before = 0;
    for (; *link; link = &t->next[*link - 1], before++) {
        const struct event *other = &b->events[*link - 1];
        if (other->digest == e->digest || before == UINT8_MAX) {
            e->tie = other->tie;
            return;
        }
    }
    e->tie = (uint8_t)before;
    *link = (uint32_t)i + 1;
}

static void tie_events(struct batch *b)
{
    struct twins t = { .mask = 1 };
    while (t.mask < b->n_events * 2)
        t.mask *= 2;
    t.first = arena_array(b->arena, t.mask, sizeof *t.first);
    t.next = arena_array(b->arena, b->n_events, sizeof *t.next);
    t.mask--;
    for (size_t i = 0; i < b->n_events; i++)
        tie_event(b, &t, i);
}

void batch_seal(struct batch *b)
{
    b->bytes = 0;
    for (size_t i = 0; i < b->n_events; i++)
        b->bytes += seal_event(&b->events[i]) + sizeof(struct event);
    if (b->n_events > 1)
        tie_events(b);
}
