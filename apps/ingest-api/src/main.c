/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/settings.h"
#include "commands.h"
#include "copies.h"
#include "metrics/metrics.h"
#include "probe.h"
#include "reference.h"
#include "service.h"
#include "why.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char commands[] =
    "usage: ingest-api [serve] [--role=all|api|worker]   serve (the default) until SIGTERM\n"
    "       ingest-api org create NAME                   create an organisation; prints its id and its API key once\n"
    "       ingest-api org sender ORGANISATION [SENDER]  the sender of its e-mails, \"\" for MAIL_FROM\n"
    "       ingest-api org delete ORGANISATION           erase it with all its data\n"
    "       ingest-api key create ORGANISATION           create another API key; prints it once\n"
    "       ingest-api key list ORGANISATION             its keys: id, created at, revoked at\n"
    "       ingest-api key revoke ORGANISATION KEY_ID    revoke a key\n"
    "       ingest-api migrate [--serve=ROLE] [--all=ROLE]   bring the store up to date; PostgreSQL's roles: "
    "docs/service/security.md\n"
    "       ingest-api backup FILE                       copy the embedded store, also while it is in use\n"
    "       ingest-api restore [--replace] FILE          replace the store by such a copy; stop ingest-api first\n"
    "       ingest-api health [live|ready]               ask the server with these settings; status 0: it is live "
    "(ready)\n"
    "       ingest-api why [--json]                      what waits, for what, since when; status 0: nothing waits\n"
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
    "  MAIL [file] | file:DIR | smtp://HOST:PORT | smtps://HOST:PORT  MAIL_RATE_LIMIT [0: none]\n"
    "  MAIL_FROM  required with smtp  MAIL_EHLO [the host's name]\n"
    "  PUBLIC_URL  start of the unsubscribe links  UNSUBSCRIBE_SECRET [generated, and kept in the store]\n"
    "  MAIL_RETRY_MIN [60] seconds  MAIL_RETRY_MAX [14400]  MAIL_RETRY_FOR [432000]  MAIL_REFUSALS [10] of a sender\n"
    "  SMTP_USER  SMTP_PASSWORD  SMTP_STARTTLS [opportunistic] | required | off  SMTP_CA [the system's]\n"
    "  TLS_CERT  TLS_KEY  PEM files: TLS on every listener; SIGHUP reads them again\n"
    "  SENTRY_DSN [none]  SENTRY_CA [the system's]  SENTRY_ENVIRONMENT [production]\n"
    "  METRICS_ENABLED [1]  METRICS_LISTEN [the main port]  METRICS_TOKEN [none]  METRICS_SCRAPES [4]\n"
    "  METRICS_ARENA [none]  file with the metrics, for promc dump after a crash\n"
    "  PROMC_OVERRIDES [none]  a metric's buckets, kind, caps: \"METRIC buckets=0.1,1; ...\" or @FILE\n"
    "  MAX_CONNECTIONS [10000]  MAX_HEADER_BYTES [16384]  MAX_IMPORT_BYTES [67108864]  MAX_JSON_BYTES [1048576]\n"
    "  MAX_JOBS [10000000]  MAX_CAMPAIGNS [100000]  MAX_PROSPECTS [10000000]  MAX_BODY_DISK [1073741824] bytes\n"
    "  MAX_IDEMPOTENCY_KEYS [100000]  each per organisation; 0: no limit  IDEMPOTENCY_TTL [86400] seconds\n"
    "  IDLE_TIMEOUT [60]  REQUEST_TIMEOUT [60]  SHUTDOWN_TIMEOUT [20]  seconds\n"
    "  RATE_LIMIT [0: none]  requests per second and organisation\n"
    "  CONFINE [1]  refuse files and system calls that the server does not need; 0: allow them\n"
    "  LOG_LEVEL [info]  PROMETHEUS_URL  GRAFANA_URL\n"
    "METRICS_TOKEN, STORE, QUEUE, QUEUE_PASSWORD, MAIL, SMTP_PASSWORD, UNSUBSCRIBE_SECRET and SENTRY_DSN may also be "
    "given\n"
    "as files: METRICS_TOKEN_FILE and so on.\n";

static int refuse(const char *format, const char *what)
{
    fprintf(stderr, "ingest-api: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n%s", commands);
    return 2;
}

static void warn_of_name(const char *name, const char *meant)
{
    char message[192];
    (void)snprintf(message, sizeof(message), "%s is not a setting: did you mean %s?", name, meant);
    log_warn(message, "s:component", "settings");
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
    settings_misspelt(warn_of_name);
    return 0;
}

/* For commands that use the store: the log goes to standard error, and only has warnings and errors. */
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
    const char *command = argc < 1 ? "" : argv[0];
    bool create = strcmp(command, "create") == 0, delete = strcmp(command, "delete") == 0;
    if (!create && !delete &&strcmp(command, "sender") != 0)
        return refuse("org takes the command \"create\", \"sender\" or \"delete\", not \"%s\"", command);
    if (create || delete ? argc != 2 : argc < 2 || argc > 3)
        return refuse(create   ? "org %s takes a name"
                      : delete ? "org %s takes the organisation's id"
                               : "org %s takes the organisation's id, and the sender or nothing",
                      command);
    if (load_for_command(&settings) < 0)
        return 1;
    return create   ? command_org_create(&settings, argv[1])
           : delete ? command_org_delete(&settings, argv[1])
                    : command_org_sender(&settings, argv[1], argv[2]);
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

static int migrate(int argc, char **argv)
{
    struct settings settings;
    const char *serve = NULL, *all = NULL;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "--serve=", 8) == 0)
            serve = argv[i] + 8;
        else if (strncmp(argv[i], "--all=", 6) == 0)
            all = argv[i] + 6;
        else
            return refuse("migrate takes --serve=ROLE, --all=ROLE or nothing, not \"%s\"", argv[i]);
    return load_for_command(&settings) < 0 ? 1 : command_migrate(&settings, serve, all);
}

static int backup(int argc, char **argv)
{
    struct settings settings;
    if (argc != 1 || argv[0][0] == '-')
        return refuse("backup takes %s and nothing else", "the name of a file");
    return load_for_command(&settings) < 0 ? 1 : command_backup(&settings, argv[0]);
}

static int restore(int argc, char **argv)
{
    struct settings settings;
    bool replace = argc > 0 && strcmp(argv[0], "--replace") == 0;
    if (argc != 1 + replace || argv[replace][0] == '-')
        return refuse("restore takes %s and the name of a file", "--replace or nothing");
    return load_for_command(&settings) < 0 ? 1 : command_restore(&settings, argv[replace], replace);
}

static int metrics(int argc, char **argv)
{
    bool json = argc == 1 && strcmp(argv[0], "--json") == 0;
    if (argc > 0 && !json)
        return refuse("metrics takes --json or nothing, not \"%s\"", argv[argc - 1]);
    log_set_fd(STDERR_FILENO); /* the result goes to standard output */
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

static int why(int argc, char **argv)
{
    struct settings settings;
    bool json = argc == 1 && strcmp(argv[0], "--json") == 0;
    if (argc > 0 && !json)
        return refuse("why takes --json or nothing, not \"%s\"", argv[argc - 1]);
    return load_for_command(&settings) < 0 ? 1 : command_why(&settings, json);
}

int main(int argc, char **argv)
{
    struct settings settings;
    /* a write beyond the file size limit (ulimit -f) must not end the process, but fail with EFBIG, like a full disk */
    (void)signal(SIGXFSZ, SIG_IGN);
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
    if (argc > 0 && strcmp(argv[0], "migrate") == 0)
        return migrate(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "backup") == 0)
        return backup(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "restore") == 0)
        return restore(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "health") == 0)
        return health(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "why") == 0)
        return why(argc - 1, argv + 1);
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
