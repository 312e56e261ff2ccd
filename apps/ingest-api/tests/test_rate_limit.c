/* SPDX-License-Identifier: Apache-2.0 */
#include "http/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdio.h>

#define SECOND UINT64_C(1000000000)

static void test_rate_limit(void **state)
{
    (void)state;
    struct rate_limit *limit = rate_limit_create(10);
    uint64_t now = 1000 * SECOND;
    for (int i = 0; i < 10; i++)
        assert_int_equal(rate_limit_take(limit, "one", now), 0);
    assert_int_equal(rate_limit_take(limit, "one", now), 1);
    assert_int_equal(rate_limit_take(limit, "two", now), 0); /* each key has its own bucket */
    assert_int_equal(rate_limit_take(limit, "one", now + SECOND / 10), 0);
    assert_int_equal(rate_limit_take(limit, "one", now + SECOND / 10), 1); /* being refused costs nothing */
    int passed = 0;
    for (uint64_t t = now + SECOND; t < now + 11 * SECOND; t += SECOND / 1000)
        passed += rate_limit_take(limit, "one", t) == 0;
    assert_in_range(passed, 99 + 8, 100 + 10);
    /* more organisations than it can hold: none is refused because of that */
    for (int i = 0; i < 50000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "org%d", i);
        assert_int_equal(rate_limit_take(limit, name, now), 0);
    }
    rate_limit_destroy(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
