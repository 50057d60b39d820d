/*
 * A table in memory that SQL reads: `feed`, columns c0, c1, ... It turns thousands of INSERTs into one "INSERT ... SELECT c0, c1 FROM feed",
 * which keeps its cursor and its program, so a row costs a third. Of the writer's connection only; what it shows is set before each use.
 */
#include "store/sqlite/sqlite_priv.h"

#include "base/mem.h"

struct feed_table {
    sqlite3_vtab base;
    const struct feed *feed;
};

struct feed_cursor {
    sqlite3_vtab_cursor base;
    size_t at;
};

static const struct feed *feed_of(sqlite3_vtab_cursor *cursor)
{
    return ((struct feed_table *)cursor->pVtab)->feed;
}

static int feed_connect(
    sqlite3 *db, void *feed, int argc, const char *const *argv, sqlite3_vtab **out, char **why)
{
    (void)argc;
    (void)argv;
    (void)why;
    int rc = sqlite3_declare_vtab(db,
        "CREATE TABLE feed(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18,"
        " c19, c20, c21, c22, c23)");
    if (rc != SQLITE_OK)
        return rc;
    struct feed_table *t = mem_alloc(sizeof(*t));
    t->feed = feed;
    *out = &t->base;
    return SQLITE_OK;
}

static int feed_disconnect(sqlite3_vtab *t)
{
    mem_free(t);
    return SQLITE_OK;
}

static int feed_best_index(sqlite3_vtab *t, sqlite3_index_info *info)
{
    (void)t;
    info->estimatedCost = 1000;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out)
{
    (void)t;
    struct feed_cursor *c = mem_alloc(sizeof(*c));
    *out = &c->base;
    return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *c)
{
    mem_free(c);
    return SQLITE_OK;
}

static int feed_filter(sqlite3_vtab_cursor *c, int number, const char *text, int argc, sqlite3_value **argv)
{
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    ((struct feed_cursor *)c)->at = 0;
    return SQLITE_OK;
}

static int feed_next(sqlite3_vtab_cursor *c)
{
    ((struct feed_cursor *)c)->at++;
    return SQLITE_OK;
}

static int feed_eof(sqlite3_vtab_cursor *c)
{
    return ((struct feed_cursor *)c)->at >= feed_of(c)->n;
}

static int feed_column(sqlite3_vtab_cursor *c, sqlite3_context *context, int column)
{
    const struct feed *f = feed_of(c);
    const struct bound *v = &f->rows[((struct feed_cursor *)c)->at][column];
    switch (v->kind) {
    case BOUND_INT: sqlite3_result_int64(context, v->i); break;
    case BOUND_TEXT: sqlite3_result_text64(context, v->s.p, v->s.n, SQLITE_STATIC, SQLITE_UTF8); break;
    case BOUND_BLOB: sqlite3_result_blob64(context, v->s.p, v->s.n, SQLITE_STATIC); break;
    default: sqlite3_result_null(context);
    }
    return SQLITE_OK;
}

static int feed_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct feed_cursor *)c)->at;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = feed_connect,
    .xBestIndex = feed_best_index,
    .xDisconnect = feed_disconnect,
    .xOpen = feed_open,
    .xClose = feed_close,
    .xFilter = feed_filter,
    .xNext = feed_next,
    .xEof = feed_eof,
    .xColumn = feed_column,
    .xRowid = feed_rowid,
};

int feed__install(sqlite3 *db, struct feed *feed)
{
    return sqlite3_create_module(db, "feed", &module, feed);
}

enum status feed__run(struct conn *c, unsigned which, struct bound **rows, size_t n, struct err *err)
{
    sqlite3_stmt *s;
    if (n == 0)
        return ST_OK;
    enum status st = conn__take(c, which, &s, err);
    if (st != ST_OK)
        return st;
    c->d->feed = (struct feed){ rows, n };
    st = conn__run(c, which, s, err);
    c->d->feed = (struct feed){ 0 };
    return st;
}
