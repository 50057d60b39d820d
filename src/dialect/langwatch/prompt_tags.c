/*
 * Tags of prompts (section 9): the words that may be put on versions. A tag in use is a label of the registry; a record "prompt_tag" says
 * that a word is there before it is used, or (status deleted) that one of the two which every project has is not.
 */
#include "dialect/langwatch/rest_priv.h"

#define TAG_KIND "prompt_tag"

static const char *const seeded[] = { PROMPTS_PRODUCTION, "staging", NULL };

static bool is_small(char ch)
{
    return ch >= 'a' && ch <= 'z';
}

struct str langwatch__tag_fault(struct arena *a, struct str name)
{
    bool fits = name.n > 0 && name.n <= 255 && is_small(name.p[0]);
    for (size_t i = 0; i < name.n && fits; i++)
        fits = is_small(name.p[i]) || (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '-' ||
               name.p[i] == '_';
    struct str shown = str_sub(name, 0, str_utf8_clip(name, 100));
    if (!fits)
        return arena_printf(a,
            "Invalid tag name \"%.*s\". Tag names must start with a lowercase letter and contain only lowercase "
            "letters, digits, hyphens, or underscores.",
            STR_ARG(shown));
    if (str_is(name, PROMPTS_LATEST))
        return STR("\"latest\" is a protected tag: it is always the newest version");
    return STR_NONE;
}

/* ---- GET /api/prompts/tags ------------------------------------------------------------------------------------------ */

static void ask_all(struct call *c)
{
    (void)records_find(c, TAG_KIND);
    (void)prompts_ask(c);
}

enum status langwatch_tags_ask(struct call *c, struct err *err)
{
    (void)err;
    ask_all(c);
    return ST_OK;
}

static bool is_deleted(const struct row *tag)
{
    return str_is(row_text(tag, RECORD_status), "deleted");
}

/* A prompt that has the tag on a version, or NULL. */
static const struct row *used_by(struct call *c, struct str name)
{
    const struct ask *prompts = &c->asks[1];
    for (size_t i = 0; i < prompts->n; i++)
        if (json_is_str(json_get(prompts_view(c->arena, &prompts->rows[i]).labels, name)))
            return &prompts->rows[i];
    return NULL;
}

static bool is_known(struct call *c, struct str name)
{
    const struct row *tag = records_with_id(&c->asks[0], name);
    if (tag && !is_deleted(tag))
        return true;
    return (!tag && langwatch__word(seeded, name) >= 0) || used_by(c, name);
}

static void write_tag(struct jw *w, struct str name, int64_t created_ns)
{
    jw_obj(w);
    jw_kv_str(w, "id", name);
    jw_kv_str(w, "name", name);
    langwatch__kv_time(w, "createdAt", created_ns);
    jw_obj_end(w);
}

/* Labels that other products made, or a tag put on a version at once: they are there since their first prompt was. */
static void write_used(struct jw *w, struct call *c, struct buf *seen)
{
    const struct ask *prompts = &c->asks[1];
    for (size_t i = 0; i < prompts->n; i++) {
        struct prompt p = prompts_view(c->arena, &prompts->rows[i]);
        struct str name;
        struct json id;
        for (struct json_iter it = json_iter(p.labels); json_next(&it, &name, &id);) {
            struct str mark = arena_printf(c->arena, "\n%.*s\n", STR_ARG(name));
            if (!json_is_str(id) || langwatch__word(seeded, name) >= 0 ||
                records_with_id(&c->asks[0], name) || str_find(buf_str(seen), mark) != SIZE_MAX)
                continue;
            buf_add_str(seen, mark);
            write_tag(w, name, p.created_ns);
        }
    }
}

void langwatch_tags_reply(struct call *c, struct reply *r)
{
    const struct ask *tags = &c->asks[0];
    struct buf seen;
    struct jw w = jw_of(&r->body);
    buf_init(&seen, 0);
    jw_arr(&w);
    for (size_t i = 0; seeded[i]; i++)
        if (is_known(c, str_of(seeded[i])) && !records_with_id(tags, str_of(seeded[i])))
            write_tag(&w, str_of(seeded[i]), 0);
    for (size_t i = 0; i < tags->n; i++)
        if (!is_deleted(&tags->rows[i]) || used_by(c, tags->rows[i].id))
            write_tag(&w, tags->rows[i].id, records_time(&tags->rows[i]));
    write_used(&w, c, &seen);
    jw_arr_end(&w);
    buf_fini(&seen);
}

/* ---- POST /api/prompts/tags, PUT and DELETE /api/prompts/tags/{tag} -------------------------------------------------- */

static void check_name(struct issues *is, struct json body)
{
    langwatch__is_text(is, AT(NULL, "name"), json_key(body, "name"), false);
}

static enum status read_name(struct call *c, struct str *name, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_name, &body, err);
    if (st != ST_OK)
        return st;
    *name = json_str(json_key(body, "name"));
    struct str fault = langwatch__tag_fault(c->arena, *name);
    return fault.p ? langwatch__fail_both(c, err, ST_UNPROCESSABLE, fault) : ST_OK;
}

enum status langwatch_tag_new_ask(struct call *c, struct err *err)
{
    struct str name;
    ask_all(c);
    return read_name(c, &name, err);
}

static enum status refuse_known(struct call *c, struct str name, struct err *err)
{
    if (!is_known(c, name))
        return ST_OK;
    return langwatch__fail_both(c, err, ST_CONFLICT,
        arena_printf(c->arena, "A tag with the name \"%.*s\" already exists", STR_ARG(name)));
}

static void put_tag(struct call *c, struct batch *b, struct str name)
{
    struct event *e = records_put(c, b, TAG_KIND, name);
    event_set_text(e, RECORD_status, STR("defined"));
    event_set_int(e, RECORD_seq, c->now_ns);
    event_set_int(e, RECORD_time_ns, c->now_ns);
    langwatch__state(c)->made = name;
}

enum status langwatch_tag_new_write(struct call *c, struct batch *b, struct err *err)
{
    struct str name;
    enum status st = read_name(c, &name, err);
    if (st == ST_OK)
        st = refuse_known(c, name, err);
    if (st == ST_OK)
        put_tag(c, b, name);
    return st;
}

void langwatch_tag_saved_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    r->status = c->method == METHOD_POST ? 201 : 200;
    write_tag(&w, langwatch__state(c)->made, c->now_ns);
}

static enum status need_tag(struct call *c, struct err *err)
{
    struct str name = c->params[0];
    if (str_is(name, PROMPTS_LATEST))
        return langwatch__fail_both(
            c, err, ST_UNPROCESSABLE, STR("\"latest\" is a protected tag: it is always the newest version"));
    if (is_known(c, name))
        return ST_OK;
    return langwatch__fail_both(
        c, err, ST_NOT_FOUND, arena_printf(c->arena, "Tag not found: %.*s", STR_ARG(name)));
}

enum status langwatch_tag_of_ask(struct call *c, struct err *err)
{
    if (c->round > 0)
        return need_tag(c, err);
    ask_all(c);
    c->again = true;
    return ST_OK;
}

enum status langwatch_tag_put_ask(struct call *c, struct err *err)
{
    struct str name;
    enum status st = read_name(c, &name, err);
    return st == ST_OK ? langwatch_tag_of_ask(c, err) : st;
}

/* The tag goes, also from the versions that had it; `to`: what they have instead. */
static void drop_tag(struct call *c, struct batch *b, struct str name, struct str to)
{
    const struct ask *prompts = &c->asks[1];
    if (langwatch__word(seeded, name) >= 0)
        event_set_text(records_put(c, b, TAG_KIND, name), RECORD_status, STR("deleted"));
    else
        records_remove(c, b, TAG_KIND, name);
    for (size_t i = 0; i < prompts->n; i++) {
        struct prompt p = prompts_view(c->arena, &prompts->rows[i]);
        struct str version = json_str(json_get(p.labels, name));
        if (!version.p)
            continue;
        struct record_member labels = { "labels", prompts_labels_with(c->arena, &p, name, STR_NONE) };
        if (to.p && json_parse(c->arena, labels.json, 0, &p.labels, NULL) == ST_OK)
            labels.json = prompts_labels_with(c->arena, &p, to, version);
        prompts_put(c, b, p.row, p.id, &(struct prompt_edit){ .members = &labels, .n_members = 1 });
    }
}

enum status langwatch_tag_put_write(struct call *c, struct batch *b, struct err *err)
{
    struct str name;
    enum status st = read_name(c, &name, err);
    if (st == ST_OK)
        st = refuse_known(c, name, err);
    if (st != ST_OK)
        return st;
    drop_tag(c, b, c->params[0], name);
    put_tag(c, b, name);
    return ST_OK;
}

enum status langwatch_tag_delete_write(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    drop_tag(c, b, c->params[0], STR_NONE);
    return ST_OK;
}

void langwatch_tag_delete_reply(struct call *c, struct reply *r)
{
    (void)c;
    r->status = 204;
}
