/* SPDX-License-Identifier: Apache-2.0 */
/* Operation and table of SQL texts: plain, nested, quoted, truncated, hostile. */
#include <promc-sql/statement.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sample {
    const char *text, *operation, *schema, *table;
};

static void check(const struct sample *samples, size_t count)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sample *s = &samples[i];
        promc_sql_statement is;
        promc_sql_read(s->text, PROMC_SQL_NUL_TERMINATED, &is);
        const char *operation = promc_sql_operation_name(is.operation);
        if (strcmp(operation, s->operation) == 0 && strcmp(is.schema, s->schema) == 0 &&
            strcmp(is.table, s->table) == 0)
            continue;
        print_error("%s\n  is %s of \"%s\".\"%s\", not %s of \"%s\".\"%s\"\n", s->text, operation, is.schema, is.table,
                    s->operation, s->schema, s->table);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}
#define CHECK(...)                               \
    do {                                         \
        const struct sample s[] = {__VA_ARGS__}; \
        check(s, sizeof(s) / sizeof(*s));        \
    } while (0)

static void each_operation_is_found(void **state)
{
    (void)state;
    CHECK({"SELECT a, b FROM crm.people WHERE x = 1", "select", "crm", "people"},
          {"select * from people", "select", "", "people"}, {"SELECT 1", "select", "", ""},
          {"VALUES (1), (2)", "select", "", ""}, {"TABLE crm.people", "select", "crm", "people"},
          {"INSERT INTO crm.people (a, b) VALUES ($1, $2) RETURNING id", "insert", "crm", "people"},
          {"INSERT OR REPLACE INTO people VALUES (?1)", "insert", "", "people"},
          {"REPLACE INTO people(a) VALUES (1)", "insert", "", "people"},
          {"INSERT INTO a.t SELECT * FROM b.u", "insert", "a", "t"},
          {"INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = excluded.b", "insert", "", "t"},
          {"UPDATE ONLY crm.people SET a = 1 FROM other.t WHERE t.x = 2", "update", "crm", "people"},
          {"UPDATE OR IGNORE people SET a = 1", "update", "", "people"},
          {"DELETE FROM crm.people USING b.u", "delete", "crm", "people"},
          {"MERGE INTO crm.people p USING b.u ON (1 = 1) WHEN MATCHED THEN DELETE", "merge", "crm", "people"},
          {"COPY crm.people (a, b) FROM STDIN", "copy", "crm", "people"},
          {"COPY (SELECT * FROM crm.people) TO STDOUT", "copy", "crm", "people"},
          {"CREATE TABLE IF NOT EXISTS crm.people (id int REFERENCES b.u ON DELETE CASCADE)", "ddl", "crm", "people"},
          {"CREATE UNIQUE INDEX CONCURRENTLY i ON crm.people (a)", "ddl", "crm", "people"},
          {"ALTER TABLE crm.people ADD COLUMN a int", "ddl", "crm", "people"},
          {"DROP TABLE IF EXISTS crm.people CASCADE", "ddl", "crm", "people"},
          {"TRUNCATE crm.people", "ddl", "crm", "people"}, {"TRUNCATE TABLE ONLY people", "ddl", "", "people"},
          {"BEGIN", "begin", "", ""}, {"BEGIN IMMEDIATE", "begin", "", ""},
          {"START TRANSACTION READ ONLY", "begin", "", ""}, {"COMMIT", "commit", "", ""}, {"END;", "commit", "", ""},
          {"ROLLBACK TO SAVEPOINT x", "rollback", "", ""}, {"ABORT", "rollback", "", ""},
          {"SAVEPOINT x", "other", "", ""}, {"PRAGMA user_version", "other", "", ""},
          {"SET search_path = crm", "other", "", ""},
          {"EXPLAIN ANALYZE SELECT * FROM crm.people", "other", "crm", "people"},
          {"SELECT * FROM people FOR UPDATE", "select", "", "people"});
}

static void around_the_table(void **state)
{
    (void)state;
    CHECK({"SELECT * FROM (SELECT * FROM crm.people) x", "select", "crm", "people"},
          {"SELECT * FROM (crm.people p JOIN b.u USING (id))", "select", "crm", "people"},
          {"SELECT (SELECT count(*) FROM a.t) FROM b.u", "select", "b", "u"},
          {"SELECT EXISTS (SELECT 1 FROM crm.people)", "select", "crm", "people"},
          {"(SELECT * FROM crm.people) UNION (SELECT * FROM b.u)", "select", "crm", "people"},
          {"SELECT extract(day FROM created), substring(name FROM 2) FROM crm.people", "select", "crm", "people"},
          {"SELECT a IS DISTINCT FROM b, a IS NOT DISTINCT FROM c FROM crm.people", "select", "crm", "people"},
          {"SELECT * FROM unnest($1::int[]) AS x JOIN crm.people p ON p.id = x", "select", "crm", "people"},
          {"SELECT * FROM generate_series(1, 3) g, crm.people", "select", "crm", "people"},
          {"SELECT * FROM generate_series(1, 3)", "select", "", ""},
          {"SELECT * FROM LATERAL (SELECT * FROM crm.people) l", "select", "crm", "people"},
          {"SELECT count(*) FILTER (WHERE a) FROM crm.people", "select", "crm", "people"},
          {"SELECT coalesce(a, 'FROM b.u') FROM crm.people", "select", "crm", "people"},
          {"BEGIN; INSERT INTO crm.people VALUES (1)", "begin", "", ""},
          {";; ; SELECT * FROM crm.people", "select", "crm", "people"});
}

static void with(void **state)
{
    (void)state;
    CHECK({"WITH x AS (SELECT * FROM crm.people) SELECT * FROM x", "select", "crm", "people"},
          {"WITH x (a, b) AS MATERIALIZED (SELECT * FROM crm.people), y AS (SELECT * FROM x) SELECT * FROM y", "select",
           "crm", "people"},
          {"WITH RECURSIVE t (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t) SELECT n FROM t", "select", "", "t"},
          {"WITH gone AS (DELETE FROM a.t RETURNING *) INSERT INTO crm.people SELECT * FROM gone", "insert", "crm",
           "people"},
          {"WITH x AS (SELECT 1), y AS NOT MATERIALIZED (SELECT 2) UPDATE crm.people SET a = 1", "update", "crm",
           "people"},
          {"WITH x AS (SELECT * FROM a.t) SELECT * FROM b.x", "select", "b", "x"}, {"WITH", "other", "", ""},
          {"WITH x AS", "other", "", ""}, {"WITH x AS (SELECT 1 FROM a.t", "other", "", ""},
          {"WITH x AS (SELECT 1) nonsense", "other", "", ""});
}

static void names(void **state)
{
    (void)state;
    CHECK({"SELECT * FROM CRM.People", "select", "crm", "people"},
          {"SELECT * FROM \"CRM\".\"Peo\"\"ple\"", "select", "CRM", "Peo\"ple"},
          {"SELECT * FROM `crm`.`people`", "select", "crm", "people"},
          {"SELECT * FROM [crm].[some people]", "select", "crm", "some people"},
          {"SELECT * FROM db.crm.people", "select", "crm", "people"},
          {"SELECT * FROM crm . people", "select", "crm", "people"},
          {"SELECT * FROM crm/* c */./* d */people", "select", "crm", "people"},
          {"SELECT * FROM a$b.c$1", "select", "a$b", "c$1"}, {"SELECT * FROM crm.", "select", "crm", ""},
          {"SELECT * FROM gr\xc3\xbc\xc3\x9f"
           "e",
           "select", "",
           "gr\xc3\xbc\xc3\x9f"
           "e"},
          {"SELECT * FROM \"\"", "select", "", ""}, {"SELECT * FROM \"unclosed", "select", "", "unclosed"},
          {"INSERT INTO \"a.b\" VALUES (1)", "insert", "", "a.b"});
}

static void comments_and_literals(void **state)
{
    (void)state;
    CHECK({"-- INSERT INTO a.t\nSELECT * FROM crm.people", "select", "crm", "people"},
          {"/* DELETE /* nested */ FROM a.t */ SELECT * FROM crm.people", "select", "crm", "people"},
          {"SELECT 'FROM a.t', 'it''s FROM a.t' FROM crm.people", "select", "crm", "people"},
          {"SELECT E'\\' FROM a.t --' FROM crm.people", "select", "crm", "people"},
          {"SELECT $$ FROM a.t $$, $tag$ $$ FROM a.t $tag$ FROM crm.people", "select", "crm", "people"},
          {"SELECT $1, ?2, :name, @x FROM crm.people WHERE a = $3", "select", "crm", "people"},
          {"SELECT 1.5e-3, 0x1f, a::text, \"FROM\" FROM crm.people", "select", "crm", "people"}, {"", "other", "", ""},
          {"   \t\n", "other", "", ""}, {"-- only a comment", "other", "", ""},
          {"/* not closed SELECT * FROM a.t", "other", "", ""}, {"'not closed", "other", "", ""},
          {"SELECT 'not closed FROM a.t", "select", "", ""}, {"SELECT $x$ not closed FROM a.t", "select", "", ""},
          {"SELECT FROM", "select", "", ""}, {"FROM a.t", "other", "a", "t"},
          {")))) SELECT * FROM a.t", "select", "a", "t"}, {"\xff\xfe", "other", "", ""},
          {"'; DROP TABLE x; --", "other", "", ""});
}

static void long_names_are_cut_between_characters(void **state)
{
    (void)state;
    char text[512];
    promc_sql_statement is;
    memcpy(text, "SELECT * FROM ", 14);
    memset(text + 14, 'x', 100);
    text[114] = '\0';
    promc_sql_read(text, PROMC_SQL_NUL_TERMINATED, &is);
    assert_int_equal(strlen(is.table), PROMC_SQL_NAME_MAX);
    for (size_t lead = 0; lead < 3; lead++) { /* a character of three bytes across the limit, in each position */
        memset(text + 14, 'x', 100);
        memcpy(text + 14 + PROMC_SQL_NAME_MAX - lead, "\xe2\x82\xac", 3);
        promc_sql_read(text, PROMC_SQL_NUL_TERMINATED, &is);
        assert_int_equal(strlen(is.table), PROMC_SQL_NAME_MAX - lead);
        assert_int_equal(strspn(is.table, "x"), PROMC_SQL_NAME_MAX - lead);
    }
    memset(text + 14, 'x', 100);
    memcpy(text + 14 + PROMC_SQL_NAME_MAX - 3, "\xe2\x82\xac", 3); /* just fits */
    promc_sql_read(text, PROMC_SQL_NUL_TERMINATED, &is);
    assert_int_equal(strlen(is.table), PROMC_SQL_NAME_MAX);
}

static void reads_no_byte_past_the_length(void **state)
{
    (void)state;
    promc_sql_statement is;
    char *text = malloc(22); /* exact, so that a sanitizer detects a read past its end */
    memcpy(text, "SELECT * FROM crm.peop", 22);
    promc_sql_read(text, 22, &is);
    assert_string_equal(is.table, "peop");
    promc_sql_read(text, 17, &is);
    assert_string_equal(is.table, "crm");
    promc_sql_read(text, 3, &is);
    assert_int_equal(is.operation, PROMC_SQL_OTHER);
    free(text);
    promc_sql_read(NULL, 0, &is);
    assert_int_equal(is.operation, PROMC_SQL_OTHER);
    assert_string_equal(promc_sql_operation_name((enum promc_sql_operation)99), "other");
}

/* Every prefix of these texts, and each text with changed bytes, gives a valid result. */
static void any_bytes_give_a_result(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "WITH a AS (SELECT \"x\" FROM [b].c), d AS (DELETE FROM e) INSERT INTO f.g (h) SELECT $1, 'i' FROM a, d -- j",
        "SELECT $t$ /* $t$ /* /* */ */ E'\\'' FROM (((k.l))) JOIN m ON (n IS DISTINCT FROM o); UPDATE p",
        "CREATE TABLE IF NOT EXISTS \"a\"\"b\".`c` (d int); COPY (SELECT 1) TO STDOUT"};
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 60000; round++) {
        char text[256];
        promc_sql_statement is;
        size_t length = strlen(seeds[round % 3]);
        memcpy(text, seeds[round % 3], length);
        for (int changes = 0; changes < round % 7; changes++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            text[random % length] = (char)(random >> 32);
        }
        length = (size_t)(random >> 8) % (length + 1);
        char *exact = malloc(length ? length : 1);
        memcpy(exact, text, length);
        promc_sql_read(exact, length, &is);
        free(exact);
        assert_true((unsigned)is.operation < PROMC_SQL_OPERATIONS);
        assert_non_null(memchr(is.schema, '\0', sizeof(is.schema)));
        assert_non_null(memchr(is.table, '\0', sizeof(is.table)));
    }
}

/* Texts that would take minutes if the reader were quadratic. */
static void large_and_repetitive(void **state)
{
    (void)state;
    static const char *const parts[] = {"(",           ")",  "[", "FROM [,", "$a$", "/*",
                                        "WITH x AS (", "a.", "'", "\"",      ",",   "FROM a("};
    size_t size = 4 * PROMC_SQL_READ_MAX;
    char *text = malloc(size + 1);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        promc_sql_statement is;
        size_t n = strlen(parts[i]), at = 0;
        memcpy(text, "SELECT ", 7);
        for (at = 7; at + n <= size; at += n)
            memcpy(text + at, parts[i], n);
        text[at] = '\0';
        promc_sql_read(text, PROMC_SQL_NUL_TERMINATED, &is);
        assert_int_equal(is.operation, PROMC_SQL_SELECT);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_is_found),
        cmocka_unit_test(around_the_table),
        cmocka_unit_test(with),
        cmocka_unit_test(names),
        cmocka_unit_test(comments_and_literals),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(reads_no_byte_past_the_length),
        cmocka_unit_test(any_bytes_give_a_result),
        cmocka_unit_test(large_and_repetitive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
