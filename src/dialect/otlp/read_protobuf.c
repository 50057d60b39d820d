/*
 * The protobuf form (otlp.md 1.6), read in place: text is a view of the body. Lists are counted first, so that each takes one piece of
 * the arena and is never moved.
 *
 * A field of an unexpected wire type counts as unknown, as in every protobuf library. Values and messages in pieces:
 * protobuf_values.c. The resource may stand behind its spans, so it is read before them.
 */
#include "dialect/otlp/otlp_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define OLD_SCOPES 1000 /* instrumentation_library_spans, until 2022 */

/* ---- resource and scope --------------------------------------------------------------------------------------------- */

static enum status fill_resource(struct reading *r, struct pieces message, struct err *err)
{
    struct otlp_attributes *to = &r->resource->attributes;
    struct protobuf_field f;
    bool more;
    enum status st = otlp__attributes_room_of(r, message, 1, to, err);
    if (st != ST_OK)
        return st;
    while ((st = otlp__pieces_next(&message, &f, &more, err)) == ST_OK && more) {
        if (TAG_OF(f) == TAG(1, WIRE_BYTES))
            st = otlp__read_attribute(r, protobuf_inside(&message.piece, f.data), to, err);
        else if (TAG_OF(f) == TAG(2, WIRE_VARINT))
            to->dropped = (uint32_t)f.value;
        if (st != ST_OK)
            return st;
    }
    return st;
}

static enum status fill_scope(struct reading *r, struct pieces message, struct err *err)
{
    struct otlp_scope *scope = r->scope;
    struct protobuf_field f;
    bool more;
    enum status st = otlp__attributes_room_of(r, message, 3, &scope->attributes, err);
    if (st != ST_OK)
        return st;
    while ((st = otlp__pieces_next(&message, &f, &more, err)) == ST_OK && more) {
        switch (TAG_OF(f)) {
        case TAG(1, WIRE_BYTES): scope->name = otlp__field_text(r, &f); break;
        case TAG(2, WIRE_BYTES): scope->version = otlp__field_text(r, &f); break;
        case TAG(3, WIRE_BYTES):
            st = otlp__read_attribute(r, protobuf_inside(&message.piece, f.data), &scope->attributes, err);
            break;
        case TAG(4, WIRE_VARINT): scope->attributes.dropped = (uint32_t)f.value; break;
        default: break;
        }
        if (st != ST_OK)
            return st;
    }
    return st;
}

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

static struct str hex_of(struct reading *r, struct str raw)
{
    return raw.n ? hex_encode(r->arena, raw.p, raw.n) : STR_NONE;
}

static bool is_zero(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++)
        if (raw.p[i])
            return false;
    return true;
}

static enum status set_id(
    struct reading *r, const char *field, struct str raw, size_t bytes, struct str *out, struct err *err)
{
    if (raw.n == bytes && !is_zero(raw)) {
        *out = hex_of(r, raw);
        return ST_OK;
    }
    if (raw.n == 0 || raw.n == bytes)
        return otlp__bad_id(err, field, STR_NONE, raw.n > 0, bytes);
    return err_at(err, ST_UNPROCESSABLE, field, "must be %zu bytes, got %zu", bytes, raw.n);
}

/* An id that need not be there: absent when it is empty or zero. */
static enum status set_id_if_any(
    struct reading *r, const char *field, struct str raw, size_t bytes, struct str *out, struct err *err)
{
    *out = STR_NONE;
    return is_zero(raw) ? ST_OK : set_id(r, field, raw, bytes, out, err);
}

static enum status read_status(struct reading *r, struct protobuf p, struct otlp_span *s, struct err *err)
{
    struct protobuf_field f;
    bool more;
    enum status st;
    while ((st = protobuf_next(&p, &f, &more, err)) == ST_OK && more) {
        if (TAG_OF(f) == TAG(2, WIRE_BYTES))
            s->status_message = otlp__field_text(r, &f);
        else if (TAG_OF(f) == TAG(3, WIRE_VARINT))
            s->status = f.value <= STATUS_ERROR ? (enum otlp_status)f.value : STATUS_UNSET;
    }
    return st;
}

static enum status read_event(struct reading *r, struct protobuf p, struct otlp_event *e, struct err *err)
{
    struct protobuf_field f;
    bool more;
    assert(e);
    *e = (struct otlp_event){ .time_ns = TIME_NONE };
    enum status st = otlp__attributes_room_of(r, otlp__one_piece(p), 3, &e->attributes, err);
    while (st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more)
        switch (TAG_OF(f)) {
        case TAG(1, WIRE_FIXED64): st = otlp__set_time(err, "timeUnixNano", f.value, &e->time_ns); break;
        case TAG(2, WIRE_BYTES): e->name = otlp__field_text(r, &f); break;
        case TAG(3, WIRE_BYTES):
            st = otlp__read_attribute(r, protobuf_inside(&p, f.data), &e->attributes, err);
            break;
        case TAG(4, WIRE_VARINT): e->attributes.dropped = (uint32_t)f.value; break;
        default: break;
        }
    return st;
}

static enum status read_link(struct reading *r, struct protobuf p, struct otlp_link *l, struct err *err)
{
    struct protobuf_field f;
    bool more;
    assert(l);
    *l = (struct otlp_link){ 0 };
    enum status st = otlp__attributes_room_of(r, otlp__one_piece(p), 4, &l->attributes, err);
    while (st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more)
        switch (TAG_OF(f)) {
        case TAG(1, WIRE_BYTES): l->trace_id = hex_of(r, f.data); break;
        case TAG(2, WIRE_BYTES): l->span_id = hex_of(r, f.data); break;
        case TAG(3, WIRE_BYTES): l->trace_state = otlp__field_text(r, &f); break;
        case TAG(4, WIRE_BYTES):
            st = otlp__read_attribute(r, protobuf_inside(&p, f.data), &l->attributes, err);
            break;
        case TAG(5, WIRE_VARINT): l->attributes.dropped = (uint32_t)f.value; break;
        case TAG(6, WIRE_FIXED32): l->flags = (int64_t)f.value; break;
        default: break;
        }
    return st;
}

struct span_ids {
    struct str trace, span, parent;
};
struct span_lists {
    size_t attributes, events, links;
};

/* Everything but the lists, which are counted. */
static enum status read_head(struct reading *r, struct protobuf p, struct otlp_span *s, struct span_ids *ids,
    struct span_lists *n, struct err *err)
{
    struct protobuf_field f;
    bool more;
    enum status st = ST_OK;
    while (st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more)
        switch (TAG_OF(f)) {
        case TAG(1, WIRE_BYTES): ids->trace = f.data; break;
        case TAG(2, WIRE_BYTES): ids->span = f.data; break;
        case TAG(3, WIRE_BYTES): s->trace_state = otlp__field_text(r, &f); break;
        case TAG(4, WIRE_BYTES): ids->parent = f.data; break;
        case TAG(5, WIRE_BYTES): s->name = otlp__field_text(r, &f); break;
        case TAG(6, WIRE_VARINT): s->kind = f.value <= 5 ? (int)f.value : 0; break;
        case TAG(7, WIRE_FIXED64):
            st = otlp__set_time(err, "startTimeUnixNano", f.value, &s->start_ns);
            break;
        case TAG(8, WIRE_FIXED64): st = otlp__set_time(err, "endTimeUnixNano", f.value, &s->end_ns); break;
        case TAG(9, WIRE_BYTES): n->attributes++; break;
        case TAG(10, WIRE_VARINT): s->attributes.dropped = (uint32_t)f.value; break;
        case TAG(11, WIRE_BYTES): n->events++; break;
        case TAG(12, WIRE_VARINT): s->dropped_events = (uint32_t)f.value; break;
        case TAG(13, WIRE_BYTES): n->links++; break;
        case TAG(14, WIRE_VARINT): s->dropped_links = (uint32_t)f.value; break;
        case TAG(15, WIRE_BYTES): st = read_status(r, protobuf_inside(&p, f.data), s, err); break;
        case TAG(16, WIRE_FIXED32): s->flags = (int64_t)f.value; break;
        default: break;
        }
    return st;
}

static enum status read_lists(
    struct reading *r, struct protobuf p, struct otlp_span *s, const struct span_lists *n, struct err *err)
{
    struct protobuf_field f;
    bool more;
    enum status st = otlp__attributes_room(r, n->attributes, &s->attributes, err);
    if (st != ST_OK || (st = otlp__room(r, n->events, sizeof *s->events, err)) != ST_OK ||
        (st = otlp__room(r, n->links, sizeof *s->links, err)) != ST_OK)
        return st;
    s->events = n->events ? arena_array(r->arena, n->events, sizeof *s->events) : NULL;
    s->links = n->links ? arena_array(r->arena, n->links, sizeof *s->links) : NULL;
    while (st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more) {
        struct protobuf piece = protobuf_inside(&p, f.data);
        switch (TAG_OF(f)) {
        case TAG(9, WIRE_BYTES): st = otlp__read_attribute(r, piece, &s->attributes, err); break;
        case TAG(11, WIRE_BYTES):
            st = otlp__under(read_event(r, piece, &s->events[s->n_events], err), "events", s->n_events, err);
            s->n_events++;
            break;
        case TAG(13, WIRE_BYTES):
            st = otlp__under(read_link(r, piece, &s->links[s->n_links], err), "links", s->n_links, err);
            s->n_links++;
            break;
        default: break;
        }
    }
    return st;
}

static enum status fill_span(struct reading *r, struct protobuf p, struct otlp_span *s, struct err *err)
{
    struct span_ids ids = { 0 };
    struct span_lists n = { 0 };
    enum status st;
    if ((st = read_head(r, p, s, &ids, &n, err)) != ST_OK ||
        (st = set_id(r, "traceId", ids.trace, TRACE_ID_BYTES, &s->trace_id, err)) != ST_OK ||
        (st = set_id(r, "spanId", ids.span, SPAN_ID_BYTES, &s->span_id, err)) != ST_OK ||
        (st = set_id_if_any(r, "parentSpanId", ids.parent, SPAN_ID_BYTES, &s->parent_id, err)) != ST_OK)
        return st;
    return read_lists(r, p, s, &n, err);
}

static enum status read_span(struct reading *r, struct protobuf p, struct err *err)
{
    struct otlp_span s = {
        .resource = r->resource, .scope = r->scope, .start_ns = TIME_NONE, .end_ns = TIME_NONE
    };
    if (!otlp__item(r))
        return ST_OK;
    enum status st = fill_span(r, p, &s, err);
    if (st == ST_OK)
        otlp__take_span(r, &s);
    return otlp__item_end(r, st, err);
}

/* ---- log records ---------------------------------------------------------------------------------------------------- */

struct log_parts {
    struct str trace, span;
    int64_t observed_ns;
};

static enum status read_log_fields(
    struct reading *r, struct protobuf p, struct otlp_log *l, struct log_parts *parts, struct err *err)
{
    struct protobuf_field f;
    bool more;
    enum status st = ST_OK;
    while (st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more)
        switch (TAG_OF(f)) {
        case TAG(1, WIRE_FIXED64): st = otlp__set_time(err, "timeUnixNano", f.value, &l->time_ns); break;
        case TAG(2, WIRE_VARINT): l->severity = f.value <= 24 ? (int)f.value : 0; break;
        case TAG(3, WIRE_BYTES): l->severity_text = otlp__field_text(r, &f); break;
        case TAG(6, WIRE_BYTES):
            st = otlp__read_attribute(r, protobuf_inside(&p, f.data), &l->attributes, err);
            break;
        case TAG(7, WIRE_VARINT): l->attributes.dropped = (uint32_t)f.value; break;
        case TAG(9, WIRE_BYTES): parts->trace = f.data; break;
        case TAG(10, WIRE_BYTES): parts->span = f.data; break;
        case TAG(11, WIRE_FIXED64):
            st = otlp__set_time(err, "observedTimeUnixNano", f.value, &parts->observed_ns);
            break;
        case TAG(12, WIRE_BYTES): l->event_name = otlp__field_text(r, &f); break;
        default: break;
        }
    return st;
}

static enum status fill_log(struct reading *r, struct protobuf p, struct otlp_log *l, struct err *err)
{
    struct log_parts parts = { .observed_ns = TIME_NONE };
    enum status st = otlp__attributes_room_of(r, otlp__one_piece(p), 6, &l->attributes, err);
    if (st != ST_OK || (st = read_log_fields(r, p, l, &parts, err)) != ST_OK ||
        (st = otlp__read_value(r, otlp__pieces_of(p, 5), &l->body, err)) != ST_OK ||
        (st = set_id_if_any(r, "traceId", parts.trace, TRACE_ID_BYTES, &l->trace_id, err)) != ST_OK)
        return st;
    if (l->time_ns == TIME_NONE)
        l->time_ns = parts.observed_ns;
    return set_id_if_any(r, "spanId", parts.span, SPAN_ID_BYTES, &l->span_id, err);
}

static enum status read_log(struct reading *r, struct protobuf p, struct err *err)
{
    struct otlp_log l = { .resource = r->resource, .scope = r->scope, .time_ns = TIME_NONE };
    if (!otlp__item(r))
        return ST_OK;
    enum status st = fill_log(r, p, &l, err);
    if (st == ST_OK)
        otlp__take_log(r, &l);
    return otlp__item_end(r, st, err);
}

/* ---- metrics -------------------------------------------------------------------------------------------------------- */

/* Only the data points are counted: gauge, sum, histogram, exponential histogram, summary. */
static enum status read_metric(struct reading *r, struct protobuf p, struct err *err)
{
    struct protobuf_field f;
    bool more;
    size_t n;
    enum status st = ST_OK;
    while (st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more) {
        if (f.wire != WIRE_BYTES || f.number < 5 || f.number > 11 || f.number % 2 == 0) {
            if (TAG_OF(f) != TAG(10, WIRE_BYTES))
                continue;
        }
        st = otlp__count_fields(otlp__one_piece(protobuf_inside(&p, f.data)), 1, &n, err);
        r->tally->seen += n;
    }
    return st;
}

/* ---- the envelope, which is the same for the three -------------------------------------------------------------------- */

static enum status read_item(struct reading *r, struct protobuf p, struct err *err)
{
    enum status st = otlp__room(r, 0, 0, err);
    if (st != ST_OK)
        return st;
    switch (r->signal) {
    case SIGNAL_TRACES: return read_span(r, p, err);
    case SIGNAL_LOGS: return read_log(r, p, err);
    default: return read_metric(r, p, err);
    }
}

static enum status read_scope(struct reading *r, struct protobuf p, struct err *err)
{
    struct protobuf_field f;
    bool more;
    r->scope = arena_alloc(r->arena, sizeof *r->scope);
    enum status st =
        otlp__keep_fault(fill_scope(r, otlp__pieces_of(p, 1), err), "scope", err, &r->scope_fault);
    for (r->at_item = 0; st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more;)
        if (TAG_OF(f) == TAG(2, WIRE_BYTES)) {
            st = read_item(r, protobuf_inside(&p, f.data), err);
            r->at_item++;
        }
    return st;
}

static enum status read_resource(struct reading *r, struct protobuf p, struct err *err)
{
    struct protobuf_field f;
    bool more;
    r->resource = arena_alloc(r->arena, sizeof *r->resource);
    enum status st =
        otlp__keep_fault(fill_resource(r, otlp__pieces_of(p, 1), err), "resource", err, &r->resource_fault);
    for (r->at_scope = 0; st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more;)
        if (TAG_OF(f) == TAG(2, WIRE_BYTES) || TAG_OF(f) == TAG(OLD_SCOPES, WIRE_BYTES)) {
            st = read_scope(r, protobuf_inside(&p, f.data), err);
            r->at_scope++;
        }
    return st;
}

enum status otlp__read_protobuf(struct reading *r, struct str body, struct err *err)
{
    struct protobuf p = protobuf_of(body);
    struct protobuf_field f;
    bool more;
    enum status st = ST_OK;
    for (r->at_resource = 0; st == ST_OK && (st = protobuf_next(&p, &f, &more, err)) == ST_OK && more;)
        if (TAG_OF(f) == TAG(1, WIRE_BYTES)) {
            st = read_resource(r, protobuf_inside(&p, f.data), err);
            r->at_resource++;
        }
    return st;
}

enum status otlp_read_protobuf(struct arena *a, struct str body, enum otlp_signal signal,
    const struct otlp_sink *sink, struct otlp_tally *tally, struct err *err)
{
    struct reading r;
    struct err unused = { 0 };
    otlp__reading_init(&r, a, signal, sink, tally);
    enum status st = otlp__read_protobuf(&r, body, err ? err : &unused);
    otlp__reading_fini(&r);
    return st;
}

/* ---- whose export is this? -------------------------------------------------------------------------------------------- */

/* The content of the first field `number` of p, a message. */
static bool first_inside(struct protobuf p, uint32_t number, struct protobuf *out)
{
    struct protobuf_field f;
    bool more;
    while (protobuf_next(&p, &f, &more, NULL) == ST_OK && more)
        if (TAG_OF(f) == TAG(number, WIRE_BYTES)) {
            *out = protobuf_inside(&p, f.data);
            return true;
        }
    return false;
}

/* Field 1 is the time of a log record, the 16 bytes of a span's trace id, or the name of a metric, whose data is in field 5 or above. */
bool otlp__guess_signal(struct str body, enum otlp_signal *out)
{
    struct protobuf p = protobuf_of(body);
    struct protobuf_field f;
    bool more, id = false, name = false;
    if (!first_inside(p, 1, &p) || !first_inside(p, 2, &p) || !first_inside(p, 2, &p))
        return false;
    while (protobuf_next(&p, &f, &more, NULL) == ST_OK && more)
        switch (TAG_OF(f)) {
        case TAG(1, WIRE_FIXED64):
        case TAG(11, WIRE_FIXED64): *out = SIGNAL_LOGS; return true;
        case TAG(7, WIRE_FIXED64): *out = SIGNAL_TRACES; return id;
        case TAG(1, WIRE_BYTES):
            id = f.data.n == TRACE_ID_BYTES;
            name = f.data.n > 0 && str_is_utf8(f.data);
            break;
        case TAG(5, WIRE_BYTES):
        case TAG(7, WIRE_BYTES):
        case TAG(9, WIRE_BYTES):
        case TAG(10, WIRE_BYTES):
            *out = SIGNAL_METRICS;
            if (name && !id)
                return true;
            break;
        default: break;
        }
    return false;
}
