/*
 * Checklists and evaluators (section 9): rule logic that people name and keep. Running it is another route's work.
 *
 *   record "checklist"  name = slug, status = type, body = {data}
 *   record "evaluator"  name = slug, status = type, body = {name, description, mode, params, filters}
 *
 * Every project has the built-in evaluators; a row of one exists only after somebody changed it.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

static void write_member(struct jw *w, struct json body, const char *name, const char *none)
{
    struct json v = json_key(body, name);
    jw_key(w, name);
    if (json_type(v) != JSON_ABSENT)
        jw_value(w, v);
    else
        jw_raw(w, str_of(none));
}

static void state_new(struct call *c, struct event *e, struct str slug, struct str type)
{
    event_set_text(e, RECORD_name, slug);
    event_set_text(e, RECORD_status, type);
    event_set_int(e, RECORD_seq, c->now_ns);
    event_set_int(e, RECORD_time_ns, c->now_ns);
}

/* ---- checklists ---- */

static const char *const checklist_members[] = { "data", NULL };

static void write_checklist(struct jw *w, struct call *c, const struct row *r)
{
    jw_obj(w);
    jw_kv_str(w, "id", r->id);
    jw_kv_str(w, "slug", row_text(r, RECORD_name));
    jw_kv_str(w, "type", row_text(r, RECORD_status));
    write_member(w, records_body(c->arena, r), "data", "null");
    llmonitor__write_time(w, "createdAt", records_time(r));
    llmonitor__write_time(w, "updatedAt", r->updated_ns);
    jw_kv_null(w, "ownerId");
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_obj_end(w);
}

enum status llmonitor__checklists_ask(struct call *c, struct err *err)
{
    struct str type = call_query(c, "type");
    struct ask *ask = records_find(c, "checklist");
    (void)err;
    ask->query.order = BY_UPDATED;
    ask->query.descending = true;
    if (type.n > 0)
        (void)llmonitor__filter_in(c->arena, &ask->query, RECORD_status, type);
    return ST_OK;
}

void llmonitor__checklists_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = 0; i < c->asks[0].n; i++)
        write_checklist(&w, c, &c->asks[0].rows[i]);
    jw_arr_end(&w);
}

enum status llmonitor__checklist_ask(struct call *c, struct err *err)
{
    return llmonitor__need_record(c, "checklist", "Checklist not found", err);
}

/* After a read the first answer, after an edit the one asked behind its commit. */
void llmonitor__checklist_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    write_checklist(&w, c, ask_row(c, c->n_asks - 1));
}

enum status llmonitor__new_checklist_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug, type;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", true, &slug, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "type", true, &type, err);
    if (st != ST_OK)
        return st;
    struct str id = llmonitor__new_id(c, "checklist", 0);
    struct event *e = records_put(c, b, "checklist", id);
    state_new(c, e, slug, type);
    event_set_json(e, RECORD_body, llmonitor__patched_body(c, NULL, body, checklist_members));
    (void)records_get(c, "checklist", id);
    return ST_OK;
}

enum status llmonitor__checklist_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug;
    const struct row *old = ask_row(c, 0);
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", false, &slug, err);
    if (st != ST_OK)
        return st;
    struct event *e = records_put(c, b, "checklist", old->id);
    event_set_text(e, RECORD_name, slug);
    event_set_json(e, RECORD_body, llmonitor__patched_body(c, old, body, checklist_members));
    (void)records_get(c, "checklist", old->id);
    return ST_OK;
}

enum status llmonitor__checklist_remove(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    batch_remove(b, c->caller->project, RECORD, STR("checklist"), c->params[0]);
    return ST_OK;
}

/* ---- evaluators ---- */

static const char *const evaluator_members[] = { "name", "description", "mode", "params", "filters", NULL };
static const char *const builtin_members[] = { "name", "description", "mode", "params", NULL };

static const struct builtin {
    const char *type, *name, *slug;
} builtins[] = {
    { "language", "Language", "language" },
    { "pii", "PII Detection", "pii-detection" },
    { "topics", "Topics Detection", "topics-detection" },
    { "intent", "Intent Detection", "intent-detection" },
    { "toxicity", "Toxicity", "toxicity" },
};
enum { N_BUILTINS = sizeof(builtins) / sizeof(builtins[0]) };

static struct str builtin_id(struct call *c, const struct builtin *b)
{
    return llmonitor__uuid_of(
        c->arena, arena_printf(c->arena, "evaluator %s %.*s", b->type, STR_ARG(c->caller->project_id)));
}

static const struct builtin *builtin_of_id(struct call *c, struct str id)
{
    for (size_t i = 0; i < N_BUILTINS; i++)
        if (str_eq(builtin_id(c, &builtins[i]), id))
            return &builtins[i];
    return NULL;
}

static bool is_builtin_type(struct str type)
{
    for (size_t i = 0; i < N_BUILTINS; i++)
        if (str_is(type, builtins[i].type))
            return true;
    return false;
}

/* `r` may be NULL for a built-in that nobody changed. */
static void write_evaluator(struct jw *w, struct call *c, const struct row *r, const struct builtin *b)
{
    struct json body = r ? records_body(c->arena, r) : JSON_NONE;
    struct json name = json_key(body, "name");
    jw_obj(w);
    jw_kv_str(w, "id", r ? r->id : builtin_id(c, b));
    llmonitor__write_time(w, "createdAt", r ? records_time(r) : TIME_NONE);
    llmonitor__write_time(w, "updatedAt", r ? r->updated_ns : TIME_NONE);
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_kv_null(w, "ownerId");
    jw_kv_str(w, "name", json_is_str(name) ? json_str(name) : str_of(b ? b->name : NULL));
    jw_kv_str(w, "slug", b ? str_of(b->slug) : row_text(r, RECORD_name));
    jw_kv_str(w, "type", b ? str_of(b->type) : row_text(r, RECORD_status));
    write_member(w, body, "mode", "\"normal\"");
    write_member(w, body, "description", "null");
    write_member(w, body, "params", "{}");
    write_member(w, body, "filters", b ? "[\"AND\"]" : "[]");
    jw_kv_cstr(w, "kind", b ? "builtin" : "custom");
    jw_obj_end(w);
}

enum status llmonitor__evaluators_ask(struct call *c, struct err *err)
{
    (void)err;
    (void)records_find(c, "evaluator");
    return ST_OK;
}

static const struct row *row_of(const struct ask *ask, struct str id)
{
    for (size_t i = 0; i < ask->n; i++)
        if (str_eq(ask->rows[i].id, id))
            return &ask->rows[i];
    return NULL;
}

void llmonitor__evaluators_reply(struct call *c, struct reply *r)
{
    const struct ask *ask = &c->asks[0];
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = 0; i < N_BUILTINS; i++)
        write_evaluator(&w, c, row_of(ask, builtin_id(c, &builtins[i])), &builtins[i]);
    for (size_t i = 0; i < ask->n; i++)
        if (!builtin_of_id(c, ask->rows[i].id))
            write_evaluator(&w, c, &ask->rows[i], NULL);
    jw_arr_end(&w);
}

enum status llmonitor__evaluator_ask(struct call *c, struct err *err)
{
    if (builtin_of_id(c, c->params[0])) {
        (void)records_get(c, "evaluator", c->params[0]);
        return llmonitor__body_first(c, err);
    }
    return llmonitor__need_record(c, "evaluator", "Evaluator not found", err);
}

void llmonitor__evaluator_reply(struct call *c, struct reply *r)
{
    const struct row *row = ask_row(c, c->n_asks - 1);
    struct jw w = jw_of(&r->body);
    write_evaluator(&w, c, row, builtin_of_id(c, row ? row->id : c->params[0]));
}

/* The members both ways of writing have. `type` is returned. */
static enum status check_evaluator(struct json body, bool needed, struct str *type, struct err *err)
{
    static const char *const texts[] = { "name", "mode" };
    struct str text;
    enum status st = llmonitor__text_member(body, "type", needed, type, err);
    for (size_t i = 0; i < 2 && st == ST_OK; i++)
        st = llmonitor__text_member(body, texts[i], needed, &text, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "description", false, &text, err);
    if (st != ST_OK)
        return st;
    struct json params = json_key(body, "params"), filters = json_key(body, "filters");
    if (json_type(params) != JSON_ABSENT ? !json_is_obj(params) : needed)
        return err_at(
            err, ST_UNPROCESSABLE, "params", "must be an object, got %s", json_type_name(json_type(params)));
    if (json_type(filters) != JSON_ABSENT ? !json_is_arr(filters) : needed)
        return err_at(
            err, ST_UNPROCESSABLE, "filters", "must be an array, got %s", json_type_name(json_type(filters)));
    return ST_OK;
}

enum status llmonitor__new_evaluator_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug, type;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", true, &slug, err);
    if (st == ST_OK)
        st = check_evaluator(body, true, &type, err);
    if (st == ST_OK && is_builtin_type(type))
        st = err_set(err, ST_INVALID, "Builtin evaluators cannot be created manually.");
    if (st != ST_OK)
        return st;
    struct str id = llmonitor__new_id(c, "evaluator", 0);
    struct event *e = records_put(c, b, "evaluator", id);
    state_new(c, e, slug, type);
    event_set_json(e, RECORD_body, llmonitor__patched_body(c, NULL, body, evaluator_members));
    (void)records_get(c, "evaluator", id);
    return ST_OK;
}

enum status llmonitor__evaluator_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str type;
    const struct row *old = ask_row(c, 0);
    const struct builtin *builtin = builtin_of_id(c, c->params[0]);
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = check_evaluator(body, false, &type, err);
    if (st == ST_OK && !builtin && is_builtin_type(type))
        st = err_set(err, ST_INVALID, "Custom evaluators must use non-builtin types.");
    if (st != ST_OK)
        return st;
    struct event *e = records_put(c, b, "evaluator", c->params[0]);
    if (builtin && !old)
        state_new(c, e, str_of(builtin->slug), str_of(builtin->type));
    else if (!builtin)
        event_set_text(e, RECORD_status, type);
    event_set_json(
        e, RECORD_body, llmonitor__patched_body(c, old, body, builtin ? builtin_members : evaluator_members));
    (void)records_get(c, "evaluator", c->params[0]);
    return ST_OK;
}

enum status llmonitor__evaluator_remove(struct call *c, struct batch *b, struct err *err)
{
    if (builtin_of_id(c, c->params[0]))
        return err_set(err, ST_INVALID, "Builtin evaluators cannot be deleted.");
    batch_remove(b, c->caller->project, RECORD, STR("evaluator"), c->params[0]);
    return ST_OK;
}
