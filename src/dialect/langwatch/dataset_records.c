/*
 * The rows of datasets (section 9), "records" here: pages of them, adding, replacing, removing. Columns, when a dataset names them, are the
 * only ones its rows may have.
 */
#include "dialect/langwatch/rest_priv.h"

#include <stdlib.h>

#define ENTRIES_MAX 1000 /* rows of one request */

/* ---- GET /api/dataset/{slugOrId}/records ---------------------------------------------------------------------------- */

enum status langwatch_records_ask(struct call *c, struct err *err)
{
    struct dataset_page *p = langwatch__state(c)->more;
    if (c->round == 0) {
        p = langwatch__state(c)->more = arena_alloc(c->arena, sizeof(*p));
        enum status st = langwatch__read_page(c, p, err);
        if (st != ST_OK)
            return st;
    }
    enum status st = langwatch__dataset_find(c, err);
    if (st == ST_OK && c->round == 1)
        langwatch__ask_page(datasets_ask_items(c, langwatch__dataset_found(c)->id), p);
    return st;
}

void langwatch_records_reply(struct call *c, struct reply *r)
{
    const struct ask *items = &c->asks[AFTER_DATASET];
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    langwatch__write_records(&w, c, items);
    langwatch__write_pagination(&w, langwatch__state(c)->more, items->total);
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
    return st == ST_OK ? langwatch__dataset_find(c, err) : st;
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
    struct dataset d = datasets_view(c->arena, langwatch__dataset_found(c));
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
            langwatch__write_record(&w, c, ask_row(c, i));
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
        st = langwatch__dataset_find(c, err);
    if (st != ST_OK || c->round != 1)
        return st;
    struct ask *items = datasets_ask_items(c, langwatch__dataset_found(c)->id);
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
        st = langwatch__dataset_find(c, err);
    if (st == ST_OK && c->round == 1)
        (void)datasets_ask_item(c, c->params[1]);
    return st;
}

/* The row as it is, or a new one of that id. */
enum status langwatch_record_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct dataset d = datasets_view(c->arena, langwatch__dataset_found(c));
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
    langwatch__write_record(&w, c, ask_row(c, c->n_asks - 1));
}
