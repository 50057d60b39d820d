/*
 * usage: final token counts of an observation. What one dialect counts inside another key is taken out, so that the keys of every row
 * are disjoint and a trace can add them up (design.md 2).
 *
 *   LLMonitor         cached tokens lie inside `input`
 *   LangWatch         reasoning tokens lie inside `output`
 *   OTLP, Langtrace   cache reads and writes lie inside `input`, reasoning and audio inside `output`
 *   Langfuse, AgentTrace, edits   disjoint as sent
 */
#include "model/derive.h"

#include <string.h>

#include "model/model_priv.h"

/* The family whose way of counting holds: that of the one writer of `usage`, or the likeliest of several. */
static unsigned usage_family(const struct row *r)
{
    struct claim c;
    if (row_claim(r, OBSERVATION_usage, &c))
        return profile_family(c.profile);
    static const unsigned order[] = { FAMILY_LLMONITOR, FAMILY_LANGWATCH, FAMILY_OTLP };
    unsigned families = row_families(r);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (families & order[i])
            return order[i];
    return families;
}

int64_t merge__add(int64_t x, int64_t y)
{
    int64_t sum;
    return __builtin_add_overflow(x, y, &sum) ? (x < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static bool has(struct str key, const char *word)
{
    return str_find(key, str_of(word)) != SIZE_MAX;
}

struct counts {
    struct str *keys;
    int64_t *values;
    size_t n;
};

static int64_t *count_of(const struct counts *c, const char *key)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_is(c->keys[i], key))
            return &c->values[i];
    return NULL;
}

/* Take the counts of all keys that start so out of `from`, which held them too; never below 0. */
static void take_out(const struct counts *c, const char *from, const char *prefix)
{
    int64_t *whole = count_of(c, from);
    for (size_t i = 0; whole && i < c->n; i++)
        if (str_starts(c->keys[i], str_of(prefix)))
            *whole = *whole > c->values[i] ? *whole - c->values[i] : 0;
}

static void make_disjoint(const struct counts *c, unsigned family)
{
    if (family == FAMILY_LLMONITOR || family == FAMILY_OTLP)
        take_out(c, "input", "input_cached_tokens");
    if (family == FAMILY_OTLP) {
        take_out(c, "input", "input_cache_creation");
        take_out(c, "output", "output_audio_tokens");
    }
    if (family == FAMILY_LANGWATCH || family == FAMILY_OTLP)
        take_out(c, "output", "output_reasoning_tokens");
}

/* Whole numbers that are not negative; a fraction is cut. */
static bool read_count(struct json v, int64_t *out)
{
    double d;
    if (json_i64(v, out))
        return *out >= 0;
    if (!json_is_num(v) || !json_f64(v, &d) || !(d >= 0))
        return false;
    *out = d < 9e18 ? (int64_t)d : INT64_MAX;
    return true;
}

static void read_counts(struct arena *a, struct json usage, struct counts *c)
{
    struct json_iter it = json_iter(usage);
    struct json value;
    struct str key;
    int64_t n;
    c->keys = arena_array(a, json_size(usage) + 1, sizeof *c->keys);
    c->values = arena_array(a, json_size(usage) + 1, sizeof *c->values);
    while (json_next(&it, &key, &value))
        if (read_count(value, &n)) {
            c->keys[c->n] = key;
            c->values[c->n++] = n;
        }
}

static void add_up(const struct counts *c, struct usage_final *out)
{
    int64_t sum = 0;
    const int64_t *sent = count_of(c, "total");
    for (size_t i = 0; i < c->n; i++) {
        struct str key = c->keys[i];
        int64_t n = c->values[i];
        if (str_is(key, "total"))
            continue;
        sum = merge__add(sum, n);
        if (has(key, "input"))
            out->input_all = merge__add(out->input_all, n);
        if (has(key, "output"))
            out->output_all = merge__add(out->output_all, n);
        if (has(key, "input") && !has(key, "cache"))
            out->input = merge__add(out->input, n);
        if (str_starts(key, STR("input_cached")))
            out->cached = merge__add(out->cached, n);
        if (str_starts(key, STR("input_cache_creation")))
            out->cache_creation = merge__add(out->cache_creation, n);
        if (has(key, "reasoning"))
            out->reasoning = merge__add(out->reasoning, n);
    }
    out->output = out->output_all;
    out->total = sent ? *sent : sum;
}

static struct str write_counts(struct arena *a, const struct counts *c, int64_t total)
{
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    for (size_t i = 0; i < c->n; i++)
        if (!str_is(c->keys[i], "total")) {
            jw_key_str(&w, c->keys[i]);
            jw_i64(&w, c->values[i]);
        }
    jw_kv_i64(&w, "total", total);
    jw_obj_end(&w);
    struct str out = arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

void derive_usage(struct arena *a, const struct row *r, struct usage_final *out)
{
    struct json usage;
    struct counts c = { 0 };
    *out = (struct usage_final){ 0 };
    if (r->cols[OBSERVATION_usage].kind != V_JSON ||
        json_parse(a, r->cols[OBSERVATION_usage].s, 0, &usage, NULL) != ST_OK)
        return;
    out->estimated = json_bool(json_key(usage, "estimated"));
    read_counts(a, usage, &c);
    if (!c.n)
        return;
    make_disjoint(&c, usage_family(r));
    add_up(&c, out);
    out->json = write_counts(a, &c, out->total);
}
