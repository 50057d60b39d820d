/*
 * langtrace: any bytes as the body of the span route and of every route that takes JSON. What the spans became is made into rows and shown
 * again as POST /api/traces shows it.
 *
 * Whatever comes: a refusal under message and error, or an answer that is JSON; rejected spans leave no observation behind; each JSON text inside a
 * shown span parses; the same bytes give the same events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static const struct route *route_of(enum method method, const char *pattern)
{
    for (size_t i = 0; i < langtrace_dialect.n_routes; i++)
        if (langtrace_dialect.routes[i].method == method &&
            strcmp(pattern, langtrace_dialect.routes[i].pattern) == 0)
            return &langtrace_dialect.routes[i];
    abort();
}

static struct call call_of(struct arena *a, enum method method, const char *pattern, struct str body)
{
    static struct caller caller = {
        .project = 1, .project_id = STR_INIT("p"), .organization_id = STR_INIT("o"), .form = FORM_LANGTRACE
    };
    struct call c = { .arena = a,
        .dialect = &langtrace_dialect,
        .method = method,
        .path = str_of(pattern),
        .caller = &caller,
        .body = body,
        .now_ns = INT64_C(1800000000) * NS_PER_S };
    c.route = route_of(method, pattern);
    return c;
}

static struct json parsed(struct arena *a, struct str text, const char *what)
{
    struct json v = JSON_NONE;
    must(json_parse(a, text, 0, &v, NULL) == ST_OK, what);
    return v;
}

static void check_refusal(struct call *c, const struct err *err)
{
    struct reply r = { .status = 200 };
    buf_init(&r.body, 0);
    langtrace_dialect.error(c, err, &r);
    struct json v = parsed(c->arena, buf_str(&r.body), "the refusal is no JSON");
    must(r.status >= 400 && json_str(json_key(v, "message")).n > 0, "a refusal without a sentence");
    must(str_eq(json_str(json_key(v, "message")), json_str(json_key(v, "error"))), "two different sentences");
    buf_fini(&r.body);
}

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

static struct row row_of(const struct event *e)
{
    struct row r = { .entity = e->entity, .project = 1, .scope = e->scope, .id = e->id };
    for (size_t i = 0; i < e->n_cells; i++)
        r.cols[e->cells[i].column] = e->cells[i].value;
    return r;
}

static void check_shown(struct arena *a, struct json span)
{
    static const char *const texts[] = { "attributes", "events", "links" };
    struct str key;
    struct json v;
    for (struct json_iter it = json_iter(span); json_next(&it, &key, &v);)
        must(json_is_str(v), "a value of a span is no string");
    for (size_t i = 0; i < 3; i++)
        parsed(a, json_str(json_key(span, texts[i])), "a JSON text of a span does not parse");
}

/* All observations as the spans of one trace. */
static void show(struct arena *a, const struct batch *b)
{
    struct call c = call_of(a, METHOD_POST, "/api/traces",
        STR("{\"projectId\":\"p\",\"page\":1,\"pageSize\":1,\"keyword\":\"x\"}"));
    struct row trace = { .entity = TRACE, .id = STR("t") };
    struct reply r = { .status = 200 };
    struct err err = { 0 };
    struct json span;
    trace.observations = arena_array(a, b->n_events + 1, sizeof *trace.observations);
    for (size_t i = 0; i < b->n_events; i++)
        if (b->events[i].entity == OBSERVATION)
            trace.observations[trace.n_observations++] = row_of(&b->events[i]);
    must(c.route->ask(&c, &err) == ST_OK, "the page is refused");
    c.asks[0].rows = &trace;
    c.asks[0].n = 1;
    c.asks[0].total = 1;
    buf_init(&r.body, 0);
    c.route->reply(&c, &r);
    struct json v = parsed(a, buf_str(&r.body), "the page is no JSON");
    struct json spans = json_key(json_at(json_key(json_key(v, "traces"), "result"), 0), "spans");
    must(json_size(spans) == trace.n_observations, "a span is not shown");
    for (struct json_iter it = json_iter(spans); json_next(&it, NULL, &span);)
        check_shown(a, span);
    buf_fini(&r.body);
}

static void check_answer(struct call *c)
{
    struct reply r = { .status = 200 };
    buf_init(&r.body, 0);
    c->route->reply(c, &r);
    must(r.status == 200, "a taken body is answered with an error");
    if (!r.content_type)
        parsed(c->arena, buf_str(&r.body), "the answer is no JSON");
    buf_fini(&r.body);
}

/* Returns a digest of all events. */
static uint64_t take(struct str body)
{
    struct arena *a = arena_new();
    struct call c = call_of(a, METHOD_POST, "/api/trace", body);
    struct batch b;
    struct err err = { 0 };
    uint64_t digest = 0;
    batch_init(&b, a);
    enum status st = c.route->write(&c, &b, &err);
    c.batch = &b;
    if (st != ST_OK)
        check_refusal(&c, &err);
    else {
        for (size_t i = 0; i < b.n_events; i++)
            must(b.events[i].wire_index >= b.n_results ||
                     b.results[b.events[i].wire_index].outcome != OUTCOME_REJECTED,
                "an event of a refused span stays");
        check_answer(&c);
        show(a, &b);
        batch_seal(&b);
        for (size_t i = 0; i < b.n_events; i++)
            digest = digest * 31 + b.events[i].digest;
    }
    arena_free(a);
    return digest;
}

/* ---- the other bodies ----------------------------------------------------------------------------------------------- */

/* The first round of questions, and what is wrong with the body. */
static void ask(enum method method, const char *pattern, struct str body)
{
    struct arena *a = arena_new();
    struct call c = call_of(a, method, pattern, body);
    struct batch b;
    struct err err = { 0 };
    batch_init(&b, a);
    enum status st = c.route->ask(&c, &err);
    if (st == ST_OK && !c.again && c.route->write && c.n_deeds == 0)
        st = c.route->write(&c, &b, &err);
    if (st != ST_OK)
        check_refusal(&c, &err);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, size };
    must(take(body) == take(body), "the same bytes give other events");
    ask(METHOD_POST, "/api/traces", body);
    ask(METHOD_POST, "/api/project", body);
    ask(METHOD_POST, "/api/promptset", body);
    ask(METHOD_POST, "/api/prompt", body);
    ask(METHOD_POST, "/api/evaluation", body);
    ask(METHOD_PUT, "/api/evaluation", body);
    ask(METHOD_POST, "/api/test", body);
    ask(METHOD_POST, "/api/data", body);
    ask(METHOD_POST, "/api/run", body);
    return 0;
}
