/* SPDX-License-Identifier: Apache-2.0 */
/* The queue_* metrics: messages, processing, depth. */
#include "metrics/internal.h"

static bool known(enum queue_name queue)
{
    return ingest.queue_depth && queue < QUEUES;
}

/* The time of the last reading is 0 (never): the series must exist from the start, so that QueueDepthStale can fire. */
void metrics_queue_register(void)
{
    for (int queue = 0; queue < QUEUES; queue++)
        promc_gauge_set(promc_gauge_with(ingest.queue_last_success, queue_names[queue]), 0);
}

void metrics_queue_messages(enum queue_name queue, enum queue_action action, uint64_t n)
{
    if (known(queue) && (unsigned)action < queue_action_count)
        promc_counter_add_u64(ingest.queue_messages[queue][action], n);
}

void metrics_queue_failure(enum queue_name queue, enum queue_failure reason)
{
    if (known(queue) && (unsigned)reason < queue_failure_count)
        promc_counter_inc(ingest.queue_failures[queue][reason]);
}

void metrics_queue_retry(enum queue_name queue)
{
    if (known(queue))
        promc_counter_inc(ingest.queue_retries[queue]);
}

void metrics_queue_processed(enum queue_name queue, bool success, uint64_t duration_ns, const char *request_id)
{
    if (!known(queue))
        return;
    promc_histogram histogram = ingest.queue_processing[queue][success];
    const promc_label label = {"request_id", request_id};
    if (!request_id || !*request_id ||
        promc_histogram_observe_exemplar(histogram, (double)duration_ns / 1e9, &label, 1) < 0)
        promc_histogram_observe(histogram, (double)duration_ns / 1e9);
}

void metrics_queue_depth(enum queue_name queue, int64_t depth, int64_t oldest_age_ms, int consumers)
{
    if (!known(queue))
        return;
    const char *name = queue_names[queue];
    promc_gauge_set(promc_gauge_with(ingest.queue_depth, name), (double)depth);
    promc_gauge_set(promc_gauge_with(ingest.queue_oldest, name), (double)oldest_age_ms / 1000);
    if (consumers >= 0)
        promc_gauge_set(promc_gauge_with(ingest.queue_consumers, name), consumers);
    else
        (void)promc_family_remove(ingest.queue_consumers, (const char *const[]){name});
    promc_gauge_set_to_current_time(promc_gauge_with(ingest.queue_last_success, name));
}

void metrics_queue_depth_stale(enum queue_name queue)
{
    if (!known(queue))
        return;
    /* an old depth must not look like the current one; the time of the last success stays */
    const char *const name[] = {queue_names[queue]};
    (void)promc_family_remove(ingest.queue_depth, name);
    (void)promc_family_remove(ingest.queue_oldest, name);
    (void)promc_family_remove(ingest.queue_consumers, name);
}
