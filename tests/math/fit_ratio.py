#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Coefficients of p and q in mm_normal_rest (kernels/elementary_error.h): the p / q nearest to
e^(a^2/2) F(-a) - 7/16 / (a + 27/32), F the normal distribution's function, a in [0, 38.6], its miss
counted against e^(a^2/2) F(-a). The exchange algorithm in 230 bits, Newton's steps for the levelled
error; a minute. Needs mpmath. usage: fit_ratio.py [DEGREE_OF_P DEGREE_OF_Q]"""
import sys

from mpmath import cos, erfc, exp, log, lu_solve, matrix, mp, mpf, pi, sqrt

mp.prec = 230
TOP, GRID = mpf("38.6"), 500


def whole(a):
    return exp(a * a / 2) * erfc(a / sqrt(mpf(2))) / 2


def rest(a):
    return whole(a) - mpf("0.4375") / (a + mpf("0.84375"))


def value(c, x):
    t = mpf(0)
    for k in reversed(c):
        t = t * x + k
    return t


def levelled(points, degree, q, e):
    """p and q whose weighted miss is e and -e in turn at the points, from an older q and e."""
    size = len(points)
    for _ in range(25):
        a, b = matrix(size, size), matrix(size, 1)
        for i, (x, f, w) in enumerate(points):
            sign = (-1) ** i
            b[i] = f + sign * e / w
            for j in range(degree + 1):
                a[i, j] = x**j
            for j in range(1, size - degree - 1):
                a[i, degree + j] = -b[i] * x**j
            a[i, size - 1] = -sign / w * value(q, x)
        c = list(lu_solve(a, b))
        q, e = [mpf(1)] + c[degree + 1:size - 1], e + c[-1]
        if abs(c[-1]) < abs(e) * mpf(2)**-30:
            break
    return c[:degree + 1], q, e


def peaks(miss, wanted):
    """The largest of each run of one sign; runs too many fall off the weaker end."""
    found = []
    for k, m in enumerate(miss):
        if found and (m > 0) == (miss[found[-1]] > 0):
            if abs(m) > abs(miss[found[-1]]):
                found[-1] = k
        else:
            found.append(k)
    while len(found) > wanted:
        found.pop(0 if abs(miss[found[0]]) < abs(miss[found[-1]]) else -1)
    return found


def main():
    n, m = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (11, 12)
    size, most = n + m + 2, TOP / (TOP + 3)
    share = [most * (1 - cos(pi * k / GRID)) / 2 for k in range(GRID + 1)]
    points = [(x, rest(x), 1 / whole(x)) for x in (3 * s / (1 - s) for s in share)]
    chosen = [round(GRID * k / (size - 1)) for k in range(size)]
    q, e = [mpf(1)] + [mpf(0)] * m, mpf(0)
    for turn in range(12):
        p, q, e = levelled([points[k] for k in chosen], n, q, e)
        miss = [(value(p, x) / value(q, x) - f) * w for x, f, w in points]
        found, worst = peaks(miss, size), max(abs(v) for v in miss)
        if len(found) < size or worst < abs(e) * mpf("1.02"):
            break
        # Half of the way at first: all of it leads to quotients with poles.
        chosen = [(a + b) // 2 if turn < 8 and abs(a - b) > 1 else b for a, b in zip(chosen, found)]
    for name, c in (("p", p), ("q", q)):
        for k, v in enumerate(c):
            print(name, k, float(v).hex())
    print("largest miss 2^%.2f" % log(worst, 2))


main()
