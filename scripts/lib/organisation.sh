# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# An organisation to try the service with.
# Reads `key_file`, `ingest_api`, `api_url`, `logs`, `program` of scripts/stack or scripts/cluster, and the environment that
# ingest-api reads.
# shellcheck disable=SC2154

# organisation UID:GID: sets organisation_id and api_key: those of the first run as long as the store knows the key.
organisation() {
    local launch answer
    if [[ -s $key_file ]]; then
        # shellcheck source=/dev/null
        . "$key_file"
        [[ $(key_status) != 401 ]] && return 0
        say "$program: the store does not know the key in $key_file; making a new organisation"
    fi
    launcher "$1"
    answer=$("${launch[@]}" "$ingest_api" org create "Demo organisation" 9>&- 2>"$logs/org-create.log") ||
        die "ingest-api org create failed: $(tail -n 3 "$logs/org-create.log")"
    organisation_id=$(jq -r .organisation_id <<<"$answer")
    api_key=$(jq -r .api_key <<<"$answer")
    [[ -n $api_key && $api_key != null ]] || die "ingest-api org create printed no key"
    (umask 077 && printf 'organisation_id=%q\napi_key=%q\n' "$organisation_id" "$api_key" >"$key_file")
    [[ $(key_status) == 200 ]] || die "the key that ingest-api org create has made is not accepted"
}

key_status() {
    curl -sS --noproxy '*' -o /dev/null -w '%{http_code}' --max-time 10 \
        -H @- "$api_url/api/v1/prospects?limit=1" <<<"Authorization: Bearer $api_key" || :
}

# show_trial: the lines to try, for another terminal.
show_trial() {
    local try="curl -sS -H 'Authorization: Bearer $api_key'"
    say "
Try, in another terminal:
$try -H 'Content-Type: text/csv' --data-binary @'$PWD/examples/prospects.csv' '$api_url/api/v1/prospects/import'
$try '$api_url/api/v1/prospects?limit=3'
$try -H 'Content-Type: application/json' -d '{\"name\": \"First campaign\", \"subject_template\": \"Hello {{first_name}}\", \"body_template\": \"A word about {{company}}?\"}' '$api_url/api/v1/campaigns'

Ctrl-C stops everything."
}
