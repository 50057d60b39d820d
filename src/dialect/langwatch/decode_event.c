/*
 * POST /api/track_event and /api/events/track: something that happened to a trace after it ran (langwatch.md 7). Kept as a record of
 * the trace, so that it takes no part in times, cost or texts; a vote is kept as a score too, where every dialect can see it.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

#include "base/hash.h"

struct tracked {
    struct json body;
    struct str type, trace_id;
    struct json metrics, details;
    int64_t t_ns;
};

/* ---- checks --------------------------------------------------------------------------------------------------------- */

static void check_metrics(struct issues *is, struct json metrics)
{
    struct str key;
    struct json v;
    const struct at *at = AT(NULL, "metrics");
    if (!langwatch__is_object(is, at, metrics, false))
        return;
    for (struct json_iter it = json_iter(metrics); json_next(&it, &key, &v);)
        langwatch__is_number(is, AT_KEY(at, key), v, false);
}

static void check_details(struct issues *is, struct json details)
{
    struct str key;
    struct json v;
    const struct at *at = AT(NULL, "event_details");
    if (!langwatch__is_object(is, at, details, true))
        return;
    for (struct json_iter it = json_iter(details); json_next(&it, &key, &v);)
        if (!json_is_null(v))
            langwatch__is_text(is, AT_KEY(at, key), v, false);
}

/* Events whose metric must be there and in a range. */
static const struct {
    const char *type, *metric;
    double least, most;
    bool above; /* least itself is too little */
} predefined[] = {
    { "thumbs_up_down", "vote", -1, 1, false },
    { "selected_text", "text_length", 0, 1e300, true },
    { "waited_to_finish", "finished", 0, 1, false },
};

static void check_predefined(struct issues *is, const struct tracked *t)
{
    double n;
    for (size_t i = 0; i < sizeof predefined / sizeof *predefined; i++) {
        const struct at *at = AT_KEY(AT(NULL, "metrics"), str_of(predefined[i].metric));
        struct json v = json_key(t->metrics, predefined[i].metric);
        if (!str_is(t->type, predefined[i].type) || !json_is_obj(t->metrics))
            continue;
        if (!json_is_num(v) || !json_f64(v, &n)) {
            if (json_type(v) == JSON_ABSENT) /* another type has its issue already */
                langwatch__issue_type(is, at, "number", v);
        } else if (n < predefined[i].least || (predefined[i].above && n <= predefined[i].least))
            langwatch__issue(is, at, "too_small",
                arena_printf(is->arena, "Number must be greater than %s%g",
                    predefined[i].above ? "" : "or equal to ", predefined[i].least));
        else if (n > predefined[i].most)
            langwatch__issue(is, at, "too_big",
                arena_printf(is->arena, "Number must be less than or equal to %g", predefined[i].most));
    }
}

static void check(struct issues *is, struct tracked *t)
{
    struct json id = json_key(t->body, "event_id"), time = json_key(t->body, "timestamp");
    double ms;
    if (!langwatch__is_object(is, NULL, t->body, false))
        return;
    langwatch__is_id(is, AT(NULL, "trace_id"), json_key(t->body, "trace_id"));
    langwatch__is_text(is, AT(NULL, "event_type"), json_key(t->body, "event_type"), false);
    if (json_type(id) != JSON_ABSENT)
        langwatch__is_id(is, AT(NULL, "event_id"), id);
    if (json_type(time) != JSON_ABSENT && langwatch__is_number(is, AT(NULL, "timestamp"), time, false) &&
        json_f64(time, &ms)) {
        if (ms > -9.2e12 && ms < 9.2e12)
            t->t_ns = (int64_t)ms * NS_PER_MS;
        else
            langwatch__issue(is, AT(NULL, "timestamp"), "custom", STR("Expected epoch milliseconds"));
    }
    check_metrics(is, t->metrics);
    check_details(is, t->details);
    check_predefined(is, t);
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

/* A record is known by its kind and id in the whole project, an event by its id in its trace. */
static struct str record_id(struct arena *a, const struct tracked *t, struct str event_id)
{
    uint8_t sha[32];
    hash_sha256(arena_printf(a, "%.*s:%.*s", STR_ARG(t->trace_id), STR_ARG(event_id)), sha);
    return hex_encode(a, sha, 16);
}

static struct str body_of(struct arena *a, const struct tracked *t, struct str event_id)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_str(&w, "event_id", event_id);
    jw_key(&w, "metrics");
    jw_value(&w, t->metrics);
    jw_key(&w, "event_details");
    if (json_is_obj(t->details))
        jw_value(&w, t->details);
    else
        jw_raw(&w, STR("{}"));
    jw_obj_end(&w);
    return langwatch__taken(a, &out);
}

static void add_vote(struct call *c, struct batch *b, const struct tracked *t, struct str id)
{
    struct json vote = json_key(t->metrics, "vote");
    struct event *e = event_new(b, PROFILE_LANGWATCH_EVALUATION, c->caller->project, STR_NONE,
        arena_printf(c->arena, "thumbs_up_down_%.*s", STR_ARG(id)), t->t_ns);
    event_set_text(e, SCORE_name, STR("thumbs_up_down"));
    event_set_int(e, SCORE_source, SOURCE_ANNOTATION);
    event_set_json(e, SCORE_value,
        arena_printf(c->arena, "{\"type\":\"NUMERIC\",\"number\":%.*s}", STR_ARG(json_num_text(vote))));
    event_set_text(e, SCORE_comment, json_str(json_key(t->details, "feedback")));
    event_set_text(e, SCORE_trace_id, t->trace_id);
    event_set_int(e, SCORE_time_ns, t->t_ns);
}

static void add_events(struct call *c, struct batch *b, const struct tracked *t)
{
    char uuid[37];
    struct str event_id = json_str(json_key(t->body, "event_id"));
    if (!event_id.p)
        event_id = arena_dup(c->arena, uuid_new(uuid));
    struct str id = record_id(c->arena, t, event_id);
    struct event *e =
        event_new(b, PROFILE_LANGWATCH_EVENT, c->caller->project, STR("tracked_event"), id, t->t_ns);
    e->wire_index = 0;
    event_set_text(e, RECORD_name, t->type);
    event_set_text(e, RECORD_trace_id, t->trace_id);
    event_set_int(e, RECORD_time_ns, t->t_ns);
    event_set_json(e, RECORD_body, body_of(c->arena, t, event_id));
    e = event_new(b, PROFILE_LANGWATCH_TRACE, c->caller->project, STR_NONE, t->trace_id, TIME_NONE);
    event_set_receipt(e, TRACE_start_ns, RANK_HINT, FIRST);
    event_set_int(e, TRACE_exists, 1);
    if (str_is(t->type, "thumbs_up_down"))
        add_vote(c, b, t, id);
    batch_results(b, 1);
}

enum status langwatch_event_write(struct call *c, struct batch *b, struct err *err)
{
    struct issues is = { .arena = c->arena };
    struct tracked t = { .t_ns = TIME_NONE };
    enum status st = call_json(c, &t.body, err);
    if (st == ST_TOO_LARGE)
        return st;
    if (st != ST_OK && str_starts(c->path, STR("/api/events/")))
        return langwatch__fail_error(c, err, ST_INVALID, STR("Bad request"));
    if (st != ST_OK)
        return langwatch__fail_message(c, err, ST_INVALID, STR("Bad request"));
    t.type = json_str(json_key(t.body, "event_type"));
    t.trace_id = json_str(json_key(t.body, "trace_id"));
    t.metrics = json_key(t.body, "metrics");
    t.details = json_key(t.body, "event_details");
    check(&is, &t);
    if (is.n > 0)
        return langwatch__fail_issues(c, err, &is, STR_NONE);
    add_events(c, b, &t);
    return ST_OK;
}

void langwatch_event_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    (void)c;
    jw_obj(&w);
    jw_kv_cstr(&w, "message", "Event tracked");
    jw_obj_end(&w);
}
