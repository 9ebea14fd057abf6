#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over every hand-written C file that BUILD compiles, warnings as errors: clang_tidy.sh BUILD
# The analyzer runs in its shallow mode: a third of the time, and few guesses about other functions.
set -eu
cd "$(dirname "$0")/.."
build=$1
# Without the words that only gcc knows.
commands=$(mktemp -d)
trap 'rm -rf "$commands"' EXIT INT TERM
sed 's/ -fvect-cost-model=dynamic//g; s/ -fpeel-loops//g' "$build/compile_commands.json" \
    >"$commands/compile_commands.json"
shallow="--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=mode=shallow"
files=$(python3 - "$build" <<'PY'
import json, os, sys
rows = json.load(open(sys.argv[1] + "/compile_commands.json"))
names = sorted({os.path.relpath(os.path.join(r["directory"], r["file"])) for r in rows})
hand = [n for n in names if n.endswith(".c") and not n.startswith(("build", ".."))]
# The kernels' text is compiled once a level; one look is enough, and clang-tidy takes the first anyhow.
print("\n".join(hand))
PY
)
[ -n "$files" ] || { echo "no C file in $build/compile_commands.json"; exit 1; }
echo "$files" | xargs -P "$(nproc)" -n 4 clang-tidy -p "$commands" --quiet $shallow
echo "$(echo "$files" | wc -l) files"
