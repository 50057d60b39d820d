/* store/sqlite: every call of driver.h answers as the memory driver does, within a transaction, after it, after a rollback and reopened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/sqlite/sqlite_priv.h"
#include "support/store_kit.h"

#define POINTERS 8

/* Two drivers that are told the same. */
struct pair {
    char *dir;
    struct store_options o;
    struct store_metrics metrics[2];
    struct driver *sqlite, *memory;
    struct dice dice;
    int64_t pointers[POINTERS];
    size_t n_pointers;
    struct err err;
};

static void must(struct pair *p, enum status st)
{
    if (st != ST_OK)
        print_error("%s: %s\n", status_name(st), p->err.text);
    assert_int_equal(st, ST_OK);
}

static void open_sqlite(struct pair *p)
{
    must(p, driver_sqlite_open(p->dir, &p->o, &p->metrics[0], &p->sqlite, &p->err));
}

static int set_up(void **state)
{
    struct pair *p = mem_alloc(sizeof(*p));
    *p = (struct pair){ .dir = folder_new(), .o = rowkit_options(), .dice = { 88172645463325252ULL } };
    p->o.store_block = 4096;
    must(p, driver_memory_open(&p->metrics[1], &p->memory, &p->err));
    open_sqlite(p);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;
    p->sqlite->ops->close(p->sqlite);
    p->memory->ops->close(p->memory);
    folder_drop(p->dir);
    mem_free(p);
    return 0;
}

/* ---- writing both --------------------------------------------------------------------------------------------------- */

static void begin(struct pair *p)
{
    must(p, p->sqlite->ops->begin(p->sqlite, &p->err));
    must(p, p->memory->ops->begin(p->memory, &p->err));
    p->n_pointers = 0;
}

static void commit(struct pair *p)
{
    must(p, p->sqlite->ops->commit(p->sqlite, &p->err));
    must(p, p->memory->ops->commit(p->memory, &p->err));
}

static void rollback(struct pair *p)
{
    p->sqlite->ops->rollback(p->sqlite);
    p->memory->ops->rollback(p->memory);
}

static void put_in(struct pair *p, struct driver *d, struct arena *a, const struct row *r, bool remove)
{
    struct row *old, copy = *r;
    must(p, d->ops->get_row(d, NULL, a, r->project, r->entity, r->scope, r->id, &old, &p->err));
    if (remove && old)
        must(p, d->ops->delete_row(d, old, &p->err));
    if (remove)
        return;
    if (old)
        copy.created_ns = old->created_ns;
    copy.number = old ? old->number : 0;
    bool hide = dice_roll(&p->dice, 8) == 0; /* a caller that does not say what was there */
    must(p, d->ops->put_row(d, &copy, hide ? NULL : old, &p->err));
}

static void add_payload(struct pair *p, struct arena *a)
{
    struct str text =
        arena_printf(a, "payload %u %0*u", dice_roll(&p->dice, 1000), (int)dice_roll(&p->dice, 3000), 7);
    must(p, p->sqlite->ops->payload_add(p->sqlite, text, &p->pointers[p->n_pointers++ % POINTERS], &p->err));
}

static void change(struct pair *p, struct arena *a)
{
    if (p->n_pointers < POINTERS)
        add_payload(p, a);
    struct row *r =
        rowkit_row(a, &p->dice, (enum entity)dice_roll(&p->dice, ENTITY_COUNT), p->pointers, p->n_pointers);
    bool remove = dice_roll(&p->dice, 6) == 0;
    if (r->entity == OBSERVATION && !remove &&
        dice_roll(&p->dice, 2)) { /* as the store does: the trace is there first */
        struct row trace = {
            .entity = TRACE, .project = r->project, .id = r->scope, .created_ns = 5, .updated_ns = 5
        };
        put_in(p, p->sqlite, a, &trace, false);
        put_in(p, p->memory, a, &trace, false);
    }
    put_in(p, p->sqlite, a, r, remove);
    put_in(p, p->memory, a, r, remove);
}

/* ---- reading both --------------------------------------------------------------------------------------------------- */

static int by_key(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int c = str_cmp(a->scope, b->scope);
    return c ? c : str_cmp(a->id, b->id);
}

static void same_rows(struct rowkit_rows *x, struct rowkit_rows *y, bool sort)
{
    assert_int_equal(x->n, y->n);
    if (sort && x->n > 1) {
        qsort(x->items, x->n, sizeof(*x->items), by_key);
        qsort(y->items, y->n, sizeof(*y->items), by_key);
    }
    for (size_t i = 0; i < x->n; i++) {
        const char *what = rowkit_difference(&x->items[i], &y->items[i]);
        if (what)
            print_error("row %zu of %zu differs: %s\n", i, x->n, what);
        assert_null(what);
    }
}

struct asking {
    struct pair *p;
    struct arena *a;
    struct reader *rd[2]; /* NULL: in the transaction */
};

static void compare_gets(struct asking *k)
{
    struct row *x, *y;
    for (int i = 0; i < 100; i++) {
        struct row *key =
            rowkit_row(k->a, &k->p->dice, (enum entity)dice_roll(&k->p->dice, ENTITY_COUNT), NULL, 0);
        must(k->p, k->p->sqlite->ops->get_row(k->p->sqlite, k->rd[0], k->a, key->project, key->entity,
                       key->scope, key->id, &x, &k->p->err));
        must(k->p, k->p->memory->ops->get_row(k->p->memory, k->rd[1], k->a, key->project, key->entity,
                       key->scope, key->id, &y, &k->p->err));
        const char *what = rowkit_difference(x, y);
        if (what)
            print_error("get of a %s: %s\n", entity_name(key->entity), what);
        assert_null(what);
    }
}

static const unsigned links[][2] = {
    { SCORE, LINK_SCORE_TRACE },
    { SCORE, LINK_SCORE_OBSERVATION },
    { RECORD, LINK_RECORD_TRACE },
    { RECORD, LINK_RECORD_PARENT },
    { TRACE, LINK_TRACE_SESSION },
};

static void scan_one(struct asking *k, struct driver *d, struct reader *rd, unsigned kind, int32_t project,
    struct str value, struct rowkit_rows *out)
{
    enum entity scoped = kind == 0 ? OBSERVATION : kind == 1 ? MESSAGE : RECORD;
    *out = (struct rowkit_rows){ .a = k->a };
    if (kind < 3)
        must(k->p, d->ops->scan_scope(d, rd, k->a, project, scoped, value, rowkit_gather, out, &k->p->err));
    else if (kind == 3)
        must(k->p, d->ops->scan_bare(d, rd, k->a, project, value, rowkit_gather, out, &k->p->err));
    else if (kind == 4)
        must(k->p, d->ops->scan_children(d, rd, k->a, project, value, rowkit_gather, out, &k->p->err));
    else if (kind == 5)
        must(k->p, d->ops->scan_observation_id(d, rd, k->a, project, value, rowkit_gather, out, &k->p->err));
    else
        must(k->p, d->ops->scan_link(d, rd, k->a, project, (enum entity)links[kind - 6][0],
                       links[kind - 6][1], value, rowkit_gather, out, &k->p->err));
}

/* kinds: of scan_one(), the first so many. */
static void compare_scans(struct asking *k, unsigned kinds)
{
    struct rowkit_rows x, y;
    for (int i = 0; i < 120; i++) {
        unsigned kind = dice_roll(&k->p->dice, kinds);
        int32_t project = 1 + (int32_t)dice_roll(&k->p->dice, 2);
        struct str value = kind == 2 ? STR("dataset")
                                     : rowkit_id(k->a, &k->p->dice,
                                           kind < 2                 ? 12
                                           : kind == 3 || kind == 5 ? 60
                                                                    : 20);
        scan_one(k, k->p->sqlite, k->rd[0], kind, project, value, &x);
        scan_one(k, k->p->memory, k->rd[1], kind, project, value, &y);
        same_rows(&x, &y, kind == 0 || kind >= 3); /* messages and records come in the order of their ids */
    }
}

/* ---- random questions ----------------------------------------------------------------------------------------------- */

static struct str value_for(struct asking *k, const struct column *c)
{
    static const char *const words[] = { "GENERATION", "SPAN", "ERROR", "DEFAULT", "API", "EVAL",
        "nonsense" };
    struct dice *d = &k->p->dice;
    if (c->type == TYPE_ENUM)
        return str_of(words[dice_roll(d, 7)]);
    if (c->type == TYPE_ID)
        return rowkit_id(k->a, d, 20);
    return dice_roll(d, 6) ? arena_printf(k->a, "word-%u", dice_roll(d, 12)) : STR("");
}

static void random_times(struct asking *k, struct filter *f)
{
    struct dice *d = &k->p->dice;
    static const enum compare ways[] = { IS_BETWEEN, IS_BELOW, IS_ABOVE, IS_IN, IS_NOT_IN };
    f->compare = ways[dice_roll(d, 5)];
    int64_t base = f->subject == ON_UPDATED ? INT64_C(1790000100000000000) : INT64_C(1790000000000000000);
    int64_t unit = f->subject == ON_UPDATED ? 1000 : 1000000007;
    f->low_ns = base + (int64_t)dice_roll(d, 30) * unit;
    f->high_ns = base + (int64_t)(20 + dice_roll(d, 80)) * unit;
    if (f->compare == IS_BETWEEN && dice_roll(d, 3) == 0)
        f->low_ns = TIME_NONE;
}

static void random_filter(struct asking *k, struct filter *f, enum entity e, int depth)
{
    static const enum subject subjects[] = { ON_COLUMN, ON_COLUMN, ON_COLUMN, ON_ID, ON_SCOPE, ON_START,
        ON_UPDATED, ON_TAGS, ON_ROOT, ON_PARENT, ON_ERROR, ON_ALL, ON_ANY, ON_OBSERVATION, ON_NOTHING };
    static const enum compare ways[] = { IS_IN, IS_IN, IS_IN, IS_NOT_IN, IS_SET };
    struct dice *d = &k->p->dice;
    size_t n;
    const struct column *columns = model_columns(e, &n);
    *f = (struct filter){ .low_ns = TIME_NONE, .high_ns = TIME_NONE, .low = dice_roll(d, 2) };
    f->subject = subjects[dice_roll(d, 15)];
    if ((f->subject == ON_NOTHING && dice_roll(d, 4)) || (f->subject == ON_OBSERVATION && e != TRACE))
        f->subject = ON_COLUMN;
    if ((f->subject == ON_ALL || f->subject == ON_ANY || f->subject == ON_OBSERVATION) && depth > 2)
        f->subject = ON_COLUMN;
    f->compare = ways[dice_roll(d, 5)];
    f->negate = dice_roll(d, 5) == 0;
    const struct column *c = &columns[dice_roll(d, (uint32_t)n)];
    if (c->type == TYPE_INT || c->type == TYPE_BOOL || c->place == PLACE_PAYLOAD)
        c = &columns[0];
    f->column = c->number;
    if (f->subject == ON_START || f->subject == ON_UPDATED ||
        (f->subject == ON_COLUMN && c->type == TYPE_TIME))
        random_times(k, f);
    for (uint32_t i = 0; i <= dice_roll(d, 3) && f->subject < ON_OBSERVATION; i++)
        filter_value(k->a, f,
            f->subject == ON_COLUMN                 ? value_for(k, c)
            : f->subject == ON_TAGS                 ? arena_printf(k->a, "tag-%u", dice_roll(d, 6))
            : f->subject == ON_SCOPE && e == RECORD ? STR("prompt")
                                                    : rowkit_id(k->a, d, 60));
    if (f->subject == ON_PARENT)
        filter_value(k->a, f, rowkit_id(k->a, d, 20));
    for (uint32_t i = 0; (f->subject == ON_ALL || f->subject == ON_ANY || f->subject == ON_OBSERVATION) &&
                         i < dice_roll(d, 3);
         i++) {
        struct filter *child = filter_child(k->a, f, ON_COLUMN, IS_IN);
        random_filter(k, child, f->subject == ON_OBSERVATION ? OBSERVATION : e, depth + 1);
    }
}

struct answering {
    struct asking *k;
    struct driver *d;
    struct reader *rd;
    const struct query *q;
    bool exact;
    struct rowkit_rows rows;
    struct arena *scratch;
};

static bool answer_row(void *ctx, struct row *r)
{
    struct answering *w = ctx;
    bool taken = w->exact;
    struct rowkit_rows below = { .a = w->k->a };
    if (r->entity == TRACE) {
        must(w->k->p, w->d->ops->scan_scope(w->d, w->rd, w->k->a, r->project, OBSERVATION, r->id,
                          rowkit_gather, &below, &w->k->p->err));
        r->observations = below.items;
        r->n_observations = below.n;
    }
    bool match = query_match(w->k->a, w->q, r);
    assert_true(!taken || match); /* what is promised exact is */
    if (match)
        rowkit_gather(&w->rows, r);
    return true;
}

static void answer(struct asking *k, int which, const struct query *q, struct answering *w)
{
    struct driver *d = which ? k->p->memory : k->p->sqlite;
    *w = (struct answering){ .k = k, .d = d, .rd = k->rd[which], .q = q, .rows = { .a = k->a } };
    must(k->p, d->ops->scan_query(d, w->rd, k->a, q, answer_row, w, &w->exact, &k->p->err));
}

/* Where the driver can tell, its count is what a look at every row finds; asked twice, the same. */
static void compare_count(struct asking *k, const struct query *q, size_t n)
{
    struct driver *d = k->p->sqlite;
    for (int i = 0; i < 2; i++) {
        int64_t counted = -1;
        bool exact = false;
        must(k->p, d->ops->count_query(d, k->rd[0], q, &counted, &exact, &k->p->err));
        if (exact)
            assert_int_equal(counted, n);
    }
}

static void compare_queries(struct asking *k)
{
    static const enum order orders[] = { BY_START, BY_START, BY_CREATED, BY_UPDATED, BY_ID, BY_NAME, BY_COST,
        BY_SEQ };
    struct dice *d = &k->p->dice;
    for (int i = 0; i < 100; i++) {
        struct query q = { .entity = (enum entity)dice_roll(d, ENTITY_COUNT),
            .project = 1 + (int32_t)dice_roll(d, 2),
            .limit = SIZE_MAX };
        struct answering x, y;
        q.order = orders[dice_roll(d, 8)];
        q.descending = dice_roll(d, 2);
        q.negate = dice_roll(d, 10) == 0;
        for (uint32_t n = dice_roll(d, 4); n > 0; n--)
            random_filter(k, query_add(k->a, &q, ON_COLUMN, IS_IN), q.entity, 0);
        answer(k, 0, &q, &x);
        answer(k, 1, &q, &y);
        bool ordered = q.order != BY_COST && q.order != BY_SEQ;
        same_rows(&x.rows, &y.rows, !ordered);
        compare_count(k, &q, y.rows.n);
        if (!ordered || y.rows.n == 0)
            continue;
        query_cursor_of(k->a, &q, &y.rows.items[dice_roll(d, (uint32_t)y.rows.n)], &q.after);
        answer(k, 0, &q, &x);
        answer(k, 1, &q, &y);
        same_rows(&x.rows, &y.rows, false);
    }
}

static void compare_all(struct pair *p, bool inside)
{
    struct asking k = { .p = p, .a = arena_new() };
    if (!inside) {
        must(p, p->sqlite->ops->reader_take(p->sqlite, &k.rd[0], &p->err));
        must(p, p->memory->ops->reader_take(p->memory, &k.rd[1], &p->err));
    }
    compare_gets(&k);
    compare_scans(&k, 11);
    compare_queries(&k);
    if (!inside) {
        assert_int_equal(p->sqlite->ops->commit_number(p->sqlite, k.rd[0]),
            p->memory->ops->commit_number(p->memory, k.rd[1]));
        p->sqlite->ops->reader_drop(p->sqlite, k.rd[0]);
        p->memory->ops->reader_drop(p->memory, k.rd[1]);
    }
    arena_free(k.a);
}

/* By what the driver keeps in memory until the commit: nothing here makes it write that out. */
static void compare_scans_inside(struct pair *p)
{
    struct asking k = { .p = p, .a = arena_new() };
    for (int i = 0; i < 5; i++) {
        compare_gets(&k);
        compare_scans(&k, 5);
    }
    arena_free(k.a);
}

static void changes(struct pair *p, int n)
{
    struct arena *a = arena_new();
    for (int i = 0; i < n; i++)
        change(p, a);
    arena_free(a);
}

static void answers_as_memory_does(void **state)
{
    struct pair *p = *state;
    for (int round = 0; round < 9; round++) {
        begin(p);
        changes(p, round == 2 ? 1500 : 150);
        if (round % 3 < 2)
            compare_scans_inside(p);
        changes(p, 50);
        if (round % 3 == 0)
            compare_all(p, true);
        if (round % 4 == 3)
            rollback(p);
        else
            commit(p);
        compare_all(p, false);
        p->sqlite->ops->maintain(p->sqlite);
        if (round % 3 == 1)
            must(p, facets__spill(&((struct sqlite *)p->sqlite)->writer, &p->err));
        if (round % 5 == 4) {
            p->sqlite->ops->close(p->sqlite);
            open_sqlite(p);
            compare_all(p, false);
        }
    }
}

/* ---- by hand -------------------------------------------------------------------------------------------------------- */

static void payload_comes_back(void **state)
{
    struct pair *p = *state;
    struct arena *a = arena_new();
    int64_t pointers[300];
    struct str got;
    for (int round = 0; round < 3; round++) {
        begin(p);
        for (int i = 0; i < 100; i++) {
            struct str text = arena_printf(a, "%d-%0*d", round * 100 + i, i == 50 ? 20000 : i * 13, 4);
            must(p, p->sqlite->ops->payload_add(p->sqlite, text, &pointers[round * 100 + i], &p->err));
            must(
                p, p->sqlite->ops->payload_get(p->sqlite, NULL, a, pointers[round * 100 + i], &got, &p->err));
            assert_true(str_eq(got, text));
        }
        commit(p);
    }
    p->sqlite->ops->close(p->sqlite);
    open_sqlite(p);
    struct reader *rd;
    must(p, p->sqlite->ops->reader_take(p->sqlite, &rd, &p->err));
    for (int i = 0; i < 300; i++) {
        must(p, p->sqlite->ops->payload_get(p->sqlite, rd, a, pointers[i], &got, &p->err));
        assert_true(str_eq(got, arena_printf(a, "%d-%0*d", i, i % 100 == 50 ? 20000 : i % 100 * 13, 4)));
    }
    assert_int_equal(
        p->sqlite->ops->payload_get(p->sqlite, rd, a, pointers[299] + 1, &got, &p->err), ST_CORRUPT);
    assert_int_equal(p->sqlite->ops->payload_get(p->sqlite, rd, a, 0, &got, &p->err), ST_CORRUPT);
    assert_int_equal(
        p->sqlite->ops->payload_get(p->sqlite, rd, a, INT64_C(77) << 32 | 1, &got, &p->err), ST_CORRUPT);
    p->sqlite->ops->reader_drop(p->sqlite, rd);
    arena_free(a);
}

static void put_run(struct pair *p, struct arena *a, int i, int parent)
{
    struct row r = {
        .entity = OBSERVATION, .project = 1, .identity = IDENTITY_TREE, .created_ns = 1, .updated_ns = 1
    };
    r.scope = arena_printf(a, "trace %d", i % 300);
    r.id = arena_printf(a, "run %d", i);
    r.cols[OBSERVATION_parent_id] = value_text(arena_printf(a, "parent %d", parent));
    put_in(p, p->sqlite, a, &r, false);
    put_in(p, p->memory, a, &r, false);
}

/* Runs that change their parent while the transaction keeps them in memory, more than its tables begin with. */
static void runs_find_their_parents(void **state)
{
    struct pair *p = *state;
    struct arena *a = arena_new();
    begin(p);
    for (int i = 0; i < 1500; i++)
        put_run(p, a, i, i % 40);
    for (int i = 0; i < 1500; i += 3)
        put_run(p, a, i, i % 23);
    for (int i = 0; i < 1500; i += 5)
        put_run(p, a, i, i % 40);
    for (int inside = 1; inside >= 0; inside--) {
        struct asking k = { .p = p, .a = a };
        if (!inside) {
            commit(p);
            must(p, p->sqlite->ops->reader_take(p->sqlite, &k.rd[0], &p->err));
            must(p, p->memory->ops->reader_take(p->memory, &k.rd[1], &p->err));
        }
        for (int i = 0; i < 45; i++) {
            struct rowkit_rows x, y;
            struct str parent = arena_printf(a, "parent %d", i);
            scan_one(&k, p->sqlite, k.rd[0], 4, 1, parent, &x);
            scan_one(&k, p->memory, k.rd[1], 4, 1, parent, &y);
            assert_true(i >= 40 || y.n > 10);
            same_rows(&x, &y, true);
        }
        if (!inside)
            p->sqlite->ops->reader_drop(p->sqlite, k.rd[0]);
    }
    arena_free(a);
}

/* Every spelling of an id comes back as it was, beside look-alikes of it. */
static void ids_come_back(void **state)
{
    static const char *const ids[] = { "0123456789abcdef", "0123456789ABCDEF", "0123456789abcdeF",
        "0123456789abcde", "0123456789abcdef0", "0123456789abcdefg", "deadbeef12", "deadbeefdeadbeefdeadbeef",
        "00000000000000000000000000000000", "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdeF", "0123456789abcdefg123456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef", "01234567-89AB-cdef-0123-456789abcdef",
        "0123456789ab-cdef-0123-456789abcdef-", "u0123456789abcdef", "u", " ", "\xe9\xa1\xb9\xe7\x9b\xae",
        "-1", "1", "1e3", "x'00'", "null" };
    struct pair *p = *state;
    struct arena *a = arena_new();
    size_t n = sizeof(ids) / sizeof(ids[0]);
    begin(p);
    for (size_t i = 0; i < n; i++) {
        struct row r = { .entity = OBSERVATION,
            .project = 1,
            .scope = str_of(ids[n - 1 - i]),
            .id = str_of(ids[i]),
            .created_ns = 1 };
        r.cols[OBSERVATION_parent_id] = value_text(str_of(ids[i]));
        r.cols[OBSERVATION_trace_id] = value_text(str_of(ids[i]));
        put_in(p, p->sqlite, a, &r, false);
    }
    commit(p);
    struct reader *rd;
    must(p, p->sqlite->ops->reader_take(p->sqlite, &rd, &p->err));
    for (size_t i = 0; i < n; i++) {
        struct rowkit_rows found = { .a = a };
        must(p, p->sqlite->ops->scan_observation_id(
                    p->sqlite, rd, a, 1, str_of(ids[i]), rowkit_gather, &found, &p->err));
        assert_int_equal(found.n, 1);
        assert_true(str_is(found.items[0].id, ids[i]) && str_is(found.items[0].scope, ids[n - 1 - i]));
        assert_true(str_is(row_text(&found.items[0], OBSERVATION_parent_id), ids[i]));
        assert_true(str_is(row_text(&found.items[0], OBSERVATION_trace_id), ids[i]));
    }
    p->sqlite->ops->reader_drop(p->sqlite, rd);
    arena_free(a);
}

static void reader_sees_its_commit_only(void **state)
{
    struct pair *p = *state;
    struct arena *a = arena_new();
    struct row *found,
        one = { .entity = USER, .project = 1, .id = STR("ann"), .created_ns = 1, .updated_ns = 1 }, two = one;
    struct reader *before, *after;
    two.id = STR("bob");
    begin(p);
    put_in(p, p->sqlite, a, &one, false);
    commit(p);
    must(p, p->sqlite->ops->reader_take(p->sqlite, &before, &p->err));
    begin(p);
    put_in(p, p->sqlite, a, &two, false);
    commit(p);
    must(p, p->sqlite->ops->reader_take(p->sqlite, &after, &p->err));
    must(p, p->sqlite->ops->get_row(p->sqlite, before, a, 1, USER, STR_NONE, STR("bob"), &found, &p->err));
    assert_null(found);
    must(p, p->sqlite->ops->get_row(p->sqlite, after, a, 1, USER, STR_NONE, STR("bob"), &found, &p->err));
    assert_non_null(found);
    assert_int_equal(p->sqlite->ops->commit_number(p->sqlite, before) + 1,
        p->sqlite->ops->commit_number(p->sqlite, after));
    p->sqlite->ops->reader_drop(p->sqlite, before);
    p->sqlite->ops->reader_drop(p->sqlite, after);
    arena_free(a);
}

static void second_process_is_refused(void **state)
{
    struct pair *p = *state;
    struct driver *second;
    struct store_metrics m = { 0 };
    assert_int_equal(driver_sqlite_open(p->dir, &p->o, &m, &second, &p->err), ST_CONFLICT);
    assert_non_null(strstr(p->err.text, "in use by process"));
}

static void readers_are_bounded(void **state)
{
    struct pair *p = *state;
    struct reader *rd[4], *one_more;
    p->sqlite->ops->close(p->sqlite);
    p->o.store_read_time = 100000000;
    open_sqlite(p);
    for (int i = 0; i < 4; i++)
        must(p, p->sqlite->ops->reader_take(p->sqlite, &rd[i], &p->err));
    assert_int_equal(p->sqlite->ops->reader_take(p->sqlite, &one_more, &p->err), ST_BUSY);
    for (int i = 0; i < 4; i++)
        p->sqlite->ops->reader_drop(p->sqlite, rd[i]);
    must(p, p->sqlite->ops->reader_take(p->sqlite, &one_more, &p->err));
    p->sqlite->ops->reader_drop(p->sqlite, one_more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_as_memory_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(payload_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_find_their_parents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reader_sees_its_commit_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(second_process_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readers_are_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
