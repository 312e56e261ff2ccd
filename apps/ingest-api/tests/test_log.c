/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "http/access_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static int pipe_fds[2];

static int open_pipe(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return -1;
    (void)fcntl(pipe_fds[1], F_SETPIPE_SZ, 1 << 20);
    log_set_fd(pipe_fds[1]);
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    log_set_fd(2);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

/** One read is one write here: the line must have come in one piece. */
static json_t *read_line(void)
{
    static char line[65536];
    ssize_t n = read(pipe_fds[0], line, sizeof(line));
    assert_true(n > 1 && line[n - 1] == '\n');
    json_error_t error;
    json_t *object = json_loadb(line, (size_t)n, 0, &error);
    if (!object)
        fail_msg("%s: %.*s", error.text, (int)n, line);
    return object;
}

static void test_fields(void **state)
{
    (void)state;
    log_warn("the message", "s:text", "a\"b\\c\n\x01\x7f", "s:null", NULL, "i:int", INT64_MIN, "u:uint",
             (uint64_t)INT64_MAX, "f:half", 0.5, "b:yes", 1, "b:no", 0);
    json_t *line = read_line();
    const char *text;
    json_int_t level, time, pid, integer;
    double half;
    int yes, no;
    assert_int_equal(json_unpack(line, "{s:I,s:I,s:I,s:s,s:n,s:I,s:f,s:b,s:b}", "level", &level, "time", &time, "pid",
                                 &pid, "text", &text, "null", "int", &integer, "half", &half, "yes", &yes, "no", &no),
                     0);
    assert_int_equal(level, 40);
    assert_int_equal(pid, getpid());
    assert_true(time > INT64_C(1700000000000));
    assert_string_equal(text, "a\"b\\c\n\x01\x7f");
    assert_true(integer == INT64_MIN && half == 0.5 && yes && !no);
    assert_string_equal(json_string_value(json_object_get(line, "msg")), "the message");
    assert_non_null(json_object_get(line, "hostname"));
    json_decref(line);
}

static void test_order_is_pinos(void **state)
{
    (void)state;
    char line[1024];
    log_info("hello", "i:n", (int64_t)1);
    ssize_t n = read(pipe_fds[0], line, sizeof(line) - 1);
    line[n] = '\0';
    assert_memory_equal(line, "{\"level\":30,\"time\":", 19);
    assert_non_null(strstr(line, ",\"n\":1,\"msg\":\"hello\"}\n"));
}

static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    /* stray continuation, overlong, surrogate, beyond U+10FFFF, cut short; and text that is good */
    log_info("x", "s:bad", "\x80|\xc0\xaf|\xed\xa0\x80|\xf5\x80\x80\x80|\xe2\x82", "s:good",
             "\xe2\x82\xac \xf0\x9f\x98\x80");
    json_t *line = read_line();
    assert_string_equal(json_string_value(json_object_get(line, "bad")),
                        "\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_object_get(line, "good")), "\xe2\x82\xac \xf0\x9f\x98\x80");
    json_decref(line);
}

static void test_whatever_the_length_a_line_is_whole(void **state)
{
    (void)state;
    static char big[20000];
    for (size_t n = 1; n < sizeof(big); n = n * 3 / 2 + 1) {
        for (int kind = 0; kind < 3; kind++) {
            memset(big, kind == 0 ? 'a' : kind == 1 ? '"' : '\x01', n);
            big[n] = '\0';
            log_info(big, "s:one", big, "s:two", big, "s:three", big, "s:four", big, "s:five", big, "i:last",
                     (int64_t)5);
            json_decref(read_line());
        }
    }
}

static void test_level(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    log_warn("not this");
    log_error("this");
    json_t *line = read_line();
    assert_string_equal(json_string_value(json_object_get(line, "msg")), "this");
    json_decref(line);
    assert_int_equal(log_level_from_name("silent"), 70);
    assert_int_equal(log_level_from_name("INFO"), -1);
}

static void test_numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where there is none the test is only weaker */
    log_info("x", "f:a", 1234.5, "f:nan", NAN, "f:inf", -INFINITY);
    json_t *line = read_line();
    assert_true(json_real_value(json_object_get(line, "a")) == 1234.5);
    assert_true(json_is_null(json_object_get(line, "nan")) && json_is_null(json_object_get(line, "inf")));
    json_decref(line);
    (void)setlocale(LC_ALL, "C");
}

static void test_decimals(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.000"},  {1.2345, "1.235"}, {0.9999, "1.000"}, {-2.5, "-2.500"}, {123456789.0004, "123456789.000"},
        {NAN, "null"}, {INFINITY, "null"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];
        struct text text;
        text_init(&text, out, sizeof(out));
        text_add_decimal(&text, cases[i].value);
        out[text.length] = '\0';
        assert_string_equal(out, cases[i].text);
    }
}

static void test_iso_time(void **state)
{
    (void)state;
    char out[32] = {0};
    struct text text;
    text_init(&text, out, sizeof(out));
    text_add_iso_time(&text, INT64_C(1768206600123));
    assert_string_equal(out, "2026-01-12T08:30:00.123Z");
}

static void test_text_never_passes_its_end(void **state)
{
    (void)state;
    char out[16];
    for (size_t capacity = 0; capacity < sizeof(out); capacity++) {
        struct text text;
        memset(out, '#', sizeof(out));
        text_init(&text, out, capacity);
        text_add_json(&text, "abc\n\xe2\x82\xac", 7, 100);
        text_add_u64(&text, 12345);
        assert_true(text.length <= capacity);
        for (size_t i = capacity; i < sizeof(out); i++)
            assert_int_equal(out[i], '#');
    }
}

static void *write_lines(void *arg)
{
    for (int64_t i = 0; i < 500; i++)
        log_info("line", "i:thread", (int64_t)(intptr_t)arg, "i:n", i);
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[4];
    static char all[1 << 20];
    for (intptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *)i), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    size_t length = 0, lines = 0;
    (void)fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
    for (ssize_t n; (n = read(pipe_fds[0], all + length, sizeof(all) - length)) > 0;)
        length += (size_t)n;
    for (char *p = all, *end; p < all + length; p = end + 1, lines++) {
        end = memchr(p, '\n', (size_t)(all + length - p));
        assert_non_null(end);
        json_t *line = json_loadb(p, (size_t)(end - p), 0, NULL);
        assert_non_null(line);
        json_decref(line);
    }
    assert_int_equal(lines, 2000);
}

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

    access.probe = true; /* debug: not seen */
    access_log(&buffer, &access);
    assert_int_equal(buffer.length, 0);
    access.duration_ns = 2 * ACCESS_LOG_SLOW_NS; /* but a slow one is */
    access_log(&buffer, &access);
    log_buffer_flush(&buffer);
    line = read_line();
    assert_int_equal(json_integer_value(json_object_get(line, "level")), LOG_WARN);
    json_decref(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fields, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_order_is_pinos, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_bytes_that_are_no_text, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_whatever_the_length_a_line_is_whole, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_level, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_numbers_do_not_depend_on_the_locale, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_lines_of_threads_do_not_mix, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_access_log, open_pipe, close_pipe),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_iso_time),
        cmocka_unit_test(test_text_never_passes_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
