/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request. libmicrohttpd calls twice: with the headers, and again once the (ignored) body is in. A fault in the headers is
 * answered in the first call, which closes the connection; everything else in the second, which keeps it.
 */
#include "body.h"
#include "exporter_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What libmicrohttpd asks us for at once. */
#define BLOCK (64 * 1024)
/* name[] parameters; further ones are ignored, which shows more than was asked for, never less. */
#define NAMES_MAX 256

/* A response in the making; freed by libmicrohttpd when the response is. */
struct delivery {
    promc_exporter *exporter;
    struct promc_body *body;
    char *name_text; /* the filter's names, one after another */
    const char *names[];
};

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

static ssize_t read_delivery(void *user, uint64_t position, char *buffer, size_t capacity)
{
    struct delivery *delivery = user;
    (void)position;
    long n = promc_body_read(delivery->body, buffer, capacity);
    return n > 0 ? n : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_delivery(void *user)
{
    struct delivery *delivery = user;
    if (delivery->body != NULL) {
        promc_body_free(delivery->body);
        delivery->exporter->scrapes--;
    }
    free(delivery->name_text);
    free(delivery);
}

struct filter {
    size_t count, bytes;
    struct delivery *delivery; /* NULL: only count */
};

static enum MHD_Result take_name(void *user, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct filter *filter = user;
    (void)kind;
    if (value == NULL || strcmp(key, "name[]") != 0 || filter->count == NAMES_MAX) {
        return MHD_YES;
    }
    size_t size = strlen(value) + 1;
    if (filter->delivery != NULL) {
        filter->delivery->names[filter->count] = memcpy(filter->delivery->name_text + filter->bytes, value, size);
    }
    filter->count++;
    filter->bytes += size;
    return MHD_YES;
}

/* A delivery with the request's name[] parameters in it; NULL: no memory. */
static struct delivery *make_delivery(promc_exporter *exporter, struct MHD_Connection *connection, size_t *name_count)
{
    struct filter filter = {0};
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_name, &filter);
    struct delivery *delivery = calloc(1, sizeof(*delivery) + filter.count * sizeof(delivery->names[0]));
    if (delivery == NULL) {
        return NULL;
    }
    delivery->exporter = exporter;
    delivery->name_text = malloc(filter.bytes + 1);
    if (delivery->name_text == NULL) {
        free(delivery);
        return NULL;
    }
    *name_count = filter.count;
    filter = (struct filter){.delivery = delivery};
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_name, &filter);
    return delivery;
}

/* When the scraper stops waiting; a tenth of its time is left for the network. 0: it did not say. */
static uint64_t deadline_of(struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Prometheus-Scrape-Timeout-Seconds");
    uint64_t ms = 0, scale = 1000;
    bool fraction = false;
    if (text == NULL) {
        return 0;
    }
    /* Not strtod(): the program may have set a locale with a decimal comma. */
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !fraction); text++) {
        if (*text == '.') {
            fraction = true;
        } else if (!fraction) {
            ms = ms * 10 + (uint64_t)(*text - '0') * 1000;
        } else {
            scale /= 10;
            ms += (uint64_t)(*text - '0') * scale;
        }
        if (ms > 3600 * 1000) {
            return 0; /* an hour is as good as for ever */
        }
    }
    return *text == '\0' && ms > 0 ? promc_now_ns() + ms * 900000 : 0;
}

static enum MHD_Result send_body(struct MHD_Connection *connection, struct delivery *delivery,
                                 const promc_scrape_settings *settings, bool gzip)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_delivery, delivery, free_delivery);
    if (response == NULL) {
        free_delivery(delivery);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, promc_content_type(settings));
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
    if (gzip) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    return queue(connection, MHD_HTTP_OK, response);
}

static enum MHD_Result busy(struct MHD_Connection *connection, const char *text)
{
    return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, text, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

static enum MHD_Result answer_metrics(promc_exporter *exporter, struct MHD_Connection *connection)
{
    promc_scrape_settings settings = {.deadline_ns = deadline_of(connection)};
    promc_negotiate(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT), &settings);
    bool gzip = !exporter->settings.no_compression &&
                promc_body_accepts_gzip(
                    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    if (exporter->scrapes >= exporter->settings.max_scrapes) {
        return busy(connection, "too many scrapes in flight\n");
    }
    struct delivery *delivery = make_delivery(exporter, connection, &settings.name_count);
    if (delivery == NULL) {
        return busy(connection, "out of memory\n");
    }
    settings.names = settings.name_count > 0 ? delivery->names : NULL;
    promc_scrape *scrape;
    int error = promc_scrape_begin(exporter->registry, &settings, &scrape);
    if (error != 0) {
        free_delivery(delivery);
        return busy(connection,
                    error == PROMC_E_BUSY ? "too many scrapes in flight\n" : "the scrape cannot be begun\n");
    }
    if (settings.deadline_ns != 0 && promc_now_ns() > settings.deadline_ns) {
        promc_scrape_end(scrape);
        free_delivery(delivery);
        return busy(connection, "the collectors took longer than the scrape timeout\n");
    }
    delivery->body = promc_body_create(scrape, gzip, settings.deadline_ns);
    if (delivery->body == NULL) {
        free_delivery(delivery);
        return busy(connection, "out of memory\n");
    }
    exporter->scrapes++;
    return send_body(connection, delivery, &settings, gzip);
}

/* The headers of what GET would answer, without running collectors for nothing. */
static enum MHD_Result answer_metrics_head(struct MHD_Connection *connection)
{
    promc_scrape_settings settings = {0};
    promc_negotiate(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT), &settings);
    struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, promc_content_type(&settings));
    return queue(connection, MHD_HTTP_OK, response);
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

static enum MHD_Result answer(promc_exporter *exporter, struct MHD_Connection *connection, const char *url, bool head)
{
    if (strcmp(url, "/metrics") == 0) {
        return head ? answer_metrics_head(connection) : answer_metrics(exporter, connection);
    }
    if (strcmp(url, "/") == 0 && !exporter->settings.no_live_view) {
        return answer_page(connection);
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "not found; the metrics are at /metrics\n", NULL, NULL);
}

enum MHD_Result promc_exporter_respond(void *user, struct MHD_Connection *connection, const char *url,
                                       const char *method, const char *version, const char *body, size_t *body_size,
                                       void **request)
{
    static char seen;
    bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    (void)version;
    (void)body;
    if (*request == NULL) {
        *request = &seen;
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
    return answer(user, connection, url, head);
}
