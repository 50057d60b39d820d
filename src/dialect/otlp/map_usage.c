/*
 * Token counts (otlp.md 2.7). What is stored is disjoint: which count lies inside which depends on who wrote the span, and only here is that
 * known. `total` is stored only when it was sent.
 */
#include "dialect/otlp/map_priv.h"

#include <string.h>

/* ---- buckets -------------------------------------------------------------------------------------------------------- */

enum bucket {
    INPUT, /* as sent: with what lies inside it, until make_disjoint() */
    OUTPUT,
    CACHED,
    CREATION,
    CREATION_5M,
    CREATION_1H,
    REASONING,
    AUDIO,
    TOTAL,
    BUCKETS
};
static const char *const bucket_names[BUCKETS] = { "input", "output", "input_cached_tokens",
    "input_cache_creation", "input_cache_creation_5m", "input_cache_creation_1h", "output_reasoning_tokens",
    "output_audio_tokens", "total" };

/* Of one bucket the first wins, also with 0. */
static const struct alias {
    const char *name;
    enum bucket bucket;
} aliases[] = {
    { "prompt_tokens", INPUT },
    { "input_tokens", INPUT },
    { "prompt", INPUT },
    { "input", INPUT },
    { "completion_tokens", OUTPUT },
    { "output_tokens", OUTPUT },
    { "completion", OUTPUT },
    { "output", OUTPUT },
    { "total_tokens", TOTAL },
    { "total", TOTAL },
    { "cache_read.input_tokens", CACHED },
    { "cache_read_input_tokens", CACHED },
    { "cache_read_tokens", CACHED },
    { "details.cache_read_tokens", CACHED },
    { "details.cache_read_input_tokens", CACHED },
    { "prompt_details.cache_read", CACHED },
    { "input_cached_tokens", CACHED },
    { "cached_input_tokens", CACHED },
    { "cached_tokens", CACHED },
    { "prompt_tokens_cached", CACHED },
    { "cache_creation.input_tokens", CREATION },
    { "cache_creation_input_tokens", CREATION },
    { "cache_write_tokens", CREATION },
    { "details.cache_write_tokens", CREATION },
    { "details.cache_creation_input_tokens", CREATION },
    { "prompt_details.cache_write", CREATION },
    { "input_cache_creation", CREATION },
    { "cache_write.input_tokens", CREATION },
    { "cache_creation.ephemeral_5m_input_tokens", CREATION_5M },
    { "input_cache_creation_5m", CREATION_5M },
    { "cache_creation.ephemeral_1h_input_tokens", CREATION_1H },
    { "input_cache_creation_1h", CREATION_1H },
    { "reasoning.output_tokens", REASONING },
    { "completion_details.reasoning", REASONING },
    { "reasoning_tokens", REASONING },
    { "details.reasoning_tokens", REASONING },
    { "output_reasoning_tokens", REASONING },
    { "completion_details.audio", AUDIO },
    { "output_audio_tokens", AUDIO },
};
#define N_ALIASES  (sizeof aliases / sizeof *aliases)
#define FROM_A_GAP (N_ALIASES + 1)

/* A key that is no alias: it passes through. */
struct other {
    struct str name;
    int64_t n;
    struct other *next;
};

struct counts {
    int64_t n[BUCKETS];
    size_t rank[BUCKETS]; /* place of the alias it came by, from 1; 0: not there */
    struct other *others, **last;
    size_t n_others;
};

static size_t find_alias(struct str name)
{
    for (size_t i = 0; i < N_ALIASES; i++)
        if (str_is(name, aliases[i].name))
            return i;
    return N_ALIASES;
}

/* False: the name is no alias. */
static bool collect(struct counts *c, struct str name, int64_t n)
{
    size_t i = find_alias(name);
    if (i == N_ALIASES)
        return false;
    enum bucket b = aliases[i].bucket;
    if (!c->rank[b] || i + 1 < c->rank[b]) {
        c->n[b] = n;
        c->rank[b] = i + 1;
    }
    return true;
}

static void fill(struct counts *c, enum bucket b, int64_t n)
{
    if (c->rank[b])
        return;
    c->n[b] = n;
    c->rank[b] = FROM_A_GAP;
}

/* ---- where they come from ------------------------------------------------------------------------------------------- */

static bool count_of(struct json v, int64_t *n)
{
    double d;
    if (json_is_str(v))
        return str_to_i64(str_trim(json_str(v)), n) && *n >= 0;
    if (json_i64(v, n))
        return *n >= 0;
    if (!json_is_num(v) || !json_f64(v, &d) || !(d >= 0 && d < 9e18))
        return false;
    *n = (int64_t)d;
    return true;
}

static void fill_json(struct counts *c, enum bucket b, struct json v)
{
    int64_t n;
    if (count_of(v, &n))
        fill(c, b, n);
}

static void fill_any(struct counts *c, enum bucket b, const struct any *v)
{
    int64_t n;
    if (otlp__count(v, &n))
        fill(c, b, n);
}

/* What otlp__count() took a fraction off is a price or a duration, not a count. */
static bool is_whole(const struct any *v, int64_t n)
{
    double d;
    return v->kind == ANY_INT || (otlp__number(v, &d) && d == (double)n);
}

static void collect_family(const struct mapping *x, enum attribute_family family, struct counts *c)
{
    int64_t n;
    for (const struct member *m = x->members[family]; m; m = m->next) {
        if (!otlp__count(m->value, &n) || collect(c, m->rest, n) || !is_whole(m->value, n))
            continue;
        struct other *o = arena_alloc(x->scratch, sizeof *o);
        bool details = str_starts(m->rest, STR("details.")) && m->rest.n > 8;
        *o = (struct other){ details ? str_sub(m->rest, 8, m->rest.n) : m->rest, n, NULL };
        *(c->last ? c->last : &c->others) = o;
        c->last = &o->next;
        c->n_others++;
    }
}

/* JSON of names that are aliases fills what is not known yet. */
static void fill_by_aliases(struct counts *c, struct json object)
{
    struct counts sent = { .n_others = 0 };
    struct json value;
    struct str key;
    int64_t n;
    if (!json_is_obj(object))
        return;
    for (struct json_iter it = json_iter(object); json_next(&it, &key, &value);)
        if (count_of(value, &n))
            (void)collect(&sent, key, n);
    for (unsigned b = 0; b < BUCKETS; b++)
        if (sent.rank[b])
            fill(c, (enum bucket)b, sent.n[b]);
}

/* A metric that counts, under either spelling; LangWatch's SDKs send 0 for what they do not know. */
static void fill_metric(
    struct counts *c, enum bucket b, struct json object, const char *camel, const char *snake)
{
    int64_t n;
    if ((count_of(json_key(object, camel), &n) && n > 0) || (count_of(json_key(object, snake), &n) && n > 0))
        fill(c, b, n);
}

static void fill_langwatch(const struct mapping *x, struct counts *c)
{
    struct json m = x->langwatch_metrics;
    fill_metric(c, INPUT, m, "promptTokens", "prompt_tokens");
    fill_metric(c, OUTPUT, m, "completionTokens", "completion_tokens");
    fill_metric(c, REASONING, m, "reasoningTokens", "reasoning_tokens");
}

static void fill_adk(const struct mapping *x, struct counts *c)
{
    struct json usage = json_key(x->adk_response, "usage_metadata");
    int64_t cached;
    fill_json(c, INPUT, json_key(usage, "prompt_token_count"));
    fill_json(c, OUTPUT, json_key(usage, "candidates_token_count"));
    if (count_of(json_key(usage, "cached_content_token_count"), &cached) && cached > 0)
        fill(c, CACHED, cached);
}

/* Step 6. Outer spans of the AI SDK repeat what their .do* child counted. */
static bool counts_by_itself(const struct mapping *x)
{
    return str_find(otlp__slot_text(x, ATTR_ai_operationid), STR(".do")) != SIZE_MAX ||
           str_find(otlp__slot_text(x, ATTR_operation_name), STR(".do")) != SIZE_MAX ||
           x->members[FAM_gen_ai_usage];
}

static void fill_provider_metadata(const struct mapping *x, struct counts *c)
{
    struct json m = otlp__parse(x, otlp__get(x, ATTR_ai_response_providermetadata));
    struct json openai = json_key(m, "openai");
    struct json anthropic = json_key(json_key(m, "anthropic"), "usage");
    struct json ttl = json_key(anthropic, "cache_creation");
    struct json bedrock = json_key(json_key(m, "bedrock"), "usage");
    fill_json(c, CACHED, json_key(openai, "cachedPromptTokens"));
    fill_json(c, REASONING, json_key(openai, "reasoningTokens"));
    fill_json(c, CACHED, json_key(anthropic, "cache_read_input_tokens"));
    fill_json(c, CREATION, json_key(anthropic, "cache_creation_input_tokens"));
    fill_json(c, CREATION_5M, json_key(ttl, "ephemeral_5m_input_tokens"));
    fill_json(c, CREATION_1H, json_key(ttl, "ephemeral_1h_input_tokens"));
    fill_json(c, CACHED, json_key(bedrock, "cacheReadInputTokens"));
    fill_json(c, CREATION, json_key(bedrock, "cacheWriteInputTokens"));
    fill_json(c, CREATION, json_key(bedrock, "cacheCreationInputTokens"));
}

static void fill_vercel(const struct mapping *x, struct counts *c)
{
    static const struct {
        enum attribute_slot slot;
        enum bucket bucket;
    } slots[] = { { ATTR_ai_usage_inputtokens, INPUT }, { ATTR_ai_usage_prompttokens, INPUT },
        { ATTR_ai_usage_outputtokens, OUTPUT }, { ATTR_ai_usage_completiontokens, OUTPUT },
        { ATTR_ai_usage_totaltokens, TOTAL }, { ATTR_ai_usage_inputtokendetails_cachereadtokens, CACHED },
        { ATTR_ai_usage_cachedinputtokens, CACHED },
        { ATTR_ai_usage_inputtokendetails_cachewritetokens, CREATION },
        { ATTR_ai_usage_outputtokendetails_reasoningtokens, REASONING },
        { ATTR_ai_usage_reasoningtokens, REASONING }, { ATTR_ai_usage_tokens, INPUT } };
    if (!x->sender.vercel || !counts_by_itself(x))
        return;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        fill_any(c, slots[i].bucket, otlp__get(x, slots[i].slot));
    fill_provider_metadata(x, c);
}

/* Step 7: who counts what was read from or written to a cache beside the input, not inside it. NULL: any. */
static const struct {
    const char *scope, *span;
} exclusive[] = { { NULL, "claude_code.llm_request" } };

static bool is_exclusive(const struct mapping *x)
{
    for (size_t i = 0; i < sizeof exclusive / sizeof *exclusive; i++)
        if ((!exclusive[i].scope || str_is(x->span->scope->name, exclusive[i].scope)) &&
            (!exclusive[i].span || str_is(x->span->name, exclusive[i].span)))
            return true;
    return false;
}

static void fill_bare(const struct mapping *x, struct counts *c)
{
    fill_any(c, INPUT, otlp__get(x, ATTR_input_tokens));
    fill_any(c, OUTPUT, otlp__get(x, ATTR_output_tokens));
    fill_any(c, CACHED, otlp__get(x, ATTR_cache_read_tokens));
    fill_any(c, CREATION, otlp__get(x, ATTR_cache_creation_tokens));
}

/* Step 4. */
static void collect_all(const struct mapping *x, struct counts *c)
{
    collect_family(x, FAM_gen_ai_usage, c);
    collect_family(x, FAM_llm_token_count, c);
    fill_any(c, TOTAL, otlp__get(x, ATTR_llm_usage_total_tokens));
    fill_by_aliases(c, otlp__parse(x, otlp__get(x, ATTR_llm_token_counts)));
    fill_by_aliases(c, otlp__parse(x, otlp__get(x, ATTR_mlflow_chat_tokenusage)));
    fill_langwatch(x, c);
    fill_adk(x, c);
    fill_vercel(x, c);
    if (is_exclusive(x))
        fill_bare(x, c);
}

/* Step 3: a Genkit span that counts says it all in one place. */
static bool collect_genkit(const struct mapping *x, struct counts *c)
{
    struct json usage = json_key(x->genkit_output, "usage");
    fill_json(c, INPUT, json_key(usage, "inputTokens"));
    fill_json(c, OUTPUT, json_key(usage, "outputTokens"));
    fill_json(c, TOTAL, json_key(usage, "totalTokens"));
    fill_json(c, REASONING, json_key(usage, "thoughtsTokens"));
    return c->rank[INPUT] || c->rank[OUTPUT] || c->rank[TOTAL] || c->rank[REASONING];
}

/* ---- what they become ----------------------------------------------------------------------------------------------- */

static int64_t without(int64_t whole, int64_t part)
{
    return whole > part ? whole - part : 0;
}

static int64_t sum_of(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Counts that are not there are 0. */
static void make_disjoint(struct counts *c, bool exclusive_input)
{
    int64_t by_ttl = sum_of(c->n[CREATION_5M], c->n[CREATION_1H]);
    int64_t written = c->rank[CREATION] ? c->n[CREATION] : by_ttl;
    if (!exclusive_input)
        c->n[INPUT] = without(without(c->n[INPUT], c->n[CACHED]), written);
    c->n[CREATION] = without(c->n[CREATION], by_ttl);
    c->n[OUTPUT] = without(without(c->n[OUTPUT], c->n[REASONING]), c->n[AUDIO]);
}

static bool is_estimated(const struct mapping *x)
{
    return otlp__is_true(otlp__get(x, ATTR_langwatch_tokens_estimated)) ||
           json_bool(json_key(x->langwatch_metrics, "tokensEstimated")) ||
           json_bool(json_key(x->langwatch_metrics, "tokens_estimated"));
}

/* The object is not empty: whether it was counted or guessed stands beside the counts (model/usage.c). */
static void set_usage(struct mapping *x, struct jw *w)
{
    if (x->text.n > 1 && is_estimated(x))
        jw_kv_bool(w, "estimated", true);
    event_set_json(x->event, OBSERVATION_usage, otlp__end(x, w));
}

static void write_counts(struct mapping *x, const struct counts *c)
{
    struct jw w = otlp__begin(x);
    for (unsigned b = 0; b < BUCKETS; b++)
        if (c->rank[b])
            jw_kv_i64(&w, bucket_names[b], c->n[b]);
    if (c->others) {
        struct names names = otlp__names(x, c->n_others + BUCKETS + 1);
        (void)otlp__add_name(&names, STR("estimated"));
        for (unsigned b = 0; b < BUCKETS; b++)
            if (c->rank[b])
                (void)otlp__add_name(&names, str_of(bucket_names[b]));
        for (const struct other *o = c->others; o; o = o->next)
            if (otlp__add_name(&names, o->name)) {
                jw_key_str(&w, o->name);
                jw_i64(&w, o->n);
            }
    }
    set_usage(x, &w);
}

/* ---- Langfuse's own map (step 2) ------------------------------------------------------------------------------------ */

static const struct shape {
    const char *input, *output, *total, *input_details, *output_details;
} openai_shapes[] = {
    { "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details",
        "completion_tokens_details" },
    { "input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details" },
};

/* All three counts, and nothing but them and their details. */
static bool has_shape(struct json usage, const struct shape *s)
{
    size_t known = 3;
    int64_t n;
    if (!count_of(json_key(usage, s->input), &n) || !count_of(json_key(usage, s->output), &n) ||
        !count_of(json_key(usage, s->total), &n))
        return false;
    known += json_type(json_key(usage, s->input_details)) != JSON_ABSENT;
    known += json_type(json_key(usage, s->output_details)) != JSON_ABSENT;
    return json_size(usage) == known;
}

/* A side with its details taken out, and the details under `prefix`. */
static void write_side(
    struct mapping *x, struct jw *w, const char *side, struct json whole, struct json details)
{
    struct json value;
    struct str key;
    int64_t n = 0, part;
    (void)count_of(whole, &n);
    bool object = json_is_obj(details);
    for (struct json_iter it = json_iter(details); object && json_next(&it, &key, &value);)
        if (count_of(value, &part))
            n = without(n, part);
    jw_kv_i64(w, side, n);
    for (struct json_iter it = json_iter(details); object && json_next(&it, &key, &value);)
        if (count_of(value, &part)) {
            jw_key_str(w, arena_printf(x->scratch, "%s_%.*s", side, STR_ARG(key)));
            jw_i64(w, part);
        }
}

static void write_shape(struct mapping *x, struct jw *w, struct json usage, const struct shape *s)
{
    int64_t total = 0;
    write_side(x, w, "input", json_key(usage, s->input), json_key(usage, s->input_details));
    write_side(x, w, "output", json_key(usage, s->output), json_key(usage, s->output_details));
    (void)count_of(json_key(usage, s->total), &total);
    jw_kv_i64(w, "total", total);
}

static void write_as_sent(struct jw *w, struct json usage)
{
    struct json value;
    struct str key;
    int64_t n;
    for (struct json_iter it = json_iter(usage); json_next(&it, &key, &value);)
        if (count_of(value, &n)) {
            jw_key_str(w, key);
            jw_i64(w, n);
        }
}

static bool map_langfuse(struct mapping *x)
{
    struct json usage = otlp__parse(x, otlp__get(x, ATTR_langfuse_observation_usage_details));
    if (!json_is_obj(usage))
        return false;
    struct jw w = otlp__begin(x);
    if (has_shape(usage, &openai_shapes[0]))
        write_shape(x, &w, usage, &openai_shapes[0]);
    else if (has_shape(usage, &openai_shapes[1]))
        write_shape(x, &w, usage, &openai_shapes[1]);
    else
        write_as_sent(&w, usage);
    bool some = x->text.n > 1;
    set_usage(x, &w);
    return some;
}

/* ---- the step ------------------------------------------------------------------------------------------------------- */

/* Step 8: spans that sum up others. `sender` is the scope, or the service's name. */
static bool is_rollup(const struct mapping *x)
{
    static const struct {
        const char *sender, *span;
    } rollups[] = { { "codex_cli_rs", "handle_responses" }, { "codex_exec", "session_task.turn" } };
    struct str service = otlp__text(x, otlp__resource_get(x, ATTR_service_name));
    if (otlp__is_true(otlp__get(x, ATTR_langwatch_reserved_skip_token_accumulation)))
        return true;
    if (str_is(x->span->scope->name, "github.copilot") && str_is(x->operation, "invoke_agent"))
        return true;
    for (size_t i = 0; i < sizeof rollups / sizeof *rollups; i++)
        if (str_is(x->span->name, rollups[i].span) &&
            (str_is(x->span->scope->name, rollups[i].sender) || str_is(service, rollups[i].sender)))
            return true;
    return false;
}

void otlp__map_usage(struct mapping *x)
{
    struct counts c = { .n_others = 0 };
    x->skip_usage = is_rollup(x);
    if (x->aggregate || map_langfuse(x))
        return;
    if (!collect_genkit(x, &c))
        collect_all(x, &c);
    make_disjoint(&c, is_exclusive(x));
    write_counts(x, &c);
}
