/*
 * Filling in a row: its JSON out of payload records, and the rows around it. Each `with` bit is one function.
 */
#include "store/store_priv.h"

#include <stdlib.h>

static enum status load_piece(
    void *ctx, struct arena *a, int64_t record, unsigned piece, struct str *json, struct err *err)
{
    struct view *v = ctx;
    struct str bytes;
    enum status st = v->s->driver->ops->payload_get(v->s->driver, v->rd, a, record, &bytes, err);
    return st == ST_OK ? record_piece(bytes, piece, json, err) : st;
}

struct payload_loader store__loader(struct view *v)
{
    return (struct payload_loader){ load_piece, v };
}

static enum status load_value(struct view *v, struct arena *a, struct value *value, struct err *err)
{
    if (value->kind != V_REF)
        return ST_OK;
    struct str json;
    enum status st = load_piece(v, a, value->i, value->piece, &json, err);
    if (st == ST_OK)
        *value = (struct value){ .kind = V_JSON, .hint = value->hint, .s = json };
    return st;
}

static enum status load_payload(struct view *v, struct arena *a, struct row *r, struct err *err)
{
    struct payload_loader load = store__loader(v);
    return row_load(a, r, UINT32_MAX, &load, err);
}

static enum status load_derived_io(struct view *v, struct arena *a, struct row *r, struct err *err)
{
    if (!r->derived)
        return ST_OK;
    struct value *values[] = { &r->derived->input, &r->derived->output, &r->derived->input_guess,
        &r->derived->output_guess };
    enum status st = ST_OK;
    for (size_t i = 0; i < 4 && st == ST_OK; i++)
        st = load_value(v, a, values[i], err);
    return st;
}

static int by_start(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int64_t s = row_time(a, OBSERVATION_start_ns), t = row_time(b, OBSERVATION_start_ns);
    return s != t ? (s < t ? -1 : 1) : str_cmp(a->id, b->id);
}

static enum status load_observations(
    struct view *v, struct arena *a, struct row *r, bool payload, struct err *err)
{
    struct rows rows = { .a = a };
    enum status st = v->s->driver->ops->scan_scope(
        v->s->driver, v->rd, a, r->project, OBSERVATION, r->id, rows_gather, &rows, err);
    if (rows.n)
        qsort(rows.items, rows.n, sizeof(*rows.items), by_start);
    for (size_t i = 0; i < rows.n && payload && st == ST_OK; i++)
        st = load_payload(v, a, &rows.items[i], err);
    r->observations = rows.items;
    r->n_observations = rows.n;
    return st;
}

static int by_score_id(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    return a->created_ns != b->created_ns ? (a->created_ns < b->created_ns ? -1 : 1) : str_cmp(a->id, b->id);
}

/* Scores of a trace: by trace, and LLMonitor feedback that names only a run of it. Deleted ones (value null) are left out. */
static bool gather_live_score(void *ctx, struct row *r)
{
    struct rows *rows = ctx;
    bool deleted = r->cols[SCORE_value].kind == V_NULL && r->cols[SCORE_status].kind == V_NULL &&
                   r->cols[SCORE_metadata].kind == V_NULL;
    for (size_t i = 0; i < rows->n && !deleted; i++)
        deleted = str_eq(rows->items[i].id, r->id);
    return deleted || rows_gather(ctx, r);
}

static enum status load_scores(struct view *v, struct arena *a, struct row *r, struct err *err)
{
    struct rows scores = { .a = a };
    const struct driver_ops *ops = v->s->driver->ops;
    enum status st = ST_OK;
    if (r->entity == TRACE) {
        struct rows runs = { .a = a };
        st = ops->scan_link(v->s->driver, v->rd, a, r->project, SCORE, LINK_SCORE_TRACE, r->id,
            gather_live_score, &scores, err);
        if (st == ST_OK && !r->observations)
            st = ops->scan_scope(
                v->s->driver, v->rd, a, r->project, OBSERVATION, r->id, rows_gather, &runs, err);
        const struct row *obs = r->observations ? r->observations : runs.items;
        size_t n = r->observations ? r->n_observations : runs.n;
        for (size_t i = 0; i < n && st == ST_OK; i++)
            if (obs[i].identity == IDENTITY_TREE)
                st = ops->scan_link(v->s->driver, v->rd, a, r->project, SCORE, LINK_SCORE_OBSERVATION,
                    obs[i].id, gather_live_score, &scores, err);
    } else {
        st = ops->scan_link(v->s->driver, v->rd, a, r->project, SCORE, LINK_SCORE_OBSERVATION, r->id,
            gather_live_score, &scores, err);
        for (size_t i = 0; i < r->n_aliases && st == ST_OK; i++)
            st = ops->scan_link(v->s->driver, v->rd, a, r->project, SCORE, LINK_SCORE_OBSERVATION,
                r->aliases[i], gather_live_score, &scores, err);
    }
    if (scores.n)
        qsort(scores.items, scores.n, sizeof(*scores.items), by_score_id);
    r->scores = scores.items;
    r->n_scores = scores.n;
    return st;
}

static enum status load_records(struct view *v, struct arena *a, struct row *r, struct err *err)
{
    struct rows records = { .a = a };
    enum status st = v->s->driver->ops->scan_link(
        v->s->driver, v->rd, a, r->project, RECORD, LINK_RECORD_TRACE, r->id, rows_gather, &records, err);
    for (size_t i = 0; i < records.n && st == ST_OK; i++)
        st = load_payload(v, a, &records.items[i], err);
    r->records = records.items;
    r->n_records = records.n;
    return st;
}

static enum status load_texts(struct view *v, struct arena *a, struct row *r, struct err *err)
{
    struct payload_loader load = store__loader(v);
    struct rows rows = { .a = a };
    enum status st = v->s->driver->ops->scan_scope(
        v->s->driver, v->rd, a, r->project, OBSERVATION, r->id, rows_gather, &rows, err);
    if (st == ST_OK)
        st = derive_trace_text(a, rows.items, rows.n, true, &load, &r->text_input, err);
    if (st == ST_OK)
        st = derive_trace_text(a, rows.items, rows.n, false, &load, &r->text_output, err);
    return st;
}

static enum status load_parent(struct view *v, struct arena *a, struct row *r, struct err *err)
{
    struct str trace = r->entity == OBSERVATION ? r->scope : row_text(r, SCORE_trace_id);
    return trace.p ? v->s->driver->ops->get_row(
                         v->s->driver, v->rd, a, r->project, TRACE, STR_NONE, trace, &r->parent, err)
                   : ST_OK;
}

/* How an exchange is shown: ids of its messages are aliases of it. */
static enum status load_exchange(struct arena *a, struct row *r, struct err *err)
{
    if (r->cols[OBSERVATION_said].kind != V_JSON)
        return ST_OK;
    struct json said, id;
    enum status st = json_parse(a, r->cols[OBSERVATION_said].s, 0, &said, err);
    if (st != ST_OK)
        return st;
    struct json messages = json_key(said, "messages");
    r->alias = json_str(json_key(said, "alias"));
    r->sibling = json_str(json_key(said, "sibling"));
    r->aliases = arena_array(a, json_size(messages) + 1, sizeof(*r->aliases));
    for (struct json_iter it = json_iter(messages); json_next(&it, NULL, &id);)
        r->aliases[r->n_aliases++] = json_str(id);
    return ST_OK;
}

static enum rank row_rank(struct arena *a, const struct row *r, unsigned column)
{
    struct state *state;
    if (state_decode(a, r->entity, r->cols, r->fold, &state, NULL) != ST_OK)
        return RANK_GUESS;
    return state_rank(state, column);
}

/* merge.md 7.3: of a run and its ancestors the topmost whose start names a user, else the nearest whose end does. */
static enum status load_user(struct view *v, struct arena *a, struct row *r, struct err *err)
{
    struct row cur = *r;
    struct str by_start_event = STR_NONE, by_end_event = STR_NONE;
    enum status st = ST_OK;
    for (int depth = 0; depth < 1000 && st == ST_OK; depth++) {
        struct str user = row_text(&cur, OBSERVATION_user_id);
        if (user.p && row_rank(a, &cur, OBSERVATION_user_id) == RANK_SAID)
            by_start_event = user;
        else if (user.p && !by_end_event.p)
            by_end_event = user;
        struct str parent = row_text(&cur, OBSERVATION_parent_id);
        struct row *next = NULL;
        if (!parent.p || str_eq(parent, cur.id) || str_eq(cur.id, cur.scope))
            break;
        st = v->s->driver->ops->get_row(
            v->s->driver, v->rd, a, r->project, OBSERVATION, cur.scope, parent, &next, err);
        if (!next)
            break;
        cur = *next;
    }
    r->user_effective = by_start_event.p ? by_start_event : by_end_event;
    return st;
}

enum status store__load(struct view *v, struct arena *a, struct row *r, unsigned with, struct err *err)
{
    enum status st = ST_OK;
    if (r->entity == OBSERVATION && r->identity == IDENTITY_TREE && !r->n_aliases)
        st = load_exchange(a, r, err);
    if (st == ST_OK && (with & WITH_PAYLOAD))
        st = load_payload(v, a, r, err);
    if (st == ST_OK && r->entity == TRACE && (with & WITH_PAYLOAD))
        st = load_derived_io(v, a, r, err);
    if (st == ST_OK && r->entity == TRACE && (with & (WITH_OBSERVATIONS | WITH_OBSERVATION_PAYLOAD)))
        st = load_observations(v, a, r, with & WITH_OBSERVATION_PAYLOAD, err);
    if (st == ST_OK && (with & WITH_SCORES) && (r->entity == TRACE || r->entity == OBSERVATION))
        st = load_scores(v, a, r, err);
    if (st == ST_OK && r->entity == TRACE && (with & WITH_RECORDS))
        st = load_records(v, a, r, err);
    if (st == ST_OK && r->entity == TRACE && (with & WITH_TEXTS))
        st = load_texts(v, a, r, err);
    if (st == ST_OK && (with & WITH_PARENT) && (r->entity == OBSERVATION || r->entity == SCORE))
        st = load_parent(v, a, r, err);
    if (st == ST_OK && (with & WITH_PARENT) && r->entity == OBSERVATION && r->identity == IDENTITY_TREE)
        st = load_user(v, a, r, err);
    return st;
}
