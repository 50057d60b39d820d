/*
 * The words in a value and in a trace, as LangWatch shows them (langwatch.md 4.1 to 4.3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/derive.h"

struct text_case {
    const char *json;
    enum type_hint hint;
    bool input;
    enum text_class class;
    const char *text;
};

static const struct text_case cases[] = {
    { "\"hello\"", HINT_TEXT, true, TEXT_REAL, "hello" },
    { "\"{\\\"a\\\":1}\"", HINT_TEXT, true, TEXT_REAL, "{\"a\":1}" }, /* text stays as it is */
    { "\"{\\\"input\\\":\\\"inside\\\"}\"", HINT_JSON, true, TEXT_REAL, "inside" },
    { "\"\"", HINT_TEXT, true, TEXT_NONE, NULL },
    { "null", HINT_NONE, true, TEXT_NONE, NULL },
    { "42", HINT_JSON, false, TEXT_FALLBACK, "42" },
    { "[{\"role\":\"user\",\"content\":\"q1\"},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"q2\"}]",
        HINT_CHAT_MESSAGES, true, TEXT_REAL, "q2" },
    { "[{\"role\":\"user\",\"content\":\"q1\"},{\"role\":\"assistant\",\"content\":\"a\"}]",
        HINT_CHAT_MESSAGES, false, TEXT_REAL, "q1\na" },
    { "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":\"text\",\"text\":\"two\"}]}]",
        HINT_CHAT_MESSAGES, true, TEXT_REAL, "one\ntwo" },
    { "[{\"role\":\"user\",\"content\":{\"0\":{\"text\":\"zero\"},\"1\":\"one\"}}]", HINT_NONE, true,
        TEXT_REAL, "zero\none" },
    { "[{\"role\":\"user\",\"parts\":[{\"text\":\"part\"}]}]", HINT_NONE, true, TEXT_REAL, "part" },
    { "[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"input\":{\"x\":1}}]}]", HINT_NONE,
        false, TEXT_REAL, "{\"x\":1}" },
    { "[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":[{\"text\":\"r\"}]}]}]",
        HINT_NONE, true, TEXT_REAL, "r" },
    { "[{\"role\":\"user\",\"content\":[{\"toolResult\":{\"content\":[{\"text\":\"bed\"}]}}]}]", HINT_NONE,
        true, TEXT_REAL, "bed" },
    { "[{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"}]}]", HINT_NONE, false, TEXT_REAL, "hm" },
    { "[\"a\",\"b\"]", HINT_LIST, false, TEXT_REAL, "a\nb" },
    { "{\"content\":\"{\\\"text\\\":\\\"no\\\"}\"}", HINT_JSON, true, TEXT_REAL,
        "{\"text\":\"no\"}" }, /* content of a message */
    { "{\"question\":\"q\",\"text\":\"t\"}", HINT_JSON, true, TEXT_REAL, "t" },
    { "{\"other\":1,\"query\":7}", HINT_JSON, true, TEXT_REAL, "7" },
    { "{\"flag\":1,\"answer\":true}", HINT_JSON, false, TEXT_REAL, "true" },
    { "{\"x\":1,\"inputs\":{\"y\":2,\"prompt\":\"p\"}}", HINT_JSON, true, TEXT_REAL, "p" },
    { "{\"only\":{\"deep\":\"d\"}}", HINT_JSON, true, TEXT_REAL, "d" },
    { "{\"a\":1,\"b\":\"two\"}", HINT_JSON, true, TEXT_FALLBACK, "{\"a\":1,\"b\":\"two\"}" },
    { "{\"a\":null,\"b\":\"\"}", HINT_JSON, true, TEXT_NONE, NULL },
    { "{}", HINT_JSON, true, TEXT_NONE, NULL },
};

static void test_values(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct text_case *c = &cases[i];
        struct json v;
        struct str text;
        assert_int_equal(json_parse(a, str_of(c->json), 0, &v, NULL), ST_OK);
        enum text_class class = derive_text(a, v, c->hint, c->input, &text);
        if (class != c->class || !(c->text ? str_is(text, c->text) : !text.p))
            print_error("case %zu: %s gives %d, %.*s\n", i, c->json, class, STR_ARG(text));
        assert_int_equal(class, c->class);
        assert_true(c->text ? str_is(text, c->text) : !text.p);
    }
    arena_free(a);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf b;
    struct json v;
    struct str text;
    buf_init(&b, 0);
    for (int i = 0; i < 500; i++)
        buf_add_cstr(&b, "{\"input\":");
    buf_add_cstr(&b, "\"deep\"");
    for (int i = 0; i < 500; i++)
        buf_add_char(&b, '}');
    assert_int_equal(json_parse(a, buf_str(&b), 0, &v, NULL), ST_OK);
    assert_int_equal(derive_text(a, v, HINT_JSON, true, &text), TEXT_NONE);
    buf_fini(&b);
    arena_free(a);
}

/* ---- traces --------------------------------------------------------------------------------------------------------- */

static struct row span(
    const char *id, const char *parent, int64_t start, int64_t end, const char *input, const char *output)
{
    struct row r = { .entity = OBSERVATION, .id = str_of(id), .scope = STR("t") };
    r.cols[OBSERVATION_parent_id] = value_text(str_of(parent));
    r.cols[OBSERVATION_start_ns] = value_int(start);
    r.cols[OBSERVATION_end_ns] = value_int(end);
    r.cols[OBSERVATION_input] = value_json(str_of(input));
    r.cols[OBSERVATION_output] = value_json(str_of(output));
    return r;
}

static void expect(struct row *rows, size_t n, bool input, const char *want)
{
    struct arena *a = arena_new();
    struct str text;
    assert_int_equal(derive_trace_text(a, rows, n, input, NULL, &text, NULL), ST_OK);
    if (!(want ? str_is(text, want) : !text.p))
        print_error("want %s, have %.*s\n", want ? want : "nothing", STR_ARG(text));
    assert_true(want ? str_is(text, want) : !text.p);
    arena_free(a);
}

static void test_trace_input(void **state)
{
    (void)state;
    struct row rows[] = { span("r", NULL, 5, 9, "{\"a\":1,\"b\":2}", NULL),
        span("c", "r", 6, 7, "\"child\"", NULL), span("r2", NULL, 6, 7, NULL, NULL) };
    expect(rows, 3, true, "child"); /* real text before a root's fallback */
    rows[2].cols[OBSERVATION_input] = value_json(STR("\"second root\""));
    expect(rows, 3, true, "second root");
    rows[0].cols[OBSERVATION_input] = value_json(STR("\"first root\""));
    expect(rows, 3, true, "first root");
    expect(rows, 0, true, NULL);
    rows[0].cols[OBSERVATION_type] = value_int(OBS_TOOL);
    rows[2].cols[OBSERVATION_name] = value_text(STR("langwatch.track_event"));
    expect(rows, 3, true, "child");
}

static void test_trace_output(void **state)
{
    (void)state;
    struct row rows[] = { span("r", NULL, 0, 9, NULL, NULL),
        span("x", "r", 1, 8, NULL, "[{\"role\":\"assistant\",\"content\":\"inferred\"}]"),
        span("y", "r", 2, 4, NULL, "\"explicit\""), span("z", "r", 3, 5, NULL, "{\"a\":1,\"b\":2}") };
    expect(rows, 4, false, "explicit");
    rows[2].cols[OBSERVATION_output] = (struct value){ 0 };
    expect(rows, 4, false, "inferred");
    rows[1].cols[OBSERVATION_output] = (struct value){ 0 };
    expect(rows, 4, false, "{\"a\":1,\"b\":2}");
    rows[0].cols[OBSERVATION_output] = value_json(STR("\"root\""));
    expect(rows, 4, false, "root");
}

static void test_http_stands_in(void **state)
{
    (void)state;
    struct row rows[] = { span("r", NULL, 0, 9, NULL, NULL) };
    rows[0].cols[OBSERVATION_params] =
        value_json(STR("{\"http\":{\"method\":\"GET\",\"target\":\"/x\",\"status_code\":200}}"));
    expect(rows, 1, true, "GET /x");
    expect(rows, 1, false, "200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_trace_input),
        cmocka_unit_test(test_trace_output),
        cmocka_unit_test(test_http_stands_in),
    };
    return cmocka_run_group_tests_name("model_text", tests, NULL, NULL);
}
