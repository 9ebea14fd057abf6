#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every example gives the result that its README shows. usage: examples.sh BIN
# embed needs the libraries, in BIN/../lib.
set -eu
bin=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
for run in "$top"/examples/*/run.sh; do
    name=$(basename "$(dirname "$run")")
    if [ "$name" = embed ] && [ ! -e "$bin/../lib/libmmsb.so" ]; then
        echo "skipped: $name: no libmmsb beside $bin"
        continue
    fi
    sh "$run" "$bin" --check >/dev/null
    echo "$name: as shown"
done
