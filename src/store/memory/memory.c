/*
 * The in-memory driver: rows in search trees, payload in an array. The oracle of the tests: every answer by looking at everything, so it
 * is short enough to be right. One writer, no snapshots: readers must not run beside a commit.
 */
#include <search.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/driver.h"

struct item {
    struct row row;
    struct arena *arena; /* of everything the row points at */
};

/* What one put or delete did, to be undone by a rollback: the entry that was there before, if any. */
struct undo {
    struct item *now, *before;
};

struct memory {
    struct driver base;
    void *tree[ENTITY_COUNT];
    struct str *payload;
    size_t n_payload, cap_payload;
    size_t payload_at_begin;
    struct undo *undo;
    size_t n_undo, cap_undo;
    int64_t commits, next_number;
};

static struct memory *memory_of(struct driver *d)
{
    return (struct memory *)d;
}

static int by_key(const void *x, const void *y)
{
    const struct row *a = &((const struct item *)x)->row, *b = &((const struct item *)y)->row;
    if (a->project != b->project)
        return a->project < b->project ? -1 : 1;
    int c = str_cmp(a->scope, b->scope);
    return c ? c : str_cmp(a->id, b->id);
}

static struct item *item_find(
    struct memory *m, int32_t project, enum entity e, struct str scope, struct str id)
{
    struct item key = { .row = { .project = project, .scope = scope, .id = id } };
    struct item **found = tfind(&key, &m->tree[e], by_key);
    return found ? *found : NULL;
}

static struct derived *derived_copy(struct arena *a, const struct derived *d)
{
    if (!d)
        return NULL;
    struct derived *copy = arena_alloc(a, sizeof(*copy));
    *copy = *d;
    struct str *texts[] = { &copy->usage, &copy->first_error, &copy->name, &copy->user_id, &copy->session_id,
        &copy->release, &copy->version, &copy->environment, &copy->tags, &copy->input.s, &copy->output.s,
        &copy->input_guess.s, &copy->output_guess.s, &copy->metadata.s };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = arena_dup(a, *texts[i]);
    return copy;
}

static void row_copy(struct arena *a, struct row *to, const struct row *from)
{
    *to = (struct row){
        .entity = from->entity, .project = from->project, .identity = from->identity, .number = from->number
    };
    to->scope = arena_dup(a, from->scope);
    to->id = arena_dup(a, from->id);
    to->fold = arena_dup(a, from->fold);
    to->created_ns = from->created_ns;
    to->updated_ns = from->updated_ns;
    to->derived = derived_copy(a, from->derived);
    for (size_t c = 0; c < COLUMNS_MAX; c++) {
        to->cols[c] = from->cols[c];
        to->cols[c].s = arena_dup(a, from->cols[c].s);
    }
}

static struct item *item_new(const struct row *r)
{
    struct item *e = mem_alloc(sizeof(*e));
    e->arena = arena_new();
    row_copy(e->arena, &e->row, r);
    return e;
}

static void item_free(void *p)
{
    struct item *e = p;
    if (e)
        arena_free(e->arena);
    mem_free(e);
}

static void remember(struct memory *m, struct item *now, struct item *before)
{
    if (m->n_undo == m->cap_undo) {
        m->cap_undo = m->cap_undo ? m->cap_undo * 2 : 64;
        m->undo = mem_resize(m->undo, m->cap_undo * sizeof(*m->undo));
    }
    m->undo[m->n_undo++] = (struct undo){ now, before };
}

static enum status memory_begin(struct driver *d, struct err *err)
{
    (void)err;
    memory_of(d)->payload_at_begin = memory_of(d)->n_payload;
    return ST_OK;
}

static enum status memory_commit(struct driver *d, struct err *err)
{
    struct memory *m = memory_of(d);
    (void)err;
    for (size_t i = 0; i < m->n_undo; i++)
        item_free(m->undo[i].before);
    m->n_undo = 0;
    m->commits++;
    return ST_OK;
}

static void memory_rollback(struct driver *d)
{
    struct memory *m = memory_of(d);
    while (m->n_undo > 0) {
        struct undo u = m->undo[--m->n_undo];
        if (u.now) {
            tdelete(u.now, &m->tree[u.now->row.entity], by_key);
            item_free(u.now);
        }
        if (u.before)
            tsearch(u.before, &m->tree[u.before->row.entity], by_key);
    }
    while (m->n_payload > m->payload_at_begin)
        mem_free((char *)(uintptr_t)m->payload[--m->n_payload].p);
}

static void memory_maintain(struct driver *d)
{
    (void)d;
}

static enum status memory_payload_add(struct driver *d, struct str bytes, int64_t *pointer, struct err *err)
{
    struct memory *m = memory_of(d);
    (void)err;
    if (m->n_payload == m->cap_payload) {
        m->cap_payload = m->cap_payload ? m->cap_payload * 2 : 64;
        m->payload = mem_resize(m->payload, m->cap_payload * sizeof(*m->payload));
    }
    struct buf copy;
    buf_init(&copy, 0);
    buf_add_str(&copy, bytes);
    size_t n;
    char *p = buf_take(&copy, &n);
    m->payload[m->n_payload++] = (struct str){ p, n };
    *pointer = (int64_t)m->n_payload;
    return ST_OK;
}

static enum status memory_payload_get(
    struct driver *d, struct reader *rd, struct arena *a, int64_t pointer, struct str *bytes, struct err *err)
{
    struct memory *m = memory_of(d);
    (void)rd;
    if (pointer < 1 || (size_t)pointer > m->n_payload)
        return err_set(err, ST_CORRUPT, "no payload record %lld", (long long)pointer);
    *bytes = arena_dup(a, m->payload[pointer - 1]);
    return ST_OK;
}

static enum status memory_put(struct driver *d, struct row *r, const struct row *old, struct err *err)
{
    struct memory *m = memory_of(d);
    (void)old;
    (void)err;
    struct item *before = item_find(m, r->project, r->entity, r->scope, r->id);
    if (before)
        tdelete(before, &m->tree[r->entity], by_key);
    if (r->number == 0)
        r->number = before ? before->row.number : ++m->next_number;
    struct item *now = item_new(r);
    tsearch(now, &m->tree[r->entity], by_key);
    remember(m, now, before);
    return ST_OK;
}

static enum status memory_delete(struct driver *d, const struct row *r, struct err *err)
{
    struct memory *m = memory_of(d);
    (void)err;
    struct item *before = item_find(m, r->project, r->entity, r->scope, r->id);
    if (!before)
        return ST_OK;
    tdelete(before, &m->tree[r->entity], by_key);
    remember(m, NULL, before);
    return ST_OK;
}

static enum status memory_reader_take(struct driver *d, struct reader **rd, struct err *err)
{
    (void)err;
    *rd = (struct reader *)d;
    return ST_OK;
}

static void memory_reader_drop(struct driver *d, struct reader *rd)
{
    (void)d;
    (void)rd;
}

static enum status memory_get(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    enum entity e, struct str scope, struct str id, struct row **out, struct err *err)
{
    (void)rd;
    (void)err;
    struct item *found = item_find(memory_of(d), project, e, scope, id);
    *out = NULL;
    if (found) {
        *out = arena_alloc(a, sizeof(**out));
        row_copy(a, *out, &found->row);
    }
    return ST_OK;
}

/* ---- scans: gather what a predicate wants, then visit copies -------------------------------------------------------- */

struct scan {
    const struct item **items;
    size_t n, cap;
    int32_t project;
    struct str value;
    unsigned by;
    bool (*wants)(const struct scan *s, const struct row *r);
};

static void gather(const void *node, VISIT which, void *ctx)
{
    struct scan *s = ctx;
    const struct item *e = *(const struct item *const *)node;
    if ((which != postorder && which != leaf) || e->row.project != s->project || !s->wants(s, &e->row))
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->items = mem_resize(s->items, s->cap * sizeof(*s->items));
    }
    s->items[s->n++] = e;
}

static enum status visit_all(
    struct memory *m, enum entity e, struct scan *s, struct arena *a, row_visitor *visit, void *ctx)
{
    twalk_r(m->tree[e], gather, s);
    for (size_t i = 0; i < s->n; i++) {
        struct row *copy = arena_alloc(a, sizeof(*copy));
        row_copy(a, copy, &s->items[i]->row);
        if (!visit(ctx, copy))
            break;
    }
    mem_free(s->items);
    return ST_OK;
}

static bool wants_scope(const struct scan *s, const struct row *r)
{
    return str_eq(r->scope, s->value);
}

static bool wants_bare(const struct scan *s, const struct row *r)
{
    return r->identity != IDENTITY_SCOPED && str_eq(r->id, s->value);
}

static bool wants_child(const struct scan *s, const struct row *r)
{
    return r->identity == IDENTITY_TREE && str_eq(row_text(r, OBSERVATION_parent_id), s->value);
}

static bool wants_id(const struct scan *s, const struct row *r)
{
    return str_eq(r->id, s->value);
}

static bool wants_link(const struct scan *s, const struct row *r)
{
    switch (s->by) {
    case LINK_TRACE_SESSION: return str_eq(trace_session_id(r), s->value);
    case LINK_MESSAGE_ID: return str_eq(r->id, s->value);
    default: return str_eq(row_text(r, s->by), s->value);
    }
}

static bool wants_all(const struct scan *s, const struct row *r)
{
    (void)s;
    (void)r;
    return true;
}

static enum status memory_scan_scope(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    enum entity e, struct str scope, row_visitor *visit, void *ctx, struct err *err)
{
    (void)rd;
    (void)err;
    struct scan s = { .project = project, .value = scope, .wants = wants_scope };
    return visit_all(memory_of(d), e, &s, a, visit, ctx);
}

static enum status memory_scan_bare(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    struct str id, row_visitor *visit, void *ctx, struct err *err)
{
    (void)rd;
    (void)err;
    struct scan s = { .project = project, .value = id, .wants = wants_bare };
    return visit_all(memory_of(d), OBSERVATION, &s, a, visit, ctx);
}

static enum status memory_scan_children(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    struct str parent_id, row_visitor *visit, void *ctx, struct err *err)
{
    (void)rd;
    (void)err;
    struct scan s = { .project = project, .value = parent_id, .wants = wants_child };
    return visit_all(memory_of(d), OBSERVATION, &s, a, visit, ctx);
}

static enum status memory_scan_id(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    struct str id, row_visitor *visit, void *ctx, struct err *err)
{
    (void)rd;
    (void)err;
    struct scan s = { .project = project, .value = id, .wants = wants_id };
    return visit_all(memory_of(d), OBSERVATION, &s, a, visit, ctx);
}

static enum status memory_scan_link(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    enum entity e, unsigned by, struct str value, row_visitor *visit, void *ctx, struct err *err)
{
    (void)rd;
    (void)err;
    struct scan s = { .project = project, .value = value, .by = by, .wants = wants_link };
    return visit_all(memory_of(d), e, &s, a, visit, ctx);
}

static int by_query(const void *x, const void *y, void *ctx)
{
    return query_compare(ctx, &(*(const struct item *const *)x)->row, &(*(const struct item *const *)y)->row);
}

static enum status memory_scan_query(struct driver *d, struct reader *rd, struct arena *a,
    const struct query *q, row_visitor *visit, void *ctx, bool *exact, struct err *err)
{
    (void)rd;
    (void)err;
    struct scan s = { .project = q->project, .wants = wants_all };
    twalk_r(memory_of(d)->tree[q->entity], gather, &s);
    if (s.n > 1)
        qsort_r(s.items, s.n, sizeof(*s.items), by_query, (void *)(uintptr_t)q);
    *exact = false;
    for (size_t i = 0; i < s.n; i++) {
        if (q->after.set && !query_after(q, &s.items[i]->row))
            continue;
        struct row *copy = arena_alloc(a, sizeof(*copy));
        row_copy(a, copy, &s.items[i]->row);
        if (!visit(ctx, copy))
            break;
    }
    mem_free(s.items);
    return ST_OK;
}

static int64_t memory_commit_number(struct driver *d, struct reader *rd)
{
    (void)rd;
    return memory_of(d)->commits;
}

static void memory_close(struct driver *d)
{
    struct memory *m = memory_of(d);
    for (size_t e = 0; e < ENTITY_COUNT; e++)
        tdestroy(m->tree[e], item_free);
    for (size_t i = 0; i < m->n_payload; i++)
        mem_free((char *)(uintptr_t)m->payload[i].p);
    mem_free(m->payload);
    mem_free(m->undo);
    mem_free(m);
}

static const struct driver_ops memory_ops = {
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .maintain = memory_maintain,
    .payload_add = memory_payload_add,
    .put_row = memory_put,
    .delete_row = memory_delete,
    .reader_take = memory_reader_take,
    .reader_drop = memory_reader_drop,
    .payload_get = memory_payload_get,
    .get_row = memory_get,
    .scan_scope = memory_scan_scope,
    .scan_bare = memory_scan_bare,
    .scan_children = memory_scan_children,
    .scan_observation_id = memory_scan_id,
    .scan_link = memory_scan_link,
    .scan_query = memory_scan_query,
    .commit_number = memory_commit_number,
    .close = memory_close,
};

enum status driver_memory_open(struct store_metrics *metrics, struct driver **out, struct err *err)
{
    (void)err;
    struct memory *m = mem_alloc(sizeof(*m));
    m->base = (struct driver){ &memory_ops, metrics };
    *out = &m->base;
    return ST_OK;
}
