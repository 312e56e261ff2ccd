/* SPDX-License-Identifier: Apache-2.0 */
/* The object, its families, and the connection's state. The calls are in calls.c. */
#include "amqp_internal.h"

#include <stdlib.h>
#include <string.h>

static const double default_buckets[] = {.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

static const promc_family_settings families[FAMILIES] = {
    [UP] = {.name = "amqp_connection_up", .help = "1 if connected to the broker, else 0.", .labels = {"connection"}},
    [BLOCKED] = {.name = "amqp_connection_blocked",
                 .help = "1 if the broker blocks publishing because it is low on memory or disk, else 0.",
                 .labels = {"connection"}},
    [CONNECTS] = {.name = "amqp_connects_total",
                  .help = "Connection attempts to the broker, by outcome.",
                  .labels = {"connection", "outcome"}},
    [RECONNECTS] = {.name = "amqp_reconnects_total",
                    .help = "Connections re-established after a loss.",
                    .labels = {"connection"}},
    [DISCONNECTS] = {.name = "amqp_disconnects_total",
                     .help = "Closed connections, by reason.",
                     .labels = {"connection", "reason"}},
    [PUBLISHES] = {.name = "amqp_publishes_total",
                   .help = "Messages published, by outcome of the send.",
                   .labels = {"connection", "destination", "outcome"}},
    [CONFIRMS] = {.name = "amqp_confirms_total",
                  .help = "Published messages by the broker's answer; lost: the connection ended first.",
                  .labels = {"connection", "destination", "outcome"}},
    [DURATION] = {.name = "amqp_publish_duration_seconds",
                  .help = "Time from publishing a message to the broker's confirm.",
                  .labels = {"connection", "destination"}},
    [UNCONFIRMED] = {.name = "amqp_unconfirmed_messages",
                     .help = "Published messages that the broker has not confirmed yet.",
                     .labels = {"connection"}},
    [DELIVERIES] = {.name = "amqp_deliveries_total",
                    .help = "Messages delivered to consumers, by whether they are redeliveries.",
                    .labels = {"connection", "queue", "redelivered"}},
    [SETTLEMENTS] = {.name = "amqp_settlements_total",
                     .help = "Delivered messages acknowledged, rejected or requeued, by outcome.",
                     .labels = {"connection", "queue", "outcome"}},
    [UNSETTLED] = {.name = "amqp_unsettled_messages",
                   .help = "Messages delivered and not yet acknowledged, rejected or requeued.",
                   .labels = {"connection"}},
};

static enum promc_type type_of(enum family which)
{
    switch (which) {
    case DURATION:
        return PROMC_HISTOGRAM;
    case UP:
    case BLOCKED:
    case UNCONFIRMED:
    case UNSETTLED:
        return PROMC_GAUGE;
    default:
        return PROMC_COUNTER;
    }
}

static int make(promc_registry *registry, enum family which, const promc_amqp_settings *settings, promc_family **out)
{
    const promc_family_settings *family = &families[which];
    if (which == DURATION) {
        bool given = settings && settings->buckets;
        promc_histogram_settings histogram = {
            .family = *family,
            .buckets = given ? settings->buckets : default_buckets,
            .bucket_count = given ? settings->bucket_count : sizeof(default_buckets) / sizeof(default_buckets[0]),
        };
        return promc_histogram_register(registry, &histogram, out);
    }
    if (type_of(which) == PROMC_GAUGE)
        return promc_gauge_register(registry, family, out);
    return promc_counter_register(registry, family, out);
}

/* Get or register the family. If two threads race, the second uses the first one's. */
static int find_or_make(promc_registry *registry, enum family which, const promc_amqp_settings *settings,
                        promc_family **out)
{
    *out = promc_family_find(registry, families[which].name);
    int rc = *out ? 0 : make(registry, which, settings, out);
    if (rc == PROMC_E_DUPLICATE && (*out = promc_family_find(registry, families[which].name)))
        rc = 0;
    if (rc == 0 && promc_family_type(*out) != type_of(which))
        rc = PROMC_E_TYPE; /* registered by other code with another type or labels */
    return rc;
}

int promc_amqp_register(promc_registry *registry, const promc_amqp_settings *settings)
{
    promc_family *family;
    int rc = !registry ? PROMC_E_INVALID : settings ? PROMC_RESERVED_CHECK(promc_amqp_settings, settings) : 0;
    for (int i = 0; rc == 0 && i < FAMILIES; i++)
        rc = find_or_make(registry, (enum family)i, settings, &family);
    return rc;
}

/* Create the connection's series at the start, so that alerts can distinguish 0 from absent. */
static int make_series(promc_amqp *amqp)
{
    const char *const name[] = {amqp->name};
    promc_gauge gauge;
    promc_counter counter;
    int rc;
    if ((rc = promc_gauge_get(amqp->family[UP], name, &gauge)) < 0 ||
        (rc = promc_gauge_get(amqp->family[BLOCKED], name, &gauge)) < 0 ||
        (rc = promc_gauge_get(amqp->family[UNCONFIRMED], name, &gauge)) < 0 ||
        (rc = promc_gauge_get(amqp->family[UNSETTLED], name, &gauge)) < 0 ||
        (rc = promc_counter_get(amqp->family[RECONNECTS], name, &counter)) < 0)
        return rc;
    return 0;
}

int promc_amqp_create(promc_amqp **out, promc_registry *registry, const promc_amqp_settings *settings)
{
    *out = NULL;
    int rc = !registry ? PROMC_E_INVALID : settings ? PROMC_RESERVED_CHECK(promc_amqp_settings, settings) : 0;
    if (rc < 0)
        return rc;
    promc_amqp *amqp = calloc(1, sizeof(*amqp));
    if (!amqp || !(amqp->name = strdup(settings && settings->connection ? settings->connection : "main"))) {
        promc_amqp_destroy(amqp);
        return PROMC_E_NOMEM;
    }
    for (int i = 0; rc == 0 && i < FAMILIES; i++)
        rc = find_or_make(registry, (enum family)i, settings, &amqp->family[i]);
    if (rc == 0)
        rc = make_series(amqp);
    if (rc < 0) {
        promc_amqp_destroy(amqp);
        return rc;
    }
    *out = amqp;
    return 0;
}

static void free_consumers(promc_amqp *amqp)
{
    for (size_t i = 0; i < amqp->consumer_count; i++)
        free(amqp->consumers[i].tag);
    free(amqp->consumers);
    amqp->consumers = NULL;
    amqp->consumer_count = 0;
}

static void free_channels(promc_amqp *amqp)
{
    while (amqp->channels) {
        struct channel *channel = amqp->channels;
        amqp->channels = channel->next;
        promc_amqp_window_free(&channel->unconfirmed);
        promc_amqp_window_free(&channel->unsettled);
        free(channel);
    }
}

void promc_amqp_destroy(promc_amqp *amqp)
{
    if (!amqp)
        return;
    free_consumers(amqp);
    free_channels(amqp);
    for (uint32_t i = 0; i < amqp->route_count; i++)
        free(amqp->routes[i]);
    free(amqp->name);
    free(amqp);
}

/* ---- for calls.c ---- */

struct channel *promc_amqp_channel(promc_amqp *amqp, amqp_channel_t number)
{
    struct channel *channel = amqp->channels;
    while (channel && channel->number != number)
        channel = channel->next;
    if (channel || !(channel = calloc(1, sizeof(*channel))))
        return channel;
    channel->number = number;
    channel->next = amqp->channels;
    amqp->channels = channel;
    return channel;
}

uint32_t promc_amqp_route(promc_amqp *amqp, amqp_bytes_t name)
{
    uint32_t i = 0;
    for (; i < amqp->route_count; i++)
        if (strlen(amqp->routes[i]) == name.len && memcmp(amqp->routes[i], name.bytes, name.len) == 0)
            return i;
    if (i == ROUTES_MAX)
        return ROUTES_MAX - 1;
    bool last = i == ROUTES_MAX - 1;
    char *copy = last ? strdup("other") : strndup(name.len ? name.bytes : "", name.len);
    if (!copy)
        return i ? i - 1 : ROUTES_MAX; /* ROUTES_MAX: not counted */
    amqp->routes[i] = copy;
    amqp->route_count++;
    return i;
}

void promc_amqp_count(promc_amqp *amqp, enum family family, uint32_t route, const char *value)
{
    promc_counter counter;
    if (route < amqp->route_count &&
        promc_counter_get(amqp->family[family], (const char *const[]){amqp->name, amqp->routes[route], value},
                          &counter) == 0)
        promc_counter_inc(counter);
}

static void set(promc_amqp *amqp, enum family family, double value)
{
    promc_gauge gauge;
    if (promc_gauge_get(amqp->family[family], (const char *const[]){amqp->name}, &gauge) == 0)
        promc_gauge_set(gauge, value);
}

void promc_amqp_show_blocked(promc_amqp *amqp, bool blocked)
{
    set(amqp, BLOCKED, blocked);
}

void promc_amqp_show_outstanding(promc_amqp *amqp)
{
    size_t unconfirmed = 0, unsettled = 0;
    for (const struct channel *channel = amqp->channels; channel; channel = channel->next) {
        unconfirmed += channel->unconfirmed.open;
        unsettled += channel->unsettled.open;
    }
    set(amqp, UNCONFIRMED, (double)unconfirmed);
    set(amqp, UNSETTLED, (double)unsettled);
}

/* ---- the connection ---- */

static void count_state(promc_amqp *amqp, enum family family, const char *value)
{
    promc_counter counter;
    if (promc_counter_get(amqp->family[family], (const char *const[]){amqp->name, value}, &counter) == 0)
        promc_counter_inc(counter);
}

static void lost(void *arg, const struct window_entry *entry)
{
    promc_amqp_count(arg, CONFIRMS, entry->route, "lost");
}

/* A channel's tags, and its confirms, end with it. */
static void end_channel(promc_amqp *amqp, struct channel *channel)
{
    promc_amqp_window_close(&channel->unconfirmed, 0, true, lost, amqp);
    promc_amqp_window_clear(&channel->unconfirmed);
    promc_amqp_window_clear(&channel->unsettled);
    channel->confirming = false;
    channel->published = 0;
}

void promc_amqp_channel_closed(promc_amqp *amqp, amqp_channel_t number)
{
    struct channel *channel = promc_amqp_channel(amqp, number);
    size_t kept = 0;
    if (channel)
        end_channel(amqp, channel);
    for (size_t i = 0; i < amqp->consumer_count; i++)
        if (amqp->consumers[i].channel == number)
            free(amqp->consumers[i].tag);
        else
            amqp->consumers[kept++] = amqp->consumers[i];
    amqp->consumer_count = kept;
    promc_amqp_show_outstanding(amqp);
}

/* Forget tags, confirms, consumers and the blocked state: they belong to the lost connection. */
static void forget(promc_amqp *amqp)
{
    for (struct channel *channel = amqp->channels; channel; channel = channel->next)
        end_channel(amqp, channel);
    free_consumers(amqp);
    promc_amqp_show_blocked(amqp, false);
    promc_amqp_show_outstanding(amqp);
}

void promc_amqp_connected(promc_amqp *amqp)
{
    if (!amqp)
        return;
    forget(amqp);
    count_state(amqp, CONNECTS, "success");
    if (amqp->connected_before)
        promc_counter_inc(promc_counter_with_values(amqp->family[RECONNECTS], (const char *const[]){amqp->name}, 1));
    amqp->connected = amqp->connected_before = true;
    set(amqp, UP, 1);
}

void promc_amqp_connect_failed(promc_amqp *amqp)
{
    if (amqp)
        count_state(amqp, CONNECTS, "failure");
}

static void disconnected(promc_amqp *amqp, const char *reason)
{
    if (!amqp || !amqp->connected)
        return;
    amqp->connected = false;
    count_state(amqp, DISCONNECTS, reason);
    forget(amqp);
    set(amqp, UP, 0);
}

static const char *reason_of(int status)
{
    switch (status) {
    case AMQP_STATUS_OK:
        return "closed";
    case AMQP_STATUS_HEARTBEAT_TIMEOUT:
        return "heartbeat";
    case AMQP_STATUS_TIMEOUT:
        return "timeout";
    case AMQP_STATUS_CONNECTION_CLOSED:
    case AMQP_STATUS_SOCKET_ERROR:
    case AMQP_STATUS_SOCKET_CLOSED:
    case AMQP_STATUS_TCP_ERROR:
        return "network";
    case AMQP_STATUS_SSL_ERROR:
    case AMQP_STATUS_SSL_CONNECTION_FAILED:
    case AMQP_STATUS_SSL_PEER_VERIFY_FAILED:
    case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED:
        return "tls";
    default:
        return "error";
    }
}

void promc_amqp_disconnected(promc_amqp *amqp, int status)
{
    disconnected(amqp, reason_of(status));
}

void promc_amqp_disconnected_reply(promc_amqp *amqp, amqp_rpc_reply_t reply)
{
    disconnected(amqp, reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION    ? "broker"
                       : reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ? reason_of(reply.library_error)
                                                                             : "closed");
}
