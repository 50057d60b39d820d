/*
 * Tool definitions and documents (otlp.md 2.12). Each convention has its own nesting; what comes out is one list of tools, a name once, and
 * one list of documents.
 */
#include "dialect/otlp/map_priv.h"

#include "base/hash.h"

/* ---- names ---------------------------------------------------------------------------------------------------------- */

/* {"name"}, or {"function": {"name"}} as OpenAI has it. */
static struct str name_of(struct json tool)
{
    struct str name = json_str(json_key(tool, "name"));
    return name.n ? name : json_str(json_key(json_key(tool, "function"), "name"));
}

bool otlp__is_tool(struct json v)
{
    static const char *const marks[] = { "function", "parameters", "input_schema", "inputSchema",
        "description" };
    if (name_of(v).n == 0)
        return false;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (json_is_set(json_key(v, marks[i])))
            return true;
    return false;
}

bool otlp__are_tools(struct json list)
{
    struct json item;
    if (!json_is_arr(list) || json_size(list) == 0)
        return false;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);)
        if (!otlp__is_tool(item))
            return false;
    return true;
}

/* ---- the list ------------------------------------------------------------------------------------------------------- */

#define TOOLS_MOST 10001 /* of one span, as of any rebuilt list (otlp.md 1.5) */

struct tools {
    const struct mapping *x;
    struct json *items;
    uint64_t *names; /* hashes, beside the items */
    size_t n, cap, cap_names;
};

static void keep(struct tools *t, struct json tool, struct str name)
{
    uint64_t h = hash64(name);
    for (size_t i = 0; i < t->n && name.n; i++)
        if (t->names[i] == h)
            return;
    t->items = arena_grow(t->x->scratch, t->items, &t->cap, t->n + 1, sizeof *t->items);
    t->names = arena_grow(t->x->scratch, t->names, &t->cap_names, t->n + 1, sizeof *t->names);
    t->names[t->n] = h;
    t->items[t->n++] = tool;
}

static void add_list(struct tools *t, struct json list, unsigned depth);

#define TOOL_NESTING 3 /* text of a list in a list in a list */

/* One item: a definition, JSON text of one or of a list of them, Gemini's group of declarations, OpenInference's schema. */
static void add_item(struct tools *t, struct json v, unsigned depth)
{
    struct str text = str_trim(json_str(v));
    struct json parsed, group = json_key(v, "function_declarations"),
                        schema = json_key(json_key(v, "tool"), "json_schema");
    if (depth > TOOL_NESTING || t->n == TOOLS_MOST)
        return;
    if (text.n && (text.p[0] == '{' || text.p[0] == '[') &&
        json_parse(t->x->scratch, text, 0, &parsed, NULL) == ST_OK) {
        add_item(t, parsed, depth + 1);
        return;
    }
    if (json_is_arr(v) || json_is_arr(group)) {
        add_list(t, json_is_arr(v) ? v : group, depth + 1);
        return;
    }
    if (json_is_set(schema)) {
        add_item(t, schema, depth + 1);
        return;
    }
    if (json_is_obj(v) || text.n)
        keep(t, v, json_is_str(v) ? text : name_of(v));
}

static void add_list(struct tools *t, struct json list, unsigned depth)
{
    struct json item;
    for (struct json_iter it = json_iter(list); json_is_arr(list) && json_next(&it, NULL, &item);)
        add_item(t, item, depth);
}

static void add_family(struct tools *t, enum attribute_family family)
{
    struct str text = otlp__family_json(t->x, family, true);
    struct json list;
    if (text.p && json_parse(t->x->scratch, text, 0, &list, NULL) == ST_OK)
        add_list(t, list, 0);
}

/* The members "tools" of what is metadata to others: only when every item looks like a tool. They leave the metadata. */
static void add_metadata_tools(struct mapping *x, struct tools *t)
{
    struct json flat = otlp__parse(x, otlp__get(x, ATTR_metadata_tools));
    struct json nested = json_key(otlp__metadata_object(x, ATTR_metadata), "tools");
    if (otlp__are_tools(flat)) {
        add_list(t, flat, 0);
        x->use[x->slots.slot[ATTR_metadata_tools] - x->span->attributes.items] = USE_TAKEN;
    }
    if (otlp__are_tools(nested))
        add_list(t, nested, 0);
}

static void map_definitions(struct mapping *x)
{
    static const enum attribute_slot lists[] = { ATTR_ai_prompt_tools, ATTR_gen_ai_tool_definitions,
        ATTR_model_request_parameters_function_tools, ATTR_gen_ai_request_tools, ATTR_lk_function_tools };
    struct tools t = { .x = x };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        add_item(&t, otlp__parse(x, otlp__get(x, lists[i])), 0);
    add_family(&t, FAM_gen_ai_tool_definitions);
    add_family(&t, FAM_llm_request_functions);
    add_family(&t, FAM_llm_tools);
    add_list(&t, json_key(otlp__parse(x, otlp__get(x, ATTR_model_request_parameters)), "function_tools"), 0);
    add_list(&t, json_key(json_key(x->adk_request, "config"), "tools"), 0);
    add_metadata_tools(x, &t);
    if (!t.n)
        return;
    buf_clear(&x->text);
    struct jw w = jw_of(&x->text);
    jw_arr(&w);
    for (size_t i = 0; i < t.n; i++)
        jw_value(&w, t.items[i]);
    jw_arr_end(&w);
    event_set_json(x->event, OBSERVATION_tools, arena_dup(x->arena, buf_str(&x->text)));
}

/* ---- documents ------------------------------------------------------------------------------------------------------ */

/* OpenInference: [{"document": {...}}] without the wrapper; only the metadata is JSON text, content is text whatever it looks like. */
static void write_document(const struct mapping *x, struct jw *w, struct json document)
{
    struct str key;
    struct json v, parsed;
    if (!json_is_obj(document)) {
        jw_value(w, document);
        return;
    }
    jw_obj(w);
    for (struct json_iter it = json_iter(document); json_next(&it, &key, &v);) {
        jw_key_str(w, key);
        if (str_is(key, "metadata") && json_is_str(v) &&
            json_parse(x->scratch, json_str(v), 0, &parsed, NULL) == ST_OK && json_is_obj(parsed))
            jw_value(w, parsed);
        else
            jw_value(w, v);
    }
    jw_obj_end(w);
}

static struct str family_documents(const struct mapping *x, enum attribute_family family)
{
    struct str text = otlp__family_json(x, family, false);
    struct json list, item;
    struct buf out;
    if (!text.p || json_parse(x->scratch, text, 0, &list, NULL) != ST_OK || !json_is_arr(list))
        return STR_NONE;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);) {
        struct json inner = json_key(item, "document");
        write_document(x, &w, json_is_set(inner) ? inner : item);
    }
    jw_arr_end(&w);
    text = arena_dup(x->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

/* A list that was sent whole; LangWatch wraps it as {type, value}. */
static struct str sent_documents(const struct mapping *x, enum attribute_slot slot)
{
    struct json v = otlp__parse(x, otlp__get(x, slot));
    if (json_is_arr(json_key(v, "value")))
        v = json_key(v, "value");
    return json_is_arr(v) && json_size(v) ? arena_dup(x->arena, json_text(x->scratch, v)) : STR_NONE;
}

/* Traceloop's vector stores: an event a hit, its members under the event's own name. */
static bool is_hit(const struct otlp_event *e)
{
    return str_is(e->name, "db.query.result") || str_is(e->name, "db.search.result");
}

static void write_hit(const struct mapping *x, struct jw *w, const struct otlp_event *e)
{
    jw_obj(w);
    for (size_t i = 0; i < e->attributes.n; i++) {
        const struct otlp_attribute *at = &e->attributes.items[i];
        struct str key = at->key;
        if (str_starts(key, e->name) && key.n > e->name.n + 1 && key.p[e->name.n] == '.')
            key = str_sub(key, e->name.n + 1, SIZE_MAX);
        if (str_is(key, "document"))
            key = STR("content");
        jw_key_str(w, key);
        otlp__write_any(x, w, &at->value, str_is(key, "metadata"));
    }
    jw_obj_end(w);
}

static struct str hit_documents(const struct mapping *x)
{
    struct buf out;
    struct str text = STR_NONE;
    size_t n = 0;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    for (size_t i = 0; i < x->span->n_events; i++)
        if (is_hit(&x->span->events[i])) {
            write_hit(x, &w, &x->span->events[i]);
            n++;
        }
    jw_arr_end(&w);
    if (n)
        text = arena_dup(x->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

static struct str documents_of(const struct mapping *x)
{
    static const enum attribute_slot lists[] = { ATTR_gen_ai_retrieval_documents, ATTR_langwatch_rag_contexts,
        ATTR_langwatch_rag_contexts_flat, ATTR_langwatch_contexts };
    struct str found = sent_documents(x, ATTR_retrieval_documents);
    if (!found.p)
        found = family_documents(x, FAM_retrieval_documents);
    for (size_t i = 0; i < sizeof lists / sizeof *lists && !found.p; i++)
        found = sent_documents(x, lists[i]);
    if (!found.p)
        found = sent_documents(x, ATTR_reranker_output_documents);
    if (!found.p)
        found = family_documents(x, FAM_reranker_output_documents);
    return found.p ? found : hit_documents(x);
}

void otlp__map_tools(struct mapping *x)
{
    map_definitions(x);
    event_set_json(x->event, OBSERVATION_documents, documents_of(x));
}
