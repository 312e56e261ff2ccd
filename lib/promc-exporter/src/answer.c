/* SPDX-License-Identifier: Apache-2.0 */
/* The responses. The head and as much of the body as fits are sent together. */
#include "answer.h"
#include "history.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SECOND 1000000000ull
/* Time-out of a response to a client that sends no scrape time-out. */
#define ALLOWANCE_NS (10 * SECOND)
/* The longest time-out that a client can request. */
#define ALLOWANCE_MOST_NS (600 * SECOND)
/* Histories in flight: each is a copy of up to 2 MiB. */
#define HISTORY_ANSWERS 4
#define CHUNK_HEAD 6 /* "ffff\r\n" */
#define CHUNK_TAIL 2
#define CHUNKS_END "0\r\n\r\n"
/* Do not read a slice if the buffer has less room than this. */
#define SLICE_LEAST 1024

static void put(struct promc_connection *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct promc_connection *connection, const char *format, ...)
{
    va_list arguments;
    size_t room = PROMC_ANSWER_ROOM - connection->out_length;
    va_start(arguments, format);
    int length = vsnprintf(connection->out + connection->out_length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        connection->cut = true; /* cannot happen: none of our heads is so long */
        return;
    }
    connection->out_length += (size_t)length;
}

static const char *reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {411, "Length Required"},
                   {414, "URI Too Long"},
                   {417, "Expectation Failed"},
                   {431, "Request Header Fields Too Large"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

/* strftime() would use the program's locale. */
static void put_date(struct promc_connection *connection)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm)) {
        put(connection, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
            tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
}

/* A new buffer with the beginning of a head. */
static bool begin_head(struct promc_connection *connection, unsigned status)
{
    if (!connection->out)
        connection->out = malloc(PROMC_ANSWER_ROOM);
    connection->out_at = connection->out_length = 0;
    if (!connection->out) {
        connection->cut = true;
        return false;
    }
    put(connection, "HTTP/1.1 %u %s\r\n", status, reason(status));
    put_date(connection);
    return true;
}

static void end_head(struct promc_connection *connection)
{
    const struct promc_exporter_http_request *request = &connection->request;
    connection->last |= connection->reserve;
    if (connection->last)
        put(connection, "Connection: close\r\n");
    else if (request->old)
        put(connection, "Connection: keep-alive\r\n");
    put(connection, "\r\n");
}

static bool is_method(const struct promc_connection *connection, const char *method)
{
    return connection->request.method && strcmp(connection->request.method, method) == 0;
}

/* Answer with one line of text. `header` is a whole header line, or "". The answer to HEAD has the same head. */
static void answer_text(struct promc_connection *connection, unsigned status, const char *header, const char *text)
{
    if (!begin_head(connection, status))
        return;
    put(connection, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n%s", strlen(text) + 1, header);
    end_head(connection);
    if (!is_method(connection, "HEAD"))
        put(connection, "%s\n", text);
}

void promc_answer_refuse(struct promc_connection *connection, unsigned status, const char *why)
{
    connection->last = true;
    connection->request.method = NULL;
    connection->allowance_ns = ALLOWANCE_NS;
    answer_text(connection, status, "", why);
}

static void answer_page(struct promc_connection *connection)
{
    if (!begin_head(connection, 200))
        return;
    put(connection,
        "Content-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "connect-src 'self'; img-src data:; frame-ancestors 'none'\r\n",
        promc_exporter_page_size);
    end_head(connection);
    if (!is_method(connection, "HEAD")) {
        connection->fixed = promc_exporter_page;
        connection->fixed_left = promc_exporter_page_size;
    }
    promc_history_start(connection->exporter->history);
}

static void answer_history(struct promc_connection *connection)
{
    promc_exporter *exporter = connection->exporter;
    size_t length = 0;
    char *body = exporter->history_answers < HISTORY_ANSWERS
                     ? promc_history_body(exporter->history, promc_now_ns(), &length)
                     : NULL;
    if (!body) {
        answer_text(connection, 503, "Retry-After: 1\r\n",
                    "too many requests for the history at once, or out of memory");
        return;
    }
    if (!begin_head(connection, 200)) {
        free(body);
        return;
    }
    connection->history = body;
    exporter->history_answers++;
    put(connection,
        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n",
        length);
    end_head(connection);
    if (!is_method(connection, "HEAD")) {
        connection->fixed = body;
        connection->fixed_left = length;
    }
}

/* Add slices of the scrape until the buffer is full. A short exposition is sent together with its head. */
static void put_slices(struct promc_connection *connection)
{
    size_t around = connection->chunked ? CHUNK_HEAD + CHUNK_TAIL + sizeof(CHUNKS_END) : 0;
    while (connection->scrape && PROMC_ANSWER_ROOM - connection->out_length >= SLICE_LEAST + around) {
        char *place = connection->out + connection->out_length;
        char *data = place + (connection->chunked ? CHUNK_HEAD : 0);
        long n = promc_exposition_read(connection->scrape, data, PROMC_ANSWER_ROOM - connection->out_length - around);
        if (n > 0 && connection->chunked) {
            char head[CHUNK_HEAD + 1];
            (void)snprintf(head, sizeof(head), "%04lx\r\n", (unsigned long)n & 0xffff);
            memcpy(place, head, CHUNK_HEAD);
            memcpy(data + n, "\r\n", CHUNK_TAIL);
            connection->out_length += CHUNK_HEAD + CHUNK_TAIL;
        }
        connection->out_length += n > 0 ? (size_t)n : 0;
        if (n <= 0) {
            promc_exposition_close(connection->scrape);
            connection->scrape = NULL;
            connection->cut = n < 0;
        }
        if (n == 0 && connection->chunked)
            put(connection, "%s", CHUNKS_END);
    }
}

/* "12.5" in nanoseconds; 0: invalid. */
static unsigned long long announced_ns(const char *text)
{
    unsigned long long ns = 0, scale = SECOND;
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (digits == 0)
        return 0;
    for (size_t i = 0; i < digits && ns < ALLOWANCE_MOST_NS; i++)
        ns = ns * 10 + (unsigned long long)(text[i] - '0') * SECOND;
    text += digits;
    for (text += *text == '.'; *text >= '0' && *text <= '9'; text++)
        ns += (unsigned long long)(*text - '0') * (scale /= 10);
    return *text != '\0' ? 0 : ns < ALLOWANCE_MOST_NS ? ns : ALLOWANCE_MOST_NS;
}

static void answer_metrics(struct promc_connection *connection)
{
    const struct promc_exporter_http_request *request = &connection->request;
    bool is_head = is_method(connection, "HEAD");
    const promc_exposition_request question = {
        .accept = {request->accept.lines, request->accept.count},
        .accept_encoding = {request->accept_encoding.lines, request->accept_encoding.count},
        .scrape_timeout = request->scrape_timeout,
        .query = request->query,
        .head = is_head,
    };
    if (promc_exposition_open(connection->exporter->exposition, &question, &connection->scrape) != 0) {
        answer_text(connection, 503, "Retry-After: 1\r\n", "out of memory");
        return;
    }
    promc_exposition_begin(connection->scrape);
    const promc_exposition_head *head = promc_exposition_get_head(connection->scrape);
    if (!begin_head(connection, (unsigned)head->status)) {
        promc_answer_end(connection); /* nothing is read from the scrape any more */
        return;
    }
    for (size_t i = 0; i < head->header_count; i++)
        put(connection, "%s: %s\r\n", head->headers[i].name, head->headers[i].value);
    connection->chunked = !request->old && !is_head;
    if (connection->chunked)
        put(connection, "Transfer-Encoding: chunked\r\n");
    connection->last |= request->old && !is_head; /* closing the connection ends the body */
    end_head(connection);
    if (is_head) {
        promc_exposition_close(connection->scrape);
        connection->scrape = NULL;
    }
    put_slices(connection);
}

/* In constant time. */
static bool is_authorized(const struct promc_connection *connection)
{
    const char *token = connection->exporter->token, *given = connection->request.authorization;
    if (!token)
        return true;
    if (!given || strncasecmp(given, "Bearer ", 7) != 0)
        return false;
    given += 7 + strspn(given + 7, " ");
    size_t length = strlen(given), wanted = strlen(token);
    unsigned different = length != wanted;
    for (size_t i = 0; i < length; i++)
        different |= (unsigned char)given[i] ^ (unsigned char)token[wanted > 0 ? i % wanted : 0];
    return different == 0;
}

void promc_answer_begin(struct promc_connection *connection)
{
    const struct promc_exporter_http_request *request = &connection->request;
    uint64_t announced = announced_ns(request->scrape_timeout);
    connection->announced = announced != 0;
    connection->allowance_ns = announced != 0 ? announced : ALLOWANCE_NS;
    connection->chunked = false;
    if (!is_method(connection, "GET") && !is_method(connection, "HEAD")) {
        connection->last |= request->chunked;
        answer_text(connection, 405, "Allow: GET, HEAD\r\n", "only GET and HEAD are allowed");
    } else if (request->chunked) {
        answer_text(connection, 411, "", "a request body needs a Content-Length");
    } else if (!is_authorized(connection)) {
        answer_text(connection, 401, "WWW-Authenticate: Bearer realm=\"metrics\"\r\n", "a bearer token is required");
    } else if (strcmp(request->path, "/metrics") == 0) {
        answer_metrics(connection);
    } else if (strcmp(request->path, "/") == 0 && !connection->exporter->settings.no_live_view) {
        answer_page(connection);
    } else if (strcmp(request->path, "/history") == 0 && connection->exporter->history) {
        answer_history(connection);
    } else {
        answer_text(connection, 404, "", "not found; the metrics are at /metrics");
    }
}

bool promc_answer_more(struct promc_connection *connection)
{
    connection->out_at = connection->out_length = 0;
    put_slices(connection);
    return connection->out_length > 0;
}

void promc_answer_end(struct promc_connection *connection)
{
    promc_exposition_close(connection->scrape);
    connection->scrape = NULL;
    connection->fixed_left = 0;
    if (connection->history) {
        free(connection->history);
        connection->history = NULL;
        connection->exporter->history_answers--;
    }
    connection->out_at = connection->out_length = 0;
    free(connection->out);
    connection->out = NULL;
}
