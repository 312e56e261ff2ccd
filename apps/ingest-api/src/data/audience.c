/* SPDX-License-Identifier: Apache-2.0 */
#include "data/audience.h"

#include "data/page.h"

/* $1 organisation, $2 campaign, $3 after, $4 max. NULL on error, *rc tells. */
static struct db_stmt *prepare_page(struct db *db, const char *sql, const char *organisation_id,
                                    const char *campaign_id, const char *after, unsigned max, int *rc)
{
    const char *from = page_after(after);

    *rc = from ? db_scope(db, organisation_id) : DB_E_INVALID;
    if (*rc != DB_OK)
        return NULL;
    struct db_stmt *stmt = db_prepare(db, sql);
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, campaign_id);
    db_bind_uuid(stmt, 3, from);
    db_bind_int(stmt, 4, max);
    return stmt;
}

/* $1 organisation, $2 campaign. Each is what a page selects from, and what is counted. */
#define UNDRAFTED                                                                               \
    " FROM crm.prospects p LEFT JOIN outreach.drafts d"                                         \
    " ON d.organisation_id = p.organisation_id AND d.campaign_id = $2 AND d.prospect_id = p.id" \
    " WHERE p.organisation_id = $1 AND p.status <> 'invalid'"                                   \
    " AND (d.state IS NULL OR (d.state = 'failed' AND p.updated_at > d.created_at))"
#define UNSENT                                                                                                \
    " FROM crm.prospects p WHERE p.organisation_id = $1 AND p.status <> 'invalid'"                            \
    " AND NOT EXISTS (SELECT 1 FROM outreach.emails e WHERE e.organisation_id = $1 AND e.campaign_id = $2"    \
    " AND e.prospect_id = p.id) AND NOT EXISTS (SELECT 1 FROM outreach.drafts d WHERE d.organisation_id = $1" \
    " AND d.campaign_id = $2 AND d.prospect_id = p.id AND d.state = 'failed')"

int audience_undrafted(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                       struct audience_member *out, unsigned max)
{
    int rc, n = 0;
    struct db_stmt *stmt =
        prepare_page(db, "SELECT p.id, coalesce(d.created_at, 0)" UNDRAFTED " AND p.id > $3 ORDER BY p.id LIMIT $4",
                     organisation_id, campaign_id, after, max, &rc);
    if (!stmt && rc != DB_OK)
        return rc;
    while ((rc = db_step(stmt)) == DB_ROW) {
        memcpy(out[n].prospect_id, db_column_uuid(stmt, 0), UUID_TEXT);
        out[n++].failed_ms = db_column_int(stmt, 1);
    }
    db_done(stmt);
    return rc < 0 ? rc : n;
}

int audience_unsent(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                    char (*ids)[37], unsigned max)
{
    int rc;
    struct db_stmt *stmt = prepare_page(db, "SELECT p.id" UNSENT " AND p.id > $3 ORDER BY p.id LIMIT $4",
                                        organisation_id, campaign_id, after, max, &rc);
    return rc == DB_OK ? page_ids(stmt, ids) : rc;
}

static int64_t count(struct db *db, const char *sql, const char *organisation_id, const char *campaign_id)
{
    int64_t n = 0;
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, sql);
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, campaign_id);
    rc = db_step(stmt);
    if (rc == DB_ROW)
        n = db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : n;
}

int64_t audience_count_undrafted(struct db *db, const char *organisation_id, const char *campaign_id)
{
    return count(db, "SELECT count(*)" UNDRAFTED, organisation_id, campaign_id);
}

int64_t audience_count_unsent(struct db *db, const char *organisation_id, const char *campaign_id)
{
    return count(db, "SELECT count(*)" UNSENT, organisation_id, campaign_id);
}

int audience_pending(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                     char (*ids)[37], unsigned max)
{
    int rc;
    struct db_stmt *stmt = prepare_page(db,
                                        "SELECT prospect_id FROM outreach.emails WHERE organisation_id = $1"
                                        " AND campaign_id = $2 AND state = 'pending' AND prospect_id > $3"
                                        " ORDER BY prospect_id LIMIT $4",
                                        organisation_id, campaign_id, after, max, &rc);
    return rc == DB_OK ? page_ids(stmt, ids) : rc;
}
