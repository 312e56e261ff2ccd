/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/jobs.h"

#include "base/clock.h"
#include "base/uuid.h"
#include "queue/queue_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- time --- */

static _Atomic int64_t wall_offset_ms; /* wall clock minus monotonic clock, as last followed */
static pthread_once_t wall_once = PTHREAD_ONCE_INIT;

static int64_t monotonic_ms(void)
{
    return (int64_t)(clock_monotonic_ns() / 1000000u);
}

static void follow_first(void)
{
    atomic_store(&wall_offset_ms, clock_wall_ms() - monotonic_ms());
}

int64_t jobs_now_ms(void)
{
    pthread_once(&wall_once, follow_first);
    return monotonic_ms() + atomic_load_explicit(&wall_offset_ms, memory_order_relaxed);
}

int64_t jobs_clock_follow(void)
{
    int64_t jump = clock_wall_ms() - jobs_now_ms();
    if (jump > -1000 && jump < 1000)
        return 0;
    atomic_fetch_add(&wall_offset_ms, jump);
    return jump;
}

/* --- publish, complete --- */

static int publish(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                   const char *idempotency_key, const char *payload, int64_t delay_ms, bool *fresh)
{
    unsigned char uuid[16];
    char id[UUID_TEXT];
    if (queue >= QUEUES || !payload)
        return DB_E_INVALID;
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    int64_t now = jobs_now_ms();
    uuid_new(uuid);
    uuid_format(uuid, id);
    int (*run)(struct db *, const char *, const char *, ...) = fresh ? db_exec : db_exec_later;
    rc = run(db,
             "INSERT INTO tracking.jobs (id, queue, organisation_id, request_id, idempotency_key, payload, due_at,"
             " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
             " ON CONFLICT (queue, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
             "ususssii", id, queue_names[queue], organisation_id, request_id, idempotency_key, payload, now + delay_ms,
             now);
    if (rc == DB_OK && fresh)
        *fresh = db_changes(db) > 0;
    return rc;
}

int queue_publish(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                  const char *idempotency_key, const char *payload, bool *fresh)
{
    return publish(db, queue, organisation_id, request_id, idempotency_key, payload, 0, fresh);
}

int queue_publish_later(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                        const char *payload, int64_t delay_ms)
{
    return publish(db, queue, organisation_id, request_id, NULL, payload, delay_ms, NULL);
}

/* A lease is held by the worker that was given this attempt, and by nobody else. */
#define WHERE_LEASED " WHERE id = $1 AND state = 1 AND attempt = $2"

int queue_complete(struct db *db, const struct job *job)
{
    int rc;
    if (job->keyed)
        rc = db_exec(
            db,
            "UPDATE tracking.jobs SET state = 2, payload = '', error = NULL, owner = NULL, due_at = $3" WHERE_LEASED,
            "uii", job->id, (int64_t)job->attempt, jobs_now_ms());
    else
        rc = db_exec(db, "DELETE FROM tracking.jobs" WHERE_LEASED, "ui", job->id, (int64_t)job->attempt);
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_CONFLICT : rc;
}

/* --- lease --- */

static int requeue(struct db *db, const char *id, int64_t now)
{
    return db_exec_later(db,
                         "UPDATE tracking.jobs SET state = 0, due_at = $2, owner = NULL, error = 'lease expired'"
                         " WHERE id = $1 AND state = 1 AND due_at <= $2",
                         "ui", id, now);
}

static int bury(struct db *db, const char *id, int64_t now)
{
    return db_exec_later(db,
                         "UPDATE tracking.jobs SET state = 3, due_at = $2, owner = NULL, error = 'lease expired'"
                         " WHERE id = $1 AND state = 1 AND due_at <= $2",
                         "ui", id, now);
}

#define EXPIRED_MAX 64 /* at a time; the next lease takes the rest */

static int expire(struct db *db, enum queue_name queue, int64_t now, int max_attempts, struct jobs_expired *expired)
{
    struct {
        char id[UUID_TEXT];
        bool last;
    } late[EXPIRED_MAX];
    int n = 0, rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT id, attempt FROM tracking.jobs WHERE queue = $1 AND state = 1"
                                          " AND due_at <= $2 ORDER BY due_at LIMIT $3 /*pg FOR UPDATE SKIP LOCKED */");
    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_int(stmt, 2, now);
    db_bind_int(stmt, 3, EXPIRED_MAX);
    while ((rc = db_step(stmt)) == DB_ROW && n < EXPIRED_MAX) {
        const char *id = db_column_uuid(stmt, 0);
        snprintf(late[n].id, sizeof late[n].id, "%s", id ? id : "");
        late[n++].last = db_column_int(stmt, 1) >= max_attempts;
    }
    db_done(stmt);
    if (rc == DB_ROW)
        rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < n; i++) {
        rc = late[i].last ? bury(db, late[i].id, now) : requeue(db, late[i].id, now);
        expired->dead += late[i].last;
        expired->retried += !late[i].last;
    }
    return rc;
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

int jobs_read(struct db_stmt *stmt, enum queue_name queue, struct job *job)
{
    const char *payload = db_column_text(stmt, 3);
    memset(job, 0, sizeof *job);
    job->queue = queue;
    copy_text(job->id, sizeof job->id, db_column_uuid(stmt, 0));
    copy_text(job->organisation_id, sizeof job->organisation_id, db_column_uuid(stmt, 1));
    copy_text(job->request_id, sizeof job->request_id, db_column_text(stmt, 2));
    job->payload = strdup(payload ? payload : "");
    job->attempt = (int)db_column_int(stmt, 4);
    job->created_ms = db_column_int(stmt, 5);
    job->due_ms = db_column_int(stmt, 6);
    /* The key itself: in RETURNING, SQLite 3.40 takes every IS NULL for false. */
    job->keyed = db_column_text(stmt, 7) != NULL;
    return job->payload ? DB_OK : DB_E_OTHER;
}

static struct job *at(struct job *jobs, size_t stride, int i)
{
    return (struct job *)((char *)jobs + stride * (size_t)i);
}

int jobs_read_ready(struct db *db, enum queue_name queue, struct job *jobs, size_t stride, int max)
{
    int n = 0, rc;
    struct db_stmt *stmt =
        db_prepare(db, "SELECT " JOB_COLUMNS " FROM tracking.jobs WHERE queue = $1 AND state = 0 AND due_at <= $2"
                       " ORDER BY due_at, id LIMIT $3 /*pg FOR UPDATE SKIP LOCKED */");
    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_int(stmt, 2, jobs_now_ms());
    db_bind_int(stmt, 3, max);
    while ((rc = db_step(stmt)) == DB_ROW && n < max) {
        rc = jobs_read(stmt, queue, at(jobs, stride, n++));
        if (rc != DB_OK)
            break;
    }
    db_done(stmt);
    for (int i = 0; rc < 0 && i < n; i++)
        job_release(at(jobs, stride, i));
    return rc < 0 ? rc : n;
}

int jobs_lease(struct db *db, enum queue_name queue, int64_t lease_ms, int max_attempts, const char *owner,
               struct job *jobs, int max, struct jobs_expired *expired)
{
    int64_t now = jobs_now_ms();
    memset(expired, 0, sizeof *expired);
    int rc = expire(db, queue, now, max_attempts, expired);
    if (rc != DB_OK)
        return rc;
    int n = jobs_read_ready(db, queue, jobs, sizeof *jobs, max);
    for (int i = 0; rc == DB_OK && i < n; i++)
        rc =
            db_exec_later(db, "UPDATE tracking.jobs SET state = 1, attempt = $2, due_at = $3, owner = $4 WHERE id = $1",
                          "uiis", jobs[i].id, (int64_t)++jobs[i].attempt, now + lease_ms, owner);
    for (int i = 0; rc != DB_OK && i < n; i++)
        job_release(&jobs[i]);
    return rc == DB_OK ? n : rc;
}

void job_release(struct job *job)
{
    if (job->delivery)
        job->delivery->release(job);
    job->delivery = NULL;
    free(job->payload);
    job->payload = NULL;
}

int64_t jobs_number(struct db_stmt *stmt, enum queue_name queue, int64_t otherwise, int *rc)
{
    int64_t value = otherwise;
    db_bind_str(stmt, 1, queue_names[queue]);
    int step = db_step(stmt);
    if (step == DB_ROW)
        value = db_column_int(stmt, 0);
    else if (step < 0)
        *rc = step;
    db_done(stmt);
    return value;
}

int64_t jobs_first_ready(struct db *db, enum queue_name queue, int64_t otherwise, int *rc)
{
    return jobs_number(db_prepare(db, "SELECT due_at FROM tracking.jobs WHERE queue = $1 AND state = 0"
                                      " ORDER BY due_at LIMIT 1"),
                       queue, otherwise, rc);
}

static int64_t first_leased(struct db *db, enum queue_name queue, int *rc)
{
    return jobs_number(db_prepare(db, "SELECT due_at FROM tracking.jobs WHERE queue = $1 AND state = 1"
                                      " ORDER BY due_at LIMIT 1"),
                       queue, INT64_MAX, rc);
}

int jobs_peek(struct db *db, enum queue_name queue, int64_t *due_ms)
{
    int rc = DB_OK;
    int64_t ready = jobs_first_ready(db, queue, INT64_MAX, &rc), leased = first_leased(db, queue, &rc);
    if (leased < 0) /* a broker had it when QUEUE was another (outbox.h): minus when it was due */
        leased = -leased;
    *due_ms = ready < leased ? ready : leased;
    return rc;
}

int jobs_extend(struct db *db, const struct job *job, int64_t lease_ms)
{
    int rc = db_exec(db, "UPDATE tracking.jobs SET due_at = $3" WHERE_LEASED, "uii", job->id, (int64_t)job->attempt,
                     jobs_now_ms() + lease_ms);
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_CONFLICT : rc;
}

int jobs_fail(struct db *db, const struct job *job, const char *error, bool dead, int64_t delay_ms)
{
    int rc = db_exec(db, "UPDATE tracking.jobs SET state = $3, error = $4, due_at = $5, owner = NULL" WHERE_LEASED,
                     "uiisi", job->id, (int64_t)job->attempt, (int64_t)(dead ? JOB_DEAD : JOB_READY), error,
                     jobs_now_ms() + (dead ? 0 : delay_ms));
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_CONFLICT : rc;
}

/* --- statistics: one row and the ends of two indexes, whatever the depth --- */

int jobs_count(struct db *db, enum queue_name queue, struct queue_stats *out)
{
    int rc = DB_OK;
    out->depth = jobs_number(db_prepare(db, "SELECT live FROM tracking.queues WHERE queue = $1"), queue, 0, &rc);
    out->dead = jobs_number(db_prepare(db, "SELECT dead FROM tracking.queues WHERE queue = $1"), queue, 0, &rc);
    return rc;
}

int jobs_stats(struct db *db, enum queue_name queue, struct queue_stats *out)
{
    int64_t due;
    int rc = jobs_count(db, queue, out);
    if (rc == DB_OK)
        rc = jobs_peek(db, queue, &due);
    if (rc == DB_OK) {
        int64_t age = due == INT64_MAX ? 0 : jobs_now_ms() - due;
        out->oldest_age_ms = age > 0 ? age : 0;
    }
    return rc;
}

/* --- housekeeping --- */

int jobs_shift(struct db *db, const char *self, int64_t jump_ms)
{
    int rc = db_exec(db, "UPDATE tracking.jobs SET due_at = due_at + $1 WHERE state = 1 AND owner = $2", "is", jump_ms,
                     self);
    for (int i = 0; rc == DB_OK && jump_ms < 0 && i < QUEUES; i++)
        rc = db_exec(db, "UPDATE tracking.jobs SET due_at = due_at + $1 WHERE queue = $2 AND state = 0 AND due_at > $3",
                     "isi", jump_ms, queue_names[i], jobs_now_ms());
    return rc;
}

int jobs_clamp(struct db *db, int64_t latest_ms)
{
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < QUEUES; i++) {
        rc = db_exec(db, "UPDATE tracking.jobs SET due_at = $3 WHERE queue = $1 AND state = 0 AND due_at > $2", "sii",
                     queue_names[i], latest_ms, jobs_now_ms());
        if (rc == DB_OK)
            rc = db_exec(db, "UPDATE tracking.jobs SET due_at = $3 WHERE queue = $1 AND state = 1 AND due_at > $2",
                         "sii", queue_names[i], latest_ms, jobs_now_ms());
    }
    return rc;
}

int jobs_forget(struct db *db, int64_t done_before_ms, int max)
{
    int rc = db_exec(db,
                     "DELETE FROM tracking.jobs WHERE id IN (SELECT id FROM tracking.jobs WHERE state = 2"
                     " AND due_at < $1 LIMIT $2)",
                     "ii", done_before_ms, (int64_t)max);
    return rc < 0 ? rc : (int)db_changes(db);
}
