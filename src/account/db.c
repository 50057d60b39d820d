/*
 * db: DIR/accounts.db, the one SQLite file of accounts.
 *
 * The server keeps it open for as long as it runs while `tracewell key ...` edits it from another process. So the file is in WAL mode
 * (a reader never waits for a writer), every edit is one BEGIN IMMEDIATE transaction (a second writer waits its turn, up to the busy
 * timeout), and synchronous=FULL puts a commit on disk before it is reported.
 *
 * The schema is a list of scripts; user_version says how many of them the file has seen. A released script is never edited.
 */
#include "account/account_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION_ID  0x54576163 /* "TWac" */
#define BUSY_TIMEOUT_MS 5000

/* Numbers of projects and ids of keys are never given twice (AUTOINCREMENT), and rows of projects, keys and users are marked, not
 * deleted: trace data and audit trails point at them. `token` holds SHA-256 of every secret and every public id, so that both share
 * one index. */
static const char *const scripts[] = {
    "CREATE TABLE organization ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL,"
    "  created_ns INTEGER NOT NULL) STRICT;"

    "CREATE TABLE project ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  organization INTEGER NOT NULL REFERENCES organization,"
    "  id TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL,"
    "  slug TEXT NOT NULL,"
    "  created_ns INTEGER NOT NULL,"
    "  deleted_ns INTEGER) STRICT;"
    "CREATE UNIQUE INDEX project_slug ON project(slug) WHERE deleted_ns IS NULL;"

    "CREATE TABLE api_key ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  organization INTEGER NOT NULL REFERENCES organization,"
    "  project INTEGER REFERENCES project," /* NULL: a team key */
    "  form TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  public_id TEXT,"
    "  hint TEXT NOT NULL,"
    "  ingest_only INTEGER NOT NULL,"
    "  created_ns INTEGER NOT NULL,"
    "  revoked_ns INTEGER) STRICT;"
    "CREATE INDEX api_key_project ON api_key(project);"

    "CREATE TABLE token ("
    "  hash BLOB NOT NULL,"
    "  key INTEGER NOT NULL REFERENCES api_key,"
    "  public_half INTEGER NOT NULL,"
    "  PRIMARY KEY (hash, key)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE user ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL UNIQUE,"
    "  email TEXT NOT NULL COLLATE NOCASE,"
    "  name TEXT NOT NULL,"
    "  password TEXT NOT NULL,"
    "  created_ns INTEGER NOT NULL,"
    "  deleted_ns INTEGER) STRICT;"
    "CREATE UNIQUE INDEX user_email ON user(email) WHERE deleted_ns IS NULL;"

    "CREATE TABLE member ("
    "  user INTEGER NOT NULL REFERENCES user,"
    "  organization INTEGER NOT NULL REFERENCES organization,"
    "  role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),"
    "  PRIMARY KEY (user, organization)) STRICT, WITHOUT ROWID;",

    /* What Langtrace's API says of a project; updated_ns NULL: never changed. minted: by account_mint_key(), one live a project or team. */
    "ALTER TABLE project ADD COLUMN description TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE project ADD COLUMN type TEXT NOT NULL DEFAULT 'default';"
    "ALTER TABLE project ADD COLUMN updated_ns INTEGER;"
    "ALTER TABLE api_key ADD COLUMN minted INTEGER NOT NULL DEFAULT 0;",
};
#define SCHEMA_VERSION ((int64_t)(sizeof scripts / sizeof *scripts))

/* ---- Statements ---- */

enum status account__fail(struct account *acc, struct err *err)
{
    const char *text = sqlite3_errmsg(acc->db);
    switch (sqlite3_errcode(acc->db)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ST_BUSY, "accounts.db is being edited by another process; try again in a moment");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ST_CORRUPT, "accounts.db is damaged (%s); restore it from a backup", text);
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_CONSTRAINT: return err_set(err, ST_INTERNAL, "accounts.db: %s", text);
    default: return err_set(err, ST_IO, "accounts.db cannot be read or written: %s", text);
    }
}

static int bind_one(sqlite3_stmt *st, int at, const struct bind *b)
{
    if (b->kind == BIND_INT || (b->kind == BIND_REF && b->i))
        return sqlite3_bind_int64(st, at, b->i);
    if (b->kind == BIND_REF || !b->s.p)
        return sqlite3_bind_null(st, at);
    if (b->kind == BIND_TEXT)
        return sqlite3_bind_text64(st, at, b->s.p, b->s.n, SQLITE_TRANSIENT, SQLITE_UTF8);
    return sqlite3_bind_blob64(st, at, b->s.p, b->s.n, SQLITE_TRANSIENT);
}

struct rows account__query(struct account *acc, const char *sql, const struct bind *binds, size_t n)
{
    struct rows r = { .acc = acc };
    r.rc = sqlite3_prepare_v2(acc->db, sql, -1, &r.st, NULL);
    for (size_t i = 0; i < n && r.rc == SQLITE_OK; i++)
        r.rc = bind_one(r.st, (int)i + 1, &binds[i]);
    return r;
}

bool account__next(struct rows *r)
{
    if (r->rc == SQLITE_OK || r->rc == SQLITE_ROW)
        r->rc = sqlite3_step(r->st);
    return r->rc == SQLITE_ROW;
}

int64_t account__int(const struct rows *r, int column)
{
    return sqlite3_column_int64(r->st, column);
}

struct str account__text(const struct rows *r, int column)
{
    const char *p = (const char *)sqlite3_column_text(r->st, column);
    return p ? (struct str){ p, (size_t)sqlite3_column_bytes(r->st, column) } : STR_NONE;
}

enum status account__end(struct rows *r, struct err *err)
{
    bool well = r->rc == SQLITE_OK || r->rc == SQLITE_ROW || r->rc == SQLITE_DONE;
    enum status st = well ? ST_OK : account__fail(r->acc, err);
    sqlite3_finalize(r->st);
    r->st = NULL;
    return st;
}

enum status account__run(
    struct account *acc, const char *sql, const struct bind *binds, size_t n, struct err *err)
{
    struct rows r = account__query(acc, sql, binds, n);
    while (account__next(&r)) {
    }
    return account__end(&r, err);
}

enum status account__number(struct account *acc, const char *sql, const struct bind *binds, size_t n,
    int64_t *out, bool *found, struct err *err)
{
    struct rows r = account__query(acc, sql, binds, n);
    *found = account__next(&r);
    *out = *found ? account__int(&r, 0) : 0;
    return account__end(&r, err);
}

/* ---- Transactions ---- */

enum status account__begin(struct account *acc, bool writes, struct err *err)
{
    lock_take(&acc->lock);
    enum status st = account__run(acc, writes ? "BEGIN IMMEDIATE" : "BEGIN", NO_BINDS, err);
    if (st != ST_OK)
        lock_drop(&acc->lock);
    return st;
}

enum status account__finish(struct account *acc, enum status st, struct err *err)
{
    if (st == ST_OK)
        st = account__run(acc, "COMMIT", NO_BINDS, err);
    if (st != ST_OK && !sqlite3_get_autocommit(acc->db))
        sqlite3_exec(acc->db, "ROLLBACK", NULL, NULL, NULL); /* the first error is the one to tell */
    account__forget(acc); /* data_version does not move for edits of one's own */
    lock_drop(&acc->lock);
    return st;
}

/* ---- The folder and the file ---- */

static enum status sync_folder(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (rc != 0)
        return err_set(err, ST_IO, "the folder %s cannot be synced: %s", dir, strerror(error));
    return ST_OK;
}

static enum status sync_parent(const char *path, struct err *err)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    return sync_folder(dirname(copy), err);
}

/* One folder, for its owner alone. */
static enum status make_folder(const char *path, struct err *err)
{
    struct stat info;
    if (mkdir(path, 0700) == 0)
        return sync_parent(path, err);
    int error = errno;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return ST_OK;
        error = ENOTDIR;
    }
    return err_set(err, ST_IO, "the data folder %s cannot be made: %s", path, strerror(error));
}

static enum status make_folders(const char *dir, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", dir);
    for (char *p = path + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char was = *p;
        *p = 0;
        enum status st = make_folder(path, err);
        if (st != ST_OK || !was)
            return st;
        *p = was;
    }
}

/* SQLite would make the file readable by all. O_EXCL also means that no connection of this process can have it open already, whose
 * locks the close() below would drop. SQLite gives the -wal and -shm files the mode of this one. */
static enum status make_file(const char *dir, const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return ST_OK;
    if (fd < 0)
        return err_set(err, ST_IO, "%s cannot be made: %s", path, strerror(errno));
    close(fd);
    return sync_folder(dir, err);
}

/* ---- Opening ---- */

/* A file of somebody else must not be touched. Both answers come from one statement, and so from one moment. */
static enum status check_ours(struct account *acc, struct err *err)
{
    struct rows r = account__query(acc,
        "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id", NO_BINDS);
    bool ours = account__next(&r);
    int64_t id = ours ? account__int(&r, 0) : 0;
    ours = id == APPLICATION_ID || (ours && id == 0 && account__int(&r, 1) == 0);
    enum status st = account__end(&r, err);
    if (st != ST_OK || ours)
        return st;
    return err_set(err, ST_CORRUPT,
        "accounts.db is a database of another program (application id %" PRId64
        "); name an empty folder with --data",
        id);
}

/* Changing the mode needs the file alone for a moment and SQLite does not wait for that, so two first starts at once would fail. */
static enum status set_wal(struct account *acc, struct err *err)
{
    const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
    for (int tries = 0;; tries++) {
        struct rows r = account__query(acc, "PRAGMA journal_mode = WAL", NO_BINDS);
        bool wal = account__next(&r) && str_is(account__text(&r, 0), "wal");
        enum status st = account__end(&r, err);
        if (st == ST_OK && !wal)
            return err_set(err, ST_IO,
                "accounts.db cannot use a write-ahead log here; put the data folder on a local file system");
        if (st != ST_BUSY || tries * 20 >= BUSY_TIMEOUT_MS)
            return st;
        nanosleep(&pause, NULL);
    }
}

static enum status run_scripts(struct account *acc, int64_t from, struct err *err)
{
    char pragma[64];
    for (int64_t i = from; i < SCHEMA_VERSION; i++)
        if (sqlite3_exec(acc->db, scripts[i], NULL, NULL, NULL) != SQLITE_OK)
            return account__fail(acc, err);
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d", APPLICATION_ID);
    enum status st = account__run(acc, pragma, NO_BINDS, err);
    if (st != ST_OK)
        return st;
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %" PRId64, SCHEMA_VERSION);
    return account__run(acc, pragma, NO_BINDS, err);
}

static enum status read_version(struct account *acc, int64_t *version, struct err *err)
{
    bool found;
    enum status st = account__number(acc, "PRAGMA user_version", NO_BINDS, version, &found, err);
    if (st == ST_OK && *version > SCHEMA_VERSION)
        return err_set(err, ST_CONFLICT,
            "accounts.db has schema %" PRId64 " and this program knows schemas up to %" PRId64
            ": it was written by a newer Tracewell, so use that one",
            *version, SCHEMA_VERSION);
    return st;
}

static enum status migrate(struct account *acc, struct err *err)
{
    int64_t version;
    enum status st = read_version(acc, &version, err);
    if (st != ST_OK || version == SCHEMA_VERSION)
        return st;
    st = account__begin(acc, true, err);
    if (st != ST_OK)
        return st;
    st = read_version(acc, &version, err); /* another process may have been faster */
    if (st == ST_OK)
        st = run_scripts(acc, version, err);
    return account__finish(acc, st, err);
}

static enum status set_up(struct account *acc, struct err *err)
{
    sqlite3_busy_timeout(acc->db, BUSY_TIMEOUT_MS);
    enum status st = check_ours(acc, err);
    if (st == ST_OK)
        st = set_wal(acc, err);
    if (st == ST_OK)
        st = account__run(acc, "PRAGMA synchronous = FULL", NO_BINDS, err);
    if (st == ST_OK)
        st = account__run(acc, "PRAGMA foreign_keys = ON", NO_BINDS, err);
    return st == ST_OK ? migrate(acc, err) : st;
}

enum status account__open_db(struct account *acc, const char *dir, struct err *err)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/accounts.db", dir);
    if (!dir[0] || n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ST_INVALID, "the name of the data folder must have 1 to %d bytes", PATH_MAX - 20);
    enum status st = make_folders(dir, err);
    if (st == ST_OK)
        st = make_file(dir, path, err);
    if (st != ST_OK)
        return st;
    /* NOMUTEX: acc->lock is what keeps threads apart. */
    if (sqlite3_open_v2(path, &acc->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return err_set(err, ST_IO, "%s cannot be opened: %s", path, sqlite3_errmsg(acc->db));
    return set_up(acc, err);
}

void account__close_db(struct account *acc)
{
    sqlite3_finalize(acc->version_stmt);
    sqlite3_finalize(acc->token_stmt);
    sqlite3_finalize(acc->project_stmt);
    int rc = sqlite3_close(acc->db);
    assert(rc == SQLITE_OK); /* a statement was left open */
    (void)rc;
}
