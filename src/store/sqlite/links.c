/*
 * Rows by something else than their key.
 *
 *   observation_at   (project, start, trace, id): lists across traces; what arrives now is near the end, so it is cheap to keep
 *   bare, child      ids and parents of observations that are known by their id alone; random keys, so only for those
 *   the others       SQL indexes of the tables themselves
 */
#include "store/sqlite/sqlite_priv.h"

#include <assert.h>

#include "base/mem.h"

static enum status run_link(
    struct conn *c, unsigned which, const struct row *r, struct str key, int64_t no, struct err *err)
{
    sqlite3_stmt *s;
    enum status st = conn__take(c, which, &s, err);
    if (st != ST_OK)
        return st;
    int at = 1;
    sqlite3_bind_int(s, at++, r->project);
    if (which == STMT_OBSERVATION_AT_ADD || which == STMT_OBSERVATION_AT_DROP)
        sqlite3_bind_int64(s, at++, row_time(r, OBSERVATION_start_ns));
    else
        ids__bind(s, at++, key);
    sqlite3_bind_int64(s, at++, no);
    if (which != STMT_BARE_ADD && which != STMT_BARE_DROP)
        ids__bind(s, at, r->id);
    return conn__run(c, which, s, err);
}

static struct str bare_key(const struct row *r)
{
    return r && r->identity != IDENTITY_SCOPED ? r->id : STR_NONE;
}

static struct str child_key(const struct row *r)
{
    return r && r->identity == IDENTITY_TREE ? row_text(r, OBSERVATION_parent_id) : STR_NONE;
}

/* From the old key to the new one, where they differ; absent: none. */
static enum status move_link(struct conn *c, unsigned drop, unsigned add, struct str from, struct str to,
    const struct row *r, int64_t no, struct err *err)
{
    enum status st = ST_OK;
    if (from.p && to.p && str_eq(from, to))
        return ST_OK;
    if (from.p)
        st = run_link(c, drop, r, from, no, err);
    if (st == ST_OK && to.p)
        st = run_link(c, add, r, to, no, err);
    return st;
}

enum status links__put(
    struct conn *c, const struct row *r, const struct row *old, int64_t trace_no, struct err *err)
{
    enum status st = ST_OK;
    if (!old || row_time(old, OBSERVATION_start_ns) != row_time(r, OBSERVATION_start_ns)) {
        if (old)
            st = run_link(c, STMT_OBSERVATION_AT_DROP, old, STR_NONE, trace_no, err);
        if (st == ST_OK)
            st = run_link(c, STMT_OBSERVATION_AT_ADD, r, STR_NONE, trace_no, err);
    }
    if (st == ST_OK)
        st = move_link(c, STMT_BARE_DROP, STMT_BARE_ADD, bare_key(old), bare_key(r), r, trace_no, err);
    if (st == ST_OK)
        st = move_link(c, STMT_CHILD_DROP, STMT_CHILD_ADD, child_key(old), child_key(r), r, trace_no, err);
    /* The old model stays: other observations of the trace may have it. */
    struct str model = row_text(r, OBSERVATION_model);
    if (model.n && (!old || !str_eq(model, row_text(old, OBSERVATION_model))))
        facets__note(c->d, facets__hash(r->project, FACET_MODEL, model), trace_no, true);
    return st;
}

enum status links__delete(struct conn *c, const struct row *r, int64_t trace_no, struct err *err)
{
    enum status st = run_link(c, STMT_OBSERVATION_AT_DROP, r, STR_NONE, trace_no, err);
    if (st == ST_OK)
        st = move_link(c, STMT_BARE_DROP, STMT_BARE_ADD, bare_key(r), STR_NONE, r, trace_no, err);
    return st == ST_OK
               ? move_link(c, STMT_CHILD_DROP, STMT_CHILD_ADD, child_key(r), STR_NONE, r, trace_no, err)
               : st;
}

/* ---- scans: keys first, then each row ------------------------------------------------------------------------------- */

void links__key(struct arena *a, enum entity e, sqlite3_stmt *s, struct row_key *k)
{
    *k = (struct row_key){ 0 };
    if (e == OBSERVATION || e == TRACE)
        k->trace_no = sqlite3_column_int64(s, 0);
    else
        k->scope = ids__column(a, s, 0);
    if (e != TRACE)
        k->id = ids__column(a, s, 1);
}

enum status links__row(struct conn *c, struct arena *a, int32_t project, enum entity e,
    const struct row_key *k, struct row **r, struct err *err)
{
    if (e == TRACE)
        return rows__get_trace(c, a, k->trace_no, r, err);
    if (e == OBSERVATION)
        return rows__get_observation(c, a, k->trace_no, k->id, r, err);
    return rows__get(c, a, project, e, k->scope, k->id, r, err);
}

enum status links__gather(struct conn *c, struct arena *a, enum entity e, sqlite3_stmt *s,
    struct row_key **keys, size_t *n, struct err *err)
{
    bool row;
    size_t cap = 0;
    enum status st;
    *keys = NULL;
    *n = 0;
    while ((st = conn__step(c, s, &row, err)) == ST_OK && row) {
        *keys = arena_grow(a, *keys, &cap, *n + 1, sizeof(**keys));
        links__key(a, e, s, &(*keys)[(*n)++]);
    }
    return st;
}

enum status links__visit(struct conn *c, struct arena *a, int32_t project, enum entity e,
    const struct row_key *keys, size_t n, row_visitor *visit, void *ctx, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        struct row *r;
        st = links__row(c, a, project, e, &keys[i], &r, err);
        if (st == ST_OK && r && !visit(ctx, r))
            break;
    }
    return st;
}

static enum status scan(struct conn *c, struct arena *a, unsigned which, int32_t project, enum entity e,
    struct str value, bool plain, row_visitor *visit, void *ctx, struct err *err)
{
    sqlite3_stmt *s;
    struct row_key *keys;
    size_t n;
    struct arena *own = arena_new(); /* the visitor may reset the caller's */
    enum status st = conn__take(c, which, &s, err);
    if (st == ST_OK) {
        sqlite3_bind_int(s, 1, project);
        if (plain)
            sqlite3_bind_text64(s, 2, value.p ? value.p : "", value.n, SQLITE_STATIC, SQLITE_UTF8);
        else
            ids__bind(s, 2, value);
        st = links__gather(c, own, e, s, &keys, &n, err);
        conn__give(c, which, s);
        if (st == ST_OK)
            st = links__visit(c, a, project, e, keys, n, visit, ctx, err);
    }
    arena_free(own);
    return st;
}

typedef enum status finder(struct conn *c, struct arena *a, int32_t project, struct str id, struct row ***out,
    size_t *n, struct err *err);

struct stopping {
    row_visitor *visit;
    void *ctx;
    bool stopped;
};

static bool visit_until_stopped(void *ctx, struct row *r)
{
    struct stopping *s = ctx;
    s->stopped = !s->visit(s->ctx, r);
    return !s->stopped;
}

/* What SQLite has not got yet comes from fresh.c. It is gathered first: should the visitor write, no row comes twice. */
static enum status scan_both(struct conn *c, struct arena *a, finder *find, unsigned which, int32_t project,
    struct str id, row_visitor *visit, void *ctx, struct err *err)
{
    struct row **fresh = NULL;
    size_t n = 0;
    struct stopping s = { visit, ctx, false };
    enum status st = c == &c->d->writer ? find(c, a, project, id, &fresh, &n, err) : ST_OK;
    if (st == ST_OK)
        st = scan(c, a, which, project, OBSERVATION, id, false, visit_until_stopped, &s, err);
    for (size_t i = 0; i < n && st == ST_OK && !s.stopped; i++)
        visit_until_stopped(&s, fresh[i]);
    return st;
}

enum status links__bare(struct conn *c, struct arena *a, int32_t project, struct str id, row_visitor *visit,
    void *ctx, struct err *err)
{
    return scan_both(c, a, fresh__bare, STMT_BARE_FIND, project, id, visit, ctx, err);
}

enum status links__children(struct conn *c, struct arena *a, int32_t project, struct str parent_id,
    row_visitor *visit, void *ctx, struct err *err)
{
    return scan_both(c, a, fresh__children, STMT_CHILD_FIND, project, parent_id, visit, ctx, err);
}

enum status links__anywhere(struct conn *c, struct arena *a, int32_t project, struct str id,
    row_visitor *visit, void *ctx, struct err *err)
{
    enum status st = c == &c->d->writer ? fresh__flush(c, err) : ST_OK;
    return st == ST_OK ? scan(c, a, STMT_ANYWHERE, project, OBSERVATION, id, false, visit, ctx, err) : st;
}

/* Traces of a session: candidates by facet, then each row's own word. */
static enum status scan_session(struct conn *c, struct arena *a, int32_t project, struct str session,
    row_visitor *visit, void *ctx, struct err *err)
{
    int64_t *numbers;
    size_t n;
    enum status st = c == &c->d->writer ? fresh__flush(c, err) : ST_OK;
    if (st != ST_OK)
        return st;
    st = facets__find(c, project, FACET_SESSION, &session, 1, SIZE_MAX - 1, &numbers, &n, err);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        struct row *r;
        st = rows__get_trace(c, a, numbers[i], &r, err);
        if (st != ST_OK || !r || r->project != project || !str_eq(trace_session_id(r), session))
            continue;
        if (!visit(ctx, r))
            break;
    }
    mem_free(numbers);
    return st;
}

enum status links__scan(struct conn *c, struct arena *a, int32_t project, enum entity e, unsigned by,
    struct str value, row_visitor *visit, void *ctx, struct err *err)
{
    if (e == SCORE && by == LINK_SCORE_TRACE)
        return scan(c, a, STMT_LINK_SCORE_TRACE, project, e, value, false, visit, ctx, err);
    if (e == SCORE && by == LINK_SCORE_OBSERVATION)
        return scan(c, a, STMT_LINK_SCORE_OBSERVATION, project, e, value, false, visit, ctx, err);
    if (e == RECORD && by == LINK_RECORD_TRACE)
        return scan(c, a, STMT_LINK_RECORD_TRACE, project, e, value, false, visit, ctx, err);
    if (e == RECORD && by == LINK_RECORD_PARENT)
        return scan(c, a, STMT_LINK_RECORD_PARENT, project, e, value, false, visit, ctx, err);
    if (e == MESSAGE && by == LINK_MESSAGE_ID)
        return scan(c, a, STMT_LINK_MESSAGE_ID, project, e, value, true, visit, ctx, err);
    assert(e == TRACE && by == LINK_TRACE_SESSION);
    return scan_session(c, a, project, value, visit, ctx, err);
}
