/* SPDX-License-Identifier: Apache-2.0 */
#include "why.h"

#include "base/backends.h"
#include "base/causes.h"
#include "base/clock.h"
#include "base/libcurl.h"
#include "base/settings.h"
#include "db/sqlite_lock.h"
#include "probe.h"
#include "store/store.h"
#include "store/why.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define REACH_TIMEOUT_MS 2000L

/* ---- looking from outside, if the service does not answer ---- */

/* Does anybody listen there? Tries a TCP connection. @return NULL: yes; else the reason. */
static const char *unreachable(const char *host, const char *port, char error[CURL_ERROR_SIZE])
{
    char url[320];
    CURL *curl = libcurl.easy_init();
    if (!curl)
        return "out of memory";
    (void)snprintf(url, sizeof(url), "http://%s:%s", host, port);
    error[0] = '\0';
    (void)libcurl.easy_setopt(curl, CURLOPT_URL, url);
    (void)libcurl.easy_setopt(curl, CURLOPT_PROXY, "");
    (void)libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)libcurl.easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    (void)libcurl.easy_setopt(curl, CURLOPT_TIMEOUT_MS, REACH_TIMEOUT_MS);
    (void)libcurl.easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    CURLcode rc = libcurl.easy_perform(curl);
    libcurl.easy_cleanup(curl);
    return rc == CURLE_OK ? NULL : *error ? error : libcurl.easy_strerror(rc);
}

/* Add a cause if an address cannot be reached. Shows only host and port, because the rest may contain a password. */
static void reach(struct causes *causes, const char *part, const char *plain, const char *address, const char *fallback)
{
    CURLU *url = libcurl.url();
    char *host = NULL, *port = NULL, error[CURL_ERROR_SIZE];
    CURLUcode rc = url ? libcurl.url_set(url, CURLUPART_URL, address, CURLU_NON_SUPPORT_SCHEME) : CURLUE_OUT_OF_MEMORY;
    if (rc == CURLUE_OK)
        rc = libcurl.url_get(url, CURLUPART_HOST, &host, 0);
    if (rc == CURLUE_OK && libcurl.url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        port = NULL;
    const char *why = rc == CURLUE_OK ? unreachable(host, port ? port : fallback, error) : NULL;
    if (why) {
        struct cause *cause = causes_add(causes, part, "away", "", 0);
        (void)snprintf(cause->host, sizeof(cause->host), "%s:%s", host, port ? port : fallback);
        cause_because(cause, plain, "%s (%s): %s", plain, cause->host, why);
    }
    libcurl.free(host);
    libcurl.free(port);
    libcurl.url_cleanup(url);
}

static void reach_servers(const struct settings *settings, struct causes *causes)
{
    enum mail_backend mail = backend_of_mail(settings->mail_url, NULL);
    if (mail == MAIL_IS_SMTP || mail == MAIL_IS_SMTPS)
        reach(causes, "mail", "the mail server does not answer", settings->mail_url, "25");
    if (backend_is_broker(settings->queue_url))
        reach(causes, "broker", "the broker does not answer", settings->queue_url,
              backend_of_queue(settings->queue_url) == QUEUE_IS_AMQPS ? "5671" : "5672");
}

static int64_t changed_ms(const char *path, const char *ending)
{
    char name[320];
    struct stat is;
    if (snprintf(name, sizeof(name), "%s%s", path, ending) >= (int)sizeof(name) || stat(name, &is) < 0)
        return 0;
    return (int64_t)is.st_mtim.tv_sec * 1000 + is.st_mtim.tv_nsec / 1000000;
}

/* When the service stopped: the last write to its database, because it writes whenever it has work or is checked. */
static int64_t last_write_ms(const struct settings *settings)
{
    char path[288];
    if (!store_file(settings, path, sizeof(path)))
        return 0;
    int64_t log = changed_ms(path, "-wal"), database = changed_ms(path, "");
    return log > database ? log : database;
}

/* Describe the process that has the database open: it is the service, or something else that should not be there. */
static void describe_process(const struct settings *settings, struct cause *cause, char *out, size_t size)
{
    char path[288], name[SQLITE_LOCK_NAME], state;
    int pid = store_file(settings, path, sizeof(path)) ? sqlite_lock_user(path, name, &state) : 0;
    out[0] = '\0';
    if (pid <= 0)
        return;
    cause->pid = pid;
    (void)snprintf(cause->process, sizeof(cause->process), "%s", name);
    (void)snprintf(out, size, "; process %d (%s) has its database open%s", pid, name,
                   state == 'T'   ? ", and is stopped (SIGSTOP; kill -CONT continues it)"
                   : state == 'D' ? ", and waits for a disk"
                                  : "");
}

static void no_answer(const struct settings *settings, const char *url, const char *error, struct causes *causes)
{
    int64_t last = last_write_ms(settings);
    struct cause *cause = causes_add(causes, "service", "away", "nothing has been written for", last);
    (void)snprintf(cause->host, sizeof(cause->host), "%s", url);
    char process[128];
    describe_process(settings, cause, process, sizeof(process));
    cause_because(cause, "ingest-api does not answer", "ingest-api does not answer (%s): %s%s", url, error, process);
    store_why_outside(settings, causes);
    reach_servers(settings, causes);
}

/* Only if PROMETHEUS_URL is set, because not everybody has a Prometheus at the default address. */
static void reach_prometheus(const struct settings *settings, struct causes *causes)
{
    const char *url = getenv("PROMETHEUS_URL");
    if (url && *url)
        reach(causes, "monitoring", "Prometheus does not answer", settings->prometheus_url, "9090");
}

/* ---- output ---- */

/* The causes in an answer of /health, as a new reference. @return NULL: it is not such an answer. */
static json_t *why_of(const char *answer)
{
    json_t *health = answer ? json_loads(answer, 0, NULL) : NULL, *why = json_object_get(health, "why");
    json_incref(why);
    json_decref(health);
    return json_is_array(why) ? why : NULL;
}

static json_t *as_json(const struct causes *causes)
{
    struct text text;
    text_init_growing(&text, 1024);
    causes_write(&text, causes, true, clock_wall_ms());
    char *written = text_take(&text);
    json_t *array = written ? json_loads(written, 0, NULL) : NULL;
    free(written);
    return array ? array : json_array();
}

/* Print "15:31:02" in this machine's time, with the date in front if it is not today. */
static void print_since(const char *iso)
{
    struct tm utc = {0}, local, today;
    char out[40];
    if (!iso || !strptime(iso, "%Y-%m-%dT%H:%M:%S", &utc))
        return;
    time_t then = timegm(&utc), now = time(NULL);
    localtime_r(&then, &local);
    localtime_r(&now, &today);
    bool same = local.tm_yday == today.tm_yday && local.tm_year == today.tm_year;
    if (strftime(out, sizeof(out), same ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &local) > 0)
        printf(" (since %s)", out);
}

static void print_line(const json_t *cause)
{
    const char *part = json_string_value(json_object_get(cause, "part")),
               *text = json_string_value(json_object_get(cause, "text"));
    printf("%s: %s", part ? part : "", text ? text : "");
    print_since(json_string_value(json_object_get(cause, "since")));
    (void)putchar('\n');
}

static void print_all(const json_t *why, const char *url, bool json)
{
    size_t i;
    json_t *cause;
    if (json) {
        (void)json_dumpf(why, stdout, JSON_INDENT(2));
        (void)putchar('\n');
        return;
    }
    json_array_foreach(why, i, cause) print_line(cause);
    if (json_array_size(why) == 0)
        printf("nothing waits (%s)\n", url);
}

int command_why(const struct settings *settings, bool json)
{
    char url[PROBE_URL], error[PROBE_ERROR];
    struct causes own = {.n = 0};
    struct text body;
    if (libcurl_open() < 0)
        return 1;
    text_init_growing(&body, 4096);
    int status = probe_ask(settings, "/health", true, url, &body, error);
    char *answer = text_take(&body);
    json_t *why = status > 0 ? why_of(answer) : NULL;
    if (!why)
        no_answer(settings, url, status > 0 ? "the server there is not an ingest-api of this version" : error, &own);
    reach_prometheus(settings, &own);
    libcurl_close();
    free(answer);
    json_t *all = why ? why : json_array(), *found = as_json(&own);
    (void)json_array_extend(all, found);
    print_all(all, url, json);
    int rc = json_array_size(all) > 0;
    json_decref(found);
    json_decref(all);
    return rc;
}
