/* SPDX-License-Identifier: Apache-2.0 */
#include "base/field_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

static void test_names(void **state)
{
    static const char *const cases[][2] = {
        {"email", "email"},
        {" E-Mail ", "e_mail"},
        {"First  Name", "first_name"},
        {"a - b", "a_b"},
        {"a__b", "a__b"},
        {"a\tb\xc2\xa0 c", "a_b_c"}, /* a no-break space is a blank */
#ifdef HAVE_UNISTRING
        {"\xc3\x89tat", "\xc3\xa9tat"},
        {"E\xcc\x81TAT", "\xc3\xa9tat"}, /* NFD */
        {"STRA\xc3\x9f"
         "E",
         "strasse"},
#endif
        {"", ""},
        {"   ", ""},
        {"a\x07"
         "b",
         ""},
        {"a\xe2\x80\xae"
         "b",
         ""}, /* a direction override */
        {"a\"b", ""},
        {"{a", ""},
        {"\xff", ""},
    };
    char out[FIELD_NAME_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(field_name_normalise(cases[i][0], strlen(cases[i][0]), out), strlen(cases[i][1]));
        assert_string_equal(out, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
