/*
 * Deletes: of all that was received so far (merge.md 8). A trace takes its observations, scores, records and, when it is an LLMonitor
 * exchange, its messages along. What arrives later starts fresh.
 */
#include "store/store_priv.h"

static enum status delete_all(struct store *s, struct rows *rows, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < rows->n && st == ST_OK; i++)
        st = s->driver->ops->delete_row(s->driver, &rows->items[i], err);
    return st;
}

static enum status delete_linked(
    struct store *s, int32_t project, enum entity e, unsigned by, struct str value, struct err *err)
{
    struct rows rows = { .a = s->group };
    enum status st =
        s->driver->ops->scan_link(s->driver, NULL, s->group, project, e, by, value, rows_gather, &rows, err);
    return st == ST_OK ? delete_all(s, &rows, err) : st;
}

/* The messages that an exchange was computed from, with their aliases; the rest of the thread is computed again. */
static enum status delete_messages(
    struct store *s, int32_t project, struct str exchange, struct str thread, struct err *err)
{
    struct rows messages = { .a = s->group };
    enum status st = s->driver->ops->scan_scope(
        s->driver, NULL, s->group, project, MESSAGE, thread, rows_gather, &messages, err);
    for (size_t i = 0; i < messages.n && st == ST_OK; i++) {
        struct row *alias;
        st = s->driver->ops->get_row(s->driver, NULL, s->group, project, RECORD, STR(STORE_EXCHANGE),
            messages.items[i].id, &alias, err);
        if (st != ST_OK || !alias || !str_eq(row_text(alias, RECORD_name), exchange))
            continue;
        if ((st = s->driver->ops->delete_row(s->driver, alias, err)) == ST_OK)
            st = s->driver->ops->delete_row(s->driver, &messages.items[i], err);
    }
    touched_add(&s->threads, s->group, project, thread);
    return st;
}

static enum status remove_observation(struct store *s, const struct row *r, struct err *err)
{
    enum status st = ST_OK;
    if (str_is(row_text(r, OBSERVATION_source_type), "chat") && r->cols[OBSERVATION_said].kind == V_JSON) {
        struct json said;
        if ((st = json_parse(s->group, r->cols[OBSERVATION_said].s, 0, &said, err)) == ST_OK)
            st = delete_messages(s, r->project, r->id, json_str(json_key(said, "session_id")), err);
    }
    if (st == ST_OK)
        st = delete_linked(s, r->project, SCORE, LINK_SCORE_OBSERVATION, r->id, err);
    if (st == ST_OK)
        st = s->driver->ops->delete_row(s->driver, r, err);
    return st;
}

static enum status remove_trace(
    struct store *s, int32_t project, struct str id, bool *was_there, struct err *err)
{
    struct row *trace;
    struct rows rows = { .a = s->group };
    enum status st =
        s->driver->ops->get_row(s->driver, NULL, s->group, project, TRACE, STR_NONE, id, &trace, err);
    if (st == ST_OK)
        st = s->driver->ops->scan_scope(
            s->driver, NULL, s->group, project, OBSERVATION, id, rows_gather, &rows, err);
    *was_there = trace || rows.n;
    for (size_t i = 0; i < rows.n && st == ST_OK; i++)
        st = remove_observation(s, &rows.items[i], err);
    if (st == ST_OK)
        st = delete_linked(s, project, SCORE, LINK_SCORE_TRACE, id, err);
    if (st == ST_OK)
        st = delete_linked(s, project, RECORD, LINK_RECORD_TRACE, id, err);
    if (st == ST_OK && trace)
        st = s->driver->ops->delete_row(s->driver, trace, err);
    return st;
}

static enum status remove_bare(struct store *s, const struct removal *rm, bool *was_there, struct err *err)
{
    struct rows rows = { .a = s->group };
    struct row *scoped = NULL;
    enum status st;
    if (rm->scope.p)
        st = s->driver->ops->get_row(
            s->driver, NULL, s->group, rm->project, OBSERVATION, rm->scope, rm->id, &scoped, err);
    else
        st = s->driver->ops->scan_observation_id(
            s->driver, NULL, s->group, rm->project, rm->id, rows_gather, &rows, err);
    if (scoped)
        rows_gather(&rows, scoped);
    *was_there = rows.n > 0;
    for (size_t i = 0; i < rows.n && st == ST_OK; i++) {
        if ((st = store__ensure_trace(s, rm->project, rows.items[i].scope, err)) == ST_OK)
            st = remove_observation(s, &rows.items[i], err);
        if (st == ST_OK)
            st = store__retree_children(s, rm->project, rm->id, err);
    }
    return st;
}

enum status store__remove(struct store *s, const struct removal *rm, enum outcome *outcome, struct err *err)
{
    bool was_there = false;
    enum status st;
    if (rm->entity == TRACE) {
        st = remove_trace(s, rm->project, rm->id, &was_there, err);
    } else if (rm->entity == OBSERVATION) {
        st = remove_bare(s, rm, &was_there, err);
    } else {
        struct row *r;
        st = s->driver->ops->get_row(
            s->driver, NULL, s->group, rm->project, rm->entity, rm->scope, rm->id, &r, err);
        was_there = r != NULL;
        if (st == ST_OK && r)
            st = s->driver->ops->delete_row(s->driver, r, err);
    }
    *outcome = was_there ? OUTCOME_STORED : OUTCOME_UNCHANGED;
    return st;
}
