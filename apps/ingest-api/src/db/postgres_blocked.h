/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/postgres_blocked.h Which session of a PostgreSQL server blocks our sessions with a lock. */
#ifndef INGEST_DB_POSTGRES_BLOCKED_H
#define INGEST_DB_POSTGRES_BLOCKED_H

#include <stddef.h>
#include <stdint.h>

struct postgres_blocked {
    char host[160];       /**< HOST:PORT of the server */
    int pid;              /**< of the session that holds the lock, on the server's machine */
    char application[64]; /**< its application name; "" */
    char state[40];       /**< e.g. "idle in transaction"; "" if our role may not see it */
    int64_t waiting;      /**< sessions that wait for it */
    int64_t since_ms;     /**< start of the first wait, Unix time */
};

/**
 * Asks through a separate connection, because those of the store may all be waiting. Blocks for
 * about five seconds at most.
 * @param error receives libpq's message if there is no answer; it names the host and contains no password
 * @return 1: *out describes it; 0: nobody waits for a lock; -1: no answer. `host` is set whenever it is known.
 */
int postgres_blocked(const char *url, struct postgres_blocked *out, char *error, size_t error_size);

#endif
