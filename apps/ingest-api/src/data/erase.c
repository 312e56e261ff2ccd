/* SPDX-License-Identifier: Apache-2.0 */
#include "data/erase.h"

#include "base/clock.h"
#include "data/idempotency.h"
#include "data/page.h"
#include "data/suppressions.h"

#include <stdio.h>
#include <stdlib.h>

/* Runs a query whose column 0 is an e-mail's id. */
static int tell_emails(struct db_stmt *stmt, erase_email_fn fn, void *arg)
{
    int rc;
    while ((rc = db_step(stmt)) == DB_ROW)
        if (fn)
            fn(arg, db_column_uuid(stmt, 0));
    db_done(stmt);
    return rc;
}

/* ---- a person ---- */

static int address_of(struct db *db, const char *organisation_id, const char *id, char address[400])
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT email FROM crm.prospects WHERE organisation_id = $1 AND id = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    rc = db_step(stmt);
    if (rc == DB_ROW)
        (void)snprintf(address, 400, "%s", db_column_text(stmt, 0));
    db_done(stmt);
    return rc == DB_ROW ? DB_OK : rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

int erase_prospect(struct db *db, const char *organisation_id, const char *id, erase_email_fn fn, void *arg)
{
    char address[400];
    int rc = address_of(db, organisation_id, id, address);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, "SELECT id FROM outreach.emails WHERE organisation_id = $1 AND prospect_id = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    rc = tell_emails(stmt, fn, arg);
    if (rc == DB_OK)
        rc = db_exec(db, "DELETE FROM outreach.emails WHERE organisation_id = $1 AND prospect_id = $2", "uu",
                     organisation_id, id);
    if (rc == DB_OK)
        rc = db_exec(db, "DELETE FROM outreach.drafts WHERE organisation_id = $1 AND prospect_id = $2", "uu",
                     organisation_id, id);
    if (rc == DB_OK)
        rc = db_exec(db, "DELETE FROM crm.prospects WHERE organisation_id = $1 AND id = $2", "uu", organisation_id, id);
    if (rc == DB_OK)
        rc = suppressions_forget(db, organisation_id, address);
    if (rc == DB_OK)
        rc = idempotency_empty(db, organisation_id, id, address);
    db_forget(db);
    return rc;
}

/* ---- a campaign ---- */

/*
 * Delete a slice of one table. $1 organisation, $2 campaign. @return rows deleted, or an error. The limit is part of
 * the text: with a parameter PostgreSQL would plan each execution again (data/page.h).
 */
#define WRITTEN(number) #number
#define SLICE_LIMIT(number) " LIMIT " WRITTEN(number)
#define SLICE SLICE_LIMIT(ERASE_SLICE)
static int delete_slice(struct db *db, const char *sql, const char *organisation_id, const char *campaign_id)
{
    struct db_stmt *stmt = db_prepare(db, sql);
    db_bind_uuid(stmt, 1, organisation_id);
    if (campaign_id)
        db_bind_uuid(stmt, 2, campaign_id);
    int rc = db_step(stmt);
    db_done(stmt);
    return rc < 0 ? rc : (int)db_changes(db);
}

#define OF_CAMPAIGN(table)                                                                                           \
    "DELETE FROM " table " WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id IN"                       \
    " (SELECT prospect_id FROM " table " WHERE organisation_id = $1 AND campaign_id = $2 ORDER BY prospect_id" SLICE \
    ")"

static int campaign_rows(struct db *db, const char *organisation_id, const char *id, erase_email_fn fn, void *arg)
{
    struct db_stmt *stmt =
        db_prepare(db, "SELECT id FROM outreach.emails WHERE organisation_id = $1 AND campaign_id = $2"
                       " ORDER BY prospect_id" SLICE);
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    int rc = tell_emails(stmt, fn, arg);
    if (rc == DB_OK)
        rc = delete_slice(db, OF_CAMPAIGN("outreach.emails"), organisation_id, id);
    return rc != 0 ? rc : delete_slice(db, OF_CAMPAIGN("outreach.drafts"), organisation_id, id);
}

/*
 * A later slice may fail. Then the campaign must not be started again: the e-mails that were erased would be created
 * again, and sent twice.
 */
static int complete(struct db *db, const char *organisation_id, const char *id)
{
    return db_exec(db,
                   "UPDATE outreach.campaigns SET status = 'completed', completed_at = $3"
                   " WHERE organisation_id = $1 AND id = $2 AND status <> 'completed'",
                   "uui", organisation_id, id, clock_wall_ms());
}

int erase_campaign(struct db *db, const char *organisation_id, const char *id, erase_email_fn fn, void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT status FROM outreach.campaigns WHERE organisation_id = $1 AND id = $2"
                                          " /*pg FOR UPDATE */");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    rc = db_step(stmt);
    bool active = rc == DB_ROW && strcmp(db_column_text(stmt, 0), "active") == 0;
    db_done(stmt);
    if (rc != DB_ROW || active)
        return active ? DB_E_CONFLICT : rc == DB_OK ? DB_E_NOT_FOUND : rc;
    rc = campaign_rows(db, organisation_id, id, fn, arg);
    db_forget(db);
    if (rc > 0)
        rc = complete(db, organisation_id, id);
    else if (rc == 0)
        rc = ERASED;
    if (rc != ERASED)
        return rc;
    rc =
        db_exec(db, "DELETE FROM outreach.campaigns WHERE organisation_id = $1 AND id = $2", "uu", organisation_id, id);
    return rc == DB_OK ? ERASED : rc;
}

/* ---- an organisation ---- */

#define BY(table, key)                                                                              \
    "DELETE FROM " table " WHERE organisation_id = $1 AND (" key ") IN (SELECT " key " FROM " table \
    " WHERE organisation_id = $1" SLICE ")"

/*
 * In an order that the foreign keys allow. tracking.usage stays: triggers bring it to 0, and with it the gauges of other
 * processes (observe.c), which without a row would keep their last value.
 */
static const char *const of_organisation[] = {
    BY("iam.api_keys", "key_hash"),
    BY("tracking.idempotency", "key"),
    BY("tracking.jobs", "id"),
    NULL, /* e-mails */
    BY("outreach.drafts", "campaign_id, prospect_id"),
    BY("outreach.campaigns", "id"),
    BY("outreach.suppressions", "id"),
    BY("outreach.mail_rates", "organisation_id"),
    BY("crm.import_slices", "import_id, slice"),
    BY("crm.imports", "id"),
    BY("crm.prospects", "id"),
};

/* The reported rows are exactly the deleted ones. */
static int organisation_emails(struct db *db, const char *organisation_id, erase_email_fn fn, void *arg)
{
    char campaign[UUID_TEXT];
    struct db_stmt *stmt = db_prepare(db, "SELECT campaign_id FROM outreach.emails WHERE organisation_id = $1 LIMIT 1");
    db_bind_uuid(stmt, 1, organisation_id);
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        page_copy_id(stmt, 0, campaign);
    db_done(stmt);
    return rc == DB_ROW ? campaign_rows(db, organisation_id, campaign, fn, arg) : rc;
}

int erase_organisation(struct db *db, const char *organisation_id, erase_email_fn fn, void *arg)
{
    int rc = db_scope(db, organisation_id);
    for (size_t i = 0; rc == DB_OK && i < sizeof(of_organisation) / sizeof(of_organisation[0]); i++)
        rc = of_organisation[i] ? delete_slice(db, of_organisation[i], organisation_id, NULL)
                                : organisation_emails(db, organisation_id, fn, arg);
    db_forget(db);
    if (rc != 0)
        return rc < 0 ? rc : DB_OK;
    rc = db_exec(db, "DELETE FROM iam.organisations WHERE id = $1", "u", organisation_id);
    return rc != DB_OK ? rc : db_changes(db) > 0 ? ERASED : DB_E_NOT_FOUND;
}
