/*
 * h1_send: a reply on its way out over libmicrohttpd. It is packed on the thread that sends it; the I/O thread queues it. Every reply
 * gets X-Request-ID, and Connection: close once the server drains; libmicrohttpd adds Date and Content-Length, and leaves the body
 * out for HEAD.
 */
#include "http/h1_priv.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"

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

void http__h1_pack(struct request *r, struct http_reply *reply)
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
    http__h1_request(r)->response = response;
}

/* ---- Going out ---- */

static void count(struct h1_request *q)
{
    if (str_is(q->base.pub.method, "HEAD"))
        q->base.reply_bytes = 0;
    http__count(&q->base);
}

/* Returns MHD_NO, which cuts the connection, when the daemon is being stopped. */
enum MHD_Result http__h1_queue(struct h1_request *q)
{
    if (q->base.refusal && q->has_body) /* http__h1_refused() shortened it */
        MHD_set_connection_option(q->mhd, MHD_CONNECTION_OPTION_TIMEOUT, http__h1_idle_s(q->base.http));
    http__body_release(&q->base); /* a client that reads slowly must not hold it */
    count(q);
    enum MHD_Result queued = MHD_queue_response(q->mhd, (unsigned)q->base.status, q->response);
    MHD_destroy_response(q->response); /* our reference: libmicrohttpd has its own */
    q->response = NULL;
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

/* For the one case that libmicrohttpd cannot do: see h1_refuse.c. What the socket does not take at once is lost. */
void http__h1_write_raw(struct h1_request *q, const struct http_reply *reply)
{
    struct request *r = &q->base;
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
    int fd = MHD_get_connection_info(q->mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    (void)!send(fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_fini(&out);
    if (reply->move)
        buf_fini(reply->move);
    count(q);
}
