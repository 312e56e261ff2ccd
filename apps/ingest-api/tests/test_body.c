/* SPDX-License-Identifier: Apache-2.0 */
#include "http/body.h"
#include "http/body_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check_body(size_t total, size_t piece, size_t expected, bool in_file)
{
    struct body body;
    const char *data;
    char *bytes = malloc(total + 1);
    for (size_t i = 0; i < total; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    body_init(&body, "/tmp", total);
    for (size_t at = 0; at < total; at += piece)
        assert_int_equal(body_append(&body, bytes + at, total - at < piece ? total - at : piece, expected), 0);
    assert_int_equal(body_append(&body, "x", 1, expected), BODY_E_TOO_LARGE);
    assert_int_equal(body.file >= 0, in_file);
    assert_int_equal(body_finish(&body, &data), 0);
    assert_int_equal(body.length, total);
    assert_memory_equal(data, bytes, total);
    body_free(&body);
    body_free(&body);
    assert_int_equal(body_memory_in_use(), 0);
    free(bytes);
}

static void test_bodies(void **state)
{
    (void)state;
    const size_t pieces[] = {1000, 4096, 16384, 65536};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        check_body(1, pieces[i], 0, false);
        check_body(5000, pieces[i], 5000, false);
        check_body(BODY_MEMORY_MAX, pieces[i], 0, false);
        check_body(BODY_MEMORY_MAX, pieces[i], BODY_MEMORY_MAX, false);
        check_body(BODY_MEMORY_MAX + 1, pieces[i], 0, true);
        check_body(3 * BODY_MEMORY_MAX, pieces[i], 3 * BODY_MEMORY_MAX, true);
    }
}

/* The number of the mapping's pages that are in memory: bit 63 of each entry. */
static int pages_in_memory(const void *at, size_t length)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), present = 0;
    assert_true(file >= 0);
    for (size_t i = 0; i < length / page; i++) {
        uint64_t entry;
        assert_int_equal(pread(file, &entry, sizeof(entry), (off_t)(((uintptr_t)at / page + i) * sizeof(entry))),
                         sizeof(entry));
        present += entry >> 63 != 0;
    }
    close(file);
    return present;
}

static void test_consumed_parts_of_a_body_use_no_memory(void **state)
{
    (void)state;
    static char bytes[2 * BODY_MEMORY_MAX];
    struct body body;
    const char *data;
    memset(bytes, 'b', sizeof(bytes));
    body_init(&body, "/tmp", sizeof(bytes));
    assert_int_equal(body_append(&body, bytes, sizeof(bytes), 0), 0);
    assert_int_equal(body_finish(&body, &data), 0);
    assert_memory_equal(data, bytes, sizeof(bytes));
    assert_true(pages_in_memory(data, BODY_MEMORY_MAX) > 0);
    body_pass(&body, data + BODY_MEMORY_MAX + 1);
    assert_int_equal(pages_in_memory(data, BODY_MEMORY_MAX), 0);
    assert_true(pages_in_memory(data + BODY_MEMORY_MAX, BODY_MEMORY_MAX) > 0);
    assert_memory_equal(data, bytes, sizeof(bytes));
    body_free(&body);

    body_init(&body, "/tmp", sizeof(bytes));
    assert_int_equal(body_append(&body, bytes, BODY_MEMORY_MAX, 0), 0);
    assert_int_equal(body_finish(&body, &data), 0);
    body_pass(&body, data + BODY_MEMORY_MAX);
    assert_memory_equal(data, bytes, BODY_MEMORY_MAX);
    body_free(&body);
}

static void test_all_bodies_stay_within_their_budget(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    static struct body bodies[COUNT];
    static char bytes[200000];
    const char *data;
    memset(bytes, 'b', sizeof(bytes));
    for (int i = 0; i < COUNT; i++) {
        body_init(&bodies[i], "/tmp", sizeof(bytes));
        assert_int_equal(body_append(&bodies[i], bytes, sizeof(bytes), sizeof(bytes)), 0);
        assert_true(body_memory_in_use() <= BODY_MEMORY_BUDGET + BODY_MEMORY_MAX);
    }
    assert_true(bodies[COUNT - 1].file >= 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(body_finish(&bodies[i], &data), 0);
        assert_memory_equal(data, bytes, sizeof(bytes));
        body_free(&bodies[i]);
    }
    assert_int_equal(body_memory_in_use(), 0);
}

/* A small body uses no disk. A refused body leaves no trace. All disk space is released. */
static void test_the_disk_limit_of_an_organisation(void **state)
{
    static char bytes[BODY_MEMORY_MAX + 1];
    const size_t max = 2 * sizeof(bytes);
    struct body bodies[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        body_init(&bodies[i], "/tmp", max);
        body_owned_by(&bodies[i], i < 3 ? "01900000-0000-7000-8000-000000000001" : "another", max);
    }
    assert_int_equal(body_append(&bodies[0], bytes, 1000, 0), 0);
    assert_int_equal(body_append(&bodies[1], bytes, sizeof(bytes), 0), 0);
    assert_int_equal(body_append(&bodies[2], bytes, sizeof(bytes), 0), 0);
    assert_int_equal(body_append(&bodies[2], bytes, 1, 0), BODY_E_DISK);
    assert_int_equal(body_append(&bodies[0], bytes, sizeof(bytes), 0), BODY_E_DISK);
    assert_int_equal(body_append(&bodies[3], bytes, sizeof(bytes), 0), 0);
    body_free(&bodies[2]);
    assert_int_equal(body_append(&bodies[1], bytes, sizeof(bytes), 0), 0);
    body_free(&bodies[1]);
    body_free(&bodies[1]);
    assert_true(body_disk_take("01900000-0000-7000-8000-000000000001", max, max));
    body_disk_give("01900000-0000-7000-8000-000000000001", max);
    body_free(&bodies[0]);
    body_free(&bodies[3]);
}

static void test_a_body_without_a_place(void **state)
{
    (void)state;
    static char bytes[BODY_MEMORY_MAX + 1];
    struct body body;
    body_init(&body, "/nonexistent/place", sizeof(bytes));
    assert_int_equal(body_append(&body, bytes, sizeof(bytes), 0), BODY_E_FILE);
    body_free(&body);
    assert_int_equal(body_memory_in_use(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_consumed_parts_of_a_body_use_no_memory),
        cmocka_unit_test(test_all_bodies_stay_within_their_budget),
        cmocka_unit_test(test_the_disk_limit_of_an_organisation),
        cmocka_unit_test(test_a_body_without_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
