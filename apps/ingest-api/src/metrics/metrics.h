/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metrics/metrics.h
 * Every metric of the service is defined here and nowhere else (reference/monitoring.md section 4).
 * Seen by all, sees nobody. With METRICS_ENABLED=0 the registry is NULL and every call is a no-op.
 */
#ifndef INGEST_METRICS_METRICS_H
#define INGEST_METRICS_METRICS_H

#include <promc-http/request.h>
#include <promc/promc.h>
#include <stdbool.h>
#include <stdint.h>

/* Label values that callers name; each enumerator with its text. */
#define DB_SCHEMA_VALUES(VALUE) \
    VALUE(DB_SCHEMA_IAM, "iam") \
    VALUE(DB_SCHEMA_CRM, "crm") \
    VALUE(DB_SCHEMA_OUTREACH, "outreach") VALUE(DB_SCHEMA_TRACKING, "tracking") VALUE(DB_SCHEMA_OTHER, "other")
PROMC_LABEL(db_schema, "schema", DB_SCHEMA_VALUES);
#define DB_OPERATION_VALUES(VALUE) \
    VALUE(DB_SELECT, "select")     \
    VALUE(DB_INSERT, "insert")     \
    VALUE(DB_UPDATE, "update")     \
    VALUE(DB_DELETE, "delete")     \
    VALUE(DB_BEGIN, "begin") VALUE(DB_COMMIT, "commit") VALUE(DB_ROLLBACK, "rollback") VALUE(DB_OTHER_OP, "other")
PROMC_LABEL(db_operation, "operation", DB_OPERATION_VALUES);
enum { DB_SCHEMAS = db_schema_count, DB_OPERATIONS = db_operation_count };
#define QUEUE_ACTION_VALUES(VALUE) VALUE(QUEUE_PUBLISHED, "published") VALUE(QUEUE_CONSUMED, "consumed")
PROMC_LABEL(queue_action, "action", QUEUE_ACTION_VALUES);
#define QUEUE_FAILURE_VALUES(VALUE)   \
    VALUE(QUEUE_REJECTED, "rejected") \
    VALUE(QUEUE_TIMEOUT, "timeout") VALUE(QUEUE_DEAD_LETTERED, "dead_lettered") VALUE(QUEUE_ERROR, "error")
PROMC_LABEL(queue_failure, "reason", QUEUE_FAILURE_VALUES);
#define PROSPECT_ACTION_VALUES(VALUE)      \
    VALUE(PROSPECT_IMPORTED, "imported")   \
    VALUE(PROSPECT_VALIDATED, "validated") \
    VALUE(PROSPECT_RESEARCHED, "researched") VALUE(PROSPECT_REJECTED, "rejected")
PROMC_LABEL(prospect_action, "action", PROSPECT_ACTION_VALUES);
#define BOUNCE_CLASS_VALUES(VALUE) VALUE(BOUNCE_4XX, "4xx") VALUE(BOUNCE_5XX, "5xx")
PROMC_LABEL(bounce_class, "class", BOUNCE_CLASS_VALUES);
/* RFC 3463's subjects, by their digit; the last is for a reply without an enhanced status */
#define BOUNCE_SUBJECT_VALUES(VALUE)         \
    VALUE(BOUNCE_OTHER, "other")             \
    VALUE(BOUNCE_ADDRESS, "address")         \
    VALUE(BOUNCE_MAILBOX, "mailbox")         \
    VALUE(BOUNCE_MAIL_SYSTEM, "mail_system") \
    VALUE(BOUNCE_NETWORK, "network")         \
    VALUE(BOUNCE_PROTOCOL, "protocol")       \
    VALUE(BOUNCE_CONTENT, "content")         \
    VALUE(BOUNCE_POLICY, "policy") VALUE(BOUNCE_UNKNOWN, "unknown")
PROMC_LABEL(bounce_subject, "subject", BOUNCE_SUBJECT_VALUES);
#define REPORT_OUTCOME_VALUES(VALUE) \
    VALUE(REPORT_SENT, "sent")       \
    VALUE(REPORT_FAILED, "failed")   \
    VALUE(REPORT_QUEUE_FULL, "queue_full") VALUE(REPORT_RATE_LIMITED, "rate_limited")
PROMC_LABEL(report_outcome, "outcome", REPORT_OUTCOME_VALUES);
#define CAMPAIGN_OUTCOME_VALUES(VALUE) VALUE(CAMPAIGN_COMPLETED, "completed")
PROMC_LABEL(campaign_outcome, "outcome", CAMPAIGN_OUTCOME_VALUES);

/**
 * Makes the registry and registers everything.
 * @param loops event loops there will be.  @return 0 or -1 after a line in the log.
 */
int metrics_init(bool enabled, unsigned loops);
/** Before metrics_init(): the registry is in this file, where `promc dump` finds the last values after a crash. "": in memory. */
void metrics_keep_in(const char *path);
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
/** @param request_id of the request that caused the job, as the exemplar; "" or NULL: none */
void metrics_queue_processed(int queue, bool success, uint64_t duration_ns, const char *request_id);
void metrics_queue_depth(int queue, int64_t depth, int64_t oldest_age_ms, int consumers); /**< also sets last success */
void metrics_queue_depth_stale(int queue); /**< the poll failed: depth, age and consumers are dropped */

void metrics_email_sent(const char *organisation_id, const char *campaign_id, bool success);
/** A mail server's refusal: its reply of 4xx or 5xx, and the enhanced status behind it ("5.1.1", blanks allowed, or ""). */
void metrics_email_bounce(int reply, const char *enhanced);
void metrics_draft_generated(const char *organisation_id, bool success, uint64_t duration_ns);
void metrics_prospects(const char *organisation_id, enum prospect_action action, uint64_t n);
void metrics_active_campaigns(const char *organisation_id, int64_t n);
void metrics_campaign_processed(const char *organisation_id, enum campaign_outcome outcome);
void metrics_campaign_finished(const char *campaign_id); /**< its emails_sent_total series may expire */

/*
 * The functions below and above are safe from any thread. An organisation or campaign that is NULL or "" is a fault of
 * the caller: nothing is counted and an error is logged, so that no series "undefined" can come to be.
 */

void metrics_error_report(enum report_outcome outcome);

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
