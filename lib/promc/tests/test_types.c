/* SPDX-License-Identifier: Apache-2.0 */
/* Info, stateset, untyped, values from callbacks, curried families. */
#include "arena/registry.h"
#include "collect/callback.h"
#include "util.h"

#include <math.h>
#include <promc/callback.h>
#include <promc/curry.h>
#include <promc/info.h>

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

static void info(void **state)
{
    promc_registry *registry = *state;
    promc_family *build, *plain, *bad;
    assert_ok(promc_info_register(
        registry, &(promc_family_settings){.name = "build_info", .help = "Build.", .labels = {"version"}}, &build));
    assert_ok(promc_info_set(build, (const char *[]){"1.0"}));
    assert_true(exposes(registry, "build_info{version=\"1.0\"} 1"));
    assert_true(contains(scrape_openmetrics(registry),
                         "# HELP build Build.\n# TYPE build info\nbuild_info{version=\"1.0\"} 1\n"));
    assert_ok(promc_info_set(build, (const char *[]){"1.1"}));
    assert_int_equal(promc_family_series_count(build), 1);
    assert_ok(promc_info_add(build, (const char *[]){"1.2"}));
    assert_int_equal(promc_family_series_count(build), 2);
    assert_ok(promc_info_register(registry, &(promc_family_settings){.name = "plain"}, &plain));
    assert_true(exposes(registry, "plain_info 1"));
    assert_fails(promc_info_register(registry, &(promc_family_settings){.name = "build"}, &bad), PROMC_E_DUPLICATE,
                 "build");
    assert_fails(promc_info_register(registry, &(promc_family_settings){.name = "x_bytes", .unit = "bytes"}, &bad),
                 PROMC_E_UNIT, "x_bytes");
    assert_int_equal(promc_info_set(NULL, NULL), PROMC_E_INVALID);
    assert_int_equal(promc_stateset_select(build, NULL, "a"), PROMC_E_TYPE);
}

/* A cap of 1 is what an info with promc_info_set() needs. */
static void an_info_with_a_cap_of_one(void **state)
{
    promc_registry *registry = *state;
    promc_family *build;
    assert_ok(promc_info_register(
        registry, &(promc_family_settings){.name = "build_info", .labels = {"version"}, .max_series = 1}, &build));
    for (int i = 0; i < 4; i++) {
        char version[8], line[64];
        snprintf(version, sizeof(version), "1.%d", i / 2); /* each twice */
        snprintf(line, sizeof(line), "build_info{version=\"%s\"} 1", version);
        assert_ok(promc_info_set(build, (const char *[]){version}));
        assert_true(exposes(registry, line));
        assert_int_equal(promc_family_series_count(build), 1);
    }
    assert_ok(promc_info_set(build, (const char *[]){"\xff"})); /* repaired */
    assert_ok(promc_info_set(build, (const char *[]){"\xff"}));
    assert_true(exposes(registry, "build_info{version=\"\xef\xbf\xbd\"} 1"));
    assert_int_equal(promc_family_series_count(build), 1);
    assert_int_equal(promc_info_set(build, NULL), PROMC_E_LABEL_VALUE);
    assert_int_equal(promc_family_series_count(build), 1);
}

static void stateset(void **state)
{
    promc_registry *registry = *state;
    promc_family *mode, *feature, *bad;
    const char *modes[] = {"starting", "running", "stopping"};
    assert_ok(promc_stateset_register(registry, &(promc_family_settings){.name = "mode"}, modes, 3, &mode));
    assert_true(exposes(registry, "mode{mode=\"starting\"} 0"));
    assert_ok(promc_stateset_select(mode, NULL, "starting"));
    assert_ok(promc_stateset_select(mode, NULL, "running"));
    assert_true(contains(scrape_openmetrics(registry),
                         "# TYPE mode stateset\nmode{mode=\"starting\"} 0\nmode{mode=\"running\"} 1\n"
                         "mode{mode=\"stopping\"} 0\n"));
    assert_fails(promc_stateset_select(mode, NULL, "asleep"), PROMC_E_NOT_FOUND, "\"asleep\"");
    assert_ok(promc_stateset_register(registry, &(promc_family_settings){.name = "feature", .labels = {"tenant"}},
                                      (const char *[]){"a", "b"}, 2, &feature));
    assert_ok(promc_stateset_set(feature, (const char *[]){"t1"}, "b", true));
    assert_true(exposes(registry, "feature{tenant=\"t1\",feature=\"a\"} 0"));
    assert_true(exposes(registry, "feature{tenant=\"t1\",feature=\"b\"} 1"));
    assert_ok(promc_stateset_set(feature, (const char *[]){"t1"}, "b", false));
    assert_true(exposes(registry, "feature{tenant=\"t1\",feature=\"b\"} 0"));
    assert_int_equal(promc_stateset_set(feature, NULL, "b", true), PROMC_E_LABEL_VALUE);
    assert_fails(
        promc_stateset_register(registry, &(promc_family_settings){.name = "s"}, (const char *[]){"a", "a"}, 2, &bad),
        PROMC_E_INVALID, "is repeated");
    assert_int_equal(promc_stateset_register(registry, &(promc_family_settings){.name = "s"}, NULL, 0, &bad),
                     PROMC_E_INVALID);
    promc_registry *utf8 = new_registry(&(promc_registry_settings){.utf8_names = true});
    assert_fails(promc_stateset_register(utf8, &(promc_family_settings){.name = "a:b"}, modes, 3, &bad),
                 PROMC_E_LABEL_NAME, "colon");
    promc_registry_destroy(utf8);
    assert_fails(promc_stateset_register(registry, &(promc_family_settings){.name = "s", .labels = {"s"}},
                                         (const char *[]){"a"}, 1, &bad),
                 PROMC_E_LABEL_NAME, "\"s\"");
}

static void untyped(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    assert_ok(promc_untyped_register(registry, &(promc_family_settings){.name = "thing"}, &family));
    promc_gauge g;
    assert_ok(promc_gauge_get(family, NULL, &g));
    promc_gauge_set(g, 2.5);
    assert_true(exposes(registry, "# TYPE thing untyped"));
    assert_true(exposes(registry, "thing 2.5"));
    assert_true(contains(scrape_openmetrics(registry), "# TYPE thing unknown\nthing 2.5\n"));
}

static double read_double(void *user)
{
    return *(double *)user;
}

static void callbacks(void **state)
{
    promc_registry *registry = *state;
    promc_family *length, *total, *bad;
    double a = 3, b = 10;
    assert_ok(promc_callback_register(registry, PROMC_GAUGE,
                                      &(promc_family_settings){.name = "length", .labels = {"queue"}}, &length));
    assert_ok(promc_callback_set(length, (const char *[]){"mail"}, read_double, &a));
    assert_true(exposes(registry, "length{queue=\"mail\"} 3"));
    a = NAN;
    assert_true(exposes(registry, "length{queue=\"mail\"} NaN"));
    assert_ok(promc_callback_register(registry, PROMC_COUNTER, &(promc_family_settings){.name = "seen"}, &total));
    assert_ok(promc_callback_set(total, NULL, read_double, &b));
    assert_true(exposes(registry, "seen_total 10"));
    static const double no_totals[] = {9, -1, INFINITY, NAN};
    for (size_t i = 0; i < 4; i++) {
        b = no_totals[i];
        assert_true(exposes(registry, "seen_total 10"));
    }
    b = 11.5;
    assert_true(exposes(registry, "seen_total 11.5"));
    /* Another callback replaces it; a removed series has no callback. */
    a = 1;
    assert_ok(promc_callback_set(length, (const char *[]){"mail"}, read_double, &b));
    assert_true(exposes(registry, "length{queue=\"mail\"} 11.5"));
    assert_ok(promc_family_remove(length, (const char *[]){"mail"}));
    assert_hides(registry, "length{queue=\"mail\"} 11.5");
    assert_fails(promc_callback_set(new_counter(registry, "c", NULL), NULL, read_double, &a), PROMC_E_TYPE, "c_total");
    assert_int_equal(promc_callback_register(registry, PROMC_HISTOGRAM, &(promc_family_settings){.name = "h"}, &bad),
                     PROMC_E_INVALID);
}

static size_t count_callbacks(const promc_registry *registry)
{
    size_t n = 0;
    for (const struct promc_callback *c = registry->callbacks; c; c = c->next)
        n++;
    return n;
}

/* A program that sets the callback of each connection for years. */
static void ended_callbacks_are_reused(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    double a = 1, b = 2;
    char value[16], line[64];
    assert_ok(promc_callback_register(registry, PROMC_GAUGE,
                                      &(promc_family_settings){.name = "sent", .labels = {"connection"}}, &family));
    const char *const kept[] = {"kept"};
    assert_ok(promc_callback_set(family, kept, read_double, &a));
    for (int i = 0; i < 100; i++) {
        snprintf(value, sizeof(value), "%d", i);
        const char *const values[] = {value};
        assert_ok(promc_callback_set(family, values, read_double, &a));
        assert_ok(promc_callback_set(family, values, read_double, &b)); /* replaced */
        snprintf(line, sizeof(line), "sent{connection=\"%d\"} 2", i);
        assert_true(exposes(registry, line));
        if (i % 2)
            assert_ok(promc_callback_unset(family, values));
        assert_ok(promc_family_remove(family, values));
        assert_ok(promc_callback_set(family, kept, read_double, i % 2 ? &a : &b));
    }
    assert_true(exposes(registry, "sent{connection=\"kept\"} 1"));
    assert_int_equal(promc_callback_unset(family, (const char *[]){"99"}), PROMC_E_NOT_FOUND);
    assert_true(count_callbacks(registry) <= 3);
}

static void callbacks_and_the_cap(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    double a = 1, b = 2;
    assert_ok(promc_callback_register(
        registry, PROMC_GAUGE, &(promc_family_settings){.name = "g", .labels = {"x"}, .max_series = 1}, &family));
    assert_ok(promc_callback_set(family, (const char *[]){"one"}, read_double, &a));
    assert_fails(promc_callback_set(family, (const char *[]){"two"}, read_double, &b), PROMC_E_FULL, "\"g\"");
    assert_fails(promc_callback_set(family, (const char *[]){"other"}, read_double, &b), PROMC_E_FULL, "\"g\"");
    assert_hides(registry, "g{x=\"other\"} 2");
    assert_fails(promc_callback_set(family, (const char *[]){"two"}, read_double, &a), PROMC_E_FULL, "\"g\"");
}

static void curried(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    promc_curry *curry;
    promc_counter c, same;
    assert_ok(
        promc_counter_register(registry, &(promc_family_settings){.name = "a", .labels = {"x", "y", "z"}}, &family));
    char fixed[] = "why";
    assert_ok(promc_curry_make(&curry, family, &(promc_label){"y", fixed}, 1));
    fixed[0] = '?';
    assert_int_equal(promc_curry_labels_left(curry), 2);
    assert_ok(promc_curry_counter(curry, (const char *[]){"1", "2"}, &c));
    assert_ok(promc_counter_get(family, (const char *[]){"1", "why", "2"}, &same));
    assert_memory_equal(&c, &same, sizeof(c));
    promc_gauge g;
    promc_updown u;
    promc_histogram h;
    promc_summary s;
    assert_int_equal(promc_curry_updown(curry, (const char *[]){"1", "2"}, &u), PROMC_E_TYPE);
    assert_int_equal(promc_curry_histogram(curry, (const char *[]){"1", "2"}, &h), PROMC_E_TYPE);
    assert_int_equal(promc_curry_summary(curry, (const char *[]){"1", "2"}, &s), PROMC_E_TYPE);
    promc_summary_observe(s, 1); /* safe, and does nothing */
    assert_int_equal(promc_curry_gauge(curry, (const char *[]){"1", "2"}, &g), PROMC_E_TYPE);
    assert_int_equal(promc_curry_counter(curry, NULL, &c), PROMC_E_LABEL_VALUE);
    promc_curry_free(curry);
    assert_fails(promc_curry_make(&curry, family, &(promc_label){"w", "1"}, 1), PROMC_E_LABEL_NAME, "\"w\"");
    assert_fails(promc_curry_make(&curry, family, (promc_label[]){{"x", "1"}, {"x", "2"}}, 2), PROMC_E_LABEL_NAME,
                 "twice");
    assert_int_equal(promc_curry_make(&curry, family, &(promc_label){"x", NULL}, 1), PROMC_E_LABEL_VALUE);
    assert_fails(promc_curry_counter(NULL, (const char *[]){"1", "2"}, &c), PROMC_E_INVALID, "no curry");
    assert_int_equal(promc_curry_labels_left(NULL), 0);
    promc_curry_free(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(info),
                                       TEST(an_info_with_a_cap_of_one),
                                       TEST(stateset),
                                       TEST(untyped),
                                       TEST(callbacks),
                                       TEST(ended_callbacks_are_reused),
                                       TEST(callbacks_and_the_cap),
                                       TEST(curried)};
    return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
