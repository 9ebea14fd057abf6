# SPDX-License-Identifier: Apache-2.0
"""The whole graphs of graphs/, a few epochs each, against plain Python."""
import math
import os
import re

from base import check, columns, Draw, expect, flat, GRAPHS, matvec, mean, normal, run, same, Wrong
from check_finance import ema
from check_ml import softmax
from check_network import pagerank
from check_signals import kalman, window
from check_stencil import heat_step, life_step


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
    got = whole("heat", ["u", "mid", "hottest"], steps=[{}] * 40, defines=("h=24", "w=24"),
                events=[(cooled, "cooled", hottest[cooled], mean(flat(u)))])
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
    pnl = [q * price[k] - q * (85.0 + i % 20) for i, (q, k) in enumerate(zip(qty, inst))]
    worst = [math.fsum(q * (1.0 - 85.0 - i % 20) for i, q in enumerate(qty) if i % 64 == b) for b in range(64)]
    got = whole("risk", ["total", "by_book"], steps=[{}, {"price": [1.0] * m}, {}, {"price": price}, {}],
                defines=(f"n={n}", f"m={m}"), events=[(2, "breach", min(worst), worst.index(min(worst)))])
    expect(got, [math.fsum(pnl), [math.fsum(pnl[b::64]) for b in range(64)]])


@check("graph pagerank")
def _():
    n, e = 100, 400
    src, dst = [(k * 7919 + 13) % n for k in range(e)], [(k * k + 3 * k) % n for k in range(e)]
    rank = [1.0 / n] * n
    got = whole("pagerank", ["rank", "moved", "total", "first"], steps=[
                {}, {"dst[7]": 42}] + [{}] * 3, defines=(f"n={n}", f"e={e}"))
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
    got = run(
    None,
    steps=[
        {}] * 100,
        outs=["rank"],
        defines=(
            f"n={n}",
            f"e={e}"),
            path=os.path.join(
                GRAPHS,
                 "pagerank.mmsbg"))
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
    got = whole("telemetry", ["level", "z", "at_site", "odd", "worst"], defines=(f"n={n}",),
                events=[(1, "anomaly", 1, math.sqrt(15.0), 1)],
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
        errors.append([math.sqrt(mean([(a - b) ** 2 for a, b in zip(v, truth[-1])]))
                      for v in ([x for x, _, _ in done], seen[-1])])
    halved = [a < 0.5 * b for a, b in errors]
    got = whole("kalman_fleet", ["truth", "estimate", "gain", "error_filtered", "error_seen"], steps=[{}] * 10,
                defines=(f"n={n}",),
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
    got = whole("mlp_digits", ["chance", "label", "sure", "votes"], defines=("n=12",),
                steps=[{"image[4, 3, 2]": 16.0, "image[4, 3, 3]": 0.0}] + [{}] * 4,
                inputs={"image": ("f64", image), "w1": ("f64", w1), "b1": ("f64", b1),
                        "w2": ("f64", w2), "b2": ("f64", b2)})
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
    events = [(2, "cross", 1, 7)] + [(e, "lean", 3, x)
               for e, x in enumerate(pressure) if x > 0.6 and pressure[e - 1] <= 0.6]
    got = whole("order_book", ["imbalance", "mid", "spread", "micro", "pressure",
                "crossed"], steps=steps, defines=(f"m={m}",), events=events)
    mid = [(x + y) / 2.0 for x, y in zip(bp, ap)]
    micro = [(y * b[0] + x * a[0]) / (b[0] + a[0]) if b[0] + a[0]
              else z for x, y, z, a, b in zip(bp, ap, mid, ask, bid)]
    expect(got, [lean[-1], mid, [y - x for x, y in zip(bp, ap)], micro,
           [ema(c, 2 / 21)[-1] for c in columns(lean)], 1], 1e-11)
