/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: an environment of NAME=VALUE lines. Each fault is one line without secrets, and accepted values are within bounds. */
#include "base/settings.h"
#include "fuzz.h"

#define SECRET "hunter2-hunter2"

/* the names that the first byte of a line selects, so that the fuzzer need not guess them */
static const char *const names[] = {
    "PORT",
    "HOST",
    "ROLE",
    "LOOPS",
    "STORE",
    "QUEUE",
    "MAIL",
    "MAIL_FROM",
    "METRICS_LISTEN",
    "METRICS_TOKEN",
    "SENTRY_DSN",
    "SMTP_STARTTLS",
    "SMTP_USER",
    "LOG_LEVEL",
    "MAX_HEADER_BYTES",
    "MAX_IMPORT_BYTES",
    "IDLE_TIMEOUT",
    "METRICS_ENABLED",
    "QUEUE_PREFETCH",
    "TLS_CERT",
    "DATA_DIR",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static void check(const struct settings *settings)
{
    if (settings->port == 0 || settings->loops < 1 || settings->loops > 64 || settings->max_header_bytes < 1 ||
        settings->idle_timeout_s < 1 || settings->role < ROLE_API || settings->role > ROLE_ALL ||
        strnlen(settings->host, sizeof(settings->host)) == sizeof(settings->host) ||
        strnlen(settings->store_url, sizeof(settings->store_url)) == sizeof(settings->store_url))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct settings settings;
    char report[8192], *text = fuzz_text(data, size), *rest = NULL;
    if (!text)
        return 0;
    for (size_t i = 0; i < NAMES; i++)
        unsetenv(names[i]);
    setenv("METRICS_TOKEN", SECRET, 1);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        setenv(names[(unsigned char)*line % NAMES], line + 1, 1);
    bool given =
        memmem(data, size, SECRET, strlen(SECRET)) != NULL; /* the input has it as another value, which may be shown */
    int faults = settings_load(&settings, 0, NULL, report, sizeof(report));
    if (faults == 0) {
        check(&settings);
    } else {
        int lines = 0;
        for (const char *p = report; (p = strchr(p, '\n')); p++)
            lines++;
        if (lines == 0 || lines > faults || (!given && strstr(report, SECRET)))
            abort();
    }
    free(text);
    return 0;
}
