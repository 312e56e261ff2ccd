/* SPDX-License-Identifier: Apache-2.0 */
#include "http/request_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

static void test_request_ids(void **state)
{
    (void)state;
    struct request_ids a, b;
    char one[REQUEST_ID_SIZE], two[REQUEST_ID_SIZE], other[REQUEST_ID_SIZE], long_id[REQUEST_ID_SIZE + 1];
    request_ids_init(&a);
    request_ids_init(&b);
    request_id_set(&a, NULL, one);
    request_id_set(&a, NULL, two);
    request_id_set(&b, NULL, other);
    assert_string_not_equal(one, two);
    assert_string_not_equal(one, other);

    request_id_set(&a, "Sane_1.2-3", one);
    assert_string_equal(one, "Sane_1.2-3");
    request_id_set(&a, "azAZ09", one); /* the ends of the ranges */
    assert_string_equal(one, "azAZ09");
    memset(long_id, 'x', sizeof(long_id));
    long_id[63] = '\0';
    request_id_set(&a, long_id, one);
    assert_string_equal(one, long_id);
    long_id[63] = 'x';
    long_id[64] = '\0';
    const char *const bad[] = {"", long_id, "a b", "a\n", "a\"", "\xc3\xa4", "a/b", "a:", "a@", "a[", "a`", "a{"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request_id_set(&a, bad[i], one);
        assert_string_not_equal(one, bad[i]);
        assert_int_equal(strspn(one, "0123456789abcdefghijklmnopqrstuvwxyz-"), strlen(one));
    }
    a.next = UINT64_MAX; /* the longest possible id */
    request_id_set(&a, NULL, one);
    assert_true(strlen(one) < REQUEST_ID_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
