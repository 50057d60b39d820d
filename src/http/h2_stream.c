/*
 * h2_stream: one gRPC call, a stream of HTTP/2, on its way to the handler:
 *
 *   headers --> open: is it gRPC? admit, compression --> data: prefix, message (body.c) --> complete: http__hand()
 *
 * DATA frames have nothing to do with where the message begins and ends. Its prefix tells its length before it comes, so what is too
 * long is refused at once. A refusal is answered at once, too: HTTP/2 can answer in the middle of a request, and the stream is
 * then reset without an error (h2_connection.c), so that nothing more of it comes.
 *
 * The client's grpc-timeout is not looked at: what was sent before it ran out is kept, and the client no longer waits for the answer.
 */
#include "http/h2_priv.h"

#include <string.h>

static void refused(struct request *r);
static void deliver(struct request *r);
static void explain(struct request *r, const struct err *err);

static const struct transport transport = { http__h2_pack, deliver, refused, explain };

/* ---- Life ---- */

struct h2_stream *http__h2_stream_new(struct h2_connection *c, int32_t id)
{
    struct arena *a = arena_new();
    struct h2_stream *s = arena_alloc(a, sizeof *s);
    *s = (struct h2_stream){ .conn = c, .id = id, .next = c->streams, .heard_ns = clock_mono_ns() };
    s->base =
        (struct request){ .http = c->http, .handler = c->handler, .transport = &transport, .home = c->home };
    s->base.pub = (struct http_request){
        .arena = a, .method = STR(""), .target = STR(""), .remote = arena_dup(a, str_of(c->remote))
    };
    buf_init(&s->reply.body, 0);
    if (c->streams)
        c->streams->prev = s;
    c->streams = s;
    return s;
}

void http__h2_stream_end(struct h2_stream *s)
{
    buf_fini(&s->reply.body);
    if (s->complete)
        http__request_end(&s->base);
    else
        arena_free(s->base.pub.arena);
}

static void unlink_stream(struct h2_stream *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        s->conn->streams = s->next;
    if (s->next)
        s->next->prev = s->prev;
}

void http__h2_stream_closed(struct h2_stream *s)
{
    struct h2_connection *c = s->conn;
    unlink_stream(s);
    s->conn = NULL;
    if (s->base.answered) {
        s->next = c->sent;
        c->sent = s;
    } else if (s->base.handed)
        s->base.lost = true;
    else
        http__h2_stream_end(s);
}

/* ---- Headers ---- */

static void set_once(struct h2_stream *s, struct str *field, struct str value)
{
    *field = arena_dup(s->base.pub.arena, value);
}

void http__h2_stream_header(struct h2_stream *s, struct str name, struct str value)
{
    struct http_request *pub = &s->base.pub;
    s->headers_n += name.n + value.n + 32;
    if (s->headers_n > H2_HEADERS)
        return; /* refused when they are complete */
    if (str_is(name, ":method"))
        set_once(s, &pub->method, value);
    else if (str_is(name, ":path"))
        set_once(s, &pub->target, value);
    else if (str_is(name, ":authority"))
        http__add_header(&s->base, &s->headers_cap, STR("host"), value);
    else if (name.n > 0 && name.p[0] != ':')
        http__add_header(&s->base, &s->headers_cap, name, value);
}

/* "application/grpc", "application/grpc+proto", "application/grpc; x"; not gRPC-Web, which frames in another way. */
static bool is_grpc(struct str type)
{
    struct str plain = STR("application/grpc");
    if (!str_eq_nocase(str_sub(type, 0, plain.n), plain))
        return false;
    return type.n == plain.n || strchr("+; ", type.p[plain.n]) != NULL;
}

static void refuse_plain(struct h2_stream *s, int status, const char *text)
{
    struct http_reply reply = { .status = status, .content_type = "text/plain", .body = str_of(text) };
    if (status == 405)
        reply.headers[reply.n_headers++] = (struct http_header){ STR("allow"), STR("POST") };
    s->plain = true;
    http__refuse_with(&s->base, &reply);
}

static void refuse(struct h2_stream *s, enum status st, const char *text)
{
    struct err err;
    err_set(&err, st, "%s", text);
    http__refuse(&s->base, &err);
}

static bool is_plain_encoding(struct str encoding)
{
    return encoding.n == 0 || str_eq_nocase(encoding, STR("identity"));
}

static void check_compression(struct h2_stream *s)
{
    struct err err;
    struct str encoding = http_header_get(&s->base.pub, "grpc-encoding");
    if (is_plain_encoding(encoding) || str_eq_nocase(encoding, STR("gzip")))
        return;
    err_set(&err, ST_MEDIA, "the grpc-encoding \"%.*s\" is not known here; use gzip or identity",
        STR_ARG(str_sub(encoding, 0, 64)));
    http__refuse(&s->base, &err);
}

void http__h2_stream_open(struct h2_stream *s)
{
    struct request *r = &s->base;
    s->complete = true;
    http__request_start(r);
    if (!str_is(r->pub.method, "POST"))
        refuse_plain(s, 405, "This port speaks gRPC, whose calls are all POST.\n");
    else if (!is_grpc(http_header_get(&r->pub, "content-type")))
        refuse_plain(s, 415, "This port speaks gRPC: send content-type application/grpc.\n");
    else if (s->headers_n > H2_HEADERS)
        refuse(s, ST_TOO_LARGE, "the metadata of the call is longer than 32 KiB");
    else if (http__admit(r))
        check_compression(s);
}

/* ---- The message ---- */

static void open_message(struct h2_stream *s)
{
    struct request *r = &s->base;
    bool packed = !is_plain_encoding(http_header_get(&r->pub, "grpc-encoding"));
    const unsigned char *p = s->prefix;
    r->declared = (int64_t)p[1] << 24 | (int64_t)p[2] << 16 | (int64_t)p[3] << 8 | p[4];
    r->encoding = p[0] ? ENCODING_GZIP : ENCODING_IDENTITY;
    if (p[0] > 1)
        refuse(s, ST_INVALID, "the first byte of a gRPC message is 0, or 1 when it is compressed");
    else if (p[0] && !packed)
        refuse(s, ST_INVALID,
            "the message is marked as compressed, but there is no grpc-encoding that says how");
    else
        http__body_open(r);
}

static struct str take_prefix(struct h2_stream *s, struct str piece)
{
    size_t n = H2_PREFIX - s->prefix_n < piece.n ? H2_PREFIX - s->prefix_n : piece.n;
    if (n == 0)
        return piece;
    memcpy(s->prefix + s->prefix_n, piece.p, n);
    s->prefix_n += n;
    if (s->prefix_n == H2_PREFIX)
        open_message(s);
    return str_sub(piece, n, SIZE_MAX);
}

void http__h2_stream_data(struct h2_stream *s, struct str piece)
{
    struct request *r = &s->base;
    struct err err;
    if (r->refusal)
        return;
    s->heard_ns = clock_mono_ns();
    piece = take_prefix(s, piece);
    if (r->refusal || piece.n == 0)
        return;
    s->came += (int64_t)piece.n;
    if (s->came <= r->declared) {
        (void)http__body_piece(r, piece);
        return;
    }
    err_set(&err, ST_INVALID, "bytes follow the message, which announced %lld; a call carries one message",
        (long long)r->declared);
    http__refuse(r, &err);
}

void http__h2_stream_complete(struct h2_stream *s)
{
    struct request *r = &s->base;
    struct err err;
    if (r->refusal)
        return;
    s->heard_ns = clock_mono_ns();
    if (s->prefix_n < H2_PREFIX)
        refuse(s, ST_INVALID,
            "the call ended without a message; even an empty one has its five bytes before it");
    else if (s->came < r->declared) {
        err_set(&err, ST_INVALID, "the call ended after %lld of the %lld bytes that its message announced",
            (long long)s->came, (long long)r->declared);
        http__refuse(r, &err);
    } else
        (void)http__hand(r);
}

/* ---- The answer ---- */

static void answer(struct h2_stream *s)
{
    http__body_release(&s->base);
    http__count(&s->base);
    http__h2_submit(s);
}

static void refused(struct request *r)
{
    http__h2_pack(r, r->refusal);
    answer(http__h2_stream(r));
}

static void deliver(struct request *r)
{
    if (r->lost)
        http__h2_stream_end(http__h2_stream(r));
    else
        answer(http__h2_stream(r));
}

static void explain(struct request *r, const struct err *err)
{
    http__h2_stream(r)->why = arena_dup(r->pub.arena, str_of(err->text));
}
