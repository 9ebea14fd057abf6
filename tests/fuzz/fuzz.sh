#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh BUILD WORK SECONDS [TARGET...]: every target in turn for so long, in one process, from and into
# WORK/TARGET; findings land in WORK/found-TARGET-*; figures in WORK/TARGET.log. BUILD is of preset `fuzz`.
set -u
build=$(cd "$1" && pwd) work=$(mkdir -p "$2" && cd "$2" && pwd) seconds=$3
cd "$(dirname "$0")"
shift 3
[ $# -gt 0 ] || set -- parse_fuzz compile_fuzz image_fuzz delta_fuzz npy_fuzz csv_fuzz state_fuzz
for target in "$@"; do
    mkdir -p "$work/$target"
    dict= most=4096
    case $target in
        parse_fuzz | compile_fuzz | delta_fuzz) dict=-dict=mmsbg.dict most=2048 ;;
        image_fuzz) most=8192 ;;
        state_fuzz) most=12288 ;;
    esac
    [ -d "corpus/$target" ] && seeds=corpus/$target || seeds=
    nice -n 19 "$build/tests/$target" $dict -max_len=$most -timeout=20 -rss_limit_mb=3000 \
        -max_total_time="$seconds" -print_final_stats=1 \
        -artifact_prefix="$work/found-$target-" "$work/$target" $seeds >>"$work/$target.log" 2>&1
done
ls "$work" | grep '^found-' || echo "nothing found"
