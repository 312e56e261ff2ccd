/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metrics/metrics.h
 * Every metric of the service is defined in this folder and nowhere else (reference/monitoring.md section 4). All rooms
 * may use it; it uses only model/. With METRICS_ENABLED=0 the registry is NULL and every call is a no-op.
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
 * Create the registry and register everything.
 * @param loops number of event loops.  @return 0 or -1 after a line in the log.
 */
int metrics_init(bool enabled, unsigned loops);
/** Before metrics_init(): keep the registry in a file, which `promc dump` can read after a crash. "": in memory. */
void metrics_keep_in(const char *path);
/** Before metrics_init(): set how many scrapes may run at the same time, 1 … 32. Default: 32. */
void metrics_limit_scrapes(unsigned max);
/** Before metrics_init(): export how full this folder's file system is. The path is not copied. NULL: do not. */
void metrics_watch_data_dir(const char *path);
void metrics_destroy(void);
promc_registry *metrics_registry(void);     /**< NULL when off */
promc_http *metrics_http(void);             /**< NULL when off */
promc_exposition *metrics_exposition(void); /**< writes the answers of /metrics; NULL when off */

promc_sql *metrics_sql(void); /**< queries and their errors, for promc-sql's calls; NULL when off */

/** The connection pool. Its owner has the numbers, and each scrape reads them, so that requests cost nothing. */
struct metrics_pool {
    unsigned max, active, idle; /**< connections */
    unsigned pending;           /**< work that waits for one */
    uint64_t waiting_ns; /**< how long the oldest work has waited until now, for a connection or the write lock */
    uint64_t running_ns; /**< how long the oldest work has run until now */
};
/** @param look scrapes call it, on any thread, one at a time. NULL: stop, and wait for a call in progress. */
void metrics_watch_pool(void (*look)(void *arg, struct metrics_pool *out), void *arg);
/** A work has waited this long for a connection and got one. */
void metrics_pool_waited(uint64_t ns);
/** A work has waited this long and given up. */
void metrics_pool_gave_up(uint64_t ns);

void metrics_queue_messages(enum queue_name queue, enum queue_action action, uint64_t n);
void metrics_queue_failure(enum queue_name queue, enum queue_failure reason);
void metrics_queue_retry(enum queue_name queue);
/** @param request_id request that caused the job, for the exemplar; "" or NULL: none */
void metrics_queue_processed(enum queue_name queue, bool success, uint64_t duration_ns, const char *request_id);
void metrics_queue_depth(enum queue_name queue, int64_t depth, int64_t oldest_age_ms,
                         int consumers);               /**< also sets last success; consumers < 0: not known */
void metrics_queue_depth_stale(enum queue_name queue); /**< reading the depth failed: remove depth, age and consumers */

/*
 * If the first event creates a series, the series starts with the value 1 and increase() never sees that event. So a
 * process creates the series as soon as it knows their organisation or campaign: at its start, when it first sees a
 * key, when a campaign is started, and periodically from the store (observe.c).
 */
enum { METRICS_OF_API = 1, METRICS_OF_WORKER = 2 }; /* what a process counts; values of enum role in base/settings.h */
void metrics_organisation(const char *organisation_id, unsigned role);
/** Set an organisation's name, for dashboards. Any text; it is cut, and control characters are replaced. */
void metrics_organisation_name(const char *organisation_id, const char *name);
/**
 * Call after all `n` organisations were named.
 * @return true: there was an old name, so all names were removed. Set them again.
 */
bool metrics_organisation_names_are_old(unsigned n);
void metrics_campaign(const char *organisation_id, const char *campaign_id);

/** A request was refused, or work was deferred, because an organisation has reached this limit. */
void metrics_limit_refusal(enum organisation_limit limit);
/** The configured limit, at the start; 0: no limit. */
void metrics_limit_max(enum organisation_limit limit, uint64_t max);
/** The organisation's current usage. */
void metrics_limit_used(const char *organisation_id, enum organisation_limit limit, int64_t used);

/** An e-mail's fate is final: accepted, or permanently refused. */
void metrics_email_sent(const char *organisation_id, const char *campaign_id, bool success);
void metrics_email_attempt(enum email_attempt attempt);
void metrics_email_fate(enum email_fate fate);
void metrics_email_not_sent(enum not_sent reason); /**< counts its fate too */
void metrics_suppression(enum suppression_reason reason, uint64_t n);
void metrics_to_decide(int64_t emails_in_doubt, int64_t campaigns_refused);
/**
 * A mail server has refused with 4xx or 5xx.
 * @param organisation_id whose e-mail was refused; NULL: none, the server refused us
 * @param enhanced the enhanced status after the code ("5.1.1", blanks allowed), or ""
 */
void metrics_email_bounce(const char *organisation_id, int reply, const char *enhanced);
void metrics_draft_generated(const char *organisation_id, bool success, uint64_t duration_ns);
void metrics_prospects(const char *organisation_id, enum prospect_action action, uint64_t n);
void metrics_active_campaigns(const char *organisation_id, int64_t n);
void metrics_campaign_processed(const char *organisation_id, enum campaign_outcome outcome);
void metrics_campaign_finished(const char *campaign_id); /**< its series of emails_sent_total may be removed later */

/*
 * All functions are thread safe. An organisation or campaign must not be NULL or "": then nothing is counted and an
 * error is logged, so that there is never a series "undefined".
 */

void metrics_error_report(enum report_outcome outcome);

/** @param expires when the certificate in use, or another of its chain, expires, in seconds since 1970 */
void metrics_certificate(int64_t expires);

/** How late a timer of 10 ms was, for the nodejs_* compatibility set. promc-uv has eventloop_*. */
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
