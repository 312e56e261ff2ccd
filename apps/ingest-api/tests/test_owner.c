/* SPDX-License-Identifier: Apache-2.0 */
#include "base/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void owners_are_distinguished(void **state)
{
    (void)state;
    char self[OWNER_SIZE], gone[OWNER_SIZE];
    char where[OWNER_SIZE];
    unsigned long long start;
    long pid;
    owner_self(self);
    assert_false(owner_is_dead(self));
    assert_false(owner_is_dead(NULL));
    assert_false(owner_is_dead("nonsense"));
    assert_int_equal(sscanf(self, "%30[^:]:%ld:%llu", where, &pid, &start), 3);
    snprintf(gone, sizeof(gone), "%.30s:%ld:%llu", where, pid, start + 1); /* an earlier process with this pid */
    assert_true(owner_is_dead(gone));
    snprintf(gone, sizeof(gone), "0%.29s:%ld:%llu", where, pid, start + 1); /* of another container */
    assert_false(owner_is_dead(gone));
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    snprintf(gone, sizeof(gone), "%.30s:%ld:%llu", where, (long)child, start);
    assert_true(owner_is_dead(gone));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_are_distinguished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
