/* SPDX-License-Identifier: Apache-2.0 */
/* The textfile: complete, readable by others, replaced atomically, and without leftovers if it cannot be written. */
#include <promc/promc.h>
#include <promc/textfile.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[32], path[64];

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/promc-text-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/job.prom", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

static promc_registry *make_registry(int series)
{
    promc_registry *registry;
    promc_family *family;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    assert_int_equal(
        promc_counter_register(registry, &(promc_family_settings){.name = "rows_total", .labels = {"table"}}, &family),
        0);
    for (int i = 0; i < series; i++) {
        char table[16];
        snprintf(table, sizeof(table), "t%d", i);
        promc_counter_inc(promc_counter_with(family, table));
    }
    return registry;
}

static char *read_file(size_t *length)
{
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    *length = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

static int count_files(void)
{
    int count = 0;
    DIR *dir = opendir(directory);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void test_write(void **state)
{
    (void)state;
    promc_registry *registry = make_registry(3000);
    struct stat stat_buffer;
    char *expected;
    size_t length, expected_length;
    mode_t before = umask(027);
    assert_int_equal(promc_textfile_write(registry, path), 0);
    umask(before);
    assert_int_equal(promc_scrape_string(registry, NULL, &expected, &expected_length), 0);
    char *text = read_file(&length);
    assert_int_equal(length, expected_length);
    assert_memory_equal(text, expected, length);
    assert_int_equal(stat(path, &stat_buffer), 0);
    assert_int_equal(stat_buffer.st_mode & 0777, 0640);
    assert_int_equal(count_files(), 1);
    free(text);
    free(expected);
    promc_registry_destroy(registry);
}

static void test_errors(void **state)
{
    (void)state;
    promc_registry *registry = make_registry(1);
    char missing[80];
    snprintf(missing, sizeof(missing), "%s/none/job.prom", directory);
    assert_int_equal(promc_textfile_write(registry, missing), PROMC_E_IO);
    assert_int_equal(errno, ENOENT);
    assert_non_null(strstr(promc_error_detail(), "No such file or directory"));
    assert_int_equal(mkdir(path, 0755), 0); /* a directory cannot be replaced by a file */
    assert_int_equal(promc_textfile_write(registry, path), PROMC_E_IO);
    assert_int_equal(count_files(), 1);
    assert_int_equal(promc_textfile_write(NULL, path), PROMC_E_INVALID);
    assert_int_equal(promc_textfile_write(registry, NULL), PROMC_E_INVALID);
    promc_registry_destroy(registry);
}

/* A failed write leaves the old file unchanged. */
static void test_no_room(void **state)
{
    (void)state;
    promc_registry *registry = make_registry(10), *larger = make_registry(3000);
    struct rlimit before, small;
    size_t length, length_after;
    assert_int_equal(promc_textfile_write(registry, path), 0);
    free(read_file(&length));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 20000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(promc_textfile_write(larger, path), PROMC_E_IO);
    assert_int_equal(errno, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    free(read_file(&length_after));
    assert_int_equal(length_after, length);
    assert_int_equal(count_files(), 1);
    promc_registry_destroy(registry);
    promc_registry_destroy(larger);
}

/* node_exporter reads the files of all jobs together, and refuses a metric that two of them have. */
static void test_self_metrics_stay_out(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *family;
    promc_counter rows;
    size_t length;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collect_process(registry), 0);
    assert_int_equal(promc_collect_malloc(registry), 0);
    assert_int_equal(promc_counter_register(registry, &(promc_family_settings){.name = "rows_total"}, &family), 0);
    assert_int_equal(promc_counter_get(family, NULL, &rows), 0);
    promc_gauge copied;
    assert_int_equal(promc_gauge_register(registry, &(promc_family_settings){.name = "copied"}, &family), 0);
    assert_int_equal(promc_gauge_get(family, NULL, &copied), 0);
    assert_int_equal(promc_gauge_set_at(copied, 7, 1700000000000), 0); /* node_exporter refuses a file with times */
    assert_int_equal(promc_textfile_write(registry, path), 0);
    char *text = read_file(&length);
    assert_string_equal(text, "# TYPE rows_total counter\nrows_total 0\n# TYPE copied gauge\ncopied 7\n");
    free(text);
    assert_int_equal(promc_textfile_write_all(registry, path), 0);
    text = read_file(&length);
    assert_non_null(strstr(text, "\nprocess_threads "));
    assert_non_null(strstr(text, "\npromc_series "));
    free(text);
    promc_registry_destroy(registry);
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void *write_loop(void *registry)
{
    for (;;) {
        promc_textfile_write(registry, path);
        pthread_testcancel();
    }
    return NULL;
}

/* After a cancellation at any point there is no temporary file and no open descriptor, and the next write works. */
static void test_cancellation_leaves_nothing(void **state)
{
    (void)state;
    promc_registry *registry = make_registry(500);
    assert_int_equal(promc_textfile_write(registry, path), 0);
    int before = count_descriptors();
    for (int i = 0; i < 60; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, write_loop, registry), 0);
        usleep((useconds_t)(i * 37 % 900));
        assert_int_equal(pthread_cancel(thread), 0);
        pthread_join(thread, NULL);
        assert_int_equal(count_files(), 1);
        assert_int_equal(count_descriptors(), before);
    }
    assert_int_equal(promc_textfile_write(registry, path), 0);
    promc_registry_destroy(registry);
}

static bool stop;

static void *read_loop(void *user)
{
    size_t *whole = user;
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        size_t length;
        char *text = read_file(&length);
        assert_true(length == whole[0] || length == whole[1]);
        free(text);
    }
    return NULL;
}

static void test_a_reader_sees_whole_files(void **state)
{
    (void)state;
    promc_registry *registries[2] = {make_registry(10), make_registry(4000)};
    size_t whole[2];
    pthread_t reader;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(promc_textfile_write(registries[i], path), 0);
        free(read_file(&whole[i]));
    }
    assert_int_equal(pthread_create(&reader, NULL, read_loop, whole), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(promc_textfile_write(registries[i % 2], path), 0);
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(reader, NULL);
    promc_registry_destroy(registries[0]);
    promc_registry_destroy(registries[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_errors, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_self_metrics_stay_out, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_cancellation_leaves_nothing, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_no_room, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_a_reader_sees_whole_files, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
