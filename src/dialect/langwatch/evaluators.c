/*
 * The catalogue of evaluators, and the evaluators people save (section 9). Saved ones are records "evaluator", which Lunary's pages show too:
 *   name = slug, status = type, body {name, config: {evaluatorType, settings}}
 */
#include "dialect/langwatch/evaluate_priv.h"

/* ---- GET /api/evaluations/list -------------------------------------------------------------------------------------- */

static void write_words(struct jw *w, const char *key, const char *words)
{
    struct str rest = str_of(words), word;
    jw_key(w, key);
    jw_arr(w);
    while (rest.n > 0 && str_cut(&rest, ' ', &word))
        jw_str(w, word);
    jw_arr_end(w);
}

static const char *type_of(struct json value)
{
    switch (json_type(value)) {
    case JSON_BOOL: return "boolean";
    case JSON_ARR: return "array";
    case JSON_NUM: return "number";
    default: return "string";
    }
}

static void write_schema(struct jw *w, struct json settings)
{
    struct str key;
    struct json v;
    jw_key(w, "settings_json_schema");
    jw_obj(w);
    jw_kv_cstr(w, "type", "object");
    jw_key(w, "properties");
    jw_obj(w);
    for (struct json_iter it = json_iter(settings); json_next(&it, &key, &v);) {
        jw_key_str(w, key);
        jw_obj(w);
        jw_kv_cstr(w, "type", type_of(json_key(v, "default")));
        jw_kv_str(w, "description", json_str(json_key(v, "description")));
        if (json_is_set(json_key(v, "default"))) {
            jw_key(w, "default");
            jw_value(w, json_key(v, "default"));
        }
        jw_obj_end(w);
    }
    jw_obj_end(w);
    jw_obj_end(w);
}

static void write_results(struct jw *w, const char *results)
{
    struct str rest = str_of(results), word;
    jw_key(w, "result");
    jw_obj(w);
    while (rest.n > 0 && str_cut(&rest, ' ', &word)) {
        jw_key_str(w, word);
        jw_obj(w);
        jw_kv_cstr(w, "description",
            str_is(word, "score")    ? "A number"
            : str_is(word, "passed") ? "The verdict"
                                     : "A word");
        jw_obj_end(w);
    }
    jw_obj_end(w);
}

void langwatch_catalogue_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "evaluators");
    jw_obj(&w);
    for (size_t i = 0; i < langwatch__n_evaluators; i++) {
        const struct evaluator *e = &langwatch__evaluators[i];
        struct json settings = langwatch__parsed(c->arena, str_of(e->settings));
        jw_key(&w, e->id);
        jw_obj(&w);
        jw_kv_cstr(&w, "name", e->name);
        jw_kv_str(&w, "description",
            e->run ? str_of(e->description)
                   : arena_printf(c->arena, "%s Not available on this server.", e->description));
        jw_kv_cstr(&w, "category", e->category);
        jw_kv_bool(&w, "isGuardrail", e->is_guardrail);
        write_words(&w, "requiredFields", e->required);
        write_words(&w, "optionalFields", e->optional);
        jw_kv_raw(&w, "settings", str_of(e->settings));
        write_schema(&w, settings);
        write_words(&w, "envVars", e->variables);
        write_results(&w, e->results);
        jw_obj_end(&w);
    }
    jw_obj_end(&w);
    jw_obj_end(&w);
}

/* ---- saved evaluators: answers -------------------------------------------------------------------------------------- */

static void write_fields(struct jw *w, const char *words, bool optional)
{
    struct str rest = str_of(words), word;
    while (rest.n > 0 && str_cut(&rest, ' ', &word)) {
        jw_obj(w);
        jw_kv_str(w, "identifier", word);
        jw_kv_cstr(w, "type", str_ends(word, STR("contexts")) ? "list" : "str");
        if (optional)
            jw_kv_bool(w, "optional", true);
        jw_obj_end(w);
    }
}

static void write_outputs(struct jw *w, const char *words)
{
    struct str rest = str_of(words), word;
    while (rest.n > 0 && str_cut(&rest, ' ', &word)) {
        jw_obj(w);
        jw_kv_str(w, "identifier", word);
        jw_kv_cstr(w, "type", str_is(word, "score") ? "float" : str_is(word, "passed") ? "bool" : "str");
        jw_obj_end(w);
    }
}

/* The configuration; of an evaluator that Lunary's users made, what it comes to here. */
static void write_config(struct jw *w, const struct row *row, struct json body)
{
    struct json config = json_key(body, "config"), params = json_key(body, "params");
    jw_key(w, "config");
    if (json_is_obj(config)) {
        jw_value(w, config);
        return;
    }
    jw_obj(w);
    jw_kv_str(w, "evaluatorType", row_text(row, RECORD_status));
    jw_key(w, "settings");
    if (json_is_obj(params))
        jw_value(w, params);
    else
        jw_raw(w, STR("{}"));
    jw_obj_end(w);
}

static void write_evaluator(struct jw *w, struct call *c, const struct row *row)
{
    struct json body = records_body(c->arena, row);
    struct str name = json_str(json_key(body, "name")), slug = row_text(row, RECORD_name);
    struct str type = json_str(json_key(json_key(body, "config"), "evaluatorType"));
    const struct evaluator *e = langwatch__evaluator(type);
    jw_obj(w);
    jw_kv_str(w, "id", row->id);
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_kv_str(w, "name", name.p ? name : slug);
    jw_kv_str(w, "slug", slug);
    jw_kv_cstr(w, "type", "evaluator");
    write_config(w, row, body);
    jw_kv_null(w, "workflowId");
    jw_kv_null(w, "copiedFromEvaluatorId");
    langwatch__kv_time(w, "createdAt", records_time(row));
    langwatch__kv_time(w, "updatedAt", row->updated_ns);
    jw_key(w, "fields");
    jw_arr(w);
    write_fields(w, e ? e->required : "", false);
    write_fields(w, e ? e->optional : "", true);
    jw_arr_end(w);
    jw_key(w, "outputFields");
    jw_arr(w);
    write_outputs(w, e ? e->results : "");
    jw_arr_end(w);
    jw_kv_str(w, "platformUrl",
        arena_printf(
            c->arena, "%.*s/%.*s/evaluators", STR_ARG(c->base_url), STR_ARG(c->caller->project_slug)));
    jw_obj_end(w);
}

/* ---- routes --------------------------------------------------------------------------------------------------------- */

enum status langwatch_evaluators_ask(struct call *c, struct err *err)
{
    (void)err;
    (void)records_find(c, LANGWATCH_EVALUATOR_KIND);
    return ST_OK;
}

void langwatch_evaluators_reply(struct call *c, struct reply *r)
{
    const struct ask *ask = &c->asks[0];
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = ask->n; i > 0; i--)
        write_evaluator(&w, c, &ask->rows[i - 1]);
    jw_arr_end(&w);
}

static const struct row *found(const struct call *c)
{
    return ask_row(c, 0) ? ask_row(c, 0) : ask_row(c, 1);
}

static enum status find(struct call *c, struct err *err)
{
    if (c->round > 0)
        return found(c) ? ST_OK
                        : langwatch__fail_code(
                              c, err, ST_NOT_FOUND, "evaluator_not_found", STR("Evaluator not found"));
    (void)records_get(c, LANGWATCH_EVALUATOR_KIND, c->params[0]);
    records_find_by(c, LANGWATCH_EVALUATOR_KIND, RECORD_name, c->params[0])->query.limit = 1;
    c->again = true;
    return ST_OK;
}

enum status langwatch_evaluator_ask(struct call *c, struct err *err)
{
    return find(c, err);
}

/* After a read what was found, after an edit the last answer. */
void langwatch_evaluator_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    write_evaluator(&w, c, c->route->write ? ask_row(c, c->n_asks - 1) : found(c));
}

#define NAME_MAX_BYTES 255

static void check(struct issues *is, struct json body, bool is_new)
{
    struct json name = json_key(body, "name"), config = json_key(body, "config");
    if (langwatch__is_filled(is, AT(NULL, "name"), name, !is_new) &&
        langwatch__characters(json_str(name)) > NAME_MAX_BYTES)
        langwatch__issue(
            is, AT(NULL, "name"), "too_big", STR("String must contain at most 255 character(s)"));
    if (!langwatch__is_object(is, AT(NULL, "config"), config, !is_new))
        return;
    const struct at *at = AT(NULL, "config");
    langwatch__is_filled(is, AT(at, "evaluatorType"), json_key(config, "evaluatorType"), false);
    langwatch__is_object(is, AT(at, "settings"), json_key(config, "settings"), true);
}

static void check_new(struct issues *is, struct json body)
{
    check(is, body, true);
}

static void check_edit(struct issues *is, struct json body)
{
    check(is, body, false);
}

static void put(struct call *c, struct batch *b, const struct row *old, struct str id, struct json body)
{
    struct json config = json_key(body, "config");
    const struct record_member members[] = { { "name", json_text(c->arena, json_key(body, "name")) },
        { "config", json_is_set(config) ? json_text(c->arena, config) : STR_NONE } };
    struct event *e = records_put(c, b, LANGWATCH_EVALUATOR_KIND, id);
    event_set_text(e, RECORD_status, json_str(json_key(config, "evaluatorType")));
    event_set_json(e, RECORD_body, records_body_with(c->arena, records_body(c->arena, old), members, 2));
    if (!old) {
        event_set_int(e, RECORD_seq, c->now_ns);
        event_set_int(e, RECORD_time_ns, c->now_ns);
    }
}

enum status langwatch_evaluator_new_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_new, &body, err);
    if (st == ST_OK)
        records_find_by(c, LANGWATCH_EVALUATOR_KIND, RECORD_name,
            datasets_slug(c->arena, json_str(json_key(body, "name"))))
            ->query.limit = 1;
    return st;
}

/* The slug is the name's; where it is taken, with a piece of the id. */
enum status langwatch_evaluator_new_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    enum status st = call_json(c, &body, err);
    if (st != ST_OK)
        return st;
    struct str id = records_new_id(c, LANGWATCH_EVALUATOR_KIND, 0);
    struct str slug = datasets_slug(c->arena, json_str(json_key(body, "name")));
    if (c->asks[0].n > 0)
        slug = arena_printf(c->arena, "%.*s-%.5s", STR_ARG(slug), id.p);
    put(c, b, NULL, id, body);
    event_set_text(&b->events[b->n_events - 1], RECORD_name, slug);
    (void)records_get(c, LANGWATCH_EVALUATOR_KIND, id);
    return ST_OK;
}

enum status langwatch_evaluator_put_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_edit, &body, err);
    return st == ST_OK ? find(c, err) : st;
}

enum status langwatch_evaluator_put_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    enum status st = call_json(c, &body, err);
    if (st != ST_OK)
        return st;
    put(c, b, found(c), found(c)->id, body);
    (void)records_get(c, LANGWATCH_EVALUATOR_KIND, found(c)->id);
    return ST_OK;
}

enum status langwatch_evaluator_delete_write(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    records_remove(c, b, LANGWATCH_EVALUATOR_KIND, found(c)->id);
    return ST_OK;
}
