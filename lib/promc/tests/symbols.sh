#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every symbol that a shared or static library exports starts with promc_, so that it cannot clash with another library's (except the thunks
# of gcc on i386). No two archives have a symbol of the same name, so that a program can link all of them. No library needs libatomic.
#
#   symbols.sh LIBRARY...
set -eu
defined=
for library in "$@"; do
    case $library in
    *.a) symbols=$(nm -g --defined-only "$library" 2>/dev/null | awk 'NF == 3 { print $3 }' | grep -v '^__x86\.get_pc_thunk\.') defined="$defined
$symbols" ;;
    *) symbols=$(nm -D --defined-only "$library" | awk 'NF == 3 { print $3 }') ;;
    esac
    [ -n "$symbols" ] || { echo "symbols.sh: $library shows nothing" >&2; exit 1; }
    atomic=$(nm -u "$library" 2>/dev/null | awk '$NF ~ /^__atomic_/ { print $NF }')
    [ -z "$atomic" ] || { echo "symbols.sh: $library calls" "$atomic" >&2; exit 1; }
    strange=$(printf '%s\n' "$symbols" | grep -v '^promc_' || true)
    [ -z "$strange" ] || { echo "symbols.sh: $library shows" "$strange" >&2; exit 1; }
done
twice=$(printf '%s\n' "$defined" | grep . | sort | uniq -d)
[ -z "$twice" ] || { echo "symbols.sh: in two archives:" "$twice" >&2; exit 1; }
