/*
 * store/sqlite: the n-th write or sync fails, for n = 0, 1, 2 ... until the case passes. After each: what was committed is there, whole, with
 * its payload; what was not is not; a folder copied at that moment (a power cut) opens and passes the check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/sqlite/sqlite_priv.h"
#include "support/fault_vfs.h"
#include "support/store_kit.h"

struct bench {
    char *dir;
    struct store_options o;
    struct store_metrics metrics;
    struct driver *d;
    struct err err;
};

static void must(struct bench *b, enum status st)
{
    if (st != ST_OK)
        print_error("%s: %s\n", status_name(st), b->err.text);
    assert_int_equal(st, ST_OK);
}

static enum status open_it(struct bench *b, const char *dir)
{
    return driver_sqlite_open(dir, &b->o, &b->metrics, &b->d, &b->err);
}

static void set_up(struct bench *b)
{
    *b = (struct bench){ .dir = folder_new(), .o = rowkit_options() };
    b->o.store_block = 4096;
}

#define ROWS 30

static struct str payload_of(struct arena *a, int commit, int i)
{
    return arena_printf(a, "payload %d %d %0*d", commit, i, 100 + i * 20, i);
}

/* One row of commit `commit`: a span of one of five traces, with payload. */
static enum status put_span(struct bench *b, struct arena *a, int commit, int i)
{
    struct row r = { .entity = OBSERVATION, .project = 1, .created_ns = 10, .updated_ns = 10 };
    int64_t pointer = 0;
    r.scope = arena_printf(a, "trace-%d-%d", commit, i % 5);
    r.id = arena_printf(a, "%016x", i);
    r.identity = (uint8_t)(i % 3);
    r.cols[OBSERVATION_name] = value_text(arena_printf(a, "name %d %d", commit, i % 7));
    r.cols[OBSERVATION_start_ns] = value_int(commit * 1000 + i);
    r.cols[OBSERVATION_model] = value_text(STR("gpt"));
    enum status st = b->d->ops->payload_add(b->d, payload_of(a, commit, i), &pointer, &b->err);
    r.cols[OBSERVATION_input] = (struct value){ .kind = V_REF, .piece = OBSERVATION_input, .i = pointer };
    return st == ST_OK ? b->d->ops->put_row(b->d, &r, NULL, &b->err) : st;
}

static enum status commit_of(struct bench *b, int commit)
{
    struct arena *a = arena_new();
    enum status st = b->d->ops->begin(b->d, &b->err);
    for (int i = 0; i < ROWS && st == ST_OK; i++)
        st = put_span(b, a, commit, i);
    if (st == ST_OK)
        st = b->d->ops->commit(b->d, &b->err);
    if (st != ST_OK)
        b->d->ops->rollback(b->d);
    arena_free(a);
    return st;
}

/* How many rows of a commit are there; each must be whole. */
static int rows_of(struct bench *b, int commit)
{
    struct arena *a = arena_new();
    struct reader *rd;
    int n = 0;
    must(b, b->d->ops->reader_take(b->d, &rd, &b->err));
    for (int i = 0; i < ROWS; i++) {
        struct row *r;
        struct str got;
        struct str scope = arena_printf(a, "trace-%d-%d", commit, i % 5);
        must(b,
            b->d->ops->get_row(b->d, rd, a, 1, OBSERVATION, scope, arena_printf(a, "%016x", i), &r, &b->err));
        if (!r)
            continue;
        n++;
        must(b, b->d->ops->payload_get(b->d, rd, a, r->cols[OBSERVATION_input].i, &got, &b->err));
        assert_true(str_eq(got, payload_of(a, commit, i)));
        assert_true(str_eq(row_text(r, OBSERVATION_name), arena_printf(a, "name %d %d", commit, i % 7)));
    }
    b->d->ops->reader_drop(b->d, rd);
    arena_free(a);
    return n;
}

static void ignore_line(void *ctx, const char *line)
{
    (void)ctx;
    if (strncmp(line, "fault", 5) == 0)
        print_error("%s\n", line);
}

/* The folder as a power cut would leave it, but for what the system had not written yet. `maybe`: rows of commit 2 may be there, all. */
static void power_cut(struct bench *b, bool second, bool maybe)
{
    char command[1100];
    struct bench copy = *b;
    copy.dir = folder_new();
    snprintf(command, sizeof(command), "cp -r '%s/.' '%s/'", b->dir, copy.dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a test's own folder */
    must(&copy, open_it(&copy, copy.dir));
    assert_int_equal(rows_of(&copy, 1), ROWS);
    int n = rows_of(&copy, 2);
    assert_true(n == (second ? ROWS : 0) || (maybe && n == ROWS));
    must(&copy, commit_of(&copy, 4));
    assert_int_equal(rows_of(&copy, 4), ROWS);
    copy.d->ops->close(copy.d);
    must(&copy, store_check(copy.dir, ignore_line, NULL, &copy.err));
    folder_drop(copy.dir);
}

static bool try_commit(int n, bool sticky)
{
    struct bench b;
    set_up(&b);
    must(&b, open_it(&b, b.dir));
    must(&b, commit_of(&b, 1));
    fault_arm(n, sticky);
    enum status st = commit_of(&b, 2);
    bool met = fault_met();
    assert_int_equal(st, met ? ST_IO : ST_OK);
    assert_int_equal(rows_of(&b, 1), ROWS);
    assert_int_equal(rows_of(&b, 2), met ? 0 : ROWS);
    power_cut(&b, !met, met);
    must(&b, commit_of(&b, 3));
    assert_int_equal(rows_of(&b, 1) + rows_of(&b, 3), 2 * ROWS);
    assert_int_equal(rows_of(&b, 2), met ? 0 : ROWS);
    power_cut(&b, !met, false);
    must(&b, commit_of(&b, 2));
    b.d->ops->close(b.d);
    must(&b, open_it(&b, b.dir));
    for (int commit = 1; commit <= 3; commit++)
        assert_int_equal(rows_of(&b, commit), ROWS);
    b.d->ops->close(b.d);
    must(&b, store_check(b.dir, ignore_line, NULL, &b.err));
    folder_drop(b.dir);
    return met;
}

static void commit_with_a_fault(void **state)
{
    (void)state;
    int n = 0;
    while (try_commit(n, false))
        n++;
    assert_true(n > 5);
}

static void commit_on_a_full_disk(void **state)
{
    (void)state;
    int n = 0;
    while (try_commit(n, true))
        n++;
    assert_true(n > 5);
}

static void checkpoint_with_a_fault(void **state)
{
    (void)state;
    bool met = true;
    for (int n = 0; met; n++) {
        struct bench b;
        set_up(&b);
        b.o.store_wal_limit = 1;
        must(&b, open_it(&b, b.dir));
        must(&b, commit_of(&b, 1));
        fault_arm(n, false);
        b.d->ops->maintain(b.d);
        met = fault_met();
        assert_int_equal(rows_of(&b, 1), ROWS);
        must(&b, commit_of(&b, 2));
        power_cut(&b, true, false);
        b.d->ops->close(b.d);
        must(&b, open_it(&b, b.dir));
        assert_int_equal(rows_of(&b, 1) + rows_of(&b, 2), 2 * ROWS);
        b.d->ops->close(b.d);
        folder_drop(b.dir);
        assert_true(n > 0 || met);
    }
}

static size_t traces_of_model(struct bench *b)
{
    int64_t *numbers;
    size_t n;
    struct reader *rd;
    struct str model = STR("gpt");
    must(b, b->d->ops->reader_take(b->d, &rd, &b->err));
    must(b, facets__find(&rd->conn, 1, FACET_MODEL, &model, 1, 1000, &numbers, &n, &b->err));
    b->d->ops->reader_drop(b->d, rd);
    mem_free(numbers);
    return n;
}

/* Sorting the new facets into the old ones, in a transaction of its own. */
static void spill_with_a_fault(void **state)
{
    (void)state;
    bool met = true;
    for (int n = 0; met; n++) {
        struct bench b;
        set_up(&b);
        must(&b, open_it(&b, b.dir));
        must(&b, commit_of(&b, 1));
        must(&b, commit_of(&b, 2));
        assert_int_equal(traces_of_model(&b), 10);
        struct conn *writer = &((struct sqlite *)b.d)->writer;
        fault_arm(n, false);
        enum status st = facets__spill(writer, &b.err);
        met = fault_met();
        assert_int_equal(st, met ? ST_IO : ST_OK);
        assert_int_equal(traces_of_model(&b), 10);
        power_cut(&b, true, false);
        must(&b, commit_of(&b, 3));
        must(&b, facets__spill(writer, &b.err));
        assert_int_equal(traces_of_model(&b), 15);
        b.d->ops->close(b.d);
        must(&b, store_check(b.dir, ignore_line, NULL, &b.err));
        folder_drop(b.dir);
    }
}

/* A new folder whose making fails somewhere is made whole the next time. */
static void opening_with_a_fault(void **state)
{
    (void)state;
    bool met = true;
    for (int n = 0; met; n++) {
        struct bench b;
        set_up(&b);
        fault_arm(n, false);
        enum status st = open_it(&b, b.dir);
        met = fault_met();
        assert_true(st == ST_OK || met);
        if (st == ST_OK)
            b.d->ops->close(b.d);
        must(&b, open_it(&b, b.dir));
        must(&b, commit_of(&b, 1));
        assert_int_equal(rows_of(&b, 1), ROWS);
        b.d->ops->close(b.d);
        must(&b, store_check(b.dir, ignore_line, NULL, &b.err));
        folder_drop(b.dir);
    }
}

static int install(void **state)
{
    (void)state;
    fault_install();
    return 0;
}

static int take_away(void **state)
{
    (void)state;
    fault_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_with_a_fault),
        cmocka_unit_test(commit_on_a_full_disk),
        cmocka_unit_test(checkpoint_with_a_fault),
        cmocka_unit_test(spill_with_a_fault),
        cmocka_unit_test(opening_with_a_fault),
    };
    return cmocka_run_group_tests(tests, install, take_away);
}
