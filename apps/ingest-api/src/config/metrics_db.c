/* SPDX-License-Identifier: Apache-2.0 */
/* db_*: queries and the connection pool. */
#include "config/metrics_internal.h"

#include <string.h>

static const char *const operations[DB_OPERATIONS] = {"select", "insert", "update",   "delete",
                                                      "begin",  "commit", "rollback", "other"};
static const char *const schemas[DB_SCHEMAS] = {"iam", "crm", "outreach", "tracking", "other"};
static const double query_buckets[] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

static struct {
    promc_family *durations, *errors;
    /* a handle that is zero has not been found yet (combinations that hardly occur are not made in advance) */
    promc_histogram duration[DB_OPERATIONS][DB_SCHEMAS];
    promc_gauge active, idle, max, pending;
    promc_histogram acquire;
    promc_counter acquire_timeouts;
} db;

/** Data statements in every schema, transaction control in none. */
static bool is_usual(int operation, int schema)
{
    return operation < DB_BEGIN ? true : schema == DB_SCHEMA_OTHER;
}

static int find_usual_series(void)
{
    for (int operation = 0; operation < DB_OPERATIONS; operation++) {
        for (int schema = 0; schema < DB_SCHEMAS; schema++) {
            if (!is_usual(operation, schema))
                continue;
            int rc = promc_histogram_get(db.durations, (const char *const[]){operations[operation], schemas[schema]},
                                         &db.duration[operation][schema]);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int register_pool(promc_registry *registry)
{
    promc_family *size, *max, *pending, *acquire, *timeouts;
    int rc;
    if ((rc = promc_gauge_register(registry,
                                   &(promc_family_settings){.name = "db_connection_pool_size",
                                                            .help = "Database connections by state.",
                                                            .labels = {"state"}},
                                   &size)) < 0 ||
        (rc = promc_gauge_register(registry,
                                   &(promc_family_settings){.name = "db_connection_pool_max_size",
                                                            .help = "Database connections the pool may have."},
                                   &max)) < 0 ||
        (rc = promc_gauge_register(registry,
                                   &(promc_family_settings){.name = "db_connection_pool_pending_acquires",
                                                            .help = "Work that waits for a database connection."},
                                   &pending)) < 0 ||
        (rc = promc_histogram_register(
             registry,
             &(promc_histogram_settings){.family = {.name = "db_connection_pool_acquire_duration_seconds",
                                                    .help = "Time work waited for a database connection."},
                                         .buckets = query_buckets,
                                         .bucket_count = METRICS_COUNT(query_buckets)},
             &acquire)) < 0 ||
        (rc = promc_counter_register(
             registry,
             &(promc_family_settings){.name = "db_connection_pool_acquire_timeouts_total",
                                      .help = "Work that was given up because no connection came free in time."},
             &timeouts)) < 0)
        return rc;
    if ((rc = promc_gauge_get(size, (const char *const[]){"active"}, &db.active)) < 0 ||
        (rc = promc_gauge_get(size, (const char *const[]){"idle"}, &db.idle)) < 0 ||
        (rc = promc_gauge_get(max, NULL, &db.max)) < 0 || (rc = promc_gauge_get(pending, NULL, &db.pending)) < 0 ||
        (rc = promc_histogram_get(acquire, NULL, &db.acquire)) < 0)
        return rc;
    return promc_counter_get(timeouts, NULL, &db.acquire_timeouts);
}

int metrics_db_register(promc_registry *registry)
{
    int rc;
    if ((rc = promc_histogram_register(registry,
                                       &(promc_histogram_settings){.family = {.name = "db_query_duration_seconds",
                                                                              .help = "Duration of database queries.",
                                                                              .labels = {"operation", "schema"}},
                                                                   .buckets = query_buckets,
                                                                   .bucket_count = METRICS_COUNT(query_buckets)},
                                       &db.durations)) < 0 ||
        (rc = promc_counter_register(registry,
                                     &(promc_family_settings){.name = "db_query_errors_total",
                                                              .help = "Database queries that failed.",
                                                              .labels = {"operation", "schema", "sqlstate_class"},
                                                              .max_series = 500},
                                     &db.errors)) < 0 ||
        (rc = find_usual_series()) < 0)
        return rc;
    return register_pool(registry);
}

void metrics_db_reset(void)
{
    memset(&db, 0, sizeof(db));
}

void metrics_db_query(enum db_operation op, enum db_schema schema, uint64_t duration_ns)
{
    if (!db.durations || (unsigned)op >= DB_OPERATIONS || (unsigned)schema >= DB_SCHEMAS)
        return;
    promc_histogram histogram = is_usual((int)op, (int)schema)
                                    ? db.duration[op][schema]
                                    : promc_histogram_with(db.durations, operations[op], schemas[schema]);
    promc_histogram_observe(histogram, (double)duration_ns / 1e9);
}

void metrics_db_error(enum db_operation op, enum db_schema schema, const char *sqlstate_class)
{
    if (!db.errors || (unsigned)op >= DB_OPERATIONS || (unsigned)schema >= DB_SCHEMAS || !sqlstate_class)
        return;
    promc_counter_inc(promc_counter_with(db.errors, operations[op], schemas[schema], sqlstate_class));
}

void metrics_db_pool(unsigned active, unsigned idle, unsigned max, unsigned pending)
{
    promc_gauge_set(db.active, active);
    promc_gauge_set(db.idle, idle);
    promc_gauge_set(db.max, max);
    promc_gauge_set(db.pending, pending);
}

void metrics_db_acquire(uint64_t duration_ns)
{
    promc_histogram_observe(db.acquire, (double)duration_ns / 1e9);
}

void metrics_db_acquire_timeout(void)
{
    promc_counter_inc(db.acquire_timeouts);
}
