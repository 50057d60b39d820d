/*
 * How many traces and observations a project has, kept by difference, so that the total of a whole list is a look at one row. A commit
 * adds what its transaction made and took away.
 */
#include "store/sqlite/sqlite_priv.h"

#include "base/mem.h"

struct tally {
    int32_t project;
    enum entity entity;
    int64_t by;
};

struct tallies {
    struct tally *items;
    size_t n, cap;
};

void tally__add(struct sqlite *d, int32_t project, enum entity e, int64_t by)
{
    if (!d->tallies)
        d->tallies = mem_alloc(sizeof(*d->tallies));
    struct tallies *t = d->tallies;
    for (size_t i = t->n; i > 0; i--) /* few projects write in one commit */
        if (t->items[i - 1].project == project && t->items[i - 1].entity == e) {
            t->items[i - 1].by += by;
            return;
        }
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 16;
        t->items = mem_resize(t->items, t->cap * sizeof(*t->items));
    }
    t->items[t->n++] = (struct tally){ project, e, by };
}

void tally__clear(struct sqlite *d)
{
    if (d->tallies)
        d->tallies->n = 0;
}

void tally__free(struct sqlite *d)
{
    if (d->tallies)
        mem_free(d->tallies->items);
    mem_free(d->tallies);
}

enum status tally__flush(struct conn *c, struct err *err)
{
    struct tallies *t = c->d->tallies;
    enum status st = ST_OK;
    for (size_t i = 0; t && i < t->n && st == ST_OK; i++) {
        sqlite3_stmt *s;
        if (t->items[i].by == 0)
            continue;
        if ((st = conn__take(c, STMT_TALLY_ADD, &s, err)) != ST_OK)
            return st;
        sqlite3_bind_int(s, 1, t->items[i].project);
        sqlite3_bind_int(s, 2, (int)t->items[i].entity);
        sqlite3_bind_int64(s, 3, t->items[i].by);
        st = conn__run(c, STMT_TALLY_ADD, s, err);
    }
    tally__clear(c->d);
    return st;
}

enum status tally__read(struct conn *c, int32_t project, enum entity e, int64_t *n, struct err *err)
{
    sqlite3_stmt *s;
    bool row;
    enum status st = conn__take(c, STMT_TALLY_READ, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int(s, 1, project);
    sqlite3_bind_int(s, 2, (int)e);
    st = conn__step(c, s, &row, err);
    *n = st == ST_OK && row ? sqlite3_column_int64(s, 0) : 0;
    conn__give(c, STMT_TALLY_READ, s);
    return st;
}
