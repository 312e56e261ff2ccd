/* SPDX-License-Identifier: Apache-2.0 */
#include "db/roles.h"

#include "db/driver.h"

#include <stdio.h>
#include <string.h>

#define SCHEMAS "iam, crm, outreach, tracking"

bool db_role_is_name(const char *name)
{
    size_t n = strlen(name);
    return n >= 1 && n <= DB_ROLE_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n &&
           (name[0] < '0' || name[0] > '9');
}

/* Run a statement. @param format has one %s, for the role's name */
__attribute__((format(printf, 2, 0))) static int say(struct db *db, const char *format, const char *role)
{
    char sql[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(sql, sizeof(sql), format, role);
#pragma GCC diagnostic pop
    return db->driver->script(db, sql);
}

int db_role_grant(struct db *db, const char *role, bool all)
{
    const char *const statements[] = {
        "GRANT USAGE ON SCHEMA " SCHEMAS " TO %s",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " SCHEMAS " TO %s",
        "REVOKE INSERT, UPDATE, DELETE ON tracking.schema_migrations FROM %s",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA " SCHEMAS " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %s",
        all ? "GRANT EXECUTE ON FUNCTION iam.all_organisations() TO %s"
            : "REVOKE EXECUTE ON FUNCTION iam.all_organisations() FROM %s",
    };
    if (!db->driver->reaches_all || !db_role_is_name(role))
        return db_fail(db, DB_E_INVALID, "0A", "this store has no roles");
    int rc = DB_OK;
    for (size_t i = 0; rc == DB_OK && i < sizeof(statements) / sizeof(statements[0]); i++)
        rc = say(db, statements[i], role);
    return rc;
}
