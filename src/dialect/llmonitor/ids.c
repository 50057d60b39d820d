/*
 * Ids as Lunary makes them: a UUID is kept as it is, any other text becomes one by its SHA-256. The same text is the same run, so a
 * client may use "my-run-1" everywhere, and reads map what they are asked for in the same way.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool llmonitor__is_uuid(struct str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}

/* h[0:8]-h[8:12]-4h[13:16]-ah[17:20]-h[20:32] of h = hex(sha256(seed)) */
struct str llmonitor__uuid_of(struct arena *a, struct str seed)
{
    uint8_t digest[32];
    hash_sha256(seed, digest);
    struct str h = hex_encode(a, digest, 16);
    char *id = arena_alloc(a, 37);
    memcpy(id, h.p, 8);
    memcpy(id + 9, h.p + 8, 4);
    memcpy(id + 14, h.p + 12, 4);
    memcpy(id + 19, h.p + 16, 4);
    memcpy(id + 24, h.p + 20, 12);
    id[8] = id[13] = id[18] = id[23] = '-';
    id[14] = '4';
    id[19] = 'a';
    return (struct str){ id, 36 };
}

struct str llmonitor__run_id(struct arena *a, struct str sent)
{
    if (sent.n == 0)
        return STR_NONE;
    return llmonitor__is_uuid(sent) ? sent : llmonitor__uuid_of(a, sent);
}

/* "SpanContext(trace_id=0x.., span_id=0x57f4c3.., ...)": its span names the run, whose own id is that number in decimal. */
static bool span_of_context(struct str sent, uint64_t *span)
{
    struct str mark = STR("span_id=0x");
    size_t at = str_starts(sent, STR("SpanContext(")) ? str_find(sent, mark) : SIZE_MAX;
    if (at == SIZE_MAX)
        return false;
    size_t digits = 0;
    *span = 0;
    for (at += mark.n; at < sent.n && is_hex(sent.p[at]) && digits < 17; at++, digits++) {
        char c = sent.p[at];
        *span = *span << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return digits > 0 && digits <= 16;
}

struct str llmonitor__parent_id(struct arena *a, struct str sent)
{
    uint64_t span;
    if (span_of_context(sent, &span))
        sent = arena_printf(a, "%llu", (unsigned long long)span);
    return llmonitor__run_id(a, sent);
}

struct str llmonitor__event_id(struct arena *a, struct json event)
{
    return llmonitor__uuid_of(a, json_canonical(a, event));
}

struct str llmonitor__new_id(const struct call *c, const char *kind, size_t place)
{
    struct str project = c->caller ? c->caller->project_id : STR_NONE;
    struct str seed =
        arena_printf(c->arena, "%s %.*s %lld %zu", kind, STR_ARG(project), (long long)c->now_ns, place);
    return llmonitor__uuid_of(c->arena, seed);
}
