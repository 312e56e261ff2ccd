/* SPDX-License-Identifier: Apache-2.0 */
#include "import/json.h"
#include "import/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* NULL if the text is valid JSON, otherwise the reason and the byte. */
static const char *check(const char *text, size_t length, bool object)
{
    static char out[64];
    struct arena arena = {0};
    struct json_text json;
    struct json_string key;
    struct json_value value;
    enum json_text_result rc;

    json_text_init(&json, text, length, &arena);
    rc = object ? json_text_enter(&json) : json_text_value(&json, &value);
    while (object && rc > 0)
        rc = json_text_member(&json, &key, &value);
    arena_free(&arena);
    if (rc >= 0)
        return NULL;
    (void)snprintf(out, sizeof(out), "%s@%td", json.reason, json.at - text);
    return out;
}

/* "1{"a":1} 2!invalid_json@6 3:5#the array is not closed": an element, one that is invalid JSON, a fault that ends the text. */
static char *digest(enum json_rows_format format, const char *text, size_t length)
{
    static char out[8192];
    struct json_rows rows;
    enum json_rows_result rc;
    const char *element;
    size_t element_length, n = 0, index = 0;

    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    json_rows_init(&rows, format, copy, length);
    out[0] = '\0';
    while ((rc = json_rows_next(&rows, &element, &element_length)) != JSON_ROWS_END) {
        const char *gap = n ? " " : "";
        const char *wrong = rc == JSON_ROWS_ROW ? check(element, element_length, *element == '{') : rows.reason;
        assert_true(rc == JSON_ROWS_E_SYNTAX || rows.index == index++);
        if (rc == JSON_ROWS_E_SYNTAX)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lu:%lu#%s", gap, rows.line, rows.column, rows.reason);
        else if (wrong)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lu!%s", gap, rows.line, wrong);
        else
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lu%.*s", gap, rows.line, (int)element_length, element);
    }
    assert_int_equal(json_rows_next(&rows, &element, &element_length), JSON_ROWS_END);
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
    ARRAY("[{},\n{\"a\":},\n{}]", "1{} 2!invalid_json@5 3{}");
    ARRAY("[1,\"x\",null,[],{}]", "11 1\"x\" 1null 1[] 1{}"); /* not objects; a later step refuses them */
    ARRAY("[{\"a\":\"\xff\"},{}]", "1!invalid_utf8@6 1{}");
    ARRAY("[{\n\"a\":\n?},{}]", "1!invalid_json@7 3{}");
    ARRAY("[tru,{}]", "1!invalid_json@0 1{}");
}

#define VALUE(text, expected)                                              \
    do {                                                                   \
        const char *wrong = check(text, sizeof(text) - 1, *(text) == '{'); \
        assert_string_equal(wrong ? wrong : "", expected);                 \
    } while (0)

static void test_valid_and_invalid_json(void **state)
{
    char deep[2 * JSON_TEXT_DEPTH + 4];

    (void)state;
    VALUE("{\"a\":[1,{\"b\":[]},-0.5e+7,\"x\"], \"c\" : null}", "");
    VALUE(" true ", "");
    VALUE("0", "");
    VALUE("{\"a\":01}", "invalid_json@6");
    VALUE("{\"a\":1.}", "invalid_json@7");
    VALUE("{\"a\":+1}", "invalid_json@5");
    VALUE("{\"a\":1e}", "invalid_json@7");
    VALUE("{\"a\":1\0}", "invalid_json@6"); /* a NUL after a number */
    VALUE("{\"a\":NaN}", "invalid_json@5");
    VALUE("{\"a\":1,}", "invalid_json@7");
    VALUE("{\"a\" 1}", "invalid_json@5");
    VALUE("{a:1}", "invalid_json@1");
    VALUE("{\"a\":1}x", "invalid_json@7");
    VALUE("{\"a\":\"x", "invalid_json@7");
    VALUE("{\"a\":\"x\ty\0z\"}", "control_character@7");
    VALUE("{\"a\":\"\\x\"}", "invalid_json@6");
    VALUE("{\"a\":\"\\u12g4\"}", "invalid_json@6");
    VALUE("{\"a\":\"\\ud83d\"}", "invalid_utf8@12");
    VALUE("{\"a\":\"\\ude00\"}", "invalid_utf8@12");
    VALUE("{\"a\":\"\\n\xc3\"}", "invalid_utf8@8");
    memset(deep, '[', JSON_TEXT_DEPTH);
    memset(deep + JSON_TEXT_DEPTH, ']', JSON_TEXT_DEPTH);
    assert_null(check(deep, 2 * JSON_TEXT_DEPTH, false));
    memset(deep, '[', sizeof(deep));
    assert_string_equal(check(deep, sizeof(deep), false), "too_deep@64");
}

static void test_strings_and_numbers(void **state)
{
    static const char text[] =
        "{\"k\\u00e9y\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u20ac\\ud83d\\ude00\\u0000.\",\"k\":1.10e3}";
    static const char decoded[] = "a\"\\/\b\f\n\r\tA\xe2\x82\xac\xf0\x9f\x98\x80\0.";
    struct arena arena = {0};
    struct json_text json;
    struct json_string key;
    struct json_value value;

    (void)state;
    json_text_init(&json, text, sizeof(text) - 1, &arena);
    assert_int_equal(json_text_enter(&json), JSON_TEXT_MEMBER);
    assert_int_equal(json_text_member(&json, &key, &value), JSON_TEXT_MEMBER);
    assert_int_equal(key.length, 4);
    assert_memory_equal(key.data, "k\xc3\xa9y", 4);
    assert_int_equal(value.text.length, sizeof(decoded) - 1);
    assert_memory_equal(value.text.data, decoded, sizeof(decoded) - 1);
    assert_int_equal(json_text_member(&json, &key, &value), JSON_TEXT_MEMBER);
    assert_int_equal(value.kind, JSON_KIND_NUMBER);
    assert_int_equal(value.text.length, 6);
    assert_memory_equal(value.text.data, "1.10e3", 6); /* kept as written */
    assert_int_equal(json_text_member(&json, &key, &value), JSON_TEXT_END);
    arena_free(&arena);
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
    LINES("{}\nnope\n{}\r\n[]\n", "1{} 2!invalid_json@0 3{} 4[]");
    LINES("{}{}\n{}", "1!invalid_json@2 2{}");
    LINES("{\"a\":\n1}\n{}", "1!invalid_json@5 2!invalid_json@1 3{}");
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
        cmocka_unit_test(test_valid_and_invalid_json),
        cmocka_unit_test(test_strings_and_numbers),
        cmocka_unit_test(test_a_bad_array_is_a_fault_with_its_place),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
