#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Several plugins that contain promc, in one process: static TLS is enough for five, and each uses its own symbols.
#
#   plugins.sh TESTS-FOLDER INCLUDE-FOLDER LIBPROMC.A CC...
set -eu
tests=$1
include=$2
library=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for i in 1 2 3 4 5; do
    "$@" -std=gnu11 -shared -fPIC -I"$include" "$tests/plugins/plugin.c" "$library" -Wl,--exclude-libs,ALL -o "$work/plugin$i.so" -lm -pthread
done
"$@" -std=gnu11 "$tests/plugins/host.c" -o "$work/host" -ldl -pthread
# shellcheck disable=SC2086 # empty if the machine can run the program itself
${PROMC_EMULATOR-} "$work/host" "$work"/plugin?.so
