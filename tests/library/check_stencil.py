# SPDX-License-Identifier: Apache-2.0
"""graphs/stencil.mmsbg: fields on grids; at(u, i, j) reads outside as the edge says."""
import math

from base import check, Draw, expect, library


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
    return grid(u, lambda i, j: math.fsum(w * at(u, i + a - 1, j + b - 1)
                for a, row in enumerate(kernel) for b, w in enumerate(row) if w))


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
