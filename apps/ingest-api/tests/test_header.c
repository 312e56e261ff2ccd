/* SPDX-License-Identifier: Apache-2.0 */
/* The use of each column of a header. */
#include "import/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static struct header header;

/* @return "field|custom_field|reason" of each column, as in the answer to an import; "-" for null. */
static char *uses(const char *line)
{
    static char text[4096];
    struct csv csv;
    size_t i, n = 0;
    json_t *column;
    csv_init(&csv, line, strlen(line));
    assert_int_equal(csv_next(&csv), CSV_ROW);
    header_free(&header);
    assert_true(header_read(&header, &csv));
    json_t *columns = header_describe(&header);
    text[0] = '\0';
    json_array_foreach(columns, i, column)
    {
        const char *field = json_string_value(json_object_get(column, "field"));
        const char *custom = json_string_value(json_object_get(column, "custom_field"));
        const char *reason = json_string_value(json_object_get(column, "reason"));
        assert_int_equal(json_integer_value(json_object_get(column, "column")), i + 1);
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s|%s|%s", i ? " " : "", field ? field : "-",
                              custom ? custom : "-", reason ? reason : "-");
    }
    json_decref(columns);
    csv_release(&csv);
    return text;
}

static unsigned rank_of(const char *line)
{
    struct csv csv;
    csv_init(&csv, line, strlen(line));
    assert_int_equal(csv_next(&csv), CSV_ROW);
    unsigned rank = header_rank(&csv);
    csv_release(&csv);
    return rank;
}

static void test_columns(void **state)
{
    (void)state;
    assert_string_equal(uses("email,Vorname,Favourite Colour\n"), "email|-|- first_name|-|- -|favourite_colour|-");
    assert_int_equal(header.email, 0);
    assert_int_equal(header.count, 3);
    assert_int_equal(header.line, 1);
    assert_string_equal(uses("note,email,,\n"), "-|note|- email|-|-"); /* blank cells at the end are not columns */
    assert_int_equal(header.email, 1);
    assert_string_equal(uses("note\n"), "-|note|-");
    assert_int_equal(header.email, header.count);                                             /* none */
    assert_string_equal(uses("\"First\nName\",\"e\r\nmail\"\n"), "first_name|-|- email|-|-"); /* of several lines */
}

static void test_two_columns_for_a_field(void **state)
{
    (void)state;
    /* The better name wins; the other column is kept under its own name. */
    assert_string_equal(uses("Work Email,email\n"), "-|work_email|- email|-|-");
    assert_string_equal(uses("email,Work Email\n"), "email|-|- -|work_email|-");
    assert_string_equal(uses("Forename,Given Name\n"), "-|forename|- first_name|-|-");
    /* The same name twice: the second column is ignored. For the address this is the caller's error. */
    assert_string_equal(uses("email,phone,phone\n"), "email|-|- phone|-|- -|-|repeated_name");
    assert_int_equal(header.email_twice, 0);
    assert_string_equal(uses("email,email\n"), "email|-|- -|-|repeated_name");
    assert_int_equal(header.email_twice, 1);
    assert_string_equal(uses("email,note,Note\n"), "email|-|- -|note|- -|-|repeated_name");
}

static void test_invalid_names(void **state)
{
    char line[1000] = "email,", long_name[300];
    (void)state;
    assert_string_equal(uses("email, ,x\n"), "email|-|- -|-|blank_name -|x|-");
    assert_string_equal(uses("email,a\xff\n"), "email|-|- -|-|invalid_name");
    assert_string_equal(header.columns[1].given, "a?");
    memset(long_name, 'x', sizeof(long_name));
    long_name[FIELD_NAME_CHARACTERS + 1] = '\0';
    (void)strcat(line, long_name);
    assert_string_equal(uses(line), "email|-|- -|-|name_too_long");
    line[strlen(line) - 1] = '\0';
    assert_null(strstr(uses(line), "name_too_long"));
}

/* The name is shown as in the file, with a limited length and without cutting a character. */
static void test_names_as_given(void **state)
{
    char line[1000] = "email,  a";
    (void)state;
    for (int i = 0; i < 100; i++)
        (void)strcat(line, "\xc3\xa4");
    (void)uses(line);
    assert_int_equal(strlen(header.columns[1].given), 199); /* 1 + 99 characters of two bytes: 200 are allowed */
    assert_memory_equal(header.columns[1].given, line + 8, 199);
    (void)strcpy(line, "email,  aa ");
    (void)uses(line);
    assert_string_equal(header.columns[1].given, "aa");
}

static void test_many_columns(void **state)
{
    char line[2000] = "";
    (void)state;
    for (int i = 0; i < CSV_MAX_FIELDS + 1; i++)
        (void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "c%d,", i);
    (void)strcat(line, "email\n");
    (void)uses(line);
    assert_int_equal(header.count, CSV_MAX_FIELDS);
    assert_int_equal(header.width, CSV_MAX_FIELDS + 2);
    assert_int_equal(header.email, header.count); /* beyond the columns that are read */
}

static void test_rank(void **state)
{
    (void)state;
    assert_true(rank_of("a,b\n") == UINT_MAX);
    assert_int_equal(rank_of("a,email\n"), 0);
    assert_int_equal(rank_of("Work Email,email\n"), 0); /* the rank of its best column */
    assert_int_equal(rank_of("email,Work Email\n"), 0);
    assert_true(rank_of("Work Email\n") > 0);
}

static int free_header(void **state)
{
    (void)state;
    header_free(&header);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),       cmocka_unit_test(test_two_columns_for_a_field),
        cmocka_unit_test(test_invalid_names), cmocka_unit_test(test_names_as_given),
        cmocka_unit_test(test_many_columns),  cmocka_unit_test(test_rank),
    };
    return cmocka_run_group_tests(tests, NULL, free_header);
}
