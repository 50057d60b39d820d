/*
 * io: the I/O threads. Each runs one libmicrohttpd daemon and has one mailbox:
 *
 *        accepting thread -- a new connection --.
 *   writer, worker, ... -- a reply, a function --+--> mailbox --> take_mail() --> MHD_run() --> sleep until a socket or mail
 *                                                                    ^                              |
 *                                                                    '------------------------------'
 *
 * So a daemon, its connections and everything in a request that is marked so belong to one thread, and the race between suspending a
 * connection and an answer that comes too early cannot happen: the answer lies in the mailbox until the thread has let go of the
 * connection. libmicrohttpd can run such threads by itself, but its loop has a fault (0.9.75 to 1.0.1): when exactly 128 sockets are
 * ready it waits once more before it serves them, for up to the idle time. MHD_run() never waits. One wake-up for many letters is
 * cheaper than its one per resumed connection, too.
 *
 * The mailbox is a stack that is only ever pushed to or taken whole. A push writes to the eventfd only when the thread is asleep, or
 * about to be: the thread says so first and then looks into the mailbox once more.
 */
#include "http/http_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

static _Thread_local const struct io *here;

bool http__io_is_here(const struct io *io)
{
    return here == io;
}

static void wake(struct io *io)
{
    uint64_t one = 1;
    if (!atomic_exchange(&io->asleep, false))
        return;
    ssize_t done = write(io->wake_fd, &one, sizeof one);
    (void)done; /* it can only fail when it is readable already */
}

void http__io_post(struct io *io, struct mail *m)
{
    struct mail *head = atomic_load(&io->mail);
    do
        m->next = head;
    while (!atomic_compare_exchange_weak(&io->mail, &head, m));
    wake(io);
}

/* All letters, the oldest first. */
static struct mail *take_all(struct io *io)
{
    struct mail *newest = atomic_exchange(&io->mail, NULL);
    struct mail *oldest = NULL;
    while (newest) {
        struct mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void take_mail(struct io *io)
{
    struct mail *m = take_all(io);
    while (m) {
        struct mail *next = m->next; /* what m is part of may be gone afterwards */
        if (m->is_arrival)
            http__arrive(io, (struct arrival *)(void *)m);
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
    struct pollfd fds[] = { { .fd = io->wake_fd, .events = POLLIN },
        { .fd = io->epoll_fd, .events = POLLIN } };
    uint64_t count;
    atomic_store(&io->asleep, true);
    if (!atomic_load(&io->mail) && !atomic_load(&io->stop))
        poll(fds, 2, ms);
    atomic_store(&io->asleep, false);
    if (fds[0].revents) {
        ssize_t done = read(io->wake_fd, &count, sizeof count);
        (void)done;
    }
}

static void *run(void *arg)
{
    struct io *io = arg;
    here = io;
    for (;;) {
        bool last = atomic_load(&io->stop); /* before the mail: what was sent before the stop is delivered */
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

enum status http__io_start(struct io *io, size_t number, struct err *err)
{
    char name[32];
    io->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    io->mhd = io->wake_fd < 0 ? NULL : http__daemon_start(io);
    if (!io->mhd)
        return err_set(err, ST_IO, "cannot start I/O thread %zu: %s", number, strerror(errno));
    io->epoll_fd = MHD_get_daemon_info(io->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    snprintf(name, sizeof name, "tw-io-%zu", number);
    thread_start(&io->thread, name, run, io);
    return ST_OK;
}

/* No handler may own a request any more. Also takes one that was not started. */
void http__io_stop(struct io *io)
{
    if (io->mhd) {
        atomic_store(&io->stop, true);
        wake(io);
        pthread_join(io->thread, NULL);
    }
    if (io->wake_fd >= 0)
        close(io->wake_fd);
}
