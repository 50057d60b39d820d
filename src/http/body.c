/*
 * body: from the headers to the moment when a handler gets the whole, inflated body, whatever transport brings it.
 *
 * Counting. Every byte kept is counted in `inflight` when it arrives, not when it is announced, so a client that announces much and
 * sends nothing takes nothing from others. The limit of the route holds for the body as sent and again as inflated.
 *
 * Inflating. Bodies are kept as sent until they are complete. Up to http_inline_bytes are then inflated on the I/O thread; if the
 * result does not fit into http_inline_bytes either, a worker starts over. So neither a large body nor a small bomb holds the
 * I/O thread, and starting over costs at most http_inline_bytes of work.
 */
#include "http/http_priv.h"

#define RESERVE_MOST ((size_t)1 << 20) /* on the word of a Content-Length alone */
#define SLICE        ((size_t)16 * 1024)

/* ---- http_inflight_bytes ---- */

static bool charge(struct request *r, size_t n)
{
    struct http *h = r->http;
    int64_t now = atomic_fetch_add(&h->metrics.inflight, (int64_t)n) + (int64_t)n;
    r->charged += (int64_t)n;
    return now <= h->options.http_inflight_bytes;
}

static void uncharge(struct request *r, size_t n)
{
    metric_add(&r->http->metrics.inflight, -(int64_t)n);
    r->charged -= (int64_t)n;
}

static enum status too_much_in_flight(struct request *r, struct err *err)
{
    metric_add(&r->http->metrics.refused_inflight, 1);
    return err_set(err, ST_BUSY, "the server holds as many request bodies as it may; try again in a second");
}

void http__body_release(struct request *r)
{
    buf_fini(&r->sent);
    buf_fini(&r->plain);
    uncharge(r, (size_t)r->charged);
}

/* ---- Taking in ---- */

static enum status check_declared(struct request *r, struct err *err)
{
    int64_t inflight = atomic_load(&r->http->metrics.inflight);
    int64_t bound = r->http->options.http_inflight_bytes;
    if (r->declared > r->pub.body_limit)
        return err_set(err, ST_TOO_LARGE, "the body is %lld bytes long, and this path takes at most %lld",
            (long long)r->declared, (long long)r->pub.body_limit);
    if (inflight >= bound || r->declared > bound - inflight)
        return too_much_in_flight(r, err);
    return ST_OK;
}

void http__body_open(struct request *r)
{
    struct err err;
    if (check_declared(r, &err) != ST_OK) {
        http__refuse(r, &err);
        return;
    }
    if (r->declared > 0)
        buf_reserve(&r->sent, (size_t)r->declared < RESERVE_MOST ? (size_t)r->declared : RESERVE_MOST);
}

static enum status keep(struct request *r, struct str piece, struct err *err)
{
    if ((int64_t)(r->sent.n + piece.n) > r->pub.body_limit)
        return err_set(err, ST_TOO_LARGE, "the body is longer than %lld bytes, the most that this path takes",
            (long long)r->pub.body_limit);
    if (!charge(r, piece.n))
        return too_much_in_flight(r, err);
    buf_add_str(&r->sent, piece);
    return ST_OK;
}

bool http__body_piece(struct request *r, struct str piece)
{
    struct err err;
    metric_add(&r->http->metrics.body, (int64_t)piece.n);
    if (!r->refusal && keep(r, piece, &err) != ST_OK)
        http__refuse(r, &err);
    return !r->refusal;
}

/* ---- Inflating ---- */

static enum status inflate_into(struct request *r, struct inflater *f, struct err *err)
{
    struct str rest = buf_str(&r->sent);
    while (rest.n > 0) {
        size_t before = r->plain.n;
        enum status st = inflater_feed(f, str_sub(rest, 0, SLICE), &r->plain, err);
        if (st != ST_OK)
            return st;
        if (!charge(r, r->plain.n - before))
            return too_much_in_flight(r, err);
        rest = str_sub(rest, SLICE, SIZE_MAX);
    }
    return inflater_finish(f, err);
}

/* Afterwards pub.body is what the client meant. On failure the body is as it was. */
enum status http__body_inflate(struct request *r, int64_t limit, struct err *err)
{
    r->pub.body = buf_str(&r->sent);
    if (r->encoding == ENCODING_IDENTITY || r->sent.n == 0)
        return ST_OK;
    struct inflater *f = inflater_new(r->encoding, (size_t)limit);
    enum status st = inflate_into(r, f, err);
    inflater_free(f);
    if (st != ST_OK) {
        uncharge(r, (size_t)r->charged - r->sent.n);
        buf_fini(&r->plain);
        return st;
    }
    uncharge(r, r->sent.n);
    buf_fini(&r->sent);
    r->pub.body = buf_str(&r->plain);
    return ST_OK;
}

/* The body is complete. True: a worker must inflate or handle it. False: pub.body is ready, or the request is refused. */
bool http__body_is_heavy(struct request *r)
{
    struct err err;
    int64_t at_once = r->http->options.http_inline_bytes;
    int64_t limit = r->pub.body_limit < at_once ? r->pub.body_limit : at_once;
    if ((int64_t)r->sent.n > at_once)
        return true;
    enum status st = http__body_inflate(r, limit, &err);
    if (st == ST_TOO_LARGE && limit < r->pub.body_limit)
        return true;
    if (st != ST_OK)
        http__refuse(r, &err);
    return false;
}
