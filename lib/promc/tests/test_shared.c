/* SPDX-License-Identifier: Apache-2.0 */
/* One arena in a file, several processes: exact totals, deaths by SIGKILL, restarts. */
#include "arena/registry.h"
#include "read/snapshot.h"
#include "series/lookup.h"
#include "shard/shard.h"
#include "util.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define UPDATES 100000

static char path[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/promc-test-shared-%d", (int)getpid());
    unlink(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static promc_registry_settings settings_with(uint32_t threads)
{
    return (promc_registry_settings){.shared_path = path, .max_threads = threads, .arena_bytes = (size_t)32 << 20};
}

struct metrics {
    promc_registry *registry;
    promc_family *counters;
    promc_counter counter;
    promc_updown updown;
    promc_histogram histogram;
};

static struct metrics make(uint32_t threads)
{
    promc_registry_settings settings = settings_with(threads);
    struct metrics m = {.registry = new_registry(&settings)};
    promc_family *family;
    m.counters = new_counter(m.registry, "c", "x");
    m.counter = promc_counter_with(m.counters, "1");
    assert_ok(promc_updown_register(m.registry, &(promc_family_settings){.name = "u"}, &family));
    assert_ok(promc_updown_get(family, NULL, &m.updown));
    assert_ok(promc_histogram_register(m.registry, &(promc_histogram_settings){.family = {.name = "h"}}, &family));
    assert_ok(promc_histogram_get(family, NULL, &m.histogram));
    return m;
}

static void await(pid_t child, int expected_signal)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (expected_signal) {
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), expected_signal);
    } else {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void workers_add_up(void **state)
{
    (void)state;
    needs_shared_arenas();
    struct metrics m = make(8);
    pid_t workers[WORKERS];
    promc_counter_inc(m.counter);
    for (int w = 0; w < WORKERS; w++) {
        workers[w] = fork();
        if (workers[w] == 0) {
            char own[16];
            snprintf(own, sizeof(own), "worker-%d", w);
            for (int i = 0; i < UPDATES; i++) {
                promc_counter_inc(m.counter);
                promc_histogram_observe(m.histogram, 1);
            }
            promc_counter_inc(promc_counter_with(m.counters, own));
            promc_counter_inc(promc_counter_with(m.counters, "common"));
            _exit(0);
        }
    }
    for (int w = 0; w < WORKERS; w++)
        await(workers[w], 0);
    double sum;
    assert_same(promc_counter_value(m.counter), 1 + WORKERS * UPDATES);
    assert_int_equal(promc_histogram_count(m.histogram, &sum), WORKERS * UPDATES);
    assert_same(sum, WORKERS * UPDATES);
    assert_true(exposes(m.registry, "c_total{x=\"worker-3\"} 1"));
    assert_true(exposes(m.registry, "c_total{x=\"common\"} 4"));
    promc_registry_destroy(m.registry);
}

/* A worker dies in the middle of its updates: its counts stay, its part of up-down gauges goes, its shard becomes free. */
static void killed_worker(void **state)
{
    (void)state;
    needs_shared_arenas();
    struct metrics m = make(2);
    uint64_t *progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(progress, MAP_FAILED);
    promc_counter_inc(m.counter); /* the parent has shard 0, the worker gets the other one */
    promc_updown_inc(m.updown);
    for (int round = 1; round <= 20; round++) {
        double before = promc_counter_value(m.counter);
        __atomic_store_n(progress, 0, __ATOMIC_RELAXED);
        pid_t worker = fork();
        if (worker == 0) {
            promc_updown_add(m.updown, 5);
            for (uint64_t n = 1;; n++) {
                promc_counter_inc(m.counter);
                promc_histogram_observe(m.histogram, 1);
                __atomic_store_n(progress, n, __ATOMIC_RELAXED);
            }
        }
        while (__atomic_load_n(progress, __ATOMIC_RELAXED) < 1000)
            sched_yield();
        kill(worker, SIGKILL);
        siginfo_t info;
        assert_int_equal(waitid(P_PID, (id_t)worker, &info, WEXITED | WNOWAIT), 0); /* a zombie counts as dead */
        assert_same(promc_updown_value(m.updown), 6);
        free(scrape_text(m.registry)); /* this drops the part of the dead worker */
        assert_same(promc_updown_value(m.updown), 1);
        /* The dead owner's start time is gone: next to it the next owner would be taken for dead. */
        const struct promc_shard *shard = promc_shard_of(promc_shard_cells(&m.registry->arena, 1));
        assert_int_equal(shard->owner, 0);
        assert_int_equal(shard->owner_start, 0);
        double counted = promc_counter_value(m.counter) - before, sum;
        assert_true(counted == (double)*progress || counted == (double)*progress + 1);
        uint64_t count = promc_histogram_count(m.histogram, &sum);
        assert_same(sum, count);
        await(worker, SIGKILL);
        promc_registry_stats stats;
        promc_registry_get_stats(m.registry, &stats, sizeof(stats));
        assert_int_equal(stats.shards, 2);
    }
    munmap(progress, 4096);
    promc_registry_destroy(m.registry);
}

/* A shard with an unfinished observation (as SIGKILL may leave it) is repaired before it is used again. */
static void an_unfinished_observation_is_repaired(void **state)
{
    (void)state;
    needs_shared_arenas();
    struct metrics m = make(1);
    double sum;
    pid_t worker = fork();
    if (worker == 0) {
        promc_histogram_observe(m.histogram, 1);
        promc_histogram_observe(m.histogram, 1);
        uint64_t *base = promc_tls.base[promc_ref_slot(m.histogram.ref)];
        uint64_t *cells = base + (uint32_t)m.histogram.ref.word;
        promc_shard_of(base)->busy = 1;
        cells[1 + 1] = promc_double_bits(3); /* the sum for n = 3 and the commit are done, but n is not */
        cells[3 + 7] += 1;
        _exit(0);
    }
    await(worker, 0);
    assert_int_equal(promc_histogram_count(m.histogram, &sum), 3);
    assert_same(sum, 3);
    free(scrape_text(m.registry));
    promc_histogram_observe(m.histogram, 1); /* on the same shard */
    assert_non_null(promc_tls.base[promc_ref_slot(m.histogram.ref)]);
    assert_int_equal(promc_histogram_count(m.histogram, &sum), 4);
    assert_same(sum, 4);
    promc_registry_destroy(m.registry);
}

/* Workers are killed while they create and remove series: the lock is recovered, nothing hangs, the sums are right. */
static void killed_with_the_lock(void **state)
{
    (void)state;
    needs_shared_arenas();
    void *list;
    size_t bytes;
    if (syscall(SYS_get_robust_list, 0, &list, &bytes) != 0)
        skip(); /* qemu-user has no robust mutexes: the lock of a dead process is never released */
    struct metrics m = make(8);
    m.registry->quarantine_ms = 0;
    for (int round = 0; round < 60; round++) {
        pid_t worker = fork();
        if (worker == 0) {
            char text[16];
            for (unsigned i = 0;; i++) {
                snprintf(text, sizeof(text), "w%u", i % 40);
                promc_counter_inc(promc_counter_with(m.counters, text));
                if (i % 3 == 0)
                    (void)promc_family_remove(m.counters, (const char *[]){text});
            }
        }
        usleep((useconds_t)(1000 + round * 97 % 3000));
        kill(worker, SIGKILL);
        await(worker, SIGKILL);
        alarm(300);
        char text[16];
        snprintf(text, sizeof(text), "p%d", round % 7);
        promc_counter c = promc_counter_with(m.counters, text);
        assert_non_null(promc_ref_live(c.ref));
        promc_counter_inc(c);
        free(scrape_text(m.registry));
        alarm(0);
    }
    /* The list, the table and the counts agree. */
    struct promc_reading reading;
    struct promc_family_view family;
    struct promc_series_view series;
    uint32_t seen = 0;
    assert_ok(promc_reading_begin(m.registry, &reading));
    while (promc_reading_next_family(&reading, &family)) {
        while (family.data == m.counters->data && promc_reading_next_series(&reading, &series)) {
            promc_str values[PROMC_MAX_LABEL_LIST];
            assert_int_equal(promc_series_values(m.registry, &series, values), 1);
            assert_ptr_equal(promc_series_find(m.counters, values), series.child);
            seen++;
        }
    }
    promc_reading_end(&reading);
    assert_int_equal(seen, promc_family_series_count(m.counters));
    double total = 0;
    for (int i = 0; i < 7; i++) {
        char text[16];
        snprintf(text, sizeof(text), "p%d", i);
        total += promc_counter_value(promc_counter_with(m.counters, text));
    }
    assert_same(total, 60);
    promc_registry_destroy(m.registry);
}

/* Open the file a second time, like an unrelated process: same families, same values, other addresses. */
static void joining(void **state)
{
    (void)state;
    needs_shared_arenas();
    struct metrics first = make(4), second = make(2);
    assert_ptr_not_equal(promc_ref_live(first.counter.ref), promc_ref_live(second.counter.ref));
    promc_counter_inc(first.counter);
    promc_counter_inc(second.counter);
    assert_same(promc_counter_value(first.counter), 2);
    assert_same(promc_counter_value(second.counter), 2);
    promc_counter_inc(promc_counter_with(second.counters, "new"));
    assert_true(exposes(first.registry, "c_total{x=\"new\"} 1"));
    /* Another definition is a duplicate. */
    promc_family *family;
    assert_int_equal(promc_gauge_register(second.registry, &(promc_family_settings){.name = "c"}, &family),
                     PROMC_E_DUPLICATE);
    assert_ok(promc_counter_register(second.registry, &(promc_family_settings){.name = "c", .labels = {"x"}}, &family));
    assert_ptr_equal(family, second.counters); /* the same family again */
    assert_int_equal(
        promc_histogram_register(
            second.registry,
            &(promc_histogram_settings){.family = {.name = "h"}, .buckets = (const double[]){1, 2}, .bucket_count = 2},
            &family),
        PROMC_E_DUPLICATE);
    /* A family that only one process has registered is shown by both. */
    promc_family *late = new_counter(first.registry, "late", NULL);
    assert_non_null(late);
    assert_true(exposes(second.registry, "late_total 0"));
    promc_registry_destroy(first.registry);
    promc_counter_inc(second.counter);
    assert_same(promc_counter_value(second.counter), 3);
    promc_registry_destroy(second.registry);
}

/* A closed registry frees its shards for others: there are only max_threads of them. */
static void a_closed_registry_frees_its_shards(void **state)
{
    (void)state;
    needs_shared_arenas();
    struct metrics kept = make(3);
    promc_registry_stats stats;
    promc_counter_inc(kept.counter);
    for (int i = 0; i < 20; i++) {
        struct metrics m = make(3);
        promc_counter_inc(m.counter);
        promc_registry_destroy(m.registry);
    }
    assert_same(promc_counter_value(kept.counter), 21);
    assert_true(exposes(kept.registry, "c_total{x=\"1\"} 21"));
    promc_registry_get_stats(kept.registry, &stats, sizeof(stats));
    assert_int_equal(stats.shards, 2);
    promc_registry_destroy(kept.registry);
}

static void a_restart_begins_from_zero(void **state)
{
    (void)state;
    needs_shared_arenas();
    pid_t child = fork();
    if (child == 0) {
        struct metrics m = make(4);
        promc_counter_add_u64(m.counter, 42);
        promc_histogram_observe(m.histogram, 1);
        kill(getpid(), SIGKILL);
    }
    await(child, SIGKILL);
    /* First read the last values of the dead program, without writing. */
    promc_registry *dead;
    promc_family *family;
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    assert_ok(promc_registry_open_readonly(&dead, path));
    assert_true(exposes(dead, "c_total{x=\"1\"} 42"));
    assert_true(exposes(dead, "h_sum 1"));
    assert_null(promc_family_find(dead, "c"));
    assert_int_equal(promc_counter_register(dead, &(promc_family_settings){.name = "z"}, &family), PROMC_E_INVALID);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    struct metrics m = make(4);
    assert_same(promc_counter_value(m.counter), 0);
    assert_true(exposes(dead, "c_total{x=\"1\"} 42")); /* the reader still has the old file */
    promc_registry_destroy(dead);
    promc_registry_destroy(m.registry);
}

static void not_an_arena(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_registry_settings settings = settings_with(4);
    static const char precious[] = "somebody else's data, of some length at least";
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, precious, sizeof(precious)), sizeof(precious));
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_FORMAT, "it is not a promc arena");
    assert_fails(promc_registry_open_readonly(&registry, path), PROMC_E_FORMAT, path);
    char back[sizeof(precious)];
    int fd2 = open(path, O_RDONLY);
    assert_int_equal(read(fd2, back, sizeof(back)), sizeof(back));
    assert_memory_equal(back, precious, sizeof(back));
    close(fd);
    close(fd2);
    settings.shared_path = "/nonexistent/dir/file";
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_IO, "No such file");
    settings.shared_path = "/tmp";
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_IO, "/tmp");
    assert_fails(promc_registry_open_readonly(&registry, "/dev/null"), PROMC_E_FORMAT, "not a regular file");
}

/* Only pthread_mutex_init() reports that the kernel has no robust mutexes. Without them the lock of a dead process would never be released. */
#ifndef __SANITIZE_THREAD__ /* it has its own pthread_mutex_init() */
static bool refuse_robust;

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *mutexattr)
{
    static int (*real)(pthread_mutex_t *, const pthread_mutexattr_t *);
    int robust = PTHREAD_MUTEX_STALLED;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_init");
    if (refuse_robust && mutexattr && pthread_mutexattr_getrobust(mutexattr, &robust) == 0 &&
        robust == PTHREAD_MUTEX_ROBUST)
        return ENOTSUP;
    return real(mutex, mutexattr);
}

static void refused_without_robust_mutexes(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_registry_settings settings = settings_with(4);
    refuse_robust = true;
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_INVALID, "no robust mutexes");
    promc_registry_destroy(new_registry(NULL)); /* a private arena does not need them */
    refuse_robust = false;
}
#endif

/* Many processes open the file at the same moment: one creates it, all use it. */
static void race_to_create(void **state)
{
    (void)state;
    needs_shared_arenas();
    for (int round = 0; round < 10; round++) {
        enum { RACERS = 8 };
        pid_t racers[RACERS];
        int gate[2], done[2];
        char byte;
        assert_int_equal(pipe(gate), 0);
        assert_int_equal(pipe(done), 0);
        for (int i = 0; i < RACERS; i++) {
            racers[i] = fork();
            if (racers[i] == 0) {
                close(gate[1]);
                (void)!read(gate[0], &byte, 1); /* returns when the gate is closed */
                struct metrics m = make(16);
                promc_counter_inc(m.counter);
                (void)!write(done[1], "x", 1);
                wait_until(promc_counter_value(m.counter) >= RACERS);
                _exit(0);
            }
        }
        close(gate[0]);
        close(gate[1]);
        for (int i = 0; i < RACERS; i++)
            assert_int_equal(read(done[0], &byte, 1), 1);
        alarm(300);
        for (int i = 0; i < RACERS; i++)
            await(racers[i], 0);
        alarm(0);
        close(done[0]);
        close(done[1]);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(workers_add_up),
        TEST(killed_worker),
        TEST(an_unfinished_observation_is_repaired),
        TEST(killed_with_the_lock),
        TEST(joining),
        TEST(a_restart_begins_from_zero),
        TEST(not_an_arena),
        TEST(race_to_create),
        TEST(a_closed_registry_frees_its_shards),
#ifndef __SANITIZE_THREAD__
        TEST(refused_without_robust_mutexes),
#endif
    };
    return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
