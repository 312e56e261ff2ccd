/* SPDX-License-Identifier: Apache-2.0 */
/* The strict parser of heads, with the whole head at once and byte by byte. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 4096

static char memory[2 * LIMIT];
static struct head head;
static const char *fault;

/* Parse in pieces of `step` bytes. @return 0, the status of the refusal, or -1 if it has no end. */
static int parse_n(const char *raw, size_t n, size_t step)
{
    struct head_scan scan = {0};
    enum head_state state = HEAD_MORE;
    char *bytes = malloc(n); /* so that the sanitizer sees a read past the end */
    assert_non_null(bytes);
    memcpy(bytes, raw, n);
    for (size_t have = 0; have < n && state == HEAD_MORE;) {
        have = have + step < n ? have + step : n;
        state = head_scan(&scan, bytes, have, LIMIT);
    }
    free(bytes);
    fault = scan.fault;
    if (state == HEAD_REFUSED)
        assert_non_null(fault);
    if (state != HEAD_WHOLE)
        return state == HEAD_REFUSED ? scan.status : -1;
    assert_true(scan.length <= n);
    memset(memory, 'x', sizeof(memory));
    memcpy(memory, raw, scan.length);
    int status = head_parse(&head, &scan, memory, &fault);
    assert_true(status == 0 || fault);
    return status;
}

/* Whole, and in pieces of every small size: the result must be the same. */
static int parse(const char *raw)
{
    size_t n = strlen(raw);
    int status = parse_n(raw, n, n);
    for (size_t step = 1; step < 8; step++)
        assert_int_equal(parse_n(raw, n, step), status);
    return status;
}

#define LINE "GET / HTTP/1.1\r\n"

static void test_good_heads(void **state)
{
    (void)state;
    const char *const good[] = {
        LINE "Host: x\r\n\r\n",
        LINE "Host:x\r\nA:\r\nB: \r\nC: \t v \r\n\r\n",
        LINE "hOST: [::1]:80\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\nExpect: 100-Continue\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(parse(good[i]), 0);
}

static void test_head_values(void **state)
{
    (void)state;
    assert_int_equal(
        parse(LINE "Host: x\r\nContent-Length: 18446744073709551609\r\nAuthorization: Bearer k\r\nX-Request-ID: r\r\n"
                   "Content-Type: text/csv\r\nContent-Encoding: gzip\r\nAccept: a\r\nExpect: 100-continue\r\n\r\n"),
        0);
    assert_true(head.has_content_length && head.content_length == UINT64_C(18446744073709551609) &&
                head.expect_continue);
    assert_string_equal(head.authorization, "Bearer k");
    assert_string_equal(head.request_id, "r");
    assert_string_equal(head.content_type, "text/csv");
    assert_string_equal(head.content_encoding, "gzip");
    assert_string_equal(head_find(&head, "ACCEPT"), "a");
    assert_null(head_find(&head, "Accep"));
}

static void test_blanks_around_a_value(void **state)
{
    (void)state;
    assert_int_equal(
        parse(LINE "Host: x \r\nContent-Length:\t5 \t\r\nExpect:100-continue \r\nA:  b c  \r\nB: \r\n\r\n"), 0);
    assert_string_equal(head.host, "x");
    assert_true(head.content_length == 5 && head.expect_continue);
    assert_string_equal(head_find(&head, "a"), "b c");
    assert_string_equal(head_find(&head, "b"), "");
}

static void test_a_header_of_several_lines(void **state)
{
    (void)state;
    assert_int_equal(parse(LINE "Accept: 1 \r\nHost: x\r\naccept:\r\nACCEPT: 3\r\n\r\n"), 0);
    const char *value = head_find(&head, "Accept");
    assert_string_equal(value, "1");
    assert_string_equal(value = head_next(&head, "Accept", value), "");
    assert_string_equal(value = head_next(&head, "Accept", value), "3");
    assert_null(head_next(&head, "Accept", value));
}

static void test_the_end_of_the_connection(void **state)
{
    (void)state;
    const struct {
        const char *raw;
        bool close;
    } heads[] = {
        {LINE "Host: x\r\n\r\n", false},
        {LINE "Host: x\r\nConnection: close\r\n\r\n", true},
        {LINE "Host: x\r\nConnection: a, CLOSE ,b\r\n\r\n", true},
        {LINE "Host: x\r\nConnection: closed\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.9\r\nHost: x\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        assert_int_equal(parse(heads[i].raw), 0);
        assert_int_equal(head.close, heads[i].close);
    }
}

static void test_lines_that_do_not_end_in_cr_lf(void **state)
{
    (void)state;
    static const char bad[][64] = {
        "GET / HTTP/1.1\nHost: x\r\n\r\n",    LINE "Host: x\n\r\n",
        LINE "Host: x\r\nA: b\nC: d\r\n\r\n", LINE "Host: x\rA: b\r\n\r\n",
        LINE "Host: x\r\nA: b\r\n\n",         "GET / HTTP/1.1\nHost: x\n\n",
        LINE "Host: x\r\nA: b\0c\r\n\r\n",    LINE "Host: x\r\nA: b\0\0C\r\n\r\n",
        LINE "Host: x\r\nA: b\r\r\n\r\n",     LINE "Host: x\r\nA: b\r\n\r\r\n\r\n",
        LINE "Host: x\r\n A: b\r\n\r\n",      LINE "Host: x\r\nA: b\r\n\tc\r\n\r\n",
        LINE "Host: x\r\nA: b\r\n \r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse_n(bad[i], sizeof(bad[i]), 1), 400);
        assert_int_equal(parse_n(bad[i], sizeof(bad[i]), sizeof(bad[i])), 400);
    }
}

static void test_malformed_requests_are_refused_before_their_end(void **state)
{
    (void)state;
    assert_int_equal(parse("\x16\x03\x01\x02"), 400);
    assert_int_equal(parse("GET\r\n"), 400);
    assert_int_equal(parse("nonsense\r\n"), 400);
    assert_int_equal(parse("GET / HTTP/2.0\r\n"), 505);
    assert_int_equal(parse("GET x HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
    assert_int_equal(parse("GE"), -1);
    assert_int_equal(parse(LINE "Host:"), -1);
}

static void test_limits(void **state)
{
    (void)state;
    static char raw[2 * LIMIT];
    size_t line = strlen(LINE "Host: x\r\nA: ");
    memset(raw, 'a', sizeof(raw));
    memcpy(raw, LINE "Host: x\r\nA: ", line);
    memcpy(raw + LIMIT - 4, "\r\n\r\nGET", 7);
    assert_int_equal(parse_n(raw, LIMIT + 3, LIMIT + 3), 0); /* just fits; the rest belongs to the next request */
    assert_int_equal(parse_n(raw, LIMIT + 3, 1), 0);
    memcpy(raw + LIMIT - 4, "aaaa", 4);
    assert_int_equal(parse_n(raw, LIMIT, 1), -1);
    assert_int_equal(parse_n(raw, LIMIT + 1, 1), 431);
    memcpy(raw + LIMIT - 3, "\r\n\r\n", 4);
    assert_int_equal(parse_n(raw, LIMIT + 1, LIMIT + 1), 431);
    memset(raw, 'a', sizeof(raw));
    assert_int_equal(parse_n(raw, LIMIT + 1, 1), 414);
}

static void test_names_and_values(void **state)
{
    (void)state;
    const char *const bad[] = {LINE "Host : x\r\n\r\n",
                               LINE "Host: x\r\nA b: c\r\n\r\n",
                               LINE "Host: x\r\n: c\r\n\r\n",
                               LINE "Host: x\r\nA: \x01\r\n\r\n",
                               LINE "Host: x\r\nA: \x7f\r\n\r\n",
                               LINE "Host: a b\r\n\r\n",
                               LINE "Host: x\r\n\xc3\xa4: c\r\n\r\n",
                               "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(bad[i]), 400);
}

static void test_lengths_and_codings(void **state)
{
    (void)state;
    const struct {
        const char *raw;
        int status;
    } bad[] = {
        {LINE "Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {LINE "Host: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {LINE "Host: x\r\nContent-Length: 1, 1\r\n\r\n", 400},
        {LINE "Host: x\r\nContent-Length: +1\r\n\r\n", 400},
        {LINE "Host: x\r\nContent-Length:\r\n\r\n", 400},
        {LINE "Host: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        {LINE "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {LINE "Host: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {LINE "Host: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400},
        {LINE "Host: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400},
        {LINE "Host: x\r\nTransfer-Encoding:\r\n\r\n", 400},
        {LINE "Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {LINE "Host: x\r\nExpect: 200-ok\r\n\r\n", 417},
        {LINE "\r\n", 400},
        {LINE "Host: x\r\nHost: x\r\n\r\n", 400},
        {LINE "Host: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400},
        {"GET / HTTP/1.x\r\nHost: x\r\n\r\n", 505},
        {"GET / HTTP/1.11\r\nHost: x\r\n\r\n", 505},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(bad[i].raw), bad[i].status);
}

static void test_targets(void **state)
{
    (void)state;
    const struct {
        const char *target, *path, *query;
    } good[] = {
        {"/", "/", NULL},
        {"/a?", "/a", ""},
        {"/a?b=%20?c", "/a", "b=%20?c"},
        {"http://x", "/", NULL},
        {"HTTP://x:1/a?b", "/a", "b"},
        {"https://[::1]:1?b", "/", "b"},
        {"//a", "//a", NULL},
        {"/\xc3\xa4", "/\xc3\xa4", NULL},
    };
    const char *const bad[] = {"a",           "*",        "x:1", "/a#b",  "http://", "http:///a",
                               "http://u@x/", "ftp://x/", "?a",  "/\x7f", "/\t"};
    char raw[128];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)snprintf(raw, sizeof(raw), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", good[i].target);
        assert_int_equal(parse(raw), 0);
        assert_string_equal(head.path, good[i].path);
        assert_int_equal(!head.query, !good[i].query);
        if (head.query)
            assert_string_equal(head.query, good[i].query);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(raw, sizeof(raw), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", bad[i]);
        assert_int_equal(parse(raw), 400);
    }
}

static void test_hosts(void **state)
{
    (void)state;
    const char *const good[] = {"x", "x:1", "x:", "a.b-c_d", "127.0.0.1:80", "[::1]", "[fe80::1]:80", "%41"};
    const char *const bad[] = {"",       "x:1:2",   "x:y", "x/y", "u@x", "[]",   "[::1",
                               "[::1]x", "[::1]:x", ":1",  "a b", "x?",  "a,b:c"};
    char raw[128];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)snprintf(raw, sizeof(raw), LINE "Host: %s\r\n\r\n", good[i]);
        assert_int_equal(parse(raw), 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(raw, sizeof(raw), LINE "Host: %s\r\n\r\n", bad[i]);
        assert_int_equal(parse(raw), 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_heads),
        cmocka_unit_test(test_head_values),
        cmocka_unit_test(test_lines_that_do_not_end_in_cr_lf),
        cmocka_unit_test(test_blanks_around_a_value),
        cmocka_unit_test(test_a_header_of_several_lines),
        cmocka_unit_test(test_the_end_of_the_connection),
        cmocka_unit_test(test_malformed_requests_are_refused_before_their_end),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_names_and_values),
        cmocka_unit_test(test_lengths_and_codings),
        cmocka_unit_test(test_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
