#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A project outside of this one builds with the installed library in every way and runs: find_package with the
# shared and with the static library, pkg-config, and cc with nothing but -lmmsb; the last two also for a
# program that compiles its graph, and in C++; the same for a program that attaches to a bus. usage: consumers.sh BUILD
set -eu
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
engine=
trap '[ -z "$engine" ] || kill "$engine" 2>/dev/null; rm -rf "$work"' EXIT INT TERM
cmake --install "$build" --prefix "$work/first" >"$work/log"
mkdir "$work/a place"
mv "$work/first" "$work/a place/mmsb"
prefix="$work/a place/mmsb"
lib=$(dirname "$(find "$prefix" -name libmmsb.so.1)")
sanitizer=$(sed -n 's/^MMSB_SANITIZE:STRING=\(..*\)/-fsanitize=\1/p' "$build/CMakeCache.txt")
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
cd "$work"
cp -r "$top/tests/api/consumer" project
cd project
"$prefix/bin/mmsbc" g.mmsbg
result() { # WAY PROGRAM
    LD_LIBRARY_PATH="$lib" "$2" >out || { echo "$1: fails"; cat out; exit 1; }
    [ "$(cat out)" = "epoch 3 total 103.5 root $root" ] || { echo "$1: prints $(cat out), not root $root"; exit 1; }
    echo "$1: root $root"
}
printf 'x[2] = 1.5\ncommit\ny = 2\ncommit\ntick 1\n' >d.deltas
# Each WAY of building a program for a bus, on an engine that is served for it.
mkdir -m 700 run
export XDG_RUNTIME_DIR=$PWD/run
serve() {
    rm -rf state
    "$prefix/bin/mmsb-run" g.mmsbx --serve outside --state state --root >served 2>talk &
    engine=$!
    tries=0
    until [ -S run/mmsb/outside ] || [ $tries = 500 ]; do sleep 0.02; tries=$((tries + 1)); done
}
served() { # WAY: the engine ends with the root of mmsb-run
    kill "$engine"
    wait "$engine" || { echo "$1: the engine ends with $?"; cat talk; exit 1; }
    engine=
    [ "$(sed -n '$p' served)" = "epoch 3 root $root" ] || { echo "$1: the engine prints $(cat served)"; exit 1; }
    echo "$1: root $root"
}
bus_result() { # WAY PROGRAM...
    way=$1
    shift
    serve
    for p in "$@"; do
        LD_LIBRARY_PATH="$lib" "$p" outside >out || { echo "$way: $p fails"; cat out; exit 1; }
        [ "$(cat out)" = "epoch 3 total 103.5" ] || { echo "$way: $p prints $(cat out)"; exit 1; }
    done
    served "$way"
}
root=$("$prefix/bin/mmsb-run" g.mmsbx --deltas d.deltas --root | sed -n 's/^epoch 3 root //p')
[ -n "$root" ] || { echo "mmsb-run prints no root"; exit 1; }
cmake -S . -B b -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$compiler" -DCMAKE_C_FLAGS="$sanitizer" \
    -DCMAKE_EXE_LINKER_FLAGS="$sanitizer" >"$work/log" && cmake --build b >"$work/log" || { cat "$work/log"; exit 1; }
result "find_package, shared" b/shared
result "find_package, static" b/static
result "find_package, compiler, static" b/compiled
bus_result "bus: find_package, shared" b/bus_shared
bus_result "bus: find_package, static" b/bus_static
if ldd b/static | grep -q libmmsb; then echo "static is not"; exit 1; fi
if cmake -S . -B b2 -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DWANTED=9.0 >"$work/log" 2>&1; then
    echo "find_package(mmsb 9.0) is satisfied"
    exit 1
fi
if command -v pkg-config >/dev/null 2>&1; then
    export PKG_CONFIG_PATH="$lib/pkgconfig"
    # Blanks in the folder's name come quoted.
    eval "cc $sanitizer program.c -o p $(pkg-config --cflags --libs mmsb)"
    result "pkg-config" ./p
    eval "cc $sanitizer bus.c -o pb $(pkg-config --cflags --libs mmsb)"
    bus_result "bus: pkg-config" ./pb
    eval "cc $sanitizer compiles.c -o pc $(pkg-config --cflags --libs mmsb mmsbc)"
    result "pkg-config, compiler" ./pc
    static=$(pkg-config --cflags --static --libs mmsb | sed 's/-lm /-Wl,-Bdynamic &/')
    eval "cc $sanitizer program.c -o ps -Wl,-Bstatic $static"
    result "pkg-config, static" ./ps
else
    echo "skipped: no pkg-config"
fi
cc $sanitizer -std=c99 -I"$prefix/include" program.c -o l -L"$lib" -lmmsb
result "cc -lmmsb" ./l
cc $sanitizer -std=c99 -I"$prefix/include" bus.c -o lb -L"$lib" -lmmsb
if command -v c++ >/dev/null 2>&1; then
    c++ $sanitizer -std=c++11 -I"$prefix/include" program.cc -o lpp -L"$lib" -lmmsb
    result "c++ -lmmsb" ./lpp
    c++ $sanitizer -std=c++11 -I"$prefix/include" bus.cc -o lbpp -L"$lib" -lmmsb
    bus_result "bus: cc -lmmsb, read by c++ -lmmsb" ./lb ./lbpp
else
    bus_result "bus: cc -lmmsb" ./lb
    echo "skipped: no c++"
fi
