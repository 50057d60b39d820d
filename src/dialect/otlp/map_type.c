/*
 * What an observation is and what it is called (otlp.md 2.3, 2.4). The rules stand in the contract's order; the first that knows the
 * word, or finds what it looks for, gives the type. The word itself is kept as source_type: a view whose own word it is shows it again.
 */
#include "dialect/otlp/map_priv.h"

#include <string.h>

/* ---- words ---------------------------------------------------------------------------------------------------------- */

/* A `word` that ends with * stands for all that begin so. NULL ends a list. */
struct word {
    const char *word;
    enum observation_type type;
};

static const struct word langfuse_words[] = { { "span", OBS_SPAN }, { "generation", OBS_GENERATION },
    { "event", OBS_EVENT }, { "embedding", OBS_EMBEDDING }, { "agent", OBS_AGENT }, { "tool", OBS_TOOL },
    { "chain", OBS_CHAIN }, { "retriever", OBS_RETRIEVER }, { "guardrail", OBS_GUARDRAIL },
    { "evaluator", OBS_EVALUATOR }, { NULL, OBS_SPAN } };
static const struct word agenttrace_words[] = { { "generation", OBS_GENERATION }, { "span", OBS_SPAN },
    { "event", OBS_EVENT }, { NULL, OBS_SPAN } };
static const struct word langwatch_words[] = { { "llm", OBS_GENERATION }, { "agent", OBS_AGENT },
    { "tool", OBS_TOOL }, { "rag", OBS_RETRIEVER }, { "chain", OBS_CHAIN }, { "workflow", OBS_CHAIN },
    { "guardrail", OBS_GUARDRAIL }, { "evaluation", OBS_EVALUATOR }, { "span", OBS_SPAN },
    { "component", OBS_SPAN }, { "module", OBS_SPAN }, { "task", OBS_SPAN }, { "server", OBS_SPAN },
    { "client", OBS_SPAN }, { "producer", OBS_SPAN }, { "consumer", OBS_SPAN }, { "unknown", OBS_SPAN },
    { NULL, OBS_SPAN } };
static const struct word openinference_words[] = { { "LLM", OBS_GENERATION }, { "CHAIN", OBS_CHAIN },
    { "RETRIEVER", OBS_RETRIEVER }, { "RERANKER", OBS_RETRIEVER }, { "EMBEDDING", OBS_EMBEDDING },
    { "AGENT", OBS_AGENT }, { "TOOL", OBS_TOOL }, { "GUARDRAIL", OBS_GUARDRAIL },
    { "EVALUATOR", OBS_EVALUATOR }, { NULL, OBS_SPAN } };
static const struct word operations[] = { { "chat", OBS_GENERATION }, { "completion", OBS_GENERATION },
    { "text_completion", OBS_GENERATION }, { "generate_content", OBS_GENERATION },
    { "generate", OBS_GENERATION }, { "call_llm", OBS_GENERATION }, { "llm_request", OBS_GENERATION },
    { "start_chat", OBS_GENERATION }, { "images_generate", OBS_GENERATION }, { "image_edit", OBS_GENERATION },
    { "embeddings", OBS_EMBEDDING }, { "embedding", OBS_EMBEDDING }, { "embed", OBS_EMBEDDING },
    { "invoke_agent", OBS_AGENT }, { "create_agent", OBS_AGENT }, { "agent_run", OBS_AGENT },
    { "agent", OBS_AGENT }, { "execute_tool", OBS_TOOL }, { "tool", OBS_TOOL },
    { "retrieval", OBS_RETRIEVER }, { "rerank", OBS_RETRIEVER }, { "vector_db_retrieve", OBS_RETRIEVER },
    { "invoke_workflow", OBS_CHAIN }, { NULL, OBS_SPAN } };
static const struct word genkit_words[] = { { "model", OBS_GENERATION },
    { "background-model", OBS_GENERATION }, { "embedder", OBS_EMBEDDING }, { "tool", OBS_TOOL },
    { "tool.v2", OBS_TOOL }, { "retriever", OBS_RETRIEVER }, { "evaluator", OBS_EVALUATOR },
    { NULL, OBS_SPAN } };
static const struct word traceloop_words[] = { { "workflow", OBS_CHAIN }, { "agent", OBS_AGENT },
    { "tool", OBS_TOOL }, { NULL, OBS_SPAN } };
static const struct word mlflow_words[] = { { "LLM", OBS_GENERATION }, { "CHAT_MODEL", OBS_GENERATION },
    { "EMBEDDING", OBS_EMBEDDING }, { "RETRIEVER", OBS_RETRIEVER }, { "RERANKER", OBS_RETRIEVER },
    { "TOOL", OBS_TOOL }, { "AGENT", OBS_AGENT }, { "CHAIN", OBS_CHAIN }, { "WORKFLOW", OBS_CHAIN },
    { "GUARDRAIL", OBS_GUARDRAIL }, { "EVALUATOR", OBS_EVALUATOR }, { NULL, OBS_SPAN } };
static const struct word mastra_words[] = { { "agent_run", OBS_AGENT }, { "workflow_*", OBS_CHAIN },
    { "model_generation", OBS_GENERATION }, { "model_step", OBS_GENERATION }, { "tool_call", OBS_TOOL },
    { "mcp_tool_call", OBS_TOOL }, { NULL, OBS_SPAN } };
static const struct word request_words[] = { { "chat", OBS_GENERATION }, { "completion", OBS_GENERATION },
    { "embedding", OBS_EMBEDDING }, { "rerank", OBS_RETRIEVER }, { NULL, OBS_SPAN } };
/* Rules 11 and 12: operations of the AI SDK. */
static const struct word vercel_models[] = { { "ai.generateText.doGenerate", OBS_GENERATION },
    { "ai.generateObject.doGenerate", OBS_GENERATION }, { "ai.streamText.doStream", OBS_GENERATION },
    { "ai.streamObject.doStream", OBS_GENERATION }, { "ai.embed.doEmbed", OBS_EMBEDDING },
    { "ai.embedMany.doEmbed", OBS_EMBEDDING }, { NULL, OBS_SPAN } };
static const struct word vercel_tools[] = { { "ai.toolCall", OBS_TOOL }, { NULL, OBS_SPAN } };

static bool word_is(struct str text, const char *word, bool nocase)
{
    struct str w = str_of(word);
    if (w.p[w.n - 1] == '*')
        return str_starts(text, str_sub(w, 0, w.n - 1));
    return nocase ? str_eq_nocase(text, w) : str_eq(text, w);
}

static const struct word *find_word(const struct word *list, struct str text, bool nocase)
{
    for (; list->word; list++)
        if (word_is(text, list->word, nocase))
            return list;
    return NULL;
}

/* ---- rules that are more than a word -------------------------------------------------------------------------------- */

/* What a rule found: the type, and the word that said so. */
struct verdict {
    enum observation_type type;
    struct str word; /* absent: no word of the client's */
};

static bool some_sent(const struct mapping *x, const enum attribute_slot *list)
{
    for (; *list != ATTR_END; list++)
        if (otlp__get(x, *list))
            return true;
    return false;
}

static bool some_present(const struct mapping *x, const enum attribute_slot *list)
{
    return otlp__first(x, list, NULL) != NULL;
}

/* 3.3 and before; a version that cannot be read is none of them. */
static bool is_before_3_4(struct str version)
{
    struct str major, minor;
    int64_t n, m = 0;
    if (!str_cut(&version, '.', &major) || !str_to_i64(major, &n))
        return false;
    if (version.p && str_cut(&version, '.', &minor))
        (void)str_to_i64(minor, &m);
    return n < 3 || (n == 3 && m <= 3);
}

/* Rule 0: Langfuse's Python SDK called generations spans for a while. The word is overruled, so it is not kept. */
static bool of_old_langfuse(const struct mapping *x, struct verdict *out)
{
    static const enum attribute_slot marks[] = { ATTR_langfuse_observation_model_name,
        ATTR_langfuse_observation_model_parameters, ATTR_langfuse_observation_usage_details,
        ATTR_langfuse_observation_cost_details, ATTR_langfuse_observation_completion_start_time,
        ATTR_langfuse_observation_prompt_name, ATTR_langfuse_observation_prompt_version, ATTR_END };
    if (!str_is(x->span->scope->name, "langfuse-sdk") ||
        !str_is(otlp__slot_text(x, ATTR_langfuse_observation_type), "span"))
        return false;
    const struct any *language = otlp__resource_get(x, ATTR_telemetry_sdk_language);
    *out = (struct verdict){ OBS_GENERATION, STR_NONE };
    return language && language->kind == ANY_TEXT && str_is(language->s, "python") &&
           is_before_3_4(x->span->scope->version) && some_sent(x, marks);
}

static bool contains_nocase(struct str text, const char *word)
{
    struct str w = str_of(word);
    for (size_t i = 0; i + w.n <= text.n; i++)
        if (str_eq_nocase(str_sub(text, i, w.n), w))
            return true;
    return false;
}

static enum observation_type type_of_framework(const struct mapping *x)
{
    static const char *const agents[] = { "crewai", "agno", "autogen", "phidata", "openai-agents" };
    struct str vendor = otlp__slot_text(x, ATTR_langtrace_service_name);
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++)
        if (str_eq_nocase(vendor, str_of(agents[i])))
            return OBS_AGENT;
    if (contains_nocase(x->span->name, "agent"))
        return OBS_AGENT;
    return contains_nocase(x->span->name, "tool") ? OBS_TOOL : OBS_CHAIN;
}

/* Rule 9 (langtrace.md 11). */
static bool of_langtrace(const struct mapping *x, struct verdict *out)
{
    struct str word = otlp__slot_text(x, ATTR_langtrace_service_type);
    struct str query = otlp__slot_text(x, ATTR_db_operation);
    out->word = word;
    if (str_is(word, "llm"))
        out->type = str_starts(x->operation, STR("embed")) ? OBS_EMBEDDING : OBS_GENERATION;
    else if (str_is(word, "vectordb"))
        out->type = contains_nocase(query, "query") || contains_nocase(query, "search") ||
                            contains_nocase(query, "retriev")
                        ? OBS_RETRIEVER
                        : OBS_SPAN;
    else if (str_is(word, "framework"))
        out->type = type_of_framework(x);
    else
        return false;
    return true;
}

/* ai.operationId is the operation; operation.name may have a function's id behind it. */
static bool of_operation(const struct mapping *x, const struct word *list, struct verdict *out)
{
    struct str id = otlp__slot_text(x, ATTR_ai_operationid);
    struct str name = otlp__slot_text(x, ATTR_operation_name);
    for (; list->word; list++)
        if (str_is(id, list->word) || str_starts(name, str_of(list->word))) {
            *out = (struct verdict){ list->type, str_of(list->word) };
            return true;
        }
    return false;
}

static bool of_vercel_model(const struct mapping *x, struct verdict *out)
{
    static const enum attribute_slot models[] = { ATTR_langfuse_observation_model_name, ATTR_ai_model_id,
        ATTR_gen_ai_request_model, ATTR_gen_ai_response_model, ATTR_END };
    return x->sender.vercel && some_present(x, models) && of_operation(x, vercel_models, out);
}

static bool of_vercel_tool(const struct mapping *x, struct verdict *out)
{
    return x->sender.vercel && of_operation(x, vercel_tools, out);
}

/* Rules 13, 14: what only a call of a tool, or a task, has. */
static bool of_tool(const struct mapping *x, struct verdict *out)
{
    static const enum attribute_slot marks[] = { ATTR_gen_ai_tool_name, ATTR_gen_ai_tool_call_id,
        ATTR_flue_tool_name, ATTR_flue_tool_call_id, ATTR_END };
    *out = (struct verdict){ OBS_TOOL, STR_NONE };
    return some_present(x, marks);
}

static bool of_flue_task(const struct mapping *x, struct verdict *out)
{
    static const enum attribute_slot marks[] = { ATTR_flue_task_id, ATTR_flue_task_agent, ATTR_END };
    *out = (struct verdict){ OBS_AGENT, STR_NONE };
    return some_present(x, marks);
}

/* Rule 15: LiveKit has only its span names. */
static bool of_livekit(const struct mapping *x, struct verdict *out)
{
    static const struct word names[] = { { "agent_turn", OBS_AGENT }, { "start_agent_activity", OBS_AGENT },
        { "function_tool", OBS_TOOL }, { NULL, OBS_SPAN } };
    const struct word *w = x->sender.livekit ? find_word(names, x->span->name, false) : NULL;
    if (w)
        *out = (struct verdict){ w->type, STR_NONE };
    return w != NULL;
}

/* Rule 16. ai.model.id is not among them: outer spans of the AI SDK carry it and call no model themselves. */
static bool of_model(const struct mapping *x, struct verdict *out)
{
    static const enum attribute_slot models[] = { ATTR_langfuse_observation_model_name,
        ATTR_gen_ai_request_model, ATTR_gen_ai_response_model, ATTR_llm_model_name, ATTR_llm_model,
        ATTR_model, ATTR_END };
    *out = (struct verdict){ OBS_GENERATION, STR_NONE };
    return some_present(x, models);
}

static bool of_embedding_model(const struct mapping *x, struct verdict *out)
{
    *out = (struct verdict){ OBS_EMBEDDING, STR_NONE };
    return otlp__has(x, ATTR_embedding_model_name);
}

/* ---- the rules ------------------------------------------------------------------------------------------------------ */

enum spelling { EXACT, ANY_CASE, MLFLOW /* JSON text */ };

struct rule {
    bool (*find)(const struct mapping *x, struct verdict *out); /* NULL: the word of `slot` */
    enum attribute_slot slot;
    const struct word *words;
    enum spelling spelling;
};

static const struct rule rules[] = {
    { of_old_langfuse, ATTR_END, NULL, EXACT },
    { NULL, ATTR_langfuse_observation_type, langfuse_words, EXACT },
    { NULL, ATTR_agenttrace_span_type, agenttrace_words, EXACT },
    { NULL, ATTR_langwatch_span_type, langwatch_words, EXACT },
    { NULL, ATTR_openinference_span_kind, openinference_words, ANY_CASE },
    { NULL, ATTR_gen_ai_operation_name, operations, EXACT },
    { NULL, ATTR_genkit_metadata_subtype, genkit_words, EXACT },
    { NULL, ATTR_traceloop_span_kind, traceloop_words, EXACT },
    { NULL, ATTR_mlflow_spantype, mlflow_words, MLFLOW },
    { NULL, ATTR_mastra_span_type, mastra_words, EXACT },
    { of_langtrace, ATTR_END, NULL, EXACT },
    { NULL, ATTR_llm_request_type, request_words, EXACT },
    { of_vercel_model, ATTR_END, NULL, EXACT },
    { of_vercel_tool, ATTR_END, NULL, EXACT },
    { of_tool, ATTR_END, NULL, EXACT },
    { of_flue_task, ATTR_END, NULL, EXACT },
    { of_livekit, ATTR_END, NULL, EXACT },
    { of_model, ATTR_END, NULL, EXACT },
    { of_embedding_model, ATTR_END, NULL, EXACT },
};

static bool find_by_word(const struct mapping *x, const struct rule *r, struct verdict *out)
{
    const struct any *v = otlp__get(x, r->slot);
    if (!v || v->kind != ANY_TEXT)
        return false;
    struct str text = r->spelling == MLFLOW ? otlp__mlflow_text(x, v) : v->s;
    const struct word *w = find_word(r->words, text, r->spelling == ANY_CASE);
    if (w)
        *out = (struct verdict){ w->type, text };
    return w != NULL;
}

void otlp__map_type(struct mapping *x)
{
    struct verdict v = { OBS_SPAN, STR_NONE };
    bool found = false;
    for (size_t i = 0; i < sizeof rules / sizeof *rules && !found; i++)
        found = rules[i].find ? rules[i].find(x, &v) : find_by_word(x, &rules[i], &v);
    x->type = found ? v.type : OBS_SPAN;
    event_set_int(x->event, OBSERVATION_type, x->type);
    if (found)
        event_set_text(x->event, OBSERVATION_source_type, v.word);
}

/* ---- the name (2.4) ------------------------------------------------------------------------------------------------- */

void otlp__map_name(struct mapping *x)
{
    static const enum attribute_slot names[] = { ATTR_gen_ai_tool_name, ATTR_genkit_name, ATTR_logfire_msg,
        ATTR_ai_toolcall_name, ATTR_END };
    struct str name = otlp__text(x, otlp__first(x, names, NULL));
    struct str operation = otlp__slot_text(x, ATTR_ai_operationid);
    struct str function = otlp__slot_text(x, ATTR_ai_telemetry_functionid);
    if (!name.p && operation.p && function.p)
        name = arena_printf(x->arena, "%.*s:%.*s", STR_ARG(function), STR_ARG(operation));
    else if (!name.p)
        name = operation.p ? operation : x->span->name;
    if (name.n)
        event_set_text(x->event, OBSERVATION_name, name);
}
