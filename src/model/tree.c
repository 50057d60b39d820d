/*
 * tree: the order of a trace's observations. Parents come by id through a hash table; a cycle is cut at its member with the smallest
 * (start, id), so every order of the same rows gives the same tree. No recursion: a trace may be one long chain.
 */
#include "model/derive.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/model_priv.h"

#define NOBODY UINT32_MAX

struct tree {
    const struct row *rows;
    size_t n;
    uint32_t *sorted; /* rows by (start, id) */
    uint32_t *place;  /* of a row in `sorted` */
    uint32_t *slots;  /* hash table of ids: 1 + row */
    size_t mask;
    uint32_t *parent;       /* NOBODY: a root */
    uint32_t *first, *next; /* children in order; first[n] are the roots */
};

int model__row_cmp(const struct row *x, const struct row *y)
{
    int64_t sx = row_time(x, OBSERVATION_start_ns), sy = row_time(y, OBSERVATION_start_ns);
    if (sx != sy) /* without a start: last */
        return sx == TIME_NONE || (sy != TIME_NONE && sx > sy) ? 1 : -1;
    return str_cmp(x->id, y->id);
}

static int compare_rows(const void *x, const void *y, void *rows)
{
    const struct row *r = rows;
    uint32_t i = *(const uint32_t *)x, k = *(const uint32_t *)y;
    int c = model__row_cmp(&r[i], &r[k]);
    return c ? c : (i > k) - (i < k);
}

uint32_t *model__rows_sorted(struct arena *a, const struct row *rows, size_t n)
{
    uint32_t *sorted = arena_array(a, n + 1, sizeof *sorted);
    bool in_order = true;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (uint32_t)i;
        in_order = in_order && (i == 0 || model__row_cmp(&rows[i - 1], &rows[i]) <= 0);
    }
    if (!in_order)
        qsort_r(sorted, n, sizeof *sorted, compare_rows, (void *)(uintptr_t)rows);
    return sorted;
}

/* ---- parents -------------------------------------------------------------------------------------------------------- */

static uint32_t *slot_of(const struct tree *t, struct str id, const struct str *names)
{
    size_t at = (size_t)hash64(id) & t->mask;
    while (t->slots[at] && !str_eq(names[t->slots[at] - 1], id))
        at = (at + 1) & t->mask;
    return &t->slots[at];
}

/* Ids and aliases: several names for one row, so the table goes by name and `owner` says whose it is. */
struct names {
    struct str *name;
    uint32_t *owner;
    size_t n;
};

static void add_name(struct tree *t, struct names *names, struct str name, size_t row)
{
    names->name[names->n] = name;
    names->owner[names->n] = (uint32_t)row;
    uint32_t *slot = slot_of(t, name, names->name);
    names->n++;
    if (!*slot)
        *slot = (uint32_t)names->n;
}

static void index_names(struct arena *a, struct tree *t, struct names *names)
{
    size_t count = t->n;
    for (size_t i = 0; i < t->n; i++)
        count += t->rows[i].n_aliases;
    names->name = arena_array(a, count + 1, sizeof *names->name);
    names->owner = arena_array(a, count + 1, sizeof *names->owner);
    t->mask = 15;
    while (t->mask < count * 2)
        t->mask = t->mask * 2 + 1;
    t->slots = arena_array(a, t->mask + 1, sizeof *t->slots);
    for (size_t i = 0; i < t->n; i++)
        add_name(t, names, t->rows[i].id, i);
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->rows[i].n_aliases; k++)
            add_name(t, names, t->rows[i].aliases[k], i);
}

static void find_parents(struct arena *a, struct tree *t)
{
    struct names names = { 0 };
    index_names(a, t, &names);
    t->parent = arena_array(a, t->n + 1, sizeof *t->parent);
    for (size_t i = 0; i < t->n; i++) {
        struct str id = row_text(&t->rows[i], OBSERVATION_parent_id);
        uint32_t name = id.p ? *slot_of(t, id, names.name) : 0;
        t->parent[i] = name && names.owner[name - 1] != i ? names.owner[name - 1] : NOBODY;
    }
}

/* Walk up from every row; a walk that meets itself has found a cycle. */
static void cut_cycles(struct arena *a, struct tree *t)
{
    uint32_t *walk = arena_array(a, t->n + 1, sizeof *walk); /* 1 + the row whose walk was here first */
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t at = i, least;
        while (at != NOBODY && !walk[at]) {
            walk[at] = i + 1;
            at = t->parent[at];
        }
        if (at == NOBODY || walk[at] != i + 1)
            continue;
        least = at;
        for (uint32_t k = t->parent[at]; k != at; k = t->parent[k])
            if (t->place[k] < t->place[least])
                least = k;
        t->parent[least] = NOBODY;
    }
}

static void link_children(struct arena *a, struct tree *t)
{
    t->first = arena_array(a, t->n + 1, sizeof *t->first);
    t->next = arena_array(a, t->n + 1, sizeof *t->next);
    for (size_t i = 0; i <= t->n; i++)
        t->first[i] = NOBODY;
    for (size_t i = t->n; i-- > 0;) { /* from the back, so that lists come out in order */
        uint32_t row = t->sorted[i];
        size_t list = t->parent[row] == NOBODY ? t->n : t->parent[row];
        t->next[row] = t->first[list];
        t->first[list] = row;
    }
}

static void build(struct arena *a, struct tree *t)
{
    t->sorted = model__rows_sorted(a, t->rows, t->n);
    t->place = arena_array(a, t->n + 1, sizeof *t->place);
    for (size_t i = 0; i < t->n; i++)
        t->place[t->sorted[i]] = (uint32_t)i;
    find_parents(a, t);
    cut_cycles(a, t);
    link_children(a, t);
}

/* ---- walking -------------------------------------------------------------------------------------------------------- */

struct walk {
    const struct tree *t;
    uint32_t *order;
    uint16_t *depth;
    uint16_t *level; /* per row */
    size_t n;
    uint32_t *stack; /* first rows of sibling lists still to visit */
    size_t n_stack;
};

static void visit(struct walk *w, uint32_t row)
{
    uint32_t parent = w->t->parent[row];
    w->level[row] = (uint16_t)(parent == NOBODY ? 0 : w->level[parent] + (w->level[parent] < UINT16_MAX));
    w->order[w->n] = row;
    w->depth[w->n++] = w->level[row];
}

static void push(struct walk *w, uint32_t row)
{
    if (row != NOBODY)
        w->stack[w->n_stack++] = row;
}

static void walk_depth_first(struct walk *w)
{
    push(w, w->t->first[w->t->n]);
    while (w->n_stack) {
        uint32_t row = w->stack[--w->n_stack];
        visit(w, row);
        push(w, w->t->next[row]);
        push(w, w->t->first[row]);
    }
}

/* A list of siblings at once, then the lists of their children, those of the first sibling on top of the stack. */
static void walk_outside_in(struct walk *w)
{
    push(w, w->t->first[w->t->n]);
    while (w->n_stack) {
        size_t bottom = --w->n_stack;
        for (uint32_t row = w->stack[bottom], next; row != NOBODY; row = next) {
            next = w->t->next[row];
            visit(w, row);
            push(w, w->t->first[row]);
        }
        for (size_t i = bottom, k = w->n_stack; i + 1 < k; i++, k--) {
            uint32_t swap = w->stack[i];
            w->stack[i] = w->stack[k - 1];
            w->stack[k - 1] = swap;
        }
    }
}

void derive_tree(
    struct arena *a, const struct row *rows, size_t n, bool outside_in, uint32_t *order, uint16_t *depth)
{
    struct tree t = { .rows = rows, .n = n };
    struct walk w = { .t = &t, .order = order, .depth = depth };
    build(a, &t);
    w.level = arena_array(a, n + 1, sizeof *w.level);
    w.stack = arena_array(a, n + 2, sizeof *w.stack);
    outside_in ? walk_outside_in(&w) : walk_depth_first(&w);
}
