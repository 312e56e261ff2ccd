/* SPDX-License-Identifier: Apache-2.0 */
/* promc behind libmicrohttpd: /metrics as a callback response, one slice per call, for any number of series. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <promc/promc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE (32 * 1024)

struct program {
    promc_registry *registry;
    promc_family *requests;
};

static ssize_t next_slice(void *scrape, uint64_t position, char *buffer, size_t capacity)
{
    (void)position;
    long n = promc_scrape_read(scrape, buffer, capacity);
    return n > 0 ? n : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void end_scrape(void *scrape)
{
    promc_scrape_end(scrape);
}

static struct MHD_Response *metrics_response(promc_registry *registry, struct MHD_Connection *connection)
{
    promc_scrape_settings settings = {0};
    promc_scrape *scrape;
    promc_negotiate(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept"), &settings);
    if (promc_scrape_begin(registry, &settings, &scrape) != 0)
        return NULL;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SLICE, next_slice, scrape, end_scrape);
    if (!response) {
        promc_scrape_end(scrape);
        return NULL;
    }
    MHD_add_response_header(response, "Content-Type", promc_content_type(&settings));
    return response;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_size, void **state)
{
    static int seen;
    struct program *program = user;
    (void)method, (void)version, (void)body;
    if (!*state || *body_size != 0) { /* the headers; or a part of a body, which is ignored */
        *state = &seen;
        *body_size = 0;
        return MHD_YES;
    }
    bool metrics = strcmp(url, "/metrics") == 0;
    promc_counter_inc(promc_counter_with(program->requests, metrics ? "/metrics" : "other"));
    struct MHD_Response *response =
        metrics ? metrics_response(program->registry, connection)
                : MHD_create_response_from_buffer(6, (void *)(uintptr_t) "hello\n", MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

int main(int argc, char **argv)
{
    struct program program;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)(argc > 1 ? strtol(argv[1], NULL, 10) : 9464));
    sigset_t stop;
    int number;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL); /* before the server's thread exists */

    if (promc_registry_create(&program.registry, NULL) != 0 || promc_collect_process(program.registry) != 0 ||
        promc_counter_register(program.registry, &(promc_family_settings){.name = "requests_total", .labels = {"path"}},
                               &program.requests) != 0) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    struct MHD_Daemon *server = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
                                                 on_request, &program, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (!server) {
        fprintf(stderr, "cannot listen\n");
        return 1;
    }
    printf("http://127.0.0.1:%u/metrics\n", MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&stop, &number);
    MHD_stop_daemon(server);
    promc_registry_destroy(program.registry);
    return 0;
}
