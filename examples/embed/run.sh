#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The risk graph embedded in C, Python and Julia: one root; a hot plate in Julia. usage: run.sh [BIN] [--check]
# PICTURE=FILE.svg keeps what pnl.py draws.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build/bin}" && pwd)
lib=$bin/../lib
include=$here/../../engine/include
[ -d "$include" ] || include=$bin/../include
bindings=$here/../../engine/bindings
[ -d "$bindings" ] || bindings=$bin/../share/mmsb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
set -- "$@" ""
export LD_LIBRARY_PATH="$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" MMSB_LIBRARY="$lib" PYTHONDONTWRITEBYTECODE=1
python3 "$here/../risk/ticks.py" >ticks.txt
"$bin/mmsbc" "$here/../../graphs/risk.mmsbg"
{
    echo "C:"
    cc -std=c99 -I"$include" "$here/embed.c" -o embed -L"$lib" -lmmsb
    ./embed risk.mmsbx ticks.txt
    for python in python3 /usr/bin/python3 none; do
        "$python" -c 'import numpy' 2>/dev/null && break
    done
    echo "Python:"
    PYTHONPATH="$bindings/python" "$python" "$here/pnl.py" risk.mmsbx ticks.txt "${PICTURE:-pnl.svg}"
    echo "Julia:"
    too_old='VERSION < v"1.10" && (println("skipped: julia $VERSION is older than 1.10"); exit(9))'
    if ! command -v julia >/dev/null 2>&1; then
        echo "skipped: no julia"
    elif julia --startup-file=no -e "$too_old"; then
        julia --startup-file=no --project="$bindings/julia" "$here/embed.jl" risk.mmsbx ticks.txt
        julia --startup-file=no --project="$bindings/julia" "$here/heat.jl" "$here/../../graphs/heat.mmsbg" >heat.txt
    else
        [ $? -eq 9 ]
    fi
} | tee result.txt
[ ! -e heat.txt ] || cat heat.txt
[ "${2:-}" = --check ] || exit 0
# What depends on what is installed is not compared; Julia's lines are those of C.
sed '/^Julia:$/,$d; /^matplotlib is not/d; /^drawn: /d' result.txt | cmp - "$here/expected.txt"
! grep -q '^skipped: .*julia' result.txt || exit 0
sed '1,/^Julia:$/d' result.txt >julia.txt
sed -n '/^C:$/,/^Python:$/{ /:$/!p; }' result.txt | cmp - julia.txt
cmp heat.txt "$here/expected-heat.txt"
