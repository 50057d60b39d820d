/*
 * Scores and tracked events that ride on a span (otlp.md 2.12, langwatch.md 7, 8): each an event of its own. Their ids follow from what they
 * judge, so that a span sent twice judges once.
 */
#include "dialect/otlp/map_priv.h"

#include "base/hash.h"

/* ---- one score -------------------------------------------------------------------------------------------------------- */

/* What is judged; the members that do not apply are absent. */
struct target {
    struct str trace_id, observation_id, session_id;
};

struct score {
    struct target target;
    struct str name, label, comment;
    struct str identifier; /* tells scores of one name apart; absent: the span that carries it does */
    struct str metadata;   /* JSON object */
    struct any value;      /* ANY_NULL: none */
    bool human;
};

static struct target this_span(const struct mapping *x)
{
    return (struct target){ x->span->trace_id, x->span->span_id, STR_NONE };
}

/* Of the parts, each with a byte after it that no id has. */
static struct str id_of(const struct mapping *x, const struct str *parts, size_t n)
{
    uint8_t sha[32];
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&b, parts[i]);
        buf_add_char(&b, '\n');
    }
    hash_sha256(buf_str(&b), sha);
    buf_fini(&b);
    return hex_encode(x->arena, sha, 16);
}

static struct str score_id(const struct mapping *x, const struct score *s)
{
    struct str parts[] = { s->target.session_id, s->target.trace_id, s->target.observation_id, s->name,
        s->identifier.p ? s->identifier : x->span->span_id };
    return id_of(x, parts, sizeof parts / sizeof *parts);
}

/* {type, number, boolean, text}: the type is that of the first there is. */
static struct str score_value(struct mapping *x, const struct any *v, struct str label)
{
    double number;
    bool verdict = v->kind == ANY_BOOL, counts = otlp__number(v, &number);
    struct jw w = otlp__begin(x);
    if (verdict || counts || label.n)
        jw_kv_cstr(&w, "type", counts ? "NUMERIC" : verdict ? "BOOLEAN" : "CATEGORICAL");
    if (counts)
        jw_kv_f64(&w, "number", number);
    if (verdict)
        jw_kv_bool(&w, "boolean", v->b);
    if (label.n)
        jw_kv_str(&w, "text", label);
    return otlp__end(x, &w);
}

/* The span's own time orders them: feedback that comes again with a changed mind is on a later span. */
static int64_t span_time(const struct otlp_span *s)
{
    return s->start_ns != TIME_NONE ? s->start_ns : s->end_ns;
}

static struct event *new_event(
    struct mapping *x, enum profile p, struct str scope, struct str id, int64_t t_ns)
{
    x->event = event_new(x->m->batch, p, x->m->project, scope, id, t_ns);
    x->event->wire_index = x->span->index;
    return x->event;
}

static void add_score(struct mapping *x, const struct score *s)
{
    struct str value = score_value(x, &s->value, s->label);
    if (!s->name.n || !value.p)
        return;
    struct event *e = new_event(x, PROFILE_OTLP_SCORE, STR_NONE, score_id(x, s), span_time(x->span));
    event_set_text(e, SCORE_name, s->name);
    event_set_int(e, SCORE_source, s->human ? SOURCE_ANNOTATION : SOURCE_EVAL);
    event_set_json(e, SCORE_value, value);
    event_set_text(e, SCORE_comment, s->comment);
    event_set_text(e, SCORE_trace_id, s->target.trace_id);
    event_set_text(e, SCORE_observation_id, s->target.observation_id);
    event_set_text(e, SCORE_session_id, s->target.session_id);
    event_set_json(e, SCORE_metadata, s->metadata);
    event_set_int(e, SCORE_time_ns, span_time(x->span));
}

/* ---- OpenInference: annotations and evaluations ------------------------------------------------------------------------- */

enum judged { JUDGES_SPAN, JUDGES_TRACE, JUDGES_SESSION };

/* A carrier with exactly one link speaks of the span it links to, after the fact. A session is known by its id alone; without one it is
 * the trace that is judged. */
static struct target target_of(const struct mapping *x, enum judged judged)
{
    const struct otlp_span *s = x->span;
    struct target t = this_span(x);
    struct str session = otlp__slot_text(x, ATTR_session_id);
    if (judged == JUDGES_SESSION && str_is_id(session))
        return (struct target){ STR_NONE, STR_NONE, session };
    if (s->n_links == 1 && str_is_id(s->links[0].trace_id) && str_is_id(s->links[0].span_id))
        t = (struct target){ s->links[0].trace_id, s->links[0].span_id, STR_NONE };
    if (judged != JUDGES_SPAN)
        t.observation_id = STR_NONE;
    return t;
}

static struct any any_of(const struct mapping *x, struct json v)
{
    struct any out = { ANY_NULL, { .i = 0 } };
    if (json_is_str(v))
        out = (struct any){ ANY_TEXT, { .s = json_str(v) } };
    else if (json_type(v) == JSON_BOOL)
        out = (struct any){ ANY_BOOL, { .b = json_bool(v) } };
    else if (json_f64(v, &out.d))
        out.kind = ANY_DOUBLE;
    return out;
}

/* JSON text of an object, or an object. */
static struct str object_of(const struct mapping *x, struct json v)
{
    struct json parsed = v;
    if (json_is_str(v) && json_parse(x->scratch, json_str(v), 0, &parsed, NULL) != ST_OK)
        return STR_NONE;
    return json_is_obj(parsed) && json_size(parsed) ? arena_dup(x->arena, json_text(x->scratch, parsed))
                                                    : STR_NONE;
}

static struct str kept(const struct mapping *x, struct json v)
{
    return arena_dup(x->arena, json_str(v));
}

static void add_annotation(struct mapping *x, struct json v, enum judged judged)
{
    struct str label = kept(x, json_key(v, "label")), identifier = kept(x, json_key(v, "identifier"));
    add_score(x, &(struct score){ .target = target_of(x, judged),
                     .name = kept(x, json_key(v, "name")),
                     .label = label,
                     .comment = kept(x, json_key(v, "explanation")),
                     .identifier = identifier.n ? identifier : STR_NONE,
                     .metadata = object_of(x, json_key(v, "metadata")),
                     .value = any_of(x, json_key(v, "score")),
                     .human = str_eq_nocase(json_str(json_key(v, "annotator_kind")), STR("HUMAN")) });
}

static void add_family(struct mapping *x, enum attribute_family family, const char *word, enum judged judged)
{
    struct str text = otlp__family_json(x, family, false);
    struct json list, item;
    if (!text.p || json_parse(x->scratch, text, 0, &list, NULL) != ST_OK || !json_is_arr(list))
        return;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);)
        add_annotation(x, json_key(item, word), judged);
}

/* ---- span events -------------------------------------------------------------------------------------------------------- */

static struct str event_text(const struct mapping *x, const struct otlp_event *e, const char *key)
{
    return otlp__text(x, otlp__event_get(e, key, NULL));
}

/* gen_ai.evaluation.result (semconv 1.38) judges the span it is on. */
void otlp__add_result(struct mapping *x, const struct otlp_event *e)
{
    const struct any *value = otlp__event_get(e, "gen_ai.evaluation.score.value", NULL);
    add_score(x, &(struct score){ .target = this_span(x),
                     .name = event_text(x, e, "gen_ai.evaluation.name"),
                     .label = event_text(x, e, "gen_ai.evaluation.score.label"),
                     .comment = event_text(x, e, "gen_ai.evaluation.explanation"),
                     .value = value ? *value : (struct any){ ANY_NULL, { .i = 0 } } });
}

/* Python writes ids as hex numbers, without their leading zeros (langwatch.md 11). */
static struct str padded(const struct mapping *x, struct str id, size_t digits)
{
    uint8_t byte[1];
    for (size_t i = 0; i < id.n; i++) {
        char two[2] = { '0', id.p[i] };
        if (!hex_decode((struct str){ two, 2 }, byte))
            return arena_dup(x->arena, id);
    }
    if (id.n == 0 || id.n >= digits)
        return id.n ? arena_dup(x->arena, id) : STR_NONE;
    return arena_printf(
        x->arena, "%.*s%.*s", (int)(digits - id.n), "00000000000000000000000000000000", STR_ARG(id));
}

static struct str evaluation_id(struct mapping *x, struct json v, struct str trace_id)
{
    uint8_t md5[16];
    struct str id = json_str(json_key(v, "evaluation_id"));
    if (str_is_id(id))
        return arena_dup(x->arena, id);
    struct jw w = otlp__begin(x);
    jw_kv_raw(&w, "evaluation", json_canonical(x->scratch, v));
    jw_kv_str(&w, "traceId", trace_id);
    jw_obj_end(&w);
    hash_md5(buf_str(&x->text), md5);
    return arena_printf(x->arena, "eval_md5_%.*s", STR_ARG(hex_encode(x->arena, md5, sizeof md5)));
}

static struct str evaluation_value(struct mapping *x, struct json v)
{
    struct json score = json_key(v, "score"), passed = json_key(v, "passed");
    struct str label = json_str(json_key(v, "label"));
    bool verdict = json_type(passed) == JSON_BOOL, number = json_is_num(score);
    struct jw w = otlp__begin(x);
    if (number || verdict || label.p)
        jw_kv_cstr(&w, "type", number ? "NUMERIC" : verdict ? "BOOLEAN" : "CATEGORICAL");
    jw_kv_raw_opt(&w, "number", json_num_text(score));
    if (verdict)
        jw_kv_bool(&w, "boolean", json_bool(passed));
    jw_kv_str_opt(&w, "text", label);
    return otlp__end(x, &w);
}

/* What an evaluation has beyond the columns, as the collector keeps it (langwatch.md 3.7). */
static struct str evaluation_leftovers(struct mapping *x, struct json v)
{
    static const char *const members[] = { "type", "evaluation_thread_id", "inputs", "cost" };
    struct json error = json_key(v, "error"), stacktrace = json_key(error, "stacktrace");
    struct jw w = otlp__begin(x);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_is_set(json_key(v, members[i]))) {
            jw_key(&w, members[i]);
            jw_value(&w, json_key(v, members[i]));
        }
    if (json_is_obj(error)) {
        jw_key(&w, "error");
        jw_obj(&w);
        jw_kv_str(&w, "message", json_str(json_key(error, "message")));
        jw_kv_raw(&w, "stacktrace", json_is_arr(stacktrace) ? json_text(x->scratch, stacktrace) : STR("[]"));
        jw_obj_end(&w);
    }
    return otlp__end(x, &w);
}

static int64_t ms_of(struct json v)
{
    double ms;
    return json_f64(v, &ms) && ms > 0 && ms < 9.2e12 ? (int64_t)ms * NS_PER_MS : TIME_NONE;
}

static void set_evaluation(struct mapping *x, struct event *e, struct json v)
{
    struct json guardrail = json_key(v, "is_guardrail");
    struct str evaluator = json_str(json_key(v, "evaluator_id")), span = json_str(json_key(v, "span_id"));
    event_set_text(e, SCORE_name, kept(x, json_key(v, "name")));
    event_set_int(e, SCORE_source, SOURCE_EVAL);
    event_set_text(e, SCORE_comment, kept(x, json_key(v, "details")));
    if (evaluator.n)
        event_set_text(e, SCORE_evaluator_id, arena_dup(x->arena, evaluator));
    event_set_text(e, SCORE_observation_id, str_is_id(span) ? padded(x, span, 16) : x->span->span_id);
    if (json_type(guardrail) == JSON_BOOL)
        event_set_int(e, SCORE_is_guardrail, json_bool(guardrail));
}

/* langwatch.evaluation.custom: JSON text of an evaluation as the collector takes it. One that says nothing stays an event of the span. */
static void add_evaluation(struct mapping *x, const struct otlp_event *sent)
{
    const struct any *text = otlp__event_get(sent, "json_encoded_event", NULL);
    struct json v = otlp__parse(x, text), times = json_key(v, "timestamps");
    struct str status = json_str(json_key(v, "status")), trace = json_str(json_key(v, "trace_id"));
    if (json_str(json_key(v, "name")).n == 0)
        return;
    if (!status.n)
        status = json_is_set(json_key(v, "error")) ? STR("error") : STR("processed");
    struct str trace_id = str_is_id(trace) ? padded(x, trace, 32) : x->span->trace_id;
    int64_t started = ms_of(json_key(times, "started_at")), finished = ms_of(json_key(times, "finished_at"));
    int64_t t = finished != TIME_NONE ? finished : started != TIME_NONE ? started : sent->time_ns;
    struct event *e = new_event(x, PROFILE_LANGWATCH_EVALUATION, STR_NONE, evaluation_id(x, v, trace_id),
        t != TIME_NONE ? t : span_time(x->span));
    set_evaluation(x, e, v);
    if (str_is(status, "processed"))
        event_set_json(e, SCORE_value, evaluation_value(x, v));
    event_set_text(e, SCORE_trace_id, trace_id);
    event_set_text(e, SCORE_status, arena_dup(x->arena, status));
    event_set_json(e, SCORE_leftovers, evaluation_leftovers(x, v));
    event_set_int(e, SCORE_started_ns, started);
    event_set_int(e, SCORE_finished_ns, finished);
    event_set_int(e, SCORE_time_ns, t);
}

void otlp__map_scores(struct mapping *x)
{
    add_family(x, FAM_annotations, "annotation", JUDGES_SPAN);
    add_family(x, FAM_evaluations, "evaluation", JUDGES_SPAN);
    add_family(x, FAM_trace_annotations, "annotation", JUDGES_TRACE);
    add_family(x, FAM_trace_evaluations, "evaluation", JUDGES_TRACE);
    add_family(x, FAM_session_annotations, "annotation", JUDGES_SESSION);
    add_family(x, FAM_session_evaluations, "evaluation", JUDGES_SESSION);
    for (size_t i = 0; i < x->span->n_events; i++) {
        const struct otlp_event *e = &x->span->events[i];
        if (str_is(e->name, "gen_ai.evaluation.result"))
            otlp__add_result(x, e);
        else if (str_is(e->name, "langwatch.evaluation.custom"))
            add_evaluation(x, e);
    }
}

/* ---- tracked events ----------------------------------------------------------------------------------------------------- */

/* Members below a prefix as an object. `numbers`: only what is a number, as one. */
static void write_below(const struct mapping *x, struct jw *w, const char *key, const struct otlp_event *e,
    const char *prefix, bool numbers)
{
    struct str start = str_of(prefix);
    double n;
    jw_key(w, key);
    jw_obj(w);
    for (size_t i = 0; i < e->attributes.n; i++) {
        const struct otlp_attribute *at = &e->attributes.items[i];
        if (!str_starts(at->key, start) || at->key.n == start.n)
            continue;
        if (numbers && !otlp__number(&at->value, &n))
            continue;
        jw_key_str(w, str_sub(at->key, start.n, SIZE_MAX));
        if (numbers)
            jw_f64(w, n);
        else
            jw_str(w, otlp__text(x, &at->value));
    }
    jw_obj_end(w);
}

static struct str tracked_body(struct mapping *x, const struct otlp_event *e, struct str event_id)
{
    struct jw w = otlp__begin(x);
    jw_kv_str(&w, "event_id", event_id);
    write_below(x, &w, "metrics", e, "event.metrics.", true);
    write_below(x, &w, "event_details", e, "event.details.", false);
    return otlp__end(x, &w);
}

static int64_t tracked_time(const struct mapping *x, const struct otlp_event *e)
{
    return e->time_ns != TIME_NONE ? e->time_ns : span_time(x->span);
}

/* A vote is a score too, as /api/track_event makes one. */
static void add_vote(struct mapping *x, const struct otlp_event *sent, struct str record)
{
    const struct any *vote = otlp__event_get(sent, "event.metrics.vote", NULL);
    struct str feedback = event_text(x, sent, "event.details.feedback");
    double n;
    if (!otlp__number(vote, &n) || n < -1 || n > 1)
        return;
    struct str value = score_value(x, vote, STR_NONE);
    struct event *e = new_event(x, PROFILE_OTLP_SCORE, STR_NONE,
        arena_printf(x->arena, "thumbs_up_down_%.*s", STR_ARG(record)), tracked_time(x, sent));
    event_set_text(e, SCORE_name, STR("thumbs_up_down"));
    event_set_int(e, SCORE_source, SOURCE_ANNOTATION);
    event_set_json(e, SCORE_value, value);
    event_set_text(e, SCORE_comment, feedback);
    event_set_text(e, SCORE_trace_id, x->span->trace_id);
    event_set_int(e, SCORE_time_ns, tracked_time(x, sent));
}

/* The record that /api/track_event makes: known by its id in its trace. Without an id, by its place on the span. */
static void add_tracked(struct mapping *x, const struct otlp_event *sent, size_t place)
{
    struct str type = event_text(x, sent, "event.type"), event_id = event_text(x, sent, "event.id");
    uint8_t sha[32];
    if (!type.n)
        return;
    if (!str_is_id(event_id))
        event_id = arena_printf(x->arena, "%.*s_%zu", STR_ARG(x->span->span_id), place);
    hash_sha256(arena_printf(x->scratch, "%.*s:%.*s", STR_ARG(x->span->trace_id), STR_ARG(event_id)), sha);
    struct str id = hex_encode(x->arena, sha, 16), body = tracked_body(x, sent, event_id);
    struct event *e = new_event(x, PROFILE_OTLP_EVENT, STR("tracked_event"), id, tracked_time(x, sent));
    event_set_text(e, RECORD_name, type);
    event_set_text(e, RECORD_trace_id, x->span->trace_id);
    event_set_int(e, RECORD_time_ns, tracked_time(x, sent));
    event_set_json(e, RECORD_body, body);
    if (str_is(type, "thumbs_up_down"))
        add_vote(x, sent, id);
}

void otlp__map_tracked_events(struct mapping *x)
{
    for (size_t i = 0; i < x->span->n_events; i++)
        if (str_is(x->span->events[i].name, "langwatch.event"))
            add_tracked(x, &x->span->events[i], i);
}
