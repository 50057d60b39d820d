/*
 * driver: what a storage engine must do for the store. Private to store/.
 *
 * apply.c (joins, identity, deletes) and read.c (queries, loading) are written once over these calls; sqlite/ and memory/ implement
 * them. A driver keeps rows by key, payload records by pointer and a few indexes. It knows no merge rule and never parses JSON.
 *
 * Writing   all calls of the `write` group come from the writer thread, between begin and commit. Reads inside see what was written.
 * Reading   a `reader` sees the last commit and nothing of later ones.
 * Keys      TRACE, SCORE, USER, SESSION: (project, id). OBSERVATION: (project, trace id, id). MESSAGE: (project, thread, id).
 *           RECORD: (project, kind, id). row.scope carries the middle part.
 * Rows      put_row stores cols, fold, scope, id, identity, created/updated, and for traces `derived`; it copies. Rows handed out live
 *           in the arena given. cols of kind V_REF are stored as (i, piece).
 */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "store/store.h"

struct driver;
struct reader;

/* Called per row; return false to stop. */
typedef bool row_visitor(void *ctx, struct row *r);

struct driver_ops {
    /* ---- writing */
    enum status (*begin)(struct driver *d, struct err *err);
    enum status (*commit)(struct driver *d, struct err *err);
    void (*rollback)(struct driver *d);
    void (*maintain)(struct driver *d);
    /* Append one payload record (opaque bytes); *pointer > 0. Readable inside the transaction. */
    enum status (*payload_add)(struct driver *d, struct str bytes, int64_t *pointer, struct err *err);
    /* Insert or replace by key. `old` is the row as found in this transaction, or NULL when new: lets indexes be updated by difference. */
    enum status (*put_row)(struct driver *d, struct row *r, const struct row *old, struct err *err);
    enum status (*delete_row)(struct driver *d, const struct row *r, struct err *err);

    /* ---- reading; `rd` NULL: inside the writer's transaction */
    enum status (*reader_take)(struct driver *d, struct reader **rd, struct err *err);
    void (*reader_drop)(struct driver *d, struct reader *rd);
    enum status (*payload_get)(struct driver *d, struct reader *rd, struct arena *a, int64_t pointer,
        struct str *bytes, struct err *err);
    /* *out NULL: no such row. */
    enum status (*get_row)(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
        enum entity e, struct str scope, struct str id, struct row **out, struct err *err);
    /* Rows of one entity under a scope: observations of a trace, messages of a thread, records of a kind; in key order. */
    enum status (*scan_scope)(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
        enum entity e, struct str scope, row_visitor *visit, void *ctx, struct err *err);
    /* Observations of BARE and TREE identity by bare id (any trace). */
    enum status (*scan_bare)(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
        struct str id, row_visitor *visit, void *ctx, struct err *err);
    /* Observations of TREE identity whose parent_id is this. */
    enum status (*scan_children)(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
        struct str parent_id, row_visitor *visit, void *ctx, struct err *err);
    /* Any observation by id, whatever its identity (slow path of reads by bare id; may scan). */
    enum status (*scan_observation_id)(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
        struct str id, row_visitor *visit, void *ctx, struct err *err);
    /* Scores whose trace_id is this / whose observation_id is this; records by trace or parent; traces by session. by: the column number. */
    enum status (*scan_link)(struct driver *d, struct reader *rd, struct arena *a, int32_t project,
        enum entity e, unsigned by, struct str value, row_visitor *visit, void *ctx, struct err *err);
    /* The visitor empties `a` between rows (arena_reset): the driver must keep nothing of its own in it across a visit.
     * Candidates of a query, in its order, behind its cursor: a superset of the matches (at least: right project and entity). *exact is set
     * when every row visited is a match and no other is, so query_match() need not be asked. */
    enum status (*scan_query)(struct driver *d, struct reader *rd, struct arena *a, const struct query *q,
        row_visitor *visit, void *ctx, bool *exact, struct err *err);
    /* How many rows match, without visiting them. *exact false: the driver cannot tell, visit and decide. NULL: it never can. */
    enum status (*count_query)(
        struct driver *d, struct reader *rd, const struct query *q, int64_t *n, bool *exact, struct err *err);
    int64_t (*commit_number)(struct driver *d, struct reader *rd);
    void (*close)(struct driver *d);
};

struct driver {
    const struct driver_ops *ops;
    struct store_metrics *metrics;
};

/* Links a driver indexes for scan_link: */
#define LINK_SCORE_TRACE       SCORE_trace_id
#define LINK_SCORE_OBSERVATION SCORE_observation_id
#define LINK_RECORD_TRACE      RECORD_trace_id
#define LINK_RECORD_PARENT     RECORD_parent_id
#define LINK_MESSAGE_ID        255 /* messages by their id, any thread */
#define LINK_TRACE_SESSION     254 /* traces by effective session id */

MUST_CHECK enum status driver_memory_open(struct store_metrics *m, struct driver **out, struct err *err);
MUST_CHECK enum status driver_sqlite_open(const char *dir, const struct store_options *o,
    struct store_metrics *m, struct driver **out, struct err *err);

#endif
