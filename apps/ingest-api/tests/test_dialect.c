/* SPDX-License-Identifier: Apache-2.0 */
/* The delimiter of a sheet, and where its header is. */
#include "import/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

/* @param cell  the last cell of the header. */
static void finds(const char *text, char delimiter, bool plain, unsigned long line, const char *cell)
{
    struct csv csv;
    csv_init(&csv, text, strlen(text));
    dialect_find(&csv);
    assert_int_equal(csv.delimiter, delimiter);
    assert_int_equal(csv.plain, plain);
    if (cell) {
        assert_int_equal(csv_next(&csv), CSV_ROW);
        assert_int_equal(csv.line, line);
        assert_int_equal(csv.fields[csv.count - 1].length, strlen(cell));
        assert_memory_equal(csv.fields[csv.count - 1].data, cell, strlen(cell));
    } else {
        assert_int_equal(csv_next(&csv), CSV_END);
    }
    csv_release(&csv);
}

static void test_delimiters(void **state)
{
    (void)state;
    finds("email,x\n", ',', false, 1, "x");
    finds("email;x\n", ';', false, 1, "x");
    finds("email\tx\n", '\t', false, 1, "x");
    finds("email|x\n", '|', false, 1, "x");
    finds("email\na@b.co\n", ',', false, 1, "email");
    finds("Kontakt, privat;email;x\n", ';', false, 1,
          "x");                             /* a comma in a name, and the column for the address decides */
    finds("a,b;c;d\n", ';', false, 1, "d"); /* without one the most cells */
    finds("a,b\n", ',', false, 1, "b");
    finds("", ',', false, 0, NULL);
}

static void test_a_line_names_the_delimiter(void **state)
{
    (void)state;
    finds("sep=;\nemail,x;y\n", ';', false, 2, "y");
    finds("SEP=;\r\nemail;y\n", ';', false, 2, "y");
    finds("sep=;\remail;y\n", ';', false, 2, "y");
    finds("\"sep=;\"\nemail;y\n", ';', false, 2, "y");
    finds("sep=^\nemail^y\n", '^', false, 2, "y");
    finds("sep=~\r\n\r\nemail~y\n", '~', false, 3, "y");
    finds("sep=;", ';', false, 0, NULL);
    finds("sep=x\nemail,y\n", ',', false, 2, "y"); /* not a delimiter: a note */
    finds("sep=;;\nemail,y\n", ',', false, 2, "y");
    finds("\"sep=;\nemail,y\n", ',', true, 2, "y"); /* a quote without its other half is text */
}

/* Lines of one cell in front of the header, as in exports of LinkedIn. */
static void test_notes(void **state)
{
    char text[64] = "";
    (void)state;
    finds("Notes:\n\"Some rows, they say, are left out.\"\n\nFirst Name,Email Address\n", ',', false, 4,
          "Email Address");
    finds("Notes, and more\nFirst Name,Email Address\n", ',', false, 1, " and more"); /* two cells: a header */
    for (int i = 0; i < 19; i++)
        (void)strcat(text, "n\n");
    (void)strcat(text, "a;email\n");
    finds(text, ';', false, 20, "email");
    (void)strcpy(text, "n\n");
    for (int i = 0; i < 19; i++)
        (void)strcat(text, "n\n");
    (void)strcat(text, "a;email\n");
    finds(text, ',', false, 1, "n"); /* so many are not notes */
}

static void test_quotes_as_text(void **state)
{
    (void)state;
    finds("\"a\"b;email\n", ';', true, 1, "email");
    finds("\"a;email\nx;a@b.co\n", ';', true, 1, "email");
    finds("\"a;b\";email\n", ';', false, 1, "email");
}

static void test_names_in_messages(void **state)
{
    char buffer[2];
    (void)state;
    assert_string_equal(dialect_name('\t', buffer), "TAB");
    assert_string_equal(dialect_name(';', buffer), ";");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_a_line_names_the_delimiter),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_quotes_as_text),
        cmocka_unit_test(test_names_in_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
