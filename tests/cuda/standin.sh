#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The CUDA executor on a stand-in for the driver, which runs the PTX that it is given: graphs and
# examples give the VM's results, random graphs hold against the oracle with deltas, rejected epochs,
# kills and replays.
# usage: standin.sh BUILD [RANDOM GRAPHS]
set -eu
build=$(cd "$1" && pwd)
count=${2:-100}
bin=$build/bin
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export MMSB_CUDA_DRIVER="${MMSB_CUDA_DRIVER:-$build/tests/cuda_standin.so}"
fail() { echo "$*"; exit 1; }

echo 'graph g
source a: f64[600] = 2.0
page b = a * 2.0
export b' >g.mmsbg
if ! "$bin/mmsbc" --emit ptx g.mmsbg >g.ptx 2>g.err; then
    grep -q 'without nvcc' g.err || fail "$(cat g.err)"
    echo "skipped: no nvcc: this build has no CUDA executor"
    exit 0
fi

# One result from both, whatever it is; every run must have launched something.
same() { # IMAGE OPTION...
    vm=0 gpu=0
    "$bin/mmsb-run" "$@" --root >vm.out 2>vm.err || vm=$?
    "$bin/mmsb-run" "$@" --root --executor cuda --stats >gpu.out 2>gpu.all || gpu=$?
    grep '^executor ' gpu.all >stats || true
    grep -v '^executor ' gpu.all >gpu.err || true
    [ $vm = $gpu ] || fail "$1: status $vm on the VM, $gpu on the GPU: $(cat gpu.all)"
    cmp -s vm.out gpu.out || fail "$1: another result: $(diff vm.out gpu.out)"
    cmp -s vm.err gpu.err || fail "$1: other words: $(diff vm.err gpu.err)"
    grep -q '^executor cuda.* nodes on the GPU [1-9]' stats || fail "$1: nothing ran on the GPU: $(cat stats)"
}
"$bin/mmsbc" g.mmsbg
same g.mmsbx
# Not one page is needed there.
echo 'graph g
page s = sum(f64(i) * 0.1 for i: 1000)
export s' >g.mmsbg
"$bin/mmsbc" g.mmsbg
same g.mmsbx
# Long runs of blocks go by themselves; every other block of a page is more than one batch holds.
echo 'graph g
source x: f64[1100000] = 1.0
page y = x * 2.0
page b = y > 3.0
page c = cumsum(x * 3.0)
export y, b, c' >g.mmsbg
seq 0 1024 1099999 | sed 's/.*/x[&] = 2.5/' >d.txt
"$bin/mmsbc" g.mmsbg
same g.mmsbx --deltas d.txt --oracle 1
# Groups, places, products, scans: few leaves and all of them, keys that move, an epoch that is
# rejected.
"$bin/mmsbc" -o roles.mmsbx "$top/tests/cuda/roles.mmsbg"
awk 'BEGIN {
    for (k = 0; k < 4000; k += 3) print "k[" k "] =", k % 40
    print "commit"; print "x[100..140] = 0.3"; print "commit"; print "k[7] = 39"; print "k[3990] = 2"; print "commit"
    print "k[8] = 40"; print "x[9] = 5.0"; print "commit"; print "a[3, 4] = 7.5"; print "commit"; print "b[3, 4] = nan"
    print "x[77] = nan"; print "commit"; print "x[0..4000] = 1.25"; print "commit"; print "a[0..40, 69] = -0.0"
    print "k[7] = 1"; print "commit" }' >d.txt
same roles.mmsbx --no-strict --deltas d.txt --oracle 1 --print s,l,m,n,w,r,d
for g in "$top"/graphs/*.mmsbg; do
    grep -q '^source\|^page' "$g" || continue
    sed 's/n  = 1_000_000/n  = 20_000/' "$g" >graph.mmsbg
    "$bin/mmsbc" -I "$top/graphs" graph.mmsbg
    same graph.mmsbx --ticks 3
done
echo "the graphs give the VM's results"

# An example, run on the GPU.
mkdir wrapped
ln -s "$bin/mmsbc" "$bin/mmsb" wrapped
printf '#!/bin/sh\nexec "%s/mmsb-run" --executor cuda "$@"\n' "$bin" >wrapped/mmsb-run
chmod +x wrapped/mmsb-run
sh "$top/examples/pagerank/run.sh" wrapped --check >example.out 2>&1 || fail "an example: $(cat example.out)"

export STANDIN_SEED=$$
"$build/tests/oracle_compare" --cuda --seed $$ --count "$count" --jobs 2 --keep "$build" >oracle.out 2>&1 ||
    fail "$(cat oracle.out)"
tail -2 oracle.out
