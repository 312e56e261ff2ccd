/* SPDX-License-Identifier: Apache-2.0 */
/* Families that are destroyed with all their series, during lookups, scrapes and callbacks; their memory is reused. */
#include "arena/registry.h"
#include "base/atomic.h"
#include "collect/callback.h"
#include "util.h"

#include <pthread.h>
#include <unistd.h>

static int set_up(void **state)
{
    *state = new_registry(&(promc_registry_settings){.arena_bytes = 2 << 20, .max_threads = 4});
    return 0;
}

static int tear_down(void **state)
{
    promc_registry_destroy(*state);
    return 0;
}

static void a_family_is_gone_at_once(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = new_counter(registry, "c", "x"), *plain = new_counter(registry, "plain", NULL), *again;
    promc_registry_stats before, after;
    promc_registry_get_stats(registry, &before, sizeof(before));
    promc_counter a = promc_counter_with(family, "a"), only;
    assert_ok(promc_counter_get(plain, NULL, &only));
    promc_counter_inc(a);
    promc_counter_inc(only);
    assert_ok(promc_family_destroy(family));
    assert_ok(promc_family_destroy(plain));
    assert_hides(registry, "c_total");
    assert_hides(registry, "plain_total");
    assert_null(promc_family_find(registry, "c"));
    promc_registry_get_stats(registry, &after, sizeof(after));
    assert_int_equal(after.families, before.families - 2);
    /* Handles are stale. */
    promc_counter_inc(a);
    promc_counter_inc(only);
    assert_same(promc_counter_value(a), 0);
    assert_int_equal(promc_series_is_live(only.ref), 0);
    promc_registry_get_stats(registry, &after, sizeof(after));
    assert_int_equal(after.stale_updates, 2);
    /* The name is free, also for another definition. */
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "c", .labels = {"y", "z"}}, &again));
    promc_gauge_set(promc_gauge_with(again, "1", "2"), 3);
    assert_true(exposes(registry, "c{y=\"1\",z=\"2\"} 3"));
    assert_non_null(new_counter(registry, "plain", NULL));
    assert_true(exposes(registry, "plain_total 0"));
}

/* Destroy families in the middle, at the beginning and at the end of the directory. */
static void the_others_stay(void **state)
{
    promc_registry *registry = *state;
    promc_family *families[6];
    for (int i = 0; i < 6; i++) {
        char name[8];
        snprintf(name, sizeof(name), "f%d", i);
        families[i] = new_counter(registry, name, i % 2 ? "x" : NULL);
        if (i % 2)
            promc_counter_inc(promc_counter_with(families[i], "v"));
    }
    assert_ok(promc_family_destroy(families[5]));
    assert_ok(promc_family_destroy(families[2]));
    assert_ok(promc_family_destroy(families[3]));
    assert_non_null(new_counter(registry, "last", NULL));
    assert_true(exposes(registry, "f0_total 0"));
    assert_true(exposes(registry, "f1_total{x=\"v\"} 1"));
    assert_true(exposes(registry, "f4_total 0"));
    assert_true(exposes(registry, "last_total 0"));
    assert_hides(registry, "f2");
    assert_hides(registry, "f3");
    assert_hides(registry, "f5");
    int count = 0;
    for (const promc_family *f = promc_family_next(registry, NULL); f; f = promc_family_next(registry, f))
        count += promc_family_name(f)[0] == 'f' || strcmp(promc_family_name(f), "last_total") == 0;
    assert_int_equal(count, 4);
}

static promc_family *any_of(promc_registry *registry, int kind)
{
    promc_family *family;
    static const double bounds[] = {1, 2, 3};
    const promc_family_settings settings = {.name = "any",
                                            .help = "Of any kind.",
                                            .labels = {"x", "y"},
                                            .max_series = 8,
                                            .cap_label = kind == 3 ? "x" : NULL};
    switch (kind) {
    case 0:
        assert_ok(promc_histogram_register(
            registry, &(promc_histogram_settings){.family = settings, .buckets = bounds, .bucket_count = 3}, &family));
        break;
    case 1:
        assert_ok(promc_histogram_register(
            registry, &(promc_histogram_settings){.family = settings, .kind = PROMC_HISTOGRAM_NATIVE}, &family));
        break;
    case 2:
        assert_ok(promc_summary_register(registry, &(promc_summary_settings){.family = settings}, &family));
        break;
    case 3:
        assert_ok(promc_counter_register(registry, &settings, &family));
        break;
    case 4:
        assert_ok(promc_stateset_register(registry, &settings, (const char *[]){"on", "off"}, 2, &family));
        break;
    default:
        assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "any", .help = "Plain."}, &family));
    }
    return family;
}

/* Modules that are reloaded again and again with changed definitions reuse the memory of the previous ones. */
static void memory_is_reused(void **state)
{
    promc_registry *registry = *state;
    registry->quarantine_ms = 0;
    promc_registry_stats early = {0}, late;
    for (int i = 0; i < 3000; i++) {
        promc_family *family = any_of(registry, i % 6);
        for (int s = 0; s < 12; s++) {
            char x[8], y[8];
            snprintf(x, sizeof(x), "%d", s / 6);
            snprintf(y, sizeof(y), "%d", s);
            if (i % 6 < 2)
                promc_histogram_observe(promc_histogram_with(family, x, y), s);
            else if (i % 6 == 2)
                promc_summary_observe(promc_summary_with(family, x, y), s);
            else if (i % 6 == 3)
                promc_counter_inc(promc_counter_with(family, x, y));
            else if (i % 6 == 4)
                assert_ok(promc_stateset_select(family, (const char *[]){x, y}, "on"));
        }
        if (i % 100 == 0)
            free(scrape_text(registry));
        assert_ok(promc_family_destroy(family));
        if (i == 300)
            promc_registry_get_stats(registry, &early, sizeof(early));
    }
    promc_registry_get_stats(registry, &late, sizeof(late));
    assert_int_equal(late.arena_used_bytes, early.arena_used_bytes);
    assert_int_equal(late.series, early.series);
    assert_hides(registry, "any");
}

/* With a cap for each value of a label, each value has an overflow series: all go with the family. */
static void overflow_series_of_each_value_go_too(void **state)
{
    promc_registry *registry = *state;
    registry->quarantine_ms = 0;
    promc_registry_stats early = {0}, late;
    for (int i = 0; i < 200; i++) {
        promc_family *family;
        assert_ok(promc_counter_register(
            registry, &(promc_family_settings){.name = "any", .labels = {"x", "y"}, .max_series = 1, .cap_label = "x"},
            &family));
        for (int s = 0; s < 9; s++)
            promc_counter_inc(
                promc_counter_with(family, (char[]){(char)('a' + s / 3), 0}, (char[]){(char)('0' + s), 0}));
        assert_ok(promc_family_destroy(family));
        free(scrape_text(registry));
        if (i == 100)
            promc_registry_get_stats(registry, &early, sizeof(early));
    }
    promc_registry_get_stats(registry, &late, sizeof(late));
    assert_int_equal(late.arena_used_bytes, early.arena_used_bytes);
    assert_int_equal(late.series, early.series);
}

/* An up-down gauge has one cell, fewer than every other type: each series has its own, and frees it. */
static void up_down_gauges_have_a_cell_each(void **state)
{
    promc_registry *registry = *state;
    registry->quarantine_ms = 0;
    promc_registry_stats early = {0}, late;
    for (int i = 0; i < 2000; i++) {
        promc_family *family;
        promc_updown updowns[5];
        assert_ok(promc_updown_register(registry, &(promc_family_settings){.name = "u", .labels = {"x"}}, &family));
        for (int s = 0; s < 5; s++) {
            assert_ok(promc_updown_get(family, (const char *[]){(char[]){(char)('a' + s), 0}}, &updowns[s]));
            for (int n = 0; n <= s; n++)
                promc_updown_inc(updowns[s]);
        }
        for (int s = 0; s < 5; s++)
            assert_int_equal((int)promc_updown_value(updowns[s]), s + 1);
        assert_ok(promc_family_destroy(family));
        free(scrape_text(registry));
        if (i == 100)
            promc_registry_get_stats(registry, &early, sizeof(early));
    }
    promc_registry_get_stats(registry, &late, sizeof(late));
    assert_int_equal(late.arena_used_bytes, early.arena_used_bytes);
}

/* A series to which a scrape points is not reused before the scrape ends, nor before the quarantine ends. */
static void a_scrape_in_flight(void **state)
{
    promc_registry *registry = *state;
    promc_family *first = new_counter(registry, "first", "x"), *second = new_counter(registry, "second", "x");
    registry->quarantine_ms = 0;
    for (int i = 0; i < 50; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%d", i);
        promc_counter_inc(promc_counter_with(first, text));
        promc_counter_inc(promc_counter_with(second, text));
    }
    assert_non_null(new_counter(registry, "third", NULL));
    promc_scrape *scrape;
    char text[20000] = "";
    size_t length = 0;
    assert_ok(promc_scrape_begin(registry, NULL, &scrape));
    while (!strstr(text, "first_total{x=\"20\"}"))
        length += (size_t)promc_scrape_read(scrape, text + length, 64);
    assert_ok(promc_family_destroy(first));
    assert_ok(promc_family_destroy(second));
    for (int i = 0; i < 20; i++) { /* would take their memory */
        char name[16];
        snprintf(name, sizeof(name), "new%d", i);
        promc_counter_inc(promc_counter_with(new_counter(registry, name, "xxxxxxxxxxxx"), "value"));
    }
    long n;
    while ((n = promc_scrape_read(scrape, text + length, 64)) > 0)
        length += (size_t)n;
    promc_scrape_end(scrape);
    text[length] = '\0';
    assert_non_null(strstr(text, "first_total{x=\"19\"} 1\n"));
    assert_null(strstr(text, "first_total{x=\"40\"}"));
    assert_null(strstr(text, "second_total{"));
    assert_non_null(strstr(text, "\nthird_total 0\n"));
}

struct slow {
    promc_registry *registry;
    int entered, leave, returned;
};

static double value_slowly(void *user)
{
    struct slow *slow = user;
    __atomic_store_n(&slow->entered, 1, __ATOMIC_RELEASE);
    wait_until(__atomic_load_n(&slow->leave, __ATOMIC_ACQUIRE));
    __atomic_store_n(&slow->returned, 1, __ATOMIC_RELEASE);
    return 7;
}

static void *scrape_once(void *registry)
{
    free(scrape_text(registry));
    return NULL;
}

/* Let the callback return after the destroying thread has disabled further runs. */
static void *let_go(void *user)
{
    struct slow *slow = user;
    wait_until(promc_load(&promc_load_acquire(&slow->registry->callbacks)->replaced));
    __atomic_store_n(&slow->leave, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void a_running_callback_is_waited_for(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    struct slow slow = {.registry = registry};
    pthread_t scraper, other;
    assert_ok(promc_callback_register(registry, PROMC_GAUGE, &(promc_family_settings){.name = "g"}, &family));
    assert_ok(promc_callback_set(family, NULL, value_slowly, &slow));
    assert_int_equal(pthread_create(&scraper, NULL, scrape_once, registry), 0);
    wait_until(__atomic_load_n(&slow.entered, __ATOMIC_ACQUIRE));
    assert_int_equal(pthread_create(&other, NULL, let_go, &slow), 0);
    assert_ok(promc_family_destroy(family));
    assert_int_equal(__atomic_load_n(&slow.returned, __ATOMIC_ACQUIRE), 1);
    pthread_join(other, NULL);
    pthread_join(scraper, NULL);
    slow.entered = 0;
    free(scrape_text(registry));
    assert_int_equal(slow.entered, 0);
}

#define LOOKERS 2

struct race {
    promc_registry *registry;
    promc_family *family;      /* atomic */
    unsigned lookups[LOOKERS]; /* atomic; each is counted by one thread */
    unsigned threads;          /* atomic */
    int stop;                  /* atomic */
};

/* Looks up series in the current family. A family that was destroyed meanwhile stays safe for one lookup. */
static void *look_up(void *argument)
{
    struct race *race = argument;
    unsigned *lookups = &race->lookups[__atomic_fetch_add(&race->threads, 1, __ATOMIC_RELAXED)];
    for (unsigned i = 0; !__atomic_load_n(&race->stop, __ATOMIC_RELAXED); i++) {
        char text[8];
        promc_counter c;
        promc_family *family = __atomic_load_n(&race->family, __ATOMIC_ACQUIRE);
        snprintf(text, sizeof(text), "%u", i % 40);
        int rc = promc_counter_get(family, (const char *[]){text}, &c);
        assert_true(rc == 0 || rc == PROMC_E_NOT_FOUND);
        promc_counter_inc(c);
        __atomic_fetch_add(lookups, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void *scrape_often(void *argument)
{
    struct race *race = argument;
    while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED))
        free(scrape_openmetrics(race->registry));
    return NULL;
}

static void lookups_and_scrapes_meanwhile(void **state)
{
    (void)state;
    /* Removed series keep their memory for a minute: up to 40 of each of 200 families. */
    struct race race = {.registry =
                            new_registry(&(promc_registry_settings){.arena_bytes = 32 << 20, .max_threads = 4})};
    pthread_t threads[LOOKERS + 1];
    race.family = new_counter(race.registry, "c", "x");
    for (int i = 0; i <= LOOKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < LOOKERS ? look_up : scrape_often, &race), 0);
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%d", i);
        promc_family *old = race.family;
        __atomic_store_n(&race.family, new_counter(race.registry, name, "x"), __ATOMIC_RELEASE);
        /* No thread updates a series of a destroyed family: each has begun its lookup after the new one was there. */
        for (int k = 0; k < LOOKERS; k++) {
            const unsigned before = __atomic_load_n(&race.lookups[k], __ATOMIC_ACQUIRE);
            wait_until(__atomic_load_n(&race.lookups[k], __ATOMIC_ACQUIRE) - before > 4);
        }
        assert_ok(promc_family_destroy(old));
    }
    __atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i <= LOOKERS; i++)
        pthread_join(threads[i], NULL);
    promc_counter_inc(promc_counter_with(race.family, "end"));
    assert_true(exposes(race.registry, "c199_total{x=\"end\"} 1"));
    assert_hides(race.registry, "c198_total{");
    promc_registry_destroy(race.registry);
}

static void shared_and_own_families_stay(void **state)
{
    promc_registry *registry = *state;
    needs_shared_arenas();
    assert_fails(promc_family_destroy(NULL), PROMC_E_INVALID, "no metric family");
    assert_fails(promc_family_destroy(promc_family_find(registry, "promc_series")), PROMC_E_INVALID,
                 "is reserved for promc");
    char path[64];
    snprintf(path, sizeof(path), "/tmp/promc-test-destroy-%d", (int)getpid());
    promc_registry *shared = new_registry(&(promc_registry_settings){.shared_path = path});
    promc_family *family = new_counter(shared, "c", NULL);
    assert_fails(promc_family_destroy(family), PROMC_E_INVALID, "its arena is shared");
    assert_true(exposes(shared, "c_total 0"));
    promc_registry_destroy(shared);
    unlink(path);
    /* promc's own counts for the family go with it. */
    family = new_counter(registry, "c", "x");
    assert_int_equal(promc_gauge_get(family, (const char *[]){"a"}, &(promc_gauge){0}), PROMC_E_TYPE);
    assert_true(exposes(registry, "promc_refused_updates_total{family=\"c_total\",reason=\"type\"} 1"));
    assert_ok(promc_family_destroy(family));
    assert_hides(registry, "\"c_total\"");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_family_is_gone_at_once),
        TEST(the_others_stay),
        TEST(memory_is_reused),
        TEST(overflow_series_of_each_value_go_too),
        TEST(up_down_gauges_have_a_cell_each),
        TEST(a_scrape_in_flight),
        TEST(a_running_callback_is_waited_for),
        TEST(lookups_and_scrapes_meanwhile),
        TEST(shared_and_own_families_stay),
    };
    return cmocka_run_group_tests_name("destroy", tests, NULL, NULL);
}
