/* SPDX-License-Identifier: Apache-2.0 */
/* libprom, as a program for prometheus-client-c uses it. */
#include "util.h"
#include <prom.h>

#include <malloc.h>
#include <pthread.h>

#define LABELS(...) ((const char *[]){__VA_ARGS__})

static int set_up(void **state)
{
    (void)state;
    return prom_collector_registry_default_init();
}

static int tear_down(void **state)
{
    (void)state;
    return prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT);
}

static char *bridge(prom_collector_registry_t *registry)
{
    return (char *)(uintptr_t)prom_collector_registry_bridge(registry);
}

#define assert_shown(text) assert_true(contains(bridge(PROM_COLLECTOR_REGISTRY_DEFAULT), text))
#define assert_not_shown(text) assert_false(is_shown(PROM_COLLECTOR_REGISTRY_DEFAULT, text))

static bool is_shown(prom_collector_registry_t *registry, const char *part)
{
    char *text = bridge(registry);
    bool found = strstr(text, part) != NULL;
    free(text);
    return found;
}

static prom_metric_t *must(prom_metric_t *metric)
{
    return prom_collector_registry_must_register_metric(metric);
}

static void shows_names_as_they_are_given(void **state)
{
    (void)state;
    prom_counter_t *plain = must(prom_counter_new("turn_traffic_rcvp", "Received packets", 2, LABELS("realm", "user")));
    prom_counter_t *counts = must(prom_counter_new("jobs_count", "", 0, NULL));
    must(prom_counter_new("jobs_total", "", 0, NULL));
    must(prom_gauge_new("sessions_created", "Sessions", 0, NULL));
    assert_int_equal(prom_counter_add(plain, 3, LABELS("here", "me")), 0);
    assert_int_equal(prom_counter_inc(plain, LABELS(NULL, "a\"b\\\n")), 0);
    assert_int_equal(prom_counter_inc(counts, NULL), 0);
    assert_shown(
        "# HELP turn_traffic_rcvp Received packets\n# TYPE turn_traffic_rcvp counter\n"
        "turn_traffic_rcvp{realm=\"here\",user=\"me\"} 3\nturn_traffic_rcvp{realm=\"\",user=\"a\\\"b\\\\\\n\"} 1\n");
    assert_shown("# TYPE jobs_count counter\njobs_count 1\n");
    assert_shown("# TYPE jobs_total counter\njobs_total 0\n");
    assert_shown("# TYPE sessions_created gauge\nsessions_created 0\n");
    assert_shown("# TYPE process_open_fds gauge\nprocess_open_fds ");
    assert_shown("# TYPE process_cpu_seconds_total counter\n");
}

static void counts_up_and_down(void **state)
{
    (void)state;
    prom_gauge_t *gauge = must(prom_gauge_new("ues", "", 1, LABELS("cell")));
    prom_counter_t *counter = must(prom_counter_new("things", "", 0, NULL));
    assert_int_equal(prom_gauge_set(gauge, 5, LABELS("1")), 0);
    assert_int_equal(prom_gauge_inc(gauge, LABELS("1")) | prom_gauge_inc(gauge, LABELS("1")), 0);
    assert_int_equal(prom_gauge_dec(gauge, LABELS("1")), 0);
    assert_int_equal(prom_gauge_sub(gauge, 0.5, LABELS("1")), 0);
    assert_int_equal(prom_gauge_add(gauge, -8, LABELS("1")), 0);
    assert_shown("ues{cell=\"1\"} -2.5\n");
    assert_int_equal(prom_counter_add(counter, 0.25, NULL), 0);
    assert_int_equal(prom_counter_add(counter, -1, NULL), 1);
    assert_shown("things 0.25\n");
    assert_int_equal(prom_counter_inc(gauge, LABELS("1")), 1); /* not a counter */
    assert_int_equal(prom_counter_inc(NULL, NULL), 1);
    assert_int_equal(prom_gauge_inc(gauge, NULL), 1); /* it has a label */
    assert_int_equal(prom_histogram_observe(gauge, 1, LABELS("1")), 1);
}

static void observes(void **state)
{
    (void)state;
    prom_histogram_t *plain =
        must(prom_histogram_new("sizes", "Sizes", prom_histogram_buckets_linear(5.0, 5.0, 2), 0, NULL));
    prom_histogram_t *labelled =
        must(prom_histogram_new("times", "", prom_histogram_buckets_new(3, 0.1, 1.0, 10.0), 1, LABELS("route")));
    prom_histogram_t *usual = must(prom_histogram_new("usual", "", NULL, 0, NULL));
    for (int i = 0; i < 100; i++)
        assert_int_equal(prom_histogram_observe(plain, i % 2 ? 7 : 3, NULL), 0);
    assert_int_equal(prom_histogram_observe(labelled, 0.5, LABELS("/")), 0);
    assert_int_equal(prom_histogram_observe(usual, 20, NULL), 0);
    assert_shown("# TYPE sizes histogram\nsizes_bucket{le=\"5\"} 50\nsizes_bucket{le=\"10\"} "
                 "100\nsizes_bucket{le=\"+Inf\"} 100\n"
                 "sizes_sum 500\nsizes_count 100\n");
    assert_shown("times_bucket{route=\"/\",le=\"0.1\"} 0\ntimes_bucket{route=\"/\",le=\"1\"} 1\n");
    assert_shown("usual_bucket{le=\"0.005\"} 0\n");
    assert_shown("usual_bucket{le=\"10\"} 0\nusual_bucket{le=\"+Inf\"} 1\n");
}

static void makes_buckets(void **state)
{
    (void)state;
    prom_histogram_buckets_t *buckets = prom_histogram_buckets_exponential(1, 2, 4);
    assert_int_equal(prom_histogram_buckets_count(buckets), 4);
    assert_same(buckets->upper_bounds[3], 8);
    assert_int_equal(prom_histogram_buckets_destroy(buckets), 0);
    assert_null(prom_histogram_buckets_exponential(0, 2, 4));
    assert_null(prom_histogram_buckets_exponential(1, 1, 4));
    assert_null(prom_histogram_buckets_linear(1, 0, 4));
    assert_null(prom_histogram_buckets_new(0, 1.0));
    assert_int_equal(prom_histogram_default_buckets->count, 11);
    assert_int_equal(prom_histogram_buckets_destroy(prom_histogram_default_buckets), 0);
    assert_same(prom_histogram_default_buckets->upper_bounds[0], 0.005);
    assert_int_equal(prom_histogram_buckets_destroy(NULL), 0);
    assert_int_equal(prom_histogram_buckets_count(NULL), 0);
}

static void keeps_what_was_counted_before_the_registration(void **state)
{
    (void)state;
    prom_gauge_t *version = prom_gauge_new("version_info", "", 1, LABELS("version"));
    prom_counter_t *starts = prom_counter_new("starts", "", 0, NULL);
    prom_histogram_t *times = prom_histogram_new("start_seconds", "", prom_histogram_buckets_new(1, 1.0), 0, NULL);
    assert_int_equal(prom_gauge_set(version, 1, LABELS("1.2")), 0);
    assert_int_equal(prom_counter_add(starts, 2, NULL) | prom_counter_inc(starts, NULL), 0);
    assert_int_equal(prom_counter_add(starts, -1, NULL), 1);
    assert_int_equal(prom_histogram_observe(times, 0.5, NULL) | prom_histogram_observe(times, 2, NULL), 0);
    prom_metric_sample_t *held = prom_metric_sample_from_labels(starts, NULL);
    must(version), must(starts), must(times);
    assert_int_equal(prom_metric_sample_add(held, 4), 0);
    assert_shown("version_info{version=\"1.2\"} 1\n");
    assert_shown("starts 7\n");
    assert_shown("start_seconds_bucket{le=\"1\"} 1\nstart_seconds_bucket{le=\"+Inf\"} 2\nstart_seconds_sum 2.5\n");
    prom_histogram_t *many = prom_histogram_new("many", "", NULL, 0, NULL);
    for (int i = 0; i < 1024; i++)
        assert_int_equal(prom_histogram_observe(many, 1, NULL), 0);
    assert_int_equal(prom_histogram_observe(many, 1, NULL), 1); /* the limit of observations before the registration */
    assert_int_equal(prom_histogram_destroy(many), 0);
}

/* The collector of the process metrics has 1 MiB: series beyond it are counted as `other`, and a further metric stays as it was. */
static void a_full_collector_loses_nothing(void **state)
{
    (void)state;
    enum { SERIES = 9000 };
    char value[16];
    prom_collector_registry_t *registry = prom_collector_registry_new("small");
    prom_collector_t *small = prom_collector_process_new(NULL, NULL);
    prom_counter_t *counter = prom_counter_new("early", "", 1, LABELS("x"));
    prom_histogram_t *late = prom_histogram_new("late_seconds", "", NULL, 1, LABELS("x"));
    assert_int_equal(prom_collector_registry_register_collector(registry, small), 0);
    for (int i = 0; i < SERIES; i++) {
        snprintf(value, sizeof(value), "%d", i);
        assert_int_equal(prom_counter_inc(counter, LABELS(value)), 0);
        assert_int_equal(prom_histogram_observe(late, 2, LABELS(value)), 0);
    }
    assert_int_equal(prom_collector_add_metric(small, counter), 0);
    char *text = bridge(registry);
    double total = 0;
    for (const char *at = text; (at = strstr(at, "\nearly{"));)
        total += strtod(strchr(++at, ' '), NULL);
    assert_same(total, SERIES);
    assert_non_null(strstr(text, "early{x=\"0\"} 1\n"));
    assert_non_null(strstr(text, "early{x=\"other\",promc_overflow=\"true\"} "));
    free(text);
    for (int again = 0; again < 3; again++)
        assert_int_equal(prom_collector_add_metric(small, late), 1);
    assert_int_equal(prom_histogram_observe(late, 20, LABELS("0")), 0);
    must(late);
    assert_shown("late_seconds_sum{x=\"0\"} 22\nlate_seconds_count{x=\"0\"} 2\n");
    assert_shown("late_seconds_sum{x=\"8999\"} 2\nlate_seconds_count{x=\"8999\"} 1\n");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void samples_are_held(void **state)
{
    (void)state;
    prom_counter_t *counter = must(prom_counter_new("held", "", 1, LABELS("who")));
    prom_gauge_t *gauge = must(prom_gauge_new("level", "", 0, NULL));
    prom_histogram_t *histogram = must(prom_histogram_new("spread", "", NULL, 0, NULL));
    prom_metric_sample_t *a = prom_metric_sample_from_labels(counter, LABELS("a"));
    assert_ptr_equal(a, prom_metric_sample_from_labels(counter, LABELS("a")));
    assert_ptr_not_equal(a, prom_metric_sample_from_labels(counter, LABELS("b")));
    assert_int_equal(prom_metric_sample_add(a, 2), 0);
    assert_int_equal(prom_metric_sample_add(a, -2), 1);
    assert_int_equal(prom_metric_sample_sub(a, 1), 1);
    assert_int_equal(prom_metric_sample_set(a, 1), 1);
    assert_int_equal(prom_counter_inc(counter, LABELS("a")), 0);
    assert_shown("held{who=\"a\"} 3\nheld{who=\"b\"} 0\n");
    prom_metric_sample_t *level = prom_metric_sample_from_labels(gauge, NULL);
    assert_int_equal(prom_metric_sample_set(level, 9) | prom_metric_sample_sub(level, 4), 0);
    assert_shown("level 5\n");
    assert_null(prom_metric_sample_from_labels(histogram, NULL));
    assert_null(prom_metric_sample_histogram_from_labels(gauge, NULL));
    assert_int_equal(prom_metric_sample_histogram_observe(prom_metric_sample_histogram_from_labels(histogram, NULL), 3),
                     0);
    assert_shown("spread_count 1\n");
    assert_int_equal(prom_metric_sample_add(NULL, 1) & prom_metric_sample_histogram_observe(NULL, 1), 1);
}

static void refuses_invalid_metrics(void **state)
{
    (void)state;
    prom_counter_t *once = must(prom_counter_new("once", "", 0, NULL));
    prom_gauge_t *again = prom_gauge_new("once", "", 0, NULL);
    assert_int_equal(prom_collector_registry_register_metric(once), 1);
    assert_int_equal(prom_collector_registry_register_metric(again), 1);
    assert_non_null(strstr(promc_error_detail(), "once"));
    assert_int_equal(prom_gauge_destroy(again), 0);
    prom_counter_t *bad = prom_counter_new("no name", "", 0, NULL);
    assert_int_equal(prom_collector_registry_register_metric(bad), 1);
    assert_int_equal(prom_counter_destroy(bad), 0);
    prom_gauge_t *taken = prom_gauge_new("process_open_fds", "", 0, NULL); /* another collector has it */
    assert_int_equal(prom_collector_registry_register_metric(taken), 1);
    assert_int_equal(prom_gauge_destroy(taken), 0);
    const char *many[65] = {0};
    assert_null(prom_counter_new("many", "", 65, many));
    assert_null(prom_counter_new(NULL, "", 0, NULL));
    assert_int_equal(prom_collector_registry_register_metric(NULL), 1);
    assert_int_equal(prom_collector_registry_validate_metric_name(NULL, "a:b_9"), 0);
    assert_int_equal(prom_collector_registry_validate_metric_name(NULL, "9a"), 1);
    assert_int_equal(prom_collector_registry_validate_metric_name(NULL, "a-b"), 1);
    assert_int_equal(prom_collector_registry_validate_metric_name(NULL, ""), 1);
    /* a destroyed metric's name is free */
    assert_int_equal(prom_counter_destroy(once), 0);
    assert_not_shown("once");
    must(prom_counter_new("once", "", 0, NULL));
    assert_shown("once 0\n");
}

static prom_gauge_t *collected;

static prom_map_t *collect(prom_collector_t *self)
{
    assert_non_null(self);
    prom_gauge_inc(collected, NULL);
    return NULL;
}

static void collects(void **state)
{
    (void)state;
    prom_collector_registry_t *registry = prom_collector_registry_new("mine");
    prom_collector_t *collector = prom_collector_new("queue");
    collected = prom_gauge_new("looked", "How often", 0, NULL);
    assert_int_equal(prom_collector_add_metric(collector, collected), 0);
    assert_int_equal(prom_collector_add_metric(collector, collected), 1);
    assert_int_equal(prom_collector_set_collect_fn(collector, collect), 0);
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 1);
    assert_int_equal(prom_collector_registry_register_collector(PROM_COLLECTOR_REGISTRY_DEFAULT, collector), 1);
    assert_true(is_shown(registry, "looked 1\n"));
    assert_true(is_shown(registry, "looked 2\n"));
    assert_not_shown("looked");
    assert_int_equal(prom_collector_set_collect_fn(collector, NULL), 0);
    assert_true(is_shown(registry, "looked 2\n"));
    prom_collector_t *rival = prom_collector_new("rival");
    assert_int_equal(prom_collector_add_metric(rival, prom_gauge_new("looked", "", 0, NULL)), 0);
    assert_int_equal(prom_collector_registry_register_collector(registry, rival), 1);
    prom_collector_free_generic(rival);
    assert_false(is_shown(registry, "process_"));
    assert_int_equal(prom_collector_registry_enable_process_metrics(registry), 0);
    assert_int_equal(prom_collector_registry_enable_process_metrics(registry), 1);
    assert_true(is_shown(registry, "process_max_fds "));
    assert_int_equal(prom_collector_destroy_generic(collector), 0);
    assert_false(is_shown(registry, "looked"));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    assert_null(prom_collector_process_new("/proc/1/limits", NULL));
    prom_collector_t *process = prom_collector_process_new("/proc/self/limits", "/proc/self/stat");
    assert_non_null(process);
    assert_int_equal(prom_collector_destroy(process), 0);
}

static void can_be_initialised_again(void **state)
{
    (void)state;
    must(prom_counter_new("lives", "", 0, NULL));
    assert_int_equal(prom_collector_registry_default_init(), 0); /* a second call does nothing */
    assert_shown("lives 0\n");
    assert_int_equal(prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT), 0);
    assert_null(PROM_COLLECTOR_REGISTRY_DEFAULT);
    prom_counter_t *lives = prom_counter_new("lives", "", 0, NULL);
    assert_int_equal(prom_collector_registry_register_metric(lives), 1);
    assert_int_equal(prom_collector_registry_default_init(), 0);
    assert_int_equal(prom_collector_registry_register_metric(lives), 0);
    assert_shown("lives 0\n");
}

#define THREADS 4
#define EACH 20000

static prom_counter_t *shared;

static void *count(void *unused)
{
    (void)unused;
    for (int i = 0; i < EACH; i++) {
        char user[16];
        snprintf(user, sizeof(user), "user%d", i % 50);
        prom_counter_inc(shared, LABELS(user));
        prom_metric_sample_add(prom_metric_sample_from_labels(shared, LABELS("held")), 1);
    }
    return NULL;
}

/* The metric is registered while the threads count: no update is lost. */
static void threads_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    shared = prom_counter_new("shared", "", 1, LABELS("user"));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    must(shared);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    char line[64];
    for (int i = 0; i < 50; i++) {
        snprintf(line, sizeof(line), "shared{user=\"user%d\"} %d\n", i, THREADS * EACH / 50);
        assert_shown(line);
    }
    snprintf(line, sizeof(line), "shared{user=\"held\"} %d\n", THREADS * EACH);
    assert_shown(line);
}

#define USERS 12000

/* Eight metrics with twelve thousand users, as in coturn: no update is lost, and the arena does not grow. */
static void memory_is_limited(void **state)
{
    (void)state;
    prom_counter_t *counters[8];
    prom_counter_t *held = must(prom_counter_new("held_users", "", 1, LABELS("user")));
    for (int c = 0; c < 8; c++) {
        char name[16];
        snprintf(name, sizeof(name), "traffic_%d", c);
        counters[c] = must(prom_counter_new(name, "", 2, LABELS("realm", "user")));
    }
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < USERS; i++) {
        char user[32];
        snprintf(user, sizeof(user), "user-%d@example.org", i);
        for (int c = 0; c < 8; c++)
            assert_int_equal(prom_counter_add(counters[c], 2, LABELS("realm", user)), 0);
        prom_metric_sample_t *sample = prom_metric_sample_from_labels(held, LABELS(user));
        assert_int_equal(prom_metric_sample_add(sample, 1), 0);
        assert_true(i < 10000 || sample == prom_metric_sample_from_labels(held, LABELS("yet another")));
    }
    assert_true(mallinfo2().uordblks - before <
                4 << 20); /* the samples that the program holds; series are in the arena */
    assert_shown("traffic_7{realm=\"other\",user=\"other\",promc_overflow=\"true\"} 4000\n");
    assert_shown("promc_series_dropped_total{family=\"traffic_7\"} 2000\n");
    assert_shown("promc_arena_limit_bytes 134217728\n");
    free(bridge(PROM_COLLECTOR_REGISTRY_DEFAULT));
    before = mallinfo2().uordblks;
    for (int i = 0; i < 20; i++)
        free(bridge(PROM_COLLECTOR_REGISTRY_DEFAULT));
    assert_true(mallinfo2().uordblks <= before + 65536); /* scrapes leave nothing behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shows_names_as_they_are_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_up_and_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(observes, set_up, tear_down),
        cmocka_unit_test(makes_buckets),
        cmocka_unit_test_setup_teardown(keeps_what_was_counted_before_the_registration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_collector_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(samples_are_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_invalid_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(collects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(can_be_initialised_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_lose_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_limited, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
