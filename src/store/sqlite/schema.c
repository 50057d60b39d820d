/*
 * The tables, as a list of migrations: step n brings a database of version n to n + 1, so a new folder runs them all. Columns have no
 * declared types where what they hold varies: an id is bytes or text, a name the number of a word or a text.
 */
#include "store/sqlite/sqlite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define KEPT_TAIL "created_ns INTEGER, updated_by INTEGER, packed BLOB, fold BLOB"

static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE head(one INTEGER PRIMARY KEY CHECK(one = 1), commits INTEGER NOT NULL, segment INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " ordinal INTEGER NOT NULL);"
    "INSERT INTO head VALUES(1, 0, 0, 0, 0);"
    "CREATE TABLE segment(number INTEGER PRIMARY KEY, state INTEGER NOT NULL, bytes INTEGER NOT NULL, records INTEGER NOT NULL);"
    "CREATE TABLE word(number INTEGER PRIMARY KEY, project INTEGER NOT NULL, text TEXT NOT NULL);"
    "CREATE UNIQUE INDEX word_text ON word(project, text);"
    "CREATE TABLE trace(no INTEGER PRIMARY KEY, project INTEGER NOT NULL, id NOT NULL, identity INTEGER, start_ns INTEGER, end_ns INTEGER,"
    " name, user_id, session_id, environment, release, version, " KEPT_TAIL ", derived BLOB);"
    "CREATE UNIQUE INDEX trace_key ON trace(project, id);"
    "CREATE TABLE trace_at(project INTEGER NOT NULL, start_ns INTEGER NOT NULL, no INTEGER NOT NULL, PRIMARY KEY(project, start_ns, no))"
    " WITHOUT ROWID;"
    "CREATE TABLE observation(trace_no INTEGER NOT NULL, id NOT NULL, identity INTEGER, start_ns INTEGER, type INTEGER, name, parent_id,"
    " level INTEGER, model, user_id, environment, " KEPT_TAIL ", PRIMARY KEY(trace_no, id)) WITHOUT ROWID;"
    "CREATE TABLE observation_at(project INTEGER NOT NULL, start_ns INTEGER NOT NULL, trace_no INTEGER NOT NULL, id NOT NULL,"
    " PRIMARY KEY(project, start_ns, trace_no, id)) WITHOUT ROWID;"
    "CREATE TABLE bare(project INTEGER NOT NULL, id NOT NULL, trace_no INTEGER NOT NULL, PRIMARY KEY(project, id, trace_no)) WITHOUT ROWID;"
    "CREATE TABLE child(project INTEGER NOT NULL, parent NOT NULL, trace_no INTEGER NOT NULL, id NOT NULL,"
    " PRIMARY KEY(project, parent, trace_no, id)) WITHOUT ROWID;"
    "CREATE TABLE facet_new(seq INTEGER PRIMARY KEY, hash INTEGER NOT NULL, no INTEGER NOT NULL, gone INTEGER NOT NULL);"
    "CREATE TABLE facet(epoch INTEGER NOT NULL, hash INTEGER NOT NULL, no INTEGER NOT NULL, PRIMARY KEY(epoch, hash, no)) WITHOUT ROWID;"
    "CREATE TABLE score(project INTEGER NOT NULL, id TEXT NOT NULL, identity INTEGER, time_ns INTEGER, name, source INTEGER, trace_id,"
    " observation_id, session_id, config_id, " KEPT_TAIL ", PRIMARY KEY(project, id)) WITHOUT ROWID;"
    "CREATE INDEX score_trace ON score(project, trace_id) WHERE trace_id IS NOT NULL;"
    "CREATE INDEX score_observation ON score(project, observation_id) WHERE observation_id IS NOT NULL;"
    "CREATE TABLE session(project INTEGER NOT NULL, id TEXT NOT NULL, identity INTEGER, start_ns INTEGER, user_id, " KEPT_TAIL
    ", PRIMARY KEY(project, id)) WITHOUT ROWID;"
    "CREATE TABLE user(project INTEGER NOT NULL, id TEXT NOT NULL, identity INTEGER, last_seen_ns INTEGER, first_seen_ns INTEGER, " KEPT_TAIL
    ", PRIMARY KEY(project, id)) WITHOUT ROWID;"
    "CREATE TABLE message(project INTEGER NOT NULL, thread TEXT NOT NULL, id TEXT NOT NULL, identity INTEGER, time_ns INTEGER, " KEPT_TAIL
    ", PRIMARY KEY(project, thread, id)) WITHOUT ROWID;"
    "CREATE INDEX message_id ON message(project, id);"
    "CREATE TABLE record(project INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, identity INTEGER, time_ns INTEGER, name, parent_id,"
    " seq INTEGER, trace_id, status, " KEPT_TAIL ", PRIMARY KEY(project, kind, id)) WITHOUT ROWID;"
    "CREATE INDEX record_trace ON record(project, trace_id) WHERE trace_id IS NOT NULL;"
    "CREATE INDEX record_parent ON record(project, parent_id) WHERE parent_id IS NOT NULL;",
    /* 2: totals by project (tally.c) */
    "CREATE TABLE tally(project INTEGER NOT NULL, entity INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(project, entity)) WITHOUT ROWID;"
    "INSERT INTO tally SELECT project, 0, count(*) FROM trace_at GROUP BY project;"
    "INSERT INTO tally SELECT project, 1, count(*) FROM observation_at GROUP BY project;",
    /* 3: templates became prompts (dialect/prompts.h). Both kinds take their numbers from one counter, the larger of the two there were. */
    "UPDATE record SET kind = 'prompt' WHERE kind = 'template';"
    "UPDATE record SET kind = 'prompt_version' WHERE kind = 'template_version';"
    "DELETE FROM record WHERE kind = 'counter' AND id IN ('template', 'template_version') AND EXISTS(SELECT 1 FROM record other"
    " WHERE other.project = record.project AND other.kind = 'counter' AND other.id IN ('template', 'template_version')"
    " AND (other.seq > record.seq OR (other.seq = record.seq AND other.id > record.id)));"
    "UPDATE record SET id = 'prompt' WHERE kind = 'counter' AND id IN ('template', 'template_version');",
};

int schema__version(void)
{
    return (int)(sizeof(steps) / sizeof(steps[0]));
}

enum status schema__number(struct conn *c, const char *text, int64_t *out, struct err *err)
{
    sqlite3_stmt *s;
    bool row;
    enum status st = conn__prepare(c, str_of(text), &s, err);
    if (st != ST_OK)
        return st;
    st = conn__step(c, s, &row, err);
    *out = st == ST_OK && row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return st;
}

static enum status refuse_strangers(struct conn *c, int64_t application, int64_t version, struct err *err)
{
    int64_t tables_in_it = 0;
    enum status st = schema__number(c, "SELECT count(*) FROM sqlite_schema", &tables_in_it, err);
    if (st != ST_OK)
        return st;
    if (application != SCHEMA_APPLICATION && (application != 0 || tables_in_it != 0))
        return err_set(err, ST_CORRUPT,
            "%s is a database of another program; give --data a folder of Tracewell's own", c->d->path);
    if (version > schema__version())
        return err_set(err, ST_CORRUPT,
            "%s was written by a newer Tracewell (its schema is %lld, this version knows %d). Use that version, or restore a backup made "
            "with this one.",
            c->d->path, (long long)version, schema__version());
    return ST_OK;
}

/* The page size and vacuum mode of a file are fixed by its first page. */
static enum status begin_file(struct conn *c, struct err *err)
{
    char application[64];
    sqlite3_snprintf(sizeof(application), application, "PRAGMA application_id = %d", SCHEMA_APPLICATION);
    enum status st = conn__exec(
        c, "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = MEMORY", err);
    return st == ST_OK ? conn__exec(c, application, err) : st;
}

static enum status migrate(struct conn *c, int64_t from, struct err *err)
{
    enum status st = ST_OK;
    for (int64_t i = from; i < schema__version() && st == ST_OK; i++) {
        char version[64];
        sqlite3_snprintf(sizeof(version), version, "PRAGMA user_version = %d; COMMIT", (int)i + 1);
        st = conn__exec(c, "BEGIN IMMEDIATE", err);
        if (st == ST_OK)
            st = conn__exec(c, steps[i], err);
        if (st == ST_OK)
            st = conn__exec(c, version, err);
        if (st != ST_OK && !sqlite3_get_autocommit(c->db))
            sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return st;
}

static void remove_old(const char *path)
{
    static const char *const ends[] = { "", "-journal", "-wal", "-shm" };
    char name[PATH_MAX];
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
}

static enum status fill_new(struct sqlite *d, const char *path, struct err *err)
{
    struct conn c;
    enum status st = conn__open(d, path, true, &c, err);
    if (st != ST_OK)
        return st;
    st = conn__exec(&c, "PRAGMA synchronous = OFF", err);
    if (st == ST_OK)
        st = begin_file(&c, err);
    if (st == ST_OK)
        st = migrate(&c, 0, err);
    if (st == ST_OK)
        st = conn__exec(&c, "PRAGMA journal_mode = WAL", err); /* last: nothing is left in a log */
    conn__close(&c);
    return st;
}

/* A new database is made under another name without a sync, then synced whole and renamed: it is there complete or not at all, and a first
 * start waits for two syncs instead of a dozen. */
enum status schema__make(struct sqlite *d, struct err *err)
{
    char *path = folder__path(d->dir, "tracewell.db.new");
    remove_old(path);
    enum status st = fill_new(d, path, err);
    int fd = st == ST_OK ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (st == ST_OK && (fd < 0 || fsync(fd) != 0 || rename(path, d->path) != 0))
        st = err_set(err, ST_IO, "cannot make %s: %s", d->path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (st != ST_OK)
        remove_old(path);
    mem_free(path);
    return st;
}

enum status schema__look(struct conn *c, struct err *err)
{
    int64_t application = 0, version = 0;
    enum status st = schema__number(c, "PRAGMA application_id", &application, err);
    if (st == ST_OK)
        st = schema__number(c, "PRAGMA user_version", &version, err);
    if (st == ST_OK)
        st = refuse_strangers(c, application, version, err);
    if (st == ST_OK && version < schema__version())
        st = err_set(err, ST_CORRUPT,
            "%s has schema %lld, this version works with %d; start the server once to bring it up to date",
            c->d->path, (long long)version, schema__version());
    return st;
}

enum status schema__ready(struct conn *c, struct err *err)
{
    int64_t application = 0, version = 0;
    enum status st = schema__number(c, "PRAGMA application_id", &application, err);
    if (st == ST_OK)
        st = schema__number(c, "PRAGMA user_version", &version, err);
    if (st == ST_OK)
        st = refuse_strangers(c, application, version, err);
    if (st == ST_OK)
        st = conn__exec(
            c, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err); /* a backup is not in WAL mode */
    return st == ST_OK ? migrate(c, version, err) : st;
}

/* ---- what every commit records -------------------------------------------------------------------------------------- */

enum status schema__head(struct conn *c, struct head *head, struct err *err)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum status st =
        conn__prepare(c, STR("SELECT commits, segment, bytes, ordinal FROM head WHERE one = 1"), &s, err);
    if (st == ST_OK)
        st = conn__step(c, s, &row, err);
    if (st == ST_OK && !row)
        st = err_set(err, ST_CORRUPT, "%s has no head row; restore a backup", c->d->path);
    if (st == ST_OK)
        *head = (struct head){ sqlite3_column_int64(s, 0),
            { sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3) } };
    sqlite3_finalize(s);
    return st;
}

enum status schema__facts(
    struct conn *c, struct arena *a, struct segment_fact **facts, size_t *n, struct err *err)
{
    size_t cap = 0;
    sqlite3_stmt *s = NULL;
    bool row = false;
    *facts = NULL;
    *n = 0;
    enum status st =
        conn__prepare(c, STR("SELECT number, state, bytes, records FROM segment ORDER BY number"), &s, err);
    while (st == ST_OK && (st = conn__step(c, s, &row, err)) == ST_OK && row) {
        *facts = arena_grow(a, *facts, &cap, *n + 1, sizeof(**facts));
        (*facts)[(*n)++] =
            (struct segment_fact){ sqlite3_column_int64(s, 0), (enum segment_state)sqlite3_column_int(s, 1),
                sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3) };
    }
    sqlite3_finalize(s);
    return st;
}
