/* The scenarios and their table. --quick runs a tenth, --otlp those of OTLP alone, to see that everything works. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ROW(what, ...) (printf("| %-58s | ", what), printf(__VA_ARGS__), printf(" |\n"))

static void heading(void)
{
    struct utsname u;
    char date[32];
    time_t now = time(NULL);
    uname(&u);
    strftime(date, sizeof(date), "%Y-%m-%d", gmtime(&now));
    printf(
        "%s, %s %s, %ld cores; every write durable (WAL + fsync) before its answer; generator on the same machine\n\n",
        date, u.sysname, u.machine, sysconf(_SC_NPROCESSORS_ONLN));
    printf("| %-58s | figure |\n|---|---|\n", "what");
}

static void check(const struct load_result *r)
{
    if (r->failed) {
        fprintf(stderr, "tracewell-bench: %zu of %zu requests were refused\n", r->failed, r->answered);
        exit(1);
    }
}

/* Events/s at peak. Peak, then the same at half of peak: what a server that is not overloaded answers in. */
static double writes(struct bench_server *s, const char *what, struct requests (*make)(size_t), size_t n)
{
    struct load_result peak, half;
    struct requests first = make(n);
    double cpu = server_cpu_s(s);
    load_run(s->port, &first, 64, 0, &peak);
    check(&peak);
    cpu = server_cpu_s(s) - cpu;
    double rate = (double)peak.answered / peak.seconds;
    char name[128];
    snprintf(name, sizeof(name), "%s, 64 connections", what);
    ROW(name, "%.0f requests/s, %.0f events/s, p50 %.1f ms, p99 %.1f ms", rate,
        (double)first.events / peak.seconds, peak.p50_ms, peak.p99_ms);
    snprintf(name, sizeof(name), "%s: bytes in, server CPU", what);
    ROW(name, "%.1f MB/s, %.0f CPU s per million events (%.0f bytes a request)",
        (double)first.payload_bytes / peak.seconds / 1e6, cpu / (double)first.events * 1e6,
        (double)first.payload_bytes / (double)first.n);
    double events = (double)first.events / (double)first.n;
    requests_free(&first);
    struct requests second = make(n / 2);
    load_run(s->port, &second, 64, rate / 2, &half);
    check(&half);
    snprintf(name, sizeof(name), "%s, at half of peak", what);
    ROW(name, "p50 %.1f ms, p99 %.1f ms, max %.1f ms", half.p50_ms, half.p99_ms, half.max_ms);
    requests_free(&second);
    return rate * (double)events;
}

static void disk_row(const char *what, int64_t bytes, size_t events, size_t raw)
{
    if (raw)
        ROW(what, "%.0f bytes an event, %.2f of the bytes sent", (double)bytes / (double)events,
            (double)bytes / (double)raw);
    else
        ROW(what, "%.0f bytes", (double)bytes / (double)events);
}

/* The server's share of what the machine can do with the same bytes, in the same run. */
static void limit_row(
    const char *what, const char *dir, struct requests (*make)(size_t), size_t n, double rate)
{
    struct requests rs = make(n);
    double limit = limit_run(dir, &rs);
    ROW(what, "%.0f spans/s; the server reaches %.0f %% of it", limit, rate / limit * 100);
    requests_free(&rs);
}

static void decode_row(const char *what, struct requests (*make)(size_t), size_t n, bool json)
{
    struct requests rs = make(n);
    double rate = decode_run(&rs, json);
    ROW(what, "%.0f spans/s, %.1f us a span", rate, 1e6 / rate);
    requests_free(&rs);
}

static void otlp(struct bench_server *s, const char *dir, const char *data, size_t scale)
{
    int64_t before = folder_bytes(data);
    double lean = writes(s, "OTLP protobuf, 100 lean spans a request", requests_otlp_lean, 150 * scale);
    disk_row("lean span on disk, fresh", folder_bytes(data) - before, 22500 * scale, 0);
    limit_row("limit of the machine, lean spans", dir, requests_otlp_lean, 150 * scale, lean);
    writes(s, "OTLP JSON, 100 lean spans a request", requests_otlp_lean_json, 150 * scale);
    before = folder_bytes(data);
    double chat = writes(s, "OTLP protobuf, 100 chat spans a request", requests_otlp_chat, 30 * scale);
    disk_row("chat span on disk, fresh", folder_bytes(data) - before, 4500 * scale, 0);
    limit_row("limit of the machine, chat spans", dir, requests_otlp_chat, 30 * scale, chat);
    writes(s, "OTLP JSON, 100 chat spans a request", requests_otlp_chat_json, 30 * scale);
    decode_row("decoded and mapped on one thread: lean, protobuf", requests_otlp_lean, 100 * scale, false);
    decode_row("the same, lean, JSON", requests_otlp_lean_json, 100 * scale, true);
    decode_row("the same, chat, protobuf", requests_otlp_chat, 20 * scale, false);
    decode_row("the same, chat, JSON", requests_otlp_chat_json, 20 * scale, true);
}

static void read_row(struct bench_server *s, const char *what, struct requests (*make)(size_t), size_t n)
{
    struct load_result r;
    struct requests rs = make(n);
    load_run(s->port, &rs, 4, 0, &r);
    check(&r);
    ROW(what, "%.0f requests/s, p50 %.1f ms, p99 %.1f ms", (double)r.answered / r.seconds, r.p50_ms,
        r.p99_ms);
    requests_free(&rs);
}

static void run_otlp(const char *program, const char *dir, size_t scale)
{
    struct bench_server s = { 0 };
    char data[300];
    snprintf(data, sizeof(data), "%s/data", dir);
    heading();
    server_start(&s, program, dir);
    otlp(&s, dir, data, scale);
    server_stop(&s);
}

static void run_all(const char *program, const char *dir, size_t scale)
{
    struct bench_server s = { 0 };
    char data[300];
    snprintf(data, sizeof(data), "%s/data", dir);
    heading();
    server_start(&s, program, dir);
    ROW("start to ready, empty folder", "%.1f ms", (double)s.ready_ns / 1e6);
    usleep(300000);
    ROW("resident memory, idle", "%.1f MiB", (double)server_rss_kib(&s) / 1024);
    writes(&s, "LLMonitor, one event a request", requests_single, 10000 * scale);
    writes(&s, "Lunary, 100 events a request", requests_batch, 200 * scale);
    int64_t before = folder_bytes(data);
    writes(&s, "LangWatch, a trace of 5 spans a request", requests_collector, 1000 * scale);
    struct requests sized = requests_collector(100);
    disk_row("LangWatch span on disk, fresh", folder_bytes(data) - before, 5000 * scale,
        sized.payload_bytes / 100 * 1000 * scale);
    requests_free(&sized);
    otlp(&s, dir, data, scale);
    ROW("resident memory, after the load", "%.1f MiB", (double)server_rss_kib(&s) / 1024);
    read_row(&s, "LangWatch search, newest 50", requests_search, 50 * scale);
    read_row(&s, "LangWatch search, newest 50 of a user", requests_search_user, 50 * scale);
    read_row(&s, "one trace by id", requests_trace, 500 * scale);
    read_row(&s, "Lunary runs, newest 50", requests_runs, 50 * scale);
    server_stop(&s);
    server_start(&s, program, dir);
    ROW("start to ready, on that folder", "%.1f ms", (double)s.ready_ns / 1e6);
    server_stop(&s);
}

int main(int argc, char **argv)
{
    const char *program = "build/release/tracewell";
    void (*run)(const char *program, const char *dir, size_t scale) = run_all;
    size_t scale = 10;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--server") == 0 && i + 1 < argc)
            program = argv[++i];
        else if (strcmp(argv[i], "--quick") == 0)
            scale = 1;
        else if (strcmp(argv[i], "--otlp") == 0)
            run = run_otlp;
        else {
            fprintf(stderr, "tracewell-bench [--server PATH] [--quick] [--otlp]\n");
            return 2;
        }
    }
    char dir[] = "/tmp/tracewell-bench-XXXXXX", command[100];
    if (!mkdtemp(dir))
        die("mkdtemp");
    run(program, dir, scale);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? 0 : 1;
}
