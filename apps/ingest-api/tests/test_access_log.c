/* SPDX-License-Identifier: Apache-2.0 */
#include "http/access_log.h"
#include "log_fixture.h"

#include <math.h>

static void test_access_log(void **state)
{
    (void)state;
    static struct log_buffer buffer;
    struct access access = {.request_id = "id-1",
                            .route = "/api/v1/campaigns/{id}",
                            .organisation_id = "org",
                            .method = PROMC_HTTP_GET,
                            .status = 200,
                            .duration_ns = 1234567,
                            .response_bytes = 42};
    access_log(&buffer, &access);
    log_buffer_flush(&buffer);
    json_t *line = read_line();
    const char *method, *route, *id;
    double took;
    int status, bytes;
    assert_int_equal(json_unpack(line, "{s:s,s:{s:s},s:s,s:i,s:f,s:i}", "reqId", &id, "req", "method", &method, "route",
                                 &route, "statusCode", &status, "responseTime", &took, "bytes", &bytes),
                     0);
    assert_string_equal(id, "id-1");
    assert_string_equal(method, "GET");
    assert_true(fabs(took - 1.235) < 1e-9 && status == 200 && bytes == 42);
    json_decref(line);

    access.probe = true; /* logged at debug, so not visible */
    access_log(&buffer, &access);
    assert_int_equal(buffer.length, 0);
    access.duration_ns = 2 * ACCESS_LOG_SLOW_NS; /* a slow probe is visible */
    access_log(&buffer, &access);
    log_buffer_flush(&buffer);
    line = read_line();
    assert_int_equal(json_integer_value(json_object_get(line, "level")), LOG_WARN);
    json_decref(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_access_log, open_pipe, close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
