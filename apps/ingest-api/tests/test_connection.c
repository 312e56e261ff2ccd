/* SPDX-License-Identifier: Apache-2.0 */
/* Connections on socket pairs: bytes in, answers and counters out. front_fixture.h checks every answer. */
#include "front_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>

#define HOST "Host: x\r\n"
#define GET "GET /a HTTP/1.1\r\n" HOST "\r\n"
#define CSV HOST "Content-Type: text/csv\r\n"
#define CHUNKED CSV "Transfer-Encoding: chunked\r\n\r\n"

static struct front *front;
static struct front_client client;

static void talk_n(const char *bytes, size_t n, size_t step, enum front_end end)
{
    front_connect(front, &client);
    front_send(front, &client, bytes, n, step);
    front_finish(front, &client, end);
    front_check(&client, end);
}

/* Send it whole, and in pieces of every small size. The answers of the last run are in `client`. */
static void talk(const char *text, enum front_end end)
{
    size_t n = strlen(text);
    for (size_t step = 1; step <= n; step = step < 8 ? step + 1 : step * 3)
        talk_n(text, n, step, end);
    talk_n(text, n, n, end);
}

static void start(const char *text)
{
    front_connect(front, &client);
    front_send(front, &client, text, strlen(text), strlen(text));
}

static unsigned answered(void)
{
    unsigned sum = 0;
    for (int status = 200; status < FRONT_STATUS_MAX; status++)
        sum += status == 499 ? 0 : client.answers[status];
    return sum;
}

static void expect(const char *text, unsigned answers, int last)
{
    talk(text, FRONT_HALF_CLOSE);
    assert_int_equal(answered(), answers);
    assert_int_equal(client.last, last);
    assert_int_equal(client.answers[499], 0);
}

static void test_requests_of_a_connection(void **state)
{
    (void)state;
    expect(GET, 1, 200);
    expect(GET GET GET, 3, 200);
    expect("\r\n" GET "\r\n\r\n" GET "\r\n", 2, 200);
    expect("GET /w HTTP/1.1\r\n" HOST "\r\n" GET "HEAD /w HTTP/1.1\r\n" HOST "\r\n", 3, 200);
    expect("GET /s HTTP/1.1\r\n" HOST "\r\n" GET, 2, 200);
    expect("HEAD /s HTTP/1.1\r\n" HOST "\r\n" GET, 2, 200);
    expect("GET /s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET, 1, 200);
    expect("GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET, 1, 200);
    expect("GET /a HTTP/1.0\r\n\r\n" GET, 1, 200);
    expect("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET, 2, 200);
    expect("GET /b HTTP/1.1\r\n" HOST "\r\nDELETE /a HTTP/1.1\r\n" HOST "\r\n" GET, 3, 200);
}

static void test_query_parameters(void **state)
{
    (void)state;
    expect("GET /a?a=1&b[]=1&b%5B%5D=2 HTTP/1.1\r\n" HOST "\r\n", 1, 200);
    expect("GET /a?a=1&a=1 HTTP/1.1\r\n" HOST "\r\n", 1, 400);
    expect("GET /a?c HTTP/1.1\r\n" HOST "\r\n", 1, 400);
    expect("GET /s?a=1 HTTP/1.1\r\n" HOST "\r\n", 1, 400);
}

static void test_bodies(void **state)
{
    (void)state;
    expect("POST /a HTTP/1.1\r\n" CSV "Content-Length: 5\r\n\r\nhello" GET, 2, 200);
    expect("POST /w HTTP/1.1\r\n" CSV "Content-Length: 5\r\n\r\nhello" GET, 2, 200);
    expect("POST /w HTTP/1.1\r\n" CHUNKED "5\r\nhello\r\n0\r\n\r\n" GET, 2, 200);
    expect("POST /w HTTP/1.1\r\n" CHUNKED "0\r\n\r\n" GET, 2, 200);
    expect("GET /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello" GET, 2, 200); /* the body is ignored */
    expect("POST /b HTTP/1.1\r\n" CHUNKED "5\r\nhello\r\n0\r\n\r\n" GET, 2, 200);
    talk("POST /a HTTP/1.1\r\n" CSV "Content-Length: 101\r\n\r\n",
         FRONT_HALF_CLOSE); /* 413, but its body never comes */
    assert_int_equal(client.answers[499], 1);
    expect("POST /a HTTP/1.1\r\n" CSV "Content-Length: 101\r\nExpect: 100-continue\r\n\r\n", 1, 413);
    expect("POST /a HTTP/1.1\r\n" CHUNKED "65\r\n"
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n0"
           "\r\n\r\n" GET,
           2, 200);
}

static void test_continue(void **state)
{
    (void)state;
    static const char head[] = "POST /w HTTP/1.1\r\n" CSV "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    front_connect(front, &client);
    front_send(front, &client, head, strlen(head), strlen(head));
    for (int i = 0; i < 100 && client.length == 0; i++)
        front_turn(front, &client, UV_RUN_NOWAIT);
    assert_string_equal(client.received, "HTTP/1.1 100 Continue\r\n\r\n");
    front_send(front, &client, "hello", 5, 1);
    front_finish(front, &client, FRONT_HALF_CLOSE);
    front_check(&client, FRONT_HALF_CLOSE);
    assert_int_equal(client.continues, 1);
    assert_int_equal(client.last, 200);
}

static void test_malformed_requests(void **state)
{
    (void)state;
    expect("nonsense\r\n" GET, 1, 400);
    expect(GET "\x16\x03\x01" GET, 2, 400);
    expect("GET /a HTTP/2.0\r\n" GET, 1, 505);
    expect("POST /w HTTP/1.1\r\n" CHUNKED "2;\nxx\r\n47\r\n0\r\n\r\n" GET, 1, 400);
    expect("POST /w HTTP/1.1\r\n" CHUNKED "2\r\nxx\n0\r\n\r\n" GET, 1, 400);
    expect("POST /b HTTP/1.1\r\n" CHUNKED "2\r\nxx\n0\r\n\r\n" GET, 1, 404);
    expect("POST /w HTTP/1.1\r\n" CSV "Content-Length: 7abc\r\n\r\n" GET, 1, 400);
}

static void test_limits(void **state)
{
    (void)state;
    static char raw[600000];
    const size_t begin = strlen("GET /a HTTP/1.1\r\n" HOST "A: ");
    memset(raw, 'a', sizeof(raw));
    memcpy(raw, "GET /a HTTP/1.1\r\n" HOST "A: ", begin);
    talk_n(raw, 100000, 1000, FRONT_HALF_CLOSE);
    assert_int_equal(client.last, 431);
    memset(raw, 'a', begin);
    talk_n(raw, 100000, 1000, FRONT_HALF_CLOSE);
    assert_int_equal(client.last, 414);
    int n = snprintf(raw, sizeof(raw), "POST /w HTTP/1.1\r\n" CHUNKED "5;");
    raw[n] = 'a';
    talk_n(raw, 30000, 1000, FRONT_HALF_CLOSE);
    assert_int_equal(client.last, 431);
    n = snprintf(raw, sizeof(raw), "POST /w HTTP/1.1\r\n" CSV "Content-Length: 300000\r\n\r\n");
    raw[n] = 'a';
    memcpy(raw + n + 300000, GET, strlen(GET));
    talk_n(raw, (size_t)n + 300000 + strlen(GET), 70001,
           FRONT_HALF_CLOSE); /* the body goes to a file; another request follows it */
    assert_int_equal(client.answers[200], 2);
    n = snprintf(raw, sizeof(raw), "POST /w HTTP/1.1\r\n" CHUNKED "9c40\r\n");
    memset(raw + n, 'a', 40000);
    n += 40000 + snprintf(raw + n + 40000, 1000, "\r\n0\r\n\r\n" GET GET);
    for (size_t step = 1000; step < 70000; step += 3001) { /* bytes read past a chunked body are not lost */
        talk_n(raw, (size_t)n, step, FRONT_HALF_CLOSE);
        assert_int_equal(client.answers[200], 3);
    }
}

static void test_clients_that_disconnect(void **state)
{
    (void)state;
    static const char *const unfinished[] = {
        "POST /w HTTP/1.1\r\n" CSV "Content-Length: 5\r\n\r\nhell",
        "POST /w HTTP/1.1\r\n" CHUNKED "5;a",
        "POST /b HTTP/1.1\r\n" CHUNKED "5\r\nhello",
        "GET /a HTTP/1.1\r\nHo",
        "GET /a HTTP/1.1\r\n",
    };
    for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++) {
        for (int end = FRONT_HALF_CLOSE; end <= FRONT_CLOSE; end++) {
            talk(unfinished[i], end);
            assert_int_equal(client.answers[499], 1);
        }
    }
    talk("GET /a", FRONT_HALF_CLOSE); /* not a request yet */
    assert_int_equal(client.answers[499] + answered(), 0);
    talk("GET /w HTTP/1.1\r\n" HOST "\r\n", FRONT_CLOSE);
    talk("GET /s HTTP/1.1\r\n" HOST "\r\n", FRONT_CLOSE);
    start("GET /s HTTP/1.1\r\n" HOST "\r\n"); /* disconnect during an answer */
    while (client.length < 1000)
        front_turn(front, &client, UV_RUN_ONCE);
    front_finish(front, &client, FRONT_CLOSE);
    front_check(&client, FRONT_CLOSE);
    assert_int_equal(client.answers[499], 1);
}

static void test_silent_clients(void **state)
{
    (void)state;
    static const char *const unfinished[] = {"G", "GET /a HTTP/1.1\r\nHo", "POST /w HTTP/1.1\r\n" CHUNKED "5;a",
                                             GET "POST /w HTTP/1.1\r\n" CSV "Content-Length: 5\r\n\r\nhell"};
    for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++) {
        talk(unfinished[i], FRONT_TIME_OUT);
        assert_int_equal(client.last, 408);
        assert_int_equal(client.answers[408], 1);
    }
    talk("POST /b HTTP/1.1\r\n" CHUNKED "5;a", FRONT_TIME_OUT); /* the 404 was known before the body */
    assert_int_equal(client.last, 404);
    talk(GET, FRONT_TIME_OUT);
    assert_int_equal(client.last, 200);
    talk_n("", 0, 1, FRONT_TIME_OUT);
    assert_int_equal(answered(), 0);
}

static void end(int last)
{
    front_finish(front, &client, FRONT_HALF_CLOSE);
    front_check(&client, FRONT_HALF_CLOSE);
    assert_int_equal(client.last, last);
}

/* Let the loop check the deadlines as if this many seconds had passed. */
static void look_after(double seconds)
{
    connection_owner.sweep(front->loop, promc_now_ns() + (uint64_t)(seconds * 1e9));
    front_turn(front, &client, UV_RUN_NOWAIT);
}

static void test_deadlines(void **state)
{
    (void)state;
    front->settings.idle_timeout_s = 100; /* far from the times below, so that a slow machine changes nothing */
    front->settings.request_timeout_s = 200;
    start("POST /w HTTP/1.1\r\n" CSV "Content-Length: 5\r\n\r\nh");
    look_after(50);
    assert_int_equal(client.length, 0);
    front_send(front, &client, "e", 1, 1); /* progress */
    look_after(50);
    assert_int_equal(client.length, 0);
    look_after(150);
    assert_true(client.length > 0);
    end(408);

    front->settings.idle_timeout_s = 1000; /* it keeps sending, but too slowly */
    start("POST /w HTTP/1.1\r\n" CSV "Content-Length: 5\r\n\r\nh");
    look_after(150);
    assert_int_equal(client.length, 0);
    look_after(250);
    assert_true(client.length > 0);
    end(408);

    start(GET); /* between two requests only IDLE_TIMEOUT applies */
    look_after(900);
    assert_false(client.ended);
    front_send(front, &client, GET, strlen(GET), strlen(GET));
    look_after(1100);
    assert_true(client.ended);
    end(200);
    assert_int_equal(client.answers[200], 2);

    start("GET /a HTTP/1.1\r\n"); /* a new head starts its own time-out */
    front_send(front, &client, HOST "\r\nGET", strlen(HOST) + 5, 100);
    look_after(150);
    assert_false(client.ended);
    look_after(250);
    end(408);
    front->settings.idle_timeout_s = front->settings.request_timeout_s = 60;
}

static void drain(void)
{
    front->loop->draining = true;
    connection_owner.drain(front->loop);
    front_turn(front, &client, UV_RUN_NOWAIT);
}

static void test_draining(void **state)
{
    (void)state;
    start(GET); /* idle */
    drain();
    assert_true(client.ended);
    front->loop->draining = false;
    end(200);
    assert_int_equal(client.answers[200], 1);

    start("POST /w HTTP/1.1\r\n" CSV
          "Content-Length: 5\r\n\r\nhell"); /* this request is finished, and no further one is read */
    drain();
    assert_false(client.ended);
    front_send(front, &client, "o" GET, 1 + strlen(GET), 100);
    front_finish(front, &client, FRONT_HALF_CLOSE);
    front->loop->draining = false;
    front_check(&client, FRONT_HALF_CLOSE);
    assert_int_equal(client.answers[200], 1);

    front_connect(front, &client); /* in the kernel's buffer, not yet read by the loop */
    assert_int_equal(send(client.fd, GET, strlen(GET), MSG_NOSIGNAL), strlen(GET));
    drain();
    front->loop->draining = false;
    end(200);
    assert_int_equal(client.answers[200], 1);
}

/* More data than one turn reads: a fast sender does not block the loop, and nothing is lost. */
static void test_many_pipelined_requests(void **state)
{
    (void)state;
    static char raw[300000];
    size_t n = 0, count = 0;
    for (; n + strlen(GET) < sizeof(raw); n += strlen(GET), count++)
        memcpy(raw + n, GET, strlen(GET));
    talk_n(raw, n, 100000, FRONT_HALF_CLOSE);
    assert_int_equal(client.answers[200], count);
}

static int open_front(void **state)
{
    (void)state;
    front = front_open();
    return 0;
}

static int close_front(void **state)
{
    (void)state;
    front_close(front);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_of_a_connection),
        cmocka_unit_test(test_query_parameters),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_clients_that_disconnect),
        cmocka_unit_test(test_silent_clients),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_many_pipelined_requests),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
