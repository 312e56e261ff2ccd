/* SPDX-License-Identifier: Apache-2.0 */
#include "http/connection.h"

#include "base/app.h"
#include "base/settings.h"
#include "http/answer_head.h"
#include "http/chunked.h"
#include "http/exchange.h"
#include "http/incoming.h"
#include "http/outgoing.h"
#include "http/streaming.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
/* reads of one connection in one turn of the loop, so that the other connections get their turn */
#define READS_PER_TURN 16
/* bytes a second: the deadline of an answer allows for a client that reads this slowly, and cuts off a slower one */
#define SLOWEST_READER 16384
/* after the last answer the client may go on sending for this long, and this many bytes (see leave()) */
#define LINGER_NS (2 * SECOND)
#define LINGER_MAX (1024 * 1024)

/*
 * Each request goes through HEAD, BODY and SEND, and back to HEAD. WAIT comes after HEAD if the store must look up the
 * key, and after BODY if the handler runs on another thread. REST comes between the slices of a long answer. The last
 * answer is followed by LINGER, or the connection is closed at once.
 */
enum phase {
    PHASE_HANDSHAKE,
    PHASE_HEAD,  /* between requests, and while a head arrives */
    PHASE_BODY,  /* the head is complete and valid */
    PHASE_WAIT,  /* another thread owns the exchange */
    PHASE_SEND,  /* an answer is being sent */
    PHASE_REST,  /* an answer is being sent, and pauses (see http/streaming.h) */
    PHASE_LINGER /* the last answer is sent; input is discarded, so that the client can read the answer */
};

struct connection {
    struct loop *loop;
    struct connection *previous, *next;
    struct wire wire;
    struct outgoing out;
    uv_poll_t poll;
    int watched; /* enum uv_poll_event */
    enum phase phase;
    bool over;  /* to be closed as soon as no other thread owns the exchange */
    bool whole; /* the whole request has been read */
    struct incoming in;
    struct streaming streaming;
    struct head_scan scan;
    struct chunked chunked;
    uint64_t left;        /* bytes left of a body with Content-Length, or of what PHASE_LINGER discards */
    uint64_t progress_ns; /* when bytes were last received or sent */
    uint64_t deadline_ns; /* when the phase must have ended */
    struct exchange exchange;
};

static struct connection *of_exchange(struct exchange *exchange)
{
    return (struct connection *)((char *)exchange - offsetof(struct connection, exchange));
}

static uint64_t request_timeout(const struct connection *connection)
{
    return connection->loop->app->settings->request_timeout_s * SECOND;
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void destroy(struct connection *connection)
{
    struct loop *loop = connection->loop;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        loop->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    loop->connection_count--;
    uv_close((uv_handle_t *)&connection->poll, on_closed); /* stops polling at once: the descriptor may be closed */
    wire_close(&connection->wire);
    outgoing_free(&connection->out);
    incoming_free(&connection->in);
    loop_accept_again(loop);
}

/* A request counts as one, also if it fails, once its request line has arrived. Before that there was no request. */
static void drop_exchange(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    if (!exchange_is_begun(exchange))
        return;
    if (connection->phase == PHASE_HEAD && connection->scan.lines == 0)
        exchange_forget(exchange);
    else
        exchange_end(exchange, false);
}

static bool is_elsewhere(const struct connection *connection)
{
    return connection->phase == PHASE_WAIT || connection->phase == PHASE_REST;
}

/* Poll for the events that the phase waits for. No system call if they have not changed. */
static void watch(struct connection *connection);

static void finish(struct connection *connection)
{
    if (is_elsewhere(connection)) {
        watch(connection);
        return; /* on_ready() or rested() calls again */
    }
    drop_exchange(connection);
    destroy(connection);
}

/* ---- reading ---- */

/* @param n the result of a read. @return whether it gave bytes. */
static bool came(struct connection *connection, long n)
{
    if (n > 0)
        connection->progress_ns = promc_now_ns();
    connection->over |= n == WIRE_BROKEN;
    return n > 0;
}

/* ---- answering ---- */

static struct answer_frame frame_of(struct exchange *exchange)
{
    const struct request *req = &exchange->req;
    struct answer_frame frame = {.length = req->response_length, .is_1_0 = exchange->head.is_1_0};
    if (req->stream_read && exchange->method == PROMC_HTTP_HEAD)
        frame.framing = ANSWER_NO_LENGTH;
    else if (req->stream_read)
        frame.framing = frame.is_1_0 ? ANSWER_UNTIL_CLOSE : ANSWER_CHUNKED;
    if (frame.framing == ANSWER_UNTIL_CLOSE || exchange->loop->draining)
        exchange->close = true;
    frame.close = exchange->close;
    return frame;
}

static void sending_went(struct connection *connection, int rc)
{
    if (rc == WIRE_BROKEN)
        connection->over = true;
    connection->progress_ns = promc_now_ns();
}

/* The answer is in exchange->req: send its head and as much of its body as the socket accepts. */
static void start_answer(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    const struct request *req = &exchange->req;
    char head[ANSWER_HEAD_MAX];
    struct answer_frame frame = frame_of(exchange);
    size_t n = answer_head(head, req, &frame, loop_date(connection->loop));
    bool no_body = exchange->method == PROMC_HTTP_HEAD || req->stream_read || req->status == 204;
    size_t length = no_body ? 0 : req->response_length;
    connection->phase = PHASE_SEND;
    streaming_begin(&connection->streaming, exchange);
    connection->deadline_ns = promc_now_ns() + request_timeout(connection) + length * (SECOND / SLOWEST_READER);
    exchange->sent = length;
    sending_went(connection,
                 outgoing_send(&connection->out, &connection->wire, head, n, length ? req->response : NULL, length));
}

static void go_on(struct connection *connection, enum exchange_next next)
{
    if (next == EXCHANGE_ANSWER)
        start_answer(connection);
    else
        connection->phase = next == EXCHANGE_READ ? PHASE_BODY : PHASE_WAIT;
}

static void complete(struct connection *connection)
{
    connection->whole = true;
    go_on(connection, exchange_complete(&connection->exchange));
}

/* The head is complete and the organisation is known. */
static void head_done(struct connection *connection, enum exchange_next next)
{
    struct exchange *exchange = &connection->exchange;
    connection->left = exchange->head.content_length;
    go_on(connection, next);
    if (next != EXCHANGE_READ)
        return;
    if (!exchange->has_body)
        complete(connection);
    else if (exchange->head.expect_continue && connection->in.begin == connection->in.end)
        sending_went(connection,
                     outgoing_send(&connection->out, &connection->wire, "HTTP/1.1 100 Continue\r\n\r\n", 25, NULL, 0));
}

static void refuse(struct connection *connection, int status, const char *fault)
{
    exchange_refuse(&connection->exchange, status, fault);
    start_answer(connection);
}

static void advance(struct connection *connection);

static void rested(struct loop_mail *mail)
{
    struct connection *connection = of_exchange(exchange_of_mail(mail));
    connection->phase = PHASE_SEND;
    advance(connection);
}

/* Send the next slice of a streamed answer. @return false: it pauses. */
static bool send_slice(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    long n = streaming_next(&connection->streaming, exchange, &connection->out, &connection->wire);
    if (n == WIRE_AGAIN) {
        connection->phase = PHASE_REST;
        exchange->mail.deliver = rested;
        loop_post_later(connection->loop, &exchange->mail);
        return false;
    }
    connection->over = n == WIRE_BROKEN;
    connection->progress_ns = promc_now_ns();
    connection->deadline_ns += n > 0 ? (uint64_t)n * (SECOND / SLOWEST_READER) : 0;
    return true;
}

/*
 * End the connection. If we closed a socket with unread bytes, the kernel would reset it and the client could lose the
 * answer. So we stop sending, and read and discard for a while (PHASE_LINGER).
 */
static void leave(struct connection *connection, bool unread)
{
    connection->out.length = connection->out.at = 0;
    if (connection->in.eof || !unread) {
        connection->over = true;
        return;
    }
    wire_end(&connection->wire);
    connection->phase = PHASE_LINGER;
    connection->left = LINGER_MAX;
    connection->deadline_ns = promc_now_ns() + LINGER_NS;
}

static void answer_sent(struct connection *connection)
{
    bool close = connection->exchange.close;
    bool unread = !connection->whole || incoming_is_unread(&connection->in);
    exchange_end(&connection->exchange, true);
    outgoing_free(&connection->out);
    connection->progress_ns = promc_now_ns();
    connection->phase = PHASE_HEAD;
    if (close)
        leave(connection, unread);
    else
        connection->over |= !incoming_next(&connection->in);
}

/* ---- a step ---- */

/* A step of a phase does one thing. @return whether another step may be possible without waiting. */
static bool step_handshake(struct connection *connection)
{
    int rc = wire_handshake(&connection->wire);
    connection->over = rc == WIRE_BROKEN;
    if (rc == 1)
        connection->phase = PHASE_HEAD;
    return rc == 1;
}

static void begin(struct connection *connection)
{
    exchange_begin(&connection->exchange, promc_now_ns());
    connection->deadline_ns = connection->exchange.start_ns + request_timeout(connection);
    connection->scan = (struct head_scan){0};
    connection->chunked = (struct chunked){0};
    connection->whole = false;
}

static bool step_head(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    struct incoming *in = &connection->in;
    size_t most = connection->loop->app->settings->max_header_bytes;
    if (exchange_is_begun(exchange) || incoming_skip_empty_lines(in)) {
        char *bytes = in->bytes + in->begin;
        struct head_scan *scan = &connection->scan;
        if (!exchange_is_begun(exchange))
            begin(connection);
        switch (head_scan(scan, bytes, in->end - in->begin, most)) {
        case HEAD_WHOLE:
            in->begin += scan->length;
            head_done(connection, exchange_head(exchange, scan, bytes));
            return true;
        case HEAD_REFUSED:
            refuse(connection, scan->status, scan->fault);
            return true;
        case HEAD_MORE:
            break;
        }
    }
    if (came(connection, incoming_read_head(in, &connection->wire, most + 1))) /* head_scan() refuses the last byte */
        return true;
    if (in->eof || (connection->loop->draining && !exchange_is_begun(exchange)))
        connection->over = true;
    return false;
}

/* @return bytes used. The phase has changed if the body is complete or refused. */
static size_t take_chunks(struct connection *connection, const char *data, size_t n)
{
    struct chunked *chunked = &connection->chunked;
    const char *piece;
    size_t taken = 0, used, length;
    for (;;) {
        enum chunked_result result = chunked_read(chunked, data + taken, n - taken, &used, &piece, &length);
        taken += used;
        switch (result) {
        case CHUNKED_MORE:
            return taken;
        case CHUNKED_DATA:
            if (exchange_data(&connection->exchange, piece, length) == EXCHANGE_READ)
                continue;
            start_answer(connection);
            return taken;
        case CHUNKED_END:
            complete(connection);
            return taken;
        case CHUNKED_BAD:
        case CHUNKED_TOO_MUCH:
            refuse(connection, result == CHUNKED_BAD ? 400 : 431, chunked->fault);
            return taken;
        }
    }
}

static size_t take_body(struct connection *connection, const char *data, size_t n)
{
    struct exchange *exchange = &connection->exchange;
    if (exchange->head.chunked)
        return take_chunks(connection, data, n);
    size_t taken = n < connection->left ? n : (size_t)connection->left;
    connection->left -= taken;
    if (exchange_data(exchange, data, taken) == EXCHANGE_ANSWER)
        start_answer(connection);
    else if (connection->left == 0)
        complete(connection);
    return taken;
}

/* Reads into the buffer that all connections of the loop share: take_body() copies what is kept. */
static bool read_body(struct connection *connection)
{
    char *scratch = connection->loop->scratch;
    size_t most = connection->left < LOOP_READ_SIZE ? (size_t)connection->left : LOOP_READ_SIZE;
    long n = incoming_read(&connection->in, &connection->wire, scratch, most);
    if (came(connection, n))
        take_body(connection, scratch, (size_t)n);
    return n > 0;
}

static bool read_chunks(struct connection *connection)
{
    struct incoming *in = &connection->in;
    if (!came(connection, incoming_read_chunks(in, &connection->wire)))
        return false;
    in->tail_begin = take_chunks(connection, in->tail, in->tail_end);
    return true;
}

static bool step_body(struct connection *connection)
{
    struct incoming *in = &connection->in;
    if (outgoing_is_pending(&connection->out)) /* 100 Continue */
        sending_went(connection, outgoing_flush(&connection->out, &connection->wire));
    if (in->begin < in->end) {
        in->begin += take_body(connection, in->bytes + in->begin, in->end - in->begin);
        return true;
    }
    if (connection->exchange.head.chunked ? read_chunks(connection) : read_body(connection))
        return true;
    connection->over |= in->eof; /* the body can never be complete */
    return false;
}

static bool step_send(struct connection *connection)
{
    if (outgoing_is_pending(&connection->out)) {
        int rc = outgoing_flush(&connection->out, &connection->wire);
        if (rc == WIRE_AGAIN)
            return false;
        sending_went(connection, rc);
    } else if (!connection->streaming.whole) {
        return send_slice(connection);
    } else {
        answer_sent(connection);
    }
    return true;
}

static bool step_linger(struct connection *connection)
{
    long n = wire_discard(&connection->wire, connection->loop->scratch, LOOP_READ_SIZE);
    connection->over = n != WIRE_AGAIN && (n <= 0 || (uint64_t)n >= connection->left);
    connection->left -= n > 0 && !connection->over ? (uint64_t)n : 0;
    return n > 0 && --connection->in.reads > 0;
}

static bool step(struct connection *connection)
{
    switch (connection->phase) {
    case PHASE_HANDSHAKE:
        return step_handshake(connection);
    case PHASE_HEAD:
        return step_head(connection);
    case PHASE_BODY:
        return step_body(connection);
    case PHASE_SEND:
        return step_send(connection);
    case PHASE_LINGER:
        return step_linger(connection);
    case PHASE_WAIT:
    case PHASE_REST:
        break;
    }
    return false;
}

static void advance(struct connection *connection)
{
    connection->in.reads = READS_PER_TURN;
    while (!connection->over && step(connection))
        ;
    if (connection->over)
        finish(connection);
    else
        watch(connection);
}

/* ---- events ---- */

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;
    if (status < 0)
        connection->watched = 0; /* an error on the socket: the next read or write reports it */
    if (status < 0 || (events & UV_READABLE))
        connection->in.readable = true;
    advance(connection);
}

static int events_wanted(const struct connection *connection)
{
    if (connection->over)
        return 0;
    switch (connection->phase) {
    case PHASE_HANDSHAKE:
        return wire_wants_write(&connection->wire) ? UV_WRITABLE : UV_READABLE;
    case PHASE_HEAD:
    case PHASE_BODY:
        return UV_READABLE | (outgoing_is_pending(&connection->out) ? UV_WRITABLE : 0);
    case PHASE_SEND:
        return UV_WRITABLE;
    case PHASE_LINGER:
        return UV_READABLE;
    case PHASE_WAIT:
    case PHASE_REST:
        break;
    }
    /*
     * Waiting or pausing: leave the poll as it is, because most clients send nothing before their answer. If one does,
     * stop polling it until then.
     */
    return connection->in.readable || connection->in.eof ? 0 : connection->watched & UV_READABLE;
}

static void watch(struct connection *connection)
{
    int wanted = events_wanted(connection);
    if (wanted == connection->watched)
        return;
    if (wanted == 0)
        uv_poll_stop(&connection->poll);
    else if (uv_poll_start(&connection->poll, wanted, on_event) < 0)
        wanted = 0; /* the deadline will end the connection */
    connection->watched = wanted;
}

/* The other thread has finished. */
static void on_ready(struct exchange *exchange, enum exchange_next next)
{
    struct connection *connection = of_exchange(exchange);
    bool was_head = !connection->whole;
    connection->phase = PHASE_SEND;
    connection->deadline_ns = promc_now_ns() + request_timeout(connection); /* the time for the body begins now */
    connection->progress_ns = promc_now_ns();
    if (!connection->over && was_head)
        head_done(connection, next);
    else if (!connection->over)
        go_on(connection, next);
    advance(connection);
}

static void accepted(struct loop *loop, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    bool tls = loop->app->settings->tls_cert[0] != '\0';
    if (!connection || !wire_open(&connection->wire, fd, tls) || uv_poll_init(&loop->uv, &connection->poll, fd) < 0) {
        if (connection)
            wire_close(&connection->wire);
        else
            close(fd);
        free(connection);
        return;
    }
    connection->loop = loop;
    connection->poll.data = connection;
    connection->phase = PHASE_HANDSHAKE;
    connection->in.readable = true; /* most clients have sent their request already */
    connection->progress_ns = promc_now_ns();
    connection->deadline_ns = connection->progress_ns + request_timeout(connection);
    exchange_init(&connection->exchange, loop, on_ready);
    connection->next = loop->connections;
    if (loop->connections)
        loop->connections->previous = connection;
    loop->connections = connection;
    loop->connection_count++;
    advance(connection);
}

/* ---- deadlines ---- */

static bool is_idle(const struct connection *connection)
{
    return connection->phase == PHASE_HEAD && !exchange_is_begun(&connection->exchange);
}

static bool is_late(const struct connection *connection, uint64_t now_ns)
{
    uint64_t idle_timeout = connection->loop->app->settings->idle_timeout_s * SECOND;
    if (now_ns > connection->progress_ns && now_ns - connection->progress_ns > idle_timeout)
        return true;
    return !is_idle(connection) && now_ns > connection->deadline_ns;
}

/* A slow sender gets a 408. A slow reader cannot be told, so it is cut off. */
static void end_late(struct connection *connection)
{
    bool reading = connection->phase == PHASE_BODY || connection->phase == PHASE_HEAD;
    if (reading && exchange_is_begun(&connection->exchange))
        refuse(connection, 408, "The request did not arrive completely in time.");
    else
        connection->over = true;
    advance(connection);
}

static void sweep(struct loop *loop, uint64_t now_ns)
{
    uint64_t drain = atomic_load_explicit(&loop->drain_deadline_ns, memory_order_relaxed);
    bool cut_all = loop->draining && now_ns > drain;
    for (struct connection *connection = loop->connections, *next; connection; connection = next) {
        next = connection->next;
        /* on_ready() or rested() continues it; a later sweep ends it if it is late */
        if (is_elsewhere(connection))
            continue;
        if (cut_all)
            finish(connection);
        else if (is_late(connection, now_ns))
            end_late(connection);
    }
}

/* Close handshakes, and idle connections after the requests that the kernel has already received for them. */
static void drain(struct loop *loop)
{
    for (struct connection *connection = loop->connections, *next; connection; connection = next) {
        next = connection->next;
        if (connection->phase == PHASE_HANDSHAKE)
            connection->over = true;
        else if (!is_idle(connection))
            continue;
        connection->in.readable = true;
        advance(connection);
    }
}

static void close_all(struct loop *loop)
{
    for (struct connection *connection = loop->connections, *next; connection; connection = next) {
        next = connection->next;
        destroy(connection);
    }
}

const struct loop_owner connection_owner = {accepted, sweep, drain, close_all};
