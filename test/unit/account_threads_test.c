/* account: four threads look keys up through one handle while another handle edits. Run under the thread sanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/lock.h"
#include "support/account_folder.h"

#define THREADS 4
#define ROUNDS  20

struct shared {
    struct account *acc;
    _Atomic bool stop;
    _Atomic int revoked; /* secrets tw_0 ... tw_<revoked - 1> are known to be revoked */
    _Atomic int wrong, lookups;
};

static void look_up_all(struct shared *s, struct arena *a, int i)
{
    struct account_key key;
    int revoked = atomic_load(&s->revoked);
    struct str token = arena_printf(a, "tw_%d", i);
    bool found = account_find(s->acc, token, a, &key);
    if (found && i < revoked)
        atomic_fetch_add(&s->wrong, 1);
    /* One that nobody touches, with all its texts. */
    found = account_find_pair(s->acc, STR("pk-lf-demo"), STR("sk-lf-demo"), a, &key);
    if (!found || key.project != 1 || !str_is(key.project_slug, "demo") ||
        !str_is(key.organization_id, "acme"))
        atomic_fetch_add(&s->wrong, 1);
    atomic_fetch_add(&s->lookups, 2);
}

static void *look_up(void *arg)
{
    struct shared *s = arg;
    struct arena *a = arena_new();
    for (int i = 0; !atomic_load(&s->stop); i = (i + 1) % ROUNDS) {
        look_up_all(s, a, i);
        arena_reset(a);
    }
    arena_free(a);
    return NULL;
}

static void nobody_sees_a_revoked_key(void **state)
{
    struct account_folder *f = *state;
    struct shared s = { .acc = f->acc };
    pthread_t threads[THREADS];
    char number[16], secret[16];
    for (int i = 0; i < THREADS; i++)
        thread_start(&threads[i], "tw-lookup", look_up, &s);
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(secret, sizeof secret, "tw_%d", i);
        snprintf(number, sizeof number, "%d", 8 + i);
        assert_int_equal(RUN(f, "key", "create", "--secret", secret), 0);
        assert_int_equal(RUN(f, "key", "revoke", number), 0);
        atomic_store(&s.revoked, i + 1);
        if (i % 5 == 0) /* and through the handle of the threads, too */
            account_folder_init(f, account_folder_demo);
    }
    atomic_store(&s.stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&s.wrong), 0);
    assert_true(atomic_load(&s.lookups) > THREADS);
}

struct opener {
    struct account_folder *f;
    enum status st;
};

static void *open_and_close(void *arg)
{
    struct opener *o = arg;
    struct account *acc;
    o->st = account_open(o->f->dir, &acc, NULL);
    account_close(acc);
    return NULL;
}

static void several_may_be_the_first_to_open(void **state)
{
    struct account_folder *f = *state;
    pthread_t threads[THREADS];
    struct opener openers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        openers[i] = (struct opener){ .f = f };
        thread_start(&threads[i], "tw-open", open_and_close, &openers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(openers[i].st, ST_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_sees_a_revoked_key, account_folder_open, account_folder_free),
        cmocka_unit_test_setup_teardown(
            several_may_be_the_first_to_open, account_folder_new, account_folder_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
