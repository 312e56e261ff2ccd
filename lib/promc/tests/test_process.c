/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of /proc with hostile command names, control groups of both versions in an artificial tree, and the nine metrics. */
#include "collect/cgroup_read.h"
#include "collect/procfs.h"
#include "shard/process.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void test_stat_line(void **state)
{
    (void)state;
    promc_proc_stat stat;
    static const char rest[] =
        " S 1 2 3 4 -1 4194560 100 0 7 0 250 50 0 0 20 0 9 0 12345 104857600 2560 18446744073709551615 1";
    static const char *const names[] = {"cat", "a b", "x) R 9 9", "(((", "new\nline)", "))", ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "4711 (%s)%s\n", names[i], rest);
        assert_true(promc_parse_proc_stat(text, &stat));
        assert_int_equal(stat.minor_faults, 100);
        assert_int_equal(stat.major_faults, 7);
        assert_int_equal(stat.user_ticks, 250);
        assert_int_equal(stat.system_ticks, 50);
        assert_int_equal(stat.threads, 9);
        assert_int_equal(stat.start_ticks, 12345);
        assert_int_equal(stat.virtual_bytes, 104857600);
        assert_int_equal(stat.resident_pages, 2560);
    }
    assert_false(promc_parse_proc_stat("", &stat));
    assert_false(promc_parse_proc_stat("1 (a", &stat));
    assert_false(promc_parse_proc_stat("1 (a) S 1 2", &stat));
}

static void test_numbers(void **state)
{
    (void)state;
    const char *p = "  18446744073709551615 7x";
    uint64_t n;
    assert_true(promc_parse_u64(&p, &n));
    assert_true(n == UINT64_MAX);
    assert_true(promc_parse_u64(&p, &n));
    assert_int_equal(n, 7);
    assert_string_equal(p, "x");
    assert_false(promc_parse_u64(&p, &n));
    p = "18446744073709551616";
    assert_false(promc_parse_u64(&p, &n));
    assert_true(promc_find_u64("cpu 1\nbtimes 3\nbtime 5\n", "btime", &n));
    assert_int_equal(n, 5);
    assert_false(promc_find_u64("cpu 1\nxbtime 5", "btime", &n));
}

/* A directory tree with only the files that the reader needs. */
static char tree[64];

static void put_file(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof(full), "%s%s", tree, path);
    for (char *slash = strchr(full + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0755);
        *slash = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int make_tree(void **state)
{
    (void)state;
    strcpy(tree, "/tmp/promc-cgroup-XXXXXX");
    return !mkdtemp(tree);
}

static int remove_tree(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", tree);
    return system(command);
}

/* A previous errno does not count as an error of this read. */
static void test_a_file_is_read_to_its_end(void **state)
{
    (void)state;
    char buffer[16];
    put_file("/proc/loadavg", "0.1 0.2\n");
    char path[256];
    snprintf(path, sizeof(path), "%s/proc/loadavg", tree);
    errno = EINTR;
    assert_int_equal(promc_read_file(path, buffer, sizeof(buffer)), 8);
    assert_string_equal(buffer, "0.1 0.2\n");
    assert_int_equal(promc_read_file(path, buffer, 4), 3);
    assert_string_equal(buffer, "0.1");
    assert_int_equal(promc_read_file("/nowhere", buffer, sizeof(buffer)), PROMC_E_IO);
}

static void test_cgroup_v2(void **state)
{
    (void)state;
    promc_cgroup_paths paths;
    promc_cgroup_throttling throttling;
    uint64_t bytes;
    double cores;
    put_file("/proc/self/cgroup", "0::/system.slice/app.service\n");
    put_file("/proc/self/mountinfo",
             "22 1 0:20 / /proc rw - proc proc rw\n"
             "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    put_file("/sys/fs/cgroup/cgroup.procs", "1\n");
    put_file("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
    put_file("/sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
    put_file("/sys/fs/cgroup/system.slice/app.service/cgroup.procs", "4711\n");
    put_file("/sys/fs/cgroup/system.slice/app.service/memory.max", "max\n");
    put_file("/sys/fs/cgroup/system.slice/app.service/cpu.max", "150000 100000\n");
    put_file("/sys/fs/cgroup/system.slice/app.service/cpu.stat",
             "usage_usec 5\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2500000\n");
    promc_cgroup_find(tree, &paths);
    assert_true(paths.memory_v2 && paths.cpu_v2);
    /* the group itself has no limit; its parent has */
    assert_true(promc_cgroup_memory_limit(&paths, &bytes));
    assert_int_equal(bytes, 1073741824);
    assert_true(promc_cgroup_cpu_limit(&paths, &cores));
    assert_true(cores == 1.5);
    assert_true(promc_cgroup_throttling_read(&paths, &throttling));
    assert_int_equal(throttling.periods, 10);
    assert_int_equal(throttling.throttled_periods, 4);
    assert_true(throttling.throttled_seconds == 2.5);
    /* the lower of two limits */
    put_file("/sys/fs/cgroup/system.slice/app.service/memory.max", "536870912\n");
    assert_true(promc_cgroup_memory_limit(&paths, &bytes));
    assert_int_equal(bytes, 536870912);
    put_file("/sys/fs/cgroup/system.slice/cpu.max", "100000 100000\n");
    assert_true(promc_cgroup_cpu_limit(&paths, &cores));
    assert_true(cores == 1);
    /* directories above the mount point are not groups */
    put_file("/sys/fs/memory.max", "1\n");
    put_file("/sys/fs/cpu.max", "1000 100000\n");
    assert_true(promc_cgroup_memory_limit(&paths, &bytes) && promc_cgroup_cpu_limit(&paths, &cores));
    assert_true(bytes == 536870912 && cores == 1);
}

static void test_cgroup_v1_in_a_container(void **state)
{
    (void)state;
    promc_cgroup_paths paths;
    promc_cgroup_throttling throttling;
    uint64_t bytes;
    double cores;
    /* The host's path is shown, but the hierarchy is mounted from the container's own root. */
    put_file("/proc/self/cgroup", "12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n");
    put_file("/proc/self/mountinfo",
             "40 30 0:30 /docker/abc /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n"
             "41 30 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n");
    put_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
    put_file("/sys/fs/cgroup/cpu,cpuacct/cpu.shares", "1024\n");
    put_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
    put_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put_file("/sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 7\nnr_throttled 2\nthrottled_time 1500000000\n");
    promc_cgroup_find(tree, &paths);
    assert_false(paths.memory_v2 || paths.cpu_v2);
    assert_true(promc_cgroup_memory_limit(&paths, &bytes));
    assert_int_equal(bytes, 268435456);
    assert_true(promc_cgroup_cpu_limit(&paths, &cores));
    assert_true(cores == 0.5);
    assert_true(promc_cgroup_throttling_read(&paths, &throttling));
    assert_true(throttling.throttled_seconds == 1.5);
    /* no limit in either spelling */
    put_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    assert_false(promc_cgroup_memory_limit(&paths, &bytes));
    assert_false(promc_cgroup_cpu_limit(&paths, &cores));
}

static void test_cgroup_nonsense(void **state)
{
    (void)state;
    promc_cgroup_paths paths;
    uint64_t bytes;
    double cores;
    promc_cgroup_find("/nonexistent", &paths);
    assert_false(promc_cgroup_memory_limit(&paths, &bytes));
    assert_false(promc_cgroup_cpu_limit(&paths, &cores));
    static const char *const texts[] = {
        "", "\n", ":", "::", "0::", "0:::::\n", "a b c d e f\n", " - - - cgroup2 x\n", "0::/x"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put_file("/proc/self/cgroup", texts[i]);
        put_file("/proc/self/mountinfo", texts[i]);
        promc_cgroup_find(tree, &paths);
        assert_string_equal(paths.memory, "");
    }
}

/* The value of a line that starts with `series`; fails the test if there is none. */
static double value_of(const char *text, const char *series)
{
    char wanted[256];
    snprintf(wanted, sizeof(wanted), "\n%s ", series);
    const char *line = strstr(text, wanted);
    if (!line) {
        fail_msg("%s is not exposed", series);
        return 0;
    }
    return strtod(line + strlen(wanted), NULL);
}

/* Whether the C library reports its heap: glibc does, unless a sanitizer replaces malloc. */
static bool has_heap(void)
{
#ifdef __GLIBC__
    return mallinfo2().arena > 0;
#else
    return false;
#endif
}

static void burn_cpu(double seconds)
{
    struct timespec now;
    double start = -1;
    do {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        double t = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
        start = start < 0 ? t : start;
        if (t - start > seconds)
            return;
    } while (true);
}

static void test_the_nine_process_metrics(void **state)
{
    (void)state;
    if (getenv("PROMC_EMULATOR"))
        skip(); /* qemu-user fakes /proc/self/stat, with zeros */
    promc_registry *registry;
    char name[32] = "od)d (n am)";
    prctl(PR_SET_NAME, name);
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collect_process(registry), 0);
    assert_int_equal(promc_collect_process(registry), PROMC_E_DUPLICATE);
    burn_cpu(0.05);
    char *text = scrape_text(registry);
    double cpu = value_of(text, "process_cpu_seconds_total");
    double fds = value_of(text, "process_open_fds");
    assert_true(cpu >= 0.04 && cpu < 600);
    assert_non_null(strstr(text, "# TYPE process_cpu_seconds_total counter\n"));
    assert_true(fds >= 3 && fds < 1000);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    assert_true(value_of(text, "process_max_fds") == (double)limit.rlim_cur);
    double resident = value_of(text, "process_resident_memory_bytes");
    assert_true(resident > 500e3 && resident < value_of(text, "process_virtual_memory_bytes"));
    assert_true(value_of(text, "process_virtual_memory_max_bytes") > 0);
    if (has_heap())
        assert_true(value_of(text, "process_heap_bytes") > 1000);
    else
        assert_null(strstr(text, "process_heap_bytes"));
    assert_true(value_of(text, "process_threads") == 1);
    double age = (double)time(NULL) - value_of(text, "process_start_time_seconds");
    assert_true(age > -3 && age < 600);
    free(text);
    /* The values are read at each scrape. */
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    burn_cpu(0.05);
    text = scrape_text(registry);
    assert_true(value_of(text, "process_open_fds") == fds + 1);
    assert_true(value_of(text, "process_cpu_seconds_total") > cpu);
    free(text);
    close(fd);
    promc_registry_destroy(registry);
}

static void test_the_other_collectors(void **state)
{
    (void)state;
    promc_registry *registry;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collect_malloc(registry), 0);
    assert_int_equal(promc_collect_cgroup(registry), 0);
    assert_int_equal(promc_collect_scheduler(registry), 0);
    assert_int_equal(promc_collect_pressure(registry), 0);
    char *text = scrape_text(registry);
    assert_true(value_of(text, "process_memory_limit_bytes") > 1e6);
    assert_true(value_of(text, "process_cpu_limit_cores") > 0);
    assert_true(value_of(text, "process_page_faults_total{type=\"minor\"}") > 10);
    assert_true(value_of(text, "process_context_switches_total{type=\"involuntary\"}") >= 0);
    if (has_heap())
        assert_true(value_of(text, "malloc_allocated_bytes") > 1000);
    if (access("/proc/pressure/cpu", R_OK) == 0)
        assert_true(value_of(text, "system_pressure_stalled_seconds_total{resource=\"cpu\",kind=\"some\"}") >= 0);
    free(text);
    promc_registry_destroy(registry);
}

/* The thread's run delay in ns; 0 if the kernel does not record it. */
static uint64_t run_delay(void)
{
    char text[128];
    uint64_t running, waiting;
    const char *p = text;
    return promc_read_file("/proc/thread-self/schedstat", text, sizeof(text)) > 0 && promc_parse_u64(&p, &running) &&
                   promc_parse_u64(&p, &waiting)
               ? waiting
               : 0;
}

/* A scrape closes all files and directories that it has opened. */
static void test_a_scrape_costs_no_descriptor(void **state)
{
    (void)state;
    promc_registry *registry;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collect_prefixed(registry, PROMC_COLLECT_ALL, ""), 0);
    free(scrape_text(registry));
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC), after;
    close(next);
    for (int i = 0; i < 3; i++)
        free(scrape_text(registry));
    const uint64_t before = run_delay();
    char *text = scrape_text(registry);
    assert_true(before == 0 || value_of(text, "process_run_delay_seconds_total") * 1e9 >= (double)before * 0.999);
    free(text);
    after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(after);
    assert_int_equal(after, next);
    promc_registry_destroy(registry);
}

/* In a shared arena the run delay is that of the process that answers, and not one that each change of the process adds to. */
static void test_the_run_delay_of_the_process_that_answers(void **state)
{
    (void)state;
    char path[64], byte = 0;
    int ask[2], answer[2], status;
    promc_registry *registry;
    if (run_delay() == 0)
        skip();
    snprintf(path, sizeof(path), "/tmp/promc-test-process-%d", (int)getpid());
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.shared_path = path}), 0);
    unlink(path);
    assert_int_equal(promc_collect_scheduler(registry), 0);
    assert_true(pipe(ask) == 0 && pipe(answer) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(ask[1]);
        while (read(ask[0], &byte, 1) == 1) {
            free(scrape_text(registry));
            if (write(answer[1], &byte, 1) != 1)
                break;
        }
        _exit(0);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(write(ask[1], &byte, 1), 1);
        assert_int_equal(read(answer[0], &byte, 1), 1);
        char *text = scrape_text(registry);
        double shown = value_of(text, "process_run_delay_seconds_total") * 1e9;
        free(text);
        assert_true(shown <= (double)run_delay() * 1.001); /* the process has one thread */
    }
    close(ask[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ask[0]);
    close(answer[0]);
    close(answer[1]);
    promc_registry_destroy(registry);
}

static void test_no_registry(void **state)
{
    (void)state;
    assert_true(promc_collect_process(NULL) == PROMC_E_INVALID);
}

/* Field 22 of /proc/PID/stat distinguishes a process from a later one with the same pid. The name in brackets is field 2. */
static void test_start_time(void **state)
{
    (void)state;
    char text[1024] = "";
    unsigned long long start = 0;
    assert_int_equal(prctl(PR_SET_NAME, "a (b) c"), 0);
    assert_true(promc_read_file("/proc/self/stat", text, sizeof(text)) > 0);
    assert_int_equal(sscanf(strrchr(text, ')') + 1,
                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                            &start),
                     1);
    assert_true(start > 0);
    promc_self_reset();
    assert_int_equal(promc_self_start(), start);
}

static void test_prefix(void **state)
{
    (void)state;
    promc_registry *registry;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collect_process(registry), 0);
    assert_int_equal(promc_collect_prefixed(registry, PROMC_COLLECT_ALL, "worker_"), 0);
    assert_int_equal(promc_collect_prefixed(registry, PROMC_COLLECT_PROCESS, "worker_"), PROMC_E_DUPLICATE);
    assert_int_equal(promc_collect_prefixed(registry, PROMC_COLLECT_PROCESS, "1"), PROMC_E_NAME);
    assert_int_equal(promc_collect_prefixed(registry, PROMC_COLLECT_PROCESS, NULL), PROMC_E_INVALID);
    assert_int_equal(promc_collect_prefixed(registry, 0, "x_"), PROMC_E_INVALID);
    char longest[66];
    memset(longest, 'x', 65);
    longest[65] = '\0';
    assert_int_equal(promc_collect_prefixed(registry, PROMC_COLLECT_PROCESS, longest), PROMC_E_NAME);
    assert_non_null(strstr(promc_error_detail(), "longer than 64 bytes"));
    assert_int_equal(promc_collect_prefixed(registry, PROMC_COLLECT_PROCESS, longest + 1), 0);
    assert_int_equal(promc_collect_prefixed(registry, 32, "x_"), PROMC_E_INVALID);
    char *text, *kept;
    size_t length;
    assert_int_equal(promc_scrape_string(registry, NULL, &text, &length), 0);
    assert_non_null(strstr(text, "\nprocess_threads "));
    assert_non_null(strstr(text, "\nworker_process_threads "));
    assert_non_null(strstr(text, "\nworker_process_page_faults_total{type=\"minor\"} "));
    assert_non_null(strstr(text, "{collector=\"worker_process\"} 0\n"));
    /* Metrics with a prefix are included in output that is merged with other programs'. */
    assert_int_equal(promc_scrape_string(registry, &(promc_scrape_settings){.no_self_metrics = true}, &kept, &length),
                     0);
    assert_null(strstr(kept, "\nprocess_threads "));
    assert_non_null(strstr(kept, "\nworker_process_threads "));
    free(text);
    free(kept);
    promc_registry_destroy(registry);
}

/* Like the seccomp filter of a container. */
static bool forbid_sysinfo(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sysinfo, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void test_memory_limit_without_sysinfo(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        promc_registry *registry;
        promc_cgroup_paths paths;
        uint64_t limit;
        char *text, expected[64];
        size_t length;
        if (!forbid_sysinfo())
            _exit(77);
        if (promc_registry_create(&registry, NULL) != 0 || promc_collect_cgroup(registry) != 0 ||
            promc_scrape_string(registry, NULL, &text, &length) != 0)
            _exit(1);
        promc_cgroup_find("", &paths);
        bool limited = promc_cgroup_memory_limit(&paths, &limit);
        snprintf(expected, sizeof(expected), "\nprocess_memory_limit_bytes %llu\n", (unsigned long long)limit);
        _exit(strstr(text, limited ? expected : "\nprocess_memory_limit_bytes ") ? limited ? 0 : 2 : limited ? 3 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* no seccomp here */
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat_line),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test_setup_teardown(test_a_file_is_read_to_its_end, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(test_cgroup_v2, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(test_cgroup_v1_in_a_container, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(test_cgroup_nonsense, make_tree, remove_tree),
        cmocka_unit_test(test_the_nine_process_metrics),
        cmocka_unit_test(test_the_other_collectors),
        cmocka_unit_test(test_a_scrape_costs_no_descriptor),
        cmocka_unit_test(test_the_run_delay_of_the_process_that_answers),
        cmocka_unit_test(test_no_registry),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_start_time),
        cmocka_unit_test(test_memory_limit_without_sysinfo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
