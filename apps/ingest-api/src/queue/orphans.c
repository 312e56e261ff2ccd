/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/orphans.h"

#include "base/clock.h"
#include "queue/jobs.h"

#include <stdio.h>
#include <string.h>

static void add(struct orphans *found, const char *owner)
{
    for (int i = 0; i < found->n; i++)
        if (strcmp(found->owner[i], owner) == 0)
            return;
    if (found->n < ORPHANS_MAX)
        snprintf(found->owner[found->n++], OWNER_SIZE, "%s", owner);
}

/* Note that the owner has no session. @return whether it has had none for ORPHANS_GRACE_NS. */
static bool suspect(struct orphans_suspects *suspects, const char *owner)
{
    uint64_t now = clock_monotonic_ns();
    int i = 0;
    while (i < suspects->n && strcmp(suspects->of[i].owner, owner) != 0)
        i++;
    if (i == ORPHANS_MAX)
        return false;
    if (i == suspects->n) {
        snprintf(suspects->of[i].owner, OWNER_SIZE, "%s", owner);
        suspects->of[i].since_ns = now;
        suspects->n++;
    }
    suspects->of[i].seen = true;
    return now - suspects->of[i].since_ns >= ORPHANS_GRACE_NS;
}

/* Few rows: those that workers and relays hold at the moment. */
static int find_of(struct db *db, enum queue_name queue, const char *self, struct orphans_suspects *suspects,
                   struct orphans *found)
{
    int rc;
    struct db_stmt *stmt = db_prepare(
        db, "SELECT DISTINCT owner /*pg , left('" OWNER_SESSION "' || replace(owner, ':relay', ''), 63) NOT IN"
            " (SELECT application_name FROM pg_stat_activity WHERE application_name LIKE '" OWNER_SESSION "%') */"
            " FROM tracking.jobs WHERE queue = $1 AND lease_until IS NOT NULL");
    db_bind_str(stmt, 1, queue_names[queue]);
    while ((rc = db_step(stmt)) == DB_ROW) {
        const char *owner = db_column_text(stmt, 0);
        bool away = db_column_int(stmt, 1) != 0; /* SQLite has no such column */
        if (!owner || strcmp(owner, self) == 0)
            continue;
        if (owner_is_here(owner) ? owner_is_dead(owner) : away && suspects && suspect(suspects, owner))
            add(found, owner);
    }
    db_done(stmt);
    return rc;
}

/* Forget the suspects that were not suspected again in this look: they have a session, or no lease. */
static void acquit_unseen(struct orphans_suspects *suspects)
{
    int kept = 0;
    for (int i = 0; i < suspects->n; i++) {
        if (!suspects->of[i].seen)
            continue;
        suspects->of[kept] = suspects->of[i];
        suspects->of[kept++].seen = false;
    }
    suspects->n = kept;
}

int orphans_find(struct db *db, const char *self, struct orphans_suspects *suspects, struct orphans *found)
{
    int rc = db_scope_all(db);
    found->n = 0;
    for (int i = 0; rc == DB_OK && i < QUEUES; i++)
        rc = find_of(db, (enum queue_name)i, self, suspects, found);
    if (suspects && rc != DB_OK)
        suspects->n = 0; /* the database may have been away, which ends all sessions: start again */
    else if (suspects)
        acquit_unseen(suspects);
    return rc;
}

/* @return how many, or a db_error. */
static int release_of(struct db *db, enum queue_name queue, const char *owner, int max_attempts)
{
    int rc = db_exec(db,
                     "UPDATE tracking.jobs SET owner = NULL, lease_until = $4 WHERE queue = $1"
                     " AND lease_until IS NOT NULL AND owner = $2 AND state = 'leased' AND attempt >= $3",
                     "ssii", queue_names[queue], owner, (int64_t)max_attempts, jobs_now_ms());
    int64_t last = db_changes(db);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "UPDATE tracking.jobs SET " JOB_GOES_BACK ", error = 'worker died'"
                     " WHERE queue = $1 AND lease_until IS NOT NULL AND owner = $2",
                     "ss", queue_names[queue], owner);
    return rc == DB_OK ? (int)(last + db_changes(db)) : rc;
}

int orphans_release(struct db *db, const struct orphans *orphans, int max_attempts)
{
    int rc = db_scope_all(db), released = 0;
    for (int i = 0; rc >= 0 && i < orphans->n * QUEUES; i++) {
        rc = release_of(db, (enum queue_name)(i % QUEUES), orphans->owner[i / QUEUES], max_attempts);
        released += rc;
    }
    return rc >= 0 ? released : rc;
}
