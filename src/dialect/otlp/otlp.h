/*
 * otlp: OpenTelemetry spans and log records in memory, whatever wire form they came in, and what becomes of them in the model.
 *
 *   protobuf, JSON (read_protobuf.c, read_json.c) --.
 *   Langtrace's span list (dialect/langtrace) -------+--> struct otlp_span, one at a time --> map_*.c --> events of a batch
 *
 * Place     every product whose exporters speak OTLP has a path of its own for it; the body is decoded here, the answer is the
 *           product's (collisions.md 3.4 O). So other dialects may include this header.
 * Memory    what a reader hands out lives as long as the arena and the body it was given.
 * Source    otlp.md 1 (wire), 2 (mapping); langtrace.md 3.
 */
#ifndef DIALECT_OTLP_OTLP_H
#define DIALECT_OTLP_OTLP_H

#include "dialect/dialect.h"

/* ---- what was sent -------------------------------------------------------------------------------------------------- */

/* One AnyValue as JSON sees it (otlp.md 2.2). ANY_JSON: minified text of an array or object. Bytes are ANY_TEXT, base64; so is a double
 * that is not finite, under its name. Text is UTF-8; what was not became U+FFFD. */
enum any_kind { ANY_NULL, ANY_TEXT, ANY_BOOL, ANY_INT, ANY_DOUBLE, ANY_JSON };
struct any {
    enum any_kind kind;
    union {
        struct str s; /* TEXT, JSON */
        int64_t i;    /* INT */
        double d;     /* DOUBLE */
        bool b;       /* BOOL */
    };
};

struct otlp_attribute {
    struct str key;
    struct any value;
};
/* In the order sent. A key may stand twice: the last one counts. */
struct otlp_attributes {
    struct otlp_attribute *items;
    size_t n;
    int64_t dropped; /* droppedAttributesCount */
};

struct otlp_resource {
    struct otlp_attributes attributes;
};
struct otlp_scope {
    struct str name, version;
    struct otlp_attributes attributes;
};

struct otlp_event {
    struct str name;
    int64_t time_ns; /* TIME_NONE: not sent */
    struct otlp_attributes attributes;
};
struct otlp_link {
    struct str trace_id, span_id; /* lower-case hex, or as sent where they are neither */
    struct str trace_state;
    struct otlp_attributes attributes;
    int64_t flags;
};

enum otlp_status { STATUS_UNSET, STATUS_OK, STATUS_ERROR };

struct otlp_span {
    struct otlp_resource *resource; /* never NULL; each of a request at an address of its own, as the scope */
    struct otlp_scope *scope;       /* never NULL */
    struct str trace_id, span_id;   /* 32 and 16 lower-case hex digits; on Langtrace's JSON any id */
    struct str parent_id;           /* absent: a root */
    struct str name, trace_state;
    int kind; /* OTLP's numbers: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer */
    int64_t flags;
    int64_t start_ns, end_ns; /* TIME_NONE: not sent, or 0 */
    struct otlp_attributes attributes;
    struct otlp_event *events;
    size_t n_events;
    int64_t dropped_events;
    struct otlp_link *links;
    size_t n_links;
    int64_t dropped_links;
    enum otlp_status status;
    struct str status_message;
    uint32_t index; /* place among the spans of the request, for errors and results */
};

struct otlp_log {
    struct otlp_resource *resource;
    struct otlp_scope *scope;
    struct str trace_id, span_id; /* absent: none, or zero */
    int64_t time_ns;              /* time, else observed time, else TIME_NONE */
    int severity;
    struct str severity_text;
    struct str event_name; /* event_name, else the attribute event.name; absent: none */
    struct any body;
    struct otlp_attributes attributes;
    uint32_t index;
};

/* ---- reading -------------------------------------------------------------------------------------------------------- */

enum otlp_signal { SIGNAL_TRACES, SIGNAL_LOGS, SIGNAL_METRICS };

/* Takes what is read, in the order sent. The struct is used again for the next one; what it points to stays. A span whose ids are
 * missing, zero or malformed, or whose values nest too deep, does not come here: it is counted as rejected. */
struct otlp_sink {
    void *ctx;
    void (*span)(void *ctx, const struct otlp_span *s);
    void (*log)(void *ctx, const struct otlp_log *l);
    const struct batch *batch; /* whose bound ends the reading: ST_TOO_LARGE; NULL: none */
};
struct otlp_tally {
    size_t seen;     /* spans, log records or data points in the request */
    size_t rejected; /* by the reader or by who took them */
    struct err
        first; /* why, of the first one: a sentence with its place, "resourceSpans[0].scopeSpans[0].spans[2]" */
};
void otlp_reject(struct otlp_tally *t, const struct err *err);

/* Read a whole request. ST_INVALID: undecodable; err says where (offset in bytes for protobuf, line and column for JSON). ST_TOO_LARGE: the
 * batch would pass its bound. After either nothing was handed out that counts: the caller drops the batch. Metrics are only counted. */
MUST_CHECK enum status otlp_read_protobuf(struct arena *a, struct str body, enum otlp_signal signal,
    const struct otlp_sink *sink, struct otlp_tally *tally, struct err *err);
MUST_CHECK enum status otlp_read_json(struct arena *a, struct json body, enum otlp_signal signal,
    const struct otlp_sink *sink, struct otlp_tally *tally, struct err *err);

/* Parts that Langtrace's span list shares. Lenient as otlp.md 1.5 and langtrace.md 1 have it. */
/* An id of `bytes` bytes (16 or 8): hex, 0x hex, base64, byte arrays, {"type":"Buffer"}, {"0":1,...}, Langtrace's decimal. False: none of
 * these; *out is then the text as sent, or absent when there is none. Zero ids are absent. */
bool otlp_id_of_json(struct arena *a, struct json v, size_t bytes, struct str *out);
bool otlp_id_of_text(struct arena *a, struct str s, size_t bytes, struct str *out);
/* Attributes as a list of KeyValue, or as an object of plain values or AnyValues. ST_INVALID: a value nests deeper than 64. */
MUST_CHECK enum status otlp_attributes_of_json(
    struct arena *a, struct json v, struct otlp_attributes *out, struct err *err);
/* Bytes that are no UTF-8 become U+FFFD, one for each longest part of a character (1.2). The same text when there are none. */
struct str otlp_repaired(struct arena *a, struct str s);
/* Any JSON value as it stands: {"a":1} is an object, not an AnyValue. */
struct any otlp_any_of_plain(struct arena *a, struct json v);

/* ---- mapping -------------------------------------------------------------------------------------------------------- */

struct otlp_mapper;
/* One for a request; events are added to b, whose arena holds all that is made. session_hint: header x-langtrace-session-id. */
struct otlp_mapper *otlp_mapper_new(
    struct batch *b, int32_t project, int64_t now_ns, struct str session_hint);
void otlp_mapper_free(struct otlp_mapper *m);
/* What was dropped of spans that were kept, as a sentence for the answer (partial success without rejections, 1.3); absent: nothing. Ask
 * before otlp_mapper_free(). */
struct str otlp_mapper_warning(const struct otlp_mapper *m);
/* The span as events: the observation, its scores and tracked events. ST_INVALID: a span that cannot be kept. A span that is to be dropped
 * in silence (otlp.md 2.15, end) is ST_OK. */
MUST_CHECK enum status otlp_map_span(struct otlp_mapper *m, const struct otlp_span *s, struct err *err);
/* A log record that carries GenAI content (1.8) as events; false: it carries none, and is not kept. */
bool otlp_map_log(struct otlp_mapper *m, const struct otlp_log *l);

/* ---- giving back ---------------------------------------------------------------------------------------------------- */

/* What an OTLP row was sent with (README.md), each as one JSON value in w: the object of all attributes; the array of events
 * [{"name","time":"<ns>","attributes":{}}]. Of a row from elsewhere: {} and []. o: an observation with its payload columns loaded. */
void otlp_attributes_back(struct jw *w, struct arena *a, const struct row *o);
void otlp_events_back(struct jw *w, struct arena *a, const struct row *o);

/* ---- whole requests, for the OTLP path of any dialect ----------------------------------------------------------------- */

/* write functions of routes: decode call->body by its content (1.2), map, fill the batch. call->state becomes a struct otlp_outcome. */
enum status otlp_traces_write(struct call *c, struct batch *b, struct err *err);
enum status otlp_logs_write(struct call *c, struct batch *b, struct err *err);
enum status otlp_metrics_write(struct call *c, struct batch *b, struct err *err);

struct otlp_outcome {
    bool protobuf; /* the answer must be */
    bool empty;    /* there was nothing in it */
    enum otlp_signal signal;
    struct otlp_tally tally;
    struct str warning; /* otlp_mapper_warning() */
};
struct otlp_outcome *otlp_outcome(const struct call *c);
/* Is the answer to this request protobuf? By what the body proved to be, else by its label. */
bool otlp_wants_protobuf(const struct call *c);
/* Export<Signal>ServiceResponse: empty when all was taken without a warning, else partial_success. In JSON as members of the open object: nothing, or
 * "partialSuccess". */
void otlp_answer_protobuf(const struct otlp_outcome *o, struct reply *r);
void otlp_answer_json(const struct otlp_outcome *o, struct jw *w);
/* google.rpc.Status of an error, as protobuf: body, status and content type. A retryable one carries RetryInfo. */
void otlp_error_protobuf(const struct err *err, struct reply *r);

#endif
