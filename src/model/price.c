/*
 * price: from a model's name to its rates, and from counts to money. Names come with vendor prefixes, regions, dates and quantisation
 * suffixes; the longest row of the table that starts the cleaned name wins, `.` and `-` between digits being one (langwatch.md 4.5).
 */
#include "model/price.h"

#include <string.h>

#include "base/decimal.h"
#include "model/derive.h"
#include "model/model_priv.h"

/* USD per million tokens are micro-USD per token: a million pico-USD each. */
#define RATE(usd_per_million) ((usd_per_million) < 0 ? -1 : (int64_t)((usd_per_million)*1e6 + 0.5))

#define PRICE(model, input, output, cached, cache_creation) \
    { model, RATE(input), RATE(output), RATE(cached), RATE(cache_creation) },
#define LEGACY(text, input, output)
static const struct price shared_rows[] = {
#include "model/prices.def"
};
#undef PRICE
#undef LEGACY

#define PRICE(model, input, output, cached, cache_creation)
#define LEGACY(text, input, output) { text, RATE((input)*1e3), RATE((output)*1e3), -1, -1 },
static const struct price legacy_rows[] = {
#include "model/prices.def"
};
#undef PRICE
#undef LEGACY

static const struct price_table shared_table = { shared_rows, sizeof shared_rows / sizeof *shared_rows };

const struct price_table *price_default(void)
{
    return &shared_table;
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

#define NAME_MOST 160

struct name {
    char p[NAME_MOST];
    size_t n;
};

static void drop_front(struct name *m, size_t n)
{
    memmove(m->p, m->p + n, m->n - n);
    m->n -= n;
}

static bool ends_with(const struct name *m, const char *suffix)
{
    size_t n = strlen(suffix);
    return m->n > n && memcmp(m->p + m->n - n, suffix, n) == 0;
}

/* "eu.anthropic.claude-x-v1:0" -> "claude-x-v1:0" */
static void unwrap_bedrock(struct name *m)
{
    if (!memchr(m->p, '.', m->n))
        return;
    static const char *const vendors[] = { "anthropic.", "amazon.", "meta.", "mistral.", "cohere.",
        "deepseek.", "openai." };
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++) {
        size_t at = str_find((struct str){ m->p, m->n }, str_of(vendors[i]));
        if (at != SIZE_MAX && (at == 0 || m->p[at - 1] == '.'))
            drop_front(m, at + strlen(vendors[i]));
    }
}

static void cut_quantisation(struct name *m)
{
    static const char *const suffixes[] = { "-fp8", "-gptq", "-awq", "-gguf", "-int4", "-int8" };
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (ends_with(m, suffixes[i])) {
            m->n -= strlen(suffixes[i]);
            return;
        }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Lower case, `.` between digits as `-`, so that claude-3.5 and claude-3-5 are one. */
static char folded(const char *p, size_t i, size_t n)
{
    if (p[i] == '.' && i > 0 && i + 1 < n && is_digit(p[i - 1]) && is_digit(p[i + 1]))
        return '-';
    return lower(p[i]);
}

static void clean_name(struct str model, struct name *m)
{
    size_t slash = SIZE_MAX;
    model = str_trim(model);
    for (size_t i = 0; i < model.n; i++)
        if (model.p[i] == '/')
            slash = i;
    if (slash != SIZE_MAX)
        model = str_sub(model, slash + 1, model.n);
    m->n = model.n < NAME_MOST ? model.n : NAME_MOST;
    for (size_t i = 0; i < m->n; i++)
        m->p[i] = folded(model.p, i, m->n);
    unwrap_bedrock(m);
    cut_quantisation(m);
    if (m->n > 6 && memcmp(m->p, "gpt-35", 6) == 0) { /* Azure's spelling */
        memmove(m->p + 6, m->p + 5, (m->n < NAME_MOST ? m->n : NAME_MOST - 1) - 5);
        m->p[5] = '-';
        m->n += m->n < NAME_MOST;
    }
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

/* Does the row's name start m, ending at a word's end? The rest is a date, a version or a size the row does not tell apart. */
static bool row_starts(const char *row, const struct name *m, size_t *n)
{
    *n = strlen(row);
    if (*n > m->n || (*n < m->n && is_word(m->p[*n])))
        return false;
    for (size_t i = 0; i < *n; i++)
        if (folded(row, i, *n) != m->p[i])
            return false;
    return true;
}

const struct price *price_find(const struct price_table *t, struct str model)
{
    struct name m = { .n = 0 };
    const struct price *best = NULL;
    size_t best_n = 0, n;
    clean_name(model, &m);
    for (size_t i = 0; i < t->n && m.n; i++)
        if (t->rows[i].model[0] == m.p[0] && row_starts(t->rows[i].model, &m, &n) && n > best_n) {
            best = &t->rows[i];
            best_n = n;
        }
    return best;
}

static void replace_text(struct name *m, const char *from, const char *to)
{
    size_t n = strlen(from), k = strlen(to), at = str_find((struct str){ m->p, m->n }, str_of(from));
    if (at == SIZE_MAX || m->n - n + k > NAME_MOST)
        return;
    memmove(m->p + at + k, m->p + at + n, m->n - at - n);
    memcpy(m->p + at, to, k);
    m->n += k - n;
}

const struct price *price_find_legacy(struct str model)
{
    static const char *const spellings[][2] = { { "gpt4", "gpt-4" }, { "gpt3", "gpt-3" },
        { "gpt-35", "gpt-3.5" }, { "claude3", "claude-3" }, { "claude2", "claude-2" },
        { "claude1", "claude-1" } };
    struct name m = { .n = model.n < NAME_MOST ? model.n : NAME_MOST };
    for (size_t i = 0; i < m.n; i++)
        m.p[i] = lower(model.p[i]);
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        replace_text(&m, spellings[i][0], spellings[i][1]);
    for (size_t i = 0; i < sizeof legacy_rows / sizeof *legacy_rows; i++)
        if (str_find((struct str){ m.p, m.n }, str_of(legacy_rows[i].model)) != SIZE_MAX)
            return &legacy_rows[i];
    return NULL;
}

/* ---- money ---------------------------------------------------------------------------------------------------------- */

/* Exactly, half away from zero; out of range is the nearest end. */
static int64_t usd_to_nano(struct str text)
{
    struct decimal d;
    if (!decimal_parse(text, &d) || d.exp < -1000000)
        return 0;
    if (d.exp > 1000)
        return d.neg ? INT64_MIN : INT64_MAX;
    int64_t exp = d.exp + 9, value = 0;
    size_t used = 0;
    int next = 0;
    for (size_t i = 0; i < d.digits.n; i++) {
        if (d.digits.p[i] == '.')
            continue;
        int digit = d.digits.p[i] - '0';
        if (exp + (int64_t)d.count - (int64_t)used <=
            0) { /* behind the nano-USD: the first such digit rounds */
            next = exp + (int64_t)d.count - (int64_t)used == 0 ? digit : 0;
            break;
        }
        used++;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return d.neg ? INT64_MIN : INT64_MAX;
    }
    for (int64_t zeros = exp; used == d.count && zeros > 0 && value; zeros--)
        if (__builtin_mul_overflow(value, 10, &value))
            return d.neg ? INT64_MIN : INT64_MAX;
    value += next >= 5;
    return d.neg ? -value : value;
}

/* The total as sent. Of a Langfuse map without one only input and output make a total (langfuse.md 6.5). */
static int64_t sent_cost(struct json cost, bool strict)
{
    struct json total = json_key(cost, "total"), value;
    struct json_iter it = json_iter(cost);
    struct str key;
    int64_t sum = 0;
    bool any = false;
    if (json_is_num(total))
        return usd_to_nano(json_num_text(total));
    while (json_next(&it, &key, &value)) {
        if (!json_is_num(value))
            continue;
        if (strict && !str_is(key, "input") && !str_is(key, "output"))
            return -1;
        sum = model__add(sum, usd_to_nano(json_num_text(value)));
        any = true;
    }
    return any ? sum : -1;
}

/* Rates times counts; counts beyond all reason are cut so that nothing overflows. */
static int64_t price_counts(const struct price *p, const struct usage_final *u)
{
    int64_t cached_rate = p->cached >= 0 ? p->cached : p->input;
    int64_t creation_rate = p->cache_creation >= 0 ? p->cache_creation : p->input;
    const int64_t counts[] = { u->input, u->output_all, u->cached, u->cache_creation };
    const int64_t rates[] = { p->input, p->output >= 0 ? p->output : p->input, cached_rate, creation_rate };
    int64_t pico = 0;
    for (size_t i = 0; i < 4; i++) {
        int64_t n = counts[i] < 1000000000 ? counts[i] : 1000000000;
        pico = model__add(pico, n * (rates[i] > 0 ? rates[i] : 0));
    }
    return pico / 1000 + (pico % 1000 >= 500);
}

#define CACHED_ANSWER_NS (10 * NS_PER_MS)

/* llmonitor.md 8: a generation with a name and a duration that a real call can have. */
static bool llmonitor_counts(const struct row *r)
{
    int64_t start = row_time(r, OBSERVATION_start_ns), end = row_time(r, OBSERVATION_end_ns);
    return row_int(r, OBSERVATION_type, OBS_SPAN) == OBS_GENERATION && start != TIME_NONE &&
           end != TIME_NONE && end > start && (uint64_t)end - (uint64_t)start >= CACHED_ANSWER_NS;
}

static int64_t table_cost(
    const struct row *r, const struct usage_final *u, const struct price_table *prices, unsigned families)
{
    struct str model = row_text(r, OBSERVATION_model);
    int64_t type = row_int(r, OBSERVATION_type, OBS_SPAN), cost = -1;
    if (!model.n || !u->counted || (type != OBS_GENERATION && type != OBS_EMBEDDING))
        return -1;
    bool llmonitor = families & FAMILY_LLMONITOR;
    if (llmonitor && !llmonitor_counts(r))
        return -1;
    const struct price *p = price_find(prices, model);
    if (p)
        cost = price_counts(p, u);
    if (llmonitor && cost <= 0 && (p = price_find_legacy(model)) != NULL)
        cost = price_counts(p, u);
    return cost;
}

/* langwatch.md 4.5: a guardrail that was charged for says so in its output, where that is loaded. */
static int64_t guardrail_cost(struct arena *a, const struct row *r)
{
    struct json output;
    const struct value *v = &r->cols[OBSERVATION_output];
    if (row_int(r, OBSERVATION_type, OBS_SPAN) != OBS_GUARDRAIL || v->kind != V_JSON ||
        json_parse(a, v->s, 0, &output, NULL) != ST_OK)
        return -1;
    struct json cost = json_key(output, "cost"), amount = json_key(cost, "amount");
    return json_is_num(amount) && str_is(json_str(json_key(cost, "currency")), "USD")
               ? usd_to_nano(json_num_text(amount))
               : -1;
}

int64_t derive_cost(struct arena *a, const struct row *r, const struct usage_final *u,
    const struct price_table *prices, bool *computed)
{
    unsigned families = row_families(r);
    struct json cost;
    const struct value *v = &r->cols[OBSERVATION_cost];
    *computed = false;
    if (v->kind == V_JSON && json_parse(a, v->s, 0, &cost, NULL) == ST_OK && json_size(cost)) {
        int64_t sent = sent_cost(cost, families == FAMILY_LANGFUSE);
        if (!(families & FAMILY_LANGWATCH) || sent > 0)
            return sent;
    }
    int64_t value = prices ? table_cost(r, u, prices, families) : -1;
    if (value < 0)
        value = guardrail_cost(a, r);
    *computed = value >= 0;
    return value;
}
