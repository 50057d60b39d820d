/* Runs test/dialect/otlp/, and what needs bytes that are no text: requests and answers in protobuf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/protobuf.h"
#include "dialect/otlp/otlp.h"
#include "support/dialect_case.h"

static void cases(void **state)
{
    size_t run = 0, failed = dialect_cases_run(&otlp_dialect, &run);
    (void)state;
    print_message("%zu cases\n", run);
    assert_int_equal(failed, 0);
    assert_true(run > 0);
}

/* ---- one request ------------------------------------------------------------------------------------------------------ */

static const struct route *route_of(const struct dialect *d, const char *pattern)
{
    for (size_t i = 0; i < d->n_routes; i++)
        if (str_is(str_of(pattern), d->routes[i].pattern))
            return &d->routes[i];
    fail_msg("no route %s", pattern);
    return NULL;
}

struct sent {
    struct arena *arena;
    struct batch batch;
    struct reply reply;
    const char *type; /* of the reply */
    struct str body;  /* of the reply */
};

static void send_to(
    struct sent *x, const struct dialect *d, const char *path, const char *type, struct str body)
{
    static struct caller caller = { .project = 1, .project_id = STR_INIT("p") };
    struct pair header = { STR("content-type"), str_of(type) };
    struct err err = { 0 };
    *x = (struct sent){ .arena = arena_new(), .reply.status = 200 };
    struct call c = { .arena = x->arena,
        .dialect = d,
        .route = route_of(d, path),
        .method = METHOD_POST,
        .path = str_of(path),
        .caller = &caller,
        .headers = &header,
        .n_headers = type ? 1 : 0,
        .body = body,
        .now_ns = INT64_C(1800000000000000000) };
    batch_init(&x->batch, arena_new());
    buf_init(&x->reply.body, 0);
    c.batch = &x->batch;
    if (c.route->write(&c, &x->batch, &err) == ST_OK)
        c.route->reply(&c, &x->reply);
    else
        d->error(&c, &err, &x->reply);
    x->type = x->reply.content_type ? x->reply.content_type : "application/json";
    x->body = buf_str(&x->reply.body);
}

static void done_with(struct sent *x)
{
    buf_fini(&x->reply.body);
    batch_fini(&x->batch);
    arena_free(x->arena);
}

#define PROTOBUF "application/x-protobuf"
#define JSON     "application/json"

static void assert_answer(struct sent *x, int status, const char *type, struct str body)
{
    assert_int_equal(x->reply.status, status);
    assert_string_equal(x->type, type);
    assert_int_equal(x->body.n, body.n);
    assert_true(str_eq(x->body, body));
    done_with(x);
}

/* An error's number and text. */
static void assert_status(struct sent *x, int status, uint64_t code, const char *text)
{
    struct protobuf p = protobuf_of(x->body);
    struct protobuf_field f;
    bool more;
    assert_int_equal(x->reply.status, status);
    assert_string_equal(x->type, PROTOBUF);
    assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
    assert_int_equal(f.number, 1);
    assert_true(f.value == code);
    assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
    assert_int_equal(f.number, 2);
    if (!str_starts(f.data, str_of(text)))
        fail_msg("\"%.*s\" does not begin with \"%s\"", STR_ARG(f.data), text);
    assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
    assert_false(more);
    done_with(x);
}

/* A span "op" of the contract's worked bytes (otlp.md 1.6). */
static const char worked_hex[] =
    "0a91010a180a160a0c736572766963652e6e616d6512060a0464656d6f12750a050a036c6962126c0a105b8efff798038103d269b633813fc60c"
    "1208eee19b7ec3c1b1742a026f7030033900e02c19bb115e184100d92faebb115e184a100a016e120b18ffffffffffffffffff014a0e0a016412"
    "0921000000000000e03f4a070a0162120210017a051201781802850101010000";
static struct str worked(void)
{
    static uint8_t bytes[sizeof worked_hex / 2];
    assert_true(hex_decode((struct str){ worked_hex, sizeof worked_hex - 1 }, bytes));
    return (struct str){ (const char *)bytes, sizeof bytes };
}

/* ---- requests --------------------------------------------------------------------------------------------------------- */

static void assert_stored(const struct sent *x)
{
    assert_true(x->batch.n_events >= 1);
    assert_int_equal(x->batch.n_results, 1);
    assert_true(str_is(x->batch.events[0].id, "eee19b7ec3c1b174"));
    assert_true(str_is(x->batch.events[0].scope, "5b8efff798038103d269b633813fc60c"));
    const struct value *name = event_get(&x->batch.events[0], OBSERVATION_name);
    assert_non_null(name);
    assert_true(str_is(name->s, "op"));
}

static void protobuf_under_any_label(void **state)
{
    static const char *const types[] = { PROTOBUF, "application/protobuf", "Application/X-Protobuf; x=y",
        JSON, "application/octet-stream", NULL };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct sent x;
        send_to(&x, &otlp_dialect, "/v1/traces", types[i], worked());
        assert_stored(&x);
        assert_answer(&x, 200, PROTOBUF, STR(""));
    }
}

/* 0a 7b: a line break and {, to JSON. */
static void protobuf_that_begins_as_json(void **state)
{
    static const char *const types[] = { PROTOBUF, JSON, NULL };
    struct buf b;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sent x;
        struct str w = worked(), resource_spans = str_sub(w, 3, SIZE_MAX);
        char padding[200] = { 0 };
        buf_init(&b, 0);
        /* Two entries; the first is 0x7b bytes of an unknown field. */
        buf_add_cstr(&b, "\x0a\x7b\x7a\x79");
        buf_add(&b, padding, 0x79);
        protobuf_add_bytes(&b, 1, resource_spans);
        assert_true(str_starts(buf_str(&b), STR("\n{")));
        send_to(&x, &otlp_dialect, "/v1/traces", types[i], buf_str(&b));
        assert_stored(&x);
        assert_answer(&x, 200, PROTOBUF, STR(""));
        buf_fini(&b);
    }
}

static void answers_have_the_form_of_the_request(void **state)
{
    struct sent x;
    (void)state;
    send_to(&x, &otlp_dialect, "/v1/traces", PROTOBUF, STR_NONE);
    assert_answer(&x, 200, PROTOBUF, STR(""));
    send_to(&x, &otlp_dialect, "/v1/traces", JSON, STR_NONE);
    assert_answer(&x, 200, JSON, STR("{}"));
    send_to(&x, &langwatch_dialect, "/api/otel/v1/traces", PROTOBUF, worked());
    assert_stored(&x);
    assert_answer(&x, 200, PROTOBUF, STR(""));
    send_to(&x, &langfuse_dialect, "/api/public/otel/v1/traces", PROTOBUF, worked());
    assert_stored(&x);
    assert_answer(&x, 200, PROTOBUF, STR(""));
    send_to(&x, &otlp_dialect, "/v1/traces", PROTOBUF, STR("\xff\xff"));
    assert_status(&x, 400, 3, "not protobuf: a truncated or over-long tag at byte 0");
    send_to(&x, &langwatch_dialect, "/api/otel/v1/traces", PROTOBUF, STR("\xff\xff"));
    assert_status(&x, 400, 3, "Failed to parse traces: not protobuf: ");
    send_to(&x, &langfuse_dialect, "/api/public/otel/v1/traces", PROTOBUF, STR("\xff\xff"));
    assert_status(&x, 400, 3, "Failed to parse OTel Protobuf Trace: not protobuf: ");
}

/* The spans of the worked bytes as log records, and a log record as a span. */
static void signals_on_the_wrong_path(void **state)
{
    static const char log[] =
        "\x0a\x13\x12\x11\x12\x0f\x09\x01\x00\x00\x00\x00\x00\x00\x00\x2a\x04\x0a\x02hi";
    static const char metric[] = "\x0a\x0f\x12\x0d\x12\x0b\x0a\x03now\x3a\x04\x0a\x02\x08\x01";
    struct sent x;
    (void)state;
    send_to(&x, &otlp_dialect, "/v1/traces", PROTOBUF, (struct str){ log, sizeof log - 1 });
    assert_status(&x, 400, 3, "this is an export of logs (resourceLogs), and the path takes traces");
    send_to(&x, &otlp_dialect, "/v1/traces", JSON, (struct str){ log, sizeof log - 1 });
    assert_status(&x, 400, 3, "this is an export of logs (resourceLogs), and the path takes traces");
    send_to(&x, &otlp_dialect, "/v1/traces", PROTOBUF, (struct str){ metric, sizeof metric - 1 });
    assert_status(&x, 400, 3, "this is an export of metrics (resourceMetrics), and the path takes traces");
    send_to(&x, &otlp_dialect, "/v1/logs", PROTOBUF, worked());
    assert_status(&x, 400, 3, "this is an export of traces (resourceSpans), and the path takes logs");
    send_to(&x, &otlp_dialect, "/v1/metrics", PROTOBUF, worked());
    assert_status(&x, 400, 3, "this is an export of traces (resourceSpans), and the path takes metrics");
    send_to(&x, &otlp_dialect, "/v1/metrics", PROTOBUF, (struct str){ metric, sizeof metric - 1 });
    assert_int_equal(x.reply.status, 200);
    done_with(&x);
}

/* Invalid UTF-8 in JSON is repaired instead of failing the batch. */
static void json_that_is_not_utf8(void **state)
{
    struct sent x;
    (void)state;
    send_to(&x, &otlp_dialect, "/v1/traces", JSON,
        STR("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"5b8efff798038103d269b633813fc60c\","
            "\"spanId\":\"eee19b7ec3c1b174\",\"name\":\"a\xff"
            "b\"}]}]}]}"));
    const struct value *name = event_get(&x.batch.events[0], OBSERVATION_name);
    assert_true(str_is(name->s, "a\xEF\xBF\xBD"
                                "b"));
    assert_answer(&x, 200, JSON, STR("{}"));
}

/* Protobuf is tried first and leaves nothing behind when the body turns out to be JSON. */
static void the_first_try_leaves_nothing(void **state)
{
    struct sent x;
    struct buf b;
    (void)state;
    buf_init(&b, 0);
    buf_add_str(&b, worked());
    buf_add_cstr(&b, "\xff");
    send_to(&x, &otlp_dialect, "/v1/traces", PROTOBUF, buf_str(&b));
    assert_int_equal(x.reply.status, 400);
    done_with(&x);
    buf_fini(&b);
}

/* ---- worked answers (otlp.md 1.6) --------------------------------------------------------------------------------------- */

static void assert_bytes(struct reply *r, const char *hex_digits)
{
    struct arena *a = arena_new();
    struct str got = hex_encode(a, r->body.p ? r->body.p : "", r->body.n);
    assert_true(str_is(got, hex_digits));
    buf_fini(&r->body);
    arena_free(a);
}

static void partial_success(void **state)
{
    struct otlp_outcome o = { .protobuf = true, .tally = { .seen = 3, .rejected = 2 } };
    struct reply r = { .status = 200 };
    (void)state;
    err_set(&o.tally.first, ST_INVALID, "bad id");
    otlp_answer_protobuf(&o, &r);
    struct protobuf p = protobuf_of(buf_str(&r.body));
    struct protobuf_field f;
    bool more;
    assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
    assert_int_equal(f.number, 1);
    p = protobuf_of(f.data);
    assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
    assert_int_equal(f.number, 1);
    assert_int_equal(f.value, 2);
    assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
    assert_int_equal(f.number, 2);
    assert_true(str_is(f.data, "2 of 3 spans rejected; the first: bad id"));
    buf_fini(&r.body);
    o.tally.rejected = 0;
    r = (struct reply){ .status = 200 };
    otlp_answer_protobuf(&o, &r);
    assert_bytes(&r, "");
}

static void error_status(void **state)
{
    struct err err;
    struct reply r = { 0 };
    (void)state;
    err_set(&err, ST_INVALID, "bad");
    otlp_error_protobuf(&err, &r);
    assert_int_equal(r.status, 400);
    assert_bytes(&r, "08031203626164");
    r = (struct reply){ 0 };
    err_set(&err, ST_BUSY, "busy");
    otlp_error_protobuf(&err, &r);
    assert_int_equal(r.status, 503);
    /* The contract's, but for the delay: 1 second. */
    assert_bytes(&r,
        "080e1204627573791a300a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e666f12"
        "040a020801");
}

static void numbers_of_errors(void **state)
{
    static const struct {
        enum status st;
        int http;
        unsigned char code;
    } rows[] = { { ST_INVALID, 400, 3 }, { ST_UNAUTHORIZED, 401, 16 }, { ST_FORBIDDEN, 403, 7 },
        { ST_NOT_FOUND, 404, 12 }, { ST_TOO_LARGE, 413, 8 }, { ST_MEDIA, 415, 3 }, { ST_RATE, 429, 8 },
        { ST_BUSY, 503, 14 }, { ST_IO, 503, 14 }, { ST_INTERNAL, 500, 13 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        struct reply r = { 0 };
        err_set(&err, rows[i].st, "x");
        otlp_error_protobuf(&err, &r);
        assert_int_equal(r.status, rows[i].http);
        assert_int_equal(r.body.p[1], rows[i].code);
        assert_int_equal(r.body.n > 5, status_retryable(rows[i].st)); /* RetryInfo */
        buf_fini(&r.body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(protobuf_under_any_label),
        cmocka_unit_test(protobuf_that_begins_as_json),
        cmocka_unit_test(answers_have_the_form_of_the_request),
        cmocka_unit_test(signals_on_the_wrong_path),
        cmocka_unit_test(json_that_is_not_utf8),
        cmocka_unit_test(the_first_try_leaves_nothing),
        cmocka_unit_test(partial_success),
        cmocka_unit_test(error_status),
        cmocka_unit_test(numbers_of_errors),
    };
    return cmocka_run_group_tests_name("dialect/otlp", tests, NULL, NULL);
}
