/* SPDX-License-Identifier: Apache-2.0 */
/* The target of reports and their content. tests/test_error_reports.py tests the delivery. */
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void targets(void **state)
{
    struct report_target target;
    (void)state;
    assert_int_equal(report_target_parse(&target, "https://abc@o1.ingest.example/17"), 0);
    assert_string_equal(target.url, "https://o1.ingest.example/api/17/envelope/");
    assert_non_null(strstr(target.auth, "sentry_key=abc"));
    assert_null(strstr(target.auth, "sentry_secret"));
    assert_int_equal(report_target_parse(&target, "http://abc:def@127.0.0.1:9000/a/path/3"), 0);
    assert_string_equal(target.url, "http://127.0.0.1:9000/a/path/api/3/envelope/");
    assert_non_null(strstr(target.auth, "sentry_key=abc, sentry_secret=def"));
    static const char *const bad[] = {
        "", "https://", "https://host/1", "https://@host/1", "https://a@host", "https://a@host/", "https://a@/1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(report_target_parse(&target, bad[i]), -1);
    char huge[1200];
    memset(huge, 'h', sizeof(huge));
    memcpy(huge, "https://a@", 10);
    strcpy(huge + sizeof(huge) - 3, "/1");
    assert_int_equal(report_target_parse(&target, huge), -1);
}

static json_t *event_of(const char *line)
{
    return report_event(line, strlen(line), "00112233445566778899aabbccddeeff", "test");
}

static const char *text(const json_t *event, const char *object, const char *key)
{
    return json_string_value(json_object_get(object ? json_object_get(event, object) : event, key));
}

static void an_event_has_only_allowed_fields(void **state)
{
    (void)state;
    json_t *event =
        event_of("{\"level\":50,\"time\":1768205730123,\"pid\":1,\"hostname\":\"h\",\"component\":\"store\","
                 "\"organisationId\":\"o-1\",\"path\":\"/secret\",\"attempt\":3,"
                 "\"error\":\"no row for <ada@example.com>, (bob@example.org)\",\"msg\":\"it failed\"}");
    assert_non_null(event);
    assert_string_equal(text(event, NULL, "level"), "error");
    assert_string_equal(text(event, NULL, "environment"), "test");
    assert_string_equal(text(event, NULL, "server_name"), "h");
    assert_string_equal(text(event, "message", "formatted"), "it failed");
    assert_string_equal(text(event, "tags", "component"), "store");
    assert_string_equal(text(event, "tags", "attempt"), "3");
    assert_string_equal(text(event, "extra", "error"), "no row for <[address]>, ([address])");
    double timestamp = json_real_value(json_object_get(event, "timestamp"));
    assert_true(timestamp > 1768205730.12 && timestamp < 1768205730.13);
    char *all = json_dumps(event, JSON_COMPACT);
    assert_null(strstr(all, "o-1"));
    assert_null(strstr(all, "/secret"));
    assert_null(strstr(all, "@example"));
    free(all);
    json_decref(event);
}

static void levels_and_requests(void **state)
{
    (void)state;
    json_t *event =
        event_of("{\"level\":30,\"time\":1,\"reqId\":\"r\",\"route\":\"/a\",\"statusCode\":500,\"msg\":\"x\"}");
    assert_string_equal(text(event, NULL, "level"), "error");
    assert_string_equal(text(event, "tags", "status_code"), "500");
    assert_string_equal(text(event, "tags", "request_id"), "r");
    json_decref(event);
    event = event_of("{\"level\":40,\"msg\":\"x\"}");
    assert_string_equal(text(event, NULL, "level"), "warning");
    json_decref(event);
    event = event_of("{\"level\":60,\"msg\":\"x\"}");
    assert_string_equal(text(event, NULL, "level"), "fatal");
    json_decref(event);
}

static void an_invalid_line_makes_no_event(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "[]", "{}", "{\"msg\":1}", "{\"msg\":\"cut of"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(event_of(bad[i]));
    /* long texts are cut, also if the limit is inside a character */
    char line[9000] = "{\"level\":50,\"msg\":\"";
    size_t n = strlen(line);
    for (; n < 8000; n += 3)
        memcpy(line + n, "\xe2\x82\xac", 3);
    strcpy(line + n, "\"}");
    json_t *event = event_of(line);
    assert_non_null(event);
    assert_true(strlen(text(event, "message", "formatted")) <= 1024);
    json_decref(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test(an_event_has_only_allowed_fields),
        cmocka_unit_test(levels_and_requests),
        cmocka_unit_test(an_invalid_line_makes_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
