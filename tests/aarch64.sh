#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same bits on aarch64: kernels and engine cross-built and run under qemu beside x86-64's. Math
# digests, and the roots of graphs whose images come from one mmsbc.
# usage: aarch64.sh BUILD   (a build with tests). The cross build is kept in build-aarch64.
set -eu
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
    command -v $tool >/dev/null 2>&1 || { echo "skipped: no aarch64 cross compiler ($tool)"; exit 0; }
done
cross=$top/build-aarch64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
# The host's other headers must stay out of a cross build; xxhash.h is inlined whole.
mkdir -p "$cross/include"
header=$(sed -n 's/^XXHASH_INCLUDE:PATH=//p' "$build/CMakeCache.txt")
cp "$header"/xxhash.h "$header"/xxh3.h "$cross/include" 2>/dev/null || cp "$header/xxhash.h" "$cross/include"
cmake -S "$top" -B "$cross" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMMSB_TESTS=OFF \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc \
    -DCMAKE_EXE_LINKER_FLAGS=-static -DXXHASH_INCLUDE="$cross/include" >"$work/log" || { cat "$work/log"; exit 1; }
cmake --build "$cross" --target mmsb-run -j 2 >"$work/log" 2>&1 || { tail -n 30 "$work/log"; exit 1; }
aarch64-linux-gnu-gcc -O2 -std=c11 -D_GNU_SOURCE -ffp-contract=off -static -I "$top/kernels" -I "$top/engine/core" \
    "$top/tests/math/digest.c" "$cross/lib/libmmsb_kernels.a" "$cross/lib/libmmsb_core.a" -lm -o "$work/digest"
"$build/tests/math_digest" 40 >"$work/here"
qemu-aarch64-static "$work/digest" 40 >"$work/there"
diff "$work/here" "$work/there" || { echo "math functions differ"; exit 1; }
graphs=0
for g in life heat risk kalman_fleet order_book telemetry pagerank; do
    [ -f "$top/graphs/$g.mmsbg" ] || continue
    sed 's/n  = 1_000_000/n  = 20_000/' "$top/graphs/$g.mmsbg" >"$work/$g.mmsbg"
    "$build/bin/mmsbc" -I "$top/graphs" "$work/$g.mmsbg" -o "$work/$g.mmsbx"
    "$build/bin/mmsb-run" "$work/$g.mmsbx" --ticks 3 --root >"$work/here" 2>&1 || true
    qemu-aarch64-static "$cross/bin/mmsb-run" "$work/$g.mmsbx" --ticks 3 --root >"$work/there" 2>&1 || true
    grep -q '[0-9a-f]\{16\}' "$work/here" || { echo "$g gives no root"; cat "$work/here"; exit 1; }
    cmp -s "$work/here" "$work/there" || { echo "$g differs"; diff "$work/here" "$work/there"; exit 1; }
    graphs=$((graphs + 1))
done
seed=1
while [ $seed -le 15 ]; do
    "$build/tests/oracle_compare" --print --seed $seed >"$work/r.mmsbg"
    # Several files in one print: the next seed will do.
    if grep -q '^---- ' "$work/r.mmsbg"; then seed=$((seed + 1)); continue; fi
    "$build/bin/mmsbc" -I "$top/graphs" "$work/r.mmsbg" -o "$work/r.mmsbx"
    "$build/bin/mmsb-run" "$work/r.mmsbx" --ticks 3 --root >"$work/here" 2>&1 || true
    qemu-aarch64-static "$cross/bin/mmsb-run" "$work/r.mmsbx" --ticks 3 --root >"$work/there" 2>&1 || true
    cmp -s "$work/here" "$work/there" || { echo "random graph $seed differs"; diff "$work/here" "$work/there"; exit 1; }
    seed=$((seed + 1)) graphs=$((graphs + 1))
done
echo "math digests and $graphs graphs: the same bits on aarch64"
