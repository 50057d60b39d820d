/*
 * Metadata of the observation and of its trace (otlp.md 2.14): from what the user said, later sources over earlier ones; then what no rule
 * took, the resource and the scope, where the user has no key of that name.
 */
#include "dialect/otlp/map_priv.h"

/* ---- members, collected --------------------------------------------------------------------------------------------- */

struct entry {
    struct str key, json;
    bool gone; /* a later one has the same key */
};
struct entries {
    struct mapping *x;
    struct entry *items;
    size_t n, cap;
};

static void add(struct entries *p, struct str key, struct str json)
{
    p->items = arena_grow(p->x->scratch, p->items, &p->cap, p->n + 1, sizeof *p->items);
    p->items[p->n++] = (struct entry){ key, json, false };
}

/* Marks what a later one of its key overrides. */
static void settle(struct entries *p)
{
    struct names met = otlp__names(p->x, p->n);
    for (size_t i = p->n; i-- > 0;)
        p->items[i].gone = !otlp__add_name(&met, p->items[i].key);
}

static bool has_key(const struct entries *p, const char *key)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_is(p->items[i].key, key))
            return true;
    return false;
}

static void write_pairs(const struct entries *p, struct jw *w)
{
    for (size_t i = 0; i < p->n; i++)
        if (!p->items[i].gone) {
            jw_key_str(w, p->items[i].key);
            jw_raw(w, p->items[i].json);
        }
}

/* ---- sources -------------------------------------------------------------------------------------------------------- */

/* Langfuse's Python SDK from 5 on writes its metadata as JSON text (2.2 rule 4). */
static struct str value_of(const struct mapping *x, const struct any *v, bool langfuse)
{
    return langfuse && x->sender.langfuse_py5 ? otlp__json_text(x, v) : otlp__payload(x, v);
}

static void add_members(struct entries *p, struct json object, const char *const *but)
{
    struct str key;
    struct json v;
    for (struct json_iter it = json_iter(object); json_next(&it, &key, &v);)
        if (!but || !otlp__is_one_of(key, but))
            add(p, key, json_text(p->x->scratch, v));
}

static bool is_empty(struct str json)
{
    return str_is(json, "null") || str_is(json, "{}") || str_is(json, "\"\"") || str_is(json, "[]");
}

/* The value of a key that should be an object. `wrap`: another becomes {"metadata": value}; else it is dropped and counted. False: nothing
 * was said. */
static bool add_object(
    struct entries *p, enum attribute_slot slot, bool wrap, bool langfuse, const char *const *but)
{
    const struct any *sent = otlp__get(p->x, slot);
    struct json v = otlp__metadata_object(p->x, slot);
    if (!otlp__is_present(sent))
        return false;
    if (json_is_obj(v)) {
        add_members(p, v, but);
        return json_size(v) > 0;
    }
    struct str text = value_of(p->x, sent, langfuse);
    if (is_empty(text) || (sent->kind == ANY_TEXT && str_is(str_trim(sent->s), "null")))
        return false;
    if (wrap)
        add(p, STR("metadata"), text);
    else if (p->x->m->dropped++ == 0)
        p->x->m->dropped_key = otlp__attribute_key(slot);
    return true;
}

static void add_family(struct entries *p, enum attribute_family family, bool langfuse, const char *const *but)
{
    for (const struct member *m = p->x->members[family]; m; m = m->next)
        if (!but || !otlp__is_one_of(m->rest, but))
            add(p, m->rest, value_of(p->x, m->value, langfuse));
}

/* A key that is also the name of a user, session or list of tags, wherever it stands. */
static const char *const identity[] = { "user_id", "userId", "thread_id", "threadId", "session_id",
    "sessionId", "labels", NULL };
static const char *const identity_and_tools[] = { "user_id", "userId", "thread_id", "threadId", "session_id",
    "sessionId", "labels", "tools", NULL };

/* What conventions say of a step and of its trace in the same words. */
static void add_common(struct entries *p)
{
    struct mapping *x = p->x;
    bool tools = otlp__are_tools(json_key(otlp__metadata_object(x, ATTR_metadata), "tools"));
    add_family(p, FAM_langfuse_metadata, true, NULL);
    add_family(p, FAM_ai_telemetry_metadata, false, NULL);
    add_object(p, ATTR_metadata, false, false, tools ? identity_and_tools : identity);
    add_object(p, ATTR_langwatch_metadata, false, false, identity);
    add_object(p, ATTR_langwatch_trace, false, false, identity);
    add_family(p, FAM_metadata, false, identity);
    add_family(p, FAM_langwatch_metadata, false, identity);
    add_family(p, FAM_langwatch_trace, false, identity);
    add_family(p, FAM_traceloop_association_properties, false, NULL);
}

/* ---- the trace's ---------------------------------------------------------------------------------------------------- */

static struct str customer_of(const struct mapping *x)
{
    static const enum attribute_slot list[] = { ATTR_langwatch_customer_id, ATTR_langwatch_customer_id_flat,
        ATTR_customer_id, ATTR_traceloop_association_properties_customer_id, ATTR_END };
    static const enum attribute_slot shared[] = { ATTR_langwatch_customer_id,
        ATTR_langwatch_customer_id_flat };
    const struct any *v = otlp__first(x, list, NULL);
    for (size_t i = 0; i < 2 && !v; i++)
        if (otlp__is_present(otlp__resource_get(x, shared[i])))
            v = otlp__resource_get(x, shared[i]);
    return v ? otlp__json(x, &(struct any){ ANY_TEXT, { .s = otlp__text(x, v) } }) : STR_NONE;
}

/* metadata.* of the resource is below all that spans say. */
static void add_resource(struct entries *p)
{
    const struct otlp_attributes *list = &p->x->span->resource->attributes;
    struct str prefix = STR("metadata.");
    for (size_t i = 0; i < list->n; i++) {
        struct str key = list->items[i].key;
        if (str_starts(key, prefix) && key.n > prefix.n &&
            !otlp__is_one_of(str_sub(key, prefix.n, SIZE_MAX), identity))
            add(p, str_sub(key, prefix.n, SIZE_MAX), otlp__payload(p->x, &list->items[i].value));
    }
}

bool otlp__write_trace_metadata(struct mapping *x, struct jw *w, const char *key)
{
    struct entries p = { .x = x };
    struct str customer = customer_of(x);
    size_t dropped = x->m->dropped; /* the observation's metadata counts the same values */
    add_resource(&p);
    if (!add_object(&p, ATTR_langfuse_trace_metadata, true, true, NULL))
        add_object(&p, ATTR_langfuse_metadata, false, true, NULL);
    add_family(&p, FAM_langfuse_trace_metadata, true, NULL);
    add_common(&p);
    x->m->dropped = dropped;
    if (customer.p)
        add(&p, STR("customer_id"), customer);
    if (!p.n)
        return false;
    settle(&p);
    jw_key(w, key);
    jw_obj(w);
    write_pairs(&p, w);
    jw_obj_end(w);
    return true;
}

/* ---- the observation's ---------------------------------------------------------------------------------------------- */

static void write_left(const struct mapping *x, struct jw *w)
{
    const struct otlp_attributes *list = &x->span->attributes;
    bool any = false;
    for (size_t i = 0; i < list->n && !any; i++)
        any = x->use[i] == USE_LEFT;
    if (!any)
        return;
    jw_key(w, "attributes");
    jw_obj(w);
    for (size_t i = 0; i < list->n; i++)
        if (x->use[i] == USE_LEFT) {
            jw_key_str(w, list->items[i].key);
            otlp__write_any(x, w, &list->items[i].value, false);
        }
    jw_obj_end(w);
}

static void write_scope_attributes(const struct mapping *x, struct jw *w)
{
    const struct otlp_attributes *list = &x->span->scope->attributes;
    if (!x->sender.langfuse || !x->scope->slots.slot[ATTR_public_key]) {
        jw_kv_raw_opt(w, "attributes", x->scope->attributes_json);
        return;
    }
    if (list->n < 2)
        return;
    jw_key(w, "attributes");
    jw_obj(w);
    for (size_t i = 0; i < list->n; i++)
        if (!str_is(list->items[i].key, "public_key")) {
            jw_key_str(w, list->items[i].key);
            otlp__write_any(x, w, &list->items[i].value, false);
        }
    jw_obj_end(w);
}

static void write_scope(const struct mapping *x, struct jw *w)
{
    const struct otlp_scope *s = x->span->scope;
    if (!s->name.n && !s->version.n && !x->scope->attributes_json.p)
        return;
    jw_key(w, "scope");
    jw_obj(w);
    if (s->name.n)
        jw_kv_str(w, "name", s->name);
    if (s->version.n)
        jw_kv_str(w, "version", s->version);
    write_scope_attributes(x, w);
    jw_obj_end(w);
}

void otlp__map_metadata(struct mapping *x)
{
    struct entries p = { .x = x };
    const struct any *customer = otlp__get(x, ATTR_traceloop_association_properties_customer_id);
    if (!add_object(&p, ATTR_langfuse_observation_metadata, true, true, NULL))
        add_object(&p, ATTR_langfuse_metadata, false, true, NULL);
    add_family(&p, FAM_langfuse_observation_metadata, true, NULL);
    add_common(&p);
    if (otlp__is_present(customer))
        add(&p, STR("customer_id"), otlp__json(x, customer));
    settle(&p);
    x->left_apart = x->sender.langfuse || has_key(&p, "attributes");
    struct jw w = otlp__begin(x);
    write_pairs(&p, &w);
    if (!x->left_apart)
        write_left(x, &w);
    if (!has_key(&p, "resourceAttributes"))
        jw_kv_raw_opt(&w, "resourceAttributes", x->resource->attributes_json);
    if (!has_key(&p, "scope"))
        write_scope(x, &w);
    event_set_json(x->event, OBSERVATION_metadata, otlp__end(x, &w));
}
