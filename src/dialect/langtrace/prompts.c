/*
 * Prompt sets and their prompts (langtrace.md 6, 8), on the one registry of dialect/prompts.h: a set is a prompt there, a prompt one of
 * its versions.
 *
 *   set      name, body.description                     live    label "production"
 *   prompt   content = value, extra.model, extra's other members = modelSettings, notes = note, body {variables, tags, span_id}
 *
 * A prompt that was never live is a draft, so that other products' clients do not get what was not meant for them.
 */
#include "dialect/langtrace/prompts_priv.h"

#include <stdlib.h>

#define NONE_LIVE    "No live prompts found. A prompt version must be specified"
#define NONE_VERSION "No prompts found with the specified version"

/* ---- showing -------------------------------------------------------------------------------------------------------- */

static void write_object(struct jw *w, struct json extra)
{
    struct str key;
    struct json v;
    jw_obj(w);
    for (struct json_iter it = json_iter(extra); json_is_obj(extra) && json_next(&it, &key, &v);)
        if (!str_is(key, "model")) {
            jw_key_str(w, key);
            jw_value(w, v);
        }
    jw_obj_end(w);
}

/* A list of strings; what is none in it is left out, for the published schema. */
static void write_texts(struct jw *w, const char *key, struct json list)
{
    struct json v;
    jw_key(w, key);
    jw_arr(w);
    for (struct json_iter it = json_iter(list); json_is_arr(list) && json_next(&it, NULL, &v);)
        if (json_is_str(v))
            jw_value(w, v);
    jw_arr_end(w);
}

bool langtrace__is_live(const struct prompt *set, const struct ask *versions, const struct row *v)
{
    const struct row *live = prompts_live(set, versions);
    return live && str_eq(live->id, v->id);
}

void langtrace__write_prompt(
    struct jw *w, struct arena *a, const struct prompt_version *v, bool live, struct str value)
{
    jw_obj(w);
    jw_kv_str(w, "id", v->id);
    langtrace__kv_text(w, "value", value.p ? value : prompts_text(a, v->content));
    write_texts(w, "variables", json_key(v->body, "variables"));
    langtrace__kv_text(w, "model", json_str(json_key(v->extra, "model")));
    jw_key(w, "modelSettings");
    write_object(w, v->extra);
    jw_kv_i64(w, "version", v->number);
    jw_kv_bool(w, "live", live);
    write_texts(w, "tags", json_key(v->body, "tags"));
    langtrace__kv_text(w, "spanId", json_str(json_key(v->body, "span_id")));
    langtrace__kv_text(w, "note", v->notes);
    jw_kv_str(w, "promptsetId", v->prompt_id);
    langtrace__kv_time(w, "createdAt", v->created_ns);
    langtrace__kv_time(w, "updatedAt", v->updated_ns);
    jw_obj_end(w);
}

void langtrace__write_set_members(struct jw *w, const struct call *c, const struct prompt *set)
{
    jw_kv_str(w, "id", set->id);
    langtrace__kv_text(w, "name", set->name);
    langtrace__kv_text(w, "description", json_str(json_key(set->body, "description")));
    jw_kv_str(w, "projectId", c->caller->project_id);
    langtrace__kv_time(w, "createdAt", set->created_ns);
    langtrace__kv_time(w, "updatedAt", set->updated_ns);
}

/* ---- GET /api/promptset --------------------------------------------------------------------------------------------- */

/* What the query wants, and what was found. */
struct wanted {
    bool by_version;
    int64_t version;
    struct prompt set;
    const struct row **rows;
    size_t n;
};

static int newest_first(const void *x, const void *y)
{
    const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;
    int64_t s = records_time(a), t = records_time(b);
    return s != t ? (s > t ? -1 : 1) : str_cmp(b->id, a->id);
}

/* Numbers of versions need not be unique: all that have it. */
static void choose_versions(struct arena *a, struct wanted *w, const struct ask *versions)
{
    const struct row *live = w->by_version ? NULL : prompts_live(&w->set, versions);
    w->rows = arena_array(a, versions->n + 1, sizeof(void *));
    for (size_t i = 0; i < versions->n; i++) {
        const struct row *v = &versions->rows[i];
        if (w->by_version ? row_int(v, RECORD_seq, 0) == w->version : live && str_eq(live->id, v->id))
            w->rows[w->n++] = v;
    }
    if (w->n > 1)
        qsort(w->rows, w->n, sizeof(void *), newest_first);
}

static enum status none_found(const struct wanted *w, struct err *err)
{
    return w->by_version ? err_set(err, ST_NOT_FOUND, "%s", NONE_VERSION)
                         : err_set(err, ST_INVALID, "%s", NONE_LIVE);
}

/* A name of a variable: one or more of [A-Za-z0-9_]. */
static size_t name_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && ((s.p[n] >= 'a' && s.p[n] <= 'z') || (s.p[n] >= 'A' && s.p[n] <= 'Z') ||
                          (s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '_'))
        n++;
    return n;
}

/* The variable a query parameter gives, absent when it gives none. */
static struct str variable_name(struct str parameter)
{
    struct str prefix = STR("variables.");
    if (!str_starts(parameter, prefix))
        return STR_NONE;
    struct str name = str_sub(parameter, prefix.n, SIZE_MAX);
    return name.n > 0 && name_length(name) == name.n ? name : STR_NONE;
}

/* The value given for a variable; empty counts as none. */
static struct str value_given(const struct call *c, struct str name)
{
    for (size_t i = 0; i < c->n_query; i++) {
        struct str variable = variable_name(c->query[i].name);
        if (variable.p && str_eq(variable, name) && c->query[i].value.n > 0)
            return c->query[i].value;
    }
    return STR_NONE;
}

static bool gives_variables(const struct call *c)
{
    for (size_t i = 0; i < c->n_query; i++)
        if (variable_name(c->query[i].name).p)
            return true;
    return false;
}

/* "Variable x is missing", "Variables a, b are missing": in the prompt's order. */
static enum status check_variables(const struct call *c, const struct prompt_version *v, struct err *err)
{
    struct buf missing;
    struct json name, names = json_key(v->body, "variables");
    size_t n = 0;
    enum status st = ST_OK;
    buf_init(&missing, 0);
    for (struct json_iter it = json_iter(names); json_is_arr(names) && json_next(&it, NULL, &name);)
        if (json_is_str(name) && !value_given(c, json_str(name)).p) {
            buf_add_cstr(&missing, n++ ? ", " : "");
            buf_add_str(&missing, json_str(name));
        }
    if (n > 0)
        st = err_set(err, ST_INVALID, "Variable%s %.*s %s missing", n > 1 ? "s" : "",
            STR_ARG(buf_str(&missing)), n > 1 ? "are" : "is");
    buf_fini(&missing);
    return st;
}

/* The place of "{name}" or "${name}" at `at`: its whole length, and the name; 0: there is none. */
static size_t placeholder(struct str s, size_t at, struct str *name)
{
    size_t open = s.p[at] == '$' ? 1 : 0;
    if (at + open >= s.n || s.p[at + open] != '{')
        return 0;
    *name = str_sub(s, at + open + 1, name_length(str_sub(s, at + open + 1, SIZE_MAX)));
    size_t close = at + open + 1 + name->n;
    return name->n > 0 && close < s.n && s.p[close] == '}' ? close + 1 - at : 0;
}

/* One pass, no escapes; a placeholder without a value stays as it is. */
static struct str filled_in(const struct call *c, struct str text)
{
    struct buf out;
    struct str name;
    buf_init(&out, 0);
    for (size_t i = 0; i < text.n;) {
        size_t n = placeholder(text, i, &name);
        struct str value = n > 0 ? value_given(c, name) : STR_NONE;
        buf_add_str(&out, value.p ? value : str_sub(text, i, n > 0 ? n : 1));
        i += n > 0 ? n : 1;
    }
    return langtrace__taken(c->arena, &out);
}

static enum status read_wanted(const struct call *c, struct wanted *w, struct err *err)
{
    struct str version = call_query(c, "version");
    w->by_version = version.n > 0;
    if (w->by_version && !str_to_i64(version, &w->version))
        return err_at(
            err, ST_INVALID, "version", "must be an integer, got \"%.*s\"", STR_ARG(str_sub(version, 0, 40)));
    return ST_OK;
}

enum status langtrace__promptset_ask(struct call *c, struct err *err)
{
    struct str id = call_query(c, "promptset_id");
    struct wanted *w = c->state ? c->state : arena_alloc(c->arena, sizeof *w);
    if (c->round == 0) {
        c->state = w;
        if (id.n == 0)
            return err_set(err, ST_INVALID, "%s", NONE_LIVE);
        enum status st = read_wanted(c, w, err);
        prompts_ask_one(c, id);
        prompts_ask_versions(c, id);
        c->again = true;
        return st;
    }
    if (!ask_row(c, 0))
        return none_found(w, err);
    w->set = prompts_view(c->arena, ask_row(c, 0));
    choose_versions(c->arena, w, &c->asks[1]);
    if (w->n == 0)
        return none_found(w, err);
    struct prompt_version first = prompts_view_version(c->arena, w->rows[0]);
    return gives_variables(c) ? check_variables(c, &first, err) : ST_OK;
}

void langtrace__promptset_reply(struct call *c, struct reply *r)
{
    const struct wanted *wanted = c->state;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    langtrace__write_set_members(&w, c, &wanted->set);
    jw_key(&w, "prompts");
    jw_arr(&w);
    for (size_t i = 0; i < wanted->n; i++) {
        struct prompt_version v = prompts_view_version(c->arena, wanted->rows[i]);
        struct str text = prompts_text(c->arena, v.content);
        langtrace__write_prompt(&w, c->arena, &v, langtrace__is_live(&wanted->set, &c->asks[1], v.row),
            i == 0 && gives_variables(c) ? filled_in(c, text) : STR_NONE);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
}
