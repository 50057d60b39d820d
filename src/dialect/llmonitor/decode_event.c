/*
 * One event of a run -> canonical events (sections 2, 4, 11).
 *
 *   start            what the run is; of several the earliest counts, whole
 *   end, error       how it ended; what they say of name, type, parent and user only fills gaps
 *   update           other metadata
 *   log              an EVENT observation, its own start and end
 *   chat, custom-event, feedback, type thread: decode_chat.c
 *
 * Order plays no part here: which statement wins is in model/profiles.def.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include <string.h>

const struct field llmonitor__fields[] = {
#define FIELD(kinds, path, column, conversion, nulls, direction) \
    { kinds, path, column, conversion, nulls, direction },
#include "dialect/llmonitor/fields.def"
#undef FIELD
};
const size_t llmonitor__field_count = sizeof(llmonitor__fields) / sizeof(llmonitor__fields[0]);

/* ---- reading the envelope ---- */

struct member {
    const char *name;
    size_t offset;
};
static const struct member members[] = {
#define X(name) { #name, offsetof(struct llmonitor_members, name) },
    LLMONITOR_MEMBERS(X)
#undef X
};

void llmonitor__scan(struct json event, struct llmonitor_members *m)
{
    struct str key;
    struct json v;
    *m = (struct llmonitor_members){ 0 };
    for (struct json_iter it = json_iter(event); json_next(&it, &key, &v);)
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
            if (key.n > 0 && key.p[0] == members[i].name[0] && llmonitor__key_is(key, members[i].name)) {
                memcpy((char *)m + members[i].offset, &v, sizeof(v));
                break;
            }
}

int64_t llmonitor__time_of(struct json timestamp)
{
    int64_t ns;
    double ms;
    if (json_is_str(timestamp))
        return time_parse_iso(json_str(timestamp), &ns) ? ns : TIME_NONE;
    if (!json_f64(timestamp, &ms) || !(ms >= 0 && ms < 9.2e12))
        return TIME_NONE;
    return (int64_t)ms * NS_PER_MS;
}

enum what { IS_START, IS_END, IS_ERROR, IS_FEEDBACK, IS_CHAT, IS_CUSTOM, IS_UPDATE, IS_LOG, IS_OTHER };

/* An event without a name is what it carries (section 2). */
static enum what what_it_carries(struct llmonitor_decode *d)
{
    if (json_is_set(d->m.error))
        return IS_ERROR;
    if (json_is_set(json_key(d->event, "output")))
        return IS_END;
    return json_is_set(d->m.feedback) ? IS_FEEDBACK : IS_START;
}

static enum status find_what(struct llmonitor_decode *d, struct str type, enum what *out, struct err *err)
{
    static const struct {
        const char *name;
        enum what what;
    } events[] = {
        { "start", IS_START },
        { "end", IS_END },
        { "error", IS_ERROR },
        { "feedback", IS_FEEDBACK },
        { "chat", IS_CHAT },
        { "custom-event", IS_CUSTOM },
        { "update", IS_UPDATE },
    };
    struct str event;
    enum status st = llmonitor__want_text(d->m.event, "event", &event, err);
    if (st != ST_OK)
        return st;
    *out = event.p ? IS_OTHER : what_it_carries(d);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (str_is(event, events[i].name))
            *out = events[i].what;
    if (str_is(type, "log"))
        *out = IS_LOG;
    else if (str_is(type, "feedback"))
        *out = IS_FEEDBACK;
    else if (*out == IS_UPDATE && !str_is(type, "llm"))
        *out = IS_OTHER;
    return ST_OK;
}

/* ---- what a run is ---- */

static enum observation_type type_of(struct str word)
{
    static const struct {
        const char *word;
        enum observation_type type;
    } types[] = {
        { "llm", OBS_GENERATION },
        { "agent", OBS_AGENT },
        { "tool", OBS_TOOL },
        { "chain", OBS_CHAIN },
        { "retriever", OBS_RETRIEVER },
        { "embed", OBS_EMBEDDING },
        { "chat", OBS_SPAN },
        { "custom-event", OBS_EVENT },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_is(word, types[i].word))
            return types[i].type;
    return OBS_SPAN;
}

/* The name without its first "models/" (Google). */
static struct str clean_name(struct llmonitor_decode *d)
{
    struct str name = json_str(d->m.name), prefix = STR("models/");
    size_t at = name.p ? str_find(name, prefix) : SIZE_MAX;
    if (name.n == 0)
        return STR_NONE;
    if (at == SIZE_MAX)
        return name;
    if (at == 0)
        return str_sub(name, prefix.n, SIZE_MAX);
    return arena_printf(
        d->arena, "%.*s%.*s", STR_ARG(str_sub(name, 0, at)), STR_ARG(str_sub(name, at + prefix.n, SIZE_MAX)));
}

/* An event's run: its id, as sent and mapped, its type and parent. */
struct run {
    struct str sent, id, type, parent_sent, parent;
};

static enum status read_run(struct llmonitor_decode *d, bool needs_id, struct run *run, struct err *err)
{
    enum status st = llmonitor__want_text(d->m.runId, "runId", &run->sent, err);
    if (st == ST_OK)
        st = llmonitor__want_text(d->m.parentRunId, "parentRunId", &run->parent_sent, err);
    if (st != ST_OK)
        return st;
    run->id = llmonitor__run_id(d->arena, run->sent);
    run->parent = llmonitor__parent_id(d->arena, run->parent_sent);
    if (!run->id.p && needs_id)
        return err_set(err, ST_INVALID, "runId is required");
    if (!run->id.p)
        run->id = llmonitor__event_id(d->arena, d->event);
    if (str_eq(run->id, run->parent))
        run->parent = STR_NONE;
    return ST_OK;
}

static void set_run(struct llmonitor_decode *d, struct event *e, const struct run *run)
{
    struct str name = clean_name(d);
    bool is_chat = str_is(run->type, "chat");
    if (run->type.p) {
        event_set_int(e, OBSERVATION_type, type_of(run->type));
        event_set_text(e, OBSERVATION_source_type, run->type);
    }
    event_set_text(e, OBSERVATION_name, is_chat && !name.p ? STR("chat") : name);
    if (str_is(run->type, "llm"))
        event_set_text(e, OBSERVATION_model, name);
    event_set_text(e, OBSERVATION_parent_id, run->parent);
}

/* ---- start ---- */

/* templateVersionId, templateId, then both out of the metadata: the first that is a string or a number. */
static struct str prompt_link(struct llmonitor_decode *d)
{
    struct json candidates[] = { d->m.templateVersionId, d->m.templateId,
        llmonitor__member(d->m.metadata, "templateId"),
        llmonitor__member(d->m.metadata, "templateVersionId") };
    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        struct str id = json_is_num(candidates[i]) ? json_num_text(candidates[i]) : json_str(candidates[i]);
        if (id.n == 0)
            continue;
        struct jw w = llmonitor__open(d);
        jw_kv_str(&w, "id", id);
        return llmonitor__close(d, &w);
    }
    return STR_NONE;
}

/* Parameters are `params`, else an object in `extra`; an `extra` that is no object goes to the metadata. */
static enum status set_params(
    struct llmonitor_decode *d, struct event *e, struct json *extra, struct err *err)
{
    struct json params = d->m.params;
    *extra = d->m.extra;
    if (json_is_set(params) && !json_is_obj(params))
        return err_at(
            err, ST_INVALID, "params", "must be an object, got %s", json_type_name(json_type(params)));
    if (json_is_obj(*extra)) {
        params = json_is_set(params) ? params : *extra;
        *extra = JSON_NONE;
    }
    if (json_size(params) > 0)
        event_set_json(e, OBSERVATION_params, json_text(d->arena, params));
    return ST_OK;
}

/* tags, metadata, user: what a start says around the run. */
static enum status set_context(
    struct llmonitor_decode *d, struct event *e, struct json extra, struct err *err)
{
    struct str tags, metadata, user;
    bool own = json_is_set(d->m.tags);
    struct json v = own ? d->m.tags : json_key(d->m.metadata, "tags");
    enum status st = llmonitor__want_tags(d, v, own ? "tags" : "metadata.tags", &tags, err);
    if (st == ST_OK)
        st = llmonitor__want_metadata(d, extra, &metadata, err);
    if (st == ST_OK)
        st = llmonitor__want_user(d, &user, err);
    if (st != ST_OK)
        return st;
    event_set_json(e, OBSERVATION_tags, tags);
    event_set_json(e, OBSERVATION_metadata, metadata);
    event_set_text(e, OBSERVATION_user_id, user);
    return ST_OK;
}

static enum status start(struct llmonitor_decode *d, struct run *run, struct err *err)
{
    struct json extra;
    d->is_start = true;
    if (!run->type.p)
        return err_set(err, ST_INVALID, "type is required");
    enum status st = read_run(d, false, run, err);
    if (st != ST_OK)
        return st;
    struct event *e = llmonitor__new_event(d, PROFILE_LLMONITOR_START, STR_NONE, run->id);
    set_run(d, e, run);
    llmonitor__set_time(d, e, OBSERVATION_start_ns, FIRST);
    event_set_json(e, OBSERVATION_prompt, prompt_link(d));
    event_set_json(e, OBSERVATION_leftovers, llmonitor__leftovers(d, NULL, run->sent, run->id));
    if ((st = fields_decode(llmonitor__fields, llmonitor__field_count, FOR_START, d->event, e, err)) != ST_OK)
        return st;
    if ((st = set_params(d, e, &extra, err)) != ST_OK)
        return st;
    if ((st = set_context(d, e, extra, err)) != ST_OK)
        return st;
    if (str_is(run->type, "chat") && run->parent.p)
        llmonitor__name_thread(d, run->parent_sent, run->parent);
    return llmonitor__put_user(d, err);
}

/* ---- end, error, update ---- */

static enum status set_usage(struct llmonitor_decode *d, struct event *e, struct err *err)
{
    static const struct {
        const char *sent, *path, *key;
    } counts[] = {
        { "prompt", "tokensUsage.prompt", "input" },
        { "completion", "tokensUsage.completion", "output" },
        { "promptCached", "tokensUsage.promptCached", "input_cached_tokens" },
    };
    struct json usage = d->m.tokensUsage;
    if (!json_is_set(usage))
        return ST_OK;
    if (!json_is_obj(usage))
        return err_at(
            err, ST_INVALID, "tokensUsage", "must be an object, got %s", json_type_name(json_type(usage)));
    struct jw w = llmonitor__open(d);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct json count = llmonitor__member(usage, counts[i].sent);
        if (json_is_num(count))
            jw_kv_raw(&w, counts[i].key, json_num_text(count));
        else if (json_is_set(count))
            return err_at(err, ST_INVALID, counts[i].path, "must be a number, got %s",
                json_type_name(json_type(count)));
    }
    event_set_json(e, OBSERVATION_usage, llmonitor__close(d, &w));
    return ST_OK;
}

/* {message, stack}; a bare string is the message. What else an error holds is kept with its stack. */
static void set_error(struct llmonitor_decode *d, struct event *e)
{
    struct json error = d->m.error, message = json_is_obj(error) ? json_key(error, "message") : error;
    struct json stack = json_key(error, "stack");
    struct str text = json_is_str(message) ? json_str(message) : STR_NONE;
    if (!text.p && json_is_set(message))
        text = json_text(d->arena, message);
    event_set_int(e, OBSERVATION_level, LEVEL_ERROR);
    event_set_text(e, OBSERVATION_status_message, text.n ? text : STR("Unknown error"));
    size_t known = (json_type(message) != JSON_ABSENT) + (size_t)(json_type(stack) != JSON_ABSENT);
    struct jw w = llmonitor__open(d);
    jw_key(&w, "stack");
    if (json_is_set(stack))
        jw_value(&w, stack);
    else
        jw_null(&w);
    if (json_is_obj(error) && json_size(error) > known) {
        jw_key(&w, "error");
        jw_value(&w, error);
    }
    event_set_json(e, OBSERVATION_leftovers, llmonitor__close(d, &w));
}

static enum status end(struct llmonitor_decode *d, struct run *run, bool is_error, struct err *err)
{
    struct str metadata, user;
    enum status st = read_run(d, true, run, err);
    if (st == ST_OK)
        st = llmonitor__want_metadata(d, d->m.extra, &metadata, err);
    if (st == ST_OK)
        st = llmonitor__want_user(d, &user, err);
    if (st != ST_OK)
        return st;
    struct event *e = llmonitor__new_event(d, PROFILE_LLMONITOR_END, STR_NONE, run->id);
    set_run(d, e, run);
    llmonitor__set_time(d, e, OBSERVATION_end_ns, LATEST);
    event_set_text(e, OBSERVATION_user_id, user);
    event_set_json(e, OBSERVATION_metadata, metadata);
    if (is_error) {
        set_error(d, e);
        return ST_OK;
    }
    event_set_int(e, OBSERVATION_level, LEVEL_DEFAULT);
    if ((st = set_usage(d, e, err)) != ST_OK)
        return st;
    return fields_decode(llmonitor__fields, llmonitor__field_count, FOR_END, d->event, e, err);
}

static enum status update(struct llmonitor_decode *d, struct run *run, struct err *err)
{
    struct str metadata;
    enum status st = read_run(d, true, run, err);
    if (st == ST_OK)
        st = llmonitor__want_metadata(d, JSON_NONE, &metadata, err);
    if (st != ST_OK)
        return st;
    struct event *e = llmonitor__new_event(d, PROFILE_LLMONITOR_UPDATE, STR_NONE, run->id);
    event_set_json(e, OBSERVATION_metadata, metadata.p ? metadata : STR("{}"));
    return llmonitor__put_user(d, err);
}

/* ---- log ---- */

static enum level level_of(struct str word)
{
    if (str_is(word, "error") || str_is(word, "fatal"))
        return LEVEL_ERROR;
    if (str_is(word, "warn") || str_is(word, "warning"))
        return LEVEL_WARNING;
    return str_is(word, "debug") || str_is(word, "trace") ? LEVEL_DEBUG : LEVEL_DEFAULT;
}

static enum status log_line(struct llmonitor_decode *d, struct run *run, struct err *err)
{
    struct str metadata, user, name = clean_name(d);
    if (json_is_obj(d->m.extra) && !json_is_set(d->m.metadata)) {
        d->m.metadata = d->m.extra;
        d->m.extra = JSON_NONE;
    }
    enum status st = read_run(d, false, run, err);
    if (st == ST_OK)
        st = llmonitor__want_metadata(d, d->m.extra, &metadata, err);
    if (st == ST_OK)
        st = llmonitor__want_user(d, &user, err);
    if (st != ST_OK)
        return st;
    struct str id = llmonitor__event_id(d->arena, d->event); /* a line is not the run it was written in */
    struct event *e = llmonitor__new_event(d, PROFILE_LLMONITOR_START, STR_NONE, id);
    event_set_int(e, OBSERVATION_type, OBS_EVENT);
    event_set_text(e, OBSERVATION_source_type, STR("log"));
    event_set_text(e, OBSERVATION_name, name.p ? name : STR("log"));
    event_set_text(e, OBSERVATION_parent_id, run->parent);
    llmonitor__set_time(d, e, OBSERVATION_start_ns, FIRST);
    llmonitor__set_time(d, e, OBSERVATION_end_ns, LATEST);
    event_set_int(e, OBSERVATION_level, level_of(json_str(d->m.event)));
    if (json_is_set(d->m.message))
        event_set_json(e, OBSERVATION_output, json_text(d->arena, d->m.message));
    event_set_json(e, OBSERVATION_metadata, metadata);
    event_set_text(e, OBSERVATION_user_id, user);
    event_set_json(e, OBSERVATION_leftovers, llmonitor__leftovers(d, "log", run->sent, STR_NONE));
    return llmonitor__put_user(d, err);
}

/* ---- any ---- */

static enum status feedback(struct llmonitor_decode *d, struct run *run, struct err *err)
{
    enum status st = read_run(d, true, run, err);
    if (st != ST_OK)
        return st;
    llmonitor__feedback(d, run->id, d->m.feedback, d->m.extra);
    return llmonitor__put_user(d, err);
}

enum status llmonitor__decode(struct llmonitor_decode *d, struct err *err)
{
    struct run run = { 0 };
    enum what what;
    enum status st = llmonitor__want_text(d->m.type, "type", &run.type, err);
    if (st == ST_OK)
        st = find_what(d, run.type, &what, err);
    if (st != ST_OK)
        return st;
    bool is_thread = str_is(run.type, "thread") || str_is(run.type, "convo");
    switch (what) {
    case IS_START: return is_thread ? llmonitor__thread(d, false, err) : start(d, &run, err);
    case IS_END:
    case IS_ERROR: return is_thread ? llmonitor__thread(d, true, err) : end(d, &run, what == IS_ERROR, err);
    case IS_FEEDBACK: return feedback(d, &run, err);
    case IS_CHAT: return llmonitor__chat(d, err);
    case IS_CUSTOM: return llmonitor__custom_event(d, err);
    case IS_UPDATE: return update(d, &run, err);
    case IS_LOG: return log_line(d, &run, err);
    case IS_OTHER: return ST_OK;
    }
    return ST_OK;
}
