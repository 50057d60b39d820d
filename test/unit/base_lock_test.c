/* lock: exclusion, waiting with an end, and the order that ends the program when it is broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"

struct shared {
    struct lock lock;
    pthread_cond_t cond;
    int64_t count;
    bool ready;
};

static void *count_up(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < 10000; i++) {
        lock_take(&s->lock);
        s->count++;
        lock_drop(&s->lock);
    }
    return NULL;
}

static void test_exclusion(void **state)
{
    (void)state;
    struct shared s = { .count = 0 };
    pthread_t threads[4];
    lock_init(&s.lock, LOCK_STORE);
    for (int i = 0; i < 4; i++)
        thread_start(&threads[i], "tw-counter", count_up, &s);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(s.count, 40000);
    lock_fini(&s.lock);
}

static void *report(void *arg)
{
    struct shared *s = arg;
    char name[16];
    sigset_t blocked;
    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    lock_take(&s->lock);
    s->count += strcmp(name, "tw-fifteen-long") == 0 && sigismember(&blocked, SIGTERM);
    s->ready = true;
    pthread_cond_signal(&s->cond);
    lock_drop(&s->lock);
    return NULL;
}

static void test_waiting(void **state)
{
    (void)state;
    struct shared s = { .count = 0 };
    pthread_t t;
    lock_init(&s.lock, LOCK_LEAF);
    cond_init(&s.cond);
    lock_take(&s.lock);
    int64_t start = clock_mono_ns();
    assert_false(cond_wait_until(&s.cond, &s.lock, start + 20 * NS_PER_MS));
    assert_true(clock_mono_ns() - start >= 20 * NS_PER_MS);
    assert_false(cond_wait_until(&s.cond, &s.lock, start));
    assert_false(cond_wait_until(&s.cond, &s.lock, -5));
    thread_start(&t, "tw-fifteen-long", report, &s);
    while (!s.ready)
        assert_true(cond_wait_until(&s.cond, &s.lock, clock_mono_ns() + 10 * NS_PER_S));
    lock_drop(&s.lock);
    pthread_join(t, NULL);
    assert_int_equal(s.count, 1);
    s.ready = false;
    lock_take(&s.lock);
    thread_start(&t, "tw-again", report, &s);
    while (!s.ready)
        cond_wait(&s.cond, &s.lock);
    lock_drop(&s.lock);
    pthread_join(t, NULL);
    pthread_cond_destroy(&s.cond);
    lock_fini(&s.lock);
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

static void test_order_that_is_right(void **state)
{
    (void)state;
    struct lock api, ingest, leaf;
    lock_init(&api, LOCK_API);
    lock_init(&ingest, LOCK_INGEST);
    lock_init(&leaf, LOCK_LEAF);
    for (int i = 0; i < 3; i++) {
        lock_take(&api);
        lock_take(&ingest);
        lock_take(&leaf);
        lock_drop(&ingest); /* letting go has no order */
        lock_drop(&leaf);
        lock_take(&ingest);
        lock_drop(&api);
        lock_drop(&ingest);
    }
    lock_fini(&api);
    lock_fini(&ingest);
    lock_fini(&leaf);
}

static bool survives(enum lock_rank first, enum lock_rank second)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct lock a, b;
        signal(SIGABRT, SIG_DFL);
        dup2(open("/dev/null", O_WRONLY), 2);
        lock_init(&a, first);
        lock_init(&b, second);
        lock_take(&a);
        lock_take(&b);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_order_that_is_wrong(void **state)
{
    (void)state;
    for (int first = LOCK_API; first <= LOCK_LEAF; first++)
        for (int second = LOCK_API; second <= LOCK_LEAF; second++)
            assert_int_equal(survives((enum lock_rank)first, (enum lock_rank)second), first < second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exclusion),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_order_that_is_right),
        cmocka_unit_test(test_order_that_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
