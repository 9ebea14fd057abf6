#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Python binding: its tests, doctests and stub. usage: python.sh BUILD
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../../engine/bindings/python"
for python in "${MMSB_PYTHON:-python3}" /usr/bin/python3 none; do
    "$python" -c 'import numpy' 2>/dev/null && break
done
[ "$python" != none ] || { echo "no python3 with NumPy"; exit 1; }
export MMSB_LIBRARY="$build/lib" MMSB_BIN="$build/bin" PYTHONDONTWRITEBYTECODE=1
if grep -q "^MMSB_SANITIZE:STRING=.*address" "$build/CMakeCache.txt"; then
    LD_PRELOAD=$(cc -print-file-name=libasan.so)
    ASAN_OPTIONS=detect_leaks=0 # the interpreter's own
    export LD_PRELOAD ASAN_OPTIONS
fi
"$python" -c 'import mmsb, sys; print("Python", sys.version.split()[0], "libmmsb", mmsb.version())'
"$python" -W error::ResourceWarning -m unittest
