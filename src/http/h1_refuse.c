/*
 * h1_refuse: what becomes of the body of a refused request.
 *
 * A client that is still sending does not read, so an answer and a close would reach it as a broken pipe. What it sends
 * is thrown away first: up to the limit, for at most 2 s. Most are done by then, and get an ordinary reply. For the rest,
 * libmicrohttpd has no way to answer before a body's end. So the reply is written to the socket behind its back, our side is shut
 * down, and as much again is thrown away while the client reads it.
 */
#include "http/h1_priv.h"

#include <sys/socket.h>

#define THROW_AWAY_NS (2 * NS_PER_S)
#define THROW_AWAY_S  2u
#define THROW_AWAY_LEAST \
    ((int64_t)1 << 20) /* for limits that are smaller, so that their clients keep the connection */

void http__h1_refused(struct request *r)
{
    struct h1_request *q = http__h1_request(r);
    q->refused_mono_ns = clock_mono_ns();
    if (q->has_body) /* wakes us when the client neither sends nor leaves */
        MHD_set_connection_option(q->mhd, MHD_CONNECTION_OPTION_TIMEOUT, THROW_AWAY_S);
}

static void answer_past_the_body(struct h1_request *q)
{
    int fd = MHD_get_connection_info(q->mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    http__h1_write_raw(q, q->base.refusal);
    shutdown(fd, SHUT_WR);
    q->half_closed = true;
}

bool http__h1_throw_away(struct h1_request *q, size_t n)
{
    int64_t now = clock_mono_ns();
    int64_t limit = q->base.pub.body_limit;
    int64_t most = limit > THROW_AWAY_LEAST ? limit : THROW_AWAY_LEAST;
    q->thrown_away += (int64_t)n;
    if (q->thrown_away <= most && now - q->refused_mono_ns < THROW_AWAY_NS)
        return true;
    if (q->half_closed)
        return false;
    answer_past_the_body(q);
    q->thrown_away = 0;
    q->refused_mono_ns = now;
    return true;
}

void http__h1_cut_short(struct h1_request *q)
{
    if (q->base.refusal)
        answer_past_the_body(q);
}
