/*
 * Replies in the two forms: Export<Signal>ServiceResponse, and google.rpc.Status for errors (otlp.md 1.3, worked bytes in 1.6).
 */
#include "dialect/otlp/otlp_priv.h"

#include "base/protobuf.h"
#include "base/rpc_status.h"

#define MEDIA_PROTOBUF "application/x-protobuf"
#define RETRY_S        1 /* what api says in Retry-After */

int otlp__rpc_code(enum status st)
{
    switch (st) {
    case ST_UNAUTHORIZED: return RPC_UNAUTHENTICATED;
    case ST_FORBIDDEN:
    case ST_PAYMENT: return RPC_PERMISSION_DENIED;
    case ST_NOT_FOUND:
    case ST_METHOD: return RPC_UNIMPLEMENTED;
    case ST_TOO_LARGE:
    case ST_RATE: return RPC_RESOURCE_EXHAUSTED;
    case ST_BUSY:
    case ST_IO: return RPC_UNAVAILABLE;
    case ST_CORRUPT:
    case ST_INTERNAL: return RPC_INTERNAL;
    default: return RPC_INVALID_ARGUMENT;
    }
}

/* ---- success -------------------------------------------------------------------------------------------------------- */

static bool has_message(const struct otlp_outcome *o)
{
    return o->tally.rejected > 0 || o->warning.n > 0;
}

/* "2 of 3 spans were rejected; the first: ...", and what was dropped of those that were kept: alone it is a warning. */
static void put_message(const struct otlp_outcome *o, struct buf *out)
{
    static const char *const items[] = { "spans", "log records", "data points" };
    const struct otlp_tally *t = &o->tally;
    if (t->rejected == 0) {
        buf_add_str(out, o->warning);
        return;
    }
    buf_printf(out, "%zu of %zu %s rejected", t->rejected, t->seen, items[o->signal]);
    if (t->rejected > 1 && o->signal == SIGNAL_TRACES)
        buf_add_cstr(out, "; the first");
    buf_printf(out, ": %s", t->first.text);
    if (o->warning.n)
        buf_printf(out, "; %.*s", STR_ARG(o->warning));
}

void otlp_answer_protobuf(const struct otlp_outcome *o, struct reply *r)
{
    struct buf message, partial;
    r->content_type = MEDIA_PROTOBUF;
    if (!has_message(o))
        return;
    buf_init(&message, 0);
    buf_init(&partial, 0);
    put_message(o, &message);
    if (o->tally.rejected > 0)
        protobuf_add_varint(&partial, 1, o->tally.rejected);
    protobuf_add_bytes(&partial, 2, buf_str(&message));
    protobuf_add_bytes(&r->body, 1, buf_str(&partial));
    buf_fini(&partial);
    buf_fini(&message);
}

/* 64-bit numbers are text in the JSON form (otlp.md 1.5). */
void otlp_answer_json(const struct otlp_outcome *o, struct jw *w)
{
    static const char *const keys[] = { "rejectedSpans", "rejectedLogRecords", "rejectedDataPoints" };
    struct buf text;
    if (!has_message(o))
        return;
    buf_init(&text, 0);
    jw_key(w, "partialSuccess");
    jw_obj(w);
    buf_printf(&text, "%zu", o->tally.rejected);
    jw_kv_str(w, keys[o->signal], buf_str(&text));
    buf_clear(&text);
    put_message(o, &text);
    jw_kv_str(w, "errorMessage", buf_str(&text));
    jw_obj_end(w);
    buf_fini(&text);
}

/* ---- errors --------------------------------------------------------------------------------------------------------- */

void otlp_error_protobuf(const struct err *err, struct reply *r)
{
    r->status = status_http(err->code);
    r->content_type = MEDIA_PROTOBUF;
    rpc_status_add(&r->body, (enum rpc_code)otlp__rpc_code(err->code), str_of(err->text),
        status_retryable(err->code) ? RETRY_S : 0);
}
