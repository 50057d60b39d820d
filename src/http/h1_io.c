/*
 * h1_io: the I/O threads of the HTTP/1.1 side. Each runs one libmicrohttpd daemon and has one mailbox:
 *
 *   take_mail() --> MHD_run() --> sleep until a socket or mail
 *        ^                              |
 *        '------------------------------'
 *
 * So a daemon, its connections and everything in a request that is marked so belong to one thread, and the race between suspending a
 * connection and an answer that comes too early cannot happen: the answer lies in the mailbox until the thread has let go of the
 * connection. libmicrohttpd can run such threads by itself, but its loop has a fault (0.9.75 to 1.0.1): when exactly 128 sockets are
 * ready it waits once more before it serves them, for up to the idle time. MHD_run() never waits. One wake-up for many letters is
 * cheaper than its one per resumed connection, too.
 */
#include "http/h1_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void take_mail(struct io *io)
{
    struct mail *m = http__mailbox_take(&io->box);
    while (m) {
        struct mail *next = m->next; /* what m is part of may be gone afterwards */
        if (m->is_arrival)
            http__h1_arrive(io, (struct arrival *)(void *)m);
        else
            http__resume(http__request_of_mail(m));
        m = next;
    }
}

/* How long libmicrohttpd lets us sleep; -1: for ever. */
static int may_sleep_ms(struct io *io)
{
    unsigned long long ms;
    if (MHD_get_timeout(io->mhd, &ms) != MHD_YES)
        return -1;
    return ms < 60000 ? (int)ms : 60000;
}

static void sleep_for(struct io *io, int ms)
{
    struct pollfd fds[] = { { .fd = io->box.wake_fd, .events = POLLIN },
        { .fd = io->epoll_fd, .events = POLLIN } };
    if (http__mailbox_doze(&io->box))
        poll(fds, 2, ms);
    http__mailbox_awake(&io->box, fds[0].revents != 0);
}

static void *run(void *arg)
{
    struct io *io = arg;
    http__mailbox_own(&io->box);
    for (;;) {
        bool last =
            atomic_load(&io->box.stop); /* before the mail: what was sent before the stop is delivered */
        take_mail(io);
        if (last)
            break;
        io->resumed = false;
        MHD_run(io->mhd);
        int ms = io->resumed ? 0 : may_sleep_ms(io);
        if (ms != 0)
            sleep_for(io, ms);
    }
    MHD_stop_daemon(io->mhd);
    return NULL;
}

static enum status start(struct io *io, size_t number, struct err *err)
{
    char name[32];
    io->mhd = http__mailbox_open(&io->box) ? http__h1_daemon_start(io) : NULL;
    if (!io->mhd)
        return err_set(err, ST_IO, "cannot start I/O thread %zu: %s", number, strerror(errno));
    io->epoll_fd = MHD_get_daemon_info(io->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    snprintf(name, sizeof name, "tw-io-%zu", number);
    thread_start(&io->thread, name, run, io);
    return ST_OK;
}

enum status http__h1_start(struct http *h, struct err *err)
{
    h->io = mem_array(h->n_io, sizeof *h->io);
    for (size_t i = 0; i < h->n_io; i++)
        h->io[i] = (struct io){ .http = h, .box.wake_fd = -1 };
    for (size_t i = 0; i < h->n_io; i++) {
        enum status st = start(&h->io[i], i, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

void http__h1_post(struct http *h, struct arrival *a)
{
    http__mailbox_post(&h->io[atomic_fetch_add(&h->next_io, 1) % h->n_io].box, &a->mail);
}

/* Also takes threads that were not started. */
void http__h1_stop(struct http *h)
{
    for (size_t i = 0; i < h->n_io; i++) {
        struct io *io = &h->io[i];
        if (io->mhd) {
            http__mailbox_stop(&io->box);
            pthread_join(io->thread, NULL);
        }
        http__mailbox_close(&io->box);
    }
    mem_free(h->io);
}
