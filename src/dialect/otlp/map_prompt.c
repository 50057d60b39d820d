/*
 * Which prompt a call was made with (otlp.md 2.11). Column prompt is {name, version | label, id, version_id, variables}; a name is enough, and
 * whether such a prompt exists is asked when the row is read.
 */
#include "dialect/otlp/map_priv.h"

struct link {
    struct str name, id, version_id;
    const struct any *version; /* a number, or a word */
    struct str label;
    struct str number; /* digits of a handle's suffix */
    struct json version_json;
    struct str variables; /* JSON object */
};

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0 && s.n <= 18;
}

/* ---- Langfuse's, of generations only -------------------------------------------------------------------------------- */

static bool langfuse_link(const struct mapping *x, struct link *out)
{
    static const enum attribute_slot pairs[][2] = {
        { ATTR_langfuse_observation_prompt_name, ATTR_langfuse_observation_prompt_version },
        { ATTR_langfuse_prompt_name, ATTR_langfuse_prompt_version },
    };
    if (x->type != OBS_GENERATION)
        return false;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (otlp__has(x, pairs[i][0])) {
            out->name = otlp__slot_text(x, pairs[i][0]);
            out->version = otlp__get(x, pairs[i][1]);
            return true;
        }
    struct json v = otlp__parse(x, otlp__get(x, ATTR_ai_telemetry_metadata_langfuseprompt));
    out->name = json_str(json_key(v, "name"));
    out->version_json = json_key(v, "version");
    return out->name.n > 0;
}

/* ---- LangWatch's ---------------------------------------------------------------------------------------------------- */

/* "handle:5" names a version, "handle:latest" and any other suffix a label; without a suffix it is a bare id. */
static bool split_handle(struct str id, struct link *out)
{
    size_t colon = SIZE_MAX;
    for (size_t i = 0; id.p && i < id.n; i++)
        if (id.p[i] == ':')
            colon = i;
    if (colon == SIZE_MAX || colon == 0 || colon + 1 == id.n)
        return false;
    struct str suffix = str_sub(id, colon + 1, SIZE_MAX);
    int64_t number;
    out->name = str_sub(id, 0, colon);
    if (all_digits(suffix) && str_to_i64(suffix, &number) && number > 0)
        out->number = suffix;
    else
        out->label = suffix;
    return true;
}

/* langwatch.prompt.variables.<name>, else the JSON of all; LangWatch wraps values as {type, value}. */
static struct str variables_of(const struct mapping *x)
{
    struct json whole = otlp__parse(x, otlp__get(x, ATTR_langwatch_prompt_variables));
    if (x->members[FAM_langwatch_prompt_variables]) {
        struct buf b;
        buf_init(&b, 0);
        struct jw w = jw_of(&b);
        jw_obj(&w);
        for (const struct member *m = x->members[FAM_langwatch_prompt_variables]; m; m = m->next) {
            jw_key_str(&w, m->rest);
            otlp__write_any(x, &w, m->value, false);
        }
        jw_obj_end(&w);
        struct str members = arena_dup(x->scratch, buf_str(&b));
        buf_fini(&b);
        return members;
    }
    if (json_is_str(json_key(whole, "type")) && json_is_obj(json_key(whole, "value")))
        whole = json_key(whole, "value");
    return json_is_obj(whole) && json_size(whole) ? json_text(x->scratch, whole) : STR_NONE;
}

static bool langwatch_link(const struct mapping *x, struct link *out)
{
    struct str id = otlp__slot_text(x, ATTR_langwatch_prompt_id);
    struct str handle = otlp__slot_text(x, ATTR_langwatch_prompt_handle);
    if (!id.p && !handle.p && !otlp__has(x, ATTR_langwatch_prompt_version_id))
        return false;
    if (!split_handle(id, out)) {
        out->id = id;
        out->name = handle.p ? handle : id;
    }
    if (!out->number.p && !out->label.p)
        out->version = otlp__get(x, ATTR_langwatch_prompt_version_number);
    out->version_id = otlp__slot_text(x, ATTR_langwatch_prompt_version_id);
    out->variables = variables_of(x);
    return true;
}

/* ---- the rest ------------------------------------------------------------------------------------------------------- */

static bool other_link(const struct mapping *x, struct link *out)
{
    static const enum attribute_slot pairs[][2] = {
        { ATTR_traceloop_prompt_key, ATTR_traceloop_prompt_version },
        { ATTR_prompt_id, ATTR_prompt_version },
        { ATTR_gen_ai_prompt_name, ATTR_END },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (otlp__has(x, pairs[i][0])) {
            out->name = otlp__slot_text(x, pairs[i][0]);
            out->version = pairs[i][1] == ATTR_END ? NULL : otlp__get(x, pairs[i][1]);
            return true;
        }
    return false;
}

/* Digits are a number, whatever they came as. */
static void write_version(const struct mapping *x, struct jw *w, const struct link *l)
{
    struct str text = l->version ? otlp__text(x, l->version) : l->number;
    if (json_is_num(l->version_json))
        text = json_num_text(l->version_json);
    else if (json_is_str(l->version_json))
        text = json_str(l->version_json);
    if (all_digits(text) || json_is_num(l->version_json) ||
        (l->version && (l->version->kind == ANY_INT || l->version->kind == ANY_DOUBLE))) {
        int64_t n;
        jw_key(w, "version");
        if (str_to_i64(text, &n))
            jw_i64(w, n);
        else
            jw_raw(w, text);
    } else if (text.n > 0)
        jw_kv_str(w, "version", text);
}

void otlp__map_prompt(struct mapping *x)
{
    struct link l = { .version_json = JSON_NONE };
    if (!langfuse_link(x, &l) && !langwatch_link(x, &l) && !other_link(x, &l))
        return;
    struct jw w = otlp__begin(x);
    jw_kv_str_opt(&w, "name", l.name);
    write_version(x, &w, &l);
    jw_kv_str_opt(&w, "label", l.label);
    jw_kv_str_opt(&w, "id", l.id);
    jw_kv_str_opt(&w, "version_id", l.version_id);
    jw_kv_raw_opt(&w, "variables", l.variables);
    event_set_json(x->event, OBSERVATION_prompt, otlp__end(x, &w));
}
