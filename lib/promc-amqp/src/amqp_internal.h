/* SPDX-License-Identifier: Apache-2.0 */
/** @file amqp_internal.h Internals of one connection's metrics. */
#ifndef PROMC_AMQP_INTERNAL_H
#define PROMC_AMQP_INTERNAL_H

#include "promc-amqp/amqp.h"
#include "window.h"

#include <promc/counter.h>
#include <promc/gauge.h>
#include <promc/histogram.h>

enum family {
    UP,
    BLOCKED,
    CONNECTS,
    RECONNECTS,
    DISCONNECTS,
    PUBLISHES,
    CONFIRMS,
    DURATION,
    UNCONFIRMED,
    DELIVERIES,
    SETTLEMENTS,
    UNSETTLED,
    FAMILIES
};

/** A queue or a destination. Beyond ROUTES_MAX they share the last one, "other". */
#define ROUTES_MAX 64

/** The queue of a consumer's tag. */
struct consumer {
    char *tag;
    amqp_channel_t channel;
    uint32_t route;
    bool no_ack; /**< its deliveries count as acknowledged at once: they are not settled */
};

struct channel {
    struct channel *next;
    amqp_channel_t number;
    bool confirming;
    uint64_t published; /**< delivery tags given since confirm.select */
    struct window unconfirmed, unsettled;
};

struct promc_amqp {
    char *name;
    promc_family *family[FAMILIES];
    bool connected, connected_before;
    char *routes[ROUTES_MAX];
    uint32_t route_count;
    struct channel *channels;
    struct consumer *consumers;
    size_t consumer_count;
};

/** The channel's record; NULL: no memory. */
struct channel *promc_amqp_channel(promc_amqp *amqp, amqp_channel_t number);
/** The channel was closed: when it is open again, its tags begin at 1. */
void promc_amqp_channel_closed(promc_amqp *amqp, amqp_channel_t number);
/** The index of a queue or destination. */
uint32_t promc_amqp_route(promc_amqp *amqp, amqp_bytes_t name);
/** Add 1; `value` is the value of the last label. */
void promc_amqp_count(promc_amqp *amqp, enum family family, uint32_t route, const char *value);
void promc_amqp_show_blocked(promc_amqp *amqp, bool blocked);
/** Update the two gauges of outstanding messages. */
void promc_amqp_show_outstanding(promc_amqp *amqp);

#endif
