/* SPDX-License-Identifier: Apache-2.0 */
/* Wrappers of rabbitmq-c's calls: pass each through and count its result. */
#include "amqp_internal.h"

#include <stdlib.h>
#include <string.h>

amqp_channel_open_ok_t *promc_amqp_channel_open(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel)
{
    amqp_channel_open_ok_t *ok = amqp_channel_open(state, channel);
    if (amqp && ok)
        promc_amqp_channel_closed(amqp, channel);
    return ok;
}

/* ---- publishing ---- */

amqp_confirm_select_ok_t *promc_amqp_confirm_select(promc_amqp *amqp, amqp_connection_state_t state,
                                                    amqp_channel_t channel)
{
    amqp_confirm_select_ok_t *ok = amqp_confirm_select(state, channel);
    struct channel *record = amqp && ok ? promc_amqp_channel(amqp, channel) : NULL;
    if (record)
        record->confirming = true; /* a second confirm.select is allowed and keeps the tags */
    return ok;
}

static void observe(promc_amqp *amqp, uint32_t route, uint64_t since_ns)
{
    promc_histogram histogram;
    if (route < amqp->route_count &&
        promc_histogram_get(amqp->family[DURATION], (const char *const[]){amqp->name, amqp->routes[route]},
                            &histogram) == 0)
        promc_histogram_observe_since(histogram, since_ns);
}

int promc_amqp_basic_publish(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel,
                             amqp_bytes_t exchange, amqp_bytes_t routing_key, amqp_boolean_t mandatory,
                             amqp_boolean_t immediate, const struct amqp_basic_properties_t_ *properties,
                             amqp_bytes_t body)
{
    uint64_t begun = amqp ? promc_now_ns() : 0;
    int status = amqp_basic_publish(state, channel, exchange, routing_key, mandatory, immediate, properties, body);
    struct channel *record = amqp ? promc_amqp_channel(amqp, channel) : NULL;
    if (!record)
        return status;
    uint32_t route = promc_amqp_route(amqp, exchange.len ? exchange : routing_key);
    promc_amqp_count(amqp, PUBLISHES, route, status == AMQP_STATUS_OK ? "sent" : "failed");
    if (status != AMQP_STATUS_OK)
        return status;
    if (!record->confirming) {
        observe(amqp, route, begun);
        return status;
    }
    (void)promc_amqp_window_open(&record->unconfirmed, ++record->published, route, begun);
    promc_amqp_show_outstanding(amqp);
    return status;
}

static void acked(void *arg, const struct window_entry *entry)
{
    promc_amqp *amqp = arg;
    promc_amqp_count(amqp, CONFIRMS, entry->route, "ack");
    observe(amqp, entry->route, entry->since_ns);
}

static void nacked(void *arg, const struct window_entry *entry)
{
    promc_amqp_count(arg, CONFIRMS, entry->route, "nack");
}

bool promc_amqp_frame(promc_amqp *amqp, const amqp_frame_t *frame)
{
    if (!amqp || frame->frame_type != AMQP_FRAME_METHOD)
        return false;
    const void *decoded = frame->payload.method.decoded;
    amqp_method_number_t id = frame->payload.method.id;
    if (id == AMQP_CONNECTION_BLOCKED_METHOD || id == AMQP_CONNECTION_UNBLOCKED_METHOD) {
        promc_amqp_show_blocked(amqp, id == AMQP_CONNECTION_BLOCKED_METHOD);
        return true;
    }
    if (id == AMQP_BASIC_RETURN_METHOD) {
        const amqp_basic_return_t *back = decoded;
        promc_amqp_count(amqp, CONFIRMS,
                         promc_amqp_route(amqp, back->exchange.len ? back->exchange : back->routing_key), "returned");
        return true;
    }
    if (id == AMQP_CHANNEL_CLOSE_METHOD)
        promc_amqp_channel_closed(amqp, frame->channel);
    if (id != AMQP_BASIC_ACK_METHOD && id != AMQP_BASIC_NACK_METHOD)
        return false;
    struct channel *record = promc_amqp_channel(amqp, frame->channel);
    if (record && id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = decoded;
        promc_amqp_window_close(&record->unconfirmed, ack->delivery_tag, ack->multiple, acked, amqp);
    } else if (record) {
        const amqp_basic_nack_t *nack = decoded;
        promc_amqp_window_close(&record->unconfirmed, nack->delivery_tag, nack->multiple, nacked, amqp);
    }
    promc_amqp_show_outstanding(amqp);
    return true;
}

/* ---- consuming ---- */

static bool same(amqp_bytes_t bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.bytes, text, bytes.len) == 0;
}

static struct consumer *find_consumer(const promc_amqp *amqp, amqp_channel_t channel, amqp_bytes_t tag)
{
    for (size_t i = 0; i < amqp->consumer_count; i++)
        if (amqp->consumers[i].channel == channel && same(tag, amqp->consumers[i].tag))
            return &amqp->consumers[i];
    return NULL;
}

/* A consumer's record, a new one if the channel has none with the tag. NULL: no memory. */
static struct consumer *consumer_of(promc_amqp *amqp, amqp_channel_t channel, amqp_bytes_t tag)
{
    struct consumer *known = find_consumer(amqp, channel, tag);
    if (known)
        return known;
    struct consumer *grown = realloc(amqp->consumers, (amqp->consumer_count + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    amqp->consumers = grown;
    char *copy = strndup(tag.len ? tag.bytes : "", tag.len);
    if (!copy)
        return NULL;
    grown[amqp->consumer_count] = (struct consumer){.tag = copy, .channel = channel};
    return &grown[amqp->consumer_count++];
}

static void remember(promc_amqp *amqp, amqp_channel_t channel, amqp_bytes_t tag, amqp_bytes_t queue, bool no_ack)
{
    struct consumer *consumer = amqp ? consumer_of(amqp, channel, tag) : NULL;
    if (!consumer)
        return;
    consumer->route = promc_amqp_route(amqp, queue);
    consumer->no_ack = no_ack;
}

void promc_amqp_consumer(promc_amqp *amqp, amqp_channel_t channel, amqp_bytes_t tag, amqp_bytes_t queue)
{
    remember(amqp, channel, tag, queue, false);
}

amqp_basic_consume_ok_t *promc_amqp_basic_consume(promc_amqp *amqp, amqp_connection_state_t state,
                                                  amqp_channel_t channel, amqp_bytes_t queue, amqp_bytes_t consumer_tag,
                                                  amqp_boolean_t no_local, amqp_boolean_t no_ack,
                                                  amqp_boolean_t exclusive, amqp_table_t arguments)
{
    amqp_basic_consume_ok_t *ok =
        amqp_basic_consume(state, channel, queue, consumer_tag, no_local, no_ack, exclusive, arguments);
    if (ok)
        remember(amqp, channel, ok->consumer_tag, queue, no_ack);
    return ok;
}

amqp_rpc_reply_t promc_amqp_consume_message(promc_amqp *amqp, amqp_connection_state_t state, amqp_envelope_t *envelope,
                                            const struct timeval *timeout, int flags)
{
    amqp_rpc_reply_t reply = amqp_consume_message(state, envelope, timeout, flags);
    if (!amqp || reply.reply_type != AMQP_RESPONSE_NORMAL)
        return reply;
    const struct consumer *consumer = find_consumer(amqp, envelope->channel, envelope->consumer_tag);
    struct channel *record = consumer && consumer->no_ack ? NULL : promc_amqp_channel(amqp, envelope->channel);
    /* Of a consumer not passed to promc_amqp_consumer(): the message's exchange, or its routing key. */
    uint32_t route = consumer
                         ? consumer->route
                         : promc_amqp_route(amqp, envelope->exchange.len ? envelope->exchange : envelope->routing_key);
    promc_amqp_count(amqp, DELIVERIES, route, envelope->redelivered ? "true" : "false");
    if (record)
        (void)promc_amqp_window_open(&record->unsettled, envelope->delivery_tag, route, 0);
    promc_amqp_show_outstanding(amqp);
    return reply;
}

struct settling {
    promc_amqp *amqp;
    const char *outcome;
};

static void settled(void *arg, const struct window_entry *entry)
{
    const struct settling *settling = arg;
    promc_amqp_count(settling->amqp, SETTLEMENTS, entry->route, settling->outcome);
}

static int settle(promc_amqp *amqp, amqp_channel_t channel, uint64_t tag, bool multiple, const char *outcome,
                  int status)
{
    struct channel *record = amqp && status == AMQP_STATUS_OK ? promc_amqp_channel(amqp, channel) : NULL;
    if (record) {
        promc_amqp_window_close(&record->unsettled, tag, multiple, settled, &(struct settling){amqp, outcome});
        promc_amqp_show_outstanding(amqp);
    }
    return status;
}

int promc_amqp_basic_ack(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel, uint64_t delivery_tag,
                         amqp_boolean_t multiple)
{
    return settle(amqp, channel, delivery_tag, multiple, "ack", amqp_basic_ack(state, channel, delivery_tag, multiple));
}

int promc_amqp_basic_reject(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel,
                            uint64_t delivery_tag, amqp_boolean_t requeue)
{
    return settle(amqp, channel, delivery_tag, false, requeue ? "requeue" : "reject",
                  amqp_basic_reject(state, channel, delivery_tag, requeue));
}

int promc_amqp_basic_nack(promc_amqp *amqp, amqp_connection_state_t state, amqp_channel_t channel,
                          uint64_t delivery_tag, amqp_boolean_t multiple, amqp_boolean_t requeue)
{
    return settle(amqp, channel, delivery_tag, multiple, requeue ? "requeue" : "reject",
                  amqp_basic_nack(state, channel, delivery_tag, multiple, requeue));
}
