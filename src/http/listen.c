/*
 * listen: sockets, and the thread that accepts on each. We accept ourselves, and deal the connections out to the I/O threads in turn:
 * so they spread evenly, the limit holds exactly and over all listeners, what is above it waits in the kernel's backlog, and
 * stopping is ours. When told to stop, the thread first takes what the kernel has already accepted for us: as long as the drain lasts,
 * those clients get an answer and not a reset.
 */
#include "http/http_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define BACKLOG 1024

/* ---- The address ---- */

struct endpoint {
    char host[256];
    char port[8];
};

static enum status bad_address(struct str address, struct err *err)
{
    return err_set(err, ST_INVALID,
        "\"%.*s\" is no address to listen on; write HOST:PORT, as in 127.0.0.1:8585 or [::1]:8585",
        STR_ARG(address));
}

static bool is_port(struct str s)
{
    int64_t n;
    return s.n > 0 && s.p[0] != '+' && str_to_i64(s, &n) && n >= 0 && n <= UINT16_MAX;
}

/* An empty host is this machine alone: opening the server to the network takes an explicit 0.0.0.0 or [::]. */
static enum status parse_address(struct str address, struct endpoint *e, struct err *err)
{
    size_t colon = address.n;
    while (colon > 0 && address.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return bad_address(address, err);
    struct str host = str_sub(address, 0, colon - 1);
    struct str port = str_sub(address, colon, SIZE_MAX);
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_sub(host, 1, host.n - 2);
    else if (str_find_char(host, ':') != SIZE_MAX)
        return bad_address(address, err);
    if (host.n == 0)
        host = STR("127.0.0.1");
    if (host.n >= sizeof e->host || !is_port(port) || port.n >= sizeof e->port)
        return bad_address(address, err);
    snprintf(e->host, sizeof e->host, "%.*s", STR_ARG(host));
    snprintf(e->port, sizeof e->port, "%.*s", STR_ARG(port));
    return ST_OK;
}

/* ---- The socket ---- */

static enum status cannot_listen(struct str address, int error, struct err *err)
{
    switch (error) {
    case EADDRINUSE:
        return err_set(err, ST_CONFLICT,
            "the address %.*s is taken by another program; stop that one, or listen on another port (port 0 picks a free one)",
            STR_ARG(address));
    case EACCES:
        return err_set(err, ST_FORBIDDEN,
            "this user may not listen on %.*s; ports below 1024 need a privilege, 8585 does not",
            STR_ARG(address));
    case EADDRNOTAVAIL:
        return err_set(err, ST_INVALID,
            "this machine has no address %.*s; 127.0.0.1 is itself, 0.0.0.0 and [::] are all its addresses",
            STR_ARG(address));
    default: return err_set(err, ST_IO, "cannot listen on %.*s: %s", STR_ARG(address), strerror(error));
    }
}

/* Returns 0, or what went wrong. */
static int bind_socket(int fd, const struct addrinfo *at)
{
    int on = 1;
    int off = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return errno;
    /* Linux hands this on to every accepted socket. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        return errno;
    if (at->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0)
        return errno;
    if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return errno;
    return 0;
}

static uint16_t bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = { .v6 = { 0 } };
    socklen_t n = sizeof at;
    if (getsockname(fd, &at.any, &n) < 0)
        return 0;
    return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

enum status http__listener_open(struct listener *l, struct str address, uint16_t *port, struct err *err)
{
    struct endpoint e;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV
    };
    struct addrinfo *found = NULL;
    enum status st = parse_address(address, &e, err);
    if (st != ST_OK)
        return st;
    int wrong = getaddrinfo(e.host, e.port, &hints, &found);
    if (wrong)
        return err_set(
            err, ST_INVALID, "\"%s\" names no address of this machine: %s", e.host, gai_strerror(wrong));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : bind_socket(fd, found);
    l->fd = fd;
    freeaddrinfo(found);
    if (error)
        return cannot_listen(address, error, err);
    *port = bound_port(l->fd);
    l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return l->stop_fd < 0 ? cannot_listen(address, errno, err) : ST_OK;
}

/* ---- Accepting ---- */

struct accepting {
    struct listener *l;
    int64_t warn_ns; /* not before */
};

static bool is_full(struct listener *l)
{
    return atomic_load(&l->http->metrics.connections) >= l->http->options.http_connections;
}

static void hand_over(struct listener *l, int fd, const struct sockaddr_storage *peer, socklen_t n)
{
    struct http *h = l->http;
    struct arrival *a = mem_alloc(sizeof *a);
    *a = (struct arrival){ .mail.is_arrival = true, .listener = l, .fd = fd, .peer = *peer, .peer_n = n };
    metric_add(&h->metrics.connections, 1);
    if (l->h2)
        http__h2_post(h, a);
    else
        http__h1_post(h, a);
}

/* The system is out of something. Returns how many ms to leave the socket alone. */
static int out_of(struct accepting *a, int error)
{
    if (clock_mono_ns() >= a->warn_ns) {
        a->warn_ns = clock_mono_ns() + 10 * NS_PER_S;
        log_warn("http", "cannot accept connections for now: %s", strerror(error));
    }
    return 100;
}

/* Accept what is there. Returns as out_of(), 0 when all is well. */
static int accept_some(struct accepting *a)
{
    struct listener *l = a->l;
    while (!is_full(l)) {
        struct sockaddr_storage peer = { 0 };
        socklen_t n = sizeof peer;
        int fd = accept4(l->fd, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            hand_over(l, fd, &peer, n);
        else if (errno == EAGAIN)
            return 0;
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return out_of(a, errno);
    }
    return 20; /* full: look again soon whether someone has left */
}

static void *accept_connections(void *arg)
{
    struct listener *l = arg;
    struct accepting a = { .l = l };
    int pause_ms = 0;
    for (;;) {
        struct pollfd fds[] = { { .fd = l->stop_fd, .events = POLLIN }, { .fd = l->fd, .events = POLLIN } };
        poll(fds, pause_ms ? 1 : 2, pause_ms ? pause_ms : -1);
        pause_ms = accept_some(&a);
        if (fds[0].revents)
            return NULL;
    }
}

void http__listener_start(struct listener *l)
{
    thread_start(&l->acceptor, "tw-accept", accept_connections, l);
}

void http__listener_stop_accepting(struct listener *l)
{
    if (l->fd < 0)
        return;
    uint64_t one = 1;
    ssize_t done = write(l->stop_fd, &one, sizeof one);
    (void)done; /* an eventfd that was never written takes it */
    pthread_join(l->acceptor, NULL);
    close(l->fd);
    l->fd = -1;
}

/* Also takes a listener that could not be opened. */
void http__listener_close(struct listener *l)
{
    if (l->stop_fd >= 0)
        close(l->stop_fd);
    if (l->fd >= 0)
        close(l->fd);
}
