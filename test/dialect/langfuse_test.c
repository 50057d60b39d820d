/* Runs test/dialect/langfuse/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/dialect_case.h"

static void cases(void **state)
{
    size_t run = 0, failed = dialect_cases_run(&langfuse_dialect, &run);
    (void)state;
    print_message("%zu cases\n", run);
    assert_int_equal(failed, 0);
    assert_true(run > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cases) };
    return cmocka_run_group_tests_name("dialect/langfuse", tests, NULL, NULL);
}
