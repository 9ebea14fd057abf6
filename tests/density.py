#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Work against density: lanes computed are at most twice what the footprints say, and no density takes
more than 1.1 times the instructions of a full recompute. usage: density.py BENCH_DENSITY_PROGRAM"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

PATTERNS = ("one lane", "every 64th", "1 %", "10 %", "25 %", "50 %", "75 %", "100 %")
BOUND = 1.1


def instructions(program, pattern, which, folder):
    out = os.path.join(folder, "callgrind.out")
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=measured*", "--callgrind-out-file=" + out,
         program, "--one", pattern, which],
        capture_output=True, text=True, env=dict(os.environ, MMSB_KERNELS="v3"))
    if run.returncode != 0:
        sys.exit(f"{program} --one '{pattern}' {which}: status {run.returncode}\n{run.stderr[-2000:]}")
    return int(re.search(r"^(?:totals|summary): (\d+)", open(out).read(), re.M).group(1))


def main():
    program = sys.argv[1]
    lanes = subprocess.run([program, "--lanes"])
    if shutil.which("valgrind") is None:
        print("skipped: no valgrind")
        return lanes.returncode
    failed = lanes.returncode
    with tempfile.TemporaryDirectory() as folder:
        for pattern in PATTERNS:
            part = instructions(program, pattern, "incremental", folder)
            full = instructions(program, pattern, "full", folder)
            good = 0 < part <= BOUND * full
            verdict = "ok" if good else "FAILED"
            print(f"{verdict} {pattern}: {part:,} instructions, {full:,} in full, ratio {part / full:.4f}")
            failed |= not good
    return int(failed)


sys.exit(main())
