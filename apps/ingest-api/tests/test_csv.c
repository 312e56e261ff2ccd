/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "import/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Everything a text gives, as one line: "1[a|b] 2!bare_quote@1 …": line, fields; or line, reason, column. */
static char *digest(const char *text, size_t length)
{
    static char out[8192];
    struct csv csv;
    enum csv_result rc;
    size_t n = 0;

    /* A copy of exactly this size: the sanitizer sees a read past its end. */
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    csv_init(&csv, copy, length);
    out[0] = '\0';
    while ((rc = csv_next(&csv)) != CSV_END) {
        assert_true(rc == CSV_ROW || rc == CSV_BAD);
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lu", n ? " " : "", csv.line);
        if (rc == CSV_BAD) {
            n += (size_t)snprintf(out + n, sizeof(out) - n, "!%s@%zu", csv.reason, csv.column);
            continue;
        }
        for (size_t i = 0; i < csv.count; i++)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", i ? "|" : "[", (int)csv.fields[i].length,
                                  csv.fields[i].data);
        n += (size_t)snprintf(out + n, sizeof(out) - n, "]");
    }
    csv_release(&csv);
    free(copy);
    return out;
}

#define CHECK(text, expected) assert_string_equal(digest(text, sizeof(text) - 1), expected)

static void test_plain(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK("a,b\nc,d\n", "1[a|b] 2[c|d]");
    CHECK("a,b\r\nc,d", "1[a|b] 2[c|d]");
    CHECK("a,,\n,", "1[a||] 2[|]");
    CHECK("\xef\xbb\xbf"
          "a,b\n",
          "1[a|b]");
    CHECK("a\r", "1[a]");
    CHECK("a\rb,c\n", "1[a\rb|c]"); /* a lone CR is text */
}

static void test_empty_lines_are_not_rows(void **state)
{
    (void)state;
    CHECK("\n\r\n\n", "");
    CHECK("a\n\n\r\nb\n", "1[a] 4[b]");
    CHECK(" \n", "1[ ]"); /* a blank is text */
}

static void test_quotes(void **state)
{
    (void)state;
    CHECK("\"a\",\"b,c\"\n", "1[a|b,c]");
    CHECK("\"a\"\"b\"\n", "1[a\"b]");
    CHECK("\"\"\"\"\n", "1[\"]");
    CHECK("\"\"\n", "1[]");
    CHECK("\"\",x", "1[|x]");
    CHECK("\"a\nb\"\"\r\nc\",d\ne", "1[a\nb\"\r\nc|d] 4[e]");
    CHECK("\"x\"\"y\",\"p\"\"q\"\n", "1[x\"y|p\"q]");
}

static void test_bad_quotes_cost_one_row(void **state)
{
    (void)state;
    CHECK("a\"b,c\nd\n", "1!bare_quote@0 2[d]");
    CHECK("x,a\"b\"\nd\n", "1!bare_quote@1 2[d]");
    CHECK("\"a\"b,c\nd\n", "1!text_after_quote@0 2[d]");
    CHECK("\"a\" ,c\nd\n", "1!text_after_quote@0 2[d]");
    CHECK("a,\"b\nc\nd,e\n", "1!unterminated_quote@1 2[c] 3[d|e]");
    CHECK("a\n\"", "1[a] 2!unterminated_quote@0");
    /* The fault is behind a line break inside quotes: the row's own line is reported, reading goes on behind the fault. */
    CHECK("\"a\nb\"x\nc\n", "1!text_after_quote@0 3[c]");
}

static void test_bytes(void **state)
{
    (void)state;
    CHECK("\xc3\xa9,\xf0\x9f\x98\x80\n", "1[\xc3\xa9|\xf0\x9f\x98\x80]");
    CHECK("a,M\xfcller\nb\n", "1!invalid_utf8@1 2[b]");
    CHECK("a,b\0c\nd\n", "1!invalid_utf8@1 2[d]");
    CHECK("\"\xed\xa0\x80\"\nd\n", "1!invalid_utf8@0 2[d]");
    CHECK("\xc3\nd\n", "1!invalid_utf8@0 2[d]"); /* cut: the line end is no continuation */
}

static void test_too_much(void **state)
{
    size_t length = 2 * CSV_MAX_ROW;
    char *text = malloc(length + 8);

    (void)state;
    memset(text, 'x', length);
    memcpy(text + length, "\nok\n", 5);
    assert_string_equal(digest(text, length + 4), "1!row_too_long@0 2[ok]");
    text[0] = '"';
    text[10] = '\n'; /* the quote is never closed: the next line is read as if it had not been there */
    assert_string_equal(digest(text, length + 4), "1!row_too_long@0 2!row_too_long@0 3[ok]");
    free(text);

    char commas[CSV_MAX_FIELDS + 4];
    memset(commas, ',', sizeof(commas));
    memcpy(commas + CSV_MAX_FIELDS, "\nz\n", 3);
    assert_string_equal(digest(commas, CSV_MAX_FIELDS + 3), "1!too_many_columns@256 2[z]");
}

/* A stray quote, and quotes meant to make the reader start over again and again: still read in one go. */
static void test_hostile_quotes_are_linear(void **state)
{
    const size_t lines = 200000;
    char *text = malloc(lines * 6 + 16);
    struct csv csv;
    size_t n = 0, rows = 0;

    (void)state;
    n += (size_t)sprintf(text, "\"a\n");
    for (size_t i = 0; i < lines; i++)
        n += (size_t)sprintf(text + n, i % 2 ? "b\",\"c\n" : "d,\"\"\n");
    csv_init(&csv, text, n);
    while (csv_next(&csv) != CSV_END)
        rows++;
    csv_release(&csv);
    assert_true(rows > 0 && rows <= lines + 1);
    free(text);
}

static void test_utf8(void **state)
{
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {
        {"plain ascii longer than eight", UTF8_VALID},
        {"\xc2\x80", UTF8_VALID},
        {"\xdf\xbf", UTF8_VALID},
        {"\xe0\xa0\x80", UTF8_VALID},
        {"\xef\xbf\xbf", UTF8_VALID},
        {"\xf0\x90\x80\x80", UTF8_VALID},
        {"\xf4\x8f\xbf\xbf", UTF8_VALID},
        {"abc\x80", 3},
        {"\xc0\xaf", 0},
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"12345678\xff", 8},
        {"1234567\xe2\x82", 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(utf8_check(cases[i].text, strlen(cases[i].text)), cases[i].bad);
    assert_int_equal(utf8_check("12345678\0", 9), 8);
    assert_true(utf8_has_control("a\x7f", 2));
    assert_true(utf8_has_control("\xc2\x85", 2));
    assert_false(utf8_has_control("\xc2\xa0\xc3\x85", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_empty_lines_are_not_rows),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_bad_quotes_cost_one_row),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_hostile_quotes_are_linear),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
