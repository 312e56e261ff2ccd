/* SPDX-License-Identifier: Apache-2.0 */
/* Gauges that are set, and gauges that go up and down. */
#include "util.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

#define THREADS 4
#define ROUNDS 200000

static void set_and_add(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    promc_gauge g;
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "t"}, &family));
    assert_ok(promc_gauge_get(family, NULL, &g));
    assert_true(exposes(registry, "t 0"));
    promc_gauge_set(g, -1.5);
    promc_gauge_inc(g);
    promc_gauge_dec(g);
    promc_gauge_add(g, 0.25);
    assert_true(exposes(registry, "t -1.25"));
    promc_gauge_set(g, NAN);
    assert_true(exposes(registry, "t NaN"));
    promc_gauge_set(g, -INFINITY);
    assert_true(exposes(registry, "t -Inf"));
    promc_gauge_set_to_current_time(g);
    assert_true(fabs(promc_gauge_value(g) - (double)time(NULL)) < 600);
    promc_registry_destroy(registry);
}

struct both {
    promc_gauge gauge;
    promc_updown updown;
};

static void *up(void *argument)
{
    struct both *both = argument;
    for (int i = 0; i < ROUNDS; i++) {
        promc_gauge_inc(both->gauge);
        promc_updown_add(both->updown, 3);
    }
    return NULL;
}

static void *down(void *argument)
{
    struct both *both = argument;
    for (int i = 0; i < ROUNDS; i++) {
        promc_gauge_dec(both->gauge);
        promc_updown_dec(both->updown);
        promc_updown_inc(both->updown);
        promc_updown_add(both->updown, -2);
    }
    return NULL;
}

/* inc on one thread, dec on another. */
static void up_and_down_across_threads(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    struct both both;
    pthread_t threads[THREADS];
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "g"}, &family));
    assert_ok(promc_gauge_get(family, NULL, &both.gauge));
    assert_ok(promc_updown_register(registry, &(promc_family_settings){.name = "u"}, &family));
    assert_ok(promc_updown_get(family, NULL, &both.updown));
    promc_updown_dec(both.updown);
    assert_true(exposes(registry, "u -1"));
    promc_updown_inc(both.updown);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? down : up, &both), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_same(promc_gauge_value(both.gauge), 0);
    const int rest = THREADS / 2 * ROUNDS;
    assert_same(promc_updown_value(both.updown), rest);
    promc_registry_destroy(registry);
}

static void minus_zero_is_shown_as_such(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    promc_gauge gauge;
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "g"}, &family));
    assert_ok(promc_gauge_get(family, NULL, &gauge));
    promc_gauge_set(gauge, -0.0);
    assert_true(exposes(registry, "g -0"));
    promc_gauge_set(gauge, 0.0);
    assert_true(exposes(registry, "g 0"));
    promc_registry_destroy(registry);
}

static promc_gauge settable(promc_registry *registry, const char *name, promc_family **family)
{
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = name, .labels = {"of"}}, family));
    return promc_gauge_with(*family, "a");
}

/* Each format shows a copied sample with its time; other series of its family, and the series after promc_gauge_set(), have none. */
static void a_value_with_its_time(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family, *untyped, *counters;
    promc_counter counter;
    promc_gauge gauge = settable(registry, "g", &family), other = promc_gauge_with(family, "b"), copied;
    assert_ok(promc_gauge_set_at(gauge, -1.5, INT64_C(1700000000007)));
    promc_gauge_set(other, 3);
    assert_true(exposes(registry, "g{of=\"a\"} -1.5 1700000000007\ng{of=\"b\"} 3"));
    assert_true(contains(scrape_openmetrics(registry), "\ng{of=\"a\"} -1.5 1700000000.007\ng{of=\"b\"} 3\n"));
    assert_same(promc_gauge_value(gauge), -1.5);
    assert_ok(promc_gauge_set_at(other, 4, 5));
    char *text;
    assert_ok(promc_scrape_string(registry, &(promc_scrape_settings){.no_timestamps = 1}, &text, NULL));
    assert_true(contains(text, "\ng{of=\"a\"} -1.5\ng{of=\"b\"} 4\n"));
    promc_gauge_add(gauge, 1);
    assert_true(exposes(registry, "g{of=\"a\"} -0.5"));
    assert_ok(promc_gauge_set_at(gauge, 1, 0));
    assert_true(exposes(registry, "g{of=\"a\"} 1 0"));
    promc_gauge_set(gauge, 2);
    assert_true(exposes(registry, "g{of=\"a\"} 2"));
    assert_ok(promc_untyped_register(registry, &(promc_family_settings){.name = "u"}, &untyped));
    assert_ok(promc_gauge_get(untyped, NULL, &copied));
    assert_ok(promc_gauge_set_at(copied, 5, INT64_C(1) << 62));
    assert_true(exposes(registry, "u 5 4611686018427387904"));
    assert_fails(promc_gauge_set_at(gauge, 1, -1), PROMC_E_INVALID, "time -1 ms is out of range");
    assert_fails(promc_gauge_set_at(gauge, 1, INT64_MAX), PROMC_E_INVALID, "ms");
    assert_same(promc_gauge_value(gauge), 2);
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "c"}, &counters));
    assert_ok(promc_counter_get(counters, NULL, &counter));
    assert_ok(promc_family_remove(family, (const char *[]){"a"}));
    assert_int_equal(promc_gauge_set_at(gauge, 1, 1), PROMC_E_NOT_FOUND);
    assert_int_equal(promc_gauge_set_at((promc_gauge){0}, 1, 1), PROMC_E_NOT_FOUND);
    assert_true(exposes(registry, "promc_stale_updates_total 1"));
    promc_registry_destroy(registry);
}

enum { TIMES = 20000 };

static void *set_times(void *argument)
{
    const promc_gauge *gauge = argument;
    for (int i = 1; i <= TIMES; i++)
        assert_ok(promc_gauge_set_at(*gauge, i, i));
    return NULL;
}

static void a_scrape_sees_a_value_with_its_own_time(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    promc_gauge gauge = settable(registry, "g", &family);
    pthread_t thread;
    assert_ok(promc_gauge_set_at(gauge, 0, 0));
    assert_int_equal(pthread_create(&thread, NULL, set_times, &gauge), 0);
    int value = 0;
    while (value < TIMES) {
        int time = -1;
        char *text = scrape_text(registry);
        assert_true(sscanf(strstr(text, "\ng{of=\"a\"} "), "\ng{of=\"a\"} %d %d", &value, &time) >= 1);
        free(text);
        assert_true(time == value || time == -1); /* -1, no time: it changed too often while it was read */
    }
    pthread_join(thread, NULL);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_add),
        cmocka_unit_test(up_and_down_across_threads),
        cmocka_unit_test(minus_zero_is_shown_as_such),
        cmocka_unit_test(a_value_with_its_time),
        cmocka_unit_test(a_scrape_sees_a_value_with_its_own_time),
    };
    return cmocka_run_group_tests_name("gauge", tests, NULL, NULL);
}
