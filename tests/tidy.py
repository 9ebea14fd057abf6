#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the limits of the project's style over the files that git tracks. Needs Python 3.8 and git.

    tests/tidy.py [--all] [PATH ...]

Prints `file:line: what is wrong` for each violation, closes with `N passed, N failed` (one count a rule and file).
--all also looks at files that git does not track yet; a PATH keeps the files below it. Exit status 1 if any failed."""
import argparse
import os
import re
import subprocess
import sys

FILE_LINES, FUNCTION_LINES, COLUMNS, ASSERTS_PER_FUNCTION = 600, 70, 100, 1.0
CODE = (".c", ".h", ".cu", ".re", ".y", ".def")
LENGTH = CODE + (".py", ".sh", ".jl")
TOP = re.compile(r"^(\..*|CMakeLists\.txt|CMakePresets\.json|LICENSE|README\.md|dsl|compiler|engine|kernels|graphs"
                 r"|examples|docs|bench|tests)$")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
GENERATED = re.compile(r"(^|/)(mmsbg\.y\.c|mmsbg\.re\.c|mmsbg\.c|mmsbg\.h)$|\.(o|a|so|mmsbx|gcda|gcno)$")
START = re.compile(r"^(?!typedef|struct\b[^()]*\{|enum\b|union\b|static_assert|extern \"C\"|else\b|[#/*{}]|[A-Z_]+\()"
                   r"[A-Za-z_][^;={]*\(")
TYPE_T = re.compile(r"^\}\s*(\w+_t)\s*;|^typedef\b[^;{]*\b(\w+_t)\s*;")
# A table of rows wider than the page is a table; the grammar's rules are rows too.
WIDE = re.compile(r"\.(md|def|y|csv)$|^docs/|^tests/golden/|^CMake|/CMakeLists\.txt$|^LICENSE$|^\.")


class Report:
    def __init__(self):
        self.passed = self.failed = 0
        self.lines = []

    def rule(self, violations):
        if violations:
            self.failed += 1
            self.lines += violations
        else:
            self.passed += 1


def git_files(everything):
    names = ["git", "ls-files", "-z"] + (["--cached", "--others", "--exclude-standard"] if everything else [])
    out = subprocess.run(names, stdout=subprocess.PIPE, check=True).stdout.decode()
    return sorted({n for n in out.split("\0") if n and os.path.isfile(n)})


def functions(lines):
    """(first line, last line, name) of each function in a formatted C text; lines count from 1."""
    found, at = [], 0
    while at < len(lines):
        if not START.match(lines[at]):
            at += 1
            continue
        head, text = at, lines[at]
        while "{" not in text and ";" not in text and at + 1 < len(lines) and at - head < 12:
            at += 1
            text += " " + lines[at].strip()
        body = text.find("{")
        if body < 0 or (";" in text and text.find(";") < body) or "=" in text[:body].split("(")[0]:
            at = head + 1
            continue
        name = re.search(r"(\w+)\s*\(", text).group(1)
        if text.count("{") == text.count("}"):
            end = at
        else:
            end = at + 1
            while end < len(lines) and not lines[end].startswith("}"):
                end += 1
        found.append((head + 1, end + 1, name))
        at = end + 1
    return found


def code_only(lines):
    """The lines without comments, in place."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), "\n".join(lines), flags=re.S)
    return [re.sub(r"//.*", "", line) for line in text.split("\n")]


def check_file(name, report, counts):
    with open(name, encoding="utf-8", errors="replace") as f:
        text = f.read()
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    if name.endswith(LENGTH):
        report.rule([f"{name}:{FILE_LINES + 1}: {len(lines)} lines; split the file by subject (limit {FILE_LINES})"]
                    if len(lines) > FILE_LINES else [])
        head = "\n".join(lines[:3])
        report.rule([] if "SPDX-License-Identifier: Apache-2.0" in head else
                    [f"{name}:1: the first lines lack `SPDX-License-Identifier: Apache-2.0`"])
    if name.endswith(CODE + (".py", ".sh", ".jl", ".mmsbg")):
        if not WIDE.search(name):
            limit = COLUMNS if name.endswith(CODE) else 120
            report.rule([f"{name}:{k}: {len(line)} columns (limit {limit})" for k, line in enumerate(lines, 1)
                         if len(line) > limit])
        report.rule([f"{name}:{k}: a tab" for k, line in enumerate(lines, 1) if "\t" in line])
        report.rule([f"{name}:{k}: white space at the end" for k, line in enumerate(lines, 1) if line != line.rstrip()])
    if name != "tests/tidy.py" and name.endswith(LENGTH + (".txt", ".md")):
        report.rule([f"{name}:{k}: unfinished: {line.strip()[:70]}" for k, line in enumerate(lines, 1)
                     if UNFINISHED.search(line)])
    if name.endswith((".c", ".h", ".cu")):
        rows = functions(lines)
        report.rule([f"{name}:{a}: {what} has {b - a + 1} lines (limit {FUNCTION_LINES})" for a, b, what in rows
                     if b - a + 1 > FUNCTION_LINES])
        report.rule([f"{name}:{k}: a type's name ends in _t" for k, line in enumerate(lines, 1) if TYPE_T.match(line)])
        code = code_only(lines)
        report.rule([f"{name}:{k}: `//` comment; the style is /* */" for k, line in enumerate(lines, 1)
                     if re.match(r"\s*//", line)])
        folder = name.split("/")[0]
        if folder in ("compiler", "engine") and name.endswith(".c"):
            row = counts.setdefault(folder, [0, 0, []])
            asserts = sum(len(re.findall(r"\b(?:ASSERT|static_assert)\(", line)) for line in code)
            row[0] += asserts
            row[1] += len(rows)
            row[2].append((asserts - len(rows), name, asserts, len(rows)))
        if folder in ("compiler", "engine", "dsl", "kernels") and "tests/" not in name:
            if not re.search(r"/(mmsb_run|mmsb|mmsbc)\.c$|/(run|tool)_\w+\.c$|/base\.c$", name):
                report.rule([f"{name}:{k}: library code may not print or exit" for k, line in enumerate(code, 1)
                             if re.search(r"\b(printf|puts|exit|abort)\(", line)])
    if folder_of_engine(name):
        report.rule([f"{name}:{k}: engine/ and kernels/ know nothing of dsl/ and compiler/"
                     for k, line in enumerate(lines, 1) if re.match(r'\s*#include ".*(dsl|compiler)/', line)])


def folder_of_engine(name):
    return name.startswith(("engine/", "kernels/")) and name.endswith((".c", ".h"))


def check_tree(files, report, counts):
    report.rule([f"{n}:1: nothing but the agreed folders and files stands at the top"
                 for n in sorted({n.split("/")[0] for n in files}) if not TOP.match(n)])
    report.rule([f"{n}:1: generated or built; it belongs in the build folder only" for n in files
                 if GENERATED.search(n)])
    folders = set()
    for n in files:
        parts = n.split("/")[:-1]
        if parts and not parts[0].startswith("."):
            folders.update("/".join(parts[:k + 1]) for k in range(len(parts)))
    # What a tool reads file by file has its README above it.
    folders = {f for f in folders if not f.startswith(("tests/fuzz/corpus", "docs/editors/vim/"))}
    for folder in sorted(folders):
        report.rule([] if os.path.isfile(folder + "/README.md") else [f"{folder}/README.md:1: the folder has none"])
    for folder, (asserts, rows, worst) in sorted(counts.items()):
        few = rows and asserts < ASSERTS_PER_FUNCTION * rows
        report.rule([f"{folder}:1: {asserts} asserts in {rows} functions; fewest: " +
                     ", ".join(f"{n} ({a}/{r})" for _, n, a, r in sorted(worst)[:5])] if few else [])


def main():
    options = argparse.ArgumentParser(description="the style limits as a test")
    options.add_argument("--all", action="store_true", help="also files that git does not track yet")
    options.add_argument("paths", nargs="*", help="keep the files below these")
    o = options.parse_args()
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [os.path.relpath(os.path.abspath(p), top) for p in o.paths]
    os.chdir(top)
    files = git_files(o.all)
    kept = [n for n in files if not paths or any(n == p or n.startswith(p + "/") or p == "." for p in paths)]
    report, counts = Report(), {}
    for name in kept:
        if not name.endswith((".npy", ".png", ".bin", ".csv", ".rle")):
            check_file(name, report, counts)
    if not paths:
        check_tree(files, report, counts)
    for line in report.lines:
        print(line)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
