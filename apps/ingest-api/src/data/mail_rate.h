/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/mail_rate.h
 * How many e-mails an organisation may send: a token bucket in the store (outreach.mail_rates), so that all workers
 * together keep to it. `rate` e-mails a second, and as many at once.
 */
#ifndef INGEST_DATA_MAIL_RATE_H
#define INGEST_DATA_MAIL_RATE_H

#include "db/db.h"

/**
 * One e-mail, inside the transaction that claims it; other claims of the organisation wait for that to end. One that is
 * refused is given a turn of its own, so that those who come back when it is theirs mostly find a token, however many
 * they are; the turn is no promise.
 * @param rate ≥ 1
 * @param must it goes whatever the bucket holds, and those after it wait for longer
 * @param now_ms clock_wall_ms()
 * @param wait_ms 0: it may go; else after how many milliseconds its turn is
 */
int mail_rate_take(struct db *db, const char *organisation_id, unsigned rate, bool must, int64_t now_ms,
                   int64_t *wait_ms);

#endif
