/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/outbox.h"

#include "queue/jobs.h"

#include <stdio.h>
#include <string.h>

#define RECALL_MAX 1000 /* in one transaction, which stays short */

void outbox_relay_owner(const char *self, char out[OWNER_SIZE])
{
    (void)snprintf(out, OWNER_SIZE, "%.*s:relay", OWNER_SIZE - 7, self);
}

int outbox_handed(struct db *db, enum queue_name queue, int max)
{
    int n = 0, rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, "SELECT count(*) FROM (SELECT 1 FROM tracking.jobs WHERE queue = $1 AND handed_at IS NOT NULL"
                       " LIMIT $2) AS handed");
    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_int(stmt, 2, max);
    rc = db_step(stmt);
    if (rc == DB_ROW)
        n = (int)db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : n;
}

/* ---- relaying ---- */

int outbox_take(struct db *db, enum queue_name queue, const char *relay, int64_t lease_ms, struct outbox_row *rows,
                int max)
{
    int rc = db_scope_all(db);
    if (rc == DB_OK)
        rc = jobs_make_ready(db, queue);
    int n = rc == DB_OK ? jobs_read_ready(db, queue, &rows->job, sizeof(*rows), max) : rc;
    int64_t until = jobs_now_ms() + lease_ms;
    rc = n < 0 ? n : DB_OK;
    for (int i = 0; rc == DB_OK && i < n; i++) {
        rows[i].confirmed = false;
        rc =
            db_exec_later(db, "UPDATE tracking.jobs SET state = 'relaying', owner = $2, lease_until = $3 WHERE id = $1",
                          "usi", rows[i].job.id, relay, until);
    }
    for (int i = 0; rc != DB_OK && i < n; i++)
        job_release(&rows[i].job);
    return rc == DB_OK ? n : rc;
}

/* A row that a worker leased meanwhile (the message was faster) is no longer the relay's. */
#define WHERE_RELAYING " WHERE id = $1 AND state = 'relaying' AND owner = $2"

int outbox_relayed(struct db *db, const char *relay, const struct outbox_row *rows, int n)
{
    int rc = db_scope_all(db);
    int64_t now = jobs_now_ms();
    for (int i = 0; rc == DB_OK && i < n; i++) {
        if (rows[i].confirmed)
            rc = db_exec_later(db,
                               "UPDATE tracking.jobs SET state = 'handed', owner = NULL, lease_until = NULL,"
                               " handed_at = $3" WHERE_RELAYING,
                               "usi", rows[i].job.id, relay, now);
        else
            rc = db_exec_later(db, "UPDATE tracking.jobs SET " JOB_GOES_BACK WHERE_RELAYING, "us", rows[i].job.id,
                               relay);
    }
    return rc;
}

/* ---- leasing ---- */

/*
 * Lease the job if it is due and nobody works on it.
 * @return DB_ROW with *job, DB_OK if it may not be leased, or an error.
 */
static int lease_free(struct db *db, enum queue_name queue, const char *id, int64_t lease_ms, const char *owner,
                      struct job *job)
{
    int64_t now = jobs_now_ms();
    struct db_stmt *stmt =
        db_prepare(db, "UPDATE tracking.jobs SET state = 'leased', attempt = attempt + 1, lease_until = $3, owner = $4,"
                       " handed_at = NULL WHERE id = $1 AND queue = $2 AND (state IN ('ready', 'relaying', 'handed')"
                       " OR (state = 'delayed' AND due_at <= $5) OR (state = 'leased' AND lease_until <= $5))"
                       " RETURNING " JOB_COLUMNS);
    db_bind_uuid(stmt, 1, id);
    db_bind_str(stmt, 2, queue_names[queue]);
    db_bind_int(stmt, 3, now + lease_ms);
    db_bind_str(stmt, 4, owner);
    db_bind_int(stmt, 5, now);
    int rc = db_step(stmt);
    if (rc == DB_ROW && jobs_read(stmt, queue, job) != DB_OK)
        rc = DB_E_OTHER;
    db_done(stmt);
    return rc;
}

/* The job is held or finished. If its holder is a dead process of this machine, end the lease (*free_now). */
static int look_at_holder(struct db *db, const char *id, enum outbox_claim *claim, bool *free_now)
{
    char owner[OWNER_SIZE] = "", state[16] = "";
    struct db_stmt *stmt = db_prepare(db, "SELECT state, owner FROM tracking.jobs WHERE id = $1");
    db_bind_uuid(stmt, 1, id);
    int rc = db_step(stmt);
    if (rc == DB_ROW) {
        const char *holder = db_column_text(stmt, 1);
        (void)snprintf(state, sizeof(state), "%s", db_column_text(stmt, 0));
        (void)snprintf(owner, sizeof(owner), "%s", holder ? holder : "");
    }
    db_done(stmt);
    if (rc < 0)
        return rc;
    *claim = strcmp(state, "dead") == 0 ? OUTBOX_DEAD : OUTBOX_NOTHING;
    if (strcmp(state, "leased") != 0 || !owner_is_dead(owner))
        return DB_OK;
    rc = db_exec(db,
                 "UPDATE tracking.jobs SET lease_until = $3, error = 'worker died'"
                 " WHERE id = $1 AND state = 'leased' AND owner = $2",
                 "usi", id, owner, jobs_now_ms());
    *free_now = rc == DB_OK && db_changes(db) > 0;
    return rc;
}

int outbox_lease(struct db *db, enum queue_name queue, const char *id, int64_t lease_ms, int max_attempts,
                 const char *owner, struct job *job, enum outbox_claim *claim, struct jobs_expired *expired)
{
    bool free_now = false;
    int rc = db_scope_all(db); /* only the job's id is known from the message */
    if (rc != DB_OK)
        return rc;
    rc = lease_free(db, queue, id, lease_ms, owner, job);
    if (rc == DB_OK)
        rc = look_at_holder(db, id, claim, &free_now);
    if (rc == DB_OK && free_now)
        rc = lease_free(db, queue, id, lease_ms, owner, job);
    if (rc != DB_ROW)
        return rc;
    *claim = OUTBOX_LEASED;
    if (job->attempt <= max_attempts)
        return DB_OK;
    /* too many deliveries: its workers died, or never reported an outcome */
    rc = jobs_bury_late(db, job, expired);
    job_release(job);
    *claim = OUTBOX_DEAD;
    return rc;
}

/* With the owner, because another worker's lease has the same attempt if this one was given back (jobs_give_back). */
int outbox_return(struct db *db, const struct job *job, const char *self)
{
    int rc = db_scope(db, job->organisation_id);
    if (rc != DB_OK)
        return rc;
    return db_exec(db,
                   "UPDATE tracking.jobs SET " JOB_GOES_BACK " WHERE id = $1 AND state = 'leased' AND attempt = $2"
                   " AND owner = $3",
                   "uis", job->id, (int64_t)job->attempt, self);
}

/* ---- expired and lost jobs ---- */

int outbox_expire(struct db *db, enum queue_name queue, unsigned *retried)
{
    int64_t now = jobs_now_ms();
    *retried = 0;
    int rc = db_scope_all(db);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "UPDATE tracking.jobs SET " JOB_GOES_BACK " WHERE queue = $1 AND lease_until <= $2"
                     " AND state = 'relaying'",
                     "si", queue_names[queue], now);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "UPDATE tracking.jobs SET " JOB_GOES_BACK ", error = 'lease expired' WHERE queue = $1"
                     " AND lease_until <= $2 AND state = 'leased'",
                     "si", queue_names[queue], now);
    if (rc == DB_OK)
        *retried = (unsigned)db_changes(db);
    return rc;
}

int outbox_recall(struct db *db, enum queue_name queue, int64_t age_ms)
{
    return jobs_take_back(db, queue, jobs_now_ms() - age_ms, RECALL_MAX);
}
