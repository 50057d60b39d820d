/*
 * Langtrace's own span list, shape C (langtrace.md 3, otlp.md 1.9): a JSON array of spans as OpenTelemetry's JavaScript objects happen to
 * serialise (TypeScript SDK), or as older Python SDKs wrote them. One span at a time becomes a struct otlp_span; what it means is otlp's.
 *
 * A span without ids, or with a time that is none, is rejected by itself with its place, "[3].traceId"; everything else is read as well
 * as it can be.
 */
#include "dialect/langtrace/langtrace_priv.h"

#include <stdio.h>

#define TRACE_ID_BYTES 16
#define SPAN_ID_BYTES  8
#define SECONDS_MAX    INT64_C(9000000000) /* beyond it nanoseconds overflow */

/* ---- members under their several names ------------------------------------------------------------------------------ */

/* The first of these members that is set; "a.b" looks inside. */
static struct json first_of(struct json span, const char *const *names, size_t n, const char **found)
{
    for (size_t i = 0; i < n; i++) {
        struct str rest = str_of(names[i]), part;
        struct json v = span;
        while (str_cut(&rest, '.', &part))
            v = json_get(v, part);
        if (json_is_set(v)) {
            *found = names[i];
            return v;
        }
    }
    *found = n > 0 ? names[0] : "";
    return JSON_NONE;
}

#define FIRST_OF(span, found, ...)                  \
    first_of(span, (const char *[]){ __VA_ARGS__ }, \
        sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), found)

static struct str text_of(struct json v)
{
    struct str s = json_str(v);
    return s.p ? s : STR("");
}

/* ---- ids ------------------------------------------------------------------------------------------------------------ */

static enum status read_id(
    struct arena *a, struct json v, const char *name, size_t bytes, struct str *out, struct err *err)
{
    (void)otlp_id_of_json(a, v, bytes, out); /* what is no id of ours stays as it was sent (1) */
    if (out->n == 0)
        return err_at(err, ST_INVALID, name, "must be an id of %zu bytes that is not zero, in hex", bytes);
    if (!str_is_id(*out))
        return err_at(
            err, ST_INVALID, name, "must be an id of 1 to 800 bytes of UTF-8 without control characters");
    return ST_OK;
}

static enum status read_ids(struct arena *a, struct json v, struct otlp_span *s, struct err *err)
{
    const char *name;
    struct json id = FIRST_OF(v, &name, "traceId", "context.trace_id", "trace_id");
    enum status st = read_id(a, id, name, TRACE_ID_BYTES, &s->trace_id, err);
    if (st != ST_OK)
        return st;
    id = FIRST_OF(v, &name, "spanId", "id", "context.span_id", "span_id");
    st = read_id(a, id, name, SPAN_ID_BYTES, &s->span_id, err);
    id = FIRST_OF(v, &name, "parentSpanId", "parent_id", "parentId", "parentSpanContext.spanId");
    if (st != ST_OK || !json_is_set(id))
        return st;
    (void)otlp_id_of_json(a, id, SPAN_ID_BYTES, &s->parent_id);
    if (s->parent_id.n == 0) /* zero, or "": a root */
        s->parent_id = STR_NONE;
    else if (!str_is_id(s->parent_id))
        return read_id(a, id, name, SPAN_ID_BYTES, &s->parent_id, err);
    return ST_OK;
}

/* ---- times ---------------------------------------------------------------------------------------------------------- */

/* [seconds, nanoseconds], an ISO-8601 text, or nanoseconds as OTLP has them. Zero is no time. */
static bool time_of(struct json v, int64_t *ns)
{
    int64_t s, rest;
    if (json_is_arr(v)) {
        if (json_size(v) != 2 || !json_i64(json_at(v, 0), &s) || !json_i64(json_at(v, 1), &rest) ||
            s > SECONDS_MAX || s < -SECONDS_MAX || rest < 0 || rest >= NS_PER_S)
            return false;
        *ns = s * NS_PER_S + rest;
    } else if (json_is_str(v)) {
        if (!str_to_i64(json_str(v), ns) && !time_parse_iso(json_str(v), ns))
            return false;
    } else if (!json_i64(v, ns))
        return false;
    if (*ns == 0)
        *ns = TIME_NONE;
    return true;
}

static enum status read_time(struct json v, const char *name, int64_t *ns, struct err *err)
{
    *ns = TIME_NONE;
    if (!json_is_set(v) || time_of(v, ns))
        return ST_OK;
    return err_at(err, ST_INVALID, name,
        "must be [seconds, nanoseconds] or an ISO-8601 time such as 2024-08-08T21:25:30.275984Z");
}

static enum status read_times(struct json v, struct otlp_span *s, struct err *err)
{
    const char *name;
    int64_t duration;
    struct json time = FIRST_OF(v, &name, "startTime", "start_time", "startTimeUnixNano");
    enum status st = read_time(time, name, &s->start_ns, err);
    if (st != ST_OK)
        return st;
    time = FIRST_OF(v, &name, "endTime", "end_time", "endTimeUnixNano");
    st = read_time(time, name, &s->end_ns, err);
    struct json length = json_key(v, "duration");
    if (st == ST_OK && s->end_ns == TIME_NONE && s->start_ns != TIME_NONE && json_is_arr(length) &&
        time_of(length, &duration) && duration != TIME_NONE)
        s->end_ns = s->start_ns + duration;
    return st;
}

/* ---- kind and status ------------------------------------------------------------------------------------------------ */

/* "SpanKind.CLIENT", "SPAN_KIND_CLIENT", "CLIENT": the word at the end. */
static int word_at_end(struct str s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct str word = str_of(words[i]);
        if (s.n >= word.n && str_eq_nocase(str_sub(s, s.n - word.n, SIZE_MAX), word))
            return (int)i;
    }
    return -1;
}

/* Numbers are those of the JavaScript API, one below OTLP's. */
static int kind_of(struct json v)
{
    static const char *const words[] = { "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER" };
    int64_t n = -1;
    if (json_is_str(v))
        n = word_at_end(json_str(v), words, 5);
    else if (!json_i64(v, &n))
        n = -1;
    return n >= 0 && n < 5 ? (int)n + 1 : 0;
}

static void read_status(struct json v, struct otlp_span *s)
{
    static const char *const words[] = { "UNSET", "OK", "ERROR" };
    const char *name;
    struct json code = FIRST_OF(v, &name, "code", "status_code");
    int64_t n = 0;
    if (json_is_str(code))
        n = word_at_end(json_str(code), words, 3);
    else if (!json_i64(code, &n))
        n = 0;
    s->status = n == 1 ? STATUS_OK : n == 2 ? STATUS_ERROR : STATUS_UNSET;
    s->status_message = json_str(FIRST_OF(v, &name, "message", "description"));
}

/* ---- events and links ----------------------------------------------------------------------------------------------- */

static enum status read_attributes(
    struct arena *a, struct json v, struct json dropped, struct otlp_attributes *out, struct err *err)
{
    enum status st = otlp_attributes_of_json(a, v, out, err);
    if (st != ST_OK)
        err_under(err, "attributes");
    else if (!json_i64(dropped, &out->dropped))
        out->dropped = 0;
    return st;
}

static enum status read_event(struct arena *a, struct json v, struct otlp_event *e, struct err *err)
{
    const char *name;
    struct json time = FIRST_OF(v, &name, "time", "timestamp", "timeUnixNano");
    e->name = text_of(json_key(v, "name"));
    enum status st = read_time(time, name, &e->time_ns, err);
    if (st == ST_OK)
        st = read_attributes(
            a, json_key(v, "attributes"), json_key(v, "droppedAttributesCount"), &e->attributes, err);
    return st;
}

static enum status read_events(struct arena *a, struct json v, struct otlp_span *s, struct err *err)
{
    struct json list = json_key(v, "events");
    char place[48];
    s->events = arena_array(a, json_size(list) + 1, sizeof *s->events);
    for (size_t i = 0; json_is_arr(list) && i < json_size(list); i++) {
        enum status st = read_event(a, json_at(list, i), &s->events[s->n_events], err);
        if (st != ST_OK) {
            snprintf(place, sizeof place, "events[%zu]", i);
            err_under(err, place);
            return st;
        }
        s->n_events++;
    }
    return ST_OK;
}

static enum status read_link(struct arena *a, struct json v, struct otlp_link *l, struct err *err)
{
    const char *name;
    (void)otlp_id_of_json(a, FIRST_OF(v, &name, "context.traceId", "context.trace_id", "traceId"),
        TRACE_ID_BYTES, &l->trace_id);
    (void)otlp_id_of_json(
        a, FIRST_OF(v, &name, "context.spanId", "context.span_id", "spanId"), SPAN_ID_BYTES, &l->span_id);
    l->trace_state = json_str(FIRST_OF(v, &name, "context.traceState", "traceState"));
    if (!json_i64(FIRST_OF(v, &name, "context.traceFlags", "flags"), &l->flags))
        l->flags = 0;
    return read_attributes(
        a, json_key(v, "attributes"), json_key(v, "droppedAttributesCount"), &l->attributes, err);
}

static enum status read_links(struct arena *a, struct json v, struct otlp_span *s, struct err *err)
{
    struct json list = json_key(v, "links");
    char place[48];
    s->links = arena_array(a, json_size(list) + 1, sizeof *s->links);
    for (size_t i = 0; json_is_arr(list) && i < json_size(list); i++) {
        enum status st = read_link(a, json_at(list, i), &s->links[s->n_links], err);
        if (st != ST_OK) {
            snprintf(place, sizeof place, "links[%zu]", i);
            err_under(err, place);
            return st;
        }
        s->n_links++;
    }
    return ST_OK;
}

/* ---- resource and scope: every span repeats them, so the last one is used again -------------------------------------- */

struct reader {
    struct arena *a;
    struct json resource_json, scope_json;
    struct otlp_resource *resource;
    struct otlp_scope *scope;
};

/* [[key, value], ...], as resources of OpenTelemetry JS 2 hold them before they are settled. */
static void read_raw_attributes(struct arena *a, struct json list, struct otlp_attributes *out)
{
    out->items = arena_array(a, json_size(list) + 1, sizeof *out->items);
    for (size_t i = 0; i < json_size(list); i++) {
        struct json pair = json_at(list, i);
        struct str key = json_str(json_at(pair, 0));
        if (key.p)
            out->items[out->n++] = (struct otlp_attribute){ key, otlp_any_of_plain(a, json_at(pair, 1)) };
    }
}

static enum status read_resource(struct reader *r, struct json v, struct err *err)
{
    const char *name;
    if (r->resource && json_equal(v, r->resource_json))
        return ST_OK;
    r->resource_json = v;
    r->resource = arena_alloc(r->a, sizeof *r->resource);
    struct json attributes = FIRST_OF(v, &name, "_attributes", "attributes");
    if (!json_is_set(attributes) && json_is_arr(json_key(v, "_rawAttributes")))
        read_raw_attributes(r->a, json_key(v, "_rawAttributes"), &r->resource->attributes);
    else
        return otlp_attributes_of_json(r->a, attributes, &r->resource->attributes, err);
    return ST_OK;
}

static void read_scope(struct reader *r, struct json v)
{
    if (r->scope && json_equal(v, r->scope_json))
        return;
    r->scope_json = v;
    r->scope = arena_alloc(r->a, sizeof *r->scope);
    r->scope->name = json_str(json_key(v, "name"));
    r->scope->version = json_str(json_key(v, "version"));
}

/* ---- a span --------------------------------------------------------------------------------------------------------- */

/* Old Python writes an empty state as the text of an empty list. */
static struct str trace_state_of(struct json v)
{
    const char *name;
    struct str s = json_str(FIRST_OF(v, &name, "traceState", "context.trace_state"));
    return str_is(s, "[]") ? STR_NONE : s;
}

static int64_t count_of(struct json v, const char *name)
{
    int64_t n;
    return json_i64(json_key(v, name), &n) && n > 0 ? n : 0;
}

static enum status read_span(struct reader *r, struct json v, struct otlp_span *s, struct err *err)
{
    const char *name;
    if (!json_is_obj(v))
        return err_at(err, ST_INVALID, "", "must be a span, an object, got %s", json_type_name(json_type(v)));
    enum status st = read_ids(r->a, v, s, err);
    if (st == ST_OK)
        st = read_times(v, s, err);
    if (st == ST_OK)
        st = read_attributes(
            r->a, json_key(v, "attributes"), json_key(v, "droppedAttributesCount"), &s->attributes, err);
    if (st == ST_OK)
        st = read_events(r->a, v, s, err);
    if (st == ST_OK)
        st = read_links(r->a, v, s, err);
    if (st == ST_OK)
        st = read_resource(r, json_key(v, "resource"), err);
    if (st != ST_OK)
        return st;
    read_scope(r, FIRST_OF(v, &name, "instrumentationLibrary", "instrumentationScope"));
    read_status(json_key(v, "status"), s);
    s->resource = r->resource;
    s->scope = r->scope;
    s->name = text_of(json_key(v, "name"));
    s->trace_state = trace_state_of(v);
    s->kind = kind_of(json_key(v, "kind"));
    s->dropped_events = count_of(v, "droppedEventsCount");
    s->dropped_links = count_of(v, "droppedLinksCount");
    return ST_OK;
}

static void refuse(struct batch *b, struct otlp_tally *tally, uint32_t index, struct err *err)
{
    char place[32];
    struct err placed;
    snprintf(place, sizeof place, "[%u]", index);
    err_under(err, place);
    err_set(&placed, ST_INVALID, "%s %.300s", err->path, err->text);
    otlp_reject(tally, &placed);
    b->results[index] = (struct event_result){ .outcome = OUTCOME_REJECTED, .err = &tally->first };
}

enum status langtrace__read_spans(struct batch *b, struct json list, struct otlp_mapper *mapper,
    struct otlp_tally *tally, struct err *failure)
{
    enum status room = batch_room(b, json_size(list) * sizeof *b->results, failure);
    if (room != ST_OK)
        return room;
    batch_results(b, json_size(list));
    struct reader r = { .a = b->arena };
    struct json v;
    uint32_t index = 0;
    for (struct json_iter it = json_iter(list); room == ST_OK && json_next(&it, NULL, &v); index++) {
        struct otlp_span s = { .index = index, .start_ns = TIME_NONE, .end_ns = TIME_NONE };
        struct err err = { 0 };
        tally->seen++;
        enum status st = read_span(&r, v, &s, &err);
        if (st == ST_OK)
            st = otlp_map_span(mapper, &s, &err);
        if (st != ST_OK)
            refuse(b, tally, index, &err);
        room = batch_room(b, 0, failure);
    }
    return room;
}
