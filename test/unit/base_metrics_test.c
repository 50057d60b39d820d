/* metrics: names, kinds, buckets, and the facts about the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdlib.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/metrics.h"

struct sample_metrics {
    METRIC_C_COUNTER requests;
    METRIC_C_COUNTER received;
    METRIC_C_GAUGE queue;
    METRIC_C_TIMES answer;
};

static const struct metric_row rows[] = { METRIC_ROW(struct sample_metrics, requests, COUNTER, "",
    "requests answered") METRIC_ROW(struct sample_metrics, received, COUNTER, "bytes",
    "back\\slash\nand line") METRIC_ROW(struct sample_metrics, queue, GAUGE, "", "batches waiting")
        METRIC_ROW(struct sample_metrics, answer, TIMES, "", "time to answer") };

static void test_page(void **state)
{
    (void)state;
    struct sample_metrics m = { 0 };
    const struct metric_set set = { "http", rows, sizeof rows / sizeof *rows, &m };
    struct arena *a = arena_new();
    struct buf out;
    buf_init(&out, 0);
    metric_add(&m.requests, 2);
    metric_add(&m.requests, 3);
    metric_add(&m.received, INT64_C(9000000000));
    metric_set_to(&m.queue, -4);
    metric_time(&m.answer, 500 * NS_PER_US); /* a bound belongs to its bucket */
    metric_time(&m.answer, 500 * NS_PER_US + 1);
    metric_time(&m.answer, 9 * NS_PER_S);
    metric_time(&m.answer, 60 * NS_PER_S);
    metrics_write(&set, 1, &out);
    assert_string_equal(arena_cstr(a, buf_str(&out)),
        "# HELP tracewell_http_requests_total requests answered\n"
        "# TYPE tracewell_http_requests_total counter\n"
        "tracewell_http_requests_total 5\n"
        "# HELP tracewell_http_received_bytes_total back\\\\slash\\nand line\n"
        "# TYPE tracewell_http_received_bytes_total counter\n"
        "tracewell_http_received_bytes_total 9000000000\n"
        "# HELP tracewell_http_queue batches waiting\n"
        "# TYPE tracewell_http_queue gauge\n"
        "tracewell_http_queue -4\n"
        "# HELP tracewell_http_answer_seconds time to answer\n"
        "# TYPE tracewell_http_answer_seconds histogram\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.0005\"} 1\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.001\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.0025\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.005\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.01\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.025\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.05\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.1\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.25\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"0.5\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"1\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"2.5\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"5\"} 2\n"
        "tracewell_http_answer_seconds_bucket{le=\"10\"} 3\n"
        "tracewell_http_answer_seconds_bucket{le=\"+Inf\"} 4\n"
        "tracewell_http_answer_seconds_sum 69.001000001\n"
        "tracewell_http_answer_seconds_count 4\n");
    buf_fini(&out);
    arena_free(a);
}

static double fact(const char *page, const char *name)
{
    char line[100];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(page, line);
    if (!at)
        fail_msg("no %s", name);
    return strtod(at + strlen(line), NULL);
}

static void test_process(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf out;
    buf_init(&out, 0);
    metrics_write_process(&out);
    const char *page = arena_cstr(a, buf_str(&out));
    double now = (double)clock_now_ns() / 1e9;
    assert_true(fact(page, "process_resident_memory_bytes") > 100000);
    assert_true(fact(page, "process_open_fds") >= 1);
    assert_true(fact(page, "process_cpu_seconds_total") >= 0);
    assert_true(fact(page, "process_start_time_seconds") <= now + 1);
    assert_true(fact(page, "process_start_time_seconds") > now - 600);
    buf_fini(&out);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
