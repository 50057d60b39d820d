/*
 * Log records that carry GenAI content (otlp.md 1.8). A row of the table there is a function here. All they say is a hint: it shows where
 * the span itself, or what is said of the trace, says nothing. What needs several records, the messages of one call, becomes records that
 * the store puts together.
 */
#include "dialect/otlp/map_priv.h"

#include "base/hash.h"
#include "model/derive.h"

/* ---- a log record as a span without a name ------------------------------------------------------------------------------ */

/* The record's attributes take the same steps as a span's: x->span is a span that has nothing else. It has a parent, so that it is no root
 * and says of its trace only what hints may. */
struct record {
    struct otlp_span span;
    struct mapping x;
};

static void open_record(struct record *r, struct otlp_mapper *m, const struct otlp_log *l)
{
    r->span = (struct otlp_span){ .resource = l->resource,
        .scope = l->scope,
        .trace_id = l->trace_id,
        .span_id = l->span_id,
        .parent_id = STR(""),
        .start_ns = l->time_ns,
        .end_ns = TIME_NONE,
        .attributes = l->attributes,
        .index = l->index };
    otlp__open(&r->x, m, &r->span);
}

static struct event *new_event(
    struct otlp_mapper *m, const struct otlp_log *l, enum profile p, struct str scope, struct str id)
{
    struct event *e = event_new(m->batch, p, m->project, scope, id, l->time_ns);
    e->wire_index = l->index;
    return e;
}

static struct event *observation_of(struct otlp_mapper *m, const struct otlp_log *l)
{
    struct event *e = new_event(m, l, PROFILE_OTLP_LOG, l->trace_id, l->span_id);
    event_set_as(e, OBSERVATION_start_ns, value_int(l->time_ns), RANK_HINT, FIRST, MODE_REPLACE);
    return e;
}

static bool has_span(const struct otlp_log *l)
{
    return str_is_id(l->span_id);
}

/* ---- the call as a whole: gen_ai.client.inference.operation.details ----------------------------------------------------- */

static bool map_details(struct otlp_mapper *m, const struct otlp_log *l)
{
    struct record r;
    if (!has_span(l))
        return false;
    open_record(&r, m, l);
    r.x.event = observation_of(m, l);
    otlp__map_type(&r.x);
    otlp__map_tools(&r.x);
    otlp__map_io(&r.x);
    otlp__map_model(&r.x);
    otlp__map_usage(&r.x);
    otlp__map_cost(&r.x);
    otlp__map_prompt(&r.x);
    otlp__map_trace(&r.x);
    otlp__close(&r.x);
    return true;
}

/* ---- gen_ai.evaluation.result ------------------------------------------------------------------------------------------- */

static bool map_result(struct otlp_mapper *m, const struct otlp_log *l)
{
    struct record r;
    struct otlp_event e = { l->event_name, l->time_ns, l->attributes };
    size_t before = m->batch->n_events;
    open_record(&r, m, l);
    otlp__add_result(&r.x, &e);
    otlp__close(&r.x);
    return m->batch->n_events > before;
}

/* ---- one message, one choice -------------------------------------------------------------------------------------------- */

/* Keys of a record's attributes that are no part of the message. */
static const char *const about_record[] = { "event.name", "event.domain", "gen_ai.system",
    "gen_ai.provider.name", NULL };

static void write_text(const struct record *r, struct jw *w, struct json v)
{
    struct any text = { ANY_TEXT, { .s = json_str(v) } };
    if (json_is_str(v))
        otlp__write_any(&r->x, w, &text, true);
    else
        jw_value(w, v);
}

/* The members of the body, those that are JSON text parsed (2.2 rule 3); a body that is no object is the content. */
static void write_body(const struct record *r, struct jw *w, const struct otlp_log *l, bool *has_role)
{
    struct str key;
    struct json body = otlp__parse(&r->x, &l->body), v;
    if (!json_is_obj(body)) {
        jw_key(w, "content");
        otlp__write_any(&r->x, w, &l->body, true);
        return;
    }
    for (struct json_iter it = json_iter(body); json_next(&it, &key, &v);) {
        *has_role |= str_is(key, "role") && json_str(v).n > 0;
        jw_key_str(w, key);
        write_text(r, w, v);
    }
}

/* Early emitters put the message into attributes. */
static void write_attributes(const struct record *r, struct jw *w, const struct otlp_log *l, bool *has_role)
{
    for (size_t i = 0; i < l->attributes.n; i++) {
        const struct otlp_attribute *at = &l->attributes.items[i];
        if (r->x.use[i] == USE_SHADOWED || otlp__is_one_of(at->key, about_record))
            continue;
        *has_role |= str_is(at->key, "role") && otlp__is_present(&at->value);
        jw_key_str(w, at->key);
        otlp__write_any(&r->x, w, &at->value, true);
    }
}

/* `role`: what the event's name says, when the message does not; absent for a choice, which holds its message. */
static struct str message_of(struct record *r, const struct otlp_log *l, struct str role)
{
    bool has_role = false;
    struct jw w = otlp__begin(&r->x);
    if (otlp__is_present(&l->body))
        write_body(r, &w, l, &has_role);
    else
        write_attributes(r, &w, l, &has_role);
    if (role.p && !has_role)
        jw_kv_str(&w, "role", role);
    return otlp__end(&r->x, &w);
}

/* A repeat has the id of the first. */
static struct str message_id(struct otlp_mapper *m, const struct otlp_log *l, struct str message)
{
    uint8_t sha[32];
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%.*s\n%.*s\n%lld\n%.*s\n", STR_ARG(l->trace_id), STR_ARG(l->span_id),
        (long long)l->time_ns, STR_ARG(l->event_name));
    buf_add_str(&b, message);
    hash_sha256(buf_str(&b), sha);
    buf_fini(&b);
    return hex_encode(m->batch->arena, sha, 16);
}

static bool add_message(struct otlp_mapper *m, const struct otlp_log *l, struct str role)
{
    struct record r;
    if (!has_span(l))
        return false;
    open_record(&r, m, l);
    struct str message = message_of(&r, l, role);
    otlp__close(&r.x);
    if (!message.p)
        return false;
    struct event *e = new_event(m, l, PROFILE_OTLP_LOG_MESSAGE, STR(LOG_MESSAGE), message_id(m, l, message));
    event_set_text(e, RECORD_name, l->event_name);
    event_set_text(e, RECORD_parent_id, l->span_id);
    event_set_text(e, RECORD_trace_id, l->trace_id);
    event_set_int(e, RECORD_time_ns, l->time_ns);
    event_set_int(e, RECORD_seq, l->index);
    event_set_text(e, RECORD_status, role.p ? STR(MESSAGE_INPUT) : STR(MESSAGE_OUTPUT));
    event_set_json(e, RECORD_body, message);
    return true;
}

static bool map_choice(struct otlp_mapper *m, const struct otlp_log *l)
{
    return add_message(m, l, STR_NONE);
}

/* gen_ai.<role>.message; gen.ai.<role>_message */
static bool map_message(struct otlp_mapper *m, const struct otlp_log *l)
{
    struct str role = str_sub(l->event_name, sizeof "gen_ai." - 1, SIZE_MAX);
    return add_message(m, l, str_sub(role, 0, role.n - (sizeof ".message" - 1)));
}

/* ---- what is said of the trace ------------------------------------------------------------------------------------------ */

static struct event *trace_of(struct otlp_mapper *m, const struct otlp_log *l)
{
    return new_event(m, l, PROFILE_OTLP_LOG_TRACE, STR_NONE, l->trace_id);
}

/* The first prompt is the input, the last answer the output. */
static void set_input(struct event *e, struct str json)
{
    event_set_as(e, TRACE_input, value_json(json), RANK_HINT, FIRST, MODE_REPLACE);
}

static void set_session(struct event *e, struct str id)
{
    if (str_is_id(id))
        event_set_text(e, TRACE_session_id, id);
}

/* Spring AI: one line that says what follows. */
static struct str after_line(struct str text, const char *line)
{
    size_t end = str_find_char(text, '\n');
    if (end == SIZE_MAX || !str_is(str_trim(str_sub(text, 0, end)), line))
        return STR_NONE;
    return str_sub(text, end + 1, SIZE_MAX);
}

static struct str quoted(struct otlp_mapper *m, struct str text)
{
    struct buf b;
    buf_init(&b, 0);
    json_quote(&b, text);
    struct str s = arena_dup(m->batch->arena, buf_str(&b));
    buf_fini(&b);
    return s;
}

static bool map_spring(struct otlp_mapper *m, const struct otlp_log *l)
{
    bool prompt = str_ends(l->scope->name, STR("PromptContentObservationHandler"));
    struct str text = l->body.kind != ANY_TEXT ? STR_NONE
                      : prompt                 ? after_line(l->body.s, "Chat Model Prompt Content:")
                                               : after_line(l->body.s, "Chat Model Completion:");
    if (!text.p)
        return false;
    struct event *e = trace_of(m, l);
    if (prompt)
        set_input(e, quoted(m, text));
    else
        event_set_json(e, TRACE_output, quoted(m, text));
    return true;
}

static struct str attribute_payload(const struct record *r, enum attribute_slot slot)
{
    return otlp__has(&r->x, slot) ? otlp__payload(&r->x, otlp__get(&r->x, slot)) : STR_NONE;
}

/* Claude Code: user_prompt, assistant_response, api_response_body. */
static bool map_claude_code(struct otlp_mapper *m, const struct otlp_log *l)
{
    struct record r;
    struct str name = l->event_name, prefix = STR("claude_code.");
    struct str input = STR_NONE, output = STR_NONE;
    if (str_starts(name, prefix))
        name = str_sub(name, prefix.n, SIZE_MAX);
    open_record(&r, m, l);
    if (str_is(name, "user_prompt"))
        input = attribute_payload(&r, ATTR_prompt);
    else if (str_is(name, "assistant_response"))
        output = attribute_payload(&r, ATTR_response);
    else if (str_is(name, "api_response_body"))
        output = attribute_payload(&r, ATTR_body);
    struct str session = otlp__slot_text(&r.x, ATTR_session_id);
    otlp__close(&r.x);
    if (!input.p && !output.p)
        return false;
    struct event *e = trace_of(m, l);
    set_input(e, input);
    event_set_json(e, TRACE_output, output);
    set_session(e, session);
    return true;
}

/* The counts of Codex are inclusive: what was cached was input too. */
static struct str codex_usage(struct record *r)
{
    int64_t input = -1, output = -1, cached = 0;
    bool has_input = otlp__count(otlp__get(&r->x, ATTR_input_token_count), &input);
    bool has_output = otlp__count(otlp__get(&r->x, ATTR_output_token_count), &output);
    bool has_cached = otlp__count(otlp__get(&r->x, ATTR_cached_token_count), &cached);
    struct jw w = otlp__begin(&r->x);
    if (has_input)
        jw_kv_i64(&w, "input", has_cached && cached < input ? input - cached : has_cached ? 0 : input);
    if (has_output)
        jw_kv_i64(&w, "output", output);
    if (has_cached)
        jw_kv_i64(&w, "input_cached_tokens", cached);
    return otlp__end(&r->x, &w);
}

static bool map_codex_usage(struct otlp_mapper *m, const struct otlp_log *l)
{
    struct record r;
    open_record(&r, m, l);
    struct str usage = codex_usage(&r), model = otlp__slot_text(&r.x, ATTR_model);
    struct str session = otlp__slot_text(&r.x, ATTR_conversation_id);
    otlp__close(&r.x);
    if (has_span(l) && usage.p) {
        struct event *e = observation_of(m, l);
        event_set_int(e, OBSERVATION_type, OBS_GENERATION);
        event_set_text(e, OBSERVATION_model, model);
        event_set_json(e, OBSERVATION_usage, usage);
    }
    if (str_is_id(session))
        set_session(trace_of(m, l), session);
    return (has_span(l) && usage.p) || str_is_id(session);
}

static bool map_codex_prompt(struct otlp_mapper *m, const struct otlp_log *l)
{
    struct record r;
    open_record(&r, m, l);
    struct str input = attribute_payload(&r, ATTR_prompt);
    struct str session = otlp__slot_text(&r.x, ATTR_conversation_id);
    otlp__close(&r.x);
    if (!input.p && !str_is_id(session))
        return false;
    struct event *e = trace_of(m, l);
    set_input(e, input);
    set_session(e, session);
    return true;
}

/* ---- the table ---------------------------------------------------------------------------------------------------------- */

/* By the record's name, or by its scope. */
static const struct {
    const char *name, *scope;
    bool (*map)(struct otlp_mapper *m, const struct otlp_log *l);
} rows[] = {
    { "gen_ai.system.message", NULL, map_message },
    { "gen_ai.user.message", NULL, map_message },
    { "gen_ai.assistant.message", NULL, map_message },
    { "gen_ai.tool.message", NULL, map_message },
    { "gen_ai.choice", NULL, map_choice },
    /* The same as LangWatch's TypeScript SDK names them (its logger's emitGenAI...(); seen in 0.16.1). */
    { "gen.ai.system_message", NULL, map_message },
    { "gen.ai.user_message", NULL, map_message },
    { "gen.ai.assistant_message", NULL, map_message },
    { "gen.ai.tool_message", NULL, map_message },
    { "gen.ai.choice", NULL, map_choice },
    { "gen_ai.client.inference.operation.details", NULL, map_details },
    { "gen_ai.evaluation.result", NULL, map_result },
    { NULL, "org.springframework.ai.chat.observation.ChatModelPromptContentObservationHandler", map_spring },
    { NULL, "org.springframework.ai.chat.observation.ChatModelCompletionObservationHandler", map_spring },
    { NULL, "com.anthropic.claude_code.events", map_claude_code },
    { "codex.user_prompt", NULL, map_codex_prompt },
    { "codex.sse_event", NULL, map_codex_usage },
};

bool otlp_map_log(struct otlp_mapper *m, const struct otlp_log *l)
{
    if (!str_is_id(l->trace_id))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].name ? str_is(l->event_name, rows[i].name) : str_is(l->scope->name, rows[i].scope))
            return rows[i].map(m, l);
    return false;
}
