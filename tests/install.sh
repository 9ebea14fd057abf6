#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs a build, moves it elsewhere, and works from a third folder: the installed mmsbc finds the
# installed graphs, what lies beside the file and in -I goes before them, mmsb-run and mmsb run, and a C
# program builds with the installed header and libraries. usage: install.sh BUILD
set -eu
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cmake --install "$build" --prefix "$work/first" >"$work/log"
mkdir "$work/a place" "$work/here" "$work/inc"
mv "$work/first" "$work/a place/mmsb"
prefix="$work/a place/mmsb"
cd "$work/here"
cat >use.mmsbg <<'G'
import "finance.mmsbg" as fin
source spot: f64[3] = 100.0
page price = fin.bs_call(spot, 100.0, 1.0, 0.02, 0.0, 0.2)
page dear = fin.bs_call(120.0, 100.0, 1.0, 0.02, 0.0, 0.2)
G
"$prefix/bin/mmsbc" use.mmsbg
"$prefix/bin/mmsb-run" use.mmsbx --ticks 2 --state s --root >out
"$prefix/bin/mmsb" log verify s >verified
grep -q "^epoch 2 root 0x" out
grep -q "^ok: epochs 0 to 2" verified
cat >"$work/inc/finance.mmsbg" <<'G'
fn bs_call(s, k, t, r, q, v) = s + k
G
"$prefix/bin/mmsbc" -I "$work/inc" -o inc.mmsbx use.mmsbg
"$prefix/bin/mmsb-run" inc.mmsbx --print dear | grep -q "^dear = 220.0$"
cat >finance.mmsbg <<'G'
fn bs_call(s, k, t, r, q, v) = s - k
G
"$prefix/bin/mmsbc" -I "$work/inc" -o beside.mmsbx use.mmsbg
"$prefix/bin/mmsb-run" beside.mmsbx --print dear | grep -q "^dear = 20.0$"
rm finance.mmsbg
cat >c.c <<'C'
#include <mmsbc.h>
#include <string.h>
int main(void) {
    static const char text[] = "source x: f64\npage y = x + 1.0\n";
    mmsbc_options o = {.name = "g.mmsbg", .text = text, .bytes = strlen(text)};
    mmsbc_result *r = 0;
    size_t bytes = 0;
    int status = mmsbc_compile(&o, &r);
    const void *image = status == 0 ? mmsbc_image(r, &bytes) : 0;
    status = image == 0 || bytes == 0;
    mmsbc_free(r);
    return status;
}
C
sanitizer=$(sed -n 's/^MMSB_SANITIZE:STRING=\(..*\)/-fsanitize=\1/p' "$build/CMakeCache.txt")
lib=$(dirname "$(find "$prefix" -name libmmsbc.a)")
cc $sanitizer -I"$prefix/include" c.c -o c "$lib/libmmsbc.a" -lm -lpthread
./c
for f in share/mmsb/graphs/stencil.mmsbg include/mmsbc.h share/doc/mmsb/README.md share/doc/mmsb/docs/CLI.md; do
    [ -f "$prefix/$f" ] || { echo "missing: $f"; exit 1; }
done
sed -n '$p' out
