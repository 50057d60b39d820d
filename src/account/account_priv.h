/*
 * account_priv: what the files of this folder share.
 *
 * db.c      the SQLite file: opening, schema, statements, transactions
 * form.c    the six key forms: names, shapes, fresh keys
 * edit.c    what can be made and changed, inside a transaction
 * lookup.c  tokens to keys, with the cache
 * project.c what products' own APIs do with projects and keys
 * init.c    --init          first.c  the first start
 * commands.c, actions.c, table.c     the command line: words, what they do, how lists are printed
 */
#ifndef ACCOUNT_ACCOUNT_PRIV_H
#define ACCOUNT_ACCOUNT_PRIV_H

#include <sqlite3.h>

#include "account/account.h"
#include "base/lock.h"

#define ACCOUNT_HASH_BYTES  32
#define ACCOUNT_CACHE_SLOTS 1024 /* a power of two */

struct account_entry;

struct account {
    struct lock lock; /* all below; held through a whole transaction */
    sqlite3 *db;
    sqlite3_stmt *version_stmt, *token_stmt, *project_stmt;
    int64_t version; /* PRAGMA data_version when the cache was last known to be right */
    struct account_entry *cache[ACCOUNT_CACHE_SLOTS];
    struct lock hashing; /* one Argon2id at a time: each takes 64 MiB */
};

/* ---- db.c ---- */

/* One parameter of a statement. B_REF binds NULL for 0. */
struct bind {
    enum { BIND_INT, BIND_REF, BIND_TEXT, BIND_BLOB } kind;
    int64_t i;
    struct str s;
};
#define B_INT(v)                   \
    {                              \
        .kind = BIND_INT, .i = (v) \
    }
#define B_REF(v)                   \
    {                              \
        .kind = BIND_REF, .i = (v) \
    }
#define B_TEXT(v)                   \
    {                               \
        .kind = BIND_TEXT, .s = (v) \
    } /* absent binds NULL */
#define B_HASH(v)                                                        \
    {                                                                    \
        .kind = BIND_BLOB, .s = {(const char *)(v), ACCOUNT_HASH_BYTES } \
    }
#define BINDS(...) \
    (const struct bind[]){ __VA_ARGS__ }, sizeof((const struct bind[]){ __VA_ARGS__ }) / sizeof(struct bind)
#define NO_BINDS NULL, 0

/* A query that runs. Texts are views until the next step; account__end() says whether all went well. */
struct rows {
    struct account *acc;
    sqlite3_stmt *st;
    int rc;
};

MUST_CHECK enum status account__open_db(struct account *acc, const char *dir, struct err *err);
void account__close_db(struct account *acc);
enum status account__fail(struct account *acc, struct err *err); /* the sentence for SQLite's last error */
struct rows account__query(struct account *acc, const char *sql, const struct bind *binds, size_t n);
bool account__next(struct rows *r);
int64_t account__int(const struct rows *r, int column);
struct str account__text(const struct rows *r, int column);
MUST_CHECK enum status account__end(struct rows *r, struct err *err);
/* A statement without rows. */
MUST_CHECK enum status account__run(
    struct account *acc, const char *sql, const struct bind *binds, size_t n, struct err *err);
/* The first row's first number; *found false and *out 0 when there is no row. */
MUST_CHECK enum status account__number(struct account *acc, const char *sql, const struct bind *binds,
    size_t n, int64_t *out, bool *found, struct err *err);

/* Take the lock and begin; ST_OK must be followed by account__finish(), which commits when `st` is ST_OK, rolls back otherwise,
 * and drops the lock. It returns `st`, or why the commit failed. */
MUST_CHECK enum status account__begin(struct account *acc, bool writes, struct err *err);
MUST_CHECK enum status account__finish(struct account *acc, enum status st, struct err *err);

/* ---- lookup.c ---- */

void account__forget(struct account *acc); /* empty the cache; the lock is held, or nobody else is there */

/* ---- form.c ---- */

struct form_row {
    const char *name;
    const char *public_variable; /* NULL: keys of this form have no public half */
    const char *secret_variable; /* where its SDKs look for the key */
};
const struct form_row *account__form(enum account_form f);
/* A fresh key in the form's own shape. public_id is absent where the form has none, the project's id for Lunary. */
void account__fresh_key(
    enum account_form f, struct str project_id, struct arena *a, struct str *public_id, struct str *secret);
struct str account__fresh_password(struct arena *a);
/* "langfuse, langwatch, ..." */
const char *account__form_names(void);

/* ---- edit.c: inside a transaction; a refusal's path is the member's name in the --init file ---- */

struct new_project {
    int64_t organization;
    struct str id, name;
    bool nameless; /* the name may be empty */
};

struct new_key {
    int64_t organization;
    int64_t project; /* 0: a team key of the organisation */
    enum account_form form;
    struct str public_id, secret, name;
    bool ingest_only;
};

struct new_user {
    struct str email, name, password;
};

enum key_state { KEY_MADE, KEY_THERE, KEY_REVOKED };

MUST_CHECK enum status account__check_name(const char *path, struct str name, struct err *err);
MUST_CHECK enum status account__check_role(struct str role, struct err *err);
MUST_CHECK enum status account__check_password_rules(struct str password, struct err *err);

MUST_CHECK enum status account__make_organization(
    struct account *acc, struct str id, struct str name, int64_t *number, struct err *err);
/* Its slug comes from the name. ST_CONFLICT when the id is taken, also by a deleted project. */
MUST_CHECK enum status account__make_project(
    struct account *acc, const struct new_project *p, int64_t *number, struct err *err);
/* Makes the key unless one with this secret is there: *state says which. A revoked one stays revoked. ST_CONFLICT: a text of it
 * belongs to a row that differs in project, form or half. */
MUST_CHECK enum status account__make_key(
    struct account *acc, const struct new_key *k, int64_t *id, enum key_state *state, struct err *err);
MUST_CHECK enum status account__make_user(
    struct account *acc, const struct new_user *u, int64_t *number, struct err *err);
/* Adds the membership; one that is there keeps its role. */
MUST_CHECK enum status account__make_member(
    struct account *acc, int64_t user, int64_t organization, struct str role, struct err *err);
MUST_CHECK enum status account__set_password(
    struct account *acc, int64_t user, struct str password, struct err *err);

/* ---- table.c: a list, printed as text or as JSON ---- */

enum cell_kind { CELL_TEXT, CELL_NUMBER, CELL_BOOL, CELL_TIME, CELL_SECRET };

struct column {
    const char *key;
    enum cell_kind kind;
    bool json_only; /* lines on a screen are short */
};

struct cell {
    struct str s;
    int64_t i;
};

struct table {
    struct arena *a;
    const struct column *columns;
    size_t n;
    struct cell *cells; /* row by row */
    size_t used, cap;
};

struct table table_of(struct arena *a, const struct column *columns, size_t n);
void table_text(struct table *t, struct str s); /* the next cell; copied */
void table_int(struct table *t, int64_t i);
void table_query(struct table *t, struct rows *r); /* all rows of a query, column by column */
void table_list(const struct table *t, bool json, const char *name, struct buf *out);
void table_one(const struct table *t, bool json, struct buf *out); /* its only row, one line a cell */

/* ---- commands.c ---- */

enum command_option {
    OPT_DATA,
    OPT_JSON,
    OPT_ORGANIZATION,
    OPT_PROJECT,
    OPT_FORM,
    OPT_NAME,
    OPT_ID,
    OPT_PUBLIC,
    OPT_SECRET,
    OPT_INGEST_ONLY,
    OPT_ALL,
    OPT_ROLE,
    OPT_PASSWORD,
    OPT_PASSWORD_STDIN,
    OPT_COUNT,
};

#define COMMAND_ARGUMENTS 2

struct command {
    struct account *acc;
    struct arena *a;
    struct str arguments[COMMAND_ARGUMENTS];
    struct str options[OPT_COUNT]; /* STR_NONE: not given; a flag that is given has a text */
    struct buf *out;
};

/* One row a command. Runs inside a transaction; what it printed is dropped when the commit fails. */
struct action {
    const char *word, *name;
    const char *arguments; /* "PROJECT NEW-NAME", "" for none */
    unsigned options;      /* one bit an option it takes, besides --data and --json */
    bool writes;
    bool founds; /* may make the folder */
    const char *text;
    enum status (*run)(struct command *c, struct err *err);
};

extern const struct action account__actions[];
extern const size_t account__action_count;

#endif
