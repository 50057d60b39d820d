/*
 * What the open transaction wrote, before SQLite has it: traces, and observations of traces that this transaction made. Most traces arrive
 * whole, so their rows are looked for, changed and scanned here, for the price of a hash, and go to their tables once, in one statement
 * each, at the commit. Rows of older traces go to SQLite at once.
 *
 * Before anything asks SQLite by another key than these rows' own, and when much has gathered, all of it is written (fresh__flush).
 */
#include "store/sqlite/sqlite_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/derived.h"

#define FLUSH_ROWS  8192
#define FLUSH_BYTES (24U << 20)

struct fresh_row {
    enum entity entity;
    int32_t project;
    int64_t no;
    struct str id;
    struct row *row;      /* NULL: of the trace only the number is taken */
    struct bound *values; /* traces: made when put, since they need `derived` */
    struct str derived;
    const int64_t *facets; /* traces */
    size_t n_facets;
    bool is_new;     /* traces: the number was given in this transaction */
    bool was_listed; /* traces: the database has it in trace_at, at was_start_ns */
    int64_t was_start_ns;
    uint32_t first, last; /* traces: list of observations, index + 1 */
    uint32_t next;        /* observations: in that list */
    uint32_t next_child;  /* observations: with the same slot of `child` */
    struct str parent;    /* by which it is in that chain; absent: it is in none */
    uint32_t next_bare;   /* observations: with the same slot of `bare` */
    uint32_t slot;        /* its place in `slots` */
};

struct fresh {
    struct arena *arena;
    struct fresh_row *rows;
    size_t n, cap;
    uint32_t *slots; /* by key, open addressing, index + 1 */
    uint32_t *bare;  /* by (project, id) of observations that are found so, chained */
    uint32_t *child; /* by (project, parent), likewise */
    size_t n_slots;
    int64_t from;    /* traces from this number on are new */
    uint32_t *by_no; /* their rows, index + 1 */
    size_t cap_by_no;
};

struct fresh *fresh__new(void)
{
    struct fresh *f = mem_alloc(sizeof(*f));
    f->arena = arena_new();
    f->n_slots = 1024;
    f->slots = mem_array(f->n_slots, sizeof(*f->slots));
    f->bare = mem_array(f->n_slots, sizeof(*f->bare));
    f->child = mem_array(f->n_slots, sizeof(*f->child));
    return f;
}

void fresh__free(struct fresh *f)
{
    if (!f)
        return;
    arena_free(f->arena);
    mem_free(f->rows);
    mem_free(f->slots);
    mem_free(f->bare);
    mem_free(f->child);
    mem_free(f->by_no);
    mem_free(f);
}

/* ---- finding -------------------------------------------------------------------------------------------------------- */

/* Of an observation `key` is the number of its trace, of a trace its project. */
static size_t hash_of(enum entity e, int64_t key, struct str id)
{
    return hash64(id) ^ ((uint64_t)key * 2 + (e == TRACE)) * UINT64_C(0x9E3779B97F4A7C15);
}

static bool is_it(const struct fresh_row *r, enum entity e, int64_t key, struct str id)
{
    return r->entity == e && (e == TRACE ? r->project : r->no) == key && str_eq(r->id, id);
}

static size_t slot_of(const struct fresh *f, enum entity e, int64_t key, struct str id)
{
    size_t at = hash_of(e, key, id) & (f->n_slots - 1);
    while (f->slots[at] && !is_it(&f->rows[f->slots[at] - 1], e, key, id))
        at = (at + 1) & (f->n_slots - 1);
    return at;
}

static struct fresh_row *find(const struct fresh *f, enum entity e, int64_t key, struct str id)
{
    uint32_t at = f->slots[slot_of(f, e, key, id)];
    return at ? &f->rows[at - 1] : NULL;
}

static uint32_t *chain_slot(const struct fresh *f, uint32_t *slots, int32_t project, struct str id)
{
    return &slots[hash_of(OBSERVATION, project, id) & (f->n_slots - 1)];
}

static void chain_bare(struct fresh *f, uint32_t at)
{
    struct fresh_row *r = &f->rows[at - 1];
    uint32_t *slot = chain_slot(f, f->bare, r->project, r->id);
    r->next_bare = *slot;
    *slot = at;
}

static void chain_child(struct fresh *f, uint32_t at)
{
    struct fresh_row *r = &f->rows[at - 1];
    if (!r->parent.p)
        return;
    uint32_t *slot = chain_slot(f, f->child, r->project, r->parent);
    r->next_child = *slot;
    *slot = at;
}

static void unchain_child(struct fresh *f, uint32_t at)
{
    struct fresh_row *r = &f->rows[at - 1];
    if (!r->parent.p)
        return;
    uint32_t *link = chain_slot(f, f->child, r->project, r->parent);
    while (*link != at)
        link = &f->rows[*link - 1].next_child;
    *link = r->next_child;
    r->parent = STR_NONE;
}

static void grow_slots(struct fresh *f)
{
    mem_free(f->slots);
    mem_free(f->bare);
    mem_free(f->child);
    f->n_slots *= 2;
    f->slots = mem_array(f->n_slots, sizeof(*f->slots));
    f->bare = mem_array(f->n_slots, sizeof(*f->bare));
    f->child = mem_array(f->n_slots, sizeof(*f->child));
    assert(f->rows || f->n == 0);
    for (uint32_t i = 0; i < f->n; i++) {
        struct fresh_row *r = &f->rows[i];
        r->slot = (uint32_t)slot_of(f, r->entity, r->entity == TRACE ? r->project : r->no, r->id);
        f->slots[r->slot] = i + 1;
        if (r->entity == OBSERVATION) {
            chain_bare(f, i + 1);
            chain_child(f, i + 1);
        }
    }
}

static struct fresh_row *add(struct fresh *f, enum entity e, int32_t project, int64_t no, struct str id)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 256;
        f->rows = mem_resize(f->rows, f->cap * sizeof(*f->rows));
    }
    if ((f->n + 1) * 2 > f->n_slots)
        grow_slots(f);
    assert(f->rows && f->n < f->cap);
    struct fresh_row *r = &f->rows[f->n];
    *r = (struct fresh_row){ .entity = e, .project = project, .no = no, .id = arena_dup(f->arena, id) };
    r->slot = (uint32_t)slot_of(f, e, e == TRACE ? project : no, r->id);
    f->slots[r->slot] = (uint32_t)++f->n;
    return r;
}

void fresh__clear(struct sqlite *d)
{
    struct fresh *f = d->fresh;
    for (size_t i = 0; i < f->n; i++) {
        f->slots[f->rows[i].slot] = 0;
        *chain_slot(f, f->bare, f->rows[i].project, f->rows[i].id) = 0;
        if (f->rows[i].parent.p)
            *chain_slot(f, f->child, f->rows[i].project, f->rows[i].parent) = 0;
    }
    if (f->n > 0)
        arena_reset(f->arena);
    f->n = 0;
    f->from = d->next_trace;
}

bool fresh__has_trace(const struct sqlite *d, int64_t no)
{
    return no >= d->fresh->from;
}

/* ---- copies --------------------------------------------------------------------------------------------------------- */

static struct row *copy_in(struct arena *a, const struct row *r)
{
    size_t n;
    model_columns(r->entity, &n);
    struct row *copy = arena_alloc(a, sizeof(*copy));
    *copy = (struct row){ .entity = r->entity,
        .project = r->project,
        .created_ns = r->created_ns,
        .updated_ns = r->updated_ns,
        .identity = r->identity };
    copy->id = arena_dup(a, r->id);
    copy->scope = arena_dup(a, r->scope);
    copy->fold = arena_dup(a, r->fold);
    for (size_t i = 0; i < n; i++) {
        copy->cols[i] = r->cols[i];
        if (r->cols[i].kind == V_TEXT || r->cols[i].kind == V_JSON)
            copy->cols[i].s = arena_dup(a, r->cols[i].s);
    }
    return copy;
}

/* Texts are copied too: a caller may keep the row over a flush. */
static enum status copy_out(struct arena *a, const struct fresh_row *r, struct row **out, struct err *err)
{
    struct row *copy = copy_in(a, r->row);
    *out = copy;
    copy->number = r->no;
    if (!r->derived.n)
        return ST_OK;
    copy->derived = arena_alloc(a, sizeof(*copy->derived));
    return derived_decode(a, arena_dup(a, r->derived), copy->derived, err);
}

/* ---- traces --------------------------------------------------------------------------------------------------------- */

int64_t fresh__number(const struct sqlite *d, int32_t project, struct str id)
{
    const struct fresh_row *r = find(d->fresh, TRACE, project, id);
    return r ? r->no : 0;
}

void fresh__add_trace(struct sqlite *d, int32_t project, struct str id, int64_t no)
{
    struct fresh *f = d->fresh;
    size_t at = (size_t)(no - f->from);
    struct fresh_row *r = add(f, TRACE, project, no, id);
    r->is_new = true;
    if (at >= f->cap_by_no) {
        f->cap_by_no = f->cap_by_no ? f->cap_by_no * 2 : 256;
        f->by_no = mem_resize(f->by_no, f->cap_by_no * sizeof(*f->by_no));
    }
    f->by_no[at] = (uint32_t)f->n;
}

enum status fresh__get_trace(struct conn *c, struct arena *a, int32_t project, struct str id, bool *known,
    struct row **out, struct err *err)
{
    const struct fresh_row *r = find(c->d->fresh, TRACE, project, id);
    *known = r != NULL;
    *out = NULL;
    return r && r->row ? copy_out(a, r, out, err) : ST_OK;
}

static enum status flush_when_full(struct conn *c, struct err *err)
{
    struct fresh *f = c->d->fresh;
    if (f->n < FLUSH_ROWS && arena_bytes(f->arena) < FLUSH_BYTES)
        return ST_OK;
    return fresh__flush(c, err);
}

enum status fresh__put_trace(
    struct conn *c, const struct row *r, const struct row *old, int64_t no, struct err *err)
{
    struct fresh *f = c->d->fresh;
    struct fresh_row *x = find(f, TRACE, r->project, r->id);
    if (!x) {
        x = add(f, TRACE, r->project, no, r->id);
        x->was_listed = old != NULL;
        x->was_start_ns = old ? trace_start_ns(old) : 0;
        if (old)
            facets__note_old(c->d, old, no);
    }
    size_t n = 0;
    int64_t *hashes;
    facets__hashes(r, f->arena, &hashes, &n);
    x->facets = hashes;
    x->n_facets = n;
    x->row = copy_in(f->arena, r);
    enum status st = values__of(c, r, no, f->arena, &x->values, err);
    if (st != ST_OK)
        return st;
    struct bound *v = x->values;
    int last = tables__count(TRACE) - 1;
    x->derived = v[last].s;
    for (int i = 0; i < last; i++) /* texts of r live no longer than r */
        if (v[i].kind == BOUND_TEXT || v[i].kind == BOUND_BLOB)
            v[i].s = arena_dup(f->arena, v[i].s);
    return flush_when_full(c, err);
}

/* ---- observations of new traces ------------------------------------------------------------------------------------- */

enum status fresh__get_observation(
    struct conn *c, struct arena *a, int64_t no, struct str id, struct row **out, struct err *err)
{
    const struct fresh_row *r = find(c->d->fresh, OBSERVATION, no, id);
    *out = NULL;
    return r ? copy_out(a, r, out, err) : ST_OK;
}

static uint32_t add_observation(struct fresh *f, const struct row *r, int64_t no)
{
    add(f, OBSERVATION, r->project, no, r->id);
    uint32_t at = (uint32_t)f->n;
    struct fresh_row *trace = &f->rows[f->by_no[no - f->from] - 1];
    if (trace->last)
        f->rows[trace->last - 1].next = at;
    else
        trace->first = at;
    trace->last = at;
    chain_bare(f, at);
    return at;
}

enum status fresh__put_observation(struct conn *c, const struct row *r, int64_t no, struct err *err)
{
    struct fresh *f = c->d->fresh;
    struct fresh_row *x = find(f, OBSERVATION, no, r->id);
    uint32_t at = x ? (uint32_t)(x - f->rows) + 1 : add_observation(f, r, no);
    x = &f->rows[at - 1];
    x->row = copy_in(f->arena, r);
    struct str parent = r->identity == IDENTITY_TREE ? row_text(x->row, OBSERVATION_parent_id) : STR_NONE;
    if (!x->parent.p != !parent.p || !str_eq(x->parent, parent)) {
        unchain_child(f, at);
        x->parent = parent;
        chain_child(f, at);
    }
    return flush_when_full(c, err);
}

static int by_id(const void *x, const void *y)
{
    return str_cmp((*(struct row *const *)x)->id, (*(struct row *const *)y)->id);
}

static enum status visit_each(struct row **rows, size_t n, row_visitor *visit, void *ctx)
{
    for (size_t i = 0; i < n; i++)
        if (!visit(ctx, rows[i]))
            break;
    return ST_OK;
}

/* Gathered first: what the visitor writes must not meet the list. */
enum status fresh__scan_trace(
    struct conn *c, struct arena *a, int64_t no, row_visitor *visit, void *ctx, struct err *err)
{
    const struct fresh *f = c->d->fresh;
    struct row **rows = NULL;
    size_t n = 0, cap = 0;
    enum status st = ST_OK;
    for (uint32_t at = f->rows[f->by_no[no - f->from] - 1].first; at && st == ST_OK;
         at = f->rows[at - 1].next) {
        rows = arena_grow(a, rows, &cap, n + 1, sizeof(struct row *));
        st = copy_out(a, &f->rows[at - 1], &rows[n++], err);
    }
    if (st != ST_OK)
        return st;
    if (n > 1)
        qsort(rows, n, sizeof(struct row *), by_id);
    return visit_each(rows, n, visit, ctx);
}

enum status fresh__bare(struct conn *c, struct arena *a, int32_t project, struct str id, struct row ***out,
    size_t *n, struct err *err)
{
    const struct fresh *f = c->d->fresh;
    size_t cap = 0;
    enum status st = ST_OK;
    *out = NULL;
    *n = 0;
    for (uint32_t at = *chain_slot(f, f->bare, project, id); at && st == ST_OK;
         at = f->rows[at - 1].next_bare) {
        const struct fresh_row *r = &f->rows[at - 1];
        if (r->project != project || r->row->identity == IDENTITY_SCOPED || !str_eq(r->id, id))
            continue;
        *out = arena_grow(a, *out, &cap, *n + 1, sizeof(struct row *));
        st = copy_out(a, r, &(*out)[(*n)++], err);
    }
    return st;
}

enum status fresh__children(struct conn *c, struct arena *a, int32_t project, struct str parent,
    struct row ***out, size_t *n, struct err *err)
{
    const struct fresh *f = c->d->fresh;
    size_t cap = 0;
    enum status st = ST_OK;
    *out = NULL;
    *n = 0;
    for (uint32_t at = *chain_slot(f, f->child, project, parent); at && st == ST_OK;
         at = f->rows[at - 1].next_child) {
        const struct fresh_row *r = &f->rows[at - 1];
        if (r->project != project || !str_eq(r->parent, parent))
            continue;
        *out = arena_grow(a, *out, &cap, *n + 1, sizeof(struct row *));
        st = copy_out(a, r, &(*out)[(*n)++], err);
    }
    return st;
}

/* ---- to the tables -------------------------------------------------------------------------------------------------- */

/* In order of arrival, which is nearly that of the keys: traces are numbered so. */
static enum status flush_observations(struct conn *c, struct err *err)
{
    struct fresh *f = c->d->fresh;
    struct bound **rows = arena_array(f->arena, f->n + 1, sizeof(struct bound *));
    size_t n = 0, bare = 0;
    enum status st = ST_OK;
    for (size_t i = 0; i < f->n && st == ST_OK; i++) {
        const struct row *r = f->rows[i].row;
        if (f->rows[i].entity != OBSERVATION)
            continue;
        st = values__of(c, r, f->rows[i].no, f->arena, &rows[n++], err);
        bare += r->identity != IDENTITY_SCOPED;
        tally__add(c->d, r->project, OBSERVATION, 1);
        if (st == ST_OK && row_text(r, OBSERVATION_model).n)
            facets__note(c->d, facets__hash(r->project, FACET_MODEL, row_text(r, OBSERVATION_model)),
                f->rows[i].no, true);
    }
    if (st == ST_OK)
        st = feed__run(c, STMT_FEED_OBSERVATION, rows, n, err);
    if (st == ST_OK)
        st = feed__run(c, STMT_FEED_OBSERVATION_AT, rows, n, err);
    if (st == ST_OK && bare)
        st = feed__run(c, STMT_FEED_BARE, rows, n, err);
    if (st == ST_OK && bare)
        st = feed__run(c, STMT_FEED_CHILD, rows, n, err);
    return st;
}

static struct bound *hollow(struct arena *a, const struct fresh_row *r)
{
    struct bound *v = arena_array(a, (size_t)tables__count(TRACE), sizeof(*v));
    v[0] = bound_int(r->no);
    v[1] = bound_int(r->project);
    v[2] = bound_id(a, r->id);
    return v;
}

static int64_t start_of(const struct bound *values)
{
    const struct bound *v = &values[tables[TRACE].n_keys + 1]; /* the first kept column */
    return v->kind == BOUND_INT ? v->i : TIME_NONE;
}

static enum status flush_changed_trace(struct conn *c, const struct fresh_row *r, struct err *err)
{
    sqlite3_stmt *s;
    enum status st = conn__take(c, STMT_PUT + TRACE, &s, err);
    if (st != ST_OK)
        return st;
    for (int i = 0; i < tables__count(TRACE); i++)
        bound_bind(s, i + 1, &r->values[i]);
    st = conn__run(c, STMT_PUT + TRACE, s, err);
    return st == ST_OK ? traces__move_in_list(
                             c, r->project, r->no, r->was_listed, r->was_start_ns, start_of(r->values), err)
                       : st;
}

static enum status flush_traces(struct conn *c, struct err *err)
{
    struct fresh *f = c->d->fresh;
    struct bound **rows = arena_array(f->arena, f->n + 1, sizeof(struct bound *));
    size_t n = 0;
    enum status st = ST_OK;
    for (size_t i = 0; i < f->n && st == ST_OK; i++) {
        const struct fresh_row *r = &f->rows[i];
        if (r->entity != TRACE)
            continue;
        if (r->row && !r->was_listed)
            tally__add(c->d, r->project, TRACE, 1);
        if (r->is_new)
            rows[n++] = r->row ? r->values : hollow(f->arena, r);
        else
            st = flush_changed_trace(c, r, err);
        for (size_t k = 0; k < r->n_facets; k++)
            facets__note(c->d, r->facets[k], r->no, true);
    }
    if (st == ST_OK)
        st = feed__run(c, STMT_FEED_TRACE, rows, n, err);
    return st == ST_OK ? feed__run(c, STMT_FEED_TRACE_AT, rows, n, err) : st;
}

enum status fresh__flush(struct conn *c, struct err *err)
{
    enum status st = ST_OK;
    if (c->d->fresh->n > 0) {
        st = flush_traces(c, err);
        if (st == ST_OK)
            st = flush_observations(c, err);
        if (st == ST_OK)
            fresh__clear(c->d);
    }
    return st == ST_OK ? facets__flush(c, err) : st;
}
