/* SPDX-License-Identifier: Apache-2.0 */
#include "families.h"

#include <promc-sql/pool.h>
#include <promc/promc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct promc_sql_pool {
    promc_updown active, idle, pending;
    promc_histogram acquire;
    promc_counter timeouts;
};

/* The settings of one of the families; the name is in `name`. */
static promc_family_settings family(char name[PREFIX_MAX + 64], const char *prefix, const char *rest, const char *help)
{
    snprintf(name, PREFIX_MAX + 64, "%s_connection_pool_%s", prefix, rest);
    return (promc_family_settings){.name = name, .help = help};
}

static int register_gauges(promc_sql_pool *pool, promc_registry *registry, const char *prefix, unsigned max)
{
    char name[PREFIX_MAX + 64];
    promc_family *size, *most, *pending;
    promc_gauge maximum = {0};
    promc_family_settings settings = family(name, prefix, "size", "Database connections by state.");
    settings.labels[0] = "state";
    int rc = promc_updown_register(registry, &settings, &size);
    if (rc == 0)
        rc = promc_updown_get(size, (const char *const[]){"active"}, &pool->active);
    if (rc == 0)
        rc = promc_updown_get(size, (const char *const[]){"idle"}, &pool->idle);
    settings = family(name, prefix, "max_size", "Database connections the pool may have.");
    if (rc == 0)
        rc = promc_gauge_register(registry, &settings, &most);
    if (rc == 0)
        rc = promc_gauge_get(most, NULL, &maximum);
    promc_gauge_set(maximum, max);
    settings = family(name, prefix, "pending_acquires", "Work that waits for a database connection.");
    if (rc == 0)
        rc = promc_updown_register(registry, &settings, &pending);
    if (rc == 0)
        rc = promc_updown_get(pending, NULL, &pool->pending);
    return rc;
}

static int register_waiting(promc_sql_pool *pool, promc_registry *registry, const char *prefix)
{
    char name[PREFIX_MAX + 64];
    promc_family *acquire, *timeouts;
    promc_histogram_settings histogram = {
        .family = family(name, prefix, "acquire_duration_seconds", "Time work waited for a database connection."),
        .buckets = duration_buckets,
        .bucket_count = DURATION_BUCKETS};
    histogram.family.unit = "seconds";
    int rc = promc_histogram_register(registry, &histogram, &acquire);
    if (rc == 0)
        rc = promc_histogram_get(acquire, NULL, &pool->acquire);
    promc_family_settings settings = family(name, prefix, "acquire_timeouts_total",
                                            "Work that was given up because no connection came free in time.");
    if (rc == 0)
        rc = promc_counter_register(registry, &settings, &timeouts);
    if (rc == 0)
        rc = promc_counter_get(timeouts, NULL, &pool->timeouts);
    return rc;
}

int promc_sql_pool_create(promc_sql_pool **out, promc_registry *registry, const char *prefix, unsigned max)
{
    *out = NULL;
    if (!prefix)
        prefix = "db";
    if (strlen(prefix) >= PREFIX_MAX)
        return PROMC_E_INVALID;
    promc_sql_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return PROMC_E_NOMEM;
    int rc = register_gauges(pool, registry, prefix, max);
    if (rc == 0)
        rc = register_waiting(pool, registry, prefix);
    if (rc < 0) {
        free(pool);
        return rc;
    }
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
        promc_updown_inc(pool->idle);
}

void promc_sql_pool_closed(promc_sql_pool *pool)
{
    if (pool)
        promc_updown_dec(pool->idle);
}

void promc_sql_pool_wait(promc_sql_pool *pool, promc_sql_wait *wait)
{
    wait->pool = pool;
    if (!pool)
        return;
    wait->start_ns = promc_now_ns();
    promc_updown_inc(pool->pending);
}

void promc_sql_pool_acquired(promc_sql_wait *wait)
{
    promc_sql_pool *pool = wait->pool;
    if (!pool)
        return;
    wait->pool = NULL;
    promc_updown_dec(pool->pending);
    promc_histogram_observe_since(pool->acquire, wait->start_ns);
    promc_updown_dec(pool->idle);
    promc_updown_inc(pool->active);
}

void promc_sql_pool_gave_up(promc_sql_wait *wait)
{
    promc_sql_pool *pool = wait->pool;
    if (!pool)
        return;
    wait->pool = NULL;
    promc_updown_dec(pool->pending);
    promc_counter_inc(pool->timeouts);
}

void promc_sql_pool_released(promc_sql_pool *pool)
{
    if (!pool)
        return;
    promc_updown_dec(pool->active);
    promc_updown_inc(pool->idle);
}
