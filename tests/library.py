#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the library of graphs/: library.py BIN [WORD ...]

Every node and fn of graphs/ is imported by a small graph that runs on seeded input, with every epoch
compared with a full evaluation (--oracle 1); the result is compared with plain Python that computes the
same, where possible in another way. Every whole graph of graphs/ runs for five epochs likewise. A WORD
keeps the checks whose name contains it. Integers and bools must be equal. A float may differ by 1e-12
(or what the check states) of the larger of itself and the largest of its page, since the order of
operations is not promised to be the same.
"""
import ast
import cmath
import glob
import math
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/bin")
GRAPHS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "graphs")
TYPES = {"f64": ("<f8", "d"), "i64": ("<i8", "q"), "u32": ("<u4", "I"), "bool": ("|b1", "?")}
CHECKS = []


class Wrong(Exception):
    pass


# Pages: nested lists, written to and read from .npy files.

def shape_of(v):
    shape = []
    while isinstance(v, list):
        shape.append(len(v))
        v = v[0]
    return tuple(shape)


def flat(v):
    return [x for part in v for x in flat(part)] if isinstance(v, list) else [v]


def nest(values, shape):
    if not shape:
        return values[0]
    step = len(values) // shape[0]
    return [nest(values[i * step:(i + 1) * step], shape[1:]) for i in range(shape[0])]


def npy_write(path, kind, v):
    descr, code = TYPES[kind]
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape_of(v)}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    values = flat(v)
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        f.write(struct.pack(f"<{len(values)}{code}", *values))


def npy_read(path):
    with open(path, "rb") as f:
        b = f.read()
    size = struct.unpack("<H", b[8:10])[0]
    head = ast.literal_eval(b[10:10 + size].decode("latin-1").strip())
    code = {d: c for d, c in TYPES.values()}[head["descr"]]
    count = math.prod(head["shape"])
    return nest(list(struct.unpack(f"<{count}{code}", b[10 + size:10 + size + count * struct.calcsize(code)])),
                head["shape"])


def number(x):
    return str(int(x)) if isinstance(x, (bool, int)) else repr(x)


def delta_lines(steps):
    """One epoch for each dict of {page: new contents}; `page[4]` as a name changes one element."""
    lines = []
    for step in steps:
        for name, v in step.items():
            ranges = ", ".join(f"0..{d}" for d in shape_of(v))
            lines.append(f"{name}{'[' + ranges + ']' if ranges else ''} = {', '.join(map(number, flat(v)))}")
        lines.append("commit" if step else "tick 1")
    return "\n".join(lines) + "\n"


def tool(work, name, arguments, status=0):
    p = subprocess.run([os.path.join(BIN, name)] + arguments, cwd=work, capture_output=True, text=True, timeout=300)
    if p.returncode != status:
        raise Wrong(f"{name}: status {p.returncode}, wanted {status}: {(p.stderr or p.stdout).strip()[:600]}")
    return p


def run(text, inputs=None, steps=(), outs=(), status=0, defines=(), path=None):
    """Compiles a graph (text, or the file at path), runs it, gives {page: contents at the end}.
    inputs: {source: (type, contents)}, written to files. Returns what was printed under ''."""
    with tempfile.TemporaryDirectory() as work:
        if path is None:
            path = os.path.join(work, "graph.mmsbg")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        tool(work, "mmsbc", [path, "-I", GRAPHS, "-o", "graph.mmsbx"] + [f"-D{d}" for d in defines])
        arguments = ["graph.mmsbx", "--oracle", "1"]
        for name, (kind, v) in (inputs or {}).items():
            npy_write(os.path.join(work, name + ".npy"), kind, v)
            arguments += ["--in", f"{name}={name}.npy"]
        if steps:
            with open(os.path.join(work, "deltas.txt"), "w", encoding="utf-8") as f:
                f.write(delta_lines(steps))
            arguments += ["--deltas", "deltas.txt"]
        for k, name in enumerate(outs):
            arguments += ["--out", f"{name}=out{k}.npy"]
        p = tool(work, "mmsb-run", arguments, status)
        result = {"": p.stdout + p.stderr}
        if status == 0:
            result.update((name, npy_read(os.path.join(work, f"out{k}.npy"))) for k, name in enumerate(outs))
        return result


def declare(inputs):
    return "".join(f"source {name}: {kind}{list(shape_of(v)) if shape_of(v) else ''}\n" for name, (kind, v) in inputs.items())


def library(module, body, inputs, outs, steps=(), head=""):
    """Runs `use o = m.NODE(...)` (or pages) of a module; outs maps the node's results to pages."""
    pages = "".join(f"page out_{k} = {e}\n" for k, e in enumerate(outs))
    got = run(f'graph check\nimport "{module}.mmsbg" as m\n{head}{declare(inputs)}{body}\n{pages}', inputs, steps,
              [f"out_{k}" for k in range(len(outs))])
    return [got[f"out_{k}"] for k in range(len(outs))]


def same(got, want, tol=1e-12, what=""):
    if shape_of(got) != shape_of(want):
        raise Wrong(f"{what}: shape {shape_of(got)}, wanted {shape_of(want)}")
    a, b = flat(got), flat(want)
    scale = max([abs(x) for x in b if isinstance(x, float) and math.isfinite(x)], default=0.0)
    for i, (x, y) in enumerate(zip(a, b)):
        if not isinstance(y, float):
            ok = x == y and not isinstance(x, float)
        elif not math.isfinite(y):
            ok = x == y or (x != x and y != y)
        else:
            ok = abs(x - y) <= tol * max(abs(y), scale)
        if not ok:
            raise Wrong(f"{what}: position {i}: {x!r}, wanted {y!r}")


def expect(got, wants, tol=1e-12):
    for k, (g, w) in enumerate(zip(got, wants)):
        same(g, w, tol, f"result {k}")


def check(name, *covers):
    """Registers a check; covers: the library items `file.name` that it exercises (the name itself if none)."""
    def add(f):
        CHECKS.append((name, covers or (name,), f))
        return f
    return add


class Draw(random.Random):
    def vec(self, n, lo=-1.0, hi=1.0):
        return [self.uniform(lo, hi) for _ in range(n)]

    def mat(self, n, m, lo=-1.0, hi=1.0):
        return [self.vec(m, lo, hi) for _ in range(n)]


def mean(v):
    return math.fsum(v) / len(v)


def matvec(a, v):
    return [math.fsum(x * y for x, y in zip(row, v)) for row in a]


def lanes(f, *vectors):
    return [f(*v) for v in zip(*vectors)]


def columns(series):
    return [list(c) for c in zip(*series)]


# Philox4x32-10, as docs/Language.md describes rand_u32, uniform and normal.

def philox(seed, c0, c1):
    mask = 0xffffffff
    c = [c0 & mask, (c0 >> 32) & mask, c1 & mask, (c1 >> 32) & mask]
    k = [seed & mask, (seed >> 32) & mask]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & mask, (a >> 32) ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c


def normal(seed, c0, c1=0):
    c = philox(seed, c0, c1)
    u0 = ((c[1] << 32 | c[0]) >> 11) * 2.0 ** -53
    u1 = ((c[3] << 32 | c[2]) >> 11) * 2.0 ** -53
    return math.sqrt(-2.0 * math.log(1.0 - u0)) * math.cos(2.0 * math.pi * u1)


# finance

def big_n(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def small_n(x):
    return math.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi)


def d1(s, k, t, r, q, v):
    return (math.log(s / k) + (r - q + v * v / 2.0) * t) / (v * math.sqrt(t))


def d2(s, k, t, r, q, v):
    return (math.log(s / k) + (r - q - v * v / 2.0) * t) / (v * math.sqrt(t))


def option(sign):
    """Value, delta, theta and rho of a call (1) or a put (-1); theta from the Black-Scholes equation."""
    def value(s, k, t, r, q, v):
        return sign * (s * math.exp(-q * t) * big_n(sign * d1(s, k, t, r, q, v))
                       - k * math.exp(-r * t) * big_n(sign * d2(s, k, t, r, q, v)))

    def delta(s, k, t, r, q, v):
        return sign * math.exp(-q * t) * big_n(sign * d1(s, k, t, r, q, v))

    def theta(s, k, t, r, q, v):
        a = (s, k, t, r, q, v)
        return r * value(*a) - (r - q) * s * delta(*a) - 0.5 * v * v * s * s * gamma(*a)

    def rho(s, k, t, r, q, v):
        return sign * k * t * math.exp(-r * t) * big_n(sign * d2(s, k, t, r, q, v))
    return value, delta, theta, rho


def gamma(s, k, t, r, q, v):
    return math.exp(-q * t) * small_n(d1(s, k, t, r, q, v)) / (s * v * math.sqrt(t))


def vega(s, k, t, r, q, v):
    return k * math.exp(-r * t) * small_n(d2(s, k, t, r, q, v)) * math.sqrt(t)


call, call_delta, call_theta, call_rho = option(1)
put, put_delta, put_theta, put_rho = option(-1)


def options(seed, n=60, spread=0.5):
    d = Draw(seed)
    return {"s": ("f64", d.vec(n, 100.0 * (1 - spread), 100.0 * (1 + spread))),
            "k": ("f64", d.vec(n, 100.0 * (1 - spread), 100.0 * (1 + spread))), "t": ("f64", d.vec(n, 0.2, 3.0)),
            "r": ("f64", d.vec(n, -0.01, 0.08)), "q": ("f64", d.vec(n, 0.0, 0.04)), "v": ("f64", d.vec(n, 0.15, 0.6))}


def bs_check(name, f):
    @check("finance." + name)
    def _():
        inputs = options(name)
        got = library("finance", "", inputs, [f"m.{name}(s, k, t, r, q, v)"])
        expect(got, [lanes(f, *(v for _, v in inputs.values()))])


for bs_name, bs_function in [("bs_d1", d1), ("bs_d2", d2), ("bs_call", call), ("bs_put", put), ("bs_call_delta", call_delta),
                             ("bs_put_delta", put_delta), ("bs_gamma", gamma), ("bs_vega", vega), ("bs_call_theta", call_theta),
                             ("bs_put_theta", put_theta), ("bs_call_rho", call_rho), ("bs_put_rho", put_rho)]:
    bs_check(bs_name, bs_function)


def fn_check(item, f, lo=-6.0, hi=6.0, extra="", more=()):
    @check(item)
    def _():
        module, name = item.split(".")
        x = Draw(item).vec(200, lo, hi) + list(more)
        expect(library(module, "", {"x": ("f64", x)}, [f"m.{name}(x{extra})"]), [[f(v) for v in x]])


fn_check("finance.norm_pdf", small_n)
fn_check("finance.norm_cdf", big_n)
fn_check("finance.ema_alpha", lambda n: 2.0 / (n + 1.0), 1.0, 100.0)


@check("finance: values known from Hull, to the digits printed there", "finance.bs_call", "finance.bs_put")
def _():
    got = library("finance", "", {"s": ("f64", [42.0])}, ["m.bs_call(s, 40.0, 0.5, 0.1, 0.0, 0.2)", "m.bs_put(s, 40.0, 0.5, 0.1, 0.0, 0.2)"])
    if [round(g[0], 2) for g in got] != [4.76, 0.81]:
        raise Wrong(f"{got}")


@check("finance.bs_iv_step")
def _():
    inputs = options("step")
    got = library("finance", "", inputs, ["m.bs_iv_step(10.0, s, k, t, r, q, v)"])

    def step(s, k, t, r, q, v):
        a = (s, k, t, r, q, v)
        return min(max(v - (call(*a) - 10.0) / max(vega(*a), 1e-12), 1e-6), 10.0)
    expect(got, [lanes(step, *(v for _, v in inputs.values()))], 1e-11)


def iv_check(name, value):
    @check("finance." + name)
    def _():
        inputs = options(name, 60, 0.15)
        inputs["c"] = ("f64", lanes(value, *(v for _, v in inputs.values())))
        expect(library("finance", "", inputs, [f"m.{name}(c, s, k, t, r, q)"]), [inputs["v"][1]], 1e-9)


iv_check("bs_iv_call", call)
iv_check("bs_iv_put", put)


def walk(seed, n, length, lo=-2.0, hi=2.0):
    d = Draw(seed)
    series = [d.vec(n, 90.0, 110.0)]
    for _ in range(length):
        series.append([x + d.uniform(lo, hi) for x in series[-1]])
    return series


def over_time(module, body, series, outs, head="", name="x"):
    return library(module, body, {name: ("f64", series[0])}, outs, [{name: v} for v in series[1:]], head)


def ema(values, alpha):
    y = values[0]
    out = [y]
    for x in values[1:]:
        y = alpha * x + (1.0 - alpha) * y
        out.append(y)
    return out


@check("finance.ema")
def _():
    series = walk("ema", 7, 30)
    expect(over_time("finance", "use o = m.ema(x, 0.2)", series, ["o.y"]), [[ema(c, 0.2)[-1] for c in columns(series)]])


@check("finance.macd")
def _():
    series = walk("macd", 5, 40)
    want = []
    for c in columns(series):
        line = [a - b for a, b in zip(ema(c, 2 / 13), ema(c, 2 / 27))]
        want.append((line[-1], ema(line, 0.2)[-1], line[-1] - ema(line, 0.2)[-1]))
    expect(over_time("finance", "use o = m.macd(x, 12.0, 26.0, 9.0)", series, ["o.line", "o.trigger", "o.bar"]), columns(want), 1e-11)


@check("finance.rsi")
def _():
    series = [row + [50.0] for row in walk("rsi", 5, 25)]
    want = []
    for c in columns(series):
        g = l = 0.0
        for a, b in zip(c, c[1:]):
            g = (g * 13.0 + max(b - a, 0.0)) / 14.0
            l = (l * 13.0 + max(a - b, 0.0)) / 14.0
        want.append(100.0 - 100.0 / (1.0 + g / l) if l else 50.0)
    expect(over_time("finance", "use o = m.rsi(x, 14.0)", series, ["o.y"]), [want], 1e-11)


@check("finance.vwap")
def _():
    price, d = walk("vwap", 4, 12), Draw("volume")
    volume = [[0.0] + [float(d.randrange(0, 90)) for _ in range(2)] + [1e-5] for _ in price]
    got = library("finance", "use o = m.vwap(x, z)", {"x": ("f64", price[0]), "z": ("f64", volume[0])}, ["o.y"],
                  [{"x": a, "z": b} for a, b in zip(price[1:], volume[1:])])
    expect(got, [[math.fsum(a * b for a, b in zip(p, v)) / sum(v) if sum(v) else p[-1]
                  for p, v in zip(columns(price), columns(volume))]])


@check("finance.drawdown")
def _():
    series = walk("drawdown", 6, 30)
    want = [(1.0 - c[-1] / max(c), max(1.0 - x / max(c[:i + 1]) for i, x in enumerate(c)), max(c)) for c in columns(series)]
    expect(over_time("finance", "use o = m.drawdown(x)", series, ["o.now", "o.worst", "o.peak"]), columns(want))


@check("finance.log_return")
def _():
    series = walk("return", 6, 3)
    expect(over_time("finance", "use o = m.log_return(x)", series, ["o.y"]), [[math.log(c[-1] / c[-2]) for c in columns(series)]])


def tail(values, level):
    s = sorted(values)
    h = (1.0 - level) * (len(s) - 1)
    low = math.floor(h)
    cut = s[low] + (s[min(low + 1, len(s) - 1)] - s[low]) * (h - low)
    return -cut, -mean([x for x in values if x <= cut])


@check("finance.var_historical")
def _():
    pnl = [random.Random(i).gauss(0.0, 1000.0) for i in range(501)]
    expect(library("finance", "use o = m.var_historical(x, 0.975)", {"x": ("f64", pnl)}, ["o.value", "o.shortfall"]), list(tail(pnl, 0.975)))


@check("finance: var_historical faults where the level is outside [0, 1]", "finance.var_historical")
def _():
    text = 'import "finance.mmsbg" as m\nsource x: f64[9]\nsource a: f64 = 0.5\nuse o = m.var_historical(x, a)\npage v = o.value\n'
    if "quantile" not in run(text, steps=[{"a": 1.5}], status=1)[""]:
        raise Wrong("the error does not name the quantile")


@check("finance.var_monte_carlo")
def _():
    amount, vol, chol, paths = [5e5, -2e5, 3e5], [0.02, 0.03, 0.015], [[1.0, 0.0, 0.0], [0.5, 0.8, 0.0], [0.3, -0.2, 0.9]], 400
    got = library("finance", "use o = m.var_monte_carlo(a, v, l, 0.95, 77, 400)",
                  {"a": ("f64", [0.0] * 3), "v": ("f64", vol), "l": ("f64", chol)}, ["o.pnl", "o.value", "o.shortfall"], [{"a": amount}])
    pnl = []
    for p in range(paths):
        z = [normal(77, p, j) for j in range(3)]
        pnl.append(sum(x * s * y for x, s, y in zip(amount, vol, matvec(chol, z))))
    expect(got, [pnl, *tail(pnl, 0.95)], 1e-11)


# signal

@check("signal.fir")
def _():
    series, h = walk("fir", 5, 12), Draw("taps").vec(5)
    got = library("signal", "use o = m.fir(x, h)", {"x": ("f64", series[0]), "h": ("f64", h)}, ["o.y"], [{"x": v} for v in series[1:]])
    expect(got, [[math.fsum(a * c[-1 - k] for k, a in enumerate(h)) for c in columns(series)]])


def direct_form(c, b0, b1, b2, a1, a2):
    x1 = x2 = y1 = y2 = 0.0
    for x in c:
        x2, x1, y2, y1 = x1, x, y1, b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
    return y1


@check("signal.biquad")
def _():
    series, k = walk("biquad", 5, 25, -20.0, 20.0), (0.3, -0.2, 0.1, -0.9, 0.4)
    expect(over_time("signal", f"use o = m.biquad(x, {', '.join(map(str, k))})", series, ["o.y"]), [[direct_form(c, *k) for c in columns(series)]], 1e-11)


@check("signal.lowpass")
def _():
    series = walk("lowpass", 5, 25, -20.0, 20.0)
    w = 2.0 * math.pi * 0.1
    alpha = math.sin(w) / (2.0 * 0.7071)
    b, a0 = (1.0 - math.cos(w)) / 2.0, 1.0 + alpha
    k = [x / a0 for x in (b, 2.0 * b, b, -2.0 * math.cos(w), 1.0 - alpha)]
    expect(over_time("signal", "use o = m.lowpass(x, 0.1, 0.7071)", series, ["o.y"]), [[direct_form(c, *k) for c in columns(series)]], 1e-11)


@check("signal: lowpass keeps a constant", "signal.lowpass")
def _():
    expect(over_time("signal", "use o = m.lowpass(x, 0.1, 0.7071)", [[3.0]] * 200, ["o.y"]), [[3.0]], 1e-9)


def window(c, k):
    w = ([c[0]] * k + c)[-k:]
    return mean(w), math.sqrt(mean([(x - mean(w)) ** 2 for x in w]))


def window_check(length):
    @check(f"signal.window after {length} epochs", "signal.window")
    def _():
        series = walk("window", 6, length)
        expect(over_time("signal", "use o = m.window(x, 8)", series, ["o.mid", "o.dev"]), columns([window(c, 8) for c in columns(series)]))


window_check(4)
window_check(20)


@check("signal.zscore")
def _():
    series = [row + [50.0] for row in walk("zscore", 6, 20)]
    expect(over_time("signal", "use o = m.zscore(x, 8)", series, ["o.z"]),
           [[(c[-1] - window(c, 8)[0]) / window(c, 8)[1] if window(c, 8)[1] else 0.0 for c in columns(series)]], 1e-11)


def kalman(c, q, r):
    x, p, gain = c[0], r, 1.0
    for z in c[1:]:
        gain = 1.0 / (1.0 + r / (p + q))
        x, p = (1.0 - gain) * x + gain * z, gain * r
    return x, p, gain


@check("signal.kalman")
def _():
    series = walk("kalman", 6, 20)
    expect(over_time("signal", "use o = m.kalman(x, 0.5, 4.0)", series, ["o.x", "o.p", "o.gain"]), columns([kalman(c, 0.5, 4.0) for c in columns(series)]))


@check("signal: kalman in epoch 0", "signal.kalman")
def _():
    expect(over_time("signal", "use o = m.kalman(x, 0.5, 4.0)", [[3.0, 5.0]], ["o.x", "o.p", "o.gain"]), [[3.0, 5.0], [4.0, 4.0], [1.0, 1.0]])


@check("signal.goertzel")
def _():
    d = Draw("goertzel")
    series = [d.vec(4) for _ in range(30)]
    want = [abs(sum(x * cmath.exp(-2j * math.pi * 3 * i / 10) for i, x in enumerate(c[10:20]))) ** 2 for c in columns(series)]
    expect(over_time("signal", "use o = m.goertzel(x, 10, 3)", series[:25], ["o.power"]), [want], 1e-11)
    want = [abs(sum(x * cmath.exp(-2j * math.pi * 3 * i / 10) for i, x in enumerate(c[:10]))) ** 2 for c in columns(series)]
    expect(over_time("signal", "use o = m.goertzel(x, 10, 3)", series[:10], ["o.power"]), [want], 1e-11)
    expect(over_time("signal", "use o = m.goertzel(x, 10, 3)", series[:9], ["o.power"]), [[0.0] * 4])


# stencil: at(u, i, j) reads outside as the edge says

def clamp(u, i, j):
    return u[min(max(i, 0), len(u) - 1)][min(max(j, 0), len(u[0]) - 1)]


def mirror(u, i, j):
    n, m = len(u) - 1, len(u[0]) - 1
    return u[n - abs(n - abs(i))][m - abs(m - abs(j))]


def zero(u, i, j):
    return u[i][j] if 0 <= i < len(u) and 0 <= j < len(u[0]) else 0.0


def wrap(u, i, j):
    return u[i % len(u)][j % len(u[0])]


def grid(u, f):
    return [[f(i, j) for j in range(len(u[0]))] for i in range(len(u))]


def weigh(u, at, kernel):
    return grid(u, lambda i, j: math.fsum(w * at(u, i + a - 1, j + b - 1) for a, row in enumerate(kernel) for b, w in enumerate(row) if w))


LAPLACE = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]


def heat_step(u, k):
    return weigh(u, clamp, [[0, k, 0], [k, 1.0 - 4.0 * k, k], [0, k, 0]])


@check("stencil.laplacian")
def _():
    u = Draw("laplacian").mat(7, 9)
    expect(library("stencil", "use o = m.laplacian(x)", {"x": ("f64", u)}, ["o.y"]), [weigh(u, clamp, LAPLACE)])


@check("stencil.heat")
def _():
    u = Draw("heat").mat(7, 9, 0.0, 100.0)
    got = library("stencil", "use o = m.heat(x, 0.2)", {"x": ("f64", u)}, ["o.u"], [{}] * 6)
    for _ in range(6):
        u = heat_step(u, 0.2)
    expect(got, [u])


@check("stencil: a delta changes the field of heat", "stencil.heat")
def _():
    u = Draw("heat").mat(7, 9, 0.0, 100.0)
    got = library("stencil", "use o = m.heat(x, 0.2)", {"x": ("f64", u)}, ["o.u"], [{}, {"o.u[3, 4]": 500.0}, {}])
    u = heat_step(u, 0.2)
    u[3][4] = 500.0
    expect(got, [heat_step(heat_step(u, 0.2), 0.2)])


@check("stencil.wave")
def _():
    u = Draw("wave").mat(6, 8)
    got = library("stencil", "use o = m.wave(x, 0.3)", {"x": ("f64", u)}, ["o.u"], [{}] * 7)
    old = u
    for _ in range(7):
        lap = weigh(u, zero, LAPLACE)
        old, u = u, grid(u, lambda i, j: 2.0 * u[i][j] - old[i][j] + 0.3 * lap[i][j])
    expect(got, [u], 1e-11)


def life_step(u):
    def cell(i, j):
        c = sum(wrap(u, i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)) - u[i][j]
        return c == 3 or (c == 2 and u[i][j])
    return grid(u, cell)


@check("stencil.life")
def _():
    d = Draw("life")
    u = [[d.random() < 0.4 for _ in range(13)] for _ in range(11)]
    got = library("stencil", "use o = m.life(x)", {"x": ("bool", u)}, ["o.grid"], [{}] * 8)
    for _ in range(8):
        u = life_step(u)
    expect(got, [u])


@check("stencil.blur")
def _():
    u = Draw("blur").mat(6, 9)
    expect(library("stencil", "use o = m.blur(x)", {"x": ("f64", u)}, ["o.y"]),
           [weigh(u, mirror, [[a * b / 16.0 for b in (1, 2, 1)] for a in (1, 2, 1)])])


@check("stencil.sobel")
def _():
    u = Draw("sobel").mat(6, 9)
    dx = weigh(u, clamp, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    dy = weigh(u, clamp, [[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    expect(library("stencil", "use o = m.sobel(x)", {"x": ("f64", u)}, ["o.dx", "o.dy", "o.size"]),
           [dx, dy, grid(u, lambda i, j: math.hypot(dx[i][j], dy[i][j]))])


def advect_check(c):
    @check(f"stencil.advect, {'left' if c < 0 else 'right'}", "stencil.advect")
    def _():
        u = Draw("advect").vec(20)
        got = library("stencil", f"use o = m.advect(x, {c})", {"x": ("f64", u)}, ["o.u"], [{}] * 9)
        for _ in range(9):
            u = [(1.0 - abs(c)) * x + abs(c) * u[(i - (1 if c > 0 else -1)) % 20] for i, x in enumerate(u)]
        expect(got, [u])


advect_check(0.4)
advect_check(-0.7)


# stats

def var(v):
    return mean([(x - mean(v)) ** 2 for x in v])


def cov(x, y):
    return mean([(a - mean(x)) * (b - mean(y)) for a, b in zip(x, y)])


def pair(seed, n=123):
    d = Draw(seed)
    x = d.vec(n, -3.0, 5.0)
    return x, [0.7 * a + d.uniform(-2.0, 2.0) for a in x]


def stats_check(name, f, outs, two=True, n=123):
    @check("stats." + name)
    def _():
        x, y = pair(name, n)
        got = library("stats", f"use o = m.{name}(x{', y' if two else ''})", {"x": ("f64", x), "y": ("f64", y)}, ["o." + o for o in outs])
        expect(got, f(x, y))


def least_squares(x, y):
    n, sx, sy = len(x), math.fsum(x), math.fsum(y)
    sxx, sxy = math.fsum(a * a for a in x), math.fsum(a * b for a, b in zip(x, y))
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    intercept = (sy - slope * sx) / n
    return [slope, intercept, 1.0 - math.fsum((b - slope * a - intercept) ** 2 for a, b in zip(x, y)) / (n * var(y))]


def moment(x, k):
    return mean([(a - mean(x)) ** k for a in x])


stats_check("variance", lambda x, y: [mean(x), var(x), var(x) * len(x) / (len(x) - 1)], ["mid", "population", "sample"], False)
stats_check("covariance", lambda x, y: [cov(x, y)], ["c"])
stats_check("correlation", lambda x, y: [cov(x, y) / math.sqrt(var(x) * var(y))], ["r"], n=700)
stats_check("regression", least_squares, ["slope", "intercept", "r2"])
stats_check("moments", lambda x, y: [moment(x, 3) / moment(x, 2) ** 1.5, moment(x, 4) / moment(x, 2) ** 2 - 3.0], ["skewness", "kurtosis"], False)


@check("stats: variance of one element", "stats.variance")
def _():
    expect(library("stats", "use o = m.variance(x)", {"x": ("f64", [4.0])}, ["o.population", "o.sample"]), [0.0, math.nan])


@check("stats.covariance_matrix")
def _():
    x = Draw("matrix").mat(50, 4)
    c = columns(x)
    expect(library("stats", "use o = m.covariance_matrix(x)", {"x": ("f64", x)}, ["o.mid", "o.c"]),
           [[mean(v) for v in c], [[cov(a, b) * 50 / 49 for b in c] for a in c]])


@check("stats.histogram")
def _():
    x = Draw("histogram").vec(300, -1.0, 5.0) + [0.0, 4.0, -0.1, 4.1, math.nan, math.inf, -math.inf, 2.0]
    bins = [min(int(v / 4.0 * 8), 7) if 0.0 <= v <= 4.0 else None for v in x]
    expect(library("stats", "use o = m.histogram(x, 0.0, 4.0, 8)", {"x": ("f64", x)}, ["o.counts", "o.bin"]),
           [[bins.count(b) for b in range(8)], [b or 0 for b in bins]])


@check("stats.welford")
def _():
    series = walk("welford", 6, 20)
    n = len(series)
    got = over_time("stats", "use o = m.welford(x)", series, ["o.mid", "o.population", "o.sample", "o.seen"])
    expect(got, [[mean(c) for c in columns(series)], [var(c) for c in columns(series)], [var(c) * n / (n - 1) for c in columns(series)], n], 1e-11)


# linalg

def dominant(seed, n):
    """A symmetric positive definite matrix, diagonally dominant."""
    a = Draw(seed).mat(n, n)
    return [[(a[i][j] + a[j][i]) / 2.0 + (n if i == j else 0.0) for j in range(n)] for i in range(n)]


def solve(a, b):
    a, n = [row[:] + [x] for row, x in zip(a, b)], len(b)
    for c in range(n):
        p = max(range(c, n), key=lambda i: abs(a[i][c]))
        a[c], a[p] = a[p], a[c]
        for i in range(n):
            if i != c:
                f = a[i][c] / a[c][c]
                a[i] = [x - f * y for x, y in zip(a[i], a[c])]
    return [a[i][n] / a[i][i] for i in range(n)]


@check("linalg.norms")
def _():
    x = Draw("norms").vec(77)
    expect(library("linalg", "use o = m.norms(x)", {"x": ("f64", x)}, ["o.one", "o.two", "o.most"]),
           [math.fsum(map(abs, x)), math.sqrt(math.fsum(v * v for v in x)), max(map(abs, x))])


@check("linalg.matrix_norms")
def _():
    a = Draw("matrix norms").mat(9, 6)
    expect(library("linalg", "use o = m.matrix_norms(a)", {"a": ("f64", a)}, ["o.frobenius", "o.one", "o.most"]),
           [math.sqrt(math.fsum(v * v for v in flat(a))), max(sum(map(abs, c)) for c in columns(a)), max(sum(map(abs, r)) for r in a)])


@check("linalg.residual")
def _():
    d = Draw("residual")
    a, x, b = d.mat(7, 5), d.vec(5), d.vec(7)
    r = [p - q for p, q in zip(b, matvec(a, x))]
    expect(library("linalg", "use o = m.residual(a, x, b)", {"a": ("f64", a), "x": ("f64", x), "b": ("f64", b)}, ["o.r", "o.size"]),
           [r, math.sqrt(math.fsum(v * v for v in r))])


@check("linalg.power_step")
def _():
    a, v = dominant("power", 6), Draw("power v").vec(6)
    got = library("linalg", "use o = m.power_step(a, v)", {"a": ("f64", a), "v": ("f64", v)}, ["o.next", "o.value"])
    w = matvec(a, v)
    size = math.sqrt(math.fsum(x * x for x in w))
    expect(got, [[x / size for x in w], math.fsum(map(float.__mul__, v, w)) / math.fsum(x * x for x in v)])


@check("linalg: power_step iterated finds the largest eigenvalue", "linalg.power_step")
def _():
    a = [[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]]
    got = library("linalg", "use s = m.power_step(a, prev(v))\npage v: f64[3] = init 1.0 then s.next", {"a": ("f64", a)}, ["s.value", "v"], [{}] * 60)
    expect(got, [2.0 + math.sqrt(2.0), [0.5, math.sqrt(0.5), 0.5]])


@check("linalg.cg_step")
def _():
    d, a = Draw("cg step"), dominant("cg step", 6)
    x, r, p = d.vec(6), d.vec(6), d.vec(6)
    got = library("linalg", "use o = m.cg_step(a, x, r, p)", {"a": ("f64", a), "x": ("f64", x), "r": ("f64", r), "p": ("f64", p)}, ["o.nx", "o.nr", "o.np"])
    ap, rr = matvec(a, p), math.fsum(v * v for v in r)
    alpha = rr / math.fsum(map(float.__mul__, p, ap))
    nr = [u - alpha * v for u, v in zip(r, ap)]
    beta = math.fsum(v * v for v in nr) / rr
    expect(got, [[u + alpha * v for u, v in zip(x, p)], nr, [u + beta * v for u, v in zip(nr, p)]], 1e-11)


@check("linalg.cg")
def _():
    a, b = dominant("cg", 8), Draw("cg b").vec(8)
    got = library("linalg", "use o = m.cg(a, b)", {"a": ("f64", a), "b": ("f64", b)}, ["o.x", "o.size"], [{}] * 12)
    expect(got[:1], [solve(a, b)], 1e-11)
    if not got[1] < 1e-12:
        raise Wrong(f"residual {got[1]}")


@check("linalg.jacobi_step")
def _():
    d, a = Draw("jacobi step"), dominant("jacobi step", 7)
    b, x = d.vec(7), d.vec(7)
    expect(library("linalg", "use o = m.jacobi_step(a, b, x)", {"a": ("f64", a), "b": ("f64", b), "x": ("f64", x)}, ["o.next"]),
           [[(b[i] - matvec(a, x)[i]) / a[i][i] + x[i] for i in range(7)]], 1e-11)


@check("linalg.jacobi")
def _():
    a, b = dominant("jacobi", 6), Draw("jacobi b").vec(6)
    got = library("linalg", "use o = m.jacobi(a, b)", {"a": ("f64", a), "b": ("f64", [1.0] * 6)}, ["o.x"], [{}, {}, {"b": b}] + [{}] * 60)
    expect(got, [solve(a, b)], 1e-11)


# ml

def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x)) if x > -700.0 else math.exp(x)


fn_check("ml.relu", lambda x: x if x > 0.0 else 0.0)
fn_check("ml.leaky_relu", lambda x: x if x > 0.0 else 0.01 * x, extra=", 0.01")
fn_check("ml.sigmoid", sigmoid, more=(-740.0, 740.0, -40.0))
fn_check("ml.softplus", lambda x: math.log1p(math.exp(x)) if x < 30.0 else x, more=(-740.0, 740.0))
fn_check("ml.gelu", lambda x: x * big_n(x))


def softmax(row):
    e = [math.exp(x - max(row)) for x in row]
    return [x / math.fsum(e) for x in e]


@check("ml.dense")
def _():
    d = Draw("dense")
    x, w, b = d.mat(5, 7), d.mat(7, 4), d.vec(4)
    expect(library("ml", "use o = m.dense(x, w, b)", {"x": ("f64", x), "w": ("f64", w), "b": ("f64", b)}, ["o.y"]),
           [[[p + q for p, q in zip(matvec(columns(w), row), b)] for row in x]])


@check("ml.softmax")
def _():
    x = Draw("softmax").mat(6, 5, -5.0, 5.0) + [[1000.0, 999.0, 0.0, -1000.0, 998.0], [-math.inf, 0.0, 0.0, 1.0, 2.0]]
    expect(library("ml", "use o = m.softmax(x)", {"x": ("f64", x)}, ["o.y"]), [[softmax(row) for row in x]])


@check("ml.layer_norm")
def _():
    d = Draw("layer norm")
    x, gain, bias = d.mat(6, 9), d.vec(9), d.vec(9)
    expect(library("ml", "use o = m.layer_norm(x, g, b, 1e-5)", {"x": ("f64", x), "g": ("f64", gain), "b": ("f64", bias)}, ["o.y"]),
           [[[g * (v - mean(row)) / math.sqrt(var(row) + 1e-5) + b for g, v, b in zip(gain, row, bias)] for row in x]])


@check("ml.classify")
def _():
    x = Draw("classify").mat(9, 6) + [[1.0, 3.0, 3.0, 2.0, 0.0, 3.0]]
    expect(library("ml", "use o = m.classify(x)", {"x": ("f64", x)}, ["o.label", "o.best"]), [[row.index(max(row)) for row in x], [max(row) for row in x]])


@check("ml.cross_entropy")
def _():
    d = Draw("entropy")
    p = [softmax(row) for row in d.mat(8, 4)]
    label = [d.randrange(4) for _ in p]
    expect(library("ml", "use o = m.cross_entropy(p, l)", {"p": ("f64", p), "l": ("i64", label)}, ["o.loss"]),
           [-mean([math.log(row[l]) for row, l in zip(p, label)])])


@check("ml: cross_entropy faults on a label outside", "ml.cross_entropy")
def _():
    text = 'import "ml.mmsbg" as m\nsource p: f64[2, 3] = 0.5\nsource l: i64[2]\nuse o = m.cross_entropy(p, l)\npage v = o.loss\n'
    run(text, steps=[{"l[1]": 3}], status=1)


def kmeans(x, c):
    far = [[sum((a - b) ** 2 for a, b in zip(p, q)) for q in c] for p in x]
    label = [row.index(min(row)) for row in far]
    groups = [[p for p, l in zip(x, label) if l == j] for j in range(len(c))]
    return [[[mean(v) for v in columns(g)] if g else c[j] for j, g in enumerate(groups)], label, [len(g) for g in groups],
            math.fsum(min(row) for row in far)]


@check("ml.kmeans_step")
def _():
    d = Draw("kmeans")
    x, c = d.mat(60, 3), d.mat(4, 3) + [[50.0, 50.0, 50.0]]
    got = library("ml", "use o = m.kmeans_step(5, x, c)", {"x": ("f64", x), "c": ("f64", c)}, ["o.next", "o.label", "o.size", "o.inertia"])
    expect(got, kmeans(x, c))


@check("ml: kmeans_step iterated", "ml.kmeans_step")
def _():
    x = Draw("kmeans 2").mat(80, 2)
    got = library("ml", "use s = m.kmeans_step(3, x, prev(c))\npage c[j: 3, l: 2] = init x[j, l] then s.next[j, l]", {"x": ("f64", x)}, ["c", "s.label"], [{}] * 6)
    c = x[:3]
    for _ in range(6):
        c, label = kmeans(x, c)[:2]
    expect(got, [c, label])


def logistic(x, y, w, b, rate):
    z = [v + b for v in matvec(x, w)]
    p = [sigmoid(v) for v in z]
    miss = [a - t for a, t in zip(p, y)]
    return [[v - rate * mean([m * row[j] for m, row in zip(miss, x)]) for j, v in enumerate(w)], b - rate * mean(miss),
            -mean([math.log(a if t else 1.0 - a) for a, t in zip(p, y)]), p]


@check("ml.logistic_step")
def _():
    d = Draw("logistic")
    x, w = d.mat(40, 3), d.vec(3)
    y = [float(row[0] + d.uniform(-0.5, 0.5) > 0.0) for row in x]
    got = library("ml", "use o = m.logistic_step(x, y, w, 0.3, 0.5)", {"x": ("f64", x), "y": ("f64", y), "w": ("f64", w)},
                  ["o.next", "o.next_b", "o.loss", "o.p"])
    expect(got, logistic(x, y, w, 0.3, 0.5))


@check("ml: logistic_step iterated", "ml.logistic_step")
def _():
    d = Draw("logistic 2")
    x = d.mat(40, 3)
    y = [float(row[0] > 0.0) for row in x]
    body = "use s = m.logistic_step(x, y, prev(w), prev(b), 0.5)\npage w: f64[3] = init 0.0 then s.next\npage b: f64 = init 0.0 then s.next_b"
    got = library("ml", body, {"x": ("f64", x), "y": ("f64", y)}, ["w", "b"], [{}] * 10)
    w, b = [0.0] * 3, 0.0
    for _ in range(10):
        w, b = logistic(x, y, w, b, 0.5)[:2]
    expect(got, [w, b])


# network

def edges(seed, n, e, lo=0, hi=None):
    d = Draw(seed)
    return ([d.randrange(lo, hi or n) for _ in range(e)], [d.randrange(n) for _ in range(e)], d.vec(e, 0.1, 3.0))


def net(name, arguments, inputs, outs):
    return library("network", f"use o = m.{name}({arguments})", inputs, outs)


def pagerank(src, dst, rank, damping):
    n = len(rank)
    leaving = [src.count(v) for v in range(n)]
    lost = math.fsum(r for r, l in zip(rank, leaving) if not l)
    got = [0.0] * n
    for a, b in zip(src, dst):
        got[b] += rank[a] / leaving[a]
    return [(1.0 - damping) / n + damping * (g + lost / n) for g in got]


@check("network.degree")
def _():
    src, dst, _ = edges("degree", 20, 70)
    expect(net("degree", "20, s, d", {"s": ("u32", src), "d": ("u32", dst)}, ["o.leaving", "o.entering"]),
           [[src.count(v) for v in range(20)], [dst.count(v) for v in range(20)]])


@check("network: a vertex outside faults", "network.degree")
def _():
    text = 'import "network.mmsbg" as m\nsource s: u32[5]\nsource d: u32[5]\nuse o = m.degree(4, s, d)\npage v = o.leaving\n'
    run(text, steps=[{"s[2]": 4}], status=1)


@check("network.pagerank_step")
def _():
    src, dst, _ = edges("pagerank", 20, 70, 3)
    rank = Draw("rank").vec(20, 0.0, 0.1)
    want = pagerank(src, dst, rank, 0.85)
    expect(net("pagerank_step", "20, s, d, r, 0.85", {"s": ("u32", src), "d": ("u32", dst), "r": ("f64", rank)}, ["o.next", "o.change"]),
           [want, math.fsum(abs(a - b) for a, b in zip(want, rank))])


@check("network.shortest_step")
def _():
    src, dst, weight = edges("shortest", 20, 70)
    dist = [0.0] + [math.inf] * 10 + Draw("dist").vec(9, 0.0, 4.0)
    want = [min([dist[v]] + [dist[a] + w for a, b, w in zip(src, dst, weight) if b == v]) for v in range(20)]
    inputs = {"s": ("u32", src), "d": ("u32", dst), "w": ("f64", weight), "x": ("f64", dist)}
    expect(net("shortest_step", "20, s, d, w, x", inputs, ["o.next", "o.changed"]), [want, want != dist])


@check("network: shortest_step iterated equals Dijkstra", "network.shortest_step")
def _():
    n = 25
    src, dst, weight = edges("dijkstra", n, 60)
    body = f"use s = m.shortest_step({n}, a, b, w, prev(dist))\npage dist[v: {n}] = init if v == 0 then 0.0 else inf then s.next[v]"
    got = library("network", body, {"a": ("u32", src), "b": ("u32", dst), "w": ("f64", weight)}, ["dist", "s.changed"], [{}] * (n - 1))
    dist, done = [0.0] + [math.inf] * (n - 1), set()
    while len(done) < n:
        u = min((v for v in range(n) if v not in done), key=lambda v: dist[v])
        done.add(u)
        for a, b, w in zip(src, dst, weight):
            if a == u:
                dist[b] = min(dist[b], dist[u] + w)
    expect(got, [dist, False])


@check("network.min_plus")
def _():
    d = Draw("min plus")
    a, b = d.mat(6, 8), d.mat(8, 5)
    a[2][3] = math.inf
    expect(library("network", "use o = m.min_plus(a, b)", {"a": ("f64", a), "b": ("f64", b)}, ["o.c"]),
           [[[min(a[i][k] + b[k][j] for k in range(8)) for j in range(5)] for i in range(6)]])


@check("network.components_step")
def _():
    src, dst, _ = edges("components", 30, 20)
    label = list(range(30))
    want = [min([v] + [b for a, b in zip(src, dst) if a == v] + [a for a, b in zip(src, dst) if b == v]) for v in label]
    expect(net("components_step", "30, s, d, l", {"s": ("u32", src), "d": ("u32", dst), "l": ("i64", label)}, ["o.next", "o.changed"]), [want, True])


@check("network: components_step iterated", "network.components_step")
def _():
    n = 40
    src, dst, _ = edges("components 2", n, 30)
    body = f"use s = m.components_step({n}, a, b, prev(label))\npage label[v: {n}] = init v then s.next[v]"
    got = library("network", body, {"a": ("u32", src), "b": ("u32", dst)}, ["label"], [{}] * (n - 1))
    parent = list(range(n))

    def root(v):
        while parent[v] != v:
            v = parent[v]
        return v
    for a, b in zip(src, dst):
        a, b = root(a), root(b)
        parent[max(a, b)] = min(a, b)
    expect(got, [[root(v) for v in range(n)]])


# Whole graphs: five epochs after the first

def whole(name, outs, inputs=None, steps=({},) * 5, defines=(), events=None):
    """events: what must fire, all of it, as (epoch, name, values...)."""
    got = run(None, inputs, list(steps), outs, defines=defines, path=os.path.join(GRAPHS, name + ".mmsbg"))
    if events is not None:
        fired = [line.split() for line in got[""].splitlines() if re.match(r"epoch \d+ event ", line)]
        same([[int(f[1])] for f in fired], [[e[0]] for e in events], what="epochs of events")
        for f, (_, event, *values) in zip(fired, events):
            if f[3] != event or len(f) != 4 + len(values):
                raise Wrong(f"fired {' '.join(f)}, wanted {event} with {values}")
            for x, y in zip(f[4:], values):
                same(float(x), float(y), 1e-9, "event " + event)
    return [got[o] for o in outs]


@check("graph heat: what melts the plate is rejected", "graph heat")
def _():
    run(None, steps=[{"plate.u[3, 3]": 1e9}], status=1, path=os.path.join(GRAPHS, "heat.mmsbg"))


@check("graph heat")
def _():
    h, hottest = 24, [100.0]
    u = [[100.0 if abs(2 * i - h) < h // 4 and abs(2 * j - h) < h // 4 else 20.0 for j in range(h)] for i in range(h)]
    for _ in range(40):
        u = heat_step(u, 0.2)
        hottest.append(max(flat(u)))
    cooled = next(e for e, x in enumerate(hottest) if x < 60.0)
    got = whole("heat", ["u", "mid", "hottest"], steps=[{}] * 40, defines=("h=24", "w=24"), events=[(cooled, "cooled", hottest[cooled], mean(flat(u)))])
    expect(got, [u, mean(flat(u)), max(flat(u))])


@check("graph life")
def _():
    n = 64
    u = [[(i * i * 31 + j * j * 17 + i * j * 7) % 5 < 2 for j in range(n)] for i in range(n)]
    got = whole("life", ["grid", "alive"], defines=("h=64", "w=64"))
    for _ in range(5):
        u = life_step(u)
    expect(got, [u, sum(flat(u))])


@check("graph life: a crowd fires the event", "graph life")
def _():
    n = 128
    u = [[(i * i * 31 + j * j * 17 + i * j * 7) % 5 < 2 for j in range(n)] for i in range(n)]
    empty = [[False] * n for _ in range(n)]
    blocks = [[i < 126 and j < 126 and i % 3 < 2 and j % 3 < 2 for j in range(n)] for i in range(n)]
    alive = [sum(flat(u))]
    for _ in range(3):
        u = life_step(u)
        alive.append(sum(flat(u)))
    alive += [0, 42 * 42 * 4, 42 * 42 * 4]
    got = whole("life", ["grid"], steps=[{}, {}, {}, {"grid": empty}, {"grid": blocks}, {}], defines=("h=128", "w=128"),
                events=[(e, "crowded", alive[e]) for e in range(1, 7) if alive[e] >= 6000 > alive[e - 1]])
    expect(got, [blocks])


@check("graph risk")
def _():
    n, m = 2000, 16
    price = [100.0 + 0.25 * k for k in range(m)]
    inst, qty = [i * 2654435761 % m for i in range(n)], [float(i % 1000) for i in range(n)]
    pnl = [q * price[k] - q * (90.0 + i % 20) for i, (q, k) in enumerate(zip(qty, inst))]
    worst = [math.fsum(q * (1.0 - 90.0 - i % 20) for i, q in enumerate(qty) if i % 64 == b) for b in range(64)]
    got = whole("risk", ["total", "by_book"], steps=[{}, {"price": [1.0] * m}, {}, {"price": price}, {}], defines=(f"n={n}", f"m={m}"),
                events=[(2, "breach", min(worst), worst.index(min(worst)))])
    expect(got, [math.fsum(pnl), [math.fsum(pnl[b::64]) for b in range(64)]])


@check("graph pagerank")
def _():
    n, e = 100, 400
    src, dst = [(k * 7919 + 13) % n for k in range(e)], [(k * k + 3 * k) % n for k in range(e)]
    rank = [1.0 / n] * n
    got = whole("pagerank", ["rank", "moved", "total", "first"], steps=[{}, {"dst[7]": 42}] + [{}] * 3, defines=(f"n={n}", f"e={e}"))
    for k in range(5):
        if k == 1:
            dst[7] = 42
        old, rank = rank, pagerank(src, dst, rank, 0.85)
    expect(got[:1] + got[2:], [rank, 1.0, rank.index(max(rank))])
    same(got[1], math.fsum(abs(a - b) for a, b in zip(rank, old)), 1e-10, "moved")


@check("graph pagerank: the event fires once it has settled", "graph pagerank")
def _():
    n, e = 100, 400
    src, dst = [(k * 7919 + 13) % n for k in range(e)], [(k * k + 3 * k) % n for k in range(e)]
    rank, moved, first = [1.0 / n] * n, [1.0], [0]
    for _ in range(100):
        old, rank = rank, pagerank(src, dst, rank, 0.85)
        moved.append(math.fsum(abs(a - b) for a, b in zip(rank, old)))
        first.append(rank.index(max(rank)))
    at = next(k for k, x in enumerate(moved) if x < 1e-6)
    got = run(None, steps=[{}] * 100, outs=["rank"], defines=(f"n={n}", f"e={e}"), path=os.path.join(GRAPHS, "pagerank.mmsbg"))
    if not re.search(rf"epoch {at} event settled \S+ {first[at]}$", got[""], re.M):
        raise Wrong(f"wanted settled in epoch {at}: {got['']}")
    same(got["rank"], rank)


@check("graph telemetry")
def _():
    n = 64
    series = [[20.0 + i % 10 for i in range(n)]]
    for k in range(5):
        series.append(series[-1][:])
        series[-1][3 * k + 1] += 50.0
    got = whole("telemetry", ["level", "z", "at_site", "odd", "worst"], defines=(f"n={n}",), events=[(1, "anomaly", 1, math.sqrt(15.0), 1)],
                steps=[{f"reading[{3 * k + 1}]": series[k + 1][3 * k + 1]} for k in range(5)])
    z = [(c[-1] - window(c, 16)[0]) / window(c, 16)[1] if window(c, 16)[1] else 0.0 for c in columns(series)]
    expect(got, [[ema(c, 0.2)[-1] for c in columns(series)], z, [mean(series[-1][s::32]) for s in range(32)],
                 sum(abs(x) > 3.5 for x in z), max(map(abs, z))], 1e-11)


@check("graph telemetry: a reading that is not a number is rejected", "graph telemetry")
def _():
    run(None, steps=[{"reading[5]": math.nan}], status=1, path=os.path.join(GRAPHS, "telemetry.mmsbg"))


@check("graph kalman_fleet")
def _():
    n = 50
    truth, seen, errors = [[float(i) for i in range(n)]], [], []
    for e in range(11):
        if e:
            truth.append([x + 0.1 * normal(1, i, e) for i, x in enumerate(truth[-1])])
        seen.append([x + 2.0 * normal(2, i, e) for i, x in enumerate(truth[-1])])
        done = [kalman(c, 0.1 * 0.1, 4.0) for c in columns(seen)]
        errors.append([math.sqrt(mean([(a - b) ** 2 for a, b in zip(v, truth[-1])])) for v in ([x for x, _, _ in done], seen[-1])])
    halved = [a < 0.5 * b for a, b in errors]
    got = whole("kalman_fleet", ["truth", "estimate", "gain", "error_filtered", "error_seen"], steps=[{}] * 10, defines=(f"n={n}",),
                events=[(e, "halved", *errors[e]) for e in range(1, 11) if halved[e] and not halved[e - 1]])
    expect(got, [truth[-1], [x for x, _, _ in done], done[0][2], *errors[-1]], 1e-11)


def mlp(image, w1, b1, w2, b2):
    chance = []
    for picture in image:
        hidden = [max(a + b, 0.0) for a, b in zip(matvec(columns(w1), [v / 16.0 for v in flat(picture)]), b1)]
        chance.append(softmax([a + b for a, b in zip(matvec(columns(w2), hidden), b2)]))
    label = [row.index(max(row)) for row in chance]
    return [chance, label, mean([max(row) for row in chance]), [label.count(c) for c in range(10)]]


@check("graph mlp_digits, weights from files")
def _():
    d = Draw("mlp")
    image = [[[float(d.randrange(17)) for _ in range(8)] for _ in range(8)] for _ in range(12)]
    w1, b1, w2, b2 = d.mat(64, 32, -0.3, 0.3), d.vec(32), d.mat(32, 10), d.vec(10)
    got = whole("mlp_digits", ["chance", "label", "sure", "votes"], defines=("n=12",), steps=[{"image[4, 3, 2]": 16.0, "image[4, 3, 3]": 0.0}] + [{}] * 4,
                inputs={"image": ("f64", image), "w1": ("f64", w1), "b1": ("f64", b1), "w2": ("f64", w2), "b2": ("f64", b2)})
    image[4][3][2:4] = [16.0, 0.0]
    expect(got, mlp(image, w1, b1, w2, b2), 1e-11)


@check("graph mlp_digits, drawn weights")
def _():
    image = [[[float((i * 5 + r * 3 + c * 7 + r * c * i) % 17) for c in range(8)] for r in range(8)] for i in range(64)]
    w1 = [[0.125 * normal(11, k, j) for j in range(32)] for k in range(64)]
    w2 = [[0.25 * normal(12, k, j) for j in range(10)] for k in range(32)]
    expect(whole("mlp_digits", ["chance", "label", "sure", "votes"]), mlp(image, w1, [0.0] * 32, w2, [0.0] * 10), 1e-11)


@check("graph order_book")
def _():
    m, levels = 20, 5
    bid = [[float(100 + (k * 13 + l * 7) % 50) for l in range(10)] for k in range(m)]
    ask = [[float(100 + (k * 11 + l * 5) % 50) for l in range(10)] for k in range(m)]
    bp, ap = [99.99] * m, [100.01] * m
    lean = []
    for e in range(13):
        if e == 1:
            bid[3] = [9000.0] * 10
        if e == 2:
            bp[7] = 100.02
        if e == 3:
            bid[5], ask[5] = [0.0] * 10, [0.0] * 10
        b, a = [sum(r[:levels]) for r in bid], [sum(r[:levels]) for r in ask]
        lean.append([(x - y) / (x + y) if x + y else 0.0 for x, y in zip(b, a)])
    steps = [{f"bid_size[3, {l}]": 9000.0 for l in range(10)}, {"bid_price[7, 0]": 100.02},
             {f"{side}_size[5, {l}]": 0.0 for l in range(10) for side in ("bid", "ask")}] + [{}] * 9
    pressure = [max(abs(ema(c[:e + 1], 2 / 21)[-1]) for c in columns(lean)) for e in range(13)]
    events = [(2, "cross", 1, 7)] + [(e, "lean", 3, x) for e, x in enumerate(pressure) if x > 0.6 and pressure[e - 1] <= 0.6]
    got = whole("order_book", ["imbalance", "mid", "spread", "micro", "pressure", "crossed"], steps=steps, defines=(f"m={m}",), events=events)
    mid = [(x + y) / 2.0 for x, y in zip(bp, ap)]
    micro = [(y * b[0] + x * a[0]) / (b[0] + a[0]) if b[0] + a[0] else z for x, y, z, a, b in zip(bp, ap, mid, ask, bid)]
    expect(got, [lean[-1], mid, [y - x for x, y in zip(bp, ap)], micro, [ema(c, 2 / 21)[-1] for c in columns(lean)], 1], 1e-11)


# What there is, and what the checks above cover

@check("every example of graphs/README.md", "README")
def _():
    with open(os.path.join(GRAPHS, "README.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```\n(.*?)^```", f.read(), re.M | re.S)
    for text in blocks:
        run("graph example\n" + text, steps=[{}])
    if not blocks:
        raise Wrong("no example found")


@check("every node and fn has a check, every graph too", "coverage")
def _():
    covered = {c.split(",")[0] for _, names, _ in CHECKS for c in names}
    missing = []
    for path in sorted(glob.glob(os.path.join(GRAPHS, "*.mmsbg"))):
        stem = os.path.basename(path)[:-6]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if not text.startswith("// SPDX-License-Identifier: Apache-2.0\n"):
            missing.append(f"{stem}: the licence line")
        if any(len(line) > 100 for line in text.splitlines()):
            missing.append(f"{stem}: lines of at most 100 columns")
        items = re.findall(r"^(?:node|fn) (\w+)", text, re.M)
        names = [f"{stem}.{i}" for i in items] if not re.search(r"^graph ", text, re.M) else [f"graph {stem}"]
        missing += [n for n in names if n not in covered]
    if missing:
        raise Wrong("missing: " + ", ".join(missing))


passed = failed = 0
for name, _, function in CHECKS:
    if len(sys.argv) > 2 and not any(w in name for w in sys.argv[2:]):
        continue
    try:
        function()
        passed += 1
        print("pass", name)
    except (Wrong, OSError, KeyError, subprocess.TimeoutExpired) as e:
        failed += 1
        print("FAIL", name, "-", e)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
