#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the library of graphs/: tests/library BIN [WORD ...]

Every node and fn of graphs/ is imported by a small graph that runs on seeded input, with every epoch
compared with a full evaluation (--oracle 1); the result is compared with plain Python that computes the
same, where possible in another way. Every whole graph of graphs/ runs for five epochs likewise. A WORD
keeps the checks whose name contains it. Integers and bools must be equal. A float may differ by 1e-12
(or what the check states) of the larger of itself and the largest of its page, since the order of
operations is not promised to be the same.
"""
import glob
import os
import re
import subprocess
import sys

from base import check, CHECKS, GRAPHS, run, Wrong

for stem in ("finance", "signals", "stencil", "stats", "linalg", "ml", "network", "whole"):
    __import__("check_" + stem)


@check("every example of graphs/README.md", "README")
def _():
    with open(os.path.join(GRAPHS, "README.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```(?:mmsbg)?\n(.*?)^```", f.read(), re.M | re.S)
    for text in blocks:
        run("graph example\n" + text, steps=[{}])
    if not blocks:
        raise Wrong("no example found")


@check("every node and fn has a check, every graph too", "coverage")
def _():
    covered = {c.split(",")[0] for _, names, _ in CHECKS for c in names}
    missing = []
    for path in sorted(glob.glob(os.path.join(GRAPHS, "*.mmsbg"))):
        stem = os.path.basename(path)[:-6]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if not text.startswith("// SPDX-License-Identifier: Apache-2.0\n"):
            missing.append(f"{stem}: the licence line")
        if any(len(line) > 100 for line in text.splitlines()):
            missing.append(f"{stem}: lines of at most 100 columns")
        items = re.findall(r"^(?:node|fn) (\w+)", text, re.M)
        names = [f"{stem}.{i}" for i in items] if not re.search(r"^graph ", text, re.M) else [f"graph {stem}"]
        missing += [n for n in names if n not in covered]
    if missing:
        raise Wrong("missing: " + ", ".join(missing))


def main():
    passed = failed = 0
    for name, _, function in CHECKS:
        if len(sys.argv) > 2 and not any(w in name for w in sys.argv[2:]):
            continue
        try:
            function()
            passed += 1
            print("pass", name)
        except (Wrong, OSError, KeyError, subprocess.TimeoutExpired) as e:
            failed += 1
            print("FAIL", name, "-", e)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
