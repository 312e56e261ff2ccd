/* SPDX-License-Identifier: Apache-2.0 */
#include "api/campaign_input.h"
#include "base/email_address.h"
#include "mail/personalise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool valid(const char *address)
{
    return email_address_valid(address, strlen(address));
}

static void test_addresses(void **state)
{
    static const char *const good[] = {
        "a@b.co",
        "ada.lovelace@example.com",
        "x+tag@sub.example.org",
        "o'neil@example.ie",
        "a@xn--bcher-kva.example",
        "1234567890123456789012345678901234567890123456789012345678901234@example.com",
        "A@EXAMPLE.COM",
        "a@1.de",
    };
    static const char *const bad[] = {
        "",
        "@",
        "a",
        "a@",
        "@b.co",
        "a@b",
        "a b@c.de",
        "a@b c.de",
        ".a@b.co",
        "a.@b.co",
        "a..b@c.de",
        "a@b..co",
        "a@.b.co",
        "a@b.co.",
        "a@-b.co",
        "a@b-.co",
        "a@b_c.de",
        "a@1.2.3.4",
        "a@@b.co",
        "a@b@c.de",
        "\"a\"@b.co",
        "a@[1.2.3.4]",
        "\xc3\xa9@b.co",
        "a@b\xc3\xa9.co",
        "a\n@b.co",
        "a@b.co\r\n",
        "<a@b.co>",
        "a@b.co,c@d.ef",
        "12345678901234567890123456789012345678901234567890123456789012345@example.com",
        "a@1234567890123456789012345678901234567890123456789012345678901234.com",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(valid(bad[i]));
    assert_false(email_address_valid("a\0b@c.de", 8));
}

static void test_unusable(void **state)
{
    (void)state;
    assert_null(email_address_unusable("ada@example.com"));
    assert_null(email_address_unusable("info@example.com")); /* a role is flagged, not refused */
    assert_string_equal(email_address_unusable("ada@mailinator.com"), "disposable_domain");
    assert_string_equal(email_address_unusable("no-reply@example.com"), "no_reply_address");
    assert_string_equal(email_address_unusable("noreply+x@example.com"), "no_reply_address");
    assert_string_equal(email_address_unusable("ada@printer.local"), "reserved_domain");
    assert_true(email_domain_free("gmail.com"));
    assert_false(email_domain_free("example.com"));
    assert_true(email_address_role("sales@example.com"));
    assert_false(email_address_role("salesman@example.com"));
}

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
    assert_string_equal(text.subject, "Hi Ada: two lines"); /* a subject is one line */
    assert_string_equal(text.body, "two\nlines at acme.com");
    draft_text_release(&text);

    assert_int_equal(person_render(&person, "Hi", "{{last_name}}", &text), 1);
    assert_null(text.subject);
    assert_null(text.body);
    assert_string_equal(text.error, "body: the field is missing: last_name");
    assert_int_equal(person_render(&person, "{{nope}}", "x", &text), 1);
    assert_string_equal(text.error, "subject: the field is missing: nope");
    person_release(&person);
}

static char *faults(const char *json)
{
    static char text[1024];
    struct campaign_input input;
    json_t *body = json_loads(json, JSON_DECODE_ANY, NULL);

    assert_non_null(body);
    (void)campaign_read(&input, body, text, sizeof(text));
    json_decref(body);
    return text;
}

static void test_campaign_input(void **state)
{
    (void)state;
    assert_string_equal(faults("{\"name\":\"n\",\"subject_template\":\"s\",\"body_template\":\"b\\n\"}"), "");
    assert_string_equal(faults("[]"), "body: must be a JSON object");
    assert_string_equal(faults("{\"name\":7,\"subject_template\":\"a\\nb\",\"x\":1}"),
                        "name: must be a string; subject_template: has a control character at byte 2; "
                        "body_template: is missing; x: is not a field of a campaign");
    assert_string_equal(faults("{\"name\":\" \",\"subject_template\":\"{{\",\"body_template\":\"a\\n {{}}\"}"),
                        "name: must be 1 to 200 bytes and not blank, is 1; subject_template: line 1, column 1: '{{' is "
                        "not closed by '}}' (write \\{{ for literal braces); body_template: line 2, column 2: a field "
                        "name is missing between '{{' and '}}'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_unusable),       cmocka_unit_test(test_research),
        cmocka_unit_test(test_draft),     cmocka_unit_test(test_campaign_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
