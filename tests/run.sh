#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing (as root), builds, runs all tests, each with its seconds; closes with
# `N passed, N failed`, status 1 if any failed.
set -u
cd "$(dirname "$0")/.."
# A line a purpose: building, sanitizers, checking, what the scripts call.
packages="valgrind binutils gcc libc6-dev cmake ninja-build re2c lemon libxxhash-dev libcriterion-dev
    clang libclang-rt-dev
    clang-format clang-tidy spin strace abigail-tools mandoc zsh fish vim
    libmpfr-dev libjansson-dev
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
    python3 python3-numpy g++ pkg-config git ca-certificates"
sh tests/need.sh $packages || echo "going on without them; what needs them fails or is skipped by name"
passed=0
failed=0
check() { # NAME COMMAND...
    name=$1
    shift
    began=$(date +%s)
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "pass $name ($(($(date +%s) - began)) s)"
    else
        failed=$((failed + 1))
        echo "FAIL $name ($(($(date +%s) - began)) s)"
        tail -n 40 "$log"
    fi
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'echo "stopped: $passed passed, $failed failed so far"; exit 1' INT TERM
build() { # FOLDER OPTION...
    folder=$1
    shift
    cmake -S . -B "$folder" -G Ninja -DMMSB_WERROR=ON "$@" && cmake --build "$folder" -j 2
}
suite() { # FOLDER: every test program of a build, one by one
    for t in "$1"/tests/*_test; do
        [ -x "$t" ] && check "$1: $(basename "$t")" "$t" --jobs 2
    done
}
check "build, gcc, release" build build -DCMAKE_BUILD_TYPE=Release
suite build
check "build, gcc, address and undefined-behaviour sanitizers" \
    build build-asan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMMSB_SANITIZE=address,undefined
suite build-asan
check "build, clang" build build-clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang
suite build-clang
if [ -x build/tests/math_measure ]; then
    check "math functions keep their bounds against MPFR" build/tests/math_measure --count 60000 --jobs 2
    check "f32 functions round once" build/tests/math_measure --f32 --count 20000000 --jobs 2
else
    echo "skipped: no libmpfr"
fi
if [ -d ../shared/checks/cases ] && [ -x build/bin/mmsbc ]; then
    check "conformance cases" python3 ../shared/checks/run_cases.py --bin build/bin
    check "the same, sanitized" python3 ../shared/checks/run_cases.py --bin build-asan/bin
    for level in portable v3; do
        check "the same, kernels $level" env MMSB_KERNELS=$level python3 ../shared/checks/run_cases.py --bin build/bin
    done
else
    echo "skipped: no ../shared/checks, or no mmsbc"
fi
check "incremental equals from scratch; one root from every level" sh tests/incremental.sh build/bin
check "the same, sanitized" sh tests/incremental.sh build-asan/bin
check "5,000 random graphs: engine, recovery and replay equal the oracle" \
    build/tests/oracle_compare --seed 1 --count 5000 --jobs 2 --keep build
check "2,000 random graphs: the engine equals the oracle in Python, which equals the one in C" \
    build/tests/oracle_compare --python --seed 200000 --count 2000 --jobs 2 --keep build
check "an oracle in Python that is wrong by one bit is found out" \
    build/tests/oracle_compare --python --plant --seed 1 --count 200 --jobs 2 --keep build
check "an oracle that is wrong by one bit is found out" \
    build/tests/oracle_compare --plant --seed 1 --count 200 --jobs 2 --keep build
for graph in tests/oracle/*.mmsbg; do
    check "a graph that once differed: $(basename "$graph")" \
        build/tests/oracle_compare --python --file "$graph" --seed 1 --count 10 --jobs 2 --keep build
done
check "300 more, sanitized" build-asan/tests/oracle_compare --python --seed 50000 --count 300 --jobs 2 --keep build-asan
presets() {
    d=$(mktemp -d)
    for p in dev release asan tsan fuzz coverage cuda; do cmake --preset $p -B "$d/$p" || return 1; done
    rm -r "$d"
}
check "every preset configures" presets
check "public headers: every standard, every example" python3 tests/api/header.py build
check "the same, sanitized" python3 tests/api/header.py build-asan
check "the shared libraries show what was agreed" sh tests/api/symbols.sh build
check "types of the headers are what was agreed" python3 tests/api/abi.py
check "a project outside builds in every way" sh tests/api/consumers.sh build
check "the same, sanitized" sh tests/api/consumers.sh build-asan
check "sizes, offsets and numbers of the headers, in Python and Julia too" python3 tests/api/layout.py
check "the Python binding" sh tests/api/python.sh build
check "the same, sanitized" sh tests/api/python.sh build-asan
check "the Julia binding" sh tests/api/julia.sh build
sed -n '/^skipped/p' "$log"
check "installed, moved, used from elsewhere" sh tests/install.sh build
check "one root from 1, 2, 4 and 7 threads" sh tests/threads.sh build/bin
check "200 random graphs on 3 threads, every node shared out" \
    build/tests/oracle_compare --seed 90000 --count 200 --jobs 1 --threads 3 --keep build
build_tsan() {
    cmake -S . -B build-tsan -G Ninja -DMMSB_WERROR=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMMSB_SANITIZE=thread &&
        cmake --build build-tsan -j 2 --target mmsbc mmsb-run mmsb oracle_compare \
            bus_client bus_hostile bus_ring bus_step
}
check "build, gcc, thread sanitizer" build_tsan
check "no races: 3 threads" env TSAN_OPTIONS=halt_on_error=1 sh tests/threads.sh build-tsan/bin 3
check "no races: 30 random graphs on 3 threads" env TSAN_OPTIONS=halt_on_error=1 \
    build-tsan/tests/oracle_compare --seed 91000 --count 30 --jobs 1 --threads 3 --keep build-tsan
check "no races: log thread, kills, recovery" env TSAN_OPTIONS=halt_on_error=1 \
    sh tests/recovery.sh build-tsan/bin 4 random
check "no races: ring" env TSAN_OPTIONS=halt_on_error=1 build-tsan/tests/bus_ring
check "no races: a served engine, its log thread, its clients" env TSAN_OPTIONS=halt_on_error=1 \
    python3 tests/bus/run.py build-tsan --scale 0.05
check "ends of runs: signals, limits, full disks, closed streams" python3 tests/ends.py build/bin
check "damaged and hostile input: a message and a documented status" python3 tests/hostile.py build/bin
check "the same, sanitized" python3 tests/hostile.py build-asan/bin 2
check "killed, resumed and replayed: one root" sh tests/recovery.sh build/bin 40
check "the same, sanitized" sh tests/recovery.sh build-asan/bin 4
# Another version lays files out otherwise and finds other things.
llvm=14
of_version() { # TOOL: whether it is there, in version $llvm; else says why its check is skipped
    case $("$1" --version 2>/dev/null) in
    *"version $llvm."*) return 0 ;;
    "") echo "skipped: no $1" ;;
    *) echo "skipped: $1 is not of version $llvm, for which the project is set up" ;;
    esac
    return 1
}
if of_version clang-format && [ -d .git ]; then
    check "clang-format leaves every file as it is" sh -c 'clang-format --dry-run -Werror $(git ls-files "*.c" "*.h")'
fi
if [ -d .git ]; then
    check "the limits of the style" python3 tests/tidy.py
fi
if of_version clang-tidy; then
    check "clang-tidy finds nothing" sh tests/clang_tidy.sh build
fi
check "gcc -O0, gcc -O3, clang: one image, one root" sh tests/compilers.sh build build-clang
if command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 && command -v qemu-aarch64-static >/dev/null 2>&1; then
    check "aarch64 under qemu: the same bits" sh tests/aarch64.sh build
else
    echo "skipped: no aarch64 cross compiler"
fi
check "the examples give what they show" sh tests/examples.sh build/bin
check "values, orders, edges, delta lines equal plain Python" python3 tests/values build/bin
check "mmsb why, impact and diff: what runs with and without a delta show" python3 tests/look.py build/bin
check "the graph library equals plain Python" python3 tests/library build/bin
check "the native executor: the VM's bits, its cache, its compilers, --emit=c" sh tests/native.sh build 20
check "the same, sanitized" sh tests/native.sh build-asan 5
check "50 random graphs: compiled code equals VM and oracle" \
    build/tests/oracle_compare --native --seed 1 --count 50 --jobs 2 --keep build
check "the GPU's code: roundings said, assembled for five processors" python3 tests/cuda/gates.py build 40
check "the CUDA executor on a stand-in driver: the VM's bits" sh tests/cuda/standin.sh build 100
check "the same, sanitized" sh tests/cuda/standin.sh build-asan 8
check "every operator on every type has the VM's bits on a stand-in GPU" sh tests/cuda/operators.sh build
check "each call of the GPU's driver fails, sanitized" sh tests/cuda/failures.sh build-asan 40
check "a state directory carried over to another graph" sh tests/migrate.sh build/bin
check "the same, sanitized" sh tests/migrate.sh build-asan/bin
check "kernels of a user's own" python3 tests/user_kernels.py build/bin
check "the same, sanitized" python3 tests/user_kernels.py build-asan/bin
check "compile time is linear; hostile graphs end in words" python3 tests/scale.py build/bin
check "hostile graphs, sanitized" python3 tests/scale.py build-asan/bin --hostile
check "graphs that hold their own expectation" python3 tests/golden.py build/bin tests/golden
check "the same, sanitized" python3 tests/golden.py build-asan/bin tests/golden
check "the files of a state directory are as docs/SerializationSpec.md says" python3 tests/format_spec.py build/bin
check "man pages and completions: every option" python3 tests/shell.py build/bin
check "the editor files: colours, scopes, indents" python3 tests/editors.py build
check "the bus: a ring between two threads" build/tests/bus_ring
check "the bus: whole epochs, killed, stopped and hostile clients, a killed engine" python3 tests/bus/run.py build
check "the same, sanitized" python3 tests/bus/run.py build-asan --scale 0.2
if command -v spin >/dev/null 2>&1; then
    check "the bus: no lost wake-up in any interleaving; every fence is needed" sh tests/bus/model.sh
else
    echo "skipped: no spin"
fi
check "benchmark reports: ratios, pictures, what has moved" python3 tests/bench_report.py
check "every code block of the docs" python3 tests/docs_blocks.py build/bin
check "the corpus of the fuzzers" sh tests/fuzz/replay.sh build
check "the same, sanitized" sh tests/fuzz/replay.sh build-asan
check "the language server against a scripted client" sh tests/lsp/run.sh build
check "the same, sanitized" sh tests/lsp/run.sh build-asan
check "mmsbc --watch" sh tests/watch.sh build/bin
check "every code is explained; its examples are right and wrong" python3 tests/golden/explain.py build/bin
check "golden files: every rule of the language" python3 tests/golden/run.py build/bin
check "mmsbc: options, --fix, -MD, hostile texts" python3 tests/format/command.py build/bin
check "the same, sanitized" python3 tests/format/command.py build-asan/bin
check "mmsbc fmt keeps trees, comments and images" python3 tests/format/format.py build
check "instructions of five hot paths" python3 tests/hot_paths.py build/bench/hot_paths
check "work in proportion, at every density" python3 tests/density.py build/bench/bench_density
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
