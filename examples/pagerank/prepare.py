# SPDX-License-Identifier: Apache-2.0
"""Maps airport codes to numbers: prepare.py FLIGHTS.csv; writes src.npy, dst.npy, flights.npy, codes.txt."""
import csv
import struct
import sys


def npy(path, kind, letter, values):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }" % (kind, len(values))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        f.write(struct.pack("<%d%s" % (len(values), letter), *values))


with open(sys.argv[1], newline="") as f:
    rows = list(csv.DictReader(f))
codes = sorted({r["origin"] for r in rows} | {r["destination"] for r in rows})
number = {code: k for k, code in enumerate(codes)}
npy("src.npy", "<u4", "I", [number[r["origin"]] for r in rows])
npy("dst.npy", "<u4", "I", [number[r["destination"]] for r in rows])
npy("flights.npy", "<f8", "d", [float(r["count"]) for r in rows])
with open("codes.txt", "w") as f:
    f.write("\n".join(codes) + "\n")
print(len(codes), len(rows))
