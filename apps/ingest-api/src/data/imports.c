/* SPDX-License-Identifier: Apache-2.0 */
#include "data/imports.h"

#include "base/clock.h"
#include "data/page.h"
#include "data/prospects_internal.h"
#include "db/driver.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

int imports_begin(struct db *db, const char *organisation_id, const char *owner, char id_out[37])
{
    unsigned char uuid[16];
    uuid_new(uuid);
    uuid_format(uuid, id_out);
    int rc = db_scope(db, organisation_id);
    return rc != DB_OK ? rc
                       : db_exec(db,
                                 "INSERT INTO crm.imports (organisation_id, id, owner, touched_at)"
                                 " VALUES ($1, $2, $3, $4)",
                                 "uusi", organisation_id, id_out, owner, clock_wall_ms());
}

/* --- the record of a slice: {"changed": [{"id", columns …}], "at": ms, "added": [id …]} --- */

/* What an import changes of a row. The names are the record's members and the columns'. */
#define CHANGED "first_name, last_name, company, title, phone, website, country, custom, status, status_reason"
static const char *const changed_names[] = {"first_name", "last_name", "company", "title",  "phone",
                                            "website",    "country",   "custom",  "status", "status_reason"};
#define CHANGED_COLUMNS ((int)(sizeof(changed_names) / sizeof(changed_names[0])))

static void add_string(struct text *undo, const char *name, const char *value)
{
    text_add(undo, ",\"");
    text_add(undo, name);
    text_add(undo, "\":");
    text_add_json(undo, value, value ? strlen(value) : 0, SIZE_MAX);
}

/* The rows of a statement that begins with id and updated_at. */
static int add_changed(struct db_stmt *stmt, struct text *undo)
{
    int rc;
    while ((rc = db_step(stmt)) == DB_ROW) {
        text_add(undo, undo->data[undo->length - 1] == '[' ? "{\"id\":\"" : ",{\"id\":\"");
        text_add(undo, db_column_uuid(stmt, 0));
        text_add(undo, "\",\"updated_at\":");
        text_add_i64(undo, db_column_int(stmt, 1));
        for (int i = 0; i < CHANGED_COLUMNS; i++)
            add_string(undo, changed_names[i], db_column_text(stmt, 2 + i));
        text_add(undo, "}");
    }
    db_done(stmt);
    return rc;
}

static int changed_by_one(struct db *db, const char *organisation_id, const struct db_text *address, struct text *undo)
{
    char email[PROSPECT_EMAIL_MAX];
    size_t length = address->data ? prospects_lower_case(address->data, address->length, email) : 0;
    struct db_stmt *stmt = db_prepare(db, "SELECT id, updated_at, " CHANGED " FROM crm.prospects"
                                          " WHERE organisation_id = $1 AND email = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_text(stmt, 2, email, length);
    return add_changed(stmt, undo);
}

/* PostgreSQL: one statement for all. */
static int changed_by_all(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                          struct text *undo)
{
    struct text emails;
    text_init_growing(&emails, 32 * n);
    for (size_t i = 0; i < n; i++) {
        char email[PROSPECT_EMAIL_MAX];
        const struct db_text *address = &rows[i].field[PROSPECT_EMAIL];
        text_add(&emails, i ? "," : "{");
        text_add_json(&emails, email, address->data ? prospects_lower_case(address->data, address->length, email) : 0,
                      SIZE_MAX);
    }
    text_add(&emails, "}");
    if (emails.overflow) {
        free(emails.data);
        return DB_E_OTHER;
    }
    struct db_stmt *stmt = db_prepare(db, "SELECT id, updated_at, " CHANGED " FROM crm.prospects"
                                          " WHERE organisation_id = $1 AND email = ANY ($2::text::text[]) FOR UPDATE");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_text(stmt, 2, emails.data, emails.length);
    int rc = add_changed(stmt, undo);
    free(emails.data);
    return rc;
}

int imports_before(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                   struct text *undo)
{
    int rc = db_scope(db, organisation_id);
    text_add(undo, "{\"changed\":[");
    if (undo->overflow)
        return DB_E_OTHER;
    if (rc == DB_OK && db->driver->arrays)
        rc = changed_by_all(db, organisation_id, rows, n, undo);
    else
        for (size_t i = 0; rc == DB_OK && i < n; i++)
            rc = changed_by_one(db, organisation_id, &rows[i].field[PROSPECT_EMAIL], undo);
    text_add(undo, "]");
    return rc;
}

int imports_keep(struct db *db, const char *organisation_id, const char *id, unsigned slice,
                 const struct prospect_upsert *results, size_t n, struct text *undo)
{
    bool first = true;
    text_add(undo, ",\"at\":");
    text_add_i64(undo, n ? results[0].at_ms : 0);
    text_add(undo, ",\"added\":[");
    for (size_t i = 0; i < n; i++) {
        if (!results[i].inserted)
            continue;
        text_add(undo, first ? "\"" : ",\"");
        text_add(undo, results[i].id);
        text_add(undo, "\"");
        first = false;
    }
    text_add(undo, "]}");
    if (undo->overflow)
        return DB_E_OTHER;
    struct db_stmt *stmt = db_prepare(db, "INSERT INTO crm.import_slices (organisation_id, import_id, slice, undo)"
                                          " VALUES ($1, $2, $3, $4)");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    db_bind_int(stmt, 3, slice);
    db_bind_text(stmt, 4, undo->data, undo->length);
    int rc = db_step(stmt);
    db_done(stmt);
    return rc != DB_OK ? rc
                       : db_exec(db, "UPDATE crm.imports SET touched_at = $3 WHERE organisation_id = $1 AND id = $2",
                                 "uui", organisation_id, id, clock_wall_ms());
}

int imports_end(struct db *db, const char *organisation_id, const char *id)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db, "DELETE FROM crm.import_slices WHERE organisation_id = $1 AND import_id = $2", "uu",
                     organisation_id, id);
    if (rc == DB_OK)
        rc = db_exec(db, "DELETE FROM crm.imports WHERE organisation_id = $1 AND id = $2", "uu", organisation_id, id);
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_CONFLICT : rc; /* it has been taken back meanwhile */
}

/* --- taking back --- */

int imports_open(struct db *db, struct import_open *out, int max)
{
    int n = 0, rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT organisation_id, id, owner, touched_at FROM crm.imports LIMIT $1");
    db_bind_int(stmt, 1, max);
    while ((rc = db_step(stmt)) == DB_ROW && n < max) {
        const char *owner = db_column_text(stmt, 2);
        page_copy_id(stmt, 0, out[n].organisation_id);
        page_copy_id(stmt, 1, out[n].id);
        (void)snprintf(out[n].owner, sizeof(out[n].owner), "%s", owner ? owner : "");
        out[n++].touched_ms = db_column_int(stmt, 3);
    }
    db_done(stmt);
    return rc < 0 ? rc : n;
}

static int restore(struct db *db, const char *organisation_id, int64_t at_ms, const json_t *row)
{
    struct db_stmt *stmt = db_prepare(
        db, "UPDATE crm.prospects SET updated_at = $4, first_name = $5, last_name = $6, company = $7, title = $8,"
            " phone = $9, website = $10, country = $11, custom = $12, status = $13, status_reason = $14"
            " WHERE organisation_id = $1 AND id = $2 AND updated_at = $3");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, json_string_value(json_object_get(row, "id")));
    db_bind_int(stmt, 3, at_ms);
    db_bind_int(stmt, 4, json_integer_value(json_object_get(row, "updated_at")));
    for (int i = 0; i < CHANGED_COLUMNS; i++)
        db_bind_str(stmt, 5 + i, json_string_value(json_object_get(row, changed_names[i])));
    int rc = db_step(stmt);
    db_done(stmt);
    return rc;
}

static int remove_added(struct db *db, const char *organisation_id, int64_t at_ms, const char *id)
{
    return db_exec(
        db,
        "DELETE FROM crm.prospects WHERE organisation_id = $1 AND id = $2 AND updated_at = $3"
        " AND NOT EXISTS (SELECT 1 FROM outreach.drafts d WHERE d.organisation_id = $1 AND d.prospect_id = $2)"
        " AND NOT EXISTS (SELECT 1 FROM outreach.emails e WHERE e.organisation_id = $1 AND e.prospect_id = $2)",
        "uui", organisation_id, id, at_ms);
}

static int undo_slice(struct db *db, const char *organisation_id, const char *text)
{
    json_t *undo = json_loads(text, 0, NULL), *row;
    int64_t at_ms = json_integer_value(json_object_get(undo, "at"));
    int rc = undo ? DB_OK : DB_E_OTHER;
    size_t i;
    json_array_foreach(json_object_get(undo, "changed"), i, row)
    {
        if (rc == DB_OK)
            rc = restore(db, organisation_id, at_ms, row);
    }
    json_array_foreach(json_object_get(undo, "added"), i, row)
    {
        if (rc == DB_OK)
            rc = remove_added(db, organisation_id, at_ms, json_string_value(row));
    }
    json_decref(undo);
    return rc;
}

int imports_take_back(struct db *db, const char *organisation_id, const char *id, bool *more)
{
    char *undo = NULL;
    int64_t slice = 0;
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT slice, undo FROM crm.import_slices WHERE organisation_id = $1"
                                          " AND import_id = $2 ORDER BY slice DESC LIMIT 1 /*pg FOR UPDATE */");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    rc = db_step(stmt);
    *more = rc == DB_ROW;
    if (rc == DB_ROW) {
        slice = db_column_int(stmt, 0);
        undo = strdup(db_column_text(stmt, 1));
    }
    db_done(stmt);
    if (rc == DB_OK)
        return db_exec(db, "DELETE FROM crm.imports WHERE organisation_id = $1 AND id = $2", "uu", organisation_id, id);
    if (rc < 0)
        return rc;
    rc = undo ? undo_slice(db, organisation_id, undo) : DB_E_OTHER;
    free(undo);
    return rc != DB_OK ? rc
                       : db_exec(db,
                                 "DELETE FROM crm.import_slices WHERE organisation_id = $1 AND import_id = $2"
                                 " AND slice = $3",
                                 "uui", organisation_id, id, slice);
}
