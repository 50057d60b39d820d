/*
 * The bytes are the body of every route of LangWatch's section 9 that takes one, and the stored body of every row that such a route asks
 * for; then of every route that only reads. Every reply must be JSON, whatever a product before this one stored.
 */
#include <stdlib.h>
#include <string.h>

#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUNDS_MAX 4

static const char *const prefixes[] = { "/api/prompts", "/api/dataset", "/api/eval", "/api/guardrails",
    "/api/exp", "/api/dspy", "/api/annotations" };

static bool is_rest(const struct route *r)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(r->pattern, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static size_t count_params(const char *pattern)
{
    size_t n = 0;
    for (; *pattern; pattern++)
        n += *pattern == '{';
    return n;
}

static struct call call_of(struct arena *a, const struct route *r, struct str body)
{
    static struct caller caller = { .project = 1,
        .project_id = STR_INIT("p"),
        .project_slug = STR_INIT("demo"),
        .organization_id = STR_INIT("o") };
    static struct pair query = { STR_INIT("experimentSlug"), STR_INIT("x") };
    struct call c = { .arena = a,
        .dialect = &langwatch_dialect,
        .route = r,
        .method = r->method,
        .path = str_of(r->pattern),
        .caller = &caller,
        .query = &query,
        .n_query = 1,
        .body = body,
        .now_ns = INT64_C(1800000000000000000) };
    c.n_params = count_params(r->pattern);
    for (size_t i = 0; i < c.n_params; i++)
        c.params[i] = STR("1");
    return c;
}

/* A row of whatever kind was asked for, whose body is the input: "1" is a prompt, a version of it, a dataset, a run, ... */
static struct row *stored(struct arena *a, const struct ask *ask, struct str body)
{
    struct row *r = arena_alloc(a, sizeof *r);
    *r = (struct row){
        .entity = ask->query.entity, .project = 1, .id = STR("1"), .created_ns = 1, .updated_ns = 2
    };
    if (r->entity == SCORE) {
        r->cols[SCORE_name] = value_text(STR("annotation"));
        r->cols[SCORE_source] = value_int(SOURCE_ANNOTATION);
        r->cols[SCORE_value] = r->cols[SCORE_metadata] = value_json(body);
        return r;
    }
    r->cols[RECORD_name] = value_text(STR("x"));
    r->cols[RECORD_parent_id] = value_text(STR("1"));
    r->cols[RECORD_status] = value_text(STR("langevals/basic"));
    r->cols[RECORD_seq] = value_int(1);
    r->cols[RECORD_body] = value_json(body);
    return r;
}

static void answer(struct call *c, size_t from, struct str body)
{
    for (size_t i = from; i < c->n_asks; i++) {
        c->asks[i].rows = stored(c->arena, &c->asks[i], body);
        c->asks[i].n = 1;
        c->asks[i].total = 1;
    }
}

static enum status ask(struct call *c, struct str body, struct err *err)
{
    enum status st = ST_OK;
    size_t from = 0;
    if (!c->route->ask)
        return ST_OK;
    do {
        c->again = false;
        st = c->route->ask(c, err);
        answer(c, from, body);
        from = c->n_asks;
        c->round++;
    } while (st == ST_OK && c->again && c->round < ROUNDS_MAX);
    return st;
}

static void run(struct arena *a, const struct route *route, struct str body)
{
    struct call c = call_of(a, route, body);
    struct reply r = { .status = 200 };
    struct batch b;
    struct err err = { 0 };
    struct json v;
    batch_init(&b, a);
    enum status st = ask(&c, body, &err);
    size_t asked = c.n_asks;
    if (st == ST_OK && route->write) {
        st = route->write(&c, &b, &err);
        if (st == ST_OK)
            batch_seal(&b);
        answer(&c, asked, body);
        for (size_t i = asked; i < c.n_asks; i++)
            if (c.asks[i].kind == ASK_GET)
                c.asks[i].rows[0].id = c.asks[i].id;
    }
    c.batch = &b;
    buf_init(&r.body, 0);
    if (st != ST_OK)
        langwatch_dialect.error(&c, &err, &r);
    else
        route->reply(&c, &r);
    if (!r.content_type && r.status != 204 && json_parse(a, buf_str(&r.body), 0, &v, &err) != ST_OK)
        abort();
    buf_fini(&r.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, size };
    for (size_t i = 0; i < langwatch_dialect.n_routes; i++) {
        const struct route *r = &langwatch_dialect.routes[i];
        if (!is_rest(r))
            continue;
        struct arena *a = arena_new();
        run(a, r, body);
        arena_free(a);
    }
    return 0;
}
