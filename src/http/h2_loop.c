/*
 * h2_loop: the threads of the HTTP/2 side, at most two, and their sockets. Each has an epoll descriptor, a mailbox (mailbox.c) and
 * the connections it was given:
 *
 *   mail (arrivals, replies) --> sockets that are ready --> flush the connections touched --> once a second: who is idle? --> sleep
 *
 * A connection is freed in one place only, the flush. It ends in order: what it owes goes out, GOAWAY with it, our side is shut
 * down, and what still comes is read and thrown away for up to 2 s, for a close with unread bytes would take the answer with it.
 */
#include "http/h2_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define LOOPS_MOST 2u
#define EVENTS     64
#define READ_BYTES ((size_t)64 * 1024)
#define READS      4 /* of one socket before others have their turn */
#define LINGER_NS  (2 * NS_PER_S)
#define GOODBYE_NS NS_PER_S /* for what is owed when the loop stops */
#define SWEEP_NS   NS_PER_S

struct h2_socket {
    struct h2_connection conn; /* first: see socket_of() */
    struct h2_socket *next, *prev;
    int fd;
    uint32_t awaits;    /* epoll events */
    int64_t active_ns;  /* bytes went either way */
    int64_t lingers_ns; /* since; 0: it does not */
    bool dead;
};

struct h2_loop {
    struct http *http;
    pthread_t thread;
    bool started;
    int epoll_fd;
    struct mailbox box;
    struct h2_socket *sockets;
    struct h2_connection *to_flush;
    int64_t sweep_ns; /* the next one */
    bool drains;
    char bytes[READ_BYTES];
};

static struct h2_socket *socket_of(struct h2_connection *c)
{
    return (struct h2_socket *)(void *)c;
}

/* ---- Sockets ---- */

static void name_peer(const struct sockaddr_storage *peer, char out[INET6_ADDRSTRLEN])
{
    const struct sockaddr_in *v4 = (const void *)peer;
    const struct sockaddr_in6 *v6 = (const void *)peer;
    if (peer->ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
    else if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
    else if (peer->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
}

static void await(struct h2_loop *l, struct h2_socket *s, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.ptr = s };
    if (s->awaits == events)
        return;
    int failed = epoll_ctl(l->epoll_fd, s->awaits ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, s->fd, &e);
    s->awaits = events;
    s->dead = s->dead || failed;
}

static void arrive(struct h2_loop *l, struct arrival *a)
{
    struct err err;
    struct h2_socket *s = mem_alloc(sizeof *s);
    *s = (struct h2_socket){ .fd = a->fd, .next = l->sockets, .active_ns = clock_mono_ns() };
    s->conn = (struct h2_connection){
        .http = l->http, .handler = &a->listener->handler, .home = &l->box, .to_flush = &l->to_flush
    };
    name_peer(&a->peer, s->conn.remote);
    if (l->sockets)
        l->sockets->prev = s;
    l->sockets = s;
    if (http__h2_open(&s->conn, &err) != ST_OK) {
        log_warn("http", "%s", err.text);
        s->dead = true;
    }
    await(l, s, EPOLLIN);
    http__h2_touch(&s->conn);
    mem_free(a);
}

/* Touched again while it was flushed, by a goodbye that could not be sent. */
static void forget_flush(struct h2_loop *l, struct h2_connection *c)
{
    struct h2_connection **at = &l->to_flush;
    while (*at != c)
        at = &(*at)->next_to_flush;
    *at = c->next_to_flush;
}

static void destroy(struct h2_loop *l, struct h2_socket *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        l->sockets = s->next;
    if (s->next)
        s->next->prev = s->prev;
    http__h2_close(&s->conn);
    if (s->conn.touched)
        forget_flush(l, &s->conn);
    close(s->fd);
    mem_free(s);
    metric_add(&l->http->metrics.connections, -1);
}

static void kill_socket(struct h2_socket *s)
{
    s->dead = true;
    http__h2_touch(&s->conn);
}

/* ---- Reading ---- */

/* False: there is no more for now. */
static bool read_once(struct h2_loop *l, struct h2_socket *s)
{
    ssize_t n = recv(s->fd, l->bytes, sizeof l->bytes, 0);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            kill_socket(s);
        return false;
    }
    if (s->lingers_ns)
        return true;
    if (!s->conn.ending) /* else it has all its time for the last bytes */
        s->active_ns = clock_mono_ns();
    http__h2_take(&s->conn, (struct str){ l->bytes, (size_t)n });
    return !s->conn.over && (size_t)n == sizeof l->bytes;
}

static void on_event(struct h2_loop *l, struct h2_socket *s, uint32_t events)
{
    if (events & EPOLLOUT)
        http__h2_touch(&s->conn);
    if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN))
        kill_socket(s);
    for (int i = 0; i < READS && events & EPOLLIN && !s->dead; i++)
        if (!read_once(l, s))
            break;
}

/* ---- Writing ---- */

/* Sends of `out` what the socket takes. False: it takes no more for now, or the peer is gone. */
static bool send_out(struct h2_socket *s)
{
    struct buf *out = &s->conn.out;
    size_t at = 0;
    while (at < out->n) {
        ssize_t n = send(s->fd, out->p + at, out->n - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            s->dead = s->dead || errno != EAGAIN;
            break;
        }
        at += (size_t)n;
        s->active_ns = clock_mono_ns();
    }
    memmove(out->p, out->p + at, out->n - at);
    out->n -= at;
    return out->n == 0;
}

/* False: something is left that the socket does not take now. */
static bool send_all(struct h2_socket *s)
{
    for (;;) {
        http__h2_fill(&s->conn);
        if (s->conn.out.n == 0)
            break;
        if (!send_out(s))
            return false;
    }
    http__h2_flushed(&s->conn);
    return true;
}

static void linger(struct h2_socket *s)
{
    if (s->lingers_ns)
        return;
    s->lingers_ns = clock_mono_ns();
    shutdown(s->fd, SHUT_WR);
}

static void flush(struct h2_loop *l, struct h2_socket *s)
{
    bool all = s->dead || send_all(s);
    if (s->dead) {
        destroy(l, s);
        return;
    }
    if (all && http__h2_is_over(&s->conn))
        linger(s);
    await(l, s, all ? EPOLLIN : EPOLLIN | EPOLLOUT);
    if (s->dead)
        destroy(l, s);
}

static void flush_touched(struct h2_loop *l)
{
    while (l->to_flush) {
        struct h2_connection *c = l->to_flush;
        l->to_flush = c->next_to_flush;
        c->touched = false;
        flush(l, socket_of(c));
    }
}

/* ---- Time ---- */

static void sweep_socket(struct h2_socket *s, int64_t now, int64_t idle)
{
    if (s->lingers_ns) {
        if (now - s->lingers_ns >= LINGER_NS)
            kill_socket(s);
        return;
    }
    http__h2_cancel_stalled(&s->conn, now - idle);
    if (now - s->active_ns < idle || http__h2_owes(&s->conn))
        return;
    if (s->conn.out.n > 0 || s->conn.ending) /* it does not even take that */
        kill_socket(s);
    else
        http__h2_end(&s->conn, NGHTTP2_NO_ERROR);
}

static void sweep(struct h2_loop *l)
{
    int64_t now = clock_mono_ns();
    int64_t idle = l->http->options.http_idle;
    if (now < l->sweep_ns)
        return;
    l->sweep_ns = now + (idle / 4 < SWEEP_NS ? idle / 4 : SWEEP_NS);
    for (struct h2_socket *s = l->sockets; s; s = s->next)
        sweep_socket(s, now, idle);
}

/* ---- The loop ---- */

static void take_mail(struct h2_loop *l)
{
    struct mail *m = http__mailbox_take(&l->box);
    while (m) {
        struct mail *next = m->next; /* what m is part of may be gone afterwards */
        if (m->is_arrival)
            arrive(l, (struct arrival *)(void *)m);
        else
            http__resume(http__request_of_mail(m));
        m = next;
    }
}

static void look_for_drain(struct h2_loop *l)
{
    if (l->drains || !http_draining(l->http))
        return;
    l->drains = true;
    for (struct h2_socket *s = l->sockets; s; s = s->next)
        http__h2_drain(&s->conn);
}

static void sleep_and_serve(struct h2_loop *l)
{
    struct epoll_event events[EVENTS];
    bool mail = false;
    bool may_sleep = http__mailbox_doze(&l->box) && l->drains == http_draining(l->http);
    int ms = l->sockets ? (int)((l->sweep_ns - clock_mono_ns()) / NS_PER_MS) + 1 : -1;
    if (!may_sleep || (l->sockets && ms < 0))
        ms = 0;
    int n = epoll_wait(l->epoll_fd, events, EVENTS, ms);
    for (int i = 0; i < n; i++)
        mail = mail || !events[i].data.ptr;
    http__mailbox_awake(&l->box, mail);
    for (int i = 0; i < n; i++)
        if (events[i].data.ptr)
            on_event(l, events[i].data.ptr, events[i].events);
}

/* What is owed goes out, as far as the peers take it in time. */
static void say_goodbye(struct h2_loop *l)
{
    int64_t until = clock_mono_ns() + GOODBYE_NS;
    while (l->sockets) {
        struct h2_socket *s = l->sockets;
        struct pollfd fd = { .fd = s->fd, .events = POLLOUT };
        bool waits = false;
        do {
            bool all = send_all(s);
            waits = !all && !s->dead && clock_mono_ns() < until;
            if (all)
                http__h2_end(&s->conn, NGHTTP2_NO_ERROR);
            if (all)
                send_all(s);
        } while (waits && poll(&fd, 1, 10) >= 0);
        destroy(l, s);
    }
}

static void *run(void *arg)
{
    struct h2_loop *l = arg;
    http__mailbox_own(&l->box);
    for (;;) {
        bool last =
            atomic_load(&l->box.stop); /* before the mail: what was sent before the stop is delivered */
        take_mail(l);
        look_for_drain(l);
        sweep(l);
        flush_touched(l);
        if (last)
            break;
        sleep_and_serve(l);
        flush_touched(l);
    }
    say_goodbye(l);
    return NULL;
}

/* ---- Life ---- */

static enum status start(struct h2_loop *l, size_t number, struct err *err)
{
    char name[32];
    struct epoll_event e = { .events = EPOLLIN };
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0 || !http__mailbox_open(&l->box) ||
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->box.wake_fd, &e) < 0)
        return err_set(err, ST_IO, "cannot start HTTP/2 thread %zu: %s", number, strerror(errno));
    snprintf(name, sizeof name, "tw-h2-%zu", number);
    thread_start(&l->thread, name, run, l);
    l->started = true;
    return ST_OK;
}

enum status http__h2_start(struct http *h, struct err *err)
{
    if (h->h2)
        return ST_OK;
    h->n_h2 = h->n_io < LOOPS_MOST ? h->n_io : LOOPS_MOST;
    h->h2 = mem_array(h->n_h2, sizeof *h->h2);
    for (size_t i = 0; i < h->n_h2; i++) {
        h->h2[i].http = h;
        h->h2[i].epoll_fd = h->h2[i].box.wake_fd = -1;
    }
    enum status st = ST_OK;
    for (size_t i = 0; i < h->n_h2 && st == ST_OK; i++)
        st = start(&h->h2[i], i, err);
    if (st != ST_OK)
        http__h2_stop(h);
    return st;
}

void http__h2_post(struct http *h, struct arrival *a)
{
    http__mailbox_post(&h->h2[atomic_fetch_add(&h->next_h2, 1) % h->n_h2].box, &a->mail);
}

void http__h2_wake(struct http *h)
{
    for (size_t i = 0; i < h->n_h2; i++)
        http__mailbox_wake(&h->h2[i].box);
}

void http__h2_stop(struct http *h)
{
    for (size_t i = 0; i < h->n_h2; i++) {
        struct h2_loop *l = &h->h2[i];
        if (l->started) {
            http__mailbox_stop(&l->box);
            pthread_join(l->thread, NULL);
        }
        http__mailbox_close(&l->box);
        if (l->epoll_fd >= 0)
            close(l->epoll_fd);
    }
    mem_free(h->h2);
    h->h2 = NULL;
    h->n_h2 = 0;
}
