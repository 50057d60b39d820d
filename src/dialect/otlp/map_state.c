/* The first token, the level and the status message (otlp.md 2.9, 2.10). */
#include "dialect/otlp/map_priv.h"

#include <math.h>

#define NS_MAX_F 9.2e18 /* below INT64_MAX, so that what is less fits */

/* ---- first token (2.9) ---------------------------------------------------------------------------------------------- */

/* `amount` of units after the start; TIME_NONE when there is no start or the sum is out of range. */
static int64_t after_start(const struct mapping *x, double amount, double unit_ns)
{
    int64_t ns;
    if (x->span->start_ns == TIME_NONE || !(amount >= 0) || !(amount * unit_ns < NS_MAX_F))
        return TIME_NONE;
    if (__builtin_add_overflow(x->span->start_ns, (int64_t)llround(amount * unit_ns), &ns))
        return TIME_NONE;
    return ns;
}

/* Rule 1: ISO 8601, as text or as JSON text of text. */
static int64_t of_langfuse(const struct mapping *x)
{
    struct str s = str_trim(otlp__slot_text(x, ATTR_langfuse_observation_completion_start_time));
    int64_t ns;
    if (s.n > 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = str_sub(s, 1, s.n - 2);
    return s.p && time_parse_iso(s, &ns) ? ns : TIME_NONE;
}

/* Rule 2: epoch milliseconds, or milliseconds since the start. */
static int64_t of_langwatch(struct mapping *x)
{
    double ms;
    struct json times = otlp__unwrapped(otlp__parse(x, otlp__get(x, ATTR_langwatch_timestamps)));
    if (json_f64(json_key(times, "first_token_at"), &ms) && ms > 0 && ms * 1e6 < NS_MAX_F) {
        double whole = floor(ms);
        return (int64_t)whole * NS_PER_MS + (int64_t)((ms - whole) * 1e6);
    }
    if (json_f64(json_key(x->langwatch_metrics, "first_token_ms"), &ms))
        return after_start(x, ms, 1e6);
    return TIME_NONE;
}

static int64_t of_slots(const struct mapping *x, const enum attribute_slot *list, double unit_ns, bool ceiled)
{
    double amount;
    if (!otlp__number(otlp__first(x, list, NULL), &amount))
        return TIME_NONE;
    return after_start(x, ceiled ? ceil(amount) : amount, unit_ns);
}

/* Rule 6: the earliest event that a token came with. */
static int64_t of_events(const struct mapping *x)
{
    static const char *const names[] = { "gen_ai.content.chunk", "gen_ai.content.completion.chunk",
        "llm.content.completion.chunk", "gen_ai.completion.chunk", "stream.output", "first_token",
        "llm.first_token", "ai.stream.firstChunk", "First Token Stream Event" };
    int64_t first = TIME_NONE;
    for (size_t i = 0; i < x->span->n_events; i++) {
        const struct otlp_event *e = &x->span->events[i];
        if (e->time_ns == TIME_NONE || e->time_ns < x->span->start_ns ||
            (first != TIME_NONE && e->time_ns >= first))
            continue;
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            if (str_is(e->name, names[n])) {
                first = e->time_ns;
                break;
            }
    }
    return first;
}

static int64_t first_token(struct mapping *x)
{
    static const enum attribute_slot vercel[] = { ATTR_ai_response_mstofirstchunk,
        ATTR_ai_stream_mstofirstchunk, ATTR_END };
    static const enum attribute_slot semconv[] = { ATTR_gen_ai_response_time_to_first_chunk, ATTR_END };
    static const enum attribute_slot server[] = { ATTR_gen_ai_server_time_to_first_token, ATTR_END };
    int64_t ns = of_langfuse(x);
    if (ns == TIME_NONE)
        ns = of_langwatch(x);
    if (ns == TIME_NONE)
        ns = of_slots(x, vercel, 1e6, true);
    if (ns == TIME_NONE)
        ns = of_slots(x, semconv, 1e9, false);
    if (ns == TIME_NONE)
        ns = of_slots(x, server, 1e6, false);
    return ns == TIME_NONE ? of_events(x) : ns;
}

/* ---- level and message (2.10) --------------------------------------------------------------------------------------- */

#define LEVEL_NONE (-1)

static int level_of_langfuse(const struct mapping *x)
{
    static const struct {
        const char *word;
        enum level level;
    } words[] = { { "DEBUG", LEVEL_DEBUG }, { "TRACE", LEVEL_DEBUG }, { "VERBOSE", LEVEL_DEBUG },
        { "DEFAULT", LEVEL_DEFAULT }, { "INFO", LEVEL_DEFAULT }, { "LOG", LEVEL_DEFAULT },
        { "NOTICE", LEVEL_DEFAULT }, { "OK", LEVEL_DEFAULT }, { "SUCCESS", LEVEL_DEFAULT },
        { "WARNING", LEVEL_WARNING }, { "WARN", LEVEL_WARNING }, { "ERROR", LEVEL_ERROR },
        { "FATAL", LEVEL_ERROR }, { "CRITICAL", LEVEL_ERROR } };
    struct str level = str_trim(otlp__slot_text(x, ATTR_langfuse_observation_level));
    for (size_t i = 0; level.n && i < sizeof words / sizeof *words; i++)
        if (str_eq_nocase(level, str_of(words[i].word)))
            return (int)words[i].level;
    return LEVEL_NONE;
}

/* LiveKit's spans of less than a second that nobody looks for. */
static bool is_livekit_noise(const struct mapping *x)
{
    static const char *const names[] = { "user_speaking", "eou_detection", "llm_request_run", "tts_node",
        "tts_request", "tts_request_run", "tts_stream_adapter", "agent_speaking", "drain_agent_activity",
        "on_enter", "on_exit", "llm_fallback_adapter", "tts_fallback_adapter", "start_agent_activity" };
    for (size_t i = 0; x->sender.livekit && i < sizeof names / sizeof *names; i++)
        if (str_is(x->span->name, names[i]))
            return true;
    return false;
}

static int level_of_logfire(const struct mapping *x)
{
    double n;
    if (!otlp__number(otlp__get(x, ATTR_logfire_level_num), &n))
        return LEVEL_NONE;
    return n >= 17 ? LEVEL_ERROR : n >= 13 ? LEVEL_WARNING : n <= 8 ? LEVEL_DEBUG : LEVEL_NONE;
}

/* LEVEL_NONE reads as DEFAULT, and does not replace what somebody else said. */
static int level_of(const struct mapping *x)
{
    int level = level_of_langfuse(x);
    if (level != LEVEL_NONE)
        return level;
    if (x->span->status == STATUS_ERROR)
        return LEVEL_ERROR;
    return is_livekit_noise(x) ? LEVEL_DEBUG : level_of_logfire(x);
}

static struct str message_of_exception(const struct mapping *x)
{
    for (size_t i = x->span->n_events; i > 0; i--) {
        const struct otlp_event *e = &x->span->events[i - 1];
        const struct any *v =
            str_is(e->name, "exception") ? otlp__event_get(e, "exception.message", NULL) : NULL;
        if (otlp__is_present(v))
            return otlp__text(x, v);
    }
    return STR_NONE;
}

static struct str status_message(const struct mapping *x)
{
    static const enum attribute_slot others[] = { ATTR_error_message, ATTR_exception_message, ATTR_END };
    struct str message = otlp__slot_text(x, ATTR_langfuse_observation_status_message);
    if (!message.p && x->span->status_message.n)
        message = x->span->status_message;
    if (!message.p)
        message = message_of_exception(x);
    return message.p ? message : otlp__text(x, otlp__first(x, others, NULL));
}

void otlp__map_state(struct mapping *x)
{
    int level = level_of(x);
    event_set_int(x->event, OBSERVATION_first_token_ns, first_token(x));
    if (level != LEVEL_NONE)
        event_set_int(x->event, OBSERVATION_level, level);
    event_set_text(x->event, OBSERVATION_status_message, status_message(x));
}
