/* otlp: what a span was sent with comes back from its row: attributes and events, of recorded traffic and of each form a payload can have. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "support/otlp_mapped.h"

#define FIXTURES TW_SOURCE_DIR "/test/fixtures"

struct check {
    struct arena *a;
    struct batch batch;
    struct otlp_mapper *mapper;
    size_t spans, apart, payloads;
};

/* ---- what was sent ------------------------------------------------------------------------------------------------------ */

static void write_any(struct jw *w, const struct any *v)
{
    switch (v->kind) {
    case ANY_NULL: jw_null(w); break;
    case ANY_TEXT: jw_str(w, v->s); break;
    case ANY_BOOL: jw_bool(w, v->b); break;
    case ANY_INT: jw_i64(w, v->i); break;
    case ANY_DOUBLE: jw_f64(w, v->d); break;
    case ANY_JSON: jw_raw(w, v->s); break;
    }
}

static void write_attributes(struct jw *w, const struct otlp_attributes *list)
{
    jw_obj(w);
    for (size_t i = 0; i < list->n; i++) {
        jw_key_str(w, list->items[i].key);
        write_any(w, &list->items[i].value);
    }
    jw_obj_end(w);
}

static void write_events(struct jw *w, struct arena *a, const struct otlp_span *s)
{
    jw_arr(w);
    for (size_t i = 0; i < s->n_events; i++) {
        jw_obj(w);
        jw_kv_str(w, "name", s->events[i].name);
        jw_kv_str(w, "time", arena_printf(a, "%lld", (long long)s->events[i].time_ns));
        jw_key(w, "attributes");
        write_attributes(w, &s->events[i].attributes);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

/* ---- what comes back ---------------------------------------------------------------------------------------------------- */

static struct row row_of(const struct event *e)
{
    struct row r = { .entity = OBSERVATION, .scope = e->scope, .id = e->id };
    for (size_t i = 0; i < e->n_cells; i++)
        r.cols[e->cells[i].column] = e->cells[i].value;
    return r;
}

static void must_equal(struct arena *a, const char *what, struct buf *sent, struct buf *back)
{
    struct json x, y;
    assert_int_equal(json_parse(a, buf_str(sent), 0, &x, NULL), ST_OK);
    assert_int_equal(json_parse(a, buf_str(back), 0, &y, NULL), ST_OK);
    if (!json_equal(x, y))
        fail_msg("%s\n  sent %.*s\n  back %.*s", what, STR_ARG(json_canonical(a, x)),
            STR_ARG(json_canonical(a, y)));
}

static void check_span(void *ctx, const struct otlp_span *s)
{
    struct check *c = ctx;
    struct err err = { 0 };
    struct buf sent, back;
    size_t first = c->batch.n_events;
    assert_int_equal(otlp_map_span(c->mapper, s, &err), ST_OK);
    if (c->batch.n_events == first)
        return;
    struct row r = row_of(&c->batch.events[first]);
    buf_init(&sent, 0);
    buf_init(&back, 0);
    struct jw x = jw_of(&sent), y = jw_of(&back);
    write_attributes(&x, &s->attributes);
    otlp_attributes_back(&y, c->a, &r);
    must_equal(c->a, "attributes", &sent, &back);
    buf_clear(&sent);
    buf_clear(&back);
    x = jw_of(&sent);
    y = jw_of(&back);
    write_events(&x, c->a, s);
    otlp_events_back(&y, c->a, &r);
    must_equal(c->a, "events", &sent, &back);
    buf_fini(&sent);
    buf_fini(&back);
    struct str left = row_text(&r, OBSERVATION_leftovers);
    c->spans++;
    c->apart += str_find(left, STR("\"apart\":true")) != SIZE_MAX;
    c->payloads += str_find(left, STR("putKey\":")) != SIZE_MAX;
}

static void check_body(struct check *c, struct json body)
{
    struct otlp_tally tally = { 0 };
    struct err err = { 0 };
    const struct otlp_sink sink = { c, check_span, NULL };
    batch_init(&c->batch, arena_new());
    c->mapper = otlp_mapper_new(&c->batch, 1, 0, STR_NONE);
    assert_int_equal(otlp_read_json(c->batch.arena, body, SIGNAL_TRACES, &sink, &tally, &err), ST_OK);
    otlp_mapper_free(c->mapper);
    batch_fini(&c->batch);
}

/* ---- recorded traffic --------------------------------------------------------------------------------------------------- */

static struct str file_of(struct arena *a, const char *path)
{
    struct buf b;
    char chunk[4096];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    buf_init(&b, 0);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_add(&b, chunk, n);
    fclose(f);
    struct str content = arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return content;
}

static void check_recording(struct check *c, const char *path)
{
    struct json recording, request;
    c->a = arena_new();
    assert_int_equal(json_parse(c->a, file_of(c->a, path), 0, &recording, NULL), ST_OK);
    for (struct json_iter it = json_iter(json_key(recording, "requests")); json_next(&it, NULL, &request);) {
        struct json decoded = json_key(request, "bodyDecoded");
        struct json body = json_is_obj(decoded) ? decoded : json_key(request, "body");
        if (json_is_arr(json_key(body, "resourceSpans")))
            check_body(c, body);
    }
    arena_free(c->a);
}

static void check_folder(struct check *c, const char *folder)
{
    char path[1024];
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (str_ends(str_of(e->d_name), STR(".json"))) {
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            check_recording(c, path);
        }
    closedir(dir);
}

static void all_recordings(void **state)
{
    struct check c = { 0 };
    char path[1024];
    DIR *dir = opendir(FIXTURES);
    (void)state;
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", FIXTURES, e->d_name);
            check_folder(&c, path);
        }
    closedir(dir);
    print_message(
        "%zu spans, %zu with attributes apart, %zu with a payload kept once\n", c.spans, c.apart, c.payloads);
    assert_true(c.spans > 100);
    assert_true(c.payloads > 5);
}

/* ---- the vectors of otlp.md 3 ------------------------------------------------------------------------------------------- */

static void all_vectors(void **state)
{
    struct check c = { .a = arena_new() };
    struct json vectors, v, body;
    (void)state;
    assert_int_equal(
        json_parse(c.a, file_of(c.a, TW_SOURCE_DIR "/test/vectors/otlp-vectors.json"), 0, &vectors, NULL),
        ST_OK);
    for (struct json_iter it = json_iter(vectors); json_next(&it, NULL, &v);) {
        struct str text = arena_printf(c.a,
            "{\"resourceSpans\":[{\"resource\":%.*s,\"scopeSpans\":[{\"scope\":%.*s,\"spans\":[%.*s]}]}]}",
            STR_ARG(json_text(c.a, json_key(v, "resource"))), STR_ARG(json_text(c.a, json_key(v, "scope"))),
            STR_ARG(json_text(c.a, json_key(v, "span"))));
        assert_int_equal(json_parse(c.a, text, 0, &body, NULL), ST_OK);
        check_body(&c, body);
    }
    assert_int_equal(c.spans, 37); /* one is dropped */
    arena_free(c.a);
}

/* ---- each form ---------------------------------------------------------------------------------------------------------- */

static void each_form(void **state)
{
    static const struct otlp_case cases[] = {
        { "plain text", "{\"input.value\":\"hi\",\"output.value\":\"yo\"}",
            .expect =
                "{\"input\":\"hi\",\"leftovers\":{\"inputKey\":\"input.value\",\"outputKey\":\"output.value\"}}" },
        { "JSON text, minified", "{\"input.value\":\"{\\\"a\\\":[1,2]}\"}",
            .expect =
                "{\"input\":{\"a\":[1,2]},\"leftovers\":{\"inputKey\":\"input.value\",\"inputForm\":\"text\"}}" },
        { "JSON text of Python", "{\"input.value\":\"{\\\"a\\\": [1, 2], \\\"b, c: \\\\\\\"\\\": 3}\"}",
            .expect =
                "{\"input\":{\"a\":[1,2],\"b, c: \\\"\":3},\"leftovers\":{\"inputKey\":\"input.value\",\"inputForm\":\"spaced\"}}" },
        { "JSON text with spaces of its own", "{\"input.value\":\"{ \\\"a\\\":1}\"}",
            .expect =
                "{\"input\":{\"a\":1},\"leftovers\":{\"attributes\":{\"input.value\":\"{ \\\"a\\\":1}\"}}}" },
        { "a structure", "{\"input.value\":{\"a\":1}}",
            .expect = "{\"input\":{\"a\":1},\"leftovers\":{\"inputKey\":\"input.value\"}}" },
        { "a number", "{\"input.value\":7}",
            .expect = "{\"input\":7,\"leftovers\":{\"inputKey\":\"input.value\"}}" },
        { "an attribute of an event", NULL,
            "\"events\":[{\"name\":\"a\"},{\"name\":\"gen_ai.content.prompt\",\"timeUnixNano\":\"5\",\"attributes\":{\"gen_ai.prompt\":\"[{\\\"role\\\":\\\"user\\\"}]\",\"k\":1}}]",
            .expect =
                "{\"input\":[{\"role\":\"user\"}],\"leftovers\":{\"inputKey\":\"event:1:gen_ai.prompt\",\"inputForm\":\"text\","
                "\"events\":[{\"name\":\"a\",\"attributes\":{}},{\"name\":\"gen_ai.content.prompt\",\"time\":\"5\",\"attributes\":{\"k\":1}}]}}" },
        { "a part of an attribute",
            "{\"langwatch.input\":\"{\\\"type\\\":\\\"text\\\",\\\"value\\\":\\\"v\\\"}\"}",
            .expect =
                "{\"input\":\"v\",\"leftovers\":{\"attributes\":{\"langwatch.input\":\"{\\\"type\\\":\\\"text\\\",\\\"value\\\":\\\"v\\\"}\"}}}" },
        { "the span's other parts", "{\"user.id\":\"u\"}",
            "\"kind\":3,\"traceState\":\"k=v\",\"flags\":257,\"status\":{\"code\":1,\"message\":\"fine\"},\"droppedAttributesCount\":1,"
            "\"droppedEventsCount\":2,\"droppedLinksCount\":3,\"links\":[{\"traceId\":\"0af7651916cd43dd8448eb211c80319d\","
            "\"spanId\":\"b7ad6b7169203332\",\"traceState\":\"x=y\",\"flags\":1,\"attributes\":{\"l\":1},\"droppedAttributesCount\":4}]",
            .expect =
                "{\"leftovers\":{\"attributes\":{\"user.id\":\"u\"},\"kind\":3,\"traceState\":\"k=v\",\"flags\":257,\"status\":{\"code\":1,\"message\":\"fine\"},"
                "\"links\":[{\"traceId\":\"0af7651916cd43dd8448eb211c80319d\",\"spanId\":\"b7ad6b7169203332\",\"traceState\":\"x=y\",\"flags\":1,"
                "\"attributes\":{\"l\":1},\"dropped\":4}],\"dropped\":{\"attributes\":1,\"events\":2,\"links\":3}}}" },
        { "nothing", "{}", .expect = "{\"leftovers\":null}" },
    };
    (void)state;
    assert_int_equal(otlp_check_spans(cases, sizeof cases / sizeof *cases), 0);
}

/* Each form once more, read back; and keys that the form itself uses. */
static void forms_come_back(void **state)
{
    static const char *const spans[] = {
        "{\"attributes\":{\"input.value\":\"{\\\"a\\\": [1, 2], \\\"b, c: \\\\\\\"\\\": 3}\",\"output.value\":\"{ }\"}}",
        "{\"attributes\":{\"input.value\":\"[1,2]\",\"output.value\":\"\\\"quoted\\\"\"}}",
        "{\"attributes\":{\"input\":null,\"output\":false,\"event:0:x\":\"y\",\"\":\"empty\"}}",
        "{\"attributes\":{\"mlflow.spanInputs\":\"\\\"text\\\"\",\"mlflow.spanOutputs\":\"[1, 2]\"}}",
        "{\"attributes\":{\"metadata\":{\"attributes\":{\"mine\":1}},\"left\":true,\"input\":\"i\"}}",
        ("{\"attributes\":{\"input\":\"same\"},\"events\":[{\"name\":\"gen_ai.content.prompt\",\"timeUnixNano\":\"1\",\"attributes\":{\"gen_ai.prompt\":\"p\"}},"
         "{\"name\":\"gen_ai.content.completion\",\"timeUnixNano\":\"2\",\"attributes\":{\"gen_ai.completion\":\"[{\\\"role\\\": \\\"a\\\"}]\",\"n\":2}}]}"),
        "{\"attributes\":{\"pi\":3.25,\"big\":9007199254740993,\"list\":[1,[\"a\"],{\"k\":null}],\"uni\":\"\\u00fc\\ud83d\\ude00\"}}",
    };
    struct check c = { .a = arena_new() };
    struct json body;
    (void)state;
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        struct str text = arena_printf(c.a,
            "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" CASE_TRACE
            "\",\"spanId\":\"" CASE_SPAN "\",\"startTimeUnixNano\":\"9\",%s]}]}]}",
            spans[i] + 1);
        assert_int_equal(json_parse(c.a, text, 0, &body, NULL), ST_OK);
        check_body(&c, body);
    }
    assert_int_equal(c.spans, sizeof spans / sizeof *spans);
    arena_free(c.a);
}

static void rows_from_elsewhere(void **state)
{
    struct arena *a = arena_new();
    struct row r = { .entity = OBSERVATION };
    struct buf b;
    (void)state;
    r.cols[OBSERVATION_metadata] = value_json(STR("{\"k\":1}"));
    r.cols[OBSERVATION_leftovers] = value_json(STR("{\"stack\":\"s\"}"));
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_arr(&w);
    otlp_attributes_back(&w, a, &r);
    otlp_events_back(&w, a, &r);
    jw_arr_end(&w);
    assert_true(str_is(buf_str(&b), "[{},[]]"));
    buf_fini(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_recordings),
        cmocka_unit_test(all_vectors),
        cmocka_unit_test(each_form),
        cmocka_unit_test(forms_come_back),
        cmocka_unit_test(rows_from_elsewhere),
    };
    return cmocka_run_group_tests_name("otlp_back", tests, NULL, NULL);
}
