/* SPDX-License-Identifier: Apache-2.0 */
#include "data/prospects_known.h"

#include "base/text.h"
#include "data/prospects_internal.h"
#include "data/usage.h"
#include "db/array.h"
#include "db/driver.h"

#include <stdlib.h>

static int known_of_all(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                        void (*fn)(void *arg, const char *email, size_t length), void *arg)
{
    struct text emails;
    int rc = DB_E_OTHER;
    text_init_growing(&emails, 32 * (n + 1));
    db_array_begin(&emails, DB_ARRAY_TEXT);
    for (size_t i = 0; i < n; i++) {
        char email[PROSPECT_EMAIL_MAX];
        db_array_add(&emails, email, prospects_lower_email(&rows[i], email));
    }
    if (!emails.overflow) {
        struct db_stmt *stmt = db_prepare(db, "SELECT email FROM crm.prospects"
                                              " WHERE organisation_id = $1 AND email = ANY ($2::text[])");
        db_bind_uuid(stmt, 1, organisation_id);
        db_bind_blob(stmt, 2, emails.data, emails.length);
        while ((rc = db_step(stmt)) == DB_ROW)
            fn(arg, db_column_text(stmt, 0), db_column_length(stmt, 0));
        db_done(stmt);
    }
    free(emails.data);
    return rc;
}

static int known_of_one(struct db *db, const char *organisation_id, const struct prospect_input *row,
                        void (*fn)(void *arg, const char *email, size_t length), void *arg)
{
    char email[PROSPECT_EMAIL_MAX];
    size_t length = prospects_lower_email(row, email);
    struct db_stmt *stmt = db_prepare(db, "SELECT 1 FROM crm.prospects WHERE organisation_id = $1 AND email = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_text(stmt, 2, email, length);
    int rc = db_step(stmt);
    db_done(stmt);
    if (rc == DB_ROW)
        fn(arg, email, length);
    return rc < 0 ? rc : DB_OK;
}

int prospects_known(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                    void (*fn)(void *arg, const char *email, size_t length), void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK && db->driver->arrays)
        return known_of_all(db, organisation_id, rows, n, fn, arg);
    for (size_t i = 0; rc == DB_OK && i < n; i++)
        rc = known_of_one(db, organisation_id, &rows[i], fn, arg);
    return rc;
}

int prospects_used(struct db *db, const char *organisation_id, int64_t max, int64_t *used)
{
    *used = 0;
    if (usage_has_room(organisation_id, USAGE_PROSPECTS, max))
        return DB_OK;
    int rc = usage_read(db, organisation_id, USAGE_PROSPECTS, used);
    if (rc != DB_OK || *used > max || *used + USAGE_NEAR <= max)
        return rc;
    rc = prospects_lock_imports(db, organisation_id);
    return rc == DB_OK ? usage_read(db, organisation_id, USAGE_PROSPECTS, used) : rc;
}
