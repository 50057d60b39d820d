/*
 * h1_connection: what libmicrohttpd calls on an I/O thread, and the way of a request through it.
 *
 * libmicrohttpd calls on_access() once when the headers are there, once per piece of the body, and again when the request is
 * complete; then, as long as no reply is queued, once in every round of its loop, unless the connection is suspended. It calls
 * on_completed() when the reply has gone out or the connection has failed, never while it is suspended.
 *
 *   begin() --> pieces (body.c) --> http__hand() --> the handler --- http_send() ---------> http__h1_queue() --> on_completed()
 *                  |                              |  ^                 in time                    ^
 *               refused                        not yet: suspended      |                          |
 *                  |                              |                    | http__h1_deliver(): resumed   |
 *                  '--------- its reply ----------|--------------------'--------------------------'
 *
 * When the connection fails while the handler owns the request, the request stays until the handler has sent its reply, to nobody.
 */
#include "http/h1_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* ---- A new request ---- */

struct header_sink {
    struct request *r;
    size_t cap;
};

static enum MHD_Result add_header(
    void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n, const char *value, size_t value_n)
{
    struct header_sink *sink = cls;
    struct str text = { value, value ? value_n : 0 };
    http__add_header(sink->r, &sink->cap, (struct str){ name, name_n }, text);
    return MHD_YES;
}

static struct h1_connection *connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* What the headers say of the body. libmicrohttpd has refused lengths that are no numbers. */
static void expect_body(struct h1_request *q)
{
    struct str length = http_header_get(&q->base.pub, "content-length");
    bool chunked = http_header_get(&q->base.pub, "transfer-encoding").p != NULL;
    if (!chunked && length.p && !str_to_i64(length, &q->base.declared))
        q->base.declared = INT64_MAX;
    q->has_body = chunked || q->base.declared > 0;
}

static const struct transport transport = { http__h1_pack, http__h1_deliver, http__h1_refused, NULL };

static struct h1_request *new_request(struct MHD_Connection *mhd, const char *method)
{
    struct h1_connection *c = connection_of(mhd);
    struct arena *a = arena_new();
    struct h1_request *q = arena_alloc(a, sizeof *q);
    *q = (struct h1_request){ .io = c->io, .mhd = mhd };
    q->base = (struct request){
        .http = c->io->http, .handler = &c->listener->handler, .transport = &transport, .home = &c->io->box
    };
    q->base.pub = (struct http_request){ .arena = a,
        .method = arena_dup(a, str_of(method)),
        .target = arena_dup(a, buf_str(&c->target)),
        .remote = arena_dup(a, str_of(c->remote)) };
    struct header_sink sink = { .r = &q->base };
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, add_header, &sink);
    http__request_start(&q->base);
    expect_body(q);
    return q;
}

static void end_request(struct h1_request *q)
{
    if (q->response)
        MHD_destroy_response(q->response);
    http__request_end(&q->base);
}

/* ---- Waiting for the handler ---- */

/*
 * Go on with a request that its handler has seen.
 *
 * The first time round the connection is not suspended: libmicrohttpd notes after the call that this connection waits for us and
 * not for its socket, and keeps that note while it is suspended. Otherwise it reads from the socket after the resumption, which
 * costs a system call and takes a client that has shut down its sending side for one that has gone away.
 */
static enum MHD_Result step(struct h1_request *q)
{
    if (q->ready)
        return http__h1_queue(q);
    if (q->settled) {
        MHD_suspend_connection(q->mhd);
        q->suspended = true;
    }
    q->settled = true;
    return MHD_YES;
}

void http__h1_deliver(struct request *r)
{
    struct h1_request *q = http__h1_request(r);
    q->ready = true;
    if (r->lost)
        end_request(q);
    else if (q->suspended) {
        MHD_resume_connection(q->mhd);
        q->io->resumed = true;
    } /* else on_access() is running, or will be called in the next round */
}

/* ---- Callbacks ---- */

static enum MHD_Result answer_refused(struct h1_request *q)
{
    if (q->half_closed)
        return MHD_NO;
    http__h1_pack(&q->base, q->base.refusal);
    return http__h1_queue(q);
}

static void open_body(struct request *r)
{
    struct err err;
    struct str encoding = http_header_get(&r->pub, "content-encoding");
    if (encoding_parse(encoding, &r->encoding)) {
        http__body_open(r);
        return;
    }
    err_set(&err, ST_MEDIA,
        "the content encoding \"%.*s\" is not known here; use gzip, deflate, zstd or identity",
        STR_ARG(encoding));
    http__refuse(r, &err);
}

static enum MHD_Result begin(struct h1_request *q)
{
    struct request *r = &q->base;
    if (http__admit(r) && q->has_body)
        open_body(r);
    /* Who asks first is told at once. Without a body the reply waits for the next call, or the connection would be closed. */
    bool asks = str_eq_nocase(http_header_get(&r->pub, "expect"), STR("100-continue"));
    return r->refusal && q->has_body && asks ? answer_refused(q) : MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *n, void **context)
{
    struct h1_request *q = *context;
    if (!q) {
        *context = q = new_request(mhd, method);
        return begin(q);
    }
    if (*n) {
        struct str piece = { data, *n };
        *n = 0;
        return http__body_piece(&q->base, piece) || http__h1_throw_away(q, piece.n) ? MHD_YES : MHD_NO;
    }
    return q->base.handed || http__hand(&q->base) ? step(q) : answer_refused(q);
}

static void on_completed(
    void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode how)
{
    struct h1_request *q = *context;
    *context = NULL;
    if (!q)
        return;
    if (!q->base.handed && !q->base.answered)
        http__h1_cut_short(q);
    if (!q->base.handed || q->ready)
        end_request(q);
    else
        q->base.lost = true;
}

/* Called with the target as it stands in the request; what on_access() gets has been cut and decoded. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct h1_connection *c = connection_of(mhd);
    buf_clear(&c->target);
    buf_add_cstr(&c->target, target);
    return NULL;
}

static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *s)
{
    return strlen(s);
}

static void name_peer(struct MHD_Connection *mhd, char out[INET6_ADDRSTRLEN])
{
    const struct sockaddr *peer =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    if (peer->sa_family == AF_INET) {
        inet_ntop(
            AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, out, INET6_ADDRSTRLEN);
    } else if (peer->sa_family == AF_INET6) {
        const struct in6_addr *ip = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(ip))
            inet_ntop(AF_INET, &ip->s6_addr[12], out, INET6_ADDRSTRLEN);
        else
            inet_ntop(AF_INET6, ip, out, INET6_ADDRSTRLEN);
    }
}

static void on_connection(
    void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode what)
{
    struct io *io = cls;
    struct h1_connection *c = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = c = mem_alloc(sizeof *c);
        *c = (struct h1_connection){ .io = io, .listener = io->arriving };
        name_peer(mhd, c->remote);
        return;
    }
    buf_fini(&c->target);
    mem_free(c);
    *context = NULL;
    metric_add(&io->http->metrics.connections, -1);
}

void http__h1_arrive(struct io *io, struct arrival *a)
{
    io->arriving = a->listener;
    if (MHD_add_connection(io->mhd, a->fd, (struct sockaddr *)&a->peer, a->peer_n) != MHD_YES)
        metric_add(&io->http->metrics.connections, -1); /* the socket is closed */
    mem_free(a);
}

static void on_message(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_message(void *cls, const char *fmt, va_list ap)
{
    char text[512];
    if (!log_wants(LOG_DEBUG))
        return;
    vsnprintf(text, sizeof text, fmt, ap);
    struct str line = str_trim(str_of(text));
    log_debug("http", "libmicrohttpd: %.*s", STR_ARG(line));
}

struct MHD_Daemon *http__h1_daemon_start(struct io *io)
{
    const struct http_options *o = &io->http->options;
    /* Everything happens on one thread, so the daemon needs no channel of its own to be woken through. */
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG |
                     (MHD_ALLOW_SUSPEND_RESUME & ~MHD_USE_ITC);
    return MHD_start_daemon(flags, 0, NULL, NULL, on_access,
        NULL, /* the logger first: it serves the others */
        MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, io, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_TIMEOUT,
        http__h1_idle_s(io->http), MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->http_connections,
        MHD_OPTION_END);
}
