/* Both directions walk model_columns(), so a new column needs no line here. */
#include "support/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const hints[] = { "", "text", "raw", "json", "chat_messages", "list", "guardrail_result",
    "evaluation_result" };
static const char *const ranks[] = { "GUESS", "HINT", "BASE", "SAID" };
static const char *const modes[] = { "REPLACE", "SHALLOW", "DEEP", "UNION" };
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static _Noreturn void stop(const char *what, struct str name)
{
    fprintf(stderr, "test case: unknown %s \"%.*s\"\n", what, STR_ARG(name));
    abort();
}

static const struct column *column_of(enum entity e, unsigned number)
{
    size_t n;
    const struct column *columns = model_columns(e, &n);
    return number < n ? &columns[number] : NULL;
}

/* ---- events to JSON ---- */

static void write_value(struct jw *w, enum entity e, const struct column *c, const struct value *v)
{
    if (v->kind == V_NULL)
        jw_null(w);
    else if (v->kind == V_JSON)
        jw_raw(w, v->s);
    else if (v->kind == V_TEXT)
        jw_str(w, v->s);
    else if (v->kind == V_REF)
        jw_cstr(w, "<ref>");
    else if (e == OBSERVATION && c->number == OBSERVATION_type)
        jw_cstr(w, observation_type_name((enum observation_type)v->i));
    else if (strcmp(c->field, "level") == 0)
        jw_cstr(w, level_name((enum level)v->i));
    else if (e == SCORE && c->number == SCORE_source)
        jw_cstr(w, score_source_name((enum score_source)v->i));
    else if (c->type == TYPE_BOOL)
        jw_bool(w, v->i != 0);
    else
        jw_i64(w, v->i);
}

static struct str cell_key(struct arena *a, const struct column *c, const struct cell *cell)
{
    const char *parts[3];
    size_t n = 0;
    if (cell->rank != RANK_SAID)
        parts[n++] = ranks[cell->rank];
    if (cell->direction == FIRST)
        parts[n++] = "FIRST";
    if (cell->mode != MODE_REPLACE && (c->kind == KIND_MAP || c->kind == KIND_TAGS))
        parts[n++] = modes[cell->mode];
    struct str key = str_of(c->field);
    if (cell->value.hint != HINT_NONE)
        key = arena_printf(a, "%.*s:%s", STR_ARG(key), hints[cell->value.hint]);
    for (size_t i = 0; i < n; i++)
        key = arena_printf(a, "%.*s%c%s", STR_ARG(key), i ? '+' : '@', parts[i]);
    return key;
}

static void write_cells(struct arena *a, struct jw *w, const struct event *e)
{
    size_t n;
    const struct column *columns = model_columns(e->entity, &n);
    jw_key(w, "cols");
    jw_obj(w);
    for (size_t c = 0; c < n; c++) {
        for (size_t i = 0; i < e->n_cells; i++) {
            if (e->cells[i].column != c)
                continue;
            jw_key_str(w, cell_key(a, &columns[c], &e->cells[i]));
            write_value(w, e->entity, &columns[c], &e->cells[i].value);
        }
    }
    jw_obj_end(w);
}

static const char *profile_name(enum profile p)
{
    static const struct {
        unsigned number;
        const char *name;
    } names[] = {
#define PROFILE(name, number, entity, minor, order) { number, #name },
#define RULE(profile, column, rank, direction, mode, absent)
#define GRADE(profile, grade)
#include "model/profiles.def"
#undef PROFILE
#undef RULE
#undef GRADE
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].number == (unsigned)p)
            return names[i].name;
    return "?";
}

static struct str taken(struct arena *a, struct buf *b)
{
    struct str s = arena_dup(a, buf_str(b));
    buf_fini(b);
    return s.p ? s : STR("");
}

struct str dump_events(struct arena *a, const struct batch *b)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    for (size_t i = 0; i < b->n_events; i++) {
        const struct event *e = &b->events[i];
        jw_obj(&w);
        jw_kv_cstr(&w, "profile", profile_name(e->profile));
        if (e->project != 1)
            jw_kv_i64(&w, "project", e->project);
        jw_kv_str_opt(&w, "scope", e->scope);
        jw_kv_str(&w, "id", e->id);
        if (e->t_ns != TIME_NONE)
            jw_kv_i64(&w, "t_ns", e->t_ns);
        if (e->wire_index != UINT32_MAX)
            jw_kv_i64(&w, "wire_index", e->wire_index);
        write_cells(a, &w, e);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    return taken(a, &out);
}

struct str dump_removals(struct arena *a, const struct batch *b)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    for (size_t i = 0; i < b->n_removals; i++) {
        jw_obj(&w);
        jw_kv_cstr(&w, "entity", entity_name(b->removals[i].entity));
        jw_kv_str_opt(&w, "scope", b->removals[i].scope);
        jw_kv_str(&w, "id", b->removals[i].id);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    return taken(a, &out);
}

/* ---- questions to JSON ---- */

static const char *const subjects[] = {
    [ON_COLUMN] = "column",
    [ON_ID] = "id",
    [ON_SCOPE] = "scope",
    [ON_START] = "start",
    [ON_DURATION] = "duration",
    [ON_TAGS] = "tags",
    [ON_METADATA] = "metadata",
    [ON_ERROR] = "error",
    [ON_COST] = "cost",
    [ON_TOKENS] = "tokens",
    [ON_TEXT] = "text",
    [ON_IO_TEXT] = "io_text",
    [ON_UPDATED] = "updated",
    [ON_OBSERVATION] = "observation",
    [ON_SCORE] = "score",
    [ON_RECORD] = "record",
    [ON_SCORE_NUMBER] = "score_number",
    [ON_SCORE_BOOLEAN] = "score_boolean",
    [ON_SCORE_TEXT] = "score_text",
    [ON_BODY] = "body",
    [ON_USER] = "user",
    [ON_ROOT] = "root",
    [ON_PARENT] = "parent",
    [ON_ALL] = "all",
    [ON_ANY] = "any",
    [ON_NOTHING] = "nothing",
};
static const char *const compares[] = {
    [IS_IN] = "in",
    [IS_SET] = "set",
    [IS_BETWEEN] = "between",
    [IS_BELOW] = "below",
    [IS_ABOVE] = "above",
    [IS_NOT_IN] = "not_in",
    [CONTAINS] = "contains",
    [STARTS_WITH] = "starts_with",
};
static const char *const orders[] = { "start", "created", "updated", "end", "duration", "cost", "tokens",
    "id", "name", "seq", "score", "metric" };
static const char *const withs[] = { "payload", "observations", "observation_payload", "scores", "records",
    "texts", "parent", "total", "messages" };

static void write_range(struct jw *w, const struct filter *f)
{
    bool time = f->subject == ON_START || f->subject == ON_UPDATED;
    if (time && f->low_ns != TIME_NONE)
        jw_kv_i64(w, "low_ns", f->low_ns);
    if (time && f->high_ns != TIME_NONE)
        jw_kv_i64(w, "high_ns", f->high_ns);
    if (time)
        return;
    if (f->compare != IS_BELOW)
        jw_kv_f64(w, "low", f->low);
    if (f->compare != IS_ABOVE)
        jw_kv_f64(w, "high", f->high);
}

static void write_filter(struct jw *w, enum entity e, const struct filter *f)
{
    static const enum entity of_children[] = {
        [ON_OBSERVATION] = OBSERVATION, [ON_SCORE] = SCORE, [ON_RECORD] = RECORD
    };
    bool other = f->subject == ON_OBSERVATION || f->subject == ON_SCORE || f->subject == ON_RECORD;
    bool group = other || f->subject == ON_ALL || f->subject == ON_ANY;
    jw_obj(w);
    jw_kv_cstr(w, "on", f->subject < COUNT(subjects) && subjects[f->subject] ? subjects[f->subject] : "?");
    if (f->negate)
        jw_kv_bool(w, "negate", true);
    if (f->subject == ON_COLUMN) {
        const struct column *c = column_of(e, f->column);
        jw_kv_cstr(w, "column", c ? c->field : "?");
    }
    jw_kv_str_opt(w, "key", f->key);
    jw_kv_str_opt(w, "subkey", f->subkey);
    if (!group && f->subject != ON_NOTHING && f->subject != ON_ERROR && f->subject != ON_ROOT)
        jw_kv_cstr(w, "is", f->compare < COUNT(compares) ? compares[f->compare] : "?");
    if (f->compare == IS_BETWEEN || f->compare == IS_BELOW || f->compare == IS_ABOVE)
        write_range(w, f);
    if (f->subject == ON_ERROR || f->subject == ON_ROOT)
        jw_kv_f64(w, "number", f->low);
    if (f->n_values > 0) {
        jw_key(w, "values");
        jw_arr(w);
        for (size_t i = 0; i < f->n_values; i++)
            jw_str(w, f->values[i]);
        jw_arr_end(w);
    }
    if (group) {
        jw_key(w, "children");
        jw_arr(w);
        for (size_t i = 0; i < f->n_children; i++)
            write_filter(w, other ? of_children[f->subject] : e, &f->children[i]);
        jw_arr_end(w);
    }
    jw_obj_end(w);
}

static void write_with(struct jw *w, unsigned with)
{
    jw_key(w, "with");
    jw_arr(w);
    for (size_t i = 0; i < COUNT(withs); i++)
        if (with & 1U << i)
            jw_cstr(w, withs[i]);
    jw_arr_end(w);
}

struct str dump_query(struct arena *a, const struct query *q)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_cstr(&w, "entity", entity_name(q->entity));
    jw_key(&w, "filters");
    jw_arr(&w);
    for (size_t i = 0; i < q->n_filters; i++)
        write_filter(&w, q->entity, &q->filters[i]);
    jw_arr_end(&w);
    if (q->negate)
        jw_kv_bool(&w, "negate", true);
    jw_kv_cstr(&w, "order", q->order < COUNT(orders) ? orders[q->order] : "?");
    jw_kv_str_opt(&w, "order_key", q->order_key);
    jw_kv_bool(&w, "descending", q->descending);
    if (q->after.set) {
        jw_key(&w, "after");
        jw_obj(&w);
        jw_kv_str_opt(&w, "scope", q->after.scope);
        jw_kv_str(&w, "id", q->after.id);
        jw_kv_i64(&w, "ns", q->after.ns);
        jw_obj_end(&w);
    }
    if (q->offset > 0)
        jw_kv_i64(&w, "offset", (int64_t)q->offset);
    jw_kv_i64(&w, "limit", (int64_t)q->limit);
    write_with(&w, q->with);
    jw_obj_end(&w);
    return taken(a, &out);
}

/* ---- JSON to rows ---- */

static int64_t int_of(struct json v, int64_t none)
{
    int64_t i;
    return json_i64(v, &i) ? i : none;
}

/* Cut the hint off "input:text". */
static enum type_hint cut_hint(struct str *name)
{
    size_t colon = str_find_char(*name, ':');
    if (colon == SIZE_MAX)
        return HINT_NONE;
    struct str hint = str_sub(*name, colon + 1, SIZE_MAX);
    *name = str_sub(*name, 0, colon);
    for (size_t i = 1; i < COUNT(hints); i++)
        if (str_is(hint, hints[i]))
            return (enum type_hint)i;
    stop("type hint", hint);
}

static int word_number(enum entity e, const struct column *c, struct str word)
{
    if (e == OBSERVATION && c->number == OBSERVATION_type)
        return observation_type_find(word);
    if (strcmp(c->field, "level") == 0)
        return level_find(word);
    for (int i = SOURCE_API; i <= SOURCE_ANNOTATION; i++)
        if (str_is(word, score_source_name((enum score_source)i)))
            return i;
    return -1;
}

static struct value read_value(struct arena *a, enum entity e, const struct column *c, struct json v)
{
    if (c->type == TYPE_JSON)
        return value_json(json_text(a, v));
    if (json_is_null(v))
        return (struct value){ .kind = V_NULL };
    if (c->type == TYPE_TEXT || c->type == TYPE_ID)
        return value_text(json_str(v));
    if (c->type == TYPE_BOOL)
        return value_int(json_bool(v) || int_of(v, 0) != 0);
    if (!json_is_str(v))
        return value_int(int_of(v, 0));
    int number = word_number(e, c, json_str(v));
    if (number < 0)
        stop("word", json_str(v));
    return value_int(number);
}

static void read_columns(struct arena *a, struct json v, struct row *r)
{
    struct str name;
    struct json member;
    for (struct json_iter it = json_iter(v); json_next(&it, &name, &member);) {
        enum type_hint hint = cut_hint(&name);
        int number = model_column_find(r->entity, name);
        if (number < 0)
            stop("column", name);
        r->cols[number] = read_value(a, r->entity, column_of(r->entity, (unsigned)number), member);
        r->cols[number].hint = (uint8_t)hint;
    }
}

static struct value json_value(struct arena *a, struct json v)
{
    return value_json(json_text(a, v));
}

static struct derived *read_derived(struct arena *a, struct json v)
{
    struct derived *d = arena_alloc(a, sizeof *d);
    *d = (struct derived){
        .observations = int_of(json_key(v, "observations"), 0),
        .errors = int_of(json_key(v, "errors"), 0),
        .estimated = int_of(json_key(v, "estimated"), 0),
        .blocked = int_of(json_key(v, "blocked"), 0),
        .cost_nano_usd = int_of(json_key(v, "cost_nano_usd"), 0),
        .tokens_input = int_of(json_key(v, "tokens_input"), 0),
        .tokens_output = int_of(json_key(v, "tokens_output"), 0),
        .tokens_total = int_of(json_key(v, "tokens_total"), 0),
        .tokens_cached = int_of(json_key(v, "tokens_cached"), 0),
        .tokens_cache_creation = int_of(json_key(v, "tokens_cache_creation"), 0),
        .tokens_reasoning = int_of(json_key(v, "tokens_reasoning"), 0),
        .usage = json_text(a, json_key(v, "usage")),
        .start_ns = int_of(json_key(v, "start_ns"), TIME_NONE),
        .end_ns = int_of(json_key(v, "end_ns"), TIME_NONE),
        .last_end_ns = int_of(json_key(v, "last_end_ns"), TIME_NONE),
        .first_token_ns = int_of(json_key(v, "first_token_ns"), TIME_NONE),
        .first_error = json_str(json_key(v, "first_error")),
        .name = json_str(json_key(v, "name")),
        .user_id = json_str(json_key(v, "user_id")),
        .session_id = json_str(json_key(v, "session_id")),
        .release = json_str(json_key(v, "release")),
        .version = json_str(json_key(v, "version")),
        .environment = json_str(json_key(v, "environment")),
        .tags = json_text(a, json_key(v, "tags")),
        .input = json_value(a, json_key(v, "input")),
        .output = json_value(a, json_key(v, "output")),
        .input_guess = json_value(a, json_key(v, "input_guess")),
        .output_guess = json_value(a, json_key(v, "output_guess")),
        .metadata = json_value(a, json_key(v, "metadata")),
        .is_public = json_bool(json_key(v, "is_public")),
    };
    memset(d->ranks, RANK_BASE, sizeof d->ranks);
    return d;
}

static enum entity entity_find(struct str name)
{
    for (int e = 0; e < ENTITY_COUNT; e++)
        if (str_is(name, entity_name((enum entity)e)))
            return (enum entity)e;
    stop("entity", name);
}

struct row *dump_rows(struct arena *a, struct json v, size_t *n)
{
    *n = json_size(v);
    struct row *rows = arena_array(a, *n ? *n : 1, sizeof *rows);
    for (size_t i = 0; i < *n; i++)
        rows[i] = dump_row(a, json_at(v, i));
    return rows;
}

struct row dump_row(struct arena *a, struct json v)
{
    int64_t created = int_of(json_key(v, "created_ns"), 0);
    struct row r = {
        .entity = entity_find(json_str(json_key(v, "entity"))),
        .project = 1,
        .scope = json_str(json_key(v, "scope")),
        .id = json_str(json_key(v, "id")),
        .created_ns = created,
        .updated_ns = int_of(json_key(v, "updated_ns"), created),
        .text_input = json_str(json_key(v, "text_input")),
        .text_output = json_str(json_key(v, "text_output")),
        .user_effective = json_str(json_key(v, "user_effective")),
        .alias = json_str(json_key(v, "alias")),
        .sibling = json_str(json_key(v, "sibling")),
    };
    if (str_is(json_str(json_key(v, "identity")), "tree"))
        r.identity = IDENTITY_TREE;
    else if (str_is(json_str(json_key(v, "identity")), "bare"))
        r.identity = IDENTITY_BARE;
    read_columns(a, json_key(v, "cols"), &r);
    if (r.entity == TRACE)
        r.derived = read_derived(a, json_key(v, "derived"));
    if (json_is_arr(json_key(v, "observations")))
        r.observations = dump_rows(a, json_key(v, "observations"), &r.n_observations);
    if (json_is_arr(json_key(v, "scores")))
        r.scores = dump_rows(a, json_key(v, "scores"), &r.n_scores);
    if (json_is_arr(json_key(v, "records")))
        r.records = dump_rows(a, json_key(v, "records"), &r.n_records);
    if (json_is_obj(json_key(v, "parent"))) {
        r.parent = arena_alloc(a, sizeof *r.parent);
        *r.parent = dump_row(a, json_key(v, "parent"));
    }
    return r;
}
