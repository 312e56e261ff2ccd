/* SPDX-License-Identifier: Apache-2.0 */
/* Handles that programs keep: valid while their series may come back, harmless afterwards. */
#include "arena/registry.h"
#include "series/family.h"
#include "util.h"

#include <pthread.h>

static void pass(promc_registry *registry, unsigned seconds)
{
    free(scrape_text(registry)); /* the scrape records the current values */
    registry->arena.header->born_ns -= (uint64_t)seconds * 1000000000;
}

/* An operator's override expires idle series; the program does not know, and still uses its handles. */
static void an_operators_expiry_keeps_handles(void **state)
{
    (void)state;
    promc_registry *registry =
        new_registry(&(promc_registry_settings){.overrides = "a idle_expiry_seconds=10; h idle_expiry_seconds=10"});
    promc_family *family = new_counter(registry, "a", "x"), *histograms;
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h", .labels = {"x"}}},
                                       &histograms));
    promc_counter counter = promc_counter_with(family, "v");
    promc_histogram histogram = promc_histogram_with(histograms, "v");
    promc_counter_add_u64(counter, 5);
    promc_histogram_observe(histogram, 1);
    pass(registry, 11);
    assert_hides(registry, "x=\"v\"");
    assert_true(promc_series_is_live(counter.ref));
    promc_counter_inc(counter);
    promc_histogram_observe(histogram, 2);
    assert_true(exposes(registry, "a_total{x=\"v\"} 6"));
    assert_true(exposes(registry, "h_sum{x=\"v\"} 3"));
    assert_true(exposes(registry, "promc_stale_updates_total 0"));
    pass(registry, 11);
    assert_hides(registry, "a_total{x=\"v\"}");
    promc_counter_inc(promc_counter_with(family, "v")); /* a lookup finds it, too */
    assert_true(exposes(registry, "a_total{x=\"v\"} 7"));
    promc_registry_destroy(registry);
}

/* Sleeping series do not prevent the creation of others. */
static void sleeping_series_make_room(void **state)
{
    (void)state;
    promc_registry *registry =
        new_registry(&(promc_registry_settings){.overrides = "a idle_expiry_seconds=10 max_series=100"});
    promc_family *family = new_counter(registry, "a", "x");
    char text[20];
    for (int i = 0; i < 80; i++) {
        snprintf(text, sizeof(text), "v%d", i);
        promc_counter_inc(promc_counter_with(family, text));
    }
    pass(registry, 11);
    assert_hides(registry, "a_total{");
    assert_int_equal(promc_family_series_count(family), 74); /* below three quarters */
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "w%d", i);
        promc_counter_inc(promc_counter_with(family, text));
    }
    assert_true(exposes(registry, "promc_series_dropped_total{family=\"a_total\"} 0"));
    promc_registry_destroy(registry);
}

struct handles {
    promc_counter counter;
    promc_gauge gauge;
    promc_updown updown;
    promc_histogram histogram, native;
    promc_summary summary;
};

static void make(promc_registry *registry, struct handles *h)
{
    promc_family *family;
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "c"}, &family));
    assert_ok(promc_counter_get(family, NULL, &h->counter));
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "g"}, &family));
    assert_ok(promc_gauge_get(family, NULL, &h->gauge));
    assert_ok(promc_updown_register(registry, &(promc_family_settings){.name = "u"}, &family));
    assert_ok(promc_updown_get(family, NULL, &h->updown));
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h"}}, &family));
    assert_ok(promc_histogram_get(family, NULL, &h->histogram));
    assert_ok(promc_histogram_register(
        registry, &(promc_histogram_settings){.family = {.name = "n"}, .kind = PROMC_HISTOGRAM_NATIVE}, &family));
    assert_ok(promc_histogram_get(family, NULL, &h->native));
    assert_ok(promc_summary_register(registry, &(promc_summary_settings){.family = {.name = "s"}}, &family));
    assert_ok(promc_summary_get(family, NULL, &h->summary));
}

static void use(const struct handles *h)
{
    const promc_label trace = {"trace_id", "t"};
    promc_counter_inc(h->counter);
    (void)promc_counter_add(h->counter, 0.5);
    (void)promc_counter_add_exemplar(h->counter, 1, &trace, 1);
    promc_gauge_set(h->gauge, 1);
    promc_gauge_add(h->gauge, 1);
    promc_updown_inc(h->updown);
    promc_histogram_observe(h->histogram, 1);
    promc_histogram_observe(h->histogram, (double)__builtin_nan(""));
    promc_histogram_observe(h->native, 1);
    promc_summary_observe(h->summary, 1);
}

static void *use_in_thread(void *handles)
{
    use(handles);
    return NULL;
}

static void assert_nothing(const struct handles *h)
{
    double sum;
    assert_false(promc_series_is_live(h->counter.ref));
    assert_same(promc_counter_value(h->counter), 0);
    assert_same(promc_gauge_value(h->gauge), 0);
    assert_same(promc_updown_value(h->updown), 0);
    assert_int_equal(promc_histogram_count(h->histogram, &sum), 0);
    assert_int_equal(promc_summary_count(h->summary, &sum), 0);
}

static void handles_of_a_destroyed_registry(void **state)
{
    (void)state;
    const promc_registry_settings settings = {.arena_bytes = 4 << 20, .max_threads = 4, .no_self_metrics = true};
    promc_registry *registry = new_registry(&settings);
    struct handles old, fresh;
    pthread_t thread;
    make(registry, &old);
    use(&old);
    promc_registry_destroy(registry);
    use(&old); /* the slot is empty */
    assert_nothing(&old);
    registry = new_registry(&settings);
    make(registry, &fresh);
    assert_int_equal(promc_ref_slot(old.counter.ref), promc_ref_slot(fresh.counter.ref));
    use(&fresh);
    char *before = scrape_openmetrics(registry);
    for (int i = 0; i < 100; i++)
        use(&old); /* another registry has the slot */
    assert_int_equal(pthread_create(&thread, NULL, use_in_thread, &old), 0);
    pthread_join(thread, NULL);
    assert_nothing(&old);
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.stale_updates, 0);
    char *after = scrape_openmetrics(registry);
    /* A refused observation of NaN is counted in the registry that has the slot now; those counts are hidden here. */
    assert_string_equal(before, after);
    free(before);
    free(after);
    promc_registry_destroy(registry);
}

/* Create one registry after the other, and use the handles of all of them. */
static void many_registries(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static promc_counter counters[COUNT];
    for (int i = 0; i < COUNT; i++) {
        promc_registry *registry = new_registry(&(promc_registry_settings){.arena_bytes = 1 << 20});
        counters[i] = promc_counter_with_values(new_counter(registry, "a", NULL), NULL, 0);
        for (int k = 0; k <= i; k++)
            promc_counter_inc(counters[k]);
        assert_true(exposes(registry, "a_total 1"));
        promc_registry_destroy(registry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operators_expiry_keeps_handles),
        cmocka_unit_test(sleeping_series_make_room),
        cmocka_unit_test(handles_of_a_destroyed_registry),
        cmocka_unit_test(many_registries),
    };
    return cmocka_run_group_tests_name("handles", tests, NULL, NULL);
}
