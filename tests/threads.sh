#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One root and one table whatever the number of threads, on graphs large enough to be shared out:
# fused maps, gathers, stencils, sums, keyed sums, row sums, rejections; and the same counts of work.
# usage: threads.sh BIN [N ...]
set -eu
bin=$(cd "$1" && pwd)
shift
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
cat >rows.mmsbg <<'G'
source x[i: 1500, j: 600]: f64 = f64(i) * 0.001 + f64(j)
source y[i: 1500, j: 40]: f64 = f64(i - j)
source d[i: 1500]: i64 = 1 + i % 3
page longs[i: 1500] = sum(x[i, j] * 0.5 for j: 600)
page shorts[i: 1500] = max(y[i, j] for j: 40)
page low[i: 1500] = argmin(x[i, j] for j: 600)
page all_of_it = sum(x) + prod(y * 0.0 + 1.0)
page scaled[i: 1500, j: 600] = x[i, j] / f64(d[i]) + shorts[i]
page whole[i: 1500, j: 600] = i64(scaled[i, j]) / d[i]
page b[i: 1500, j: 600] = scaled[i, j] > 100.0
page n = count(b)
assert all(y < 1.0e6)
G
cat >rows.txt <<'D'
x[0..1500, 0..600] = 3.25
commit
d[0..1500] = 0
commit
x[0..1500, 0..600] += 0.125
y[0..1500, 0..40] = 5.0
commit
y[0..1500, 0..40] = 5.0e6
commit
x[7, 0..600] = nan
tick 2
D
cat >risk.txt <<'D'
price[0..4096] = 101.5
qty[0..400000] += 1.0
commit
cost[0..400000] = 99.0
book[0..200000] = 7
tick 2
qty[100..300000] = -1.0
commit
D
"$bin/mmsbc" rows.mmsbg
"$bin/mmsbc" -D n=400000 "$top/graphs/risk.mmsbg"
"$bin/mmsbc" -D h=512 -D w=512 "$top/graphs/heat.mmsbg"
"$bin/mmsbc" "$top/graphs/life.mmsbg"
for n in 1 ${*:-2 4 7}; do
    for g in rows risk; do
        status=0
        "$bin/mmsb-run" $g.mmsbx --threads "$n" --deltas $g.txt --no-strict --oracle 2 --root \
            --stats=json >$g.$n 2>$g.errors.$n || status=$?
        [ $status = 1 ] || { cat $g.errors.$n; exit 1; }
        cmp $g.$n $g.1
        cmp $g.errors.$n $g.errors.1
    done
    for g in heat life; do
        "$bin/mmsb-run" $g.mmsbx --threads "$n" --ticks 20 --root >$g.$n
        cmp $g.$n $g.1
    done
done
grep -q "divided by 0" rows.errors.1
tail -n 1 rows.1 risk.1 heat.1 life.1
