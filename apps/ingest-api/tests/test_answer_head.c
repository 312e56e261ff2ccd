/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer, byte for byte. */
#include "http/answer_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>

#define DATE "Mon, 12 Jan 2026 08:15:30 GMT"

static void is(const struct request *req, struct answer_frame frame, const char *expected)
{
    char out[ANSWER_HEAD_MAX + 1];
    size_t n = answer_head(out, req, &frame, DATE);
    assert_true(n <= ANSWER_HEAD_MAX);
    out[n] = '\0';
    assert_string_equal(out, expected);
}

static struct request request(int status)
{
    struct request req = {.status = status};
    (void)strcpy(req.id, "r1");
    return req;
}

static void test_framing(void **state)
{
    (void)state;
    struct request req = request(200);
    req.response_type = "text/plain";
    is(&req, (struct answer_frame){.length = 17},
       "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Length: 17\r\nX-Request-Id: r1\r\nContent-Type: text/plain\r\n"
       "Cache-Control: no-store\r\n\r\n");
    is(&req, (struct answer_frame){.framing = ANSWER_CHUNKED, .close = true},
       "HTTP/1.1 200 OK\r\nDate: " DATE
       "\r\nTransfer-Encoding: chunked\r\nX-Request-Id: r1\r\nContent-Type: text/plain\r\n"
       "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
    is(&req, (struct answer_frame){.framing = ANSWER_NO_LENGTH},
       "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nX-Request-Id: r1\r\nContent-Type: text/plain\r\n"
       "Cache-Control: no-store\r\n\r\n");
    is(&req, (struct answer_frame){.framing = ANSWER_UNTIL_CLOSE, .is_1_0 = true, .close = true},
       "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nX-Request-Id: r1\r\nContent-Type: text/plain\r\n"
       "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
    req = request(204); /* has no length, RFC 9110, 8.6 */
    is(&req, (struct answer_frame){.is_1_0 = true},
       "HTTP/1.1 204 No Content\r\nDate: " DATE "\r\nX-Request-Id: r1\r\nCache-Control: no-store\r\n"
       "Connection: keep-alive\r\n\r\n");
}

static void test_fields(void **state)
{
    (void)state;
    struct request req = request(405);
    req.allow = "GET, HEAD";
    is(&req, (struct answer_frame){.length = 0},
       "HTTP/1.1 405 Method Not Allowed\r\nDate: " DATE "\r\nContent-Length: 0\r\nX-Request-Id: r1\r\n"
       "Cache-Control: no-store\r\nAllow: GET, HEAD\r\n\r\n");
    req = request(401);
    req.www_authenticate = true;
    is(&req, (struct answer_frame){.length = 0},
       "HTTP/1.1 401 Unauthorized\r\nDate: " DATE "\r\nContent-Length: 0\r\nX-Request-Id: r1\r\n"
       "Cache-Control: no-store\r\nWWW-Authenticate: Bearer realm=\"ingest-api\"\r\n\r\n");
    req = request(429);
    req.retry_after = 1;
    is(&req, (struct answer_frame){.length = 0},
       "HTTP/1.1 429 Too Many Requests\r\nDate: " DATE "\r\nContent-Length: 0\r\nX-Request-Id: r1\r\n"
       "Cache-Control: no-store\r\nRetry-After: 1\r\n\r\n");
    req = request(201);
    (void)strcpy(req.location, "/here");
    is(&req, (struct answer_frame){.length = 0},
       "HTTP/1.1 201 Created\r\nDate: " DATE "\r\nContent-Length: 0\r\nX-Request-Id: r1\r\n"
       "Cache-Control: no-store\r\nLocation: /here\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
