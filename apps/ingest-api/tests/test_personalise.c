/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/personalise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct prospect row(const char *email)
{
    struct prospect p = {.id = "01890a5d-ac96-774b-bcce-b302099a8057", .status = PROSPECT_STATUS_VALIDATED};

    p.field[PROSPECT_EMAIL] = email;
    return p;
}

static char *research(const struct prospect *p)
{
    static char text[1024];
    struct person person;

    assert_int_equal(person_copy(&person, p), 0);
    json_t *object = person_research(&person);
    char *dump = json_dumps(object, JSON_COMPACT);
    (void)snprintf(text, sizeof(text), "%s", dump);
    free(dump);
    json_decref(object);
    person_release(&person);
    return text;
}

static void test_research(void **state)
{
    struct prospect p = row("ada.lovelace@mail.acme-tools.co.uk");

    (void)state;
    assert_string_equal(
        research(&p),
        "{\"email_domain\":\"mail.acme-tools.co.uk\",\"company_domain\":\"mail.acme-tools.co.uk\",\"company\":\"Acme "
        "Tools\","
        "\"website\":\"https://mail.acme-tools.co.uk/\",\"country\":\"GB\",\"free_mail\":false,\"role_account\":false,"
        "\"salutation\":\"Ada\",\"missing_fields\":[\"first_name\",\"last_name\",\"company\",\"title\",\"phone\","
        "\"website\",\"country\"]}");
    p = row("info@gmail.com");
    p.field[PROSPECT_COUNTRY] = "CH";
    assert_string_equal(
        research(&p), "{\"email_domain\":\"gmail.com\",\"company_domain\":null,\"company\":null,\"website\":null,"
                      "\"country\":\"CH\",\"free_mail\":true,\"role_account\":true,\"salutation\":null,"
                      "\"missing_fields\":[\"first_name\",\"last_name\",\"company\",\"title\",\"phone\",\"website\"]}");
    p = row("sales@ibm.com");
    assert_non_null(strstr(research(&p), "\"salutation\":\"Ibm team\""));
}

static void test_draft(void **state)
{
    struct prospect p = row("ada@acme.com");
    struct person person;
    struct draft_text text;

    (void)state;
    p.field[PROSPECT_FIRST_NAME] = "Ada";
    p.custom = "{\"note\":\"two\\nlines\",\"empty\":\"\"}";
    assert_int_equal(person_copy(&person, &p), 0);

    assert_int_equal(person_render(&person, "Hi {{salutation}}: {{note}}", "{{note}} at {{company_domain}}", &text), 0);
    assert_string_equal(text.subject, "Hi Ada: two lines"); /* a subject has only one line */
    assert_string_equal(text.body, "two\nlines at acme.com");
    draft_text_release(&text);

    assert_int_equal(person_render(&person, "Hi", "{{last_name}}", &text), 1);
    assert_null(text.subject);
    assert_null(text.body);
    assert_string_equal(text.error, "body: the field is missing: last_name");
    assert_int_equal(person_render(&person, "{{nope}}", "x", &text), 1);
    assert_string_equal(text.error, "subject: the field is missing: nope");

    /* No mail server would be asked to take these. */
    char *words = calloc(1, 5000);
    memset(words, 'w', 4097);
    assert_int_equal(person_render(&person, words, "x", &text), 1);
    assert_string_equal(text.error, "subject: longer than 4096 bytes");
    words[4096] = '\0';
    assert_int_equal(person_render(&person, words, "x", &text), 0);
    draft_text_release(&text);
    free(words);
    assert_int_equal(person_render(&person, "{{nope | default: \"\"}}", "x", &text), 1);
    assert_string_equal(text.error, "subject: it is empty");
    assert_int_equal(person_render(&person, "x", "{{nope | default: \"\"}}", &text), 1);
    assert_string_equal(text.error, "body: it is empty");
    assert_null(text.subject);
    assert_null(text.body);
    person_release(&person);
}

/* The label before a public suffix. */
static void test_company(void **state)
{
    static const char *const companies[][2] = {
        {"a@acme.com", "\"company\":\"Acme\""},
        {"a@mail.acme.org", "\"company\":\"Acme\""},
        {"a@acme.co.uk", "\"company\":\"Acme\""},
        {"a@acme.gouv.fr", "\"company\":\"Acme\""},
        {"a@big-acme.com.au", "\"company\":\"Big Acme\""},
        {"a@no.uk", "\"company\":\"No\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(companies) / sizeof(*companies); i++) {
        struct prospect p = row(companies[i][0]);
        assert_non_null(strstr(research(&p), companies[i][1]));
    }
}

/* A column of another system that says, in any spelling, that the person unsubscribed: no email goes there. */
static void test_unsubscribed_by_a_column(void **state)
{
    static const char *const no[] = {
        "{\"unsubscribed\":\"yes\"}",
        "{\"opt_out\":\"1\"}",
        "{\"dnc\":\"x\"}",
        "{\"optout\":\"2026-01-12\"}",
        "{\"do_not_contact\":\"TRUE\"}",
        "{\"suppressed\":\"unsubscribed\"}",
        "{\"a\":\"b\",\"email_opt_out\":\"oui\"}",
    };
    static const char *const nothing[] = {
        NULL,
        "{}",
        "{\"unsubscribed\":\"\"}",
        "{\"unsubscribed\":\"0\"}",
        "{\"opt_out\":\"False\"}",
        "{\"opt_out\":\"NO\"}",
        "{\"opt_out\":\"n\"}",
        "{\"opted_out\":\"f\"}",
        "{\"dnc\":\"nein\"}",
        "{\"optout\":\"non\"}",
        "{\"unsubscribe\":\"never\"}",
        "{\"unsubscribed\":\"subscribed\"}",
        "{\"note\":\"unsubscribed\"}", /* the word in another column */
        "{\"options\":\"yes\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
        assert_true(person_says_no(no[i]));
    for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
        assert_false(person_says_no(nothing[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_research),
        cmocka_unit_test(test_draft),
        cmocka_unit_test(test_company),
        cmocka_unit_test(test_unsubscribed_by_a_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
