/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/emails.h
 * E-mails (outreach.emails): at most one per campaign and prospect, which is what keeps a message from going twice.
 *
 * pending → sending (claimed; commit before talking to the transport) → sent | failed | pending again (retry).
 * A claim that finds `sending` is in doubt: an earlier attempt may have died between the send and its record. Only
 * the transport can tell (a file that exists, the Message-ID), so the caller decides.
 * Each function runs inside the caller's transaction, acts on one organisation only, and returns a code of db.h.
 */
#ifndef INGEST_DATA_EMAILS_H
#define INGEST_DATA_EMAILS_H

#include "db/db.h"
#include "model/states.h"

/** A stored row. Every pointer is valid during the callback only. */
struct email {
    const char *id; /**< UUID; stable over attempts: use it for the Message-ID */
    const char *campaign_id;
    const char *prospect_id;
    enum email_state state;
    const char *error; /**< of the last attempt, or NULL */
    int64_t created_ms;
};

/**
 * Make sure the row exists, as pending. For /send, together with the job.
 * @param fresh false when it was there in any state. May be NULL.
 * @return DB_OK; DB_E_CONFLICT when the campaign or the prospect is not of this organisation.
 */
int emails_create(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  bool *fresh);

/**
 * Take it for sending: pending becomes sending and attempts rises; made first if it is not there.
 * @param was state before: EMAIL_PENDING: claimed, go ahead after commit. EMAIL_SENDING: in doubt, nothing changed.
 *            EMAIL_SENT, EMAIL_FAILED: finished, nothing changed.
 * @param id_out the e-mail's id. May be NULL.
 */
int emails_claim(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                 enum email_state *was, char id_out[37]);

/**
 * The outcome of a claimed e-mail.
 * @param state EMAIL_SENT, EMAIL_FAILED (permanent), or EMAIL_PENDING (to be tried again).
 * @param error NULL for EMAIL_SENT; a text without addresses.
 * @return DB_OK; DB_E_CONFLICT when it is not in sending: nothing changed; DB_E_NOT_FOUND.
 */
int emails_finish(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  enum email_state state, const char *error);

/** @return DB_OK after one call of fn, or DB_E_NOT_FOUND. */
int emails_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               void (*fn)(void *arg, const struct email *email), void *arg);

#endif
