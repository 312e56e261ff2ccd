/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, and the reading of SQL text. */
#include "base/uuid.h"
#include "db/sql.h"
#include "metrics/metrics.h"
#include "model/labels.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void uuids_rise_and_are_version_7(void **state)
{
    (void)state;
    unsigned char last[16] = {0}, uuid[16], back[16];
    char text[UUID_TEXT];
    for (int i = 0; i < 20000; i++) { /* more than 4096 in some millisecond */
        uuid_new(uuid);
        assert_true(memcmp(last, uuid, 16) < 0);
        assert_int_equal(uuid[6] >> 4, 7);
        assert_int_equal(uuid[8] >> 6, 2);
        memcpy(last, uuid, 16);
    }
    uuid_format(uuid, text);
    assert_int_equal(strlen(text), 36);
    assert_true(uuid_parse(text, back));
    assert_memory_equal(uuid, back, 16);
}

static void uuid_parse_takes_nothing_else(void **state)
{
    (void)state;
    unsigned char out[16] = {0xaa}, lower[16], upper[16];
    static const char *const bad[] = {
        "",
        "0190b6f0-0000-7000-8000-00000000000",
        "0190b6f0-0000-7000-8000-0000000000000",
        "0190b6f0-0000-7000-8000-00000000000g",
        "0190b6f00000-7000-8000-000000000000-",
        "{190b6f0-0000-7000-8000-00000000000}",
        "0190b6f0-0000-7000-8000-00000000000\x80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(uuid_parse(bad[i], out));
    assert_false(uuid_parse(NULL, out));
    assert_int_equal(out[0], 0xaa); /* untouched */
    assert_true(uuid_parse("0190b6f0-abcd-7000-8000-00000000000f", lower));
    assert_true(uuid_parse("0190B6F0-ABCD-7000-8000-00000000000F", upper));
    assert_memory_equal(lower, upper, 16);
}

#define EACH 5000
static void *make_uuids(void *arg)
{
    unsigned char(*uuids)[16] = arg;
    for (int i = 0; i < EACH; i++)
        uuid_new(uuids[i]);
    return NULL;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void uuids_of_threads_differ(void **state)
{
    (void)state;
    static unsigned char uuids[4 * EACH][16];
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, make_uuids, uuids[i * EACH]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    qsort(uuids, 4 * EACH, 16, compare_uuids);
    for (int i = 1; i < 4 * EACH; i++)
        assert_memory_not_equal(uuids[i - 1], uuids[i], 16);
}

/* The random part; the time part may well differ by itself. */
static void a_child_does_not_repeat_its_parent(void **state)
{
    (void)state;
    unsigned char uuid[16], of_child[16];
    int fd[2];
    uuid_new(uuid);
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        uuid_new(uuid);
        _exit(write(fd[1], uuid, 16) == 16 ? 0 : 1);
    }
    uuid_new(uuid);
    assert_int_equal(read(fd[0], of_child, 16), 16);
    waitpid(pid, NULL, 0);
    close(fd[0]);
    close(fd[1]);
    assert_memory_not_equal(uuid + 8, of_child + 8, 8);
}

static void assert_sqlite(const char *sql, const char *expected)
{
    char *text = sql_to_sqlite(sql);
    assert_string_equal(text, expected);
    free(text);
}

static void schemas_and_parameters_become_sqlites(void **state)
{
    (void)state;
    assert_sqlite("SELECT id FROM crm.prospects WHERE id = $1 AND a = $12",
                  "SELECT id FROM crm_prospects WHERE id = ?1 AND a = ?12");
    assert_sqlite("UPDATE iam.a SET x = outreach.b.c, y = tracking.d",
                  "UPDATE iam_a SET x = outreach_b.c, y = tracking_d");
    assert_sqlite("SELECT 'crm.x $1', \"crm.y\" -- crm.z $1\n, crm.a /* crm.b */", /* literals and comments stay */
                  "SELECT 'crm.x $1', \"crm.y\" -- crm.z $1\n, crm_a /* crm.b */");
    assert_sqlite("SELECT 'it''s crm.x', crm.y", "SELECT 'it''s crm.x', crm_y");
    assert_sqlite("SELECT a.crm.x, mycrm.x, crm_x, crmx.y, CRM", "SELECT a.crm.x, mycrm.x, crm_x, crmx.y, CRM");
    assert_sqlite("SELECT 'open crm.x", "SELECT 'open crm.x");
    assert_sqlite("", "");
}

/* What a text of the service is counted as. */
static void assert_class(const char *sql, enum db_operation operation, enum db_schema schema)
{
    char line[160];
    promc_sql_prepared said;
    assert_int_equal(metrics_init(true, 1), 0);
    promc_sql_prepare(metrics_sql(), sql, PROMC_SQL_NUL_TERMINATED, &said);
    promc_sql_observe_prepared(&said, 1);
    snprintf(line, sizeof line, "db_query_duration_seconds_sum{operation=\"%s\",schema=\"%s\"} 1\n",
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
        cmocka_unit_test(uuids_rise_and_are_version_7),
        cmocka_unit_test(uuid_parse_takes_nothing_else),
        cmocka_unit_test(uuids_of_threads_differ),
        cmocka_unit_test(a_child_does_not_repeat_its_parent),
        cmocka_unit_test(schemas_and_parameters_become_sqlites),
        cmocka_unit_test(statements_are_classified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
