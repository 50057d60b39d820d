/*
 * GET /v1/runs/export: the list of runs as a file (section 9).
 *
 *   jsonl    one Run a line; traces nest their children, threads add their messages
 *   csv      the same members as columns; objects and arrays as JSON text
 *   ojsonl   one {"messages": [...]} a line, as OpenAI's fine-tuning takes it; runs that hold no messages are left out
 *
 * An answer holds LLMONITOR_EXPORT_MAX runs at most and says so in a header when there are more; `page` goes on from there.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include <stdlib.h>

#define LLMONITOR_EXPORT_MAX 10000
/* Traces nest at most so deep in one answer; what lies deeper stands beside its ancestor. */
#define NEST_MAX             200

enum format { CSV, JSONL, OJSONL };

struct exporting {
    struct llmonitor_filters filters;
    enum format format;
    bool traces, threads;
    size_t rows, children; /* SIZE_MAX: not asked */
    struct llmonitor_extras extras;
    const struct row **by_parent; /* the children's rows, by (parent, start) */
    bool *written;                /* of the rows, by their place in the answer */
};

/* ---- questions ---- */

static enum status read_request(struct call *c, struct exporting *x, struct err *err)
{
    static const char *const formats[] = { "csv", "jsonl", "ojsonl" };
    struct str type = call_query(c, "type"), format = call_query(c, "exportFormat");
    x->traces = str_is(type, "trace");
    x->threads = str_is(type, "thread");
    if (!x->traces && !x->threads && !str_is(type, "llm"))
        return err_at(err, ST_UNPROCESSABLE, "type", "must be \"llm\", \"trace\" or \"thread\"");
    for (size_t i = 0; i < 3; i++)
        if (str_is(format, formats[i])) {
            x->format = (enum format)i;
            return ST_OK;
        }
    return err_at(err, ST_UNPROCESSABLE, "exportFormat", "must be \"csv\", \"jsonl\" or \"ojsonl\"");
}

static void ask_rows(struct call *c, struct exporting *x)
{
    struct ask *ask = call_find(c, x->threads ? SESSION : OBSERVATION);
    int64_t limit, page;
    x->rows = c->n_asks - 1;
    llmonitor__apply_filters(c, &x->filters, STR("llm"), &ask->query);
    llmonitor__read_order(c, &ask->query);
    if (x->threads)
        ask->query.order = BY_START;
    llmonitor__read_page(c, 50, &ask->query, &limit, &page);
    ask->query.limit = LLMONITOR_EXPORT_MAX;
    ask->query.offset = (size_t)page * LLMONITOR_EXPORT_MAX;
    ask->query.with = LLMONITOR_WITH_RUN;
}

/* Everything in the traces. */
static void ask_children(struct call *c, struct exporting *x)
{
    const struct ask *rows = &c->asks[x->rows];
    if (rows->n == 0 || !x->traces || x->format == OJSONL)
        return;
    struct ask *ask = call_find(c, OBSERVATION);
    rows = &c->asks[x->rows];
    x->children = c->n_asks - 1;
    ask->query.descending = false;
    ask->query.limit = LLMONITOR_TREE_MAX;
    ask->query.with = LLMONITOR_WITH_RUN;
    struct filter *f = query_add(c->arena, &ask->query, ON_SCOPE, IS_IN);
    for (size_t i = 0; i < rows->n; i++)
        filter_value(c->arena, f, rows->rows[i].scope);
}

enum status llmonitor__export_ask(struct call *c, struct err *err)
{
    struct exporting *x = c->state;
    if (!x) {
        c->state = x = arena_alloc(c->arena, sizeof(*x));
        x->rows = x->children = SIZE_MAX;
        x->extras = llmonitor__no_extras;
        enum status st = read_request(c, x, err);
        if (st != ST_OK)
            return st;
        c->again = true;
        if (llmonitor__read_filters(c, &x->filters))
            return ST_OK;
    }
    if (x->rows == SIZE_MAX) {
        ask_rows(c, x);
        c->again = true;
        return ST_OK;
    }
    (void)llmonitor__ask_extras(c, c->asks[x->rows].rows, c->asks[x->rows].n, &x->extras);
    ask_children(c, x);
    return ST_OK;
}

/* ---- children and messages ---- */

static int by_parent(const void *p, const void *q)
{
    const struct row *a = *(const struct row *const *)p, *b = *(const struct row *const *)q;
    int order = str_cmp(row_text(a, OBSERVATION_parent_id), row_text(b, OBSERVATION_parent_id));
    int64_t s = row_time(a, OBSERVATION_start_ns), t = row_time(b, OBSERVATION_start_ns);
    return order ? order : s != t ? (s < t ? -1 : 1) : str_cmp(a->id, b->id);
}

static void sort_children(struct call *c, struct exporting *x)
{
    const struct ask *ask = &c->asks[x->children];
    x->by_parent = arena_array(c->arena, ask->n + 1, sizeof(struct row *));
    x->written = arena_alloc(c->arena, ask->n + 1);
    for (size_t i = 0; i < ask->n; i++)
        x->by_parent[i] = &ask->rows[i];
    if (ask->n > 1)
        qsort(x->by_parent, ask->n, sizeof(struct row *), by_parent);
}

/* The first of the rows whose parent is `id`, as a place in by_parent. */
static size_t first_child(const struct call *c, const struct exporting *x, struct str id)
{
    size_t low = 0, high = c->asks[x->children].n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(row_text(x->by_parent[middle], OBSERVATION_parent_id), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void write_children_of(
    struct jw *w, struct call *c, struct exporting *x, const struct row *of, struct str id, unsigned depth)
{
    const struct ask *ask = &c->asks[x->children];
    for (size_t i = first_child(c, x, id); i < ask->n; i++) {
        const struct row *r = x->by_parent[i];
        if (!str_eq(row_text(r, OBSERVATION_parent_id), id))
            return;
        /* Ids are unique in a trace only; a cycle is written once. */
        if (x->written[r - ask->rows] || !str_eq(r->scope, of->scope) || str_eq(r->id, of->id))
            continue;
        x->written[r - ask->rows] = true;
        jw_obj(w);
        llmonitor__write_run_members(w, c, r, &x->extras, 0);
        jw_key(w, "children");
        jw_arr(w);
        if (depth < NEST_MAX)
            write_children_of(w, c, x, of, r->id, depth + 1);
        jw_arr_end(w);
        jw_obj_end(w);
        if (depth >= NEST_MAX)
            write_children_of(w, c, x, of, r->id, depth);
    }
}

/* A child of an exchange may name any of its messages. */
static void write_children(struct jw *w, struct call *c, struct exporting *x, const struct row *r)
{
    jw_key(w, "children");
    jw_arr(w);
    write_children_of(w, c, x, r, r->id, 1);
    for (size_t i = 0; i < r->n_aliases; i++)
        if (!str_eq(r->aliases[i], r->id))
            write_children_of(w, c, x, r, r->aliases[i], 1);
    jw_arr_end(w);
}

static void write_message(struct jw *w, struct call *c, const struct row *r)
{
    struct json message = llmonitor__parse(c->arena, row_text(r, MESSAGE_body)), v;
    struct str key;
    jw_obj(w);
    for (struct json_iter it = json_iter(message); json_next(&it, &key, &v);) {
        llmonitor__write_camel_key(w, key);
        llmonitor__write_camel(w, v);
    }
    llmonitor__write_time(w, "createdAt", row_time(r, MESSAGE_time_ns));
    jw_obj_end(w);
}

static void write_messages(struct jw *w, struct call *c, struct exporting *x, const struct row *thread)
{
    size_t n;
    const struct row *const *rows = llmonitor__with_key(c, &x->extras.messages, thread->id, &n);
    jw_key(w, "messages");
    jw_arr(w);
    for (size_t i = 0; i < n; i++)
        if (!str_is(row_text(rows[i], MESSAGE_role), "custom-event"))
            write_message(w, c, rows[i]);
    jw_arr_end(w);
}

/* ---- lines ---- */

static void write_run_line(struct buf *out, struct call *c, struct exporting *x, const struct row *r)
{
    struct jw w = jw_of(out);
    jw_obj(&w);
    llmonitor__write_run_members(&w, c, r, &x->extras, x->threads ? RUN_BRIEF : 0);
    if (x->children != SIZE_MAX)
        write_children(&w, c, x, r);
    if (x->threads)
        write_messages(&w, c, x, r);
    jw_obj_end(&w);
}

static const char *const columns[] = { "id", "projectId", "isPublic", "feedback", "parentFeedback",
    "feedbacks", "type", "name", "createdAt", "endedAt", "duration", "templateVersionId", "templateSlug",
    "cost", "tokens", "toxicity", "tags", "input", "output", "error", "status", "parentRunId", "siblingRunId",
    "params", "metadata", "user", "traceId", "scores", "firstMessage", "messagesCount", "children",
    "messages" };

static void add_cell(struct buf *out, struct str text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, text.p[i]);
    }
    buf_add_char(out, '"');
}

static void write_csv_head(struct buf *out)
{
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        if (i > 0)
            buf_add_char(out, ',');
        add_cell(out, str_of(columns[i]));
    }
    buf_add_char(out, '\n');
}

static void write_csv_line(struct buf *out, struct call *c, struct exporting *x, const struct row *r)
{
    struct buf text;
    buf_init(&text, 0);
    write_run_line(&text, c, x, r);
    struct json run = llmonitor__parse(c->arena, buf_str(&text));
    buf_fini(&text);
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        struct json v = json_key(run, columns[i]);
        if (i > 0)
            buf_add_char(out, ',');
        if (json_is_str(v))
            add_cell(out, json_str(v));
        else if (json_is_arr(v) || json_is_obj(v))
            add_cell(out, json_text(c->arena, v));
        else if (json_is_set(v))
            buf_add_str(out, json_text(c->arena, v));
    }
    buf_add_char(out, '\n');
}

/* ---- OpenAI's messages ---- */

static bool all_messages(struct json v)
{
    struct json m;
    if (!json_is_arr(v))
        return llmonitor__is_message(v);
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &m);)
        if (!llmonitor__is_message(m))
            return false;
    return json_size(v) > 0;
}

/* Roles and `text` in OpenAI's words, keys in snake case, no empty list of tool calls. */
static void write_openai_message(struct jw *w, struct json message)
{
    struct json content = llmonitor__content(message), v;
    struct str key, role = json_str(json_key(message, "role")), known = llmonitor__role(role);
    jw_obj(w);
    jw_kv_str(w, "role", known.p ? known : role);
    jw_key(w, "content");
    if (json_is_set(content))
        llmonitor__write_snake(w, content);
    else
        jw_cstr(w, "");
    for (struct json_iter it = json_iter(message); json_next(&it, &key, &v);) {
        bool done = str_is(key, "role") || str_is(key, "content") || str_is(key, "text");
        if (done || (llmonitor__key_is(key, "toolCalls") && json_is_arr(v) && json_size(v) == 0))
            continue;
        llmonitor__write_snake_key(w, key);
        llmonitor__write_snake(w, v);
    }
    jw_obj_end(w);
}

static void write_openai_messages(struct jw *w, struct json v)
{
    struct json m;
    if (!json_is_arr(v))
        write_openai_message(w, v);
    for (struct json_iter it = json_iter(v); json_is_arr(v) && json_next(&it, NULL, &m);)
        write_openai_message(w, m);
}

static void write_openai_line(struct buf *out, struct call *c, const struct row *r)
{
    struct json input =
        llmonitor__parse(c->arena, r->entity == OBSERVATION ? row_text(r, OBSERVATION_input) : STR_NONE);
    struct json output =
        llmonitor__parse(c->arena, r->entity == OBSERVATION ? row_text(r, OBSERVATION_output) : STR_NONE);
    if (!all_messages(input) || !all_messages(output))
        return;
    struct jw w = jw_of(out);
    jw_obj(&w);
    jw_key(&w, "messages");
    jw_arr(&w);
    write_openai_messages(&w, input);
    write_openai_messages(&w, output);
    jw_arr_end(&w);
    jw_obj_end(&w);
    buf_add_char(out, '\n');
}

/* ---- the file ---- */

void llmonitor__export_reply(struct call *c, struct reply *r)
{
    struct exporting *x = c->state;
    const struct ask *rows = &c->asks[x->rows];
    bool csv = x->format == CSV;
    r->content_type = csv ? "text/csv" : "application/jsonl";
    reply_header(r, STR("Content-Disposition"),
        csv ? STR("attachment; filename=\"export.csv\"") : STR("attachment; filename=\"export.jsonl\""));
    if (rows->more)
        reply_header(r, STR("X-Export-More"), STR("true"));
    if (x->children != SIZE_MAX)
        sort_children(c, x);
    if (csv)
        write_csv_head(&r->body);
    for (size_t i = 0; i < rows->n; i++) {
        if (x->format == OJSONL) {
            write_openai_line(&r->body, c, &rows->rows[i]);
        } else if (csv) {
            write_csv_line(&r->body, c, x, &rows->rows[i]);
        } else {
            write_run_line(&r->body, c, x, &rows->rows[i]);
            buf_add_char(&r->body, '\n');
        }
    }
}
