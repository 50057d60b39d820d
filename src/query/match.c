/*
 * query_match(): does a row match? The exact meaning of every filter, and the oracle of the drivers' SQL.
 */
#include "query/query.h"

#include <string.h>

struct matching {
    struct arena *a;
    const struct query *q;
};

static bool match_filter(const struct matching *m, const struct filter *f, const struct row *r);

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static bool text_in(const struct filter *f, struct str s)
{
    for (size_t i = 0; i < f->n_values; i++)
        if (str_eq(f->values[i], s))
            return true;
    return false;
}

static bool starts_with_any(const struct filter *f, struct str s)
{
    for (size_t i = 0; i < f->n_values; i++)
        if (str_starts(s, f->values[i]))
            return true;
    return false;
}

static bool compare_text(const struct filter *f, struct str s)
{
    switch (f->compare) {
    case IS_IN: return s.p && text_in(f, s);
    case IS_NOT_IN: return !s.p || !text_in(f, s);
    case IS_SET: return s.n > 0;
    case STARTS_WITH: return s.p && starts_with_any(f, s);
    case CONTAINS: return f->n_values > 0 && query_contains(s, f->values[0]);
    default: return false;
    }
}

static bool compare_number(const struct filter *f, double v)
{
    switch (f->compare) {
    case IS_BETWEEN: return f->low <= v && v <= f->high;
    case IS_BELOW: return v < f->high;
    case IS_ABOVE: return v > f->low;
    case IS_IN: return v == f->low;
    case IS_NOT_IN: return v != f->low;
    default: return false;
    }
}

static bool compare_time(const struct filter *f, int64_t ns)
{
    if (ns == TIME_NONE)
        return false;
    switch (f->compare) {
    case IS_BETWEEN:
        return (f->low_ns == TIME_NONE || ns >= f->low_ns) && (f->high_ns == TIME_NONE || ns <= f->high_ns);
    case IS_BELOW: return ns < f->high_ns;
    case IS_ABOVE: return ns > f->low_ns;
    case IS_IN: return ns == f->low_ns;
    case IS_NOT_IN: return ns != f->low_ns;
    default: return false;
    }
}

/* ---- what a filter looks at ----------------------------------------------------------------------------------------- */

static struct json parsed(const struct matching *m, struct str text)
{
    struct json v = JSON_NONE;
    if (!text.p || json_parse(m->a, text, 0, &v, NULL) != ST_OK)
        return JSON_NONE;
    return v;
}

/* A scalar as the text a filter names it by. */
static struct str scalar_text(const struct matching *m, struct json v)
{
    switch (json_type(v)) {
    case JSON_STR: return json_str(v);
    case JSON_NUM: return json_num_text(v);
    case JSON_BOOL: return json_bool(v) ? STR("true") : STR("false");
    case JSON_ARR:
    case JSON_OBJ: return json_text(m->a, v);
    default: return STR_NONE;
    }
}

static bool is_filled(struct json v)
{
    if (json_is_str(v))
        return json_str(v).n > 0;
    return json_is_set(v) && !((json_is_arr(v) || json_is_obj(v)) && json_size(v) == 0);
}

static bool compare_json(const struct matching *m, const struct filter *f, struct json v)
{
    double number;
    if (f->compare == IS_SET)
        return is_filled(v);
    if (f->compare == IS_BETWEEN || f->compare == IS_BELOW || f->compare == IS_ABOVE)
        return json_f64(v, &number) && compare_number(f, number);
    return compare_text(f, scalar_text(m, v));
}

static struct str column_text(const struct row *r, unsigned column)
{
    if (r->entity != TRACE)
        return row_text(r, column);
    switch (column) {
    case TRACE_name: return trace_name(r);
    case TRACE_user_id: return trace_user_id(r);
    case TRACE_session_id: return trace_session_id(r);
    case TRACE_release: return trace_release(r);
    case TRACE_version: return trace_version(r);
    case TRACE_environment: return trace_environment(r);
    default: return row_text(r, column);
    }
}

/* Enumerations are filtered by the word of their table. */
static struct str enum_text(const struct row *r, unsigned column)
{
    int64_t v = row_int(r, column, -1);
    if (r->entity == OBSERVATION && column == OBSERVATION_type)
        return v < 0 ? STR_NONE : str_of(observation_type_name((enum observation_type)v));
    if (column == OBSERVATION_level && r->entity == OBSERVATION)
        return str_of(level_name(v < 0 ? LEVEL_DEFAULT : (enum level)v));
    if (column == TRACE_level && r->entity == TRACE)
        return v < 0 ? STR_NONE : str_of(level_name((enum level)v));
    return v < 0 ? STR_NONE : str_of(score_source_name((enum score_source)v));
}

/* A list: is any of its items in values? */
static bool match_list(const struct filter *f, struct json list)
{
    struct json item;
    bool any = false;
    if (f->compare != IS_IN && f->compare != IS_NOT_IN)
        return is_filled(list) && f->compare == IS_SET;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);)
        any = any || text_in(f, json_str(item));
    return any == (f->compare == IS_IN);
}

static bool match_column(const struct matching *m, const struct filter *f, const struct row *r)
{
    size_t n;
    const struct column *column = &model_columns(r->entity, &n)[f->column];
    const struct value *v = &r->cols[f->column];
    switch (column->type) {
    case TYPE_ENUM: return compare_text(f, enum_text(r, f->column));
    case TYPE_TIME: return compare_time(f, row_time(r, f->column));
    case TYPE_INT:
    case TYPE_BOOL:
        if (f->compare == IS_SET)
            return v->kind == V_INT;
        if (f->n_values > 0)
            return compare_text(f, column->type == TYPE_BOOL && v->kind == V_INT
                                       ? (v->i ? STR("true") : STR("false"))
                                       : STR_NONE);
        return v->kind == V_INT ? compare_number(f, (double)v->i) : f->compare == IS_NOT_IN;
    case TYPE_JSON:
        if (column->kind == KIND_TAGS)
            return match_list(f, parsed(m, row_text(r, f->column)));
        if (f->key.n > 0)
            return compare_json(m, f, json_get(parsed(m, row_text(r, f->column)), f->key));
        if (f->compare != IS_SET)
            return compare_json(m, f, parsed(m, row_text(r, f->column)));
        return v->kind != V_NULL;
    default: return compare_text(f, column_text(r, f->column));
    }
}

/* A run has tags of its own; the root of a trace that came in through another dialect has the trace's. */
static struct str tags_of(const struct matching *m, const struct row *r)
{
    if (r->entity == TRACE)
        return trace_tags(m->a, r);
    struct str own = row_text(r, r->entity == SESSION ? SESSION_tags : OBSERVATION_tags);
    bool is_root =
        r->entity == OBSERVATION && r->identity != IDENTITY_TREE && !row_text(r, OBSERVATION_parent_id).p;
    return !own.p && is_root && r->parent ? trace_tags(m->a, r->parent) : own;
}

static bool match_tags(const struct matching *m, const struct filter *f, const struct row *r)
{
    struct str text = tags_of(m, r);
    struct json tags = parsed(m, text), tag;
    if (f->compare == IS_SET)
        return json_size(tags) > 0;
    bool any = false;
    for (struct json_iter it = json_iter(tags); json_next(&it, NULL, &tag);)
        any = any || text_in(f, json_str(tag));
    return f->compare == IS_NOT_IN ? !any : any;
}

static struct str metadata_of(const struct row *r)
{
    switch (r->entity) {
    case TRACE: return r->cols[TRACE_metadata].kind == V_JSON ? row_text(r, TRACE_metadata) : STR_NONE;
    case OBSERVATION: return row_text(r, OBSERVATION_metadata);
    case SCORE: return row_text(r, SCORE_metadata);
    case SESSION: return row_text(r, SESSION_metadata);
    default: return STR_NONE;
    }
}

/* Given metadata first, then what spans said of the trace. A name with dots also walks into objects. */
static struct json metadata_member(const struct matching *m, const struct row *r, struct str key)
{
    struct json all = parsed(m, metadata_of(r)), found = json_get(all, key);
    if (json_type(found) == JSON_ABSENT && r->entity == TRACE && r->derived &&
        r->derived->metadata.kind == V_JSON)
        found = json_get(all = parsed(m, r->derived->metadata.s), key);
    if (json_type(found) != JSON_ABSENT)
        return found;
    struct str rest = key, part;
    found = all;
    while (str_cut(&rest, '.', &part))
        found = json_get(found, part);
    return found;
}

static bool match_duration(const struct filter *f, const struct row *r)
{
    int64_t start = query_start_ns(r),
            end = r->entity == TRACE ? trace_end_ns(r) : row_time(r, OBSERVATION_end_ns);
    if (start == TIME_NONE || end == TIME_NONE)
        return false;
    return compare_number(f, end > start ? (double)(end - start) : 0);
}

static bool has_error(const struct row *r)
{
    return r->entity == TRACE ? trace_has_error(r)
                              : row_int(r, OBSERVATION_level, LEVEL_DEFAULT) == LEVEL_ERROR;
}

static bool match_cost(const struct matching *m, const struct filter *f, const struct row *r)
{
    if (r->entity == TRACE)
        return r->derived && compare_number(f, (double)r->derived->cost_nano_usd / 1e9);
    struct usage_final usage;
    bool computed;
    derive_usage(m->a, r, &usage);
    int64_t nano = derive_cost(m->a, r, &usage, price_default(), &computed);
    return nano >= 0 && compare_number(f, (double)nano / 1e9);
}

static bool match_tokens(const struct matching *m, const struct filter *f, const struct row *r)
{
    struct usage_final usage = { 0 };
    if (r->entity == TRACE && r->derived) {
        usage.input_all = r->derived->tokens_input;
        usage.output_all = r->derived->tokens_output;
    } else if (r->entity == OBSERVATION) {
        derive_usage(m->a, r, &usage);
    }
    bool input = str_is(f->key, "input"), output = str_is(f->key, "output");
    return compare_number(f, (double)(input    ? usage.input_all
                                      : output ? usage.output_all
                                               : usage.input_all + usage.output_all));
}

/* JSON strings are looked at unescaped: what a person sees is what matches. */
static bool json_contains(const struct matching *m, struct str text, struct str needle)
{
    struct json v = parsed(m, text);
    if (json_is_str(v))
        return query_contains(json_str(v), needle);
    return text.p && query_contains(text, needle);
}

static bool match_text(const struct matching *m, const struct filter *f, const struct row *r)
{
    struct str needle = f->n_values ? f->values[0] : STR("");
    if (r->entity == OBSERVATION)
        return query_contains(row_text(r, OBSERVATION_name), needle) ||
               json_contains(m, row_text(r, OBSERVATION_input), needle) ||
               json_contains(m, row_text(r, OBSERVATION_output), needle);
    if (query_contains(trace_name(r), needle) || query_contains(r->text_input, needle) ||
        query_contains(r->text_output, needle))
        return true;
    for (size_t i = 0; i < r->n_observations; i++)
        if (query_contains(row_text(&r->observations[i], OBSERVATION_name), needle))
            return true;
    return false;
}

static bool match_io_text(const struct matching *m, const struct filter *f, const struct row *r)
{
    struct str needle = f->n_values ? f->values[0] : STR("");
    if (r->entity == SESSION)
        return json_contains(m, row_text(r, SESSION_first_message), needle);
    return json_contains(m, row_text(r, OBSERVATION_input), needle) ||
           json_contains(m, row_text(r, OBSERVATION_output), needle);
}

static bool match_children(const struct matching *m, const struct filter *f, const struct row *r)
{
    for (size_t i = 0; i < f->n_children; i++)
        if (!match_filter(m, &f->children[i], r))
            return false;
    return true;
}

static bool match_any_of(const struct matching *m, const struct filter *f, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (match_children(m, f, &rows[i]))
            return true;
    return false;
}

static bool match_score_part(const struct matching *m, const struct filter *f, const struct row *r)
{
    struct json value = parsed(m, row_text(r, SCORE_value));
    const char *part = f->subject == ON_SCORE_NUMBER    ? "number"
                       : f->subject == ON_SCORE_BOOLEAN ? "boolean"
                                                        : "text";
    struct json v = json_key(value, part);
    if (f->compare == IS_SET)
        return is_filled(v);
    if (f->subject == ON_SCORE_BOOLEAN)
        return json_type(v) == JSON_BOOL && compare_number(f, json_bool(v));
    return compare_json(m, f, v);
}

static bool match_body(const struct matching *m, const struct filter *f, const struct row *r)
{
    struct json v = json_get(parsed(m, row_text(r, r->entity == USER ? USER_props : RECORD_body)), f->key);
    return compare_json(m, f, f->subkey.p ? json_get(v, f->subkey) : v);
}

static struct str user_of(const struct row *r)
{
    if (r->user_effective.p || !r->parent)
        return r->user_effective;
    return trace_user_id(r->parent);
}

static bool match_parent(const struct filter *f, const struct row *r)
{
    struct str parent = row_text(r, OBSERVATION_parent_id);
    return compare_text(f, parent);
}

static bool match_any_child(const struct matching *m, const struct filter *f, const struct row *r)
{
    for (size_t i = 0; i < f->n_children; i++)
        if (match_filter(m, &f->children[i], r))
            return true;
    return f->n_children == 0;
}

static bool match_subject(const struct matching *m, const struct filter *f, const struct row *r)
{
    switch (f->subject) {
    case ON_COLUMN: return match_column(m, f, r);
    case ON_ID: return compare_text(f, r->id);
    case ON_SCOPE: return compare_text(f, r->scope);
    case ON_START: return compare_time(f, query_start_ns(r));
    case ON_UPDATED: return compare_time(f, r->updated_ns);
    case ON_DURATION: return match_duration(f, r);
    case ON_TAGS: return match_tags(m, f, r);
    case ON_METADATA: return compare_json(m, f, metadata_member(m, r, f->key));
    case ON_ERROR: return has_error(r) == (f->low != 0);
    case ON_COST: return match_cost(m, f, r);
    case ON_TOKENS: return match_tokens(m, f, r);
    case ON_TEXT: return match_text(m, f, r);
    case ON_IO_TEXT: return match_io_text(m, f, r);
    case ON_OBSERVATION: return match_any_of(m, f, r->observations, r->n_observations);
    case ON_SCORE: return match_any_of(m, f, r->scores, r->n_scores);
    case ON_RECORD: return match_any_of(m, f, r->records, r->n_records);
    case ON_SCORE_NUMBER:
    case ON_SCORE_BOOLEAN:
    case ON_SCORE_TEXT: return match_score_part(m, f, r);
    case ON_BODY: return match_body(m, f, r);
    case ON_USER: return compare_text(f, user_of(r));
    case ON_ROOT: return (!row_text(r, OBSERVATION_parent_id).p || str_eq(r->id, r->scope)) == (f->low != 0);
    case ON_PARENT: return match_parent(f, r);
    case ON_ALL: return match_children(m, f, r);
    case ON_ANY: return match_any_child(m, f, r);
    case ON_NOTHING: return false;
    }
    return false;
}

static bool match_filter(const struct matching *m, const struct filter *f, const struct row *r)
{
    return match_subject(m, f, r) != f->negate;
}

bool query_match(struct arena *a, const struct query *q, const struct row *r)
{
    struct matching m = { a, q };
    bool all = true;
    for (size_t i = 0; i < q->n_filters && all; i++)
        all = match_filter(&m, &q->filters[i], r);
    return all != q->negate;
}

/* ---- what must be loaded for it ------------------------------------------------------------------------------------- */

static unsigned filter_needs(enum entity e, const struct filter *f)
{
    unsigned with = 0;
    size_t n;
    switch (f->subject) {
    case ON_COLUMN:
        if (f->column < (model_columns(e, &n), n) && model_columns(e, &n)[f->column].place == PLACE_PAYLOAD)
            with = WITH_PAYLOAD;
        break;
    case ON_METADATA:
    case ON_BODY:
    case ON_IO_TEXT: with = WITH_PAYLOAD; break;
    case ON_TEXT: with = e == TRACE ? WITH_TEXTS | WITH_OBSERVATIONS : WITH_PAYLOAD; break;
    case ON_OBSERVATION: with = WITH_OBSERVATIONS; break;
    case ON_SCORE: with = WITH_SCORES; break;
    case ON_RECORD: with = WITH_RECORDS; break;
    case ON_TAGS: with = e == OBSERVATION ? WITH_PARENT : 0; break;
    case ON_USER: with = WITH_PARENT; break;
    default: break;
    }
    enum entity below = f->subject == ON_OBSERVATION ? OBSERVATION
                        : f->subject == ON_SCORE     ? SCORE
                        : f->subject == ON_RECORD    ? RECORD
                                                     : e;
    for (size_t i = 0; i < f->n_children; i++) {
        unsigned child = filter_needs(below, &f->children[i]);
        if (below == OBSERVATION && e != OBSERVATION && (child & WITH_PAYLOAD))
            child = WITH_OBSERVATION_PAYLOAD;
        with |= child;
    }
    return with;
}

unsigned query_needs(const struct query *q)
{
    unsigned with = q->order == BY_SCORE ? WITH_SCORES : 0;
    for (size_t i = 0; i < q->n_filters; i++)
        with |= filter_needs(q->entity, &q->filters[i]);
    return with;
}
