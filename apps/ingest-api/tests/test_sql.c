/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of SQL text. */
#include "db/sql.h"
#include "metrics/metrics.h"
#include "model/labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_sqlite(const char *sql, const char *expected)
{
    char *text = sql_to_sqlite(sql);
    assert_string_equal(text, expected);
    free(text);
}

static void schemas_and_parameters_are_translated_for_sqlite(void **state)
{
    (void)state;
    assert_sqlite("SELECT id FROM crm.prospects WHERE id = $1 AND a = $12",
                  "SELECT id FROM crm_prospects WHERE id = ?1 AND a = ?12");
    assert_sqlite("UPDATE iam.a SET x = outreach.b.c, y = tracking.d",
                  "UPDATE iam_a SET x = outreach_b.c, y = tracking_d");
    assert_sqlite(
        "SELECT 'crm.x $1', \"crm.y\" -- crm.z $1\n, crm.a /* crm.b */", /* literals and comments are not changed */
        "SELECT 'crm.x $1', \"crm.y\" -- crm.z $1\n, crm_a /* crm.b */");
    assert_sqlite("SELECT 'it''s crm.x', crm.y", "SELECT 'it''s crm.x', crm_y");
    assert_sqlite("SELECT a.crm.x, mycrm.x, crm_x, crmx.y, CRM", "SELECT a.crm.x, mycrm.x, crm_x, crmx.y, CRM");
    assert_sqlite("SELECT 'open crm.x", "SELECT 'open crm.x");
    assert_sqlite("", "");
}

/* The labels under which a statement is counted. */
static void assert_class(const char *sql, enum db_operation operation, enum db_schema schema)
{
    char line[160];
    promc_sql_prepared said;
    assert_int_equal(metrics_init(true, 1), 0);
    promc_sql_prepare(metrics_sql(), sql, PROMC_SQL_NUL_TERMINATED, &said);
    promc_sql_observe_prepared(&said, 1);
    snprintf(line, sizeof(line), "db_query_duration_seconds_sum{operation=\"%s\",schema=\"%s\"} 1\n",
             db_operation_values[operation], db_schema_values[schema]);
    char *text;
    assert_int_equal(promc_scrape_string(metrics_registry(), &(promc_scrape_settings){0}, &text, NULL), 0);
    assert_non_null(strstr(text, line));
    free(text);
    metrics_destroy();
}

static void statements_are_classified(void **state)
{
    (void)state;
    assert_class("SELECT 1 FROM crm.prospects", DB_SELECT, DB_SCHEMA_CRM);
    assert_class(" \n insert INTO outreach.drafts SELECT * FROM crm.prospects", DB_INSERT, DB_SCHEMA_OUTREACH);
    assert_class("WITH a AS (SELECT 1 FROM iam.x) UPDATE tracking.jobs SET b = 1", DB_UPDATE, DB_SCHEMA_TRACKING);
    assert_class("WITH a AS (SELECT 1) DELETE FROM tracking.jobs", DB_DELETE, DB_SCHEMA_TRACKING);
    assert_class("BEGIN IMMEDIATE", DB_BEGIN, DB_SCHEMA_OTHER);
    assert_class("COMMIT", DB_COMMIT, DB_SCHEMA_OTHER);
    assert_class("ROLLBACK TO SAVEPOINT work", DB_ROLLBACK, DB_SCHEMA_OTHER);
    assert_class("SAVEPOINT work", DB_OTHER_OP, DB_SCHEMA_OTHER);
    assert_class("CREATE TABLE x AS SELECT 1", DB_DDL, DB_SCHEMA_OTHER);
    assert_class("SELECT 'iam.x'", DB_SELECT, DB_SCHEMA_OTHER);
    assert_class("", DB_OTHER_OP, DB_SCHEMA_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_and_parameters_are_translated_for_sqlite),
        cmocka_unit_test(statements_are_classified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
