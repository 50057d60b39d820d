/*
 * The filters of a search (langwatch.md 5.2), each a row of one table and a function that says it as a query filter.
 *
 *   {"metadata.labels": ["a", "b"],                          a list: any of them
 *    "evaluations.passed": {"customeval_x": ["true"]},       by a key; several keys: any of them
 *    "events.metrics.value": {"vote": {"score": ["0", "1"]}}}  by two keys
 *
 * Different filters must all match. What is empty asks nothing; what is of another form than its filter needs matches nothing.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

enum form { LIST, KEYED, KEYED_TWICE };

/* One filter, or one entry of a keyed one, on its way. */
struct part {
    struct arena *a;
    struct filter *into; /* gets one child */
    struct str key, subkey;
    struct json values; /* strings, at least one */
    unsigned column;
    const char *word;
};

/* ---- pieces --------------------------------------------------------------------------------------------------------- */

static void add_values(struct arena *a, struct filter *f, struct json values)
{
    struct json v;
    for (struct json_iter it = json_iter(values); json_next(&it, NULL, &v);)
        filter_value(a, f, json_str(v));
}

static bool has_value(struct json values, const char *word)
{
    struct json v;
    for (struct json_iter it = json_iter(values); json_next(&it, NULL, &v);)
        if (str_is(json_str(v), word))
            return true;
    return false;
}

static struct filter *child_in(struct part *p, struct filter *into, enum subject s, unsigned column)
{
    struct filter *f = filter_child(p->a, into, s, IS_IN);
    f->column = (uint8_t)column;
    add_values(p->a, f, p->values);
    return f;
}

static struct filter *child_is(struct part *p, struct filter *into, unsigned column, struct str value)
{
    struct filter *f = filter_child(p->a, into, ON_COLUMN, IS_IN);
    f->column = (uint8_t)column;
    filter_value(p->a, f, value);
    return f;
}

static struct filter *child_set(struct part *p, struct filter *into, enum subject s, unsigned column)
{
    struct filter *f = filter_child(p->a, into, s, IS_SET);
    f->column = (uint8_t)column;
    return f;
}

static void nothing(struct part *p)
{
    filter_child(p->a, p->into, ON_NOTHING, IS_IN);
}

/* ["min", "max"] */
static bool range(struct json values, double *low, double *high)
{
    return json_size(values) == 2 && str_to_f64(json_str(json_at(values, 0)), low) &&
           str_to_f64(json_str(json_at(values, 1)), high);
}

/* ---- trace ---------------------------------------------------------------------------------------------------------- */

static void on_column(struct part *p)
{
    child_in(p, p->into, ON_COLUMN, p->column);
}

static void on_labels(struct part *p)
{
    child_in(p, p->into, ON_TAGS, 0);
}

/* A metadata key as a reader sees it: some have a column of their own. */
static struct filter *metadata_child(
    struct part *p, struct filter *into, struct str key, enum compare compare)
{
    static const struct {
        const char *key;
        enum subject subject;
        uint8_t column;
    } reserved[] = {
        { "user_id", ON_COLUMN, TRACE_user_id },
        { "thread_id", ON_COLUMN, TRACE_session_id },
        { "labels", ON_TAGS, 0 },
        { "prompt_ids", ON_COLUMN, TRACE_prompt_ids },
        { "prompt_version_ids", ON_COLUMN, TRACE_prompt_version_ids },
    };
    struct filter *f = filter_child(p->a, into, ON_METADATA, compare);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (!str_is(key, reserved[i].key))
            continue;
        f->subject = reserved[i].subject;
        f->column = reserved[i].column;
        return f;
    }
    f->key = key;
    return f;
}

static void on_metadata_word(struct part *p)
{
    struct filter *f = metadata_child(p, p->into, str_of(p->word), IS_IN);
    add_values(p->a, f, p->values);
}

/* A middle dot in a name stands for a dot. */
static struct str dotted(struct arena *a, struct str name)
{
    struct str dot = STR("\xC2\xB7");
    struct buf out;
    if (str_find(name, dot) == SIZE_MAX)
        return name;
    buf_init(&out, 0);
    for (size_t at; (at = str_find(name, dot)) != SIZE_MAX; name = str_sub(name, at + dot.n, SIZE_MAX)) {
        buf_add_str(&out, str_sub(name, 0, at));
        buf_add_char(&out, '.');
    }
    buf_add_str(&out, name);
    return langwatch__taken(a, &out);
}

static void on_metadata_key(struct part *p)
{
    struct json v;
    struct filter *any = filter_child(p->a, p->into, ON_ANY, IS_IN);
    for (struct json_iter it = json_iter(p->values); json_next(&it, NULL, &v);)
        metadata_child(p, any, dotted(p->a, json_str(v)), IS_SET);
}

static void on_metadata_value(struct part *p)
{
    struct filter *f = metadata_child(p, p->into, dotted(p->a, p->key), IS_IN);
    add_values(p->a, f, p->values);
}

/* No origin counts as `application`. */
static void on_origin(struct part *p)
{
    struct filter *any = filter_child(p->a, p->into, ON_ANY, IS_IN);
    add_values(p->a, metadata_child(p, any, STR("origin"), IS_IN), p->values);
    add_values(p->a, metadata_child(p, any, STR("langwatch.origin"), IS_IN), p->values);
    if (!has_value(p->values, "application"))
        return;
    struct filter *none = filter_child(p->a, any, ON_ALL, IS_IN);
    metadata_child(p, none, STR("origin"), IS_SET)->negate = true;
    metadata_child(p, none, STR("langwatch.origin"), IS_SET)->negate = true;
}

/* ["true"], ["false"], or both, which asks nothing. False: neither, or both. */
static bool one_side(struct part *p, bool *yes)
{
    bool want = has_value(p->values, "true"), unwanted = has_value(p->values, "false");
    if (!want && !unwanted)
        nothing(p);
    *yes = want;
    return want != unwanted;
}

static void on_error(struct part *p)
{
    bool yes;
    if (!one_side(p, &yes))
        return;
    struct filter *f = filter_child(p->a, p->into, ON_ERROR, IS_IN);
    f->low = f->high = yes;
}

static void on_annotation(struct part *p)
{
    bool yes;
    if (!one_side(p, &yes))
        return;
    struct filter *f = filter_child(p->a, p->into, ON_SCORE, IS_IN);
    f->negate = !yes;
    child_is(p, f, SCORE_source, STR("ANNOTATION"));
    child_is(p, f, SCORE_name, STR("thumbs_up_down"))->negate = true;
}

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

/* The types that are read back as one of the words when their source word is none of ours. */
static void add_foreign_types(struct part *p, struct filter *any)
{
    struct filter *all = NULL, *types = NULL;
    for (int t = 0; t < OBS_TYPE_COUNT; t++) {
        struct row probe = { .entity = OBSERVATION };
        probe.cols[OBSERVATION_type] = value_int(t);
        if (!has_value(p->values, arena_cstr(p->a, langwatch__type_word(&probe))))
            continue;
        if (!all) {
            all = filter_child(p->a, any, ON_ALL, IS_IN);
            struct filter *foreign = filter_child(p->a, all, ON_COLUMN, IS_NOT_IN);
            foreign->column = OBSERVATION_source_type;
            for (size_t i = 0; langwatch__span_types[i]; i++)
                filter_value(p->a, foreign, str_of(langwatch__span_types[i]));
            types = filter_child(p->a, all, ON_COLUMN, IS_IN);
            types->column = OBSERVATION_type;
        }
        filter_value(p->a, types, str_of(observation_type_name((enum observation_type)t)));
    }
}

static void on_span_type(struct part *p)
{
    struct filter *any =
        filter_child(p->a, filter_child(p->a, p->into, ON_OBSERVATION, IS_IN), ON_ANY, IS_IN);
    child_in(p, any, ON_COLUMN, OBSERVATION_source_type);
    add_foreign_types(p, any);
}

static void on_span_column(struct part *p)
{
    child_in(p, filter_child(p->a, p->into, ON_OBSERVATION, IS_IN), ON_COLUMN, p->column);
}

/* ---- evaluations ---------------------------------------------------------------------------------------------------- */

/* Scores of other dialects have no evaluator; they are shown as customeval_<slug>, of which these are the likely names. */
static void add_likely_names(struct part *p, struct filter *names, struct str slug)
{
    filter_value(p->a, names, slug);
    for (const char *c = " -"; *c; c++) {
        struct str name = arena_dup(p->a, slug);
        char *letters = (char *)(uintptr_t)name.p;
        for (size_t i = 0; i < name.n; i++)
            if (letters[i] == '_')
                letters[i] = *c;
        if (!str_eq(name, slug))
            filter_value(p->a, names, name);
    }
}

static bool is_derived(struct str evaluator)
{
    return str_starts(evaluator, STR("customeval_"));
}

static void add_evaluator(struct part *p, struct filter *score, const struct str *ids, size_t n)
{
    bool derived = false;
    for (size_t i = 0; i < n; i++)
        derived = derived || is_derived(ids[i]);
    struct filter *any = derived ? filter_child(p->a, score, ON_ANY, IS_IN) : score;
    struct filter *given = filter_child(p->a, any, ON_COLUMN, IS_IN);
    given->column = SCORE_evaluator_id;
    for (size_t i = 0; i < n; i++)
        filter_value(p->a, given, ids[i]);
    if (!derived)
        return;
    struct filter *all = filter_child(p->a, any, ON_ALL, IS_IN);
    child_set(p, all, ON_COLUMN, SCORE_evaluator_id)->negate = true;
    struct filter *names = filter_child(p->a, all, ON_COLUMN, IS_IN);
    names->column = SCORE_name;
    for (size_t i = 0; i < n; i++)
        if (is_derived(ids[i]))
            add_likely_names(p, names, str_sub(ids[i], strlen("customeval_"), SIZE_MAX));
}

/* Any score by one of the evaluators that are the values. */
static struct filter *any_evaluator(struct part *p)
{
    struct json v;
    struct str *ids = arena_array(p->a, json_size(p->values), sizeof *ids);
    size_t n = 0;
    struct filter *score = filter_child(p->a, p->into, ON_SCORE, IS_IN);
    for (struct json_iter it = json_iter(p->values); json_next(&it, NULL, &v);)
        ids[n++] = json_str(v);
    add_evaluator(p, score, ids, n);
    return score;
}

static void on_evaluator(struct part *p)
{
    any_evaluator(p);
}

static void on_guardrail(struct part *p)
{
    child_is(p, any_evaluator(p), SCORE_is_guardrail, STR("true"));
}

static void on_has_passed(struct part *p)
{
    child_set(p, any_evaluator(p), ON_SCORE_BOOLEAN, 0);
}

static void on_has_score(struct part *p)
{
    child_set(p, any_evaluator(p), ON_SCORE_NUMBER, 0);
}

static void on_has_label(struct part *p)
{
    struct filter *score = any_evaluator(p);
    child_set(p, score, ON_SCORE_TEXT, 0);
    struct filter *old = filter_child(p->a, score, ON_SCORE_TEXT, IS_NOT_IN);
    filter_value(p->a, old, STR("succeeded"));
    filter_value(p->a, old, STR("failed"));
}

/* Any score by the evaluator that is the key. */
static struct filter *keyed_evaluator(struct part *p)
{
    struct filter *score = filter_child(p->a, p->into, ON_SCORE, IS_IN);
    add_evaluator(p, score, &p->key, 1);
    return score;
}

static void on_passed(struct part *p)
{
    struct json v;
    bool yes = false, no = false;
    for (struct json_iter it = json_iter(p->values); json_next(&it, NULL, &v);) {
        bool is = str_is(json_str(v), "true") || str_is(json_str(v), "1");
        yes = yes || is;
        no = no || !is;
    }
    struct filter *f = filter_child(p->a, keyed_evaluator(p), ON_SCORE_BOOLEAN, IS_BETWEEN);
    f->low = no ? 0 : 1;
    f->high = yes ? 1 : 0;
}

static void on_score(struct part *p)
{
    double low, high;
    if (!range(p->values, &low, &high)) {
        nothing(p);
        return;
    }
    struct filter *f = filter_child(p->a, keyed_evaluator(p), ON_SCORE_NUMBER, IS_BETWEEN);
    f->low = low;
    f->high = high;
}

static void on_label(struct part *p)
{
    child_in(p, keyed_evaluator(p), ON_SCORE_TEXT, 0);
}

/* Scores of other dialects have no status; they are done. */
static void on_state(struct part *p)
{
    struct filter *any = filter_child(p->a, keyed_evaluator(p), ON_ANY, IS_IN);
    child_in(p, any, ON_COLUMN, SCORE_status);
    if (has_value(p->values, "processed"))
        child_set(p, any, ON_COLUMN, SCORE_status)->negate = true;
}

/* ---- tracked events ------------------------------------------------------------------------------------------------- */

static struct filter *any_event(struct part *p)
{
    struct filter *record = filter_child(p->a, p->into, ON_RECORD, IS_IN);
    filter_value(p->a, filter_child(p->a, record, ON_SCOPE, IS_IN), STR("tracked_event"));
    return record;
}

static void on_event_type(struct part *p)
{
    child_in(p, any_event(p), ON_COLUMN, RECORD_name);
}

/* An event of the type that has any of the keys in the part of its body that is p->word. */
static void on_event_key(struct part *p)
{
    struct json v;
    struct filter *record = any_event(p);
    child_is(p, record, RECORD_name, p->key);
    struct filter *any = filter_child(p->a, record, ON_ANY, IS_IN);
    for (struct json_iter it = json_iter(p->values); json_next(&it, NULL, &v);) {
        struct filter *f = filter_child(p->a, any, ON_BODY, IS_SET);
        f->key = str_of(p->word);
        f->subkey = json_str(v);
    }
}

static void on_event_metric(struct part *p)
{
    double low, high;
    if (!range(p->values, &low, &high)) {
        nothing(p);
        return;
    }
    struct filter *record = any_event(p);
    child_is(p, record, RECORD_name, p->key);
    struct filter *f = filter_child(p->a, record, ON_BODY, IS_BETWEEN);
    f->key = STR("metrics");
    f->subkey = p->subkey;
    f->low = low;
    f->high = high;
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static const struct spec {
    const char *name;
    enum form form;
    void (*build)(struct part *p);
    unsigned column;
    const char *word;
} specs[] = {
    { "topics.topics", LIST, on_metadata_word, 0, "topic_id" },
    { "topics.subtopics", LIST, on_metadata_word, 0, "subtopic_id" },
    { "metadata.user_id", LIST, on_column, TRACE_user_id, NULL },
    { "metadata.thread_id", LIST, on_column, TRACE_session_id, NULL },
    { "metadata.customer_id", LIST, on_metadata_word, 0, "customer_id" },
    { "metadata.labels", LIST, on_labels, 0, NULL },
    { "metadata.key", LIST, on_metadata_key, 0, NULL },
    { "metadata.value", KEYED, on_metadata_value, 0, NULL },
    { "metadata.prompt_ids", LIST, on_column, TRACE_prompt_ids, NULL },
    { "traces.origin", LIST, on_origin, 0, NULL },
    { "traces.error", LIST, on_error, 0, NULL },
    { "traces.name", LIST, on_column, TRACE_name, NULL },
    { "spans.type", LIST, on_span_type, 0, NULL },
    { "spans.model", LIST, on_span_column, OBSERVATION_model, NULL },
    { "evaluations.evaluator_id", LIST, on_evaluator, 0, NULL },
    { "evaluations.evaluator_id.guardrails_only", LIST, on_guardrail, 0, NULL },
    { "evaluations.evaluator_id.has_passed", LIST, on_has_passed, 0, NULL },
    { "evaluations.evaluator_id.has_score", LIST, on_has_score, 0, NULL },
    { "evaluations.evaluator_id.has_label", LIST, on_has_label, 0, NULL },
    { "evaluations.passed", KEYED, on_passed, 0, NULL },
    { "evaluations.score", KEYED, on_score, 0, NULL },
    { "evaluations.label", KEYED, on_label, 0, NULL },
    { "evaluations.state", KEYED, on_state, 0, NULL },
    { "events.event_type", LIST, on_event_type, 0, NULL },
    { "events.metrics.key", KEYED, on_event_key, 0, "metrics" },
    { "events.metrics.value", KEYED_TWICE, on_event_metric, 0, NULL },
    { "events.event_details.key", KEYED, on_event_key, 0, "event_details" },
    { "annotations.hasAnnotation", LIST, on_annotation, 0, NULL },
};
#define N_SPECS (sizeof specs / sizeof *specs)

/* ---- reading -------------------------------------------------------------------------------------------------------- */

/* Zod's union of the three forms, of which the one that was meant is checked. */
static bool check_form(struct issues *is, const struct at *at, struct json v, int levels)
{
    struct str key;
    struct json member;
    size_t before = is->n;
    if (levels == 0 || !json_is_obj(v))
        return langwatch__is_texts(is, at, v, false);
    for (struct json_iter it = json_iter(v); json_next(&it, &key, &member);)
        check_form(is, AT_KEY(at, key), member, levels - 1);
    return is->n == before;
}

static void add_part(const struct spec *s, struct part *p, struct json values)
{
    if (json_size(values) == 0)
        return;
    p->values = values;
    if (json_is_arr(values))
        s->build(p);
    else
        nothing(p);
}

static void add_subkeys(const struct spec *s, struct part *p, struct json v)
{
    struct json values;
    if (json_size(v) > 0 && !json_is_obj(v))
        nothing(p);
    for (struct json_iter it = json_iter(v); json_is_obj(v) && json_next(&it, &p->subkey, &values);)
        add_part(s, p, values);
}

static void add_filter(const struct spec *s, struct part *p, struct json v)
{
    struct json member;
    if (s->form == LIST || json_size(v) == 0) {
        add_part(s, p, v);
        return;
    }
    if (!json_is_obj(v)) {
        nothing(p);
        return;
    }
    struct filter any = { .subject = ON_ANY, .low_ns = TIME_NONE, .high_ns = TIME_NONE }, *into = p->into;
    p->into = &any;
    for (struct json_iter it = json_iter(v); json_next(&it, &p->key, &member);) {
        if (s->form == KEYED)
            add_part(s, p, member);
        else
            add_subkeys(s, p, member);
    }
    if (any.n_children > 0)
        *filter_child(p->a, into, ON_ANY, IS_IN) = any;
}

static void unknown_filter(struct issues *is, const struct at *at, struct str name)
{
    const char *names[N_SPECS + 1] = { NULL };
    for (size_t i = 0; i < N_SPECS; i++)
        names[i] = specs[i].name;
    langwatch__issue_word(is, at, names, name);
}

static const struct spec *find_spec(struct str name)
{
    for (size_t i = 0; i < N_SPECS; i++)
        if (str_is(name, specs[i].name))
            return &specs[i];
    return NULL;
}

void langwatch__filters(
    struct issues *is, const struct at *at, struct json filters, struct arena *a, struct filter *f)
{
    struct str name;
    struct json v;
    for (struct json_iter it = json_iter(filters); json_next(&it, &name, &v);) {
        const struct spec *s = find_spec(name);
        const struct at *here = AT_KEY(at, name);
        if (!s)
            unknown_filter(is, here, name);
        else if (check_form(is, here, v, 2)) {
            struct part p = { .a = a, .into = f, .column = s->column, .word = s->word };
            add_filter(s, &p, v);
        }
    }
}
