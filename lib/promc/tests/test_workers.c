/* SPDX-License-Identifier: Apache-2.0 */
/* Gauges of processes that share an arena: each process has its own value, and the family's mode combines them. */
#include "arena/registry.h"
#include "util.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];
static const char *const names[] = {"mostrecent", "sum", "livesum", "max", "livemax", "min", "livemin"};
enum { MODES = sizeof(names) / sizeof(*names) };

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/promc-test-workers-%d", (int)getpid());
    unlink(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

struct metrics {
    promc_registry *registry;
    promc_gauge gauges[MODES];
};

static struct metrics make(uint32_t threads, bool shared)
{
    promc_registry_settings settings = {
        .shared_path = shared ? path : NULL, .max_threads = threads, .arena_bytes = (size_t)4 << 20};
    struct metrics m = {.registry = new_registry(&settings)};
    for (unsigned i = 0; i < MODES; i++) {
        promc_family *family;
        assert_ok(promc_gauge_register(m.registry, &(promc_family_settings){.name = names[i], .workers = i}, &family));
        assert_ok(promc_gauge_get(family, NULL, &m.gauges[i]));
    }
    return m;
}

static void set_all(const struct metrics *m, double value)
{
    for (unsigned i = 0; i < MODES; i++)
        promc_gauge_set(m->gauges[i], value);
}

/* A scrape and promc_gauge_value() give these values, in the order of `names`. */
static void assert_shows(const struct metrics *m, const double wanted[MODES])
{
    for (unsigned i = 0; i < MODES; i++) {
        char line[64];
        snprintf(line, sizeof(line), "%s %g", names[i], wanted[i]);
        assert_true(exposes(m->registry, line));
        assert_same(promc_gauge_value(m->gauges[i]), wanted[i]);
    }
}

/* A worker that has set all gauges, and lives until it is told to end. */
struct worker {
    pid_t pid;
    int gate;
};

static struct worker start(const struct metrics *m, double value)
{
    int gate[2], done[2];
    char byte;
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(pipe(done), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(gate[1]);
        set_all(m, value);
        (void)!write(done[1], "x", 1);
        (void)!read(gate[0], &byte, 1);
        _exit(0);
    }
    assert_int_equal(read(done[0], &byte, 1), 1);
    close(gate[0]);
    close(done[0]);
    close(done[1]);
    return (struct worker){pid, gate[1]};
}

static void end(struct worker worker)
{
    int status;
    kill(worker.pid, SIGKILL);
    assert_int_equal(waitpid(worker.pid, &status, 0), worker.pid);
    close(worker.gate);
}

/* qemu-user fakes the start time in /proc, which distinguishes a process from an earlier one with the same pid. */
static void skip_emulated(void)
{
    if (getenv("PROMC_EMULATOR"))
        skip();
}

static void each_mode(void **state)
{
    (void)state;
    skip_emulated();
    struct metrics m = make(8, true);
    assert_shows(&m, (double[]){0, 0, 0, 0, 0, 0, 0});
    struct worker five = start(&m, 5), one = start(&m, 1), minus = start(&m, -2);
    assert_shows(&m, (double[]){-2, 4, 4, 5, 5, -2, -2});
    end(five);
    assert_shows(&m, (double[]){-2, 4, -1, 5, 1, -2, -2});
    end(minus);
    assert_shows(&m, (double[]){-2, 4, 1, 5, 1, -2, 1});
    struct worker seven = start(&m, 7); /* reuses the shard of a dead worker, but must not take over its value */
    assert_shows(&m, (double[]){7, 11, 8, 7, 7, -2, 1});
    end(seven);
    end(one);
    assert_shows(&m, (double[]){7, 11, 0, 7, 0, -2, 0});
    set_all(&m, 3); /* the parent is a worker as well */
    assert_shows(&m, (double[]){3, 14, 3, 7, 3, -2, 3});
    promc_registry_destroy(m.registry);
}

static void *add_on_thread(void *argument)
{
    const struct metrics *m = argument;
    for (int n = 0; n < 1000; n++)
        for (unsigned i = 0; i < MODES; i++)
            promc_gauge_add(m->gauges[i], 0.5);
    return NULL;
}

/* All threads of a process set one value, also after the first of them has ended. */
static void threads_share_it(void **state)
{
    skip_emulated();
    (void)state;
    struct metrics m = make(8, true);
    struct worker other = start(&m, 10);
    set_all(&m, 0);
    for (int round = 0; round < 2; round++) {
        pthread_t threads[3];
        for (int t = 0; t < 3; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, add_on_thread, &m), 0);
        for (int t = 0; t < 3; t++)
            pthread_join(threads[t], NULL);
    }
    assert_shows(&m, (double[]){3000, 3010, 3010, 3000, 3000, 10, 10});
    end(other);
    promc_registry_destroy(m.registry);
}

/* Beyond max_threads, processes share a value; no update is lost, nothing hangs. */
static void more_workers_than_shards(void **state)
{
    skip_emulated();
    (void)state;
    struct metrics m = make(2, true);
    struct worker workers[4];
    for (int i = 0; i < 4; i++)
        workers[i] = start(&m, 1 + i);
    assert_same(promc_gauge_value(m.gauges[PROMC_WORKERS_SUM]), 1 + 2 + 4);
    assert_same(promc_gauge_value(m.gauges[PROMC_WORKERS_MAX]), 4);
    assert_same(promc_gauge_value(m.gauges[PROMC_WORKERS_MIN]), 1);
    for (int i = 0; i < 4; i++)
        end(workers[i]);
    promc_registry_destroy(m.registry);
}

/* With one process, all modes are the same ordinary gauge. */
static void in_a_private_arena(void **state)
{
    (void)state;
    struct metrics m = make(2, false);
    set_all(&m, 4);
    set_all(&m, 3);
    assert_shows(&m, (double[]){3, 3, 3, 3, 3, 3, 3});
    promc_registry_destroy(m.registry);
}

static void wrong_use(void **state)
{
    (void)state;
    needs_shared_arenas();
    promc_registry_settings settings = {.shared_path = path, .arena_bytes = (size_t)4 << 20};
    promc_registry *registry = new_registry(&settings);
    promc_family *family, *other;
    assert_fails(promc_gauge_register(registry, &(promc_family_settings){.name = "g", .workers = 7}, &family),
                 PROMC_E_INVALID, "workers is 7, must be 0 to 6");
    assert_fails(promc_counter_register(registry, &(promc_family_settings){.name = "c", .workers = 1}, &family),
                 PROMC_E_INVALID, "0 for all but gauges without callbacks");
    assert_fails(promc_callback_register(registry, PROMC_GAUGE,
                                         &(promc_family_settings){.name = "g", .workers = PROMC_WORKERS_SUM}, &family),
                 PROMC_E_INVALID, "0 for all but gauges without callbacks");
    assert_ok(
        promc_gauge_register(registry, &(promc_family_settings){.name = "g", .workers = PROMC_WORKERS_SUM}, &family));
    assert_fails(
        promc_gauge_register(registry, &(promc_family_settings){.name = "g", .workers = PROMC_WORKERS_MAX}, &other),
        PROMC_E_DUPLICATE, "another way to combine its workers' values");
    assert_fails(promc_gauge_set_at(promc_gauge_with(family), 1, 1), PROMC_E_INVALID, "a gauge with workers");
    promc_registry_destroy(registry);
}

/* An idle series goes; a series that is set to the same value again and again is not idle. */
static void idle_expiry(void **state)
{
    (void)state;
    needs_shared_arenas();
    promc_registry_settings settings = {.shared_path = path, .arena_bytes = (size_t)4 << 20};
    promc_registry *registry = new_registry(&settings);
    promc_family *family;
    promc_gauge gauge;
    assert_ok(promc_gauge_register(
        registry,
        &(promc_family_settings){
            .name = "g", .labels = {"x"}, .workers = PROMC_WORKERS_SUM, .idle_expiry_seconds = 1000},
        &family));
    assert_ok(promc_gauge_get(family, (const char *[]){"a"}, &gauge));
    for (int i = 0; i < 3; i++) {
        promc_gauge_set(gauge, 5);
        free(scrape_text(registry));
        registry->arena.header->born_ns -= UINT64_C(900000000000);
        assert_true(exposes(registry, "g{x=\"a\"} 5"));
    }
    free(scrape_text(registry));
    registry->arena.header->born_ns -= UINT64_C(1100000000000);
    free(scrape_text(registry));
    assert_hides(registry, "g{x=");
    promc_gauge_set(gauge, 5); /* stale: does nothing */
    promc_gauge_add(gauge, 5);
    assert_same(promc_gauge_value(gauge), 0);
    promc_registry_destroy(registry);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_mode),          TEST(threads_share_it), TEST(more_workers_than_shards),
        TEST(in_a_private_arena), TEST(wrong_use),        TEST(idle_expiry),
    };
    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
