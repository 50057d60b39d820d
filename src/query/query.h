/*
 * query: a question as data. Filters, order, cursor and what to load along; asked of a store, answered with rows.
 *
 * Two readings of one struct: a driver compiles what it can to SQL (store/sqlite), and query_match() decides exactly. Whatever a
 * driver cannot compile it over-fetches and lets query_match() verify, so both always agree; tests hold them against each other.
 * Pure, no I/O. Memory: the request's arena.
 */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "model/derive.h"
#include "model/model.h"

/* What a filter looks at. Column filters name a column of the query's entity; the others are named below. */
enum subject {
    ON_COLUMN, /* `column` of the row; for traces the effective value (given or derived) of name, user_id, session_id, ...; of an object with
                  a key that member alone */
    ON_ID,     /* the row's id */
    ON_SCOPE,  /* trace of an observation, kind of a record */
    ON_START,  /* effective start, ns */
    ON_DURATION, /* end - start, ns; unfinished rows match nothing */
    ON_TAGS,     /* any tag in values */
    ON_METADATA, /* metadata[key] as text in values; no values: key exists and is not empty; no key: all of it */
    ON_ERROR,    /* number 1: has an error, 0: has none */
    ON_COST,     /* USD */
    ON_TOKENS, /* key: "total", "input", "output" */
    ON_TEXT, /* values[0]: case-insensitive substring over input, output and names (LangWatch: trace texts, trace and span names) */
    ON_IO_TEXT,       /* values[0]: the same over a run's own input and output (Lunary) */
    ON_UPDATED,       /* receipt of the last write, ns */
    ON_OBSERVATION,   /* traces: any observation that matches all children */
    ON_SCORE,         /* traces, observations: any score of it that matches all children */
    ON_RECORD,        /* traces: any record of it that matches all children */
    ON_SCORE_NUMBER,  /* scores: the number in value */
    ON_SCORE_BOOLEAN, /* scores: the boolean in value as 1 / 0 */
    ON_SCORE_TEXT,    /* scores: the text in value */
    ON_BODY,          /* records: body[key] or body[key][subkey] */
    ON_USER,          /* observations: effective user of an LLMonitor run */
    ON_ROOT,          /* observations: number 1: has no parent in its trace */
    ON_PARENT,        /* observations: parent_id in values (aliases of an exchange resolved by the store) */
    ON_ALL,
    ON_ANY,     /* children, combined */
    ON_NOTHING, /* matches nothing (an unusable filter of a dialect) */
};

enum compare {
    IS_IN,      /* text in values */
    IS_SET,     /* has a value that is not empty */
    IS_BETWEEN, /* low <= number <= high */
    IS_BELOW,
    IS_ABOVE, /* < high, > low */
    IS_NOT_IN,
    CONTAINS,    /* case-insensitive substring */
    STARTS_WITH, /* text begins with one of values (ids: prefix look-up) */
};

struct filter {
    enum subject subject;
    enum compare compare;
    uint8_t column;
    bool negate;
    struct str key, subkey;
    struct str *values;
    size_t n_values;
    double low, high;        /* numbers and times; times exact in low_ns, high_ns */
    int64_t low_ns, high_ns; /* TIME_NONE: open */
    struct filter *children;
    size_t n_children;
};

enum order {
    BY_START,
    BY_CREATED,
    BY_UPDATED,
    BY_END,
    BY_DURATION,
    BY_COST,
    BY_TOKENS,
    BY_ID,
    BY_NAME,
    BY_SEQ,
    BY_SCORE,
    BY_METRIC
};

/* Where a page ended: the sort value and the key of its last row. */
struct cursor {
    bool set;
    double number;   /* sorts by number */
    int64_t ns;      /* sorts by time or place */
    struct str text; /* sorts by text */
    struct str scope, id;
};

/* What to load beside the row itself. */
enum {
    WITH_PAYLOAD = 1,      /* JSON of PAYLOAD columns of the rows (else V_REF or folded lazily: V_NULL) */
    WITH_OBSERVATIONS = 2, /* traces: all observations, ROW columns */
    WITH_OBSERVATION_PAYLOAD = 4,
    WITH_SCORES = 8,
    WITH_RECORDS = 16,   /* traces: tracked events and shares */
    WITH_TEXTS = 32,     /* traces: LangWatch input and output text into row.text_input / text_output */
    WITH_PARENT = 64,    /* observations: their trace row */
    WITH_TOTAL = 128,    /* count all matches too */
    WITH_MESSAGES = 256, /* exchanges: the messages; sessions: message count */
};

struct query {
    enum entity entity;
    int32_t project;
    struct filter *filters;
    size_t n_filters; /* all must match */
    bool negate;      /* ... or must not */
    enum order order;
    bool descending;
    struct str order_key; /* BY_SCORE: evaluator id; BY_METRIC: metric name */
    struct cursor after;
    size_t offset; /* pages by number */
    size_t limit;  /* 0: no rows, for counts */
    unsigned with;
};

/* What query_match() needs loaded beside the row's own columns: WITH_* bits. */
unsigned query_needs(const struct query *q);
/* Exact. Row must have what query_needs() says, text columns and JSON loaded. Never fails: unusable is no match. */
bool query_match(struct arena *a, const struct query *q, const struct row *r);
/* Substring without regard to case, in every script: the rule of every text filter. */
bool query_contains(struct str s, struct str needle);
/* Where a row stands in time: its start, a score's or record's own time, else its receipt. Filters and order both go by it. */
int64_t query_start_ns(const struct row *r);
/* Order of two rows under the query, ties broken by (scope, id) in the query's direction. <0, 0, >0 */
int query_compare(const struct query *q, const struct row *x, const struct row *y);
/* Is r behind the cursor? */
bool query_after(const struct query *q, const struct row *r);
void query_cursor_of(struct arena *a, const struct query *q, const struct row *last, struct cursor *out);
/* Opaque text of a cursor (URL-safe base64) bound to the query's order; decoding checks it. */
struct str cursor_encode(struct arena *a, const struct query *q, const struct cursor *c);
MUST_CHECK enum status cursor_decode(
    struct arena *a, const struct query *q, struct str text, struct cursor *out, struct err *err);

/* Helpers to write queries. All copy nothing. */
struct filter *query_add(struct arena *a, struct query *q, enum subject s, enum compare c);
void filter_value(struct arena *a, struct filter *f, struct str v);
struct filter *filter_child(struct arena *a, struct filter *f, enum subject s, enum compare c);

#endif
