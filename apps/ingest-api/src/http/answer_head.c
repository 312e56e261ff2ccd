/* SPDX-License-Identifier: Apache-2.0 */
#include "http/answer_head.h"

#include "base/text.h"

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status"; /* programs ignore the phrase */
}

static void add_field(struct text *text, const char *name, const char *value)
{
    text_add(text, name);
    text_add(text, value);
    text_add(text, "\r\n");
}

static void add_number(struct text *text, const char *name, uint64_t value)
{
    text_add(text, name);
    text_add_u64(text, value);
    text_add(text, "\r\n");
}

static void add_status_line(struct text *text, int status)
{
    text_add(text, "HTTP/1.1 ");
    text_add_i64(text, status);
    text_add(text, " ");
    text_add(text, reason(status));
    text_add(text, "\r\n");
}

size_t answer_head(char out[ANSWER_HEAD_MAX], const struct request *req, const struct answer_frame *frame,
                   const char *date)
{
    struct text text;
    text_init(&text, out, ANSWER_HEAD_MAX);
    add_status_line(&text, req->status);
    add_field(&text, "Date: ", date);
    if (frame->framing == ANSWER_CHUNKED)
        text_add(&text, "Transfer-Encoding: chunked\r\n");
    else if (frame->framing == ANSWER_LENGTH && req->status != 204)
        add_number(&text, "Content-Length: ", frame->length);
    add_field(&text, "X-Request-Id: ", req->id);
    if (req->response_type)
        add_field(&text, "Content-Type: ", req->response_type);
    text_add(&text, "Cache-Control: no-store\r\n");
    for (size_t i = 0; i < req->field_count; i++) {
        text_add(&text, req->fields[i].name);
        add_field(&text, ": ", req->fields[i].value);
    }
    if (req->allow)
        add_field(&text, "Allow: ", req->allow);
    if (req->www_authenticate)
        text_add(&text, "WWW-Authenticate: Bearer realm=\"ingest-api\"\r\n");
    if (req->location[0])
        add_field(&text, "Location: ", req->location);
    if (req->retry_after > 0)
        add_number(&text, "Retry-After: ", (uint64_t)req->retry_after);
    if (frame->close)
        text_add(&text, "Connection: close\r\n");
    else if (frame->is_1_0)
        text_add(&text, "Connection: keep-alive\r\n");
    text_add(&text, "\r\n");
    return text.length;
}
