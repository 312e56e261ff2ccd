/* SPDX-License-Identifier: Apache-2.0 */
/* respond_*(), and what becomes of it on the wire. */
#include "http/exchange.h"

#include "app.h"
#include "base/settings.h"
#include "base/text.h"
#include "http/decode.h"
#include "http/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* a client that takes less than this many bytes a second for long is cut off */
#define SLOWEST_READER 16384

/*
 * A long answer, such as the scrape of 100,000 series, would be written as fast as its client takes it, and keep a core
 * from the requests beside it for 20 ms. So it rests for a moment after each slice. What is over soon goes at once; a
 * very long one may write this part of what it has written between two rests, so that it comes to its end.
 */
#define STREAM_AT_ONCE (128 * 1024)
#define STREAM_PART 512

#define JSON "application/json"

/** An answer replaces the one before it, if there was one. */
int respond_bytes(struct request *req, int status, const char *type, char *body, size_t length)
{
    free(req->response);
    if (req->stream_free)
        req->stream_free(req->stream);
    req->stream_free = NULL;
    req->stream_read = NULL;
    req->stream = NULL;
    req->status = status;
    req->response = body;
    req->response_length = body ? length : 0;
    req->response_type = type;
    return status;
}

int respond_json(struct request *req, int status, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text)
        return respond_error(req, 500, "internal", "The answer cannot be written.");
    return respond_bytes(req, status, JSON, text, strlen(text));
}

int respond_error(struct request *req, int status, const char *code, const char *format, ...)
{
    char message[512], storage[2048];
    struct text text;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);

    text_init(&text, storage, sizeof(storage));
    text_add(&text, "{\"error\":{\"code\":\"");
    text_add(&text, code);
    text_add(&text, "\",\"message\":");
    /* cut so that it fits in its longest form, six bytes for one */
    text_add_json(&text, message, n < 0 ? 0 : strlen(message), sizeof(message));
    if (text.overflow) {
        text.overflow = false;
        text_add_json(&text, message, strlen(message), 256);
    }
    text_add(&text, ",\"request_id\":");
    text_add_json(&text, req->id, strlen(req->id), sizeof(req->id));
    text_add(&text, "}}");
    char *body = malloc(text.length);
    if (body)
        memcpy(body, text.data, text.length);
    /* without memory for it the status alone has to do */
    return respond_bytes(req, status, JSON, body, text.length);
}

int respond_stream(struct request *req, int status, const char *type, void *stream,
                   long (*read)(void *stream, char *buffer, size_t capacity), void (*release)(void *stream))
{
    respond_bytes(req, status, type, NULL, 0);
    req->stream = stream;
    req->stream_read = read;
    req->stream_free = release;
    return status;
}

const char *request_query(struct request *req, const char *name)
{
    const char *value;
    return request_query_all(req, name, &value, 1) ? value : NULL;
}

size_t request_query_all(struct request *req, const char *name, const char **values, size_t max)
{
    size_t found = 0;
    for (size_t i = 0; req->query && i < req->query->count && found < max; i++) {
        if (strcmp(req->query->pair[i].name, name) == 0)
            values[found++] = req->query->pair[i].value;
    }
    return found;
}

const char *request_header(struct request *req, const char *name)
{
    struct exchange *exchange = req->connection;
    if (!exchange)
        return NULL;
    return MHD_lookup_connection_value(exchange_connection(exchange)->mhd, MHD_HEADER_KIND, name);
}

void request_body_pass(const struct request *req, const char *up_to)
{
    const struct exchange *exchange = req->connection;
    if (exchange)
        body_pass(&exchange->body, up_to);
}

/* ---- the wire --------------------------------------------------------------------------------------------------- */

static void rested(struct loop_mail *mail)
{
    MHD_resume_connection(exchange_connection(exchange_of_mail(mail))->mhd);
}

static void rest(struct exchange *exchange)
{
    exchange->rest_at = exchange->sent + exchange->sent / STREAM_PART;
    exchange->mail.deliver = rested;
    MHD_suspend_connection(exchange_connection(exchange)->mhd);
    loop_post_later(exchange_connection(exchange)->loop, &exchange->mail);
}

static ssize_t on_read(void *cls, uint64_t position, char *buffer, size_t capacity)
{
    struct exchange *exchange = cls;
    struct request *req = &exchange->req;
    (void)position;
    exchange_connection(exchange)->loop->progress = true;
    if (exchange->sent > exchange->rest_at) {
        rest(exchange);
        return 0;
    }
    long n = req->stream_read(req->stream, buffer, capacity);
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    exchange->sent += (uint64_t)n;
    exchange->deadline_ns += (uint64_t)n * (UINT64_C(1000000000) / SLOWEST_READER);
    return n;
}

static struct MHD_Response *make_response(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    exchange->rest_at = STREAM_AT_ONCE;
    if (req->stream_read) /* to HEAD the daemon would send the end of a body of unknown length */
        return MHD_create_response_from_callback(exchange->method == PROMC_HTTP_HEAD ? req->stream_length
                                                                                     : MHD_SIZE_UNKNOWN,
                                                 32768, on_read, exchange, NULL);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(req->response_length, req->response ? req->response : (void *)(uintptr_t) "",
                                        req->response ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response && exchange->method != PROMC_HTTP_HEAD)
        exchange->sent = req->response_length;
    if (response)
        req->response = NULL; /* the daemon's now */
    return response;
}

static enum MHD_Result add_headers(struct exchange *exchange, struct MHD_Response *response)
{
    struct request *req = &exchange->req;
    char number[16];
    enum MHD_Result ok = MHD_add_response_header(response, "X-Request-Id", req->id);
    if (ok && req->response_type)
        ok = MHD_add_response_header(response, "Content-Type", req->response_type);
    if (ok)
        ok = MHD_add_response_header(response, "Cache-Control", "no-store");
    if (ok && req->allow)
        ok = MHD_add_response_header(response, "Allow", req->allow);
    if (ok && req->www_authenticate)
        ok = MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"ingest-api\"");
    if (ok && req->location[0])
        ok = MHD_add_response_header(response, "Location", req->location);
    if (ok && req->retry_after > 0) {
        snprintf(number, sizeof(number), "%d", req->retry_after);
        ok = MHD_add_response_header(response, "Retry-After", number);
    }
    if (ok && (exchange->close || exchange_connection(exchange)->loop->draining))
        ok = MHD_add_response_header(response, "Connection", "close");
    return ok;
}

enum MHD_Result exchange_queue_answer(struct exchange *exchange)
{
    struct connection *connection = exchange_connection(exchange);
    struct request *req = &exchange->req;
    if (req->status < 200 || req->status > 599) {
        log_error("a handler gave no answer", "s:reqId", req->id, "s:route", req->route->path);
        respond_error(req, 500, "internal", "The request was not answered.");
    }
    struct MHD_Response *response = make_response(exchange);
    if (!response)
        return MHD_NO;
    uint64_t seconds = connection->loop->app->settings->request_timeout_s + exchange->sent / SLOWEST_READER;
    exchange->deadline_ns = promc_now_ns() + seconds * UINT64_C(1000000000);
    enum MHD_Result ok = add_headers(exchange, response);
    if (ok)
        ok = MHD_queue_response(connection->mhd, (unsigned)req->status, response);
    MHD_destroy_response(response);
    if (ok)
        exchange->phase = EXCHANGE_SENDING;
    return ok;
}
