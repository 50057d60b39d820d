/*
 * Spelling of object keys and roles. Lunary camel-cases every key it is sent; here payloads are kept as sent and respelled on the way
 * out (section 3.3), and an envelope is read in either spelling.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* The next character of the camel-cased key: "_x" and "-x" before a letter are "X". */
static char camel_next(struct str key, size_t *i)
{
    char c = key.p[(*i)++];
    if ((c == '_' || c == '-') && *i < key.n && is_letter(key.p[*i]))
        return upper(key.p[(*i)++]);
    return c;
}

bool llmonitor__key_is(struct str key, const char *name)
{
    size_t i = 0;
    while (i < key.n && *name)
        if (camel_next(key, &i) != *name++)
            return false;
    return i == key.n && !*name;
}

struct json llmonitor__member(struct json obj, const char *name)
{
    struct json found = JSON_NONE, v;
    struct str key;
    for (struct json_iter it = json_iter(obj); json_next(&it, &key, &v);)
        if (llmonitor__key_is(key, name))
            found = v;
    return found;
}

static bool has_separator(struct str key)
{
    return str_find_char(key, '_') != SIZE_MAX || str_find_char(key, '-') != SIZE_MAX;
}

/* Keys are short; what does not fit is written as it is. */
#define KEY_MAX 256

void llmonitor__write_camel_key(struct jw *w, struct str key)
{
    char out[KEY_MAX];
    size_t n = 0;
    if (key.n > KEY_MAX || !has_separator(key)) {
        jw_key_str(w, key);
        return;
    }
    for (size_t i = 0; i < key.n;)
        out[n++] = camel_next(key, &i);
    jw_key_str(w, (struct str){ out, n });
}

/* Upstream's way: every capital gets "_" before it and becomes small. */
void llmonitor__write_snake_key(struct jw *w, struct str key)
{
    char out[KEY_MAX * 2];
    size_t n = 0;
    for (size_t i = 0; i < key.n && key.n <= KEY_MAX; i++) {
        bool capital = key.p[i] >= 'A' && key.p[i] <= 'Z';
        if (capital)
            out[n++] = '_';
        out[n++] = (char)(capital ? key.p[i] + 32 : key.p[i]);
    }
    jw_key_str(w, key.n <= KEY_MAX ? (struct str){ out, n } : key);
}

static void write_respelled(struct jw *w, struct json v, void (*write_key)(struct jw *, struct str))
{
    enum json_type type = json_type(v);
    struct str key;
    struct json item;
    if (type != JSON_ARR && type != JSON_OBJ) {
        jw_value(w, v);
        return;
    }
    if (type == JSON_ARR)
        jw_arr(w);
    else
        jw_obj(w);
    for (struct json_iter it = json_iter(v); json_next(&it, &key, &item);) {
        if (type == JSON_OBJ)
            write_key(w, key);
        write_respelled(w, item, write_key);
    }
    if (type == JSON_ARR)
        jw_arr_end(w);
    else
        jw_obj_end(w);
}

void llmonitor__write_camel(struct jw *w, struct json v)
{
    write_respelled(w, v, llmonitor__write_camel_key);
}

void llmonitor__write_snake(struct jw *w, struct json v)
{
    write_respelled(w, v, llmonitor__write_snake_key);
}

struct json llmonitor__parse(struct arena *a, struct str text)
{
    struct json v;
    if (!text.p || json_parse(a, text, 0, &v, NULL) != ST_OK)
        return JSON_NONE;
    return v;
}

/* ---- messages (section 6) ---- */

struct str llmonitor__role(struct str sent)
{
    static const struct {
        const char *seen;
        struct str canonical;
    } roles[] = {
        { "user", STR_INIT("user") },
        { "human", STR_INIT("user") },
        { "system", STR_INIT("system") },
        { "developer", STR_INIT("system") },
        { "assistant", STR_INIT("assistant") },
        { "ai", STR_INIT("assistant") },
        { "bot", STR_INIT("assistant") },
        { "AIMessageChunk", STR_INIT("assistant") },
        { "tool", STR_INIT("tool") },
        { "function", STR_INIT("tool") },
    };
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (str_is(sent, roles[i].seen))
            return roles[i].canonical;
    return STR_NONE;
}

struct json llmonitor__content(struct json message)
{
    struct json content = json_key(message, "content");
    return json_is_set(content) ? content : json_key(message, "text");
}

static bool is_truthy(struct json v)
{
    return json_is_set(v) && !(json_is_str(v) && json_str(v).n == 0);
}

bool llmonitor__is_message(struct json v)
{
    if (!json_is_obj(v) || !is_truthy(json_key(v, "role")))
        return false;
    return is_truthy(llmonitor__content(v)) || is_truthy(llmonitor__member(v, "toolCalls")) ||
           is_truthy(llmonitor__member(v, "functionCall"));
}
