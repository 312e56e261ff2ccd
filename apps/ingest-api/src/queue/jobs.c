/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/jobs.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "data/page.h"
#include "data/usage.h"
#include "queue/bury.h"
#include "queue/queue_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- time ---- */

static _Atomic int64_t wall_offset_ms; /* wall clock minus monotonic clock, when last adjusted */
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

int64_t jobs_clock_jump(int64_t wall_ms)
{
    int64_t jump = wall_ms - jobs_now_ms();
    return jump > -1000 && jump < 1000 ? 0 : jump;
}

void jobs_clock_move(int64_t ms)
{
    atomic_fetch_add(&wall_offset_ms, ms);
}

int64_t jobs_clock_follow(int64_t wall_ms)
{
    int64_t jump = jobs_clock_jump(wall_ms);
    jobs_clock_move(jump);
    return jump;
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

/* The first column of a one-row statement with $1 = queue; `otherwise` without a row. *rc is set only on errors. */
static int64_t number(struct db_stmt *stmt, enum queue_name queue, int64_t otherwise, int *rc)
{
    int64_t value = otherwise;
    db_bind_str(stmt, 1, queue_names[queue]);
    int step = db_step(stmt);
    if (step == DB_ROW && db_column_text(stmt, 0))
        value = db_column_int(stmt, 0);
    else if (step < 0)
        *rc = step;
    db_done(stmt);
    return value;
}

/* ---- turns ---- */

/*
 * $1 queue. The lowest ready turn of any organisation: the queue's clock. PostgreSQL shows a role that acts for one
 * organisation no other jobs, but tells it the turn; the text after -- is ignored up to the line's end.
 */
#define FIRST_TURN                                                                                             \
    "(SELECT /*pg tracking.first_turn($1)) -- */ turn FROM tracking.jobs WHERE queue = $1 AND state = 'ready'" \
    " ORDER BY turn LIMIT 1)\n"

int64_t jobs_next_turn(struct db *db, enum queue_name queue, const char *organisation_id)
{
    int64_t turn = 0;
    struct db_stmt *stmt = db_prepare(
        db, "SELECT coalesce(" FIRST_TURN ", 0), coalesce((SELECT turn + 1 FROM tracking.jobs WHERE queue = $1"
            " AND organisation_id = $2 AND state = 'ready' ORDER BY turn DESC LIMIT 1), 0)");
    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_uuid(stmt, 2, organisation_id);
    int rc = db_step(stmt);
    if (rc == DB_ROW) {
        int64_t clock = db_column_int(stmt, 0), next = db_column_int(stmt, 1);
        turn = next > clock ? next : clock;
    }
    db_done(stmt);
    return rc < 0 ? rc : turn;
}

int64_t queue_waiting(struct db *db, enum queue_name queue, const char *organisation_id)
{
    int64_t waiting;
    int rc = usage_read(db, organisation_id, queue_names[queue], &waiting);
    return rc < 0 ? rc : waiting;
}

/* Delayed jobs that are due now. */
#define DUE_MAX 256 /* in one transaction; the next lease takes the rest */
struct due {
    int n;
    struct {
        char id[UUID_TEXT], organisation_id[UUID_TEXT];
        int nth; /* number of earlier jobs of the same organisation in this list */
    } job[DUE_MAX];
};

static int find_due(struct db *db, enum queue_name queue, struct due *due)
{
    int rc;
    struct db_stmt *stmt =
        db_prepare(db, PAGE_SELECT "id, organisation_id FROM tracking.jobs WHERE queue = $1 AND state = 'delayed'"
                                   " AND due_at <= $2 ORDER BY due_at" PAGE_LIMIT_LOCKED("$3"));
    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_int(stmt, 2, jobs_now_ms());
    db_bind_int(stmt, 3, DUE_MAX);
    due->n = 0;
    while ((rc = db_step(stmt)) == DB_ROW && due->n < DUE_MAX) {
        int at = due->n++;
        copy_text(due->job[at].id, UUID_TEXT, db_column_uuid(stmt, 0));
        copy_text(due->job[at].organisation_id, UUID_TEXT, db_column_uuid(stmt, 1));
        due->job[at].nth = 0;
        for (int i = at - 1; i >= 0 && due->job[at].nth == 0; i--)
            if (strcmp(due->job[i].organisation_id, due->job[at].organisation_id) == 0)
                due->job[at].nth = due->job[i].nth + 1;
    }
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

/*
 * A due job's turn begins at the queue's clock, not after its organisation's last turn: a retry does not
 * wait for a million other jobs.
 */
int jobs_make_ready(struct db *db, enum queue_name queue)
{
    struct due due;
    int rc = find_due(db, queue, &due);
    if (rc != DB_OK || due.n == 0)
        return rc;
    int64_t clock = number(db_prepare(db, "SELECT coalesce(" FIRST_TURN ", 0)"), queue, 0, &rc);
    for (int i = 0; rc == DB_OK && i < due.n; i++)
        rc =
            db_exec_later(db, "UPDATE tracking.jobs SET state = 'ready', turn = $2 WHERE id = $1 AND state = 'delayed'",
                          "ui", due.job[i].id, clock + due.job[i].nth);
    return rc;
}

/* ---- publish, complete ---- */

static int publish(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                   const char *idempotency_key, const char *payload, int64_t delay_ms, bool *fresh, char *id)
{
    char own[UUID_TEXT];
    if (queue >= QUEUES || !payload)
        return DB_E_INVALID;
    int rc = db_scope(db, organisation_id);
    int64_t now = jobs_now_ms(), turn = rc == DB_OK && delay_ms <= 0 ? jobs_next_turn(db, queue, organisation_id) : 0;
    if (rc != DB_OK || turn < 0)
        return rc != DB_OK ? rc : (int)turn;
    id = id ? id : own;
    uuid_new_text(id);
    int (*run)(struct db *, const char *, const char *, ...) = fresh ? db_exec : db_exec_later;
    rc = run(db,
             "INSERT INTO tracking.jobs (id, queue, organisation_id, request_id, idempotency_key, payload, state, turn,"
             " due_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
             " ON CONFLICT (queue, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
             "usussssiii", id, queue_names[queue], organisation_id, request_id, idempotency_key, payload,
             delay_ms > 0 ? "delayed" : "ready", turn, now + delay_ms, now);
    if (rc == DB_OK && fresh)
        *fresh = db_changes(db) > 0;
    return rc;
}

int queue_publish(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                  const char *idempotency_key, const char *payload, bool *fresh)
{
    return publish(db, queue, organisation_id, request_id, idempotency_key, payload, 0, fresh, NULL);
}

int queue_publish_later(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                        const char *payload, int64_t delay_ms, char *id)
{
    return publish(db, queue, organisation_id, request_id, NULL, payload, delay_ms, NULL, id);
}

/* A lease belongs to the worker that got this attempt, and to nobody else. */
#define WHERE_LEASED " WHERE id = $1 AND state = 'leased' AND attempt = $2"

static int lost_if_unchanged(struct db *db, int rc)
{
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_CONFLICT : rc;
}

int queue_complete(struct db *db, const struct job *job)
{
    int rc = db_scope(db, job->organisation_id);
    if (rc != DB_OK)
        return rc;
    if (!job->keyed)
        return lost_if_unchanged(
            db, db_exec(db, "DELETE FROM tracking.jobs" WHERE_LEASED, "ui", job->id, (int64_t)job->attempt));
    return lost_if_unchanged(db, db_exec(db,
                                         "UPDATE tracking.jobs SET state = 'done', payload = '', error = NULL,"
                                         " owner = NULL, lease_until = NULL, ended_at = $3" WHERE_LEASED,
                                         "uii", job->id, (int64_t)job->attempt, jobs_now_ms()));
}

static int exists(struct db *db, const char *sql, const char *organisation_id, const char *job_id)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, sql);
    db_bind_uuid(stmt, 1, job_id);
    rc = db_step(stmt);
    db_done(stmt);
    return rc < 0 ? rc : rc == DB_ROW;
}

int queue_unfinished(struct db *db, const char *organisation_id, const char *job_id)
{
    return exists(db, "SELECT 1 FROM tracking.jobs WHERE id = $1 AND ended_at IS NULL", organisation_id, job_id);
}

int queue_unbegun(struct db *db, const char *organisation_id, const char *job_id)
{
    return exists(db, "SELECT 1 FROM tracking.jobs WHERE id = $1 AND ended_at IS NULL AND state <> 'leased'",
                  organisation_id, job_id);
}

/* ---- lease ---- */

/* The error of a job that was given back: its attempts do not show that it was delivered. */
#define GIVEN_BACK "given back"

int jobs_read(struct db_stmt *stmt, enum queue_name queue, struct job *job)
{
    const char *payload = db_column_text(stmt, 3);
    memset(job, 0, sizeof(*job));
    job->queue = queue;
    copy_text(job->id, sizeof(job->id), db_column_uuid(stmt, 0));
    copy_text(job->organisation_id, sizeof(job->organisation_id), db_column_uuid(stmt, 1));
    copy_text(job->request_id, sizeof(job->request_id), db_column_text(stmt, 2));
    job->payload = strdup(payload ? payload : "");
    job->attempt = (int)db_column_int(stmt, 4);
    job->created_ms = db_column_int(stmt, 5);
    job->due_ms = db_column_int(stmt, 6);
    /* The key itself: in RETURNING, SQLite 3.40 evaluates every IS NULL as false. */
    job->keyed = db_column_text(stmt, 7) != NULL;
    const char *error = db_column_text(stmt, 8);
    job->again = job->attempt > 0 || (error && strcmp(error, GIVEN_BACK) == 0);
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
        db_prepare(db, PAGE_SELECT JOB_COLUMNS " FROM tracking.jobs WHERE queue = $1 AND state = 'ready'"
                                               " ORDER BY turn, id" PAGE_LIMIT_LOCKED("$2"));
    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_int(stmt, 2, max);
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

#define EXPIRED_MAX 64 /* in one transaction; the next lease takes the rest */

int jobs_bury_late(struct db *db, const struct job *job, struct jobs_expired *expired)
{
    static const char error[] = "lease expired";
    int rc = jobs_bury(db, job, error, &expired->in_doubt);
    if (rc != DB_OK)
        return rc;
    expired->dead++;
    log_warn("job failed for good", "s:component", "queue", "s:reqId", job->request_id, "s:jobId", job->id, "s:queue",
             queue_names[job->queue], "s:organisation", job->organisation_id, "i:attempt", (int64_t)job->attempt,
             "s:error", error);
    return DB_OK;
}

/* The lease of its last attempt has ended. */
static int bury_by_id(struct db *db, enum queue_name queue, const char *id, struct jobs_expired *expired)
{
    struct job job;
    struct db_stmt *stmt = db_prepare(db, "SELECT " JOB_COLUMNS " FROM tracking.jobs WHERE id = $1");
    db_bind_uuid(stmt, 1, id);
    int rc = db_step(stmt);
    bool found = rc == DB_ROW;
    if (found)
        rc = jobs_read(stmt, queue, &job);
    db_done(stmt);
    if (rc == DB_OK && found)
        rc = jobs_bury_late(db, &job, expired);
    if (found)
        job_release(&job);
    return rc == DB_OK ? db_scope_all(db) : rc;
}

static int expire(struct db *db, enum queue_name queue, int64_t now, int max_attempts, struct jobs_expired *expired)
{
    struct {
        char id[UUID_TEXT];
        bool last;
    } late[EXPIRED_MAX];
    int n = 0, rc;
    struct db_stmt *stmt =
        db_prepare(db, PAGE_SELECT "id, attempt, state FROM tracking.jobs WHERE queue = $1"
                                   " AND lease_until <= $2 ORDER BY lease_until" PAGE_LIMIT_LOCKED("$3"));
    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_int(stmt, 2, now);
    db_bind_int(stmt, 3, EXPIRED_MAX);
    while ((rc = db_step(stmt)) == DB_ROW && n < EXPIRED_MAX) {
        copy_text(late[n].id, UUID_TEXT, db_column_uuid(stmt, 0));
        late[n].last = db_column_int(stmt, 1) >= max_attempts && strcmp(db_column_text(stmt, 2), "leased") == 0;
        n++;
    }
    db_done(stmt);
    if (rc == DB_ROW)
        rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < n; i++) {
        rc = late[i].last ? bury_by_id(db, queue, late[i].id, expired)
                          : db_exec_later(db,
                                          "UPDATE tracking.jobs SET " JOB_GOES_BACK
                                          ", error = 'lease expired' WHERE id = $1 AND lease_until <= $2",
                                          "ui", late[i].id, now);
        expired->retried += !late[i].last;
    }
    return rc;
}

int jobs_take_back(struct db *db, enum queue_name queue, int64_t handed_before_ms, int max)
{
    int rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    rc = db_exec(db,
                 "UPDATE tracking.jobs SET " JOB_GOES_BACK " WHERE id IN (SELECT id FROM tracking.jobs"
                 " WHERE queue = $1 AND handed_at <= $2 LIMIT $3) AND handed_at <= $2",
                 "sii", queue_names[queue], handed_before_ms, (int64_t)max);
    return rc < 0 ? rc : (int)db_changes(db);
}

int jobs_lease(struct db *db, enum queue_name queue, const struct jobs_look *look, int64_t lease_ms, int max_attempts,
               const char *owner, struct job *jobs, int max, struct jobs_expired *expired)
{
    int64_t now = jobs_now_ms();
    int rc = db_scope_all(db);
    memset(expired, 0, sizeof(*expired));
    if (rc == DB_OK && look->lease_ms <= now)
        rc = expire(db, queue, now, max_attempts, expired);
    if (rc == DB_OK && look->handed_ms != INT64_MAX && (rc = jobs_take_back(db, queue, INT64_MAX, DUE_MAX)) > 0)
        rc = DB_OK;
    if (rc == DB_OK && look->delayed_ms <= now)
        rc = jobs_make_ready(db, queue);
    if (rc != DB_OK)
        return rc;
    int n = jobs_read_ready(db, queue, jobs, sizeof(*jobs), max);
    for (int i = 0; rc == DB_OK && i < n; i++)
        rc = db_exec_later(
            db, "UPDATE tracking.jobs SET state = 'leased', attempt = $2, lease_until = $3, owner = $4 WHERE id = $1",
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

int jobs_extend(struct db *db, const struct job *job, int64_t lease_ms)
{
    int rc = db_scope(db, job->organisation_id);
    if (rc != DB_OK)
        return rc;
    return lost_if_unchanged(db, db_exec(db, "UPDATE tracking.jobs SET lease_until = $3" WHERE_LEASED, "uii", job->id,
                                         (int64_t)job->attempt, jobs_now_ms() + lease_ms));
}

int jobs_give_back(struct db *db, const struct job *job, const char *self)
{
    int rc = db_scope(db, job->organisation_id);
    if (rc != DB_OK)
        return rc;
    return db_exec(db,
                   "UPDATE tracking.jobs SET " JOB_GOES_BACK ", attempt = attempt - 1, error = '" GIVEN_BACK
                   "'" WHERE_LEASED " AND owner = $3",
                   "uis", job->id, (int64_t)job->attempt, self);
}

int jobs_retry(struct db *db, const struct job *job, const char *error, int64_t delay_ms)
{
    int rc = db_scope(db, job->organisation_id);
    if (rc != DB_OK)
        return rc;
    return lost_if_unchanged(db, db_exec(db,
                                         "UPDATE tracking.jobs SET state = 'delayed', error = $3, due_at = $4,"
                                         " owner = NULL, lease_until = NULL" WHERE_LEASED,
                                         "uisi", job->id, (int64_t)job->attempt, error, jobs_now_ms() + delay_ms));
}

int jobs_bury(struct db *db, const struct job *job, const char *error, unsigned *in_doubt)
{
    int rc = bury_email(db, job, in_doubt);
    if (rc == DB_OK)
        rc = db_scope(db, job->organisation_id);
    if (rc != DB_OK)
        return rc;
    return lost_if_unchanged(db, db_exec(db,
                                         "UPDATE tracking.jobs SET state = 'dead', error = $3, ended_at = $4,"
                                         " owner = NULL, lease_until = NULL" WHERE_LEASED,
                                         "uisi", job->id, (int64_t)job->attempt, error, jobs_now_ms()));
}

/* ---- statistics: the ends of indexes, for any depth ---- */

static int64_t time_or(struct db_stmt *stmt, int column, int64_t otherwise)
{
    return db_column_text(stmt, column) ? db_column_int(stmt, column) : otherwise;
}

int jobs_look(struct db *db, enum queue_name queue, struct jobs_look *out)
{
    struct db_stmt *stmt = db_prepare(
        db, "SELECT (SELECT due_at FROM tracking.jobs WHERE queue = $1 AND state = 'ready' ORDER BY turn LIMIT 1),"
            " (SELECT due_at FROM tracking.jobs WHERE queue = $1 AND state = 'delayed' ORDER BY due_at LIMIT 1),"
            " (SELECT lease_until FROM tracking.jobs WHERE queue = $1 AND lease_until IS NOT NULL"
            "  ORDER BY lease_until LIMIT 1),"
            " (SELECT handed_at FROM tracking.jobs WHERE queue = $1 AND handed_at IS NOT NULL"
            "  ORDER BY handed_at LIMIT 1)");
    db_bind_str(stmt, 1, queue_names[queue]);
    *out = (struct jobs_look){INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    int rc = db_scope_all(db);
    if (rc == DB_OK)
        rc = db_step(stmt);
    if (rc == DB_ROW) {
        out->ready_ms = time_or(stmt, 0, INT64_MAX);
        out->delayed_ms = time_or(stmt, 1, INT64_MAX);
        out->lease_ms = time_or(stmt, 2, INT64_MAX);
        out->handed_ms = time_or(stmt, 3, INT64_MAX);
    }
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

/* An organisation's first job in turn is its oldest. The recursion takes one index step for each organisation. */
static int64_t oldest_ready(struct db *db, enum queue_name queue, int64_t otherwise, int *rc)
{
    return number(
        db_prepare(
            db, "WITH RECURSIVE waiting (organisation_id) AS (SELECT (SELECT organisation_id FROM tracking.jobs"
                "  WHERE queue = $1 AND state = 'ready' ORDER BY organisation_id LIMIT 1)"
                " UNION ALL SELECT (SELECT j.organisation_id FROM tracking.jobs j WHERE j.queue = $1"
                "  AND j.state = 'ready' AND j.organisation_id > w.organisation_id ORDER BY j.organisation_id LIMIT 1)"
                "  FROM waiting w WHERE w.organisation_id IS NOT NULL)"
                " SELECT min((SELECT j.due_at FROM tracking.jobs j WHERE j.queue = $1 AND j.state = 'ready'"
                "  AND j.organisation_id = w.organisation_id ORDER BY j.turn LIMIT 1)) FROM waiting w"),
        queue, otherwise, rc);
}

int64_t jobs_oldest_due(struct db *db, enum queue_name queue, int64_t now)
{
    struct jobs_look look;
    int rc = jobs_look(db, queue, &look);
    int64_t oldest = rc == DB_OK && look.ready_ms != INT64_MAX ? oldest_ready(db, queue, now, &rc) : now;
    int64_t handed = rc == DB_OK && look.handed_ms != INT64_MAX
                         ? number(db_prepare(db, "SELECT due_at FROM tracking.jobs WHERE queue = $1"
                                                 " AND handed_at IS NOT NULL ORDER BY handed_at LIMIT 1"),
                                  queue, now, &rc)
                         : now;
    int64_t others = look.delayed_ms < look.lease_ms ? look.delayed_ms : look.lease_ms;
    if (rc != DB_OK)
        return rc;
    oldest = handed < oldest ? handed : oldest;
    return others < oldest ? others : oldest;
}

int jobs_stats(struct db *db, enum queue_name queue, struct queue_stats *out)
{
    int rc = DB_OK;
    int64_t now = jobs_now_ms(), oldest = jobs_oldest_due(db, queue, now);
    if (oldest < 0)
        return (int)oldest;
    out->oldest_age_ms = oldest < now ? now - oldest : 0;
    out->depth = number(db_prepare(db, "SELECT live FROM tracking.queues WHERE queue = $1"), queue, 0, &rc);
    out->dead = number(db_prepare(db, "SELECT dead FROM tracking.queues WHERE queue = $1"), queue, 0, &rc);
    return rc;
}

/* ---- housekeeping ---- */

int jobs_clock_forward(struct db *db, int64_t jump_ms, int64_t lease_ms)
{
    int rc = db_scope_all(db);
    for (int i = 0; rc == DB_OK && i < QUEUES; i++) {
        int64_t now = jobs_now_ms();
        rc = db_exec(db,
                     "UPDATE tracking.jobs SET lease_until = $3 WHERE queue = $1 AND lease_until > $2"
                     " AND lease_until < $3",
                     "sii", queue_names[i], now - jump_ms, now + lease_ms);
    }
    return rc;
}

int jobs_shift_leases(struct db *db, const char *owner, int64_t jump_ms)
{
    int rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    return db_exec(db,
                   "UPDATE tracking.jobs SET lease_until = lease_until + $1 WHERE lease_until IS NOT NULL"
                   " AND owner = $2",
                   "is", jump_ms, owner);
}

/* $2 now; with the longest backoff before the next attempt: it doubles from $3 to $4, and has ± 50 % jitter. */
#define LATEST_RETRY                                                                          \
    "$2 + CASE WHEN attempt < 20 AND CAST($3 AS bigint) << CAST(attempt - 1 AS integer) < $4" \
    " THEN CAST($3 AS bigint) << CAST(attempt - 1 AS integer) ELSE $4 END * 3 / 2"

int jobs_clock_back(struct db *db, int64_t backoff_ms, int64_t backoff_max_ms)
{
    int rc = db_scope_all(db);
    for (int i = 0; rc == DB_OK && i < QUEUES; i++) {
        int64_t now = jobs_now_ms();
        rc = db_exec(db,
                     "UPDATE tracking.jobs SET due_at = due_at - (created_at - $2), created_at = $2 WHERE queue = $1"
                     " AND state = 'delayed' AND due_at > $2 AND attempt = 0 AND created_at > $2",
                     "si", queue_names[i], now);
        if (rc == DB_OK)
            rc = db_exec(db,
                         "UPDATE tracking.jobs SET due_at = $2 WHERE queue = $1 AND state = 'delayed'"
                         " AND due_at > $2 AND attempt > 0 AND due_at > " LATEST_RETRY,
                         "siii", queue_names[i], now, backoff_ms, backoff_max_ms);
    }
    return rc;
}

/* A job that was never tried may be delayed for days, if its organisation has more e-mails than MAIL_RATE_LIMIT allows. */
int jobs_clamp(struct db *db, int64_t latest_due_ms, int64_t latest_lease_ms)
{
    int rc = db_scope_all(db);
    for (int i = 0; rc == DB_OK && i < QUEUES; i++) {
        rc = db_exec(db,
                     "UPDATE tracking.jobs SET due_at = $3 WHERE queue = $1 AND state = 'delayed' AND due_at > $2"
                     " AND (attempt > 0 OR created_at > $3)",
                     "sii", queue_names[i], latest_due_ms, jobs_now_ms());
        if (rc == DB_OK)
            rc = db_exec(db, "UPDATE tracking.jobs SET lease_until = $3 WHERE queue = $1 AND lease_until > $2", "sii",
                         queue_names[i], latest_lease_ms, jobs_now_ms());
    }
    return rc;
}

int jobs_forget(struct db *db, int64_t done_before_ms, int max)
{
    int rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    rc = db_exec(db,
                 "DELETE FROM tracking.jobs WHERE id IN (SELECT id FROM tracking.jobs WHERE state = 'done'"
                 " AND ended_at < $1 LIMIT $2)",
                 "ii", done_before_ms, (int64_t)max);
    return rc < 0 ? rc : (int)db_changes(db);
}
