# SPDX-License-Identifier: Apache-2.0
"""Integers of every type: operators, conversions, reductions at and around the ends of their ranges."""
import itertools
import math
from fractions import Fraction

from base import check, npy_write

TYPES = {"i8": (-2**7, 2**7 - 1), "i16": (-2**15, 2**15 - 1), "i32": (-2**31, 2**31 - 1), "i64": (-2**63, 2**63 - 1),
         "u8": (0, 2**8 - 1), "u16": (0, 2**16 - 1), "u32": (0, 2**32 - 1), "u64": (0, 2**64 - 1)}


def wrap(v, kind):
    low, high = TYPES[kind]
    return (v - low) % (high - low + 1) + low


def divide(a, b):
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def to_f32(a):
    """An integer rounded once to binary32."""
    cut = max(abs(a).bit_length() - 24, 0)
    q, r = divmod(abs(a), 1 << cut)
    if cut and (r > 1 << (cut - 1) or (r == 1 << (cut - 1) and q & 1)):
        q += 1
    return math.copysign(float(q << cut), a)


def operators(width):
    mask = (1 << width) - 1
    return {"x + y": lambda a, b: a + b, "x - y": lambda a, b: a - b, "x * y": lambda a, b: a * b, "x / y": divide,
            "x % y": lambda a, b: a - b * divide(a, b), "mod(x, y)": lambda a, b: a % b,
            "x << y": lambda a, b: a << (b % width), "x >> y": lambda a, b: a >> (b % width),
            "x & y": lambda a, b: a & b, "x | y": lambda a, b: a | b, "x ^ y": lambda a, b: a ^ b,
            "-x": lambda a, b: -a, "~x": lambda a, b: ~a, "abs(x)": lambda a, b: abs(a),
            "sign(x)": lambda a, b: (a > 0) - (a < 0),
            "min(x, y)": min, "max(x, y)": max, "clamp(x, y, 5)": lambda a, b: min(max(a, b), 5),
            "popcount(x)": lambda a, b: bin(a & mask).count("1"),
            "clz(x)": lambda a, b: width - (a & mask).bit_length(),
            "x ** 0": lambda a, b: 1, "x ** 3": lambda a, b: a**3, "x ** 64": lambda a, b: a**64,
            "x ** 65": lambda a, b: a**65}


COMPARISONS = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
               "==": lambda a, b: a == b, "!=": lambda a, b: a != b}


def reductions(kind, xs):
    n, wide = len(xs), "i64" if kind[0] == "i" else "u64"
    h = 0.5 * (n - 1)
    rank = [float(v) for v in sorted(xs)]
    median = rank[int(h)] + (rank[min(int(h) + 1, n - 1)] - rank[int(h)]) * (h - int(h))
    want = {"sum": (wide, (), [wrap(sum(xs), wide)]), "prod": (wide, (), [wrap(math.prod(xs), wide)]),
            "min": (kind, (), [min(xs)]), "max": (kind, (), [max(xs)]), "argmin": ("i64", (), [xs.index(min(xs))]),
            "argmax": ("i64", (), [xs.index(max(xs))]),
            "cumsum": (wide, (n,), [wrap(v, wide) for v in itertools.accumulate(xs)]),
            "cumprod": (wide, (n,), list(itertools.accumulate(xs, lambda a, b: wrap(a * b, wide)))),
            "cummin": (kind, (n,), list(itertools.accumulate(xs, min))),
            "cummax": (kind, (n,), list(itertools.accumulate(xs, max))),
            "sort": (kind, (n,), sorted(xs)), "argsort": ("i64", (n,), sorted(range(n), key=lambda i: xs[i])),
            "median": ("f64", (), [median])}
    if TYPES[kind][1] < 2**32:
        want["mean"] = ("f64", (), [float(Fraction(sum(xs), n))])
    return {f"r_{name}": (f"{name}(x)", page) for name, page in want.items()}


def of_type(kind):
    low, high = TYPES[kind]
    width = (high - low).bit_length()
    values = sorted({v for v in (low, low + 1, -2, -1, 0, 1, 2, 3, 7, high - 1, high) if low <= v <= high})
    pairs = [(a, b) for a in values for b in values if b != 0]
    n, shape = len(pairs), (len(pairs),)
    pages = {f"o{k}": (text, (kind, shape, [wrap(f(a, b), kind) for a, b in pairs]))
             for k, (text, f) in enumerate(operators(width).items())}
    pages.update({f"c{k}": (f"x {text} y", ("bool", shape, [f(a, b) for a, b in pairs]))
                  for k, (text, f) in enumerate(COMPARISONS.items())})
    pages.update({f"to_{t}": (f"{t}(x)", (t, shape, [wrap(a, t) for a, _ in pairs])) for t in TYPES})
    pages["to_bool"] = ("bool(x)", ("bool", shape, [a != 0 for a, _ in pairs]))
    pages["to_f64"] = ("f64(x)", ("f64", shape, [float(a) for a, _ in pairs]))
    pages["to_f32"] = ("f32(x)", ("f32", shape, [to_f32(a) for a, _ in pairs]))
    powers = [wrap(a**(wrap(abs(b), kind) & 63), kind) for a, b in pairs]
    pages["power"] = ("x ** (abs(y) & 63)", (kind, shape, powers))
    pages.update(reductions(kind, [a for a, _ in pairs]))

    def setup(cwd):
        npy_write(f"{cwd}/x.npy", kind, shape, [a for a, _ in pairs])
        npy_write(f"{cwd}/y.npy", kind, shape, [b for _, b in pairs])

    graph = f'source x: {kind}[{n}] from "x.npy"\nsource y: {kind}[{n}] from "y.npy"\n'
    graph += "".join(f"page {name} = {text}\n" for name, (text, _) in pages.items())
    check(f"integers: {kind}", graph, {name: page for name, (_, page) in pages.items()}, setup=setup)
    for text in ("1 / x[1]", "1 % x[1]", "mod(1, x[1])"):
        check(f"integers: {kind} {text}", f"source x: {kind}[3]\npage q = {text}\n", status=1,
              err=[r"epoch 0 rejected: q.*by 0.*g\.mmsbg:2"])


def run():
    for kind in TYPES:
        of_type(kind)
    check("integers: MIN by -1",
          "source x: i32 = -2147483648\nsource y: i32 = -1\npage q = x / y\npage r = x % y\npage m = mod(x, y)\n",
          {"q": ("i32", (), [-2**31]), "r": ("i32", (), [0]), "m": ("i32", (), [0])})
    check("integers: a negative exponent", "source x: i32 = 2\nsource y: i32 = -1\npage q = x ** y\n", status=1,
          err=["q", r"g\.mmsbg:3"])
