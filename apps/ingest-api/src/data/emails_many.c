/* SPDX-License-Identifier: Apache-2.0 */
#include "data/emails_many.h"

#include "base/clock.h"
#include "base/uuid.h"
#include "db/many.h"

/* $1 organisation, $2 campaign, $3 time; then prospect and id of each row. */
static struct db_many rows = {
    .head = "INSERT INTO outreach.emails (organisation_id, campaign_id, prospect_id, id, state, created_at,"
            " updated_at) VALUES",
    .row = "($1, $2, @, @, 'pending', $3, $3)",
    .tail = " ON CONFLICT (organisation_id, campaign_id, prospect_id) DO NOTHING",
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
        unsigned char uuid[16];
        uuid_new(uuid);
        uuid_format(uuid, ids[row]);
        db_bind_uuid(stmt, db_many_parameter(&rows, row, 0), prospect_ids[row]);
        db_bind_uuid(stmt, db_many_parameter(&rows, row, 1), ids[row]);
    }
    int rc = db_step(stmt);
    db_done(stmt);
    return rc;
}

int emails_create_many(struct db *db, const char *organisation_id, const char *campaign_id,
                       const char (*prospect_ids)[37], size_t n, uint64_t *fresh)
{
    uint64_t count = 0;

    int rc = db_scope(db, organisation_id);
    while (rc == DB_OK && n >= DB_MANY_ROWS) {
        rc = insert(db, organisation_id, campaign_id, prospect_ids);
        if (rc == DB_OK)
            count += (uint64_t)db_changes(db);
        prospect_ids += DB_MANY_ROWS;
        n -= DB_MANY_ROWS;
    }
    for (; rc == DB_OK && n > 0; n--, prospect_ids++) {
        bool one;
        rc = emails_create(db, organisation_id, campaign_id, *prospect_ids, &one);
        count += rc == DB_OK && one;
    }
    if (fresh)
        *fresh = count;
    return rc;
}
