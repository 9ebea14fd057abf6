#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every example gives the result that its README shows. usage: examples.sh BIN
set -eu
bin=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
for run in "$top"/examples/*/run.sh; do
    sh "$run" "$bin" --check >/dev/null
    echo "$(basename "$(dirname "$run")"): as shown"
done
