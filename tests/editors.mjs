// SPDX-License-Identifier: Apache-2.0
// Prints [token, scopes] of each token of standard input as JSON lines: node editors.mjs GRAMMAR.json
// Run where vscode-textmate and vscode-oniguruma are installed.
import fs from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.cwd() + "/");
const textmate = require("vscode-textmate"), oniguruma = require("vscode-oniguruma");
const wasm = require.resolve("vscode-oniguruma").replace(/main\.js$/, "onig.wasm");
await oniguruma.loadWASM(fs.readFileSync(wasm));
const registry = new textmate.Registry({
    onigLib: Promise.resolve({
        createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
        createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(fs.readFileSync(process.argv[2], "utf8"), "g.json"),
});
const grammar = await registry.loadGrammar("source.mmsbg");
let state = textmate.INITIAL;
for (const line of fs.readFileSync(0, "utf8").split("\n")) {
    const result = grammar.tokenizeLine(line, state);
    state = result.ruleStack;
    for (const t of result.tokens) console.log(JSON.stringify([line.slice(t.startIndex, t.endIndex), t.scopes]));
}
