#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# PostgreSQL's image runs this as the superuser when the data folder is new. Creates the roles of docs/service/security.md, none of them a
# superuser, and the exporter's. Can be run again. The passwords are files in $SECRETS (/run/secrets).
set -eu
secrets=${SECRETS:-/run/secrets}

role() { # NAME FILE
    psql -qX -v ON_ERROR_STOP=1 -v role="$1" -v password="$(cat "$secrets/$2")" --dbname postgres <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I PASSWORD %L', :'role', :'password') \gexec
SQL
}

role ingest_owner postgres_owner_password
role ingest_api postgres_api_password
role ingest_worker postgres_worker_password
role ingest_metrics postgres_metrics_password
psql -qX -v ON_ERROR_STOP=1 --dbname postgres <<'SQL'
SET client_min_messages = warning;
GRANT pg_monitor TO ingest_metrics;
ALTER DATABASE ingest OWNER TO ingest_owner;
REVOKE ALL ON DATABASE ingest FROM PUBLIC;
GRANT CONNECT ON DATABASE ingest TO ingest_api, ingest_worker, ingest_metrics;
SQL
