/* SPDX-License-Identifier: Apache-2.0 */
/* The fork rule with private memory: the child counts from zero, the parent continues, neither waits for a lost lock. */
#include "arena/registry.h"
#include "read/snapshot.h"
#include "util.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: exits with a status that depends on the line of the failed check. */
#define CHECK(condition)               \
    do {                               \
        if (!(condition))              \
            _exit(__LINE__ % 250 + 1); \
    } while (0)

static void expect_child_ok(pid_t child)
{
    int status = -1;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        print_error("child: check at line %% 250 = %d, or signal %d\n", WEXITSTATUS(status) - 1, WTERMSIG(status));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

struct metrics {
    promc_registry *registry;
    promc_family *counters;
    promc_counter counter;
    promc_gauge gauge;
    promc_updown updown;
    promc_histogram histogram;
};

static struct metrics make(const promc_registry_settings *settings)
{
    struct metrics m = {.registry = new_registry(settings)};
    promc_family *family;
    m.counters = new_counter(m.registry, "c", "x");
    m.counter = promc_counter_with(m.counters, "1");
    assert_ok(promc_gauge_register(m.registry, &(promc_family_settings){.name = "g"}, &family));
    assert_ok(promc_gauge_get(family, NULL, &m.gauge));
    assert_ok(promc_updown_register(m.registry, &(promc_family_settings){.name = "u"}, &family));
    assert_ok(promc_updown_get(family, NULL, &m.updown));
    assert_ok(promc_histogram_register(m.registry, &(promc_histogram_settings){.family = {.name = "h"}}, &family));
    assert_ok(promc_histogram_get(family, NULL, &m.histogram));
    return m;
}

static void update(const struct metrics *m)
{
    promc_counter_inc(m->counter);
    (void)promc_counter_add(m->counter, 0.5);
    promc_gauge_set(m->gauge, 7);
    promc_updown_inc(m->updown);
    promc_histogram_observe(m->histogram, 1);
}

static void *update_thread(void *m)
{
    update(m);
    return NULL;
}

/* Number of threads, and the registry's memory (NULL: its own). */
struct place {
    unsigned threads;
    void *memory;
    size_t bytes;
};

static void child_starts_from_zero(void **state)
{
    const struct place *place = *state;
    struct metrics m = make(&(promc_registry_settings){
        .max_threads = place->threads, .memory = place->memory, .arena_bytes = place->bytes});
    pthread_t thread;
    struct promc_reading reading;
    update(&m);
    assert_int_equal(pthread_create(&thread, NULL, update_thread, &m), 0);
    pthread_join(thread, NULL);
    update(&m);
    assert_ok(promc_reading_begin(m.registry, &reading));
    pid_t child = fork();
    if (child == 0) {
        double sum = 1;
        CHECK(promc_counter_value(m.counter) == 0);
        CHECK(promc_gauge_value(m.gauge) == 7); /* a set gauge keeps its value: it is not a count */
        CHECK(promc_updown_value(m.updown) == 0);
        CHECK(promc_histogram_count(m.histogram, &sum) == 0 && sum == 0);
        update(&m);
        CHECK(promc_counter_value(m.counter) == 1.5);
        CHECK(promc_updown_value(m.updown) == 1);
        CHECK(promc_histogram_count(m.histogram, &sum) == 1 && sum == 1);
        promc_counter_inc(promc_counter_with(m.counters, "new"));
        CHECK(promc_counter_value(promc_counter_with(m.counters, "new")) == 1);
        promc_registry_stats stats;
        promc_registry_get_stats(m.registry, &stats, sizeof(stats));
        CHECK(stats.scrapes_in_flight == 0);
        promc_reading_end(&reading);
        char *text;
        CHECK(promc_scrape_string(m.registry, NULL, &text, NULL) == 0);
        free(text);
        CHECK(pthread_create(&thread, NULL, update_thread, &m) == 0);
        pthread_join(thread, NULL);
        CHECK(promc_counter_value(m.counter) == 3);
        promc_registry_destroy(m.registry);
        promc_registry *fresh;
        CHECK(promc_registry_create(&fresh, NULL) == 0);
        promc_registry_destroy(fresh);
        _exit(0);
    }
    promc_reading_end(&reading);
    update(&m);
    expect_child_ok(child);
    assert_same(promc_counter_value(m.counter), 6);
    assert_same(promc_updown_value(m.updown), 4);
    assert_int_equal(promc_histogram_count(m.histogram, NULL), 4);
    promc_registry_destroy(m.registry);
}

/* Runs that were free at the fork are still free, and zero, in the child. */
static void free_cells_survive(void **state)
{
    (void)state;
    struct metrics m = make(&(promc_registry_settings){.max_threads = 1});
    m.registry->quarantine_ms = 0;
    char text[16];
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "v%d", i);
        promc_counter_add_u64(promc_counter_with(m.counters, text), 3);
    }
    assert_int_equal(promc_family_remove_matching(m.counters, NULL, 0), 201);
    (void)promc_counter_with(m.counters, "reclaims four");
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 200; i++) {
            snprintf(text, sizeof(text), "w%d", i);
            promc_counter c = promc_counter_with(m.counters, text);
            CHECK(promc_counter_value(c) == 0);
            promc_counter_inc(c);
            CHECK(promc_counter_value(c) == 1);
        }
        _exit(0);
    }
    expect_child_ok(child);
    promc_registry_destroy(m.registry);
}

struct busy {
    struct metrics m;
    bool stop;
};

static void *hammer(void *argument)
{
    struct busy *busy = argument;
    char text[16];
    for (unsigned i = 0; !__atomic_load_n(&busy->stop, __ATOMIC_RELAXED); i++) {
        update(&busy->m);
        snprintf(text, sizeof(text), "v%u", i % 50);
        promc_counter_inc(promc_counter_with(busy->m.counters, text));
        (void)promc_family_remove(busy->m.counters, (const char *[]){text});
        if (i % 64 == 0) {
            char *out;
            if (promc_scrape_string(busy->m.registry, NULL, &out, NULL) == 0)
                free(out);
        }
    }
    return NULL;
}

static void *fresh_threads(void *argument)
{
    struct busy *busy = argument;
    while (!__atomic_load_n(&busy->stop, __ATOMIC_RELAXED)) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, update_thread, &busy->m) == 0)
            pthread_join(thread, NULL);
    }
    return NULL;
}

/* fork while other threads hold, or are about to take, each of the locks: no child may hang. */
static void a_fork_at_any_moment_does_not_deadlock(void **state)
{
    (void)state;
    struct busy busy = {.m = make(&(promc_registry_settings){.arena_bytes = (size_t)1 << 30})};
#ifndef __SANITIZE_THREAD__ /* it reports a race if a reader sleeps for longer than this in a lookup, which is harmless (test_removal.c) */
    busy.m.registry->quarantine_ms = 20;
#endif
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? hammer : fresh_threads, &busy), 0);
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(300); /* SIGALRM ends a child that hangs */
            update(&busy.m);
            CHECK(promc_counter_value(busy.m.counter) == 1.5);
            CHECK(promc_histogram_count(busy.m.histogram, NULL) == 1);
            promc_counter_inc(promc_counter_with(busy.m.counters, "of the child"));
            promc_registry *second;
            CHECK(promc_registry_create(&second, NULL) == 0);
            _exit(0);
        }
        expect_child_ok(child);
    }
    __atomic_store_n(&busy.stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    promc_registry_destroy(busy.m.registry);
}

int main(void)
{
    static char memory[4 << 20] __attribute__((aligned(64)));
    static struct place many = {.threads = 8}, one = {.threads = 1}, given = {8, memory, sizeof(memory)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(child_starts_from_zero, &many),
        cmocka_unit_test_prestate(child_starts_from_zero, &one),
        cmocka_unit_test_prestate(child_starts_from_zero, &given),
        cmocka_unit_test(free_cells_survive),
        cmocka_unit_test(a_fork_at_any_moment_does_not_deadlock),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
