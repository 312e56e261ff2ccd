/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file config/metrics.h
 * Every metric of the service is defined here and nowhere else (reference/monitoring.md section 4).
 * Seen by all, sees nobody. With METRICS_ENABLED=0 the registry is NULL and every call is a no-op.
 */
#ifndef INGEST_CONFIG_METRICS_H
#define INGEST_CONFIG_METRICS_H

#include <promc-http/request.h>
#include <promc/promc.h>
#include <stdbool.h>
#include <stdint.h>

enum db_schema { DB_SCHEMA_IAM, DB_SCHEMA_CRM, DB_SCHEMA_OUTREACH, DB_SCHEMA_TRACKING, DB_SCHEMA_OTHER, DB_SCHEMAS };
enum db_operation {
    DB_SELECT,
    DB_INSERT,
    DB_UPDATE,
    DB_DELETE,
    DB_BEGIN,
    DB_COMMIT,
    DB_ROLLBACK,
    DB_OTHER_OP,
    DB_OPERATIONS
};
enum queue_action { QUEUE_PUBLISHED, QUEUE_CONSUMED, QUEUE_ACTIONS };
enum queue_failure { QUEUE_REJECTED, QUEUE_TIMEOUT, QUEUE_DEAD_LETTERED, QUEUE_ERROR, QUEUE_FAILURES };
enum prospect_action {
    PROSPECT_IMPORTED,
    PROSPECT_VALIDATED,
    PROSPECT_RESEARCHED,
    PROSPECT_REJECTED,
    PROSPECT_ACTIONS
};
enum campaign_outcome { CAMPAIGN_COMPLETED, CAMPAIGN_OUTCOMES };

/**
 * Makes the registry and registers everything.
 * @param loops event loops there will be.  @return 0 or -1 after a line in the log.
 */
int metrics_init(bool enabled, unsigned loops);
void metrics_destroy(void);
promc_registry *metrics_registry(void); /**< NULL when off */
promc_http *metrics_http(void);         /**< NULL when off */

void metrics_db_query(enum db_operation op, enum db_schema schema, uint64_t duration_ns);
void metrics_db_error(enum db_operation op, enum db_schema schema,
                      const char *sqlstate_class); /**< two characters, "53" */
void metrics_db_pool(unsigned active, unsigned idle, unsigned max, unsigned pending);
void metrics_db_acquire(uint64_t duration_ns);
void metrics_db_acquire_timeout(void);

/* `queue` is enum queue_name of queue/queue.h */
void metrics_queue_messages(int queue, enum queue_action action, uint64_t n);
void metrics_queue_failure(int queue, enum queue_failure reason);
void metrics_queue_retry(int queue);
void metrics_queue_processed(int queue, bool success, uint64_t duration_ns);
void metrics_queue_depth(int queue, int64_t depth, int64_t oldest_age_ms, int consumers); /**< also sets last success */
void metrics_queue_depth_stale(int queue); /**< the poll failed: depth, age and consumers are dropped */

void metrics_email_sent(const char *organisation_id, const char *campaign_id, bool success);
void metrics_draft_generated(const char *organisation_id, bool success, uint64_t duration_ns);
void metrics_prospects(const char *organisation_id, enum prospect_action action, uint64_t n);
void metrics_active_campaigns(const char *organisation_id, int64_t n);
void metrics_campaign_processed(const char *organisation_id, enum campaign_outcome outcome);
void metrics_campaign_finished(const char *campaign_id); /**< its emails_sent_total series may expire */

/*
 * The functions below and above are safe from any thread. An organisation or campaign that is NULL or "" is a fault of
 * the caller: nothing is counted and an error is logged, so that no series "undefined" can come to be.
 */

/** Called each 10 ms on every loop: how late its timer was. */
void metrics_loop_lag(unsigned loop, double seconds);
void metrics_loop_utilization(unsigned loop, double ratio);

/** What a loop holds open, for the nodejs_* compatibility set. */
struct metrics_loop_handles {
    unsigned servers; /**< listening sockets */
    unsigned sockets; /**< connections */
    unsigned timers;
    unsigned requests; /**< requests whose answer is not complete */
};
void metrics_loop_handles(unsigned loop, const struct metrics_loop_handles *handles);

/** Version, revision and compiler, as in ingest_api_build_info. */
const char *build_version(void);
const char *build_revision(void);

#endif
