# SPDX-License-Identifier: Apache-2.0
"""Checks the risk graph's last epoch against plain Python, bit for bit: report.py TICKS RESULT.
RESULT is what `mmsb-run --print total,by_book` wrote. Sums are taken in the language's order:
leaves of 64 in 8 lanes, nodes of 8."""
import re
import sys


def join(v):
    """Eight values, absent ones None, as ((0+4)+(2+6))+((1+5)+(3+7))."""
    def add(a, b):
        return b if a is None else a if b is None else a + b
    v = v + [None] * (8 - len(v))
    return add(add(add(v[0], v[4]), add(v[2], v[6])), add(add(v[1], v[5]), add(v[3], v[7])))


def total(values):
    level = []
    for at in range(0, len(values), 64):
        leaf, lanes = values[at:at + 64], []
        for lane in range(min(8, len(leaf))):
            acc = leaf[lane]
            for x in leaf[lane + 8::8]:
                acc += x
            lanes.append(acc)
        level.append(join(lanes))
    while len(level) > 1:
        level = [join(level[at:at + 8]) for at in range(0, len(level), 8)]
    return level[0]


price = [100.0] * 4096
with open(sys.argv[1], encoding="utf-8") as f:
    for line in f:
        m = re.match(r"price\[(\d+)\] = (.*)", line)
        if m:
            price[int(m.group(1))] = float(m.group(2))
pnl, books = [], [[] for _ in range(64)]
for i in range(1_000_000):
    qty = float(i % 1000)
    pnl.append(qty * price[i * 2654435761 % 4096] - qty * (85.0 + float(i % 20)))
    books[i % 64].append(pnl[-1])
with open(sys.argv[2], encoding="utf-8") as f:
    text = f.read()
got_total = float(re.search(r"^total = (.*)$", text, re.M).group(1))
got_books = [float(v) for v in re.search(r"^by_book\[0..64\] = (.*)$", text, re.M).group(1).split(",")]
by_book = [total(b) for b in books]
assert got_total == total(pnl), (got_total, total(pnl))
assert got_books == by_book, "by_book"
print("profit by book, in thousands, after the last tick:")
for row in range(0, 64, 8):
    print(f"  {row:2d} " + " ".join(f"{v / 1000:9.1f}" for v in by_book[row:row + 8]))
print("plain Python gives the same bits: total and 64 books")
