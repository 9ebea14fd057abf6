# SPDX-License-Identifier: Apache-2.0
"""graphs/stats.mmsbg: moments, fits, histograms."""
import math

from base import check, columns, Draw, expect, library, mean
from check_finance import over_time, walk


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
        got = library(
    "stats", f"use o = m.{name}(x{', y' if two else ''})", {
        "x": (
            "f64", x), "y": (
                "f64", y)}, [
                    "o." + o for o in outs])
        expect(got, f(x, y))


def least_squares(x, y):
    n, sx, sy = len(x), math.fsum(x), math.fsum(y)
    sxx, sxy = math.fsum(a * a for a in x), math.fsum(a * b for a, b in zip(x, y))
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    intercept = (sy - slope * sx) / n
    return [slope, intercept, 1.0 - math.fsum((b - slope * a - intercept) ** 2 for a, b in zip(x, y)) / (n * var(y))]


def moment(x, k):
    return mean([(a - mean(x)) ** k for a in x])


stats_check("variance", lambda x, y: [mean(x), var(x), var(x) * len(x) / \
            (len(x) - 1)], ["mid", "population", "sample"], False)
stats_check("covariance", lambda x, y: [cov(x, y)], ["c"])
stats_check("correlation", lambda x, y: [cov(x, y) / math.sqrt(var(x) * var(y))], ["r"], n=700)
stats_check("regression", least_squares, ["slope", "intercept", "r2"])
stats_check("moments", lambda x, y: [moment(x, 3) / moment(x, 2) ** 1.5,
            moment(x, 4) / moment(x, 2) ** 2 - 3.0], ["skewness", "kurtosis"], False)


@check("stats: variance of one element", "stats.variance")
def _():
    expect(
    library(
        "stats", "use o = m.variance(x)", {
            "x": (
                "f64", [4.0])}, [
                    "o.population", "o.sample"]), [
                        0.0, math.nan])


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
    expect(got, [[mean(c) for c in columns(series)], [var(c)
           for c in columns(series)], [var(c) * n / (n - 1) for c in columns(series)], n], 1e-11)
