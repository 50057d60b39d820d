/* log: one line a call, in text and in JSON, whatever the message holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

static char captured[8000000];
static int saved_stderr, captured_fd;

static void capture(void)
{
    char path[] = "/tmp/tracewell-log-XXXXXX";
    captured_fd = mkstemp(path);
    assert_true(captured_fd >= 0);
    unlink(path);
    saved_stderr = dup(STDERR_FILENO);
    dup2(captured_fd, STDERR_FILENO);
}

static struct str release(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t n = pread(captured_fd, captured, sizeof captured - 1, 0);
    close(captured_fd);
    assert_true(n >= 0);
    captured[n] = 0;
    return (struct str){ captured, (size_t)n };
}

static void test_text(void **state)
{
    (void)state;
    int64_t ns;
    log_setup(LOG_INFO, false);
    capture();
    errno = 77;
    log_debug("http", "not wanted");
    log_info("http", "listening on %s:%d", "127.0.0.1", 8585);
    assert_int_equal(errno, 77);
    struct str line = release();
    assert_true(time_parse_iso(str_sub(line, 0, 24), &ns));
    assert_true(clock_now_ns() - ns < 60 * NS_PER_S);
    assert_string_equal(line.p + 24, " info http: listening on 127.0.0.1:8585\n");
    assert_true(log_wants(LOG_INFO));
    assert_false(log_wants(LOG_DEBUG));
}

static void test_levels(void **state)
{
    (void)state;
    log_setup(LOG_WARN, false);
    capture();
    log_info("a", "1");
    log_warn("a", "2");
    log_error("a", "3");
    struct str lines = release();
    assert_int_equal(lines.n, 2 * 24 + strlen(" warn a: 2\n error a: 3\n"));
    log_setup(LOG_DEBUG, false);
    capture();
    log_debug("a", "4");
    assert_true(str_ends(release(), STR(" debug a: 4\n")));
}

static void test_escapes(void **state)
{
    (void)state;
    log_setup(LOG_INFO, false);
    capture();
    log_info("http", "%s", "a\nb\r\t\x1B[31m\x7F\xC2\x9B \xC3\xA9");
    assert_string_equal(release().p + 24, " info http: a\\nb\\r\\t\\x1b[31m\\x7f\\x9b \xC3\xA9\n");
}

static void test_json(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json v;
    int64_t ns;
    log_setup(LOG_INFO, true);
    capture();
    log_error("store", "disk \"%s\"\n is full\xFF", "/data");
    struct str line = release();
    assert_int_equal(str_find_char(line, '\n'), line.n - 1);
    assert_int_equal(json_parse(a, line, 0, &v, NULL), ST_OK);
    assert_int_equal(json_size(v), 4);
    assert_true(time_parse_iso(json_str(json_key(v, "time")), &ns));
    assert_true(str_is(json_str(json_key(v, "level")), "error"));
    assert_true(str_is(json_str(json_key(v, "tag")), "store"));
    assert_true(str_is(json_str(json_key(v, "message")), "disk \"/data\"\n is full\xEF\xBF\xBD"));
    arena_free(a);
}

static void test_long_message(void **state)
{
    (void)state;
    static char text[20000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xC3\xA9", 2);
    log_setup(LOG_INFO, false);
    for (int shift = 0; shift < 2; shift++) {
        capture();
        log_info("x", "%s%s", shift ? "a" : "", text);
        struct str line = release();
        assert_true(line.n > 4000 && line.n < 4200);
        assert_true(str_ends(line, STR("\xC3\xA9...\n")));
        assert_true(str_is_utf8(line));
    }
}

static void *chatter(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_info("thread", "%s", (const char *)arg);
    return NULL;
}

static void test_lines_do_not_mix(void **state)
{
    (void)state;
    static char words[4][2000];
    pthread_t threads[4];
    log_setup(LOG_INFO, false);
    capture();
    for (int i = 0; i < 4; i++) {
        memset(words[i], 'a' + i, sizeof words[i] - 1);
        pthread_create(&threads[i], NULL, chatter, words[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct str rest = release(), line;
    size_t lines = 0;
    while (str_cut(&rest, '\n', &line) && line.n) {
        struct str word = str_sub(line, line.n - 1999, SIZE_MAX);
        assert_int_equal(line.n, 24 + strlen(" info thread: ") + 1999);
        for (size_t i = 1; i < word.n; i++)
            if (word.p[i] != word.p[0])
                fail_msg("two lines mix");
        lines++;
    }
    assert_int_equal(lines, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_long_message),
        cmocka_unit_test(test_lines_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
