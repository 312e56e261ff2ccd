/* SPDX-License-Identifier: Apache-2.0 */
#include "families.h"

#include <promc-sql/pool.h>
#include <promc/promc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct promc_sql_pool {
    promc_sql_pool_handles series;
};

/* The settings of one of the families; the name is in `name`. */
static promc_family_settings family(char name[PREFIX_MAX + 64], const char *prefix, const char *rest, const char *help)
{
    snprintf(name, PREFIX_MAX + 64, "%s_connection_pool_%s", prefix, rest);
    return (promc_family_settings){.name = name, .help = help};
}

static int register_gauges(promc_sql_pool *pool, promc_registry *registry, const char *prefix)
{
    char name[PREFIX_MAX + 64];
    promc_family *size, *most, *pending;
    promc_family_settings settings = family(name, prefix, "size", "Connections in the pool, by state.");
    settings.labels[0] = "state";
    int rc = promc_updown_register(registry, &settings, &size);
    if (rc == 0)
        rc = promc_updown_get(size, (const char *const[]){"active"}, &pool->series.active);
    if (rc == 0)
        rc = promc_updown_get(size, (const char *const[]){"idle"}, &pool->series.idle);
    settings = family(name, prefix, "max_size", "Maximum number of connections in the pool.");
    if (rc == 0)
        rc = promc_gauge_register(registry, &settings, &most);
    if (rc == 0)
        rc = promc_gauge_get(most, NULL, &pool->series.max);
    settings = family(name, prefix, "pending_acquires", "Operations waiting for a database connection.");
    if (rc == 0)
        rc = promc_updown_register(registry, &settings, &pending);
    if (rc == 0)
        rc = promc_updown_get(pending, NULL, &pool->series.pending);
    return rc;
}

static int register_waiting(promc_sql_pool *pool, promc_registry *registry, const char *prefix)
{
    char name[PREFIX_MAX + 64];
    promc_family *acquire, *timeouts;
    promc_histogram_settings histogram = {
        .family = family(name, prefix, "acquire_duration_seconds", "Time spent waiting for a database connection."),
        .buckets = duration_buckets,
        .bucket_count = DURATION_BUCKETS};
    histogram.family.unit = "seconds";
    int rc = promc_histogram_register(registry, &histogram, &acquire);
    if (rc == 0)
        rc = promc_histogram_get(acquire, NULL, &pool->series.acquire);
    promc_family_settings settings =
        family(name, prefix, "acquire_timeouts_total",
               "Operations that failed because no database connection became free in time.");
    if (rc == 0)
        rc = promc_counter_register(registry, &settings, &timeouts);
    if (rc == 0)
        rc = promc_counter_get(timeouts, NULL, &pool->series.timeouts);
    return rc;
}

int promc_sql_pool_create_with(promc_sql_pool **out, const promc_sql_pool_handles *handles, unsigned max)
{
    if (!out || !handles)
        return PROMC_E_INVALID;
    *out = NULL;
    int rc = PROMC_RESERVED_CHECK(promc_sql_pool_handles, handles);
    if (rc < 0)
        return rc;
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return PROMC_E_NOMEM;
    (*out)->series = *handles;
    promc_gauge_set(handles->max, max);
    return 0;
}

int promc_sql_pool_create(promc_sql_pool **out, promc_registry *registry, const char *prefix, unsigned max)
{
    *out = NULL;
    if (!prefix)
        prefix = "db";
    if (strlen(prefix) >= PREFIX_MAX)
        return PROMC_E_INVALID;
    promc_sql_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return PROMC_E_NOMEM;
    int rc = register_gauges(pool, registry, prefix);
    if (rc == 0)
        rc = register_waiting(pool, registry, prefix);
    if (rc < 0) {
        free(pool);
        return rc;
    }
    promc_gauge_set(pool->series.max, max);
    *out = pool;
    return 0;
}

void promc_sql_pool_destroy(promc_sql_pool *pool)
{
    free(pool);
}

void promc_sql_pool_opened(promc_sql_pool *pool)
{
    if (pool)
        promc_updown_inc(pool->series.idle);
}

void promc_sql_pool_closed(promc_sql_pool *pool)
{
    if (pool)
        promc_updown_dec(pool->series.idle);
}

void promc_sql_pool_wait(promc_sql_pool *pool, promc_sql_wait *wait)
{
    wait->pool = pool;
    if (!pool)
        return;
    wait->start_ns = promc_now_ns();
    promc_updown_inc(pool->series.pending);
}

/* @return the pool, if this call ended the wait. */
static promc_sql_pool *end_wait(promc_sql_wait *wait)
{
    promc_sql_pool *pool = wait->pool;
    if (!pool)
        return NULL;
    wait->pool = NULL;
    promc_updown_dec(pool->series.pending);
    promc_histogram_observe_since(pool->series.acquire, wait->start_ns);
    return pool;
}

void promc_sql_pool_acquired(promc_sql_wait *wait)
{
    promc_sql_pool *pool = end_wait(wait);
    if (!pool)
        return;
    promc_updown_dec(pool->series.idle);
    promc_updown_inc(pool->series.active);
}

void promc_sql_pool_joined(promc_sql_wait *wait)
{
    (void)end_wait(wait);
}

void promc_sql_pool_gave_up(promc_sql_wait *wait)
{
    promc_sql_pool *pool = end_wait(wait);
    if (pool)
        promc_counter_inc(pool->series.timeouts);
}

void promc_sql_pool_released(promc_sql_pool *pool)
{
    if (!pool)
        return;
    promc_updown_dec(pool->series.active);
    promc_updown_inc(pool->series.idle);
}
