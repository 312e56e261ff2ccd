/* SPDX-License-Identifier: Apache-2.0 */
#include "data/campaigns.h"

#include "base/clock.h"
#include "data/page.h"
#include "data/usage.h"
#include "model/names.h"

int campaigns_create(struct db *db, const char *organisation_id, const char *name, const char *subject_template,
                     const char *body_template, char id_out[37])
{
    uuid_new_text(id_out);
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    rc = db_exec(db,
                 "INSERT INTO outreach.campaigns (organisation_id, id, name, subject_template, body_template,"
                 " created_at) VALUES ($1, $2, $3, $4, $5, $6)",
                 "uusssi", organisation_id, id_out, name, subject_template, body_template, clock_wall_ms());
    return rc == DB_OK ? usage_add(db, organisation_id, USAGE_CAMPAIGNS, 1) : rc;
}

#define SELECT                                                                                           \
    "SELECT c.id, c.name, c.subject_template, c.body_template, c.status, c.created_at, c.started_at,"    \
    " c.completed_at, c.refusals, c.refusal_words, c.held_until, c.refused, o.mail_from, c.templates_at" \
    " FROM outreach.campaigns c JOIN iam.organisations o ON o.id = c.organisation_id WHERE c.organisation_id = $1"

static enum campaign_status status_of(const char *name)
{
    int status = campaign_status_from_name(name);
    return status < 0 ? CAMPAIGN_STATUS_DRAFT : (enum campaign_status)status;
}

struct reader {
    campaign_fn fn;
    void *arg;
};

static int deliver(void *arg, struct db_stmt *stmt)
{
    const struct reader *reader = arg;
    struct campaign campaign = {
        .id = db_column_uuid(stmt, 0),
        .name = db_column_text(stmt, 1),
        .subject_template = db_column_text(stmt, 2),
        .body_template = db_column_text(stmt, 3),
        .status = status_of(db_column_text(stmt, 4)),
        .created_ms = db_column_int(stmt, 5),
        .started_ms = db_column_int(stmt, 6), /* SQL NULL reads as 0 */
        .completed_ms = db_column_int(stmt, 7),
        .refusals = db_column_int(stmt, 8),
        .refusal_words = db_column_text(stmt, 9),
        .held_until_ms = db_column_int(stmt, 10),
        .refused = db_column_int(stmt, 11) != 0,
        .sender = db_column_text(stmt, 12),
        .templates_ms = db_column_int(stmt, 13),
    };
    return reader->fn(reader->arg, &campaign);
}

int campaigns_get(struct db *db, const char *organisation_id, const char *id, campaign_fn fn, void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, SELECT " AND c.id = $2");
    return page_one(stmt, organisation_id, id, deliver, &(struct reader){fn, arg});
}

int campaigns_page(struct db *db, const char *organisation_id, const char *after, unsigned limit, int status,
                   campaign_fn fn, void *arg, bool *more)
{
    const char *from = page_after(after);
    if (!from || status >= CAMPAIGN_STATUSES)
        return DB_E_INVALID;
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(
        db, PAGE_OF SELECT " AND c.id > $2 AND c.status = coalesce($4, c.status) ORDER BY c.id" PAGE_LIMIT("$3"));
    db_bind_str(stmt, 4, status < 0 ? NULL : campaign_status_names[status]);
    return page_rows(stmt, organisation_id, from, page_limit(limit, CAMPAIGNS_PAGE_MAX), deliver,
                     &(struct reader){fn, arg}, more);
}

/* ---- transitions ---- */

static int keep_status(void *arg, struct db_stmt *stmt)
{
    *(enum campaign_status *)arg = status_of(db_column_text(stmt, 0));
    return 0;
}

int campaigns_status(struct db *db, const char *organisation_id, const char *id, enum campaign_status *status)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, "SELECT status FROM outreach.campaigns WHERE organisation_id = $1 AND id = $2");
    return page_one(stmt, organisation_id, id, keep_status, status);
}

int campaigns_status_locked(struct db *db, const char *organisation_id, const char *id, enum campaign_status *status)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(
        db, "SELECT status FROM outreach.campaigns WHERE organisation_id = $1 AND id = $2 /*pg FOR UPDATE */");
    return page_one(stmt, organisation_id, id, keep_status, status);
}

/* For each status the set of statuses that may follow it. */
static const unsigned next_statuses[CAMPAIGN_STATUSES] = {
    [CAMPAIGN_STATUS_DRAFT] = 1u << CAMPAIGN_STATUS_ACTIVE,
    [CAMPAIGN_STATUS_ACTIVE] = 1u << CAMPAIGN_STATUS_PAUSED | 1u << CAMPAIGN_STATUS_COMPLETED,
    [CAMPAIGN_STATUS_PAUSED] = 1u << CAMPAIGN_STATUS_ACTIVE | 1u << CAMPAIGN_STATUS_COMPLETED,
    [CAMPAIGN_STATUS_COMPLETED] = 0,
};

int campaigns_transition(struct db *db, const char *organisation_id, const char *id, enum campaign_status to,
                         enum campaign_status *was)
{
    enum campaign_status now;
    int rc = campaigns_status(db, organisation_id, id, &now);
    if (rc != DB_OK)
        return rc;
    if (was)
        *was = now;
    if (to >= CAMPAIGN_STATUSES || !(next_statuses[now] >> to & 1))
        return DB_E_CONFLICT;
    /*
     * Whoever changes the status has seen the hold, so this clears it. The condition includes the old status, so that
     * with several writers (PostgreSQL) only one of two equal requests succeeds.
     */
    rc = db_exec(db,
                 "UPDATE outreach.campaigns SET status = $3,"
                 " started_at = CASE $3 WHEN 'active' THEN coalesce(started_at, $5) ELSE started_at END,"
                 " completed_at = CASE $3 WHEN 'completed' THEN $5 ELSE completed_at END,"
                 " refusals = 0, refusal = NULL, refusal_words = NULL, held_until = 0, refused = 0"
                 " WHERE organisation_id = $1 AND id = $2 AND status = $4",
                 "uussi", organisation_id, id, campaign_status_names[to], campaign_status_names[now], clock_wall_ms());
    if (rc == DB_OK && db_changes(db) == 0)
        rc = DB_E_CONFLICT;
    return rc;
}

int campaigns_change(struct db *db, const char *organisation_id, const char *id, const struct campaign_change *change)
{
    enum campaign_status status;
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK && (change->subject_template || change->body_template))
        rc = db_exec(db,
                     "UPDATE outreach.campaigns SET name = coalesce($3, name),"
                     " subject_template = coalesce($4, subject_template), body_template = coalesce($5, body_template),"
                     " templates_at = $6 WHERE organisation_id = $1 AND id = $2 AND status = 'draft'",
                     "uusssi", organisation_id, id, change->name, change->subject_template, change->body_template,
                     clock_wall_ms());
    else if (rc == DB_OK)
        rc = db_exec(db, "UPDATE outreach.campaigns SET name = $3 WHERE organisation_id = $1 AND id = $2", "uus",
                     organisation_id, id, change->name);
    if (rc != DB_OK || db_changes(db) > 0)
        return rc;
    rc = campaigns_status(db, organisation_id, id, &status);
    return rc == DB_OK ? DB_E_CONFLICT : rc;
}

/* ---- counts ---- */

/* Runs a statement of (name, count) rows over one campaign. */
static int count_by_name(struct db_stmt *stmt, const char *organisation_id, const char *id, const char *const *names,
                         int n, int64_t *counts)
{
    int rc;
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    while ((rc = db_step(stmt)) == DB_ROW) {
        int i = name_index(names, n, db_column_text(stmt, 0));
        if (i >= 0)
            counts[i] = db_column_int(stmt, 1);
    }
    db_done(stmt);
    return rc;
}

int campaigns_stats(struct db *db, const char *organisation_id, const char *id, struct campaign_stats *out)
{
    memset(out, 0, sizeof(*out));
    int rc = campaigns_status(db, organisation_id, id, &out->status);
    if (rc == DB_OK)
        rc = count_by_name(db_prepare(db, "SELECT state, count(*) FROM outreach.drafts"
                                          " WHERE organisation_id = $1 AND campaign_id = $2 GROUP BY state"),
                           organisation_id, id, draft_state_names, DRAFT_STATES, out->drafts);
    if (rc == DB_OK)
        rc = count_by_name(db_prepare(db, "SELECT state, count(*) FROM outreach.emails"
                                          " WHERE organisation_id = $1 AND campaign_id = $2 GROUP BY state"),
                           organisation_id, id, email_state_names, EMAIL_STATES, out->emails);
    return rc == DB_OK ? prospects_count(db, organisation_id, out->prospects) : rc;
}

static int count(struct db *db, const char *sql, const char *organisation_id, int64_t *out)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, sql);
    db_bind_uuid(stmt, 1, organisation_id);
    rc = db_step(stmt);
    if (rc == DB_ROW)
        *out = db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

int campaigns_active_count(struct db *db, const char *organisation_id, int64_t *out)
{
    return count(db, "SELECT count(*) FROM outreach.campaigns WHERE organisation_id = $1 AND status = 'active'",
                 organisation_id, out);
}

int campaigns_active_counts(struct db *db, void (*fn)(void *arg, const char *organisation_id, int64_t active),
                            void *arg)
{
    int rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(
        db, "SELECT had.organisation_id, (SELECT count(*) FROM outreach.campaigns c"
            "  WHERE c.organisation_id = had.organisation_id AND c.status = 'active')"
            " FROM (SELECT DISTINCT organisation_id FROM tracking.usage WHERE what = '" USAGE_CAMPAIGNS "') AS had");
    while ((rc = db_step(stmt)) == DB_ROW)
        fn(arg, db_column_uuid(stmt, 0), db_column_int(stmt, 1));
    db_done(stmt);
    return rc;
}

int campaigns_active(struct db *db, void (*fn)(void *arg, const char *organisation_id, const char *id), void *arg)
{
    int rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT organisation_id, id FROM outreach.campaigns WHERE status = 'active'");
    while ((rc = db_step(stmt)) == DB_ROW) {
        char organisation[UUID_TEXT];
        page_copy_id(stmt, 0, organisation); /* copied, because the next column's text reuses the memory */
        fn(arg, organisation, db_column_uuid(stmt, 1));
    }
    db_done(stmt);
    return rc;
}
