/*
 * decide: which dialect answers a request (collisions.md 3.4). Pure: evidence in, dialect out; tested with every request of
 * collisions.json.
 */
#ifndef API_DECIDE_H
#define API_DECIDE_H

#include "dialect/dialect.h"

/* Numbers of the dialects: router groups. */
enum dialect_number {
    D_LANGWATCH,
    D_LANGTRACE,
    D_LLMONITOR,
    D_AGENTTRACE,
    D_LANGFUSE,
    D_OTLP,
    D_COUNT,
    D_NONE = D_COUNT
};
extern const struct dialect *const dialects[D_COUNT];

/* Where a credential was found. */
enum carrier {
    CARRIER_NONE,
    CARRIER_BASIC,
    CARRIER_BEARER,
    CARRIER_X_AUTH_TOKEN,
    CARRIER_X_API_KEY,
    CARRIER_LUNARY_PROJECT_KEY,
    CARRIER_API_KEY_QUERY,
    CARRIER_LANGFUSE_PUBLIC_KEY
};

struct evidence {
    unsigned candidates; /* bit per dialect number */
    struct str path;     /* normalised */
    enum method method;
    enum carrier carrier;
    bool known;         /* the key is known */
    enum key_form form; /* of the key's row, else of its shape */
    bool langfuse_sdk;  /* header x-langfuse-sdk-name */
    bool lunary_project_key;
    struct str media_type; /* lower case, without parameters */
};

struct decision {
    enum dialect_number dialect;
    const char *line; /* "P1", "one" */
    bool needs_body;  /* decide again with decide_body(); `dialect` is who answers errors until then */
    bool by_default;  /* nothing distinguished: errors take the shared shape (3.5) */
};

struct decision decide(const struct evidence *e);
/* `body` is JSON_NONE when it is not JSON. empty: no body at all. */
struct decision decide_body(const struct evidence *e, struct json body, bool empty);

#endif
