#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the shared libraries show is what was agreed: the committed lists, nothing more, nothing less; every
# function of the headers; the SONAME that the header names. abi.py compares their types.
# usage: symbols.sh BUILD
set -eu
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
for name in mmsb mmsbc; do
    so="$build/lib/lib$name.so"
    headers="$top/engine/include/mmsb.h $top/engine/include/mmsb_bus.h"
    [ $name = mmsb ] || headers="$top/compiler/include/mmsbc.h"
    nm -D --defined-only "$so" | awk '{print $2, $3}' | LC_ALL=C sort >"$work/got"
    # A sanitized library shows names of the sanitizer's own.
    grep -E ' (mmsb|MMSB)' "$work/got" >"$work/ours"
    grep -vE '^(#|$)' "$top/tests/api/lib$name.symbols" | LC_ALL=C sort >"$work/want"
    diff "$work/want" "$work/ours" || { echo "lib$name.so: symbols differ from tests/api/lib$name.symbols"; exit 1; }
    sed -n 's/^T \([a-z0-9_]*\)@@.*/\1/p' "$work/want" | LC_ALL=C sort >"$work/exported"
    grep -ohE "^(MMSB|MMSBC)_API [^(]*\(" $headers | sed 's/.*[ *]\([a-z0-9_]*\)($/\1/' |
        LC_ALL=C sort >"$work/declared"
    diff "$work/declared" "$work/exported" || { echo "lib$name.so: symbols differ from $headers"; exit 1; }
    # A program that links the archive keeps its own `raise`, `fail` and the like. (C_: data that a sanitizer adds.)
    nm --defined-only "$build/static/lib$name.a" | awk 'NF == 3 && $2 ~ /[A-Z]/ {print $3}' |
        grep -v '^__' | LC_ALL=C sort -u >"$work/static"
    diff "$work/exported" "$work/static" || { echo "lib$name.a: names that no header has"; exit 1; }
    abi=$(sed -n 's/^#define MMSBC*_ABI \([0-9]*\)$/\1/p' $headers)
    readelf -d "$so" | grep -q "SONAME.*\[lib$name.so.$abi\]" || {
        echo "lib$name.so: SONAME does not end in $abi"
        exit 1
    }
    if [ "$name" = mmsb ] && readelf -d "$so" | grep -q "NEEDED.*libmmsbc"; then
        echo "libmmsb.so needs the compiler"
        exit 1
    fi
    echo "lib$name.so.$abi: $(wc -l <"$work/exported") functions, as declared and listed"
done
