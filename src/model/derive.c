/*
 * derive: what a trace shows of its observations, as one scan of its rows in the order of (start, id) (merge.md 6).
 *
 * Every value is a register of claims. A claim has a rank: 3 said of the trace by a span (later start wins), 2 from a root, 1 a hint,
 * 0 a guess (the earliest wins). Because the scan goes by start, "later" and "earliest" need no comparison; only outputs, which go by
 * end, carry a key of their own.
 */
#include "model/derive.h"

#include <string.h>

#include "model/model_priv.h"

#define USAGE_KEYS_MOST 256 /* distinct usage keys that a trace adds up */
#define NO_CLAIM        (-1)

struct output_claim {
    int64_t end;
    bool set;
};

struct scan {
    struct arena *a;       /* of what is kept */
    struct arena *scratch; /* of one row */
    const struct price_table *prices;
    struct derived *out;
    int ranks[DERIVED_KEYS];
    struct output_claim root_output, guess_output;
    bool input_guessed;
    struct str tree_root; /* LLMonitor: id of the trace's own root row, if it is there */
    struct str *usage_keys;
    int64_t *usage_sums;
    size_t n_usage, cap_usage, cap_sums;
    struct patch *tags, *metadata;
    size_t n_tags, cap_tags, n_metadata, cap_metadata;
};

/* One row, with what decides its claims. */
struct span {
    const struct row *row;
    unsigned families;
    int64_t start, end;
    bool root;
    int said_rank; /* of what it says of its trace */
    int hint_rank;
    struct json said;
};

/* ---- claims --------------------------------------------------------------------------------------------------------- */

static bool claim(struct scan *s, enum derived_key key, int rank, const struct span *sp)
{
    if (rank < s->ranks[key] || (rank == s->ranks[key] && rank != RANK_SAID))
        return false;
    s->ranks[key] = rank;
    s->out->ranks[key] = (uint8_t)rank;
    s->out->key_ns[key] = sp->start;
    return true;
}

static void claim_text(
    struct scan *s, enum derived_key key, int rank, const struct span *sp, struct str value, struct str *to)
{
    if (value.p && claim(s, key, rank, sp) && (to->p == NULL || !str_eq(*to, value)))
        *to = arena_dup(s->a, value);
}

static void claim_said(
    struct scan *s, enum derived_key key, int rank, const struct span *sp, const char *member, struct str *to)
{
    claim_text(s, key, rank, sp, json_str(json_key(sp->said, member)), to);
}

static struct value kept_value(struct scan *s, const struct value *v)
{
    struct value copy = *v;
    copy.s = arena_dup(s->a, v->s);
    return copy;
}

static struct value said_value(struct scan *s, const struct span *sp, const char *member)
{
    struct json v = json_key(sp->said, member);
    return json_is_set(v) ? value_json(json_text(s->a, v)) : (struct value){ 0 };
}

/* ---- what a span says of its trace ---------------------------------------------------------------------------------- */

static void add_patch(
    struct scan *s, struct patch **list, size_t *n, size_t *cap, enum patch_mode mode, struct str json)
{
    if (*n && str_eq((*list)[*n - 1].json, json))
        return; /* spans of one trace tend to say the same */
    *list = arena_grow(s->a, *list, cap, *n + 1, sizeof **list);
    (*list)[(*n)++] = (struct patch){ mode, arena_dup(s->a, json) };
}

static void add_tags(struct scan *s, const struct span *sp, int rank, struct str json)
{
    if (!json.p || json.n <= 2)
        return;
    if (rank > s->ranks[DERIVED_TAGS])
        s->ranks[DERIVED_TAGS] = rank;
    s->out->ranks[DERIVED_TAGS] = (uint8_t)s->ranks[DERIVED_TAGS];
    s->out->key_ns[DERIVED_TAGS] = sp->start;
    add_patch(s, &s->tags, &s->n_tags, &s->cap_tags, MODE_UNION, json);
}

static void take_said(struct scan *s, const struct span *sp)
{
    struct derived *d = s->out;
    struct json tags = json_key(sp->said, "tags"), metadata = json_key(sp->said, "metadata");
    claim_said(s, DERIVED_NAME, sp->said_rank, sp, "name", &d->name);
    claim_said(s, DERIVED_USER, sp->said_rank, sp, "user_id", &d->user_id);
    claim_said(s, DERIVED_SESSION, sp->said_rank, sp, "session_id", &d->session_id);
    claim_said(s, DERIVED_RELEASE, sp->hint_rank, sp, "release", &d->release);
    claim_said(s, DERIVED_VERSION, sp->hint_rank, sp, "version", &d->version);
    claim_said(s, DERIVED_ENVIRONMENT, sp->hint_rank, sp, "environment", &d->environment);
    claim_said(s, DERIVED_USER, sp->hint_rank, sp, "user_hint", &d->user_id);
    claim_said(s, DERIVED_USER, RANK_HINT, sp, "session_user_id", &d->user_id);
    claim_said(s, DERIVED_USER, RANK_HINT, sp, "user_shared", &d->user_id);
    claim_said(s, DERIVED_SESSION, sp->hint_rank, sp, "session_hint", &d->session_id);
    claim_said(s, DERIVED_SESSION, RANK_HINT, sp, "session_shared", &d->session_id);
    claim_said(s, DERIVED_NAME, sp->hint_rank, sp, "name_hint", &d->name);
    if (json_is_arr(tags))
        add_tags(s, sp, sp->said_rank, json_text(s->scratch, tags));
    if (json_is_obj(metadata) && json_size(metadata))
        add_patch(
            s, &s->metadata, &s->n_metadata, &s->cap_metadata, MODE_DEEP, json_text(s->scratch, metadata));
    if (json_bool(json_key(sp->said, "public")) && claim(s, DERIVED_PUBLIC, RANK_SAID, sp))
        d->is_public = true;
    struct value input = said_value(s, sp, "input"), output = said_value(s, sp, "output");
    if (input.kind != V_NULL && claim(s, DERIVED_INPUT, RANK_SAID, sp))
        d->input = input;
    if (output.kind != V_NULL && claim(s, DERIVED_OUTPUT, RANK_SAID, sp))
        d->output = output;
}

/* ---- what a root gives, and guesses --------------------------------------------------------------------------------- */

/* Output goes to the latest-ending; of equal ends to the later in the order of the scan. */
static bool ends_later(struct output_claim *best, int64_t end)
{
    if (best->set && end < best->end)
        return false;
    *best = (struct output_claim){ .end = end, .set = true };
    return true;
}

static void take_root(struct scan *s, const struct span *sp)
{
    const struct row *r = sp->row;
    struct derived *d = s->out;
    const struct value *input = &r->cols[OBSERVATION_input], *output = &r->cols[OBSERVATION_output];
    claim_text(s, DERIVED_NAME, RANK_BASE, sp, row_text(r, OBSERVATION_name), &d->name);
    claim_text(s, DERIVED_VERSION, RANK_BASE, sp, row_text(r, OBSERVATION_version), &d->version);
    claim_text(s, DERIVED_ENVIRONMENT, RANK_BASE, sp, row_text(r, OBSERVATION_environment), &d->environment);
    if (input->kind != V_NULL && claim(s, DERIVED_INPUT, RANK_BASE, sp))
        d->input = kept_value(s, input);
    if (output->kind == V_NULL || s->ranks[DERIVED_OUTPUT] == RANK_SAID ||
        !ends_later(&s->root_output, sp->end))
        return;
    s->ranks[DERIVED_OUTPUT] = RANK_BASE;
    d->ranks[DERIVED_OUTPUT] = RANK_BASE;
    d->key_ns[DERIVED_OUTPUT] = sp->start;
    d->output = kept_value(s, output);
}

/* A run's user counts for its trace; so do the tags of the root. */
static void take_run(struct scan *s, const struct span *sp)
{
    claim_text(s, DERIVED_USER, sp->root ? RANK_BASE : RANK_HINT, sp, row_text(sp->row, OBSERVATION_user_id),
        &s->out->user_id);
    if (sp->root)
        add_tags(s, sp, RANK_BASE, row_text(sp->row, OBSERVATION_tags));
}

#define WITHOUT_TRACE_EVENTS (FAMILY_OTLP | FAMILY_LANGWATCH | FAMILY_LLMONITOR)

static void take_guesses(struct scan *s, const struct span *sp)
{
    const struct row *r = sp->row;
    int64_t type = row_int(r, OBSERVATION_type, OBS_SPAN);
    if (sp->families & WITHOUT_TRACE_EVENTS) {
        claim_text(s, DERIVED_NAME, RANK_GUESS, sp, row_text(r, OBSERVATION_name), &s->out->name);
        claim_text(s, DERIVED_ENVIRONMENT, RANK_GUESS, sp, row_text(r, OBSERVATION_environment),
            &s->out->environment);
    }
    if (type == OBS_TOOL || type == OBS_EVALUATOR || type == OBS_GUARDRAIL)
        return;
    if (!s->input_guessed && r->cols[OBSERVATION_input].kind != V_NULL) {
        s->input_guessed = true;
        s->out->input_guess = kept_value(s, &r->cols[OBSERVATION_input]);
    }
    if (r->cols[OBSERVATION_output].kind != V_NULL && ends_later(&s->guess_output, sp->end))
        s->out->output_guess = kept_value(s, &r->cols[OBSERVATION_output]);
}

/* ---- sums and times ------------------------------------------------------------------------------------------------- */

static void add_usage_key(struct scan *s, struct str key, int64_t n)
{
    for (size_t i = 0; i < s->n_usage; i++)
        if (str_eq(s->usage_keys[i], key)) {
            s->usage_sums[i] = model__add(s->usage_sums[i], n);
            return;
        }
    if (s->n_usage == USAGE_KEYS_MOST)
        return;
    s->usage_keys = arena_grow(s->a, s->usage_keys, &s->cap_usage, s->n_usage + 1, sizeof *s->usage_keys);
    s->usage_sums = arena_grow(s->a, s->usage_sums, &s->cap_sums, s->n_usage + 1, sizeof *s->usage_sums);
    s->usage_keys[s->n_usage] = arena_dup(s->a, key);
    s->usage_sums[s->n_usage++] = n;
}

static void add_sum(int64_t *sum, int64_t n)
{
    *sum = model__add(*sum, n);
}

static void add_usage(struct scan *s, const struct counts *c, const struct usage_final *u)
{
    if (!u->counted)
        return;
    for (size_t i = 0; i < c->n; i++)
        if (!str_is(c->keys[i], "total"))
            add_usage_key(s, c->keys[i], c->values[i]);
    add_usage_key(s, STR("total"), u->total);
    add_sum(&s->out->tokens_input, u->input);
    add_sum(&s->out->tokens_output, u->output);
    add_sum(&s->out->tokens_total, u->total);
    add_sum(&s->out->tokens_cached, u->cached);
    add_sum(&s->out->tokens_cache_creation, u->cache_creation);
    add_sum(&s->out->tokens_reasoning, u->reasoning);
}

static void add_money(struct scan *s, const struct span *sp)
{
    struct usage_final u;
    struct counts c;
    bool computed;
    if (json_bool(json_key(sp->said, "skip_usage")))
        return;
    model__usage(s->scratch, sp->row, &c, &u);
    add_usage(s, &c, &u);
    s->out->estimated += u.estimated;
    int64_t cost = derive_cost(s->scratch, sp->row, &u, s->prices, &computed);
    if (cost > 0)
        add_sum(&s->out->cost_nano_usd, cost);
}

static void widen(int64_t *most, int64_t t)
{
    if (t != TIME_NONE && (*most == TIME_NONE || t > *most))
        *most = t;
}

static void add_times(struct scan *s, const struct span *sp)
{
    struct derived *d = s->out;
    int64_t token = row_time(sp->row, OBSERVATION_first_token_ns);
    if (sp->start != TIME_NONE && (d->start_ns == TIME_NONE || sp->start < d->start_ns))
        d->start_ns = sp->start;
    widen(&d->end_ns, sp->end != TIME_NONE ? sp->end : sp->start);
    widen(&d->last_end_ns, sp->end);
    if (token == TIME_NONE || sp->start == TIME_NONE || token < sp->start)
        return;
    int64_t took;
    if (!__builtin_sub_overflow(token, sp->start, &took) &&
        (d->first_token_ns == TIME_NONE || took < d->first_token_ns))
        d->first_token_ns = took;
}

/* A guardrail that did not pass blocks its trace: its decoder says so, or its output does where that is loaded. */
static bool is_blocked(struct scan *s, const struct span *sp)
{
    struct json output;
    const struct value *v = &sp->row->cols[OBSERVATION_output];
    if (row_int(sp->row, OBSERVATION_type, OBS_SPAN) != OBS_GUARDRAIL)
        return false;
    if (json_bool(json_key(sp->said, "blocked")))
        return true;
    if (v->kind != V_JSON || json_parse(s->scratch, v->s, 0, &output, NULL) != ST_OK)
        return false;
    struct json passed = json_key(output, "passed");
    return json_type(passed) == JSON_BOOL && !json_bool(passed);
}

static void add_counts(struct scan *s, const struct span *sp)
{
    s->out->observations++;
    s->out->blocked += is_blocked(s, sp);
    if (row_int(sp->row, OBSERVATION_level, LEVEL_DEFAULT) != LEVEL_ERROR)
        return;
    if (s->out->errors++ == 0)
        s->out->first_error = arena_dup(s->a, sp->row->id);
}

/* ---- the scan ------------------------------------------------------------------------------------------------------- */

/* LLMonitor: the row that has the trace's id; while that is unknown, every run (its parent is the missing one, or below it is). */
static bool is_run_root(const struct scan *s, const struct row *r)
{
    struct str parent = row_text(r, OBSERVATION_parent_id);
    return s->tree_root.p ? str_eq(r->id, s->tree_root) : !parent.p || str_eq(parent, r->scope);
}

/* Known from log records alone: every column is a hint. Whether it has a parent only its span can say (otlp.md 1.8). */
static bool is_known_by_logs(const struct row *r)
{
    static const unsigned stated[] = { OBSERVATION_start_ns, OBSERVATION_type, OBSERVATION_name,
        OBSERVATION_end_ns };
    struct claim c;
    for (size_t i = 0; i < sizeof stated / sizeof *stated; i++)
        if (row_claim(r, stated[i], &c))
            return false;
    return true;
}

static struct span span_of(struct scan *s, const struct row *r)
{
    struct span sp = { .row = r, .families = row_families(r), .said = JSON_NONE };
    sp.start = row_time(r, OBSERVATION_start_ns);
    sp.end = row_time(r, OBSERVATION_end_ns);
    if (r->cols[OBSERVATION_said].kind == V_JSON &&
        json_parse(s->scratch, r->cols[OBSERVATION_said].s, 0, &sp.said, NULL) != ST_OK)
        sp.said = JSON_NONE;
    bool orphan = !row_text(r, OBSERVATION_parent_id).p;
    if (orphan && sp.families == FAMILY_OTLP && is_known_by_logs(r))
        orphan = false;
    if (sp.families & (FAMILY_OTLP | FAMILY_LANGWATCH))
        sp.root = orphan || json_bool(json_key(sp.said, "as_root"));
    else if (sp.families & FAMILY_LLMONITOR)
        sp.root = is_run_root(s, r);
    sp.hint_rank = sp.root ? RANK_BASE : RANK_HINT;
    sp.said_rank = sp.families & FAMILY_LLMONITOR ? sp.hint_rank : RANK_SAID;
    return sp;
}

static void take_row(struct scan *s, const struct row *r)
{
    struct span sp = span_of(s, r);
    add_counts(s, &sp);
    add_times(s, &sp);
    add_money(s, &sp);
    if (sp.said.v)
        take_said(s, &sp);
    if (sp.root)
        take_root(s, &sp);
    if (sp.families & FAMILY_LLMONITOR)
        take_run(s, &sp);
    take_guesses(s, &sp);
    arena_reset(s->scratch);
}

static struct str write_usage(struct scan *s)
{
    struct buf b;
    if (!s->n_usage)
        return STR_NONE;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    for (size_t i = 0; i < s->n_usage; i++) {
        jw_key_str(&w, s->usage_keys[i]);
        jw_i64(&w, s->usage_sums[i]);
    }
    jw_obj_end(&w);
    struct str out = arena_dup(s->a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void finish(struct scan *s)
{
    struct str text;
    s->out->usage = write_usage(s);
    if (s->n_tags && model__fold_tags(s->a, s->tags, s->n_tags, &text, NULL) == ST_OK)
        s->out->tags = text;
    if (s->n_metadata && patch_fold(s->a, s->metadata, s->n_metadata, &text, NULL) == ST_OK)
        s->out->metadata = value_json(text);
}

void derive_trace(
    struct arena *a, const struct row *rows, size_t n, const struct price_table *prices, struct derived *out)
{
    struct scan s = { .a = a, .scratch = arena_new(), .prices = prices, .out = out };
    *out = (struct derived){
        .start_ns = TIME_NONE, .end_ns = TIME_NONE, .last_end_ns = TIME_NONE, .first_token_ns = TIME_NONE
    };
    for (size_t k = 0; k < DERIVED_KEYS; k++) {
        s.ranks[k] = NO_CLAIM;
        out->key_ns[k] = TIME_NONE;
    }
    for (size_t i = 0; i < n && !s.tree_root.p; i++)
        if (str_eq(rows[i].id, rows[i].scope))
            s.tree_root = rows[i].id;
    uint32_t *sorted = model__rows_sorted(a, rows, n);
    for (size_t i = 0; i < n; i++)
        take_row(&s, &rows[sorted[i]]);
    finish(&s);
    arena_free(s.scratch);
}
