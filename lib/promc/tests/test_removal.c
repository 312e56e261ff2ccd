/* SPDX-License-Identifier: Apache-2.0 */
/* Removal by exact or partial labels, also while a scrape points to the series; stale handles; quarantine; idle expiry. */
#include "arena/lock.h"
#include "read/snapshot.h"
#include "series/reclaim.h"
#include "series/remove.h"
#include "types/counter.h"
#include "util.h"

#include <promc/callback.h>
#include <pthread.h>
#include <unistd.h>

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

static void stale_handles_change_nothing(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = new_counter(registry, "a", "x"), *gauges, *histograms;
    promc_gauge g;
    promc_histogram h;
    promc_counter old = promc_counter_with(family, "1");
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "g", .labels = {"x"}}, &gauges));
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h", .labels = {"x"}}},
                                       &histograms));
    g = promc_gauge_with(gauges, "1");
    h = promc_histogram_with(histograms, "1");
    promc_counter_inc(old);
    promc_gauge_set(g, 5);
    promc_histogram_observe(h, 1);
    assert_ok(promc_family_remove(family, (const char *[]){"1"}));
    assert_ok(promc_family_remove(gauges, (const char *[]){"1"}));
    assert_ok(promc_family_remove(histograms, (const char *[]){"1"}));
    assert_false(promc_series_is_live(old.ref));
    promc_counter_inc(old);
    assert_ok(promc_counter_add(old, 0.5));
    promc_gauge_set(g, 6);
    promc_gauge_inc(g);
    promc_histogram_observe(h, 1);
    assert_same(promc_counter_value(old), 0);
    assert_same(promc_gauge_value(g), 0);
    assert_int_equal(promc_histogram_count(h, NULL), 0);
    assert_true(exposes(registry, "promc_stale_updates_total 5"));
    assert_int_equal(promc_family_series_count(family), 0);
    /* The same values again are a new series, from zero. */
    promc_counter new = promc_counter_with(family, "1");
    promc_counter_inc(old);
    assert_same(promc_counter_value(new), 0);
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.stale_updates, 6);
}

static void exact_and_partial(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "a", .labels = {"x", "y"}}, &family));
    for (int i = 0; i < 12; i++) {
        char x[4] = {(char)('a' + i % 3)}, y[4] = {(char)('a' + i / 3)};
        promc_counter_inc(promc_counter_with(family, x, y));
    }
    assert_fails(promc_family_remove(family, (const char *[]){"a", "zz"}), PROMC_E_NOT_FOUND, "a_total");
    assert_fails(promc_family_remove(family, NULL), PROMC_E_LABEL_COUNT, "2 label values");
    assert_fails(promc_family_remove(family, (const char *[]){"a", NULL}), PROMC_E_LABEL_COUNT, "a_total");
    assert_ok(promc_family_remove(family, (const char *[]){"a", "a"}));
    assert_int_equal(promc_family_remove(family, (const char *[]){"a", "a"}), PROMC_E_NOT_FOUND);
    assert_int_equal(promc_family_remove_matching(family, &(promc_label){"x", "a"}, 1), 3);
    assert_int_equal(promc_family_remove_matching(family, (promc_label[]){{"y", "b"}, {"x", "c"}}, 2), 1);
    assert_fails(promc_family_remove_matching(family, &(promc_label){"z", "a"}, 1), PROMC_E_LABEL_NAME, "\"z\"");
    assert_int_equal(promc_family_series_count(family), 7);
    assert_int_equal(promc_family_remove_matching(family, NULL, 0), 7);
    promc_family *plain = new_counter(registry, "b", NULL);
    assert_int_equal(promc_family_remove(plain, NULL), PROMC_E_NOT_FOUND);
    assert_int_equal(promc_family_series_count(plain), 1);
}

/* A scrape that points to a removed series continues after it, and memory that it may read is not reused before it ends. */
static void scrape_in_flight_is_undisturbed(void **state)
{
    promc_registry *registry = *state;
    registry->quarantine_ms = 0;
    promc_family *family = new_counter(registry, "a", "x");
    struct promc_reading reading;
    struct promc_family_view view;
    struct promc_series_view series;
    char text[8];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof(text), "v%d", i);
        promc_counter_add_u64(promc_counter_with(family, text), (uint64_t)i);
    }
    assert_ok(promc_reading_begin(registry, &reading));
    do
        assert_true(promc_reading_next_family(&reading, &view));
    while (view.data != family->data);
    for (int i = 0; i < 3; i++)
        assert_true(promc_reading_next_series(&reading, &series));
    const struct promc_child *standing = series.child; /* v2 */
    for (int i = 1; i < 9; i++) {
        snprintf(text, sizeof(text), "v%d", i);
        assert_ok(promc_family_remove(family, (const char *[]){text}));
    }
    for (int i = 0; i < 100; i++) { /* would take their blocks if they were free */
        snprintf(text, sizeof(text), "w%d", i);
        promc_counter_inc(promc_counter_with(family, text));
    }
    static struct promc_values values;
    assert_true(promc_counter_read(registry, standing, &values));
    assert_int_equal(values.integer, 2);
    assert_memory_equal(series.labels.data, "x=\"v2\"", 6);
    assert_true(promc_reading_next_series(&reading, &series));
    assert_memory_equal(series.labels.data, "x=\"v9\"", 6);
    /* A series created after the scrape's begin waits for the next scrape: it may be a removed one, created again. */
    assert_false(promc_reading_next_series(&reading, &series));
    promc_reading_end(&reading);
    assert_true(exposes(registry, "a_total{x=\"w99\"} 1"));
    /* Now they are free. */
    uint32_t cells = registry->arena.header->cells_used;
    for (int i = 0; i < 8; i++) {
        snprintf(text, sizeof(text), "u%d", i);
        promc_counter new = promc_counter_with(family, text);
        assert_same(promc_counter_value(new), 0);
    }
    assert_int_equal(registry->arena.header->cells_used, cells);
}

/* For 60 s no cell is reused: a writer that has checked its handle just before the removal may still write. */
static void quarantine_holds_cells(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = new_counter(registry, "a", "x");
    promc_counter old = promc_counter_with(family, "1");
    promc_counter_inc(old);
    uint32_t cell = promc_child_cell(promc_series_child(old.ref));
    assert_ok(promc_family_remove(family, (const char *[]){"1"}));
    promc_counter new = promc_counter_with(family, "1");
    assert_int_not_equal(promc_child_cell(promc_series_child(new.ref)), cell);
    promc_tls.base[promc_ref_slot(old.ref)][cell]++; /* the late writer */
    assert_same(promc_counter_value(new), 0);
    /* The quarantine ends. */
    registry->quarantine_ms = 0;
    promc_registry_lock(registry);
    promc_reclaim(registry, 10);
    promc_registry_unlock(registry);
    promc_counter next = promc_counter_with(family, "2");
    assert_int_equal(promc_child_cell(promc_series_child(next.ref)), cell);
    assert_ptr_equal(promc_ref_live(next.ref), promc_ref_live(old.ref));
    assert_true(next.ref.word >> 32 > old.ref.word >> 32);
    assert_same(promc_counter_value(next), 0);
    promc_counter_inc(old);
    assert_same(promc_counter_value(next), 0);
}

static bool shows(promc_registry *registry, const char *prefix)
{
    char *text = scrape_text(registry);
    bool found = strstr(text, prefix) != NULL;
    free(text);
    return found;
}

/* Make the registry look older than it is. */
static void pass(promc_registry *registry, uint64_t seconds)
{
    registry->arena.header->born_ns -= seconds * UINT64_C(1000000000);
}

/* In units of 1000 s, so that the test's own duration does not matter. */
static void idle_series_expire(void **state)
{
    promc_registry *registry = *state;
    promc_family *counters, *gauges, *updowns, *histograms;
    promc_family_settings settings = {.labels = {"x"}, .idle_expiry_seconds = 30000};
    settings.name = "c";
    assert_ok(promc_counter_register(registry, &settings, &counters));
    settings.name = "g";
    assert_ok(promc_gauge_register(registry, &settings, &gauges));
    settings.name = "u";
    assert_ok(promc_updown_register(registry, &settings, &updowns));
    settings.name = "h";
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = settings}, &histograms));
    promc_counter c = promc_counter_with(counters, "1");
    promc_gauge g = promc_gauge_with(gauges, "1"), other = promc_gauge_with(gauges, "2");
    promc_updown u = promc_updown_with(updowns, "1");
    promc_histogram h = promc_histogram_with(histograms, "1");
    promc_updown_inc(u);
    promc_gauge_set(g, 7);
    promc_gauge_set(other, 7);
    pass(registry, 1000000);
    promc_counter_inc(c);
    promc_histogram_observe(h, 1);
    assert_true(shows(registry, "c_total{") && shows(registry, "g{") && shows(registry, "h_count{"));
    pass(registry, 29000);
    assert_true(shows(registry, "c_total{") && shows(registry, "g{x=\"2\"}") && shows(registry, "h_count{"));
    promc_gauge_set(g, 7); /* the same value: still an update */
    pass(registry, 2000);
    assert_false(shows(registry, "c_total{"));
    assert_false(shows(registry, "h_count{"));
    assert_false(shows(registry, "g{x=\"2\"}"));
    assert_true(shows(registry, "g{x=\"1\"}"));
    assert_true(shows(registry, "u{")); /* not 0: it does not expire */
    promc_updown_dec(u);
    (void)shows(registry, "u{");
    pass(registry, 31000);
    (void)shows(registry, "u{");
    assert_false(shows(registry, "u{"));
    /* Handles of expired series are stale. */
    promc_counter_inc(c);
    assert_true(exposes(registry, "promc_stale_updates_total 1"));
    /* A family without labels never expires. */
    settings = (promc_family_settings){.name = "plain", .idle_expiry_seconds = 1};
    assert_ok(promc_counter_register(registry, &settings, &counters));
    pass(registry, 100);
    (void)shows(registry, "plain");
    pass(registry, 100);
    assert_true(exposes(registry, "plain_total 0"));
}

static double read_double(void *user)
{
    return *(double *)user;
}

/* A total that does not change is still a value: its series does not expire while a callback returns it. */
static void a_total_that_stands_still_is_kept(void **state)
{
    promc_registry *registry = *state;
    promc_family *total;
    double seen = 5;
    assert_ok(promc_callback_register(
        registry, PROMC_COUNTER, &(promc_family_settings){.name = "t", .labels = {"x"}, .idle_expiry_seconds = 30000},
        &total));
    assert_ok(promc_callback_set(total, (const char *[]){"1"}, read_double, &seen));
    for (int i = 0; i < 4; i++) {
        assert_true(exposes(registry, "t_total{x=\"1\"} 5"));
        registry->arena.header->born_ns -= UINT64_C(20000000000000);
    }
}

/* Copying the same sample again, with the same time, is not an update. */
static void a_time_that_stands_still_is_idle(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    assert_ok(promc_gauge_register(
        registry, &(promc_family_settings){.name = "g", .labels = {"of"}, .idle_expiry_seconds = 60}, &family));
    promc_gauge still = promc_gauge_with(family, "still"), goes_on = promc_gauge_with(family, "goes on");
    for (int i = 0; i < 4; i++) {
        (void)promc_gauge_set_at(still, 1, 1000);
        assert_ok(promc_gauge_set_at(goes_on, 1, 1000 + i));
        free(scrape_text(registry));
        __atomic_fetch_sub(&registry->arena.header->born_ns, UINT64_C(40000000000), __ATOMIC_RELAXED);
    }
    assert_false(promc_series_is_live(still.ref));
    assert_true(promc_series_is_live(goes_on.ref));
}

struct storm {
    promc_registry *registry;
    promc_family *family;
    bool stop;
    uint64_t updates;
    unsigned removed; /* rounds of 64 removals */
};

static void *churn(void *argument)
{
    struct storm *storm = argument;
    char text[16];
    for (unsigned i = 0; !__atomic_load_n(&storm->stop, __ATOMIC_RELAXED); i++) {
        snprintf(text, sizeof(text), "v%u", i % 64);
        (void)promc_counter_with(storm->family, text);
        (void)promc_family_remove(storm->family, (const char *[]){text});
        if (i % 64 == 63)
            __atomic_fetch_add(&storm->removed, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *update(void *argument)
{
    struct storm *storm = argument;
    char text[16];
    promc_counter kept = promc_counter_with(storm->family, "kept");
    uint64_t n = 0;
    for (unsigned i = 0; !__atomic_load_n(&storm->stop, __ATOMIC_RELAXED); i++) {
        snprintf(text, sizeof(text), "v%u", i % 64);
        promc_counter_inc(promc_counter_with(storm->family, text));
        promc_counter_inc(kept);
        n++;
    }
    __atomic_fetch_add(&storm->updates, n, __ATOMIC_RELAXED);
    return NULL;
}

/* Series are created, removed, updated, reused and scraped at the same time; the series that stays is exact. */
static void storm_of_everything(void **state)
{
    (void)state;
    struct storm storm = {.registry = new_registry(&(promc_registry_settings){.arena_bytes = (size_t)1 << 30})};
    pthread_t threads[4];
#ifdef __SANITIZE_THREAD__
    storm.registry->quarantine_ms =
        60000; /* with a short one it reports a race if a reader sleeps for longer in a lookup, which is harmless */
#else
    storm.registry->quarantine_ms = 50;
#endif
    storm.family = new_counter(storm.registry, "a", "x");
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? churn : update, &storm), 0);
    for (unsigned i = 0; i < 40; i++) {
        char *text = scrape_text(storm.registry);
        int times = 0;
        for (const char *at = text; (at = strstr(at, "x=\"kept\"")) != NULL; at++)
            times++;
        free(text);
        assert_true(times <= 1);
        wait_until(__atomic_load_n(&storm.removed, __ATOMIC_RELAXED) > i * 8);
    }
    __atomic_store_n(&storm.stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_same(promc_counter_value(promc_counter_with(storm.family, "kept")), (double)storm.updates);
    promc_registry_stats stats;
    promc_registry_get_stats(storm.registry, &stats, sizeof(stats));
    assert_int_equal(stats.series_dropped, 0);
    promc_registry_destroy(storm.registry);
}

/* A series that is created after the scrape has begun may have been shown, removed, and created again. */
static void series_created_after_the_start_are_not_shown(void **state)
{
    promc_registry *registry = new_registry(&(promc_registry_settings){.no_self_metrics = true});
    promc_family *family = new_counter(registry, "a", "x");
    struct promc_reading reading;
    struct promc_family_view view;
    struct promc_series_view series;
    promc_counter_inc(promc_counter_with(family, "1"));
    for (int late = 0; late < 2; late++) {
        assert_ok(promc_reading_begin(registry, &reading));
        reading.now += late ? -1000u : 1000u; /* as if it had begun a minute earlier, or later */
        unsigned shown = 0;
        while (promc_reading_next_family(&reading, &view))
            while (view.label_count == 1 && promc_reading_next_series(&reading, &series))
                shown++;
        promc_reading_end(&reading);
        assert_int_equal(shown, late ? 0 : 1);
    }
    promc_registry_destroy(registry);
    (void)state;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(stale_handles_change_nothing),
        TEST(exact_and_partial),
        TEST(scrape_in_flight_is_undisturbed),
        TEST(quarantine_holds_cells),
        TEST(idle_series_expire),
        TEST(a_total_that_stands_still_is_kept),
        TEST(a_time_that_stands_still_is_idle),
        TEST(storm_of_everything),
        TEST(series_created_after_the_start_are_not_shown),
    };
    return cmocka_run_group_tests_name("removal", tests, NULL, NULL);
}
