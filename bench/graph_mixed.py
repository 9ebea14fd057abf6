#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a graph of N equations, mixed as a model would: graph_mixed.py N. The same N gives the same text.

Of 100 lines: 8 sources of each shape, 50 maps, 10 reductions, 6 gathers, 4 keyed sums, 8 states, 4 uses of a
node of two pages, 4 calls of functions, 4 stencils, 2 asserts."""
import random
import sys

HEAD = ["graph mixed", "param n = 64", "param books = 8",
        "fn blend(a, b, w) = a * w + b * (1.0 - w)",
        "node smooth(x: f64[m], rate: f64) -> (y) {",
        "  page gain = x * rate",
        "  page y = init x then blend(prev(y), gain, 0.9)",
        "}",
        "source at: u32[n] = 3", "source book: u32[n] = 2", "source rate: f64 = 0.25",
        "source base: f64[n] edge clamp = 1.5"]
MIX = {"source": 8, "map": 50, "reduce": 10, "gather": 6, "keyed": 4, "state": 8, "use": 4, "call": 4, "stencil": 4,
       "assert": 2}


def mixed(count):
    pick = random.Random(count)
    out, arrays, scalars = list(HEAD), ["base"], ["rate"]
    kinds = [kind for kind, weight in MIX.items() for _ in range(weight)]
    made = 4
    while made < count:
        k, kind = len(out), pick.choice(kinds)
        a, b, c = (pick.choice(arrays[-200:]) for _ in range(3))
        s = pick.choice(scalars[-50:])
        number = f"{pick.random():.4f}"
        made += 1
        if kind == "source":
            array = pick.random() < 0.7
            out.append(f"source s{k}: f64[n] edge clamp = {number}" if array else f"source s{k}: f64 = {number}")
            (arrays if array else scalars).append(f"s{k}")
        elif kind == "reduce":
            body = pick.choice([f"sum({a} * {b})", f"mean({a}) + {s}", f"max({a} - {b}) * {number}",
                                f"sum({a}[i] * {b}[i] for i: n if {c}[i] > {number})"])
            out.append(f"page r{k} = {body}")
            scalars.append(f"r{k}")
        elif kind == "keyed":
            out.append(f"page k{k}: f64[books] = sum({a} * {number} by book)")
        elif kind == "assert":
            out.append(f'assert {s} < 1.0e300 "{s} is too large"')
        elif kind == "use":
            out.append(f"use u{k} = smooth({a}, {s})")
            arrays.append(f"u{k}.y")
            made += 1
        else:
            body = {"map": pick.choice([f"({a} + {b}) * max({c}, {number})", f"if {a} > {b} then {c} else {a} * {s}",
                                        f"{a} - {b} * {number}", f"sqrt(abs({a})) + {b} / (1.0 + {c} ** 2)",
                                        f"{a} + {s} * {b}"]),
                    "gather": f"{a}[i64(at[i]) % n] * {b}[i]",
                    "state": f"init {a} then prev(x{k}) * {number} + {b}",
                    "call": f"blend({a}, {b}, {s})",
                    "stencil": f"base[i - 1] + base[i + 1] - 2.0 * {a}[i]"}[kind]
            axes = "[i: n]" if kind in ("gather", "stencil") else ""
            out.append(f"page x{k}{axes} = {body}")
            arrays.append(f"x{k}")
    return out


if __name__ == "__main__":
    print("\n".join(mixed(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)))
