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
    assert_true(fabs(promc_gauge_value(g) - (double)time(NULL)) < 5);
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

/* What goes up on one thread comes down on another. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_add),
        cmocka_unit_test(up_and_down_across_threads),
        cmocka_unit_test(minus_zero_is_shown_as_such),
    };
    return cmocka_run_group_tests_name("gauge", tests, NULL, NULL);
}
