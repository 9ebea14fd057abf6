#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compile times of the whole mmsbc process: bench_compile.py MMSBC SCRATCH_DIR; rows as bench.h prints them."""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def row(mmsbc, scratch, kind, lines, tries, bar_ms):
    graph = os.path.join(scratch, f"{kind}-{lines}.mmsbg")
    with open(graph, "w", encoding="utf-8") as file:
        subprocess.run([sys.executable, os.path.join(HERE, f"graph_{kind}.py"), str(lines)], check=True, stdout=file)
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        child = os.posix_spawn(mmsbc, [mmsbc, graph, "-o", graph + "x"], os.environ)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
            raise SystemExit(f"mmsbc failed on {graph}")
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    median, late = times[tries // 2], times[(tries - 1) * 9 // 10]
    verdict = "ok" if median <= bar_ms else "MISSED"
    name = f"{lines:,}-line graph" if kind == "lines" else f"{lines:,} mixed equations"
    print(f"compile\tmmsbc, {name}, whole process\t{median:.3g}\t{times[0]:.3g}\t{late:.3g}\tms\t"
          f"{median / bar_ms:.3g}\t1\t{verdict}\tratio to the bar of {bar_ms:g} ms", flush=True)


row(sys.argv[1], sys.argv[2], "lines", 1000, 31, 20)
row(sys.argv[1], sys.argv[2], "lines", 100000, 3, 1000)
row(sys.argv[1], sys.argv[2], "mixed", 100000, 3, 1000)
