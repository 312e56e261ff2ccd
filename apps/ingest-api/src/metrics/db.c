/* SPDX-License-Identifier: Apache-2.0 */
/* db_*: queries and the connection pool. */
#include "metrics/internal.h"

#include <string.h>

/* of ingest.db_query_duration: combinations that hardly occur are not made in advance, they are looked up */
static promc_histogram usual[db_operation_count][db_schema_count];

/** Data statements in every schema, transaction control in none. */
static bool is_usual(int operation, int schema)
{
    return operation < DB_BEGIN ? true : schema == DB_SCHEMA_OTHER;
}

int metrics_db_register(void)
{
    for (int operation = 0; operation < db_operation_count; operation++) {
        for (int schema = 0; schema < db_schema_count; schema++) {
            if (!is_usual(operation, schema))
                continue;
            int rc =
                promc_histogram_get(ingest.db_query_duration,
                                    (const char *const[]){db_operation_values[operation], db_schema_values[schema]},
                                    &usual[operation][schema]);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

void metrics_db_reset(void)
{
    memset(usual, 0, sizeof(usual));
}

void metrics_db_query(enum db_operation op, enum db_schema schema, uint64_t duration_ns)
{
    if (!ingest.db_query_duration || (unsigned)op >= db_operation_count || (unsigned)schema >= db_schema_count)
        return;
    promc_histogram histogram = is_usual((int)op, (int)schema)
                                    ? usual[op][schema]
                                    : promc_histogram_with(ingest.db_query_duration, PROMC_VALUE(db_operation, op),
                                                           PROMC_VALUE(db_schema, schema));
    promc_histogram_observe(histogram, (double)duration_ns / 1e9);
}

void metrics_db_error(enum db_operation op, enum db_schema schema, const char *sqlstate_class)
{
    if (!ingest.db_query_errors || (unsigned)op >= db_operation_count || (unsigned)schema >= db_schema_count ||
        !sqlstate_class)
        return;
    promc_counter_inc(promc_counter_with(ingest.db_query_errors, PROMC_VALUE(db_operation, op),
                                         PROMC_VALUE(db_schema, schema), sqlstate_class));
}

void metrics_db_pool(unsigned active, unsigned idle, unsigned max, unsigned pending)
{
    promc_gauge_set(ingest.db_pool_size[POOL_ACTIVE], active);
    promc_gauge_set(ingest.db_pool_size[POOL_IDLE], idle);
    promc_gauge_set(ingest.db_pool_max, max);
    promc_gauge_set(ingest.db_pool_pending, pending);
}

void metrics_db_acquire(uint64_t duration_ns)
{
    promc_histogram_observe(ingest.db_pool_acquire, (double)duration_ns / 1e9);
}

void metrics_db_acquire_timeout(void)
{
    promc_counter_inc(ingest.db_pool_acquire_timeouts);
}
