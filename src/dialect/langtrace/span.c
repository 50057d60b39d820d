/*
 * A span as Langtrace shows it (langtrace.md 7): nine strings and three JSON texts inside strings.
 *
 * A span that came as OpenTelemetry is given back as it was sent. One of another product is put together from canonical columns under the
 * names Langtrace's own SDKs use (11), so that scripts written for them find model, counts, prompt and answer where they look.
 */
#include "dialect/langtrace/langtrace_priv.h"

#include <inttypes.h>

/* ---- times ---------------------------------------------------------------------------------------------------------- */

void langtrace__kv_time_us(struct jw *w, const char *key, int64_t ns)
{
    char iso[40];
    jw_kv_str(w, key, ns == TIME_NONE ? STR("") : time_format_iso_us(ns, iso));
}

/* Exact: 43806074 ns are "43.806074". */
void langtrace__kv_duration(struct jw *w, const char *key, struct arena *a, int64_t start_ns, int64_t end_ns)
{
    int64_t ns = start_ns == TIME_NONE || end_ns == TIME_NONE || end_ns < start_ns ? 0 : end_ns - start_ns;
    struct str s = arena_printf(a, "%" PRId64 ".%06" PRId64, ns / NS_PER_MS, ns % NS_PER_MS);
    while (s.n > 0 && s.p[s.n - 1] == '0')
        s.n--;
    if (s.n > 0 && s.p[s.n - 1] == '.')
        s.n--;
    jw_kv_str(w, key, s);
}

/* ---- attributes of spans from elsewhere ------------------------------------------------------------------------------ */

/* What every OTLP row keeps, and no other. */
static bool is_otlp(struct json leftovers)
{
    return json_is_num(json_key(leftovers, "kind")) || json_is_obj(json_key(leftovers, "attributes")) ||
           json_is_arr(json_key(leftovers, "events")) || json_is_str(json_key(leftovers, "inputKey")) ||
           json_is_str(json_key(leftovers, "outputKey"));
}

static const char *service_of(int64_t type)
{
    switch (type) {
    case OBS_GENERATION:
    case OBS_EMBEDDING: return "llm";
    case OBS_RETRIEVER: return "vectordb";
    case OBS_AGENT:
    case OBS_TOOL:
    case OBS_CHAIN: return "framework";
    default: return NULL; /* a session: Langtrace says nothing then */
    }
}

struct str langtrace__service_type(struct arena *a, const struct row *o)
{
    static const char *const name = "langtrace.service.type";
    struct json leftovers = langtrace__parsed(a, row_text(o, OBSERVATION_leftovers));
    if (!is_otlp(leftovers))
        return str_of(service_of(row_int(o, OBSERVATION_type, OBS_SPAN)));
    struct json said = json_key(json_key(leftovers, "attributes"), name);
    if (!json_is_set(said))
        said =
            json_key(json_key(langtrace__parsed(a, row_text(o, OBSERVATION_metadata)), "attributes"), name);
    return json_str(said);
}

/* Arrays and objects are JSON text in OpenTelemetry attributes. */
static void write_flat(struct jw *w, struct arena *a, struct str key, struct json v)
{
    jw_key_str(w, key);
    if (json_is_obj(v) || json_is_arr(v))
        jw_str(w, json_text(a, v));
    else
        jw_value(w, v);
}

static void write_members(struct jw *w, struct arena *a, const char *prefix, struct json members)
{
    struct str key;
    struct json v;
    for (struct json_iter it = json_iter(members); json_is_obj(members) && json_next(&it, &key, &v);)
        write_flat(w, a, arena_printf(a, "%s%.*s", prefix, STR_ARG(key)), v);
}

static void write_kind_of_service(struct jw *w, const struct row *o)
{
    int64_t type = row_int(o, OBSERVATION_type, OBS_SPAN);
    struct str provider = row_text(o, OBSERVATION_provider);
    if (service_of(type))
        jw_kv_cstr(w, "langtrace.service.type", service_of(type));
    jw_kv_str_opt(w, "langtrace.service.name", provider);
    jw_kv_str_opt(w, "gen_ai.system", provider);
    if (type == OBS_GENERATION || type == OBS_EMBEDDING)
        jw_kv_cstr(w, "gen_ai.operation.name", type == OBS_GENERATION ? "chat" : "embed");
}

static void write_usage(struct jw *w, struct arena *a, const struct row *o)
{
    struct usage_final u;
    derive_usage(a, o, &u);
    if (!u.counted)
        return;
    jw_kv_i64(w, "gen_ai.usage.input_tokens", u.input_all);
    jw_kv_i64(w, "gen_ai.usage.output_tokens", u.output_all);
    jw_kv_i64(w, "gen_ai.usage.total_tokens", u.total);
    if (u.cached > 0)
        jw_kv_i64(w, "gen_ai.usage.cached_tokens", u.cached);
}

static void write_prompt(struct jw *w, struct arena *a, const struct row *o)
{
    struct json prompt = langtrace__parsed(a, row_text(o, OBSERVATION_prompt));
    struct json id = json_key(prompt, "name"), version = json_key(prompt, "version");
    if (!json_is_set(id))
        id = json_key(prompt, "id");
    if (json_is_set(id))
        write_flat(w, a, STR("prompt_id"), id);
    if (json_is_set(version))
        write_flat(w, a, STR("prompt_version"), version);
}

/* Tool calls of an answer: of the message itself, or of the last one of a list. */
static struct json tool_calls_of(struct json output)
{
    struct json message =
        json_is_arr(output) && json_size(output) > 0 ? json_at(output, json_size(output) - 1) : output;
    return json_key(message, "tool_calls");
}

static void write_own_attributes(struct jw *w, struct arena *a, const struct row *o, const struct row *t)
{
    struct json calls = tool_calls_of(langtrace__parsed(a, row_text(o, OBSERVATION_output)));
    struct json tools = langtrace__parsed(a, row_text(o, OBSERVATION_tools));
    jw_obj(w);
    write_kind_of_service(w, o);
    jw_kv_str_opt(w, "gen_ai.response.model", row_text(o, OBSERVATION_model));
    write_members(w, a, "gen_ai.request.", langtrace__parsed(a, row_text(o, OBSERVATION_params)));
    if (json_is_set(tools))
        write_flat(w, a, STR("gen_ai.request.tools"), tools);
    if (json_is_arr(calls))
        write_flat(w, a, STR("gen_ai.response.tool_calls"), calls);
    write_usage(w, a, o);
    write_prompt(w, a, o);
    if (!row_text(o, OBSERVATION_parent_id).p) {
        jw_kv_str_opt(w, "session.id", trace_session_id(t));
        jw_kv_str_opt(w, "user_id", trace_user_id(t));
    }
    write_members(w, a, "", langtrace__parsed(a, row_text(o, OBSERVATION_metadata)));
    jw_obj_end(w);
}

/* ---- attributes of OpenTelemetry spans ------------------------------------------------------------------------------- */

static bool has_prefix(struct json object, struct str prefix)
{
    struct str key;
    struct json v;
    for (struct json_iter it = json_iter(object); json_next(&it, &key, &v);)
        if (str_starts(key, prefix))
            return true;
    return false;
}

/* As sent; and the model where its reader looks for it, if another convention named it (11). */
static void write_sent_attributes(struct jw *w, struct arena *a, const struct row *o)
{
    struct buf out;
    struct str key, model = row_text(o, OBSERVATION_model);
    struct json v;
    buf_init(&out, 0);
    struct jw back = jw_of(&out);
    otlp_attributes_back(&back, a, o);
    struct str text = langtrace__taken(a, &out);
    struct json sent = langtrace__parsed(a, text);
    if (!model.n || has_prefix(sent, STR("langtrace.")) ||
        json_type(json_key(sent, "gen_ai.response.model")) != JSON_ABSENT) {
        jw_raw(w, text);
        return;
    }
    jw_obj(w);
    for (struct json_iter it = json_iter(sent); json_next(&it, &key, &v);) {
        jw_key_str(w, key);
        jw_value(w, v);
    }
    jw_kv_str(w, "gen_ai.response.model", model);
    jw_obj_end(w);
}

/* ---- events and links ----------------------------------------------------------------------------------------------- */

/* `time` is OTLP's and TypeScript's name, `timestamp` old Python's: both, with the same text. */
static void write_event_head(struct jw *w, struct str name, int64_t ns)
{
    jw_kv_str(w, "name", name);
    langtrace__kv_time_us(w, "time", ns);
    langtrace__kv_time_us(w, "timestamp", ns);
}

/* A prompt or an answer is text: JSON text unless it is a string. */
static void write_content_event(
    struct jw *w, struct arena *a, const char *name, const char *attribute, const struct value *v, int64_t ns)
{
    if (v->kind != V_JSON)
        return;
    struct json value = langtrace__parsed(a, v->s);
    jw_obj(w);
    write_event_head(w, str_of(name), ns);
    jw_key(w, "attributes");
    jw_obj(w);
    jw_kv_str(w, attribute, json_is_str(value) ? json_str(value) : v->s);
    jw_obj_end(w);
    jw_obj_end(w);
}

static void write_exception_event(struct jw *w, const struct row *o, int64_t ns)
{
    if (row_int(o, OBSERVATION_level, LEVEL_DEFAULT) != LEVEL_ERROR)
        return;
    jw_obj(w);
    write_event_head(w, STR("exception"), ns);
    jw_key(w, "attributes");
    jw_obj(w);
    langtrace__kv_text(w, "exception.message", row_text(o, OBSERVATION_status_message));
    jw_obj_end(w);
    jw_obj_end(w);
}

static void write_own_events(struct jw *w, struct arena *a, const struct row *o)
{
    int64_t start = row_time(o, OBSERVATION_start_ns), end = row_time(o, OBSERVATION_end_ns);
    end = end == TIME_NONE ? start : end;
    jw_arr(w);
    write_content_event(w, a, "gen_ai.content.prompt", "gen_ai.prompt", &o->cols[OBSERVATION_input], start);
    write_content_event(
        w, a, "gen_ai.content.completion", "gen_ai.completion", &o->cols[OBSERVATION_output], end);
    write_exception_event(w, o, end);
    jw_arr_end(w);
}

static void write_sent_event(struct jw *w, struct arena *a, struct json event)
{
    int64_t ns;
    struct json attributes = json_key(event, "attributes");
    if (!str_to_i64(json_str(json_key(event, "time")), &ns))
        ns = TIME_NONE;
    jw_obj(w);
    write_event_head(w, json_str(json_key(event, "name")), ns);
    jw_key(w, "attributes");
    jw_raw(w, json_is_obj(attributes) ? json_text(a, attributes) : STR("{}"));
    jw_obj_end(w);
}

static void write_sent_events(struct jw *w, struct arena *a, const struct row *o)
{
    struct buf out;
    struct json event;
    buf_init(&out, 0);
    struct jw back = jw_of(&out);
    otlp_events_back(&back, a, o);
    struct json events = langtrace__parsed(a, langtrace__taken(a, &out));
    jw_arr(w);
    for (struct json_iter it = json_iter(events); json_next(&it, NULL, &event);)
        write_sent_event(w, a, event);
    jw_arr_end(w);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static const char *status_code(const struct row *o, struct json leftovers)
{
    int64_t code;
    if (row_int(o, OBSERVATION_level, LEVEL_DEFAULT) == LEVEL_ERROR)
        return "ERROR";
    return json_i64(json_key(json_key(leftovers, "status"), "code"), &code) && code == STATUS_OK ? "OK"
                                                                                                 : "UNSET";
}

/* A JSON text as a string: `out` becomes the value of `key`. */
static void kv_taken(struct jw *w, const char *key, struct buf *out)
{
    jw_kv_str(w, key, buf_str(out));
    buf_fini(out);
}

static void kv_attributes(struct jw *w, struct arena *a, const struct row *o, const struct row *t, bool sent)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw inner = jw_of(&out);
    if (sent)
        write_sent_attributes(&inner, a, o);
    else
        write_own_attributes(&inner, a, o, t);
    kv_taken(w, "attributes", &out);
}

static void kv_events(struct jw *w, struct arena *a, const struct row *o, bool sent)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw inner = jw_of(&out);
    if (sent)
        write_sent_events(&inner, a, o);
    else
        write_own_events(&inner, a, o);
    kv_taken(w, "events", &out);
}

void langtrace__write_span(struct jw *w, struct arena *a, const struct row *o, const struct row *t)
{
    struct json leftovers = langtrace__parsed(a, row_text(o, OBSERVATION_leftovers));
    struct json links = json_key(leftovers, "links"), kind = json_key(leftovers, "kind");
    int64_t start = row_time(o, OBSERVATION_start_ns), end = row_time(o, OBSERVATION_end_ns);
    bool sent = is_otlp(leftovers);
    jw_obj(w);
    langtrace__kv_text(w, "name", row_text(o, OBSERVATION_name));
    jw_kv_str(w, "trace_id", o->scope);
    jw_kv_str(w, "span_id", o->id);
    langtrace__kv_text(w, "parent_id", row_text(o, OBSERVATION_parent_id));
    langtrace__kv_text(w, "trace_state", json_str(json_key(leftovers, "traceState")));
    jw_kv_str(w, "kind", json_is_num(kind) ? json_num_text(kind) : STR("0"));
    langtrace__kv_time_us(w, "start_time", start);
    langtrace__kv_time_us(w, "end_time", end);
    kv_attributes(w, a, o, t, sent);
    jw_kv_cstr(w, "status_code", status_code(o, leftovers));
    kv_events(w, a, o, sent);
    jw_kv_str(w, "links", sent && json_is_arr(links) ? json_text(a, links) : STR("[]"));
    langtrace__kv_duration(w, "duration", a, start, end);
    jw_obj_end(w);
}
