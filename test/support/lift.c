/*
 * lift: one function per dialect; the small table-like helpers at the top carry most of the work.
 */
#include "support/lift.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dialect/otlp/otlp.h"

struct lifter {
    struct batch *b;
    int32_t project;
};

/* ---- helpers -------------------------------------------------------------------------------------------------------- */

static int64_t iso(struct json v)
{
    int64_t ns;
    return json_is_str(v) && time_parse_iso(json_str(v), &ns) ? ns : TIME_NONE;
}

static int64_t epoch_ms(struct json v)
{
    int64_t ms;
    return json_is_num(v) && json_i64(v, &ms) ? ms * NS_PER_MS : TIME_NONE;
}

static struct str text(struct lifter *l, struct json v)
{
    return json_text(l->b->arena, v);
}

static struct event *event_of(struct lifter *l, enum profile p, struct str scope, struct str id, int64_t t)
{
    return event_new(l->b, p, l->project, scope, id, t);
}

static void set_text(struct event *e, unsigned column, struct json v)
{
    event_set_text(e, column, json_str(v));
}

/* An explicit null erases. */
static void set_text_or_null(struct event *e, unsigned column, struct json v)
{
    if (json_is_null(v))
        event_set_null(e, column);
    else
        set_text(e, column, v);
}

/* "" is absent too. */
static void set_full_text(struct event *e, unsigned column, struct json v)
{
    if (json_str(v).n)
        set_text(e, column, v);
}

static void set_json(struct lifter *l, struct event *e, unsigned column, struct json v)
{
    if (json_is_set(v))
        event_set_json(e, column, text(l, v));
}

/* A map or list that is empty says nothing. */
static void set_filled(struct lifter *l, struct event *e, unsigned column, struct json v)
{
    if ((json_is_obj(v) || json_is_arr(v)) && json_size(v))
        event_set_json(e, column, text(l, v));
}

static void set_bool(struct event *e, unsigned column, struct json v)
{
    if (json_type(v) == JSON_BOOL)
        event_set_int(e, column, json_bool(v));
}

static int type_named(struct str word)
{
    char name[32];
    size_t n = word.n < sizeof name ? word.n : 0;
    for (size_t i = 0; i < n; i++)
        name[i] = (char)toupper((unsigned char)word.p[i]);
    return observation_type_find((struct str){ name, n });
}

/* An object without its null members, or absent when nothing is left. */
static struct str without_nulls(struct lifter *l, struct json o)
{
    struct json_iter it = json_iter(o);
    struct json v;
    struct str key;
    struct buf out;
    size_t n = 0;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    while (json_next(&it, &key, &v))
        if (!json_is_null(v)) {
            jw_key_str(&w, key);
            jw_value(&w, v);
            n++;
        }
    jw_obj_end(&w);
    struct str s = n ? arena_dup(l->b->arena, buf_str(&out)) : STR_NONE;
    buf_fini(&out);
    return s;
}

/* {"to": value of from, ...} of the pairs whose value is a number. */
static struct str renamed(struct lifter *l, struct json o, const char *const pairs[][2], size_t n)
{
    struct buf out;
    size_t count = 0;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    for (size_t i = 0; i < n; i++)
        if (json_is_num(json_key(o, pairs[i][0]))) {
            jw_key(&w, pairs[i][1]);
            jw_value(&w, json_key(o, pairs[i][0]));
            count++;
        }
    jw_obj_end(&w);
    struct str s = count ? arena_dup(l->b->arena, buf_str(&out)) : STR_NONE;
    buf_fini(&out);
    return s;
}

#define RENAMED(l, o, pairs) renamed(l, o, pairs, sizeof(pairs) / sizeof *(pairs))

/* {type, number, boolean, text} */
static struct str score_value(struct lifter *l, struct json v)
{
    struct str t = text(l, v);
    switch (json_type(v)) {
    case JSON_NUM: return arena_printf(l->b->arena, "{\"type\":\"NUMERIC\",\"number\":%.*s}", STR_ARG(t));
    case JSON_BOOL:
        return arena_printf(
            l->b->arena, "{\"type\":\"BOOLEAN\",\"number\":%d,\"boolean\":%.*s}", json_bool(v), STR_ARG(t));
    default: return arena_printf(l->b->arena, "{\"type\":\"CATEGORICAL\",\"text\":%.*s}", STR_ARG(t));
    }
}

/* Lower case, at most one thing the vectors need of langfuse.md 4.5. */
static struct str environment(struct lifter *l, struct json v)
{
    struct str s = arena_dup(l->b->arena, json_str(v));
    for (size_t i = 0; i < s.n; i++)
        ((char *)(uintptr_t)s.p)[i] = (char)tolower((unsigned char)s.p[i]);
    return s;
}

/* ---- Langfuse ------------------------------------------------------------------------------------------------------- */

static bool is_falsy(struct json v)
{
    double d;
    return !json_is_set(v) || (json_is_str(v) && json_str(v).n == 0) ||
           (json_type(v) == JSON_BOOL && !json_bool(v)) || (json_f64(v, &d) && d == 0);
}

static void lf_io(struct lifter *l, struct event *e, unsigned input, unsigned output, struct json body)
{
    if (!is_falsy(json_key(body, "input")))
        event_set_json(e, input, text(l, json_key(body, "input")));
    if (!is_falsy(json_key(body, "output")))
        event_set_json(e, output, text(l, json_key(body, "output")));
}

static void lf_metadata(struct lifter *l, struct event *e, unsigned column, struct json v)
{
    struct str t = text(l, v);
    if (json_is_obj(v) || !json_is_set(v))
        set_filled(l, e, column, v);
    else if (!json_is_arr(v) || json_size(v))
        event_set_json(e, column, arena_printf(l->b->arena, "{\"metadata\":%.*s}", STR_ARG(t)));
}

static void lf_session(struct lifter *l, struct str id, struct str env, int64_t t)
{
    struct event *e = event_of(l, PROFILE_LANGFUSE_SESSION, STR_NONE, id, t);
    event_set_text(e, SESSION_environment, env);
}

static void lf_trace(struct lifter *l, struct json body, int64_t t)
{
    struct event *e = event_of(l, PROFILE_LANGFUSE_TRACE, STR_NONE, json_str(json_key(body, "id")), t);
    struct json env = json_key(body, "environment"), session = json_key(body, "sessionId");
    struct str env_text = json_is_str(env) ? environment(l, env) : STR("default");
    int64_t start = iso(json_key(body, "timestamp"));
    event_set_int(e, TRACE_exists, 1);
    set_text_or_null(e, TRACE_name, json_key(body, "name"));
    set_text_or_null(e, TRACE_user_id, json_key(body, "userId"));
    set_text_or_null(e, TRACE_session_id, session);
    set_text_or_null(e, TRACE_release, json_key(body, "release"));
    event_set_int(e, TRACE_start_ns, start != TIME_NONE ? start : t);
    event_set_text(e, TRACE_environment, env_text);
    set_bool(e, TRACE_public, json_key(body, "public"));
    set_filled(l, e, TRACE_tags, json_key(body, "tags"));
    lf_metadata(l, e, TRACE_metadata, json_key(body, "metadata"));
    lf_io(l, e, TRACE_input, TRACE_output, body);
    if (json_str(session).n)
        lf_session(l, json_str(session), env_text, t);
}

static void lf_score(struct lifter *l, struct json body, int64_t t)
{
    struct event *e = event_of(l, PROFILE_LANGFUSE_SCORE, STR_NONE, json_str(json_key(body, "id")), t);
    set_text(e, SCORE_name, json_key(body, "name"));
    event_set_json(e, SCORE_value, score_value(l, json_key(body, "value")));
    set_text_or_null(e, SCORE_comment, json_key(body, "comment"));
    set_text(e, SCORE_trace_id, json_key(body, "traceId"));
    set_text_or_null(e, SCORE_observation_id, json_key(body, "observationId"));
    set_text(e, SCORE_queue_id, json_key(body, "queueId"));
    event_set_int(e, SCORE_time_ns, t);
    event_set_text(e, SCORE_environment, STR("default"));
}

static void lf_times(struct lifter *l, struct event *e, struct json body, int64_t t, bool update)
{
    int64_t start = iso(json_key(body, "startTime"));
    struct json env = json_key(body, "environment");
    enum rank fallback = update ? RANK_HINT : RANK_SAID;
    event_set_int(e, OBSERVATION_start_ns, start);
    if (start == TIME_NONE)
        event_set_as(e, OBSERVATION_start_ns, value_int(t), fallback, FIRST, MODE_REPLACE);
    if (json_is_str(env))
        event_set_text(e, OBSERVATION_environment, environment(l, env));
    else
        event_set_as(e, OBSERVATION_environment, value_text(STR("default")), fallback, FIRST, MODE_REPLACE);
    event_set_int(e, OBSERVATION_end_ns, iso(json_key(body, "endTime")));
}

static void lf_observation(struct lifter *l, struct str type, struct json body, int64_t t)
{
    bool update = str_ends(type, STR("-update"));
    struct event *e = event_of(l, update ? PROFILE_LANGFUSE_UPDATE : PROFILE_LANGFUSE_CREATE, STR_NONE,
        json_str(json_key(body, "id")), t);
    struct json level = json_key(body, "level"), prompt = json_key(body, "promptName"),
                version = json_key(body, "promptVersion");
    event_set_int(e, OBSERVATION_type, type_named(str_sub(type, 0, type.n - 7)));
    lf_times(l, e, body, t, update);
    set_text(e, OBSERVATION_trace_id, json_key(body, "traceId"));
    set_text(e, OBSERVATION_parent_id, json_key(body, "parentObservationId"));
    set_text_or_null(e, OBSERVATION_name, json_key(body, "name"));
    set_text_or_null(e, OBSERVATION_model, json_key(body, "model"));
    set_text(e, OBSERVATION_status_message, json_key(body, "statusMessage"));
    if (json_is_null(level))
        event_set_null(e, OBSERVATION_level);
    else if (json_is_str(level))
        event_set_int(e, OBSERVATION_level, level_find(json_str(level)));
    set_filled(l, e, OBSERVATION_params, json_key(body, "modelParameters"));
    set_filled(l, e, OBSERVATION_usage, json_key(body, "usageDetails"));
    set_filled(l, e, OBSERVATION_cost, json_key(body, "costDetails"));
    lf_metadata(l, e, OBSERVATION_metadata, json_key(body, "metadata"));
    lf_io(l, e, OBSERVATION_input, OBSERVATION_output, body);
    struct str name = text(l, prompt), number = text(l, version);
    if (json_is_set(prompt) && json_is_set(version))
        event_set_json(e, OBSERVATION_prompt,
            arena_printf(l->b->arena, "{\"name\":%.*s,\"version\":%.*s}", STR_ARG(name), STR_ARG(number)));
}

static void lift_langfuse(struct lifter *l, struct json body)
{
    struct json_iter it = json_iter(json_key(body, "batch"));
    struct json item;
    while (json_next(&it, NULL, &item)) {
        struct str type = json_str(json_key(item, "type"));
        int64_t t = iso(json_key(item, "timestamp"));
        if (str_is(type, "trace-create"))
            lf_trace(l, json_key(item, "body"), t);
        else if (str_is(type, "score-create"))
            lf_score(l, json_key(item, "body"), t);
        else
            lf_observation(l, type, json_key(item, "body"), t);
    }
}

/* ---- AgentTrace ----------------------------------------------------------------------------------------------------- */

static int64_t at_time(struct json body, bool update)
{
    int64_t t = iso(json_key(body, update ? "endTime" : "startTime"));
    return t == TIME_NONE && !update ? iso(json_key(body, "timestamp")) : t;
}

static void at_io(struct lifter *l, struct event *e, unsigned input, unsigned output, struct json body)
{
    struct json in = json_key(body, "input"), out = json_key(body, "output");
    if (!json_is_str(in) || json_str(in).n)
        set_json(l, e, input, in);
    if (!json_is_str(out) || json_str(out).n)
        set_json(l, e, output, out);
}

static void at_start(struct event *e, unsigned column, int64_t start, bool update)
{
    if (start != TIME_NONE)
        event_set_int(e, column, start);
    else if (!update)
        event_set_receipt(e, column, RANK_BASE, FIRST);
}

static void at_trace(struct lifter *l, struct json body, bool update)
{
    struct event *e = event_of(l, update ? PROFILE_AGENTTRACE_TRACE_UPDATE : PROFILE_AGENTTRACE_TRACE_CREATE,
        STR_NONE, json_str(json_key(body, "id")), at_time(body, update));
    event_set_int(e, TRACE_exists, 1);
    set_full_text(e, TRACE_name, json_key(body, "name"));
    set_full_text(e, TRACE_user_id, json_key(body, "userId"));
    set_full_text(e, TRACE_release, json_key(body, "release"));
    set_bool(e, TRACE_public, json_key(body, "public"));
    set_filled(l, e, TRACE_tags, json_key(body, "tags"));
    event_set_json(e, TRACE_metadata, without_nulls(l, json_key(body, "metadata")));
    at_start(e, TRACE_start_ns, iso(json_key(body, "timestamp")), update);
    event_set_int(e, TRACE_end_ns, iso(json_key(body, "endTime")));
    at_io(l, e, TRACE_input, TRACE_output, body);
}

static int64_t count_of(struct json usage, const char *key, const char *other)
{
    int64_t n;
    return json_i64(json_key(usage, key), &n) || json_i64(json_key(usage, other), &n) ? n : 0;
}

/* A usage of zeros is the Go SDK's way of having none. */
static void at_usage(struct lifter *l, struct event *e, struct json usage)
{
    int64_t input = count_of(usage, "inputTokens", "input_tokens"),
            output = count_of(usage, "outputTokens", "output_tokens");
    int64_t total = count_of(usage, "totalTokens", "total_tokens");
    if (input + output + total == 0)
        return;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_i64(&w, "input", input);
    if (output)
        jw_kv_i64(&w, "output", output);
    jw_kv_i64(&w, "total", total ? total : input + output);
    jw_obj_end(&w);
    event_set_json(e, OBSERVATION_usage, arena_dup(l->b->arena, buf_str(&out)));
    buf_fini(&out);
}

static void at_observation(struct lifter *l, struct str type, struct json body)
{
    bool update = str_ends(type, STR("-update"));
    struct event *e = event_of(l, update ? PROFILE_AGENTTRACE_UPDATE : PROFILE_AGENTTRACE_CREATE, STR_NONE,
        json_str(json_key(body, "id")), at_time(body, update));
    event_set_int(e, OBSERVATION_type, type_named(str_sub(type, 0, type.n - 7)));
    set_full_text(e, OBSERVATION_trace_id, json_key(body, "traceId"));
    set_full_text(e, OBSERVATION_name, json_key(body, "name"));
    set_full_text(e, OBSERVATION_model, json_key(body, "model"));
    at_start(e, OBSERVATION_start_ns, iso(json_key(body, "startTime")), update);
    event_set_int(e, OBSERVATION_end_ns, iso(json_key(body, "endTime")));
    at_usage(l, e, json_key(body, "usage"));
    at_io(l, e, OBSERVATION_input, OBSERVATION_output, body);
}

static void at_score(struct lifter *l, struct json body)
{
    int64_t t = at_time(body, false);
    struct event *e = event_of(l, PROFILE_AGENTTRACE_SCORE, STR_NONE, json_str(json_key(body, "id")), t);
    struct str trace = json_str(json_key(body, "traceId"));
    set_text(e, SCORE_name, json_key(body, "name"));
    event_set_json(e, SCORE_value, score_value(l, json_key(body, "value")));
    event_set_text(e, SCORE_trace_id, trace);
    at_start(e, SCORE_time_ns, t, false);
    struct event *placeholder = event_of(l, PROFILE_AGENTTRACE_TRACE_UPDATE, STR_NONE, trace, t);
    event_set_int(placeholder, TRACE_exists, 1);
}

static void lift_agenttrace(struct lifter *l, struct json body)
{
    struct json_iter it = json_iter(json_key(body, "batch"));
    struct json item;
    while (json_next(&it, NULL, &item)) {
        struct str type = json_str(json_key(item, "type"));
        struct json inner = json_key(item, "body");
        if (str_starts(type, STR("trace-")))
            at_trace(l, inner, str_is(type, "trace-update"));
        else if (str_is(type, "score-create"))
            at_score(l, inner);
        else
            at_observation(l, type, inner);
    }
}

static void lift_patch(struct lifter *l, struct str id, struct json body)
{
    struct event *e = event_of(l, PROFILE_EDIT_TRACE, STR_NONE, id, TIME_NONE);
    set_full_text(e, TRACE_name, json_key(body, "name"));
    set_json(l, e, TRACE_tags, json_key(body, "tags"));
    event_set_json(e, TRACE_metadata, without_nulls(l, json_key(body, "metadata")));
}

/* ---- OTLP, Langtrace ------------------------------------------------------------------------------------------------ */

/* What a span says of its trace, gathered over its attributes. */
struct said {
    struct buf b;
    struct jw w;
    struct buf tags, metadata;
    struct jw tags_w, metadata_w;
    bool any, any_tags, any_metadata;
};

static void said_init(struct said *s)
{
    *s = (struct said){ 0 };
    s->w = jw_of(&s->b);
    s->tags_w = jw_of(&s->tags);
    s->metadata_w = jw_of(&s->metadata);
    jw_obj(&s->w);
    jw_arr(&s->tags_w);
    jw_obj(&s->metadata_w);
}

static void said_text(struct said *s, const char *key, struct json v)
{
    jw_kv_str(&s->w, key, json_str(v));
    s->any = true;
}

static void said_tag(struct said *s, struct str tag)
{
    jw_str(&s->tags_w, tag);
    s->any_tags = true;
}

static void said_set(struct lifter *l, struct said *s, struct event *e)
{
    jw_arr_end(&s->tags_w);
    jw_obj_end(&s->metadata_w);
    if (s->any_tags)
        jw_kv_raw(&s->w, "tags", buf_str(&s->tags));
    if (s->any_metadata)
        jw_kv_raw(&s->w, "metadata", buf_str(&s->metadata));
    jw_obj_end(&s->w);
    if (s->any || s->any_tags || s->any_metadata)
        event_set_json(e, OBSERVATION_said, arena_dup(l->b->arena, buf_str(&s->b)));
    buf_fini(&s->b);
    buf_fini(&s->tags);
    buf_fini(&s->metadata);
}

/* The one member of an AnyValue that the vectors use; arrays come as {values: [...]}. */
static struct json any_value(struct json v)
{
    static const char *const kinds[] = { "stringValue", "doubleValue", "boolValue", "intValue" };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (json_key(v, kinds[i]).v)
            return json_key(v, kinds[i]);
    return json_key(json_key(v, "arrayValue"), "values");
}

static void otlp_tags(struct said *s, struct json v)
{
    struct json_iter it = json_iter(v);
    struct json item;
    struct str rest = json_str(v), part;
    while (json_next(&it, NULL, &item))
        said_tag(s, json_str(any_value(item)));
    while (rest.p && str_cut(&rest, ',', &part))
        said_tag(s, str_trim(part));
}

/* JSON inside a string counts as that JSON. */
static void otlp_trace_metadata(struct said *s, struct str key, struct json v)
{
    struct str raw = json_str(v);
    jw_key_str(&s->metadata_w, key);
    if (raw.n && *raw.p == '{')
        jw_raw(&s->metadata_w, raw);
    else
        jw_value(&s->metadata_w, v);
    s->any_metadata = true;
}

static void otlp_type(struct event *e, struct str word)
{
    static const char *const words[][2] = { { "tool", "TOOL" }, { "agent", "AGENT" }, { "llm", "GENERATION" },
        { "generation", "GENERATION" } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(word, words[i][0]))
            event_set_int(e, OBSERVATION_type, observation_type_find(str_of(words[i][1])));
}

static void otlp_number(struct lifter *l, struct event *e, unsigned column, const char *key, struct json v)
{
    struct str t = json_is_str(v) ? json_str(v) : text(l, v);
    event_set_json(e, column, arena_printf(l->b->arena, "{\"%s\":%.*s}", key, STR_ARG(t)));
}

static bool otlp_said(struct said *s, struct str key, struct json v)
{
    static const char *const texts[][2] = { { "session.id", "session_id" },
        { "langfuse.session.id", "session_id" }, { "user.id", "user_id" }, { "langfuse.user.id", "user_id" },
        { "langfuse.trace.name", "name" }, { "gen_ai.conversation.id", "session_hint" } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (str_is(key, texts[i][0])) {
            said_text(s, texts[i][1], v);
            return true;
        }
    if (str_is(key, "langfuse.trace.tags") || str_is(key, "tag.tags"))
        otlp_tags(s, v);
    else if (str_starts(key, STR("langfuse.trace.metadata.")))
        otlp_trace_metadata(s, str_sub(key, 24, key.n), v);
    else
        return false;
    return true;
}

static void otlp_attribute(struct lifter *l, struct event *e, struct said *s, struct str key, struct json v)
{
    if (otlp_said(s, key, v))
        return;
    if (str_is(key, "input"))
        event_set_json(e, OBSERVATION_input, text(l, v));
    else if (str_is(key, "output"))
        event_set_json(e, OBSERVATION_output, text(l, v));
    else if (str_is(key, "gen_ai.request.model"))
        set_text(e, OBSERVATION_model, v);
    else if (str_is(key, "gen_ai.usage.input_tokens"))
        otlp_number(l, e, OBSERVATION_usage, "input", v);
    else if (str_is(key, "gen_ai.usage.cost"))
        otlp_number(l, e, OBSERVATION_cost, "total", v);
    else if (str_is(key, "langwatch.span.type") || str_is(key, "langfuse.observation.type"))
        otlp_type(e, json_str(v));
    else if (str_starts(key, STR("deployment.environment")))
        event_set_text(e, OBSERVATION_environment, environment(l, v));
    else if (str_starts(key, STR("langfuse.observation.metadata."))) {
        struct str value = text(l, v), name = str_sub(key, 30, key.n);
        event_set_json(e, OBSERVATION_metadata,
            arena_printf(l->b->arena, "{\"%.*s\":%.*s}", STR_ARG(name), STR_ARG(value)));
    }
}

static void otlp_status(struct event *e, struct json status)
{
    int64_t code;
    if (!json_i64(json_key(status, "code"), &code) || code != 2)
        return;
    event_set_int(e, OBSERVATION_level, LEVEL_ERROR);
    set_text(e, OBSERVATION_status_message, json_key(status, "message"));
}

static struct event *otlp_event(
    struct lifter *l, enum profile p, struct json span, int64_t start, int64_t end)
{
    struct event *e = event_of(l, p, json_str(json_key(span, "traceId")), json_str(json_key(span, "spanId")),
        end != TIME_NONE ? end : start);
    event_set_int(e, OBSERVATION_type, OBS_SPAN);
    set_text(e, OBSERVATION_name, json_key(span, "name"));
    set_full_text(e, OBSERVATION_parent_id, json_key(span, "parentSpanId"));
    event_set_int(e, OBSERVATION_start_ns, start);
    event_set_int(e, OBSERVATION_end_ns, end);
    if (end == TIME_NONE)
        event_set_as(e, OBSERVATION_end_ns, value_int(start), RANK_HINT, LATEST, MODE_REPLACE);
    otlp_status(e, json_key(span, "status"));
    return e;
}

static int64_t unix_nano(struct json v)
{
    int64_t ns;
    return str_to_i64(json_str(v), &ns) ? ns : TIME_NONE;
}

static void otlp_span(struct lifter *l, struct json span, struct json resource)
{
    struct event *e = otlp_event(l, PROFILE_OTLP_SPAN, span, unix_nano(json_key(span, "startTimeUnixNano")),
        unix_nano(json_key(span, "endTimeUnixNano")));
    struct json sets[2] = { json_key(resource, "attributes"), json_key(span, "attributes") }, attribute;
    struct said s;
    said_init(&s);
    for (int i = 0; i < 2; i++) {
        struct json_iter it = json_iter(sets[i]);
        while (json_next(&it, NULL, &attribute))
            otlp_attribute(
                l, e, &s, json_str(json_key(attribute, "key")), any_value(json_key(attribute, "value")));
    }
    said_set(l, &s, e);
}

static void lift_otlp(struct lifter *l, struct json body)
{
    struct json_iter r = json_iter(json_key(body, "resourceSpans"));
    struct json resource, scope, span;
    while (json_next(&r, NULL, &resource)) {
        struct json_iter s = json_iter(json_key(resource, "scopeSpans"));
        while (json_next(&s, NULL, &scope)) {
            struct json_iter it = json_iter(json_key(scope, "spans"));
            while (json_next(&it, NULL, &span))
                otlp_span(l, span, json_key(resource, "resource"));
        }
    }
}

static int64_t hr_time(struct json v)
{
    int64_t s, ns;
    return json_i64(json_at(v, 0), &s) && json_i64(json_at(v, 1), &ns) ? s * NS_PER_S + ns : TIME_NONE;
}

static void lift_langtrace(struct lifter *l, struct json body)
{
    struct json_iter it = json_iter(body);
    struct json span, v;
    struct str key;
    while (json_next(&it, NULL, &span)) {
        struct event *e = otlp_event(l, PROFILE_LANGTRACE_SPAN, span, hr_time(json_key(span, "startTime")),
            hr_time(json_key(span, "endTime")));
        struct json_iter attributes = json_iter(json_key(span, "attributes"));
        struct said s;
        said_init(&s);
        while (json_next(&attributes, &key, &v))
            otlp_attribute(l, e, &s, key, v);
        said_set(l, &s, e);
    }
}

/* ---- LangWatch ------------------------------------------------------------------------------------------------------ */

static int64_t later(int64_t x, int64_t y)
{
    return x > y ? x : y; /* TIME_NONE is the smallest */
}

static int64_t lw_time(struct json span)
{
    struct json ts = json_key(span, "timestamps");
    return later(later(epoch_ms(json_key(ts, "finished_at")), epoch_ms(json_key(ts, "first_token_at"))),
        epoch_ms(json_key(ts, "started_at")));
}

static enum type_hint lw_hint(struct str type)
{
    static const char *const names[] = { "", "text", "raw", "json", "chat_messages", "list",
        "guardrail_result", "evaluation_result" };
    for (int i = 1; i < 8; i++)
        if (str_is(type, names[i]))
            return (enum type_hint)i;
    return HINT_NONE;
}

static void lw_typed(struct lifter *l, struct event *e, unsigned column, struct json typed)
{
    struct json v = json_key(typed, "value");
    if (!v.v)
        return;
    struct value value = value_json(text(l, v));
    value.hint = lw_hint(json_str(json_key(typed, "type")));
    bool empty = !json_is_set(v) || (json_is_str(v) && !json_str(v).n) ||
                 ((json_is_arr(v) || json_is_obj(v)) && !json_size(v));
    event_set_as(e, column, value, empty ? RANK_HINT : RANK_SAID, LATEST, MODE_REPLACE);
}

static void lw_times(struct event *e, struct json ts)
{
    static const struct {
        const char *key;
        unsigned column;
    } times[] = { { "started_at", OBSERVATION_start_ns }, { "finished_at", OBSERVATION_end_ns },
        { "first_token_at", OBSERVATION_first_token_ns } };
    for (size_t i = 0; i < 3; i++) {
        int64_t t = epoch_ms(json_key(ts, times[i].key));
        if (t == TIME_NONE)
            continue;
        if (json_bool(json_key(ts, "ignore_timestamps_on_write")))
            event_set_as(e, times[i].column, value_int(t), RANK_HINT, FIRST, MODE_REPLACE);
        else
            event_set_int(e, times[i].column, t);
    }
}

static int lw_type(struct str type)
{
    static const char *const words[][2] = { { "span", "SPAN" }, { "llm", "GENERATION" }, { "chain", "CHAIN" },
        { "tool", "TOOL" }, { "agent", "AGENT" }, { "rag", "RETRIEVER" }, { "guardrail", "GUARDRAIL" },
        { "evaluation", "EVALUATOR" } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(type, words[i][0]))
            return observation_type_find(str_of(words[i][1]));
    return OBS_SPAN;
}

static void lw_span(struct lifter *l, struct json span, struct str trace)
{
    static const char *const usage[][2] = { { "prompt_tokens", "input" }, { "completion_tokens", "output" } };
    static const char *const cost[][2] = { { "cost", "total" } };
    struct event *e =
        event_of(l, PROFILE_LANGWATCH_SPAN, trace, json_str(json_key(span, "span_id")), lw_time(span));
    struct json error = json_key(span, "error"), metrics = json_key(span, "metrics");
    event_set_int(e, OBSERVATION_type, lw_type(json_str(json_key(span, "type"))));
    set_text(e, OBSERVATION_source_type, json_key(span, "type"));
    set_text(e, OBSERVATION_name, json_key(span, "name"));
    set_text(e, OBSERVATION_parent_id, json_key(span, "parent_id"));
    set_text(e, OBSERVATION_model, json_key(span, "model"));
    lw_times(e, json_key(span, "timestamps"));
    lw_typed(l, e, OBSERVATION_input, json_key(span, "input"));
    lw_typed(l, e, OBSERVATION_output, json_key(span, "output"));
    event_set_json(e, OBSERVATION_params, without_nulls(l, json_key(span, "params")));
    event_set_json(e, OBSERVATION_usage, RENAMED(l, metrics, usage));
    event_set_json(e, OBSERVATION_cost, RENAMED(l, metrics, cost));
    if (json_is_obj(error)) {
        event_set_int(e, OBSERVATION_level, LEVEL_ERROR);
        set_text(e, OBSERVATION_status_message, json_key(error, "message"));
    }
}

/* Reserved keys have columns; the rest is metadata. */
static void lw_metadata(struct lifter *l, struct event *e, struct json metadata)
{
    struct json_iter it = json_iter(metadata);
    struct json v;
    struct str key;
    struct buf out;
    bool any = false;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    while (json_next(&it, &key, &v)) {
        if (json_is_null(v))
            continue;
        if (str_is(key, "user_id")) {
            set_text(e, TRACE_user_id, v);
        } else if (str_is(key, "thread_id")) {
            set_text(e, TRACE_session_id, v);
        } else if (str_is(key, "labels")) {
            set_filled(l, e, TRACE_tags, v);
        } else {
            jw_key_str(&w, key);
            jw_value(&w, v);
            any = true;
        }
    }
    jw_obj_end(&w);
    if (any)
        event_set_json(e, TRACE_metadata, arena_dup(l->b->arena, buf_str(&out)));
    buf_fini(&out);
}

static void lw_evaluation(struct lifter *l, struct json v, struct str trace)
{
    struct json ts = json_key(v, "timestamps"), passed = json_key(v, "passed"), score = json_key(v, "score");
    int64_t started = epoch_ms(json_key(ts, "started_at")), finished = epoch_ms(json_key(ts, "finished_at"));
    bool error = json_is_set(json_key(v, "error"));
    struct event *e = event_of(l, PROFILE_LANGWATCH_EVALUATION, STR_NONE,
        json_str(json_key(v, "evaluation_id")), finished != TIME_NONE ? finished : started);
    struct str number = text(l, score), boolean = text(l, passed);
    set_text(e, SCORE_name, json_key(v, "name"));
    event_set_text(e, SCORE_status, error ? STR("error") : STR("processed"));
    event_set_text(e, SCORE_trace_id, trace);
    event_set_int(e, SCORE_started_ns, started);
    event_set_int(e, SCORE_finished_ns, finished);
    set_text(e, SCORE_comment, json_key(v, "details"));
    if (!error)
        event_set_json(e, SCORE_value,
            arena_printf(l->b->arena, "{\"type\":\"NUMERIC\",\"number\":%.*s,\"boolean\":%.*s}",
                STR_ARG(number), STR_ARG(boolean)));
}

static void lift_langwatch(struct lifter *l, struct json body)
{
    struct str trace = json_str(json_key(body, "trace_id"));
    struct json_iter it = json_iter(json_key(body, "spans"));
    struct json v;
    int64_t t = TIME_NONE;
    while (json_next(&it, NULL, &v)) {
        lw_span(l, v, trace);
        t = later(t, lw_time(v));
    }
    struct event *e = event_of(l, PROFILE_LANGWATCH_TRACE, STR_NONE, trace, t);
    event_set_int(e, TRACE_exists, 1);
    lw_metadata(l, e, json_key(body, "metadata"));
    it = json_iter(json_key(body, "evaluations"));
    while (json_next(&it, NULL, &v))
        lw_evaluation(l, v, trace);
}

/* ---- LLMonitor ------------------------------------------------------------------------------------------------------ */

static int lm_type(struct str type)
{
    static const char *const words[][2] = { { "llm", "GENERATION" }, { "chain", "CHAIN" },
        { "agent", "AGENT" }, { "tool", "TOOL" }, { "retriever", "RETRIEVER" }, { "embed", "EMBEDDING" } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(type, words[i][0]))
            return observation_type_find(str_of(words[i][1]));
    return OBS_SPAN;
}

static void lm_run(struct lifter *l, struct event *e, struct json v, struct str id)
{
    struct str type = json_str(json_key(v, "type")), parent = json_str(json_key(v, "parentRunId"));
    event_set_int(e, OBSERVATION_type, lm_type(type));
    event_set_text(e, OBSERVATION_source_type, type);
    set_text(e, OBSERVATION_name, json_key(v, "name"));
    if (str_is(type, "llm"))
        set_text(e, OBSERVATION_model, json_key(v, "name"));
    if (!str_eq(parent, id))
        event_set_text(e, OBSERVATION_parent_id, parent);
    set_text(e, OBSERVATION_user_id, json_key(v, "userId"));
    set_filled(l, e, OBSERVATION_metadata, json_key(v, "metadata"));
}

static void lm_user(struct lifter *l, struct json v, int64_t t)
{
    struct str user = json_str(json_key(v, "userId"));
    if (!user.p)
        return;
    struct event *e = event_of(l, PROFILE_LLMONITOR_USER, STR_NONE, user, t);
    event_set_int(e, USER_last_seen_ns, t);
    event_set_int(e, USER_first_seen_ns, t);
    set_json(l, e, USER_props, json_key(v, "userProps"));
}

static void lm_thread(struct lifter *l, struct str id, struct json first, int64_t t)
{
    struct event *e = event_of(l, PROFILE_LLMONITOR_THREAD, STR_NONE, id, t);
    event_set_int(e, SESSION_exists, 1);
    event_set_int(e, SESSION_start_ns, t);
    set_json(l, e, SESSION_first_message, first);
}

static void lm_start(struct lifter *l, struct json v, struct str id, int64_t t)
{
    lm_user(l, v, t);
    if (str_is(json_str(json_key(v, "type")), "thread")) {
        lm_thread(l, id, json_key(v, "input"), t);
        return;
    }
    struct event *e = event_of(l, PROFILE_LLMONITOR_START, STR_NONE, id, t);
    lm_run(l, e, v, id);
    event_set_int(e, OBSERVATION_start_ns, t);
    set_json(l, e, OBSERVATION_input, json_key(v, "input"));
    set_filled(l, e, OBSERVATION_tags, json_key(v, "tags"));
    set_filled(l, e, OBSERVATION_params, json_key(v, "extra"));
}

static void lm_end(struct lifter *l, struct json v, struct str id, int64_t t, bool error)
{
    static const char *const usage[][2] = { { "prompt", "input" }, { "completion", "output" } };
    struct event *e = event_of(l, PROFILE_LLMONITOR_END, STR_NONE, id, t);
    struct json output = json_key(v, "output"), fault = json_key(v, "error");
    lm_run(l, e, v, id);
    event_set_int(e, OBSERVATION_end_ns, t);
    event_set_int(e, OBSERVATION_level, error ? LEVEL_ERROR : LEVEL_DEFAULT);
    if (error)
        set_text(e, OBSERVATION_status_message, json_is_obj(fault) ? json_key(fault, "message") : fault);
    else if (json_is_null(output))
        event_set_null(e, OBSERVATION_output);
    set_json(l, e, OBSERVATION_output, output);
    set_json(l, e, OBSERVATION_input, json_key(v, "input"));
    event_set_json(e, OBSERVATION_usage, RENAMED(l, json_key(v, "tokensUsage"), usage));
}

/* One score per key; thumbs is thumb; extra stands over feedback. */
static void lm_feedback(struct lifter *l, struct json v, struct str run, int64_t t)
{
    struct json sets[2] = { json_key(v, "feedback"), json_key(v, "extra") }, value;
    struct str key;
    for (int i = 0; i < 2; i++) {
        struct json_iter it = json_iter(sets[i]);
        while (json_next(&it, &key, &value)) {
            struct str name = str_is(key, "thumbs") ? STR("thumb") : key;
            struct event *e = event_of(l, PROFILE_LLMONITOR_FEEDBACK, STR_NONE,
                arena_printf(l->b->arena, "%.*s:%.*s", STR_ARG(run), STR_ARG(name)), t);
            event_set_text(e, SCORE_observation_id, run);
            event_set_text(e, SCORE_name, name);
            if (json_is_null(value))
                event_set_null(e, SCORE_value);
            else
                event_set_json(e, SCORE_value, score_value(l, value));
        }
    }
}

static void lm_chat(struct lifter *l, struct json v, struct str id, int64_t t)
{
    struct json message = json_key(v, "message"), role = json_key(message, "role"),
                content = json_key(message, "content");
    struct str thread = json_str(json_key(v, "parentRunId")), role_text = text(l, role),
               content_text = text(l, content);
    lm_thread(l, thread, content, t);
    struct event *e = event_of(l, PROFILE_LLMONITOR_MESSAGE, thread, id, t);
    set_text(e, MESSAGE_role, role);
    set_bool(e, MESSAGE_retry, json_key(message, "isRetry"));
    event_set_int(e, MESSAGE_time_ns, t);
    event_set_int(e, MESSAGE_tie, 0);
    event_set_json(e, MESSAGE_body,
        arena_printf(
            l->b->arena, "{\"role\":%.*s,\"content\":%.*s}", STR_ARG(role_text), STR_ARG(content_text)));
}

static void lift_llmonitor(struct lifter *l, struct json body)
{
    struct json_iter it = json_iter(json_key(body, "events"));
    struct json v;
    while (json_next(&it, NULL, &v)) {
        struct str what = json_str(json_key(v, "event")), id = json_str(json_key(v, "runId"));
        int64_t t = epoch_ms(json_key(v, "timestamp"));
        if (str_is(what, "start"))
            lm_start(l, v, id, t);
        else if (str_is(what, "end") || str_is(what, "error"))
            lm_end(l, v, id, t, str_is(what, "error"));
        else if (str_is(what, "feedback"))
            lm_feedback(l, v, id, t);
        else if (str_is(what, "chat"))
            lm_chat(l, v, id, t);
        else
            set_filled(l, event_of(l, PROFILE_LLMONITOR_UPDATE, STR_NONE, id, t), OBSERVATION_metadata,
                json_key(v, "metadata"));
    }
}

/* ---- decoders ------------------------------------------------------------------------------------------------------- */

static const struct decoder {
    const char *name;
    const struct dialect *dialect;
    const char *path;
} decoders[] = {
    { "langwatch", &langwatch_dialect, "/api/collector" },
    { "llmonitor", &llmonitor_dialect, "/api/report" },
};

/* OTLP's bodies are decoded for every dialect alike, so no dialect's route is needed. */
static void take_span(void *ctx, const struct otlp_span *span)
{
    struct err err = { 0 };
    if (otlp_map_span(ctx, span, &err) == ST_OK)
        return;
    fprintf(stderr, "otlp refuses: %s\n", err.text);
    abort();
}

static void decode_otlp(struct lifter *l, struct json body)
{
    struct otlp_mapper *m = otlp_mapper_new(l->b, l->project, INT64_C(1800000000) * NS_PER_S, STR_NONE);
    const struct otlp_sink sink = { .ctx = m, .span = take_span };
    struct otlp_tally tally = { 0 };
    struct err err = { 0 };
    if (otlp_read_json(l->b->arena, body, SIGNAL_TRACES, &sink, &tally, &err) != ST_OK || tally.rejected) {
        fprintf(stderr, "otlp cannot read: %s%s\n", err.text, tally.first.text);
        abort();
    }
    otlp_mapper_free(m);
}

static const struct decoder *decoder_of(struct str dialect)
{
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++)
        if (str_is(dialect, decoders[i].name))
            return &decoders[i];
    return NULL;
}

bool lift_has_decoder(struct str dialect)
{
    return str_is(dialect, "otlp") || decoder_of(dialect) != NULL;
}

/* Every token opens the caller's project: LLMonitor's bodies name theirs by app id. */
static const struct caller *any_caller(void *ctx, struct str token, struct arena *a)
{
    (void)token;
    (void)a;
    return ctx;
}

static void decode(struct lifter *l, const struct decoder *d, struct json body)
{
    static const struct pair headers[] = { { STR_INIT("content-type"), STR_INIT("application/json") } };
    struct caller *caller = arena_alloc(l->b->arena, sizeof *caller);
    struct err err = { 0 };
    *caller =
        (struct caller){ .project = l->project, .project_id = STR("11111111-1111-4111-8111-111111111111") };
    struct call call = { .arena = l->b->arena,
        .dialect = d->dialect,
        .method = METHOD_POST,
        .path = str_of(d->path),
        .body = text(l, body),
        .headers = headers,
        .n_headers = 1,
        .now_ns = INT64_C(1800000000) * NS_PER_S,
        .caller = caller,
        .credential = CREDENTIAL_GOOD,
        .find_caller = any_caller,
        .find_ctx = caller };
    for (size_t i = 0; i < d->dialect->n_routes && !call.route; i++)
        if (d->dialect->routes[i].method == METHOD_POST &&
            strcmp(d->dialect->routes[i].pattern, d->path) == 0)
            call.route = &d->dialect->routes[i];
    assert(call.route);
    enum status st = call.route->write(&call, l->b, &err);
    if (st != ST_OK) {
        fprintf(stderr, "%s refuses: %s\n", d->name, err.text);
        abort();
    }
}

/* ---- items ---------------------------------------------------------------------------------------------------------- */

struct batch *lift_item(struct str dialect, struct json item, int32_t project, bool decoded)
{
    static const struct {
        const char *name;
        void (*lift)(struct lifter *l, struct json body);
    } dialects[] = { { "langfuse", lift_langfuse }, { "agenttrace", lift_agenttrace }, { "otlp", lift_otlp },
        { "langtrace", lift_langtrace }, { "langwatch", lift_langwatch }, { "llmonitor", lift_llmonitor } };
    struct batch *b = mem_alloc(sizeof *b);
    struct lifter l = { .b = b, .project = project };
    struct json removed = json_key(item, "delete_trace"), patched = json_key(item, "patch_trace"),
                body = json_key(item, "body");
    batch_init(b, arena_new());
    if (removed.v)
        batch_remove(b, project, TRACE, STR_NONE, json_str(removed));
    else if (patched.v)
        lift_patch(&l, json_str(patched), body);
    if (body.v && decoded && lift_has_decoder(dialect)) {
        if (str_is(dialect, "otlp"))
            decode_otlp(&l, body);
        else
            decode(&l, decoder_of(dialect), body);
        return b;
    }
    for (size_t i = 0; body.v && !patched.v && i < sizeof dialects / sizeof *dialects; i++)
        if (str_is(dialect, dialects[i].name))
            dialects[i].lift(&l, body);
    return b;
}

void lift_free(struct batch *b)
{
    batch_fini(b);
    mem_free(b);
}
