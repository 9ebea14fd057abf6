#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The language server against a scripted client. Usage: run.sh BUILD. Installs the client's protocol
# library into BUILD/npm.
set -eu
cd "$(dirname "$0")/../.."
build=$(cd "$1" && pwd)
command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || { echo "skipped: no node, or no npm"; exit 0; }
"$build/bin/mmsbc" lsp --help >/dev/null 2>&1 || { echo "skipped: mmsbc was built without jansson"; exit 0; }
modules=$build/npm/node_modules
[ -d "$modules/vscode-languageserver-protocol" ] ||
    npm install --silent --no-audit --no-fund --prefix "$build/npm" vscode-languageserver-protocol@3.17.5 ||
    { echo "skipped: the protocol library cannot be installed"; exit 0; }
exec timeout 60 node tests/lsp/client.js "$build/bin/mmsbc" "$modules" "$PWD/graphs"
