/*
 * Threads, their messages, and feedback (sections 5 to 7).
 *
 * A thread is a session. A chat event is a message of it; which messages make one exchange is not decided here but derived from all
 * messages of the thread, so that any order of arrival gives the same exchanges (merge.md 7.4).
 */
#include "dialect/llmonitor/llmonitor_priv.h"

/* ---- threads ---- */

static struct event *thread_event(struct llmonitor_decode *d, struct str sent, struct str id)
{
    struct event *e = llmonitor__new_event(d, PROFILE_LLMONITOR_THREAD, STR_NONE, id);
    event_set_int(e, SESSION_exists, 1);
    if (!str_eq(sent, id))
        event_set_text(e, SESSION_external_id, sent);
    return e;
}

void llmonitor__name_thread(struct llmonitor_decode *d, struct str sent, struct str id)
{
    (void)thread_event(d, sent, id);
}

static enum status thread_start(struct llmonitor_decode *d, struct event *e, struct err *err)
{
    struct str tags, metadata, user;
    enum status st = llmonitor__want_tags(d, d->m.tags, "tags", &tags, err);
    if (st == ST_OK)
        st = llmonitor__want_metadata(d, d->m.extra, &metadata, err);
    if (st == ST_OK)
        st = llmonitor__want_user(d, &user, err);
    if (st != ST_OK)
        return st;
    llmonitor__set_time(d, e, SESSION_start_ns, FIRST);
    event_set_json(e, SESSION_tags, tags);
    event_set_json(e, SESSION_metadata, metadata);
    event_set_text(e, SESSION_user_id, user);
    st = fields_decode(llmonitor__fields, llmonitor__field_count, FOR_THREAD, d->event, e, err);
    return st == ST_OK ? llmonitor__put_user(d, err) : st;
}

/* The run of type thread (once: convo) itself. */
enum status llmonitor__thread(struct llmonitor_decode *d, bool is_end, struct err *err)
{
    struct str sent;
    enum status st = llmonitor__want_text(d->m.runId, "runId", &sent, err);
    if (st != ST_OK)
        return st;
    if (sent.n == 0 && is_end)
        return err_set(err, ST_INVALID, "runId is required");
    struct str id = sent.n ? llmonitor__run_id(d->arena, sent) : llmonitor__event_id(d->arena, d->event);
    struct event *e = thread_event(d, sent.n ? sent : id, id);
    if (!is_end)
        return thread_start(d, e, err);
    llmonitor__set_time(d, e, SESSION_end_ns, LATEST);
    return ST_OK;
}

/* What a message says of its thread. threadMetadata counts where the message itself carries metadata of its own. */
static enum status put_thread_of(
    struct llmonitor_decode *d, struct str *thread, struct json first_message, struct err *err)
{
    struct str sent, tags, user;
    struct json metadata = d->m.threadMetadata;
    enum status st = llmonitor__want_text(d->m.parentRunId, "parentRunId", &sent, err);
    if (st == ST_OK && sent.n == 0)
        st = err_set(err, ST_INVALID, "No parent run ID provided");
    if (st == ST_OK)
        st = llmonitor__want_tags(d, d->m.threadTags, "threadTags", &tags, err);
    if (st == ST_OK)
        st = llmonitor__want_user(d, &user, err);
    if (st != ST_OK)
        return st;
    if (json_is_set(metadata) && !json_is_obj(metadata))
        return err_at(err, ST_INVALID, "threadMetadata", "must be an object, got %s",
            json_type_name(json_type(metadata)));
    *thread = llmonitor__parent_id(d->arena, sent);
    struct event *e = thread_event(d, sent, *thread);
    llmonitor__set_time(d, e, SESSION_start_ns, FIRST);
    event_set_json(e, SESSION_tags, tags);
    event_set_text(e, SESSION_user_id, user);
    if (json_size(metadata) > 0)
        event_set_json(e, SESSION_metadata, json_text(d->arena, metadata));
    if (json_is_set(first_message))
        event_set_json(e, SESSION_first_message, json_text(d->arena, first_message));
    return ST_OK;
}

/* ---- messages ---- */

/* Members that tell how to file the message; the rest is the message. */
static bool is_filing(struct str key)
{
    static const char *const names[] = { "id", "isRetry", "tags", "feedback", "extra", "metadata", "text",
        "content", "role" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (llmonitor__key_is(key, names[i]))
            return true;
    return false;
}

/* {role, content, ..., metadata}: as sent, but `text` is content and `extra` metadata. */
static struct str stored_message(struct llmonitor_decode *d, struct json message, struct json metadata)
{
    struct json content = llmonitor__content(message), v;
    struct str key;
    struct jw w = llmonitor__open(d);
    jw_kv_str(&w, "role", json_str(json_key(message, "role")));
    if (json_type(content) == JSON_ABSENT)
        content = json_key(message, "content");
    if (json_type(content) != JSON_ABSENT) {
        jw_key(&w, "content");
        jw_value(&w, content);
    }
    for (struct json_iter it = json_iter(message); json_next(&it, &key, &v);) {
        if (is_filing(key))
            continue;
        jw_key_str(&w, key);
        jw_value(&w, v);
    }
    if (json_is_set(metadata)) {
        jw_key(&w, "metadata");
        jw_value(&w, metadata);
    }
    return llmonitor__close(d, &w);
}

static enum status message_event(
    struct llmonitor_decode *d, struct str thread, struct event **out, struct str *id, struct err *err)
{
    struct str sent = STR_NONE, user = STR_NONE;
    enum status st = llmonitor__want_text(d->m.runId, "runId", &sent, err);
    if (st == ST_OK)
        st = llmonitor__want_user(d, &user, err);
    if (st != ST_OK)
        return st;
    *id = sent.n ? llmonitor__run_id(d->arena, sent) : llmonitor__event_id(d->arena, d->event);
    struct event *e = *out = llmonitor__new_event(d, PROFILE_LLMONITOR_MESSAGE, thread, *id);
    llmonitor__set_time(d, e, MESSAGE_time_ns, LATEST);
    event_set_int(e, MESSAGE_tie, d->tie);
    event_set_text(e, MESSAGE_user_id, user);
    event_set_json(e, MESSAGE_leftovers, llmonitor__leftovers(d, NULL, sent, *id));
    d->is_message = true;
    return ST_OK;
}

static enum status put_message(
    struct llmonitor_decode *d, struct str thread, struct json message, struct str *id, struct err *err)
{
    struct json metadata = json_key(message, "metadata");
    struct str tags, role = json_str(json_key(message, "role")), known = llmonitor__role(role);
    if (!json_is_set(metadata))
        metadata = json_key(message, "extra");
    if (role.n == 0)
        return err_at(err, ST_INVALID, "message.role",
            "must be a string such as \"user\" or \"assistant\", got %s",
            json_type_name(json_type(json_key(message, "role"))));
    enum status st = llmonitor__want_tags(d, json_key(message, "tags"), "message.tags", &tags, err);
    struct event *e;
    if (st == ST_OK)
        st = message_event(d, thread, &e, id, err);
    if (st != ST_OK)
        return st;
    event_set_text(e, MESSAGE_role, known.p ? known : STR("user"));
    event_set_json(e, MESSAGE_body, stored_message(d, message, metadata));
    if (json_bool(llmonitor__member(message, "isRetry")))
        event_set_int(e, MESSAGE_retry, 1);
    event_set_json(e, MESSAGE_tags, tags);
    if (json_size(metadata) > 0 && json_is_obj(metadata))
        event_set_json(e, MESSAGE_metadata, json_text(d->arena, metadata));
    return ST_OK;
}

enum status llmonitor__chat(struct llmonitor_decode *d, struct err *err)
{
    struct json message = d->m.message, feedback = d->m.feedback;
    struct str thread = STR_NONE, id = STR_NONE;
    enum status st = put_thread_of(d, &thread, llmonitor__content(message), err);
    if (st != ST_OK)
        return st;
    if (!json_is_obj(message))
        return err_at(
            err, ST_INVALID, "message", "must be an object, got %s", json_type_name(json_type(message)));
    if ((st = put_message(d, thread, message, &id, err)) != ST_OK)
        return st;
    if (!json_is_set(feedback))
        feedback = json_key(message, "feedback");
    llmonitor__feedback(d, id, feedback, JSON_NONE);
    return llmonitor__put_user(d, err);
}

enum status llmonitor__custom_event(struct llmonitor_decode *d, struct err *err)
{
    struct str thread = STR_NONE, id = STR_NONE, metadata = STR_NONE;
    struct event *e;
    enum status st = llmonitor__want_metadata(d, d->m.extra, &metadata, err);
    if (st == ST_OK)
        st = put_thread_of(d, &thread, JSON_NONE, err);
    if (st == ST_OK)
        st = message_event(d, thread, &e, &id, err);
    if (st != ST_OK)
        return st;
    event_set_text(e, MESSAGE_role, STR("custom-event"));
    event_set_text(e, MESSAGE_name, json_str(d->m.name));
    event_set_json(e, MESSAGE_metadata, metadata);
    return llmonitor__put_user(d, err);
}

/* ---- feedback ---- */

enum { KEY_THUMB, KEY_RATING, KEY_RETRIED, KEY_EMOJI, KEY_COMMENT, KEY_OTHER };
static const char *const key_names[] = { "thumb", "rating", "retried", "emoji", "comment", "feedback" };

static int listed_key(struct str key)
{
    if (str_is(key, "thumbs"))
        return KEY_THUMB;
    for (int i = 0; i < KEY_OTHER; i++)
        if (str_is(key, key_names[i]))
            return i;
    return KEY_OTHER;
}

/* {type, number, boolean, text} of a key's value. */
static struct str score_value(struct llmonitor_decode *d, int key, struct json v)
{
    struct str text = json_str(v);
    struct jw w = llmonitor__open(d);
    if (json_is_num(v)) {
        jw_kv_cstr(&w, "type", "NUMERIC");
        jw_kv_raw(&w, "number", json_num_text(v));
    } else if (json_type(v) == JSON_BOOL) {
        jw_kv_cstr(&w, "type", "BOOLEAN");
        jw_kv_bool(&w, "boolean", json_bool(v));
    } else {
        jw_kv_cstr(&w, "type", text.p && key != KEY_COMMENT ? "CATEGORICAL" : "TEXT");
        if (key == KEY_THUMB && (str_is(text, "up") || str_is(text, "down")))
            jw_kv_i64(&w, "number", str_is(text, "up") ? 1 : -1);
        jw_kv_str(&w, "text", text.p ? text : json_text(d->arena, v));
    }
    return llmonitor__close(d, &w);
}

/* Feedback that is no object: a string is a comment, anything else a value. */
static const char *bare_key(struct json feedback)
{
    if (!json_is_set(feedback) || json_is_obj(feedback))
        return NULL;
    return json_is_str(feedback) ? "comment" : "value";
}

static struct event *feedback_event(struct llmonitor_decode *d, struct str run_id, int key)
{
    struct str id = arena_printf(d->arena, "%.*s:%s", STR_ARG(run_id), key_names[key]);
    struct event *e = llmonitor__new_event(d, d->score ? d->score : PROFILE_LLMONITOR_FEEDBACK, STR_NONE, id);
    event_set_text(e, SCORE_name, str_of(key_names[key]));
    event_set_int(e, SCORE_source, SOURCE_API);
    event_set_text(e, SCORE_observation_id, run_id);
    llmonitor__set_time(d, e, SCORE_time_ns, LATEST);
    return e;
}

/* The key as it was sent is kept beside the score, so that the feedback can be shown again. */
static void put_listed(struct llmonitor_decode *d, struct str run_id, int key, struct str sent, struct json v,
    struct json comment)
{
    struct event *e = feedback_event(d, run_id, key);
    if (json_is_set(v))
        event_set_json(e, SCORE_value, score_value(d, key, v));
    else
        event_set_null(e, SCORE_value);
    if (key == KEY_THUMB && json_is_set(v))
        event_set_text(e, SCORE_comment, json_str(comment));
    struct jw w = llmonitor__open(d);
    jw_key(&w, "feedback");
    jw_obj(&w);
    jw_key_str(&w, sent);
    jw_value(&w, v);
    jw_obj_end(&w);
    event_set_json(e, SCORE_leftovers, llmonitor__close(d, &w));
}

/* All other keys, verbatim, in one score. */
static void put_others(struct llmonitor_decode *d, struct str run_id, struct json feedback, struct json more)
{
    struct json sources[] = { feedback, more }, v;
    struct str key;
    bool any = false;
    struct jw w = llmonitor__open(d);
    for (size_t i = 0; i < 2; i++) {
        const char *bare = bare_key(sources[i]);
        if (bare && *bare == 'v') {
            any = true;
            jw_key(&w, bare);
            jw_value(&w, sources[i]);
        }
        for (struct json_iter it = json_iter(sources[i]);
             json_is_obj(sources[i]) && json_next(&it, &key, &v);) {
            if (listed_key(key) != KEY_OTHER || (i == 0 && json_type(json_get(more, key)) != JSON_ABSENT))
                continue;
            any |= json_is_set(v);
            jw_key_str(&w, key);
            jw_value(&w, v);
        }
    }
    struct str all = llmonitor__close(d, &w);
    if (!all.p)
        return;
    struct event *e = feedback_event(d, run_id, KEY_OTHER);
    event_set_json(e, SCORE_metadata, all);
    event_set_json(e, SCORE_leftovers, STR("{\"feedback\":{}}"));
    if (!any) /* only keys that are cleared */
        return;
    w = llmonitor__open(d);
    jw_kv_cstr(&w, "type", "TEXT");
    jw_kv_str(&w, "text", all);
    event_set_json(e, SCORE_value, llmonitor__close(d, &w));
}

void llmonitor__feedback(
    struct llmonitor_decode *d, struct str run_id, struct json feedback, struct json more)
{
    struct json sources[] = { feedback, more }, v, values[KEY_OTHER] = { 0 };
    struct str key, sent[KEY_OTHER] = { 0 };
    for (size_t i = 0; i < 2; i++) {
        const char *bare = bare_key(sources[i]);
        if (bare && *bare == 'c') {
            values[KEY_COMMENT] = sources[i];
            sent[KEY_COMMENT] = STR("comment");
        }
        for (struct json_iter it = json_iter(sources[i]);
             json_is_obj(sources[i]) && json_next(&it, &key, &v);) {
            int k = listed_key(key);
            if (k == KEY_OTHER)
                continue;
            values[k] = v;
            sent[k] = key;
        }
    }
    for (int k = 0; k < KEY_OTHER; k++)
        if (sent[k].p)
            put_listed(d, run_id, k, sent[k], values[k], values[KEY_COMMENT]);
    put_others(d, run_id, feedback, more);
}
