# SPDX-License-Identifier: Apache-2.0
"""A table of the events on standard input, each value checked against plain Python."""
import csv
import sys

days = list(csv.DictReader(open(sys.argv[1], newline="")))
middle = [0.0] * 30 + [(float(d["temp_max"]) + float(d["temp_min"])) / 2 for d in days]
rain = [0.0] * 7 + [float(d["precipitation"]) for d in days]
cold = [float(d["temp_min"]) < 0 for d in days]
frosts = firsts = 0
print("%10s %12s %11s %11s %11s" % ("date", "30-day mean", "7-day rain", "wind (EMA)", "frost days"))
for line in sys.stdin:
    words = line.split()
    if words[2:4] == ["event", "frost"]:
        frosts += 1
    if words[2:4] != ["event", "first"]:
        continue
    k = int(words[1]) - 1
    month, week, breeze, count = (float(x) for x in words[5:9])
    assert abs(month - sum(middle[k + 1:k + 31]) / 30) < 1e-9, line
    assert abs(week - sum(rain[k + 1:k + 8])) < 1e-9, line
    assert count == sum(cold[:k + 1]), line
    firsts += 1
    if words[4][4:] in ("0101", "0701"):
        print("%10s %12.2f %11.1f %11.2f %11d" % (words[4], month, week, breeze, count))
spells = sum(c and not (k and cold[k - 1]) for k, c in enumerate(cold))
assert frosts == spells, (frosts, spells)
print("%d frosts began; %d months agree with plain Python" % (frosts, firsts))
