/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/amqp/link.h
 * One connection to the broker that reconnects by itself; private to src/queue. A link belongs to one thread,
 * except for amqp_link_cut().
 *
 * Declared on every connection (usually they exist already), for each queue NAME of queue.h:
 *   NAME        durable quorum queue; rejected messages go to NAME.dead, at least once
 *   NAME.dead   durable quorum queue: dead letters
 * Both are reached through the default exchange.
 */
#ifndef INGEST_QUEUE_AMQP_LINK_H
#define INGEST_QUEUE_AMQP_LINK_H

#include "queue/queue.h"

#include <promc-amqp/amqp.h>
#include <pthread.h>

struct settings;

/** The broker's address. Read-only once made, shared by all links. */
struct amqp_target {
    char *text;                      /**< the memory into which `url` points */
    struct amqp_connection_info url; /**< host, port, ssl, user, password, vhost */
    char password[256];              /**< QUEUE_PASSWORD, "": the URL's */
    char ca_file[256];               /**< for amqps; "": the system's */
    int heartbeat_s;
};
/** @return 0, or -1 with a text in `error` that contains no secret. */
int amqp_target_parse(struct amqp_target *target, const struct settings *settings, char *error, size_t error_size);
void amqp_target_clear(struct amqp_target *target);

struct amqp_link {
    const struct amqp_target *target;
    const char *name; /**< in the log */
    int heartbeat_s;
    amqp_connection_state_t state; /**< NULL: not connected */
    promc_amqp *metrics;           /**< NULL when metrics are off */
    bool up;                       /**< logged in, the queues declared */
    _Atomic bool blocked; /**< the broker is short of memory or disk, and reads nothing; any thread may read this */
    uint64_t retry_ns;    /**< do not try before that */
    unsigned failures;    /**< in a row */
    char error[256];      /**< why it is not connected; "" at first */
    pthread_mutex_t lock; /**< guards fd */
    int fd;               /**< for amqp_link_cut; -1: none */
};

void amqp_link_init(struct amqp_link *link, const struct amqp_target *target, const char *name, int heartbeat_s);
void amqp_link_destroy(struct amqp_link *link); /**< after amqp_link_close */
/**
 * If it is not connected: connect, log in, open channels 1 to `channels`, declare the queues. Blocks for some
 * seconds at most. After a failure it does nothing until its backoff (0.1 s, doubling to 2 s) is over.
 * @return whether it is connected.
 */
bool amqp_link_ready(struct amqp_link *link, int channels);
/** Milliseconds until the backoff is over. */
int amqp_link_backoff_ms(const struct amqp_link *link);
/** We give the connection up, or it is broken: log why, close it. */
void amqp_link_lost(struct amqp_link *link, const char *why);
void amqp_link_lost_status(struct amqp_link *link, const char *what, int status);
void amqp_link_lost_reply(struct amqp_link *link, const char *what, amqp_rpc_reply_t reply);
/** An unexpected frame. Most mean that the connection is lost; connection.blocked and .unblocked set `blocked`. */
void amqp_link_unexpected(struct amqp_link *link, const amqp_frame_t *frame);
/** Orderly. */
void amqp_link_close(struct amqp_link *link);
/** From another thread: make any call that blocks on the connection fail now. */
void amqp_link_cut(struct amqp_link *link);
/** Wait for bytes from the broker, or for the eventfd `wake` (then drained), up to `ms`. */
void amqp_link_wait(struct amqp_link *link, int wake, int ms);

#endif
