#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that was compiled for another layout of the inline functions (promc/shard.h) does not start; one for this layout does.
#
#   layout.sh INCLUDE-FOLDER LIBRARY-FOLDER CC...
set -eu
include=$1
library=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$include" "$work/include"
sed 's/promc_tls_layout1_slots16/promc_tls_layout0_slots8/' "$include/promc/shard.h" >"$work/include/promc/shard.h"
cat >"$work/program.c" <<'PROGRAM'
#include <promc/promc.h>
int main(void)
{
    promc_counter_inc((promc_counter){0});
    return 0;
}
PROGRAM
# A library of the other layout, under the same name, to link the program with.
soname=$(readelf -d "$library/libpromc.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
cat >"$work/old.c" <<'LIBRARY'
__thread void *promc_tls_layout0_slots8[8];
void promc_cell_add_slow(void) {}
LIBRARY
"$@" -shared -fPIC -Wl,-soname,"$soname" "$work/old.c" -o "$work/libpromc.so"
"$@" -I"$include" "$work/program.c" -o "$work/this" -L"$library" -lpromc -Wl,-rpath,"$library"
"$@" -I"$work/include" "$work/program.c" -o "$work/other" -L"$work" -lpromc -Wl,-rpath,"$library"
"$work/this"
if "$work/other" 2>"$work/said"; then
    echo "layout.sh: a program of another layout was started" >&2
    exit 1
fi
grep -q 'undefined symbol: promc_tls_layout0_slots8' "$work/said" || { cat "$work/said" >&2; exit 1; }

# Programs from before layouts had names need the symbol promc_tls. They must not start: their settings structs are shorter than today's.
if nm -D "$library/libpromc.so" | grep -w promc_tls; then
    echo "layout.sh: a program of before layouts had names would be started" >&2
    exit 1
fi
