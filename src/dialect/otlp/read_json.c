/*
 * The JSON form (otlp.md 1.5). An object's members are looked at once: each that is known goes to its place in an array, the last of equal
 * names counts, and a snake_case name only where the camelCase one is not there.
 *
 * What is wrong with a span refuses that span; what is wrong with a list of spans refuses the request.
 */
#include "dialect/otlp/otlp_priv.h"

#include <stdio.h>
#include <string.h>

/* ---- members -------------------------------------------------------------------------------------------------------- */

enum match { MATCH_NOT, MATCH_SNAKE, MATCH_CAMEL };

/* snake_case has "_x" where the name has "X". */
static enum match match(struct str key, struct str name)
{
    size_t k = 0;
    if (str_eq(key, name))
        return MATCH_CAMEL;
    if (key.n <= name.n || key.p[0] != name.p[0])
        return MATCH_NOT;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c >= 'A' && c <= 'Z') {
            if (k >= key.n || key.p[k++] != '_')
                return MATCH_NOT;
            c = (char)(c | 0x20);
        }
        if (k >= key.n || key.p[k++] != c)
            return MATCH_NOT;
    }
    return k == key.n ? MATCH_SNAKE : MATCH_NOT;
}

/* `out` gets the members of `obj` that are named; the others become absent. At most 32 names. */
static void members(struct json obj, const struct str *names, size_t n, struct json *out)
{
    struct json_iter it = json_iter(obj);
    struct json item;
    struct str key;
    uint32_t camel = 0;
    memset(out, 0, n * sizeof *out);
    while (json_next(&it, &key, &item))
        for (size_t i = 0; i < n; i++) {
            enum match m = match(key, names[i]);
            if (m == MATCH_NOT)
                continue;
            if (m == MATCH_CAMEL)
                camel |= UINT32_C(1) << i;
            if (m == MATCH_CAMEL || !(camel >> i & 1))
                out[i] = item;
            break;
        }
}

static enum status wrong(struct err *err, const char *field, const char *want, struct json v)
{
    return err_at(err, ST_UNPROCESSABLE, field, "must be %s, got %s", want, json_type_name(json_type(v)));
}

static enum status set_text(struct err *err, const char *field, struct json v, struct str *out)
{
    if (json_is_set(v) && !json_is_str(v))
        return wrong(err, field, "a string", v);
    *out = json_str(v).n ? json_str(v) : STR_NONE;
    return ST_OK;
}

static enum status set_time(struct err *err, const char *field, struct json v, int64_t *out)
{
    uint64_t n;
    if (!json_is_set(v) || (json_is_str(v) && json_str(v).n == 0)) {
        *out = TIME_NONE;
        return ST_OK;
    }
    if (otlp__u64_of_json(v, &n))
        return otlp__set_time(err, field, n, out);
    if (!json_is_str(v) && !json_is_num(v))
        return wrong(err, field, "nanoseconds since 1970", v);
    struct str sent = json_is_str(v) ? json_str(v) : json_num_text(v);
    return err_at(err, ST_UNPROCESSABLE, field, "must be nanoseconds since 1970, got \"%.*s\"",
        (int)str_utf8_clip(sent, 64), sent.p);
}

/* A 32-bit number; anything else counts as not sent: nothing but a hint hangs on it. */
static int64_t small_of(struct json v)
{
    int64_t n;
    return otlp__i64_of_json(v, &n) && n >= 0 && n <= UINT32_MAX ? n : 0;
}

/* A number of an enum, or its name with or without `prefix`, in any case. Unknown ones are 0, as an enum's default is. */
static int enum_of(struct json v, struct str prefix, const char *const *names, int n)
{
    struct str s = json_str(v);
    int64_t number;
    if (otlp__i64_of_json(v, &number))
        return number >= 0 && number < n ? (int)number : 0;
    if (s.n > prefix.n && str_eq_nocase(str_sub(s, 0, prefix.n), prefix))
        s = str_sub(s, prefix.n, SIZE_MAX);
    for (int i = 0; i < n; i++)
        if (str_eq_nocase(s, str_of(names[i])))
            return i;
    return 0;
}

static enum status set_attributes(
    struct reading *r, struct json list, struct json dropped, struct otlp_attributes *out, struct err *err)
{
    enum status st = otlp__room(r, json_size(list), sizeof *out->items, err);
    if (st != ST_OK)
        return st;
    st = otlp__attributes_of_json(r->arena, list, out, err);
    out->dropped = small_of(dropped);
    if (st != ST_OK)
        err_under(err, "attributes");
    return st;
}

/* ---- ids ------------------------------------------------------------------------------------------------------------ */

static enum status set_id(
    struct reading *r, const char *field, struct json v, size_t bytes, struct str *out, struct err *err)
{
    bool zero;
    if (r->any_ids) { /* langtrace.md 1: any text is an id */
        if (otlp_id_of_json(r->arena, v, bytes, out) || str_is_id(*out))
            return ST_OK;
    } else if (otlp__id_of_json(r->arena, v, bytes, out, &zero))
        return ST_OK;
    else
        return otlp__bad_id(err, field, *out, zero, bytes);
    return otlp__bad_id(err, field, *out, json_str(v).n > 0 && !out->p, bytes);
}

static enum status set_id_if_any(
    struct reading *r, const char *field, struct json v, size_t bytes, struct str *out, struct err *err)
{
    enum status st = set_id(r, field, v, bytes, out, err);
    return out->p ? st : ST_OK; /* missing or zero */
}

/* ---- events and links ----------------------------------------------------------------------------------------------- */

enum { EVENT_TIME, EVENT_NAME, EVENT_ATTRIBUTES, EVENT_DROPPED, EVENT_MEMBERS };
static const struct str event_names[EVENT_MEMBERS] = {
    [EVENT_TIME] = STR_INIT("timeUnixNano"),
    [EVENT_NAME] = STR_INIT("name"),
    [EVENT_ATTRIBUTES] = STR_INIT("attributes"),
    [EVENT_DROPPED] = STR_INIT("droppedAttributesCount"),
};

static enum status read_event(struct reading *r, struct json v, struct otlp_event *e, struct err *err)
{
    struct json m[EVENT_MEMBERS];
    enum status st;
    if (!json_is_obj(v))
        return wrong(err, "", "an object", v);
    members(v, event_names, EVENT_MEMBERS, m);
    if ((st = set_time(err, "timeUnixNano", m[EVENT_TIME], &e->time_ns)) != ST_OK ||
        (st = set_text(err, "name", m[EVENT_NAME], &e->name)) != ST_OK)
        return st;
    return set_attributes(r, m[EVENT_ATTRIBUTES], m[EVENT_DROPPED], &e->attributes, err);
}

enum { LINK_TRACE, LINK_SPAN, LINK_STATE, LINK_ATTRIBUTES, LINK_DROPPED, LINK_FLAGS, LINK_MEMBERS };
static const struct str link_names[LINK_MEMBERS] = {
    [LINK_TRACE] = STR_INIT("traceId"),
    [LINK_SPAN] = STR_INIT("spanId"),
    [LINK_STATE] = STR_INIT("traceState"),
    [LINK_ATTRIBUTES] = STR_INIT("attributes"),
    [LINK_DROPPED] = STR_INIT("droppedAttributesCount"),
    [LINK_FLAGS] = STR_INIT("flags"),
};

/* Its ids are kept as sent where they are none: the link refers to another system's trace, perhaps. */
static enum status read_link(struct reading *r, struct json v, struct otlp_link *l, struct err *err)
{
    struct json m[LINK_MEMBERS];
    bool zero;
    enum status st;
    if (!json_is_obj(v))
        return wrong(err, "", "an object", v);
    members(v, link_names, LINK_MEMBERS, m);
    (void)otlp__id_of_json(r->arena, m[LINK_TRACE], TRACE_ID_BYTES, &l->trace_id, &zero);
    (void)otlp__id_of_json(r->arena, m[LINK_SPAN], SPAN_ID_BYTES, &l->span_id, &zero);
    l->flags = small_of(m[LINK_FLAGS]);
    if ((st = set_text(err, "traceState", m[LINK_STATE], &l->trace_state)) != ST_OK)
        return st;
    return set_attributes(r, m[LINK_ATTRIBUTES], m[LINK_DROPPED], &l->attributes, err);
}

static enum status check_list(struct json list, const char *field, struct err *err)
{
    return json_is_set(list) && !json_is_arr(list) ? wrong(err, field, "a list", list) : ST_OK;
}

static enum status read_events(struct reading *r, struct json list, struct otlp_span *s, struct err *err)
{
    struct json_iter it = json_iter(list);
    struct json item;
    enum status st = check_list(list, "events", err);
    if (st != ST_OK || json_size(list) == 0 ||
        (st = otlp__room(r, json_size(list), sizeof *s->events, err)) != ST_OK)
        return st;
    s->events = arena_array(r->arena, json_size(list), sizeof *s->events);
    for (; st == ST_OK && json_next(&it, NULL, &item); s->n_events++)
        st = otlp__under(read_event(r, item, &s->events[s->n_events], err), "events", s->n_events, err);
    return st;
}

static enum status read_links(struct reading *r, struct json list, struct otlp_span *s, struct err *err)
{
    struct json_iter it = json_iter(list);
    struct json item;
    enum status st = check_list(list, "links", err);
    if (st != ST_OK || json_size(list) == 0 ||
        (st = otlp__room(r, json_size(list), sizeof *s->links, err)) != ST_OK)
        return st;
    s->links = arena_array(r->arena, json_size(list), sizeof *s->links);
    for (; st == ST_OK && json_next(&it, NULL, &item); s->n_links++)
        st = otlp__under(read_link(r, item, &s->links[s->n_links], err), "links", s->n_links, err);
    return st;
}

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

enum {
    SPAN_TRACE_ID,
    SPAN_ID,
    SPAN_STATE,
    SPAN_PARENT,
    SPAN_NAME,
    SPAN_KIND,
    SPAN_START,
    SPAN_END,
    SPAN_ATTRIBUTES,
    SPAN_DROPPED,
    SPAN_EVENTS,
    SPAN_DROPPED_EVENTS,
    SPAN_LINKS,
    SPAN_DROPPED_LINKS,
    SPAN_STATUS,
    SPAN_FLAGS,
    SPAN_MEMBERS
};
static const struct str span_names[SPAN_MEMBERS] = {
    [SPAN_TRACE_ID] = STR_INIT("traceId"),
    [SPAN_ID] = STR_INIT("spanId"),
    [SPAN_STATE] = STR_INIT("traceState"),
    [SPAN_PARENT] = STR_INIT("parentSpanId"),
    [SPAN_NAME] = STR_INIT("name"),
    [SPAN_KIND] = STR_INIT("kind"),
    [SPAN_START] = STR_INIT("startTimeUnixNano"),
    [SPAN_END] = STR_INIT("endTimeUnixNano"),
    [SPAN_ATTRIBUTES] = STR_INIT("attributes"),
    [SPAN_DROPPED] = STR_INIT("droppedAttributesCount"),
    [SPAN_EVENTS] = STR_INIT("events"),
    [SPAN_DROPPED_EVENTS] = STR_INIT("droppedEventsCount"),
    [SPAN_LINKS] = STR_INIT("links"),
    [SPAN_DROPPED_LINKS] = STR_INIT("droppedLinksCount"),
    [SPAN_STATUS] = STR_INIT("status"),
    [SPAN_FLAGS] = STR_INIT("flags"),
};

static int kind_of(struct json v)
{
    static const char *const names[] = { "UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER",
        "CONSUMER" };
    return enum_of(v, STR("SPAN_KIND_"), names, 6);
}

static enum status set_status(struct json v, struct otlp_span *s, struct err *err)
{
    static const char *const names[] = { "UNSET", "OK", "ERROR" };
    if (json_is_set(v) && !json_is_obj(v))
        return wrong(err, "status", "an object {code, message}", v);
    s->status = (enum otlp_status)enum_of(json_key(v, "code"), STR("STATUS_CODE_"), names, 3);
    return set_text(err, "status.message", json_key(v, "message"), &s->status_message);
}

static enum status fill_span(struct reading *r, const struct json *m, struct otlp_span *s, struct err *err)
{
    enum status st;
    if ((st = set_id(r, "traceId", m[SPAN_TRACE_ID], TRACE_ID_BYTES, &s->trace_id, err)) != ST_OK ||
        (st = set_id(r, "spanId", m[SPAN_ID], SPAN_ID_BYTES, &s->span_id, err)) != ST_OK ||
        (st = set_id_if_any(r, "parentSpanId", m[SPAN_PARENT], SPAN_ID_BYTES, &s->parent_id, err)) != ST_OK ||
        (st = set_text(err, "name", m[SPAN_NAME], &s->name)) != ST_OK ||
        (st = set_text(err, "traceState", m[SPAN_STATE], &s->trace_state)) != ST_OK ||
        (st = set_time(err, "startTimeUnixNano", m[SPAN_START], &s->start_ns)) != ST_OK ||
        (st = set_time(err, "endTimeUnixNano", m[SPAN_END], &s->end_ns)) != ST_OK ||
        (st = set_status(m[SPAN_STATUS], s, err)) != ST_OK ||
        (st = set_attributes(r, m[SPAN_ATTRIBUTES], m[SPAN_DROPPED], &s->attributes, err)) != ST_OK ||
        (st = read_events(r, m[SPAN_EVENTS], s, err)) != ST_OK)
        return st;
    s->kind = kind_of(m[SPAN_KIND]);
    s->flags = small_of(m[SPAN_FLAGS]);
    s->dropped_events = small_of(m[SPAN_DROPPED_EVENTS]);
    s->dropped_links = small_of(m[SPAN_DROPPED_LINKS]);
    return read_links(r, m[SPAN_LINKS], s, err);
}

static enum status read_span(struct reading *r, struct json v, struct err *err)
{
    struct otlp_span s = { .resource = r->resource, .scope = r->scope };
    struct json m[SPAN_MEMBERS] = { { NULL } };
    if (!json_is_obj(v))
        return wrong(err, "", "an object", v);
    members(v, span_names, SPAN_MEMBERS, m);
    enum status st = fill_span(r, m, &s, err);
    if (st == ST_OK)
        otlp__take_span(r, &s);
    return st;
}

/* ---- log records ---------------------------------------------------------------------------------------------------- */

enum {
    LOG_TIME,
    LOG_OBSERVED,
    LOG_SEVERITY,
    LOG_SEVERITY_TEXT,
    LOG_BODY,
    LOG_ATTRIBUTES,
    LOG_DROPPED,
    LOG_TRACE,
    LOG_SPAN,
    LOG_EVENT,
    LOG_MEMBERS
};
static const struct str log_names[LOG_MEMBERS] = {
    [LOG_TIME] = STR_INIT("timeUnixNano"),
    [LOG_OBSERVED] = STR_INIT("observedTimeUnixNano"),
    [LOG_SEVERITY] = STR_INIT("severityNumber"),
    [LOG_SEVERITY_TEXT] = STR_INIT("severityText"),
    [LOG_BODY] = STR_INIT("body"),
    [LOG_ATTRIBUTES] = STR_INIT("attributes"),
    [LOG_DROPPED] = STR_INIT("droppedAttributesCount"),
    [LOG_TRACE] = STR_INIT("traceId"),
    [LOG_SPAN] = STR_INIT("spanId"),
    [LOG_EVENT] = STR_INIT("eventName"),
};

/* 1 to 24, or a name: SEVERITY_NUMBER_INFO is the first of its four, INFO2 the second. */
static int severity_of(struct json v)
{
    static const char *const names[] = { "UNSPECIFIED", "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG",
        "DEBUG2", "DEBUG3", "DEBUG4", "INFO", "INFO2", "INFO3", "INFO4", "WARN", "WARN2", "WARN3", "WARN4",
        "ERROR", "ERROR2", "ERROR3", "ERROR4", "FATAL", "FATAL2", "FATAL3", "FATAL4" };
    return enum_of(v, STR("SEVERITY_NUMBER_"), names, sizeof names / sizeof *names);
}

static enum status fill_log(struct reading *r, const struct json *m, struct otlp_log *l, struct err *err)
{
    enum status st;
    int64_t observed_ns = TIME_NONE;
    if ((st = set_time(err, "timeUnixNano", m[LOG_TIME], &l->time_ns)) != ST_OK ||
        (st = set_time(err, "observedTimeUnixNano", m[LOG_OBSERVED], &observed_ns)) != ST_OK ||
        (st = set_id_if_any(r, "traceId", m[LOG_TRACE], TRACE_ID_BYTES, &l->trace_id, err)) != ST_OK ||
        (st = set_id_if_any(r, "spanId", m[LOG_SPAN], SPAN_ID_BYTES, &l->span_id, err)) != ST_OK ||
        (st = set_text(err, "severityText", m[LOG_SEVERITY_TEXT], &l->severity_text)) != ST_OK ||
        (st = set_text(err, "eventName", m[LOG_EVENT], &l->event_name)) != ST_OK ||
        (st = set_attributes(r, m[LOG_ATTRIBUTES], m[LOG_DROPPED], &l->attributes, err)) != ST_OK)
        return st;
    if (l->time_ns == TIME_NONE)
        l->time_ns = observed_ns;
    l->severity = severity_of(m[LOG_SEVERITY]);
    if (!json_is_set(m[LOG_BODY]))
        return ST_OK;
    if ((st = otlp__any_of_json(r->arena, &r->text, m[LOG_BODY], &l->body, err)) != ST_OK)
        err_under(err, "body");
    return st;
}

static enum status read_log(struct reading *r, struct json v, struct err *err)
{
    struct otlp_log l = { .resource = r->resource, .scope = r->scope };
    struct json m[LOG_MEMBERS] = { { NULL } };
    if (!json_is_obj(v))
        return wrong(err, "", "an object", v);
    members(v, log_names, LOG_MEMBERS, m);
    enum status st = fill_log(r, m, &l, err);
    if (st == ST_OK)
        otlp__take_log(r, &l);
    return st;
}

/* ---- metrics -------------------------------------------------------------------------------------------------------- */

static void count_points(struct reading *r, struct json metric)
{
    static const struct str kinds[] = { STR_INIT("gauge"), STR_INIT("sum"), STR_INIT("histogram"),
        STR_INIT("exponentialHistogram"), STR_INIT("summary") };
    static const struct str points[] = { STR_INIT("dataPoints") };
    struct json data[sizeof kinds / sizeof *kinds], list;
    members(metric, kinds, sizeof kinds / sizeof *kinds, data);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        members(data[i], points, 1, &list);
        r->tally->seen += json_size(list);
    }
}

/* ---- the envelope, which is the same for the three -------------------------------------------------------------------- */

static enum status read_item(struct reading *r, struct json v, struct err *err)
{
    struct err own = { 0 };
    enum status st = otlp__room(r, 0, 0, &own);
    if (st == ST_OK && r->signal == SIGNAL_METRICS)
        count_points(r, v);
    else if (st == ST_OK && otlp__item(r))
        st = r->signal == SIGNAL_LOGS ? read_log(r, v, &own) : read_span(r, v, &own);
    st = otlp__item_end(r, st, &own);
    if (st != ST_OK)
        *err = own;
    return st;
}

static enum status fill_scope(struct reading *r, struct json v, struct err *err)
{
    static const struct str names[] = { STR_INIT("name"), STR_INIT("version"), STR_INIT("attributes"),
        STR_INIT("droppedAttributesCount") };
    struct otlp_scope *scope = r->scope;
    struct json m[4];
    enum status st;
    if (json_is_set(v) && !json_is_obj(v))
        return wrong(err, "", "an object", v);
    members(v, names, 4, m);
    if ((st = set_text(err, "name", m[0], &scope->name)) != ST_OK ||
        (st = set_text(err, "version", m[1], &scope->version)) != ST_OK)
        return st;
    return set_attributes(r, m[2], m[3], &scope->attributes, err);
}

static enum status fill_resource(struct reading *r, struct json v, struct err *err)
{
    static const struct str names[] = { STR_INIT("attributes"), STR_INIT("droppedAttributesCount") };
    struct json m[2];
    if (json_is_set(v) && !json_is_obj(v))
        return wrong(err, "", "an object", v);
    members(v, names, 2, m);
    return set_attributes(r, m[0], m[1], &r->resource->attributes, err);
}

/* A list of the envelope, or an object in it, is of the wrong type: the request cannot be read. */
static enum status unreadable(enum status st, struct err *err)
{
    if (st != ST_UNPROCESSABLE)
        return st;
    struct err e = *err;
    err_at(err, ST_INVALID, e.path, "%s %.200s", e.path, e.text);
    return ST_INVALID;
}

static enum status read_scope(struct reading *r, struct json v, struct err *err)
{
    const struct otlp_words *words = otlp__words(r->signal);
    const struct str names[] = { words->items, STR_INIT("scope"), STR_INIT("instrumentationLibrary") };
    struct json m[3], item;
    if (!json_is_obj(v))
        return wrong(err, "", "an object", v);
    members(v, names, 3, m);
    r->scope = arena_alloc(r->arena, sizeof *r->scope);
    enum status st =
        otlp__keep_fault(fill_scope(r, json_is_set(m[1]) ? m[1] : m[2], err), "scope", err, &r->scope_fault);
    if (st == ST_OK)
        st = check_list(m[0], words->items.p, err);
    struct json_iter it = json_iter(m[0]);
    for (r->at_item = 0; st == ST_OK && json_next(&it, NULL, &item); r->at_item++)
        st = read_item(r, item, err);
    return st;
}

static enum status read_scopes(struct reading *r, struct json list, struct str name, struct err *err)
{
    struct json_iter it = json_iter(list);
    struct json item;
    enum status st = check_list(list, name.p, err);
    r->scopes_name = name.p;
    for (r->at_scope = 0; st == ST_OK && json_next(&it, NULL, &item); r->at_scope++)
        st = otlp__under(read_scope(r, item, err), name.p, r->at_scope, err);
    return st;
}

static enum status read_resource(struct reading *r, struct json v, struct err *err)
{
    const struct otlp_words *words = otlp__words(r->signal);
    const struct str names[] = { STR_INIT("resource"), words->scopes, words->old_scopes };
    struct json m[3];
    if (!json_is_obj(v))
        return wrong(err, "", "an object", v);
    members(v, names, 3, m);
    r->resource = arena_alloc(r->arena, sizeof *r->resource);
    enum status st = otlp__keep_fault(fill_resource(r, m[0], err), "resource", err, &r->resource_fault);
    if (st == ST_OK)
        st = read_scopes(r, m[1], names[1], err);
    return st == ST_OK ? read_scopes(r, m[2], names[2], err) : st;
}

enum status otlp__read_json(struct reading *r, struct json body, struct err *err)
{
    const struct otlp_words *words = otlp__words(r->signal);
    struct json list, item;
    if (!json_is_obj(body))
        return err_set(err, ST_INVALID, "the body must be an object with the member %s, got %s",
            words->resources.p, json_type_name(json_type(body)));
    members(body, &words->resources, 1, &list);
    struct json_iter it = json_iter(list);
    enum status st = check_list(list, words->resources.p, err);
    for (r->at_resource = 0; st == ST_OK && json_next(&it, NULL, &item); r->at_resource++)
        st = otlp__under(read_resource(r, item, err), words->resources.p, r->at_resource, err);
    return unreadable(st, err);
}

enum status otlp_read_json(struct arena *a, struct json body, enum otlp_signal signal,
    const struct otlp_sink *sink, struct otlp_tally *tally, struct err *err)
{
    struct reading r;
    struct err unused = { 0 };
    otlp__reading_init(&r, a, signal, sink, tally);
    enum status st = otlp__read_json(&r, body, err ? err : &unused);
    otlp__reading_fini(&r);
    return st;
}
