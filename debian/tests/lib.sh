# shellcheck shell=sh
# scrape PROGRAM LINE: starts PROGRAM, reads its port from its first line of output, and looks for LINE in its metrics.
set -eu
cd "$AUTOPKGTEST_TMP"

scrape() {
    mkfifo out
    "$1" >out &
    program=$!
    trap 'kill "$program" 2>/dev/null || :' EXIT
    read -r port <out
    curl --silent --show-error --noproxy '*' --retry 100 --retry-connrefused --retry-delay 1 "http://127.0.0.1:$port/metrics" >page
    kill "$program"
    trap - EXIT
    rm out
    grep -Fx "$2" page || {
        cat page
        exit 1
    }
}
