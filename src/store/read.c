/*
 * Answering queries: the driver visits candidates in order, query_match() decides, the page is filled in.
 *
 * Orders a driver keeps (start, receipt, id, name) stop as soon as the page is full. Every other order looks at all matches and keeps
 * the best `limit`. A total counts all matches, in the same pass unless that begins behind a cursor; rows that a driver promises to be exact
 * are counted without being loaded.
 */
#include "store/store_priv.h"

#include <stdlib.h>

#include "base/log.h"

/* Of one find. */
struct finding {
    struct view view;
    struct arena *a, *scratch; /* of the answer; of the row at hand */
    const struct query *q;
    unsigned needs;
    bool exact;     /* set by the driver */
    bool counting;  /* no page: only the count */
    bool counts_on; /* a full page does not end the pass: the total is wanted too */
    bool whole;     /* all matches are kept, then sorted */
    struct rows page;
    int64_t matches;
    bool more;
    struct cursor original_after;
    enum status st;
    struct err *err;
};

static bool keeps_order(enum order o)
{
    return o == BY_START || o == BY_CREATED || o == BY_UPDATED || o == BY_ID || o == BY_NAME;
}

static bool matches(struct finding *f, struct row *r)
{
    if (f->exact && !f->q->negate)
        return true;
    f->st = store__load(&f->view, f->scratch, r, f->needs, f->err);
    return f->st == ST_OK && query_match(f->scratch, f->q, r);
}

/* Rows that stay are remembered by key and read again into the answer's arena, so that a scan of any length needs the memory of one row.
 * Only an order no driver keeps needs the rows themselves. */
static void keep(struct finding *f, const struct row *r)
{
    struct row kept = *r;
    if (!f->whole)
        kept = (struct row){ .entity = r->entity,
            .project = r->project,
            .scope = arena_dup(f->a, r->scope),
            .id = arena_dup(f->a, r->id) };
    rows_gather(&f->page, &kept);
}

static bool visit(void *ctx, struct row *r)
{
    struct finding *f = ctx;
    bool go_on = true;
    metric_add(&f->view.s->metrics.rows_scanned, 1);
    if (matches(f, r)) {
        f->matches++;
        f->more = !f->counting && !f->whole && f->page.n >= f->q->limit;
        go_on = !f->more || f->counts_on;
        if (!f->counting && !f->more)
            keep(f, r);
    }
    if (f->scratch != f->a)
        arena_reset(f->scratch);
    return go_on && f->st == ST_OK;
}

static int compare_rows(const void *x, const void *y, void *ctx)
{
    return query_compare(ctx, x, y);
}

/* Behind the cursor, then sorted, then cut to the page. */
static void sort_page(struct finding *f)
{
    struct rows *p = &f->page;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (!f->q->after.set || query_after(f->q, &p->items[i]))
            p->items[n++] = p->items[i];
    p->n = n;
    if (n > 1)
        qsort_r(p->items, n, sizeof(*p->items), compare_rows, (void *)(uintptr_t)f->q);
    if (p->n > f->q->limit) {
        p->n = f->q->limit;
        f->more = true;
    }
}

static void skip_offset(struct finding *f, size_t offset)
{
    size_t skip = offset < f->page.n ? offset : f->page.n;
    if (skip == 0) /* an empty page may have no items at all */
        return;
    f->page.items += skip;
    f->page.n -= skip;
}

static enum status find_page(struct finding *f)
{
    struct query q = *f->q;
    f->whole = !keeps_order(q.order);
    q.limit += q.offset;
    if (f->whole)
        q.after.set = false;
    f->q = &q;
    const struct driver_ops *ops = f->view.s->driver->ops;
    f->scratch = f->whole ? f->a : arena_new();
    enum status st =
        ops->scan_query(f->view.s->driver, f->view.rd, f->scratch, &q, visit, f, &f->exact, f->err);
    if (!f->whole)
        arena_free(f->scratch);
    if (st == ST_OK)
        st = f->st;
    if (f->whole) {
        q.after = f->original_after;
        sort_page(f);
    }
    skip_offset(f, q.offset);
    for (size_t i = 0; i < f->page.n && st == ST_OK; i++) {
        struct row *key = &f->page.items[i], *r;
        st = ops->get_row(
            f->view.s->driver, f->view.rd, f->a, key->project, key->entity, key->scope, key->id, &r, f->err);
        if (st != ST_OK || !r)
            continue;
        *key = *r;
        st = store__load(&f->view, f->a, key, q.with, f->err);
    }
    return st;
}

/* The driver's own count, where it can tell. */
static enum status count_quickly(struct finding *f, int64_t *total, bool *counted)
{
    struct query q = *f->q;
    const struct driver_ops *ops = f->view.s->driver->ops;
    q.after.set = false;
    q.limit = SIZE_MAX;
    q.with = 0;
    *counted = false;
    return ops->count_query ? ops->count_query(f->view.s->driver, f->view.rd, &q, total, counted, f->err)
                            : ST_OK;
}

static enum status count_all(struct finding *f, int64_t *total)
{
    struct query q = *f->q;
    q.after.set = false;
    q.limit = SIZE_MAX;
    q.with = 0;
    struct finding c = { .view = f->view,
        .a = f->a,
        .scratch = arena_new(),
        .q = &q,
        .needs = f->needs,
        .counting = true,
        .err = f->err };
    enum status st = f->view.s->driver->ops->scan_query(
        f->view.s->driver, f->view.rd, c.scratch, &q, visit, &c, &c.exact, f->err);
    arena_free(c.scratch);
    *total = c.matches;
    return st == ST_OK ? c.st : st;
}

/* The page, and the total if it is wanted. */
static enum status find_and_count(struct finding *f, struct answer *out)
{
    const struct query *q = f->q;
    bool counted = true;
    enum status st = q->with & WITH_TOTAL ? count_quickly(f, &out->total, &counted) : ST_OK;
    f->counts_on = !counted && q->limit > 0 && (!q->after.set || !keeps_order(q->order));
    if (st == ST_OK && q->limit > 0)
        st = find_page(f);
    f->q = q;
    if (st != ST_OK || counted)
        return st;
    if (!f->counts_on)
        return count_all(f, &out->total);
    out->total = f->matches;
    return ST_OK;
}

enum status store_find(
    struct store *s, struct arena *a, const struct query *q, struct answer *out, struct err *err)
{
    int64_t began = clock_mono_ns();
    struct reader *rd;
    *out = (struct answer){ .total = -1 };
    enum status st = s->driver->ops->reader_take(s->driver, &rd, err);
    if (st != ST_OK)
        return st;
    struct finding f = {
        .view = { s, rd }, .a = a, .q = q, .needs = query_needs(q), .err = err, .original_after = q->after
    };
    f.page.a = a;
    st = find_and_count(&f, out);
    out->rows = f.page.items;
    out->n = f.page.n;
    out->more = f.more;
    out->commit = s->driver->ops->commit_number(s->driver, rd);
    s->driver->ops->reader_drop(s->driver, rd);
    metric_add(&s->metrics.finds, 1);
    metric_time(&s->metrics.find_seconds, clock_mono_ns() - began);
    return st;
}

/* ---- one row -------------------------------------------------------------------------------------------------------- */

static bool newest_start(void *ctx, struct row *r)
{
    struct row **best = ctx;
    if (!*best || row_time(r, OBSERVATION_start_ns) > row_time(*best, OBSERVATION_start_ns))
        *best = r;
    return true;
}

/* An observation by its bare id: the id itself, else a thread message's exchange. */
static enum status get_bare(
    struct view *v, struct arena *a, int32_t project, struct str id, struct row **out, struct err *err)
{
    const struct driver_ops *ops = v->s->driver->ops;
    struct row *alias = NULL;
    *out = NULL;
    enum status st =
        ops->get_row(v->s->driver, v->rd, a, project, RECORD, STR(STORE_EXCHANGE), id, &alias, err);
    if (st == ST_OK && alias) {
        struct str exchange = row_text(alias, RECORD_name);
        return ops->get_row(v->s->driver, v->rd, a, project, OBSERVATION, exchange, exchange, out, err);
    }
    if (st == ST_OK)
        st = ops->scan_bare(v->s->driver, v->rd, a, project, id, newest_start, out, err);
    if (st == ST_OK && !*out)
        st = ops->scan_observation_id(v->s->driver, v->rd, a, project, id, newest_start, out, err);
    return st;
}

enum status store_get(struct store *s, struct arena *a, int32_t project, enum entity e, struct str scope,
    struct str id, unsigned with, struct row **out, struct err *err)
{
    struct reader *rd;
    *out = NULL;
    enum status st = s->driver->ops->reader_take(s->driver, &rd, err);
    if (st != ST_OK)
        return st;
    struct view v = { s, rd };
    if (e == OBSERVATION && !scope.p)
        st = get_bare(&v, a, project, id, out, err);
    else
        st = s->driver->ops->get_row(s->driver, rd, a, project, e, scope, id, out, err);
    if (st == ST_OK && *out)
        st = store__load(&v, a, *out, with, err);
    s->driver->ops->reader_drop(s->driver, rd);
    return st;
}
