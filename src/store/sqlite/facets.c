/*
 * Traces by value: user, session, name, tag, and the models of their observations.
 *
 *   facet(epoch, hash, no)   hash: 48 bits over project, facet and value; epoch: 65,536 trace numbers
 *
 * Candidates only: a hash may collide, and the row has the last word. Random keys, but of one epoch: what is written lies within the few
 * megabytes of the newest traces, however many are stored; a question looks into each epoch, newest first.
 */
#include "store/sqlite/sqlite_priv.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"

#define EPOCH_SHIFT 16

/* Changes that are not in the table yet, in order of their making. */
struct facet_note {
    int64_t hash, no;
    size_t seq;
    bool add;
};

struct facet_notes {
    struct facet_note *items;
    size_t n, cap;
};

int64_t facets__hash(int32_t project, enum facet f, struct str value)
{
    uint64_t h = hash64_more((uint64_t)(uint32_t)project << 8 | (uint64_t)f, value);
    return (int64_t)(h >> 16);
}

/* ---- what a trace shows --------------------------------------------------------------------------------------------- */

struct hashes {
    struct arena *a;
    int64_t *items;
    size_t n, cap;
};

static void add_hash(struct hashes *h, int32_t project, enum facet f, struct str value)
{
    if (value.n == 0)
        return;
    h->items = arena_grow(h->a, h->items, &h->cap, h->n + 1, sizeof(*h->items));
    h->items[h->n++] = facets__hash(project, f, value);
}

static void add_tags(struct hashes *h, const struct row *r)
{
    struct json list, tag;
    struct str tags = trace_tags(h->a, r);
    if (tags.n <= 2 || json_parse(h->a, tags, 0, &list, NULL) != ST_OK)
        return;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &tag);)
        if (json_is_str(tag))
            add_hash(h, r->project, FACET_TAG, json_str(tag));
}

void facets__hashes(const struct row *r, struct arena *a, int64_t **hashes, size_t *n)
{
    struct hashes h = { .a = a };
    add_hash(&h, r->project, FACET_USER, trace_user_id(r));
    add_hash(&h, r->project, FACET_SESSION, trace_session_id(r));
    add_hash(&h, r->project, FACET_NAME, trace_name(r));
    add_tags(&h, r);
    *hashes = h.items;
    *n = h.n;
}

/* ---- changes -------------------------------------------------------------------------------------------------------- */

void facets__note(struct sqlite *d, int64_t hash, int64_t no, bool add)
{
    if (!d->facets)
        d->facets = mem_alloc(sizeof(*d->facets));
    struct facet_notes *f = d->facets;
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 256;
        f->items = mem_resize(f->items, f->cap * sizeof(*f->items));
    }
    f->items[f->n] = (struct facet_note){ hash, no, f->n, add };
    f->n++;
}

void facets__note_old(struct sqlite *d, const struct row *old, int64_t no)
{
    int64_t *hashes;
    size_t n;
    struct arena *a = arena_new();
    facets__hashes(old, a, &hashes, &n);
    for (size_t i = 0; i < n; i++)
        facets__note(d, hashes[i], no, false);
    arena_free(a);
}

void facets__clear(struct sqlite *d)
{
    if (d->facets)
        d->facets->n = 0;
}

void facets__free(struct sqlite *d)
{
    if (d->facets)
        mem_free(d->facets->items);
    mem_free(d->facets);
}

static int by_place(const void *x, const void *y)
{
    const struct facet_note *a = x, *b = y;
    if (a->no >> EPOCH_SHIFT != b->no >> EPOCH_SHIFT)
        return a->no >> EPOCH_SHIFT < b->no >> EPOCH_SHIFT ? -1 : 1;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->no != b->no)
        return a->no < b->no ? -1 : 1;
    return a->seq < b->seq ? -1 : 1;
}

static enum status drop_facet(struct conn *c, const struct facet_note *f, struct err *err)
{
    sqlite3_stmt *s;
    enum status st = conn__take(c, STMT_FACET_DROP, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, f->no >> EPOCH_SHIFT);
    sqlite3_bind_int64(s, 2, f->hash);
    sqlite3_bind_int64(s, 3, f->no);
    return conn__run(c, STMT_FACET_DROP, s, err);
}

/* Of several changes of one facet the last counts; dropped and added again is no change. */
enum status facets__flush(struct conn *c, struct err *err)
{
    struct facet_notes *f = c->d->facets;
    if (!f || f->n == 0)
        return ST_OK;
    struct arena *a = arena_new();
    struct bound **rows = arena_array(a, f->n, sizeof(struct bound *));
    struct bound *values = arena_array(a, f->n * 3, sizeof(*values));
    size_t n = 0;
    enum status st = ST_OK;
    qsort(f->items, f->n, sizeof(*f->items), by_place);
    for (size_t i = 0, from = 0; i < f->n && st == ST_OK; i++) {
        const struct facet_note *last = &f->items[i];
        if (i + 1 < f->n && f->items[i + 1].hash == last->hash && f->items[i + 1].no == last->no)
            continue;
        if (!last->add) {
            st = drop_facet(c, last, err);
        } else if (f->items[from].add) {
            struct bound *v = &values[3 * n];
            v[0] = bound_int(last->no >> EPOCH_SHIFT);
            v[1] = bound_int(last->hash);
            v[2] = bound_int(last->no);
            rows[n++] = v;
        }
        from = i + 1;
    }
    if (st == ST_OK)
        st = feed__run(c, STMT_FACET_FEED, rows, n, err);
    arena_free(a);
    f->n = 0;
    return st;
}

/* ---- looking up ----------------------------------------------------------------------------------------------------- */

static int by_number(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? 1 : a > b ? -1 : 0;
}

static size_t unique(int64_t *numbers, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(numbers, n, sizeof(*numbers), by_number);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || numbers[kept - 1] != numbers[i])
            numbers[kept++] = numbers[i];
    return kept;
}

enum status facets__find(struct conn *c, int32_t project, enum facet f, const struct str *values,
    size_t n_values, size_t limit, int64_t **numbers, size_t *n, struct err *err)
{
    sqlite3_stmt *s;
    size_t cap = 0;
    bool row;
    *numbers = NULL;
    *n = 0;
    enum status st = conn__take(c, STMT_FACET_FIND, &s, err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < n_values && *n <= limit && st == ST_OK; i++) {
        sqlite3_bind_int64(s, 1, facets__hash(project, f, values[i]));
        while (*n <= limit && (st = conn__step(c, s, &row, err)) == ST_OK && row) {
            if (*n == cap) {
                cap = cap ? cap * 2 : 64;
                *numbers = mem_resize(*numbers, cap * sizeof(**numbers));
            }
            (*numbers)[(*n)++] = sqlite3_column_int64(s, 0);
        }
        sqlite3_reset(s);
    }
    conn__give(c, STMT_FACET_FIND, s);
    if (*n <= limit)
        *n = unique(*numbers, *n);
    return st;
}
