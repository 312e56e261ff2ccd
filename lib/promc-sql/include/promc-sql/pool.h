/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-sql/pool.h
 * Metrics of a pool of database connections. The pool is yours; report its events here:
 *
 *     promc_sql_wait wait;
 *     promc_sql_pool_wait(pool, &wait);                  // a request waits for a connection
 *     … promc_sql_pool_acquired(&wait);                  // it gets one, or
 *     … promc_sql_pool_gave_up(&wait);                   // it gives up after a time-out
 *     promc_sql_pool_released(pool);                     // it returns the connection
 *
 * Families, with the default prefix: db_connection_pool_size {state = active, idle}, db_connection_pool_max_size,
 * db_connection_pool_pending_acquires, db_connection_pool_acquire_duration_seconds (including waits that were given up, so that an
 * exhausted pool shows the wait), db_connection_pool_acquire_timeouts_total.
 *
 * Thread safe; no call takes a lock. Except promc_sql_pool_create(), all do nothing if the pool is NULL.
 */
#ifndef PROMC_SQL_POOL_H
#define PROMC_SQL_POOL_H

#include <promc/counter.h>
#include <promc/gauge.h>
#include <promc/histogram.h>
#include <promc/registry.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct promc_sql_pool promc_sql_pool;

/** @param prefix NULL: "db".  @param max maximum connections. @return as promc_sql_create(). */
PROMC_API int promc_sql_pool_create(promc_sql_pool **out, promc_registry *registry, const char *prefix, unsigned max);

/** The series of a pool whose families the program has registered itself, e.g. rows of its table (promc/table.h). A zero handle counts nothing. */
typedef struct promc_sql_pool_handles {
    promc_updown active, idle; /**< connections in use, and idle ones */
    promc_updown pending;      /**< requests that wait for a connection */
    promc_gauge max;           /**< maximum connections */
    promc_histogram acquire;   /**< seconds of waiting */
    promc_counter timeouts;    /**< waits that were given up */
    uint64_t reserved[4];      /**< must be zero: see promc/version.h */
} promc_sql_pool_handles;

/** promc_sql_pool_create() with the program's own series. @return 0, PROMC_E_INVALID (a NULL), PROMC_E_NOMEM, PROMC_E_VERSION (a reserved word is set). */
PROMC_API int promc_sql_pool_create_with(promc_sql_pool **out, const promc_sql_pool_handles *handles, unsigned max);
/** Free it, before its registry is destroyed. NULL is allowed. */
PROMC_API void promc_sql_pool_destroy(promc_sql_pool *pool);

/** A connection was opened: it is idle. */
PROMC_API void promc_sql_pool_opened(promc_sql_pool *pool);
/** An idle connection was closed. */
PROMC_API void promc_sql_pool_closed(promc_sql_pool *pool);

/** A wait for a connection, on the caller's stack. */
typedef struct promc_sql_wait {
    promc_sql_pool *pool; /**< NULL: the wait has ended */
    uint64_t start_ns;
    uint64_t own[2]; /**< room for the library: see promc/version.h */
} promc_sql_wait;

PROMC_API void promc_sql_pool_wait(promc_sql_pool *pool, promc_sql_wait *wait);
/** An idle connection becomes active. Only the first call of these three functions on one wait counts. */
PROMC_API void promc_sql_pool_acquired(promc_sql_wait *wait);
/** The wait ends with a connection that is already active: several pieces of work share it, as in a group commit. */
PROMC_API void promc_sql_pool_joined(promc_sql_wait *wait);
PROMC_API void promc_sql_pool_gave_up(promc_sql_wait *wait);
/** An active connection is idle again. */
PROMC_API void promc_sql_pool_released(promc_sql_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
