/*
 * http: the life of the server. It starts with threads and no address, gets listeners, and stops in one order:
 *
 *   http_drain   stop accepting -> refuse what is new -> wait for what is running
 *   http_free    hand nothing more to handlers -> wait until they have let go of every request -> I/O threads -> workers
 *
 * libmicrohttpd ends the program when a daemon with a suspended connection is stopped. A connection is suspended only while a
 * handler owns its request, and `busy` counts those, so the second wait makes the stop safe. It covers calls of http_continue() too,
 * which may still be waking an I/O thread when the request is already over. Both waits look once a millisecond: a condition variable
 * would have to be touched after the count that lets this thread free it.
 */
#include "http/http.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http_priv.h"

const struct option_row http_option_rows[] = {
#define OPTION(...) OPTION_ROW(struct http_options, __VA_ARGS__)
#include "http/options.def"
#undef OPTION
};
const size_t http_option_count = sizeof http_option_rows / sizeof *http_option_rows;

const struct metric_row http_metric_rows[] = {
#define METRIC(...) METRIC_ROW(struct http_metrics, __VA_ARGS__)
#include "http/metrics.def"
#undef METRIC
};
const size_t http_metric_count = sizeof http_metric_rows / sizeof *http_metric_rows;

/* Cores this process may use. */
static size_t cores(void)
{
    cpu_set_t set;
    int n =
        sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}

enum status http_new(const struct http_options *o, struct http **out, struct err *err)
{
    struct http *h = mem_alloc(sizeof *h);
    h->options = *o;
    h->n_io = o->http_threads > 0 ? (size_t)o->http_threads : cores();
    size_t workers = o->http_workers > 0 ? (size_t)o->http_workers : 2 * cores();
    http__workers_start(&h->workers, workers, (size_t)o->http_work_queue);
    enum status st = http__h1_start(h, err);
    if (st == ST_OK)
        *out = h;
    else
        http_free(h);
    return st;
}

static enum status listen_for(struct http *h, struct str address, const struct http_handler *handler, bool h2,
    uint16_t *port, struct err *err)
{
    struct listener *l = mem_alloc(sizeof *l);
    *l = (struct listener){ .http = h, .handler = *handler, .h2 = h2, .fd = -1, .stop_fd = -1 };
    enum status st = http__listener_open(l, address, port, err);
    if (st != ST_OK) {
        http__listener_close(l);
        mem_free(l);
        return st;
    }
    http__listener_start(l);
    l->next = h->listeners;
    h->listeners = l;
    return ST_OK;
}

enum status http_listen(
    struct http *h, struct str address, const struct http_handler *handler, uint16_t *port, struct err *err)
{
    return listen_for(h, address, handler, false, port, err);
}

enum status http_listen_grpc(
    struct http *h, struct str address, const struct http_handler *handler, uint16_t *port, struct err *err)
{
    enum status st = http__h2_start(h, err);
    return st == ST_OK ? listen_for(h, address, handler, true, port, err) : st;
}

static void stop_accepting(struct http *h)
{
    atomic_store(&h->draining, true);
    for (struct listener *l = h->listeners; l; l = l->next)
        http__listener_stop_accepting(l);
    http__h2_wake(h);
}

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = NS_PER_MS }, NULL);
}

void http_drain(struct http *h, int64_t until_mono_ns)
{
    stop_accepting(h);
    while (atomic_load(&h->requests) > 0 && clock_mono_ns() < until_mono_ns)
        nap();
}

static void wait_for_handlers(struct http *h)
{
    int64_t warn_ns = clock_mono_ns() + 5 * NS_PER_S;
    while (atomic_load(&h->busy) > 0) {
        nap();
        if (clock_mono_ns() < warn_ns)
            continue;
        warn_ns = clock_mono_ns() + 5 * NS_PER_S;
        log_warn("http", "still waiting for the answers to %lld requests", (long long)atomic_load(&h->busy));
    }
}

void http_free(struct http *h)
{
    if (!h)
        return;
    stop_accepting(h);
    atomic_store(&h->closing, true);
    wait_for_handlers(h);
    http__h1_stop(h);
    http__h2_stop(h);
    http__workers_stop(&h->workers);
    while (h->listeners) {
        struct listener *l = h->listeners;
        h->listeners = l->next;
        http__listener_close(l);
        mem_free(l);
    }
    mem_free(h);
}

struct http_metrics *http_metrics(struct http *h)
{
    return &h->metrics;
}

bool http_draining(const struct http *h)
{
    return atomic_load(&h->draining);
}

struct str http_header_get(const struct http_request *r, const char *lower_name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_is(r->headers[i].name, lower_name))
            return r->headers[i].value;
    return STR_NONE;
}
