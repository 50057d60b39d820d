/*
 * Questions: a search body becomes one query over traces (langwatch.md 5.1, 5.5); single traces, threads and shares ask for theirs.
 *
 *   round 0   the page
 *   round 1   per trace of the page the span that failed first and the last rag span, whole: an error's stack trace and the contexts
 *             are payload, and loading that of every span for two of them would cost a page its speed
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

#define PAGE_DEFAULT    1000
#define QUERY_CHARS_MIN 3
#define PREFIX_MIN      8
#define PREFIX_DAYS     90
#define CANDIDATES_MAX  5

static const char *const legacy_keys[] = { "startDate", "endDate", "query", "filters", "pageSize", "scrollId",
    "sortDirection", "sortBy", "groupBy", "traceIds", "negateFilters", "updatedAt", "pageOffset", "format",
    "llmMode", NULL };
static const char *const formats[] = { "json", "digest", NULL };
static const char *const date_fields[] = { "occurred", "updated", NULL };
static const char *const roots[] = { "traces", NULL };

struct asking {
    struct call *c;
    struct arena *a;
    struct issues *is;
    struct json body;
    struct search *s;
    struct query *q;
};

static struct json member(const struct asking *x, const char *key)
{
    return json_key(x->body, key);
}

/* An optional member: there and of the right type? Zod refuses null for what is merely optional. */
static bool given(
    struct asking *x, const char *key, bool (*check)(struct issues *, const struct at *, struct json, bool))
{
    struct json v = member(x, key);
    return json_type(v) != JSON_ABSENT && check(x->is, AT_KEY(NULL, str_of(key)), v, false);
}

static int given_word(struct asking *x, const char *key, const char *const *words, int otherwise)
{
    struct json v = member(x, key);
    if (json_type(v) == JSON_ABSENT)
        return otherwise;
    int word = langwatch__word(words, json_str(v));
    if (word < 0)
        langwatch__issue_enum(x->is, AT_KEY(NULL, str_of(key)), words, v);
    return word < 0 ? otherwise : word;
}

/* ---- the window ----------------------------------------------------------------------------------------------------- */

/* Epoch milliseconds, or a date as text, to a whole millisecond in ns. */
static int64_t date_of(struct asking *x, const char *key, int64_t otherwise)
{
    struct json v = member(x, key);
    const struct at *at = AT_KEY(NULL, str_of(key));
    double ms;
    int64_t ns;
    if (json_type(v) == JSON_ABSENT)
        return otherwise;
    if (json_is_str(v)) {
        if (time_parse_iso(str_trim(json_str(v)), &ns))
            return time_ms(ns) * NS_PER_MS;
        langwatch__issue(x->is, at, "custom", arena_printf(x->a, "Invalid date format for %s", key));
        return otherwise;
    }
    if (!langwatch__is_number(x->is, at, v, false) || !json_f64(v, &ms))
        return otherwise;
    int64_t limit = INT64_MAX / NS_PER_MS - 1;
    return (ms <= (double)-limit ? -limit : ms >= (double)limit ? limit : (int64_t)ms) * NS_PER_MS;
}

/* Both ends belong to the window, the end to its last nanosecond. */
static void read_window(struct asking *x)
{
    int64_t start = date_of(x, "startDate", 0);
    int64_t end = date_of(x, "endDate", time_ms(x->c->now_ns) * NS_PER_MS);
    if (x->s->by_updated && end > x->c->now_ns)
        end = time_ms(x->c->now_ns) * NS_PER_MS;
    x->s->through_ns = end;
    struct filter *f = query_add(x->a, x->q, x->s->by_updated ? ON_UPDATED : ON_START, IS_BETWEEN);
    f->low_ns = start;
    f->high_ns = end + NS_PER_MS - 1;
}

/* ---- what to find --------------------------------------------------------------------------------------------------- */

static void read_query(struct asking *x)
{
    struct str text = json_str(member(x, "query"));
    if (given(x, "query", langwatch__is_text) && langwatch__characters(text) >= QUERY_CHARS_MIN)
        filter_value(x->a, query_add(x->a, x->q, ON_TEXT, CONTAINS), text);
}

static void read_filters(struct asking *x)
{
    bool negate = given(x, "negateFilters", langwatch__is_boolean) && json_bool(member(x, "negateFilters"));
    if (!given(x, "filters", langwatch__is_object))
        return;
    struct filter all = { .subject = ON_ALL, .low_ns = TIME_NONE, .high_ns = TIME_NONE };
    langwatch__filters(x->is, AT(NULL, "filters"), member(x, "filters"), x->a, &all);
    all.negate = negate;
    if (negate && all.n_children > 0)
        *query_add(x->a, x->q, ON_ALL, IS_IN) = all;
    for (size_t i = 0; !negate && i < all.n_children; i++)
        *query_add(x->a, x->q, ON_ALL, IS_IN) = all.children[i];
}

static void read_trace_ids(struct asking *x)
{
    struct json ids = member(x, "traceIds"), id;
    if (!given(x, "traceIds", langwatch__is_texts) || json_size(ids) == 0)
        return;
    struct filter *f = query_add(x->a, x->q, ON_ID, IS_IN);
    for (struct json_iter it = json_iter(ids); json_next(&it, NULL, &id);)
        filter_value(x->a, f, json_str(id));
}

/* ---- order and page ------------------------------------------------------------------------------------------------- */

static void read_order(struct asking *x)
{
    struct str by = given(x, "sortBy", langwatch__is_text) ? json_str(member(x, "sortBy")) : STR_NONE;
    bool directed = given(x, "sortDirection", langwatch__is_text);
    x->q->descending = !directed || !str_is(json_str(member(x, "sortDirection")), "asc");
    x->q->order = x->s->by_updated ? BY_UPDATED : BY_START;
    struct str metrics = STR("metrics."), evaluations = STR("evaluations.");
    if (str_starts(by, metrics) && by.n > metrics.n) {
        x->q->order = BY_METRIC;
        x->q->order_key = str_sub(by, metrics.n, SIZE_MAX);
    } else if (str_starts(by, evaluations) && by.n > evaluations.n) {
        x->q->order = BY_SCORE;
        x->q->order_key = str_sub(by, evaluations.n, SIZE_MAX);
    }
    struct str group = given(x, "groupBy", langwatch__is_text) ? json_str(member(x, "groupBy")) : STR_NONE;
    x->s->group = str_is(group, "user_id")     ? GROUP_USER
                  : str_is(group, "thread_id") ? GROUP_THREAD
                                               : GROUP_NONE;
}

static void read_page_size(struct asking *x)
{
    struct json size = member(x, "pageSize");
    const struct at *at = AT(NULL, "pageSize");
    int64_t n = PAGE_DEFAULT;
    double huge;
    if (given(x, "pageSize", langwatch__is_number) && !json_i64(size, &n)) {
        if (!json_f64(size, &huge) || huge < 9e18)
            langwatch__issue(x->is, at, "invalid_type", STR("Expected integer, received float"));
        n = LANGWATCH_PAGE_MAX;
    }
    if (n <= 0)
        langwatch__issue(x->is, at, "too_small", STR("Number must be greater than 0"));
    x->q->limit = n < 1 ? 1 : n > LANGWATCH_PAGE_MAX ? LANGWATCH_PAGE_MAX : (size_t)n;
}

static void read_page(struct asking *x)
{
    double offset;
    read_page_size(x);
    if (given(x, "pageOffset", langwatch__is_number) && json_f64(member(x, "pageOffset"), &offset) &&
        offset != 0)
        langwatch__issue(x->is, AT(NULL, "pageOffset"), "custom",
            STR("pageOffset is no longer supported \xE2\x80\x94 offset pagination was removed. Use the scrollId returned by the previous "
                "response to fetch the next page."));
    given(x, "updatedAt", langwatch__is_number);
}

static void read_shape(struct asking *x)
{
    struct search *s = x->s;
    s->llm_mode = given(x, "llmMode", langwatch__is_boolean) && json_bool(member(x, "llmMode"));
    s->format = given_word(x, "format", formats, s->llm_mode ? FORMAT_DIGEST : FORMAT_JSON);
    if (!s->newer)
        return;
    s->spans = given(x, "includeSpans", langwatch__is_boolean) && json_bool(member(x, "includeSpans"));
    s->by_updated = given_word(x, "dateField", date_fields, 0) == 1;
    given_word(x, "from", roots, 0);
    if (json_type(member(x, "select")) != JSON_ABSENT)
        langwatch__check_select(x->is, AT(NULL, "select"), member(x, "select"), s);
}

/* Where the walk goes on. Digits alone are an example of the public page, never ours: the first page. A walk over updates carries the
 * bound it began with: "<ms>.<cursor>". */
static bool read_cursor(struct asking *x)
{
    struct json v = member(x, "scrollId");
    struct str text = json_str(v), bound;
    int64_t ms;
    if (!langwatch__is_text(x->is, AT(NULL, "scrollId"), v, true) || text.n == 0)
        return true;
    bool digits = true;
    for (size_t i = 0; i < text.n; i++)
        digits = digits && text.p[i] >= '0' && text.p[i] <= '9';
    if (digits)
        return true;
    if (x->s->by_updated) {
        if (!str_cut(&text, '.', &bound) || !text.p || !str_to_i64(bound, &ms) || ms < 0 ||
            ms > INT64_C(9200000000000))
            return false;
        x->s->through_ns = ms * NS_PER_MS;
        x->q->filters[0].high_ns = x->s->through_ns + NS_PER_MS - 1;
    }
    return cursor_decode(x->a, x->q, text, &x->q->after, NULL) == ST_OK;
}

/* ---- search --------------------------------------------------------------------------------------------------------- */

static unsigned page_needs(const struct search *s)
{
    unsigned with = WITH_PAYLOAD | WITH_TEXTS | WITH_OBSERVATIONS | WITH_SCORES | WITH_TOTAL;
    if (s->spans)
        with |= WITH_OBSERVATION_PAYLOAD | WITH_RECORDS;
    if (s->n_select > 0)
        with |= WITH_RECORDS;
    return with;
}

static enum status read_search(struct call *c, struct search *s, struct query *q, struct err *err)
{
    struct issues is = { .arena = c->arena };
    struct asking x = { .c = c, .a = c->arena, .is = &is, .s = s, .q = q };
    enum status st = call_json(c, &x.body, err);
    if (st == ST_TOO_LARGE)
        return st;
    if (st != ST_OK)
        return s->newer ? langwatch__fail_malformed(c, err)
                        : langwatch__fail_error(c, err, ST_INVALID, STR("Invalid body"));
    if (langwatch__is_object(&is, NULL, x.body, false)) {
        if (!s->newer)
            langwatch__issue_keys(&is, NULL, legacy_keys, x.body);
        read_shape(&x);
        read_window(&x);
        read_query(&x);
        read_filters(&x);
        read_trace_ids(&x);
        read_order(&x);
        read_page(&x);
    }
    bool scrolled = is.n > 0 || read_cursor(&x);
    if (is.n > 0)
        return s->newer ? langwatch__fail_newer(c, err, &is) : langwatch__fail_issues(c, err, &is, STR_NONE);
    return scrolled ? ST_OK : langwatch__fail_error(c, err, ST_INVALID, STR("Invalid scrollId"));
}

/* Whole spans that the page needs beside its traces. */
static void ask_details(struct call *c, struct langwatch_state *s)
{
    size_t n = c->asks[0].n;
    bool objects = !langwatch__view(c).error_as_text;
    s->errors_ask = arena_array(c->arena, n + 1, sizeof *s->errors_ask);
    s->contexts_ask = arena_array(c->arena, n + 1, sizeof *s->contexts_ask);
    for (size_t i = 0; i < n; i++) {
        const struct row *failing = langwatch__first_failing(c->arena, &c->asks[0].rows[i]);
        const struct row *rag = langwatch__last_rag(&c->asks[0].rows[i]);
        if (failing && objects) {
            call_get(c, OBSERVATION, failing->scope, failing->id, WITH_PAYLOAD);
            s->errors_ask[i] = c->n_asks;
        }
        if (rag && s->search->n_select == 0) {
            call_get(c, OBSERVATION, rag->scope, rag->id, WITH_PAYLOAD);
            s->contexts_ask[i] = c->n_asks;
        }
    }
}

enum status langwatch_search_ask(struct call *c, struct err *err)
{
    struct langwatch_state *s = langwatch__state(c);
    if (c->round > 0) {
        ask_details(c, s);
        return ST_OK;
    }
    s->search = arena_alloc(c->arena, sizeof *s->search);
    s->search->newer = str_starts(c->path, STR("/api/traces/"));
    struct ask *ask = call_find(c, TRACE);
    enum status st = read_search(c, s->search, &ask->query, err);
    if (st != ST_OK)
        return st;
    ask->query.with = page_needs(s->search);
    c->again = !s->search->spans && s->search->format == FORMAT_JSON;
    return ST_OK;
}

/* ---- one trace ------------------------------------------------------------------------------------------------------ */

static bool is_prefix(struct str id)
{
    if (id.n < PREFIX_MIN || id.n > 31)
        return false;
    for (size_t i = 0; i < id.n; i++)
        if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f') ||
                (id.p[i] >= 'A' && id.p[i] <= 'F')))
            return false;
    return true;
}

static struct str lower(struct arena *a, struct str id)
{
    struct str copy = arena_dup(a, id);
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; i < copy.n; i++)
        if (p[i] >= 'A' && p[i] <= 'F')
            p[i] = (char)(p[i] + 32);
    return copy;
}

/* The id may be the start of a longer one, or one whose leading zeros were lost. */
static void ask_for_prefix(struct call *c, struct langwatch_state *s)
{
    struct str id = lower(c->arena, c->params[0]), zeros = STR("00000000000000000000000000000000");
    struct ask *ask = call_find(c, TRACE);
    struct query *q = &ask->query;
    struct filter *f = query_add(c->arena, q, ON_ID, STARTS_WITH);
    filter_value(c->arena, f, id);
    f = query_add(c->arena, q, ON_START, IS_ABOVE);
    f->low_ns = c->now_ns - PREFIX_DAYS * 24 * 3600 * NS_PER_S;
    q->limit = CANDIDATES_MAX;
    q->order = BY_ID;
    q->descending = false;
    call_get(c, TRACE, STR_NONE, arena_printf(c->arena, "%.*s%.*s", (int)(32 - id.n), zeros.p, STR_ARG(id)),
        WITH_FULL);
    s->trace_ask = c->n_asks - 1;
    c->again = true;
}

static void ask_for_found(struct call *c, struct langwatch_state *s)
{
    const struct ask *found = &c->asks[1];
    if (found->n != 1)
        return;
    call_get(c, TRACE, STR_NONE, found->rows[0].id, WITH_FULL);
    s->trace_ask = c->n_asks - 1;
}

enum status langwatch_trace_ask(struct call *c, struct err *err)
{
    struct langwatch_state *s = langwatch__state(c);
    (void)err;
    if (c->round == 0) {
        call_get(c, TRACE, STR_NONE, c->params[0], WITH_FULL);
        c->again = true;
    } else if (c->round == 1 && !ask_row(c, 0) && is_prefix(c->params[0]))
        ask_for_prefix(c, s);
    else if (c->round == 2 && !ask_row(c, s->trace_ask))
        ask_for_found(c, s);
    return ST_OK;
}

/* ---- a thread, and shares ------------------------------------------------------------------------------------------- */

enum status langwatch_thread_ask(struct call *c, struct err *err)
{
    (void)err;
    struct ask *ask = call_find(c, TRACE);
    struct filter *f = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
    f->column = TRACE_session_id;
    filter_value(c->arena, f, c->params[0]);
    ask->query.order = BY_START;
    ask->query.descending = false;
    ask->query.limit = LANGWATCH_PAGE_MAX;
    ask->query.with = WITH_FULL;
    return ST_OK;
}

enum status langwatch_share_ask(struct call *c, struct err *err)
{
    (void)err;
    struct ask *ask = call_find(c, RECORD);
    filter_value(c->arena, query_add(c->arena, &ask->query, ON_SCOPE, IS_IN), STR("share"));
    struct filter *f = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
    f->column = RECORD_trace_id;
    filter_value(c->arena, f, c->params[0]);
    ask->query.order = BY_CREATED;
    ask->query.limit = LANGWATCH_PAGE_MAX;
    return ST_OK;
}
