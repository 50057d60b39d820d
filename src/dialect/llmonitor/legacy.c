/*
 * What LLMonitor served in 2023 beside ingest, and what needs no rows at all: health, version, the app check (section 1).
 */
#include "dialect/llmonitor/llmonitor_priv.h"

/* ---- texts ---- */

static void text_reply(struct reply *r, const char *text)
{
    r->content_type = "text/plain; charset=utf-8";
    buf_add_cstr(&r->body, text);
}

/* LangChain asks once whether its app exists and fails on anything but 200. */
void llmonitor__app_reply(struct call *c, struct reply *r)
{
    (void)c;
    text_reply(r, "ok");
}

void llmonitor__root_reply(struct call *c, struct reply *r)
{
    (void)c;
    text_reply(r, "Lunary API v1");
}

void llmonitor__health_reply(struct call *c, struct reply *r)
{
    (void)c;
    buf_add_cstr(&r->body, "{\"status\":\"OK\"}");
}

void llmonitor__version_text_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    (void)c;
    jw_obj(&w);
    jw_kv_cstr(&w, "version", TW_VERSION);
    jw_obj_end(&w);
}

/* ---- GET /api/v1/run: the list of runs, its key in the query or a header ---- */

struct old_list {
    int64_t limit, page;
    struct llmonitor_extras extras;
};

static struct str token_of(const struct call *c)
{
    struct str bearer = call_header(c, "authorization"), key = call_query(c, "api_key");
    if (key.n == 0)
        key = call_header(c, "x-api-key");
    if (key.n == 0 && bearer.n > 7 && str_eq_nocase(str_sub(bearer, 0, 7), STR("Bearer ")))
        key = str_trim(str_sub(bearer, 7, SIZE_MAX));
    return key;
}

static enum status open_by_key(struct call *c, struct err *err)
{
    struct str token = token_of(c), app = call_query(c, "app_id");
    const struct caller *found = token.n ? c->find_caller(c->find_ctx, token, c->arena) : NULL;
    if (!found || found->public_half || found->ingest_only)
        return err_set(err, ST_FORBIDDEN, "Invalid API key");
    if (app.n > 0 && !str_eq(app, found->project_id)) {
        const struct caller *of_app = c->find_caller(c->find_ctx, app, c->arena);
        if (!of_app || of_app->project != found->project)
            return err_set(err, ST_FORBIDDEN, "Invalid API key");
    }
    c->caller = found;
    return ST_OK;
}

static enum status add_window(struct call *c, struct query *q, struct err *err)
{
    struct str from = call_query(c, "start_time"), to = call_query(c, "end_time");
    int64_t low = TIME_NONE, high = TIME_NONE;
    if ((from.n && !time_parse_iso(from, &low)) || (to.n && !time_parse_iso(to, &high)) ||
        (from.n && to.n && low > high))
        return err_set(err, ST_UNPROCESSABLE,
            "start_time and end_time must be ISO times, the first not after the second");
    if (!from.n && !to.n)
        return ST_OK;
    struct filter *f = query_add(c->arena, q, ON_START, IS_BETWEEN);
    f->low_ns = low;
    f->high_ns = high;
    f->low = from.n ? (double)low : -1e300;
    f->high = to.n ? (double)high : 1e300;
    return ST_OK;
}

static void add_values(
    struct call *c, struct query *q, const char *name, enum subject subject, unsigned column)
{
    struct str list = call_query(c, name), value;
    if (list.n == 0)
        return;
    struct filter *f = query_add(c->arena, q, subject, IS_IN);
    f->column = (uint8_t)column;
    while (str_cut(&list, ',', &value))
        if (value.n > 0)
            filter_value(c->arena, f, value);
}

static void add_durations(struct call *c, struct query *q)
{
    double low, high;
    bool from = str_to_f64(call_query(c, "min_duration"), &low),
         to = str_to_f64(call_query(c, "max_duration"), &high);
    if (!from && !to)
        return;
    struct filter *f = query_add(c->arena, q, ON_DURATION, IS_BETWEEN);
    f->low = from ? low * 1e9 : 0;
    f->high = to ? high * 1e9 : 1e300;
}

static enum status ask_old_list(struct call *c, struct old_list *s, struct err *err)
{
    struct ask *ask = call_find(c, OBSERVATION);
    struct query *q = &ask->query;
    struct str search = call_query(c, "search"), type = call_query(c, "type");
    llmonitor__read_page(c, 100, q, &s->limit, &s->page);
    q->with = LLMONITOR_WITH_RUN | WITH_TOTAL;
    q->descending = !str_is(call_query(c, "order"), "asc");
    add_values(c, q, "models", ON_COLUMN, OBSERVATION_model);
    add_values(c, q, "tags", ON_TAGS, 0);
    add_durations(c, q);
    if (search.n > 0)
        filter_value(c->arena, query_add(c->arena, q, ON_IO_TEXT, CONTAINS), search);
    if (type.n > 0)
        llmonitor__filter_type(c->arena, q, type);
    return add_window(c, q, err);
}

enum status llmonitor__old_runs_ask(struct call *c, struct err *err)
{
    struct old_list *s = c->state;
    if (s) {
        (void)llmonitor__ask_extras(c, c->asks[0].rows, c->asks[0].n, &s->extras);
        return ST_OK;
    }
    enum status st = open_by_key(c, err);
    if (st != ST_OK)
        return st;
    c->state = s = arena_alloc(c->arena, sizeof(*s));
    s->extras = llmonitor__no_extras;
    c->again = true;
    return ask_old_list(c, s, err);
}

void llmonitor__old_runs_reply(struct call *c, struct reply *r)
{
    struct old_list *s = c->state;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "data");
    jw_arr(&w);
    for (size_t i = 0; i < c->asks[0].n; i++)
        llmonitor__write_run(&w, c, &c->asks[0].rows[i], &s->extras, 0);
    jw_arr_end(&w);
    jw_kv_i64(&w, "total", c->asks[0].total);
    jw_kv_i64(&w, "page", s->page);
    jw_kv_i64(&w, "limit", s->limit);
    jw_obj_end(&w);
}
