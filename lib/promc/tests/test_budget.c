/* SPDX-License-Identifier: Apache-2.0 */
/* Beyond a cap or the budget: the overflow series takes the update, the lookup is counted, memory does not grow. */
#include "arena/registry.h"
#include "util.h"

static promc_counter numbered(promc_family *family, int i)
{
    char text[40];
    snprintf(text, sizeof(text), "value-number-%d", i);
    return promc_counter_with(family, text);
}

static void cap_overflows(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "a", .labels = {"x"}, .max_series = 3},
                                     &family));
    for (int i = 0; i < 10; i++)
        promc_counter_inc(numbered(family, i));
    assert_int_equal(promc_family_series_count(family), 4); /* three, and the overflow series */
    assert_true(exposes(registry, "a_total{x=\"other\",promc_overflow=\"true\"} 7"));
    assert_true(exposes(registry, "promc_series_dropped_total{family=\"a_total\"} 7"));
    assert_true(exposes(registry, "a_total{x=\"value-number-2\"} 1"));
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.series_dropped, 7);
    /* Existing series still count; removed ones make room. */
    promc_counter_inc(numbered(family, 0));
    assert_true(exposes(registry, "a_total{x=\"value-number-0\"} 2"));
    assert_ok(promc_family_remove(family, (const char *[]){"value-number-1"}));
    promc_counter_inc(numbered(family, 8));
    assert_true(exposes(registry, "a_total{x=\"value-number-8\"} 1"));
    promc_registry_destroy(registry);
}

/* A program's own value `other` is a separate series; the overflow series has an extra label, and stays. */
static void other_is_not_the_overflow_series(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "a", .labels = {"x"}, .max_series = 1},
                                     &family));
    promc_counter_inc(promc_counter_with(family, "other"));
    promc_counter_inc(numbered(family, 1));
    promc_counter_inc(numbered(family, 2));
    promc_counter_inc(promc_counter_with(family, "other"));
    assert_true(exposes(registry, "a_total{x=\"other\"} 2"));
    assert_true(exposes(registry, "a_total{x=\"other\",promc_overflow=\"true\"} 2"));
    assert_true(exposes(registry, "promc_series_dropped_total{family=\"a_total\"} 2"));
    assert_ok(promc_family_remove(family, (const char *[]){"other"}));
    assert_int_equal(promc_family_remove(family, (const char *[]){"other"}), PROMC_E_NOT_FOUND);
    assert_int_equal(promc_family_remove_matching(family, NULL, 0), 0);
    assert_int_equal(promc_family_series_count(family), 1);
    assert_fails(
        promc_counter_register(registry, &(promc_family_settings){.name = "b", .labels = {"promc_overflow"}}, &family),
        PROMC_E_LABEL_NAME, "is reserved for promc");
    promc_registry_destroy(registry);
}

/* Fill a small arena with series: every update is in some series, and the budget is not exceeded. */
static void budget_overflows(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(
        &(promc_registry_settings){.arena_bytes = 512 << 10, .max_threads = 2, .max_series_per_family = 1 << 20});
    promc_family *families[2] = {new_counter(registry, "a", "x"), new_counter(registry, "b", "x")};
    promc_registry_stats stats;
    enum { TRIED = 20000 };
    for (int i = 0; i < TRIED; i++)
        promc_counter_inc(numbered(families[i % 2], i));
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_true(stats.series_dropped > 0);
    assert_true(stats.series > 1000);
    assert_true(stats.arena_used_bytes <= stats.arena_bytes);
    for (int f = 0; f < 2; f++) {
        double other = promc_counter_value(promc_counter_with(families[f], "other")); /* no room: the overflow series */
        assert_true(other > 0);
        /* All but the overflow series hold 1. */
        const int each = TRIED / 2;
        assert_same(other + promc_family_series_count(families[f]) - 1, each);
    }
    /* Further families are refused as well, and everything still works. */
    promc_family *more = NULL;
    int rc = 0;
    for (int i = 0; rc == 0 && i < 100000; i++) {
        char name[20];
        snprintf(name, sizeof(name), "c%d", i);
        rc = promc_gauge_register(registry, &(promc_family_settings){.name = name}, &more);
    }
    assert_fails(rc, PROMC_E_FULL, "the arena is full");
    assert_null(more);
    promc_counter_inc(numbered(families[0], 0));
    assert_true(exposes(registry, "a_total{x=\"value-number-0\"} 2"));
    promc_registry_destroy(registry);
}

/* The overflow series has room even if other series have filled the arena before it is first needed. */
static void overflow_series_have_reserved_room(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(
        &(promc_registry_settings){.arena_bytes = 300 << 10, .max_threads = 1, .max_series_per_family = 1 << 20});
    promc_family *late = new_counter(registry, "late", "x"), *greedy = new_counter(registry, "greedy", "x");
    promc_family *histogram;
    promc_histogram h;
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h", .labels = {"x"}}},
                                       &histogram));
    for (int i = 0; i < 20000; i++)
        promc_counter_inc(numbered(greedy, i));
    promc_counter_inc(numbered(late, 1));
    promc_counter_inc(numbered(late, 2));
    assert_true(exposes(registry, "late_total{x=\"other\",promc_overflow=\"true\"} 2"));
    assert_ok(promc_histogram_get(histogram, (const char *[]){"a"}, &h));
    promc_histogram_observe(h, 1);
    assert_true(exposes(registry, "h_count{x=\"other\",promc_overflow=\"true\"} 1"));
    assert_true(exposes(registry, "promc_series_dropped_total{family=\"h\"} 1"));
    promc_registry_destroy(registry);
}

/* Series that come and go reuse the memory of removed ones. */
static void churn_does_not_grow(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.arena_bytes = 1 << 20, .max_threads = 1});
    registry->quarantine_ms = 0;
    promc_family *family = new_counter(registry, "a", "x"), *histogram;
    promc_registry_stats early, late;
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h", .labels = {"x"}}},
                                       &histogram));
    for (int i = 0; i < 60000; i++) {
        char text[40];
        snprintf(text, sizeof(text), "%0*d", 4 + i % 24, i);
        promc_counter_inc(promc_counter_with(family, text));
        promc_histogram_observe(promc_histogram_with(histogram, text), 1);
        assert_same(promc_counter_value(promc_counter_with(family, text)), 1);
        assert_int_equal(promc_histogram_count(promc_histogram_with(histogram, text), NULL), 1);
        assert_ok(promc_family_remove(family, (const char *[]){text}));
        assert_ok(promc_family_remove(histogram, (const char *[]){text}));
        if (i == 2000)
            promc_registry_get_stats(registry, &early, sizeof(early));
    }
    promc_registry_get_stats(registry, &late, sizeof(late));
    assert_int_equal(late.series_dropped, 0);
    assert_true(late.arena_used_bytes - early.arena_used_bytes < 20000);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cap_overflows),       cmocka_unit_test(other_is_not_the_overflow_series),
        cmocka_unit_test(budget_overflows),    cmocka_unit_test(overflow_series_have_reserved_room),
        cmocka_unit_test(churn_does_not_grow),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
