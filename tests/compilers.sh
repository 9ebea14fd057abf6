#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One image and one root for each graph, whatever compiled the programs: gcc -O0 (built here), gcc
# -O3 and clang, and kernels portable, v3, v4 of each. Graphs: graphs/ and 30 random ones.
# usage: compilers.sh BUILD CLANG_BUILD   (release builds by gcc, with tests: its oracle_compare
# prints the random graphs; and by clang)
set -eu
build=$(cd "$1" && pwd)
clang=$(cd "$2" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
made_by() { # BUILD COMPILER: a release build, made by that
    grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release' "$1/CMakeCache.txt" &&
        "$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$1/CMakeCache.txt")" --version | grep -q -i "$2" ||
        { echo "$1 is no release build by $2"; exit 1; }
}
made_by "$build" "free software foundation"
made_by "$clang" clang
ln -s "$build" o3
ln -s "$clang" clang
cmake -S "$top" -B o0 -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_C_COMPILER=gcc -DCMAKE_C_FLAGS=-O0 \
    -DMMSB_TESTS=OFF -DMMSB_WERROR=ON >log 2>&1 &&
    cmake --build o0 --target mmsbc mmsb-run -j 2 >log 2>&1 || { tail -n 30 log; exit 1; }
mkdir graphs
for g in "$top"/graphs/*.mmsbg; do
    grep -q '^source\|^page' "$g" && cp "$g" graphs/
done
sed -i 's/n  = 1_000_000/n  = 20_000/' graphs/risk.mmsbg
seed=1
while [ $seed -le 30 ]; do
    "$build/tests/oracle_compare" --print --seed $seed >graphs/random-$seed.mmsbg
    # Several files in one print: the next seed will do.
    ! grep -q '^---- ' graphs/random-$seed.mmsbg || rm graphs/random-$seed.mmsbg
    seed=$((seed + 1))
done
graphs=0
roots=0
missing=
for g in graphs/*.mmsbg; do
    want=
    for b in o0 o3 clang; do
        "$b/bin/mmsbc" -I "$top/graphs" "$g" -o "$b.mmsbx"
        cmp -s o0.mmsbx "$b.mmsbx" || { echo "$g: $b makes another image"; exit 1; }
        for level in portable v3 v4; do
            status=0
            got=$(MMSB_KERNELS=$level "$b/bin/mmsb-run" "$b.mmsbx" --ticks 5 --root 2>&1) || status=$?
            case $got in *"no such kernels"*) missing="$missing $level"; continue ;; esac
            [ $status -le 1 ] || { echo "$g: $b $level: status $status"; exit 1; }
            [ -n "$want" ] || want=$got
            [ "$got" = "$want" ] || { echo "$g: $b $level gives another result"; exit 1; }
            roots=$((roots + 1))
        done
    done
    graphs=$((graphs + 1))
done
echo "$graphs graphs, $((roots / graphs)) runs each: one image, one root"
[ -z "$missing" ] || echo "skipped: this processor has no kernels$(printf ' %s\n' $missing | sort -u | tr -d '\n')"
