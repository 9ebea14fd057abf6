#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Julia binding. Its structs and numbers are compared with C by layout.py in any case; here its tests run
# where there is Julia, and its files are parsed where node finds tree-sitter-julia. What is not there is said.
# usage: julia.sh BUILD
set -eu
build=$(cd "$1" && pwd)
package=$(cd "$(dirname "$0")/../../engine/bindings/julia" && pwd)
if command -v julia >/dev/null 2>&1; then
    MMSB_LIBRARY="$build/lib" MMSB_BIN="$build/bin" julia --project="$package" -e 'using Pkg; Pkg.test()'
else
    echo "skipped: no julia: the tests of package MMSB are not run"
fi
if ! node -e 'require("tree-sitter"), require("tree-sitter-julia")' 2>/dev/null; then
    echo "skipped: no tree-sitter-julia (NODE_PATH): the files are not parsed"
    exit 0
fi
node - "$package"/src/*.jl "$package"/test/*.jl "$package"/../../../examples/embed/*.jl <<'JS'
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
