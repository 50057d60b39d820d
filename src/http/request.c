/*
 * request: the way of a request that every transport shares.
 *
 *   http__request_start() --> http__admit() --> body.c --> http__hand() --> the handler ... http_send() --> deliver --> http__request_end()
 *                                   |             |             |                                              ^
 *                                   '--- http__refuse(): the transport's `refused` ------ its own answer ------'
 *
 * What differs between HTTP/1.1 and HTTP/2, how bytes come in and how a reply goes out, is behind `struct transport`. A request
 * outlives its connection while a handler owns it; its reply then goes to nobody.
 */
#include "http/http_priv.h"

#include <assert.h>

#include "base/hash.h"
#include "base/log.h"

#define STATUS_GONE 499 /* only in the log: the client left before its answer */

/* ---- The beginning ---- */

static struct str lower_case(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
    return (struct str){ p, s.n };
}

/* Everything is copied, for a request can outlive its connection. */
void http__add_header(struct request *r, size_t *cap, struct str name, struct str value)
{
    struct http_request *pub = &r->pub;
    pub->headers = arena_grow(pub->arena, pub->headers, cap, pub->n_headers + 1, sizeof *pub->headers);
    pub->headers[pub->n_headers++] = (struct http_header){ lower_case(pub->arena, name),
        arena_dup(pub->arena, value.p ? str_trim(value) : STR("")) };
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

void http__request_start(struct request *r)
{
    r->started_mono_ns = clock_mono_ns();
    r->pub.received_ns = clock_now_ns();
    r->pub.id = request_id(&r->pub);
    r->declared = -1;
    atomic_fetch_add(&r->http->requests, 1);
}

void http__request_end(struct request *r)
{
    struct http *h = r->http;
    if (!r->answered)
        http__log(r);
    if (r->handler->finish)
        r->handler->finish(r->handler->ctx, &r->pub);
    http__body_release(r);
    arena_free(r->pub.arena);
    atomic_fetch_sub(&h->requests, 1);
}

static void refuse_stopping(struct request *r)
{
    struct err err;
    err_set(&err, ST_BUSY, "the server is stopping; try again in a second");
    http__refuse(r, &err);
}

bool http__admit(struct request *r)
{
    struct http_reply early = { 0 };
    if (http_draining(r->http))
        refuse_stopping(r);
    else if (!r->handler->begin(r->handler->ctx, &r->pub, &early))
        http__refuse_with(r, &early);
    return !r->refusal;
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

/* False when handlers get nothing more. Counts first and looks then, as http_free() does it the other way round. */
static bool own(struct http *h)
{
    atomic_fetch_add(&h->busy, 1);
    if (!atomic_load(&h->closing))
        return true;
    atomic_fetch_sub(&h->busy, 1);
    return false;
}

bool http__hand(struct request *r)
{
    bool heavy = !r->refusal && http__body_is_heavy(r);
    if (!r->refusal && !own(r->http))
        refuse_stopping(r);
    if (r->refusal)
        return false;
    r->handed = true;
    start_handling(r, heavy);
    return true;
}

/* ---- Errors that http meets itself ---- */

void http__refuse_with(struct request *r, const struct http_reply *reply)
{
    r->refusal = arena_alloc(r->pub.arena, sizeof *r->refusal);
    *r->refusal = *reply;
    if (!reply->status)
        r->refusal->status = 500;
    http__body_release(r);
    r->transport->refused(r);
}

void http__refuse(struct request *r, const struct err *err)
{
    struct http_reply reply;
    http__error_reply(r, err, &reply);
    http__refuse_with(r, &reply);
}

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
    if (r->transport->explain)
        r->transport->explain(r, err);
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

/* ---- The reply ---- */

void http_send(struct http_request *pub, struct http_reply *reply)
{
    struct request *r = http__request(pub);
    struct http *h = r->http;
    assert(!r->packed); /* one reply a request */
    r->transport->pack(r, reply);
    r->packed = true;
    r->then = NULL;
    if (http__mailbox_is_here(r->home))
        r->transport->deliver(r);
    else
        http__mailbox_post(r->home, &r->mail);
    atomic_fetch_sub(&h->busy, 1); /* last: see http.c */
}

void http_continue(struct http_request *pub, void (*fn)(void *ctx, struct http_request *r), void *ctx)
{
    struct request *r = http__request(pub);
    struct http *h = r->http;
    r->then = fn;
    r->then_ctx = ctx;
    atomic_fetch_add(&h->busy, 1);
    http__mailbox_post(r->home, &r->mail);
    atomic_fetch_sub(&h->busy, 1); /* last: see http.c */
}

void http__resume(struct request *r)
{
    void (*then)(void *, struct http_request *) = r->then;
    r->then = NULL;
    if (then)
        then(r->then_ctx, &r->pub);
    else
        r->transport->deliver(r);
}

void http__log(const struct request *r)
{
    struct str path = str_sub(r->pub.target, 0, str_find_char(r->pub.target, '?')); /* queries carry keys */
    if (!r->http->options.access_log)
        return;
    log_info("http", "method=%.*s path=%.*s status=%d bytes=%zu ms=%.1f note=%.*s id=%.*s",
        STR_ARG(r->pub.method), STR_ARG(str_sub(path, 0, 1024)), r->answered ? r->status : STATUS_GONE,
        r->answered ? r->reply_bytes : 0, (double)(clock_mono_ns() - r->started_mono_ns) / (double)NS_PER_MS,
        STR_ARG(r->pub.note), STR_ARG(r->pub.id));
}

void http__count(struct request *r)
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
    http__log(r);
}
