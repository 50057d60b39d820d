/* options: where values come from and who wins, units, bounds, and refusals that say what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/options.h"

struct http_options {
    OPTION_C_TEXT http_listen;
    OPTION_C_BYTES http_body_bytes;
    OPTION_C_BOOL http_cors;
    OPTION_C_BOOL http_keep;
};
struct store_options {
    OPTION_C_INT store_readers;
    OPTION_C_TIME store_retention;
    OPTION_C_TEXT store_name;
};

#define OPTION(...) OPTION_ROW(struct http_options, __VA_ARGS__)
static const struct option_row http_rows[] = { OPTION(
    http_listen, TEXT, "127.0.0.1:8585", 0, 0, "HOST:PORT of the web pages and every API")
        OPTION(http_body_bytes, BYTES, "64MiB", 1024, INT64_C(1) << 30, "largest body")
            OPTION(http_cors, BOOL, "false", 0, 0, "answer browsers of other origins")
                OPTION(http_keep, BOOL, "true", 0, 0, "keep | connections") };
#undef OPTION
#define OPTION(...) OPTION_ROW(struct store_options, __VA_ARGS__)
static const struct option_row store_rows[] = { OPTION(store_readers, INT, "4", 1, 64,
    "read-only connections") OPTION(store_retention, TIME, "0", 0, 3650 * 86400 * NS_PER_S,
    "how long traces are kept; 0: for ever") OPTION(store_name, TEXT, "", 0, 10, "a name") };

static struct http_options http;
static struct store_options store;
static const struct option_set sets[] = {
    { "http", http_rows, sizeof http_rows / sizeof *http_rows, &http },
    { "store", store_rows, sizeof store_rows / sizeof *store_rows, &store },
};

static struct arena *arena;
static struct err err;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    memset(&http, 0xAA, sizeof http);
    memset(&store, 0xAA, sizeof store);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* The words of a command line, cut at spaces. *i is where reading stopped. */
static enum status read_words(const char *line, int *i)
{
    char *argv[16];
    int argc = 0;
    struct str rest = str_of(line), word;
    while (line[0] && str_cut(&rest, ' ', &word))
        argv[argc++] = (char *)(uintptr_t)arena_cstr(arena, word);
    *i = 0;
    return options_read(sets, 2, argc, argv, i, arena, &err);
}

static void accept(const char *line)
{
    int i;
    if (read_words(line, &i) != ST_OK)
        fail_msg("%s: %s", line, err.text);
}

static void refuse(const char *line, const char *sentence)
{
    int i;
    assert_int_equal(read_words(line, &i), ST_INVALID);
    assert_string_equal(err.text, sentence);
}

static void test_defaults(void **state)
{
    (void)state;
    accept("");
    assert_string_equal(http.http_listen, "127.0.0.1:8585");
    assert_true(http.http_body_bytes == 64 << 20);
    assert_false(http.http_cors);
    assert_true(http.http_keep);
    assert_int_equal(store.store_readers, 4);
    assert_true(store.store_retention == 0);
    assert_string_equal(store.store_name, "");
}

static void test_command_line(void **state)
{
    (void)state;
    int i;
    assert_int_equal(
        read_words("--http-listen [::]:80 --http-cors --store-readers=7 serve --more", &i), ST_OK);
    assert_int_equal(i, 3 + 1);
    assert_string_equal(http.http_listen, "[::]:80");
    assert_true(http.http_cors);
    assert_int_equal(store.store_readers, 7);
    assert_int_equal(read_words("--http-keep=off -- --http-cors", &i), ST_OK);
    assert_int_equal(i, 2);
    assert_false(http.http_keep);
    assert_false(http.http_cors);
    assert_int_equal(read_words("- --http-cors", &i), ST_OK);
    assert_int_equal(i, 0);
    accept("--http-listen= --http-cors=YES --store-readers 1 --store-readers 2");
    assert_string_equal(http.http_listen, "");
    assert_true(http.http_cors);
    assert_int_equal(store.store_readers, 2);
    accept("--http-listen --http-cors"); /* a value may look like an option */
    assert_string_equal(http.http_listen, "--http-cors");
}

static void test_environment(void **state)
{
    (void)state;
    setenv("TRACEWELL_HTTP_LISTEN", "0.0.0.0:1", 1);
    setenv("TRACEWELL_STORE_READERS", "9", 1);
    setenv("TRACEWELL_HTTP_CORS", "", 1);
    accept("--store-readers 3");
    assert_string_equal(http.http_listen, "0.0.0.0:1");
    assert_int_equal(store.store_readers, 3);
    assert_false(http.http_cors);
    setenv("TRACEWELL_STORE_READERS", "many", 1);
    refuse("--store-readers 3", "TRACEWELL_STORE_READERS takes a whole number, got \"many\"");
    unsetenv("TRACEWELL_HTTP_LISTEN");
    unsetenv("TRACEWELL_STORE_READERS");
    unsetenv("TRACEWELL_HTTP_CORS");
}

static void test_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = { { "1024", 1024 }, { "64KiB", 65536 }, { "10MiB", 10485760 }, { "1GiB", 1073741824 } };
    static const struct {
        const char *text;
        int64_t ns;
    } times[] = { { "500ms", 500 * NS_PER_MS }, { "10s", 10 * NS_PER_S }, { "5m", 300 * NS_PER_S },
        { "24h", 86400 * NS_PER_S }, { "7d", 604800 * NS_PER_S }, { "250us", 250 * NS_PER_US }, { "0", 0 },
        { "0s", 0 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        accept(arena_printf(arena, "--http-body-bytes=%s", sizes[i].text).p);
        assert_true(http.http_body_bytes == sizes[i].bytes);
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        accept(arena_printf(arena, "--store-retention=%s", times[i].text).p);
        assert_true(store.store_retention == times[i].ns);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const sizes[] = { "10MB", "MiB", "-1", "1.5MiB", "10 MiB", "99999999999GiB" };
    static const char *const times[] = { "5", "5x", "h", "-5s", "106752d", "1h30m" };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *got = sizes[i];
        if (!strchr(got, ' '))
            refuse(arena_printf(arena, "--http-body-bytes=%s", got).p,
                arena_printf(
                    arena, "--http-body-bytes takes a size such as 64MiB, 512KiB or 1000, got \"%s\"", got)
                    .p);
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        refuse(arena_printf(arena, "--store-retention=%s", times[i]).p,
            arena_printf(arena,
                "--store-retention takes a duration such as 500ms, 10s, 5m, 24h or 7d, got \"%s\"", times[i])
                .p);
    refuse("--store-readers=x", "--store-readers takes a whole number, got \"x\"");
    refuse("--http-cors=maybe", "--http-cors takes true or false, got \"maybe\"");
    refuse("--http-listen", "--http-listen needs a text behind it: HOST:PORT of the web pages and every API");
}

static void test_bounds(void **state)
{
    (void)state;
    refuse("--store-readers 0", "--store-readers must be between 1 and 64, got \"0\"");
    refuse("--store-readers 65", "--store-readers must be between 1 and 64, got \"65\"");
    refuse("--http-body-bytes 2GiB", "--http-body-bytes must be between 1KiB and 1GiB, got \"2GiB\"");
    refuse("--store-retention 3651d", "--store-retention must be between 0 and 3650d, got \"3651d\"");
    refuse("--store-name 12345678901", "--store-name takes a text of between 0 and 10 bytes, got 11");
    accept("--store-readers 64 --http-body-bytes 1KiB --store-name 1234567890");
}

static void test_suggestions(void **state)
{
    (void)state;
    refuse("--http-lisen x", "there is no option --http-lisen; did you mean --http-listen?");
    refuse("--listen x", "there is no option --listen; --help lists them all");
    refuse("--store-reader=3", "there is no option --store-reader; did you mean --store-readers?");
    refuse("--http_cors", "there is no option --http_cors; did you mean --http-cors?");
    refuse("--frobnicate", "there is no option --frobnicate; --help lists them all");
    refuse("-x", "there is no option -x; --help lists them all");
}

static void test_help(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    options_help(sets, 2, &out);
    assert_string_equal(arena_cstr(arena, buf_str(&out)),
        "http:\n"
        "  --http-listen TEXT      HOST:PORT of the web pages and every API [127.0.0.1:8585]\n"
        "  --http-body-bytes SIZE  largest body [64MiB]\n"
        "  --http-cors             answer browsers of other origins [false]\n"
        "  --http-keep             keep | connections [true]\n"
        "\n"
        "store:\n"
        "  --store-readers NUMBER  read-only connections [4]\n"
        "  --store-retention TIME  how long traces are kept; 0: for ever [0]\n"
        "  --store-name TEXT       a name\n");
    buf_clear(&out);
    options_markdown(sets, 2, &out);
    const char *page = arena_cstr(arena, buf_str(&out));
    assert_non_null(strstr(page,
        "| `--http-body-bytes` | `TRACEWELL_HTTP_BODY_BYTES` | size | `64MiB` | 1KiB to 1GiB | largest body |\n"));
    assert_non_null(
        strstr(page, "| `--store-name` | `TRACEWELL_STORE_NAME` | text |  | 0 to 10 | a name |\n"));
    assert_non_null(strstr(page, "| keep \\| connections |\n"));
    buf_fini(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_command_line),
        TEST(test_environment),
        TEST(test_units),
        TEST(test_refusals),
        TEST(test_bounds),
        TEST(test_suggestions),
        TEST(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
