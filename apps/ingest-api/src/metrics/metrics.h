/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metrics/metrics.h
 * Every metric of the service is defined here and nowhere else (reference/monitoring.md section 4).
 * Seen by all, sees model/ alone. With METRICS_ENABLED=0 the registry is NULL and every call is a no-op.
 */
#ifndef INGEST_METRICS_METRICS_H
#define INGEST_METRICS_METRICS_H

#include "model/labels.h"
#include "model/queues.h"

#include <promc-http/request.h>
#include <promc-sql/queries.h>
#include <promc/promc.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * Makes the registry and registers everything.
 * @param loops event loops there will be.  @return 0 or -1 after a line in the log.
 */
int metrics_init(bool enabled, unsigned loops);
/** Before metrics_init(): the registry is in this file, where `promc dump` finds the last values after a crash. "": in memory. */
void metrics_keep_in(const char *path);
/** Before metrics_init(): scrapes that may be under way at once, 1 … 32. Without: 32. */
void metrics_limit_scrapes(unsigned max);
/** Before metrics_init(): how full the file system is that this folder is on is shown. Not copied. NULL (default): it is not. */
void metrics_watch_data_dir(const char *path);
void metrics_destroy(void);
promc_registry *metrics_registry(void);     /**< NULL when off */
promc_http *metrics_http(void);             /**< NULL when off */
promc_exposition *metrics_exposition(void); /**< what /metrics answers by; NULL when off */

promc_sql *metrics_sql(void); /**< queries and their errors, for promc-sql's calls; NULL when off */

/** The connection pool. Its owner keeps the counts and each scrape reads them, so that requests have no cost. */
struct metrics_pool {
    unsigned max, active, idle; /**< connections */
    unsigned pending;           /**< work that waits for one */
    uint64_t waiting_ns;        /**< how long the oldest work has waited until now, for one or for the write lock */
    uint64_t running_ns;        /**< how long the oldest work has run until now */
};
/** @param look called by scrapes, on any thread, one at a time. NULL: stop, after waiting for a call in progress. */
void metrics_watch_pool(void (*look)(void *arg, struct metrics_pool *out), void *arg);
/** Work waited this long for a connection and got one. */
void metrics_pool_waited(uint64_t ns);
/** Work waited this long and gave up. */
void metrics_pool_gave_up(uint64_t ns);

void metrics_queue_messages(enum queue_name queue, enum queue_action action, uint64_t n);
void metrics_queue_failure(enum queue_name queue, enum queue_failure reason);
void metrics_queue_retry(enum queue_name queue);
/** @param request_id of the request that caused the job, as the exemplar; "" or NULL: none */
void metrics_queue_processed(enum queue_name queue, bool success, uint64_t duration_ns, const char *request_id);
void metrics_queue_depth(enum queue_name queue, int64_t depth, int64_t oldest_age_ms,
                         int consumers);               /**< also sets last success; consumers < 0: not known */
void metrics_queue_depth_stale(enum queue_name queue); /**< the poll failed: depth, age and consumers are dropped */

/*
 * If its first event creates a series, the series starts at that event's value and increase() never sees the event. So a
 * process creates its series as soon as it knows their organisation or campaign: at its start, when it first sees a key,
 * when a campaign is started, and from the store periodically (observe.c).
 */
enum { METRICS_OF_API = 1, METRICS_OF_WORKER = 2 }; /* what a process counts: enum role of base/settings.h */
void metrics_organisation(const char *organisation_id, unsigned role);
/** Its name, for dashboards. Any text; truncated, without control characters. */
void metrics_organisation_name(const char *organisation_id, const char *name);
/** Call it after all `n` organisations were named. @return true: an old name existed, so all names were removed: set them again. */
bool metrics_organisation_names_are_old(unsigned n);
void metrics_campaign(const char *organisation_id, const char *campaign_id);

/** A request was refused or work deferred because an organisation reached this limit. */
void metrics_limit_refusal(enum organisation_limit limit);
/** The configured limit, set at the start; 0: no limit. */
void metrics_limit_max(enum organisation_limit limit, uint64_t max);
/** The organisation's current usage. */
void metrics_limit_used(const char *organisation_id, enum organisation_limit limit, int64_t used);

/** Once the fate is final: accepted, or permanently refused. */
void metrics_email_sent(const char *organisation_id, const char *campaign_id, bool success);
void metrics_email_attempt(enum email_attempt attempt);
void metrics_email_fate(enum email_fate fate);
void metrics_email_not_sent(enum not_sent reason); /**< its fate as well */
void metrics_suppression(enum suppression_reason reason, uint64_t n);
void metrics_to_decide(int64_t emails_in_doubt, int64_t campaigns_refused);
/** A mail server's refusal: its reply of 4xx or 5xx, and the enhanced status behind it ("5.1.1", blanks allowed, or ""). */
/* @param organisation_id whose e-mail was refused; NULL: nobody's, the server refused us */
void metrics_email_bounce(const char *organisation_id, int reply, const char *enhanced);
void metrics_draft_generated(const char *organisation_id, bool success, uint64_t duration_ns);
void metrics_prospects(const char *organisation_id, enum prospect_action action, uint64_t n);
void metrics_active_campaigns(const char *organisation_id, int64_t n);
void metrics_campaign_processed(const char *organisation_id, enum campaign_outcome outcome);
void metrics_campaign_finished(const char *campaign_id); /**< its emails_sent_total series may expire */

/*
 * All functions are thread safe. An organisation or campaign that is NULL or "" is a caller's error: nothing is counted and an
 * error is logged, so that there is never a series "undefined".
 */

void metrics_error_report(enum report_outcome outcome);

/** @param expires when the certificate in use, or one that it depends on, ceases to be valid, in seconds since 1970 */
void metrics_certificate(int64_t expires);

/** How late a timer of 10 ms was, for the nodejs_* compatibility set; eventloop_* is promc-uv's. */
void metrics_loop_lag(unsigned loop, double seconds);

/** A loop's open handles, for the nodejs_* compatibility set. */
struct metrics_loop_handles {
    unsigned servers; /**< listening sockets */
    unsigned sockets; /**< connections */
    unsigned timers;
    unsigned requests; /**< requests in progress */
};
void metrics_loop_handles(unsigned loop, const struct metrics_loop_handles *handles);

/** Version, revision and compiler, as in ingest_api_build_info. */
const char *build_version(void);
const char *build_revision(void);

#endif
