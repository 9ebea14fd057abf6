#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A feed, a risk desk and a dashboard: three processes on one bus. usage: run.sh [BIN] [--check]
# On a terminal the dashboard draws while quotes come, 50 a second.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build/bin}" && pwd)
work=$(mktemp -d)
engine=
trap '[ -z "$engine" ] || kill $engine 2>/dev/null || true; rm -rf "$work"' EXIT INT TERM
cd "$work"
mkdir -m 700 run
export XDG_RUNTIME_DIR="$work/run"
set -- "$@" ""
pause=0
[ ! -t 1 ] || pause=0.02
"$bin/mmsbc" "$here/desk.mmsbg"
"$bin/mmsb-run" desk.mmsbx --serve desk --state state --print halt --root >end.txt 2>talk.txt &
engine=$!
until [ -S run/mmsb/desk ]; do sleep 0.02; done
python3 "$here/risk.py" "$bin/mmsb" desk &
risk=$!
if [ -t 1 ]; then
    python3 "$here/dashboard.py" "$bin/mmsb" desk &
else
    python3 "$here/dashboard.py" "$bin/mmsb" desk >seen.txt &
fi
dashboard=$!
python3 "$here/feed.py" $pause | "$bin/mmsb" set desk - >/dev/null
# The feed has ended; the desk halts two books in all, whenever it comes to it.
until "$bin/mmsb" get desk halt | grep -q 'true, true, false'; do sleep 0.05; done
kill $engine
wait $engine
engine=
wait $risk $dashboard
{
    [ ! -f seen.txt ] || cat seen.txt
    cat end.txt
    "$bin/mmsb" log verify state | tail -n 1
} | tee result.txt
[ "${2:-}" != --check ] || cmp result.txt "$here/expected.txt"
