/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/orphans.h
 * Leases whose holder is no more; private to src/queue. A process of this machine is known to be dead by its number, one
 * of another by having no session of the database: that ends with the process, and when the machine or the network goes
 * as soon as the server's keepalives notice. What nothing is known of (SQLite in another container) waits for its lease.
 */
#ifndef INGEST_QUEUE_ORPHANS_H
#define INGEST_QUEUE_ORPHANS_H

#include "base/owner.h"
#include "db/db.h"

#define ORPHANS_MAX 16 /* holders at once; the next look takes the rest */
/** Without a session for so long, at every look: who lost its connection only has another by then. */
#define ORPHANS_GRACE_NS 2000000000u

/** Holders without a session, between two looks. All zero at first. */
struct orphans_suspects {
    int n;
    struct {
        char owner[OWNER_SIZE];
        uint64_t since_ns;
        bool seen; /**< in the present look */
    } of[ORPHANS_MAX];
};

struct orphans {
    int n;
    char owner[ORPHANS_MAX][OWNER_SIZE];
};

/** Look for them; in a read transaction. @param suspects NULL: only those that are certainly dead. @return a db_error */
int orphans_find(struct db *db, const char *self, struct orphans_suspects *suspects, struct orphans *found);
/** Make their jobs ready, in a write transaction. @return how many, or a db_error. */
int orphans_release(struct db *db, const struct orphans *orphans);

#endif
