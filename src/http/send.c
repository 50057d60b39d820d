/*
 * send: a reply on its way out. http_send() turns it into libmicrohttpd's form on the calling thread, so that nothing of the caller
 * is needed afterwards, and mails it; the I/O thread queues it. Every reply gets X-Request-ID, and Connection: close once the
 * server drains; libmicrohttpd adds Date and Content-Length, and leaves the body out for HEAD.
 */
#include "http/http_priv.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define STATUS_GONE 499 /* only in the log: the client left before its answer */

/* ---- What an error looks like ---- */

static bool has_header(const struct http_reply *reply, struct str name)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (str_eq_nocase(reply->headers[i].name, name))
            return true;
    return false;
}

void http__error_reply(struct request *r, const struct err *err, struct http_reply *out)
{
    *out = (struct http_reply){ .status = status_http(err->code) };
    r->handler->error(r->handler->ctx, &r->pub, err, out);
    size_t most = sizeof out->headers / sizeof *out->headers;
    if (out->status == 503 && out->n_headers < most && !has_header(out, STR("retry-after")))
        out->headers[out->n_headers++] = (struct http_header){ STR("Retry-After"), STR("1") };
}

void http__send_error(struct request *r, const struct err *err)
{
    struct http_reply reply;
    http__error_reply(r, err, &reply);
    http_send(&r->pub, &reply);
}

/* ---- libmicrohttpd's form ---- */

static struct MHD_Response *response_body(struct request *r, struct http_reply *reply)
{
    size_t n = reply->body.n;
    char *p;
    if (reply->move)
        p = buf_take(reply->move, &n);
    else {
        p = mem_resize(NULL, n + 1);
        if (n)
            memcpy(p, reply->body.p, n);
    }
    r->reply_bytes = n;
    return MHD_create_response_from_buffer_with_free_callback(n, p, mem_free);
}

/* libmicrohttpd refuses what would break the headers apart: an empty value, or one with a line break. Such a header is left out. */
static void add_header(struct request *r, struct MHD_Response *response, struct str name, struct str value)
{
    (void)MHD_add_response_header(response, arena_cstr(r->pub.arena, name), arena_cstr(r->pub.arena, value));
}

struct MHD_Response *http__response(struct request *r, struct http_reply *reply)
{
    assert(reply->n_headers <= sizeof reply->headers / sizeof *reply->headers);
    struct MHD_Response *response = response_body(r, reply);
    assert(response);
    r->status = reply->status ? reply->status : 500;
    if (reply->content_type)
        add_header(r, response, STR("Content-Type"), str_of(reply->content_type));
    for (size_t i = 0; i < reply->n_headers; i++)
        add_header(r, response, reply->headers[i].name, reply->headers[i].value);
    add_header(r, response, STR("X-Request-ID"), r->pub.id);
    if (http_draining(r->http))
        add_header(r, response, STR("Connection"), STR("close"));
    return response;
}

void http_send(struct http_request *pub, struct http_reply *reply)
{
    struct request *r = http__request(pub);
    struct http *h = r->http;
    assert(!r->response); /* one reply a request */
    r->response = http__response(r, reply);
    r->then = NULL;
    if (http__io_is_here(r->io))
        http__deliver(r);
    else
        http__io_post(r->io, &r->mail);
    atomic_fetch_sub(&h->busy, 1); /* last: see http.c */
}

/* ---- Going out ---- */

void http__log(struct request *r)
{
    struct str path = str_sub(r->pub.target, 0, str_find_char(r->pub.target, '?')); /* queries carry keys */
    if (!r->http->options.access_log)
        return;
    log_info("http", "method=%.*s path=%.*s status=%d bytes=%zu ms=%.1f note=%.*s id=%.*s",
        STR_ARG(r->pub.method), STR_ARG(str_sub(path, 0, 1024)), r->answered ? r->status : STATUS_GONE,
        r->answered ? r->reply_bytes : 0, (double)(clock_mono_ns() - r->started_mono_ns) / (double)NS_PER_MS,
        STR_ARG(r->pub.note), STR_ARG(r->pub.id));
}

static void count(struct request *r)
{
    struct http_metrics *m = &r->http->metrics;
    r->answered = true;
    metric_add(&m->requests, 1);
    if (r->status >= 200 && r->status < 300)
        metric_add(&m->replies_2xx, 1);
    else if (r->status >= 400 && r->status < 500)
        metric_add(&m->replies_4xx, 1);
    else if (r->status >= 500)
        metric_add(&m->replies_5xx, 1);
    metric_time(&m->request_seconds, clock_mono_ns() - r->started_mono_ns);
    if (str_is(r->pub.method, "HEAD"))
        r->reply_bytes = 0;
    http__log(r);
}

/* Returns MHD_NO, which cuts the connection, when the daemon is being stopped. */
enum MHD_Result http__queue(struct request *r)
{
    if (r->refusal && r->has_body) /* body.c shortened it */
        MHD_set_connection_option(r->mhd, MHD_CONNECTION_OPTION_TIMEOUT, http__idle_s(r->http));
    http__body_release(r); /* a client that reads slowly must not hold it */
    count(r);
    enum MHD_Result queued = MHD_queue_response(r->mhd, (unsigned)r->status, r->response);
    MHD_destroy_response(r->response); /* our reference: libmicrohttpd has its own */
    r->response = NULL;
    return queued;
}

/* RFC 9110, 5.6.7. Locales have no say in it, so strftime's names will not do. */
static void add_date(struct buf *out)
{
    static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
        "Nov", "Dec" };
    time_t now = time(NULL);
    struct tm t;
    gmtime_r(&now, &t);
    buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[t.tm_wday], t.tm_mday,
        months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static bool is_one_line(struct str s)
{
    return s.n > 0 && str_find_char(s, '\r') == SIZE_MAX && str_find_char(s, '\n') == SIZE_MAX;
}

static void add_line(struct buf *out, struct str name, struct str value)
{
    if (is_one_line(name) && is_one_line(value))
        buf_printf(out, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
}

/* For the one case that libmicrohttpd cannot do: see body.c. What the socket does not take at once is lost. */
void http__write_raw(struct request *r, const struct http_reply *reply)
{
    struct str body = reply->move ? buf_str(reply->move) : reply->body;
    struct buf out;
    buf_init(&out, 0);
    r->status = reply->status;
    r->reply_bytes = body.n;
    buf_printf(&out, "HTTP/1.1 %d %s\r\n", reply->status, MHD_get_reason_phrase_for((unsigned)reply->status));
    add_date(&out);
    buf_printf(&out, "Connection: close\r\nContent-Length: %zu\r\n", body.n);
    add_line(&out, STR("Content-Type"), str_of(reply->content_type));
    for (size_t i = 0; i < reply->n_headers; i++)
        add_line(&out, reply->headers[i].name, reply->headers[i].value);
    add_line(&out, STR("X-Request-ID"), r->pub.id);
    buf_add_cstr(&out, "\r\n");
    buf_add_str(&out, body);
    int fd = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    (void)!send(fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_fini(&out);
    if (reply->move)
        buf_fini(reply->move);
    count(r);
}
