/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/mail_rate.h
 * The limit of e-mails per organisation: a token bucket in the store (outreach.mail_rates), so that all workers
 * share it. `rate` e-mails a second, with a burst of as many.
 */
#ifndef INGEST_DATA_MAIL_RATE_H
#define INGEST_DATA_MAIL_RATE_H

#include "db/db.h"

/**
 * Take a token for one e-mail, in the transaction that claims it; the organisation's other claims wait until it ends.
 * An e-mail that gets no token gets a turn of its own, so that however many come back at their turns, most find a token
 * then. The turn is not a guarantee.
 * @param rate ≥ 1
 * @param must take a token even if there is none; later e-mails then wait longer
 * @param has_turn it has a turn already, which another job waits for: it takes a token, or nothing
 * @param now_ms clock_wall_ms()
 * @param[out] wait_ms 0: it may be sent; else the milliseconds until its turn
 */
int mail_rate_take(struct db *db, const char *organisation_id, unsigned rate, bool must, bool has_turn, int64_t now_ms,
                   int64_t *wait_ms);

#endif
