/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/why.h"

#include "base/clock.h"
#include "base/trouble.h"
#include "queue/queue_internal.h"

#include <stdio.h>

/*
 * Due jobs wait a moment in any queue. If the oldest has waited for LATE_MS, something is wrong. In a queue with more
 * than MANY jobs or without consumers, MANY_LATE_MS is enough.
 */
#define LATE_MS 30000
#define MANY 1000 /* like HighQueueDepth */
#define MANY_LATE_MS 5000

void queue_note_stats(struct queue *queue, enum queue_name name, const struct queue_stats *stats)
{
    pthread_mutex_lock(&queue->lock);
    queue->read[name] = *stats;
    queue->read_ms[name] = clock_wall_ms();
    pthread_mutex_unlock(&queue->lock);
}

static void broker_why(enum trouble trouble, const char *kind, const char *plain, struct causes *causes)
{
    struct trouble_state state;
    if (!trouble_get(trouble, &state))
        return;
    struct cause *cause = causes_add(causes, "broker", kind, "jobs have waited in the outbox for", state.since_ms);
    (void)snprintf(cause->host, sizeof(cause->host), "%s", state.place);
    cause_because(cause, plain, "%s (%s): %s", plain, state.place, state.detail);
}

static void late(enum queue_name name, const struct queue_stats *stats, int64_t since_ms, bool works,
                 struct causes *causes)
{
    const char *queue = queue_names[name];
    long long n = (long long)stats->depth;
    bool nobody = stats->consumers == 0;
    struct cause *cause = causes_add(causes, "queue", nobody ? "unattended" : "behind", "jobs have waited", since_ms);
    cause->count = stats->depth;
    if (nobody && works)
        cause_because(cause, "no worker takes jobs from a queue", "no worker takes jobs from %s, which has %lld", queue,
                      n);
    else if (nobody)
        cause_because(cause, "no worker takes jobs from a queue",
                      "%s has %lld, and this process takes none (--role=api): does a worker run?", queue, n);
    else
        cause_because(cause, "a queue has more jobs than its workers get through",
                      "%s has %lld, and %d consumers do not get through them (WORKER_THREADS, or more workers)", queue,
                      n, stats->consumers);
}

void queue_why(struct queue *queue, bool works, struct causes *causes)
{
    struct queue_stats read[QUEUES];
    int64_t read_ms[QUEUES];
    broker_why(TROUBLE_BROKER_AWAY, "away", "the broker does not answer", causes);
    broker_why(TROUBLE_BROKER_BLOCKED, "blocked", "the broker accepts no messages", causes);
    pthread_mutex_lock(&queue->lock);
    for (int i = 0; i < QUEUES; i++) {
        read[i] = queue->read[i];
        read_ms[i] = queue->read_ms[i];
    }
    pthread_mutex_unlock(&queue->lock);
    for (int i = 0; i < QUEUES; i++) {
        int64_t late_ms = read[i].depth > MANY || read[i].consumers == 0 ? MANY_LATE_MS : LATE_MS;
        if (read_ms[i] && read[i].depth > 0 && read[i].oldest_age_ms >= late_ms)
            late((enum queue_name)i, &read[i], read_ms[i] - read[i].oldest_age_ms, works, causes);
    }
}
