/*
 * otlp: traces of several spans (otlp.md 2.15, and 3, end: a to d), through the mapping and model/derive, in every order of the spans and
 * with a span sent twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/derive.h"
#include "support/model_kit.h"
#include "support/otlp_mapped.h"

#define SPANS_MOST 4

struct trace_case {
    const char *name;
    const char *spans[SPANS_MOST]; /* without their trace id */
    struct {
        const char *name, *user_id, *session_id, *environment, *tags; /* NULL: none */
        int64_t observations, blocked, tokens, start_ns, end_ns;
    } shows;
};

/* Span i of the case as an event. */
static const struct event *mapped(struct otlp_mapped *m, const char *span)
{
    struct json body;
    size_t first = m->batch.n_events;
    struct str text = arena_printf(m->a,
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" CASE_TRACE "\",%s]}]}]}",
        span + 1);
    assert_int_equal(json_parse(m->a, text, 0, &body, NULL), ST_OK);
    otlp_mapped_body(m, SIGNAL_TRACES, body);
    assert_int_equal(m->batch.n_events, first + 1);
    return &m->batch.events[first];
}

/* Rows of the trace after the spans came in this order. */
static size_t join(struct kit *k, struct otlp_mapped *m, const struct trace_case *c, const size_t *order,
    size_t n, struct row *rows)
{
    struct kit_row joined[SPANS_MOST] = { 0 };
    size_t n_rows = 0;
    for (size_t i = 0; i < n; i++)
        mapped(m, c->spans[order[i]]);
    batch_seal(&m->batch);
    for (size_t i = 0; i < n; i++) {
        const struct event *e = &m->batch.events[i];
        size_t at = 0;
        while (at < n_rows && !str_eq(rows[at].id, e->id))
            at++;
        if (at == n_rows)
            rows[n_rows++] =
                (struct row){ .entity = OBSERVATION, .scope = STR(CASE_TRACE), .id = arena_dup(k->a, e->id) };
        kit_apply(k, OBSERVATION, &joined[at], e, 1000);
        rows[at].fold = joined[at].fold;
        for (size_t col = 0; col < COLUMNS_MAX; col++)
            rows[at].cols[col] = joined[at].cols[col];
    }
    return n_rows;
}

static void must_be(const struct trace_case *c, const char *what, struct str have, const char *want)
{
    if (!str_eq(have, str_of(want)) || (want == NULL) != (have.p == NULL))
        fail_msg("%s: %s is %.*s, not %s", c->name, what, STR_ARG(have), want ? want : "unset");
}

static void check_order(const struct trace_case *c, const size_t *order, size_t n)
{
    struct kit k;
    struct otlp_mapped m; /* rows point into it */
    struct row rows[SPANS_MOST];
    struct derived d;
    kit_init(&k, 1);
    otlp_mapped_init(&m);
    size_t n_rows = join(&k, &m, c, order, n, rows);
    derive_trace(k.a, rows, n_rows, price_default(), &d);
    must_be(c, "name", d.name, c->shows.name);
    must_be(c, "user", d.user_id, c->shows.user_id);
    must_be(c, "session", d.session_id, c->shows.session_id);
    must_be(c, "environment", d.environment, c->shows.environment);
    must_be(c, "tags", d.tags, c->shows.tags);
    assert_int_equal(d.observations, c->shows.observations);
    assert_int_equal(d.blocked, c->shows.blocked);
    assert_int_equal(d.tokens_total, c->shows.tokens);
    assert_int_equal(d.start_ns, c->shows.start_ns);
    assert_int_equal(d.end_ns, c->shows.end_ns);
    kit_fini(&k);
    otlp_mapped_fini(&m);
}

/* Every permutation; each also with its first span once more at the end. */
static size_t permute(const struct trace_case *c, size_t *order, size_t n, size_t fixed)
{
    size_t runs = 0;
    if (fixed == n) {
        check_order(c, order, n);
        order[n] = order[0];
        check_order(c, order, n + 1);
        return 2;
    }
    for (size_t i = fixed; i < n; i++) {
        size_t x = order[fixed];
        order[fixed] = order[i];
        order[i] = x;
        runs += permute(c, order, n, fixed + 1);
        x = order[fixed];
        order[fixed] = order[i];
        order[i] = x;
    }
    return runs;
}

#define SPAN(id, parent, name, start, end, more)                              \
    "{\"spanId\":\"" id "\",\"parentSpanId\":\"" parent "\",\"name\":\"" name \
    "\",\"startTimeUnixNano\":\"" start "\",\"endTimeUnixNano\":\"" end "\",\"attributes\":{" more "}}"
#define A "000000000000000a"
#define B "000000000000000b"
#define C "000000000000000c"
#define D "000000000000000d"

static void every_order(void **state)
{
    static const struct trace_case cases[] = {
        { "a: a child with session.id, and its root",
            { SPAN(A, "", "root", "1", "9", ""), SPAN(B, A, "child", "2", "5", "\"session.id\":\"S\"") },
            { "root", NULL, "S", NULL, NULL, 2, 0, 0, 1, 9 } },
        { "b: two roots, the later unnamed",
            { SPAN(A, "", "first", "1", "5", "\"gen_ai.user\":\"u1\""),
                SPAN(B, "", "", "3", "9", "\"gen_ai.user\":\"u2\",\"gen_ai.conversation.id\":\"c2\"") },
            { "first", "u1", "c2", NULL, NULL, 2, 0, 0, 1, 9 } },
        { "c: a parent that never comes",
            { SPAN(A, D, "early", "1", "5", "\"deployment.environment\":\"e1\""),
                SPAN(B, D, "late", "3", "9", "\"deployment.environment\":\"e2\",\"gen_ai.user\":\"u\"") },
            { "early", "u", NULL, "e1", NULL, 2, 0, 0, 1, 9 } },
        { "d: the same span twice",
            { SPAN(A, "", "once", "1", "5", "\"gen_ai.usage.input_tokens\":3"),
                SPAN(A, "", "once", "1", "5", "\"gen_ai.usage.input_tokens\":3") },
            { "once", NULL, NULL, NULL, NULL, 1, 0, 3, 1, 5 } },
        { "a child as root, trace keys by start, tags in order, a roll-up, a guardrail",
            { SPAN(A, "", "root", "1", "9",
                  "\"user.id\":\"early\",\"langfuse.trace.tags\":[\"z\",\"b\"],\"gen_ai.usage.input_tokens\":3"),
                SPAN(B, A, "asked", "2", "7",
                    "\"langfuse.internal.as_root\":true,\"user.id\":\"late\",\"tag.tags\":\"a,z\""),
                SPAN(C, A, "sum", "3", "4",
                    "\"gen_ai.usage.input_tokens\":3,\"langwatch.reserved.skip_token_accumulation\":true"),
                SPAN(D, A, "guard", "4", "5",
                    "\"langwatch.span.type\":\"guardrail\",\"langwatch.output\":\"{\\\"passed\\\":false}\"") },
            { "root", "late", NULL, NULL, "[\"z\",\"b\",\"a\"]", 4, 1, 3, 1, 9 } },
    };
    size_t runs = 0;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t order[SPANS_MOST + 1] = { 0, 1, 2, 3 }, n = 0;
        while (n < SPANS_MOST && cases[i].spans[n])
            n++;
        runs += permute(&cases[i], order, n, 0);
    }
    assert_int_equal(runs, 4 * 2 * 2 + 24 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_order) };
    return cmocka_run_group_tests_name("otlp_assembly", tests, NULL, NULL);
}
