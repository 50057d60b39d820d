/* A row as SQL values, in the order of tables__columns(): to be bound to a statement, or fed to one (feed.c). */
#include "store/sqlite/sqlite_priv.h"

#include <string.h>

#include "store/derived.h"

struct bound bound_int(int64_t i)
{
    return (struct bound){ .kind = BOUND_INT, .i = i };
}

struct bound bound_text(struct str s)
{
    return (struct bound){ .kind = BOUND_TEXT, .s = s.p ? s : STR("") };
}

struct bound bound_blob(struct str s)
{
    return s.n ? (struct bound){ .kind = BOUND_BLOB, .s = s } : (struct bound){ .kind = BOUND_NULL };
}

struct bound bound_id(struct arena *a, struct str id)
{
    struct packed_id packed;
    ids__pack(id, &packed);
    if (packed.is_text)
        return bound_text(id);
    return bound_blob(arena_dup(a, (struct str){ packed.p, packed.n }));
}

int bound_compare(const struct bound *x, const struct bound *y)
{
    if (x->kind != y->kind)
        return (int)x->kind - (int)y->kind;
    if (x->kind == BOUND_INT)
        return x->i < y->i ? -1 : x->i > y->i;
    return x->kind == BOUND_NULL ? 0 : str_cmp(x->s, y->s);
}

void bound_bind(sqlite3_stmt *s, int at, const struct bound *v)
{
    if (v->kind == BOUND_INT)
        sqlite3_bind_int64(s, at, v->i);
    else if (v->kind == BOUND_TEXT)
        sqlite3_bind_text64(s, at, v->s.p, v->s.n, SQLITE_STATIC, SQLITE_UTF8);
    else if (v->kind == BOUND_BLOB)
        sqlite3_bind_blob64(s, at, v->s.p, v->s.n, SQLITE_STATIC);
}

static enum status kept_value(struct conn *c, const struct row *r, const struct column *column,
    struct arena *a, struct bound *out, struct err *err)
{
    struct value v = tables__value(r, column->number);
    int64_t number;
    if (v.kind == V_INT) {
        *out = bound_int(v.i);
    } else if (v.kind == V_TEXT && column->type == TYPE_ID) {
        *out = bound_id(a, v.s);
    } else if (v.kind == V_TEXT) {
        enum status st = words__number(c, r->project, v.s, true, &number, err);
        *out = number ? bound_int(number) : bound_text(v.s);
        return st;
    }
    return ST_OK;
}

/* Key columns; returns how many. */
static int key_values(const struct row *r, int64_t no, struct arena *a, struct bound *v)
{
    int n = 0;
    if (r->entity == TRACE || r->entity == OBSERVATION) {
        v[n++] = bound_int(no);
        if (r->entity == TRACE)
            v[n++] = bound_int(r->project);
        v[n++] = bound_id(a, r->id);
        return n;
    }
    v[n++] = bound_int(r->project);
    if (tables[r->entity].n_keys == 3)
        v[n++] = bound_text(r->scope);
    v[n++] = bound_text(r->id);
    return n;
}

enum status values__of(
    struct conn *c, const struct row *r, int64_t no, struct arena *a, struct bound **out, struct err *err)
{
    const struct table *t = &tables[r->entity];
    struct bound *v = arena_array(a, (size_t)tables__count(r->entity) + 1, sizeof(*v));
    struct buf *scratch = &c->d->scratch;
    int at = key_values(r, no, a, v);
    v[at++] = bound_int(r->identity);
    enum status st = ST_OK;
    for (unsigned i = 0; i < t->n_kept && st == ST_OK; i++)
        st = kept_value(c, r, tables__column(r->entity, t->kept[i]), a, &v[at++], err);
    buf_clear(scratch);
    if (st == ST_OK)
        st = packed__encode(c, r, scratch, err);
    v[at++] = bound_int(r->created_ns);
    v[at++] = bound_int((int64_t)((uint64_t)r->updated_ns - (uint64_t)r->created_ns));
    v[at++] = bound_blob(arena_dup(a, buf_str(scratch)));
    v[at++] = bound_blob(r->fold);
    if (r->entity == TRACE && r->derived) {
        buf_clear(scratch);
        derived_encode(r->derived, scratch);
        v[at] = bound_blob(arena_dup(a, buf_str(scratch)));
    }
    if (r->entity == OBSERVATION)
        v[at] = bound_int(r->project); /* behind the columns, for the lists beside the table */
    *out = v;
    return st;
}
