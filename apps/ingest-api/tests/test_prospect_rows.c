/* SPDX-License-Identifier: Apache-2.0 */
/* The rows are written without a library. They must be valid JSON for one. */
#include "api/prospect_rows.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdlib.h>

static const struct prospect ada = {
    .id = "01a209bb-48f4-7000-9c55-3efaef068f46",
    .field = {[PROSPECT_EMAIL] = "ada@example.com",
              [PROSPECT_EMAIL + 1] = "Ada \"Countess\" \\ \t\x1f",
              [PROSPECT_EMAIL + 2] = "Žofie 🚀"},
    .custom = "{\"size\":\"12\"}",
    .status = PROSPECT_STATUS_VALIDATED,
    .research = "{\"domain\":\"example.com\"}",
    .created_ms = 1768206600123,
};

static json_t *finish(struct prospect_rows *rows, const char *closing)
{
    size_t length;
    char *body = prospect_rows_end(rows, closing, &length);
    json_error_t error;
    json_t *json = json_loadb(body, length, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        print_error("%s at %d in %.*s\n", error.text, error.position, (int)length, body);
    free(body);
    assert_non_null(json);
    return json;
}

static const char *text_of(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void test_a_row_equals_the_store(void **state)
{
    struct prospect_rows rows;
    (void)state;
    assert_true(prospect_rows_begin(&rows, "", 1));
    assert_true(prospect_rows_add(&rows, &ada));
    json_t *json = finish(&rows, "");
    assert_int_equal(json_object_size(json), PROSPECT_FIELDS + 7);
    assert_string_equal(text_of(json, "id"), ada.id);
    for (int i = 0; i < PROSPECT_FIELDS; i++) {
        json_t *value = json_object_get(json, prospect_field_names[i]);
        assert_true(ada.field[i] ? json_is_string(value) : json_is_null(value));
        if (ada.field[i])
            assert_string_equal(json_string_value(value), ada.field[i]);
    }
    assert_string_equal(text_of(json_object_get(json, "custom_fields"), "size"), "12");
    assert_string_equal(text_of(json, "status"), "validated");
    assert_true(json_is_null(json_object_get(json, "status_reason")));
    assert_string_equal(text_of(json_object_get(json, "research"), "domain"), "example.com");
    assert_string_equal(text_of(json, "created_at"), "2026-01-12T08:30:00.123Z");
    assert_true(json_is_null(json_object_get(json, "updated_at")));
    json_decref(json);
}

static void test_an_empty_list(void **state)
{
    struct prospect_rows rows;
    (void)state;
    assert_true(prospect_rows_begin(&rows, "{\"data\":[", 100));
    json_t *json = finish(&rows, "]}");
    assert_int_equal(json_array_size(json_object_get(json, "data")), 0);
    json_decref(json);
}

/* Rows that are much longer than expected, with escapes. */
static void test_a_body_grows(void **state)
{
    char *control = malloc(5001);
    struct prospect_rows rows;
    struct prospect row = ada;
    (void)state;
    assert_non_null(control);
    memset(control, 1, 5000);
    control[5000] = '\0';
    row.field[PROSPECT_EMAIL + 3] = control;
    row.custom = NULL;
    assert_true(prospect_rows_begin(&rows, "[", 1));
    for (int i = 0; i < 50; i++)
        assert_true(prospect_rows_add(&rows, i % 2 ? &row : &ada));
    assert_int_equal(rows.count, 50);
    json_t *json = finish(&rows, "]");
    assert_int_equal(json_array_size(json), 50);
    assert_string_equal(text_of(json_array_get(json, 49), prospect_field_names[PROSPECT_EMAIL + 3]), control);
    assert_int_equal(json_object_size(json_object_get(json_array_get(json, 49), "custom_fields")), 0);
    json_decref(json);
    free(control);
}

static void test_a_body_that_is_dropped(void **state)
{
    struct prospect_rows rows = {.count = 0};
    (void)state;
    prospect_rows_free(&rows);
    assert_true(prospect_rows_begin(&rows, "[", 1));
    prospect_rows_free(&rows);
    prospect_rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_equals_the_store),
        cmocka_unit_test(test_an_empty_list),
        cmocka_unit_test(test_a_body_grows),
        cmocka_unit_test(test_a_body_that_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
