# SPDX-License-Identifier: Apache-2.0
"""A day of P&L in Python: pnl.py GRAPH TICKS [PICTURE]

Runs the risk graph over a file of delta lines (../risk/ticks.py), an epoch each; prints what happened and draws the
P&L and the worst book over the day to PICTURE (.svg or .png) where matplotlib is installed."""
import sys

import numpy as np

import mmsb


def main(graph, ticks, picture=None):
    bus = mmsb.open(graph)
    total, by_book = bus["total"], bus["by_book"]   # arrays on the pages: they follow every epoch
    curve, worst, breaches = [float(total)], [by_book.min()], []

    @bus.on("breach")
    def breached(event):
        breaches.append(event)
        print(f"epoch {event.epoch}: book {event.values[1]} is at {event.values[0]}")

    with open(ticks, encoding="utf-8") as f:
        for line in f:
            if line != "commit\n":
                bus.line(line.rstrip())
                continue
            bus.commit()
            curve.append(float(total))
            worst.append(by_book.min())
    print(f"epoch {bus.epoch} total {float(total)!r} root {bus.root}")
    low, high = int(np.argmin(curve)), int(np.argmax(curve))
    print(f"low {curve[low]!r} after epoch {low}, high {curve[high]!r} after epoch {high}")
    if picture is not None:
        draw(np.array(curve), np.array(worst), breaches, picture)


def draw(curve, worst, breaches, picture):
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is not installed: no picture is drawn")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, (upper, lower) = pyplot.subplots(2, 1, sharex=True, figsize=(9, 6), constrained_layout=True)
    upper.plot(curve / 1e9)
    upper.set_ylabel("P&L, billions")
    lower.plot(worst / 1e6, color="tab:red")
    lower.set_ylabel("worst book, millions")
    lower.set_xlabel("epoch")
    for event in breaches:
        lower.axvline(event.epoch, linestyle=":", color="black")
        lower.annotate(f"breach, book {event.values[1]}", (event.epoch, worst.max() / 1e6), rotation=90, va="top")
    figure.savefig(picture)
    print(f"drawn: {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:])
