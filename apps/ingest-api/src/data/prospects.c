/* SPDX-License-Identifier: Apache-2.0 */
#include "data/prospects.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "data/page.h"
#include "data/prospect_image.h"
#include "data/prospects_arrays.h"
#include "data/prospects_internal.h"
#include "data/usage.h"
#include "db/driver.h"

#include <stdlib.h>

const char *const prospect_field_names[PROSPECT_FIELDS] = {"email", "first_name", "last_name", "company",
                                                           "title", "phone",      "website",   "country"};

/*
 * ---- import: one statement per row ----
 * Statements of many rows are no faster in SQLite: it then copies each page that it touches into a statement journal.
 */

/* ASCII only: whether other letters differ by case is the mail host's decision. @return the length, or 0: too long. */
size_t prospects_lower_case(const char *in, size_t length, char out[PROSPECT_EMAIL_MAX])
{
    if (length > PROSPECT_EMAIL_MAX)
        return 0;
    for (size_t i = 0; i < length; i++)
        out[i] = ascii_lower(in[i]);
    return length;
}

size_t prospects_lower_email(const struct prospect_input *row, char out[PROSPECT_EMAIL_MAX])
{
    const struct db_text *address = &row->field[PROSPECT_EMAIL];
    return address->data ? prospects_lower_case(address->data, address->length, out) : 0;
}

/* $1 organisation, $3 … $9 the fields except the e-mail address, $10 custom, $11 time. */
static void bind_fields(struct db_stmt *stmt, const char *organisation_id, const struct prospect_input *row,
                        int64_t now)
{
    db_bind_uuid(stmt, 1, organisation_id);
    for (int i = PROSPECT_EMAIL + 1; i < PROSPECT_FIELDS; i++)
        db_bind_text(stmt, 2 + i, row->field[i].data, row->field[i].length);
    db_bind_text(stmt, 10, row->custom.data, row->custom.length);
    db_bind_int(stmt, 11, now);
}

/* @return 1: inserted; 0: the address is known; or an error. */
static int insert(struct db *db, const char *organisation_id, const struct prospect_input *row, const char *email,
                  size_t email_length, int64_t now, char id[37])
{
    uuid_new_text(id);
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

/* Read a known row: its id, whether it is invalid, and its image. */
static int find(struct db *db, const char *organisation_id, const char *email, size_t email_length, char id[37],
                bool *invalid, struct text *images)
{
    struct db_stmt *stmt = db_prepare(
        db, images ? "SELECT id, status = 'invalid', " PROSPECT_IMAGE
                     " FROM crm.prospects WHERE organisation_id = $1 AND email = $2"
                   : "SELECT id, status = 'invalid' FROM crm.prospects WHERE organisation_id = $1 AND email = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_text(stmt, 2, email, email_length);
    int rc = db_step(stmt);
    if (rc == DB_ROW) {
        page_copy_id(stmt, 0, id);
        *invalid = db_column_int(stmt, 1) != 0;
        if (images)
            prospect_image_add(images, id, stmt, 2);
    }
    db_done(stmt);
    if (rc == DB_ROW)
        return DB_OK;
    return rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

static int import_again(struct db *db, const char *organisation_id, const char *id)
{
    return db_exec_later(db,
                         "UPDATE crm.prospects SET status = 'imported', status_reason = NULL"
                         " WHERE organisation_id = $1 AND id = $2 AND status = 'invalid'",
                         "uu", organisation_id, id);
}

static int clear(struct db *db, const char *organisation_id, const char *id)
{
#define CLEAR(strip)                                                                                   \
    "UPDATE crm.prospects SET first_name = nullif(first_name, ''), last_name = nullif(last_name, '')," \
    " company = nullif(company, ''), title = nullif(title, ''), phone = nullif(phone, ''),"            \
    " website = nullif(website, ''), country = nullif(country, ''), custom = nullif(" strip ", '{}')"  \
    " WHERE organisation_id = $1 AND id = $2"
    const char *sql =
        db->driver->arrays ? CLEAR("jsonb_strip_nulls(custom::jsonb)::text") : CLEAR("json_patch('{}', custom)");
#undef CLEAR
    return db_exec_later(db, sql, "uu", organisation_id, id);
}

/*
 * The cheapest update: by the primary key, without touching an indexed column. RETURNING, or setting the status each
 * time, makes it three times as expensive.
 */
static int update(struct db *db, const char *organisation_id, const struct prospect_input *row, int64_t now,
                  const char *id)
{
#define UPDATE(merged)                                                                                          \
    "UPDATE crm.prospects SET first_name = coalesce($3, first_name), last_name = coalesce($4, last_name),"      \
    " company = coalesce($5, company), title = coalesce($6, title), phone = coalesce($7, phone),"               \
    " website = coalesce($8, website), country = coalesce($9, country), custom = coalesce(" merged ", custom)," \
    " updated_at = $11 WHERE organisation_id = $1 AND id = $2"
    struct db_stmt *stmt =
        db_prepare(db, db->driver->arrays ? UPDATE("(coalesce(custom, '{}')::jsonb || $10::text::jsonb)::text")
                                          : UPDATE("json_patch(coalesce(custom, '{}'), $10)"));
#undef UPDATE
    bind_fields(stmt, organisation_id, row, now);
    db_bind_uuid(stmt, 2, id);
    int rc = db_step(stmt);
    db_done(stmt);
    return rc;
}

static int find_and_update(struct db *db, const char *organisation_id, const struct prospect_input *row,
                           const char *email, size_t email_length, int64_t now, char id[37], struct text *images)
{
    bool invalid = false;
    int rc = find(db, organisation_id, email, email_length, id, &invalid, images);
    if (rc == DB_OK)
        rc = update(db, organisation_id, row, now, id);
    return rc == DB_OK && invalid ? import_again(db, organisation_id, id) : rc;
}

int prospects_create(struct db *db, const char *organisation_id, const struct prospect_input *row, char id[37])
{
    char email[PROSPECT_EMAIL_MAX];
    size_t length = prospects_lower_email(row, email);
    int rc = length ? db_scope(db, organisation_id) : DB_E_INVALID;
    if (rc != DB_OK)
        return rc;
    rc = insert(db, organisation_id, row, email, length, clock_wall_ms(), id);
    if (rc <= 0)
        return rc < 0 ? rc : DB_E_CONFLICT;
    rc = usage_add(db, organisation_id, USAGE_PROSPECTS, 1);
    return rc == DB_OK && row->clears ? clear(db, organisation_id, id) : rc;
}

/* Store a different address. It is not validated yet, so the status becomes imported. */
static int change_email(struct db *db, const char *organisation_id, const char *id, const char *email, size_t length)
{
    struct db_stmt *stmt =
        db_prepare(db, "UPDATE crm.prospects SET email = $3, status = 'imported', status_reason = NULL, research = NULL"
                       " WHERE organisation_id = $1 AND id = $2 AND email <> $3");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    db_bind_text(stmt, 3, email, length);
    int rc = db_step(stmt);
    db_done(stmt);
    return rc;
}

int prospects_change(struct db *db, const char *organisation_id, const char *id, const struct prospect_input *row)
{
    char email[PROSPECT_EMAIL_MAX];
    size_t length = prospects_lower_email(row, email);
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = update(db, organisation_id, row, clock_wall_ms(), id);
    if (rc == DB_OK && db_changes(db) == 0)
        return DB_E_NOT_FOUND;
    if (rc == DB_OK && length > 0)
        rc = change_email(db, organisation_id, id, email, length);
    if (rc == DB_OK)
        rc = import_again(db, organisation_id, id);
    return rc == DB_OK && row->clears ? clear(db, organisation_id, id) : rc;
}

int prospects_lock_imports(struct db *db, const char *organisation_id)
{
    return db->driver->many_writers
               ? db_exec_later(db, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", "s", organisation_id)
               : DB_OK;
}

static int upsert_row(struct db *db, const struct prospects_upserting *call, const struct prospect_input *row,
                      struct prospect_upsert *result)
{
    const char *organisation_id = call->organisation_id;
    char email[PROSPECT_EMAIL_MAX];
    size_t length = prospects_lower_email(row, email);
    if (length == 0)
        return DB_E_INVALID;
    int rc = insert(db, organisation_id, row, email, length, result->at_ms, result->id);
    result->inserted = rc > 0;
    if (rc == 0)
        rc = find_and_update(db, organisation_id, row, email, length, result->at_ms, result->id, call->images);
    else if (rc > 0)
        rc = DB_OK;
    return rc == DB_OK && row->clears ? clear(db, organisation_id, result->id) : rc;
}

static bool by_arrays(const struct db *db, const struct prospects_upserting *call)
{
    return db->driver->arrays && (call->n > 1 || call->images); /* for a single row the plain way is cheaper */
}

int prospects_upsert_begin(struct db *db, struct prospects_upserting *call)
{
    int64_t now = clock_wall_ms(), inserted = 0;
    int rc = db_scope(db, call->organisation_id);
    for (size_t i = 0; i < call->n; i++)
        call->results[i].at_ms = now;
    if (rc == DB_OK && by_arrays(db, call))
        return prospects_arrays_begin(db, call, now);
    for (size_t i = 0; rc == DB_OK && i < call->n; i++) {
        rc = upsert_row(db, call, &call->rows[i], &call->results[i]);
        inserted += call->results[i].inserted;
    }
    return rc == DB_OK ? usage_add(db, call->organisation_id, USAGE_PROSPECTS, inserted) : rc;
}

int prospects_upsert_end(struct db *db, struct prospects_upserting *call)
{
    return by_arrays(db, call) ? prospects_arrays_end(db, call) : DB_OK;
}

void prospects_upsert_free(struct prospects_upserting *call)
{
    prospects_arrays_free(call->arrays);
    call->arrays = NULL;
}

int prospects_upsert(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                     struct prospect_upsert *results)
{
    struct prospect_upsert *own = results ? NULL : calloc(n + 1, sizeof(*own));
    if (!results && !own)
        return DB_E_OTHER;
    struct prospects_upserting call = {
        .organisation_id = organisation_id, .rows = rows, .n = n, .results = results ? results : own};
    int rc = prospects_upsert_begin(db, &call);
    if (rc == DB_OK)
        rc = prospects_upsert_end(db, &call);
    prospects_upsert_free(&call);
    free(own);
    return rc;
}

/* ---- reading ---- */

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

/* Each kind of filter has its own text, so that each uses its index. */
static struct db_stmt *prepare_page(struct db *db, const struct prospect_filter *filter, char email[PROSPECT_EMAIL_MAX])
{
    struct db_stmt *stmt;
    if (filter && filter->email) {
        /* At most one row has the address; a status filter applies to it. A too long address matches nothing. */
        stmt = db_prepare(db, PAGE_SELECT COLUMNS
                          " FROM crm.prospects WHERE organisation_id = $1 AND id > $2"
                          " AND email = $4 AND status = coalesce($5, status) ORDER BY id" PAGE_LIMIT("$3"));
        size_t length = prospects_lower_case(filter->email, strlen(filter->email), email);
        db_bind_text(stmt, 4, email, length);
        db_bind_str(stmt, 5, filter->status < 0 ? NULL : prospect_status_names[filter->status]);
    } else if (filter && filter->status > PROSPECT_STATUS_IMPORTED) {
        /* The condition on 'imported' is that of the partial index. */
        stmt = db_prepare(db,
                          PAGE_SELECT COLUMNS " FROM crm.prospects WHERE organisation_id = $1 AND id > $2"
                                              " AND status <> 'imported' AND status = $4 ORDER BY id" PAGE_LIMIT("$3"));
        db_bind_str(stmt, 4, prospect_status_names[filter->status]);
    } else if (filter && filter->status == PROSPECT_STATUS_IMPORTED) {
        stmt = db_prepare(db, PAGE_SELECT COLUMNS " FROM crm.prospects WHERE organisation_id = $1 AND id > $2"
                                                  " AND status = 'imported' ORDER BY id" PAGE_LIMIT("$3"));
    } else {
        stmt = db_prepare(db, PAGE_SELECT COLUMNS " FROM crm.prospects WHERE organisation_id = $1 AND id > $2"
                                                  " ORDER BY id" PAGE_LIMIT("$3"));
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

int prospects_newest(struct db *db, const char *organisation_id, int max, prospect_fn fn, void *arg)
{
    struct reader reader = {fn, arg};
    bool stop = false;
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT " COLUMNS " FROM crm.prospects WHERE organisation_id = $1"
                                          " ORDER BY id DESC LIMIT $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_int(stmt, 2, max);
    while (!stop && (rc = db_step(stmt)) == DB_ROW)
        stop = deliver(&reader, stmt) != 0;
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

/* ---- status ---- */

/* Distinguishes a wrong state from a missing row, after an update that changed nothing. */
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
    memset(counts, 0, sizeof(*counts) * PROSPECT_STATUSES);
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
    /* Both counts use an index. The partial index has all rows that are not imported. */
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
