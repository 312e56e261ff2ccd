# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Prometheus and Alertmanager as this stack runs them: the files of infra/ with this run's ports, copied to var/ where
# the servers' own user can read them, and checked before the servers see them.
# Reads PORT and its like, launch_mode, prometheus_url, alertmanager_url of scripts/stack or scripts/cluster.
# shellcheck disable=SC2154

# with_ports: the standard addresses in a configuration become this run's.
with_ports() {
    sed -E -e "s/(localhost|127\.0\.0\.1|ingest-api):3000\b/127.0.0.1:$PORT/g" \
        -e "s/(localhost|127\.0\.0\.1|prometheus):9090\b/127.0.0.1:$PROMETHEUS_PORT/g" \
        -e "s/(localhost|127\.0\.0\.1|alertmanager):9093\b/127.0.0.1:$ALERTMANAGER_PORT/g"
}

# render_prometheus DIRECTORY UID:GID: its prometheus.yml, rules/ and targets/. Sets prometheus_flags.
render_prometheus() {
    local to=$1 folder file checked
    mkdir -p "$to/data"
    for folder in rules targets; do
        rm -rf "${to:?}/$folder"
        mkdir -p "$to/$folder"
        for file in infra/prometheus/"$folder"/*.yml; do
            if [[ -f $file ]]; then with_ports <"$file" >"$to/$folder/${file##*/}"; fi
        done
    done
    with_ports <infra/prometheus/prometheus.yml >"$to/prometheus.yml"
    # The rest of its configuration has no place in the file: retention and features, one flag a line.
    mapfile -t prometheus_flags < <(grep -v -E '^[[:space:]]*(#|$)' infra/prometheus/flags)
    grep -q "127\.0\.0\.1:$PORT\b" "$to/prometheus.yml" ||
        die "infra/prometheus/prometheus.yml has no target 127.0.0.1:3000 for this run's port to go to"
    checked=$(promtool check config "$to/prometheus.yml" 2>&1) ||
        die "promtool refuses $to/prometheus.yml (made from infra/prometheus/): $checked"
    hand_over "$2" "$to"
}

# render_alertmanager DIRECTORY UID:GID: its alertmanager.yml, templates/ and secrets/. Secrets are copied from
# $ALERTMANAGER_SECRETS, default var/secrets; a channel without its secret is off, and that is said.
render_alertmanager() {
    local to=$1 from=${ALERTMANAGER_SECRETS:-var/secrets} said checked
    rm -rf "${to:?}/templates" "${to:?}/secrets"
    mkdir -p "$to/templates" "$to/secrets" "$to/data"
    cp infra/alertmanager/templates/*.tmpl "$to/templates/"
    if [[ -d $from ]]; then cp "$from"/* "$to/secrets/"; fi
    chmod -R go= "$to/secrets"
    said=$(scripts/alertmanager-config --secrets "$to/secrets" --secrets-as "$(seen_root)/$to/secrets" \
        --templates templates --out "$to/alertmanager.yml" 2>&1) || die "scripts/alertmanager-config: $said"
    alert_channels=$(sed -n 's/: on$//p' <<<"$said" | paste -s -d , | sed 's/,/, /g')
    checked=$(amtool check-config "$to/alertmanager.yml" 2>&1) ||
        die "amtool refuses $to/alertmanager.yml (made from infra/alertmanager/): $checked"
    hand_over "$2" "$to"
}

hand_over() {
    if [[ $launch_mode != plain ]]; then chown -R -h "$1" "$2"; fi
}

# start_monitoring DIRECTORY UID:GID [COMMAND...]: Alertmanager and Prometheus with their data below DIRECTORY; COMMAND is run
# once Prometheus's files are there, with their folder behind it, to add to them. Needs scripts/lib/children.sh.
start_monitoring() {
    local to=$1 who=$2
    shift 2
    own_directory "$who" "$to/prometheus"
    own_directory "$who" "$to/alertmanager"
    render_alertmanager "$to/alertmanager" "$who"
    render_prometheus "$to/prometheus" "$who"
    if (($#)); then "$@" "$to/prometheus"; fi
    start alertmanager "$who" 60 prometheus-alertmanager \
        --config.file="$to/alertmanager/alertmanager.yml" --storage.path="$to/alertmanager/data" \
        --web.listen-address="127.0.0.1:$ALERTMANAGER_PORT" --web.external-url="$alertmanager_url/" \
        --cluster.listen-address=
    start prometheus "$who" 60 prometheus \
        --config.file="$to/prometheus/prometheus.yml" --storage.tsdb.path="$to/prometheus/data" \
        --web.listen-address="127.0.0.1:$PROMETHEUS_PORT" --web.external-url="$prometheus_url/" \
        "${prometheus_flags[@]}"
}

rules_loaded() {
    get "$prometheus_url/api/v1/rules" | jq -e '[.data.groups[].rules[]] | length > 0' >/dev/null
}
alertmanager_found() {
    get "$prometheus_url/api/v1/alertmanagers" | jq -e '.data.activeAlertmanagers | length > 0' >/dev/null
}
target_up() {
    get "$prometheus_url/api/v1/targets?state=active" |
        jq -e 'any(.data.activeTargets[]; .labels.job == "ingest-api" and .health == "up")' >/dev/null
}
