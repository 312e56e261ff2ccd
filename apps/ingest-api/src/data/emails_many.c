/* SPDX-License-Identifier: Apache-2.0 */
#include "data/emails_many.h"

#include "base/clock.h"
#include "base/uuid.h"
#include "db/many.h"

/* An e-mail that was skipped because of wrong data waits again. */
#define REOPEN                                                                                               \
    " ON CONFLICT (organisation_id, campaign_id, prospect_id) DO UPDATE SET state = 'waiting',"              \
    " updated_at = excluded.updated_at, reason = NULL, error = NULL WHERE outreach.emails.state = 'skipped'" \
    " AND (outreach.emails.reason = 'no_draft' OR outreach.emails.reason = 'prospect_invalid')"

/* $1 organisation, $2 campaign, $3 time; then prospect and id of each row. */
static struct db_many rows = {
    .head = "INSERT INTO outreach.emails (organisation_id, campaign_id, prospect_id, id, state, created_at,"
            " updated_at) VALUES",
    .row = "($1, $2, @, @, 'waiting', $3, $3)",
    .tail = REOPEN,
    .fixed = 3,
    .each = 2,
};

static int insert(struct db *db, const char *organisation_id, const char *campaign_id, const char (*prospect_ids)[37])
{
    char ids[DB_MANY_ROWS][UUID_TEXT];
    struct db_stmt *stmt = db_prepare(db, db_many_sql(&rows));

    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, campaign_id);
    db_bind_int(stmt, 3, clock_wall_ms());
    for (int row = 0; row < DB_MANY_ROWS; row++) {
        uuid_new_text(ids[row]);
        db_bind_uuid(stmt, db_many_parameter(&rows, row, 0), prospect_ids[row]);
        db_bind_uuid(stmt, db_many_parameter(&rows, row, 1), ids[row]);
    }
    int rc = db_step(stmt);
    db_done(stmt);
    return rc;
}

static int open_one(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id)
{
    char id[UUID_TEXT];
    uuid_new_text(id);
    return db_exec(db,
                   "INSERT INTO outreach.emails (organisation_id, campaign_id, prospect_id, id, state, created_at,"
                   " updated_at) VALUES ($1, $2, $3, $4, 'waiting', $5, $5)" REOPEN,
                   "uuuui", organisation_id, campaign_id, prospect_id, id, clock_wall_ms());
}

int emails_open_many(struct db *db, const char *organisation_id, const char *campaign_id,
                     const char (*prospect_ids)[37], size_t n)
{
    int rc = db_scope(db, organisation_id);
    for (; rc == DB_OK && n >= DB_MANY_ROWS; n -= DB_MANY_ROWS, prospect_ids += DB_MANY_ROWS)
        rc = insert(db, organisation_id, campaign_id, prospect_ids);
    for (; rc == DB_OK && n > 0; n--, prospect_ids++)
        rc = open_one(db, organisation_id, campaign_id, *prospect_ids);
    return rc;
}
