/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/audience.h
 * Prospects that still need a draft or an e-mail of a campaign: /drafts and /send enqueue them. Pages in order of
 * prospect id. Each function runs inside the caller's transaction, acts on one organisation only, and returns how many
 * it wrote, 0 at the end, or an error of db.h (DB_E_INVALID if `after` is not a UUID).
 */
#ifndef INGEST_DATA_AUDIENCE_H
#define INGEST_DATA_AUDIENCE_H

#include "db/db.h"

struct audience_member {
    char prospect_id[37];
    int64_t since_ms; /**< when its draft or e-mail last changed; 0: there is none */
};

/**
 * Valid prospects without a draft, or with one that is older than the last change of prospect or
 * templates and was not handed over.
 * @param after prospect id of the last one of the previous page; NULL or "" to begin.
 */
int audience_undrafted(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                       struct audience_member *out, unsigned max);
/**
 * Valid prospects without an e-mail of the campaign, or with one that was skipped because of the prospect or the
 * template before that was last changed; and without a failed draft after that change.
 */
int audience_unsent(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                    struct audience_member *out, unsigned max);
/** Prospects whose e-mail of the campaign is waiting or refused_sender. */
int audience_waiting(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                     char (*ids)[37], unsigned max);
/** The number of prospects that each of the three would list. O(prospects), so call them in a read transaction. */
int64_t audience_count_undrafted(struct db *db, const char *organisation_id, const char *campaign_id);
int64_t audience_count_waiting(struct db *db, const char *organisation_id, const char *campaign_id);
int64_t audience_count_unsent(struct db *db, const char *organisation_id, const char *campaign_id);

#endif
