/*
 * Input and output (otlp.md 2.5). The rules stand in the contract's order; the first that yields an input or an output supplies both. What
 * the others would have said stays with the attributes in leftovers.
 */
#include "dialect/otlp/map_priv.h"

#include <string.h>

#define NOWHERE ((struct origin){ ORIGIN_NONE, ORIGIN_NONE, ORIGIN_NONE })

/* ---- values --------------------------------------------------------------------------------------------------------- */

struct found otlp__found_json(struct str json)
{
    return (struct found){ json, HINT_NONE, NOWHERE };
}

static size_t index_of(const struct mapping *x, enum attribute_slot slot)
{
    return (size_t)(x->slots.slot[slot] - x->span->attributes.items);
}

struct found otlp__found_slot(const struct mapping *x, enum attribute_slot slot)
{
    const struct any *v = otlp__get(x, slot);
    if (!otlp__is_present(v))
        return otlp__found_json(STR_NONE);
    struct found f = otlp__found_json(otlp__payload(x, v));
    f.origin.attribute = index_of(x, slot);
    return f;
}

struct found otlp__found_first(const struct mapping *x, const enum attribute_slot *list)
{
    enum attribute_slot slot = ATTR_END;
    return otlp__first(x, list, &slot) ? otlp__found_slot(x, slot) : otlp__found_json(STR_NONE);
}

/* A family, or the exact key before it. */
static struct found found_family(
    const struct mapping *x, enum attribute_slot exact, enum attribute_family family)
{
    if (exact != ATTR_END && otlp__has(x, exact))
        return otlp__found_slot(x, exact);
    return otlp__found_json(otlp__family_json(x, family, false));
}

static struct found else_found(struct found f, struct found other)
{
    return f.json.p ? f : other;
}

/* The documents of 2.12, which otlp__map_tools() has stated. */
static struct found documents(const struct mapping *x)
{
    const struct value *v = event_get(x->event, OBSERVATION_documents);
    return otlp__found_json(v && v->kind == V_JSON ? v->s : STR_NONE);
}

/* ---- rules that are more than a list -------------------------------------------------------------------------------- */

/* How a value of this type may be labelled: as it says, unless it is not what it says. */
static enum type_hint hint_of(struct json type, struct json value)
{
    static const struct {
        const char *word;
        enum type_hint hint;
        enum json_type kind; /* of the value; JSON_ABSENT: any */
    } types[] = { { "text", HINT_TEXT, JSON_STR }, { "raw", HINT_RAW, JSON_STR },
        { "json", HINT_JSON, JSON_ABSENT }, { "chat_messages", HINT_CHAT_MESSAGES, JSON_ARR },
        { "list", HINT_LIST, JSON_ARR }, { "guardrail_result", HINT_GUARDRAIL_RESULT, JSON_OBJ },
        { "evaluation_result", HINT_EVALUATION_RESULT, JSON_OBJ } };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_is(json_str(type), types[i].word))
            return types[i].kind == JSON_ABSENT || json_type(value) == types[i].kind ? types[i].hint
                                                                                     : HINT_JSON;
    return HINT_NONE;
}

/* A list is one of typed values; with a plain item it is JSON. */
static enum type_hint hint_of_list(struct json list)
{
    struct json item;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);)
        if (hint_of(json_key(item, "type"), json_key(item, "value")) == HINT_NONE)
            return HINT_JSON;
    return HINT_LIST;
}

/* {"type": T, "value": V} is V with T as its hint. */
static struct found found_typed(const struct mapping *x, enum attribute_slot slot)
{
    struct json v = otlp__parse(x, otlp__get(x, slot)), value = json_key(v, "value");
    enum type_hint hint = hint_of(json_key(v, "type"), value);
    if (hint == HINT_NONE || json_type(value) == JSON_ABSENT)
        return otlp__found_slot(x, slot);
    struct found f =
        otlp__found_json(json_is_null(value) ? STR_NONE : arena_dup(x->arena, json_text(x->scratch, value)));
    f.hint = hint == HINT_LIST ? hint_of_list(value) : hint;
    return f;
}

static void of_langwatch(const struct mapping *x, struct both *out)
{
    out->input = found_typed(x, ATTR_langwatch_input);
    out->output = found_typed(x, ATTR_langwatch_output);
}

/* A member of a blob, or the whole blob where it has none. */
static struct found found_member(
    const struct mapping *x, enum attribute_slot slot, struct json blob, const char *member)
{
    struct json part = json_key(blob, member);
    if (json_is_set(part))
        return otlp__found_json(arena_dup(x->arena, json_text(x->scratch, part)));
    return otlp__found_slot(x, slot);
}

static void of_genkit(const struct mapping *x, struct both *out)
{
    out->input = found_member(x, ATTR_genkit_input, x->genkit_input, "messages");
    out->output = found_member(x, ATTR_genkit_output, x->genkit_output, "message");
}

/* The AI SDK says what a model answered in two attributes where it also called tools. */
static struct found vercel_answer(const struct mapping *x)
{
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    jw_kv_cstr(&w, "role", "assistant");
    jw_key(&w, "content");
    otlp__write_any(x, &w, otlp__get(x, ATTR_ai_response_text), false);
    jw_key(&w, "tool_calls");
    otlp__write_any(x, &w, otlp__get(x, ATTR_ai_response_toolcalls), true);
    jw_obj_end(&w);
    struct str json = arena_dup(x->arena, buf_str(&b));
    buf_fini(&b);
    return otlp__found_json(json);
}

static void of_vercel(const struct mapping *x, struct both *out)
{
    static const enum attribute_slot inputs[] = { ATTR_ai_prompt_messages, ATTR_ai_prompt,
        ATTR_ai_toolcall_args, ATTR_ai_values, ATTR_ai_value, ATTR_END };
    static const enum attribute_slot outputs[] = { ATTR_ai_response_text, ATTR_ai_result_text,
        ATTR_ai_toolcall_result, ATTR_ai_response_object, ATTR_ai_result_object, ATTR_ai_response_toolcalls,
        ATTR_ai_result_toolcalls, ATTR_END };
    struct both semconv = { 0 };
    if (!x->sender.vercel)
        return;
    out->input = otlp__found_first(x, inputs);
    if (otlp__get(x, ATTR_ai_response_text) && otlp__get(x, ATTR_ai_response_toolcalls))
        out->output = vercel_answer(x);
    else
        out->output = otlp__found_first(x, outputs);
    if (out->input.json.p && out->output.json.p)
        return;
    otlp__semconv(x, &semconv);
    out->input = else_found(out->input, semconv.input);
    out->output = else_found(out->output, semconv.output);
}

/* "{}" is what ADK sends where capture is off. */
static struct found found_blob(const struct mapping *x, enum attribute_slot slot)
{
    const struct any *v = otlp__get(x, slot);
    if (v && v->kind == ANY_TEXT && str_is(str_trim(v->s), "{}"))
        return otlp__found_json(STR_NONE);
    return otlp__found_slot(x, slot);
}

static void of_adk(const struct mapping *x, struct both *out)
{
    out->input = else_found(found_blob(x, ATTR_gcp_vertex_agent_llm_request),
        found_blob(x, ATTR_gcp_vertex_agent_tool_call_args));
    out->output = else_found(found_blob(x, ATTR_gcp_vertex_agent_llm_response),
        found_blob(x, ATTR_gcp_vertex_agent_tool_response));
}

/* Rule 10. A final result alone is none of it: it goes with the messages of rule 17, or stands in rule 23. */
static void of_logfire(const struct mapping *x, struct both *out)
{
    bool asked = otlp__has(x, ATTR_prompt), messages = otlp__has(x, ATTR_all_messages_events);
    bool ended = otlp__has(x, ATTR_final_result);
    if (asked)
        out->input = otlp__found_slot(x, ATTR_prompt);
    else if (messages && ended)
        out->input = otlp__found_slot(x, ATTR_all_messages_events);
    if (messages && (asked || !ended))
        out->output = otlp__found_slot(x, ATTR_all_messages_events);
    else if (asked || messages)
        out->output = otlp__found_slot(x, ATTR_final_result);
}

/* Rule 12: entries of one array; the first choice is the output, all that is no choice the input. */
static void of_events_attribute(const struct mapping *x, struct both *out)
{
    struct json item, list = otlp__parse(x, otlp__get(x, ATTR_events));
    struct buf b;
    if (!json_is_arr(list))
        return;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_arr(&w);
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);) {
        bool choice = str_is(json_str(json_key(item, "event.name")), "gen_ai.choice");
        if (!choice)
            jw_value(&w, item);
        else if (!out->output.json.p)
            out->output = otlp__found_json(arena_dup(x->arena, json_text(x->scratch, item)));
    }
    jw_arr_end(&w);
    if (b.n > 2)
        out->input = otlp__found_json(arena_dup(x->arena, buf_str(&b)));
    buf_fini(&b);
}

/* MLflow's values are JSON text of anything. */
static struct found found_mlflow(const struct mapping *x, enum attribute_slot slot)
{
    const struct any *v = otlp__get(x, slot);
    if (!otlp__is_present(v))
        return otlp__found_json(STR_NONE);
    struct found f = otlp__found_json(otlp__json_text(x, v));
    f.origin.attribute = index_of(x, slot);
    return f;
}

static void of_mlflow(const struct mapping *x, struct both *out)
{
    out->input = found_mlflow(x, ATTR_mlflow_spaninputs);
    out->output = found_mlflow(x, ATTR_mlflow_spanoutputs);
}

static void of_openinference(const struct mapping *x, struct both *out)
{
    out->input = otlp__found_slot(x, ATTR_input_value);
    out->output = otlp__found_slot(x, ATTR_output_value);
    if (out->input.json.p)
        out->output = else_found(out->output, documents(x));
}

static void of_pydantic(const struct mapping *x, struct both *out)
{
    if (!x->sender.pydantic)
        return;
    out->input = otlp__with_instructions(x, ATTR_pydantic_ai_all_messages);
    out->output = otlp__found_slot(x, ATTR_final_result);
}

static void of_prompts(const struct mapping *x, struct both *out)
{
    out->input = found_family(x, ATTR_gen_ai_prompt, FAM_gen_ai_prompt);
    out->output = found_family(x, ATTR_gen_ai_completion, FAM_gen_ai_completion);
}

static void of_openinference_messages(const struct mapping *x, struct both *out)
{
    out->input = else_found(
        found_family(x, ATTR_END, FAM_llm_input_messages), found_family(x, ATTR_END, FAM_llm_prompts));
    out->output = else_found(
        found_family(x, ATTR_END, FAM_llm_output_messages), found_family(x, ATTR_END, FAM_llm_choices));
}

static void of_the_rest(const struct mapping *x, struct both *out)
{
    static const enum attribute_slot inputs[] = { ATTR_gen_ai_task_input, ATTR_raw_input, ATTR_END };
    out->input = otlp__found_first(x, inputs);
    out->output = else_found(otlp__found_slot(x, ATTR_gen_ai_task_output), documents(x));
    out->output = else_found(out->output, otlp__found_slot(x, ATTR_final_result));
}

/* ---- the rules ------------------------------------------------------------------------------------------------------ */

#define MOST_SLOTS 8

struct io_rule {
    void (*find)(const struct mapping *x, struct both *out); /* NULL: the lists */
    bool (*gate)(const struct mapping *x);                   /* of the lists; NULL: always open */
    enum attribute_slot inputs[MOST_SLOTS], outputs[MOST_SLOTS];
};
#define SPECIAL(find)               \
    {                               \
        (find), NULL, { ATTR_END }, \
        {                           \
            ATTR_END                \
        }                           \
    }
#define PAIR(input, output)                     \
    {                                           \
        NULL, NULL, { ATTR_##input, ATTR_END }, \
        {                                       \
            ATTR_##output, ATTR_END             \
        }                                       \
    }

static bool is_flue(const struct mapping *x)
{
    return x->sender.flue;
}

static const struct io_rule rules[] = {
    PAIR(langfuse_observation_input, langfuse_observation_output),
    SPECIAL(of_langwatch),
    SPECIAL(of_genkit),
    SPECIAL(of_vercel),
    { NULL, is_flue,
        { ATTR_flue_turn_input, ATTR_flue_tool_arguments, ATTR_flue_task_prompt, ATTR_flue_workflow_payload,
            ATTR_END },
        { ATTR_flue_turn_output, ATTR_flue_tool_result, ATTR_flue_task_result, ATTR_flue_operation_result,
            ATTR_flue_workflow_result, ATTR_END } },
    SPECIAL(otlp__details_event),
    SPECIAL(otlp__message_events),
    SPECIAL(otlp__content_events),
    SPECIAL(of_adk),
    SPECIAL(of_logfire),
    { NULL, NULL,
        { ATTR_lk_input_text, ATTR_lk_user_transcript, ATTR_lk_user_input, ATTR_lk_chat_ctx,
            ATTR_lk_function_tool_arguments, ATTR_END },
        { ATTR_lk_function_tool_output, ATTR_lk_response_text, ATTR_lk_response_function_calls, ATTR_END } },
    SPECIAL(of_events_attribute),
    SPECIAL(of_mlflow),
    PAIR(traceloop_entity_input, traceloop_entity_output),
    SPECIAL(of_openinference),
    PAIR(input, output),
    SPECIAL(of_pydantic),
    PAIR(tool_arguments, tool_response),
    SPECIAL(of_prompts),
    /* rule 20: each framework by itself */
    PAIR(llm_prompts, llm_responses),
    PAIR(langchain_inputs, langchain_outputs),
    PAIR(llamaindex_inputs, llamaindex_outputs),
    PAIR(dspy_signature_args, dspy_signature_result),
    PAIR(db_query, db_response),
    SPECIAL(of_openinference_messages),
    SPECIAL(otlp__semconv),
    { NULL, NULL, { ATTR_mastra_agent_run_input, ATTR_mastra_model_step_input, ATTR_END },
        { ATTR_mastra_agent_run_output, ATTR_mastra_model_step_output, ATTR_END } },
    SPECIAL(of_the_rest),
};

static void try_rule(const struct mapping *x, const struct io_rule *r, struct both *out)
{
    if (r->find) {
        r->find(x, out);
    } else if (!r->gate || r->gate(x)) {
        out->input = otlp__found_first(x, r->inputs);
        out->output = otlp__found_first(x, r->outputs);
    }
}

static void set_found(struct mapping *x, unsigned column, const struct found *f, struct origin *origin)
{
    struct value v = value_json(f->json);
    if (!f->json.p)
        return;
    v.hint = (uint8_t)f->hint;
    event_set(x->event, column, v);
    *origin = f->origin;
}

void otlp__map_io(struct mapping *x)
{
    struct both found = { otlp__found_json(STR_NONE), otlp__found_json(STR_NONE) };
    for (size_t i = 0; i < sizeof rules / sizeof *rules && !found.input.json.p && !found.output.json.p; i++)
        try_rule(x, &rules[i], &found);
    set_found(x, OBSERVATION_input, &found.input, &x->input_origin);
    set_found(x, OBSERVATION_output, &found.output, &x->output_origin);
}
