/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RabbitMQ between the outbox and the workers.
 *
 *   route ── commit ──▶ tracking.jobs ── relay ──▶ queue ── consumer ──▶ worker ── commit ──▶ acknowledgement
 *                             ▲                                            │
 *                             └────────── a retry is due later ◀───────────┘ ──▶ queue.dead
 *
 * The store decides, the broker distributes: a message is acknowledged after its job's outcome is in the store. The
 * three connections (relay, consumer, and the one that reads the depth) reconnect by themselves; while the broker is
 * away rows are accepted and wait in the outbox.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "metrics/metrics.h"
#include "queue/amqp/consumer.h"
#include "queue/amqp/relay.h"
#include "queue/jobs.h"
#include "queue/outbox.h"
#include "queue/queue_internal.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFETCH 128
#define LEASE_MAX 256         /* jobs in one transaction */
#define RECALL_AFTER_MS 60000 /* a job that went to the broker longer ago, and is in no queue there, is lost */

struct broker {
    struct amqp_target target;
    struct amqp_relay *relay;
    struct amqp_consumer *consumer;

    pthread_mutex_t look_lock; /* guards the rest */
    struct amqp_link look;
    int64_t ready[QUEUES]; /* messages at the broker that no consumer has, at the last look; -1: unknown */
};

/* ---- opening and closing ---- */

static void amqp_close(struct queue *queue)
{
    struct broker *broker = queue->broker;
    if (!broker)
        return;
    amqp_consumer_stop(broker->consumer);
    amqp_relay_stop(broker->relay);
    amqp_link_close(&broker->look);
    amqp_link_destroy(&broker->look);
    pthread_mutex_destroy(&broker->look_lock);
    amqp_target_clear(&broker->target);
    free(broker);
    queue->broker = NULL;
}

static int amqp_open(struct queue *queue, const struct settings *settings)
{
    char error[256];
    struct broker *broker = calloc(1, sizeof(*broker));
    if (!broker) {
        log_error("cannot open the queue: out of memory", "s:component", "queue");
        return -1;
    }
    if (amqp_target_parse(&broker->target, settings, error, sizeof(error)) < 0) {
        log_error("cannot open the queue", "s:component", "queue", "s:error", error);
        free(broker);
        return -1;
    }
    pthread_mutex_init(&broker->look_lock, NULL);
    /* No heartbeats: no thread serves this connection between two looks, and each look has its own time limit. */
    amqp_link_init(&broker->look, &broker->target, "monitor", 0);
    for (int i = 0; i < QUEUES; i++)
        broker->ready[i] = -1;
    queue->broker = broker;
    if (amqp_relay_start(&broker->relay, queue, &broker->target) < 0 ||
        ((settings->role & ROLE_WORKER) &&
         amqp_consumer_start(&broker->consumer, queue, &broker->target,
                             settings->queue_prefetch ? settings->queue_prefetch : PREFETCH) < 0))
        return -1; /* queue_close() comes next */
    return 0;
}

/* ---- jobs ---- */

static void amqp_published(struct queue *queue, enum queue_name name, unsigned n)
{
    struct broker *broker = queue->broker;
    (void)name;
    (void)n;
    amqp_relay_wake(broker->relay);
}

/* The job was neither done nor failed: other workers may take it. Its message is no longer needed. */
static void given_up(struct job *job)
{
    struct amqp_delivery *delivery = (struct amqp_delivery *)job->delivery;
    struct queue *queue = delivery->base.queue;
    struct broker *broker = queue->broker;
    if (!delivery->base.settled) {
        amqp_relay_return(broker->relay, job);
        amqp_consumer_settle(broker->consumer, delivery, false);
    }
    free(delivery);
}

static void amqp_settled(struct queue *queue, const struct job *job, enum queue_outcome outcome)
{
    struct broker *broker = queue->broker;
    if (job->delivery && !job->delivery->settled) {
        job->delivery->settled = true;
        amqp_consumer_settle(broker->consumer, (const struct amqp_delivery *)job->delivery, outcome == QUEUE_JOB_DEAD);
    }
    if (outcome == QUEUE_JOB_RETRY) /* it may be due before the relay's next look */
        amqp_relay_wake(broker->relay);
}

struct lease_call {
    struct queue *queue;
    enum queue_name name;
    struct amqp_delivery **deliveries;
    enum outbox_claim *claims;
    struct job *jobs; /* the leased jobs, in order */
    struct jobs_expired expired;
    int n, leased;
};

static int run_lease(void *arg, struct db *db)
{
    struct lease_call *call = arg;
    struct queue *queue = call->queue;
    unsigned char uuid[16];
    int rc = DB_OK;
    call->leased = 0;
    call->expired = (struct jobs_expired){0};
    for (int i = 0; rc == DB_OK && i < call->n; i++) {
        call->claims[i] = OUTBOX_DEAD;
        if (!uuid_parse(call->deliveries[i]->id, uuid))
            continue; /* not one of ours: dead-letter it */
        rc = outbox_lease(db, call->name, call->deliveries[i]->id, queue->timing.lease_ms, queue->max_attempts,
                          queue->owner, &call->jobs[call->leased], &call->claims[i], &call->expired);
        if (rc == DB_OK && call->claims[i] == OUTBOX_LEASED)
            call->leased++;
    }
    return rc;
}

/* A message that another program published. */
static void count_foreign(const struct lease_call *call)
{
    metrics_queue_failure(call->name, QUEUE_REJECTED);
    metrics_queue_failure(call->name, QUEUE_DEAD_LETTERED);
    log_warn("a message that is no job was dead-lettered", "s:component", "queue", "s:queue", queue_names[call->name]);
}

/* After the commit: leased jobs keep their message, the others are settled. */
static void hand_out(struct lease_call *call)
{
    struct broker *broker = call->queue->broker;
    int at = 0;
    queue_count_expired(call->name, &call->expired);
    for (int i = 0; i < call->n; i++) {
        struct amqp_delivery *delivery = call->deliveries[i];
        if (call->claims[i] == OUTBOX_LEASED) {
            delivery->base = (struct delivery){.release = given_up, .queue = call->queue};
            call->jobs[at++].delivery = &delivery->base;
            continue;
        }
        if (!*delivery->id)
            count_foreign(call);
        amqp_consumer_settle(broker->consumer, delivery, call->claims[i] == OUTBOX_DEAD);
        free(delivery);
    }
}

static int try_lease(struct queue *queue, enum queue_name name, struct job *jobs, int max)
{
    struct broker *broker = queue->broker;
    struct amqp_delivery *deliveries[LEASE_MAX];
    enum outbox_claim claims[LEASE_MAX];
    struct lease_call call = {.queue = queue, .name = name, .deliveries = deliveries, .claims = claims, .jobs = jobs};
    call.n = amqp_consumer_take(broker->consumer, name, deliveries, max < LEASE_MAX ? max : LEASE_MAX);
    if (call.n == 0)
        return 0;
    int rc = store_run(queue->store, STORE_MODE_WRITE, run_lease, &call);
    if (rc != DB_OK) {
        for (int i = 0; i < call.leased; i++)
            job_release(&jobs[i]);
        amqp_consumer_put_back(broker->consumer, name, deliveries, call.n);
        return rc;
    }
    hand_out(&call);
    amqp_relay_taken(broker->relay, name);
    return call.leased;
}

static int amqp_lease(struct queue *queue, enum queue_name name, struct job *jobs, int max, int timeout_ms)
{
    struct broker *broker = queue->broker;
    struct queue_mark mark = queue_mark(queue, name);
    uint64_t end = clock_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
    if (!broker->consumer)
        return DB_E_INVALID; /* opened without ROLE_WORKER */
    amqp_consumer_want(broker->consumer, name);
    for (;;) {
        int n = try_lease(queue, name, jobs, max);
        uint64_t now = clock_monotonic_ns();
        if (n != 0 || now >= end)
            return n;
        if (!queue_wait(queue, name, (int64_t)((end - now) / 1000000u) + 1, &mark))
            return 0;
    }
}

/* ---- looking at the broker ---- */

/* With the lock held. @return 0 with what is ready and who consumes, or -1. */
static int passive_declare(struct broker *broker, enum queue_name name, int64_t *ready, int *consumers)
{
    struct amqp_link *link = &broker->look;
    if (!amqp_link_ready(link, 1))
        return -1;
    const amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(link->state, 1, amqp_cstring_bytes(queue_names[name]), 1, 0, 0, 0, amqp_empty_table);
    if (!ok) {
        amqp_link_lost_reply(link, "looking at a queue", amqp_get_rpc_reply(link->state));
        return -1;
    }
    *ready = ok->message_count;
    *consumers = (int)ok->consumer_count;
    amqp_maybe_release_buffers(link->state);
    return 0;
}

struct stats_call {
    enum queue_name name;
    struct queue_stats *out;
};

static int run_stats(void *arg, struct db *db)
{
    struct stats_call *call = arg;
    return jobs_stats(db, call->name, call->out);
}

static int amqp_read_stats(struct queue *queue, enum queue_name name, struct queue_stats *out)
{
    struct broker *broker = queue->broker;
    struct stats_call call = {.name = name, .out = out};
    int64_t ready = -1;
    int consumers = 0;
    pthread_mutex_lock(&broker->look_lock);
    if (passive_declare(broker, name, &ready, &consumers) < 0)
        consumers = -1;
    broker->ready[name] = ready;
    pthread_mutex_unlock(&broker->look_lock);
    /* the store counts our jobs wherever they are; only the broker knows messages that other programs published */
    int rc = store_run(queue->store, STORE_MODE_READ, run_stats, &call);
    out->consumers = consumers;
    if (out->depth < ready)
        out->depth = ready;
    return rc;
}

/* Not pthread_mutex_timedlock(): its clock can be changed. */
static bool lock_within(pthread_mutex_t *lock, int ms)
{
    uint64_t end = clock_monotonic_ns() + (uint64_t)ms * 1000000u;
    while (pthread_mutex_trylock(lock) != 0) {
        if (clock_monotonic_ns() >= end)
            return false;
        (void)usleep(5000);
    }
    return true;
}

static int amqp_check(struct queue *queue, int timeout_ms)
{
    struct broker *broker = queue->broker;
    int64_t ready;
    int consumers;
    if (!lock_within(&broker->look_lock, timeout_ms))
        return DB_E_BUSY;
    broker->look.retry_ns = 0; /* do not wait for the backoff: somebody asks now */
    int rc = passive_declare(broker, (enum queue_name)0, &ready, &consumers);
    pthread_mutex_unlock(&broker->look_lock);
    return rc < 0 ? DB_E_CONNECTION : amqp_relay_blocked(broker->relay) ? DB_E_FULL : DB_OK;
}

struct recall_call {
    enum queue_name name;
    struct jobs_look look;
    int recalled;
};

static int run_look(void *arg, struct db *db)
{
    struct recall_call *call = arg;
    return jobs_look(db, call->name, &call->look);
}

static int run_recall(void *arg, struct db *db)
{
    struct recall_call *call = arg;
    call->recalled = outbox_recall(db, call->name, RECALL_AFTER_MS);
    return call->recalled < 0 ? call->recalled : 0;
}

/* If the broker has lost its data, or a queue was purged, the missing jobs are published again. */
static void recall_lost(struct queue *queue, enum queue_name name)
{
    struct recall_call call = {.name = name};
    if (store_run(queue->store, STORE_MODE_READ, run_look, &call) != DB_OK ||
        call.look.handed_ms > jobs_now_ms() - RECALL_AFTER_MS ||
        store_run(queue->store, STORE_MODE_WRITE, run_recall, &call) != DB_OK || call.recalled == 0)
        return;
    log_warn("jobs that the broker has lost are published again", "s:component", "queue", "s:queue", queue_names[name],
             "i:jobs", (int64_t)call.recalled);
    amqp_relay_wake(((struct broker *)queue->broker)->relay);
}

static void amqp_clear_up(struct queue *queue)
{
    struct broker *broker = queue->broker;
    for (int i = 0; i < QUEUES; i++) {
        pthread_mutex_lock(&broker->look_lock);
        bool empty = broker->ready[i] == 0;
        pthread_mutex_unlock(&broker->look_lock);
        if (empty)
            recall_lost(queue, (enum queue_name)i);
    }
    amqp_relay_wake(broker->relay); /* housekeeping may have requeued jobs */
}

const struct queue_driver queue_amqp = {
    .open = amqp_open,
    .close = amqp_close,
    .published = amqp_published,
    .lease = amqp_lease,
    .settled = amqp_settled,
    .read_stats = amqp_read_stats,
    .check = amqp_check,
    .clear_up = amqp_clear_up,
};
