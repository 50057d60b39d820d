/*
 * usage: final token counts of an observation. What one dialect counts inside another key is taken out, so that the keys of every row
 * are disjoint and a trace can add them up (design.md 2).
 *
 *   LLMonitor         cached tokens lie inside `input`
 *   LangWatch         reasoning tokens lie inside `output`
 *   OTLP, Langtrace   disjoint as decoded: what lies inside what depends on who wrote the span (otlp.md 2.7), and is known only there
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

int64_t model__add(int64_t x, int64_t y)
{
    int64_t sum;
    return __builtin_add_overflow(x, y, &sum) ? (x < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static bool has(struct str key, const char *word)
{
    return str_find(key, str_of(word)) != SIZE_MAX;
}

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
    if (family == FAMILY_LLMONITOR)
        take_out(c, "input", "input_cached_tokens");
    if (family == FAMILY_LANGWATCH)
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

/* A key without escapes and its colon. */
static bool scan_key(struct str *rest, struct str *key)
{
    size_t end;
    if (rest->n < 4 || *rest->p != '"' || (end = str_find_char(str_sub(*rest, 1, rest->n), '"')) == SIZE_MAX)
        return false;
    *key = str_sub(*rest, 1, end);
    *rest = str_sub(*rest, end + 2, rest->n);
    if (!rest->n || *rest->p != ':' || str_find_char(*key, '\\') != SIZE_MAX)
        return false;
    *rest = str_sub(*rest, 1, rest->n);
    return true;
}

static bool scan_number(struct str *rest, int64_t *n)
{
    size_t i = 0;
    for (*n = 0; i < rest->n && i < 18 && rest->p[i] >= '0' && rest->p[i] <= '9'; i++)
        *n = *n * 10 + (rest->p[i] - '0');
    *rest = str_sub(*rest, i, rest->n);
    return i > 0;
}

#define SCANNED_MOST 16

/* What nearly every usage is, minified: {"key":digits,...}. Anything else is left to the parser. A derived trace reads the usage of
 * all its rows, so this path counts. */
static bool scan_counts(struct arena *a, struct str text, struct counts *c)
{
    struct str rest = str_sub(text, 1, text.n);
    if (text.n < 2 || *text.p != '{' || text.p[text.n - 1] != '}')
        return false;
    c->keys = arena_array(a, SCANNED_MOST, sizeof *c->keys);
    c->values = arena_array(a, SCANNED_MOST, sizeof *c->values);
    for (; c->n < SCANNED_MOST; rest = str_sub(rest, 1, rest.n)) {
        if (!scan_key(&rest, &c->keys[c->n]) || !scan_number(&rest, &c->values[c->n]) || !rest.n)
            return false;
        for (size_t i = 0; i < c->n; i++)
            if (str_eq(c->keys[i], c->keys[c->n]))
                return false;
        c->n++;
        if (*rest.p != ',')
            return rest.n == 1 && *rest.p == '}';
    }
    return false;
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
        sum = model__add(sum, n);
        if (has(key, "input"))
            out->input_all = model__add(out->input_all, n);
        if (has(key, "output"))
            out->output_all = model__add(out->output_all, n);
        if (has(key, "input") && !has(key, "cache"))
            out->input = model__add(out->input, n);
        if (str_starts(key, STR("input_cached")))
            out->cached = model__add(out->cached, n);
        if (str_starts(key, STR("input_cache_creation")))
            out->cache_creation = model__add(out->cache_creation, n);
        if (has(key, "reasoning"))
            out->reasoning = model__add(out->reasoning, n);
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

void model__usage(struct arena *a, const struct row *r, struct counts *c, struct usage_final *out)
{
    struct json usage;
    const struct value *v = &r->cols[OBSERVATION_usage];
    *out = (struct usage_final){ 0 };
    *c = (struct counts){ 0 };
    if (v->kind != V_JSON)
        return;
    if (!scan_counts(a, v->s, c)) {
        *c = (struct counts){ 0 };
        if (json_parse(a, v->s, 0, &usage, NULL) != ST_OK)
            return;
        out->estimated = json_bool(json_key(usage, "estimated"));
        read_counts(a, usage, c);
    }
    out->counted = c->n > 0;
    if (!c->n)
        return;
    make_disjoint(c, usage_family(r));
    add_up(c, out);
}

void derive_usage(struct arena *a, const struct row *r, struct usage_final *out)
{
    struct counts c;
    model__usage(a, r, &c, out);
    if (out->counted)
        out->json = write_counts(a, &c, out->total);
}
