/* grpc_client: nghttp2's client side between a blocking socket and the tests. */
#include "support/grpc_client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW (16 << 20) /* the server's answers need no updates */

static struct grpc_call *call_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* ---- What comes ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
    const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
    struct grpc_client *c = ctx;
    struct grpc_call *call = call_of(session, frame->hd.stream_id);
    if (!call)
        return 0;
    struct str *block = call->blocks == 0 ? &call->head : &call->trailers;
    *block = arena_printf(c->arena, "%.*s%.*s: %.*s\n", STR_ARG(*block), (int)name_n, (const char *)name,
        (int)value_n, (const char *)value);
    return 0;
}

static int on_data(
    nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *ctx)
{
    struct grpc_call *call = call_of(session, id);
    if (call)
        buf_add(&call->data, data, n);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct grpc_client *c = ctx;
    struct grpc_call *call = frame->hd.stream_id ? call_of(session, frame->hd.stream_id) : NULL;
    if (frame->hd.type == NGHTTP2_HEADERS && call)
        call->blocks++;
    if (frame->hd.type == NGHTTP2_RST_STREAM && call)
        call->resets++;
    if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
        c->pongs++;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->goaways++;
        c->goaway_code = frame->goaway.error_code;
        c->goaway_last = frame->goaway.last_stream_id;
    }
    return 0;
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t why, void *ctx)
{
    struct grpc_call *call = call_of(session, id);
    if (call) {
        call->closed = true;
        call->reset = why;
    }
    return 0;
}

/* ---- What goes ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *ctx)
{
    struct grpc_call *call = source->ptr;
    size_t most = call->chunk && call->chunk < room ? call->chunk : room;
    struct str piece = str_sub(buf_str(&call->body), call->sent, most);
    if (piece.n)
        memcpy(to, piece.p, piece.n);
    call->sent += piece.n;
    if (call->sent == call->body.n && !call->open_ended)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (piece.n == 0)
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)piece.n;
}

void grpc_flush(struct grpc_client *c)
{
    const uint8_t *p;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(c->session, &p)) > 0)
        for (ssize_t at = 0; at < n;) {
            ssize_t done = send(c->fd, p + at, (size_t)(n - at), MSG_NOSIGNAL);
            if (done <= 0) {
                c->ended = true;
                return;
            }
            at += done;
        }
}

/* ---- The connection ---- */

void grpc_open(struct grpc_client *c, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };
    struct timeval most = { .tv_sec = 10 };
    int on = 1;
    nghttp2_session_callbacks *calls;
    *c = (struct grpc_client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .arena = arena_new() };
    assert(c->fd >= 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int failed = connect(c->fd, (struct sockaddr *)&to, sizeof to);
    assert(!failed);
    failed = nghttp2_session_callbacks_new(&calls);
    assert(!failed);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_closed);
    failed = nghttp2_session_client_new(&c->session, calls, c);
    assert(!failed);
    nghttp2_session_callbacks_del(calls);
    nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW };
    failed = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &window, 1);
    assert(!failed);
    grpc_flush(c);
}

void grpc_close(struct grpc_client *c)
{
    for (struct grpc_call *call = c->calls; call; call = call->next) {
        buf_fini(&call->body);
        buf_fini(&call->data);
    }
    nghttp2_session_del(c->session);
    close(c->fd);
    arena_free(c->arena);
}

bool grpc_turn(struct grpc_client *c)
{
    uint8_t bytes[65536];
    grpc_flush(c);
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    if (n <= 0 || nghttp2_session_mem_recv(c->session, bytes, (size_t)n) < 0)
        c->ended = true;
    if (n > 0)
        grpc_flush(c);
    return n > 0;
}

void grpc_ping(struct grpc_client *c)
{
    int failed = nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
    assert(!failed);
}

/* ---- Calls ---- */

struct str grpc_frame(struct arena *a, int flag, struct str message)
{
    char *p = arena_alloc(a, message.n + 5);
    p[0] = (char)flag;
    for (int i = 0; i < 4; i++)
        p[1 + i] = (char)(message.n >> (24 - 8 * i) & 0xFF);
    if (message.n)
        memcpy(p + 5, message.p, message.n);
    return (struct str){ p, message.n + 5 };
}

static nghttp2_nv field(const char *name, size_t name_n, const char *value)
{
    return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
        .namelen = name_n,
        .value = (uint8_t *)(uintptr_t)value,
        .valuelen = strlen(value) };
}

static size_t fill_headers(const struct grpc_ask *ask, nghttp2_nv *nv)
{
    size_t n = 0;
    nv[n++] = field(":method", 7, ask->method ? ask->method : "POST");
    nv[n++] = field(":scheme", 7, "http");
    nv[n++] = field(":path", 5, ask->path);
    nv[n++] = field(":authority", 10, "127.0.0.1:4317");
    nv[n++] = field("content-type", 12, ask->content_type ? ask->content_type : "application/grpc");
    nv[n++] = field("te", 2, "trailers");
    for (size_t i = 0; i < sizeof ask->headers / sizeof *ask->headers && ask->headers[i]; i++) {
        const char *colon = strchr(ask->headers[i], ':');
        nv[n++] = field(ask->headers[i], (size_t)(colon - ask->headers[i]), colon + 2);
    }
    return n;
}

struct grpc_call *grpc_start(struct grpc_client *c, const struct grpc_ask *ask)
{
    struct grpc_call *call = arena_alloc(c->arena, sizeof *call);
    nghttp2_nv nv[16];
    *call = (struct grpc_call){
        .client = c, .next = c->calls, .chunk = ask->chunk, .open_ended = ask->open_ended
    };
    c->calls = call;
    buf_init(&call->body, 0);
    buf_init(&call->data, 0);
    buf_add_str(&call->body, ask->body);
    nghttp2_data_provider body = { .source.ptr = call, .read_callback = read_body };
    bool has_body = ask->body.n > 0 || ask->open_ended;
    call->id =
        nghttp2_submit_request(c->session, NULL, nv, fill_headers(ask, nv), has_body ? &body : NULL, call);
    assert(call->id > 0);
    return call;
}

void grpc_more(struct grpc_call *call, struct str bytes, bool end)
{
    buf_add_str(&call->body, bytes);
    call->open_ended = !end;
    (void)nghttp2_session_resume_data(call->client->session, call->id);
    grpc_flush(call->client);
}

void grpc_reset(struct grpc_call *call)
{
    int failed =
        nghttp2_submit_rst_stream(call->client->session, NGHTTP2_FLAG_NONE, call->id, NGHTTP2_CANCEL);
    assert(!failed);
    grpc_flush(call->client);
}

bool grpc_wait(struct grpc_call *call)
{
    grpc_flush(call->client);
    while (!call->closed)
        if (!grpc_turn(call->client))
            break;
    return call->closed;
}

/* ---- The answer ---- */

static struct str find_line(struct str block, const char *name)
{
    struct str line;
    while (str_cut(&block, '\n', &line)) {
        size_t n = strlen(name);
        if (str_starts(line, str_of(name)) && line.n > n + 1 && line.p[n] == ':')
            return str_sub(line, n + 2, SIZE_MAX);
    }
    return STR_NONE;
}

struct str grpc_header(const struct grpc_call *call, const char *name)
{
    return find_line(call->head, name);
}

struct str grpc_trailer(const struct grpc_call *call, const char *name)
{
    return find_line(call->trailers, name);
}

struct str grpc_message(const struct grpc_call *call)
{
    const unsigned char *p = (const unsigned char *)call->data.p;
    if (call->data.n < 5 || p[0] != 0)
        return STR_NONE;
    size_t n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
    return n + 5 == call->data.n ? (struct str){ call->data.p + 5, n } : STR_NONE;
}

int grpc_status(const struct grpc_call *call)
{
    int64_t code;
    struct str text = grpc_trailer(call, "grpc-status");
    if (!text.p)
        text = grpc_header(call, "grpc-status");
    return str_to_i64(text, &code) ? (int)code : -1;
}
