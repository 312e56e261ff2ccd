/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

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
    assert_int_equal(utf8_characters("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80", 10), 4);
    assert_true(utf8_is_plain("plain text, of all kinds: ~!", 28));
    assert_true(utf8_is_plain("", 0));
    static const char *const not_plain[] = {"1234567\x1f", "12345678\x7f", "\xc3\xa9 234567", "\n"};
    for (size_t i = 0; i < sizeof(not_plain) / sizeof(*not_plain); i++)
        assert_false(utf8_is_plain(not_plain[i], strlen(not_plain[i])));
    assert_true(utf8_has_control("a\x7f", 2));
    assert_true(utf8_has_control("\xc2\x85", 2));
    assert_false(utf8_has_control("\xc2\xa0\xc3\x85", 4));
}

static void check_trim(const char *text, const char *expected)
{
    size_t length = strlen(text);

    utf8_trim(&text, &length);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(text, expected, length);
}

static void test_trim(void **state)
{
    (void)state;
    check_trim(" \t\r\n", "");
    check_trim(" a b\n", "a b");
    check_trim("\xc2\xa0\xe2\x80\x89x\xc2\xa0y\xe3\x80\x80\xef\xbb\xbf",
               "x\xc2\xa0y");                             /* spaces of all widths, U+FEFF */
    check_trim("\xe2\x80\xaa+49 1\xe2\x80\xac", "+49 1"); /* as pasted from a telephone */
    check_trim("\xe2\x80\xaex", "\xe2\x80\xaex");         /* a direction override is not trimmed */
    check_trim("\xc3\xa9\xc3", "\xc3\xa9\xc3");
    static const char *const blanks[] = {"\xc2\xa0", "\xc2\xad", "\xe1\x9a\x80", "\xe1\xa0\x8e", "\xe3\x80\x80"};
    for (size_t i = 0; i < sizeof(blanks) / sizeof(*blanks); i++) {
        check_trim(blanks[i], "");
        char near[4]; /* differs from the blank in one byte */
        for (size_t byte = 0; byte < strlen(blanks[i]); byte++) {
            (void)strcpy(near, blanks[i]);
            near[byte] = (char)(near[byte] + 1);
            check_trim(near, near);
        }
    }
    assert_true(utf8_has_direction("a\xe2\x80\xae", 4));
    assert_true(utf8_has_direction("\xe2\x81\xa6 a", 5));
    assert_false(utf8_has_direction("\xe2\x80\x8f\xd7\x90", 5)); /* a mark is not an override */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_trim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
