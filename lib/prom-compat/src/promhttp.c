/* SPDX-License-Identifier: Apache-2.0 */
/* libpromhttp: /metrics by libmicrohttpd. */
#include "promhttp.h"

#include "prom_internal.h"

#define SLICE (32 * 1024)

/* Limits for slow clients. */
#define MOST_CONNECTIONS 64
#define IDLE_SECONDS 30

static prom_collector_registry_t *active; /* NULL: the default one; atomic */

void promhttp_set_active_collector_registry(prom_collector_registry_t *active_registry)
{
    /* The default one is looked up at each scrape: it may be destroyed before the server is stopped. */
    bool is_default = active_registry == PROM_COLLECTOR_REGISTRY_DEFAULT;
    __atomic_store_n(&active, is_default ? NULL : active_registry, __ATOMIC_RELEASE);
}

static ssize_t next_slice(void *scrape, uint64_t position, char *buffer, size_t capacity)
{
    (void)position;
    long n = prom_scrape_read(scrape, buffer, capacity);
    return n > 0 ? n : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void end_scrape(void *scrape)
{
    prom_scrape_close(scrape);
}

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (response) {
        MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
        if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
            MHD_add_response_header(response, "Allow", "GET, HEAD");
    }
    return send_response(connection, status, response);
}

static enum MHD_Result send_metrics(struct MHD_Connection *connection, bool head_only)
{
    promc_exposition_request request = {
        .scrape_timeout =
            MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Prometheus-Scrape-Timeout-Seconds"),
        .head = head_only,
    };
    struct prom_scrape *scrape = prom_scrape_open(__atomic_load_n(&active, __ATOMIC_ACQUIRE), &request);
    if (!scrape)
        return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "There is no registry.\n");
    const promc_exposition_head *head = prom_scrape_head(scrape);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SLICE, next_slice, scrape, end_scrape);
    if (!response) {
        prom_scrape_close(scrape);
        return MHD_NO;
    }
    for (size_t i = 0; i < head->header_count; i++)
        MHD_add_response_header(response, head->headers[i].name, head->headers[i].value);
    return send_response(connection, (unsigned)head->status, response);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_size, void **state)
{
    static int seen;
    (void)user, (void)version, (void)body;
    if (!*state || *body_size != 0) { /* first call: the headers; or a part of a body, which has no meaning here */
        *state = &seen;
        *body_size = 0;
        return MHD_YES;
    }
    bool head_only = strcmp(method, "HEAD") == 0;
    if (!head_only && strcmp(method, "GET") != 0)
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD are allowed.\n");
    if (strcmp(url, "/metrics") == 0)
        return send_metrics(connection, head_only);
    if (strcmp(url, "/") == 0)
        return send_text(connection, MHD_HTTP_OK, "OK\n");
    return send_text(connection, MHD_HTTP_NOT_FOUND, "The metrics are at /metrics.\n");
}

struct MHD_Daemon *promhttp_start_daemon(unsigned int flags, unsigned short port, MHD_AcceptPolicyCallback apc,
                                         void *apc_cls)
{
    return MHD_start_daemon(flags, port, apc, apc_cls, on_request, NULL, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)MOST_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                            MHD_OPTION_END);
}
