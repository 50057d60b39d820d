/*
 * h2_priv: what the files of the HTTP/2 side share. It exists for gRPC (otlp.md 1.7): each call is one request to the handler.
 *
 *   h2_loop.c         threads and sockets
 *   h2_connection.c   one session over nghttp2: bytes in, bytes out. It knows no socket, so that a fuzzer can drive it.
 *   h2_stream.c         one stream: headers, the message out of its frame, the handler
 *   h2_reply.c        a reply as gRPC has it
 *
 * Everything here belongs to the connection's I/O thread, but for the packing of a reply.
 */
#ifndef HTTP_H2_PRIV_H
#define HTTP_H2_PRIV_H

#include <nghttp2/nghttp2.h>

#include "http/http_priv.h"

#define H2_STREAMS 256u /* at once on one connection */
#define H2_HEADERS \
    ((size_t)32 * 1024) /* of one call: names, values and 32 bytes each, as the standard counts */
#define H2_FRAME 16384u
#define H2_WINDOW \
    (1 << 20) /* of a stream; what comes is kept or refused at once, so it is only what is on the wire */
#define H2_WINDOWS (4 << 20)           /* of a connection */
#define H2_OUT     ((size_t)64 * 1024) /* as much is framed ahead of the socket */
#define H2_PREFIX  5u                  /* before a gRPC message: a flag and four bytes of length */

/* How much of something a peer may do: at most `most` at once, `per_s` in the long run. */
struct h2_budget {
    int64_t most, per_s;
    int64_t left;
    int64_t at_ns;
};

struct h2_stream;

struct h2_connection {
    struct http *http;
    const struct http_handler *handler;
    struct mailbox *home;
    nghttp2_session *session;
    struct h2_stream *streams; /* streams that are open */
    struct h2_stream *sent;    /* closed, but the end of their replies may still be in `out` */
    struct buf out;            /* framed; the owner sends it and sets out.n to 0 */
    struct h2_budget resets, noise;
    bool spoken;  /* something has come */
    bool drains;  /* the peer was told that the server stops */
    bool ending;  /* GOAWAY is queued: nothing more is read */
    bool over;    /* not HTTP/2, or beyond repair: the end when `out` is sent */
    bool touched; /* has, or may have, something to send: it is in the list *to_flush */
    struct h2_connection *next_to_flush;
    struct h2_connection **to_flush;
    char remote[INET6_ADDRSTRLEN];
};

/* A reply in nghttp2's terms. Names and values lie in the request's arena. */
struct h2_reply {
    nghttp2_nv *head, *trailers;
    size_t n_head, n_trailers;
    unsigned char prefix[H2_PREFIX];
    size_t prefix_n; /* 0: no message, or plain HTTP */
    struct buf body;
    size_t at; /* of prefix and body together: sent */
};

struct h2_stream {
    struct request base;
    struct h2_connection *conn; /* NULL: the stream is gone */
    struct h2_stream *next, *prev;
    int32_t id;
    int64_t heard_ns; /* last came something of it */

    /* Its headers. */
    size_t headers_cap, headers_n;
    bool complete; /* they are all there, and the request has started */
    bool plain;    /* it is no gRPC call: answered in plain HTTP */

    /* Its message. */
    unsigned char prefix[H2_PREFIX];
    size_t prefix_n;
    int64_t came; /* of base.declared */

    /* Its answer. */
    struct str why; /* what an error that http met is about */
    struct h2_reply reply;
};

static inline struct h2_stream *http__h2_stream(struct request *r)
{
    return (struct h2_stream *)(void *)r; /* base is the first member */
}

/* h2_connection.c. The owner sets http, handler, home, to_flush and remote, and gives it bytes; all zero before. */
MUST_CHECK enum status http__h2_open(struct h2_connection *c, struct err *err);
void http__h2_close(struct h2_connection *c);                  /* also one that failed to open */
void http__h2_take(struct h2_connection *c, struct str bytes); /* what came */
void http__h2_fill(struct h2_connection *c);                   /* more into `out`, up to about H2_OUT */
void http__h2_flushed(struct h2_connection *c);                /* `out` has been sent */
bool http__h2_is_over(const struct h2_connection *c); /* once `out` is sent, the connection is to be closed */
void http__h2_drain(struct h2_connection *c);         /* the server stops */
void http__h2_end(struct h2_connection *c, uint32_t why); /* GOAWAY, and no more */
bool http__h2_owes(const struct h2_connection *c);        /* does a handler own a call? */
void http__h2_cancel_stalled(struct h2_connection *c, int64_t since_ns);
void http__h2_touch(struct h2_connection *c);

/* h2_stream.c */
struct h2_stream *http__h2_stream_new(struct h2_connection *c, int32_t id);
void http__h2_stream_header(struct h2_stream *s, struct str name, struct str value);
void http__h2_stream_open(struct h2_stream *s); /* the headers are complete */
void http__h2_stream_data(struct h2_stream *s, struct str piece);
void http__h2_stream_complete(struct h2_stream *s); /* the client has sent all */
void http__h2_stream_closed(struct h2_stream *s);   /* its stream is gone; it may be, too */
void http__h2_stream_end(struct h2_stream *s);

/* h2_reply.c */
void http__h2_pack(struct request *r, struct http_reply *reply);
void http__h2_submit(struct h2_stream *s); /* the packed reply */

#endif
