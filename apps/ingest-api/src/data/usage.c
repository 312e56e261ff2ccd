/* SPDX-License-Identifier: Apache-2.0 */
#include "data/usage.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/uuid.h"
#include "data/page.h"
#include "db/driver.h"

#include <pthread.h>
#include <stdio.h>

/* ---- the last readings: a hash table without chains, an entry replaces another in the same place ---- */

#define LAST_PLACES 256
#define ADDED_MOST_A_MS 1000

struct last {
    char organisation_id[UUID_TEXT], what[24];
    int64_t used;
    uint64_t at_ns; /* the time just before the reading; 0: the place is free */
};

static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static struct last last[LAST_PLACES];

static struct last *place(const char *organisation_id, const char *what)
{
    return &last[(text_hash(organisation_id) + (unsigned char)*what) % LAST_PLACES];
}

static void note(const char *organisation_id, const char *what, int64_t used, uint64_t at_ns)
{
    struct last *of = place(organisation_id, what);
    pthread_mutex_lock(&last_lock);
    (void)snprintf(of->organisation_id, sizeof(of->organisation_id), "%s", organisation_id);
    (void)snprintf(of->what, sizeof(of->what), "%s", what);
    of->used = used;
    of->at_ns = at_ns;
    pthread_mutex_unlock(&last_lock);
}

bool usage_has_room(const char *organisation_id, const char *what, int64_t max)
{
    if (max == 0)
        return true;
    const struct last *of = place(organisation_id, what);
    pthread_mutex_lock(&last_lock);
    uint64_t ms = (clock_monotonic_ns() - of->at_ns) / 1000000u + 1;
    bool room = of->at_ns && strcmp(of->organisation_id, organisation_id) == 0 && strcmp(of->what, what) == 0 &&
                of->used + USAGE_NEAR + ADDED_MOST_A_MS * (int64_t)ms <= max;
    pthread_mutex_unlock(&last_lock);
    return room;
}

/* ---- the rows ---- */

int usage_add(struct db *db, const char *organisation_id, const char *what, int64_t change)
{
    static const char row[] = "INSERT INTO tracking.usage (organisation_id, what, used) VALUES ($1, $2, $3)";
    static const char sum[] = "INSERT INTO tracking.usage (organisation_id, what, used) VALUES ($1, $2, $3)"
                              " ON CONFLICT (organisation_id, what) DO UPDATE SET used = used + excluded.used";
    if (change == 0)
        return DB_OK;
    return db_exec_later(db, db->driver->many_writers ? row : sum, "usi", organisation_id, what, change);
}

int usage_read(struct db *db, const char *organisation_id, const char *what, int64_t *used)
{
    uint64_t at_ns = clock_monotonic_ns();
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, "SELECT sum(used) FROM tracking.usage WHERE organisation_id = $1 AND what = $2");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_str(stmt, 2, what);
    rc = db_step(stmt);
    *used = rc == DB_ROW ? db_column_int(stmt, 0) : 0;
    db_done(stmt);
    if (rc == DB_ROW)
        note(organisation_id, what, *used, at_ns);
    return rc < 0 ? rc : DB_OK;
}

int usage_all(struct db *db, void (*fn)(void *arg, const char *organisation_id, const char *what, int64_t used),
              void *arg)
{
    int rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(
        db, "SELECT organisation_id, kind, max(used) FROM (SELECT organisation_id,"
            " CASE WHEN what LIKE '%.%' THEN 'jobs' ELSE what END AS kind, sum(used) AS used FROM tracking.usage"
            " GROUP BY organisation_id, what) AS each_what GROUP BY organisation_id, kind");
    while ((rc = db_step(stmt)) == DB_ROW) {
        char organisation[UUID_TEXT];
        page_copy_id(stmt, 0, organisation); /* the next column's text reuses the memory */
        fn(arg, organisation, db_column_text(stmt, 1), db_column_int(stmt, 2));
    }
    db_done(stmt);
    return rc;
}

int usage_fold(struct db *db)
{
    int rc = db->driver->many_writers ? db_scope_all(db) : DB_OK;
    if (rc != DB_OK || !db->driver->many_writers)
        return rc;
    return db_exec(db,
                   "WITH first AS (SELECT pg_try_advisory_xact_lock(7231904519) AS it), changes AS (DELETE"
                   " FROM tracking.usage WHERE (SELECT it FROM first) AND (organisation_id, what) IN"
                   " (SELECT organisation_id, what FROM tracking.usage GROUP BY organisation_id, what"
                   " HAVING count(*) > 1) RETURNING organisation_id, what, used)"
                   " INSERT INTO tracking.usage (organisation_id, what, used)"
                   " SELECT organisation_id, what, sum(used) FROM changes GROUP BY organisation_id, what",
                   "");
}
