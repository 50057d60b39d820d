/*
 * Datasets (section 9): LangWatch's words for the rows of dialect/datasets.h. A dataset is asked for by its slug or its id; its rows are
 * "records" here. Columns, when a dataset names them, are the only ones its rows may have.
 */
#include "dialect/langwatch/rest_priv.h"

#include <stdlib.h>

#define ENTRIES_MAX 1000 /* rows of one request */
#define PAGE_MAX    1000

static const char *const column_types[] = { "string", "boolean", "number", "date", "list", "json", "spans",
    "rag_contexts", "chat_messages", "annotations", "evaluations", "image", NULL };

/* ---- which dataset -------------------------------------------------------------------------------------------------- */

static const struct row *found(const struct call *c)
{
    return ask_row(c, 0) ? ask_row(c, 0) : ask_row(c, 1);
}

static enum status not_found(struct call *c, struct err *err)
{
    return langwatch__fail_code(c, err, ST_NOT_FOUND, "not_found", STR("Dataset not found"));
}

/* Round 0: by id and by slug. Round 1: 404 when there is none. */
static enum status find(struct call *c, struct err *err)
{
    if (c->round > 0)
        return found(c) ? ST_OK : not_found(c, err);
    (void)datasets_ask_one(c, c->params[0]);
    (void)datasets_ask_slug(c, c->params[0]);
    c->again = true;
    return ST_OK;
}

enum { AFTER_DATASET = 2 }; /* place of the first question behind those */

/* ---- pages ---------------------------------------------------------------------------------------------------------- */

struct page {
    int64_t page, limit;
};

static enum status read_page(struct call *c, struct page *p, struct err *err)
{
    struct issues is = { .arena = c->arena };
    if (!langwatch__query_number(c, "page", 1, 1, INT64_C(1) << 40, &p->page))
        langwatch__issue(&is, AT(NULL, "page"), "too_small", STR("must be a whole number from 1"));
    if (!langwatch__query_number(c, "limit", 50, 1, PAGE_MAX, &p->limit))
        langwatch__issue(&is, AT(NULL, "limit"), "too_big",
            arena_printf(c->arena, "must be a whole number from 1 to %d", PAGE_MAX));
    return is.n > 0 ? langwatch__fail_newer(c, err, &is) : ST_OK;
}

static void ask_page(struct ask *ask, const struct page *p)
{
    ask->query.limit = (size_t)p->limit;
    ask->query.offset = (size_t)((p->page - 1) * p->limit);
    ask->query.with |= WITH_TOTAL;
}

static void write_pagination(struct jw *w, const struct page *p, int64_t total)
{
    jw_key(w, "pagination");
    jw_obj(w);
    jw_kv_i64(w, "page", p->page);
    jw_kv_i64(w, "limit", p->limit);
    jw_kv_i64(w, "total", total);
    jw_kv_i64(w, "totalPages", (total + p->limit - 1) / p->limit);
    jw_obj_end(w);
}

/* ---- answers -------------------------------------------------------------------------------------------------------- */

static void write_members(struct jw *w, struct call *c, const struct row *row)
{
    struct dataset d = datasets_view(c->arena, row);
    struct json types = json_key(d.body, "column_types");
    jw_kv_str(w, "id", d.id);
    jw_kv_str(w, "name", d.name);
    jw_kv_str(w, "slug", d.slug);
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_key(w, "columnTypes");
    if (json_is_arr(types))
        jw_value(w, types);
    else
        jw_raw(w, STR("[]"));
    langwatch__kv_time(w, "createdAt", d.created_ns);
    langwatch__kv_time(w, "updatedAt", d.updated_ns);
}

static void write_record(struct jw *w, struct call *c, const struct row *row)
{
    struct dataset_item item = datasets_view_item(c->arena, row);
    jw_obj(w);
    jw_kv_str(w, "id", item.id);
    jw_kv_str(w, "datasetId", item.dataset_id);
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_key(w, "entry");
    if (json_is_obj(item.entry))
        jw_value(w, item.entry);
    else
        jw_raw(w, STR("{}"));
    langwatch__kv_time(w, "createdAt", item.created_ns);
    langwatch__kv_time(w, "updatedAt", item.updated_ns);
    jw_obj_end(w);
}

static void write_records(struct jw *w, struct call *c, const struct ask *items)
{
    jw_key(w, "data");
    jw_arr(w);
    for (size_t i = 0; i < items->n; i++)
        write_record(w, c, &items->rows[i]);
    jw_arr_end(w);
}

/* ---- GET /api/dataset ----------------------------------------------------------------------------------------------- */

enum status langwatch_datasets_ask(struct call *c, struct err *err)
{
    struct page *p = langwatch__state(c)->more;
    if (c->round == 0) {
        p = langwatch__state(c)->more = arena_alloc(c->arena, sizeof(*p));
        enum status st = read_page(c, p, err);
        if (st != ST_OK)
            return st;
        struct ask *ask = datasets_ask(c);
        ask->query.descending = true;
        ask_page(ask, p);
        c->again = true;
        return ST_OK;
    }
    for (size_t i = 0, n = c->asks[0].n; i < n && c->round == 1; i++) {
        struct ask *count = datasets_ask_items(c, c->asks[0].rows[i].id);
        count->query.limit = 0;
        count->query.with = WITH_TOTAL;
    }
    return ST_OK;
}

void langwatch_datasets_reply(struct call *c, struct reply *r)
{
    const struct ask *datasets = &c->asks[0];
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "data");
    jw_arr(&w);
    for (size_t i = 0; i < datasets->n; i++) {
        jw_obj(&w);
        write_members(&w, c, &datasets->rows[i]);
        jw_kv_i64(&w, "recordCount", c->asks[1 + i].total);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    write_pagination(&w, langwatch__state(c)->more, datasets->total);
    jw_obj_end(&w);
}

/* ---- POST /api/dataset, PATCH /api/dataset/{slugOrId} ---------------------------------------------------------------- */

static void check_columns(struct issues *is, struct json types)
{
    const struct at *at = AT(NULL, "columnTypes");
    struct json type;
    size_t i = 0;
    if (!langwatch__is_array(is, at, types, true))
        return;
    for (struct json_iter it = json_iter(types); json_next(&it, NULL, &type); i++) {
        const struct at *one = AT_INDEX(at, i);
        if (!langwatch__is_object(is, one, type, false))
            continue;
        langwatch__is_text(is, AT(one, "name"), json_key(type, "name"), false);
        if (langwatch__word(column_types, json_str(json_key(type, "type"))) < 0)
            langwatch__issue_enum(is, AT(one, "type"), column_types, json_key(type, "type"));
    }
}

static void check_new(struct issues *is, struct json body)
{
    langwatch__is_filled(is, AT(NULL, "name"), json_key(body, "name"), false);
    check_columns(is, json_key(body, "columnTypes"));
}

static void check_edit(struct issues *is, struct json body)
{
    langwatch__is_filled(is, AT(NULL, "name"), json_key(body, "name"), true);
    check_columns(is, json_key(body, "columnTypes"));
}

static struct str slug_of(struct call *c, struct json body)
{
    struct str name = json_str(json_key(body, "name"));
    return name.p ? datasets_slug(c->arena, name) : STR_NONE;
}

static enum status taken(struct call *c, struct err *err)
{
    return langwatch__fail_code(
        c, err, ST_CONFLICT, "Conflict", STR("A dataset with this slug already exists"));
}

static void put(struct call *c, struct batch *b, const struct row *old, struct str id, struct json body)
{
    const struct record_member members[] = { { "name", json_text(c->arena, json_key(body, "name")) },
        { "column_types", json_is_set(json_key(body, "columnTypes"))
                              ? json_text(c->arena, json_key(body, "columnTypes"))
                              : STR_NONE } };
    datasets_put(c, b, old, id, slug_of(c, body), members, 2);
    (void)datasets_ask_one(c, id);
}

enum status langwatch_dataset_new_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_new, &body, err);
    if (st == ST_OK)
        (void)datasets_ask_slug(c, slug_of(c, body));
    return st;
}

enum status langwatch_dataset_new_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    enum status st = call_json(c, &body, err);
    if (st == ST_OK && c->asks[0].n > 0)
        st = taken(c, err);
    if (st == ST_OK)
        put(c, b, NULL, records_new_id(c, DATASETS_KIND, 0), body);
    return st;
}

/* The last answer: the dataset. */
void langwatch_dataset_saved_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    r->status = c->method == METHOD_POST ? 201 : 200;
    jw_obj(&w);
    write_members(&w, c, ask_row(c, c->n_asks - 1));
    jw_obj_end(&w);
}

enum status langwatch_dataset_put_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_edit, &body, err);
    if (st == ST_OK)
        st = find(c, err);
    if (st == ST_OK && c->round == 1 && slug_of(c, body).p)
        (void)datasets_ask_slug(c, slug_of(c, body));
    return st;
}

enum status langwatch_dataset_put_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    const struct row *other = ask_row(c, AFTER_DATASET);
    enum status st = call_json(c, &body, err);
    if (st == ST_OK && other && !str_eq(other->id, found(c)->id))
        st = taken(c, err);
    if (st == ST_OK)
        put(c, b, found(c), found(c)->id, body);
    return st;
}

/* ---- GET, DELETE /api/dataset/{slugOrId} ---------------------------------------------------------------------------- */

enum status langwatch_dataset_ask(struct call *c, struct err *err)
{
    enum status st = find(c, err);
    if (st == ST_OK && c->round == 1) {
        (void)datasets_ask_items(c, found(c)->id);
        c->again = true;
    }
    if (st == ST_OK && c->round == 2 && c->asks[AFTER_DATASET].more && c->method == METHOD_GET)
        return langwatch__fail_both(c, err, ST_INVALID,
            arena_printf(c->arena,
                "Dataset has more than %d records: read them in pages, from /api/dataset/%.*s/records",
                RECORDS_MAX, STR_ARG(c->params[0])));
    return st;
}

void langwatch_dataset_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    write_members(&w, c, found(c));
    write_records(&w, c, &c->asks[AFTER_DATASET]);
    jw_obj_end(&w);
}

/* Prompts and variations that Lunary's users put below it go too. */
enum status langwatch_dataset_gone_ask(struct call *c, struct err *err)
{
    enum status st = find(c, err);
    if (st == ST_OK && c->round == 1) {
        (void)datasets_ask_items(c, found(c)->id);
        (void)records_find_parts(c, "dataset_prompt", found(c)->id);
        (void)records_find_by(c, "dataset_variation", RECORD_name, found(c)->id);
        c->again = true;
    }
    return st;
}

enum status langwatch_dataset_delete_write(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    datasets_remove(c, b, found(c)->id, &c->asks[AFTER_DATASET]);
    records_remove_all(c, b, "dataset_prompt", &c->asks[AFTER_DATASET + 1]);
    records_remove_all(c, b, "dataset_variation", &c->asks[AFTER_DATASET + 2]);
    return ST_OK;
}

void langwatch_dataset_delete_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "id", found(c)->id);
    jw_kv_bool(&w, "archived", true);
    jw_obj_end(&w);
}

/* ---- GET /api/dataset/{slugOrId}/records ---------------------------------------------------------------------------- */

enum status langwatch_records_ask(struct call *c, struct err *err)
{
    struct page *p = langwatch__state(c)->more;
    if (c->round == 0) {
        p = langwatch__state(c)->more = arena_alloc(c->arena, sizeof(*p));
        enum status st = read_page(c, p, err);
        if (st != ST_OK)
            return st;
    }
    enum status st = find(c, err);
    if (st == ST_OK && c->round == 1)
        ask_page(datasets_ask_items(c, found(c)->id), p);
    return st;
}

void langwatch_records_reply(struct call *c, struct reply *r)
{
    const struct ask *items = &c->asks[AFTER_DATASET];
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    write_records(&w, c, items);
    write_pagination(&w, langwatch__state(c)->more, items->total);
    jw_obj_end(&w);
}

/* ---- POST .../records, .../entries ---------------------------------------------------------------------------------- */

static void check_list(struct issues *is, struct json list, const char *name,
    bool (*check)(struct issues *, const struct at *, struct json, bool))
{
    const struct at *at = AT_KEY(NULL, str_of(name));
    struct json item;
    size_t i = 0, n = json_size(list);
    if (!langwatch__is_array(is, at, list, false))
        return;
    if (n == 0)
        langwatch__issue(is, at, "too_small", arena_printf(is->arena, "%s is required", name));
    if (n > ENTRIES_MAX)
        langwatch__issue(is, at, "too_big",
            arena_printf(is->arena, "Maximum batch size is %d, received %zu", ENTRIES_MAX, n));
    for (struct json_iter it = json_iter(list); n <= ENTRIES_MAX && json_next(&it, NULL, &item); i++)
        check(is, AT_INDEX(at, i), item, false);
}

static void check_entries(struct issues *is, struct json body)
{
    check_list(is, json_key(body, "entries"), "entries", langwatch__is_object);
}

enum status langwatch_records_new_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_entries, &body, err);
    return st == ST_OK ? find(c, err) : st;
}

/* The names of a dataset's columns, in order; none: any column is fine. */
struct columns {
    const struct dataset *dataset;
    struct str *names;
    size_t n;
};

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static struct columns columns_of(struct arena *a, const struct dataset *d)
{
    struct json types = json_key(d->body, "column_types"), type;
    struct columns out = { .dataset = d, .names = arena_array(a, json_size(types) + 1, sizeof(struct str)) };
    for (struct json_iter it = json_iter(types); json_next(&it, NULL, &type);)
        out.names[out.n++] = json_str(json_key(type, "name"));
    qsort(out.names, out.n, sizeof(*out.names), by_text);
    return out;
}

/* A column that the dataset does not name is told with those it does. */
static enum status check_entry(
    struct call *c, const struct columns *columns, struct json entry, struct err *err)
{
    struct str name, valid = STR("");
    struct json v;
    for (struct json_iter it = json_iter(entry); columns->n > 0 && json_next(&it, &name, &v);) {
        if (bsearch(&name, columns->names, columns->n, sizeof(*columns->names), by_text))
            continue;
        for (size_t i = 0; i < columns->n && valid.n < 400; i++)
            valid = arena_printf(
                c->arena, "%.*s%s%.*s", STR_ARG(valid), i ? ", " : "", STR_ARG(columns->names[i]));
        return langwatch__fail_both(c, err, ST_INVALID,
            arena_printf(c->arena,
                "Column \"%.*s\" is not defined in the \"%.*s\" dataset schema. Valid columns: %.*s",
                STR_ARG(str_sub(name, 0, str_utf8_clip(name, 100))), STR_ARG(columns->dataset->name),
                STR_ARG(valid)));
    }
    return ST_OK;
}

enum status langwatch_records_new_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body, entry;
    struct dataset d = datasets_view(c->arena, found(c));
    struct columns columns = columns_of(c->arena, &d);
    size_t i = 0;
    enum status st = call_json(c, &body, err);
    struct json entries = json_key(body, "entries");
    for (struct json_iter it = json_iter(entries); st == ST_OK && json_next(&it, NULL, &entry);)
        st = check_entry(c, &columns, entry, err);
    if (st != ST_OK)
        return st;
    for (struct json_iter it = json_iter(entries); json_next(&it, NULL, &entry); i++) {
        struct str id = records_new_id(c, DATASETS_ITEM_KIND, i);
        struct record_member member = { "entry", json_text(c->arena, entry) };
        datasets_put_item(c, b, NULL, id, d.id, i, &member, 1);
        (void)datasets_ask_item(c, id);
    }
    return ST_OK;
}

/* The answers behind those for the dataset: one row each. */
void langwatch_records_new_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    r->status = 201;
    jw_obj(&w);
    jw_key(&w, "data");
    jw_arr(&w);
    for (size_t i = AFTER_DATASET; i < c->n_asks; i++)
        if (ask_row(c, i))
            write_record(&w, c, ask_row(c, i));
    jw_arr_end(&w);
    jw_obj_end(&w);
}

void langwatch_entries_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    (void)c;
    jw_obj(&w);
    jw_kv_bool(&w, "success", true);
    jw_obj_end(&w);
}

/* ---- DELETE .../records --------------------------------------------------------------------------------------------- */

static void check_ids(struct issues *is, struct json body)
{
    check_list(is, json_key(body, "recordIds"), "recordIds", langwatch__is_text);
}

/* Those ids, in this dataset. */
enum status langwatch_records_gone_ask(struct call *c, struct err *err)
{
    struct json body, id;
    enum status st = langwatch__checked_body(c, check_ids, &body, err);
    if (st == ST_OK)
        st = find(c, err);
    if (st != ST_OK || c->round != 1)
        return st;
    struct ask *items = datasets_ask_items(c, found(c)->id);
    struct filter *ids = query_add(c->arena, &items->query, ON_ID, IS_IN);
    struct json list = json_key(body, "recordIds");
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &id);)
        filter_value(c->arena, ids, json_str(id));
    items->query.with = 0;
    c->again = true;
    return ST_OK;
}

enum status langwatch_records_delete_write(struct call *c, struct batch *b, struct err *err)
{
    const struct ask *items = &c->asks[AFTER_DATASET];
    if (items->n == 0)
        return langwatch__fail_code(c, err, ST_NOT_FOUND, "not_found", STR("No matching records found"));
    records_remove_all(c, b, DATASETS_ITEM_KIND, items);
    return ST_OK;
}

void langwatch_records_delete_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_i64(&w, "deletedCount", (int64_t)c->asks[AFTER_DATASET].n);
    jw_obj_end(&w);
}

/* ---- PATCH .../records/{recordId} ----------------------------------------------------------------------------------- */

static void check_update(struct issues *is, struct json body)
{
    langwatch__is_object(is, AT(NULL, "entry"), json_key(body, "entry"), false);
}

enum status langwatch_record_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_update, &body, err);
    if (st == ST_OK && !str_is_id(c->params[1]))
        st = langwatch__fail_both(c, err, ST_INVALID, STR("recordId: Invalid id"));
    if (st == ST_OK)
        st = find(c, err);
    if (st == ST_OK && c->round == 1)
        (void)datasets_ask_item(c, c->params[1]);
    return st;
}

/* The row as it is, or a new one of that id. */
enum status langwatch_record_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct dataset d = datasets_view(c->arena, found(c));
    struct columns columns = columns_of(c->arena, &d);
    const struct row *old = ask_row(c, AFTER_DATASET);
    enum status st = call_json(c, &body, err);
    if (st == ST_OK && old && !str_eq(row_text(old, RECORD_parent_id), d.id))
        st = langwatch__fail_code(
            c, err, ST_CONFLICT, "Conflict", STR("A record with this id is in another dataset"));
    if (st == ST_OK)
        st = check_entry(c, &columns, json_key(body, "entry"), err);
    if (st != ST_OK)
        return st;
    struct record_member entry = { "entry", json_text(c->arena, json_key(body, "entry")) };
    datasets_put_item(c, b, old, c->params[1], d.id, 0, &entry, 1);
    (void)datasets_ask_item(c, c->params[1]);
    return ST_OK;
}

void langwatch_record_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    r->status = ask_row(c, AFTER_DATASET) ? 200 : 201;
    write_record(&w, c, ask_row(c, c->n_asks - 1));
}
