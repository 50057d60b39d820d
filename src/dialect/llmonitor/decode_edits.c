/*
 * Edits of a run by request: feedback, score, tags, visibility, removal (section 9). They carry no time of the client's, so they show at
 * once. What was asked still holds when it is written: api does one edit at a time.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

/* ---- the run that is edited ---- */

enum status llmonitor__edit_ask(struct call *c, struct err *err)
{
    (void)err;
    llmonitor__ask_target(c, WITH_PAYLOAD);
    return ST_OK;
}

static enum status find_target(struct call *c, const struct row **out, struct err *err)
{
    *out = llmonitor__target(c, 0);
    return *out ? ST_OK : err_set(err, ST_NOT_FOUND, "Run not found");
}

/* An event that edits this row, whatever dialect made it. */
static struct event *edit_of(struct call *c, struct batch *b, const struct row *r)
{
    enum profile p = r->entity == SESSION ? PROFILE_EDIT_SESSION : PROFILE_EDIT_OBSERVATION;
    bool scoped = r->entity == OBSERVATION && r->identity == IDENTITY_SCOPED;
    struct event *e = event_new(b, p, c->caller->project, scoped ? r->scope : STR_NONE, r->id, TIME_NONE);
    e->identity = (enum identity)r->identity;
    return e;
}

void llmonitor__empty_reply(struct call *c, struct reply *r)
{
    (void)c;
    buf_add_cstr(&r->body, "{}");
}

/* ---- bodies ---- */

static enum status wrong(struct err *err, const char *name, const char *want, struct json v)
{
    return err_at(err, ST_UNPROCESSABLE, name, "must be %s, got %s", want, json_type_name(json_type(v)));
}

enum status llmonitor__body(struct call *c, struct json *out, struct err *err)
{
    enum status st = call_json(c, out, err);
    if (st != ST_OK)
        return st;
    if (!json_is_obj(*out))
        return err_set(
            err, ST_UNPROCESSABLE, "The body must be an object, got %s", json_type_name(json_type(*out)));
    return ST_OK;
}

/* ---- PATCH /v1/runs/{id}/feedback ---- */

/* Only `thumb` and `comment` count; the rest is dropped, as upstream does. */
static enum status check_feedback(struct json body, struct err *err)
{
    struct json thumb = json_key(body, "thumb"), comment = json_key(body, "comment");
    bool up_or_down = str_is(json_str(thumb), "up") || str_is(json_str(thumb), "down");
    if (json_is_set(thumb) && !up_or_down)
        return err_at(err, ST_UNPROCESSABLE, "thumb", "must be \"up\", \"down\" or null, got %.*s",
            STR_ARG(json_is_str(thumb) ? str_sub(json_str(thumb), 0, 60)
                                       : str_of(json_type_name(json_type(thumb)))));
    if (json_is_set(comment) && !json_is_str(comment))
        return wrong(err, "comment", "a string or null", comment);
    return ST_OK;
}

static struct json allowed_feedback(struct call *c, struct json body)
{
    static const char *const names[] = { "thumb", "comment" };
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    for (size_t i = 0; i < 2; i++)
        if (json_type(json_key(body, names[i])) != JSON_ABSENT) {
            jw_key(&w, names[i]);
            jw_value(&w, json_key(body, names[i]));
        }
    jw_obj_end(&w);
    struct json kept = llmonitor__parse(c->arena, buf_str(&out));
    buf_fini(&out);
    return kept;
}

enum status llmonitor__feedback_write(struct call *c, struct batch *b, struct err *err)
{
    const struct row *r;
    struct json body;
    struct buf scratch;
    enum status st = call_json(c, &body, err);
    if (st == ST_OK && !json_is_obj(body) && !json_is_null(body))
        st = err_set(err, ST_UNPROCESSABLE, "The body must be an object or null, got %s",
            json_type_name(json_type(body)));
    if (st == ST_OK)
        st = check_feedback(body, err);
    if (st == ST_OK)
        st = find_target(c, &r, err);
    if (st != ST_OK || json_is_null(body))
        return st;
    buf_init(&scratch, 0);
    struct llmonitor_decode d = { .arena = c->arena,
        .batch = b,
        .scratch = &scratch,
        .project = c->caller->project,
        .wire_index = UINT32_MAX,
        .t_ns = TIME_NONE,
        .score = PROFILE_EDIT_SCORE };
    llmonitor__feedback(&d, r->id, allowed_feedback(c, body), JSON_NONE);
    buf_fini(&scratch);
    return ST_OK;
}

/* ---- PATCH /v1/runs/{id}/score: one per label ---- */

static struct str score_value(struct call *c, struct json v)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_cstr(&w, "type", json_is_num(v) ? "NUMERIC" : json_is_str(v) ? "CATEGORICAL" : "BOOLEAN");
    jw_key(&w, json_is_num(v) ? "number" : json_is_str(v) ? "text" : "boolean");
    jw_value(&w, v);
    jw_obj_end(&w);
    struct str text = arena_dup(c->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

static void set_judged(struct event *e, const struct row *r)
{
    event_set_text(e, SCORE_observation_id, r->id);
    if (r->entity == SESSION)
        event_set_text(e, SCORE_session_id, r->id);
    else if (r->identity != IDENTITY_TREE) /* a tree may still move to another trace */
        event_set_text(e, SCORE_trace_id, r->scope);
}

static enum status check_score(struct json body, struct err *err)
{
    struct json label = json_key(body, "label"), value = json_key(body, "value"),
                comment = json_key(body, "comment");
    if (!json_is_str(label))
        return wrong(err, "label", "a string", label);
    if (!json_is_num(value) && !json_is_str(value) && json_type(value) != JSON_BOOL)
        return wrong(err, "value", "a number, a string or a boolean", value);
    if (json_is_set(comment) && !json_is_str(comment))
        return wrong(err, "comment", "a string or null", comment);
    return ST_OK;
}

enum status llmonitor__score_write(struct call *c, struct batch *b, struct err *err)
{
    const struct row *r;
    struct json body;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = check_score(body, err);
    if (st == ST_OK)
        st = find_target(c, &r, err);
    if (st != ST_OK)
        return st;
    struct json label = json_key(body, "label"), value = json_key(body, "value"),
                comment = json_key(body, "comment");
    struct str id = arena_printf(c->arena, "%.*s:score:%.*s", STR_ARG(r->id), STR_ARG(json_str(label)));
    if (!str_is_id(id))
        return err_at(err, ST_UNPROCESSABLE, "label", "must be short text without control characters");
    struct event *e = event_new(b, PROFILE_EDIT_SCORE, c->caller->project, STR_NONE, id, TIME_NONE);
    event_set_text(e, SCORE_name, json_str(label));
    event_set_int(e, SCORE_source, SOURCE_API);
    event_set_json(e, SCORE_value, score_value(c, value));
    event_set_receipt(e, SCORE_time_ns, RANK_SAID, LATEST);
    set_judged(e, r);
    if (json_is_str(comment))
        event_set_text(e, SCORE_comment, json_str(comment));
    else
        event_set_null(e, SCORE_comment);
    return ST_OK;
}

/* ---- PATCH /v1/runs/{id}/tags, /visibility ---- */

enum status llmonitor__tags_write(struct call *c, struct batch *b, struct err *err)
{
    const struct row *r;
    struct json body, item;
    enum status st = llmonitor__body(c, &body, err);
    if (st != ST_OK)
        return st;
    struct json tags = json_key(body, "tags");
    if (!json_is_arr(tags) && !json_is_null(tags))
        return wrong(err, "tags", "an array of strings or null", tags);
    for (struct json_iter it = json_iter(tags); json_next(&it, NULL, &item);)
        if (!json_is_str(item))
            return wrong(err, "tags", "an array of strings or null", item);
    if ((st = find_target(c, &r, err)) != ST_OK)
        return st;
    struct event *e = edit_of(c, b, r);
    struct value list = value_json(json_is_null(tags) ? STR("[]") : json_text(c->arena, tags));
    if (r->entity == SESSION) {
        event_set(e, SESSION_tags, list);
        return ST_OK;
    }
    /* The earliest start says a run's tags (merge.md 4.1), so an edit must be earlier than any start, and later edits earlier still. */
    e->t_ns = -c->now_ns;
    event_set_as(e, OBSERVATION_tags, list, RANK_SAID, FIRST, MODE_REPLACE);
    return ST_OK;
}

/* So that a link, which names no project, finds the run. */
static void put_link(struct call *c, struct batch *b, struct str id)
{
    struct event *e = event_new(b, PROFILE_EDIT_RECORD, 0, STR(LLMONITOR_PUBLIC_RUN), id, TIME_NONE);
    event_set_text(e, RECORD_name, c->caller->project_id);
    event_set_int(e, RECORD_seq, c->caller->project);
}

/* A run is shown by its link when its leftovers say so; the root of a trace opens the trace for the other dialects too. */
enum status llmonitor__visibility_write(struct call *c, struct batch *b, struct err *err)
{
    const struct row *r;
    struct json body;
    enum status st = llmonitor__body(c, &body, err);
    if (st != ST_OK)
        return st;
    struct json visibility = json_key(body, "visibility");
    if (json_type(visibility) != JSON_BOOL)
        return wrong(err, "visibility", "a boolean", visibility);
    if ((st = find_target(c, &r, err)) != ST_OK)
        return st;
    if (r->entity == SESSION)
        return err_set(err, ST_UNPROCESSABLE, "A thread cannot be made public: make its runs public");
    struct value left =
        value_json(json_bool(visibility) ? STR("{\"is_public\":true}") : STR("{\"is_public\":false}"));
    event_set_as(edit_of(c, b, r), OBSERVATION_leftovers, left, RANK_SAID, LATEST, MODE_SHALLOW);
    if (json_bool(visibility))
        put_link(c, b, r->id);
    if (json_bool(visibility) && r->alias.p)
        put_link(c, b, r->alias);
    if (r->identity == IDENTITY_TREE && str_eq(r->id, r->scope)) {
        struct event *trace =
            event_new(b, PROFILE_EDIT_TRACE, c->caller->project, STR_NONE, r->scope, TIME_NONE);
        event_set_int(trace, TRACE_public, json_bool(visibility));
    }
    return ST_OK;
}

/* ---- DELETE /v1/runs/{id} ---- */

/* A trace is nothing without its last run. */
enum status llmonitor__delete_ask(struct call *c, struct err *err)
{
    if (c->round == 0) {
        llmonitor__ask_target(c, 0);
        c->again = true;
        return ST_OK;
    }
    const struct row *r;
    enum status st = find_target(c, &r, err);
    if (st != ST_OK || r->entity == SESSION || r->identity != IDENTITY_TREE)
        return st;
    struct ask *ask = call_find(c, OBSERVATION);
    ask->query.limit = 2;
    filter_value(c->arena, query_add(c->arena, &ask->query, ON_SCOPE, IS_IN), r->scope);
    return ST_OK;
}

enum status llmonitor__run_remove(struct call *c, struct batch *b, struct err *err)
{
    const struct row *r;
    enum status st = find_target(c, &r, err);
    if (st != ST_OK)
        return st;
    bool alone = c->n_asks > LLMONITOR_TARGET_ASKS && c->asks[LLMONITOR_TARGET_ASKS].n < 2;
    if (r->entity == SESSION)
        batch_remove(b, c->caller->project, SESSION, STR_NONE, r->id);
    else if (alone)
        batch_remove(b, c->caller->project, TRACE, STR_NONE, r->scope);
    else
        batch_remove(b, c->caller->project, OBSERVATION, r->scope, r->id);
    return ST_OK;
}
