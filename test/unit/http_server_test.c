/*
 * A real server on 127.0.0.1 with a handler that does what the path says, a "writer" thread that finishes requests from outside,
 * and clients that speak bytes. Each test protects one promise of http.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/compress.h"
#include "base/lock.h"
#include "base/mem.h"
#include "http/http.h"
#include "support/raw_client.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* ---- The handler ---- */

struct server {
    struct http *http;
    uint16_t port;
    struct http_handler handler;
    _Atomic int begun, finished, handled_heavy, working;
    /* The writer. It finishes requests as soon as they come, or those on /hold when told so. */
    pthread_t writer;
    struct lock lock;
    pthread_cond_t wake;
    struct http_request *queue[1024];
    size_t n_queue;
    _Atomic bool hold, stop;
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

static void send_text(struct http_request *r, int status, struct str text)
{
    struct http_reply reply = { .status = status, .content_type = "text/plain", .body = text };
    reply.headers[reply.n_headers++] = (struct http_header){ STR("X-Test"), STR("yes") };
    reply.headers[reply.n_headers++] = (struct http_header){ STR("X-Broken"), STR("a\r\nX-Smuggled: b") };
    http_send(r, &reply);
}

static void send_size(void *ctx, struct http_request *r)
{
    unsigned sum = 0;
    for (size_t i = 0; i < r->body.n; i++)
        sum = sum * 31 + (unsigned char)r->body.p[i];
    send_text(r, 200, arena_printf(r->arena, "%zu %u", r->body.n, sum));
}

static void push_to_writer(struct http_request *r)
{
    lock_take(&server.lock);
    assert_true(server.n_queue < 1024);
    server.queue[server.n_queue++] = r;
    pthread_cond_signal(&server.wake);
    lock_drop(&server.lock);
}

/* After the push r may be gone. */
static void push_to_writer_and(struct http_request *r, int nap)
{
    push_to_writer(r);
    if (nap)
        nap_ms(nap);
}

static struct http_request *pop_held(void)
{
    lock_take(&server.lock);
    assert_true(server.n_queue > 0);
    struct http_request *r = server.queue[--server.n_queue];
    lock_drop(&server.lock);
    return r;
}

/* Keeps its worker until the hold ends. */
static void work_slowly(void *ctx, struct http_request *r)
{
    atomic_fetch_add(&server.working, 1);
    while (server.hold)
        nap_ms(1);
    send_size(NULL, r);
}

static void hop_on(void *ctx, struct http_request *r)
{
    push_to_writer(r);
}

static void work_then_hop(void *ctx, struct http_request *r)
{
    http_continue(r, hop_on, NULL);
}

static void send_moved(struct http_request *r)
{
    struct buf b;
    buf_init(&b, 0);
    memset(buf_reserve(&b, 8 * MIB), 'm', 8 * MIB);
    b.n = 8 * MIB;
    struct http_reply reply = { .status = 200, .move = &b };
    http_send(r, &reply);
    buf_fini(&b);
}

static void handle(void *ctx, struct http_request *r, bool heavy)
{
    if (heavy)
        atomic_fetch_add(&server.handled_heavy, 1);
    r->note = STR("test");
    if (path_is(r, "/echo"))
        send_text(r, 200, r->body);
    else if (path_is(r, "/target"))
        send_text(r, 200, r->target);
    else if (path_is(r, "/later") || path_is(r, "/away") || path_is(r, "/hold"))
        push_to_writer_and(r, path_is(r, "/hold/nap") ? 20 : 0);
    else if (path_is(r, "/release")) {
        send_size(NULL, pop_held());
        send_size(NULL, r);
    } else if (path_is(r, "/nap")) {
        nap_ms(100);
        send_size(NULL, r);
    } else if (path_is(r, "/slow") || path_is(r, "/zigzag")) {
        if (!http_work(r, path_is(r, "/slow") ? work_slowly : work_then_hop, NULL))
            send_text(r, 503, STR("the workers are busy"));
    } else if (path_is(r, "/move"))
        send_moved(r);
    else
        send_size(NULL, r);
}

static bool begin(void *ctx, struct http_request *r, struct http_reply *early)
{
    atomic_fetch_add(&server.begun, 1);
    r->user = mem_alloc(1);
    r->body_limit = path_is(r, "/small") ? 1000 : path_is(r, "/large") ? 16 * (int64_t)MIB : 4 * (int64_t)MIB;
    if (!path_is(r, "/deny"))
        return true;
    *early = (struct http_reply){ .status = 401, .content_type = "text/plain", .body = STR("who are you?") };
    return false;
}

static void show_error(void *ctx, struct http_request *r, const struct err *err, struct http_reply *out)
{
    out->content_type = "text/plain";
    out->body = arena_dup(r->arena, str_of(err->text));
}

static void finish(void *ctx, struct http_request *r)
{
    mem_free(r->user);
    atomic_fetch_add(&server.finished, 1);
}

/* ---- The writer ---- */

static size_t take_ready(struct http_request **out)
{
    size_t n = 0;
    size_t left = 0;
    lock_take(&server.lock);
    while (server.n_queue == 0 && !server.stop)
        cond_wait(&server.wake, &server.lock);
    for (size_t i = 0; i < server.n_queue; i++)
        if (server.hold && path_is(server.queue[i], "/hold"))
            server.queue[left++] = server.queue[i];
        else
            out[n++] = server.queue[i];
    server.n_queue = left;
    lock_drop(&server.lock);
    return n;
}

static void *write_batches(void *arg)
{
    struct http_request *ready[1024];
    for (;;) {
        size_t n = take_ready(ready);
        if (n == 0 && server.stop)
            return NULL;
        if (n == 0)
            nap_ms(1); /* only held ones */
        for (size_t i = 0; i < n; i++)
            if (path_is(ready[i], "/away") || path_is(ready[i], "/hold/away") ||
                path_is(ready[i], "/hold/nap/away"))
                send_size(NULL, ready[i]);
            else
                http_continue(ready[i], send_size, NULL);
    }
}

static void set_hold(bool on)
{
    lock_take(&server.lock);
    server.hold = on;
    pthread_cond_signal(&server.wake);
    lock_drop(&server.lock);
}

static void await_held(size_t n)
{
    for (;;) {
        lock_take(&server.lock);
        size_t now = server.n_queue;
        lock_drop(&server.lock);
        if (now >= n)
            return;
        nap_ms(1);
    }
}

/* ---- Set-up ---- */

static struct http_options default_options(void)
{
    return (struct http_options){ .http_threads = 2,
        .http_workers = 2,
        .http_work_queue = 64,
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
    cond_init(&server.wake);
    thread_start(&server.writer, "test-writer", write_batches, NULL);
    assert_int_equal(http_new(&o, &server.http, &err), ST_OK);
    assert_int_equal(
        http_listen(server.http, STR("127.0.0.1:0"), &server.handler, &server.port, &err), ST_OK);
    assert_int_not_equal(server.port, 0);
}

static int set_up(void **state)
{
    start(default_options());
    return 0;
}

/* Every request that began must have been finished, and every byte given back. */
static int tear_down(void **state)
{
    set_hold(false);
    http_drain(server.http, clock_mono_ns() + 5 * NS_PER_S);
    bool all_back = http_metrics(server.http)->inflight == 0;
    http_free(server.http);
    lock_take(&server.lock);
    server.stop = true;
    pthread_cond_signal(&server.wake);
    lock_drop(&server.lock);
    pthread_join(server.writer, NULL);
    pthread_cond_destroy(&server.wake);
    lock_fini(&server.lock);
    arena_free(arena);
    return all_back && server.finished >= server.begun ? 0 : -1;
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

static const char *size_text(struct str body)
{
    unsigned sum = 0;
    for (size_t i = 0; i < body.n; i++)
        sum = sum * 31 + (unsigned char)body.p[i];
    return arena_printf(arena, "%zu %u", body.n, sum).p;
}

static bool post(struct raw_client *c, const char *path, const char *headers, struct str body)
{
    return raw_sendf(
               c, "POST %s HTTP/1.1\r\nHost: t\r\n%sContent-Length: %zu\r\n\r\n", path, headers, body.n) &&
           raw_send(c, body);
}

static struct raw_reply ask(struct raw_client *c, const char *path, const char *headers, struct str body)
{
    post(c, path, headers, body);
    return raw_read(c, arena, false);
}

static void check_text(struct raw_reply reply, int status, const char *text)
{
    assert_int_equal(reply.status, status);
    assert_string_equal(arena_cstr(arena, reply.body), text);
}

static void check_size(struct raw_reply reply, struct str body)
{
    check_text(reply, 200, size_text(body));
}

/* One request that works: the server is well, and so is the connection. */
static void check_alive(struct raw_client *c)
{
    check_text(ask(c, "/echo", "", STR("alive")), 200, "alive");
}

static void check_serves(void)
{
    struct raw_client c;
    raw_open(&c, server.port);
    check_alive(&c);
    raw_close(&c);
}

static struct str zlib_pack(struct str raw, int window)
{
    struct buf out;
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
    buf_init(&out, 0);
    z.next_in = (Bytef *)(uintptr_t)raw.p;
    z.avail_in = (uInt)raw.n;
    uLong bound = deflateBound(&z, raw.n);
    z.next_out = (Bytef *)buf_reserve(&out, bound);
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.n = z.total_out;
    deflateEnd(&z);
    struct str packed = arena_dup(arena, buf_str(&out));
    buf_fini(&out);
    return packed;
}

static struct str gzip_pack(struct str raw)
{
    return zlib_pack(raw, 15 + 16);
}

static struct str zstd_frame(struct str raw)
{
    struct buf out;
    buf_init(&out, 0);
    zstd_pack(&out, raw, 3);
    struct str packed = arena_dup(arena, buf_str(&out));
    buf_fini(&out);
    return packed;
}

static struct str zeros(size_t n)
{
    return (struct str){ arena_alloc(arena, n), n };
}

/* ---- Plain requests ---- */

static void a_reply_has_its_headers(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    struct raw_reply reply = ask(&c, "/echo", "X-Request-ID: my-id.1\r\n", STR("hello"));
    check_text(reply, 200, "hello");
    assert_true(str_is(raw_header(&reply, "X-Request-ID"), "my-id.1"));
    assert_true(str_is(raw_header(&reply, "Content-Type"), "text/plain"));
    assert_true(str_is(raw_header(&reply, "X-Test"), "yes"));
    assert_null(raw_header(&reply, "X-Smuggled").p);
    assert_null(raw_header(&reply, "Connection").p);
    assert_non_null(raw_header(&reply, "Date").p);
    reply = ask(&c, "/echo", "X-Request-ID: two words\r\n", STR(""));
    assert_int_equal(raw_header(&reply, "X-Request-ID").n, 36);
    reply = ask(&c, "/echo", "", STR(""));
    assert_int_equal(raw_header(&reply, "X-Request-ID").n, 36);
    raw_close(&c);
}

static void requests_can_be_pipelined(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    struct str text =
        STR("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\none"
            "GET /echo HTTP/1.1\r\nHost: t\r\n\r\n"
            "POST /later HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nthree"
            "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n");
    assert_true(raw_send(&c, text));
    check_text(raw_read(&c, arena, false), 200, "one");
    check_text(raw_read(&c, arena, false), 200, "");
    check_size(raw_read(&c, arena, false), STR("three"));
    check_text(raw_read(&c, arena, false), 200, "four");
    for (int i = 0; i < 100; i++)
        check_alive(&c);
    assert_int_equal(http_metrics(server.http)->connections, 1);
    assert_int_equal(http_metrics(server.http)->requests, 104);
    raw_close(&c);
}

static void a_target_arrives_as_sent(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    const char *target = "/target/a%2Fb/%00/%zz//x?q=%26&k=a+b&&c";
    check_text(ask(&c, target, "", STR("")), 200, target);
    raw_close(&c);
}

static void chunks_of_any_size_make_one_body(void **state)
{
    struct raw_client c;
    struct str body = pattern(300 * KIB);
    raw_open(&c, server.port);
    raw_sendf(&c, "POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0, n = 1; at < body.n; at += n, n = n * 3 % 40009) {
        struct str piece = str_sub(body, at, n);
        raw_sendf(&c, "%zx\r\n", piece.n);
        raw_send(&c, piece);
        raw_send(&c, STR("\r\n"));
    }
    raw_send(&c, STR("0\r\n\r\n"));
    check_size(raw_read(&c, arena, false), body);
    check_alive(&c);
    raw_close(&c);
}

static void head_has_a_length_and_no_body(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    raw_sendf(&c, "HEAD /move HTTP/1.1\r\nHost: t\r\n\r\n");
    struct raw_reply reply = raw_read(&c, arena, true);
    assert_int_equal(reply.status, 200);
    assert_true(str_is(raw_header(&reply, "Content-Length"), "8388608"));
    check_alive(&c);
    raw_sendf(&c, "GET /move HTTP/1.1\r\nHost: t\r\n\r\n");
    reply = raw_read(&c, arena, false);
    assert_int_equal(reply.body.n, 8 * MIB);
    assert_int_equal(reply.body.p[8 * MIB - 1], 'm');
    raw_close(&c);
}

static void malformed_requests_get_a_short_answer(void **state)
{
    static const char *const bad[] = { "BAD\r\n\r\n", "GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct raw_client c;
        raw_open(&c, server.port);
        raw_send(&c, str_of(bad[i]));
        struct raw_reply reply = raw_read(&c, arena, false);
        assert_true(reply.status == 400 || reply.status == 0);
        raw_close(&c);
    }
    check_serves();
}

/* ---- Encodings ---- */

static void bodies_are_inflated(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    for (size_t n = 1; n < 3 * MIB; n = n * 5 + 7) {
        struct str body = pattern(n);
        check_size(ask(&c, "/size", "Content-Encoding: gzip\r\n", gzip_pack(body)), body);
        check_size(ask(&c, "/size", "Content-Encoding: deflate\r\n", zlib_pack(body, 15)), body);
        check_size(ask(&c, "/size", "Content-Encoding: ZSTD\r\n", zstd_frame(body)), body);
        check_size(ask(&c, "/size", "Content-Encoding: identity\r\n", body), body);
    }
    check_size(ask(&c, "/size", "Content-Encoding: gzip\r\n", STR("")), STR(""));
    assert_true(server.handled_heavy > 0);
    raw_close(&c);
}

static void a_bomb_is_too_large(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    struct str bomb = zeros(32 * MIB);
    check_size(ask(&c, "/size", "Content-Encoding: gzip\r\n", gzip_pack(zeros(4 * MIB))), zeros(4 * MIB));
    assert_int_equal(
        ask(&c, "/size", "Content-Encoding: gzip\r\n", gzip_pack(zeros(4 * MIB + 1))).status, 413);
    assert_int_equal(ask(&c, "/size", "Content-Encoding: gzip\r\n", gzip_pack(bomb)).status, 413);
    assert_int_equal(ask(&c, "/size", "Content-Encoding: zstd\r\n", zstd_frame(bomb)).status, 413);
    assert_int_equal(ask(&c, "/small", "Content-Encoding: gzip\r\n", gzip_pack(zeros(1001))).status, 413);
    check_size(ask(&c, "/small", "Content-Encoding: gzip\r\n", gzip_pack(zeros(1000))), zeros(1000));
    check_alive(&c);
    raw_close(&c);
}

static void damaged_and_unknown_encodings(void **state)
{
    struct raw_client c;
    struct str good = gzip_pack(pattern(100 * KIB));
    raw_open(&c, server.port);
    assert_int_equal(ask(&c, "/size", "Content-Encoding: gzip\r\n", STR("not gzip at all")).status, 400);
    assert_int_equal(ask(&c, "/size", "Content-Encoding: zstd\r\n", STR("not zstd at all")).status, 400);
    assert_int_equal(
        ask(&c, "/size", "Content-Encoding: gzip\r\n", str_sub(good, 0, good.n - 1)).status, 400);
    struct raw_reply reply = ask(&c, "/size", "Content-Encoding: br\r\n", STR("x"));
    assert_int_equal(reply.status, 415);
    assert_true(str_find(reply.body, STR("\"br\"")) != SIZE_MAX);
    check_alive(&c);
    raw_close(&c);
}

/* ---- Limits ---- */

static void a_declared_length_over_the_limit(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    check_size(ask(&c, "/small", "", pattern(1000)), pattern(1000));
    assert_int_equal(ask(&c, "/small", "", pattern(1001)).status, 413);
    assert_int_equal(ask(&c, "/small", "", pattern(900 * KIB)).status, 413);
    check_alive(&c); /* it was thrown away whole, so the connection goes on */
    raw_close(&c);
}

/* The client writes all of it, more than sockets hold, before it reads. It must still see the status. */
static void a_long_body_meets_an_answer_not_a_broken_pipe(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    assert_true(post(&c, "/large", "", pattern(31 * MIB)));
    struct raw_reply reply = raw_read(&c, arena, false);
    assert_int_equal(reply.status, 413);
    assert_true(str_is(raw_header(&reply, "Connection"), "close"));
    assert_int_equal(raw_header(&reply, "X-Request-ID").n, 36);
    assert_non_null(raw_header(&reply, "Date").p);
    assert_true(raw_at_end(&c));
    raw_close(&c);
}

static void a_chunked_body_over_the_limit(void **state)
{
    struct raw_client c;
    struct str piece = pattern(64 * KIB);
    raw_open(&c, server.port);
    raw_sendf(&c, "POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    size_t sent = 0;
    while (sent < 5 * MIB && raw_sendf(&c, "%zx\r\n", piece.n) && raw_send(&c, piece) &&
           raw_send(&c, STR("\r\n")))
        sent += piece.n;
    assert_int_equal(sent, 5 * MIB);
    raw_send(&c, STR("0\r\n\r\n"));
    assert_int_equal(raw_read(&c, arena, false).status, 413);
    raw_close(&c);
}

static void an_endless_body_is_cut_off(void **state)
{
    struct raw_client c;
    struct str piece = pattern(MIB);
    raw_open(&c, server.port);
    raw_sendf(&c, "POST /size HTTP/1.1\r\nHost: t\r\nContent-Length: 999999999999\r\n\r\n");
    size_t sent = 0;
    while (sent < 200 * MIB && raw_send(&c, piece))
        sent += piece.n;
    assert_true(sent < 100 * MIB);
    raw_close(&c);
    check_serves();
}

/* Two seconds: for a refused body to come, and not for a connection afterwards. */
static void a_stalled_body_is_answered(void **state)
{
    struct raw_client c, other;
    raw_open(&other, server.port);
    check_text(ask(&other, "/deny", "", STR("body")), 401, "who are you?");
    int64_t start_ns = clock_mono_ns();
    raw_open(&c, server.port);
    raw_sendf(&c, "POST /size HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\nabc");
    struct raw_reply reply = raw_read(&c, arena, false);
    assert_int_equal(reply.status, 413);
    assert_in_range(clock_mono_ns() - start_ns, 1 * NS_PER_S, 5 * NS_PER_S);
    raw_close(&c);
    check_alive(&other);
    raw_close(&other);
}

static void expect_100_continue(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    raw_sendf(&c, "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_int_equal(raw_read(&c, arena, true).status, 100);
    raw_send(&c, STR("body"));
    check_text(raw_read(&c, arena, false), 200, "body");
    raw_sendf(&c, "POST /small HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n");
    assert_int_equal(raw_read(&c, arena, false).status, 413);
    assert_true(raw_at_end(&c));
    raw_close(&c);
}

static void an_early_answer_keeps_the_connection(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    check_text(ask(&c, "/deny", "", STR("")), 401, "who are you?");
    check_text(ask(&c, "/deny", "", pattern(500 * KIB)), 401, "who are you?");
    check_alive(&c);
    raw_close(&c);
}

static void bodies_in_flight_are_bounded(void **state)
{
    struct http_options o = default_options();
    struct raw_client a, b;
    o.http_inflight_bytes = (int64_t)MIB;
    restart(o);
    set_hold(true);
    raw_open(&a, server.port);
    raw_open(&b, server.port);
    post(&a, "/hold", "", pattern(700 * KIB));
    await_held(1);
    struct raw_reply reply = ask(&b, "/size", "", pattern(500 * KIB));
    assert_int_equal(reply.status, 503);
    assert_true(str_is(raw_header(&reply, "Retry-After"), "1"));
    raw_sendf(&b, "POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", 500 * KIB);
    raw_send(&b, pattern(500 * KIB));
    raw_send(&b, STR("\r\n0\r\n\r\n"));
    assert_int_equal(raw_read(&b, arena, false).status, 503);
    assert_int_equal(
        ask(&b, "/size", "Content-Encoding: gzip\r\n", gzip_pack(pattern(900 * KIB))).status, 503);
    assert_int_equal(http_metrics(server.http)->refused_inflight, 3);
    check_size(ask(&b, "/size", "", pattern(200 * KIB)), pattern(200 * KIB));
    set_hold(false);
    check_size(raw_read(&a, arena, false), pattern(700 * KIB));
    check_size(ask(&b, "/size", "", pattern(1000 * KIB)), pattern(1000 * KIB));
    raw_close(&a);
    raw_close(&b);
}

static void connections_are_bounded(void **state)
{
    struct http_options o = default_options();
    struct raw_client c[4];
    o.http_connections = 3;
    restart(o);
    for (int i = 0; i < 4; i++)
        raw_open(&c[i], server.port);
    for (int i = 0; i < 3; i++)
        check_alive(&c[i]);
    post(&c[3], "/echo", "", STR("waits"));
    nap_ms(50);
    assert_int_equal(http_metrics(server.http)->connections, 3);
    assert_int_equal(http_metrics(server.http)->requests, 3);
    raw_close(&c[0]);
    check_text(raw_read(&c[3], arena, false), 200, "waits");
    for (int i = 1; i < 4; i++)
        raw_close(&c[i]);
}

/* libmicrohttpd takes 128 events at a time, and its own loop sleeps when it gets exactly as many. */
static void as_many_ready_sockets_as_are_taken_at_once(void **state)
{
    struct http_options o = default_options();
    struct raw_client busy, c[128];
    o.http_threads = 1;
    restart(o);
    raw_open(&busy, server.port);
    for (int i = 0; i < 128; i++) {
        raw_open(&c[i], server.port);
        check_alive(&c[i]);
    }
    post(&busy, "/nap", "", STR("")); /* meanwhile all the others become ready */
    nap_ms(20);
    for (int i = 0; i < 128; i++)
        post(&c[i], "/echo", "", STR("now"));
    for (int i = 0; i < 128; i++) {
        check_text(raw_read(&c[i], arena, false), 200, "now");
        raw_close(&c[i]);
    }
    raw_close(&busy);
}

/* ---- Other threads ---- */

struct hopper {
    pthread_t thread;
    const char *path;
    int rounds, good;
};

static void *run_hopper(void *arg)
{
    struct hopper *h = arg;
    struct arena *a = arena_new();
    struct raw_client c;
    char body[2048];
    memset(body, 'h', sizeof body);
    raw_open(&c, server.port);
    for (int i = 0; i < h->rounds; i++) {
        arena_reset(a);
        post(&c, h->path, "", (struct str){ body, sizeof body });
        struct raw_reply reply = raw_read(&c, a, false);
        h->good += reply.status == 200 && str_starts(reply.body, STR("2048 "));
    }
    raw_close(&c);
    arena_free(a);
    return NULL;
}

static void hop(const char *path, int connections, int rounds)
{
    struct hopper hoppers[64] = { 0 };
    assert_true(connections <= 64);
    for (int i = 0; i < connections; i++) {
        hoppers[i] = (struct hopper){ .path = path, .rounds = rounds };
        thread_start(&hoppers[i].thread, "test-client", run_hopper, &hoppers[i]);
    }
    for (int i = 0; i < connections; i++) {
        pthread_join(hoppers[i].thread, NULL);
        assert_int_equal(hoppers[i].good, rounds);
    }
}

static void continuations_from_another_thread(void **state)
{
    hop("/later", 64, 200);
}

static void replies_from_another_thread(void **state)
{
    hop("/away", 64, 200);
}

static void a_worker_a_continuation_and_a_writer(void **state)
{
    hop("/zigzag", 64, 100);
}

/* One request's handler answers another, suspended one on the same I/O thread. */
static void a_handler_can_answer_another_request(void **state)
{
    struct http_options o = default_options();
    struct raw_client held, c;
    o.http_threads = 1;
    restart(o);
    set_hold(true);
    raw_open(&held, server.port);
    raw_open(&c, server.port);
    for (int i = 0; i < 20; i++) {
        post(&held, "/hold", "", STR("first"));
        await_held(1);
        nap_ms(2); /* so that it is suspended */
        post(&c, "/release", "", STR("second"));
        check_size(raw_read(&held, arena, false), STR("first"));
        check_size(raw_read(&c, arena, false), STR("second"));
    }
    raw_close(&held);
    raw_close(&c);
}

static void large_bodies_run_on_workers(void **state)
{
    struct raw_client c;
    struct str body = pattern(3 * MIB);
    raw_open(&c, server.port);
    check_size(ask(&c, "/size", "", pattern(64 * KIB)), pattern(64 * KIB));
    assert_int_equal(server.handled_heavy, 0);
    check_size(ask(&c, "/size", "", pattern(64 * KIB + 1)), pattern(64 * KIB + 1));
    assert_int_equal(server.handled_heavy, 1);
    check_size(ask(&c, "/later", "", body), body);
    check_size(ask(&c, "/size", "Content-Encoding: gzip\r\n", gzip_pack(zeros(MIB))),
        zeros(MIB)); /* small, but not inflated */
    assert_int_equal(server.handled_heavy, 3);
    raw_close(&c);
}

static void await_working(int n)
{
    for (int i = 0; i < 5000 && server.working < n; i++)
        nap_ms(1);
    assert_int_equal(server.working, n);
}

static void a_slow_worker_stalls_nobody(void **state)
{
    struct raw_client slow[2], c;
    set_hold(true);
    for (int i = 0; i < 2; i++) {
        raw_open(&slow[i], server.port);
        post(&slow[i], "/slow", "", STR("z"));
    }
    await_working(2);
    raw_open(&c, server.port);
    for (int i = 0; i < 20; i++)
        check_alive(&c);
    set_hold(false);
    for (int i = 0; i < 2; i++) {
        check_size(raw_read(&slow[i], arena, false), STR("z"));
        raw_close(&slow[i]);
    }
    raw_close(&c);
}

/* The first runs, the second waits, there is no place for more. */
static void a_full_worker_queue_is_an_answer(void **state)
{
    struct http_options o = default_options();
    struct raw_client c[2], more;
    o.http_workers = 1;
    o.http_work_queue = 1;
    restart(o);
    set_hold(true);
    raw_open(&more, server.port);
    for (int i = 0; i < 2; i++) {
        raw_open(&c[i], server.port);
        post(&c[i], "/slow", "", STR("z"));
        await_working(1);
    }
    while (server.begun < 2)
        nap_ms(1);
    nap_ms(20);
    assert_int_equal(ask(&more, "/slow", "", STR("z")).status, 503);
    struct raw_reply reply = ask(&more, "/size", "", pattern(100 * KIB));
    assert_int_equal(reply.status, 503);
    assert_true(str_is(raw_header(&reply, "Retry-After"), "1"));
    assert_int_equal(http_metrics(server.http)->refused_work, 2);
    set_hold(false);
    for (int i = 0; i < 2; i++) {
        check_size(raw_read(&c[i], arena, false), STR("z"));
        raw_close(&c[i]);
    }
    raw_close(&more);
}

/* ---- Clients that leave ---- */

static void await_finished(int n)
{
    for (int i = 0; i < 5000 && server.finished < n; i++)
        nap_ms(1);
    assert_int_equal(server.finished, n);
}

static void await_inflight(void)
{
    for (int i = 0; i < 5000 && http_metrics(server.http)->inflight == 0; i++)
        nap_ms(1);
    nap_ms(20);
}

static void clients_that_leave_while_suspended(void **state)
{
    struct raw_client c;
    set_hold(true);
    for (int i = 0; i < 20; i++) {
        raw_open(&c, server.port);
        post(&c, i % 2 ? "/hold" : "/hold/away", "", pattern(2048));
        await_held((size_t)i + 1);
        if (i % 4 < 2)
            raw_close(&c);
        else
            raw_reset(&c);
    }
    nap_ms(20);
    assert_int_equal(server.finished, 0);
    set_hold(false);
    await_finished(20);
    check_serves();
}

/* Resets before the I/O thread has let go of the connection. The older ones keep libmicrohttpd from looking at the new one first. */
static void clients_that_leave_before_the_suspension(void **state)
{
    struct raw_client older[2], c;
    for (int i = 0; i < 2; i++) {
        raw_open(&older[i], server.port);
        check_alive(&older[i]);
    }
    set_hold(true);
    for (int i = 0; i < 8; i++) {
        raw_open(&c, server.port);
        post(&c, i % 4 < 2 ? "/hold/nap" : "/hold/nap/away", "", pattern(2048));
        await_held((size_t)i + 1);
        raw_reset(&c);
        nap_ms(30);
    }
    assert_int_equal(server.finished, 2);
    set_hold(false);
    await_finished(10);
    for (int i = 0; i < 2; i++) {
        check_alive(&older[i]);
        raw_close(&older[i]);
    }
}

/* Resets at any moment. */
static void clients_that_leave_at_once(void **state)
{
    struct raw_client c;
    static const char *const paths[] = { "/later", "/away", "/zigzag", "/size" };
    for (int i = 0; i < 400; i++) {
        raw_open(&c, server.port);
        post(&c, paths[i % 4], "", pattern(2048));
        if (i % 3 == 0)
            nap_ms(1);
        raw_reset(&c);
    }
    for (int i = 0; i < 5000 && server.finished < server.begun; i++)
        nap_ms(1);
    check_serves();
}

static void clients_that_leave_in_the_middle(void **state)
{
    struct raw_client c;
    raw_open(&c, server.port);
    raw_sendf(&c, "POST /size HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\nabc");
    await_inflight(); /* what comes together with the end would hide it until the connection is idle too long */
    raw_close(&c);
    await_finished(1);
    raw_open(&c, server.port);
    raw_sendf(&c, "POST /size HTTP/1.1\r\nHost: t\r\nContent-Length: 3");
    raw_close(&c);
    check_serves();
}

/* It has sent all it wants to send, and waits for the answer. */
static void half_closed_clients_get_their_answer(void **state)
{
    struct raw_client c;
    static const char *const paths[] = { "/size", "/later", "/away", "/zigzag" };
    for (int i = 0; i < 4; i++) {
        raw_open(&c, server.port);
        post(&c, paths[i], "", STR("bye"));
        shutdown(c.fd, SHUT_WR);
        check_size(raw_read(&c, arena, false), STR("bye"));
        raw_close(&c);
    }
}

/* ---- The end ---- */

static void *drain_soon(void *arg)
{
    http_drain(server.http, clock_mono_ns() + 5 * NS_PER_S);
    return NULL;
}

static void draining_answers_what_is_running(void **state)
{
    struct raw_client running, kept;
    pthread_t drainer;
    set_hold(true);
    raw_open(&running, server.port);
    raw_open(&kept, server.port);
    check_alive(&kept);
    post(&running, "/hold", "", STR("run"));
    await_held(1);
    int64_t start_ns = clock_mono_ns();
    thread_start(&drainer, "test-drain", drain_soon, NULL);
    while (!http_draining(server.http))
        nap_ms(1);
    struct raw_reply reply = ask(&kept, "/echo", "", STR("new"));
    assert_int_equal(reply.status, 503);
    assert_true(str_is(raw_header(&reply, "Connection"), "close"));
    assert_true(str_is(raw_header(&reply, "Retry-After"), "1"));
    assert_true(raw_at_end(&kept));
    set_hold(false);
    reply = raw_read(&running, arena, false);
    check_size(reply, STR("run"));
    assert_true(str_is(raw_header(&reply, "Connection"), "close"));
    pthread_join(drainer, NULL);
    assert_true(clock_mono_ns() - start_ns < 4 * NS_PER_S);
    assert_false(raw_try_open(server.port));
    raw_close(&running);
    raw_close(&kept);
}

static void draining_has_a_deadline(void **state)
{
    struct raw_client held, half;
    set_hold(true);
    raw_open(&held, server.port);
    raw_open(&half, server.port);
    post(&held, "/hold", "", STR("x"));
    raw_sendf(&half, "POST /size HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc");
    await_held(1);
    int64_t start_ns = clock_mono_ns();
    http_drain(server.http, start_ns + 100 * NS_PER_MS);
    assert_in_range(clock_mono_ns() - start_ns, 100 * NS_PER_MS, 2 * NS_PER_S);
    raw_close(&half);
    set_hold(false);
    assert_int_equal(raw_read(&held, arena, false).status, 200);
    raw_close(&held);
}

/* http_free() under full fire: whatever is running must end well. */
static void stopping_under_load(void **state)
{
    static const char *const paths[] = { "/later", "/away", "/zigzag", "/size" };
    for (int round = 0; round < 10; round++) {
        struct raw_client c[32];
        for (int i = 0; i < 32; i++) {
            raw_open(&c[i], server.port);
            post(&c[i], paths[i % 4], "", pattern(2048));
        }
        http_free(server.http);
        for (int i = 0; i < 32; i++)
            raw_close(&c[i]);
        assert_true(server.finished >= server.begun);
        struct err err;
        struct http_options o = default_options();
        assert_int_equal(http_new(&o, &server.http, &err), ST_OK);
        assert_int_equal(
            http_listen(server.http, STR("127.0.0.1:0"), &server.handler, &server.port, &err), ST_OK);
    }
}

/* ---- Listening ---- */

static enum status listen_on(const char *address, uint16_t *port, struct err *err)
{
    return http_listen(server.http, str_of(address), &server.handler, port, err);
}

static void a_taken_address_is_a_conflict(void **state)
{
    struct err err = { 0 };
    uint16_t port;
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", server.port);
    assert_int_equal(listen_on(address, &port, &err), ST_CONFLICT);
    assert_non_null(strstr(err.text, address));
    assert_non_null(strstr(err.text, "taken"));
}

static void bad_addresses_are_explained(void **state)
{
    static const char *const bad[] = { "", "8585", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
        "127.0.0.1:65536", "127.0.0.1:-1", "::1:8585", "[::1", "[::1]", "[::1]8585", "no.such.host.invalid:1",
        "127.0.0.1:+1", "192.0.2.1:0" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = { 0 };
        uint16_t port;
        assert_int_equal(listen_on(bad[i], &port, &err), ST_INVALID);
        assert_true(strlen(err.text) > 20);
    }
}

static void several_listeners_serve_together(void **state)
{
    struct err err = { 0 };
    uint16_t first = server.port;
    uint16_t port;
    assert_int_equal(listen_on(":0", &port, &err), ST_OK);
    assert_int_not_equal(port, first);
    server.port = port;
    check_serves();
    if (listen_on("[::1]:0", &port, &err) == ST_OK) /* where the machine has IPv6 */
        assert_int_not_equal(port, 0);
    server.port = first;
    check_serves();
    assert_int_equal(http_metrics(server.http)->requests, 2);
}

/* ---- The access log ---- */

static void the_access_log_tells_no_secrets(void **state)
{
    struct http_options o = default_options();
    struct raw_client c;
    char text[4096];
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    o.access_log = true;
    restart(o);
    dup2(fileno(file), STDERR_FILENO);
    raw_open(&c, server.port);
    ask(&c, "/echo?api_key=secret1", "Authorization: Bearer secret2\r\nX-Request-ID: id-7\r\n", STR("12345"));
    raw_close(&c);
    nap_ms(20);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "method=POST path=/echo status=200 bytes=5 ms="));
    assert_non_null(strstr(text, "note=test id=id-7"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reply_has_its_headers),
        TEST(requests_can_be_pipelined),
        TEST(a_target_arrives_as_sent),
        TEST(chunks_of_any_size_make_one_body),
        TEST(head_has_a_length_and_no_body),
        TEST(malformed_requests_get_a_short_answer),
        TEST(bodies_are_inflated),
        TEST(a_bomb_is_too_large),
        TEST(damaged_and_unknown_encodings),
        TEST(a_declared_length_over_the_limit),
        TEST(a_long_body_meets_an_answer_not_a_broken_pipe),
        TEST(a_chunked_body_over_the_limit),
        TEST(an_endless_body_is_cut_off),
        TEST(a_stalled_body_is_answered),
        TEST(expect_100_continue),
        TEST(an_early_answer_keeps_the_connection),
        TEST(bodies_in_flight_are_bounded),
        TEST(connections_are_bounded),
        TEST(as_many_ready_sockets_as_are_taken_at_once),
        TEST(continuations_from_another_thread),
        TEST(replies_from_another_thread),
        TEST(a_worker_a_continuation_and_a_writer),
        TEST(a_handler_can_answer_another_request),
        TEST(large_bodies_run_on_workers),
        TEST(a_slow_worker_stalls_nobody),
        TEST(a_full_worker_queue_is_an_answer),
        TEST(clients_that_leave_while_suspended),
        TEST(clients_that_leave_before_the_suspension),
        TEST(clients_that_leave_at_once),
        TEST(clients_that_leave_in_the_middle),
        TEST(half_closed_clients_get_their_answer),
        TEST(draining_answers_what_is_running),
        TEST(draining_has_a_deadline),
        TEST(stopping_under_load),
        TEST(a_taken_address_is_a_conflict),
        TEST(bad_addresses_are_explained),
        TEST(several_listeners_serve_together),
        TEST(the_access_log_tells_no_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
