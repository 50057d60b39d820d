/*
 * What a page of runs needs beside its rows: users, template versions, feedback of parents, messages of threads. One question each for
 * the whole page, and a sorted view of each answer, so that a page of any length is written in one pass.
 */
#include "dialect/llmonitor/llmonitor_priv.h"
#include "dialect/prompts.h"

#include <stdlib.h>

const struct llmonitor_extras llmonitor__no_extras = {
    .users = { .ask = SIZE_MAX, .key = KEY_ID },
    .versions = { .ask = SIZE_MAX, .key = KEY_ID },
    .parents = { .ask = SIZE_MAX, .key = KEY_COLUMN, .column = SCORE_observation_id },
    .messages = { .ask = SIZE_MAX, .key = KEY_SCOPE },
    .siblings = { .ask = SIZE_MAX, .key = KEY_ID },
    .scores = { .ask = SIZE_MAX, .key = KEY_COLUMN, .column = SCORE_trace_id },
};

/* ---- finding ---- */

static struct str key_of(const struct llmonitor_list *l, const struct row *r)
{
    switch (l->key) {
    case KEY_ID: return r->id;
    case KEY_SCOPE: return r->scope;
    case KEY_COLUMN: break;
    }
    return row_text(r, l->column);
}

static int by_key(const void *x, const void *y, void *ctx)
{
    const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;
    int order = str_cmp(key_of(ctx, a), key_of(ctx, b));
    if (order || a->entity != MESSAGE)
        return order;
    return llmonitor__is_earlier(a, b) ? -1 : llmonitor__is_earlier(b, a);
}

static void sort_list(struct call *c, struct llmonitor_list *l)
{
    const struct ask *ask = &c->asks[l->ask];
    l->rows = arena_array(c->arena, ask->n + 1, sizeof(struct row *));
    for (; l->n < ask->n; l->n++)
        l->rows[l->n] = &ask->rows[l->n];
    if (l->n > 1)
        qsort_r(l->rows, l->n, sizeof(struct row *), by_key, l);
}

const struct row *const *llmonitor__with_key(
    struct call *c, struct llmonitor_list *l, struct str key, size_t *n)
{
    *n = 0;
    if (l->ask == SIZE_MAX || !key.p)
        return NULL;
    if (!l->rows)
        sort_list(c, l);
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(key_of(l, l->rows[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + *n < l->n && str_eq(key_of(l, l->rows[low + *n]), key))
        ++*n;
    return l->rows + low;
}

/* ---- asking ---- */

/* A question about the distinct ones of some texts. */
struct wanted {
    struct call *c;
    size_t ask;
    struct filter *filter;
};

static struct wanted wanted_of(
    struct call *c, enum entity e, enum subject s, unsigned column, const char *kind)
{
    struct ask *ask = call_find(c, e);
    ask->query.order = BY_ID;
    ask->query.limit = LLMONITOR_TREE_MAX;
    if (kind)
        filter_value(c->arena, query_add(c->arena, &ask->query, ON_SCOPE, IS_IN), str_of(kind));
    struct filter *f = query_add(c->arena, &ask->query, s, IS_IN);
    f->column = (uint8_t)column;
    return (struct wanted){ c, c->n_asks - 1, f };
}

static void want(struct wanted *q, struct str id)
{
    if (id.p)
        filter_value(q->c->arena, q->filter, id);
}

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

/* Each text once; a question about nothing is taken back. */
static size_t close_wanted(struct wanted *q)
{
    struct filter *f = q->filter;
    size_t kept = 0;
    if (f->n_values == 0) {
        q->c->n_asks--;
        return SIZE_MAX;
    }
    qsort(f->values, f->n_values, sizeof(*f->values), by_text);
    for (size_t i = 0; i < f->n_values; i++)
        if (i == 0 || !str_eq(f->values[i], f->values[kept - 1]))
            f->values[kept++] = f->values[i];
    f->n_values = kept;
    return q->ask;
}

static void ask_users(struct call *c, const struct row *rows, size_t n, struct llmonitor_extras *x)
{
    struct wanted q = wanted_of(c, USER, ON_ID, 0, NULL);
    for (size_t i = 0; i < n; i++)
        want(&q, llmonitor__user_of(&rows[i]));
    x->users.ask = close_wanted(&q);
}

static void ask_of_runs(struct call *c, const struct row *rows, size_t n, struct llmonitor_extras *x)
{
    struct wanted q = wanted_of(c, RECORD, ON_ID, 0, PROMPTS_VERSION_KIND);
    for (size_t i = 0; i < n; i++)
        want(&q, llmonitor__version_of(c, &rows[i]));
    x->versions.ask = close_wanted(&q);
    q = wanted_of(c, SCORE, ON_COLUMN, SCORE_observation_id, NULL);
    for (size_t i = 0; i < n; i++)
        want(&q, row_text(&rows[i], OBSERVATION_parent_id));
    x->parents.ask = close_wanted(&q);
    q = wanted_of(c, OBSERVATION, ON_ID, 0, NULL);
    for (size_t i = 0; i < n; i++)
        want(&q, rows[i].sibling);
    x->siblings.ask = close_wanted(&q);
    q = wanted_of(c, SCORE, ON_COLUMN, SCORE_trace_id, NULL);
    for (size_t i = 0; i < n; i++)
        want(&q, llmonitor__is_root(&rows[i]) ? rows[i].scope : STR_NONE);
    x->scores.ask = close_wanted(&q);
}

static void ask_of_threads(struct call *c, const struct row *rows, size_t n, struct llmonitor_extras *x)
{
    struct wanted q = wanted_of(c, MESSAGE, ON_SCOPE, 0, NULL);
    c->asks[q.ask].query.with = WITH_PAYLOAD;
    for (size_t i = 0; i < n; i++)
        want(&q, rows[i].id);
    x->messages.ask = close_wanted(&q);
}

bool llmonitor__ask_extras(struct call *c, const struct row *rows, size_t n, struct llmonitor_extras *x)
{
    size_t before = c->n_asks;
    *x = llmonitor__no_extras;
    if (n == 0)
        return false;
    ask_users(c, rows, n, x);
    if (rows[0].entity == SESSION)
        ask_of_threads(c, rows, n, x);
    else
        ask_of_runs(c, rows, n, x);
    return c->n_asks > before;
}
