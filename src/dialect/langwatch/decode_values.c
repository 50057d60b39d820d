/*
 * Typed values, errors, documents and times: the pieces that collector bodies are made of (langwatch.md 3.4, 3.6).
 *
 * {"type": T, "value": V} is stored as V with T as its hint, so that another dialect sees plain JSON and LangWatch its own label.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

#include "base/hash.h"

/* In the order of enum type_hint, which starts with HINT_NONE. */
static const char *const value_types[] = { "text", "raw", "json", "chat_messages", "list", "guardrail_result",
    "evaluation_result", NULL };
static const char *const result_statuses[] = { "processed", "skipped", "error", NULL };

/* ---- typed values --------------------------------------------------------------------------------------------------- */

static void check_messages(struct issues *is, const struct at *at, struct json v)
{
    struct json item;
    size_t i = 0;
    if (!langwatch__is_array(is, at, v, false))
        return;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item); i++)
        langwatch__is_object(is, AT_INDEX(at, i), item, false);
}

static void check_result(struct issues *is, const struct at *at, struct json v)
{
    if (!langwatch__is_object(is, at, v, false))
        return;
    struct json status = json_key(v, "status"), cost = json_key(v, "cost");
    if (langwatch__word(result_statuses, json_str(status)) < 0)
        langwatch__issue_enum(is, AT(at, "status"), result_statuses, status);
    langwatch__is_boolean(is, AT(at, "passed"), json_key(v, "passed"), true);
    langwatch__is_number(is, AT(at, "score"), json_key(v, "score"), true);
    langwatch__is_text(is, AT(at, "label"), json_key(v, "label"), true);
    langwatch__is_text(is, AT(at, "details"), json_key(v, "details"), true);
    if (!langwatch__is_object(is, AT(at, "cost"), cost, true))
        return;
    langwatch__is_text(is, AT(AT(at, "cost"), "currency"), json_key(cost, "currency"), false);
    langwatch__is_number(is, AT(AT(at, "cost"), "amount"), json_key(cost, "amount"), false);
}

static bool is_typed(struct json v)
{
    return json_is_obj(v) && langwatch__word(value_types, json_str(json_key(v, "type"))) >= 0 &&
           json_type(json_key(v, "value")) != JSON_ABSENT;
}

static enum type_hint check_value(struct issues *is, const struct at *at, enum type_hint hint, struct json v);

/* A list of typed values stays a list; one with a plain item is JSON. */
static enum type_hint check_list(struct issues *is, const struct at *at, struct json v)
{
    struct json item;
    enum type_hint hint = HINT_LIST;
    size_t i = 0;
    if (!langwatch__is_array(is, at, v, false))
        return hint;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item); i++) {
        if (!is_typed(item)) {
            hint = HINT_JSON;
            continue;
        }
        enum type_hint inner =
            (enum type_hint)(1 + langwatch__word(value_types, json_str(json_key(item, "type"))));
        check_value(is, AT(AT_INDEX(at, i), "value"), inner, json_key(item, "value"));
    }
    return hint;
}

/* Is v a V of this T? Returns the T it is stored under. */
static enum type_hint check_value(struct issues *is, const struct at *at, enum type_hint hint, struct json v)
{
    switch (hint) {
    case HINT_TEXT: langwatch__is_text(is, at, v, false); break;
    case HINT_RAW:
        if (json_type(v) == JSON_ABSENT)
            langwatch__issue_type(is, at, "string", v);
        return json_is_str(v) ? HINT_RAW : HINT_JSON;
    case HINT_JSON:
        if (json_type(v) == JSON_ABSENT)
            langwatch__issue_type(is, at, "object", v);
        break;
    case HINT_CHAT_MESSAGES: check_messages(is, at, v); break;
    case HINT_LIST: return check_list(is, at, v);
    case HINT_GUARDRAIL_RESULT:
    case HINT_EVALUATION_RESULT: check_result(is, at, v); break;
    case HINT_NONE: break;
    }
    return hint;
}

/* An empty value fills a column that holds nothing, and replaces nothing. */
static bool is_empty(struct json v)
{
    switch (json_type(v)) {
    case JSON_STR: return json_str(v).n == 0;
    case JSON_ARR:
    case JSON_OBJ: return json_size(v) == 0;
    case JSON_NULL:
    case JSON_ABSENT: return true;
    default: return false;
    }
}

bool langwatch__typed_value(
    struct issues *is, const struct at *at, struct json v, struct value *out, bool *empty)
{
    size_t before = is->n;
    if (!langwatch__is_object(is, at, v, false))
        return false;
    struct json type = json_key(v, "type"), value = json_key(v, "value");
    int word = langwatch__word(value_types, json_str(type));
    if (word < 0) {
        langwatch__issue_enum(is, AT(at, "type"), value_types, type);
        return false;
    }
    enum type_hint hint = check_value(is, AT(at, "value"), (enum type_hint)(word + 1), value);
    if (is->n > before)
        return false;
    *out = value_json(json_text(is->arena, value));
    out->hint = (uint8_t)hint;
    *empty = is_empty(value);
    return true;
}

bool langwatch__outputs(
    struct issues *is, const struct at *at, struct json outputs, struct value *out, bool *empty)
{
    size_t before = is->n;
    if (!langwatch__is_array(is, at, outputs, true) || json_size(outputs) == 0)
        return false;
    if (json_size(outputs) == 1) {
        struct json only = json_at(outputs, 0);
        return json_is_set(only) && langwatch__typed_value(is, AT_INDEX(at, 0), only, out, empty);
    }
    enum type_hint hint = check_list(is, at, outputs);
    if (is->n > before)
        return false;
    *out = value_json(json_text(is->arena, outputs));
    out->hint = (uint8_t)hint;
    *empty = false;
    return true;
}

bool langwatch__is_error(struct issues *is, const struct at *at, struct json v)
{
    size_t before = is->n;
    if (!langwatch__is_object(is, at, v, true))
        return false;
    langwatch__is_text(is, AT(at, "message"), json_key(v, "message"), false);
    langwatch__is_texts(is, AT(at, "stacktrace"), json_key(v, "stacktrace"), true);
    return is->n == before;
}

/* ---- documents ------------------------------------------------------------------------------------------------------ */

/* JSON in strings in JSON ... is read this deep. */
#define TEXT_DEPTH_MAX 32

static void add_text(struct arena *a, struct json v, unsigned depth, struct buf *out);

static void add_texts(struct arena *a, struct json v, unsigned depth, struct buf *out)
{
    struct json item;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item);) {
        size_t before = out->n;
        if (before > 0)
            buf_add_char(out, '\n');
        size_t start = out->n;
        add_text(a, item, depth + 1, out);
        if (out->n == start)
            out->n = before;
    }
}

/* The text a document id is made of: strings trimmed, JSON in a string read first, arrays a line an item, the rest as JSON. */
static void add_text(struct arena *a, struct json v, unsigned depth, struct buf *out)
{
    struct json inner;
    if (!json_is_set(v))
        return;
    if (json_is_arr(v) && depth < TEXT_DEPTH_MAX) {
        add_texts(a, v, depth, out);
        return;
    }
    if (!json_is_str(v)) {
        buf_add_str(out, json_text(a, v));
        return;
    }
    struct str s = str_trim(json_str(v));
    bool may_be_json = depth < TEXT_DEPTH_MAX && s.n > 1 && (s.p[0] == '"' || s.p[0] == '[' || s.p[0] == '{');
    if (may_be_json && json_parse(a, s, 0, &inner, NULL) == ST_OK)
        add_text(a, inner, depth + 1, out);
    else
        buf_add_str(out, s);
}

static struct str document_id(struct arena *a, struct json content)
{
    struct buf text;
    uint8_t md5[16];
    struct str id = STR_NONE;
    buf_init(&text, 0);
    add_text(a, content, 0, &text);
    if (text.n > 0) {
        hash_md5(buf_str(&text), md5);
        id = hex_encode(a, md5, sizeof md5);
    }
    buf_fini(&text);
    return id;
}

static bool names_documents(struct json contexts)
{
    struct json item;
    for (struct json_iter it = json_iter(contexts); json_next(&it, NULL, &item);)
        if (json_type(json_key(item, "document_id")) != JSON_ABSENT)
            return true;
    return false;
}

/* A number is spelled out; null is absent. */
static struct str context_id(struct issues *is, const struct at *at, struct json v)
{
    if (json_is_num(v))
        return json_num_text(v);
    langwatch__is_text(is, at, v, true);
    return json_str(v);
}

static void write_document(
    struct jw *w, struct arena *a, struct str id, struct str chunk_id, struct json content)
{
    jw_obj(w);
    jw_kv_str_opt(w, "id", id);
    jw_kv_str_opt(w, "chunk_id", chunk_id);
    jw_kv_str(w, "content", json_is_str(content) ? json_str(content) : json_text(a, content));
    jw_obj_end(w);
}

/* Contexts of old clients have no ids; plain strings are such contexts. */
static void write_unnamed(struct jw *w, struct arena *a, struct json item)
{
    struct json content = json_key(item, "content");
    if (json_type(content) == JSON_ABSENT)
        content = item;
    struct str id = document_id(a, content);
    if (id.p)
        write_document(w, a, id, STR_NONE, content);
}

static void write_named(struct jw *w, struct issues *is, const struct at *at, struct json item)
{
    if (!langwatch__is_object(is, at, item, false))
        return;
    struct json content = json_key(item, "content");
    struct str id = context_id(is, AT(at, "document_id"), json_key(item, "document_id"));
    struct str chunk_id = context_id(is, AT(at, "chunk_id"), json_key(item, "chunk_id"));
    if (json_type(content) == JSON_ABSENT)
        langwatch__issue_type(is, AT(at, "content"), "string", content);
    else
        write_document(w, is->arena, id, chunk_id, content);
}

struct str langwatch__documents(struct issues *is, const struct at *at, struct json contexts)
{
    struct json item;
    struct buf out;
    size_t i = 0;
    if (!langwatch__is_array(is, at, contexts, true))
        return STR_NONE;
    bool named = names_documents(contexts);
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    for (struct json_iter it = json_iter(contexts); json_next(&it, NULL, &item); i++) {
        if (named)
            write_named(&w, is, AT_INDEX(at, i), item);
        else
            write_unnamed(&w, is->arena, item);
    }
    jw_arr_end(&w);
    return langwatch__taken(is->arena, &out);
}

/* ---- times, truth, slugs -------------------------------------------------------------------------------------------- */

int64_t langwatch__ms(struct json v, bool *seconds)
{
    double ms;
    if (!json_f64(v, &ms) || ms == 0.0)
        return json_is_num(v) ? 0 : TIME_NONE;
    if (!(ms >= 1e12 && ms < 1e13)) {
        *seconds = true;
        return TIME_NONE;
    }
    /* Past the year 2262 a time has no nanoseconds. */
    return ms < 9.2e12 ? (int64_t)ms * NS_PER_MS : INT64_C(9200000000000) * NS_PER_MS;
}

bool langwatch__truthy(struct json v)
{
    double d;
    switch (json_type(v)) {
    case JSON_ABSENT:
    case JSON_NULL: return false;
    case JSON_BOOL: return json_bool(v);
    case JSON_NUM: return json_f64(v, &d) && d != 0.0;
    case JSON_STR: return json_str(v).n > 0;
    default: return true;
    }
}

size_t langwatch__characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* What a Latin letter of U+00C0 to U+00FF is without its accent. */
static const char *const latin[64] = { "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i",
    "i", "i", "d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "ss", "a", "a", "a",
    "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i", "d", "n", "o", "o", "o", "o", "o", "",
    "o", "u", "u", "u", "u", "y", "th", "y" };

/* Add a character of a slug: a separator once, and only between others. */
static void add_slug(struct buf *out, const char *s, bool separator)
{
    if (separator && out->n > 0 && out->p[out->n - 1] != '_')
        buf_add_char(out, '_');
    else if (!separator)
        buf_add_cstr(out, s);
}

static bool separates(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || strchr("-_:?&", c) != NULL;
}

struct str langwatch__evaluator_id(struct arena *a, struct str name)
{
    struct buf slug;
    buf_init(&slug, 0);
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        char letter[2] = { (char)(c >= 'A' && c <= 'Z' ? c + 32 : c), 0 };
        if (c == 0xC3 && i + 1 < name.n)
            add_slug(&slug, latin[(unsigned char)name.p[++i] & 63], false);
        else if (c != 0 && c < 0x80 && separates(c))
            add_slug(&slug, NULL, true);
        else if ((letter[0] >= 'a' && letter[0] <= 'z') || (c >= '0' && c <= '9'))
            add_slug(&slug, letter, false);
    }
    while (slug.n > 0 && slug.p[slug.n - 1] == '_')
        slug.n--;
    struct str s = slug.n > 0 ? buf_str(&slug) : STR("unnamed");
    s = arena_printf(a, "customeval_%.*s", STR_ARG(s));
    buf_fini(&slug);
    return s;
}

/* ---- span types ----------------------------------------------------------------------------------------------------- */

const char *const langwatch__span_types[] = { "span", "llm", "chain", "tool", "agent", "rag", "guardrail",
    "evaluation", "workflow", "component", "module", "server", "client", "producer", "consumer", "task",
    "unknown", NULL };

static const struct {
    const char *word;
    enum observation_type type;
} types[] = {
    { "llm", OBS_GENERATION }, { "agent", OBS_AGENT }, { "tool", OBS_TOOL }, { "guardrail", OBS_GUARDRAIL },
    { "chain", OBS_CHAIN }, { "workflow", OBS_CHAIN }, { "rag", OBS_RETRIEVER },
    { "evaluation", OBS_EVALUATOR }, { "component", OBS_EMBEDDING }, /* on the way back only */
};

enum observation_type langwatch__type_of(struct str word)
{
    for (size_t i = 0; i + 1 < sizeof types / sizeof *types; i++)
        if (str_is(word, types[i].word))
            return types[i].type;
    return OBS_SPAN;
}

struct str langwatch__type_word(const struct row *observation)
{
    struct str source = row_text(observation, OBSERVATION_source_type);
    if (langwatch__word(langwatch__span_types, source) >= 0)
        return source;
    int64_t type = row_int(observation, OBSERVATION_type, OBS_SPAN);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((int64_t)types[i].type == type)
            return str_of(types[i].word);
    return STR("span");
}
