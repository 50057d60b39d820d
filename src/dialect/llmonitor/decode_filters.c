/*
 * Lunary's filter grammar on the query string -> struct query (section 9).
 *
 *   [OR&] id=part.part...   parts are split at dots before they are decoded; a list part is split at commas and decoded once more
 *
 * A dot that belongs to a value is %2E, but clients forget it ("models=gpt-3.5-turbo"), so a part beyond the last one a filter knows
 * belongs to that last one. Ids that nobody knows are ignored: `limit`, `page` and their like stand among the filters.
 */
#include "dialect/llmonitor/llmonitor_priv.h"
#include "dialect/prompts.h"

#include <string.h>

/* ---- text ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct str llmonitor__unescape(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return (struct str){ out, n };
}

/* ---- the query under construction ---- */

#define PARTS_MAX 3

struct building {
    struct call *call;
    struct arena *a;
    const struct llmonitor_filters *given;
    struct query *q;
    bool threads;                /* of sessions, not of observations */
    struct filter *any;          /* after "OR&": the one filter that holds all others */
    struct str parts[PARTS_MAX]; /* decoded once; absent ones have n == 0 */
};

static struct filter *add(struct building *b, enum subject s, enum compare c)
{
    return b->any ? filter_child(b->a, b->any, s, c) : query_add(b->a, b->q, s, c);
}

/* Split a list part into the filter's values. */
static void add_list(struct building *b, struct filter *f, struct str list)
{
    struct str value;
    while (str_cut(&list, ',', &value))
        if (value.n > 0)
            filter_value(b->a, f, llmonitor__unescape(b->a, value));
}

/* ---- numbers and times ---- */

struct comparison {
    const char *word;
    enum compare compare;
    bool negate, low, high; /* which borders hold the value */
};
static const struct comparison comparisons[] = {
    { "gt", IS_ABOVE, false, true, false },
    { "lt", IS_BELOW, false, false, true },
    { "gte", IS_BETWEEN, false, true, false },
    { "lte", IS_BETWEEN, false, false, true },
    { "eq", IS_BETWEEN, false, true, true },
    { "neq", IS_BETWEEN, true, true, true },
};

static const struct comparison *comparison_of(struct str word)
{
    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
        if (str_is(word, comparisons[i].word))
            return &comparisons[i];
    return NULL;
}

static struct filter *add_number(
    struct building *b, enum subject s, struct str op, struct str number, double scale)
{
    const struct comparison *c = comparison_of(op);
    double value;
    if (!c || !str_to_f64(number, &value))
        return NULL;
    struct filter *f = add(b, s, c->compare);
    value *= scale;
    f->negate = c->negate;
    f->low = c->low ? value : -1e300;
    f->high = c->high ? value : 1e300;
    if (s != ON_DURATION && s != ON_START)
        return f;
    int64_t ns = value > -9.2e18 && value < 9.2e18 ? (int64_t)value : TIME_NONE;
    f->low_ns = c->low ? ns : TIME_NONE;
    f->high_ns = c->high ? ns : TIME_NONE;
    return f;
}

/* ---- one function per filter ---- */

static void add_in(struct building *b, unsigned column, struct str value)
{
    struct filter *f = add(b, ON_COLUMN, IS_IN);
    f->column = (uint8_t)column;
    filter_value(b->a, f, value);
}

static struct filter *child_in(struct arena *a, struct filter *parent, unsigned column, struct str value)
{
    struct filter *f = filter_child(a, parent, ON_COLUMN, IS_IN);
    f->column = (uint8_t)column;
    filter_value(a, f, value);
    return f;
}

static void child_root(struct arena *a, struct filter *parent)
{
    struct filter *root = filter_child(a, parent, ON_ROOT, IS_BETWEEN);
    root->low = root->high = 1;
}

/* A run type is a canonical type, and for spans also the client's own word. */
static void build_type(struct building *b, struct str type)
{
    static const struct {
        const char *word;
        struct str type;
    } plain[] = {
        { "llm", STR_INIT("GENERATION") },
        { "agent", STR_INIT("AGENT") },
        { "tool", STR_INIT("TOOL") },
        { "retriever", STR_INIT("RETRIEVER") },
        { "embed", STR_INIT("EMBEDDING") },
        { "custom-event", STR_INIT("EVENT") },
        { "log", STR_INIT("EVENT") },
    };
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (str_is(type, plain[i].word)) {
            add_in(b, OBSERVATION_type, plain[i].type);
            return;
        }
    if (str_is(type, "chat")) { /* not the model calls that OpenTelemetry calls so */
        struct filter *all = add(b, ON_ALL, IS_SET);
        child_in(b->a, all, OBSERVATION_source_type, STR("chat"));
        child_in(b->a, all, OBSERVATION_type, STR("SPAN"));
        return;
    }
    bool trace = str_is(type, "trace");
    if (!trace && !str_is(type, "chain")) {
        add(b, ON_NOTHING, IS_SET);
        return;
    }
    struct filter *all = add(b, ON_ALL, IS_SET);
    struct filter *types = child_in(b->a, all, OBSERVATION_type, STR("CHAIN"));
    filter_value(b->a, types, STR("SPAN"));
    filter_value(b->a, types, trace ? STR("AGENT") : STR("EVALUATOR"));
    if (!trace)
        filter_value(b->a, types, STR("GUARDRAIL"));
    child_in(b->a, all, OBSERVATION_source_type, STR("chat"))->negate = true;
    if (trace)
        child_root(b->a, all);
}

static void build_types(struct building *b)
{
    if (!llmonitor__is_thread_type(b->parts[0]))
        build_type(b, b->parts[0]);
}

static void build_models(struct building *b)
{
    struct filter *f = add(b, ON_COLUMN, IS_IN);
    f->column = OBSERVATION_model;
    add_list(b, f, b->parts[0]);
}

static void build_tags(struct building *b)
{
    add_list(b, add(b, ON_TAGS, IS_IN), b->parts[0]);
}

static struct filter *add_user(struct building *b)
{
    struct filter *f = add(b, b->threads ? ON_COLUMN : ON_USER, IS_IN);
    f->column = SESSION_user_id;
    return f;
}

static void build_users(struct building *b)
{
    add_list(b, add_user(b), b->parts[0]);
}

/* Template ids are looked up; a run names a version of one. */
static void build_templates(struct building *b)
{
    const struct ask *ask = &b->call->asks[b->given->versions_ask];
    if (ask->n == 0) {
        add(b, ON_NOTHING, IS_SET);
        return;
    }
    struct filter *f = add(b, ON_COLUMN, IS_IN);
    f->column = OBSERVATION_prompt;
    for (size_t i = 0; i < ask->n; i++)
        filter_value(b->a, f, arena_printf(b->a, "{\"id\":\"%.*s\"}", STR_ARG(ask->rows[i].id)));
}

/* Users with the property are looked up. */
static void build_user_props(struct building *b)
{
    const struct ask *ask = &b->call->asks[b->given->users_ask];
    struct filter *f = add_user(b);
    if (ask->n == 0)
        f->subject = ON_NOTHING;
    for (size_t i = 0; i < ask->n; i++)
        filter_value(b->a, f, ask->rows[i].id);
}

static void build_status(struct building *b)
{
    struct str status = b->parts[0];
    if (str_is(status, "error")) {
        struct filter *f = add(b, ON_ERROR, IS_BETWEEN);
        f->low = f->high = 1;
        return;
    }
    if (!str_is(status, "success") && !str_is(status, "started")) {
        add(b, ON_NOTHING, IS_SET);
        return;
    }
    struct filter *all = add(b, ON_ALL, IS_SET);
    struct filter *ended = filter_child(b->a, all, ON_COLUMN, IS_BETWEEN); /* both borders open: any time */
    ended->column = OBSERVATION_end_ns;
    ended->negate = str_is(status, "started");
    filter_child(b->a, all, ON_ERROR, IS_BETWEEN); /* 0: none */
}

/* {"thumb":"up"} and so on: a score of that name and value; a comment matches whatever it says; null: no such score. */
static void build_one_feedback(struct arena *a, struct filter *any, struct str key, struct json v)
{
    struct filter *score = filter_child(a, any, ON_SCORE, IS_SET), *f;
    double number;
    score->negate = json_is_null(v);
    child_in(a, score, SCORE_name, str_is(key, "thumbs") ? STR("thumb") : key);
    if (str_is(key, "comment") || json_is_null(v)) {
        filter_child(a, score, ON_SCORE_TEXT, IS_SET);
    } else if (json_is_str(v)) {
        filter_value(a, filter_child(a, score, ON_SCORE_TEXT, IS_IN), json_str(v));
    } else if (json_f64(v, &number)) {
        f = filter_child(a, score, ON_SCORE_NUMBER, IS_BETWEEN);
        f->low = f->high = number;
    } else {
        f = filter_child(a, score, ON_SCORE_BOOLEAN, IS_BETWEEN);
        f->low = f->high = json_bool(v);
    }
}

static void build_feedback(struct building *b)
{
    struct filter *any = add(b, ON_ANY, IS_SET);
    struct str list = b->parts[0], text, key;
    struct json v;
    while (str_cut(&list, ',', &text)) {
        struct json wanted = llmonitor__parse(b->a, llmonitor__unescape(b->a, text));
        for (struct json_iter it = json_iter(wanted); json_is_obj(wanted) && json_next(&it, &key, &v);)
            build_one_feedback(b->a, any, key, v);
    }
    if (any->n_children == 0)
        any->subject = ON_NOTHING;
}

static void build_metadata(struct building *b)
{
    struct filter *f = add(b, ON_METADATA, IS_IN);
    f->key = b->parts[0];
    filter_value(b->a, f, b->parts[1]);
}

static void build_search(struct building *b)
{
    filter_value(b->a, add(b, ON_IO_TEXT, CONTAINS), b->parts[0]);
}

static void build_date(struct building *b)
{
    const struct comparison *c = comparison_of(b->parts[0]);
    int64_t ns;
    if (!c || !time_parse_iso(b->parts[1], &ns))
        return;
    struct filter *f = add(b, ON_START, c->compare);
    f->negate = c->negate;
    f->low_ns = c->low ? ns : TIME_NONE;
    f->high_ns = c->high ? ns : TIME_NONE;
    f->low = c->low ? (double)ns : -1e300;
    f->high = c->high ? (double)ns : 1e300;
}

static void build_duration(struct building *b)
{
    (void)add_number(b, ON_DURATION, b->parts[0], b->parts[1], 1e9);
}

static void build_cost(struct building *b)
{
    (void)add_number(b, ON_COST, b->parts[0], b->parts[1], 1);
}

static void build_tokens(struct building *b)
{
    static const struct {
        const char *field;
        struct str key;
    } fields[] = {
        { "total", STR_INIT("total") },
        { "prompt", STR_INIT("input") },
        { "completion", STR_INIT("output") },
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (!str_is(b->parts[0], fields[i].field))
            continue;
        struct filter *f = add_number(b, ON_TOKENS, b->parts[1], b->parts[2], 1);
        if (f)
            f->key = fields[i].key;
    }
}

static void build_name(struct building *b)
{
    struct filter *f = add(b, ON_COLUMN, CONTAINS);
    f->column = OBSERVATION_name;
    filter_value(b->a, f, b->parts[0]);
}

static void build_custom_events(struct building *b)
{
    struct filter *all = add(b, ON_ALL, IS_SET);
    child_in(b->a, all, OBSERVATION_type, STR("EVENT"));
    struct filter *name = filter_child(b->a, all, ON_COLUMN, IS_IN);
    name->column = OBSERVATION_name;
    add_list(b, name, b->parts[0]);
}

static const struct kind {
    const char *id;
    size_t n_parts;
    void (*build)(struct building *b);
    bool of_threads; /* threads have what it looks at */
} kinds[] = {
    { "type", 1, build_types, true },
    { "models", 1, build_models, false },
    { "tags", 1, build_tags, true },
    { "templates", 1, build_templates, false },
    { "status", 1, build_status, false },
    { "users", 1, build_users, true },
    { "feedback", 1, build_feedback, false },
    { "metadata", 2, build_metadata, true },
    { "user-props", 2, build_user_props, true },
    { "search", 1, build_search, true },
    { "date", 2, build_date, true },
    { "duration", 2, build_duration, false },
    { "cost", 2, build_cost, false },
    { "tokens", 3, build_tokens, false },
    { "tools", 1, build_name, false },
    { "retrievers", 1, build_name, false },
    { "custom-events", 1, build_custom_events, false },
};

/* ---- the query string ---- */

/* Cut the next filter off: its kind, or NULL for a part that is none, and its parts decoded once. */
static const struct kind *next_kind(struct arena *a, struct str part, struct str parts[PARTS_MAX])
{
    struct str id, value = part;
    if (!str_cut(&value, '=', &id) || value.n == 0)
        return NULL;
    id = llmonitor__unescape(a, id);
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (!str_is(id, kinds[k].id))
            continue;
        for (size_t i = 0; i < PARTS_MAX; i++)
            parts[i] = STR_NONE;
        for (size_t i = 0; i < kinds[k].n_parts && value.p; i++) {
            struct str piece = value;
            if (i + 1 < kinds[k].n_parts)
                str_cut(&value, '.', &piece);
            else
                value = STR_NONE;
            if (piece.n == 0)
                return NULL;
            parts[i] = llmonitor__unescape(a, piece);
        }
        return parts[kinds[k].n_parts - 1].n > 0 ? &kinds[k] : NULL;
    }
    return NULL;
}

bool llmonitor__is_thread_type(struct str type)
{
    return str_is(type, "thread") || str_is(type, "convo");
}

static void ask_versions(struct call *c, struct llmonitor_filters *f, struct str list)
{
    struct ask *ask = call_find(c, RECORD);
    f->versions_ask = c->n_asks - 1;
    ask->query.limit = LLMONITOR_LOOKUP_MAX;
    filter_value(c->arena, query_add(c->arena, &ask->query, ON_SCOPE, IS_IN), STR(PROMPTS_VERSION_KIND));
    struct filter *parents = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
    struct str id;
    parents->column = RECORD_parent_id;
    while (str_cut(&list, ',', &id))
        if (id.n > 0)
            filter_value(c->arena, parents, llmonitor__unescape(c->arena, id));
}

static void ask_users(struct call *c, struct llmonitor_filters *f, const struct str parts[PARTS_MAX])
{
    struct ask *ask = call_find(c, USER);
    f->users_ask = c->n_asks - 1;
    ask->query.limit = LLMONITOR_LOOKUP_MAX;
    struct filter *prop = query_add(c->arena, &ask->query, ON_BODY, IS_IN);
    prop->key = parts[0];
    filter_value(c->arena, prop, parts[1]);
}

bool llmonitor__read_filters(struct call *c, struct llmonitor_filters *f)
{
    struct str rest = c->query_raw, part, parts[PARTS_MAX];
    size_t before = c->n_asks;
    *f = (struct llmonitor_filters){ .users_ask = SIZE_MAX, .versions_ask = SIZE_MAX };
    while (str_cut(&rest, '&', &part)) {
        const struct kind *kind = next_kind(c->arena, part, parts);
        if (!kind)
            continue;
        f->given = true;
        if (kind->build == build_types)
            f->type = parts[0];
        if (kind->build == build_templates)
            ask_versions(c, f, parts[0]);
        if (kind->build == build_user_props)
            ask_users(c, f, parts);
    }
    return c->n_asks > before;
}

void llmonitor__filter_type(struct arena *a, struct query *q, struct str type)
{
    struct building b = { .a = a, .q = q };
    build_type(&b, type);
}

void llmonitor__apply_filters(
    struct call *c, const struct llmonitor_filters *f, struct str default_type, struct query *q)
{
    struct building b = { .call = c, .a = c->arena, .given = f, .q = q, .threads = q->entity == SESSION };
    struct str rest = c->query_raw, part;
    if (!f->given) {
        if (!b.threads)
            build_type(&b, default_type);
        return;
    }
    if (str_starts(rest, STR("OR&")))
        b.any = query_add(c->arena, q, ON_ANY, IS_SET);
    while (str_cut(&rest, '&', &part)) {
        const struct kind *kind = next_kind(c->arena, part, b.parts);
        if (kind && b.threads && !kind->of_threads)
            add(&b, ON_NOTHING, IS_SET);
        else if (kind)
            kind->build(&b);
    }
}

struct filter *llmonitor__filter_in(struct arena *a, struct query *q, unsigned column, struct str value)
{
    struct filter *f = query_add(a, q, ON_COLUMN, IS_IN);
    f->column = (uint8_t)column;
    filter_value(a, f, value);
    return f;
}
