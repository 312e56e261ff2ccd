/* SPDX-License-Identifier: Apache-2.0 */
#include "log_fixture.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

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

static void test_field_order_is_that_of_pino(void **state)
{
    (void)state;
    char line[1024];
    log_info("hello", "i:n", (int64_t)1);
    ssize_t n = read(pipe_fds[0], line, sizeof(line) - 1);
    line[n] = '\0';
    assert_memory_equal(line, "{\"level\":30,\"time\":", 19);
    assert_non_null(strstr(line, ",\"n\":1,\"msg\":\"hello\"}\n"));
}

static void test_invalid_utf8(void **state)
{
    (void)state;
    /* stray continuation, overlong, surrogate, beyond U+10FFFF, truncated; and valid text */
    log_info("x", "s:bad", "\x80|\xc0\xaf|\xed\xa0\x80|\xf5\x80\x80\x80|\xe2\x82", "s:good",
             "\xe2\x82\xac \xf0\x9f\x98\x80");
    json_t *line = read_line();
    assert_string_equal(json_string_value(json_object_get(line, "bad")),
                        "\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_object_get(line, "good")), "\xe2\x82\xac \xf0\x9f\x98\x80");
    json_decref(line);
}

static void test_lines_of_any_length_are_complete(void **state)
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
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* without this locale the test is only weaker */
    log_info("x", "f:a", 1234.5, "f:nan", NAN, "f:inf", -INFINITY);
    json_t *line = read_line();
    assert_true(json_real_value(json_object_get(line, "a")) == 1234.5);
    assert_true(json_is_null(json_object_get(line, "nan")) && json_is_null(json_object_get(line, "inf")));
    json_decref(line);
    (void)setlocale(LC_ALL, "C");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fields, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_field_order_is_that_of_pino, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_invalid_utf8, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_lines_of_any_length_are_complete, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_level, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_numbers_do_not_depend_on_the_locale, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_lines_of_threads_do_not_mix, open_pipe, close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
