/* SPDX-License-Identifier: Apache-2.0 */
/* The arena's memory, and what happens if it is missing: full file systems, locked memory, other users, memory of the host. */
#include "arena/registry.h"
#include "util.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT 77 /* a child's exit status: it lacks the rights that the test needs */

/* For children: after a failed assertion of cmocka a child would continue with the next test. */
#define CHECK(condition)                                                                                   \
    do {                                                                                                   \
        if (!(condition)) {                                                                                \
            print_error("%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, promc_error_detail()); \
            _exit(1);                                                                                      \
        }                                                                                                  \
    } while (0)

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/promc-test-memory-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[96];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* Run it in a child; print a notice if this system does not allow it. */
static void in_child(void (*body)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(100);
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT) {
        print_message("skipped: needs root (a mount namespace, another user)\n");
        skip();
    }
    assert_false(WIFSIGNALED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Mount a tmpfs of that size on `folder`, only for this child. */
static void mount_small(const char *size)
{
    char options[32];
    snprintf(options, sizeof(options), "size=%s", size);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", folder, "tmpfs", 0, options) < 0)
        _exit(CANNOT);
}

static promc_counter numbered(promc_family *family, int i)
{
    char text[24];
    snprintf(text, sizeof(text), "%d", i);
    return promc_counter_with(family, text);
}

static promc_registry *shared_registry(promc_family **counters)
{
    promc_registry *registry;
    CHECK(promc_registry_create(&registry, &(promc_registry_settings){.shared_path = in_folder("arena")}) == 0);
    CHECK(promc_counter_register(registry, &(promc_family_settings){.name = "c", .labels = {"x"}}, counters) == 0);
    return registry;
}

/* The sum of the family's series. */
static double total(promc_registry *registry)
{
    char *text, *line;
    double sum = 0;
    CHECK(promc_scrape_string(registry, NULL, &text, NULL) == 0);
    for (line = strstr(text, "\nc_total{"); line; line = strstr(line + 1, "\nc_total{"))
        sum += strtod(strchr(line, '}') + 1, NULL);
    free(text);
    return sum;
}

static void workers(promc_family *counters, int count, int each)
{
    for (int w = 0; w < count; w++) {
        pid_t worker = fork();
        if (worker == 0) {
            for (int i = 0; i < each; i++)
                promc_counter_inc(numbered(counters, i));
            _exit(0);
        }
    }
    for (int w = 0; w < count; w++) {
        int status = 1;
        CHECK(wait(&status) > 0);
        CHECK(status == 0);
    }
}

static void fill_up(void)
{
    promc_family *counters, *more = NULL;
    mount_small("1m");
    promc_registry *registry = shared_registry(&counters);
    workers(counters, 12, 9000);
    CHECK(total(registry) == 12 * 9000);
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    CHECK(stats.series_dropped > 0 && stats.series > 100);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 10000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "g%d", i);
        rc = promc_gauge_register(registry, &(promc_family_settings){.name = name}, &more);
    }
    CHECK(rc == PROMC_E_FULL && strstr(promc_error_detail(), "its file system is full"));
    promc_registry_destroy(registry);
    unlink(in_folder("arena"));
}

/* The arena may be larger than its tmpfs: then updates go to overflow series and the shared shard. There is no SIGBUS, and nothing is lost. */
static void a_full_file_system(void **state)
{
    (void)state;
    needs_shared_arenas();
    in_child(fill_up);
}

static void too_small(void)
{
    promc_registry *registry;
    struct stat st;
    mount_small("8k");
    CHECK(promc_registry_create(&registry, &(promc_registry_settings){.shared_path = in_folder("arena")}) ==
          PROMC_E_IO);
    CHECK(strstr(promc_error_detail(), "No space left"));
    CHECK(!registry);
    CHECK(stat(in_folder("arena"), &st) == 0 && st.st_size == 0);
    unlink(in_folder("arena"));
}

static void no_room_for_the_header(void **state)
{
    (void)state;
    in_child(too_small);
}

static void make_room(void)
{
    promc_family *counters;
    mount_small("1m");
    promc_registry *registry = shared_registry(&counters);
    FILE *ballast = fopen(in_folder("ballast"), "w");
    CHECK(ballast != NULL);
    while (fputc('x', ballast) != EOF && fflush(ballast) == 0) {
    }
    (void)fclose(ballast);
    int i = 0;
    promc_registry_stats stats = {0};
    for (; stats.series_dropped == 0; i++) {
        promc_counter_inc(numbered(counters, i));
        promc_registry_get_stats(registry, &stats, sizeof(stats));
    }
    unlink(in_folder("ballast"));
    uint64_t before = stats.series;
    for (; stats.series < before + 10; i++) { /* until alarm(2) */
        promc_counter_inc(numbered(counters, i));
        promc_registry_get_stats(registry, &stats, sizeof(stats));
    }
    CHECK(total(registry) == i);
    promc_registry_destroy(registry);
    unlink(in_folder("arena"));
}

/* Refused memory is requested again later: when there is room, new series can be created. */
static void room_comes_back(void **state)
{
    (void)state;
    needs_shared_arenas();
    in_child(make_room);
}

static void ten_thousand(void)
{
    promc_family *counters;
    mount_small("64m");
    promc_registry *registry = shared_registry(&counters);
    CHECK(registry->arena.bytes == (size_t)64 << 20);
    workers(counters, 8, 10000);
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    CHECK(stats.series_dropped == 0 && promc_family_series_count(counters) == 10000);
    CHECK(stats.shards >= 2);
    CHECK(total(registry) == 80000);
    promc_registry_destroy(registry);
    unlink(in_folder("arena"));
}

/* As in a container with Docker's default /dev/shm of 64 MiB: there is also room for promc's own series and the file's header. */
static void the_default_in_64_mib(void **state)
{
    (void)state;
    needs_shared_arenas();
    in_child(ten_thousand);
}

/* A line of /proc/self/status, in KiB. */
static long status_kib(const char *field)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtol(line + strlen(field) + 1, NULL, 10);
    if (file)
        (void)fclose(file);
    return kib;
}

static void charge(void)
{
    long before = status_kib("VmData");
    promc_registry *registry;
    promc_family *counters;
    if (before < 0)
        _exit(CANNOT);
    CHECK(promc_registry_create(&registry, NULL) == 0);
    CHECK(promc_counter_register(registry, &(promc_family_settings){.name = "c", .labels = {"x"}}, &counters) == 0);
    promc_counter_inc(numbered(counters, 1));
    CHECK(status_kib("VmData") - before < 1024);
    for (int i = 0; i < 10000; i++)
        promc_counter_inc(numbered(counters, i));
    long taken = status_kib("VmData") - before;
    CHECK(taken > 1024 && taken < 8192);
    promc_registry_destroy(registry);
}

/* Strict overcommit charges, and RLIMIT_DATA counts, only committed memory. */
static void is_charged_piece_by_piece(void **state)
{
    (void)state;
    in_child(charge);
}

/* AddressSanitizer's shadow is locked as well. */
#ifdef __SANITIZE_ADDRESS__
#define IN_SHADOW true
#else
#define IN_SHADOW false
#endif

static void lock_all(void)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        _exit(CANNOT);
    long before = status_kib("VmRSS");
    promc_registry *private, *shared;
    promc_family *counters;
    CHECK(promc_registry_create(&private, NULL) == 0);
    CHECK(promc_counter_register(private, &(promc_family_settings){.name = "c", .labels = {"x"}}, &counters) == 0);
    for (int i = 0; i < 1000; i++)
        promc_counter_inc(numbered(counters, i));
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    CHECK(IN_SHADOW || status_kib("VmRSS") - before < 4096);
    shared = shared_registry(&counters);
    for (int i = 0; i < 1000; i++)
        promc_counter_inc(numbered(counters, i));
    CHECK(IN_SHADOW || status_kib("VmRSS") - before < 8192);
    CHECK(total(shared) == 1000);
    promc_registry_destroy(shared);
    promc_registry_destroy(private);
    unlink(in_folder("arena"));
}

static void locked_memory(void **state)
{
    (void)state;
    needs_shared_arenas();
    in_child(lock_all);
}

static void other_user(void)
{
    promc_family *counters;
    promc_registry *registry;
    struct stat st;
    if (geteuid() != 0)
        _exit(CANNOT);
    CHECK(chmod(folder, 01777) == 0);
    umask(077);
    CHECK(promc_registry_create(
              &registry, &(promc_registry_settings){.shared_path = in_folder("arena"), .shared_mode = 0666}) == 0);
    CHECK(promc_counter_register(registry, &(promc_family_settings){.name = "c", .labels = {"x"}}, &counters) == 0);
    CHECK(stat(in_folder("arena"), &st) == 0 && (st.st_mode & 0777) == 0666);
    pid_t child = fork();
    if (child == 0) {
        CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        promc_registry *mine = shared_registry(&counters);
        promc_counter_inc(numbered(counters, 1));
        promc_registry_destroy(mine);
        _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(total(registry) == 1);
    promc_registry_destroy(registry);
    /* Nobody uses the file any more: a user with the rights replaces it, another user gets an error. */
    child = fork();
    if (child == 0) {
        CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        CHECK(promc_registry_create(&registry, &(promc_registry_settings){.shared_path = in_folder("arena")}) ==
              PROMC_E_IO);
        CHECK(strstr(promc_error_detail(), "remove it as the user who created it"));
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    unlink(in_folder("arena"));
}

static void joined_by_another_user(void **state)
{
    (void)state;
    needs_shared_arenas();
    in_child(other_user);
}

static void a_wrong_mode(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_registry_settings settings = {.shared_path = in_folder("arena"), .shared_mode = 0777};
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_INVALID, "shared_mode is 0777");
    settings.shared_mode = 0066;
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_INVALID, "must include 0600");
}

/* In a rolling upgrade the new program finds the old one's definition: the error says what to do. */
static void a_changed_definition(void **state)
{
    (void)state;
    needs_shared_arenas();
    promc_family *family;
    promc_registry_settings settings = {.shared_path = in_folder("arena")};
    promc_registry *old = new_registry(&settings), *new = new_registry(&settings);
    new_counter(old, "c", "x");
    assert_fails(promc_counter_register(new, &(promc_family_settings){.name = "c", .labels = {"y"}}, &family),
                 PROMC_E_DUPLICATE,
                 "other labels, in the shared arena: if you changed its definition, give the metric a new name");
    promc_registry_destroy(old);
    promc_registry_destroy(new);
    unlink(in_folder("arena"));
}

static char buffer[1 << 20] __attribute__((aligned(64)));

static promc_registry_settings in_buffer(bool shared)
{
    return (promc_registry_settings){
        .memory = buffer, .arena_bytes = sizeof(buffer), .max_threads = 4, .memory_is_shared = shared};
}

/* With any previous contents. After the registry is destroyed its handles do nothing, as long as nobody writes to the memory. */
static void a_static_buffer(void **state)
{
    (void)state;
    memset(buffer, 0x5a, sizeof(buffer));
    promc_registry_settings settings = in_buffer(false);
    promc_counter c = {0};
    for (int life = 0; life < 3; life++) {
        promc_registry *registry = new_registry(&settings);
        promc_family *family = new_counter(registry, "c", "x");
        for (int i = 0; i < 2000; i++)
            promc_counter_inc(c = numbered(family, i));
        assert_true((char *)promc_ref_live(c.ref) > buffer && (char *)promc_ref_live(c.ref) < buffer + sizeof(buffer));
        assert_true(exposes(registry, "c_total{x=\"1999\"} 1"));
        pid_t child = fork();
        if (child == 0) { /* a copy, which counts from zero */
            CHECK(promc_counter_value(c) == 0);
            promc_counter_inc(c);
            CHECK(promc_counter_value(c) == 1);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_same(promc_counter_value(c), 1);
        promc_registry_destroy(registry);
        promc_counter_inc(c);
        assert_same(promc_counter_value(c), 0);
    }
}

static void unusable_memory_is_refused(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_registry_settings settings = in_buffer(false);
    settings.memory = buffer + 8;
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_INVALID, "must be aligned to 64 bytes");
    settings = in_buffer(false);
    settings.arena_bytes = 0;
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_INVALID, "without its size, arena_bytes");
    settings = in_buffer(false);
    settings.shared_path = in_folder("arena");
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_INVALID, "both given");
    settings = in_buffer(false);
    settings.memory_is_shared = 2;
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_INVALID, "memory_is_shared is 2");
}

/* As with PostgreSQL's or nginx' shared memory: forked children have it already, other processes join it, also at another address. */
static void memory_that_processes_share(void **state)
{
    (void)state;
    needs_shared_arenas();
    size_t bytes = (size_t)4 << 20;
    int fd = memfd_create("promc-test", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    void *here = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *there = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(here != MAP_FAILED && there != MAP_FAILED && here != there);
    promc_registry_settings settings = {.memory = here, .arena_bytes = bytes, .max_threads = 8, .memory_is_shared = 1};
    promc_registry *first = new_registry(&settings), *second;
    promc_family *family = new_counter(first, "c", "x"), *other;
    promc_updown updown;
    assert_ok(promc_updown_register(first, &(promc_family_settings){.name = "u"}, &other));
    assert_ok(promc_updown_get(other, NULL, &updown));
    promc_counter_inc(numbered(family, 1));
    pid_t child = fork();
    if (child == 0) {
        promc_counter_inc(numbered(family, 1));
        promc_updown_inc(updown);
        settings.memory = there;
        CHECK(promc_registry_create(&second, &settings) == 0);
        CHECK(promc_counter_register(second, &(promc_family_settings){.name = "c", .labels = {"x"}}, &other) == 0);
        promc_counter_inc(numbered(other, 1));
        promc_counter_inc(numbered(other, 2));
        promc_registry_destroy(second);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(exposes(first, "c_total{x=\"1\"} 3"));
    assert_true(exposes(first, "c_total{x=\"2\"} 1"));
    assert_true(exposes(first, "u 0")); /* the dead process no longer counts */
    settings.memory = there;
    first->arena.header->version = 0;
    assert_fails(promc_registry_create(&second, &settings), PROMC_E_BUSY, "another process is creating");
    first->arena.header->version = 1;
    assert_fails(promc_registry_create(&second, &settings), PROMC_E_FORMAT, "the layout of another promc version");
    first->arena.header->version = PROMC_ARENA_VERSION;
    second = new_registry(&settings);
    promc_registry_destroy(first);
    assert_true(exposes(second, "c_total{x=\"1\"} 3")); /* the arena belongs to the host, not to the first registry */
    promc_registry_destroy(second);
    munmap(here, bytes);
    munmap(there, bytes);
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_full_file_system),
        TEST(no_room_for_the_header),
        TEST(room_comes_back),
        TEST(the_default_in_64_mib),
        TEST(locked_memory),
        TEST(joined_by_another_user),
        TEST(is_charged_piece_by_piece),
        TEST(a_wrong_mode),
        TEST(a_changed_definition),
        TEST(a_static_buffer),
        TEST(unusable_memory_is_refused),
        TEST(memory_that_processes_share),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
