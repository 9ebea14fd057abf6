#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A state directory carried over to another graph: values, refusals, a migration killed at every
# system call that changes files. Usage: migrate.sh BIN [STEP]: every STEPth call (1).
set -eu
bin=$(cd "$1" && pwd)
step=${2:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
cat >old.mmsbg <<'END'
source x: f64[4] = 1.0
source gone: i32[3]
page acc: f64[4] = init 0.0 then prev(acc) + x
END
cat >new.mmsbg <<'END'
source x: f64[4] = 5.0
source scale: f64 = 10.0
page acc: f64[4] = init 100.0 then prev(acc) + x * scale
page total = sum(acc)
END
cat >strict.mmsbg <<'END'
source x: f64[4] = 5.0
page acc: f64[4] = init 0.0 then prev(acc) + x
assert sum(acc) < 3.0 "too much"
END
for g in old new strict; do "$bin/mmsbc" $g.mmsbg; done
printf 'x[1] = 2\ncommit\ntick 2\n' >d.txt
expect() { # TEXT COMMAND...
    text=$1
    shift
    "$@" >out.txt 2>err.txt && status=0 || status=$?
    grep -qF "$text" out.txt err.txt || { echo "no \"$text\" from $*"; cat out.txt err.txt; exit 1; }
}
same() { [ "$1" = "$2" ] || { echo "$3: $1 is not $2"; exit 1; }; }
expect 'acc[0..4] = 3.0, 6.0, 3.0, 3.0' "$bin/mmsb-run" old.mmsbx --state S --deltas d.txt --print acc
old_root=$("$bin/mmsb-run" --replay S --root --print x | tail -n 1)
expect 'with --migrate' "$bin/mmsb-run" new.mmsbx --state S
same $status 1 "another image without --migrate"
cp -r S kept
# Epoch 1 of the new graph is its step from the old state: 3 + 1 * 10, 6 + 2 * 10.
expect 'acc[0..4] = 13.0, 26.0, 13.0, 13.0' "$bin/mmsb-run" new.mmsbx --state S --migrate --print acc
same $status 0 migration
grep -q '1 sources and 1 state pages carried over, 1 of the old' err.txt || { cat err.txt; exit 1; }
same "$("$bin/mmsb-run" --replay S.before-1 --root --print x | tail -n 1)" "$old_root" "the old directory"
"$bin/mmsb" log verify S >/dev/null
expect 'epoch 1 root' "$bin/mmsb-run" --replay S --root
expect 'acc[0..4] = 23.0' "$bin/mmsb-run" new.mmsbx --state S --migrate --ticks 1 --print acc
[ ! -e S.before-2 ] || { echo "the same graph was migrated"; exit 1; }
# A graph that does not take the state changes nothing.
cp -r kept T
expect 'too much' "$bin/mmsb-run" strict.mmsbx --state T --migrate
same $status 1 "a state that is not taken"
diff -r kept T || { echo "a refused migration changed the directory"; exit 1; }
[ ! -e T.migrating ] && [ ! -e T.before-1 ] || { echo "a refused migration left something"; exit 1; }
# Killed at every call that changes files: the next run has the old state, or the new one.
wanted=$("$bin/mmsb-run" --replay S --to 1 --root --print acc)
calls=0 kills=0
if command -v strace >/dev/null 2>&1 && ! ldd "$bin/mmsb-run" | grep -q asan; then
    for call in openat pwrite64 fdatasync fsync rename renameat renameat2 unlinkat mkdirat; do
        n=1
        while :; do
            rm -rf U U.*
            cp -r kept U
            strace -f -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n \
                "$bin/mmsb-run" new.mmsbx --state U --migrate >/dev/null 2>&1 && break
            kills=$((kills + 1)) n=$((n + step))
            "$bin/mmsb-run" new.mmsbx --state U --migrate --root --print acc >out.txt 2>err.txt ||
                { echo "after a kill at $call $n:"; cat err.txt; exit 1; }
            same "$(cat out.txt)" "$wanted" "after a kill at $call $n"
        done
        calls=$((calls + n - 1))
    done
    echo "killed $kills times"
else
    echo "skipped: no strace, or a sanitizer that a tracer stops"
fi
echo "migrated, refused, recovered"
