/*
 * What both decoders do with a span or record once they have it: check its ids, hand it out or refuse it, and say where it stood.
 */
#include "dialect/otlp/otlp_priv.h"

#include <stdio.h>
#include <string.h>

const struct otlp_words *otlp__words(enum otlp_signal signal)
{
    static const struct otlp_words words[] = {
        [SIGNAL_TRACES] = { STR_INIT("resourceSpans"), STR_INIT("scopeSpans"),
            STR_INIT("instrumentationLibrarySpans"), STR_INIT("spans"), "traces", "/v1/traces" },
        [SIGNAL_LOGS] = { STR_INIT("resourceLogs"), STR_INIT("scopeLogs"),
            STR_INIT("instrumentationLibraryLogs"), STR_INIT("logRecords"), "logs", "/v1/logs" },
        [SIGNAL_METRICS] = { STR_INIT("resourceMetrics"), STR_INIT("scopeMetrics"),
            STR_INIT("instrumentationLibraryMetrics"), STR_INIT("metrics"), "metrics", "/v1/metrics" },
    };
    return &words[signal];
}

void otlp__reading_init(struct reading *r, struct arena *a, enum otlp_signal signal,
    const struct otlp_sink *sink, struct otlp_tally *tally)
{
    *r = (struct reading){ .arena = a,
        .signal = signal,
        .sink = sink,
        .tally = tally,
        .scopes_name = otlp__words(signal)->scopes.p };
    buf_init(&r->text, 0);
}

void otlp__reading_fini(struct reading *r)
{
    buf_fini(&r->text);
}

/* ---- refusing ------------------------------------------------------------------------------------------------------- */

void otlp_reject(struct otlp_tally *t, const struct err *err)
{
    if (t->rejected++ == 0)
        t->first = *err;
}

static void refuse(struct reading *r, const struct err *err)
{
    const struct otlp_words *words = otlp__words(r->signal);
    struct err placed = *err;
    char place[160];
    snprintf(place, sizeof place, "%s[%zu].%s[%zu].%s[%zu]", words->resources.p, r->at_resource,
        r->scopes_name, r->at_scope, words->items.p, r->at_item);
    err_under(&placed, place);
    snprintf(placed.text, sizeof placed.text, "%s %.200s", placed.path, err->text);
    placed.code = ST_INVALID;
    otlp_reject(r->tally, &placed);
}

bool otlp__item(struct reading *r)
{
    r->tally->seen++;
    if (r->resource_fault.code == ST_OK && r->scope_fault.code == ST_OK)
        return true;
    refuse(r, r->resource_fault.code != ST_OK ? &r->resource_fault : &r->scope_fault);
    return false;
}

enum status otlp__item_end(struct reading *r, enum status st, const struct err *err)
{
    if (st != ST_UNPROCESSABLE)
        return st;
    refuse(r, err);
    return ST_OK;
}

enum status otlp__keep_fault(enum status st, const char *where, struct err *err, struct err *fault)
{
    fault->code = ST_OK;
    if (st != ST_UNPROCESSABLE)
        return st;
    *fault = *err;
    err_under(fault, where);
    return ST_OK;
}

enum status otlp__under(enum status st, const char *list, size_t i, struct err *err)
{
    char place[64];
    if (st == ST_UNPROCESSABLE) {
        snprintf(place, sizeof place, "%s[%zu]", list, i);
        err_under(err, place);
    }
    return st;
}

enum status otlp__room(const struct reading *r, size_t n, size_t size, struct err *err)
{
    return r->sink->batch ? batch_room(r->sink->batch, n * size, err) : ST_OK;
}

enum status otlp__bad_id(struct err *err, const char *field, struct str sent, bool zero, size_t bytes)
{
    if (zero)
        return err_at(err, ST_UNPROCESSABLE, field, "is all zeros; an id of %zu bytes is needed", bytes);
    if (!sent.p)
        return err_at(err, ST_UNPROCESSABLE, field, "is missing; an id of %zu bytes is needed", bytes);
    return err_at(err, ST_UNPROCESSABLE, field, "must be %zu bytes (%zu hex digits), got \"%.*s\"", bytes,
        2 * bytes, (int)str_utf8_clip(sent, 64), sent.p);
}

enum status otlp__set_time(struct err *err, const char *field, uint64_t sent, int64_t *out)
{
    if (sent > INT64_MAX)
        return err_at(
            err, ST_UNPROCESSABLE, field, "lies after the year 2262: %llu ns", (unsigned long long)sent);
    *out = sent ? (int64_t)sent : TIME_NONE;
    return ST_OK;
}

enum status otlp__too_deep(struct err *err)
{
    return err_set(err, ST_UNPROCESSABLE, "nests deeper than %d levels", OTLP_DEPTH_MAX);
}

/* ---- handing out ---------------------------------------------------------------------------------------------------- */

void otlp__take_span(struct reading *r, struct otlp_span *s)
{
    s->index = (uint32_t)(r->tally->seen - 1);
    r->sink->span(r->sink->ctx, s);
}

void otlp__take_log(struct reading *r, struct otlp_log *l)
{
    l->index = (uint32_t)(r->tally->seen - 1);
    if (!l->event_name.n)
        for (size_t i = 0; i < l->attributes.n; i++) {
            const struct otlp_attribute *a = &l->attributes.items[i];
            if (str_is(a->key, "event.name") && a->value.kind == ANY_TEXT)
                l->event_name = a->value.s;
        }
    r->sink->log(r->sink->ctx, l);
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

/* How many bytes at p are one character, or the start of one that breaks off: what one U+FFFD stands for. */
static size_t broken_length(const unsigned char *p, size_t n)
{
    unsigned low = 0x80, high = 0xBF;
    size_t length = p[0] >= 0xF0 && p[0] <= 0xF4  ? 4
                    : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
                    : p[0] >= 0xC2 && p[0] < 0xE0 ? 2
                                                  : 1;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    for (size_t i = 1; i < length && i < n; i++) {
        if (p[i] < low || p[i] > high)
            return i;
        low = 0x80;
        high = 0xBF;
    }
    return length < n ? length : n;
}

struct str otlp_repaired(struct arena *a, struct str s)
{
    struct buf out;
    if (str_is_utf8(s))
        return s;
    buf_init(&out, 0);
    while (s.n > 0) {
        const unsigned char *p = (const unsigned char *)s.p;
        size_t n = p[0] < 0x80 ? 1 : broken_length(p, s.n);
        if (str_is_utf8(str_sub(s, 0, n)))
            buf_add(&out, s.p, n);
        else
            buf_add_cstr(&out, "\xEF\xBF\xBD");
        s = str_sub(s, n, SIZE_MAX);
    }
    struct str repaired = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return repaired;
}
