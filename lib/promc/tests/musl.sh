#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The library with musl, with warnings as errors: a program that uses features that differ between C libraries (threads, fork, a shared arena),
# and plugins with promc compiled into them. musl must load them in spite of their thread-local storage, and they must not export promc's
# symbols (PROMC_STATIC).
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
mkdir "$work/objects"
for file in $(find "$source/src" -name '*.c' ! -name 'gen_*'); do
    # shellcheck disable=SC2086
    musl-gcc -std=gnu11 -O1 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIC -fvisibility=hidden -DPROMC_STATIC -I"$source/include" -I"$source/src" \
        $includes -c "$file" -o "$work/objects/$(printf %s "$file" | tr / _).o"
done
musl-gcc -static -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -DPROMC_STATIC -I"$source/include" "$source/tests/musl.c" "$work"/objects/*.o -o "$work/smoke" -lm
"$work/smoke" "$work/arena"

for i in 1 2 3; do
    musl-gcc -std=gnu11 -shared -fPIC -DPROMC_STATIC -I"$source/include" "$source/tests/plugins/plugin.c" "$work"/objects/*.o -o "$work/plugin$i.so"
done
shown=$(nm -D --defined-only "$work/plugin1.so" | awk '$3 ~ /^promc_/ { print $3 }')
[ -z "$shown" ] || { echo "musl.sh: a plugin shows: $shown" >&2; exit 1; }
musl-gcc -std=gnu11 "$source/tests/plugins/host.c" -o "$work/host"
"$work/host" "$work"/plugin?.so
