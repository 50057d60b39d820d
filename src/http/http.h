/*
 * http: bytes to requests and replies to bytes. Knows no traces.
 *
 * Place     program starts listeners; api is the handler. Only this folder includes microhttpd.h and nghttp2.h.
 * Threads   I/O threads (one a core) move bytes and run the handler for bodies up to http_inline_bytes; larger bodies and
 *           http_work() run on the worker pool. http_send() and http_continue() may be called from any thread, also when the client
 *           has gone, and never block. After http_send() the request is no longer the caller's. `finish` runs on the I/O thread.
 * Limits    http_inflight_bytes bounds all bodies together (503 with Retry-After beyond), the handler's `begin` gives each route's
 *           own; http_connections, http_idle. A refused body is drained up to its limit or 2 s before the answer.
 * More      docs/architecture.md, "The write path"
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/metrics.h"
#include "base/options.h"
#include "base/status.h"

struct http_options {
#define OPTION(field, type, def, least, most, text) OPTION_C_##type field;
#include "http/options.def"
#undef OPTION
};
extern const struct option_row http_option_rows[];
extern const size_t http_option_count;

struct http_metrics {
#define METRIC(field, kind, unit, text) METRIC_C_##kind field;
#include "http/metrics.def"
#undef METRIC
};
extern const struct metric_row http_metric_rows[];
extern const size_t http_metric_count;

struct http;

struct http_header {
    struct str name, value;
};

struct http_request {
    struct arena *arena; /* freed when the reply has gone out */
    struct str method;   /* "GET" */
    struct str target;   /* as received: path and query, escapes kept */
    struct http_header *headers;
    size_t n_headers;    /* names lower-case, values trimmed */
    struct str body;     /* whole and inflated; valid until http_send() */
    struct str remote;   /* address of the peer */
    struct str id;       /* X-Request-ID: the client's (1 to 128 visible ASCII) or a new UUID */
    int64_t received_ns; /* wall clock at the end of the headers */
    int64_t body_limit;  /* set by `begin`; as sent and inflated */
    struct str note;     /* the handler may name who answered, for the access log */
    void *user;          /* the handler's own */
};

struct http_reply {
    int status;
    const char *content_type; /* NULL: none */
    struct http_header headers[24];
    size_t n_headers;
    struct str body;  /* must live until http_send() returns (it is copied or moved) */
    struct buf *move; /* instead of body: the bytes move out of this buf without a copy */
};

/* What the reply of `begin` and `error` points to lives until `finish`: it is in r->arena or a literal, also the buf of `move`. */
struct http_handler {
    void *ctx;
    /* The headers are complete. Set r->body_limit (also when refusing: as much is read and thrown away before the answer). Return
     * true to go on; false with `early` filled to answer now (401, 404, 413). */
    bool (*begin)(void *ctx, struct http_request *r, struct http_reply *early);
    /* The body is complete. Must lead to exactly one http_send(), now or later. heavy: on a worker, may block. */
    void (*handle)(void *ctx, struct http_request *r, bool heavy);
    /* An error http met itself (limit, bad encoding, damaged gzip, in-flight bound, draining): fill the reply in the product's shape.
     * out->status is set. `begin` may not have been called before (draining, no gRPC at all). Also called on workers. */
    void (*error)(void *ctx, struct http_request *r, const struct err *err, struct http_reply *out);
    /* The request is over (reply gone or connection lost): free r->user. After it nothing of r may be touched. */
    void (*finish)(void *ctx, struct http_request *r);
};

/* Threads and limits are shared by all listeners of one http. ST_IO: the system is out of threads or files. */
MUST_CHECK enum status http_new(const struct http_options *o, struct http **out, struct err *err);
/* Listen on "host:port", "[::1]:port"; port 0 picks a free one, an empty host is 127.0.0.1. *port gets the real one.
 * ST_CONFLICT: taken by another program. ST_INVALID, ST_FORBIDDEN, ST_IO: the sentence tells. The handler is copied. */
MUST_CHECK enum status http_listen(
    struct http *h, struct str address, const struct http_handler *handler, uint16_t *port, struct err *err);
/*
 * The same for gRPC: HTTP/2 without TLS, by prior knowledge (otlp.md 1.7). To the handler a call is a request: POST, the method as
 * target, metadata as headers, the one message, inflated, as body. It replies with a body, which becomes the message, and how the call
 * ended: the headers grpc-status (a number), grpc-message (plain text) and grpc-status-details-bin (base64), which go out as trailers.
 * Where it gives no grpc-status, its HTTP status is translated. The reply's status should be the HTTP one all the same: metrics and
 * access log count it. The first call starts up to two more I/O threads.
 */
MUST_CHECK enum status http_listen_grpc(
    struct http *h, struct str address, const struct http_handler *handler, uint16_t *port, struct err *err);
/* Stop taking connections and requests (new requests: 503, Connection: close; gRPC: UNAVAILABLE, GOAWAY), wait until running ones are answered or
 * `until_mono_ns`. */
void http_drain(struct http *h, int64_t until_mono_ns);
/* Closes every connection. Waits, without a limit, until handlers have answered the requests they own. */
void http_free(struct http *h);
struct http_metrics *http_metrics(struct http *h);
bool http_draining(const struct http *h);

/* Answer. Adds X-Request-ID, Date, Content-Length; the access log gets its line. A header whose value is empty or has a line break
 * is left out. */
void http_send(struct http_request *r, struct http_reply *reply);
/* Run fn(ctx, r) on the worker pool. The queue is bounded: false when it is full (answer 503). Takes LOCK_HTTP. */
bool http_work(struct http_request *r, void (*fn)(void *ctx, struct http_request *r), void *ctx);
/* Run fn(ctx, r) on the connection's own I/O thread: what a finished commit calls, so the writer thread encodes nothing. */
void http_continue(struct http_request *r, void (*fn)(void *ctx, struct http_request *r), void *ctx);

struct str http_header_get(const struct http_request *r, const char *lower_name);

#endif
