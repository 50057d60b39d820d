/*
 * form: the six forms of keys. A form says which product's clients a key is made for; the text of a key says nothing once the key has
 * a row (collisions.md 3.3). Shapes matter in two places only: fresh keys get the one their product gives out, and a token that no
 * row knows has the form of its shape, for the wording of its 401.
 */
#include "account/account_priv.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

static const struct form_row forms[ACCOUNT_FORMS] = {
    [ACCOUNT_NONE] = { "none", NULL, NULL },
    [ACCOUNT_LANGFUSE] = { "langfuse", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY" },
    [ACCOUNT_LANGWATCH] = { "langwatch", NULL, "LANGWATCH_API_KEY" },
    [ACCOUNT_LANGTRACE] = { "langtrace", NULL, "LANGTRACE_API_KEY" },
    [ACCOUNT_LUNARY] = { "lunary", "LUNARY_PUBLIC_KEY", "LUNARY_PRIVATE_KEY" },
    [ACCOUNT_AGENTTRACE] = { "agenttrace", "AGENTTRACE_PUBLIC_KEY", "AGENTTRACE_API_KEY" },
    [ACCOUNT_TRACEWELL] = { "tracewell", NULL, "TRACEWELL_API_KEY" },
};

const struct form_row *account__form(enum account_form f)
{
    assert((unsigned)f < ACCOUNT_FORMS);
    return &forms[f];
}

const char *account_form_name(enum account_form f)
{
    return account__form(f)->name;
}

int account_form_find(struct str name)
{
    for (int f = ACCOUNT_NONE + 1; f < ACCOUNT_FORMS; f++)
        if (str_is(name, forms[f].name))
            return f;
    return -1;
}

const char *account__form_names(void)
{
    return "langfuse, langwatch, langtrace, lunary, agenttrace or tracewell";
}

/* ---- Shapes ---- */

static bool is_hex(struct str s, size_t n)
{
    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strchr("0123456789abcdefABCDEF", s.p[i]) || !s.p[i])
            return false;
    return true;
}

static bool is_uuid(struct str s)
{
    static const size_t groups[] = { 8, 4, 4, 4, 12 };
    struct str part;
    for (size_t i = 0; i < 5; i++)
        if (!str_cut(&s, '-', &part) || !is_hex(part, groups[i]))
            return false;
    return !s.p;
}

static bool is_base64url(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return s.n > 0;
}

static bool is_jwt(struct str s)
{
    struct str part;
    for (size_t i = 0; i < 3; i++)
        if (!str_cut(&s, '.', &part) || !is_base64url(part))
            return false;
    return !s.p;
}

static bool starts_any(struct str s, const char *const *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_starts(s, str_of(prefixes[i])))
            return true;
    return false;
}

static bool is_agenttrace(struct str s)
{
    static const char *const prefixes[] = { "sk-at-", "pk-at-", "at-", "at_pk_", "at_sk_" };
    if (starts_any(s, prefixes, sizeof prefixes / sizeof *prefixes))
        return true;
    struct str body = str_sub(s, 3, SIZE_MAX);
    if (str_starts(s, STR("pk-")) && is_hex(body, 32))
        return true;
    return (str_starts(s, STR("sk-")) && is_hex(body, 64)) || is_jwt(s);
}

enum account_form account_form_of_shape(struct str token)
{
    static const char *const langwatch[] = { "sk-lw-", "ik-lw-", "pat-lw-" };
    static const char *const langfuse[] = { "pk-lf-", "sk-lf-" };
    if (starts_any(token, langwatch, sizeof langwatch / sizeof *langwatch))
        return ACCOUNT_LANGWATCH;
    if (starts_any(token, langfuse, sizeof langfuse / sizeof *langfuse))
        return ACCOUNT_LANGFUSE;
    if (is_agenttrace(token))
        return ACCOUNT_AGENTTRACE;
    if (is_uuid(token))
        return ACCOUNT_LUNARY;
    return is_hex(token, 64) ? ACCOUNT_LANGTRACE : ACCOUNT_NONE;
}

/* ---- Fresh keys ---- */

/* prefix + n random characters of the alphabet, all equally likely: a byte past its last whole multiple is drawn again. */
static struct str random_text(struct arena *a, const char *prefix, size_t n, const char *alphabet)
{
    size_t letters = strlen(alphabet), start = strlen(prefix);
    unsigned limit = (unsigned)(256 / letters * letters);
    char *text = arena_alloc(a, start + n + 1);
    memcpy(text, prefix, start);
    for (size_t i = 0; i < n;) {
        uint8_t byte;
        random_bytes(&byte, 1);
        if (byte < limit)
            text[start + i++] = alphabet[byte % letters];
    }
    return (struct str){ text, start + n };
}

static struct str random_letters(struct arena *a, const char *prefix, size_t n)
{
    return random_text(a, prefix, n, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

static struct str random_uuid(struct arena *a, const char *prefix)
{
    char uuid[37];
    uuid_new(uuid);
    return arena_printf(a, "%s%s", prefix, uuid);
}

struct str account__fresh_password(struct arena *a)
{
    /* Read off a screen and typed: no 0 and O, no 1, l and I. 20 of them are 116 bits. */
    return random_text(a, "", 20, "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");
}

void account__fresh_key(
    enum account_form f, struct str project_id, struct arena *a, struct str *public_id, struct str *secret)
{
    *public_id = STR_NONE;
    switch (f) {
    case ACCOUNT_LANGFUSE:
        *public_id = random_uuid(a, "pk-lf-");
        *secret = random_uuid(a, "sk-lf-");
        break;
    case ACCOUNT_LANGWATCH: *secret = random_letters(a, "sk-lw-", 48); break;
    case ACCOUNT_LANGTRACE: *secret = random_text(a, "", 64, "0123456789abcdef"); break;
    case ACCOUNT_LUNARY:
        *public_id = project_id;
        *secret = random_uuid(a, "");
        break;
    case ACCOUNT_AGENTTRACE:
        *public_id = random_letters(a, "pk-at-", 24);
        *secret = random_letters(a, "sk-at-", 32);
        break;
    default: *secret = random_letters(a, "tw_", 40); break;
    }
}
