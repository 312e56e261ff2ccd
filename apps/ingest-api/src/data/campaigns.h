/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/campaigns.h
 * Campaigns (outreach.campaigns). Life: draft → active ⇄ paused; active | paused → completed, which is final.
 * Each function runs inside the caller's transaction, acts on one organisation only, and returns a code of db.h.
 */
#ifndef INGEST_DATA_CAMPAIGNS_H
#define INGEST_DATA_CAMPAIGNS_H

#include "data/drafts.h"
#include "data/emails.h"
#include "data/prospects.h"
#include "db/db.h"
#include "model/states.h"

#define CAMPAIGNS_PAGE_MAX 500

/** A stored row. Every pointer is valid during the callback only. */
struct campaign {
    const char *id;
    const char *name;
    const char *subject_template;
    const char *body_template;
    enum campaign_status status;
    int64_t created_ms;
    int64_t started_ms;   /**< first start; 0: never */
    int64_t completed_ms; /**< 0: not yet */
    /* the hold: data/campaign_hold.h */
    int64_t refusals;          /**< refusals of its sender in a row; 0: it is not held */
    const char *refusal_words; /**< the mail server's reply; NULL: it is not held */
    int64_t held_until_ms;     /**< nothing is tried before */
    bool refused;              /**< paused because of the refusals */
    int64_t templates_ms;      /**< last change of the templates; 0: never */
    const char *sender;        /**< the organisation's sender, or NULL */
};
/** Return non-zero to stop. */
typedef int (*campaign_fn)(void *arg, const struct campaign *campaign);

/** @return DB_OK and the id in id_out. */
int campaigns_create(struct db *db, const char *organisation_id, const char *name, const char *subject_template,
                     const char *body_template, char id_out[37]);
/** @return DB_OK after one call of fn, or DB_E_NOT_FOUND. */
int campaigns_get(struct db *db, const char *organisation_id, const char *id, campaign_fn fn, void *arg);
/** Read the status only. @return as campaigns_get() */
int campaigns_status(struct db *db, const char *organisation_id, const char *id, enum campaign_status *status);
/** The same; in a write transaction, and no other transaction changes the status until it ends. */
int campaigns_status_locked(struct db *db, const char *organisation_id, const char *id, enum campaign_status *status);
/** As prospects_page. @param status enum campaign_status or -1 for any. */
int campaigns_page(struct db *db, const char *organisation_id, const char *after, unsigned limit, int status,
                   campaign_fn fn, void *arg, bool *more);

/**
 * @param was the status before; set unless DB_E_NOT_FOUND. May be NULL.
 * @return DB_OK; DB_E_CONFLICT if `was` cannot become `to` (also if it is already `to`): nothing changed.
 */
int campaigns_transition(struct db *db, const char *organisation_id, const char *id, enum campaign_status to,
                         enum campaign_status *was);

/** The new values; NULL: unchanged. */
struct campaign_change {
    const char *name, *subject_template, *body_template;
};
/** @return DB_OK; DB_E_CONFLICT: a template, and the campaign is no longer a draft; DB_E_NOT_FOUND. */
int campaigns_change(struct db *db, const char *organisation_id, const char *id, const struct campaign_change *change);

struct campaign_stats {
    enum campaign_status status;
    int64_t prospects[PROSPECT_STATUSES]; /**< of the organisation */
    int64_t drafts[DRAFT_STATES];
    int64_t emails[EMAIL_STATES];
};
int campaigns_stats(struct db *db, const char *organisation_id, const char *id, struct campaign_stats *out);

/** How many are active now. */
int campaigns_active_count(struct db *db, const char *organisation_id, int64_t *out);
/**
 * The number of active campaigns of each organisation that has or had a campaign, also if it was deleted: its gauge
 * falls to 0. Not scoped: never for a request.
 */
int campaigns_active_counts(struct db *db, void (*fn)(void *arg, const char *organisation_id, int64_t active),
                            void *arg);
/** Every active campaign. Not scoped: never for a request. */
int campaigns_active(struct db *db, void (*fn)(void *arg, const char *organisation_id, const char *id), void *arg);

#endif
