/* SPDX-License-Identifier: Apache-2.0 */
/* queue_*: messages, processing, depth. */
#include "config/metrics_internal.h"

#include "queue/queue.h"

#include <string.h>

static const char *const actions[QUEUE_ACTIONS] = {"published", "consumed"};
static const char *const failures[QUEUE_FAILURES] = {"rejected", "timeout", "dead_lettered", "error"};
static const double processing_buckets[] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};

static struct {
    bool on;
    promc_counter messages[QUEUES][QUEUE_ACTIONS];
    promc_counter failed[QUEUES][QUEUE_FAILURES];
    promc_counter retries[QUEUES];
    promc_histogram processing[QUEUES][2];
    promc_family *depth, *consumers, *oldest, *last_success;
} queues;

static int find_series(promc_family *messages, promc_family *failed, promc_family *retries, promc_family *processing)
{
    int rc = 0;
    for (int queue = 0; queue < QUEUES && rc >= 0; queue++) {
        const char *name = queue_names[queue];
        for (int i = 0; i < QUEUE_ACTIONS && rc >= 0; i++)
            rc = promc_counter_get(messages, (const char *const[]){name, actions[i]}, &queues.messages[queue][i]);
        for (int i = 0; i < QUEUE_FAILURES && rc >= 0; i++)
            rc = promc_counter_get(failed, (const char *const[]){name, failures[i]}, &queues.failed[queue][i]);
        for (int i = 0; i < 2 && rc >= 0; i++)
            rc = promc_histogram_get(processing, (const char *const[]){name, i ? "true" : "false"},
                                     &queues.processing[queue][i]);
        if (rc >= 0)
            rc = promc_counter_get(retries, (const char *const[]){name}, &queues.retries[queue]);
    }
    return rc;
}

static int register_depth(promc_registry *registry)
{
    /* What these four show is shared by all replicas: read them with max by (queue). */
    struct {
        const char *name, *help;
        promc_family **out;
    } gauges[] = {
        {"queue_depth", "Messages ready, delayed or being processed. Shared by all replicas.", &queues.depth},
        {"queue_consumers", "Consumers of the queue.", &queues.consumers},
        {"queue_oldest_message_age_seconds", "Age of the oldest message that is due. Shared by all replicas.",
         &queues.oldest},
        {"queue_depth_last_success_timestamp_seconds", "When the depth of the queue was last read.",
         &queues.last_success},
    };
    for (size_t i = 0; i < METRICS_COUNT(gauges); i++) {
        int rc = promc_gauge_register(
            registry,
            &(promc_family_settings){
                .name = gauges[i].name, .help = gauges[i].help, .labels = {"queue"}, .max_series = 100},
            gauges[i].out);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int metrics_queue_register(promc_registry *registry)
{
    promc_family *messages, *failed, *retries, *processing;
    int rc;
    if ((rc = promc_counter_register(registry,
                                     &(promc_family_settings){.name = "queue_messages_total",
                                                              .help = "Messages published and consumed.",
                                                              .labels = {"queue", "action"}},
                                     &messages)) < 0 ||
        (rc = promc_counter_register(registry,
                                     &(promc_family_settings){.name = "queue_message_failures_total",
                                                              .help = "Messages whose processing failed.",
                                                              .labels = {"queue", "reason"}},
                                     &failed)) < 0 ||
        (rc = promc_counter_register(registry,
                                     &(promc_family_settings){.name = "queue_message_retries_total",
                                                              .help = "Messages that were put back to be tried again.",
                                                              .labels = {"queue"}},
                                     &retries)) < 0 ||
        (rc = promc_histogram_register(
             registry,
             &(promc_histogram_settings){.family = {.name = "queue_processing_duration_seconds",
                                                    .help = "Time to process a message.",
                                                    .labels = {"queue", "success"}},
                                         .buckets = processing_buckets,
                                         .bucket_count = METRICS_COUNT(processing_buckets)},
             &processing)) < 0 ||
        (rc = register_depth(registry)) < 0)
        return rc;
    rc = find_series(messages, failed, retries, processing);
    queues.on = rc >= 0;
    return rc;
}

void metrics_queue_reset(void)
{
    memset(&queues, 0, sizeof(queues));
}

static bool known(int queue)
{
    return queues.on && queue >= 0 && queue < QUEUES;
}

void metrics_queue_messages(int queue, enum queue_action action, uint64_t n)
{
    if (known(queue) && (unsigned)action < QUEUE_ACTIONS)
        promc_counter_add_u64(queues.messages[queue][action], n);
}

void metrics_queue_failure(int queue, enum queue_failure reason)
{
    if (known(queue) && (unsigned)reason < QUEUE_FAILURES)
        promc_counter_inc(queues.failed[queue][reason]);
}

void metrics_queue_retry(int queue)
{
    if (known(queue))
        promc_counter_inc(queues.retries[queue]);
}

void metrics_queue_processed(int queue, bool success, uint64_t duration_ns)
{
    if (known(queue))
        promc_histogram_observe(queues.processing[queue][success], (double)duration_ns / 1e9);
}

void metrics_queue_depth(int queue, int64_t depth, int64_t oldest_age_ms, int consumers)
{
    if (!known(queue))
        return;
    const char *name = queue_names[queue];
    promc_gauge_set(promc_gauge_with(queues.depth, name), (double)depth);
    promc_gauge_set(promc_gauge_with(queues.oldest, name), (double)oldest_age_ms / 1000);
    promc_gauge_set(promc_gauge_with(queues.consumers, name), consumers);
    promc_gauge_set_to_current_time(promc_gauge_with(queues.last_success, name));
}

void metrics_queue_depth_stale(int queue)
{
    if (!known(queue))
        return;
    /* a depth that is not known any more must not look like one that is; the time of the last success stays */
    const char *const name[] = {queue_names[queue]};
    (void)promc_family_remove(queues.depth, name);
    (void)promc_family_remove(queues.oldest, name);
    (void)promc_family_remove(queues.consumers, name);
}
