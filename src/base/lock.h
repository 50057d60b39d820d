/*
 * lock: named mutexes and the one order in which they may be taken. A thread that holds a lock may only take one further down
 * this list; debug builds assert it.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum lock_rank {
    LOCK_API,     /* edits that read before they write */
    LOCK_HTTP,    /* worker queue, connections in flight */
    LOCK_ACCOUNT, /* key cache and accounts.db */
    LOCK_INGEST,  /* the batch queue */
    LOCK_STORE,   /* segment table, reader pool */
    LOCK_SEGMENT, /* one segment file's index */
    LOCK_LEAF,    /* anything that takes no other lock */
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank;
};

void lock_init(struct lock *l, enum lock_rank rank);
void lock_fini(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);
/* Condition variables wait on the monotonic clock. */
void cond_init(pthread_cond_t *c);
void cond_wait(pthread_cond_t *c, struct lock *l);
bool cond_wait_until(pthread_cond_t *c, struct lock *l, int64_t mono_ns); /* false when the time came first */
/* Start a named thread ("tw-writer"); aborts when the system has none left. */
void thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg);

#endif
