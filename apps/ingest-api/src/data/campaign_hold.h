/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/campaign_hold.h
 * A campaign whose sender the mail server refuses is held: nothing of it is tried for a while, longer with each refusal. After
 * a number of equal refusals in a row it is paused, with the server's reply. Starting, pausing or completing it clears the hold, and so
 * does an accepted e-mail. Each function runs inside the caller's transaction.
 */
#ifndef INGEST_DATA_CAMPAIGN_HOLD_H
#define INGEST_DATA_CAMPAIGN_HOLD_H

#include "db/db.h"

struct campaign_refusal {
    const char *what;  /**< equal refusals are counted: those with the same reply code and command */
    const char *words; /**< the server's reply, without addresses */
    unsigned pause_after;
};
struct campaign_held {
    int64_t hold_ms; /**< nothing is tried before */
    bool paused;     /**< by this refusal */
};
/**
 * Record one refusal. Refusals while the campaign is already held (of e-mails that were in progress) count as one.
 * @return DB_OK, DB_E_NOT_FOUND or an error.
 */
int campaign_hold(struct db *db, const char *organisation_id, const char *id, const struct campaign_refusal *refusal,
                  int64_t now_ms, struct campaign_held *held);
/** The server accepts its e-mails. */
int campaign_release(struct db *db, const char *organisation_id, const char *id);
/** How many campaigns are paused by refusals, of all organisations. Not scoped: never for a request. */
int campaigns_refused(struct db *db, int64_t *out);

#endif
