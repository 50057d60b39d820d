/*
 * Content of spans that came as log records, one message each: put together for the whole span when one of its messages arrives, since any
 * other way would let the order of arrival show (merge.md 4.3). It is stated below everything the span says itself, and replaces what was
 * put together before.
 */
#include "store/store_priv.h"

struct messages {
    struct rows rows;
    struct str trace_id;
};

static bool gather_of_trace(void *ctx, struct row *r)
{
    struct messages *m = ctx;
    if (str_is(r->scope, LOG_MESSAGE) && str_eq(row_text(r, RECORD_trace_id), m->trace_id))
        return rows_gather(&m->rows, r);
    return true;
}

static enum status find_messages(
    struct store *s, int32_t project, struct str span_id, struct messages *m, struct err *err)
{
    struct view v = { s, NULL };
    enum status st = s->driver->ops->scan_link(
        s->driver, NULL, s->group, project, RECORD, LINK_RECORD_PARENT, span_id, gather_of_trace, m, err);
    for (size_t i = 0; i < m->rows.n && st == ST_OK; i++)
        st = store__load(&v, s->group, &m->rows.items[i], WITH_PAYLOAD, err);
    return st;
}

static struct event *event_of(
    struct store *s, struct batch *b, int32_t project, const struct messages *m, struct str span_id)
{
    struct str input, output;
    int64_t newest = TIME_NONE;
    for (size_t i = 0; i < m->rows.n; i++) {
        int64_t t = row_time(&m->rows.items[i], RECORD_time_ns);
        newest = t > newest ? t : newest;
    }
    derive_messages(s->group, m->rows.items, m->rows.n, &input, &output);
    struct event *e = event_new(b, PROFILE_OTLP_MESSAGES, project, m->trace_id, span_id, newest);
    e->wire_index = UINT32_MAX;
    event_set_json(e, OBSERVATION_input, input);
    event_set_json(e, OBSERVATION_output, output);
    batch_seal(b);
    return e;
}

/* key: trace id, a zero byte, span id. */
enum status store__messages_refresh(struct store *s, int32_t project, struct str key, struct err *err)
{
    struct messages m = { .rows.a = s->group };
    struct batch b = { .arena = s->group };
    struct str span_id = key;
    if (!str_cut(&span_id, '\0', &m.trace_id))
        return ST_OK;
    enum status st = find_messages(s, project, span_id, &m, err);
    if (st != ST_OK || m.rows.n == 0)
        return st;
    return store__put_again(s, event_of(s, &b, project, &m, span_id), err);
}
