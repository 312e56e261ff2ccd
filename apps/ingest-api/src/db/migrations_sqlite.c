/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of SQLite, as the steps that lead to it. A step that was released is never changed; a new one is added.
 *
 * Times are Unix milliseconds; ids are UUIDv7 as 16 bytes. Keys begin with the organisation: a tenant's rows lie
 * together, and a query without the organisation finds no index. WITHOUT ROWID: the key is the table, so an import
 * appends to one tree and touches two others. The status is indexed only once it is
 * no longer `imported`. Checks are written with OR: SQLite builds a table for each IN it evaluates.
 */
#include "db/driver.h"

#define IAM                                                                                                  \
    "CREATE TABLE iam.organisations ("                                                                       \
    " id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;" \
    "CREATE TABLE iam.api_keys ("                                                                            \
    " key_hash BLOB NOT NULL PRIMARY KEY CHECK (length(key_hash) = 32),"                                     \
    " organisation_id BLOB NOT NULL REFERENCES iam.organisations (id),"                                      \
    " created_at INTEGER NOT NULL, revoked_at INTEGER) STRICT, WITHOUT ROWID;"

#define CRM                                                                                                      \
    "CREATE TABLE crm.prospects ("                                                                               \
    " organisation_id BLOB NOT NULL REFERENCES iam.organisations (id), id BLOB NOT NULL,"                        \
    " email TEXT NOT NULL, first_name TEXT, last_name TEXT, company TEXT, title TEXT, phone TEXT, website TEXT," \
    " country TEXT, custom TEXT,"                                                                                \
    " status TEXT NOT NULL DEFAULT 'imported' CHECK (status = 'imported' OR status = 'validated'"                \
    " OR status = 'invalid' OR status = 'researched'),"                                                          \
    " status_reason TEXT, research TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,"              \
    " PRIMARY KEY (organisation_id, id)) STRICT, WITHOUT ROWID;"                                                 \
    "CREATE UNIQUE INDEX crm.prospects_email ON crm.prospects (organisation_id, email);"                         \
    "CREATE INDEX crm.prospects_status ON crm.prospects (organisation_id, status, id) WHERE status <> 'imported';"

#define OUTREACH                                                                                                  \
    "CREATE TABLE outreach.campaigns ("                                                                           \
    " organisation_id BLOB NOT NULL REFERENCES iam.organisations (id), id BLOB NOT NULL,"                         \
    " name TEXT NOT NULL, subject_template TEXT NOT NULL, body_template TEXT NOT NULL,"                           \
    " status TEXT NOT NULL DEFAULT 'draft' CHECK (status = 'draft' OR status = 'active'"                          \
    " OR status = 'paused' OR status = 'completed'),"                                                             \
    " created_at INTEGER NOT NULL, started_at INTEGER, completed_at INTEGER,"                                     \
    " PRIMARY KEY (organisation_id, id)) STRICT, WITHOUT ROWID;"                                                  \
    "CREATE INDEX outreach.campaigns_active ON outreach.campaigns (organisation_id) WHERE status = 'active';"     \
    "CREATE TABLE outreach.drafts ("                                                                              \
    " organisation_id BLOB NOT NULL, campaign_id BLOB NOT NULL, prospect_id BLOB NOT NULL,"                       \
    " state TEXT NOT NULL CHECK (state = 'generated' OR state = 'failed'),"                                       \
    " subject TEXT, body TEXT, error TEXT, created_at INTEGER NOT NULL,"                                          \
    " PRIMARY KEY (organisation_id, campaign_id, prospect_id),"                                                   \
    " FOREIGN KEY (organisation_id, campaign_id) REFERENCES outreach.campaigns (organisation_id, id),"            \
    " FOREIGN KEY (organisation_id, prospect_id) REFERENCES crm.prospects (organisation_id, id))"                 \
    " STRICT, WITHOUT ROWID;"                                                                                     \
    "CREATE INDEX outreach.drafts_state ON outreach.drafts (organisation_id, campaign_id, state, prospect_id);"   \
    "CREATE TABLE outreach.emails ("                                                                              \
    " organisation_id BLOB NOT NULL, campaign_id BLOB NOT NULL, prospect_id BLOB NOT NULL, id BLOB NOT NULL,"     \
    " state TEXT NOT NULL CHECK (state = 'pending' OR state = 'sending' OR state = 'sent' OR state = 'failed'),"  \
    " attempts INTEGER NOT NULL DEFAULT 0, error TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL," \
    " sent_at INTEGER,"                                                                                           \
    " PRIMARY KEY (organisation_id, campaign_id, prospect_id),"                                                   \
    " FOREIGN KEY (organisation_id, campaign_id) REFERENCES outreach.campaigns (organisation_id, id),"            \
    " FOREIGN KEY (organisation_id, prospect_id) REFERENCES crm.prospects (organisation_id, id))"                 \
    " STRICT, WITHOUT ROWID;"                                                                                     \
    "CREATE INDEX outreach.emails_state ON outreach.emails (organisation_id, campaign_id, state);"

/*
 * Jobs. state 0 ready (or delayed: due_at in the future), 1 leased, 2 done (kept for its idempotency key), 3 dead.
 * due_at: when it may be delivered; leased: when the lease runs out; done, dead: when that happened.
 * Each index is partial, so a job is in one of them at a time, and the tail of done jobs costs the others nothing.
 * tracking.queues counts live (0, 1) and dead jobs: the depth of a queue with a million jobs is one row. Triggers keep
 * it, because a transaction that rolls back must take its counts along.
 */
#define TRACKING                                                                                                    \
    "CREATE TABLE tracking.jobs ("                                                                                  \
    " id BLOB NOT NULL PRIMARY KEY, queue TEXT NOT NULL, organisation_id BLOB NOT NULL, request_id TEXT,"           \
    " idempotency_key TEXT, payload TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3)," \
    " attempt INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL, owner TEXT, error TEXT,"                         \
    " created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"                                                          \
    "CREATE UNIQUE INDEX tracking.jobs_key ON tracking.jobs (queue, idempotency_key)"                               \
    " WHERE idempotency_key IS NOT NULL;"                                                                           \
    "CREATE INDEX tracking.jobs_ready ON tracking.jobs (queue, due_at, id) WHERE state = 0;"                        \
    "CREATE INDEX tracking.jobs_leased ON tracking.jobs (queue, due_at) WHERE state = 1;"                           \
    "CREATE INDEX tracking.jobs_done ON tracking.jobs (due_at) WHERE state = 2;"                                    \
    "CREATE TABLE tracking.queues ("                                                                                \
    " queue TEXT NOT NULL PRIMARY KEY, live INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0)"           \
    " STRICT, WITHOUT ROWID;"                                                                                       \
    "CREATE TRIGGER tracking.jobs_insert AFTER INSERT ON tracking.jobs BEGIN"                                       \
    " INSERT INTO tracking.queues (queue, live) VALUES (new.queue, 1)"                                              \
    "  ON CONFLICT (queue) DO UPDATE SET live = live + 1; END;"                                                     \
    "CREATE TRIGGER tracking.jobs_update AFTER UPDATE OF state ON tracking.jobs"                                    \
    " WHEN old.state <> new.state AND (old.state > 1 OR new.state > 1) BEGIN"                                       \
    " UPDATE tracking.queues SET live = live + (new.state < 2) - (old.state < 2),"                                  \
    "  dead = dead + (new.state = 3) - (old.state = 3) WHERE queue = new.queue; END;"                               \
    "CREATE TRIGGER tracking.jobs_delete AFTER DELETE ON tracking.jobs WHEN old.state <> 2 BEGIN"                   \
    " UPDATE tracking.queues SET live = live - (old.state < 2), dead = dead - (old.state = 3)"                      \
    "  WHERE queue = old.queue; END;"                                                                               \
    "CREATE TABLE tracking.health (id INTEGER PRIMARY KEY CHECK (id = 1), checked_at INTEGER NOT NULL) STRICT;"

/* How fast each organisation may send: see mail_rate.c. */
#define MAIL_RATES                                                                  \
    "CREATE TABLE outreach.mail_rates ("                                            \
    " organisation_id BLOB NOT NULL PRIMARY KEY REFERENCES iam.organisations (id)," \
    " full_at INTEGER NOT NULL, turn_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

const struct db_migration db_migrations_sqlite[] = {
    {1, "first schema", IAM CRM OUTREACH TRACKING},
    {2, "rates of e-mails", MAIL_RATES},
    {0, NULL, NULL},
};
