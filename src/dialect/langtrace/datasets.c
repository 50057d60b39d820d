/*
 * Datasets, their rows, and runs over them (langtrace.md 8), on the rows every product shares (dialect/datasets.h).
 *
 *   data row   entry {input, output, expected_output, model, note}, span_id
 *   run        record "langtrace_run"  name = taskId, parent = datasetId, body {run_id, task_id, description, wf_version, log}; the log of
 *              the evaluation is kept as the text it was sent as
 */
#include "dialect/langtrace/langtrace_priv.h"
#include "dialect/datasets.h"

#define PAGE_ROWS 500
#define DATAS_MAX 10000 /* rows of one request */
#define RUN_KIND  "langtrace_run"

/* ---- POST /api/dataset ----------------------------------------------------------------------------------------------- */

static enum status read_dataset(struct call *c, struct str *name, struct str *description, struct err *err)
{
    struct json body;
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = langtrace__check_home(c, body, err);
    if (st == ST_OK)
        st = langtrace__text(body, "name", name, err);
    if (st == ST_OK)
        st = langtrace__text(body, "description", description, err);
    if (st == ST_OK && name->n == 0)
        st = err_at(err, ST_INVALID, "name", "must be a text that is not empty");
    return st;
}

/* The columns a row of ours can have, for products that show a dataset as a table. */
#define COLUMN_TYPES                                                                               \
    "[{\"name\":\"input\",\"type\":\"string\"},{\"name\":\"output\",\"type\":\"string\"},"         \
    "{\"name\":\"expected_output\",\"type\":\"string\"},{\"name\":\"model\",\"type\":\"string\"}," \
    "{\"name\":\"note\",\"type\":\"string\"}]"

enum status langtrace__new_dataset_write(struct call *c, struct batch *b, struct err *err)
{
    struct str name, description, id = records_new_id(c, DATASETS_KIND, 0);
    enum status st = read_dataset(c, &name, &description, err);
    if (st != ST_OK)
        return st;
    const struct record_member members[] = { { "name", records_quoted(c->arena, name) },
        { "description", records_quoted(c->arena, description) }, { "column_types", STR(COLUMN_TYPES) } };
    datasets_put(c, b, NULL, id, datasets_slug(c->arena, name), members, sizeof members / sizeof *members);
    (void)datasets_ask_one(c, id);
    return ST_OK;
}

void langtrace__new_dataset_reply(struct call *c, struct reply *r)
{
    struct dataset d = datasets_view(c->arena, ask_row(c, c->n_asks - 1));
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "dataset");
    jw_obj(&w);
    jw_kv_str(&w, "id", d.id);
    langtrace__kv_text(&w, "name", d.name);
    langtrace__kv_text(&w, "description", d.description);
    jw_kv_str(&w, "projectId", c->caller->project_id);
    langtrace__kv_time(&w, "createdAt", d.created_ns);
    langtrace__kv_time(&w, "updatedAt", d.updated_ns);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

/* ---- POST /api/data -------------------------------------------------------------------------------------------------- */

static const struct data_text {
    const char *sent, *column;
} data_texts[] = { { "input", "input" }, { "output", "output" }, { "expectedOutput", "expected_output" },
    { "model", "model" }, { "note", "note" } };
enum { N_DATA_TEXTS = sizeof data_texts / sizeof *data_texts };

/* Missing texts become "". */
static enum status entry_of(struct arena *a, struct json data, struct str *out, struct err *err)
{
    struct record_member members[N_DATA_TEXTS];
    for (size_t i = 0; i < N_DATA_TEXTS; i++) {
        struct str text;
        enum status st = langtrace__text(data, data_texts[i].sent, &text, err);
        if (st != ST_OK)
            return st;
        members[i] =
            (struct record_member){ data_texts[i].column, records_quoted(a, text.p ? text : STR("")) };
    }
    *out = records_body_with(a, JSON_NONE, members, N_DATA_TEXTS);
    return ST_OK;
}

static enum status put_data(
    struct call *c, struct batch *b, struct str dataset, struct json data, size_t place, struct err *err)
{
    struct str entry, span = STR_NONE;
    if (!json_is_obj(data))
        return err_at(err, ST_INVALID, "", "must be an object, got %s", json_type_name(json_type(data)));
    enum status st = entry_of(c->arena, data, &entry, err);
    if (st == ST_OK)
        st = langtrace__text(data, "spanId", &span, err);
    if (st != ST_OK)
        return st;
    const struct record_member members[] = { { "entry", entry },
        { "span_id", records_quoted(c->arena, langtrace__span_id(c->arena, span)) } };
    datasets_put_item(c, b, NULL, records_new_id(c, DATASETS_ITEM_KIND, place), dataset, place, members, 2);
    return ST_OK;
}

static enum status read_data(struct call *c, struct str *dataset, struct json *datas, struct err *err)
{
    struct json body;
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = langtrace__text(body, "datasetId", dataset, err);
    if (st == ST_OK && dataset->n == 0)
        st = err_set(err, ST_INVALID, "datasetId is required");
    *datas = json_key(body, "datas");
    if (st == ST_OK && !json_is_arr(*datas))
        st = err_at(
            err, ST_INVALID, "datas", "must be an array of rows, got %s", json_type_name(json_type(*datas)));
    if (st == ST_OK && json_size(*datas) > DATAS_MAX)
        st = err_at(err, ST_TOO_LARGE, "datas",
            "has %zu rows, a request at most %d: send the rest in another", json_size(*datas), DATAS_MAX);
    return st;
}

enum status langtrace__data_ask(struct call *c, struct err *err)
{
    struct str dataset;
    struct json datas;
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "No datasets found");
    enum status st = read_data(c, &dataset, &datas, err);
    if (st != ST_OK)
        return st;
    (void)datasets_ask_one(c, dataset);
    c->again = true;
    return ST_OK;
}

enum status langtrace__data_write(struct call *c, struct batch *b, struct err *err)
{
    struct str dataset;
    struct json datas, data;
    size_t place = 0;
    enum status st = read_data(c, &dataset, &datas, err);
    for (struct json_iter it = json_iter(datas); st == ST_OK && json_next(&it, NULL, &data); place++) {
        st = put_data(c, b, dataset, data, place, err);
        if (st != ST_OK)
            err_under(err, arena_cstr(c->arena, arena_printf(c->arena, "datas[%zu]", place)));
    }
    return st;
}

void langtrace__data_reply(struct call *c, struct reply *r)
{
    struct json body;
    struct jw w = jw_of(&r->body);
    int64_t n = call_json(c, &body, NULL) == ST_OK ? (int64_t)json_size(json_key(body, "datas")) : 0;
    jw_obj(&w);
    jw_key(&w, "data");
    jw_obj(&w);
    jw_kv_i64(&w, "count", n);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

/* ---- GET /api/dataset/download --------------------------------------------------------------------------------------- */

static bool page_of(const struct call *c, int64_t *page)
{
    struct str text = call_query(c, "page");
    *page = 1;
    return text.n == 0 || (str_to_i64(text, page) && *page >= 1 && *page <= INT64_MAX / PAGE_ROWS);
}

enum status langtrace__download_ask(struct call *c, struct err *err)
{
    struct str id = call_query(c, "id");
    int64_t page;
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "No datasets found");
    if (id.n == 0)
        return err_set(err, ST_NOT_FOUND, "No dataset id provided");
    if (!page_of(c, &page))
        return err_at(err, ST_INVALID, "page", "must be a whole number from 1");
    (void)datasets_ask_one(c, id);
    struct ask *items = datasets_ask_items(c, id);
    items->query.descending = true;
    items->query.limit = PAGE_ROWS;
    items->query.offset = (size_t)(page - 1) * PAGE_ROWS;
    c->again = true;
    return ST_OK;
}

/* A field of RFC 4180: quotes doubled. */
static void add_field(struct buf *out, struct str s, const char *end)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, s.p[i]);
    }
    buf_add_cstr(out, "\"");
    buf_add_cstr(out, end);
}

static void add_row(struct buf *out, struct arena *a, const struct row *row)
{
    struct dataset_item item = datasets_view_item(a, row);
    for (size_t i = 0; i < N_DATA_TEXTS; i++)
        add_field(out, datasets_text(a, &item, data_texts[i].column), i + 1 < N_DATA_TEXTS ? "," : "\n");
}

/* "<name>_<YYYYMMDDTHHMMSS>.csv". What a header cannot hold is a '_'. */
static struct str file_name(const struct call *c, struct str name)
{
    char iso[32];
    struct buf out;
    struct str time = time_format_iso_ms(c->now_ns, iso);
    buf_init(&out, 0);
    for (size_t i = 0; i < name.n; i++) {
        unsigned char ch = (unsigned char)name.p[i];
        bool plain = ch >= ' ' && ch < 127 && ch != '"' && ch != '\\' && ch != '/';
        buf_add_char(&out, plain ? (char)ch : '_');
    }
    buf_add_char(&out, '_');
    for (size_t i = 0; i < 19; i++)
        if (time.p[i] != '-' && time.p[i] != ':')
            buf_add_char(&out, time.p[i]);
    buf_add_cstr(&out, ".csv");
    return langtrace__taken(c->arena, &out);
}

void langtrace__download_reply(struct call *c, struct reply *r)
{
    struct dataset d = datasets_view(c->arena, ask_row(c, 0));
    const struct ask *items = &c->asks[1];
    r->content_type = "text/csv";
    reply_header(r, STR("Content-Disposition"),
        arena_printf(c->arena, "attachment; filename=\"%.*s\"", STR_ARG(file_name(c, d.name))));
    buf_add_cstr(&r->body, "\"input\",\"target\",\"expected_output\",\"model\",\"note\"\n");
    for (size_t i = 0; i < items->n; i++)
        add_row(&r->body, c->arena, &items->rows[i]);
}

/* ---- POST /api/run --------------------------------------------------------------------------------------------------- */

struct run {
    struct str run_id, task_id, log, dataset, description;
    struct json version;
};

static enum status read_run(struct call *c, struct run *out, struct err *err)
{
    struct json body, log;
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = langtrace__text(body, "runId", &out->run_id, err);
    if (st == ST_OK)
        st = langtrace__text(body, "taskId", &out->task_id, err);
    if (st == ST_OK)
        st = langtrace__text(body, "datasetId", &out->dataset, err);
    if (st == ST_OK)
        st = langtrace__text(body, "description", &out->description, err);
    if (st != ST_OK)
        return st;
    if (out->run_id.n == 0 || !str_is_id(out->run_id) || out->task_id.n == 0)
        return err_set(err, ST_INVALID, "runId and taskId are required: texts of 1 to 800 bytes");
    log = json_key(body, "log");
    out->log = json_is_str(log) ? json_str(log) : json_text(c->arena, log);
    if (!json_is_set(log))
        return err_set(err, ST_INVALID, "log is required: the JSON text of the evaluation");
    if (!json_is_set(langtrace__parsed(c->arena, out->log)))
        return err_at(err, ST_INVALID, "log", "must be JSON text");
    out->version = json_key(body, "wfVersion");
    return ST_OK;
}

enum status langtrace__run_write(struct call *c, struct batch *b, struct err *err)
{
    struct run run;
    enum status st = read_run(c, &run, err);
    if (st != ST_OK)
        return st;
    const struct record_member members[] = { { "run_id", records_quoted(c->arena, run.run_id) },
        { "task_id", records_quoted(c->arena, run.task_id) },
        { "description", records_quoted(c->arena, run.description) },
        { "wf_version", json_is_set(run.version) ? json_text(c->arena, run.version) : STR_NONE },
        { "log", records_quoted(c->arena, run.log) } };
    struct event *e = records_put(c, b, RUN_KIND, run.run_id);
    event_set_text(e, RECORD_name, run.task_id);
    if (run.dataset.n > 0 && str_is_id(run.dataset))
        event_set_text(e, RECORD_parent_id, run.dataset);
    event_set_int(e, RECORD_time_ns, c->now_ns);
    event_set_json(
        e, RECORD_body, records_body_with(c->arena, JSON_NONE, members, sizeof members / sizeof *members));
    (void)records_get(c, RUN_KIND, run.run_id);
    return ST_OK;
}

static void write_member(struct jw *w, const char *key, struct json v)
{
    jw_key(w, key);
    if (json_is_set(v))
        jw_value(w, v);
    else
        jw_null(w);
}

void langtrace__run_reply(struct call *c, struct reply *r)
{
    const struct row *row = ask_row(c, c->n_asks - 1);
    struct json body = records_body(c->arena, row);
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "run");
    jw_obj(&w);
    jw_kv_str(&w, "id", row->id);
    jw_kv_str(&w, "projectId", c->caller->project_id);
    jw_kv_str(&w, "datasetId", row_text(row, RECORD_parent_id));
    write_member(&w, "runId", json_key(body, "run_id"));
    write_member(&w, "taskId", json_key(body, "task_id"));
    write_member(&w, "description", json_key(body, "description"));
    write_member(&w, "wfVersion", json_key(body, "wf_version"));
    write_member(&w, "log", json_key(body, "log"));
    langtrace__kv_time(&w, "createdAt", records_time(row));
    langtrace__kv_time(&w, "updatedAt", row->updated_ns);
    jw_obj_end(&w);
    jw_obj_end(&w);
}
