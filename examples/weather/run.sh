#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Four years of Seattle weather, a day an epoch. usage: run.sh [BIN] [--check]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build/bin}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
set -- "$@" ""
"$bin/mmsbc" "$here/weather.mmsbg"
python3 "$here/stream.py" "$here/seattle-weather.csv" >days.txt
{
    "$bin/mmsb-run" --deltas days.txt --print frosts | sed '/^frosts/d' |
        python3 "$here/report.py" "$here/seattle-weather.csv"
    "$bin/mmsb-run" --deltas days.txt --print frosts --root | tail -n 2
} | tee result.txt
[ "${2:-}" != --check ] || cmp result.txt "$here/expected.txt"
