/* SPDX-License-Identifier: Apache-2.0 */
#include "api/campaign_input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

static char *faults(const char *json)
{
    static char text[1024];
    struct campaign_input input;
    json_t *body = json_loads(json, JSON_DECODE_ANY, NULL);

    assert_non_null(body);
    int count = campaign_read(&input, body, text, sizeof(text)), said = *text != '\0';
    for (const char *at = text; (at = strstr(at, "; ")); at++)
        said++;
    assert_int_equal(count, said);
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
    assert_string_equal(
        faults("{\"name\":\" \",\"subject_template\":\"{{\",\"body_template\":\"a\\n {{}}\"}"),
        "name: must be 1 to 200 characters and not blank, is 1; subject_template: line 1, column 1: '{{' is "
        "not closed by '}}' (write \\{{ for literal braces); body_template: line 2, column 2: a field "
        "name is missing between '{{' and '}}'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_campaign_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
