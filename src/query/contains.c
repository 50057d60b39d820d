/*
 * The substring of every text filter. A needle in ASCII is looked for byte by byte; any other goes through PCRE2, which knows the case of
 * all scripts. The last needle's pattern stays with the thread: a query asks for the same one of row after row.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "query/query.h"

struct pattern {
    char *needle;
    size_t n;
    pcre2_code *code;
    pcre2_match_data *match;
};

static pthread_key_t pattern_key;
static pthread_once_t pattern_once = PTHREAD_ONCE_INIT;

static void pattern_free(void *p)
{
    struct pattern *old = p;
    if (!old)
        return;
    pcre2_match_data_free(old->match);
    pcre2_code_free(old->code);
    mem_free(old->needle);
    mem_free(old);
}

static void make_key(void)
{
    pthread_key_create(&pattern_key, pattern_free);
}

/* NULL when the needle is no UTF-8. */
static struct pattern *pattern_new(struct str needle)
{
    int error;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_LITERAL | PCRE2_CASELESS | PCRE2_UTF;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)needle.p, needle.n, options, &error, &at, NULL);
    if (!code)
        return NULL;
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    struct pattern *p = mem_alloc(sizeof(*p));
    *p = (struct pattern){ .needle = mem_alloc(needle.n + 1), .n = needle.n, .code = code };
    memcpy(p->needle, needle.p, needle.n);
    p->match = pcre2_match_data_create_from_pattern(code, NULL);
    return p;
}

static struct pattern *pattern_of(struct str needle)
{
    pthread_once(&pattern_once, make_key);
    struct pattern *p = pthread_getspecific(pattern_key);
    if (p && p->n == needle.n && memcmp(p->needle, needle.p, needle.n) == 0)
        return p;
    pattern_free(p);
    p = pattern_new(needle);
    pthread_setspecific(pattern_key, p);
    return p;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool contains_ascii(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.n <= s.n; i++) {
        size_t k = 0;
        while (k < needle.n && lower(s.p[i + k]) == lower(needle.p[k]))
            k++;
        if (k == needle.n)
            return true;
    }
    return false;
}

bool query_contains(struct str s, struct str needle)
{
    if (needle.n == 0 || s.n == 0)
        return needle.n == 0;
    struct pattern *p = is_ascii(needle) ? NULL : pattern_of(needle);
    if (!p)
        return contains_ascii(s, needle);
    return pcre2_match(p->code, (PCRE2_SPTR)s.p, s.n, 0, 0, p->match, NULL) >= 0;
}
