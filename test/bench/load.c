/*
 * One thread, epoll, keep-alive connections. Closed loop: each connection sends its next request when it has read the whole answer. With a
 * rate, a request is sent when its time has come, and its time counts from then, so that a stall of the server is not hidden.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

struct conn {
    int fd;
    const struct bytes *out;
    size_t sent;
    char *in;
    size_t n, cap, want; /* want: whole length of the answer, 0 = head not read yet */
    int64_t began;
    int idle;
};

struct run {
    const struct requests *r;
    size_t next, answered, failed;
    double *ms;
    int epoll;
    double rate;
    int64_t began;
};

static void conn_open(struct conn *c, int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) }
    };
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->cap = 65536;
    c->in = malloc(c->cap);
}

static void watch(struct run *run, struct conn *c, int op, uint32_t events)
{
    struct epoll_event e = { .events = events, .data = { .ptr = c } };
    if (epoll_ctl(run->epoll, op, c->fd, &e) != 0)
        die("epoll_ctl");
}

static void flush(struct run *run, struct conn *c)
{
    while (c->sent < c->out->n) {
        ssize_t n = send(c->fd, c->out->p + c->sent, c->out->n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(run, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0)
            die("send");
        c->sent += (size_t)n;
    }
    watch(run, c, EPOLL_CTL_MOD, EPOLLIN);
}

/* False: nothing left, or (with a rate) not its time yet. */
static int start_next(struct run *run, struct conn *c)
{
    int64_t now = mono_ns(), due = now;
    c->idle = 1;
    if (run->next >= run->r->n)
        return 0;
    if (run->rate > 0)
        due = run->began + (int64_t)((double)run->next / run->rate * 1e9);
    if (due > now)
        return 0;
    c->idle = 0;
    c->out = &run->r->items[run->next++];
    c->sent = c->n = c->want = 0;
    c->began = due;
    flush(run, c);
    return 1;
}

static void read_head(struct conn *c)
{
    char *end = memmem(c->in, c->n, "\r\n\r\n", 4);
    if (!end)
        return;
    size_t head = (size_t)(end - c->in) + 4, length = 0;
    for (char *line = c->in; line < end; line++) {
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            length = strtoul(line + 15, NULL, 10);
        line = memchr(line, '\n', (size_t)(end + 2 - line));
    }
    c->want = head + length;
}

static void answered(struct run *run, struct conn *c)
{
    run->ms[run->answered++] = (double)(mono_ns() - c->began) / 1e6;
    if (c->n < 12 || c->in[9] != '2')
        run->failed++;
    start_next(run, c);
}

static void readable(struct run *run, struct conn *c)
{
    for (;;) {
        if (c->n == c->cap)
            c->in = realloc(c->in, c->cap *= 2);
        ssize_t n = recv(c->fd, c->in + c->n, c->cap - c->n, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            fprintf(stderr, "tracewell-bench: the server closed a connection\n");
            exit(1);
        }
        c->n += (size_t)n;
        if (!c->want)
            read_head(c);
        if (c->want && c->n >= c->want) {
            answered(run, c);
            return;
        }
    }
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static void loop(struct run *run, struct conn *conns, int n)
{
    struct epoll_event events[64];
    while (run->answered < run->r->n) {
        int got = epoll_wait(run->epoll, events, 64, run->rate > 0 ? 0 : 1000);
        for (int i = 0; i < got; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                flush(run, c);
            if (events[i].events & EPOLLIN)
                readable(run, c);
        }
        for (int i = 0; i < n && run->rate > 0; i++)
            if (conns[i].idle)
                start_next(run, &conns[i]);
    }
}

void load_run(int port, const struct requests *r, int connections, double rate, struct load_result *out)
{
    struct run run = { .r = r, .ms = calloc(r->n, sizeof(double)), .epoll = epoll_create1(0), .rate = rate };
    struct conn *conns = calloc((size_t)connections, sizeof(*conns));
    for (int i = 0; i < connections; i++) {
        conn_open(&conns[i], port);
        watch(&run, &conns[i], EPOLL_CTL_ADD, EPOLLIN);
    }
    run.began = mono_ns();
    for (int i = 0; i < connections; i++)
        start_next(&run, &conns[i]);
    loop(&run, conns, connections);
    out->seconds = (double)(mono_ns() - run.began) / 1e9;
    qsort(run.ms, run.answered, sizeof(double), by_value);
    out->answered = run.answered;
    out->failed = run.failed;
    out->p50_ms = run.ms[run.answered / 2];
    out->p99_ms = run.ms[run.answered * 99 / 100];
    out->max_ms = run.ms[run.answered - 1];
    for (int i = 0; i < connections; i++) {
        close(conns[i].fd);
        free(conns[i].in);
    }
    close(run.epoll);
    free(conns);
    free(run.ms);
}
