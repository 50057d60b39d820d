/*
 * Where an LLMonitor run lives: the trace of the root reached by parents (merge.md 7.3).
 *
 *   no parent                    the run is a root, its trace has its id
 *   parent is a thread           the same; the thread is its session
 *   parent is a thread message   the trace of the exchange that holds the message
 *   parent unknown               trace id = parent id, until it comes
 *   a cycle                      the member with the smallest (start, id) is the root
 *
 * The place is a function of the stored graph. When a run, thread or exchange appears or moves, the runs below it are placed again, and
 * those below a run that moved in turn; so any order of arrival ends in the same place.
 */
#include "store/store_priv.h"

static enum status parent_of(
    struct store *s, int32_t project, struct str id, struct row **out, struct err *err)
{
    struct rows found = { .a = s->group };
    *out = NULL;
    enum status st =
        s->driver->ops->scan_bare(s->driver, NULL, s->group, project, id, rows_gather, &found, err);
    if (st == ST_OK && found.n > 0)
        *out = &found.items[0];
    return st;
}

static bool is_before(const struct row *a, const struct row *b)
{
    int64_t x = row_time(a, OBSERVATION_start_ns), y = row_time(b, OBSERVATION_start_ns);
    x = x == TIME_NONE ? INT64_MAX : x;
    y = y == TIME_NONE ? INT64_MAX : y;
    return x != y ? x < y : str_cmp(a->id, b->id) < 0;
}

static struct str cycle_root(const struct rows *path, size_t from)
{
    const struct row *root = &path->items[from];
    for (size_t i = from + 1; i < path->n; i++)
        if (is_before(&path->items[i], root))
            root = &path->items[i];
    return root->id;
}

/* Does `id` name a thread, or a message of one? *exchange: trace id of the exchange, absent for a thread or none. */
static enum status thread_or_message(
    struct store *s, int32_t project, struct str id, bool *thread, struct str *exchange, struct err *err)
{
    struct row *session;
    struct row *alias;
    *thread = false;
    *exchange = STR_NONE;
    enum status st =
        s->driver->ops->get_row(s->driver, NULL, s->group, project, SESSION, STR_NONE, id, &session, err);
    if (st != ST_OK)
        return st;
    if (session && row_int(session, SESSION_exists, 0)) {
        *thread = true;
        return ST_OK;
    }
    st = s->driver->ops->get_row(
        s->driver, NULL, s->group, project, RECORD, STR(STORE_EXCHANGE), id, &alias, err);
    if (st == ST_OK && alias)
        *exchange = row_text(alias, RECORD_name);
    return st;
}

/* The parent is no run: a thread (then *trace_id stays the run's own), a message of one, or not known yet. */
static enum status place_without_run(
    struct store *s, int32_t project, struct str parent, struct str *trace_id, struct err *err)
{
    bool thread;
    struct str exchange;
    enum status st = thread_or_message(s, project, parent, &thread, &exchange, err);
    if (st == ST_OK && !thread)
        *trace_id = exchange.p ? exchange : parent;
    return st;
}

enum status store__tree_place(
    struct store *s, int32_t project, const struct row *r, struct str *trace_id, struct err *err)
{
    struct rows path = { .a = s->group };
    struct row cur = *r;
    for (;;) {
        for (size_t i = 0; i < path.n; i++)
            if (str_eq(path.items[i].id, cur.id)) {
                *trace_id = cycle_root(&path, i);
                return ST_OK;
            }
        rows_gather(&path, &cur);
        struct str parent = row_text(&cur, OBSERVATION_parent_id);
        *trace_id = cur.id;
        if (!parent.p || str_eq(parent, cur.id))
            return ST_OK;
        struct row *next;
        enum status st = parent_of(s, project, parent, &next, err);
        if (st != ST_OK)
            return st;
        if (!next)
            return place_without_run(s, project, parent, trace_id, err);
        /* The row being written is newer than the stored one. */
        cur = str_eq(next->id, r->id) ? *r : *next;
    }
}

enum status store__move(struct store *s, struct row *r, struct str trace_id, struct err *err)
{
    enum status st = store__ensure_trace(s, r->project, r->scope, err);
    if (st == ST_OK)
        st = store__ensure_trace(s, r->project, trace_id, err);
    if (st == ST_OK)
        st = s->driver->ops->delete_row(s->driver, r, err);
    if (st != ST_OK)
        return st;
    r->scope = trace_id;
    return store__put(s, r, NULL, err);
}

/* Place these again, and what is below those that moved: a work list, since a chain may be long. */
static enum status retree_all(struct store *s, int32_t project, struct rows *work, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < work->n && st == ST_OK; i++) {
        struct row r = work->items[i];
        struct row *now;
        struct str place;
        if ((st = parent_of(s, project, r.id, &now, err)) != ST_OK || !now)
            continue;
        if ((st = store__tree_place(s, project, now, &place, err)) != ST_OK || str_eq(place, now->scope))
            continue;
        if ((st = store__move(s, now, arena_dup(s->group, place), err)) != ST_OK)
            continue;
        st = s->driver->ops->scan_children(
            s->driver, NULL, s->group, project, now->id, rows_gather, work, err);
    }
    return st;
}

enum status store__retree(struct store *s, int32_t project, struct str run_id, struct err *err)
{
    struct rows work = { .a = s->group };
    struct row *r;
    enum status st = parent_of(s, project, run_id, &r, err);
    if (st != ST_OK || !r)
        return st;
    rows_gather(&work, r);
    return retree_all(s, project, &work, err);
}

enum status store__retree_children(struct store *s, int32_t project, struct str parent_id, struct err *err)
{
    struct rows work = { .a = s->group };
    enum status st =
        s->driver->ops->scan_children(s->driver, NULL, s->group, project, parent_id, rows_gather, &work, err);
    return st == ST_OK ? retree_all(s, project, &work, err) : st;
}
