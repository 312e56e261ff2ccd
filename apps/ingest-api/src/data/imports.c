/* SPDX-License-Identifier: Apache-2.0 */
#include "data/imports.h"

#include "base/clock.h"
#include "data/page.h"
#include "data/prospect_image.h"
#include "data/prospects_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

int imports_begin(struct db *db, const char *organisation_id, const char *owner, char id_out[37])
{
    uuid_new_text(id_out);
    int rc = db_scope(db, organisation_id);
    return rc != DB_OK ? rc
                       : db_exec(db,
                                 "INSERT INTO crm.imports (organisation_id, id, owner, touched_at)"
                                 " VALUES ($1, $2, $3, $4)",
                                 "uusi", organisation_id, id_out, owner, clock_wall_ms());
}

/* ---- a slice's undo record: {"changed": [{"id", columns …}], "at": ms, "added": [id …]} ---- */

static void write_undo(struct text *undo, const struct prospect_upsert *results, size_t n, const struct text *images)
{
    bool first = true;
    text_add(undo, "{\"changed\":[");
    if (images->length > 0)
        text_add_n(undo, images->data, images->length);
    text_add(undo, "],\"at\":");
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
    undo->overflow |= images->overflow;
}

int imports_keep(struct db *db, const char *organisation_id, const char *id, unsigned slice,
                 const struct prospect_upsert *results, size_t n, const struct text *images)
{
    struct text undo;
    text_init_growing(&undo, images->length + 40 * n + 64);
    write_undo(&undo, results, n, images);
    char *text = text_take(&undo);
    int rc = text ? db_exec_later(db,
                                  "INSERT INTO crm.import_slices (organisation_id, import_id, slice, undo)"
                                  " VALUES ($1, $2, $3, $4)",
                                  "uuis", organisation_id, id, (int64_t)slice, text)
                  : DB_E_OTHER;
    free(text);
    return rc != DB_OK
               ? rc
               : db_exec_later(db, "UPDATE crm.imports SET touched_at = $3 WHERE organisation_id = $1 AND id = $2",
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
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_CONFLICT : rc; /* another process has rolled it back */
}

/* ---- rolling back ---- */

int imports_open(struct db *db, struct import_open *out, int max)
{
    int n = 0, rc;
    struct db_stmt *stmt =
        db_prepare(db, "SELECT organisation_id, id, owner, touched_at FROM /*pg crm.open_imports($1) -- */"
                       " crm.imports LIMIT $1");
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

static int remove_added(struct db *db, const char *organisation_id, int64_t at_ms, const char *id)
{
    return db_exec_later(
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
            rc = prospect_image_restore(db, organisation_id, at_ms, row);
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
    if (rc == DB_OK)
        rc = prospects_lock_imports(db, organisation_id);
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
