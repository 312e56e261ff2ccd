/* SPDX-License-Identifier: Apache-2.0 */
/* A writer is killed with -9; `promc dump` shows its last values and changes no byte of the file. argv[1]: the command. */
#include "util.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *command;
static char path[64];
static pid_t writer;

/* The writer: counts to a thousand, reports that, and hangs. */
static void write_values(int ready)
{
    promc_registry *registry;
    promc_family *jobs, *seconds, *lookups;
    promc_histogram histogram;
    promc_summary summary;
    const promc_registry_settings settings = {.shared_path = path, .arena_bytes = 4 << 20, .max_threads = 4};
    if (promc_registry_create(&registry, &settings) < 0 ||
        promc_counter_register(registry, &(promc_family_settings){.name = "jobs_total", .labels = {"queue"}}, &jobs) <
            0 ||
        promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "job_seconds"}}, &seconds) <
            0 ||
        promc_histogram_get(seconds, NULL, &histogram) < 0 ||
        promc_summary_register(registry, &(promc_summary_settings){.family = {.name = "lookup_seconds"}}, &lookups) <
            0 ||
        promc_summary_get(lookups, NULL, &summary) < 0)
        _exit(1);
    for (int i = 0; i < 1000; i++)
        promc_counter_inc(promc_counter_with(jobs, "mail"));
    promc_histogram_observe(histogram, .3);
    promc_summary_observe(summary, 0);
    if (write(ready, "r", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static int set_up(void **state)
{
    (void)state;
    int pipe_fds[2];
    char byte;
    strcpy(path, "/tmp/promc-dump-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) < 0 || unlink(path) < 0 || pipe(pipe_fds) < 0)
        return -1;
    writer = fork();
    if (writer == 0) {
        close(pipe_fds[0]);
        write_values(pipe_fds[1]);
    }
    close(pipe_fds[1]);
    int rc = read(pipe_fds[0], &byte, 1) == 1 ? 0 : -1;
    close(pipe_fds[0]);
    return rc;
}

static void kill_writer(void)
{
    if (writer > 0) {
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        writer = 0;
    }
}

static int tear_down(void **state)
{
    (void)state;
    kill_writer();
    return unlink(path);
}

enum { HEAD = 1 << 20, CHUNK = 4096, TAIL = 2 * CHUNK };

/* A damaged arena may print endless text: keep the first HEAD bytes and the end, where the message is. */
static size_t read_all(FILE *stream, char *output)
{
    char chunk[CHUNK];
    size_t size = fread(output, 1, HEAD, stream), tail = 0;
    for (size_t n; (n = fread(chunk, 1, CHUNK, stream)) > 0; tail += n) {
        size_t keep = tail < TAIL - n ? tail : TAIL - n;
        memmove(output + size, output + size + tail - keep, keep);
        memcpy(output + size + keep, chunk, n);
        tail = keep;
    }
    return size + tail;
}

/* Runs the command. @return its standard output and error; the caller frees it. */
static char *run(const char *arguments, int *status, size_t *length)
{
    char line[512];
    char *output = calloc(1, HEAD + TAIL + 1);
    const char *emulator = getenv("PROMC_EMULATOR"); /* scripts/test-platform */
    snprintf(line, sizeof(line), "%s %s %s 2>&1", emulator ? emulator : "", command, arguments);
    FILE *stream = popen(line, "r"); /* NOLINT(cert-env33-c): only the test's own arguments */
    assert_non_null(stream);
    assert_non_null(output);
    size_t size = read_all(stream, output);
    int ended = pclose(stream);
    *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
    if (length)
        *length = size;
    return output;
}

static char *dump(const char *options, const char *names)
{
    char arguments[256];
    int status;
    snprintf(arguments, sizeof(arguments), "dump %s %s %s", options, path, names);
    char *output = run(arguments, &status, NULL);
    if (status != 0)
        fail_msg("status %d: %s", status, output);
    return output;
}

static char *contents(size_t *length)
{
    FILE *file = fopen(path, "rb");
    struct stat facts;
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &facts), 0);
    *length = (size_t)facts.st_size;
    char *bytes = malloc(*length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}

static void a_killed_writer_is_read(void **state)
{
    (void)state;
    size_t before_length, after_length;
    kill_writer();
    char *before = contents(&before_length), *output = dump("", "");
    assert_non_null(strstr(output, "\njobs_total{queue=\"mail\"} 1000\n"));
    assert_non_null(strstr(output, "job_seconds_bucket{le=\"0.5\"} 1\n"));
    assert_non_null(strstr(output, "lookup_seconds{quantile=\"0.5\"} 0\n"));
    assert_non_null(strstr(output, "lookup_seconds_count 1\n"));
    char *after = contents(&after_length);
    assert_int_equal(before_length, after_length);
    assert_memory_equal(before, after, after_length);
    free(before);
    free(after);
    free(output);
}

/* A stopped writer cannot answer and may hold any lock. */
static void a_hung_writer_is_read(void **state)
{
    (void)state;
    kill(writer, SIGSTOP);
    char *output = dump("", "");
    assert_non_null(strstr(output, "\njobs_total{queue=\"mail\"} 1000\n"));
    free(output);
}

static void a_read_only_file_is_read(void **state)
{
    (void)state;
    assert_int_equal(chmod(path, 0400), 0);
    char *output = dump("", "");
    assert_non_null(strstr(output, "\njobs_total{queue=\"mail\"} 1000\n"));
    free(output);
}

static void formats_and_names(void **state)
{
    (void)state;
    char *output = dump("--format=openmetrics", "");
    assert_non_null(strstr(output, "# TYPE jobs counter\n"));
    assert_non_null(strstr(output, "\n# EOF\n"));
    free(output);
    output = dump("-f text", "job_seconds");
    assert_non_null(strstr(output, "job_seconds_sum 0.3\n"));
    assert_null(strstr(output, "jobs_total"));
    free(output);
    char arguments[256];
    int status;
    size_t length;
    snprintf(arguments, sizeof(arguments), "dump --format protobuf %s jobs_total", path);
    output = run(arguments, &status, &length);
    assert_int_equal(status, 0);
    assert_true(length > 20 && strlen(output) < length); /* binary */
    free(output);
}

static void refused(const char *arguments, int wanted, const char *text)
{
    int status;
    char *output = run(arguments, &status, NULL);
    if (status != wanted || !strstr(output, text))
        fail_msg("promc %s: status %d: %s", arguments, status, output);
    free(output);
}

/* Overwrites 64 bytes at a time at many places of the registry's tables. */
static void a_damaged_arena_ends_only_the_dump(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* a sanitizer ends the command before the command's own signal handler */
#endif
    static const char nonsense[64] = {[0 ... 63] = '\xa5'};
    char whole[sizeof(nonsense)], arguments[128];
    int found = 0, status;
    kill_writer();
    snprintf(arguments, sizeof(arguments), "dump %s", path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = 4096; at < 16384; at += 256) {
        assert_int_equal(pread(fd, whole, sizeof(whole), at), sizeof(whole));
        assert_int_equal(pwrite(fd, nonsense, sizeof(nonsense), at), sizeof(nonsense));
        size_t length; /* damaged text may contain a NUL */
        char *output = run(arguments, &status, &length);
        if (status != 0 && (status != 1 || !memmem(output, length, "promc: ", 7)))
            fail_msg("damaged at %ld: status %d: %s", (long)at, status, output);
        found += memmem(output, length, "damaged", 7) != NULL;
        free(output);
        assert_int_equal(pwrite(fd, whole, sizeof(whole), at), sizeof(whole));
    }
    close(fd);
    assert_true(found > 0);
}

static void wrong_arguments_and_files(void **state)
{
    (void)state;
    refused("", 2, "a command is missing");
    refused("dmp", 2, "\"dmp\"");
    refused("dump", 2, "FILE is missing");
    refused("dump --format=xml x", 2, "\"xml\"");
    refused("dump --wrong x", 2, "--wrong");
    refused("dump /nonexistent/arena", 1, "/nonexistent/arena");
    refused("dump /etc/passwd", 1, "/etc/passwd");
    refused("dump /dev/null", 1, "/dev/null");
    refused("dump /tmp", 1, "/tmp");
}

static void help_and_version(void **state)
{
    (void)state;
    refused("--help", 0, "usage: promc dump");
    refused("dump --help", 0, "usage: promc dump");
    refused("--version", 0, "promc " PROMC_VERSION_STRING "\n");
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    command = argv[1];
    if (!shared_arenas_work()) {
        print_message("skipped: no robust mutexes under this emulator\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_killed_writer_is_read), TEST(a_hung_writer_is_read),     TEST(a_read_only_file_is_read),
        TEST(formats_and_names),       TEST(wrong_arguments_and_files), TEST(a_damaged_arena_ends_only_the_dump),
        TEST(help_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
