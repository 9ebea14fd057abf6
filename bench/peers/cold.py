#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cold graph in NumPy and numexpr; rows as bench.h prints them. Says what is not installed."""
import os
import sys
import time

os.environ["NUMEXPR_MAX_THREADS"] = "1"
try:
    import numpy as np
except ImportError:
    sys.exit("skipped: no numpy")
LANES, LIMIT, TRIES = 16 << 20, 500.0, 5


def row(name, work):
    work()
    times = []
    for _ in range(TRIES):
        start = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - start) / 1e6)
    times.sort()
    print(f"cold\tpeer: {name}\t{times[TRIES // 2]:.4g}\t{times[0]:.4g}\t{times[-1]:.4g}\tms\t\t\t\t1 thread",
          flush=True)


def main():
    os.sched_setaffinity(0, {0})
    random = np.random.default_rng(1)
    price, qty, cost, fx = (1.0 + 16.0 * random.random(LANES) for _ in range(4))
    value, pnl, cap, risk, scratch = (np.empty(LANES) for _ in range(5))
    below = np.empty(LANES, bool)

    def with_numpy():
        np.multiply(price, qty, out=value)
        np.subtract(price, cost, out=scratch)
        np.multiply(scratch, qty, out=scratch)
        np.multiply(scratch, fx, out=pnl)
        np.clip(pnl, -LIMIT, LIMIT, out=cap)
        np.less(pnl, 0, out=below)
        np.copyto(risk, cap)
        np.copyto(risk, value, where=below)
        return pnl.sum()

    row("NumPy, arrays made before", with_numpy)
    try:
        import numexpr
    except ImportError:
        sys.exit("skipped: no numexpr")
    numexpr.set_num_threads(1)
    names = {"price": price, "qty": qty, "cost": cost, "fx": fx, "pnl": pnl, "value": value, "cap": cap, "L": LIMIT}

    def with_numexpr():
        numexpr.evaluate("price * qty", names, out=value)
        numexpr.evaluate("(price - cost) * qty * fx", names, out=pnl)
        numexpr.evaluate("where(pnl < -L, -L, where(pnl > L, L, pnl))", names, out=cap)
        numexpr.evaluate("where(pnl < 0, value, cap)", names, out=risk)
        return numexpr.evaluate("sum(pnl)", names)

    row("numexpr, five expressions", with_numexpr)


main()
