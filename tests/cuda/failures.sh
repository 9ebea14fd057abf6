#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# failures.py on the stand-in. usage: failures.sh BUILD [STEP]
set -eu
exec python3 "$(dirname "$0")/failures.py" "$1/bin" "$1/tests/cuda_standin.so" "${2:-8}"
