/*
 * http_priv: what http's own files share.
 *
 * One `http` has listeners, I/O threads and workers. A connection stays on the I/O thread it was given to. A request belongs to that
 * thread or to its handler; fields marked (I/O) are only ever touched by that thread. mailbox.c tells how the others talk to it.
 */
#ifndef HTTP_HTTP_PRIV_H
#define HTTP_HTTP_PRIV_H

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

struct mailbox {
    int wake_fd; /* an eventfd; -1: not open */
    _Atomic(struct mail *) newest;
    _Atomic bool asleep;
    _Atomic bool stop;
};

/* A connection that was just accepted. */
struct arrival {
    struct mail mail;
    struct listener *listener;
    int fd;
    struct sockaddr_storage peer;
    socklen_t peer_n;
};

struct io;      /* h1_priv.h */
struct h2_loop; /* h2_loop.c */

struct listener {
    struct listener *next;
    struct http *http;
    struct http_handler handler;
    bool h2;     /* its connections speak HTTP/2 */
    int fd;      /* -1 once closed */
    int stop_fd; /* an eventfd that ends the accepting thread */
    pthread_t acceptor;
};

struct http {
    struct http_options options;
    struct http_metrics metrics; /* .connections and .inflight are also what the limits are held against */
    struct workers workers;
    struct listener *listeners;
    struct io *io; /* the HTTP/1.1 side */
    size_t n_io;
    _Atomic size_t next_io; /* gets the next connection */
    struct h2_loop *h2;     /* the HTTP/2 side, once there is a listener for it */
    size_t n_h2;
    _Atomic size_t next_h2;
    _Atomic bool draining;    /* refuse what is new */
    _Atomic bool closing;     /* hand nothing more to handlers */
    _Atomic int64_t requests; /* from the end of the headers until the reply has gone out */
    _Atomic int64_t busy;     /* requests that a handler owns, and calls of http_continue() under way */
};

struct request;

/* How the bytes of a request come in and go out. */
struct transport {
    /* Any thread. Take of the reply all that goes out, so that nothing of the caller's is needed afterwards. */
    void (*pack)(struct request *r, struct http_reply *reply);
    /* (I/O) The reply is packed: send it, or end the request if its connection is gone. */
    void (*deliver)(struct request *r);
    /* (I/O) r->refusal was just set. The body may still be coming. */
    void (*refused)(struct request *r);
    /* Whoever owns r. Note what the error that is about to be answered says; NULL: the handler's shape is enough. */
    void (*explain)(struct request *r, const struct err *err);
};

/* The first member of a transport's own struct, which lies in pub.arena. */
struct request {
    struct http_request pub;
    struct http *http;
    const struct http_handler *handler;
    const struct transport *transport;
    struct mailbox *home; /* of its I/O thread */
    struct mail mail;

    /* Filled by the owner, then mailed. */
    void (*then)(void *ctx, struct http_request *r); /* NULL: the reply */
    void *then_ctx;
    bool packed; /* the reply is there */
    int status;
    size_t reply_bytes;

    /* (I/O) */
    bool handed;   /* a handler owns it, or did */
    bool answered; /* the reply is on its way out */
    bool lost;     /* the connection ended while a handler owned the request */
    int64_t started_mono_ns;

    /* The body, while it comes in: body.c. */
    enum encoding encoding;
    int64_t declared; /* its length as announced, or -1 */
    struct buf sent;  /* as it came */
    struct buf plain; /* inflated, where that differs */
    int64_t charged;  /* of http_inflight_bytes */

    struct http_reply *refusal; /* refused before a handler got it: this goes out, the body is thrown away */
};

static inline struct request *http__request(struct http_request *r)
{
    return (struct request *)(void *)r; /* pub is the first member */
}

static inline struct request *http__request_of_mail(struct mail *m)
{
    return (struct request *)(void *)((char *)m - offsetof(struct request, mail));
}

/* listen.c */
MUST_CHECK enum status http__listener_open(
    struct listener *l, struct str address, uint16_t *port, struct err *err);
void http__listener_start(struct listener *l);
void http__listener_stop_accepting(struct listener *l);
void http__listener_close(struct listener *l);

/* mailbox.c */
bool http__mailbox_open(struct mailbox *b); /* false: see errno */
void http__mailbox_close(struct mailbox *b);
void http__mailbox_post(struct mailbox *b, struct mail *m); /* afterwards m is no longer the caller's */
void http__mailbox_wake(struct mailbox *b);
void http__mailbox_stop(struct mailbox *b);
bool http__mailbox_is_here(const struct mailbox *b); /* is this its thread? */
/* For its own thread: */
void http__mailbox_own(struct mailbox *b);
struct mail *http__mailbox_take(struct mailbox *b); /* all letters, the oldest first */
bool http__mailbox_doze(struct mailbox *b);         /* before sleeping; false: there is something to do */
void http__mailbox_awake(struct mailbox *b, bool readable); /* after it; readable: wake_fd */

/* request.c; on the I/O thread where nothing else is said */
void http__add_header(struct request *r, size_t *cap, struct str name, struct str value);
void http__request_start(struct request *r); /* headers, handler, transport and so on are there */
void http__request_end(struct request *r);   /* frees it */
bool http__admit(struct request *r);         /* false: refused */
bool http__hand(struct request *r);          /* the body is complete; false: refused */
void http__resume(struct request *r);        /* do what its letter says */
void http__refuse(struct request *r, const struct err *err);
void http__refuse_with(struct request *r, const struct http_reply *reply);
void http__error_reply(struct request *r, const struct err *err, struct http_reply *out); /* any thread */
void http__send_error(struct request *r, const struct err *err);                          /* any thread */
void http__count(struct request *r); /* answered: metrics, access log */
void http__log(const struct request *r);

/* body.c: everything until a handler owns the request. */
void http__body_open(struct request *r);                    /* r->declared is known; may refuse */
bool http__body_piece(struct request *r, struct str piece); /* false: refused, now or before */
bool http__body_is_heavy(struct request *r);                /* may refuse */
MUST_CHECK enum status http__body_inflate(struct request *r, int64_t limit, struct err *err);
void http__body_release(struct request *r);

/* worker.c */
void http__workers_start(struct workers *w, size_t threads, size_t bound);
void http__workers_stop(struct workers *w);
bool http__worker_push(struct workers *w, struct job job);

/* The HTTP/1.1 side: h1_io.c */
MUST_CHECK enum status http__h1_start(struct http *h, struct err *err);
void http__h1_post(struct http *h, struct arrival *a); /* any thread */
void http__h1_stop(struct http *h);                    /* no handler may own a request any more */

/* The HTTP/2 side: h2_loop.c */
MUST_CHECK enum status http__h2_start(struct http *h, struct err *err); /* once; later calls do nothing */
void http__h2_post(struct http *h, struct arrival *a);                  /* any thread */
void http__h2_wake(struct http *h); /* any thread: look whether the server drains */
void http__h2_stop(struct http *h); /* as http__h1_stop() */

#endif
