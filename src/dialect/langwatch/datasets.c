/*
 * Datasets (section 9): LangWatch's words for the rows of dialect/datasets.h. A dataset is asked for by its slug or its id; its rows are
 * "records" here (dataset_records.c).
 */
#include "dialect/langwatch/rest_priv.h"

#define PAGE_MAX 1000

static const char *const column_types[] = { "string", "boolean", "number", "date", "list", "json", "spans",
    "rag_contexts", "chat_messages", "annotations", "evaluations", "image", NULL };

/* ---- which dataset -------------------------------------------------------------------------------------------------- */

const struct row *langwatch__dataset_found(const struct call *c)
{
    return ask_row(c, 0) ? ask_row(c, 0) : ask_row(c, 1);
}

static enum status not_found(struct call *c, struct err *err)
{
    return langwatch__fail_code(c, err, ST_NOT_FOUND, "not_found", STR("Dataset not found"));
}

enum status langwatch__dataset_find(struct call *c, struct err *err)
{
    if (c->round > 0)
        return langwatch__dataset_found(c) ? ST_OK : not_found(c, err);
    (void)datasets_ask_one(c, c->params[0]);
    (void)datasets_ask_slug(c, c->params[0]);
    c->again = true;
    return ST_OK;
}

/* ---- pages ---------------------------------------------------------------------------------------------------------- */

enum status langwatch__read_page(struct call *c, struct dataset_page *p, struct err *err)
{
    struct issues is = { .arena = c->arena };
    if (!langwatch__query_number(c, "page", 1, 1, INT64_C(1) << 40, &p->page))
        langwatch__issue(&is, AT(NULL, "page"), "too_small", STR("must be a whole number from 1"));
    if (!langwatch__query_number(c, "limit", 50, 1, PAGE_MAX, &p->limit))
        langwatch__issue(&is, AT(NULL, "limit"), "too_big",
            arena_printf(c->arena, "must be a whole number from 1 to %d", PAGE_MAX));
    return is.n > 0 ? langwatch__fail_newer(c, err, &is) : ST_OK;
}

void langwatch__ask_page(struct ask *ask, const struct dataset_page *p)
{
    ask->query.limit = (size_t)p->limit;
    ask->query.offset = (size_t)((p->page - 1) * p->limit);
    ask->query.with |= WITH_TOTAL;
}

void langwatch__write_pagination(struct jw *w, const struct dataset_page *p, int64_t total)
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

void langwatch__write_record(struct jw *w, struct call *c, const struct row *row)
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

void langwatch__write_records(struct jw *w, struct call *c, const struct ask *items)
{
    jw_key(w, "data");
    jw_arr(w);
    for (size_t i = 0; i < items->n; i++)
        langwatch__write_record(w, c, &items->rows[i]);
    jw_arr_end(w);
}

/* ---- GET /api/dataset ----------------------------------------------------------------------------------------------- */

enum status langwatch_datasets_ask(struct call *c, struct err *err)
{
    if (c->round == 0) {
        struct dataset_page *p = arena_alloc(c->arena, sizeof(*p));
        langwatch__state(c)->more = p;
        enum status st = langwatch__read_page(c, p, err);
        if (st != ST_OK)
            return st;
        struct ask *ask = datasets_ask(c);
        ask->query.descending = true;
        langwatch__ask_page(ask, p);
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
    langwatch__write_pagination(&w, langwatch__state(c)->more, datasets->total);
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
        st = langwatch__dataset_find(c, err);
    if (st == ST_OK && c->round == 1 && slug_of(c, body).p)
        (void)datasets_ask_slug(c, slug_of(c, body));
    return st;
}

enum status langwatch_dataset_put_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    const struct row *other = ask_row(c, AFTER_DATASET);
    enum status st = call_json(c, &body, err);
    if (st == ST_OK && other && !str_eq(other->id, langwatch__dataset_found(c)->id))
        st = taken(c, err);
    if (st == ST_OK)
        put(c, b, langwatch__dataset_found(c), langwatch__dataset_found(c)->id, body);
    return st;
}

/* ---- GET, DELETE /api/dataset/{slugOrId} ---------------------------------------------------------------------------- */

enum status langwatch_dataset_ask(struct call *c, struct err *err)
{
    enum status st = langwatch__dataset_find(c, err);
    if (st == ST_OK && c->round == 1) {
        (void)datasets_ask_items(c, langwatch__dataset_found(c)->id);
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
    write_members(&w, c, langwatch__dataset_found(c));
    langwatch__write_records(&w, c, &c->asks[AFTER_DATASET]);
    jw_obj_end(&w);
}

/* Prompts and variations that Lunary's users put below it go too. */
enum status langwatch_dataset_gone_ask(struct call *c, struct err *err)
{
    enum status st = langwatch__dataset_find(c, err);
    if (st == ST_OK && c->round == 1) {
        struct str id = langwatch__dataset_found(c)->id;
        (void)datasets_ask_gone(c, id);
        (void)records_find_all_of(c, "dataset_prompt", RECORD_parent_id, id);
        (void)records_find_all_of(c, "dataset_variation", RECORD_name, id);
        c->again = true;
    }
    return st;
}

enum status langwatch_dataset_delete_write(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    datasets_remove(c, b, langwatch__dataset_found(c)->id, &c->asks[AFTER_DATASET]);
    records_remove_all(c, b, "dataset_prompt", &c->asks[AFTER_DATASET + 1]);
    records_remove_all(c, b, "dataset_variation", &c->asks[AFTER_DATASET + 2]);
    return ST_OK;
}

void langwatch_dataset_delete_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "id", langwatch__dataset_found(c)->id);
    jw_kv_bool(&w, "archived", true);
    jw_obj_end(&w);
}
