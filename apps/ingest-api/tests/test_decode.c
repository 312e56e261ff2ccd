/* SPDX-License-Identifier: Apache-2.0 */
/* Character sets: detection, and conversion to UTF-8. */
#include "import/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum charset guess(const char *declared, const char *text, size_t length)
{
    return charset_of(declared, text, length, NULL);
}

#define GUESS(declared, text, expected) assert_int_equal(guess(declared, text, sizeof(text) - 1), expected)

static void test_a_byte_order_mark_wins_over_a_name(void **state)
{
    (void)state;
    GUESS("windows-1252", "\xff\xfe", CHARSET_UTF16LE);
    GUESS("utf-8", "\xfe\xff", CHARSET_UTF16BE);
    GUESS("utf-16", "\xef\xbb\xbf", CHARSET_UTF8);
    GUESS("windows-1252", "\xef\xbb", CHARSET_WINDOWS_1252); /* half a byte order mark is none */
    GUESS("utf-8", "\xff", CHARSET_UTF8);
}

static void test_a_name_wins_over_the_text(void **state)
{
    (void)state;
    GUESS("UTF-8", "a\0b\0", CHARSET_UTF8);
    GUESS("latin1", "\xc3\xa4", CHARSET_WINDOWS_1252);
    GUESS("ISO-8859-15", "a", CHARSET_ISO_8859_15);
    GUESS("utf-16be", "a\0b\0", CHARSET_UTF16BE);
    GUESS("utf-16", "\0a\0b", CHARSET_UTF16BE); /* no byte order given: decided by the zeros, or little endian */
    GUESS("utf-16", "a\0b\0", CHARSET_UTF16LE);
    GUESS("utf-16", "\x42\x30\x44\x30", CHARSET_UTF16LE);
    assert_true(charset_is_known("") && charset_is_known("Latin-9") && !charset_is_known("koi8-r"));
}

static void test_by_the_text(void **state)
{
    (void)state;
    GUESS("", "", CHARSET_UTF8);
    GUESS("", "a\0b\0", CHARSET_UTF16LE);
    GUESS("", "\0a\0b", CHARSET_UTF16BE);
    GUESS("", "a\0b", CHARSET_UTF8);
    GUESS("", "a\0\0\0", CHARSET_UTF8);
    GUESS("", "\0a\0\0", CHARSET_UTF8);
    GUESS("", "M\xfcller", CHARSET_WINDOWS_1252);
    GUESS("", "M\xc3\xbcller", CHARSET_UTF8);
    GUESS("", "M\xfc M\xc3\xbc", CHARSET_UTF8); /* as many valid as invalid sequences: UTF-8 with a damaged byte */
    GUESS("", "M\xfc\xfc M\xc3\xbc", CHARSET_WINDOWS_1252);
}

/* The pieces of a long text: a character on the border of two pieces is neither invalid nor counted twice. */
static void test_by_a_long_text(void **state)
{
    (void)state;
    for (size_t before = 65530; before < 65540; before++) {
        char *text = malloc(before + 5);
        memset(text, 'a', before);
        memcpy(text + before, "\xf0\x9f\x98\x80\xfc", 5);
        assert_int_equal(guess("", text, before + 4), CHARSET_UTF8);
        assert_int_equal(guess("", text, before + 5), CHARSET_UTF8);
        free(text);
    }
}

/* Check the first cell of the first row, in UTF-8. */
static void decodes(enum charset charset, const char *text, size_t length, const char *expected)
{
    struct decoder decoder;
    struct csv csv;
    char *copy = malloc(length ? length : 1); /* of exactly this size, so that the sanitizer sees a read past the end */
    memcpy(copy, text, length);
    assert_true(decoder_open(&decoder, charset, copy, length, &csv));
    if (*expected) {
        assert_int_equal(csv_next(&csv), CSV_ROW);
        assert_int_equal(csv.fields[0].length, strlen(expected));
        assert_memory_equal(csv.fields[0].data, expected, strlen(expected));
    }
    assert_int_equal(csv_next(&csv), CSV_END);
    csv_release(&csv);
    decoder_close(&decoder);
    free(copy);
}

#define DECODES(charset, text, expected) decodes(charset, text, sizeof(text) - 1, expected)

static void test_single_bytes(void **state)
{
    (void)state;
    DECODES(CHARSET_WINDOWS_1252, "a\x7f\x80\x9f\xa0\xff", "a\x7f\xe2\x82\xac\xc5\xb8\xc2\xa0\xc3\xbf");
    DECODES(CHARSET_WINDOWS_1252, "\x81", "\xc2\x81"); /* unused: becomes a control character, which the rows refuse */
    DECODES(CHARSET_ISO_8859_15, "\xa3\xa4\xa6\xa8\xb4\xb8\xbc\xbd\xbe\xbf",
            "\xc2\xa3\xe2\x82\xac\xc5\xa0\xc5\xa1\xc5\xbd\xc5\xbe\xc5\x92\xc5\x93\xc5\xb8\xc2\xbf");
}

static void test_utf16(void **state)
{
    (void)state;
    DECODES(CHARSET_UTF16LE,
            "\xff\xfe"
            "a\0\x7f\0\x80\0\xff\x07\0\x08\xff\xd7\0\xe0\xfd\xff",
            "a\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd");
    DECODES(CHARSET_UTF16BE, "\xfe\xff\0a\x20\xac", "a\xe2\x82\xac");
    DECODES(CHARSET_UTF16BE, "\xd8\0\xdc\0", "\xf0\x90\x80\x80"); /* the first and the last pair */
    DECODES(CHARSET_UTF16BE, "\xdb\xff\xdf\xff", "\xf4\x8f\xbf\xbf");
    DECODES(CHARSET_UTF16LE, "\x3d\xd8\0\xde", "\xf0\x9f\x98\x80");
}

/* Half of a surrogate pair becomes an invalid byte, and the text after it is kept. */
static void test_broken_utf16(void **state)
{
    (void)state;
    DECODES(CHARSET_UTF16BE, "\xd8\0\0a",
            "\xff"
            "a");
    DECODES(CHARSET_UTF16BE, "\xd8\0\xdb\xff\xdc\0", "\xff\xf4\x8f\xb0\x80");
    DECODES(CHARSET_UTF16BE, "\xd8\0\xe0\0", "\xff\xee\x80\x80");
    DECODES(CHARSET_UTF16BE, "\xdc\0\0a",
            "\xff"
            "a"); /* only the second half */
    DECODES(CHARSET_UTF16BE, "\xdf\xff\xdc\0", "\xff\xff");
    DECODES(CHARSET_UTF16BE, "\0a\xd8\0", "a\xff");
    DECODES(CHARSET_UTF16BE, "\0a\xd8\0\xdc", "a\xff\xff"); /* half a unit */
    DECODES(CHARSET_UTF16LE, "a\0b", "a\xff");
    DECODES(CHARSET_UTF16LE, "a\0\0", "a"); /* one zero too many */
}

static void test_byte_order_marks(void **state)
{
    (void)state;
    DECODES(CHARSET_UTF8,
            "\xef\xbb\xbf\xef\xbb\xbf"
            "a",
            "a");
    DECODES(CHARSET_UTF8,
            "\xef\xbb\xbf\xc3\xaf\xc2\xbb\xc2\xbf"
            "a",
            "a"); /* a byte order mark that was saved as letters */
    DECODES(CHARSET_UTF16LE,
            "\xff\xfe\xff\xfe"
            "a\0",
            "a");
    DECODES(CHARSET_UTF16BE, "\xfe\xff", "");
    DECODES(CHARSET_WINDOWS_1252, "a\x1a", "a"); /* DOS's end of file */
    DECODES(CHARSET_WINDOWS_1252, "\x1a", "");
    DECODES(CHARSET_WINDOWS_1252, "", "");
}

/* More than one window: every row is read once, also if a window ends between CR and LF. */
static void test_windows(void **state)
{
    (void)state;
    enum { ROWS = 450000 };
    for (size_t shift = 0; shift < 3; shift++) {
        size_t n = 0;
        char *text = malloc(shift + ROWS * (size_t)11);
        memset(text, 'x', shift);
        n += shift;
        for (size_t row = 0; row < ROWS; row++) {
            char cells[] = "000000\xe4,\xa4\r\n";
            for (size_t digit = 6, left = row; digit-- > 0; left /= 10)
                cells[digit] = (char)('0' + left % 10);
            memcpy(text + n, cells, 11);
            n += 11;
        }
        struct decoder decoder;
        struct csv csv;
        assert_true(decoder_open(&decoder, CHARSET_ISO_8859_15, text, n, &csv));
        for (size_t row = 0; row < ROWS; row++) {
            assert_int_equal(csv_next(&csv), CSV_ROW);
            size_t skip = row == 0 ? shift : 0;
            assert_int_equal(csv.count, 2);
            assert_int_equal(csv.line, row + 1);
            assert_int_equal(csv.fields[0].length, 8 + skip);
            assert_int_equal(strtoul(csv.fields[0].data + skip, NULL, 10), row);
            assert_memory_equal(csv.fields[1].data, "\xe2\x82\xac", 3);
        }
        assert_int_equal(csv_next(&csv), CSV_END);
        csv_release(&csv);
        decoder_close(&decoder);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_byte_order_mark_wins_over_a_name),
        cmocka_unit_test(test_a_name_wins_over_the_text),
        cmocka_unit_test(test_by_the_text),
        cmocka_unit_test(test_by_a_long_text),
        cmocka_unit_test(test_single_bytes),
        cmocka_unit_test(test_utf16),
        cmocka_unit_test(test_broken_utf16),
        cmocka_unit_test(test_byte_order_marks),
        cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
