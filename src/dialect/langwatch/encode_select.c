/*
 * Projections of a search: select and from of langwatch.md 5.5. A path names one value, or one member of every item of a collection.
 *
 *   ["trace_id", "metadata.user_id", "evaluations.score", "evaluations.name"]
 *   {"trace_id": "t", "metadata": {"user_id": "u"}, "evaluations": [{"score": 1, "name": "n"}]}
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

/* ---- paths ---------------------------------------------------------------------------------------------------------- */

static const struct known {
    const char *root, *member; /* no member: a value at the top, or any member of an open root */
    const char *type;
    bool collection;
    bool open; /* any name may follow */
} paths[] = {
    { "trace_id", NULL, "string", false, false },
    { "project_id", NULL, "string", false, false },
    { "started_at", NULL, "timestamp", false, false },
    { "inserted_at", NULL, "timestamp", false, false },
    { "updated_at", NULL, "timestamp", false, false },
    { "input", NULL, "string", false, false },
    { "output", NULL, "string", false, false },
    { "metadata", NULL, "json", false, true },
    { "metrics", NULL, "number", false, true },
    { "evaluations", "name", "string", true, false },
    { "evaluations", "score", "number", true, false },
    { "evaluations", "passed", "boolean", true, false },
    { "evaluations", "label", "string", true, false },
    { "evaluations", "details", "string", true, false },
    { "evaluations", "status", "string", true, false },
    { "evaluations", "evaluator_id", "string", true, false },
    { "evaluations", "type", "string", true, false },
    { "evaluations", "is_guardrail", "boolean", true, false },
    { "events", "type", "string", true, false },
    { "events", "timestamp", "timestamp", true, false },
    { "events", "metrics", "json", true, false },
    { "events", "details", "json", true, false },
    { "events", "metrics", "number", true, true },
    { "events", "details", "string", true, true },
    { "annotations", "is_thumbs_up", "boolean", true, false },
    { "annotations", "comment", "string", true, false },
    { "annotations", "expected_output", "string", true, false },
    { "annotations", "created_at", "timestamp", true, false },
    { "annotations", "scores", "json", true, false },
};
#define N_PATHS (sizeof paths / sizeof *paths)

static struct str root_of(struct str path)
{
    return str_sub(path, 0, str_find_char(path, '.'));
}

/* What stands behind the first dot, or absent. */
static struct str member_of(struct str path)
{
    size_t dot = str_find_char(path, '.');
    return dot == SIZE_MAX ? STR_NONE : str_sub(path, dot + 1, SIZE_MAX);
}

static bool names(const struct known *k, struct str path)
{
    struct str member = member_of(path);
    if (!str_eq(root_of(path), str_of(k->root)))
        return false;
    if (!k->member)
        return k->open ? member.n > 0 : !member.p;
    if (!k->open)
        return str_is(member, k->member);
    return str_eq(root_of(member), str_of(k->member)) && member_of(member).n > 0;
}

static const struct known *find(struct str path)
{
    for (size_t i = 0; i < N_PATHS; i++)
        if (names(&paths[i], path))
            return &paths[i];
    return NULL;
}

void langwatch__check_select(struct issues *is, const struct at *at, struct json select, struct search *out)
{
    struct json path;
    if (!langwatch__is_texts(is, at, select, false))
        return;
    size_t n = json_size(select);
    if (n == 0)
        langwatch__issue(is, at, "too_small", STR("Array must contain at least 1 element(s)"));
    if (n > LANGWATCH_SELECT_MAX)
        langwatch__issue(is, at, "too_big",
            arena_printf(is->arena, "Array must contain at most %d element(s)", LANGWATCH_SELECT_MAX));
    if (n == 0 || n > LANGWATCH_SELECT_MAX)
        return;
    out->select = arena_array(is->arena, n, sizeof *out->select);
    for (struct json_iter it = json_iter(select); json_next(&it, NULL, &path);) {
        struct str text = json_str(path);
        if (find(text))
            out->select[out->n_select++] = text;
        else
            langwatch__issue(is, at, "unknown_path",
                arena_printf(
                    is->arena, "Unknown path '%.*s'", STR_ARG(str_sub(text, 0, str_utf8_clip(text, 256)))));
    }
}

void langwatch__write_schema(struct jw *w, const struct search *s)
{
    jw_key(w, "schema");
    jw_obj(w);
    jw_kv_cstr(w, "from", "traces");
    jw_key(w, "columns");
    jw_arr(w);
    for (size_t i = 0; i < s->n_select; i++) {
        const struct known *k = find(s->select[i]);
        jw_obj(w);
        jw_kv_str(w, "path", s->select[i]);
        jw_kv_cstr(w, "type", k->type);
        jw_kv_bool(w, "collection", k->collection);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

/* Everything a projection may name, written once as JSON and cut to size: the names are then those of the full shapes. */
struct source {
    struct json flat, events, annotations;
};

static void write_flat(struct jw *w, const struct trace_view *v, const struct row *t)
{
    jw_obj(w);
    jw_kv_str(w, "trace_id", t->id);
    jw_kv_str(w, "project_id", v->project_id);
    jw_kv_i64(w, "started_at", time_ms(langwatch__started_ns(t)));
    jw_kv_i64(w, "inserted_at", time_ms(t->created_ns));
    jw_kv_i64(w, "updated_at", time_ms(t->updated_ns));
    jw_kv_str(w, "input", langwatch__trace_text(v->arena, t, true));
    jw_kv_str(w, "output", langwatch__trace_text(v->arena, t, false));
    langwatch__write_metadata(w, v, t);
    langwatch__write_metrics(w, t);
    langwatch__write_evaluations(w, v, t);
    jw_obj_end(w);
}

static void write_events(struct jw *w, const struct trace_view *v, const struct row *t)
{
    struct event_view e;
    jw_arr(w);
    for (size_t i = 0; i < t->n_records; i++) {
        if (!langwatch__event_of(v->arena, &t->records[i], &e))
            continue;
        jw_obj(w);
        jw_kv_str(w, "type", e.type);
        jw_kv_i64(w, "timestamp", time_ms(e.time_ns));
        jw_kv_raw(w, "metrics", json_text(v->arena, e.metrics));
        jw_kv_raw(w, "details", json_text(v->arena, e.details));
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_annotations(struct jw *w, const struct trace_view *v, const struct row *t)
{
    jw_arr(w);
    for (size_t i = 0; i < t->n_scores; i++) {
        const struct row *s = &t->scores[i];
        struct json value = langwatch__parsed(v->arena, row_text(s, SCORE_value));
        struct json leftovers = langwatch__parsed(v->arena, row_text(s, SCORE_leftovers));
        if (row_int(s, SCORE_source, SOURCE_API) != SOURCE_ANNOTATION ||
            str_is(row_text(s, SCORE_name), "thumbs_up_down"))
            continue;
        jw_obj(w);
        jw_kv_raw(w, "is_thumbs_up", json_text(v->arena, json_key(value, "boolean")));
        jw_kv_str(w, "comment", row_text(s, SCORE_comment));
        jw_kv_raw(w, "expected_output", json_text(v->arena, json_key(leftovers, "expected_output")));
        jw_kv_i64(w, "created_at", time_ms(s->created_ns));
        jw_kv_raw(w, "scores", json_text(v->arena, json_key(leftovers, "scores")));
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static struct json written(const struct trace_view *v, const struct row *t,
    void (*write)(struct jw *, const struct trace_view *, const struct row *))
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    write(&w, v, t);
    return langwatch__parsed(v->arena, langwatch__taken(v->arena, &out));
}

/* The member of that name, or, when there is none, what lies below its parts. */
static struct json below(struct json v, struct str path)
{
    struct json found = json_get(v, path);
    struct str rest = path, part;
    if (json_type(found) != JSON_ABSENT)
        return found;
    while (str_cut(&rest, '.', &part))
        v = json_get(v, part);
    return v;
}

static void write_member(struct jw *w, struct str name, struct json v)
{
    jw_key_str(w, name);
    if (json_is_set(v))
        jw_value(w, v);
    else
        jw_null(w);
}

/* Does an earlier path, or a path to the whole of it, write the object that this one is in? root.group.name */
static bool is_written(const struct search *s, size_t i)
{
    struct str group =
        str_sub(s->select[i], 0, root_of(s->select[i]).n + 1 + root_of(member_of(s->select[i])).n);
    for (size_t k = 0; k < s->n_select; k++) {
        struct str path = s->select[k];
        if (str_eq(path, group) || (k < i && str_starts(path, group) && path.p[group.n] == '.'))
            return true;
    }
    return false;
}

/* All members of one inner object: events.metrics.a and events.metrics.b. */
static void write_group(struct jw *w, const struct search *s, size_t i, struct json v)
{
    struct str root = root_of(s->select[i]), group = root_of(member_of(s->select[i]));
    jw_key_str(w, group);
    jw_obj(w);
    for (; i < s->n_select; i++) {
        struct str member = member_of(s->select[i]);
        if (str_eq(root_of(s->select[i]), root) && str_eq(root_of(member), group) && member_of(member).p)
            write_member(w, member_of(member), json_get(json_get(v, group), member_of(member)));
    }
    jw_obj_end(w);
}

static void write_members(struct jw *w, const struct search *s, struct str root, struct json v)
{
    jw_obj(w);
    for (size_t i = 0; i < s->n_select; i++) {
        struct str member = member_of(s->select[i]);
        const struct known *k = find(s->select[i]);
        if (!str_eq(root_of(s->select[i]), root))
            continue;
        if (!k->collection || !k->open)
            write_member(w, member, below(v, member));
        else if (!is_written(s, i))
            write_group(w, s, i, v);
    }
    jw_obj_end(w);
}

static struct json source_of(const struct source *x, struct str root)
{
    if (str_is(root, "events"))
        return x->events;
    if (str_is(root, "annotations"))
        return x->annotations;
    return json_get(x->flat, root);
}

static bool is_first(const struct search *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (str_eq(root_of(s->select[k]), root_of(s->select[i])))
            return false;
    return true;
}

void langwatch__write_selected(
    struct jw *w, const struct trace_view *v, const struct search *s, const struct row *t)
{
    struct source x = { .flat = written(v, t, write_flat),
        .events = written(v, t, write_events),
        .annotations = written(v, t, write_annotations) };
    struct json item;
    jw_obj(w);
    for (size_t i = 0; i < s->n_select; i++) {
        struct str root = root_of(s->select[i]);
        struct json v_root = source_of(&x, root);
        if (!is_first(s, i))
            continue;
        if (!member_of(s->select[i]).p) {
            write_member(w, root, v_root);
            continue;
        }
        jw_key_str(w, root);
        if (!find(s->select[i])->collection) {
            write_members(w, s, root, v_root);
            continue;
        }
        jw_arr(w);
        for (struct json_iter it = json_iter(v_root); json_next(&it, NULL, &item);)
            write_members(w, s, root, item);
        jw_arr_end(w);
    }
    jw_obj_end(w);
}
