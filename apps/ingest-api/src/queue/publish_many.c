/* SPDX-License-Identifier: Apache-2.0 */
/* Enqueues many jobs, with INSERT statements of DB_MANY_ROWS rows. */
#include "base/uuid.h"
#include "db/many.h"
#include "queue/jobs.h"

/* $1 queue, $2 organisation, $3 request id, $4 time; then id, key, payload and turn of each row. */
static struct db_many rows = {
    .head = "INSERT INTO tracking.jobs (id, queue, organisation_id, request_id, idempotency_key, payload, state,"
            " turn, due_at, created_at) VALUES",
    .row = "(@, $1, $2, $3, @, @, 'ready', @, $4, $4)",
    .tail = " ON CONFLICT (queue, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
    .fixed = 4,
    .each = 4,
};

static int insert(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                  const struct queue_item *items, int64_t turn)
{
    char ids[DB_MANY_ROWS][UUID_TEXT];
    struct db_stmt *stmt = db_prepare(db, db_many_sql(&rows));

    db_bind_str(stmt, 1, queue_names[queue]);
    db_bind_uuid(stmt, 2, organisation_id);
    db_bind_str(stmt, 3, request_id);
    db_bind_int(stmt, 4, jobs_now_ms());
    for (int row = 0; row < DB_MANY_ROWS; row++) {
        uuid_new_text(ids[row]);
        db_bind_uuid(stmt, db_many_parameter(&rows, row, 0), ids[row]);
        db_bind_str(stmt, db_many_parameter(&rows, row, 1), items[row].idempotency_key);
        db_bind_str(stmt, db_many_parameter(&rows, row, 2), items[row].payload);
        db_bind_int(stmt, db_many_parameter(&rows, row, 3), turn + row);
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
    int rc = db_scope(db, organisation_id);
    int64_t turn = rc == DB_OK && n >= DB_MANY_ROWS ? jobs_next_turn(db, queue, organisation_id) : 0;
    if (turn < 0)
        rc = (int)turn;
    for (; rc == DB_OK && n >= DB_MANY_ROWS; turn += DB_MANY_ROWS) {
        rc = insert(db, queue, organisation_id, request_id, items, turn);
        if (rc == DB_OK)
            count += (uint64_t)db_changes(db);
        items += DB_MANY_ROWS;
        n -= DB_MANY_ROWS;
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
