/* SPDX-License-Identifier: Apache-2.0 */
/* The unsubscribe link: it can be read back with its key only. */
#include "mail/unsubscribe.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ORGANISATION "01890a5d-ac96-774b-bcce-b302099a8057"
#define PROSPECT "01890a5d-ac96-774b-bcce-b302099a8058"

static const unsigned char key[UNSUBSCRIBE_KEY] = "a key of thirty-two bytes, or so", other[UNSUBSCRIBE_KEY] = "other";

static void a_link_can_be_read_back(void **state)
{
    char token[UNSUBSCRIBE_TOKEN + 1], link[UNSUBSCRIBE_LINK], expected[UNSUBSCRIBE_LINK];
    unsigned char hash[SUPPRESSION_HASH];
    struct unsubscription out;
    (void)state;
    assert_true(unsubscribe_token(key, ORGANISATION, PROSPECT, "a@b.co", token));
    assert_int_equal(strlen(token), UNSUBSCRIBE_TOKEN);
    assert_true(unsubscribe_read(key, token, &out));
    assert_string_equal(out.organisation_id, ORGANISATION);
    assert_string_equal(out.prospect_id, PROSPECT);
    assert_true(suppression_hash(ORGANISATION, "a@b.co", hash));
    assert_memory_equal(out.hash, hash, sizeof(hash));
    for (char *at = token; *at; at++)
        *at = (char)toupper((unsigned char)*at); /* a mail program may change the case */
    assert_true(unsubscribe_read(key, token, &out));

    assert_true(unsubscribe_token(key, ORGANISATION, PROSPECT, "a@b.co", token));
    (void)snprintf(expected, sizeof(expected), "https://x.y/unsubscribe/%s", token);
    assert_true(unsubscribe_link("https://x.y", key, ORGANISATION, PROSPECT, "a@b.co", link));
    assert_string_equal(link, expected);
    assert_true(unsubscribe_link("https://x.y/", key, ORGANISATION, PROSPECT, "a@b.co", link));
    assert_string_equal(link, expected);
    assert_true(unsubscribe_link("", key, ORGANISATION, PROSPECT, "a@b.co", link));
    assert_string_equal(link, "");
}

static void a_link_of_another_key_is_refused(void **state)
{
    char token[UNSUBSCRIBE_TOKEN + 2], link[UNSUBSCRIBE_LINK];
    struct unsubscription out;
    (void)state;
    assert_true(unsubscribe_token(key, ORGANISATION, PROSPECT, "a@b.co", token));
    assert_false(unsubscribe_read(other, token, &out));
    for (size_t i = 0; i < UNSUBSCRIBE_TOKEN; i++) { /* every digit is checked */
        char was = token[i];
        token[i] = was == '0' ? '1' : '0';
        assert_false(unsubscribe_read(key, token, &out));
        token[i] = was;
    }
    (void)strcat(token, "0");
    assert_false(unsubscribe_read(key, token, &out));
    token[UNSUBSCRIBE_TOKEN - 1] = '\0';
    assert_false(unsubscribe_read(key, token, &out));
    assert_false(unsubscribe_read(key, "", &out));
    assert_false(unsubscribe_token(key, "x", PROSPECT, "a@b.co", token));
    assert_false(unsubscribe_token(key, ORGANISATION, "x", "a@b.co", token));
    assert_false(unsubscribe_link("https://x.y", key, ORGANISATION, "x", "a@b.co", link));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_can_be_read_back),
        cmocka_unit_test(a_link_of_another_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
