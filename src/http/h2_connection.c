/*
 * h2_connection: one HTTP/2 session, from the bytes that came to the bytes that go. nghttp2 parses, frames, compresses headers and
 * keeps the windows; its callbacks hand streams to h2_stream.c. They may submit frames, so a handler can answer inside of one.
 *
 * What a peer may do is bounded, each by a name: H2_STREAMS, H2_HEADERS, H2_FRAME, and two budgets. A stream that is reset costs its
 * peer one frame and us a call, so resets are counted, those that we answer a fault with as well. Frames that carry no call (pings,
 * settings, priorities, window updates, empty data) are the other. Who is over a budget gets GOAWAY with ENHANCE_YOUR_CALM.
 * nghttp2 itself bounds the answers it owes (1000) and the continuations of a header block (8).
 *
 * Windows open as bytes come, for they are kept and counted, or refused, at once: http_inflight_bytes bounds them, not the window.
 */
#include "http/h2_priv.h"

#include "base/log.h"

#define RESETS       200
#define RESETS_PER_S 20
#define NOISE        2000
#define NOISE_PER_S  200
#define CALL_EARNS   4 /* many clients send a ping and window updates with each call */

/* ---- Budgets ---- */

static void budget_open(struct h2_budget *b, int64_t most, int64_t per_s)
{
    *b = (struct h2_budget){ .most = most, .per_s = per_s, .left = most, .at_ns = clock_mono_ns() };
}

static void budget_earn(struct h2_budget *b, int64_t n)
{
    b->left = b->left + n < b->most ? b->left + n : b->most;
}

/* False: it is used up. */
static bool budget_spend(struct h2_budget *b)
{
    if (b->left > 0)
        return b->left-- > 0;
    int64_t now = clock_mono_ns();
    int64_t earned = (now - b->at_ns) / NS_PER_MS * b->per_s / 1000;
    b->at_ns = now;
    budget_earn(b, earned);
    return b->left > 0 && b->left-- > 0;
}

static void spend(struct h2_connection *c, struct h2_budget *b, const char *what)
{
    if (c->ending || budget_spend(b))
        return;
    log_debug("http", "peer=%s sends too many %s", c->remote, what);
    http__h2_end(c, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- Callbacks ---- */

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static bool begins_stream(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_connection *c = ctx;
    if (!begins_stream(frame))
        return 0;
    budget_earn(&c->noise, CALL_EARNS);
    struct h2_stream *s = http__h2_stream_new(c, frame->hd.stream_id);
    return nghttp2_session_set_stream_user_data(session, s->id, s);
}

/* Trailers of a client carry nothing here. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
    const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    if (s && begins_stream(frame))
        http__h2_stream_header(
            s, (struct str){ (const char *)name, name_n }, (struct str){ (const char *)value, value_n });
    return 0;
}

static void on_noise(struct h2_connection *c, const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        if (frame->hd.length > 0 || frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
            return;
        break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PRIORITY:
    case NGHTTP2_WINDOW_UPDATE: break;
    default: return;
    }
    spend(c, &c->noise, "frames without a call");
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_connection *c = ctx;
    struct h2_stream *s = frame->hd.stream_id ? stream_of(session, frame->hd.stream_id) : NULL;
    bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    on_noise(c, frame);
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        spend(c, &c->resets, "resets");
    if (s && begins_stream(frame))
        http__h2_stream_open(s);
    if (s && carries && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        http__h2_stream_complete(s);
    return 0;
}

static int on_data(
    nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *ctx)
{
    struct h2_stream *s = stream_of(session, id);
    if (s)
        http__h2_stream_data(s, (struct str){ (const char *)data, n });
    return 0;
}

/* A reply that ends before its request tells the client to stop sending. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_connection *c = ctx;
    int32_t id = frame->hd.stream_id;
    bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
        nghttp2_session_get_stream_remote_close(session, id) == 0)
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
        frame->rst_stream.error_code != NGHTTP2_CANCEL)
        spend(c, &c->resets, "faults");
    return 0;
}

static int on_stream_closed(nghttp2_session *session, int32_t id, uint32_t why, void *ctx)
{
    struct h2_stream *s = stream_of(session, id);
    if (s)
        http__h2_stream_closed(s);
    return 0;
}

/* ---- Life ---- */

static int configure(struct h2_connection *c)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)H2_HEADERS },
        { NGHTTP2_SETTINGS_MAX_FRAME_SIZE, H2_FRAME },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW },
        { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
    };
    int failed =
        nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings);
    return failed ? failed
                  : nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, H2_WINDOWS);
}

static int new_session(struct h2_connection *c)
{
    nghttp2_session_callbacks *calls;
    int failed = nghttp2_session_callbacks_new(&calls);
    if (failed)
        return failed;
    nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_closed);
    failed = nghttp2_session_server_new(&c->session, calls, c);
    nghttp2_session_callbacks_del(calls);
    return failed;
}

enum status http__h2_open(struct h2_connection *c, struct err *err)
{
    budget_open(&c->resets, RESETS, RESETS_PER_S);
    budget_open(&c->noise, NOISE, NOISE_PER_S);
    buf_init(&c->out, 0);
    int failed = new_session(c);
    if (!failed)
        failed = configure(c);
    if (!failed && http_draining(c->http))
        http__h2_drain(c);
    return failed ? err_set(err, ST_IO, "no HTTP/2 session: %s", nghttp2_strerror(failed)) : ST_OK;
}

void http__h2_close(struct h2_connection *c)
{
    while (c->streams)
        http__h2_stream_closed(c->streams);
    http__h2_flushed(c);
    nghttp2_session_del(c->session);
    buf_fini(&c->out);
}

void http__h2_end(struct h2_connection *c, uint32_t why)
{
    if (c->ending)
        return;
    c->ending = true;
    if (nghttp2_session_terminate_session(c->session, why) != 0)
        c->over = true;
    http__h2_touch(c);
}

/* New calls are refused from now on, one by one: the client may have sent them before it heard of the stop. */
void http__h2_drain(struct h2_connection *c)
{
    if (c->drains || c->ending || c->over)
        return;
    c->drains = true;
    if (nghttp2_submit_shutdown_notice(c->session) != 0)
        c->over = true;
    http__h2_touch(c);
}

bool http__h2_owes(const struct h2_connection *c)
{
    for (const struct h2_stream *s = c->streams; s; s = s->next)
        if (s->base.handed && !s->base.answered)
            return true;
    return false;
}

void http__h2_cancel_stalled(struct h2_connection *c, int64_t since_ns)
{
    for (struct h2_stream *s = c->streams; s; s = s->next)
        if (!s->base.handed && !s->base.answered && s->heard_ns < since_ns) {
            if (nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL) != 0)
                c->over = true;
            http__h2_touch(c);
        }
}

void http__h2_touch(struct h2_connection *c)
{
    if (c->touched)
        return;
    c->touched = true;
    c->next_to_flush = *c->to_flush;
    *c->to_flush = c;
}

/* ---- Bytes ---- */

/* Whoever speaks HTTP/1.1 here, most likely OTLP over HTTP, is told where to go. Other protocols (TLS) would not understand. */
static void answer_stranger(struct h2_connection *c, struct str bytes)
{
    static const char text[] =
        "This port speaks gRPC: HTTP/2 without TLS. OTLP over HTTP has a port of its own, 4318 unless --otlp-http says otherwise.\n";
    c->over = true;
    if (c->spoken || bytes.n == 0 || bytes.p[0] < 'A' || bytes.p[0] > 'Z')
        return;
    buf_printf(&c->out,
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
        sizeof text - 1, text);
}

void http__h2_take(struct h2_connection *c, struct str bytes)
{
    http__h2_touch(c);
    if (c->over)
        return;
    ssize_t n = nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes.p, bytes.n);
    if (n == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        answer_stranger(c, bytes);
    else if (n < 0) {
        log_debug("http", "peer=%s nghttp2: %s", c->remote, nghttp2_strerror((int)n));
        c->over = true;
    }
    c->spoken = true;
}

static void frame_some(struct h2_connection *c)
{
    const uint8_t *p;
    while (!c->over && c->out.n < H2_OUT) {
        ssize_t n = nghttp2_session_mem_send(c->session, &p);
        if (n < 0)
            c->over = true;
        if (n <= 0)
            return;
        buf_add(&c->out, p, (size_t)n);
    }
}

/* The server speaks second: until something has come, it is not known who is there. */
void http__h2_fill(struct h2_connection *c)
{
    if (!c->spoken) {
        c->over = c->over || c->drains || c->ending;
        return;
    }
    frame_some(c);
    if (!c->drains || c->streams || c->ending || c->out.n >= H2_OUT)
        return;
    http__h2_end(c, NGHTTP2_NO_ERROR);
    frame_some(c);
}

void http__h2_flushed(struct h2_connection *c)
{
    while (c->sent) {
        struct h2_stream *s = c->sent;
        c->sent = s->next;
        http__h2_stream_end(s);
    }
}

bool http__h2_is_over(const struct h2_connection *c)
{
    return c->over || (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session));
}
