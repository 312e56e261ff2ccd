/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over a head, fed with what libmicrohttpd 0.9 makes of it in memory. `parse` does to the bytes what the
 * library does (it is the model that http/head.h describes); tests/test_http_front.py does it with the library itself.
 */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

static struct head head;
static const char *fault;

/** Ends the line at p as the library does: at CR LF, bare CR or bare LF. @return where the next one begins. */
static char *end_line(char *p)
{
    p += strcspn(p, "\r\n");
    if (p[0] == '\r' && p[1] == '\n')
        *p++ = '\0';
    *p++ = '\0';
    return p;
}

/** `raw` has no NUL, except where a test puts one by '~'. @return the status of the walk. */
static int parse(const char *raw, bool in_place)
{
    static char memory[4096];
    struct head_walk walk;
    memset(memory, 0, sizeof(memory));
    (void)stpncpy(memory, raw, sizeof(memory) - 1);
    char *uri = strchr(memory, ' ') + 1, *version = strrchr(memory, 'H');
    for (char *p = strstr(memory, "HTTP/1."); p; p = NULL)
        version = p;
    char *line = end_line(version);
    uri[-1] = '\0';
    version[-1] = '\0';
    head_begin(&walk, &head, memory, uri, strlen(uri), version, in_place);
    while (*line && *line != '\r' && *line != '\n') {
        char *next = end_line(line), *colon = strchr(line, ':');
        assert_non_null(colon);
        *colon = '\0';
        char *value = colon + 1 + strspn(colon + 1, " \t");
        for (char *p = line; p < next; p++) {
            if (*p == '~')
                *p = '\0';
        }
        if (!head_header(&walk, line, strlen(line), value, strlen(value)))
            break;
        line = next;
    }
    char *end = end_line(line);
    head_end(&walk, end);
    fault = walk.fault;
    return walk.status;
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
        "M-SEARCH * HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(parse(good[i], true), 0);
        assert_int_equal(parse(good[i], false), 0);
        assert_null(fault);
    }
}

static void test_values_are_taken(void **state)
{
    (void)state;
    assert_int_equal(
        parse(LINE "Host: x\r\nContent-Length: 18446744073709551609\r\nAuthorization: Bearer k\r\nX-Request-ID: r\r\n"
                   "Content-Type: text/csv\r\nContent-Encoding: gzip\r\nAccept: a\r\nExpect: 100-continue\r\n\r\n",
              true),
        0);
    assert_true(head.has_content_length && head.content_length == UINT64_C(18446744073709551609) &&
                head.expect_continue);
    assert_string_equal(head.authorization, "Bearer k");
    assert_string_equal(head.request_id, "r");
    assert_string_equal(head.content_type, "text/csv");
    assert_string_equal(head.content_encoding, "gzip");
    assert_string_equal(head.accept, "a");
}

/* what only the place in memory tells */
static void test_lines_that_do_not_end_in_cr_lf(void **state)
{
    (void)state;
    const char *const bad[] = {
        "GET / HTTP/1.1\nHost: x\r\n\r\n",    LINE "Host: x\n\r\n",
        LINE "Host: x\r\nA: b\nC: d\r\n\r\n", LINE "Host: x\rA: b\r\n\r\n",
        LINE "Host: x\r\nA: b\r\n\n",         "GET / HTTP/1.1\nHost: x\n\n",
        LINE "Host: x\r\nA: b~c\r\n\r\n",     LINE "Host: x\r\nA: b~~C\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i], true), 400);
        assert_non_null(fault);
    }
}

static void test_a_folded_line(void **state)
{
    (void)state;
    /* the library joins name and continuation in other memory, and gives the value where it was */
    char memory[] = "GET\0/\0HTTP/1.1\0\0A\0 b\0\0 c\0\0\0\0", joined[] = "Ac";
    struct head_walk walk;
    head_begin(&walk, &head, memory, memory + 4, 1, memory + 6, true);
    assert_false(head_header(&walk, joined, 2, memory + 19, 1));
    assert_int_equal(head_end(&walk, memory + sizeof(memory) - 1), 400);
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
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i], true), 400);
        assert_int_equal(parse(bad[i], false), 400);
    }
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
        assert_int_equal(parse(bad[i].raw, true), bad[i].status);
}

static void test_targets(void **state)
{
    (void)state;
    assert_true(head_is_target("/a?b=%20", 8));
    assert_false(head_is_target("/a b", 4));
    assert_false(head_is_target("/a\tb", 4));
    assert_false(head_is_target("/\x7f", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_heads),
        cmocka_unit_test(test_values_are_taken),
        cmocka_unit_test(test_lines_that_do_not_end_in_cr_lf),
        cmocka_unit_test(test_a_folded_line),
        cmocka_unit_test(test_names_and_values),
        cmocka_unit_test(test_lengths_and_codings),
        cmocka_unit_test(test_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
