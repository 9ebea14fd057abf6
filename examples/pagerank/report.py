# SPDX-License-Identifier: Apache-2.0
"""The ten busiest airports of rank.csv; checks all ranks against a PageRank in plain Python."""
import csv
import sys

codes = open("codes.txt").read().split()
rank = [float(x) for x in open("rank.csv")]
rows = [(r["origin"], r["destination"], float(r["count"]))
        for r in csv.DictReader(open(sys.argv[1], newline=""))]
out = dict.fromkeys(codes, 0.0)
for a, _, n in rows:
    out[a] += n
own = dict.fromkeys(codes, 1 / len(codes))
for _ in range(300):
    into = dict.fromkeys(codes, 0.0)
    for a, b, n in rows:
        into[b] += own[a] * n / out[a]
    lost = sum(own[c] for c in codes if out[c] == 0)
    own = {c: 0.15 / len(codes) + 0.85 * (into[c] + lost / len(codes)) for c in codes}
worst = max(abs(own[c] - r) for c, r in zip(codes, rank))
for c, r in sorted(zip(codes, rank), key=lambda x: -x[1])[:10]:
    print("%s %.6f" % (c, r))
if worst > 1e-11:
    sys.exit("differs from plain Python by %g" % worst)
print("plain Python agrees to 1e-11")
