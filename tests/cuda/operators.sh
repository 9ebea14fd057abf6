#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# operators.py on the stand-in. usage: operators.sh BUILD [LANES]
set -eu
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
export MMSB_CUDA_DRIVER="$build/tests/cuda_standin.so"
exec python3 "$top/tests/cuda/operators.py" "$build/bin" "${2:-4000}"
