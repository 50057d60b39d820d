/*
 * A real gRPC port on 127.0.0.1, a handler that does what the method says, and clients that speak frames. Each test protects one rule
 * of otlp.md 1.7, one promise of http.h, or one bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/mem.h"
#include "http/http.h"
#include "support/grpc_client.h"
#include "support/raw_client.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* ---- The handler ---- */

struct server {
    struct http *http;
    uint16_t port;
    struct http_handler handler;
    _Atomic int begun, finished, handled, heavy, working;
    _Atomic bool hold;
    struct lock lock;
    struct http_request *held[1024];
    size_t n_held;
};

static struct server server;
static struct arena *arena; /* of one test */

static void nap_ms(int ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS }, NULL);
}

static bool path_is(const struct http_request *r, const char *path)
{
    return str_starts(r->target, str_of(path));
}

static void send_body(struct http_request *r, struct str body)
{
    struct http_reply reply = { .status = 200, .content_type = "application/x-protobuf", .body = body };
    reply.headers[reply.n_headers++] = (struct http_header){ STR("X-Test"), STR("yes") };
    reply.headers[reply.n_headers++] = (struct http_header){ STR("X-Broken"), STR("a\r\nx-smuggled: b") };
    reply.headers[reply.n_headers++] = (struct http_header){ STR("Connection"), STR("close") };
    http_send(r, &reply);
}

static void send_size(void *ctx, struct http_request *r)
{
    send_body(r, arena_printf(r->arena, "%zu %016llx", r->body.n, (unsigned long long)hash64(r->body)));
}

/* What the handler was given. */
static void send_request(struct http_request *r)
{
    struct str text = arena_printf(
        r->arena, "%.*s %.*s from %.*s\n", STR_ARG(r->method), STR_ARG(r->target), STR_ARG(r->remote));
    for (size_t i = 0; i < r->n_headers; i++)
        text = arena_printf(r->arena, "%.*s%.*s: %.*s\n", STR_ARG(text), STR_ARG(r->headers[i].name),
            STR_ARG(r->headers[i].value));
    send_body(r, text);
}

/* A status of HTTP alone: "/t/Status/404". */
static void send_status(struct http_request *r)
{
    int64_t status = 0;
    assert_true(str_to_i64(str_sub(r->target, strlen("/t/Status/"), SIZE_MAX), &status));
    struct http_reply reply = { .status = (int)status, .body = STR("{\"error\":\"in JSON\"}") };
    http_send(r, &reply);
}

/* A status of gRPC, with all that may go with it. */
static void send_own(struct http_request *r)
{
    struct http_reply reply = { .status = 400, .body = STR("not sent") };
    reply.headers[reply.n_headers++] = (struct http_header){ STR("grpc-status"), STR("3") };
    reply.headers[reply.n_headers++] =
        (struct http_header){ STR("grpc-message"), STR("100% wr\xC3\xB6ng\nhere") };
    reply.headers[reply.n_headers++] =
        (struct http_header){ STR("grpc-status-details-bin"), STR("CAMSA2JhZA==") };
    reply.headers[reply.n_headers++] = (struct http_header){ STR("X-Test"), STR("yes") };
    http_send(r, &reply);
}

static void send_moved(struct http_request *r)
{
    struct buf b;
    buf_init(&b, 0);
    memset(buf_reserve(&b, 3 * MIB), 'm', 3 * MIB);
    b.n = 3 * MIB;
    struct http_reply reply = { .status = 200, .move = &b };
    reply.headers[reply.n_headers++] = (struct http_header){ STR("grpc-status"), STR("0") };
    http_send(r, &reply);
    buf_fini(&b);
}

static void hold(struct http_request *r)
{
    lock_take(&server.lock);
    assert_true(server.n_held < 1024);
    server.held[server.n_held++] = r;
    lock_drop(&server.lock);
}

static void work_slowly(void *ctx, struct http_request *r)
{
    atomic_fetch_add(&server.working, 1);
    while (server.hold)
        nap_ms(1);
    send_size(NULL, r);
}

static void work_then_hop(void *ctx, struct http_request *r)
{
    http_continue(r, send_size, NULL);
}

static void handle(void *ctx, struct http_request *r, bool heavy)
{
    atomic_fetch_add(&server.handled, 1);
    if (heavy)
        atomic_fetch_add(&server.heavy, 1);
    r->note = STR("test");
    if (path_is(r, "/t/Echo"))
        send_body(r, r->body);
    else if (path_is(r, "/t/See"))
        send_request(r);
    else if (path_is(r, "/t/Status/"))
        send_status(r);
    else if (path_is(r, "/t/Own"))
        send_own(r);
    else if (path_is(r, "/t/Move"))
        send_moved(r);
    else if (path_is(r, "/t/Hold"))
        hold(r);
    else if (path_is(r, "/t/Block"))
        work_slowly(NULL, r);
    else if (path_is(r, "/t/Hop") || path_is(r, "/t/Slow")) {
        struct http_reply busy = { .status = 503 };
        if (!http_work(r, path_is(r, "/t/Slow") ? work_slowly : work_then_hop, NULL))
            http_send(r, &busy);
    } else
        send_size(NULL, r);
}

static bool begin(void *ctx, struct http_request *r, struct http_reply *early)
{
    atomic_fetch_add(&server.begun, 1);
    r->user = mem_alloc(1);
    r->body_limit = path_is(r, "/t/Small")   ? 1000
                    : path_is(r, "/t/Large") ? 16 * (int64_t)MIB
                                             : 4 * (int64_t)MIB;
    if (!path_is(r, "/t/Deny") && path_is(r, "/t/"))
        return true;
    *early = (struct http_reply){ .status = path_is(r, "/t/Deny") ? 401 : 404, .body = STR("no") };
    return false;
}

static void show_error(void *ctx, struct http_request *r, const struct err *err, struct http_reply *out)
{
    out->content_type = "application/json";
    out->body = STR("{}");
}

static void finish(void *ctx, struct http_request *r)
{
    mem_free(r->user);
    atomic_fetch_add(&server.finished, 1);
}

static void release_held(void)
{
    lock_take(&server.lock);
    for (size_t i = 0; i < server.n_held; i++) {
        if (i % 2)
            http_continue(server.held[i], send_size, NULL);
        else
            send_size(NULL, server.held[i]);
    }
    server.n_held = 0;
    lock_drop(&server.lock);
}

static void await_held(size_t n)
{
    size_t now = 0;
    for (int i = 0; i < 5000 && now < n; i++) {
        lock_take(&server.lock);
        now = server.n_held;
        lock_drop(&server.lock);
        nap_ms(1);
    }
    assert_int_equal(now, n);
}

/* ---- Set-up ---- */

static struct http_options default_options(void)
{
    return (struct http_options){ .http_threads = 2,
        .http_workers = 2,
        .http_work_queue = 1000,
        .http_connections = 1000,
        .http_idle = 30 * NS_PER_S,
        .http_inline_bytes = 64 * 1024,
        .http_inflight_bytes = 64 << 20 };
}

static void start(struct http_options o)
{
    struct err err = { 0 };
    server = (struct server){ .handler = { NULL, begin, handle, show_error, finish } };
    arena = arena_new();
    lock_init(&server.lock, LOCK_INGEST);
    assert_int_equal(http_new(&o, &server.http, &err), ST_OK);
    assert_int_equal(
        http_listen_grpc(server.http, STR("127.0.0.1:0"), &server.handler, &server.port, &err), ST_OK);
    assert_int_not_equal(server.port, 0);
}

static int set_up(void **state)
{
    start(default_options());
    return 0;
}

/* Every request that began must have been finished, every byte and connection given back. */
static int tear_down(void **state)
{
    server.hold = false;
    release_held();
    http_drain(server.http, clock_mono_ns() + 5 * NS_PER_S);
    int64_t inflight = http_metrics(server.http)->inflight;
    http_free(server.http);
    lock_fini(&server.lock);
    arena_free(arena);
    return inflight == 0 && server.finished >= server.begun ? 0 : -1;
}

static void restart(struct http_options o)
{
    assert_int_equal(tear_down(NULL), 0);
    start(o);
}

/* ---- What clients do ---- */

static struct str pattern(size_t n)
{
    char *p = arena_alloc(arena, n + 1);
    uint32_t seed = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (char)('a' + (seed >> 28));
    }
    return (struct str){ p, n };
}

static struct str zeros(size_t n)
{
    return (struct str){ arena_alloc(arena, n), n };
}

static struct str gzip_pack(struct str raw)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    uLong bound = deflateBound(&z, raw.n);
    char *p = arena_alloc(arena, bound);
    z.next_in = (Bytef *)(uintptr_t)raw.p;
    z.avail_in = (uInt)raw.n;
    z.next_out = (Bytef *)p;
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    struct str packed = { p, z.total_out };
    deflateEnd(&z);
    return packed;
}

static struct str frame(struct str message)
{
    return grpc_frame(arena, 0, message);
}

static struct str joined_bytes(struct str a, struct str b)
{
    char *p = arena_alloc(arena, a.n + b.n);
    memcpy(p, a.p, a.n);
    memcpy(p + a.n, b.p, b.n);
    return (struct str){ p, a.n + b.n };
}

static struct grpc_call *call(struct grpc_client *c, const char *path, struct str body)
{
    struct grpc_call *k = grpc_start(c, &(struct grpc_ask){ .path = path, .body = body });
    assert_true(grpc_wait(k));
    return k;
}

static void check_text(struct str s, const char *text)
{
    assert_string_equal(arena_cstr(arena, s), text);
}

static void check_size(const struct grpc_call *k, struct str body)
{
    assert_int_equal(grpc_status(k), 0);
    check_text(
        grpc_message(k), arena_printf(arena, "%zu %016llx", body.n, (unsigned long long)hash64(body)).p);
}

/* Trailers-only: one block of headers, no data, and the stream ended. */
static void check_failed(const struct grpc_call *k, int code, const char *message_part)
{
    assert_true(k->closed);
    assert_int_equal(k->blocks, 1);
    assert_int_equal(k->data.n, 0);
    check_text(grpc_header(k, ":status"), "200");
    check_text(grpc_header(k, "content-type"), "application/grpc");
    assert_int_equal(grpc_status(k), code);
    if (!strstr(arena_cstr(arena, grpc_header(k, "grpc-message")), message_part))
        assert_string_equal(arena_cstr(arena, grpc_header(k, "grpc-message")), message_part);
}

static void check_serves(void)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    check_text(grpc_message(call(&c, "/t/Echo", frame(STR("alive")))), "alive");
    grpc_close(&c);
}

static void await_finished(int n)
{
    for (int i = 0; i < 5000 && server.finished < n; i++)
        nap_ms(1);
    assert_int_equal(server.finished, n);
}

/* google.rpc.Status of an answer. */
static struct str details(const struct grpc_call *k)
{
    struct str out = STR_NONE;
    struct str text = grpc_header(k, "grpc-status-details-bin");
    assert_true(text.n > 0 && text.p[text.n - 1] != '=');
    assert_true(base64_decode(arena, text, &out));
    return out;
}

/* What retryable refusals tell: otlp.md 1.6, with one second. */
static void check_retry_info(const struct grpc_call *k)
{
    struct str info = STR("\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01");
    struct str d = details(k);
    assert_true(str_starts(d, STR("\x08\x0e\x12")));
    assert_true(str_ends(d, info));
}

/* ---- Calls ---- */

static void a_call_is_answered(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    struct grpc_call *k = grpc_start(
        &c, &(struct grpc_ask){
                .path = "/t/Echo", .headers = { "x-request-id: my-id.1" }, .body = frame(STR("hello")) });
    assert_true(grpc_wait(k));
    check_text(grpc_message(k), "hello");
    check_text(grpc_header(k, ":status"), "200");
    check_text(grpc_header(k, "content-type"), "application/grpc");
    check_text(grpc_header(k, "x-request-id"), "my-id.1");
    check_text(grpc_header(k, "x-test"), "yes");
    check_text(grpc_header(k, "grpc-accept-encoding"), "identity,gzip");
    assert_null(grpc_header(k, "x-smuggled").p);
    assert_null(grpc_header(k, "x-broken").p);
    assert_null(grpc_header(k, "connection").p);
    assert_null(grpc_header(k, "grpc-status").p);
    assert_int_equal(k->blocks, 2);
    check_text(k->trailers, "grpc-status: 0\n");
    assert_int_equal(k->reset, NGHTTP2_NO_ERROR);
    assert_int_equal(k->resets, 0);
    assert_int_equal(grpc_header(call(&c, "/t/Echo", frame(STR(""))), "x-request-id").n, 36);
    grpc_close(&c);
}

static void the_handler_sees_a_request(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    struct grpc_call *k =
        grpc_start(&c, &(struct grpc_ask){ .path = "/t/See",
                           .content_type = "application/grpc+proto",
                           .headers = { "authorization: Bearer k", "x-twice: 1", "x-twice: 2" },
                           .body = frame(STR("")) });
    assert_true(grpc_wait(k));
    check_text(grpc_message(k),
        "POST /t/See from 127.0.0.1\nhost: 127.0.0.1:4317\ncontent-type: application/grpc+proto\n"
        "te: trailers\nauthorization: Bearer k\nx-twice: 1\nx-twice: 2\n");
    grpc_close(&c);
}

static void messages_may_be_empty(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    struct grpc_call *k = call(&c, "/t/Echo", STR("\0\0\0\0\0"));
    assert_int_equal(grpc_status(k), 0);
    assert_int_equal(k->data.n, 5);
    assert_memory_equal(k->data.p, "\0\0\0\0\0", 5);
    grpc_close(&c);
}

static void messages_are_inflated(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    for (size_t n = 1; n < 3 * MIB; n = n * 5 + 7) {
        struct str body = pattern(n);
        struct grpc_call *k = grpc_start(&c, &(struct grpc_ask){ .path = "/t/Size",
                                                 .headers = { "grpc-encoding: gzip" },
                                                 .body = grpc_frame(arena, 1, gzip_pack(body)) });
        assert_true(grpc_wait(k));
        check_size(k, body);
    }
    assert_true(server.heavy > 0);
    /* The flag decides, message by message. */
    struct grpc_call *k = grpc_start(
        &c, &(struct grpc_ask){
                .path = "/t/Echo", .headers = { "grpc-encoding: gzip" }, .body = frame(STR("plain")) });
    assert_true(grpc_wait(k));
    check_text(grpc_message(k), "plain");
    grpc_close(&c);
}

static void data_frames_need_not_align(void **state)
{
    static const size_t chunks[] = { 1, 2, 3, 4, 5, 6, 7, 1000 };
    struct grpc_client c;
    grpc_open(&c, server.port);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct str body = pattern(1500);
        struct grpc_call *k =
            grpc_start(&c, &(struct grpc_ask){ .path = "/t/Size", .body = frame(body), .chunk = chunks[i] });
        assert_true(grpc_wait(k));
        check_size(k, body);
    }
    grpc_close(&c);
}

static void many_calls_share_a_connection(void **state)
{
    static const char *const paths[] = { "/t/Size", "/t/Hop", "/t/Hold" };
    struct grpc_client c;
    struct grpc_call *k[240];
    grpc_open(&c, server.port);
    assert_int_equal(grpc_status(call(&c, "/t/Echo", frame(STR("settings are known now")))), 0);
    for (size_t i = 0; i < 240; i++)
        k[i] = grpc_start(
            &c, &(struct grpc_ask){ .path = paths[i % 3], .body = frame(pattern(3000 + i)), .chunk = 100 });
    grpc_flush(&c); /* in turns: no call is complete before all have begun */
    await_held(80);
    release_held();
    for (size_t i = 0; i < 240; i++) {
        assert_true(grpc_wait(k[i]));
        check_size(k[i], pattern(3000 + i));
    }
    assert_int_equal(http_metrics(server.http)->connections, 1);
    assert_int_equal(http_metrics(server.http)->replies_2xx, 241);
    grpc_close(&c);
}

static void windows_let_large_messages_through(void **state)
{
    struct grpc_client c;
    struct str body = pattern(5 * MIB);
    grpc_open(&c, server.port);
    check_size(call(&c, "/t/Large", frame(body)), body);
    struct grpc_call *a = grpc_start(&c, &(struct grpc_ask){ .path = "/t/Large", .body = frame(body) });
    struct grpc_call *b = grpc_start(&c, &(struct grpc_ask){ .path = "/t/Large", .body = frame(body) });
    assert_true(grpc_wait(a) && grpc_wait(b));
    check_size(a, body);
    check_size(b, body);
    assert_int_equal(server.heavy, 3);
    grpc_close(&c);
}

/* The window stops the answer until the client reads; its message is given back meanwhile. */
static void answers_can_be_large(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    struct grpc_call *k =
        grpc_start(&c, &(struct grpc_ask){ .path = "/t/Move", .body = frame(pattern(50000)) });
    grpc_flush(&c);
    for (int i = 0; i < 5000 && http_metrics(server.http)->requests < 1; i++)
        nap_ms(1);
    assert_int_equal(http_metrics(server.http)->inflight, 0);
    assert_int_equal(server.finished, 0);
    assert_true(grpc_wait(k));
    assert_int_equal(grpc_message(k).n, 3 * MIB);
    assert_int_equal(grpc_message(k).p[3 * MIB - 1], 'm');
    assert_int_equal(grpc_status(k), 0);
    grpc_close(&c);
}

/* ---- Endings ---- */

static void the_handler_decides_the_status(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    struct grpc_call *k = call(&c, "/t/Own", frame(STR("x")));
    check_failed(k, 3, "100%25 wr%C3%B6ng%0Ahere");
    check_text(grpc_header(k, "grpc-status-details-bin"), "CAMSA2JhZA");
    check_text(grpc_header(k, "x-test"), "yes");
    assert_int_equal(http_metrics(server.http)->replies_4xx, 1);
    grpc_close(&c);
}

static void a_status_of_http_is_translated(void **state)
{
    static const int pairs[][2] = { { 400, 3 }, { 401, 16 }, { 402, 7 }, { 403, 7 }, { 404, 12 }, { 405, 12 },
        { 413, 8 }, { 415, 12 }, { 422, 3 }, { 429, 14 }, { 500, 13 }, { 503, 14 } };
    struct grpc_client c;
    grpc_open(&c, server.port);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct grpc_call *k = call(&c, arena_printf(arena, "/t/Status/%d", pairs[i][0]).p, frame(STR("x")));
        check_failed(k, pairs[i][1], "");
        assert_true(grpc_header(k, "grpc-message").n > 5);
        if (pairs[i][1] == 14)
            check_retry_info(k);
    }
    struct grpc_call *k = call(&c, "/t/Status/200", frame(STR("x")));
    check_text(grpc_message(k), "{\"error\":\"in JSON\"}");
    grpc_close(&c);
}

static void refused_before_the_message(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    check_failed(
        call(&c, "/opentelemetry.Nothing/Export", frame(STR("x"))), 12, "/opentelemetry.Nothing/Export");
    check_failed(call(&c, "/t/Deny", frame(STR("x"))), 16, "key");
    assert_int_equal(server.handled, 0);
    grpc_close(&c);
}

static void what_is_no_grpc_is_answered_in_http(void **state)
{
    static const char *const types[] = { "application/json", "application/x-protobuf", "application/grpc-web",
        "application/grpcish", "text/plain" };
    struct grpc_client c;
    grpc_open(&c, server.port);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct grpc_call *k = grpc_start(
            &c, &(struct grpc_ask){ .path = "/t/Echo", .content_type = types[i], .body = frame(STR("x")) });
        assert_true(grpc_wait(k));
        check_text(grpc_header(k, ":status"), "415");
        assert_int_equal(grpc_status(k), -1);
        assert_true(str_find(buf_str(&k->data), STR("application/grpc")) != SIZE_MAX);
    }
    struct grpc_call *k = grpc_start(&c, &(struct grpc_ask){ .path = "/t/Echo", .method = "GET" });
    assert_true(grpc_wait(k));
    check_text(grpc_header(k, ":status"), "405");
    check_text(grpc_header(k, "allow"), "POST");
    assert_int_equal(server.begun, 0);
    assert_int_equal(http_metrics(server.http)->replies_4xx, 6);
    grpc_close(&c);
}

/* ---- Messages that are not what they say ---- */

static void lengths_that_lie(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    struct str good = frame(STR("twelve bytes"));
    check_failed(call(&c, "/t/Echo", str_sub(good, 0, good.n - 1)), 3, "after 11 of the 12 bytes");
    check_failed(call(&c, "/t/Echo", joined_bytes(good, STR("!"))), 3, "one message");
    check_failed(call(&c, "/t/Echo", joined_bytes(good, good)), 3, "one message");
    check_failed(call(&c, "/t/Echo", str_sub(good, 0, 4)), 3, "without a message");
    check_failed(call(&c, "/t/Echo", STR("")), 3, "without a message");
    assert_int_equal(server.handled, 0);
    assert_int_equal(http_metrics(server.http)->inflight, 0);
    check_text(grpc_message(call(&c, "/t/Echo", good)), "twelve bytes");
    grpc_close(&c);
}

static struct grpc_call *call_packed(
    struct grpc_client *c, const char *path, const char *encoding, int flag, struct str bytes)
{
    struct grpc_ask ask = { .path = path, .headers = { encoding }, .body = grpc_frame(arena, flag, bytes) };
    struct grpc_call *k = grpc_start(c, &ask);
    assert_true(grpc_wait(k));
    return k;
}

static void compressions(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    struct str packed = gzip_pack(STR("some text"));
    struct grpc_call *k = call_packed(&c, "/t/Echo", "grpc-encoding: snappy", 1, packed);
    check_failed(k, 12, "snappy");
    check_text(grpc_header(k, "grpc-accept-encoding"), "identity,gzip");
    check_failed(call_packed(&c, "/t/Echo", NULL, 1, packed), 3, "no grpc-encoding");
    check_failed(call_packed(&c, "/t/Echo", "grpc-encoding: identity", 1, packed), 3, "no grpc-encoding");
    check_failed(call_packed(&c, "/t/Echo", "grpc-encoding: gzip", 2, packed), 3, "first byte");
    check_failed(call_packed(&c, "/t/Echo", "grpc-encoding: gzip", 1, STR("not gzip at all")), 3, "gzip");
    check_failed(
        call_packed(&c, "/t/Echo", "grpc-encoding: gzip", 1, str_sub(packed, 0, packed.n - 1)), 3, "");
    check_text(grpc_message(call_packed(&c, "/t/Echo", "grpc-encoding: gzip", 1, packed)), "some text");
    check_text(grpc_message(call_packed(&c, "/t/Echo", "grpc-encoding: identity", 0, STR("as is"))), "as is");
    grpc_close(&c);
}

/* ---- Limits ---- */

static void too_large_is_said_at_once(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    check_size(call(&c, "/t/Small", frame(pattern(1000))), pattern(1000));
    check_failed(call(&c, "/t/Small", frame(pattern(1001))), 8, "1001 bytes long");
    check_failed(call(&c, "/t/Size", frame(pattern(5 * MIB))), 8, "at most 4194304");
    /* Only the prefix has come; the client has said nothing of an end. */
    struct grpc_ask open = { .path = "/t/Small", .body = STR("\0\0\1\0\0abc"), .open_ended = true };
    struct grpc_call *k = grpc_start(&c, &open);
    assert_true(grpc_wait(k));
    check_failed(k, 8, "at most 1000");
    assert_int_equal(k->resets, 1);
    assert_int_equal(k->reset, NGHTTP2_NO_ERROR);
    check_text(grpc_message(call(&c, "/t/Echo", frame(STR("and on")))), "and on");
    assert_int_equal(http_metrics(server.http)->connections, 1);
    grpc_close(&c);
}

static void a_bomb_is_too_large(void **state)
{
    struct grpc_client c;
    const char *gzip = "grpc-encoding: gzip";
    grpc_open(&c, server.port);
    check_size(call_packed(&c, "/t/Size", gzip, 1, gzip_pack(zeros(4 * MIB))), zeros(4 * MIB));
    check_failed(call_packed(&c, "/t/Size", gzip, 1, gzip_pack(zeros(4 * MIB + 1))), 8, "");
    check_failed(call_packed(&c, "/t/Size", gzip, 1, gzip_pack(zeros(32 * MIB))), 8, "");
    check_size(call_packed(&c, "/t/Small", gzip, 1, gzip_pack(zeros(1000))), zeros(1000));
    check_failed(call_packed(&c, "/t/Small", gzip, 1, gzip_pack(zeros(1001))), 8, "");
    grpc_close(&c);
}

static void bodies_in_flight_are_bounded(void **state)
{
    struct http_options o = default_options();
    struct grpc_client c;
    o.http_inflight_bytes = (int64_t)MIB;
    restart(o);
    grpc_open(&c, server.port);
    struct grpc_call *first =
        grpc_start(&c, &(struct grpc_ask){ .path = "/t/Hold", .body = frame(pattern(700 * KIB)) });
    grpc_flush(&c);
    for (int i = 0; i < 5000 && server.handled < 1; i++) {
        grpc_ping(&c);
        assert_true(grpc_turn(&c));
    }
    await_held(1);
    struct grpc_call *k = call(&c, "/t/Size", frame(pattern(500 * KIB)));
    check_failed(k, 14, "as many request bodies as it may");
    check_retry_info(k);
    check_failed(call_packed(&c, "/t/Size", "grpc-encoding: gzip", 1, gzip_pack(pattern(900 * KIB))), 14, "");
    assert_int_equal(http_metrics(server.http)->refused_inflight, 2);
    check_size(call(&c, "/t/Size", frame(pattern(200 * KIB))), pattern(200 * KIB));
    release_held();
    assert_true(grpc_wait(first));
    check_size(first, pattern(700 * KIB));
    check_size(call(&c, "/t/Size", frame(pattern(1000 * KIB))), pattern(1000 * KIB));
    grpc_close(&c);
}

static void a_full_worker_queue_is_an_answer(void **state)
{
    struct http_options o = default_options();
    struct grpc_client c;
    o.http_workers = 1;
    o.http_work_queue = 1;
    restart(o);
    server.hold = true;
    grpc_open(&c, server.port);
    struct grpc_ask slow = { .path = "/t/Slow", .body = frame(STR("z")) };
    struct grpc_call *runs = grpc_start(&c, &slow);
    grpc_flush(&c);
    for (int i = 0; i < 5000 && server.working < 1; i++)
        nap_ms(1);
    struct grpc_call *waits = grpc_start(&c, &slow);
    struct grpc_call *k = call(&c, "/t/Slow", frame(STR("z")));
    check_failed(k, 14, "");
    k = call(&c, "/t/Size", frame(pattern(100 * KIB)));
    check_failed(k, 14, "too many requests");
    check_retry_info(k);
    server.hold = false;
    assert_true(grpc_wait(runs) && grpc_wait(waits));
    check_size(runs, STR("z"));
    check_size(waits, STR("z"));
    grpc_close(&c);
}

static void metadata_is_bounded(void **state)
{
    struct grpc_client c;
    const char *long_one = arena_printf(arena, "x-long: %.*s", STR_ARG(pattern(10 * KIB))).p;
    struct grpc_ask ask = {
        .path = "/t/Echo", .headers = { long_one, long_one, long_one }, .body = frame(STR("x"))
    };
    grpc_open(&c, server.port);
    struct grpc_call *k = grpc_start(&c, &ask);
    assert_true(grpc_wait(k));
    check_text(grpc_message(k), "x");
    ask.headers[3] = long_one;
    k = grpc_start(&c, &ask);
    assert_true(grpc_wait(k));
    check_failed(k, 8, "metadata");
    grpc_close(&c);
}

/* The 257th waits in the client, which knows the limit. */
static void streams_are_bounded(void **state)
{
    struct grpc_client c;
    struct grpc_call *k[257];
    grpc_open(&c, server.port);
    call(&c, "/t/Echo", frame(STR("settings are known now")));
    for (int i = 0; i < 257; i++)
        k[i] = grpc_start(&c, &(struct grpc_ask){ .path = "/t/Hold", .body = frame(STR("x")) });
    grpc_flush(&c);
    await_held(256);
    nap_ms(20);
    assert_int_equal(server.handled, 257); /* with the first */
    release_held();
    for (int i = 0; i < 256; i++)
        assert_true(grpc_wait(k[i]));
    await_held(1);
    release_held();
    assert_true(grpc_wait(k[256]));
    grpc_close(&c);
}

static void connections_are_bounded(void **state)
{
    struct http_options o = default_options();
    struct grpc_client c[4];
    o.http_connections = 3;
    restart(o);
    for (int i = 0; i < 4; i++)
        grpc_open(&c[i], server.port);
    for (int i = 0; i < 3; i++)
        assert_int_equal(grpc_status(call(&c[i], "/t/Echo", frame(STR("in")))), 0);
    struct grpc_call *k =
        grpc_start(&c[3], &(struct grpc_ask){ .path = "/t/Echo", .body = frame(STR("waits")) });
    grpc_flush(&c[3]);
    nap_ms(50);
    assert_int_equal(http_metrics(server.http)->connections, 3);
    assert_int_equal(http_metrics(server.http)->requests, 3);
    grpc_close(&c[0]);
    assert_true(grpc_wait(k));
    check_text(grpc_message(k), "waits");
    for (int i = 1; i < 4; i++)
        grpc_close(&c[i]);
}

static void three_hundred_connections(void **state)
{
    static struct grpc_client c[300];
    static struct grpc_call *k[300];
    for (int i = 0; i < 300; i++)
        grpc_open(&c[i], server.port);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++) {
            k[i] = grpc_start(&c[i],
                &(struct grpc_ask){ .path = i % 2 ? "/t/Size" : "/t/Hop", .body = frame(pattern(2048)) });
            grpc_flush(&c[i]);
        }
        for (int i = 0; i < 300; i++) {
            assert_true(grpc_wait(k[i]));
            check_size(k[i], pattern(2048));
        }
    }
    assert_int_equal(http_metrics(server.http)->connections, 300);
    for (int i = 0; i < 300; i++)
        grpc_close(&c[i]);
    for (int i = 0; i < 5000 && http_metrics(server.http)->connections > 0; i++)
        nap_ms(1);
    assert_int_equal(http_metrics(server.http)->connections, 0);
}

/* ---- Peers that misbehave, or leave ---- */

static void pings_are_answered(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    for (int i = 1; i <= 3; i++) {
        grpc_ping(&c);
        while (c.pongs < i)
            assert_true(grpc_turn(&c));
    }
    check_text(grpc_message(call(&c, "/t/Echo", frame(STR("x")))), "x");
    grpc_close(&c);
}

static void read_to_the_end(struct grpc_client *c)
{
    while (grpc_turn(c))
        ;
}

static void floods_end_the_connection(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    for (int i = 0; i < 3000 && !c.ended; i++) {
        grpc_ping(&c);
        if (i % 100 == 99)
            grpc_turn(&c);
    }
    read_to_the_end(&c);
    assert_int_equal(c.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    grpc_close(&c);
    grpc_open(&c, server.port);
    for (int i = 0; i < 400 && !c.ended; i++) {
        struct grpc_call *k =
            grpc_start(&c, &(struct grpc_ask){ .path = "/t/Hold", .body = frame(STR("x")) });
        grpc_flush(&c);
        grpc_reset(k);
    }
    read_to_the_end(&c);
    assert_int_equal(c.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_in_range(server.begun, 1, 300);
    grpc_close(&c);
    check_serves();
}

/* Resets in the middle of the message, and while the handler has it. */
static void calls_that_are_reset(void **state)
{
    struct grpc_client c;
    grpc_open(&c, server.port);
    for (int i = 0; i < 10; i++) {
        struct grpc_ask half = {
            .path = "/t/Size", .body = str_sub(frame(pattern(3000)), 0, 1000), .open_ended = true
        };
        struct grpc_call *k = grpc_start(&c, &half);
        grpc_flush(&c);
        grpc_reset(k);
    }
    await_finished(10);
    assert_int_equal(http_metrics(server.http)->inflight, 0);
    assert_int_equal(server.handled, 0);
    struct grpc_call *k[10];
    for (int i = 0; i < 10; i++)
        k[i] = grpc_start(&c, &(struct grpc_ask){ .path = "/t/Hold", .body = frame(pattern(3000)) });
    grpc_flush(&c);
    await_held(10);
    for (int i = 0; i < 10; i += 2)
        grpc_reset(k[i]);
    check_text(grpc_message(call(&c, "/t/Echo", frame(STR("behind the resets")))), "behind the resets");
    assert_in_range(server.finished, 10, 11); /* the last may be on its way */
    release_held();
    for (int i = 1; i < 10; i += 2) {
        assert_true(grpc_wait(k[i]));
        check_size(k[i], pattern(3000));
    }
    await_finished(21);
    grpc_close(&c);
}

static void clients_that_leave(void **state)
{
    struct grpc_client c;
    for (int i = 0; i < 20; i++) {
        grpc_open(&c, server.port);
        grpc_start(&c, &(struct grpc_ask){ .path = "/t/Hold", .body = frame(pattern(3000)) });
        grpc_start(&c, &(struct grpc_ask){ .path = "/t/Hop", .body = frame(pattern(3000)) });
        grpc_start(&c, &(struct grpc_ask){ .path = "/t/Size", .body = STR("\0\0\1"), .open_ended = true });
        grpc_flush(&c);
        await_held((size_t)i + 1);
        grpc_close(&c);
    }
    for (int i = 0; i < 5000 && http_metrics(server.http)->connections > 0; i++)
        nap_ms(1);
    await_finished(40);
    release_held();
    await_finished(60);
    check_serves();
}

static void strangers_are_told_or_cut_off(void **state)
{
    struct raw_client c;
    int64_t start_ns = clock_mono_ns();
    raw_open(&c, server.port);
    raw_send(&c, STR("POST /v1/traces HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{}"));
    struct raw_reply reply = raw_read(&c, arena, false);
    assert_int_equal(reply.status, 400);
    assert_true(str_find(reply.body, STR("4318")) != SIZE_MAX);
    assert_true(raw_at_end(&c));
    assert_in_range(clock_mono_ns() - start_ns, 0, NS_PER_S); /* and not when the lingering is over */
    raw_close(&c);
    static const char *const bytes[] = { "\x16\x03\x01\x02", "\n\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame of HTTP/2" };
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        raw_open(&c, server.port);
        raw_send(&c, str_of(bytes[i]));
        reply = raw_read(&c, arena, false);
        assert_int_equal(reply.status, 0);
        raw_close(&c);
    }
    for (int i = 0; i < 5000 && http_metrics(server.http)->connections > 0; i++)
        nap_ms(1);
    assert_int_equal(http_metrics(server.http)->connections, 0);
    assert_int_equal(server.begun, 0);
}

static void idle_connections_and_calls_end(void **state)
{
    struct http_options o = default_options();
    struct grpc_client idle, busy, stalled;
    struct raw_client silent;
    o.http_idle = NS_PER_S;
    restart(o);
    raw_open(&silent, server.port);
    grpc_open(&idle, server.port);
    grpc_open(&busy, server.port);
    grpc_open(&stalled, server.port);
    assert_int_equal(grpc_status(call(&idle, "/t/Echo", frame(STR("x")))), 0);
    struct grpc_call *held =
        grpc_start(&busy, &(struct grpc_ask){ .path = "/t/Hold", .body = frame(STR("x")) });
    struct grpc_call *half = grpc_start(
        &stalled, &(struct grpc_ask){ .path = "/t/Size", .body = STR("\0\0"), .open_ended = true });
    grpc_flush(&busy);
    grpc_flush(&stalled);
    int64_t start_ns = clock_mono_ns();
    while (!half->closed && clock_mono_ns() - start_ns < 5 * NS_PER_S) { /* its connection stays in use */
        nap_ms(100);
        grpc_ping(&stalled);
        assert_true(grpc_turn(&stalled));
    }
    assert_true(half->closed);
    assert_int_equal(half->reset, NGHTTP2_CANCEL);
    read_to_the_end(&idle);
    assert_int_equal(idle.goaways, 1);
    assert_int_equal(idle.goaway_code, NGHTTP2_NO_ERROR);
    assert_true(raw_at_end(&silent));
    assert_in_range(clock_mono_ns() - start_ns, NS_PER_S / 2, 4 * NS_PER_S);
    release_held();
    assert_true(grpc_wait(held)); /* a handler that takes its time is not idleness */
    check_size(held, STR("x"));
    raw_close(&silent);
    grpc_close(&idle);
    grpc_close(&busy);
    grpc_close(&stalled);
}

/* ---- The end ---- */

static void *drain_soon(void *arg)
{
    http_drain(server.http, clock_mono_ns() + 5 * NS_PER_S);
    return NULL;
}

/* Its loop hears of both at once: the goodbye is not sent, and nothing of the connection stays behind. */
static void a_client_goes_away_as_draining_begins(void **state)
{
    struct http_options o = default_options();
    struct grpc_client busy, gone;
    const struct linger at_once = { .l_onoff = 1 };
    pthread_t drainer;
    o.http_threads = 1;
    restart(o);
    grpc_open(&busy, server.port);
    grpc_open(&gone, server.port);
    assert_int_equal(grpc_status(call(&gone, "/t/Echo", frame(STR("x")))), 0);
    server.hold = true;
    struct grpc_call *k =
        grpc_start(&busy, &(struct grpc_ask){ .path = "/t/Block", .body = frame(STR("x")) });
    grpc_flush(&busy);
    while (!server.working)
        nap_ms(1);
    assert_int_equal(setsockopt(gone.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    grpc_close(&gone);
    thread_start(&drainer, "test-drain", drain_soon, NULL);
    while (!http_draining(server.http))
        nap_ms(1);
    server.hold = false;
    assert_true(grpc_wait(k));
    check_size(k, STR("x"));
    grpc_close(&busy);
    pthread_join(drainer, NULL);
    for (int i = 0; i < 5000 && http_metrics(server.http)->connections > 0; i++)
        nap_ms(1);
    assert_int_equal(http_metrics(server.http)->connections, 0);
}

static void draining_answers_what_is_running(void **state)
{
    struct grpc_client busy, idle;
    pthread_t drainer;
    grpc_open(&busy, server.port);
    grpc_open(&idle, server.port);
    assert_int_equal(grpc_status(call(&idle, "/t/Echo", frame(STR("x")))), 0);
    struct grpc_call *k =
        grpc_start(&busy, &(struct grpc_ask){ .path = "/t/Hold", .body = frame(STR("run")) });
    grpc_flush(&busy);
    await_held(1);
    thread_start(&drainer, "test-drain", drain_soon, NULL);
    read_to_the_end(&idle);
    assert_true(idle.goaways >= 1);
    assert_int_equal(idle.goaway_code, NGHTTP2_NO_ERROR);
    assert_int_equal(idle.goaway_last, 1);
    /* The client has not read its GOAWAY yet. */
    struct grpc_call *late = call(&busy, "/t/Echo", frame(STR("new")));
    check_failed(late, 14, "stopping");
    check_retry_info(late);
    assert_int_equal(busy.goaways, 1);
    release_held();
    assert_true(grpc_wait(k));
    check_size(k, STR("run"));
    pthread_join(drainer, NULL);
    read_to_the_end(&busy);
    assert_int_equal(busy.goaways, 2);
    assert_int_equal(busy.goaway_last, late->id);
    assert_false(raw_try_open(server.port));
    grpc_close(&busy);
    grpc_close(&idle);
}

/* http_free() under full fire: whatever is running must end well. */
static void stopping_under_load(void **state)
{
    static const char *const paths[] = { "/t/Hop", "/t/Size", "/t/Echo", "/t/Large" };
    for (int round = 0; round < 10; round++) {
        struct grpc_client c[16];
        for (int i = 0; i < 16; i++) {
            grpc_open(&c[i], server.port);
            for (int j = 0; j < 8; j++)
                grpc_start(&c[i], &(struct grpc_ask){ .path = paths[j % 4], .body = frame(pattern(2048)) });
            grpc_flush(&c[i]);
        }
        http_free(server.http);
        for (int i = 0; i < 16; i++)
            grpc_close(&c[i]);
        assert_true(server.finished >= server.begun);
        struct err err;
        struct http_options o = default_options();
        assert_int_equal(http_new(&o, &server.http, &err), ST_OK);
        assert_int_equal(
            http_listen_grpc(server.http, STR("127.0.0.1:0"), &server.handler, &server.port, &err), ST_OK);
    }
}

/* What was answered before the stop arrives. */
static void answers_outlive_the_server(void **state)
{
    struct grpc_client c;
    struct grpc_call *k[8];
    grpc_open(&c, server.port);
    for (int i = 0; i < 8; i++)
        k[i] = grpc_start(&c, &(struct grpc_ask){ .path = "/t/Size", .body = frame(pattern(4000)) });
    grpc_flush(&c);
    for (int i = 0; i < 5000 && server.handled < 8; i++)
        nap_ms(1);
    http_drain(server.http, clock_mono_ns() + 5 * NS_PER_S);
    struct err err;
    struct http_options o = default_options();
    http_free(server.http);
    assert_int_equal(http_new(&o, &server.http, &err), ST_OK);
    for (int i = 0; i < 8; i++) {
        assert_true(grpc_wait(k[i]));
        check_size(k[i], pattern(4000));
    }
    grpc_close(&c);
}

static void both_ports_share_one_server(void **state)
{
    struct err err = { 0 };
    struct raw_client plain;
    struct grpc_client c;
    uint16_t port, again;
    assert_int_equal(http_listen(server.http, STR("127.0.0.1:0"), &server.handler, &port, &err), ST_OK);
    raw_open(&plain, port);
    raw_send(&plain, STR("POST /t/Echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi"));
    check_text(raw_read(&plain, arena, false).body, "hi");
    grpc_open(&c, server.port);
    check_text(grpc_message(call(&c, "/t/Echo", frame(STR("ho")))), "ho");
    assert_int_equal(http_metrics(server.http)->requests, 2);
    const char *taken = arena_printf(arena, "127.0.0.1:%u", server.port).p;
    assert_int_equal(
        http_listen_grpc(server.http, str_of(taken), &server.handler, &again, &err), ST_CONFLICT);
    raw_close(&plain);
    grpc_close(&c);
}

static void the_access_log_has_its_line(void **state)
{
    struct http_options o = default_options();
    struct grpc_client c;
    char text[4096];
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    o.access_log = true;
    restart(o);
    dup2(fileno(file), STDERR_FILENO);
    grpc_open(&c, server.port);
    struct grpc_call *k =
        grpc_start(&c, &(struct grpc_ask){ .path = "/t/Echo",
                           .headers = { "authorization: Bearer secret", "x-request-id: id-7" },
                           .body = frame(STR("12345")) });
    assert_true(grpc_wait(k));
    check_failed(call(&c, "/t/Small", frame(pattern(1001))), 8, "");
    grpc_close(&c);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "method=POST path=/t/Echo status=200 bytes=5 ms="));
    assert_non_null(strstr(text, "note=test id=id-7"));
    assert_non_null(strstr(text, "path=/t/Small status=413"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_answered),
        TEST(the_handler_sees_a_request),
        TEST(messages_may_be_empty),
        TEST(messages_are_inflated),
        TEST(data_frames_need_not_align),
        TEST(many_calls_share_a_connection),
        TEST(windows_let_large_messages_through),
        TEST(answers_can_be_large),
        TEST(the_handler_decides_the_status),
        TEST(a_status_of_http_is_translated),
        TEST(refused_before_the_message),
        TEST(what_is_no_grpc_is_answered_in_http),
        TEST(lengths_that_lie),
        TEST(compressions),
        TEST(too_large_is_said_at_once),
        TEST(a_bomb_is_too_large),
        TEST(bodies_in_flight_are_bounded),
        TEST(a_full_worker_queue_is_an_answer),
        TEST(metadata_is_bounded),
        TEST(streams_are_bounded),
        TEST(connections_are_bounded),
        TEST(three_hundred_connections),
        TEST(pings_are_answered),
        TEST(floods_end_the_connection),
        TEST(calls_that_are_reset),
        TEST(clients_that_leave),
        TEST(strangers_are_told_or_cut_off),
        TEST(idle_connections_and_calls_end),
        TEST(a_client_goes_away_as_draining_begins),
        TEST(draining_answers_what_is_running),
        TEST(stopping_under_load),
        TEST(answers_outlive_the_server),
        TEST(both_ports_share_one_server),
        TEST(the_access_log_has_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
