/*
 * Cost in USD (otlp.md 2.8): as sent, in the first place that has one; else made from rates that the span itself gives. What is left
 * without a cost is priced from the table when it is read (model/price.c).
 */
#include "dialect/otlp/map_priv.h"

#include <math.h>

/* ---- as sent -------------------------------------------------------------------------------------------------------- */

/* False: it is no number that a cost may be. */
static bool put_any(struct jw *w, const char *key, const struct any *v)
{
    double usd;
    if (!otlp__number(v, &usd) || !(usd >= 0))
        return false;
    jw_key(w, key);
    if (v->kind == ANY_INT)
        jw_i64(w, v->i);
    else
        jw_f64(w, usd);
    return true;
}

static bool put_json(struct jw *w, struct str key, struct json v)
{
    double usd;
    if (!json_is_num(v) || !json_f64(v, &usd) || !(usd >= 0) || !isfinite(usd))
        return false;
    jw_key_str(w, key);
    jw_raw(w, json_num_text(v));
    return true;
}

static bool of_langfuse(const struct mapping *x, struct jw *w)
{
    struct json value, costs = otlp__parse(x, otlp__get(x, ATTR_langfuse_observation_cost_details));
    struct str key;
    bool some = false;
    if (!json_is_obj(costs))
        return false;
    for (struct json_iter it = json_iter(costs); json_next(&it, &key, &value);)
        some |= put_json(w, key, value);
    return some;
}

static bool of_openinference(const struct mapping *x, struct jw *w)
{
    bool some = put_any(w, "input", otlp__get(x, ATTR_llm_cost_prompt));
    some |= put_any(w, "output", otlp__get(x, ATTR_llm_cost_completion));
    some |= put_any(w, "total", otlp__get(x, ATTR_llm_cost_total));
    return some;
}

static bool of_mlflow(const struct mapping *x, struct jw *w)
{
    struct json costs = otlp__parse(x, otlp__get(x, ATTR_mlflow_llm_cost));
    bool some = put_json(w, STR("input"), json_key(costs, "input_cost"));
    some |= put_json(w, STR("output"), json_key(costs, "output_cost"));
    some |= put_json(w, STR("total"), json_key(costs, "total_cost"));
    return some;
}

static bool put_sent(const struct mapping *x, struct jw *w)
{
    return of_langfuse(x, w) || put_any(w, "total", otlp__get(x, ATTR_langwatch_span_cost)) ||
           put_json(w, STR("total"), json_key(x->langwatch_metrics, "cost")) ||
           put_any(w, "total", otlp__get(x, ATTR_gen_ai_usage_cost)) || of_openinference(x, w) ||
           of_mlflow(x, w) || put_any(w, "total", otlp__get(x, ATTR_agenttrace_cost));
}

/* ---- from the span's own rates -------------------------------------------------------------------------------------- */

enum rate { RATE_INPUT, RATE_OUTPUT, RATE_CACHED, RATE_CREATION, RATE_CREATION_1H, RATES };

/* Rates are whole pico-USD a token, as in model/price.h, so that sums of them come out even. */
#define PICO      1e12
#define RATE_MOST 1e9 /* USD a token; what is more is no price, and products with it may not be numbers */

struct rates {
    double pico[RATES]; /* negative: not given */
};

static bool read_rates(const struct mapping *x, struct rates *r)
{
    static const enum attribute_slot slots[RATES] = { ATTR_langwatch_model_inputcostpertoken,
        ATTR_langwatch_model_outputcostpertoken, ATTR_langwatch_model_cachereadcostpertoken,
        ATTR_langwatch_model_cachecreationcostpertoken, ATTR_langwatch_model_cachecreation1hcostpertoken };
    bool some = false;
    double usd;
    for (size_t i = 0; i < RATES; i++) {
        bool given = otlp__number(otlp__get(x, slots[i]), &usd) && usd >= 0 && usd <= RATE_MOST;
        r->pico[i] = given ? round(usd * PICO) : -1;
        some |= given;
    }
    /* What has no rate of its own is input, as in the price table. */
    for (size_t i = RATE_CACHED; i < RATES; i++)
        if (r->pico[i] < 0)
            r->pico[i] = i == RATE_CREATION_1H ? r->pico[RATE_CREATION] : r->pico[RATE_INPUT];
    return some;
}

/* The rate of a usage key; RATES: none. */
static enum rate rate_of(struct str key)
{
    if (str_starts(key, STR("input_cached")))
        return RATE_CACHED;
    if (str_starts(key, STR("input_cache_creation_1h")))
        return RATE_CREATION_1H;
    if (str_starts(key, STR("input_cache_creation")))
        return RATE_CREATION;
    if (str_find(key, STR("output")) != SIZE_MAX)
        return RATE_OUTPUT;
    return str_find(key, STR("input")) != SIZE_MAX ? RATE_INPUT : RATES;
}

static bool put_computed(const struct mapping *x, struct jw *w)
{
    const struct value *usage = event_get(x->event, OBSERVATION_usage);
    struct json value, counts;
    struct rates r;
    struct str key;
    double total = 0, n;
    bool some = false;
    if (!read_rates(x, &r) || !usage || usage->kind != V_JSON ||
        json_parse(x->scratch, usage->s, 0, &counts, NULL) != ST_OK)
        return false;
    for (struct json_iter it = json_iter(counts); json_next(&it, &key, &value);) {
        enum rate rate = rate_of(key);
        if (rate == RATES || r.pico[rate] < 0 || !json_f64(value, &n))
            continue;
        jw_key_str(w, key);
        jw_f64(w, n * r.pico[rate] / PICO);
        total += n * r.pico[rate];
        some = true;
    }
    if (some)
        jw_kv_f64(w, "total", total / PICO);
    return some;
}

/* An agent's span repeats what its calls cost. */
void otlp__map_cost(struct mapping *x)
{
    if (x->aggregate)
        return;
    struct jw w = otlp__begin(x);
    if (!put_sent(x, &w))
        put_computed(x, &w);
    event_set_json(x->event, OBSERVATION_cost, otlp__end(x, &w));
}
