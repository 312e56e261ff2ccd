/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file workers/email_retry.h
 * When a deferred e-mail is tried again: RFC 5321 section 4.5.4.1, growing intervals over days.
 * The waits are added up, not the elapsed time, so that time in which the campaign was paused or held does
 * not count. Pure functions.
 */
#ifndef INGEST_WORKERS_EMAIL_RETRY_H
#define INGEST_WORKERS_EMAIL_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct settings;

/** The wait after this many attempts (≥ 1): MAIL_RETRY_MIN, twice that, …, MAIL_RETRY_MAX. Milliseconds. */
int64_t email_retry_wait(const struct settings *settings, int64_t attempts);
/** Do the waits between this many attempts add up to MAIL_RETRY_FOR? Then this attempt was the last. */
bool email_retry_over(const struct settings *settings, int64_t attempts);

#endif
