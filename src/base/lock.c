/*
 * lock: mutexes that know their place. Each thread keeps the ranks of the locks it holds; taking one that is not further down the
 * list than all of them is a bug that might deadlock on another day, so it ends the program at once. Two locks of one rank have no
 * order between them and so are never held together.
 */
#include "base/lock.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#ifndef NDEBUG
static _Thread_local unsigned held; /* one bit a rank */

static void note_taken(enum lock_rank rank)
{
    /* No bit at or above the one of this rank. */
    if (held >> rank) {
        fprintf(stderr, "tracewell: lock order: rank %d taken while ranks %#x are held\n", (int)rank, held);
        abort();
    }
    held |= 1u << rank;
}

static void note_dropped(enum lock_rank rank)
{
    assert(held & 1u << rank);
    held &= ~(1u << rank);
}

static void need_held(enum lock_rank rank)
{
    assert(held & 1u << rank);
}
#else
static void note_taken(enum lock_rank rank)
{
    (void)rank;
}

static void note_dropped(enum lock_rank rank)
{
    (void)rank;
}

static void need_held(enum lock_rank rank)
{
    (void)rank;
}
#endif

/* The pthread calls below fail only when they are used wrongly. */
static void must(int error, const char *call)
{
    if (error) {
        fprintf(stderr, "tracewell: %s: %s\n", call, strerror(error));
        abort();
    }
}

void lock_init(struct lock *l, enum lock_rank rank)
{
    l->rank = rank;
    must(pthread_mutex_init(&l->mutex, NULL), "pthread_mutex_init");
}

void lock_fini(struct lock *l)
{
    must(pthread_mutex_destroy(&l->mutex), "pthread_mutex_destroy");
}

void lock_take(struct lock *l)
{
    note_taken(l->rank); /* before waiting: a deadlock could not tell afterwards */
    must(pthread_mutex_lock(&l->mutex), "pthread_mutex_lock");
}

void lock_drop(struct lock *l)
{
    note_dropped(l->rank);
    must(pthread_mutex_unlock(&l->mutex), "pthread_mutex_unlock");
}

void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr), "pthread_condattr_init");
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "pthread_condattr_setclock");
    must(pthread_cond_init(c, &attr), "pthread_cond_init");
    pthread_condattr_destroy(&attr);
}

void cond_wait(pthread_cond_t *c, struct lock *l)
{
    need_held(l->rank);
    must(pthread_cond_wait(c, &l->mutex), "pthread_cond_wait");
}

bool cond_wait_until(pthread_cond_t *c, struct lock *l, int64_t mono_ns)
{
    need_held(l->rank);
    mono_ns = mono_ns > 0 ? mono_ns : 0; /* long past; a timespec has no negative nanoseconds */
    struct timespec until = { .tv_sec = mono_ns / NS_PER_S, .tv_nsec = mono_ns % NS_PER_S };
    int error = pthread_cond_timedwait(c, &l->mutex, &until);
    if (error == ETIMEDOUT)
        return false;
    must(error, "pthread_cond_timedwait");
    return true;
}

struct start {
    void *(*run)(void *);
    void *arg;
    char name[16];
};

/* A thread names itself: from outside it might be gone already. */
static void *run_named(void *p)
{
    struct start start = *(struct start *)p;
    mem_free(p);
    pthread_setname_np(pthread_self(), start.name);
    return start.run(start.arg);
}

void thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    struct start *start = mem_alloc(sizeof *start);
    assert(strlen(name) < sizeof start->name); /* the kernel's room for a thread's name */
    *start = (struct start){ .run = run, .arg = arg };
    memcpy(start->name, name, strlen(name) + 1);
    /* Signals are for the main thread alone; a new thread starts with its creator's mask. */
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before), "pthread_sigmask");
    int error = pthread_create(t, NULL, run_named, start);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL), "pthread_sigmask");
    must(error, "pthread_create");
}
