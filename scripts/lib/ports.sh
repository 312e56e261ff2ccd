# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Ports: from the environment, checked before anything starts.

# port NAME DEFAULT: sets the variable NAME to a valid port number or ends with one clear line.
port() {
    local name=$1 value=${!1:-$2}
    if [[ ! $value =~ ^[0-9]{1,5}$ ]] || ((10#$value < 1 || 10#$value > 65535)); then
        die "$name=$value is no port number (1 to 65535)"
    fi
    printf -v "$name" '%d' "$((10#$value))"
}

# listener PORT: who listens there, "prometheus (pid 71)", or "another process" where that is not for us to know;
# fails when nobody does.
listener() {
    local line
    line=$(ss -H -l -t -n -p "sport = :$1" | head -n 1)
    [[ -n $line ]] || return 1
    if [[ $line =~ \(\(\"([^\"]*)\",pid=([0-9]+) ]]; then
        say "${BASH_REMATCH[1]} (pid ${BASH_REMATCH[2]})"
    else
        say "another process (root can see which)"
    fi
}

# require_free_ports NAME...: each variable holds a port; one line a busy one, then the end.
require_free_ports() {
    local name other busy=0 who
    for name; do
        for other; do
            if [[ $name < $other && ${!name} == "${!other}" ]]; then
                warn "$name and $other are both ${!name}; set one of them to another port"
                busy=1
            fi
        done
        if who=$(listener "${!name}"); then
            warn "port ${!name} ($name) is taken by $who; stop it or choose another: $name=NUMBER make ${mode:-run}"
            busy=1
        fi
    done
    ((busy == 0)) || exit 1
}
