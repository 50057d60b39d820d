/*
 * The embedded driver: opening a folder, commit groups, the pool of readers.
 *
 *   commit: payload block -> segment file -> sync -> head and rows -> SQLite's log -> sync
 *
 * A row never points at payload that is not on the disk. What a failed commit left in a segment file is dead weight: nothing points at it.
 */
#include "store/sqlite/sqlite_priv.h"

#include <assert.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* A passive checkpoint is worth its syncs from so many pages on. */
#define CHECKPOINT_PAGES 2000

static struct sqlite *sqlite_of(struct driver *d)
{
    return (struct sqlite *)d;
}

static struct conn *conn_of(struct driver *d, struct reader *rd)
{
    assert(rd || sqlite_of(d)->writing);
    return rd ? &rd->conn : &sqlite_of(d)->writer;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static enum status sqlite_begin(struct driver *d, struct err *err)
{
    struct sqlite *q = sqlite_of(d);
    assert(!q->writing);
    enum status st = conn__exec(&q->writer, "BEGIN IMMEDIATE", err);
    if (st != ST_OK)
        return st;
    q->writing = true;
    q->first_trace = q->next_trace;
    q->facets_before = q->facets_new;
    fresh__clear(q);
    return ST_OK;
}

static enum status put_facts(struct sqlite *q, struct err *err)
{
    const struct segment_fact *f;
    enum status st = ST_OK;
    for (size_t at = 0; st == ST_OK && (f = segments_changed(q->segments, &at));) {
        sqlite3_stmt *s;
        if ((st = conn__take(&q->writer, STMT_SEGMENT_PUT, &s, err)) != ST_OK)
            return st;
        sqlite3_bind_int64(s, 1, f->number);
        sqlite3_bind_int(s, 2, (int)f->state);
        sqlite3_bind_int64(s, 3, f->bytes);
        sqlite3_bind_int64(s, 4, f->records);
        st = conn__run(&q->writer, STMT_SEGMENT_PUT, s, err);
    }
    return st;
}

static enum status put_head(struct sqlite *q, const struct head *head, struct err *err)
{
    sqlite3_stmt *s;
    enum status st = conn__take(&q->writer, STMT_HEAD, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, head->commit);
    sqlite3_bind_int64(s, 2, head->tail.number);
    sqlite3_bind_int64(s, 3, head->tail.bytes);
    sqlite3_bind_int64(s, 4, head->tail.ordinal);
    return conn__run(&q->writer, STMT_HEAD, s, err);
}

static enum status sqlite_commit(struct driver *d, struct err *err)
{
    struct sqlite *q = sqlite_of(d);
    struct head head = { .commit = q->head.commit + 1 };
    assert(q->writing);
    enum status st = fresh__flush(&q->writer, err);
    if (st == ST_OK)
        st = tally__flush(&q->writer, err);
    if (st == ST_OK)
        st = segments_flush(q->segments, &head.tail, err);
    if (st == ST_OK)
        st = put_facts(q, err);
    if (st == ST_OK)
        st = put_head(q, &head, err);
    if (st == ST_OK)
        st = conn__exec(&q->writer, "COMMIT", err);
    if (st != ST_OK)
        return st;
    segments_committed(q->segments);
    q->head = head;
    q->writing = false;
    return ST_OK;
}

/* What memory says must again be what the disk says. */
static void sqlite_rollback(struct driver *d)
{
    struct sqlite *q = sqlite_of(d);
    if (!q->writing)
        return;
    if (!sqlite3_get_autocommit(q->writer.db) &&
        sqlite3_exec(q->writer.db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        log_error("store", "rolling back failed: %s", sqlite3_errmsg(q->writer.db));
    segments_rollback(q->segments);
    conn__forget(&q->writer);
    traces__forget(q);
    facets__clear(q);
    tally__clear(q);
    q->next_trace = q->first_trace;
    q->facets_new = q->facets_before;
    fresh__clear(q);
    q->writing = false;
}

static int note_log_size(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct sqlite *q = ctx;
    (void)db;
    (void)name;
    q->wal_pages = pages;
    return SQLITE_OK;
}

/* The keeper copies beside the writer; a log that grew past its limit all the same is restarted here, when little is left to copy. */
static void sqlite_maintain(struct driver *d)
{
    struct sqlite *q = sqlite_of(d);
    struct err err;
    if (!q->writing && q->facets_new >= FACETS_SPILL && facets__spill(&q->writer, &err) != ST_OK)
        log_warn("store", "sorting facets failed, to be tried again: %s", err.text);
    int in_log = 0, done = 0;
    if (q->wal_pages < q->kept_pages)
        q->kept_pages = 0; /* the log began anew */
    if (q->wal_pages - q->kept_pages >= CHECKPOINT_PAGES) {
        keeper__wake(q->keeper);
        q->kept_pages = q->wal_pages;
    }
    if (q->writing || (int64_t)q->wal_pages * q->page_size <= q->o.store_wal_limit)
        return;
    sqlite3_busy_timeout(q->writer.db, 20);
    int rc = sqlite3_wal_checkpoint_v2(q->writer.db, NULL, SQLITE_CHECKPOINT_RESTART, &in_log, &done);
    sqlite3_busy_timeout(q->writer.db, 5000);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        log_warn("store", "a checkpoint failed: %s", sqlite3_errmsg(q->writer.db));
    if (rc == SQLITE_OK && in_log == done)
        q->wal_pages = q->kept_pages = 0;
}

static enum status sqlite_payload_add(struct driver *d, struct str bytes, int64_t *pointer, struct err *err)
{
    assert(sqlite_of(d)->writing);
    return segments_add(sqlite_of(d)->segments, bytes, pointer, err);
}

static enum status sqlite_put_row(struct driver *d, struct row *r, const struct row *old, struct err *err)
{
    return rows__put(conn_of(d, NULL), r, old, err);
}

static enum status sqlite_delete_row(struct driver *d, const struct row *r, struct err *err)
{
    return rows__delete(conn_of(d, NULL), r, err);
}

/* ---- the pool of readers -------------------------------------------------------------------------------------------- */

/* An idle connection, or NULL and the right to open one. ST_BUSY when all stay in use. */
static enum status wait_for_reader(struct sqlite *q, struct reader **rd, struct err *err)
{
    int64_t until = clock_mono_ns() + q->o.store_read_time;
    enum status st = ST_OK;
    *rd = NULL;
    lock_take(&q->lock);
    while (q->n_idle == 0 && q->n_readers >= (size_t)q->o.store_readers && st == ST_OK)
        if (!cond_wait_until(&q->returned, &q->lock, until))
            st = err_set(err, ST_BUSY, "all %lld readers stayed in use; try again, or raise store_readers",
                (long long)q->o.store_readers);
    if (st == ST_OK && q->n_idle > 0)
        *rd = q->idle[--q->n_idle];
    else if (st == ST_OK)
        q->n_readers++;
    lock_drop(&q->lock);
    return st;
}

static void give_back(struct sqlite *q, struct reader *rd)
{
    lock_take(&q->lock);
    if (rd)
        q->idle[q->n_idle++] = rd;
    else
        q->n_readers--;
    pthread_cond_signal(&q->returned);
    lock_drop(&q->lock);
}

static enum status open_reader(struct sqlite *q, struct reader **rd, struct err *err)
{
    struct reader *fresh = mem_alloc(sizeof(*fresh));
    enum status st = conn__open(q, q->path, false, &fresh->conn, err);
    if (st == ST_OK) {
        *rd = fresh;
        return ST_OK;
    }
    mem_free(fresh);
    give_back(q, NULL);
    return st;
}

/* The first read takes the snapshot. */
static enum status take_snapshot(struct conn *c, struct err *err)
{
    sqlite3_stmt *s;
    bool row;
    enum status st = conn__exec(c, "BEGIN", err);
    if (st == ST_OK)
        st = conn__take(c, STMT_SNAPSHOT, &s, err);
    if (st != ST_OK)
        return st;
    st = conn__step(c, s, &row, err);
    c->commit = st == ST_OK && row ? sqlite3_column_int64(s, 0) : 0;
    conn__give(c, STMT_SNAPSHOT, s);
    return st;
}

static void sqlite_reader_drop(struct driver *d, struct reader *rd)
{
    rd->conn.deadline_ns = 0;
    if (!sqlite3_get_autocommit(rd->conn.db))
        sqlite3_exec(rd->conn.db, "COMMIT", NULL, NULL, NULL);
    give_back(sqlite_of(d), rd);
}

static enum status sqlite_reader_take(struct driver *d, struct reader **rd, struct err *err)
{
    struct sqlite *q = sqlite_of(d);
    enum status st = wait_for_reader(q, rd, err);
    if (st == ST_OK && !*rd)
        st = open_reader(q, rd, err);
    if (st != ST_OK)
        return st;
    struct conn *c = &(*rd)->conn;
    c->deadline_ns = clock_mono_ns() + q->o.store_read_time;
    c->trace_no = 0;
    st = take_snapshot(c, err);
    if (st != ST_OK)
        sqlite_reader_drop(d, *rd);
    return st;
}

static int64_t sqlite_commit_number(struct driver *d, struct reader *rd)
{
    return rd ? rd->conn.commit : sqlite_of(d)->head.commit;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static enum status sqlite_payload_get(
    struct driver *d, struct reader *rd, struct arena *a, int64_t pointer, struct str *bytes, struct err *err)
{
    struct sqlite *q = sqlite_of(d);
    if (!rd && segments_get_pending(q->segments, a, pointer, bytes))
        return ST_OK;
    return segments_get(q->segments, a, pointer, bytes, err);
}

static enum status sqlite_get_row(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    enum entity e, struct str scope, struct str id, struct row **out, struct err *err)
{
    return rows__get(conn_of(d, rd), a, project, e, scope, id, out, err);
}

static enum status sqlite_scan_scope(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    enum entity e, struct str scope, row_visitor *visit, void *ctx, struct err *err)
{
    return rows__scan_scope(conn_of(d, rd), a, project, e, scope, visit, ctx, err);
}

static enum status sqlite_scan_bare(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    struct str id, row_visitor *visit, void *ctx, struct err *err)
{
    return links__bare(conn_of(d, rd), a, project, id, visit, ctx, err);
}

static enum status sqlite_scan_children(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    struct str parent_id, row_visitor *visit, void *ctx, struct err *err)
{
    return links__children(conn_of(d, rd), a, project, parent_id, visit, ctx, err);
}

static enum status sqlite_scan_observation_id(struct driver *d, struct reader *rd, struct arena *a,
    int32_t project, struct str id, row_visitor *visit, void *ctx, struct err *err)
{
    return links__anywhere(conn_of(d, rd), a, project, id, visit, ctx, err);
}

static enum status sqlite_scan_link(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
    enum entity e, unsigned by, struct str value, row_visitor *visit, void *ctx, struct err *err)
{
    return links__scan(conn_of(d, rd), a, project, e, by, value, visit, ctx, err);
}

static enum status sqlite_scan_query(struct driver *d, struct reader *rd, struct arena *a,
    const struct query *q, row_visitor *visit, void *ctx, bool *exact, struct err *err)
{
    return scan__query(conn_of(d, rd), a, q, visit, ctx, exact, err);
}

static enum status count_query(
    struct driver *d, struct reader *rd, const struct query *q, int64_t *n, bool *exact, struct err *err)
{
    return scan__count(conn_of(d, rd), q, n, exact, err);
}

/* ---- open and close ------------------------------------------------------------------------------------------------- */

static void sqlite_close(struct driver *d)
{
    struct sqlite *q = sqlite_of(d);
    if (q->writing)
        sqlite_rollback(d);
    assert(q->n_idle == q->n_readers);
    for (size_t i = 0; i < q->n_idle; i++) {
        conn__close(&q->idle[i]->conn);
        mem_free(q->idle[i]);
    }
    keeper__stop(q->keeper);
    conn__close(&q->writer); /* the last connection copies the log into the database */
    segments_close(q->segments);
    if (q->lock_fd >= 0)
        close(q->lock_fd);
    pthread_cond_destroy(&q->returned);
    lock_fini(&q->lock);
    fresh__free(q->fresh);
    counts__free(q->counts);
    facets__free(q);
    tally__free(q);
    buf_fini(&q->scratch);
    mem_free(q->places);
    mem_free(q->idle);
    mem_free(q->path);
    mem_free(q->dir);
    mem_free(q);
}

static const struct driver_ops sqlite_ops = {
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .maintain = sqlite_maintain,
    .payload_add = sqlite_payload_add,
    .put_row = sqlite_put_row,
    .delete_row = sqlite_delete_row,
    .reader_take = sqlite_reader_take,
    .reader_drop = sqlite_reader_drop,
    .payload_get = sqlite_payload_get,
    .get_row = sqlite_get_row,
    .scan_scope = sqlite_scan_scope,
    .scan_bare = sqlite_scan_bare,
    .scan_children = sqlite_scan_children,
    .scan_observation_id = sqlite_scan_observation_id,
    .scan_link = sqlite_scan_link,
    .scan_query = sqlite_scan_query,
    .count_query = count_query,
    .commit_number = sqlite_commit_number,
    .close = sqlite_close,
};

static enum status open_segments(struct sqlite *q, struct err *err)
{
    struct arena *a = arena_new();
    struct segment_fact *facts;
    size_t n;
    struct segment_options o = { (size_t)q->o.store_block, (size_t)q->o.store_segment,
        (size_t)q->o.store_block_cache, (int)q->o.store_zstd_level };
    enum status st = schema__facts(&q->writer, a, &facts, &n, err);
    if (st == ST_OK)
        st = segments_open(q->dir, &o, q->driver.metrics, facts, n, &q->head.tail, &q->segments, err);
    arena_free(a);
    return st;
}

static enum status open_all(struct sqlite *q, struct err *err)
{
    enum status st = folder__make(q->dir, err);
    if (st == ST_OK)
        st = folder__lock(q->dir, &q->lock_fd, err);
    if (st == ST_OK && !folder__has(q->dir, "tracewell.db"))
        st = schema__make(q, err);
    if (st == ST_OK)
        st = conn__open(q, q->path, true, &q->writer, err);
    if (st == ST_OK)
        st = schema__ready(&q->writer, err);
    if (st == ST_OK)
        st = folder__sync(q->dir, err);
    if (st == ST_OK)
        st = schema__head(&q->writer, &q->head, err);
    if (st == ST_OK)
        st = schema__number(&q->writer, "SELECT coalesce(max(no), 0) + 1 FROM trace", &q->next_trace, err);
    if (st == ST_OK)
        st = schema__number(&q->writer, "SELECT count(*) FROM facet_new", &q->facets_new, err);
    if (st == ST_OK)
        st = schema__number(&q->writer, "PRAGMA page_size", &q->page_size, err);
    if (st == ST_OK)
        st = open_segments(q, err);
    if (st == ST_OK)
        sqlite3_wal_hook(q->writer.db, note_log_size, q);
    if (st == ST_OK)
        st = keeper__start(q->path, &q->keeper, err);
    return st;
}

enum status driver_sqlite_open(const char *dir, const struct store_options *o, struct store_metrics *m,
    struct driver **out, struct err *err)
{
    struct sqlite *q = mem_alloc(sizeof(*q));
    *q = (struct sqlite){ .driver = { &sqlite_ops, m }, .o = *o, .dir = mem_strdup(dir), .lock_fd = -1 };
    q->path = folder__path(dir, "tracewell.db");
    q->idle = mem_array((size_t)o->store_readers, sizeof(struct reader *));
    q->fresh = fresh__new();
    q->counts = counts__new();
    buf_init(&q->scratch, 0);
    lock_init(&q->lock, LOCK_STORE);
    cond_init(&q->returned);
    enum status st = open_all(q, err);
    if (st != ST_OK) {
        sqlite_close(&q->driver);
        return st;
    }
    *out = &q->driver;
    return ST_OK;
}
