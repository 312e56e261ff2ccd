/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

#include "base/hex.h"
#include "base/libcurl.h"
#include "base/log.h"
#include "base/settings.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
#define CLOSE_NS (2 * SECOND_NS)
#define TOO_MANY_REQUESTS 429

struct line {
    size_t length;
    char text[LOG_LINE_MAX];
};

struct error_reports {
    const struct settings *settings;
    struct report_target target;
    CURL *curl;
    struct curl_slist *headers;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the fields below; held for a copy, never while anything is sent */
    pthread_cond_t changed;
    unsigned first, count;
    bool closing;
    struct line lines[REPORT_QUEUE]; /* a ring: `count` of them from `first` on */
    uint64_t full_ns;                /* when the token bucket of the rate is full again */
    uint64_t silent_until_ns;        /* send nothing until then: the receiver asked for it */
    _Atomic uint64_t give_up_ns;     /* set by error_reports_close(): when deliveries are aborted; 0: not closing */
};

/* A static variable, because the log's sink has no argument of ours. */
static struct error_reports *the_reports;

/* ---- logging threads ---- */

/* Take a token. */
static bool within_rate(struct error_reports *reports, uint64_t now_ns)
{
    uint64_t cost = SECOND_NS / REPORT_RATE;
    uint64_t full = (reports->full_ns > now_ns ? reports->full_ns : now_ns) + cost;
    if (full - now_ns > REPORT_BURST * cost)
        return false;
    reports->full_ns = full;
    return true;
}

static enum report_outcome put(struct error_reports *reports, const char *text, size_t length, uint64_t now_ns)
{
    if (reports->count == REPORT_QUEUE || length > LOG_LINE_MAX)
        return REPORT_QUEUE_FULL;
    if (now_ns < reports->silent_until_ns || !within_rate(reports, now_ns))
        return REPORT_RATE_LIMITED;
    struct line *line = &reports->lines[(reports->first + reports->count) % REPORT_QUEUE];
    memcpy(line->text, text, length);
    line->length = length;
    reports->count++;
    pthread_cond_signal(&reports->changed);
    return REPORT_SENT;
}

static void on_line(const char *text, size_t length)
{
    struct error_reports *reports = the_reports;
    pthread_mutex_lock(&reports->lock);
    enum report_outcome outcome = put(reports, text, length, promc_now_ns());
    pthread_mutex_unlock(&reports->lock);
    if (outcome != REPORT_SENT) /* a queued report is counted when it is sent */
        metrics_error_report(outcome);
}

/* ---- the thread that sends ---- */

static size_t discard(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

/* libcurl calls this at least once a second. Aborts a delivery at shutdown if the receiver hangs. */
static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct error_reports *reports = arg;
    uint64_t give_up = atomic_load_explicit(&reports->give_up_ns, memory_order_relaxed);
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return give_up && promc_now_ns() > give_up;
}

static bool new_id(char id[33])
{
    unsigned char random[16];
    if (getentropy(random, sizeof(random)) != 0)
        return false;
    hex_format(random, sizeof(random), id);
    return true;
}

/* The envelope: a header, the item's header, the item; one line each. */
static char *envelope(const struct error_reports *reports, const struct line *line, size_t *length)
{
    char id[33], *body = NULL;
    json_t *event =
        new_id(id) ? report_event(line->text, line->length, id, reports->settings->sentry_environment) : NULL;
    char *payload = event ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    if (payload) {
        int n = asprintf(&body, "{\"event_id\":\"%s\"}\n{\"type\":\"event\",\"length\":%zu}\n%s\n", id, strlen(payload),
                         payload);
        *length = n < 0 ? 0 : (size_t)n;
        if (n < 0)
            body = NULL;
    }
    free(payload);
    return body;
}

static void keep_silent(struct error_reports *reports)
{
    curl_off_t seconds = 0;
    (void)libcurl.easy_getinfo(reports->curl, CURLINFO_RETRY_AFTER, &seconds);
    seconds = seconds < 1 ? 60 : seconds > 3600 ? 3600 : seconds;
    pthread_mutex_lock(&reports->lock);
    reports->silent_until_ns = promc_now_ns() + (uint64_t)seconds * SECOND_NS;
    pthread_mutex_unlock(&reports->lock);
}

static enum report_outcome deliver(struct error_reports *reports, const struct line *line)
{
    size_t length = 0;
    long status = 0;
    char *body = envelope(reports, line, &length);
    if (!body)
        return REPORT_FAILED;
    (void)libcurl.easy_setopt(reports->curl, CURLOPT_POSTFIELDS, body);
    (void)libcurl.easy_setopt(reports->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    CURLcode rc = libcurl.easy_perform(reports->curl);
    (void)libcurl.easy_getinfo(reports->curl, CURLINFO_RESPONSE_CODE, &status);
    free(body);
    if (rc == CURLE_OK && status == TOO_MANY_REQUESTS)
        keep_silent(reports);
    return rc == CURLE_OK && status >= 200 && status < 300 ? REPORT_SENT : REPORT_FAILED;
}

/* Wait for a line. @return false: closing, and no line is left. */
static bool next(struct error_reports *reports, struct line *line)
{
    pthread_mutex_lock(&reports->lock);
    while (reports->count == 0 && !reports->closing)
        pthread_cond_wait(&reports->changed, &reports->lock);
    bool any = reports->count > 0;
    if (any) {
        const struct line *first = &reports->lines[reports->first];
        memcpy(line->text, first->text, first->length);
        line->length = first->length;
        reports->first = (reports->first + 1) % REPORT_QUEUE;
        reports->count--;
    }
    pthread_mutex_unlock(&reports->lock);
    return any;
}

static void *run(void *arg)
{
    struct error_reports *reports = arg;
    struct line line;
    pthread_setname_np(pthread_self(), "error-reports");
    while (next(reports, &line)) {
        bool late = on_progress(reports, 0, 0, 0, 0) != 0;
        metrics_error_report(late ? REPORT_FAILED
                                  : deliver(reports, &line)); /* never log here: the line would become a report */
    }
    return NULL;
}

/* ---- beginning and end ---- */

static bool set_up_curl(struct error_reports *reports)
{
    CURL *curl = reports->curl = libcurl.easy_init();
    reports->headers = libcurl.slist_append(NULL, "Content-Type: application/x-sentry-envelope");
    struct curl_slist *more = reports->headers ? libcurl.slist_append(reports->headers, reports->target.auth) : NULL;
    if (!curl || !more)
        return false;
    (void)libcurl.easy_setopt(curl, CURLOPT_URL, reports->target.url);
    (void)libcurl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (reports->settings->sentry_ca[0])
        (void)libcurl.easy_setopt(curl, CURLOPT_CAINFO, reports->settings->sentry_ca);
    (void)libcurl.easy_setopt(curl, CURLOPT_HTTPHEADER, reports->headers);
    (void)libcurl.easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    (void)libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)libcurl.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)REPORT_TIMEOUT_S);
    (void)libcurl.easy_setopt(curl, CURLOPT_TIMEOUT, (long)REPORT_TIMEOUT_S);
    (void)libcurl.easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)libcurl.easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)libcurl.easy_setopt(curl, CURLOPT_XFERINFODATA, reports);
    return true;
}

static void release(struct error_reports *reports)
{
    libcurl.easy_cleanup(reports->curl);
    libcurl.slist_free_all(reports->headers);
    pthread_mutex_destroy(&reports->lock);
    pthread_cond_destroy(&reports->changed);
    free(reports);
    libcurl_close();
}

int error_reports_open(struct error_reports **out, const struct settings *settings)
{
    *out = NULL;
    if (!settings->sentry_dsn[0])
        return 0;
    struct error_reports *reports = calloc(1, sizeof(*reports));
    if (!reports || libcurl_open() < 0) {
        log_error("error reports cannot be set up", "s:component", "reports");
        free(reports);
        return -1;
    }
    reports->settings = settings;
    pthread_mutex_init(&reports->lock, NULL);
    pthread_cond_init(&reports->changed, NULL);
    if (report_target_parse(&reports->target, settings->sentry_dsn) < 0 || !set_up_curl(reports) ||
        pthread_create(&reports->thread, NULL, run, reports) != 0) {
        log_error("error reports cannot be set up", "s:component", "reports");
        release(reports);
        return -1;
    }
    the_reports = reports;
    log_set_sink(on_line);
    *out = reports;
    return 0;
}

void error_reports_close(struct error_reports *reports)
{
    if (!reports)
        return;
    log_set_sink(NULL);
    atomic_store_explicit(&reports->give_up_ns, promc_now_ns() + CLOSE_NS, memory_order_relaxed);
    pthread_mutex_lock(&reports->lock);
    reports->closing = true;
    pthread_cond_signal(&reports->changed);
    pthread_mutex_unlock(&reports->lock);
    pthread_join(reports->thread, NULL);
    the_reports = NULL;
    release(reports);
}
