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
 * Take a token for one e-mail, inside the transaction that claims it; other claims of the organisation wait until that ends. A
 * refused e-mail gets its own turn, so that e-mails that come back at their turn mostly find a token, however many
 * there are; the turn is not a guarantee.
 * @param rate ≥ 1
 * @param must take a token in any case; later e-mails then wait longer
 * @param now_ms clock_wall_ms()
 * @param wait_ms 0: it may be sent; else the milliseconds until its turn
 */
int mail_rate_take(struct db *db, const char *organisation_id, unsigned rate, bool must, int64_t now_ms,
                   int64_t *wait_ms);

#endif
