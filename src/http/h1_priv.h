/*
 * h1_priv: what the files of the HTTP/1.1 side share: libmicrohttpd parses and frames, h1_io.c is the loop (docs/decisions/0005).
 */
#ifndef HTTP_H1_PRIV_H
#define HTTP_H1_PRIV_H

#include <microhttpd.h>

#include "http/http_priv.h"

struct io {
    struct http *http;
    struct MHD_Daemon *mhd;
    pthread_t thread;
    int epoll_fd; /* libmicrohttpd's */
    struct mailbox box;
    struct listener *arriving; /* (I/O) whose connection is being added */
    bool resumed;              /* (I/O) since the last MHD_run(); MHD_get_timeout() of 0.9.75 does not know */
};

/* One TCP connection; libmicrohttpd keeps it as the socket's context. */
struct h1_connection {
    struct io *io;
    struct listener *listener;
    struct buf target; /* of the request being read: raw, before libmicrohttpd cuts or decodes it */
    char remote[INET6_ADDRSTRLEN];
};

struct h1_request {
    struct request base;
    struct io *io;
    struct MHD_Response *response; /* packed */

    /* (I/O) */
    struct MHD_Connection *mhd;
    bool has_body;
    bool settled; /* see step() in h1_connection.c */
    bool suspended;
    bool ready; /* the reply may go out */

    /* Refused: h1_refuse.c. */
    int64_t refused_mono_ns;
    int64_t thrown_away;
    bool half_closed; /* the reply was written past libmicrohttpd */
};

static inline struct h1_request *http__h1_request(struct request *r)
{
    return (struct h1_request *)(void *)r; /* base is the first member */
}

/* h1_connection.c; all on the I/O thread */
struct MHD_Daemon *http__h1_daemon_start(struct io *io); /* NULL: the system is out of something, see errno */
void http__h1_arrive(struct io *io, struct arrival *a);
void http__h1_deliver(struct request *r);

/* h1_refuse.c */
void http__h1_refused(struct request *r);
bool http__h1_throw_away(
    struct h1_request *q, size_t n);           /* a piece of a refused body; false: cut the connection */
void http__h1_cut_short(struct h1_request *q); /* the connection ends while a refused body is awaited */

/* h1_send.c */
void http__h1_pack(struct request *r, struct http_reply *reply);
enum MHD_Result http__h1_queue(struct h1_request *q); /* q->response */
void http__h1_write_raw(struct h1_request *q, const struct http_reply *reply);

static inline unsigned http__h1_idle_s(const struct http *h)
{
    return (unsigned)((h->options.http_idle + NS_PER_S - 1) / NS_PER_S);
}

#endif
