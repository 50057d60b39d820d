/*
 * Which columns of columns.def are SQL columns: those that lists filter and sort by. Every other column of a row lies in its blob
 * `packed`, where it costs nothing while it is unset (an empty SQL column costs a byte a row) and needs no migration when it is new.
 */
#include "store/sqlite/sqlite_priv.h"

#include <assert.h>

const struct table tables[ENTITY_COUNT] = {
    [TRACE] = { "trace", "no, project, id", 3, 8,
        { TRACE_start_ns, TRACE_end_ns, TRACE_name, TRACE_user_id, TRACE_session_id, TRACE_environment,
            TRACE_release, TRACE_version },
        TRACE_start_ns },
    [OBSERVATION] = { "observation", "trace_no, id", 2, 8,
        { OBSERVATION_start_ns, OBSERVATION_type, OBSERVATION_name, OBSERVATION_parent_id, OBSERVATION_level,
            OBSERVATION_model, OBSERVATION_user_id, OBSERVATION_environment },
        OBSERVATION_start_ns },
    [SCORE] = { "score", "project, id", 2, 7,
        { SCORE_time_ns, SCORE_name, SCORE_source, SCORE_trace_id, SCORE_observation_id, SCORE_session_id,
            SCORE_config_id },
        SCORE_time_ns },
    [SESSION] = { "session", "project, id", 2, 2, { SESSION_start_ns, SESSION_user_id }, SESSION_start_ns },
    [USER] = { "user", "project, id", 2, 2, { USER_last_seen_ns, USER_first_seen_ns }, USER_last_seen_ns },
    [MESSAGE] = { "message", "project, thread, id", 3, 1, { MESSAGE_time_ns }, MESSAGE_time_ns },
    [RECORD] = { "record", "project, kind, id", 3, 6,
        { RECORD_time_ns, RECORD_name, RECORD_parent_id, RECORD_seq, RECORD_trace_id, RECORD_status },
        RECORD_time_ns },
};

uint32_t tables__kept(enum entity e)
{
    uint32_t set = 0;
    for (unsigned i = 0; i < tables[e].n_kept; i++)
        set |= UINT32_C(1) << tables[e].kept[i];
    return set;
}

const struct column *tables__column(enum entity e, unsigned column)
{
    size_t n;
    const struct column *columns = model_columns(e, &n);
    assert(column < n && columns[column].number == column);
    return &columns[column];
}

static struct value value_time(int64_t ns)
{
    return ns == TIME_NONE ? (struct value){ 0 } : value_int(ns);
}

static struct value trace_value(const struct row *r, unsigned column)
{
    switch (column) {
    case TRACE_name: return value_text(trace_name(r));
    case TRACE_user_id: return value_text(trace_user_id(r));
    case TRACE_session_id: return value_text(trace_session_id(r));
    case TRACE_release: return value_text(trace_release(r));
    case TRACE_version: return value_text(trace_version(r));
    case TRACE_environment: return value_text(trace_environment(r));
    case TRACE_start_ns: return value_time(trace_start_ns(r));
    case TRACE_end_ns: return value_time(trace_end_ns(r));
    default: return r->cols[column];
    }
}

struct value tables__value(const struct row *r, unsigned column)
{
    return r->entity == TRACE ? trace_value(r, column) : r->cols[column];
}

int64_t tables__base_ns(const struct row *r)
{
    struct value v = tables__value(r, tables[r->entity].base);
    return v.kind == V_INT ? v.i : r->created_ns;
}

void tables__columns(enum entity e, struct buf *out)
{
    const struct table *t = &tables[e];
    buf_printf(out, "%s, identity", t->keys);
    for (unsigned i = 0; i < t->n_kept; i++)
        buf_printf(out, ", %s", tables__column(e, t->kept[i])->field);
    buf_add_cstr(out, ", created_ns, updated_by, packed, fold");
    if (e == TRACE)
        buf_add_cstr(out, ", derived");
}

int tables__count(enum entity e)
{
    return tables[e].n_keys + 1 + tables[e].n_kept + 4 + (e == TRACE);
}
