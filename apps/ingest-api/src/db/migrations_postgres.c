/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of PostgreSQL, as the steps that lead to it; the same as SQLite's (migrations_sqlite.c), which see. A step that
 * was released is never changed; a new one is added.
 *
 * Row-level security: a transaction sees the rows of the organisation in app.organisation_id (set by db_scope) and no
 * others, whatever its queries say; without it, none. "*" (db_scope_all) is for what runs on no tenant's behalf. FORCE:
 * the owner too. Superusers and BYPASSRLS roles are not held by it; store_open warns of them.
 */
#include "db/postgres_internal.h"

#define SCHEMAS                                                         \
    "CREATE SCHEMA IF NOT EXISTS iam; CREATE SCHEMA IF NOT EXISTS crm;" \
    "CREATE SCHEMA IF NOT EXISTS outreach; CREATE SCHEMA IF NOT EXISTS tracking;"

#define IAM                                                                                                 \
    "CREATE TABLE iam.organisations (id uuid PRIMARY KEY, name text NOT NULL, created_at bigint NOT NULL);" \
    "CREATE TABLE iam.api_keys ("                                                                           \
    " key_hash bytea PRIMARY KEY CHECK (length(key_hash) = 32),"                                            \
    " organisation_id uuid NOT NULL REFERENCES iam.organisations (id),"                                     \
    " created_at bigint NOT NULL, revoked_at bigint);"                                                      \
    "CREATE FUNCTION iam.current_scope() RETURNS text LANGUAGE sql STABLE AS"                               \
    " $$ SELECT nullif(current_setting('app.organisation_id', true), '') $$;"                               \
    "CREATE FUNCTION iam.current_organisation() RETURNS uuid LANGUAGE sql STABLE AS"                        \
    " $$ SELECT nullif(iam.current_scope(), '*')::uuid $$;"

/* Sub-selects, so that the functions run once a query and not once a row. */
#define ISOLATE(table)                                                                                 \
    "ALTER TABLE " table " ENABLE ROW LEVEL SECURITY; ALTER TABLE " table " FORCE ROW LEVEL SECURITY;" \
    "CREATE POLICY tenant ON " table " USING (organisation_id = (SELECT iam.current_organisation())"   \
    " OR (SELECT iam.current_scope()) = '*');"

#define CRM                                                                                                          \
    "CREATE TABLE crm.prospects ("                                                                                   \
    " organisation_id uuid NOT NULL REFERENCES iam.organisations (id), id uuid NOT NULL,"                            \
    " email text NOT NULL, first_name text, last_name text, company text, title text, phone text, website text,"     \
    " country text, custom text,"                                                                                    \
    " status text NOT NULL DEFAULT 'imported' CHECK (status IN ('imported', 'validated', 'invalid', 'researched'))," \
    " status_reason text, research text, created_at bigint NOT NULL, updated_at bigint NOT NULL,"                    \
    " PRIMARY KEY (organisation_id, id));"                                                                           \
    "CREATE UNIQUE INDEX prospects_email ON crm.prospects (organisation_id, email);"                                 \
    "CREATE INDEX prospects_status ON crm.prospects (organisation_id, status, id) WHERE status <> "                  \
    "'imported';" ISOLATE("crm.prospects")

#define OUTREACH                                                                                               \
    "CREATE TABLE outreach.campaigns ("                                                                        \
    " organisation_id uuid NOT NULL REFERENCES iam.organisations (id), id uuid NOT NULL,"                      \
    " name text NOT NULL, subject_template text NOT NULL, body_template text NOT NULL,"                        \
    " status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'paused', 'completed')),"      \
    " created_at bigint NOT NULL, started_at bigint, completed_at bigint,"                                     \
    " PRIMARY KEY (organisation_id, id));"                                                                     \
    "CREATE INDEX campaigns_active ON outreach.campaigns (organisation_id) WHERE status = 'active';"           \
    "CREATE TABLE outreach.drafts ("                                                                           \
    " organisation_id uuid NOT NULL, campaign_id uuid NOT NULL, prospect_id uuid NOT NULL,"                    \
    " state text NOT NULL CHECK (state IN ('generated', 'failed')),"                                           \
    " subject text, body text, error text, created_at bigint NOT NULL,"                                        \
    " PRIMARY KEY (organisation_id, campaign_id, prospect_id),"                                                \
    " FOREIGN KEY (organisation_id, campaign_id) REFERENCES outreach.campaigns (organisation_id, id),"         \
    " FOREIGN KEY (organisation_id, prospect_id) REFERENCES crm.prospects (organisation_id, id));"             \
    "CREATE INDEX drafts_state ON outreach.drafts (organisation_id, campaign_id, state, prospect_id);"         \
    "CREATE TABLE outreach.emails ("                                                                           \
    " organisation_id uuid NOT NULL, campaign_id uuid NOT NULL, prospect_id uuid NOT NULL, id uuid NOT NULL,"  \
    " state text NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'failed')),"                          \
    " attempts bigint NOT NULL DEFAULT 0, error text, created_at bigint NOT NULL, updated_at bigint NOT NULL," \
    " sent_at bigint,"                                                                                         \
    " PRIMARY KEY (organisation_id, campaign_id, prospect_id),"                                                \
    " FOREIGN KEY (organisation_id, campaign_id) REFERENCES outreach.campaigns (organisation_id, id),"         \
    " FOREIGN KEY (organisation_id, prospect_id) REFERENCES crm.prospects (organisation_id, id));"             \
    "CREATE INDEX emails_state ON outreach.emails (organisation_id, campaign_id, state);" ISOLATE(             \
        "outreach.campaigns") ISOLATE("outreach.drafts") ISOLATE("outreach.emails")

/* The counts are a view here: a row that every publisher updates would make them wait for each other. */
#define TRACKING                                                                                                    \
    "CREATE TABLE tracking.jobs ("                                                                                  \
    " id uuid PRIMARY KEY, queue text NOT NULL, organisation_id uuid NOT NULL, request_id text,"                    \
    " idempotency_key text, payload text NOT NULL, state bigint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),"  \
    " attempt bigint NOT NULL DEFAULT 0, due_at bigint NOT NULL, owner text, error text,"                           \
    " created_at bigint NOT NULL) WITH (fillfactor = 70);"                                                          \
    "CREATE UNIQUE INDEX jobs_key ON tracking.jobs (queue, idempotency_key) WHERE idempotency_key IS NOT NULL;"     \
    "CREATE INDEX jobs_ready ON tracking.jobs (queue, due_at, id) WHERE state = 0;"                                 \
    "CREATE INDEX jobs_leased ON tracking.jobs (queue, due_at) WHERE state = 1;"                                    \
    "CREATE INDEX jobs_done ON tracking.jobs (due_at) WHERE state = 2;"                                             \
    "CREATE INDEX jobs_dead ON tracking.jobs (queue) WHERE state = 3;"                                              \
    "CREATE VIEW tracking.queues AS SELECT q.queue,"                                                                \
    " (SELECT count(*) FROM tracking.jobs j WHERE j.queue = q.queue AND j.state = 0)"                               \
    " + (SELECT count(*) FROM tracking.jobs j WHERE j.queue = q.queue AND j.state = 1) AS live,"                    \
    " (SELECT count(*) FROM tracking.jobs j WHERE j.queue = q.queue AND j.state = 3) AS dead"                       \
    " FROM (VALUES ('prospect.validate'), ('prospect.research'), ('draft.generate'), ('email.send')) AS q (queue);" \
    "CREATE TABLE tracking.health (id bigint PRIMARY KEY CHECK (id = 1), checked_at bigint NOT NULL);"

/* The last write transaction of each connection, written by itself: see find_outcome() in postgres.c. Its row is updated in
 * place a thousand times, so it is given room for that. */
#define COMMITS                                                                        \
    "CREATE TABLE tracking.commits (session uuid PRIMARY KEY, number bigint NOT NULL," \
    " at timestamptz NOT NULL DEFAULT now()) WITH (fillfactor = 10);"

#define MAIL_RATES                                                         \
    "CREATE TABLE outreach.mail_rates ("                                   \
    " organisation_id uuid PRIMARY KEY REFERENCES iam.organisations (id)," \
    " full_at bigint NOT NULL, turn_at bigint NOT NULL) WITH (fillfactor = 10);" ISOLATE("outreach.mail_rates")

/* As SQLite's, which see. */
#define JOBS                                                                                                        \
    "CREATE TABLE tracking.jobs_new ("                                                                              \
    " id uuid PRIMARY KEY, queue text NOT NULL, organisation_id uuid NOT NULL, request_id text,"                    \
    " idempotency_key text, payload text NOT NULL, state text NOT NULL CHECK (state IN"                             \
    " ('delayed', 'ready', 'relaying', 'handed', 'leased', 'done', 'dead')), turn bigint NOT NULL DEFAULT 0,"       \
    " attempt bigint NOT NULL DEFAULT 0, due_at bigint NOT NULL, lease_until bigint, handed_at bigint,"             \
    " ended_at bigint, owner text, error text, created_at bigint NOT NULL,"                                         \
    " CHECK ((lease_until IS NOT NULL) = (state IN ('relaying', 'leased'))),"                                       \
    " CHECK ((handed_at IS NOT NULL) = (state = 'handed')),"                                                        \
    " CHECK ((ended_at IS NOT NULL) = (state IN ('done', 'dead')))) WITH (fillfactor = 70);"                        \
    "INSERT INTO tracking.jobs_new SELECT id, queue, organisation_id, request_id, idempotency_key, payload,"        \
    " CASE WHEN state = 0 THEN CASE WHEN due_at > extract(epoch FROM now()) * 1000 THEN 'delayed' ELSE 'ready' END" \
    "  WHEN state = 2 THEN 'done' WHEN state = 3 THEN 'dead' WHEN due_at < 0 THEN 'handed'"                         \
    "  WHEN owner LIKE '%:relay' THEN 'relaying' ELSE 'leased' END,"                                                \
    " row_number() OVER (PARTITION BY queue, organisation_id, state ORDER BY due_at, id), attempt,"                 \
    " CASE WHEN state = 0 THEN due_at WHEN state = 1 AND due_at < 0 THEN -due_at ELSE created_at END,"              \
    " CASE WHEN state = 1 AND due_at >= 0 THEN due_at END, CASE WHEN state = 1 AND due_at < 0 THEN -due_at END,"    \
    " CASE WHEN state > 1 THEN due_at END, CASE WHEN state = 1 AND due_at >= 0 THEN owner END, error, created_at"   \
    " FROM tracking.jobs;"                                                                                          \
    "DROP VIEW tracking.queues; DROP TABLE tracking.jobs;"                                                          \
    "ALTER TABLE tracking.jobs_new RENAME TO jobs; ALTER INDEX tracking.jobs_new_pkey RENAME TO jobs_pkey;"         \
    "CREATE UNIQUE INDEX jobs_key ON tracking.jobs (queue, idempotency_key) WHERE idempotency_key IS NOT NULL;"     \
    "CREATE INDEX jobs_turn ON tracking.jobs (queue, turn, id) WHERE state = 'ready';"                              \
    "CREATE INDEX jobs_organisation ON tracking.jobs (queue, organisation_id, turn) WHERE state = 'ready';"         \
    "CREATE INDEX jobs_delayed ON tracking.jobs (queue, due_at) WHERE state = 'delayed';"                           \
    "CREATE INDEX jobs_held ON tracking.jobs (queue, lease_until) WHERE lease_until IS NOT NULL;"                   \
    "CREATE INDEX jobs_handed ON tracking.jobs (queue, handed_at) WHERE handed_at IS NOT NULL;"                     \
    "CREATE INDEX jobs_done ON tracking.jobs (ended_at) WHERE state = 'done';"                                      \
    "CREATE INDEX jobs_dead ON tracking.jobs (queue) WHERE state = 'dead';"                                         \
    "CREATE VIEW tracking.queues AS SELECT q.queue,"                                                                \
    " (SELECT count(*) FROM tracking.jobs j WHERE j.queue = q.queue AND j.state = 'ready')"                         \
    " + (SELECT count(*) FROM tracking.jobs j WHERE j.queue = q.queue AND j.state = 'delayed')"                     \
    " + (SELECT count(*) FROM tracking.jobs j WHERE j.queue = q.queue AND j.lease_until IS NOT NULL)"               \
    " + (SELECT count(*) FROM tracking.jobs j WHERE j.queue = q.queue AND j.handed_at IS NOT NULL) AS live,"        \
    " (SELECT count(*) FROM tracking.jobs j WHERE j.queue = q.queue AND j.state = 'dead') AS dead"                  \
    " FROM (VALUES ('prospect.validate'), ('prospect.research'), ('draft.generate'), ('email.send')) AS q (queue);"

#define IMPORTS                                                                                                      \
    "CREATE TABLE crm.imports (organisation_id uuid NOT NULL REFERENCES iam.organisations (id), id uuid NOT NULL,"   \
    " owner text NOT NULL, touched_at bigint NOT NULL, PRIMARY KEY (organisation_id, id));"                          \
    "CREATE TABLE crm.import_slices (organisation_id uuid NOT NULL, import_id uuid NOT NULL, slice bigint NOT NULL," \
    " undo text NOT NULL, PRIMARY KEY (organisation_id, import_id, slice));" ISOLATE("crm.imports")                  \
        ISOLATE("crm.import_slices")

const struct db_migration db_migrations_postgres[] = {
    {1, "first schema", IAM CRM OUTREACH TRACKING},
    {2, "outcome of a commit", COMMITS},
    {3, "rates of e-mails", MAIL_RATES},
    {4, "jobs in turn", JOBS},
    {5, "imports in slices", IMPORTS},
    {0, NULL, NULL},
};

/* Before the table of the migrations itself, and under its lock: two servers may start at once. */
const char *const db_prologue_postgres = "SELECT pg_advisory_xact_lock(7231904518);" SCHEMAS;
