#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and runs every benchmark, floors, peers and ours in one run; prints one table with ratios and writes
# build-bench/results.json and pictures. Ends with status 1 where a bar is missed.
# usage: sh bench/run.sh [--quick] [--peers] [--note TEXT]
#   --quick   sizes up to 1 M lanes, no peers
#   --peers   also the rows of ../shared/peers (sections B, C, E, G), where that folder is there
set -eu
cd "$(dirname "$0")/.."
quick=no shared_peers=no note=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --peers) shared_peers=yes ;;
    --note) shift; note=${1:?--note needs a text} ;;
    *) echo "bench/run.sh: unknown option $1; usage: sh bench/run.sh [--quick] [--peers] [--note TEXT]" >&2; exit 2 ;;
    esac
    shift
done
build=build-bench
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DMMSB_TESTS=OFF -DMMSB_BENCH=ON >"$build.log" 2>&1 ||
    { cat "$build.log" >&2; exit 1; }
cmake --build $build -j 2 >>"$build.log" 2>&1 || { tail -n 40 "$build.log" >&2; exit 1; }
mv "$build.log" $build/build.log
rows=$build/results.tsv
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mmsb-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT INT TERM
python=python3
for p in python3 /usr/bin/python3; do "$p" -c 'import numpy' 2>/dev/null && { python=$p; break; }; done
# peer NAME [ARGUMENT...]: a peer's rows, or what is missing
peer() {
    [ $quick = no ] || return 0
    name=$1
    shift
    if [ -x $build/bench/peers/peer_$name ]; then $build/bench/peers/peer_$name "$@" >>$rows
    else echo "skipped: peers/$name: its library is not installed" >&2; fi
}
printf 'section\tcase\tmedian\tbest\tp90\tunit\tratio\tbar\tverdict\tnote\n' >$rows
$build/bench/bench_cold >>$rows
peer cold_tbb
peer cold_eigen
[ $quick = yes ] || "$python" bench/peers/cold.py >>$rows || true
$build/bench/bench_fusion >>$rows
$build/bench/bench_sparse >>$rows
peer sparse_tbb
$build/bench/bench_gather >>$rows
$build/bench/bench_density >>$rows
$build/bench/bench_scholes >>$rows
$build/bench/bench_math >>$rows
$build/bench/bench_whole "$python" >>$rows
$build/bench/bench_log "$scratch" >>$rows
$build/bench/bench_bus "$scratch" >>$rows
peer log "$scratch"
$build/bench/bench_original "$scratch" >>$rows
if [ $quick = yes ]; then $build/bench/bench_sizes 1000000 >>$rows
else $build/bench/bench_sizes >>$rows; fi
python3 bench/bench_compile.py $build/bin/mmsbc "$scratch" >>$rows
python3 bench/report.py $rows $build --note "$note"
if [ $shared_peers = yes ]; then
    if [ -r ../shared/peers/run.sh ]; then SCRATCH=$scratch/peers GATE=5 bash ../shared/peers/run.sh BCEG
    else echo "skipped: no ../shared/peers"; fi
fi
! grep -q MISSED $rows
