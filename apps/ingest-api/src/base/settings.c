/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"

#include "base/backends.h"
#include "base/log.h"
#include "base/setting_meant.h"
#include "base/setting_values.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the list of settings ---- */

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
    {"MAX_JOBS", NUMBER_UNSIGNED, FIELD(max_jobs), 0, 1000000000, 10000000},
    {"CONFINE", NUMBER_BOOL, FIELD(confine), 0, 1, 1},
    {"MAX_PROSPECTS", NUMBER_UNSIGNED, FIELD(max_prospects), 0, 1000000000, 10000000},
    {"MAX_IDEMPOTENCY_KEYS", NUMBER_UNSIGNED, FIELD(max_idempotency_keys), 0, 1000000000, 100000},
    {"IDEMPOTENCY_TTL", NUMBER_UNSIGNED, FIELD(idempotency_ttl_s), 1, 2592000, 86400},
    {"MAX_BODY_DISK", NUMBER_SIZE, FIELD(max_body_disk), 0, 1048576 * MIB, 1024 * MIB},
    {"MAX_CAMPAIGNS", NUMBER_UNSIGNED, FIELD(max_campaigns), 0, 1000000000, 100000},
    {"IDLE_TIMEOUT", NUMBER_UNSIGNED, FIELD(idle_timeout_s), 1, 86400, 60},
    {"REQUEST_TIMEOUT", NUMBER_UNSIGNED, FIELD(request_timeout_s), 1, 86400, 60},
    {"SHUTDOWN_TIMEOUT", NUMBER_UNSIGNED, FIELD(shutdown_timeout_s), 1, 3600, 20},
    {"RATE_LIMIT", NUMBER_UNSIGNED, FIELD(rate_limit), 0, 1000000, 0},
    {"VALIDATION_DELAY", NUMBER_UNSIGNED, FIELD(validation_delay_s), 0, 86400, 15},
    {"MAIL_RATE_LIMIT", NUMBER_UNSIGNED, FIELD(mail_rate), 0, 1000000, 0},
    {"MAIL_RETRY_MIN", NUMBER_UNSIGNED, FIELD(mail_retry_min_s), 1, 86400, 60},
    {"MAIL_RETRY_MAX", NUMBER_UNSIGNED, FIELD(mail_retry_max_s), 1, 604800, 14400},
    {"MAIL_RETRY_FOR", NUMBER_UNSIGNED, FIELD(mail_retry_for_s), 1, 2592000, 432000},
    {"MAIL_REFUSALS", NUMBER_UNSIGNED, FIELD(mail_refusals), 1, 1000, 10},
    {"JOB_ATTEMPTS", NUMBER_UNSIGNED, FIELD(job_attempts), 1, 100, 5},
};

#define TEXT(member) FIELD(member), sizeof(((struct settings *)0)->member)

static const struct string strings[] = {
    {"HOST", TEXT(host), "127.0.0.1", false},
    {"TLS_CERT", TEXT(tls_cert), "", false},
    {"TLS_KEY", TEXT(tls_key), "", false},
    {"METRICS_LISTEN", TEXT(metrics_listen), "", false},
    {"METRICS_TOKEN", TEXT(metrics_token), "", true},
    {"METRICS_ARENA", TEXT(metrics_arena), "", false},
    {"DATA_DIR", TEXT(data_dir), "var", false},
    {"STORE", TEXT(store_url), "sqlite", true},
    {"QUEUE", TEXT(queue_url), "embedded", true},
    {"QUEUE_PASSWORD", TEXT(queue_password), "", true},
    {"QUEUE_CA", TEXT(queue_ca), "", false},
    {"MAIL", TEXT(mail_url), "file", true},
    {"SMTP_USER", TEXT(smtp_user), "", false},
    {"SMTP_PASSWORD", TEXT(smtp_password), "", true},
    {"SMTP_CA", TEXT(smtp_ca), "", false},
    {"SENTRY_DSN", TEXT(sentry_dsn), "", true},
    {"SENTRY_CA", TEXT(sentry_ca), "", false},
    {"SENTRY_ENVIRONMENT", TEXT(sentry_environment), "production", false},
    {"MAIL_FROM", TEXT(mail_from), "", false},
    {"MAIL_EHLO", TEXT(mail_ehlo), "", false},
    {"PUBLIC_URL", TEXT(public_url), "", false},
    {"UNSUBSCRIBE_SECRET", TEXT(unsubscribe_secret), "", true},
    {"PROMETHEUS_URL", TEXT(prometheus_url), "http://localhost:9090", false},
    {"GRAFANA_URL", TEXT(grafana_url), "http://localhost:3001", false},
};

static unsigned usable_cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}

/* ---- checks of the values ---- */

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
    bool broker = backend_is_broker(settings->queue_url);
    /* the text after the scheme may contain a password, so it is not shown */
    if (backend_of_store(settings->store_url, NULL) == STORE_IS_INVALID)
        report_fault(report,
                     "STORE: must be \"sqlite\", \"sqlite:PATH\" or \"postgres://USER:PASSWORD@HOST:PORT/DATABASE\"");
    if (backend_of_queue(settings->queue_url) == QUEUE_IS_INVALID)
        report_fault(report, "QUEUE: must be \"embedded\", \"amqp://USER:PASSWORD@HOST:PORT/VHOST\" or \"amqps://…\"");
    if (*settings->queue_password && !broker)
        report_fault(report, "QUEUE_PASSWORD: only with QUEUE=amqp://… or amqps://…");
    if (*settings->queue_ca && backend_of_queue(settings->queue_url) != QUEUE_IS_AMQPS)
        report_fault(report, "QUEUE_CA: only with QUEUE=amqps://…");
    if (backend_of_mail(settings->mail_url, NULL) == MAIL_IS_INVALID)
        report_fault(report,
                     "MAIL: must be \"file\", \"file:DIRECTORY\", \"smtp://HOST:PORT\" or \"smtps://HOST:PORT\"");
}

static void check_file(const char *name, const char *path, struct report *report)
{
    int error = *path && access(path, R_OK) < 0 ? errno : 0;
    if (error)
        report_fault(report, "%s=\"%s\": cannot be read: %s", name, path, strerror(error));
}

static void check_tls(const struct settings *settings, struct report *report)
{
    if (!*settings->tls_cert != !*settings->tls_key)
        report_fault(report, "TLS_CERT and TLS_KEY: both or none must be set");
    check_file("TLS_CERT", settings->tls_cert, report);
    check_file("TLS_KEY", settings->tls_key, report);
}

static void check_smtp(struct settings *settings, struct report *report)
{
    static const char *const names[] = {"opportunistic", "required", "off"};
    const char *value = getenv("SMTP_STARTTLS");
    enum mail_backend mail = backend_of_mail(settings->mail_url, NULL);
    bool plain = mail == MAIL_IS_SMTP, smtp = plain || mail == MAIL_IS_SMTPS;
    int i = 0;
    settings->smtp_starttls = *settings->smtp_user ? STARTTLS_REQUIRED : STARTTLS_OPPORTUNISTIC;
    if (value && *value) {
        while (i < 3 && strcmp(value, names[i]) != 0)
            i++;
        if (i == 3)
            report_fault(report, "SMTP_STARTTLS=\"%.64s\": must be opportunistic, required or off", value);
        else
            settings->smtp_starttls = (enum smtp_starttls)i;
    }
    if (!*settings->smtp_user != !*settings->smtp_password)
        report_fault(report, "SMTP_USER and SMTP_PASSWORD: both or none must be set");
    if (*settings->smtp_user && plain && settings->smtp_starttls != STARTTLS_REQUIRED)
        report_fault(report, "SMTP_USER: needs SMTP_STARTTLS=required or smtps://, else others may read the password");
    if ((*settings->smtp_user || *settings->smtp_ca) && !smtp)
        report_fault(report, "SMTP_USER and SMTP_CA: only with MAIL=smtp://… or smtps://…");
    check_file("SMTP_CA", settings->smtp_ca, report);
    if (smtp && !*settings->mail_from && settings->role & ROLE_WORKER)
        report_fault(report, "MAIL_FROM: must be set with MAIL=smtp://… or smtps://…, as \"Name <local@domain>\"");
    if (strspn(settings->mail_ehlo, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:[]-") !=
        strlen(settings->mail_ehlo))
        report_fault(report, "MAIL_EHLO=\"%.64s\": must be a host name or an address in brackets", settings->mail_ehlo);
}

/* http://KEY@HOST/PROJECT; the key is not shown */
static void check_sentry(const struct settings *settings, struct report *report)
{
    const char *dsn = settings->sentry_dsn, *rest = strstr(dsn, "://"), *at = rest ? strchr(rest, '@') : NULL,
               *project = at ? strrchr(at, '/') : NULL;
    if (*dsn && ((!has_prefix(dsn, "http://") && !has_prefix(dsn, "https://")) || !at || at == rest + 3 || !project ||
                 project == at + 1 || !project[1] || strspn(project + 1, "0123456789") != strlen(project + 1)))
        report_fault(report, "SENTRY_DSN: must be \"https://KEY@HOST/PROJECT\" with a number as the project");
    check_file("SENTRY_CA", settings->sentry_ca, report);
}

static void check_addresses(const struct settings *settings, struct report *report)
{
    const char *listen = settings->metrics_listen, *colon = strrchr(listen, ':');
    if (*listen) {
        char *rest = NULL;
        long port = colon && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &rest, 10) : 0;
        if (!colon || colon == listen || !rest || *rest || port < 1 || port > 65535)
            report_fault(report, "METRICS_LISTEN=\"%s\": must be ADDRESS:PORT, e.g. 127.0.0.1:9464", listen);
    }
    const char *const urls[][2] = {{"PROMETHEUS_URL", settings->prometheus_url},
                                   {"GRAFANA_URL", settings->grafana_url},
                                   {"PUBLIC_URL", settings->public_url}};
    for (int i = 0; i < 3; i++) {
        if (i == 2 && !*urls[i][1])
            continue;
        if (!has_prefix(urls[i][1], "http://") && !has_prefix(urls[i][1], "https://"))
            report_fault(report, "%s=\"%s\": must begin with http:// or https://", urls[i][0], urls[i][1]);
    }
    for (const char *p = settings->public_url; *p; p++) {
        if (*p <= ' ' || *p > '~' || strchr("<>\"", *p)) {
            report_fault(report, "PUBLIC_URL: must be visible ASCII characters, without < > and \"");
            break;
        }
    }
    if (*settings->unsubscribe_secret && strlen(settings->unsubscribe_secret) < 16)
        report_fault(report, "UNSUBSCRIBE_SECRET: must have 16 characters or more");
    /* http/auth.c never accepts a shorter one */
    if (*settings->metrics_token && strlen(settings->metrics_token) < 8)
        report_fault(report, "METRICS_TOKEN: must have 8 characters or more");
    for (const char *p = settings->metrics_token; *p; p++) {
        if (*p < 0x21 || *p > 0x7e) {
            report_fault(report, "METRICS_TOKEN: only visible ASCII characters can be sent in a header");
            break;
        }
    }
}

static void load_role(struct settings *settings, int argc, char **argv, struct report *report)
{
    const char *role = getenv("ROLE");
    settings->role = ROLE_ALL;
    if (role && *role && !set_role(settings, role))
        report_fault(report, "ROLE=\"%.64s\": must be all, api or worker", role);
    for (int i = 0; i < argc; i++) {
        if (has_prefix(argv[i], "--role=")) {
            if (!set_role(settings, argv[i] + 7))
                report_fault(report, "--role=%.64s: must be all, api or worker", argv[i] + 7);
        } else {
            report_fault(report, "%.64s: unknown option; --role=all|api|worker is the only one", argv[i]);
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
        setting_number(settings, &numbers[i], &report);
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        setting_string(settings, &strings[i], &report);
    if (settings->loops == 0)
        settings->loops = usable_cores();

    const char *level = getenv("LOG_LEVEL");
    if (level && *level) {
        settings->log_level = log_level_from_name(level);
        if (settings->log_level < 0)
            report_fault(&report, "LOG_LEVEL=\"%.64s\": must be trace, debug, info, warn, error, fatal or silent",
                         level);
    }
    check_backends(settings, &report);
    check_tls(settings, &report);
    check_smtp(settings, &report);
    check_sentry(settings, &report);
    check_addresses(settings, &report);
    return report.faults;
}

uint16_t settings_metrics_address(const struct settings *settings, char host[64])
{
    const char *listen = settings->metrics_listen, *colon = strrchr(listen, ':');
    size_t length = (size_t)(colon - listen);
    bool bracketed = length > 2 && listen[0] == '[' && colon[-1] == ']';

    (void)snprintf(host, 64, "%.*s", (int)(length - 2 * bracketed), listen + bracketed);
    return (uint16_t)strtoul(colon + 1, NULL, 10);
}

/* ---- unknown names ---- */

/* Settings that are not in the tables. */
static const char *const other_names[] = {"ROLE", "LOG_LEVEL", "SMTP_STARTTLS", "PROMC_OVERRIDES"};

struct near {
    char name[64];
    const char *setting; /* the closest setting */
    const char *ending;
    unsigned slips;
    bool known;
};

static void compare(struct near *near, const char *setting, const char *ending)
{
    char whole[64];
    (void)snprintf(whole, sizeof(whole), "%s%s", setting, ending);
    unsigned slips = setting_slips(near->name, whole);
    near->known |= strcmp(whole, near->name) == 0;
    if (slips > 0 && (!near->setting || slips < near->slips)) {
        near->setting = setting;
        near->ending = ending;
        near->slips = slips;
    }
}

static void compare_all(struct near *near)
{
    for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++)
        compare(near, other_names[i], "");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        compare(near, numbers[i].name, "");
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        compare(near, strings[i].name, "");
        if (strings[i].secret)
            compare(near, strings[i].name, "_FILE");
    }
}

void settings_misspelt(void (*found)(const char *name, const char *meant))
{
    for (char **variable = environ; *variable; variable++) {
        struct near near = {.known = false};
        size_t length = strcspn(*variable, "=");
        char meant[64];
        if (length >= sizeof(near.name))
            continue;
        memcpy(near.name, *variable, length);
        compare_all(&near);
        if (near.known || !near.setting)
            continue;
        (void)snprintf(meant, sizeof(meant), "%s%s", near.setting, near.ending);
        found(near.name, meant);
    }
}
