/*
 * metrics: counters and gauges of a module, from rows of its metrics.def, shown on /metrics in Prometheus' text form.
 *     METRIC(requests, COUNTER, "", "requests answered")      (field, COUNTER|GAUGE, unit, text)
 * The module's struct holds one atomic per row; its name on the page is tracewell_<module>_<field>[_<unit>][_total].
 * Histograms: METRIC rows of kind TIMES are struct metric_times (seconds, fixed buckets 0.5 ms to 10 s).
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>

#include "base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_TIMES };

#define METRIC_BUCKETS 14
struct metric_times {
    _Atomic int64_t bucket[METRIC_BUCKETS + 1];
    _Atomic int64_t sum_ns;
};

#define METRIC_C_COUNTER _Atomic int64_t
#define METRIC_C_GAUGE   _Atomic int64_t
#define METRIC_C_TIMES   struct metric_times

struct metric_row {
    const char *field;
    enum metric_kind kind;
    const char *unit;
    const char *text;
    size_t offset;
};

struct metric_set {
    const char *module;
    const struct metric_row *rows;
    size_t n;
    const void *target;
};

#define METRIC_ROW(strct, field, kind, unit, text) \
    { #field, METRIC_##kind, unit, text, offsetof(strct, field) },

void metric_add(_Atomic int64_t *m, int64_t by);
void metric_set_to(_Atomic int64_t *m, int64_t v);
void metric_time(struct metric_times *m, int64_t ns);
void metrics_write(const struct metric_set *sets, size_t n, struct buf *out);
/* Process facts: resident bytes, open files, start time, CPU seconds. */
void metrics_write_process(struct buf *out);

#endif
