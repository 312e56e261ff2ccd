/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as people paste them. */
#include "import/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void becomes(const char *pasted, const char *expected)
{
    struct arena arena = {0};
    char *copy = strdup(pasted);
    struct db_text text = {copy, strlen(copy)};
    assert_true(address_unwrap(&text, &arena));
    if (text.length != strlen(expected) || memcmp(text.data, expected, text.length) != 0)
        fail_msg("'%s' becomes '%.*s', not '%s'", pasted, (int)text.length, text.data, expected);
    arena_free(&arena);
    free(copy);
}

static void test_what_programs_add(void **state)
{
    static const char *const pasted[] = {
        "a@b.co",
        "Ada <a@b.co>",
        "<a@b.co>",
        "Ada <x@y.co> <a@b.co>", /* the last one */
        "a@b.co (Ada)",
        "a@b.co (Ada (Countess))",
        "(a@b.co)",
        "[a@b.co]",
        "'a@b.co'",
        "\"a@b.co\"",
        "mailto:a@b.co",
        "MAILTO:a@b.co?subject=x",
        "smtp:a@b.co",
        "email:a@b.co",
        "E-Mail: a@b.co",
        "a@b.co ::: c@d.co", /* Google Contacts */
        "a@b.co,",
        "a@b.co;",
        "a@b.co.",
        "a@b.co:",
        "'<mailto:a@b.co>';.", /* all at once */
        "a@\342\200\213b.co",  /* a zero-width space */
        "\342\200\216a@b.co",
        "\302\240a@b.co\302\240", /* no-break spaces around it */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(pasted) / sizeof(pasted[0]); i++)
        becomes(pasted[i], "a@b.co");
}

static void test_what_is_in_the_address_stays(void **state)
{
    (void)state;
    becomes("o'neil@b.co", "o'neil@b.co");
    becomes("a@b.co?subject=x", "a@b.co?subject=x"); /* only mailto: has a question mark */
    becomes("a b@c.co", "a b@c.co");
    becomes("a\xc2\xa0"
            "b@c.co",
            "a b@c.co"); /* a blank that people see makes it invalid, and is not removed */
    becomes("Ada", "Ada");
    becomes("a@b.co>", "a@b.co>");
    becomes("a@b.co)", "a@b.co)");
    becomes("'a@b.co\"", "'a@b.co\"");
    becomes("[a@b.co)", "[a@b.co)");
    becomes("", "");
    becomes("'", "'");
    becomes("<>", "<>"); /* nothing is left: the text as it was pasted is in the message */
    becomes(",", ",");
}

static void test_international_domains(void **state)
{
    (void)state;
    becomes("a@b\xc3\xbc"
            "cher.example",
            "a@xn--bcher-kva.example");
    becomes("Ada <a@b\xc3\xbc"
            "cher.example>",
            "a@xn--bcher-kva.example");
    becomes("\xc3\xa4@b\xc3\xbc"
            "cher.example",
            "\xc3\xa4@b\xc3\xbc"
            "cher.example"); /* such a local part has no other form */
    becomes("b\xc3\xbc"
            "cher",
            "b\xc3\xbc"
            "cher");
}

/* Longer than any cell with an address: not looked at, so not copied either. */
static void test_long_text(void **state)
{
    char pasted[ADDRESS_PASTED_MAX + 2];
    (void)state;
    memset(pasted, ' ', sizeof(pasted));
    memcpy(pasted, "<a@b.co", 7);
    pasted[ADDRESS_PASTED_MAX - 1] = '>';
    pasted[ADDRESS_PASTED_MAX] = '\0';
    becomes(pasted, "a@b.co");
    pasted[ADDRESS_PASTED_MAX - 1] = ' ';
    pasted[ADDRESS_PASTED_MAX] = '>';
    pasted[ADDRESS_PASTED_MAX + 1] = '\0';
    becomes(pasted, pasted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_programs_add),
        cmocka_unit_test(test_what_is_in_the_address_stays),
        cmocka_unit_test(test_international_domains),
        cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
