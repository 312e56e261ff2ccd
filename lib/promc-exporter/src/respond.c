/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request. libmicrohttpd calls twice: with the headers, and again once the (ignored) body is in. A fault in the headers is
 * answered in the first call, which closes the connection; everything else in the second, which keeps it.
 */
#include "exporter_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What libmicrohttpd asks us for at once. */
#define BLOCK (64 * 1024)
/* Lines of one field; further ones are ignored. */
#define LINES_MAX 32

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text,
                                   const char *header, const char *value)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
    if (header != NULL) {
        MHD_add_response_header(response, header, value);
    }
    return queue(connection, status, response);
}

static ssize_t read_scrape(void *user, uint64_t position, char *buffer, size_t capacity)
{
    (void)position;
    long n = promc_exposition_read(user, buffer, capacity);
    return n > 0 ? n : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void close_scrape(void *user)
{
    promc_exposition_close(user);
}

/* The lines of a field. */
struct lines {
    const char *field;
    const char *lines[LINES_MAX];
    size_t count;
};

static enum MHD_Result take_line(void *user, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct lines *lines = user;
    (void)kind;
    if (lines->count < LINES_MAX && strcasecmp(key, lines->field) == 0) {
        lines->lines[lines->count++] = value;
    }
    return MHD_YES;
}

static promc_exposition_field find_lines(struct MHD_Connection *connection, struct lines *lines, const char *field)
{
    *lines = (struct lines){.field = field};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, take_line, lines);
    return (promc_exposition_field){lines->lines, lines->count};
}

/* Takes the scrape over. */
static enum MHD_Result send_scrape(struct MHD_Connection *connection, promc_exposition_scrape *scrape, bool is_head)
{
    const promc_exposition_head *head = promc_exposition_get_head(scrape);
    struct MHD_Response *response =
        is_head ? MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT)
                : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_scrape, scrape, close_scrape);
    if (response == NULL) {
        promc_exposition_close(scrape);
        return MHD_NO;
    }
    for (size_t i = 0; i < head->header_count; i++) {
        MHD_add_response_header(response, head->headers[i].name, head->headers[i].value);
    }
    unsigned status = (unsigned)head->status;
    if (is_head) {
        promc_exposition_close(scrape);
    }
    return queue(connection, status, response);
}

static enum MHD_Result answer_metrics(promc_exporter *exporter, struct MHD_Connection *connection, const char *query,
                                      bool head)
{
    struct lines accept, accept_encoding;
    promc_exposition_request request = {
        .accept = find_lines(connection, &accept, MHD_HTTP_HEADER_ACCEPT),
        .accept_encoding = find_lines(connection, &accept_encoding, MHD_HTTP_HEADER_ACCEPT_ENCODING),
        .scrape_timeout =
            MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Prometheus-Scrape-Timeout-Seconds"),
        .query = query,
        .head = head,
    };
    promc_exposition_scrape *scrape;
    if (promc_exposition_open(exporter->exposition, &request, &scrape) != 0) {
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n", MHD_HTTP_HEADER_RETRY_AFTER,
                           "1");
    }
    promc_exposition_begin(scrape);
    return send_scrape(connection, scrape, head);
}

static enum MHD_Result answer_page(struct MHD_Connection *connection)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        promc_exporter_page_size, (void *)(uintptr_t)promc_exporter_page, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/html; charset=utf-8");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy",
                            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                            "connect-src 'self'; img-src data:; frame-ancestors 'none'");
    return queue(connection, MHD_HTTP_OK, response);
}

struct framing {
    unsigned lengths, encodings;
    bool odd;
};

static enum MHD_Result look_at_header(void *user, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct framing *framing = user;
    (void)kind;
    if (strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        framing->lengths++;
    } else if (strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        framing->encodings++;
        framing->odd |= value == NULL || strcasecmp(value, "chunked") != 0;
    }
    return MHD_YES;
}

/* Requests that two servers in a row could cut differently; libmicrohttpd lets them through. */
static bool framing_is_sound(struct MHD_Connection *connection)
{
    struct framing framing = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_header, &framing);
    return framing.lengths + framing.encodings <= 1 && !framing.odd;
}

static enum MHD_Result answer(promc_exporter *exporter, struct MHD_Connection *connection, const char *url,
                              const char *query, bool head)
{
    if (strcmp(url, "/metrics") == 0) {
        return answer_metrics(exporter, connection, query, head);
    }
    if (strcmp(url, "/") == 0 && !exporter->settings.no_live_view) {
        return answer_page(connection);
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "not found; the metrics are at /metrics\n", NULL, NULL);
}

/* A request, from its target on: libmicrohttpd shows the query as it was sent in that call alone. */
struct target {
    bool seen; /* its headers were looked at */
    char text[];
};

void *promc_exporter_target(void *user, const char *uri, struct MHD_Connection *connection)
{
    (void)user;
    (void)connection;
    struct target *target = calloc(1, sizeof(*target) + strlen(uri) + 1);
    if (target != NULL) {
        strcpy(target->text, uri);
    }
    return target;
}

void promc_exporter_over(void *user, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    (void)user;
    (void)connection;
    (void)code;
    free(*request);
    *request = NULL;
}

enum MHD_Result promc_exporter_respond(void *user, struct MHD_Connection *connection, const char *url,
                                       const char *method, const char *version, const char *body, size_t *body_size,
                                       void **request)
{
    struct target *target = *request;
    bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    (void)version;
    (void)body;
    if (target == NULL) {
        return MHD_NO; /* there was no memory for it */
    }
    if (!target->seen) {
        target->seen = true;
        if (!framing_is_sound(connection)) {
            return answer_text(connection, MHD_HTTP_BAD_REQUEST, "ambiguous message length\n", NULL, NULL);
        }
        if (!head && strcmp(method, MHD_HTTP_METHOD_GET) != 0) {
            return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n", MHD_HTTP_HEADER_ALLOW,
                               "GET, HEAD");
        }
        return MHD_YES;
    }
    if (*body_size != 0) {
        *body_size = 0; /* a GET's body means nothing */
        return MHD_YES;
    }
    const char *query = strchr(target->text, '?');
    return answer(user, connection, url, query != NULL ? query + 1 : NULL, head);
}
