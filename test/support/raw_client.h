/*
 * raw_client: an HTTP client that hides nothing, for tests of the server itself. It sends bytes as given and reads one reply at a
 * time. Whatever takes longer than 10 s fails the test.
 */
#ifndef TEST_SUPPORT_RAW_CLIENT_H
#define TEST_SUPPORT_RAW_CLIENT_H

#include "base/arena.h"
#include "base/buf.h"

struct raw_client {
    int fd;
    struct buf in; /* received and not yet read as a reply */
};

struct raw_reply {
    int status;      /* 0: the connection ended first */
    struct str head; /* status line and headers */
    struct str body;
};

void raw_open(struct raw_client *c, uint16_t port); /* 127.0.0.1 */
bool raw_try_open(uint16_t port);                   /* whether anyone listens there */
void raw_close(struct raw_client *c);
void raw_reset(struct raw_client *c);                  /* close with a TCP reset */
bool raw_send(struct raw_client *c, struct str bytes); /* false: the peer stopped reading */
bool raw_sendf(struct raw_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* `no_body`: the reply to a HEAD. Texts live in `a`. */
struct raw_reply raw_read(struct raw_client *c, struct arena *a, bool no_body);
struct str raw_header(const struct raw_reply *reply, const char *name); /* absent when there is none */
bool raw_at_end(
    struct raw_client *c); /* waits for the peer to close; false when it sends something instead */

#endif
