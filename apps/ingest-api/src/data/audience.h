/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/audience.h
 * Whom a campaign still has to be drafted for or sent to: what /drafts and /send enqueue. Pages in order of prospect id.
 * Each function runs inside the caller's transaction, acts on one organisation only, and returns how many it wrote,
 * 0 at the end, or an error of db.h (DB_E_INVALID when `after` is no UUID).
 */
#ifndef INGEST_DATA_AUDIENCE_H
#define INGEST_DATA_AUDIENCE_H

#include "db/db.h"

struct audience_member {
    char prospect_id[37];
    int64_t failed_ms; /**< when its draft failed; 0: it never had one */
};

/**
 * Prospects that are not invalid and have no draft, or one that failed before the prospect was last changed.
 * @param after prospect id of the last one of the page before; NULL or "" to begin.
 */
int audience_undrafted(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                       struct audience_member *out, unsigned max);
/** Prospects that are not invalid, have no e-mail of the campaign in any state, and no failed draft. */
int audience_unsent(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                    char (*ids)[37], unsigned max);
/** How many those two find in all: O(prospects), so in a read transaction. */
int64_t audience_count_undrafted(struct db *db, const char *organisation_id, const char *campaign_id);
int64_t audience_count_unsent(struct db *db, const char *organisation_id, const char *campaign_id);
/** Prospects whose e-mail of the campaign is pending. */
int audience_pending(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                     char (*ids)[37], unsigned max);

#endif
