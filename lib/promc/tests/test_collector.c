/* SPDX-License-Identifier: Apache-2.0 */
/* Collectors: they run at each scrape, may fail, are skipped after the deadline, and never run twice at once. */
#include "corpus.h"

#include <pthread.h>
#include <unistd.h>

struct source {
    promc_gauge gauge;
    double value;
    int result;
    unsigned sleep_us;
    uint64_t deadline_ns;
    int calls, inside, most_inside;
};

static int collect(void *user, uint64_t deadline_ns)
{
    struct source *source = user;
    int inside = __atomic_fetch_add(&source->inside, 1, __ATOMIC_SEQ_CST) + 1;
    if (inside > __atomic_load_n(&source->most_inside, __ATOMIC_SEQ_CST))
        __atomic_store_n(&source->most_inside, inside, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&source->calls, 1, __ATOMIC_SEQ_CST);
    source->deadline_ns = deadline_ns;
    usleep(source->sleep_us);
    if (source->result == 0)
        promc_gauge_set(source->gauge, source->value);
    __atomic_fetch_sub(&source->inside, 1, __ATOMIC_SEQ_CST);
    return source->result;
}

static promc_registry *make(struct source *source, const char *name)
{
    promc_registry *registry;
    promc_family *family;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_gauge_register(registry, &(promc_family_settings){.name = "queue_depth"}, &family), 0);
    assert_int_equal(promc_gauge_get(family, NULL, &source->gauge), 0);
    assert_int_equal(promc_collector_register(registry, name, collect, source), 0);
    return registry;
}

static void expect_line(promc_registry *registry, promc_scrape_settings settings, const char *line, const char *other)
{
    char *text = corpus_scrape(registry, settings, NULL);
    if (!strstr(text, line) || !strstr(text, other))
        fail_msg("no %s or %s in\n%s", line, other, text);
    free(text);
}

static void test_errors_and_last_good_value(void **state)
{
    (void)state;
    struct source source = {.value = 5};
    promc_registry *registry = make(&source, "queue \"depth\"");
    const promc_scrape_settings text = {0};
    expect_line(registry, text, "\nqueue_depth 5\n",
                "\npromc_collector_errors_total{collector=\"queue \\\"depth\\\"\"} 0\n");
    source.value = 6;
    expect_line(registry, text, "\nqueue_depth 6\n", "\"} 0\n");
    source.value = 7;
    source.result = PROMC_E_IO;
    expect_line(registry, text, "\nqueue_depth 6\n",
                "\npromc_collector_errors_total{collector=\"queue \\\"depth\\\"\"} 1\n");
    source.result = 0;
    expect_line(registry, text, "\nqueue_depth 7\n",
                "\npromc_collector_errors_total{collector=\"queue \\\"depth\\\"\"} 1\n");
    assert_int_equal(source.calls, 4);
    promc_registry_destroy(registry);
}

static void test_deadline(void **state)
{
    (void)state;
    struct source source = {.value = 5};
    promc_registry *registry = make(&source, "late");
    promc_scrape_settings settings = {.deadline_ns = promc_now_ns() - 1};
    expect_line(registry, settings, "\nqueue_depth 0\n", "\npromc_collector_errors_total{collector=\"late\"} 1\n");
    assert_int_equal(source.calls, 0);
    settings.deadline_ns = promc_now_ns() + UINT64_C(60000000000);
    expect_line(registry, settings, "\nqueue_depth 5\n", "\npromc_collector_errors_total{collector=\"late\"} 1\n");
    assert_true(source.deadline_ns == settings.deadline_ns);
    promc_registry_destroy(registry);
}

static void *scrape(void *registry)
{
    for (int i = 0; i < 20; i++)
        free(corpus_scrape(registry, (promc_scrape_settings){0}, NULL));
    return NULL;
}

static void test_never_two_at_once(void **state)
{
    (void)state;
    struct source source = {.sleep_us = 1000};
    promc_registry *registry = make(&source, "slow");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, scrape, registry), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(source.most_inside, 1);
    /* How many of the 80 scrapes found it busy is chance. But it must not stay busy. */
    const int before = source.calls;
    assert_true(before >= 1);
    free(corpus_scrape(registry, (promc_scrape_settings){0}, NULL));
    assert_int_equal(source.calls, before + 1);
    promc_registry_destroy(registry);
}

static void test_arguments(void **state)
{
    (void)state;
    struct source source = {0};
    promc_registry *registry = make(&source, "first");
    assert_int_equal(promc_collector_register(NULL, "a", collect, NULL), PROMC_E_INVALID);
    assert_int_equal(promc_collector_register(registry, NULL, collect, NULL), PROMC_E_INVALID);
    assert_int_equal(promc_collector_register(registry, "", collect, NULL), PROMC_E_INVALID);
    assert_int_equal(promc_collector_register(registry, "a", NULL, NULL), PROMC_E_INVALID);
    for (int i = 1; i < 64; i++)
        assert_int_equal(promc_collector_register(registry, "same name", collect, &source), 0);
    assert_int_equal(promc_collector_register(registry, "one more", collect, &source), PROMC_E_FULL);
    promc_registry_destroy(registry);
}

static bool inside_for_ever;

/* Runs until its thread is cancelled; only once. */
static int stay(void *user, uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (__atomic_fetch_add((int *)user, 1, __ATOMIC_SEQ_CST) == 0) {
        __atomic_store_n(&inside_for_ever, true, __ATOMIC_SEQ_CST);
        for (;;)
            pause();
    }
    return 0;
}

static double leave(void *user)
{
    if (__atomic_fetch_add((int *)user, 1, __ATOMIC_SEQ_CST) == 0)
        pthread_exit(NULL);
    return 7;
}

/* This counts as a failure, and the collector is called again. Its scrape leaks nothing. */
static void test_collectors_that_do_not_return(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *family;
    int stayed = 0, left = 0;
    pthread_t thread;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collector_register(registry, "stays", stay, &stayed), 0);
    assert_int_equal(pthread_create(&thread, NULL, scrape, registry), 0);
    while (!__atomic_load_n(&inside_for_ever, __ATOMIC_SEQ_CST))
        usleep(1000);
    assert_int_equal(pthread_cancel(thread), 0);
    pthread_join(thread, NULL);
    assert_int_equal(promc_callback_register(registry, PROMC_GAUGE, &(promc_family_settings){.name = "asked"}, &family),
                     0);
    assert_int_equal(promc_callback_set(family, NULL, leave, &left), 0);
    assert_int_equal(pthread_create(&thread, NULL, scrape, registry), 0);
    pthread_join(thread, NULL);
    expect_line(registry, (promc_scrape_settings){0}, "\npromc_collector_errors_total{collector=\"stays\"} 1\n",
                "\nasked 7\n");
    assert_int_equal(stayed, 3);
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.scrapes_in_flight, 0);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_and_last_good_value),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_never_two_at_once),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_collectors_that_do_not_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
