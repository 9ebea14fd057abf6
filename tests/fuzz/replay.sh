#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# replay.sh BUILD: the corpus of every target through its replayer.
set -u
build=$1 failed=0
for target in parse compile image delta npy csv state; do
    "$build/tests/${target}_fuzz_replay" "$(dirname "$0")/corpus/${target}_fuzz" || failed=1
done
exit $failed
