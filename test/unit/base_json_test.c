/* json: what is read and what is refused, with the place; values; text, canonical text, equality; the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Parsed from a heap copy of the exact size that is gone afterwards: views of it, or reads past it, would be seen. */
static enum status parse_status(struct str text, size_t memory_max, struct json *out, struct err *err)
{
    char *copy = mem_alloc(text.n);
    if (text.n)
        memcpy(copy, text.p, text.n);
    enum status st = json_parse(arena, (struct str){ copy, text.n }, memory_max, out, err);
    memset(copy, '#', text.n);
    mem_free(copy);
    return st;
}

static struct json parse_str(struct str text)
{
    struct json v;
    struct err err = { 0 };
    if (parse_status(text, 0, &v, &err) != ST_OK)
        fail_msg("%.*s: %s", STR_ARG(text), err.text);
    return v;
}

static struct json parse(const char *text)
{
    return parse_str(str_of(text));
}

static void check_text(const char *text, const char *want)
{
    assert_string_equal(json_text(arena, parse(text)).p, want);
}

static void check_canonical(const char *text, const char *want)
{
    assert_string_equal(json_canonical(arena, parse(text)).p, want);
}

static void check_fault(struct str text, size_t offset, size_t line, size_t column, const char *part)
{
    struct json v;
    struct err err = { 0 };
    char place[64];
    assert_int_equal(parse_status(text, 0, &v, &err), ST_INVALID);
    assert_null(v.v);
    assert_int_equal(err.code, ST_INVALID);
    if (!strstr(err.text, part))
        fail_msg("\"%s\" does not say \"%s\"", err.text, part);
    snprintf(place, sizeof place, "at line %zu, column %zu", line, column);
    if (!strstr(err.text, place))
        fail_msg("\"%s\" does not say \"%s\"", err.text, place);
    assert_int_equal(err.offset, offset);
    assert_int_equal(err.line, line);
    assert_int_equal(err.column, column);
}

/* ---- Reading ---- */

static void test_types(void **state)
{
    (void)state;
    struct json v = parse(" {\"n\":null,\"b\":true,\"f\":false,\"i\":12,\"s\":\"x\",\"a\":[1],\"o\":{}} ");
    assert_int_equal(json_type(v), JSON_OBJ);
    assert_int_equal(json_type(json_key(v, "n")), JSON_NULL);
    assert_int_equal(json_type(json_key(v, "b")), JSON_BOOL);
    assert_int_equal(json_type(json_key(v, "i")), JSON_NUM);
    assert_int_equal(json_type(json_key(v, "s")), JSON_STR);
    assert_int_equal(json_type(json_key(v, "a")), JSON_ARR);
    assert_int_equal(json_type(json_key(v, "o")), JSON_OBJ);
    assert_int_equal(json_type(json_key(v, "missing")), JSON_ABSENT);
    assert_true(json_bool(json_key(v, "b")));
    assert_false(json_bool(json_key(v, "f")));
    assert_false(json_bool(json_key(v, "i")));
    assert_true(json_is_null(json_key(v, "n")));
    assert_false(json_is_set(json_key(v, "n")));
    assert_false(json_is_set(json_key(v, "missing")));
    assert_true(json_is_set(json_key(v, "f")));
    assert_string_equal(json_type_name(JSON_ABSENT), "undefined");
    assert_string_equal(json_type_name(JSON_OBJ), "object");
    assert_string_equal(json_type_name(json_type(json_key(v, "b"))), "boolean");
}

/* Every accessor takes every value, and nothing at all. */
static void test_wrong_types(void **state)
{
    (void)state;
    struct json values[] = { JSON_NONE, parse("null"), parse("true"), parse("1"), parse("\"x\""), parse("[]"),
        parse("{}") };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct json v = values[i], item;
        struct json_iter it = json_iter(v);
        int64_t n;
        double f;
        assert_null(json_key(v, "a").v);
        assert_null(json_at(v, 0).v);
        assert_int_equal(json_size(v), 0);
        assert_false(json_next(&it, NULL, &item));
        assert_int_equal(json_str(v).p != NULL, json_is_str(v));
        assert_int_equal(json_num_text(v).p != NULL, json_is_num(v));
        assert_int_equal(json_i64(v, &n), json_is_num(v));
        assert_int_equal(json_f64(v, &f), json_is_num(v));
        assert_int_equal(json_text(arena, v).p != NULL, i != 0);
        assert_int_equal(json_canonical(arena, v).p != NULL, i != 0);
        for (size_t k = 0; k < sizeof values / sizeof *values; k++)
            assert_int_equal(json_equal(v, values[k]), i == k);
    }
}

static void test_strings(void **state)
{
    (void)state;
    struct json v = parse_str(STR(
        "[\"\",\"a\\u0000b\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u00e9\\ud83d\\ude00\",\"\xF0\x9F\x98\x80\",\"\x7F\"]"));
    assert_non_null(json_str(json_at(v, 0)).p);
    assert_int_equal(json_str(json_at(v, 0)).n, 0);
    assert_true(str_eq(json_str(json_at(v, 1)), STR("a\0b")));
    assert_true(str_eq(json_str(json_at(v, 2)), STR("\"\\/\b\f\n\r\t")));
    assert_true(str_eq(json_str(json_at(v, 3)), STR("\xC3\xA9\xF0\x9F\x98\x80")));
    assert_string_equal(json_text(arena, v).p,
        "[\"\",\"a\\u0000b\",\"\\\"\\\\/\\b\\f\\n\\r\\t\",\"\xC3\xA9\xF0\x9F\x98\x80\",\"\xF0\x9F\x98\x80\",\"\x7F\"]");
    assert_null(json_at(v, 6).v);
}

static void test_faults(void **state)
{
    (void)state;
    check_fault(STR(""), 0, 1, 1, "empty");
    check_fault(STR(" \n "), 0, 1, 1, "empty");
    check_fault(STR("{\n  \"a\": 1,\n  \"b\" x 2\n}"), 18, 3, 7, "unexpected character");
    check_fault(STR("{\"a\":1"), 6, 1, 7, "not JSON");
    check_fault(STR("{} x"), 3, 1, 4, "not JSON");
    check_fault(STR("{}{}"), 2, 1, 3, "not JSON");
    check_fault(STR("[NaN]"), 1, 1, 2, "not JSON");
    check_fault(STR("[1,\n \xC3\xA9]"), 5, 2, 2, "not JSON"); /* columns count bytes */
    check_fault(STR("\0"), 0, 1, 1, "NUL");
    check_fault(STR("{}\0"), 2, 1, 3, "NUL");
    check_fault(STR("[\"a\0b\"]"), 3, 1, 4, "NUL");
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[1,]",
        "{\"a\":1,}",
        "// c\n1",
        "/* c */1",
        "[1 /* c */]",
        "{a:1}",
        "{'a':1}",
        "['a']",
        "Infinity",
        "-Infinity",
        "nan",
        "+1",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "tru",
        "nulll",
        "True",
        "[",
        "]",
        "{",
        "}",
        "[}",
        "{]",
        "\"abc",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\\x41\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "\"\\",
        "\"\\u",
        "\"\\ud83",
        "[,1]",
        "[1,,2]",
        "{\"a\"}",
        "{\"a\":}",
        "{:1}",
        "{1:2}",
        "1 2",
        "\"\x80\"",
        "\"\xC0\x80\"",
        "\"\xED\xA0\x80\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xC3\"",
        "{\"\xFF\":1}",
        "\xEF\xBB\xBF{}",
        ",",
        ":",
        "\x1F",
        "[1\v]",
        "\xC2\xA0 1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json v;
        struct err err;
        if (parse_status(str_of(bad[i]), 0, &v, &err) != ST_INVALID)
            fail_msg("%s is not JSON", bad[i]);
        assert_non_null(strstr(err.text, "not JSON: "));
        assert_true(err.line >= 1 && err.column >= 1 && err.offset <= strlen(bad[i]));
        assert_int_equal(parse_status(str_of(bad[i]), 0, &v, NULL), ST_INVALID);
    }
}

static struct str nested(size_t depth, const char *open, const char *inner, const char *close)
{
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < depth; i++)
        buf_add_cstr(&b, open);
    buf_add_cstr(&b, inner);
    for (size_t i = 0; i < depth; i++)
        buf_add_cstr(&b, close);
    struct str s = arena_dup(arena, buf_str(&b));
    buf_fini(&b);
    return s;
}

static void test_depth(void **state)
{
    (void)state;
    struct str full = nested(512, "[", "", "]");
    assert_true(str_eq(json_text(arena, parse_str(full)), full));
    assert_true(str_eq(json_canonical(arena, parse_str(full)), full));
    assert_true(json_equal(parse_str(full), parse_str(full)));
    full = nested(512, "{\"[[\\\"[\":", "1", "}");
    assert_true(str_eq(json_text(arena, parse_str(full)), full));
    check_fault(nested(513, "[", "", "]"), 512, 1, 513, "deeper than 512 levels");
    check_fault(nested(513, "{\"a\":\n", "1", "}"), 512 * 6, 513, 1, "deeper than 512 levels");
    check_fault(nested(1000000, "[", "", ""), 512, 1, 513, "deeper than 512 levels");
    /* Siblings are not levels. */
    parse_str(nested(1, "[", nested(600, "[],{},", "1", "").p, "]"));
}

static void check_string(const char *text, const char *want, unsigned replaced)
{
    uint64_t before = json_surrogates();
    struct str s = json_str(parse(text));
    assert_true(str_is(s, want));
    assert_int_equal(json_surrogates() - before, replaced);
}

#define FFFD  "\xEF\xBF\xBD"
#define SMILE "\xF0\x9F\x98\x80"

static void test_surrogates(void **state)
{
    (void)state;
    check_string("\"\\ud83d\\ude00\"", SMILE, 0);
    check_string("\"\\uD83D\\uDE00\"", SMILE, 0);
    check_string("\"\\ud83d\"", FFFD, 1);
    check_string("\"a\\uD83Db\"", "a" FFFD "b", 1);
    check_string("\"\\ude00\"", FFFD, 1);
    check_string("\"\\ude00\\ud83d\"", FFFD FFFD, 2);
    check_string("\"\\ud83d\\ud83d\\ude00\"", FFFD SMILE, 1);
    check_string("\"\\ud83d\\u0041\"", FFFD "A", 1);
    check_string("\"\\ud83d\\n\"", FFFD "\n", 1);
    check_string("\"\\ud83d\\\\ude00\"", FFFD "\\ude00", 1);
    check_string("\"\\\\ud83d\"", "\\ud83d", 0);
    check_string("\"\\\\\\ud83d\"", "\\" FFFD, 1);
    check_string("\"\\ud7ff\\ue000\\ufffd\"", "\xED\x9F\xBF\xEE\x80\x80" FFFD, 0);
    assert_true(json_is_num(json_key(parse("{\"k\\udc00\":1}"), "k" FFFD)));
    /* A refused text counts nothing, and its place is that of the text as sent. */
    uint64_t before = json_surrogates();
    check_fault(STR("[\"\\ud83d\",\n\"\\ud83d\" 1]"), 20, 2, 10, "not JSON");
    assert_int_equal(json_surrogates(), before);
    /* The text itself is not changed. */
    char text[] = "\"\\ud83d\"";
    struct json v;
    assert_int_equal(json_parse(arena, str_of(text), 0, &v, NULL), ST_OK);
    assert_string_equal(text, "\"\\ud83d\"");
}

/* The reference finds pairs and lone halves with a regular grammar; ours jumps by words. Shift the text to meet every alignment. */
static void test_surrogates_at_every_alignment(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 40; shift++) {
        struct str text = arena_printf(
            arena, "\"%*s\\ud800%*s\\ud83d\\ude00\\\"\\udfff\"", (int)shift, "", (int)(shift * 3 % 11), "");
        struct str want =
            arena_printf(arena, "%*s" FFFD "%*s" SMILE "\"" FFFD, (int)shift, "", (int)(shift * 3 % 11), "");
        assert_true(str_eq(json_str(parse_str(text)), want));
    }
}

static void test_memory_limit(void **state)
{
    (void)state;
    struct json v;
    struct err err;
    struct str ones = nested(20000, "[1,1,1,1,1,1,1,1],", "", "");
    struct str text = arena_printf(arena, "[%s1]", ones.p);
    assert_int_equal(json_parse(arena, text, 0, &v, &err), ST_OK);
    assert_int_equal(json_size(v), 20001);
    assert_int_equal(parse_status(text, text.n - 1, &v, &err), ST_TOO_LARGE);
    assert_int_equal(parse_status(text, text.n * 2, &v, &err), ST_TOO_LARGE);
    assert_int_equal(err.code, ST_TOO_LARGE);
    assert_null(v.v);
    assert_int_equal(parse_status(text, text.n * 12, &v, &err), ST_OK);
    assert_int_equal(parse_status(STR("1"), 1024, &v, &err), ST_OK);
    /* Commas in strings are no values. */
    text = arena_printf(arena, "[\"%s\"]", nested(10000, ",", "", ":").p);
    assert_int_equal(parse_status(text, text.n + 1000, &v, &err), ST_OK);
    assert_int_equal(json_str(json_at(v, 0)).n, 20000);
}

/* Most of a text is strings; the tree must not cost a multiple of them. */
static void test_memory_use(void **state)
{
    (void)state;
    char *big = mem_alloc(4000000);
    memset(big, 'x', 4000000);
    memcpy(big, "[\"", 2);
    memcpy(big + 3999998, "\"]", 2);
    struct arena *a = arena_new();
    struct json v;
    assert_int_equal(json_parse(a, (struct str){ big, 4000000 }, 0, &v, NULL), ST_OK);
    assert_int_equal(json_str(json_at(v, 0)).n, 4000000 - 4);
    assert_true(arena_bytes(a) < 4000000 * 4);
    arena_free(a);
    a = arena_new();
    for (int i = 0; i < 1000; i++) /* small texts share blocks */
        assert_int_equal(json_parse(a, STR("{\"a\":[1,2,3]}"), 0, &v, NULL), ST_OK);
#ifndef TW_ARENA_MALLOC
    assert_true(arena_bytes(a) < 400000);
#endif
    arena_free(a);
    mem_free(big);
}

/* ---- Values ---- */

static void test_numbers_as_sent(void **state)
{
    (void)state;
    static const char *const texts[] = { "0", "-0", "1.0", "1e3", "1E+3", "0.10",
        "123456789012345678901234567890.5000", "1e400", "-1.5e-400", "9007199254740993" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json v = parse(texts[i]);
        assert_true(str_is(json_num_text(v), texts[i]));
        check_text(texts[i], texts[i]);
        v = parse_str(arena_printf(arena, "[%s,{\"a\":%s}]", texts[i], texts[i]));
        assert_true(str_is(json_num_text(json_at(v, 0)), texts[i]));
        assert_true(str_is(json_num_text(json_key(json_at(v, 1), "a")), texts[i]));
    }
}

static void test_numbers(void **state)
{
    (void)state;
    int64_t n = 0;
    double f = 0;
    assert_true(json_i64(parse("1.0"), &n) && n == 1);
    assert_true(json_i64(parse("1e3"), &n) && n == 1000);
    assert_true(json_i64(parse("-0"), &n) && n == 0);
    assert_true(json_i64(parse("9223372036854775807"), &n) && n == INT64_MAX);
    assert_false(json_i64(parse("9223372036854775808"), &n));
    assert_true(json_i64(parse("-9223372036854775808"), &n) && n == INT64_MIN);
    assert_false(json_i64(parse("1.5"), &n));
    assert_false(json_i64(parse("1e300"), &n));
    assert_false(json_i64(parse("\"1\""), &n));
    assert_true(json_f64(parse("0.1"), &f) && f == 0.1);
    assert_true(json_f64(parse("1e400"), &f) && isinf(f) && f > 0);
    assert_true(json_f64(parse("-1e400"), &f) && isinf(f) && f < 0);
    assert_true(json_f64(parse("1e-400"), &f) && f == 0);
    assert_true(json_f64(parse("9007199254740993"), &f) && f == 9007199254740992.0);
    assert_false(json_f64(parse("true"), &f));
}

static void test_duplicates(void **state)
{
    (void)state;
    struct json v = parse("{\"a\":1,\"b\":2,\"a\":{\"a\":0},\"a\":3}"), item;
    int64_t n;
    assert_true(json_i64(json_key(v, "a"), &n) && n == 3);
    assert_true(json_i64(json_key(v, "b"), &n) && n == 2);
    assert_int_equal(json_size(v), 4);
    struct json_iter it = json_iter(v);
    struct str key;
    size_t seen = 0;
    while (json_next(&it, &key, &item))
        seen++;
    assert_int_equal(seen, 4);
    check_text("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}");
    check_canonical("{\"a\":1,\"b\":0,\"a\":2}", "{\"a\":2,\"b\":0}");
    assert_true(json_equal(parse("{\"a\":1,\"a\":2}"), parse("{\"a\":2}")));
    assert_false(json_equal(parse("{\"a\":1,\"a\":2}"), parse("{\"a\":1}")));
}

static void test_iteration(void **state)
{
    (void)state;
    struct json v = parse("{\"a\":[[1,2],{\"x\":[]}],\"\":null,\"b\\u0000\":\"s\"}"), item;
    static const struct str keys[] = { STR_INIT("a"), STR_INIT(""), STR_INIT("b\0") };
    static const enum json_type types[] = { JSON_ARR, JSON_NULL, JSON_STR };
    struct json_iter it = json_iter(v);
    struct str key;
    for (size_t i = 0; i < 3; i++) {
        assert_true(json_next(&it, &key, &item));
        assert_true(key.p && str_eq(key, keys[i]));
        assert_int_equal(json_type(item), types[i]);
    }
    assert_false(json_next(&it, &key, &item));
    assert_false(json_next(&it, &key, &item));
    struct json array = json_key(v, "a");
    it = json_iter(array);
    assert_true(json_next(&it, &key, &item) && json_size(item) == 2 && !key.p);
    assert_true(json_next(&it, NULL, &item) && json_is_obj(item));
    assert_false(json_next(&it, NULL, &item));
    assert_true(json_is_obj(json_at(array, 1)));
    assert_true(json_is_str(json_get(v, STR("b\0"))));
    assert_null(json_key(v, "b").v);
    assert_true(json_is_null(json_get(v, STR(""))));
}

static void test_text(void **state)
{
    (void)state;
    check_text(" [ ] ", "[]");
    check_text(" { } ", "{}");
    check_text("[ 1 , true , false , null , \"x\" , [ [ ] ] , { \"a\" : { } } ]",
        "[1,true,false,null,\"x\",[[]],{\"a\":{}}]");
    check_text("{\"b\":1,\n\"a\":[1,2]}", "{\"b\":1,\"a\":[1,2]}");
    check_text("\"\\u001f\\u0001\\u007f\\u2028\"", "\"\\u001f\\u0001\x7F\xE2\x80\xA8\"");
    struct json v = parse("{\"a\":{\"b\":[1,{\"c\":2}]},\"d\":3}");
    assert_string_equal(json_text(arena, json_key(json_key(v, "a"), "b")).p, "[1,{\"c\":2}]");
    assert_string_equal(json_text(arena, json_key(v, "d")).p, "3");
    assert_null(json_text(arena, JSON_NONE).p);
}

static void test_canonical(void **state)
{
    (void)state;
    check_canonical("{\"b\":{\"z\":1,\"y\":[{\"q\":1,\"p\":2}]},\"a\":1,\"aa\":2,\"\xC3\xA9\":3}",
        "{\"a\":1,\"aa\":2,\"b\":{\"y\":[{\"p\":2,\"q\":1}],\"z\":1},\"\xC3\xA9\":3}");
    check_canonical("[1.0, 1e2, 0.10, -0, 1e-9, 1E30]", "[1,100,0.1,0,1e-9,1e+30]");
    check_canonical("{\"\\u0061\":\"\\u00e9\\n\"}", "{\"a\":\"\xC3\xA9\\n\"}");
    check_canonical("{}", "{}");
    check_canonical("\"\\u0000\"", "\"\\u0000\"");
    assert_null(json_canonical(arena, JSON_NONE).p);
}

static void test_equal(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        { "1", "1.0" },
        { "100", "1e2" },
        { "0", "-0.0" },
        { "{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}" },
        { "\"\\u0041\"", "\"A\"" },
        { "1e400", "10e399" },
        { "[]", "[ ]" },
    };
    static const char *const different[][2] = {
        { "1", "\"1\"" },
        { "1", "2" },
        { "[1,2]", "[2,1]" },
        { "[1]", "[1,1]" },
        { "{\"a\":1}", "{\"b\":1}" },
        { "{\"a\":1}", "{\"a\":1,\"b\":1}" },
        { "{\"a\":1,\"b\":1}", "{\"a\":1,\"a\":1}" },
        { "null", "false" },
        { "true", "false" },
        { "9007199254740993", "9007199254740992" },
        { "[]", "{}" },
        { "\"a\"", "\"a\\u0000\"" },
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(json_equal(parse(same[i][0]), parse(same[i][1])));
        assert_true(
            str_eq(json_canonical(arena, parse(same[i][0])), json_canonical(arena, parse(same[i][1]))));
    }
    for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
        assert_false(json_equal(parse(different[i][0]), parse(different[i][1])));
        assert_false(str_eq(
            json_canonical(arena, parse(different[i][0])), json_canonical(arena, parse(different[i][1]))));
    }
}

/* Wide objects must not cost the square of their width. */
static void test_wide_objects(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_add_char(&b, '{');
    for (int i = 0; i < 200000; i++)
        buf_printf(&b, "\"k%d\":%d,", (i * 7919) % 200000, i);
    buf_add_cstr(&b, "\"z\":0}");
    struct json v = parse_str(buf_str(&b));
    assert_true(json_equal(v, v));
    struct str canonical = json_canonical(arena, v);
    assert_true(json_equal(v, parse_str(canonical)));
    assert_true(str_eq(json_canonical(arena, parse_str(canonical)), canonical));
    buf_fini(&b);
}

/* ---- Writing ---- */

static void test_writer(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    jw_kv_str(&w, "s", STR("a\"\x01\n"));
    jw_kv_str(&w, "absent", STR_NONE);
    jw_kv_str_opt(&w, "no", STR_NONE);
    jw_kv_str_opt(&w, "yes", STR(""));
    jw_kv_cstr(&w, "c", "x");
    jw_kv_cstr(&w, "null", NULL);
    jw_kv_i64(&w, "min", INT64_MIN);
    jw_kv_i64(&w, "max", INT64_MAX);
    jw_kv_f64(&w, "f", 0.1);
    jw_kv_bool(&w, "t", true);
    jw_kv_null(&w, "z");
    jw_kv_raw(&w, "raw", STR("[1,2]"));
    jw_kv_raw(&w, "raw2", STR_NONE);
    jw_kv_raw_opt(&w, "raw3", STR_NONE);
    jw_key_str(&w, STR("k\0"));
    jw_arr(&w);
    jw_arr(&w);
    jw_arr_end(&w);
    jw_obj(&w);
    jw_obj_end(&w);
    jw_i64(&w, 0);
    jw_value(&w, parse("{ \"a\" : [ 1 , 2 ] }"));
    jw_value(&w, JSON_NONE);
    jw_bool(&w, false);
    jw_arr_end(&w);
    jw_kv_i64(&w, "last", -7);
    jw_obj_end(&w);
    assert_string_equal(arena_cstr(arena, buf_str(&b)),
        "{\"s\":\"a\\\"\\u0001\\n\",\"absent\":null,\"yes\":\"\",\"c\":\"x\",\"null\":null,\"min\":-9223372036854775808,"
        "\"max\":9223372036854775807,\"f\":0.1,\"t\":true,\"z\":null,\"raw\":[1,2],\"raw2\":null,"
        "\"k\\u0000\":[[],{},0,{\"a\":[1,2]},null,false],\"last\":-7}");
    buf_fini(&b);
}

static void test_writer_depth(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        jw_arr(&w);
        jw_i64(&w, i);
    }
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        jw_i64(&w, i);
        jw_arr_end(&w);
    }
    struct json v = parse_str(buf_str(&b));
    assert_int_equal(json_size(v), 3);
    buf_fini(&b);
}

/* A full buffer stays at its maximum and says so; nothing is half written. */
static void test_writer_over_maximum(void **state)
{
    (void)state;
    for (size_t max = 1; max < 40; max++) {
        struct buf b;
        buf_init(&b, max);
        struct jw w = jw_of(&b);
        jw_arr(&w);
        jw_cstr(&w, "0123456789");
        jw_value(&w, parse("{\"a\":\"b\"}"));
        jw_f64(&w, 1.5);
        jw_arr_end(&w);
        assert_true(b.n <= max);
        assert_int_equal(b.over, max < 28);
        buf_fini(&b);
    }
}

static void check_f64(double v, const char *want)
{
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_f64(&w, v);
    assert_string_equal(arena_cstr(arena, buf_str(&b)), want);
    buf_fini(&b);
}

static void test_doubles(void **state)
{
    (void)state;
    check_f64(0, "0");
    check_f64(-0.0, "0");
    check_f64(12, "12");
    check_f64(-1e15, "-1000000000000000");
    check_f64(9007199254740992.0, "9007199254740992");
    check_f64(1e20, "100000000000000000000");
    check_f64(1e21, "1e+21");
    check_f64(0.1, "0.1");
    check_f64(0.1 + 0.2, "0.30000000000000004");
    check_f64(1.0 / 3, "0.3333333333333333");
    check_f64(5e-324, "4.94065645841247e-324");
    check_f64(1.7976931348623157e308, "1.7976931348623157e+308");
    check_f64((double)INFINITY, "null");
    check_f64((double)NAN, "null");
}

static void test_doubles_read_back(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 20000; i++) {
        double v, back;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(&v, &x, sizeof v);
        v = i % 2 ? v : (double)(int64_t)x / 1000;
        if (!isfinite(v))
            continue;
        buf_clear(&b);
        struct jw w = jw_of(&b);
        jw_f64(&w, v);
        assert_true(json_f64(parse_str(buf_str(&b)), &back));
        assert_true(back == v);
    }
    buf_fini(&b);
}

/* What is not UTF-8 may not make the answer unreadable. */
static void test_quote(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    json_quote(&b, STR("\xC3\xA9\xFFx\xE2\x82"
                       "\xED\xA0\x80\xF0\x9F\x98\x80"));
    assert_string_equal(
        arena_cstr(arena, buf_str(&b)), "\"\xC3\xA9" FFFD "x" FFFD FFFD FFFD FFFD FFFD SMILE "\"");
    for (int c = 0; c < 128; c++) {
        char text[11];
        memset(text, 'a', sizeof text);
        text[c % sizeof text] = (char)c;
        buf_clear(&b);
        json_quote(&b, (struct str){ text, sizeof text });
        assert_true(str_eq(json_str(parse_str(buf_str(&b))), (struct str){ text, sizeof text }));
    }
    buf_clear(&b);
    json_quote(&b, STR_NONE);
    assert_true(str_is(buf_str(&b), "\"\""));
    buf_fini(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_types),
        TEST(test_wrong_types),
        TEST(test_strings),
        TEST(test_faults),
        TEST(test_refusals),
        TEST(test_depth),
        TEST(test_surrogates),
        TEST(test_surrogates_at_every_alignment),
        TEST(test_memory_limit),
        TEST(test_memory_use),
        TEST(test_numbers_as_sent),
        TEST(test_numbers),
        TEST(test_duplicates),
        TEST(test_iteration),
        TEST(test_text),
        TEST(test_canonical),
        TEST(test_equal),
        TEST(test_wide_objects),
        TEST(test_writer),
        TEST(test_writer_depth),
        TEST(test_writer_over_maximum),
        TEST(test_doubles),
        TEST(test_doubles_read_back),
        TEST(test_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
