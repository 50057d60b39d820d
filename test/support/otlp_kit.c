#include "support/otlp_kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void otlp_kit_init(struct otlp_kit *k)
{
    *k = (struct otlp_kit){ .arena = arena_new() };
    buf_init(&k->text, 0);
}

void otlp_kit_fini(struct otlp_kit *k)
{
    buf_fini(&k->text);
    arena_free(k->arena);
}

static void put_text(struct buf *b, const char *name, struct str s)
{
    if (!s.p)
        return;
    buf_printf(b, " %s=", name);
    json_quote(b, s);
}

static void put_number(struct buf *b, const char *name, int64_t n, int64_t none)
{
    if (n != none)
        buf_printf(b, " %s=%" PRId64, name, n);
}

static void put_any(struct buf *b, const struct any *v)
{
    struct jw w = jw_of(b);
    static const char *const kinds[] = { "null", "text", "bool", "int", "double", "json" };
    buf_printf(b, "%s ", kinds[v->kind]);
    switch (v->kind) {
    case ANY_NULL: jw_null(&w); break;
    case ANY_TEXT: jw_str(&w, v->s); break;
    case ANY_BOOL: jw_bool(&w, v->b); break;
    case ANY_INT: jw_i64(&w, v->i); break;
    case ANY_DOUBLE: jw_f64(&w, v->d); break;
    case ANY_JSON: jw_raw(&w, v->s); break;
    }
}

static void put_attributes(struct buf *b, const char *indent, const struct otlp_attributes *a)
{
    for (size_t i = 0; i < a->n; i++) {
        buf_printf(b, "%s", indent);
        json_quote(b, a->items[i].key);
        buf_add_cstr(b, ": ");
        put_any(b, &a->items[i].value);
        buf_add_char(b, '\n');
    }
    if (a->dropped)
        buf_printf(b, "%sdropped %" PRId64 "\n", indent, a->dropped);
}

static void put_origin(struct buf *b, const struct otlp_resource *r, const struct otlp_scope *s)
{
    buf_add_cstr(b, " resource\n");
    put_attributes(b, "  ", &r->attributes);
    buf_add_cstr(b, " scope");
    put_text(b, "name", s->name);
    put_text(b, "version", s->version);
    buf_add_char(b, '\n');
    put_attributes(b, "  ", &s->attributes);
}

static void put_events(struct buf *b, const struct otlp_span *s)
{
    for (size_t i = 0; i < s->n_events; i++) {
        buf_add_cstr(b, " event");
        put_text(b, "name", s->events[i].name);
        put_number(b, "time", s->events[i].time_ns, TIME_NONE);
        buf_add_char(b, '\n');
        put_attributes(b, "  ", &s->events[i].attributes);
    }
    for (size_t i = 0; i < s->n_links; i++) {
        buf_add_cstr(b, " link");
        put_text(b, "trace", s->links[i].trace_id);
        put_text(b, "span", s->links[i].span_id);
        put_text(b, "state", s->links[i].trace_state);
        put_number(b, "flags", s->links[i].flags, 0);
        buf_add_char(b, '\n');
        put_attributes(b, "  ", &s->links[i].attributes);
    }
}

static void on_span(void *ctx, const struct otlp_span *s)
{
    static const char *const statuses[] = { "unset", "ok", "error" };
    struct otlp_kit *k = ctx;
    struct buf *b = &k->text;
    k->handed_out++;
    buf_printf(b, "span %u", s->index);
    put_text(b, "trace", s->trace_id);
    put_text(b, "id", s->span_id);
    put_text(b, "parent", s->parent_id);
    put_text(b, "name", s->name);
    put_text(b, "state", s->trace_state);
    put_number(b, "kind", s->kind, 0);
    put_number(b, "flags", s->flags, 0);
    put_number(b, "start", s->start_ns, TIME_NONE);
    put_number(b, "end", s->end_ns, TIME_NONE);
    put_number(b, "dropped_events", s->dropped_events, 0);
    put_number(b, "dropped_links", s->dropped_links, 0);
    buf_printf(b, " %s", statuses[s->status]);
    put_text(b, "message", s->status_message);
    buf_add_char(b, '\n');
    put_attributes(b, " ", &s->attributes);
    put_events(b, s);
    put_origin(b, s->resource, s->scope);
}

static void on_log(void *ctx, const struct otlp_log *l)
{
    struct otlp_kit *k = ctx;
    struct buf *b = &k->text;
    k->handed_out++;
    buf_printf(b, "log %u", l->index);
    put_text(b, "trace", l->trace_id);
    put_text(b, "span", l->span_id);
    put_text(b, "event", l->event_name);
    put_number(b, "time", l->time_ns, TIME_NONE);
    put_number(b, "severity", l->severity, 0);
    put_text(b, "severity_text", l->severity_text);
    buf_add_cstr(b, " body ");
    put_any(b, &l->body);
    buf_add_char(b, '\n');
    put_attributes(b, " ", &l->attributes);
    put_origin(b, l->resource, l->scope);
}

static struct otlp_sink begin(struct otlp_kit *k)
{
    arena_reset(k->arena);
    buf_clear(&k->text);
    k->tally = (struct otlp_tally){ 0 };
    k->err = (struct err){ 0 };
    k->handed_out = 0;
    k->batch.arena = k->arena;
    return (struct otlp_sink){ .ctx = k, .span = on_span, .log = on_log, .batch = &k->batch };
}

void otlp_kit_protobuf(struct otlp_kit *k, enum otlp_signal signal, struct str body)
{
    struct otlp_sink sink = begin(k);
    k->st = otlp_read_protobuf(k->arena, body, signal, &sink, &k->tally, &k->err);
}

void otlp_kit_json_value(struct otlp_kit *k, enum otlp_signal signal, struct json body)
{
    struct otlp_sink sink = begin(k);
    k->st = otlp_read_json(k->arena, body, signal, &sink, &k->tally, &k->err);
}

void otlp_kit_json(struct otlp_kit *k, enum otlp_signal signal, const char *text)
{
    struct otlp_sink sink = begin(k);
    struct json body;
    if (json_parse(k->arena, str_of(text), 0, &body, &k->err) != ST_OK) {
        fprintf(stderr, "the test's JSON is wrong: %s\n", k->err.text);
        abort();
    }
    k->st = otlp_read_json(k->arena, body, signal, &sink, &k->tally, &k->err);
}

const char *otlp_kit_text(struct otlp_kit *k)
{
    buf_add_char(&k->text, 0);
    k->text.n--;
    return k->text.p;
}
