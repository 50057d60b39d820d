/*
 * tracewell-bench: what `make bench` runs. Bodies are made before the clock starts; server and generator share the machine; every figure
 * is of writes that were durable before they were answered.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bytes {
    char *p;
    size_t n;
};

/* ---- server.c: the server under test */
struct bench_server {
    pid_t pid;
    int port;
    int64_t ready_ns; /* from exec to the ready line */
    char dir[256];
};
void server_start(struct bench_server *s, const char *program, const char *dir);
void server_stop(struct bench_server *s);
long server_rss_kib(const struct bench_server *s);
double server_cpu_s(const struct bench_server *s);
int64_t folder_bytes(const char *dir);

/* ---- body.c: requests, ready to send */
struct requests {
    struct bytes *items;
    size_t n;
    size_t events;
    size_t payload_bytes;
};
struct requests requests_single(size_t n);    /* LLMonitor, one event each: a start, then its end */
struct requests requests_batch(size_t n);     /* LLMonitor, 100 events each */
struct requests requests_collector(size_t n); /* LangWatch, a trace of 5 spans with chats, about 8 KB */
struct requests requests_search(size_t n);    /* LangWatch search, newest 50 */
struct requests requests_search_user(size_t n);
struct requests requests_trace(size_t n); /* one trace by id */
struct requests requests_runs(size_t n);  /* Lunary runs, newest 50 */
/* OTLP: 100 spans a request, whole traces of 10; lean ones of 11 attributes, chat ones of 2 to 6 KB (otlp.c) */
struct requests requests_otlp_lean(size_t n); /* protobuf */
struct requests requests_otlp_lean_json(size_t n);
struct requests requests_otlp_chat(size_t n); /* protobuf */
struct requests requests_otlp_chat_json(size_t n);
char *prose_of(size_t least); /* caller frees */
void requests_free(struct requests *r);

/* ---- limit.c: spans/s that the machine could do at most with these protobuf requests; files below dir */
double limit_run(const char *dir, const struct requests *r);
/* Spans/s that one thread decodes and maps, nothing stored. */
double decode_run(const struct requests *r, bool json);

/* ---- load.c: sending them */
struct load_result {
    double seconds, p50_ms, p99_ms, max_ms;
    size_t answered, failed;
};
/* rate: requests a second offered, 0 = as fast as they are answered. */
void load_run(int port, const struct requests *r, int connections, double rate, struct load_result *out);

int64_t mono_ns(void);
void die(const char *what);

#endif
