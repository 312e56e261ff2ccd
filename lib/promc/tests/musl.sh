#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The library with musl, warnings as errors, and a program that uses what differs between C libraries: threads, fork, a shared arena.
#
#   musl.sh LIBRARY-SOURCE GENERATED-HEADERS...
set -eu
source=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
includes=
for folder in "$@"; do
    includes="$includes -I$folder"
done
# shellcheck disable=SC2086
musl-gcc -static -std=gnu11 -O1 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$source/include" -I"$source/src" $includes \
    $(find "$source/src" -name '*.c' ! -name 'gen_*') "$source/tests/musl.c" -o "$work/smoke" -lm
"$work/smoke" "$work/arena"
