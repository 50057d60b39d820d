/*
 * Traces by value: user, session, name, tag, and the models of their observations.
 *
 *   facet(epoch, hash, no)   hash: 48 bits over project, facet and value; epoch: 65,536 trace numbers
 *
 * Candidates only: a hash may collide, and the row has the last word. Random keys, but of one epoch: what is written lies within the few
 * megabytes of the newest traces, however many are stored; a question looks into each epoch, newest first.
 */
#include "store/sqlite/sqlite_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"

#define EPOCH_SHIFT 16

static int64_t facet_hash(int32_t project, enum facet f, struct str value)
{
    uint64_t h = hash64_more((uint64_t)(uint32_t)project << 8 | (uint64_t)f, value);
    return (int64_t)(h >> 16);
}

static enum status run_facet(struct conn *c, unsigned which, int32_t project, enum facet f, struct str value, int64_t no, struct err *err)
{
    sqlite3_stmt *s;
    enum status st = conn__take(c, which, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, no >> EPOCH_SHIFT);
    sqlite3_bind_int64(s, 2, facet_hash(project, f, value));
    sqlite3_bind_int64(s, 3, no);
    return conn__run(c, which, s, err);
}

static enum status move(struct conn *c, int32_t project, enum facet f, struct str from, struct str to, int64_t no, struct err *err)
{
    enum status st = ST_OK;
    if (str_eq(from, to))
        return ST_OK;
    if (from.n)
        st = run_facet(c, STMT_FACET_DROP, project, f, from, no, err);
    if (st == ST_OK && to.n)
        st = run_facet(c, STMT_FACET_ADD, project, f, to, no, err);
    return st;
}

static enum status each_tag(struct conn *c, unsigned which, struct arena *a, const struct row *r, struct str tags, int64_t no, struct err *err)
{
    struct json list, tag;
    enum status st = ST_OK;
    if (tags.n <= 2 || json_parse(a, tags, 0, &list, NULL) != ST_OK)
        return ST_OK;
    for (struct json_iter it = json_iter(list); st == ST_OK && json_next(&it, NULL, &tag);)
        if (json_is_str(tag))
            st = run_facet(c, which, r->project, FACET_TAG, json_str(tag), no, err);
    return st;
}

static enum status put_tags(struct conn *c, const struct row *r, const struct row *old, int64_t no, struct err *err)
{
    struct arena *a = arena_new();
    struct str from = old ? trace_tags(a, old) : STR_NONE, to = r ? trace_tags(a, r) : STR_NONE;
    enum status st = ST_OK;
    if (!str_eq(from, to)) {
        if (old)
            st = each_tag(c, STMT_FACET_DROP, a, old, from, no, err);
        if (st == ST_OK && r)
            st = each_tag(c, STMT_FACET_ADD, a, r, to, no, err);
    }
    arena_free(a);
    return st;
}

enum status facets__put_trace(struct conn *c, const struct row *r, const struct row *old, int64_t no, struct err *err)
{
    enum status st = move(c, r->project, FACET_USER, old ? trace_user_id(old) : STR_NONE, trace_user_id(r), no, err);
    if (st == ST_OK)
        st = move(c, r->project, FACET_SESSION, old ? trace_session_id(old) : STR_NONE, trace_session_id(r), no, err);
    if (st == ST_OK)
        st = move(c, r->project, FACET_NAME, old ? trace_name(old) : STR_NONE, trace_name(r), no, err);
    return st == ST_OK ? put_tags(c, r, old, no, err) : st;
}

enum status facets__delete_trace(struct conn *c, const struct row *r, int64_t no, struct err *err)
{
    enum status st = move(c, r->project, FACET_USER, trace_user_id(r), STR_NONE, no, err);
    if (st == ST_OK)
        st = move(c, r->project, FACET_SESSION, trace_session_id(r), STR_NONE, no, err);
    if (st == ST_OK)
        st = move(c, r->project, FACET_NAME, trace_name(r), STR_NONE, no, err);
    return st == ST_OK ? put_tags(c, NULL, r, no, err) : st;
}

/* Other observations of the trace may have the old model, so it stays. */
enum status facets__put_model(struct conn *c, const struct row *r, const struct row *old, int64_t no, struct err *err)
{
    struct str model = row_text(r, OBSERVATION_model);
    if (!model.n || (old && str_eq(model, row_text(old, OBSERVATION_model))))
        return ST_OK;
    return run_facet(c, STMT_FACET_ADD, r->project, FACET_MODEL, model, no, err);
}

static int by_number(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? 1 : a > b ? -1 : 0;
}

static size_t unique(int64_t *numbers, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(numbers, n, sizeof(*numbers), by_number);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || numbers[kept - 1] != numbers[i])
            numbers[kept++] = numbers[i];
    return kept;
}

enum status facets__find(struct conn *c, int32_t project, enum facet f, const struct str *values, size_t n_values, size_t limit,
    int64_t **numbers, size_t *n, struct err *err)
{
    sqlite3_stmt *s;
    size_t cap = 0;
    bool row;
    *numbers = NULL;
    *n = 0;
    enum status st = conn__take(c, STMT_FACET_FIND, &s, err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < n_values && *n <= limit && st == ST_OK; i++) {
        sqlite3_bind_int64(s, 1, facet_hash(project, f, values[i]));
        while (*n <= limit && (st = conn__step(c, s, &row, err)) == ST_OK && row) {
            if (*n == cap) {
                cap = cap ? cap * 2 : 64;
                *numbers = mem_resize(*numbers, cap * sizeof(**numbers));
            }
            (*numbers)[(*n)++] = sqlite3_column_int64(s, 0);
        }
        sqlite3_reset(s);
    }
    conn__give(c, STMT_FACET_FIND, s);
    if (*n <= limit)
        *n = unique(*numbers, *n);
    return st;
}
