#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The CUDA executor on a real GPU. On a machine with everything, in a tree that is built:
#     sh tests/gpu/run.sh pack BUILD     puts what the other machine lacks into build-carry
# On the machine with the GPU, which needs nvcc, cmake, a C compiler and make or ninja:
#     sh tests/gpu/run.sh [RANDOM GRAPHS]
# builds into build-gpu and compares with the VM's bits: every operator and function on 1,000,000
# lanes (with python3), the graphs, random graphs against the oracle. Any other driver can be
# named by MMSB_CUDA_DRIVER. Results go into docs/Cuda.md by hand, with date and device.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
carry=$top/build-carry
build=$top/build-gpu
if [ "${1:-}" = pack ]; then
    from=$(cd "$2" && pwd)
    rm -rf "$carry"
    mkdir -p "$carry"
    for f in mmsbg.re.c mmsbg.y.c mmsbg.h; do cp "$from/dsl/generated/$f" "$carry/"; done
    cp "$(sed -n 's/^XXHASH_INCLUDE:PATH=//p' "$from/CMakeCache.txt")/xxhash.h" "$carry/"
    : >"$carry/lempar.c"
    # They stand in for the generators: the files that those made are copied.
    cat >"$carry/re2c" <<'END'
#!/bin/sh
while [ "$1" != -o ]; do shift; done
cp "$(dirname "$0")/mmsbg.re.c" "$2"
END
    cat >"$carry/lemon" <<'END'
#!/bin/sh
for last in "$@"; do :; done
cp "$(dirname "$0")/mmsbg.y.c" "$(dirname "$last")/mmsbg.c"
cp "$(dirname "$0")/mmsbg.h" "$(dirname "$last")/mmsbg.h"
END
    chmod +x "$carry/re2c" "$carry/lemon"
    echo "packed: $(ls "$carry" | tr '\n' ' ')"
    exit 0
fi
count=${1:-2000}
jobs=$(nproc)
[ -d "$carry" ] || { echo "no $carry: run 'sh tests/gpu/run.sh pack BUILD' where re2c, lemon and xxHash are"; exit 2; }
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv || echo "no nvidia-smi"
mkdir -p "$build"
cmake -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release -DMMSB_CUDA=ON -DMMSB_WERROR=OFF -DRE2C="$carry/re2c" \
    -DLEMON="$carry/lemon" -DLEMON_TEMPLATE="$carry/lempar.c" -DXXHASH_INCLUDE="$carry" >"$build/run.log" 2>&1 ||
    { cat "$build/run.log"; exit 1; }
cmake --build "$build" -j "$jobs" --target mmsbc mmsb-run mmsb oracle_compare cuda_standin >"$build/run.log" 2>&1 ||
    { tail -40 "$build/run.log"; exit 1; }
passed=0 failed=0
check() { # WHAT COMMAND...
    what=$1
    shift
    start=$(date +%s)
    if "$@" >"$build/run.out" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $what: $(tail -1 "$build/run.out") ($(($(date +%s) - start)) s)"
    else
        failed=$((failed + 1))
        echo "FAILED  $what"
        tail -30 "$build/run.out"
    fi
}
export MMSB_CUDA_DRIVER="${MMSB_CUDA_DRIVER:-libcuda.so.1}"
if command -v python3 >/dev/null 2>&1; then
    for seed in 1 2 3 4; do
        check "operators and functions, seed $seed" python3 "$top/tests/cuda/operators.py" "$build/bin" \
            "${LANES:-1000000}" $seed
    done
else
    echo "skipped: no python3: operators and functions"
fi
check "graphs, an example, $count random graphs" sh "$top/tests/cuda/standin.sh" "$build" "$count"
sanitizer=$(command -v compute-sanitizer || true)
if [ -n "$sanitizer" ]; then
    for g in graphs/risk tests/cuda/roles; do
        "$build/bin/mmsbc" -I "$top/graphs" -o "$build/g.mmsbx" "$top/$g.mmsbg"
        for tool in memcheck racecheck synccheck; do # in epoch 0 a store compares with what nobody wrote
            check "compute-sanitizer $tool, $g" "$sanitizer" --tool $tool --error-exitcode 9 "$build/bin/mmsb-run" \
                "$build/g.mmsbx" --executor cuda --ticks 1 --root
        done
    done
else
    echo "skipped: no compute-sanitizer"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
