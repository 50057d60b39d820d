/*
 * A span as LangWatch shows it (langwatch.md 6, 10): its own come back as they were sent, those of other dialects in LangWatch's words.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

static const char *const hint_words[] = { NULL, "text", "raw", "json", "chat_messages", "list",
    "guardrail_result", "evaluation_result" };

/* ---- typed values --------------------------------------------------------------------------------------------------- */

/* Objects with a role, one or more: a conversation. */
static bool is_conversation(struct json v)
{
    struct json item;
    if (!json_is_arr(v) || json_size(v) == 0)
        return false;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item);)
        if (!json_is_str(json_key(item, "role")))
            return false;
    return true;
}

static const char *type_of_value(struct arena *a, const struct value *v)
{
    if (v->hint > HINT_NONE && v->hint < sizeof hint_words / sizeof *hint_words)
        return hint_words[v->hint];
    if (v->s.n > 0 && v->s.p[0] == '"')
        return "text";
    if (v->s.n > 0 && v->s.p[0] == '[' && is_conversation(langwatch__parsed(a, v->s)))
        return "chat_messages";
    return "json";
}

static void write_typed(struct jw *w, struct arena *a, const char *key, const struct value *v)
{
    if (v->kind != V_JSON) {
        jw_kv_null(w, key);
        return;
    }
    jw_key(w, key);
    jw_obj(w);
    jw_kv_cstr(w, "type", type_of_value(a, v));
    jw_kv_raw(w, "value", v->s);
    jw_obj_end(w);
}

/* ---- error ---------------------------------------------------------------------------------------------------------- */

/* Where dialects keep a stack trace: LangWatch's own list, LLMonitor's text, the exception event of OpenTelemetry. */
static struct json stacktrace_of(struct json leftovers)
{
    struct json event, found = json_key(leftovers, "stacktrace");
    if (!json_is_set(found))
        found = json_key(leftovers, "stack");
    for (struct json_iter it = json_iter(json_key(leftovers, "events"));
         !json_is_set(found) && json_next(&it, NULL, &event);)
        if (str_is(json_str(json_key(event, "name")), "exception"))
            found = json_key(json_key(event, "attributes"), "exception.stacktrace");
    return found;
}

void langwatch__write_error(
    struct jw *w, const char *key, struct arena *a, struct str message, struct str leftovers)
{
    struct json stacktrace = stacktrace_of(langwatch__parsed(a, leftovers)), line;
    jw_key(w, key);
    jw_obj(w);
    jw_kv_bool(w, "has_error", true);
    jw_kv_str(w, "message", message);
    jw_key(w, "stacktrace");
    jw_arr(w);
    if (json_is_str(stacktrace))
        jw_value(w, stacktrace);
    for (struct json_iter it = json_iter(stacktrace); json_is_arr(stacktrace) && json_next(&it, NULL, &line);)
        if (json_is_str(line))
            jw_value(w, line);
    jw_arr_end(w);
    jw_obj_end(w);
}

struct str langwatch__exception_message(struct arena *a, const struct row *o)
{
    struct json event;
    struct json events = json_key(langwatch__parsed(a, row_text(o, OBSERVATION_leftovers)), "events");
    struct str newest = STR_NONE;
    for (struct json_iter it = json_iter(events); json_is_arr(events) && json_next(&it, NULL, &event);)
        if (str_is(json_str(json_key(event, "name")), "exception")) {
            struct str message = json_str(json_key(json_key(event, "attributes"), "exception.message"));
            newest = message.n ? message : STR("Unknown error");
        }
    return newest;
}

static void write_span_error(struct jw *w, struct arena *a, const struct row *o)
{
    struct str exception = langwatch__exception_message(a, o),
               status = row_text(o, OBSERVATION_status_message);
    struct str message = exception.p ? exception : status;
    if (row_int(o, OBSERVATION_level, LEVEL_DEFAULT) != LEVEL_ERROR && !exception.p)
        jw_kv_null(w, "error");
    else
        langwatch__write_error(
            w, "error", a, message.n ? message : STR("Unknown error"), row_text(o, OBSERVATION_leftovers));
}

/* ---- times and metrics ---------------------------------------------------------------------------------------------- */

static void write_ms(struct jw *w, const char *key, int64_t ns)
{
    if (ns == TIME_NONE)
        jw_kv_null(w, key);
    else
        jw_kv_i64(w, key, time_ms(ns));
}

static void write_span_times(struct jw *w, const struct row *o)
{
    jw_key(w, "timestamps");
    jw_obj(w);
    write_ms(w, "started_at", row_time(o, OBSERVATION_start_ns));
    write_ms(w, "first_token_at", row_time(o, OBSERVATION_first_token_ns));
    write_ms(w, "finished_at", row_time(o, OBSERVATION_end_ns));
    jw_obj_end(w);
}

/* A sent cost as it was sent, else what the price table makes of the counts. */
static void write_cost(struct jw *w, struct arena *a, const struct row *o, const struct usage_final *u)
{
    bool computed;
    struct str sent = json_num_text(json_key(langwatch__parsed(a, row_text(o, OBSERVATION_cost)), "total"));
    int64_t nano = sent.p ? 0 : derive_cost(a, o, u, price_default(), &computed);
    if (sent.p)
        jw_kv_raw(w, "cost", sent);
    else if (nano > 0)
        jw_kv_f64(w, "cost", (double)nano / 1e9);
}

struct metric {
    const char *name, *usage;
    int64_t count;
};

/* Counts under LangWatch's names: as sent where it sent them (a completion holds its reasoning), else from the final usage. */
static void write_metrics(struct jw *w, struct arena *a, const struct row *o)
{
    struct usage_final u;
    struct json sent = langwatch__parsed(a, row_text(o, OBSERVATION_usage));
    derive_usage(a, o, &u);
    const struct metric metrics[] = {
        { "prompt_tokens", "input", u.input },
        { "completion_tokens", "output", u.output },
        { "reasoning_tokens", "output_reasoning_tokens", u.reasoning },
        { "cache_read_input_tokens", "input_cached_tokens", u.cached },
        { "cache_creation_input_tokens", "input_cache_creation", u.cache_creation },
    };
    struct buf out;
    buf_init(&out, 0);
    struct jw m = jw_of(&out);
    jw_obj(&m);
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        if (metrics[i].count > 0 || json_is_num(json_key(sent, metrics[i].usage)))
            jw_kv_i64(&m, metrics[i].name, metrics[i].count);
    if (json_type(json_key(sent, "estimated")) == JSON_BOOL)
        jw_kv_bool(&m, "tokens_estimated", json_bool(json_key(sent, "estimated")));
    write_cost(&m, a, o, &u);
    jw_obj_end(&m);
    if (out.n > 2)
        jw_kv_raw(w, "metrics", buf_str(&out));
    else
        jw_kv_null(w, "metrics");
    buf_fini(&out);
}

/* ---- params --------------------------------------------------------------------------------------------------------- */

/* Dotted keys as nested objects: {"a.b": 1, "a.c": 2} is {"a": {"b": 1, "c": 2}}. Keys with one prefix must stand together, so they are
 * gathered; a key that is a value and an object at once keeps its dots. */
struct unfolding {
    struct jw *w;
    const struct str *keys;
    const struct json *values;
    bool *done;
    size_t n;
};
#define UNFOLD_DEPTH_MAX 16

static bool has_below(const struct unfolding *u, struct str prefix)
{
    for (size_t i = 0; i < u->n; i++)
        if (u->keys[i].n > prefix.n && u->keys[i].p[prefix.n] == '.' && str_starts(u->keys[i], prefix))
            return true;
    return false;
}

static bool has_exactly(const struct unfolding *u, struct str key)
{
    for (size_t i = 0; i < u->n; i++)
        if (str_eq(u->keys[i], key))
            return true;
    return false;
}

static void unfold(struct unfolding *u, size_t skip, struct str prefix, unsigned depth)
{
    for (size_t i = 0; i < u->n; i++) {
        struct str key = u->keys[i];
        if (u->done[i] || key.n < skip || !str_starts(key, prefix))
            continue;
        struct str rest = str_sub(key, skip, SIZE_MAX);
        size_t dot = str_find_char(rest, '.');
        struct str head = dot == SIZE_MAX ? key : str_sub(key, 0, skip + dot);
        bool nests = dot != SIZE_MAX && dot > 0 && depth < UNFOLD_DEPTH_MAX && !has_exactly(u, head) &&
                     has_below(u, head);
        jw_key_str(u->w, nests ? str_sub(rest, 0, dot) : rest);
        if (nests) {
            jw_obj(u->w);
            unfold(u, skip + dot + 1, str_sub(key, 0, skip + dot + 1), depth + 1);
            jw_obj_end(u->w);
        } else {
            jw_value(u->w, u->values[i]);
            u->done[i] = true;
        }
    }
}

#define UNFOLD_MAX 500

/* An OpenTelemetry span, and the places its attributes lie in (dialect/otlp/README.md). Its input and output are shown as such. */
struct attributes {
    struct json taken, left; /* by rules, by none: in the metadata */
    bool any;
};

static struct attributes attributes_of(struct json leftovers, struct json metadata, const struct row *o)
{
    struct attributes at = { json_key(leftovers, "attributes"), JSON_NONE, false };
    at.any = json_is_obj(at.taken) || (row_families(o) & FAMILY_OTLP);
    if (at.any && !json_bool(json_key(leftovers, "apart")))
        at.left = json_key(metadata, "attributes");
    return at;
}

/* One whose first part is the name of a parameter is left to that; of the metadata's own, to those. */
static void write_attributes(
    struct jw *w, struct arena *a, const struct attributes *at, struct json params, bool shows_metadata)
{
    const struct json lists[] = { at->taken, at->left };
    size_t n = 0, most = json_size(at->taken) + json_size(at->left);
    struct str *keys = arena_array(a, most + 1, sizeof *keys), key;
    struct json *values = arena_array(a, most + 1, sizeof *values), value;
    for (size_t i = 0; i < 2; i++)
        for (struct json_iter it = json_iter(lists[i]);
             json_is_obj(lists[i]) && json_next(&it, &key, &value);) {
            struct str head = str_sub(key, 0, str_find_char(key, '.'));
            if (json_type(json_get(params, head)) != JSON_ABSENT ||
                (shows_metadata && str_is(head, "metadata")))
                continue;
            keys[n] = key;
            values[n++] = value;
        }
    struct unfolding u = { w, keys, values, arena_alloc(a, n + 1), n };
    /* Looking for prefixes takes the square of n. */
    unfold(&u, 0, STR(""), n <= UNFOLD_MAX ? 0 : UNFOLD_DEPTH_MAX);
}

static void write_metadata(struct jw *w, struct json metadata, const struct attributes *at)
{
    struct str key;
    struct json value;
    jw_key(w, "metadata");
    jw_obj(w);
    for (struct json_iter it = json_iter(metadata); json_next(&it, &key, &value);)
        if (!json_is_obj(at->left) || !str_is(key, "attributes")) {
            jw_key_str(w, key);
            jw_value(w, value);
        }
    jw_obj_end(w);
}

/* Parameters; of OpenTelemetry spans the attributes too; of dialects whose steps have metadata, that. */
static void write_params(struct jw *w, struct arena *a, const struct row *o)
{
    struct json params = langwatch__parsed(a, row_text(o, OBSERVATION_params)), value;
    struct json leftovers = langwatch__parsed(a, row_text(o, OBSERVATION_leftovers));
    struct json metadata = langwatch__parsed(a, row_text(o, OBSERVATION_metadata));
    struct attributes at = attributes_of(leftovers, metadata, o);
    bool shows_metadata = json_is_obj(metadata) && !json_is_set(json_key(params, "metadata")) &&
                          json_size(metadata) > (json_is_obj(at.left) ? 1 : 0);
    struct str key;
    jw_key(w, "params");
    jw_obj(w);
    for (struct json_iter it = json_iter(params); json_is_obj(params) && json_next(&it, &key, &value);) {
        jw_key_str(w, key);
        jw_value(w, value);
    }
    if (at.any)
        write_attributes(w, a, &at, params, shows_metadata);
    if (shows_metadata)
        write_metadata(w, metadata, &at);
    jw_obj_end(w);
}

/* ---- contexts and the whole ----------------------------------------------------------------------------------------- */

static void write_context(struct jw *w, struct json document)
{
    struct json content = json_key(document, "content"), id = json_key(document, "id");
    if (!json_is_set(id)) /* as LangWatch's SDKs have it on OpenTelemetry spans */
        id = json_key(document, "document_id");
    if (!json_is_obj(document))
        content = document;
    jw_obj(w);
    jw_kv_str_opt(w, "document_id", json_is_str(id) ? json_str(id) : json_num_text(id));
    jw_kv_str_opt(w, "chunk_id", json_str(json_key(document, "chunk_id")));
    jw_key(w, "content");
    if (json_is_set(content))
        jw_value(w, content);
    else
        jw_cstr(w, "");
    jw_obj_end(w);
}

void langwatch__write_contexts(struct jw *w, struct arena *a, const struct row *o)
{
    struct json documents = langwatch__parsed(a, row_text(o, OBSERVATION_documents)), document;
    if (!json_is_arr(documents))
        return;
    jw_key(w, "contexts");
    jw_arr(w);
    for (struct json_iter it = json_iter(documents); json_next(&it, NULL, &document);)
        write_context(w, document);
    jw_arr_end(w);
}

void langwatch__write_span(struct jw *w, struct arena *a, const struct row *o)
{
    jw_obj(w);
    jw_kv_str(w, "span_id", o->id);
    jw_kv_str(w, "trace_id", o->scope);
    jw_kv_str(w, "type", langwatch__type_word(o));
    fields_encode(langwatch__fields, langwatch__n_fields, KIND_SPAN, o, true, w);
    fields_encode(langwatch__fields, langwatch__n_fields, KIND_MODEL, o, false, w);
    write_typed(w, a, "input", &o->cols[OBSERVATION_input]);
    write_typed(w, a, "output", &o->cols[OBSERVATION_output]);
    write_span_error(w, a, o);
    write_span_times(w, o);
    write_metrics(w, a, o);
    write_params(w, a, o);
    langwatch__write_contexts(w, a, o);
    jw_obj_end(w);
}
