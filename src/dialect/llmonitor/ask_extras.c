/*
 * What a page of runs needs beside its rows: users, template versions, feedback of parents, messages of threads. One question each for
 * the whole page.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

const struct llmonitor_extras llmonitor__no_extras = { SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX };

/* Gathers the distinct texts a question is to be asked about. */
struct wanted {
    struct call *c;
    size_t ask;
    struct filter *filter;
};

static void want(struct wanted *q, struct str id)
{
    if (!id.p)
        return;
    for (size_t i = 0; i < q->filter->n_values; i++)
        if (str_eq(q->filter->values[i], id))
            return;
    filter_value(q->c->arena, q->filter, id);
}

static struct wanted wanted_of(struct call *c, enum entity e, enum subject s, unsigned column, const char *kind)
{
    struct ask *ask = call_find(c, e);
    ask->query.order = BY_ID;
    ask->query.limit = LLMONITOR_PAGE_MAX;
    if (kind)
        filter_value(c->arena, query_add(c->arena, &ask->query, ON_SCOPE, IS_IN), str_of(kind));
    struct filter *f = query_add(c->arena, &ask->query, s, IS_IN);
    f->column = (uint8_t)column;
    return (struct wanted){ c, c->n_asks - 1, f };
}

/* A question about nothing is taken back. */
static size_t close_wanted(struct wanted *q)
{
    if (q->filter->n_values > 0)
        return q->ask;
    q->c->n_asks--;
    return SIZE_MAX;
}

static void ask_users(struct call *c, const struct row *rows, size_t n, struct llmonitor_extras *x)
{
    struct wanted q = wanted_of(c, USER, ON_ID, 0, NULL);
    for (size_t i = 0; i < n; i++)
        want(&q, llmonitor__user_of(&rows[i]));
    x->users = close_wanted(&q);
}

static void ask_of_runs(struct call *c, const struct row *rows, size_t n, struct llmonitor_extras *x)
{
    struct wanted q = wanted_of(c, RECORD, ON_ID, 0, "template_version");
    for (size_t i = 0; i < n; i++)
        want(&q, llmonitor__version_of(c, &rows[i]));
    x->versions = close_wanted(&q);
    q = wanted_of(c, SCORE, ON_COLUMN, SCORE_observation_id, NULL);
    for (size_t i = 0; i < n; i++)
        want(&q, row_text(&rows[i], OBSERVATION_parent_id));
    x->parents = close_wanted(&q);
    q = wanted_of(c, OBSERVATION, ON_ID, 0, NULL);
    for (size_t i = 0; i < n; i++)
        want(&q, rows[i].sibling);
    x->siblings = close_wanted(&q);
    q = wanted_of(c, SCORE, ON_COLUMN, SCORE_trace_id, NULL);
    for (size_t i = 0; i < n; i++)
        want(&q, llmonitor__is_root(&rows[i]) ? rows[i].scope : STR_NONE);
    x->scores = close_wanted(&q);
}

static void ask_of_threads(struct call *c, const struct row *rows, size_t n, struct llmonitor_extras *x)
{
    struct wanted q = wanted_of(c, MESSAGE, ON_SCOPE, 0, NULL);
    c->asks[q.ask].query.limit = LLMONITOR_TREE_MAX;
    c->asks[q.ask].query.with = WITH_PAYLOAD;
    for (size_t i = 0; i < n; i++)
        want(&q, rows[i].id);
    x->messages = close_wanted(&q);
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
