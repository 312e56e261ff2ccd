/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of unknown length, slice by slice, over a socket pair. */
#include "http/streaming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct wire wire;
static int peer;
static struct outgoing out;
static struct exchange exchange;
static struct streaming streaming;

/* Results of the handler's next read calls: bytes, 0 at the end, STREAM_REST, or another negative number. */
static long gives[2000];
static size_t given;

static long read_stream(void *stream, char *buffer, size_t capacity)
{
    long n = gives[given++];
    (void)stream;
    assert_true(n <= (long)capacity);
    if (n > 0)
        memset(buffer, 's', (size_t)n);
    return n;
}

static int open_pair(void **state)
{
    int pair[2];
    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    peer = pair[1];
    exchange = (struct exchange){.method = PROMC_HTTP_GET, .req = {.stream_read = read_stream}};
    memset(gives, 0, sizeof(gives));
    given = 0;
    streaming_begin(&streaming, &exchange);
    return wire_open(&wire, pair[0], false) ? 0 : -1;
}

static int close_pair(void **state)
{
    (void)state;
    outgoing_free(&out);
    wire_close(&wire);
    close(peer);
    return 0;
}

static long next(void)
{
    return streaming_next(&streaming, &exchange, &out, &wire);
}

/* Send the pending bytes to the peer. @return their number; the first bytes are in `text`. */
static size_t sent(char text[16])
{
    static char buffer[OUTGOING_SLICE + 100];
    size_t length = 0;
    for (int rc = WIRE_AGAIN; rc == WIRE_AGAIN;) {
        rc = outgoing_is_pending(&out) ? outgoing_flush(&out, &wire) : 1;
        assert_int_not_equal(rc, WIRE_BROKEN);
        ssize_t n;
        while ((n = recv(peer, buffer + length, sizeof(buffer) - length, 0)) > 0)
            length += (size_t)n;
    }
    memset(text, 0, 16);
    memcpy(text, buffer, length < 15 ? length : 15);
    return length;
}

static void test_a_short_answer(void **state)
{
    char text[16];
    (void)state;
    gives[0] = 5;
    assert_false(streaming.whole);
    assert_int_equal(next(), 5);
    assert_int_equal(sent(text), 10);
    assert_string_equal(text, "5\r\nsssss\r\n");
    assert_false(streaming.whole);
    assert_int_equal(next(), 0);
    assert_int_equal(sent(text), 5);
    assert_string_equal(text, "0\r\n\r\n");
    assert_true(streaming.whole);
    assert_int_equal(exchange.sent, 5);
}

static void test_without_chunks(void **state)
{
    char text[16];
    (void)state;
    exchange.head.is_1_0 = true;
    gives[0] = 5;
    assert_int_equal(next(), 5);
    assert_int_equal(sent(text), 5);
    assert_int_equal(next(), 0);
    assert_int_equal(sent(text), 0);
    assert_true(streaming.whole);
}

static void test_answers_that_are_complete_at_once(void **state)
{
    (void)state;
    exchange.method = PROMC_HTTP_HEAD;
    streaming_begin(&streaming, &exchange);
    assert_true(streaming.whole);
    exchange.method = PROMC_HTTP_GET;
    exchange.req.stream_read = NULL; /* an answer with a known length */
    streaming_begin(&streaming, &exchange);
    assert_true(streaming.whole);
}

static void test_a_handler_that_has_nothing_yet(void **state)
{
    char text[16];
    (void)state;
    gives[0] = STREAM_REST;
    gives[1] = 3;
    assert_int_equal(next(), WIRE_AGAIN);
    assert_false(outgoing_is_pending(&out));
    assert_int_equal(next(), 3);
    assert_int_equal(sent(text), 8);
}

static void test_a_handler_that_fails(void **state)
{
    (void)state;
    gives[0] = -1;
    assert_int_equal(next(), WIRE_BROKEN);
    assert_false(streaming.whole);
}

/* 128 KiB are sent at once. Then there is a pause after each slice, and after 20 MB after every second slice. */
static void test_a_long_answer_pauses(void **state)
{
    char text[16];
    unsigned slices = 0, rests = 0;
    (void)state;
    for (int i = 0; i < 1000; i++)
        gives[i] = OUTGOING_SLICE;
    for (bool rested = false; !streaming.whole;) {
        long n = next();
        assert_true(n != WIRE_BROKEN && !(n == WIRE_AGAIN && rested)); /* after a pause comes a slice */
        rested = n == WIRE_AGAIN;
        rests += rested;
        slices += n > 0;
        if (n > 0)
            assert_int_equal(sent(text), n + 8); /* 8000 CR LF … CR LF */
        if (slices == 4)
            assert_int_equal(rests, 0);
        if (n > 0 && slices == 100)
            assert_int_equal(rests, 95); /* one pause between two slices */
    }
    assert_int_equal(slices, 1000);
    assert_in_range(rests, 700, 800);
    assert_int_equal(exchange.sent, UINT64_C(1000) * OUTGOING_SLICE);
}

#define ON_A_PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_PAIR(test_a_short_answer),
        ON_A_PAIR(test_without_chunks),
        ON_A_PAIR(test_answers_that_are_complete_at_once),
        ON_A_PAIR(test_a_handler_that_has_nothing_yet),
        ON_A_PAIR(test_a_handler_that_fails),
        ON_A_PAIR(test_a_long_answer_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
