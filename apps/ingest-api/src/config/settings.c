/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include "utils/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct report {
    char *text;
    size_t size, length;
    int faults;
};

static void fault(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct report *report, const char *format, ...)
{
    va_list arguments;
    report->faults++;
    va_start(arguments, format);
    size_t room = report->size - report->length;
    int n = room > 1 ? vsnprintf(report->text + report->length, room - 1, format, arguments) : -1;
    va_end(arguments);
    if (n < 0)
        return;
    report->length += (size_t)n < room - 1 ? (size_t)n : room - 2;
    report->text[report->length++] = '\n';
    report->text[report->length] = '\0';
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

enum number_type { NUMBER_UNSIGNED, NUMBER_SIZE, NUMBER_U16, NUMBER_BOOL };

struct number {
    const char *name;
    enum number_type type;
    size_t offset;
    uint64_t minimum, maximum, fallback;
};

#define FIELD(member) offsetof(struct settings, member)
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

static const struct number numbers[] = {
    {"PORT", NUMBER_U16, FIELD(port), 1, 65535, 3000},
    {"METRICS_ENABLED", NUMBER_BOOL, FIELD(metrics_enabled), 0, 1, 1},
    {"METRICS_SCRAPES", NUMBER_UNSIGNED, FIELD(metrics_scrapes), 1, 16, 4},
    {"LOOPS", NUMBER_UNSIGNED, FIELD(loops), 1, 64, 0},
    {"STORE_THREADS", NUMBER_UNSIGNED, FIELD(store_threads), 1, 64, 4},
    {"STORE_QUEUE", NUMBER_UNSIGNED, FIELD(store_queue), 1, 1000000, 1024},
    {"STORE_TIMEOUT_MS", NUMBER_UNSIGNED, FIELD(store_timeout_ms), 1, 600000, 5000},
    {"QUEUE_HEARTBEAT", NUMBER_UNSIGNED, FIELD(queue_heartbeat_s), 1, 600, 10},
    {"QUEUE_PREFETCH", NUMBER_UNSIGNED, FIELD(queue_prefetch), 1, 10000, 128},
    {"WORKER_THREADS", NUMBER_UNSIGNED, FIELD(worker_threads), 1, 64, 2},
    {"MAX_CONNECTIONS", NUMBER_UNSIGNED, FIELD(max_connections), 1, 1000000, 10000},
    {"MAX_HEADER_BYTES", NUMBER_SIZE, FIELD(max_header_bytes), KIB, 1 * MIB, 16 * KIB},
    {"MAX_IMPORT_BYTES", NUMBER_SIZE, FIELD(max_import_bytes), KIB, 4096 * MIB, 64 * MIB},
    {"MAX_JSON_BYTES", NUMBER_SIZE, FIELD(max_json_bytes), KIB, 64 * MIB, 1 * MIB},
    {"IDLE_TIMEOUT", NUMBER_UNSIGNED, FIELD(idle_timeout_s), 1, 86400, 60},
    {"REQUEST_TIMEOUT", NUMBER_UNSIGNED, FIELD(request_timeout_s), 1, 86400, 60},
    {"SHUTDOWN_TIMEOUT", NUMBER_UNSIGNED, FIELD(shutdown_timeout_s), 1, 3600, 20},
    {"RATE_LIMIT", NUMBER_UNSIGNED, FIELD(rate_limit), 0, 1000000, 0},
    {"VALIDATION_DELAY", NUMBER_UNSIGNED, FIELD(validation_delay_s), 0, 86400, 15},
    {"JOB_ATTEMPTS", NUMBER_UNSIGNED, FIELD(job_attempts), 1, 100, 5},
};

static unsigned usable_cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}

static void store_number(struct settings *settings, const struct number *number, uint64_t value)
{
    void *field = (char *)settings + number->offset;
    switch (number->type) {
    case NUMBER_UNSIGNED:
        *(unsigned *)field = (unsigned)value;
        break;
    case NUMBER_SIZE:
        *(size_t *)field = (size_t)value;
        break;
    case NUMBER_U16:
        *(uint16_t *)field = (uint16_t)value;
        break;
    case NUMBER_BOOL:
        *(bool *)field = value != 0;
        break;
    }
}

static void load_number(struct settings *settings, const struct number *number, struct report *report)
{
    const char *text = getenv(number->name);
    store_number(settings, number, number->fallback);
    if (!text || !*text)
        return;
    char *rest;
    errno = 0;
    unsigned long long value = strtoull(text, &rest, 10);
    /* strtoull takes blanks and signs; a setting does not */
    if (text[0] < '0' || text[0] > '9' || *rest || errno || value < number->minimum || value > number->maximum) {
        fault(report, "%s=\"%.64s\": must be a whole number from %llu to %llu", number->name, text,
              (unsigned long long)number->minimum, (unsigned long long)number->maximum);
        return;
    }
    store_number(settings, number, value);
}

/* ---- texts ---------------------------------------------------------------------------------------------------- */

struct string {
    const char *name;
    size_t offset, size;
    const char *fallback;
    bool secret; /**< may be given by NAME_FILE; never shown */
};

#define TEXT(member) FIELD(member), sizeof(((struct settings *)0)->member)

static const struct string strings[] = {
    {"HOST", TEXT(host), "127.0.0.1", false},
    {"METRICS_LISTEN", TEXT(metrics_listen), "", false},
    {"METRICS_TOKEN", TEXT(metrics_token), "", true},
    {"DATA_DIR", TEXT(data_dir), "var", false},
    {"STORE", TEXT(store_url), "sqlite", true},
    {"QUEUE", TEXT(queue_url), "embedded", true},
    {"QUEUE_PASSWORD", TEXT(queue_password), "", true},
    {"QUEUE_CA", TEXT(queue_ca), "", false},
    {"MAIL", TEXT(mail_url), "file", true},
    {"MAIL_FROM", TEXT(mail_from), "ProspectFlow <no-reply@prospectflow.invalid>", false},
    {"PROMETHEUS_URL", TEXT(prometheus_url), "http://localhost:9090", false},
    {"GRAFANA_URL", TEXT(grafana_url), "http://localhost:3001", false},
};

/** Reads a secret's file into out, without the newline at its end. @return false after a fault. */
static bool read_secret(const char *name, const char *path, char *out, size_t size, struct report *report)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size) : -1;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        fault(report, "%s_FILE=\"%.200s\": cannot be read: %s", name, path, strerror(error));
        return false;
    }
    if ((size_t)n == size) {
        fault(report, "%s_FILE=\"%.200s\": longer than %zu bytes", name, path, size - 1);
        return false;
    }
    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r'))
        n--;
    out[n] = '\0';
    if (strlen(out) != (size_t)n || n == 0) {
        fault(report, "%s_FILE=\"%.200s\": %s", name, path, n == 0 ? "empty" : "holds a NUL byte");
        return false;
    }
    return true;
}

static void load_string(struct settings *settings, const struct string *string, struct report *report)
{
    char *field = (char *)settings + string->offset;
    const char *value = getenv(string->name);
    char file_name[64];
    snprintf(file_name, sizeof(file_name), "%s_FILE", string->name);
    const char *file = string->secret ? getenv(file_name) : NULL;

    snprintf(field, string->size, "%s", string->fallback);
    if (value && *value && file && *file) {
        fault(report, "%s and %s: only one of them may be set", string->name, file_name);
        return;
    }
    if (file && *file) {
        char content[1024];
        size_t size = string->size < sizeof(content) ? string->size : sizeof(content);
        if (read_secret(string->name, file, content, size, report))
            memcpy(field, content, strlen(content) + 1);
        return;
    }
    if (!value || !*value)
        return;
    size_t length = strlen(value);
    if (length >= string->size) {
        fault(report, "%s: %zu bytes long, at most %zu are allowed", string->name, length, string->size - 1);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) {
            fault(report, "%s: control character 0x%02x at byte %zu", string->name, (unsigned char)value[i], i);
            return;
        }
    }
    memcpy(field, value, length + 1);
}

/* ---- what a value means ----------------------------------------------------------------------------------------- */

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool set_role(struct settings *settings, const char *name)
{
    if (strcmp(name, "all") == 0)
        settings->role = ROLE_ALL;
    else if (strcmp(name, "api") == 0)
        settings->role = ROLE_API;
    else if (strcmp(name, "worker") == 0)
        settings->role = ROLE_WORKER;
    else
        return false;
    return true;
}

static void check_backends(const struct settings *settings, struct report *report)
{
    const char *store = settings->store_url, *queue = settings->queue_url, *mail = settings->mail_url;
    /* what follows the scheme may hold a password: it is not shown */
    if (strcmp(store, "sqlite") != 0 && !(has_prefix(store, "sqlite:") && store[7]) &&
        !has_prefix(store, "postgres://") && !has_prefix(store, "postgresql://"))
        fault(report, "STORE: must be \"sqlite\", \"sqlite:PATH\" or \"postgres://USER:PASSWORD@HOST:PORT/DATABASE\"");
    bool broker = (has_prefix(queue, "amqp://") && queue[7]) || (has_prefix(queue, "amqps://") && queue[8]);
    if (!broker && strcmp(queue, "embedded") != 0)
        fault(report, "QUEUE: must be \"embedded\", \"amqp://USER:PASSWORD@HOST:PORT/VHOST\" or \"amqps://…\"");
    if (*settings->queue_password && !broker)
        fault(report, "QUEUE_PASSWORD: only with QUEUE=amqp://… or amqps://…");
    if (*settings->queue_ca && !has_prefix(queue, "amqps://"))
        fault(report, "QUEUE_CA: only with QUEUE=amqps://…");
    if (strcmp(mail, "file") != 0 && !(has_prefix(mail, "file:") && mail[5]) &&
        !(has_prefix(mail, "smtp://") && mail[7]) && !(has_prefix(mail, "smtps://") && mail[8]))
        fault(report, "MAIL: must be \"file\", \"file:DIRECTORY\", \"smtp://HOST:PORT\" or \"smtps://HOST:PORT\"");
}

static void check_addresses(const struct settings *settings, struct report *report)
{
    const char *listen = settings->metrics_listen, *colon = strrchr(listen, ':');
    if (*listen) {
        char *rest = NULL;
        long port = colon && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &rest, 10) : 0;
        if (!colon || colon == listen || !rest || *rest || port < 1 || port > 65535)
            fault(report, "METRICS_LISTEN=\"%s\": must be ADDRESS:PORT, e.g. 127.0.0.1:9464", listen);
    }
    const char *const urls[][2] = {{"PROMETHEUS_URL", settings->prometheus_url},
                                   {"GRAFANA_URL", settings->grafana_url}};
    for (int i = 0; i < 2; i++) {
        if (!has_prefix(urls[i][1], "http://") && !has_prefix(urls[i][1], "https://"))
            fault(report, "%s=\"%s\": must begin with http:// or https://", urls[i][0], urls[i][1]);
    }
    /* shorter ones are refused unread by middlewares/auth.c */
    if (*settings->metrics_token && strlen(settings->metrics_token) < 8)
        fault(report, "METRICS_TOKEN: must have 8 characters or more");
    for (const char *p = settings->metrics_token; *p; p++) {
        if (*p < 0x21 || *p > 0x7e) {
            fault(report, "METRICS_TOKEN: only visible ASCII characters can be sent in a header");
            break;
        }
    }
}

static void load_role(struct settings *settings, int argc, char **argv, struct report *report)
{
    const char *role = getenv("ROLE");
    settings->role = ROLE_ALL;
    if (role && *role && !set_role(settings, role))
        fault(report, "ROLE=\"%.64s\": must be all, api or worker", role);
    for (int i = 0; i < argc; i++) {
        if (has_prefix(argv[i], "--role=")) {
            if (!set_role(settings, argv[i] + 7))
                fault(report, "--role=%.64s: must be all, api or worker", argv[i] + 7);
        } else {
            fault(report, "%.64s: unknown option; --role=all|api|worker is the only one", argv[i]);
        }
    }
}

int settings_load(struct settings *settings, int argc, char **argv, char *report_text, size_t report_size)
{
    struct report report = {.text = report_text, .size = report_size};
    if (report_size)
        report_text[0] = '\0';
    *settings = (struct settings){.log_level = LOG_INFO};

    load_role(settings, argc, argv, &report);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        load_number(settings, &numbers[i], &report);
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        load_string(settings, &strings[i], &report);
    if (settings->loops == 0)
        settings->loops = usable_cores();

    const char *level = getenv("LOG_LEVEL");
    if (level && *level) {
        settings->log_level = log_level_from_name(level);
        if (settings->log_level < 0)
            fault(&report, "LOG_LEVEL=\"%.64s\": must be trace, debug, info, warn, error, fatal or silent", level);
    }
    check_backends(settings, &report);
    check_addresses(settings, &report);
    return report.faults;
}
