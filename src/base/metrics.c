/*
 * metrics: the page of numbers in Prometheus' text format 0.0.4. Counting is one relaxed atomic addition; all formatting happens
 * when the page is asked for. Process facts keep the names that Prometheus' own clients give them, so ready dashboards work.
 */
#include "base/metrics.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static const int64_t bounds_ns[METRIC_BUCKETS] = {
    500 * NS_PER_US,
    1 * NS_PER_MS,
    2500 * NS_PER_US,
    5 * NS_PER_MS,
    10 * NS_PER_MS,
    25 * NS_PER_MS,
    50 * NS_PER_MS,
    100 * NS_PER_MS,
    250 * NS_PER_MS,
    500 * NS_PER_MS,
    1 * NS_PER_S,
    2500 * NS_PER_MS,
    5 * NS_PER_S,
    10 * NS_PER_S,
};
static const char *const bounds_text[METRIC_BUCKETS] = {
    "0.0005",
    "0.001",
    "0.0025",
    "0.005",
    "0.01",
    "0.025",
    "0.05",
    "0.1",
    "0.25",
    "0.5",
    "1",
    "2.5",
    "5",
    "10",
};

void metric_add(_Atomic int64_t *m, int64_t by)
{
    atomic_fetch_add_explicit(m, by, memory_order_relaxed);
}

void metric_set_to(_Atomic int64_t *m, int64_t v)
{
    atomic_store_explicit(m, v, memory_order_relaxed);
}

void metric_time(struct metric_times *m, int64_t ns)
{
    size_t i = 0;
    while (i < METRIC_BUCKETS && ns > bounds_ns[i])
        i++;
    metric_add(&m->bucket[i], 1);
    metric_add(&m->sum_ns, ns);
}

static void add_help(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\')
            buf_add_cstr(out, "\\\\");
        else if (*text == '\n')
            buf_add_cstr(out, "\\n");
        else
            buf_add_char(out, *text);
    }
}

static void add_head(struct buf *out, const char *name, const char *kind, const char *text)
{
    buf_printf(out, "# HELP %s ", name);
    add_help(out, text);
    buf_printf(out, "\n# TYPE %s %s\n", name, kind);
}

/* Buckets count everything up to their bound, so each adds to the one before. */
static void add_times(struct buf *out, const char *name, const struct metric_times *m)
{
    int64_t sum_ns = atomic_load_explicit(&m->sum_ns, memory_order_relaxed), count = 0;
    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        count += atomic_load_explicit(&m->bucket[i], memory_order_relaxed);
        buf_printf(out, "%s_bucket{le=\"%s\"} %" PRId64 "\n", name,
            i < METRIC_BUCKETS ? bounds_text[i] : "+Inf", count);
    }
    buf_printf(out, "%s_sum %.9f\n%s_count %" PRId64 "\n", name, (double)sum_ns / 1e9, name, count);
}

static void add_row(struct buf *out, const struct metric_set *set, const struct metric_row *row)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    char name[160];
    const char *unit = row->kind == METRIC_TIMES && !row->unit[0] ? "seconds" : row->unit;
    int n = snprintf(name, sizeof name, "tracewell_%s_%s%s%s%s", set->module, row->field, unit[0] ? "_" : "",
        unit, row->kind == METRIC_COUNTER ? "_total" : "");
    assert(n > 0 && (size_t)n < sizeof name);
    const void *at = (const char *)set->target + row->offset;
    add_head(out, name, kinds[row->kind], row->text);
    if (row->kind == METRIC_TIMES)
        add_times(out, name, at);
    else
        buf_printf(out, "%s %" PRId64 "\n", name,
            atomic_load_explicit((const _Atomic int64_t *)at, memory_order_relaxed));
}

void metrics_write(const struct metric_set *sets, size_t n, struct buf *out)
{
    for (size_t s = 0; s < n; s++)
        for (size_t r = 0; r < sets[s].n; r++)
            add_row(out, &sets[s], &sets[s].rows[r]);
}

/* ---- The process ---- */

static bool read_file(const char *path, char *text, size_t room)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(text, 1, room - 1, f);
    text[n] = 0;
    fclose(f);
    return n > 0;
}

/* The number in the n-th field of a line, from 0, or -1. */
static long long field(const char *line, int n)
{
    for (; line && n > 0; n--) {
        line = strchr(line, ' ');
        line = line ? line + 1 : NULL;
    }
    char *end;
    long long v = line ? strtoll(line, &end, 10) : -1;
    return line && end != line ? v : -1;
}

static void add_resident(struct buf *out)
{
    char text[128];
    long long pages = read_file("/proc/self/statm", text, sizeof text) ? field(text, 1) : -1;
    if (pages < 0)
        return;
    add_head(out, "process_resident_memory_bytes", "gauge", "memory in use");
    buf_printf(out, "process_resident_memory_bytes %lld\n", pages * sysconf(_SC_PAGESIZE));
}

static void add_open_files(struct buf *out)
{
    long files = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        files += entry->d_name[0] != '.';
    closedir(dir);
    add_head(out, "process_open_fds", "gauge", "open files and sockets");
    buf_printf(out, "process_open_fds %ld\n", files - 1); /* one was the directory itself */
}

static void add_start_time(struct buf *out)
{
    char text[1024];
    struct timespec boot, now;
    /* Field 22 of stat, from 1, counted behind the program's name (field 2), which may hold anything. */
    const char *name_end = read_file("/proc/self/stat", text, sizeof text) ? strrchr(text, ')') : NULL;
    long long ticks = field(name_end, 22 - 2);
    if (ticks < 0)
        return;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &now);
    double started = (double)(now.tv_sec - boot.tv_sec) + (double)(now.tv_nsec - boot.tv_nsec) / 1e9 +
                     (double)ticks / (double)sysconf(_SC_CLK_TCK);
    add_head(
        out, "process_start_time_seconds", "gauge", "when the process started, in seconds since the epoch");
    buf_printf(out, "process_start_time_seconds %.2f\n", started);
}

static void add_cpu(struct buf *out)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                     (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    add_head(out, "process_cpu_seconds_total", "counter", "processor time used, user and system");
    buf_printf(out, "process_cpu_seconds_total %.2f\n", seconds);
}

void metrics_write_process(struct buf *out)
{
    add_resident(out);
    add_open_files(out);
    add_start_time(out);
    add_cpu(out);
}
