#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A misspelt metric, label value, label or type is a compile error that names the misspelt word.
# usage: compile_table.sh INCLUDE_DIR COMPILER [ARG...]
set -euo pipefail

include=$1
shift
source=$(dirname "${BASH_SOURCE[0]}")/compile_table.c
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
failed=0

compile() { # LANGUAGE STANDARD [ARG...]
    local language=$1 standard=$2
    shift 2
    "${compiler[@]}" -x "$language" -std="$standard" -Wall -Wextra -Wshadow -Werror -fsyntax-only -I"$include" "$@" "$source" 2>"$errors"
}

accepted() {
    if ! compile "$@"; then
        printf 'not accepted: %s\n' "$*" && cat "$errors"
        failed=1
    fi
}

refused() { # MACRO WORD
    if compile c gnu11 "-D$1"; then
        printf '%s compiles\n' "$1"
        failed=1
    elif ! grep -q "$2" "$errors"; then
        printf '%s is refused, but not because of %s:\n' "$1" "$2" && cat "$errors"
        failed=1
    fi
}

compiler=("$@")
accepted c c11 -Wpedantic
accepted c gnu11 -Wconversion
refused MISSPELT_METRIC oders
refused MISSPELT_VALUE METHOD_PSOT
refused MISSPELT_LOOKUP RESULT_LSOT
refused MISSPELT_LABEL shop_metod
refused MISSPELT_TYPE 'COUNTR\|type name'
refused MISSPELT_OPEN an_open_label_needs_a_FAMILY_row
refused MISSPELT_UPDATE promc_histogram_observe
refused MISSPELT_SET promc_gauge_set
refused MISSPELT_STATE MODE_OPNE
refused MISSPELT_STATES shop_mod_values

for cxx in g++ clang++; do
    command -v "$cxx" >/dev/null || continue
    compiler=("$cxx")
    accepted c++ c++11 -Wpedantic
    accepted c++ c++20 -Wpedantic
done
exit "$failed"
