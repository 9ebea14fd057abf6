#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The native executor: the VM's results for graphs, examples, faults and random graphs; the cache
# against damage, planting and links; compilers that are missing or fail; --emit=c.
# usage: native.sh BUILD [RANDOM GRAPHS]
set -eu
build=$(cd "$1" && pwd)
count=${2:-10}
bin=$build/bin
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT INT TERM
cd "$work"
export XDG_CACHE_HOME="$work/cache" TMPDIR="$work"
unset CC
fail() { echo "$*"; exit 1; }
run() { "$bin/mmsb-run" "$@"; }

# One result from both, whatever it is; some of the runs must be native.
same() { # IMAGE OPTION...
    vm=0 native=0
    run "$@" --root --executor vm >vm.out 2>vm.err || vm=$?
    run "$@" --root --executor native --stats >native.out 2>native.all || native=$?
    grep '^executor ' native.all >stats || true
    grep -v '^executor ' native.all >native.err || true
    [ $vm = $native ] || fail "$1: status $vm on the VM, $native native: $(cat native.all)"
    cmp -s vm.out native.out || fail "$1: another result: $(diff vm.out native.out)"
    cmp -s vm.err native.err || fail "$1: other words: $(diff vm.err native.err)"
    if grep -q '^executor native' stats; then ran=$((ran + 1)); fi
}
ran=0
for g in "$top"/graphs/*.mmsbg; do
    grep -q '^source\|^page' "$g" || continue
    sed 's/n  = 1_000_000/n  = 20_000/' "$g" >graph.mmsbg
    "$bin/mmsbc" -I "$top/graphs" graph.mmsbg
    same graph.mmsbx --ticks 3
done
seed=1
while [ $seed -le "$count" ]; do
    "$build/tests/oracle_compare" --print --seed $seed >random.mmsbg
    if ! grep -q '^---- ' random.mmsbg; then
        "$bin/mmsbc" -I "$top/graphs" random.mmsbg
        same random.mmsbx --ticks 3
    fi
    seed=$((seed + 1))
done
[ $ran -gt $((count / 4)) ] || fail "only $ran runs were native"
echo "$ran native runs equal the VM's"

# The conformance cases and the examples, each run native.
mkdir wrapped
ln -s "$bin/mmsbc" "$bin/mmsb" wrapped
printf '#!/bin/sh\nexec "%s/mmsb-run" --executor native "$@"\n' "$bin" >wrapped/mmsb-run
chmod +x wrapped/mmsb-run
sh "$top/tests/examples.sh" wrapped >examples.out 2>&1 || fail "examples: $(cat examples.out)"
if [ -d "$top/../shared/checks/cases" ]; then
    python3 "$top/../shared/checks/run_cases.py" --bin "$work/wrapped" >cases.out 2>&1 || fail "cases: $(cat cases.out)"
fi

# A fault between native operators: the same words, and an epoch that leaves no trace.
cat >fault.mmsbg <<'G'
source a: i64[2000] = 7
source b: i64[2000] = 3
source x: f64[2000] = 0.5
page q = (a * 3 + 1) / (b - 3 + 1) * 2 - a
page y = x * x * 2.0 + exp(x * 0.5 - 1.0) * 3.0 - sin(x) * x
page t = sum(y) + f64(sum(q))
G
cat >fault.txt <<'G'
b[77] = 2
commit
b[77] = 9
x[5] = 2.5
commit
G
"$bin/mmsbc" fault.mmsbg
same fault.mmsbx --deltas fault.txt --no-strict
grep -q 'divided by 0' native.err || fail "no fault: $(cat native.err)"
grep -q '^executor native' stats || fail "the graph of the fault ran on the VM"
run fault.mmsbx --deltas fault.txt --no-strict --executor native --oracle 1 --threads 3 --root \
    >a.out 2>/dev/null || true
cmp -s a.out vm.out || fail "threads or the oracle give another result"

# The cache: one file for a graph; what is not trusted is said once and made anew.
cat >small.mmsbg <<'G'
source x: f64[3000] = 1.5
page y = (x * 2.0 + 1.0) * x - 0.5
G
"$bin/mmsbc" small.mmsbg
want=$(run small.mmsbx --root --print y)
native() { # TEXT that standard error must show, or nothing
    got=$(run small.mmsbx --root --print y --executor native --stats 2>err)
    [ "$got" = "$want" ] || fail "another result: $1"
    grep -q '^executor native' err || fail "not native: $1: $(cat err)"
    grep -v '^executor ' err >said || true
    if [ -n "$1" ]; then
        [ "$(grep -c "$1" said)" = 1 ] || fail "not said once: $1: $(cat err)"
    else
        [ ! -s said ] || fail "talk: $(cat said)"
    fi
}
rm -rf cache
native ""
file=$(echo "$work"/cache/mmsb/*.so)
[ -f "$file" ] || fail "nothing was kept"
[ "$(stat -c %a "$file")" = 600 ] && [ "$(stat -c %a cache/mmsb)" = 700 ] || fail "modes"
CC=/bin/false; export CC
run small.mmsbx --executor native 2>err >/dev/null && fail "a compiler that fails" || [ $? = 5 ]
unset CC
native ""
run small.mmsbx --executor auto --stats 2>&1 | grep -q '^executor native' || fail "auto: what is there is not used"
cp "$file" good
printf x | dd of="$file" bs=1 seek=5000 conv=notrunc 2>/dev/null
native "is damaged"
cmp -s "$file" good || fail "a damaged file was not made anew"
head -c 3000 good >"$file"
native "is damaged"
: >"$file"
native "is damaged"
chmod 666 "$file"
native "may be written by others"
rm "$file"; ln -s "$work/good" "$file"
native "cannot be opened"
[ ! -L "$file" ] || fail "the link is still there"
rm "$file"; mkfifo "$file"
native "no regular file"
if [ "$(id -u)" = 0 ]; then
    chown 12345 "$file"
    native "another user's"
fi
chmod 755 cache/mmsb
native "of mode 0700"
chmod 700 cache/mmsb
mv cache/mmsb elsewhere; ln -s "$work/elsewhere" cache/mmsb
native "a link, or no folder"
rm cache/mmsb
if [ "$(id -u)" != 0 ]; then
    chmod 500 cache
    native "not kept"
    chmod 700 cache
fi
XDG_CACHE_HOME=/proc/nowhere native "not kept"
rm -rf home; mkdir home
XDG_CACHE_HOME='' HOME="$work/home" native ""
ls home/.cache/mmsb/*.so >/dev/null || fail "HOME is not used"
[ -z "$(ls -d "$work"/mmsb-native-* 2>/dev/null)" ] || fail "a folder of the compiler's is left"

# No compiler, or one that fails: native ends with status 5, auto says it once and goes on.
cat >large.mmsbg <<'G'
source x: f32[16_000_000] = 1.5
page y = sum(x * x + x * 3.0 - x * x * x + (x - 2.0) * (x - 3.0) * (x - 4.0) * (x - 5.0) * (x - 6.0)
    + (x - 7.0) * (x - 8.0) * (x - 9.0) * (x - 10.0) * (x - 11.0) * (x - 12.0) * (x - 13.0) * (x - 14.0)
    + min(x, 2.0) * max(x, 3.0) * abs(x - 3.0) * sqrt(x + 4.0) + (x + 7.0) * (x + 8.0) * (x + 9.0)
    + (x + 1.0) * (x + 2.0) * (x + 3.0) * (x + 4.0) * (x + 5.0) * (x + 6.0) * (x + 10.0) * (x + 11.0)
    + (x * 0.5 + 2.0) * (x * 0.25 + 3.0) * (x * 0.125 + 4.0) * (x * 0.75 + 5.0) * (x * 0.375 + 6.0)
    + (x / 3.0 + 2.0) * (x / 5.0 + 3.0) * (x / 7.0 + 4.0) * (x / 9.0 + 5.0) * (x / 11.0 + 6.0)
    + (x / 3.5 + 2.5) * (x / 5.5 + 3.5) * (x / 7.5 + 4.5) * (x / 9.5 + 5.5) * (x / 11.5 + 6.5)
    + (x - 0.5) * (x - 1.25) * (x - 2.5) * (x - 3.75) * (x - 4.125) * (x - 5.5) * (x - 6.75) * (x - 7.5))
G
"$bin/mmsbc" large.mmsbg
mkdir none
for cc in "$work/none/cc" /bin/false; do
    CC=$cc run small.mmsbx --executor native >/dev/null 2>err && fail "no compiler" || [ $? = 5 ]
    [ -s err ] || fail "no reason"
    rm -rf cache
    CC=$cc run large.mmsbx --executor auto --root --stats >auto.out 2>err || fail "auto: $(cat err)"
    grep -q '^executor vm' err && [ "$(grep -c 'VM is used' err)" = 1 ] || fail "auto: $(cat err)"
done
PATH=$work/none "$bin/mmsb-run" small.mmsbx --executor native >/dev/null 2>err && fail "no PATH" || [ $? = 5 ]
printf '#!/bin/sh\n[ "$1" = --version ] && { echo cc 1; exit 0; }\necho "native.c:1: error: no" >&2\nexit 1\n' >none/cc
chmod +x none/cc
CC=$work/none/cc run small.mmsbx --executor native >/dev/null 2>err && fail "a failing cc" || [ $? = 5 ]
grep -q 'error: no' err || fail "its reason is not told: $(cat err)"
run large.mmsbx --executor auto --root --stats >native.out 2>err
grep -q '^executor native' err || fail "auto does not compile for much work: $(cat err)"
cmp -s auto.out native.out || fail "another result of the large graph"
rm -rf cache
run small.mmsbx --executor auto --stats 2>&1 >/dev/null | grep -q '^executor vm' || fail "auto compiles for little"

# A compiler that computes something else: its kernels are refused by the test, the VM runs.
cat >none/wrong <<'C'
#!/bin/sh
case " $* " in *" --version "*) echo wrong 1; exit 0 ;; esac
for a; do
    case $a in *.c) sed -i "s/MEANING_MUL_F(f64/MEANING_ADD_F(f64/" "$a" ;; esac
done
exec cc "$@"
C
chmod +x none/wrong
got=$(CC=$work/none/wrong run small.mmsbx --root --print y --executor native --stats 2>err)
[ "$got" = "$want" ] || fail "wrong code gave a wrong result"
grep -q '^executor vm' err && grep -q 'other bits than the VM' err || fail "wrong code was taken: $(cat err)"

# One C file with image and kernels, linked with libmmsb.
sanitizer=$(sed -n 's/^MMSB_SANITIZE:STRING=\(..*\)/-fsanitize=\1/p' "$build/CMakeCache.txt")
flags="-std=c11 -O2 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-strict-aliasing"
for g in life heat; do
    "$bin/mmsbc" -I "$top/graphs" "$top/graphs/$g.mmsbg"
    "$bin/mmsbc" -I "$top/graphs" --emit=c "$top/graphs/$g.mmsbg" >$g.c
    cc $flags $sanitizer -I "$top/engine/include" "$top/tests/native_embed.c" $g.c -o embed \
        "$build/static/libmmsb.a" -lm -lpthread -ldl
    run $g.mmsbx --ticks 5 --root | grep "^epoch .* root " >root.out
    ./embed >embed.out
    grep -q native embed.out || fail "--emit=c: $g ran on the VM"
    grep '^epoch' embed.out | cmp -s - root.out || fail "--emit=c: another root: $(cat root.out embed.out)"
done
echo "cache, compilers and --emit=c: as documented"
