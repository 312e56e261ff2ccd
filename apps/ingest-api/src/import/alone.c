/* SPDX-License-Identifier: Apache-2.0 */
#include "import/alone.h"

#include "base/clock.h"
#include "base/uuid.h"
#include "data/prospects_internal.h"
#include "data/usage.h"
#include "db/driver.h"
#include "queue/queue.h"

/*
 * $1 organisation, $2 … $10 the fields and custom, $11 time, $12 the id of a new row. The job: $13 id, $14 queue, $15
 * request, $16 due time, $17 time. $18 the name in tracking.usage.
 */
#define ALONE                                                                                                         \
    "WITH row AS (INSERT INTO crm.prospects AS p (organisation_id, email, first_name, last_name, company, title,"     \
    " phone, website, country, custom, created_at, updated_at, id)"                                                   \
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)"                                                \
    " ON CONFLICT (organisation_id, email) DO UPDATE SET first_name = coalesce(excluded.first_name, p.first_name),"   \
    " last_name = coalesce(excluded.last_name, p.last_name), company = coalesce(excluded.company, p.company),"        \
    " title = coalesce(excluded.title, p.title), phone = coalesce(excluded.phone, p.phone),"                          \
    " website = coalesce(excluded.website, p.website), country = coalesce(excluded.country, p.country),"              \
    " custom = coalesce((coalesce(p.custom, '{}')::jsonb || excluded.custom::jsonb)::text, p.custom),"                \
    " updated_at = excluded.updated_at,"                                                                              \
    " status_reason = CASE p.status WHEN 'invalid' THEN NULL ELSE p.status_reason END,"                               \
    " status = CASE p.status WHEN 'invalid' THEN 'imported' ELSE p.status END RETURNING p.id),"                       \
    " counted AS (INSERT INTO tracking.usage (organisation_id, what, used)"                                           \
    " SELECT $1, $18, 1 FROM row WHERE row.id = $12),"                                                                \
    " job AS (INSERT INTO tracking.jobs (id, queue, organisation_id, request_id, payload, state, due_at, created_at)" \
    " SELECT $13, $14, $1, $15, '{\"prospects\":[\"' || row.id || '\"]}', 'delayed', $16, $17 FROM row)"              \
    " SELECT row.id = $12 FROM row"

bool alone_possible(const struct db *db, const struct import_request *request, const struct prospect_input *row)
{
    return db->driver->arrays && !row->clears && request->validation_delay_ms > 0;
}

/* The commit succeeded, but the connection was lost before its row arrived: look whether the id was inserted. */
static int look_for(struct db *db, const char *organisation_id, const char *id, bool *found)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT 1 FROM crm.prospects WHERE organisation_id = $1 AND id = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    rc = db_step(stmt);
    *found = rc == DB_ROW;
    db_done(stmt);
    return rc;
}

int alone_import(struct db *db, const struct import_request *request, const struct prospect_input *row, bool *inserted)
{
    char email[PROSPECT_EMAIL_MAX], id[UUID_TEXT], job[UUID_TEXT];
    size_t length = prospects_lower_email(row, email);
    int64_t now = queue_now_ms();
    int rc = length ? db_scope(db, request->organisation_id) : DB_E_INVALID;
    if (rc != DB_OK)
        return rc;
    uuid_new_text(id);
    uuid_new_text(job);
    struct db_stmt *stmt = db_prepare(db, ALONE);
    db_bind_uuid(stmt, 1, request->organisation_id);
    db_bind_text(stmt, 2, email, length);
    for (int i = PROSPECT_EMAIL + 1; i < PROSPECT_FIELDS; i++)
        db_bind_text(stmt, 2 + i, row->field[i].data, row->field[i].length);
    db_bind_text(stmt, 10, row->custom.data, row->custom.length);
    db_bind_int(stmt, 11, clock_wall_ms());
    db_bind_uuid(stmt, 12, id);
    db_bind_uuid(stmt, 13, job);
    db_bind_str(stmt, 14, queue_names[QUEUE_PROSPECT_VALIDATE]);
    db_bind_str(stmt, 15, request->request_id);
    db_bind_int(stmt, 16, now + request->validation_delay_ms);
    db_bind_int(stmt, 17, now);
    db_bind_str(stmt, 18, USAGE_PROSPECTS);
    rc = db_step_last(stmt);
    if (rc == DB_ROW)
        *inserted = db_column_int(stmt, 0) != 0;
    db_done(stmt);
    if (rc == DB_OK)
        (void)look_for(db, request->organisation_id, id, inserted);
    return rc < 0 ? rc : DB_OK;
}
