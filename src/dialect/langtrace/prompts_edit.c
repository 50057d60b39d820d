/*
 * Making and changing prompt sets and prompts (langtrace.md 8). Upstream's web page does this with a session; here a project's key does, so
 * that prompts can be seeded by script.
 */
#include "dialect/langtrace/prompts_priv.h"

/* ---- POST, PUT, DELETE /api/promptset ------------------------------------------------------------------------------- */

/* The id of what is edited stands in the body, or in the query. */
static struct str edited_id(const struct call *c, struct json body)
{
    struct str id = json_str(json_key(body, "id"));
    return id.n > 0 ? id : call_query(c, "id");
}

static enum status read_set(
    struct call *c, bool is_new, struct str *name, struct record_member *description, struct err *err)
{
    struct json body;
    struct str text = STR_NONE;
    *name = STR_NONE;
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = langtrace__check_home(c, body, err);
    if (st == ST_OK)
        st = langtrace__text(body, "name", name, err);
    if (st == ST_OK)
        st = langtrace__text(body, "description", &text, err);
    *description = (struct record_member){ "description", records_quoted(c->arena, text) };
    if (st == ST_OK && (is_new ? name->n == 0 : name->p && name->n == 0))
        st = err_at(err, ST_INVALID, "name", "must be a text that is not empty");
    return st;
}

static enum status no_set(struct err *err)
{
    return err_set(err, ST_NOT_FOUND, "No promptset found with this id");
}

enum status langtrace__new_set_ask(struct call *c, struct err *err)
{
    struct str name;
    struct record_member description;
    (void)prompts_ask_counter(c);
    return read_set(c, true, &name, &description, err);
}

enum status langtrace__new_set_write(struct call *c, struct batch *b, struct err *err)
{
    struct str name, id;
    struct record_member description;
    enum status st = read_set(c, true, &name, &description, err);
    if (st != ST_OK)
        return st;
    prompts_take_ids(c, b, 0, &id, 1);
    prompts_put(c, b, NULL, id,
        &(struct prompt_edit){ .name = name, .mode = PROMPT_TEXT, .members = &description, .n_members = 1 });
    (void)prompts_ask_one(c, id);
    return ST_OK;
}

/* An edit of a set that is there: the set, its versions. */
enum status langtrace__set_ask(struct call *c, struct err *err)
{
    struct json body = JSON_NONE;
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : no_set(err);
    if (c->body.n > 0 || c->method == METHOD_PUT) {
        enum status st = langtrace__body(c, &body, err);
        if (st == ST_OK)
            st = langtrace__check_home(c, body, err);
        if (st != ST_OK)
            return st;
    }
    struct str id = edited_id(c, body);
    if (id.n == 0)
        return err_set(err, ST_INVALID, "id is required");
    (void)prompts_ask_one(c, id);
    (void)prompts_ask_versions(c, id);
    c->again = true;
    return ST_OK;
}

enum status langtrace__set_write(struct call *c, struct batch *b, struct err *err)
{
    struct str name;
    struct record_member description;
    const struct row *old = ask_row(c, 0);
    enum status st = read_set(c, false, &name, &description, err);
    if (st != ST_OK)
        return st;
    prompts_put(
        c, b, old, old->id, &(struct prompt_edit){ .name = name, .members = &description, .n_members = 1 });
    prompts_rename_versions(c, b, &c->asks[1], name);
    (void)prompts_ask_one(c, old->id);
    return ST_OK;
}

enum status langtrace__set_remove(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    prompts_remove(c, b, ask_row(c, 0)->id, &c->asks[1]);
    return ST_OK;
}

/* The set as it is now, the last answer; of a removed one as it was, the first. */
void langtrace__set_reply(struct call *c, struct reply *r)
{
    size_t place = c->method == METHOD_DELETE ? 0 : c->n_asks - 1;
    struct prompt set = prompts_view(c->arena, ask_row(c, place));
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "promptset");
    jw_obj(&w);
    langtrace__write_set_members(&w, c, &set);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

/* ---- POST, PUT /api/prompt ------------------------------------------------------------------------------------------ */

struct prompt_body {
    struct str set_id, value, note, span_id;
    struct json model, settings, variables, tags;
    bool has_number, has_live, live;
    int64_t number;
};

static enum status check_texts(struct json v, const char *name, struct err *err)
{
    struct json item;
    bool fits = !json_is_set(v) || json_is_arr(v);
    for (struct json_iter it = json_iter(v); json_is_arr(v) && json_next(&it, NULL, &item);)
        fits = fits && json_is_str(item);
    return fits ? ST_OK : err_at(err, ST_INVALID, name, "must be an array of strings");
}

static enum status read_switches(struct json body, struct prompt_body *out, struct err *err)
{
    struct json live = json_key(body, "live"), number = json_key(body, "version");
    out->has_live = json_type(live) == JSON_BOOL;
    out->live = json_bool(live);
    if (json_is_set(live) && !out->has_live)
        return err_at(
            err, ST_INVALID, "live", "must be true or false, got %s", json_type_name(json_type(live)));
    out->has_number = json_i64(number, &out->number);
    if (json_is_set(number) && (!out->has_number || out->number < 1 || out->number > PROMPTS_NUMBER_MAX))
        return err_at(err, ST_INVALID, "version", "must be a whole number from 1 to %d", PROMPTS_NUMBER_MAX);
    return ST_OK;
}

static enum status read_prompt(struct call *c, bool is_new, struct prompt_body *out, struct err *err)
{
    struct json body;
    struct str model;
    *out = (struct prompt_body){ .number = 0 };
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = langtrace__check_home(c, body, err);
    if (st == ST_OK)
        st = langtrace__text(body, "promptsetId", &out->set_id, err);
    if (st == ST_OK)
        st = langtrace__text(body, "value", &out->value, err);
    if (st == ST_OK && is_new && !out->value.p)
        st = err_at(err, ST_INVALID, "value", "is required: the text of the prompt");
    if (st == ST_OK && is_new && out->set_id.n == 0)
        st = err_at(err, ST_INVALID, "promptsetId", "is required: the prompt set it belongs to");
    if (st == ST_OK)
        st = langtrace__text(body, "note", &out->note, err);
    if (st == ST_OK)
        st = langtrace__text(body, "spanId", &out->span_id, err);
    if (st == ST_OK)
        st = langtrace__text(body, "model", &model, err);
    out->model = json_key(body, "model");
    out->settings = json_key(body, "modelSettings");
    out->variables = json_key(body, "variables");
    out->tags = json_key(body, "tags");
    if (st == ST_OK && json_is_set(out->settings) && !json_is_obj(out->settings))
        st = err_at(err, ST_INVALID, "modelSettings", "must be an object");
    if (st == ST_OK)
        st = check_texts(out->variables, "variables", err);
    if (st == ST_OK)
        st = check_texts(out->tags, "tags", err);
    return st == ST_OK ? read_switches(body, out, err) : st;
}

/* model and modelSettings are one object in the registry; what is not named stays. Absent: nothing of it was named. */
static struct str extra_of(struct arena *a, const struct prompt_body *body, struct json old)
{
    struct json settings = json_is_obj(body->settings) ? body->settings : old;
    struct json model = json_type(body->model) == JSON_ABSENT ? json_key(old, "model") : body->model;
    if (json_type(body->settings) == JSON_ABSENT && json_type(body->model) == JSON_ABSENT)
        return STR_NONE;
    struct record_member m = { "model",
        json_is_str(model) && json_str(model).n > 0 ? json_text(a, model) : RECORDS_GONE };
    return records_body_with(a, settings, &m, 1);
}

static void put_prompt(struct call *c, struct batch *b, const struct row *old, struct str id,
    const struct prompt_body *body, struct prompt_version_edit place)
{
    struct arena *a = c->arena;
    struct json extra = old ? json_key(records_body(a, old), "extra") : JSON_NONE;
    const struct record_member members[] = { { "content", records_quoted(a, body->value) },
        { "extra", extra_of(a, body, extra) }, { "notes", records_quoted(a, body->note) },
        { "variables", json_is_arr(body->variables) ? json_text(a, body->variables) : STR_NONE },
        { "inputs", json_is_arr(body->variables) ? RECORDS_GONE : STR_NONE }, /* LangWatch's word for them */
        { "tags", json_is_arr(body->tags) ? json_text(a, body->tags) : STR_NONE },
        { "span_id", records_quoted(a, body->span_id) } };
    place.members = members;
    place.n_members = sizeof members / sizeof *members;
    prompts_put_version(c, b, old, id, &place);
}

/* At most one is live: the label moves (version absent: to none). */
static void move_live(struct call *c, struct batch *b, const struct prompt *set, struct str version_id)
{
    struct record_member labels = { "labels",
        prompts_labels_with(c->arena, set, STR(PROMPTS_PRODUCTION), version_id) };
    prompts_put(c, b, set->row, set->id, &(struct prompt_edit){ .members = &labels, .n_members = 1 });
}

/* Places of the answers both ways of writing end up with. */
enum { ASK_FIRST, ASK_SET, ASK_VERSIONS };

static void ask_set(struct call *c, struct str id)
{
    (void)prompts_ask_one(c, id);
    (void)prompts_ask_versions(c, id);
}

static void ask_result(struct call *c, struct str version_id, struct str set_id)
{
    (void)prompts_ask_version(c, version_id);
    ask_set(c, set_id);
}

enum status langtrace__new_prompt_ask(struct call *c, struct err *err)
{
    struct prompt_body body;
    if (c->round > 0)
        return ask_row(c, ASK_SET) ? ST_OK : no_set(err);
    enum status st = read_prompt(c, true, &body, err);
    if (st != ST_OK)
        return st;
    (void)prompts_ask_counter(c);
    ask_set(c, body.set_id);
    c->again = true;
    return ST_OK;
}

enum status langtrace__new_prompt_write(struct call *c, struct batch *b, struct err *err)
{
    struct prompt_body body;
    struct str id;
    enum status st = read_prompt(c, true, &body, err);
    if (st == ST_OK)
        st = prompts_room(&c->asks[ASK_VERSIONS], err);
    if (st != ST_OK)
        return st;
    struct prompt set = prompts_view(c->arena, ask_row(c, ASK_SET));
    int64_t next = prompts_last_number(&set, &c->asks[ASK_VERSIONS]) + 1;
    prompts_take_ids(c, b, ASK_FIRST, &id, 1);
    put_prompt(c, b, NULL, id, &body,
        (struct prompt_version_edit){ .prompt_id = set.id,
            .name = set.name,
            .number = body.has_number ? body.number : next,
            .is_draft = !body.live });
    if (body.live)
        move_live(c, b, &set, id);
    ask_result(c, id, set.id);
    return ST_OK;
}

enum status langtrace__prompt_ask(struct call *c, struct err *err)
{
    struct prompt_body body;
    struct json v;
    if (c->round == 0) {
        enum status st = read_prompt(c, false, &body, err);
        if (st == ST_OK)
            st = call_json(c, &v, err);
        struct str id = st == ST_OK ? edited_id(c, v) : STR_NONE;
        if (st == ST_OK && id.n == 0)
            st = err_set(err, ST_INVALID, "id is required");
        if (st != ST_OK)
            return st;
        (void)prompts_ask_version(c, id);
        c->again = true;
        return ST_OK;
    }
    if (!ask_row(c, ASK_FIRST))
        return err_set(err, ST_NOT_FOUND, "No prompts found with this id");
    if (c->round == 1) {
        ask_set(c, row_text(ask_row(c, ASK_FIRST), RECORD_parent_id));
        c->again = true;
        return ST_OK;
    }
    return ask_row(c, ASK_SET) ? ST_OK : no_set(err);
}

enum status langtrace__prompt_write(struct call *c, struct batch *b, struct err *err)
{
    struct prompt_body body;
    enum status st = read_prompt(c, false, &body, err);
    if (st != ST_OK)
        return st;
    const struct row *old = ask_row(c, ASK_FIRST);
    struct prompt set = prompts_view(c->arena, ask_row(c, ASK_SET));
    bool was_draft = str_is(row_text(old, RECORD_status), "draft");
    bool was_live = langtrace__is_live(&set, &c->asks[ASK_VERSIONS], old);
    put_prompt(
        c, b, old, old->id, &body, (struct prompt_version_edit){ .is_draft = was_draft && !body.live });
    if (body.has_number)
        event_set_int(records_put(c, b, PROMPTS_VERSION_KIND, old->id), RECORD_seq, body.number);
    if (body.has_live && body.live != was_live)
        move_live(c, b, &set, body.live ? old->id : STR_NONE);
    ask_result(c, old->id, set.id);
    return ST_OK;
}

/* The three answers asked after the commit are the last. */
void langtrace__prompt_reply(struct call *c, struct reply *r)
{
    const struct ask *versions = &c->asks[c->n_asks - 1];
    struct prompt set = prompts_view(c->arena, ask_row(c, c->n_asks - 2));
    struct prompt_version v = prompts_view_version(c->arena, ask_row(c, c->n_asks - 3));
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "data");
    langtrace__write_prompt(&w, c->arena, &v, langtrace__is_live(&set, versions, v.row), STR_NONE);
    jw_obj_end(&w);
}
