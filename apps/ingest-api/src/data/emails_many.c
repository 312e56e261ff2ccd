/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for /send by statements of many rows; see queue/publish_many.c. */
#include "base/clock.h"
#include "base/uuid.h"
#include "data/emails.h"

#include <pthread.h>
#include <stdio.h>

#define ROWS 20

/* $1 organisation, $2 campaign, $3 time; then prospect and id of each row. */
static char insert_rows[2048];
static pthread_once_t insert_once = PTHREAD_ONCE_INIT;

static void make_insert(void)
{
    size_t n = (size_t)snprintf(insert_rows, sizeof(insert_rows), "%s",
                                "INSERT INTO outreach.emails (organisation_id, campaign_id, prospect_id, id, state,"
                                " created_at, updated_at) VALUES ");

    for (int row = 0; row < ROWS; row++)
        n += (size_t)snprintf(insert_rows + n, sizeof(insert_rows) - n, "%s($1, $2, $%d, $%d, 'pending', $3, $3)",
                              row ? ", " : "", 4 + 2 * row, 5 + 2 * row);
    (void)snprintf(insert_rows + n, sizeof(insert_rows) - n, "%s",
                   " ON CONFLICT (organisation_id, campaign_id, prospect_id) DO NOTHING");
}

static int insert(struct db *db, const char *organisation_id, const char *campaign_id, const char (*prospect_ids)[37])
{
    char ids[ROWS][UUID_TEXT];
    struct db_stmt *stmt = db_prepare(db, insert_rows);

    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, campaign_id);
    db_bind_int(stmt, 3, clock_wall_ms());
    for (int row = 0; row < ROWS; row++) {
        unsigned char uuid[16];
        uuid_new(uuid);
        uuid_format(uuid, ids[row]);
        db_bind_uuid(stmt, 4 + 2 * row, prospect_ids[row]);
        db_bind_uuid(stmt, 5 + 2 * row, ids[row]);
    }
    int rc = db_step(stmt);
    db_done(stmt);
    return rc;
}

int emails_create_many(struct db *db, const char *organisation_id, const char *campaign_id,
                       const char (*prospect_ids)[37], size_t n, uint64_t *fresh)
{
    uint64_t count = 0;

    pthread_once(&insert_once, make_insert);
    int rc = db_scope(db, organisation_id);
    while (rc == DB_OK && n >= ROWS) {
        rc = insert(db, organisation_id, campaign_id, prospect_ids);
        if (rc == DB_OK)
            count += (uint64_t)db_changes(db);
        prospect_ids += ROWS;
        n -= ROWS;
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
