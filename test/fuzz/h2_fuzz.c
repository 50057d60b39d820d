/*
 * h2: whatever a peer of the gRPC port sends, no byte, call or memory is lost, and every call that began is finished.
 *
 * The first byte of the input says how the rest is meant: bit 0, after a client's preface; bit 1, as frames (type, flags, stream, two
 * bytes of length, payload) whose headers are made here, so that mutations reach behind the framing; bit 2, the server drains in the
 * middle; the others, in how many pieces it comes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/h2_priv.h"

#define HELD 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t begun, finished, n_held;
static struct http_request *held[HELD];

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- The handler: a letter in the method decides ---- */

static bool says(const struct http_request *r, char letter)
{
    return str_find_char(r->target, letter) != SIZE_MAX;
}

static bool begin(void *ctx, struct http_request *r, struct http_reply *early)
{
    begun++;
    r->user = mem_alloc(1);
    r->body_limit = 16 * 1024;
    *early = (struct http_reply){ .status = 404 };
    return !says(r, 'D');
}

static void echo(void *ctx, struct http_request *r)
{
    struct http_reply reply = { .status = says(r, 'B') ? 503 : 200, .body = r->body };
    struct buf moved;
    buf_init(&moved, 0);
    if (says(r, 'S')) {
        reply.headers[reply.n_headers++] = (struct http_header){ STR("grpc-status"), STR("3") };
        reply.headers[reply.n_headers++] = (struct http_header){ STR("grpc-message"), r->body };
    }
    if (says(r, 'M')) {
        buf_add_str(&moved, r->body);
        reply.move = &moved;
    }
    http_send(r, &reply);
    buf_fini(&moved);
}

static void handle(void *ctx, struct http_request *r, bool heavy)
{
    if (says(r, 'L') && n_held < HELD)
        held[n_held++] = r;
    else if (says(r, 'C'))
        http_continue(r, echo, NULL);
    else
        echo(NULL, r);
}

static void show_error(void *ctx, struct http_request *r, const struct err *err, struct http_reply *out)
{
    out->body = arena_dup(r->arena, str_of(err->text));
}

static void finish(void *ctx, struct http_request *r)
{
    if (r->user)
        finished++;
    mem_free(r->user);
}

static const struct http_handler handler = { NULL, begin, handle, show_error, finish };

/* ---- The server ---- */

struct peer {
    struct http http;
    struct mailbox box;
    struct h2_connection conn;
    struct h2_connection *to_flush;
    size_t answered;
};

static void take_mail(struct peer *p)
{
    struct mail *m = http__mailbox_take(&p->box);
    while (m) {
        struct mail *next = m->next;
        http__resume(http__request_of_mail(m));
        m = next;
    }
}

static void release(size_t leave)
{
    while (n_held > leave)
        echo(NULL, held[--n_held]);
}

static void flush(struct peer *p)
{
    take_mail(p);
    p->to_flush = NULL;
    p->conn.touched = false;
    do {
        p->conn.out.n = 0;
        http__h2_fill(&p->conn);
        p->answered += p->conn.out.n;
    } while (p->conn.out.n > 0);
    http__h2_flushed(&p->conn);
}

static void give(struct peer *p, struct str bytes)
{
    http__h2_take(&p->conn, bytes);
    flush(p);
    release(n_held / 2);
    flush(p);
}

static void open_peer(struct peer *p)
{
    struct err err;
    begun = finished = n_held = 0;
    *p = (struct peer){ .box.wake_fd = -1 };
    p->http.options = (struct http_options){
        .http_idle = NS_PER_S, .http_inline_bytes = 1 << 20, .http_inflight_bytes = 24 * 1024
    };
    http__mailbox_own(&p->box);
    p->conn = (struct h2_connection){
        .http = &p->http, .handler = &handler, .home = &p->box, .to_flush = &p->to_flush
    };
    must(http__h2_open(&p->conn, &err) == ST_OK, "no session");
}

static void close_peer(struct peer *p)
{
    http__h2_cancel_stalled(&p->conn, INT64_MAX);
    flush(p);
    http__h2_close(&p->conn);
    release(0);
    take_mail(p);
    must(begun == finished, "a call was not finished");
    must(p->http.requests == 0, "a request was not ended");
    must(p->http.busy == 0, "a request is still owned");
    must(p->http.metrics.inflight == 0, "bytes are still counted");
}

/* ---- The input ---- */

static void add_frame(struct buf *out, const uint8_t head[5], struct str payload)
{
    const char bytes[9] = { 0, (char)(payload.n >> 8), (char)payload.n, (char)head[0], (char)head[1], 0, 0, 0,
        (char)head[2] };
    buf_add(out, bytes, sizeof bytes);
    buf_add_str(out, payload);
}

static void add_frames(struct buf *out, struct str in)
{
    while (in.n >= 5) {
        uint8_t head[5];
        memcpy(head, in.p, 5);
        struct str payload = str_sub(in, 5, (size_t)head[3] << 8 | head[4]);
        add_frame(out, head, payload);
        in = str_sub(in, 5 + payload.n, SIZE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char settings[9] = { 0, 0, 0, NGHTTP2_SETTINGS };
    struct peer p;
    struct buf all;
    uint8_t how = size ? data[0] : 0;
    struct str in = { (const char *)data + (size ? 1 : 0), size ? size - 1 : 0 };
    buf_init(&all, 0);
    if (how & 1) {
        buf_add_cstr(&all, NGHTTP2_CLIENT_MAGIC);
        buf_add(&all, settings, sizeof settings);
    }
    if (how & 2)
        add_frames(&all, in);
    else
        buf_add_str(&all, in);
    size_t piece = all.n / ((size_t)(how >> 3) + 1) + 1;
    open_peer(&p);
    for (size_t at = 0; at < all.n; at += piece) {
        give(&p, str_sub(buf_str(&all), at, piece));
        if (how & 4 && at >= all.n / 2) {
            atomic_store(&p.http.draining, true);
            http__h2_drain(&p.conn);
        }
    }
    close_peer(&p);
    buf_fini(&all);
    return 0;
}
