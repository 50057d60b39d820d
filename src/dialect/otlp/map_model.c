/* The model, who makes it, and what it was asked with (otlp.md 2.6). */
#include "dialect/otlp/map_priv.h"

/* ---- model and provider --------------------------------------------------------------------------------------------- */

/* The first of the list as text; MLflow's are JSON text. */
static struct str first_text(const struct mapping *x, const enum attribute_slot *list)
{
    enum attribute_slot slot = ATTR_END;
    const struct any *v = otlp__first(x, list, &slot);
    bool mlflow = slot == ATTR_mlflow_llm_model || slot == ATTR_mlflow_llm_provider;
    return mlflow ? otlp__mlflow_text(x, v) : otlp__text(x, v);
}

static struct str model_of(const struct mapping *x)
{
    static const enum attribute_slot models[] = { ATTR_langfuse_observation_model_name,
        ATTR_gen_ai_response_model, ATTR_ai_model_id, ATTR_gen_ai_request_model, ATTR_llm_response_model,
        ATTR_llm_response_model_name, ATTR_llm_model_name, ATTR_llm_request_model_name,
        ATTR_embedding_model_name, ATTR_reranker_model_name, ATTR_mlflow_llm_model, ATTR_llm_model,
        ATTR_model, ATTR_END };
    struct str model = first_text(x, models);
    if (!model.p && str_is(otlp__slot_text(x, ATTR_genkit_metadata_subtype), "model"))
        model = otlp__slot_text(x, ATTR_genkit_name);
    return model.p ? model : arena_dup(x->arena, json_str(json_key(x->adk_request, "model")));
}

static struct str provider_of(const struct mapping *x)
{
    static const enum attribute_slot providers[] = { ATTR_gen_ai_provider_name, ATTR_gen_ai_system,
        ATTR_llm_provider, ATTR_llm_system, ATTR_ai_model_provider, ATTR_mlflow_llm_provider,
        ATTR_langtrace_service_name, ATTR_END };
    return first_text(x, providers);
}

/* ---- parameters ----------------------------------------------------------------------------------------------------- */

/* A JSON object as it stands, or without its nulls; absent when nothing is left, or it is none. */
static struct str object_text(struct mapping *x, struct json object, bool nulls)
{
    struct json value;
    struct str key;
    if (!json_is_obj(object))
        return STR_NONE;
    struct jw w = otlp__begin(x);
    for (struct json_iter it = json_iter(object); json_next(&it, &key, &value);)
        if (nulls || json_is_set(value)) {
            jw_key_str(&w, key);
            jw_value(&w, value);
        }
    return otlp__end(x, &w);
}

/* Rule (c): the first of these that is an object. */
static struct str invocation_parameters(struct mapping *x)
{
    static const enum attribute_slot objects[] = { ATTR_llm_invocation_parameters,
        ATTR_embedding_invocation_parameters, ATTR_model_config };
    struct str params = STR_NONE;
    for (size_t i = 0; i < sizeof objects / sizeof *objects && !params.p; i++)
        params = object_text(x, otlp__parse(x, otlp__get(x, objects[i])), false);
    return params;
}

/* Rule (d): an object put together from many places, the strongest first; a name is written once. */
struct merge {
    struct mapping *x;
    struct jw w;
    struct names names;
};

static void put_any(struct merge *m, struct str name, const struct any *v, bool coerce)
{
    if (!v || v->kind == ANY_NULL || !otlp__add_name(&m->names, name))
        return;
    jw_key_str(&m->w, name);
    otlp__write_any(m->x, &m->w, v, coerce);
}

static void put_json(struct merge *m, struct str name, struct json v)
{
    if (!json_is_set(v) || !otlp__add_name(&m->names, name))
        return;
    jw_key_str(&m->w, name);
    jw_value(&m->w, v);
}

static void put_family(struct merge *m, enum attribute_family family)
{
    for (const struct member *p = m->x->members[family]; p; p = p->next)
        put_any(m, p->rest, p->value, false);
}

static size_t count_family(const struct mapping *x, enum attribute_family family)
{
    size_t n = 0;
    for (const struct member *p = x->members[family]; p; p = p->next)
        n++;
    return n;
}

static void put_adk(struct merge *m)
{
    static const char *const names[][2] = { { "temperature", "temperature" }, { "top_p", "top_p" },
        { "top_k", "top_k" }, { "max_output_tokens", "max_tokens" } };
    struct json config = json_key(m->x->adk_request, "config");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put_json(m, str_of(names[i][1]), json_key(config, names[i][0]));
}

struct named_slot {
    enum attribute_slot slot;
    const char *name;
};
static const struct named_slot vercel_params[] = { { ATTR_ai_settings_maxsteps, "maxSteps" },
    { ATTR_ai_settings_maxretries, "maxRetries" }, { ATTR_ai_settings_mode, "mode" },
    { ATTR_ai_prompt_toolchoice, "toolChoice" } };
static const struct named_slot flat_params[] = { { ATTR_gen_ai_request_user, "user" },
    { ATTR_llm_top_k, "top_k" }, { ATTR_llm_frequency_penalty, "frequency_penalty" },
    { ATTR_llm_presence_penalty, "presence_penalty" }, { ATTR_llm_chat_stop_sequences, "stop_sequences" } };
#define N_VERCEL (sizeof vercel_params / sizeof *vercel_params)
#define N_FLAT   (sizeof flat_params / sizeof *flat_params)
#define MOST_ADK 4

static void put_slots(struct merge *m, const struct named_slot *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_any(m, str_of(list[i].name), otlp__get(m->x, list[i].slot), true);
}

static void put_object(struct merge *m, struct json object)
{
    struct json value;
    struct str key;
    for (struct json_iter it = json_iter(object); json_next(&it, &key, &value);)
        put_json(m, key, value);
}

static struct str merged(struct mapping *x)
{
    struct json langwatch = otlp__unwrapped(otlp__parse(x, otlp__get(x, ATTR_langwatch_params)));
    size_t most = count_family(x, FAM_gen_ai_request) + count_family(x, FAM_llm_invocation_parameters) +
                  (json_is_obj(langwatch) ? json_size(langwatch) : 0) + N_VERCEL + N_FLAT + MOST_ADK;
    struct merge m = { .x = x, .w = otlp__begin(x), .names = otlp__names(x, most) };
    put_family(&m, FAM_gen_ai_request);
    put_family(&m, FAM_llm_invocation_parameters);
    put_adk(&m);
    if (x->sender.vercel)
        put_slots(&m, vercel_params, N_VERCEL);
    put_slots(&m, flat_params, N_FLAT);
    if (json_is_obj(langwatch))
        put_object(&m, langwatch);
    return otlp__end(x, &m.w);
}

static struct str params_of(struct mapping *x)
{
    struct json langfuse = otlp__parse(x, otlp__get(x, ATTR_langfuse_observation_model_parameters));
    struct str params = object_text(x, langfuse, true);
    if (!params.p)
        params = object_text(x, json_key(x->genkit_input, "config"), true);
    if (!params.p)
        params = invocation_parameters(x);
    return params.p ? params : merged(x);
}

/* An agent's span repeats the model of its calls, which have spans of their own. */
void otlp__map_model(struct mapping *x)
{
    if (!x->aggregate)
        event_set_text(x->event, OBSERVATION_model, model_of(x));
    event_set_text(x->event, OBSERVATION_provider, provider_of(x));
    event_set_json(x->event, OBSERVATION_params, params_of(x));
}
