/* One connection: its settings, its prepared statements, and how SQLite's codes become ours. */
#include "store/sqlite/sqlite_priv.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static const char *const fixed_text[] = {
#define STATEMENT(name, text) text,
#include "store/sqlite/statements.def"
#undef STATEMENT
};

/* ---- errors --------------------------------------------------------------------------------------------------------- */

static enum status status_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ST_CORRUPT;
    case SQLITE_INTERRUPT: return ST_BUSY;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return ST_IO;
    default: return ST_INTERNAL;
    }
}

enum status conn__failed(struct conn *c, int rc, struct err *err)
{
    enum status st = status_of(rc);
    if (st == ST_BUSY)
        return err_set(err, ST_BUSY,
            "the read took longer than store_read_time allows; ask for a shorter time range or with fewer filters");
    return err_set(err, st, "the database failed: %s (SQLite code %d)",
        c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc), rc);
}

/* ---- functions of our own ------------------------------------------------------------------------------------------- */

/* spell(x): the text of an id. */
static void sql_spell(sqlite3_context *context, int n, sqlite3_value **args)
{
    char text[ID_TEXT_MAX];
    if (n != 1 || sqlite3_value_type(args[0]) != SQLITE_BLOB) {
        sqlite3_result_value(context, args[0]);
        return;
    }
    const void *p = sqlite3_value_blob(args[0]);
    struct str s = ids__unpack(p, (size_t)sqlite3_value_bytes(args[0]), text);
    sqlite3_result_text(context, s.p, (int)s.n, SQLITE_TRANSIENT);
}

/* word(x): the text of a number of the dictionary, other texts as they are. */
static void sql_word(sqlite3_context *context, int n, sqlite3_value **args)
{
    struct conn *c = sqlite3_user_data(context);
    if (n != 1 || sqlite3_value_type(args[0]) != SQLITE_INTEGER) {
        sqlite3_result_value(context, args[0]);
        return;
    }
    struct arena *a = arena_new();
    struct str text;
    struct err err;
    if (words__text(c, a, sqlite3_value_int64(args[0]), &text, &err) == ST_OK)
        sqlite3_result_text64(context, text.p, text.n, SQLITE_TRANSIENT, SQLITE_UTF8);
    else
        sqlite3_result_error(context, err.text, -1);
    arena_free(a);
}

/* ---- open and close ------------------------------------------------------------------------------------------------- */

static int over_time(void *ctx)
{
    const struct conn *c = ctx;
    return c->deadline_ns && clock_mono_ns() > c->deadline_ns;
}

static enum status set_up(struct conn *c, bool writes, struct err *err)
{
    char cache[64];
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, 5000);
    sqlite3_progress_handler(c->db, 2000, over_time, c);
    int rc = sqlite3_create_function(
        c->db, "spell", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_spell, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function(c->db, "word", 1, SQLITE_UTF8, c, sql_word, NULL, NULL);
    if (rc == SQLITE_OK && writes)
        rc = feed__install(c->db, &c->d->feed);
    if (rc != SQLITE_OK)
        return conn__failed(c, rc, err);
    int64_t kib = writes ? c->d->o.store_cache / 1024 : 2048;
    sqlite3_snprintf(sizeof(cache), cache, "PRAGMA cache_size = -%lld", (long long)kib);
    enum status st = conn__exec(c, cache, err);
    if (st == ST_OK)
        st = conn__exec(c, "PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0", err);
    return st;
}

enum status conn__open(struct sqlite *d, const char *path, bool writes, struct conn *c, struct err *err)
{
    *c = (struct conn){ .d = d };
    buf_init(&c->trace_id, 0);
    int flags =
        SQLITE_OPEN_NOMUTEX | (writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE);
    int rc = sqlite3_open_v2(path, &c->db, flags, NULL);
    enum status st = rc == SQLITE_OK ? set_up(c, writes, err) : conn__failed(c, rc, err);
    if (st == ST_OK && !writes)
        st = conn__exec(c, "PRAGMA query_only = 1", err);
    if (st != ST_OK)
        conn__close(c);
    return st;
}

void conn__close(struct conn *c)
{
    for (int i = 0; i < STMT_COUNT; i++)
        sqlite3_finalize(c->stmts[i]);
    if (c->db && sqlite3_close(c->db) != SQLITE_OK)
        assert(!"a statement was not given back");
    words__free(c);
    buf_fini(&c->trace_id);
    *c = (struct conn){ 0 };
}

void conn__forget(struct conn *c)
{
    c->trace_no = 0;
    words__forget(c);
}

/* ---- statements ----------------------------------------------------------------------------------------------------- */

static void put_text(enum entity e, struct buf *out)
{
    buf_printf(out, "%s INTO %s(", e <= OBSERVATION ? "INSERT" : "INSERT OR REPLACE", tables[e].name);
    tables__columns(e, out);
    buf_add_cstr(out, ") VALUES(");
    for (int i = 0; i < tables__count(e); i++)
        buf_add_cstr(out, i ? ",?" : "?");
    buf_add_char(out, ')');
}

/* A row keeps its key, so that no index by key is touched when it changes. */
static void put_or_change_text(enum entity e, struct buf *out)
{
    put_text(e, out);
    buf_printf(out, " ON CONFLICT(%s) DO UPDATE SET identity = excluded.identity",
        e == TRACE ? "no" : tables[e].keys);
    for (unsigned i = 0; i < tables[e].n_kept; i++) {
        const char *field = tables__column(e, tables[e].kept[i])->field;
        buf_printf(out, ", %s = excluded.%s", field, field);
    }
    buf_add_cstr(out,
        ", created_ns = excluded.created_ns, updated_by = excluded.updated_by, packed = excluded.packed, fold = excluded.fold");
    if (e == TRACE)
        buf_add_cstr(out, ", derived = excluded.derived");
}

/* The number of a kept column in values__of(). */
static unsigned fed(enum entity e, unsigned column)
{
    unsigned i = 0;
    while (tables[e].kept[i] != column)
        i++;
    return tables[e].n_keys + 1U + i;
}

/* From the table `feed`, which shows values__of() many rows, in the order of their keys. */
static void feed_text(unsigned which, struct buf *out)
{
    enum entity e = which <= STMT_FEED_TRACE_AT ? TRACE : OBSERVATION;
    unsigned project = (unsigned)tables__count(OBSERVATION), start = fed(e, tables[e].base);
    switch (which) {
    case STMT_FEED_TRACE:
    case STMT_FEED_OBSERVATION:
        buf_printf(out, "INSERT OR FAIL INTO %s(", tables[e].name);
        tables__columns(e, out);
        for (int i = 0; i < tables__count(e); i++)
            buf_printf(out, "%sc%d", i ? ", " : ") SELECT ", i);
        buf_add_cstr(out, " FROM feed");
        break;
    case STMT_FEED_TRACE_AT:
        buf_printf(out,
            "INSERT OR IGNORE INTO trace_at(project, start_ns, no) SELECT c1, coalesce(c%u, -9223372036854775808), c0 FROM feed"
            " WHERE c%d IS NOT NULL",
            start, tables__count(TRACE) - 5);
        break;
    case STMT_FEED_OBSERVATION_AT:
        buf_printf(out,
            "INSERT OR IGNORE INTO observation_at(project, start_ns, trace_no, id) SELECT c%u,"
            " coalesce(c%u, -9223372036854775808), c0, c1 FROM feed",
            project, start);
        break;
    case STMT_FEED_BARE:
        buf_printf(out,
            "INSERT OR IGNORE INTO bare(project, id, trace_no) SELECT c%u, c1, c0 FROM feed WHERE c2 <> %d",
            project, IDENTITY_SCOPED);
        break;
    default:
        buf_printf(out,
            "INSERT OR IGNORE INTO child(project, parent, trace_no, id) SELECT c%u, c%u, c0, c1 FROM feed WHERE c2 = %d AND"
            " c%u IS NOT NULL",
            project, fed(e, OBSERVATION_parent_id), IDENTITY_TREE, fed(e, OBSERVATION_parent_id));
    }
}

/* "WHERE a = ?1 AND b = ?2" of the first n key columns */
static void where_keys(enum entity e, unsigned n, struct buf *out)
{
    struct str rest = str_of(tables[e].keys), key;
    for (unsigned i = 0; i < n && str_cut(&rest, ',', &key); i++)
        buf_printf(out, "%s%.*s = ?%u", i ? " AND " : " WHERE ", STR_ARG(str_trim(key)), i + 1);
}

static void entity_text(unsigned which, struct buf *out)
{
    enum entity e = (enum entity)(which % ENTITY_COUNT);
    unsigned keys = e == TRACE ? 1 : tables[e].n_keys;
    unsigned base = which - (unsigned)e;
    if (base == STMT_PUT) {
        if (e <= OBSERVATION)
            put_or_change_text(e, out);
        else
            put_text(e, out);
        return;
    }
    buf_add_cstr(out, base == STMT_DELETE ? "DELETE" : "SELECT ");
    if (base != STMT_DELETE)
        tables__columns(e, out);
    buf_printf(out, " FROM %s", tables[e].name);
    where_keys(e, base == STMT_SCOPE ? keys - 1 : keys, out);
    if (base == STMT_SCOPE)
        buf_add_cstr(out, e == OBSERVATION ? " ORDER BY trace_no, id" : " ORDER BY id");
}

enum status conn__prepare(struct conn *c, struct str text, sqlite3_stmt **s, struct err *err)
{
    int rc = sqlite3_prepare_v3(c->db, text.p, (int)text.n, 0, s, NULL);
    return rc == SQLITE_OK ? ST_OK : conn__failed(c, rc, err);
}

static enum status prepare(struct conn *c, unsigned which, sqlite3_stmt **s, struct err *err)
{
    struct buf text;
    buf_init(&text, 0);
    if (which > STMT_BEFORE_FIXED)
        buf_add_cstr(&text, fixed_text[which - STMT_BEFORE_FIXED - 1]);
    else if (which >= STMT_FEED_TRACE)
        feed_text(which, &text);
    else
        entity_text(which, &text);
    enum status st = conn__prepare(c, buf_str(&text), s, err);
    buf_fini(&text);
    return st;
}

enum status conn__take(struct conn *c, unsigned which, sqlite3_stmt **s, struct err *err)
{
    if (c->taken[which])
        return prepare(c, which, s, err);
    if (!c->stmts[which]) {
        enum status st = prepare(c, which, &c->stmts[which], err);
        if (st != ST_OK)
            return st;
    }
    c->taken[which] = true;
    *s = c->stmts[which];
    return ST_OK;
}

void conn__give(struct conn *c, unsigned which, sqlite3_stmt *s)
{
    if (s != c->stmts[which]) {
        sqlite3_finalize(s);
        return;
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    c->taken[which] = false;
}

/* A read may be many short statements, none of them long enough for the progress handler. */
enum status conn__step(struct conn *c, sqlite3_stmt *s, bool *row, struct err *err)
{
    if (c->deadline_ns && (++c->steps & 255) == 0 && over_time(c))
        return conn__failed(c, SQLITE_INTERRUPT, err);
    int rc = sqlite3_step(s);
    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return ST_OK;
    return conn__failed(c, rc, err);
}

enum status conn__run(struct conn *c, unsigned which, sqlite3_stmt *s, struct err *err)
{
    bool row;
    enum status st = conn__step(c, s, &row, err);
    conn__give(c, which, s);
    return st;
}

enum status conn__exec(struct conn *c, const char *text, struct err *err)
{
    int rc = sqlite3_exec(c->db, text, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ST_OK : conn__failed(c, rc, err);
}
