/* SPDX-License-Identifier: Apache-2.0 */
/* Which field a column's name means, and which of two columns wins. */
#include "import/column_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

#define NONE (-1)

static unsigned rank;

static int field(const char *name)
{
    return column_name_field(name, strlen(name), &rank);
}

static int own(const char *name)
{
    return column_name_own(name, strlen(name), &rank);
}

static void test_our_own_names(void **state)
{
    (void)state;
    for (int i = 0; i < PROSPECT_FIELDS; i++) {
        assert_int_equal(field(prospect_field_names[i]), i);
        assert_int_equal(rank, COLUMN_EXACT);
        assert_int_equal(own(prospect_field_names[i]), i); /* the first field, too */
        assert_int_equal(rank, COLUMN_EXACT);
    }
    static const char *const alike[] = {"FirstName", "first name", "First-Name", "FIRST_NAME", "f.i.r.s.t.name"};
    for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++) {
        assert_int_equal(field(alike[i]), PROSPECT_FIRST_NAME);
        assert_int_equal(rank, COLUMN_ALIKE);
        assert_int_equal(own(alike[i]), PROSPECT_FIRST_NAME);
        assert_int_equal(rank, COLUMN_ALIKE);
    }
    assert_int_equal(own("first_nam"), NONE);
    assert_int_equal(own("first_names"), NONE);
    assert_int_equal(own("Vorname"), NONE); /* known, but not our own */
}

static void test_known_names(void **state)
{
    (void)state;
    assert_int_equal(field("Vorname"), PROSPECT_FIRST_NAME);
    assert_true(rank >= COLUMN_KNOWN && rank < COLUMN_REDUCED);
    assert_int_equal(field("Given Name"), PROSPECT_FIRST_NAME);
    unsigned preferred = rank;
    assert_int_equal(field("Forename"), PROSPECT_FIRST_NAME);
    assert_true(preferred < rank);
    assert_int_equal(field("Adi"), PROSPECT_FIRST_NAME);
    assert_int_equal(field("\xd0\xa4\xd0\xb0\xd0\xbc\xd0\xb8\xd0\xbb\xd0\xb8\xd1\x8f"),
                     NONE); /* capitals of other scripts */
    assert_int_equal(field("\xd1\x84\xd0\xb0\xd0\xbc\xd0\xb8\xd0\xbb\xd0\xb8\xd1\x8f"), PROSPECT_LAST_NAME);
    assert_int_equal(field("\xe4\xbc\x9a\xe7\xa4\xbe"), PROSPECT_COMPANY);
    assert_int_equal(field("Name"), NONE); /* a full name, a company or a last name */
    assert_int_equal(field("Ad"), NONE);   /* the beginning of a known name is not one */
    assert_int_equal(field("vorname nachname"), NONE);
    assert_int_equal(field(""), NONE);
    assert_int_equal(field("--"), NONE);
}

static void test_letters_without_marks(void **state)
{
    (void)state;
    assert_int_equal(field("Pr\xc3\xa9nom"), PROSPECT_FIRST_NAME);  /* e with an acute accent, as one character */
    assert_int_equal(field("Pre\xcc\x81nom"), PROSPECT_FIRST_NAME); /* and as two */
    assert_int_equal(field("J\xc3\xa4hkotelefon"), NONE);
    assert_int_equal(field("Soci\xc3\xa9t\xc3\xa9"), PROSPECT_COMPANY);
    assert_int_equal(field("Sahk\xc3\xb6posti"), PROSPECT_EMAIL);
    assert_int_equal(field("S\xc3\xa4hk\xc3\xb6posti"), PROSPECT_EMAIL);
    assert_int_equal(field("Imi\xc4\x99"), PROSPECT_FIRST_NAME);  /* U+0119 */
    assert_int_equal(field("Jm\xc3\x89no"), PROSPECT_FIRST_NAME); /* a capital */
    assert_int_equal(field("E\xc2\xa0Mail"), PROSPECT_EMAIL);     /* a no-break space */
    assert_int_equal(field("E\xe2\x80\x8bmail"), PROSPECT_EMAIL); /* a zero-width space */
    assert_int_equal(field("e\xcd\xafmail"), PROSPECT_EMAIL);     /* U+036F: the last of the marks */
    assert_int_equal(field("e\xcd\xb0mail"), NONE);               /* U+0370: a letter */
    assert_int_equal(field("\xce\xbf\xce\xbd\xce\xbf\xce\xbc\xce\xb1"), PROSPECT_FIRST_NAME);
}

/* Words around a name cost rank only: a column without them wins. */
static void test_qualified_names(void **state)
{
    (void)state;
    assert_int_equal(field("Contact Given Name"), PROSPECT_FIRST_NAME);
    assert_true(rank >= COLUMN_REDUCED);
    assert_int_equal(field("Contact Email"), PROSPECT_EMAIL); /* itself a known name */
    assert_true(rank < COLUMN_REDUCED);
    assert_int_equal(field("Email [Required]"), PROSPECT_EMAIL);
    assert_int_equal(rank, COLUMN_ALIKE + COLUMN_REDUCED);
    assert_int_equal(field("Phone 1 - Value"), PROSPECT_PHONE);
    assert_int_equal(rank, COLUMN_ALIKE + COLUMN_REDUCED);
    assert_int_equal(field("Phone 2 - Value"), NONE); /* another field */
    assert_int_equal(field("Vorname privat"), PROSPECT_FIRST_NAME);
    assert_int_equal(field("Position zakelijk"), PROSPECT_TITLE); /* the last of the words behind a name */
    assert_int_equal(field("your country"), PROSPECT_COUNTRY);    /* the last of those before it */
    assert_int_equal(field("Required"), NONE);
    assert_int_equal(field("Work"), NONE);
    assert_int_equal(field("Favourite Colour"), NONE);
}

static void test_long_names(void **state)
{
    char name[200];
    (void)state;
    memset(name, '-', sizeof(name)); /* only what is in the key counts */
    memcpy(name, "Vorname", 7);
    assert_int_equal(column_name_field(name, sizeof(name), &rank), PROSPECT_FIRST_NAME);
    memset(name, 'x', sizeof(name));
    for (size_t length = 90; length < 100; length++)
        assert_int_equal(column_name_field(name, length, &rank), NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_own_names),
        cmocka_unit_test(test_known_names),
        cmocka_unit_test(test_letters_without_marks),
        cmocka_unit_test(test_qualified_names),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
