/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop of the HTTP front in this thread, and clients on socket pairs, for the unit tests and the fuzz target. The
 * fixture aborts if one of these does not hold for any input: every answer is complete; every error has the documented
 * form; each answer is counted once with its status; nothing leaks.
 */
#ifndef FRONT_FIXTURE_H
#define FRONT_FIXTURE_H

#include "base/app.h"
#include "base/log.h"
#include "base/settings.h"
#include "http/chunked.h"
#include "http/connection.h"
#include "http/router.h"
#include "metrics/metrics.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FRONT_SECOND UINT64_C(1000000000)
#define FRONT_STATUS_MAX 600

struct front {
    struct settings settings;
    struct app app;
    struct router *router;
    struct loop *loop;
};

/** A client, everything it received, and the counters at its start. */
struct front_client {
    int fd; /* -1: closed */
    bool ended;
    bool left; /* closed while the server may still be answering: the last answer may be incomplete */
    char *received;
    size_t length, size;
    double before[FRONT_STATUS_MAX];
    unsigned answers[FRONT_STATUS_MAX]; /* by status */
    unsigned continues;
    int last; /* status of the last answer */
};

#define front_must(condition) ((condition) ? (void)0 : front_broken(#condition, __LINE__))
static inline void front_broken(const char *what, int line)
{
    (void)fprintf(stderr, "front_fixture.h:%d: does not hold: %s\n", line, what);
    abort();
}

/* ---- routes ---- */

static int front_answer(struct request *req)
{
    char *body = malloc(64);
    if (!body)
        return respond_error(req, 503, "no_memory", "No memory.");
    int n = snprintf(body, 64, "{\"length\":%zu,\"first\":%d}", req->body_length, req->body_length ? req->body[0] : 0);
    return respond_bytes(req, 200, "application/json", body, (size_t)n);
}

static int front_go_on(struct request *req)
{
    (void)req;
    return 0;
}

/* `left` counts down the remaining bytes; every second read has no data yet */
struct front_stream {
    size_t left;
    bool rested;
};

static long front_read(void *arg, char *buffer, size_t capacity)
{
    struct front_stream *stream = arg;
    size_t n = stream->left < capacity ? stream->left : capacity;
    if ((stream->rested = !stream->rested) && n > 0)
        return STREAM_REST;
    memset(buffer, 's', n);
    stream->left -= n;
    return (long)n;
}

static int front_stream(struct request *req)
{
    struct front_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return respond_error(req, 503, "no_memory", "No memory.");
    stream->left = 40000;
    return respond_stream(req, 200, "text/plain", stream, front_read, free);
}

static const char *const front_types[] = {"text/csv", NULL};
static const char *const front_parameters[] = {"a", "b[]", NULL};

static struct route front_routes[] = {
    {.method = PROMC_HTTP_GET,
     .path = "/a",
     .instrumented = true,
     .prepare = front_answer,
     .parameters = front_parameters},
    {.method = PROMC_HTTP_POST,
     .path = "/a",
     .instrumented = true,
     .body = BODY_JSON,
     .content_types = front_types,
     .prepare = front_answer},
    {.method = PROMC_HTTP_GET, .path = "/s", .instrumented = true, .prepare = front_stream},
    {.method = PROMC_HTTP_GET, .path = "/w", .instrumented = true, .prepare = front_go_on, .background = front_answer},
    {.method = PROMC_HTTP_POST,
     .path = "/w",
     .instrumented = true,
     .body = BODY_IMPORT,
     .content_types = front_types,
     .prepare = front_go_on,
     .background = front_answer},
    {.path = NULL},
};

/* ---- the loop ---- */

static inline struct front *front_open_with(struct route *const *tables, size_t count)
{
    struct front *front = calloc(1, sizeof(*front));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    front_must(front && (front->loop = calloc(1, sizeof(*front->loop))));
    log_set_level(LOG_FATAL + 1);
    front->settings = (struct settings){.data_dir = "/tmp",
                                        .max_header_bytes = 2048,
                                        .max_json_bytes = 100,
                                        .max_import_bytes = 300000,
                                        .idle_timeout_s = 60,
                                        .request_timeout_s = 60};
    front->app.settings = &front->settings;
    front_must(metrics_init(true, 1) == 0);
    front_must(router_create(&front->router, tables, count, metrics_http()) == 0);
    *front->loop = (struct loop){.app = &front->app,
                                 .owner = &connection_owner,
                                 .router = front->router,
                                 .max_connections = 100,
                                 .listener = -1};
    /* nobody connects to this listener: clients use socket pairs */
    front->loop->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    front_must(bind(front->loop->listener, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0 &&
               listen(front->loop->listener, 1) == 0 && loop_init(front->loop) == 0);
    return front;
}

static inline struct front *front_open(void)
{
    struct route *const tables[] = {front_routes};
    return front_open_with(tables, 1);
}

static inline void front_close(struct front *front)
{
    loop_destroy(front->loop);
    router_destroy(front->router);
    metrics_destroy();
    free(front->loop);
    free(front);
}

/** Read the request counters by status. Between two clients no request may be in flight. */
static inline void front_count(double counted[FRONT_STATUS_MAX])
{
    static const char *const names[] = {"http_requests_total", "http_requests_in_flight"};
    promc_scrape_settings settings = {.names = names, .name_count = 2};
    char *text;
    size_t length;
    front_must(promc_scrape_string(metrics_registry(), &settings, &text, &length) == 0);
    memset(counted, 0, FRONT_STATUS_MAX * sizeof(*counted));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *code = strstr(line, "status_code=\""), *value = strrchr(line, ' ');
        if (*line == '#' || !value)
            continue;
        if (strncmp(line, "http_requests_in_flight", 23) == 0)
            front_must(strtod(value, NULL) == 0);
        else if (code)
            counted[strtoul(code + 13, NULL, 10) % FRONT_STATUS_MAX] += strtod(value, NULL);
    }
    free(text);
}

static inline void front_connect(struct front *front, struct front_client *client)
{
    int pair[2];
    *client = (struct front_client){.fd = -1};
    front_count(client->before);
    front_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    client->fd = pair[0];
    connection_owner.accepted(front->loop, pair[1]);
}

/** Receive everything that has arrived. */
static inline void front_receive(struct front_client *client)
{
    while (client->fd >= 0 && !client->ended) {
        if (client->size - client->length < 65536) {
            client->size += 131072;
            front_must((client->received = realloc(client->received, client->size)));
        }
        ssize_t n = recv(client->fd, client->received + client->length, client->size - client->length - 1, 0);
        if (n < 0)
            return;
        client->ended = n == 0;
        client->length += (size_t)n;
        client->received[client->length] = '\0';
    }
}

static inline void front_turn(struct front *front, struct front_client *client, uv_run_mode mode)
{
    uv_run(&front->loop->uv, mode);
    front_receive(client);
}

/** Send in pieces of `step` bytes, as far as the socket accepts them. */
static inline void front_send(struct front *front, struct front_client *client, const void *bytes, size_t n,
                              size_t step)
{
    const char *at = bytes;
    for (unsigned tries = 0; n > 0 && !client->ended && tries < 100;) {
        ssize_t sent = send(client->fd, at, n < step ? n : step, MSG_NOSIGNAL);
        front_turn(front, client, sent > 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        tries = sent > 0 ? 0 : tries + 1;
        at += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
}

enum front_end {
    FRONT_HALF_CLOSE, /* stops sending, keeps reading */
    FRONT_CLOSE,      /* closes at once */
    FRONT_TIME_OUT    /* stays silent until it is cut off */
};

/** End the client. The connection must end too. */
static inline void front_finish(struct front *front, struct front_client *client, enum front_end end)
{
    uint64_t now = promc_now_ns();
    if (end == FRONT_HALF_CLOSE)
        (void)shutdown(client->fd, SHUT_WR);
    if (end == FRONT_CLOSE) {
        close(client->fd);
        client->fd = -1;
        client->left = true;
    }
    for (unsigned turns = 0; front->loop->connection_count > 0 || (client->fd >= 0 && !client->ended); turns++) {
        front_must(turns < 2000); /* otherwise the connection does not end */
        if (end == FRONT_TIME_OUT)
            connection_owner.sweep(front->loop, now += 1000 * FRONT_SECOND);
        front_turn(front, client, front->loop->in_flight > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
        if (end == FRONT_HALF_CLOSE && turns > 1000) /* lingers */
            connection_owner.sweep(front->loop, now + 10 * FRONT_SECOND);
    }
    front_must(front->loop->in_flight == 0);
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

/* ---- checks of the received bytes ---- */

static inline const char *front_field(const char *head, const char *name)
{
    const char *at = strstr(head, name);
    return at ? at + strlen(name) : NULL;
}

/** @return the end of the body. */
static inline char *front_chunks(const struct front_client *client, char *at, const char *end)
{
    struct chunked chunked = {0};
    for (;;) {
        const char *data;
        size_t used, length;
        enum chunked_result result = chunked_read(&chunked, at, (size_t)(end - at), &used, &data, &length);
        at += used;
        front_must(result == CHUNKED_DATA || result == CHUNKED_END || (result == CHUNKED_MORE && client->left));
        if (result != CHUNKED_DATA)
            return at;
    }
}

/** Check one complete answer. @return its end. */
static inline char *front_take_answer(struct front_client *client, char *at, bool *last)
{
    char *end = client->received + client->length, *body = strstr(at, "\r\n\r\n");
    if (!body && client->left)
        return end;
    front_must(strncmp(at, "HTTP/1.1 ", 9) == 0 && body);
    int status = atoi(at + 9);
    body[2] = '\0'; /* end the head here, for the searches */
    body += 4;
    if (status == 100) {
        client->continues++;
        return body;
    }
    front_must(status >= 200 && status < FRONT_STATUS_MAX && !*last);
    const char *id = front_field(at, "\r\nX-Request-Id: "), *length = front_field(at, "\r\nContent-Length: ");
    front_must(id && front_field(at, "\r\nDate: ") && front_field(at, "\r\nCache-Control: no-store\r\n"));
    client->answers[status]++;
    client->last = status;
    *last = front_field(at, "\r\nConnection: close\r\n") != NULL;
    if (body == end || strncmp(body, "HTTP/1.1 ", 9) == 0)
        return body; /* an answer to HEAD */
    if (front_field(at, "\r\nTransfer-Encoding: chunked\r\n"))
        return front_chunks(client, body, end);
    if (!length) { /* HTTP/1.0: until the connection ends */
        front_must(*last);
        return end;
    }
    size_t n = strtoul(length, NULL, 10);
    if (n > (size_t)(end - body) && client->left)
        return end;
    front_must(n <= (size_t)(end - body));
    if (status >= 400) {
        char tail[128];
        (void)snprintf(tail, sizeof(tail), ",\"request_id\":\"%.*s\"}}", (int)strcspn(id, "\r"), id);
        front_must(front_field(at, "\r\nContent-Type: application/json\r\n") && n > strlen(tail));
        front_must(strncmp(body, "{\"error\":{\"code\":\"", 18) == 0 &&
                   memcmp(body + n - strlen(tail), tail, strlen(tail)) == 0);
    }
    return body + n;
}

/** Everything received is complete answers. Exactly the answered requests were counted, plus at most one abort. */
static inline void front_check(struct front_client *client, enum front_end end)
{
    double after[FRONT_STATUS_MAX];
    bool last = false;
    for (char *at = client->received; at && at < client->received + client->length;)
        at = front_take_answer(client, at, &last);
    front_count(after);
    for (int status = 200; status < FRONT_STATUS_MAX && end != FRONT_CLOSE; status++)
        if (status != 499)
            front_must(after[status] - client->before[status] == client->answers[status]);
    front_must(after[499] - client->before[499] <= 1);
    client->answers[499] = (unsigned)(after[499] - client->before[499]);
    free(client->received);
    client->received = NULL;
}

#endif
