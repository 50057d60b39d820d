/*
 * Projects and their keys (langtrace.md 2, 4, 5). What is wished is stated as deeds; api does them.
 *
 * Upstream takes any teamId and mints keys without a key; here both need the team's own (2).
 */
#include "dialect/langtrace/langtrace_priv.h"

static enum status refuse(struct err *err)
{
    return err_set(err, ST_UNAUTHORIZED, "%s", LANGTRACE_UNAUTHORIZED);
}

static bool is_team(const struct call *c)
{
    return c->caller->project == 0;
}

static void write_fields(struct jw *w, const struct deed *d)
{
    langtrace__kv_text(w, "id", d->project_id);
    langtrace__kv_text(w, "name", d->name);
    langtrace__kv_text(w, "description", d->description);
    langtrace__kv_text(w, "teamId", d->organization_id);
    langtrace__kv_text(w, "type", d->type);
    langtrace__kv_time(w, "createdAt", d->created_ns);
    langtrace__kv_time(w, "updatedAt", d->updated_ns);
}

/* ---- POST /api/project ---------------------------------------------------------------------------------------------- */

static enum status wants_tests(struct json body, bool *out, struct err *err)
{
    struct json v = json_key(body, "createDefaultTests");
    *out = !json_is_set(v) || json_bool(v);
    if (json_is_set(v) && json_type(v) != JSON_BOOL)
        return err_at(err, ST_INVALID, "createDefaultTests", "must be true or false, got %s",
            json_type_name(json_type(v)));
    return ST_OK;
}

static enum status read_wish(struct call *c, struct str *team, struct deed *d, struct err *err)
{
    struct json body;
    bool tests;
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = langtrace__text(body, "teamId", team, err);
    if (st == ST_OK && team->n == 0)
        st = err_set(err, ST_INVALID, "teamId is required");
    if (st == ST_OK)
        st = langtrace__text(body, "name", &d->name, err);
    if (st == ST_OK)
        st = langtrace__text(body, "description", &d->description, err);
    if (st == ST_OK)
        st = langtrace__text(body, "type", &d->type, err);
    if (st == ST_OK)
        st = wants_tests(body, &tests, err);
    d->name = str_trim(d->name);
    return st;
}

enum status langtrace__new_project_ask(struct call *c, struct err *err)
{
    struct str team;
    struct deed wish = { 0 };
    if (!is_team(c))
        return refuse(err);
    enum status st = read_wish(c, &team, &wish, err);
    if (st != ST_OK)
        return st;
    if (!str_eq(team, c->caller->organization_id))
        return refuse(err);
    wish.kind = DEED_PROJECT_NEW;
    wish.organization_id = team;
    *call_deed(c, DEED_PROJECT_NEW) = wish;
    return ST_OK;
}

enum status langtrace__new_project_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    bool tests;
    enum status st = langtrace__body(c, &body, err);
    if (st == ST_OK)
        st = wants_tests(body, &tests, err);
    if (st == ST_OK && tests)
        langtrace__default_tests(c, b, c->deeds[0].number);
    return st;
}

/* The published schema has the project itself, upstream has it under `data`: here it is both. */
void langtrace__new_project_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    write_fields(&w, &c->deeds[0]);
    jw_key(&w, "data");
    jw_obj(&w);
    write_fields(&w, &c->deeds[0]);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

/* ---- POST /api/api-key ---------------------------------------------------------------------------------------------- */

/* The docs spell it project_Id once. */
static struct str wanted_project(const struct call *c)
{
    struct str id = call_query(c, "project_id");
    return id.n > 0 ? id : call_query(c, "project_Id");
}

enum status langtrace__new_key_ask(struct call *c, struct err *err)
{
    if (c->round > 0)
        return c->deeds[0].found ? ST_OK : err_set(err, ST_NOT_FOUND, "No projects found");
    struct str project = wanted_project(c), team = call_query(c, "team_id");
    if (project.n == 0 && team.n == 0)
        return err_set(err, ST_INVALID, "Missing project_id or team_id");
    if (project.n > 0 ? !is_team(c) && !str_eq(project, c->caller->project_id)
                      : !is_team(c) || !str_eq(team, c->caller->organization_id))
        return refuse(err);
    struct deed *d = call_deed(c, DEED_KEY_MINT);
    d->organization_id = c->caller->organization_id;
    d->project_id = project.n > 0 ? project : STR_NONE;
    c->again = true;
    return ST_OK;
}

void langtrace__new_key_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "apiKey", c->deeds[0].secret);
    jw_key(&w, "data");
    jw_obj(&w);
    jw_kv_str(&w, "apiKey", c->deeds[0].secret);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

/* ---- GET /api/project ----------------------------------------------------------------------------------------------- */

enum status langtrace__project_ask(struct call *c, struct err *err)
{
    if (c->round > 0)
        return c->deeds[0].found ? ST_OK : refuse(err); /* deleted a moment ago, and its keys with it */
    call_deed(c, DEED_PROJECT_GET)->project_id = c->caller->project_id;
    c->again = true;
    return ST_OK;
}

void langtrace__project_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "project");
    jw_obj(&w);
    write_fields(&w, &c->deeds[0]);
    jw_obj_end(&w);
    jw_obj_end(&w);
}
