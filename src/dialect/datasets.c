/*
 * Datasets and their rows as every product reads and writes them.
 */
#include "dialect/datasets.h"

struct ask *datasets_ask(struct call *c)
{
    return records_find(c, DATASETS_KIND);
}

struct ask *datasets_ask_one(struct call *c, struct str id)
{
    return records_get(c, DATASETS_KIND, id);
}

struct ask *datasets_ask_slug(struct call *c, struct str slug)
{
    struct ask *ask = records_find_by(c, DATASETS_KIND, RECORD_name, slug);
    ask->query.limit = 1;
    return ask;
}

struct ask *datasets_ask_items(struct call *c, struct str dataset_id)
{
    return records_find_parts(c, DATASETS_ITEM_KIND, dataset_id);
}

struct ask *datasets_ask_gone(struct call *c, struct str dataset_id)
{
    return records_find_all_of(c, DATASETS_ITEM_KIND, RECORD_parent_id, dataset_id);
}

struct ask *datasets_ask_item(struct call *c, struct str item_id)
{
    return records_get(c, DATASETS_ITEM_KIND, item_id);
}

struct dataset datasets_view(struct arena *a, const struct row *r)
{
    struct json body = records_body(a, r);
    struct str slug = row_text(r, RECORD_name), name = json_str(json_key(body, "name"));
    return (struct dataset){ .row = r,
        .id = r->id,
        .slug = slug,
        .name = name.p ? name : slug,
        .description = json_str(json_key(body, "description")),
        .created_ns = records_time(r),
        .updated_ns = r->updated_ns,
        .body = body };
}

struct dataset_item datasets_view_item(struct arena *a, const struct row *r)
{
    struct json body = records_body(a, r);
    return (struct dataset_item){ .row = r,
        .id = r->id,
        .dataset_id = row_text(r, RECORD_parent_id),
        .created_ns = records_time(r),
        .updated_ns = r->updated_ns,
        .entry = json_key(body, "entry"),
        .body = body };
}

struct str datasets_text(struct arena *a, const struct dataset_item *item, const char *column)
{
    struct json v = json_key(item->entry, column);
    if (!json_is_set(v))
        return STR_NONE;
    return json_is_str(v) ? json_str(v) : json_text(a, v);
}

void datasets_put(struct call *c, struct batch *b, const struct row *old, struct str id, struct str slug,
    const struct record_member *members, size_t n)
{
    struct event *e = records_put(c, b, DATASETS_KIND, id);
    event_set_text(e, RECORD_name, slug);
    if (n > 0)
        event_set_json(e, RECORD_body, records_body_with(c->arena, records_body(c->arena, old), members, n));
    if (!old) {
        event_set_int(e, RECORD_seq, c->now_ns);
        event_set_int(e, RECORD_time_ns, c->now_ns);
    }
}

void datasets_put_item(struct call *c, struct batch *b, const struct row *old, struct str id,
    struct str dataset_id, size_t place, const struct record_member *members, size_t n)
{
    struct event *e = records_put(c, b, DATASETS_ITEM_KIND, id);
    event_set_json(e, RECORD_body, records_body_with(c->arena, records_body(c->arena, old), members, n));
    if (old)
        return;
    event_set_text(e, RECORD_parent_id, dataset_id);
    event_set_int(e, RECORD_seq, c->now_ns + (int64_t)place);
    event_set_int(e, RECORD_time_ns, c->now_ns);
}

void datasets_remove(struct call *c, struct batch *b, struct str id, const struct ask *items)
{
    records_remove(c, b, DATASETS_KIND, id);
    for (size_t i = 0; i < items->n; i++)
        if (str_eq(row_text(&items->rows[i], RECORD_parent_id), id))
            records_remove(c, b, DATASETS_ITEM_KIND, items->rows[i].id);
}

/* Letters become small, what is no letter or digit one dash; letters outside ASCII stay. */
struct str datasets_slug(struct arena *a, struct str name)
{
    char *out = arena_alloc(a, name.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        bool upper = ch >= 'A' && ch <= 'Z';
        if (upper || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || (unsigned char)ch >= 0x80)
            out[n++] = (char)(upper ? ch + 32 : ch);
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    return n > 0 ? (struct str){ out, n } : STR("dataset");
}
