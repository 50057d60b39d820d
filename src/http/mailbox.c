/*
 * mailbox: how other threads talk to an I/O thread.
 *
 *        accepting thread -- a new connection --.
 *   writer, worker, ... -- a reply, a function --+--> mailbox --> the thread takes all letters, works, sleeps until sockets or mail
 *
 * The mailbox is a stack that is only ever pushed to or taken whole. A push writes to the eventfd only when the thread is asleep, or
 * about to be: the thread says so first and then looks into the mailbox once more. One wake-up serves all letters that lie there.
 */
#include "http/http_priv.h"

#include <sys/eventfd.h>
#include <unistd.h>

static _Thread_local const struct mailbox *here;

bool http__mailbox_open(struct mailbox *b)
{
    b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return b->wake_fd >= 0;
}

void http__mailbox_close(struct mailbox *b)
{
    if (b->wake_fd >= 0)
        close(b->wake_fd);
    b->wake_fd = -1;
}

void http__mailbox_own(struct mailbox *b)
{
    here = b;
}

bool http__mailbox_is_here(const struct mailbox *b)
{
    return here == b;
}

void http__mailbox_wake(struct mailbox *b)
{
    uint64_t one = 1;
    if (!atomic_exchange(&b->asleep, false))
        return;
    ssize_t done = write(b->wake_fd, &one, sizeof one);
    (void)done; /* it can only fail when it is readable already */
}

void http__mailbox_post(struct mailbox *b, struct mail *m)
{
    struct mail *head = atomic_load(&b->newest);
    do
        m->next = head;
    while (!atomic_compare_exchange_weak(&b->newest, &head, m));
    http__mailbox_wake(b);
}

void http__mailbox_stop(struct mailbox *b)
{
    atomic_store(&b->stop, true);
    http__mailbox_wake(b);
}

struct mail *http__mailbox_take(struct mailbox *b)
{
    struct mail *newest = atomic_exchange(&b->newest, NULL);
    struct mail *oldest = NULL;
    while (newest) {
        struct mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool http__mailbox_doze(struct mailbox *b)
{
    atomic_store(&b->asleep, true);
    return !atomic_load(&b->newest) && !atomic_load(&b->stop);
}

void http__mailbox_awake(struct mailbox *b, bool readable)
{
    uint64_t count;
    atomic_store(&b->asleep, false);
    if (readable) {
        ssize_t done = read(b->wake_fd, &count, sizeof count);
        (void)done;
    }
}
