/*
 * connection: what libmicrohttpd calls on an I/O thread, and the way of a request through it.
 *
 * libmicrohttpd calls on_access() once when the headers are there, once per piece of the body, and again when the request is
 * complete; then, as long as no reply is queued, once in every round of its loop, unless the connection is suspended. It calls
 * on_completed() when the reply has gone out or the connection has failed, never while it is suspended.
 *
 *   begin() --> pieces (body.c) --> hand() --> the handler --------- http_send() ---------> http__queue() --> on_completed()
 *                  |                              |  ^                 in time                    ^
 *               refused                        not yet: suspended      |                          |
 *                  |                              |                    | http__deliver(): resumed |
 *                  '--------- its reply ----------|--------------------'--------------------------'
 *
 * When the connection fails while the handler owns the request, the request stays until the handler has sent its reply, to nobody.
 */
#include "http/http_priv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

/* ---- A new request ---- */

struct header_sink {
    struct request *r;
    size_t cap;
};

static struct str lower_case(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
    return (struct str){ p, s.n };
}

/* Everything is copied, for a request can outlive its connection. */
static enum MHD_Result add_header(
    void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n, const char *value, size_t value_n)
{
    struct header_sink *sink = cls;
    struct http_request *pub = &sink->r->pub;
    struct str text = value ? str_trim((struct str){ value, value_n }) : STR("");
    pub->headers = arena_grow(pub->arena, pub->headers, &sink->cap, pub->n_headers + 1, sizeof *pub->headers);
    pub->headers[pub->n_headers++] =
        (struct http_header){ lower_case(pub->arena, (struct str){ name, name_n }),
            arena_dup(pub->arena, text) };
    return MHD_YES;
}

static bool is_request_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7F)
            return false;
    return s.n >= 1 && s.n <= 128;
}

static struct str request_id(const struct http_request *pub)
{
    char uuid[37];
    struct str id = http_header_get(pub, "x-request-id");
    return is_request_id(id) ? id : arena_dup(pub->arena, uuid_new(uuid));
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static struct request *new_request(struct MHD_Connection *mhd, const char *method)
{
    struct connection *c = connection_of(mhd);
    struct arena *a = arena_new();
    struct request *r = arena_alloc(a, sizeof *r);
    *r = (struct request){ .http = c->io->http, .io = c->io, .handler = &c->listener->handler, .mhd = mhd };
    r->started_mono_ns = clock_mono_ns();
    r->pub = (struct http_request){ .arena = a, .received_ns = clock_now_ns() };
    r->pub.method = arena_dup(a, str_of(method));
    r->pub.target = arena_dup(a, buf_str(&c->target));
    r->pub.remote = arena_dup(a, str_of(c->remote));
    struct header_sink sink = { .r = r };
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, add_header, &sink);
    r->pub.id = request_id(&r->pub);
    http__body_expect(r);
    atomic_fetch_add(&r->http->requests, 1);
    return r;
}

static void free_request(struct request *r)
{
    struct http *h = r->http;
    if (!r->answered)
        http__log(r);
    if (r->handler->finish)
        r->handler->finish(r->handler->ctx, &r->pub);
    http__body_release(r);
    if (r->response)
        MHD_destroy_response(r->response);
    arena_free(r->pub.arena);
    atomic_fetch_sub(&h->requests, 1);
}

/* ---- Waiting for the handler ---- */

/*
 * Go on with a request that its handler has seen.
 *
 * The first time round the connection is not suspended: libmicrohttpd notes after the call that this connection waits for us and
 * not for its socket, and keeps that note while it is suspended. Otherwise it reads from the socket after the resumption, which
 * costs a system call and takes a client that has shut down its sending side for one that has gone away.
 */
static enum MHD_Result step(struct request *r)
{
    if (r->ready)
        return http__queue(r);
    if (r->settled) {
        MHD_suspend_connection(r->mhd);
        r->suspended = true;
    }
    r->settled = true;
    return MHD_YES;
}

void http__deliver(struct request *r)
{
    r->ready = true;
    if (r->lost)
        free_request(r);
    else if (r->suspended) {
        MHD_resume_connection(r->mhd);
        r->io->resumed = true;
    } /* else on_access() is running, or will be called in the next round */
}

void http__resume(struct request *r)
{
    void (*then)(void *, struct http_request *) = r->then;
    r->then = NULL;
    if (then)
        then(r->then_ctx, &r->pub);
    else
        http__deliver(r);
}

void http_continue(struct http_request *pub, void (*fn)(void *ctx, struct http_request *r), void *ctx)
{
    struct request *r = http__request(pub);
    struct http *h = r->http;
    r->then = fn;
    r->then_ctx = ctx;
    atomic_fetch_add(&h->busy, 1);
    http__io_post(r->io, &r->mail);
    atomic_fetch_sub(&h->busy, 1); /* last: see http.c */
}

/* ---- From the body to the handler ---- */

static void handle_heavy(void *ctx, struct http_request *pub)
{
    struct request *r = http__request(pub);
    struct err err;
    if (http__body_inflate(r, pub->body_limit, &err) == ST_OK)
        r->handler->handle(r->handler->ctx, pub, true);
    else
        http__send_error(r, &err);
}

static void start_handling(struct request *r, bool heavy)
{
    struct err err;
    if (!heavy)
        r->handler->handle(r->handler->ctx, &r->pub, false);
    else if (!http_work(&r->pub, handle_heavy, NULL)) {
        err_set(&err, ST_BUSY, "too many requests are waiting to be decoded; try again in a second");
        http__send_error(r, &err);
    }
}

static enum MHD_Result answer_refused(struct request *r)
{
    if (r->half_closed)
        return MHD_NO;
    r->response = http__response(r, r->refusal);
    return http__queue(r);
}

/* False when handlers get nothing more. Counts first and looks then, as http_free() does it the other way round. */
static bool own(struct http *h)
{
    atomic_fetch_add(&h->busy, 1);
    if (!atomic_load(&h->closing))
        return true;
    atomic_fetch_sub(&h->busy, 1);
    return false;
}

static void refuse_stopping(struct request *r)
{
    struct err err;
    err_set(&err, ST_BUSY, "the server is stopping; try again in a second");
    http__refuse(r, &err);
}

/* The request is complete: give it to its handler. */
static enum MHD_Result hand(struct request *r)
{
    bool heavy = !r->refusal && http__body_is_heavy(r);
    if (!r->refusal && !own(r->http))
        refuse_stopping(r);
    if (r->refusal)
        return answer_refused(r);
    r->handed = true;
    start_handling(r, heavy);
    return step(r);
}

/* ---- Callbacks ---- */

static void admit(struct request *r)
{
    struct http_reply early = { 0 };
    if (http_draining(r->http))
        refuse_stopping(r);
    else if (!r->handler->begin(r->handler->ctx, &r->pub, &early))
        http__refuse_with(r, &early);
    else
        http__body_open(r);
}

static enum MHD_Result begin(struct request *r)
{
    admit(r);
    /* Who asks first is told at once. Without a body the reply waits for the next call, or the connection would be closed. */
    bool asks = str_eq_nocase(http_header_get(&r->pub, "expect"), STR("100-continue"));
    return r->refusal && r->has_body && asks ? answer_refused(r) : MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *n, void **context)
{
    struct request *r = *context;
    if (!r) {
        *context = r = new_request(mhd, method);
        return begin(r);
    }
    if (*n) {
        struct str piece = { data, *n };
        *n = 0;
        return http__body_piece(r, piece) ? MHD_YES : MHD_NO;
    }
    return r->handed ? step(r) : hand(r);
}

static void on_completed(
    void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode how)
{
    struct request *r = *context;
    *context = NULL;
    if (!r)
        return;
    if (!r->handed && !r->answered)
        http__body_cut_short(r);
    if (!r->handed || r->ready)
        free_request(r);
    else
        r->lost = true;
}

/* Called with the target as it stands in the request; what on_access() gets has been cut and decoded. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct connection *c = connection_of(mhd);
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
    struct connection *c = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = c = mem_alloc(sizeof *c);
        *c = (struct connection){ .io = io, .listener = io->arriving };
        name_peer(mhd, c->remote);
        return;
    }
    buf_fini(&c->target);
    mem_free(c);
    *context = NULL;
    metric_add(&io->http->metrics.connections, -1);
}

void http__arrive(struct io *io, struct arrival *a)
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

struct MHD_Daemon *http__daemon_start(struct io *io)
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
        http__idle_s(io->http), MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->http_connections, MHD_OPTION_END);
}
