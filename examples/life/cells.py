# SPDX-License-Identifier: Apache-2.0
"""cells.py seed GUN.rle: writes seed.npy. cells.py show GUN.rle TICKS: draws the area of the gun from grid.npy
and checks the whole grid against a Life over a set of cells."""
import collections
import re
import sys

N, TOP, LEFT = 2048, 1000, 1000


def rle(path):
    lines = [x.strip() for x in open(path) if not x.startswith("#")]
    row = column = 0
    cells = set()
    for count, what in re.findall(r"(\d*)([bo$!])", "".join(lines[1:])):
        times = int(count or 1)
        if what == "$":
            row, column = row + times, 0
        elif what == "o":
            cells |= {(TOP + row, LEFT + column + k) for k in range(times)}
        if what in "bo":
            column += times
    return cells


def step(cells):
    around = collections.Counter((i + di & N - 1, j + dj & N - 1) for i, j in cells
                                 for di in (-1, 0, 1) for dj in (-1, 0, 1) if di or dj)
    return {c for c, n in around.items() if n == 3 or (n == 2 and c in cells)}


alive = rle(sys.argv[2])
if sys.argv[1] == "seed":
    head = "{'descr': '|b1', 'fortran_order': False, 'shape': (%d, %d), }" % (N, N)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    grid = bytearray(N * N)
    for i, j in alive:
        grid[i * N + j] = 1
    with open("seed.npy", "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + grid)
else:
    for _ in range(int(sys.argv[3])):
        alive = step(alive)
    data = open("grid.npy", "rb").read()[-N * N:]
    found = {(k // N, k % N) for k in range(N * N) if data[k]}
    for i in range(TOP - 2, TOP + 34):
        print("".join("#" if (i, j) in found else "." for j in range(LEFT - 2, LEFT + 58)))
    print("%d cells live; a Life over a set of cells %s" % (len(found), "agrees" if found == alive else "DIFFERS"))
    sys.exit(found != alive)
