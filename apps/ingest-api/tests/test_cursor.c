/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

/* A cursor is accepted only by the list that made it. A changed cursor is accepted by no list. */
static void test_cursor(void **state)
{
    static const char id[] = "01890a5d-ac96-774b-bcce-b302099a8057";
    char cursor[CURSOR_SIZE], back[37];

    (void)state;
    assert_true(cursor_write(id, "org", "prospects||", cursor));
    assert_true(cursor_read(cursor, "org", "prospects||", back));
    assert_string_equal(back, id);
    assert_false(cursor_read(cursor, "other", "prospects||", back));
    assert_false(cursor_read(cursor, "org", "campaigns|", back));
    for (size_t i = 0; i < strlen(cursor); i++) {
        char changed[CURSOR_SIZE];
        memcpy(changed, cursor, sizeof(changed));
        changed[i] = changed[i] == '0' ? '1' : '0';
        assert_false(cursor_read(changed, "org", "prospects||", back));
    }
    assert_false(cursor_read("", "org", "prospects||", back));
    assert_false(cursor_write("nonsense", "org", "prospects||", cursor));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
