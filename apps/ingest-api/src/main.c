/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/settings.h"
#include "commands.h"
#include "metrics/metrics.h"
#include "probe.h"
#include "reference.h"
#include "service.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char commands[] =
    "usage: ingest-api [serve] [--role=all|api|worker]   serve (the default) until SIGTERM\n"
    "       ingest-api org create NAME                   make an organisation; its id and API key are printed once\n"
    "       ingest-api key create ORGANISATION           one more API key of it, printed once\n"
    "       ingest-api key list ORGANISATION             its keys: id, made when, revoked when\n"
    "       ingest-api key revoke ORGANISATION KEY_ID    nobody gets in by that key any more\n"
    "       ingest-api health [live|ready]               ask the server of these settings; status 0: it is (ready)\n"
    "       ingest-api metrics [--json]                  the reference of all metrics, as Markdown or JSON\n"
    "       ingest-api --version | --help                --help lists the settings too\n";

static const char environment[] =
    "\n"
    "Settings come from the environment, defaults in brackets:\n"
    "  HOST [127.0.0.1]  PORT [3000]  ROLE [all]  LOOPS [one per core]  DATA_DIR [var]\n"
    "  STORE [sqlite]  STORE_THREADS [4]  STORE_QUEUE [1024]  STORE_TIMEOUT_MS [5000]\n"
    "  QUEUE [embedded] | amqp://USER:PASSWORD@HOST:PORT/VHOST | amqps://...  WORKER_THREADS [2]  JOB_ATTEMPTS [5]\n"
    "  VALIDATION_DELAY [15] seconds from an import to its jobs\n"
    "  QUEUE_PASSWORD [the URL's]  QUEUE_CA [the system's]  QUEUE_HEARTBEAT [10] seconds  QUEUE_PREFETCH [128]\n"
    "  MAIL [file] | file:DIR | smtp://HOST:PORT | smtps://HOST:PORT  MAIL_FROM  MAIL_RATE_LIMIT [0: none]\n"
    "  SMTP_USER  SMTP_PASSWORD  SMTP_STARTTLS [opportunistic] | required | off  SMTP_CA [the system's]\n"
    "  TLS_CERT  TLS_KEY  PEM files: TLS on every listener; SIGHUP reads them again\n"
    "  SENTRY_DSN [none]  SENTRY_CA [the system's]  SENTRY_ENVIRONMENT [production]\n"
    "  METRICS_ENABLED [1]  METRICS_LISTEN [the main port]  METRICS_TOKEN [none]  METRICS_SCRAPES [4]\n"
    "  METRICS_ARENA [none]  file that holds the metrics, for promc dump after a crash\n"
    "  PROMC_OVERRIDES [none]  a metric's buckets, kind, caps: \"METRIC buckets=0.1,1; ...\" or @FILE\n"
    "  MAX_CONNECTIONS [10000]  MAX_HEADER_BYTES [16384]  MAX_IMPORT_BYTES [67108864]  MAX_JSON_BYTES [1048576]\n"
    "  MAX_JOBS [10000000]  MAX_CAMPAIGNS [100000]  of an organisation; 0: no limit\n"
    "  IDLE_TIMEOUT [60]  REQUEST_TIMEOUT [60]  SHUTDOWN_TIMEOUT [20]  seconds\n"
    "  RATE_LIMIT [0: none]  requests per second of an organisation\n"
    "  LOG_LEVEL [info]  PROMETHEUS_URL  GRAFANA_URL\n"
    "METRICS_TOKEN, STORE, QUEUE, QUEUE_PASSWORD, MAIL, SMTP_PASSWORD and SENTRY_DSN may also be given as files:\n"
    "METRICS_TOKEN_FILE and so on.\n";

static int refuse(const char *format, const char *what)
{
    fprintf(stderr, "ingest-api: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n%s", commands);
    return 2;
}

static int load(struct settings *settings, int argc, char **argv)
{
    char report[8192];
    int faults = settings_load(settings, argc, argv, report, sizeof(report));
    if (faults > 0) {
        fprintf(stderr, "ingest-api: %d %s in the configuration:\n%s", faults, faults == 1 ? "fault" : "faults",
                report);
        return -1;
    }
    log_set_level(settings->log_level);
    return 0;
}

/* Commands that use the store: their result is standard output, and only warnings are worth a line beside it. */
static int load_for_command(struct settings *settings)
{
    log_set_fd(STDERR_FILENO);
    if (load(settings, 0, NULL) < 0)
        return -1;
    if (settings->log_level < LOG_WARN)
        log_set_level(LOG_WARN);
    return 0;
}

static int org(int argc, char **argv)
{
    struct settings settings;
    if (argc != 2 || strcmp(argv[0], "create") != 0)
        return refuse("org takes the command \"%s\" and a name", "create");
    return load_for_command(&settings) < 0 ? 1 : command_org_create(&settings, argv[1]);
}

static int key(int argc, char **argv)
{
    struct settings settings;
    const char *command = argc < 1 ? "" : argv[0];
    bool revoke = strcmp(command, "revoke") == 0, create = strcmp(command, "create") == 0;
    if (!revoke && !create && strcmp(command, "list") != 0)
        return refuse("key takes the command \"create\", \"list\" or \"revoke\", not \"%s\"", command);
    if (argc != (revoke ? 3 : 2))
        return refuse(revoke ? "key %s takes the organisation's id and the key's"
                             : "key %s takes the organisation's id",
                      command);
    if (load_for_command(&settings) < 0)
        return 1;
    return revoke   ? command_key_revoke(&settings, argv[1], argv[2])
           : create ? command_key_create(&settings, argv[1])
                    : command_key_list(&settings, argv[1]);
}

static int metrics(int argc, char **argv)
{
    bool json = argc == 1 && strcmp(argv[0], "--json") == 0;
    if (argc > 0 && !json)
        return refuse("metrics takes --json or nothing, not \"%s\"", argv[argc - 1]);
    log_set_fd(STDERR_FILENO); /* standard output is the result */
    return command_metrics(json);
}

static int health(int argc, char **argv)
{
    struct settings settings;
    const char *what = argc > 0 ? argv[0] : "ready";
    if (argc > 1 || (strcmp(what, "live") != 0 && strcmp(what, "ready") != 0))
        return refuse("health takes live, ready or nothing, not \"%s\"", argv[argc - 1]);
    return load_for_command(&settings) < 0 ? 1 : command_health(&settings, what);
}

int main(int argc, char **argv)
{
    struct settings settings;
    argc--;
    argv++;
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        printf("%s%s", commands, environment);
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        printf("ingest-api %s (%s)\n", build_version(), build_revision());
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "org") == 0)
        return org(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "key") == 0)
        return key(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "health") == 0)
        return health(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "metrics") == 0)
        return metrics(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "serve") == 0) {
        argc--;
        argv++;
    } else if (argc > 0 && argv[0][0] != '-') {
        return refuse("unknown command \"%s\"", argv[0]);
    }
    if (load(&settings, argc, argv) < 0)
        return 1;
    return service_run(&settings);
}
