#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Graphs whose expectation stands in their comments: golden.py [--update] BIN FOLDER. See tests/golden/README.md."""
import os
import subprocess
import sys

START = "// $ mmsbc"


def output(mmsbc, path, options):
    folder, name = os.path.split(os.path.abspath(path))
    run = subprocess.run([mmsbc, name] + options, cwd=folder, capture_output=True, text=True, timeout=60)
    lines = [f"status {run.returncode}"] if run.returncode else []
    return lines + [line.rstrip() for line in (run.stdout + run.stderr).splitlines()]


def blocks(lines):
    """(first line, line behind the last, options) of each expectation."""
    found, at = [], 0
    while at < len(lines):
        if not lines[at].startswith(START):
            at += 1
            continue
        end = at + 1
        while end < len(lines) and lines[end].startswith("//") and not lines[end].startswith(START):
            end += 1
        found.append((at + 1, end, lines[at][len(START):].split()))
        at = end
    return found


def main():
    update = "--update" in sys.argv
    mmsbc, folder = [a for a in sys.argv[1:] if a != "--update"]
    mmsbc = os.path.join(os.path.abspath(mmsbc), "mmsbc")
    passed = failed = 0
    for name in sorted(n for n in os.listdir(folder) if n.endswith(".mmsbg")):
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        rows = blocks(lines)
        good = bool(rows)
        if not rows:
            print(f"{path}: it expects nothing")
        for first, end, options in reversed(rows):
            got = [("// " + line).rstrip() for line in output(mmsbc, path, options)]
            if update:
                lines[first:end] = got
            elif got != lines[first:end]:
                good = False
                print(f"{path}: mmsbc {' '.join(options)} gives")
                print("\n".join(got))
        if update:
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n".join(lines))
        passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
