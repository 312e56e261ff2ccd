/* SPDX-License-Identifier: Apache-2.0 */
/* promc behind libevent's evhttp: the next slice is written after the last one was sent, so only one slice is in memory. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <promc/promc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE (64 * 1024)

struct program {
    promc_registry *registry;
    promc_family *requests;
};

/* A /metrics answer in progress. It ends with its last slice or with its connection. */
struct delivery {
    struct evhttp_request *request;
    promc_scrape *scrape;
    struct evbuffer *slice;
    char bytes[SLICE];
};

static void end_delivery(struct delivery *delivery)
{
    evhttp_connection_set_closecb(evhttp_request_get_connection(delivery->request), NULL, NULL);
    promc_scrape_end(delivery->scrape);
    evbuffer_free(delivery->slice);
    free(delivery);
}

static void on_close(struct evhttp_connection *connection, void *user)
{
    (void)connection;
    end_delivery(user);
}

static void send_slice(struct evhttp_connection *connection, void *user)
{
    struct delivery *delivery = user;
    (void)connection;
    long n = promc_scrape_read(delivery->scrape, delivery->bytes, SLICE);
    if (n > 0 && evbuffer_add(delivery->slice, delivery->bytes, (size_t)n) == 0) {
        evhttp_send_reply_chunk_with_cb(delivery->request, delivery->slice, send_slice, delivery);
        return;
    }
    struct evhttp_request *request = delivery->request;
    end_delivery(delivery);
    evhttp_send_reply_end(request);
}

static void on_metrics(struct evhttp_request *request, void *user)
{
    struct program *program = user;
    promc_scrape_settings settings = {0};
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    promc_counter_inc(promc_counter_with(program->requests, "/metrics"));
    promc_negotiate(evhttp_find_header(evhttp_request_get_input_headers(request), "Accept"), &settings);
    if (!delivery || !(delivery->slice = evbuffer_new()) ||
        promc_scrape_begin(program->registry, &settings, &delivery->scrape) != 0) {
        if (delivery && delivery->slice)
            evbuffer_free(delivery->slice);
        free(delivery);
        evhttp_send_error(request, HTTP_SERVUNAVAIL, "try again");
        return;
    }
    delivery->request = request;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, delivery);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", promc_content_type(&settings));
    evhttp_send_reply_start(request, HTTP_OK, "OK");
    send_slice(evhttp_request_get_connection(request), delivery);
}

static void on_other(struct evhttp_request *request, void *user)
{
    struct program *program = user;
    promc_counter_inc(promc_counter_with(program->requests, "other"));
    struct evbuffer *text = evbuffer_new();
    evbuffer_add_printf(text, "hello\n");
    evhttp_send_reply(request, HTTP_OK, "OK", text);
    evbuffer_free(text);
}

static void on_signal(evutil_socket_t number, short what, void *base)
{
    (void)number, (void)what;
    event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
    struct program program;
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);
    if (promc_registry_create(&program.registry, NULL) != 0 || promc_collect_process(program.registry) != 0 ||
        promc_counter_register(program.registry, &(promc_family_settings){.name = "requests_total", .labels = {"path"}},
                               &program.requests) != 0) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    struct evhttp *server = evhttp_new(base);
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(server, "127.0.0.1", (uint16_t)(argc > 1 ? strtol(argv[1], NULL, 10) : 9464));
    if (!bound) {
        fprintf(stderr, "cannot listen\n");
        return 1;
    }
    evhttp_set_timeout(server, 30);
    evhttp_set_cb(server, "/metrics", on_metrics, &program);
    evhttp_set_gencb(server, on_other, &program);
    struct event *stop[2] = {evsignal_new(base, SIGINT, on_signal, base), evsignal_new(base, SIGTERM, on_signal, base)};
    event_add(stop[0], NULL);
    event_add(stop[1], NULL);
    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size);
    printf("http://127.0.0.1:%u/metrics\n", ntohs(address.sin_port));
    fflush(stdout);
    event_base_dispatch(base);
    event_free(stop[0]);
    event_free(stop[1]);
    evhttp_free(server);
    event_base_free(base);
    promc_registry_destroy(program.registry);
    return 0;
}
