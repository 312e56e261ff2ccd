/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/amqp/link.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/trouble.h"
#include "metrics/metrics.h"

#if __has_include(<rabbitmq-c/ssl_socket.h>)
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else /* before 0.12 */
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define CONNECT_S 2 /* TCP, and TLS */
#define RPC_S 5     /* login, and each call that waits for an answer */
#define BACKOFF_MS 100
#define BACKOFF_MAX_MS 2000
#define FRAME_MAX 131072

/* ---- the broker's address ---- */

int amqp_target_parse(struct amqp_target *target, const struct settings *settings, char *error, size_t error_size)
{
    memset(target, 0, sizeof(*target));
    target->text = strdup(settings->queue_url);
    if (!target->text) {
        (void)snprintf(error, error_size, "out of memory");
        return -1;
    }
    int rc = amqp_parse_url(target->text, &target->url);
    if (rc != AMQP_STATUS_OK || !*target->url.host) {
        (void)snprintf(
            error, error_size,
            "QUEUE: not of the form amqp[s]://USER:PASSWORD@HOST:PORT/VHOST (a /, @, : or %% in a part of it is"
            " written as %%2F, %%40, %%3A, %%25)");
        amqp_target_clear(target);
        return -1;
    }
    (void)snprintf(target->password, sizeof(target->password), "%s", settings->queue_password);
    (void)snprintf(target->ca_file, sizeof(target->ca_file), "%s", settings->queue_ca);
    target->heartbeat_s = (int)settings->queue_heartbeat_s;
    return 0;
}

void amqp_target_clear(struct amqp_target *target)
{
    free(target->text);
    memset(target, 0, sizeof(*target));
}

/* ---- losing the connection ---- */

void amqp_link_init(struct amqp_link *link, const struct amqp_target *target, const char *name, int heartbeat_s)
{
    *link = (struct amqp_link){.target = target, .name = name, .heartbeat_s = heartbeat_s, .fd = -1};
    pthread_mutex_init(&link->lock, NULL);
    if (metrics_registry() &&
        promc_amqp_create(&link->metrics, metrics_registry(), &(promc_amqp_settings){.connection = name}) < 0)
        log_warn("a connection to the broker is not counted", "s:component", "queue", "s:connection", name, "s:error",
                 promc_error_detail());
}

void amqp_link_destroy(struct amqp_link *link)
{
    promc_amqp_destroy(link->metrics);
    pthread_mutex_destroy(&link->lock);
}

static void set_fd(struct amqp_link *link, int fd)
{
    pthread_mutex_lock(&link->lock);
    link->fd = fd;
    pthread_mutex_unlock(&link->lock);
}

static void destroy(struct amqp_link *link)
{
    set_fd(link, -1);
    if (link->state)
        (void)amqp_destroy_connection(link->state);
    link->state = NULL;
    link->up = false;
    if (link->blocked)
        trouble_over(TROUBLE_BROKER_BLOCKED);
    link->blocked = false;
}

int amqp_link_backoff_ms(const struct amqp_link *link)
{
    uint64_t now = clock_monotonic_ns();
    return now < link->retry_ns ? (int)((link->retry_ns - now) / 1000000u) + 1 : 0;
}

/* For `ingest-api why`. */
static void note(const struct amqp_link *link, enum trouble trouble, const char *why)
{
    char place[TROUBLE_PLACE];
    (void)snprintf(place, sizeof(place), "%.140s:%d", link->target->url.host, link->target->url.port);
    trouble_met(trouble, place, why);
}

static void lost(struct amqp_link *link, const char *why, amqp_rpc_reply_t reply)
{
    if (link->up)
        promc_amqp_disconnected_reply(link->metrics, reply);
    else
        promc_amqp_connect_failed(link->metrics);
    int64_t delay = BACKOFF_MS << (link->failures < 5 ? link->failures : 5);
    if (delay > BACKOFF_MAX_MS)
        delay = BACKOFF_MAX_MS;
    link->failures++;
    /* Replicas that lost the same broker reconnect spread over the second half of the delay. */
    uint64_t now = clock_monotonic_ns(), half = (uint64_t)delay * 500000u;
    link->retry_ns = now + half + now % half;
    destroy(link);
    note(link, TROUBLE_BROKER_AWAY, why);
    if (strcmp(link->error, why) == 0)
        return; /* logged before */
    (void)snprintf(link->error, sizeof(link->error), "%s", why);
    log_warn("no connection to the broker", "s:component", "queue", "s:connection", link->name, "s:host",
             link->target->url.host, "i:port", (int64_t)link->target->url.port, "s:error", link->error);
}

void amqp_link_lost(struct amqp_link *link, const char *why)
{
    lost(link, why, (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_NORMAL});
}

void amqp_link_lost_status(struct amqp_link *link, const char *what, int status)
{
    amqp_link_lost_reply(link, what,
                         (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_LIBRARY_EXCEPTION, .library_error = status});
}

/* The broker's own text. Valid until the connection's buffers are released. */
static void describe(char *out, size_t size, const char *what, amqp_method_number_t id, const void *decoded)
{
    unsigned code = 0;
    amqp_bytes_t text = amqp_empty_bytes;
    if (id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = decoded;
        code = close->reply_code;
        text = close->reply_text;
    } else if (id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *close = decoded;
        code = close->reply_code;
        text = close->reply_text;
    }
    if (code)
        (void)snprintf(out, size, "%s: %u %.*s", what, code, (int)text.len, (const char *)text.bytes);
    else
        (void)snprintf(out, size, "%s: unexpected method 0x%08x", what, (unsigned)id);
}

void amqp_link_lost_reply(struct amqp_link *link, const char *what, amqp_rpc_reply_t reply)
{
    char why[256];
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION)
        describe(why, sizeof(why), what, reply.reply.id, reply.reply.decoded);
    else
        (void)snprintf(why, sizeof(why), "%s: %s", what,
                       reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ? amqp_error_string2(reply.library_error)
                                                                           : "no answer");
    lost(link, why, reply);
}

/* The connection stays; the broker reads our messages when it has resources again. */
static bool blocked_or_unblocked(struct amqp_link *link, const amqp_frame_t *frame)
{
    if (frame->payload.method.id == AMQP_CONNECTION_BLOCKED_METHOD) {
        const amqp_connection_blocked_t *blocked = frame->payload.method.decoded;
        char why[256];
        (void)snprintf(why, sizeof(why), "%.*s", (int)blocked->reason.len, (const char *)blocked->reason.bytes);
        log_warn("the broker accepts no messages", "s:component", "queue", "s:connection", link->name, "s:error", why);
        link->blocked = true;
        note(link, TROUBLE_BROKER_BLOCKED, why);
    } else if (frame->payload.method.id == AMQP_CONNECTION_UNBLOCKED_METHOD) {
        log_info("the broker accepts messages again", "s:component", "queue", "s:connection", link->name);
        link->blocked = false;
        trouble_over(TROUBLE_BROKER_BLOCKED);
    } else {
        return false;
    }
    (void)promc_amqp_frame(link->metrics, frame);
    return true;
}

void amqp_link_unexpected(struct amqp_link *link, const amqp_frame_t *frame)
{
    char why[256];
    if (frame->frame_type != AMQP_FRAME_METHOD || blocked_or_unblocked(link, frame))
        return; /* a heartbeat, or the rest of something that was already processed */
    describe(why, sizeof(why), "closed by the broker", frame->payload.method.id, frame->payload.method.decoded);
    lost(link, why, (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION});
}

void amqp_link_close(struct amqp_link *link)
{
    if (link->state)
        (void)amqp_connection_close(link->state, AMQP_REPLY_SUCCESS);
    promc_amqp_disconnected(link->metrics, AMQP_STATUS_OK);
    destroy(link);
}

void amqp_link_cut(struct amqp_link *link)
{
    pthread_mutex_lock(&link->lock);
    if (link->fd >= 0)
        (void)shutdown(link->fd, SHUT_RDWR);
    pthread_mutex_unlock(&link->lock);
}

/* ---- connecting ---- */

static amqp_socket_t *make_socket(struct amqp_link *link)
{
    const struct amqp_target *target = link->target;
    if (!target->url.ssl)
        return amqp_tcp_socket_new(link->state);
#if AMQP_VERSION < AMQP_VERSION_CODE(0, 13, 0, 0) /* later calls skip it */
    amqp_set_initialize_ssl_library(0);           /* OpenSSL initialises itself, and libcurl and we use it too */
#endif
    amqp_socket_t *socket = amqp_ssl_socket_new(link->state);
    if (!socket)
        return NULL;
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK ||
        (*target->ca_file && amqp_ssl_socket_set_cacert(socket, target->ca_file) != AMQP_STATUS_OK))
        return NULL; /* the connection owns the socket */
    return socket;
}

/* A broker that disappears silently, or stops reading, is also noticed while we write. */
static void set_options(struct amqp_link *link)
{
    unsigned milliseconds = 2000u * (unsigned)(link->target->heartbeat_s ? link->target->heartbeat_s : 10);
    int fd = amqp_get_sockfd(link->state), on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    set_fd(link, fd);
}

static amqp_table_entry_t text_entry(const char *key, const char *value)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(value)},
    };
}

static bool log_in(struct amqp_link *link)
{
    const struct amqp_connection_info *url = &link->target->url;
    const char *password = *link->target->password ? link->target->password : url->password;
    struct timeval limit = {.tv_sec = RPC_S};
    (void)amqp_set_handshake_timeout(link->state, &limit);
    (void)amqp_set_rpc_timeout(link->state, &limit);
    /* rabbitmq-c does not ask by itself to be told when a queue is deleted, or when the broker is out of memory */
    const amqp_field_value_t yes = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1};
    amqp_table_entry_t capabilities[] = {
        {.key = amqp_cstring_bytes("consumer_cancel_notify"), .value = yes},
        {.key = amqp_cstring_bytes("connection.blocked"), .value = yes},
    };
    amqp_table_entry_t entries[] = {
        text_entry("product", "ingest-api"),
        text_entry("connection_name", link->name),
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {.num_entries = 2, .entries = capabilities}}},
    };
    amqp_table_t properties = {.num_entries = 3, .entries = entries};
    amqp_rpc_reply_t reply = amqp_login_with_properties(link->state, url->vhost, 0, FRAME_MAX, link->heartbeat_s,
                                                        &properties, AMQP_SASL_METHOD_PLAIN, url->user, password);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return true;
    amqp_link_lost_reply(link, "login", reply);
    return false;
}

static bool declare(struct amqp_link *link, const char *queue, amqp_table_entry_t *arguments, int n)
{
    amqp_table_t table = {.num_entries = n, .entries = arguments};
    (void)amqp_queue_declare(link->state, 1, amqp_cstring_bytes(queue), 0, 1, 0, 0, table);
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(link->state);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        amqp_link_lost_reply(link, "declaring a queue", reply);
    else
        amqp_maybe_release_buffers(link->state);
    return reply.reply_type == AMQP_RESPONSE_NORMAL;
}

static bool declare_all(struct amqp_link *link)
{
    for (int i = 0; i < QUEUES; i++) {
        char dead[64];
        (void)snprintf(dead, sizeof(dead), "%s.dead", queue_names[i]);
        amqp_table_entry_t of_dead[] = {text_entry("x-queue-type", "quorum")};
        amqp_table_entry_t of_queue[] = {
            text_entry("x-queue-type", "quorum"),          text_entry("x-dead-letter-exchange", ""),
            text_entry("x-dead-letter-routing-key", dead), text_entry("x-dead-letter-strategy", "at-least-once"),
            text_entry("x-overflow", "reject-publish"), /* required by at-least-once */
        };
        if (!declare(link, dead, of_dead, 1) || !declare(link, queue_names[i], of_queue, 5))
            return false;
    }
    return true;
}

static bool open_channels(struct amqp_link *link, int channels)
{
    for (int i = 1; i <= channels; i++) {
        (void)amqp_channel_open(link->state, (amqp_channel_t)i);
        amqp_rpc_reply_t reply = amqp_get_rpc_reply(link->state);
        if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
            amqp_link_lost_reply(link, "opening a channel", reply);
            return false;
        }
    }
    return true;
}

static bool open_socket(struct amqp_link *link)
{
    const struct amqp_connection_info *url = &link->target->url;
    link->state = amqp_new_connection();
    amqp_socket_t *socket = link->state ? make_socket(link) : NULL;
    if (!socket) {
        amqp_link_lost(link, link->state && url->ssl ? "TLS cannot be set up: is QUEUE_CA a file of certificates?"
                                                     : "out of memory");
        return false;
    }
    int rc = amqp_socket_open_noblock(socket, url->host, url->port, &(struct timeval){.tv_sec = CONNECT_S});
    if (rc != AMQP_STATUS_OK)
        amqp_link_lost_status(link, "connecting", rc);
    return rc == AMQP_STATUS_OK;
}

bool amqp_link_ready(struct amqp_link *link, int channels)
{
    if (link->state)
        return true;
    if (amqp_link_backoff_ms(link) > 0 || !open_socket(link))
        return false;
    set_options(link);
    if (!log_in(link) || !open_channels(link, channels) || !declare_all(link))
        return false;
    if (*link->error)
        log_info("connected to the broker again", "s:component", "queue", "s:connection", link->name, "u:attempts",
                 (uint64_t)link->failures);
    link->failures = 0;
    link->error[0] = '\0';
    link->up = true;
    trouble_over(TROUBLE_BROKER_AWAY);
    promc_amqp_connected(link->metrics);
    return true;
}

/* ---- waiting ---- */

void amqp_link_wait(struct amqp_link *link, int wake, int ms)
{
    struct pollfd fds[2] = {{.fd = wake, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    eventfd_t drained;
    if (link->state) {
        if (amqp_frames_enqueued(link->state) || amqp_data_in_buffer(link->state))
            return;
        fds[1].fd = amqp_get_sockfd(link->state);
    }
    if (poll(fds, 2, ms) > 0 && (fds[0].revents & POLLIN))
        (void)eventfd_read(wake, &drained);
}
