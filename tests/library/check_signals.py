# SPDX-License-Identifier: Apache-2.0
"""graphs/signal.mmsbg: filters, windows, Kalman, Goertzel."""
import cmath
import math

from base import check, columns, Draw, expect, library, mean
from check_finance import over_time, walk


@check("signal.fir")
def _():
    series, h = walk("fir", 5, 12), Draw("taps").vec(5)
    got = library("signal", "use o = m.fir(x, h)", {"x": ("f64", series[0]), "h": ("f64", h)}, [
                  "o.y"], [{"x": v} for v in series[1:]])
    expect(got, [[math.fsum(a * c[-1 - k] for k, a in enumerate(h)) for c in columns(series)]])


def direct_form(c, b0, b1, b2, a1, a2):
    x1 = x2 = y1 = y2 = 0.0
    for x in c:
        x2, x1, y2, y1 = x1, x, y1, b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
    return y1


@check("signal.biquad")
def _():
    series, k = walk("biquad", 5, 25, -20.0, 20.0), (0.3, -0.2, 0.1, -0.9, 0.4)
    expect(over_time("signal", f"use o = m.biquad(x, {', '.join(map(str, k))})", series, [
           "o.y"]), [[direct_form(c, *k) for c in columns(series)]], 1e-11)


@check("signal.lowpass")
def _():
    series = walk("lowpass", 5, 25, -20.0, 20.0)
    w = 2.0 * math.pi * 0.1
    alpha = math.sin(w) / (2.0 * 0.7071)
    b, a0 = (1.0 - math.cos(w)) / 2.0, 1.0 + alpha
    k = [x / a0 for x in (b, 2.0 * b, b, -2.0 * math.cos(w), 1.0 - alpha)]
    expect(over_time("signal", "use o = m.lowpass(x, 0.1, 0.7071)", series,
           ["o.y"]), [[direct_form(c, *k) for c in columns(series)]], 1e-11)


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
        expect(over_time("signal", "use o = m.window(x, 8)", series, [
               "o.mid", "o.dev"]), columns([window(c, 8) for c in columns(series)]))


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
    expect(over_time("signal", "use o = m.kalman(x, 0.5, 4.0)", series, [
           "o.x", "o.p", "o.gain"]), columns([kalman(c, 0.5, 4.0) for c in columns(series)]))


@check("signal: kalman in epoch 0", "signal.kalman")
def _():
    expect(over_time("signal", "use o = m.kalman(x, 0.5, 4.0)", [[3.0, 5.0]], [
           "o.x", "o.p", "o.gain"]), [[3.0, 5.0], [4.0, 4.0], [1.0, 1.0]])


@check("signal.goertzel")
def _():
    d = Draw("goertzel")
    series = [d.vec(4) for _ in range(30)]
    want = [abs(sum(x * cmath.exp(-2j * math.pi * 3 * i / 10)
                for i, x in enumerate(c[10:20]))) ** 2 for c in columns(series)]
    expect(over_time("signal", "use o = m.goertzel(x, 10, 3)", series[:25], ["o.power"]), [want], 1e-11)
    want = [abs(sum(x * cmath.exp(-2j * math.pi * 3 * i / 10)
                for i, x in enumerate(c[:10]))) ** 2 for c in columns(series)]
    expect(over_time("signal", "use o = m.goertzel(x, 10, 3)", series[:10], ["o.power"]), [want], 1e-11)
    expect(over_time("signal", "use o = m.goertzel(x, 10, 3)", series[:9], ["o.power"]), [[0.0] * 4])
