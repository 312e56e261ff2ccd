/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promc on a bare libuv loop: the next slice is written after the last one was sent, so a million series do not stall the loop. Only the
 * HTTP that a scraper needs: one request per connection, and the end of the connection ends the body.
 */
#include <promc/promc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#define SLICE (64 * 1024)

struct program {
    promc_registry *registry;
    promc_family *requests;
    uv_loop_t loop;
    uv_tcp_t server;
    uv_signal_t stop[2];
};

struct client {
    uv_tcp_t tcp; /* first, so that the handle is the client */
    struct program *program;
    promc_scrape *scrape;
    uv_write_t write;
    size_t received;
    bool answering;
    char request[4096];
    char slice[SLICE];
};

static void on_closed(uv_handle_t *handle)
{
    struct client *client = (struct client *)handle;
    promc_scrape_end(client->scrape);
    free(client);
}

static void close_client(struct client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->tcp))
        uv_close((uv_handle_t *)&client->tcp, on_closed);
}

static void send_slice(uv_write_t *write, int status)
{
    struct client *client = write->data;
    long n = status == 0 && client->scrape ? promc_scrape_read(client->scrape, client->slice, SLICE) : 0;
    uv_buf_t buffer = uv_buf_init(client->slice, (unsigned)n);
    if (n <= 0 || uv_write(write, (uv_stream_t *)&client->tcp, &buffer, 1, send_slice) != 0)
        close_client(client);
}

static void send_head(struct client *client, const char *status, const char *type, const char *text)
{
    int n = snprintf(client->slice, SLICE, "HTTP/1.1 %s\r\nContent-Type: %s\r\nConnection: close\r\n\r\n%s", status,
                     type, text);
    uv_buf_t buffer = uv_buf_init(client->slice, (unsigned)n);
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->tcp, &buffer, 1, send_slice) != 0)
        close_client(client);
}

/* The value of a header in the NUL-terminated request; NULL: no such header. */
static const char *find_header(char *request, const char *name)
{
    size_t length = strlen(name);
    for (char *line = strstr(request, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            char *value = line + length + 1;
            value[strcspn(value, "\r")] = '\0';
            return value;
        }
    }
    return NULL;
}

static void answer(struct client *client)
{
    struct program *program = client->program;
    promc_scrape_settings settings = {0};
    bool metrics = strncmp(client->request, "GET /metrics ", 13) == 0;
    client->answering = true;
    promc_counter_inc(promc_counter_with(program->requests, metrics ? "/metrics" : "other"));
    if (!metrics) {
        send_head(client, "200 OK", "text/plain", "hello\n");
        return;
    }
    promc_negotiate(find_header(client->request, "Accept"), &settings);
    if (promc_scrape_begin(program->registry, &settings, &client->scrape) != 0) {
        send_head(client, "503 Service Unavailable", "text/plain", "try again\n");
        return;
    }
    send_head(client, "200 OK", promc_content_type(&settings), "");
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct client *client = (struct client *)handle;
    (void)suggested;
    *buffer =
        uv_buf_init(client->request + client->received, (unsigned)(sizeof(client->request) - 1 - client->received));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct client *client = (struct client *)stream;
    (void)buffer;
    if (n < 0) { /* the client has gone, or its headers do not fit */
        close_client(client);
        return;
    }
    client->received += (size_t)n;
    client->request[client->received] = '\0';
    if (!client->answering && strstr(client->request, "\r\n\r\n"))
        answer(client);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct program *program = server->data;
    struct client *client = calloc(1, sizeof(*client));
    if (status != 0 || !client) {
        free(client);
        return;
    }
    client->program = program;
    uv_tcp_init(&program->loop, &client->tcp);
    if (uv_accept(server, (uv_stream_t *)&client->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&client->tcp, on_room, on_read) != 0)
        close_client(client);
}

static void close_any(uv_handle_t *handle, void *program)
{
    struct program *all = program;
    bool ours = handle == (uv_handle_t *)&all->server || handle->type == UV_SIGNAL;
    if (!uv_is_closing(handle))
        uv_close(handle, ours ? NULL : on_closed);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    uv_walk(signal->loop, close_any, signal->data);
}

static int listen_on(struct program *program, int port)
{
    struct sockaddr_in address;
    int size = sizeof(address), error;
    uv_ip4_addr("127.0.0.1", port, &address);
    uv_tcp_init(&program->loop, &program->server);
    program->server.data = program;
    if ((error = uv_tcp_bind(&program->server, (struct sockaddr *)&address, 0)) != 0 ||
        (error = uv_listen((uv_stream_t *)&program->server, 64, on_connection)) != 0) {
        fprintf(stderr, "127.0.0.1:%d: %s\n", port, uv_strerror(error));
        return -1;
    }
    uv_tcp_getsockname(&program->server, (struct sockaddr *)&address, &size);
    printf("http://127.0.0.1:%u/metrics\n", ntohs(address.sin_port));
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static struct program program;
    if (promc_registry_create(&program.registry, NULL) != 0 || promc_collect_process(program.registry) != 0 ||
        promc_counter_register(program.registry, &(promc_family_settings){.name = "requests_total", .labels = {"path"}},
                               &program.requests) != 0) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&program.loop);
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&program.loop, &program.stop[i]);
        program.stop[i].data = &program;
        uv_signal_start(&program.stop[i], on_signal, i == 0 ? SIGINT : SIGTERM);
    }
    if (listen_on(&program, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 9464) != 0)
        return 1;
    uv_run(&program.loop, UV_RUN_DEFAULT);
    uv_loop_close(&program.loop);
    promc_registry_destroy(program.registry);
    return 0;
}
