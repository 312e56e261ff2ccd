/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metrics/table.h
 * The table of the service's metrics, one row each (promc/table.h). `ingest-api metrics` prints docs/service/metrics.md
 * from it. Label values that other rooms use are in model/labels.h, the others are here.
 */
#ifndef INGEST_METRICS_TABLE_H
#define INGEST_METRICS_TABLE_H

#include "metrics/metrics.h"

#include <promc/table.h>

#define SUCCESS_VALUES(VALUE) \
    VALUE(SUCCESS_FALSE, "false") VALUE(SUCCESS_TRUE, "true") /* in this order, so that a bool is the index */
PROMC_LABEL(success, "success", SUCCESS_VALUES);
#define POOL_STATE_VALUES(VALUE) VALUE(POOL_ACTIVE, "active") VALUE(POOL_IDLE, "idle")
PROMC_LABEL(pool_state, "state", POOL_STATE_VALUES);
#define WORK_VALUES(VALUE) VALUE(WORK_WAITING, "waiting") VALUE(WORK_RUNNING, "running")
PROMC_LABEL(db_work, "state", WORK_VALUES);
#define HANDLE_VALUES(VALUE) \
    VALUE(HANDLE_SERVER, "Server") VALUE(HANDLE_SOCKET, "Socket") VALUE(HANDLE_TIMER, "Timeout")
PROMC_LABEL(node_handle, "type", HANDLE_VALUES);
#define REQUEST_VALUES(VALUE) VALUE(REQUEST_HTTP, "Request")
PROMC_LABEL(node_request, "type", REQUEST_VALUES);
/* the values of HANDLE_VALUES in the same order, then the requests */
#define RESOURCE_VALUES(VALUE)       \
    VALUE(RESOURCE_SERVER, "Server") \
    VALUE(RESOURCE_SOCKET, "Socket") VALUE(RESOURCE_TIMER, "Timeout") VALUE(RESOURCE_REQUEST, "Request")
PROMC_LABEL(node_resource, "type", RESOURCE_VALUES);
#define SPACE_VALUES(VALUE) VALUE(SPACE_BRK, "brk") VALUE(SPACE_MMAP, "mmap")
PROMC_LABEL(heap_space, "space", SPACE_VALUES);
#define queue_values queue_names
PROMC_LABEL_OF(queue, "queue", QUEUES);

#define LOOPS_MAX 65 /* 64 and the one of METRICS_LISTEN */

static const double query_buckets[] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
static const double processing_buckets[] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
static const double draft_buckets[] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30};
static const double lag_buckets[] = {.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5};

#define INGEST_BUCKETS(buckets, max_series) \
    PROMC_OPTIONS(NULL, buckets, sizeof(buckets) / sizeof((buckets)[0]), max_series, 0)

/* clang-format off */
#define DB_METRICS(METRIC, LABEL, OPEN) \
    METRIC(HISTOGRAM_FAMILY, db_query_duration, "db_query_duration_seconds", "Duration of database queries.", \
           LABEL(db_operation) LABEL(db_schema), PROMC_BUCKETS(query_buckets)) \
    METRIC(COUNTER_FAMILY, db_query_errors, "db_query_errors_total", "Database queries that failed.", \
           LABEL(db_operation) LABEL(db_schema) OPEN("sqlstate_class"), PROMC_CAPPED(500, 0)) \
    METRIC(GAUGE, db_pool_size, "db_connection_pool_size", "Connections in the pool, by state.", LABEL(pool_state), \
           PROMC_PLAIN) \
    METRIC(GAUGE, db_pool_max, "db_connection_pool_max_size", "Maximum number of connections in the pool.", \
           PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, db_pool_pending, "db_connection_pool_pending_acquires", \
           "Operations waiting for a database connection.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(HISTOGRAM, db_pool_acquire, "db_connection_pool_acquire_duration_seconds", \
           "Time spent waiting for a database connection.", PROMC_NO_LABELS, PROMC_BUCKETS(query_buckets)) \
    METRIC(COUNTER, db_pool_acquire_timeouts, "db_connection_pool_acquire_timeouts_total", \
           "Operations that failed because no database connection became free in time.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, db_oldest_work, "db_oldest_work_age_seconds", \
           "Age of the oldest operation that is waiting (for a connection or SQLite's write lock) or running; 0 if there is none.", \
           LABEL(db_work), PROMC_PLAIN)

/* The last four are families: their series are removed while the depth is unknown. All replicas have equal values. */
#define QUEUE_METRICS(METRIC, LABEL, OPEN) \
    METRIC(COUNTER, queue_messages, "queue_messages_total", "Messages published and consumed, by action.", \
           LABEL(queue) LABEL(queue_action), PROMC_PLAIN) \
    METRIC(COUNTER, queue_failures, "queue_message_failures_total", "Messages that failed processing, by reason.", \
           LABEL(queue) LABEL(queue_failure), PROMC_PLAIN) \
    METRIC(COUNTER, queue_retries, "queue_message_retries_total", "Messages requeued for a retry.", \
           LABEL(queue), PROMC_PLAIN) \
    METRIC(HISTOGRAM, queue_processing, "queue_processing_duration_seconds", "Time spent processing a message.", \
           LABEL(queue) LABEL(success), PROMC_BUCKETS(processing_buckets)) \
    METRIC(GAUGE_FAMILY, queue_depth, "queue_depth", \
           "Messages ready, delayed or being processed. Shared by all replicas: aggregate with max by.", LABEL(queue), \
           PROMC_CAPPED(100, 0)) \
    METRIC(GAUGE_FAMILY, queue_consumers, "queue_consumers", \
           "Consumers of the queue. RabbitMQ reports all of them, the embedded queue those of this process. Aggregate with " \
           "max by.", LABEL(queue), PROMC_CAPPED(100, 0)) \
    METRIC(GAUGE_FAMILY, queue_oldest, "queue_oldest_message_age_seconds", \
           "Age of the oldest due message. Shared by all replicas: aggregate with max by.", LABEL(queue), \
           PROMC_CAPPED(100, 0)) \
    METRIC(GAUGE_FAMILY, queue_last_success, "queue_depth_last_success_timestamp_seconds", \
           "Time of the last successful read of the queue depth.", LABEL(queue), PROMC_CAPPED(100, 0))

/*
 * E-mail series are removed some time after their campaign ends; the expiry covers e-mails sent after that. The
 * cap is per organisation: the campaigns of one do not use up the series of the others
 * (MetricsCardinalityLimit, limit: organisation).
 */
#define BUSINESS_METRICS(METRIC, LABEL, OPEN) \
    METRIC(COUNTER_FAMILY, emails_sent, "emails_sent_total", \
           "E-mails with a final fate: accepted or permanently refused by the mail transport.", \
           OPEN("organisation_id") OPEN("campaign_id") LABEL(success), PROMC_CAPPED_BY("organisation_id", 2000, 7 * 86400)) \
    METRIC(COUNTER, emails, "emails_total", "E-mails with a final fate: accepted or permanently refused, for all campaigns.", \
           LABEL(success), PROMC_PLAIN) \
    METRIC(COUNTER, emails_not_sent, "emails_not_sent_total", \
           "E-mails discarded before they reached the mail transport, by reason.", LABEL(not_sent), PROMC_PLAIN) \
    METRIC(COUNTER, drafts, "drafts_total", "Drafts rendered, by outcome, for all organisations.", \
           LABEL(success), PROMC_PLAIN) \
    METRIC(COUNTER, prospects, "prospects_total", "Prospects by action, for all organisations.", \
           LABEL(prospect_action), PROMC_PLAIN) \
    METRIC(COUNTER, limit_refusals, "limit_refusals_total", \
           "Requests refused or work deferred because an organisation reached a limit.", \
           LABEL(organisation_limit), PROMC_PLAIN) \
    METRIC(GAUGE_FAMILY, limit_used, "organisation_limit_used", \
           "Usage of each limit by organisation: prospects, campaigns, unfinished jobs in its fullest queue, bytes of request" \
           " bodies this process keeps on disk. All but body_disk are shared by all replicas: aggregate with max by.", \
           OPEN("organisation_id") LABEL(organisation_limit), PROMC_CAPPED(20000, 0)) \
    METRIC(GAUGE_FAMILY, organisation_info, "organisation_info", \
           "Names of the organisations, for dashboards; always 1, set by workers. Shared by all replicas: aggregate with max by.", \
           OPEN("organisation_id") OPEN("name"), PROMC_CAPPED(5000, 0)) \
    METRIC(GAUGE, limit_max, "organisation_limit_max", "Configured limit for each organisation; 0 if unlimited.", \
           LABEL(organisation_limit), PROMC_PLAIN) \
    METRIC(COUNTER, email_bounces, "email_bounces_total", \
           "Refusals by the mail server, by reply class and subject of the enhanced status code (RFC 3463).", \
           LABEL(bounce_class) LABEL(bounce_subject), PROMC_PLAIN) \
    METRIC(COUNTER, email_attempts, "email_attempts_total", \
           "Delivery attempts through the mail transport, by outcome.", LABEL(email_attempt), PROMC_PLAIN) \
    METRIC(COUNTER, email_fates, "email_fates_total", \
           "E-mails by fate. An e-mail whose fate is not final can be counted again with a later one.", LABEL(email_fate), PROMC_PLAIN) \
    METRIC(COUNTER, suppressions, "suppressions_total", \
           "Addresses added to the suppression list, by reason.", \
           LABEL(suppression_reason), PROMC_PLAIN) \
    METRIC(GAUGE, emails_in_doubt, "emails_in_doubt", \
           "E-mails that may have been sent and wait for an operator's decision. Shared by all replicas: aggregate with max.", \
           PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, campaigns_refused, "campaigns_refused", \
           "Campaigns paused because the mail server refuses their sender. Shared by all replicas: aggregate with max.", \
           PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(COUNTER_FAMILY, emails_bounced, "emails_bounced_total", \
           "E-mails refused by the mail server, by organisation and reply class.", \
           OPEN("organisation_id") LABEL(bounce_class), PROMC_CAPPED(5000, 0)) \
    METRIC(COUNTER_FAMILY, drafts_generated, "drafts_generated_total", "Drafts rendered, by organisation and outcome.", \
           OPEN("organisation_id") LABEL(success), PROMC_CAPPED(5000, 0)) \
    METRIC(HISTOGRAM, draft_duration, "draft_generation_duration_seconds", "Time spent rendering a draft.", \
           PROMC_NO_LABELS, PROMC_BUCKETS(draft_buckets)) \
    METRIC(COUNTER_FAMILY, prospects_processed, "prospects_processed_total", "Prospects by organisation and action.", \
           OPEN("organisation_id") LABEL(prospect_action), PROMC_CAPPED(10000, 0)) \
    METRIC(GAUGE_FAMILY, active_campaigns, "active_campaigns", \
           "Active campaigns. Shared by all replicas: aggregate with max by.", OPEN("organisation_id"), \
           PROMC_CAPPED(5000, 0)) \
    METRIC(COUNTER_FAMILY, campaigns_processed, "campaigns_processed_total", "Campaigns that ended, by outcome.", \
           OPEN("organisation_id") LABEL(campaign_outcome), PROMC_CAPPED(5000, 0))

#define REPORT_METRICS(METRIC, LABEL, OPEN) \
    METRIC(COUNTER, error_reports, "error_reports_total", \
           "Error reports for SENTRY_DSN, by outcome; all but sent are lost.", LABEL(report_outcome), \
           PROMC_PLAIN)

/* Things that run out or expire: disk space and certificates. */
#define LIMIT_METRICS(METRIC, LABEL, OPEN) \
    METRIC(GAUGE, data_dir_free, "data_dir_free_bytes", \
           "Free space for this process on the file system of DATA_DIR; NaN if it cannot be read.", PROMC_NO_LABELS, \
           PROMC_PLAIN) \
    METRIC(GAUGE, data_dir_size, "data_dir_size_bytes", \
           "Size of the file system of DATA_DIR without the space reserved for root; NaN if it cannot be read.", PROMC_NO_LABELS, \
           PROMC_PLAIN) \
    METRIC(GAUGE, certificate_expiry, "tls_certificate_expiry_timestamp_seconds", \
           "Earliest expiry in the served certificate chain; 0 without TLS.", \
           PROMC_NO_LABELS, PROMC_PLAIN)

#define LOOP_METRICS(METRIC, LABEL, OPEN) \
    METRIC(HISTOGRAM_FAMILY, loop_lag, "eventloop_lag_seconds", "Delay of a 10 ms timer on the event loop.", \
           OPEN("loop"), INGEST_BUCKETS(lag_buckets, LOOPS_MAX)) \
    METRIC(GAUGE_FAMILY, loop_utilization, "eventloop_utilization_ratio", \
           "Fraction of the last second in which the event loop was busy, 0 to 1.", OPEN("loop"), \
           PROMC_CAPPED(LOOPS_MAX, 0)) \
    METRIC(GAUGE_FAMILY, loop_handles, "eventloop_handles", "Active libuv handles of the event loop, by type.", \
           OPEN("loop") OPEN("type"), PROMC_CAPPED(20 * LOOPS_MAX, 0))

/* The names that dashboards of the former Node service use; see metrics/runtime.c. */
#define NODE_METRICS(METRIC, LABEL, OPEN) \
    METRIC(GAUGE_FAMILY, node_version, "nodejs_version_info", \
           "Version of ingest-api, with the labels that Node.js dashboards expect; always 1.", \
           OPEN("version") OPEN("major") OPEN("minor") OPEN("patch"), PROMC_PLAIN) \
    METRIC(GAUGE_FAMILY, build_info, "ingest_api_build_info", "Version, revision and compiler of this build; always 1.", \
           OPEN("version") OPEN("revision") OPEN("compiler"), PROMC_PLAIN) \
    METRIC(GAUGE, node_lag, "nodejs_eventloop_lag_seconds", \
           "Latest event-loop lag of the slowest loop.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_lag_min, "nodejs_eventloop_lag_min_seconds", \
           "Minimum event-loop lag of the last 10 s, over all loops.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_lag_max, "nodejs_eventloop_lag_max_seconds", \
           "Maximum event-loop lag of the last 10 s, over all loops.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_lag_mean, "nodejs_eventloop_lag_mean_seconds", \
           "Mean event-loop lag of the last 10 s, over all loops.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_lag_stddev, "nodejs_eventloop_lag_stddev_seconds", \
           "Standard deviation of the event-loop lag of the last 10 s, over all loops.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_lag_p50, "nodejs_eventloop_lag_p50_seconds", \
           "Median event-loop lag of the last 10 s, over all loops.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_lag_p90, "nodejs_eventloop_lag_p90_seconds", \
           "90th percentile of the event-loop lag of the last 10 s, over all loops.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_lag_p99, "nodejs_eventloop_lag_p99_seconds", \
           "99th percentile of the event-loop lag of the last 10 s, over all loops.", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_heap_total, "nodejs_heap_size_total_bytes", \
           "Heap memory obtained from the system (mallinfo2 arena + hblkhd).", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_heap_used, "nodejs_heap_size_used_bytes", \
           "Heap memory in use by the program (mallinfo2 uordblks + hblkhd).", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_external, "nodejs_external_memory_bytes", \
           "Memory in mmapped allocations (mallinfo2 hblkhd).", PROMC_NO_LABELS, PROMC_PLAIN) \
    METRIC(GAUGE, node_handles, "nodejs_active_handles", \
           "Open handles of all event loops: listening sockets, connections, timers.", LABEL(node_handle), \
           PROMC_PLAIN) \
    METRIC(GAUGE, node_requests, "nodejs_active_requests", "HTTP requests in progress.", \
           LABEL(node_request), PROMC_PLAIN) \
    METRIC(GAUGE, node_resources, "nodejs_active_resources", "Open handles and requests in progress of all event loops.", \
           LABEL(node_resource), PROMC_PLAIN) \
    METRIC(GAUGE, node_space_total, "nodejs_heap_space_size_total_bytes", \
           "Heap memory obtained from the system, by allocation method.", LABEL(heap_space), PROMC_PLAIN) \
    METRIC(GAUGE, node_space_used, "nodejs_heap_space_size_used_bytes", "Heap memory in use, by allocation method.", \
           LABEL(heap_space), PROMC_PLAIN) \
    METRIC(GAUGE, node_space_available, "nodejs_heap_space_size_available_bytes", \
           "Free heap memory, by allocation method.", LABEL(heap_space), PROMC_PLAIN)
/* clang-format on */

#define INGEST_METRICS(METRIC, LABEL, OPEN) \
    DB_METRICS(METRIC, LABEL, OPEN)         \
    QUEUE_METRICS(METRIC, LABEL, OPEN)      \
    BUSINESS_METRICS(METRIC, LABEL, OPEN)   \
    REPORT_METRICS(METRIC, LABEL, OPEN)     \
    LIMIT_METRICS(METRIC, LABEL, OPEN)      \
    LOOP_METRICS(METRIC, LABEL, OPEN)       \
    NODE_METRICS(METRIC, LABEL, OPEN)
PROMC_TABLE(ingest, INGEST_METRICS);

#endif
