/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/campaign_hold.h
 * If the mail server refuses a campaign's sender, the campaign is held: none of its e-mails is tried for a while,
 * longer after each refusal. After a number of equal refusals in a row the campaign is paused, and keeps the
 * server's reply. To start, pause or complete it clears the hold, and so does an accepted e-mail. Each function runs
 * inside the caller's transaction.
 */
#ifndef INGEST_DATA_CAMPAIGN_HOLD_H
#define INGEST_DATA_CAMPAIGN_HOLD_H

#include "db/db.h"

struct campaign_refusal {
    const char *what;     /**< reply code and command; refusals with the same text are equal */
    const char *words;    /**< the server's reply, without addresses */
    unsigned pause_after; /**< equal refusals in a row */
};
struct campaign_held {
    int64_t hold_ms; /**< for how long nothing is tried */
    bool paused;     /**< by this refusal */
};
/**
 * Record a refusal. Further refusals during the hold (of e-mails that were in progress) are not counted.
 * @return DB_OK, DB_E_NOT_FOUND or an error.
 */
int campaign_hold(struct db *db, const char *organisation_id, const char *id, const struct campaign_refusal *refusal,
                  int64_t now_ms, struct campaign_held *held);
/** How long the hold still lasts, in ms; 0 if it has ended, or if the clock was set back: no hold is that long. */
int64_t campaign_hold_left(int64_t held_until_ms, int64_t now_ms);
/** Clear the hold: the server has accepted an e-mail. */
int campaign_release(struct db *db, const char *organisation_id, const char *id);
/** How many campaigns are paused by refusals, of all organisations. Not scoped: never for a request. */
int campaigns_refused(struct db *db, int64_t *out);

#endif
