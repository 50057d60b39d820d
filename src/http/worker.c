/*
 * worker: a fixed number of threads that take jobs from one bounded queue. They run what would hold up an I/O thread: queries, and
 * bodies that take long to decode. A full queue is an answer (503), never a wait.
 */
#include "http/http_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Call with the lock held. */
static void add(struct workers *w, struct job job)
{
    if (w->count == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        struct job *ring = mem_array(cap, sizeof *ring);
        for (size_t i = 0; i < w->count; i++)
            ring[i] = w->ring[(w->first + i) % w->cap];
        mem_free(w->ring);
        w->ring = ring;
        w->cap = cap;
        w->first = 0;
    }
    w->ring[(w->first + w->count++) % w->cap] = job;
    pthread_cond_signal(&w->wake);
}

bool http__worker_push(struct workers *w, struct job job)
{
    lock_take(&w->lock);
    bool room = w->count < w->bound;
    if (room)
        add(w, job);
    lock_drop(&w->lock);
    return room;
}

/* False when there is nothing left to do. */
static bool take(struct workers *w, struct job *job)
{
    lock_take(&w->lock);
    while (w->count == 0 && !w->stop)
        cond_wait(&w->wake, &w->lock);
    bool some = w->count > 0;
    if (some) {
        *job = w->ring[w->first];
        w->first = (w->first + 1) % w->cap;
        w->count--;
    }
    lock_drop(&w->lock);
    return some;
}

static void *work(void *arg)
{
    struct job job;
    while (take(arg, &job))
        job.fn(job.ctx, job.r);
    return NULL;
}

void http__workers_start(struct workers *w, size_t threads, size_t bound)
{
    *w = (struct workers){ .bound = bound, .n_threads = threads };
    lock_init(&w->lock, LOCK_HTTP);
    cond_init(&w->wake);
    w->threads = mem_array(threads, sizeof *w->threads);
    for (size_t i = 0; i < threads; i++) {
        char name[32];
        snprintf(name, sizeof name, "tw-worker-%zu", i);
        thread_start(&w->threads[i], name, work, w);
    }
}

/* What is queued still runs. */
void http__workers_stop(struct workers *w)
{
    lock_take(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->wake);
    lock_drop(&w->lock);
    for (size_t i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
    mem_free(w->threads);
    mem_free(w->ring);
    pthread_cond_destroy(&w->wake);
    lock_fini(&w->lock);
}

bool http_work(struct http_request *r, void (*fn)(void *ctx, struct http_request *r), void *ctx)
{
    struct http *h = http__request(r)->http;
    if (http__worker_push(&h->workers, (struct job){ fn, ctx, r }))
        return true;
    metric_add(&h->metrics.refused_work, 1);
    return false;
}
