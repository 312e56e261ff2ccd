#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Breaks each protocol that test_interleavings.c tests, in one place. The test must then fail.
# usage: interleavings.sh SOURCES-OF-PROMC BUILD-OF-PROMC LIBRARY COMPILER...
set -eu

source=$1 build=$2 library=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
options="-std=gnu11 -D_GNU_SOURCE -O1 -include $source/tests/interleave.h -I$source/include -I$build/src/base -I$build/src/types"

# broken WHAT FILE EXPRESSION [SOURCE...]: the sed expression changes FILE; then the SOURCEs (default: FILE) are compiled again.
broken() {
    what=$1 file=$2 expression=$3
    shift 3
    rm -rf "$work/src"
    cp -r "$source/src" "$work/src"
    sed -i "$expression" "$work/src/$file"
    if cmp -s "$work/src/$file" "$source/src/$file"; then
        echo "$what: $expression changes nothing in $file"
        exit 1
    fi
    objects=
    for one in "${@:-$file}"; do
        # shellcheck disable=SC2086 # several words
        $compiler $options -I"$work/src" -c "$work/src/$one" -o "$work/$(basename "$one").o"
        objects="$objects $work/$(basename "$one").o"
    done
    # shellcheck disable=SC2086
    $compiler $options -I"$work/src" "$source/tests/test_interleavings.c" "$source/tests/interleave.c" $objects "$library" -lcmocka -lpthread -lm -o "$work/test"
    if "$work/test" >"$work/said" 2>&1; then
        echo "$what: not seen"
        exit 1
    fi
    echo "$what: seen"
    # shellcheck disable=SC2086
    rm -f $objects
}
compiler=$* # with a prefix such as ccache, and its options

broken 'the second look at the live word' series/index.h 's/same && promc_load_acquire(&child->live.word) == word &&/same \&\&/' \
    series/series.c series/lookup.c
broken 'the sum after the commit' types/histogram.h \
    '/^static inline void promc_observe_own/,/^}/{/sum\[(n + 1) & 1\]/d;s/^    promc_store_release(&cells\[PROMC_HIST_N\], n + 1);/&\n    promc_store_release(\&sum[(n + 1) \& 1], promc_double_bits(total));/}' types/histogram.c
broken 'which classic bucket is pending' types/histogram.c '/promc_store_release(&cells\[PROMC_NATIVE_PENDING\], bucket);/d'
broken 'a value that is not whole' types/gauge.c '/promc_store(&place->updates, PROMC_VALUE_TORN);/d'
broken 'whose shard it is' shard/shard.c '/^static uint32_t claim_free/,/^}/s/promc_tid(owner) == 0 && (/(owner != 1 || /'
