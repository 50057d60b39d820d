/* store: log messages of a span become its input and output, in any order of arrival, in one request or many, below the span's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/derive.h"
#include "store/store.h"
#include "support/store_kit.h"

#define TRACE_ID STR("0af7651916cd43dd8448eb211c80319c")
#define SPAN_ID  STR("b7ad6b7169203331")

/* What can arrive: two messages, a choice, and the span, with or without an input of its own. */
enum { FROM_SYSTEM, FROM_USER, A_CHOICE, THE_SPAN, PIECES };

static void add_message(struct batch *b, const char *id, int64_t t, const char *side, const char *body)
{
    size_t place = b->n_events;
    struct event *e = event_new(b, PROFILE_OTLP_LOG_MESSAGE, 1, STR(LOG_MESSAGE), str_of(id), t);
    event_set_text(e, RECORD_name, STR("gen_ai.message"));
    event_set_text(e, RECORD_parent_id, message_parent(b->arena, TRACE_ID, SPAN_ID));
    event_set_text(e, RECORD_trace_id, TRACE_ID);
    event_set_int(e, RECORD_time_ns, t);
    event_set_int(e, RECORD_seq, (int64_t)place);
    event_set_text(e, RECORD_status, str_of(side));
    event_set_json(e, RECORD_body, str_of(body));
}

static void add_span(struct batch *b, const char *input)
{
    struct event *e = event_new(b, PROFILE_OTLP_SPAN, 1, TRACE_ID, SPAN_ID, 900);
    event_set_null(e, OBSERVATION_parent_id);
    event_set_text(e, OBSERVATION_name, STR("chat"));
    event_set_int(e, OBSERVATION_start_ns, 100);
    event_set_int(e, OBSERVATION_end_ns, 900);
    event_set_json(e, OBSERVATION_input, str_of(input));
}

static void add_piece(struct batch *b, int piece, const char *input)
{
    switch (piece) {
    case FROM_SYSTEM:
        add_message(b, "m1", 200, MESSAGE_INPUT, "{\"role\":\"system\",\"content\":\"s\"}");
        break;
    case FROM_USER: add_message(b, "m2", 300, MESSAGE_INPUT, "{\"role\":\"user\",\"content\":\"u\"}"); break;
    case A_CHOICE: add_message(b, "m3", 800, MESSAGE_OUTPUT, "{\"index\":0}"); break;
    default: add_span(b, input); break;
    }
}

static void apply(struct store *s, struct batch *b)
{
    static int64_t now = 1000;
    struct err err = { 0 };
    batch_seal(b);
    assert_int_equal(store_apply(s, b, ++now, &err), ST_OK);
    assert_int_equal(store_commit(s, &err), ST_OK);
    batch_fini(b);
}

static void must_show(struct store *s, const char *input, const char *output)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct row *r;
    assert_int_equal(store_get(s, a, 1, OBSERVATION, TRACE_ID, SPAN_ID, WITH_PAYLOAD, &r, &err), ST_OK);
    assert_non_null(r);
    assert_true(str_is(row_text(r, OBSERVATION_input), input));
    assert_true(str_is(row_text(r, OBSERVATION_output), output));
    assert_true(str_is(row_text(r, OBSERVATION_name), "chat"));
    assert_int_equal(store_get(s, a, 1, TRACE, STR_NONE, TRACE_ID, WITH_PAYLOAD, &r, &err), ST_OK);
    assert_true(str_is(trace_input(r, false).s, input));
    assert_true(str_is(trace_output(r, false).s, output));
    arena_free(a);
}

static struct store *open_store(bool sqlite, char **dir)
{
    struct store *s = NULL;
    struct err err = { 0 };
    struct store_options o = rowkit_options();
    *dir = sqlite ? folder_new() : NULL;
    assert_int_equal(sqlite ? store_open(*dir, &o, &s, &err) : store_open_memory(&s, &err), ST_OK);
    return s;
}

/* Every order of the pieces, a request each, the first one sent again at the end. */
static void in_order(bool sqlite, const int order[PIECES], const char *span_input, const char *shown)
{
    char *dir;
    struct store *s = open_store(sqlite, &dir);
    for (int i = 0; i <= PIECES; i++) {
        struct batch b;
        batch_init(&b, arena_new());
        add_piece(&b, order[i % PIECES], span_input);
        apply(s, &b);
    }
    must_show(s, shown, "{\"index\":0}");
    store_close(s);
    if (dir)
        folder_drop(dir);
}

static void each_order(const char *span_input, const char *shown)
{
    for (int n = 0; n < PIECES * PIECES * PIECES * PIECES; n++) {
        int order[PIECES], rest = n;
        unsigned met = 0;
        for (int i = 0; i < PIECES; i++, rest /= PIECES)
            met |= 1u << (order[i] = rest % PIECES);
        if (met != (1u << PIECES) - 1)
            continue;
        in_order(false, order, span_input, shown);
        in_order(true, order, span_input, shown);
    }
}

#define BOTH "[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"}]"

static void fills_what_the_span_lacks(void **state)
{
    (void)state;
    each_order(NULL, BOTH);
}

static void stands_below_the_span(void **state)
{
    (void)state;
    each_order("\"own\"", "\"own\"");
}

static void one_request(void **state)
{
    (void)state;
    char *dir;
    struct store *s = open_store(false, &dir);
    struct batch b;
    batch_init(&b, arena_new());
    for (int i = PIECES; i > 0; i--)
        add_piece(&b, i - 1, NULL);
    add_message(&b, "m4", 801, MESSAGE_OUTPUT, "{\"index\":1}");
    apply(s, &b);
    must_show(s, BOTH, "[{\"index\":0},{\"index\":1}]");
    store_close(s);
}

/* In one millisecond: as the request has them, whatever their ids. */
static void one_time(void **state)
{
    (void)state;
    char *dir;
    struct store *s = open_store(false, &dir);
    struct batch b;
    batch_init(&b, arena_new());
    add_span(&b, NULL);
    add_message(&b, "z", 200, MESSAGE_INPUT, "1");
    add_message(&b, "m", 200, MESSAGE_INPUT, "2");
    add_message(&b, "a", 200, MESSAGE_INPUT, "3");
    add_message(&b, "b", 200, MESSAGE_OUTPUT, "4");
    apply(s, &b);
    must_show(s, "[1,2,3]", "4");
    store_close(s);
}

/* More than are shown: the earliest, whenever they come. */
static void too_many(void **state)
{
    (void)state;
    char *dir;
    struct store *s = open_store(true, &dir);
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct row *r;
    struct batch b;
    for (int half = 1; half >= 0; half--) {
        batch_init(&b, arena_new());
        for (int i = half * 600; i < half * 600 + 600; i++)
            add_message(&b, arena_cstr(b.arena, arena_printf(b.arena, "m%d", i)), 1000 + i, MESSAGE_INPUT,
                arena_cstr(b.arena, arena_printf(b.arena, "%d", i)));
        apply(s, &b);
    }
    assert_int_equal(store_get(s, a, 1, OBSERVATION, TRACE_ID, SPAN_ID, WITH_PAYLOAD, &r, &err), ST_OK);
    struct str input = row_text(r, OBSERVATION_input);
    assert_true(str_starts(input, STR("[0,1,2,")));
    assert_true(str_ends(input, STR(",998,999]")));
    arena_free(a);
    store_close(s);
    folder_drop(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_what_the_span_lacks),
        cmocka_unit_test(stands_below_the_span),
        cmocka_unit_test(one_request),
        cmocka_unit_test(one_time),
        cmocka_unit_test(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
