# SPDX-License-Identifier: Apache-2.0
"""The order of float sums, products, dots and scans, and of sorts with NaN, infinities and both zeros."""
import itertools
import math
import random
from fractions import Fraction

from base import bits, check, f32, npy_write

NAN, INF = math.nan, math.inf


def to(x, kind):
    return x if kind == "f64" else f32(x)


def rounded(value, kind):
    """A fraction rounded once, far from the ends of the range."""
    digits = 53 if kind == "f64" else 24
    size, e = abs(value), value.numerator.bit_length() - value.denominator.bit_length() - digits
    while size / Fraction(2)**e >= 2**digits:
        e += 1
    while size / Fraction(2)**e < 2**(digits - 1):
        e -= 1
    scaled = size / Fraction(2)**e
    q = scaled.numerator // scaled.denominator
    rest = scaled - q
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and q & 1):
        q += 1
    return math.copysign(float(Fraction(q) * Fraction(2)**e), value)


def fma(a, b, c, kind):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return rounded(exact, kind) if exact else a * b + c


def joined(values, op):
    """Up to eight values, None where one is absent: ((0+4)+(2+6))+((1+5)+(3+7))."""
    v = list(values) + [None] * (8 - len(values))

    def two(a, b):
        return b if a is None else a if b is None else op(a, b)

    return two(two(two(v[0], v[4]), two(v[2], v[6])), two(two(v[1], v[5]), two(v[3], v[7])))


def up(leaves, op):
    while len(leaves) > 1:
        leaves = [joined(leaves[k:k + 8], op) for k in range(0, len(leaves), 8)]
    return leaves[0]


def canonical(items, op):
    """Leaves of 64 positions in eight lanes."""
    def lane(block, k):
        there = [v for v in block[k::8] if v is not None]
        return None if not there else itertools.accumulate(there, op)

    def last(it):
        value = None
        for value in it or ():
            pass
        return value

    blocks = [items[k:k + 64] for k in range(0, len(items), 64)] or [[]]
    return up([joined([last(lane(b, k)) for k in range(8)], op) for b in blocks], op)


def folded(pairs, kind):
    acc = None
    for a, b in pairs:
        acc = to(a * b, kind) if acc is None else fma(a, b, acc, kind)
    return acc


def dot(x, y, kind):
    pairs = list(zip(x, y))
    blocks = [pairs[k:k + 64] for k in range(0, len(pairs), 64)]

    def add(a, b):
        return to(a + b, kind)

    return up([joined([folded(b[k::8], kind) for k in range(8)], add) for b in blocks], add)


def product(x, y, kind):
    pairs = list(zip(x, y))
    return up([folded(pairs[k:k + 512], kind) for k in range(0, len(pairs), 512)], lambda a, b: to(a + b, kind))


def scan(row, op):
    out, before = [], None
    for k in range(0, len(row), 512):
        block = list(itertools.accumulate(row[k:k + 512], op))
        out += block if before is None else [op(v, before) for v in block]
        before = block[-1] if before is None else op(before, block[-1])
    return out


def sums(kind, n, rng):
    def some():
        return to(rng.uniform(-1, 1) * 10**rng.randint(-6, 6), kind)

    def add(a, b):
        return to(a + b, kind)

    def times(a, b):
        return to(a * b, kind)

    def mean(items):
        there = sum(v is not None for v in items)
        return NAN if not there else to(canonical(items, add) / there, kind)

    def total(items):
        value = canonical(items, add)
        return 0.0 if value is None else value

    xs, ys = [some() for _ in range(n)], [some() for _ in range(n)]
    near = [to(1 + x * 1e-9, kind) for x in xs]
    keys = [rng.randrange(4) if rng.random() < 0.9 else 9 for _ in range(n)]
    filtered = [x if x > 0 else None for x in xs]
    ranks = [[x for x, k in zip(xs, keys) if k == g] for g in range(5)]
    kept = [[x if x > 0 else None for x in rank] for rank in ranks]
    one = {"s": ("sum(x)", total(xs)), "p": ("prod(near)", canonical(near, times)), "m": ("mean(x)", mean(xs)),
           "sf": (f"sum(x[i] for i: {n} if x[i] > 0)", total(filtered)),
           "mf": (f"mean(x[i] for i: {n} if x[i] > 0)", mean(filtered)),
           "d": ("dot(x, y)", dot(xs, ys, kind))}
    pages = {name: (text, (kind, (), [value])) for name, (text, value) in one.items()}
    pages["cs"] = ("cumsum(x)", (kind, (n,), scan(xs, add)))
    pages["cp"] = ("cumprod(near)", (kind, (n,), scan(near, times)))
    pages["mv"] = ("matmul(a, y)", (kind, (1,), [product(xs, ys, kind)]))
    keyed = {"ks": ("sum(x by k if k < 5)", [total(r) for r in ranks]),
             "kf": ("sum(x by k if k < 5 && x > 0)", [total(r) for r in kept]),
             "km": ("mean(x by k if k < 5 && x > 0)", [mean(r) for r in kept])}
    sources = (("x", kind), ("y", kind), ("near", kind), ("k", "i32"))
    graph = "".join(f'source {v}: {t}[{n}] from "{v}.npy"\n' for v, t in sources)
    graph += f'source a: {kind}[1, {n}] from "a.npy"\n'
    graph += "".join(f"page {name} = {text}\n" for name, (text, _) in pages.items())
    graph += "".join(f"page {name}: {kind}[5] = {text}\n" for name, (text, _) in keyed.items())
    want = {name: page for name, (_, page) in pages.items()}
    want.update({name: (kind, (5,), values) for name, (_, values) in keyed.items()})

    def setup(cwd):
        for name, t, values in (("x", kind, xs), ("y", kind, ys), ("near", kind, near), ("k", "i32", keys)):
            npy_write(f"{cwd}/{name}.npy", t, (n,), values)
        npy_write(f"{cwd}/a.npy", kind, (1, n), xs)

    check(f"order: {n} of {kind}", graph, want, setup=setup)


def place(v):
    """-0 before +0, NaN last."""
    return (1, 0, 0) if v != v else (0, v, math.copysign(1, v) if v == 0 else 0)


def least(a, b):
    return NAN if a != a or b != b else a if place(a) <= place(b) else b


def most(a, b):
    return NAN if a != a or b != b else a if place(a) >= place(b) else b


def sorts(kind, n, rng):
    pool = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.5]
    xs = [rng.choice(pool) if rng.random() < 0.7 else f32(rng.uniform(-9, 9)) for _ in range(n)]
    rising, k = sorted(xs, key=place), min(n, 5)
    falling = [v for v in rising if v == v][::-1] + [v for v in rising if v != v]
    low, high = list(itertools.accumulate(xs, least)), list(itertools.accumulate(xs, most))
    all_bits = [bits(v, "f64") for v in xs]
    want = {"s": (kind, (n,), rising), "a": ("i64", (n,), sorted(range(n), key=lambda i: place(xs[i]))),
            "t": (kind, (k,), falling[:k]),
            "ci": (kind, (n,), low), "ca": (kind, (n,), high), "mn": (kind, (), low[-1:]),
            "mx": (kind, (), high[-1:]),
            "am": ("i64", (), [all_bits.index(bits(low[-1], "f64"))]),
            "ax": ("i64", (), [all_bits.index(bits(high[-1], "f64"))])}
    graph = f'source x: {kind}[{n}] from "x.npy"\npage s = sort(x)\npage a = argsort(x)\npage t = topk(x, {k})\n'
    graph += "page ci = cummin(x)\npage ca = cummax(x)\npage mn = min(x)\npage mx = max(x)\n"
    graph += "page am = argmin(x)\npage ax = argmax(x)\n"
    check(f"order: sorts of {n} of {kind}", graph, want, setup=lambda cwd: npy_write(f"{cwd}/x.npy", kind, (n,), xs))


def quantiles(n, q, rng):
    xs = [rng.uniform(-5, 5) for _ in range(n)]
    rank, h = sorted(xs), q * (n - 1)
    low = math.floor(h)
    value = rank[low] + (rank[min(low + 1, n - 1)] - rank[low]) * (h - low)
    check(f"order: quantile {q} of {n}",
          f'source x: f64[2, {n}] from "x.npy"\nsource q: f64 = {q!r}\npage a = quantile(x, q)\n',
          {"a": ("f64", (2,), [value])}, setup=lambda cwd: npy_write(f"{cwd}/x.npy", "f64", (2, n), xs + xs))


def run():
    rng = random.Random(11)
    for kind in ("f64", "f32"):
        for n in (1, 5, 63, 65, 512, 513, 1030, 4097):
            sums(kind, n, rng)
        for n in (1, 2, 7, 64, 513, 1500):
            sorts(kind, n, rng)
    for n in (1, 2, 5, 8):
        for q in (0.0, 0.1, 1 / 3, 0.5, 1.0):
            quantiles(n, q, rng)
    zero = ("source x: f64[4] = -0.0\nsource k: i8[4]\npage a = sum(x)\npage b = sum(x[i] for i: 4 if i > 5)\n"
            "page c = mean(x)\npage d: f64[2] = sum(x by k)\n")
    check("order: sums of -0 and of nothing", zero,
          {"a": ("f64", (), [-0.0]), "b": ("f64", (), [0.0]), "c": ("f64", (), [-0.0]),
           "d": ("f64", (2,), [-0.0, 0.0])})
