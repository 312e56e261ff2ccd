/* SPDX-License-Identifier: Apache-2.0 */
/* A timer's signal handler updates the same metrics as the thread it interrupts: not one update is lost. */
#include "util.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static promc_counter counter;
static promc_updown updown;
static promc_gauge gauge;
static promc_histogram histogram, native;
static promc_summary summary;
static uint64_t fired;      /* atomic: the signal may come to any thread */
static uint32_t lost_errno; /* the same */
static uint32_t over;       /* set when the timer ends: a late signal is ignored */

static uint64_t count_fired(void)
{
    return __atomic_load_n(&fired, __ATOMIC_RELAXED);
}

static void on_timer(int signal)
{
    (void)signal;
    if (__atomic_load_n(&over, __ATOMIC_RELAXED))
        return;
    int saved = errno;
    errno = 1234;
    promc_counter_inc(counter);
    (void)promc_counter_add(counter, 0.5);
    promc_updown_add(updown, 2);
    promc_gauge_add(gauge, 1);
    promc_histogram_observe(histogram, 1);
    promc_histogram_observe(native, -(double)(1 + count_fired() % 64)); /* buckets that only the handler uses */
    promc_summary_observe(summary, 1);
    if (errno != 1234)
        __atomic_store_n(&lost_errno, 1, __ATOMIC_RELAXED);
    errno = saved;
    __atomic_fetch_add(&fired, 1, __ATOMIC_RELAXED);
}

static void make(promc_registry *registry)
{
    promc_family *family;
    assert_ok(promc_counter_get(new_counter(registry, "c", NULL), NULL, &counter));
    assert_ok(promc_updown_register(registry, &(promc_family_settings){.name = "u"}, &family));
    assert_ok(promc_updown_get(family, NULL, &updown));
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "g"}, &family));
    assert_ok(promc_gauge_get(family, NULL, &gauge));
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h"}}, &family));
    assert_ok(promc_histogram_get(family, NULL, &histogram));
    assert_ok(promc_histogram_register(registry,
                                       &(promc_histogram_settings){.family = {.name = "n"},
                                                                   .kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE,
                                                                   .native = {.growth = 1.003, .max_buckets = 20}},
                                       &family));
    assert_ok(promc_histogram_get(family, NULL, &native));
    /* steps of its window begin all the time */
    assert_ok(promc_summary_register(
        registry, &(promc_summary_settings){.family = {.name = "s"}, .max_age_seconds = 1, .age_buckets = 60},
        &family));
    assert_ok(promc_summary_get(family, NULL, &summary));
}

static void stop_timer(timer_t timer)
{
    timer_delete(timer);
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
}

static timer_t start_timer(long every_ns)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec when = {{0, every_ns}, {0, every_ns}};
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    __atomic_store_n(&fired, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&over, 0, __ATOMIC_RELAXED);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &when, NULL), 0);
    return timer;
}

static void storm(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    make(registry);
    timer_t timer = start_timer(250000);
    uint64_t main_updates = 0, end = promc_now_ns() + UINT64_C(1000000000);
    while (count_fired() < 500 || promc_now_ns() < end) {
        for (int i = 0; i < 1000; i++, main_updates++) {
            promc_counter_inc(counter);
            (void)promc_counter_add(counter, 0.5);
            promc_updown_inc(updown);
            promc_gauge_inc(gauge);
            promc_histogram_observe(histogram, 1);
            promc_histogram_observe(native, (double)(main_updates % 1000)); /* this also lowers the resolution */
            promc_summary_observe(summary, 1);
        }
    }
    stop_timer(timer);
    uint64_t handled = count_fired(), total = main_updates + handled;
    double sum;
    assert_true(handled >= 500);
    assert_int_equal(__atomic_load_n(&lost_errno, __ATOMIC_RELAXED), 0);
    assert_same(promc_counter_value(counter), 1.5 * (double)total);
    assert_same(promc_updown_value(updown), main_updates + 2 * handled);
    assert_same(promc_gauge_value(gauge), total);
    assert_int_equal(promc_histogram_count(histogram, &sum), total);
    assert_same(sum, total);
    assert_int_equal(promc_histogram_count(native, NULL), total);
    assert_int_equal(promc_summary_count(summary, &sum), total);
    assert_same(sum, total);
    promc_registry_destroy(registry);
}

/* The handler's update is the thread's first one, or happens while the thread attaches, scrapes or ends. */
static void *attach_and_leave(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50; i++)
        promc_counter_inc(counter);
    return NULL;
}

static void signals_while_threads_attach(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = 3});
    make(registry);
    timer_t timer = start_timer(250000);
    uint64_t end = promc_now_ns() + UINT64_C(700000000), threads = 0;
    while (count_fired() < 300 || promc_now_ns() < end) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, attach_and_leave, NULL), 0);
        free(scrape_text(registry));
        pthread_join(thread, NULL);
        threads++;
    }
    stop_timer(timer);
    assert_same(promc_counter_value(counter), 1.5 * (double)count_fired() + 50.0 * (double)threads);
    assert_int_equal(promc_histogram_count(histogram, NULL), count_fired());
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storm),
        cmocka_unit_test(signals_while_threads_attach),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
