/* SPDX-License-Identifier: Apache-2.0 */
/* The answers to errors of the store: status, code, and whether and when to retry. */
#include "base/log.h"
#include "db/db.h"
#include "http/request.h"
#include "http/store_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void expect(int error, const char *what, int status, int retry_after, const char *code)
{
    struct request req = {.id = "id-1", .retry_after = -1};
    assert_int_equal(respond_store_error(&req, error, what), status);
    assert_int_equal(req.status, status);
    assert_int_equal(req.retry_after > 0 ? req.retry_after : 0, retry_after);
    json_t *body = json_loadb(req.response, req.response_length, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(body, "error"), "code")), code);
    json_decref(body);
    free(req.response);
}

static void each_error_has_its_answer(void **state)
{
    (void)state;
    log_set_level(LOG_FATAL + 1);
    expect(DB_E_BUSY, NULL, 503, 1, "store_busy");
    expect(DB_E_FULL, NULL, 503, 30, "store_full");
    expect(DB_E_CONNECTION, NULL, 503, 5, "store_unavailable");
    expect(DB_E_UNKNOWN, NULL, 503, 5, "store_unavailable");
    expect(DB_E_CONFLICT, "campaign", 409, 0, "conflict");
    expect(DB_E_OTHER, NULL, 500, 0, "internal");
    expect(DB_E_DAMAGED, NULL, 500, 0, "internal"); /* an error that the table does not have */
}

/* The message, for a request whose earlier transactions stay. */
static bool says(int error, const char *words)
{
    struct request req = {.id = "id-1", .kept = true};
    (void)respond_store_error(&req, error, NULL);
    bool found = memmem(req.response, req.response_length, words, strlen(words)) != NULL;
    free(req.response);
    return found;
}

static void a_part_that_stays_is_not_nothing(void **state)
{
    static const int all[] = {DB_E_BUSY, DB_E_FULL, DB_E_CONNECTION, DB_E_UNKNOWN, DB_E_CONFLICT, DB_E_OTHER};
    (void)state;
    log_set_level(LOG_FATAL + 1);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        assert_false(says(all[i], "nothing was changed"));
        assert_int_equal(says(all[i], "a part of the work is done"), all[i] != DB_E_UNKNOWN);
    }
    assert_true(says(DB_E_BUSY, "The store is overloaded; a part of the work is done."));
}

static void a_missing_object_is_named(void **state)
{
    (void)state;
    expect(DB_E_NOT_FOUND, "campaign", 404, 0, "not_found");
    expect(DB_E_INVALID, "campaign", 404, 0, "not_found"); /* an id that is not a UUID */
    expect(DB_E_NOT_FOUND, NULL, 500, 0, "internal");
    expect(DB_E_INVALID, NULL, 500, 0, "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_its_answer),
        cmocka_unit_test(a_part_that_stays_is_not_nothing),
        cmocka_unit_test(a_missing_object_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
