# SPDX-License-Identifier: Apache-2.0
"""graphs/linalg.mmsbg: norms, solvers, eigenvalues."""
import math

from base import check, columns, Draw, expect, flat, library, matvec, Wrong


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
           [math.sqrt(math.fsum(v * v for v in flat(a))), max(sum(map(abs, c)) for c in columns(a)),
            max(sum(map(abs, r)) for r in a)])


@check("linalg.residual")
def _():
    d = Draw("residual")
    a, x, b = d.mat(7, 5), d.vec(5), d.vec(7)
    r = [p - q for p, q in zip(b, matvec(a, x))]
    expect(
    library(
        "linalg", "use o = m.residual(a, x, b)", {
            "a": (
                "f64", a), "x": (
                    "f64", x), "b": (
                        "f64", b)}, [
                            "o.r", "o.size"]), [
                                r, math.sqrt(
                                    math.fsum(
                                        v * v for v in r))])


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
    got = library(
    "linalg", "use s = m.power_step(a, prev(v))\npage v: f64[3] = init 1.0 then s.next", {
        "a": (
            "f64", a)}, [
                "s.value", "v"], [
                    {}] * 60)
    expect(got, [2.0 + math.sqrt(2.0), [0.5, math.sqrt(0.5), 0.5]])


@check("linalg.cg_step")
def _():
    d, a = Draw("cg step"), dominant("cg step", 6)
    x, r, p = d.vec(6), d.vec(6), d.vec(6)
    got = library(
    "linalg", "use o = m.cg_step(a, x, r, p)", {
        "a": (
            "f64", a), "x": (
                "f64", x), "r": (
                    "f64", r), "p": (
                        "f64", p)}, [
                            "o.nx", "o.nr", "o.np"])
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
    expect(library("linalg", "use o = m.jacobi_step(a, b, x)", {"a": ("f64", a), "b": ("f64", b), "x": (
        "f64", x)}, ["o.next"]), [[(b[i] - matvec(a, x)[i]) / a[i][i] + x[i] for i in range(7)]], 1e-11)


@check("linalg.jacobi")
def _():
    a, b = dominant("jacobi", 6), Draw("jacobi b").vec(6)
    got = library("linalg", "use o = m.jacobi(a, b)", {"a": ("f64", a), "b": (
        "f64", [1.0] * 6)}, ["o.x"], [{}, {}, {"b": b}] + [{}] * 60)
    expect(got, [solve(a, b)], 1e-11)
