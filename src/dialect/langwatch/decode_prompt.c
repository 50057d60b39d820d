/*
 * Bodies of prompts (section 9). A prompt is what the registry calls content: its system message is LangWatch's `prompt`, the others are
 * its `messages`; sent alone, `prompt` is a text.
 */
#include "dialect/langwatch/rest_priv.h"

#include <string.h>

static const char *const roles[] = { "user", "assistant", "system", NULL };
static const char *const scopes[] = { "ORGANIZATION", "PROJECT", NULL };
static const char *const input_types[] = { "str", "float", "bool", "image", "list", "list[str]",
    "list[float]", "list[int]", "list[bool]", "dict", "chat_messages", NULL };
static const char *const output_types[] = { "str", "float", "bool", "json_schema", NULL };
static const char *const techniques[] = { "few_shot", "in_context", "chain_of_thought", NULL };
static const char *const body_members[] = { "handle", "scope", "model", "temperature", "maxTokens",
    "commitMessage", "authorId", "prompt", "messages", "inputs", "outputs", "schemaVersion", "tags",
    "parameters", "responseFormat", "demonstrations", "promptingTechnique", NULL };

/* ---- checks --------------------------------------------------------------------------------------------------------- */

/* identifier or namespace/identifier */
static bool is_handle(struct str s)
{
    bool slash = false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (ch == '/' && !slash && i > 0 && i + 1 < s.n)
            slash = true;
        else if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_'))
            return false;
    }
    return s.n > 0 && s.n <= 255;
}

static void check_handle(struct issues *is, struct json v, bool optional)
{
    const struct at *at = AT(NULL, "handle");
    if (langwatch__is_text(is, at, v, optional) && !is_handle(json_str(v)))
        langwatch__issue(is, at, "invalid_string",
            STR("Handle should be 'identifier' or 'namespace/identifier' of small letters, digits, hyphens and "
                "underscores, at most 255 characters"));
}

static void check_messages(struct issues *is, const struct at *at, struct json v)
{
    struct json m;
    size_t i = 0;
    if (!langwatch__is_array(is, at, v, true))
        return;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &m); i++) {
        const struct at *one = AT_INDEX(at, i);
        if (!langwatch__is_object(is, one, m, false))
            continue;
        if (langwatch__word(roles, json_str(json_key(m, "role"))) < 0)
            langwatch__issue_enum(is, AT(one, "role"), roles, json_key(m, "role"));
        langwatch__is_text(is, AT(one, "content"), json_key(m, "content"), false);
    }
}

/* inputs or outputs: [{identifier, type}] */
static void check_fields(struct issues *is, const struct at *at, struct json v, const char *const *types)
{
    struct json f;
    size_t i = 0;
    if (!langwatch__is_array(is, at, v, true))
        return;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &f); i++) {
        const struct at *one = AT_INDEX(at, i);
        if (!langwatch__is_object(is, one, f, false))
            continue;
        langwatch__is_filled(is, AT(one, "identifier"), json_key(f, "identifier"), false);
        if (langwatch__word(types, json_str(json_key(f, "type"))) < 0)
            langwatch__issue_enum(is, AT(one, "type"), types, json_key(f, "type"));
        langwatch__is_object(is, AT(one, "json_schema"), json_key(f, "json_schema"), true);
    }
}

static void check_format(struct issues *is, const struct at *at, struct json v)
{
    static const char *const types[] = { "json_schema", NULL };
    if (langwatch__is_object(is, at, v, true) && langwatch__word(types, json_str(json_key(v, "type"))) < 0)
        langwatch__issue_enum(is, AT(at, "type"), types, json_key(v, "type"));
}

static void check_technique(struct issues *is, const struct at *at, struct json v)
{
    if (langwatch__is_object(is, at, v, true) &&
        langwatch__word(techniques, json_str(json_key(v, "type"))) < 0)
        langwatch__issue_enum(is, AT(at, "type"), techniques, json_key(v, "type"));
}

static void check_tags(struct issues *is, struct json tags)
{
    const struct at *at = AT(NULL, "tags");
    struct json tag;
    size_t i = 0;
    if (!langwatch__is_array(is, at, tags, true))
        return;
    for (struct json_iter it = json_iter(tags); json_next(&it, NULL, &tag); i++) {
        if (!langwatch__is_text(is, AT_INDEX(at, i), tag, false))
            continue;
        struct str fault = langwatch__tag_fault(is->arena, json_str(tag));
        if (fault.p)
            langwatch__issue(is, AT_INDEX(at, i), "custom", fault);
    }
}

void langwatch__check_prompt(struct issues *is, struct json body, bool is_new)
{
    struct json scope = json_key(body, "scope");
    langwatch__issue_keys(is, NULL, body_members, body);
    check_handle(is, json_key(body, "handle"), !is_new);
    if (json_is_set(scope) && langwatch__word(scopes, json_str(scope)) < 0)
        langwatch__issue_enum(is, AT(NULL, "scope"), scopes, scope);
    langwatch__is_text(is, AT(NULL, "commitMessage"), json_key(body, "commitMessage"), is_new);
    langwatch__is_text(is, AT(NULL, "authorId"), json_key(body, "authorId"), true);
    langwatch__is_text(is, AT(NULL, "prompt"), json_key(body, "prompt"), true);
    langwatch__is_text(is, AT(NULL, "model"), json_key(body, "model"), true);
    langwatch__is_number(is, AT(NULL, "temperature"), json_key(body, "temperature"), true);
    langwatch__is_number(is, AT(NULL, "maxTokens"), json_key(body, "maxTokens"), true);
    langwatch__is_object(is, AT(NULL, "parameters"), json_key(body, "parameters"), true);
    langwatch__is_object(is, AT(NULL, "demonstrations"), json_key(body, "demonstrations"), true);
    check_messages(is, AT(NULL, "messages"), json_key(body, "messages"));
    check_fields(is, AT(NULL, "inputs"), json_key(body, "inputs"), input_types);
    check_fields(is, AT(NULL, "outputs"), json_key(body, "outputs"), output_types);
    check_format(is, AT(NULL, "responseFormat"), json_key(body, "responseFormat"));
    check_technique(is, AT(NULL, "promptingTechnique"), json_key(body, "promptingTechnique"));
    check_tags(is, json_key(body, "tags"));
}

/* Parameters of a configuration that are numbers, and those that are words; they are kept under their own names. */
static const char *const config_numbers[] = { "temperature", "max_tokens", "top_p", "frequency_penalty",
    "presence_penalty", "seed", "top_k", "min_p", "repetition_penalty", NULL };
static const char *const config_words[] = { "reasoning", "reasoning_effort", "thinkingLevel", "effort",
    "verbosity", NULL };

void langwatch__check_config(struct issues *is, struct json body)
{
    const struct at *at = AT(NULL, "configData");
    struct json config = json_key(body, "configData");
    langwatch__is_object(is, AT(NULL, "parameters"), json_key(body, "parameters"), true);
    langwatch__is_number(is, AT(NULL, "localVersion"), json_key(body, "localVersion"), true);
    langwatch__is_text(is, AT(NULL, "commitMessage"), json_key(body, "commitMessage"), true);
    if (!langwatch__is_object(is, at, config, false))
        return;
    langwatch__is_text(is, AT(at, "prompt"), json_key(config, "prompt"), false);
    langwatch__is_filled(is, AT(at, "model"), json_key(config, "model"), false);
    if (langwatch__is_array(is, AT(at, "outputs"), json_key(config, "outputs"), false) &&
        json_size(json_key(config, "outputs")) == 0)
        langwatch__issue(is, AT(at, "outputs"), "too_small", STR("At least one output is required"));
    check_messages(is, AT(at, "messages"), json_key(config, "messages"));
    check_fields(is, AT(at, "inputs"), json_key(config, "inputs"), input_types);
    check_fields(is, AT(at, "outputs"), json_key(config, "outputs"), output_types);
    check_format(is, AT(at, "response_format"), json_key(config, "response_format"));
    check_technique(is, AT(at, "prompting_technique"), json_key(config, "prompting_technique"));
    for (size_t i = 0; config_numbers[i]; i++)
        langwatch__is_number(
            is, AT_KEY(at, str_of(config_numbers[i])), json_key(config, config_numbers[i]), true);
    for (size_t i = 0; config_words[i]; i++)
        langwatch__is_text(is, AT_KEY(at, str_of(config_words[i])), json_key(config, config_words[i]), true);
}

/* ---- content -------------------------------------------------------------------------------------------------------- */

static bool is_system(struct json m)
{
    return str_is(json_str(json_key(m, "role")), "system");
}

/* The system message among `messages`; *both: `prompt` says another. */
static struct str system_among(struct json messages)
{
    struct json m;
    for (struct json_iter it = json_iter(messages); json_next(&it, NULL, &m);)
        if (is_system(m))
            return json_str(json_key(m, "content"));
    return STR_NONE;
}

static size_t write_rest(struct jw *w, struct json messages)
{
    struct json m;
    size_t n = 0;
    for (struct json_iter it = json_iter(messages); json_next(&it, NULL, &m);)
        if (!is_system(m)) {
            jw_value(w, m);
            n++;
        }
    return n;
}

static struct str content_of(
    struct call *c, struct str system, struct json messages, struct json old, bool *is_chat)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    if (system.n > 0) {
        jw_obj(&w);
        jw_kv_cstr(&w, "role", "system");
        jw_kv_str(&w, "content", system);
        jw_obj_end(&w);
    }
    size_t rest = write_rest(&w, json_is_set(messages) ? messages : old);
    jw_arr_end(&w);
    struct str text = langwatch__taken(c->arena, &out);
    *is_chat = rest > 0;
    return rest > 0 ? text : records_quoted(c->arena, system.p ? system : STR(""));
}

/* The content that `prompt` and `messages` of a request make of the old one; absent when the request has neither. */
static enum status draft_content(struct call *c, struct json prompt, struct json messages,
    const struct prompt_version *old, struct prompt_draft *out, struct err *err)
{
    struct json before = old ? old->content : JSON_NONE;
    struct str system = system_among(messages);
    out->is_chat = json_is_arr(before);
    if (!json_is_set(prompt) && !json_is_set(messages) && old)
        return ST_OK;
    if (json_is_set(prompt) && system.p && !str_eq(json_str(prompt), system))
        return langwatch__fail_code(c, err, ST_CONFLICT, "system_prompt_conflict",
            STR("System prompt and prompt cannot be set at the same time: send prompt, or a message of role system"));
    if (json_is_set(prompt))
        system = json_str(prompt);
    else if (!system.p)
        system = langwatch__system_of(c->arena, before);
    out->members[out->n_members++] = (struct record_member){ "content",
        content_of(c, system, messages, json_is_arr(before) ? before : JSON_NONE, &out->is_chat) };
    return ST_OK;
}

/* ---- the rest of a version ------------------------------------------------------------------------------------------ */

static void take(struct call *c, struct prompt_draft *out, const char *name, struct json v)
{
    if (json_is_set(v))
        out->members[out->n_members++] = (struct record_member){ name, json_text(c->arena, v) };
}

/* Langtrace's variables are the same names without types: what is said here takes their place. */
static void take_inputs(struct call *c, struct prompt_draft *out, struct json v)
{
    take(c, out, "inputs", v);
    if (json_is_set(v))
        out->members[out->n_members++] = (struct record_member){ "variables", RECORDS_GONE };
}

enum status langwatch__draft_prompt(struct call *c, struct json body, const struct prompt_version *old,
    struct prompt_draft *out, struct err *err)
{
    struct record_member extra[3];
    static const char *const names[][2] = { { "model", "model" }, { "temperature", "temperature" },
        { "maxTokens", "max_tokens" } };
    size_t n = 0;
    *out = (struct prompt_draft){ 0 };
    enum status st = draft_content(c, json_key(body, "prompt"), json_key(body, "messages"), old, out, err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < 3; i++)
        if (json_is_set(json_key(body, names[i][0])))
            extra[n++] =
                (struct record_member){ names[i][1], json_text(c->arena, json_key(body, names[i][0])) };
    if (n > 0)
        out->members[out->n_members++] = (struct record_member){ "extra",
            records_body_with(c->arena, old ? old->extra : JSON_NONE, extra, n) };
    take(c, out, "notes", json_key(body, "commitMessage"));
    take(c, out, "author", json_key(body, "authorId"));
    take_inputs(c, out, json_key(body, "inputs"));
    take(c, out, "outputs", json_key(body, "outputs"));
    take(c, out, "response_format", json_key(body, "responseFormat"));
    take(c, out, "demonstrations", json_key(body, "demonstrations"));
    take(c, out, "prompting_technique", json_key(body, "promptingTechnique"));
    take(c, out, "parameters", json_key(body, "parameters"));
    return ST_OK;
}

/* Members of a configuration that are no parameters of the model. */
static const char *const config_members[] = { "prompt", "messages", "inputs", "outputs", "response_format",
    "demonstrations", "prompting_technique", NULL };

static struct str config_extra(struct call *c, struct json config)
{
    struct str key;
    struct json v;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    for (struct json_iter it = json_iter(config); json_next(&it, &key, &v);)
        if (langwatch__word(config_members, key) < 0 && json_is_set(v)) {
            jw_key_str(&w, key);
            jw_value(&w, v);
        }
    jw_obj_end(&w);
    return langwatch__taken(c->arena, &out);
}

/* A configuration is whole: what it does not have is not there any more. */
enum status langwatch__draft_config(struct call *c, struct json config, struct json parameters,
    const struct prompt_version *old, struct prompt_draft *out, struct err *err)
{
    struct json messages = json_key(config, "messages");
    struct prompt_version none = { .content = JSON_NONE };
    *out = (struct prompt_draft){ 0 };
    enum status st = draft_content(c, json_key(config, "prompt"), messages, old ? &none : NULL, out, err);
    if (st != ST_OK)
        return st;
    out->members[out->n_members++] = (struct record_member){ "extra", config_extra(c, config) };
    take_inputs(c, out, json_key(config, "inputs"));
    take(c, out, "outputs", json_key(config, "outputs"));
    take(c, out, "response_format", json_key(config, "response_format"));
    take(c, out, "demonstrations", json_key(config, "demonstrations"));
    take(c, out, "prompting_technique", json_key(config, "prompting_technique"));
    take(c, out, "parameters", parameters);
    return ST_OK;
}
