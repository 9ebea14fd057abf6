# SPDX-License-Identifier: Apache-2.0
"""graphs/network.mmsbg: degrees, ranks, paths, components."""
import math

from base import check, Draw, expect, library, run


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
    text = ('import "network.mmsbg" as m\nsource s: u32[5]\nsource d: u32[5]\n'
            'use o = m.degree(4, s, d)\npage v = o.leaving\n')
    run(text, steps=[{"s[2]": 4}], status=1)


@check("network.pagerank_step")
def _():
    src, dst, _ = edges("pagerank", 20, 70, 3)
    rank = Draw("rank").vec(20, 0.0, 0.1)
    want = pagerank(src, dst, rank, 0.85)
    expect(net("pagerank_step", "20, s, d, r, 0.85", {"s": ("u32", src), "d": ("u32", dst), "r": ("f64", rank)}, [
           "o.next", "o.change"]), [want, math.fsum(abs(a - b) for a, b in zip(want, rank))])


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
    body = (f"use s = m.shortest_step({n}, a, b, w, prev(dist))\n"
            f"page dist[v: {n}] = init if v == 0 then 0.0 else inf then s.next[v]")
    got = library("network", body, {"a": ("u32", src), "b": ("u32", dst),
                  "w": ("f64", weight)}, ["dist", "s.changed"], [{}] * (n - 1))
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
    expect(net("components_step", "30, s, d, l", {"s": ("u32", src), "d": (
        "u32", dst), "l": ("i64", label)}, ["o.next", "o.changed"]), [want, True])


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
