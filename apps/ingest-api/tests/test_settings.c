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

static void test_values_are_read(void **state)
{
    (void)state;
    setenv("PORT", "65535", 1);
    setenv("ROLE", "worker", 1);
    setenv("METRICS_ENABLED", "0", 1);
    setenv("METRICS_LISTEN", "[::1]:9464", 1);
    setenv("LOG_LEVEL", "silent", 1);
    setenv("LOOPS", "", 1); /* empty counts as not set */
    assert_int_equal(load(), 0);
    assert_int_equal(settings.port, 65535);
    assert_int_equal(settings.role, ROLE_WORKER);
    assert_false(settings.metrics_enabled);
    assert_int_equal(settings.log_level, 70);
    char *option[] = {(char[]){"--role=api"}};
    assert_int_equal(settings_load(&settings, 1, option, report, sizeof(report)), 0);
    assert_int_equal(settings.role, ROLE_API); /* the command line wins */
}

static void test_every_fault_has_one_line(void **state)
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

/* As documented in docs/service/settings.md: the smallest and the largest value are accepted, the next ones are not. */
static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        long long min, max;
    } numbers[] = {
        {"PORT", 1, 65535},
        {"METRICS_SCRAPES", 1, 16},
        {"LOOPS", 1, 64},
        {"STORE_THREADS", 1, 64},
        {"STORE_QUEUE", 1, 1000000},
        {"STORE_TIMEOUT_MS", 1, 600000},
        {"QUEUE_HEARTBEAT", 1, 600},
        {"QUEUE_PREFETCH", 1, 10000},
        {"WORKER_THREADS", 1, 64},
        {"MAX_CONNECTIONS", 1, 1000000},
        {"MAX_HEADER_BYTES", 1024, 1048576},
        {"MAX_IMPORT_BYTES", 1024, 4294967296},
        {"MAX_JSON_BYTES", 1024, 67108864},
        {"MAX_JOBS", 0, 1000000000},
        {"MAX_PROSPECTS", 0, 1000000000},
        {"MAX_IDEMPOTENCY_KEYS", 0, 1000000000},
        {"IDEMPOTENCY_TTL", 1, 2592000},
        {"MAX_BODY_DISK", 0, 1099511627776},
        {"MAX_CAMPAIGNS", 0, 1000000000},
        {"IDLE_TIMEOUT", 1, 86400},
        {"REQUEST_TIMEOUT", 1, 86400},
        {"SHUTDOWN_TIMEOUT", 1, 3600},
        {"RATE_LIMIT", 0, 1000000},
        {"VALIDATION_DELAY", 0, 86400},
        {"MAIL_RATE_LIMIT", 0, 1000000},
        {"MAIL_RETRY_MIN", 1, 86400},
        {"MAIL_RETRY_MAX", 1, 604800},
        {"MAIL_RETRY_FOR", 1, 2592000},
        {"MAIL_REFUSALS", 1, 1000},
        {"JOB_ATTEMPTS", 1, 100},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const long long values[] = {numbers[i].min - 1, numbers[i].min, numbers[i].max, numbers[i].max + 1};
        char value[32], fault[128];
        (void)snprintf(fault, sizeof(fault), ": must be a whole number from %lld to %lld", numbers[i].min,
                       numbers[i].max);
        for (size_t j = 0; j < 4; j++) {
            (void)snprintf(value, sizeof(value), "%lld", values[j]);
            setenv(numbers[i].name, value, 1);
            (void)load();
            assert_int_equal(strstr(report, fault) != NULL, j == 0 || j == 3);
        }
        unsetenv(numbers[i].name);
    }
}

static void test_starttls(void **state)
{
    static const char *const names[] = {"opportunistic", "required", "off"};
    static const enum smtp_starttls meant[] = {STARTTLS_OPPORTUNISTIC, STARTTLS_REQUIRED, STARTTLS_OFF};
    (void)state;
    setenv("MAIL", "smtp://127.0.0.1:25", 1);
    setenv("MAIL_FROM", "A <a@b.co>", 1);
    assert_int_equal(load(), 0);
    assert_int_equal(settings.smtp_starttls, STARTTLS_OPPORTUNISTIC);
    for (int i = 0; i < 3; i++) {
        setenv("SMTP_STARTTLS", names[i], 1);
        assert_int_equal(load(), 0);
        assert_int_equal(settings.smtp_starttls, meant[i]);
    }
    setenv("SMTP_STARTTLS", "perhaps", 1);
    assert_int_equal(load(), 1);
    setenv("SMTP_STARTTLS", "", 1);
    setenv("SMTP_USER", "me", 1);
    assert_int_equal(load(), 1); /* user name without password */
    setenv("SMTP_PASSWORD", "secret", 1);
    assert_int_equal(load(), 0);
    assert_int_equal(settings.smtp_starttls, STARTTLS_REQUIRED); /* a password is never sent in clear text */
    setenv("SMTP_STARTTLS", "off", 1);
    assert_int_equal(load(), 1);
    setenv("MAIL", "file", 1);
    setenv("SMTP_STARTTLS", "", 1);
    assert_int_equal(load(), 1); /* a login without a mail server */
}

static void test_sentry_dsn(void **state)
{
    static const char *const good[] = {"https://key@host/1", "http://key@host:9000/42", "https://key@host/path/7", ""};
    static const char *const bad[] = {
        "host/1",         "ftp://key@host/1",  "https://host/1",     "https://@host/1",    "https://key@host",
        "https://key@/1", "https://key@host/", "https://key@host/x", "https://key@host/1x"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        setenv("SENTRY_DSN", good[i], 1);
        assert_int_equal(load(), 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        setenv("SENTRY_DSN", bad[i], 1);
        assert_int_equal(load(), 1);
        assert_null(strstr(report, "key@"));
    }
}

static void test_the_length_of_texts_is_limited(void **state)
{
    char value[sizeof(settings.host) + 1];
    (void)state;
    memset(value, 'a', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    setenv("HOST", value, 1);
    assert_int_equal(load(), 1);
    assert_non_null(strstr(report, "bytes long, at most "));
    assert_string_equal(settings.host, "127.0.0.1");
    value[sizeof(value) - 2] = '\0';
    setenv("HOST", value, 1);
    assert_int_equal(load(), 0);
    assert_string_equal(settings.host, value);
}

static void test_a_report_is_cut_to_its_buffer(void **state)
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
    assert_int_equal(load(), 1); /* without amqps:// it would be ignored */
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

static char said[512];

static void remember(const char *name, const char *meant)
{
    size_t n = strlen(said);
    (void)snprintf(said + n, sizeof(said) - n, "%s=%s ", name, meant);
}

static void test_a_misspelt_name_is_reported(void **state)
{
    static const char *const others[] = {"HOME",
                                         "PATH",
                                         "HOSTNAME",
                                         "LOGNAME",
                                         "SHELL",
                                         "SMTP_SERVER",
                                         "PROMETHEUS_PORT",
                                         "GRAFANA_PORT",
                                         "STORE_PATH",
                                         "PORTS",
                                         "MAILER",
                                         "QUEUE_NAME",
                                         "TLS_CERTIFICATE",
                                         "STORE_THREADS",
                                         "QUEUE_PASSWORD_FILE",
                                         "LOG_LEVEL",
                                         "SMTP_STARTTLS",
                                         "PROMC_OVERRIDES",
                                         "X"};
    static const char *const slips[][2] = {{"STORE_THREAD", "STORE_THREADS"},
                                           {"WROKER_THREADS", "WORKER_THREADS"},
                                           {"store_threads", "STORE_THREADS"},
                                           {"MAIL_RETRY_MAXX", "MAIL_RETRY_MAX"},
                                           {"LOGLEVEL", "LOG_LEVEL"},
                                           {"METRICS_TOKEN_FIEL", "METRICS_TOKEN_FILE"},
                                           {"STORES", "STORE"}};
    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        setenv(others[i], "1", 1);
    said[0] = '\0';
    settings_misspelt(remember);
    assert_string_equal(said, "");
    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
        char expected[128];
        clearenv();
        setenv(slips[i][0], "1", 1);
        said[0] = '\0';
        settings_misspelt(remember);
        (void)snprintf(expected, sizeof(expected), "%s=%s ", slips[i][0], slips[i][1]);
        assert_string_equal(said, expected);
    }
}

static void test_the_address_of_the_metrics(void **state)
{
    static const struct {
        const char *listen, *host;
        unsigned port;
    } cases[] = {{"127.0.0.1:9464", "127.0.0.1", 9464}, {"[::1]:1", "::1", 1}, {"::1:65535", "::1", 65535}};
    char host[64];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv("METRICS_LISTEN", cases[i].listen, 1);
        assert_int_equal(load(), 0);
        assert_int_equal(settings_metrics_address(&settings, host), cases[i].port);
        assert_string_equal(host, cases[i].host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, clear),
        cmocka_unit_test_setup(test_values_are_read, clear),
        cmocka_unit_test_setup(test_every_fault_has_one_line, clear),
        cmocka_unit_test_setup(test_ranges, clear),
        cmocka_unit_test_setup(test_starttls, clear),
        cmocka_unit_test_setup(test_sentry_dsn, clear),
        cmocka_unit_test_setup(test_the_length_of_texts_is_limited, clear),
        cmocka_unit_test_setup(test_a_report_is_cut_to_its_buffer, clear),
        cmocka_unit_test_setup(test_secrets_from_files, clear),
        cmocka_unit_test_setup(test_a_secret_is_never_shown, clear),
        cmocka_unit_test_setup(test_the_broker_s_settings, clear),
        cmocka_unit_test_setup(test_unknown_options, clear),
        cmocka_unit_test_setup(test_a_misspelt_name_is_reported, clear),
        cmocka_unit_test_setup(test_the_address_of_the_metrics, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
