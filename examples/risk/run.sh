#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A day of quotes over 1,000,000 positions. usage: run.sh [BIN] [--check]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build/bin}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
set -- "$@" ""
python3 "$here/ticks.py" >ticks.txt
"$bin/mmsbc" "$here/../../graphs/risk.mmsbg"
"$bin/mmsb-run" --ticks 0 --stats=json --print total >/dev/null 2>start.json
"$bin/mmsb-run" --deltas ticks.txt --print total,by_book --root --stats=json >all.txt 2>day.json
{
    grep -v '^by_book' all.txt
    python3 "$here/report.py" ticks.txt all.txt
    python3 -c '
import json
start, day = (json.load(open(x))["lanes_computed"] for x in ("start.json", "day.json"))
each = (day - start) / 10000
print("lanes computed a tick: %.0f; all at once: %d" % (each, start))
assert each < 40000'
} | tee result.txt
[ "${2:-}" != --check ] || cmp result.txt "$here/expected.txt"
