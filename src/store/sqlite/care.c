/*
 * `tracewell check`: everything that must hold in a folder no server has open.
 *
 *   SQLite's own check -> every payload block -> every row (its words, its fold, what it points at) -> the lists beside the rows
 *
 * Faults are said as lines and counted; only what makes looking on impossible ends the check early.
 */
#include "store/sqlite/sqlite_priv.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/merge.h"

/* Which records a segment holds, and which of them rows point at: a bit each. */
struct shelf {
    struct segment_fact fact;
    uint8_t *there, *used;
    size_t n; /* ordinals that have bits */
    int64_t records;
};

struct check {
    void (*say)(void *ctx, const char *line);
    void *ctx;
    struct sqlite d; /* the little of a driver that a connection needs */
    struct conn c;
    struct arena *a;
    struct shelf *shelves;
    size_t n_shelves;
    int64_t faults, rows;
};

static void say(struct check *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct check *k, const char *fmt, ...)
{
    char line[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    k->say(k->ctx, line);
}

#define FAULT(k, ...) (++(k)->faults <= 100 ? say(k, "fault: " __VA_ARGS__) : (void)0)

/* ---- SQLite's own check --------------------------------------------------------------------------------------------- */

static enum status check_database(struct check *k, sqlite3 *db, const char *name)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(100)", -1, &s, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *line = (const char *)sqlite3_column_text(s, 0);
        if (line && strcmp(line, "ok") != 0)
            FAULT(k, "%s: %s", name, line);
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        FAULT(k, "%s cannot be read: %s", name, sqlite3_errmsg(db));
    sqlite3_finalize(s);
    say(k, "%s: checked", name);
    return rc == SQLITE_DONE ? ST_OK : ST_CORRUPT;
}

static void check_accounts(struct check *k)
{
    sqlite3 *db = NULL;
    char *path = folder__path(k->d.dir, "accounts.db");
    if (access(path, F_OK) == 0) {
        if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
            FAULT(k, "accounts.db cannot be opened: %s", sqlite3_errmsg(db));
        else if (check_database(k, db, "accounts.db") != ST_OK)
            say(k, "accounts.db: not readable to its end");
        sqlite3_close(db);
    }
    mem_free(path);
}

/* ---- segments ------------------------------------------------------------------------------------------------------- */

static void note_block(void *ctx, const struct segment_block *b)
{
    struct shelf *s = ctx;
    size_t end = (size_t)b->first + b->count;
    if (end > s->n) {
        size_t bytes = (end + 7) / 8, old = (s->n + 7) / 8, want = bytes > old * 2 ? bytes : old * 2;
        s->there = mem_resize(s->there, want);
        s->used = mem_resize(s->used, want);
        memset(s->there + old, 0, want - old);
        memset(s->used + old, 0, want - old);
        s->n = want * 8;
    }
    for (size_t i = b->first; i < end; i++)
        s->there[i / 8] |= (uint8_t)(1U << (i % 8));
    s->records += b->count;
}

static void check_segments(struct check *k, const struct head *head)
{
    for (size_t i = 0; i < k->n_shelves; i++) {
        struct shelf *s = &k->shelves[i];
        char path[PATH_MAX];
        struct err err;
        int64_t bytes = s->fact.number == head->tail.number ? head->tail.bytes : s->fact.bytes;
        segment_path(k->d.dir, s->fact.number, path, sizeof(path));
        if (bytes > 0 && segment_verify(path, s->fact.number, bytes, note_block, s, &err) != ST_OK)
            FAULT(k, "%s", err.text);
        say(k, "segment %lld: %lld records in %lld bytes", (long long)s->fact.number, (long long)s->records,
            (long long)bytes);
    }
}

static void check_pointer(struct check *k, const struct row *r, int64_t pointer)
{
    struct shelf *s = NULL;
    for (size_t i = 0; i < k->n_shelves && !s; i++)
        if (k->shelves[i].fact.number == pointer >> 32)
            s = &k->shelves[i];
    size_t at = (size_t)((pointer & 0xFFFFFFFF) - 1);
    if (!s || at >= s->n || !(s->there[at / 8] >> (at % 8) & 1))
        FAULT(k, "%s %.*s points at record %zu of segment %lld, which is not there", entity_name(r->entity),
            STR_ARG(r->id), at, (long long)(pointer >> 32));
    else
        s->used[at / 8] |= (uint8_t)(1U << (at % 8));
}

static int64_t count_orphans(const struct check *k)
{
    int64_t n = 0;
    for (size_t i = 0; i < k->n_shelves; i++)
        for (size_t at = 0; at < (k->shelves[i].n + 7) / 8; at++)
            n += __builtin_popcount((unsigned)(k->shelves[i].there[at] & ~k->shelves[i].used[at]));
    return n;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

/* Payload that only the merge state names: patches below the one that shows. */
static void check_state(struct check *k, const struct row *r)
{
    struct state *state;
    struct err err;
    if (!r->fold.n)
        return;
    if (state_decode(k->a, r->entity, r->cols, r->fold, &state, &err) != ST_OK) {
        FAULT(k, "%s %.*s: %s", entity_name(r->entity), STR_ARG(r->id), err.text);
        return;
    }
    for (size_t i = 0; i < state->n_cells; i++)
        if (state->cells[i].value.kind == V_REF)
            check_pointer(k, r, state->cells[i].value.i);
}

static void check_row(struct check *k, const struct row *r)
{
    k->rows++;
    for (unsigned c = 0; c < COLUMNS_MAX; c++)
        if (r->cols[c].kind == V_REF)
            check_pointer(k, r, r->cols[c].i);
    check_state(k, r);
    if (!r->derived)
        return;
    const struct value *values[] = { &r->derived->input, &r->derived->output, &r->derived->input_guess,
        &r->derived->output_guess, &r->derived->metadata };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (values[i]->kind == V_REF)
            check_pointer(k, r, values[i]->i);
}

static enum status check_table(struct check *k, enum entity e, struct err *err)
{
    struct buf text;
    sqlite3_stmt *s = NULL;
    bool row;
    int64_t before = k->rows;
    buf_init(&text, 0);
    buf_add_cstr(&text, "SELECT ");
    tables__columns(e, &text);
    buf_printf(&text, " FROM %s", tables[e].name);
    enum status st = conn__prepare(&k->c, buf_str(&text), &s, err);
    buf_fini(&text);
    while (st == ST_OK && (st = conn__step(&k->c, s, &row, err)) == ST_OK && row) {
        struct row *r;
        struct err why;
        if (rows__read(&k->c, k->a, e, s, &r, &why) != ST_OK)
            FAULT(k, "a %s: %s", entity_name(e), why.text);
        else if (r)
            check_row(k, r);
        arena_reset(k->a);
    }
    sqlite3_finalize(s);
    if (st == ST_OK)
        say(k, "%s: %lld rows", entity_name(e), (long long)(k->rows - before));
    return st;
}

/* Each line must count nothing. */
static const struct {
    const char *text, *what;
} agreements[] = {
    { "SELECT count(*) FROM observation o WHERE NOT EXISTS(SELECT 1 FROM trace t JOIN observation_at a ON a.project = t.project AND"
      " a.start_ns = coalesce(o.start_ns, -9223372036854775808) AND a.trace_no = o.trace_no AND a.id = o.id WHERE t.no = o.trace_no)",
        "observations are missing in the list by start" },
    { "SELECT (SELECT count(*) FROM observation_at) > (SELECT count(*) FROM observation)",
        "the list by start names observations that are not there" },
    { "SELECT count(*) FROM trace t WHERE t.created_ns IS NOT NULL AND NOT EXISTS(SELECT 1 FROM trace_at a WHERE a.project = t.project AND"
      " a.start_ns = coalesce(t.start_ns, -9223372036854775808) AND a.no = t.no)",
        "traces are missing in the list by start" },
    { "SELECT (SELECT count(*) FROM trace_at) > (SELECT count(*) FROM trace WHERE created_ns IS NOT NULL)",
        "the list by start names traces that are not there" },
    { "SELECT coalesce(sum(n), 0) <> (SELECT count(*) FROM observation) FROM tally WHERE entity = 1",
        "the tally of observations is wrong" },
    { "SELECT coalesce(sum(n), 0) <> (SELECT count(*) FROM trace_at) FROM tally WHERE entity = 0",
        "the tally of traces is wrong" },
    { "SELECT count(*) FROM observation o JOIN trace t ON t.no = o.trace_no WHERE o.identity > 0 AND NOT EXISTS(SELECT 1 FROM bare b"
      " WHERE b.project = t.project AND b.id = o.id AND b.trace_no = o.trace_no)",
        "observations are missing in the list by bare id" },
};

static enum status check_lists(struct check *k, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < sizeof(agreements) / sizeof(agreements[0]) && st == ST_OK; i++) {
        int64_t n = 0;
        st = schema__number(&k->c, agreements[i].text, &n, err);
        if (n > 0)
            FAULT(k, "%s (%lld)", agreements[i].what, (long long)n);
    }
    return st;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static enum status check_rows(struct check *k, struct err *err)
{
    enum status st = ST_OK;
    for (int e = 0; e < ENTITY_COUNT && st == ST_OK; e++)
        st = check_table(k, (enum entity)e, err);
    if (st == ST_OK)
        st = check_lists(k, err);
    return st;
}

static enum status check_open(struct check *k, struct err *err)
{
    struct head head;
    struct segment_fact *facts;
    struct arena *own = arena_new();
    enum status st = schema__look(&k->c, err);
    if (st == ST_OK)
        st = check_database(k, k->c.db, "tracewell.db");
    if (st == ST_OK)
        st = schema__head(&k->c, &head, err);
    if (st == ST_OK)
        st = schema__facts(&k->c, own, &facts, &k->n_shelves, err);
    if (st == ST_OK) {
        k->shelves = mem_array(k->n_shelves + 1, sizeof(*k->shelves));
        for (size_t i = 0; i < k->n_shelves; i++)
            k->shelves[i].fact = facts[i];
        check_segments(k, &head);
        st = check_rows(k, err);
    }
    arena_free(own);
    return st;
}

static enum status verdict(struct check *k, enum status st, struct err *err)
{
    if (st != ST_OK && k->faults == 0)
        return st;
    if (st != ST_OK)
        say(k, "fault: %s", err->text);
    say(k,
        "%lld rows; %lld payload records that no row points at (left by failed commits, merges and deletes)",
        (long long)k->rows, (long long)count_orphans(k));
    if (k->faults == 0)
        return ST_OK;
    return err_set(err, ST_CORRUPT,
        "%lld faults were found; restore the last backup, or keep a copy of the folder and ask for help",
        (long long)k->faults);
}

enum status store_check(
    const char *dir, void (*say_line)(void *ctx, const char *line), void *ctx, struct err *err)
{
    struct check k = { .say = say_line,
        .ctx = ctx,
        .d = { .dir = mem_strdup(dir), .path = folder__path(dir, "tracewell.db"), .lock_fd = -1 } };
    k.a = arena_new();
    enum status st = ST_OK;
    if (!folder__has(dir, "tracewell.db"))
        st = err_set(err, ST_NOT_FOUND,
            "%s holds no tracewell.db; give the data folder of a server, or a backup", dir);
    if (st == ST_OK)
        st = folder__lock(dir, &k.d.lock_fd, err);
    if (st == ST_OK)
        st = conn__open(&k.d, k.d.path, false, &k.c, err);
    if (st == ST_OK) {
        st = check_open(&k, err);
        check_accounts(&k);
        st = verdict(&k, st, err);
        conn__close(&k.c);
    }
    if (k.d.lock_fd >= 0)
        close(k.d.lock_fd);
    for (size_t i = 0; i < k.n_shelves && k.shelves; i++) {
        mem_free(k.shelves[i].there);
        mem_free(k.shelves[i].used);
    }
    mem_free(k.shelves);
    mem_free(k.d.dir);
    mem_free(k.d.path);
    arena_free(k.a);
    return st;
}
