/* SPDX-License-Identifier: Apache-2.0 */
#include "http/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

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
    /* METRICS_TOKEN may have 255 characters */
    char long_key[300] = "Bearer ";
    memset(long_key + 7, 'k', 255);
    assert_non_null(auth_bearer(long_key, &n));
    assert_int_equal(n, 255);
    long_key[7 + 255] = 'k';
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
    near[31] = 1; /* the same cache set, another key */
    char org[37] = "";
    assert_int_equal(auth_cache_get(cache, hash, SECOND, org), AUTH_MISS);
    auth_cache_put(cache, hash, "01a20914-ffbe-7000-9de5-9c79da394f6e", SECOND);
    assert_int_equal(auth_cache_get(cache, hash, SECOND, org), AUTH_KNOWN);
    assert_string_equal(org, "01a20914-ffbe-7000-9de5-9c79da394f6e");
    assert_int_equal(auth_cache_get(cache, near, SECOND, org), AUTH_MISS);
    /* entries expire, so that a revoked key stops working */
    assert_int_equal(auth_cache_get(cache, hash, SECOND + AUTH_KNOWN_NS - 1, org), AUTH_KNOWN);
    assert_int_equal(auth_cache_get(cache, hash, SECOND + AUTH_KNOWN_NS, org), AUTH_MISS);
    auth_cache_put(cache, near, NULL, SECOND);
    assert_int_equal(auth_cache_get(cache, near, SECOND, org), AUTH_UNKNOWN);
    assert_int_equal(auth_cache_get(cache, near, SECOND + AUTH_UNKNOWN_NS, org), AUTH_MISS);
    /* many unknown keys do not evict a known one */
    for (uint64_t i = 0; i < 100000; i++) {
        unsigned char flood[AUTH_HASH] = {1};
        memcpy(flood + 8, &i, sizeof(i));
        flood[20] = 7;
        auth_cache_put(cache, flood, NULL, SECOND + i);
    }
    assert_int_equal(auth_cache_get(cache, hash, SECOND + 200000, org), AUTH_KNOWN);
    auth_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_auth_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
