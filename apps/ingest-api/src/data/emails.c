/* SPDX-License-Identifier: Apache-2.0 */
#include "data/emails.h"

#include "base/clock.h"
#include "data/page.h"
#include "model/names.h"

static enum email_state state_of(const char *name)
{
    int state = name_index(email_state_names, EMAIL_STATES, name);
    return state < 0 ? EMAIL_FAILED : (enum email_state)state;
}

int emails_create(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  bool *fresh)
{
    unsigned char uuid[16];
    char id[UUID_TEXT];
    uuid_new(uuid);
    uuid_format(uuid, id);
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "INSERT INTO outreach.emails (organisation_id, campaign_id, prospect_id, id, state, created_at,"
                     " updated_at) VALUES ($1, $2, $3, $4, 'pending', $5, $5)"
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
                      enum email_state *state, char id_out[37])
{
    struct db_stmt *stmt = prepare_one(db,
                                       "SELECT state, id FROM outreach.emails"
                                       " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3",
                                       organisation_id, campaign_id, prospect_id);
    int rc = db_step(stmt);
    if (rc == DB_ROW) {
        *state = state_of(db_column_text(stmt, 0));
        if (id_out)
            page_copy_id(stmt, 1, id_out);
    }
    db_done(stmt);
    return found(rc);
}

int emails_claim(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                 enum email_state *was, char id_out[37])
{
    int rc = emails_create(db, organisation_id, campaign_id, prospect_id, NULL);
    if (rc == DB_OK)
        rc = find_state(db, organisation_id, campaign_id, prospect_id, was, id_out);
    if (rc != DB_OK || *was != EMAIL_PENDING)
        return rc;
    rc = db_exec(db,
                 "UPDATE outreach.emails SET state = 'sending', attempts = attempts + 1, updated_at = $4"
                 " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3 AND state = 'pending'",
                 "uuui", organisation_id, campaign_id, prospect_id, clock_wall_ms());
    if (rc == DB_OK && db_changes(db) == 0)
        *was = EMAIL_SENDING; /* another process claimed it since we looked */
    return rc;
}

int emails_finish(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                  enum email_state state, const char *error)
{
    enum email_state now;
    if (state == EMAIL_SENDING || state >= EMAIL_STATES)
        return DB_E_INVALID;
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "UPDATE outreach.emails SET state = $4, error = $5, updated_at = $6,"
                     " sent_at = CASE $4 WHEN 'sent' THEN $6 ELSE sent_at END"
                     " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3 AND state = 'sending'",
                     "uuussi", organisation_id, campaign_id, prospect_id, email_state_names[state], error,
                     clock_wall_ms());
    if (rc != DB_OK || db_changes(db) > 0)
        return rc;
    rc = find_state(db, organisation_id, campaign_id, prospect_id, &now, NULL);
    return rc == DB_OK ? DB_E_CONFLICT : rc;
}

int emails_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               void (*fn)(void *arg, const struct email *email), void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        prepare_one(db,
                    "SELECT id, campaign_id, prospect_id, state, error, created_at FROM outreach.emails"
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
        };
        fn(arg, &email);
    }
    db_done(stmt);
    return found(rc);
}
