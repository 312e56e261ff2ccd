# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# PostgreSQL and RabbitMQ of `make cluster`: Debian's programs with data of their own below $data, on 127.0.0.1 alone, their
# passwords made once. $data/secrets/store and $data/secrets/queue are what STORE_FILE and QUEUE_FILE take.
# Reads data, logs, the ports and users of scripts/cluster; needs the rest of scripts/lib.
# shellcheck disable=SC2154

rabbitmq_server=/usr/lib/rabbitmq/bin/rabbitmq-server

find_backends() {
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    postgres_bin=${found%/initdb}
    [[ -x $postgres_bin/postgres ]] || die "PostgreSQL's server is not installed; run make setup"
    [[ -x $rabbitmq_server ]] || die "RabbitMQ's server is not installed; run make setup"
}

# secret FILE: the password in it, made at the first call.
secret() {
    [[ -s $1 ]] || (umask 077 && head -c 24 /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_' >"$1")
    cat "$1"
}

# keep_secret NAME TEXT: for the service alone.
keep_secret() {
    own_directory "$api_user" "$data/secrets"
    (umask 077 && printf '%s' "$2" >"$data/secrets/$1")
    hand_over "$api_user" "$data/secrets"
}

# ---- PostgreSQL

start_postgres() {
    local launch said to=$data/postgres
    ((EUID)) || [[ $launch_mode != plain ]] || die "PostgreSQL refuses to run as root: put the checkout where others may read it"
    own_directory "$postgres_user" "$to"
    launcher "$postgres_user"
    if [[ ! -s $to/data/PG_VERSION ]]; then
        secret "$to/superuser" >/dev/null
        hand_over "$postgres_user" "$to"
        said=$("${launch[@]}" "$postgres_bin/initdb" -D "$to/data" -U postgres --pwfile "$to/superuser" -A scram-sha-256 -E UTF8 \
            --locale=C 2>&1 9>&-) || die "initdb: $said"
    fi
    start postgres "$postgres_user" 60 "$postgres_bin/postgres" -D "$to/data" -c port="$POSTGRES_PORT" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c shared_buffers=128MB
}

# sql TEXT: as the superuser.
sql() {
    PGPASSWORD=$(<"$data/postgres/superuser") "$postgres_bin/psql" -qAtX -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$POSTGRES_PORT" \
        -U postgres -d postgres -c "$1" 9>&-
}
postgres_answers() { "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_PORT"; }

# The service's role is no superuser: row-level security holds it.
wait_for_postgres() {
    local password
    wait_for "PostgreSQL ready" 180 postgres_answers
    password=$(secret "$data/postgres/ingest")
    if [[ -z $(sql "SELECT 1 FROM pg_roles WHERE rolname = 'ingest'") ]]; then
        sql "CREATE ROLE ingest LOGIN PASSWORD '$password'"
    fi
    if [[ -z $(sql "SELECT 1 FROM pg_database WHERE datname = 'ingest'") ]]; then sql "CREATE DATABASE ingest OWNER ingest"; fi
    keep_secret store "postgres://ingest:$password@127.0.0.1:$POSTGRES_PORT/ingest"
}

# ---- RabbitMQ

start_rabbitmq() {
    local to=$data/rabbitmq there password environment
    own_directory "$rabbitmq_user" "$to"
    there=$(seen_root)/$to # Erlang wants whole paths, as the server sees them
    password=$(secret "$to/password")
    (umask 077 && cat >"$to/rabbitmq.conf") <<END
listeners.tcp.default = 127.0.0.1:$RABBITMQ_PORT
default_user = ingest
default_pass = $password
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $RABBITMQ_METRICS_PORT
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 50MB
END
    printf '[rabbitmq_prometheus].\n' >"$to/enabled_plugins"
    hand_over "$rabbitmq_user" "$to"
    environment=(HOME="$there" RUNNING_UNDER_SYSTEMD=1 RABBITMQ_NODENAME=ingest@localhost RABBITMQ_CONFIG_FILE="$there/rabbitmq.conf"
        RABBITMQ_MNESIA_BASE="$there/mnesia" RABBITMQ_LOG_BASE="$there" RABBITMQ_LOGS=- RABBITMQ_PID_FILE="$there/pid"
        RABBITMQ_ENABLED_PLUGINS_FILE="$there/enabled_plugins" RABBITMQ_DIST_PORT="$RABBITMQ_DIST_PORT"
        RABBITMQ_CONF_ENV_FILE="$there/none" RABBITMQ_ADVANCED_CONFIG_FILE="$there/none"
        ERL_EPMD_PORT="$EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none")
    # Erlang would start its port mapper by itself, and leave it behind.
    start epmd "$rabbitmq_user" 10 epmd -port "$EPMD_PORT" -address 127.0.0.1
    start rabbitmq "$rabbitmq_user" 60 env "${environment[@]}" "$rabbitmq_server"
    keep_secret queue "amqp://ingest:$password@127.0.0.1:$RABBITMQ_PORT/%2f"
}

# The plug-in that shows the metrics is there as soon as the broker is.
rabbitmq_answers() { get "http://127.0.0.1:$RABBITMQ_METRICS_PORT/metrics" >/dev/null && listener "$RABBITMQ_PORT" >/dev/null; }
wait_for_rabbitmq() { wait_for "RabbitMQ ready" 180 rabbitmq_answers; }
