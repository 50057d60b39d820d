/*
 * Queries as data: building them, their order, their cursors.
 */
#include "query/query.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

static struct filter *grow(struct arena *a, struct filter **items, size_t *n)
{
    /* Capacity is the next power of two, so no member has to keep it. */
    if ((*n & (*n - 1)) == 0 || *n == 0) {
        struct filter *more = arena_array(a, *n ? *n * 2 : 1, sizeof(**items));
        if (*n)
            memcpy(more, *items, *n * sizeof(**items));
        *items = more;
    }
    struct filter *f = &(*items)[(*n)++];
    *f = (struct filter){ .low_ns = TIME_NONE, .high_ns = TIME_NONE };
    return f;
}

struct filter *query_add(struct arena *a, struct query *q, enum subject s, enum compare c)
{
    struct filter *f = grow(a, &q->filters, &q->n_filters);
    f->subject = s;
    f->compare = c;
    return f;
}

struct filter *filter_child(struct arena *a, struct filter *parent, enum subject s, enum compare c)
{
    struct filter *f = grow(a, &parent->children, &parent->n_children);
    f->subject = s;
    f->compare = c;
    return f;
}

void filter_value(struct arena *a, struct filter *f, struct str v)
{
    if ((f->n_values & (f->n_values - 1)) == 0 || f->n_values == 0) {
        struct str *more = arena_array(a, f->n_values ? f->n_values * 2 : 1, sizeof(*more));
        if (f->n_values)
            memcpy(more, f->values, f->n_values * sizeof(*more));
        f->values = more;
    }
    f->values[f->n_values++] = v;
}

/* ---- order ---------------------------------------------------------------------------------------------------------- */

int64_t query_start_ns(const struct row *r)
{
    switch (r->entity) {
    case TRACE: return trace_start_ns(r);
    case OBSERVATION: return row_time(r, OBSERVATION_start_ns);
    case SCORE: return row_time(r, SCORE_time_ns) != TIME_NONE ? row_time(r, SCORE_time_ns) : r->created_ns;
    case SESSION:
        return row_time(r, SESSION_start_ns) != TIME_NONE ? row_time(r, SESSION_start_ns) : r->created_ns;
    case USER: return row_time(r, USER_first_seen_ns);
    case MESSAGE: return row_time(r, MESSAGE_time_ns);
    case RECORD:
        return row_time(r, RECORD_time_ns) != TIME_NONE ? row_time(r, RECORD_time_ns) : r->created_ns;
    default: return TIME_NONE;
    }
}

static int64_t end_of(const struct row *r)
{
    switch (r->entity) {
    case TRACE: return trace_end_ns(r);
    case OBSERVATION: return row_time(r, OBSERVATION_end_ns);
    case SESSION: return row_time(r, SESSION_end_ns);
    case USER: return row_time(r, USER_last_seen_ns);
    default: return TIME_NONE;
    }
}

/* Orders by a whole number of 64 bits. A place among records is one too: often a time, which a double would blur. */
static bool is_whole_order(enum order o)
{
    return o == BY_START || o == BY_CREATED || o == BY_UPDATED || o == BY_END || o == BY_SEQ;
}

static bool is_text_order(enum order o)
{
    return o == BY_ID || o == BY_NAME;
}

static int64_t whole_key(enum order o, const struct row *r)
{
    switch (o) {
    case BY_CREATED: return r->created_ns;
    case BY_UPDATED: return r->updated_ns;
    case BY_END: return end_of(r);
    case BY_SEQ: return row_int(r, RECORD_seq, 0);
    default: return query_start_ns(r);
    }
}

static struct str text_key(enum order o, const struct row *r)
{
    if (o == BY_ID)
        return r->id;
    switch (r->entity) {
    case TRACE: return trace_name(r);
    case OBSERVATION: return row_text(r, OBSERVATION_name);
    case SCORE: return row_text(r, SCORE_name);
    case RECORD: return row_text(r, RECORD_name);
    default: return r->id;
    }
}

static double duration_of(const struct row *r)
{
    int64_t start = query_start_ns(r), end = end_of(r);
    return start == TIME_NONE || end == TIME_NONE ? -1 : end > start ? (double)(end - start) : 0;
}

static double cost_of(const struct row *r)
{
    if (r->entity == TRACE)
        return r->derived ? (double)r->derived->cost_nano_usd : 0;
    struct arena *a = arena_new();
    struct usage_final usage;
    bool computed;
    derive_usage(a, r, &usage);
    int64_t cost = derive_cost(a, r, &usage, price_default(), &computed);
    arena_free(a);
    return cost < 0 ? 0 : (double)cost;
}

static double tokens_of(const struct row *r, struct str which)
{
    int64_t input, output, total;
    if (r->entity == TRACE) {
        input = r->derived ? r->derived->tokens_input : 0;
        output = r->derived ? r->derived->tokens_output : 0;
        total = r->derived ? r->derived->tokens_total : 0;
    } else {
        struct arena *a = arena_new();
        struct usage_final usage;
        derive_usage(a, r, &usage);
        input = usage.input_all;
        output = usage.output_all;
        total = usage.input_all + usage.output_all;
        arena_free(a);
    }
    return (double)(str_is(which, "input") ? input : str_is(which, "output") ? output : total);
}

static double score_of(const struct row *r, struct str evaluator)
{
    struct arena *a = arena_new();
    double found = -1e300;
    for (size_t i = 0; i < r->n_scores; i++) {
        struct json value;
        double number;
        if (!str_eq(row_text(&r->scores[i], SCORE_evaluator_id), evaluator) &&
            !str_eq(row_text(&r->scores[i], SCORE_name), evaluator))
            continue;
        if (json_parse(a, row_text(&r->scores[i], SCORE_value), 0, &value, NULL) == ST_OK &&
            json_f64(json_key(value, "number"), &number))
            found = number;
    }
    arena_free(a);
    return found;
}

static double metric_of(const struct row *r, struct str name)
{
    const struct derived *d = r->derived;
    if (!d)
        return 0;
    if (str_is(name, "total_time_ms"))
        return d->last_end_ns == TIME_NONE || d->start_ns == TIME_NONE
                   ? 0
                   : (double)(d->last_end_ns - d->start_ns) / 1e6;
    if (str_is(name, "first_token_ms"))
        return d->first_token_ns == TIME_NONE ? 0 : (double)d->first_token_ns / 1e6;
    if (str_is(name, "prompt_tokens"))
        return (double)d->tokens_input;
    if (str_is(name, "completion_tokens"))
        return (double)d->tokens_output;
    if (str_is(name, "total_cost"))
        return (double)d->cost_nano_usd;
    return 0;
}

static double number_key(const struct query *q, const struct row *r)
{
    switch (q->order) {
    case BY_DURATION: return duration_of(r);
    case BY_COST: return cost_of(r);
    case BY_TOKENS: return tokens_of(r, q->order_key);
    case BY_SCORE: return score_of(r, q->order_key);
    case BY_METRIC: return metric_of(r, q->order_key);
    default: return 0;
    }
}

static int cmp_i64(int64_t x, int64_t y)
{
    return x < y ? -1 : x > y;
}

static int cmp_ids(const struct row *x, struct str scope, struct str id)
{
    int c = str_cmp(x->scope, scope);
    return c ? c : str_cmp(x->id, id);
}

int query_compare(const struct query *q, const struct row *x, const struct row *y)
{
    int c;
    if (is_whole_order(q->order)) {
        c = cmp_i64(whole_key(q->order, x), whole_key(q->order, y));
    } else if (is_text_order(q->order)) {
        c = str_cmp(text_key(q->order, x), text_key(q->order, y));
    } else {
        double a = number_key(q, x), b = number_key(q, y);
        c = a < b ? -1 : a > b;
    }
    if (c == 0)
        c = cmp_ids(x, y->scope, y->id);
    return q->descending ? -c : c;
}

bool query_after(const struct query *q, const struct row *r)
{
    int c;
    if (is_whole_order(q->order)) {
        c = cmp_i64(whole_key(q->order, r), q->after.ns);
    } else if (is_text_order(q->order)) {
        c = str_cmp(text_key(q->order, r), q->after.text);
    } else {
        double a = number_key(q, r);
        c = a < q->after.number ? -1 : a > q->after.number;
    }
    if (c == 0)
        c = cmp_ids(r, q->after.scope, q->after.id);
    return q->descending ? c < 0 : c > 0;
}

/* ---- cursors -------------------------------------------------------------------------------------------------------- */

void query_cursor_of(struct arena *a, const struct query *q, const struct row *last, struct cursor *out)
{
    *out = (struct cursor){ .set = true, .scope = arena_dup(a, last->scope), .id = arena_dup(a, last->id) };
    if (is_whole_order(q->order))
        out->ns = whole_key(q->order, last);
    else if (is_text_order(q->order))
        out->text = arena_dup(a, text_key(q->order, last));
    else
        out->number = number_key(q, last);
}

/* JSON, so that a person who decodes one sees what it is: [order, descending, ns, "text", number, "scope", "id"] */
struct str cursor_encode(struct arena *a, const struct query *q, const struct cursor *c)
{
    struct buf out;
    char ns[24];
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    jw_i64(&w, q->order);
    jw_i64(&w, q->descending);
    snprintf(ns, sizeof(ns), "%lld", (long long)c->ns);
    jw_cstr(&w, ns);
    jw_str(&w, c->text);
    jw_f64(&w, c->number);
    jw_str(&w, c->scope);
    jw_str(&w, c->id);
    jw_arr_end(&w);
    struct str text = base64_encode(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

enum status cursor_decode(
    struct arena *a, const struct query *q, struct str text, struct cursor *out, struct err *err)
{
    struct str bytes;
    struct json v;
    int64_t order, descending;
    if (!base64_decode(a, text, &bytes) || json_parse(a, bytes, 0, &v, NULL) != ST_OK || json_size(v) != 7)
        return err_set(err, ST_INVALID, "not a cursor that this server gave out");
    if (!json_i64(json_at(v, 0), &order) || order != (int64_t)q->order ||
        !json_i64(json_at(v, 1), &descending) || (descending != 0) != q->descending)
        return err_set(err, ST_INVALID, "the cursor is of a search with another order");
    *out = (struct cursor){ .set = true };
    out->text = json_str(json_at(v, 3));
    out->scope = json_str(json_at(v, 5));
    out->id = json_str(json_at(v, 6));
    if (!json_f64(json_at(v, 4), &out->number))
        out->number = 0;
    if (!str_to_i64(json_str(json_at(v, 2)), &out->ns) || !out->id.p)
        return err_set(err, ST_INVALID, "not a cursor that this server gave out");
    return ST_OK;
}
