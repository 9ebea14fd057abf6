#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a graph of N items to stdout: graph_lines.py N. Seeded: the same N gives the same text."""
import random
import sys

count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
random.seed(count)
out = ["graph lines", "param n = 64"]
pages = []
while len(out) < count:
    k = len(out)
    if len(pages) < 3 or random.random() < 0.15:
        out.append(f"source s{k}: f64[n] = {random.randint(1, 99)}.5")
        pages.append(f"s{k}")
        continue
    a, b, c = (random.choice(pages[-200:]) for _ in range(3))
    body = random.choice([
        f"({a} + {b}) * max({c}, {random.random():.4f})",
        f"if {a} > {b} then {c} else {a} * 0.5",
        f"{a} - mean({b})",
        f"sqrt(abs({a})) + {b} / (1.0 + {c} ** 2)",
    ])
    out.append(f"page p{k} = {body}")
    pages.append(f"p{k}")
print("\n".join(out))
