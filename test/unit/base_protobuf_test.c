/* protobuf: every wire type, groups skipped, every way to break off; what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/protobuf.h"

#define BYTES(literal) ((struct str){ literal, sizeof literal - 1 })

static void test_every_wire_type(void **state)
{
    (void)state;
    struct protobuf p = protobuf_of(BYTES("\x08\x96\x01"                         /* 1: 150 */
                                          "\x11\x01\x02\x03\x04\x05\x06\x07\x88" /* 2: fixed64 */
                                          "\x1a\x03"
                                          "abc"                                             /* 3: "abc" */
                                          "\x25\xff\x00\x00\x80"                            /* 4: fixed32 */
                                          "\xc2\x3e\x00"                                    /* 1000: empty */
                                          "\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")); /* 6: -1 */
    static const struct {
        uint32_t number;
        enum protobuf_wire wire;
        uint64_t value;
        const char *data;
    } want[] = {
        { 1, WIRE_VARINT, 150, NULL },
        { 2, WIRE_FIXED64, UINT64_C(0x8807060504030201), NULL },
        { 3, WIRE_BYTES, 0, "abc" },
        { 4, WIRE_FIXED32, 0x800000FF, NULL },
        { 1000, WIRE_BYTES, 0, "" },
        { 6, WIRE_VARINT, UINT64_MAX, NULL },
    };
    struct protobuf_field f;
    struct err err;
    bool more;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(protobuf_next(&p, &f, &more, &err), ST_OK);
        assert_true(more);
        assert_int_equal(f.number, want[i].number);
        assert_int_equal(f.wire, want[i].wire);
        assert_true(f.value == want[i].value);
        assert_true(str_eq(f.data, str_of(want[i].data)));
    }
    assert_int_equal(protobuf_next(&p, &f, &more, &err), ST_OK);
    assert_false(more);
}

static void test_groups_are_skipped(void **state)
{
    (void)state;
    /* 1 { 2: 5  3 { 4: "x" } } then 5: 7 */
    struct protobuf p = protobuf_of(BYTES("\x0b\x10\x05\x1b\x22\x01x\x1c\x0c\x28\x07"));
    struct protobuf_field f;
    struct err err;
    bool more;
    assert_int_equal(protobuf_next(&p, &f, &more, &err), ST_OK);
    assert_int_equal(f.number, 5);
    assert_int_equal(f.value, 7);
    assert_int_equal(protobuf_next(&p, &f, &more, &err), ST_OK);
    assert_false(more);
}

static void test_groups_nest_so_deep(void **state)
{
    (void)state;
    char body[2 * 65];
    struct protobuf_field f;
    struct err err;
    bool more;
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(body, 0x0b, depth);
        memset(body + depth, 0x0c, depth);
        struct protobuf p = protobuf_of((struct str){ body, 2 * depth });
        assert_int_equal(protobuf_next(&p, &f, &more, &err), depth == 64 ? ST_OK : ST_INVALID);
    }
    assert_int_equal(err.offset, 64);
    assert_non_null(strstr(err.text, "deeper than 64"));
}

static void test_faults_have_a_place(void **state)
{
    (void)state;
    static const struct {
        struct str body;
        size_t offset;
        const char *text;
    } bad[] = {
        { { "\x08\x01\x88", 3 }, 2, "truncated or over-long tag" },
        { { "\x08", 1 }, 1, "truncated or over-long number" },
        { { "\x08\x80", 2 }, 1, "truncated or over-long number" },
        { { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11 }, 1, "truncated or over-long number" },
        { { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, 1, "truncated or over-long number" },
        { { "\x11\x01\x02", 3 }, 1, "truncated number" },
        { { "\x25\x01\x02\x03", 4 }, 1, "truncated number" },
        { { "\x0a\x05"
            "abc",
              5 },
            1, "length past the end" },
        { { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, 1, "length past the end" },
        { { "\x0a\x80", 2 }, 1, "truncated or over-long length" },
        { { "\x00\x01", 2 }, 0, "impossible field number" },
        { { "\x80\x80\x80\x80\x10\x00", 6 }, 0, "impossible field number" },
        { { "\x0c", 1 }, 0, "end of a group that is not open" },
        { { "\x0e\x00", 2 }, 0, "impossible wire type" },
        { { "\x0f\x00", 2 }, 0, "impossible wire type" },
        { { "\x0b\x10\x05", 3 }, 3, "truncated or over-long tag" },
        { { "\x0b\x14", 2 }, 1, "end of a group that is not open" },
        { { "\x0b\x12\x7f\x0c", 4 }, 2, "length past the end" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct protobuf p = protobuf_of(bad[i].body);
        struct protobuf_field f;
        struct err err = { 0 };
        bool more = true;
        enum status st = ST_OK;
        while (st == ST_OK && more)
            st = protobuf_next(&p, &f, &more, &err);
        assert_int_equal(st, ST_INVALID);
        assert_int_equal(err.offset, bad[i].offset);
        assert_non_null(strstr(err.text, bad[i].text));
        p = protobuf_of(bad[i].body);
        for (st = ST_OK, more = true; st == ST_OK && more;)
            st = protobuf_next(&p, &f, &more, NULL); /* nobody asks why */
        assert_int_equal(st, ST_INVALID);
    }
}

static void test_inside_counts_from_the_start(void **state)
{
    (void)state;
    struct protobuf p = protobuf_of(BYTES("\x08\x01\x12\x03\x08\x01\x88")), inside;
    struct protobuf_field f;
    struct err err;
    bool more;
    assert_int_equal(protobuf_next(&p, &f, &more, &err), ST_OK);
    assert_int_equal(protobuf_next(&p, &f, &more, &err), ST_OK);
    inside = protobuf_inside(&p, f.data);
    assert_int_equal(protobuf_next(&inside, &f, &more, &err), ST_OK);
    assert_int_equal(protobuf_next(&inside, &f, &more, &err), ST_INVALID);
    assert_int_equal(err.offset, 6);
    p = protobuf_of(STR_NONE);
    assert_int_equal(protobuf_next(&p, &f, &more, &err), ST_OK);
    assert_false(more);
}

static void test_written_reads_back(void **state)
{
    (void)state;
    static const uint64_t numbers[] = { 0, 1, 127, 128, 300, INT64_MAX, UINT64_MAX };
    struct buf b;
    struct protobuf_field f;
    bool more;
    buf_init(&b, 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        protobuf_add_varint(&b, (uint32_t)i + 1, numbers[i]);
    protobuf_add_bytes(&b, 536870911, STR("last number there is"));
    protobuf_add_bytes(&b, 9, STR(""));
    struct protobuf p = protobuf_of(buf_str(&b));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
        assert_int_equal(f.number, i + 1);
        assert_true(f.value == numbers[i]);
    }
    assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
    assert_int_equal(f.number, 536870911);
    assert_true(str_is(f.data, "last number there is"));
    assert_int_equal(protobuf_next(&p, &f, &more, NULL), ST_OK);
    assert_int_equal(f.number, 9);
    assert_int_equal(f.data.n, 0);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_wire_type),
        cmocka_unit_test(test_groups_are_skipped),
        cmocka_unit_test(test_groups_nest_so_deep),
        cmocka_unit_test(test_faults_have_a_place),
        cmocka_unit_test(test_inside_counts_from_the_start),
        cmocka_unit_test(test_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
