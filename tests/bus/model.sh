#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks the model of ring and bell (bus.pml) with Spin in every interleaving, then without each of the
# fences and last looks that it rests on: each must be found out.
set -eu
model=$(cd "$(dirname "$0")" && pwd)/bus.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
verify() { # [-DWITHOUT]: prints what Spin found
    rm -f pan*
    spin -a ${1:-} "$model" >spin.out 2>&1 || { cat spin.out; exit 1; }
    cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c 2>cc.out || { cat cc.out; exit 1; }
    ./pan -m100000
}
verify >out
grep -q "errors: 0" out || { cat out; echo "the model breaks its promise"; exit 1; }
grep -q "max search depth too small" out && { echo "not searched whole"; exit 1; }
echo "whole: $(grep -o '[0-9.e+]* states, stored' out)"
for without in NO_FENCE_ENGINE_SLEEP NO_FENCE_BELL NO_FENCE_ARM NO_FENCE_WAKE NO_LOOK_ENGINE NO_LOOK_CLIENT \
    HEAD_BEFORE_DATA TAIL_BEFORE_COPY; do
    verify -D$without >out
    if grep -q "errors: 0" out; then echo "$without is not found out"; exit 1; fi
    echo "$without: found out, $(grep -o 'invalid end state\|assertion violated' out | head -n 1)"
done
