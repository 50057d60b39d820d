/*
 * map: a span becomes events. Each attribute is looked up once, by the hash of its key; all rules then read numbered slots and compare no
 * text. What no rule knows stays under metadata.attributes.
 */
#include "dialect/otlp/map_priv.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* ---- the tables ----------------------------------------------------------------------------------------------------- */

enum use_of_row { SEEN, TAKEN };
struct attribute_row {
    struct str key;
    enum use_of_row use;
};
static const struct attribute_row attributes[ATTR_COUNT] = {
#define ATTRIBUTE(id, key, use) { STR_INIT(key), use },
#include "dialect/otlp/attributes.def"
#undef ATTRIBUTE
};
static const struct str families[FAM_COUNT] = {
#define FAMILY(id, prefix) STR_INIT(prefix),
#include "dialect/otlp/families.def"
#undef FAMILY
};

struct str otlp__attribute_key(enum attribute_slot slot)
{
    return attributes[slot].key;
}

/* Open addressing, filled once; twice as many places as rows or more. */
#define INDEX_PLACES 1024
static uint16_t attribute_index[INDEX_PLACES]; /* slot + 1 */
static pthread_once_t index_once = PTHREAD_ONCE_INIT;
_Static_assert(ATTR_COUNT * 2 < INDEX_PLACES, "attribute_index is too small");

static void fill_index(void)
{
    for (unsigned slot = 0; slot < ATTR_COUNT; slot++) {
        size_t at = hash64(attributes[slot].key) % INDEX_PLACES;
        while (attribute_index[at])
            at = (at + 1) % INDEX_PLACES;
        attribute_index[at] = (uint16_t)(slot + 1);
    }
}

static enum attribute_slot slot_of(struct str key)
{
    size_t at = hash64(key) % INDEX_PLACES;
    for (; attribute_index[at]; at = (at + 1) % INDEX_PLACES)
        if (str_eq(attributes[attribute_index[at] - 1].key, key))
            return (enum attribute_slot)(attribute_index[at] - 1);
    return ATTR_END;
}

/* The family with the longest prefix, or FAM_COUNT. */
static enum attribute_family family_of(struct str key)
{
    enum attribute_family best = FAM_COUNT;
    if (!key.n || str_find_char(key, '.') == SIZE_MAX)
        return best;
    for (unsigned f = 0; f < FAM_COUNT; f++)
        if (families[f].p[0] == key.p[0] && key.n > families[f].n && str_starts(key, families[f]) &&
            (best == FAM_COUNT || families[f].n > families[best].n))
            best = (enum attribute_family)f;
    return best;
}

/* ---- slots ---------------------------------------------------------------------------------------------------------- */

static void add_member(struct mapping *x, enum attribute_family f, size_t i)
{
    const struct otlp_attribute *at = &x->span->attributes.items[i];
    struct member *m = arena_alloc(x->scratch, sizeof *m);
    *m = (struct member){ str_sub(at->key, families[f].n, SIZE_MAX), &at->value, i, NULL };
    if (x->last_member[f])
        x->last_member[f]->next = m;
    else
        x->members[f] = m;
    x->last_member[f] = m;
}

/* Keys that no rule knows may repeat too; the last one of a key counts. */
static void mark_repeats(struct mapping *x)
{
    const struct otlp_attributes *list = &x->span->attributes;
    struct names met = otlp__names(x, list->n);
    for (size_t i = list->n; i-- > 0;)
        if (!otlp__add_name(&met, list->items[i].key))
            x->use[i] = USE_SHADOWED;
}

static void fill_slots(struct mapping *x)
{
    const struct otlp_attributes *list = &x->span->attributes;
    x->use = arena_array(x->scratch, list->n + 1, 1);
    mark_repeats(x);
    for (size_t i = 0; i < list->n; i++) {
        if (x->use[i] == USE_SHADOWED)
            continue;
        enum attribute_slot slot = slot_of(list->items[i].key);
        enum attribute_family f = slot == ATTR_END ? family_of(list->items[i].key) : FAM_COUNT;
        if (slot != ATTR_END)
            x->slots.slot[slot] = &list->items[i];
        else if (f != FAM_COUNT)
            add_member(x, f, i);
        if (f != FAM_COUNT || (slot != ATTR_END && attributes[slot].use == TAKEN))
            x->use[i] = USE_TAKEN;
    }
}

static struct str object_of(struct mapping *x, const struct otlp_attributes *list)
{
    struct jw w = otlp__begin(x);
    for (size_t i = 0; i < list->n; i++) {
        jw_key_str(&w, list->items[i].key);
        otlp__write_any(x, &w, &list->items[i].value, false);
    }
    return otlp__end(x, &w);
}

static const struct shared *shared_of(struct mapping *x, const struct otlp_attributes *list, struct shared *s)
{
    if (s->of == list)
        return s;
    *s = (struct shared){ .of = list };
    for (size_t i = 0; i < list->n; i++) {
        enum attribute_slot slot = slot_of(list->items[i].key);
        if (slot != ATTR_END)
            s->slots.slot[slot] = &list->items[i];
    }
    s->attributes_json = object_of(x, list);
    return s;
}

/* ---- who sent it ---------------------------------------------------------------------------------------------------- */

static bool slot_starts(const struct mapping *x, enum attribute_slot slot, const char *prefix)
{
    const struct any *v = otlp__get(x, slot);
    return v && v->kind == ANY_TEXT && str_starts(v->s, str_of(prefix));
}

/* Major version 5 or later. */
static bool is_version_5(struct str version)
{
    struct str major;
    int64_t n;
    return version.p && str_cut(&version, '.', &major) && str_to_i64(major, &n) && n >= 5;
}

static void recognise(struct mapping *x)
{
    struct str scope = x->span->scope->name;
    struct sender *s = &x->sender;
    const struct any *language = otlp__resource_get(x, ATTR_telemetry_sdk_language);
    s->vercel = str_is(scope, "ai") || slot_starts(x, ATTR_ai_operationid, "ai.") ||
                slot_starts(x, ATTR_operation_name, "ai.");
    s->langfuse = str_starts(scope, STR("langfuse-sdk"));
    s->langfuse_py5 = s->langfuse && is_version_5(x->span->scope->version) && language &&
                      language->kind == ANY_TEXT && str_is(language->s, "python");
    s->livekit = str_is(scope, "livekit-agents");
    s->pydantic = str_is(scope, "pydantic-ai");
    s->flue = str_is(scope, "@flue/opentelemetry");
    s->adk = str_is(scope, "gcp.vertex.agent") || slot_starts(x, ATTR_gen_ai_system, "gcp.vertex.agent");
    x->operation = otlp__slot_text(x, ATTR_gen_ai_operation_name);
    x->aggregate = str_is(x->operation, "invoke_agent") || str_is(x->operation, "agent_step");
}

/* JSON that several steps look into is parsed once. */
static void parse_blobs(struct mapping *x)
{
    x->genkit_input = otlp__parse(x, otlp__get(x, ATTR_genkit_input));
    x->genkit_output = otlp__parse(x, otlp__get(x, ATTR_genkit_output));
    x->adk_request = otlp__parse(x, otlp__get(x, ATTR_gcp_vertex_agent_llm_request));
    x->adk_response = otlp__parse(x, otlp__get(x, ATTR_gcp_vertex_agent_llm_response));
    x->metadata = otlp__parse(x, otlp__get(x, ATTR_metadata));
    x->langwatch_metadata = otlp__parse(x, otlp__get(x, ATTR_langwatch_metadata));
    x->langwatch_trace = otlp__parse(x, otlp__get(x, ATTR_langwatch_trace));
    x->langwatch_metrics = otlp__unwrapped(otlp__parse(x, otlp__get(x, ATTR_langwatch_metrics)));
}

/* ---- looking things up ---------------------------------------------------------------------------------------------- */

const struct any *otlp__get(const struct mapping *x, enum attribute_slot slot)
{
    return x->slots.slot[slot] ? &x->slots.slot[slot]->value : NULL;
}

const struct any *otlp__resource_get(const struct mapping *x, enum attribute_slot slot)
{
    return x->resource->slots.slot[slot] ? &x->resource->slots.slot[slot]->value : NULL;
}

bool otlp__is_present(const struct any *v)
{
    if (!v || v->kind == ANY_NULL || (v->kind == ANY_TEXT && v->s.n == 0))
        return false;
    return v->kind != ANY_JSON || v->s.n > 2;
}

bool otlp__has(const struct mapping *x, enum attribute_slot slot)
{
    return otlp__is_present(otlp__get(x, slot));
}

const struct any *otlp__first(
    const struct mapping *x, const enum attribute_slot *list, enum attribute_slot *which)
{
    for (; *list != ATTR_END; list++)
        if (otlp__has(x, *list)) {
            if (which)
                *which = *list;
            return otlp__get(x, *list);
        }
    return NULL;
}

struct str otlp__text(const struct mapping *x, const struct any *v)
{
    if (!v || v->kind == ANY_NULL)
        return STR_NONE;
    return v->kind == ANY_TEXT ? v->s : otlp__json(x, v);
}

struct str otlp__slot_text(const struct mapping *x, enum attribute_slot slot)
{
    const struct any *v = otlp__get(x, slot);
    return otlp__is_present(v) ? otlp__text(x, v) : STR_NONE;
}

bool otlp__number(const struct any *v, double *out)
{
    if (!v)
        return false;
    switch (v->kind) {
    case ANY_INT: *out = (double)v->i; return true;
    case ANY_DOUBLE: *out = v->d; return isfinite(v->d);
    case ANY_TEXT: return str_to_f64(str_trim(v->s), out) && isfinite(*out);
    default: return false;
    }
}

bool otlp__count(const struct any *v, int64_t *out)
{
    double d;
    if (v && v->kind == ANY_INT) {
        *out = v->i;
        return v->i >= 0;
    }
    if (v && v->kind == ANY_TEXT && str_to_i64(str_trim(v->s), out))
        return *out >= 0;
    if (!otlp__number(v, &d) || d < 0 || d > 9e18)
        return false;
    *out = (int64_t)d;
    return true;
}

bool otlp__is_true(const struct any *v)
{
    return v && ((v->kind == ANY_BOOL && v->b) || (v->kind == ANY_TEXT && str_is(v->s, "true")));
}

bool otlp__starts_nocase(struct str text, struct str s)
{
    return text.n >= s.n && str_eq_nocase(str_sub(text, 0, s.n), s);
}

struct json otlp__metadata_object(const struct mapping *x, enum attribute_slot slot)
{
    switch ((int)slot) {
    case ATTR_metadata: return x->metadata;
    case ATTR_langwatch_metadata: return x->langwatch_metadata;
    case ATTR_langwatch_trace: return x->langwatch_trace;
    default: return otlp__parse(x, otlp__get(x, slot));
    }
}

bool otlp__is_one_of(struct str s, const char *const *list)
{
    for (; *list; list++)
        if (str_is(s, *list))
            return true;
    return false;
}

const struct any *otlp__event_get(const struct otlp_event *e, const char *key, size_t *index)
{
    for (size_t i = e->attributes.n; i > 0; i--)
        if (str_is(e->attributes.items[i - 1].key, key)) {
            if (index)
                *index = i - 1;
            return &e->attributes.items[i - 1].value;
        }
    return NULL;
}

/* ---- the order ------------------------------------------------------------------------------------------------------ */

struct otlp_mapper *otlp_mapper_new(struct batch *b, int32_t project, int64_t now_ns, struct str session_hint)
{
    pthread_once(&index_once, fill_index);
    struct otlp_mapper *m = arena_alloc(b->arena, sizeof *m);
    *m = (struct otlp_mapper){
        .batch = b, .scratch = arena_new(), .project = project, .now_ns = now_ns, .session_hint = session_hint
    };
    return m;
}

void otlp_mapper_free(struct otlp_mapper *m)
{
    arena_free(m->scratch);
}

struct str otlp_mapper_warning(const struct otlp_mapper *m)
{
    if (!m->dropped)
        return STR_NONE;
    return arena_printf(m->batch->arena,
        "%zu value%s not shown as metadata; the first is that of attribute %.*s, which must be a JSON object",
        m->dropped, m->dropped == 1 ? " is" : "s are", STR_ARG(m->dropped_key));
}

/* A zero-length twin of a span that is still running; the span itself comes later. */
static bool is_pending_twin(const struct mapping *x)
{
    const struct any *v = otlp__get(x, ATTR_logfire_span_type);
    return v && v->kind == ANY_TEXT && str_is(v->s, "pending_span");
}

static int64_t time_of(const struct otlp_span *s)
{
    return s->end_ns != TIME_NONE ? s->end_ns : s->start_ns;
}

/* A missing end is the start, a missing start the end, both as hints (merge.md 2.1); without either it is the receipt. */
static void set_times(struct event *e, const struct otlp_span *s)
{
    if (s->start_ns != TIME_NONE)
        event_set_int(e, OBSERVATION_start_ns, s->start_ns);
    else if (s->end_ns != TIME_NONE)
        event_set_as(e, OBSERVATION_start_ns, value_int(s->end_ns), RANK_HINT, LATEST, MODE_REPLACE);
    else
        event_set_receipt(e, OBSERVATION_start_ns, RANK_HINT, FIRST);
    if (s->end_ns != TIME_NONE)
        event_set_int(e, OBSERVATION_end_ns, s->end_ns);
    else if (s->start_ns != TIME_NONE)
        event_set_as(e, OBSERVATION_end_ns, value_int(s->start_ns), RANK_HINT, LATEST, MODE_REPLACE);
}

static void start_event(struct mapping *x)
{
    const struct otlp_span *s = x->span;
    x->event = event_new(x->m->batch, PROFILE_OTLP_SPAN, x->m->project, s->trace_id, s->span_id, time_of(s));
    x->event->wire_index = s->index;
    set_times(x->event, s);
    if (s->parent_id.p)
        event_set_text(x->event, OBSERVATION_parent_id, s->parent_id);
    else
        event_set_null(x->event, OBSERVATION_parent_id);
}

static void map_columns(struct mapping *x)
{
    otlp__map_type(x);
    otlp__map_name(x);
    otlp__map_tools(x); /* before io: documents may be the output */
    otlp__map_io(x);
    otlp__map_model(x);
    otlp__map_usage(x);
    otlp__map_cost(x);
    otlp__map_state(x);
    otlp__map_prompt(x);
    otlp__map_trace(x);
    otlp__map_metadata(x);
    otlp__map_leftovers(x);
}

void otlp__open(struct mapping *x, struct otlp_mapper *m, const struct otlp_span *s)
{
    *x = (struct mapping){ .m = m, .arena = m->batch->arena, .scratch = m->scratch, .span = s };
    buf_init(&x->text, 0);
    x->input_origin = x->output_origin = (struct origin){ ORIGIN_NONE, ORIGIN_NONE, ORIGIN_NONE };
    fill_slots(x);
    x->resource = shared_of(x, &s->resource->attributes, &m->resource);
    x->scope = shared_of(x, &s->scope->attributes, &m->scope);
    recognise(x);
    parse_blobs(x);
}

void otlp__close(struct mapping *x)
{
    buf_fini(&x->text);
    arena_reset(x->scratch);
}

static enum status check_id(struct str id, const char *member, struct err *err)
{
    if (str_is_id(id))
        return ST_OK;
    return err_at(err, ST_INVALID, member,
        "%s must be 1 to 800 bytes of UTF-8 without control characters, received %zu bytes", member, id.n);
}

enum status otlp_map_span(struct otlp_mapper *m, const struct otlp_span *s, struct err *err)
{
    struct mapping x;
    enum status st = check_id(s->trace_id, "traceId", err);
    if (st == ST_OK)
        st = check_id(s->span_id, "spanId", err);
    if (st == ST_OK && s->parent_id.p)
        st = check_id(s->parent_id, "parentSpanId", err);
    if (st != ST_OK)
        return st;
    otlp__open(&x, m, s);
    if (!is_pending_twin(&x)) {
        start_event(&x);
        map_columns(&x);
        otlp__map_scores(&x);
        otlp__map_tracked_events(&x);
    }
    otlp__close(&x);
    return ST_OK;
}
