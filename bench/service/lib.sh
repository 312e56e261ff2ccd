# SPDX-License-Identifier: Apache-2.0
# Shared by the parts of the service's benchmark: servers, load, results. Sourced; $work is the scratch directory and
# $results the file to which `record` appends `KEY VALUE` lines; the report takes each key's median.
# shellcheck shell=bash disable=SC2034,SC2154 # the parts use the variables set here; $work, $results, $binary are from service/run

seconds=${SECONDS_EACH:-4} rounds=${ROUNDS:-3} connections=${CONNECTIONS:-16} rows=${ROWS:-100000} port=${PORT:-20390}
url=http://127.0.0.1:$port
export REPORT=$PWD/bench/service/report.lua
pid=

say() { printf 'bench-service: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}
record() { printf '%s %s\n' "$1" "$2" >>"$results"; }

# stop PID: a server of ours
stop() {
    if [ -n "$1" ] && kill "$1" 2>/dev/null; then wait "$1" 2>/dev/null || true; fi
    [ "$1" != "$pid" ] || pid=
}

wait_ready() { # LOG [URL]
    for _ in $(seq 1200); do
        curl -sf -o /dev/null "${2:-$url}/health" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 5 "$1" >&2
    die "a server did not get ready; its last lines are above ($1)"
}

# new_key DATA: an organisation's key, in the store that STORE names
new_key() {
    mkdir -p "$1"
    DATA_DIR=$1 "$binary" org create benchmark | sed -n 's/.*"api_key": *"\([^"]*\)".*/\1/p'
}

# start_ingest_api DATA [WRAPPER...]: API role only, since Express has no workers; it logs to a file, like Express
start_ingest_api() {
    local data=$1
    shift
    PORT=$port DATA_DIR=$data "$@" "$binary" --role=api >"$data/ingest-api.log" 2>&1 &
    pid=$!
    wait_ready "$data/ingest-api.log"
}

start_express() { # DATA
    NODE_ENV=production API_KEY=$KEY PORT=$port DATA_DIR=$1 node bench/peers/express/server.js >"$1/express.log" 2>&1 &
    pid=$!
    wait_ready "$1/express.log"
}

cpu_seconds() { # user and system time of $pid; the name in brackets may contain blanks
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$pid/stat"
}

# mib FIELD: VmRSS (resident now), VmHWM (its maximum), RssAnon (without mapped files): in these each page counts fully, even
# if other processes map it too, as a library's. Pss: a page that n processes map counts as 1/n
mib() { awk -v field="$1:" '$1 == field { print $2 / 1024 }' "/proc/$pid/status" "/proc/$pid/smaps_rollup"; }

# run_wrk SECONDS ARGUMENTS...: sets requests, took, p50, p99 (us); a failed request fails the benchmark
run_wrk() {
    local line errors
    line=$(wrk -t1 --timeout 30s -d"${1}s" "${@:2}" | grep '^RESULT') || die "wrk failed: ${*:2}"
    read -r _ requests took p50 p99 errors <<<"$line"
    [ "$errors" -eq 0 ] || die "$errors of $requests requests failed: ${*:2}"
}

# load PREFIX ARGUMENTS...: warm up, then measure; records PREFIX.rps .p50 .p99 .cpu (s per 1,000 requests) .rss (MiB)
load() {
    local prefix=$1 before after
    shift
    RUN=warm run_wrk 1 -c"$connections" "$@"
    before=$(cpu_seconds)
    run_wrk "$seconds" -c"$connections" "$@"
    after=$(cpu_seconds)
    record "$prefix.rps" "$(awk -v n="$requests" -v t="$took" 'BEGIN { print n / t }')"
    record "$prefix.p50" "$p50"
    record "$prefix.p99" "$p99"
    record "$prefix.cpu" "$(awk -v a="$before" -v b="$after" -v n="$requests" 'BEGIN { print (b - a) * 1000 / n }')"
    record "$prefix.rss" "$(mib VmRSS)"
}

# make_csv FILE ROWS PREFIX: like a customer's file, with the addresses in random order
make_csv() {
    awk -v rows="$2" -v prefix="$3" 'BEGIN {
        print "email,first_name,last_name,company,title,country"
        for (i = 0; i < rows; i++) {
            n = i * 7919 % 1000003
            printf "%s.%d@company%d.example.com,Ada%d,Lovelace%d,Analytical Engines %d,Countess,GB\n", prefix, n, n % 5000, n % 977, n % 1313, n % 5000
        }
    }' >"$1"
}

# import_csv PREFIX FILE ROWS: records PREFIX.rows (rows/s)
import_csv() {
    local answer
    answer=$(curl -sS -o "$work/answer" -w '%{http_code} %{time_total}' -H "Authorization: Bearer $KEY" \
        -H 'Content-Type: text/csv' --data-binary @"$2" "$url/api/v1/prospects/import")
    if [ "${answer%% *}" != 200 ] || ! grep -q "\"imported\":$3," "$work/answer"; then
        die "an import of $3 rows failed: $answer $(head -c 300 "$work/answer")"
    fi
    record "$1.rows" "$(awk -v n="$3" -v t="${answer##* }" 'BEGIN { print n / t }')"
}
