/*
 * model: the canonical model. What every dialect decodes into and encodes from, and how statements join.
 *
 * Place     dialects make events; the store joins them into rows; queries and encoders read rows.
 * Pure      no I/O, no SQL, no clock, no wire format.
 * Memory    everything hangs on the arena it was made with.
 * Source    merge.md (the algebra), design.md 2 (the words). Tables: columns.def, profiles.def, types.def.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "base/str.h"

/* ---- words ---------------------------------------------------------------------------------------------------------- */

enum entity { TRACE, OBSERVATION, SCORE, SESSION, USER, MESSAGE, RECORD, ENTITY_COUNT };
const char *entity_name(enum entity e); /* "trace" */

enum column_type { TYPE_TEXT, TYPE_ID, TYPE_INT, TYPE_TIME, TYPE_BOOL, TYPE_ENUM, TYPE_JSON };
enum column_kind { KIND_REG, KIND_MAP, KIND_TAGS, KIND_MIN, KIND_MAX, KIND_OR };
enum column_place { PLACE_ROW, PLACE_PAYLOAD };

/* TRACE_name, OBSERVATION_start_ns, ...: the number of a column in its entity. */
enum {
#define COLUMN(entity, field, number, type, kind, place, text) entity##_##field = number,
#include "model/columns.def"
#undef COLUMN
};
#define COLUMNS_MAX 32

struct column {
    const char *field;
    uint8_t number;
    enum column_type type;
    enum column_kind kind;
    enum column_place place;
    const char *text;
};
/* Columns of an entity in order of number, without holes; *n is their count. */
const struct column *model_columns(enum entity e, size_t *n);
int model_column_find(enum entity e, struct str field); /* number or -1 */

enum observation_type {
#define TYPE(name, number, grade) OBS_##name = number,
#include "model/types.def"
#undef TYPE
    OBS_TYPE_COUNT
};
const char *observation_type_name(enum observation_type t);
int observation_type_find(struct str name); /* exact, upper case; -1 */

enum level { LEVEL_DEBUG, LEVEL_DEFAULT, LEVEL_WARNING, LEVEL_ERROR };
const char *level_name(enum level l);
int level_find(struct str name);

enum score_source { SOURCE_API, SOURCE_EVAL, SOURCE_ANNOTATION };
const char *score_source_name(enum score_source s);

/* ---- values --------------------------------------------------------------------------------------------------------- */

/* V_NULL: stated null or nothing shown. V_INT: INT, TIME, BOOL, ENUM. V_TEXT: TEXT, ID. V_JSON: JSON text.
 * V_REF: JSON text that lies in a payload record: `i` is the record's pointer, the piece is the column's number. */
enum value_kind { V_NULL, V_INT, V_TEXT, V_JSON, V_REF };

/* How a LangWatch typed value was labelled, kept beside the JSON of any input or output (langwatch.md 3.6). */
enum type_hint {
    HINT_NONE,
    HINT_TEXT,
    HINT_RAW,
    HINT_JSON,
    HINT_CHAT_MESSAGES,
    HINT_LIST,
    HINT_GUARDRAIL_RESULT,
    HINT_EVALUATION_RESULT
};

struct value {
    uint8_t kind; /* enum value_kind */
    uint8_t hint; /* enum type_hint */
    uint8_t
        piece; /* V_REF: column number of the piece, of the entity the record was written for; V_JSON: PIECE_INLINE or 0 */
    uint32_t
        hash; /* of a map or tag patch's text, 0 unknown: equal patches are told by it, also when they are V_REF */
    int64_t i;
    struct str s;
};

/* V_JSON that stays in the row although its column's place is PAYLOAD: a base folded from too many patches. */
#define PIECE_INLINE  255
/* V_INT still to be filled in with the time of receipt (event_set_receipt). */
#define PIECE_RECEIPT 254

static inline struct value value_int(int64_t i)
{
    return (struct value){ .kind = V_INT, .i = i };
}
static inline struct value value_text(struct str s)
{
    return s.p ? (struct value){ .kind = V_TEXT, .s = s } : (struct value){ 0 };
}
static inline struct value value_json(struct str s)
{
    return s.p ? (struct value){ .kind = V_JSON, .s = s } : (struct value){ 0 };
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

enum profile {
    PROFILE_NONE = 0,
#define PROFILE(name, number, entity, minor, order) PROFILE_##name = number,
#define RULE(profile, column, rank, direction, mode, absent)
#define GRADE(profile, grade)
#include "model/profiles.def"
#undef PROFILE
#undef RULE
#undef GRADE
};

/* Who made a profile: the tens of its number. Values are bits, so that a set of them is a number. */
enum family {
    FAMILY_LANGFUSE = 1,
    FAMILY_AGENTTRACE = 2,
    FAMILY_LLMONITOR = 4, /* with the exchanges the store computes */
    FAMILY_LANGWATCH = 8,
    FAMILY_OTLP = 16, /* with Langtrace */
    FAMILY_EDIT = 32,
};
enum family profile_family(enum profile p);

enum rank { RANK_GUESS, RANK_HINT, RANK_BASE, RANK_SAID };
enum direction { LATEST, FIRST };
enum patch_mode { MODE_REPLACE, MODE_SHALLOW, MODE_DEEP, MODE_UNION };

/* One statement: this event says `value` (or null) of `column`. */
struct cell {
    uint8_t column;
    uint8_t rank;       /* enum rank */
    uint8_t direction;  /* enum direction */
    uint8_t grade;      /* of `type` only */
    uint8_t mode;       /* enum patch_mode; MAP and TAGS only */
    uint16_t writer;    /* index into state.writers */
    struct value value; /* V_NULL: explicit null */
};

/* How an observation is identified (merge.md 7.1). */
enum identity {
    IDENTITY_SCOPED, /* scope is the trace id (OTLP, Langtrace, LangWatch) */
    IDENTITY_BARE, /* id alone, unique in the project; the trace is named by the trace_id column (Langfuse, AgentTrace) */
    IDENTITY_TREE, /* id alone; the trace is the root reached by parents (LLMonitor, merge.md 7.3) */
};

/*
 * One upsert to one canonical entity. Made by event_new(), filled by event_set*(), closed by event_seal().
 * scope: trace id of a scoped observation, thread id of a message, kind of a record ("prompt", "tracked_event"); else absent.
 */
struct event {
    enum entity entity;
    enum profile profile;
    enum identity identity;
    int32_t project; /* number of the project */
    struct str scope;
    struct str id;
    int64_t t_ns; /* the client's time that orders it; TIME_NONE: the server stamps it */
    uint8_t
        tie; /* how many different events of the same id, time and minor stand before it in this request */
    uint32_t digest;
    int64_t
        edit_ns; /* receipt of an edit by request: saying again what was true before is no repeat; 0: an event */
    uint32_t wire_index; /* place in the request, for per-event answers; UINT32_MAX: none of its own */
    struct cell *cells;
    size_t n_cells, cap_cells;
    uint64_t stated; /* a bit per column that has a cell; the upper half: as a hint */
    struct arena *arena;
};

/* A new event at the end of the batch (below). Strings are not copied: they must live as long as the batch's arena. */
struct batch;
struct event *event_new(
    struct batch *b, enum profile p, int32_t project, struct str scope, struct str id, int64_t t_ns);
/* State a value with the profile's own rank, direction and mode. Absent text or JSON and TIME_NONE state nothing: use event_set_null.
 * Stated twice, the later call counts; a hint (rank 1) is a statement of its own. A null hint is nothing. */
void event_set(struct event *e, unsigned column, struct value v);
void event_set_text(struct event *e, unsigned column, struct str s);
void event_set_int(struct event *e, unsigned column, int64_t v);
void event_set_json(struct event *e, unsigned column, struct str json_text);
void event_set_null(struct event *e, unsigned column);
/* State the time of receipt, which only the writer knows: a create without a time of its own. Repeats are still told by digest. */
void event_set_receipt(struct event *e, unsigned column, enum rank rank, enum direction direction);
/* The same at another rank or direction than the profile's, or with another map mode. */
void event_set_as(struct event *e, unsigned column, struct value v, enum rank rank, enum direction direction,
    enum patch_mode mode);
/* What the event states of a column so far (the main statement, else the hint), or NULL when nothing. */
const struct value *event_get(const struct event *e, unsigned column);

/* The outcome of one event, by wire index. */
enum outcome { OUTCOME_STORED, OUTCOME_UNCHANGED, OUTCOME_REJECTED, OUTCOME_EXISTS };
struct event_result {
    enum outcome outcome;  /* EXISTS: a second LLMonitor start: the row was there, with a start */
    const struct err *err; /* of a rejected one: why; in the batch's arena */
    struct str id;         /* as the client spelled it, for the answer; absent: none */
    bool touched;          /* by the store: an event of this item was applied */
};

/* The events of one request. The batch owns its arena; pushing it to ingest moves both. */
struct batch {
    struct arena *arena;
    struct event *events; /* grown; never hold a pointer over event_new() */
    size_t n_events, cap_events;
    struct event_result *results; /* one per wire index, made by batch_results() */
    size_t n_results;
    size_t bytes;      /* of the body it was decoded from, for the queue's bound */
    size_t bytes_most; /* of the body and the arena together, set by who makes the batch; 0: no bound */
    struct removal *removals; /* deletes, after the events */
    size_t n_removals, cap_removals;
};
void batch_init(struct batch *b, struct arena *a); /* takes the arena */
void batch_fini(struct batch *b);
/* Make n results, all OUTCOME_STORED. */
void batch_results(struct batch *b, size_t n);
void batch_reject(struct batch *b, size_t wire_index, const struct err *err);
/* May the arena grow by that much? ST_TOO_LARGE: it would pass bytes_most. A decoder that can make much of few bytes asks as it goes. */
MUST_CHECK enum status batch_room(const struct batch *b, size_t more, struct err *err);
/* Every event of an edit's profile is an edit of its own, made by the request that was received then: A, B, A ends with A. */
void batch_edited(struct batch *b, int64_t received_ns);
/* Seal all events: fill in FULL nulls, ties and digests. Call once, after the last event_set. */
void batch_seal(struct batch *b);

/* A delete: of all received so far (merge.md 8). TRACE takes observations, scores, messages and records of the trace along. */
struct removal {
    int32_t project;
    enum entity entity;
    struct str scope, id;
    uint32_t wire_index;
};
void batch_remove(struct batch *b, int32_t project, enum entity entity, struct str scope, struct str id);

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

/* What has a rank and a key in struct derived. */
enum derived_key {
    DERIVED_NAME,
    DERIVED_USER,
    DERIVED_SESSION,
    DERIVED_RELEASE,
    DERIVED_VERSION,
    DERIVED_ENVIRONMENT,
    DERIVED_TAGS,
    DERIVED_INPUT,
    DERIVED_OUTPUT,
    DERIVED_PUBLIC
};
#define DERIVED_KEYS 10

/* Values a trace shows of its observations (merge.md 6). Pure function of the rows: derive_trace(). Times TIME_NONE when unset. */
struct derived {
    int64_t observations, errors, estimated, blocked;
    int64_t cost_nano_usd;
    int64_t tokens_input, tokens_output,
        tokens_total; /* final usage as langwatch counts: input without cache keys */
    int64_t tokens_cached, tokens_cache_creation, tokens_reasoning;
    struct str usage;                      /* JSON object: every final usage key summed */
    int64_t start_ns, end_ns, last_end_ns; /* min start; max of end else start; max end alone */
    int64_t first_token_ns;                /* smallest first token - start, >= 0 */
    struct str first_error; /* observation id of the failing row with the smallest (start, id) */
    struct str name, user_id, session_id, release, version, environment; /* by rank; absent none */
    struct str tags;                                                     /* JSON array or absent */
    struct value input, output;             /* of roots (rank >= 2): V_REF or V_JSON */
    struct value input_guess, output_guess; /* rank 0 */
    struct value metadata;                  /* JSON from `said`, or V_NULL */
    bool is_public;
    uint8_t ranks[DERIVED_KEYS];  /* by enum derived_key; tells hints (1) and guesses (0) apart */
    int64_t key_ns[DERIVED_KEYS]; /* the time by which rank 3 meets what the trace row states */
};

/*
 * A row as it is stored and read. `cols` holds what the row shows by itself (main, else hint); JSON of PAYLOAD columns is V_REF until
 * loaded, MAP and TAGS columns with several patches are folded by row_load(). fold keeps the merge state.
 */
struct row {
    enum entity entity;
    int32_t project;
    struct str scope; /* observation: trace id; message: thread id; record: kind */
    struct str id;
    struct value cols[COLUMNS_MAX];
    struct str fold;
    int64_t created_ns, updated_ns; /* receipts of the first and last write that changed it */
    uint8_t identity;               /* enum identity the row was made with */
    struct derived *derived;        /* traces only; NULL elsewhere */
    int64_t number;                 /* the driver's own (trace number); 0 none */
    /* Loaded when asked for; NULL otherwise. */
    struct row *observations;
    size_t n_observations;
    struct row *scores;
    size_t n_scores;
    struct row *records;
    size_t n_records;
    struct row *parent;                 /* trace of an observation or score */
    struct str text_input, text_output; /* traces: what LangWatch shows (derive_trace_text) */
    struct str user_effective;          /* LLMonitor runs: merge.md 7.3 */
    struct str alias;                   /* LLMonitor exchange: the id shown (its last message) */
    struct str sibling;                 /* LLMonitor exchange: the one it retries */
    struct str *aliases;
    size_t n_aliases; /* LLMonitor exchange: ids of all its messages */
};

static inline struct str row_text(const struct row *r, unsigned c)
{
    return r->cols[c].kind == V_TEXT || r->cols[c].kind == V_JSON ? r->cols[c].s : STR_NONE;
}
static inline int64_t row_int(const struct row *r, unsigned c, int64_t none)
{
    return r->cols[c].kind == V_INT ? r->cols[c].i : none;
}
static inline int64_t row_time(const struct row *r, unsigned c)
{
    return row_int(r, c, TIME_NONE);
}

/* What a trace shows: the given column, else the derived one, by rank (merge.md 6 last line). Times TIME_NONE, texts absent. */
struct str trace_name(const struct row *t);
struct str trace_user_id(const struct row *t);
struct str trace_session_id(const struct row *t);
struct str trace_release(const struct row *t);
struct str trace_version(const struct row *t);
struct str trace_environment(const struct row *t); /* never absent: "default" */
int64_t trace_start_ns(const struct row *t);
int64_t trace_end_ns(const struct row *t);
bool trace_has_error(const struct row *t);
struct str trace_tags(struct arena *a, const struct row *t); /* JSON array, never absent */
/* JSON object: the given metadata (must be loaded) over what spans say of their trace; absent when there is neither. */
struct str trace_metadata(struct arena *a, const struct row *t);
bool trace_public(const struct row *t);
/* with_guess: LangWatch and Lunary show guesses, Langfuse and AgentTrace do not. */
struct value trace_input(const struct row *t, bool with_guess);
struct value trace_output(const struct row *t, bool with_guess);

#endif
