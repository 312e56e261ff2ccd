/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/amqp/consumer.h"

#include "base/log.h"
#include "queue/amqp/thread.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define IDLE_MS 1000 /* rabbitmq-c sends heartbeats only when it is called */

struct settled {
    struct settled *next;
    uint64_t tag, connection;
    enum queue_name queue;
    bool reject;
};

struct list {
    struct amqp_delivery *first, **last;
};

struct amqp_consumer {
    struct queue *queue;
    struct amqp_link link;
    unsigned prefetch;
    bool subscribed[QUEUES];

    struct amqp_thread thread; /* its lock guards the rest */
    bool wanted[QUEUES];
    uint64_t connection; /* number of the current one */
    struct list arrived[QUEUES];
    struct settled *settled, **settled_last;
};

static amqp_channel_t channel_of(enum queue_name name)
{
    return (amqp_channel_t)(name + 1);
}

static void list_init(struct list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

/* ---- the workers' side ---- */

void amqp_consumer_want(struct amqp_consumer *consumer, enum queue_name name)
{
    pthread_mutex_lock(&consumer->thread.lock);
    bool fresh = !consumer->wanted[name];
    consumer->wanted[name] = true;
    pthread_mutex_unlock(&consumer->thread.lock);
    if (fresh)
        amqp_thread_wake(&consumer->thread);
}

int amqp_consumer_take(struct amqp_consumer *consumer, enum queue_name name, struct amqp_delivery **out, int max)
{
    struct list *list = &consumer->arrived[name];
    int n = 0;
    pthread_mutex_lock(&consumer->thread.lock);
    while (n < max && list->first) {
        struct amqp_delivery *delivery = list->first;
        list->first = delivery->next;
        if (!list->first)
            list->last = &list->first;
        delivery->next = NULL;
        out[n++] = delivery;
    }
    pthread_mutex_unlock(&consumer->thread.lock);
    return n;
}

void amqp_consumer_put_back(struct amqp_consumer *consumer, enum queue_name name, struct amqp_delivery **deliveries,
                            int n)
{
    struct list *list = &consumer->arrived[name];
    pthread_mutex_lock(&consumer->thread.lock);
    for (int i = n - 1; i >= 0; i--) {
        if (deliveries[i]->connection != consumer->connection) {
            free(deliveries[i]); /* the broker delivers it again */
            continue;
        }
        if (!list->first)
            list->last = &deliveries[i]->next;
        deliveries[i]->next = list->first;
        list->first = deliveries[i];
    }
    pthread_mutex_unlock(&consumer->thread.lock);
}

void amqp_consumer_settle(struct amqp_consumer *consumer, const struct amqp_delivery *delivery, bool reject)
{
    struct settled *settled = calloc(1, sizeof(*settled));
    if (settled) { /* else, without memory, the broker delivers the message again when the connection ends */
        *settled = (struct settled){
            .tag = delivery->tag, .connection = delivery->connection, .queue = delivery->queue, .reject = reject};
        pthread_mutex_lock(&consumer->thread.lock);
        bool first = !consumer->settled;
        *consumer->settled_last = settled;
        consumer->settled_last = &settled->next;
        pthread_mutex_unlock(&consumer->thread.lock);
        if (first)
            amqp_thread_wake(&consumer->thread);
    }
}

/* ---- the thread ---- */

/* A connection was lost: drop its deliveries, because the broker delivers them again. */
static void forget_arrived(struct amqp_consumer *consumer)
{
    pthread_mutex_lock(&consumer->thread.lock);
    consumer->connection++;
    for (int i = 0; i < QUEUES; i++) {
        struct amqp_delivery *list = consumer->arrived[i].first;
        list_init(&consumer->arrived[i]);
        while (list) {
            struct amqp_delivery *next = list->next;
            free(list);
            list = next;
        }
    }
    pthread_mutex_unlock(&consumer->thread.lock);
    memset(consumer->subscribed, 0, sizeof(consumer->subscribed));
}

static bool ready(struct amqp_consumer *consumer)
{
    if (consumer->link.state)
        return true;
    forget_arrived(consumer);
    return amqp_link_ready(&consumer->link, QUEUES);
}

/* Do not wait for the answer: a queue that has lost its leader does not answer, and would block the other queues. */
static bool subscribe_to(struct amqp_consumer *consumer, enum queue_name name)
{
    amqp_connection_state_t state = consumer->link.state;
    (void)amqp_basic_qos(state, channel_of(name), 0, (uint16_t)consumer->prefetch, 0);
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(state);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        amqp_link_lost_reply(&consumer->link, "subscribing", reply);
        return false;
    }
    amqp_bytes_t queue = amqp_cstring_bytes(queue_names[name]);
    amqp_basic_consume_t consume = {.queue = queue, .consumer_tag = queue, .nowait = 1};
    int rc = amqp_send_method(state, channel_of(name), AMQP_BASIC_CONSUME_METHOD, &consume);
    promc_amqp_consumer(consumer->link.metrics, channel_of(name), queue, queue);
    if (rc != AMQP_STATUS_OK)
        amqp_link_lost_status(&consumer->link, "subscribing", rc);
    return rc == AMQP_STATUS_OK;
}

static void subscribe(struct amqp_consumer *consumer)
{
    for (int i = 0; consumer->link.state && i < QUEUES; i++) {
        pthread_mutex_lock(&consumer->thread.lock);
        bool wanted = consumer->wanted[i];
        pthread_mutex_unlock(&consumer->thread.lock);
        if (wanted && !consumer->subscribed[i])
            consumer->subscribed[i] = subscribe_to(consumer, (enum queue_name)i);
    }
}

static void send_settled(struct amqp_consumer *consumer)
{
    pthread_mutex_lock(&consumer->thread.lock);
    struct settled *list = consumer->settled;
    consumer->settled = NULL;
    consumer->settled_last = &consumer->settled;
    uint64_t connection = consumer->connection;
    pthread_mutex_unlock(&consumer->thread.lock);
    while (list) {
        struct settled *next = list->next;
        amqp_connection_state_t state = consumer->link.state;
        if (state && list->connection == connection) {
            promc_amqp *metrics = consumer->link.metrics;
            int rc = list->reject ? promc_amqp_basic_reject(metrics, state, channel_of(list->queue), list->tag, 0)
                                  : promc_amqp_basic_ack(metrics, state, channel_of(list->queue), list->tag, 0);
            if (rc != AMQP_STATUS_OK)
                amqp_link_lost_status(&consumer->link, "acknowledging", rc);
        }
        free(list);
        list = next;
    }
}

static void arrived(struct amqp_consumer *consumer, const amqp_envelope_t *envelope)
{
    const amqp_basic_properties_t *properties = &envelope->message.properties;
    struct amqp_delivery *delivery = calloc(1, sizeof(*delivery));
    if (!delivery)
        return; /* not settled, so the broker delivers it again when the connection ends */
    delivery->tag = envelope->delivery_tag;
    delivery->queue = (enum queue_name)(envelope->channel - 1);
    if ((properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) && properties->message_id.len == sizeof(delivery->id) - 1)
        memcpy(delivery->id, properties->message_id.bytes, sizeof(delivery->id) - 1);
    struct list *list = &consumer->arrived[delivery->queue];
    pthread_mutex_lock(&consumer->thread.lock);
    delivery->connection = consumer->connection;
    *list->last = delivery;
    list->last = &delivery->next;
    pthread_mutex_unlock(&consumer->thread.lock);
    queue_wake_one(consumer->queue, delivery->queue, false);
}

/* A frame that is not a delivery: the broker closes the connection, or a queue was deleted. */
static void other_frame(struct amqp_consumer *consumer)
{
    amqp_frame_t frame;
    int rc = amqp_simple_wait_frame_noblock(consumer->link.state, &frame, &(struct timeval){0});
    if (rc == AMQP_STATUS_OK)
        amqp_link_unexpected(&consumer->link, &frame);
    else if (rc != AMQP_STATUS_TIMEOUT)
        amqp_link_lost_status(&consumer->link, "the connection", rc);
}

/* Everything that has arrived. */
static void receive(struct amqp_consumer *consumer)
{
    while (consumer->link.state) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers(consumer->link.state);
        amqp_rpc_reply_t reply = promc_amqp_consume_message(consumer->link.metrics, consumer->link.state, &envelope,
                                                            &(struct timeval){0}, 0);
        bool library = reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION;
        if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
            arrived(consumer, &envelope);
            amqp_destroy_envelope(&envelope);
        } else if (library && reply.library_error == AMQP_STATUS_TIMEOUT) {
            return;
        } else if (library && reply.library_error == AMQP_STATUS_UNEXPECTED_STATE) {
            other_frame(consumer);
        } else {
            amqp_link_lost_reply(&consumer->link, "receiving", reply);
        }
    }
}

static void *consumer_main(void *arg)
{
    struct amqp_consumer *consumer = arg;
    prctl(PR_SET_NAME, "queue-consumer");
    while (!amqp_thread_stopping(&consumer->thread)) {
        if (ready(consumer)) {
            subscribe(consumer);
            send_settled(consumer);
            receive(consumer);
        }
        int backoff = consumer->link.state ? 0 : amqp_link_backoff_ms(&consumer->link);
        amqp_link_wait(&consumer->link, consumer->thread.wake, backoff ? backoff : IDLE_MS);
    }
    send_settled(consumer);
    amqp_link_close(&consumer->link);
    forget_arrived(consumer);
    amqp_thread_end(&consumer->thread);
    return NULL;
}

int amqp_consumer_start(struct amqp_consumer **out, struct queue *queue, const struct amqp_target *target,
                        unsigned prefetch)
{
    struct amqp_consumer *consumer = calloc(1, sizeof(*consumer));
    *out = NULL;
    if (!consumer || amqp_thread_init(&consumer->thread) < 0) {
        free(consumer);
        log_error("cannot start the queue's consumer: out of memory or descriptors", "s:component", "queue");
        return -1;
    }
    consumer->queue = queue;
    consumer->prefetch = prefetch;
    consumer->settled_last = &consumer->settled;
    for (int i = 0; i < QUEUES; i++)
        list_init(&consumer->arrived[i]);
    amqp_link_init(&consumer->link, target, "consumer", target->heartbeat_s);
    if (amqp_thread_start(&consumer->thread, consumer_main, consumer) == 0) {
        *out = consumer;
        return 0;
    }
    log_error("cannot start the queue's consumer", "s:component", "queue");
    amqp_link_destroy(&consumer->link);
    amqp_thread_destroy(&consumer->thread);
    free(consumer);
    return -1;
}

void amqp_consumer_stop(struct amqp_consumer *consumer)
{
    if (!consumer)
        return;
    amqp_thread_stop(&consumer->thread, &consumer->link);
    for (struct settled *list = consumer->settled, *next; list; list = next) {
        next = list->next;
        free(list);
    }
    amqp_link_destroy(&consumer->link);
    amqp_thread_destroy(&consumer->thread);
    free(consumer);
}
