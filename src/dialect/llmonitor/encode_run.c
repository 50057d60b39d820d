/*
 * A row -> Run JSON (section 9). Rows of every dialect are runs here: a LangWatch span, a Langfuse generation, an OpenTelemetry span.
 *
 * Payload is stored as it was sent and camel-cased now, at every depth. Inputs and outputs that hold nothing but {"input": x} or
 * {"output": x} show x. Only the plain part of the metadata is shown.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include "model/derive.h"
#include "model/price.h"

/* ---- small parts ---- */

void llmonitor__write_time(struct jw *w, const char *key, int64_t ns)
{
    char text[32];
    jw_kv_str(w, key, ns == TIME_NONE ? STR_NONE : time_format_iso_ms(ns, text));
}

void llmonitor__write_cost(struct jw *w, const char *key, int64_t nano_usd)
{
    if (nano_usd < 0)
        jw_kv_null(w, key);
    else
        jw_kv_f64(w, key, (double)nano_usd / 1e9);
}

void llmonitor__write_json(struct jw *w, struct call *c, const char *key, struct str stored)
{
    struct json v = llmonitor__parse(c->arena, stored);
    jw_key(w, key);
    if (json_type(v) == JSON_ABSENT)
        jw_null(w);
    else
        llmonitor__write_camel(w, v);
}

/* An exchange is called by its last message; a message id finds it all the same. */
struct str llmonitor__shown_id(const struct row *r)
{
    return r->alias.p ? r->alias : r->id;
}

struct str llmonitor__type_word_of(struct str canonical)
{
    static const struct {
        const char *type;
        struct str word;
    } words[] = {
        { "GENERATION", STR_INIT("llm") },
        { "AGENT", STR_INIT("agent") },
        { "TOOL", STR_INIT("tool") },
        { "RETRIEVER", STR_INIT("retriever") },
        { "EMBEDDING", STR_INIT("embed") },
        { "EVENT", STR_INIT("custom-event") },
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_is(canonical, words[i].type))
            return words[i].word;
    return STR("chain");
}

/* A chat run of ours. "chat" is also what OpenTelemetry calls a model call, which is no span. */
static bool is_chat(const struct row *r)
{
    return str_is(row_text(r, OBSERVATION_source_type), "chat") &&
           row_int(r, OBSERVATION_type, OBS_SPAN) == OBS_SPAN;
}

struct str llmonitor__type_word(const struct row *r)
{
    if (r->entity == SESSION)
        return STR("thread");
    if (is_chat(r))
        return STR("chat");
    int64_t type = row_int(r, OBSERVATION_type, OBS_SPAN);
    return llmonitor__type_word_of(str_of(observation_type_name((enum observation_type)type)));
}

static struct str name_of(const struct row *r)
{
    struct str name = row_text(r, OBSERVATION_name), model = row_text(r, OBSERVATION_model);
    if (row_int(r, OBSERVATION_type, OBS_SPAN) == OBS_GENERATION && model.p)
        return model;
    /* The name a chat run has for the other dialects is none here. */
    return str_is(name, "chat") && is_chat(r) ? STR_NONE : name;
}

struct str llmonitor__user_of(const struct row *r)
{
    if (r->entity == SESSION)
        return row_text(r, SESSION_user_id);
    if (r->user_effective.p)
        return r->user_effective;
    struct str own = row_text(r, OBSERVATION_user_id);
    return own.p || !r->parent ? own : trace_user_id(r->parent);
}

bool llmonitor__is_root(const struct row *r)
{
    return r->entity == OBSERVATION && (!row_text(r, OBSERVATION_parent_id).p || str_eq(r->id, r->scope));
}

/* The thread of a trace's root is its parent here. */
static struct str parent_of(const struct row *r)
{
    struct str parent = row_text(r, OBSERVATION_parent_id);
    if (parent.p || r->identity != IDENTITY_TREE || !r->parent || !str_eq(r->id, r->scope))
        return parent;
    return trace_session_id(r->parent);
}

static int64_t start_of(const struct row *r)
{
    return row_time(r, r->entity == SESSION ? SESSION_start_ns : OBSERVATION_start_ns);
}

static int64_t end_of(const struct row *r)
{
    return row_time(r, r->entity == SESSION ? SESSION_end_ns : OBSERVATION_end_ns);
}

/* Seconds, to the millisecond; an end before its start is no time at all. */
static void write_duration(struct jw *w, const struct row *r)
{
    int64_t start = start_of(r), end = end_of(r);
    if (start == TIME_NONE || end == TIME_NONE)
        jw_kv_null(w, "duration");
    else
        jw_kv_f64(w, "duration", end > start ? (double)time_ms(end - start) / 1000 : 0);
}

static bool has_error(const struct row *r)
{
    return r->entity == OBSERVATION && row_int(r, OBSERVATION_level, LEVEL_DEFAULT) == LEVEL_ERROR;
}

static const char *status_of(const struct row *r)
{
    return has_error(r) ? "error" : end_of(r) != TIME_NONE ? "success" : "started";
}

/* ---- input, output, error ---- */

static struct json unwrapped(struct json v, const char *key)
{
    struct json inner = json_key(v, key);
    return json_is_obj(v) && json_size(v) == 1 && json_type(inner) != JSON_ABSENT ? inner : v;
}

/* The first n UTF-16 units of a text, as JavaScript's substring has it, but no half of a pair. */
static struct str clip_units(struct str s, size_t n)
{
    size_t i = 0;
    while (i < s.n && n > 0) {
        unsigned char c = (unsigned char)s.p[i];
        size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, units = bytes == 4 ? 2 : 1;
        if (units > n || i + bytes > s.n)
            break;
        i += bytes;
        n -= units;
    }
    return (struct str){ s.p, i };
}

static void write_cut_message(struct jw *w, struct json message)
{
    struct str key;
    struct json v;
    jw_obj(w);
    for (struct json_iter it = json_iter(message); json_next(&it, &key, &v);) {
        llmonitor__write_camel_key(w, key);
        if (json_is_str(v) && str_is(key, "content"))
            jw_str(w, clip_units(json_str(v), 100));
        else
            llmonitor__write_camel(w, v);
    }
    jw_obj_end(w);
}

static void write_io(struct jw *w, struct call *c, const char *key, struct str stored, unsigned flags)
{
    struct json v = unwrapped(llmonitor__parse(c->arena, stored), key);
    if ((flags & RUN_CUT) && *key == 'i' && json_is_arr(v) && json_size(v) > 0)
        v = json_at(v, json_size(v) - 1);
    jw_key(w, key);
    if (json_type(v) == JSON_ABSENT)
        jw_null(w);
    else if ((flags & RUN_CUT) && json_is_obj(v))
        write_cut_message(w, v);
    else
        llmonitor__write_camel(w, v);
}

/* {message, stack}. A run that failed and then ended well keeps its error, as upstream does; other dialects' texts may be no error. */
static void write_error(struct jw *w, struct call *c, const struct row *r)
{
    struct str text = row_text(r, OBSERVATION_status_message);
    struct json left = llmonitor__parse(c->arena, row_text(r, OBSERVATION_leftovers));
    bool own = r->identity == IDENTITY_TREE && text.p;
    jw_key(w, "error");
    if (!has_error(r) && !own) {
        jw_null(w);
    } else if (json_is_obj(json_key(left, "error"))) {
        llmonitor__write_camel(w, json_key(left, "error"));
    } else {
        jw_obj(w);
        jw_kv_str(w, "message", text.p ? text : STR("Unknown error"));
        if (json_is_set(json_key(left, "stack"))) {
            jw_key(w, "stack");
            jw_value(w, json_key(left, "stack"));
        }
        jw_obj_end(w);
    }
}

/* ---- params, metadata ---- */

/* LiteLLM sends its tools as text. */
static void write_params(struct jw *w, struct call *c, struct str stored)
{
    struct json params = llmonitor__parse(c->arena, stored), v;
    struct str key;
    jw_key(w, "params");
    jw_obj(w);
    for (struct json_iter it = json_iter(params); json_is_obj(params) && json_next(&it, &key, &v);) {
        struct json tools =
            str_is(key, "tools") && json_is_str(v) ? llmonitor__parse(c->arena, json_str(v)) : JSON_NONE;
        llmonitor__write_camel_key(w, key);
        llmonitor__write_camel(w, json_is_set(tools) ? tools : v);
    }
    jw_obj_end(w);
}

static bool is_plain(struct json v)
{
    return json_is_str(v) || json_is_num(v) || json_type(v) == JSON_BOOL;
}

static bool is_shown(struct str key, struct json v)
{
    struct json item;
    if (is_plain(v) || str_is(key, "enrichment"))
        return true;
    if (!json_is_arr(v))
        return false;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item);)
        if (!is_plain(item))
            return false;
    return true;
}

static void write_metadata(struct jw *w, struct call *c, struct str stored)
{
    struct json metadata = llmonitor__parse(c->arena, stored), v;
    struct str key;
    jw_key(w, "metadata");
    if (!json_is_obj(metadata)) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    for (struct json_iter it = json_iter(metadata); json_next(&it, &key, &v);) {
        if (!is_shown(key, v))
            continue;
        llmonitor__write_camel_key(w, key);
        llmonitor__write_camel(w, v);
    }
    jw_obj_end(w);
}

/* ---- tokens ---- */

struct counts {
    bool prompt_known, completion_known;
    struct usage_final usage;
    int64_t cost_nano_usd; /* -1: unknown */
};

static struct counts count(struct call *c, const struct row *r)
{
    struct counts n = { .cost_nano_usd = -1 };
    struct json each;
    struct str key;
    bool computed;
    if (r->entity != OBSERVATION)
        return n;
    derive_usage(c->arena, r, &n.usage);
    n.cost_nano_usd = derive_cost(c->arena, r, &n.usage, price_default(), &computed);
    struct json usage = llmonitor__parse(c->arena, n.usage.json);
    for (struct json_iter it = json_iter(usage); json_next(&it, &key, &each);) {
        n.prompt_known |= str_find(key, STR("input")) != SIZE_MAX;
        n.completion_known |= str_find(key, STR("output")) != SIZE_MAX;
    }
    return n;
}

static void write_count(struct jw *w, const char *key, bool known, int64_t n)
{
    if (known)
        jw_kv_i64(w, key, n);
    else
        jw_kv_null(w, key);
}

static void write_tokens(struct jw *w, const struct counts *n)
{
    int64_t total;
    if (__builtin_add_overflow(n->usage.input_all, n->usage.output_all, &total))
        total = INT64_MAX;
    jw_key(w, "tokens");
    jw_obj(w);
    write_count(w, "prompt", n->prompt_known, n->usage.input_all);
    jw_kv_i64(w, "cachedPrompt", n->usage.cached);
    write_count(w, "completion", n->completion_known, n->usage.output_all);
    jw_kv_i64(w, "total", total);
    jw_obj_end(w);
}

/* ---- what was asked beside the rows ---- */

static const struct row *find_row(struct call *c, struct llmonitor_list *l, struct str id)
{
    size_t n;
    const struct row *const *found = llmonitor__with_key(c, l, id, &n);
    return n > 0 ? found[0] : NULL;
}

void llmonitor__write_user(struct jw *w, struct call *c, const struct row *user, struct str id)
{
    jw_kv_str(w, "id", id);
    llmonitor__write_time(w, "createdAt", user ? row_time(user, USER_first_seen_ns) : TIME_NONE);
    jw_kv_str(w, "externalId", id);
    llmonitor__write_time(w, "lastSeen", user ? row_time(user, USER_last_seen_ns) : TIME_NONE);
    llmonitor__write_json(w, c, "props", user ? row_text(user, USER_props) : STR_NONE);
}

struct str llmonitor__version_of(struct call *c, const struct row *r)
{
    if (r->entity != OBSERVATION)
        return STR_NONE;
    struct json id = json_key(llmonitor__parse(c->arena, row_text(r, OBSERVATION_prompt)), "id");
    return json_is_num(id) ? json_num_text(id) : json_str(id);
}

static void write_template(struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x)
{
    struct str id = llmonitor__version_of(c, r);
    int64_t number;
    const struct row *version = find_row(c, &x->versions, id);
    if (str_to_i64(id, &number) && number >= 0 && number < INT64_C(1) << 53)
        jw_kv_i64(w, "templateVersionId", number);
    else
        jw_kv_str(w, "templateVersionId", id);
    jw_kv_str(w, "templateSlug", version ? row_text(version, RECORD_name) : STR_NONE);
}

bool llmonitor__is_earlier(const struct row *a, const struct row *b)
{
    int64_t x = row_time(a, MESSAGE_time_ns), y = row_time(b, MESSAGE_time_ns);
    if (x != y)
        return x < y;
    int64_t t = row_int(a, MESSAGE_tie, 0), u = row_int(b, MESSAGE_tie, 0);
    return t != u ? t < u : str_cmp(a->id, b->id) < 0;
}

/* A thread's first message and how many it has. */
static void write_thread(struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x)
{
    size_t n;
    const struct row *const *rows = llmonitor__with_key(c, &x->messages, r->id, &n);
    const struct row *first = NULL;
    int64_t messages = 0;
    for (size_t i = 0; i < n; i++) {
        if (str_is(row_text(rows[i], MESSAGE_role), "custom-event"))
            continue;
        first = first ? first : rows[i];
        messages++;
    }
    llmonitor__write_json(
        w, c, "firstMessage", first ? row_text(first, MESSAGE_body) : row_text(r, SESSION_first_message));
    jw_kv_i64(w, "messagesCount", messages);
}

/* ---- feedback ---- */

static void write_own_feedback(struct jw *w, struct call *c, const struct row *r)
{
    jw_key(w, "feedback");
    llmonitor__write_feedback(w, c, r->scores, r->n_scores, NULL, 0);
}

static void write_parent_feedback(
    struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x)
{
    struct str parent = r->entity == OBSERVATION ? row_text(r, OBSERVATION_parent_id) : STR_NONE;
    size_t n;
    const struct row *const *scores = llmonitor__with_key(c, &x->parents, parent, &n);
    jw_key(w, "parentFeedback");
    llmonitor__write_feedback(w, c, NULL, 0, scores, n);
}

/* ---- the run ---- */

static void write_toxicity(struct jw *w)
{
    jw_kv_raw(w, "toxicity",
        STR("{\"input\":{\"isToxic\":null,\"labels\":null},\"output\":{\"isToxic\":null,\"labels\":null}}"));
}

static bool is_public(struct call *c, const struct row *r)
{
    if (r->entity != OBSERVATION)
        return false;
    return json_bool(json_key(llmonitor__parse(c->arena, row_text(r, OBSERVATION_leftovers)), "is_public"));
}

/* Of a run of another dialect that has no tags of its own, the root shows those of its trace. */
static bool shows_trace(const struct row *r)
{
    return llmonitor__is_root(r) && r->parent && r->identity != IDENTITY_TREE;
}

static void write_tags(struct jw *w, struct call *c, const struct row *r)
{
    struct str own = row_text(r, r->entity == SESSION ? SESSION_tags : OBSERVATION_tags);
    jw_kv_raw(w, "tags", !own.p && shows_trace(r) ? trace_tags(c->arena, r->parent) : own);
}

/* What a run and a thread have in different columns. */
static void write_payload(struct jw *w, struct call *c, const struct row *r, unsigned flags)
{
    if (r->entity == SESSION) {
        if (!(flags & RUN_BRIEF))
            write_io(w, c, "input", row_text(r, SESSION_first_message), flags);
        jw_kv_null(w, "output");
        jw_kv_null(w, "error");
    } else {
        fields_encode(llmonitor__fields, llmonitor__field_count, FOR_RUN, r, true, w);
        write_io(w, c, "input", row_text(r, OBSERVATION_input), flags);
        write_io(w, c, "output", row_text(r, OBSERVATION_output), flags);
        write_error(w, c, r);
    }
}

static void write_user_of(struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x)
{
    struct str user = llmonitor__user_of(r);
    if (!user.p)
        return;
    jw_key(w, "user");
    jw_obj(w);
    llmonitor__write_user(w, c, find_row(c, &x->users, user), user);
    jw_obj_end(w);
}

void llmonitor__write_run_members(
    struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x, unsigned flags)
{
    bool run = r->entity == OBSERVATION;
    struct counts n = count(c, r);
    jw_kv_str(w, "id", llmonitor__shown_id(r));
    jw_kv_str(w, "projectId", c->caller ? c->caller->project_id : STR_NONE);
    jw_kv_bool(w, "isPublic", is_public(c, r));
    if (!(flags & RUN_BRIEF)) {
        write_own_feedback(w, c, r);
        write_parent_feedback(w, c, r, x);
    }
    jw_kv_null(w, "feedbacks");
    jw_kv_str(w, "type", llmonitor__type_word(r));
    jw_kv_str(w, "name", run ? name_of(r) : STR_NONE);
    if (!run) {
        llmonitor__write_time(w, "createdAt", start_of(r) == TIME_NONE ? r->created_ns : start_of(r));
        llmonitor__write_time(w, "endedAt", end_of(r));
    }
    write_duration(w, r);
    write_template(w, c, r, x);
    llmonitor__write_cost(w, "cost", n.cost_nano_usd);
    write_tokens(w, &n);
    write_toxicity(w);
    write_tags(w, c, r);
    write_payload(w, c, r, flags);
    jw_kv_cstr(w, "status", status_of(r));
    jw_kv_str(w, "parentRunId", run ? parent_of(r) : STR_NONE);
    if (!(flags & RUN_BRIEF)) {
        const struct row *sibling = find_row(c, &x->siblings, r->sibling);
        jw_kv_str(w, "siblingRunId", sibling ? llmonitor__shown_id(sibling) : r->sibling);
        write_params(w, c, run ? row_text(r, OBSERVATION_params) : STR_NONE);
    }
    write_metadata(w, c, row_text(r, run ? OBSERVATION_metadata : SESSION_metadata));
    write_user_of(w, c, r, x);
    if (run && !str_eq(r->id, r->scope))
        jw_kv_str(w, "traceId", r->scope);
    llmonitor__write_scores(w, c, r, x);
    if (!run)
        write_thread(w, c, r, x);
}

void llmonitor__write_run(
    struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x, unsigned flags)
{
    jw_obj(w);
    llmonitor__write_run_members(w, c, r, x, flags);
    jw_obj_end(w);
}

void llmonitor__write_related(struct jw *w, struct call *c, const struct row *r)
{
    bool run = r->entity == OBSERVATION;
    struct counts n = count(c, r);
    jw_obj(w);
    llmonitor__write_time(w, "createdAt", start_of(r));
    write_tags(w, c, r);
    jw_kv_str(w, "projectId", c->caller ? c->caller->project_id : STR_NONE);
    jw_kv_str(w, "id", llmonitor__shown_id(r));
    jw_kv_cstr(w, "status", status_of(r));
    jw_kv_str(w, "name", run ? name_of(r) : STR_NONE);
    llmonitor__write_time(w, "endedAt", end_of(r));
    if (run)
        write_error(w, c, r);
    else
        jw_kv_null(w, "error");
    llmonitor__write_json(w, c, "input", row_text(r, run ? OBSERVATION_input : SESSION_first_message));
    llmonitor__write_json(w, c, "output", run ? row_text(r, OBSERVATION_output) : STR_NONE);
    llmonitor__write_json(w, c, "params", run ? row_text(r, OBSERVATION_params) : STR_NONE);
    jw_kv_str(w, "type", llmonitor__type_word(r));
    jw_kv_str(w, "parentRunId", run ? parent_of(r) : STR_NONE);
    write_count(w, "completionTokens", n.completion_known, n.usage.output_all);
    write_count(w, "promptTokens", n.prompt_known, n.usage.input_all);
    llmonitor__write_cost(w, "cost", n.cost_nano_usd < 0 ? 0 : n.cost_nano_usd);
    write_own_feedback(w, c, r);
    write_metadata(w, c, row_text(r, run ? OBSERVATION_metadata : SESSION_metadata));
    jw_obj_end(w);
}
