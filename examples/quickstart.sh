#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing (as root), builds, compiles the risk graph (1,000,000 positions), runs
# 10,000 epochs of seeded quote ticks into a state
# directory, kills that run with -9 midway, resumes it to the end, replays the log from nothing,
# and shows that three roots are one.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
sh tests/need.sh gcc libc6-dev cmake ninja-build re2c lemon libxxhash-dev python3 || echo "trying without them" >&2
mkdir -p build
{
    cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release &&
        cmake --build build --target mmsbc mmsb-run mmsb -j "$(nproc)"
} >build/quickstart.log 2>&1 || { tail -n 20 build/quickstart.log >&2; exit 1; }
bin=$top/build/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
"$bin/mmsbc" "$top/graphs/risk.mmsbg"
python3 -c '
import random
random.seed(2026)
for _ in range(10000):
    print("price[%d] = %.2f\ncommit" % (random.randrange(4096), 100 + random.random() * 5))' >ticks.txt

echo "1. undisturbed: 10,000 epochs of quote ticks over 1,000,000 positions"
undisturbed=$("$bin/mmsb-run" risk.mmsbx --deltas ticks.txt --state plain --root --print total)
echo "$undisturbed"

echo "2. the same into another state directory, killed with -9 midway"
"$bin/mmsb-run" risk.mmsbx --deltas ticks.txt --state killed --root --print total >/dev/null &
pid=$!
until "$bin/mmsb" log ls killed 2>/dev/null | grep -q 'epochs 1 to [4-9][0-9][0-9][0-9]'; do
    kill -0 $pid 2>/dev/null || break
    sleep 0.01
done
kill -9 $pid 2>/dev/null || echo "   (it had already finished)"
wait $pid 2>/dev/null || true
"$bin/mmsb" log ls killed

echo "3. recovered and resumed"
resumed=$("$bin/mmsb-run" risk.mmsbx --deltas ticks.txt --state killed --resume --root --print total)
echo "$resumed"

echo "4. replayed from nothing but its log"
replayed=$("$bin/mmsb-run" --replay killed --root --print total)
echo "$replayed"

[ "$undisturbed" = "$resumed" ] && [ "$undisturbed" = "$replayed" ] || { echo "the roots differ"; exit 1; }
echo "three runs, one root: $(echo "$undisturbed" | tail -n 1)"
