/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "answer.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SECOND 1000000000ull
/* Time-out of a request, from its first byte to the end of its body, and of the TLS handshake. */
#define REQUEST_NS (10 * SECOND)
/* Time-out after the last response, for the client to read it. */
#define DRAIN_NS (2 * SECOND)
/* A client that reads less than this within its allowance is too slow. */
#define PROGRESS (64 * 1024)
/* A GET's body has no meaning; up to this much of it is discarded. */
#define BODY_MAX (64 * 1024)
#define IN_START 2048
/* Steps of one connection before the others get their turn. */
#define TURNS 16

struct promc_connection *promc_connection_open(struct promc_exporter *exporter, int fd, uint64_t now)
{
    struct promc_connection *connection = calloc(1, sizeof(*connection));
    char *in = malloc(IN_START);
    struct promc_transport transport;
    if (!connection || !in || !promc_transport_open(&transport, exporter->tls, fd)) {
        promc_exporter_close_fd(exporter, fd);
        free(in);
        free(connection);
        return NULL;
    }
    connection->exporter = exporter;
    connection->transport = transport;
    connection->in = in;
    connection->in_room = IN_START;
    connection->idle_since_ns = now;
    connection->deadline_ns = now + REQUEST_NS;
    return connection;
}

void promc_connection_close(struct promc_connection *connection)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = connection->transport.fd;
    promc_answer_end(connection);
    if (connection->cut && !connection->gone)
        (void)setsockopt(connection->transport.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    promc_transport_close(&connection->transport);
    if (!connection->gone)
        promc_exporter_close_fd(connection->exporter, fd);
    else
        promc_exporter_forget_fd(connection->exporter, fd);
    free(connection->in);
    free(connection->head);
    free(connection);
}

bool promc_connection_is_idle(const struct promc_connection *connection)
{
    return connection->state == PROMC_CONNECTION_REQUEST && connection->in_length == 0;
}

short promc_connection_events(const struct promc_connection *connection)
{
    if (connection->transport.session && connection->transport.wants_write)
        return POLLOUT;
    if (connection->transport.session && connection->state == PROMC_CONNECTION_ANSWER)
        return POLLIN; /* the TLS handshake waits for the peer */
    return connection->state == PROMC_CONNECTION_ANSWER ? POLLOUT : POLLIN;
}

static void take_from_in(struct promc_connection *connection, size_t count)
{
    connection->in_length -= count;
    memmove(connection->in, connection->in + count, connection->in_length);
}

static void refuse_request(struct promc_connection *connection, unsigned status, const char *why)
{
    connection->state = PROMC_CONNECTION_ANSWER;
    connection->deadline_ns = promc_now_ns() + REQUEST_NS;
    promc_answer_refuse(connection, status, why);
}

/* The head is complete: copy it, since the next request may follow it in the buffer. */
static void read_head(struct promc_connection *connection, size_t end)
{
    const char *why = "";
    size_t length = end - connection->scan.start;
    free(connection->head);
    connection->head = malloc(length + 1);
    if (!connection->head) {
        connection->state = PROMC_CONNECTION_CLOSED;
        return;
    }
    memcpy(connection->head, connection->in + connection->scan.start, length);
    connection->head[length] = '\0';
    take_from_in(connection, end);
    connection->scan = (struct promc_exporter_http_scan){0};
    unsigned status = promc_exporter_http_read(connection->head, length, &connection->request, &why);
    const struct promc_exporter_http_request *request = &connection->request;
    if (status != 0) {
        refuse_request(connection, status, why);
        return;
    }
    connection->last = request->close;
    connection->body_left = request->body;
    if (request->chunked || request->body > BODY_MAX || (request->expects && request->body > 0)) {
        connection->last = true; /* do not wait for its body */
        connection->body_left = 0;
    }
    connection->state = PROMC_CONNECTION_BODY;
}

static bool look_for_head(struct promc_connection *connection)
{
    long end = promc_exporter_http_end(&connection->scan, connection->in, connection->in_length);
    if (end < 0) {
        refuse_request(connection, 400, "a line feed without a carriage return, or a NUL");
    } else if (end > 0) {
        read_head(connection, (size_t)end);
    } else if (connection->in_length == PROMC_HEAD_MAX) {
        refuse_request(connection, connection->scan.line_seen ? 431 : 414,
                       connection->scan.line_seen ? "the head is too large" : "the request line is too long");
    }
    return connection->state != PROMC_CONNECTION_REQUEST;
}

static bool make_room(struct promc_connection *connection)
{
    if (connection->in_length < connection->in_room)
        return true;
    size_t room = connection->in_room < IN_START ? IN_START : connection->in_room * 2;
    room = room < PROMC_HEAD_MAX ? room : PROMC_HEAD_MAX;
    char *in = realloc(connection->in, room);
    if (!in)
        return false;
    connection->in = in;
    connection->in_room = room;
    return true;
}

/* @return true: bytes were read. */
static bool read_some(struct promc_connection *connection, uint64_t now)
{
    if (!make_room(connection)) {
        connection->state = PROMC_CONNECTION_CLOSED;
        return false;
    }
    ssize_t n = promc_transport_read(&connection->transport, connection->in + connection->in_length,
                                     connection->in_room - connection->in_length);
    if (n == 0 || n == PROMC_TRANSPORT_BROKEN)
        connection->state = PROMC_CONNECTION_CLOSED;
    if (n <= 0)
        return false;
    bool first = !connection->head; /* its time runs since the connection's start */
    if (connection->in_length == 0 && connection->state == PROMC_CONNECTION_REQUEST && !first)
        connection->deadline_ns = now + REQUEST_NS;
    connection->in_length += (size_t)n;
    return true;
}

static bool run_request(struct promc_connection *connection, uint64_t now)
{
    return (connection->in_length > 0 && look_for_head(connection)) || read_some(connection, now);
}

static bool run_body(struct promc_connection *connection, uint64_t now)
{
    size_t here = connection->in_length < connection->body_left ? connection->in_length : (size_t)connection->body_left;
    take_from_in(connection, here);
    connection->body_left -= here;
    if (connection->body_left > 0)
        return read_some(connection, now);
    connection->state = PROMC_CONNECTION_ANSWER;
    promc_answer_begin(connection);
    connection->progress = 0;
    connection->deadline_ns =
        promc_now_ns() + connection->allowance_ns; /* the time the collectors took does not count */
    return true;
}

/* The response was sent, or sending failed. */
static bool end_answer(struct promc_connection *connection, uint64_t now)
{
    promc_answer_end(connection);
    connection->idle_since_ns = now;
    if (connection->cut) {
        connection->state = PROMC_CONNECTION_CLOSED;
    } else if (connection->last) {
        promc_transport_shutdown(&connection->transport);
        connection->state = PROMC_CONNECTION_DRAIN;
        connection->deadline_ns = now + DRAIN_NS;
    } else {
        connection->state = PROMC_CONNECTION_REQUEST;
        connection->deadline_ns =
            now + (connection->in_length > 0 ? REQUEST_NS : connection->exporter->settings.idle_seconds * SECOND);
    }
    return connection->state != PROMC_CONNECTION_CLOSED;
}

static ssize_t write_some(struct promc_connection *connection)
{
    if (connection->out_at < connection->out_length) {
        ssize_t n = promc_transport_write(&connection->transport, connection->out + connection->out_at,
                                          connection->out_length - connection->out_at);
        connection->out_at += n > 0 ? (size_t)n : 0;
        return n;
    }
    ssize_t n = promc_transport_write(&connection->transport, connection->fixed, connection->fixed_left);
    connection->fixed += n > 0 ? n : 0;
    connection->fixed_left -= n > 0 ? (size_t)n : 0;
    return n;
}

static bool run_answer(struct promc_connection *connection, uint64_t now)
{
    if (connection->out_at == connection->out_length && connection->fixed_left == 0 && !promc_answer_more(connection))
        return end_answer(connection, now);
    ssize_t n = write_some(connection);
    if (n == PROMC_TRANSPORT_BROKEN)
        connection->state = PROMC_CONNECTION_CLOSED;
    if (n <= 0)
        return false;
    connection->progress += (uint64_t)n;
    if (connection->progress >= PROGRESS && !connection->announced) {
        connection->progress = 0;
        connection->deadline_ns = now + connection->allowance_ns;
    }
    return true;
}

/* Read and discard what the client still sends: closing with unread data would reset the connection and lose the response. */
static bool run_drain(struct promc_connection *connection, uint64_t now)
{
    connection->in_length = 0;
    return read_some(connection, now);
}

void promc_connection_run(struct promc_connection *connection, uint64_t now)
{
    bool more = true;
    for (int turn = 0; more && (turn < TURNS || promc_transport_pending(&connection->transport)); turn++) {
        switch (connection->state) {
        case PROMC_CONNECTION_REQUEST:
            more = run_request(connection, now);
            break;
        case PROMC_CONNECTION_BODY:
            more = run_body(connection, now);
            break;
        case PROMC_CONNECTION_ANSWER:
            more = run_answer(connection, now);
            break;
        case PROMC_CONNECTION_DRAIN:
            more = run_drain(connection, now);
            break;
        default:
            more = false;
            break;
        }
    }
    /* The turn is over, but the next step may need nothing from the socket, and poll() cannot see that. */
    connection->eager = more;
}
