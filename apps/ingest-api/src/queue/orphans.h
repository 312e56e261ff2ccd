/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/orphans.h
 * Leases of dead processes; private to src/queue. A process of this machine is recognised as dead by its pid, one
 * of another machine by having no database session: a session ends with its process, and if the machine or the
 * network fails, as soon as the server's keepalives notice. If neither is known (SQLite in another container), the
 * job waits for the end of its lease.
 */
#ifndef INGEST_QUEUE_ORPHANS_H
#define INGEST_QUEUE_ORPHANS_H

#include "base/owner.h"
#include "db/db.h"

#define ORPHANS_MAX 16 /* holders of one look; the next look takes the rest */
/** A process without a session for this long, at every look, is dead: a live one would have reconnected by then. */
#define ORPHANS_GRACE_NS 2000000000u

/** Holders without a session, between two looks. All zero at first. */
struct orphans_suspects {
    int n;
    struct {
        char owner[OWNER_SIZE];
        uint64_t since_ns;
        bool seen; /**< in the current look */
    } of[ORPHANS_MAX];
};

struct orphans {
    int n;
    char owner[ORPHANS_MAX][OWNER_SIZE];
};

/**
 * Look for them; in a read transaction.
 * @param suspects NULL: only those that are certainly dead.
 * @return a db_error
 */
int orphans_find(struct db *db, const char *self, struct orphans_suspects *suspects, struct orphans *found);
/**
 * In a write transaction, make their jobs ready. At the last attempt the lease ends instead, and with it the job
 * (jobs_lease(), outbox_lease()). @return how many, or a db_error.
 */
int orphans_release(struct db *db, const struct orphans *orphans, int max_attempts);

#endif
