/* SPDX-License-Identifier: Apache-2.0 */
#include "import/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "1{"a":1} 2!invalid_json 3:5#the array is not closed": rows; refused; the end by a fault. */
static char *digest(enum json_rows_format format, const char *text, size_t length)
{
    static char out[8192];
    struct json_rows rows;
    enum json_rows_result rc;
    json_t *element;
    size_t n = 0;

    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    json_rows_init(&rows, format, copy, length);
    out[0] = '\0';
    while ((rc = json_rows_next(&rows, &element)) != JSON_ROWS_END) {
        char *dump = element ? json_dumps(element, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        const char *gap = n ? " " : "";
        if (rc == JSON_ROWS_ROW)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lu%s", gap, rows.line, dump);
        else if (rc == JSON_ROWS_BAD)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lu!%s", gap, rows.line, rows.reason);
        else
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lu:%lu#%s", gap, rows.line, rows.column, rows.reason);
        free(dump);
        json_decref(element);
    }
    assert_int_equal(json_rows_next(&rows, &element), JSON_ROWS_END);
    free(copy);
    return out;
}

#define ARRAY(text, expected) assert_string_equal(digest(JSON_ROWS_ARRAY, text, sizeof(text) - 1), expected)
#define LINES(text, expected) assert_string_equal(digest(JSON_ROWS_LINES, text, sizeof(text) - 1), expected)

static void test_array(void **state)
{
    (void)state;
    ARRAY("[]", "");
    ARRAY(" \n[ ] \n", "");
    ARRAY("\xef\xbb\xbf[{}]", "1{}");
    ARRAY("[{\"a\":1},\n {\"b\":[1,{\"c\":\"],}\\\"\"}]}\n]", "1{\"a\":1} 2{\"b\":[1,{\"c\":\"],}\\\"\"}]}");
}

static void test_a_bad_element_does_not_spoil_the_others(void **state)
{
    (void)state;
    ARRAY("[{},\n{\"a\":},\n{}]", "1{} 2!invalid_json 3{}");
    ARRAY("[1,\"x\",null,[],{}]", "1!not_an_object 1!not_an_object 1!not_an_object 1!not_an_object 1{}");
    ARRAY("[{\"a\":1,\"a\":2},{}]", "1!invalid_json 1{}"); /* a duplicate key */
    ARRAY("[{\"a\":\"\xff\"},{}]", "1!invalid_json 1{}");
    ARRAY("[{\"a\":\"\\u0000\"},{}]", "1!invalid_json 1{}");
    ARRAY("[{\n\"a\":\n?},{}]", "3!invalid_json 3{}"); /* the line of the fault */
    ARRAY("[tru,{}]", "1!invalid_json 1{}");
}

static void test_a_bad_array_is_a_fault_with_its_place(void **state)
{
    (void)state;
    ARRAY("", "1:1#a JSON array was expected: '[' is missing");
    ARRAY("{}", "1:1#a JSON array was expected: '[' is missing");
    ARRAY("[{}\n", "1{} 2:1#the array is not closed");
    ARRAY("[{},", "1{} 1:5#the array is not closed");
    ARRAY("[{\"a\":1", "1:8#the array is not closed");
    ARRAY("[\"a", "1:4#the array is not closed");
    ARRAY("[{} {}]", "1{} 1:5#',' or ']' was expected after an element");
    ARRAY("[{},]", "1{} 1:5#an element was expected");
    ARRAY("[,{}]", "1:2#an element was expected");
    ARRAY("[{}]\nx", "1{} 2:1#text after the end of the array");
    ARRAY("[{}}]", "1{} 1:4#',' or ']' was expected after an element");
}

static void test_lines(void **state)
{
    (void)state;
    LINES("", "");
    LINES("{\"a\":1}\n\n  \r\n{\"b\":2}", "1{\"a\":1} 4{\"b\":2}");
    LINES("{}\nnope\n{}\r\n[]\n", "1{} 2!invalid_json 3{} 4!not_an_object");
    LINES("{}{}\n{}", "1!invalid_json 2{}");
    LINES("{\"a\":\n1}\n{}", "1!invalid_json 2!invalid_json 3{}");
}

static void test_too_long(void **state)
{
    size_t length = JSON_ROWS_MAX_ELEMENT + 32;
    char *text = malloc(length);

    (void)state;
    memset(text, ' ', length);
    memcpy(text, "[{", 2);
    memcpy(text + length - 6, "},{}]", 6);
    assert_string_equal(digest(JSON_ROWS_ARRAY, text, length - 1), "1!row_too_long 1{}");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array),
        cmocka_unit_test(test_a_bad_element_does_not_spoil_the_others),
        cmocka_unit_test(test_a_bad_array_is_a_fault_with_its_place),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
