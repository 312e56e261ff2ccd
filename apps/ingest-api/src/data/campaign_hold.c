/* SPDX-License-Identifier: Apache-2.0 */
#include "data/campaign_hold.h"

#include <string.h>

#define HOLD_MS 1000 /* after the first refusal; doubles up to HOLD_MAX_MS */
#define HOLD_MAX_MS 60000

struct hold {
    bool active, equal;
    int64_t refusals, until_ms;
};

static int read_hold(struct db *db, const char *organisation_id, const char *id, const char *what, struct hold *hold)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT status, refusals, refusal, held_until FROM outreach.campaigns"
                                          " WHERE organisation_id = $1 AND id = $2 /*pg FOR UPDATE */");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    rc = db_step(stmt);
    if (rc == DB_ROW) {
        const char *refusal = db_column_text(stmt, 2);
        hold->equal = refusal && strcmp(refusal, what) == 0;
        hold->active = strcmp(db_column_text(stmt, 0), "active") == 0;
        hold->refusals = db_column_int(stmt, 1);
        hold->until_ms = db_column_int(stmt, 3);
    }
    db_done(stmt);
    return rc == DB_ROW ? DB_OK : rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

static int64_t hold_after(int64_t refusals)
{
    int64_t ms = HOLD_MS;
    while (--refusals > 0 && ms < HOLD_MAX_MS)
        ms *= 2;
    return ms < HOLD_MAX_MS ? ms : HOLD_MAX_MS;
}

int64_t campaign_hold_left(int64_t held_until_ms, int64_t now_ms)
{
    int64_t left = held_until_ms - now_ms;
    return left > 0 && left <= HOLD_MAX_MS ? left : 0;
}

int campaign_hold(struct db *db, const char *organisation_id, const char *id, const struct campaign_refusal *refusal,
                  int64_t now_ms, struct campaign_held *held)
{
    struct hold hold;
    int rc = read_hold(db, organisation_id, id, refusal->what, &hold);

    held->hold_ms = 0;
    held->paused = false;
    if (rc != DB_OK || !hold.active)
        return rc;
    held->hold_ms = campaign_hold_left(hold.until_ms, now_ms);
    if (held->hold_ms > 0)
        return DB_OK;
    hold.refusals = hold.equal ? hold.refusals + 1 : 1;
    held->hold_ms = hold_after(hold.refusals);
    held->paused = hold.refusals >= refusal->pause_after;
    return db_exec(db,
                   "UPDATE outreach.campaigns SET refusals = $3, refusal = $4, refusal_words = $5, held_until = $6,"
                   " refused = $7, status = $8 WHERE organisation_id = $1 AND id = $2",
                   "uuissiis", organisation_id, id, hold.refusals, refusal->what, refusal->words,
                   now_ms + held->hold_ms, (int64_t)held->paused, held->paused ? "paused" : "active");
}

int campaign_release(struct db *db, const char *organisation_id, const char *id)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    return db_exec(db,
                   "UPDATE outreach.campaigns SET refusals = 0, refusal = NULL, refusal_words = NULL, held_until = 0"
                   " WHERE organisation_id = $1 AND id = $2 AND refusals > 0 AND refused = 0",
                   "uu", organisation_id, id);
}

int campaigns_refused(struct db *db, int64_t *out)
{
    int rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT count(*) FROM outreach.campaigns WHERE refused = 1");
    rc = db_step(stmt);
    if (rc == DB_ROW)
        *out = db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}
