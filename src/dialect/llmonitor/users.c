/*
 * End users of the traced apps (section 9). A user's id in answers is the app's own id for it: upstream numbers its users, but nobody
 * reads more out of that number than a name to filter by.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include <stdlib.h>

#define DELETED_USER "deleted_user"

/* ---- GET /v1/external-users ---- */

/*
 * Users whom an LLMonitor event named have a row. Those of other dialects are only named by their traces; they follow behind the rows.
 * Rounds: the rows of the page and the names in traces (by cost: all rows, all costs); which names have a row or were deleted, for the
 * traces of a deleted user still name it; costs of the page.
 */
struct users_state {
    int64_t limit, page;
    size_t users, names, known, deleted, costs; /* questions; SIZE_MAX: not asked */
    bool by_cost;
    struct entry *entries;
    size_t n_entries; /* the page */
    size_t n_others;  /* names without a row, in all */
};
struct entry {
    struct str id;
    const struct row *row;     /* NULL: named by traces only */
    const struct group *costs; /* NULL: unknown */
};

/* ---- questions ---- */

/* The search box looks at the id and at two properties. */
static void add_search(struct call *c, struct query *q)
{
    static const char *const props[] = { "email", "name" };
    struct str search = call_query(c, "search");
    if (search.n == 0)
        return;
    struct filter *any = query_add(c->arena, q, ON_ANY, IS_SET);
    filter_value(c->arena, filter_child(c->arena, any, ON_ID, CONTAINS), search);
    for (size_t i = 0; i < 2; i++) {
        struct filter *f = filter_child(c->arena, any, ON_BODY, CONTAINS);
        f->key = str_of(props[i]);
        filter_value(c->arena, f, search);
    }
}

static struct ask *ask_costs(struct call *c, struct users_state *s)
{
    struct ask *ask = call_find(c, OBSERVATION);
    int64_t from, to;
    s->costs = c->n_asks - 1;
    ask->kind = ASK_AGGREGATE;
    ask->group[ask->n_groups++] = GROUP_BY_USER;
    /* As upstream: the dates bound what is added up, and only when all three are given. */
    if (call_query(c, "timeZone").n > 0 && time_parse_iso(call_query(c, "startDate"), &from) &&
        time_parse_iso(call_query(c, "endDate"), &to)) {
        struct filter *dates = query_add(c->arena, &ask->query, ON_START, IS_BETWEEN);
        dates->low_ns = from;
        dates->high_ns = to;
        dates->low = (double)from;
        dates->high = (double)to;
    }
    return ask;
}

static void ask_first(struct call *c, struct users_state *s)
{
    struct ask *ask = call_find(c, USER);
    s->users = c->n_asks - 1;
    llmonitor__read_page(c, 100, &ask->query, &s->limit, &s->page);
    ask->query.with = WITH_TOTAL;
    ask->query.order = str_is(call_query(c, "sortField"), "lastSeen") ? BY_END : BY_START;
    ask->query.descending = !str_is(call_query(c, "sortDirection"), "asc");
    add_search(c, &ask->query);
    if (s->by_cost) {
        ask->query.limit = LLMONITOR_LOOKUP_MAX;
        ask->query.offset = 0;
        (void)ask_costs(c, s);
    }
    struct ask *names = call_find(c, TRACE);
    s->names = c->n_asks - 1;
    names->kind = ASK_DISTINCT;
    names->subject = ON_COLUMN;
    names->column = TRACE_user_id;
    names->query.limit = LLMONITOR_LOOKUP_MAX;
}

/* Those of the names that some row has for an id, in order. */
static size_t ask_named(struct call *c, enum entity e, const char *kind, const struct ask *names)
{
    struct str *values = names->values;
    size_t n = names->n_values;
    struct ask *ask = call_find(c, e);
    ask->query.limit = n;
    ask->query.order = BY_ID;
    ask->query.descending = false;
    if (kind)
        filter_value(c->arena, query_add(c->arena, &ask->query, ON_SCOPE, IS_IN), str_of(kind));
    struct filter *f = query_add(c->arena, &ask->query, ON_ID, IS_IN);
    for (size_t i = 0; i < n; i++)
        filter_value(c->arena, f, values[i]);
    return c->n_asks - 1;
}

static bool ask_known(struct call *c, struct users_state *s)
{
    if (c->asks[s->names].n_values == 0)
        return false;
    s->known = ask_named(c, USER, NULL, &c->asks[s->names]);
    s->deleted = ask_named(c, RECORD, DELETED_USER, &c->asks[s->names]);
    return true;
}

/* ---- the page ---- */

static void add_entry(
    struct call *c, struct users_state *s, size_t *cap, struct str id, const struct row *row)
{
    s->entries = arena_grow(c->arena, s->entries, cap, s->n_entries + 1, sizeof(*s->entries));
    s->entries[s->n_entries++] = (struct entry){ .id = id, .row = row };
}

/* Is `name` among the rows? Both are in order, so the place in the rows only moves on. */
static bool is_among(const struct call *c, size_t asked, struct str name, size_t *at)
{
    if (asked == SIZE_MAX)
        return false;
    const struct ask *ask = &c->asks[asked];
    while (*at < ask->n && str_cmp(ask->rows[*at].id, name) < 0)
        ++*at;
    return *at < ask->n && str_eq(ask->rows[*at].id, name);
}

/* The rows, then the names without one. */
static void gather_entries(struct call *c, struct users_state *s)
{
    const struct ask *users = &c->asks[s->users], *names = &c->asks[s->names];
    struct str search = call_query(c, "search");
    size_t cap = 0, known = 0, deleted = 0;
    for (size_t i = 0; i < users->n; i++)
        add_entry(c, s, &cap, users->rows[i].id, &users->rows[i]);
    for (size_t i = 0; i < names->n_values; i++) {
        struct str name = names->values[i];
        bool done = is_among(c, s->known, name, &known) || is_among(c, s->deleted, name, &deleted);
        if (done || (search.n > 0 && str_find(name, search) == SIZE_MAX))
            continue;
        add_entry(c, s, &cap, name, NULL);
        s->n_others++;
    }
}

/* Keep `n` entries from `skip` on. */
static void cut_entries(struct users_state *s, size_t skip, size_t n)
{
    skip = skip < s->n_entries ? skip : s->n_entries;
    s->entries += skip;
    s->n_entries = s->n_entries - skip < n ? s->n_entries - skip : n;
}

/* The rows are a page already; of the names only what has room behind them stays. */
static void cut_to_page(struct call *c, struct users_state *s)
{
    size_t rows = c->asks[s->users].n, all = (size_t)c->asks[s->users].total, limit = (size_t)s->limit,
           skip = (size_t)s->page * limit;
    size_t first = rows + (skip > all ? skip - all : 0), room = limit - rows, shown = 0;
    for (; shown < room && first + shown < s->n_entries; shown++)
        s->entries[rows + shown] = s->entries[first + shown];
    s->n_entries = rows + shown;
}

static void ask_costs_of_page(struct call *c, struct users_state *s)
{
    if (s->n_entries == 0)
        return;
    struct ask *ask = ask_costs(c, s);
    struct filter *of = query_add(c->arena, &ask->query, ON_USER, IS_IN);
    for (size_t i = 0; i < s->n_entries; i++)
        filter_value(c->arena, of, s->entries[i].id);
}

static int by_user(const void *x, const void *y)
{
    const struct group *a = x, *b = y;
    return str_cmp(a->text[0], b->text[0]);
}

static void give_costs(struct call *c, struct users_state *s)
{
    struct ask *ask = s->costs == SIZE_MAX ? NULL : &c->asks[s->costs];
    if (!ask || ask->n_answer_groups == 0)
        return;
    qsort(ask->groups, ask->n_answer_groups, sizeof(*ask->groups), by_user);
    for (size_t i = 0; i < s->n_entries; i++) {
        struct group key = { .text = { s->entries[i].id } };
        s->entries[i].costs = bsearch(&key, ask->groups, ask->n_answer_groups, sizeof(key), by_user);
    }
}

/* Unknown costs stand last in either direction. */
static int by_cost_up(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    if (!a->costs || !b->costs)
        return a->costs ? -1 : b->costs ? 1 : str_cmp(a->id, b->id);
    int64_t p = a->costs->cost_nano_usd, q = b->costs->cost_nano_usd;
    return p != q ? (p < q ? -1 : 1) : str_cmp(a->id, b->id);
}

static int by_cost_down(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    return a->costs && b->costs ? by_cost_up(y, x) : by_cost_up(x, y);
}

static void sort_by_cost(struct call *c, struct users_state *s)
{
    give_costs(c, s);
    if (s->n_entries > 1)
        qsort(s->entries, s->n_entries, sizeof(*s->entries),
            str_is(call_query(c, "sortDirection"), "asc") ? by_cost_up : by_cost_down);
    cut_entries(s, (size_t)(s->page * s->limit), (size_t)s->limit);
}

enum status llmonitor__users_ask(struct call *c, struct err *err)
{
    struct users_state *s = c->state;
    (void)err;
    if (!s) {
        c->state = s = arena_alloc(c->arena, sizeof(*s));
        *s = (struct users_state){ .known = SIZE_MAX,
            .deleted = SIZE_MAX,
            .costs = SIZE_MAX,
            .by_cost = str_is(call_query(c, "sortField"), "cost") };
        ask_first(c, s);
        c->again = true;
        return ST_OK;
    }
    if (c->round == 1 && ask_known(c, s)) {
        c->again = true;
        return ST_OK;
    }
    gather_entries(c, s);
    if (s->by_cost)
        return ST_OK;
    cut_to_page(c, s);
    ask_costs_of_page(c, s);
    return ST_OK;
}

void llmonitor__users_reply(struct call *c, struct reply *r)
{
    struct users_state *s = c->state;
    struct jw w = jw_of(&r->body);
    if (s->by_cost)
        sort_by_cost(c, s);
    else
        give_costs(c, s);
    jw_obj(&w);
    jw_kv_i64(&w, "total", c->asks[s->users].total + (int64_t)s->n_others);
    jw_kv_i64(&w, "page", s->page);
    jw_kv_i64(&w, "limit", s->limit);
    jw_key(&w, "data");
    jw_arr(&w);
    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        jw_obj(&w);
        llmonitor__write_user(&w, c, e->row, e->id);
        llmonitor__write_cost(&w, "cost", e->costs ? e->costs->cost_nano_usd : -1);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
}

/* ---- GET, DELETE /v1/external-users/{id} ---- */

enum status llmonitor__user_ask(struct call *c, struct err *err)
{
    if (c->round > 0) {
        bool named = c->asks[1].n > 0 && !ask_row(c, 2);
        return ask_row(c, 0) || named ? ST_OK : err_set(err, ST_NOT_FOUND, "User not found");
    }
    (void)call_get(c, USER, STR_NONE, c->params[0], 0);
    struct ask *trace = call_find(c, TRACE);
    trace->query.limit = 1;
    (void)llmonitor__filter_in(c->arena, &trace->query, TRACE_user_id, c->params[0]);
    (void)records_get(c, DELETED_USER, c->params[0]);
    c->again = true;
    return ST_OK;
}

void llmonitor__user_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    llmonitor__write_user(&w, c, ask_row(c, 0), c->params[0]);
    jw_kv_str(&w, "projectId", c->caller->project_id);
    jw_obj_end(&w);
}

enum status llmonitor__user_remove(struct call *c, struct batch *b, struct err *err)
{
    if (!str_is_id(c->params[0]))
        return err_set(err, ST_NOT_FOUND, "User not found");
    batch_remove(b, c->caller->project, USER, STR_NONE, c->params[0]);
    event_set_int(records_put(c, b, DELETED_USER, c->params[0]), RECORD_time_ns, c->now_ns);
    return ST_OK;
}

void llmonitor__gone_reply(struct call *c, struct reply *r)
{
    (void)c;
    r->status = 204;
}
