/*
 * Traces are numbered in order of arrival; their observations cluster by the number, so that what arrives together lies together.
 *
 * A trace that only observations name has a hollow row: number, project and id. The writer finds the number of a trace it has just seen
 * in a table of places (project, id) -> number, so that an event costs no search in the index of random keys. Rows that are put lie in
 * fresh.c until the commit.
 */
#include "store/sqlite/sqlite_priv.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define PLACES   16384
#define PLACE_ID 36 /* longer ids are searched each time */

struct trace_place {
    int64_t no; /* 0: empty */
    int32_t project;
    uint8_t n;
    char id[PLACE_ID];
};

static struct trace_place *place_of(struct conn *c, int32_t project, struct str id)
{
    struct sqlite *d = c->d;
    if (c != &d->writer || id.n > PLACE_ID)
        return NULL;
    if (!d->places)
        d->places = mem_array(PLACES, sizeof(*d->places));
    return &d->places[(hash64(id) + (uint64_t)(uint32_t)project * UINT64_C(0x9E3779B97F4A7C15)) % PLACES];
}

static bool is_at(const struct trace_place *p, int32_t project, struct str id)
{
    return p && p->no && p->project == project && str_eq((struct str){ p->id, p->n }, id);
}

static void set_place(struct trace_place *p, int32_t project, struct str id, int64_t no)
{
    if (!p)
        return;
    *p = (struct trace_place){ .no = no, .project = project, .n = (uint8_t)id.n };
    if (id.n)
        memcpy(p->id, id.p, id.n);
}

void traces__forget(struct sqlite *d)
{
    if (d->places)
        memset(d->places, 0, PLACES * sizeof(*d->places));
}

static enum status find_number(struct conn *c, int32_t project, struct str id, int64_t *no, struct err *err)
{
    sqlite3_stmt *s;
    bool row;
    enum status st = conn__take(c, STMT_TRACE_NUMBER, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int(s, 1, project);
    ids__bind(s, 2, id);
    st = conn__step(c, s, &row, err);
    *no = st == ST_OK && row ? sqlite3_column_int64(s, 0) : 0;
    conn__give(c, STMT_TRACE_NUMBER, s);
    return st;
}

enum status traces__number(
    struct conn *c, int32_t project, struct str id, bool make, int64_t *no, struct err *err)
{
    struct trace_place *p = place_of(c, project, id);
    if (is_at(p, project, id)) {
        *no = p->no;
        return ST_OK;
    }
    enum status st = ST_OK;
    *no = c == &c->d->writer ? fresh__number(c->d, project, id) : 0;
    if (*no == 0)
        st = find_number(c, project, id, no, err);
    if (st == ST_OK && *no == 0 && make) {
        *no = c->d->next_trace++;
        fresh__add_trace(c->d, project, id, *no);
    }
    if (st == ST_OK && *no)
        set_place(p, project, id, *no);
    return st;
}

enum status traces__of(struct conn *c, int64_t no, struct err *err)
{
    sqlite3_stmt *s;
    bool row;
    if (c->trace_no == no)
        return ST_OK;
    enum status st = conn__take(c, STMT_TRACE_KEY, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, no);
    st = conn__step(c, s, &row, err);
    if (st == ST_OK && !row)
        st = err_set(err, ST_CORRUPT, "an observation lies under trace number %lld, which does not exist",
            (long long)no);
    if (st == ST_OK) {
        bool binary = sqlite3_column_type(s, 1) == SQLITE_BLOB;
        struct str key = { sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1) };
        char text[ID_TEXT_MAX];
        c->trace_no = no;
        c->trace_project = sqlite3_column_int(s, 0);
        buf_clear(&c->trace_id);
        buf_add_str(&c->trace_id, binary ? ids__unpack(key.p, key.n, text) : key);
    }
    conn__give(c, STMT_TRACE_KEY, s);
    return st;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

static enum status at_start(
    struct conn *c, unsigned which, int32_t project, int64_t start_ns, int64_t no, struct err *err)
{
    sqlite3_stmt *s;
    enum status st = conn__take(c, which, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int(s, 1, project);
    sqlite3_bind_int64(s, 2, start_ns);
    sqlite3_bind_int64(s, 3, no);
    return conn__run(c, which, s, err);
}

enum status traces__move_in_list(struct conn *c, int32_t project, int64_t no, bool was_listed, int64_t was_ns,
    int64_t start_ns, struct err *err)
{
    enum status st = ST_OK;
    if (was_listed && was_ns == start_ns)
        return ST_OK;
    if (was_listed)
        st = at_start(c, STMT_TRACE_AT_DROP, project, was_ns, no, err);
    return st == ST_OK ? at_start(c, STMT_TRACE_AT_ADD, project, start_ns, no, err) : st;
}

enum status traces__put(struct conn *c, const struct row *r, const struct row *old, struct err *err)
{
    int64_t no;
    struct arena *a = arena_new();
    struct row *there = NULL;
    enum status st = traces__number(c, r->project, r->id, true, &no, err);
    if (st == ST_OK && !old &&
        !fresh__has_trace(c->d, no)) /* what the lists say of it is changed by difference */
        st = rows__get(c, a, r->project, TRACE, STR_NONE, r->id, &there, err);
    if (st == ST_OK)
        st = fresh__put_trace(c, r, old ? old : there, no, err);
    arena_free(a);
    return st;
}

/* While observations lie under the number the row turns hollow; else it goes. */
enum status traces__delete(struct conn *c, const struct row *r, struct err *err)
{
    sqlite3_stmt *s;
    int64_t no;
    bool used = false;
    enum status st = traces__number(c, r->project, r->id, false, &no, err);
    if (st != ST_OK || no == 0)
        return st;
    facets__note_old(c->d, r, no);
    if ((st = at_start(c, STMT_TRACE_AT_DROP, r->project, trace_start_ns(r), no, err)) != ST_OK)
        return st;
    tally__add(c->d, r->project, TRACE, -sqlite3_changes(c->db));
    if ((st = conn__take(c, STMT_TRACE_USED, &s, err)) != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, no);
    st = conn__step(c, s, &used, err);
    conn__give(c, STMT_TRACE_USED, s);
    if (st != ST_OK || (st = conn__take(c, STMT_TRACE_CLEAR, &s, err)) != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, no);
    if ((st = conn__run(c, STMT_TRACE_CLEAR, s, err)) != ST_OK)
        return st;
    if (!used) {
        struct trace_place *p = place_of(c, r->project, r->id);
        if (is_at(p, r->project, r->id))
            p->no = 0;
        c->trace_no = 0;
        return ST_OK;
    }
    if ((st = conn__take(c, STMT_TRACE_HOLLOW, &s, err)) != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, no);
    sqlite3_bind_int(s, 2, r->project);
    ids__bind(s, 3, r->id);
    return conn__run(c, STMT_TRACE_HOLLOW, s, err);
}
