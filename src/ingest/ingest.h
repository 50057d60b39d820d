/*
 * ingest: turns batches of events into stored rows.
 *
 * Place     dialect decodes a batch -> ingest -> store. Nobody else writes to the store.
 * Promise   A batch's callback with ST_OK means committed and visible. Merging goes by each event's own time, so order and
 *           repetition do not matter. Batches of one group share one fsync.
 * Memory    ingest_submit() takes the batch, also when it fails; the callback gets it back with its results, to read and free.
 * Threads   submit from any thread; one writer thread drains the queue and calls back (be short there: wake somebody).
 * Limits    ingest_queue_bytes, ingest_queue_batches; a full queue is ST_BUSY at once, never a wait. A batch larger than ingest_queue_bytes
 *           is taken when the queue is empty, one larger than ingest_batch_most(), twice that, is ST_TOO_LARGE.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "base/metrics.h"
#include "base/options.h"
#include "model/model.h"

struct store;
struct ingest;

struct ingest_options {
#define OPTION(field, type, def, least, most, text) OPTION_C_##type field;
#include "ingest/options.def"
#undef OPTION
};
extern const struct option_row ingest_option_rows[];
extern const size_t ingest_option_count;

struct ingest_metrics {
#define METRIC(field, kind, unit, text) METRIC_C_##kind field;
#include "ingest/metrics.def"
#undef METRIC
};
extern const struct metric_row ingest_metric_rows[];
extern const size_t ingest_metric_count;

typedef void ingest_done(void *ctx, struct batch *b, enum status st, const struct err *err);

struct ingest *ingest_start(struct store *s, const struct ingest_options *o);
/* Finish what is queued, then stop the writer. */
void ingest_stop(struct ingest *in);
struct ingest_metrics *ingest_metrics(struct ingest *in);

/* The bound of one batch: batch.bytes_most of who decodes one. */
size_t ingest_batch_most(const struct ingest *in);
/* Seal, validate and queue. ST_BUSY, ST_TOO_LARGE: nothing stored, the batch is freed, `done` is not called. Else `done` is called once, from the
 * writer thread, and owns the batch. A batch without events calls back at once. */
MUST_CHECK enum status ingest_submit(
    struct ingest *in, struct batch *b, ingest_done *done, void *ctx, struct err *err);
/* The same, waiting; for callers that are not on an I/O thread. The batch stays with the caller. */
MUST_CHECK enum status ingest_write(struct ingest *in, struct batch *b, struct err *err);

#endif
