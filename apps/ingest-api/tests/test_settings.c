/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct settings settings;
static char report[4096];

static int load(void)
{
    return settings_load(&settings, 0, NULL, report, sizeof(report));
}

static int clear(void **state)
{
    (void)state;
    return clearenv();
}

static void write_file(const char *path, const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(load(), 0);
    assert_string_equal(report, "");
    assert_int_equal(settings.role, ROLE_ALL);
    assert_string_equal(settings.host, "127.0.0.1");
    assert_int_equal(settings.port, 3000);
    assert_true(settings.metrics_enabled);
    assert_in_range(settings.loops, 1, 64);
    assert_int_equal(settings.max_import_bytes, 64 << 20);
    assert_int_equal(settings.log_level, LOG_INFO);
    assert_string_equal(settings.store_url, "sqlite");
}

static void test_values_are_taken(void **state)
{
    (void)state;
    setenv("PORT", "65535", 1);
    setenv("ROLE", "worker", 1);
    setenv("METRICS_ENABLED", "0", 1);
    setenv("METRICS_LISTEN", "[::1]:9464", 1);
    setenv("LOG_LEVEL", "silent", 1);
    setenv("LOOPS", "", 1); /* empty is as good as not set */
    assert_int_equal(load(), 0);
    assert_int_equal(settings.port, 65535);
    assert_int_equal(settings.role, ROLE_WORKER);
    assert_false(settings.metrics_enabled);
    assert_int_equal(settings.log_level, 70);
    char *option[] = {(char[]){"--role=api"}};
    assert_int_equal(settings_load(&settings, 1, option, report, sizeof(report)), 0);
    assert_int_equal(settings.role, ROLE_API); /* the command line wins */
}

static void test_every_fault_has_its_line(void **state)
{
    (void)state;
    const char *const wrong[][2] = {
        {"PORT", "0"},
        {"LOOPS", "-1"},
        {"STORE_THREADS", " 4"},
        {"IDLE_TIMEOUT", "1e3"},
        {"RATE_LIMIT", "99999999999999999999"},
        {"METRICS_ENABLED", "yes"},
        {"ROLE", "boss"},
        {"LOG_LEVEL", "loud"},
        {"QUEUE", "amqp"},
        {"MAIL", "pigeon"},
        {"METRICS_LISTEN", ":9464"},
        {"PROMETHEUS_URL", "localhost"},
        {"MAX_HEADER_BYTES", "16k"},
        {"HOST", "a\nb"},
    };
    size_t n = sizeof(wrong) / sizeof(wrong[0]);
    for (size_t i = 0; i < n; i++)
        setenv(wrong[i][0], wrong[i][1], 1);
    assert_int_equal(load(), n);
    size_t lines = 0;
    for (const char *p = report; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, n);
    for (size_t i = 0; i < n; i++)
        assert_non_null(strstr(report, wrong[i][0]));
    assert_non_null(strstr(report, "PORT=\"0\": must be a whole number from 1 to 65535\n"));
}

static void test_a_report_that_is_too_small_is_cut(void **state)
{
    (void)state;
    char small[40];
    setenv("PORT", "no", 1);
    setenv("LOOPS", "no", 1);
    setenv("ROLE", "no", 1);
    for (size_t size = 0; size <= sizeof(small); size++) {
        memset(small, 'x', sizeof(small));
        assert_int_equal(settings_load(&settings, 0, NULL, small, size), 3);
        if (size)
            assert_true(strlen(small) < size);
    }
}

static void test_secrets_from_files(void **state)
{
    (void)state;
    char path[] = "/tmp/ingest-test-secret-XXXXXX";
    assert_int_equal(close(mkstemp(path)), 0);
    write_file(path, "a-tok3n!\r\n", 10);
    setenv("METRICS_TOKEN_FILE", path, 1);
    assert_int_equal(load(), 0);
    assert_string_equal(settings.metrics_token, "a-tok3n!");

    write_file(path, "short\n", 6);
    assert_int_equal(load(), 1);
    assert_non_null(strstr(report, "8 characters"));
    write_file(path, "a-tok3n!\n", 9);

    setenv("METRICS_TOKEN", "both", 1);
    assert_int_equal(load(), 1);
    assert_non_null(strstr(report, "only one of them"));
    unsetenv("METRICS_TOKEN");

    write_file(path, "\n", 1);
    assert_int_equal(load(), 1);
    assert_non_null(strstr(report, "empty"));
    write_file(path, "a\0b", 3);
    assert_int_equal(load(), 1);
    char big[2000];
    memset(big, 'x', sizeof(big));
    write_file(path, big, sizeof(big));
    assert_int_equal(load(), 1);
    assert_non_null(strstr(report, "longer"));
    unlink(path);
    assert_int_equal(load(), 1);
    assert_non_null(strstr(report, path));
}

static void test_a_secret_is_never_shown(void **state)
{
    (void)state;
    setenv("STORE", "mysql://root:hunter2@db", 1);
    setenv("QUEUE", "amqpx://guest:hunter2@mq", 1);
    setenv("MAIL", "smtpx://me:hunter2@mx", 1);
    setenv("METRICS_TOKEN", "hunter2 with a blank", 1);
    assert_int_equal(load(), 4);
    assert_null(strstr(report, "hunter2"));
}

static void test_the_broker_s_settings(void **state)
{
    (void)state;
    setenv("QUEUE", "amqp://guest@mq/%2Fapp", 1);
    setenv("QUEUE_PASSWORD", "hunter2", 1);
    setenv("QUEUE_HEARTBEAT", "3", 1);
    assert_int_equal(load(), 0);
    assert_string_equal(settings.queue_password, "hunter2");
    assert_int_equal(settings.queue_heartbeat_s, 3);
    assert_int_equal(settings.queue_prefetch, 128);

    setenv("QUEUE_CA", "/etc/ca.pem", 1);
    assert_int_equal(load(), 1); /* it would be ignored */
    assert_non_null(strstr(report, "QUEUE_CA: only with QUEUE=amqps://"));
    setenv("QUEUE", "amqps://guest@mq", 1);
    assert_int_equal(load(), 0);

    setenv("QUEUE", "embedded", 1);
    setenv("QUEUE_PREFETCH", "0", 1);
    assert_int_equal(load(), 3);
    assert_null(strstr(report, "hunter2"));
}

static void test_unknown_options(void **state)
{
    (void)state;
    char *options[] = {(char[]){"--port=1"}, (char[]){"--role=none"}, (char[]){"x"}};
    assert_int_equal(settings_load(&settings, 3, options, report, sizeof(report)), 3);
    assert_non_null(strstr(report, "--port=1: unknown option"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, clear),
        cmocka_unit_test_setup(test_values_are_taken, clear),
        cmocka_unit_test_setup(test_every_fault_has_its_line, clear),
        cmocka_unit_test_setup(test_a_report_that_is_too_small_is_cut, clear),
        cmocka_unit_test_setup(test_secrets_from_files, clear),
        cmocka_unit_test_setup(test_a_secret_is_never_shown, clear),
        cmocka_unit_test_setup(test_the_broker_s_settings, clear),
        cmocka_unit_test_setup(test_unknown_options, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
