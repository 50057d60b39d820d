/*
 * Annotations (section 9): what people say of a trace. A score named "annotation", source ANNOTATION: the thumb is its boolean, the comment
 * its comment; so other products show it as the judgement it is. They say no in a way of their own.
 */
#include "dialect/langwatch/rest_priv.h"

#define NAME "annotation"

static enum status fail(struct call *c, struct err *err, enum status st, struct str text)
{
    struct langwatch_state *s = langwatch__state(c);
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_cstr(&w, "status", "error");
    jw_kv_str(&w, "message", text);
    jw_obj_end(&w);
    s->status = status_http(st);
    s->body = langwatch__taken(c->arena, &out);
    return err_set(err, st, "%.*s", STR_ARG(text));
}

static bool is_annotation(const struct row *score)
{
    return score && str_is(row_text(score, SCORE_name), NAME) &&
           row_int(score, SCORE_source, SOURCE_API) == SOURCE_ANNOTATION;
}

/* ---- answers -------------------------------------------------------------------------------------------------------- */

static void write_annotation(struct jw *w, struct call *c, const struct row *s)
{
    struct json value = langwatch__parsed(c->arena, row_text(s, SCORE_value));
    struct json thumb = json_key(value, "boolean");
    struct json email = json_key(langwatch__parsed(c->arena, row_text(s, SCORE_metadata)), "email");
    int64_t made = row_time(s, SCORE_time_ns);
    jw_obj(w);
    jw_kv_str(w, "id", s->id);
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_kv_str(w, "traceId", row_text(s, SCORE_trace_id));
    jw_kv_str(w, "comment", row_text(s, SCORE_comment));
    langwatch__kv_null(w, "isThumbsUp", thumb);
    jw_kv_null(w, "userId");
    langwatch__kv_null(w, "email", email);
    langwatch__kv_time(w, "createdAt", made == TIME_NONE ? s->created_ns : made);
    langwatch__kv_time(w, "updatedAt", s->updated_ns);
    jw_obj_end(w);
}

/* ---- GET /api/annotations, /api/annotations/trace/{id} --------------------------------------------------------------- */

#define ANNOTATIONS_MAX 10000

/* ?anchor=trace: only those on the trace itself. */
enum status langwatch_annotations_ask(struct call *c, struct err *err)
{
    struct str anchor = call_query(c, "anchor");
    if (anchor.n > 0 && !str_is(anchor, "all") && !str_is(anchor, "trace"))
        return fail(c, err, ST_INVALID, STR("anchor must be \"all\" or \"trace\""));
    struct ask *ask = call_find(c, SCORE);
    ask->query.limit = ANNOTATIONS_MAX;
    struct filter *name = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
    name->column = SCORE_name;
    filter_value(c->arena, name, STR(NAME));
    if (c->n_params > 0) {
        struct filter *trace = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
        trace->column = SCORE_trace_id;
        filter_value(c->arena, trace, c->params[0]);
    }
    return ST_OK;
}

void langwatch_annotations_reply(struct call *c, struct reply *r)
{
    const struct ask *ask = &c->asks[0];
    bool whole = str_is(call_query(c, "anchor"), "trace");
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "data");
    jw_arr(&w);
    for (size_t i = 0; i < ask->n; i++)
        if (is_annotation(&ask->rows[i]) && !(whole && row_text(&ask->rows[i], SCORE_observation_id).n > 0))
            write_annotation(&w, c, &ask->rows[i]);
    jw_arr_end(&w);
    jw_obj_end(&w);
}

/* ---- POST /api/annotations/trace/{id}, PATCH /api/annotations/{id} --------------------------------------------------- */

static enum status read_body(struct call *c, bool is_new, struct json *body, struct err *err)
{
    enum status st = call_json(c, body, err);
    if (st == ST_TOO_LARGE)
        return st;
    if (st != ST_OK)
        return fail(c, err, ST_INVALID,
            arena_printf(c->arena, "The request body must be a JSON object: %s", err->text));
    if (!json_is_obj(*body))
        return fail(c, err, ST_INVALID, STR("The request body must be a JSON object."));
    struct json comment = json_key(*body, "comment"), thumb = json_key(*body, "isThumbsUp"),
                email = json_key(*body, "email");
    if (is_new ? !json_is_str(comment) : json_is_set(comment) && !json_is_str(comment))
        return fail(
            c, err, ST_INVALID, STR("[comment] is required in the request body and must be a string."));
    if (is_new ? json_type(thumb) != JSON_BOOL : json_is_set(thumb) && json_type(thumb) != JSON_BOOL)
        return fail(
            c, err, ST_INVALID, STR("[isThumbsUp] is required in the request body and must be a boolean."));
    if (json_is_set(email) && !json_is_str(email))
        return fail(c, err, ST_INVALID, STR("[email] must be a string."));
    return ST_OK;
}

static void put(struct call *c, struct batch *b, struct str id, struct str trace_id, struct json body)
{
    struct json thumb = json_key(body, "isThumbsUp"), email = json_key(body, "email");
    struct event *e = event_new(b, PROFILE_EDIT_SCORE, c->caller->project, STR_NONE, id, TIME_NONE);
    event_set_text(e, SCORE_comment, json_str(json_key(body, "comment")));
    if (json_is_set(thumb))
        event_set_json(e, SCORE_value,
            json_bool(thumb) ? STR("{\"type\":\"BOOLEAN\",\"boolean\":true}")
                             : STR("{\"type\":\"BOOLEAN\",\"boolean\":false}"));
    if (json_is_set(email)) {
        struct record_member member = { "email", json_text(c->arena, email) };
        event_set_json(e, SCORE_metadata, records_body_with(c->arena, JSON_NONE, &member, 1));
    }
    if (trace_id.p) {
        event_set_text(e, SCORE_name, STR(NAME));
        event_set_int(e, SCORE_source, SOURCE_ANNOTATION);
        event_set_text(e, SCORE_trace_id, trace_id);
        event_set_int(e, SCORE_time_ns, c->now_ns);
    }
    (void)call_get(c, SCORE, STR_NONE, id, WITH_PAYLOAD);
}

enum status langwatch_annotation_new_ask(struct call *c, struct err *err)
{
    struct json body;
    if (!str_is_id(c->params[0]))
        return fail(c, err, ST_INVALID, STR("Invalid trace id."));
    return read_body(c, true, &body, err);
}

enum status langwatch_annotation_new_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    enum status st = read_body(c, true, &body, err);
    if (st == ST_OK)
        put(c, b, arena_printf(c->arena, "annotation_%.*s", STR_ARG(records_new_id(c, NAME, 0))),
            c->params[0], body);
    return st;
}

/* After a read the first answer, after an edit the last. */
void langwatch_annotation_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    if (c->method == METHOD_PATCH) {
        jw_kv_cstr(&w, "status", "success");
        jw_kv_cstr(&w, "message", "Annotation updated.");
    }
    jw_key(&w, "data");
    write_annotation(&w, c, ask_row(c, c->n_asks - 1));
    jw_obj_end(&w);
}

/* ---- GET, PATCH, DELETE /api/annotations/{id} ------------------------------------------------------------------------ */

enum status langwatch_annotation_ask(struct call *c, struct err *err)
{
    struct json body;
    if (c->round > 0)
        return is_annotation(ask_row(c, 0)) ? ST_OK
                                            : fail(c, err, ST_NOT_FOUND, STR("Annotation not found."));
    enum status st = c->method == METHOD_PATCH ? read_body(c, false, &body, err) : ST_OK;
    (void)call_get(c, SCORE, STR_NONE, c->params[0], WITH_PAYLOAD);
    c->again = true;
    return st;
}

enum status langwatch_annotation_put_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    enum status st = read_body(c, false, &body, err);
    if (st == ST_OK)
        put(c, b, c->params[0], STR_NONE, body);
    return st;
}

enum status langwatch_annotation_delete_write(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    batch_remove(b, c->caller->project, SCORE, STR_NONE, c->params[0]);
    return ST_OK;
}

void langwatch_annotation_delete_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    (void)c;
    jw_obj(&w);
    jw_kv_cstr(&w, "status", "success");
    jw_kv_cstr(&w, "message", "Annotation deleted.");
    jw_obj_end(&w);
}
