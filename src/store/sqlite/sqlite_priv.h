/*
 * sqlite: the embedded driver. What its files share; nothing outside this folder includes it.
 *
 *   DIR/lock             held (flock) by the process that serves the folder
 *   DIR/tracewell.db     narrow rows, indexes, dictionary (schema.c)
 *   DIR/segments/         payload records in compressed blocks (segment.h)
 *
 * Files     sqlite.c opens, begins, commits; conn.c statements of one connection; schema.c tables and migrations; tables.c which
 *           column is an SQL column; rows.c, values.c one row out and in; packed.c its other columns as one blob; words.c, ids.c how
 *           texts are kept; fresh.c, feed.c what the open transaction gathers, and how it is written at once; traces.c numbers of
 *           traces; links.c rows by something else than their key; facets.c traces by value; plan.c, scan.c, counts.c, tally.c queries and totals;
 *           folder.c files and locks; care.c, backup.c the shell commands; segment*.c, blocks.c payload.
 * Threads   the writer's connection belongs to the writer thread. Each reader's belongs to whoever took it.
 * Lock order  sqlite.lock -> segments' lock -> block cache (base/lock.h: STORE, SEGMENT, LEAF).
 */
#ifndef STORE_SQLITE_PRIV_H
#define STORE_SQLITE_PRIV_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/lock.h"
#include "store/driver.h"
#include "store/sqlite/segment.h"

/* ---- folder.c ------------------------------------------------------------------------------------------------------- */

/* Makes the folder and its segments folder where missing, each synced into its parent. */
MUST_CHECK enum status folder__make(const char *dir, struct err *err);
/* ST_CONFLICT with the owner's process id when another process holds it. */
MUST_CHECK enum status folder__lock(const char *dir, int *fd, struct err *err);
MUST_CHECK enum status folder__sync(const char *dir, struct err *err);
char *folder__path(const char *dir, const char *name); /* caller frees with mem_free */
bool folder__has(const char *dir, const char *name);
/* True also when it does not exist. */
bool folder__is_empty(const char *dir);
/* A hard link, or where that cannot be a copy, of the first `bytes` (-1: all; fewer: always a copy). Synced. */
MUST_CHECK enum status folder__copy(
    const char *from, const char *to, int64_t bytes, bool *linked, struct err *err);

/* ---- ids.c ---------------------------------------------------------------------------------------------------------- */

/* An id as SQLite keeps it: 16 or 32 lower-case hex digits become 8 or 16 bytes, a lower-case UUID the byte 'u' and 16 bytes, anything
 * else stays text. Lengths tell the forms apart, so every spelling comes back as it was. */
struct packed_id {
    bool is_text;
    const void *p;
    size_t n;
    uint8_t bytes[17];
};
#define ID_TEXT_MAX 36 /* longest text of a binary form */

void ids__pack(struct str id, struct packed_id *out); /* out->p points into out or into id */
struct str ids__unpack(
    const void *p, size_t n, char out[ID_TEXT_MAX]); /* of a binary form; absent when it is none */
struct str ids__unpack_to(struct arena *a, const void *p, size_t n);
void ids__bind(sqlite3_stmt *s, int at, struct str id);
struct str ids__column(struct arena *a, sqlite3_stmt *s, int at);

/* ---- tables.c ------------------------------------------------------------------------------------------------------- */

#define KEPT_MAX 12

/* How an entity lies in its table: key columns, then identity, kept columns, created, updated, packed, fold, traces also derived. */
struct table {
    const char *name;
    const char *keys; /* key columns, as SQL */
    uint8_t n_keys;
    uint8_t n_kept;
    uint8_t kept[KEPT_MAX]; /* columns of columns.def that are SQL columns */
    uint8_t base;           /* the kept time that packed times are told from */
};
extern const struct table tables[ENTITY_COUNT];
uint32_t tables__kept(enum entity e); /* the kept columns, a bit each */
const struct column *tables__column(enum entity e, unsigned column);
/* What a kept column holds: the row's own value, of a trace the effective one. */
struct value tables__value(const struct row *r, unsigned column);
int64_t tables__base_ns(const struct row *r);
/* "no,project,id,identity,name,...": every column, in order. */
void tables__columns(enum entity e, struct buf *out);
int tables__count(enum entity e);

/* ---- conn.c --------------------------------------------------------------------------------------------------------- */

/* Statements that a connection keeps prepared. The per-entity ones are generated from tables.c, the others lie in conn.c. */
enum stmt {
    STMT_PUT,
    STMT_GET = STMT_PUT + ENTITY_COUNT,
    STMT_DELETE = STMT_GET + ENTITY_COUNT,
    STMT_SCOPE = STMT_DELETE + ENTITY_COUNT,
    STMT_FEED_TRACE = STMT_SCOPE + ENTITY_COUNT,
    STMT_FEED_TRACE_AT,
    STMT_FEED_OBSERVATION,
    STMT_FEED_OBSERVATION_AT,
    STMT_FEED_BARE,
    STMT_FEED_CHILD,
    STMT_BEFORE_FIXED = STMT_FEED_CHILD,
#define STATEMENT(name, text) STMT_##name,
#include "store/sqlite/statements.def"
#undef STATEMENT
    STMT_COUNT
};

struct word_cache;
struct trace_place;
struct fresh;
struct facet_notes;
struct counts;
struct tallies;
struct sqlite;

struct conn {
    struct sqlite *d;
    sqlite3 *db;
    sqlite3_stmt *stmts[STMT_COUNT];
    bool taken[STMT_COUNT];
    int64_t deadline_ns; /* of the read at hand, monotonic; 0 none */
    unsigned steps;      /* since whenever: the clock is looked at now and then */
    int64_t commit;      /* number of the commit its snapshot shows */
    struct word_cache *words;
    int64_t trace_no; /* the trace that trace_id and trace_project are of; 0 none */
    int32_t trace_project;
    struct buf trace_id;
};

struct reader {
    struct conn conn;
};

MUST_CHECK enum status conn__open(
    struct sqlite *d, const char *path, bool writes, struct conn *c, struct err *err);
void conn__close(struct conn *c);
/* A prepared statement, reset and without bindings. Inside the visit of a scan of the same kind: another one. Give back what was taken. */
MUST_CHECK enum status conn__take(struct conn *c, unsigned which, sqlite3_stmt **s, struct err *err);
void conn__give(struct conn *c, unsigned which, sqlite3_stmt *s);
/* Text is SQL of our own; values are bound. */
MUST_CHECK enum status conn__prepare(struct conn *c, struct str text, sqlite3_stmt **s, struct err *err);
MUST_CHECK enum status conn__step(struct conn *c, sqlite3_stmt *s, bool *row, struct err *err);
/* Step a statement that gives no rows, and give it back. */
MUST_CHECK enum status conn__run(struct conn *c, unsigned which, sqlite3_stmt *s, struct err *err);
MUST_CHECK enum status conn__exec(struct conn *c, const char *text, struct err *err);
enum status conn__failed(struct conn *c, int rc, struct err *err);
void conn__forget(struct conn *c); /* drop what was cached of rows: after a rollback */

/* ---- values.c ------------------------------------------------------------------------------------------------------- */

/* One SQL value. Views what it was made of. Kinds in SQLite's order of values. */
enum bound_kind { BOUND_NULL, BOUND_INT, BOUND_TEXT, BOUND_BLOB };
struct bound {
    enum bound_kind kind;
    int64_t i;
    struct str s;
};
struct bound bound_int(int64_t i);
struct bound bound_text(struct str s);
struct bound bound_blob(struct str s); /* empty: NULL */
struct bound bound_id(struct arena *a, struct str id);
int bound_compare(const struct bound *x, const struct bound *y);
void bound_bind(sqlite3_stmt *s, int at, const struct bound *v);
/* A row as tables__columns() lists it; behind an observation's columns stands its project. no: of the trace. */
MUST_CHECK enum status values__of(
    struct conn *c, const struct row *r, int64_t no, struct arena *a, struct bound **out, struct err *err);

/* ---- feed.c --------------------------------------------------------------------------------------------------------- */

/* What the table `feed` shows at the moment. */
struct feed {
    struct bound **rows;
    size_t n;
};
int feed__install(sqlite3 *db, struct feed *feed);
/* Run a statement that reads `feed`, with these rows. */
MUST_CHECK enum status feed__run(
    struct conn *c, unsigned which, struct bound **rows, size_t n, struct err *err);

/* ---- fresh.c -------------------------------------------------------------------------------------------------------- */

struct fresh *fresh__new(void);
void fresh__free(struct fresh *f);
void fresh__clear(struct sqlite *d);
MUST_CHECK enum status fresh__flush(struct conn *c, struct err *err);
bool fresh__has_trace(const struct sqlite *d, int64_t no); /* its observations are here, not in SQLite */
int64_t fresh__number(const struct sqlite *d, int32_t project, struct str id); /* 0: not here */
void fresh__add_trace(struct sqlite *d, int32_t project, struct str id, int64_t no);
/* *known false: ask SQLite. */
MUST_CHECK enum status fresh__get_trace(struct conn *c, struct arena *a, int32_t project, struct str id,
    bool *known, struct row **out, struct err *err);
MUST_CHECK enum status fresh__put_trace(
    struct conn *c, const struct row *r, const struct row *old, int64_t no, struct err *err);
MUST_CHECK enum status fresh__get_observation(
    struct conn *c, struct arena *a, int64_t no, struct str id, struct row **out, struct err *err);
MUST_CHECK enum status fresh__put_observation(
    struct conn *c, const struct row *r, int64_t no, struct err *err);
MUST_CHECK enum status fresh__scan_trace(
    struct conn *c, struct arena *a, int64_t no, row_visitor *visit, void *ctx, struct err *err);
/* Observations of new traces by their bare id / by their parent, where their identity lets them be found so. */
MUST_CHECK enum status fresh__bare(struct conn *c, struct arena *a, int32_t project, struct str id,
    struct row ***out, size_t *n, struct err *err);
MUST_CHECK enum status fresh__children(struct conn *c, struct arena *a, int32_t project, struct str parent,
    struct row ***out, size_t *n, struct err *err);

/* ---- words.c -------------------------------------------------------------------------------------------------------- */

#define WORD_MAX    128   /* bytes; longer texts stand in the row */
#define WORDS_LIMIT 10000 /* words a project may have; what comes later stands in the row */

void words__free(struct conn *c);
void words__forget(struct conn *c);
/* The number of a text, made when `add`; 0 when it has none and stands in the row itself. */
MUST_CHECK enum status words__number(
    struct conn *c, int32_t project, struct str text, bool add, int64_t *number, struct err *err);
MUST_CHECK enum status words__text(
    struct conn *c, struct arena *a, int64_t number, struct str *text, struct err *err);

/* ---- packed.c ------------------------------------------------------------------------------------------------------- */

MUST_CHECK enum status packed__encode(struct conn *c, const struct row *r, struct buf *out, struct err *err);
/* kept: what the SQL columns said, by column number. */
MUST_CHECK enum status packed__decode(struct conn *c, struct arena *a, struct str bytes, struct row *r,
    int64_t base_ns, const struct value *kept, struct err *err);

/* ---- traces.c ------------------------------------------------------------------------------------------------------- */

/* *no 0: there is no such trace. make: give it a number. */
MUST_CHECK enum status traces__number(
    struct conn *c, int32_t project, struct str id, bool make, int64_t *no, struct err *err);
/* Sets c->trace_id and c->trace_project. */
MUST_CHECK enum status traces__of(struct conn *c, int64_t no, struct err *err);
MUST_CHECK enum status traces__put(
    struct conn *c, const struct row *r, const struct row *old, struct err *err);
void traces__forget(struct sqlite *d);
/* The list by start, by difference. */
MUST_CHECK enum status traces__move_in_list(struct conn *c, int32_t project, int64_t no, bool was_listed,
    int64_t was_ns, int64_t start_ns, struct err *err);
MUST_CHECK enum status traces__delete(struct conn *c, const struct row *r, struct err *err);

/* ---- rows.c --------------------------------------------------------------------------------------------------------- */

/* The row under a statement that selects tables__columns(e). *skip: it is only a placeholder. */
MUST_CHECK enum status rows__read(
    struct conn *c, struct arena *a, enum entity e, sqlite3_stmt *s, struct row **out, struct err *err);
MUST_CHECK enum status rows__get(struct conn *c, struct arena *a, int32_t project, enum entity e,
    struct str scope, struct str id, struct row **out, struct err *err);
MUST_CHECK enum status rows__get_observation(
    struct conn *c, struct arena *a, int64_t trace_no, struct str id, struct row **out, struct err *err);
MUST_CHECK enum status rows__get_trace(
    struct conn *c, struct arena *a, int64_t no, struct row **out, struct err *err);
MUST_CHECK enum status rows__put(struct conn *c, const struct row *r, const struct row *old, struct err *err);
MUST_CHECK enum status rows__delete(struct conn *c, const struct row *r, struct err *err);
MUST_CHECK enum status rows__scan_scope(struct conn *c, struct arena *a, int32_t project, enum entity e,
    struct str scope, row_visitor *visit, void *ctx, struct err *err);

/* ---- links.c -------------------------------------------------------------------------------------------------------- */

MUST_CHECK enum status links__put(
    struct conn *c, const struct row *r, const struct row *old, int64_t trace_no, struct err *err);
MUST_CHECK enum status links__delete(struct conn *c, const struct row *r, int64_t trace_no, struct err *err);
MUST_CHECK enum status links__bare(struct conn *c, struct arena *a, int32_t project, struct str id,
    row_visitor *visit, void *ctx, struct err *err);
MUST_CHECK enum status links__children(struct conn *c, struct arena *a, int32_t project, struct str parent_id,
    row_visitor *visit, void *ctx, struct err *err);
MUST_CHECK enum status links__anywhere(struct conn *c, struct arena *a, int32_t project, struct str id,
    row_visitor *visit, void *ctx, struct err *err);
MUST_CHECK enum status links__scan(struct conn *c, struct arena *a, int32_t project, enum entity e,
    unsigned by, struct str value, row_visitor *visit, void *ctx, struct err *err);

/* How a statement names a row: trace number, or trace number and id, or scope and id. */
struct row_key {
    int64_t trace_no;
    struct str scope, id;
};
void links__key(struct arena *a, enum entity e, sqlite3_stmt *s, struct row_key *k);
/* *r NULL: it is not there. */
MUST_CHECK enum status links__row(struct conn *c, struct arena *a, int32_t project, enum entity e,
    const struct row_key *k, struct row **r, struct err *err);
MUST_CHECK enum status links__gather(struct conn *c, struct arena *a, enum entity e, sqlite3_stmt *s,
    struct row_key **keys, size_t *n, struct err *err);
MUST_CHECK enum status links__visit(struct conn *c, struct arena *a, int32_t project, enum entity e,
    const struct row_key *keys, size_t n, row_visitor *visit, void *ctx, struct err *err);

/* ---- facets.c ------------------------------------------------------------------------------------------------------- */

enum facet { FACET_USER, FACET_SESSION, FACET_NAME, FACET_TAG, FACET_MODEL };

int64_t facets__hash(int32_t project, enum facet f, struct str value);
/* Those that a trace shows by itself; sorted, each once. */
void facets__hashes(const struct row *r, struct arena *a, int64_t **hashes, size_t *n);
/* Written by the next facets__flush(), which whoever asks the table calls first. */
void facets__note(struct sqlite *d, int64_t hash, int64_t no, bool add);
void facets__note_old(
    struct sqlite *d, const struct row *old, int64_t no); /* what a trace shows is no more */
void facets__clear(struct sqlite *d);
void facets__free(struct sqlite *d);
MUST_CHECK enum status facets__flush(struct conn *c, struct err *err);
/* Between commits, when FACETS_SPILL are in facet_new: over to facet, in a transaction of its own. */
#define FACETS_SPILL 16384
MUST_CHECK enum status facets__spill(struct conn *c, struct err *err);
/* Numbers of traces that may show the value, at most `limit`; *n = limit + 1 when there are more. Others than the project's may be among
 * them, and traces that showed the value once. Caller frees with mem_free. */
MUST_CHECK enum status facets__find(struct conn *c, int32_t project, enum facet f, const struct str *values,
    size_t n_values, size_t limit, int64_t **numbers, size_t *n, struct err *err);

/* ---- plan.c, scan.c ------------------------------------------------------------------------------------------------- */

/* Conditions of a query as SQL: those that can be said exactly. The names a, t, o, x are the tables of scan.c. */
struct plan {
    struct conn *c;
    const struct query *q;
    struct buf where; /* " AND ..." */
    struct bound *parameters;
    size_t n, cap;
    bool listed; /* keys come from a list by start `a`, not from candidates */
    bool exact;  /* every filter is in `where` */
    struct arena *arena;
    bool counting; /* no order, no cursor: only how many */
};
MUST_CHECK enum status plan__filters(struct plan *p, struct err *err);
void plan__text(struct plan *p, struct str s); /* appends "?" and the value */
void plan__int(struct plan *p, int64_t v);
void plan__id(struct plan *p, struct str id);
const char *plan__start(const struct plan *p); /* SQL of what query_compare() calls the start */

MUST_CHECK enum status scan__query(struct conn *c, struct arena *a, const struct query *q, row_visitor *visit,
    void *ctx, bool *exact, struct err *err);
enum status scan__count(struct conn *c, const struct query *q, int64_t *n, bool *exact, struct err *err);

/* ---- tally.c -------------------------------------------------------------------------------------------------------- */

void tally__add(struct sqlite *d, int32_t project, enum entity e, int64_t by);
void tally__clear(struct sqlite *d);
void tally__free(struct sqlite *d);
MUST_CHECK enum status tally__flush(struct conn *c, struct err *err);
/* As of the last commit. Traces and observations only. */
MUST_CHECK enum status tally__read(
    struct conn *c, int32_t project, enum entity e, int64_t *n, struct err *err);

/* ---- counts.c ------------------------------------------------------------------------------------------------------- */

struct counts *counts__new(void);
void counts__free(struct counts *c);
bool counts__find(struct counts *c, int64_t commit, struct str key, int64_t *n);
void counts__note(struct counts *c, int64_t commit, struct str key, int64_t n);

/* ---- schema.c ------------------------------------------------------------------------------------------------------- */

#define SCHEMA_APPLICATION 0x54574C31 /* "TWL1" */
MUST_CHECK enum status schema__make(struct sqlite *d, struct err *err);
/* Migrates. ST_CORRUPT with a sentence for a file that is not ours or of a newer version. */
MUST_CHECK enum status schema__ready(struct conn *c, struct err *err);
/* The same for a file that is only looked at: nothing is made or changed. */
MUST_CHECK enum status schema__look(struct conn *c, struct err *err);
int schema__version(void);
struct head;
MUST_CHECK enum status schema__number(struct conn *c, const char *text, int64_t *out, struct err *err);
MUST_CHECK enum status schema__head(struct conn *c, struct head *head, struct err *err);
MUST_CHECK enum status schema__facts(
    struct conn *c, struct arena *a, struct segment_fact **facts, size_t *n, struct err *err);

/* ---- sqlite.c ------------------------------------------------------------------------------------------------------- */

/* What one row of table `head` keeps: changed by every commit. */
struct head {
    int64_t commit;
    struct segment_tail tail;
};

struct keeper;

struct sqlite {
    struct driver driver; /* first: a driver is cast to it */
    struct store_options o;
    char *dir;
    char *path; /* of tracewell.db */
    int lock_fd;
    struct conn writer;
    struct segments *segments;
    struct lock lock; /* the pool */
    pthread_cond_t returned;
    struct reader **idle;
    size_t n_idle, n_readers;
    bool writing;                      /* between begin and commit */
    struct head head;                  /* as of the last commit */
    int64_t next_trace, first_trace;   /* the number the next trace gets; as it was at begin */
    struct trace_place *places;        /* traces the writer saw last */
    struct fresh *fresh;               /* rows of the open transaction that SQLite does not have yet */
    struct facet_notes *facets;        /* the same of facets */
    int64_t facets_new, facets_before; /* rows of facet_new; as they were at begin */
    struct counts *counts;             /* totals that were counted */
    struct tallies *tallies;           /* of the open transaction */
    struct feed feed;
    struct buf scratch; /* of the writer */
    int wal_pages;      /* in the write-ahead log, as of the last commit */
    int kept_pages;     /* of them, when the keeper was last woken */
    struct keeper *keeper;
    int64_t page_size;
};

/* ---- keeper.c: checkpoints beside the writer ------------------------------------------------------------------------ */

struct keeper;
enum status keeper__start(const char *path, struct keeper **out, struct err *err);
void keeper__wake(struct keeper *k); /* a checkpoint is worth while */
void keeper__stop(struct keeper *k); /* NULL is fine */

#endif
