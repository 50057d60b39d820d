/*
 * What a trace shows of its observations, computed once a commit from all its rows (merge.md 6). A scan of the narrow rows instead of sums
 * kept by difference: exact by construction, and most traces arrive whole, so their rows are in the page cache of this very transaction.
 */
#include "store/store_priv.h"

static struct str said_of_session(struct store *s, const struct row *session)
{
    struct buf said;
    buf_init(&said, 0);
    struct jw w = jw_of(&said);
    jw_obj(&w);
    jw_kv_str(&w, "session_id", session->id);
    jw_kv_str_opt(&w, "session_user_id", row_text(session, SESSION_user_id));
    jw_obj_end(&w);
    struct str text = arena_dup(s->group, buf_str(&said));
    buf_fini(&said);
    return text;
}

/* A root whose parent is a thread belongs to that session. A run does not say so itself, an exchange does (merge.md 7.3). */
static enum status note_sessions(struct store *s, struct rows *rows, struct err *err)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct row *r = &rows->items[i];
        struct str parent = row_text(r, OBSERVATION_parent_id);
        if (r->identity != IDENTITY_TREE || !parent.p || !str_eq(r->id, r->scope) || str_eq(parent, r->id))
            continue;
        struct row *session;
        enum status st = s->driver->ops->get_row(
            s->driver, NULL, s->group, r->project, SESSION, STR_NONE, parent, &session, err);
        if (st != ST_OK)
            return st;
        if (!session || !row_int(session, SESSION_exists, 0))
            continue;
        if (r->cols[OBSERVATION_said].kind == V_NULL)
            r->cols[OBSERVATION_said] = value_json(said_of_session(s, session));
        r->cols[OBSERVATION_parent_id] = (struct value){ 0 }; /* a root of its trace */
    }
    return ST_OK;
}

static bool is_stated(const struct row *trace)
{
    return trace->fold.n > 0;
}

enum status store__trace_refresh(struct store *s, int32_t project, struct str trace_id, struct err *err)
{
    struct row *old;
    struct rows rows = { .a = s->group };
    enum status st =
        s->driver->ops->get_row(s->driver, NULL, s->group, project, TRACE, STR_NONE, trace_id, &old, err);
    if (st != ST_OK || !old)
        return st;
    st = s->driver->ops->scan_scope(
        s->driver, NULL, s->group, project, OBSERVATION, trace_id, rows_gather, &rows, err);
    if (st == ST_OK)
        st = note_sessions(s, &rows, err);
    if (st != ST_OK)
        return st;
    if (rows.n == 0 && !is_stated(old))
        return s->driver->ops->delete_row(s->driver, old, err);
    struct row trace = *old;
    trace.derived = arena_alloc(s->group, sizeof(*trace.derived));
    trace.updated_ns = s->recv_ns;
    derive_trace(s->group, rows.items, rows.n, price_default(), trace.derived);
    return store__put(s, &trace, old, err);
}
