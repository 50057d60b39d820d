/*
 * otlp, protobuf: the worked bytes of the contract, every field, messages in pieces, what is unknown, what is wrong, and large things.
 * Bodies are put together from the inside out: message(number, parts) wraps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/protobuf.h"
#include "support/otlp_kit.h"

/* ---- making bodies -------------------------------------------------------------------------------------------------- */

static struct arena *arena;

static struct str done(struct buf *b)
{
    struct str s = arena_dup(arena, buf_str(b));
    buf_fini(b);
    return s.p ? s : STR("");
}

static struct str join(struct str a, struct str b)
{
    struct buf out;
    buf_init(&out, 0);
    buf_add_str(&out, a);
    buf_add_str(&out, b);
    return done(&out);
}

static struct str message(uint32_t number, struct str content)
{
    struct buf out;
    buf_init(&out, 0);
    protobuf_add_bytes(&out, number, content);
    return done(&out);
}

static struct str varint(uint32_t number, uint64_t v)
{
    struct buf out;
    buf_init(&out, 0);
    protobuf_add_varint(&out, number, v);
    return done(&out);
}

static struct str fixed(uint32_t number, size_t bytes, uint64_t v)
{
    struct buf out;
    buf_init(&out, 0);
    buf_add_varint(&out, (uint64_t)number << 3 | (bytes == 8 ? 1 : 5));
    for (size_t i = 0; i < bytes; i++)
        buf_add_char(&out, (char)(v >> (8 * i)));
    return done(&out);
}

static struct str all(const struct str *parts)
{
    struct buf out;
    buf_init(&out, 0);
    for (; parts->p; parts++)
        buf_add_str(&out, *parts);
    return done(&out);
}
#define ALL(...) all((const struct str[]){ __VA_ARGS__, STR_NONE })

static struct str key_value(const char *key, struct str value)
{
    return ALL(message(1, str_of(key)), message(2, value));
}

#define TRACE_ID STR("0123456789abcdef")
#define SPAN_ID  STR("ABCDEFGH")
#define IDS      message(1, TRACE_ID), message(2, SPAN_ID)
#define HEAD     "span 0 trace=\"30313233343536373839616263646566\" id=\"4142434445464748\""
#define TAIL     " resource\n scope\n"

static struct str request_of(struct str span)
{
    return message(1, message(2, message(2, span)));
}

static struct str hex(const char *digits)
{
    size_t n = strlen(digits) / 2;
    uint8_t *out = arena_alloc(arena, n);
    assert_true(hex_decode(str_of(digits), out));
    return (struct str){ (const char *)out, n };
}

/* ---- the frame of a test -------------------------------------------------------------------------------------------- */

static struct otlp_kit kit;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    otlp_kit_init(&kit);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    otlp_kit_fini(&kit);
    arena_free(arena);
    return 0;
}

static void assert_reads(struct str body, const char *want)
{
    otlp_kit_protobuf(&kit, SIGNAL_TRACES, body);
    assert_string_equal(kit.err.text, "");
    assert_int_equal(kit.st, ST_OK);
    assert_int_equal(kit.tally.rejected, 0);
    assert_string_equal(otlp_kit_text(&kit), want);
}

/* One span alone, with these parts besides its ids. */
static void assert_span(struct str parts, const char *want)
{
    assert_reads(request_of(ALL(IDS, parts)), want);
}

static void assert_value(struct str any_value, const char *want)
{
    char line[600];
    snprintf(line, sizeof line, HEAD " unset\n \"k\": %s\n" TAIL, want);
    assert_span(message(9, key_value("k", any_value)), line);
}

static void assert_refused(struct str body, const char *text)
{
    otlp_kit_protobuf(&kit, SIGNAL_TRACES, body);
    assert_int_equal(kit.st, ST_OK);
    assert_int_equal(kit.tally.seen, 1);
    assert_int_equal(kit.tally.rejected, 1);
    assert_int_equal(kit.handed_out, 0);
    assert_string_equal(kit.tally.first.text, text);
}

static void assert_undecodable(enum otlp_signal signal, struct str body, size_t offset)
{
    otlp_kit_protobuf(&kit, signal, body);
    assert_int_equal(kit.st, ST_INVALID);
    assert_int_equal(kit.err.offset, offset);
    assert_non_null(strstr(kit.err.text, "not protobuf: "));
}

/* ---- what is right -------------------------------------------------------------------------------------------------- */

static void test_worked_bytes(void **state)
{
    (void)state;
    assert_reads(
        hex("0a91010a180a160a0c736572766963652e6e616d6512060a0464656d6f12750a050a036c6962126c0a105b8efff798038103"
            "d269b633813fc60c1208eee19b7ec3c1b1742a026f7030033900e02c19bb115e184100d92faebb115e184a100a016e120b18ff"
            "ffffffffffffffff014a0e0a0164120921000000000000e03f4a070a0162120210017a051201781802850101010000"),
        "span 0 trace=\"5b8efff798038103d269b633813fc60c\" id=\"eee19b7ec3c1b174\" name=\"op\" kind=3 flags=257 "
        "start=1755860400000000000 end=1755860402500000000 error message=\"x\"\n"
        " \"n\": int -1\n"
        " \"d\": double 0.5\n"
        " \"b\": bool true\n"
        " resource\n"
        "  \"service.name\": text \"demo\"\n"
        " scope name=\"lib\"\n");
}

static void test_every_field(void **state)
{
    (void)state;
    struct str text = message(1, STR("v"));
    struct str event =
        ALL(fixed(1, 8, 5), message(2, STR("e")), message(3, key_value("a", text)), varint(4, 2));
    struct str link =
        ALL(IDS, message(3, STR("ls")), message(4, key_value("b", text)), varint(5, 3), fixed(6, 4, 257));
    struct str span = ALL(IDS, message(3, STR("ts")), message(4, STR("IJKLMNOP")), message(5, STR("n")),
        varint(6, 5), fixed(7, 8, 10), fixed(8, 8, 9), message(9, key_value("c", text)), varint(10, 1),
        message(11, event), varint(12, 4), message(13, link), varint(14, 6),
        message(15, ALL(message(2, STR("bad")), varint(3, 2))), fixed(16, 4, 0x101));
    struct str scope =
        ALL(message(1, STR("s")), message(2, STR("1.0")), message(3, key_value("d", text)), varint(4, 7));
    struct str resource = ALL(message(1, key_value("e", text)), varint(2, 8));
    assert_reads(message(1, ALL(message(1, resource), message(2, ALL(message(1, scope), message(2, span))))),
        HEAD
        " parent=\"494a4b4c4d4e4f50\" name=\"n\" state=\"ts\" kind=5 flags=257 start=10 end=9 dropped_events=4 "
        "dropped_links=6 error message=\"bad\"\n"
        " \"c\": text \"v\"\n"
        " dropped 1\n"
        " event name=\"e\" time=5\n"
        "  \"a\": text \"v\"\n"
        "  dropped 2\n"
        " link trace=\"30313233343536373839616263646566\" span=\"4142434445464748\" state=\"ls\" flags=257\n"
        "  \"b\": text \"v\"\n"
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
    struct str one = varint(3, 1), half = fixed(4, 8, UINT64_C(0x3FE0000000000000));
    assert_value(message(1, STR("")), "text \"\"");
    assert_value(message(1, STR("\xc3\xa9")), "text \"\xc3\xa9\"");
    assert_value(varint(2, 0), "bool false");
    assert_value(varint(3, UINT64_C(9007199254740993)), "int 9007199254740993");
    assert_value(varint(3, UINT64_C(0x8000000000000000)), "int -9223372036854775808");
    assert_value(half, "double 0.5");
    assert_value(fixed(4, 8, UINT64_C(0x7FF8000000000000)), "text \"NaN\"");
    assert_value(fixed(4, 8, UINT64_C(0x7FF0000000000000)), "text \"Infinity\"");
    assert_value(fixed(4, 8, UINT64_C(0xFFF0000000000000)), "text \"-Infinity\"");
    assert_value(message(7, STR("\x00\xff")), "text \"AP8=\"");
    assert_value(message(7, STR("")), "text \"\"");
    assert_value(STR(""), "null null");
    assert_value(varint(8, 3), "null null"); /* string_value_strindex belongs to profiles */
    assert_value(message(5, STR("")), "json []");
    assert_value(message(6, STR("")), "json {}");
    assert_value(message(5, ALL(message(1, one), message(1, half), message(1, STR("")),
                                message(1, message(1, STR("\"x\""))))),
        "json [1,0.5,null,\"\\\"x\\\"\"]");
    assert_value(message(6, ALL(message(1, key_value("a", message(5, message(1, one)))),
                                message(1, message(1, STR("b"))))),
        "json {\"a\":[1],\"b\":null}");
    assert_value(message(5, message(1, fixed(4, 8, UINT64_C(0x7FF8000000000000)))), "json [\"NaN\"]");
}

static void test_invalid_utf8_is_repaired(void **state)
{
    (void)state;
    assert_value(message(1, STR("a\xff"
                                "b")),
        "text \"a\xEF\xBF\xBD"
        "b\"");
    assert_value(message(1, STR("\xe2\x82")), "text \"\xEF\xBF\xBD\""); /* one that breaks off */
    assert_value(
        message(1, STR("\xed\xa0\x80")), "text \"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""); /* a surrogate */
    assert_value(message(1, STR("\xf0\x9f\x99\xf0\x9f\x99\x82")), "text \"\xEF\xBF\xBD\xf0\x9f\x99\x82\"");
    assert_value(message(5, message(1, message(1, STR("\xc3")))), "json [\"\xEF\xBF\xBD\"]");
    assert_span(message(5, STR("\x80n")), HEAD " name=\"\xEF\xBF\xBDn\" unset\n" TAIL);
}

static void test_messages_in_pieces_join(void **state)
{
    (void)state;
    struct str one = varint(3, 1), two = varint(3, 2);
    struct str kv = ALL(message(2, message(5, message(1, one))), message(1, STR("k")),
        message(2, message(5, message(1, two))));
    assert_span(ALL(message(15, message(2, STR("m"))), message(15, varint(3, 1)), message(9, kv)),
        HEAD " ok message=\"m\"\n \"k\": json [1,2]\n" TAIL);
    /* A member of the oneof in between starts it anew; of scalars the last wins. */
    assert_value(
        ALL(message(5, message(1, one)), message(1, STR("x")), message(5, message(1, two))), "json [2]");
    assert_value(ALL(message(1, STR("x")), varint(3, 2)), "int 2");
    assert_value(
        ALL(message(6, message(1, key_value("a", one))), message(6, message(1, key_value("b", two)))),
        "json {\"a\":1,\"b\":2}");
    assert_span(ALL(message(5, STR("first")), message(5, STR("last"))), HEAD " name=\"last\" unset\n" TAIL);
}

static void test_resource_behind_its_spans(void **state)
{
    (void)state;
    struct str scope = message(2, ALL(message(2, ALL(IDS)), message(1, message(1, STR("s")))));
    struct str a = message(1, message(1, key_value("a", varint(3, 1))));
    struct str b = message(1, message(1, key_value("b", varint(3, 2))));
    assert_reads(message(1, ALL(scope, a, b)),
        HEAD " unset\n resource\n  \"a\": int 1\n  \"b\": int 2\n scope name=\"s\"\n");
}

static void test_old_name_of_scopes(void **state)
{
    (void)state;
    assert_reads(message(1, message(1000, message(2, ALL(IDS)))), HEAD " unset\n" TAIL);
}

static void test_unknown_fields_and_groups_are_skipped(void **state)
{
    (void)state;
    struct str strange = ALL(varint(99, 1), message(98, STR("x")), fixed(97, 8, 1), fixed(96, 4, 1),
        STR("\x9b\x06\x08\x01\x9c\x06"));
    /* Field 5 as a number and field 6 as text are unknown too: the wire type differs. */
    assert_reads(
        ALL(strange,
            message(1, ALL(strange, message(2, ALL(strange, message(2, ALL(IDS, strange, varint(5, 1),
                                                                           message(6, STR("x"))))))))),
        HEAD " unset\n" TAIL);
}

static void test_unknown_enums_are_the_default(void **state)
{
    (void)state;
    assert_span(ALL(varint(6, 9), message(15, varint(3, 7))), HEAD " unset\n" TAIL);
    assert_span(ALL(varint(6, UINT64_MAX), message(15, varint(3, UINT64_MAX))), HEAD " unset\n" TAIL);
}

static void test_times(void **state)
{
    (void)state;
    assert_span(ALL(fixed(7, 8, 0), fixed(8, 8, 3)), HEAD " end=3 unset\n" TAIL);
    assert_span(ALL(fixed(7, 8, 9), fixed(8, 8, 3)), HEAD " start=9 end=3 unset\n" TAIL); /* kept as sent */
    assert_refused(request_of(ALL(IDS, fixed(7, 8, UINT64_MAX))),
        "resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano lies after the year 2262: 18446744073709551615 ns");
}

static void test_index_and_order(void **state)
{
    (void)state;
    struct str scope = ALL(message(2, ALL(IDS)), message(2, ALL(IDS)));
    struct str bad = message(2, message(1, TRACE_ID));
    struct str body = ALL(
        message(1, message(2, scope)), message(1, ALL(message(2, bad), message(2, message(2, ALL(IDS))))));
    otlp_kit_protobuf(&kit, SIGNAL_TRACES, body);
    assert_int_equal(kit.st, ST_OK);
    assert_int_equal(kit.tally.seen, 4);
    assert_int_equal(kit.tally.rejected, 1);
    assert_string_equal(kit.tally.first.text,
        "resourceSpans[1].scopeSpans[0].spans[0].spanId is missing; an id of 8 bytes is needed");
    assert_string_equal(kit.tally.first.path, "resourceSpans[1].scopeSpans[0].spans[0].spanId");
    const char *text = otlp_kit_text(&kit);
    assert_non_null(strstr(text, "span 0 "));
    assert_non_null(strstr(text, "span 1 "));
    assert_null(strstr(text, "span 2 "));
    assert_non_null(strstr(text, "span 3 "));
}

static void test_empty_requests(void **state)
{
    (void)state;
    assert_reads(STR(""), "");
    assert_reads(message(1, STR("")), "");
    assert_reads(message(1, message(2, STR(""))), "");
    assert_int_equal(kit.tally.seen, 0);
}

/* ---- what is wrong -------------------------------------------------------------------------------------------------- */

static void test_bad_ids(void **state)
{
    (void)state;
    static const char zeros[16];
    struct str zero16 = { zeros, 16 }, zero8 = { zeros, 8 };
#define AT "resourceSpans[0].scopeSpans[0].spans[0]."
    assert_refused(request_of(STR("")), AT "traceId is missing; an id of 16 bytes is needed");
    assert_refused(request_of(ALL(message(1, zero16), message(2, SPAN_ID))),
        AT "traceId is all zeros; an id of 16 bytes is needed");
    assert_refused(request_of(ALL(message(1, TRACE_ID), message(2, zero8))),
        AT "spanId is all zeros; an id of 8 bytes is needed");
    assert_refused(
        request_of(ALL(message(1, STR("short")), message(2, SPAN_ID))), AT "traceId must be 16 bytes, got 5");
    assert_refused(request_of(ALL(IDS, message(4, STR("short")))), AT "parentSpanId must be 8 bytes, got 5");
    assert_span(message(4, zero8), HEAD " unset\n" TAIL); /* a root */
    assert_span(message(4, STR("")), HEAD " unset\n" TAIL);
    assert_span(message(13, message(1, STR("\x01\x02"))), HEAD " unset\n link trace=\"0102\"\n" TAIL);
}

/* `levels` of AnyValue, the innermost a number. */
static struct str nested(size_t levels, uint32_t list)
{
    struct str v = varint(3, 1);
    for (size_t i = 1; i < levels; i++)
        v = message(list, message(1, list == 5 ? v : key_value("k", v)));
    return v;
}

static void test_nesting(void **state)
{
    (void)state;
    static const char *const places[] = { "attributes[1].value", "events[1].attributes[0].value",
        "links[0].attributes[0].value" };
    struct str deep = message(9, key_value("d", nested(65, 5)));
    struct str fine = message(9, key_value("f", nested(64, 5)));
    struct str event = message(11, STR(""));
    struct str cases[] = { ALL(fine, deep),
        ALL(event, message(11, message(3, key_value("d", nested(65, 6))))),
        message(13, message(4, key_value("d", nested(100, 5)))) };
    for (size_t i = 0; i < 3; i++) {
        char text[200];
        snprintf(text, sizeof text, AT "%s nests deeper than 64 levels", places[i]);
        assert_refused(request_of(ALL(IDS, cases[i])), text);
    }
    otlp_kit_protobuf(&kit, SIGNAL_TRACES, request_of(ALL(IDS, fine)));
    assert_int_equal(kit.handed_out, 1);
    /* Its neighbour is kept. */
    otlp_kit_protobuf(&kit, SIGNAL_TRACES, join(request_of(ALL(IDS, deep)), request_of(ALL(IDS))));
    assert_int_equal(kit.handed_out, 1);
    assert_int_equal(kit.tally.rejected, 1);
    /* A thousand levels cost no stack. */
    otlp_kit_protobuf(&kit, SIGNAL_TRACES, request_of(ALL(IDS, message(9, key_value("d", nested(1000, 6))))));
    assert_int_equal(kit.tally.rejected, 1);
}

static void test_resource_that_cannot_be_kept(void **state)
{
    (void)state;
    struct str deep = message(1, message(1, key_value("d", nested(65, 5))));
    struct str spans = message(2, message(2, ALL(IDS)));
    assert_refused(message(1, ALL(deep, spans)),
        "resourceSpans[0].scopeSpans[0].spans[0].resource.attributes[0].value nests deeper than 64 levels");
    otlp_kit_protobuf(&kit, SIGNAL_TRACES, join(message(1, ALL(deep, spans)), message(1, spans)));
    assert_int_equal(kit.handed_out, 1);
    struct str scope = message(1, message(3, key_value("d", nested(65, 5))));
    assert_refused(message(1, message(2, ALL(scope, message(2, ALL(IDS))))),
        "resourceSpans[0].scopeSpans[0].spans[0].scope.attributes[0].value nests deeper than 64 levels");
}

static void test_undecodable(void **state)
{
    (void)state;
    assert_undecodable(SIGNAL_TRACES, STR("\xff\xff\xff"), 0);
    assert_undecodable(
        SIGNAL_TRACES, STR("hello, world"), 2); /* h: field 13, a number; e; l: an end of a group */
    assert_undecodable(SIGNAL_TRACES, STR("\x0a\x05\x0a\x00"), 1);
    /* Inside: in the resource, in a span, in an attribute, in a nested value. Each is found, and nothing is read past the end. */
    assert_undecodable(SIGNAL_TRACES, message(1, message(1, STR("\x0a\x09x"))), 5);
    assert_undecodable(SIGNAL_TRACES, request_of(ALL(IDS, STR("\x4a\x7f"))), 35);
    assert_undecodable(SIGNAL_TRACES, request_of(ALL(IDS, message(9, STR("\x12\x05\x2a\x03\x0a\x04x")))), 41);
}

/* Every way to cut the worked example short is either an error or a message that lacks something. */
static void test_cut_short(void **state)
{
    (void)state;
    struct str whole = request_of(ALL(IDS, message(9, key_value("k", message(5, message(1, varint(3, 300))))),
        message(11, fixed(1, 8, 5))));
    for (size_t n = 1; n < whole.n; n++) {
        otlp_kit_protobuf(&kit, SIGNAL_TRACES, (struct str){ whole.p, n });
        assert_int_equal(kit.st, ST_INVALID);
        assert_true(kit.err.offset <= n);
    }
}

/* ---- large things --------------------------------------------------------------------------------------------------- */

static void test_ten_megabytes_of_text(void **state)
{
    (void)state;
    size_t n = (size_t)10 << 20;
    char *big = arena_alloc(arena, n);
    memset(big, 'x', n);
    otlp_kit_protobuf(&kit, SIGNAL_TRACES,
        request_of(ALL(IDS, message(9, key_value("big", message(1, (struct str){ big, n }))))));
    assert_int_equal(kit.handed_out, 1);
    assert_true(kit.text.n > n);
    assert_true(arena_bytes(kit.arena) < (size_t)1 << 20); /* a view, no copy */
}

static void test_a_hundred_thousand_attributes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 100000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        protobuf_add_bytes(&b, 9, key_value(key, varint(3, (uint64_t)i)));
    }
    otlp_kit_protobuf(&kit, SIGNAL_TRACES, request_of(ALL(IDS, done(&b))));
    assert_int_equal(kit.st, ST_OK);
    const char *text = otlp_kit_text(&kit);
    assert_non_null(strstr(text, " \"k0\": int 0\n"));
    assert_non_null(strstr(text, " \"k99999\": int 99999\n"));
}

static struct str repeated(struct str s, size_t n)
{
    struct buf b;
    buf_init(&b, 0);
    while (n-- > 0)
        buf_add_str(&b, s);
    return done(&b);
}

/* Two bytes each: what they become is bounded, whatever the list. */
static void test_a_bound_on_what_few_bytes_become(void **state)
{
    (void)state;
    const size_t n = 100000;
    const struct str bodies[] = {
        request_of(ALL(IDS, repeated(STR("\x4a\0"), n))), /* attributes */
        request_of(ALL(IDS, repeated(STR("\x5a\0"), n))), /* events */
        request_of(ALL(IDS, repeated(STR("\x6a\0"), n))), /* links */
        message(1, ALL(message(1, repeated(STR("\x0a\0"), n)), message(2, message(2, ALL(IDS))))),
        message(1, message(2, ALL(message(1, repeated(STR("\x1a\0"), n)), message(2, ALL(IDS))))),
        message(1, repeated(message(2, message(2, ALL(IDS))), n)), /* scopes */
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        kit.batch.bytes_most = 0;
        otlp_kit_protobuf(&kit, SIGNAL_TRACES, bodies[i]);
        assert_int_equal(kit.st, ST_OK);
        assert_int_equal(kit.tally.rejected, 0);
        assert_true(arena_bytes(kit.arena) > (size_t)3 << 20);
        kit.batch.bytes_most = (size_t)2 << 20;
        otlp_kit_protobuf(&kit, SIGNAL_TRACES, bodies[i]);
        assert_int_equal(kit.st, ST_TOO_LARGE);
        assert_non_null(strstr(kit.err.text, "more than 2 MiB when it is decoded"));
        assert_true(arena_bytes(kit.arena) < (size_t)3 << 20);
    }
}

/* ---- logs and metrics ----------------------------------------------------------------------------------------------- */

static void assert_log(struct str record, const char *want)
{
    otlp_kit_protobuf(&kit, SIGNAL_LOGS, request_of(record));
    assert_int_equal(kit.st, ST_OK);
    assert_int_equal(kit.tally.rejected, 0);
    assert_string_equal(otlp_kit_text(&kit), want);
}

static void test_log_records(void **state)
{
    (void)state;
    struct str event_name = message(6, key_value("event.name", message(1, STR("by attribute"))));
    assert_log(ALL(fixed(1, 8, 7), varint(2, 9), message(3, STR("INFO")), message(5, message(1, STR("b"))),
                   event_name, varint(7, 2), fixed(8, 4, 1), message(9, TRACE_ID), message(10, SPAN_ID),
                   fixed(11, 8, 8)),
        "log 0 trace=\"30313233343536373839616263646566\" span=\"4142434445464748\" event=\"by attribute\" time=7 severity=9 "
        "severity_text=\"INFO\" body text \"b\"\n \"event.name\": text \"by attribute\"\n dropped 2\n" TAIL);
    assert_log(ALL(event_name, message(12, STR("own")), fixed(11, 8, 8)),
        "log 0 event=\"own\" time=8 body null null\n \"event.name\": text \"by attribute\"\n" TAIL);
    assert_log(ALL(message(9, STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")), varint(2, 99)),
        "log 0 body null null\n" TAIL);
    otlp_kit_protobuf(&kit, SIGNAL_LOGS, request_of(message(9, STR("abc"))));
    assert_string_equal(
        kit.tally.first.text, "resourceLogs[0].scopeLogs[0].logRecords[0].traceId must be 16 bytes, got 3");
}

static void test_data_points_are_counted(void **state)
{
    (void)state;
    struct str points = ALL(message(1, STR("")), message(1, STR("")), varint(2, 1));
    static const uint32_t kinds[] = { 5, 7, 9, 10, 11 };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        otlp_kit_protobuf(&kit, SIGNAL_METRICS,
            request_of(
                ALL(message(1, STR("m")), message(kinds[i], points), message(12, key_value("a", STR(""))))));
        assert_int_equal(kit.st, ST_OK);
        assert_int_equal(kit.tally.seen, 2);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_worked_bytes),
        TEST(test_every_field),
        TEST(test_values),
        TEST(test_invalid_utf8_is_repaired),
        TEST(test_messages_in_pieces_join),
        TEST(test_resource_behind_its_spans),
        TEST(test_old_name_of_scopes),
        TEST(test_unknown_fields_and_groups_are_skipped),
        TEST(test_unknown_enums_are_the_default),
        TEST(test_times),
        TEST(test_index_and_order),
        TEST(test_empty_requests),
        TEST(test_bad_ids),
        TEST(test_nesting),
        TEST(test_resource_that_cannot_be_kept),
        TEST(test_undecodable),
        TEST(test_cut_short),
        TEST(test_ten_megabytes_of_text),
        TEST(test_a_hundred_thousand_attributes),
        TEST(test_a_bound_on_what_few_bytes_become),
        TEST(test_log_records),
        TEST(test_data_points_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
