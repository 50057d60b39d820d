/*
 * Prompt templates and their versions (section 9).
 *
 *   record "template"          id = a number as text, name = slug, status = mode
 *   record "template_version"  id = a number as text, name = slug of its template, parent = template, seq = version,
 *                              status = draft or published, body = {content, extra, testValues, notes, publishedAt}
 *   record "counter"           the last number given to either kind, so that none is given twice
 *
 * A version carries its template's slug, so that the SDKs' one question, the newest version of a slug, is one look-up.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include <stdlib.h>

static const char *const version_members[] = { "content", "extra", "testValues", "notes", NULL };

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

static void write_member(struct jw *w, struct json body, const char *name)
{
    struct json v = json_key(body, name);
    jw_key(w, name);
    if (json_type(v) == JSON_ABSENT)
        jw_null(w);
    else
        jw_value(w, v);
}

static void write_version(struct jw *w, struct call *c, const struct row *v, const struct row *template)
{
    struct json body = llmonitor__record_body(c, v);
    int64_t published;
    jw_obj(w);
    write_number(w, "id", v->id);
    write_number(w, "templateId", row_text(v, RECORD_parent_id));
    write_snake(w, "content", json_key(body, "content"));
    write_snake(w, "extra", json_key(body, "extra"));
    write_member(w, body, "testValues");
    jw_kv_bool(w, "isDraft", str_is(row_text(v, RECORD_status), "draft"));
    write_member(w, body, "notes");
    llmonitor__write_time(w, "createdAt", llmonitor__record_time(v));
    llmonitor__write_time(
        w, "publishedAt", json_i64(json_key(body, "published_ns"), &published) ? published : TIME_NONE);
    jw_kv_i64(w, "version", row_int(v, RECORD_seq, 1));
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
    llmonitor__write_time(w, "createdAt", llmonitor__record_time(t));
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_kv_null(w, "ownerId");
    jw_key(w, "versions");
    jw_arr(w);
    for (size_t i = n; i > 0; i--) /* the newest first */
        if (str_eq(row_text(&versions[i - 1], RECORD_parent_id), t->id))
            write_version(w, c, &versions[i - 1], NULL);
    jw_arr_end(w);
    jw_obj_end(w);
}

/* What the SDKs fetch. The id is text here and a number elsewhere, as upstream has it. */
static void write_latest(struct jw *w, struct call *c, const struct row *v)
{
    struct json body = llmonitor__record_body(c, v);
    jw_obj(w);
    jw_kv_str(w, "id", v->id);
    jw_kv_str(w, "slug", row_text(v, RECORD_name));
    write_snake(w, "content", json_key(body, "content"));
    write_snake(w, "extra", json_key(body, "extra"));
    llmonitor__write_time(w, "created_at", llmonitor__record_time(v));
    jw_kv_i64(w, "version", row_int(v, RECORD_seq, 1));
    jw_obj_end(w);
}

/* ---- GET /v1/template_versions/latest, /v1/template, /v1/templates/latest ---- */

static enum status ask_latest(struct call *c, const char *missing, struct err *err)
{
    struct str slug = call_query(c, "slug");
    if (c->round > 0)
        return c->asks[0].n > 0 ? ST_OK : err_set(err, ST_NOT_FOUND, "%s", missing);
    struct ask *ask = llmonitor__find_records(c, "template_version");
    ask->query.limit = 1;
    ask->query.descending = true;
    (void)llmonitor__filter_in(c->arena, &ask->query, RECORD_name, slug);
    (void)llmonitor__filter_in(c->arena, &ask->query, RECORD_status, STR("published"));
    c->again = true;
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
    write_latest(&w, c, &c->asks[0].rows[0]);
}

enum status llmonitor__latest_all_ask(struct call *c, struct err *err)
{
    struct ask *ask = llmonitor__find_records(c, "template_version");
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
    (void)llmonitor__find_records(c, "template");
    (void)llmonitor__find_records(c, "template_version");
    return ST_OK;
}

void llmonitor__templates_reply(struct call *c, struct reply *r)
{
    const struct ask *templates = &c->asks[0], *versions = &c->asks[1];
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = templates->n; i > 0; i--)
        write_template(&w, c, &templates->rows[i - 1], versions->rows, versions->n);
    jw_arr_end(&w);
}

/* The template and its versions, after whatever was asked before. */
static void ask_template(struct call *c, struct str id)
{
    (void)llmonitor__get_record(c, "template", id);
    (void)llmonitor__find_parts(c, "template_version", id);
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
        (void)llmonitor__get_record(c, "template", row_text(ask_row(c, 0), RECORD_parent_id));
    if (c->round > 0)
        return ST_OK;
    (void)llmonitor__get_record(c, "template_version", c->params[0]);
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

static struct str with_publication(struct call *c, struct str body, bool is_draft, int64_t published_ns)
{
    if (is_draft)
        return body;
    const char *comma = body.n > 2 ? "," : "";
    return arena_printf(
        c->arena, "%.*s%s\"published_ns\":%lld}", (int)(body.n - 1), body.p, comma, (long long)published_ns);
}

/* A version that was published keeps the time of that. */
static void put_version(
    struct call *c, struct batch *b, struct str id, const struct row *old, struct json body, bool is_draft)
{
    int64_t published;
    struct str text = llmonitor__patched_body(c, old, body, version_members);
    struct json before = old ? llmonitor__record_body(c, old) : JSON_NONE;
    bool kept = json_i64(json_key(before, "published_ns"), &published);
    if (!kept)
        text = with_publication(c, text, is_draft, c->now_ns);
    struct event *e = llmonitor__put_record(c, b, "template_version", id);
    event_set_json(e, RECORD_body, text);
    event_set_text(e, RECORD_status, is_draft ? STR("draft") : STR("published"));
}

static void place_version(
    struct call *c, struct batch *b, struct str slug, struct str template_id, int64_t version)
{
    struct event *e = &b->events[b->n_events - 1];
    event_set_text(e, RECORD_name, slug);
    event_set_text(e, RECORD_parent_id, template_id);
    event_set_int(e, RECORD_seq, version);
    event_set_int(e, RECORD_time_ns, c->now_ns);
}

/* The next number of a kind; `asked` is the index of its counter's question. */
static struct str next_number(struct call *c, struct batch *b, const char *kind, size_t asked)
{
    const struct row *counter = ask_row(c, asked);
    int64_t n = counter ? row_int(counter, RECORD_seq, 0) + 1 : 1;
    event_set_int(llmonitor__put_record(c, b, "counter", str_of(kind)), RECORD_seq, n);
    return arena_printf(c->arena, "%lld", (long long)n);
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
    (void)llmonitor__get_record(c, "counter", STR("template"));
    (void)llmonitor__get_record(c, "counter", STR("template_version"));
    struct ask *same = llmonitor__find_records(c, "template");
    same->query.limit = 1;
    (void)llmonitor__filter_in(c->arena, &same->query, RECORD_name, slug);
    return ST_OK;
}

enum status llmonitor__new_template_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug, mode;
    struct version_body v;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", true, &slug, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "mode", true, &mode, err);
    if (st == ST_OK && !str_is(mode, "text") && !str_is(mode, "openai"))
        st = err_at(err, ST_UNPROCESSABLE, "mode", "must be \"text\" or \"openai\"");
    if (st == ST_OK)
        st = read_version(body, true, false, &v, err);
    if (st != ST_OK)
        return st;
    if (c->asks[2].n > 0)
        return err_set(err, ST_CONFLICT,
            "There is a template with the slug \"%.*s\" already: add a version to it", STR_ARG(slug));
    struct str id = next_number(c, b, "template", 0), version = next_number(c, b, "template_version", 1);
    struct event *e = llmonitor__put_record(c, b, "template", id);
    event_set_text(e, RECORD_name, slug);
    event_set_text(e, RECORD_status, mode);
    event_set_int(e, RECORD_time_ns, c->now_ns);
    int64_t seq;
    event_set_int(e, RECORD_seq, str_to_i64(id, &seq) ? seq : 0);
    put_version(c, b, version, NULL, body, v.is_draft);
    place_version(c, b, slug, id, 1);
    ask_template(c, id);
    return ST_OK;
}

/* ---- POST /v1/templates/{id}/versions, PATCH /v1/template-versions/{id} ---- */

enum status llmonitor__new_version_ask(struct call *c, struct err *err)
{
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "Template not found");
    ask_template(c, c->params[0]);
    (void)llmonitor__get_record(c, "counter", STR("template_version"));
    c->again = true;
    return llmonitor__body_first(c, err);
}

enum status llmonitor__new_version_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct version_body v;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = read_version(body, true, false, &v, err);
    if (st != ST_OK)
        return st;
    const struct ask *versions = &c->asks[1];
    int64_t last = versions->n > 0 ? row_int(&versions->rows[versions->n - 1], RECORD_seq, 0) : 0;
    struct str id = next_number(c, b, "template_version", 2);
    put_version(c, b, id, NULL, body, v.is_draft);
    place_version(c, b, row_text(ask_row(c, 0), RECORD_name), c->params[0], last + 1);
    (void)llmonitor__get_record(c, "template_version", id);
    return ST_OK;
}

enum status llmonitor__version_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct version_body v;
    const struct row *old = ask_row(c, 0);
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = read_version(body, false, str_is(row_text(old, RECORD_status), "draft"), &v, err);
    if (st != ST_OK)
        return st;
    put_version(c, b, old->id, old, body, v.is_draft);
    (void)llmonitor__get_record(c, "template_version", old->id);
    return ST_OK;
}

/* ---- PATCH, DELETE /v1/templates/{id} ---- */

enum status llmonitor__template_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug, mode;
    const struct ask *versions = &c->asks[1];
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", false, &slug, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "mode", false, &mode, err);
    if (st == ST_OK && mode.p && !str_is(mode, "text") && !str_is(mode, "openai"))
        st = err_at(err, ST_UNPROCESSABLE, "mode", "must be \"text\" or \"openai\"");
    if (st != ST_OK)
        return st;
    struct event *e = llmonitor__put_record(c, b, "template", c->params[0]);
    event_set_text(e, RECORD_name, slug);
    event_set_text(e, RECORD_status, mode);
    for (size_t i = 0; i < versions->n && slug.p; i++)
        event_set_text(
            llmonitor__put_record(c, b, "template_version", versions->rows[i].id), RECORD_name, slug);
    ask_template(c, c->params[0]);
    return ST_OK;
}

enum status llmonitor__template_remove(struct call *c, struct batch *b, struct err *err)
{
    const struct ask *versions = &c->asks[1];
    (void)err;
    batch_remove(b, c->caller->project, RECORD, STR("template"), c->params[0]);
    for (size_t i = 0; i < versions->n; i++)
        batch_remove(b, c->caller->project, RECORD, STR("template_version"), versions->rows[i].id);
    return ST_OK;
}
