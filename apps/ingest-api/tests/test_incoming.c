/* SPDX-License-Identifier: Apache-2.0 */
/* The input buffer of a connection, over a socket pair. */
#include "http/incoming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 10000

static struct wire wire;
static int peer;
static struct incoming in;

static int open_pair(void **state)
{
    int pair[2];
    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    peer = pair[1];
    in = (struct incoming){.readable = true, .reads = 100};
    return wire_open(&wire, pair[0], false) ? 0 : -1;
}

static int close_pair(void **state)
{
    (void)state;
    incoming_free(&in);
    wire_close(&wire);
    if (peer >= 0)
        close(peer);
    return 0;
}

static void say(const char *text)
{
    assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* As the loop does when the socket becomes readable. */
static void is_readable(void)
{
    in.readable = true;
}

static void test_a_read_says_whether_there_may_be_more(void **state)
{
    char buffer[4];
    (void)state;
    say("abcdef");
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), 4);
    assert_true(in.readable);
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), 2);
    assert_false(in.readable); /* the read was short, so the next read makes no system call */
    say("g");
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), 0);
    is_readable();
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), 1);
    is_readable();
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), 0);
    assert_false(in.readable || in.eof);
}

static void test_reads_per_turn_are_limited(void **state)
{
    char buffer[1];
    (void)state;
    in.reads = 2;
    say("abc");
    assert_int_equal(incoming_read(&in, &wire, buffer, 1), 1);
    assert_int_equal(incoming_read(&in, &wire, buffer, 1), 1);
    assert_int_equal(incoming_read(&in, &wire, buffer, 1), 0);
    assert_true(in.readable && incoming_is_unread(&in));
    in.reads = 2;
    assert_int_equal(incoming_read(&in, &wire, buffer, 1), 1);
    assert_int_equal(buffer[0], 'c');
}

static void test_the_end_of_the_peer(void **state)
{
    char buffer[4];
    (void)state;
    say("ab");
    close(peer);
    peer = -1;
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), 2);
    assert_false(in.eof);
    is_readable();
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), 0);
    assert_true(in.eof);
    is_readable();
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), 0);
}

static void test_a_reset_by_the_peer(void **state)
{
    char buffer[4];
    (void)state;
    assert_int_equal(send(wire.fd, "unread", 6, MSG_NOSIGNAL), 6);
    close(peer); /* with unread bytes this sends a reset */
    peer = -1;
    assert_int_equal(incoming_read(&in, &wire, buffer, 4), WIRE_BROKEN);
    assert_false(in.readable || in.eof);
}

static void test_the_largest_head_fits(void **state)
{
    static char head[MOST + 1];
    (void)state;
    memset(head, 'a', MOST);
    say(head);
    for (size_t had = 0; in.end < MOST; had = in.end) {
        is_readable();
        long n = incoming_read_head(&in, &wire, MOST);
        assert_true(n > 0 && in.capacity <= MOST);
        assert_int_equal(in.end - had, n);
    }
    assert_int_equal(in.capacity, MOST);
    assert_memory_equal(in.bytes, head, MOST);
    in.begin = in.end; /* all consumed; an idle connection does not keep this much memory */
    assert_true(incoming_next(&in));
    assert_int_equal(in.capacity, 0);
}

static void test_consumed_bytes_make_room(void **state)
{
    static char text[4097];
    (void)state;
    memset(text, 'a', 4090);
    memcpy(text + 4090, "bcdefg", 6);
    say(text);
    assert_int_equal(incoming_read_head(&in, &wire, MOST), 4096);
    in.begin = 4090;
    say("h");
    is_readable();
    assert_int_equal(incoming_read_head(&in, &wire, MOST), 1);
    assert_int_equal(in.capacity, 4096);
    assert_int_equal(in.end - in.begin, 7);
    assert_memory_equal(in.bytes + in.begin, "bcdefgh", 7);
}

static void test_empty_lines_before_a_request(void **state)
{
    (void)state;
    say("\r\n\r");
    assert_int_equal(incoming_read_head(&in, &wire, MOST), 3);
    assert_false(incoming_skip_empty_lines(&in)); /* the last CR may still become an empty line */
    say("\nG");
    is_readable();
    assert_int_equal(incoming_read_head(&in, &wire, MOST), 2);
    assert_true(incoming_skip_empty_lines(&in));
    assert_int_equal(in.bytes[in.begin], 'G');
    say("\r\n");
    is_readable();
    assert_int_equal(incoming_read_head(&in, &wire, MOST), 2);
    assert_true(incoming_skip_empty_lines(&in));
    assert_int_equal(in.end - in.begin, 3);
}

static void test_bytes_after_a_chunked_body(void **state)
{
    (void)state;
    say("head");
    assert_int_equal(incoming_read_head(&in, &wire, MOST), 4);
    in.begin = in.end;
    say("0\r\n\r\nGET");
    is_readable();
    assert_int_equal(incoming_read_chunks(&in, &wire), 8);
    assert_int_equal(in.begin, 4); /* the head stays where it is */
    in.tail_begin = 5;
    assert_true(incoming_is_unread(&in));
    assert_true(incoming_next(&in));
    assert_int_equal(in.end - in.begin, 3);
    assert_memory_equal(in.bytes + in.begin, "GET", 3);
    assert_null(in.tail);
    in.begin = in.end;
    assert_false(incoming_is_unread(&in));
}

static void test_pipelined_requests_are_kept(void **state)
{
    (void)state;
    say("first-second");
    assert_int_equal(incoming_read_head(&in, &wire, MOST), 12);
    in.begin = 6;
    assert_true(incoming_next(&in));
    assert_int_equal(in.end - in.begin, 6);
    assert_memory_equal(in.bytes + in.begin, "second", 6);
}

#define ON_A_PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_PAIR(test_a_read_says_whether_there_may_be_more),
        ON_A_PAIR(test_reads_per_turn_are_limited),
        ON_A_PAIR(test_the_end_of_the_peer),
        ON_A_PAIR(test_a_reset_by_the_peer),
        ON_A_PAIR(test_the_largest_head_fits),
        ON_A_PAIR(test_consumed_bytes_make_room),
        ON_A_PAIR(test_empty_lines_before_a_request),
        ON_A_PAIR(test_bytes_after_a_chunked_body),
        ON_A_PAIR(test_pipelined_requests_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
