/*
 * A prompt as LangWatch shows it (section 9), whichever product made it. Members that the contract marks as optional are left out when
 * nobody set them: Python's generated client raises on a null there.
 */
#include "dialect/langwatch/rest_priv.h"

/* ---- content -------------------------------------------------------------------------------------------------------- */

/* What a client knows: any other role is the user's. */
static const char *role_of(struct str role)
{
    if (str_is(role, "system") || str_is(role, "developer"))
        return "system";
    return str_is(role, "assistant") ? "assistant" : "user";
}

static struct str text_of(struct arena *a, struct json content)
{
    if (!json_is_set(content))
        return STR("");
    return json_is_str(content) ? json_str(content) : json_text(a, content);
}

static bool is_system(struct json m)
{
    return str_is(str_of(role_of(json_str(json_key(m, "role")))), "system");
}

struct str langwatch__system_of(struct arena *a, struct json content)
{
    struct json m;
    if (json_is_str(content))
        return json_str(content);
    for (struct json_iter it = json_iter(content); json_is_arr(content) && json_next(&it, NULL, &m);)
        if (is_system(m))
            return text_of(a, json_key(m, "content"));
    return STR("");
}

static void write_message(struct jw *w, const char *role, struct str content)
{
    jw_obj(w);
    jw_kv_cstr(w, "role", role);
    jw_kv_str(w, "content", content);
    jw_obj_end(w);
}

void langwatch__write_messages(struct jw *w, struct arena *a, struct json content, bool with_system)
{
    struct json m;
    jw_arr(w);
    if (json_is_str(content) && with_system)
        write_message(w, "system", json_str(content));
    for (struct json_iter it = json_iter(content); json_is_arr(content) && json_next(&it, NULL, &m);)
        if (json_is_obj(m) && (with_system || !is_system(m)))
            write_message(w, role_of(json_str(json_key(m, "role"))), text_of(a, json_key(m, "content")));
    jw_arr_end(w);
}

/* ---- fields --------------------------------------------------------------------------------------------------------- */

static void write_fields(
    struct jw *w, const char *key, struct json fields, struct json names, struct str none)
{
    struct json name;
    jw_key(w, key);
    if (json_is_arr(fields)) {
        jw_value(w, fields);
        return;
    }
    if (!json_is_arr(names) || json_size(names) == 0) {
        jw_raw(w, none);
        return;
    }
    jw_arr(w);
    for (struct json_iter it = json_iter(names); json_next(&it, NULL, &name);) {
        jw_obj(w);
        jw_kv_str(w, "identifier", json_is_str(name) ? json_str(name) : STR(""));
        jw_kv_cstr(w, "type", "str");
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_inputs(struct jw *w, const struct prompt_version *v)
{
    write_fields(w, "inputs", json_key(v->body, "inputs"), json_key(v->body, "variables"),
        STR("[{\"identifier\":\"input\",\"type\":\"str\"}]"));
}

static void write_outputs(struct jw *w, const struct prompt_version *v)
{
    write_fields(w, "outputs", json_key(v->body, "outputs"), JSON_NONE,
        STR("[{\"identifier\":\"output\",\"type\":\"str\"}]"));
}

/* As stated, else what an output with a schema comes to. */
static void write_format(struct jw *w, const struct prompt_version *v)
{
    struct json stated = json_key(v->body, "response_format"), o;
    langwatch__kv_opt(w, "responseFormat", stated);
    if (json_is_set(stated))
        return;
    struct json outputs = json_key(v->body, "outputs");
    for (struct json_iter it = json_iter(outputs); json_next(&it, NULL, &o);) {
        if (!str_is(json_str(json_key(o, "type")), "json_schema") || !json_is_obj(json_key(o, "json_schema")))
            continue;
        jw_key(w, "responseFormat");
        jw_obj(w);
        jw_kv_cstr(w, "type", "json_schema");
        jw_key(w, "json_schema");
        jw_obj(w);
        jw_kv_str(w, "name", json_str(json_key(o, "identifier")));
        jw_key(w, "schema");
        jw_value(w, json_key(o, "json_schema"));
        jw_obj_end(w);
        jw_obj_end(w);
        return;
    }
}

static struct str model_of(const struct prompt_version *v)
{
    struct str model = json_str(json_key(v->extra, "model"));
    return model.n > 0 ? model : STR(LANGWATCH_PROMPT_MODEL);
}

static void write_number(struct jw *w, const char *key, struct json v)
{
    if (json_is_num(v))
        langwatch__kv_opt(w, key, v);
}

static void write_tags(struct jw *w, const struct prompt *p)
{
    struct str label;
    struct json id;
    jw_key(w, "tags");
    jw_arr(w);
    for (struct json_iter it = json_iter(p->labels); json_next(&it, &label, &id);) {
        if (!json_is_str(id))
            continue;
        jw_obj(w);
        jw_kv_str(w, "name", label);
        jw_kv_str(w, "versionId", json_str(id));
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

/* ---- prompts -------------------------------------------------------------------------------------------------------- */

static void write_version(struct jw *w, struct call *c, const struct prompt_version *v)
{
    jw_kv_str(w, "prompt", langwatch__system_of(c->arena, v->content));
    jw_key(w, "messages");
    langwatch__write_messages(w, c->arena, v->content, true);
    write_inputs(w, v);
    write_outputs(w, v);
    jw_kv_str(w, "model", model_of(v));
    write_number(w, "temperature", json_key(v->extra, "temperature"));
    write_number(w, "maxTokens", json_key(v->extra, "max_tokens"));
    write_format(w, v);
    langwatch__kv_opt(w, "demonstrations", json_key(v->body, "demonstrations"));
    langwatch__kv_opt(w, "promptingTechnique", json_key(v->body, "prompting_technique"));
}

void langwatch__write_prompt(
    struct jw *w, struct call *c, const struct prompt *p, const struct row *version, bool history)
{
    struct prompt_version v = prompts_view_version(c->arena, version);
    struct json scope = json_key(p->body, "scope"), author = json_key(v.body, "author"),
                parameters = json_key(v.body, "parameters");
    jw_obj(w);
    jw_kv_str(w, "id", p->id);
    jw_kv_str(w, "handle", p->name);
    jw_kv_str(w, "scope", json_is_str(scope) ? json_str(scope) : STR("PROJECT"));
    jw_kv_str(w, "name", p->name);
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_kv_str(w, "organizationId", c->caller->organization_id);
    jw_kv_str(w, "versionId", v.id);
    jw_kv_i64(w, "version", v.number);
    jw_kv_str(w, "authorId", json_str(author));
    langwatch__kv_time(w, "createdAt", history ? v.created_ns : p->created_ns);
    langwatch__kv_time(w, "updatedAt", p->updated_ns > v.updated_ns ? p->updated_ns : v.updated_ns);
    if (v.notes.n > 0)
        jw_kv_str(w, "commitMessage", v.notes);
    write_version(w, c, &v);
    write_tags(w, p);
    jw_key(w, "parameters");
    if (json_is_obj(parameters))
        jw_value(w, parameters);
    else
        jw_raw(w, STR("{}"));
    jw_obj_end(w);
}

struct str langwatch__config_of(struct call *c, const struct prompt_version *v)
{
    struct str key;
    struct json value;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_str(&w, "prompt", langwatch__system_of(c->arena, v->content));
    jw_key(&w, "messages");
    langwatch__write_messages(&w, c->arena, v->content, false);
    write_inputs(&w, v);
    write_outputs(&w, v);
    jw_kv_str(&w, "model", model_of(v));
    for (struct json_iter it = json_iter(v->extra); json_next(&it, &key, &value);)
        if (!str_is(key, "model") && json_is_set(value)) {
            jw_key_str(&w, key);
            jw_value(&w, value);
        }
    langwatch__kv_opt(&w, "demonstrations", json_key(v->body, "demonstrations"));
    langwatch__kv_opt(&w, "prompting_technique", json_key(v->body, "prompting_technique"));
    jw_obj_end(&w);
    return langwatch__taken(c->arena, &out);
}
