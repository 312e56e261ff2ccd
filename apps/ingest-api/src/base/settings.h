/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/settings.h
 * All settings, read from the environment and validated at the start: one clear line per error, all errors at once.
 * A secret NAME may also be given as a file by NAME_FILE.
 */
#ifndef INGEST_BASE_SETTINGS_H
#define INGEST_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum role { ROLE_API = 1, ROLE_WORKER = 2, ROLE_ALL = 3 };

enum smtp_starttls { STARTTLS_OPPORTUNISTIC, STARTTLS_REQUIRED, STARTTLS_OFF };

struct settings {
    enum role role;             /**< --role=all|api|worker or ROLE; default all */
    char host[64];              /**< HOST, default 127.0.0.1 */
    uint16_t port;              /**< PORT, default 3000 */
    char tls_cert[256];         /**< TLS_CERT, PEM file, followed by its chain; "" (default): no TLS on any listener */
    char tls_key[256];          /**< TLS_KEY, PEM file of its key. SIGHUP reads both again */
    char metrics_listen[64];    /**< METRICS_LISTEN=address:port; "" (default): /metrics on the main port */
    char metrics_token[256];    /**< METRICS_TOKEN(_FILE): bearer token for /metrics; "" none */
    bool metrics_enabled;       /**< METRICS_ENABLED=0|1, default 1 */
    char metrics_arena[256];    /**< METRICS_ARENA, file that `promc dump` reads after a crash; "" none */
    unsigned metrics_scrapes;   /**< METRICS_SCRAPES at the same time, default 4, 1 … 16; further ones get 503 */
    unsigned loops;             /**< LOOPS, default one per core this process may use, 1 … 64 */
    bool confine;               /**< CONFINE=0|1, default 1: Landlock and seccomp, base/confine.h */
    char data_dir[256];         /**< DATA_DIR, default var */
    char store_url[256];        /**< STORE, default sqlite → DATA_DIR/ingest.db; sqlite:PATH; postgres://… */
    char queue_url[256];        /**< QUEUE, default embedded; amqp://USER:PASSWORD@HOST:PORT/VHOST, amqps://… */
    char queue_password[256];   /**< QUEUE_PASSWORD(_FILE): instead of the URL's; "" (default): the URL's */
    char queue_ca[256];         /**< QUEUE_CA, PEM file of the authorities for amqps; "" (default): the system's */
    unsigned queue_heartbeat_s; /**< QUEUE_HEARTBEAT, default 10, 1 … 600; a broker is given up after two of them */
    unsigned queue_prefetch; /**< QUEUE_PREFETCH messages of each queue that a process holds, default 128, 1 … 10000 */
    unsigned store_threads;  /**< STORE_THREADS reader threads, default 4, 1 … 64 */
    unsigned store_queue;    /**< STORE_QUEUE, most works that wait, default 1024 */
    unsigned store_timeout_ms; /**< STORE_TIMEOUT_MS, longest wait for a connection, default 5000 */
    unsigned worker_threads;   /**< WORKER_THREADS, default 2 */
    char mail_url[256];        /**< MAIL=file (default: DATA_DIR/outbox) | file:DIR | smtp://host:port */
    char smtp_user[256];       /**< SMTP_USER: log in as; "" (default): as the URL says, or not at all */
    char smtp_password[256];   /**< SMTP_PASSWORD(_FILE) */
    /**
     * SMTP_STARTTLS=opportunistic|required|off, for smtp://: default opportunistic (used if offered), but
     * required with SMTP_USER, whose password must not cross the network in the clear.
     */
    enum smtp_starttls smtp_starttls;
    char smtp_ca[256];   /**< SMTP_CA, PEM file of the authorities; "" (default): the system's */
    unsigned mail_rate;  /**< MAIL_RATE_LIMIT e-mails/s per organisation, 0 (default): none */
    char mail_from[256]; /**< MAIL_FROM: "Name <local@domain>"; "" (default) is allowed only with MAIL=file */
    char mail_ehlo[256]; /**< MAIL_EHLO: our name for the mail server; "" (default): the host's name, or its address */
    unsigned mail_retry_min_s; /**< MAIL_RETRY_MIN: first wait of a deferred e-mail; doubles each time; default 60 */
    unsigned mail_retry_max_s; /**< MAIL_RETRY_MAX: longest such wait; default 14400 */
    unsigned mail_retry_for_s; /**< MAIL_RETRY_FOR: gives an e-mail up when its waits add up to this; default 432000 */
    unsigned mail_refusals;    /**< MAIL_REFUSALS of the sender in a row that pause a campaign; default 10 */
    char public_url[256];      /**< PUBLIC_URL, e.g. https://mail.example.com; "" (default): no unsubscribe links */
    char unsubscribe_secret[256]; /**< UNSUBSCRIBE_SECRET(_FILE): signs them; "" (default): one from the store */
    unsigned max_connections;     /**< MAX_CONNECTIONS in all, default 10000 */
    size_t max_header_bytes;      /**< MAX_HEADER_BYTES, default 16384 */
    size_t max_import_bytes;      /**< MAX_IMPORT_BYTES, default 64 MiB */
    size_t max_json_bytes;        /**< MAX_JSON_BYTES, default 1 MiB */
    unsigned max_jobs; /**< MAX_JOBS of an organisation in a queue, not finished, default 10 million; 0: no limit */
    unsigned max_prospects;        /**< MAX_PROSPECTS of an organisation, default 10 million; 0: no limit */
    unsigned max_idempotency_keys; /**< MAX_IDEMPOTENCY_KEYS of an organisation, default 100,000; 0: no limit */
    unsigned idempotency_ttl_s;    /**< IDEMPOTENCY_TTL, default 86400, 1 … 2592000: how long a key is known */
    size_t max_body_disk; /**< MAX_BODY_DISK of an organisation's bodies in this process, default 1 GiB; 0: no limit */
    unsigned max_campaigns;      /**< MAX_CAMPAIGNS of an organisation, default 100,000; 0: no limit */
    unsigned idle_timeout_s;     /**< IDLE_TIMEOUT, default 60 */
    unsigned request_timeout_s;  /**< REQUEST_TIMEOUT: a request must have arrived completely by then; default 60 */
    unsigned shutdown_timeout_s; /**< SHUTDOWN_TIMEOUT, default 20 */
    char sentry_dsn[256];        /**< SENTRY_DSN(_FILE): where error reports go; "" (default): nowhere */
    char sentry_ca[256];         /**< SENTRY_CA, PEM file of the authorities; "" (default): the system's */
    char sentry_environment[64]; /**< SENTRY_ENVIRONMENT, default production */
    unsigned rate_limit;         /**< RATE_LIMIT requests/s per organisation, 0 (default): none → 429 */
    /**
     * VALIDATION_DELAY seconds before imported rows are validated and researched, default 15. People often
     * import a corrected file right after the first one. And for that time prospects_processed_total counts
     * only the rows of the import.
     */
    unsigned validation_delay_s;
    unsigned job_attempts;    /**< JOB_ATTEMPTS, default 5 */
    int log_level;            /**< LOG_LEVEL, default info */
    char prometheus_url[128]; /**< PROMETHEUS_URL shown in /health, default http://localhost:9090 */
    char grafana_url[128];    /**< GRAFANA_URL shown in /health, default http://localhost:3001 */
};

/**
 * Read the environment and the command line's options (argv has options only, without program name and command).
 * The value of a secret is never written to the report.
 * @return 0, or the number of errors, each written to `report` (one line with variable, value and allowed values).
 */
int settings_load(struct settings *settings, int argc, char **argv, char *report, size_t report_size);

/** Split METRICS_LISTEN, which must be set and valid: [::1]:9464 is host ::1. @return the port */
uint16_t settings_metrics_address(const struct settings *settings, char host[64]);

/**
 * Call `found` for each name in the environment that is not a setting but similar to one. Other
 * names belong to other programs.
 */
void settings_misspelt(void (*found)(const char *name, const char *meant));

#endif
