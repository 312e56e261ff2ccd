/* SPDX-License-Identifier: Apache-2.0 */
/* The deadlines of a connection, at times that the test names. */
#include "connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND 1000000000ull

struct talk {
    promc_exporter *exporter;
    struct promc_connection *connection;
    int client;
};

static int open_talk(void **state)
{
    static struct talk talk;
    int pair[2];
    talk.exporter = promc_exporter_start("127.0.0.1:0"); /* its own thread does not know our connection */
    if (!talk.exporter || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
        return -1;
    talk.client = pair[0];
    talk.connection = promc_connection_open(talk.exporter, pair[1], 100 * SECOND);
    *state = &talk;
    return talk.connection ? 0 : -1;
}

static int close_talk(void **state)
{
    struct talk *talk = *state;
    promc_connection_close(talk->connection);
    close(talk->client);
    promc_exporter_stop(talk->exporter);
    return 0;
}

/* The client sends this, and the connection runs at this second. @return the second of its deadline. */
static double say(struct talk *talk, const char *bytes, double second)
{
    assert_int_equal(send(talk->client, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
    promc_connection_run(talk->connection, (uint64_t)(second * SECOND));
    return (double)talk->connection->deadline_ns / SECOND;
}

/* The first request has ten seconds from the start of the connection: its bytes give it no further ones. */
static void test_first_request(void **state)
{
    struct talk *talk = *state;
    assert_true(talk->connection->deadline_ns == 110 * SECOND);
    assert_true(say(talk, "G", 109) == 110);
    assert_true(say(talk, "ET / HTTP/1.1\r\n", 109.5) == 110);
    assert_int_equal(talk->connection->state, PROMC_CONNECTION_REQUEST);
}

/* A later one has ten seconds from its first byte; before that the connection is idle. */
static void test_later_requests(void **state)
{
    struct talk *talk = *state;
    char answer[4096];
    assert_true(say(talk, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 101) > 110);
    assert_true(recv(talk->client, answer, sizeof(answer), 0) > 0);
    assert_int_equal(talk->connection->state, PROMC_CONNECTION_REQUEST);
    assert_true(promc_connection_is_idle(talk->connection));
    assert_true(say(talk, "G", 120) == 130);
    assert_true(say(talk, "E", 129) == 130);
    assert_false(promc_connection_is_idle(talk->connection));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_request, open_talk, close_talk),
        cmocka_unit_test_setup_teardown(test_later_requests, open_talk, close_talk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
