/* SPDX-License-Identifier: Apache-2.0 */
/* The db_* metrics: queries, through promc-sql with families of the service's own table, and the connection pool. */
#include "metrics/internal.h"

#include <pthread.h>

static promc_sql *sql;

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER; /* guards pool_look and its argument */
static void (*pool_look)(void *arg, struct metrics_pool *out);
static void *pool_arg;

/* Data is in every schema, transaction control in none. Series of other pairs are created at their first use. */
static bool is_usual(int operation, int schema)
{
    return operation < DB_BEGIN ? true : schema == DB_SCHEMA_OTHER;
}

static int make_usual(void)
{
    promc_histogram made;
    for (int operation = 0; operation < db_operation_count; operation++) {
        for (int schema = 0; schema < db_schema_count; schema++) {
            if (!is_usual(operation, schema))
                continue;
            int rc = promc_histogram_get(
                ingest.db_query_duration,
                (const char *const[]){db_operation_values[operation], db_schema_values[schema]}, &made);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int collect_pool(void *user, uint64_t deadline_ns)
{
    struct metrics_pool pool = {0};
    (void)user;
    (void)deadline_ns;
    pthread_mutex_lock(&pool_lock);
    if (pool_look)
        pool_look(pool_arg, &pool);
    pthread_mutex_unlock(&pool_lock);
    promc_gauge_set(ingest.db_pool_max, pool.max);
    promc_gauge_set(ingest.db_pool_size[POOL_ACTIVE], pool.active);
    promc_gauge_set(ingest.db_pool_size[POOL_IDLE], pool.idle);
    promc_gauge_set(ingest.db_pool_pending, pool.pending);
    promc_gauge_set(ingest.db_oldest_work[WORK_WAITING], (double)pool.waiting_ns / 1e9);
    promc_gauge_set(ingest.db_oldest_work[WORK_RUNNING], (double)pool.running_ns / 1e9);
    return 0;
}

void metrics_watch_pool(void (*look)(void *arg, struct metrics_pool *out), void *arg)
{
    pthread_mutex_lock(&pool_lock);
    pool_look = look;
    pool_arg = arg;
    pthread_mutex_unlock(&pool_lock);
}

void metrics_pool_waited(uint64_t ns)
{
    if (sql)
        promc_histogram_observe(ingest.db_pool_acquire, (double)(int64_t)ns * 1e-9);
}

void metrics_pool_gave_up(uint64_t ns)
{
    metrics_pool_waited(ns);
    promc_counter_inc(ingest.db_pool_acquire_timeouts);
}

int metrics_db_register(promc_registry *registry)
{
    const promc_sql_settings settings = {.schemas = db_schema_values,
                                         .schema_count = db_schema_count,
                                         .duration = ingest.db_query_duration,
                                         .errors = ingest.db_query_errors};
    int rc = promc_sql_create(&sql, registry, &settings);
    if (rc == 0)
        rc = make_usual();
    return rc < 0 ? rc : promc_collector_register(registry, "pool", collect_pool, NULL);
}

void metrics_db_reset(void)
{
    promc_sql_destroy(sql);
    sql = NULL;
}

promc_sql *metrics_sql(void)
{
    return sql;
}
