/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/drafts.h
 * Rendered drafts (outreach.drafts): at most one per campaign and prospect.
 * Each function runs inside the caller's transaction, acts on one organisation only, and returns a code of db.h.
 */
#ifndef INGEST_DATA_DRAFTS_H
#define INGEST_DATA_DRAFTS_H

#include "db/db.h"
#include "model/states.h"

/** A stored row. Every pointer is valid during the callback only. */
struct draft {
    const char *campaign_id;
    const char *prospect_id;
    enum draft_state state;
    const char *subject, *body; /**< NULL when failed */
    const char *error;          /**< NULL when generated */
    int64_t created_ms;
};
/** Return non-zero to stop. */
typedef int (*draft_fn)(void *arg, const struct draft *draft);

/**
 * Store a draft. A failed or outdated draft is replaced. A generated one stays, because the job may have been delivered
 * twice: then nothing is written, and *fresh = false.
 * @param stale_ms last change of the prospect or the template: drafts from before are outdated; 0: none is
 * @param fresh may be NULL.
 * @return DB_OK; DB_E_CONFLICT if the campaign or the prospect is not of this organisation.
 */
int drafts_put_generated(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                         const char *subject, const char *body, int64_t stale_ms, bool *fresh);
int drafts_put_failed(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                      const char *error, int64_t stale_ms, bool *fresh);

/** @return DB_OK after one call of fn, or DB_E_NOT_FOUND. */
int drafts_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               draft_fn fn, void *arg);

#define DRAFTS_PAGE_MAX 500
/** In order of prospect id, starting after `after`. @param state enum draft_state or -1 for any. As prospects_page. */
int drafts_page(struct db *db, const char *organisation_id, const char *campaign_id, const char *after, unsigned limit,
                int state, draft_fn fn, void *arg, bool *more);
/** @return DB_OK or DB_E_NOT_FOUND. */
int drafts_delete(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id);

#endif
