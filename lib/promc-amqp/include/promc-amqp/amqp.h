/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-amqp/amqp.h
 * Metrics around your own rabbitmq-c calls.
 *
 *     amqp_connection_up{connection}                             1 while connected
 *     amqp_connection_blocked{connection}                        1 while the broker accepts no messages (its memory or disk alarm)
 *     amqp_connects_total{connection,outcome}                    success, failure
 *     amqp_reconnects_total{connection}                          successes after the first
 *     amqp_disconnects_total{connection,reason}                  closed (by us), broker, network, heartbeat, timeout, tls, error
 *     amqp_publishes_total{connection,destination,outcome}       sent, failed
 *     amqp_confirms_total{connection,destination,outcome}        ack, nack, returned, lost (the connection ended before)
 *     amqp_publish_duration_seconds{connection,destination}      from the call to the confirm; without confirms, of the call
 *     amqp_unconfirmed_messages{connection}                      published, not confirmed yet
 *     amqp_deliveries_total{connection,queue,redelivered}        true, false
 *     amqp_settlements_total{connection,queue,outcome}           ack, reject, requeue
 *     amqp_unsettled_messages{connection}                        delivered, neither acknowledged nor rejected; not those of a
 *                                                                promc_amqp_basic_consume() with no_ack
 *
 * `destination` is the exchange; for the default exchange it is the routing key, which names the queue. Routing keys of named
 * exchanges are not label values, since their number is not limited.
 *
 *     promc_amqp *metrics;
 *     promc_amqp_create(&metrics, registry, NULL);
 *     …amqp_socket_open(), amqp_login(), amqp_channel_open()…
 *     promc_amqp_connected(metrics);
 *     promc_amqp_confirm_select(metrics, state, 1);
 *     promc_amqp_basic_publish(metrics, state, 1, …);          // and so on: rabbitmq-c's names, arguments, results
 *     if (amqp_simple_wait_frame(state, &frame) == AMQP_STATUS_OK)
 *         promc_amqp_frame(metrics, &frame);                    // sees confirms and returned messages
 *
 * `metrics` may be NULL everywhere: the rabbitmq-c call is made, but nothing is counted. Use one object per connection, by
 * one thread at a time, like rabbitmq-c itself. Several connections with different names can share a registry. Only the
 * first call for a channel, a destination or a queue allocates memory, and a call that raises the maximum of outstanding
 * messages on a channel.
 */
#ifndef PROMC_AMQP_AMQP_H
#define PROMC_AMQP_AMQP_H

#include <promc/registry.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#else /* before 0.12 */
#include <amqp.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct promc_amqp promc_amqp;

/** A field that is 0 takes its default. Strings are copied. */
typedef struct promc_amqp_settings {
    /** The label `connection`. Default "main". */
    const char *connection;
    /**
     * Upper bounds of amqp_publish_duration_seconds, as promc_histogram_settings.buckets; the registry's first object
     * decides. Default .0005 .001 .0025 .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10.
     */
    const double *buckets;
    size_t bucket_count;
    /** Must be zero: see promc/version.h. */
    uint64_t reserved[4];
} promc_amqp_settings;

/**
 * Register the families if they do not exist yet, without any series.
 * @return 0, PROMC_E_VERSION (a reserved word is set), or as promc_histogram_register().
 */
PROMC_API int promc_amqp_register(promc_registry *registry, const promc_amqp_settings *settings);

/**
 * @param[out] out   promc_amqp_destroy() frees it. NULL after an error.
 * @param settings   NULL for the defaults.
 * @return 0, PROMC_E_INVALID, PROMC_E_VERSION, PROMC_E_NOMEM, PROMC_E_FULL, PROMC_E_BUCKETS or PROMC_E_TYPE (a family of that name has
 *         another type).
 */
PROMC_API int promc_amqp_create(promc_amqp **out, promc_registry *registry, const promc_amqp_settings *settings);

/** Call it before the registry is destroyed. Its series stay. NULL is allowed. */
PROMC_API void promc_amqp_destroy(promc_amqp *amqp);

/* ---- the connection ---- */

/** The connection was opened and logged in. If the previous one was not reported as disconnected, its outstanding messages are lost. */
PROMC_API void promc_amqp_connected(promc_amqp *amqp);
/** The connection could not be opened, or the login failed. */
PROMC_API void promc_amqp_connect_failed(promc_amqp *amqp);
/**
 * The connection is lost, or about to be destroyed. @param status rabbitmq-c's status (enum amqp_status_enum): AMQP_STATUS_OK if we
 * closed it. Unconfirmed messages are counted as lost. Without an earlier promc_amqp_connected() nothing is counted.
 */
PROMC_API void promc_amqp_disconnected(promc_amqp *amqp, int status);
/** The same with an amqp_rpc_reply_t; a server's exception is reason "broker". */
PROMC_API void promc_amqp_disconnected_reply(promc_amqp *amqp, amqp_rpc_reply_t reply);

/**
 * amqp_channel_open(). A channel of that number that was open before is gone: its unconfirmed messages count as lost, and its tags
 * begin at 1 again. Open a channel again with it, whoever closed it; for the first time on a connection either function does.
 */
PROMC_API amqp_channel_open_ok_t *promc_amqp_channel_open(promc_amqp *amqp, amqp_connection_state_t state,
                                                          amqp_channel_t channel);

/* ---- publishing ---- */

/** amqp_confirm_select(): from now on a message's duration ends with its confirm. */
PROMC_API amqp_confirm_select_ok_t *promc_amqp_confirm_select(promc_amqp *amqp, amqp_connection_state_t state,
                                                              amqp_channel_t channel);

/** amqp_basic_publish(). */
PROMC_API int promc_amqp_basic_publish(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel,
                                       amqp_bytes_t exchange, amqp_bytes_t routing_key, amqp_boolean_t mandatory,
                                       amqp_boolean_t immediate, const struct amqp_basic_properties_t_ *properties,
                                       amqp_bytes_t body);

/**
 * Pass every frame that you read yourself: it handles basic.ack, basic.nack, basic.return, and
 * connection.blocked and connection.unblocked, which a broker sends to clients with that capability (amqp_login_with_properties).
 * After channel.close, which the program answers, the channel's messages count as lost, and its tags begin at 1 again. You do not
 * see a channel.close that answers a call, for example amqp_queue_declare(): there promc_amqp_channel_open() does the same.
 * @return whether the frame was one of the first five. @note A returned message is confirmed as well; it is counted as both.
 */
PROMC_API bool promc_amqp_frame(promc_amqp *amqp, const amqp_frame_t *frame);

/* ---- consuming ---- */

/** amqp_basic_consume(). Sets the label of the queue. */
PROMC_API amqp_basic_consume_ok_t *promc_amqp_basic_consume(promc_amqp *amqp, amqp_connection_state_t state,
                                                            amqp_channel_t channel, amqp_bytes_t queue,
                                                            amqp_bytes_t consumer_tag, amqp_boolean_t no_local,
                                                            amqp_boolean_t no_ack, amqp_boolean_t exclusive,
                                                            amqp_table_t arguments);

/**
 * Sets the label of the queue for a consumer that was not made by promc_amqp_basic_consume() (e.g. basic.consume with nowait,
 * by amqp_send_method()), and that acknowledges its messages. Call it once for each consumer and connection.
 */
PROMC_API void promc_amqp_consumer(promc_amqp *amqp, amqp_channel_t channel, amqp_bytes_t consumer_tag,
                                   amqp_bytes_t queue);

/** amqp_consume_message(). */
PROMC_API amqp_rpc_reply_t promc_amqp_consume_message(promc_amqp *amqp, amqp_connection_state_t state,
                                                      amqp_envelope_t *envelope, const struct timeval *timeout,
                                                      int flags);

/** amqp_basic_ack(); with `multiple`, each covered message is counted. */
PROMC_API int promc_amqp_basic_ack(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel,
                                   uint64_t delivery_tag, amqp_boolean_t multiple);
/** amqp_basic_reject(). */
PROMC_API int promc_amqp_basic_reject(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel,
                                      uint64_t delivery_tag, amqp_boolean_t requeue);
/** amqp_basic_nack(). */
PROMC_API int promc_amqp_basic_nack(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel,
                                    uint64_t delivery_tag, amqp_boolean_t multiple, amqp_boolean_t requeue);

#ifdef __cplusplus
}
#endif
#endif
