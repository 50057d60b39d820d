/*
 * Sums by group and distinct values. One pass over the matches, groups in a hash table: exact and the same for every driver. The place to
 * put rollups when 10 million spans must be summed in 150 ms (design.md 4.1, "not for the first issue").
 */
#include "store/store_priv.h"

#include <stdlib.h>

#include "base/hash.h"

struct grouping {
    struct view view;
    struct arena *a, *scratch; /* of the answer; of the row at hand */
    const struct query *q;
    const struct group_key *keys;
    size_t n_keys;
    unsigned needs;
    bool exact;
    struct group_row *rows;
    size_t n, cap;
    uint32_t *slots;
    size_t n_slots;
    enum status st;
    struct err *err;
};

static struct str key_text(const struct row *r, int by)
{
    switch (by) {
    case GROUP_NAME: return r->entity == TRACE ? trace_name(r) : row_text(r, OBSERVATION_name);
    case GROUP_TYPE:
        return r->entity == OBSERVATION
                   ? str_of(observation_type_name((enum observation_type)row_int(r, OBSERVATION_type, 0)))
                   : STR_NONE;
    case GROUP_MODEL: return r->entity == OBSERVATION ? row_text(r, OBSERVATION_model) : STR_NONE;
    case GROUP_USER:
        return r->entity == TRACE    ? trace_user_id(r)
               : r->user_effective.p ? r->user_effective
               : r->parent           ? trace_user_id(r->parent)
                                     : STR_NONE;
    default: return STR_NONE;
    }
}

static int64_t start_of(const struct row *r)
{
    int64_t ns = r->entity == TRACE         ? trace_start_ns(r)
                 : r->entity == OBSERVATION ? row_time(r, OBSERVATION_start_ns)
                                            : r->created_ns;
    return ns;
}

static int64_t floor_to(int64_t ns, int64_t unit)
{
    if (ns == TIME_NONE)
        return TIME_NONE;
    return ns >= 0 ? ns / unit * unit : -((-ns + unit - 1) / unit * unit);
}

static struct group_row key_of(const struct grouping *g, const struct row *r)
{
    struct group_row key = { .bucket_ns = TIME_NONE };
    for (size_t i = 0, t = 0; i < g->n_keys; i++) {
        if (g->keys[i].by == GROUP_DAY)
            key.bucket_ns = floor_to(start_of(r), 86400 * NS_PER_S);
        else if (g->keys[i].by == GROUP_HOUR)
            key.bucket_ns = floor_to(start_of(r), 3600 * NS_PER_S);
        else
            key.text[t++] = key_text(r, (int)g->keys[i].by);
    }
    return key;
}

static bool same_key(const struct group_row *a, const struct group_row *b)
{
    return a->bucket_ns == b->bucket_ns && str_eq(a->text[0], b->text[0]) && str_eq(a->text[1], b->text[1]) &&
           str_eq(a->text[2], b->text[2]);
}

static uint64_t key_hash(const struct group_row *k)
{
    uint64_t h = (uint64_t)k->bucket_ns * UINT64_C(0x9E3779B97F4A7C15);
    for (int i = 0; i < 3; i++)
        h = hash64_more(h, k->text[i]);
    return h;
}

static size_t slot_of(const struct grouping *g, const struct group_row *key)
{
    size_t at = key_hash(key) & (g->n_slots - 1);
    while (g->slots[at] && !same_key(&g->rows[g->slots[at] - 1], key))
        at = (at + 1) & (g->n_slots - 1);
    return at;
}

static struct group_row *group_of(struct grouping *g, struct group_row *key)
{
    if ((g->n + 1) * 2 > g->n_slots) {
        g->n_slots = g->n_slots ? g->n_slots * 2 : 64;
        g->slots = arena_array(g->a, g->n_slots, sizeof(*g->slots));
        for (size_t i = 0; i < g->n; i++)
            g->slots[slot_of(g, &g->rows[i])] = (uint32_t)i + 1;
    }
    size_t slot = slot_of(g, key);
    if (g->slots[slot])
        return &g->rows[g->slots[slot] - 1];
    g->rows = arena_grow(g->a, g->rows, &g->cap, g->n + 1, sizeof(*g->rows));
    for (int i = 0; i < 3; i++)
        key->text[i] = arena_dup(g->a, key->text[i]);
    g->rows[g->n] = *key;
    g->slots[slot] = (uint32_t)g->n + 1;
    return &g->rows[g->n++];
}

static void add_observation(struct arena *a, struct group_row *to, const struct row *r)
{
    struct usage_final usage = { 0 };
    bool computed;
    derive_usage(a, r, &usage);
    int64_t cost = derive_cost(a, r, &usage, price_default(), &computed);
    int64_t start = row_time(r, OBSERVATION_start_ns), end = row_time(r, OBSERVATION_end_ns);
    to->errors += row_int(r, OBSERVATION_level, LEVEL_DEFAULT) == LEVEL_ERROR;
    to->success += row_int(r, OBSERVATION_level, LEVEL_DEFAULT) != LEVEL_ERROR && end != TIME_NONE;
    to->tokens_input += usage.input_all;
    to->tokens_output += usage.output_all;
    to->cost_nano_usd += cost > 0 ? cost : 0;
    to->duration_ns += start != TIME_NONE && end != TIME_NONE && end > start ? end - start : 0;
}

static void add_trace(struct group_row *to, const struct row *r)
{
    int64_t start = trace_start_ns(r), end = trace_end_ns(r);
    to->errors += trace_has_error(r);
    to->success += !trace_has_error(r);
    to->duration_ns += start != TIME_NONE && end != TIME_NONE && end > start ? end - start : 0;
    if (!r->derived)
        return;
    to->tokens_input += r->derived->tokens_input;
    to->tokens_output += r->derived->tokens_output;
    to->cost_nano_usd += r->derived->cost_nano_usd;
}

static bool visit(void *ctx, struct row *r)
{
    struct grouping *g = ctx;
    g->st = store__load(&g->view, g->scratch, r, g->needs, g->err);
    if (g->st == ST_OK && query_match(g->scratch, g->q, r)) {
        struct group_row key = key_of(g, r);
        struct group_row *to = group_of(g, &key);
        to->count++;
        if (r->entity == OBSERVATION)
            add_observation(g->scratch, to, r);
        else if (r->entity == TRACE)
            add_trace(to, r);
    }
    arena_reset(g->scratch);
    return g->st == ST_OK;
}

enum status store_aggregate(struct store *s, struct arena *a, const struct query *q,
    const struct group_key *keys, size_t n_keys, struct group_row **out, size_t *n, struct err *err)
{
    struct reader *rd;
    enum status st = s->driver->ops->reader_take(s->driver, &rd, err);
    if (st != ST_OK)
        return st;
    struct query all = *q;
    all.limit = SIZE_MAX;
    all.after.set = false;
    struct grouping g = { .view = { s, rd },
        .a = a,
        .scratch = arena_new(),
        .q = &all,
        .keys = keys,
        .n_keys = n_keys,
        .needs = query_needs(q),
        .err = err };
    for (size_t i = 0; i < n_keys; i++)
        if (keys[i].by == GROUP_USER)
            g.needs |= WITH_PARENT;
    st = s->driver->ops->scan_query(s->driver, rd, g.scratch, &all, visit, &g, &g.exact, err);
    arena_free(g.scratch);
    s->driver->ops->reader_drop(s->driver, rd);
    *out = g.rows;
    *n = g.n;
    return st == ST_OK ? g.st : st;
}

/* ---- distinct values ------------------------------------------------------------------------------------------------ */

struct distinct {
    struct view view;
    struct arena *a, *scratch; /* of the answer; of the row at hand */
    enum subject subject;
    unsigned column;
    struct str *values;
    size_t n, cap;
    uint32_t *slots;
    size_t n_slots;
    enum status st;
    struct err *err;
};

static size_t value_slot(const struct distinct *d, struct str v)
{
    size_t at = hash64(v) & (d->n_slots - 1);
    while (d->slots[at] && !str_eq(d->values[d->slots[at] - 1], v))
        at = (at + 1) & (d->n_slots - 1);
    return at;
}

static void distinct_add(struct distinct *d, struct str v)
{
    if (v.n == 0)
        return;
    if ((d->n + 1) * 2 > d->n_slots) {
        d->n_slots = d->n_slots ? d->n_slots * 2 : 64;
        d->slots = arena_array(d->a, d->n_slots, sizeof(*d->slots));
        for (size_t i = 0; i < d->n; i++)
            d->slots[value_slot(d, d->values[i])] = (uint32_t)i + 1;
    }
    size_t slot = value_slot(d, v);
    if (d->slots[slot])
        return;
    d->values = arena_grow(d->a, d->values, &d->cap, d->n + 1, sizeof(*d->values));
    d->values[d->n++] = arena_dup(d->a, v);
    d->slots[slot] = (uint32_t)d->n;
}

/* Strings of an array, or the names of an object's members. */
static void distinct_add_json(struct distinct *d, struct str text)
{
    struct json v, item;
    struct str name;
    if (!text.p || json_parse(d->scratch, text, 0, &v, NULL) != ST_OK)
        return;
    for (struct json_iter it = json_iter(v); json_next(&it, &name, &item);)
        distinct_add(d, json_is_arr(v) ? json_str(item) : name);
}

static bool visit_distinct(void *ctx, struct row *r)
{
    struct distinct *d = ctx;
    if (d->subject == ON_METADATA) {
        d->st = store__load(&d->view, d->scratch, r, WITH_PAYLOAD, d->err);
        unsigned metadata = r->entity == TRACE         ? TRACE_metadata
                            : r->entity == OBSERVATION ? OBSERVATION_metadata
                                                       : SCORE_metadata;
        distinct_add_json(d, row_text(r, metadata));
    } else if (d->subject == ON_TAGS) {
        distinct_add_json(d, r->entity == TRACE ? trace_tags(d->scratch, r) : row_text(r, OBSERVATION_tags));
    } else if (r->entity == TRACE && d->column == TRACE_user_id) {
        distinct_add(d, trace_user_id(r));
    } else if (r->entity == TRACE && d->column == TRACE_name) {
        distinct_add(d, trace_name(r));
    } else if (d->subject == ON_BODY) {
        distinct_add_json(d, row_text(r, d->column));
    } else {
        distinct_add(d, row_text(r, d->column));
    }
    arena_reset(d->scratch);
    return d->st == ST_OK;
}

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

enum status store_distinct(struct store *s, struct arena *a, int32_t project, enum entity e,
    enum subject subject, unsigned column, size_t limit, struct str **out, size_t *n, struct err *err)
{
    struct reader *rd;
    enum status st = s->driver->ops->reader_take(s->driver, &rd, err);
    if (st != ST_OK)
        return st;
    struct query q = { .entity = e, .project = project, .limit = SIZE_MAX };
    struct distinct d = {
        .view = { s, rd }, .a = a, .scratch = arena_new(), .subject = subject, .column = column, .err = err
    };
    bool exact = false;
    st = s->driver->ops->scan_query(s->driver, rd, d.scratch, &q, visit_distinct, &d, &exact, err);
    arena_free(d.scratch);
    s->driver->ops->reader_drop(s->driver, rd);
    if (d.n > 1)
        qsort(d.values, d.n, sizeof(*d.values), by_text);
    *out = d.values;
    *n = d.n < limit ? d.n : limit;
    return st == ST_OK ? d.st : st;
}
