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

/** The data from which a draft was rendered. */
struct draft_source {
    int64_t read_ms;    /**< a time before the campaign and the prospect were read */
    int64_t changed_ms; /**< their last change, as read; 0: unknown */
};

/**
 * A draft is as old as its data: its time is that at which they were read, and it is later than their last change. So a
 * change that comes between reading and storing makes the draft outdated, and so does one in the same millisecond.
 * @param changed_ms last change of the prospect or the templates.
 */
static inline bool draft_is_outdated(int64_t created_ms, int64_t changed_ms)
{
    return created_ms <= changed_ms;
}

/** The time of what was made from these data. */
static inline int64_t draft_source_ms(const struct draft_source *source)
{
    return source->read_ms > source->changed_ms ? source->read_ms : source->changed_ms + 1;
}

/**
 * Store a draft. A failed or outdated draft is replaced. A generated one stays, because the job may have been delivered
 * twice: then nothing is written, and *fresh = false.
 * @param fresh may be NULL: the draft replaces any.
 * @return DB_OK; DB_E_CONFLICT if the campaign or the prospect is not of this organisation.
 */
int drafts_put_generated(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                         const char *subject, const char *body, const struct draft_source *source, bool *fresh);
int drafts_put_failed(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                      const char *error, const struct draft_source *source, bool *fresh);

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
