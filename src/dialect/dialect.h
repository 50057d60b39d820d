/*
 * dialect: a pure translator between one product's wire format and the canonical model.
 *
 * Place     api calls a route's functions in the order below; they never see a socket, a table or a clock.
 * Shape     ask -> (store answers) -> ask again while it sets `again` -> write -> (commit) -> asks made by write -> reply
 *             ingest    write + reply       (the hot path: no question before it)
 *             read      ask + reply
 *             edit      ask + write + reply (serialised per server, so what was asked still holds when it writes)
 * Errors    a function returns a status and fills err with a sentence, the field and the place; api then calls the dialect's
 *           `error`, which makes the product's own body. Bad events inside a good envelope are batch_reject(), not an error.
 * Memory    everything hangs on call->arena, which lives until the reply has gone out.
 * More      docs/adding-a-dialect.md
 */
#ifndef DIALECT_DIALECT_H
#define DIALECT_DIALECT_H

#include "base/buf.h"
#include "base/json.h"
#include "model/model.h"
#include "query/query.h"

enum method {
    METHOD_GET,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_COUNT
};

enum key_form {
    FORM_NONE,
    FORM_LANGFUSE,
    FORM_LANGWATCH,
    FORM_LANGTRACE,
    FORM_LUNARY,
    FORM_AGENTTRACE,
    FORM_TRACEWELL
};

/* Whom a key speaks for. */
struct caller {
    int32_t project;       /* number, > 0; 0: a team's key, on routes of ACCESS_TEAM alone */
    struct str project_id; /* what answers show as project id */
    struct str project_name, project_slug;
    struct str organization_id;
    enum key_form form;
    bool public_half; /* the half that opens only what its product's contract opens with it */
    bool ingest_only; /* traces:create only */
};

/* What opens a route. */
enum access {
    ACCESS_OPEN,    /* no key (health, documents) */
    ACCESS_PUBLIC,  /* any key, the public half too */
    ACCESS_PRIVATE, /* a secret */
    ACCESS_TEAM,    /* a Langtrace secret: a team's, or a project's; the route says which it wants */
    ACCESS_BODY,    /* the route finds its credential itself (LLMonitor's app id), with call->find_caller */
};

/* What came of the request's credential, for the text of a 401. */
enum credential { CREDENTIAL_NONE, CREDENTIAL_UNKNOWN, CREDENTIAL_GOOD };

/* The six verbs (docs, permissions, metrics). */
enum verb { VERB_INGEST, VERB_LIST, VERB_GET, VERB_PUT, VERB_REMOVE, VERB_AGGREGATE };

struct pair {
    struct str name, value;
};

struct reply {
    int status;
    const char *content_type; /* default "application/json" */
    struct pair headers[8];
    size_t n_headers;
    struct buf body;
};

/* A question and, after api has asked it, its answer. get: one row by key, else a page or an aggregate. */
struct ask {
    enum { ASK_FIND, ASK_GET, ASK_AGGREGATE, ASK_DISTINCT } kind;
    struct query query;
    struct str scope, id; /* ASK_GET; query.entity, query.project, query.with count */
    int group[3];
    size_t n_groups; /* ASK_AGGREGATE: struct group_key values of store.h */
    enum subject subject;
    uint8_t column; /* ASK_DISTINCT */
    /* answers */
    struct row *rows;
    size_t n; /* ASK_GET: n is 0 or 1 */
    bool more;
    int64_t total;
    struct group *groups;
    size_t n_answer_groups;
    struct str *values;
    size_t n_values;
};
struct group {
    int64_t bucket_ns;
    struct str text[3];
    int64_t count, errors, success, tokens_input, tokens_output, cost_nano_usd, duration_ns;
};
enum {
    GROUP_BY_NONE,
    GROUP_BY_DAY,
    GROUP_BY_HOUR,
    GROUP_BY_NAME,
    GROUP_BY_TYPE,
    GROUP_BY_MODEL,
    GROUP_BY_USER
};

/*
 * What a route wants to know of accounts, or have done there. A dialect only states it in `ask`; api does it, in order, after the store's
 * questions of the same round. One that changes something belongs into an edit (ask + write + reply), so that it is alone, and into its last
 * round. A project made by an edit that fails afterwards is removed again.
 */
struct deed {
    enum { DEED_PROJECT_GET, DEED_PROJECT_NEW, DEED_KEY_MINT } kind;
    bool done;
    struct str organization_id; /* NEW, MINT: where */
    struct str project_id;      /* GET, MINT: which; absent for MINT: a key of the team */
    /* NEW: as wished. GET and NEW answer: as it is. */
    struct str name, description, type;
    /* answers */
    bool found;     /* GET: there is such a project. MINT: in that organization */
    int32_t number; /* of the project */
    int64_t created_ns, updated_ns;
    struct str secret; /* MINT: the key, in clear */
};

struct dialect;
struct route;

struct call {
    struct arena *arena;
    const struct dialect *dialect;
    const struct route *route;
    enum method method;
    struct str path; /* normalised, escapes kept */
    struct str params[6];
    size_t n_params; /* of the pattern's {names}, in order, decoded */
    struct pair *query;
    size_t n_query; /* decoded, in order */
    struct str query_raw;
    const struct pair *headers;
    size_t n_headers; /* names lower-case */
    struct str body;
    int64_t now_ns;
    struct str base_url; /* "http://127.0.0.1:8585" */
    struct {
        struct str version;
        int64_t uptime_s;
        bool ready;              /* the store takes and answers */
    } server;                    /* for health routes of products */
    const struct caller *caller; /* NULL on ACCESS_OPEN and ACCESS_BODY */
    enum credential credential;
    /* The project a token (any form) belongs to; NULL unknown. For ACCESS_BODY and LLMonitor's appId. */
    const struct caller *(*find_caller)(void *ctx, struct str token, struct arena *a);
    void *find_ctx;
    struct ask *asks;
    size_t n_asks, cap_asks;
    struct deed *deeds;
    size_t n_deeds, cap_deeds;
    unsigned round; /* how often ask was called before */
    bool again;     /* set by ask: call me again with these answers */
    struct json json;
    bool parsed; /* call_json()'s own */
    enum status parse_status;
    struct err parse_err;
    struct batch *batch; /* after write: with its results */
    void *state;         /* the route's own, between its functions */
};

struct str call_header(const struct call *c, const char *lower_name);
struct str call_query(const struct call *c, const char *name); /* first of that name; absent: STR_NONE */
/* Parse call->body once; later calls return the same value. Absent body: ST_INVALID. */
MUST_CHECK enum status call_json(struct call *c, struct json *out, struct err *err);
/* Add a question; the returned pointer is good until the next one is added: keep the index (c->n_asks - 1). */
struct ask *call_find(struct call *c, enum entity e);
struct ask *call_get(struct call *c, enum entity e, struct str scope, struct str id, unsigned with);
/* Add a deed; like a question it may move when the next one is added. */
struct deed *call_deed(struct call *c, int kind);
struct row *ask_row(const struct call *c, size_t i); /* the one row of ASK_GET, or NULL */

void reply_header(struct reply *r, struct str name, struct str value);

struct route {
    enum method method;
    const char *pattern;
    enum verb verb;
    enum entity entity;
    enum access access;
    int64_t limit_bytes; /* of the body, as sent and inflated */
    enum status (*ask)(struct call *c, struct err *err);
    enum status (*write)(struct call *c, struct batch *b, struct err *err);
    void (*reply)(struct call *c, struct reply *r);
};
/*
 * A line of a routes.def:
 *   ROUTE(method, pattern, verb, entity, access, limit MiB, ask, write, reply)
 *     ask, write, reply  names of functions of the dialect, or NONE
 */
#define ROUTE_ROW(method, pattern, verb, entity, access, mib, ask, write, reply)                        \
    {                                                                                                   \
        METHOD_##method, pattern, VERB_##verb, entity, ACCESS_##access, INT64_C(mib) << 20, ask, write, \
            reply                                                                                       \
    }

enum cors { CORS_NONE, CORS_STAR, CORS_REFLECT, CORS_CRED };

struct dialect {
    const char *name; /* folder, prefix, log tag: "langwatch" */
    enum cors cors;
    const struct route *routes;
    size_t n_routes;
    /* Body for an error met before or in a route. call->route is NULL when no route matched. Must set status and body. */
    void (*error)(const struct call *c, const struct err *err, struct reply *r);
};

/* Shapes X and Y of collisions.md 3.5: status and body. rpc_code: number of google.rpc.Status beside it, 0 none. */
void error_shape_x(const struct err *err, int rpc_code, struct reply *r);
void error_shape_y(const struct err *err, struct reply *r);

extern const struct dialect langwatch_dialect;
extern const struct dialect llmonitor_dialect;
extern const struct dialect langtrace_dialect;
extern const struct dialect agenttrace_dialect;
extern const struct dialect langfuse_dialect;
extern const struct dialect otlp_dialect;

#endif
