#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Kills mmsb-run at random instants and, where strace is there, at each of its system calls that
# changes files; resumes it; the last root and the replay's must be those of an undisturbed run.
# usage: recovery.sh BIN [KILLS [random]]     random: only the instants
set -eu
bin=$(cd "$1" && pwd)
kills=${2:-40}
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 - >ticks.txt <<'PY'
import random
random.seed(5)
for k in range(2000):
    print("price[%d] = %.2f" % (random.randrange(4096), 100 + random.random() * 5))
    if k % 9 == 4: print("inst[%d] = %d" % (random.randrange(1000), random.randrange(4096)))
    print("tick 3" if k % 11 == 6 else "commit")
PY
"$bin/mmsbc" -D n=20000 "$top/graphs/risk.mmsbg"
want=$("$bin/mmsb-run" risk.mmsbx --deltas ticks.txt --root --print total)
echo "$want"
same() { # FOLDER: resumed to the end and replayed, it gives the undisturbed root
    got=$("$bin/mmsb-run" risk.mmsbx --deltas ticks.txt --state "$1" --resume --root --print total 2>>notes)
    [ "$got" = "$want" ] || { echo "resumed: $got"; exit 1; }
    got=$("$bin/mmsb-run" --replay "$1" --root --print total)
    [ "$got" = "$want" ] || { echo "replayed: $got"; exit 1; }
    "$bin/mmsb" log verify "$1" >/dev/null
}
k=0
while [ $k -lt "$kills" ]; do
    case $((k % 4)) in 0) mode=batch ;; 1) mode=none ;; 2) mode=epoch ;; 3) mode=sealed ;; esac
    rm -rf s
    for again in 1 2 3; do
        "$bin/mmsb-run" risk.mmsbx --deltas ticks.txt --state s --resume --durability $mode \
            --checkpoint 500 --print total >/dev/null 2>>notes &
        pid=$!
        sleep "0.0$((k * 7 % 10))$again"
        kill -9 $pid 2>/dev/null || true
        wait $pid 2>/dev/null || true
    done
    same s
    k=$((k + 1))
done
echo "$k runs killed three times each: one root"
if [ "${3:-}" = random ]; then
    exit 0
fi
if command -v strace >/dev/null 2>&1 && strace -o trace true 2>/dev/null; then
    export ASAN_OPTIONS=detect_leaks=0 # LeakSanitizer does not run under a tracer
    head -n 40 ticks.txt >few.txt
    want=$("$bin/mmsb-run" risk.mmsbx --deltas few.txt --root --print total)
    cp few.txt ticks.txt
    n=1
    while :; do
        rm -rf s
        status=0
        strace -f -o trace -e trace=pwrite64,fdatasync,fsync,rename,renameat,openat,fallocate,mkdirat,unlinkat \
            -e inject=pwrite64,fdatasync,fsync,renameat,fallocate,mkdirat:signal=KILL:when=$n \
            "$bin/mmsb-run" risk.mmsbx --deltas ticks.txt --state s --durability epoch --checkpoint 10 \
                --print total >/dev/null 2>>notes || status=$?
        [ $status = 0 ] && break
        same s
        n=$((n + 1))
        [ $n -lt 2000 ]
    done
    echo "killed at each of $((n - 1)) system calls: one root"
else
    echo "skipped: no strace"
fi
