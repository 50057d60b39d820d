/* Rows in and out of their tables, by loops over tables.c. */
#include "store/sqlite/sqlite_priv.h"

#include "store/derived.h"

/* ---- out ------------------------------------------------------------------------------------------------------------ */

static struct str column_text(struct arena *a, sqlite3_stmt *s, int at)
{
    if (sqlite3_column_type(s, at) == SQLITE_NULL)
        return STR_NONE;
    const char *p = (const char *)sqlite3_column_text(s, at);
    return arena_dup(a, (struct str){ p ? p : "", (size_t)sqlite3_column_bytes(s, at) });
}

static struct str column_blob(sqlite3_stmt *s, int at)
{
    const char *p = sqlite3_column_blob(s, at);
    return p ? (struct str){ p, (size_t)sqlite3_column_bytes(s, at) } : STR_NONE;
}

static enum status read_kept(struct conn *c, struct arena *a, const struct column *column, sqlite3_stmt *s,
    int at, struct value *v, struct err *err)
{
    int type = sqlite3_column_type(s, at);
    struct str text;
    enum status st = ST_OK;
    *v = (struct value){ 0 };
    if (type == SQLITE_NULL)
        return ST_OK;
    if (column->type == TYPE_ID) {
        *v = value_text(ids__column(a, s, at));
    } else if (column->type != TYPE_TEXT) {
        *v = value_int(sqlite3_column_int64(s, at));
    } else if (type == SQLITE_INTEGER) {
        st = words__text(c, a, sqlite3_column_int64(s, at), &text, err);
        if (st == ST_OK)
            *v = value_text(text);
    } else {
        *v = value_text(column_text(a, s, at));
    }
    return st;
}

/* Project, scope, id and number, out of the key columns. */
static enum status read_key(struct conn *c, struct arena *a, sqlite3_stmt *s, struct row *r, struct err *err)
{
    if (r->entity == OBSERVATION) {
        enum status st = traces__of(c, sqlite3_column_int64(s, 0), err);
        if (st != ST_OK)
            return st;
        r->number = c->trace_no;
        r->project = c->trace_project;
        r->scope = c->trace_id.n ? arena_dup(a, buf_str(&c->trace_id)) : STR("");
        r->id = ids__column(a, s, 1);
    } else if (r->entity == TRACE) {
        r->number = sqlite3_column_int64(s, 0);
        r->project = sqlite3_column_int(s, 1);
        r->id = ids__column(a, s, 2);
    } else {
        r->project = sqlite3_column_int(s, 0);
        if (tables[r->entity].n_keys == 3)
            r->scope = column_text(a, s, 1);
        r->id = column_text(a, s, tables[r->entity].n_keys - 1);
    }
    return ST_OK;
}

static enum status read_derived(struct arena *a, sqlite3_stmt *s, int at, struct row *r, struct err *err)
{
    struct str bytes = column_blob(s, at);
    if (!bytes.p)
        return ST_OK;
    r->derived = arena_alloc(a, sizeof(*r->derived));
    return derived_decode(a, arena_dup(a, bytes), r->derived, err);
}

enum status rows__read(
    struct conn *c, struct arena *a, enum entity e, sqlite3_stmt *s, struct row **out, struct err *err)
{
    const struct table *t = &tables[e];
    struct value kept[COLUMNS_MAX] = { 0 };
    struct row *r = arena_alloc(a, sizeof(*r));
    *r = (struct row){ .entity = e };
    *out = NULL;
    enum status st = read_key(c, a, s, r, err);
    int at = t->n_keys;
    r->identity = (uint8_t)sqlite3_column_int(s, at++);
    for (unsigned i = 0; i < t->n_kept && st == ST_OK; i++) {
        const struct column *column = tables__column(e, t->kept[i]);
        st = read_kept(c, a, column, s, at++, &kept[column->number], err);
        if (e != TRACE)
            r->cols[column->number] = kept[column->number];
    }
    if (st != ST_OK)
        return st;
    if (sqlite3_column_type(s, at) == SQLITE_NULL) /* a hollow trace: only its number is taken */
        return ST_OK;
    r->created_ns = sqlite3_column_int64(s, at);
    r->updated_ns = (int64_t)((uint64_t)r->created_ns + (uint64_t)sqlite3_column_int64(s, at + 1));
    const struct value *base = &kept[t->base];
    st = packed__decode(
        c, a, column_blob(s, at + 2), r, base->kind == V_INT ? base->i : r->created_ns, kept, err);
    r->fold = arena_dup(a, column_blob(s, at + 3));
    if (st == ST_OK && e == TRACE)
        st = read_derived(a, s, at + 4, r, err);
    if (st == ST_OK)
        *out = r;
    return st;
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *s, int at, struct str text)
{
    sqlite3_bind_text64(s, at, text.p ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
}

/* Keys of what is neither a trace nor an observation. */
static void bind_plain_key(sqlite3_stmt *s, enum entity e, int32_t project, struct str scope, struct str id)
{
    int at = 1;
    sqlite3_bind_int(s, at++, project);
    if (tables[e].n_keys == 3)
        bind_text(s, at++, scope);
    bind_text(s, at, id);
}

/* Put by the statement of its entity. */
static enum status put_row(struct conn *c, const struct row *r, int64_t no, struct err *err)
{
    sqlite3_stmt *s;
    struct bound *values;
    unsigned which = STMT_PUT + (unsigned)r->entity;
    struct arena *a = arena_new();
    enum status st = values__of(c, r, no, a, &values, err);
    if (st == ST_OK)
        st = conn__take(c, which, &s, err);
    if (st == ST_OK) {
        for (int i = 0; i < tables__count(r->entity); i++)
            bound_bind(s, i + 1, &values[i]);
        st = conn__run(c, which, s, err);
    }
    arena_free(a);
    return st;
}

/* The lists beside the table go by difference, so the truth about the old row is asked for where the caller has none. */
static enum status change_observation(
    struct conn *c, const struct row *r, const struct row *old, int64_t no, struct err *err)
{
    struct arena *a = arena_new();
    struct row *there = NULL;
    enum status st = old ? ST_OK : rows__get_observation(c, a, no, r->id, &there, err);
    if (st == ST_OK)
        st = put_row(c, r, no, err);
    if (st == ST_OK)
        st = links__put(c, r, old ? old : there, no, err);
    if (st == ST_OK && !old && !there)
        tally__add(c->d, r->project, OBSERVATION, 1);
    arena_free(a);
    return st;
}

static enum status put_observation(
    struct conn *c, const struct row *r, const struct row *old, struct err *err)
{
    int64_t no;
    enum status st = traces__number(c, r->project, r->scope, true, &no, err);
    if (st != ST_OK)
        return st;
    if (fresh__has_trace(c->d, no))
        return fresh__put_observation(c, r, no, err);
    return change_observation(c, r, old, no, err);
}

enum status rows__put(struct conn *c, const struct row *r, const struct row *old, struct err *err)
{
    if (r->entity == TRACE)
        return traces__put(c, r, old, err);
    if (r->entity == OBSERVATION)
        return put_observation(c, r, old, err);
    return put_row(c, r, 0, err);
}

static enum status delete_observation(struct conn *c, const struct row *r, struct err *err)
{
    sqlite3_stmt *s;
    int64_t no;
    enum status st = traces__number(c, r->project, r->scope, false, &no, err);
    if (st != ST_OK || no == 0)
        return st;
    if ((st = conn__take(c, STMT_DELETE + OBSERVATION, &s, err)) != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, no);
    ids__bind(s, 2, r->id);
    st = conn__run(c, STMT_DELETE + OBSERVATION, s, err);
    if (st == ST_OK)
        tally__add(c->d, r->project, OBSERVATION, -sqlite3_changes(c->db));
    return st == ST_OK ? links__delete(c, r, no, err) : st;
}

enum status rows__delete(struct conn *c, const struct row *r, struct err *err)
{
    sqlite3_stmt *s;
    if (r->entity == TRACE || r->entity == OBSERVATION) {
        enum status flushed = fresh__flush(c, err);
        if (flushed != ST_OK)
            return flushed;
    }
    if (r->entity == TRACE)
        return traces__delete(c, r, err);
    if (r->entity == OBSERVATION)
        return delete_observation(c, r, err);
    enum status st = conn__take(c, STMT_DELETE + (unsigned)r->entity, &s, err);
    if (st != ST_OK)
        return st;
    bind_plain_key(s, r->entity, r->project, r->scope, r->id);
    return conn__run(c, STMT_DELETE + (unsigned)r->entity, s, err);
}

/* ---- by key --------------------------------------------------------------------------------------------------------- */

static enum status get_one(
    struct conn *c, struct arena *a, enum entity e, sqlite3_stmt *s, struct row **out, struct err *err)
{
    bool row;
    enum status st = conn__step(c, s, &row, err);
    if (st == ST_OK && row)
        st = rows__read(c, a, e, s, out, err);
    conn__give(c, STMT_GET + (unsigned)e, s);
    return st;
}

enum status rows__get_observation(
    struct conn *c, struct arena *a, int64_t trace_no, struct str id, struct row **out, struct err *err)
{
    sqlite3_stmt *s;
    *out = NULL;
    enum status st = conn__take(c, STMT_GET + OBSERVATION, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, trace_no);
    ids__bind(s, 2, id);
    return get_one(c, a, OBSERVATION, s, out, err);
}

enum status rows__get_trace(struct conn *c, struct arena *a, int64_t no, struct row **out, struct err *err)
{
    sqlite3_stmt *s;
    *out = NULL;
    enum status st = conn__take(c, STMT_GET + TRACE, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, no);
    return get_one(c, a, TRACE, s, out, err);
}

static enum status get_trace_by_key(
    struct conn *c, struct arena *a, int32_t project, struct str id, struct row **out, struct err *err)
{
    int64_t no;
    bool known = false;
    enum status st = ST_OK;
    if (c == &c->d->writer)
        st = fresh__get_trace(c, a, project, id, &known, out, err);
    if (st != ST_OK || known)
        return st;
    st = traces__number(c, project, id, false, &no, err);
    return st == ST_OK && no ? rows__get_trace(c, a, no, out, err) : st;
}

static enum status get_observation_by_key(struct conn *c, struct arena *a, int32_t project, struct str scope,
    struct str id, struct row **out, struct err *err)
{
    int64_t no;
    enum status st = traces__number(c, project, scope, false, &no, err);
    if (st != ST_OK || no == 0)
        return st;
    if (c == &c->d->writer && fresh__has_trace(c->d, no))
        return fresh__get_observation(c, a, no, id, out, err);
    return rows__get_observation(c, a, no, id, out, err);
}

enum status rows__get(struct conn *c, struct arena *a, int32_t project, enum entity e, struct str scope,
    struct str id, struct row **out, struct err *err)
{
    sqlite3_stmt *s;
    *out = NULL;
    if (e == TRACE)
        return get_trace_by_key(c, a, project, id, out, err);
    if (e == OBSERVATION)
        return get_observation_by_key(c, a, project, scope, id, out, err);
    enum status st = conn__take(c, STMT_GET + (unsigned)e, &s, err);
    if (st != ST_OK)
        return st;
    bind_plain_key(s, e, project, scope, id);
    return get_one(c, a, e, s, out, err);
}

/* ---- scans ---------------------------------------------------------------------------------------------------------- */

/* Visit every row of a statement. In the writer's transaction the rows are gathered first: what the visitor writes must not meet
 * the scan it is called from. */
static enum status visit_all(struct conn *c, struct arena *a, enum entity e, sqlite3_stmt *s,
    row_visitor *visit, void *ctx, struct err *err)
{
    bool row, gather = c == &c->d->writer;
    struct row **rows = NULL;
    size_t n = 0, cap = 0;
    enum status st;
    while ((st = conn__step(c, s, &row, err)) == ST_OK && row) {
        struct row *r;
        if ((st = rows__read(c, a, e, s, &r, err)) != ST_OK)
            break;
        if (!r)
            continue;
        if (gather) {
            rows = arena_grow(a, rows, &cap, n + 1, sizeof(struct row *));
            rows[n++] = r;
        } else if (!visit(ctx, r)) {
            break;
        }
    }
    for (size_t i = 0; i < n && st == ST_OK; i++)
        if (!visit(ctx, rows[i]))
            break;
    return st;
}

enum status rows__scan_scope(struct conn *c, struct arena *a, int32_t project, enum entity e,
    struct str scope, row_visitor *visit, void *ctx, struct err *err)
{
    sqlite3_stmt *s;
    int64_t no = 0;
    enum status st = ST_OK;
    if (e == OBSERVATION)
        st = traces__number(c, project, scope, false, &no, err);
    if (st != ST_OK || (e == OBSERVATION && no == 0))
        return st;
    if (e == OBSERVATION && c == &c->d->writer && fresh__has_trace(c->d, no))
        return fresh__scan_trace(c, a, no, visit, ctx, err);
    if ((st = conn__take(c, STMT_SCOPE + (unsigned)e, &s, err)) != ST_OK)
        return st;
    if (e == OBSERVATION) {
        sqlite3_bind_int64(s, 1, no);
    } else {
        sqlite3_bind_int(s, 1, project);
        bind_text(s, 2, scope);
    }
    st = visit_all(c, a, e, s, visit, ctx, err);
    conn__give(c, STMT_SCOPE + (unsigned)e, s);
    return st;
}
