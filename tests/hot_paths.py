#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of five hot paths with callgrind and compares them with
tests/hot_paths.json: more than 3 % beside the committed figure is a failure, in either direction,
so that a gain is written down too. Counts belong to one compiler and one C library: with others
the comparison is skipped, and said. usage: hot_paths.py HOT_PATHS_PROGRAM [--write]"""
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

PATHS = ("hot", "random", "gather", "append", "replay")
ROUNDS = 200
FIGURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hot_paths.json")


def compiler(program):
    text = subprocess.run(["readelf", "-p", ".comment", program], capture_output=True, text=True).stdout
    names = sorted({m.strip() for m in re.findall(r"\]\s+(.*)", text)})
    return "; ".join(names) + "; " + " ".join(platform.libc_ver())


def instructions(program, path, folder):
    out = os.path.join(folder, path + ".out")
    state = os.path.join(folder, path)
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=measured", "--callgrind-out-file=" + out,
         program, path, state],
        capture_output=True, text=True, env=dict(os.environ, MMSB_KERNELS="v3"))
    if run.returncode != 0:
        sys.exit(f"hot_paths {path}: status {run.returncode}\n{run.stderr[-2000:]}")
    total = re.search(r"^(?:totals|summary): (\d+)", open(out).read(), re.M)
    return int(total.group(1)) // ROUNDS


def main():
    program, write = sys.argv[1], "--write" in sys.argv[2:]
    for tool in ("valgrind", "readelf"):
        if shutil.which(tool) is None:
            print(f"skipped: no {tool}")
            return 0
    here = compiler(program)
    if write:
        figures = {"compiler": here, "instructions": {}}
    else:
        figures = json.load(open(FIGURES))
        if figures["compiler"] != here:
            print(f"skipped: other compiler ({here}; the figures are of {figures['compiler']})")
            return 0
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in PATHS:
            count = instructions(program, path, folder)
            if write:
                figures["instructions"][path] = count
                print(f"{path}: {count} instructions a round")
                continue
            before = figures["instructions"][path]
            far = abs(count - before) > 0.03 * before
            failed += far
            print(f"{'FAIL' if far else 'ok'} {path}: {count} instructions a round, {before} committed"
                  f" ({100.0 * (count - before) / before:+.1f} %)")
    if write:
        with open(FIGURES, "w") as f:
            json.dump(figures, f, indent=2)
            f.write("\n")
    elif failed:
        print("If the change is wanted: tests/hot_paths.py PROGRAM --write, and say why in the commit.")
    return failed != 0


sys.exit(main())
