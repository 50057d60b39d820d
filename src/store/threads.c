/*
 * Exchanges of a thread: a pure function of its messages (merge.md 7.4), kept as observation rows, each the root of a trace of its own in
 * the session that the thread is. Computed again for the whole thread when one of its messages changes: threads are short, and any other
 * way would let the order of arrival show.
 */
#include "store/store_priv.h"

#include "base/buf.h"

static enum status load_bodies(struct store *s, struct rows *messages, struct err *err)
{
    struct view v = { s, NULL };
    enum status st = ST_OK;
    for (size_t i = 0; i < messages->n && st == ST_OK; i++)
        st = store__load(&v, s->group, &messages->items[i], WITH_PAYLOAD, err);
    return st;
}

/* What the exchange says of its trace, and how it is shown. */
static struct str said_of(struct store *s, struct str thread, const struct exchange *x)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    struct str user = STR_NONE, tags = STR_NONE;
    for (size_t i = 0; i < x->n_messages; i++) {
        struct str u = row_text(x->messages[i], MESSAGE_user_id), t = row_text(x->messages[i], MESSAGE_tags);
        user = u.p ? u : user;
        tags = t.p ? t : tags;
    }
    jw_obj(&w);
    jw_kv_str(&w, "session_id", thread);
    jw_kv_str_opt(&w, "user_id", user);
    jw_kv_raw_opt(&w, "tags", tags);
    jw_kv_str(&w, "alias", x->shown_id);
    jw_kv_str_opt(&w, "sibling", x->sibling);
    jw_key(&w, "messages");
    jw_arr(&w);
    for (size_t i = 0; i < x->n_messages; i++)
        jw_str(&w, x->messages[i]->id);
    jw_arr_end(&w);
    jw_obj_end(&w);
    struct str text = arena_dup(s->group, buf_str(&out));
    buf_fini(&out);
    return text;
}

static struct str last_set(const struct exchange *x, unsigned column)
{
    struct str found = STR_NONE;
    for (size_t i = 0; i < x->n_messages; i++) {
        struct str v = row_text(x->messages[i], column);
        found = v.p ? v : found;
    }
    return found;
}

static enum status put_exchange(
    struct store *s, int32_t project, struct str thread, const struct exchange *x, struct err *err)
{
    struct batch b = { .arena = s->group };
    struct event *e = event_new(&b, PROFILE_EXCHANGE, project, x->id, x->id, x->start_ns);
    e->wire_index = UINT32_MAX;
    struct str name = x->custom_event ? row_text(x->messages[0], MESSAGE_name) : STR("chat");
    event_set_int(e, OBSERVATION_type, x->custom_event ? OBS_EVENT : OBS_SPAN);
    event_set_text(e, OBSERVATION_source_type, x->custom_event ? STR("custom-event") : STR("chat"));
    event_set_text(e, OBSERVATION_name, name);
    event_set_text(e, OBSERVATION_parent_id, thread);
    event_set_int(e, OBSERVATION_start_ns, x->start_ns);
    event_set_int(e, OBSERVATION_end_ns, x->end_ns);
    event_set_int(e, OBSERVATION_level, LEVEL_DEFAULT);
    event_set_text(e, OBSERVATION_user_id, last_set(x, MESSAGE_user_id));
    event_set_json(e, OBSERVATION_tags, last_set(x, MESSAGE_tags));
    event_set_json(e, OBSERVATION_metadata, last_set(x, MESSAGE_metadata));
    event_set_json(e, OBSERVATION_leftovers, last_set(x, MESSAGE_leftovers));
    event_set_json(e, OBSERVATION_input, x->input);
    event_set_json(e, OBSERVATION_output, x->output);
    event_set_json(e, OBSERVATION_said, said_of(s, thread, x));
    batch_seal(&b);
    return store__put_computed(s, &b.events[0], x->id, IDENTITY_TREE, err);
}

/* The message id finds its exchange from now on; runs that name it as parent follow. */
static enum status put_alias(struct store *s, int32_t project, struct str thread, const struct exchange *x,
    struct str message, struct err *err)
{
    struct batch b = { .arena = s->group };
    struct event *e = event_new(&b, PROFILE_EDIT_RECORD, project, STR(STORE_EXCHANGE), message, 0);
    event_set_text(e, RECORD_name, x->id);
    event_set_text(e, RECORD_parent_id, thread);
    batch_seal(&b);
    enum status st = store__put_computed(s, &b.events[0], STR(STORE_EXCHANGE), IDENTITY_SCOPED, err);
    return st == ST_OK ? store__retree_children(s, project, message, err) : st;
}

/* A message that opened an exchange of its own before an earlier one arrived: that exchange is gone. */
static enum status drop_exchange(struct store *s, int32_t project, struct str id, struct err *err)
{
    struct row *old;
    enum status st =
        s->driver->ops->get_row(s->driver, NULL, s->group, project, OBSERVATION, id, id, &old, err);
    if (st != ST_OK || !old || !str_is(row_text(old, OBSERVATION_source_type), "chat"))
        return st;
    if ((st = store__ensure_trace(s, project, id, err)) != ST_OK)
        return st;
    return s->driver->ops->delete_row(s->driver, old, err);
}

enum status store__thread_refresh(struct store *s, int32_t project, struct str thread, struct err *err)
{
    struct rows messages = { .a = s->group };
    struct exchange *exchanges;
    size_t n;
    enum status st = s->driver->ops->scan_scope(
        s->driver, NULL, s->group, project, MESSAGE, thread, rows_gather, &messages, err);
    if (st == ST_OK)
        st = load_bodies(s, &messages, err);
    if (st != ST_OK)
        return st;
    derive_exchanges(s->group, messages.items, messages.n, &exchanges, &n);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = put_exchange(s, project, thread, &exchanges[i], err);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        for (size_t m = 0; m < exchanges[i].n_messages && st == ST_OK; m++) {
            st = put_alias(s, project, thread, &exchanges[i], exchanges[i].messages[m]->id, err);
            if (st == ST_OK && m > 0)
                st = drop_exchange(s, project, exchanges[i].messages[m]->id, err);
        }
    return st;
}
