#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing (as root), builds, compiles the risk graph (1,000,000 positions), runs 10,000 epochs of seeded quote ticks, and proves that
# recomputing every epoch whole ends with the same root (on the first 50 epochs).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
packages="gcc cmake ninja-build re2c lemon libxxhash-dev python3"
missing=
for p in $packages; do dpkg -s "$p" >/dev/null 2>&1 || missing="$missing $p"; done
if [ -n "$missing" ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
cd "$top"
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build --target mmsbc mmsb-run -j 2 >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
"$top/build/bin/mmsbc" "$top/graphs/risk.mmsbg"
python3 -c '
import random
random.seed(2026)
for _ in range(10000):
    print("price[%d] = %.2f\ncommit" % (random.randrange(4096), 100 + random.random() * 5))' >ticks.txt
head -n 100 ticks.txt >first.txt
echo "10,000 epochs of quote ticks over 1,000,000 positions:"
"$top/build/bin/mmsb-run" risk.mmsbx --deltas ticks.txt --root --stats
echo "the first 50 epochs, each checked against a full evaluation:"
"$top/build/bin/mmsb-run" risk.mmsbx --deltas first.txt --oracle 1 --root --print total
