/*
 * http_priv: what http's own files share.
 *
 * One `http` has listeners, I/O threads and workers. A connection stays on the I/O thread it was given to. A request belongs to that
 * thread or to its handler; fields marked (I/O) are only ever touched by that thread. io.c tells how the others talk to it.
 */
#ifndef HTTP_HTTP_PRIV_H
#define HTTP_HTTP_PRIV_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/compress.h"
#include "base/lock.h"
#include "http/http.h"

struct job {
    void (*fn)(void *ctx, struct http_request *r);
    void *ctx;
    struct http_request *r;
};

struct workers {
    struct lock lock;
    pthread_cond_t wake;
    struct job *ring; /* grows up to `bound` */
    size_t cap, first, count;
    size_t bound;
    bool stop;
    pthread_t *threads;
    size_t n_threads;
};

/* What other threads send to an I/O thread. */
struct mail {
    struct mail *next;
    bool is_arrival; /* else it is part of a request */
};

/* A connection that was just accepted. */
struct arrival {
    struct mail mail;
    struct listener *listener;
    int fd;
    struct sockaddr_storage peer;
    socklen_t peer_n;
};

struct io {
    struct http *http;
    struct MHD_Daemon *mhd;
    pthread_t thread;
    int epoll_fd; /* libmicrohttpd's */
    int wake_fd;  /* an eventfd */
    _Atomic(struct mail *) mail;
    _Atomic bool asleep;
    _Atomic bool stop;
    struct listener *arriving; /* (I/O) whose connection is being added */
    bool resumed;              /* (I/O) since the last MHD_run(); MHD_get_timeout() of 0.9.75 does not know */
};

struct listener {
    struct listener *next;
    struct http *http;
    struct http_handler handler;
    int fd;      /* -1 once closed */
    int stop_fd; /* an eventfd that ends the accepting thread */
    pthread_t acceptor;
};

struct http {
    struct http_options options;
    struct http_metrics metrics; /* .connections and .inflight are also what the limits are held against */
    struct workers workers;
    struct listener *listeners;
    struct io *io;
    size_t n_io;
    _Atomic size_t next_io;   /* gets the next connection */
    _Atomic bool draining;    /* refuse what is new */
    _Atomic bool closing;     /* hand nothing more to handlers */
    _Atomic int64_t requests; /* from the end of the headers until the reply has gone out */
    _Atomic int64_t busy;     /* requests that a handler owns, and calls of http_continue() under way */
};

/* One TCP connection; libmicrohttpd keeps it as the socket's context. */
struct connection {
    struct io *io;
    struct listener *listener;
    struct buf target; /* of the request being read: raw, before libmicrohttpd cuts or decodes it */
    char remote[INET6_ADDRSTRLEN];
};

struct request {
    struct http_request pub;
    struct http *http;
    struct io *io;
    const struct http_handler *handler;
    struct mail mail;

    /* Filled by the owner, then mailed. */
    void (*then)(void *ctx, struct http_request *r); /* NULL: the reply */
    void *then_ctx;
    struct MHD_Response *response;
    int status;
    size_t reply_bytes;

    /* (I/O) */
    struct MHD_Connection *mhd;
    bool handed;  /* a handler owns it, or did */
    bool settled; /* see step() in connection.c */
    bool suspended;
    bool ready;    /* the reply is there */
    bool answered; /* queued with libmicrohttpd, or written past it */
    bool lost;     /* the connection ended while a handler owned the request */
    int64_t started_mono_ns;

    /* The body, while it comes in: body.c. */
    enum encoding encoding;
    bool has_body;
    int64_t declared; /* Content-Length, or -1 */
    struct buf sent;  /* as it came */
    struct buf plain; /* inflated, where that differs */
    int64_t charged;  /* of http_inflight_bytes */

    /* Refused before a handler got it: the body is thrown away, then this reply goes out. */
    struct http_reply *refusal;
    int64_t refused_mono_ns;
    int64_t thrown_away;
    bool half_closed; /* the reply was written past libmicrohttpd */
};

static inline struct request *http__request(struct http_request *r)
{
    return (struct request *)(void *)r; /* pub is the first member */
}

static inline struct request *http__request_of_mail(struct mail *m)
{
    return (struct request *)(void *)((char *)m - offsetof(struct request, mail));
}

static inline unsigned http__idle_s(const struct http *h)
{
    return (unsigned)((h->options.http_idle + NS_PER_S - 1) / NS_PER_S);
}

/* listen.c */
MUST_CHECK enum status http__listener_open(
    struct listener *l, struct str address, uint16_t *port, struct err *err);
void http__listener_start(struct listener *l);
void http__listener_stop_accepting(struct listener *l);
void http__listener_close(struct listener *l);

/* io.c */
MUST_CHECK enum status http__io_start(struct io *io, size_t number, struct err *err);
void http__io_stop(struct io *io);
void http__io_post(struct io *io, struct mail *m); /* afterwards m is no longer the caller's */
bool http__io_is_here(const struct io *io);        /* is this its thread? */

/* connection.c; all on the I/O thread */
struct MHD_Daemon *http__daemon_start(struct io *io); /* NULL: the system is out of something, see errno */
void http__arrive(struct io *io, struct arrival *a);
void http__resume(struct request *r);  /* do what its letter says */
void http__deliver(struct request *r); /* r->response is there */

/* body.c: everything until a handler owns the request. */
void http__body_expect(struct request *r);
void http__body_open(struct request *r);                    /* may refuse */
bool http__body_piece(struct request *r, struct str piece); /* false: cut the connection */
bool http__body_is_heavy(struct request *r);                /* may refuse */
MUST_CHECK enum status http__body_inflate(struct request *r, int64_t limit, struct err *err);
void http__body_release(struct request *r);
void http__refuse(struct request *r, const struct err *err);
void http__refuse_with(struct request *r, const struct http_reply *reply);
void http__body_cut_short(struct request *r); /* the connection ends while a refused body is awaited */

/* send.c */
struct MHD_Response *http__response(struct request *r, struct http_reply *reply);
enum MHD_Result http__queue(struct request *r); /* r->response */
void http__write_raw(struct request *r, const struct http_reply *reply);
void http__error_reply(struct request *r, const struct err *err, struct http_reply *out);
void http__send_error(struct request *r, const struct err *err);
void http__log(struct request *r);

/* worker.c */
void http__workers_start(struct workers *w, size_t threads, size_t bound);
void http__workers_stop(struct workers *w);
bool http__worker_push(struct workers *w, struct job job);

#endif
