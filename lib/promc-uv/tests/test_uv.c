/* SPDX-License-Identifier: Apache-2.0 */
/* A real loop, blocked on purpose. */
#include "util.h"

#include <promc-uv/uv.h>

#include <sys/wait.h>
#include <unistd.h>

static promc_registry *registry;
static uv_loop_t loop;
static promc_uv *watch;

static int set_up(void **state)
{
    (void)state;
    return promc_registry_create(&registry, NULL) < 0 || uv_loop_init(&loop) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    promc_uv_stop(watch);
    watch = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&loop); /* UV_EBUSY if a handle were left */
    promc_registry_destroy(registry);
    return rc;
}

static double value(const char *series)
{
    char *all = scrape_text(registry), *at = strstr(all, series);
    if (!at)
        fail_msg("no %s in\n%s", series, all);
    double number = strtod(at + strlen(series), NULL);
    free(all);
    return number;
}

static void block(uv_timer_t *timer)
{
    uv_sleep(200);
    uv_close((uv_handle_t *)timer, NULL);
}

static void end(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

static void after(uv_timer_t *timer, uint64_t ms, uv_timer_cb what)
{
    uv_timer_init(&loop, timer);
    uv_timer_start(timer, what, ms, 0);
}

static void keep_longest(void *user, double seconds)
{
    double *longest = user;
    if (seconds > *longest)
        *longest = seconds;
}

/* The on_lag callback gets every lag. */
static void each_lag_is_reported(void **state)
{
    (void)state;
    double longest = 0;
    uv_timer_t blocker, last;
    assert_int_equal(
        promc_uv_start(&watch, registry, &loop, &(promc_uv_settings){.on_lag = keep_longest, .user = &longest}), 0);
    after(&blocker, 35, block);
    after(&last, 300, end);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(longest >= 0.15);
}

/* Families that the program has registered itself, with its own help texts. */
static void the_program_s_own_families(void **state)
{
    (void)state;
    promc_family *own;
    assert_int_equal(
        promc_gauge_register(
            registry,
            &(promc_family_settings){.name = "eventloop_handles", .help = "Mine.", .labels = {"loop", "type"}}, &own),
        0);
    uv_timer_t last;
    after(&last, 1, end);
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), 0);
    assert_int_equal(promc_family_series_count(own), 1);
    assert_true(value("eventloop_handles{loop=\"main\",type=\"timer\"} ") == 1);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void a_block_is_a_lag(void **state)
{
    (void)state;
    uv_timer_t blocker, last;
    assert_fails(promc_uv_start(&watch, registry, &loop, &(promc_uv_settings){.reserved = {1}}), PROMC_E_VERSION,
                 "promc_uv_settings: reserved word 0");
    assert_null(watch);
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), 0);
    after(&blocker, 35, block);
    after(&last, 300, end);
    uv_run(&loop, UV_RUN_DEFAULT);
    /* the timer was due within the first 10 of the 200 ms */
    double late = value("eventloop_lag_seconds_count{loop=\"main\"} ") -
                  value("eventloop_lag_seconds_bucket{loop=\"main\",le=\"0.1\"} ");
    assert_true(late >= 1);
    assert_true(value("eventloop_lag_seconds_sum{loop=\"main\"} ") > .18);
}

/* Ends the loop as soon as the first utilisation is known. */
static void end_when_known(uv_timer_t *timer)
{
    if (value("eventloop_utilization_ratio{loop=\"main\"} ") > 0)
        uv_close((uv_handle_t *)timer, NULL);
}

static void utilisation_is_the_share_that_was_not_waiting(void **state)
{
    (void)state;
    uv_timer_t blockers[3], until;
    uint64_t start = uv_hrtime();
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), 0);
    for (unsigned i = 0; i < 3; i++)
        after(&blockers[i], 5 + i, block);
    uv_timer_init(&loop, &until);
    uv_timer_start(&until, end_when_known, 20, 20);
    uv_run(&loop, UV_RUN_DEFAULT);
    /*
     * The loop was busy for 600 ms of the first period, which is at most as long as this test so far. If the machine is so slow that this took
     * two seconds, the ratio may be that of a later period.
     */
    double ratio = value("eventloop_utilization_ratio{loop=\"main\"} "), all = (double)(uv_hrtime() - start) / 1e9;
    assert_true(ratio <= 1);
    assert_true(all < 2 ? ratio >= .6 / all : ratio > 0);
}

static void handles_are_counted_by_type(void **state)
{
    (void)state;
    uv_timer_t one, two;
    uv_idle_t inactive;
    uv_idle_init(&loop, &inactive);
    after(&one, 50, end);
    after(&two, 50, end);
    assert_int_equal(promc_uv_start(&watch, registry, &loop, &(promc_uv_settings){.loop = "x"}), 0);
    assert_true(exposes(registry, "eventloop_handles{loop=\"x\",type=\"timer\"} 2")); /* not its own */
    assert_hides(registry, "type=\"idle\"");
    uv_close((uv_handle_t *)&inactive, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void a_watch_does_not_keep_the_loop_alive(void **state)
{
    (void)state;
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), 0);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0); /* returns at once */
}

static void gauges_go_with_the_watch(void **state)
{
    (void)state;
    uv_timer_t timer;
    after(&timer, 50, end);
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    promc_uv_stop(watch);
    watch = NULL;
    assert_hides(registry, "eventloop_utilization_ratio{");
    assert_hides(registry, "eventloop_handles{");
    assert_true(contains(scrape_text(registry), "eventloop_lag_seconds_count{loop=\"main\"}"));
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), 0); /* the name is free again */
}

/* Blocks for so long that the next look at the handles is due, and stops the watch in its own callback. */
static void stop_when_late(void *user, double seconds)
{
    uv_timer_t *poll = user;
    if (seconds < 1 || !watch)
        return;
    uv_timer_start(poll, end, 1, 0);
    promc_uv_stop(watch);
    watch = NULL;
}

static void block_for_long(uv_timer_t *timer)
{
    uv_sleep(1200);
    uv_close((uv_handle_t *)timer, NULL);
}

static void a_watch_may_be_stopped_in_its_callback(void **state)
{
    (void)state;
    uv_timer_t blocker, further;
    uv_timer_init(&loop, &further);
    assert_int_equal(
        promc_uv_start(&watch, registry, &loop, &(promc_uv_settings){.on_lag = stop_when_late, .user = &further}), 0);
    after(&blocker, 5, block_for_long);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_timer_t last;
    while (watch) { /* the watch does not keep the loop alive */
        after(&last, 20, end);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    assert_hides(registry, "eventloop_utilization_ratio{");
    assert_hides(registry, "eventloop_handles{");
}

static void several_loops_share_the_families(void **state)
{
    (void)state;
    promc_uv *second;
    assert_int_equal(promc_uv_start(&watch, registry, &loop, &(promc_uv_settings){.loop = "0"}), 0);
    assert_int_equal(promc_uv_start(&second, registry, &loop, &(promc_uv_settings){.loop = "0"}), PROMC_E_DUPLICATE);
    assert_null(second);
    assert_int_equal(promc_uv_start(&second, registry, &loop, &(promc_uv_settings){.loop = "1"}), 0);
    assert_true(contains(scrape_text(registry), "eventloop_utilization_ratio{loop=\"1\"}"));
    promc_uv_stop(second);
    assert_true(contains(scrape_text(registry), "eventloop_utilization_ratio{loop=\"0\"}"));
}

/* A worker that is killed does not stop its watch. The next worker has its name. */
static void the_next_worker_may_watch(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/promc-uv-test-%d", (int)getpid());
    promc_registry_destroy(registry);
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.shared_path = path}), 0);
    unlink(path);
    for (int worker = 0; worker < 2; worker++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            uv_loop_t own;
            int rc = uv_loop_init(&own) < 0 ? 1 : promc_uv_start(&watch, registry, &own, NULL) < 0 ? 2 : 0;
            if (rc == 0 && promc_uv_start(&watch, registry, &own, NULL) != PROMC_E_DUPLICATE)
                rc = 3;
            _exit(rc);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), 0);
}

/* Another process of a shared arena may have had the loop's name, and has removed its gauges. */
static void removed_gauges_come_back(void **state)
{
    (void)state;
    uv_timer_t timer;
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), 0);
    assert_int_equal(
        promc_family_remove(promc_family_find(registry, "eventloop_utilization_ratio"), (const char *[]){"main"}), 0);
    after(&timer, 1200, end);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(contains(scrape_text(registry), "eventloop_utilization_ratio{loop=\"main\"}"));
    assert_int_equal(
        promc_family_remove(promc_family_find(registry, "eventloop_handles"), (const char *[]){"main", "timer"}), 0);
    after(&timer, 1200, end);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(contains(scrape_text(registry), "eventloop_handles{loop=\"main\",type=\"timer\"}"));
}

static void wrong_settings(void **state)
{
    (void)state;
    promc_family *taken;
    assert_int_equal(promc_uv_start(&watch, registry, &loop, &(promc_uv_settings){.interval_ms = 1001}),
                     PROMC_E_INVALID);
    assert_int_equal(promc_uv_start(&watch, NULL, &loop, NULL), PROMC_E_INVALID);
    const double bad[] = {2, 1};
    assert_int_equal(promc_uv_start(&watch, registry, &loop, &(promc_uv_settings){.buckets = bad, .bucket_count = 2}),
                     PROMC_E_BUCKETS);
    assert_int_equal(promc_gauge_register(registry,
                                          &(promc_family_settings){.name = "eventloop_lag_seconds", .labels = {"loop"}},
                                          &taken),
                     0);
    assert_int_equal(promc_uv_start(&watch, registry, &loop, NULL), PROMC_E_TYPE);
    assert_null(watch);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_block_is_a_lag),
        TEST(each_lag_is_reported),
        TEST(the_program_s_own_families),
        TEST(utilisation_is_the_share_that_was_not_waiting),
        TEST(handles_are_counted_by_type),
        TEST(a_watch_does_not_keep_the_loop_alive),
        TEST(gauges_go_with_the_watch),
        TEST(a_watch_may_be_stopped_in_its_callback),
        TEST(several_loops_share_the_families),
        TEST(the_next_worker_may_watch),
        TEST(removed_gauges_come_back),
        TEST(wrong_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
