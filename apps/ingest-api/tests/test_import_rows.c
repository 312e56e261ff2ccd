/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of a body is accounted for: see import/rows.h. Without a store. */
#include "base/arena.h"
#include "import/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The result for the rows of a body. */
struct outcome {
    int rc; /* of import_rows_open(), or a later fault */
    size_t imported, rejected;
    char *emails, *values; /* the addresses, each between two blanks; all other text of the imported rows */
    size_t emails_length, values_length;
};

static void add(char **text, size_t *length, const char *data, size_t n)
{
    *text = realloc(*text, *length + n + 2);
    assert_non_null(*text);
    memcpy(*text + *length, data, n);
    *length += n;
    memcpy(*text + *length, " ", 2);
    (*length)++;
}

static struct outcome outcome_of(enum import_format format, const char *text, size_t length)
{
    struct outcome out = {.rc = 0};
    struct import_fault fault = {0};
    struct import_error error;
    struct import_rows *rows;
    struct prospect_input row;
    struct arena arena = {0};
    char *copy = malloc(length + 1); /* so that the sanitizer sees a read past the end */
    memcpy(copy, text, length);
    copy = realloc(copy, length ? length : 1);
    add(&out.emails, &out.emails_length, "", 0);
    add(&out.values, &out.values_length, "", 0);
    out.rc = import_rows_open(
        &rows, &(struct import_source){.format = format, .charset = "", .body = copy, .length = length}, &fault);
    enum import_rows_result rc = out.rc < 0 ? IMPORT_ROWS_END : IMPORT_ROWS_ROW;
    while (rc > 0 && (rc = import_rows_next(rows, &arena, &row, &error, &fault)) > 0) {
        out.imported += rc == IMPORT_ROWS_ROW;
        out.rejected += rc == IMPORT_ROWS_REJECTED;
        for (int i = 0; rc == IMPORT_ROWS_ROW && i < PROSPECT_FIELDS; i++)
            if (row.field[i].data && i == PROSPECT_EMAIL)
                add(&out.emails, &out.emails_length, row.field[i].data, row.field[i].length);
            else if (row.field[i].data)
                add(&out.values, &out.values_length, row.field[i].data, row.field[i].length);
        if (rc == IMPORT_ROWS_ROW && row.custom.data)
            add(&out.values, &out.values_length, row.custom.data, row.custom.length);
    }
    if (rc < 0)
        out.rc = (int)rc;
    if (out.rc == 0)
        import_rows_close(rows);
    arena_free(&arena);
    free(copy);
    return out;
}

static void outcome_free(struct outcome *out)
{
    free(out->emails);
    free(out->values);
}

/* ---- one wrong byte ---- */

#define ROWS 24

/* The lines of a text for a reader that ignores quotes. The header is number 0. */
struct lines {
    const char *at[2 * ROWS + 8];
    size_t length[2 * ROWS + 8], count;
};

static bool says_something(enum import_format format, const char *p, size_t length)
{
    size_t quotes = 0;
    for (size_t i = 0; i < length; i++) {
        quotes += p[i] == '"';
        if (p[i] != ' ' && p[i] != '\r' && (format != IMPORT_CSV || (p[i] != ',' && p[i] != '"')))
            return true;
    }
    return quotes % 2 != 0;
}

static struct lines lines_of(enum import_format format, const char *text, size_t length)
{
    struct lines lines = {.count = 0};
    for (const char *p = text, *end = text + length; p < end;) {
        const char *stop = p;
        while (stop < end && *stop != '\n' && (*stop != '\r' || format != IMPORT_CSV))
            stop++;
        if (says_something(format, p, (size_t)(stop - p))) {
            assert_true(lines.count < sizeof(lines.at) / sizeof(lines.at[0]));
            lines.at[lines.count] = p;
            lines.length[lines.count++] = (size_t)(stop - p);
        }
        p = stop < end ? stop + 1 : end;
    }
    return lines;
}

/* Whether the changed text still has this row, which must then be imported. */
static bool is_untouched(const struct lines *changed, const char *line, size_t length)
{
    for (size_t i = 1; i < changed->count; i++)
        if (changed->length[i] == length && memcmp(changed->at[i], line, length) == 0)
            return true;
    return false;
}

static void check_changed(enum import_format format, const struct lines *before, const char *text, size_t length,
                          const char *what)
{
    struct lines after = lines_of(format, text, length);
    struct outcome out = outcome_of(format, text, length);
    size_t swallowed = 0, header = format == IMPORT_CSV;
    bool whole = header == 0 || (after.count > 0 && after.length[0] == before->length[0] &&
                                 memcmp(after.at[0], before->at[0], after.length[0]) == 0);
    if (out.rc < 0) { /* a damaged header: nothing is imported, and the fault is reported */
        if (whole)
            fail_msg("%s: the whole body was refused", what);
        outcome_free(&out);
        return;
    }
    for (size_t i = header; i < before->count; i++) {
        char email[40], spaced[42];
        (void)snprintf(email, sizeof(email), "r%02zu@example.com", i - header + 1);
        (void)snprintf(spaced, sizeof(spaced), " %s ", email);
        if (!is_untouched(&after, before->at[i], before->length[i]) || strstr(out.emails, spaced))
            continue;
        if (!whole && !strstr(out.values, email)) /* with a shorter header, the row has too many cells */
            continue;
        if (!strstr(out.values, email))
            fail_msg("%s: %s was not imported:\n%.*s", what, email, (int)length, text);
        swallowed++; /* it is part of a value that a quote has correctly joined */
    }
    /* a line end that was added inside quotes belongs to the value */
    size_t rows = out.imported + out.rejected + swallowed, added = after.count > before->count && format == IMPORT_CSV;
    if (rows != after.count - header && rows != after.count - header - added)
        fail_msg("%s: %zu imported, %zu rejected, %zu in a value, but %zu rows:\n%.*s", what, out.imported,
                 out.rejected, swallowed, after.count - header, (int)length, text);
    outcome_free(&out);
}

/* Flip, drop and add one byte at each position. */
static void check_each_byte(enum import_format format, const char *text, size_t length)
{
    static const char bytes[] = {'"',  ',',    ';',    '\n',   '\r', ' ', 'x', '@',
                                 '\0', '\x1b', '\xe9', '\xff', '{',  '}', '\\'};
    struct lines before = lines_of(format, text, length);
    char *changed = malloc(length + 1), what[64];
    for (size_t at = 0; at <= length; at++) {
        memcpy(changed, text, at);
        if (at < length) {
            memcpy(changed + at, text + at + 1, length - at - 1);
            (void)snprintf(what, sizeof(what), "byte %zu dropped", at);
            check_changed(format, &before, changed, length - 1, what);
            memcpy(changed, text, length);
            for (int bit = 0; bit < 8; bit++) {
                changed[at] = (char)(text[at] ^ 1 << bit);
                (void)snprintf(what, sizeof(what), "byte %zu flipped by bit %d", at, bit);
                check_changed(format, &before, changed, length, what);
            }
            for (size_t i = 0; i < sizeof(bytes); i++) {
                changed[at] = bytes[i];
                (void)snprintf(what, sizeof(what), "byte %zu became %02x", at, (unsigned char)bytes[i]);
                check_changed(format, &before, changed, length, what);
            }
        }
        memcpy(changed + at + 1, text + at, length - at);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            changed[at] = bytes[i];
            (void)snprintf(what, sizeof(what), "%02x added at %zu", (unsigned char)bytes[i], at);
            check_changed(format, &before, changed, length + 1, what);
        }
    }
    free(changed);
}

static size_t sheet(char *text, const char *line_end)
{
    static const char *const companies[] = {
        "Acme", "\"Acme, Inc\"", "\"Acme \"\"Tools\"\"\"", "", "\"\"", "5\" nails", "\",x\"", "B\xc3\xa9"};
    static const char *const notes[] = {"gold", "\"a, b\"", "", "\"\"", "x"};
    char *to = text;
    to += sprintf(to, "email,company,note%s", line_end);
    for (int i = 1; i <= ROWS; i++)
        to += sprintf(to, "%s%02d@example.com%s,%s,%s%s", i % 6 == 5 ? "\"r" : "r", i, i % 6 == 5 ? "\"" : "",
                      companies[i % 8], notes[i % 5], line_end);
    return (size_t)(to - text);
}

static void test_a_byte_costs_no_more_than_its_row(void **state)
{
    static const char *const line_ends[] = {"\n", "\r\n", "\r"};
    char text[4096];
    (void)state;
    for (size_t i = 0; i < sizeof(line_ends) / sizeof(line_ends[0]); i++)
        check_each_byte(IMPORT_CSV, text, sheet(text, line_ends[i]));
}

static void test_a_byte_costs_no_more_than_its_line(void **state)
{
    char text[4096], *to = text;
    (void)state;
    for (int i = 1; i <= ROWS; i++)
        to += sprintf(to, "{\"email\":\"r%02d@example.com\",\"n\":%d,\"note\":\"a \\\"b\\\"\"}\n", i, i);
    check_each_byte(IMPORT_NDJSON, text, (size_t)(to - text));
}

/* Two stray quotes far apart: the rows between them are not lost. */
static void test_two_stray_quotes_far_apart(void **state)
{
    char *text = malloc(64000), *to = text;
    (void)state;
    to += sprintf(to, "email,company\nr1@example.com,\"Acme\n");
    for (int i = 2; i < 1000; i++)
        to += sprintf(to, "r%d@example.com,Beta\n", i);
    to += sprintf(to, "r1000@example.com,\"Acme, Inc\"\n");
    for (int i = 1001; i <= 1100; i++)
        to += sprintf(to, "r%d@example.com,Beta\n", i);
    struct outcome out = outcome_of(IMPORT_CSV, text, (size_t)(to - text));
    assert_int_equal(out.imported, 1099);
    assert_int_equal(out.rejected, 1);
    outcome_free(&out);
    free(text);
}

static size_t passed_up_to, passes;

static void passed(void *arg, const char *up_to)
{
    size_t at = (size_t)(up_to - (const char *)arg);
    assert_in_range(at, passed_up_to + 1, passed_up_to + 65536);
    passed_up_to = at;
    passes++;
}

/* A text of 200,000 letters, with `what` at `from` and then every `every` bytes. */
static enum charset charset_of_text(const char *what, size_t from, size_t every)
{
    size_t n = strlen(what), length = 200000;
    char *text = malloc(length);
    memset(text, 'x', length);
    for (size_t at = from; at + n <= length; at += every)
        memcpy(text + at, what, n);
    passed_up_to = passes = 0;
    enum charset charset = charset_of("", text, length, &(struct import_progress){passed, text});
    assert_int_equal(passes, 3);
    assert_in_range(passed_up_to, 3 * 65536 - 9, 3 * 65536);
    free(text);
    return charset;
}

/* A long body is checked in pieces. No character is cut at their borders, and the content of every piece counts. */
static void test_the_character_set_of_a_long_body(void **state)
{
    static const char *const characters[] = {"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++)
        for (size_t before = 0; before < 5; before++)
            assert_int_equal(charset_of_text(characters[i], 65536 - before, 200000), CHARSET_UTF8);
    assert_int_equal(charset_of_text("\xfc", 1000, 200000), CHARSET_WINDOWS_1252);
    assert_int_equal(charset_of_text("\xfc", 199999, 200000), CHARSET_WINDOWS_1252);
    assert_int_equal(charset_of_text("\xc3\xbc-\xfc", 0, 1000), CHARSET_UTF8);
    assert_int_equal(charset_of_text("\xc3\xbc-\xfc\xfc", 0, 1000), CHARSET_WINDOWS_1252);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_byte_costs_no_more_than_its_row),
        cmocka_unit_test(test_a_byte_costs_no_more_than_its_line),
        cmocka_unit_test(test_two_stray_quotes_far_apart),
        cmocka_unit_test(test_the_character_set_of_a_long_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
