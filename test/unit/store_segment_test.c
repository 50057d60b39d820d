/* store/sqlite/segment: payload comes back; torn tails are cut, flipped bits are found, failed syncs abandon a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/sqlite/segment.h"
#include "support/store_kit.h"

#define MANY 200

/* A folder of segments, and what a database would keep of it. */
struct shelf {
    char *dir;
    struct segment_options o;
    struct store_metrics metrics;
    struct segments *s;
    struct segment_fact facts[64];
    size_t n_facts;
    struct segment_tail tail;
    int64_t pointers[MANY];
    int n;
    struct err err;
};

static void must(struct shelf *h, enum status st)
{
    if (st != ST_OK)
        print_error("%s: %s\n", status_name(st), h->err.text);
    assert_int_equal(st, ST_OK);
}

static void open_shelf(struct shelf *h)
{
    must(h, segments_open(h->dir, &h->o, &h->metrics, h->facts, h->n_facts, &h->tail, &h->s, &h->err));
}

static void close_shelf(struct shelf *h)
{
    segments_close(h->s);
    h->s = NULL;
}

static int set_up(void **state)
{
    struct shelf *h = mem_alloc(sizeof(*h));
    *h = (struct shelf){ .dir = folder_new(),
        .o = { .block = 2000, .limit = 1 << 20, .cache = 16384, .level = 1 } };
    char *segments = folder_file(h->dir, "segments");
    assert_int_equal(mkdir(segments, 0700), 0);
    mem_free(segments);
    open_shelf(h);
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct shelf *h = *state;
    close_shelf(h);
    folder_drop(h->dir);
    mem_free(h);
    return 0;
}

static struct str text_of(struct arena *a, int i)
{
    return i % 17 == 16 ? STR("") : arena_printf(a, "record %d %0*d", i, (i * 37) % 900, i);
}

static enum status add(struct shelf *h, int n)
{
    struct arena *a = arena_new();
    enum status st = ST_OK;
    for (int i = 0; i < n && st == ST_OK; i++)
        st = segments_add(h->s, text_of(a, h->n + i), &h->pointers[h->n + i], &h->err);
    arena_free(a);
    return st;
}

static void note_facts(struct shelf *h)
{
    const struct segment_fact *f;
    for (size_t at = 0; (f = segments_changed(h->s, &at));) {
        size_t i = 0;
        while (i < h->n_facts && h->facts[i].number != f->number)
            i++;
        h->facts[i] = *f;
        h->n_facts += i == h->n_facts;
    }
}

/* What a commit does, with the database's part played by `facts` and `tail`. */
static enum status commit(struct shelf *h, int n)
{
    struct segment_tail tail;
    enum status st = add(h, n);
    if (st == ST_OK)
        st = segments_flush(h->s, &tail, &h->err);
    if (st != ST_OK) {
        segments_rollback(h->s);
        return st;
    }
    note_facts(h);
    segments_committed(h->s);
    h->tail = tail;
    h->n += n;
    return ST_OK;
}

static void all_there(struct shelf *h)
{
    struct arena *a = arena_new();
    for (int i = 0; i < h->n; i++) {
        struct str got;
        must(h, segments_get(h->s, a, h->pointers[i], &got, &h->err));
        assert_true(str_eq(got, text_of(a, i)));
    }
    arena_free(a);
}

static char *file_of(struct shelf *h, int64_t number)
{
    char path[600];
    segment_path(h->dir, number, path, sizeof(path));
    return mem_strdup(path);
}

static off_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

static void comes_back_before_and_after_reopening(void **state)
{
    struct shelf *h = *state;
    struct arena *a = arena_new();
    struct str got;
    must(h, commit(h, 5));
    must(h, add(h, 20));
    for (int i = 5; i < 25; i++) {
        if (!segments_get_pending(h->s, a, h->pointers[i], &got))
            must(h, segments_get(h->s, a, h->pointers[i], &got, &h->err));
        assert_true(str_eq(got, text_of(a, i)));
    }
    segments_rollback(h->s);
    must(h, commit(h, 60));
    all_there(h);
    close_shelf(h);
    open_shelf(h);
    all_there(h);
    must(h, commit(h, 30));
    all_there(h);
    arena_free(a);
}

static void large_record_stands_alone(void **state)
{
    struct shelf *h = *state;
    struct arena *a = arena_new();
    size_t n = 5 << 20;
    char *big = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++)
        big[i] = (char)("abcdefgh"[(i * 7 + i / 1000) % 8]);
    int64_t pointer;
    struct str got;
    must(h, commit(h, 3));
    must(h, segments_add(h->s, (struct str){ big, n }, &pointer, &h->err));
    must(h, commit(h, 3));
    must(h, segments_get(h->s, a, pointer, &got, &h->err));
    assert_true(str_eq(got, (struct str){ big, n }));
    all_there(h);
    arena_free(a);
}

/* A crash at any byte of a block that was being written: what was committed before is there, and new records follow it. */
static void torn_tail_at_every_byte(void **state)
{
    struct shelf *h = *state;
    must(h, commit(h, 8));
    struct shelf before = *h;
    must(h, commit(h, 5));
    close_shelf(h);
    char *path = file_of(h, 1), *whole = folder_file(h->dir, "whole");
    off_t from = (off_t)before.tail.bytes, to = (off_t)h->tail.bytes;
    assert_int_equal(rename(path, whole), 0);
    for (off_t cut = from; cut <= to; cut++) {
        char command[1300];
        snprintf(command, sizeof(command), "head -c %lld '%s' > '%s'", (long long)cut, whole, path);
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a test's own folder */
        *h = before;
        open_shelf(h);
        assert_int_equal(size_of(path), from);
        all_there(h);
        if (cut % 16 == 0) {
            must(h, commit(h, 4));
            all_there(h);
        }
        close_shelf(h);
    }
    open_shelf(h);
    mem_free(path);
    mem_free(whole);
}

static void shorter_than_promised_is_said_and_left(void **state)
{
    struct shelf *h = *state;
    must(h, commit(h, 30));
    close_shelf(h);
    char *path = file_of(h, 1);
    assert_int_equal(truncate(path, (off_t)h->tail.bytes - 1), 0);
    open_shelf(h);
    struct arena *a = arena_new();
    struct str got;
    assert_int_equal(segments_get(h->s, a, h->pointers[29], &got, &h->err), ST_CORRUPT);
    int lost = h->n;
    must(h, commit(h, 10)); /* into a new file */
    assert_int_equal(h->pointers[lost] >> 32, 2);
    must(h, segments_get(h->s, a, h->pointers[lost], &got, &h->err));
    arena_free(a);
    mem_free(path);
}

static void flip(const char *path, off_t at, unsigned bit)
{
    int fd = open(path, O_RDWR);
    unsigned char c;
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c = (unsigned char)(c ^ 1U << bit);
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

/* One bit anywhere in the file is found by the check, and no reader gets wrong bytes. */
static void flipped_bits_are_found(void **state)
{
    struct shelf *h = *state;
    must(h, commit(h, 12));
    must(h, commit(h, 3));
    close_shelf(h);
    char *path = file_of(h, 1);
    must(h, segment_verify(path, 1, h->tail.bytes, NULL, NULL, &h->err));
    for (off_t at = 0; at < (off_t)h->tail.bytes; at++) {
        struct arena *a = arena_new();
        struct str got;
        flip(path, at, (unsigned)at % 8);
        assert_int_equal(segment_verify(path, 1, h->tail.bytes, NULL, NULL, &h->err), ST_CORRUPT);
        open_shelf(h);
        for (int i = 0; i < h->n; i++) {
            enum status st = segments_get(h->s, a, h->pointers[i], &got, &h->err);
            assert_true(st == ST_CORRUPT || (st == ST_OK && str_eq(got, text_of(a, i))));
        }
        close_shelf(h);
        flip(path, at, (unsigned)at % 8);
        arena_free(a);
    }
    open_shelf(h);
    all_there(h);
    mem_free(path);
}

static void full_files_are_sealed(void **state)
{
    struct shelf *h = *state;
    close_shelf(h);
    h->o.limit = 1000;
    open_shelf(h);
    for (int i = 0; i < 18; i++) {
        must(h, commit(h, 10));
        all_there(h);
    }
    assert_true(h->n_facts > 3);
    for (size_t i = 0; i + 1 < h->n_facts; i++) {
        char *path = file_of(h, h->facts[i].number);
        assert_int_equal(h->facts[i].state, SEGMENT_SEALED);
        assert_true(size_of(path) > h->facts[i].bytes); /* the footer */
        mem_free(path);
    }
    close_shelf(h);
    open_shelf(h);
    all_there(h);
    close_shelf(h);
    char *path = file_of(h, 1);
    flip(path, size_of(path) - 20, 3); /* a damaged footer is only slower */
    open_shelf(h);
    all_there(h);
    close_shelf(h);
    assert_int_equal(truncate(path, (off_t)h->facts[0].bytes), 0);
    open_shelf(h);
    all_there(h);
    mem_free(path);
}

/* ---- faults --------------------------------------------------------------------------------------------------------- */

static int fail_write_in = -1, fail_sync_in = -1;
static size_t short_write;
static struct segment_io real;

static ssize_t failing_write(int fd, const void *p, size_t n, off_t at)
{
    if (fail_write_in == 0) {
        fail_write_in = -1;
        if (short_write && short_write < n && real.write_at(fd, p, short_write, at) < 0)
            return -1;
        errno = ENOSPC;
        return -1;
    }
    fail_write_in -= fail_write_in > 0;
    return real.write_at(fd, p, n, at);
}

static int failing_sync(int fd)
{
    if (fail_sync_in == 0) {
        fail_sync_in = -1;
        errno = EIO;
        return -1;
    }
    fail_sync_in -= fail_sync_in > 0;
    return real.sync(fd);
}

static int set_up_faults(void **state)
{
    real = segment_io;
    segment_io = (struct segment_io){ failing_write, failing_sync };
    fail_write_in = fail_sync_in = -1;
    short_write = 0;
    return set_up(state);
}

static int tear_down_faults(void **state)
{
    segment_io = real;
    return tear_down(state);
}

static void failed_sync_abandons_the_file(void **state)
{
    struct shelf *h = *state;
    must(h, commit(h, 20));
    fail_sync_in = 0;
    assert_int_equal(commit(h, 20), ST_IO);
    assert_int_equal(h->metrics.sync_failures, 1);
    all_there(h);
    int before = h->n;
    must(h, commit(h, 20));
    assert_int_equal(h->pointers[before - 1] >> 32, 1);
    assert_int_equal(h->pointers[before] >> 32, 2);
    all_there(h);
    assert_int_equal(h->facts[0].state, SEGMENT_ABANDONED);
    close_shelf(h);
    open_shelf(h);
    all_there(h);
}

/* The n-th write fails, for n = 0, 1, 2 ... until a commit passes; what was committed before and after is there. */
static void failed_writes_lose_only_their_commit(void **state)
{
    struct shelf *h = *state;
    must(h, commit(h, 10));
    for (int n = 0;; n++) {
        fail_write_in = n;
        short_write = (size_t)n * 50;
        enum status st = commit(h, 15);
        bool passed = fail_write_in >= 0;
        assert_int_equal(st, passed ? ST_OK : ST_IO);
        fail_write_in = -1;
        all_there(h);
        must(h, commit(h, 7));
        all_there(h);
        if (passed)
            break;
    }
    close_shelf(h);
    open_shelf(h);
    all_there(h);
    char *path = file_of(h, 1);
    must(h, segment_verify(path, 1, h->tail.bytes, NULL, NULL, &h->err));
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back_before_and_after_reopening, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_record_stands_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(torn_tail_at_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shorter_than_promised_is_said_and_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flipped_bits_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_files_are_sealed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failed_sync_abandons_the_file, set_up_faults, tear_down_faults),
        cmocka_unit_test_setup_teardown(
            failed_writes_lose_only_their_commit, set_up_faults, tear_down_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
