#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and runs every benchmark, floors and ours in one run, and prints one table with ratios;
# the rows also go to build-bench/results.tsv.
# usage: sh bench/run.sh [--peers]     --peers: also the rows of ../shared/peers (sections B, C,
# E, G), where that folder is there.
set -eu
cd "$(dirname "$0")/.."
build=build-bench
cmake -S . -B $build -DCMAKE_BUILD_TYPE=Release -DMMSB_TESTS=OFF -DMMSB_BENCH=ON >"$build.log" 2>&1 ||
    { cat "$build.log" >&2; exit 1; }
cmake --build $build -j 2 >>"$build.log" 2>&1 || { tail -n 40 "$build.log" >&2; exit 1; }
mv "$build.log" $build/build.log
rows=$build/results.tsv
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mmsb-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT INT TERM
printf 'section\tcase\tmedian\tbest\tp90\tunit\tratio\tbar\tverdict\tnote\n' >$rows
$build/bench/bench_cold >>$rows
$build/bench/bench_sparse >>$rows
$build/bench/bench_gather >>$rows
$build/bench/bench_math >>$rows
python=python3
for p in python3 /usr/bin/python3; do "$p" -c 'import numpy' 2>/dev/null && { python=$p; break; }; done
$build/bench/bench_whole "$python" >>$rows
if [ -x $build/bench/bench_log ]; then
    $build/bench/bench_log "$scratch" >>$rows
else
    echo "skipped: no log in this version" >&2
fi
python3 bench/graph_lines.py 1000 >"$scratch/lines.mmsbg"
python3 - "$PWD/$build/bin/mmsbc" "$scratch/lines.mmsbg" >>$rows <<'PY'
import os, subprocess, sys, time
times = []
for _ in range(31):
    start = time.perf_counter()
    subprocess.run([sys.argv[1], sys.argv[2], "-o", sys.argv[2] + "x"], check=True)
    times.append((time.perf_counter() - start) * 1e3)
times.sort()
m = times[15]
print(f"compile\tmmsbc, 1,000-line graph, whole process\t{m:.3g}\t{times[0]:.3g}\t{times[27]:.3g}\tms\t"
      f"{m / 20:.3g}\t1\t"
      f"{'ok' if m <= 20 else 'MISSED'}\tratio to the bar of 20 ms")
PY
column -t -s "$(printf '\t')" <$rows 2>/dev/null || cat $rows
if [ "${1:-}" = --peers ]; then
    if [ -x ../shared/peers/run.sh ]; then SCRATCH=$scratch/peers GATE=5 bash ../shared/peers/run.sh BCEG
    else echo "skipped: no ../shared/peers"; fi
fi
! grep -q MISSED $rows
