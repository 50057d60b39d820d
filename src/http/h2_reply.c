/*
 * h2_reply: a reply of the handler as gRPC has it (otlp.md 1.7).
 *
 *   it ended well    HEADERS (:status 200)  DATA (one message)  HEADERS (grpc-status 0)
 *   it did not       HEADERS (:status 200, grpc-status, grpc-message, ...), and nothing else
 *
 * How it ended is what the reply's header grpc-status says, else what its HTTP status means. UNAVAILABLE always tells when to try
 * again, for an exporter would not otherwise. Packed by whoever answers, on any thread; submitted on the connection's.
 */
#include "http/h2_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rpc_status.h"

#define MESSAGE_MOST  ((size_t)2048) /* bytes of a grpc-message, before its encoding */
#define FIXED_HEADERS 8u             /* those that are not the handler's */

/* ---- Headers ---- */

struct fields {
    struct arena *arena;
    nghttp2_nv *nv;
    size_t n;
};

static struct fields fields_new(struct arena *a, const struct http_reply *reply)
{
    return (struct fields){ a, arena_array(a, reply->n_headers + FIXED_HEADERS, sizeof(nghttp2_nv)), 0 };
}

/* Name and value live as long as the arena. */
static void add(struct fields *f, struct str name, struct str value)
{
    f->nv[f->n++] = (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name.p,
        .namelen = name.n,
        .value = (uint8_t *)(uintptr_t)value.p,
        .valuelen = value.n };
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_one_line(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == 0 || s.p[i] == '\r' || s.p[i] == '\n')
            return false;
    return s.n > 0;
}

/* HTTP/2 forbids these, or the transport says them itself. */
static bool is_ours(struct str name)
{
    static const char *const names[] = { "connection", "keep-alive", "proxy-connection", "transfer-encoding",
        "upgrade", "content-length", "content-type", "x-request-id" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return str_eq_nocase(str_sub(name, 0, 5), STR("grpc-"));
}

static struct str lower_case(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
    return (struct str){ p, s.n };
}

static void add_handlers(struct fields *f, const struct http_reply *reply)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        struct str name = reply->headers[i].name;
        struct str value = str_trim(reply->headers[i].value);
        if (is_token(name) && is_one_line(value) && !is_ours(name))
            add(f, lower_case(f->arena, name), arena_dup(f->arena, value));
    }
}

static struct str said(const struct http_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (str_eq_nocase(reply->headers[i].name, str_of(name)))
            return reply->headers[i].value;
    return STR_NONE;
}

/* ---- How the call ended ---- */

struct ending {
    int64_t code;
    struct str message; /* plain text */
    struct str details; /* base64 */
};

static struct str message_of(const struct h2_stream *s, int status)
{
    const struct http_request *pub = &s->base.pub;
    if (s->why.n)
        return s->why;
    if (status == 404 || status == 405)
        return arena_printf(
            pub->arena, "there is no method %.*s here", STR_ARG(str_sub(pub->target, 0, 256)));
    for (int st = 1; st < ST_COUNT; st++)
        if (status_http((enum status)st) == status)
            return str_of(status_text((enum status)st));
    return STR("the call failed");
}

static struct str retry_details(struct arena *a, const struct ending *e, const struct http_reply *reply)
{
    struct buf out;
    int64_t seconds;
    if (!str_to_i64(said(reply, "retry-after"), &seconds) || seconds < 1)
        seconds = 1;
    buf_init(&out, 0);
    rpc_status_add(&out, (enum rpc_code)e->code, e->message, seconds);
    struct str text = base64_encode(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

static struct ending ending_of(const struct h2_stream *s, const struct http_reply *reply)
{
    struct ending e = { .message = said(reply, "grpc-message"),
        .details = said(reply, "grpc-status-details-bin") };
    if (!str_to_i64(said(reply, "grpc-status"), &e.code))
        e.code = rpc_code_of_http(s->base.status);
    if (e.code != RPC_OK && !e.message.n)
        e.message = message_of(s, s->base.status);
    e.message = str_sub(e.message, 0, str_utf8_clip(e.message, MESSAGE_MOST));
    if (e.code == RPC_UNAVAILABLE && !e.details.n)
        e.details = retry_details(s->base.pub.arena, &e, reply);
    while (e.details.n && e.details.p[e.details.n - 1] == '=')
        e.details.n--;
    return e;
}

static struct str percent_encode(struct arena *a, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    char *p = arena_alloc(a, s.n * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c < 0x7F && c != '%')
            p[n++] = (char)c;
        else {
            p[n++] = '%';
            p[n++] = digits[c >> 4];
            p[n++] = digits[c & 15];
        }
    }
    return (struct str){ p, n };
}

static void add_ending(struct fields *f, const struct ending *e)
{
    add(f, STR("grpc-status"), arena_printf(f->arena, "%lld", (long long)e->code));
    if (e->message.n)
        add(f, STR("grpc-message"), percent_encode(f->arena, e->message));
    if (is_one_line(e->details))
        add(f, STR("grpc-status-details-bin"), arena_dup(f->arena, e->details));
}

/* ---- Packing ---- */

static void take_body(struct h2_reply *out, struct http_reply *reply)
{
    if (reply->move) {
        out->body = *reply->move;
        *reply->move = (struct buf){ 0 };
        out->body.max = 0;
    } else
        buf_add_str(&out->body, reply->body);
}

static void pack_plain(struct h2_stream *s, struct http_reply *reply)
{
    struct fields head = fields_new(s->base.pub.arena, reply);
    take_body(&s->reply, reply);
    add(&head, STR(":status"), arena_printf(head.arena, "%d", s->base.status));
    if (reply->content_type)
        add(&head, STR("content-type"), arena_dup(head.arena, str_of(reply->content_type)));
    add(&head, STR("content-length"), arena_printf(head.arena, "%zu", s->reply.body.n));
    add_handlers(&head, reply);
    add(&head, STR("x-request-id"), s->base.pub.id);
    s->reply.head = head.nv;
    s->reply.n_head = head.n;
}

static void frame_message(struct h2_reply *out)
{
    size_t n = out->body.n;
    out->prefix_n = H2_PREFIX;
    for (size_t i = 0; i < 4; i++)
        out->prefix[1 + i] = (unsigned char)(n >> (24 - 8 * i) & 0xFF);
}

static void pack_grpc(struct h2_stream *s, struct http_reply *reply)
{
    struct h2_reply *out = &s->reply;
    struct ending e = ending_of(s, reply);
    struct fields head = fields_new(s->base.pub.arena, reply);
    struct fields trailers = fields_new(s->base.pub.arena, reply);
    take_body(out, reply);
    add(&head, STR(":status"), STR("200"));
    add(&head, STR("content-type"), STR("application/grpc"));
    add(&head, STR("grpc-accept-encoding"), STR("identity,gzip"));
    add_handlers(&head, reply);
    add(&head, STR("x-request-id"), s->base.pub.id);
    if (e.code == RPC_OK) {
        frame_message(out);
        add_ending(&trailers, &e);
    } else {
        buf_fini(&out->body);
        add_ending(&head, &e);
    }
    out->head = head.nv;
    out->n_head = head.n;
    out->trailers = trailers.nv;
    out->n_trailers = trailers.n;
}

void http__h2_pack(struct request *r, struct http_reply *reply)
{
    struct h2_stream *s = http__h2_stream(r);
    r->status = reply->status ? reply->status : 500;
    if (s->plain)
        pack_plain(s, reply);
    else
        pack_grpc(s, reply);
    r->reply_bytes = s->reply.body.n;
}

/* ---- Submitting ---- */

static size_t copy_some(struct h2_reply *out, uint8_t *to, size_t room)
{
    size_t n = 0;
    while (n < room && out->at < out->prefix_n)
        to[n++] = out->prefix[out->at++];
    if (out->at < out->prefix_n)
        return n;
    struct str rest = str_sub(buf_str(&out->body), out->at - out->prefix_n, room - n);
    if (rest.n)
        memcpy(to + n, rest.p, rest.n);
    out->at += rest.n;
    return n + rest.n;
}

static ssize_t read_reply(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *ctx)
{
    struct h2_reply *out = source->ptr;
    size_t n = copy_some(out, to, room);
    if (out->at < out->prefix_n + out->body.n)
        return (ssize_t)n;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (out->n_trailers) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, id, out->trailers, out->n_trailers) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return (ssize_t)n;
}

void http__h2_submit(struct h2_stream *s)
{
    struct h2_reply *out = &s->reply;
    nghttp2_data_provider body = { .source.ptr = out, .read_callback = read_reply };
    bool has_body = out->prefix_n + out->body.n > 0;
    if (nghttp2_submit_response(s->conn->session, s->id, out->head, out->n_head, has_body ? &body : NULL) !=
        0)
        s->conn->over = true;
    http__h2_touch(s->conn);
}
