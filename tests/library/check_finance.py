# SPDX-License-Identifier: Apache-2.0
"""graphs/finance.mmsbg: option values and Greeks, averages, risk."""
import math
import random

from base import check, columns, Draw, expect, lanes, library, matvec, mean, normal, run, Wrong


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


for bs_name, bs_function in [("bs_d1", d1), ("bs_d2", d2), ("bs_call", call), ("bs_put", put),
                             ("bs_call_delta", call_delta), ("bs_put_delta", put_delta), ("bs_gamma", gamma),
                             ("bs_vega", vega), ("bs_call_theta", call_theta),
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
    got = library("finance", "", {"s": ("f64", [42.0])}, [
                  "m.bs_call(s, 40.0, 0.5, 0.1, 0.0, 0.2)", "m.bs_put(s, 40.0, 0.5, 0.1, 0.0, 0.2)"])
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
    expect(over_time("finance", "use o = m.macd(x, 12.0, 26.0, 9.0)",
           series, ["o.line", "o.trigger", "o.bar"]), columns(want), 1e-11)


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
    want = [(1.0 - c[-1] / max(c), max(1.0 - x / max(c[:i + 1])
             for i, x in enumerate(c)), max(c)) for c in columns(series)]
    expect(over_time("finance", "use o = m.drawdown(x)", series, ["o.now", "o.worst", "o.peak"]), columns(want))


@check("finance.log_return")
def _():
    series = walk("return", 6, 3)
    expect(over_time("finance", "use o = m.log_return(x)", series, ["o.y"]), [
           [math.log(c[-1] / c[-2]) for c in columns(series)]])


def tail(values, level):
    s = sorted(values)
    h = (1.0 - level) * (len(s) - 1)
    low = math.floor(h)
    cut = s[low] + (s[min(low + 1, len(s) - 1)] - s[low]) * (h - low)
    return -cut, -mean([x for x in values if x <= cut])


@check("finance.var_historical")
def _():
    pnl = [random.Random(i).gauss(0.0, 1000.0) for i in range(501)]
    expect(
    library(
        "finance", "use o = m.var_historical(x, 0.975)", {
            "x": (
                "f64", pnl)}, [
                    "o.value", "o.shortfall"]), list(
                        tail(
                            pnl, 0.975)))


@check("finance: var_historical faults where the level is outside [0, 1]", "finance.var_historical")
def _():
    text = ('import "finance.mmsbg" as m\nsource x: f64[9]\nsource a: f64 = 0.5\n'
            'use o = m.var_historical(x, a)\npage v = o.value\n')
    if "quantile" not in run(text, steps=[{"a": 1.5}], status=1)[""]:
        raise Wrong("the error does not name the quantile")


@check("finance.var_monte_carlo")
def _():
    amount, vol, chol, paths = [5e5, -2e5, 3e5], [0.02, 0.03,
        0.015], [[1.0, 0.0, 0.0], [0.5, 0.8, 0.0], [0.3, -0.2, 0.9]], 400
    got = library("finance", "use o = m.var_monte_carlo(a, v, l, 0.95, 77, 400)", {"a": (
        "f64", [0.0] * 3), "v": ("f64", vol), "l": ("f64", chol)}, ["o.pnl", "o.value", "o.shortfall"], [{"a": amount}])
    pnl = []
    for p in range(paths):
        z = [normal(77, p, j) for j in range(3)]
        pnl.append(sum(x * s * y for x, s, y in zip(amount, vol, matvec(chol, z))))
    expect(got, [pnl, *tail(pnl, 0.95)], 1e-11)
