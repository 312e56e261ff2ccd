/* SPDX-License-Identifier: Apache-2.0 */
#include "http/request.h"

#include "base/log.h"
#include "base/text.h"
#include "http/body.h"
#include "http/decode.h"
#include "http/head.h"
#include "http/router.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON "application/json"

/* An answer replaces an earlier one. */
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
    if (status >= 500)
        log_warn("request failed", "s:component", "http", "s:reqId", req->id, "s:method", req->method, "s:route",
                 req->route ? req->route->path : NULL, "s:organisation", req->organisation_id, "i:status",
                 (int64_t)status, "s:code", code, "s:reason", message);

    text_init(&text, storage, sizeof(storage));
    text_add(&text, "{\"error\":{\"code\":\"");
    text_add(&text, code);
    text_add(&text, "\",\"message\":");
    /* cut it to a length that fits even if each byte is escaped to six */
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
    /* without memory the answer is the status alone */
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
    for (size_t i = 0; req->query && i < req->query->count && found < max; i++)
        if (strcmp(req->query->pair[i].name, name) == 0)
            values[found++] = req->query->pair[i].value;
    return found;
}

const char *request_header(struct request *req, const char *name)
{
    return req->head ? head_find(req->head, name) : NULL;
}

const char *request_header_next(struct request *req, const char *name, const char *value)
{
    return head_next(req->head, name, value);
}

void request_body_pass(const struct request *req, const char *up_to)
{
    if (req->spool)
        body_pass(req->spool, up_to);
}
