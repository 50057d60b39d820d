/*
 * merge: the join of two states. One loop over columns in order; what differs by kind is one function each:
 *
 *   REG            per slot (main, hint) the greater key
 *   MIN, MAX, OR   the value
 *   MAP, TAGS      the union of the patches in key order, less those that others cover
 *
 * Writers that no statement refers to any more are dropped at the end. Of a server-ordered one the digest is remembered when a repeat
 * of it would be stamped anew and could win then (merge.md 2.3).
 */
#include "model/merge.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "model/model_priv.h"

#define MAX_AHEAD_NS    (24 * 3600 * NS_PER_S) /* merge_max_ahead */
#define COVER_TEXT_MOST 4096 /* longer patches are not worth parsing to see what they cover */

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

static int cmp_i64(int64_t x, int64_t y)
{
    return (x > y) - (x < y);
}

static int writer_cmp(const struct writer *x, const struct writer *y)
{
    int c = cmp_i64(x->t_ns, y->t_ns);
    if (!c)
        c = cmp_i64(x->minor, y->minor);
    if (!c)
        c = cmp_i64(x->recv_ns, y->recv_ns);
    if (!c)
        c = cmp_i64(x->tie, y->tie);
    return c ? c : cmp_i64(x->digest, y->digest);
}

static int cell_weight(const struct cell *c)
{
    return c->rank * 32 + c->grade * 2 + (c->direction == FIRST);
}

int model__key_cmp(
    const struct writer *wx, const struct cell *x, const struct writer *wy, const struct cell *y)
{
    int weight_x = cell_weight(x), weight_y = cell_weight(y);
    if (weight_x != weight_y)
        return weight_x < weight_y ? -1 : 1;
    int c = writer_cmp(wx, wy);
    return x->direction == FIRST ? -c : c;
}

static bool same_writer(const struct writer *x, const struct writer *y)
{
    return x->digest == y->digest && x->profile == y->profile && writer_cmp(x, y) == 0;
}

uint32_t model__hash(struct str s)
{
    uint64_t h = hash64(s);
    uint32_t low = (uint32_t)(h ^ h >> 32);
    return low ? low : 1;
}

const struct cell *model__cells(const struct state *s, unsigned column, size_t *n)
{
    size_t i = 0, from;
    *n = 0;
    if (!s->n_cells)
        return NULL;
    while (i < s->n_cells && s->cells[i].column < column)
        i++;
    for (from = i; i < s->n_cells && s->cells[i].column == column; i++)
        continue;
    *n = i - from;
    return s->cells + from;
}

/* ---- lifting -------------------------------------------------------------------------------------------------------- */

bool state_knows(const struct state *s, const struct event *e)
{
    if (!s)
        return false;
    for (size_t i = 0; i < s->n_writers; i++) {
        const struct writer *w = &s->writers[i];
        /* A stamped writer's time is the server's; its digest covers the time the client sent, if any. */
        if (w->digest == e->digest && (w->t_ns == e->t_ns || w->recv_ns != 0))
            return true;
    }
    for (size_t i = 0; i < s->n_seen; i++)
        if (s->seen[i] == e->digest)
            return true;
    return false;
}

static int64_t newest_t(const struct state *s)
{
    int64_t newest = TIME_NONE;
    for (size_t i = 0; s && i < s->n_writers; i++)
        if (s->writers[i].t_ns > newest)
            newest = s->writers[i].t_ns;
    return newest;
}

static struct writer stamp(const struct state *old, const struct event *e, int64_t recv_ns)
{
    const struct profile_info *p = model_profile(e->profile);
    struct writer w = {
        .profile = (uint8_t)e->profile, .minor = p->minor, .tie = e->tie, .digest = e->digest, .t_ns = e->t_ns
    };
    if (p->server)
        w.recv_ns = recv_ns;
    if (e->t_ns == TIME_NONE || e->t_ns > recv_ns + MAX_AHEAD_NS) {
        int64_t newest = newest_t(old);
        w.t_ns = newest >= recv_ns ? newest + 1 : recv_ns;
        w.recv_ns = recv_ns;
    }
    return w;
}

/* Cells are borrowed from the event unless one waits for the time of receipt. */
static struct cell *lift_cells(struct arena *a, const struct event *e, int64_t recv_ns)
{
    struct cell *cells = e->cells;
    for (size_t i = 0; i < e->n_cells; i++) {
        if (e->cells[i].value.kind != V_INT || e->cells[i].value.piece != PIECE_RECEIPT)
            continue;
        if (cells == e->cells) {
            cells = arena_array(a, e->n_cells, sizeof *cells);
            memcpy(cells, e->cells, e->n_cells * sizeof *cells);
        }
        cells[i].value = value_int(recv_ns);
    }
    return cells;
}

struct state *state_lift(struct arena *a, const struct state *old, const struct event *e, int64_t recv_ns)
{
    struct state *s = arena_alloc(a, sizeof *s);
    s->entity = e->entity;
    s->writers = arena_array(a, 1, sizeof *s->writers);
    s->writers[0] = stamp(old, e, recv_ns);
    s->n_writers = 1;
    s->cells = lift_cells(a, e, recv_ns);
    s->n_cells = e->n_cells;
    return s;
}

void state_forget(struct state *s, enum profile profile)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n_cells; i++)
        if (s->writers[s->cells[i].writer].profile != profile)
            s->cells[kept++] = s->cells[i];
    s->n_cells = kept;
}

/* ---- the join ------------------------------------------------------------------------------------------------------- */

struct join {
    struct arena *a;
    const struct column *columns;
    const struct payload_loader *load;
    struct state *out;
    uint16_t *map[2]; /* writer of old and of b -> writer of out */
    bool changed;
    struct err *err;
};

/* Cells of one column and slot on one side. */
struct run {
    const struct cell *cells;
    size_t n;
};

static struct cell mapped(const struct join *j, int side, const struct cell *c)
{
    struct cell copy = *c;
    copy.writer = j->map[side][c->writer];
    return copy;
}

static int key_cmp(const struct join *j, const struct cell *x, const struct cell *y)
{
    return model__key_cmp(&j->out->writers[x->writer], x, &j->out->writers[y->writer], y);
}

/* Only for statements of equal keys, that is, of one event; a payload that is stored already stands for itself. */
static int value_cmp(const struct value *x, const struct value *y)
{
    if (x->kind == V_REF || y->kind == V_REF)
        return 0;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->kind == V_INT ? cmp_i64(x->i, y->i) : str_cmp(x->s, y->s);
}

static void emit(struct join *j, const struct cell *c)
{
    j->out->cells[j->out->n_cells++] = *c;
}

static void join_register(struct join *j, struct run x, struct run y)
{
    struct cell cx = mapped(j, 0, x.cells), cy = mapped(j, 1, y.cells);
    int c = key_cmp(j, &cx, &cy);
    if (c == 0)
        c = value_cmp(&cx.value, &cy.value);
    emit(j, c >= 0 ? &cx : &cy);
    j->changed |= c < 0;
}

static bool value_wins(enum column_kind kind, const struct value *old, const struct value *new)
{
    if (new->kind != V_INT)
        return false;
    if (old->kind != V_INT)
        return true;
    return kind == KIND_MIN ? new->i < old->i : new->i > old->i; /* MAX, and OR as a maximum of 0 and 1 */
}

static void join_value(struct join *j, enum column_kind kind, struct run x, struct run y)
{
    struct cell cx = mapped(j, 0, x.cells), cy = mapped(j, 1, y.cells);
    bool wins = value_wins(kind, &cx.value, &cy.value), loses = value_wins(kind, &cy.value, &cx.value);
    j->changed |= wins;
    if (!wins && !loses) /* the same value: the greater key only so that any order ends alike */
        wins = key_cmp(j, &cx, &cy) < 0;
    emit(j, wins ? &cy : &cx);
}

/* ---- patches -------------------------------------------------------------------------------------------------------- */

/* The patches of one column, oldest first, while covered ones are taken out. */
struct patches {
    struct cell *cells;
    size_t n;
};

static void drop_patch(struct patches *p, size_t i)
{
    memmove(p->cells + i, p->cells + i + 1, (p->n - i - 1) * sizeof *p->cells);
    p->n--;
}

static struct patches merge_runs(struct join *j, struct run x, struct run y)
{
    struct patches p = { .cells = j->out->cells + j->out->n_cells };
    size_t i = 0, k = 0;
    while (i < x.n || k < y.n) {
        struct cell cx, cy;
        int c = i == x.n ? 1 : -1;
        if (i < x.n)
            cx = mapped(j, 0, &x.cells[i]);
        if (k < y.n)
            cy = mapped(j, 1, &y.cells[k]);
        if (i < x.n && k < y.n)
            c = key_cmp(j, &cx, &cy);
        p.cells[p.n++] = c <= 0 ? cx : cy;
        i += c <= 0;
        k += c >= 0;
    }
    return p;
}

static bool same_patch(const struct cell *x, const struct cell *y)
{
    const struct value *vx = &x->value, *vy = &y->value;
    if (x->mode != y->mode || vx->kind == V_NULL || vy->kind == V_NULL)
        return false;
    if (vx->kind == V_JSON && vy->kind == V_JSON)
        return str_eq(vx->s, vy->s);
    return vx->hash != 0 && vx->hash == vy->hash;
}

/* A map that starts anew hides whatever is older. */
static void cover_by_replace(struct patches *p)
{
    size_t last = p->n;
    while (last > 0 && p->cells[last - 1].mode != MODE_REPLACE)
        last--;
    if (last < 2)
        return;
    memmove(p->cells, p->cells + last - 1, (p->n - last + 1) * sizeof *p->cells);
    p->n -= last - 1;
}

static void cover_by_equal(struct patches *p)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = i + 1; k < p->n; k++)
            if (same_patch(&p->cells[i], &p->cells[k])) {
                drop_patch(p, i--);
                break;
            }
}

static bool keys_within(struct json small, struct json large)
{
    struct json_iter it = json_iter(small);
    struct str key;
    struct json value;
    while (json_next(&it, &key, &value))
        if (json_get(large, key).v == NULL)
            return false;
    return true;
}

static bool parse_short(struct arena *a, const struct value *v, struct json *out)
{
    return v->kind == V_JSON && v->s.n <= COVER_TEXT_MOST && json_parse(a, v->s, 0, out, NULL) == ST_OK &&
           json_is_obj(*out);
}

/* A shallow patch covers an older one whose top-level keys it has all. Tried for the inline ones that may cover, newest first. */
static void cover_by_keys(struct join *j, struct patches *p)
{
    for (size_t k = p->n; k-- > 1;) {
        struct json large, small;
        if (p->cells[k].mode != MODE_SHALLOW || p->cells[k - 1].value.kind != V_JSON ||
            !parse_short(j->a, &p->cells[k].value, &large))
            continue;
        for (size_t i = k; i-- > 0;)
            if (p->cells[i].mode != MODE_REPLACE && parse_short(j->a, &p->cells[i].value, &small) &&
                keys_within(small, large)) {
                drop_patch(p, i);
                k--;
            }
    }
}

enum status model__text(struct arena *a, const struct value *v, const struct payload_loader *load,
    struct str *out, struct err *err)
{
    *out = v->s;
    if (v->kind != V_REF)
        return ST_OK;
    if (!load || v->i == 0)
        return err_set(err, ST_INTERNAL, "a stored value is needed and there is no way to read it");
    return load->load(load->ctx, a, v->i, v->piece, out, err);
}

/* The two oldest become one: REPLACE when one of them started the map anew, else SHALLOW, so that what is older than both and
 * still to come fills only keys that are not there (merge.md 5, settling). */
static enum status fold_oldest_map(struct join *j, struct patches *p)
{
    struct patch two[2];
    struct str text;
    for (int i = 0; i < 2; i++) {
        two[i].mode = p->cells[i].mode;
        enum status st = model__text(j->a, &p->cells[i].value, j->load, &two[i].json, j->err);
        if (st != ST_OK)
            return st;
    }
    enum status st = patch_fold(j->a, two, 2, &text, j->err);
    if (st != ST_OK)
        return st;
    struct cell *base = &p->cells[1];
    base->mode = two[0].mode == MODE_REPLACE ? MODE_REPLACE : MODE_SHALLOW;
    base->value =
        (struct value){ .kind = V_JSON, .piece = PIECE_INLINE, .hash = model__hash(text), .s = text };
    drop_patch(p, 0);
    return ST_OK;
}

static enum status patches_of_map(struct join *j, struct patches *p)
{
    cover_by_replace(p);
    cover_by_equal(p);
    cover_by_keys(j, p);
    while (p->n > MERGE_PATCHES_MAX) { /* only a new patch makes too many, and a base may swallow it */
        j->changed = true;
        enum status st = fold_oldest_map(j, p);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Of whole lists the newest counts. Of equal unions the first and the last do: they say where a tag stands, and whether it is newer
 * than the list. */
static void cover_tags(struct patches *p)
{
    for (size_t i = 0, later; i < p->n; i++) {
        size_t equal = 0;
        bool list = p->cells[i].mode == MODE_REPLACE, newer_list = false;
        for (later = i + 1; later < p->n; later++) {
            newer_list |= p->cells[later].mode == MODE_REPLACE;
            equal += same_patch(&p->cells[i], &p->cells[later]);
        }
        bool earlier = false;
        for (size_t k = 0; k < i && !earlier; k++)
            earlier = same_patch(&p->cells[k], &p->cells[i]);
        if (list ? newer_list : equal > 0 && earlier)
            drop_patch(p, i--);
    }
}

static enum status fold_oldest_tags(struct join *j, struct patches *p)
{
    /* Two neighbours on the same side of the list: one list and two unions always have such a pair. */
    size_t i = p->cells[0].mode == MODE_REPLACE || p->cells[1].mode == MODE_REPLACE;
    if (i && p->cells[1].mode == MODE_REPLACE)
        i = 2;
    struct json x, y;
    enum status st = json_parse(j->a, p->cells[i].value.s, 0, &x, j->err);
    if (st == ST_OK)
        st = json_parse(j->a, p->cells[i + 1].value.s, 0, &y, j->err);
    if (st != ST_OK)
        return st;
    struct str both = model__tags_union(j->a, x, y);
    p->cells[i].value = (struct value){ .kind = V_JSON, .hash = model__hash(both), .s = both };
    drop_patch(p, i + 1);
    return ST_OK;
}

#define RECEIPTS_MOST 10 /* langwatch.md 3.9 */

/* Receipts are a log, not a set: the newest are kept. The newest of a union are the newest of its parts, so this too is a join. */
static void keep_newest_receipts(struct patches *p)
{
    while (p->n > RECEIPTS_MOST)
        drop_patch(p, 0);
}

static enum status patches_of_tags(struct join *j, struct patches *p)
{
    if (j->out->entity == TRACE && p->n && p->cells->column == TRACE_receipts)
        keep_newest_receipts(p);
    cover_tags(p);
    while (p->n > MERGE_PATCHES_MAX) {
        j->changed = true;
        enum status st = fold_oldest_tags(j, p);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* b says something new when a patch stands that old does not have. */
static bool has_fresh(const struct join *j, const struct patches *p, struct run x)
{
    for (size_t i = 0; i < p->n; i++) {
        bool known = false;
        for (size_t k = 0; k < x.n && !known; k++)
            known = j->map[0][x.cells[k].writer] == p->cells[i].writer && x.cells[k].rank == p->cells[i].rank;
        if (!known)
            return true;
    }
    return false;
}

static enum status join_patches(struct join *j, enum column_kind kind, struct run x, struct run y)
{
    struct patches p = merge_runs(j, x, y);
    enum status st = kind == KIND_MAP ? patches_of_map(j, &p) : patches_of_tags(j, &p);
    if (st != ST_OK)
        return st;
    j->changed |= has_fresh(j, &p, x);
    j->out->n_cells += p.n;
    return ST_OK;
}

/* ---- the loop ------------------------------------------------------------------------------------------------------- */

static struct run run_at(const struct state *s, size_t at, const struct column *columns)
{
    struct run r = { .cells = s->cells + at };
    unsigned slot = cell_slot(columns, r.cells);
    while (at + r.n < s->n_cells && r.cells[r.n].column == r.cells->column &&
           cell_slot(columns, &r.cells[r.n]) == slot)
        r.n++;
    return r;
}

static void copy_run(struct join *j, int side, struct run r)
{
    for (size_t i = 0; i < r.n; i++) {
        struct cell c = mapped(j, side, &r.cells[i]);
        emit(j, &c);
    }
    j->changed |= side == 1;
}

static enum status join_runs(struct join *j, struct run x, struct run y)
{
    enum column_kind kind = j->columns[x.cells->column].kind;
    if (kind_has_patches(kind))
        return join_patches(j, kind, x, y);
    if (kind == KIND_REG)
        join_register(j, x, y);
    else
        join_value(j, kind, x, y);
    return ST_OK;
}

static unsigned place_of(const struct column *columns, const struct run *r)
{
    return r->cells->column * 2U + cell_slot(columns, r->cells);
}

static enum status join_cells(struct join *j, const struct state *old, const struct state *b)
{
    size_t i = 0, k = 0;
    while (i < old->n_cells || k < b->n_cells) {
        struct run x = { 0 }, y = { 0 };
        if (i < old->n_cells)
            x = run_at(old, i, j->columns);
        if (k < b->n_cells)
            y = run_at(b, k, j->columns);
        if (x.n && y.n && place_of(j->columns, &x) != place_of(j->columns, &y)) {
            if (place_of(j->columns, &x) < place_of(j->columns, &y))
                y.n = 0;
            else
                x.n = 0;
        }
        i += x.n;
        k += y.n;
        if (x.n && y.n) {
            enum status st = join_runs(j, x, y);
            if (st != ST_OK)
                return st;
        } else {
            copy_run(j, x.n == 0, x.n ? x : y);
        }
    }
    return ST_OK;
}

/* ---- writers -------------------------------------------------------------------------------------------------------- */

static void join_writers(struct join *j, const struct state *old, const struct state *b)
{
    struct state *out = j->out;
    out->writers = arena_array(j->a, old->n_writers + b->n_writers, sizeof *out->writers);
    j->map[0] = arena_array(j->a, old->n_writers + b->n_writers, sizeof *j->map[0]);
    j->map[1] = j->map[0] + old->n_writers;
    for (size_t i = 0; i < old->n_writers; i++) {
        out->writers[out->n_writers++] = old->writers[i];
        j->map[0][i] = (uint16_t)i;
    }
    for (size_t i = 0; i < b->n_writers; i++) {
        size_t at = 0;
        while (at < old->n_writers && !same_writer(&out->writers[at], &b->writers[i]))
            at++;
        if (at == old->n_writers) {
            at = out->n_writers;
            out->writers[out->n_writers++] = b->writers[i];
        }
        j->map[1][i] = (uint16_t)at;
    }
}

static bool remember(struct state *s, uint32_t digest)
{
    for (size_t i = 0; i < s->n_seen; i++)
        if (s->seen[i] == digest)
            return false;
    if (s->n_seen == MERGE_SEEN_MAX)
        memmove(s->seen, s->seen + 1, --s->n_seen * sizeof *s->seen);
    s->seen[s->n_seen++] = digest;
    return true;
}

/* Could a repeat of this beaten writer win? Only when its time was the server's, or when receipt decided against another. */
static bool could_return(const struct state *s, size_t writer)
{
    const struct writer *w = &s->writers[writer];
    if (w->recv_ns == 0)
        return false;
    if (w->t_ns >= w->recv_ns)
        return true;
    for (size_t i = 0; i < s->n_writers; i++)
        if (i != writer && s->writers[i].t_ns == w->t_ns && s->writers[i].minor == w->minor)
            return true;
    return false;
}

static void drop_writers(struct join *j)
{
    struct state *s = j->out;
    uint16_t *to = arena_array(j->a, s->n_writers, sizeof *to);
    uint16_t n = 0;
    for (size_t i = 0; i < s->n_cells; i++)
        to[s->cells[i].writer] = 1;
    for (size_t i = 0; i < s->n_writers; i++)
        if (!to[i] && could_return(s, i))
            j->changed |= remember(s, s->writers[i].digest);
    for (size_t i = 0; i < s->n_writers; i++)
        if (to[i]) {
            s->writers[n] = s->writers[i];
            to[i] = n++;
        }
    for (size_t i = 0; i < s->n_cells; i++)
        s->cells[i].writer = to[s->cells[i].writer];
    s->n_writers = n;
}

static void join_seen(struct join *j, const struct state *old, const struct state *b)
{
    memcpy(j->out->seen, old->seen, sizeof old->seen);
    j->out->n_seen = old->n_seen;
    for (size_t i = 0; i < b->n_seen; i++)
        j->changed |= remember(j->out, b->seen[i]);
}

static bool is_empty(const struct state *s)
{
    return !s || (s->n_cells == 0 && s->n_seen == 0);
}

enum status state_join(struct arena *a, const struct state *old, const struct state *b,
    const struct payload_loader *load, struct state **out, bool *changed, struct err *err)
{
    size_t n;
    if (is_empty(old)) {
        *changed = !is_empty(b);
        *out = (struct state *)b;
        return ST_OK;
    }
    assert(old->entity == b->entity);
    struct join j = { .a = a, .columns = model_columns(b->entity, &n), .load = load, .err = err };
    *out = j.out = arena_alloc(a, sizeof *j.out);
    j.out->entity = b->entity;
    j.out->cells = arena_array(a, old->n_cells + b->n_cells, sizeof *j.out->cells);
    join_writers(&j, old, b);
    enum status st = join_cells(&j, old, b);
    if (st != ST_OK)
        return st;
    join_seen(&j, old, b);
    drop_writers(&j);
    *changed = j.changed;
    return ST_OK;
}
