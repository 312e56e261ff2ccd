/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that come and go: their values stay, their shards are reused. */
#include "arena/registry.h"
#include "shard/shard.h"
#include "util.h"

#include <pthread.h>
#include <semaphore.h>

static void *inc_once(void *argument)
{
    promc_counter_inc(*(promc_counter *)argument);
    return NULL;
}

static void many_short_threads_share_few_shards(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = 4});
    promc_counter c = promc_counter_with(new_counter(registry, "a", "x"), "1");
    promc_registry_stats stats;
    enum { THREADS = 1000 };
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, inc_once, &c), 0);
        pthread_join(thread, NULL);
    }
    assert_same(promc_counter_value(c), THREADS);
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.shards, 1);
    promc_registry_destroy(registry);
}

struct crowd {
    promc_counter counter;
    sem_t arrived, leave;
};

static void *stay(void *argument)
{
    struct crowd *crowd = argument;
    promc_counter_inc(crowd->counter);
    (void)promc_counter_add(crowd->counter, 0.5);
    sem_post(&crowd->arrived);
    sem_wait(&crowd->leave);
    promc_counter_inc(crowd->counter);
    return NULL;
}

/* More threads than shards: the others share the last shard, and no update is lost; a freed shard is used again. */
static void crowd_beyond_the_limit(void **state)
{
    (void)state;
    enum { THREADS = 20 };
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = 3});
    struct crowd crowd = {.counter = promc_counter_with(new_counter(registry, "a", "x"), "1")};
    pthread_t threads[THREADS];
    promc_registry_stats stats;
    sem_init(&crowd.arrived, 0, 0);
    sem_init(&crowd.leave, 0, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, stay, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        sem_wait(&crowd.arrived);
    assert_same(promc_counter_value(crowd.counter), THREADS * 1.5);
    promc_counter_inc(crowd.counter);
    assert_null(promc_tls.base[promc_ref_slot(crowd.counter.ref)]);
    for (int i = 0; i < THREADS; i++)
        sem_post(&crowd.leave);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_same(promc_counter_value(crowd.counter), THREADS * 2.5 + 1);
    promc_counter_inc(crowd.counter); /* shards are free again: this thread gets one */
    assert_non_null(promc_tls.base[promc_ref_slot(crowd.counter.ref)]);
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.shards, 3);
    assert_same(promc_counter_value(crowd.counter), THREADS * 2.5 + 2);
    sem_destroy(&crowd.arrived);
    sem_destroy(&crowd.leave);
    promc_registry_destroy(registry);
}

static pthread_key_t late_key;
static promc_counter late_counter;

/* A destructor that runs after promc's own: its update attaches the thread again. */
static void late_update(void *value)
{
    promc_counter_inc(late_counter);
    if ((uintptr_t)value > 1)
        pthread_setspecific(late_key, (void *)((uintptr_t)value - 1));
}

static void *with_late_destructor(void *unused)
{
    (void)unused;
    pthread_setspecific(late_key, (void *)(uintptr_t)3);
    promc_counter_inc(late_counter);
    return NULL;
}

static void updates_from_thread_destructors(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = 2});
    promc_registry_stats stats;
    late_counter = promc_counter_with(new_counter(registry, "a", "x"), "1");
    assert_int_equal(pthread_key_create(&late_key, late_update), 0);
    enum { THREADS = 50 };
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, with_late_destructor, NULL), 0);
        pthread_join(thread, NULL);
    }
    assert_same(promc_counter_value(late_counter), THREADS * 4);
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_true(stats.shards <= 2);
    pthread_key_delete(late_key);
    promc_registry_destroy(registry);
}

struct churn {
    promc_counter counter;
    promc_histogram histogram;
};

static void *short_life(void *argument)
{
    struct churn *churn = argument;
    for (int i = 0; i < 500; i++) {
        promc_counter_inc(churn->counter);
        promc_histogram_observe(churn->histogram, 1);
    }
    return NULL;
}

/* Shards pass from thread to thread while the registry is scraped. */
static void handover_under_scrapes(void **state)
{
    (void)state;
    enum { ROUNDS = 100, THREADS = 6 };
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = 8});
    promc_family *family;
    struct churn churn = {.counter = promc_counter_with(new_counter(registry, "a", "x"), "1")};
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h"}}, &family));
    assert_ok(promc_histogram_get(family, NULL, &churn.histogram));
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, short_life, &churn), 0);
        for (int i = 0; i < 20; i++) {
            double sum;
            uint64_t count = promc_histogram_count(churn.histogram, &sum);
            assert_same(sum, count);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    double sum;
    assert_same(promc_counter_value(churn.counter), ROUNDS * THREADS * 500);
    assert_int_equal(promc_histogram_count(churn.histogram, &sum), ROUNDS * THREADS * 500);
    assert_same(sum, ROUNDS * THREADS * 500);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_short_threads_share_few_shards),
        cmocka_unit_test(crowd_beyond_the_limit),
        cmocka_unit_test(updates_from_thread_destructors),
        cmocka_unit_test(handover_under_scrapes),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
