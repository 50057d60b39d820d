/*
 * shown: what a trace shows where its own row and its observations both have a say (merge.md 6, last lines; 8).
 *
 *   rank >= 2, the higher; two of rank 3 by time; a stated null counts as a value and hides what it beats
 *   else a hint of either; else, if nothing of rank >= 2 was said at all, a guess
 */
#include "model/model_priv.h"

/* Does what the trace row states of a column beat the derived value of this key? */
static bool given_wins(const struct row *t, unsigned column, enum derived_key key)
{
    struct claim given;
    const struct derived *d = t->derived;
    if (!row_claim(t, column, &given) || given.rank < RANK_BASE)
        return false;
    if (!d || d->ranks[key] < given.rank)
        return true;
    if (given.rank == RANK_BASE || d->ranks[key] > given.rank)
        return false; /* a root beats a create of its rank */
    return given.direction == FIRST || given.t_ns >= d->key_ns[key];
}

static struct str pick_text(const struct row *t, unsigned column, enum derived_key key, struct str derived)
{
    struct str given = row_text(t, column);
    bool wins = given_wins(t, column, key);
    if (wins && !row_states_null(t, column))
        return given;
    if (wins) /* a null: hints show, nothing else does; cols holds the row's own hint already */
        return given.p ? given : derived.p && t->derived->ranks[key] == RANK_HINT ? derived : STR_NONE;
    if (derived.p && t->derived->ranks[key] > RANK_HINT)
        return derived;
    return given.p ? given : derived;
}

#define DERIVED_TEXT(t, field) ((t)->derived ? (t)->derived->field : STR_NONE)

struct str trace_name(const struct row *t)
{
    return pick_text(t, TRACE_name, DERIVED_NAME, DERIVED_TEXT(t, name));
}

struct str trace_user_id(const struct row *t)
{
    return pick_text(t, TRACE_user_id, DERIVED_USER, DERIVED_TEXT(t, user_id));
}

struct str trace_session_id(const struct row *t)
{
    return pick_text(t, TRACE_session_id, DERIVED_SESSION, DERIVED_TEXT(t, session_id));
}

struct str trace_release(const struct row *t)
{
    return pick_text(t, TRACE_release, DERIVED_RELEASE, DERIVED_TEXT(t, release));
}

struct str trace_version(const struct row *t)
{
    return pick_text(t, TRACE_version, DERIVED_VERSION, DERIVED_TEXT(t, version));
}

struct str trace_environment(const struct row *t)
{
    struct str e = pick_text(t, TRACE_environment, DERIVED_ENVIRONMENT, DERIVED_TEXT(t, environment));
    return e.n ? e : STR("default");
}

/* A hint of a start or end (an AgentTrace update's) counts less than the observations' own times. */
static int64_t pick_time(const struct row *t, unsigned column, int64_t derived)
{
    struct claim given;
    int64_t own = row_time(t, column);
    if (derived == TIME_NONE || (own != TIME_NONE && row_claim(t, column, &given) && given.rank >= RANK_BASE))
        return own;
    return derived;
}

/* A trace of which only an end is known (LLMonitor, merge.md 7.2) stands in lists where it ended; one without any time, where it came. */
int64_t trace_start_ns(const struct row *t)
{
    int64_t start = pick_time(t, TRACE_start_ns, t->derived ? t->derived->start_ns : TIME_NONE);
    if (start == TIME_NONE && t->derived && t->derived->observations > 0)
        start = trace_end_ns(t);
    return start;
}

int64_t trace_end_ns(const struct row *t)
{
    return pick_time(t, TRACE_end_ns, t->derived ? t->derived->end_ns : TIME_NONE);
}

bool trace_has_error(const struct row *t)
{
    return (t->derived && t->derived->errors > 0) || row_int(t, TRACE_level, LEVEL_DEFAULT) == LEVEL_ERROR;
}

bool trace_public(const struct row *t)
{
    bool derived = t->derived && t->derived->is_public;
    if (derived && !given_wins(t, TRACE_public, DERIVED_PUBLIC))
        return true;
    return row_int(t, TRACE_public, 0) != 0;
}

/* A list that replaces (an edit, an AgentTrace update) hides what spans said before it; unions add up. */
static bool list_hides_derived(const struct row *t)
{
    struct claim given;
    return row_claim(t, TRACE_tags, &given) && given.mode == MODE_REPLACE &&
           given_wins(t, TRACE_tags, DERIVED_TAGS);
}

struct str trace_tags(struct arena *a, const struct row *t)
{
    struct str given = row_text(t, TRACE_tags), derived = DERIVED_TEXT(t, tags);
    struct json x, y;
    if (!derived.p || list_hides_derived(t))
        return given.p ? given : STR("[]");
    if (!given.p)
        return derived;
    if (json_parse(a, given, 0, &x, NULL) != ST_OK || json_parse(a, derived, 0, &y, NULL) != ST_OK)
        return given;
    return model__tags_union(a, x, y);
}

struct str trace_metadata(struct arena *a, const struct row *t)
{
    struct str given = t->cols[TRACE_metadata].kind == V_JSON ? t->cols[TRACE_metadata].s : STR_NONE;
    struct str derived =
                   t->derived && t->derived->metadata.kind == V_JSON ? t->derived->metadata.s : STR_NONE,
               out;
    struct patch both[2] = { { MODE_DEEP, derived }, { MODE_DEEP, given } };
    if (!given.p || !derived.p)
        return given.p ? given : derived;
    return patch_fold(a, both, 2, &out, NULL) == ST_OK ? out : given;
}

static struct value pick_io(const struct row *t, unsigned column, enum derived_key key,
    const struct value *derived, const struct value *guess)
{
    bool wins = given_wins(t, column, key);
    if (wins || !derived || (derived->kind == V_NULL && t->cols[column].kind != V_NULL))
        return t->cols[column];
    if (derived->kind != V_NULL)
        return *derived;
    return guess ? *guess : (struct value){ .kind = V_NULL };
}

struct value trace_input(const struct row *t, bool with_guess)
{
    const struct derived *d = t->derived;
    return pick_io(
        t, TRACE_input, DERIVED_INPUT, d ? &d->input : NULL, d && with_guess ? &d->input_guess : NULL);
}

struct value trace_output(const struct row *t, bool with_guess)
{
    const struct derived *d = t->derived;
    return pick_io(
        t, TRACE_output, DERIVED_OUTPUT, d ? &d->output : NULL, d && with_guess ? &d->output_guess : NULL);
}
