/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of PostgreSQL, as a list of migration steps; the same as SQLite's (see migrations_sqlite.c). A released
 * step is never changed; a new one is added.
 *
 * Row-level security: whatever its queries say, a transaction sees only the rows of the organisation in
 * app.organisation_id (set by db_scope), and no rows if that is not set. "*" (db_scope_all) means all organisations,
 * but only for roles that may execute iam.all_organisations(): the owner, and those named to `ingest-api migrate`. For
 * other roles it matches no organisation. FORCE applies the rules to the owner too. They do not apply to superusers and
 * BYPASSRLS roles; store_open warns about these.
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

/* Sub-selects, so that the functions run once per query and not once per row. */
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

/* Unlike in SQLite's schema the counts are a view: publishers that update the same row would wait for each other. */
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

/*
 * The last write transaction of each connection, written by itself: see find_outcome() in postgres.c. Its row is
 * updated in place thousands of times, so it gets free space for that.
 */
#define COMMITS                                                                        \
    "CREATE TABLE tracking.commits (session uuid PRIMARY KEY, number bigint NOT NULL," \
    " at timestamptz NOT NULL DEFAULT now()) WITH (fillfactor = 10);"

#define MAIL_RATES                                                         \
    "CREATE TABLE outreach.mail_rates ("                                   \
    " organisation_id uuid PRIMARY KEY REFERENCES iam.organisations (id)," \
    " full_at bigint NOT NULL, turn_at bigint NOT NULL) WITH (fillfactor = 10);" ISOLATE("outreach.mail_rates")

/* As in SQLite's schema. */
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

/* As in SQLite's schema. */
#define FATES                                                                                                        \
    "SELECT set_config('app.organisation_id', '*', true);"                                                           \
    "ALTER TABLE outreach.emails DROP CONSTRAINT emails_state_check, ADD COLUMN reason text, ADD COLUMN words text," \
    " ADD COLUMN due_at bigint;"                                                                                     \
    "UPDATE outreach.emails e SET state ="                                                                           \
    " CASE WHEN e.state = 'pending' THEN 'waiting' WHEN e.state = 'sent' THEN 'accepted' WHEN e.state = 'sending' "  \
    "THEN 'sending'"                                                                                                 \
    "  WHEN e.error LIKE 'in doubt:%' THEN 'in_doubt' WHEN e.error LIKE 'not sent:%' THEN 'skipped'"                 \
    "  ELSE 'refused_recipient' END,"                                                                                \
    " reason ="                                                                                                      \
    " CASE WHEN e.state <> 'failed' THEN NULL WHEN e.error LIKE 'in doubt:%' THEN 'no_answer'"                       \
    "  WHEN e.error LIKE 'not sent: no draft%' THEN 'no_draft'"                                                      \
    "  WHEN e.error LIKE 'not sent: the prospect%' THEN 'prospect_invalid'"                                          \
    "  WHEN e.error LIKE 'not sent:%' THEN 'campaign_completed' ELSE 'refused' END;"                                 \
    "ALTER TABLE outreach.emails ADD CONSTRAINT emails_state_check CHECK (state IN ('waiting', 'sending',"           \
    " 'accepted', 'refused_recipient', 'refused_sender', 'in_doubt', 'skipped'));"                                   \
    "DROP INDEX outreach.emails_state;"                                                                              \
    "CREATE INDEX emails_state ON outreach.emails (organisation_id, campaign_id, state, prospect_id);"               \
    "CREATE INDEX emails_in_doubt ON outreach.emails (organisation_id) WHERE state = 'in_doubt';"                    \
    "ALTER TABLE outreach.campaigns ADD COLUMN refusals bigint NOT NULL DEFAULT 0, ADD COLUMN refusal text,"         \
    " ADD COLUMN refusal_words text, ADD COLUMN held_until bigint NOT NULL DEFAULT 0,"                               \
    " ADD COLUMN refused bigint NOT NULL DEFAULT 0;"                                                                 \
    "CREATE INDEX campaigns_refused ON outreach.campaigns (organisation_id) WHERE refused = 1;"

/*
 * Roles (db/roles.h). A role that acts for one organisation at a time must know a few things of the others: the
 * organisation of a key, all organisations' ids, unfinished imports, and the next turn. These functions, which run with
 * their owner's rights, tell it just that.
 */
/* clang-format off: a statement a line */
#define TELL(function, columns, query)                                                           \
    "CREATE FUNCTION " function " RETURNS TABLE (" columns ") LANGUAGE plpgsql SECURITY DEFINER" \
    " SET search_path = pg_catalog AS $$"                                                        \
    " DECLARE before text := coalesce(current_setting('app.organisation_id', true), '');"        \
    " BEGIN PERFORM set_config('app.organisation_id', '*', true); RETURN QUERY " query ";"       \
    " PERFORM set_config('app.organisation_id', before, true); END $$;"
#define REACH                                                                                              \
    "CREATE FUNCTION iam.all_organisations() RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;" \
    "REVOKE ALL ON FUNCTION iam.all_organisations() FROM PUBLIC;"                                          \
    "CREATE OR REPLACE FUNCTION iam.current_scope() RETURNS text LANGUAGE sql STABLE AS"                   \
    " $$ SELECT CASE WHEN current_setting('app.organisation_id', true) = '*'"                              \
    "  AND NOT has_function_privilege('iam.all_organisations()', 'EXECUTE') THEN NULL"                     \
    "  ELSE nullif(current_setting('app.organisation_id', true), '') END $$;"
#define ISOLATE_ORGANISATIONS                                                                   \
    "ALTER TABLE iam.organisations ENABLE ROW LEVEL SECURITY;"                                  \
    "ALTER TABLE iam.organisations FORCE ROW LEVEL SECURITY;"                                   \
    "CREATE POLICY tenant ON iam.organisations USING (id = (SELECT iam.current_organisation())" \
    " OR (SELECT iam.current_scope()) = '*');"
#define ROLES                                                                                                          \
    REACH ISOLATE_ORGANISATIONS ISOLATE("tracking.jobs") ISOLATE("iam.api_keys")                                       \
        TELL("iam.organisation_of_key(hash bytea)", "organisation_id uuid",                                            \
             "SELECT k.organisation_id FROM iam.api_keys k WHERE k.key_hash = hash AND k.revoked_at IS NULL")          \
            TELL("iam.organisation_ids(after uuid)", "id uuid",                                                        \
                 "SELECT o.id FROM iam.organisations o WHERE o.id > after ORDER BY o.id LIMIT 1000")                   \
                TELL("crm.open_imports(most bigint)", "organisation_id uuid, id uuid, owner text, touched_at bigint",  \
                     "SELECT i.organisation_id, i.id, i.owner, i.touched_at FROM crm.imports i LIMIT most")            \
                    TELL("tracking.first_turn(of_queue text)", "turn bigint",                                          \
                         "SELECT j.turn FROM tracking.jobs j WHERE j.queue = of_queue AND j.state = 'ready' ORDER BY " \
                         "j.turn LIMIT 1")
/* clang-format on */

#define SENDERS "ALTER TABLE iam.organisations ADD COLUMN mail_from text;"

/* As in SQLite's schema. */
#define SUPPRESSIONS                                                                                        \
    "CREATE TABLE outreach.suppressions (organisation_id uuid NOT NULL REFERENCES iam.organisations (id),"  \
    " id uuid NOT NULL, hash bytea NOT NULL CHECK (length(hash) = 32), address text, reason text NOT NULL," \
    " created_at bigint NOT NULL, PRIMARY KEY (organisation_id, id));"                                      \
    "CREATE UNIQUE INDEX suppressions_hash ON outreach.suppressions (organisation_id, hash);"               \
    "CREATE INDEX emails_prospect ON outreach.emails (organisation_id, prospect_id);"                       \
    "CREATE INDEX drafts_prospect ON outreach.drafts (organisation_id, prospect_id);"                       \
    "CREATE TABLE iam.secrets (name text PRIMARY KEY, value text NOT NULL);" ISOLATE("outreach.suppressions")

#define TEMPLATES "ALTER TABLE outreach.campaigns ADD COLUMN templates_at bigint NOT NULL DEFAULT 0;"

/* As in SQLite's schema; but with one row per change, so that no writer waits for another (data/usage.h). */
#define USAGE                                                                                                       \
    "SELECT set_config('app.organisation_id', '*', true);"                                                          \
    "CREATE TABLE tracking.usage (organisation_id uuid NOT NULL, what text NOT NULL, used bigint NOT NULL);"        \
    "CREATE INDEX usage_what ON tracking.usage (organisation_id, what);"                                            \
    "INSERT INTO tracking.usage SELECT organisation_id, 'prospects', count(*) FROM crm.prospects GROUP BY 1;"       \
    "INSERT INTO tracking.usage SELECT organisation_id, 'campaigns', count(*) FROM outreach.campaigns GROUP BY 1;"  \
    "INSERT INTO tracking.usage SELECT organisation_id, queue, count(*) FROM tracking.jobs WHERE ended_at IS NULL"  \
    " GROUP BY 1, 2;"                                                                                               \
    "CREATE FUNCTION tracking.row_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"                              \
    " INSERT INTO tracking.usage VALUES (old.organisation_id, tg_argv[0], -1); RETURN NULL; END $$;"                \
    "CREATE TRIGGER prospects_gone AFTER DELETE ON crm.prospects"                                                   \
    " FOR EACH ROW EXECUTE FUNCTION tracking.row_gone('prospects');"                                                \
    "CREATE TRIGGER campaigns_gone AFTER DELETE ON outreach.campaigns"                                              \
    " FOR EACH ROW EXECUTE FUNCTION tracking.row_gone('campaigns');"                                                \
    "CREATE FUNCTION tracking.jobs_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"                            \
    " INSERT INTO tracking.usage SELECT organisation_id, queue, count(*) FROM added WHERE ended_at IS NULL"         \
    "  GROUP BY 1, 2; RETURN NULL; END $$;"                                                                         \
    "CREATE FUNCTION tracking.job_ended() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"                             \
    " INSERT INTO tracking.usage VALUES (old.organisation_id, old.queue, tg_argv[0]::bigint); RETURN NULL; END $$;" \
    "CREATE TRIGGER jobs_added AFTER INSERT ON tracking.jobs REFERENCING NEW TABLE AS added"                        \
    " FOR EACH STATEMENT EXECUTE FUNCTION tracking.jobs_added();"                                                   \
    "CREATE TRIGGER jobs_ended AFTER UPDATE OF ended_at ON tracking.jobs FOR EACH ROW"                              \
    " WHEN (old.ended_at IS NULL AND new.ended_at IS NOT NULL) EXECUTE FUNCTION tracking.job_ended('-1');"          \
    "CREATE TRIGGER jobs_revived AFTER UPDATE OF ended_at ON tracking.jobs FOR EACH ROW"                            \
    " WHEN (old.ended_at IS NOT NULL AND new.ended_at IS NULL) EXECUTE FUNCTION tracking.job_ended('1');"           \
    "CREATE TRIGGER jobs_gone AFTER DELETE ON tracking.jobs FOR EACH ROW"                                           \
    " WHEN (old.ended_at IS NULL) EXECUTE FUNCTION tracking.job_ended('-1');" ISOLATE("tracking.usage")

#define IDEMPOTENCY                                                                                       \
    "CREATE TABLE tracking.idempotency (organisation_id uuid NOT NULL REFERENCES iam.organisations (id)," \
    " key text NOT NULL, fingerprint text NOT NULL, status bigint NOT NULL, answer text, location text,"  \
    " at bigint NOT NULL, owner text, claim uuid, import_id uuid, PRIMARY KEY (organisation_id, key),"    \
    " CHECK ((status = 0) = (claim IS NOT NULL)), CHECK ((status = 0) = (answer IS NULL)));"              \
    "CREATE INDEX idempotency_at ON tracking.idempotency (at);"                                           \
    "CREATE TRIGGER idempotency_gone AFTER DELETE ON tracking.idempotency"                                \
    " FOR EACH ROW EXECUTE FUNCTION tracking.row_gone('idempotency_keys');" ISOLATE("tracking.idempotency")

/* Lists of ids are written once and read once; compressing them took a sixth of the server's time for an import. */
#define UNPACKED                                                            \
    "ALTER TABLE crm.import_slices ALTER COLUMN undo SET STORAGE EXTERNAL;" \
    "ALTER TABLE tracking.jobs ALTER COLUMN payload SET STORAGE EXTERNAL;"

#define CLAIMS "ALTER TABLE outreach.emails ADD COLUMN job_id uuid;"

const struct db_migration db_migrations_postgres[] = {
    {1, "first schema", IAM CRM OUTREACH TRACKING},
    {2, "outcome of a commit", COMMITS},
    {3, "rates of e-mails", MAIL_RATES},
    {4, "jobs in turn", JOBS},
    {5, "imports in slices", IMPORTS},
    {6, "fates of e-mails", FATES},
    {7, "roles", ROLES},
    {8, "senders of organisations", SENDERS},
    {9, "suppressions", SUPPRESSIONS},
    {10, "changes of templates", TEMPLATES},
    {11, "what organisations have", USAGE},
    {12, "idempotency keys", IDEMPOTENCY},
    {13, "texts that are not packed", UNPACKED},
    {14, "claims of e-mails", CLAIMS},
    {0, NULL, NULL},
};

/*
 * Run before the table of migrations is read. The lock is for servers that start at the same time; "*" because a step
 * may rewrite the rows of all organisations.
 */
const char *const db_prologue_postgres = "SELECT pg_advisory_xact_lock(7231904518),"
                                         " set_config('app.organisation_id', '*', true);" SCHEMAS;
