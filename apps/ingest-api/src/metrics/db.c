/* SPDX-License-Identifier: Apache-2.0 */
/* db_*: queries and the connection pool, by promc-sql on the rows of the service's table. */
#include "metrics/internal.h"

static promc_sql *sql;

/** Data statements in every schema, transaction control in none. Series of other pairs are made when they first occur. */
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

int metrics_db_register(promc_registry *registry)
{
    const promc_sql_settings settings = {.schemas = db_schema_values,
                                         .schema_count = db_schema_count,
                                         .duration = ingest.db_query_duration,
                                         .errors = ingest.db_query_errors};
    int rc = promc_sql_create(&sql, registry, &settings);
    return rc < 0 ? rc : make_usual();
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

promc_sql_pool *metrics_sql_pool(unsigned max)
{
    promc_sql_pool *pool = NULL;
    if (sql)
        (void)promc_sql_pool_create_with(&pool,
                                         &(promc_sql_pool_handles){.active = ingest.db_pool_size[POOL_ACTIVE],
                                                                   .idle = ingest.db_pool_size[POOL_IDLE],
                                                                   .pending = ingest.db_pool_pending,
                                                                   .max = ingest.db_pool_max,
                                                                   .acquire = ingest.db_pool_acquire,
                                                                   .timeouts = ingest.db_pool_acquire_timeouts},
                                         max);
    return pool;
}
