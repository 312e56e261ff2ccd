/* SPDX-License-Identifier: Apache-2.0 */
#include "http/auth.h"
#include "http/body.h"
#include "http/rate_limit.h"
#include "http/request_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

/* ---- request ids ------------------------------------------------------------------------------------------------ */

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
    memset(long_id, 'x', sizeof(long_id));
    long_id[63] = '\0';
    request_id_set(&a, long_id, one);
    assert_string_equal(one, long_id);
    long_id[63] = 'x';
    long_id[64] = '\0';
    const char *const bad[] = {"", long_id, "a b", "a\n", "a\"", "\xc3\xa4", "a/b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request_id_set(&a, bad[i], one);
        assert_string_not_equal(one, bad[i]);
        assert_int_equal(strspn(one, "0123456789abcdefghijklmnopqrstuvwxyz-"), strlen(one));
    }
    a.next = UINT64_MAX; /* the longest there can be */
    request_id_set(&a, NULL, one);
    assert_true(strlen(one) < REQUEST_ID_SIZE);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static void test_keys(void **state)
{
    (void)state;
    char a[AUTH_KEY_SIZE], b[AUTH_KEY_SIZE];
    assert_true(auth_key_new(a) && auth_key_new(b));
    assert_int_equal(strlen(a), AUTH_KEY_SIZE - 1);
    assert_string_not_equal(a, b);
    assert_int_equal(strspn(a + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    unsigned char hash[AUTH_HASH];
    assert_true(auth_hash("abc", 3, hash));
    assert_memory_equal(hash, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8); /* FIPS 180-4 */
    assert_true(auth_equal("secret", "secret", 6));
    assert_false(auth_equal("secret", "secre", 5));
    assert_false(auth_equal("secret", "Secret", 6));
}

static void test_bearer(void **state)
{
    (void)state;
    size_t n;
    const char *key = auth_bearer("bearer   12345678  ", &n);
    assert_non_null(key);
    assert_int_equal(n, 8);
    assert_memory_equal(key, "12345678", 8);
    char long_key[200] = "Bearer ";
    memset(long_key + 7, 'k', 150);
    const char *const bad[] = {NULL,
                               "",
                               "Bearer",
                               "Bearer ",
                               "Basic 12345678",
                               "Bearer 1234567",
                               "Bearer 1234 5678",
                               "Bearer 1234\t5678",
                               "Bearer 1234567\xc3\xa4",
                               long_key};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(auth_bearer(bad[i], &n));
}

static void test_auth_cache(void **state)
{
    (void)state;
    struct auth_cache *cache = auth_cache_create();
    assert_non_null(cache);
    unsigned char hash[AUTH_HASH] = {1}, near[AUTH_HASH] = {1};
    near[31] = 1; /* the same set, another key */
    char org[37] = "";
    assert_int_equal(auth_cache_get(cache, hash, SECOND, org), AUTH_MISS);
    auth_cache_put(cache, hash, "01a20914-ffbe-7000-9de5-9c79da394f6e", SECOND);
    assert_int_equal(auth_cache_get(cache, hash, SECOND, org), AUTH_KNOWN);
    assert_string_equal(org, "01a20914-ffbe-7000-9de5-9c79da394f6e");
    assert_int_equal(auth_cache_get(cache, near, SECOND, org), AUTH_MISS);
    /* it forgets, so that a revoked key stops working */
    assert_int_equal(auth_cache_get(cache, hash, SECOND + AUTH_KNOWN_NS - 1, org), AUTH_KNOWN);
    assert_int_equal(auth_cache_get(cache, hash, SECOND + AUTH_KNOWN_NS, org), AUTH_MISS);
    auth_cache_put(cache, near, NULL, SECOND);
    assert_int_equal(auth_cache_get(cache, near, SECOND, org), AUTH_UNKNOWN);
    assert_int_equal(auth_cache_get(cache, near, SECOND + AUTH_UNKNOWN_NS, org), AUTH_MISS);
    /* a flood of unknown keys does not push a known one out */
    for (uint64_t i = 0; i < 100000; i++) {
        unsigned char flood[AUTH_HASH] = {1};
        memcpy(flood + 8, &i, sizeof(i));
        flood[20] = 7;
        auth_cache_put(cache, flood, NULL, SECOND + i);
    }
    assert_int_equal(auth_cache_get(cache, hash, SECOND + 200000, org), AUTH_KNOWN);
    auth_cache_destroy(cache);
}

/* ---- rate ------------------------------------------------------------------------------------------------------- */

static void test_rate_limit(void **state)
{
    (void)state;
    struct rate_limit *limit = rate_limit_create(10);
    uint64_t now = 1000 * SECOND;
    for (int i = 0; i < 10; i++)
        assert_int_equal(rate_limit_take(limit, "one", now), 0);
    assert_int_equal(rate_limit_take(limit, "one", now), 1);
    assert_int_equal(rate_limit_take(limit, "two", now), 0); /* its own bucket */
    assert_int_equal(rate_limit_take(limit, "one", now + SECOND / 10), 0);
    assert_int_equal(rate_limit_take(limit, "one", now + SECOND / 10), 1); /* being refused costs nothing */
    int passed = 0;
    for (uint64_t t = now + SECOND; t < now + 11 * SECOND; t += SECOND / 1000)
        passed += rate_limit_take(limit, "one", t) == 0;
    assert_in_range(passed, 99 + 8, 100 + 10);
    /* more organisations than it holds: none is refused for it */
    for (int i = 0; i < 50000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "org%d", i);
        assert_int_equal(rate_limit_take(limit, name, now), 0);
    }
    rate_limit_destroy(limit);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

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

/* Pages of the mapping that have memory: bit 63 of each one's entry. */
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

static void test_what_was_read_of_a_body_costs_no_memory(void **state)
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

static void test_bodies_together_stay_within_their_budget(void **state)
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
        cmocka_unit_test(test_request_ids),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_auth_cache),
        cmocka_unit_test(test_rate_limit),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_what_was_read_of_a_body_costs_no_memory),
        cmocka_unit_test(test_bodies_together_stay_within_their_budget),
        cmocka_unit_test(test_a_body_without_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
