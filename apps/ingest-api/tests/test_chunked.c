/* SPDX-License-Identifier: Apache-2.0 */
/* The strict parser of chunked bodies, with the whole body at once and in pieces. */
#include "http/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char body[65536];
static size_t body_length, rest;

/* Read in pieces of `step` bytes. Collects the body and the number of bytes left over. */
static enum chunked_result read_all(const char *raw, size_t n, size_t step)
{
    struct chunked chunked = {0};
    enum chunked_result result = CHUNKED_MORE;
    body_length = 0;
    for (size_t at = 0; at < n && result != CHUNKED_END;) {
        size_t piece = n - at < step ? n - at : step, used, length;
        char *copy = malloc(piece); /* so that the sanitizer sees a read past the end */
        const char *data;
        assert_non_null(copy);
        memcpy(copy, raw + at, piece);
        result = chunked_read(&chunked, copy, piece, &used, &data, &length);
        assert_true(used <= piece);
        if (result == CHUNKED_DATA) {
            assert_true(length > 0);
            memcpy(body + body_length, data, length);
            body_length += length;
        }
        free(copy);
        at += used;
        rest = n - at;
        if (result >= CHUNKED_BAD) {
            assert_non_null(chunked.fault);
            return result;
        }
    }
    return result == CHUNKED_DATA ? CHUNKED_MORE : result;
}

static enum chunked_result read_text(const char *raw)
{
    size_t n = strlen(raw);
    enum chunked_result result = read_all(raw, n, n);
    for (size_t step = 1; step < 9; step++)
        assert_int_equal(read_all(raw, n, step), result);
    body[body_length] = '\0';
    return result;
}

static void test_good_bodies(void **state)
{
    (void)state;
    const struct {
        const char *raw, *body;
    } good[] = {
        {"0\r\n\r\n", ""},
        {"000\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"05\r\nhello\r\n0\r\n\r\n", "hello"},
        {"2\r\nab\r\n9\r\n\r\n0\r\n\r\n12\r\n0\r\n\r\n", "ab\r\n0\r\n\r\n12"},
        {"3;a\r\nabc\r\n0\r\n\r\n", "abc"},
        {"3;a=b;c=\"d\\\"\\\\ e\"\r\nabc\r\n0;x\r\n\r\n", "abc"},
        {"3 ; a = b ; c\r\nabc\r\n0\r\n\r\n", "abc"},
        {"3\r\nabc\r\n0\r\nTrailer: x\r\nB:\r\n\r\n", "abc"},
        {"a\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(read_text(good[i].raw), CHUNKED_END);
        assert_string_equal(body, good[i].body);
        assert_int_equal(rest, 0);
    }
}

static void test_bytes_after_the_body_belong_to_the_next_request(void **state)
{
    (void)state;
    assert_int_equal(read_text("1\r\na\r\n0\r\n\r\nGET /"), CHUNKED_END);
    assert_string_equal(body, "a");
    assert_int_equal(rest, 5);
}

static void test_bad_bodies(void **state)
{
    (void)state;
    const char *const bad[] = {
        "\r\n",
        "\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        " 1\r\n",
        "0x1\r\n",
        "1_0\r\n",
        "1 \r\n",
        "1\t\r\n",
        "1\n",
        "1\r\r\n",
        "1\rx",
        "1\r\na\n",
        "1\r\nab",
        "1\r\na\rb",
        "1\r\na0\r\n",
        "2;\nxx\r\n47\r\n0",
        "1;\r\n",
        "1; \r\n",
        "1;a \r\n",
        "1;=b\r\n",
        "1;a=\r\n",
        "1;a=b c\r\n",
        "1;a=\"b\r\n",
        "1;a=\"b\"c\r\n",
        "1;a\x01\r\n",
        "1;a\nb\r\n",
        "1;a=\"\n\"\r\n",
        "10000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "0\r\na b: c\r\n",
        "0\r\n: c\r\n",
        "0\r\na\r\n",
        "0\r\n a: b\r\n",
        "0\r\na: b\r\n c\r\n",
        "0\r\na: b\n\r\n",
        "0\r\na: b\rc\r\n",
        "0\r\na: b\x01\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (read_text(bad[i]) != CHUNKED_BAD)
            fail_msg("not refused: %zu", i);
    assert_int_equal(read_all("0\r\na: \0b\r\n\r\n", 13, 13), CHUNKED_BAD);
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(read_text("ffffffffffffffff\r\na"), CHUNKED_MORE);
    assert_string_equal(body, "a");
    assert_int_equal(read_text("00000000000000000000000000000001\r\na\r\n0\r\n\r\n"), CHUNKED_END);
    assert_string_equal(body, "a");
}

static enum chunked_result read_extra(const char *before, char fill, size_t n, size_t step)
{
    static char raw[65536];
    size_t length = strlen(before);
    memcpy(raw, before, length);
    memset(raw + length, fill, n);
    return read_all(raw, length + n, step);
}

static void test_extensions_and_trailers_are_bounded(void **state)
{
    (void)state;
    const char *const begins[] = {"1;", "1;a=\"", "0\r\na:", "1 ", "0\r\n", "0\r\nA"};
    const char fills[] = {'a', 'a', 'a', ' ', 'a', 'a'};
    for (size_t i = 0; i < sizeof(fills); i++) {
        assert_int_equal(read_extra(begins[i], fills[i], CHUNKED_EXTRA_MAX - 20, 7), CHUNKED_MORE);
        assert_int_equal(read_extra(begins[i], fills[i], CHUNKED_EXTRA_MAX + 20, 7), CHUNKED_TOO_MUCH);
    }
    assert_int_equal(read_extra("", '0', CHUNKED_EXTRA_MAX + 20, 1000), CHUNKED_TOO_MUCH);
    /* the limit is for all extensions together, not per chunk */
    char many[16384] = "";
    size_t at = 0;
    while (at + 16 < sizeof(many))
        at += (size_t)snprintf(many + at, sizeof(many) - at, "1;aaaaaa\r\nx\r\n");
    assert_int_equal(read_text(many), CHUNKED_TOO_MUCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_bodies),
        cmocka_unit_test(test_bytes_after_the_body_belong_to_the_next_request),
        cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_extensions_and_trailers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
