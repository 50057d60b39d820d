/*
 * Queries: a statement gives keys in the query's order, each row is then read by its key.
 *
 *   traces         trace_at a, trace t          or, when a filter is selective, its candidates a, trace t
 *   observations   observation_at a, trace t, observation o    the same
 *   the others     their table x
 *
 * Lists by start follow trace_at and observation_at, so the newest page costs a page; rows of one start are sorted among themselves by
 * SQLite. Every other order sorts the keys of all candidates.
 */
#include "store/sqlite/sqlite_priv.h"

#include "base/mem.h"

/* Up to so many traces are looked up one by one; a value of more is soon met in a list by start. Of observations all in those traces are
 * looked at, so fewer are too many. */
#define CANDIDATES_MAX              5000
#define CANDIDATES_MAX_OBSERVATIONS 1000

/* ---- candidates ----------------------------------------------------------------------------------------------------- */

struct candidates {
    bool found;
    int64_t *numbers;
    size_t n;
};

static bool facet_of(enum entity e, const struct filter *f, enum facet *facet)
{
    if (f->negate || f->compare != IS_IN)
        return false;
    if (e == OBSERVATION && f->subject == ON_COLUMN && f->column == OBSERVATION_model) {
        *facet = FACET_MODEL;
        return true;
    }
    if (e != TRACE)
        return false;
    if (f->subject == ON_TAGS) {
        *facet = FACET_TAG;
        return true;
    }
    static const struct {
        unsigned column;
        enum facet facet;
    } columns[] = {
        { TRACE_user_id, FACET_USER },
        { TRACE_session_id, FACET_SESSION },
        { TRACE_name, FACET_NAME },
    };
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && f->subject == ON_COLUMN; i++)
        if (f->column == columns[i].column) {
            *facet = columns[i].facet;
            return true;
        }
    return false;
}

static bool has_empty(const struct filter *f)
{
    for (size_t i = 0; i < f->n_values; i++)
        if (f->values[i].n == 0)
            return true;
    return false;
}

static size_t limit_of(const struct plan *p)
{
    return p->q->entity == OBSERVATION ? CANDIDATES_MAX_OBSERVATIONS : CANDIDATES_MAX;
}

/* Keep the shorter of two lists. */
static void take_shorter(struct candidates *best, size_t limit, int64_t *numbers, size_t n)
{
    if (n > limit || (best->found && best->n <= n)) {
        mem_free(numbers);
        return;
    }
    mem_free(best->numbers);
    *best = (struct candidates){ true, numbers, n };
}

static enum status by_scope(struct plan *p, const struct filter *f, struct candidates *best, struct err *err)
{
    int64_t *numbers = mem_array(f->n_values, sizeof(*numbers));
    size_t n = 0;
    enum status st = ST_OK;
    for (size_t i = 0; i < f->n_values && st == ST_OK; i++) {
        st = traces__number(p->c, p->q->project, f->values[i], false, &numbers[n], err);
        bool known = numbers[n] != 0;
        for (size_t k = 0; k < n && known; k++)
            known = numbers[k] != numbers[n];
        n += known;
    }
    take_shorter(best, limit_of(p), numbers, n);
    return st;
}

static enum status find_candidates(struct plan *p, const struct filter *filters, size_t n, enum entity e,
    struct candidates *best, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        const struct filter *f = &filters[i];
        enum facet facet;
        if ((f->subject == ON_ALL || (f->subject == ON_OBSERVATION && e == TRACE)) && !f->negate) {
            st = find_candidates(
                p, f->children, f->n_children, f->subject == ON_OBSERVATION ? OBSERVATION : e, best, err);
        } else if (facet_of(e, f, &facet) && f->n_values > 0 && !has_empty(f)) {
            int64_t *numbers;
            size_t count;
            st = facets__find(
                p->c, p->q->project, facet, f->values, f->n_values, limit_of(p), &numbers, &count, err);
            take_shorter(best, limit_of(p), numbers, count);
        } else if (!f->negate && f->compare == IS_IN && f->n_values > 0 && f->n_values <= 100 &&
                   f->subject == (e == TRACE ? ON_ID : ON_SCOPE) &&
                   (e == TRACE || (e == OBSERVATION && p->q->entity == OBSERVATION))) {
            st = by_scope(p, f, best, err);
        }
    }
    return st;
}

/* "[1,2,3]" for json_each() */
static struct str number_list(struct arena *a, const struct candidates *found)
{
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < found->n; i++)
        buf_printf(&out, "%c%lld", i ? ',' : '[', (long long)found->numbers[i]);
    buf_add_cstr(&out, found->n ? "]" : "[]");
    struct str list = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return list;
}

/* ---- order and cursor ----------------------------------------------------------------------------------------------- */

static const char *alias_of(enum entity e)
{
    return e == TRACE ? "t" : e == OBSERVATION ? "o" : "x";
}

static const char *scope_key(enum entity e)
{
    return e == OBSERVATION ? "spell(t.id)" : e == MESSAGE ? "x.thread" : e == RECORD ? "x.kind" : "''";
}

static const char *id_key(const struct plan *p)
{
    enum entity e = p->q->entity;
    return e == TRACE         ? "spell(t.id)"
           : e == OBSERVATION ? (p->listed ? "spell(a.id)" : "spell(o.id)")
                              : "x.id";
}

/* What the query sorts by first, or nothing for an order that is left to the store. */
static void sort_key(const struct plan *p, struct buf *out)
{
    const char *alias = alias_of(p->q->entity);
    switch (p->q->order) {
    case BY_START: buf_add_cstr(out, plan__start(p)); break;
    case BY_CREATED: buf_printf(out, "%s.created_ns", alias); break;
    case BY_UPDATED: buf_printf(out, "%s.created_ns + %s.updated_by", alias, alias); break;
    case BY_ID: buf_add_cstr(out, id_key(p)); break;
    case BY_NAME:
        if (p->q->entity <= SCORE || p->q->entity == RECORD)
            buf_printf(out, "coalesce(word(%s.name), '')", alias);
        else
            buf_add_cstr(out, "x.id");
        break;
    default: break;
    }
}

static void add_cursor(struct plan *p, const char *key)
{
    const struct cursor *after = &p->q->after;
    bool by_text = p->q->order == BY_ID || p->q->order == BY_NAME;
    const char *sign = p->q->descending ? "<" : ">";
    for (int i = 0; i < 2; i++) { /* the first is for the index, the second says it all */
        if (i == 0)
            buf_printf(&p->where, " AND %s %s= ", key, sign);
        else
            buf_printf(&p->where, " AND (%s, %s, %s) %s (", key, scope_key(p->q->entity), id_key(p), sign);
        if (by_text)
            plan__text(p, after->text);
        else
            plan__int(p, after->ns);
    }
    buf_add_char(&p->where, ',');
    plan__text(p, after->scope);
    buf_add_char(&p->where, ',');
    plan__text(p, after->id);
    buf_add_char(&p->where, ')');
}

static void add_order(struct plan *p, const char *key, struct buf *out)
{
    const char *way = p->q->descending ? "DESC" : "ASC";
    buf_printf(out, " ORDER BY %s %s", key, way);
    if (p->q->entity == OBSERVATION || p->q->entity == MESSAGE || p->q->entity == RECORD)
        buf_printf(out, ", %s %s", scope_key(p->q->entity), way);
    buf_printf(out, ", %s %s", id_key(p), way);
}

/* ---- the statement -------------------------------------------------------------------------------------------------- */

/* Does the SQL name a column of table `alias`? Text of ours only, so it need not be parsed. */
static bool names(const struct buf *text, char alias)
{
    for (size_t i = 1; i + 1 < text->n; i++)
        if (text->p[i] == alias && text->p[i + 1] == '.' && (text->p[i - 1] == ' ' || text->p[i - 1] == '('))
            return true;
    return false;
}

static void from_traces(const struct candidates *found, bool whole, struct buf *out)
{
    if (found->found)
        buf_add_cstr(out,
            "SELECT t.no FROM (SELECT value AS no FROM json_each(?)) a CROSS JOIN trace t ON t.no = a.no"
            " WHERE t.created_ns IS NOT NULL AND t.project = ?");
    else
        buf_printf(out, "SELECT a.no FROM trace_at a%s WHERE a.project = ?",
            whole ? " CROSS JOIN trace t ON t.no = a.no" : "");
}

/* What a condition, the order or the key asks for is joined, no more. */
static void from_observations(const struct candidates *found, bool trace, bool whole, struct buf *out)
{
    if (found->found) {
        buf_add_cstr(out,
            "SELECT o.trace_no, o.id FROM (SELECT value AS no FROM json_each(?)) a CROSS JOIN trace t ON t.no = a.no"
            " CROSS JOIN observation o ON o.trace_no = t.no WHERE t.project = ?");
        return;
    }
    buf_add_cstr(out, "SELECT a.trace_no, a.id FROM observation_at a");
    if (trace)
        buf_add_cstr(out, " CROSS JOIN trace t ON t.no = a.trace_no");
    if (whole)
        buf_add_cstr(out, " CROSS JOIN observation o ON o.trace_no = a.trace_no AND o.id = a.id");
    buf_add_cstr(out, " WHERE a.project = ?");
}

static void from_plain(enum entity e, struct buf *out)
{
    const char *scope = e == MESSAGE ? "x.thread" : e == RECORD ? "x.kind" : "NULL";
    buf_printf(out, "SELECT %s, x.id FROM %s x WHERE x.project = ?", scope, tables[e].name);
}

/* The whole text: FROM by what WHERE and ORDER name. */
static void compose(struct plan *p, const struct candidates *found, struct buf *text)
{
    struct buf key, order;
    buf_init(&key, 0);
    buf_init(&order, 0);
    sort_key(p, &key);
    buf_add_char(&key, 0);
    if (key.n > 1 && !p->counting) {
        if (p->q->after.set)
            add_cursor(p, key.p);
        add_order(p, key.p, &order);
    }
    bool trace = names(&p->where, 't') || names(&order, 't'),
         whole = names(&p->where, 'o') || names(&order, 'o');
    buf_add_cstr(text, p->counting ? "SELECT count(*) FROM (" : "");
    if (p->q->entity == TRACE)
        from_traces(found, trace, text);
    else if (p->q->entity == OBSERVATION)
        from_observations(found, trace, whole, text);
    else
        from_plain(p->q->entity, text);
    buf_add_str(text, buf_str(&p->where));
    buf_add_str(text, buf_str(&order));
    buf_add_cstr(text, p->counting ? ")" : "");
    buf_fini(&key);
    buf_fini(&order);
}

static enum status prepare(struct plan *p, const struct candidates *found, sqlite3_stmt **s, struct err *err)
{
    struct buf text;
    buf_init(&text, 0);
    compose(p, found, &text);
    enum status st = conn__prepare(p->c, buf_str(&text), s, err);
    int at = 1;
    if (st == ST_OK && found->found) {
        struct str list = number_list(p->arena, found);
        sqlite3_bind_text64(*s, at++, list.p, list.n, SQLITE_STATIC, SQLITE_UTF8);
    }
    if (st == ST_OK)
        sqlite3_bind_int(*s, at++, p->q->project);
    for (size_t i = 0; i < p->n && st == ST_OK; i++)
        bound_bind(*s, at++, &p->parameters[i]);
    buf_fini(&text);
    return st;
}

/* ---- the scan ------------------------------------------------------------------------------------------------------- */

/* `a` is the visitor's to reset between rows, so nothing of the scan lies there. */
static enum status run(
    struct plan *p, struct arena *a, sqlite3_stmt *s, row_visitor *visit, void *ctx, struct err *err)
{
    const struct query *q = p->q;
    enum status st;
    bool row;
    if (p->c == &p->c->d->writer) {
        struct row_key *keys;
        size_t n;
        st = links__gather(p->c, p->arena, q->entity, s, &keys, &n, err);
        return st == ST_OK ? links__visit(p->c, a, q->project, q->entity, keys, n, visit, ctx, err) : st;
    }
    struct arena *own = arena_new();
    while ((st = conn__step(p->c, s, &row, err)) == ST_OK && row) {
        struct row_key key;
        struct row *r;
        links__key(own, q->entity, s, &key);
        st = links__row(p->c, a, q->project, q->entity, &key, &r, err);
        arena_reset(own);
        if (st != ST_OK || (r && !visit(ctx, r)))
            break;
    }
    arena_free(own);
    return st;
}

/* From a query to its conditions; the caller ends the plan. */
static enum status plan_query(struct plan *p, struct candidates *found, struct err *err)
{
    const struct query *q = p->q;
    buf_init(&p->where, 0);
    enum status st = p->c == &p->c->d->writer ? fresh__flush(p->c, err) : ST_OK;
    if (st == ST_OK && !q->negate)
        st = find_candidates(p, q->filters, q->n_filters, q->entity, found, err);
    p->listed = !found->found;
    return st == ST_OK ? plan__filters(p, err) : st;
}

static void plan_end(struct plan *p, struct candidates *found, sqlite3_stmt *s)
{
    sqlite3_finalize(s);
    mem_free(found->numbers);
    buf_fini(&p->where);
    arena_free(p->arena);
}

enum status scan__query(struct conn *c, struct arena *a, const struct query *q, row_visitor *visit, void *ctx,
    bool *exact, struct err *err)
{
    struct plan p = { .c = c, .q = q, .arena = arena_new() };
    struct candidates found = { 0 };
    sqlite3_stmt *s = NULL;
    enum status st = plan_query(&p, &found, err);
    *exact = p.exact;
    if (st == ST_OK)
        st = prepare(&p, &found, &s, err);
    if (st == ST_OK)
        st = run(&p, a, s, visit, ctx, err);
    plan_end(&p, &found, s);
    return st;
}

/* All that the answer depends on but the commit: the conditions and their values. */
static void count_key(const struct plan *p, struct buf *out)
{
    buf_printf(out, "%d %d%.*s", (int)p->q->project, (int)p->q->entity, STR_ARG(buf_str(&p->where)));
    for (size_t i = 0; i < p->n; i++) {
        const struct bound *v = &p->parameters[i];
        buf_printf(out, "\n%d %lld %zu ", (int)v->kind, (long long)v->i, v->s.n);
        buf_add_str(out, v->s);
    }
}

static enum status count(struct plan *p, const struct candidates *found, int64_t *n, struct err *err)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum status st = prepare(p, found, &s, err);
    if (st == ST_OK)
        st = conn__step(p->c, s, &row, err);
    if (st == ST_OK && row)
        *n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return st;
}

static enum status count_once(
    struct plan *p, const struct candidates *found, struct str key, bool outside, int64_t *n, struct err *err)
{
    if (outside && counts__find(p->c->d->counts, p->c->commit, key, n))
        return ST_OK;
    enum status st = count(p, found, n, err);
    if (st == ST_OK && outside)
        counts__note(p->c->d->counts, p->c->commit, key, *n);
    return st;
}

/* Only what SQL can decide alone is counted here; *exact says whether it was. */
enum status scan__count(struct conn *c, const struct query *q, int64_t *n, bool *exact, struct err *err)
{
    struct plan p = { .c = c, .q = q, .arena = arena_new(), .counting = true };
    struct candidates found = { 0 };
    struct buf key;
    buf_init(&key, 0);
    enum status st = plan_query(&p, &found, err);
    *exact = st == ST_OK && p.exact;
    bool outside = c != &c->d->writer; /* what the writer sees has no commit number yet */
    if (*exact && outside && p.where.n == 0 && p.listed && q->entity <= OBSERVATION) {
        st = tally__read(c, q->project, q->entity, n, err);
    } else if (*exact) {
        count_key(&p, &key);
        st = count_once(&p, &found, buf_str(&key), outside, n, err);
    }
    buf_fini(&key);
    plan_end(&p, &found, NULL);
    return st;
}
