/* SPDX-License-Identifier: Apache-2.0 */
/* promc behind civetweb: each connection has a thread, so the slices are sent one after another. */
#include <civetweb.h>
#include <promc/promc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct program {
    promc_registry *registry;
    promc_family *requests;
};

static int on_metrics(struct mg_connection *connection, struct program *program)
{
    promc_scrape_settings settings = {0};
    promc_scrape *scrape;
    char slice[16 * 1024];
    long n;
    promc_counter_inc(promc_counter_with(program->requests, "/metrics"));
    promc_negotiate(mg_get_header(connection, "Accept"), &settings);
    if (promc_scrape_begin(program->registry, &settings, &scrape) != 0) {
        mg_send_http_error(connection, 503, "%s", "try again");
        return 503;
    }
    mg_printf(connection,
              "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
              promc_content_type(&settings));
    while ((n = promc_scrape_read(scrape, slice, sizeof(slice))) > 0 &&
           mg_send_chunk(connection, slice, (unsigned)n) > 0) {
    }
    if (n == 0) /* otherwise leave out the end, so that the scraper sees that the response is incomplete */
        mg_send_chunk(connection, "", 0);
    promc_scrape_end(scrape);
    return 200;
}

static int on_other(struct mg_connection *connection, struct program *program)
{
    promc_counter_inc(promc_counter_with(program->requests, "other"));
    mg_send_http_ok(connection, "text/plain", 6);
    mg_write(connection, "hello\n", 6);
    return 200;
}

/* Passed to mg_start(): with mg_set_request_handler() after it, a first request could arrive too early. */
static int on_request(struct mg_connection *connection)
{
    const struct mg_request_info *info = mg_get_request_info(connection);
    return strcmp(info->local_uri, "/metrics") == 0 ? on_metrics(connection, info->user_data)
                                                    : on_other(connection, info->user_data);
}

int main(int argc, char **argv)
{
    struct program program;
    char listen[64];
    struct mg_server_port port;
    sigset_t stop;
    int number;
    snprintf(listen, sizeof(listen), "127.0.0.1:%s", argc > 1 ? argv[1] : "9464");
    const char *options[] = {"listening_ports", listen, "num_threads", "8", "request_timeout_ms", "30000", NULL};
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);

    if (promc_registry_create(&program.registry, NULL) != 0 || promc_collect_process(program.registry) != 0 ||
        promc_counter_register(program.registry, &(promc_family_settings){.name = "requests_total", .labels = {"path"}},
                               &program.requests) != 0) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    mg_init_library(0);
    struct mg_context *server = mg_start(&(struct mg_callbacks){.begin_request = on_request}, &program, options);
    if (!server || mg_get_server_ports(server, 1, &port) != 1) {
        fprintf(stderr, "cannot listen on %s\n", listen);
        return 1;
    }
    printf("http://127.0.0.1:%d/metrics\n", port.port);
    fflush(stdout);
    sigwait(&stop, &number);
    mg_stop(server);
    mg_exit_library();
    promc_registry_destroy(program.registry);
    return 0;
}
