/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promc around a program's own rabbitmq-c calls: it publishes ten messages with confirms, consumes them, acknowledges nine and
 * rejects one; then it prints the metrics. The argument is amqp://USER:PASSWORD@HOST:PORT/VHOST.
 */
#include <promc-amqp/amqp.h>
#include <promc/promc.h>
#include <stdio.h>
#include <stdlib.h>
#if __has_include(<rabbitmq-c/tcp_socket.h>)
#include <rabbitmq-c/tcp_socket.h>
#else /* before 0.12 */
#include <amqp_tcp_socket.h>
#endif

#define MESSAGES 10

static int fail(const char *what)
{
    fprintf(stderr, "with_rabbitmq_c: %s\n", what);
    return 1;
}

static amqp_connection_state_t connect_to(char *url)
{
    struct amqp_connection_info info;
    amqp_connection_state_t state = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(state);
    if (amqp_parse_url(url, &info) == AMQP_STATUS_OK &&
        amqp_socket_open(socket, info.host, info.port) == AMQP_STATUS_OK &&
        amqp_login(state, info.vhost, 0, AMQP_DEFAULT_FRAME_SIZE, 30, AMQP_SASL_METHOD_PLAIN, info.user, info.password)
                .reply_type == AMQP_RESPONSE_NORMAL &&
        amqp_channel_open(state, 1))
        return state;
    amqp_destroy_connection(state);
    return NULL;
}

/* Publishes and waits until the broker has confirmed every message. */
static int publish(promc_amqp *metrics, amqp_connection_state_t state, amqp_bytes_t queue)
{
    amqp_frame_t frame;
    uint64_t confirmed = 0;
    if (!promc_amqp_confirm_select(metrics, state, 1))
        return -1;
    for (int i = 0; i < MESSAGES; i++)
        if (promc_amqp_basic_publish(metrics, state, 1, amqp_empty_bytes, queue, 1, 0, NULL,
                                     amqp_cstring_bytes("a message")) != AMQP_STATUS_OK)
            return -1;
    while (confirmed < MESSAGES) {
        if (amqp_simple_wait_frame(state, &frame) != AMQP_STATUS_OK)
            return -1;
        if (promc_amqp_frame(metrics, &frame) && frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
            const amqp_basic_ack_t *ack = frame.payload.method.decoded;
            confirmed = ack->multiple ? ack->delivery_tag : confirmed + 1;
        }
    }
    return 0;
}

static int consume(promc_amqp *metrics, amqp_connection_state_t state, amqp_bytes_t queue)
{
    if (!promc_amqp_basic_consume(metrics, state, 1, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table))
        return -1;
    for (int i = 0; i < MESSAGES; i++) {
        amqp_envelope_t envelope;
        if (promc_amqp_consume_message(metrics, state, &envelope, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL)
            return -1;
        int status = i == 0 ? promc_amqp_basic_reject(metrics, state, 1, envelope.delivery_tag, 0)
                            : promc_amqp_basic_ack(metrics, state, 1, envelope.delivery_tag, 0);
        amqp_destroy_envelope(&envelope);
        if (status != AMQP_STATUS_OK)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    promc_registry *registry;
    promc_amqp *metrics;
    char *text;
    if (argc != 2)
        return fail("takes the URL of a broker");
    if (promc_registry_create(&registry, NULL) != 0 || promc_amqp_create(&metrics, registry, NULL) != 0)
        return fail(promc_error_detail());
    amqp_connection_state_t state = connect_to(argv[1]);
    if (!state) {
        promc_amqp_connect_failed(metrics);
        return fail("cannot connect");
    }
    promc_amqp_connected(metrics);
    amqp_queue_declare_ok_t *queue = amqp_queue_declare(state, 1, amqp_empty_bytes, 0, 0, 1, 1, amqp_empty_table);
    amqp_bytes_t name = queue ? amqp_bytes_malloc_dup(queue->queue) : amqp_empty_bytes;
    int rc = !queue || publish(metrics, state, name) < 0 || consume(metrics, state, name) < 0;
    amqp_bytes_free(name);
    amqp_connection_close(state, AMQP_REPLY_SUCCESS);
    promc_amqp_disconnected(metrics, AMQP_STATUS_OK);
    amqp_destroy_connection(state);
    if (promc_scrape_string(registry, &(promc_scrape_settings){0}, &text, NULL) == 0) {
        fputs(text, stdout);
        free(text);
    }
    promc_amqp_destroy(metrics);
    promc_registry_destroy(registry);
    return rc ? fail("the broker did not do what it was asked") : 0;
}
