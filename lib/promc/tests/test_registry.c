/* SPDX-License-Identifier: Apache-2.0 */
/* A registry: settings, slots, contents, and the iteration that a scrape uses. */
#include "collect/collector.h"
#include "read/snapshot.h"

#include "util.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void refuses_bad_settings(void **state)
{
    (void)state;
    promc_registry *registry = (promc_registry *)0x1;
    promc_registry_settings bad[] = {
        {.arena_bytes = 1000},        {.arena_bytes = SIZE_MAX},        {.max_threads = 1025},
        {.max_label_value_bytes = 3}, {.max_label_value_bytes = 65536}, {.arena_bytes = 256 << 10, .max_threads = 1024},
        {.constant_label_count = 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(promc_registry_create(&registry, &bad[i]), PROMC_E_INVALID);
        assert_null(registry);
        assert_true(strlen(promc_error_detail()) > 0);
    }
    promc_label colon = {"a:b", "x"};
    assert_int_equal(promc_registry_create(
                         &registry, &(promc_registry_settings){.constant_labels = &colon, .constant_label_count = 1}),
                     PROMC_E_LABEL_NAME);
}

/* One metric of each kind, updated by two threads, and in a forked child, whose copy starts from zero. */
struct kinds {
    promc_registry *registry;
    promc_counter counter;
    promc_gauge gauge;
    promc_updown updown;
    promc_histogram histogram;
    promc_summary summary;
};

static void make_kinds(promc_registry *registry, struct kinds *k)
{
    promc_family *f;
    k->registry = registry;
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "c", .labels = {"x"}}, &f));
    k->counter = promc_counter_with(f, "a");
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "g"}, &f));
    assert_ok(promc_gauge_get(f, NULL, &k->gauge));
    assert_ok(promc_updown_register(registry, &(promc_family_settings){.name = "u"}, &f));
    assert_ok(promc_updown_get(f, NULL, &k->updown));
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h"}}, &f));
    assert_ok(promc_histogram_get(f, NULL, &k->histogram));
    assert_ok(promc_summary_register(registry, &(promc_summary_settings){.family = {.name = "s"}}, &f));
    assert_ok(promc_summary_get(f, NULL, &k->summary));
}

static void *update_kinds(void *argument)
{
    struct kinds *k = argument;
    for (int i = 0; i < 1000; i++) {
        promc_counter_inc(k->counter);
        assert_ok(promc_counter_add(k->counter, 0.5));
        promc_gauge_set(k->gauge, 7);
        promc_updown_inc(k->updown);
        promc_histogram_observe(k->histogram, 1);
        promc_summary_observe(k->summary, 1);
    }
    return NULL;
}

static void assert_kinds(const struct kinds *k, double times)
{
    double sum;
    assert_same(promc_counter_value(k->counter), 1.5 * times);
    assert_same(promc_updown_value(k->updown), times);
    assert_same(promc_histogram_count(k->histogram, &sum), times);
    assert_same(sum, times);
}

/* Fifteen registries have slots, the others are found by address: all work, and none sees another's updates. */
static void two_hundred_live_at_once(void **state)
{
    enum { ALL = 255 };
    static promc_registry *all[ALL + 1];
    struct kinds kinds[3];
    (void)state;
    promc_registry_settings small = {.arena_bytes = 1 << 20}; /* so that all fit into a 32-bit address space */
    for (int i = 0; i < ALL; i++)
        assert_int_equal(promc_registry_create(&all[i], &small), 0);
    assert_int_equal(promc_registry_create(&all[ALL], &small), PROMC_E_BUSY);
    static const int places[] = {14, 15, 254};
    for (int i = 0; i < 3; i++)
        make_kinds(all[places[i]], &kinds[i]);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, update_kinds, &kinds[i]), 0);
        update_kinds(&kinds[i]);
        pthread_join(thread, NULL);
    }
    for (int i = 0; i < 3; i++) {
        assert_kinds(&kinds[i], 2000);
        assert_true(exposes(kinds[i].registry, "c_total{x=\"a\"} 3000"));
        assert_true(exposes(kinds[i].registry, "g 7"));
        assert_true(exposes(kinds[i].registry, "s_count 2000"));
    }
#ifndef __SANITIZE_THREAD__ /* it allows at most 64 locks per thread; a fork holds the locks of all registries */
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 3; i++) {
            update_kinds(&kinds[i]);
            if (promc_counter_value(kinds[i].counter) != 1500)
                _exit(1);
        }
        _exit(0);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
#endif
    /* Handles of a destroyed registry do nothing, even after another registry has taken its place. */
    promc_registry_destroy(all[15]);
    promc_counter_inc(kinds[1].counter);
    assert_same(promc_counter_value(kinds[1].counter), 0);
    assert_int_equal(promc_registry_create(&all[15], NULL), 0);
    promc_counter_inc(kinds[1].counter);
    make_kinds(all[15], &kinds[1]);
    assert_kinds(&kinds[1], 0);
    promc_registry_destroy(all[7]);
    assert_int_equal(promc_registry_create(&all[7], NULL), 0);
    for (int i = 0; i < ALL; i++)
        promc_registry_destroy(all[i]);
    promc_registry_destroy(NULL);
}

/* A thread that has cells in a registry must not keep them for the next one in the same slot. */
static void slot_is_clean_after_destroy(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        promc_registry *registry;
        promc_family *family;
        promc_counter counter;
        assert_int_equal(promc_registry_create(&registry, NULL), 0);
        assert_int_equal(promc_counter_register(registry, &(promc_family_settings){.name = "a"}, &family), 0);
        assert_int_equal(promc_counter_get(family, NULL, &counter), 0);
        promc_counter_inc(counter);
        assert_int_equal((int64_t)promc_counter_value(counter), 1);
        promc_registry_destroy(registry);
    }
}

static void small_arena_works(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_registry_stats stats;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.arena_bytes = 256 << 10}), 0);
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.arena_bytes, 256 << 10);
    assert_true(stats.arena_used_bytes > 0 && stats.arena_used_bytes < stats.arena_bytes);
    assert_int_equal(stats.scrapes_in_flight, 0);
    promc_registry_destroy(registry);
}

/* All series that a scrape would show, as words `family{labels}`. */
static void walk(promc_registry *registry, char *out, size_t room)
{
    struct promc_reading reading;
    struct promc_family_view family;
    struct promc_series_view series;
    size_t used = 0;
    assert_int_equal(promc_reading_begin(registry, &reading), 0);
    while (promc_reading_next_family(&reading, &family)) {
        while (promc_reading_next_series(&reading, &series))
            used += (size_t)snprintf(out + used, room - used, "%.*s{%.*s} ", (int)family.sample_name.length,
                                     family.sample_name.data, (int)series.labels.length, series.labels.data);
    }
    promc_reading_end(&reading);
    promc_reading_end(&reading);
}

static void walks_in_creation_order(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *jobs, *temperature;
    char text[2000] = "";
    promc_label constant = {"zone", "a\"b"};
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true,
                                                                                 .constant_labels = &constant,
                                                                                 .constant_label_count = 1}),
                     0);
    assert_int_equal(
        promc_counter_register(registry, &(promc_family_settings){.name = "jobs", .labels = {"queue", "kind"}}, &jobs),
        0);
    assert_int_equal(promc_gauge_register(registry, &(promc_family_settings){.name = "temperature"}, &temperature), 0);
    promc_counter_inc(promc_counter_with(jobs, "mail", "b"));
    promc_counter_inc(promc_counter_with(jobs, "mail", "a"));
    promc_counter_inc(promc_counter_with(jobs, "mail", "b"));
    walk(registry, text, sizeof(text));
    assert_string_equal(text,
                        "jobs_total{queue=\"mail\",kind=\"b\"} jobs_total{queue=\"mail\",kind=\"a\"} temperature{} ");
    assert_ptr_equal(promc_family_find(registry, "jobs"), jobs);
    assert_ptr_equal(promc_family_find(registry, "jobs_total"), jobs);
    assert_null(promc_family_find(registry, "job"));
    struct promc_reading reading;
    struct promc_family_view view;
    promc_str name, value;
    assert_int_equal(promc_reading_begin(registry, &reading), 0);
    assert_true(promc_reading_next_family(&reading, &view));
    assert_int_equal(view.constant_label_count, 1);
    promc_family_constant(registry, &view, 0, &name, &value);
    assert_memory_equal(name.data, "zone", 5);
    assert_memory_equal(value.data, "a\"b", 4);
    assert_memory_equal(view.constant_labels.data, "zone=\"a\\\"b\"", view.constant_labels.length);
    promc_reading_end(&reading);
    promc_registry_destroy(registry);
}

static void limits_scrapes_in_flight(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_registry_stats stats;
    struct promc_reading readings[PROMC_SCRAPES_MAX + 1];
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    for (int i = 0; i < PROMC_SCRAPES_MAX; i++)
        assert_int_equal(promc_reading_begin(registry, &readings[i]), 0);
    assert_int_equal(promc_reading_begin(registry, &readings[PROMC_SCRAPES_MAX]), PROMC_E_BUSY);
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.scrapes_in_flight, PROMC_SCRAPES_MAX);
    promc_reading_end(&readings[3]);
    assert_int_equal(promc_reading_begin(registry, &readings[3]), 0);
    for (int i = 0; i < PROMC_SCRAPES_MAX; i++)
        promc_reading_end(&readings[i]);
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_int_equal(stats.scrapes_in_flight, 0);
    promc_registry_destroy(registry);
}

static int failing(void *user, uint64_t deadline_ns)
{
    (void)deadline_ns;
    ++*(int *)user;
    return -1;
}

static void collectors_fail_without_failing_the_scrape(void **state)
{
    (void)state;
    promc_registry *registry;
    int runs = 0;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collector_register(registry, "bad", failing, &runs), 0);
    assert_int_equal(promc_collector_register(registry, "", failing, &runs), PROMC_E_INVALID);
    promc_counter errors = promc_counter_with(promc_family_find(registry, "promc_collector_errors_total"), "bad");
    assert_int_equal((int64_t)promc_counter_value(errors), 0);
    promc_collectors_run(registry, 0);
    assert_int_equal(runs, 1);
    assert_int_equal((int64_t)promc_counter_value(errors), 1);
    promc_collectors_run(registry, 1); /* a deadline in the past: not run, and counted as an error */
    assert_int_equal(runs, 1);
    assert_int_equal((int64_t)promc_counter_value(errors), 2);
    for (int i = 1; i < 64; i++)
        assert_int_equal(promc_collector_register(registry, "x", failing, &runs), 0);
    assert_int_equal(promc_collector_register(registry, "x", failing, &runs), PROMC_E_FULL);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_settings),
        cmocka_unit_test(two_hundred_live_at_once),
        cmocka_unit_test(slot_is_clean_after_destroy),
        cmocka_unit_test(small_arena_works),
        cmocka_unit_test(walks_in_creation_order),
        cmocka_unit_test(limits_scrapes_in_flight),
        cmocka_unit_test(collectors_fail_without_failing_the_scrape),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
