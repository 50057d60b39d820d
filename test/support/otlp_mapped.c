#include "support/otlp_mapped.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/dump.h"

void otlp_mapped_init(struct otlp_mapped *m)
{
    *m = (struct otlp_mapped){ .a = arena_new() };
    batch_init(&m->batch, arena_new());
}

void otlp_mapped_fini(struct otlp_mapped *m)
{
    batch_fini(&m->batch);
    arena_free(m->a);
}

struct taker {
    struct otlp_mapped *m;
    struct otlp_mapper *mapper;
};

static void take_span(void *ctx, const struct otlp_span *s)
{
    struct taker *t = ctx;
    struct err err = { 0 };
    if (otlp_map_span(t->mapper, s, &err) != ST_OK) {
        fprintf(stderr, "refused: %s\n", err.text);
        abort();
    }
}

static void take_log(void *ctx, const struct otlp_log *l)
{
    struct taker *t = ctx;
    if (otlp_map_log(t->mapper, l))
        t->m->mapped++;
    else
        t->m->unmapped++;
}

void otlp_mapped_body(struct otlp_mapped *m, enum otlp_signal signal, struct json body)
{
    struct taker t = { m, otlp_mapper_new(&m->batch, 1, 0, m->session_hint) };
    struct otlp_tally tally = { 0 };
    struct err err = { 0 };
    const struct otlp_sink sink = { &t, take_span, take_log };
    if (otlp_read_json(m->batch.arena, body, signal, &sink, &tally, &err) != ST_OK || tally.rejected) {
        fprintf(stderr, "unreadable: %s %s\n", err.text, tally.first.text);
        abort();
    }
    m->warning = otlp_mapper_warning(t.mapper);
    otlp_mapper_free(t.mapper);
    struct str text = dump_events(m->a, &m->batch);
    if (json_parse(m->a, text, 0, &m->events, &err) != ST_OK)
        abort();
}

static const char *or_else(const char *s, const char *fallback)
{
    return s ? s : fallback;
}

static void map_one(struct otlp_mapped *m, enum otlp_signal signal, const struct otlp_case *c)
{
    bool logs = signal == SIGNAL_LOGS;
    struct json body;
    struct err err = { 0 };
    struct str text = arena_printf(m->a,
        "{\"%s\":[{\"resource\":{\"attributes\":%s},\"%s\":[{\"scope\":%s,\"%s\":[{\"traceId\":\"" CASE_TRACE
        "\",\"spanId\":\"" CASE_SPAN "\",%s,\"attributes\":%s%s%s}]}]}]}",
        logs ? "resourceLogs" : "resourceSpans", or_else(c->resource, "{}"),
        logs ? "scopeLogs" : "scopeSpans", or_else(c->scope, "{}"), logs ? "logRecords" : "spans",
        logs ? "\"timeUnixNano\":\"1500\""
             : "\"name\":\"op\",\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"2000\"",
        or_else(c->attributes, "{}"), c->members ? "," : "", or_else(c->members, ""));
    if (json_parse(m->a, text, 0, &body, &err) != ST_OK) {
        fprintf(stderr, "%s: the case is no JSON: %s\n%.*s\n", c->name, err.text, STR_ARG(text));
        abort();
    }
    otlp_mapped_body(m, signal, body);
}

void otlp_mapped_span(struct otlp_mapped *m, const struct otlp_case *c)
{
    map_one(m, SIGNAL_TRACES, c);
}

void otlp_mapped_log(struct otlp_mapped *m, const struct otlp_case *c)
{
    map_one(m, SIGNAL_LOGS, c);
}

struct json otlp_mapped_cols(const struct otlp_mapped *m, size_t i)
{
    return json_key(json_at(m->events, i), "cols");
}

/* A column by its name, with or without what dump_events() says of its hint, rank and mode. */
static struct json column(struct json cols, struct str name)
{
    struct str key;
    struct json v;
    for (struct json_iter it = json_iter(cols); json_next(&it, &key, &v);)
        if (str_starts(key, name) && (key.n == name.n || key.p[name.n] == '@' || key.p[name.n] == ':'))
            return v;
    return JSON_NONE;
}

bool otlp_mapped_shows(const struct otlp_mapped *m, size_t i, const char *name, const char *expect)
{
    struct json wanted, want, cols = otlp_mapped_cols(m, i);
    struct str key;
    struct err err = { 0 };
    bool same = true;
    if (json_parse(m->a, str_of(expect), 0, &wanted, &err) != ST_OK) {
        fprintf(stderr, "%s: what it expects is no JSON: %s\n%s\n", name, err.text, expect);
        abort();
    }
    for (struct json_iter it = json_iter(wanted); json_next(&it, &key, &want);) {
        struct json got = column(cols, key);
        if (json_is_null(want) ? !json_is_set(got) : json_equal(want, got))
            continue;
        struct str a = json_text(m->a, want), b = json_text(m->a, got);
        fprintf(stderr, "%s: %.*s\n  expected %.*s\n  got      %.*s\n", name, STR_ARG(key), STR_ARG(a),
            STR_ARG(b));
        same = false;
    }
    return same;
}

size_t otlp_check_spans(const struct otlp_case *cases, size_t n)
{
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        struct otlp_mapped m;
        otlp_mapped_init(&m);
        otlp_mapped_span(&m, &cases[i]);
        failed += !otlp_mapped_shows(&m, 0, cases[i].name, cases[i].expect);
        otlp_mapped_fini(&m);
    }
    return failed;
}
