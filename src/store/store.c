/* Opening and closing a store: a driver, and the memory of the writer's commit group. */
#include "store/store_priv.h"

#include "base/mem.h"

const struct option_row store_option_rows[] = {
#define OPTION(...) OPTION_ROW(struct store_options, __VA_ARGS__)
#include "store/options.def"
#undef OPTION
};
const size_t store_option_count = sizeof(store_option_rows) / sizeof(store_option_rows[0]);

const struct metric_row store_metric_rows[] = {
#define METRIC(...) METRIC_ROW(struct store_metrics, __VA_ARGS__)
#include "store/metrics.def"
#undef METRIC
};
const size_t store_metric_count = sizeof(store_metric_rows) / sizeof(store_metric_rows[0]);

static struct store *store_new(void)
{
    struct store *s = mem_alloc(sizeof(*s));
    s->group = arena_new();
    return s;
}

enum status store_open(const char *dir, const struct store_options *o, struct store **out, struct err *err)
{
    struct store *s = store_new();
    enum status st = driver_sqlite_open(dir, o, &s->metrics, &s->driver, err);
    if (st != ST_OK) {
        store_close(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

enum status store_open_memory(struct store **out, struct err *err)
{
    struct store *s = store_new();
    enum status st = driver_memory_open(&s->metrics, &s->driver, err);
    if (st != ST_OK) {
        store_close(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->open)
        store_abort(s);
    if (s->driver)
        s->driver->ops->close(s->driver);
    arena_free(s->group);
    mem_free(s);
}

struct store_metrics *store_metrics(struct store *s)
{
    return &s->metrics;
}

void store_maintain(struct store *s)
{
    s->driver->ops->maintain(s->driver);
}
