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
 * Jobs, before JOBS. state 0 ready (or delayed: due_at in the future), 1 leased, 2 done (kept for its idempotency key), 3 dead.
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

/*
 * Jobs, by states that have names:
 *   delayed    waits for due_at
 *   ready      a worker, or a relay to the broker, may have it
 *   relaying   a relay (owner) publishes it until lease_until
 *   handed     the broker has confirmed it, at handed_at
 *   leased     a worker (owner) has it until lease_until
 *   done, dead since ended_at; done is kept for its idempotency key
 * The state decides which of the times there are, and the CHECKs hold that. due_at: since when, or from when on, it could be
 * delivered. turn: the organisations' jobs in turn (queue/jobs.h): the lowest is served first.
 * Each index is partial, so a job is in those of its state alone, and the tail of done jobs costs the others nothing.
 * tracking.queues is kept by triggers: the depth of a queue with a million jobs is one row, and a transaction that rolls back
 * takes its counts along.
 */
#define JOBS                                                                                                         \
    "CREATE TABLE tracking.jobs_new ("                                                                               \
    " id BLOB NOT NULL PRIMARY KEY, queue TEXT NOT NULL, organisation_id BLOB NOT NULL, request_id TEXT,"            \
    " idempotency_key TEXT, payload TEXT NOT NULL, state TEXT NOT NULL CHECK (state = 'delayed'"                     \
    " OR state = 'ready' OR state = 'relaying' OR state = 'handed' OR state = 'leased' OR state = 'done'"            \
    " OR state = 'dead'), turn INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,"                      \
    " due_at INTEGER NOT NULL, lease_until INTEGER, handed_at INTEGER, ended_at INTEGER, owner TEXT, error TEXT,"    \
    " created_at INTEGER NOT NULL,"                                                                                  \
    " CHECK ((lease_until IS NOT NULL) = (state = 'relaying' OR state = 'leased')),"                                 \
    " CHECK ((handed_at IS NOT NULL) = (state = 'handed')),"                                                         \
    " CHECK ((ended_at IS NOT NULL) = (state = 'done' OR state = 'dead'))) STRICT, WITHOUT ROWID;"                   \
    "INSERT INTO tracking.jobs_new SELECT id, queue, organisation_id, request_id, idempotency_key, payload,"         \
    " CASE WHEN state = 0 THEN CASE WHEN due_at > unixepoch() * 1000 THEN 'delayed' ELSE 'ready' END"                \
    "  WHEN state = 2 THEN 'done' WHEN state = 3 THEN 'dead' WHEN due_at < 0 THEN 'handed'"                          \
    "  WHEN owner LIKE '%:relay' THEN 'relaying' ELSE 'leased' END,"                                                 \
    " row_number() OVER (PARTITION BY queue, organisation_id, state ORDER BY due_at, id), attempt,"                  \
    " CASE WHEN state = 0 THEN due_at WHEN state = 1 AND due_at < 0 THEN -due_at ELSE created_at END,"               \
    " CASE WHEN state = 1 AND due_at >= 0 THEN due_at END, CASE WHEN state = 1 AND due_at < 0 THEN -due_at END,"     \
    " CASE WHEN state > 1 THEN due_at END, CASE WHEN state = 1 AND due_at >= 0 THEN owner END, error, created_at"    \
    " FROM tracking.jobs;"                                                                                           \
    "DROP TABLE tracking.jobs; ALTER TABLE tracking.jobs_new RENAME TO tracking.jobs;"                               \
    "CREATE UNIQUE INDEX tracking.jobs_key ON tracking.jobs (queue, idempotency_key)"                                \
    " WHERE idempotency_key IS NOT NULL;"                                                                            \
    "CREATE INDEX tracking.jobs_turn ON tracking.jobs (queue, turn, id) WHERE state = 'ready';"                      \
    "CREATE INDEX tracking.jobs_organisation ON tracking.jobs (queue, organisation_id, turn) WHERE state = 'ready';" \
    "CREATE INDEX tracking.jobs_delayed ON tracking.jobs (queue, due_at) WHERE state = 'delayed';"                   \
    "CREATE INDEX tracking.jobs_held ON tracking.jobs (queue, lease_until) WHERE lease_until IS NOT NULL;"           \
    "CREATE INDEX tracking.jobs_handed ON tracking.jobs (queue, handed_at) WHERE handed_at IS NOT NULL;"             \
    "CREATE INDEX tracking.jobs_done ON tracking.jobs (ended_at) WHERE state = 'done';"                              \
    "CREATE TRIGGER tracking.jobs_insert AFTER INSERT ON tracking.jobs BEGIN"                                        \
    " INSERT INTO tracking.queues (queue, live) VALUES (new.queue, 1)"                                               \
    "  ON CONFLICT (queue) DO UPDATE SET live = live + 1; END;"                                                      \
    "CREATE TRIGGER tracking.jobs_update AFTER UPDATE OF ended_at ON tracking.jobs"                                  \
    " WHEN old.ended_at IS NOT NULL OR new.ended_at IS NOT NULL BEGIN"                                               \
    " UPDATE tracking.queues SET live = live + (new.ended_at IS NULL) - (old.ended_at IS NULL),"                     \
    "  dead = dead + (new.state = 'dead') - (old.state = 'dead') WHERE queue = new.queue; END;"                      \
    "CREATE TRIGGER tracking.jobs_delete AFTER DELETE ON tracking.jobs WHEN old.state <> 'done' BEGIN"               \
    " UPDATE tracking.queues SET live = live - (old.ended_at IS NULL), dead = dead - (old.state = 'dead')"           \
    "  WHERE queue = old.queue; END;"

/* Imports under way, and how to take back what each slice of one has done: see data/imports.h. */
#define IMPORTS                                                                                                       \
    "CREATE TABLE crm.imports (organisation_id BLOB NOT NULL REFERENCES iam.organisations (id), id BLOB NOT NULL,"    \
    " owner TEXT NOT NULL, touched_at INTEGER NOT NULL, PRIMARY KEY (organisation_id, id)) STRICT, WITHOUT ROWID;"    \
    "CREATE TABLE crm.import_slices (organisation_id BLOB NOT NULL, import_id BLOB NOT NULL, slice INTEGER NOT NULL," \
    " undo TEXT NOT NULL, PRIMARY KEY (organisation_id, import_id, slice)) STRICT, WITHOUT ROWID;"

const struct db_migration db_migrations_sqlite[] = {
    {1, "first schema", IAM CRM OUTREACH TRACKING},
    {2, "rates of e-mails", MAIL_RATES},
    {3, "jobs in turn", JOBS},
    {4, "imports in slices", IMPORTS},
    {0, NULL, NULL},
};
