/* SPDX-License-Identifier: Apache-2.0 */
#include "data/emails.h"

#include "base/clock.h"
#include "data/page.h"
#include "model/names.h"

static enum email_state state_of(const char *name)
{
    int state = name_index(email_state_names, EMAIL_STATES, name);
    return state < 0 ? EMAIL_IN_DOUBT : (enum email_state)state;
}

int emails_create(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  bool *fresh)
{
    char id[UUID_TEXT];
    uuid_new_text(id);
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "INSERT INTO outreach.emails (organisation_id, campaign_id, prospect_id, id, state, created_at,"
                     " updated_at) VALUES ($1, $2, $3, $4, 'waiting', $5, $5)"
                     " ON CONFLICT (organisation_id, campaign_id, prospect_id) DO NOTHING",
                     "uuuui", organisation_id, campaign_id, prospect_id, id, clock_wall_ms());
    if (rc == DB_OK && fresh)
        *fresh = db_changes(db) > 0;
    return rc;
}

/* Binds the key of a row to $1 … $3. */
static struct db_stmt *prepare_one(struct db *db, const char *sql, const char *organisation_id, const char *campaign_id,
                                   const char *prospect_id)
{
    struct db_stmt *stmt = db_prepare(db, sql);
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, campaign_id);
    db_bind_uuid(stmt, 3, prospect_id);
    return stmt;
}

static int found(int rc)
{
    if (rc == DB_ROW)
        return DB_OK;
    return rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

static int find_state(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                      struct email_claim *claim)
{
    struct db_stmt *stmt = prepare_one(db,
                                       "SELECT state, id, attempts FROM outreach.emails"
                                       " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3",
                                       organisation_id, campaign_id, prospect_id);
    int rc = db_step(stmt);
    if (rc == DB_ROW) {
        claim->was = state_of(db_column_text(stmt, 0));
        page_copy_id(stmt, 1, claim->id);
        claim->attempts = db_column_int(stmt, 2);
    }
    db_done(stmt);
    return found(rc);
}

bool email_claimable(enum email_state state)
{
    return state == EMAIL_WAITING || state == EMAIL_REFUSED_SENDER;
}

int emails_claim(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                 const char *job_id, int job_attempt, struct email_claim *claim)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = find_state(db, organisation_id, campaign_id, prospect_id, claim);
    if (rc == DB_E_NOT_FOUND) {
        rc = emails_create(db, organisation_id, campaign_id, prospect_id, NULL);
        if (rc == DB_OK)
            rc = find_state(db, organisation_id, campaign_id, prospect_id, claim);
    }
    if (rc != DB_OK || !email_claimable(claim->was))
        return rc;
    rc = db_exec(
        db,
        "UPDATE outreach.emails SET state = 'sending', attempts = attempts + 1, updated_at = $4,"
        " job_id = $5"
        " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3"
        " AND (state = 'waiting' OR state = 'refused_sender')"
        " AND (EXISTS (SELECT 1 FROM tracking.jobs WHERE id = $5 AND state = 'leased' AND attempt = $6) OR $5 IS NULL)",
        "uuuiui", organisation_id, campaign_id, prospect_id, clock_wall_ms(), job_id, (int64_t)job_attempt);
    if (rc == DB_OK && db_changes(db) == 0)
        claim->was = EMAIL_SENDING; /* another process has claimed it in the meantime, or has the job */
    claim->attempts++;
    return rc;
}

int emails_set_job(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                   const char *job_id)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    return db_exec_later(db,
                         "UPDATE outreach.emails SET job_id = $4 WHERE organisation_id = $1 AND campaign_id = $2"
                         " AND prospect_id = $3 AND (state = 'waiting' OR state = 'refused_sender')",
                         "uuuu", organisation_id, campaign_id, prospect_id, job_id);
}

/* An update changed nothing: is the row in another state, or does it not exist? */
static int why_unchanged(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id)
{
    struct email_claim now;
    int rc = find_state(db, organisation_id, campaign_id, prospect_id, &now);
    return rc == DB_OK ? DB_E_CONFLICT : rc;
}

int emails_finish(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  const struct email_outcome *outcome)
{
    if (outcome->state == EMAIL_SENDING || outcome->state >= EMAIL_STATES)
        return DB_E_INVALID;
    int64_t at_ms = outcome->as_of_ms > 0 ? outcome->as_of_ms : clock_wall_ms();
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc =
            db_exec(db,
                    "UPDATE outreach.emails SET state = $4, error = $5, updated_at = $6,"
                    " sent_at = CASE $4 WHEN 'accepted' THEN $6 ELSE sent_at END, reason = $7, words = $8,"
                    " due_at = nullif(CAST($9 AS bigint), 0), attempts = attempts - $10"
                    " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3 AND state = 'sending'",
                    "uuussissii", organisation_id, campaign_id, prospect_id, email_state_names[outcome->state],
                    outcome->error, at_ms, outcome->reason, outcome->words, outcome->due_ms, (int64_t)outcome->unspent);
    if (rc != DB_OK || db_changes(db) > 0)
        return rc;
    return why_unchanged(db, organisation_id, campaign_id, prospect_id);
}

int emails_decide(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  enum email_state state)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "UPDATE outreach.emails SET state = $4, updated_at = $5, reason = 'decided',"
                     " sent_at = CASE $4 WHEN 'accepted' THEN updated_at ELSE sent_at END"
                     " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3 AND state = 'in_doubt'",
                     "uuusi", organisation_id, campaign_id, prospect_id, email_state_names[state], clock_wall_ms());
    if (rc != DB_OK || db_changes(db) > 0)
        return rc;
    return why_unchanged(db, organisation_id, campaign_id, prospect_id);
}

int emails_in_doubt(struct db *db, int64_t *out)
{
    int rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT count(*) FROM outreach.emails WHERE state = 'in_doubt'");
    rc = db_step(stmt);
    if (rc == DB_ROW)
        *out = db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

int emails_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               void (*fn)(void *arg, const struct email *email), void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        prepare_one(db,
                    "SELECT id, campaign_id, prospect_id, state, error, created_at, attempts, reason, words, due_at,"
                    " updated_at, sent_at, job_id FROM outreach.emails"
                    " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3",
                    organisation_id, campaign_id, prospect_id);
    rc = db_step(stmt);
    if (rc == DB_ROW) {
        struct email email = {
            .id = db_column_uuid(stmt, 0),
            .campaign_id = db_column_uuid(stmt, 1),
            .prospect_id = db_column_uuid(stmt, 2),
            .state = state_of(db_column_text(stmt, 3)),
            .error = db_column_text(stmt, 4),
            .created_ms = db_column_int(stmt, 5),
            .attempts = db_column_int(stmt, 6),
            .reason = db_column_text(stmt, 7),
            .words = db_column_text(stmt, 8),
            .due_ms = db_column_int(stmt, 9), /* SQL NULL reads as 0 */
            .updated_ms = db_column_int(stmt, 10),
            .sent_ms = db_column_int(stmt, 11),
            .job_id = db_column_uuid(stmt, 12),
        };
        fn(arg, &email);
    }
    db_done(stmt);
    return found(rc);
}
