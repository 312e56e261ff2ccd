/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void uuids_ascend_and_are_version_7(void **state)
{
    (void)state;
    unsigned char last[16] = {0}, uuid[16], back[16];
    char text[UUID_TEXT];
    for (int i = 0; i < 20000; i++) { /* enough for more than 4096 in one millisecond */
        uuid_new(uuid);
        assert_true(memcmp(last, uuid, 16) < 0);
        assert_int_equal(uuid[6] >> 4, 7);
        assert_int_equal(uuid[8] >> 6, 2);
        memcpy(last, uuid, 16);
    }
    uuid_format(uuid, text);
    assert_int_equal(strlen(text), 36);
    assert_true(uuid_parse(text, back));
    assert_memory_equal(uuid, back, 16);
}

static void uuid_parse_accepts_nothing_else(void **state)
{
    (void)state;
    unsigned char out[16] = {0xaa}, lower[16], upper[16];
    static const char *const bad[] = {
        "",
        "0190b6f0-0000-7000-8000-00000000000",
        "0190b6f0-0000-7000-8000-0000000000000",
        "0190b6f0-0000-7000-8000-00000000000g",
        "0190b6f00000-7000-8000-000000000000-",
        "{190b6f0-0000-7000-8000-00000000000}",
        "0190b6f0-0000-7000-8000-00000000000\x80",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(uuid_parse(bad[i], out));
    assert_false(uuid_parse(NULL, out));
    assert_int_equal(out[0], 0xaa); /* not changed */
    assert_true(uuid_parse("0190b6f0-abcd-7000-8000-00000000000f", lower));
    assert_true(uuid_parse("0190B6F0-ABCD-7000-8000-00000000000F", upper));
    assert_memory_equal(lower, upper, 16);
}

#define EACH 5000
static void *make_uuids(void *arg)
{
    unsigned char(*uuids)[16] = arg;
    for (int i = 0; i < EACH; i++)
        uuid_new(uuids[i]);
    return NULL;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void uuids_of_threads_differ(void **state)
{
    (void)state;
    static unsigned char uuids[4 * EACH][16];
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, make_uuids, uuids[i * EACH]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    qsort(uuids, 4 * EACH, 16, compare_uuids);
    for (int i = 1; i < 4 * EACH; i++)
        assert_memory_not_equal(uuids[i - 1], uuids[i], 16);
}

/* Only the random part is compared: the time part may differ anyway. */
static void a_child_does_not_repeat_its_parent(void **state)
{
    (void)state;
    unsigned char uuid[16], of_child[16];
    int fd[2];
    uuid_new(uuid);
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        uuid_new(uuid);
        _exit(write(fd[1], uuid, 16) == 16 ? 0 : 1);
    }
    uuid_new(uuid);
    assert_int_equal(read(fd[0], of_child, 16), 16);
    waitpid(pid, NULL, 0);
    close(fd[0]);
    close(fd[1]);
    assert_memory_not_equal(uuid + 8, of_child + 8, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_ascend_and_are_version_7),
        cmocka_unit_test(uuid_parse_accepts_nothing_else),
        cmocka_unit_test(uuids_of_threads_differ),
        cmocka_unit_test(a_child_does_not_repeat_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
