/*
 * One run: by id, its tree, its neighbours, its feedback (section 9). An id is looked for as Lunary maps it and as it stands in the
 * path, because rows of other dialects keep their own ids; a thread is a run as well.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include "base/hash.h"

/* ---- which run ---- */

void llmonitor__ask_target(struct call *c, unsigned with)
{
    struct str raw = c->params[0], id = llmonitor__run_id(c->arena, raw);
    (void)call_get(c, OBSERVATION, STR_NONE, id.p ? id : raw, with);
    (void)call_get(c, OBSERVATION, STR_NONE, raw, with);
    (void)call_get(c, SESSION, STR_NONE, id.p ? id : raw, with & ~(unsigned)(WITH_SCORES | WITH_PARENT));
    (void)call_get(c, SESSION, STR_NONE, raw, with & ~(unsigned)(WITH_SCORES | WITH_PARENT));
}

const struct row *llmonitor__target(const struct call *c, size_t first)
{
    for (size_t i = first; i < first + LLMONITOR_TARGET_ASKS; i++)
        if (ask_row(c, i))
            return ask_row(c, i);
    return NULL;
}

static enum status not_found(struct err *err)
{
    return err_set(err, ST_NOT_FOUND, "Run not found");
}

/* ---- GET /v1/runs/{id} ---- */

enum status llmonitor__run_ask(struct call *c, struct err *err)
{
    if (c->round == 0) {
        llmonitor__ask_target(c, LLMONITOR_WITH_RUN);
        c->again = true;
        return ST_OK;
    }
    const struct row *r = llmonitor__target(c, 0);
    if (!r)
        return not_found(err);
    struct llmonitor_extras *x = c->state = arena_alloc(c->arena, sizeof(*x));
    (void)llmonitor__ask_extras(c, r, 1, x);
    return ST_OK;
}

void llmonitor__run_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    llmonitor__write_run(&w, c, llmonitor__target(c, 0), c->state, 0);
}

/* ---- GET /v1/runs/{id}/public ---- */

/* Rounds: which project made a run of this id public; the run; what is shown beside it. There is no key, so a record outside all projects
 * says where to look, and the run itself whether it is still to be shown. */
enum { PUBLIC_ASKS = 2 };

static enum status not_public(struct err *err)
{
    return err_set(err, ST_NOT_FOUND, "Run not found. It might not be public.");
}

static void ask_public(struct call *c, struct str id)
{
    (void)call_get(c, RECORD, STR(LLMONITOR_PUBLIC_RUN), id, 0);
    c->asks[c->n_asks - 1].query.project = 0;
}

static enum status open_project(struct call *c, struct err *err)
{
    const struct row *record = ask_row(c, 0) ? ask_row(c, 0) : ask_row(c, 1);
    if (!record)
        return not_public(err);
    struct caller *project = arena_alloc(c->arena, sizeof(*project));
    *project = (struct caller){ .project = (int32_t)row_int(record, RECORD_seq, 0),
        .project_id = row_text(record, RECORD_name) };
    c->caller = project;
    llmonitor__ask_target(c, LLMONITOR_WITH_RUN);
    return ST_OK;
}

enum status llmonitor__public_ask(struct call *c, struct err *err)
{
    c->again = c->round < PUBLIC_ASKS;
    if (c->round == 0) {
        struct str id = llmonitor__run_id(c->arena, c->params[0]);
        ask_public(c, id.p ? id : c->params[0]);
        ask_public(c, c->params[0]);
        return ST_OK;
    }
    if (c->round == 1)
        return open_project(c, err);
    const struct row *r = llmonitor__target(c, PUBLIC_ASKS);
    struct str left = r && r->entity == OBSERVATION ? row_text(r, OBSERVATION_leftovers) : STR_NONE;
    if (!json_bool(json_key(llmonitor__parse(c->arena, left), "is_public")))
        return not_public(err);
    struct llmonitor_extras *x = c->state = arena_alloc(c->arena, sizeof(*x));
    (void)llmonitor__ask_extras(c, r, 1, x);
    return ST_OK;
}

void llmonitor__public_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    llmonitor__write_run(&w, c, llmonitor__target(c, PUBLIC_ASKS), c->state, 0);
}

/* ---- GET /v1/runs/{id}/related ---- */

/* Rounds: the run; for a thread its exchanges; then everything in their traces. */
struct tree_state {
    size_t children; /* of a thread; SIZE_MAX: the run itself is asked about */
    size_t rows;
};

static void ask_traces(struct call *c, const struct row *rows, size_t n, struct tree_state *s)
{
    struct ask *ask = call_find(c, OBSERVATION);
    struct filter *scope = query_add(c->arena, &ask->query, ON_SCOPE, IS_IN);
    s->rows = c->n_asks - 1;
    ask->query.with = LLMONITOR_WITH_RUN;
    ask->query.order = BY_START;
    ask->query.descending = false;
    ask->query.limit = LLMONITOR_TREE_MAX;
    for (size_t i = 0; i < n; i++)
        filter_value(c->arena, scope, rows[i].scope);
}

static void ask_children(struct call *c, struct str thread, struct tree_state *s)
{
    struct ask *ask = call_find(c, OBSERVATION);
    s->children = c->n_asks - 1;
    ask->query.limit = LLMONITOR_PAGE_MAX;
    filter_value(c->arena, query_add(c->arena, &ask->query, ON_PARENT, IS_IN), thread);
}

enum status llmonitor__related_ask(struct call *c, struct err *err)
{
    if (c->round == 0) {
        llmonitor__ask_target(c, LLMONITOR_WITH_RUN);
        c->again = true;
        return ST_OK;
    }
    const struct row *r = llmonitor__target(c, 0);
    if (!r)
        return not_found(err);
    struct tree_state *s = c->state;
    if (c->round == 1) {
        c->state = s = arena_alloc(c->arena, sizeof(*s));
        *s = (struct tree_state){ SIZE_MAX, SIZE_MAX };
        if (r->entity == SESSION) {
            ask_children(c, r->id, s);
            c->again = true;
            return ST_OK;
        }
    }
    if (s->children == SIZE_MAX)
        ask_traces(c, r, 1, s);
    else if (c->asks[s->children].n > 0)
        ask_traces(c, c->asks[s->children].rows, c->asks[s->children].n, s);
    return ST_OK;
}

/* Rows of one answer by id. */
struct index {
    const struct row *rows;
    uint32_t *slots; /* open addressing, place + 1 */
    size_t mask;
};

static uint32_t *slot_of(const struct index *x, struct str id)
{
    size_t at = hash64(id) & x->mask;
    while (x->slots[at] && !str_eq(x->rows[x->slots[at] - 1].id, id))
        at = (at + 1) & x->mask;
    return &x->slots[at];
}

static struct index index_of(struct arena *a, const struct row *rows, size_t n)
{
    struct index x = { .rows = rows, .mask = 1 };
    while (x.mask < n * 2)
        x.mask *= 2;
    x.slots = arena_array(a, x.mask--, sizeof(*x.slots));
    for (size_t i = 0; i < n; i++)
        *slot_of(&x, rows[i].id) = (uint32_t)i + 1;
    return x;
}

/* Which rows are below the root: each climbs until it meets one that is decided; a cycle leads nowhere. */
enum { UNDECIDED, INSIDE, OUTSIDE };

static const uint8_t *mark_below(struct arena *a, const struct row *rows, size_t n, struct str root)
{
    struct index x = index_of(a, rows, n);
    uint8_t *mark = arena_alloc(a, n + 1);
    uint32_t *path = arena_array(a, n + 1, sizeof(*path));
    for (size_t i = 0; i < n; i++) {
        size_t depth = 0, at = i;
        uint8_t found = OUTSIDE;
        while (mark[at] == UNDECIDED) {
            struct str parent = row_text(&rows[at], OBSERVATION_parent_id);
            uint32_t up = parent.p ? *slot_of(&x, parent) : 0;
            mark[at] = OUTSIDE;
            path[depth++] = (uint32_t)at;
            found = parent.p && str_eq(parent, root) ? INSIDE : up ? mark[up - 1] : OUTSIDE;
            if (found != UNDECIDED)
                break;
            at = up - 1;
        }
        for (size_t k = 0; k < depth; k++)
            mark[path[k]] = found == UNDECIDED ? mark[at] : found;
    }
    return mark;
}

void llmonitor__related_reply(struct call *c, struct reply *r)
{
    const struct row *root = llmonitor__target(c, 0);
    const struct tree_state *s = c->state;
    const struct ask *ask = s->rows == SIZE_MAX ? NULL : &c->asks[s->rows];
    /* Of the root of a trace, and of a thread, everything is a descendant. */
    bool whole = root->entity == SESSION || str_eq(root->id, root->scope);
    const uint8_t *mark = whole || !ask ? NULL : mark_below(c->arena, ask->rows, ask->n, root->id);
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    llmonitor__write_related(&w, c, root);
    for (size_t i = 0; ask && i < ask->n; i++) {
        bool self = root->entity == OBSERVATION && str_eq(ask->rows[i].id, root->id) &&
                    str_eq(ask->rows[i].scope, root->scope);
        if (!self && (whole || mark[i] == INSIDE))
            llmonitor__write_related(&w, c, &ask->rows[i]);
    }
    jw_arr_end(&w);
}

/* ---- GET /v1/runs/{id}/neighbors: the runs before and after it in the list ---- */

struct neighbors_state {
    struct llmonitor_filters filters;
    size_t target, older, newer;
};

/* Older and newer are as upstream has them for its order, newest first: the next row of the list is the previous run. */
static size_t ask_beside(struct call *c, const struct query *list, const struct row *r, bool forward)
{
    struct ask *ask = call_find(c, list->entity);
    int32_t project = ask->query.project;
    ask->query = *list;
    ask->query.project = project;
    ask->query.limit = 1;
    ask->query.descending = forward ? list->descending : !list->descending;
    query_cursor_of(c->arena, &ask->query, r, &ask->query.after);
    return c->n_asks - 1;
}

/* Without filters: the traces, as upstream has it; for a run that is none, the runs of its own type. */
static struct str default_list(const struct row *r)
{
    struct str type = llmonitor__type_word(r);
    bool groups = str_is(type, "agent") || str_is(type, "chain");
    return groups && llmonitor__is_root(r) ? STR("trace") : type;
}

static void list_query(struct call *c, struct neighbors_state *s, const struct row *r, struct query *q)
{
    *q = (struct query){ .entity = OBSERVATION };
    llmonitor__apply_filters(c, &s->filters, default_list(r), q);
    llmonitor__read_order(c, q);
}

enum status llmonitor__neighbors_ask(struct call *c, struct err *err)
{
    struct neighbors_state *s = c->state;
    struct query q;
    (void)err;
    if (c->round == 0) {
        c->state = s = arena_alloc(c->arena, sizeof(*s));
        s->older = s->newer = SIZE_MAX;
        (void)llmonitor__read_filters(c, &s->filters);
        s->target = c->n_asks;
        llmonitor__ask_target(c, LLMONITOR_WITH_RUN);
        c->again = true;
        return ST_OK;
    }
    const struct row *r = llmonitor__target(c, s->target);
    if (!r || r->entity != OBSERVATION)
        return ST_OK;
    list_query(c, s, r, &q);
    if (!query_match(c->arena, &q, r)) /* not in the list: no neighbours in it */
        return ST_OK;
    s->older = ask_beside(c, &q, r, true);
    s->newer = ask_beside(c, &q, r, false);
    return ST_OK;
}

static struct str id_of(const struct call *c, size_t ask)
{
    if (ask == SIZE_MAX || c->asks[ask].n == 0)
        return STR_NONE;
    return llmonitor__shown_id(&c->asks[ask].rows[0]);
}

void llmonitor__neighbors_reply(struct call *c, struct reply *r)
{
    const struct neighbors_state *s = c->state;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "previousId", id_of(c, s->older));
    jw_kv_str(&w, "nextId", id_of(c, s->newer));
    jw_obj_end(&w);
}

/* ---- GET /v1/runs/{id}/feedback: also of a run that was never started ---- */

enum status llmonitor__feedback_ask(struct call *c, struct err *err)
{
    struct str id = llmonitor__run_id(c->arena, c->params[0]);
    if (c->round > 0)
        return llmonitor__target(c, 0) || c->asks[LLMONITOR_TARGET_ASKS].n > 0 ? ST_OK : not_found(err);
    llmonitor__ask_target(c, WITH_SCORES);
    struct ask *ask = call_find(c, SCORE);
    ask->query.limit = LLMONITOR_PAGE_MAX;
    struct filter *f = llmonitor__filter_in(c->arena, &ask->query, SCORE_observation_id, c->params[0]);
    if (id.p && !str_eq(id, c->params[0]))
        filter_value(c->arena, f, id);
    c->again = true;
    return ST_OK;
}

void llmonitor__feedback_reply(struct call *c, struct reply *r)
{
    const struct row *run = llmonitor__target(c, 0);
    const struct ask *alone = &c->asks[LLMONITOR_TARGET_ASKS];
    const struct row **rows = arena_array(c->arena, alone->n + 1, sizeof(struct row *));
    struct jw w = jw_of(&r->body);
    for (size_t i = 0; i < alone->n; i++)
        rows[i] = &alone->rows[i];
    llmonitor__write_feedback(&w, c, run ? run->scores : NULL, run ? run->n_scores : 0, rows, alone->n);
}
