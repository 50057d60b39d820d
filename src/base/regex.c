/* Regular expressions on PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/regex.h"

static uint32_t options_of(unsigned flags)
{
    return PCRE2_UTF | (flags & REGEX_LITERAL ? PCRE2_LITERAL : PCRE2_NEVER_BACKSLASH_C) |
           (flags & REGEX_CASELESS ? PCRE2_CASELESS : 0) |
           (flags & REGEX_MULTILINE && !(flags & REGEX_LITERAL) ? PCRE2_MULTILINE : 0);
}

static enum status fault(struct err *err, const char *what, int code)
{
    PCRE2_UCHAR text[128];
    pcre2_get_error_message(code, text, sizeof(text));
    return err_set(err, ST_INVALID, "%s: %s", what, (const char *)text);
}

/* After an empty match the next search starts one character on. */
static PCRE2_SIZE behind(struct str text, PCRE2_SIZE start, PCRE2_SIZE end)
{
    if (end > start)
        return end;
    end++;
    while (end < text.n && ((unsigned char)text.p[end] & 0xC0) == 0x80)
        end++;
    return end;
}

static enum status count(
    const pcre2_code *code, pcre2_match_data *match, struct str text, int64_t *n, struct err *err)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    PCRE2_SIZE at = 0;
    int got = 0;
    pcre2_set_match_limit(limits, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(limits, REGEX_MATCH_LIMIT);
    *n = 0;
    while (at <= text.n && *n < REGEX_FOUND_MAX) {
        got = pcre2_match(code, (PCRE2_SPTR)text.p, text.n, at, 0, match, limits);
        if (got < 0)
            break;
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(match);
        at = behind(text, place[0], place[1]);
        (*n)++;
    }
    pcre2_match_context_free(limits);
    return got >= 0 || got == PCRE2_ERROR_NOMATCH ? ST_OK : fault(err, "the search was given up", got);
}

enum status regex_count(struct str pattern, unsigned flags, struct str text, int64_t *n, struct err *err)
{
    int error;
    PCRE2_SIZE at;
    *n = 0;
    if (pattern.n > REGEX_PATTERN_MAX)
        return err_set(err, ST_INVALID, "the pattern is longer than %d bytes", REGEX_PATTERN_MAX);
    if (!text.p)
        text = STR("");
    pcre2_code *code = pcre2_compile(
        (PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n, options_of(flags), &error, &at, NULL);
    if (!code)
        return fault(err, "not a regular expression", error);
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
    enum status st = count(code, match, text, n, err);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return st;
}
