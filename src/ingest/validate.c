/*
 * What no dialect may let through: ids that are not ids. Everything else about a field is the dialect's own to check, since the answer
 * must name its own field and place.
 */
#include "ingest/ingest_priv.h"

#include "base/buf.h"

static void reject_id(struct batch *b, const struct event *e, const char *what, struct str id)
{
    struct err err;
    err_at(&err, ST_INVALID, what,
        "%s must be 1 to 800 bytes of UTF-8 without control characters, got %zu bytes", what, id.n);
    if (e->wire_index < b->n_results)
        batch_reject(b, e->wire_index, &err);
}

static void keep_in_leftovers(struct event *e, const char *name, struct str text, unsigned leftovers)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_str(&w, name, text);
    jw_obj_end(&w);
    event_set_as(
        e, leftovers, value_json(arena_dup(e->arena, buf_str(&out))), RANK_SAID, LATEST, MODE_SHALLOW);
    buf_fini(&out);
}

static bool is_link(enum entity e, unsigned column, const char **name)
{
    if (e == TRACE && column == TRACE_user_id)
        return *name = "user_id", true;
    if (e == TRACE && column == TRACE_session_id)
        return *name = "session_id", true;
    if (e == OBSERVATION && column == OBSERVATION_user_id)
        return *name = "user_id", true;
    return false;
}

static void check_links(struct event *e)
{
    for (size_t i = 0; i < e->n_cells; i++) {
        const char *name;
        struct cell *c = &e->cells[i];
        if (c->value.kind != V_TEXT || !is_link(e->entity, c->column, &name) || str_is_id(c->value.s))
            continue;
        struct str text = c->value.s;
        e->cells[i] = e->cells[--e->n_cells];
        keep_in_leftovers(e, name, text, e->entity == TRACE ? TRACE_leftovers : OBSERVATION_leftovers);
        i--;
    }
}

static bool has_good_ids(struct batch *b, const struct event *e)
{
    bool scoped = e->scope.p != NULL;
    if (!str_is_id(e->id)) {
        reject_id(b, e, "id", e->id);
        return false;
    }
    if (scoped && !str_is_id(e->scope)) {
        reject_id(b, e, e->entity == OBSERVATION ? "trace id" : "parent id", e->scope);
        return false;
    }
    return true;
}

void ingest__validate(struct batch *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n_events; i++) {
        struct event *e = &b->events[i];
        if (!has_good_ids(b, e))
            continue;
        if (e->wire_index < b->n_results && b->results[e->wire_index].outcome == OUTCOME_REJECTED)
            continue;
        check_links(e);
        if (kept != i)
            b->events[kept] = *e;
        kept++;
    }
    b->n_events = kept;
}
