# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The children of the supervisor. Invariants: every name in `names` has a pid in `pid_of`; a child is a direct child of this
# shell and leads a session of its own, so that Ctrl-C reaches the supervisor alone and the order of stopping is ours.
# bash reaps its children as they end, so /proc/PID is gone as soon as one has ended, and `wait PID` still tells how.
# Reads `logs`, the folder of their logs, and `program` of scripts/stack or scripts/cluster.
# shellcheck disable=SC2154

names=()
declare -A pid_of=() limit_of=() log_of=() may_end=()
hurry=false # a second Ctrl-C: no more patience

# start NAME UID:GID SECONDS COMMAND...: SECONDS it is given to stop. Output goes to $logs/NAME.log, the last run's to .1
start() {
    local name=$1 who=$2 seconds=$3 log=$logs/$1.log launch
    shift 3
    launcher "$who"
    if [[ -s $log ]]; then mv -f "$log" "$log.1"; fi
    # 9 is the lock on var/: a server that outlives us for a moment must not hold it.
    setsid "${launch[@]}" "$@" >"$log" 2>&1 </dev/null 9>&- &
    register "$name" $! "$seconds" "$log"
}

register() {
    names+=("$1")
    pid_of[$1]=$2
    limit_of[$1]=$3
    log_of[$1]=$4
}

running() { [[ -d /proc/${pid_of[$1]} ]]; }

# how_it_ended NAME: "status 1" or "signal KILL".
how_it_ended() {
    local status=0
    wait "${pid_of[$1]}" 2>/dev/null || status=$?
    if ((status > 128 && status < 192)); then
        printf 'signal %s\n' "$(kill -l "$((status - 128))")"
    else
        printf 'status %d\n' "$status"
    fi
}

forget() {
    local name kept=()
    for name in "${names[@]}"; do
        [[ $name == "$1" ]] || kept+=("$name")
    done
    names=("${kept[@]}")
}

# report_dead NAME: one line that says what happened, and the end of its log.
report_dead() {
    warn "$1 (pid ${pid_of[$1]}) has ended with $(how_it_ended "$1"); the end of ${log_of[$1]}:"
    tail -n 15 "${log_of[$1]}" 2>/dev/null | sed 's/^/    /' >&2 || :
}

# check_children: fails after a report when one that must run has ended. One that may end is let go when its status is 0.
check_children() {
    local name how
    for name in "${names[@]}"; do
        running "$name" && continue
        how=$(how_it_ended "$name")
        if [[ -n ${may_end[$name]:-} && $how == 'status 0' ]]; then
            say "${may_end[$name]}"
            forget "$name"
            continue
        fi
        report_dead "$name"
        forget "$name"
        return 1
    done
}

# wait_for WHAT SECONDS COMMAND...: until COMMAND succeeds. A child that dies meanwhile, or time running out, is the end.
wait_for() {
    local what=$1 seconds=$2 deadline
    shift 2
    deadline=$((SECONDS + seconds))
    until "$@"; do
        check_children || exit 1
        if ((SECONDS >= deadline)); then die "$what: not within $seconds s; see $logs/"; fi
        sleep 0.1 || :
    done
}

# supervise: until a child that must run has ended. A signal's trap ends it too, at once: `wait` is the command that
# bash interrupts for it. (`wait -n` on the children would miss one that ended just before.)
supervise() {
    while check_children; do
        sleep 0.5 9>&- &
        wait $! || :
    done
}

# stop_child NAME: SIGTERM, its time limit, SIGKILL. Fails when it did not end by itself, or with a fault.
stop_child() {
    local name=$1 pid=${pid_of[$1]} deadline=$((SECONDS + ${limit_of[$1]})) how
    kill -TERM "$pid" 2>/dev/null || :
    while running "$name"; do
        if $hurry || ((SECONDS >= deadline)); then
            warn "$name (pid $pid) did not stop within ${limit_of[$name]} s and is killed"
            kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || :
            wait "$pid" 2>/dev/null || :
            return 1
        fi
        sleep 0.05 || :
    done
    how=$(how_it_ended "$name")
    # "signal TERM": it was asked before it had come so far as to handle it.
    [[ $how == 'status 0' || $how == 'signal TERM' ]] && return 0
    warn "$name ended with $how; see ${log_of[$name]}"
    return 1
}

# stop_children: the last one started first. Fails when one of them did.
stop_children() {
    local i failed=0
    for ((i = ${#names[@]} - 1; i >= 0; i--)); do
        stop_child "${names[i]}" || failed=1
    done
    names=()
    return "$failed"
}

# ---- the supervisor's own end

# shellcheck disable=SC2317 # reached through the traps
stop_everything() {
    trap 'hurry=true' INT TERM HUP
    trap - EXIT
    local failed=0
    if ((${#names[@]})); then
        say "$program: stopping"
        stop_children || failed=1
    fi
    return "$failed"
}
# shellcheck disable=SC2317
on_signal() {
    stop_everything || exit 1
    say "$program: stopped"
    exit 0
}
# shellcheck disable=SC2317
on_exit() {
    local status=$?
    stop_everything || status=1
    exit "$status"
}

# stop_at_the_end: however this script ends, its children end before it.
stop_at_the_end() {
    trap on_signal INT TERM HUP
    trap on_exit EXIT
    trap : PIPE # a closed pipe fails the one write, see say(); a handler, unlike "ignore", is not inherited
}
