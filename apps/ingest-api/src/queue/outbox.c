/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/outbox.h"

#include "queue/jobs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void outbox_relay_owner(const char *self, char out[OWNER_SIZE])
{
    (void)snprintf(out, OWNER_SIZE, "%.*s:relay", OWNER_SIZE - 7, self);
}

int outbox_peek(struct db *db, enum queue_name queue, int64_t *ready_ms, int64_t *leased_ms)
{
    int rc = DB_OK;
    *ready_ms = jobs_first_ready(db, queue, INT64_MAX, &rc);
    *leased_ms = jobs_number(db_prepare(db, "SELECT due_at FROM tracking.jobs WHERE queue = $1 AND state = 1"
                                            " AND due_at > 0 ORDER BY due_at LIMIT 1"),
                             queue, INT64_MAX, &rc);
    return rc;
}

/* --- relaying --- */

int outbox_take(struct db *db, enum queue_name queue, const char *relay, int64_t lease_ms, struct outbox_row *rows,
                int max)
{
    int n = jobs_read_ready(db, queue, &rows->job, sizeof *rows, max), rc = n < 0 ? n : DB_OK;
    int64_t until = jobs_now_ms() + lease_ms;
    for (int i = 0; rc == DB_OK && i < n; i++) {
        rows[i].confirmed = false;
        rc = db_exec_later(db, "UPDATE tracking.jobs SET state = 1, owner = $2, due_at = $3 WHERE id = $1", "usi",
                           rows[i].job.id, relay, until);
    }
    for (int i = 0; rc != DB_OK && i < n; i++)
        job_release(&rows[i].job);
    return rc == DB_OK ? n : rc;
}

int outbox_relayed(struct db *db, const char *relay, const struct outbox_row *rows, int n)
{
    int rc = DB_OK;
    /* A row that a worker leased meanwhile (the message was quicker than this) is no longer the relay's. */
    for (int i = 0; rc == DB_OK && i < n; i++) {
        if (rows[i].confirmed)
            rc = db_exec_later(db,
                               "UPDATE tracking.jobs SET owner = 'broker', due_at = $3"
                               " WHERE id = $1 AND state = 1 AND owner = $2",
                               "usi", rows[i].job.id, relay, -rows[i].job.due_ms);
        else
            rc = db_exec_later(db,
                               "UPDATE tracking.jobs SET state = 0, owner = NULL, due_at = $3"
                               " WHERE id = $1 AND state = 1 AND owner = $2",
                               "usi", rows[i].job.id, relay, rows[i].job.due_ms);
    }
    return rc;
}

/* --- leasing --- */

/* What may be leased: a job that is due and nobody works on. @return DB_ROW with *job, DB_OK when it may not. */
static int lease_free(struct db *db, enum queue_name queue, const char *id, int64_t lease_ms, const char *owner,
                      struct job *job)
{
    int64_t now = jobs_now_ms();
    struct db_stmt *stmt =
        db_prepare(db, "UPDATE tracking.jobs SET state = 1, attempt = attempt + 1, due_at = $3, owner = $4"
                       " WHERE id = $1 AND queue = $2 AND state < 2 AND (due_at <= $5 OR owner LIKE '%:relay')"
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

/* Somebody holds it, or it is over. A holder of this machine that is no more is put out of it. */
static int look_at_holder(struct db *db, const char *id, enum outbox_claim *claim, bool *free_now)
{
    char owner[OWNER_SIZE] = "";
    int64_t state = -1;
    struct db_stmt *stmt = db_prepare(db, "SELECT state, owner FROM tracking.jobs WHERE id = $1");
    db_bind_uuid(stmt, 1, id);
    int rc = db_step(stmt);
    if (rc == DB_ROW) {
        state = db_column_int(stmt, 0);
        const char *holder = db_column_text(stmt, 1);
        (void)snprintf(owner, sizeof owner, "%s", holder ? holder : "");
    }
    db_done(stmt);
    if (rc < 0)
        return rc;
    *claim = state == JOB_DEAD ? OUTBOX_DEAD : OUTBOX_NOTHING;
    if (state != JOB_LEASED || !owner_is_dead(owner))
        return DB_OK;
    rc = db_exec(db,
                 "UPDATE tracking.jobs SET due_at = $3, error = 'worker died'"
                 " WHERE id = $1 AND state = 1 AND owner = $2",
                 "usi", id, owner, jobs_now_ms());
    *free_now = rc == DB_OK && db_changes(db) > 0;
    return rc;
}

int outbox_lease(struct db *db, enum queue_name queue, const char *id, int64_t lease_ms, int max_attempts,
                 const char *owner, struct job *job, enum outbox_claim *claim, bool *buried)
{
    bool free_now = false;
    *buried = false;
    int rc = lease_free(db, queue, id, lease_ms, owner, job);
    if (rc == DB_OK)
        rc = look_at_holder(db, id, claim, &free_now);
    if (rc == DB_OK && free_now)
        rc = lease_free(db, queue, id, lease_ms, owner, job);
    if (rc != DB_ROW)
        return rc;
    *claim = OUTBOX_LEASED;
    if (job->attempt <= max_attempts)
        return DB_OK;
    /* Its workers died of it, or were never heard of again. */
    rc = jobs_fail(db, job, "lease expired", true, 0);
    job_release(job);
    *claim = OUTBOX_DEAD;
    *buried = true;
    return rc;
}

int outbox_return(struct db *db, const struct job *job)
{
    return db_exec(db,
                   "UPDATE tracking.jobs SET state = 0, owner = NULL, due_at = $3"
                   " WHERE id = $1 AND state = 1 AND attempt = $2",
                   "uii", job->id, (int64_t)job->attempt, jobs_now_ms());
}

/* --- what got lost --- */

int outbox_expire(struct db *db, enum queue_name queue, unsigned *retried)
{
    int64_t now = jobs_now_ms();
    *retried = 0;
    /* A relay's first: the second statement finds what is left. */
    int rc = db_exec(db,
                     "UPDATE tracking.jobs SET state = 0, owner = NULL, due_at = $2 WHERE queue = $1 AND state = 1"
                     " AND due_at > 0 AND due_at <= $2 AND owner LIKE '%:relay'",
                     "si", queue_names[queue], now);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "UPDATE tracking.jobs SET state = 0, owner = NULL, due_at = $2, error = 'lease expired'"
                     " WHERE queue = $1 AND state = 1 AND due_at > 0 AND due_at <= $2",
                     "si", queue_names[queue], now);
    if (rc == DB_OK)
        *retried = (unsigned)db_changes(db);
    return rc;
}

int outbox_recall(struct db *db, enum queue_name queue, int64_t age_ms)
{
    int64_t now = jobs_now_ms();
    /* Due now, not when they first were: the next recall, by another process perhaps, gives them time. */
    int rc = db_exec(db,
                     "UPDATE tracking.jobs SET state = 0, owner = NULL, due_at = $2"
                     " WHERE queue = $1 AND state = 1 AND due_at < 0 AND due_at >= $3",
                     "sii", queue_names[queue], now, age_ms - now);
    return rc < 0 ? rc : (int)db_changes(db);
}

int outbox_stats(struct db *db, enum queue_name queue, struct queue_stats *out)
{
    int rc = jobs_count(db, queue, out);
    int64_t now = jobs_now_ms(), ready = jobs_first_ready(db, queue, now, &rc);
    int64_t broker = -jobs_number(db_prepare(db, "SELECT due_at FROM tracking.jobs WHERE queue = $1 AND state = 1"
                                                 " AND due_at < 0 ORDER BY due_at DESC LIMIT 1"),
                                  queue, -now, &rc);
    int64_t oldest = ready < broker ? ready : broker;
    out->oldest_age_ms = oldest < now ? now - oldest : 0;
    return rc;
}
