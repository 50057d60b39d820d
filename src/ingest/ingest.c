/*
 * The writer thread and its queue.
 *
 *   submit -> [queue, bounded by bytes and batches] -> take all that waits -> store_apply each -> store_commit -> call back each
 *
 * While one commit syncs, the next group gathers by itself: group commit without a timer. A group that fails for a reason of its own (not
 * the disk's) is tried again one batch at a time, so that one damaged row cannot refuse what others sent.
 */
#include "ingest/ingest.h"

#include <string.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ingest/ingest_priv.h"
#include "store/store.h"

const struct option_row ingest_option_rows[] = {
#define OPTION(...) OPTION_ROW(struct ingest_options, __VA_ARGS__)
#include "ingest/options.def"
#undef OPTION
};
const size_t ingest_option_count = sizeof(ingest_option_rows) / sizeof(ingest_option_rows[0]);

const struct metric_row ingest_metric_rows[] = {
#define METRIC(...) METRIC_ROW(struct ingest_metrics, __VA_ARGS__)
#include "ingest/metrics.def"
#undef METRIC
};
const size_t ingest_metric_count = sizeof(ingest_metric_rows) / sizeof(ingest_metric_rows[0]);

#define BATCH_MOST \
    ((size_t)2) /* of one request, in times ingest_queue_bytes: what commits it takes several times as much */

struct job {
    struct batch *batch;
    ingest_done *done;
    void *ctx;
    int64_t submitted_mono;
    size_t bytes;
    struct job *next;
    enum status st;
    struct err err;
};

struct ingest {
    struct store *store;
    struct ingest_options options;
    struct ingest_metrics metrics;
    struct lock lock;
    pthread_cond_t wake;
    struct job *head, **tail;
    size_t queued_bytes, queued_batches;
    bool stop;
    pthread_t writer;
};

struct ingest_metrics *ingest_metrics(struct ingest *in)
{
    return &in->metrics;
}

/* ---- one group ------------------------------------------------------------------------------------------------------ */

static enum status apply_and_commit(
    struct ingest *in, struct job *first, const struct job *end, struct err *err)
{
    enum status st = ST_OK;
    for (struct job *j = first; j != end && st == ST_OK; j = j->next)
        st = store_apply(in->store, j->batch, clock_now_ns(), err);
    if (st == ST_OK)
        return store_commit(in->store, err);
    store_abort(in->store);
    return st;
}

static void commit_alone(struct ingest *in, struct job *j)
{
    j->st = apply_and_commit(in, j, j->next, &j->err);
    if (j->st != ST_OK)
        log_error("ingest", "a batch of %zu events was refused: %s", j->batch->n_events, j->err.text);
}

static void commit_group(struct ingest *in, struct job *first)
{
    struct err err = { 0 };
    int64_t began = clock_mono_ns();
    enum status st = apply_and_commit(in, first, NULL, &err);
    metric_add(&in->metrics.commits, 1);
    metric_time(&in->metrics.commit_seconds, clock_mono_ns() - began);
    if (st != ST_OK) {
        metric_add(&in->metrics.commit_failures, 1);
        log_error("ingest", "a commit failed: %s", err.text);
    }
    for (struct job *j = first; j; j = j->next) {
        j->st = st;
        j->err = err;
        if (st != ST_OK && st != ST_IO)
            commit_alone(in, j);
    }
}

static void count_results(struct ingest *in, const struct batch *b)
{
    int64_t rejected = 0, unchanged = 0;
    for (size_t i = 0; i < b->n_results; i++) {
        rejected += b->results[i].outcome == OUTCOME_REJECTED;
        unchanged += b->results[i].outcome == OUTCOME_UNCHANGED || b->results[i].outcome == OUTCOME_EXISTS;
    }
    metric_add(&in->metrics.events_rejected, rejected);
    metric_add(&in->metrics.events_unchanged, unchanged);
    metric_add(&in->metrics.events_accepted, (int64_t)b->n_results - rejected);
}

static void finish_group(struct ingest *in, struct job *first)
{
    struct job *next;
    int64_t now = clock_mono_ns();
    for (struct job *j = first; j; j = next) {
        next = j->next;
        if (j->st == ST_OK)
            count_results(in, j->batch);
        metric_add(&in->metrics.batches, 1);
        metric_time(&in->metrics.wait_seconds, now - j->submitted_mono);
        j->done(j->ctx, j->batch, j->st, &j->err);
        mem_free(j);
    }
}

/* ---- the queue ------------------------------------------------------------------------------------------------------ */

static void note_queue(struct ingest *in)
{
    metric_set_to(&in->metrics.queue_bytes, (int64_t)in->queued_bytes);
    metric_set_to(&in->metrics.queue_batches, (int64_t)in->queued_batches);
}

/* As many waiting jobs as one commit may hold. */
static struct job *take_group(struct ingest *in)
{
    struct job *first = in->head, *last = NULL;
    size_t events = 0;
    for (struct job *j = first; j; j = j->next) {
        if (last && events + j->batch->n_events > (size_t)in->options.ingest_group_events)
            break;
        events += j->batch->n_events;
        in->queued_bytes -= j->bytes;
        in->queued_batches--;
        last = j;
    }
    if (last) {
        in->head = last->next;
        last->next = NULL;
    }
    if (!in->head)
        in->tail = &in->head;
    note_queue(in);
    return first;
}

/* Upkeep runs when nothing waits, or every 200 ms under load. After a burst, an idle second gives its memory back. */
static void *writer_main(void *arg)
{
    struct ingest *in = arg;
    int64_t maintained = clock_mono_ns();
    bool worked = false;
    for (;;) {
        lock_take(&in->lock);
        while (!in->head && !in->stop && cond_wait_until(&in->wake, &in->lock, clock_mono_ns() + NS_PER_S))
            ;
        struct job *group = take_group(in);
        bool stop = in->stop && !group;
        lock_drop(&in->lock);
        if (stop)
            return NULL;
        if (group) {
            commit_group(in, group);
            finish_group(in, group);
        } else if (worked) {
            mem_trim();
        }
        worked = group != NULL;
        if (!group || clock_mono_ns() - maintained > 200 * NS_PER_MS) {
            store_maintain(in->store);
            maintained = clock_mono_ns();
        }
    }
}

struct ingest *ingest_start(struct store *s, const struct ingest_options *o)
{
    struct ingest *in = mem_alloc(sizeof(*in));
    in->store = s;
    in->options = *o;
    in->tail = &in->head;
    lock_init(&in->lock, LOCK_INGEST);
    cond_init(&in->wake);
    thread_start(&in->writer, "tw-writer", writer_main, in);
    return in;
}

void ingest_stop(struct ingest *in)
{
    if (!in)
        return;
    lock_take(&in->lock);
    in->stop = true;
    pthread_cond_signal(&in->wake);
    lock_drop(&in->lock);
    pthread_join(in->writer, NULL);
    pthread_cond_destroy(&in->wake);
    lock_fini(&in->lock);
    mem_free(in);
}

size_t ingest_batch_most(const struct ingest *in)
{
    return BATCH_MOST * (size_t)in->options.ingest_queue_bytes;
}

static bool enqueue(struct ingest *in, struct job *j)
{
    lock_take(&in->lock);
    /* One that is larger than the whole queue waits for an empty one: its client would try again for ever. */
    bool room =
        !in->stop && in->queued_batches < (size_t)in->options.ingest_queue_batches &&
        (in->queued_batches == 0 || in->queued_bytes + j->bytes <= (size_t)in->options.ingest_queue_bytes);
    if (room) {
        *in->tail = j;
        in->tail = &j->next;
        in->queued_bytes += j->bytes;
        in->queued_batches++;
        note_queue(in);
        pthread_cond_signal(&in->wake);
    }
    lock_drop(&in->lock);
    return room;
}

enum status ingest_submit(struct ingest *in, struct batch *b, ingest_done *done, void *ctx, struct err *err)
{
    ingest__validate(b);
    batch_seal(b);
    if (b->n_events == 0 && b->n_removals == 0) {
        count_results(in, b);
        done(ctx, b, ST_OK, err);
        return ST_OK;
    }
    struct job *j = mem_alloc(sizeof(*j));
    *j = (struct job){ .batch = b, .done = done, .ctx = ctx, .submitted_mono = clock_mono_ns() };
    j->bytes = arena_bytes(b->arena) + b->bytes;
    b->bytes_most = ingest_batch_most(in);
    enum status st = batch_room(b, 0, err);
    if (st == ST_OK && enqueue(in, j))
        return ST_OK;
    mem_free(j);
    batch_fini(b);
    if (st != ST_OK)
        return st;
    metric_add(&in->metrics.refused_busy, 1);
    return err_set(err, ST_BUSY, "The server is busy: too many writes wait for their commit. Please retry.");
}

/* ---- waiting callers ------------------------------------------------------------------------------------------------ */

struct waiting {
    struct lock lock;
    pthread_cond_t done;
    bool is_done;
    enum status st;
    struct err err;
};

static void wake_caller(void *ctx, struct batch *b, enum status st, const struct err *err)
{
    struct waiting *w = ctx;
    (void)b;
    lock_take(&w->lock);
    w->is_done = true;
    w->st = st;
    if (st != ST_OK && err)
        w->err = *err;
    pthread_cond_signal(&w->done);
    lock_drop(&w->lock);
}

enum status ingest_write(struct ingest *in, struct batch *b, struct err *err)
{
    struct waiting w = { 0 };
    lock_init(&w.lock, LOCK_LEAF);
    cond_init(&w.done);
    enum status st = ingest_submit(in, b, wake_caller, &w, err);
    if (st == ST_OK) {
        lock_take(&w.lock);
        while (!w.is_done)
            cond_wait(&w.done, &w.lock);
        lock_drop(&w.lock);
        st = w.st;
        if (st != ST_OK && err)
            *err = w.err;
    }
    pthread_cond_destroy(&w.done);
    lock_fini(&w.lock);
    return st;
}
