/*
 * Prompt templates and their versions (section 9): Lunary's words for the prompt registry (dialect/prompts.h).
 *
 *   template           a prompt; slug is its name, mode its status
 *   template version   a version; isDraft is its status, content, extra, notes and testValues (test_values) are in its body
 *
 * Slugs are unique here; of prompts that another product gave the same name, the oldest is the one a slug means.
 */
#include "dialect/llmonitor/llmonitor_priv.h"
#include "dialect/prompts.h"

#include <stdlib.h>

/* ---- answers ---- */

static void write_number(struct jw *w, const char *key, struct str id)
{
    int64_t n;
    if (str_to_i64(id, &n))
        jw_kv_i64(w, key, n);
    else
        jw_kv_str(w, key, id);
}

/* content and extra are for OpenAI's client: snake case. */
static void write_snake(struct jw *w, const char *key, struct json v)
{
    jw_key(w, key);
    if (json_type(v) == JSON_ABSENT)
        jw_null(w);
    else
        llmonitor__write_snake(w, v);
}

static void write_member(struct jw *w, const char *key, struct json v)
{
    jw_key(w, key);
    if (json_type(v) == JSON_ABSENT)
        jw_null(w);
    else
        jw_value(w, v);
}

/* Data folders of before the registry spell it as Lunary does. */
static struct json test_values(struct json body)
{
    struct json v = json_key(body, "test_values");
    return json_type(v) == JSON_ABSENT ? json_key(body, "testValues") : v;
}

static void write_version(struct jw *w, struct call *c, const struct row *row, const struct row *template)
{
    struct prompt_version v = prompts_view_version(c->arena, row);
    jw_obj(w);
    write_number(w, "id", v.id);
    write_number(w, "templateId", v.prompt_id);
    write_snake(w, "content", v.content);
    write_snake(w, "extra", v.extra);
    write_member(w, "testValues", test_values(v.body));
    jw_kv_bool(w, "isDraft", v.is_draft);
    write_member(w, "notes", json_key(v.body, "notes"));
    llmonitor__write_time(w, "createdAt", v.created_ns);
    llmonitor__write_time(w, "publishedAt", v.published_ns);
    jw_kv_i64(w, "version", v.number);
    if (template) {
        jw_key(w, "template");
        jw_obj(w);
        write_number(w, "id", template->id);
        jw_kv_str(w, "slug", row_text(template, RECORD_name));
        jw_kv_str(w, "mode", row_text(template, RECORD_status));
        jw_obj_end(w);
    }
    jw_obj_end(w);
}

static void write_template(
    struct jw *w, struct call *c, const struct row *t, const struct row *versions, size_t n)
{
    jw_obj(w);
    write_number(w, "id", t->id);
    jw_kv_str(w, "slug", row_text(t, RECORD_name));
    jw_kv_str(w, "mode", row_text(t, RECORD_status));
    jw_kv_null(w, "name");
    llmonitor__write_time(w, "createdAt", records_time(t));
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_kv_null(w, "ownerId");
    jw_key(w, "versions");
    jw_arr(w);
    for (size_t i = n; i > 0; i--) /* the newest first */
        if (prompts_is_of(&versions[i - 1], t))
            write_version(w, c, &versions[i - 1], NULL);
    jw_arr_end(w);
    jw_obj_end(w);
}

/* What the SDKs fetch. The id is text here and a number elsewhere, as upstream has it. */
static void write_latest(struct jw *w, struct call *c, const struct row *row)
{
    struct prompt_version v = prompts_view_version(c->arena, row);
    jw_obj(w);
    jw_kv_str(w, "id", v.id);
    jw_kv_str(w, "slug", v.name);
    write_snake(w, "content", v.content);
    write_snake(w, "extra", v.extra);
    llmonitor__write_time(w, "created_at", v.created_ns);
    jw_kv_i64(w, "version", v.number);
    jw_obj_end(w);
}

/* ---- GET /v1/template_versions/latest, /v1/template, /v1/templates/latest ---- */

/* The prompt of that slug, then its newest published version. */
static enum status ask_latest(struct call *c, const char *missing, struct err *err)
{
    const struct row *prompt = ask_row(c, 0);
    if (c->round > 0 && (!prompt || (c->round > 1 && !ask_row(c, 1))))
        return err_set(err, ST_NOT_FOUND, "%s", missing);
    if (c->round == 0)
        (void)prompts_ask_named(c, call_query(c, "slug"));
    else if (c->round == 1)
        (void)prompts_ask_newest(c, prompt->id);
    c->again = c->round < 2;
    return ST_OK;
}

enum status llmonitor__latest_ask(struct call *c, struct err *err)
{
    if (call_query(c, "slug").n == 0)
        return err_at(err, ST_UNPROCESSABLE, "slug", "must be a string, got undefined");
    return ask_latest(c, "Template not found, is the project ID correct?", err);
}

/* The route of 2023: the app id is in the query. */
enum status llmonitor__old_template_ask(struct call *c, struct err *err)
{
    struct str app = call_query(c, "app_id");
    const struct caller *found = app.n ? c->find_caller(c->find_ctx, app, c->arena) : NULL;
    if (!found || (found->public_half && found->form != FORM_LUNARY))
        return err_set(err, ST_NOT_FOUND, "Not found");
    c->caller = found;
    return ask_latest(c, "Not found", err);
}

void llmonitor__latest_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    write_latest(&w, c, ask_row(c, 1));
}

enum status llmonitor__latest_all_ask(struct call *c, struct err *err)
{
    struct ask *ask = prompts_ask_all_versions(c);
    (void)err;
    (void)llmonitor__filter_in(c->arena, &ask->query, RECORD_status, STR("published"));
    return ST_OK;
}

/* By template, the newest version of each first. */
static int by_template(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int order = str_cmp(row_text(a, RECORD_parent_id), row_text(b, RECORD_parent_id));
    int64_t v = row_int(a, RECORD_seq, 0), u = row_int(b, RECORD_seq, 0);
    return order ? order : v > u ? -1 : v < u;
}

void llmonitor__latest_all_reply(struct call *c, struct reply *r)
{
    struct row *rows = c->asks[0].rows;
    size_t n = c->asks[0].n;
    struct jw w = jw_of(&r->body);
    if (n > 1)
        qsort(rows, n, sizeof(*rows), by_template);
    jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !str_eq(row_text(&rows[i - 1], RECORD_parent_id), row_text(&rows[i], RECORD_parent_id)))
            write_latest(&w, c, &rows[i]);
    jw_arr_end(&w);
}

/* ---- GET /v1/templates, /v1/templates/{id}, /v1/template-versions/{id} ---- */

enum status llmonitor__templates_ask(struct call *c, struct err *err)
{
    (void)err;
    (void)prompts_ask(c);
    (void)prompts_ask_all_versions(c);
    return ST_OK;
}

void llmonitor__templates_reply(struct call *c, struct reply *r)
{
    const struct ask *templates = &c->asks[0];
    struct jw w = jw_of(&r->body);
    prompts_group(&c->asks[1]);
    jw_arr(&w);
    for (size_t i = templates->n; i > 0; i--) {
        struct ask versions = prompts_group_of(&c->asks[1], &templates->rows[i - 1]);
        write_template(&w, c, &templates->rows[i - 1], versions.rows, versions.n);
    }
    jw_arr_end(&w);
}

/* The template and its versions, after whatever was asked before. */
static void ask_template(struct call *c, struct str id)
{
    (void)prompts_ask_one(c, id);
    (void)prompts_ask_versions(c, id);
}

enum status llmonitor__template_ask(struct call *c, struct err *err)
{
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "Template not found");
    ask_template(c, c->params[0]);
    c->again = true;
    return llmonitor__body_first(c, err);
}

/* The two answers of ask_template() are the last ones: of the read, or of what an edit asked again after its commit. */
void llmonitor__template_reply(struct call *c, struct reply *r)
{
    const struct ask *versions = &c->asks[c->n_asks - 1];
    const struct row *template = ask_row(c, c->n_asks - 2);
    struct jw w = jw_of(&r->body);
    if (template)
        write_template(&w, c, template, versions->rows, versions->n);
    else
        jw_null(&w);
}

enum status llmonitor__version_ask(struct call *c, struct err *err)
{
    if (c->round == 1 && !ask_row(c, 0))
        return err_set(err, ST_NOT_FOUND, "Template version not found");
    if (c->round == 1)
        (void)prompts_ask_one(c, row_text(ask_row(c, 0), RECORD_parent_id));
    if (c->round > 0)
        return ST_OK;
    (void)prompts_ask_version(c, c->params[0]);
    c->again = true;
    return llmonitor__body_first(c, err);
}

void llmonitor__version_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    const struct row *version = ask_row(c, c->n_asks == 2 ? 0 : c->n_asks - 1);
    const struct row *template = c->n_asks == 2 ? ask_row(c, 1) : NULL;
    if (version)
        write_version(&w, c, version, template);
    else
        jw_null(&w);
}

/* ---- bodies ---- */

struct version_body {
    bool is_draft;
    struct json content, extra;
};

static enum status read_version(
    struct json body, bool needed, bool was_draft, struct version_body *out, struct err *err)
{
    struct str notes;
    *out = (struct version_body){ .content = json_key(body, "content"), .extra = json_key(body, "extra") };
    bool fits = json_is_str(out->content) || json_is_arr(out->content);
    if (!fits && (needed || json_type(out->content) != JSON_ABSENT))
        return err_at(err, ST_UNPROCESSABLE, "content", "must be a string or an array of messages, got %s",
            json_type_name(json_type(out->content)));
    if (json_is_set(out->extra) && !json_is_obj(out->extra))
        return err_at(err, ST_UNPROCESSABLE, "extra", "must be an object, got %s",
            json_type_name(json_type(out->extra)));
    enum status st = llmonitor__text_member(body, "notes", false, &notes, err);
    return st == ST_OK ? llmonitor__bool_member(body, "isDraft", was_draft, &out->is_draft, err) : st;
}

static struct str snake(struct call *c, struct json v)
{
    struct buf out;
    if (json_type(v) == JSON_ABSENT)
        return STR_NONE;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    llmonitor__write_snake(&w, v);
    struct str text = arena_dup(c->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

/* `place`: where a new version stands; of an old one only the body and its status are written. */
static void put_version(struct call *c, struct batch *b, const struct row *old, struct str id,
    struct json body, struct prompt_version_edit place)
{
    struct str values = json_text(c->arena, json_key(body, "testValues"));
    const struct record_member members[] = { { "content", snake(c, json_key(body, "content")) },
        { "extra", snake(c, json_key(body, "extra")) }, { "test_values", values },
        { "testValues", values.p ? RECORDS_GONE : STR_NONE },
        { "notes", json_text(c->arena, json_key(body, "notes")) } };
    place.members = members;
    place.n_members = sizeof(members) / sizeof(members[0]);
    prompts_put_version(c, b, old, id, &place);
}

/* Publishing is going live: where somebody said which version is live, that is this one now. */
static void go_live(
    struct call *c, struct batch *b, const struct row *template, struct str version_id, bool is_draft)
{
    if (!template || is_draft)
        return;
    struct prompt p = prompts_view(c->arena, template);
    if (json_type(json_key(p.labels, PROMPTS_PRODUCTION)) == JSON_ABSENT)
        return;
    struct record_member labels = { "labels",
        prompts_labels_with(c->arena, &p, STR(PROMPTS_PRODUCTION), version_id) };
    prompts_put(c, b, template, template->id, &(struct prompt_edit){ .members = &labels, .n_members = 1 });
}

static enum status check_mode(struct str mode, struct err *err)
{
    return !mode.p || str_is(mode, "text") || str_is(mode, "openai")
               ? ST_OK
               : err_at(err, ST_UNPROCESSABLE, "mode", "must be \"text\" or \"openai\"");
}

static enum prompt_mode mode_of(struct str mode)
{
    return !mode.p ? PROMPT_MODE_KEPT : str_is(mode, "text") ? PROMPT_TEXT : PROMPT_CHAT;
}

/* ---- POST /v1/templates ---- */

enum status llmonitor__new_template_ask(struct call *c, struct err *err)
{
    struct json body;
    struct str slug;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", true, &slug, err);
    if (st != ST_OK)
        return st;
    (void)prompts_ask_counter(c);
    (void)prompts_ask_named(c, slug);
    return ST_OK;
}

enum status llmonitor__new_template_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug, mode, ids[2];
    struct version_body v;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", true, &slug, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "mode", true, &mode, err);
    if (st == ST_OK)
        st = check_mode(mode, err);
    if (st == ST_OK)
        st = read_version(body, true, false, &v, err);
    if (st != ST_OK)
        return st;
    if (c->asks[1].n > 0)
        return err_set(err, ST_CONFLICT,
            "There is a template with the slug \"%.*s\" already: add a version to it", STR_ARG(slug));
    prompts_take_ids(c, b, 0, ids, 2);
    prompts_put(c, b, NULL, ids[0], &(struct prompt_edit){ .name = slug, .mode = mode_of(mode) });
    put_version(c, b, NULL, ids[1], body,
        (struct prompt_version_edit){
            .prompt_id = ids[0], .name = slug, .number = 1, .is_draft = v.is_draft });
    ask_template(c, ids[0]);
    return ST_OK;
}

/* ---- POST /v1/templates/{id}/versions, PATCH /v1/template-versions/{id} ---- */

enum status llmonitor__new_version_ask(struct call *c, struct err *err)
{
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "Template not found");
    ask_template(c, c->params[0]);
    (void)prompts_ask_counter(c);
    c->again = true;
    return llmonitor__body_first(c, err);
}

enum status llmonitor__new_version_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str id;
    struct version_body v;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = read_version(body, true, false, &v, err);
    if (st == ST_OK)
        st = prompts_room(&c->asks[1], err);
    if (st != ST_OK)
        return st;
    struct prompt p = prompts_view(c->arena, ask_row(c, 0));
    prompts_take_ids(c, b, 2, &id, 1);
    put_version(c, b, NULL, id, body,
        (struct prompt_version_edit){ .prompt_id = p.id,
            .name = p.name,
            .number = prompts_last_number(&p, &c->asks[1]) + 1,
            .is_draft = v.is_draft });
    go_live(c, b, p.row, id, v.is_draft);
    (void)prompts_ask_version(c, id);
    return ST_OK;
}

enum status llmonitor__version_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct version_body v;
    const struct row *old = ask_row(c, 0);
    bool was_draft = str_is(row_text(old, RECORD_status), "draft");
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = read_version(body, false, was_draft, &v, err);
    if (st != ST_OK)
        return st;
    put_version(c, b, old, old->id, body, (struct prompt_version_edit){ .is_draft = v.is_draft });
    if (was_draft)
        go_live(c, b, ask_row(c, 1), old->id, v.is_draft);
    (void)prompts_ask_version(c, old->id);
    return ST_OK;
}

/* ---- PATCH, DELETE /v1/templates/{id} ---- */

enum status llmonitor__template_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug, mode;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", false, &slug, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "mode", false, &mode, err);
    if (st == ST_OK)
        st = check_mode(mode, err);
    if (st != ST_OK)
        return st;
    prompts_put(
        c, b, ask_row(c, 0), c->params[0], &(struct prompt_edit){ .name = slug, .mode = mode_of(mode) });
    prompts_rename_versions(c, b, &c->asks[1], slug);
    ask_template(c, c->params[0]);
    return ST_OK;
}

enum status llmonitor__template_remove(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    prompts_remove(c, b, c->params[0], &c->asks[1]);
    return ST_OK;
}
