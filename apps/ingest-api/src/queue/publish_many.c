/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many jobs by statements of many rows. What a statement costs once (the trigger's and the conflict's set-up, a journal) is
 * most of what one row costs; twenty rows are the knee of the curve.
 */
#include "base/uuid.h"
#include "queue/jobs.h"

#include <pthread.h>
#include <stdio.h>

#define ROWS 20

/* $1 queue, $2 organisation, $3 request id, $4 time; then id, key and payload of each row. */
static char insert_rows[2048];
static pthread_once_t insert_once = PTHREAD_ONCE_INIT;

static void make_insert(void)
{
    size_t n = (size_t)snprintf(insert_rows, sizeof(insert_rows), "%s",
                                "INSERT INTO tracking.jobs (id, queue, organisation_id, request_id, idempotency_key,"
                                " payload, due_at, created_at) VALUES ");

    for (int row = 0; row < ROWS; row++)
        n += (size_t)snprintf(insert_rows + n, sizeof(insert_rows) - n, "%s($%d, $1, $2, $3, $%d, $%d, $4, $4)",
                              row ? ", " : "", 5 + 3 * row, 6 + 3 * row, 7 + 3 * row);
    (void)snprintf(insert_rows + n, sizeof(insert_rows) - n, "%s",
                   " ON CONFLICT (queue, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING");
}

static int insert(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                  const struct queue_item *items)
{
    char ids[ROWS][UUID_TEXT];
    struct db_stmt *stmt = db_prepare(db, insert_rows);

    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_uuid(stmt, 2, organisation_id);
    db_bind_str(stmt, 3, request_id);
    db_bind_int(stmt, 4, jobs_now_ms());
    for (int row = 0; row < ROWS; row++) {
        unsigned char uuid[16];
        uuid_new(uuid);
        uuid_format(uuid, ids[row]);
        db_bind_uuid(stmt, 5 + 3 * row, ids[row]);
        db_bind_str(stmt, 6 + 3 * row, items[row].idempotency_key);
        db_bind_str(stmt, 7 + 3 * row, items[row].payload);
    }
    int rc = db_step(stmt);
    db_done(stmt);
    return rc;
}

int queue_publish_many(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                       const struct queue_item *items, size_t n, uint64_t *fresh)
{
    uint64_t count = 0;

    if (queue >= QUEUES)
        return DB_E_INVALID;
    pthread_once(&insert_once, make_insert);
    int rc = db_scope(db, organisation_id);
    while (rc == DB_OK && n >= ROWS) {
        rc = insert(db, queue, organisation_id, request_id, items);
        if (rc == DB_OK)
            count += (uint64_t)db_changes(db);
        items += ROWS;
        n -= ROWS;
    }
    for (; rc == DB_OK && n > 0; n--, items++) {
        bool one;
        rc = queue_publish(db, queue, organisation_id, request_id, items->idempotency_key, items->payload, &one);
        count += rc == DB_OK && one;
    }
    if (fresh)
        *fresh = count;
    return rc;
}
