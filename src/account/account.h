/*
 * account: organisations, projects, users, keys. Who may do what where.
 *
 * Place     api asks account_find() for each request; the command line edits; main creates the first ones. Kept in DIR/accounts.db, a
 *           SQLite file of its own, so `tracewell key ...` works beside a running server.
 * Promise   Secrets are stored hashed only (keys: SHA-256 of high-entropy text; passwords: Argon2id). A revoked key fails at once:
 *           PRAGMA data_version is looked at before the cache is trusted.
 * Threads   every call from any thread.
 * Errors    sentences that name what is wrong and what would be right.
 */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

/* Numbers equal enum key_form of dialect/dialect.h: none 0, langfuse 1, langwatch 2, langtrace 3, lunary 4, agenttrace 5, tracewell 6. */
enum account_form {
    ACCOUNT_NONE,
    ACCOUNT_LANGFUSE,
    ACCOUNT_LANGWATCH,
    ACCOUNT_LANGTRACE,
    ACCOUNT_LUNARY,
    ACCOUNT_AGENTTRACE,
    ACCOUNT_TRACEWELL,
    ACCOUNT_FORMS
};
const char *account_form_name(enum account_form f);
int account_form_find(struct str name);

struct account;

/* What one token opens. Copied into the arena given. */
struct account_key {
    int64_t id;      /* 0: a project's id taken as its Lunary public key, without a row */
    int32_t project; /* 0: a Langtrace team key, which opens its organization alone; no project texts then */
    struct str project_id, project_name, project_slug, organization_id;
    enum account_form form;
    bool public_half;
    bool ingest_only;
    struct str public_id; /* of the key's row, absent if it has none */
    bool failed;          /* with an answer of false: accounts.db could not be read, so 503 and not 401 */
};

MUST_CHECK enum status account_open(const char *dir, struct account **out, struct err *err);
void account_close(struct account *acc);

/* Look a token up: a secret (hashed), or a public id (clear). false: unknown. Constant time in the secret. A few hundred ns when
 * cached. */
bool account_find(struct account *acc, struct str token, struct arena *a, struct account_key *out);
/* A Basic pair: second half is the token; the first must be that row's public id if it has one. Else it is a project id, which a key
 * bound to one project ignores, as all of ours are (langwatch.md 2.1, 2.2). */
bool account_find_pair(
    struct account *acc, struct str first, struct str second, struct arena *a, struct account_key *out);
/* Form a token has by its shape, for errors only (collisions.md 3.3). */
enum account_form account_form_of_shape(struct str token);

/* A project's own fields, for products whose API shows and makes projects. Texts are copied into the arena given. */
struct account_project {
    int32_t number;
    struct str id, name, description, type, organization_id;
    int64_t created_ns, updated_ns;
};
/* Make a project in the organization p->organization_id with p's name, description and type; the rest of *p is filled in. The name may be
 * empty. ST_NOT_FOUND: no such organization; ST_INVALID with the member's name as path. */
MUST_CHECK enum status account_make_project(
    struct account *acc, struct arena *a, struct account_project *p, struct err *err);
/* *found: there is such a project, and it is not deleted. */
MUST_CHECK enum status account_get_project(struct account *acc, struct arena *a, struct str id,
    struct account_project *out, bool *found, struct err *err);
/* Mark a project as deleted: its keys fail at once. */
MUST_CHECK enum status account_remove_project(struct account *acc, struct str id, struct err *err);
/* A fresh Langtrace key for a project of the organization, or for the organization itself when project_id is absent. The one that was
 * minted before in this way fails from now on; keys made elsewhere stay. ST_NOT_FOUND: no such project there. */
MUST_CHECK enum status account_mint_key(struct account *acc, struct arena *a, struct str organization_id,
    struct str project_id, struct str *secret, struct err *err);

/* --init FILE.json: make what is named and missing, idempotently. Nothing is made when anything in it is wrong: the error names the
 * JSON path. */
MUST_CHECK enum status account_init(struct account *acc, struct str json_text, struct err *err);
/* Empty folder: an organisation, a project, a key of each form, an admin user. *print gets the text to show once; false when accounts
 * exist already. */
MUST_CHECK enum status account_first(struct account *acc, struct buf *print, bool *made, struct err *err);
/* Project number to project id, for shell commands and tests, of deleted projects too; STR_NONE unknown. Numbers start at 1. */
struct str account_project_id(struct account *acc, int32_t project, struct arena *a);
/* *ok: there is such a user and this is the password. Takes equally long when there is none. */
MUST_CHECK enum status account_check_password(
    struct account *acc, struct str email, struct str password, bool *ok, struct err *err);

/* `tracewell project|key|user ...`: argv behind that word. Prints to out (text or --json), errors are sentences. Returns the exit code. */
int account_command(const char *word, int argc, char **argv, struct buf *out, struct buf *errors);
void account_command_help(const char *word, struct buf *out);

#endif
