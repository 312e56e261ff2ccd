/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests: which are accepted, and the status with which the others are refused. */
#include "http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[100000];

/* @return the status; -1: not a head; 0: accepted. */
static int read_text(const char *from, size_t length, struct promc_exporter_http_request *request)
{
    struct promc_exporter_http_scan scan = {0};
    const char *why = NULL;
    memcpy(text, from, length);
    text[length] = '\0';
    long end = promc_exporter_http_end(&scan, text, length);
    if (end < 0)
        return -1;
    assert_int_equal(end, length);
    int status = (int)promc_exporter_http_read(text + scan.start, length - scan.start, request, &why);
    assert_true(status == 0 || strlen(why) > 3);
    return status;
}

#define HOST "Host: x\r\n\r\n"

static void test_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int status;
    } cases[] = {
        {"GET /metrics HTTP/1.1\r\n" HOST, 0},
        {"\r\n\r\nGET /metrics HTTP/1.1\r\n" HOST, 0},
        {"GET /metrics HTTP/1.0\r\n\r\n", 0},
        {"GET /metrics HTTP/1.7\r\n" HOST, 0},
        {"GET http://x/metrics HTTP/1.1\r\n" HOST, 0},
        {"GET HTTPS://x:1?q HTTP/1.1\r\n" HOST, 0},
        {"OPTIONS * HTTP/1.1\r\n" HOST, 0},
        {"CONNECT x:443 HTTP/1.1\r\n" HOST, 0},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: [::1]:9464 \t\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nX: a\tb\xff\r\n" HOST, 0},
        /* the request line */
        {"GET /\r\n" HOST, 400},
        {"GET  / HTTP/1.1\r\n" HOST, 400},
        {"GET / HTTP/1.1 \r\n" HOST, 400},
        {"GET / http/1.1\r\n" HOST, 400},
        {"GET / HTTP/1.x\r\n" HOST, 400},
        {"GET / HTTP/2.0\r\n" HOST, 505},
        {"G@T / HTTP/1.1\r\n" HOST, 400},
        {" GET / HTTP/1.1\r\n" HOST, 400},
        {"GET metrics HTTP/1.1\r\n" HOST, 400},
        {"GET * HTTP/1.1\r\n" HOST, 400},
        {"GET http:///metrics HTTP/1.1\r\n" HOST, 400},
        {"GET http://user@x/ HTTP/1.1\r\n" HOST, 400},
        {"GET ftp://x/ HTTP/1.1\r\n" HOST, 400},
        {"GET /#a HTTP/1.1\r\n" HOST, 400},
        {"GET /\xff HTTP/1.1\r\n" HOST, 400},
        {"GET /%0 HTTP/1.1\r\n" HOST, 400},
        {"GET /%zz HTTP/1.1\r\n" HOST, 400},
        {"GET /%00 HTTP/1.1\r\n" HOST, 400},
        /* fields */
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n" HOST, 400},
        {"GET / HTTP/1.0\r\nHost: x\r\nhOsT: y\r\n\r\n", 400},
        {"GET http://x/ HTTP/1.1\r\nHost: x\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nA: b\r\n c\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nA b\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\n: b\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nA: b\x01\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nA: b\rc\r\n" HOST, 400},
        {"GET / HTTP/1.1\nHost: x\n\n", -1},
        {"GET / HTTP/1.1\r\nA: b\n" HOST, -1},
        {"GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: a\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nExpect: 100-continue\r\n" HOST, 0},
        {"GET / HTTP/1.1\r\nExpect: pizza\r\n" HOST, 417},
        /* the body's length */
        {"GET / HTTP/1.1\r\nContent-Length: 3\r\n" HOST, 0},
        {"GET / HTTP/1.1\r\nContent-Length: +3\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nContent-Length: 3,3\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nContent-Length:\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n" HOST, 400},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" HOST, 400},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n" HOST, 501},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct promc_exporter_http_request request;
        int status = read_text(cases[i].head, strlen(cases[i].head), &request);
        if (status != cases[i].status)
            fail_msg("%s gave %d, not %d", cases[i].head, status, cases[i].status);
    }
    struct promc_exporter_http_request request;
    static const char nul[] = "GET / HTTP/1.1\r\nA: \0\r\n" HOST;
    assert_int_equal(read_text(nul, sizeof(nul) - 1, &request), -1);
}

static void test_accepted_heads(void **state)
{
    (void)state;
    struct promc_exporter_http_request request;
    static const char head[] = "GET http://x/%6Detrics?a=%20&b HTTP/1.1\r\nHost: x\r\nACCEPT: a\r\naccept:b \r\n"
                               "Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n"
                               "Authorization: Bearer t\r\nContent-Length: 12\r\nConnection: foo, Close\r\n\r\n";
    assert_int_equal(read_text(head, sizeof(head) - 1, &request), 0);
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.path, "/metrics");
    assert_string_equal(request.query, "a=%20&b");
    assert_int_equal(request.accept.count, 2);
    assert_string_equal(request.accept.lines[0], "a");
    assert_string_equal(request.accept.lines[1], "b");
    assert_int_equal(request.accept_encoding.count, 1);
    assert_string_equal(request.scrape_timeout, "10");
    assert_string_equal(request.authorization, "Bearer t");
    assert_int_equal(request.body, 12);
    assert_true(request.close && !request.old);
    static const char old[] = "GET http://x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    assert_int_equal(read_text(old, sizeof(old) - 1, &request), 0);
    assert_string_equal(request.path, "/");
    assert_null(request.query);
    assert_true(request.old && !request.close);
}

/* The head arrives in two pieces, split at any byte: its end is found. */
static void test_pieces(void **state)
{
    (void)state;
    static const char head[] = "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nGET";
    size_t whole = sizeof(head) - 1 - 3;
    for (size_t cut = 0; cut < whole; cut++) {
        struct promc_exporter_http_scan scan = {0};
        assert_int_equal(promc_exporter_http_end(&scan, head, cut), 0);
        assert_int_equal(promc_exporter_http_end(&scan, head, sizeof(head) - 1), whole);
        assert_int_equal(scan.start, 2);
    }
}

static void test_too_many(void **state)
{
    (void)state;
    static char long_head[50000];
    struct promc_exporter_http_request request;
    for (int accept = 0; accept < 2; accept++) {
        int most = accept ? PROMC_HTTP_LINES : PROMC_HTTP_FIELDS - 1; /* and Host */
        for (int more = 0; more < 2; more++) {
            size_t length = (size_t)sprintf(long_head, "GET / HTTP/1.1\r\n");
            for (int i = 0; i < most + more; i++)
                length += (size_t)sprintf(long_head + length, "%s: a\r\n", accept ? "Accept" : "A");
            length += (size_t)sprintf(long_head + length, HOST);
            assert_int_equal(read_text(long_head, length, &request), more ? 431 : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_accepted_heads),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
