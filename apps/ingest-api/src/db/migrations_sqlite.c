/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of SQLite, as a list of migration steps. A released step is never changed; a new one is added.
 * Add a new table to store/check.c too.
 *
 * Times are Unix milliseconds; ids are UUIDv7 as 16 bytes. Keys begin with the organisation, so that a tenant's rows
 * are together, and a query that forgets the organisation finds no index. WITHOUT ROWID: the key's tree is the table,
 * so an import appends to one tree and touches two others. Only statuses other than `imported` are indexed. Checks use
 * OR, because SQLite builds a table for each IN that it evaluates.
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
 * Jobs, as they were before JOBS below. States: 0 ready (or delayed: due_at is in the future), 1 leased, 2 done (kept for
 * its idempotency key), 3 dead. due_at: when it may be delivered; if leased, when the lease ends; if done or dead, since
 * when.
 * Each index is partial, so a job is in one of them at a time, and the tail of done jobs does not slow the others down.
 * tracking.queues counts live (0, 1) and dead jobs: the depth of a queue with a million jobs is one row. Triggers
 * update it, so that a rollback undoes the counts too.
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

/* The e-mail rate of each organisation: see mail_rate.c. */
#define MAIL_RATES                                                                  \
    "CREATE TABLE outreach.mail_rates ("                                            \
    " organisation_id BLOB NOT NULL PRIMARY KEY REFERENCES iam.organisations (id)," \
    " full_at INTEGER NOT NULL, turn_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

/*
 * Jobs, by named states:
 *   delayed    waits for due_at
 *   ready      a worker, or a relay to the broker, may take it
 *   relaying   a relay (owner) publishes it until lease_until
 *   handed     the broker has confirmed it, at handed_at
 *   leased     a worker (owner) has it until lease_until
 *   done, dead since ended_at; done is kept for its idempotency key
 * The state decides which of the times are set, and CHECKs enforce that. due_at: the time from which it could be
 * delivered. turn: the organisations' jobs in turn (queue/jobs.h): the lowest is served first.
 * Each index is partial, so a job is only in those of its state, and the tail of done jobs does not slow the
 * others down. Triggers update tracking.queues: the depth of a queue with a million jobs is one row, and a
 * rollback undoes the counts too.
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

/* Imports in progress, and the undo record of each slice: see data/imports.h. */
#define IMPORTS                                                                                                       \
    "CREATE TABLE crm.imports (organisation_id BLOB NOT NULL REFERENCES iam.organisations (id), id BLOB NOT NULL,"    \
    " owner TEXT NOT NULL, touched_at INTEGER NOT NULL, PRIMARY KEY (organisation_id, id)) STRICT, WITHOUT ROWID;"    \
    "CREATE TABLE crm.import_slices (organisation_id BLOB NOT NULL, import_id BLOB NOT NULL, slice INTEGER NOT NULL," \
    " undo TEXT NOT NULL, PRIMARY KEY (organisation_id, import_id, slice)) STRICT, WITHOUT ROWID;"

/*
 * The fates of e-mails (model/states.h), with the reason and the server's reply. And a campaign's hold: how
 * often in a row the server refused its sender, its reply, until when nothing is tried, and whether the
 * campaign was paused for that.
 */
#define FATES                                                                                                         \
    "CREATE TABLE outreach.emails_new ("                                                                              \
    " organisation_id BLOB NOT NULL, campaign_id BLOB NOT NULL, prospect_id BLOB NOT NULL, id BLOB NOT NULL,"         \
    " state TEXT NOT NULL CHECK (state = 'waiting' OR state = 'sending' OR state = 'accepted'"                        \
    " OR state = 'refused_recipient' OR state = 'refused_sender' OR state = 'in_doubt' OR state = 'skipped'),"        \
    " attempts INTEGER NOT NULL DEFAULT 0, error TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,"     \
    " sent_at INTEGER, reason TEXT, words TEXT, due_at INTEGER,"                                                      \
    " PRIMARY KEY (organisation_id, campaign_id, prospect_id),"                                                       \
    " FOREIGN KEY (organisation_id, campaign_id) REFERENCES outreach.campaigns (organisation_id, id),"                \
    " FOREIGN KEY (organisation_id, prospect_id) REFERENCES crm.prospects (organisation_id, id))"                     \
    " STRICT, WITHOUT ROWID;"                                                                                         \
    "INSERT INTO outreach.emails_new SELECT organisation_id, campaign_id, prospect_id, id,"                           \
    " CASE WHEN e.state = 'pending' THEN 'waiting' WHEN e.state = 'sent' THEN 'accepted' WHEN e.state = 'sending' "   \
    "THEN 'sending'"                                                                                                  \
    "  WHEN e.error LIKE 'in doubt:%' THEN 'in_doubt' WHEN e.error LIKE 'not sent:%' THEN 'skipped'"                  \
    "  ELSE 'refused_recipient' END,"                                                                                 \
    " attempts, error, created_at, updated_at, sent_at,"                                                              \
    " CASE WHEN e.state <> 'failed' THEN NULL WHEN e.error LIKE 'in doubt:%' THEN 'no_answer'"                        \
    "  WHEN e.error LIKE 'not sent: no draft%' THEN 'no_draft'"                                                       \
    "  WHEN e.error LIKE 'not sent: the prospect%' THEN 'prospect_invalid'"                                           \
    "  WHEN e.error LIKE 'not sent:%' THEN 'campaign_completed' ELSE 'refused' END, NULL, NULL FROM outreach.emails " \
    "e;"                                                                                                              \
    "DROP TABLE outreach.emails; ALTER TABLE outreach.emails_new RENAME TO outreach.emails;"                          \
    "CREATE INDEX outreach.emails_state ON outreach.emails (organisation_id, campaign_id, state);"                    \
    "CREATE INDEX outreach.emails_in_doubt ON outreach.emails (organisation_id) WHERE state = 'in_doubt';"            \
    "ALTER TABLE outreach.campaigns ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;"                                  \
    "ALTER TABLE outreach.campaigns ADD COLUMN refusal TEXT;"                                                         \
    "ALTER TABLE outreach.campaigns ADD COLUMN refusal_words TEXT;"                                                   \
    "ALTER TABLE outreach.campaigns ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;"                                \
    "ALTER TABLE outreach.campaigns ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;"                                   \
    "CREATE INDEX outreach.campaigns_refused ON outreach.campaigns (organisation_id) WHERE refused = 1;"

#define SENDERS "ALTER TABLE iam.organisations ADD COLUMN mail_from TEXT;"

/* Addresses that get no e-mail: data/suppressions.h. */
#define SUPPRESSIONS                                                                                       \
    "CREATE TABLE outreach.suppressions (organisation_id BLOB NOT NULL REFERENCES iam.organisations (id)," \
    " id BLOB NOT NULL, hash BLOB NOT NULL CHECK (length(hash) = 32), address TEXT, reason TEXT NOT NULL," \
    " created_at INTEGER NOT NULL, PRIMARY KEY (organisation_id, id)) STRICT, WITHOUT ROWID;"              \
    "CREATE UNIQUE INDEX outreach.suppressions_hash ON outreach.suppressions (organisation_id, hash);"     \
    "CREATE INDEX outreach.emails_prospect ON outreach.emails (organisation_id, prospect_id);"             \
    "CREATE INDEX outreach.drafts_prospect ON outreach.drafts (organisation_id, prospect_id);"             \
    "CREATE TABLE iam.secrets (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

/* Time of the last change of the templates; 0: never. */
#define TEMPLATES "ALTER TABLE outreach.campaigns ADD COLUMN templates_at INTEGER NOT NULL DEFAULT 0;"

/*
 * Each organisation's use of its limits: see data/usage.h. The code that inserts prospects and campaigns adds them: a
 * trigger per row would cost a tenth of an import.
 */
#define USAGE_SUM " ON CONFLICT (organisation_id, what) DO UPDATE SET used = used + excluded.used;"
#define USAGE                                                                                                      \
    "CREATE TABLE tracking.usage (organisation_id BLOB NOT NULL, what TEXT NOT NULL, used INTEGER NOT NULL,"       \
    " PRIMARY KEY (organisation_id, what)) STRICT, WITHOUT ROWID;"                                                 \
    "INSERT INTO tracking.usage SELECT organisation_id, 'prospects', count(*) FROM crm.prospects GROUP BY 1;"      \
    "INSERT INTO tracking.usage SELECT organisation_id, 'campaigns', count(*) FROM outreach.campaigns GROUP BY 1;" \
    "INSERT INTO tracking.usage SELECT organisation_id, queue, count(*) FROM tracking.jobs WHERE ended_at IS NULL" \
    " GROUP BY 1, 2;"                                                                                              \
    "CREATE TRIGGER crm.prospects_gone AFTER DELETE ON crm.prospects BEGIN"                                        \
    " INSERT INTO tracking.usage VALUES (old.organisation_id, 'prospects', -1)" USAGE_SUM " END;"                  \
    "CREATE TRIGGER outreach.campaigns_gone AFTER DELETE ON outreach.campaigns BEGIN"                              \
    " INSERT INTO tracking.usage VALUES (old.organisation_id, 'campaigns', -1)" USAGE_SUM " END;"                  \
    "DROP TRIGGER tracking.jobs_insert; DROP TRIGGER tracking.jobs_update; DROP TRIGGER tracking.jobs_delete;"     \
    "CREATE TRIGGER tracking.jobs_insert AFTER INSERT ON tracking.jobs BEGIN"                                      \
    " INSERT INTO tracking.queues (queue, live) VALUES (new.queue, 1)"                                             \
    "  ON CONFLICT (queue) DO UPDATE SET live = live + 1;"                                                         \
    " INSERT INTO tracking.usage VALUES (new.organisation_id, new.queue, 1)" USAGE_SUM " END;"                     \
    "CREATE TRIGGER tracking.jobs_update AFTER UPDATE OF ended_at ON tracking.jobs"                                \
    " WHEN old.ended_at IS NOT NULL OR new.ended_at IS NOT NULL BEGIN"                                             \
    " UPDATE tracking.queues SET live = live + (new.ended_at IS NULL) - (old.ended_at IS NULL),"                   \
    "  dead = dead + (new.state = 'dead') - (old.state = 'dead') WHERE queue = new.queue;"                         \
    " INSERT INTO tracking.usage VALUES (new.organisation_id, new.queue,"                                          \
    "  (new.ended_at IS NULL) - (old.ended_at IS NULL))" USAGE_SUM " END;"                                         \
    "CREATE TRIGGER tracking.jobs_delete AFTER DELETE ON tracking.jobs WHEN old.state <> 'done' BEGIN"             \
    " UPDATE tracking.queues SET live = live - (old.ended_at IS NULL), dead = dead - (old.state = 'dead')"         \
    "  WHERE queue = old.queue;"                                                                                   \
    " INSERT INTO tracking.usage VALUES (old.organisation_id, old.queue, -(old.ended_at IS NULL))" USAGE_SUM " END;"

/* Requests with an Idempotency-Key, and their answers: see data/idempotency.h. */
#define IDEMPOTENCY                                                                                                \
    "CREATE TABLE tracking.idempotency (organisation_id BLOB NOT NULL REFERENCES iam.organisations (id),"          \
    " key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT, location TEXT,"          \
    " at INTEGER NOT NULL, owner TEXT, claim BLOB, import_id BLOB, PRIMARY KEY (organisation_id, key),"            \
    " CHECK ((status = 0) = (claim IS NOT NULL)), CHECK ((status = 0) = (answer IS NULL))) STRICT, WITHOUT ROWID;" \
    "CREATE INDEX tracking.idempotency_at ON tracking.idempotency (at);"                                           \
    "CREATE TRIGGER tracking.idempotency_gone AFTER DELETE ON tracking.idempotency BEGIN"                          \
    " INSERT INTO tracking.usage VALUES (old.organisation_id, 'idempotency_keys', -1)" USAGE_SUM " END;"

/* The job that claimed an e-mail last: workers/send.c. */
#define CLAIMS "ALTER TABLE outreach.emails ADD COLUMN job_id BLOB;"

const struct db_migration db_migrations_sqlite[] = {
    {1, "first schema", IAM CRM OUTREACH TRACKING},
    {2, "rates of e-mails", MAIL_RATES},
    {3, "jobs in turn", JOBS},
    {4, "imports in slices", IMPORTS},
    {5, "fates of e-mails", FATES},
    {6, "senders of organisations", SENDERS},
    {7, "suppressions", SUPPRESSIONS},
    {8, "changes of templates", TEMPLATES},
    {9, "what organisations have", USAGE},
    {10, "idempotency keys", IDEMPOTENCY},
    {11, "claims of e-mails", CLAIMS},
    {0, NULL, NULL},
};
