/* raw_client: blocking sockets with a time limit, and as little of HTTP as finds the end of a reply. */
#include "support/raw_client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool connect_to(int fd, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };
    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
}

bool raw_try_open(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = connect_to(fd, port);
    close(fd);
    return open;
}

void raw_open(struct raw_client *c, uint16_t port)
{
    struct timeval most = { .tv_sec = 10 };
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(c->fd >= 0);
    buf_init(&c->in, 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool connected = connect_to(c->fd, port);
    assert(connected);
}

void raw_close(struct raw_client *c)
{
    close(c->fd);
    buf_fini(&c->in);
}

void raw_reset(struct raw_client *c)
{
    struct linger at_once = { .l_onoff = 1 };
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    raw_close(c);
}

bool raw_send(struct raw_client *c, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes = str_sub(bytes, (size_t)n, SIZE_MAX);
    }
    return true;
}

bool raw_sendf(struct raw_client *c, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert(n >= 0 && (size_t)n < sizeof text);
    return raw_send(c, (struct str){ text, (size_t)n });
}

/* False at the end of the stream, or when the time is up. */
static bool receive(struct raw_client *c)
{
    char *room = buf_reserve(&c->in, 65536);
    ssize_t n = recv(c->fd, room, 65536, 0);
    if (n > 0)
        c->in.n += (size_t)n;
    return n > 0;
}

static void drop_front(struct buf *b, size_t n)
{
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

struct str raw_header(const struct raw_reply *reply, const char *name)
{
    struct str rest = reply->head;
    struct str line;
    while (str_cut(&rest, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        if (colon != SIZE_MAX && str_eq_nocase(str_sub(line, 0, colon), str_of(name)))
            return str_trim(str_sub(line, colon + 1, SIZE_MAX));
    }
    return STR_NONE;
}

struct raw_reply raw_read(struct raw_client *c, struct arena *a, bool no_body)
{
    struct raw_reply reply = { 0 };
    size_t end;
    while ((end = str_find(buf_str(&c->in), STR("\r\n\r\n"))) == SIZE_MAX)
        if (!receive(c))
            return reply;
    reply.head = arena_dup(a, (struct str){ c->in.p, end + 2 });
    drop_front(&c->in, end + 4);
    int64_t n = 0;
    (void)str_to_i64(raw_header(&reply, "Content-Length"), &n);
    while (!no_body && c->in.n < (size_t)n)
        if (!receive(c))
            return (struct raw_reply){ 0 };
    reply.body = arena_dup(a, (struct str){ c->in.p, no_body ? 0 : (size_t)n });
    drop_front(&c->in, no_body ? 0 : (size_t)n);
    sscanf(reply.head.p, "HTTP/1.1 %d", &reply.status);
    return reply;
}

bool raw_at_end(struct raw_client *c)
{
    char byte;
    if (c->in.n > 0)
        return false;
    ssize_t n = recv(c->fd, &byte, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}
