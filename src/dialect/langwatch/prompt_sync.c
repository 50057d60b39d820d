/*
 * POST /api/prompts/{id}/sync (section 9): a file that the CLI keeps, against what is stored. Equal numbers and another content make a new
 * version; a file that is behind, or knows no version, and was changed is a conflict, which is told and not decided.
 */
#include "dialect/langwatch/rest_priv.h"

#include <stdio.h>
#include <string.h>

/* ---- POST /api/prompts/{id}/sync ------------------------------------------------------------------------------------ */

/* What came of it; the prompt is shown but after a conflict. */
struct sync {
    const char *action;
    struct json local, remote; /* configurations */
    int64_t local_version, remote_version;
    const struct prompt_version *latest;
};

enum status langwatch_prompt_sync_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, langwatch__check_config, &body, err);
    if (st == ST_OK)
        st = langwatch__prompt_find(c, langwatch__prompt_handle(c), false, err);
    if (st != ST_OK || c->round != 1)
        return st;
    if (!langwatch__prompt_found(c)) {
        struct issues is = { .arena = c->arena };
        struct json handle;
        struct str text = arena_printf(
            c->arena, "{\"handle\":%.*s}", STR_ARG(records_quoted(c->arena, langwatch__prompt_handle(c))));
        if (json_parse(c->arena, text, 0, &handle, NULL) == ST_OK)
            langwatch__check_prompt(&is, handle, true);
        if (is.n > 0)
            return langwatch__fail_newer(c, err, &is);
        (void)prompts_ask_versions(c, STR("")); /* none: keeps the places of the others */
    }
    (void)prompts_ask_counter(c);
    return ST_OK;
}

/* A member as it counts when configurations are compared. */
static struct json compared(struct json config, struct str key)
{
    struct json v = json_get(config, key);
    return json_is_null(v) || (json_is_arr(v) && json_size(v) == 0) ? JSON_NONE : v;
}

/* What is derived, and inputs that were not sent (they are found in the text), say nothing about a change. */
static bool differs(const struct sync *s, struct str key)
{
    struct json local = compared(s->local, key), remote = compared(s->remote, key);
    if (str_is(key, "response_format") || (str_is(key, "inputs") && !local.v))
        return false;
    return !local.v || !remote.v ? local.v != remote.v : !json_equal(local, remote);
}

static void add_difference(struct jw *w, struct str key, size_t *n)
{
    char text[96];
    int len = snprintf(text, sizeof(text), "%.*s differs", (int)(key.n > 60 ? 60 : key.n), key.p);
    jw_str(w, (struct str){ text, (size_t)len });
    (*n)++;
}

/* Their names, as a JSON array; *n of them. */
static struct str differences(struct call *c, const struct sync *s, struct json parameters, size_t *n)
{
    struct str key;
    struct json v, remote = json_key(s->latest->body, "parameters");
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    *n = 0;
    jw_arr(&w);
    for (struct json_iter it = json_iter(s->local); json_next(&it, &key, &v);)
        if (differs(s, key))
            add_difference(&w, key, n);
    for (struct json_iter it = json_iter(s->remote); json_next(&it, &key, &v);)
        if (json_type(json_get(s->local, key)) == JSON_ABSENT && differs(s, key))
            add_difference(&w, key, n);
    bool both_empty = json_size(parameters) == 0 && json_size(remote) == 0;
    if (json_is_obj(parameters) && !both_empty && !(remote.v && json_equal(parameters, remote)))
        add_difference(&w, STR("parameters"), n);
    jw_arr_end(&w);
    return langwatch__taken(c->arena, &out);
}

/* The system message of a local file may stand in either place. */
static struct json config_parsed(struct call *c, struct str text)
{
    struct json v;
    return json_parse(c->arena, text, 0, &v, NULL) == ST_OK ? v : JSON_NONE;
}

/* The local configuration in the same form as a stored one. */
static struct json local_config(struct call *c, const struct prompt_draft *draft, struct json body)
{
    struct str text = records_body_with(c->arena, JSON_NONE, draft->members, draft->n_members);
    struct json members = config_parsed(c, text);
    struct prompt_version v = {
        .content = json_key(members, "content"), .extra = json_key(members, "extra"), .body = members
    };
    struct json config = config_parsed(c, langwatch__config_of(c, &v));
    /* inputs that the file does not name are not compared */
    struct record_member inputs = { "inputs", STR("[]") };
    if (json_size(json_key(json_key(body, "configData"), "inputs")) == 0)
        config = config_parsed(c, records_body_with(c->arena, config, &inputs, 1));
    return config;
}

/* Compare with the version a number names; true when the local file is what that version was. */
static bool unchanged_since(
    struct call *c, struct sync *s, const struct prompt *p, int64_t number, struct json parameters)
{
    const struct row *base = prompts_with_number(p, &c->asks[PROMPT_VERSIONS], number);
    if (!base)
        return false;
    struct prompt_version v = prompts_view_version(c->arena, base);
    struct sync then = *s;
    size_t n;
    then.remote = config_parsed(c, langwatch__config_of(c, &v));
    then.latest = &v;
    (void)differences(c, &then, parameters, &n);
    return n == 0;
}

static struct prompt_version *latest_of(struct call *c, const struct prompt *p)
{
    const struct row *latest = prompts_with_label(p, &c->asks[PROMPT_VERSIONS], STR(PROMPTS_LATEST));
    struct prompt_version *v = arena_alloc(c->arena, sizeof(*v));
    *v = latest ? prompts_view_version(c->arena, latest) : (struct prompt_version){ .content = JSON_NONE };
    return v;
}

static enum status sync_new(
    struct call *c, struct batch *b, struct sync *s, struct json body, struct prompt_draft *draft)
{
    struct str ids[2];
    struct record_member name = { "handle", records_quoted(c->arena, langwatch__prompt_handle(c)) };
    s->action = "created";
    prompts_take_ids(c, b, PROMPT_VERSIONS + 1, ids, 2);
    (void)body;
    langwatch__prompt_put(c, b, NULL, ids[0], ids[1], 1,
        config_parsed(c, records_body_with(c->arena, JSON_NONE, &name, 1)), JSON_NONE, draft);
    return ST_OK;
}

static void add_notes(struct call *c, struct prompt_draft *draft, struct json body, const char *none)
{
    struct json message = json_key(body, "commitMessage");
    draft->members[draft->n_members++] = (struct record_member){ "notes",
        json_is_str(message) ? json_text(c->arena, message) : records_quoted(c->arena, str_of(none)) };
}

/* Nothing is written: what is stored is shown. */
static enum status keep(struct call *c, struct sync *s, const struct prompt *p, const char *action)
{
    s->action = action;
    (void)prompts_ask_one(c, p->id);
    (void)prompts_ask_version(c, s->latest->id);
    return ST_OK;
}

enum status langwatch_prompt_sync_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct prompt_draft draft;
    struct sync *s = langwatch__state(c)->more = arena_alloc(c->arena, sizeof(*s));
    size_t n;
    enum status st = call_json(c, &body, err);
    struct json parameters = json_key(body, "parameters");
    if (st == ST_OK)
        st = langwatch__draft_config(c, json_key(body, "configData"), parameters, NULL, &draft, err);
    if (st != ST_OK)
        return st;
    s->local = local_config(c, &draft, body);
    if (!langwatch__prompt_found(c)) {
        add_notes(c, &draft, body, "Synced from a local file");
        return sync_new(c, b, s, body, &draft);
    }
    struct prompt p = prompts_view(c->arena, langwatch__prompt_found(c));
    s->latest = latest_of(c, &p);
    s->remote = config_parsed(c, langwatch__config_of(c, s->latest));
    s->remote_version = s->latest->number;
    if (!json_i64(json_key(body, "localVersion"), &s->local_version))
        s->local_version = 0;
    (void)differences(c, s, parameters, &n);
    if (!s->latest->row ||
        (s->local_version == s->remote_version && n > 0)) { /* a set of Langtrace can be empty */
        struct str id;
        int64_t number;
        st = langwatch__prompt_next(c, b, &p, &id, &number, err);
        if (st != ST_OK)
            return st;
        s->action = "updated";
        add_notes(c, &draft, body, "Updated from a local file");
        langwatch__prompt_put(c, b, &p, p.id, id, number, JSON_NONE, JSON_NONE, &draft);
        return ST_OK;
    }
    bool behind = s->local_version > 0 && s->local_version < s->remote_version &&
                  unchanged_since(c, s, &p, s->local_version, parameters);
    return keep(c, s, &p, behind || s->local_version == s->remote_version ? "up_to_date" : "conflict");
}

void langwatch_prompt_sync_reply(struct call *c, struct reply *r)
{
    const struct sync *s = langwatch__state(c)->more;
    struct json body = JSON_NONE;
    size_t n;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_cstr(&w, "action", s->action);
    if (strcmp(s->action, "conflict") != 0) {
        jw_key(&w, "prompt");
        struct prompt p = prompts_view(c->arena, ask_row(c, c->n_asks - 2));
        langwatch__write_prompt(&w, c, &p, ask_row(c, c->n_asks - 1), false);
        jw_obj_end(&w);
        return;
    }
    if (call_json(c, &body, NULL) != ST_OK)
        body = JSON_NONE;
    jw_key(&w, "conflictInfo");
    jw_obj(&w);
    jw_kv_i64(&w, "localVersion", s->local_version);
    jw_kv_i64(&w, "remoteVersion", s->remote_version);
    jw_kv_raw(&w, "differences", differences(c, s, json_key(body, "parameters"), &n));
    jw_key(&w, "remoteConfigData");
    jw_value(&w, s->remote);
    jw_key(&w, "remoteParameters");
    if (json_is_obj(json_key(s->latest->body, "parameters")))
        jw_value(&w, json_key(s->latest->body, "parameters"));
    else
        jw_raw(&w, STR("{}"));
    jw_obj_end(&w);
    jw_obj_end(&w);
}
