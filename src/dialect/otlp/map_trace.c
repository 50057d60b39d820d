/*
 * What a span says of its trace (otlp.md 2.13, 2.15). It stays with the span, as column `said`; model/derive.c makes the trace of what all
 * spans say, by rank, so that their order of arrival is nothing.
 *
 *   3  values of trace keys, on any span          members name user_id session_id tags public metadata input output
 *   2  values of a root, 1 of another span        name_hint user_hint session_hint release version; columns environment, version
 *   1  what many spans share, on a root too       user_shared session_shared: resource attributes, the request's header
 */
#include "dialect/otlp/map_priv.h"

/* ---- roots and trace keys ------------------------------------------------------------------------------------------- */

static bool says_as_root(const struct mapping *x)
{
    return otlp__is_true(otlp__get(x, ATTR_langfuse_internal_as_root));
}

static const enum attribute_slot trace_keys[] = { ATTR_langfuse_trace_name, ATTR_langfuse_trace_input,
    ATTR_langfuse_trace_output, ATTR_langfuse_trace_tags, ATTR_langfuse_trace_public,
    ATTR_langfuse_trace_metadata, ATTR_langfuse_trace_metadata_langfuse_user_id,
    ATTR_langfuse_trace_metadata_langfuse_session_id, ATTR_langfuse_trace_metadata_langfuse_tags,
    ATTR_langfuse_observation_metadata_langfuse_user_id,
    ATTR_langfuse_observation_metadata_langfuse_session_id, ATTR_langfuse_observation_metadata_langfuse_tags,
    ATTR_langfuse_user_id, ATTR_langfuse_session_id, ATTR_user_id, ATTR_session_id,
    ATTR_ai_telemetry_metadata_userid, ATTR_ai_telemetry_metadata_sessionid, ATTR_ai_telemetry_metadata_tags,
    ATTR_tag_tags, ATTR_langwatch_user_id, ATTR_langwatch_thread_id, ATTR_langwatch_labels, ATTR_user_id_flat,
    ATTR_thread_id, ATTR_traceloop_association_properties_user_id,
    ATTR_traceloop_association_properties_session_id, ATTR_traceloop_association_properties_thread_id,
    ATTR_traceloop_association_properties_customer_id, ATTR_END };

static bool is_trace_key(enum attribute_slot slot)
{
    for (const enum attribute_slot *k = trace_keys; *k != ATTR_END; k++)
        if (*k == slot)
            return true;
    return false;
}

static bool has_trace_key(const struct mapping *x)
{
    return otlp__first(x, trace_keys, NULL) || x->members[FAM_langfuse_trace_metadata] ||
           x->members[FAM_traceloop_association_properties];
}

/* ---- metadata that names a user, a session, tags ------------------------------------------------------------------------ */

/* The first of the names in a family of keys, then in the JSON object that `slot` is. The value in scratch, or absent. */
static struct json object_member(const struct mapping *x, enum attribute_slot slot, const char *const *names)
{
    struct json object = otlp__metadata_object(x, slot);
    for (; *names; names++) {
        struct json v = json_key(object, *names);
        if (json_is_set(v) && !(json_is_str(v) && json_str(v).n == 0))
            return v;
    }
    return JSON_NONE;
}

static const struct any *family_member(
    const struct mapping *x, enum attribute_family family, const char *const *names)
{
    for (; *names; names++)
        for (const struct member *m = x->members[family]; m; m = m->next)
            if (str_is(m->rest, *names) && otlp__is_present(m->value))
                return m->value;
    return NULL;
}

static struct any any_of_json(const struct mapping *x, struct json v)
{
    if (json_is_str(v))
        return (struct any){ ANY_TEXT, { .s = json_str(v) } };
    if (json_is_set(v))
        return (struct any){ ANY_JSON, { .s = json_text(x->scratch, v) } };
    return (struct any){ ANY_NULL, { .i = 0 } };
}

/* `metadata`, langwatch.metadata, langwatch.trace: objects, or a key a member (langwatch.md 8). ANY_NULL: not there. */
static struct any in_metadata(const struct mapping *x, const char *const *names)
{
    static const enum attribute_slot objects[] = { ATTR_metadata, ATTR_langwatch_metadata,
        ATTR_langwatch_trace };
    static const enum attribute_family families[] = { FAM_metadata, FAM_langwatch_metadata,
        FAM_langwatch_trace };
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        struct json v = object_member(x, objects[i], names);
        if (json_is_set(v))
            return any_of_json(x, v);
        const struct any *m = family_member(x, families[i], names);
        if (m)
            return *m;
    }
    return (struct any){ ANY_NULL, { .i = 0 } };
}

/* ---- user and session ------------------------------------------------------------------------------------------------- */

/* A list of 2.13: keys up to the metadata's members, those members, keys after them, then what is on the resource. */
struct who {
    const enum attribute_slot *before, *after, *resource;
    const char *const *names;
    const char *key, *hint, *shared; /* members of `said` */
};

static const enum attribute_slot user_before[] = { ATTR_langfuse_user_id, ATTR_user_id,
    ATTR_langwatch_user_id, ATTR_langwatch_user_id_flat, ATTR_user_id_flat,
    ATTR_langfuse_observation_metadata_langfuse_user_id, ATTR_langfuse_trace_metadata_langfuse_user_id,
    ATTR_ai_telemetry_metadata_userid, ATTR_ai_telemetry_metadata_user_id,
    ATTR_traceloop_association_properties_user_id, ATTR_mlflow_trace_user, ATTR_END };
static const enum attribute_slot user_after[] = { ATTR_enduser_id, ATTR_enduser_pseudo_id, ATTR_gen_ai_user,
    ATTR_gen_ai_request_user, ATTR_llm_user, ATTR_END };
static const enum attribute_slot user_resource[] = { ATTR_langwatch_user_id, ATTR_langwatch_user_id_flat,
    ATTR_END };
static const char *const user_names[] = { "user_id", "userId", NULL };

static const enum attribute_slot session_before[] = { ATTR_langfuse_session_id, ATTR_session_id,
    ATTR_langwatch_thread_id, ATTR_langwatch_thread_id_flat, ATTR_thread_id,
    ATTR_langwatch_langgraph_thread_id, ATTR_gen_ai_conversation_id,
    ATTR_langfuse_observation_metadata_langfuse_session_id, ATTR_langfuse_trace_metadata_langfuse_session_id,
    ATTR_ai_telemetry_metadata_sessionid, ATTR_ai_telemetry_metadata_threadid,
    ATTR_ai_telemetry_metadata_thread_id, ATTR_traceloop_association_properties_session_id,
    ATTR_traceloop_association_properties_thread_id, ATTR_mlflow_trace_session,
    ATTR_gcp_vertex_agent_session_id, ATTR_mastra_metadata_threadid, ATTR_END };
static const enum attribute_slot session_after[] = { ATTR_END };
static const enum attribute_slot session_resource[] = { ATTR_langwatch_thread_id,
    ATTR_langwatch_thread_id_flat, ATTR_END };
static const char *const session_names[] = { "thread_id", "threadId", "session_id", NULL };

static const struct who who_user = { user_before, user_after, user_resource, user_names, "user_id",
    "user_hint", "user_shared" };
static const struct who who_session = { session_before, session_after, session_resource, session_names,
    "session_id", "session_hint", "session_shared" };

static struct str shared_value(const struct mapping *x, const struct who *who, struct str fallback)
{
    for (const enum attribute_slot *s = who->resource; *s != ATTR_END; s++)
        if (otlp__is_present(otlp__resource_get(x, *s)))
            return otlp__text(x, otlp__resource_get(x, *s));
    return fallback;
}

static struct str who_text(const struct mapping *x, enum attribute_slot slot, const struct any *v)
{
    bool mlflow = slot == ATTR_mlflow_trace_user || slot == ATTR_mlflow_trace_session;
    return mlflow ? otlp__mlflow_text(x, v) : otlp__text(x, v);
}

/* The first there is, under the member that has its rank. What is no id is nobody. */
static void write_who(const struct mapping *x, struct jw *w, const struct who *who, struct str fallback)
{
    enum attribute_slot slot = ATTR_END;
    const char *member = who->hint;
    const struct any *v = otlp__first(x, who->before, &slot);
    struct any named = v ? (struct any){ 0 } : in_metadata(x, who->names);
    if (!v && named.kind != ANY_NULL)
        v = &named;
    if (!v)
        v = otlp__first(x, who->after, &slot);
    struct str id = v ? who_text(x, slot, v) : shared_value(x, who, fallback);
    if (v && slot != ATTR_END && is_trace_key(slot))
        member = who->key;
    else if (!v)
        member = who->shared;
    if (str_is_id(id))
        jw_kv_str(w, member, id);
}

/* ---- tags --------------------------------------------------------------------------------------------------------------- */

static void write_tag_list(const struct mapping *x, struct jw *w, struct json list)
{
    struct json item;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);) {
        struct str tag = json_is_str(item) ? str_trim(json_str(item)) : json_text(x->scratch, item);
        if (tag.n && !json_is_null(item))
            jw_str(w, tag);
    }
}

/* An array; text of one; text with commas; else one tag. */
static void write_tags(const struct mapping *x, struct jw *w, const struct any *v)
{
    struct json list = otlp__parse(x, v);
    struct str text = otlp__text(x, v), part;
    jw_key(w, "tags");
    jw_arr(w);
    if (json_is_arr(list))
        write_tag_list(x, w, list);
    else
        while (str_cut(&text, ',', &part))
            if (str_trim(part).n)
                jw_str(w, str_trim(part));
    jw_arr_end(w);
}

static void say_tags(const struct mapping *x, struct jw *w)
{
    static const enum attribute_slot keys[] = { ATTR_langfuse_trace_tags, ATTR_langfuse_tags,
        ATTR_langwatch_labels, ATTR_langwatch_tags, ATTR_langfuse_observation_metadata_langfuse_tags,
        ATTR_langfuse_trace_metadata_langfuse_tags, ATTR_ai_telemetry_metadata_tags,
        ATTR_ai_telemetry_metadata_labels, ATTR_tag_tags, ATTR_logfire_tags, ATTR_END };
    static const char *const names[] = { "labels", NULL };
    const struct any *v = otlp__first(x, keys, NULL);
    struct any named = v ? (struct any){ 0 } : in_metadata(x, names);
    if (!v && named.kind != ANY_NULL)
        v = &named;
    if (!v && otlp__is_present(otlp__resource_get(x, ATTR_langwatch_labels)))
        v = otlp__resource_get(x, ATTR_langwatch_labels);
    if (v)
        write_tags(x, w, v);
}

/* ---- environment, release, version ---------------------------------------------------------------------------------------- */

#define ENVIRONMENT_MOST 40

/* Langfuse's own environments begin with its name; nobody else's may. */
static struct str without_langfuse(struct str s)
{
    struct str name = STR("langfuse");
    while (str_starts(s, name)) {
        s = str_sub(s, name.n, SIZE_MAX);
        if (s.n && (s.p[0] == '-' || s.p[0] == '_'))
            s = str_sub(s, 1, SIZE_MAX);
    }
    return s;
}

static bool is_environment(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' ||
                s.p[i] == '_'))
            return false;
    return s.n > 0;
}

static struct str normal_environment(struct arena *a, struct str sent)
{
    char *lower = arena_alloc(a, sent.n + 1);
    for (size_t i = 0; i < sent.n; i++)
        lower[i] = (char)(sent.p[i] >= 'A' && sent.p[i] <= 'Z' ? sent.p[i] + 32 : sent.p[i]);
    struct str s = str_sub(without_langfuse((struct str){ lower, sent.n }), 0, ENVIRONMENT_MOST);
    return is_environment(s) ? s : STR("default");
}

/* Absent when none was sent: a row without one reads default. */
static struct str environment_of(const struct mapping *x)
{
    static const enum attribute_slot keys[] = { ATTR_langfuse_environment, ATTR_deployment_environment_name,
        ATTR_deployment_environment };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct any *v = otlp__get(x, keys[i]);
        if (!otlp__is_present(v))
            v = otlp__resource_get(x, keys[i]);
        if (otlp__is_present(v))
            return normal_environment(x->arena, otlp__text(x, v));
    }
    return STR_NONE;
}

static struct str span_or_resource(
    const struct mapping *x, enum attribute_slot on_span, enum attribute_slot on_resource)
{
    struct str own = otlp__slot_text(x, on_span);
    const struct any *v = otlp__resource_get(x, on_resource);
    return own.p || !otlp__is_present(v) ? own : otlp__text(x, v);
}

/* ---- the rest ----------------------------------------------------------------------------------------------------------- */

/* A guardrail that did not let pass. Its output is here in full; where the trace is derived it may not be. LangWatch's TypeScript SDK sends
 * {"type":"json","value":{"type":"guardrail_result","value":{...}}}. */
static bool is_blocked(const struct mapping *x)
{
    struct json output;
    const struct value *v = x->type == OBS_GUARDRAIL ? event_get(x->event, OBSERVATION_output) : NULL;
    if (!v || v->kind != V_JSON || json_parse(x->scratch, v->s, 0, &output, NULL) != ST_OK)
        return false;
    struct json passed = json_key(otlp__unwrapped(output), "passed");
    return json_type(passed) == JSON_BOOL && !json_bool(passed);
}

static void say_payload(const struct mapping *x, struct jw *w, const char *key, enum attribute_slot slot)
{
    if (otlp__has(x, slot))
        jw_kv_raw(w, key, otlp__payload(x, otlp__get(x, slot)));
}

/* Of roots, and of spans with a trace key. */
static void say_of_trace(struct mapping *x, struct jw *w)
{
    static const enum attribute_slot shared[] = { ATTR_langfuse_trace_public, ATTR_langfuse_public,
        ATTR_END };
    jw_kv_str_opt(w, "name", otlp__slot_text(x, ATTR_langfuse_trace_name));
    say_payload(x, w, "input", ATTR_langfuse_trace_input);
    say_payload(x, w, "output", ATTR_langfuse_trace_output);
    say_tags(x, w);
    if (otlp__is_true(otlp__first(x, shared, NULL)))
        jw_kv_bool(w, "public", true);
    otlp__write_trace_metadata(x, w, "metadata");
    jw_kv_str_opt(w, "release", span_or_resource(x, ATTR_langfuse_release, ATTR_langfuse_release));
}

void otlp__map_trace(struct mapping *x)
{
    bool as_root = says_as_root(x), root = as_root || !x->span->parent_id.p;
    struct str version = span_or_resource(x, ATTR_langfuse_version, ATTR_service_version);
    event_set_text(x->event, OBSERVATION_environment, environment_of(x));
    event_set_text(x->event, OBSERVATION_version, version);
    struct jw w = otlp__begin(x);
    if (as_root)
        jw_kv_bool(&w, "as_root", true);
    if (root)
        jw_kv_str_opt(&w, "name_hint", otlp__slot_text(x, ATTR_agenttrace_trace_name));
    if (root || has_trace_key(x))
        say_of_trace(x, &w);
    if (!root && has_trace_key(x)) /* a root's is read from its row */
        jw_kv_str_opt(&w, "version", version);
    write_who(x, &w, &who_user, STR_NONE);
    write_who(x, &w, &who_session, x->m->session_hint);
    if (is_blocked(x))
        jw_kv_bool(&w, "blocked", true);
    if (x->skip_usage)
        jw_kv_bool(&w, "skip_usage", true);
    event_set_json(x->event, OBSERVATION_said, otlp__end(x, &w));
}
