/*
 * grpc_client: a gRPC client that hides nothing, for tests of the server itself: any headers, any bytes, any frames. It runs on
 * nghttp2 and one blocking socket; whatever takes longer than 10 s fails.
 */
#ifndef TEST_SUPPORT_GRPC_CLIENT_H
#define TEST_SUPPORT_GRPC_CLIENT_H

#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "base/buf.h"

struct grpc_client {
    int fd;
    nghttp2_session *session;
    struct arena *arena; /* of the calls and all they received */
    struct grpc_call *calls;
    int pongs;
    int goaways;
    uint32_t goaway_code; /* of the last one */
    int32_t goaway_last;
    bool ended; /* the server closed */
};

/* One call and its answer so far. */
struct grpc_call {
    struct grpc_client *client;
    struct grpc_call *next;
    int32_t id;
    struct buf body; /* to be sent */
    size_t sent;
    size_t chunk;    /* most bytes in a DATA frame; 0: as many as fit */
    bool open_ended; /* the client's side is not ended */
    /* the answer */
    struct str head, trailers; /* "name: value\n" each; a trailers-only answer is all head */
    int blocks;                /* of headers */
    struct buf data;
    bool closed;
    uint32_t reset; /* error code of the stream's end */
    int resets;     /* RST_STREAM frames received */
};

/* `headers` are more of them, "name: value". `chunk` and `open_ended` as in grpc_call. */
struct grpc_ask {
    const char *method; /* NULL: POST */
    const char *path;
    const char *content_type; /* NULL: application/grpc */
    const char *headers[8];
    struct str body; /* as it goes out: see grpc_frame() */
    size_t chunk;
    bool open_ended;
};

void grpc_open(struct grpc_client *c, uint16_t port); /* 127.0.0.1 */
void grpc_close(struct grpc_client *c);
struct str grpc_frame(struct arena *a, int flag, struct str message);
struct grpc_call *grpc_start(struct grpc_client *c, const struct grpc_ask *ask);
void grpc_more(struct grpc_call *call, struct str bytes, bool end);
void grpc_reset(struct grpc_call *call);
void grpc_ping(struct grpc_client *c);
void grpc_flush(struct grpc_client *c); /* send what is queued */
bool grpc_turn(struct grpc_client *c); /* and read once; false: the connection has ended, or the time is up */
bool grpc_wait(struct grpc_call *call);                                  /* until its stream is closed */
struct str grpc_header(const struct grpc_call *call, const char *name);  /* absent when there is none */
struct str grpc_trailer(const struct grpc_call *call, const char *name); /* the same */
/* The one message of the answer; absent when its frame is not what it should be. */
struct str grpc_message(const struct grpc_call *call);
/* grpc-status, wherever it stands; -1: there is none. */
int grpc_status(const struct grpc_call *call);

#endif
