/*
 * Content of spans that came as log records, one message each: put together for the whole span when one of its messages arrives, since any
 * other way would let the order of arrival show (merge.md 4.3). It is stated below everything the span says itself, and replaces what was
 * put together before.
 */
#include "store/store_priv.h"

#include <stdlib.h>

#define MESSAGES_MOST \
    1000 /* that are shown of one span, the earliest; more are kept. What each message costs the writer is bounded by it */

static bool gather_messages(void *ctx, struct row *r)
{
    return !str_is(r->scope, LOG_MESSAGE) || rows_gather(ctx, r);
}

static int by_order(const void *p, const void *q)
{
    return log_message_order(p, q);
}

static enum status find_messages(
    struct store *s, int32_t project, struct str parent, struct rows *rows, struct err *err)
{
    struct view v = { s, NULL };
    enum status st = s->driver->ops->scan_link(
        s->driver, NULL, s->group, project, RECORD, LINK_RECORD_PARENT, parent, gather_messages, rows, err);
    if (rows->n > MESSAGES_MOST) {
        qsort(rows->items, rows->n, sizeof *rows->items, by_order);
        rows->n = MESSAGES_MOST;
    }
    for (size_t i = 0; i < rows->n && st == ST_OK; i++)
        st = store__load(&v, s->group, &rows->items[i], WITH_PAYLOAD, err);
    return st;
}

static struct event *event_of(struct store *s, struct batch *b, int32_t project, const struct rows *rows,
    struct str trace_id, struct str span_id)
{
    struct str input, output;
    int64_t newest = TIME_NONE;
    for (size_t i = 0; i < rows->n; i++) {
        int64_t t = row_time(&rows->items[i], RECORD_time_ns);
        newest = t > newest ? t : newest;
    }
    derive_messages(s->group, rows->items, rows->n, &input, &output);
    struct event *e = event_new(b, PROFILE_OTLP_MESSAGES, project, trace_id, span_id, newest);
    e->wire_index = UINT32_MAX;
    event_set_json(e, OBSERVATION_input, input);
    event_set_json(e, OBSERVATION_output, output);
    batch_seal(b);
    return e;
}

/* parent: message_parent() of the span. */
enum status store__messages_refresh(struct store *s, int32_t project, struct str parent, struct err *err)
{
    struct rows rows = { .a = s->group };
    struct batch b = { .arena = s->group };
    struct str span_id = parent, trace_id;
    if (!str_cut(&span_id, '/', &trace_id) || !span_id.p)
        return ST_OK;
    enum status st = find_messages(s, project, parent, &rows, err);
    if (st != ST_OK || rows.n == 0)
        return st;
    return store__put_again(s, event_of(s, &b, project, &rows, trace_id, span_id), err);
}
