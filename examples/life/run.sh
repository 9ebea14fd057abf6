#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A glider gun in 4,194,304 cells: only active areas cost. usage: run.sh [BIN] [--check]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build/bin}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
set -- "$@" ""
python3 "$here/cells.py" seed "$here/gun.rle"
"$bin/mmsbc" "$here/life.mmsbg"
"$bin/mmsb-run" --ticks 1 --stats=json --print alive >/dev/null 2>one.json
"$bin/mmsb-run" --ticks 121 --stats=json --print alive --out grid=grid.npy --root 2>all.json >root.txt
{
    cat root.txt
    python3 "$here/cells.py" show "$here/gun.rle" 121
    python3 -c '
import json
one, all = (json.load(open(x))["lanes_computed"] for x in ("one.json", "all.json"))
each = (all - one) / 120
print("lanes computed an epoch, after the first: %.0f of 4194304" % each)
assert each < 10000'
} | tee result.txt
[ "${2:-}" != --check ] || cmp result.txt "$here/expected.txt"
