/* store/sqlite: readers on other threads see whole commits only, the newest at their start and nothing later, while the writer goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "support/store_kit.h"

#define COMMITS 150
#define ROWS    12
#define READERS 3

struct scene {
    char *dir;
    struct store_options o;
    struct store_metrics metrics;
    struct driver *d;
    _Atomic int committed; /* told to the world: what was answered 2xx */
    _Atomic int faults;
};

#define CHECK(s, holds) \
    ((holds) ? (void)0 : (void)(fprintf(stderr, "line %d\n", __LINE__), atomic_fetch_add(&(s)->faults, 1)))

static struct str payload_of(struct arena *a, int commit, int i)
{
    return arena_printf(a, "payload %d %d %0*d", commit, i, 200 + i * 50, commit);
}

/* Rows of commit n: an observation each in trace n, all with payload; and one row that every commit changes. */
static enum status put_all(struct scene *s, struct arena *a, int commit, struct err *err)
{
    enum status st = ST_OK;
    struct row *old,
        counter = { .entity = USER, .project = 1, .id = STR("counter"), .created_ns = 1, .updated_ns = 1 };
    for (int i = 0; i < ROWS && st == ST_OK; i++) {
        struct row r = { .entity = OBSERVATION, .project = 1, .created_ns = 10, .updated_ns = 10 };
        int64_t pointer = 0;
        r.scope = arena_printf(a, "trace-%d", commit);
        r.id = arena_printf(a, "%016x", i);
        r.cols[OBSERVATION_start_ns] = value_int(commit);
        r.cols[OBSERVATION_name] = value_text(arena_printf(a, "name-%d", commit % 20));
        st = s->d->ops->payload_add(s->d, payload_of(a, commit, i), &pointer, err);
        r.cols[OBSERVATION_input] = (struct value){ .kind = V_REF, .piece = OBSERVATION_input, .i = pointer };
        if (st == ST_OK)
            st = s->d->ops->put_row(s->d, &r, NULL, err);
    }
    if (st == ST_OK)
        st = s->d->ops->get_row(s->d, NULL, a, 1, USER, STR_NONE, counter.id, &old, err);
    counter.cols[USER_last_seen_ns] = value_int(commit);
    return st == ST_OK ? s->d->ops->put_row(s->d, &counter, old, err) : st;
}

static void *write_commits(void *arg)
{
    struct scene *s = arg;
    struct err err;
    for (int n = 1; n <= COMMITS; n++) {
        struct arena *a = arena_new();
        enum status st = s->d->ops->begin(s->d, &err);
        if (st == ST_OK)
            st = put_all(s, a, n, &err);
        if (st == ST_OK && n % 10 == 9 && atomic_load(&s->committed) == n - 1) {
            s->d->ops->rollback(s->d); /* then the same again */
            st = s->d->ops->begin(s->d, &err);
            if (st == ST_OK)
                st = put_all(s, a, n, &err);
        }
        if (st == ST_OK)
            st = s->d->ops->commit(s->d, &err);
        CHECK(s, st == ST_OK);
        arena_free(a);
        atomic_store(&s->committed, n);
        s->d->ops->maintain(s->d);
    }
    return NULL;
}

static void look(struct scene *s, struct reader *rd, struct arena *a, int before, unsigned *seed)
{
    struct err err;
    struct row *r;
    struct str got;
    int64_t now = s->d->ops->commit_number(s->d, rd);
    CHECK(s, now >= before);
    CHECK(s, s->d->ops->get_row(s->d, rd, a, 1, USER, STR_NONE, STR("counter"), &r, &err) == ST_OK);
    CHECK(s, now == 0 || (r && row_int(r, USER_last_seen_ns, 0) == now));
    for (int k = 0; k < 20; k++) {
        *seed = *seed * 1103515245 + 12345;
        int commit = 1 + (int)(*seed >> 8) % COMMITS, i = (int)(*seed >> 4) % ROWS;
        struct str scope = arena_printf(a, "trace-%d", commit), id = arena_printf(a, "%016x", i);
        CHECK(s, s->d->ops->get_row(s->d, rd, a, 1, OBSERVATION, scope, id, &r, &err) == ST_OK);
        CHECK(s, (r != NULL) == (commit <= now));
        if (!r)
            continue;
        CHECK(s, s->d->ops->payload_get(s->d, rd, a, r->cols[OBSERVATION_input].i, &got, &err) == ST_OK);
        CHECK(s, str_eq(got, payload_of(a, commit, i)));
        CHECK(s, str_eq(row_text(r, OBSERVATION_name), arena_printf(a, "name-%d", commit % 20)));
    }
}

static bool count_row(void *ctx, struct row *r)
{
    (void)r;
    ++*(int *)ctx;
    return true;
}

static void count(struct scene *s, struct reader *rd, struct arena *a)
{
    struct query q = {
        .entity = OBSERVATION, .project = 1, .order = BY_START, .descending = true, .limit = SIZE_MAX
    };
    struct err err;
    int n = 0;
    bool exact;
    CHECK(s, s->d->ops->scan_query(s->d, rd, a, &q, count_row, &n, &exact, &err) == ST_OK);
    CHECK(s, n == s->d->ops->commit_number(s->d, rd) * ROWS);
}

static void *read_commits(void *arg)
{
    struct scene *s = arg;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int rounds = 0, last = 0; !last; rounds++) {
        struct arena *a = arena_new();
        struct reader *rd;
        struct err err;
        int before = atomic_load(&s->committed);
        last = before == COMMITS;
        CHECK(s, s->d->ops->reader_take(s->d, &rd, &err) == ST_OK);
        look(s, rd, a, before, &seed);
        if (rounds % 8 == 0)
            count(s, rd, a);
        s->d->ops->reader_drop(s->d, rd);
        arena_free(a);
    }
    return NULL;
}

static void readers_beside_the_writer(void **state)
{
    (void)state;
    struct scene s = { .dir = folder_new(), .o = rowkit_options() };
    pthread_t threads[READERS + 1];
    struct err err;
    s.o.store_readers = 2;
    s.o.store_block = 4096;
    s.o.store_segment = 1 << 20;
    s.o.store_block_cache = 1 << 20;
    s.o.store_wal_limit = 1 << 20;
    assert_int_equal(driver_sqlite_open(s.dir, &s.o, &s.metrics, &s.d, &err), ST_OK);
    assert_int_equal(pthread_create(&threads[0], NULL, write_commits, &s), 0);
    for (int i = 1; i <= READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_commits, &s), 0);
    for (int i = 0; i <= READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&s.faults), 0);
    s.d->ops->close(s.d);
    folder_drop(s.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(readers_beside_the_writer) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
