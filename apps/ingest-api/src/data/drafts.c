/* SPDX-License-Identifier: Apache-2.0 */
#include "data/drafts.h"

#include "base/clock.h"
#include "data/page.h"
#include "model/names.h"

static int put(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               enum draft_state state, const char *subject, const char *body, const char *error, bool *fresh)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "INSERT INTO outreach.drafts (organisation_id, campaign_id, prospect_id, state, subject, body,"
                     " error, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                     " ON CONFLICT (organisation_id, campaign_id, prospect_id) DO UPDATE SET state = excluded.state,"
                     " subject = excluded.subject, body = excluded.body, error = excluded.error,"
                     " created_at = excluded.created_at WHERE outreach.drafts.state = 'failed'",
                     "uuussssi", organisation_id, campaign_id, prospect_id, draft_state_names[state], subject, body,
                     error, clock_wall_ms());
    if (rc == DB_OK && fresh)
        *fresh = db_changes(db) > 0;
    return rc;
}

int drafts_put_generated(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                         const char *subject, const char *body, bool *fresh)
{
    return put(db, organisation_id, campaign_id, prospect_id, DRAFT_GENERATED, subject, body, NULL, fresh);
}

int drafts_put_failed(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                      const char *error, bool *fresh)
{
    return put(db, organisation_id, campaign_id, prospect_id, DRAFT_FAILED, NULL, NULL, error, fresh);
}

int drafts_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               draft_fn fn, void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, "SELECT campaign_id, prospect_id, state, subject, body, error, created_at FROM outreach.drafts"
                       " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, campaign_id);
    db_bind_uuid(stmt, 3, prospect_id);
    rc = db_step(stmt);
    if (rc == DB_ROW) {
        struct draft draft = {
            .campaign_id = db_column_uuid(stmt, 0),
            .prospect_id = db_column_uuid(stmt, 1),
            .state = name_index(draft_state_names, DRAFT_STATES, db_column_text(stmt, 2)) == DRAFT_GENERATED
                         ? DRAFT_GENERATED
                         : DRAFT_FAILED,
            .subject = db_column_text(stmt, 3),
            .body = db_column_text(stmt, 4),
            .error = db_column_text(stmt, 5),
            .created_ms = db_column_int(stmt, 6),
        };
        fn(arg, &draft);
    }
    db_done(stmt);
    if (rc == DB_ROW)
        return DB_OK;
    return rc == DB_OK ? DB_E_NOT_FOUND : rc;
}
