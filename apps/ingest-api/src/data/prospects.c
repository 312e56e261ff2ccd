/* SPDX-License-Identifier: Apache-2.0 */
#include "data/prospects.h"

#include "base/clock.h"
#include "data/page.h"
#include "data/prospects_arrays.h"
#include "data/prospects_internal.h"
#include "db/driver.h"

const char *const prospect_field_names[PROSPECT_FIELDS] = {"email", "first_name", "last_name", "company",
                                                           "title", "phone",      "website",   "country"};

/* --- import: a statement a row. Many rows to a statement are no faster in SQLite: it then copies each page it touches
 * into a statement journal. --- */

/* ASCII only: what case means beyond it is the mail host's affair. @return the length, or 0 if it is too long. */
size_t prospects_lower_case(const char *in, size_t length, char out[PROSPECT_EMAIL_MAX])
{
    if (length > PROSPECT_EMAIL_MAX)
        return 0;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)(in[i] >= 'A' && in[i] <= 'Z' ? in[i] + 32 : in[i]);
    return length;
}

/* $1 organisation, $3 … $9 the fields but e-mail, $10 custom, $11 time. */
static void bind_fields(struct db_stmt *stmt, const char *organisation_id, const struct prospect_input *row,
                        int64_t now)
{
    db_bind_uuid(stmt, 1, organisation_id);
    for (int i = PROSPECT_EMAIL + 1; i < PROSPECT_FIELDS; i++)
        db_bind_text(stmt, 2 + i, row->field[i].data, row->field[i].length);
    db_bind_text(stmt, 10, row->custom.data, row->custom.length);
    db_bind_int(stmt, 11, now);
}

/* @return 1 inserted, 0 the address is known, or an error. */
static int insert(struct db *db, const char *organisation_id, const struct prospect_input *row, const char *email,
                  size_t email_length, int64_t now, char id[37])
{
    unsigned char uuid[16];
    uuid_new(uuid);
    uuid_format(uuid, id);
    struct db_stmt *stmt = db_prepare(
        db, "INSERT INTO crm.prospects (organisation_id, email, first_name, last_name, company, title, phone, website,"
            " country, custom, created_at, updated_at, id)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)"
            " ON CONFLICT (organisation_id, email) DO NOTHING");
    bind_fields(stmt, organisation_id, row, now);
    db_bind_text(stmt, 2, email, email_length);
    db_bind_uuid(stmt, 12, id);
    int rc = db_step(stmt);
    db_done(stmt);
    return rc < 0 ? rc : (int)db_changes(db);
}

/* A known row's key and status. */
static int find(struct db *db, const char *organisation_id, const char *email, size_t email_length, char id[37],
                bool *invalid)
{
    struct db_stmt *stmt =
        db_prepare(db, "SELECT id, status = 'invalid' FROM crm.prospects WHERE organisation_id = $1 AND email = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_text(stmt, 2, email, email_length);
    int rc = db_step(stmt);
    if (rc == DB_ROW) {
        page_copy_id(stmt, 0, id);
        *invalid = db_column_int(stmt, 1) != 0;
    }
    db_done(stmt);
    if (rc == DB_ROW)
        return DB_OK;
    return rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

int prospects_import_again(struct db *db, const char *organisation_id, const char *id)
{
    return db_exec_later(db,
                         "UPDATE crm.prospects SET status = 'imported', status_reason = NULL"
                         " WHERE organisation_id = $1 AND id = $2 AND status = 'invalid'",
                         "uu", organisation_id, id);
}

/* By the primary key, and touching no indexed column: the cheapest update there is. RETURNING, or setting the status
 * each time, makes it three times as dear. */
static int update(struct db *db, const char *organisation_id, const struct prospect_input *row, const char *email,
                  size_t email_length, int64_t now, char id[37])
{
    bool invalid = false;
    int rc = find(db, organisation_id, email, email_length, id, &invalid);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(
        db, "UPDATE crm.prospects SET first_name = coalesce($3, first_name), last_name = coalesce($4, last_name),"
            " company = coalesce($5, company), title = coalesce($6, title), phone = coalesce($7, phone),"
            " website = coalesce($8, website), country = coalesce($9, country), custom = coalesce($10, custom),"
            " updated_at = $11 WHERE organisation_id = $1 AND id = $2");
    bind_fields(stmt, organisation_id, row, now);
    db_bind_uuid(stmt, 2, id);
    rc = db_step(stmt);
    db_done(stmt);
    return rc == DB_OK && invalid ? prospects_import_again(db, organisation_id, id) : rc;
}

int prospects_upsert(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                     struct prospect_upsert *results)
{
    int64_t now = clock_wall_ms();
    int rc = db_scope(db, organisation_id);
    for (size_t i = 0; results && i < n; i++)
        results[i].at_ms = now;
    if (rc == DB_OK && db->driver->arrays && n > 1)
        return prospects_upsert_arrays(db, organisation_id, rows, n, now, results);
    for (size_t i = 0; rc == DB_OK && i < n; i++) {
        struct prospect_upsert result = {.at_ms = now};
        char email[PROSPECT_EMAIL_MAX];
        const struct db_text *address = &rows[i].field[PROSPECT_EMAIL];
        size_t length = address->data ? prospects_lower_case(address->data, address->length, email) : 0;
        if (length == 0)
            return DB_E_INVALID;
        rc = insert(db, organisation_id, &rows[i], email, length, now, result.id);
        result.inserted = rc > 0;
        if (rc == 0)
            rc = update(db, organisation_id, &rows[i], email, length, now, result.id);
        else if (rc > 0)
            rc = DB_OK;
        if (results)
            results[i] = result;
    }
    return rc;
}

/* --- reading --- */

#define COLUMNS                                                                                                 \
    "id, email, first_name, last_name, company, title, phone, website, country, custom, status, status_reason," \
    " research, created_at, updated_at"

struct reader {
    prospect_fn fn;
    void *arg;
};

static int deliver(void *arg, struct db_stmt *stmt)
{
    const struct reader *reader = arg;
    struct prospect prospect;
    int column = 0;
    prospect.id = db_column_uuid(stmt, column++);
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        prospect.field[i] = db_column_text(stmt, column++);
    prospect.custom = db_column_text(stmt, column++);
    int status = prospect_status_from_name(db_column_text(stmt, column++));
    prospect.status = status < 0 ? PROSPECT_STATUS_IMPORTED : (enum prospect_status)status;
    prospect.status_reason = db_column_text(stmt, column++);
    prospect.research = db_column_text(stmt, column++);
    prospect.created_ms = db_column_int(stmt, column++);
    prospect.updated_ms = db_column_int(stmt, column++);
    return reader->fn(reader->arg, &prospect);
}

int prospects_get(struct db *db, const char *organisation_id, const char *id, prospect_fn fn, void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, "SELECT " COLUMNS " FROM crm.prospects WHERE organisation_id = $1 AND id = $2");
    return page_one(stmt, organisation_id, id, deliver, &(struct reader){fn, arg});
}

/* Each kind of filter has its own text, so that each has its index. */
static struct db_stmt *prepare_page(struct db *db, const struct prospect_filter *filter, char email[PROSPECT_EMAIL_MAX])
{
    struct db_stmt *stmt;
    if (filter && filter->email) {
        /* At most one row; a status that goes with it is looked at there. An address that is too long is nobody's. */
        stmt = db_prepare(db, "SELECT " COLUMNS " FROM crm.prospects WHERE organisation_id = $1 AND id > $2"
                              " AND email = $4 AND status = coalesce($5, status) ORDER BY id LIMIT $3");
        size_t length = prospects_lower_case(filter->email, strlen(filter->email), email);
        db_bind_text(stmt, 4, email, length);
        db_bind_str(stmt, 5, filter->status < 0 ? NULL : prospect_status_names[filter->status]);
    } else if (filter && filter->status > PROSPECT_STATUS_IMPORTED) {
        /* The extra condition is the one of the partial index. */
        stmt = db_prepare(db, "SELECT " COLUMNS " FROM crm.prospects WHERE organisation_id = $1 AND id > $2"
                              " AND status <> 'imported' AND status = $4 ORDER BY id LIMIT $3");
        db_bind_str(stmt, 4, prospect_status_names[filter->status]);
    } else if (filter && filter->status == PROSPECT_STATUS_IMPORTED) {
        stmt = db_prepare(db, "SELECT " COLUMNS " FROM crm.prospects WHERE organisation_id = $1 AND id > $2"
                              " AND status = 'imported' ORDER BY id LIMIT $3");
    } else {
        stmt = db_prepare(db, "SELECT " COLUMNS " FROM crm.prospects WHERE organisation_id = $1 AND id > $2"
                              " ORDER BY id LIMIT $3");
    }
    return stmt;
}

int prospects_page(struct db *db, const char *organisation_id, const char *after, unsigned limit,
                   const struct prospect_filter *filter, prospect_fn fn, void *arg, bool *more)
{
    char email[PROSPECT_EMAIL_MAX];
    const char *from = page_after(after);
    if (!from || (filter && filter->status >= PROSPECT_STATUSES))
        return DB_E_INVALID;
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = prepare_page(db, filter, email);
    return page_rows(stmt, organisation_id, from, page_limit(limit, PROSPECTS_PAGE_MAX), deliver,
                     &(struct reader){fn, arg}, more);
}

/* --- status --- */

/* Tells a wrong state from a missing row, after an update that changed nothing. */
static int why_not(struct db *db, const char *organisation_id, const char *id)
{
    struct db_stmt *stmt = db_prepare(db, "SELECT 1 FROM crm.prospects WHERE organisation_id = $1 AND id = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    int rc = db_step(stmt);
    db_done(stmt);
    if (rc == DB_ROW)
        return DB_E_CONFLICT;
    return rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

int prospects_set_validated(struct db *db, const char *organisation_id, const char *id, const char *invalid_reason)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "UPDATE crm.prospects SET status = $3, status_reason = $4"
                     " WHERE organisation_id = $1 AND id = $2 AND status = 'imported'",
                     "uuss", organisation_id, id,
                     prospect_status_names[invalid_reason ? PROSPECT_STATUS_INVALID : PROSPECT_STATUS_VALIDATED],
                     invalid_reason);
    if (rc == DB_OK && db_changes(db) == 0)
        rc = why_not(db, organisation_id, id);
    return rc;
}

int prospects_set_researched(struct db *db, const char *organisation_id, const char *id, const char *research_json)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "UPDATE crm.prospects SET status = 'researched', research = $3"
                     " WHERE organisation_id = $1 AND id = $2 AND status = 'validated'",
                     "uus", organisation_id, id, research_json);
    if (rc == DB_OK && db_changes(db) == 0)
        rc = why_not(db, organisation_id, id);
    return rc;
}

int prospects_count(struct db *db, const char *organisation_id, int64_t counts[PROSPECT_STATUSES])
{
    memset(counts, 0, sizeof *counts * PROSPECT_STATUSES);
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT count(*) FROM crm.prospects WHERE organisation_id = $1");
    db_bind_uuid(stmt, 1, organisation_id);
    rc = db_step(stmt);
    if (rc == DB_ROW)
        counts[PROSPECT_STATUS_IMPORTED] = db_column_int(stmt, 0);
    db_done(stmt);
    if (rc < 0)
        return rc;
    /* Both counts run over an index; the imported are all that the partial one has not. */
    stmt = db_prepare(db, "SELECT status, count(*) FROM crm.prospects WHERE organisation_id = $1"
                          " AND status <> 'imported' GROUP BY status");
    db_bind_uuid(stmt, 1, organisation_id);
    while ((rc = db_step(stmt)) == DB_ROW) {
        int status = prospect_status_from_name(db_column_text(stmt, 0));
        if (status > PROSPECT_STATUS_IMPORTED) {
            counts[status] = db_column_int(stmt, 1);
            counts[PROSPECT_STATUS_IMPORTED] -= counts[status];
        }
    }
    db_done(stmt);
    return rc;
}
