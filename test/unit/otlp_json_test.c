/* otlp, JSON: the standard's form, every leniency of otlp.md 1.5, and what is refused, with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "support/otlp_kit.h"

static struct otlp_kit kit;

static int set_up(void **state)
{
    (void)state;
    otlp_kit_init(&kit);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    otlp_kit_fini(&kit);
    return 0;
}

#define TRACE "5b8efff798038103d269b633813fc60c"
#define SPAN  "eee19b7ec3c1b174"
#define IDS   "\"traceId\":\"" TRACE "\",\"spanId\":\"" SPAN "\""
#define HEAD  "span 0 trace=\"" TRACE "\" id=\"" SPAN "\""
#define TAIL  " resource\n scope\n"
#define PLACE "resourceSpans[0].scopeSpans[0].spans[0]."

static void assert_reads(const char *body, const char *want)
{
    otlp_kit_json(&kit, SIGNAL_TRACES, body);
    assert_string_equal(kit.err.text, "");
    assert_int_equal(kit.st, ST_OK);
    assert_string_equal(kit.tally.first.text, "");
    assert_string_equal(otlp_kit_text(&kit), want);
}

static const char *request_of(const char *spans)
{
    static char body[8192];
    int n = snprintf(body, sizeof body, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[%s]}]}]}", spans);
    assert_true(n > 0 && (size_t)n < sizeof body);
    return body;
}

/* One span with these members besides its ids. */
static void assert_span(const char *members, const char *want)
{
    char span[4096];
    snprintf(span, sizeof span, "{" IDS ",%s}", members);
    assert_reads(request_of(span), want);
}

static void assert_value(const char *any_value, const char *want)
{
    char members[2048], line[2048];
    snprintf(members, sizeof members, "\"attributes\":[{\"key\":\"k\",\"value\":%s}]", any_value);
    snprintf(line, sizeof line, HEAD " unset\n \"k\": %s\n" TAIL, want);
    assert_span(members, line);
}

static void assert_refused(const char *span, const char *text)
{
    otlp_kit_json(&kit, SIGNAL_TRACES, request_of(span));
    assert_int_equal(kit.st, ST_OK);
    assert_int_equal(kit.handed_out, 0);
    assert_int_equal(kit.tally.seen, 1);
    assert_int_equal(kit.tally.rejected, 1);
    assert_string_equal(kit.tally.first.text, text);
}

static void assert_refused_member(const char *members, const char *text)
{
    char span[2048], want[400];
    snprintf(span, sizeof span, "{" IDS ",%s}", members);
    snprintf(want, sizeof want, PLACE "%s", text);
    assert_refused(span, want);
}

static void assert_unreadable(const char *body, const char *text)
{
    otlp_kit_json(&kit, SIGNAL_TRACES, body);
    assert_int_equal(kit.st, ST_INVALID);
    assert_string_equal(kit.err.text, text);
}

/* ---- the standard's form -------------------------------------------------------------------------------------------- */

static void test_every_field(void **state)
{
    (void)state;
    assert_reads(
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"e\",\"value\":{\"stringValue\":\"v\"}}],"
        "\"droppedAttributesCount\":8,\"entityRefs\":[{}]},\"schemaUrl\":\"u\",\"scopeSpans\":[{\"scope\":{\"name\":\"s\","
        "\"version\":\"1.0\",\"attributes\":[{\"key\":\"d\",\"value\":{\"stringValue\":\"v\"}}],\"droppedAttributesCount\":7},"
        "\"spans\":[{" IDS
        ",\"traceState\":\"ts\",\"parentSpanId\":\"494A4B4C4D4E4F50\",\"name\":\"n\",\"kind\":5,"
        "\"startTimeUnixNano\":\"10\",\"endTimeUnixNano\":\"9\",\"attributes\":[{\"key\":\"c\",\"value\":{\"boolValue\":true}}],"
        "\"droppedAttributesCount\":1,\"events\":[{\"timeUnixNano\":\"5\",\"name\":\"e\",\"attributes\":[{\"key\":\"a\","
        "\"value\":{\"intValue\":\"1\"}}],\"droppedAttributesCount\":2}],\"droppedEventsCount\":4,\"links\":[{" IDS
        ",\"traceState\":\"ls\",\"attributes\":[{\"key\":\"b\",\"value\":{\"doubleValue\":0.5}}],\"droppedAttributesCount\":3,"
        "\"flags\":257}],\"droppedLinksCount\":6,\"status\":{\"message\":\"bad\",\"code\":2},\"flags\":257}]}]}]}",
        HEAD
        " parent=\"494a4b4c4d4e4f50\" name=\"n\" state=\"ts\" kind=5 flags=257 start=10 end=9 dropped_events=4 "
        "dropped_links=6 error message=\"bad\"\n"
        " \"c\": bool true\n"
        " dropped 1\n"
        " event name=\"e\" time=5\n"
        "  \"a\": int 1\n"
        "  dropped 2\n"
        " link trace=\"" TRACE "\" span=\"" SPAN "\" state=\"ls\" flags=257\n"
        "  \"b\": double 0.5\n"
        "  dropped 3\n"
        " resource\n"
        "  \"e\": text \"v\"\n"
        "  dropped 8\n"
        " scope name=\"s\" version=\"1.0\"\n"
        "  \"d\": text \"v\"\n"
        "  dropped 7\n");
}

static void test_values(void **state)
{
    (void)state;
    assert_value("{\"stringValue\":\"\\u00e9\\u0000\"}", "text \"\xc3\xa9\\u0000\"");
    assert_value("{\"stringValue\":\"\"}", "text \"\"");
    assert_value("{\"intValue\":\"9007199254740993\"}", "int 9007199254740993");
    assert_value("{\"doubleValue\":1}", "double 1");
    assert_value("{\"bytesValue\":\"AP8=\"}", "text \"AP8=\"");
    assert_value(
        "{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{},{\"doubleValue\":2.5},{\"stringValue\":\"x\"}]}}",
        "json [1,null,2.5,\"x\"]");
    assert_value("{\"arrayValue\":{}}", "json []");
    assert_value("{\"kvlistValue\":{}}", "json {}");
    assert_value(
        "{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":[{\"boolValue\":false}]}}},"
        "{\"key\":\"b\"}]}}",
        "json {\"a\":[false],\"b\":null}");
}

/* ---- leniencies ----------------------------------------------------------------------------------------------------- */

static void test_snake_case(void **state)
{
    (void)state;
    assert_reads(
        "{\"resource_spans\":[{\"scope_spans\":[{\"spans\":[{\"trace_id\":\"" TRACE "\",\"span_id\":\"" SPAN
        "\",\"parent_span_id\":\"\",\"start_time_unix_nano\":\"1\",\"end_time_unix_nano\":\"2\","
        "\"dropped_events_count\":3,\"attributes\":[{\"key\":\"k\",\"value\":{\"string_value\":\"v\"}}]}]}]}]}",
        HEAD " start=1 end=2 dropped_events=3 unset\n \"k\": text \"v\"\n" TAIL);
    /* camelCase goes before, in either order; what only looks alike is unknown. */
    assert_span(
        "\"start_time_unix_nano\":\"1\",\"startTimeUnixNano\":\"2\",\"endTimeUnixNano\":\"4\",\"end_time_unix_nano\":\"3\","
        "\"end_timeUnixNano\":\"9\",\"end_time_unix_nano_\":\"9\"",
        HEAD " start=2 end=4 unset\n" TAIL);
}

static void test_spellings_of_ids(void **state)
{
    (void)state;
    static const char *const traces[] = { "\"" TRACE "\"", "\"5B8EFFF798038103D269B633813FC60C\"",
        "\"0x" TRACE "\"", "\"W47/95gDgQPSabYzgT/GDA==\"", "\"W47/95gDgQPSabYzgT/GDA\"",
        "\"W47_95gDgQPSabYzgT_GDA\"", "[91,142,255,247,152,3,129,3,210,105,182,51,129,63,198,12]",
        "{\"type\":\"Buffer\",\"data\":[91,142,255,247,152,3,129,3,210,105,182,51,129,63,198,12]}",
        "{\"1\":142,\"0\":91,\"2\":255,\"3\":247,\"4\":152,\"5\":3,\"6\":129,\"7\":3,\"8\":210,\"9\":105,\"10\":182,\"11\":51,"
        "\"12\":129,\"13\":63,\"14\":198,\"15\":12}" };
    static const char *const spans[] = { "\"" SPAN "\"", "\"EEE19B7EC3C1B174\"", "\"0x" SPAN "\"",
        "\"7uGbfsPBsXQ=\"", "\"7uGbfsPBsXQ\"", "\"0Xeee19b7ec3c1b174\"", "[238,225,155,126,195,193,177,116]",
        "{\"type\":\"Buffer\",\"data\":[238,225,155,126,195,193,177,116]}",
        "{\"0\":238,\"1\":225,\"2\":155,\"3\":126,\"4\":195,\"5\":193,\"6\":177,\"7\":116}" };
    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
        char span[1000];
        snprintf(span, sizeof span, "{\"traceId\":%s,\"spanId\":%s,\"parentSpanId\":%s}", traces[i], spans[i],
            spans[i]);
        assert_reads(request_of(span), HEAD " parent=\"" SPAN "\" unset\n" TAIL);
    }
}

static void test_empty_parents(void **state)
{
    (void)state;
    static const char *const parents[] = { "\"\"", "null", "\"0000000000000000\"", "\"AAAAAAAAAAA=\"",
        "[0,0,0,0,0,0,0,0]", "[]", "{}", "\"0x0\"" };
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        char member[100];
        snprintf(member, sizeof member, "\"parentSpanId\":%s", parents[i]);
        assert_span(member, HEAD " unset\n" TAIL);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    assert_span("\"startTimeUnixNano\":1755860400000000001,\"endTimeUnixNano\":\"1755860400000000003\"",
        HEAD " start=1755860400000000001 end=1755860400000000003 unset\n" TAIL);
    assert_span("\"startTimeUnixNano\":{\"low\":-1,\"high\":1,\"unsigned\":true},\"endTimeUnixNano\":1.5e18",
        HEAD " start=8589934591 end=1500000000000000000 unset\n" TAIL);
    assert_span("\"startTimeUnixNano\":0,\"endTimeUnixNano\":\"\"", HEAD " unset\n" TAIL);
    assert_span("\"flags\":\"257\",\"droppedEventsCount\":\"3\",\"droppedLinksCount\":-1",
        HEAD " flags=257 dropped_events=3 unset\n" TAIL);
    assert_value("{\"intValue\":9007199254740993}", "int 9007199254740993");
    assert_value("{\"intValue\":-9223372036854775808}", "int -9223372036854775808");
    assert_value("{\"intValue\":{\"low\":-1,\"high\":-1,\"unsigned\":false}}", "int -1");
    assert_value(
        "{\"intValue\":{\"low\":-1,\"high\":-1,\"unsigned\":true}}", "text \"18446744073709551615\"");
    assert_value("{\"intValue\":3.0}", "int 3");
    assert_value("{\"intValue\":3.5}", "double 3.5");
    assert_value("{\"intValue\":\"many\"}", "text \"many\"");
    assert_value("{\"doubleValue\":\"0.25\"}", "double 0.25");
    assert_value("{\"doubleValue\":\"NaN\"}", "text \"NaN\"");
    assert_value("{\"doubleValue\":\"-Infinity\"}", "text \"-Infinity\"");
    assert_value("{\"doubleValue\":1e999}", "text \"Infinity\"");
    assert_value("{\"arrayValue\":{\"values\":[{\"intValue\":9007199254740993},{\"doubleValue\":\"NaN\"}]}}",
        "json [9007199254740993,\"NaN\"]");
}

static void test_enum_names(void **state)
{
    (void)state;
    assert_span("\"kind\":\"SPAN_KIND_CLIENT\",\"status\":{\"code\":\"STATUS_CODE_ERROR\"}",
        HEAD " kind=3 error\n" TAIL);
    assert_span("\"kind\":\"server\",\"status\":{\"code\":\"OK\"}", HEAD " kind=2 ok\n" TAIL);
    assert_span("\"kind\":\"3\",\"status\":{\"code\":\"2\"}", HEAD " kind=3 error\n" TAIL);
    /* Unknown ones are the default. */
    assert_span("\"kind\":99,\"status\":{\"code\":-1}", HEAD " unset\n" TAIL);
    assert_span("\"kind\":\"SPAN_KIND_NEW\",\"status\":{\"code\":\"STATUS_CODE_NEW\"}", HEAD " unset\n" TAIL);
    assert_span("\"kind\":null,\"status\":{}", HEAD " unset\n" TAIL);
}

static void test_other_value_types(void **state)
{
    (void)state;
    assert_value("{\"boolValue\":\"true\"}", "bool true");
    assert_value("{\"boolValue\":\"False\"}", "bool false");
    assert_value("{\"boolValue\":1}", "int 1");
    assert_value("{\"bytesValue\":\"AP8\"}", "text \"AP8=\"");
    assert_value("{\"bytesValue\":\"_-8=\"}", "text \"/+8=\"");
    assert_value("{\"bytesValue\":\"not base64!\"}", "text \"not base64!\"");
    assert_value("{\"stringValue\":5}", "int 5");
    assert_value("{}", "null null");
    assert_value("null", "null null");
    assert_value("{\"stringValue\":null}", "null null");
    assert_value("{\"stringValueStrindex\":4}", "null null");
    assert_value("{\"stringValue\":\"a\",\"intValue\":null}", "text \"a\"");
    assert_value("{\"stringValue\":\"a\",\"intValue\":\"2\"}", "int 2"); /* of a oneof the last */
    assert_value("\"bare\"", "text \"bare\"");
    assert_value("[1,{\"stringValue\":2}]", "json [1,{\"stringValue\":2}]");
    assert_value("{\"arrayValue\":[{\"intValue\":\"1\"},\"x\"]}", "json [1,\"x\"]");
    assert_value("{\"kvlistValue\":{\"values\":{\"a\":{\"intValue\":\"1\"},\"b\":{\"c\":2},\"d\":[3]}}}",
        "json {\"a\":1,\"b\":{\"c\":2},\"d\":[3]}");
    assert_span("\"attributes\":[{\"key\":\"k\"}]", HEAD " unset\n \"k\": null null\n" TAIL);
    assert_span("\"attributes\":[{\"value\":{\"intValue\":1}}]", HEAD " unset\n \"\": int 1\n" TAIL);
}

static void test_attributes_as_an_object(void **state)
{
    (void)state;
    assert_span(
        "\"attributes\":{\"a\":\"x\",\"b\":1,\"c\":1.0,\"d\":true,\"e\":null,\"f\":[1,{}],\"g\":{\"h\":{}},"
        "\"i\":{\"stringValue\":\"y\"},\"j\":{\"intValue\":\"7\"},\"k\":{\"stringValue\":1,\"other\":2},\"l\":{},"
        "\"m\":123456789012345678901234567890}",
        HEAD
        " unset\n \"a\": text \"x\"\n \"b\": int 1\n \"c\": double 1\n \"d\": bool true\n \"e\": null null\n"
        " \"f\": json [1,{}]\n \"g\": json {\"h\":{}}\n \"i\": text \"y\"\n \"j\": int 7\n"
        " \"k\": json {\"stringValue\":1,\"other\":2}\n \"l\": json {}\n \"m\": double 1.2345678901234568e+29\n" TAIL);
    assert_reads(
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":{\"service.name\":\"s\"}},\"scopeSpans\":[{\"spans\":[{" IDS
        "}]}]}]}",
        HEAD " unset\n resource\n  \"service.name\": text \"s\"\n scope\n");
}

static void test_null_is_the_default(void **state)
{
    (void)state;
    assert_span(
        "\"name\":null,\"kind\":null,\"startTimeUnixNano\":null,\"attributes\":null,\"events\":null,\"links\":null,"
        "\"status\":null,\"traceState\":null,\"flags\":null,\"droppedEventsCount\":null",
        HEAD " unset\n" TAIL);
    assert_reads("{\"resourceSpans\":null}", "");
    assert_reads(
        "{\"resourceSpans\":[{\"resource\":null,\"scopeSpans\":[{\"scope\":null,\"spans\":null}]}]}", "");
}

static void test_of_equal_keys_the_last_wins(void **state)
{
    (void)state;
    assert_span("\"name\":\"first\",\"kind\":1,\"name\":\"last\",\"kind\":2",
        HEAD " name=\"last\" kind=2 unset\n" TAIL);
    assert_span("\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":1},\"value\":{\"intValue\":2}}]",
        HEAD " unset\n \"k\": int 2\n" TAIL);
}

static void test_old_name_of_scopes(void **state)
{
    (void)state;
    assert_reads(
        "{\"resourceSpans\":[{\"instrumentationLibrarySpans\":[{\"instrumentationLibrary\":{\"name\":\"old\"},"
        "\"spans\":[{" IDS "}]}]}]}",
        HEAD " unset\n resource\n scope name=\"old\"\n");
    otlp_kit_json(
        &kit, SIGNAL_TRACES, "{\"resourceSpans\":[{\"instrumentationLibrarySpans\":[{\"spans\":[{}]}]}]}");
    assert_string_equal(kit.tally.first.text,
        "resourceSpans[0].instrumentationLibrarySpans[0].spans[0].traceId is missing; an id of 16 bytes is needed");
}

/* What Langtrace's span list asks for: decimal ids, and any text. */
static void test_ids_of_langtrace(void **state)
{
    (void)state;
    struct str out;
    assert_true(otlp_id_of_text(kit.arena, STR("121702245401190319682828931810593850892"), 16, &out));
    assert_true(str_is(out, TRACE));
    assert_true(otlp_id_of_text(kit.arena, STR("17213210219539181940"), 8, &out));
    assert_true(str_is(out, SPAN));
    assert_true(otlp_id_of_text(kit.arena, STR("18446744073709551615"), 8, &out));
    assert_true(str_is(out, "ffffffffffffffff"));
    assert_false(otlp_id_of_text(kit.arena, STR("18446744073709551616"), 8, &out)); /* one too many */
    assert_true(str_is(out, "18446744073709551616"));
    assert_true(otlp_id_of_text(kit.arena, STR("1234567890123456"), 8, &out)); /* the length says hex */
    assert_true(str_is(out, "1234567890123456"));
    assert_true(otlp_id_of_text(kit.arena, STR("0x1f"), 8, &out));
    assert_true(str_is(out, "000000000000001f"));
    assert_false(otlp_id_of_text(kit.arena, STR("my-trace"), 16, &out));
    assert_true(str_is(out, "my-trace"));
    assert_false(otlp_id_of_text(kit.arena, STR(""), 16, &out));
    assert_null(out.p);
    assert_false(otlp_id_of_text(kit.arena, STR("0"), 16, &out));
    assert_null(out.p);
    assert_false(otlp_id_of_json(kit.arena, JSON_NONE, 16, &out));
    assert_null(out.p);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------ */

static void test_bad_ids(void **state)
{
    (void)state;
    assert_refused("{}", PLACE "traceId is missing; an id of 16 bytes is needed");
    assert_refused("{\"traceId\":\"" TRACE "\"}", PLACE "spanId is missing; an id of 8 bytes is needed");
    assert_refused(
        "{\"traceId\":\"" TRACE "\",\"spanId\":null}", PLACE "spanId is missing; an id of 8 bytes is needed");
    assert_refused("{\"traceId\":\"00000000000000000000000000000000\",\"spanId\":\"" SPAN "\"}",
        PLACE "traceId is all zeros; an id of 16 bytes is needed");
    assert_refused("{\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"spanId\":\"" SPAN "\"}",
        PLACE "traceId is all zeros; an id of 16 bytes is needed");
    assert_refused("{\"traceId\":\"5b8efff7\",\"spanId\":\"" SPAN "\"}",
        PLACE "traceId must be 16 bytes (32 hex digits), got \"5b8efff7\"");
    assert_refused("{\"traceId\":\"" TRACE "\",\"spanId\":\"eee19b7ec3c1b17x\"}",
        PLACE "spanId must be 8 bytes (16 hex digits), got \"eee19b7ec3c1b17x\"");
    assert_refused("{\"traceId\":12345,\"spanId\":\"" SPAN "\"}",
        PLACE "traceId must be 16 bytes (32 hex digits), got \"12345\"");
    assert_refused("{\"traceId\":[1,2,3],\"spanId\":\"" SPAN "\"}",
        PLACE "traceId must be 16 bytes (32 hex digits), got \"[1,2,3]\"");
    assert_refused_member(
        "\"parentSpanId\":\"nobody\"", "parentSpanId must be 8 bytes (16 hex digits), got \"nobody\"");
    assert_refused("17", "resourceSpans[0].scopeSpans[0].spans[0] must be an object, got number");
    /* A link may point anywhere. */
    assert_span("\"links\":[{\"traceId\":\"elsewhere\"}]", HEAD " unset\n link trace=\"elsewhere\"\n" TAIL);
}

static void test_wrong_types(void **state)
{
    (void)state;
    assert_refused_member("\"name\":5", "name must be a string, got number");
    assert_refused_member(
        "\"attributes\":\"x\"", "attributes must be a list of {key, value} or an object, got string");
    assert_refused_member("\"attributes\":[5]", "attributes[0] must be an object {key, value}, got number");
    assert_refused_member(
        "\"attributes\":[{},{\"key\":1}]", "attributes[1].key must be a string, got number");
    assert_refused_member("\"events\":{}", "events must be a list, got object");
    assert_refused_member("\"events\":[{},7]", "events[1] must be an object, got number");
    assert_refused_member("\"events\":[{\"attributes\":7}]",
        "events[0].attributes must be a list of {key, value} or an object, got number");
    assert_refused_member("\"links\":[[]]", "links[0] must be an object, got array");
    assert_refused_member("\"status\":\"OK\"", "status must be an object {code, message}, got string");
    assert_refused_member("\"startTimeUnixNano\":\"2025-01-01T00:00:00Z\"",
        "startTimeUnixNano must be nanoseconds since 1970, got \"2025-01-01T00:00:00Z\"");
    assert_refused_member(
        "\"endTimeUnixNano\":-5", "endTimeUnixNano must be nanoseconds since 1970, got \"-5\"");
    assert_refused_member(
        "\"endTimeUnixNano\":true", "endTimeUnixNano must be nanoseconds since 1970, got boolean");
    assert_refused_member("\"endTimeUnixNano\":\"18446744073709551615\"",
        "endTimeUnixNano lies after the year 2262: 18446744073709551615 ns");
    assert_refused_member("\"endTimeUnixNano\":\"18446744073709551616\"",
        "endTimeUnixNano must be nanoseconds since 1970, got \"18446744073709551616\"");
}

static void test_envelope_of_wrong_types(void **state)
{
    (void)state;
    assert_unreadable("[]", "the body must be an object with the member resourceSpans, got array");
    assert_unreadable("\"x\"", "the body must be an object with the member resourceSpans, got string");
    assert_unreadable("{\"resourceSpans\":{}}", "resourceSpans must be a list, got object");
    assert_unreadable("{\"resourceSpans\":[{},1]}", "resourceSpans[1] must be an object, got number");
    assert_unreadable("{\"resourceSpans\":[{\"scopeSpans\":\"x\"}]}",
        "resourceSpans[0].scopeSpans must be a list, got string");
    assert_unreadable("{\"resourceSpans\":[{\"scopeSpans\":[[]]}]}",
        "resourceSpans[0].scopeSpans[0] must be an object, got array");
    assert_unreadable("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":{}}]}]}",
        "resourceSpans[0].scopeSpans[0].spans must be a list, got object");
    otlp_kit_json(&kit, SIGNAL_TRACES,
        "{\"resourceSpans\":[{\"resource\":[],\"scopeSpans\":[{\"spans\":[{" IDS "}]}]}]}");
    assert_int_equal(kit.st, ST_OK);
    assert_string_equal(kit.tally.first.text, PLACE "resource must be an object, got array");
    otlp_kit_json(&kit, SIGNAL_TRACES,
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"scope\":{\"name\":1},\"spans\":[{" IDS "}]}]}]}");
    assert_string_equal(kit.tally.first.text, PLACE "scope.name must be a string, got number");
}

static void test_one_bad_of_three(void **state)
{
    (void)state;
    otlp_kit_json(&kit, SIGNAL_TRACES,
        request_of("{" IDS ",\"name\":\"a\"},{\"traceId\":\"" TRACE
                   "\",\"spanId\":\"0000000000000000\"},{" IDS ",\"name\":\"c\"}"));
    assert_int_equal(kit.tally.seen, 3);
    assert_int_equal(kit.tally.rejected, 1);
    assert_int_equal(kit.handed_out, 2);
    assert_string_equal(kit.tally.first.path, "resourceSpans[0].scopeSpans[0].spans[1].spanId");
    assert_non_null(strstr(otlp_kit_text(&kit), "span 2 trace=\"" TRACE "\" id=\"" SPAN "\" name=\"c\""));
}

/* `levels` of AnyValue in lists, the innermost a number. */
static struct str nested(size_t levels, const char *open, const char *close)
{
    struct buf b;
    buf_init(&b, 0);
    buf_add_cstr(&b, "{\"key\":\"d\",\"value\":");
    for (size_t i = 1; i < levels; i++)
        buf_add_cstr(&b, open);
    buf_add_cstr(&b, "{\"intValue\":1}");
    for (size_t i = 1; i < levels; i++)
        buf_add_cstr(&b, close);
    buf_add_cstr(&b, "}");
    struct str s = arena_dup(kit.arena, buf_str(&b));
    buf_fini(&b);
    return s;
}

static void read_nested(size_t levels, const char *open, const char *close)
{
    struct arena *a = arena_new();
    struct str value = nested(levels, open, close);
    struct str body = arena_printf(a,
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS ",\"attributes\":[%.*s]},{" IDS "}]}]}]}",
        STR_ARG(value));
    otlp_kit_json(&kit, SIGNAL_TRACES, body.p);
    arena_free(a);
}

static void test_nesting(void **state)
{
    (void)state;
    static const char *const lists[][2] = { { "{\"arrayValue\":{\"values\":[", "]}}" },
        { "{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":", "}]}}" } };
    for (size_t i = 0; i < 2; i++) {
        read_nested(64, lists[i][0], lists[i][1]);
        assert_int_equal(kit.handed_out, 2);
        read_nested(65, lists[i][0], lists[i][1]);
        assert_int_equal(kit.handed_out, 1);
        assert_int_equal(kit.tally.rejected, 1);
        assert_string_equal(kit.tally.first.text, PLACE "attributes[0].value nests deeper than 64 levels");
    }
    read_nested(66, "[", "]"); /* a plain value of 65 lists */
    assert_int_equal(kit.handed_out, 1);
}

static void test_large(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_add_cstr(&b, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS
                     ",\"attributes\":[{\"key\":\"big\",\"value\":{\"stringValue\":\"");
    size_t n = (size_t)10 << 20;
    memset(buf_reserve(&b, n), 'x', n);
    b.n += n;
    buf_add_cstr(&b, "\"}}");
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, ",{\"key\":\"k%d\",\"value\":{\"intValue\":\"%d\"}}", i, i);
    buf_add_cstr(&b, "]}]}]}]}");
    buf_add_char(&b, 0);
    otlp_kit_json(&kit, SIGNAL_TRACES, b.p);
    buf_fini(&b);
    assert_int_equal(kit.handed_out, 1);
    assert_true(kit.text.n > n);
    assert_non_null(strstr(otlp_kit_text(&kit), " \"k99999\": int 99999\n"));
}

/* The parsed JSON lies in the same arena here, so it counts as well. */
static void test_a_bound_on_what_few_bytes_become(void **state)
{
    (void)state;
    static const char *const lists[] = { "attributes", "events", "links" };
    for (size_t i = 0; i < 3; i++) {
        struct buf b;
        buf_init(&b, 0);
        buf_printf(&b, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS ",\"%s\":[{}", lists[i]);
        for (int k = 1; k < 300000; k++)
            buf_add_cstr(&b, ",{}");
        buf_add_cstr(&b, "]}]}]}]}");
        buf_add_char(&b, 0);
        kit.batch.bytes_most = 0;
        otlp_kit_json(&kit, SIGNAL_TRACES, b.p);
        assert_int_equal(kit.handed_out, 1);
        size_t all = arena_bytes(kit.arena);
        kit.batch.bytes_most = all - ((size_t)1 << 20);
        otlp_kit_json(&kit, SIGNAL_TRACES, b.p);
        assert_int_equal(kit.st, ST_TOO_LARGE);
        assert_int_equal(kit.handed_out, 0);
        assert_true(arena_bytes(kit.arena) < kit.batch.bytes_most);
        buf_fini(&b);
    }
}

/* ---- logs and metrics ----------------------------------------------------------------------------------------------- */

static void assert_log(const char *record, const char *want)
{
    char body[2000];
    snprintf(body, sizeof body, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[%s]}]}]}", record);
    otlp_kit_json(&kit, SIGNAL_LOGS, body);
    assert_int_equal(kit.st, ST_OK);
    assert_string_equal(kit.tally.first.text, "");
    assert_string_equal(otlp_kit_text(&kit), want);
}

static void test_log_records(void **state)
{
    (void)state;
    assert_log(
        "{" IDS
        ",\"timeUnixNano\":\"7\",\"severityNumber\":\"SEVERITY_NUMBER_INFO\",\"severityText\":\"INFO\","
        "\"body\":{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":{\"intValue\":1}}]}},"
        "\"attributes\":[{\"key\":\"event.name\",\"value\":{\"stringValue\":\"by attribute\"}}]}",
        "log 0 trace=\"" TRACE "\" span=\"" SPAN
        "\" event=\"by attribute\" time=7 severity=9 severity_text=\"INFO\" body json {\"a\":1}\n"
        " \"event.name\": text \"by attribute\"\n" TAIL);
    assert_log(
        "{\"observed_time_unix_nano\":8,\"severityNumber\":17,\"eventName\":\"own\",\"body\":\"plain\",\"traceId\":\"\"}",
        "log 0 event=\"own\" time=8 severity=17 body text \"plain\"\n" TAIL);
    otlp_kit_json(
        &kit, SIGNAL_LOGS, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"spanId\":\"x\"}]}]}]}");
    assert_string_equal(kit.tally.first.text,
        "resourceLogs[0].scopeLogs[0].logRecords[0].spanId must be 8 bytes (16 hex digits), got \"x\"");
}

static void test_data_points_are_counted(void **state)
{
    (void)state;
    otlp_kit_json(&kit, SIGNAL_METRICS,
        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"a\",\"gauge\":{\"dataPoints\":[{},{}]}},"
        "{\"sum\":{\"data_points\":[{}]}},{\"histogram\":{\"dataPoints\":[{}]}},{\"exponential_histogram\":{\"dataPoints\":[{}]}},"
        "{\"summary\":{\"dataPoints\":[{}]}},{\"name\":\"none\"}]}]}]}");
    assert_int_equal(kit.st, ST_OK);
    assert_int_equal(kit.tally.seen, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_field),
        TEST(test_values),
        TEST(test_snake_case),
        TEST(test_spellings_of_ids),
        TEST(test_empty_parents),
        TEST(test_numbers),
        TEST(test_enum_names),
        TEST(test_other_value_types),
        TEST(test_attributes_as_an_object),
        TEST(test_null_is_the_default),
        TEST(test_of_equal_keys_the_last_wins),
        TEST(test_old_name_of_scopes),
        TEST(test_ids_of_langtrace),
        TEST(test_bad_ids),
        TEST(test_wrong_types),
        TEST(test_envelope_of_wrong_types),
        TEST(test_one_bad_of_three),
        TEST(test_nesting),
        TEST(test_large),
        TEST(test_a_bound_on_what_few_bytes_become),
        TEST(test_log_records),
        TEST(test_data_points_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
