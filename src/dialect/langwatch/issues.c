/*
 * What is wrong with a body, in the words of the validator that LangWatch's users know (langwatch.md 2.4): all of it at once, each with
 * its place, and of a union only the branch that was meant.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

/* ---- places --------------------------------------------------------------------------------------------------------- */

static void spell_key(struct buf *out, struct str key)
{
    if (str_find_char(key, '"') != SIZE_MAX) {
        buf_add_char(out, '[');
        json_quote(out, key);
        buf_add_char(out, ']');
        return;
    }
    if (out->n > 0)
        buf_add_char(out, '.');
    buf_add_str(out, key);
}

static void spell(struct buf *out, const struct at *at)
{
    if (!at)
        return;
    spell(out, at->up);
    if (at->key.p)
        spell_key(out, at->key);
    else
        buf_printf(out, "[%zu]", at->index);
}

static struct str place(struct arena *a, const struct at *at)
{
    struct buf out;
    buf_init(&out, 0);
    spell(&out, at);
    return langwatch__taken(a, &out);
}

/* ---- issues --------------------------------------------------------------------------------------------------------- */

static struct issue *add(struct issues *is, const struct at *at, const char *code, struct str message)
{
    if (is->n == ISSUES_MAX)
        return NULL;
    struct issue *issue = &is->items[is->n++];
    *issue = (struct issue){ .path = place(is->arena, at), .message = message, .code = code };
    return issue;
}

void langwatch__issue(struct issues *is, const struct at *at, const char *code, struct str message)
{
    add(is, at, code, message);
}

void langwatch__issue_type(struct issues *is, const struct at *at, const char *expected, struct json v)
{
    const char *received = json_type_name(json_type(v));
    struct str message = json_type(v) == JSON_ABSENT
                             ? STR("Required")
                             : arena_printf(is->arena, "Expected %s, received %s", expected, received);
    struct issue *issue = add(is, at, "invalid_type", message);
    if (!issue)
        return;
    issue->expected = str_of(expected);
    issue->received = str_of(received);
}

/* 'a' | 'b' | 'c' */
static struct str alternatives(struct arena *a, const char *const *words)
{
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; words[i]; i++)
        buf_printf(&out, "%s'%s'", i ? " | " : "", words[i]);
    return langwatch__taken(a, &out);
}

void langwatch__issue_word(
    struct issues *is, const struct at *at, const char *const *words, struct str received)
{
    struct str all = alternatives(is->arena, words);
    received = str_sub(received, 0, str_utf8_clip(received, 100));
    struct issue *issue = add(is, at, "invalid_enum_value",
        arena_printf(is->arena, "Invalid enum value. Expected %.*s, received '%.*s'", STR_ARG(all),
            STR_ARG(received)));
    if (!issue)
        return;
    issue->expected = all;
    issue->received = received;
}

void langwatch__issue_enum(struct issues *is, const struct at *at, const char *const *words, struct json v)
{
    if (json_is_str(v))
        langwatch__issue_word(is, at, words, json_str(v));
    else
        langwatch__issue_type(is, at, arena_cstr(is->arena, alternatives(is->arena, words)), v);
}

int langwatch__word(const char *const *words, struct str v)
{
    for (int i = 0; v.p && words[i]; i++)
        if (str_is(v, words[i]))
            return i;
    return -1;
}

void langwatch__issue_keys(struct issues *is, const struct at *at, const char *const *known, struct json v)
{
    struct buf out;
    struct str key;
    struct json member;
    buf_init(&out, 0);
    for (struct json_iter it = json_iter(v); json_next(&it, &key, &member);) {
        if (langwatch__word(known, key) >= 0 || out.n > 400)
            continue;
        key = str_sub(key, 0, str_utf8_clip(key, 100));
        buf_printf(&out, "%s'%.*s'", out.n ? ", " : "", STR_ARG(key));
    }
    if (out.n > 0)
        add(is, at, "unrecognized_keys",
            arena_printf(is->arena, "Unrecognized key(s) in object: %.*s", STR_ARG(buf_str(&out))));
    buf_fini(&out);
}

/* ---- checks --------------------------------------------------------------------------------------------------------- */

static bool is_a(struct issues *is, const struct at *at, enum json_type want, struct json v, bool optional)
{
    enum json_type have = json_type(v);
    if (have == want)
        return true;
    if (!optional || (have != JSON_NULL && have != JSON_ABSENT))
        langwatch__issue_type(is, at, json_type_name(want), v);
    return false;
}

bool langwatch__is_text(struct issues *is, const struct at *at, struct json v, bool optional)
{
    return is_a(is, at, JSON_STR, v, optional);
}

bool langwatch__is_number(struct issues *is, const struct at *at, struct json v, bool optional)
{
    return is_a(is, at, JSON_NUM, v, optional);
}

bool langwatch__is_boolean(struct issues *is, const struct at *at, struct json v, bool optional)
{
    return is_a(is, at, JSON_BOOL, v, optional);
}

bool langwatch__is_object(struct issues *is, const struct at *at, struct json v, bool optional)
{
    return is_a(is, at, JSON_OBJ, v, optional);
}

bool langwatch__is_array(struct issues *is, const struct at *at, struct json v, bool optional)
{
    return is_a(is, at, JSON_ARR, v, optional);
}

bool langwatch__is_texts(struct issues *is, const struct at *at, struct json v, bool optional)
{
    struct json item;
    size_t i = 0, before = is->n;
    if (!langwatch__is_array(is, at, v, optional))
        return false;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item); i++)
        langwatch__is_text(is, AT_INDEX(at, i), item, false);
    return is->n == before;
}

bool langwatch__is_id(struct issues *is, const struct at *at, struct json v)
{
    if (!langwatch__is_text(is, at, v, false))
        return false;
    if (str_is_id(json_str(v)))
        return true;
    langwatch__issue(is, at, "custom",
        arena_printf(is->arena,
            "Invalid id, expected 1 to 800 bytes of UTF-8 without control characters, received %zu",
            json_str(v).n));
    return false;
}

struct str langwatch__issues_text(const struct issues *is)
{
    struct buf out;
    buf_init(&out, 0);
    buf_add_cstr(&out, "Validation error: ");
    for (size_t i = 0; i < is->n; i++) {
        const struct issue *issue = &is->items[i];
        if (i > 0)
            buf_add_cstr(&out, "; ");
        buf_add_str(&out, issue->message);
        if (issue->path.n > 0)
            buf_printf(&out, " at \"%.*s\"", STR_ARG(issue->path));
    }
    return langwatch__taken(is->arena, &out);
}
