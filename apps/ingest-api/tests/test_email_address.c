/* SPDX-License-Identifier: Apache-2.0 */
#include "base/email_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

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
    assert_null(email_address_unusable("info@example.com")); /* a role address is flagged, not refused */
    assert_string_equal(email_address_unusable("ada@mailinator.com"), "disposable_domain");
    assert_string_equal(email_address_unusable("no-reply@example.com"), "no_reply_address");
    assert_string_equal(email_address_unusable("noreply+x@example.com"), "no_reply_address");
    assert_string_equal(email_address_unusable("ada@printer.local"), "reserved_domain");
    assert_true(email_domain_free("gmail.com"));
    assert_false(email_domain_free("example.com"));
    assert_true(email_address_role("sales@example.com"));
    assert_false(email_address_role("salesman@example.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_unusable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
