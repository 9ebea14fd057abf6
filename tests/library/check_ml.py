# SPDX-License-Identifier: Apache-2.0
"""graphs/ml.mmsbg: layers, losses, clustering, regression."""
import math

from base import check, columns, Draw, expect, library, matvec, mean, run
from check_finance import big_n, fn_check
from check_stats import var


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
    got = library("ml", "use o = m.layer_norm(x, g, b, 1e-5)",
                  {"x": ("f64", x), "g": ("f64", gain), "b": ("f64", bias)}, ["o.y"])
    expect(got, [[[g * (v - mean(row)) / math.sqrt(var(row) + 1e-5) + b for g, v, b in zip(gain, row, bias)]
                  for row in x]])


@check("ml.classify")
def _():
    x = Draw("classify").mat(9, 6) + [[1.0, 3.0, 3.0, 2.0, 0.0, 3.0]]
    expect(library("ml", "use o = m.classify(x)", {"x": ("f64", x)}, ["o.label", "o.best"]), [
           [row.index(max(row)) for row in x], [max(row) for row in x]])


@check("ml.cross_entropy")
def _():
    d = Draw("entropy")
    p = [softmax(row) for row in d.mat(8, 4)]
    label = [d.randrange(4) for _ in p]
    expect(library("ml", "use o = m.cross_entropy(p, l)", {"p": ("f64", p), "l": ("i64", label)}, ["o.loss"]),
           [-mean([math.log(row[l]) for row, l in zip(p, label)])])


@check("ml: cross_entropy faults on a label outside", "ml.cross_entropy")
def _():
    text = ('import "ml.mmsbg" as m\nsource p: f64[2, 3] = 0.5\nsource l: i64[2]\n'
            'use o = m.cross_entropy(p, l)\npage v = o.loss\n')
    run(text, steps=[{"l[1]": 3}], status=1)


def kmeans(x, c):
    far = [[sum((a - b) ** 2 for a, b in zip(p, q)) for q in c] for p in x]
    label = [row.index(min(row)) for row in far]
    groups = [[p for p, l in zip(x, label) if l == j] for j in range(len(c))]
    return [[[mean(v) for v in columns(g)] if g else c[j] for j, g in enumerate(groups)],
                   label, [len(g) for g in groups], math.fsum(min(row) for row in far)]


@check("ml.kmeans_step")
def _():
    d = Draw("kmeans")
    x, c = d.mat(60, 3), d.mat(4, 3) + [[50.0, 50.0, 50.0]]
    got = library(
    "ml", "use o = m.kmeans_step(5, x, c)", {
        "x": (
            "f64", x), "c": (
                "f64", c)}, [
                    "o.next", "o.label", "o.size", "o.inertia"])
    expect(got, kmeans(x, c))


@check("ml: kmeans_step iterated", "ml.kmeans_step")
def _():
    x = Draw("kmeans 2").mat(80, 2)
    got = library(
    "ml", "use s = m.kmeans_step(3, x, prev(c))\npage c[j: 3, l: 2] = init x[j, l] then s.next[j, l]", {
        "x": (
            "f64", x)}, [
                "c", "s.label"], [
                    {}] * 6)
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
    got = library(
    "ml", "use o = m.logistic_step(x, y, w, 0.3, 0.5)", {
        "x": (
            "f64", x), "y": (
                "f64", y), "w": (
                    "f64", w)}, [
                        "o.next", "o.next_b", "o.loss", "o.p"])
    expect(got, logistic(x, y, w, 0.3, 0.5))


@check("ml: logistic_step iterated", "ml.logistic_step")
def _():
    d = Draw("logistic 2")
    x = d.mat(40, 3)
    y = [float(row[0] > 0.0) for row in x]
    body = ("use s = m.logistic_step(x, y, prev(w), prev(b), 0.5)\npage w: f64[3] = init 0.0 then s.next\n"
            "page b: f64 = init 0.0 then s.next_b")
    got = library("ml", body, {"x": ("f64", x), "y": ("f64", y)}, ["w", "b"], [{}] * 10)
    w, b = [0.0] * 3, 0.0
    for _ in range(10):
        w, b = logistic(x, y, w, b, 0.5)[:2]
    expect(got, [w, b])
