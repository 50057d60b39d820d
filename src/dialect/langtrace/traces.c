/*
 * POST /api/traces: a page of traces with their spans (langtrace.md 7), of whatever product they came from.
 *
 * The checks come in the order of the contract: whose project, then how much of it.
 */
#include "dialect/langtrace/langtrace_priv.h"

#include <stdlib.h>

#define PAGE_SIZE_MAX 100

struct page {
    struct str project;
    int64_t page, size;
    struct str keyword;
};

/* ---- asking --------------------------------------------------------------------------------------------------------- */

static enum status went_wrong(struct err *err)
{
    return err_set(err, ST_INVALID, "Something went wrong while fetching traces");
}

static struct filter *contains(
    struct arena *a, struct filter *into, enum subject subject, const char *key, struct str keyword)
{
    struct filter *f = filter_child(a, into, subject, CONTAINS);
    f->key = str_of(key);
    filter_value(a, f, keyword);
    return f;
}

/* A substring of what a span's attributes and events are made of. All metadata of a span of another product is shown as attributes; of an
 * OpenTelemetry span, which always has its kind, resource and scope are none. */
static void filter_keyword(struct arena *a, struct query *q, struct str keyword)
{
    static const uint8_t columns[] = { OBSERVATION_input, OBSERVATION_output, OBSERVATION_params,
        OBSERVATION_tools, OBSERVATION_model };
    struct filter *any = filter_child(a, query_add(a, q, ON_OBSERVATION, IS_IN), ON_ANY, IS_IN);
    (void)contains(a, any, ON_METADATA, "attributes", keyword);
    contains(a, any, ON_COLUMN, "attributes", keyword)->column = OBSERVATION_leftovers;
    contains(a, any, ON_COLUMN, "events", keyword)->column = OBSERVATION_leftovers;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        contains(a, any, ON_COLUMN, NULL, keyword)->column = columns[i];
    struct filter *foreign = filter_child(a, any, ON_ALL, IS_IN);
    (void)contains(a, foreign, ON_METADATA, NULL, keyword);
    struct filter *kind = filter_child(a, foreign, ON_COLUMN, IS_SET);
    kind->column = OBSERVATION_leftovers;
    kind->key = STR("kind");
    kind->negate = true;
}

static void ask_page(struct call *c, const struct page *p)
{
    struct ask *ask = call_find(c, TRACE);
    ask->query.order = BY_START;
    ask->query.limit = (size_t)p->size;
    ask->query.offset = (size_t)(p->page - 1) * (size_t)p->size;
    ask->query.with = WITH_PAYLOAD | WITH_OBSERVATIONS | WITH_OBSERVATION_PAYLOAD | WITH_TOTAL;
    if (p->keyword.n > 0)
        filter_keyword(c->arena, &ask->query, p->keyword);
}

static enum status check_page(struct json body, struct page *p, struct err *err)
{
    if (json_i64(json_key(body, "pageSize"), &p->size) && p->size > PAGE_SIZE_MAX)
        return err_set(err, ST_INVALID, "Page size cannot be more than %d", PAGE_SIZE_MAX);
    if (!json_i64(json_key(body, "pageSize"), &p->size) || p->size < 1 ||
        !json_i64(json_key(body, "page"), &p->page) || p->page < 1 || p->page > INT64_MAX / PAGE_SIZE_MAX)
        return went_wrong(err);
    p->keyword = json_str(json_key(body, "keyword"));
    return ST_OK;
}

static enum status other_project(const struct deed *found, struct err *err)
{
    return found->found ? err_set(err, ST_UNAUTHORIZED, "%s", LANGTRACE_UNAUTHORIZED)
                        : err_set(err, ST_NOT_FOUND, "No projects found");
}

enum status langtrace__traces_ask(struct call *c, struct err *err)
{
    struct json body;
    struct page p;
    if (c->round > 0)
        return other_project(&c->deeds[0], err);
    if (call_json(c, &body, NULL) != ST_OK || !json_is_obj(body))
        return went_wrong(err);
    p.project = json_str(json_key(body, "projectId"));
    if (p.project.n == 0)
        return err_set(err, ST_INVALID, "projectId is required");
    if (!str_eq(p.project, c->caller->project_id)) {
        call_deed(c, DEED_PROJECT_GET)->project_id = p.project;
        c->again = true;
        return ST_OK;
    }
    enum status st = check_page(body, &p, err);
    if (st != ST_OK)
        return st;
    struct page *kept = arena_alloc(c->arena, sizeof *kept);
    *kept = p;
    c->state = kept;
    ask_page(c, kept);
    return ST_OK;
}

/* ---- one trace ------------------------------------------------------------------------------------------------------ */

static int by_time(int64_t x, int64_t y)
{
    return x < y ? -1 : x > y; /* TIME_NONE is the least: without a time comes first */
}

static int by_start(const void *x, const void *y)
{
    const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;
    int order = by_time(row_time(a, OBSERVATION_start_ns), row_time(b, OBSERVATION_start_ns));
    if (order == 0)
        order = by_time(row_time(a, OBSERVATION_end_ns), row_time(b, OBSERVATION_end_ns));
    return order ? order : str_cmp(a->id, b->id);
}

/* A trace with its spans in order, and what is said of the whole. */
struct shown {
    const struct row *trace;
    const struct row **spans;
    size_t n;
    int64_t start_ns, end_ns;
    bool failed;
};

static struct shown shown_of(struct arena *a, const struct row *t)
{
    struct shown s = { .trace = t, .n = t->n_observations, .start_ns = TIME_NONE, .end_ns = TIME_NONE };
    s.spans = arena_array(a, s.n + 1, sizeof(void *));
    for (size_t i = 0; i < s.n; i++) {
        const struct row *o = &t->observations[i];
        int64_t start = row_time(o, OBSERVATION_start_ns), end = row_time(o, OBSERVATION_end_ns);
        s.spans[i] = o;
        if (start != TIME_NONE && (s.start_ns == TIME_NONE || start < s.start_ns))
            s.start_ns = start;
        if (end != TIME_NONE && end > s.end_ns)
            s.end_ns = end;
        s.failed = s.failed || row_int(o, OBSERVATION_level, LEVEL_DEFAULT) == LEVEL_ERROR;
    }
    if (s.n > 1)
        qsort(s.spans, s.n, sizeof(void *), by_start);
    if (s.start_ns == TIME_NONE)
        s.start_ns = trace_start_ns(t);
    return s;
}

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

/* Of the first span whose parent is absent or unknown (9), else what another product called the trace. */
static struct str name_of(struct arena *a, const struct shown *s)
{
    struct str *ids = arena_array(a, s->n + 1, sizeof *ids);
    for (size_t i = 0; i < s->n; i++)
        ids[i] = s->spans[i]->id;
    if (s->n > 1)
        qsort(ids, s->n, sizeof *ids, by_text);
    for (size_t i = 0; i < s->n; i++) {
        struct str parent = row_text(s->spans[i], OBSERVATION_parent_id);
        struct str name = row_text(s->spans[i], OBSERVATION_name);
        if (name.n > 0 && (!parent.p || !bsearch(&parent, ids, s->n, sizeof *ids, by_text)))
            return name;
    }
    return trace_name(s->trace);
}

static void write_spans(struct jw *w, struct arena *a, const struct shown *s)
{
    jw_arr(w);
    for (size_t i = 0; i < s->n; i++)
        langtrace__write_span(w, a, s->spans[i], s->trace);
    jw_arr_end(w);
}

static void write_trace(struct jw *w, struct arena *a, const struct shown *s)
{
    jw_obj(w);
    jw_kv_str(w, "trace_id", s->trace->id);
    langtrace__kv_text(w, "name", name_of(a, s));
    langtrace__kv_time_us(w, "start_time", s->start_ns);
    langtrace__kv_time_us(w, "end_time", s->end_ns);
    langtrace__kv_duration(w, "duration", a, s->start_ns, s->end_ns);
    jw_kv_cstr(w, "status_code", s->failed ? "ERROR" : "OK");
    jw_key(w, "spans");
    write_spans(w, a, s);
    jw_obj_end(w);
}

/* ---- the page ------------------------------------------------------------------------------------------------------- */

static int by_end(const void *x, const void *y)
{
    const struct shown *a = x, *b = y;
    int order = by_time(b->end_ns, a->end_ns); /* the newest first */
    return order ? order : str_cmp(a->trace->id, b->trace->id);
}

static void write_metadata(struct jw *w, const struct page *p, int64_t total)
{
    int64_t pages = total > 0 ? (total + p->size - 1) / p->size : 1;
    jw_key(w, "metadata");
    jw_obj(w);
    jw_kv_i64(w, "page", p->page);
    jw_kv_i64(w, "page_size", p->size);
    jw_kv_i64(w, "total_pages", pages);
    jw_obj_end(w);
}

void langtrace__traces_reply(struct call *c, struct reply *r)
{
    const struct ask *ask = &c->asks[0];
    bool arrays = str_is(call_query(c, "format"), "arrays");
    struct shown *shown = arena_array(c->arena, ask->n + 1, sizeof *shown);
    struct jw w = jw_of(&r->body);
    for (size_t i = 0; i < ask->n; i++)
        shown[i] = shown_of(c->arena, &ask->rows[i]);
    if (ask->n > 1)
        qsort(shown, ask->n, sizeof *shown, by_end);
    jw_obj(&w);
    jw_key(&w, "traces");
    jw_obj(&w);
    jw_key(&w, "result");
    jw_arr(&w);
    for (size_t i = 0; i < ask->n; i++) {
        if (arrays)
            write_spans(&w, c->arena, &shown[i]);
        else
            write_trace(&w, c->arena, &shown[i]);
    }
    jw_arr_end(&w);
    write_metadata(&w, c->state, ask->total);
    jw_obj_end(&w);
    jw_obj_end(&w);
}
