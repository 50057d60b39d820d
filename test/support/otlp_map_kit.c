#include "support/otlp_map_kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/derive.h"
#include "support/model_kit.h"

#define NOW_NS INT64_C(1900000000000000000)

/* ---- reading and mapping -------------------------------------------------------------------------------------------- */

struct sink_state {
    struct map_kit *kit;
    struct otlp_mapper *mapper;
};

static void on_span(void *ctx, const struct otlp_span *s)
{
    struct sink_state *state = ctx;
    state->kit->st = otlp_map_span(state->mapper, s, &state->kit->err);
}

static struct json request_of(struct arena *a, struct json span, struct json resource, struct json scope)
{
    struct buf b;
    struct json request;
    buf_init(&b, 0);
    buf_add_cstr(&b, "{\"resourceSpans\":[{\"resource\":");
    buf_add_str(&b, resource.v ? json_text(a, resource) : STR("{}"));
    buf_add_cstr(&b, ",\"scopeSpans\":[{\"scope\":");
    buf_add_str(&b, scope.v ? json_text(a, scope) : STR("{}"));
    buf_add_cstr(&b, ",\"spans\":[");
    buf_add_str(&b, json_text(a, span));
    buf_add_cstr(&b, "]}]}]}");
    if (json_parse(a, buf_str(&b), 0, &request, NULL) != ST_OK)
        abort();
    buf_fini(&b);
    return request;
}

void map_kit_init(struct map_kit *k, struct json span, struct json resource, struct json scope)
{
    *k = (struct map_kit){ .arena = arena_new() };
    batch_init(&k->batch, k->arena);
    struct sink_state state = { k, otlp_mapper_new(&k->batch, 1, NOW_NS, STR_NONE) };
    struct otlp_sink sink = { .ctx = &state, .span = on_span };
    enum status st = otlp_read_json(
        k->arena, request_of(k->arena, span, resource, scope), SIGNAL_TRACES, &sink, &k->tally, &k->err);
    if (st != ST_OK)
        k->st = st;
    otlp_mapper_free(state.mapper);
    batch_seal(&k->batch);
}

void map_kit_fini(struct map_kit *k)
{
    arena_free(k->arena);
}

const struct event *map_kit_observation(const struct map_kit *k)
{
    for (size_t i = 0; i < k->batch.n_events; i++)
        if (k->batch.events[i].entity == OBSERVATION)
            return &k->batch.events[i];
    return NULL;
}

/* ---- showing -------------------------------------------------------------------------------------------------------- */

static const struct value *stated(const struct event *e, unsigned column)
{
    const struct value *v = event_get(e, column);
    return v && v->kind != V_NULL ? v : NULL;
}

static void show_text(struct jw *w, const char *name, const struct event *e, unsigned column)
{
    const struct value *v = stated(e, column);
    jw_kv_str(w, name, v ? v->s : STR_NONE);
}

static void show_json(
    struct jw *w, const char *name, const struct event *e, unsigned column, const char *without)
{
    const struct value *v = stated(e, column);
    jw_kv_raw(w, name, v ? v->s : str_of(without));
}

static void show_time(struct jw *w, const char *name, const struct event *e, unsigned column)
{
    const struct value *v = stated(e, column);
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v ? v->i : 0);
    jw_kv_cstr(w, name, v ? text : NULL);
}

static void show_hint(struct jw *w, const char *name, const struct event *e, unsigned column)
{
    static const char *const names[] = { NULL, "text", "raw", "json", "chat_messages", "list",
        "guardrail_result", "evaluation_result" };
    const struct value *v = stated(e, column);
    jw_kv_cstr(w, name, v ? names[v->hint] : NULL);
}

static void show_prompt(struct jw *w, struct arena *a, const struct event *e)
{
    const struct value *v = stated(e, OBSERVATION_prompt);
    struct json prompt = JSON_NONE;
    if (v && json_parse(a, v->s, 0, &prompt, NULL) != ST_OK)
        abort();
    jw_kv_raw(w, "prompt", v ? v->s : STR_NONE);
    jw_kv_raw(w, "promptName", json_text(a, json_key(prompt, "name")));
    jw_kv_raw(w, "promptVersion", json_text(a, json_key(prompt, "version")));
}

static void show_scores(struct jw *w, struct map_kit *k)
{
    jw_key(w, "scores");
    jw_arr(w);
    for (size_t i = 0; i < k->batch.n_events; i++) {
        const struct event *e = &k->batch.events[i];
        const struct value *v = e->entity == SCORE ? stated(e, SCORE_value) : NULL;
        struct json value = JSON_NONE;
        if (e->entity != SCORE)
            continue;
        if (v && json_parse(k->arena, v->s, 0, &value, NULL) != ST_OK)
            abort();
        jw_obj(w);
        jw_kv_cstr(w, "target",
            stated(e, SCORE_session_id)       ? "session"
            : stated(e, SCORE_observation_id) ? "span"
                                              : "trace");
        show_text(w, "name", e, SCORE_name);
        jw_kv_raw(w, "value", json_text(k->arena, json_key(value, "number")));
        jw_kv_raw(w, "label", json_text(k->arena, json_key(value, "text")));
        show_text(w, "comment", e, SCORE_comment);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

/* Input or output of the trace: a root's own stands in the observation, else it is said. */
static void show_trace_value(struct jw *w, const char *name, const struct event *e, struct value v)
{
    const struct value *own = v.kind == V_REF ? stated(e, v.piece) : &v;
    jw_kv_raw(w, name, own && own->kind == V_JSON ? own->s : STR_NONE);
}

/* What the span alone makes of its trace; guesses are what is shown for want of anything said. */
static void show_trace(struct jw *w, struct arena *a, const struct event *e, const struct row *t)
{
    bool named = t->derived->ranks[DERIVED_NAME] > RANK_GUESS;
    jw_key(w, "trace");
    jw_obj(w);
    jw_kv_str(w, "name", named ? trace_name(t) : STR_NONE);
    jw_kv_str(w, "userId", trace_user_id(t));
    jw_kv_str(w, "sessionId", trace_session_id(t));
    jw_kv_raw(w, "tags", trace_tags(a, t));
    jw_kv_bool(w, "public", trace_public(t));
    jw_kv_raw(w, "metadata", trace_metadata(a, t));
    show_trace_value(w, "input", e, trace_input(t, false));
    show_trace_value(w, "output", e, trace_output(t, false));
    jw_obj_end(w);
}

static void show_columns(struct jw *w, const struct event *e)
{
    const struct value *type = stated(e, OBSERVATION_type), *level = stated(e, OBSERVATION_level);
    jw_kv_str(w, "traceId", e->scope);
    jw_kv_str(w, "id", e->id);
    show_text(w, "parentId", e, OBSERVATION_parent_id);
    jw_kv_cstr(w, "type", type ? observation_type_name((enum observation_type)type->i) : NULL);
    show_text(w, "sourceType", e, OBSERVATION_source_type);
    show_text(w, "name", e, OBSERVATION_name);
    show_time(w, "startTime", e, OBSERVATION_start_ns);
    show_time(w, "endTime", e, OBSERVATION_end_ns);
    show_time(w, "completionStartTime", e, OBSERVATION_first_token_ns);
    jw_kv_cstr(w, "level", level_name(level ? (enum level)level->i : LEVEL_DEFAULT));
    show_text(w, "statusMessage", e, OBSERVATION_status_message);
    show_text(w, "model", e, OBSERVATION_model);
    show_text(w, "provider", e, OBSERVATION_provider);
    show_json(w, "modelParameters", e, OBSERVATION_params, NULL);
    show_json(w, "input", e, OBSERVATION_input, NULL);
    show_hint(w, "inputType", e, OBSERVATION_input);
    show_json(w, "output", e, OBSERVATION_output, NULL);
    show_hint(w, "outputType", e, OBSERVATION_output);
    show_json(w, "usage", e, OBSERVATION_usage, "{}");
    show_json(w, "costDetails", e, OBSERVATION_cost, "{}");
    show_json(w, "toolDefinitions", e, OBSERVATION_tools, NULL);
    show_json(w, "documents", e, OBSERVATION_documents, NULL);
    show_json(w, "metadata", e, OBSERVATION_metadata, NULL);
    show_json(w, "leftovers", e, OBSERVATION_leftovers, NULL);
    show_json(w, "said", e, OBSERVATION_said, NULL);
    show_text(w, "version", e, OBSERVATION_version);
}

/* What is derived needs a stored row and its trace. */
static void show_derived(struct jw *w, struct map_kit *k, const struct event *e)
{
    struct kit store;
    struct kit_row stored = { 0 };
    struct usage_final usage;
    struct derived derived;
    kit_init(&store, 1);
    kit_apply(&store, OBSERVATION, &stored, e, NOW_NS);
    struct row row = { .entity = OBSERVATION, .scope = e->scope, .id = e->id, .fold = stored.fold };
    memcpy(row.cols, stored.cols, sizeof row.cols);
    derive_usage(store.a, &row, &usage);
    derive_trace(store.a, &row, 1, price_default(), &derived);
    struct row trace = { .entity = TRACE, .id = e->scope, .derived = &derived };
    jw_kv_raw(w, "usageDetails", usage.json.p ? usage.json : STR("{}"));
    jw_kv_bool(w, "estimated", usage.estimated);
    jw_kv_i64(w, "traceTokens", derived.tokens_total);
    jw_kv_str(w, "environment", trace_environment(&trace));
    jw_kv_str(w, "release", trace_release(&trace));
    show_trace(w, store.a, e, &trace);
    kit_fini(&store);
}

struct json map_kit_show(struct map_kit *k)
{
    const struct event *e = map_kit_observation(k);
    struct json shown;
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    if (e) {
        show_columns(&w, e);
        show_prompt(&w, k->arena, e);
        show_scores(&w, k);
        show_derived(&w, k, e);
    } else
        jw_kv_bool(&w, "dropped", true);
    jw_obj_end(&w);
    if (json_parse(k->arena, buf_str(&b), 0, &shown, NULL) != ST_OK)
        abort();
    buf_fini(&b);
    return shown;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static bool is_subset(struct json want, struct json have)
{
    struct json value;
    struct str key;
    if (!json_is_obj(want))
        return json_equal(want, have);
    for (struct json_iter it = json_iter(want); json_next(&it, &key, &value);)
        if (!is_subset(value, json_get(have, key)))
            return false;
    return true;
}

static bool member_holds(
    struct map_kit *k, const char *name, struct str key, struct json want, struct json have)
{
    bool partly = str_is(key, "metadata") || str_is(key, "leftovers") || str_is(key, "said");
    if (str_is(key, "trace"))
        return map_kit_holds(k, name, want, have);
    bool holds = json_is_null(want) ? !json_is_set(have)
                 : partly           ? is_subset(want, have)
                                    : json_equal(want, have);
    if (!holds)
        fprintf(stderr, "%s: %.*s\n  want %.*s\n  have %.*s\n", name, STR_ARG(key),
            STR_ARG(json_text(k->arena, want)), STR_ARG(json_text(k->arena, have)));
    return holds;
}

bool map_kit_holds(struct map_kit *k, const char *name, struct json want, struct json have)
{
    struct json value;
    struct str key;
    bool all = true;
    for (struct json_iter it = json_iter(want); json_next(&it, &key, &value);)
        all &= member_holds(k, name, key, value, json_get(have, key));
    return all;
}
