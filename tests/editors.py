#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The editor files of docs/editors: editors.py BUILD. Vim's colours and indents, TextMate's scopes; what is not
installed is skipped by name. BUILD keeps the two npm packages between runs."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VIM = os.path.join(TOP, "docs/editors/vim")
GRAMMAR = os.path.join(TOP, "docs/editors/textmate/mmsbg.tmLanguage.json")
# (line, word in it, what it is)
ROWS = [("graph first // a comment", "graph", "item"), ("graph first // a comment", "a comment", "comment"),
        ("/* page x */ page y = 1", "page x", "comment"), ("source x : f64[n] edge clamp = 1.5", "source", "item"),
        ("source x : f64[n] edge clamp = 1.5", "f64", "type"), ("source x : f64[n] edge clamp = 1.5", "clamp", "place"),
        ("source x : f64[n] edge clamp = 1.5", "1.5", "float"), ("page m = clamp(x, 0x1f, 2)", "clamp", "function"),
        ("page m = clamp(x, 0x1f, 2)", "0x1f", "integer"), ("page m = 1_000u16", "1_000u16", "integer"),
        ("page m = 0x1.8p3", "0x1.8p3", "float"), ("page m = 2e-3", "2e-3", "float"),
        ("page a = init 0 then 1", "init", "keyword"),
        ("page a = if true then inf else pi", "inf", "constant"), ('assert all(x) "a\\n"', "\\n", "escape"),
        ('assert all(x) "a page"', "a page", "string"), ("page s = sum(e for k: p if c)", "for", "keyword"),
        ("page mean = mean(x)", "mean(", "function"), ("page v = summary", "summary", None)]
SCOPES = {"item": "keyword.other.item", "type": "storage.type", "comment": "comment", "place": "storage.modifier",
          "float": "constant.numeric.float", "integer": "constant.numeric.integer", "function": "support.function",
          "keyword": "keyword.control", "constant": "constant.language", "escape": "constant.character.escape",
          "string": "string.quoted"}
GROUPS = {"integer": "mmsbgNumber"}
failed = passed = 0


def expect(what, ok, more=""):
    global failed, passed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {more}")


def words_of_language():
    """[(line, word, kind)] from the lists that docs/Language.md gives."""
    with open(TOP + "/docs/Language.md", encoding="utf-8") as f:
        text = f.read()
    reserved = text[text.index("Reserved:"):text.index("are words only in their places")]
    items, keywords, places = (set(part.split()) for part in re.findall(r"`([^`]*)`", reserved)
                               if len(part) > 12)
    types = re.search(r"`(bool i8[^`]*)`", text)[1].split()
    functions = re.search(r"### Functions\n\n`([^`]*)`", text)[1].split() + re.search(
        r"### Reductions\n\n`([^`]*)`", text)[1].split() + re.findall(r"`(\w+)\(", text[text.index("### Functions"):
                                                                                      text.index("### Reductions")])
    constants = {"true", "false", "epoch", "inf", "nan", "pi"}
    rows = [(w + " x", w, "item") for w in items] + [("x " + w, w, "place") for w in places]
    rows += [("x " + w, w, "constant" if w in constants else "keyword") for w in keywords]
    rows += [("x " + w, w, "type") for w in types] + [(f"page p = {w}(x)", w + "(", "function") for w in functions]
    return sorted(set(rows))


def check_vim(rows):
    if not shutil.which("vim"):
        return print("skipped: no vim")
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "rows.mmsbg")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(line for line, _, _ in rows) + "\n")
        places = [[k + 1, line.index(word) + 1] for k, (line, word, _) in enumerate(rows)]
        script = [f"set rtp^={VIM}", "filetype plugin indent on", "syntax on", f"edit {path}",
                  f"let names = map({json.dumps(places)}, 'synIDattr(synID(v:val[0], v:val[1], 1), \"name\")')",
                  f"call writefile(names + [&filetype, &makeprg], '{work}/names')", "%d",
                  "call setline(1, ['node n(x: f64) -> (y) {', 'page y = x +', '1.0', '}', 'page z = 1'])",
                  "silent normal! gg=G", f"call writefile(getline(1, '$'), '{work}/indented')", "qa!"]
        with open(work + "/script.vim", "w", encoding="utf-8") as f:
            f.write("\n".join(script) + "\n")
        p = subprocess.run(["vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-es", "-S", work + "/script.vim"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if not os.path.exists(work + "/indented"):
            return expect("vim ran the script", False, p.stdout + p.stderr)
        with open(work + "/names", encoding="utf-8") as f:
            names = f.read().split("\n")
        for (line, word, kind), name in zip(rows, names):
            want = "" if kind is None else GROUPS.get(kind, "mmsbg" + kind.capitalize())
            expect(f"vim: {word} in `{line}`", name == want, f"{name}, wanted {want}")
        expect("vim: file type and :make", names[len(rows)] == "mmsbg" and "mmsbc" in names[len(rows) + 1], names[-3:])
        with open(work + "/indented", encoding="utf-8") as f:
            got = f.read()
        expect("vim: indent", got == "node n(x: f64) -> (y) {\n  page y = x +\n    1.0\n}\npage z = 1\n", got)


def check_textmate(rows, build):
    if not shutil.which("npm") or not shutil.which("node"):
        return print("skipped: no npm")
    folder = os.path.join(os.path.abspath(build), "npm")
    os.makedirs(folder, exist_ok=True)
    if not os.path.isdir(folder + "/node_modules/vscode-oniguruma"):
        p = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder,
                            "vscode-textmate@9.3.2", "vscode-oniguruma@2.0.1"], capture_output=True, text=True)
        if p.returncode != 0:
            return print("skipped: npm cannot install vscode-textmate")
    p = subprocess.run(["node", TOP + "/tests/editors.mjs", GRAMMAR], input="\n".join(r[0] for r in rows), cwd=folder,
                       capture_output=True, text=True, timeout=120)
    expect("node ran the grammar", p.returncode == 0, p.stderr)
    lines, at = [[]], 0
    for token, scopes in map(json.loads, p.stdout.splitlines()):
        if len("".join(t for t, _ in lines[-1])) >= len(rows[at][0]):
            lines.append([])
            at += 1
        lines[-1].append((token, scopes))
    for (line, word, kind), tokens in zip(rows, lines):
        column, scopes = 0, []
        for token, s in tokens:
            if column <= line.index(word) < column + len(token):
                scopes = s
            column += len(token)
        ok = scopes[-1].startswith(SCOPES[kind]) if kind and scopes else len(scopes) == 1
        expect(f"textmate: {word} in `{line}`", ok, f"{scopes}, wanted {kind and SCOPES[kind]}")


def main():
    rows = ROWS + words_of_language()
    check_vim(rows)
    check_textmate(rows, sys.argv[1])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
