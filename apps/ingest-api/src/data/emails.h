/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/emails.h
 * E-mails (outreach.emails): at most one per campaign and prospect, which ensures that no e-mail is sent twice.
 *
 * Life: waiting | refused_sender → sending (claimed, and committed before the transport is asked) → another state, or
 * waiting again. A claim that finds `sending` is in doubt: an earlier attempt may have died between sending and
 * recording. Only the transport can tell (an existing file, the Message-ID), so the caller decides.
 *
 * Each function runs inside the caller's transaction, acts on one organisation only, and returns a code of db.h.
 */
#ifndef INGEST_DATA_EMAILS_H
#define INGEST_DATA_EMAILS_H

#include "db/db.h"
#include "model/states.h"

/** A stored row. Every pointer is valid during the callback only. */
struct email {
    const char *id; /**< UUID; the same for all attempts: use it for the Message-ID */
    const char *campaign_id;
    const char *prospect_id;
    enum email_state state;
    int64_t attempts;   /**< used attempts */
    const char *reason; /**< reason for its state, or NULL */
    const char *error;  /**< error of the last attempt, or NULL */
    const char *words;  /**< the mail server's reply, or NULL */
    int64_t due_ms;     /**< time of the next attempt; 0: none */
    int64_t created_ms, updated_ms;
    int64_t sent_ms;    /**< 0: not sent */
    const char *job_id; /**< UUID of the job that claimed it last, or that has its turn (emails_set_job); or NULL */
};

/**
 * Make sure that the row exists, as waiting. For /send, together with the job.
 * @param fresh false if it existed in any state. May be NULL.
 * @return DB_OK; DB_E_CONFLICT if the campaign or the prospect is not of this organisation.
 */
int emails_create(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  bool *fresh);

/**
 * Claim an e-mail for sending: waiting or refused_sender becomes sending, and attempts is
 * incremented. A missing row is created.
 * @param job_id the job that claims it; NULL: none. Another job for the same e-mail must know whose claim it finds.
 * @param job_attempt the attempt for which the job is leased: if the lease was lost, nothing is claimed.
 * @param claim claim->was is the state before. EMAIL_WAITING, EMAIL_REFUSED_SENDER: claimed, send it after the commit.
 *              EMAIL_SENDING: in doubt, or another worker's job now; nothing changed. Any other: nothing changed.
 */
struct email_claim {
    enum email_state was;
    char id[37];
    int64_t attempts; /**< including this one */
};
int emails_claim(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                 const char *job_id, int job_attempt, struct email_claim *claim);
/** Record the job that is to try a waiting e-mail at its turn. In another state nothing changes. */
int emails_set_job(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                   const char *job_id);
/** May an e-mail in this state be claimed? */
bool email_claimable(enum email_state state);

#define EMAIL_NO_ANSWER "no_answer"                             /* the reason of EMAIL_IN_DOUBT */
#define EMAIL_INTERRUPTED "interrupted while it was being sent" /* and its error, if the worker has died */
/** The outcome of a claimed e-mail. */
struct email_outcome {
    enum email_state state; /**< any except EMAIL_SENDING */
    const char *reason, *error, *words;
    int64_t due_ms;   /**< time of the next attempt; 0: none */
    int64_t as_of_ms; /**< skipped: the time of the data that caused it (draft_source_ms()); 0: now */
    bool unspent;     /**< the attempt does not count, because the e-mail did not cause the failure */
};
/** @return DB_OK; DB_E_CONFLICT if it is not `sending`: nothing changed; DB_E_NOT_FOUND. */
int emails_finish(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  const struct email_outcome *outcome);

/**
 * Record a person's decision about an e-mail in doubt.
 * @return DB_OK; DB_E_CONFLICT if it is not in doubt; DB_E_NOT_FOUND.
 */
int emails_decide(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  enum email_state state);
/** How many e-mails are in doubt, of all organisations. Not scoped: never for a request. */
int emails_in_doubt(struct db *db, int64_t *out);

/** @return DB_OK after one call of fn, or DB_E_NOT_FOUND. */
int emails_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               void (*fn)(void *arg, const struct email *email), void *arg);

#endif
