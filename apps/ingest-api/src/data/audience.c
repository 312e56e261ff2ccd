/* SPDX-License-Identifier: Apache-2.0 */
#include "data/audience.h"

#include "data/page.h"

/* $1 organisation, $2 campaign, $3 after, $4 max. @return NULL: an error, which is in *rc. */
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

/* The FROM and WHERE that pages and counts share. $1 organisation, $2 campaign. */
#define OF_ALL                                                                                               \
    " FROM crm.prospects p JOIN outreach.campaigns c ON c.organisation_id = $1 AND c.id = $2"                \
    " LEFT JOIN outreach.drafts d ON d.organisation_id = $1 AND d.campaign_id = $2 AND d.prospect_id = p.id" \
    " LEFT JOIN outreach.emails e ON e.organisation_id = $1 AND e.campaign_id = $2 AND e.prospect_id = p.id" \
    " WHERE p.organisation_id = $1 AND p.status <> 'invalid'"
/* As draft_is_outdated() has it: a change in the same millisecond counts. */
#define CHANGED_SINCE(time) "(p.updated_at >= " time " OR c.templates_at >= " time ")"
/* An outdated draft is rendered again until its e-mail is handed over. */
#define UNDRAFTED                                                                                                  \
    OF_ALL " AND (d.state IS NULL OR (" CHANGED_SINCE(                                                             \
        "d.created_at") " AND (e.state IS NULL OR e.state = 'waiting' OR e.state = 'refused_sender' OR e.state = " \
                        "'skipped')))"
/* An e-mail that was skipped because of wrong data has another chance after the data has changed. */
#define UNSENT                                                                                                    \
    OF_ALL " AND (d.state IS NULL OR d.state = 'generated' OR " CHANGED_SINCE(                                    \
        "d.created_at") ")"                                                                                       \
                        " AND (e.state IS NULL OR (e.state = 'skipped' AND (e.reason = 'no_draft' OR e.reason = " \
                        "'prospect_invalid')"                                                                     \
                        " AND " CHANGED_SINCE("e.updated_at") "))"

/* Column 0 the id, column 1 the time. */
static int members(struct db_stmt *stmt, int rc, struct audience_member *out)
{
    int n = 0;
    if (!stmt && rc != DB_OK)
        return rc;
    while ((rc = db_step(stmt)) == DB_ROW) {
        memcpy(out[n].prospect_id, db_column_uuid(stmt, 0), UUID_TEXT);
        out[n++].since_ms = db_column_int(stmt, 1);
    }
    db_done(stmt);
    return rc < 0 ? rc : n;
}

int audience_undrafted(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                       struct audience_member *out, unsigned max)
{
    int rc;
    struct db_stmt *stmt = prepare_page(
        db, PAGE_SELECT "p.id, coalesce(d.created_at, 0)" UNDRAFTED " AND p.id > $3 ORDER BY p.id" PAGE_LIMIT("$4"),
        organisation_id, campaign_id, after, max, &rc);
    return members(stmt, rc, out);
}

int audience_unsent(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                    struct audience_member *out, unsigned max)
{
    int rc;
    struct db_stmt *stmt = prepare_page(
        db, PAGE_SELECT "p.id, coalesce(e.updated_at, 0)" UNSENT " AND p.id > $3 ORDER BY p.id" PAGE_LIMIT("$4"),
        organisation_id, campaign_id, after, max, &rc);
    return members(stmt, rc, out);
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

/* A page of e-mails in one state. The index of states has them in order. */
#define OF_STATE(state)                                                                                                \
    "SELECT prospect_id FROM (SELECT prospect_id FROM outreach.emails WHERE organisation_id = $1 AND campaign_id = $2" \
    " AND state = '" state "' AND prospect_id > $3 ORDER BY prospect_id LIMIT 501) AS " state

int audience_waiting(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                     char (*ids)[37], unsigned max)
{
    int rc;
    struct db_stmt *stmt =
        prepare_page(db, OF_STATE("waiting") " UNION ALL " OF_STATE("refused_sender") " ORDER BY prospect_id LIMIT $4",
                     organisation_id, campaign_id, after, max, &rc);
    return rc == DB_OK ? page_ids(stmt, ids) : rc;
}

int64_t audience_count_waiting(struct db *db, const char *organisation_id, const char *campaign_id)
{
    return count(db,
                 "SELECT count(*) FROM outreach.emails WHERE organisation_id = $1 AND campaign_id = $2"
                 " AND (state = 'waiting' OR state = 'refused_sender')",
                 organisation_id, campaign_id);
}
