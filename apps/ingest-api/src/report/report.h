/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file report/report.h
 * Sends error reports to Sentry, or any receiver of its envelopes, if SENTRY_DSN is set: for requests answered with
 * 5xx, dead-lettered jobs, failures of the store, the queue and the mail server, and every log line of level error.
 *
 * A report is a log line. The logging thread never waits: it copies the line to a queue of REPORT_QUEUE lines, and a
 * separate thread sends them, at most REPORT_RATE a second after a burst of REPORT_BURST. Reports that do not fit,
 * exceed the rate or cannot be delivered are dropped and counted: error_reports_total{outcome}.
 *
 * With https:// the receiver's certificate and name are verified: against SENTRY_CA, else the system's authorities.
 *
 * Sent are message, level, time, host name, release, environment, the request's id, and the line's fields in the table
 * `tags` (event.c). No organisation, no e-mail address (each word with an @ is replaced), no secret.
 */
#ifndef INGEST_REPORT_REPORT_H
#define INGEST_REPORT_REPORT_H

#include <jansson.h>
#include <stddef.h>

#define REPORT_QUEUE 64
#define REPORT_BURST 10
#define REPORT_RATE 1
#define REPORT_TIMEOUT_S 10 /* for one delivery */

struct settings;
struct error_reports;

/**
 * @param settings must live until error_reports_close(). @return 0, also without a DSN (then *out is NULL); or -1 after
 * one clear line in the log.
 */
int error_reports_open(struct error_reports **out, const struct settings *settings);
/** Send queued reports for at most two seconds, drop the rest. No other thread may log meanwhile. NULL is allowed. */
void error_reports_close(struct error_reports *reports);

/* ---- parts that the tests use ---- */

struct report_target {
    char url[512];  /**< …/api/PROJECT/envelope/ */
    char auth[512]; /**< the complete header X-Sentry-Auth */
};
/** Parse a DSN: http[s]://KEY[:SECRET]@HOST[:PORT][/PATH]/PROJECT. @return 0 or -1. */
int report_target_parse(struct report_target *target, const char *dsn);

/**
 * Make the event for a log line. @return a new object; NULL: the line is not a JSON object, or there is no memory.
 * @param event_id 32 hexadecimal digits
 */
json_t *report_event(const char *line, size_t length, const char *event_id, const char *environment);

#endif
