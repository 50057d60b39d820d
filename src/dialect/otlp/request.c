/*
 * A whole request on the OTLP path of any dialect: which form the body has (otlp.md 1.2), read, map, and what the sum of it is.
 *
 * The label is often wrong, so the body decides: what begins with { or [ is JSON, since no export in protobuf begins so. Else the form that
 * the label names is tried first, then the other one. An export in protobuf begins with a line break, and its second byte, a length, may be
 * a {; such a body is no JSON further on.
 *
 * Each span or record has a result in the batch, so that what ingest rejects is counted with what was rejected here.
 */
#include "dialect/otlp/otlp_priv.h"

#include <string.h>

/* ---- the label ------------------------------------------------------------------------------------------------------ */

enum label { LABEL_OTHER, LABEL_PROTOBUF, LABEL_JSON };

static enum label label_of(const struct call *c)
{
    struct str v = call_header(c, "content-type"), type;
    if (!str_cut(&v, ';', &type))
        return LABEL_OTHER;
    type = str_trim(type);
    if (str_eq_nocase(type, STR("application/x-protobuf")) ||
        str_eq_nocase(type, STR("application/protobuf")) ||
        str_eq_nocase(str_sub(type, 0, 16), STR("application/grpc")))
        return LABEL_PROTOBUF;
    return str_eq_nocase(type, STR("application/json")) ? LABEL_JSON : LABEL_OTHER;
}

static bool opens_json(struct str s)
{
    return s.n > 0 && (s.p[0] == '{' || s.p[0] == '[');
}

bool otlp_wants_protobuf(const struct call *c)
{
    const struct otlp_outcome *o = c->state;
    return o ? o->protobuf : label_of(c) == LABEL_PROTOBUF;
}

/* ---- taking what is read ---------------------------------------------------------------------------------------------- */

struct taking {
    struct call *call;
    struct batch *batch;
    struct otlp_outcome *outcome;
    struct otlp_mapper *mapper;
    bool *kept; /* by index */
    size_t n_kept, cap_kept;
};

static void begin(struct taking *t)
{
    t->batch->n_events = 0; /* of the form that was tried before */
    t->batch->n_removals = 0;
    t->outcome->tally = (struct otlp_tally){ 0 };
    t->outcome->warning = STR_NONE;
    t->n_kept = 0;
    t->mapper = otlp_mapper_new(
        t->batch, t->call->caller->project, t->call->now_ns, call_header(t->call, "x-langtrace-session-id"));
}

static void end(struct taking *t)
{
    t->outcome->warning = arena_dup(t->call->arena, otlp_mapper_warning(t->mapper));
    otlp_mapper_free(t->mapper);
}

static void keep(struct taking *t, uint32_t index)
{
    t->kept = arena_grow(t->call->arena, t->kept, &t->cap_kept, (size_t)index + 1, sizeof *t->kept);
    memset(t->kept + t->n_kept, 0, index - t->n_kept);
    t->kept[index] = true;
    t->n_kept = (size_t)index + 1;
}

/* The mapping knows the field, not the place. */
static void refuse(struct taking *t, uint32_t index, const struct err *err)
{
    struct err placed;
    err_set(&placed, ST_INVALID, "spans[%u]%s%s (counted through the request): %.200s", index,
        err->path[0] ? "." : "", err->path, err->text);
    otlp_reject(&t->outcome->tally, &placed);
}

static void on_span(void *ctx, const struct otlp_span *s)
{
    struct taking *t = ctx;
    struct err err = { 0 };
    if (otlp_map_span(t->mapper, s, &err) == ST_OK)
        keep(t, s->index);
    else
        refuse(t, s->index, &err);
}

#define LOGS_KEPT                                                                                                            \
    "logs are not stored, but for GenAI content that names its trace and span: events gen_ai.*, and what Spring AI, Claude " \
    "Code and Codex log"

static void on_log(void *ctx, const struct otlp_log *l)
{
    struct taking *t = ctx;
    struct err err;
    if (otlp_map_log(t->mapper, l)) {
        keep(t, l->index);
        return;
    }
    err_set(&err, ST_INVALID, LOGS_KEPT);
    otlp_reject(&t->outcome->tally, &err);
}

/* All that are rejected share one reason: nobody asks for more than the first. */
static enum status make_results(struct taking *t, struct err *err)
{
    const struct otlp_tally *tally = &t->outcome->tally;
    enum status st = batch_room(t->batch, tally->seen * sizeof *t->batch->results, err);
    if (st != ST_OK)
        return st;
    struct event_result rejected = { .outcome = OUTCOME_REJECTED, .err = &tally->first };
    batch_results(t->batch, tally->seen);
    for (size_t i = 0; i < tally->seen; i++)
        if (i >= t->n_kept || !t->kept[i])
            t->batch->results[i] = rejected;
    return ST_OK;
}

/* ---- the two forms -------------------------------------------------------------------------------------------------- */

/* Is the body of another signal? Then it is on the wrong path. */
static enum status misplaced(enum otlp_signal found, enum otlp_signal wanted, struct err *err)
{
    const struct otlp_words *is = otlp__words(found), *want = otlp__words(wanted);
    return err_set(err, ST_INVALID,
        "this is an export of %s (%s), and the path takes %s; send it to the path that ends in %s",
        is->signal, is->resources.p, want->signal, is->path);
}

static bool has_resources(struct arena *a, struct json body, enum otlp_signal signal)
{
    struct str camel = otlp__words(signal)->resources; /* resourceSpans, resource_spans */
    struct str snake =
        arena_printf(a, "resource_%c%.*s", camel.p[8] | 0x20, STR_ARG(str_sub(camel, 9, SIZE_MAX)));
    return json_type(json_get(body, camel)) != JSON_ABSENT || json_type(json_get(body, snake)) != JSON_ABSENT;
}

/* Unknown members are fine beside known ones. Alone they are no export; vendors' paths take them for an empty one, as the vendors do. */
static enum status check_members(struct call *c, struct json body, enum otlp_signal signal, struct err *err)
{
    if (!json_is_obj(body) || json_size(body) == 0 || has_resources(c->arena, body, signal))
        return ST_OK;
    for (enum otlp_signal s = SIGNAL_TRACES; s <= SIGNAL_METRICS; s++)
        if (has_resources(c->arena, body, s))
            return misplaced(s, signal, err);
    if (c->dialect != &otlp_dialect)
        return ST_OK;
    return err_set(err, ST_INVALID, "the body has no member %s, which holds what is exported",
        otlp__words(signal)->resources.p);
}

/* Invalid UTF-8 becomes U+FFFD instead of failing the batch (otlp.md 1.2). */
static enum status parse(struct call *c, struct json *out, struct err *err)
{
    enum status st = call_json(c, out, err);
    if (st == ST_OK || str_is_utf8(c->body))
        return st;
    return json_parse(c->arena, otlp_repaired(c->arena, c->body), 0, out, err);
}

static enum status read_json(struct taking *t, struct json body, struct err *err)
{
    const struct otlp_sink sink = { .ctx = t, .span = on_span, .log = on_log, .batch = t->batch };
    struct otlp_outcome *o = t->outcome;
    struct reading r;
    enum status st = check_members(t->call, body, o->signal, err);
    o->protobuf = false;
    if (st != ST_OK)
        return st;
    begin(t);
    otlp__reading_init(&r, t->batch->arena, o->signal, &sink, &o->tally);
    r.any_ids = t->call->dialect == &langtrace_dialect;
    st = otlp__read_json(&r, body, err);
    otlp__reading_fini(&r);
    end(t);
    return st;
}

static enum status read_protobuf(struct taking *t, struct err *err)
{
    const struct otlp_sink sink = { .ctx = t, .span = on_span, .log = on_log, .batch = t->batch };
    struct otlp_outcome *o = t->outcome;
    enum otlp_signal found;
    begin(t);
    enum status st = otlp_read_protobuf(t->batch->arena, t->call->body, o->signal, &sink, &o->tally, err);
    end(t);
    if (st == ST_OK && (o->tally.seen == 0 || o->tally.rejected < o->tally.seen))
        return ST_OK;
    if (!otlp__guess_signal(t->call->body, &found) || found == o->signal)
        return st;
    o->protobuf = true;
    return misplaced(found, o->signal, err);
}

static enum status unknown_type(const struct call *c, struct err *err)
{
    struct str type = call_header(c, "content-type");
    return err_set(err, ST_MEDIA,
        "the body is neither protobuf nor JSON (content type \"%.*s\"); send application/x-protobuf or "
        "application/json",
        (int)str_utf8_clip(type, 100), type.n ? type.p : "");
}

/* JSON first. What is no JSON may be protobuf; if it is neither, the first error stands. */
static enum status try_json(struct taking *t, struct err *err)
{
    struct json body;
    struct err second;
    enum status st = parse(t->call, &body, err);
    if (st == ST_OK)
        return read_json(t, body, err);
    if (st != ST_INVALID)
        return st;
    enum status other = read_protobuf(t, &second);
    if (other == ST_OK || other == ST_TOO_LARGE)
        t->outcome->protobuf = true;
    if (other != ST_OK && t->outcome->protobuf) /* it is protobuf, but of another signal, or too much */
        *err = second;
    return t->outcome->protobuf ? other : st;
}

/* Protobuf first. JSON can look like protobuf that has nothing in it. */
static enum status try_protobuf(struct taking *t, struct err *err)
{
    struct json body;
    struct err ignored;
    enum status st = read_protobuf(t, err);
    if ((st != ST_OK || t->outcome->tally.seen == 0) && opens_json(str_trim(t->call->body)) &&
        parse(t->call, &body, &ignored) == ST_OK)
        return read_json(t, body, err);
    if (st == ST_OK || st == ST_TOO_LARGE)
        t->outcome->protobuf = true;
    return t->outcome->protobuf ? st : unknown_type(t->call, err);
}

static enum status decode(struct taking *t, struct err *err)
{
    enum label label = label_of(t->call);
    struct str body = t->call->body;
    bool json =
        opens_json(body) || label == LABEL_JSON || (label == LABEL_OTHER && opens_json(str_trim(body)));
    return json ? try_json(t, err) : try_protobuf(t, err);
}

/* ---- the sum -------------------------------------------------------------------------------------------------------- */

/* No span of many can be kept: more likely the sender's fault than each span's (otlp.md 1.6). */
static enum status check_any_kept(const struct otlp_outcome *o, struct err *err)
{
    const struct otlp_tally *t = &o->tally;
    if (o->signal != SIGNAL_TRACES || t->seen == 0 || t->rejected < t->seen)
        return ST_OK;
    if (t->seen == 1)
        return err_set(err, ST_INVALID, "the span cannot be kept: %.300s", t->first.text);
    return err_set(
        err, ST_INVALID, "none of the %zu spans can be kept; the first: %.300s", t->seen, t->first.text);
}

static void reject_metrics(struct otlp_outcome *o)
{
    o->tally.rejected = o->tally.seen;
    err_set(&o->tally.first, ST_INVALID,
        "metrics are not stored: tokens, cost and durations are taken from spans");
}

static enum status write_signal(struct call *c, struct batch *b, enum otlp_signal signal, struct err *err)
{
    struct otlp_outcome *o = arena_alloc(c->arena, sizeof *o);
    struct taking t = { .call = c, .batch = b, .outcome = o };
    *o = (struct otlp_outcome){ .signal = signal, .protobuf = label_of(c) == LABEL_PROTOBUF, .empty = true };
    c->state = o;
    if (c->body.n == 0)
        return ST_OK;
    enum status st = decode(&t, err);
    if (st != ST_OK)
        return st;
    o->empty = o->tally.seen == 0;
    if (signal == SIGNAL_METRICS)
        reject_metrics(o);
    else
        st = make_results(&t, err);
    return st == ST_OK ? check_any_kept(o, err) : st;
}

enum status otlp_traces_write(struct call *c, struct batch *b, struct err *err)
{
    return write_signal(c, b, SIGNAL_TRACES, err);
}

enum status otlp_logs_write(struct call *c, struct batch *b, struct err *err)
{
    return write_signal(c, b, SIGNAL_LOGS, err);
}

enum status otlp_metrics_write(struct call *c, struct batch *b, struct err *err)
{
    return write_signal(c, b, SIGNAL_METRICS, err);
}

/* After the commit: what ingest has rejected counts too. */
struct otlp_outcome *otlp_outcome(const struct call *c)
{
    struct otlp_outcome *o = c->state;
    const struct batch *b = c->batch;
    if (!b || b->n_results == 0)
        return o;
    size_t rejected = 0;
    for (size_t i = b->n_results; i-- > 0;) {
        if (b->results[i].outcome != OUTCOME_REJECTED)
            continue;
        rejected++;
        if (o->tally.rejected == 0)
            o->tally.first = *b->results[i].err;
    }
    o->tally.rejected = rejected;
    return o;
}
