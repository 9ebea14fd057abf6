#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mmsbc --watch compiles again when the graph or an import changes. Usage: watch.sh BIN
set -eu
bin=$(cd "$1" && pwd)
work=$(mktemp -d)
pid=
trap 'rm -rf "$work"; [ -z "$pid" ] || kill "$pid" 2>/dev/null || true' EXIT INT TERM
cd "$work"
printf 'fn f(x) = x + 1.0\n' >part.mmsbg
printf 'import "part.mmsbg"\nsource x: f64\npage y = f(x)\n' >g.mmsbg
"$bin/mmsbc" --watch g.mmsbg 2>said.txt &
pid=$!
lines() { # N TEXT: waits until the text stands N times in what was said
    for _ in $(seq 200); do
        [ "$(grep -c "$2" said.txt || true)" -ge "$1" ] && return 0
        sleep 0.05
    done
    echo "no $1. \"$2\" in:"
    cat said.txt
    exit 1
}
value() { "$bin/mmsb-run" g.mmsbx --print y; }
lines 1 'compiled; waiting'
[ "$(value)" = "y = 1.0" ]
printf 'fn f(x) = x + 20.0\n' >part.mmsbg
lines 2 'compiled; waiting'
[ "$(value)" = "y = 20.0" ]
printf 'import "part.mmsbg"\nsource x: f64\npage y = f(z)\n' >g.mmsbg
lines 1 'not compiled; waiting'
grep -q 'E0100' said.txt
[ "$(value)" = "y = 20.0" ]
printf 'import "part.mmsbg"\nsource x: f64 = 2.0\npage y = f(x)\n' >g.new
mv g.new g.mmsbg
lines 4 'compiled; waiting'
[ "$(value)" = "y = 22.0" ]
echo "four times compiled, one of them with an error"
