/* SPDX-License-Identifier: Apache-2.0 */
#include "import/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The rows of a text on one line, "1[a|b] 2!text_after_quote@1 …": line and cells, or line, reason and column. */
static char *digest_with(char delimiter, const char *text, size_t length)
{
    static char out[8192];
    struct csv csv;
    enum csv_result rc;
    size_t n = 0;

    /* A copy of exactly this size, so that the sanitizer sees a read past the end. */
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    csv_init(&csv, copy, length);
    csv.delimiter = delimiter;
    out[0] = '\0';
    while ((rc = csv_next(&csv)) != CSV_END) {
        assert_true(rc == CSV_ROW || rc == CSV_BAD);
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lu", n ? " " : "", csv.line);
        if (rc == CSV_BAD) {
            n += (size_t)snprintf(out + n, sizeof(out) - n, "!%s@%zu", csv.reason, csv.column);
            continue;
        }
        for (size_t i = 0; i < csv.count && i < CSV_MAX_FIELDS; i++)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", i ? "|" : "[", (int)csv.fields[i].length,
                                  csv.fields[i].data);
        n += (size_t)snprintf(out + n, sizeof(out) - n, "]");
    }
    csv_release(&csv);
    free(copy);
    return out;
}

static char *digest(const char *text, size_t length)
{
    return digest_with(',', text, length);
}

#define CHECK(text, expected) assert_string_equal(digest(text, sizeof(text) - 1), expected)

static void test_plain(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK("a,b\nc,d\n", "1[a|b] 2[c|d]");
    CHECK("a,b\r\nc,d", "1[a|b] 2[c|d]");
    CHECK("a,,\n,b", "1[a||] 2[|b]");
    CHECK("a\r", "1[a]");
    assert_string_equal(digest_with(';', "a;b,c\n\"x;y\" ;\t\"z\"\n", 18), "1[a|b,c] 2[x;y|z]");
    assert_string_equal(digest_with('\t', "a\t\t\"b\"\n", 7), "1[a||b]"); /* a tab is the delimiter here, not a blank */
}

/* CRLF, LF and CR end a line, also mixed in one file. Inside quotes they are text, but still count as lines. */
static void test_line_ends(void **state)
{
    (void)state;
    CHECK("a,b\rc,d\re,f", "1[a|b] 2[c|d] 3[e|f]");
    CHECK("a\r\nb\rc\nd\r\r\ne", "1[a] 2[b] 3[c] 4[d] 6[e]");
    CHECK("\"a\rb\"\rc\r", "1[a\rb] 3[c]");
    CHECK("\"a\r\nb\nc\"\nd", "1[a\r\nb\nc] 4[d]");
}

static void test_blank_rows_are_skipped(void **state)
{
    (void)state;
    CHECK("\n\r\n\n", "");
    CHECK("a\n\n\r\nb\n", "1[a] 4[b]");
    CHECK(" \n,, \n\"\",\"  \"\na\n", "4[a]");
    CHECK("\xc2\xa0,\xe2\x80\x8b\nb\n", "2[b]"); /* a no-break space, a zero-width space */
    CHECK("a\n\x1a", "1[a]");
    CHECK("a\x1a", "1[a]");
    CHECK("a\r\n\x1a\r\n", "1[a]");
    CHECK("\x1a\nb\n", "1[\x1a] 2[b]"); /* only at the end does it mean the end of the file */
}

static void test_quotes(void **state)
{
    (void)state;
    CHECK("\"a\",\"b,c\"\n", "1[a|b,c]");
    CHECK("\"a\"\"b\"\n", "1[a\"b]");
    CHECK("\"\"\"\"\n", "1[\"]");
    CHECK("\"\",x", "1[|x]");
    CHECK("\"a\nb\"\"\r\nc\",d\ne", "1[a\nb\"\r\nc|d] 4[e]");
    CHECK("\"x\"\"y\",\"p\"\"q\"\n", "1[x\"y|p\"q]");
    CHECK("a \"b\" c,5\" nails\n", "1[a \"b\" c|5\" nails]"); /* a quote inside is text */
    CHECK("x, \"a, b\" ,\t\"c\"\nd", "1[x|a, b|c] 2[d]");     /* blanks around quotes */
}

/* A row with bad quotes costs only the line on which it began. */
static void test_bad_quotes_cost_one_row(void **state)
{
    (void)state;
    CHECK("\"a\"b,c\nd\n", "1!text_after_quote@0 2[d]");
    CHECK("\"a\" b,c\nd\n", "1!text_after_quote@0 2[d]");
    CHECK("a,\"b\nc\nd,e\n", "1!unterminated_quote@1 2[c] 3[d|e]");
    CHECK("a\n\"", "1[a] 2!unterminated_quote@0");
    CHECK("\"a\nb\"x\nc\n", "1!text_after_quote@0 2[b\"x] 3[c]");
    CHECK("a,\"b\nc,d\ne,\"f, g\"\n",
          "1!text_after_quote@1 2[c|d] 3[e|f, g]"); /* closed by the next row's first quote */
    CHECK("a,\"b\rc,d\re,\"f\"\r", "1!text_after_quote@1 2[c|d] 3[e|f]");
}

static void test_a_joined_row_can_be_read_again_by_lines(void **state)
{
    const char *text = "a,\"b\r\nc\",d\r\ne\r\n";
    struct csv csv;

    (void)state;
    csv_init(&csv, text, strlen(text));
    assert_int_equal(csv_next(&csv), CSV_ROW);
    assert_int_equal(csv.lines, 2);
    csv_unjoin(&csv);
    struct csv_mark second = csv_mark(&csv);
    assert_int_equal(csv_next(&csv), CSV_ROW);
    assert_int_equal(csv.line, 2);
    assert_int_equal(csv.count, 2);
    csv_go(&csv, second);
    assert_int_equal(csv_next(&csv), CSV_ROW);
    assert_int_equal(csv.line, 2);
    assert_int_equal(csv_next(&csv), CSV_ROW);
    assert_int_equal(csv.line, 3);
    assert_int_equal(csv_next(&csv), CSV_END);
    csv_release(&csv);
}

static void test_limits_of_rows_and_cells(void **state)
{
    size_t length = 2 * CSV_MAX_ROW;
    char *text = malloc(length + 8);

    (void)state;
    memset(text, 'x', length);
    memcpy(text + length, "\nok\n", 5);
    assert_string_equal(digest(text, length + 4), "1!row_too_long@0 2[ok]");
    text[0] = '"';
    text[10] = '\n'; /* the quote is never closed: the next line is read as if there were no quote */
    assert_string_equal(digest(text, length + 4), "1!row_too_long@0 2!row_too_long@0 3[ok]");
    free(text);

    /* All cells are counted. Blank cells do not count against the maximum. */
    char commas[CSV_MAX_FIELDS + 8];
    struct csv csv;
    memset(commas, ',', sizeof(commas));
    commas[0] = 'a';
    csv_init(&csv, commas, sizeof(commas));
    assert_int_equal(csv_next(&csv), CSV_ROW);
    assert_int_equal(csv.count, sizeof(commas)); /* one of them after the last comma */
    assert_int_equal(csv.filled, 1);
    commas[sizeof(commas) - 1] = 'z';
    csv_init(&csv, commas, sizeof(commas));
    assert_int_equal(csv_next(&csv), CSV_ROW);
    assert_int_equal(csv.filled, sizeof(commas) - 1);
    csv_release(&csv);
}

/* A window of a few rows that is refilled, as with decoded text. */
struct source {
    const char *text, *end;
    char *window;
    size_t size;
};

static bool more(struct csv *csv, void *arg)
{
    struct source *source = arg;
    size_t left = (size_t)(csv->end - csv->cursor), n = source->size - left;

    memmove(source->window, csv->cursor, left);
    if (n > (size_t)(source->end - source->text))
        n = (size_t)(source->end - source->text);
    memcpy(source->window + left, source->text, n);
    source->text += n;
    csv->cursor = source->window;
    csv->end = source->window + left + n;
    return n > 0;
}

static void test_a_window_is_refilled(void **state)
{
    const size_t rows = 100000, long_line = 5 * CSV_MAX_ROW;
    char *text = malloc(rows * 32 + long_line), *to = text;

    (void)state;
    for (size_t i = 0; i < rows; i++) {
        if (i == rows / 2) { /* larger than the window: only this row is lost */
            memset(to, 'x', long_line);
            to += long_line;
        }
        to += sprintf(to, "%zu,\"a\nb\"\n", i);
    }
    struct source source = {text, to, malloc(3 * CSV_MAX_ROW), 3 * CSV_MAX_ROW};
    struct csv csv;
    csv_init(&csv, source.window, 0);
    csv.more = more;
    csv.more_arg = &source;
    size_t read = 0, bad = 0;
    for (enum csv_result rc; (rc = csv_next(&csv)) != CSV_END; read++) {
        if (rc == CSV_BAD)
            assert_int_equal(csv.line, rows + 1);
        else if (csv.count == 2)
            assert_true(csv_is_transient(&csv, &csv.fields[0]));
        bad += rc == CSV_BAD;
    }
    assert_int_equal(bad, 1);
    assert_int_equal(read, rows + 1); /* the second line of the long row is read as a row */
    assert_int_equal(csv.line, rows * 2 - 1);
    csv_release(&csv);
    free(source.window);
    free(text);
}

/* A stray quote, and quotes that try to make the parser restart repeatedly: reading stays linear. */
static void test_hostile_quotes_are_linear(void **state)
{
    static const char *const hostile[][2] = {{"b\",\"c\n", "d,\"\"\n"}, {"\"a\n", "\"a\n"}, {"x,\"\ny\",\"z\n", "w\n"}};
    const size_t lines = 200000;

    (void)state;
    for (size_t kind = 0; kind < sizeof(hostile) / sizeof(hostile[0]); kind++) {
        char *text = malloc(lines * 12 + 16);
        struct csv csv;
        size_t rows = 0;
        size_t n = (size_t)sprintf(text, "\"a\n");
        for (size_t i = 0; i < lines; i++)
            n += (size_t)sprintf(text + n, "%s", hostile[kind][i % 2]);
        csv_init(&csv, text, n);
        while (csv_next(&csv) != CSV_END)
            rows++;
        csv_release(&csv);
        assert_true(rows > 0 && rows <= lines * 2 + 1);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_blank_rows_are_skipped),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_bad_quotes_cost_one_row),
        cmocka_unit_test(test_a_joined_row_can_be_read_again_by_lines),
        cmocka_unit_test(test_limits_of_rows_and_cells),
        cmocka_unit_test(test_a_window_is_refilled),
        cmocka_unit_test(test_hostile_quotes_are_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
