#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Julia binding. Its structs and numbers are compared with C by layout.py in any case; here its tests run
# where there is a Julia that is new enough, and its files are parsed where node finds tree-sitter-julia. What is
# not there is said. Pkg.test() wants some registry, also for a package without dependencies: it gets an empty one,
# in a depot of this run, so that nothing is asked of a network and nothing is written beside the package.
# usage: julia.sh BUILD
set -eu
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
package=$top/engine/bindings/julia
too_old='VERSION < v"1.10" || exit(0)
         println("skipped: julia $VERSION is older than 1.10: the tests of package MMSB are not run")
         exit(9)'
if ! command -v julia >/dev/null 2>&1; then
    echo "skipped: no julia: the tests of package MMSB are not run"
elif julia --startup-file=no -e "$too_old"; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT INT TERM
    mkdir -p "$work/depot/registries/None" "$work/project"
    printf 'name = "None"\nuuid = "%s"\nrepo = ""\n[packages]\n' 3f0c8a52-2c0e-4a64-9b1c-6d7f4be0a111 \
        >"$work/depot/registries/None/Registry.toml"
    PACKAGE="$package" WORK="$work" MMSB_LIBRARY="$build/lib" MMSB_BIN="$build/bin" JULIA_PKG_OFFLINE=true \
        JULIA_PKG_PRECOMPILE_AUTO=0 julia --startup-file=no -e '
            pushfirst!(DEPOT_PATH, joinpath(ENV["WORK"], "depot"))
            using Pkg
            Pkg.activate(joinpath(ENV["WORK"], "project"))
            Pkg.develop(PackageSpec(path = ENV["PACKAGE"]))
            Pkg.test("MMSB")'
else
    [ $? -eq 9 ]    # said above; else julia itself does not run
fi
if ! node -e 'require("tree-sitter"), require("tree-sitter-julia")' 2>/dev/null; then
    echo "skipped: no tree-sitter-julia (NODE_PATH): the files are not parsed"
    exit 0
fi
node - "$package"/src/*.jl "$package"/ext/*.jl "$package"/test/*.jl "$package"/test/standin/*.jl \
    "$top"/examples/*/*.jl <<'JS'
const Parser = require("tree-sitter"), fs = require("fs"), parser = new Parser();
parser.setLanguage(require("tree-sitter-julia"));
let wrong = 0;
for (const file of process.argv.slice(2)) {
    const text = fs.readFileSync(file, "utf8");
    const visit = node => {
        if (node.type === "ERROR" || node.isMissing) {
            wrong++;
            console.log(`${file}:${node.startPosition.row + 1}:${node.startPosition.column + 1}: does not parse`);
        }
        node.children.forEach(visit);
    };
    visit(parser.parse(at => text.slice(at, at + 4000)).rootNode);
}
console.log(`${process.argv.length - 2} files parsed, ${wrong} errors`);
process.exit(wrong ? 1 : 0);
JS
