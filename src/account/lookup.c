/*
 * lookup: tokens to keys.
 *
 *     token -> SHA-256 -> data_version unchanged? -> slot of the cache -> accounts.db
 *
 * The cache has one entry a slot, found by the hash, and holds keys that are valid; an unknown token costs a look into the index each
 * time and cannot push anything out. PRAGMA data_version on this connection changes when any other one has committed, so it is asked
 * before the cache is believed (about 1 us; it reads the shared index of the log): a key revoked by another process fails at the
 * next request. Edits through this handle empty the cache themselves.
 *
 * A secret is compared by its hash only: what the time of an index look-up tells about a SHA-256 says nothing about the text, and the
 * comparison in the cache takes constant time.
 */
#include "account/account_priv.h"

#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

/* The texts of `key` lie behind the entry, in the same piece of memory. */
struct account_entry {
    uint8_t hash[ACCOUNT_HASH_BYTES];
    struct account_key key;
    char text[];
};

void account__forget(struct account *acc)
{
    for (size_t i = 0; i < ACCOUNT_CACHE_SLOTS; i++) {
        mem_free(acc->cache[i]);
        acc->cache[i] = NULL;
    }
}

/* ---- Statements that stay prepared ---- */

/* Whoever steps one must reset it: a statement that is not at its end holds the log at an old state. */
static sqlite3_stmt *ready(struct account *acc, sqlite3_stmt **st, const char *sql)
{
    if (!*st && sqlite3_prepare_v3(acc->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK)
        return NULL;
    return *st;
}

static void log_failure(struct account *acc)
{
    struct err err;
    account__fail(acc, &err);
    log_error("account", "a key could not be looked up: %s", err.text);
}

/* Whether the cache may be believed; it is emptied first when somebody has written. False: the file cannot be read. */
static bool check_version(struct account *acc)
{
    sqlite3_stmt *st = ready(acc, &acc->version_stmt, "PRAGMA data_version");
    if (!st || sqlite3_step(st) != SQLITE_ROW) {
        log_failure(acc);
        sqlite3_reset(st);
        return false;
    }
    int64_t version = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    if (version != acc->version) {
        account__forget(acc);
        acc->version = version;
    }
    return true;
}

/* ---- A row becomes an entry ---- */

#define KEY_COLUMNS "o.id, p.number, p.id, p.name, p.slug"

static struct str column_text(sqlite3_stmt *st, int column)
{
    const char *p = (const char *)sqlite3_column_text(st, column);
    return p ? (struct str){ p, (size_t)sqlite3_column_bytes(st, column) } : STR_NONE;
}

/* The columns of KEY_COLUMNS; views that live until the statement is reset. */
static struct account_key owner_of_row(sqlite3_stmt *st)
{
    return (struct account_key){
        .organization_id = column_text(st, 0),
        .project = sqlite3_column_int(st, 1),
        .project_id = column_text(st, 2),
        .project_name = column_text(st, 3),
        .project_slug = column_text(st, 4),
    };
}

static void move_text(struct str *s, char **to)
{
    if (!s->p)
        return;
    memcpy(*to, s->p, s->n);
    s->p = *to;
    *to += s->n;
}

static struct account_entry *new_entry(const uint8_t hash[ACCOUNT_HASH_BYTES], struct account_key key)
{
    size_t bytes =
        key.project_id.n + key.project_name.n + key.project_slug.n + key.organization_id.n + key.public_id.n;
    struct account_entry *e = mem_alloc(sizeof *e + bytes);
    char *to = e->text;
    move_text(&key.project_id, &to);
    move_text(&key.project_name, &to);
    move_text(&key.project_slug, &to);
    move_text(&key.organization_id, &to);
    move_text(&key.public_id, &to);
    memcpy(e->hash, hash, ACCOUNT_HASH_BYTES);
    e->key = key;
    return e;
}

/* ---- The two questions ---- */

/* SQLITE_ROW: *e is the entry of the oldest live key with this text. Rows that share a text agree in project, form and half. */
static int load_key(struct account *acc, const uint8_t hash[ACCOUNT_HASH_BYTES], struct account_entry **e)
{
    sqlite3_stmt *st = ready(acc, &acc->token_stmt,
        "SELECT " KEY_COLUMNS ", k.id, k.form, t.public_half, k.ingest_only, k.public_id"
        " FROM token t JOIN api_key k ON k.id = t.key JOIN organization o ON o.number = k.organization"
        " LEFT JOIN project p ON p.number = k.project"
        " WHERE t.hash = ? AND k.revoked_ns IS NULL AND p.deleted_ns IS NULL ORDER BY k.id LIMIT 1");
    if (!st || sqlite3_bind_blob(st, 1, hash, ACCOUNT_HASH_BYTES, SQLITE_STATIC) != SQLITE_OK)
        return SQLITE_ERROR;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        struct account_key key = owner_of_row(st);
        key.id = sqlite3_column_int64(st, 5);
        int form = account_form_find(column_text(st, 6));
        key.form = form < 0 ? ACCOUNT_TRACEWELL : (enum account_form)form;
        key.public_half = sqlite3_column_int(st, 7);
        key.ingest_only = sqlite3_column_int(st, 8);
        key.public_id = column_text(st, 9);
        *e = new_entry(hash, key);
    }
    sqlite3_reset(st);
    return rc;
}

/* A project's id is its Lunary public key, also when no key says so (llmonitor.md 1); but once a key did, that key decides, so that
 * revoking the last one closes this door too. */
static int load_project(
    struct account *acc, struct str token, const uint8_t hash[ACCOUNT_HASH_BYTES], struct account_entry **e)
{
    sqlite3_stmt *st = ready(acc, &acc->project_stmt,
        "SELECT " KEY_COLUMNS " FROM project p JOIN organization o ON o.number = p.organization"
        " WHERE p.id = ? AND p.deleted_ns IS NULL AND NOT EXISTS (SELECT 1 FROM token WHERE hash = ?)");
    if (!st || sqlite3_bind_text64(st, 1, token.p, token.n, SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK ||
        sqlite3_bind_blob(st, 2, hash, ACCOUNT_HASH_BYTES, SQLITE_STATIC) != SQLITE_OK)
        return SQLITE_ERROR;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        struct account_key key = owner_of_row(st);
        key.form = ACCOUNT_LUNARY;
        key.public_half = true;
        key.public_id = key.project_id;
        *e = new_entry(hash, key);
    }
    sqlite3_reset(st);
    sqlite3_clear_bindings(st); /* the token is the caller's memory */
    return rc;
}

/* NULL: no such key, or *failed. The lock is held. */
static const struct account_entry *find(struct account *acc, struct str token, bool *failed)
{
    uint8_t hash[ACCOUNT_HASH_BYTES];
    hash_sha256(token, hash);
    *failed = !check_version(acc);
    if (*failed)
        return NULL;
    struct account_entry **slot = &acc->cache[(hash[0] | (size_t)hash[1] << 8) % ACCOUNT_CACHE_SLOTS];
    if (*slot && bytes_equal_ct((*slot)->hash, hash, sizeof hash))
        return *slot;
    struct account_entry *e = NULL;
    int rc = load_key(acc, hash, &e);
    if (rc == SQLITE_DONE)
        rc = load_project(acc, token, hash, &e);
    *failed = rc != SQLITE_ROW && rc != SQLITE_DONE;
    if (*failed)
        log_failure(acc);
    if (!e)
        return NULL;
    mem_free(*slot);
    *slot = e;
    return e;
}

/* ---- What the others call ---- */

static void copy_key(const struct account_key *key, struct arena *a, struct account_key *out)
{
    *out = *key;
    out->project_id = arena_dup(a, key->project_id);
    out->project_name = arena_dup(a, key->project_name);
    out->project_slug = arena_dup(a, key->project_slug);
    out->organization_id = arena_dup(a, key->organization_id);
    out->public_id = arena_dup(a, key->public_id);
}

bool account_find(struct account *acc, struct str token, struct arena *a, struct account_key *out)
{
    return account_find_pair(acc, STR_NONE, token, a, out);
}

/* A row without a public id takes any first half: LangWatch's clients put the project's id there, which its project keys ignore and
 * its API keys need only when they are bound to several projects; ours are bound to one (langwatch.md 2.2). */
static bool half_agrees(const struct account_key *key, struct str first)
{
    return !first.p || !key->public_id.p || str_eq(first, key->public_id);
}

bool account_find_pair(
    struct account *acc, struct str first, struct str second, struct arena *a, struct account_key *out)
{
    bool failed = false;
    *out = (struct account_key){ 0 };
    if (second.n == 0)
        return false;
    lock_take(&acc->lock);
    const struct account_entry *e = find(acc, second, &failed);
    bool found = e && half_agrees(&e->key, first);
    if (found)
        copy_key(&e->key, a, out);
    lock_drop(&acc->lock);
    out->failed = failed;
    return found;
}
