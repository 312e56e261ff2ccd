# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the stack's scripts share: how they speak. `program` is the name in front of each line.

# The terminal may be gone (hang-up) or the pipe closed; a line that nobody reads must not end the supervisor.
say() { printf '%s\n' "$*" 2>/dev/null || :; }
warn() { printf '%s: %s\n' "${program:-stack}" "$*" >&2 2>/dev/null || :; }
die() {
    warn "$@"
    exit 1
}

# get URL: the body of a 2xx answer within two seconds, or failure. Never through a proxy: everything is on this machine.
get() { curl -fsS --noproxy '*' --max-time 2 "$1" 2>/dev/null; }
