/* mem: zeroed memory, and a refusal of the impossible that ends the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static void test_memory(void **state)
{
    (void)state;
    char *p = mem_alloc(0);
    assert_non_null(p);
    mem_free(p);
    p = mem_array(10, 10);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    p = mem_resize(p, 1);
    p = mem_resize(p, 0);
    assert_non_null(p);
    mem_free(p);
    mem_free(NULL);
    p = mem_strdup("text");
    assert_string_equal(p, "text");
    mem_free(p);
}

static void test_overflow_aborts(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(open("/dev/null", O_WRONLY), 2);
        volatile size_t count = SIZE_MAX / 2;
        volatile void *p = mem_array(count, 4);
        (void)p;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_overflow_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
