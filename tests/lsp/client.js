// SPDX-License-Identifier: Apache-2.0
// A scripted client of `mmsbc lsp`: node client.js MMSBC MODULES GRAPHS. Speaks through
// vscode-languageserver-protocol, compares answers with what the texts below mean.
"use strict";
const { spawn } = require("child_process");
const path = require("path");
const [, , mmsbc, modules, graphs] = process.argv;
const lsp = require(path.join(modules, "vscode-languageserver-protocol", "node"));

let passed = 0, failed = 0;
function check(name, held, shown) {
  if (held) { passed++; return; }
  failed++;
  console.log(`FAIL ${name}: ${JSON.stringify(shown)}`);
}
function same(name, got, wanted) {
  check(name, JSON.stringify(got) === JSON.stringify(wanted), { got, wanted });
}

const text = `// Größe 😀 of a book
graph book
import "finance.mmsbg" as fin
param n = 4
fn twice(x) = x * 2.0
source price: f64[n] = 100.0
use slow = fin.ema(price, 0.1)
page gap = price - slow.y
page shown[i: n] = /* 😀 */ gap[i] + twice(price[n - 1 - i])
page total = let a = sum(gap) let b = a * a in b + a
event high = total > 5.0 with total
export gap, shown, total
`;
const uri = "file:///nowhere/b%6Fok.mmsbg";
// Line and character of the nth occurrence of a word on a line (UTF-16 units).
function at(source, line, word, nth = 0) {
  let character = -1;
  for (let k = 0; k <= nth; k++) character = source.split("\n")[line].indexOf(word, character + 1);
  if (character < 0) throw new Error(`no ${word} on line ${line}`);
  return { line, character };
}
function range(source, line, word, nth = 0) {
  const start = at(source, line, word, nth);
  return { start, end: { line, character: start.character + word.length } };
}

async function main() {
  const child = spawn(mmsbc, ["lsp", "-I", graphs], { stdio: ["pipe", "pipe", "inherit"] });
  const connection = lsp.createProtocolConnection(
    new lsp.StreamMessageReader(child.stdout), new lsp.StreamMessageWriter(child.stdin));
  const published = [];
  const waiting = [];
  connection.onNotification(lsp.PublishDiagnosticsNotification.type, (p) => {
    published.push(p);
    if (waiting.length) waiting.shift()(p);
  });
  connection.listen();
  const diagnostics = () => new Promise((done) => waiting.push(done));
  const document = { uri };
  const ask = (type, position, more) =>
    connection.sendRequest(type, Object.assign({ textDocument: document, position }, more));
  let version = 0;
  async function change(newText) {
    const heard = diagnostics();
    connection.sendNotification(lsp.DidChangeTextDocumentNotification.type,
      { textDocument: { uri, version: ++version }, contentChanges: [{ text: newText }] });
    return heard;
  }

  let early = null;
  try { await ask(lsp.HoverRequest.type, at(text, 7, "gap")); } catch (e) { early = e.code; }
  same("a request before initialize", early, -32002);
  const start = await connection.sendRequest(lsp.InitializeRequest.type,
    { processId: null, rootUri: null, capabilities: {} });
  check("capabilities", start.capabilities.hoverProvider && start.capabilities.renameProvider
    && start.capabilities.documentFormattingProvider, start);
  connection.sendNotification(lsp.InitializedNotification.type, {});
  let heard = diagnostics();
  connection.sendNotification(lsp.DidOpenTextDocumentNotification.type,
    { textDocument: { uri, languageId: "mmsbg", version: ++version, text } });
  same("a right graph has no diagnostics", (await heard).diagnostics, []);

  // hover
  let hover = await ask(lsp.HoverRequest.type, at(text, 7, "gap"));
  check("hover tells type and shape", hover.contents.value.includes("page gap: f64[4]"), hover);
  check("hover tells wave and bytes", /wave \d/.test(hover.contents.value)
    && hover.contents.value.includes("32 bytes"), hover);
  same("hover's range", hover.range, range(text, 7, "gap"));
  hover = await ask(lsp.HoverRequest.type, at(text, 8, "gap"));
  check("hover behind characters outside the BMP", hover && hover.contents.value.includes("gap: f64[4]"), hover);
  same("its range", hover.range, range(text, 8, "gap"));
  hover = await ask(lsp.HoverRequest.type, at(text, 7, "y", 0));
  check("hover of a member", hover && hover.contents.value.includes("slow.y: f64[4]"), hover);
  hover = await ask(lsp.HoverRequest.type, at(text, 8, "twice"));
  check("hover of a function", hover.contents.value.includes("fn twice(x) = x * 2.0"), hover);
  same("hover of nothing", await ask(lsp.HoverRequest.type, { line: 0, character: 1 }), null);

  // definition
  let place = await ask(lsp.DefinitionRequest.type, at(text, 7, "price"));
  same("definition of a source", place, { uri, range: range(text, 5, "price") });
  place = await ask(lsp.DefinitionRequest.type, at(text, 8, "i", 1));
  same("definition of an index variable", place.range.start, at(text, 8, "i"));
  place = await ask(lsp.DefinitionRequest.type, at(text, 9, "a", text.split("\n")[9].split("a").length - 2));
  same("definition of a let", place.range, range(text, 9, "a = ").start && { start: at(text, 9, "a = "), end: { line: 9, character: at(text, 9, "a = ").character + 1 } });
  place = await ask(lsp.DefinitionRequest.type, at(text, 6, "ema"));
  check("definition in an import", place.uri.endsWith("/finance.mmsbg") && place.uri.startsWith("file:///"), place);
  place = await ask(lsp.DefinitionRequest.type, at(text, 4, "x", 1));
  same("definition of a parameter", place.range, range(text, 4, "x"));

  // references
  const all = await ask(lsp.ReferencesRequest.type, at(text, 5, "price"), { context: { includeDeclaration: true } });
  same("references", all.map((l) => l.range.start.line).sort(), [5, 6, 7, 8]);
  const others = await ask(lsp.ReferencesRequest.type, at(text, 5, "price"), { context: { includeDeclaration: false } });
  same("references without the definition", others.length, 3);
  const exported = await ask(lsp.ReferencesRequest.type, at(text, 9, "total"), { context: { includeDeclaration: true } });
  same("references from events and exports", exported.map((l) => l.range.start.line).sort(), [10, 10, 11, 9]);

  // rename
  let edit = await ask(lsp.RenameRequest.type, at(text, 7, "gap"), { newName: "spread" });
  let lines = text.split("\n");
  const edits = edit.changes[uri].slice().sort((a, b) =>
    b.range.start.line - a.range.start.line || b.range.start.character - a.range.start.character);
  for (const e of edits) {
    const l = lines[e.range.start.line];
    lines[e.range.start.line] = l.slice(0, e.range.start.character) + e.newText + l.slice(e.range.end.character);
  }
  same("rename", lines.join("\n"), text.replace(/\bgap\b/g, "spread"));
  for (const [name, why] of [["page", "reserved"], ["1x", "not a name"], ["total", "already"]]) {
    let message = "";
    try { await ask(lsp.RenameRequest.type, at(text, 7, "gap"), { newName: name }); } catch (e) { message = e.message; }
    check(`rename to ${name} is refused`, message !== "", message);
  }
  let message = "";
  try { await ask(lsp.RenameRequest.type, at(text, 6, "ema"), { newName: "mean2" }); } catch (e) { message = e.message; }
  check("rename of an imported name is refused", message.includes("imported"), message);
  same("prepareRename", await ask(lsp.PrepareRenameRequest.type, at(text, 7, "gap")), range(text, 7, "gap"));

  // completion
  const labels = async (position) => (await ask(lsp.CompletionRequest.type, position)).items.map((i) => i.label);
  let offered = await labels(at(text, 8, "gap"));
  for (const word of ["price", "gap", "twice", "i", "n", "slow", "fin", "sum", "matmul", "f64", "page", "clamp"])
    check(`completion offers ${word}`, offered.includes(word), offered.length);
  check("no name twice", new Set(offered).size === offered.length, offered);
  check("no index variable outside", !(await labels({ line: 9, character: 13 })).includes("i"), 0);
  offered = await labels({ line: 7, character: text.split("\n")[7].indexOf("slow.") + 5 });
  check("completion of members", offered.includes("y") && !offered.includes("price"), offered);
  offered = await labels({ line: 6, character: text.split("\n")[6].indexOf("fin.") + 4 });
  check("completion of a module", offered.includes("ema") && offered.includes("bs_call"), offered);

  // outline
  const outline = await connection.sendRequest(lsp.DocumentSymbolRequest.type, { textDocument: document });
  same("outline", outline.map((s) => s.name).sort(), ["fin", "gap", "high", "n", "price", "shown", "slow", "total", "twice"]);

  // formatting
  const untidy = text.replace("page gap = price - slow.y", "page   gap=price-(slow.y)");
  await change(untidy);
  const tidy = await connection.sendRequest(lsp.DocumentFormattingRequest.type,
    { textDocument: document, options: { tabSize: 4, insertSpaces: true } });
  check("formatting", tidy.length === 1 && tidy[0].newText.includes("page gap = price - slow.y\n"), tidy);
  await change(tidy[0].newText);
  same("formatting twice", await connection.sendRequest(lsp.DocumentFormattingRequest.type,
    { textDocument: document, options: { tabSize: 4, insertSpaces: true } }), []);

  // diagnostics, quick fixes
  const wrong = text.replace("price - slow.y", "prise - slow.y");
  let told = await change(wrong);
  same("one diagnostic", told.diagnostics.length, 1);
  same("its code and place", [told.diagnostics[0].code, told.diagnostics[0].range],
    ["E0100", range(wrong, 7, "prise")]);
  same("its version", told.version, version);
  const fixes = await connection.sendRequest(lsp.CodeActionRequest.type,
    { textDocument: document, range: range(wrong, 7, "prise"), context: { diagnostics: told.diagnostics } });
  check("a quick fix", fixes.length === 1 && fixes[0].edit.changes[uri][0].newText === "price", fixes);
  told = await change(text.replace("page gap = price - slow.y", "page gap = = price"));
  check("a syntax error", told.diagnostics.length >= 1 && told.diagnostics[0].range.start.line === 7, told);
  offered = await labels(at(text, 5, "price"));
  check("names are offered in a text with errors", offered.includes("price"), offered.length);
  told = await change(text.replace("graph book", 'import "broken.mmsbg"'));
  check("an import that is not there", told.diagnostics.some((d) => d.code === "E0109"), told);
  told = await change("\u{1F600}".repeat(3) + " page");
  check("a text of other characters", told.diagnostics.length >= 1, told);
  told = await change("");
  check("an empty text", Array.isArray(told.diagnostics), told);
  heard = diagnostics();
  connection.sendNotification(lsp.DidCloseTextDocumentNotification.type, { textDocument: document });
  same("closing clears", (await heard).diagnostics, []);
  let gone = null;
  try { await ask(lsp.HoverRequest.type, at(text, 7, "gap")); } catch (e) { gone = e.message; }
  check("a closed document", gone !== null, gone);
  let unknown = null;
  try { await connection.sendRequest("textDocument/nonsense", {}); } catch (e) { unknown = e.code; }
  same("an unknown method", unknown, -32601);

  same("shutdown", await connection.sendRequest(lsp.ShutdownRequest.type), null);
  const ended = new Promise((done) => child.on("exit", done));
  connection.sendNotification(lsp.ExitNotification.type);
  same("exit", await ended, 0);
  connection.dispose();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
main().catch((e) => { console.log("FAIL", e); process.exit(1); });
