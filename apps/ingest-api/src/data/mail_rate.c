/* SPDX-License-Identifier: Apache-2.0 */
#include "data/mail_rate.h"

#include "base/token_bucket.h"

#define SECOND_US INT64_C(1000000)
#define OWED_MAX_US (300 * SECOND_US)

/* Unix microseconds. */
struct bucket {
    int64_t full_us, turn_us; /* when the bucket is full; the next turn to assign */
};

/* Read and lock the organisation's row; create it if it is missing. */
static int read_bucket(struct db *db, const char *organisation_id, struct bucket *bucket)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "INSERT INTO outreach.mail_rates (organisation_id, full_at, turn_at) VALUES ($1, 0, 0)"
                     " ON CONFLICT (organisation_id) DO NOTHING",
                     "u", organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT full_at, turn_at FROM outreach.mail_rates WHERE organisation_id = $1"
                                          " /*pg FOR UPDATE */");
    db_bind_uuid(stmt, 1, organisation_id);
    rc = db_step(stmt);
    if (rc == DB_ROW)
        *bucket = (struct bucket){db_column_int(stmt, 0), db_column_int(stmt, 1)};
    db_done(stmt);
    return rc == DB_ROW ? DB_OK : rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

/* @return 0: a token was taken; else the time until the e-mail's turn in µs. */
static int64_t take(struct bucket *bucket, unsigned rate, bool must, bool has_turn, int64_t now)
{
    struct token_rate tokens = token_rate_of(SECOND_US, rate);
    int64_t full;
    if (bucket->full_us > now + tokens.burst + OWED_MAX_US) /* a debt that long is impossible: the clock was set back */
        *bucket = (struct bucket){0};
    int64_t wait = token_wait(tokens, bucket->full_us, now, &full);
    if (must || wait <= 0) {
        bucket->full_us = full;
        return 0;
    }
    if (has_turn)
        return wait;
    if (bucket->turn_us > now + wait)
        wait = bucket->turn_us - now;
    bucket->turn_us = now + wait + tokens.cost;
    return wait;
}

int mail_rate_take(struct db *db, const char *organisation_id, unsigned rate, bool must, bool has_turn, int64_t now_ms,
                   int64_t *wait_ms)
{
    struct bucket bucket;
    int rc = read_bucket(db, organisation_id, &bucket);
    if (rc != DB_OK)
        return rc;
    *wait_ms = (take(&bucket, rate, must, has_turn, now_ms * 1000) + 999) / 1000;
    return db_exec_later(db, "UPDATE outreach.mail_rates SET full_at = $2, turn_at = $3 WHERE organisation_id = $1",
                         "uii", organisation_id, bucket.full_us, bucket.turn_us);
}
