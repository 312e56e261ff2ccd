/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: exact over threads, with whole and fractional numbers, never falling. */
#include "util.h"

#include <math.h>
#include <pthread.h>

#define THREADS 8
#define ADDS 1000000

static void whole_and_fractional(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family = new_counter(registry, "a", NULL);
    promc_counter c;
    assert_ok(promc_counter_get(family, NULL, &c));
    promc_counter_inc(c);
    promc_counter_add_u64(c, 41);
    assert_ok(promc_counter_add(c, 8.0));
    assert_same(promc_counter_value(c), 50);
    assert_true(exposes(registry, "a_total 50"));
    assert_ok(promc_counter_add(c, 0.25));
    assert_ok(promc_counter_add(c, 0));
    assert_true(exposes(registry, "a_total 50.25"));
    assert_ok(promc_counter_add(c, 1e300));
    assert_same(promc_counter_value(c), 1e300);
    promc_registry_destroy(registry);
}

static void never_down(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family = new_counter(registry, "a", NULL);
    promc_counter c;
    assert_ok(promc_counter_get(family, NULL, &c));
    promc_counter_inc(c);
    assert_int_equal(promc_counter_add(c, -1), PROMC_E_INVALID);
    assert_int_equal(promc_counter_add(c, -1e-300), PROMC_E_INVALID);
    assert_int_equal(promc_counter_add(c, NAN), PROMC_E_INVALID);
    assert_int_equal(promc_counter_add(c, INFINITY), PROMC_E_INVALID);
    assert_same(promc_counter_value(c), 1);
    promc_registry_destroy(registry);
}

static void *add_many(void *argument)
{
    promc_counter *counters = argument;
    for (int i = 0; i < ADDS; i++) {
        promc_counter_inc(counters[0]);
        if (i % 4 == 0)
            (void)promc_counter_add(counters[1], 0.5);
    }
    return NULL;
}

static void eight_threads_are_exact(void **state)
{
    unsigned threads_with_shards = *(unsigned *)*state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = threads_with_shards});
    promc_counter counters[2];
    pthread_t threads[THREADS];
    assert_ok(promc_counter_get(new_counter(registry, "a", NULL), NULL, &counters[0]));
    assert_ok(promc_counter_get(new_counter(registry, "b", NULL), NULL, &counters[1]));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, counters), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_same(promc_counter_value(counters[0]), (double)THREADS * ADDS);
    assert_same(promc_counter_value(counters[1]), (double)THREADS * ADDS / 8);
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_true(stats.shards <= threads_with_shards);
    promc_registry_destroy(registry);
}

static void sum_wraps(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_counter c;
    assert_ok(promc_counter_get(new_counter(registry, "a", NULL), NULL, &c));
    promc_counter_add_u64(c, UINT64_MAX);
    promc_counter_add_u64(c, 3);
    assert_same(promc_counter_value(c), 2);
    promc_registry_destroy(registry);
}

int main(void)
{
    static unsigned enough = 16, too_few = 3;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_fractional),
        cmocka_unit_test(never_down),
        cmocka_unit_test_prestate(eight_threads_are_exact, &enough),
        cmocka_unit_test_prestate(eight_threads_are_exact, &too_few),
        cmocka_unit_test(sum_wraps),
    };
    return cmocka_run_group_tests_name("counter", tests, NULL, NULL);
}
