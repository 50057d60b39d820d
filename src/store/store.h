/*
 * store: keeps the rows. Joins events into them, answers queries, survives crashes.
 *
 * Place     ingest -> store <- api (reads). Drivers behind it: sqlite/ (one folder), memory/ (the oracle of the tests).
 * Promise   After store_commit() returned ST_OK everything applied is on disk and every read started later shows it.
 *           Any order and repetition of the same events gives the same rows (merge.md).
 * Threads   store_apply/commit: one writer thread. Reads: any thread; each takes a reader from a pool.
 * Errors    ST_IO: the disk failed; nothing of this commit is stored, the same call may be repeated later.
 * More      docs/architecture.md, docs/decisions/0002-storage-layout.md; test/driver/
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/metrics.h"
#include "base/options.h"
#include "model/merge.h"
#include "query/query.h"

struct store_options {
#define OPTION(field, type, def, least, most, text) OPTION_C_##type field;
#include "store/options.def"
#undef OPTION
};
extern const struct option_row store_option_rows[];
extern const size_t store_option_count;

struct store_metrics {
#define METRIC(field, kind, unit, text) METRIC_C_##kind field;
#include "store/metrics.def"
#undef METRIC
};
extern const struct metric_row store_metric_rows[];
extern const size_t store_metric_count;

struct store;

/* dir: the data folder, made when missing. Holds DIR/lock unless read_only. ST_CONFLICT: another process holds it. ST_CORRUPT with
 * a sentence when the folder is of a newer version or damaged. Older versions are migrated. */
MUST_CHECK enum status store_open(
    const char *dir, const struct store_options *o, struct store **out, struct err *err);
/* Nothing on disk; the same answers. */
MUST_CHECK enum status store_open_memory(struct store **out, struct err *err);
void store_close(struct store *s); /* NULL is fine */
struct store_metrics *store_metrics(struct store *s);

/* ---- the writer ----------------------------------------------------------------------------------------------------- */

/* Take one sealed batch into the open commit group. Its results (outcome per wire index; ones already REJECTED stay) are filled when
 * store_commit() has returned, until when it must stay as it is. recv_ns: receipt time, never going backwards. An error means the whole
 * group is lost: call store_abort. */
MUST_CHECK enum status store_apply(struct store *s, struct batch *b, int64_t recv_ns, struct err *err);
/* Make everything applied since the last commit durable and visible. */
MUST_CHECK enum status store_commit(struct store *s, struct err *err);
void store_abort(struct store *s);
/* Upkeep between commits: checkpoints, sealing of segments. May take up to a few ms. Any errors are logged and counted. */
void store_maintain(struct store *s);

/* ---- readers -------------------------------------------------------------------------------------------------------- */

struct answer {
    struct row *rows;
    size_t n;
    bool more;      /* there are rows behind the page */
    int64_t total;  /* WITH_TOTAL, else -1 */
    int64_t commit; /* number of the last commit seen */
};
/* One page. Rows live in `a`. */
MUST_CHECK enum status store_find(
    struct store *s, struct arena *a, const struct query *q, struct answer *out, struct err *err);
/* One row by key, with what `with` says; *out NULL when there is none. Observations: scope is the trace id, or absent to find by
 * bare id (several traces: the newest start; LLMonitor: aliases of an exchange count). Records: scope is the kind. */
MUST_CHECK enum status store_get(struct store *s, struct arena *a, int32_t project, enum entity e,
    struct str scope, struct str id, unsigned with, struct row **out, struct err *err);
/* Sums by group. */
struct group_key {
    enum { GROUP_NONE, GROUP_DAY, GROUP_HOUR, GROUP_NAME, GROUP_TYPE, GROUP_MODEL, GROUP_USER } by;
};
struct group_row {
    int64_t bucket_ns;
    struct str text[3];
    int64_t count, errors, success, tokens_input, tokens_output, cost_nano_usd, duration_ns;
};
MUST_CHECK enum status store_aggregate(struct store *s, struct arena *a, const struct query *q,
    const struct group_key *keys, size_t n_keys, struct group_row **out, size_t *n, struct err *err);
/* Distinct values of a column over the project's rows, sorted, at most `limit`: for filter pickers. Tags, metadata keys too. */
MUST_CHECK enum status store_distinct(struct store *s, struct arena *a, int32_t project, enum entity e,
    enum subject subject, unsigned column, size_t limit, struct str **out, size_t *n, struct err *err);

/* ---- care ----------------------------------------------------------------------------------------------------------- */

/* Verify a data folder that no server has open: integrity, segment checksums, dangling pointers. Prints findings and progress as
 * lines through `say`. ST_CORRUPT when something is wrong. */
MUST_CHECK enum status store_check(
    const char *dir, void (*say)(void *ctx, const char *line), void *ctx, struct err *err);
/* A consistent copy of a folder into the new folder `to`, also while a server runs on it. */
MUST_CHECK enum status store_backup(
    const char *dir, const char *to, void (*say)(void *ctx, const char *line), void *ctx, struct err *err);
/* Check the backup `from` and make it the data folder `dir`, which must not exist or be empty. */
MUST_CHECK enum status store_restore(
    const char *from, const char *dir, void (*say)(void *ctx, const char *line), void *ctx, struct err *err);

#endif
