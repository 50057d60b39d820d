/*
 * Lists of runs and threads, counts and sums of them, and the pickers' lists of values (section 9).
 */
#include "dialect/llmonitor/llmonitor_priv.h"
#include "dialect/prompts.h"

#include <stdlib.h>

/* ---- pages ---- */

static int64_t number_of(const struct call *c, const char *name, int64_t none, int64_t most)
{
    int64_t n;
    if (!str_to_i64(call_query(c, name), &n) || n < 0)
        return none;
    return n < most ? n : most;
}

void llmonitor__read_page(
    const struct call *c, int64_t default_limit, struct query *q, int64_t *limit, int64_t *page)
{
    *limit = number_of(c, "limit", default_limit, LLMONITOR_PAGE_MAX);
    *page = number_of(c, "page", 0, INT32_MAX);
    q->limit = (size_t)*limit;
    q->offset = (size_t)(*page * *limit);
}

void llmonitor__read_order(const struct call *c, struct query *q)
{
    static const struct {
        const char *field;
        enum order order;
    } orders[] = {
        { "createdAt", BY_START },
        { "duration", BY_DURATION },
        { "tokens", BY_TOKENS },
        { "cost", BY_COST },
    };
    struct str field = call_query(c, "sortField");
    q->order = BY_START;
    q->descending = true;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (str_is(field, orders[i].field)) {
            q->order = orders[i].order;
            q->descending = str_is(call_query(c, "sortDirection"), "desc");
        }
}

/* ---- GET /v1/runs, /v1/runs/count ---- */

struct list_state {
    struct llmonitor_filters filters;
    bool filters_read;
    size_t rows; /* SIZE_MAX: not asked yet */
    int64_t limit, page;
    struct llmonitor_extras extras;
};

static bool is_thread_list(const struct list_state *s)
{
    return llmonitor__is_thread_type(s->filters.type);
}

/* The list the query string describes: threads are sessions, everything else observations. */
static struct ask *ask_list(struct call *c, struct list_state *s)
{
    bool threads = is_thread_list(s);
    struct ask *ask = call_find(c, threads ? SESSION : OBSERVATION);
    struct str parent = call_query(c, "parentRunId");
    s->rows = c->n_asks - 1;
    llmonitor__read_order(c, &ask->query);
    if (threads)
        ask->query.order = BY_START;
    if (parent.n > 0 && !threads) {
        struct str id = llmonitor__parent_id(c->arena, parent);
        struct filter *f = query_add(c->arena, &ask->query, ON_PARENT, IS_IN);
        filter_value(c->arena, f, id);
        if (!str_eq(id, parent))
            filter_value(c->arena, f, parent);
    }
    llmonitor__apply_filters(c, &s->filters, STR("llm"), &ask->query);
    return ask;
}

/* Filters that need look-ups, then the rows, then what is shown beside them. */
static enum status list_ask(struct call *c, bool page)
{
    struct list_state *s = c->state;
    if (!s) {
        c->state = s = arena_alloc(c->arena, sizeof(*s));
        s->rows = SIZE_MAX;
        s->extras = llmonitor__no_extras;
        if (llmonitor__read_filters(c, &s->filters)) {
            c->again = true;
            return ST_OK;
        }
    }
    if (s->rows == SIZE_MAX) {
        struct ask *ask = ask_list(c, s);
        ask->query.with = WITH_TOTAL;
        ask->query.limit = 0;
        if (page) {
            ask->query.with |= LLMONITOR_WITH_RUN;
            llmonitor__read_page(c, 50, &ask->query, &s->limit, &s->page);
        }
        c->again = page;
        return ST_OK;
    }
    (void)llmonitor__ask_extras(c, c->asks[s->rows].rows, c->asks[s->rows].n, &s->extras);
    return ST_OK;
}

enum status llmonitor__runs_ask(struct call *c, struct err *err)
{
    (void)err;
    return list_ask(c, true);
}

enum status llmonitor__count_ask(struct call *c, struct err *err)
{
    (void)err;
    return list_ask(c, false);
}

void llmonitor__runs_reply(struct call *c, struct reply *r)
{
    struct list_state *s = c->state;
    const struct ask *ask = &c->asks[s->rows];
    unsigned flags = str_is(s->filters.type, "llm") ? RUN_CUT : 0;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_i64(&w, "page", s->page);
    jw_kv_i64(&w, "limit", s->limit);
    jw_kv_i64(&w, "total", ask->total);
    jw_key(&w, "data");
    jw_arr(&w);
    for (size_t i = 0; i < ask->n; i++)
        llmonitor__write_run(&w, c, &ask->rows[i], &s->extras, flags);
    jw_arr_end(&w);
    jw_obj_end(&w);
}

void llmonitor__count_reply(struct call *c, struct reply *r)
{
    const struct list_state *s = c->state;
    struct jw w = jw_of(&r->body);
    jw_i64(&w, c->asks[s->rows].total);
}

/* ---- GET /v1/runs/usage, /v1/external-users/runs/usage ---- */

/* As JavaScript's parseInt: leading digits count. */
static bool leading_number(struct str s, int64_t *n)
{
    size_t digits = 0;
    while (digits < s.n && digits < 9 && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    return digits > 0 && str_to_i64(str_sub(s, 0, digits), n);
}

static struct ask *ask_usage(struct call *c, int64_t days, bool by_day, bool by_user)
{
    struct ask *ask = call_find(c, OBSERVATION);
    ask->kind = ASK_AGGREGATE;
    struct filter *since = query_add(c->arena, &ask->query, ON_START, IS_BETWEEN);
    since->low_ns = c->now_ns - days * 86400 * NS_PER_S;
    since->low = (double)since->low_ns;
    since->high = 1e300;
    ask->group[ask->n_groups++] = GROUP_BY_NAME;
    ask->group[ask->n_groups++] = GROUP_BY_TYPE;
    if (by_day)
        ask->group[ask->n_groups++] = GROUP_BY_DAY;
    if (by_user)
        ask->group[ask->n_groups++] = GROUP_BY_USER;
    return ask;
}

enum status llmonitor__usage_ask(struct call *c, struct err *err)
{
    int64_t days;
    struct str user = call_query(c, "userId");
    if (!leading_number(call_query(c, "days"), &days))
        return err_set(err, ST_INVALID, "Invalid query parameters");
    struct ask *ask = ask_usage(c, days, call_query(c, "daily").n > 0, false);
    if (user.n > 0)
        filter_value(c->arena, query_add(c->arena, &ask->query, ON_USER, IS_IN), user);
    return ST_OK;
}

enum status llmonitor__user_usage_ask(struct call *c, struct err *err)
{
    int64_t days;
    (void)err;
    if (!leading_number(call_query(c, "days"), &days))
        days = 1;
    (void)ask_usage(c, days, false, true);
    return ST_OK;
}

/* Canonical types that are one type here make one row. */
static int by_group(const void *x, const void *y)
{
    const struct group *a = x, *b = y;
    if (a->bucket_ns != b->bucket_ns)
        return a->bucket_ns < b->bucket_ns ? -1 : 1;
    for (int i = 0; i < 3; i++) {
        int order = str_cmp(a->text[i], b->text[i]);
        if (order)
            return order;
    }
    return 0;
}

static void add_group(struct group *to, const struct group *g)
{
    to->errors += g->errors;
    to->success += g->success;
    to->tokens_input += g->tokens_input;
    to->tokens_output += g->tokens_output;
    to->cost_nano_usd += g->cost_nano_usd;
}

static size_t join_groups(struct group *groups, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        groups[i].text[1] = llmonitor__type_word_of(groups[i].text[1]);
    if (n > 1)
        qsort(groups, n, sizeof(*groups), by_group);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && by_group(&groups[kept - 1], &groups[i]) == 0)
            add_group(&groups[kept - 1], &groups[i]);
        else
            groups[kept++] = groups[i];
    }
    return kept;
}

void llmonitor__usage_reply(struct call *c, struct reply *r)
{
    struct ask *ask = &c->asks[0];
    size_t n = join_groups(ask->groups, ask->n_answer_groups);
    bool by_user = ask->group[ask->n_groups - 1] == GROUP_BY_USER,
         by_day = ask->group[ask->n_groups - 1] == GROUP_BY_DAY;
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        const struct group *g = &ask->groups[i];
        jw_obj(&w);
        if (by_user)
            jw_kv_str(&w, "userId", g->text[2]);
        if (by_day)
            llmonitor__write_time(&w, "date", g->bucket_ns);
        jw_kv_str(&w, "name", g->text[0]);
        jw_kv_str(&w, "type", g->text[1]);
        jw_kv_i64(&w, "completionTokens", g->tokens_output);
        jw_kv_i64(&w, "promptTokens", g->tokens_input);
        llmonitor__write_cost(&w, "cost", g->cost_nano_usd);
        jw_kv_i64(&w, "errors", g->errors);
        jw_kv_i64(&w, "success", g->success);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
}

/* ---- GET /v1/filters/... ---- */

static void ask_values(struct call *c, enum entity e, enum subject s, unsigned column)
{
    struct ask *ask = call_find(c, e);
    ask->kind = ASK_DISTINCT;
    ask->subject = s;
    ask->column = (uint8_t)column;
    ask->query.limit = LLMONITOR_PAGE_MAX;
}

enum status llmonitor__pick_models_ask(struct call *c, struct err *err)
{
    (void)err;
    ask_values(c, OBSERVATION, ON_COLUMN, OBSERVATION_model);
    return ST_OK;
}

enum status llmonitor__pick_tags_ask(struct call *c, struct err *err)
{
    (void)err;
    ask_values(c, OBSERVATION, ON_TAGS, OBSERVATION_tags);
    return ST_OK;
}

enum status llmonitor__pick_metadata_ask(struct call *c, struct err *err)
{
    (void)err;
    ask_values(c, OBSERVATION, ON_METADATA, OBSERVATION_metadata);
    return ST_OK;
}

enum status llmonitor__pick_props_ask(struct call *c, struct err *err)
{
    (void)err;
    ask_values(c, USER, ON_BODY, USER_props);
    return ST_OK;
}

void llmonitor__pick_reply(struct call *c, struct reply *r)
{
    const struct ask *ask = &c->asks[0];
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = 0; i < ask->n_values; i++)
        jw_str(&w, ask->values[i]);
    jw_arr_end(&w);
}

/* Names of custom events: groups, because a plain list of names cannot be told to look at one type. */
enum status llmonitor__pick_events_ask(struct call *c, struct err *err)
{
    struct ask *ask = call_find(c, OBSERVATION);
    (void)err;
    ask->kind = ASK_AGGREGATE;
    ask->group[ask->n_groups++] = GROUP_BY_NAME;
    llmonitor__filter_type(c->arena, &ask->query, STR("custom-event"));
    return ST_OK;
}

void llmonitor__pick_events_reply(struct call *c, struct reply *r)
{
    struct ask *ask = &c->asks[0];
    struct jw w = jw_of(&r->body);
    if (ask->n_answer_groups > 1)
        qsort(ask->groups, ask->n_answer_groups, sizeof(*ask->groups), by_group);
    jw_arr(&w);
    for (size_t i = 0; i < ask->n_answer_groups; i++)
        if (ask->groups[i].text[0].n > 0)
            jw_str(&w, ask->groups[i].text[0]);
    jw_arr_end(&w);
}

enum status llmonitor__pick_users_ask(struct call *c, struct err *err)
{
    struct ask *ask = call_find(c, USER);
    (void)err;
    ask->query.limit = LLMONITOR_PAGE_MAX;
    ask->query.order = BY_ID;
    ask->query.descending = false;
    return ST_OK;
}

enum status llmonitor__pick_templates_ask(struct call *c, struct err *err)
{
    struct ask *ask = call_find(c, RECORD);
    (void)err;
    ask->query.limit = LLMONITOR_PAGE_MAX;
    ask->query.order = BY_NAME;
    ask->query.descending = false;
    filter_value(c->arena, query_add(c->arena, &ask->query, ON_SCOPE, IS_IN), STR(PROMPTS_KIND));
    return ST_OK;
}

void llmonitor__pick_rows_reply(struct call *c, struct reply *r)
{
    const struct ask *ask = &c->asks[0];
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = 0; i < ask->n; i++)
        jw_str(&w, ask->query.entity == RECORD ? row_text(&ask->rows[i], RECORD_name) : ask->rows[i].id);
    jw_arr_end(&w);
}
