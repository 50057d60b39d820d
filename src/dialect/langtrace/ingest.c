/*
 * Taking spans (langtrace.md 3). Three bodies come to one URL and are told apart by their shape, not by their labels: OTLP as protobuf (A)
 * or JSON (B), which dialect/otlp reads, and Langtrace's own JSON array (C), which read_spans.c reads. All three meet in the same mapping.
 */
#include "dialect/langtrace/langtrace_priv.h"

/* An array that parses is shape C whatever its label says. What begins like one and does not parse may still be protobuf: an export starts
 * with a newline, as JSON sees it, and then its length. */
static bool is_span_list(struct call *c, struct json *list)
{
    struct str body = str_trim(c->body);
    if (body.n == 0 || body.p[0] != '[')
        return false;
    enum status st = call_json(c, list, NULL);
    if (st != ST_OK && !str_is_utf8(c->body)) /* as in the two other shapes, it costs no span */
        st = json_parse(c->arena, otlp_repaired(c->arena, c->body), 0, list, NULL);
    return st == ST_OK && json_is_arr(*list);
}

/* Every span has a result, so that what ingest rejects later is counted with what was rejected here. */
static enum status take_list(struct call *c, struct batch *b, struct json list, struct err *err)
{
    struct otlp_outcome *o = arena_alloc(c->arena, sizeof *o);
    size_t n = json_size(list);
    *o = (struct otlp_outcome){ .signal = SIGNAL_TRACES, .empty = n == 0 };
    c->state = o;
    struct otlp_mapper *mapper =
        otlp_mapper_new(b, c->caller->project, c->now_ns, call_header(c, "x-langtrace-session-id"));
    enum status st = langtrace__read_spans(b, list, mapper, &o->tally, err);
    otlp_mapper_free(mapper);
    if (st != ST_OK)
        return st;
    if (n == 1 && o->tally.rejected == n)
        return err_set(err, ST_INVALID, "the span cannot be kept: %.300s", o->tally.first.text);
    if (n > 0 && o->tally.rejected == n)
        return err_set(
            err, ST_INVALID, "none of the %zu spans can be kept; the first: %.300s", n, o->tally.first.text);
    return ST_OK;
}

/* JSON that is neither an array nor an object would be read as an empty export. */
static enum status check_shape(struct call *c, struct err *err)
{
    struct json body;
    struct str text = str_trim(c->body);
    if (text.n == 0 || text.p[0] == '{' || call_json(c, &body, NULL) != ST_OK || json_is_obj(body))
        return ST_OK;
    return err_set(err, ST_INVALID,
        "The body must be an OTLP export (an object with resourceSpans, or protobuf) or an array of spans, got %s",
        json_type_name(json_type(body)));
}

enum status langtrace__trace_write(struct call *c, struct batch *b, struct err *err)
{
    struct json list;
    if (is_span_list(c, &list))
        return take_list(c, b, list, err);
    enum status st = check_shape(c, err);
    return st == ST_OK ? otlp_traces_write(c, b, err) : st;
}

/* ---- the answer ----------------------------------------------------------------------------------------------------- */

void langtrace__trace_reply(struct call *c, struct reply *r)
{
    const struct otlp_outcome *o = otlp_outcome(c);
    if (otlp_wants_protobuf(c)) {
        otlp_answer_protobuf(o, r);
        return;
    }
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_i64(&w, "status", 200);
    jw_kv_cstr(&w, "message", "Traces added successfully");
    if (o->tally.rejected > 0)
        jw_kv_i64(&w, "rejected", (int64_t)o->tally.rejected);
    otlp_answer_json(o, &w);
    jw_obj_end(&w);
}
