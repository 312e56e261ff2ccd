/* SPDX-License-Identifier: Apache-2.0 */
/* Reloaded modules: the same definitions again, and removed collectors and callbacks. */
#include "arena/registry.h"
#include "base/atomic.h"
#include "collect/callback.h"
#include "collect/collector.h"
#include "util.h"

#include <pthread.h>
#include <unistd.h>

static void the_same_definition_is_the_same_family(void **state)
{
    promc_registry *registry = *state;
    promc_family *first, *second;
    const promc_histogram_settings settings = {.family = {.name = "h_seconds", .labels = {"x"}, .unit = "seconds"},
                                               .buckets = (double[]){1, 2},
                                               .bucket_count = 2};
    assert_ok(promc_histogram_register(registry, &settings, &first));
    promc_histogram_observe(promc_histogram_with(first, "a"), 1);
    promc_histogram_settings again = settings;
    again.family.help = "Another help, of a newer module.";
    assert_ok(promc_histogram_register(registry, &again, &second));
    assert_ptr_equal(first, second);
    assert_int_equal(promc_histogram_count(promc_histogram_with(second, "a"), NULL), 1);
    again.buckets = (double[]){1, 3};
    assert_fails(promc_histogram_register(registry, &again, &second), PROMC_E_DUPLICATE, "with other buckets");
    assert_null(second);
    again = settings;
    again.kind = PROMC_HISTOGRAM_NATIVE;
    assert_fails(promc_histogram_register(registry, &again, &second), PROMC_E_DUPLICATE,
                 "with other buckets or another kind");
    again = settings;
    again.family.constant_labels = (promc_label[]){{"a", "b"}, {0}};
    assert_fails(promc_histogram_register(registry, &again, &second), PROMC_E_DUPLICATE, "with other constant labels");
}

static void statesets_and_callbacks(void **state)
{
    promc_registry *registry = *state;
    promc_family *first, *second;
    const promc_family_settings settings = {.name = "mode"};
    const char *const states[] = {"on", "off"};
    assert_ok(promc_stateset_register(registry, &settings, states, 2, &first));
    assert_ok(promc_stateset_select(first, NULL, "on"));
    assert_ok(promc_stateset_register(registry, &settings, states, 2, &second));
    assert_ptr_equal(first, second);
    assert_true(exposes(registry, "mode{mode=\"on\"} 1"));
    assert_fails(promc_stateset_register(registry, &settings, states, 1, &second), PROMC_E_DUPLICATE,
                 "with other states");
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "g"}, &first));
    assert_fails(promc_callback_register(registry, PROMC_GAUGE, &(promc_family_settings){.name = "g"}, &second),
                 PROMC_E_DUPLICATE, "values from another source");
}

struct slow {
    promc_registry *registry;
    bool callback;
    int entered, leave, runs;
};

static int collect_slowly(void *user, uint64_t deadline_ns)
{
    struct slow *slow = user;
    (void)deadline_ns;
    __atomic_store_n(&slow->entered, 1, __ATOMIC_RELEASE);
    wait_until(__atomic_load_n(&slow->leave, __ATOMIC_ACQUIRE));
    slow->runs++;
    return 0;
}

static double value_slowly(void *user)
{
    (void)collect_slowly(user, 0);
    return 7;
}

static void *scrape_once(void *registry)
{
    free(scrape_text(registry));
    return NULL;
}

/* Let the run end after the unregistering thread has disabled further runs. */
static void *let_go(void *user)
{
    struct slow *slow = user;
    if (slow->callback)
        wait_until(promc_load(&promc_load_acquire(&slow->registry->callbacks)->replaced));
    else
        wait_until(!promc_collector_is_there(slow->registry, "slow", collect_slowly));
    __atomic_store_n(&slow->leave, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* After it has returned, no thread runs the function or will run it: it may be unloaded. */
static void unregistering_waits_for_a_running_call(void **state)
{
    promc_registry *registry = *state;
    promc_family *gauges;
    pthread_t scraper, other;
    for (int callback = 0; callback < 2; callback++) {
        struct slow slow = {.registry = registry, .callback = callback};
        if (callback) {
            assert_ok(promc_callback_register(registry, PROMC_GAUGE,
                                              &(promc_family_settings){.name = "g", .labels = {"x"}}, &gauges));
            assert_ok(promc_callback_set(gauges, (const char *[]){"a"}, value_slowly, &slow));
        } else {
            assert_ok(promc_collector_register(registry, "slow", collect_slowly, &slow));
        }
        assert_int_equal(pthread_create(&scraper, NULL, scrape_once, registry), 0);
        wait_until(__atomic_load_n(&slow.entered, __ATOMIC_ACQUIRE));
        assert_int_equal(pthread_create(&other, NULL, let_go, &slow), 0);
        assert_ok(callback ? promc_callback_unset(gauges, (const char *[]){"a"})
                           : promc_collector_unregister(registry, "slow"));
        assert_int_equal(slow.runs, 1);
        pthread_join(scraper, NULL);
        pthread_join(other, NULL);
        free(scrape_text(registry));
        assert_int_equal(slow.runs, 1);
    }
    assert_int_equal(promc_collector_unregister(registry, "slow"), PROMC_E_NOT_FOUND);
    assert_int_equal(promc_callback_unset(gauges, (const char *[]){"a"}), PROMC_E_NOT_FOUND);
    assert_true(exposes(registry, "g{x=\"a\"} 7")); /* its last value */
}

/* Places are reused: a module may be loaded any number of times. */
static void a_hundred_reloads(void **state)
{
    promc_registry *registry = *state;
    struct slow slow = {.leave = 1};
    for (int i = 0; i < 100; i++) {
        assert_ok(promc_collector_register(registry, "slow", collect_slowly, &slow));
        free(scrape_text(registry));
        assert_int_equal(slow.runs, i + 1);
        assert_ok(promc_collector_unregister(registry, "slow"));
    }
}

static int set_up(void **state)
{
    *state = new_registry(NULL);
    return 0;
}

static int tear_down(void **state)
{
    promc_registry_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_definition_is_the_same_family, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statesets_and_callbacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unregistering_waits_for_a_running_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hundred_reloads, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
