/*
 * The writer's side: events become rows.
 *
 *   gather the group's events by the id they mean -> find the row once -> skip repeats, join the rest -> append payload that won -> put the
 *   row once -> note which traces and threads follow from it.
 *
 * Traces and exchanges are computed once a commit, when all events of the group are in (settle.c, threads.c).
 */
#include "store/store_priv.h"

#include <assert.h>

#include "base/hash.h"

/* ---- touched sets --------------------------------------------------------------------------------------------------- */

static size_t touch_slot(const struct touched *t, int32_t project, struct str id)
{
    size_t at = (hash64(id) + (uint64_t)project * UINT64_C(0x9E3779B97F4A7C15)) & (t->n_slots - 1);
    while (t->slots[at]) {
        const struct touch *item = &t->items[t->slots[at] - 1];
        if (item->project == project && str_eq(item->id, id))
            break;
        at = (at + 1) & (t->n_slots - 1);
    }
    return at;
}

static void touched_rehash(struct touched *t, struct arena *a)
{
    t->n_slots = t->n_slots ? t->n_slots * 2 : 64;
    t->slots = arena_array(a, t->n_slots, sizeof(*t->slots));
    for (size_t i = 0; i < t->n; i++)
        t->slots[touch_slot(t, t->items[i].project, t->items[i].id)] = (uint32_t)i + 1;
}

bool touched_add(struct touched *t, struct arena *a, int32_t project, struct str id)
{
    if ((t->n + 1) * 2 > t->n_slots)
        touched_rehash(t, a);
    size_t slot = touch_slot(t, project, id);
    if (t->slots[slot])
        return false;
    t->items = arena_grow(a, t->items, &t->cap, t->n + 1, sizeof(*t->items));
    t->items[t->n] = (struct touch){ project, arena_dup(a, id) };
    t->slots[slot] = (uint32_t)++t->n;
    return true;
}

bool rows_gather(void *ctx, struct row *r)
{
    struct rows *rows = ctx;
    rows->items = arena_grow(rows->a, rows->items, &rows->cap, rows->n + 1, sizeof(*rows->items));
    rows->items[rows->n++] = *r;
    return true;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

enum status store__put(struct store *s, struct row *r, const struct row *old, struct err *err)
{
    metric_add(&s->metrics.rows_written, 1);
    return s->driver->ops->put_row(s->driver, r, old, err);
}

/* An observation makes its trace exist (merge.md 7.5); the number a driver gives the trace is what its rows cluster by. */
enum status store__ensure_trace(struct store *s, int32_t project, struct str id, struct err *err)
{
    if (!touched_add(&s->traces, s->group, project, id))
        return ST_OK;
    struct row *old;
    enum status st =
        s->driver->ops->get_row(s->driver, NULL, s->group, project, TRACE, STR_NONE, id, &old, err);
    if (st != ST_OK || old)
        return st;
    struct row trace = {
        .entity = TRACE, .project = project, .id = id, .created_ns = s->recv_ns, .updated_ns = s->recv_ns
    };
    return store__put(s, &trace, NULL, err);
}

/* ---- which row an event means (merge.md 7.1) ------------------------------------------------------------------------ */

static bool first_row(void *ctx, struct row *r)
{
    *(struct row **)ctx = r;
    return false;
}

static enum status find_bare(
    struct store *s, int32_t project, struct str id, struct row **out, struct err *err)
{
    *out = NULL;
    return s->driver->ops->scan_bare(s->driver, NULL, s->group, project, id, first_row, out, err);
}

/* Langfuse rows without a trace get one of their own, by hash, so that any order of events finds it. */
static struct str synthetic_trace(struct arena *a, struct str observation_id)
{
    uint8_t digest[32];
    hash_sha256(observation_id, digest);
    return hex_encode(a, digest, 16);
}

static enum status locate_bare(
    struct store *s, const struct event *e, struct row **old, struct str *scope, struct err *err)
{
    enum status st = find_bare(s, e->project, e->id, old, err);
    if (st != ST_OK || *old) {
        *scope = *old ? (*old)->scope : STR_NONE;
        return st;
    }
    const struct value *named = event_get(e, OBSERVATION_trace_id);
    *scope = named && named->kind == V_TEXT ? named->s : synthetic_trace(s->group, e->id);
    return s->driver->ops->get_row(
        s->driver, NULL, s->group, e->project, OBSERVATION, *scope, e->id, old, err);
}

static enum status locate(
    struct store *s, const struct event *e, struct row **old, struct str *scope, struct err *err)
{
    *scope = e->scope;
    if (e->entity == OBSERVATION && e->identity == IDENTITY_BARE)
        return locate_bare(s, e, old, scope, err);
    if (e->entity == OBSERVATION && e->identity == IDENTITY_TREE) {
        enum status st = find_bare(s, e->project, e->id, old, err);
        if (st == ST_OK && *old)
            *scope = (*old)->scope;
        return st; /* a new run is placed after the join, when its parent is known */
    }
    return s->driver->ops->get_row(s->driver, NULL, s->group, e->project, e->entity, *scope, e->id, old, err);
}

/* ---- payload -------------------------------------------------------------------------------------------------------- */

/* One record per writer that has payload of its own in the state: nothing of an event that lost is ever appended. */
static enum status append_payload(struct store *s, struct state *state, struct err *err)
{
    for (size_t w = 0; w < state->n_writers; w++) {
        struct piece pieces[COLUMNS_MAX];
        size_t n = 0;
        for (size_t i = 0; i < state->n_cells && n < COLUMNS_MAX; i++)
            if (state->cells[i].writer == w && state_writes(state, &state->cells[i]))
                pieces[n++] = (struct piece){ state->cells[i].column, state->cells[i].value.s };
        if (n == 0)
            continue;
        struct buf record;
        buf_init(&record, 0);
        record_encode(pieces, n, &record);
        enum status st =
            s->driver->ops->payload_add(s->driver, buf_str(&record), &state->writers[w].record, err);
        metric_add(&s->metrics.payload_raw, (int64_t)record.n);
        buf_fini(&record);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- one row -------------------------------------------------------------------------------------------------------- */

static enum status write_state(struct store *s, const struct event *e, struct state *state, struct row *old,
    struct str scope, struct row *r, struct err *err)
{
    enum status st = append_payload(s, state, err);
    if (st != ST_OK)
        return st;
    *r = (struct row){
        .entity = e->entity, .project = e->project, .scope = scope, .id = e->id, .updated_ns = s->recv_ns
    };
    r->created_ns = old ? old->created_ns : s->recv_ns;
    r->identity = old && old->identity > (uint8_t)e->identity ? old->identity : (uint8_t)e->identity;
    r->derived = old ? old->derived : NULL;
    r->number = old ? old->number : 0;
    state_encode(s->group, state, r->cols, &r->fold);
    return ST_OK;
}

static enum status put_observation(
    struct store *s, const struct event *e, struct row *r, struct row *old, struct err *err)
{
    enum status st = ST_OK;
    struct str target = r->scope;
    if (e->identity == IDENTITY_TREE)
        st = store__tree_place(s, r->project, r, &target, err);
    else if (e->identity == IDENTITY_BARE && r->cols[OBSERVATION_trace_id].kind == V_TEXT)
        target = r->cols[OBSERVATION_trace_id].s;
    if (st != ST_OK)
        return st;
    if (old && !str_eq(old->scope, target)) {
        if ((st = store__ensure_trace(s, r->project, old->scope, err)) != ST_OK)
            return st;
        if ((st = s->driver->ops->delete_row(s->driver, old, err)) != ST_OK)
            return st;
    }
    bool moved = !old || !str_eq(old->scope, target);
    r->scope = target;
    if ((st = store__ensure_trace(s, r->project, target, err)) != ST_OK)
        return st;
    if ((st = store__put(s, r, moved ? NULL : old, err)) != ST_OK)
        return st;
    /* Children follow a new run, a moved run, and the members of a cycle whose smallest start may have changed. */
    bool start_changed = old && row_time(old, OBSERVATION_start_ns) != row_time(r, OBSERVATION_start_ns);
    if (e->identity == IDENTITY_TREE && (moved || start_changed))
        return store__retree_children(s, r->project, r->id, err);
    return ST_OK;
}

static enum status put_event_row(
    struct store *s, const struct event *e, struct row *r, struct row *old, struct err *err)
{
    if (e->entity == OBSERVATION)
        return put_observation(s, e, r, old, err);
    enum status st = store__put(s, r, old, err);
    if (st != ST_OK)
        return st;
    if (e->entity == TRACE)
        touched_add(&s->traces, s->group, e->project, e->id);
    else if (e->entity == MESSAGE)
        touched_add(&s->threads, s->group, e->project, e->scope);
    else if (e->profile == PROFILE_OTLP_LOG_MESSAGE)
        touched_add(&s->spans, s->group, e->project, arena_dup(s->group, row_text(r, RECORD_parent_id)));
    else if (e->entity == SESSION && !old)
        return store__retree_children(s, e->project, e->id, err);
    return ST_OK;
}

/* Several events of one wire item: the item is stored when any of them was; a second start stays told. */
static void note_outcome(struct batch *b, uint32_t wire_index, enum outcome outcome)
{
    if (wire_index >= b->n_results)
        return;
    struct event_result *r = &b->results[wire_index];
    if (r->outcome == OUTCOME_REJECTED || r->outcome == OUTCOME_EXISTS)
        return;
    if (!r->touched || outcome == OUTCOME_EXISTS || outcome == OUTCOME_STORED)
        r->outcome = outcome;
    r->touched = true;
}

/* The events of the group about one id, in the order they came. */
struct same_id {
    struct state *state; /* what is known so far; NULL: nothing */
    bool started;        /* an LLMonitor run that has a start */
    bool changed;
};

static bool is_start(const struct event *e)
{
    return e->profile == PROFILE_LLMONITOR_START;
}

/* A second start of a run is told so, whichever of the two the row keeps (merge.md 10). */
static enum status join_one(
    struct store *s, struct same_id *id, const struct pending_event *p, struct err *err)
{
    struct view v = { s, NULL };
    struct payload_loader load = store__loader(&v);
    enum outcome outcome = is_start(p->event) && id->started ? OUTCOME_EXISTS : OUTCOME_UNCHANGED;
    id->started = id->started || is_start(p->event);
    if (!id->state || !state_knows(id->state, p->event)) {
        bool changed = false;
        struct state *lifted = state_lift(s->group, id->state, p->event, p->recv_ns), *joined;
        enum status st = state_join(s->group, id->state, lifted, &load, &joined, &changed, err);
        if (st != ST_OK)
            return st;
        id->state = joined;
        id->changed = id->changed || changed;
        if (changed && outcome == OUTCOME_UNCHANGED)
            outcome = OUTCOME_STORED;
    }
    note_outcome(p->batch, p->event->wire_index, outcome);
    return ST_OK;
}

/* A bare event may name its trace where an earlier one of the group did not: the first that names one counts. */
static const struct event *naming_event(const struct pending_event *first)
{
    for (const struct pending_event *p = first; p; p = p->next)
        if (p->event->identity != IDENTITY_BARE || event_get(p->event, OBSERVATION_trace_id))
            return p->event;
    return first->event;
}

static enum status apply_same_id(struct store *s, const struct pending_event *first, struct err *err)
{
    assert(first);
    struct same_id id = { .state = NULL };
    const struct event *e = naming_event(first);
    struct row *old = NULL, r;
    struct str scope;
    s->recv_ns = first->recv_ns;
    enum status st = locate(s, e, &old, &scope, err);
    if (st == ST_OK && old)
        st = state_decode(s->group, e->entity, old->cols, old->fold, &id.state, err);
    id.started = old && e->entity == OBSERVATION && old->cols[OBSERVATION_start_ns].kind == V_INT;
    for (const struct pending_event *p = first; p && st == ST_OK; p = p->next)
        st = join_one(s, &id, p, err);
    if (st != ST_OK || !id.changed)
        return st;
    if ((st = write_state(s, e, id.state, old, scope, &r, err)) != ST_OK)
        return st;
    return put_event_row(s, e, &r, old, err);
}

/* Same content as stored: nothing to do. The digest of the one writer tells. */
enum status store__put_computed(
    struct store *s, const struct event *e, struct str scope, enum identity identity, struct err *err)
{
    struct row *old, r;
    struct state *before;
    enum status st =
        s->driver->ops->get_row(s->driver, NULL, s->group, e->project, e->entity, scope, e->id, &old, err);
    if (st != ST_OK)
        return st;
    if (old) {
        if ((st = state_decode(s->group, e->entity, old->cols, old->fold, &before, err)) != ST_OK ||
            state_knows(before, e))
            return st;
    }
    if (e->entity == OBSERVATION && (st = store__ensure_trace(s, e->project, scope, err)) != ST_OK)
        return st;
    struct state *state = state_lift(s->group, NULL, e, s->recv_ns);
    if ((st = write_state(s, e, state, old, scope, &r, err)) != ST_OK)
        return st;
    r.identity = (uint8_t)identity;
    return store__put(s, &r, old, err);
}

enum status store__put_again(struct store *s, const struct event *e, struct err *err)
{
    struct view v = { s, NULL };
    struct payload_loader load = store__loader(&v);
    struct row *old, r;
    struct state *before = NULL, *joined;
    struct str scope;
    bool changed = false;
    enum status st = locate(s, e, &old, &scope, err);
    if (st == ST_OK && old)
        st = state_decode(s->group, e->entity, old->cols, old->fold, &before, err);
    if (st != ST_OK || state_knows(before, e))
        return st;
    if (before)
        state_forget(before, e->profile);
    struct state *lifted = state_lift(s->group, before, e, s->recv_ns);
    st = state_join(s->group, before, lifted, &load, &joined, &changed, err);
    if (st == ST_OK && changed && (st = write_state(s, e, joined, old, scope, &r, err)) == ST_OK)
        st = put_event_row(s, e, &r, old, err);
    return st;
}

/* ---- the group ------------------------------------------------------------------------------------------------------ */

static enum status open_group(struct store *s, struct err *err)
{
    if (s->open)
        return ST_OK;
    enum status st = s->driver->ops->begin(s->driver, err);
    if (st != ST_OK)
        return st;
    s->open = true;
    arena_reset(s->group);
    s->traces = s->threads = s->spans = (struct touched){ 0 };
    s->pending = (struct pending){ 0 };
    return ST_OK;
}

/* ---- the group's events, by id -------------------------------------------------------------------------------------- */

static bool means_same(const struct event *x, const struct event *y)
{
    return x->entity == y->entity && x->project == y->project && x->identity == y->identity &&
           str_eq(x->id, y->id) && str_eq(x->scope, y->scope);
}

static uint64_t event_hash(const struct event *e)
{
    return hash64_more(hash64(e->id) ^ ((uint64_t)e->entity << 32) ^ (uint64_t)e->project, e->scope);
}

static void pending_rehash(struct pending *p, struct arena *a)
{
    p->n_slots = p->n_slots ? p->n_slots * 2 : 64;
    p->slots = arena_array(a, p->n_slots, sizeof(*p->slots));
    for (size_t i = 0; i < p->n; i++) {
        size_t at = event_hash(p->firsts[i]->event) & (p->n_slots - 1);
        while (p->slots[at])
            at = (at + 1) & (p->n_slots - 1);
        p->slots[at] = (uint32_t)i + 1;
    }
}

static void pending_add(struct pending *p, struct arena *a, const struct pending_event *item)
{
    struct pending_event *copy = arena_alloc(a, sizeof(*copy));
    *copy = *item;
    copy->last = copy;
    if ((p->n + 1) * 2 > p->n_slots)
        pending_rehash(p, a);
    size_t at = event_hash(item->event) & (p->n_slots - 1);
    for (; p->slots[at]; at = (at + 1) & (p->n_slots - 1)) {
        struct pending_event *first = p->firsts[p->slots[at] - 1];
        if (!means_same(first->event, item->event))
            continue;
        first->last->next = copy;
        first->last = copy;
        return;
    }
    p->firsts = arena_grow(a, p->firsts, &p->cap, p->n + 1, sizeof(*p->firsts));
    p->firsts[p->n] = copy;
    p->slots[at] = (uint32_t)++p->n;
}

static enum status apply_pending(struct store *s, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < s->pending.n && st == ST_OK; i++)
        st = apply_same_id(s, s->pending.firsts[i], err);
    s->pending = (struct pending){ 0 };
    return st;
}

/* Deletes are of what was received so far, so what waits is applied before them. */
static enum status apply_removals(struct store *s, struct batch *b, struct err *err)
{
    enum status st = apply_pending(s, err);
    for (size_t i = 0; i < b->n_removals && st == ST_OK; i++) {
        enum outcome outcome = OUTCOME_UNCHANGED;
        st = store__remove(s, &b->removals[i], &outcome, err);
        note_outcome(b, b->removals[i].wire_index, outcome);
    }
    return st;
}

enum status store_apply(struct store *s, struct batch *b, int64_t recv_ns, struct err *err)
{
    enum status st = open_group(s, err);
    if (st != ST_OK)
        return st;
    s->newest_recv_ns = recv_ns > s->newest_recv_ns ? recv_ns : s->newest_recv_ns;
    s->recv_ns = s->newest_recv_ns;
    for (size_t i = 0; i < b->n_events; i++) {
        const struct event *e = &b->events[i];
        if (e->wire_index < b->n_results && b->results[e->wire_index].outcome == OUTCOME_REJECTED)
            continue;
        pending_add(&s->pending, s->group,
            &(struct pending_event){ .event = e, .batch = b, .recv_ns = s->newest_recv_ns });
    }
    return b->n_removals ? apply_removals(s, b, err) : ST_OK;
}

/* Threads and log messages first: what is made of them are rows that traces derive from. Both lists may grow while they are walked. */
static enum status settle_group(struct store *s, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < s->threads.n && st == ST_OK; i++)
        st = store__thread_refresh(s, s->threads.items[i].project, s->threads.items[i].id, err);
    for (size_t i = 0; i < s->spans.n && st == ST_OK; i++)
        st = store__messages_refresh(s, s->spans.items[i].project, s->spans.items[i].id, err);
    for (size_t i = 0; i < s->traces.n && st == ST_OK; i++)
        st = store__trace_refresh(s, s->traces.items[i].project, s->traces.items[i].id, err);
    return st;
}

enum status store_commit(struct store *s, struct err *err)
{
    if (!s->open)
        return ST_OK;
    enum status st = apply_pending(s, err);
    if (st == ST_OK)
        st = settle_group(s, err);
    if (st == ST_OK)
        st = s->driver->ops->commit(s->driver, err);
    if (st != ST_OK) {
        store_abort(s);
        return st;
    }
    s->open = false;
    metric_add(&s->metrics.commits, 1);
    return ST_OK;
}

void store_abort(struct store *s)
{
    if (s->open)
        s->driver->ops->rollback(s->driver);
    s->open = false;
}
