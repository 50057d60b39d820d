/*
 * Traces by value: user, session, name, tag, and the models of their observations.
 *
 *   facet_new(seq, hash, no, gone)   in order of arrival; gone: no longer shown
 *   facet(epoch, hash, no)           hash: 48 bits over project, facet and value; epoch: 65,536 trace numbers
 *
 * Candidates only: a hash may collide, and the row has the last word. A facet is a random key, so writing it at once would touch a page a
 * facet and commit; appended to facet_new it touches none of its own. When SPILL of them have gathered they go over, sorted, into the few
 * megabytes of the newest epoch, however many traces are stored. A question scans facet_new, a millisecond, and looks into each epoch,
 * newest first.
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

static void add_note(struct facet_notes *f, int64_t hash, int64_t no, bool add)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 256;
        f->items = mem_resize(f->items, f->cap * sizeof(*f->items));
    }
    f->items[f->n] = (struct facet_note){ hash, no, f->n, add };
    f->n++;
}

void facets__note(struct sqlite *d, int64_t hash, int64_t no, bool add)
{
    if (!d->facets)
        d->facets = mem_alloc(sizeof(*d->facets));
    add_note(d->facets, hash, no, add);
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

/* Of several changes of one facet the last counts; dropped and added again is no change. Returns how many are left. */
static size_t settle(struct facet_note *items, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(items, n, sizeof(*items), by_place);
    for (size_t i = 0, from = 0; i < n; i++) {
        if (i + 1 < n && items[i + 1].hash == items[i].hash && items[i + 1].no == items[i].no)
            continue;
        if (items[from].add || !items[i].add)
            items[kept++] = items[i];
        from = i + 1;
    }
    return kept;
}

/* Through feed.c: (hash, no, gone), or what of them is wanted as (epoch, hash, no). */
static enum status run_notes(struct conn *c, unsigned which, const struct facet_note *items, size_t n,
    bool placed, bool add, struct err *err)
{
    struct arena *a = arena_new();
    struct bound **rows = arena_array(a, n + 1, sizeof(struct bound *));
    struct bound *values = arena_array(a, n * 3 + 1, sizeof(*values));
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct bound *v = &values[3 * i];
        if (placed && items[i].add != add)
            continue;
        v[0] = bound_int(placed ? items[i].no >> EPOCH_SHIFT : items[i].hash);
        v[1] = bound_int(placed ? items[i].hash : items[i].no);
        v[2] = bound_int(placed ? items[i].no : !items[i].add);
        rows[kept++] = v;
    }
    enum status st = feed__run(c, which, rows, kept, err);
    arena_free(a);
    return st;
}

enum status facets__flush(struct conn *c, struct err *err)
{
    struct facet_notes *f = c->d->facets;
    if (!f || f->n == 0)
        return ST_OK;
    size_t n = settle(f->items, f->n);
    f->n = 0;
    enum status st = run_notes(c, STMT_FACET_NEW_FEED, f->items, n, false, false, err);
    if (st == ST_OK)
        c->d->facets_new += (int64_t)n;
    return st;
}

static enum status read_new(struct conn *c, struct facet_notes *out, struct err *err)
{
    sqlite3_stmt *s;
    bool row;
    enum status st = conn__take(c, STMT_FACET_NEW_ALL, &s, err);
    if (st != ST_OK)
        return st;
    while ((st = conn__step(c, s, &row, err)) == ST_OK && row)
        add_note(out, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1), !sqlite3_column_int(s, 2));
    conn__give(c, STMT_FACET_NEW_ALL, s);
    return st;
}

static enum status spill(struct conn *c, struct facet_notes *notes, struct err *err)
{
    sqlite3_stmt *s;
    enum status st = read_new(c, notes, err);
    if (st != ST_OK)
        return st;
    if (notes->n > 1)
        qsort(notes->items, notes->n, sizeof(*notes->items), by_place);
    size_t n = 0;
    for (size_t i = 0; i < notes->n; i++) /* the last of each */
        if (i + 1 == notes->n || notes->items[i + 1].hash != notes->items[i].hash ||
            notes->items[i + 1].no != notes->items[i].no)
            notes->items[n++] = notes->items[i];
    st = run_notes(c, STMT_FACET_DROP, notes->items, n, true, false, err);
    if (st == ST_OK)
        st = run_notes(c, STMT_FACET_ADD, notes->items, n, true, true, err);
    if (st == ST_OK)
        st = conn__take(c, STMT_FACET_NEW_CLEAR, &s, err);
    return st == ST_OK ? conn__run(c, STMT_FACET_NEW_CLEAR, s, err) : st;
}

enum status facets__spill(struct conn *c, struct err *err)
{
    struct facet_notes notes = { 0 };
    enum status st = conn__exec(c, "BEGIN IMMEDIATE", err);
    if (st != ST_OK)
        return st;
    st = spill(c, &notes, err);
    mem_free(notes.items);
    if (st == ST_OK)
        st = conn__exec(c, "COMMIT", err);
    if (st == ST_OK)
        c->d->facets_new = 0;
    else if (!sqlite3_get_autocommit(c->db))
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
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

struct numbers {
    int64_t *items;
    size_t n, cap;
};

static void add_number(struct numbers *out, int64_t no)
{
    if (out->n == out->cap) {
        out->cap = out->cap ? out->cap * 2 : 64;
        out->items = mem_resize(out->items, out->cap * sizeof(*out->items));
    }
    out->items[out->n++] = no;
}

/* In order of arrival: what is gone takes back what came before. */
static void change_number(struct numbers *out, size_t from, int64_t no, bool gone)
{
    if (!gone) {
        add_number(out, no);
        return;
    }
    size_t kept = from;
    for (size_t i = from; i < out->n; i++)
        if (out->items[i] != no)
            out->items[kept++] = out->items[i];
    out->n = kept;
}

static enum status find_in(
    struct conn *c, unsigned which, int64_t hash, size_t limit, struct numbers *out, struct err *err)
{
    sqlite3_stmt *s;
    bool row;
    size_t from = out->n;
    enum status st = conn__take(c, which, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, hash);
    while (out->n <= limit && (st = conn__step(c, s, &row, err)) == ST_OK && row)
        change_number(out, from, sqlite3_column_int64(s, 0), sqlite3_column_int(s, 1));
    conn__give(c, which, s);
    return st;
}

enum status facets__find(struct conn *c, int32_t project, enum facet f, const struct str *values,
    size_t n_values, size_t limit, int64_t **numbers, size_t *n, struct err *err)
{
    struct numbers found = { 0 };
    enum status st = ST_OK;
    for (size_t i = 0; i < n_values && found.n <= limit && st == ST_OK; i++) {
        int64_t hash = facets__hash(project, f, values[i]);
        st = find_in(c, STMT_FACET_NEW_FIND, hash, limit, &found, err);
        if (st == ST_OK)
            st = find_in(c, STMT_FACET_FIND, hash, limit, &found, err);
    }
    if (found.n <= limit)
        found.n = unique(found.items, found.n);
    *numbers = found.items;
    *n = found.n;
    return st;
}
