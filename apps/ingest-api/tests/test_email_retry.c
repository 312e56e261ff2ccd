/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"
#include "workers/email_retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>

/* The defaults: one minute, two, four, … up to four hours, for five days. */
static void test_growing_waits(void **state)
{
    const struct settings settings = {.mail_retry_min_s = 60, .mail_retry_max_s = 14400, .mail_retry_for_s = 432000};
    int64_t waited = 0, attempts = 1;

    (void)state;
    assert_int_equal(email_retry_wait(&settings, 1), 60000);
    assert_int_equal(email_retry_wait(&settings, 2), 120000);
    assert_int_equal(email_retry_wait(&settings, 9), 14400000);
    assert_int_equal(email_retry_wait(&settings, 1000), 14400000);
    assert_false(email_retry_over(&settings, 1));
    for (; !email_retry_over(&settings, attempts); attempts++)
        waited += email_retry_wait(&settings, attempts);
    assert_true(waited >= 432000000 && waited < 432000000 + 14400000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
