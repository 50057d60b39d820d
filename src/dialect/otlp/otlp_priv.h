/*
 * otlp_priv: what the files of the wire side share. The mapping has a header of its own, map_priv.h.
 *
 *   request.c         which decoder, what becomes of the result      reading.c   places, rejection, what both decoders check
 *   read_protobuf.c, protobuf_values.c, read_json.c                  any.c       attribute values    ids.c   ids and numbers
 *   answer.c          replies                                        otlp.c      the dialect: routes, errors
 */
#ifndef DIALECT_OTLP_OTLP_PRIV_H
#define DIALECT_OTLP_OTLP_PRIV_H

#include "base/protobuf.h"
#include "dialect/otlp/otlp.h"

#define TRACE_ID_BYTES ((size_t)16)
#define SPAN_ID_BYTES  ((size_t)8)

#define OTLP_DEPTH_MAX 64 /* levels of AnyValue (otlp.md 1.5) */

/* ---- reading a request (reading.c) ---------------------------------------------------------------------------------- */

/*
 * A request being read. Two kinds of failure: ST_INVALID, the request cannot be read; ST_UNPROCESSABLE, this span or record cannot be
 * kept, and its neighbours can. err->path is the place below the span; otlp__refuse() puts the place of the span before it.
 */
struct reading {
    struct arena *arena;
    enum otlp_signal signal;
    bool any_ids; /* Langtrace's JSON: an id may be any text */
    const struct otlp_sink *sink;
    struct otlp_tally *tally;
    struct otlp_resource *resource;
    struct otlp_scope *scope;
    struct err resource_fault,
        scope_fault;         /* code not ST_OK: what they hold cannot be kept, so neither can their spans */
    const char *scopes_name; /* "scopeSpans", or what older exporters call it */
    size_t at_resource, at_scope, at_item;
    struct buf text; /* JSON that is being put together */
};
void otlp__reading_init(struct reading *r, struct arena *a, enum otlp_signal signal,
    const struct otlp_sink *sink, struct otlp_tally *tally);
void otlp__reading_fini(struct reading *r);

/* Names in the JSON form: resourceSpans, scopeSpans, spans and so on. */
struct otlp_words {
    struct str resources, scopes, old_scopes, items;
    const char *signal, *path; /* "traces", "/v1/traces" */
};
const struct otlp_words *otlp__words(enum otlp_signal signal);

/* An item begins; false: what it stands in cannot be kept, and it is refused already. */
bool otlp__item(struct reading *r);
/* The item ends: ST_UNPROCESSABLE refuses it and is ST_OK. */
enum status otlp__item_end(struct reading *r, enum status st, const struct err *err);
/* The same of a resource or scope, for each item in it: *fault is `where` it was. */
enum status otlp__keep_fault(enum status st, const char *where, struct err *err, struct err *fault);
/* Put "list[i]" before the place of what is unprocessable. */
enum status otlp__under(enum status st, const char *list, size_t i, struct err *err);
/* Is there room for `n` more of `size` bytes? ST_TOO_LARGE: the batch has a bound (struct otlp_sink). */
MUST_CHECK enum status otlp__room(const struct reading *r, size_t n, size_t size, struct err *err);
/* The item is complete: hand it out, or refuse it for its ids. */
void otlp__take_span(struct reading *r, struct otlp_span *s);
void otlp__take_log(struct reading *r, struct otlp_log *l);
/* Missing, zero or malformed: why an id is none. `sent` is absent when there was none. */
enum status otlp__bad_id(struct err *err, const char *field, struct str sent, bool zero, size_t bytes);
enum status otlp__set_time(struct err *err, const char *field, uint64_t sent, int64_t *out);
enum status otlp__too_deep(struct err *err);

/* ---- values (any.c) ------------------------------------------------------------------------------------------------- */

struct any otlp__any_text(struct str s);
struct any otlp__any_double(double d); /* not finite: its name */
/* As a value of the array or object that is open in w. */
void otlp__put_any(struct jw *w, const struct any *v);
/* An AnyValue. `text` is room for JSON; ST_UNPROCESSABLE: too deep. */
enum status otlp__any_of_json(
    struct arena *a, struct buf *text, struct json v, struct any *out, struct err *err);
/* As otlp_attributes_of_json(), but ST_UNPROCESSABLE. */
enum status otlp__attributes_of_json(
    struct arena *a, struct json v, struct otlp_attributes *out, struct err *err);

/* ---- the protobuf form (protobuf_values.c) -------------------------------------------------------------------------- */

#define TAG(number, wire) ((uint64_t)(number) << 3 | (wire))
#define TAG_OF(f)         TAG((f).number, (f).wire)

/* The fields of message `number` of `in`, one piece after the other. */
struct pieces {
    struct protobuf in;
    uint32_t number;
    struct protobuf piece; /* the one that is being read: parent of what otlp__pieces_next() gives */
};
struct pieces otlp__pieces_of(struct protobuf in, uint32_t number);
struct pieces otlp__one_piece(struct protobuf piece); /* a message that is known to be in one */
MUST_CHECK enum status otlp__pieces_next(
    struct pieces *p, struct protobuf_field *f, bool *more, struct err *err);
/* How often field `number`, a message, stands in p. */
MUST_CHECK enum status otlp__count_fields(struct pieces p, uint32_t number, size_t *n, struct err *err);
struct str otlp__field_text(struct reading *r, const struct protobuf_field *f); /* empty is absent */
/* An AnyValue; a KeyValue, as the next of `to`, which has room. ST_UNPROCESSABLE: too deep. */
MUST_CHECK enum status otlp__read_value(
    struct reading *r, struct pieces value, struct any *out, struct err *err);
MUST_CHECK enum status otlp__read_attribute(
    struct reading *r, struct protobuf kv, struct otlp_attributes *to, struct err *err);
/* Room for n attributes; for as many as message m has fields `number`. */
MUST_CHECK enum status otlp__attributes_room(
    struct reading *r, size_t n, struct otlp_attributes *to, struct err *err);
MUST_CHECK enum status otlp__attributes_room_of(
    struct reading *r, struct pieces m, uint32_t number, struct otlp_attributes *to, struct err *err);

/* ---- ids and numbers of the JSON form (ids.c) ----------------------------------------------------------------------- */

/* As otlp_id_of_json() and otlp_id_of_text(), but decimal text is no id. *zero: it was one, of zeros only. */
bool otlp__id_of_json(struct arena *a, struct json v, size_t bytes, struct str *out, bool *zero);
/* A 64-bit number: token, text, {low, high}. False: no such number. Negative numbers and what uint64 cannot hold are none. */
bool otlp__u64_of_json(struct json v, uint64_t *out);
bool otlp__i64_of_json(struct json v, int64_t *out);

/* ---- requests (request.c, answer.c) ------------------------------------------------------------------------------ */

MUST_CHECK enum status otlp__read_json(struct reading *r, struct json body, struct err *err);
MUST_CHECK enum status otlp__read_protobuf(struct reading *r, struct str body, struct err *err);
/* What a protobuf body seems to be, by its first record; false: no sign of any. */
bool otlp__guess_signal(struct str body, enum otlp_signal *out);
int otlp__rpc_code(enum status st); /* google.rpc.Code */

#endif
