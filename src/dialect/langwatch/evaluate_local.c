/*
 * Evaluators that need nothing but their input. Each decides by the rules its users know from LangWatch; what one cannot decide here is an
 * error that says so, never a guess.
 */
#include "dialect/langwatch/evaluate_priv.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

#include "base/regex.h"

#define DETAILS_MAX 500 /* bytes of a text that is repeated in the details */

static struct str clipped(struct str s)
{
    return str_sub(s, 0, str_utf8_clip(s, DETAILS_MAX));
}

/* A field as text: a string as it is, other JSON as its text; absent and null are empty. */
static struct str text_of(struct arena *a, struct json data, const char *field)
{
    struct json v = json_key(data, field);
    if (!json_is_set(v))
        return STR("");
    return json_is_str(v) ? json_str(v) : json_text(a, v);
}

static void decide(struct verdict *out, bool passed)
{
    *out = (struct verdict){ .has_score = true, .has_passed = true, .passed = passed, .score = passed };
}

static void refuse(struct verdict *out, struct str details)
{
    *out = (struct verdict){ .status = VERDICT_ERROR, .details = details };
}

/* ---- langevals/exact_match ------------------------------------------------------------------------------------------ */

/* Numbers and verdicts are compared by value: "1.0" is 1, and so is "true". */
static bool number_of(struct str s, double *out)
{
    s = str_trim(s);
    if (str_is(s, "true") || str_is(s, "false")) {
        *out = s.n == 4;
        return true;
    }
    return str_to_f64(s, out);
}

/* The next character of UTF-8; text is valid, it came out of JSON. */
static wint_t next_character(struct str s, size_t *i)
{
    unsigned char first = (unsigned char)s.p[(*i)++];
    if (first < 0x80)
        return first;
    wint_t c = first & (first >= 0xF0 ? 0x07 : first >= 0xE0 ? 0x0F : 0x1F);
    while (*i < s.n && ((unsigned char)s.p[*i] & 0xC0) == 0x80)
        c = c << 6 | ((unsigned char)s.p[(*i)++] & 0x3F);
    return c;
}

struct comparing {
    bool trim, letters_only, any_case;
    locale_t locale;
};

/* Characters as they are compared; *n of them. */
static wint_t *normalised(struct arena *a, const struct comparing *how, struct str s, size_t *n)
{
    if (how->trim)
        s = str_trim(s);
    wint_t *out = arena_array(a, s.n + 1, sizeof(*out));
    *n = 0;
    for (size_t i = 0; i < s.n;) {
        wint_t c = next_character(s, &i);
        if (how->letters_only && !iswalnum_l(c, how->locale) && !iswspace_l(c, how->locale))
            continue;
        out[(*n)++] = how->any_case ? (wint_t)towlower_l(c, how->locale) : c;
    }
    return out;
}

static bool setting(struct json settings, const char *name)
{
    return json_bool(json_key(settings, name));
}

static bool same_text(struct arena *a, struct json settings, struct str x, struct str y)
{
    struct comparing how = { .trim = setting(settings, "trim_whitespace"),
        .letters_only = setting(settings, "remove_punctuation"),
        .any_case = !setting(settings, "case_sensitive"),
        .locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0) };
    size_t n, m;
    if (!how.locale) /* the C library has it built in; without it only ASCII is told apart */
        how.locale = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    const wint_t *p = normalised(a, &how, x, &n), *q = normalised(a, &how, y, &m);
    freelocale(how.locale);
    return n == m && memcmp(p, q, n * sizeof(*p)) == 0;
}

void langwatch__exact_match(struct arena *a, struct json data, struct json settings, struct verdict *out)
{
    struct str got = text_of(a, data, "output"), want = text_of(a, data, "expected_output");
    double x, y;
    bool numbers = number_of(got, &x) && number_of(want, &y);
    decide(out, numbers ? x == y : same_text(a, settings, got, want)); // NOLINT: equal as the user wrote them
    out->details = out->passed ? STR("The output equals the expected output")
                               : arena_printf(a, "Expected \"%.*s\", got \"%.*s\"", STR_ARG(clipped(want)),
                                     STR_ARG(clipped(got)));
}

/* ---- langevals/basic ------------------------------------------------------------------------------------------------ */

static enum status holds(struct arena *a, struct json data, struct json rule, bool *out, struct err *err)
{
    struct str word = json_str(json_key(rule, "rule")), value = json_str(json_key(rule, "value"));
    struct str field = json_str(json_key(rule, "field"));
    struct str text = text_of(a, data, str_is(field, "input") ? "input" : "output");
    bool negated = str_starts(word, STR("not_"));
    struct str plain = negated ? str_sub(word, 4, SIZE_MAX) : word;
    int64_t n = 0;
    if (field.p && !str_is(field, "input") && !str_is(field, "output"))
        return err_set(
            err, ST_INVALID, "field must be input or output, got \"%.*s\"", STR_ARG(clipped(field)));
    if (!json_is_str(json_key(rule, "value")))
        return err_set(err, ST_INVALID, "value must be a string");
    if (!str_is(plain, "contains") && !str_is(plain, "matches_regex"))
        return err_set(err, ST_INVALID,
            "rule must be contains, not_contains, matches_regex or not_matches_regex, got \"%.*s\"",
            STR_ARG(clipped(word)));
    enum status st =
        regex_count(value, str_is(plain, "contains") ? REGEX_LITERAL : REGEX_MULTILINE, text, &n, err);
    *out = (n > 0) != negated;
    return st;
}

void langwatch__basic(struct arena *a, struct json data, struct json settings, struct verdict *out)
{
    struct json rules = json_key(settings, "rules"), rule;
    struct err err = { 0 };
    size_t i = 0;
    bool held = true;
    decide(out, json_size(rules) > 0);
    if (json_size(rules) == 0)
        out->details = STR("No rules were given");
    for (struct json_iter it = json_iter(rules); held && json_next(&it, NULL, &rule); i++) {
        if (holds(a, data, rule, &held, &err) != ST_OK) {
            refuse(out, arena_printf(a, "settings.rules[%zu]: %s", i, err.text));
            return;
        }
        if (held)
            continue;
        decide(out, false);
        struct str word = json_str(json_key(rule, "rule")), value = json_str(json_key(rule, "value"));
        out->details = arena_printf(
            a, "Rule %zu does not hold: %.*s \"%.*s\"", i + 1, STR_ARG(word), STR_ARG(clipped(value)));
    }
}

/* ---- langevals/competitor_blocklist --------------------------------------------------------------------------------- */

void langwatch__blocklist(struct arena *a, struct json data, struct json settings, struct verdict *out)
{
    struct json names = json_key(settings, "competitors"), name;
    struct str in = text_of(a, data, "input"), output = text_of(a, data, "output"), found = STR("");
    struct err err = { 0 };
    int64_t total = 0;
    for (struct json_iter it = json_iter(names); json_next(&it, NULL, &name);) {
        int64_t n = 0, m = 0;
        struct str word = json_str(name);
        if (word.n == 0)
            continue;
        if (regex_count(word, REGEX_LITERAL | REGEX_CASELESS, in, &n, &err) != ST_OK ||
            regex_count(word, REGEX_LITERAL | REGEX_CASELESS, output, &m, &err) != ST_OK) {
            refuse(out, arena_printf(a, "settings.competitors: %s", err.text));
            return;
        }
        if (n + m > 0 && found.n < DETAILS_MAX)
            found =
                arena_printf(a, "%.*s%s%.*s", STR_ARG(found), found.n ? ", " : "", STR_ARG(clipped(word)));
        total += n + m;
    }
    decide(out, total == 0);
    out->score = total;
    if (total > 0)
        out->details = arena_printf(a, "Mentioned: %.*s", STR_ARG(found));
}

/* ---- langevals/valid_format ----------------------------------------------------------------------------------------- */

void langwatch__valid_format(struct arena *a, struct json data, struct json settings, struct verdict *out)
{
    struct str text = text_of(a, data, "output"), format = json_str(json_key(settings, "format"));
    struct json schema = json_key(settings, "json_schema"), v;
    struct err err = { 0 };
    if (text.n == 0) {
        *out = (struct verdict){ .status = VERDICT_SKIPPED, .details = STR("The output is empty") };
        return;
    }
    if (!str_is(format, "json")) {
        refuse(
            out, arena_printf(a,
                     "langevals/valid_format: the format \"%.*s\" is not checked on this server, only json",
                     STR_ARG(clipped(format))));
        return;
    }
    if (json_is_set(schema) && json_str(schema).n > 0) {
        refuse(out, STR("langevals/valid_format: a JSON Schema is not checked on this server"));
        return;
    }
    decide(out, json_parse(a, text, 0, &v, &err) == ST_OK);
    if (!out->passed)
        out->details = arena_printf(a, "The output is %s", err.text);
}
