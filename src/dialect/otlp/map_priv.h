/*
 * map_priv: one span on its way into the model (otlp.md 2). The order is that of otlp_map_span() in map.c; every step reads the slots and
 * states columns of the one event.
 *
 *   map.c             slots, the event, the order of the steps       map_prompt.c, map_tools.c, map_score.c   2.11, 2.12
 *   map_type.c        2.3, 2.4                                       map_trace.c      2.13, 2.15: what the span says of its trace
 *   map_io.c          2.5, map_messages.c: its GenAI rules           map_metadata.c   2.14
 *   map_model.c       2.6                                            map_leftovers.c  2.14: what is given back as sent
 *   map_usage.c       2.7, map_cost.c: 2.8                           map_log.c        1.8
 *   map_state.c       2.9, 2.10
 */
#ifndef DIALECT_OTLP_MAP_PRIV_H
#define DIALECT_OTLP_MAP_PRIV_H

#include "dialect/otlp/otlp.h"

/* ---- the tables ----------------------------------------------------------------------------------------------------- */

enum attribute_slot {
#define ATTRIBUTE(id, key, use) ATTR_##id,
#include "dialect/otlp/attributes.def"
#undef ATTRIBUTE
    ATTR_COUNT,
    ATTR_END = ATTR_COUNT /* ends a list of slots */
};
enum attribute_family {
#define FAMILY(id, prefix) FAM_##id,
#include "dialect/otlp/families.def"
#undef FAMILY
    FAM_COUNT
};
struct str otlp__attribute_key(enum attribute_slot slot);

/* ---- a span on its way ---------------------------------------------------------------------------------------------- */

/* What becomes of an attribute. LEFT: metadata.attributes. TAKEN: leftovers.attributes. PAYLOAD: it is the input or the output, as it
 * stands; leftovers name its key and do not repeat it. SHADOWED: a later one has the same key; it is gone. */
enum attribute_use { USE_LEFT, USE_TAKEN, USE_PAYLOAD, USE_SHADOWED };

/* A member of a family: gen_ai.prompt.0.role has the rest "0.role". */
struct member {
    struct str rest;
    const struct any *value;
    size_t attribute; /* index in the span's attributes */
    struct member *next;
};

/* Slots of a list of attributes. */
struct slots {
    const struct otlp_attribute *slot[ATTR_COUNT]; /* NULL: not there. The last one of a key */
};

/* What the spans of one resource or scope share: they follow each other, so the last one is kept. */
struct shared {
    const struct otlp_attributes *of; /* NULL: of none yet */
    struct slots slots;
    struct str attributes_json; /* object; absent when there are none */
};

/* Who wrote the span, as far as the rules ask. */
struct sender {
    bool vercel;       /* scope ai, or an ai.* operation: the gate of 2.5 rule 4 */
    bool langfuse;     /* scope starts langfuse-sdk */
    bool langfuse_py5; /* its metadata values are JSON text (2.2 rule 4) */
    bool livekit;      /* scope livekit-agents */
    bool pydantic;     /* scope pydantic-ai */
    bool flue;         /* scope @flue/opentelemetry */
    bool adk;          /* scope or system gcp.vertex.agent */
};

/* Where the input or output came from, for leftovers: an attribute (index), or an attribute of an event. */
#define ORIGIN_NONE SIZE_MAX
struct origin {
    size_t attribute;              /* ORIGIN_NONE: not one whole attribute */
    size_t event, event_attribute; /* ORIGIN_NONE: not one whole attribute of an event */
};

struct mapping {
    struct otlp_mapper *m;
    struct arena *arena;   /* of the batch */
    struct arena *scratch; /* of this span */
    const struct otlp_span *span;
    const struct shared *resource, *scope;
    struct slots slots;
    uint8_t *use; /* enum attribute_use, one per attribute of the span */
    struct member *members[FAM_COUNT], *last_member[FAM_COUNT];
    struct sender sender;
    struct event *event;  /* until the next event_new() */
    struct str operation; /* gen_ai.operation.name; absent: none */
    bool aggregate;       /* invoke_agent, agent_step: no model, usage, cost of its own (2.6, 2.7) */
    enum observation_type type;
    struct origin input_origin, output_origin;
    struct json genkit_input, genkit_output, adk_request,
        adk_response;              /* parsed where the sender is one of these; else absent */
    struct json langwatch_metrics; /* langwatch.metrics, without its {type, value}; else absent */
    struct json metadata, langwatch_metadata, langwatch_trace; /* parsed attributes of these names */
    struct buf text;                                           /* JSON that is being put together */
    bool skip_usage;                                           /* a roll-up of other spans (2.7 step 8) */
    bool left_apart; /* attributes that are left are in the leftovers, not in the metadata (2.14) */
};

struct otlp_mapper {
    struct batch *batch;
    struct arena *scratch;
    int32_t project;
    int64_t now_ns;
    struct str session_hint;
    struct shared resource, scope;
    size_t dropped;         /* values that should have been JSON objects (2.14) */
    struct str dropped_key; /* of the first one */
};

/* ---- looking things up (map.c) -------------------------------------------------------------------------------------- */

/* The value of a slot; NULL when the key is not there. */
const struct any *otlp__get(const struct mapping *x, enum attribute_slot slot);
const struct any *otlp__resource_get(const struct mapping *x, enum attribute_slot slot);
/* otlp.md 2.2 rule 2: there, and not null, "", [] or {}. */
bool otlp__is_present(const struct any *v);
bool otlp__has(const struct mapping *x, enum attribute_slot slot);
/* The first present of a list that ends with ATTR_END; NULL: none. *which may be NULL. */
const struct any *otlp__first(
    const struct mapping *x, const enum attribute_slot *list, enum attribute_slot *which);
/* Its text: strings as they are, numbers and booleans spelled as JSON; absent for NULL and null. In the batch's arena. */
struct str otlp__text(const struct mapping *x, const struct any *v);
struct str otlp__slot_text(const struct mapping *x, enum attribute_slot slot); /* absent unless present */
/* Integer, double or numeric text (rule 5); never bool or not finite. */
bool otlp__number(const struct any *v, double *out);
bool otlp__count(const struct any *v, int64_t *out); /* the same as a whole number >= 0; a fraction is cut */
bool otlp__is_true(const struct any *v);             /* true, or the text "true"; NULL is not */

/* ---- JSON of values ------------------------------------------------------------------------------------------------- */

/* The value as JSON text, as it stands (rule 1). */
struct str otlp__json(const struct mapping *x, const struct any *v);
/* Rule 3: text that begins with { or [ and parses is that JSON, minified. */
struct str otlp__payload(const struct mapping *x, const struct any *v);
/* Rule 4: text that parses as any JSON is that JSON; else it stays text. */
struct str otlp__json_text(const struct mapping *x, const struct any *v);
/* The value parsed, with rule 3; JSON_NONE when it is no object or array. In the scratch arena. */
struct json otlp__parse(const struct mapping *x, const struct any *v);
/* An attribute of an event, or NULL: the last of that key. *index its place. */
const struct any *otlp__event_get(const struct otlp_event *e, const char *key, size_t *index);
/* A family rebuilt (rule 6): "0.role" and the like as nested arrays and objects, gaps closed. coerce: leaves get rule 3. Absent: no member. */
struct str otlp__family_json(const struct mapping *x, enum attribute_family family, bool coerce);
/* The same for the attributes of an event whose keys start with `prefix`. */
struct str otlp__event_family_json(
    const struct mapping *x, const struct otlp_event *e, const char *prefix, bool coerce);
/* Start an object in x->text, and end it: its text in the batch's arena, or absent when it has no member. */
struct jw otlp__begin(struct mapping *x);
struct str otlp__end(struct mapping *x, struct jw *w);
/* Any value as a value of the object or array open in w; `coerce`: rule 3. */
void otlp__write_any(const struct mapping *x, struct jw *w, const struct any *v, bool coerce);
/* An object with the name of a tool and something that describes one; a list of nothing else. */
bool otlp__is_tool(struct json v);
bool otlp__are_tools(struct json list);
/* The value of an attribute that holds metadata, parsed; JSON_NONE when it is no object or array. Parsed once where many rules look. */
struct json otlp__metadata_object(const struct mapping *x, enum attribute_slot slot);
/* The trace's metadata as a member of the object open in w; false: there is none. */
bool otlp__write_trace_metadata(struct mapping *x, struct jw *w, const char *key);
/* Is it one of a list that ends with NULL? */
bool otlp__is_one_of(struct str s, const char *const *list);
/* Does the string begin with s, without regard to case? */
bool otlp__starts_nocase(struct str text, struct str s);
/* Text of a value that MLflow encoded as JSON (rule 4): "\"LLM\"" is LLM. */
struct str otlp__mlflow_text(const struct mapping *x, const struct any *v);
/* LangWatch's {type, value} is its value; anything else is itself. */
struct json otlp__unwrapped(struct json v);

/* Names that were met already. A set of room for `most`, in the scratch arena, of views: the names themselves must stay. */
struct names {
    struct str *names; /* open addressing; absent: free */
    size_t places;
};
struct names otlp__names(const struct mapping *x, size_t most);
bool otlp__add_name(struct names *s, struct str name); /* false: it was there */

/* ---- input and output (2.5) ----------------------------------------------------------------------------------------- */

/* A value that may become the input or output. origin: only when it is one whole attribute. */
struct found {
    struct str json; /* absent: nothing was found */
    enum type_hint hint;
    struct origin origin;
};
struct both {
    struct found input, output;
};
/* One value, with payload coercion; nothing unless present. index is that of the attribute, or of an event and of its attribute. */
struct found otlp__found_slot(const struct mapping *x, enum attribute_slot slot);
struct found otlp__found_first(const struct mapping *x, const enum attribute_slot *list);
struct found otlp__found_json(struct str json);

/* map_messages.c: rules 6, 7, 8, 22 of 2.5, and messages with the system's instructions before them. */
void otlp__details_event(const struct mapping *x, struct both *out);
void otlp__message_events(const struct mapping *x, struct both *out);
void otlp__content_events(const struct mapping *x, struct both *out);
void otlp__semconv(const struct mapping *x, struct both *out);
struct found otlp__with_instructions(const struct mapping *x, enum attribute_slot messages);

/* A mapping before its first step, and after its last. */
void otlp__open(struct mapping *x, struct otlp_mapper *m, const struct otlp_span *s);
void otlp__close(struct mapping *x);

/* ---- the steps ------------------------------------------------------------------------------------------------------ */

void otlp__map_type(struct mapping *x);      /* type, source_type, x->type */
void otlp__map_name(struct mapping *x);      /* name */
void otlp__map_io(struct mapping *x);        /* input, output, x->*_origin; documents must be there */
void otlp__map_model(struct mapping *x);     /* model, provider, params */
void otlp__map_usage(struct mapping *x);     /* usage, x->skip_usage */
void otlp__map_cost(struct mapping *x);      /* cost; the usage must be there */
void otlp__map_state(struct mapping *x);     /* first_token_ns, level, status_message */
void otlp__map_prompt(struct mapping *x);    /* prompt */
void otlp__map_tools(struct mapping *x);     /* tools, documents */
void otlp__map_trace(struct mapping *x);     /* said, environment, version */
void otlp__map_metadata(struct mapping *x);  /* metadata */
void otlp__map_leftovers(struct mapping *x); /* leftovers */
/* The last: they add events of their own, so x->event is gone afterwards. */
void otlp__map_scores(struct mapping *x);
void otlp__map_tracked_events(struct mapping *x);
/* gen_ai.evaluation.result, an event of the span or a log record: a score of the span; without a span id, of the trace. */
void otlp__add_result(struct mapping *x, const struct otlp_event *e);

#endif
