#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PageRank over the US flight network, until the event `converged`. usage: run.sh [BIN] [--check]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build/bin}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
set -- "$@" ""
sizes=$(python3 "$here/prepare.py" "$here/flights-airport.csv")
"$bin/mmsbc" -D v="${sizes% *}" -D e="${sizes#* }" "$here/pagerank.mmsbg"
{
    "$bin/mmsb-run" --until converged --out rank=rank.csv --root
    python3 "$here/report.py" "$here/flights-airport.csv"
} | tee result.txt
[ "${2:-}" != --check ] || cmp result.txt "$here/expected.txt"
