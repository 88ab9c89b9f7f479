#pragma once
/* main() of a unit test: TEST_MAIN("name", test, …) runs each test and writes TAP to standard
 * output. The environment variable CK_FORK=no (valgrind, gdb) keeps Check in one process. */

#include <check.h>
#include <stdlib.h>

static inline int test_main(const char *name, const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "/dev/stdout");
    srunner_run_all(runner, CK_SILENT);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define TEST_MAIN(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return test_main(name, tests, sizeof(tests) / sizeof(tests[0]));                           \
    }
