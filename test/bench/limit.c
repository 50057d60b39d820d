/*
 * What this machine could do at most with the same bytes: a program that only decodes each export, compresses it at the store's level,
 * appends it and syncs, on as many threads as there are cores, one sync for as many requests as connections wait. No rows, no merging, no
 * index, no HTTP.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compress.h"
#include "bench.h"
#include "dialect/otlp/otlp.h"

#define GROUP 32 /* requests a sync */
#define LEVEL 1  /* of the store's blocks */

struct limit {
    const struct requests *r;
    atomic_size_t next;
    const char *dir;
};

static void take_span(void *ctx, const struct otlp_span *s)
{
    *(size_t *)ctx += s->attributes.n;
}

static struct str body_of(const struct bytes *request)
{
    char *end = memmem(request->p, request->n, "\r\n\r\n", 4);
    size_t head = (size_t)(end - request->p) + 4;
    return (struct str){ request->p + head, request->n - head };
}

static void decode(struct str body)
{
    struct arena *a = arena_new();
    struct otlp_tally tally = { 0 };
    struct err err;
    size_t attributes = 0;
    struct otlp_sink sink = { .ctx = &attributes, .span = take_span };
    if (otlp_read_protobuf(a, body, SIGNAL_TRACES, &sink, &tally, &err) != ST_OK || !attributes) {
        fprintf(stderr, "tracewell-bench: limit: %s\n", err.text);
        exit(1);
    }
    arena_free(a);
}

static void *work(void *arg)
{
    struct limit *l = arg;
    char path[300];
    struct buf out;
    size_t i, pending = 0;
    buf_init(&out, 0);
    snprintf(path, sizeof(path), "%s/limit-%lx", l->dir, (unsigned long)pthread_self());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        die(path);
    while ((i = atomic_fetch_add(&l->next, 1)) < l->r->n) {
        struct str body = body_of(&l->r->items[i]);
        decode(body);
        zstd_pack(&out, body, LEVEL);
        if (++pending % GROUP)
            continue;
        if (write(fd, out.p, out.n) != (ssize_t)out.n || fdatasync(fd) != 0)
            die(path);
        buf_clear(&out);
    }
    if (out.n && (write(fd, out.p, out.n) != (ssize_t)out.n || fdatasync(fd) != 0))
        die(path);
    close(fd);
    unlink(path);
    buf_fini(&out);
    return NULL;
}

double limit_run(const char *dir, const struct requests *r)
{
    struct limit l = { .r = r, .dir = dir };
    pthread_t threads[64];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores > 64)
        cores = 64;
    int64_t began = mono_ns();
    for (long i = 0; i < cores; i++)
        if (pthread_create(&threads[i], NULL, work, &l) != 0)
            die("pthread_create");
    for (long i = 0; i < cores; i++)
        pthread_join(threads[i], NULL);
    return (double)r->events / ((double)(mono_ns() - began) / 1e9);
}

/* The dialect's whole work on each request, on one thread: decode, map, events sealed, nothing stored. */
double decode_run(const struct requests *r, bool json)
{
    static const struct caller caller = { .project = 1 };
    struct pair type = { STR("content-type"),
        json ? STR("application/json") : STR("application/x-protobuf") };
    int64_t began = mono_ns();
    for (size_t i = 0; i < r->n; i++) {
        struct call c = { .arena = arena_new(), .caller = &caller, .headers = &type, .n_headers = 1 };
        struct batch b;
        struct err err;
        c.body = body_of(&r->items[i]);
        batch_init(&b, arena_new());
        if (otlp_traces_write(&c, &b, &err) != ST_OK) {
            fprintf(stderr, "tracewell-bench: decode: %s\n", err.text);
            exit(1);
        }
        batch_seal(&b);
        batch_fini(&b);
        arena_free(c.arena);
    }
    return (double)r->events / ((double)(mono_ns() - began) / 1e9);
}
